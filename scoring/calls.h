/* SPDX-License-Identifier: Apache-2.0 */
/* What a subject remembers of the calls it made: the newest 128 exactly, older ones in pieces, distinct values by their last sightings. */
#ifndef RINGFENCE_SCORING_CALLS_H
#define RINGFENCE_SCORING_CALLS_H

#include "scoring/contacts.h"
#include "scoring/distinct.h"
#include "scoring/facts.h"
#include "scoring/features.h"
#include "scoring/lanes.h"
#include "scoring/pieces.h"
#include "scoring/slab.h"
#include "scoring/spread.h"

#define CALLS_EXACT 128
#define DEEP_CAP 192     /* once deep: room to slide before the exact calls are moved down */
#define REGIONS_MAX 2048 /* more than there are: regions are counted exactly at any length */
#define LASTED_MAX_MS ((INT64_C(1) << 39) - 1)

/* Marks of a call beside its counts (bits 0 to 19). */
enum call_mark {
	CALL_LAST_CALLEE = 1 << 20, /* no newer call went to this called number: so distinct = how many calls in the window have the mark */
	CALL_LAST_REGION = 1 << 21,
	CALL_LAST_CALLER = 1 << 22, /* cohorts */
	CALL_IS_CALL = 1 << 23,     /* always: counts calls by the same sum */
	CALL_NEXT_DONE = 1 << 24,   /* by order of start, a call that left the exact ones stands between it and the next one here */
	CALL_PREV_DONE = 1 << 25,
	CALL_TOLD = 1 << 27,    /* the ledger has it, if it was answered */
	CALL_RUN_CUT = 1 << 26, /* it came in when calls that started later had left: one of them may stand beside it */
};

struct call { /* 32 bytes */
	uint64_t callee;
	uint32_t end; /* ms after the base */
	uint32_t id_hash;
	uint32_t talk_ms;    /* saturating at 49.7 days; so is a gap in pieces.h */
	uint32_t lasted_low; /* end - start, 40 bits with sign */
	uint32_t flags;      /* counts and marks */
	uint16_t region;
	int8_t lasted_high;
	uint8_t page; /* where it is stored, record.c's */
};

static inline int64_t call_lasted_ms(const struct call *c)
{
	return (int64_t)c->lasted_high * (INT64_C(1) << 32) + c->lasted_low;
}

/* A byte of each value, so that a value is found, or is known not to be there, without a look at the calls; of called numbers, which are mostly new, two. */
enum tag_kind { TAG_CALLEE, TAG_REGION, TAG_CALLER, TAG_CALLEE_MORE, TAG_KINDS };

struct deep { /* only once 128 calls are exceeded */
	struct pieces pieces;
	struct weight exact;              /* of the exact calls */
	struct distinct callees, callers; /* callers: cohorts */
	struct recent regions;
	struct ledger ledger;  /* numbers: who answered */
	int64_t left_start_ms; /* largest start among calls that left the exact ones */
	int64_t left_second;   /* second of the start of the newest of them */
	int64_t ahead_ms;      /* most that a start lay behind its end among them (broken clocks), else 0 */
	bool run_joined;       /* the oldest exact call goes on the run of the newest piece */
	uint64_t late_merged;
	struct lanes *lanes;              /* owned; NULL before the first reading of the rule set's windows */
	uint32_t start_from;              /* they begin there */
	uint32_t start[DEEP_CAP];         /* of the exact calls in order of start, calls_relative() */
	uint8_t tag[TAG_KINDS][DEEP_CAP]; /* of the exact calls, by their place in `call` */
	bool late_unstored;               /* a call came that is not among the exact ones, and its distinct values are not stored yet */
};

static inline uint32_t *deep_starts(struct deep *d)
{
	return d->start + d->start_from;
}

struct calls { /* a movable block of the slab: header, call[cap], caller[cap] for cohorts, by_start[cap] */
	void *home;
	struct deep *deep; /* owned */
	int64_t base_ms;
	uint16_t cnt, cap, from; /* the calls are call[from .. from + cnt), oldest first, by end, then arrival */
	bool has_callers;
	struct call call[];
};

static inline size_t calls_block_bytes(uint32_t cap, bool callers)
{
	return sizeof(struct calls) + cap * (sizeof(struct call) + 1 + (callers ? sizeof(uint64_t) : 0));
}

static inline uint64_t *calls_callers(struct calls *h)
{
	return (uint64_t *)(void *)(h->call + h->cap);
}

/* Places (0 = oldest by end) in order of start, then arrival. */
static inline uint8_t *calls_by_start(struct calls *h)
{
	return (uint8_t *)(h->call + h->cap) + (h->has_callers ? h->cap * sizeof(uint64_t) : 0);
}

static inline int64_t calls_end_ms(const struct calls *h, const struct call *c)
{
	return h->base_ms + c->end;
}

static inline int64_t calls_start_ms(const struct calls *h, const struct call *c)
{
	return h->base_ms + c->end - call_lasted_ms(c);
}

/* A time of this history; what lies before its base is 0, what lies too far after it is the largest. */
static inline uint32_t calls_relative(const struct calls *h, int64_t ms)
{
	return ms <= h->base_ms ? 0 : ms - h->base_ms >= UINT32_MAX ? UINT32_MAX : (uint32_t)(ms - h->base_ms);
}

/* An empty history with room for `cap`; *home points to it. `base_ms`: no later than 31 days before the first call. */
struct calls *calls_new(struct slab *m, void **home, uint32_t cap, bool has_callers, int64_t base_ms);
void calls_free(struct slab *m, struct calls *h);
void calls_release_deep(struct calls *h);
struct deep *calls_deep_new(bool has_callers);
int64_t calls_deep_bytes(const struct calls *h); /* beside the block */

/* Whether this call is among the newest 128 already. */
bool calls_has(const struct calls *h, int64_t end_ms, uint32_t id_hash);
/* Puts a call in its place in time; `clock_ms` is the subject's clock with this call. The block may move: *home is set. `caller`: of a cohort, else 0. */
void calls_add(struct slab *m, struct calls *h, const struct facts *f, uint64_t caller, int64_t clock_ms);

/* Brings the ledger of a deep history up to date: it is told of the exact calls when somebody asks, or when one of them leaves. */
void calls_tell(struct calls *h);

/* For the record: what is not stored is made again. */
void calls_see(struct calls *h, const struct call *c, uint64_t caller);
void calls_mark_all(struct calls *h); /* last sightings, of calls without such marks */

#endif
