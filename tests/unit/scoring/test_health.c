/* SPDX-License-Identifier: Apache-2.0 */
/* Health: its bounds, its steadiness, its reasons. */
#include "tests/unit/unit.h"

#include "scoring/health.h"
#include "tests/unit/scoring/naive_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const enum feature parts[HEALTH_PARTS] = {FEATURE_HEALTH, FEATURE_HEALTH_MATURITY, FEATURE_HEALTH_CONNECTION,
						 FEATURE_HEALTH_ENGAGEMENT, FEATURE_HEALTH_SENTIMENT};

static struct cdr answered_call(struct rig *r, int64_t end_ms)
{
	struct cdr c = {
		.use = CDR_COUNT, .start_ms = end_ms - 65000, .event_ms = end_ms, .answered = true, .talk_ms = 60000, .ring_ms = CDR_NONE};
	snprintf(r->called, sizeof r->called, "+1212777%04llu", (unsigned long long)(r->next_id % 10000));
	c.called_number = c.callee = slice_of(r->called);
	c.calling_number = slice_of(r->key);
	c.disposition = DISPOSITION_ANSWERED;
	c.id_hash = (uint32_t)r->next_id++ | 0x80000000u;
	return c;
}

/* ---- what one call may do, on figures alone ---- */

static uint64_t some(struct rig *r, uint64_t most) /* none, all, few or any */
{
	switch (rig_roll(r, 4)) {
	case 0:
		return 0;
	case 1:
		return most;
	case 2:
		return most ? rig_roll(r, most / 8 + 1) : 0;
	default:
		return rig_roll(r, most + 1);
	}
}

static struct health_facts random_facts(struct rig *r)
{
	struct health_facts h = {.age_days = (int64_t)rig_roll(r, 120)};
	uint64_t n = 50 + rig_roll(r, rig_roll(r, 2) ? 79 : 5), left = n;
	h.n[COUNT_CALLS] = n;
	left -= h.n[COUNT_ANSWERED] = some(r, left);
	left -= h.n[COUNT_INVALID] = some(r, left);
	left -= h.n[COUNT_CANCELLED] = some(r, left);
	h.n[COUNT_REJECTED] = some(r, left);
	h.n[COUNT_BLOCKED] = some(r, n - h.n[COUNT_ANSWERED]);
	h.n[COUNT_SHORT10] = some(r, h.n[COUNT_ANSWERED]);
	h.n[COUNT_SHORT6] = some(r, h.n[COUNT_SHORT10]);
	h.n[COUNT_ABANDONED] = some(r, h.n[COUNT_SHORT6]);
	h.n[COUNT_LONG60] = some(r, h.n[COUNT_ANSWERED] - h.n[COUNT_SHORT10]);
	h.n[COUNT_CALLEES] = 1 + some(r, n - 1);
	h.n[COUNT_ZONED] = some(r, n);
	h.n[COUNT_OFF_HOURS] = some(r, h.n[COUNT_ZONED]);
	h.n[COUNT_INCOMING] = some(r, 2 * n);
	h.n[COUNT_FLAGS] = some(r, 7);
	uint64_t low = h.n[COUNT_LONG60] * 60000, room = (h.n[COUNT_ANSWERED] - h.n[COUNT_SHORT6]) * 59000;
	h.talk_ms = low + some(r, room + (h.n[COUNT_LONG60] ? 3600000 : 0));
	return h;
}

static struct health_facts with_call(struct rig *r, struct health_facts h)
{
	bool zoned = rig_roll(r, 2);
	h.n[COUNT_CALLS]++;
	h.n[COUNT_ANSWERED]++;
	h.n[COUNT_LONG60]++;
	h.n[COUNT_CALLEES]++;
	h.n[COUNT_ZONED] += zoned;
	h.n[COUNT_OFF_HOURS] += zoned && rig_roll(r, 2);
	h.talk_ms += 60000;
	return h;
}

/* Up to 128 calls, where the figures are exact: random numbers, and for each a climb to a worse one. */
static void answered_call_of_a_minute_moves_no_part_by_more_than_2(void **state)
{
	(void)state;
	struct rig r;
	int32_t most[HEALTH_PARTS] = {0};
	rig_init(&r, 1, false);
	for (int i = 0; i < 300000; i++) {
		struct health_facts h = random_facts(&r), then = with_call(&r, h);
		struct health a, b;
		health_make(&h, &a);
		health_make(&then, &b);
		for (int p = 0; p < HEALTH_PARTS; p++) {
			int32_t by = abs(b.of[p] - a.of[p]);
			most[p] = by > most[p] ? by : most[p];
			assert_in_range(a.of[p], 0, 100);
			if (by > 2)
				fail_msg("part %d: %d to %d", p, a.of[p], b.of[p]);
		}
	}
	print_message("most moved: health %d, maturity %d, connection %d, engagement %d, sentiment %d\n", most[0], most[1], most[2],
		      most[3], most[4]);
	rig_release(&r);
}

/* ---- of numbers with calls ---- */

static void answered_call_of_a_minute_moves_a_number_by_2_at_most(void **state)
{
	(void)state;
	uint32_t tried = 0, deep = 0;
	int32_t most[HEALTH_PARTS] = {0};
	for (uint64_t seed = 1; seed <= 1200; seed++) {
		struct rig r;
		rig_init(&r, seed, false);
		r.shape = rig_shape(&r);
		r.shape.gap_ms = r.shape.gap_ms > 8 * HOUR_MS ? 8 * HOUR_MS : r.shape.gap_ms;
		r.shape.jump_a_1000 = 0;
		uint64_t calls = 50 + rig_roll(&r, seed % 3 ? 90 : 2000);
		bool late;
		for (uint64_t i = 0; i < calls; i++) {
			struct cdr c = rig_cdr(&r);
			(void)subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late);
			if (rig_roll(&r, 8) == 0)
				subject_add_incoming(r.table, r.subject, c.event_ms, rig_roll(&r, 50) + 1, c.event_ms);
		}
		for (int k = 0; k < 3; k++) {
			struct cdr c = answered_call(&r, r.subject->clock_ms + 1 + (int64_t)rig_roll(&r, 10 * MINUTE_MS));
			struct health before, after;
			int64_t in_31d =
				rig_figure(&r, (struct figure_key){.feature = FEATURE_CALLS, .window_ms = WINDOW_MAX_MS}, c.event_ms).i;
			health_of(r.subject, c.event_ms, &before);
			assert_int_equal(subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late), CALL_APPLIED);
			health_of(r.subject, c.event_ms, &after);
			if (in_31d < 50)
				continue;
			tried++;
			deep += in_31d > 128;
			for (int p = 0; p < HEALTH_PARTS; p++) {
				int32_t by = abs(after.of[p] - before.of[p]);
				most[p] = by > most[p] ? by : most[p];
				if (by > 2)
					fail_msg("seed %llu, part %d: %d to %d", (unsigned long long)seed, p, before.of[p], after.of[p]);
			}
		}
		rig_release(&r);
	}
	print_message("%u calls, %u to numbers with more than 128; most moved: %d, %d, %d, %d, %d\n", tried, deep, most[0], most[1],
		      most[2], most[3], most[4]);
	assert_true(tried > 1500 && deep > 500);
}

static void health_is_not_known_before_20_calls(void **state)
{
	(void)state;
	struct rig r;
	bool late;
	struct health h;
	struct health_reason reasons[HEALTH_REASONS_MAX];
	rig_init(&r, 1, false);
	for (int i = 0; i < 20; i++) {
		health_of(r.subject, r.now_ms, &h);
		for (int p = 0; p < HEALTH_PARTS; p++) {
			assert_int_equal(h.of[p], -1);
			assert_int_equal(rig_figure(&r, (struct figure_key){.feature = parts[p]}, r.now_ms).i, -1);
		}
		assert_int_equal(health_reasons(r.subject, r.now_ms, reasons), 0);
		struct cdr c = answered_call(&r, r.now_ms + i * MINUTE_MS);
		(void)subject_add_call(r.table, r.subject, &c, HOUR_MS, &late);
	}
	health_of(r.subject, r.now_ms, &h);
	for (int p = 0; p < HEALTH_PARTS; p++)
		assert_in_range(h.of[p], 0, 100);
	assert_true(h.of[HEALTH_MATURITY] < 20 && h.of[HEALTH_CONNECTION] > 60);
	/* a month later it is silent */
	assert_int_equal(rig_figure(&r, (struct figure_key){.feature = FEATURE_HEALTH}, r.subject->clock_ms + WINDOW_MAX_MS).i, -1);
	rig_release(&r);
}

static void cohort_has_no_health(void **state)
{
	(void)state;
	struct rig r;
	struct health h;
	rig_init(&r, 1, true);
	r.shape = rig_shape(&r);
	for (int i = 0; i < 100; i++) {
		struct cdr c = rig_cdr(&r);
		rig_call(&r, &c);
	}
	health_of(r.subject, r.now_ms, &h);
	assert_int_equal(h.of[HEALTH_ALL], -1);
	rig_release(&r);
}

static void health_does_not_ask_who_calls_back(void **state)
{
	(void)state;
	struct health_facts good = {.age_days = 100, .talk_ms = UINT64_C(2000) * 90000};
	good.n[COUNT_CALLS] = good.n[COUNT_ANSWERED] = good.n[COUNT_LONG60] = 2000;
	good.n[COUNT_CALLEES] = 20;
	struct health none, some;
	health_make(&good, &none);
	good.n[COUNT_INCOMING] = 1000;
	health_make(&good, &some);
	assert_int_equal(none.of[HEALTH_ALL], 100);
	assert_memory_equal(&none, &some, sizeof none);
}

/* ---- reasons ---- */

static struct figure_key key_of(const char *figure)
{
	struct figure_key k = {.window_ms = 0};
	const char *bracket = strchr(figure, '[');
	assert_true(feature_find(slice_make(figure, bracket ? (size_t)(bracket - figure) : strlen(figure)), &k.feature));
	if (bracket) {
		assert_string_equal(bracket, "[\"31d\"]");
		k.window_ms = WINDOW_MAX_MS;
	}
	return k;
}

static void check_reasons(struct rig *r, int64_t as_of_ms)
{
	struct health_reason reasons[HEALTH_REASONS_MAX];
	struct health h;
	double all = 100, most = 0;
	uint32_t n = health_reasons(r->subject, as_of_ms, reasons);
	health_of(r->subject, as_of_ms, &h);
	assert_true((n > 0) == (h.of[HEALTH_ALL] >= 0));
	for (uint32_t i = 0; i < n; i++) {
		struct value v = rig_figure(r, key_of(reasons[i].figure), as_of_ms);
		assert_int_equal(v.type, reasons[i].value.type);
		if (v.type == VALUE_INT)
			assert_int_equal(v.i, reasons[i].value.i);
		else
			assert_true(fabs(v.d - reasons[i].value.d) < 1e-9);
		assert_true(fabs(reasons[i].points) <= reasons[i].most + 0.01);
		assert_true(strlen(reasons[i].words) + 1 < sizeof reasons[i].words && reasons[i].text[0]);
		assert_true(i == 0 || reasons[i].points >= reasons[i - 1].points || reasons[i].points >= 0);
		all += reasons[i].points;
		most += reasons[i].points < 0 ? reasons[i].most : 0;
	}
	assert_true(n == 0 || fabs(all - h.of[HEALTH_ALL] - 0.5) < 0.7);
	assert_true(most <= 100);
}

static void reasons_add_up_and_name_true_figures(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct rig r;
		bool late;
		rig_init(&r, seed, false);
		r.shape = rig_shape(&r);
		uint64_t calls = rig_roll(&r, 300);
		for (uint64_t i = 0; i < calls; i++) {
			struct cdr c = rig_cdr(&r);
			(void)subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late);
			if (rig_roll(&r, 8) == 0)
				subject_add_incoming(r.table, r.subject, c.event_ms, rig_roll(&r, 50) + 1, c.event_ms);
			if (rig_roll(&r, 100) == 0)
				subject_add_flag(r.table, r.subject, c.event_ms);
		}
		check_reasons(&r, r.subject->clock_ms);
		check_reasons(&r, r.subject->clock_ms + 5 * DAY_MS);
		rig_release(&r);
	}
}

/* Slots read with a rule set's windows, after each call, against a reading from outside. */
static void figures_of_a_rule_set_are_the_same_health(void **state)
{
	(void)state;
	static struct figures f;
	struct figure_key keys[] = {{.feature = FEATURE_CALLS, .window_ms = HOUR_MS},
				    {.feature = FEATURE_HEALTH},
				    {.feature = FEATURE_CALLEE_RATIO, .window_ms = DAY_MS},
				    {.feature = FEATURE_HEALTH_SENTIMENT}};
	uint64_t filled[1];
	struct value values[4];
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rig r;
		bool late;
		rig_init(&r, seed, false);
		r.shape = rig_shape(&r);
		f = (struct figures){.keys = keys, .n = 4, .filled = filled, .values = values};
		for (int i = 0; i < 500; i++) {
			struct cdr c = rig_cdr(&r);
			struct health h, same;
			(void)subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late);
			figures_reset(&f, r.subject, r.subject->clock_ms);
			health_of(r.subject, r.subject->clock_ms, &h);
			figures_health(&f, &same);
			assert_memory_equal(&h, &same, sizeof h);
			assert_int_equal(figure_get(&f, 1).i, h.of[HEALTH_ALL]);
			assert_int_equal(figure_get(&f, 3).i, h.of[HEALTH_SENTIMENT]);
			assert_int_equal(figure_get(&f, 0).i,
					 rig_figure(&r, (struct figure_key){FEATURE_CALLS, HOUR_MS, 0}, r.subject->clock_ms).i);
		}
		rig_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answered_call_of_a_minute_moves_no_part_by_more_than_2),
		cmocka_unit_test(answered_call_of_a_minute_moves_a_number_by_2_at_most),
		cmocka_unit_test(health_is_not_known_before_20_calls),
		cmocka_unit_test(cohort_has_no_health),
		cmocka_unit_test(health_does_not_ask_who_calls_back),
		cmocka_unit_test(reasons_add_up_and_name_true_figures),
		cmocka_unit_test(figures_of_a_rule_set_are_the_same_health),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
