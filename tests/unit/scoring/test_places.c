/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/places.h"
#include "tests/unit/scoring/places_expected.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct place at(const char *number)
{
	struct place p;
	place_of(slice_of(number), &p);
	return p;
}

static void assert_zone(const char *number, const char *name)
{
	uint16_t zone = at(number).zone;
	if (!name)
		assert_int_equal(zone, 0);
	else if (zone == 0 || zone != zone_find(slice_of(name)))
		fail_msg("%s is in '%s', expected %s", number, zone_name(zone), name);
}

static void numbers_have_the_zone_of_their_area(void **state)
{
	(void)state;
	assert_zone("+12125550100", "America/New_York");
	assert_zone("+16025550100", "America/Phoenix");
	assert_zone("+18085550100", "Pacific/Honolulu");
	assert_zone("+447700900123", "Europe/London");
	assert_zone("+919810000000", "Asia/Kolkata");
	assert_zone("+4930123456", "Europe/Berlin");
	assert_zone("+33142685300", "Europe/Paris");
	assert_zone("+74951234567", "Europe/Moscow");
	assert_zone("+61392000000", "Australia/Sydney"); /* as the data have it */
	assert_zone("+551130000000", "America/Sao_Paulo");
	assert_zone("+2348030000000", "Africa/Lagos");
}

static void numbers_that_nothing_decides_have_no_zone(void **state)
{
	(void)state;
	assert_zone("+18505550100", NULL); /* Tallahassee and Pensacola differ */
	assert_zone("+18005550100", NULL);
	assert_zone("+61882000000", NULL); /* Adelaide, and Eucla's side */
	assert_zone("+9999999999", NULL);
}

static void regions_are_area_codes_and_country_codes(void **state)
{
	(void)state;
	assert_int_equal(at("+12125550100").region, 212);
	assert_int_equal(at("+18005550100").region, 800);
	assert_int_equal(at("+447700900123").region, 1044);
	assert_int_equal(at("+3545812345").region, 1354);
	assert_int_equal(at("+74951234567").region, 1007);
	assert_int_equal(at("+9999999999").region, 0);
}

static void what_is_not_e164_is_nowhere(void **state)
{
	(void)state;
	const char *const bad[] = {"",
				   "+",
				   "+1",
				   "+0123456",
				   "12125550100",
				   "+1212555010x",
				   "+1234567890123456",
				   "anonymous",
				   "+1234567890123456789012345678901234567890"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(at(bad[i]).zone, 0);
		assert_int_equal(at(bad[i]).region, 0);
	}
}

static void offsets_are_those_of_another_reader_of_the_tz_database(void **state)
{
	(void)state;
	size_t n = sizeof expected / sizeof expected[0];
	assert_true(n > 2000);
	for (size_t i = 0; i < n; i++) {
		uint16_t zone = zone_find(slice_of(expected[i].zone));
		assert_true(zone > 0);
		int32_t got = zone_offset_s(zone, expected[i].utc_s * 1000);
		if (got != expected[i].offset_s)
			fail_msg("%s at %lld: %d, expected %d", expected[i].zone, (long long)expected[i].utc_s, got, expected[i].offset_s);
	}
}

static int64_t ms(const char *text)
{
	int64_t t;
	assert_true(time_parse(slice_of(text), &t));
	return t;
}

static void assert_begin(const char *zone, int64_t year, int month, int day, const char *utc)
{
	char text[TIME_TEXT_BYTES];
	int64_t begin = zone_day_begin_ms(zone_find(slice_of(zone)), civil_to_days(year, month, day));
	if (begin != ms(utc))
		fail_msg("%s %d-%d-%d begins at %s, expected %s", zone, (int)year, month, day, time_format(begin, text), utc);
}

static void days_begin_at_local_midnight_or_where_the_clock_jumped(void **state)
{
	(void)state;
	assert_begin("America/New_York", 2026, 3, 8, "2026-03-08T05:00:00Z");
	assert_begin("America/New_York", 2026, 3, 9, "2026-03-09T04:00:00Z");
	assert_begin("America/New_York", 2026, 11, 1, "2026-11-01T04:00:00Z");
	assert_begin("America/New_York", 2026, 11, 2, "2026-11-02T05:00:00Z");
	assert_begin("Australia/Lord_Howe", 2026, 4, 5, "2026-04-04T13:00:00Z");
	assert_begin("Australia/Lord_Howe", 2026, 4, 6, "2026-04-05T13:30:00Z");
	assert_begin("America/Sao_Paulo", 2018, 11, 4, "2018-11-04T03:00:00Z"); /* 00:00 to 01:00 was skipped */
	assert_begin("Pacific/Apia", 2011, 12, 29, "2011-12-29T10:00:00Z");
	assert_begin("Pacific/Apia", 2011, 12, 30, "2011-12-30T10:00:00Z"); /* a day that never was: the next begins */
	assert_begin("Pacific/Apia", 2011, 12, 31, "2011-12-30T10:00:00Z");
	assert_begin("Asia/Kolkata", 2024, 2, 29, "2024-02-28T18:30:00Z");
}

static void every_day_of_every_zone_begins_in_itself(void **state)
{
	(void)state;
	for (uint16_t z = 1; zone_name(z)[0]; z++)
		for (int64_t day = 1; day < 24000; day += 7) {
			int64_t begin = zone_day_begin_ms(z, day);
			int64_t got = zone_day(z, begin);
			if ((got != day && got != day + 1) || zone_day(z, begin - 1) >= day)
				fail_msg("%s: day %lld", zone_name(z), (long long)day);
		}
}

static void zone_none_is_utc(void **state)
{
	(void)state;
	assert_int_equal(zone_offset_s(0, ms("2026-07-01T00:00:00Z")), 0);
	assert_int_equal(zone_day(0, -1), -1);
	assert_int_equal(zone_day_begin_ms(0, 20000), 20000 * DAY_MS);
	assert_int_equal(zone_find(SLICE_LIT("Atlantis/Nowhere")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_the_zone_of_their_area),
		cmocka_unit_test(numbers_that_nothing_decides_have_no_zone),
		cmocka_unit_test(regions_are_area_codes_and_country_codes),
		cmocka_unit_test(what_is_not_e164_is_nowhere),
		cmocka_unit_test(offsets_are_those_of_another_reader_of_the_tz_database),
		cmocka_unit_test(days_begin_at_local_midnight_or_where_the_clock_jumped),
		cmocka_unit_test(every_day_of_every_zone_begins_in_itself),
		cmocka_unit_test(zone_none_is_utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
