/* SPDX-License-Identifier: Apache-2.0 */
/* How many distinct values were seen after an edge: the values last seen, with their times, and behind them a sliding HyperLogLog. */
#ifndef RINGFENCE_SCORING_DISTINCT_H
#define RINGFENCE_SCORING_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times are 32-bit milliseconds after a base that the owner keeps; 0 = before everything. */

#define DISTINCT_EXACT 64 /* up to so many distinct values after the edge are counted exactly */
#define SKETCH_REGISTERS 256
#define SKETCH_DEPTH 20 /* at most */
#define SKETCH_DEPTH_FIRST 6
#define SKETCH_DEPTH_STEP 4
#define SKETCH_RANK_MAX 56 /* 256 terms of 2^(56 - rank) fit 64 bits */

struct seen {
	uint64_t value;
	uint32_t ms;  /* last seen */
	uint8_t page; /* where it is stored, record.c's */
};

/* Values by the time they were last seen, oldest first. At most `max` are kept: the newest. */
struct recent {
	uint16_t cnt, cap, max;
	struct seen *seen; /* they begin somewhere in `room`, which has slack behind them */
	struct seen *room; /* owned: cap of them, then a byte of each value, so that a value is found without a look at the others */
	uint64_t dirty[2]; /* pages (record's) with a change since they were stored */
};

/* Per register the pairs (time, rank) that no newer pair outranks: index 0 is the newest, ranks rise as times fall. */
struct sketch { /* a block of the pool */
	uint64_t dirty[2];
	uint32_t depth; /* steps that each register has room for: grows with the longest staircase, most stay short */
	uint32_t register_bytes;
	_Alignas(32) uint8_t bytes
		[]; /* per register: cnt, page, rank[depth], to a multiple of 4, ms[depth]; of six steps it is half a line of the cache */
};

struct sketch_register {
	uint8_t *cnt, *page, *rank; /* borrow from the sketch */
	uint32_t *ms;
};

static inline struct sketch_register sketch_at(const struct sketch *s, uint32_t r)
{
	uint8_t *at = (uint8_t *)(uintptr_t)s->bytes + (size_t)r * s->register_bytes;
	return (struct sketch_register){at, at + 1, at + 2, (uint32_t *)(void *)(at + s->register_bytes) - s->depth};
}

struct distinct {
	struct recent recent;
	struct sketch *sketch; /* owned, may move; made when `recent` first has to forget a value */
};

static inline uint8_t *recent_tags(const struct recent *r) /* of r->seen */
{
	return (uint8_t *)(r->room + r->cap) + (r->seen - r->room);
}

/* All are idempotent in (value, ms) and do not depend on the order of calls. */
void recent_init(struct recent *r, uint16_t max);
void recent_release(struct recent *r);
bool recent_add(struct recent *r, uint64_t value, uint32_t ms, uint8_t page, struct seen *forgotten); /* true: `forgotten` fell out */
/* The same of a value that is not there: no need to look. */
bool recent_add_new(struct recent *r, uint64_t value, uint32_t ms, uint8_t page, struct seen *forgotten);
uint32_t recent_count(const struct recent *r, uint32_t edge); /* seen after the edge */
void recent_expire(struct recent *r, uint32_t edge);          /* forgets what was last seen at or before it */

struct sketch *sketch_new(void);
void sketch_free(struct sketch *s);
void sketch_room(struct sketch **s, uint32_t depth);             /* at least so deep; up to SKETCH_DEPTH */
bool sketch_add(struct sketch **s, uint64_t value, uint32_t ms); /* true: a register had too many steps, and one of them is missing now */
uint32_t sketch_place(uint64_t value, uint8_t *rank);            /* its register */
/* `also`: ranks of values beside it, by register; or NULL. */
double sketch_estimate(uint64_t sum, uint32_t zero); /* of 2^(SKETCH_RANK_MAX - rank); registers without a rank */
double sketch_count(const struct sketch *s, const uint8_t *also, uint32_t edge);

void distinct_init(struct distinct *d); /* nothing is allocated before the first value */
void distinct_release(struct distinct *d);
/* True: a register of the sketch had too many steps, and one of them is missing now. */
bool distinct_add(struct distinct *d, uint64_t value, uint32_t ms);
uint64_t distinct_count(const struct distinct *d, uint32_t edge);
/* With n values (at most 64) that were not added. */
uint64_t distinct_count_with(const struct distinct *d, const struct seen *extra, uint32_t n, uint32_t edge);
void distinct_shift(struct distinct *d, uint32_t by); /* the base moved up */
void recent_shift(struct recent *r, uint32_t by);
int64_t distinct_bytes(const struct distinct *d);

#endif
