/* SPDX-License-Identifier: Apache-2.0 */
/* The days on which numbers were first seen, after their records ended (scoring/seen.h), as one cycle of a shard touches them.
 *
 * Read behind the records, in a second read, and only if some record of this shard ever ended: for the subjects that have no record, and for the
 * records that the sweep may delete. Written with the commit that deletes the record. */
#ifndef RINGFENCE_APP_FIRST_SEEN_H
#define RINGFENCE_APP_FIRST_SEEN_H

#include "scoring/seen.h"
#include "scoring/store.h"

struct seen_page;

struct first_seen {
	struct seen_page *pages; /* the buckets of this cycle */
	uint32_t cnt, cap;
	uint32_t *at; /* by bucket: its page + 1; NULL: none was ever wanted */
	struct store_key *keys;
	struct buf bytes; /* of the buckets that changed */
};

void first_seen_release(struct first_seen *f);
void first_seen_reset(struct first_seen *f); /* a new cycle */
/* The bucket of this subject is needed in this cycle. */
void first_seen_want(struct first_seen *f, uint64_t key_hash);
/* Reads what is wanted, if anything is. `name`: of the shard, for the log. */
enum err first_seen_read(struct first_seen *f, const struct store_ops *ops, struct store_shard *h, const char *topic, int32_t partition,
			 struct err_text *why) MUST_CHECK;
/* The first day of a subject whose record begins on `day`; -1: not known, or its last record ended more than a year ago. */
int32_t first_seen_day(const struct first_seen *f, uint64_t key_hash, int32_t day);
/* A record is deleted; it had ended on `end_day`. */
void first_seen_keep(struct first_seen *f, uint64_t key_hash, int32_t first_day, int32_t end_day);
/* A number is erased: its day goes too. Nothing if its bucket was not wanted, or does not have it. */
void first_seen_forget(struct first_seen *f, uint64_t key_hash);
/* How many buckets changed; and their puts, valid until the next reset. */
uint32_t first_seen_changed(const struct first_seen *f);
void first_seen_puts(struct first_seen *f, struct store_put *out);

#endif
