/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, log lines, UTF-8: small things. */
#include "base/err.h"
#include "base/log.h"
#include "base/utf8.h"
#include "tests/unit/unit.h"

static void every_error_has_a_name_a_meaning_and_an_exit_status(void **state)
{
	static const enum err all[] = {
#define X(code, class, exit, text) ERR_##code,
		ERR_TABLE(X)
#undef X
	};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		assert_true(err_name(all[i])[0] && err_meaning(all[i])[0]);
		assert_in_range(err_exit(all[i]), all[i] ? 1 : 0, all[i] ? 3 : 0);
	}
	assert_int_equal(err_class(ERR_AWAY), ERR_CLASS_RETRY);
	assert_int_equal(err_class(ERR_INPUT), ERR_CLASS_SKIP);
	assert_int_equal(err_exit(ERR_NO), 1);
	assert_int_equal(err_exit(ERR_CONFIG), 2);
}

static void detail_is_cut_not_overrun_and_may_be_left_out(void **state)
{
	struct err_text t;
	char longer[2000];
	(void)state;
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(err_set(&t, ERR_IO, "%s", longer), ERR_IO);
	assert_int_equal(strlen(t.text), sizeof t.text - 1);
	assert_int_equal(err_set(NULL, ERR_AWAY, "%s", "nobody reads this"), ERR_AWAY);
}

static void number_in_a_log_is_masked_when_asked(void **state)
{
	char t[LOG_NUMBER_BYTES];
	(void)state;
	log_init(LOG_ERROR, false);
	assert_string_equal(log_number(SLICE_LIT("+15551230000"), t), "+15551230000");
	log_init(LOG_ERROR, true);
	assert_string_equal(log_number(SLICE_LIT("+15551230000"), t), "+1555*****00");
	assert_string_equal(log_number(SLICE_LIT("+1555"), t), "***55");
	assert_string_equal(log_number(SLICE_NONE, t), "");
	log_init(LOG_INFO, false);
}

static void limited_message_passes_once_and_counts_the_rest(void **state)
{
	struct log_limit l = {0};
	uint64_t held = 99;
	(void)state;
	assert_true(log_limit_pass(&l, 3600, &held));
	assert_int_equal(held, 0);
	assert_false(log_limit_pass(&l, 3600, &held));
	assert_false(log_limit_pass(&l, 3600, &held));
	l.next_ns = 0;
	assert_true(log_limit_pass(&l, 3600, &held));
	assert_int_equal(held, 2);
}

/* Oracle: the definition. A code point encoded is valid in its shortest form only. */
static void utf8_is_valid_in_its_shortest_form_only(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x120000; c += c < 0x11000 ? 1 : 37) {
		uint8_t two[] = {(uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 63))};
		uint8_t three[] = {(uint8_t)(0xe0 | c >> 12), (uint8_t)(0x80 | (c >> 6 & 63)), (uint8_t)(0x80 | (c & 63))};
		uint8_t four[] = {(uint8_t)(0xf0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 63)), (uint8_t)(0x80 | (c >> 6 & 63)),
				  (uint8_t)(0x80 | (c & 63))};
		if (c < 0x800)
			assert_int_equal(utf8_valid(slice_make(two, 2)), c >= 0x80);
		if (c < 0x10000)
			assert_int_equal(utf8_valid(slice_make(three, 3)), c >= 0x800 && (c < 0xd800 || c > 0xdfff));
		assert_int_equal(utf8_valid(slice_make(four, 4)), c >= 0x10000 && c < 0x110000);
	}
}

static void utf8_broken_off_or_stray_is_found_at_every_place(void **state)
{
	(void)state;
	for (size_t at = 0; at < 24; at++) {
		char text[25] = "abcdefghijklmnopqrstuvwx";
		assert_true(utf8_valid(slice_make(text, 24)));
		text[at] = (char)0x80;
		assert_false(utf8_valid(slice_make(text, 24)));
		text[at] = (char)0xc3;
		assert_false(utf8_valid(slice_make(text, 24)));
	}
	assert_true(utf8_valid(SLICE_LIT("gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x93\x9e")));
	assert_false(utf8_valid(slice_make("\xf0\x9f\x93\x9e", 3)));
	assert_true(utf8_valid(SLICE_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_name_a_meaning_and_an_exit_status),
		cmocka_unit_test(detail_is_cut_not_overrun_and_may_be_left_out),
		cmocka_unit_test(number_in_a_log_is_masked_when_asked),
		cmocka_unit_test(limited_message_passes_once_and_counts_the_rest),
		cmocka_unit_test(utf8_is_valid_in_its_shortest_form_only),
		cmocka_unit_test(utf8_broken_off_or_stray_is_found_at_every_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
