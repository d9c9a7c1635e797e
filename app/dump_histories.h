/* SPDX-License-Identifier: Apache-2.0 */
/* Histories of numbers as JSON lines, sorted by number: `state dump --histories`, `replay --histories`. Two equal histories give equal bytes, live or
 * replayed. */
#ifndef RINGFENCE_APP_DUMP_HISTORIES_H
#define RINGFENCE_APP_DUMP_HISTORIES_H

#include "rules/history.h"
#include "scoring/store.h"

#include <stdio.h>

struct dump_histories;

struct dump_histories *dump_histories_new(void);
void dump_histories_free(struct dump_histories *d);
/* All of one shard, copied. */
enum err dump_histories_add(struct dump_histories *d, const struct store_ops *ops, struct store_shard *h, struct err_text *why) MUST_CHECK;
/* A line each: {"history":"+1...","entries":[...],"dropped":0,"finished":[...]}. ERR_CORRUPT: some are damaged; what can be read of them is printed. */
enum err dump_histories_print(struct dump_histories *d, FILE *to, struct err_text *why) MUST_CHECK;

#endif
