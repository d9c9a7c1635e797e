/* SPDX-License-Identifier: Apache-2.0 */
/* Every figure against a naive model that keeps every call: random and adversarial streams, many windows. RINGFENCE_SEED=n runs one seed alone. */
#include "tests/unit/unit.h"

#include "tests/unit/scoring/naive_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t running; /* seed, for the report of a failure */

static void report(void)
{
	if (running)
		fprintf(stderr, "last seed: RINGFENCE_SEED=%llu\n", (unsigned long long)running);
}

static int64_t as_of(struct rig *r)
{
	int64_t clock_ms = r->naive.clock_ms;
	return rig_roll(r, 4) ? clock_ms : clock_ms + (int64_t)rig_roll(r, UINT64_C(1) << rig_roll(r, 33));
}

static void run_stream(uint64_t seed, uint32_t calls, uint32_t every, bool cohort, const struct shape *shape, struct rig_errors *e)
{
	struct rig r;
	running = seed;
	rig_init(&r, seed, cohort);
	r.shape = shape ? *shape : rig_shape(&r);
	bool agree = r.shape.lasted_same && r.shape.late_a_1000 == 0;
	for (uint32_t i = 0; i < calls; i++) {
		struct cdr c = rig_cdr(&r);
		rig_call(&r, &c);
		if (!cohort && rig_roll(&r, 20) == 0)
			assert_false(rig_call(&r, &c)); /* sent again */
		if (rig_roll(&r, 40) == 0)
			rig_reload(&r);
		if (rig_roll(&r, every) == 0 || i + 1 == calls)
			for (int k = 0; k < 3; k++)
				rig_compare(&r, rig_window(&r), as_of(&r), agree, e);
	}
	assert_int_equal(r.subject->calls, r.naive.cnt);
	rig_release(&r);
	running = 0;
}

/* A seed that failed may be run alone. */
static bool wanted(uint64_t seed)
{
	const char *one = getenv("RINGFENCE_SEED");
	return !one || strtoull(one, NULL, 10) == seed;
}

static void figures_of_up_to_128_calls_are_exact(void **state)
{
	(void)state;
	struct rig_errors e = {0};
	for (uint64_t seed = 1; seed <= 400; seed++)
		if (wanted(seed))
			run_stream(seed, 128, 12, seed % 4 == 0, NULL, &e);
	print_message("%llu comparisons\n", (unsigned long long)e.comparisons);
}

static void print_errors(const struct rig_errors *e)
{
	print_message("gap_cv off by more than 0.1 in %llu of %llu windows\n", (unsigned long long)e->gap_cvs_off,
		      (unsigned long long)e->gap_cvs);
	print_message("%llu comparisons, %llu windows beyond the exact range; worst: calls %.4f answered %.4f talk %.4f gap mean %.4f gap "
		      "cv %.4f\n",
		      (unsigned long long)e->comparisons, (unsigned long long)e->wide_windows, e->calls, e->answered, e->talk, e->gap_mean,
		      e->gap_cv);
}

static void figures_beyond_are_those_of_the_calls_after_one_edge(void **state)
{
	(void)state;
	for (int cohort = 0; cohort < 2; cohort++) {
		struct rig_errors e = {0};
		for (uint64_t seed = 1001; seed <= 1060; seed++)
			if (wanted(seed))
				run_stream(seed, 1500, 60, cohort, NULL, &e);
		print_errors(&e);
		assert_true(e.gap_cvs_off * 100 <= e.gap_cvs); /* a few long gaps right at a disordered edge */
		assert_true(e.calls <= (cohort ? 0.06 : 0.04) && e.answered <= (cohort ? 0.06 : 0.04) && e.talk <= (cohort ? 0.06 : 0.04));
	}
}

static void bounds_hold_for_adversarial_streams(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct shape shape;
	} hard[] = {
		{"bursts of calls of the same second, then silence",
		 {.gap_ms = 5,
		  .quantum_ms = 1000,
		  .lasted_ms = 1000,
		  .callees = 50,
		  .callers = 9,
		  .answered_a_1000 = 300,
		  .jump_a_1000 = 8}},
		{"a ten-hour call among thousands of short ones",
		 {.gap_ms = 3000,
		  .quantum_ms = 1,
		  .lasted_ms = 4000,
		  .long_a_1000 = 1,
		  .callees = 3000,
		  .callers = 9,
		  .answered_a_1000 = 900}},
		{"almost none answered",
		 {.gap_ms = 2000, .quantum_ms = 1, .lasted_ms = 9000, .callees = 5000, .callers = 9, .answered_a_1000 = 5}},
		{"numbers in sequence, all as long",
		 {.gap_ms = 700,
		  .quantum_ms = 1,
		  .lasted_ms = 2000,
		  .lasted_same = true,
		  .callees = 5000,
		  .run_a_1000 = 950,
		  .callers = 9}},
		{"a fifth late by up to a hundred places",
		 {.gap_ms = 900,
		  .late_a_1000 = 200,
		  .late_places = 100,
		  .quantum_ms = 1,
		  .lasted_ms = 5000,
		  .callees = 900,
		  .callers = 9,
		  .answered_a_1000 = 500}},
	};
	for (size_t k = 0; k < sizeof hard / sizeof hard[0]; k++) {
		struct rig_errors e = {0};
		for (uint64_t seed = 4001; seed <= 4003; seed++)
			if (wanted(seed))
				run_stream(seed, 6000, 400, false, &hard[k].shape, &e);
		print_message("%s: ", hard[k].name);
		print_errors(&e);
		assert_true(e.calls <= 0.04 && e.answered <= 0.04 && e.talk <= 0.04);
	}
}

/* ---- lanes ---- */

#define KEPT (6 * FEATURE_CNT)

/* Two subjects with the same calls: one is read over the same windows after every call, the other over one window at a time. */
static void run_kept(uint64_t seed, uint32_t calls, uint32_t compare_every, bool cohort, const struct shape *shape)
{
	static const int64_t windows[] = {5000, 90000, 15 * MINUTE_MS, 6 * HOUR_MS, 3 * DAY_MS, 31 * DAY_MS};
	static struct figure_key keys[KEPT];
	static struct value values[KEPT];
	static struct figures f;
	uint64_t filled[KEPT / 64 + 1];
	struct rig kept, plain;
	running = seed;
	rig_init(&kept, seed, cohort);
	rig_init(&plain, seed, cohort);
	kept.shape = shape ? *shape : rig_shape(&kept);
	plain.shape = shape ? *shape : rig_shape(&plain);
	memset(&f, 0, sizeof f);
	for (int k = 0; k < FEATURE_CNT; k++)
		for (int w = 0; w < 6 && feature_info((enum feature)k)->windowed && feature_info((enum feature)k)->how != HOW_OUTSIDE; w++)
			keys[f.n++] = (struct figure_key){.feature = (enum feature)k, .window_ms = windows[w]};
	f.keys = keys;
	f.values = values;
	f.filled = filled;
	for (uint32_t i = 0; i < calls; i++) {
		struct cdr c = rig_cdr(&kept), d = rig_cdr(&plain);
		rig_call(&kept, &c);
		rig_call(&plain, &d);
		figures_reset(&f, kept.subject, kept.subject->clock_ms);
		(void)figure_get(&f, 0);
		if (rig_roll(&kept, compare_every) + 0 * rig_roll(&plain, compare_every) > 0)
			continue;
		for (uint32_t k = 0; k < f.n; k++) {
			struct value got = figure_get(&f, k), want = rig_figure(&plain, keys[k], plain.subject->clock_ms);
			if (got.type == VALUE_INT ? got.i != want.i : got.d != want.d)
				fail_msg("%s over %lld ms after %u calls: kept %lld %.17g, read anew %lld %.17g",
					 feature_info(keys[k].feature)->name, (long long)keys[k].window_ms, i + 1, (long long)got.i, got.d,
					 (long long)want.i, want.d);
		}
	}
	rig_release(&kept);
	rig_release(&plain);
	running = 0;
}

static void figures_kept_with_each_call_equal_those_read_anew(void **state)
{
	(void)state;
	for (uint64_t seed = 3001; seed <= 3060; seed++)
		if (wanted(seed))
			run_kept(seed, 1500, 20, seed % 3 == 0, NULL);
}

/* So many that the sums begin anew, first with fewer calls there than a difference tells, then with more. */
static void figures_kept_over_very_many_calls_equal_those_read_anew(void **state)
{
	(void)state;
	const struct shape shape = {.gap_ms = 900,
				    .late_a_1000 = 20,
				    .late_places = 100,
				    .quantum_ms = 1,
				    .lasted_ms = 5000,
				    .callees = 900,
				    .callers = 9,
				    .answered_a_1000 = 500};
	for (uint64_t seed = 3101; seed <= 3102; seed++)
		if (wanted(seed))
			run_kept(seed, 75000, 500, seed % 2 == 0, &shape);
}

/* ---- a call of 60 days ---- */

static void lifetime_counts_all_of_a_call_that_windows_cut_at_49_days(void **state)
{
	(void)state;
	struct rig r;
	rig_init(&r, 1, false);
	r.shape = rig_shape(&r);
	const int64_t talk_ms = 60 * DAY_MS;
	struct cdr c = rig_cdr(&r);
	c.answered = true;
	c.disposition = DISPOSITION_ANSWERED;
	c.talk_ms = talk_ms;
	bool late;
	assert_int_equal(subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late), CALL_APPLIED);
	c.id_hash++;
	c.event_ms++;
	assert_int_equal(subject_add_call(r.table, r.subject, &c, 6 * HOUR_MS, &late), CALL_APPLIED);
	assert_int_equal(r.subject->talk_ms, 2 * talk_ms);
	struct value v = rig_figure(&r, (struct figure_key){.feature = FEATURE_TALK_S, .window_ms = DAY_MS}, r.subject->clock_ms);
	assert_true(v.d == 2.0 * UINT32_MAX / 1000.0);
	rig_release(&r);
}

/* ---- beside its own calls ---- */

static void compare_received(struct rig *r, struct rig_errors *e)
{
	int64_t window_ms = rig_window(r), end_ms = as_of(r);
	struct figure_key in = {.feature = FEATURE_INCOMING, .window_ms = window_ms};
	struct figure_key parties = {.feature = FEATURE_IN_PARTIES, .window_ms = window_ms};
	const struct naive_call *from;
	size_t cnt = naive_window(&r->naive, window_ms, end_ms, &from);
	double want = (double)naive_figure(&r->naive, &in, end_ms, from, cnt).i, got = (double)rig_figure(r, in, end_ms).i;
	double want_parties = (double)naive_figure(&r->naive, &parties, end_ms, from, cnt).i;
	double got_parties = (double)rig_figure(r, parties, end_ms).i;
	double after_edge = 0, later = 0; /* calls received after the window's end take places among the exact ones */
	for (size_t i = 0; i < r->naive.received_cnt; i++) {
		after_edge += r->naive.received[i].event_ms > end_ms - window_ms;
		later += r->naive.received[i].event_ms > end_ms;
	}
	e->comparisons += 2;
	if (after_edge <= 64) {
		if (got != want)
			fail_msg("incoming over %lld ms as of %lld, clock %lld: got %g, want %g", (long long)window_ms, (long long)end_ms,
				 (long long)r->naive.clock_ms, got, want);
		assert_int_equal(got_parties, want_parties);
		return;
	}
	if (later > 0)
		return;
	double wrong = (want - got) / after_edge;
	assert_true(wrong >= 0 && got_parties <= got);
	e->calls = wrong > e->calls ? wrong : e->calls;
	e->wide_windows++;
	if (want_parties <= 64 && want_parties <= got && got_parties != want_parties)
		fail_msg("window %lld end %lld clock %lld received %zu want %g got %g parties %g %g", (long long)window_ms,
			 (long long)end_ms, (long long)r->naive.clock_ms, r->naive.received_cnt, want, got, want_parties, got_parties);
	if (want_parties <= 64 && want_parties <= got)
		assert_int_equal(got_parties, want_parties);
	else if (fabs(got_parties - want_parties) > 0.4 * want_parties)
		fail_msg("in_parties over %lld ms as of %lld: got %g, want %g", (long long)window_ms, (long long)end_ms, got_parties,
			 want_parties);
}

static void run_received(uint64_t seed, uint32_t events, struct rig_errors *e)
{
	struct rig r;
	running = seed;
	rig_init(&r, seed, false);
	r.shape = rig_shape(&r);
	uint64_t parties = 1 + rig_roll(&r, 2000);
	int64_t shard_ms = r.now_ms;
	for (uint32_t i = 0; i < events; i++) {
		struct cdr c = rig_cdr(&r);
		shard_ms = c.event_ms > shard_ms ? c.event_ms : shard_ms;
		if (i == 0 || rig_roll(&r, 50) == 0) {
			rig_call(&r, &c);
		} else {
			uint64_t party = rig_roll(&r, 30) ? 1 + rig_roll(&r, parties) * UINT64_C(0x9e3779b97f4a7c15) : 0;
			naive_received(&r.naive, c.event_ms, party);
			subject_add_incoming(r.table, r.subject, c.event_ms, party, shard_ms);
		}
		if (rig_roll(&r, 40) == 0)
			rig_reload(&r);
		if (rig_roll(&r, 15) == 0 && r.shape.jump_a_1000 == 0)
			compare_received(&r, e);
	}
	assert_int_equal(r.subject->first_seen_ms, r.naive.first_seen_ms);
	assert_int_equal(subject_received(r.subject), r.naive.received_cnt);
	rig_release(&r);
	running = 0;
}

static void received_calls_are_exact_up_to_64_and_within_5_percent_beyond(void **state)
{
	(void)state;
	struct rig_errors e = {0};
	for (uint64_t seed = 2001; seed <= 2150; seed++)
		if (wanted(seed))
			run_received(seed, seed % 3 ? 1200 : 64, &e);
	print_message("%llu comparisons, %llu windows beyond the exact range, worst %.4f\n", (unsigned long long)e.comparisons,
		      (unsigned long long)e.wide_windows, e.calls);
	assert_true(e.calls <= 0.05);
}

static void received_calls_later_than_the_clock_do_not_count_yet(void **state)
{
	(void)state;
	struct rig r;
	struct figure_key in = {.feature = FEATURE_INCOMING, .window_ms = HOUR_MS};
	rig_init(&r, 1, false);
	r.shape = rig_shape(&r);
	struct cdr c = rig_cdr(&r);
	c.event_ms = c.start_ms = r.now_ms;
	rig_call(&r, &c);
	subject_add_incoming(r.table, r.subject, c.event_ms + 1, 7, c.event_ms + MINUTE_MS);
	assert_int_equal(rig_figure(&r, in, r.subject->clock_ms).i, 0);
	assert_int_equal(rig_figure(&r, in, r.subject->clock_ms + 1).i, 1);
	assert_int_equal(r.subject->clock_ms, c.event_ms);
	c.event_ms += MINUTE_MS;
	c.id_hash++;
	rig_call(&r, &c);
	assert_int_equal(rig_figure(&r, in, r.subject->clock_ms).i, 1);
	rig_release(&r);
}

/* A number that lags behind the shards of its callers: what they know of it already must not push what it may know out of its window. */
static void received_calls_before_the_clock_count_however_many_came_after(void **state)
{
	static const int before[] = {2, 60, 600}, after[] = {0, 60, 64, 66, 120, 2000};
	(void)state;
	for (int b = 0; b < 3; b++)
		for (int a = 0; a < 6; a++) {
			struct rig r;
			struct figure_key in = {.feature = FEATURE_INCOMING, .window_ms = HOUR_MS};
			rig_init(&r, 1, false);
			r.shape = rig_shape(&r);
			struct cdr c = rig_cdr(&r);
			c.event_ms = c.start_ms = r.now_ms;
			rig_call(&r, &c);
			int64_t now = r.subject->clock_ms;
			for (int i = before[b]; i-- > 0;)
				subject_add_incoming(r.table, r.subject, now - i * 1000, 7, now + i);
			for (int i = 1; i <= after[a]; i++)
				subject_add_incoming(r.table, r.subject, now + i * 1000, 7, now + i * 1000);
			int64_t got = rig_figure(&r, in, now).i, off = got - before[b];
			if (off > 1 + before[b] / 20 || off < -1 - before[b] / 20)
				fail_msg("%lld of %d received, %d after them", (long long)got, before[b], after[a]);
			rig_release(&r);
		}
}

/* A number wakes as a dialler: the silence before is seen through the whole burst, long after it left the exact range. */
static void silence_is_seen_however_many_calls_came_after(void **state)
{
	(void)state;
	for (int old = 1; old <= 300; old += 299) {
		struct rig r;
		struct figure_key dormant = {.feature = FEATURE_DORMANT_DAYS, .window_ms = DAY_MS};
		rig_init(&r, 1, false);
		r.shape = rig_shape(&r);
		int64_t ms = r.now_ms;
		for (int i = 0; i < old + 2000; i++) {
			struct cdr c = rig_cdr(&r);
			ms += i == old ? 15 * DAY_MS + HOUR_MS : 1000;
			c.event_ms = c.start_ms = ms;
			c.id_hash = (uint32_t)i + 1;
			rig_call(&r, &c);
			if (i % 100 == 50)
				rig_reload(&r);
			if (i >= old)
				assert_int_equal(rig_figure(&r, dormant, ms).i, 15);
		}
		rig_release(&r);
	}
}

static void flags_count_by_time(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct rig r;
		rig_init(&r, seed, seed % 2);
		r.shape = rig_shape(&r);
		r.shape.jump_a_1000 = 0;
		for (int i = 0; i < 120; i++) {
			struct cdr c = rig_cdr(&r);
			rig_call(&r, &c);
			int64_t ms = r.naive.clock_ms - (int64_t)rig_roll(&r, DAY_MS);
			uint64_t number = 1 + rig_roll(&r, 60);
			naive_flag(&r.naive, ms);
			subject_add_flag(r.table, r.subject, ms);
			naive_flagged(&r.naive, number, ms);
			subject_add_flagged(r.table, r.subject, number, ms);
			if (i % 10 == 0)
				rig_reload(&r);
			for (int k = 0; k < 2; k++) {
				struct figure_key key = {.feature = k ? FEATURE_FLAGGED_NUMBERS : FEATURE_FLAGS,
							 .window_ms = rig_window(&r)};
				int64_t end_ms = as_of(&r);
				assert_int_equal(rig_figure(&r, key, end_ms).i, naive_figure(&r.naive, &key, end_ms, NULL, 0).i);
			}
		}
		rig_release(&r);
	}
}

static void baseline_is_the_mean_over_seven_days_without_the_last_window(void **state)
{
	(void)state;
	uint64_t compared = 0;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rig r;
		rig_init(&r, seed, false);
		r.shape = rig_shape(&r);
		r.shape.gap_ms = (int64_t)(1 + rig_roll(&r, 8)) * HOUR_MS;
		for (int i = 0; i < 120; i++) {
			struct cdr c = rig_cdr(&r);
			rig_call(&r, &c);
			enum feature of = rig_roll(&r, 2) ? FEATURE_CALLS : rig_roll(&r, 2) ? FEATURE_TALK_S : FEATURE_SHORT10;
			struct figure_key k = {
				.feature = FEATURE_BASELINE, .window_ms = 1 + rig_window(&r) % (BASELINE_MS - 1), .base = of};
			int64_t end_ms = as_of(&r);
			double got = rig_figure(&r, k, end_ms).d, want = naive_figure(&r.naive, &k, end_ms, NULL, 0).d;
			assert_true(fabs(got - want) <= 1e-9 * (1 + want));
			compared += want > 0;
		}
		rig_release(&r);
	}
	assert_true(compared > 1000);
}

static void age_counts_days_since_an_earlier_record(void **state)
{
	(void)state;
	struct rig r;
	struct figure_key age = {.feature = FEATURE_AGE_DAYS};
	rig_init(&r, 1, false);
	r.shape = rig_shape(&r);
	struct cdr c = rig_cdr(&r);
	rig_call(&r, &c);
	int64_t day = r.naive.first_seen_ms / DAY_MS;
	assert_int_equal(rig_figure(&r, age, r.subject->clock_ms + 3 * DAY_MS).i, (r.subject->clock_ms + 3 * DAY_MS) / DAY_MS - day);
	assert_int_equal(subject_first_day(r.subject), day);
	r.subject->first_day = (int32_t)day - 100;
	assert_int_equal(subject_first_day(r.subject), day - 100);
	rig_reload(&r);
	assert_int_equal(rig_figure(&r, age, r.subject->clock_ms).i, r.subject->clock_ms / DAY_MS - day + 100);
	rig_release(&r);
}

static void record_ends_38_days_after_the_last_call_made_or_received(void **state)
{
	(void)state;
	struct rig r;
	int64_t keep_ms = 38 * DAY_MS;
	rig_init(&r, 1, false);
	r.shape = rig_shape(&r);
	struct cdr c = rig_cdr(&r);
	c.event_ms = c.start_ms = 20000 * DAY_MS + 5;
	rig_call(&r, &c);
	assert_int_equal(subject_end_day(r.subject, keep_ms), 20038);
	assert_false(subject_expired(r.subject, 20038 * DAY_MS + 4, keep_ms));
	assert_true(subject_expired(r.subject, 20038 * DAY_MS + 5, keep_ms));
	subject_add_incoming(r.table, r.subject, 20001 * DAY_MS, 7, 20001 * DAY_MS);
	assert_int_equal(subject_end_day(r.subject, keep_ms), 20039);
	rig_reload(&r);
	assert_false(subject_expired(r.subject, 20039 * DAY_MS - 1, keep_ms));
	assert_true(subject_expired(r.subject, 20039 * DAY_MS, keep_ms));
	rig_release(&r);
}

static void late_call_has_one_of_three_outcomes(void **state)
{
	(void)state;
	struct rig r;
	bool late;
	rig_init(&r, 1, false);
	r.shape = rig_shape(&r);
	struct cdr c = rig_cdr(&r);
	int64_t clock_ms = c.event_ms, lateness_ms = 6 * HOUR_MS;
	assert_int_equal(subject_add_call(r.table, r.subject, &c, lateness_ms, &late), CALL_APPLIED);
	assert_false(late);
	c.event_ms = clock_ms - lateness_ms;
	assert_int_equal(subject_add_call(r.table, r.subject, &c, lateness_ms, &late), CALL_APPLIED);
	assert_true(late);
	assert_int_equal(subject_add_call(r.table, r.subject, &c, lateness_ms, &late), CALL_DUPLICATE);
	c.event_ms = clock_ms - lateness_ms - 1;
	assert_int_equal(subject_add_call(r.table, r.subject, &c, lateness_ms, &late), CALL_LATE_KEPT);
	c.event_ms = clock_ms - 31 * DAY_MS + 1;
	assert_int_equal(subject_add_call(r.table, r.subject, &c, lateness_ms, &late), CALL_LATE_KEPT);
	c.event_ms = clock_ms - 31 * DAY_MS;
	assert_int_equal(subject_add_call(r.table, r.subject, &c, lateness_ms, &late), CALL_TOO_LATE);
	assert_int_equal(r.subject->calls, 4);
	assert_int_equal(r.subject->late, 3);
	assert_int_equal(r.subject->clock_ms, clock_ms);
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_of_up_to_128_calls_are_exact),
		cmocka_unit_test(figures_beyond_are_those_of_the_calls_after_one_edge),
		cmocka_unit_test(bounds_hold_for_adversarial_streams),
		cmocka_unit_test(figures_kept_with_each_call_equal_those_read_anew),
		cmocka_unit_test(figures_kept_over_very_many_calls_equal_those_read_anew),
		cmocka_unit_test(lifetime_counts_all_of_a_call_that_windows_cut_at_49_days),
		cmocka_unit_test(received_calls_are_exact_up_to_64_and_within_5_percent_beyond),
		cmocka_unit_test(received_calls_later_than_the_clock_do_not_count_yet),
		cmocka_unit_test(received_calls_before_the_clock_count_however_many_came_after),
		cmocka_unit_test(silence_is_seen_however_many_calls_came_after),
		cmocka_unit_test(flags_count_by_time),
		cmocka_unit_test(baseline_is_the_mean_over_seven_days_without_the_last_window),
		cmocka_unit_test(age_counts_days_since_an_earlier_record),
		cmocka_unit_test(record_ends_38_days_after_the_last_call_made_or_received),
		cmocka_unit_test(late_call_has_one_of_three_outcomes),
	};
	atexit(report);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
