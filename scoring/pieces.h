/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that left the exact ones: aggregates of neighbouring calls, an exponential histogram (Datar, Gionis, Indyk, Motwani 2002). */
#ifndef RINGFENCE_SCORING_PIECES_H
#define RINGFENCE_SCORING_PIECES_H

#include "scoring/facts.h"

struct lanes;

#define PIECES_MAX 700 /* ceiling; beyond it the list is coarsened, which is counted */
#define NO_PIECE UINT16_MAX
#define SEGMENT_PIECES 64
#define SEGMENTS ((PIECES_MAX + SEGMENT_PIECES - 1) / SEGMENT_PIECES)

/* A monoid over calls in order: the longest stretch of calls that hang together, and the stretches at both ends. */
struct stretch {
	uint32_t first, last, best; /* calls */
	bool joined;                /* the first stretch goes on from the last one of the calls before */
};

/* Calls with first <= event time <= last, whole. Times in ms after the owner's base. Counters saturate. What the merging hand looks at comes first, in one
 * line of the cache. */
struct piece {
	uint32_t first, last;
	uint16_t older, newer; /* neighbours, NO_PIECE at the ends */
	uint8_t page;          /* where it is stored, record's */
	uint32_t calls;
	uint64_t talk_ms;
	uint32_t gaps;
	uint32_t count[COUNTER_CNT];
	uint64_t gap_ms, gap_ms2; /* sums over links between starts, and over their squares */
	uint64_t top;             /* a called number and how many of the calls went to it: a lower bound of the most called */
	uint32_t top_calls;
	uint32_t min_start;       /* the smallest start; 0: before the base */
	uint32_t max_start;       /* the largest start */
	struct stretch run, peak; /* run: called numbers going up by one; peak: starts within one second */
};

struct weight { /* what the bounds hold for */
	uint64_t calls, answered, talk_ms;
};

struct pieces {
	struct piece *segment[SEGMENTS]; /* owned; places in no order. A segment more when they are full: none moves, none is outgrown */
	uint16_t cap, cnt, unused;       /* unused: first free place, linked by `older` */
	uint16_t oldest, newest;
	/* The merging hand walks from the newest to the oldest and starts again. */
	uint16_t hand;
	struct weight behind_hand; /* of everything newer than the piece at the hand; never above the truth */
	uint8_t share;             /* two neighbours may merge while share x merged <= all that is newer */
	uint8_t coarse;            /* share is halved so many times: the ceiling was reached */
	uint32_t run_last;         /* no piece with a run of two or more, or joined to the one before, ends later */
	uint64_t coarsened;        /* pieces merged beyond the bounds */
	struct lanes *lanes;       /* borrows: told of what merges; NULL if there are none */
	uint64_t dirty[2];         /* pages (record.c's) with a change since they were stored */
};

static inline struct piece *piece_at(const struct pieces *p, uint32_t place)
{
	return &p->segment[place / SEGMENT_PIECES][place % SEGMENT_PIECES];
}

void pieces_init(struct pieces *p, uint8_t share);
void pieces_release(struct pieces *p);
int64_t pieces_bytes(const struct pieces *p);

/* A call that leaves the exact ones becomes the newest piece, or with `exact` (the weight of those that stay) joins the newest if the two may merge. True:
 * it joined. */
uint16_t pieces_append(struct pieces *p, const struct piece *fresh);
bool pieces_join(struct pieces *p, const struct piece *call, const struct weight *exact);
/* A call older than the exact ones joins the piece that it falls into, or stands alone between two. Its `last` = `first` = its time. */
void pieces_add_late(struct pieces *p, const struct piece *call);
/* A call with this start comes in late by start: runs that it may have cut are taken as cut. Calls that started no earlier end at or after
 * `ends_after`. */
void pieces_cut_runs(struct pieces *p, uint32_t start, uint32_t ends_after);
/* Work of one call: the hand goes on a place, or a few if the list `grew` by one. `exact` = weight of the calls that are newer than all pieces. */
void pieces_step(struct pieces *p, const struct weight *exact, bool grew);
/* Down to `most` pieces, past the bounds if need be: counted in `coarsened`. */
void pieces_coarsen(struct pieces *p, const struct weight *exact, uint32_t most);
/* One more call of this weight is newer than the piece at the hand. */
void pieces_weigh(struct pieces *p, const struct weight *call);
void pieces_mark(struct pieces *p, uint8_t page); /* something that is stored there changed */
/* Drops pieces that end at or before the edge. */
void pieces_expire(struct pieces *p, uint32_t edge);
void pieces_shift(struct pieces *p, uint32_t by); /* the base moved up; what is stored says the same as before */

struct stretch stretch_join(const struct stretch *a, uint32_t a_calls, const struct stretch *b, uint32_t b_calls);
/* Puts `older` in front of `p`. */
void piece_absorb(struct piece *p, const struct piece *older);

#endif
