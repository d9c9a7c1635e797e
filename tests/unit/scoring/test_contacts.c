/* SPDX-License-Identifier: Apache-2.0 */
/* Who answered, against a model that keeps every call. */
#include "tests/unit/unit.h"

#include "base/number.h"
#include "tests/unit/scoring/naive_rig.h"

#include <stdio.h>
#include <stdlib.h>

struct expected {
	struct contact *of;
	size_t cnt;
};

static int by_called_newest_first(const void *x, const void *y)
{
	const struct contact *a = x, *b = y;
	if (a->called != b->called)
		return a->called < b->called ? -1 : 1;
	return a->answered_ms > b->answered_ms ? -1 : a->answered_ms < b->answered_ms;
}

static int newest_first(const void *x, const void *y)
{
	const struct contact *a = x, *b = y;
	if (a->answered_ms != b->answered_ms)
		return a->answered_ms > b->answered_ms ? -1 : 1;
	return a->called > b->called ? -1 : a->called < b->called;
}

/* Every answered call of the window, each called number once. */
static struct expected expect(const struct naive *n, int64_t as_of_ms)
{
	const struct naive_call *from;
	size_t calls = naive_window(n, WINDOW_MAX_MS, as_of_ms, &from), kept = 0;
	struct expected e = {calloc(calls + 1, sizeof *e.of), 0};
	for (size_t i = 0; i < calls; i++)
		if (from[i].answered && from[i].called[0])
			e.of[e.cnt++] = (struct contact){number_pack(slice_of(from[i].called)), from[i].event_ms};
	qsort(e.of, e.cnt, sizeof *e.of, by_called_newest_first);
	for (size_t i = 0; i < e.cnt; i++)
		if (kept == 0 || e.of[kept - 1].called != e.of[i].called)
			e.of[kept++] = e.of[i];
	e.cnt = kept;
	qsort(e.of, e.cnt, sizeof *e.of, newest_first);
	return e;
}

static bool compare(struct rig *r, int64_t as_of_ms)
{
	static struct contact got[CONTACTS_MAX + 1];
	struct contact_rest rest, few_rest;
	struct contact few[5];
	struct expected want = expect(&r->naive, as_of_ms);
	uint32_t n = subject_contacts(r->subject, as_of_ms, got, CONTACTS_MAX + 1, &rest);
	assert_int_equal(n, want.cnt < CONTACTS_MAX ? want.cnt : CONTACTS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(got[i].called, want.of[i].called);
		assert_int_equal(got[i].answered_ms, want.of[i].answered_ms);
	}
	assert_int_equal(rest.more, 0);
	assert_int_equal(rest.complete, want.cnt <= CONTACTS_MAX);
	assert_true(rest.complete || rest.lost_ms >= want.of[CONTACTS_MAX].answered_ms);
	uint32_t told = subject_contacts(r->subject, as_of_ms, few, 5, &few_rest);
	assert_int_equal(told + few_rest.more, n);
	assert_int_equal(few_rest.complete, rest.complete);
	assert_memory_equal(few, got, told * sizeof *few);
	free(want.of);
	return rest.complete;
}

static void contacts_are_those_of_the_model(void **state)
{
	(void)state;
	uint32_t whole = 0, lost = 0;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct rig r;
		rig_init(&r, seed, false);
		r.shape = rig_shape(&r);
		if (seed % 3 == 0)
			r.shape.callees = 300 + (uint32_t)rig_roll(&r, 5000);
		if (seed % 3 == 0)
			r.shape.answered_a_1000 = 700;
		uint64_t calls = rig_roll(&r, 4) ? rig_roll(&r, 3000) : rig_roll(&r, 140);
		for (uint64_t i = 0; i < calls; i++) {
			struct cdr c = rig_cdr(&r);
			if (rig_roll(&r, 100) == 0)
				c.event_ms -= (int64_t)rig_roll(&r, 31) * DAY_MS; /* behind all exact calls */
			rig_call(&r, &c);
			if (rig_roll(&r, 200) == 0)
				rig_reload(&r);
			if (i % 61 == 0 || i + 1 == calls) {
				bool complete =
					compare(&r, r.subject->clock_ms + (int64_t)rig_roll(&r, 2) * (int64_t)rig_roll(&r, 40) * DAY_MS);
				whole += complete;
				lost += !complete;
			}
		}
		rig_release(&r);
	}
	print_message("%u complete, %u not\n", whole, lost);
	assert_true(whole > 500 && lost > 50);
}

static struct cdr call_to(const char *called, int64_t end_ms, bool answered, uint32_t id)
{
	struct cdr c = {.use = CDR_COUNT, .start_ms = end_ms - 60000, .event_ms = end_ms, .answered = answered, .id_hash = id};
	c.called_number = c.callee = slice_of(called);
	c.calling_number = SLICE_LIT("+15551230000");
	c.disposition = answered ? DISPOSITION_ANSWERED : DISPOSITION_NO_ANSWER;
	c.talk_ms = answered ? 60000 : 0;
	return c;
}

static void contact_that_did_not_answer_last_time_is_still_one(void **state)
{
	(void)state;
	struct rig r;
	struct contact got[4];
	struct contact_rest rest;
	bool late;
	rig_init(&r, 1, false);
	struct cdr a = call_to("+15550000001", r.now_ms, true, 1), b = call_to("+15550000001", r.now_ms + HOUR_MS, false, 2);
	struct cdr never = call_to("+15550000002", r.now_ms + 2 * HOUR_MS, false, 3);
	(void)subject_add_call(r.table, r.subject, &a, HOUR_MS, &late);
	(void)subject_add_call(r.table, r.subject, &b, HOUR_MS, &late);
	(void)subject_add_call(r.table, r.subject, &never, HOUR_MS, &late);
	assert_int_equal(subject_contacts(r.subject, r.now_ms, got, 4, &rest), 1);
	assert_int_equal(got[0].called, number_pack(a.callee));
	assert_int_equal(got[0].answered_ms, a.event_ms);
	assert_int_equal(subject_contacts(r.subject, a.event_ms + WINDOW_MAX_MS - 1, got, 4, &rest), 1);
	assert_int_equal(subject_contacts(r.subject, a.event_ms + WINDOW_MAX_MS, got, 4, &rest), 0);
	rig_release(&r);
}

static void ledger_is_complete_again_31_days_after_it_forgot(void **state)
{
	(void)state;
	struct rig r;
	static struct contact got[CONTACTS_MAX];
	struct contact_rest rest;
	char called[24];
	bool late;
	rig_init(&r, 1, false);
	for (uint32_t i = 0; i < CONTACTS_MAX + 1; i++) {
		snprintf(called, sizeof called, "+1555%07u", i);
		struct cdr c = call_to(called, r.now_ms + i * SECOND_MS, true, i);
		(void)subject_add_call(r.table, r.subject, &c, HOUR_MS, &late);
		if (i == CONTACTS_MAX - 1) {
			assert_int_equal(subject_contacts(r.subject, 0, got, CONTACTS_MAX, &rest), CONTACTS_MAX);
			assert_true(rest.complete);
		}
	}
	assert_int_equal(subject_contacts(r.subject, 0, got, CONTACTS_MAX, &rest), CONTACTS_MAX);
	assert_false(rest.complete);
	assert_int_equal(rest.lost_ms, r.now_ms);
	rig_reload(&r);
	(void)subject_contacts(r.subject, r.now_ms + WINDOW_MAX_MS - 1, got, CONTACTS_MAX, &rest);
	assert_false(rest.complete);
	assert_int_equal(subject_contacts(r.subject, r.now_ms + WINDOW_MAX_MS, got, CONTACTS_MAX, &rest), CONTACTS_MAX);
	assert_true(rest.complete);
	rig_release(&r);
}

static void cohort_has_no_contacts(void **state)
{
	(void)state;
	struct rig r;
	struct contact got[4];
	struct contact_rest rest;
	rig_init(&r, 1, true);
	r.shape = rig_shape(&r);
	r.shape.answered_a_1000 = 1000;
	for (int i = 0; i < 300; i++) {
		struct cdr c = rig_cdr(&r);
		rig_call(&r, &c);
	}
	assert_int_equal(subject_contacts(r.subject, r.now_ms, got, 4, &rest), 0);
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts_are_those_of_the_model),
		cmocka_unit_test(contact_that_did_not_answer_last_time_is_still_one),
		cmocka_unit_test(ledger_is_complete_again_31_days_after_it_forgot),
		cmocka_unit_test(cohort_has_no_contacts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
