/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/hash.h"
#include "scoring/seen.h"

static uint64_t hash_of(uint64_t i)
{
	return hash64(&i, sizeof i, 0);
}

static void day_is_found_again_and_the_smaller_one_stays(void **state)
{
	(void)state;
	struct seen_bucket b = {0};
	assert_int_equal(seen_find(&b, hash_of(1), 20100), -1);
	assert_int_equal(seen_put(&b, hash_of(1), 20000, 20001), 0);
	assert_int_equal(seen_put(&b, hash_of(2), 20005, 20005), 0);
	assert_int_equal(seen_put(&b, hash_of(1), 20003, 20050), 0);
	assert_int_equal(seen_find(&b, hash_of(1), 20100), 20000);
	assert_int_equal(seen_find(&b, hash_of(2), 20100), 20005);
	assert_int_equal(seen_find(&b, hash_of(3), 20100), -1);
}

static void entry_goes_a_year_after_its_record(void **state)
{
	(void)state;
	struct seen_bucket b = {0};
	seen_put(&b, hash_of(1), 20000, 20000);
	seen_put(&b, hash_of(2), 20000, 20000 + SEEN_KEPT_DAYS);
	assert_int_equal(seen_find(&b, hash_of(1), 20000 + SEEN_KEPT_DAYS), 20000);
	assert_int_equal(seen_find(&b, hash_of(1), 20000 + SEEN_KEPT_DAYS + 1), -1);
	seen_put(&b, hash_of(3), 20000, 20000 + SEEN_KEPT_DAYS + 1);
	assert_int_equal(seen_find(&b, hash_of(1), 20100), -1);
	assert_int_equal(seen_find(&b, hash_of(2), 20100), 20000);
}

static void full_bucket_forgets_the_one_put_longest_ago(void **state)
{
	(void)state;
	struct seen_bucket b = {0};
	for (uint64_t i = 0; i < SEEN_MAX; i++)
		assert_int_equal(seen_put(&b, hash_of(i), 20000, 20000 + (int32_t)((i + 5) % SEEN_MAX)), 0);
	assert_int_equal(seen_put(&b, hash_of(1000), 20000, 20100), 1);
	assert_int_equal(b.cnt, SEEN_MAX);
	for (uint64_t i = 0; i < SEEN_MAX; i++)
		assert_int_equal(seen_find(&b, hash_of(i), 20100), i == SEEN_MAX - 5 ? -1 : 20000);
}

static void stored_bucket_reads_back_and_damage_is_refused(void **state)
{
	(void)state;
	for (uint64_t n = 0; n <= SEEN_MAX; n += 16) {
		struct seen_bucket b = {0}, again;
		struct buf out = {0};
		struct err_text why;
		for (uint64_t i = 0; i < n; i++)
			seen_put(&b, hash_of(i), 20000 + (int32_t)i, 20100);
		seen_encode(&b, &out);
		assert_int_equal(out.len, 5 + 10 * n);
		assert_true(out.len == SEEN_STORED_BYTES(n));
		assert_int_equal(seen_decode(buf_slice(&out), &again, &why), ERR_OK);
		assert_int_equal(again.cnt, n);
		for (uint64_t i = 0; i < n; i++)
			assert_int_equal(seen_find(&again, hash_of(i), 20100), 20000 + i);
		for (size_t i = 0; i < out.len; i++) {
			out.data[i] ^= 4;
			assert_int_equal(seen_decode(buf_slice(&out), &again, &why), ERR_CORRUPT);
			out.data[i] ^= 4;
			assert_int_equal(seen_decode(slice_make(out.data, i), &again, &why), ERR_CORRUPT);
		}
		buf_release(&out);
	}
	struct seen_bucket none;
	struct err_text why;
	assert_int_equal(seen_decode(SLICE_NONE, &none, &why), ERR_OK);
	assert_int_equal(none.cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(day_is_found_again_and_the_smaller_one_stays),
		cmocka_unit_test(entry_goes_a_year_after_its_record),
		cmocka_unit_test(full_bucket_forgets_the_one_put_longest_ago),
		cmocka_unit_test(stored_bucket_reads_back_and_damage_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
