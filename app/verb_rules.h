/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the verb `rules`. Each gets its own argv (argv[0] = the word) and returns the exit status. */
#ifndef RINGFENCE_APP_VERB_RULES_H
#define RINGFENCE_APP_VERB_RULES_H

#include "app/app.h"

int rules_word_check(int argc, char **argv);
int rules_word_test(int argc, char **argv);
int rules_word_explain(int argc, char **argv);
int rules_word_packs(int argc, char **argv);

#endif
