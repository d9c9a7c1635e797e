/* SPDX-License-Identifier: Apache-2.0 */
/* First-seen days, which outlive the records by a year: buckets of a shard, kept in SPACE_SEEN under the bucket's number as text.
 *
 * Found when a record begins, put when a record is deleted, with the day on which it had ended: a year later the entry is worth nothing. A bucket is a
 * plain value. */
#ifndef RINGFENCE_SCORING_SEEN_H
#define RINGFENCE_SCORING_SEEN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define SEEN_MAX 64        /* entries of a bucket: beyond, the one that ended first is forgotten */
#define SEEN_BUCKETS 65536 /* of a shard: room for 4 million numbers */
#define SEEN_KEPT_DAYS 365 /* from the end of the record on */
#define SEEN_STORED_BYTES(cnt) (5 + 10 * (cnt))

struct seen_entry {
	uint64_t hash;               /* low 48 bits of the subject's key hash; the bucket's number comes from the others */
	uint16_t first_day, end_day; /* UTC days since 1970 */
};

struct seen_bucket {
	uint32_t cnt;
	struct seen_entry entry[SEEN_MAX]; /* by hash */
};

uint32_t seen_bucket_of(uint64_t key_hash); /* 0 .. SEEN_BUCKETS - 1 */
/* The day first seen, or -1: not known, or the record ended more than SEEN_KEPT_DAYS before `today`. */
int32_t seen_find(const struct seen_bucket *b, uint64_t key_hash, int32_t today);
/* The smaller first day and the larger end day stay. Drops what ended more than SEEN_KEPT_DAYS before `end_day`. Returns how many entries had to go
 * before their time. */
uint32_t seen_put(struct seen_bucket *b, uint64_t key_hash, int32_t first_day, int32_t end_day);

bool seen_remove(struct seen_bucket *b, uint64_t key_hash); /* false: it was not there */

void seen_encode(const struct seen_bucket *b, struct buf *out);
/* An absent value (p == NULL) is an empty bucket. ERR_CORRUPT: damaged or of a newer version; `out` is empty then. */
enum err seen_decode(struct slice bytes, struct seen_bucket *out, struct err_text *why) MUST_CHECK;

#endif
