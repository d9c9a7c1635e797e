/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that a record knows one by one: the newest 128 that the subject made. For reports; the path reads figures. */
#ifndef RINGFENCE_SCORING_EXACT_H
#define RINGFENCE_SCORING_EXACT_H

#include "scoring/scoring.h"

#define EXACT_CALLS_MAX 128

struct exact_call {
	int64_t start_ms, end_ms;
	uint64_t callee;  /* number_pack; 0: none */
	uint32_t talk_ms; /* of an answered call */
	uint16_t region;  /* of the called number (places.h); 0: unknown */
	bool answered;
};

/* By end, oldest first; returns how many. Fewer than the subject ever made: older ones are known in sums alone. */
uint32_t subject_exact_calls(const struct subject *s, struct exact_call out[EXACT_CALLS_MAX]);

#endif
