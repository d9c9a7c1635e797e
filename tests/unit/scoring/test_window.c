/* SPDX-License-Identifier: Apache-2.0 */
/* Windows against a naive model that keeps every call, and the record against its own round trip. */
#include "base/hash.h"
#include "scoring/calls.h"
#include "scoring/scoring.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define CALLS_MAX 20000

struct model {
	struct cdr *call;
	size_t cnt;
};

static uint64_t seed = 1;

static uint64_t roll(uint64_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % n;
}

static struct cdr make_call(int64_t end_ms, uint64_t id, uint64_t callees)
{
	int64_t talk = roll(3) ? (int64_t)roll(20000) : (int64_t)roll(4000000);
	bool answered = roll(2);
	return (struct cdr){.event_ms = end_ms,
			    .start_ms = end_ms - talk,
			    .talk_ms = answered ? talk : 0,
			    .answered = answered,
			    .disposition = answered ? DISPOSITION_ANSWERED : DISPOSITION_BUSY,
			    .id_hash = (uint32_t)hash64(&id, sizeof id, 0),
			    .callee_hash = 1 + hash64(&(uint64_t){roll(callees)}, 8, 0)};
}

static void naive(const struct model *m, int64_t edge, struct window *w)
{
	uint64_t seen[256];
	size_t distinct = 0;
	*w = (struct window){0};
	for (size_t i = 0; i < m->cnt; i++) {
		const struct cdr *c = &m->call[i];
		if (c->event_ms <= edge)
			continue;
		w->calls++;
		w->answered += c->answered;
		w->short6 += c->answered && c->talk_ms <= 6000;
		w->talk_ms += (uint64_t)c->talk_ms;
		size_t k = 0;
		while (k < distinct && seen[k] != c->callee_hash)
			k++;
		if (k == distinct && distinct < 256)
			seen[distinct++] = c->callee_hash;
	}
	w->callees = distinct;
}

static double short_by(uint64_t got, uint64_t want)
{
	assert_true(got <= want);
	return want ? (double)(want - got) / (double)want : 0;
}

static double check(const struct subject *s, const struct model *m)
{
	double worst = 0;
	for (int i = 0; i < 12; i++) {
		struct window got, want;
		int64_t edge = s->clock_ms - 1000 - (int64_t)(roll(WINDOW_MAX_MS / 1000 - 1) >> roll(22)) * 1000;
		naive(m, edge, &want);
		calls_window(s->history, edge, s->clock_ms, &got);
		if (want.calls <= CALLS_EXACT) {
			assert_int_equal(got.calls, want.calls);
			assert_int_equal(got.answered, want.answered);
			assert_int_equal(got.short6, want.short6);
			assert_int_equal(got.talk_ms, want.talk_ms);
			assert_int_equal(got.callees, want.callees);
			continue;
		}
		double parts[] = {short_by(got.calls, want.calls), short_by(got.answered, want.answered),
				  short_by(got.talk_ms, want.talk_ms)};
		for (int k = 0; k < 3; k++)
			worst = parts[k] > worst ? parts[k] : worst;
	}
	return worst;
}

static double run_stream(uint64_t from_seed, size_t n, int64_t gap_ms, uint64_t callees, bool reload)
{
	struct table *t = table_new(0);
	struct model m = {calloc(n, sizeof(struct cdr)), 0};
	struct subject *s = table_add(t, SLICE_LIT("+15551230000"), 1, 0);
	double worst = 0;
	int64_t now = 1767571200000;
	seed = from_seed;
	for (size_t i = 0; i < n; i++) {
		bool late;
		now += (int64_t)roll((uint64_t)gap_ms * 2 + 1);
		int64_t at = roll(20) ? now : now - (int64_t)roll(30) * gap_ms / 10; /* a few places late */
		struct cdr c = make_call(at, i, callees);
		enum call_fate fate = subject_add_call(t, s, &c, 6 * HOUR_MS, &late);
		assert_true(fate == CALL_APPLIED || fate == CALL_LATE_KEPT);
		assert_int_equal(subject_add_call(t, s, &c, 6 * HOUR_MS, &late), CALL_DUPLICATE);
		m.call[m.cnt++] = c;
		if (reload && i % 97 == 0) {
			struct buf b = {0};
			struct err_text why;
			record_encode(s, &b);
			table_clear(t);
			if (table_load(t, SLICE_LIT("+15551230000"), 1, buf_slice(&b), &s, &why) != ERR_OK)
				fail_msg("%s", why.text);
			buf_release(&b);
		}
		if (i % 53 == 0 || i + 1 == n) {
			double w = check(s, &m);
			worst = w > worst ? w : worst;
		}
	}
	assert_int_equal(s->calls, n);
	table_free(t);
	free(m.call);
	return worst;
}

static void window_equals_naive_model(void **state)
{
	(void)state;
	for (uint64_t k = 1; k <= 30; k++)
		assert_true(run_stream(k, 100 + 10 * k, 1000 + (int64_t)(k * k * 60000), 40, k % 2) <= 0.04);
}

static void heavy_window_stays_within_four_percent(void **state)
{
	(void)state;
	double worst = 0;
	for (uint64_t k = 1; k <= 4; k++) {
		double w = run_stream(k, 6000, 20000 * (int64_t)k, 100, true);
		worst = w > worst ? w : worst;
	}
	print_message("worst error beyond the exact range: %.4f\n", worst);
	assert_true(worst <= 0.04);
}

static void too_late_call_changes_nothing(void **state)
{
	(void)state;
	struct table *t = table_new(0);
	struct subject *s = table_add(t, SLICE_LIT("+15551230000"), 1, 0);
	bool late;
	struct cdr now = make_call(1767571200000, 1, 5), old = make_call(1767571200000 - WINDOW_MAX_MS, 2, 5);
	assert_int_equal(subject_add_call(t, s, &now, HOUR_MS, &late), CALL_APPLIED);
	assert_int_equal(subject_add_call(t, s, &old, HOUR_MS, &late), CALL_TOO_LATE);
	old.event_ms++;
	assert_int_equal(subject_add_call(t, s, &old, HOUR_MS, &late), CALL_LATE_KEPT);
	assert_true(late);
	assert_int_equal(s->calls, 2);
	table_free(t);
}

/* The sketch: RMS error over streams of 1,000 distinct callees. */
static void distinct_callees_are_within_ten_percent_rms(void **state)
{
	(void)state;
	double sum = 0;
	const int streams = 100;
	for (int k = 0; k < streams; k++) {
		struct calls *h = calls_new();
		struct window w;
		for (uint64_t i = 0; i < 1000; i++)
			calls_add(h, &(struct call){.end_ms = (int64_t)i * 1000, .callee = 1 + hash64(&i, 8, (uint64_t)k + 7)},
				  (int64_t)i * 1000);
		calls_window(h, -1, 999000, &w);
		double e = ((double)w.callees - 1000) / 1000;
		sum += e * e;
		calls_free(h);
	}
	print_message("RMS of distinct callees: %.4f\n", __builtin_sqrt(sum / streams));
	assert_true(sum / streams <= 0.01);
}

static void damaged_record_is_refused(void **state)
{
	(void)state;
	struct table *t = table_new(0);
	struct subject *s = table_add(t, SLICE_LIT("+15551230000"), 1, 0), got;
	struct buf b = {0};
	struct err_text why;
	bool late;
	for (int i = 0; i < 4; i++) {
		struct cdr c = make_call(1767571200000 + i * 60000, (uint64_t)i, 5);
		(void)subject_add_call(t, s, &c, HOUR_MS, &late);
	}
	record_encode(s, &b);
	print_message("a record of 4 calls takes %zu bytes\n", b.len);
	assert_true(b.len <= 240);
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 1;
		assert_int_equal(record_decode(buf_slice(&b), &got, &why), ERR_CORRUPT);
		b.data[i] ^= 1;
		assert_int_equal(record_decode(slice_make(b.data, i), &got, &why), ERR_CORRUPT);
	}
	buf_release(&b);
	table_free(t);
}

static void table_evicts_down_to_its_ceiling(void **state)
{
	(void)state;
	struct table *t = table_new(100000);
	for (int i = 0; i < 5000; i++) {
		char key[20];
		uint64_t id = (uint64_t)i;
		snprintf(key, sizeof key, "+1555%07d", i);
		table_add(t, slice_of(key), hash64(&id, 8, 0), 0);
	}
	table_evict(t);
	assert_true(table_bytes(t) <= 100000 && table_subjects(t) > 100);
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_equals_naive_model),     cmocka_unit_test(heavy_window_stays_within_four_percent),
		cmocka_unit_test(too_late_call_changes_nothing), cmocka_unit_test(distinct_callees_are_within_ten_percent_rms),
		cmocka_unit_test(damaged_record_is_refused),     cmocka_unit_test(table_evicts_down_to_its_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
