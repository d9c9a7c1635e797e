/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>

/* The number a text stands for, or "no": one string to compare, so a failure shows both. */
static const char *number_or_no(bool ok, int64_t v)
{
	static char out[32];
	snprintf(out, sizeof out, "%" PRId64, v);
	return ok ? out : "no";
}

static void time_is_read_in_every_form_that_is_allowed_and_in_no_other(void **state)
{
	static const char *const cases[][2] = {
		{"0", "0"},
		{"1700000000123", "1700000000123"},
		{"-5", "-5"},
		{"999999999999999999", "999999999999999999"},
		{"1970-01-01T00:00:00Z", "0"},
		{"2023-11-14T22:13:20.123Z", "1700000000123"},
		{"2023-11-14t22:13:20.123z", "1700000000123"},
		{"2023-11-14 22:13:20.123Z", "1700000000123"},
		{"2023-11-14T23:13:20.123+01:00", "1700000000123"},
		{"2023-11-14T16:43:20.123-05:30", "1700000000123"},
		{"2023-11-14T22:13:20.1Z", "1700000000100"},
		{"2023-11-14T22:13:20.123999999999Z", "1700000000123"},
		{"2024-02-29T00:00:00Z", "1709164800000"},
		{"2000-02-29T00:00:00Z", "951782400000"},
		{"2016-12-31T23:59:60Z", "1483228800000"}, /* a leap second is the next second */
		{"1969-12-31T23:59:59.999Z", "-1"},
		{"9999-12-31T23:59:59.999Z", "253402300799999"},
		{"", "no"},
		{"-", "no"},
		{"+5", "no"},
		{"1e3", "no"},
		{"9999999999999999999", "no"},
		{"2023-11-14", "no"},
		{"2023-11-14T22:13:20", "no"}, /* no zone */
		{"2023-11-14T22:13:20.Z", "no"},
		{"2023-11-14T22:13:20.1", "no"},
		{"2023-11-14T22:13:20+0100", "no"},
		{"2023-11-14T22:13:20+24:00", "no"},
		{"2023-11-14T22:13:20Zx", "no"},
		{"2023-11-14X22:13:20Z", "no"},
		{"2023-13-14T22:13:20Z", "no"},
		{"2023-00-14T22:13:20Z", "no"},
		{"2023-11-31T22:13:20Z", "no"},
		{"2023-02-29T22:13:20Z", "no"},
		{"1900-02-29T22:13:20Z", "no"},
		{"2023-11-14T24:00:00Z", "no"},
		{"2023-11-14T22:60:00Z", "no"},
		{"2023-11-14T22:13:61Z", "no"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t ms = 77;
		bool ok = time_parse(slice_of(cases[i][0]), &ms);
		assert_string_equal(number_or_no(ok, ms), cases[i][1]);
		if (!ok)
			assert_int_equal(ms, 77);
	}
}

static void time_is_written_with_milliseconds_and_clamped_to_four_digit_years(void **state)
{
	char t[TIME_TEXT_BYTES];
	(void)state;
	assert_string_equal(time_format(0, t), "1970-01-01T00:00:00.000Z");
	assert_string_equal(time_format(-1, t), "1969-12-31T23:59:59.999Z");
	assert_string_equal(time_format(1700000000123, t), "2023-11-14T22:13:20.123Z");
	assert_string_equal(time_format(INT64_MIN, t), "0000-01-01T00:00:00.000Z");
	assert_string_equal(time_format(INT64_MAX, t), "9999-12-31T23:59:59.999Z");
	assert_string_equal(time_format(YEAR_10000_MS, t), "9999-12-31T23:59:59.999Z");
}

static void time_written_reads_back(void **state)
{
	char t[TIME_TEXT_BYTES];
	int64_t back;
	(void)state;
	for (int64_t ms = -62135596800000; ms < YEAR_10000_MS; ms += 86399999 * INT64_C(37)) {
		assert_true(time_parse(slice_of(time_format(ms, t)), &back));
		assert_int_equal(back, ms);
	}
}

/* Oracle: a calendar that counts day by day. */
static void civil_days_agree_with_counting_them(void **state)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t days = civil_to_days(1600, 1, 1);
	(void)state;
	assert_int_equal(days, -135140);
	for (int64_t y = 1600; y < 2401; y++) {
		bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
		for (int m = 1; m <= 12; m++) {
			for (int d = 1; d <= month_days[m - 1] + (m == 2 && leap); d++, days++) {
				int64_t year;
				int month, day;
				assert_int_equal(civil_to_days(y, m, d), days);
				days_to_civil(days, &year, &month, &day);
				assert_true(year == y && month == m && day == d);
			}
		}
	}
}

static void duration_is_read_as_prometheus_reads_it(void **state)
{
	static const char *const cases[][2] = {
		{"1s", "1000"},
		{"1h30m", "5400000"},
		{"1w2d3h4m5s6ms", "788645006"},
		{"250ms", "250"},
		{"31d", "2678400000"},
		{"15250284452w", "9223372036569600000"},
		{"", "no"},
		{"0s", "no"},
		{"5", "no"},
		{"s", "no"},
		{"-1s", "no"},
		{"1 s", "no"},
		{"1.5h", "no"},
		{"1m1h", "no"}, /* falling order */
		{"1s1s", "no"},
		{"1y", "no"},
		{"1H", "no"},
		{"15250284453w", "no"}, /* past 64 bits */
		{"999999999999w", "no"},
		{"15250284452w9000d", "no"},
		{"99999999999999999999ms", "no"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t ms = 77;
		bool ok = duration_parse(slice_of(cases[i][0]), &ms);
		assert_string_equal(number_or_no(ok, ms), cases[i][1]);
	}
}

static void duration_is_written_short_and_reads_back(void **state)
{
	static const int64_t cases[] = {1, 999, 1000, 61000, 5400000, DAY_MS, 30 * DAY_MS, 31 * DAY_MS + HOUR_MS + 7, INT64_MAX};
	char t[TIME_TEXT_BYTES];
	(void)state;
	assert_string_equal(duration_format(0, t), "0s");
	assert_string_equal(duration_format(5400000, t), "1h30m");
	assert_string_equal(duration_format(14 * DAY_MS, t), "14d");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t back = 0;
		assert_true(duration_parse(slice_of(duration_format(cases[i], t)), &back));
		assert_int_equal(back, cases[i]);
	}
}

static void monotonic_time_does_not_go_back(void **state)
{
	struct mono_time a = mono_now(), b = mono_now();
	(void)state;
	assert_true(b.ns >= a.ns);
	assert_true(mono_seconds_since(a) >= 0);
	assert_true(wall_now().ms > INT64_C(1700000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_read_in_every_form_that_is_allowed_and_in_no_other),
		cmocka_unit_test(time_is_written_with_milliseconds_and_clamped_to_four_digit_years),
		cmocka_unit_test(time_written_reads_back),
		cmocka_unit_test(civil_days_agree_with_counting_them),
		cmocka_unit_test(duration_is_read_as_prometheus_reads_it),
		cmocka_unit_test(duration_is_written_short_and_reads_back),
		cmocka_unit_test(monotonic_time_does_not_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
