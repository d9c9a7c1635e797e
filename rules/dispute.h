/* SPDX-License-Identifier: Apache-2.0 */
/* The dispute calendar of a number: one step per provider, kept in its record. Plain values: what happens to them and when is dispute_turn.c. */
#ifndef RINGFENCE_RULES_DISPUTE_H
#define RINGFENCE_RULES_DISPUTE_H

#include "base/buf.h"
#include "base/clock.h"
#include "rules/providers.h"

#define DISPUTE_STEPS_MAX PROVIDERS_MAX
#define DISPUTES_BYTES_MAX 512 /* of all steps, as stored */
#define STEP_COUNT_MAX 16383   /* of rounds and of changes; they stay there */

/* Stored by number. A step that is over may begin again: a new round. */
#define STEP_STATES(X)                \
	X(PLANNED, "planned")         \
	X(DUE, "due")                 \
	X(SENT, "sent")               \
	X(FOLLOW_UP, "follow_up_due") \
	X(ANSWERED, "answered")       \
	X(CLOSED, "closed")

enum step_state {
#define X(n, name) STEP_##n,
	STEP_STATES(X)
#undef X
		STEP_STATE_CNT
};
const char *step_state_name(enum step_state s);

#define STEP_OUTCOMES(X)        \
	X(NONE, "")             \
	X(ACCEPTED, "accepted") \
	X(REFUSED, "refused")   \
	X(OTHER, "other")

enum step_outcome {
#define X(n, name) OUTCOME_##n,
	STEP_OUTCOMES(X)
#undef X
		OUTCOME_CNT
};
const char *step_outcome_name(enum step_outcome o); /* NULL: none */

struct dispute_step {
	struct slice id; /* of the provider; borrowed */
	enum step_state state;
	bool of_episode, of_flag; /* what opened it; neither: it goes on by hand */
	enum step_outcome outcome;
	uint32_t round;     /* how often it was opened */
	uint32_t changes;   /* in this round: the SEQUENCE of its calendar entry */
	int64_t due_ms;     /* planned: becomes due. sent: the follow-up. due, follow_up_due: since when. over: the last of these */
	int64_t changed_ms; /* its state last did */
};

struct disputes {
	struct dispute_step of[DISPUTE_STEPS_MAX]; /* sorted by id */
	uint32_t cnt;
};

static inline bool step_over(const struct dispute_step *s)
{
	return s->state == STEP_ANSWERED || s->state == STEP_CLOSED;
}

static inline bool step_waits(const struct dispute_step *s) /* a timer of it runs */
{
	return s->state == STEP_PLANNED || s->state == STEP_SENT;
}

/* The content of a section of the record. r->bad: it does not hold together. Ids borrow what the reader reads. */
void disputes_decode(struct reader *r, struct disputes *d);
void disputes_encode(const struct disputes *d, struct buf *out); /* of at least one step */
int64_t disputes_due(const struct disputes *d);                  /* the earliest timer; TIME_NONE: none */

struct dispute_step *disputes_find(struct disputes *d, struct slice id); /* NULL: there is no such step */
/* A new step, all zero but for its id. In place of the one that has been over for longest, if there is no room; NULL: none is over. */
struct dispute_step *disputes_add(struct disputes *d, struct slice id);

/* A time that can be stored. */
static inline int64_t step_time(int64_t ms)
{
	return ms < 0 ? 0 : ms >= YEAR_10000_MS ? YEAR_10000_MS - 1 : ms;
}

#endif
