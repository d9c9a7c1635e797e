/* SPDX-License-Identifier: Apache-2.0 */
/* A subject and its naive model side by side, and random streams for both. */
#ifndef RINGFENCE_TESTS_NAIVE_RIG_H
#define RINGFENCE_TESTS_NAIVE_RIG_H

#include "scoring/scoring.h"
#include "tests/unit/scoring/naive.h"

struct shape {                /* of a stream */
	int64_t gap_ms;       /* mean time from one event to the next */
	uint32_t late_a_1000; /* calls that come late */
	uint32_t late_places; /* by up to so many gaps */
	int64_t quantum_ms;   /* times are multiples of it: ties */
	int64_t lasted_ms;    /* mean of end - start */
	bool lasted_same;     /* every call lasts the same: the orders by start and by end agree */
	uint32_t long_a_1000; /* calls of ten hours */
	uint32_t callees;     /* called numbers to choose from */
	uint32_t run_a_1000;  /* calls to the number after the last one */
	uint32_t callers;     /* cohort: its numbers */
	uint32_t answered_a_1000;
	uint32_t jump_a_1000; /* the stream falls silent for up to 20 days */
};

struct rig {
	struct table *table;
	struct subject *subject;
	struct naive naive;
	struct shape shape;
	uint64_t seed, next_id, last_callee;
	int64_t now_ms;
	const char *key;
	char called[24], caller[24];
};

void rig_init(struct rig *r, uint64_t seed, bool cohort);
void rig_release(struct rig *r);
uint64_t rig_roll(struct rig *r, uint64_t n); /* 0 .. n - 1 */
struct shape rig_shape(struct rig *r);        /* a random one */
struct cdr rig_cdr(struct rig *r);            /* the next of the stream; its texts live until the next */
/* Gives it to both. False: neither counted it; the test fails if they differ. */
bool rig_call(struct rig *r, const struct cdr *c);
void rig_reload(struct rig *r); /* through the stored form */

/* One figure of the subject as scoring sees it. */
struct value rig_figure(struct rig *r, struct figure_key k, int64_t as_of_ms);

struct rig_errors { /* worst seen, beyond the exact range; shares of what the window holds */
	double calls, answered, talk, gap_mean, gap_cv;
	uint64_t comparisons, wide_windows;
	uint64_t gap_cvs, gap_cvs_off; /* off by more than 0.1 */
};

/* Compares every figure of a window with the model's, exactly or within the bounds of DESIGN section 6; fails with seed and figure. */
void rig_compare(struct rig *r, int64_t window_ms, int64_t as_of_ms, bool orders_agree, struct rig_errors *e);
int64_t rig_window(struct rig *r); /* a random length, often one that ends at a call */

#endif
