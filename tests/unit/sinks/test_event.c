/* SPDX-License-Identifier: Apache-2.0 */
/* The exact text of each kind of event, the ids that must never change, the outbox form. */
#include "sinks/sinks.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;

static int reset(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static struct event base_event(enum event_kind kind)
{
	return (struct event){
		.kind = kind,
		.subject = SLICE_LIT("+15551230000"),
		.time_ms = INT64_C(1700000000123),
		.sequence = 1690000000007,
		.episode = 2,
		.step = "",
		.cause = {.kind = CAUSE_CDR,
			  .topic = SLICE_LIT("cdr"),
			  .partition = 3,
			  .offset = INT64_C(9007199254740993),
			  .record_id = SLICE_LIT("r-1")},
	};
}

#define NO_CAPS                    \
	(struct event_caps)        \
	{                          \
		-1, -1, -1, -1, -1 \
	}

static void check_data(const struct event *e, const char *expected)
{
	struct message m;
	message_build(e, "demo", &arena, &m);
	struct slice copy = arena_copy(&arena, m.data);
	assert_string_equal(copy.p, expected);
}

static void alert_has_every_field_in_order(void **state)
{
	(void)state;
	const struct event_figure figures[] = {
		{SLICE_LIT("calls[\"1h\"]"), {.type = VALUE_INT, .i = INT64_C(3000000000)}},
		{SLICE_LIT("answer_ratio[\"1h\"]"), {.type = VALUE_DOUBLE, .d = 0.1}},
		{SLICE_LIT("phase"), {.type = VALUE_STRING, .s = SLICE_LIT("active")}},
		{SLICE_LIT("x"), {.type = VALUE_BOOL, .b = true}},
	};
	const struct event_pair labels[] = {{SLICE_LIT("team"), SLICE_LIT("fraud")}},
				notes[] = {{SLICE_LIT("summary"), SLICE_LIT("a \"b\"\n")}};
	struct event e = base_event(EVENT_ALERT_RAISED);
	e.alert = (struct event_alert){
		.rule = SLICE_LIT("ShortCalls"),
		.severity = SLICE_LIT("critical"),
		.mode = SLICE_LIT("enforce"),
		.expr = SLICE_LIT("calls[\"1h\"] > 40"),
		.since_ms = INT64_C(1699999999000),
		.figures = figures,
		.figure_cnt = 4,
		.labels = labels,
		.label_cnt = 1,
		.annotations = notes,
		.annotation_cnt = 1,
	};
	check_data(&e, "{\"number\":\"+15551230000\",\"episode\":2,"
		       "\"cause\":{\"topic\":\"cdr\",\"partition\":3,\"offset\":9007199254740993,\"record_id\":\"r-1\"},"
		       "\"rule\":\"ShortCalls\",\"severity\":\"critical\",\"mode\":\"enforce\",\"expr\":\"calls[\\\"1h\\\"] > 40\","
		       "\"since\":\"2023-11-14T22:13:19.000Z\","
		       "\"figures\":{\"calls[\\\"1h\\\"]\":3000000000,\"answer_ratio[\\\"1h\\\"]\":0.1,\"phase\":\"active\",\"x\":true},"
		       "\"labels\":{\"team\":\"fraud\"},\"annotations\":{\"summary\":\"a \\\"b\\\"\\n\"},\"rule_source\":null}");
}

static void cohort_is_named_by_cohort_and_key(void **state)
{
	(void)state;
	struct event e = base_event(EVENT_ALERT_RESOLVED);
	e.subject_kind = SUBJECT_ACCOUNT;
	e.subject = SLICE_LIT("account:ACME");
	e.episode = 0;
	e.cause = (struct cause){.kind = CAUSE_TIMER, .timer = "alert", .due_ms = INT64_C(1700000000000)};
	e.alert = (struct event_alert){
		.rule = SLICE_LIT("R"),
		.severity = SLICE_LIT("warning"),
		.mode = SLICE_LIT("shadow"),
		.expr = SLICE_LIT("true"),
		.since_ms = 0,
		.rule_source = SLICE_LIT("guide"),
	};
	check_data(&e,
		   "{\"cohort\":\"account\",\"key\":\"account:ACME\",\"episode\":0,"
		   "\"cause\":{\"timer\":\"alert\",\"due\":\"2023-11-14T22:13:20.000Z\"},"
		   "\"rule\":\"R\",\"severity\":\"warning\",\"mode\":\"shadow\",\"expr\":\"true\",\"since\":\"1970-01-01T00:00:00.000Z\","
		   "\"figures\":{},\"labels\":{},\"annotations\":{},\"rule_source\":\"guide\"}");
}

static void transition_has_caps_with_all_five_names(void **state)
{
	(void)state;
	struct event e = base_event(EVENT_TRANSITION);
	e.cause = (struct cause){.kind = CAUSE_COMMAND, .command = SLICE_LIT("cmd-7")};
	e.transition = (struct event_transition){
		.from = PHASE_REST,
		.to = PHASE_LIMITED,
		.reason = "timer",
		.detail = SLICE_NONE,
		.until_ms = INT64_C(1702592000123),
		.caps = {5, 10, 1, 120, -1},
	};
	check_data(&e, "{\"number\":\"+15551230000\",\"episode\":2,\"cause\":{\"command\":\"cmd-7\"},"
		       "\"from\":\"rest\",\"to\":\"limited\",\"reason\":\"timer\",\"detail\":null,\"until\":\"2023-12-14T22:13:20.123Z\","
		       "\"caps\":{\"daily_min\":5,\"daily_max\":10,\"known_contacts_only\":true,\"min_talk_s\":120,\"new_contact_share_"
		       "max\":null}}");
}

static void transition_without_end_and_caps_has_nulls(void **state)
{
	(void)state;
	struct event e = base_event(EVENT_TRANSITION);
	e.cause = (struct cause){.kind = CAUSE_COMMAND, .command = SLICE_LIT("cmd-7")};
	e.transition = (struct event_transition){
		.from = PHASE_REST,
		.to = PHASE_ACTIVE,
		.reason = "command",
		.detail = SLICE_LIT("wrongly caught"),
		.until_ms = TIME_NONE,
		.caps = NO_CAPS,
	};
	check_data(
		&e,
		"{\"number\":\"+15551230000\",\"episode\":2,\"cause\":{\"command\":\"cmd-7\"},"
		"\"from\":\"rest\",\"to\":\"active\",\"reason\":\"command\",\"detail\":\"wrongly caught\",\"until\":null,\"caps\":null}");
}

static struct event number_event(void)
{
	static const struct slice alerts[] = {{"A", 1}, {"B", 1}};
	struct event e = base_event(EVENT_NUMBER);
	e.number = (struct event_number){
		.phase = PHASE_MODERATE,
		.phase_since_ms = INT64_C(1700000000000),
		.until_ms = TIME_NONE,
		.caps = {10, 20, -1, -1, 0.3},
		.today = SLICE_LIT("2023-11-14"),
		.today_calls = 4,
		.today_left = 16,
		.health = -1,
		.maturity = -1,
		.connection = -1,
		.engagement = -1,
		.sentiment = -1,
		.open_alerts = alerts,
		.open_alert_cnt = 2,
	};
	return e;
}

#define NUMBER_HEAD                                                                                        \
	"{\"number\":\"+15551230000\",\"episode\":2,"                                                      \
	"\"cause\":{\"topic\":\"cdr\",\"partition\":3,\"offset\":9007199254740993,\"record_id\":\"r-1\"}," \
	"\"phase\":\"moderate\",\"phase_since\":\"2023-11-14T22:13:20.000Z\",\"until\":null,"              \
	"\"caps\":{\"daily_min\":10,\"daily_max\":20,\"known_contacts_only\":null,\"min_talk_s\":null,\"new_contact_share_max\":0.3},"
#define NUMBER_HEALTH                                                                                                     \
	"\"health\":-1,\"health_maturity\":-1,\"health_connection\":-1,\"health_engagement\":-1,\"health_sentiment\":-1," \
	"\"flags\":[],"

static void number_tells_phase_caps_today_and_health(void **state)
{
	(void)state;
	struct event e = number_event();
	check_data(&e, NUMBER_HEAD "\"today\":{\"day\":\"2023-11-14\",\"calls\":4,\"left\":16}," NUMBER_HEALTH
				   "\"open_alerts\":[\"A\",\"B\"]}");
	e.number.today_left = -1;
	e.number.open_alert_cnt = 0;
	check_data(&e, NUMBER_HEAD "\"today\":{\"day\":\"2023-11-14\",\"calls\":4,\"left\":null}," NUMBER_HEALTH "\"open_alerts\":[]}");
	e.number.today = SLICE_NONE;
	check_data(&e, NUMBER_HEAD "\"today\":null," NUMBER_HEALTH "\"open_alerts\":[]}");
}

static void number_lists_its_flags(void **state)
{
	const struct event_flag flags[] = {
		{SLICE_LIT("Hiya"), SLICE_LIT("T-Mobile"), SLICE_LIT("Spam \"Risk\""), SLICE_LIT("ann"), INT64_C(1700000000000)},
		{.provider = SLICE_LIT("TNS"), .carrier = SLICE_LIT(""), .since_ms = INT64_C(1700000000001)},
	};
	static const char expected[] =
		"\"flags\":["
		"{\"provider\":\"Hiya\",\"carrier\":\"T-Mobile\",\"label\":\"Spam \\\"Risk\\\"\",\"by\":\"ann\","
		"\"since\":\"2023-11-14T22:13:20.000Z\"},"
		"{\"provider\":\"TNS\",\"carrier\":null,\"label\":null,\"by\":null,\"since\":\"2023-11-14T22:13:20.001Z\"}],"
		"\"open_alerts\":[\"A\",\"B\"]}";
	struct event e = number_event();
	struct message m;
	(void)state;
	e.number.flags = flags;
	e.number.flag_cnt = 2;
	message_build(&e, "demo", &arena, &m);
	assert_non_null(memmem(m.data.p, m.data.len, expected, sizeof expected - 1));
}

static void number_plainly_active_is_a_tombstone(void **state)
{
	(void)state;
	struct event e = number_event();
	struct message m;
	struct buf line = {0};
	e.number.tombstone = true;
	message_build(&e, "demo", &arena, &m);
	assert_null(m.data.p);
	assert_int_equal(m.topic, TOPIC_NUMBERS);
	message_structured(&m, &line);
	buf_put_u8(&line, 0);
	assert_string_equal((char *)line.data,
			    "{\"specversion\":\"1.0\",\"id\":\"a53473c5047b60e5d45a79cb42388ece\",\"source\":\"urn:ringfence:demo\","
			    "\"type\":\"dev.ringfence.number.v1\","
			    "\"subject\":\"+15551230000\",\"time\":\"2023-11-14T22:13:20.123Z\",\"datacontenttype\":\"application/json\","
			    "\"sequence\":\"1690000000007\",\"data\":null}");
	buf_release(&line);
}

static void advisory_has_topic_and_detail(void **state)
{
	(void)state;
	struct event e = base_event(EVENT_ADVISORY);
	e.cause = (struct cause){.kind = CAUSE_TIMER, .timer = "block", .due_ms = INT64_C(1700000000000)};
	e.advisory = (struct event_advisory){.topic = "daily_minimum", .detail = SLICE_LIT("3 of 35")};
	check_data(&e, "{\"number\":\"+15551230000\",\"episode\":2,\"cause\":{\"timer\":\"block\",\"due\":\"2023-11-14T22:13:20.000Z\"},"
		       "\"topic\":\"daily_minimum\",\"detail\":\"3 of 35\"}");
}

static void event_about_no_subject_has_no_number(void **state)
{
	(void)state;
	struct event e = base_event(EVENT_ADVISORY);
	e.subject_kind = SUBJECT_NONE;
	e.subject = SLICE_LIT("rules");
	e.episode = 0;
	e.cause = (struct cause){.kind = CAUSE_COMMAND, .command = SLICE_LIT("reload-00")};
	e.advisory = (struct event_advisory){.topic = "rules_refused", .detail = SLICE_LIT("f:1:2: x")};
	check_data(&e, "{\"number\":null,\"episode\":0,\"cause\":{\"command\":\"reload-00\"},\"topic\":\"rules_refused\",\"detail\":\"f:1:"
		       "2: x\"}");
}

static void advisory_of_a_cohort_names_its_numbers(void **state)
{
	(void)state;
	const struct event_cohort_number numbers[] = {{SLICE_LIT("+15551230001"), true, INT64_C(1700000000000), 3},
						      {SLICE_LIT("+15551230002"), false, INT64_C(1700000001000), 1}};
	struct event e = base_event(EVENT_ADVISORY);
	e.subject_kind = SUBJECT_BLOCK;
	e.subject = SLICE_LIT("block:+15551230");
	e.cause = (struct cause){.kind = CAUSE_CDR, .topic = SLICE_LIT("cdr"), .partition = 2, .offset = 7};
	e.advisory = (struct event_advisory){
		.topic = "cohort_numbers", .rule = SLICE_LIT("Burst"), .mode = SLICE_LIT("shadow"), .numbers = numbers, .number_cnt = 2};
	check_data(&e, "{\"cohort\":\"block\",\"key\":\"block:+15551230\",\"episode\":2,\"cause\":{\"topic\":\"cdr\",\"partition\":2,"
		       "\"offset\":7,\"record_id\":null},\"topic\":\"cohort_numbers\",\"detail\":{\"rule\":\"Burst\",\"mode\":\"shadow\","
		       "\"part\":1,\"parts\":1,\"numbers\":["
		       "{\"number\":\"+15551230001\",\"flagged\":true,\"calls\":3,\"last\":\"2023-11-14T22:13:20.000Z\"},"
		       "{\"number\":\"+15551230002\",\"flagged\":false,\"calls\":1,\"last\":\"2023-11-14T22:13:21.000Z\"}]}}");
}

static void structured_form_appends_behind_other_lines(void **state)
{
	(void)state;
	struct event e = base_event(EVENT_ADVISORY);
	struct message m;
	struct buf out = {0};
	e.advisory = (struct event_advisory){.topic = "t", .detail = SLICE_NONE};
	message_build(&e, "demo", &arena, &m);
	message_structured(&m, &out);
	size_t one = out.len;
	buf_put_u8(&out, '\n');
	message_structured(&m, &out);
	assert_int_equal(out.len, 2 * one + 1);
	assert_memory_equal(out.data, out.data + one + 1, one);
	buf_release(&out);
}

static void doubles_read_back_unchanged(void **state)
{
	(void)state;
	static const double t[] = {0.1, 1.0 / 3, 1e300, 5e-324, 123456789012345680.0, -0.0, 2.5, 3, 0.30000000000000004};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		const struct event_figure f = {SLICE_LIT("f"), {.type = VALUE_DOUBLE, .d = t[i]}};
		struct event e = base_event(EVENT_ALERT_FIRING);
		struct message m;
		e.alert = (struct event_alert){.figures = &f, .figure_cnt = 1};
		message_build(&e, "demo", &arena, &m);
		const char *at = strstr(arena_copy(&arena, m.data).p, "{\"f\":");
		assert_non_null(at);
		double back = strtod(at + 5, NULL);
		assert_memory_equal(&back, &t[i], sizeof back);
	}
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
	(void)state;
	struct event e = base_event(EVENT_ADVISORY);
	e.cause = (struct cause){.kind = CAUSE_COMMAND, .command = SLICE_LIT("c")};
	e.advisory = (struct event_advisory){.topic = "t", .detail = SLICE_LIT("a\xff\xc3\xa4\xed\xa0\x80\x01\x7f\\")};
	check_data(&e, "{\"number\":\"+15551230000\",\"episode\":2,\"cause\":{\"command\":\"c\"},\"topic\":\"t\","
		       "\"detail\":\"a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u0001\x7f\\\\\"}");
}

/* Consumers keep these ids: a change here is a change of every id in the field. */
static void id_is_the_golden_one(void **state)
{
	(void)state;
	char id[EVENT_ID_BYTES];
	struct event e = base_event(EVENT_ALERT_RAISED);
	e.fingerprint = UINT64_C(0x0123456789abcdef);
	assert_string_equal(event_id(&e, id), "fa6e3236ec0b21ad5b9b52f2468303f7");
	e = base_event(EVENT_TRANSITION);
	e.cause = (struct cause){.kind = CAUSE_TIMER, .timer = "phase_end", .due_ms = INT64_C(1702592000123)};
	assert_string_equal(event_id(&e, id), "df3274a1eb0b59502fc33201910f724a");
	e = base_event(EVENT_VIOLATION);
	e.step = "daily_cap";
	e.cause = (struct cause){.kind = CAUSE_COMMAND, .command = SLICE_LIT("cmd-7")};
	e.ordinal = 3;
	assert_string_equal(event_id(&e, id), "011153c8b45e4a944ddffc05b04a120d");
}

static void id_differs_with_each_part_and_only_with_them(void **state)
{
	(void)state;
	char ids[16][EVENT_ID_BYTES];
	size_t n = 0;
	struct event e = base_event(EVENT_ALERT_RAISED);
	event_id(&e, ids[n++]);
#define VARY(set)                                                \
	do {                                                     \
		struct event v = base_event(EVENT_ALERT_RAISED); \
		set;                                             \
		event_id(&v, ids[n++]);                          \
	} while (0)
	VARY(v.kind = EVENT_ALERT_FIRING);
	VARY(v.subject = SLICE_LIT("+15551230001"));
	VARY(v.fingerprint = 1);
	VARY(v.step = "x");
	VARY(v.episode = 3);
	VARY(v.ordinal = 1);
	VARY(v.cause.topic = SLICE_LIT("cdr2"));
	VARY(v.cause.partition = 4);
	VARY(v.cause.offset = 5);
	VARY(v.cause = ((struct cause){.kind = CAUSE_TIMER, .timer = "t", .due_ms = 5}));
	VARY(v.cause = ((struct cause){.kind = CAUSE_TIMER, .timer = "t", .due_ms = 6}));
	VARY(v.cause = ((struct cause){.kind = CAUSE_TIMER, .timer = "u", .due_ms = 6}));
	VARY(v.cause = ((struct cause){.kind = CAUSE_COMMAND, .command = SLICE_LIT("t")}));
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(ids[i], ids[k]);

	/* what follows from the cause, or may differ between two runs of the same input, is not in it */
	char same[EVENT_ID_BYTES];
	e.sequence++;
	e.time_ms++;
	e.cause.record_id = SLICE_LIT("other");
	assert_string_equal(event_id(&e, same), ids[0]);
	assert_int_equal(strspn(same, "0123456789abcdef"), 32);
}

static void encoded_message_decodes_equal(void **state)
{
	(void)state;
	struct event e = number_event();
	struct message m, back;
	struct buf b = {0};
	for (int tombstone = 0; tombstone < 2; tombstone++) {
		e.number.tombstone = tombstone;
		message_build(&e, "demo", &arena, &m);
		buf_reset(&b);
		message_encode(&m, &b);
		assert_int_equal(message_decode(buf_slice(&b), &back), ERR_OK);
		assert_int_equal(back.topic, m.topic);
		assert_true(slice_eq(back.key, m.key) && slice_eq(back.id, m.id) && slice_eq(back.type, m.type));
		assert_true(slice_eq(back.source, m.source) && slice_eq(back.subject, m.subject) && slice_eq(back.time, m.time));
		assert_true(slice_eq(back.sequence, m.sequence) && slice_eq(back.data, m.data));
		assert_true((back.data.p == NULL) == tombstone);
	}
	buf_release(&b);
}

/* The outbox of a running deployment holds these bytes. */
static void encoded_message_is_the_golden_one(void **state)
{
	(void)state;
	const struct message m = {
		.topic = TOPIC_NUMBERS,
		.key = SLICE_LIT("+1"),
		.id = SLICE_LIT("i"),
		.type = SLICE_LIT("t"),
		.source = SLICE_LIT("s"),
		.subject = SLICE_LIT("+1"),
		.time = SLICE_LIT("w"),
		.sequence = SLICE_LIT("7"),
	};
	static const char golden[] = "\x01\x03\x03+1\x02i\x02t\x02s\x03+1\x02w\x02"
				     "7\x00";
	struct buf b = {0};
	message_encode(&m, &b);
	assert_int_equal(b.len, sizeof golden - 1);
	assert_memory_equal(b.data, golden, b.len);
	buf_release(&b);
}

static void damaged_message_is_corrupt(void **state)
{
	(void)state;
	struct event e = number_event();
	struct message m, back;
	struct buf b = {0};
	message_build(&e, "demo", &arena, &m);
	message_encode(&m, &b);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(message_decode(slice_make(b.data, len), &back), ERR_CORRUPT);
	buf_put_u8(&b, 0);
	assert_int_equal(message_decode(buf_slice(&b), &back), ERR_CORRUPT); /* something behind it */
	b.len--;
	b.data[0] = 2;
	assert_int_equal(message_decode(buf_slice(&b), &back), ERR_CORRUPT); /* a newer version */
	b.data[0] = 1;
	b.data[1] = 99;
	assert_int_equal(message_decode(buf_slice(&b), &back), ERR_CORRUPT); /* an unknown topic */
	buf_release(&b);
}

static void dead_letter_line_holds_the_bytes(void **state)
{
	(void)state;
	struct dead_letter d = {
		.reason = REASON_BAD_JSON,
		.detail = SLICE_LIT("line 1"),
		.topic = SLICE_LIT("cdr"),
		.partition = 2,
		.offset = INT64_C(5000000000),
		.value = SLICE_LIT("{\"a\""),
		.stage = "DECODE",
	};
	struct buf line = {0};
	dead_letter_line(&d, "demo", &line);
	buf_put_u8(&line, 0);
	assert_string_equal((char *)line.data,
			    "{\"specversion\":\"1.0\",\"id\":\"f86c0c922ebc145343cb555e07dd53d1\",\"source\":\"urn:ringfence:demo\","
			    "\"type\":\"dev.ringfence.dead-letter.v1\","
			    "\"datacontenttype\":\"application/json\",\"data\":{\"code\":\"bad_json\",\"reason\":\"not a JSON object\","
			    "\"detail\":\"line 1\",\"stage\":\"DECODE\",\"topic\":\"cdr\",\"partition\":2,\"offset\":5000000000,"
			    "\"key\":null,\"value\":\"{\\\"a\\\"\"}}");
	buf_reset(&line);
	d.value = SLICE_LIT("\xff\x00z");
	d.key = SLICE_LIT("+1");
	d.detail = SLICE_LIT("");
	dead_letter_line(&d, "demo", &line);
	buf_put_u8(&line, 0);
	assert_non_null(strstr((char *)line.data, "\"detail\":null,"));
	assert_non_null(strstr((char *)line.data, "\"key\":\"+1\",\"value_base64\":\"/wB6\"}}"));
	buf_release(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(alert_has_every_field_in_order, reset),
		cmocka_unit_test_setup(cohort_is_named_by_cohort_and_key, reset),
		cmocka_unit_test_setup(transition_has_caps_with_all_five_names, reset),
		cmocka_unit_test_setup(transition_without_end_and_caps_has_nulls, reset),
		cmocka_unit_test_setup(number_tells_phase_caps_today_and_health, reset),
		cmocka_unit_test_setup(number_lists_its_flags, reset),
		cmocka_unit_test_setup(number_plainly_active_is_a_tombstone, reset),
		cmocka_unit_test_setup(advisory_has_topic_and_detail, reset),
		cmocka_unit_test_setup(event_about_no_subject_has_no_number, reset),
		cmocka_unit_test_setup(advisory_of_a_cohort_names_its_numbers, reset),
		cmocka_unit_test_setup(structured_form_appends_behind_other_lines, reset),
		cmocka_unit_test_setup(doubles_read_back_unchanged, reset),
		cmocka_unit_test_setup(bytes_that_are_not_utf8_are_replaced, reset),
		cmocka_unit_test_setup(id_is_the_golden_one, reset),
		cmocka_unit_test_setup(id_differs_with_each_part_and_only_with_them, reset),
		cmocka_unit_test_setup(encoded_message_decodes_equal, reset),
		cmocka_unit_test_setup(encoded_message_is_the_golden_one, reset),
		cmocka_unit_test_setup(damaged_message_is_corrupt, reset),
		cmocka_unit_test_setup(dead_letter_line_holds_the_bytes, reset),
	};
	arena_init(&arena, 4096);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_release(&arena);
	return failed;
}
