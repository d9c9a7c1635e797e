/* SPDX-License-Identifier: Apache-2.0 */
/* `state stats` and `state check`: sizes and consistency of what is stored. */
#ifndef RINGFENCE_APP_STATE_LOOK_H
#define RINGFENCE_APP_STATE_LOOK_H

#include "app/peek.h"

/* Prints one JSON object: shards, subjects by kind, bytes, record sizes (percentiles), the numbers with the most calls. */
enum err state_stats(const struct peek *p, struct err_text *why) MUST_CHECK;
/* Every record decodes, timers and records agree, positions are sane. Each fault is a line on standard error; a summary on standard output.
 * ERR_NO: there were faults. */
enum err state_check(const struct peek *p, struct err_text *why) MUST_CHECK;

#endif
