/* SPDX-License-Identifier: Apache-2.0 */
/* First-seen days, which outlive the records by a year: buckets of a shard, kept in SPACE_SEEN under the bucket's number as text.
 *
 * Find when a record begins (its first_day), put then and again when the record ends, so that the year counts from there. A bucket is a plain value. */
#ifndef RINGFENCE_SCORING_SEEN_H
#define RINGFENCE_SCORING_SEEN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define SEEN_MAX 64           /* entries of a bucket: beyond, the one put longest ago is forgotten */
#define SEEN_BUCKETS 65536    /* of a shard: room for 4 million numbers */
#define SEEN_KEPT_DAYS 403    /* 38 of an idle record and a year */
#define SEEN_BUCKET_BYTES 648 /* at most, stored */

struct seen_entry {
	uint64_t hash;               /* low 48 bits of the subject's key hash; the bucket's number comes from the others */
	uint16_t first_day, put_day; /* UTC days since 1970 */
};

struct seen_bucket {
	uint32_t cnt;
	struct seen_entry entry[SEEN_MAX]; /* by hash */
};

uint32_t seen_bucket_of(uint64_t key_hash); /* 0 .. SEEN_BUCKETS - 1 */
/* The day first seen, or -1. */
int32_t seen_find(const struct seen_bucket *b, uint64_t key_hash);
/* The smaller day stays. Drops what was put more than SEEN_KEPT_DAYS ago. Returns how many entries had to go before their time. */
uint32_t seen_put(struct seen_bucket *b, uint64_t key_hash, int32_t first_day, int32_t today);

void seen_encode(const struct seen_bucket *b, struct buf *out);
/* An absent value (p == NULL) is an empty bucket. ERR_CORRUPT: damaged or of a newer version; `out` is empty then. */
enum err seen_decode(struct slice bytes, struct seen_bucket *out, struct err_text *why) MUST_CHECK;

#endif
