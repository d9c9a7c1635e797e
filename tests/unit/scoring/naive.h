/* SPDX-License-Identifier: Apache-2.0 */
/* A model of a subject that keeps every call and counts them anew for each question: written from DESIGN sections 5 to 7, for clarity alone. It shares
 * nothing with scoring but the table of features and that of places. */
#ifndef RINGFENCE_TESTS_NAIVE_H
#define RINGFENCE_TESTS_NAIVE_H

#include "schemas/cdr.h"
#include "scoring/features.h"

#include <stddef.h>

struct naive_call {
	int64_t start_ms, event_ms, talk_ms, ring_ms;
	char caller[24], called[24]; /* called: the party; "" if there is none */
	bool e164;                   /* `called` is a called_number */
	uint8_t disposition, release_party;
	bool answered, blocked;
	char attest;
	uint32_t id_hash;
	uint64_t arrival;
};

struct naive_received {
	int64_t event_ms;
	uint64_t party;
};

struct naive {
	bool cohort;
	int64_t clock_ms, first_seen_ms;
	struct naive_call *calls; /* in order of event time, then arrival */
	size_t cnt, cap;
	struct naive_received *received; /* in order of arrival */
	size_t received_cnt, received_cap;
	int64_t flags[4096];
	size_t flag_cnt;
	struct naive_received *flagged;
	size_t flagged_cnt, flagged_cap;
};

void naive_init(struct naive *n, bool cohort);
void naive_release(struct naive *n);
/* Counts a call unless it is a duplicate or too late: DESIGN sections 5 and 7. True if it counted. */
bool naive_call(struct naive *n, const struct cdr *c);
void naive_received(struct naive *n, int64_t event_ms, uint64_t party);
void naive_flag(struct naive *n, int64_t ms);
void naive_flagged(struct naive *n, uint64_t number, int64_t ms);

/* The calls in (as_of - window, as_of], in order of event time, then arrival. */
size_t naive_window(const struct naive *n, int64_t window_ms, int64_t as_of_ms, const struct naive_call **from);

/* A figure over some calls in that order (a window, or its newest part). `before`: the call before the first of them, or NULL. Of features over calls
 * received and flags: over the window. */
struct value naive_figure(const struct naive *n, const struct figure_key *k, int64_t as_of_ms, const struct naive_call *from, size_t cnt);

#endif
