/* SPDX-License-Identifier: Apache-2.0 */
/* A commit as bytes for Redis, written into one buffer that stays: nothing is allocated per record once warm. Used by store_redis.c alone. */
#ifndef RINGFENCE_SCORING_REDIS_COMMIT_H
#define RINGFENCE_SCORING_REDIS_COMMIT_H

#include "scoring/redis.h"
#include "scoring/store.h"

#define REDIS_CHUNK 1000 /* keys or pairs in one command */

struct redis_writer {
	struct slice prefix; /* rf:{<topic>:<partition>}: */
	struct buf out;      /* owned: what is being written */
	/* One name for each command between MULTI and EXEC, for messages; owned. */
	const char **sent;
	size_t sent_cnt, sent_cap;
	/* scratch: the commit's day moves by day; owned */
	struct day_move *moves;
	size_t move_cap;
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
void redis_word_unsigned(struct redis_writer *w, uint64_t v);

/* MULTI to EXEC, in place of what `out` and `sent` held. */
void redis_write_commit(struct redis_writer *w, const struct store_commit *c);

#endif
