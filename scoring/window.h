/* SPDX-License-Identifier: Apache-2.0 */
/* Reading windows: between the memory of calls and the features. */
#ifndef RINGFENCE_SCORING_WINDOW_H
#define RINGFENCE_SCORING_WINDOW_H

#include "scoring/calls.h"

/* Counters of a window beside enum counter. The first four are sums of the marks of calls. */
enum window_counter {
	COUNT_CALLEES = 20,
	COUNT_REGIONS,
	COUNT_NUMBERS,
	COUNT_CALLS,
	COUNT_INCOMING,
	COUNT_IN_PARTIES,
	COUNT_FLAGS,
	COUNT_FLAGGED,
};

static inline bool is_distinct(uint32_t counter) /* a count that needs more than the sums */
{
	return counter >= COUNT_CALLEES && counter < COUNT_CALLS;
}

enum window_part { /* bits of `have` */
		   PART_SUMS = 1,
		   PART_CALLEES = 2, /* of a wide window: the others have them with the sums; so the next two */
		   PART_REGIONS = 256,
		   PART_NUMBERS = 512,
		   PART_GAPS = 4,
		   PART_RUN = 8,
		   PART_PEAK = 16,
		   PART_TOP = 32,
		   PART_IN = 64,
		   PART_FLAGS = 128,
};

static inline uint32_t part_of(uint32_t counter)
{
	static const uint16_t part[WINDOW_COUNTERS] = {
		[COUNT_CALLEES] = PART_CALLEES, [COUNT_REGIONS] = PART_REGIONS, [COUNT_NUMBERS] = PART_NUMBERS, [COUNT_INCOMING] = PART_IN,
		[COUNT_IN_PARTIES] = PART_IN,   [COUNT_FLAGS] = PART_FLAGS,     [COUNT_FLAGGED] = PART_FLAGS};
	return part[counter] ? part[counter] : PART_SUMS;
}

/* Sums of n windows, in order of length, that end at as_of_ms: no earlier than the clock. */
void window_sums(struct calls *h, struct window *w, uint32_t n, int64_t as_of_ms);
/* The same of the windows of a rule set at the clock, which are read after every call: kept as lanes from then on if the subject is deep. */
void window_sums_kept(struct calls *h, struct window *w, uint32_t n, int64_t clock_ms);
/* These need the sums. */
void window_distinct(struct calls *h, struct window *w, uint32_t counter, int64_t as_of_ms); /* COUNT_CALLEES, _REGIONS or _NUMBERS */
void window_gaps(struct calls *h, struct window *w);
void window_run(struct calls *h, struct window *w);
void window_peak(struct calls *h, struct window *w);
void window_top(struct calls *h, struct window *w);
/* Whole days between the newest call before the window and the oldest in it; 0 if either is missing. */
int64_t window_dormant_days(const struct calls *h, const struct window *w, int64_t as_of_ms);

#endif
