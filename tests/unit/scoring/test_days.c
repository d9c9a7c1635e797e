/* SPDX-License-Identifier: Apache-2.0 */
/* Totals of the past days, against a model that keeps every call. */
#include "tests/unit/unit.h"

#include "scoring/places.h"
#include "tests/unit/scoring/naive_rig.h"

#include <stdlib.h>

struct totals {
	uint64_t calls, answered, talk_ms;
};

static struct totals of_day(const struct naive *n, uint16_t zone, int64_t day, int64_t as_of_ms)
{
	const struct naive_call *from;
	size_t cnt = naive_window(n, WINDOW_MAX_MS, as_of_ms, &from);
	struct totals t = {0, 0, 0};
	for (size_t i = 0; i < cnt; i++)
		if (zone_day(zone, from[i].start_ms) == day) {
			t.calls++;
			t.answered += from[i].answered;
			t.talk_ms += (uint64_t)from[i].talk_ms;
		}
	return t;
}

static int32_t callees_of_day(const struct naive *n, uint16_t zone, int64_t day, int64_t as_of_ms)
{
	const struct naive_call *from;
	size_t cnt = naive_window(n, WINDOW_MAX_MS, as_of_ms, &from);
	int32_t callees = 0;
	for (size_t i = 0; i < cnt; i++) {
		bool fresh = from[i].called[0] && zone_day(zone, from[i].start_ms) == day;
		for (size_t k = 0; k < i && fresh; k++)
			fresh = zone_day(zone, from[k].start_ms) != day || strcmp(from[k].called, from[i].called) != 0;
		callees += fresh;
	}
	return callees;
}

static uint64_t off(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

struct seen_errors {
	uint64_t exact, spread, calls, missing;
};

static void compare(struct rig *r, uint16_t zone, int64_t as_of_ms, struct seen_errors *e)
{
	struct day_total days[DAY_TOTALS_MAX];
	const struct naive_call *from;
	size_t held = naive_window(&r->naive, WINDOW_MAX_MS, as_of_ms, &from);
	uint32_t n = subject_days(r->subject, zone, as_of_ms, days);
	uint64_t told = 0, true_calls = 0;
	assert_in_range(n, 31, DAY_TOTALS_MAX);
	assert_int_equal(days[n - 1].day, zone_day(zone, as_of_ms));
	assert_int_equal(days[0].day, zone_day(zone, as_of_ms - WINDOW_MAX_MS));
	for (uint32_t i = 0; i < n; i++) {
		struct totals want = of_day(&r->naive, zone, days[i].day, as_of_ms);
		assert_int_equal(days[i].day, days[0].day + i);
		told += days[i].calls;
		true_calls += want.calls;
		assert_true(days[i].answered <= days[i].calls + 1);
		if (held <= 128) {
			assert_int_equal(days[i].calls, want.calls);
			assert_int_equal(days[i].answered, want.answered);
			assert_int_equal(days[i].talk_ms, want.talk_ms);
			assert_int_equal(days[i].callees, callees_of_day(&r->naive, zone, days[i].day, as_of_ms));
			e->exact++;
		} else if (i > 1 && i + 1 < n) { /* at the far edge up to 4 % are left out */
			assert_true(off(days[i].calls, want.calls) <= days[i].spread);
			e->spread += days[i].spread > 0;
		}
	}
	e->calls += true_calls;
	e->missing += off(told, true_calls);
	assert_true(off(told, true_calls) <= true_calls * 4 / 100 + (held > 128));
}

static void days_are_those_of_the_model(void **state)
{
	static const char *const zones[] = {"America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Phoenix"};
	struct seen_errors e = {0, 0, 0, 0};
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rig r;
		rig_init(&r, seed, false);
		r.shape = rig_shape(&r);
		r.shape.lasted_ms = r.shape.lasted_ms > HOUR_MS ? HOUR_MS : r.shape.lasted_ms;
		r.shape.long_a_1000 = 0;
		r.shape.late_a_1000 = 0;
		r.shape.gap_ms = (int64_t)(MINUTE_MS << rig_roll(&r, 9));
		uint64_t calls = rig_roll(&r, seed % 2 ? 128 : 2000);
		for (uint64_t i = 0; i <= calls; i++) {
			struct cdr c = rig_cdr(&r);
			rig_call(&r, &c);
		}
		uint16_t zone = zone_find(slice_of(zones[rig_roll(&r, 4)]));
		compare(&r, zone, r.subject->clock_ms, &e);
		rig_reload(&r);
		compare(&r, zone, r.subject->clock_ms + (int64_t)rig_roll(&r, 3) * DAY_MS, &e);
		rig_release(&r);
	}
	print_message("%llu exact days, %llu days with spread calls; %llu of %llu calls missing\n", (unsigned long long)e.exact,
		      (unsigned long long)e.spread, (unsigned long long)e.missing, (unsigned long long)e.calls);
	assert_true(e.exact > 300 && e.spread > 100);
}

static void nothing_is_told_of_a_number_without_calls(void **state)
{
	(void)state;
	struct rig r;
	struct day_total days[DAY_TOTALS_MAX];
	rig_init(&r, 1, false);
	subject_add_incoming(r.table, r.subject, r.now_ms, 7, r.now_ms);
	assert_int_equal(subject_days(r.subject, 0, r.now_ms, days), 0);
	rig_release(&r);
}

/* 31 x 24 h over the day that lacks an hour begin and end on dates that are 32 days apart. */
static void short_day_makes_33_dates(void **state)
{
	(void)state;
	struct rig r;
	struct day_total days[DAY_TOTALS_MAX];
	bool late;
	uint16_t zone = zone_find(SLICE_LIT("America/New_York"));
	int64_t from = zone_day_begin_ms(zone, 20517 + 1) - 30 * MINUTE_MS; /* 2026-03-05 23:30 */
	rig_init(&r, 1, false);
	r.shape = rig_shape(&r);
	struct cdr c = rig_cdr(&r);
	c.start_ms = c.event_ms = from + 31 * DAY_MS;
	(void)subject_add_call(r.table, r.subject, &c, HOUR_MS, &late);
	uint32_t n = subject_days(r.subject, zone, c.event_ms, days);
	assert_int_equal(n, 33);
	assert_int_equal(days[32].calls, 1);
	assert_true(days[0].partly && !days[1].partly);
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_those_of_the_model),
		cmocka_unit_test(nothing_is_told_of_a_number_without_calls),
		cmocka_unit_test(short_day_makes_33_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
