/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "app/random.h"

#include <math.h>
#include <stdlib.h>

#define DRAWS 200000

static void logarithm_is_that_of_libm(void **state)
{
	(void)state;
	for (uint64_t v = 1; v < UINT64_C(1) << 62; v += v / 7 + 1)
		assert_true(fabs((double)random_log2(v) / 4294967296.0 - log2((double)v)) < 4e-6);
	assert_int_equal(random_log2(1), 0);
	assert_true(random_log2(UINT64_MAX) <= INT64_C(64) << 32);
}

static void power_is_that_of_libm(void **state)
{
	(void)state;
	for (double x = -15.9; x < 45.9; x += 0.0137) {
		double exact = exp2(x), ours = (double)random_exp2((int64_t)(x * 4294967296.0)) / 65536;
		assert_true(fabs(ours - exact) < exact * 4e-6 + 1.0 / 65536);
	}
	assert_int_equal(random_exp2(0), 65536);
	assert_int_equal(random_exp2(INT64_MAX), UINT64_C(1) << 62);
	assert_int_equal(random_exp2(INT64_MIN), 1);
}

static void exponential_has_mean_and_deviation_1(void **state)
{
	(void)state;
	uint64_t rng = 1;
	double sum = 0, squares = 0;
	for (int i = 0; i < DRAWS; i++) {
		double v = (double)random_exponential(&rng) / 65536;
		sum += v;
		squares += v * v;
	}
	assert_true(fabs(sum / DRAWS - 1) < 0.01);
	assert_true(fabs(squares / DRAWS - 2) < 0.05);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void lognormal_has_its_quantiles(void **state)
{
	(void)state;
	static int64_t v[DRAWS];
	uint64_t rng = 2, mean1 = 3;
	double sum = 0;
	for (int i = 0; i < DRAWS; i++) {
		v[i] = random_lognormal(&rng, 100000, 1000);
		sum += (double)random_lognormal_mean1(&mean1, 800) / 65536;
	}
	qsort(v, DRAWS, sizeof v[0], by_value);
	assert_true(fabs((double)v[DRAWS / 2] / 100000 - 1) < 0.02);
	assert_true(fabs(log((double)v[(int)(DRAWS * 0.8413)] / 100000) - 1) < 0.03); /* one deviation */
	assert_true(fabs(log((double)v[(int)(DRAWS * 0.0228)] / 100000) + 2) < 0.06); /* two, below */
	assert_true(fabs(sum / DRAWS - 1) < 0.02);
}

static void zipf_picks_by_rank(void **state)
{
	(void)state;
	static uint32_t hits[1000];
	const uint32_t sizes[] = {1, 2, 1000}, exponents[] = {0, 990, 1000, 2000};
	for (int s = 0; s < 3; s++)
		for (int x = 0; x < 4; x++) {
			uint64_t rng = 5, sum = zipf_sum(sizes[s], exponents[x]);
			struct zipf *z = zipf_new(sizes[s], exponents[x]);
			double total = 0, relative = 0;
			for (uint32_t i = 0; i < sizes[s]; i++) {
				hits[i] = 0;
				total += pow(i + 1, -(exponents[x] / 1000.0));
				relative += (double)zipf_relative(i, sizes[s], exponents[x], sum) / 65536;
			}
			for (int i = 0; i < DRAWS; i++)
				hits[zipf_pick(z, random_next(&rng))]++;
			for (uint32_t i = 0; i < sizes[s]; i++) {
				double p = pow(i + 1, -(exponents[x] / 1000.0)) / total, deviation = sqrt(DRAWS * p * (1 - p));
				assert_true(fabs(hits[i] - DRAWS * p) <= 5 * deviation + 1);
			}
			assert_true(fabs(relative / sizes[s] - 1) < 0.001);
			zipf_free(z);
		}
}

/* Files made from a seed are quoted in other places: these values never change. */
static void streams_are_pinned(void **state)
{
	(void)state;
	uint64_t rng = random_stream(1, 2, 3);
	assert_true(rng == UINT64_C(6261947829242287460));
	assert_true(random_next(&rng) == UINT64_C(4390962681601297392));
	assert_int_equal(random_exponential(&rng), 125467);
	assert_int_equal(random_lognormal(&rng, 60000, 1200), 25227);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logarithm_is_that_of_libm),
		cmocka_unit_test(power_is_that_of_libm),
		cmocka_unit_test(exponential_has_mean_and_deviation_1),
		cmocka_unit_test(lognormal_has_its_quantiles),
		cmocka_unit_test(zipf_picks_by_rank),
		cmocka_unit_test(streams_are_pinned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
