/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects and shards as canonical JSON lines: `state dump`, `replay --dump`, `number show` (DESIGN section 11). Two equal states give equal bytes. */
#ifndef RINGFENCE_APP_DUMP_H
#define RINGFENCE_APP_DUMP_H

#include "app/meta.h"
#include "app/settings.h"
#include "scoring/scoring.h"

#include <stdio.h>

struct dump;

/* Collects subjects, prints them sorted by key. `rules` is borrowed. About the stored size of a record is held per subject. */
struct dump *dump_new(const struct settings *set, const struct rules *rules);
void dump_free(struct dump *d);

void dump_shard(const struct settings *set, const struct meta *m, FILE *to); /* one line, at once */
void dump_add(struct dump *d, const struct subject *s,
	      int64_t clock_ms); /* copied in its stored form; left out if it is empty or has ended by its shard's clock */
/* A record as stored. ERR_CORRUPT: it cannot be read; nothing is added. */
enum err dump_add_record(struct dump *d, struct slice key, struct slice record, int64_t clock_ms, struct err_text *why) MUST_CHECK;
enum err dump_print(struct dump *d, FILE *to, struct err_text *why) MUST_CHECK;

/* The line of one subject as a JSON object without its closing brace, so that more members may follow. ERR_CORRUPT: the rules' part of its record
 * cannot be read. */
enum err dump_subject_open(struct dump *d, const struct subject *s, struct buf *out, struct err_text *why) MUST_CHECK;

#endif
