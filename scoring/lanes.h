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

struct lane_place {     /* where a lane begins */
	int64_t ms;     /* length of the window */
	uint32_t edge;  /* after the owner's base: what is later is inside */
	uint32_t next;  /* not after the time of the oldest inside: nothing leaves before the edge is there */
	uint16_t piece; /* oldest piece inside; NO_PIECE: none */
	uint16_t from;  /* first exact call inside */
};

/* Counted up only, and round at 2^32: what a window holds, fewer than that, is the difference between two of them. */
struct lane_sums {
	uint64_t talk_ms;
	uint32_t n[LANE_COUNTERS];
};

/* The sketch as seen through one window: the sum over the registers' ranks there. Which they are the sketch itself knows. */
struct lane_sketch {
	uint64_t sum;
	double estimate;
	uint32_t edge;  /* the sum is that of this edge */
	uint32_t lapse; /* not after the time from which one of the ranks no longer holds */
	uint16_t zero;
	bool made, estimated;
};

struct lane_sketches {
	struct lane_sketch lane[LANES_MAX];
	uint32_t lapse[LANE_GROUPS][LANES_MAX]; /* the same of a group of registers: only those whose time has come are looked through */
};

struct lane { /* two lines of the cache */
	struct lane_place at;
	struct lane_sums out; /* of those calls of `all` that the window does not hold */
};

struct lanes {
	uint32_t cnt;
	uint32_t calls;                   /* that passed since they were made: they end before a difference could be too large */
	uint64_t (*large)[LANE_COUNTERS]; /* owned; per lane what the window held when they were made, if that is many calls; else NULL */
	struct lane_sketches *sketch[2];  /* of called numbers, of callers; owned; NULL before the first reading */
	struct lane_sums all;             /* of the calls that were there when they were made, and of all since */
	struct lane lane[];               /* by length of window */
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
void lanes_join(struct lanes *l, const struct call *c); /* it leaves into the newest piece, which was there */
/* Two neighbouring pieces are about to become one, at the place of the newer. */
void lanes_merge(struct lanes *l, const struct pieces *p, uint16_t older, uint16_t newer);
/* A late call became a piece of its own, or goes into one that begins at `first`. */
void lanes_late_piece(struct lanes *l, const struct pieces *p, uint16_t at);
void lanes_late_call(struct lanes *l, const struct piece *call, uint32_t first);

bool lanes_spent(const struct lanes *l); /* they have to be made anew before they are read */
void lanes_read(const struct lanes *l, uint32_t lane, uint64_t n[LANE_COUNTERS], uint64_t *talk_ms);

/* A value is about to go into the sketch. */
void lanes_sketch_add(struct lanes *l, uint32_t which, const struct sketch *s, uint64_t value, uint32_t ms);
void lanes_sketch_forget(struct lanes *l, uint32_t which); /* the sketch lost a step otherwise than by that */
/* As sketch_count. */
double lanes_sketch_count(struct lanes *l, uint32_t lane, uint32_t edge, uint32_t which, const struct sketch *s);

#endif
