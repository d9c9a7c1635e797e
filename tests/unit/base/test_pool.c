/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"
#include "tests/unit/unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 400

/* Sizes of all kinds, with the largest above POOL_BLOCK_MAX. */
static size_t size_of(uint32_t i)
{
	return 1 + (size_t)i * i % 70000;
}

static void blocks_do_not_overlap(void **state)
{
	(void)state;
	static uint8_t *block[BLOCKS];
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < BLOCKS; i++) {
			block[i] = pool_take(size_of(i));
			assert_int_equal((uintptr_t)block[i] % 16, 0);
			memset(block[i], (int)(i % 251), size_of(i));
		}
		for (uint32_t i = 0; i < BLOCKS; i++) {
			for (size_t k = 0; k < size_of(i); k++)
				assert_int_equal(block[i][k], i % 251);
			pool_give(block[i], size_of(i));
		}
	}
}

static void a_zeroed_block_is_zero_when_it_was_used_before(void **state)
{
	(void)state;
	uint8_t *a = pool_take(3000);
	memset(a, 0xff, 3000);
	pool_give(a, 3000);
	a = pool_take_zeroed(3000);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(a[i], 0);
	pool_give(a, 3000);
	pool_give(NULL, 3000);
}

static void huge_memory_is_zero_and_can_be_freed(void **state)
{
	(void)state;
	for (size_t bytes = 1; bytes < (size_t)5 << 20; bytes = bytes * 3 + 7) {
		uint8_t *p = huge_zalloc(bytes);
		for (size_t i = 0; i < bytes; i++)
			assert_int_equal(p[i], 0);
		memset(p, 1, bytes);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_do_not_overlap),
		cmocka_unit_test(a_zeroed_block_is_zero_when_it_was_used_before),
		cmocka_unit_test(huge_memory_is_zero_and_can_be_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
