/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/decode.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_BYTES 4096
static const struct ingest_config config = {INPUT_JSON, MAX_BYTES};
static struct arena arena;

/* The smallest usable record with one more field, or whatever stands in its place. */
#define WITH(fields) "{\"start_time\":1700000000000,\"calling_number\":\"+15551230000\"," fields "}"
#define CALL WITH("\"record_id\":\"r\"")

static struct cdr decode(struct slice payload)
{
	/* In memory of its exact size, so that the address sanitizer sees a byte read too many. */
	char *copy = mem_alloc(payload.len + 1u);
	memcpy(copy, payload.p, payload.len);
	copy = mem_realloc(copy, payload.len ? payload.len : 1);
	struct cdr c;
	decode_json(slice_make(copy, payload.len), &config, &arena, &c);
	struct cdr kept = c;
	kept.payload = SLICE_NONE;
	struct slice *strings[] = {&kept.record_id,     &kept.call_id,           &kept.calling_number, &kept.calling_number_raw,
				   &kept.called_number, &kept.called_number_raw, &kept.account_id,     &kept.tenant_id,
				   &kept.ingress_trunk, &kept.stir_origid,       &kept.sip_reason,     &kept.callee};
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
		*strings[i] = arena_copy(&arena, *strings[i]);
	free(copy);
	return kept;
}

static enum reason reason_of(const char *text)
{
	return (enum reason)decode(slice_of(text)).reason;
}

static void every_field_arrives_in_its_place(void **state)
{
	struct cdr c = decode(SLICE_LIT(
		"{\"record_id\":\"r1\",\"record_type\":\"ATTEMPT\",\"call_id\":\"c1\",\"leg_id\":\"l\",\"parent_leg_id\":null,"
		"\"source_system\":\"s\",\"source_host\":\"h\",\"direction\":\"TRANSIT\",\"calling_number\":\"+15551230000\","
		"\"calling_number_raw\":\"5551230000\",\"calling_presentation\":\"ALLOWED\",\"calling_asserted_number\":\"x\","
		"\"calling_name\":\"n\",\"called_number\":\"+442071838750\",\"called_number_raw\":\"02071838750\","
		"\"original_called_number\":\"o\",\"redirecting_number\":\"r\",\"connected_number\":\"c\",\"start_time\":1700000000000,"
		"\"ring_time\":\"2023-11-14T22:13:22Z\",\"answer_time\":1700000005000,\"end_time\":1700000065000,\"duration_ms\":65000,"
		"\"billable_ms\":60000,\"ring_ms\":3000,\"pdd_ms\":900,\"disposition\":\"ANSWERED\",\"q850_cause\":16,\"sip_status\":200,"
		"\"vendor_cause\":\"v\",\"sip_reason\":\"OK\",\"release_party\":\"CALLEE\",\"stir_attest\":\"B\",\"stir_verstat\":"
		"\"PASSED\","
		"\"stir_origid\":\"o-1\",\"ingress_trunk\":\"T7\",\"egress_trunk\":\"T8\",\"calling_carrier\":\"a\",\"called_carrier\":"
		"\"b\","
		"\"lrn\":\"1\",\"codec\":\"PCMU\",\"mos\":4.1,\"packet_loss_ratio\":1e-3,\"jitter_ms\":0.5,\"user_agent\":\"u\","
		"\"source_ip\":\"::1\",\"account_id\":\"ACME\",\"tenant_id\":\"t1\",\"attributes\":{\"a\":\"b\"}}"));
	(void)state;
	assert_int_equal(c.reason, REASON_OK);
	assert_true(slice_is(c.record_id, "r1") && slice_is(c.call_id, "c1"));
	assert_int_equal(c.record_type, RECORD_ATTEMPT);
	assert_int_equal(c.direction, DIRECTION_TRANSIT);
	assert_true(slice_is(c.calling_number, "+15551230000") && slice_is(c.calling_number_raw, "5551230000"));
	assert_int_equal(c.presentation, PRESENTATION_ALLOWED);
	assert_true(slice_is(c.called_number, "+442071838750") && slice_is(c.called_number_raw, "02071838750"));
	assert_int_equal(c.start_ms, 1700000000000);
	assert_int_equal(c.ring_at_ms, 1700000002000);
	assert_int_equal(c.answer_ms, 1700000005000);
	assert_int_equal(c.end_ms, 1700000065000);
	assert_int_equal(c.duration_ms, 65000);
	assert_int_equal(c.billable_ms, 60000);
	assert_int_equal(c.given_ring_ms, 3000);
	assert_int_equal(c.disposition, DISPOSITION_ANSWERED);
	assert_int_equal(c.q850_cause, 16);
	assert_int_equal(c.sip_status, 200);
	assert_true(slice_is(c.sip_reason, "OK"));
	assert_int_equal(c.release_party, RELEASE_CALLEE);
	assert_int_equal(c.stir_attest, 'B');
	assert_int_equal(c.stir_verstat, VERSTAT_PASSED);
	assert_true(slice_is(c.stir_origid, "o-1") && slice_is(c.ingress_trunk, "T7"));
	assert_true(slice_is(c.account_id, "ACME") && slice_is(c.tenant_id, "t1"));
}

static void every_field_may_be_null_or_absent(void **state)
{
	size_t n;
	const struct field *f = field_table(&n);
	(void)state;
	assert_int_equal(n, 49);
	for (size_t i = 0; i < n; i++) {
		char text[256];
		if (strcmp(f[i].name, "start_time") == 0 || strcmp(f[i].name, "calling_number") == 0)
			continue;
		snprintf(text, sizeof text, WITH("\"%s\":null"), f[i].name);
		assert_int_equal(reason_of(text), REASON_OK);
	}
	struct cdr c = decode(slice_of(CALL));
	assert_true(c.answer_ms == TIME_NONE && c.end_ms == TIME_NONE && c.ring_at_ms == TIME_NONE);
	assert_true(c.duration_ms == CDR_NONE && c.billable_ms == CDR_NONE && c.ring_ms == CDR_NONE);
	assert_true(!c.called_number.p && !c.account_id.p && c.stir_attest == 0 && c.q850_cause == 0);
}

static void value_of_the_wrong_type_or_range_is_a_bad_field(void **state)
{
	static const char *const cases[] = {
		WITH("\"record_id\":7"),
		WITH("\"record_id\":true"),
		WITH("\"record_id\":{}"),
		WITH("\"record_id\":[\"r\"]"),
		WITH("\"account_id\":1.5"),
		WITH("\"record_type\":1"),
		WITH("\"end_time\":\"yesterday\""),
		WITH("\"end_time\":\"2023-11-14T22:13:20\""),
		WITH("\"end_time\":-1"),
		WITH("\"end_time\":\"1969-12-31T23:59:59Z\""),
		WITH("\"end_time\":253402300800000"),
		WITH("\"end_time\":99999999999999999999"),
		WITH("\"end_time\":false"),
		WITH("\"duration_ms\":-1"),
		WITH("\"duration_ms\":1.5"),
		WITH("\"duration_ms\":1e3"),
		WITH("\"duration_ms\":\"a\""),
		WITH("\"duration_ms\":34560000001"), /* above 400 days */
		WITH("\"billable_ms\":34560000001"),
		WITH("\"q850_cause\":-1"),
		WITH("\"q850_cause\":10000"),
		WITH("\"sip_status\":\"Busy\""),
		WITH("\"stir_attest\":1"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (reason_of(cases[i]) != REASON_BAD_FIELD)
			fail_msg("not a bad field: %s", cases[i]);
}

static void whole_number_may_be_written_with_a_zero_fraction_or_as_text(void **state)
{
	struct cdr c = decode(
		slice_of(WITH("\"q850_cause\":17.0,\"sip_status\":\"486\",\"duration_ms\":\"5000.00\",\"end_time\":1700000005000.0")));
	(void)state;
	assert_int_equal(c.reason, REASON_OK);
	assert_int_equal(c.q850_cause, 17);
	assert_int_equal(c.sip_status, 486);
	assert_int_equal(c.duration_ms, 5000);
	assert_int_equal(c.end_ms, 1700000005000);
}

static void value_that_an_enum_does_not_know_is_unknown(void **state)
{
	struct cdr c =
		decode(slice_of(WITH("\"record_type\":\"INTERIM\",\"direction\":\"SIDEWAYS\",\"calling_presentation\":\"\","
				     "\"disposition\":\"busy\",\"release_party\":\"?\",\"stir_verstat\":\"MAYBE\",\"stir_attest\":\"D\"")));
	(void)state;
	assert_int_equal(c.reason, REASON_OK);
	assert_true(!c.record_type && !c.direction && !c.presentation && !c.disposition && !c.release_party && !c.stir_verstat);
	assert_int_equal(c.stir_attest, 0);
}

static void of_two_fields_of_one_name_the_last_counts(void **state)
{
	struct cdr c = decode(
		slice_of(WITH("\"called_number\":\"+1555\",\"called_number\":\"+1666\",\"disposition\":\"BUSY\",\"disposition\":\"X\","
			      "\"end_time\":1700000005000,\"end_time\":null,\"account_id\":\"A\",\"account_id\":null,"
			      "\"q850_cause\":17,\"q850_cause\":null,\"stir_attest\":\"A\",\"stir_attest\":null,"
			      "\"duration_ms\":1,\"duration_ms\":null")));
	(void)state;
	assert_int_equal(c.reason, REASON_OK);
	assert_true(slice_is(c.called_number, "+1666"));
	assert_int_equal(c.disposition, DISPOSITION_UNKNOWN);
	assert_true(c.end_ms == TIME_NONE && c.duration_ms == CDR_NONE && !c.account_id.p && !c.q850_cause && !c.stir_attest);
}

static void text_is_unescaped(void **state)
{
	static const struct {
		const char *written, *is;
	} cases[] = {
		{"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
		{"\\u0041\\u00e9\\u20ac", "A\xc3\xa9\xe2\x82\xac"},
		{"\\uD83D\\uDCDE", "\xf0\x9f\x93\x9e"},
		{"\\ud83d\\udcde!", "\xf0\x9f\x93\x9e!"},
		{"plain \xc3\xa9 and \xf0\x9f\x93\x9e", "plain \xc3\xa9 and \xf0\x9f\x93\x9e"},
		{"0123456789abcdef0123456789abcdef\\n", "0123456789abcdef0123456789abcdef\n"},
		{"\x7f", "\x7f"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[256];
		snprintf(text, sizeof text, WITH("\"call_id\":\"%s\""), cases[i].written);
		struct cdr c = decode(slice_of(text));
		assert_int_equal(c.reason, REASON_OK);
		assert_true(slice_is(c.call_id, cases[i].is));
	}
	struct cdr c = decode(slice_of("{\"st\\u0061rt_time\":1,\"calling_number\":\"\\u002b15551230000\"}"));
	assert_int_equal(c.start_ms, 1);
	assert_true(slice_is(c.calling_number, "+15551230000"));
}

static void text_that_is_not_utf8_or_badly_escaped_is_bad_json_wherever_it_stands(void **state)
{
	static const char *const cases[] = {
		"\x80",         "abcdefgh\xff",    "abc\xc3",        "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xe2\x82",     "0123456\xe2\x82", "\\\xc3\xa9",     "\\x41",    "\\u12",        "\\u12g4",
		"\\ud83d",      "\\ud83dx",        "\\ud83d\\u0041", "\\udcde",  "\\",           "a\nb",
		"01234567\x1f",
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[256];
		snprintf(text, sizeof text, WITH("\"call_id\":\"%s\""), cases[i]);
		assert_int_equal(reason_of(text), REASON_BAD_JSON);
		snprintf(text, sizeof text, WITH("\"unknown\":{\"a\":[\"%s\"]}"), cases[i]);
		assert_int_equal(reason_of(text), REASON_BAD_JSON);
		snprintf(text, sizeof text, WITH("\"%s\":1"), cases[i]);
		assert_int_equal(reason_of(text), REASON_BAD_JSON);
	}
}

static void what_is_not_one_json_object_is_bad_json(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"null",
		"1",
		"\"x\"",
		"[]",
		"[{}]",
		"{",
		"{\"",
		"{\"a",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,",
		"{\"a\":1,}",
		"{,}",
		"{a:1}",
		"{'a':1}",
		"{\"a\" 1}",
		"{\"a\":01}",
		"{\"a\":+1}",
		"{\"a\":.5}",
		"{\"a\":1.}",
		"{\"a\":1e}",
		"{\"a\":-}",
		"{\"a\":tru}",
		"{\"a\":True}",
		"{\"a\":NaN}",
		"{\"a\":[1,]}",
		"{\"a\":[1 2]}",
		"{\"a\":{\"b\"}}",
		"{\"a\":{1:2}}",
		"{\"start_time\":1x}",
		"{\"start_time\":nul}",
		"{\"start_time\"}",
		CALL "x",
		CALL CALL,
		"\xef\xbb\xbf" CALL,
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (reason_of(cases[i]) != REASON_BAD_JSON)
			fail_msg("taken: %s", cases[i]);
}

static void record_cut_off_anywhere_is_bad_json(void **state)
{
	static const char whole[] =
		WITH("\"x\":[1,-2.5e+3,true,false,null,{\"y\":\"\\u00e9\"}],\"called_number\":\"+1555\",\"q850_cause\":17");
	(void)state;
	assert_int_equal(reason_of(whole), REASON_OK);
	for (size_t n = 0; n < sizeof whole - 1; n++)
		assert_int_equal(decode(slice_make(whole, n)).reason, REASON_BAD_JSON);
}

static void record_without_a_value_is_no_value_and_stays_without(void **state)
{
	struct cdr c;
	(void)state;
	decode_json(SLICE_NONE, &config, &arena, &c);
	assert_int_equal(c.reason, REASON_NO_VALUE);
	assert_null(c.payload.p);
	assert_int_equal(reason_of(""), REASON_BAD_JSON);
}

static void blanks_may_stand_between_all_tokens(void **state)
{
	(void)state;
	assert_int_equal(reason_of(" \t\r\n{ \"start_time\" :\n1 , \"calling_number\"\t: \"+1555\" , \"a\" : [ 1 , { } , [ ] ] } \r\n"),
			 REASON_OK);
}

static void nesting_is_bounded(void **state)
{
	char text[512];
	(void)state;
	for (int depth = 30; depth < 35; depth++) {
		char deep[128] = "";
		for (int i = 0; i < depth; i++)
			deep[i] = '[';
		memset(deep + depth, ']', (size_t)depth);
		snprintf(text, sizeof text, WITH("\"a\":%s"), deep);
		assert_int_equal(reason_of(text), depth <= 32 ? REASON_OK : REASON_BAD_JSON);
	}
}

static void record_or_text_beyond_its_limit_is_refused(void **state)
{
	static char text[MAX_BYTES + 2];
	(void)state;
	memset(text, ' ', sizeof text);
	memcpy(text, CALL, sizeof CALL - 1);
	assert_int_equal(decode(slice_make(text, MAX_BYTES)).reason, REASON_OK);
	assert_int_equal(decode(slice_make(text, MAX_BYTES + 1)).reason, REASON_TOO_LONG);
	for (size_t len = 94; len < 98; len++) {
		char name[100] = "";
		memset(name, 'a', len);
		snprintf(text, sizeof text, WITH("\"account_id\":\"%s\""), name);
		assert_int_equal(reason_of(text), len <= 95 ? REASON_OK : REASON_BAD_FIELD);
	}
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
		cmocka_unit_test(every_field_arrives_in_its_place),
		cmocka_unit_test(every_field_may_be_null_or_absent),
		cmocka_unit_test(value_of_the_wrong_type_or_range_is_a_bad_field),
		cmocka_unit_test(whole_number_may_be_written_with_a_zero_fraction_or_as_text),
		cmocka_unit_test(value_that_an_enum_does_not_know_is_unknown),
		cmocka_unit_test(of_two_fields_of_one_name_the_last_counts),
		cmocka_unit_test(text_is_unescaped),
		cmocka_unit_test(text_that_is_not_utf8_or_badly_escaped_is_bad_json_wherever_it_stands),
		cmocka_unit_test(what_is_not_one_json_object_is_bad_json),
		cmocka_unit_test(record_cut_off_anywhere_is_bad_json),
		cmocka_unit_test(record_without_a_value_is_no_value_and_stays_without),
		cmocka_unit_test(blanks_may_stand_between_all_tokens),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(record_or_text_beyond_its_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
