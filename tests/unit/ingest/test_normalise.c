/* SPDX-License-Identifier: Apache-2.0 */
/* From fields as received to a CDR that can be scored: DESIGN section 7 and the table of interop section 12, row by row. */
#include "base/hash.h"
#include "ingest/decode.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define START INT64_C(1700000000000)
static struct arena arena;

static struct cdr record(void)
{
	struct cdr c;
	cdr_clear(&c);
	c.start_ms = START;
	c.calling_number = SLICE_LIT("+15551230000");
	return c;
}

static struct cdr normal(struct cdr c)
{
	cdr_normalise(&c, &arena);
	return c;
}

static void e164_is_a_plus_and_2_to_15_digits_without_a_leading_zero(void **state)
{
	static const char *const good[] = {"+15551230000", "+12", "+123456789012345", "+999"};
	static const char *const bad[] = {"",       "+",      "+1",     "15551230000",  "+05551230000", "+1234567890123456",
					  "+1555a", "+1 555", "++1555", "+1555\xd9\xa0"};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(e164_valid(slice_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(e164_valid(slice_of(bad[i])));
	assert_false(e164_valid(SLICE_NONE));
}

static void calling_number_is_tidied_but_never_guessed(void **state)
{
	static const char *const cases[][2] = {
		{"+15551230000", "+15551230000"},
		{"+1 (555) 123-0000", "+15551230000"},
		{"+1.555.123/0000", "+15551230000"},
		{"00442071838750", "+442071838750"},
		{"00 44 20 7183 8750", "+442071838750"},
		{"011442071838750", "+442071838750"},
		{"011 44 20 7183-8750", "+442071838750"},
		{"5551230000", NULL},  /* national: the country is not known here */
		{"15551230000", NULL}, /* may be national too */
		{"02071838750", NULL},
		{"01132221234", NULL}, /* Leeds, not 011 */
		{"01143210987", NULL}, /* Buenos Aires or Delhi */
		{"000442071838750", NULL},
		{"+1234567890123456", NULL},
		{"+", NULL},
		{"00", NULL},
		{"+1555123x", NULL},
		{"sip:+15551230000@example.org", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cdr c = record();
		c.calling_number = slice_of(cases[i][0]);
		c = normal(c);
		if (!cases[i][1]) {
			if (c.reason != REASON_BAD_CALLER)
				fail_msg("taken: %s", cases[i][0]);
			continue;
		}
		assert_int_equal(c.reason, REASON_OK);
		assert_int_equal(c.use, CDR_COUNT);
		assert_true(slice_is(c.calling_number, cases[i][1]));
		assert_int_equal(c.caller_hash, hash64(cases[i][1], strlen(cases[i][1]), 0));
	}
	struct cdr c = record();
	c.calling_number = slice_make("+1555\0"
				      "123",
				      9);
	assert_int_equal(normal(c).reason, REASON_BAD_CALLER);
}

static void raw_caller_is_taken_where_there_is_no_other(void **state)
{
	struct cdr c = record();
	(void)state;
	c.calling_number = SLICE_LIT("");
	c.calling_number_raw = SLICE_LIT("0044 2071838750");
	c = normal(c);
	assert_int_equal(c.reason, REASON_OK);
	assert_true(slice_is(c.calling_number, "+442071838750"));
	c = record();
	c.calling_number = SLICE_NONE;
	assert_int_equal(normal(c).reason, REASON_NO_CALLER);
	c.calling_number_raw = SLICE_LIT("extension 12");
	assert_int_equal(normal(c).reason, REASON_BAD_CALLER);
}

static void withheld_caller_is_left_out_not_refused(void **state)
{
	static const char *const words[] = {"anonymous",   "Anonymous", "anonymous@anonymous.invalid",      "Restricted",
					    "Unavailable", "PRIVATE",   "sip:c8oqz84zk7z@Anonymous.Invalid"};
	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		struct cdr c = record(), raw = record();
		c.calling_number = slice_of(words[i]);
		raw.calling_number = SLICE_NONE;
		raw.calling_number_raw = slice_of(words[i]);
		c = normal(c);
		raw = normal(raw);
		assert_true(c.reason == REASON_OK && c.use == CDR_WITHHELD);
		assert_true(raw.reason == REASON_OK && raw.use == CDR_WITHHELD);
	}
	for (uint8_t p = 0; p <= PRESENTATION_UNAVAILABLE; p++) {
		struct cdr c = record();
		c.presentation = p;
		c = normal(c);
		assert_int_equal(c.use, p == PRESENTATION_RESTRICTED || p == PRESENTATION_UNAVAILABLE ? CDR_WITHHELD : CDR_COUNT);
		c = record();
		c.presentation = p;
		c.calling_number = SLICE_NONE;
		c = normal(c);
		assert_int_equal(c.reason, p == PRESENTATION_RESTRICTED || p == PRESENTATION_UNAVAILABLE ? REASON_OK : REASON_NO_CALLER);
	}
}

static void partial_record_is_left_out(void **state)
{
	(void)state;
	for (uint8_t t = 0; t <= RECORD_ATTEMPT; t++) {
		struct cdr c = record();
		c.record_type = t;
		c = normal(c);
		assert_int_equal(c.reason, REASON_OK);
		assert_int_equal(c.use, t == RECORD_PARTIAL ? CDR_PARTIAL : CDR_COUNT);
	}
}

static void callee_is_the_number_else_what_was_received(void **state)
{
	static const struct {
		const char *number, *raw, *e164, *callee;
	} cases[] = {
		{"+442071838750", NULL, "+442071838750", "+442071838750"},
		{"+44 20 7183 8750", "02071838750", "+442071838750", "+442071838750"},
		{"00442071838750", NULL, "+442071838750", "+442071838750"},
		{NULL, "02071838750", NULL, "02071838750"},
		{"", "911", NULL, "911"},
		{"112", NULL, NULL, "112"}, /* not E.164: kept as received */
		{"112", "urn:service:sos", NULL, "urn:service:sos"},
		{NULL, NULL, NULL, NULL},
		{"", "", NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cdr c = record();
		c.called_number = slice_of(cases[i].number);
		c.called_number_raw = slice_of(cases[i].raw);
		c = normal(c);
		assert_int_equal(c.reason, REASON_OK);
		assert_true(slice_eq(c.called_number, slice_of(cases[i].e164)));
		assert_true(slice_eq(c.callee, slice_of(cases[i].callee)));
		assert_int_equal(c.callee_hash, cases[i].callee ? hash64(cases[i].callee, strlen(cases[i].callee), 0) : 0);
	}
}

/* ---- outcome ---- */

static enum disposition outcome(int32_t sip, int32_t q850, bool answer_time)
{
	struct cdr c = record();
	c.sip_status = sip;
	c.q850_cause = q850;
	c.answer_ms = answer_time ? START + 1000 : TIME_NONE;
	return disposition_of(&c);
}

static void disposition_by_q850_is_that_of_the_table(void **state)
{
	static const struct {
		enum disposition d;
		int causes[24];
	} rows[] = {
		{DISPOSITION_NO_ANSWER, {18, 19, 20, 102}},
		{DISPOSITION_BUSY, {17}},
		{DISPOSITION_CANCELLED, {16}},
		{DISPOSITION_REJECTED, {21, 29, 55, 57, 87}},
		{DISPOSITION_INVALID_NUMBER, {1, 3, 22, 28}},
		{DISPOSITION_NETWORK, {2, 6, 25, 27, 34, 38, 41, 42, 44, 47, 58, 63, 79, 88, 95, 96, 97, 98, 99, 100, 101, 103, 111, 127}},
		{DISPOSITION_NETWORK, {31, 4, 126, 500}}, /* 31 without an answer time, and what is not listed */
	};
	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
		for (size_t i = 0; i < 24 && rows[r].causes[i]; i++) {
			assert_int_equal(outcome(0, rows[r].causes[i], false), rows[r].d);
			assert_int_equal(outcome(0, rows[r].causes[i], true), DISPOSITION_ANSWERED);
		}
}

static void disposition_by_sip_is_that_of_the_table(void **state)
{
	static const struct {
		enum disposition d;
		int codes[12];
	} rows[] = {
		{DISPOSITION_ANSWERED, {200, 202}},
		{DISPOSITION_NO_ANSWER, {408, 480}},
		{DISPOSITION_BUSY, {486, 600}},
		{DISPOSITION_CANCELLED, {487}},
		{DISPOSITION_REJECTED, {403, 603, 607, 608}},
		{DISPOSITION_INVALID_NUMBER, {404, 410, 484, 485, 604}},
		{DISPOSITION_NETWORK, {400, 401, 428, 436, 438, 488, 491, 500, 503, 504, 580, 606}},
		{DISPOSITION_NETWORK, {302, 699}},
	};
	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
		for (size_t i = 0; i < 12 && rows[r].codes[i]; i++) {
			assert_int_equal(outcome(rows[r].codes[i], 0, false), rows[r].d);
			assert_int_equal(outcome(rows[r].codes[i], rows[r].d == DISPOSITION_BUSY ? 1 : 17, false),
					 rows[r].d); /* SIP first */
			assert_int_equal(outcome(rows[r].codes[i], 0, true), DISPOSITION_ANSWERED);
		}
}

static void disposition_of_a_cancel_after_ringing_out_is_no_answer(void **state)
{
	(void)state;
	assert_int_equal(outcome(487, 18, false), DISPOSITION_NO_ANSWER);
	assert_int_equal(outcome(487, 19, false), DISPOSITION_NO_ANSWER);
	assert_int_equal(outcome(487, 102, false), DISPOSITION_NO_ANSWER);
	assert_int_equal(outcome(487, 20, false), DISPOSITION_CANCELLED);
	assert_int_equal(outcome(487, 16, false), DISPOSITION_CANCELLED);
}

static void provisional_sip_status_leaves_it_to_q850(void **state)
{
	(void)state;
	assert_int_equal(outcome(183, 17, false), DISPOSITION_BUSY);
	assert_int_equal(outcome(180, 0, false), DISPOSITION_UNKNOWN);
	assert_int_equal(outcome(0, 0, false), DISPOSITION_UNKNOWN);
}

static void disposition_that_was_given_wins(void **state)
{
	(void)state;
	for (uint8_t d = DISPOSITION_ANSWERED; d <= DISPOSITION_NETWORK; d++) {
		struct cdr c = record();
		c.disposition = d;
		c.answer_ms = START + 1;
		c.sip_status = 486;
		c.q850_cause = 1;
		c = normal(c);
		assert_int_equal(c.disposition, d);
		assert_int_equal(c.answered, d == DISPOSITION_ANSWERED);
	}
}

static void positive_billable_time_means_answered_and_zero_does_not(void **state)
{
	struct cdr c = record();
	(void)state;
	c.sip_status = 486;
	c.billable_ms = 1;
	assert_int_equal(disposition_of(&c), DISPOSITION_ANSWERED);
	c.billable_ms = 0;
	assert_int_equal(disposition_of(&c), DISPOSITION_BUSY);
}

/* ---- times ---- */

static void event_time_is_the_end_of_the_call(void **state)
{
	struct cdr c = record();
	(void)state;
	assert_int_equal(normal(c).event_ms, START);
	c.duration_ms = 5000;
	assert_int_equal(normal(c).event_ms, START + 5000);
	c.end_ms = START + 7000;
	assert_int_equal(normal(c).event_ms, START + 7000);
}

static void talk_time_is_of_answered_calls_and_by_the_best_source(void **state)
{
	struct cdr c = record();
	(void)state;
	c.duration_ms = 9000;
	assert_int_equal(normal(c).talk_ms, 0); /* not answered */
	c.disposition = DISPOSITION_ANSWERED;
	assert_int_equal(normal(c).talk_ms, 9000);
	c.end_ms = START + 9000;
	assert_int_equal(normal(c).talk_ms, 9000); /* an end alone does not do */
	c.answer_ms = START + 2000;
	assert_int_equal(normal(c).talk_ms, 7000);
	c.billable_ms = 6000;
	assert_int_equal(normal(c).talk_ms, 6000);
	c.billable_ms = 0;
	assert_int_equal(normal(c).talk_ms, 0);
	c.billable_ms = CDR_NONE;
	c.answer_ms = START + 10000; /* after the end: clocks of two nodes */
	assert_int_equal(normal(c).talk_ms, 0);
	c.disposition = DISPOSITION_BUSY;
	c.billable_ms = 6000;
	assert_int_equal(normal(c).talk_ms, 0);
}

static void ring_time_is_given_or_counted_to_answer_or_end(void **state)
{
	struct cdr c = record();
	(void)state;
	assert_int_equal(normal(c).ring_ms, CDR_NONE);
	c.ring_at_ms = START + 1000;
	assert_int_equal(normal(c).ring_ms, CDR_NONE);
	c.end_ms = START + 9000;
	assert_int_equal(normal(c).ring_ms, 8000);
	c.answer_ms = START + 4000;
	assert_int_equal(normal(c).ring_ms, 3000);
	c.given_ring_ms = 2500;
	assert_int_equal(normal(c).ring_ms, 2500);
	c.given_ring_ms = CDR_NONE;
	c.answer_ms = START;
	assert_int_equal(normal(c).ring_ms, 0);
	c.answer_ms = TIME_NONE;
	c.disposition = DISPOSITION_ANSWERED; /* answered, when is not known */
	assert_int_equal(normal(c).ring_ms, CDR_NONE);
}

static void record_without_a_start_or_with_an_impossible_time_is_refused(void **state)
{
	struct cdr c = record();
	(void)state;
	c.start_ms = TIME_NONE;
	c.end_ms = START;
	assert_int_equal(normal(c).reason, REASON_NO_START_TIME);
	c = record();
	c.start_ms = -1;
	assert_int_equal(normal(c).reason, REASON_BAD_FIELD);
	c = record();
	c.end_ms = YEAR_10000_MS;
	assert_int_equal(normal(c).reason, REASON_BAD_FIELD);
	c = record();
	c.duration_ms = 400 * DAY_MS + 1;
	assert_int_equal(normal(c).reason, REASON_BAD_FIELD);
	c = record();
	c.start_ms = 0;
	assert_int_equal(normal(c).reason, REASON_OK);
}

static void record_without_an_id_waits_for_one(void **state)
{
	struct cdr c = normal(record());
	(void)state;
	assert_int_equal(c.reason, REASON_OK);
	assert_null(c.record_id.p);
	cdr_set_id(&c, SLICE_LIT("cdr-0-17"));
	assert_true(slice_is(c.record_id, "cdr-0-17"));
	assert_int_equal(c.id_hash, (uint32_t)hash64("cdr-0-17", 8, 0));
	struct cdr own = record();
	own.record_id = SLICE_LIT("a");
	assert_int_equal(normal(own).id_hash, 0x510e895a); /* the low 32 bits of hash128's second half */
	own.record_id = SLICE_LIT("");
	assert_null(normal(own).record_id.p);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 4096);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e164_is_a_plus_and_2_to_15_digits_without_a_leading_zero),
		cmocka_unit_test(calling_number_is_tidied_but_never_guessed),
		cmocka_unit_test(raw_caller_is_taken_where_there_is_no_other),
		cmocka_unit_test(withheld_caller_is_left_out_not_refused),
		cmocka_unit_test(partial_record_is_left_out),
		cmocka_unit_test(callee_is_the_number_else_what_was_received),
		cmocka_unit_test(disposition_by_q850_is_that_of_the_table),
		cmocka_unit_test(disposition_by_sip_is_that_of_the_table),
		cmocka_unit_test(disposition_of_a_cancel_after_ringing_out_is_no_answer),
		cmocka_unit_test(provisional_sip_status_leaves_it_to_q850),
		cmocka_unit_test(disposition_that_was_given_wins),
		cmocka_unit_test(positive_billable_time_means_answered_and_zero_does_not),
		cmocka_unit_test(event_time_is_the_end_of_the_call),
		cmocka_unit_test(talk_time_is_of_answered_calls_and_by_the_best_source),
		cmocka_unit_test(ring_time_is_given_or_counted_to_answer_or_end),
		cmocka_unit_test(record_without_a_start_or_with_an_impossible_time_is_refused),
		cmocka_unit_test(record_without_an_id_waits_for_one),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
