/* SPDX-License-Identifier: Apache-2.0 */
/* Running sums of the windows that rules read after every call, for subjects with more than 128 calls: in memory only, made at the first reading, kept with
 * each call, and equal to what a reading without them gives. */
#ifndef RINGFENCE_SCORING_LANES_H
#define RINGFENCE_SCORING_LANES_H

#include "scoring/distinct.h"
#include "scoring/facts.h"

struct calls;
struct call;
struct piece;
struct pieces;

#define LANE_COUNTERS 24
#define LANE_GROUPS 16 /* of registers */
#define LANES_MAX 16

/* The sketch as seen through one window: each register's rank there. A group is looked through again once its first rank may have lapsed. */
struct lane_sketch {
	bool made;
	uint32_t zero;
	uint64_t sum;
	uint32_t next_lapse, lapse[LANE_GROUPS]; /* not after the time from which a rank of the group no longer holds */
	uint8_t rank[SKETCH_REGISTERS];
};

struct lane {
	uint64_t n[LANE_COUNTERS];
	uint64_t talk_ms;
	struct lane_sketch sketch[2]; /* of called numbers, of callers */
};

struct lane_place {     /* where a lane begins: apart, as it is looked at with every call */
	int64_t ms;     /* length of the window */
	uint32_t edge;  /* after the owner's base: what is later is inside */
	uint32_t next;  /* not after the time of the oldest inside: nothing leaves before the edge is there */
	uint16_t piece; /* oldest piece inside; NO_PIECE: none */
	uint16_t from;  /* first exact call inside */
};

struct lanes {
	uint32_t cnt;
	struct lane_place at[LANES_MAX]; /* by length */
	struct lane lane[];
};

/* For windows of these lengths that end at as_of_ms, the clock. Returns owned. */
struct lanes *lanes_new(struct calls *h, const int64_t *ms, uint32_t cnt, int64_t as_of_ms);
void lanes_free(struct lanes *l);

/* The windows end at the new clock now. */
void lanes_advance(struct calls *h, int64_t clock_ms);
/* A call was put at this place among the exact ones; a mark of an older one went. */
void lanes_insert(struct lanes *l, uint32_t place, const struct call *c);
void lanes_unmark(struct lanes *l, uint32_t place, uint32_t mark_bit);
/* The oldest exact call leaves, and becomes this piece; or is dropped (NO_PIECE), being outside of all windows. */
void lanes_leave(struct lanes *l, const struct call *c, uint16_t piece);
/* Two neighbouring pieces are about to become one, at the place of the newer. */
void lanes_merge(struct lanes *l, const struct pieces *p, uint16_t older, uint16_t newer);
/* A late call became a piece of its own, or goes into one that begins at `first`. */
void lanes_late_piece(struct lanes *l, const struct pieces *p, uint16_t at);
void lanes_late_call(struct lanes *l, const struct piece *call, uint32_t first);

/* A value went into the sketch. */
void lanes_sketch_add(struct lanes *l, uint32_t which, uint64_t value, uint32_t ms);
/* As sketch_count. */
double lane_sketch_count(struct lane *lane, uint32_t edge, uint32_t which, const struct sketch *s);

#endif
