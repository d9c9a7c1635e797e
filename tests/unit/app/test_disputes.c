/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of dispute steps and their calendar. The iCalendar text is read back by a strict reader of RFC 5545: line ends, folding, escapes, what an event
 * must have. */
#include "app/dispute_list.h"
#include "app/ics.h"
#include "tests/unit/app/verb.h"

#define T0 INT64_C(1704067200000) /* 2024-01-01T00:00:00Z */

static struct arena arena;
static struct providers table;
static struct dispute_list list;

static const struct dispute_filter any = {.states = STEPS_ANY, .due_before_ms = TIME_NEVER};

static bool add(const struct dispute_filter *f, const char *number, const char *id, enum step_state state, int64_t due_ms)
{
	struct dispute_step s = {.id = slice_of(id), .state = state, .round = 1, .changes = 3, .due_ms = due_ms, .changed_ms = T0};
	s.outcome = state == STEP_ANSWERED ? OUTCOME_REFUSED : OUTCOME_NONE;
	return dispute_list_add(&list, f, &table, slice_of(number), &s);
}

static void begin(const char *yaml)
{
	struct buf problems = {0};
	dispute_list_release(&list);
	arena_reset(&arena);
	assert_int_equal(providers_parse(yaml ? slice_of(yaml) : providers_shipped, "p", &arena, &table, &problems), ERR_OK);
	buf_release(&problems);
}

static void expect(enum dispute_format format, const char *expected)
{
	struct buf b = {0};
	dispute_list_sort(&list);
	dispute_list_write(&list, format, &b);
	buf_put_u8(&b, 0);
	assert_string_equal((const char *)b.data, expected);
	buf_release(&b);
}

#define PROVIDERS                                                                                             \
	"providers: [{id: b, name: 'Bee, \"Inc\"', kind: carrier, form: 'https://b.example/f', contact: c}, " \
	"{id: a, name: Ay, kind: carrier}]\n"

static void list_is_sorted_by_due_time_number_and_provider(void **state)
{
	(void)state;
	begin(PROVIDERS);
	add(&any, "+15552", "a", STEP_DUE, T0 + DAY_MS);
	add(&any, "+15552", "gone", STEP_SENT, T0 + DAY_MS);
	add(&any, "+15552", "b", STEP_ANSWERED, T0 + DAY_MS);
	add(&any, "+15551", "a", STEP_PLANNED, T0 + DAY_MS);
	add(&any, "+15559", "b", STEP_CLOSED, T0);
	expect(DISPUTES_CSV, "number,step,target,state,due,changed,outcome,round\r\n"
			     "+15559,b,\"Bee, \"\"Inc\"\"\",closed,,2024-01-01T00:00:00.000Z,,1\r\n"
			     "+15551,a,Ay,planned,2024-01-02T00:00:00.000Z,2024-01-01T00:00:00.000Z,,1\r\n"
			     "+15552,b,\"Bee, \"\"Inc\"\"\",answered,,2024-01-01T00:00:00.000Z,refused,1\r\n"
			     "+15552,a,Ay,due,2024-01-02T00:00:00.000Z,2024-01-01T00:00:00.000Z,,1\r\n"
			     "+15552,gone,gone,sent,2024-01-02T00:00:00.000Z,2024-01-01T00:00:00.000Z,,1\r\n");
}

static void list_has_its_forms(void **state)
{
	(void)state;
	begin(PROVIDERS);
	expect(DISPUTES_JSON, "");
	add(&any, "+15552", "b", STEP_FOLLOW_UP, T0);
	expect(DISPUTES_JSON, "{\"number\":\"+15552\",\"step\":\"b\",\"target\":\"Bee, \\\"Inc\\\"\",\"state\":\"follow_up_due\","
			      "\"due\":\"2024-01-01T00:00:00.000Z\",\"changed\":\"2024-01-01T00:00:00.000Z\",\"outcome\":null,\"round\":1,"
			      "\"contact\":\"c\",\"form\":\"https://b.example/f\"}\n");
	expect(DISPUTES_TABLE,
	       "number            step              target                    state          due                       changed      "
	       "             outcome   round\n"
	       "+15552            b                 Bee, \"Inc\"                follow_up_due  2024-01-01T00:00:00.000Z  "
	       "2024-01-01T00:00:00.000Z            1\n");
}

static void filter_goes_by_state_and_time(void **state)
{
	const struct dispute_filter open = {.states = STEPS_OPEN, .due_before_ms = TIME_NEVER};
	const struct dispute_filter soon = {.states = STEPS_ANY, .due_before_ms = T0 + 1};
	(void)state;
	begin(PROVIDERS);
	assert_true(add(&open, "+15552", "a", STEP_DUE, T0) && add(&open, "+15552", "a", STEP_PLANNED, T0) &&
		    add(&open, "+15552", "a", STEP_SENT, T0) && add(&open, "+15552", "a", STEP_FOLLOW_UP, T0));
	assert_false(add(&open, "+15552", "a", STEP_ANSWERED, T0) || add(&open, "+15552", "a", STEP_CLOSED, T0));
	assert_true(add(&soon, "+15552", "a", STEP_SENT, T0));
	assert_false(add(&soon, "+15552", "a", STEP_SENT, T0 + 1) || add(&soon, "+15552", "a", STEP_CLOSED, T0));
}

/* ---- a strict reader ---- */

struct reading {
	char *lines[1000]; /* unfolded */
	int cnt, at;
};

static void unfold(const struct buf *b, struct reading *r)
{
	const char *p = (const char *)b->data, *end = p + b->len;
	*r = (struct reading){0};
	assert_null(memchr(p, 0, b->len));
	while (p < end) {
		const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		assert_non_null(eol);
		size_t n = (size_t)(eol - p);
		assert_in_range(n, 1, 75);
		assert_true((*p & 0xc0) != 0x80 && (p[*p == ' '] & 0xc0) != 0x80); /* no character is cut */
		for (size_t i = 0; i < n; i++)
			assert_true(((uint8_t)p[i] >= 0x20 && p[i] != 0x7f) || p[i] == '\t');
		if (*p == ' ') {
			assert_true(r->cnt > 0);
			char **last = &r->lines[r->cnt - 1];
			size_t had = strlen(*last);
			*last = mem_realloc(*last, had + n);
			memcpy(*last + had, p + 1, n - 1);
			(*last)[had + n - 1] = 0;
		} else {
			assert_in_range(r->cnt, 0, 999);
			char *line = mem_alloc(n + 1);
			memcpy(line, p, n);
			line[n] = 0;
			r->lines[r->cnt++] = line;
		}
		p = eol + 2;
	}
}

static void release(struct reading *r)
{
	for (int i = 0; i < r->cnt; i++)
		free(r->lines[i]);
}

static const char *value(const char *line, const char *name)
{
	size_t n = strlen(name);
	return strncmp(line, name, n) == 0 && line[n] == ':' ? line + n + 1 : NULL;
}

static void is_time(const char *v)
{
	assert_int_equal(strlen(v), 16);
	for (int i = 0; i < 16; i++)
		assert_true(i == 8 ? v[i] == 'T' : i == 15 ? v[i] == 'Z' : v[i] >= '0' && v[i] <= '9');
}

/* TEXT: no bare , or ; and no escape but \\ \; \, \n. */
static void is_text(const char *v)
{
	for (; *v; v++) {
		assert_true(*v != ',' && *v != ';');
		if (*v == '\\') {
			v++;
			assert_non_null(strchr("\\;,n", *v ? *v : 'x'));
		}
	}
}

/* One VEVENT: each property at most once, all those that must be there. */
static void read_event(struct reading *r)
{
	static const char *const names[] = {"UID",         "DTSTAMP", "SEQUENCE",   "DTSTART", "DURATION", "SUMMARY",
					    "DESCRIPTION", "STATUS",  "CATEGORIES", "TRANSP",  "URL"};
	const char *got[11] = {0};
	for (; !value(r->lines[r->at], "END"); r->at++) {
		int i = 0;
		while (i < 11 && !value(r->lines[r->at], names[i]))
			i++;
		assert_in_range(i, 0, 10);
		assert_null(got[i]);
		got[i] = value(r->lines[r->at], names[i]);
	}
	assert_string_equal(r->lines[r->at++], "END:VEVENT");
	for (int i = 0; i < 10; i++)
		assert_non_null(got[i]);
	is_time(got[1]);
	is_time(got[3]);
	is_text(got[5]);
	is_text(got[6]);
	assert_true(strspn(got[2], "0123456789") == strlen(got[2]));
	assert_true(strcmp(got[7], "CONFIRMED") == 0 || strcmp(got[7], "CANCELLED") == 0);
}

static int read_calendar(const struct buf *b, struct reading *r)
{
	static const char *const head[] = {"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Ringfence//disputes//EN", "CALSCALE:GREGORIAN"};
	int events = 0;
	unfold(b, r);
	for (int i = 0; i < 4; i++)
		assert_string_equal(r->lines[i], head[i]);
	for (r->at = 4; strcmp(r->lines[r->at], "BEGIN:VEVENT") == 0; events++) {
		r->at++;
		read_event(r);
	}
	if (events == 0) { /* something has to be in it */
		assert_string_equal(r->lines[r->at], "BEGIN:VTIMEZONE");
		while (strcmp(r->lines[r->at++], "END:VTIMEZONE") != 0)
			assert_true(r->at < r->cnt);
	}
	assert_string_equal(r->lines[r->at], "END:VCALENDAR");
	assert_int_equal(r->at + 1, r->cnt);
	return events;
}

static void calendar_of_every_state_is_valid(void **state)
{
	static const char *const ids[] = {"first_orion", "hiya", "tns", "fcr", "att", "gone"};
	struct buf b = {0}, again = {0};
	struct reading r;
	(void)state;
	begin(NULL);
	for (int i = 0; i < 6; i++)
		add(&any, "+15551230000", ids[i], (enum step_state)i, T0 + i * DAY_MS);
	dispute_list_sort(&list);
	ics_write(&list, "demo", &b);
	ics_write(&list, "demo", &again);
	assert_int_equal(read_calendar(&b, &r), 6);
	assert_true(b.len == again.len && memcmp(b.data, again.data, b.len) == 0);
	assert_string_equal(r.lines[4], "BEGIN:VEVENT");
	assert_string_equal(r.lines[5], "UID:15551230000-first_orion-1@demo.ringfence");
	assert_string_equal(r.lines[6], "DTSTAMP:20240101T000000Z");
	assert_string_equal(r.lines[7], "SEQUENCE:3");
	assert_string_equal(r.lines[8], "DTSTART:20240101T000000Z");
	assert_string_equal(r.lines[10], "SUMMARY:Dispute with First Orion\\, +15551230000");
	release(&r);
	buf_release(&b);
	buf_release(&again);
}

static void texts_are_escaped_and_folded_between_characters(void **state)
{
	struct buf yaml = {0}, b = {0};
	struct reading r;
	(void)state;
	for (int shift = 0; shift < 80; shift++) {
		buf_reset(&yaml);
		buf_reset(&b);
		buf_puts(&yaml, "providers: [{id: b, kind: carrier, name: 'x', contact: \"");
		for (int i = 0; i < shift; i++)
			buf_put_u8(&yaml, 'a');
		for (int i = 0; i < 40; i++)
			buf_puts(&yaml, i % 3 ? "\xe2\x82\xac" : "\xf0\x9f\x98\x80");
		buf_puts(&yaml, "a,b;c\\\\d\\ne\\tf\", form: 'https://b.example/not a url'}]\n");
		buf_put_u8(&yaml, 0);
		begin((const char *)yaml.data);
		add(&any, "+15551230000", "b", STEP_DUE, T0);
		ics_write(&list, "demo", &b);
		assert_int_equal(read_calendar(&b, &r), 1);
		bool found = false;
		for (int i = 0; i < r.cnt; i++)
			found = found || strstr(r.lines[i], "a\\,b\\;c\\\\d\\ne\tf\\nhttps://b.example/not a url");
		release(&r);
		if (!found)
			fail_msg("%.*s", (int)b.len, (const char *)b.data);
	}
	buf_release(&yaml);
	buf_release(&b);
}

static void calendar_without_steps_is_valid(void **state)
{
	struct buf b = {0};
	struct reading r;
	(void)state;
	begin(PROVIDERS);
	ics_write(&list, "demo", &b);
	assert_int_equal(read_calendar(&b, &r), 0);
	release(&r);
	buf_release(&b);
}

/* ---- wrong use ---- */

static void wrong_use(const char *expected, char **argv)
{
	struct verb_said s = verb_said(verb_disputes, argv);
	assert_int_equal(s.status, 2);
	if (!strstr(s.err, expected))
		fail_msg("%s is not in: %s", expected, s.err);
	assert_string_equal(s.out, "");
	verb_forget(&s);
}

#define N "+15551230000"
#define WRONG(expected, ...) wrong_use(expected, (char *[]){"disputes", __VA_ARGS__, NULL})

static void wrong_use_says_what(void **state)
{
	(void)state;
	WRONG("say what", "show");
	WRONG("-c FILE is missing", "list");
	WRONG("--format xml", "list", "-c", "x", "--format", "xml");
	WRONG("ics takes no --format", "ics", "-c", "x", "--format", "csv");
	WRONG("--state late", "list", "-c", "x", "--state", "late");
	WRONG("--due-before soon", "list", "-c", "x", "--due-before", "soon");
	WRONG("'5' is not a number", "list", "-c", "x", "--number", "5");
	WRONG("belong to disputes sent", "list", "-c", "x", "--note", "n");
	WRONG("belong to disputes list", "sent", "-c", "x", "--state", "due", N, "hiya");
	WRONG("which STEP", "sent", "-c", "x", N);
	WRONG("--outcome is missing", "reply", "-c", "x", N, "hiya");
	WRONG("--outcome belongs to", "sent", "-c", "x", "--outcome", "accepted", N, "hiya");
	WRONG("'outcome' is missing", "reply", "-c", "x", "--outcome", "", N, "hiya");
	WRONG("--wait x", "sent", "-c", "x", "--wait", "x", N, "hiya");
}

static void number_takes_what_its_command_needs(void **state)
{
	static struct { /* getopt sorts argv */
		const char *expected;
		char *argv[12];
	} cases[] = {
		{"say what", {"number", "dispute", "-c", "x", N, NULL}},
		{"number release takes no --label", {"number", "release", "-c", "x", "--label", "l", N, NULL}},
		{"number show takes no --note", {"number", "show", "-c", "x", "--note", "l", N, NULL}},
		{"'note' is missing", {"number", "note", "-c", "x", N, NULL}},
		{"'result' is missing", {"number", "check", "-c", "x", "--carrier", "V", N, NULL}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct verb_said s = verb_said(verb_number, cases[i].argv);
		assert_int_equal(s.status, 2);
		if (!strstr(s.err, cases[i].expected))
			fail_msg("%s is not in: %s", cases[i].expected, s.err);
		verb_forget(&s);
	}
}

static int open_arena(void **state)
{
	(void)state;
	arena_init(&arena, 4096);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	dispute_list_release(&list);
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_is_sorted_by_due_time_number_and_provider),
		cmocka_unit_test(list_has_its_forms),
		cmocka_unit_test(filter_goes_by_state_and_time),
		cmocka_unit_test(calendar_of_every_state_is_valid),
		cmocka_unit_test(texts_are_escaped_and_folded_between_characters),
		cmocka_unit_test(calendar_without_steps_is_valid),
		cmocka_unit_test(wrong_use_says_what),
		cmocka_unit_test(number_takes_what_its_command_needs),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
