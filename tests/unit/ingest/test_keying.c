/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ingest.h"
#include "tests/unit/unit.h"

static void partition_is_the_one_that_producers_choose(void **state)
{
	(void)state;
	assert_int_equal(partition_of(PARTITION_MURMUR2, SLICE_LIT("+15551230000"), 12), 7);
	assert_int_equal(partition_of(PARTITION_MURMUR2, SLICE_LIT("+442071838750"), 12), 3);
	assert_int_equal(partition_of(PARTITION_CRC32, SLICE_LIT("+15551230000"), 12), 1);
	assert_int_equal(partition_of(PARTITION_CRC32, SLICE_LIT("+442071838750"), 12), 11);
}

static void partition_lies_in_its_range(void **state)
{
	(void)state;
	for (int32_t count = 1; count < 100; count++)
		for (int i = 0; i < 100; i++) {
			assert_in_range(partition_of(PARTITION_MURMUR2, slice_make(&i, sizeof i), count), 0, count - 1);
			assert_in_range(partition_of(PARTITION_CRC32, slice_make(&i, sizeof i), count), 0, count - 1);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partition_is_the_one_that_producers_choose),
		cmocka_unit_test(partition_lies_in_its_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
