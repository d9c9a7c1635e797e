/* SPDX-License-Identifier: Apache-2.0 */
/* Inside scoring: health from the figures that it is made of. Weights and their sources: health.md. */
#ifndef RINGFENCE_SCORING_HEALTH_H
#define RINGFENCE_SCORING_HEALTH_H

#include "scoring/scoring.h"
#include "scoring/window.h"

#define HEALTH_CALLS_MIN 20 /* calls made in 31 days; fewer are too little data */

struct health_facts {                /* of the last 31 days */
	uint64_t n[WINDOW_COUNTERS]; /* by counter of a window; only those of health_counters */
	uint64_t talk_ms;
	int64_t age_days;
};

/* The counters of a window that health is made of. */
#define HEALTH_COUNTERS                                                                                                                \
	{                                                                                                                              \
		COUNT_CALLS, COUNT_ANSWERED, COUNT_INVALID, COUNT_CANCELLED, COUNT_SHORT6, COUNT_SHORT10, COUNT_LONG60, COUNT_CALLEES, \
			COUNT_ABANDONED, COUNT_BLOCKED, COUNT_REJECTED, COUNT_OFF_HOURS, COUNT_ZONED, COUNT_INCOMING, COUNT_FLAGS      \
	}

void health_read(const struct subject *s, int64_t as_of_ms, struct health_facts *out); /* features.c */
/* All figures are -1 with too few calls. */
void health_make(const struct health_facts *h, struct health *out);

#endif
