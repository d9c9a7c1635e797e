/* SPDX-License-Identifier: Apache-2.0 */
/* Every figure against a naive model that keeps every call: random and adversarial streams, many windows. RINGFENCE_SEED=n runs one seed alone. */
#include "tests/unit/unit.h"

#include "tests/unit/scoring/naive_rig.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t running; /* seed, for the report of a failure */

static void report(void)
{
	if (running)
		fprintf(stderr, "last seed: RINGFENCE_SEED=%llu\n", (unsigned long long)running);
}

static int64_t as_of(struct rig *r)
{
	int64_t clock_ms = r->naive.clock_ms;
	return rig_roll(r, 4) ? clock_ms : clock_ms + (int64_t)rig_roll(r, UINT64_C(1) << rig_roll(r, 33));
}

static void run_stream(uint64_t seed, uint32_t calls, uint32_t every, bool cohort, const struct shape *shape, struct rig_errors *e)
{
	struct rig r;
	running = seed;
	rig_init(&r, seed, cohort);
	r.shape = shape ? *shape : rig_shape(&r);
	bool agree = r.shape.lasted_same && r.shape.late_a_1000 == 0;
	for (uint32_t i = 0; i < calls; i++) {
		struct cdr c = rig_cdr(&r);
		rig_call(&r, &c);
		if (!cohort && rig_roll(&r, 20) == 0)
			assert_false(rig_call(&r, &c)); /* sent again */
		if (rig_roll(&r, 40) == 0)
			rig_reload(&r);
		if (rig_roll(&r, every) == 0 || i + 1 == calls)
			for (int k = 0; k < 3; k++)
				rig_compare(&r, rig_window(&r), as_of(&r), agree, e);
	}
	assert_int_equal(r.subject->calls, r.naive.cnt);
	rig_release(&r);
	running = 0;
}

static uint64_t first_seed(uint64_t *last)
{
	const char *one = getenv("RINGFENCE_SEED");
	if (one)
		return *last = strtoull(one, NULL, 10);
	return 1;
}

static void figures_of_up_to_128_calls_are_exact(void **state)
{
	(void)state;
	struct rig_errors e = {0};
	uint64_t last = 400;
	for (uint64_t seed = first_seed(&last); seed <= last; seed++)
		run_stream(seed, 128, 12, seed % 4 == 0, NULL, &e);
	print_message("%llu comparisons\n", (unsigned long long)e.comparisons);
}

static void print_errors(const struct rig_errors *e)
{
	print_message("%llu comparisons, %llu windows beyond the exact range; worst: calls %.4f answered %.4f talk %.4f gap mean %.4f gap cv %.4f\n",
		      (unsigned long long)e->comparisons, (unsigned long long)e->wide_windows, e->calls, e->answered, e->talk, e->gap_mean,
		      e->gap_cv);
}

static void figures_beyond_are_those_of_the_calls_after_one_edge(void **state)
{
	(void)state;
	for (int cohort = 0; cohort < 2; cohort++) {
		struct rig_errors e = {0};
		uint64_t last = 1060;
		for (uint64_t seed = 1000 + first_seed(&last); seed <= last; seed++)
			run_stream(seed, 1500, 60, cohort, NULL, &e);
		print_errors(&e);
		assert_true(e.calls <= (cohort ? 0.06 : 0.04) && e.answered <= (cohort ? 0.06 : 0.04) && e.talk <= (cohort ? 0.06 : 0.04));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_of_up_to_128_calls_are_exact),
		cmocka_unit_test(figures_beyond_are_those_of_the_calls_after_one_edge),
	};
	atexit(report);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
