/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the generator; nobody else includes it. */
#ifndef RINGFENCE_APP_GENERATE_INNER_H
#define RINGFENCE_APP_GENERATE_INNER_H

#include "app/callers.h"
#include "app/generate.h"

struct zipf;

struct caller {
	uint64_t number;
	uint64_t cursor;  /* the number called last by one that counts upwards; 0: none */
	uint32_t rate_q8; /* calls a week, times 256; of a sleeper: before it sleeps */
	uint32_t account; /* 0: none */
	uint32_t rank;    /* among those of its kind */
	uint16_t trunk;
	uint8_t kind, country;
	int8_t utc_hours;
	uint8_t lines;
};

/* One call at a time; a caller has one or more. Holds the call that it is on, with all that will be known at its end. */
struct line {
	uint64_t rng, called;
	int64_t start_ms;
	int32_t pdd_ms, ring_ms, talk_ms;
	uint32_t caller;
	uint8_t cause, release, attest, redial; /* redial: the next call goes to the same number */
};

struct held {
	int64_t due_ms;
	uint64_t order;
	struct generated record;
};

struct generator {
	struct generate_config config;
	uint64_t calls, serial;                 /* asked for (0: until duration_ms), made */
	int64_t duration_ms, sleep_ms, wake_ms; /* from the start: its end, when sleepers fall asleep, when the first wakes */
	/* callers, grouped by kind; in plain mode only `numbers` */
	struct caller *callers;
	uint32_t caller_cnt, first[CALLER_KIND_CNT + 1];
	/* lines, and a 4-ary heap of (end of call since the start in ms) << 24 | line: one word, so that ties have an order too */
	struct line *lines;
	uint64_t *heap;
	uint32_t line_cnt;
	/* plain */
	uint64_t *numbers;
	struct zipf *zipf;
	uint64_t rng;
	int64_t slot_ms, slot_rest, slot_sum,
		slot_at_ms; /* a call in each slot: duration / calls, its remainder, its sum; the slot's begin */
	struct generated next;
	/* held back: a heap by due time, then order */
	struct held *held;
	size_t held_cnt, held_cap;
	uint64_t held_order;
	/* a broken record that follows the call before */
	bool broken_due;
	uint64_t broken_cnt;
	struct generated broken;
};

enum stream { /* what a random stream is for: part of every file ever made, so only add */
	      STREAM_COUNTRY,
	      STREAM_RATE,
	      STREAM_TRUNK,
	      STREAM_LINE,
	      STREAM_PLAIN,
	      STREAM_CONTACT,
	      STREAM_HABIT,
	      STREAM_WAKE,
	      STREAM_LATE,
	      STREAM_DUPLICATE,
	      STREAM_BROKEN,
};

#define HEAP_LINE_BITS 24
#define LINES_OF_A_CALLER_MAX 64
#define DURATION_MAX_MS (3650 * DAY_MS)
#define SLEEP_MS (31 * DAY_MS + DAY_MS / 2) /* longer than the longest window */

/* generate_setup.c */
enum err generator_set_up(struct generator *g, struct err_text *why) MUST_CHECK;

/* generate_calls.c */
int64_t sleeper_wake_ms(const struct generator *g, const struct caller *c); /* event time */
void line_first_call(struct generator *g, uint32_t i);
void line_next_call(struct generator *g, uint32_t i);
void plain_next_call(struct generator *g);

static inline uint32_t plain_account(uint32_t i)
{
	return 100000 + i / behaviours[CALLER_PLAIN].numbers_per_account;
}

static inline int64_t line_end_ms(const struct line *l)
{
	return l->start_ms + l->pdd_ms + (l->ring_ms > 0 ? l->ring_ms : 0) + (l->talk_ms > 0 ? l->talk_ms : 0);
}

#endif
