/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/calendar.h"

#include "tests/unit/unit.h"

/* Two zones: 1 an hour ahead of UTC, from noon of 2024-01-03 on two; 2 five hours behind. */
static uint16_t zone_find(struct slice name)
{
	return slice_is(name, "Ahead") ? 1 : slice_is(name, "Behind") ? 2 : 0;
}

#define MONDAY INT64_C(1704067200000) /* 2024-01-01T00:00:00Z */

static int32_t zone_offset_s(uint16_t zone, int64_t utc_ms)
{
	return zone == 1 ? (utc_ms >= MONDAY + 60 * HOUR_MS ? 7200 : 3600) : -5 * 3600;
}

static const struct rules_world world = {.zone_find = zone_find, .zone_offset_s = zone_offset_s};

static struct calendar calendar(const char *days, const char *hours)
{
	struct calendar c = {.days = 0};
	if (!days)
		c.days = 0x7f;
	else
		assert_true(calendar_parse_days(slice_of(days), &c.days));
	if (hours)
		assert_true(calendar_parse_hours(slice_of(hours), &c.hours[c.span_cnt++]));
	return c;
}

static bool covers(struct calendar c, int day, int hour, int minute)
{
	return calendar_covers(&c, 0, MONDAY + day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS);
}

static void days_are_names_and_spans_of_names(void **state)
{
	uint8_t days = 0;
	(void)state;
	assert_true(calendar_parse_days(SLICE_LIT("mon-fri"), &days) && days == 0x3e);
	assert_true(calendar_parse_days(SLICE_LIT("sun"), &days) && days == 0x3f);
	days = 0;
	assert_true(calendar_parse_days(SLICE_LIT("sat-mon"), &days) && days == 0x43);
	static const char *const bad[] = {"", "-", "mon-", "-mon", "Mon", "monday", "mon-fri-sat", "mon fri", "1"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(calendar_parse_days(slice_of(bad[i]), &days));
}

static void hours_are_two_times_of_a_day(void **state)
{
	struct calendar_span s;
	(void)state;
	assert_true(calendar_parse_hours(SLICE_LIT("08:00-21:30"), &s) && s.from == 480 && s.to == 1290);
	assert_true(calendar_parse_hours(SLICE_LIT("21:00-08:00"), &s) && s.from == 1260 && s.to == 480);
	assert_true(calendar_parse_hours(SLICE_LIT("00:00-24:00"), &s) && s.to == 1440);
	static const char *const bad[] = {"",
					  "8:00-21:00",
					  "08:00",
					  "08:00-08:00",
					  "24:00-08:00",
					  "08:00-24:01",
					  "08:60-09:00",
					  "08.00-09.00",
					  "08:00-09:00 ",
					  "ab:cd-ef:gh"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(calendar_parse_hours(slice_of(bad[i]), &s));
}

static void moment_is_covered_by_day_and_hour(void **state)
{
	(void)state;
	struct calendar c = calendar("mon-fri", "08:00-21:00");
	assert_true(covers(c, 0, 8, 0) && covers(c, 0, 20, 59) && covers(c, 4, 12, 0) && covers(c, 7, 12, 0));
	assert_false(covers(c, 0, 7, 59) || covers(c, 0, 21, 0) || covers(c, 5, 12, 0) || covers(c, 6, 12, 0) || covers(c, -1, 12, 0));
	assert_true(covers(c, -3, 12, 0)); /* the Friday before; so with days before 1970 */
	assert_true(covers(calendar("thu", NULL), -19723, 12, 0) && covers(calendar("wed", NULL), -19724, 12, 0));
	assert_true(covers(calendar(NULL, "00:00-24:00"), 3, 23, 59));
}

static void span_over_midnight_belongs_to_the_day_on_which_it_began(void **state)
{
	(void)state;
	struct calendar c = calendar("fri", "21:00-08:00");
	assert_true(covers(c, 4, 21, 0) && covers(c, 4, 23, 59) && covers(c, 5, 0, 0) && covers(c, 5, 7, 59));
	assert_false(covers(c, 4, 7, 0) || covers(c, 4, 20, 59) || covers(c, 5, 8, 0) || covers(c, 5, 22, 0));
}

static void zone_is_fixed_or_the_number_s_own(void **state)
{
	(void)state;
	struct calendar c = calendar("tue", "00:00-01:00");
	rules_world_set(&world);
	c.zone = 1;
	assert_true(covers(c, 0, 23, 30));
	assert_false(covers(c, 1, 0, 30));
	c.own_zone = true;
	assert_true(calendar_covers(&c, 2, MONDAY + DAY_MS + 5 * HOUR_MS));
	assert_true(calendar_covers(&c, 0, MONDAY + DAY_MS)); /* unknown: UTC */
	assert_false(calendar_covers(&c, 2, MONDAY + DAY_MS));
	c = calendar("wed", "14:00-15:00"); /* the clock goes forward */
	c.zone = 1;
	assert_true(covers(c, 2, 12, 0));
	assert_false(covers(c, 2, 11, 59) || covers(c, 2, 13, 0));
	rules_world_set(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_names_and_spans_of_names),
		cmocka_unit_test(hours_are_two_times_of_a_day),
		cmocka_unit_test(moment_is_covered_by_day_and_hour),
		cmocka_unit_test(span_over_midnight_belongs_to_the_day_on_which_it_began),
		cmocka_unit_test(zone_is_fixed_or_the_number_s_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
