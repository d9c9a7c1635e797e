/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/scoring.h"
#include "tests/unit/unit.h"

#include "base/hash.h"

#include <stdio.h>

#define T0 INT64_C(1700000000000)
#define KEY "block:+15551230"

static struct subject *block(struct table *t)
{
	struct slice key = SLICE_LIT(KEY);
	return table_add(t, key, hash64(key.p, key.len, 0), T0, -1);
}

static uint64_t number(int i)
{
	char text[NUMBER_TEXT_BYTES];
	int n = snprintf(text, sizeof text, "+15551230%03d", i);
	return number_pack(slice_make(text, (size_t)n));
}

static void call_of(struct table *t, struct subject *s, int i, int64_t ms)
{
	bool late;
	const struct facts f = {.start_ms = ms, .end_ms = ms, .callee = 7};
	assert_int_equal(subject_add_copy(t, s, &f, number(i), HOUR_MS, &late), CALL_APPLIED);
}

static void number_is_unpacked_as_it_was(void **state)
{
	static const char *const texts[] = {"+15551230000", "+1", "0", "007", "+123456789012345", "15551230000", "000000000000000"};
	char out[NUMBER_TEXT_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		assert_int_equal(number_unpack(number_pack(slice_of(texts[i])), out), strlen(texts[i]));
		assert_string_equal(out, texts[i]);
	}
	assert_int_equal(number_unpack(0, out), 0);
	assert_int_equal(number_unpack(number_pack(SLICE_LIT("sip:alice")), out), 0);
	assert_int_equal(number_unpack(number_pack(SLICE_LIT("+1234567890123456")), out), 0);
}

static void flagged_numbers_come_first_then_those_that_called_most(void **state)
{
	struct table *t = table_new(0);
	struct subject *s = block(t);
	struct cohort_number n[10];
	(void)state;
	assert_int_equal(subject_numbers(s, T0, n, 10), 0);
	call_of(t, s, 1, T0 + 1);
	call_of(t, s, 2, T0 + 2);
	call_of(t, s, 2, T0 + 3);
	call_of(t, s, 3, T0 + 4);
	call_of(t, s, 4, T0 + 5);
	subject_add_flagged(t, s, number(1), T0 + 6);
	subject_add_flagged(t, s, number(5), T0 + 7); /* none of its calls is known */
	assert_int_equal(subject_numbers(s, T0, n, 10), 5);
	static const int order[] = {5, 1, 2, 4, 3};
	for (int i = 0; i < 5; i++)
		assert_true(n[i].number == number(order[i]));
	assert_true(n[0].flagged_ms == T0 + 7 && n[0].calls == 0 && n[0].last_ms == T0 + 7);
	assert_true(n[1].flagged_ms == T0 + 6 && n[1].calls == 1 && n[1].last_ms == T0 + 6);
	assert_true(n[2].flagged_ms == TIME_NONE && n[2].calls == 2 && n[2].last_ms == T0 + 3);
	assert_int_equal(subject_numbers(s, T0, n, 2), 2);
	/* what was before the window is not named */
	assert_int_equal(subject_numbers(s, T0 + 4, n, 10), 3);
	assert_true(n[0].number == number(5) && n[1].number == number(1) && n[1].calls == 0 && n[2].number == number(4));
	assert_true(subject_newest_ms(s) == T0 + 7);
	table_free(t);
}

static void of_many_numbers_the_newest_are_known(void **state)
{
	struct table *t = table_new(0);
	struct subject *s = block(t);
	struct cohort_number n[300];
	(void)state;
	for (int i = 0; i < 600; i++)
		call_of(t, s, i, T0 + i);
	uint32_t cnt = subject_numbers(s, T0 - 1, n, 300);
	assert_in_range(cnt, 128, 192);
	for (uint32_t i = 0; i < 128; i++)
		assert_true(n[i].number == number(599 - (int)i) && n[i].calls == 1);
	/* the same once it was stored */
	struct buf b = {0};
	struct subject back;
	struct cohort_number again[300];
	struct err_text why = {""};
	record_encode(s, &b);
	assert_int_equal(record_decode(buf_slice(&b), &back, &why), ERR_OK);
	assert_int_equal(subject_numbers(&back, T0 - 1, again, 300), cnt);
	for (uint32_t i = 0; i < cnt; i++)
		assert_true(n[i].number == again[i].number && n[i].last_ms == again[i].last_ms && n[i].calls == again[i].calls);
	subject_release(&back);
	buf_release(&b);
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_is_unpacked_as_it_was),
		cmocka_unit_test(flagged_numbers_come_first_then_those_that_called_most),
		cmocka_unit_test(of_many_numbers_the_newest_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
