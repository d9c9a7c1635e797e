/* SPDX-License-Identifier: Apache-2.0 */
/* A commit as bytes for Redis, written into one buffer that stays: nothing is allocated per record once warm. Used by store_redis.c alone. */
#ifndef RINGFENCE_SCORING_REDIS_COMMIT_H
#define RINGFENCE_SCORING_REDIS_COMMIT_H

#include "scoring/redis.h"
#include "scoring/store.h"

#define REDIS_CHUNK 1000 /* keys or pairs in one command */

/* Small records are the fields of so many hashes a shard: a field costs Redis about half the time and 50 bytes less than a key of its own. One hash would do, but
 * deleting or moving it would block a server: a shard of 10 M numbers has hashes of some 100 MB. */
#define REDIS_BUCKETS 64
#define REDIS_LAYOUT "2"

struct redis_writer {
	struct slice prefix; /* rf:{<topic>:<partition>}: */
	struct buf out;      /* owned: what is being written */
	/* One name for each command between MULTI and EXEC, for messages; owned. */
	const char **sent;
	size_t sent_cnt, sent_cap;
	/* scratch: the commit's day moves by day; owned */
	struct day_move *moves;
	size_t move_cap;
	/* scratch: items by bucket, owned. order[first[b] .. first[b + 1]) are those of bucket b */
	uint8_t *bucket;
	uint32_t *order, first[REDIS_BUCKETS + 1];
	size_t bucket_cap, order_cap, sorted;
	/* Written by a version that kept each record under a key of its own, and days in sets: these are still there, and go as they are written anew. */
	bool mixed;
	bool fresh; /* the shard has no meta: this commit says which layout it has */
};

#define GROW(array, cap, need)                                                   \
	do {                                                                     \
		if ((cap) < (need)) {                                            \
			(cap) = (need) + (need) / 2;                             \
			(array) = mem_realloc((array), (cap) * sizeof *(array)); \
		}                                                                \
	} while (0)

extern const char redis_space_prefix[][3]; /* "n:", by enum store_space */

size_t redis_chunk(size_t left);                                              /* how many of `left` go into the next command */
void redis_word_key(struct redis_writer *w, struct slice name);               /* prefix and name */
void redis_word_value_key(struct redis_writer *w, const struct store_key *k); /* prefix, space, subject */
void redis_word_day_key(struct redis_writer *w, int32_t day);
void redis_word_old_day_key(struct redis_writer *w, int32_t day);
void redis_word_bucket_key(struct redis_writer *w, uint32_t bucket);
void redis_word_unsigned(struct redis_writer *w, uint64_t v);

/* Items 0 to n - 1, each added or skipped, by bucket: `order`, `first`. */
void redis_sort_begin(struct redis_writer *w, size_t n);
void redis_sort_add(struct redis_writer *w, size_t i, struct slice key);
void redis_sort_skip(struct redis_writer *w, size_t i);
void redis_sort_end(struct redis_writer *w, size_t n);

/* MULTI to EXEC, in place of what `out` and `sent` held. */
void redis_write_commit(struct redis_writer *w, const struct store_commit *c);

#endif
