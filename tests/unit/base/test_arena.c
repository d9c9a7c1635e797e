/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "tests/unit/unit.h"

static void memory_is_aligned_and_does_not_overlap(void **state)
{
	struct arena a;
	unsigned char *p[200];
	(void)state;
	arena_init(&a, 256);
	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(&a, i + 1);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(p[i][j], i);
	arena_release(&a);
}

static void warm_arena_asks_for_no_more_memory(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 1024);
	size_t held = 0;
	for (int round = 0; round < 5; round++) {
		arena_reset(&a);
		for (size_t i = 0; i < 300; i++)
			memset(arena_alloc(&a, i % 97 + (i % 50 == 0 ? 3000 : 0)), 1, i % 97);
		if (round > 0)
			assert_int_equal(a.held_bytes, held);
		held = a.held_bytes;
	}
	arena_release(&a);
	assert_int_equal(a.held_bytes, 0);
}

static void request_above_the_block_size_gets_its_own_block(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 64);
	char *big = arena_zalloc(&a, 100000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(big[i], 0);
	arena_release(&a);
}

static void copy_is_terminated_and_absent_stays_absent(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 64);
	struct slice s = arena_copy(&a, slice_make("abcdef", 3));
	assert_int_equal(s.len, 3);
	assert_string_equal(s.p, "abc");
	assert_null(arena_copy(&a, SLICE_NONE).p);
	assert_string_equal(arena_copy(&a, SLICE_LIT("")).p, "");
	s = arena_printf(&a, "%s-%d", "x", 7);
	assert_string_equal(s.p, "x-7");
	assert_int_equal(s.len, 3);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_and_does_not_overlap),
		cmocka_unit_test(warm_arena_asks_for_no_more_memory),
		cmocka_unit_test(request_above_the_block_size_gets_its_own_block),
		cmocka_unit_test(copy_is_terminated_and_absent_stays_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
