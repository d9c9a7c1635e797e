/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ingest.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START INT64_C(1700000000000)
static struct arena arena;

static struct command decode(const char *text)
{
	struct command c;
	decode_command(slice_of(text), TIME_NONE, &arena, &c);
	return c;
}

#define WITH(fields) "{\"id\":\"c1\",\"time\":1700000000000,\"number\":\"+15551230000\"," fields "}"
#define GOOD WITH("\"command\":\"quarantine\"")

static void every_field_arrives_in_its_place(void **state)
{
	struct command c = decode(WITH("\"command\":\"flag\",\"account\":\"ACME\",\"by\":\"ann\",\"provider\":\"Hiya\",\"carrier\":\"T\","
				       "\"label\":\"Spam Risk\",\"note\":\"n\",\"called\":\"+1666\",\"device\":\"d\",\"result\":\"r\","
				       "\"step\":\"s\",\"outcome\":\"o\",\"unknown\":{\"x\":1}"));
	(void)state;
	assert_int_equal(c.reason, REASON_OK);
	assert_int_equal(c.verb, COMMAND_FLAG);
	assert_int_equal(c.time_ms, START);
	assert_true(slice_is(c.id, "c1") && slice_is(c.number, "+15551230000") && slice_is(c.account, "ACME") && slice_is(c.by, "ann"));
	assert_true(slice_is(c.provider, "Hiya") && slice_is(c.carrier, "T") && slice_is(c.label, "Spam Risk") && slice_is(c.note, "n"));
	assert_true(slice_is(c.called, "+1666") && slice_is(c.device, "d") && slice_is(c.result, "r") && slice_is(c.step, "s"));
	assert_true(slice_is(c.outcome, "o") && !c.remove);
}

/* All that some verb needs. */
#define FIELDS ",\"called\":\"+1666\",\"note\":\"n\",\"carrier\":\"c\",\"result\":\"r\",\"step\":\"hiya\",\"outcome\":\"refused\""

static void every_verb_is_known(void **state)
{
	static const char *const names[] = {
#define X(n, name) name,
		COMMANDS(X)
#undef X
	};
	(void)state;
	for (int i = 0; i < COMMAND_CNT; i++) {
		char text[256];
		snprintf(text, sizeof text, WITH("\"command\":\"%s\",\"add\":true" FIELDS), names[i]);
		struct command c = decode(text);
		assert_int_equal(c.reason, REASON_OK);
		assert_int_equal(c.verb, i);
	}
}

static void message_without_a_value_is_refused_and_stays_without(void **state)
{
	struct command c;
	(void)state;
	decode_command(SLICE_NONE, START, &arena, &c);
	assert_int_equal(c.reason, REASON_NO_VALUE);
	assert_null(c.payload.p);
	assert_int_equal(decode("").reason, REASON_BAD_COMMAND);
}

static void contact_is_added_or_removed_not_both_and_not_neither(void **state)
{
	(void)state;
	assert_false(decode(WITH("\"command\":\"contact\",\"called\":\"+1666\",\"add\":true")).remove);
	assert_true(decode(WITH("\"command\":\"contact\",\"called\":\"+1666\",\"remove\":true")).remove);
	assert_false(decode(WITH("\"command\":\"contact\",\"called\":\"+1666\",\"add\":true,\"remove\":false")).remove);
	assert_int_equal(decode(WITH("\"command\":\"contact\",\"called\":\"+1666\"")).reason, REASON_BAD_COMMAND);
	assert_int_equal(decode(WITH("\"command\":\"contact\",\"add\":true,\"remove\":true")).reason, REASON_BAD_COMMAND);
}

static void command_that_lacks_something_is_refused_with_what(void **state)
{
	static const char *const cases[][2] = {
		{"", "JSON object"},
		{"[]", "JSON object"},
		{"{", "JSON object"},
		{GOOD "x", "JSON object"},
		{GOOD GOOD, "JSON object"},
		{"{\"time\":1,\"command\":\"release\",\"number\":\"+1555\"}", "'id'"},
		{"{\"id\":7,\"time\":1,\"command\":\"release\",\"number\":\"+1555\"}", "'id'"},
		{"{\"id\":\"\",\"time\":1,\"command\":\"release\",\"number\":\"+1555\"}", "'id'"},
		{"{\"id\":\"a\",\"command\":\"release\",\"number\":\"+1555\"}", "'time'"},
		{"{\"id\":\"a\",\"time\":-1,\"command\":\"release\",\"number\":\"+1555\"}", "'time'"},
		{"{\"id\":\"a\",\"time\":1e30,\"command\":\"release\",\"number\":\"+1555\"}", "'time'"},
		{"{\"id\":\"a\",\"time\":\"-5\",\"command\":\"release\",\"number\":\"+1555\"}", "'time'"},
		{"{\"id\":\"a\",\"time\":\"999999999999999999\",\"command\":\"release\",\"number\":\"+1555\"}", "'time'"},
		{"{\"id\":\"a\",\"time\":\"today\",\"command\":\"release\",\"number\":\"+1555\"}", "'time'"},
		{"{\"id\":\"a\",\"time\":true,\"command\":\"release\",\"number\":\"+1555\"}", "'time'"},
		{"{\"id\":\"a\",\"time\":1,\"number\":\"+1555\"}", "'command'"},
		{"{\"id\":\"a\",\"time\":1,\"command\":\"Release\",\"number\":\"+1555\"}", "'command'"},
		{"{\"id\":\"a\",\"time\":1,\"command\":\"release\"}", "'number'"},
		{"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"1555\"}", "'number'"},
		{"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"+1555\",\"note\":[]}", "'note'"},
		{WITH("\"command\":\"note\",\"note\":\"a\xff\""), "UTF-8"},
		{"{\"id\":\"a\",\"time\":1,\"command\":\"release\",\"number\":\"+1555\\u00006\"}", "NUL"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct command c = decode(cases[i][0]);
		if (c.reason != REASON_BAD_COMMAND)
			fail_msg("taken: %s", cases[i][0]);
		if (!memmem(c.why.p, c.why.len, cases[i][1], strlen(cases[i][1])))
			fail_msg("%s: says %.*s", cases[i][0], (int)c.why.len, c.why.p);
	}
}

static void command_for_an_account_needs_no_number(void **state)
{
	struct command c = decode("{\"id\":\"a\",\"time\":\"2023-11-14T22:13:20Z\",\"command\":\"release\",\"account\":\"ACME\"} \r");
	(void)state;
	assert_int_equal(c.reason, REASON_OK);
	assert_int_equal(c.time_ms, START);
}

static void command_more_than_5_minutes_after_its_publication_is_in_future(void **state)
{
	struct command c;
	(void)state;
	decode_command(SLICE_LIT(GOOD), START - 5 * MINUTE_MS, &arena, &c);
	assert_int_equal(c.reason, REASON_OK);
	decode_command(SLICE_LIT(GOOD), START - 5 * MINUTE_MS - 1, &arena, &c);
	assert_int_equal(c.reason, REASON_IN_FUTURE);
	decode_command(SLICE_LIT(GOOD), START + 365 * DAY_MS, &arena, &c);
	assert_int_equal(c.reason, REASON_OK);
}

static void text_beyond_its_limit_is_refused(void **state)
{
	static char text[70000], note[66000];
	(void)state;
	memset(note, 'n', 4097);
	snprintf(text, sizeof text, WITH("\"command\":\"note\",\"note\":\"%s\""), note);
	assert_int_equal(decode(text).reason, REASON_BAD_COMMAND);
	note[4096] = '\0';
	snprintf(text, sizeof text, WITH("\"command\":\"note\",\"note\":\"%s\""), note);
	assert_int_equal(decode(text).reason, REASON_OK);
	memset(note, 'n', 65536);
	snprintf(text, sizeof text, WITH("\"command\":\"note\",\"x\":\"%s\""), note);
	assert_int_equal(decode(text).reason, REASON_BAD_COMMAND);
}

static void texts_of_a_flag_are_as_long_as_a_record_keeps_them(void **state)
{
	static const struct {
		const char *field;
		int most;
	} fields[] = {{"provider", 64}, {"carrier", 64}, {"label", 128}, {"by", 64}};
	(void)state;
	for (int i = 0; i < 16; i++) {
		const char *field = fields[i / 4].field;
		bool clear = i % 2, more = i / 2 % 2, refused = more && !(clear && i / 4 == 3); /* who clears is not kept */
		char text[1000], x[200] = {0};
		memset(x, 'x', (size_t)(fields[i / 4].most + more));
		snprintf(text, sizeof text, WITH("\"command\":\"%s\",\"%s\":\"%s\""), clear ? "clear" : "flag", field, x);
		struct command c = decode(text);
		assert_int_equal(c.reason, refused ? REASON_BAD_COMMAND : REASON_OK);
		if (refused)
			assert_non_null(memmem(c.why.p, c.why.len, field, strlen(field)));
	}
}

static void commands_of_a_file_come_in_order_and_blank_lines_are_none(void **state)
{
	char path[] = "/tmp/ringfence-commands-XXXXXX";
	struct command *c = NULL;
	struct err_text why;
	size_t n = 0;
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0);
	FILE *f = fdopen(fd, "w");
	fprintf(f, "%s\r\n\n\r\nnonsense\n%s", GOOD, WITH("\"command\":\"release\""));
	fclose(f);
	assert_int_equal(command_file_read(path, &arena, &c, &n, &why), ERR_OK);
	unlink(path);
	assert_int_equal(n, 3);
	assert_true(c[0].reason == REASON_OK && c[0].verb == COMMAND_QUARANTINE && c[0].offset == 0);
	assert_true(c[1].reason == REASON_BAD_COMMAND && slice_is(c[1].payload, "nonsense") && c[1].offset == 1);
	assert_true(c[2].reason == REASON_OK && c[2].verb == COMMAND_RELEASE && c[2].offset == 2);
	assert_int_equal(command_file_read(path, &arena, &c, &n, &why), ERR_IO);
	assert_non_null(strstr(why.text, path));
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
		cmocka_unit_test(every_verb_is_known),
		cmocka_unit_test(message_without_a_value_is_refused_and_stays_without),
		cmocka_unit_test(contact_is_added_or_removed_not_both_and_not_neither),
		cmocka_unit_test(command_that_lacks_something_is_refused_with_what),
		cmocka_unit_test(command_for_an_account_needs_no_number),
		cmocka_unit_test(command_more_than_5_minutes_after_its_publication_is_in_future),
		cmocka_unit_test(text_beyond_its_limit_is_refused),
		cmocka_unit_test(texts_of_a_flag_are_as_long_as_a_record_keeps_them),
		cmocka_unit_test(commands_of_a_file_come_in_order_and_blank_lines_are_none),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
