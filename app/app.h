/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the command line (DESIGN section 11). Each gets its own argv (argv[0] = the verb), prints its help with --help, and returns the exit
 * status: 0 done, 1 the answer is no, 2 wrong use or bad configuration, 3 the outside failed. Output for programs goes to standard output,
 * all else to standard error. */
#ifndef RINGFENCE_APP_APP_H
#define RINGFENCE_APP_APP_H

#include "base/err.h"

int verb_run(int argc, char **argv);
int verb_replay(int argc, char **argv);
int verb_features(int argc, char **argv);
int verb_rules(int argc, char **argv);
int verb_number(int argc, char **argv);
int verb_state(int argc, char **argv);
int verb_generate(int argc, char **argv);
int verb_config(int argc, char **argv);
int verb_calibrate(int argc, char **argv);
int verb_disputes(int argc, char **argv);
int verb_demo(int argc, char **argv);

/* "ringfence: <detail>" on standard error; returns the exit status of `e`. */
int verb_fail(enum err e, const struct err_text *why);
/* Wrong use: says what, points to --help; returns 2. */
int verb_usage(const char *verb, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
