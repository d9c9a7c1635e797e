/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/hash.h"
#include "scoring/distinct.h"

#include <math.h>

static uint64_t value(uint64_t stream, uint64_t i)
{
	return hash64(&i, sizeof i, stream) >> 8 | 1;
}

/* Values come again and again; the last `n` distinct ones are after the edge. */
static double error_of(uint64_t stream, uint32_t n)
{
	struct distinct d;
	uint32_t ms = 0;
	distinct_init(&d);
	for (uint32_t i = 0; i < 3 * n; i++)
		distinct_add(&d, value(stream, i), ++ms);
	uint32_t edge = ms - n;
	for (uint32_t i = 2 * n; i < 3 * n; i += 2)
		distinct_add(&d, value(stream, i), ++ms);
	double got = (double)distinct_count(&d, edge);
	distinct_release(&d);
	return (got - n) / n;
}

static void rms_over_a_thousand_streams_is_within_ten_percent(void **state)
{
	(void)state;
	const uint32_t sizes[] = {65, 100, 200, 640, 1000, 5000};
	for (int k = 0; k < 6; k++) {
		double squares = 0, sum = 0;
		const int streams = sizes[k] > 2000 ? 200 : 1000;
		for (int i = 0; i < streams; i++) {
			double e = error_of((uint64_t)i + 1, sizes[k]);
			squares += e * e;
			sum += e;
		}
		print_message("%u distinct values: RMS error %.4f, bias %.4f\n", sizes[k], sqrt(squares / streams), sum / streams);
		assert_true(sqrt(squares / streams) <= 0.10);
	}
}

static void up_to_64_values_are_counted_exactly_at_any_edge(void **state)
{
	(void)state;
	struct distinct d;
	distinct_init(&d);
	for (uint32_t ms = 1; ms <= 20000; ms++)
		distinct_add(&d, value(1, ms < 10000 ? ms : ms % 64), ms);
	for (uint32_t n = 1; n <= 64; n++)
		assert_int_equal(distinct_count(&d, 20000 - n), n);
	assert_int_equal(distinct_count(&d, 15000), 64);
	assert_int_equal(distinct_count(&d, 20000), 0);
	distinct_release(&d);
}

static void order_and_repetition_change_nothing(void **state)
{
	(void)state;
	struct distinct a, b;
	distinct_init(&a);
	distinct_init(&b);
	for (uint32_t i = 0; i < 3000; i++)
		distinct_add(&a, value(1, i % 700), i + 1);
	for (uint32_t i = 3000; i-- > 0;)
		distinct_add(&b, value(1, i % 700), i + 1);
	for (uint32_t i = 0; i < 3000; i += 3)
		distinct_add(&b, value(1, i % 700), i + 1);
	for (uint32_t edge = 0; edge < 3000; edge += 37)
		assert_int_equal(distinct_count(&a, edge), distinct_count(&b, edge));
	distinct_release(&a);
	distinct_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rms_over_a_thousand_streams_is_within_ten_percent),
		cmocka_unit_test(up_to_64_values_are_counted_exactly_at_any_edge),
		cmocka_unit_test(order_and_repetition_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
