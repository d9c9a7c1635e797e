/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions as rules have them: names and types checked when they are loaded. */
#include "rules/ruleset.h"
#include "rules/vm.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* calls is 50, every other int 10, doubles 0.5 */
static void fill(struct figures *f, uint32_t slot)
{
	bool real = feature_info(f->keys[slot].feature)->type == VALUE_DOUBLE;
	f->values[slot] = (struct value){.type = real ? VALUE_DOUBLE : VALUE_INT};
	if (real)
		f->values[slot].d = 0.5;
	else
		f->values[slot].i = f->keys[slot].feature == FEATURE_CALLS ? 50 : 10;
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static bool list_find(void *ctx, struct slice name, uint32_t *id)
{
	(void)ctx;
	*id = 7;
	return slice_is(name, "allow");
}

static bool list_contains(void *ctx, uint32_t id, struct slice value)
{
	(void)ctx;
	return id == 7 && slice_is(value, "+15551230000");
}

static uint16_t zone_find(struct slice name)
{
	return slice_is(name, "Europe/Berlin") ? 1 : 0;
}

static int32_t zone_offset_s(uint16_t zone, int64_t utc_ms)
{
	(void)utc_ms;
	return zone == 1 ? 3600 : 0;
}

static const struct rules_world world = {.zone_find = zone_find, .zone_offset_s = zone_offset_s};
static const struct expr_lists lists = {NULL, list_find, list_contains};

/* 2020-03-01T23:30:00Z, a Sunday */
static const struct cdr call = {.record_id = {"r1", 2},
				.calling_number = {"+15551230000", 12},
				.start_ms = INT64_C(1583105400000),
				.ring_at_ms = TIME_NONE,
				.answer_ms = TIME_NONE,
				.end_ms = TIME_NONE,
				.duration_ms = 1500,
				.billable_ms = CDR_NONE,
				.given_ring_ms = CDR_NONE,
				.disposition = DISPOSITION_BUSY,
				.stir_attest = 'B',
				.account_id = {"ACME", 4}};

struct bed {
	struct arena arena;
	struct slots slots;
	struct machine machine;
	struct buf out;
	uint64_t filled[8];
	struct value values[512];
	struct figures figures;
	const struct cdr *call;
};

static int set_up(void **state)
{
	struct bed *b = mem_zalloc(sizeof *b);
	arena_init(&b->arena, 4096);
	machine_init(&b->machine, 100000);
	b->call = &call;
	*state = b;
	rules_world_set(&world);
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;
	arena_release(&b->arena);
	machine_release(&b->machine);
	buf_release(&b->out);
	free(b->slots.keys);
	free(b);
	rules_world_set(NULL);
	return 0;
}

static bool compile(struct bed *b, const char *text, struct program *p)
{
	static const struct event_pair labels[] = {{{"severity", 8}, {"critical", 8}}, {{"team", 4}, {"fraud", 5}}};
	static const struct expr_name params[] = {{{"T", 1}, {.type = CEL_INT, .i = 40}},
						  {{"W", 1}, {.type = CEL_STRING, .n = 2, .p = "1h"}}};
	const struct expr_names names = {
		.slots = &b->slots, .values = params, .value_cnt = 2, .labels = labels, .label_cnt = 2, .lists = &lists};
	buf_reset(&b->out);
	if (expr_compile(slice_of(text), (struct place){.file = "x", .line = 1, .column = 1}, &b->arena, &names, p, &b->out)) {
		b->out.data[b->out.len - 1] = '\0'; /* in place of the line's end */
		return false;
	}
	b->figures = (struct figures){.keys = b->slots.keys, .n = b->slots.cnt, .filled = b->filled, .values = b->values, .fill = fill};
	memset(b->filled, 0, sizeof b->filled);
	return true;
}

static const char *eval(struct bed *b, const char *text)
{
	struct program p;
	struct cel v;
	struct value shown;
	const char *why = NULL;
	if (!compile(b, text, &p))
		return (const char *)b->out.data;
	const struct expr_input in = {.figures = &b->figures,
				      .call = b->call,
				      .number = SLICE_LIT("+15551230000"),
				      .account = SLICE_LIT("ACME"),
				      .country = SLICE_LIT("1")};
	if (!program_run(&p, &b->machine, &in, &v, &why))
		buf_printf(&b->out, "error: %s", why);
	else if (!cel_to_value(v, &b->arena, &shown))
		buf_printf(&b->out, "a %s", cel_type_name(v.type));
	else if (shown.type == VALUE_INT)
		buf_printf(&b->out, "%lld", (long long)shown.i);
	else if (shown.type == VALUE_DOUBLE)
		buf_printf(&b->out, "%g", shown.d);
	else if (shown.type == VALUE_STRING)
		buf_printf(&b->out, SLICE_FMT, SLICE_ARG(shown.s));
	else
		buf_puts(&b->out, shown.b ? "true" : "false");
	buf_put_u8(&b->out, 0);
	return (const char *)b->out.data;
}

static void check(struct bed *b, const char *const cases[][2], size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (strcmp(eval(b, cases[i][0]), cases[i][1]) != 0)
			fail_msg("%s\n   is   %s\n   not  %s", cases[i][0], (const char *)b->out.data, cases[i][1]);
}
#define CHECK(b, cases) check(b, cases, sizeof(cases) / sizeof((cases)[0]))

static void expression_has_its_value_or_its_error(void **state)
{
	static const char *const cases[][2] = {
		{"1 + 2 * 3", "7"},
		{"(1 + 2) * 3 - -4 % 3", "10"},
		{"calls[\"1h\"] > 40 && callee_ratio[\"1h\"] >= 0.5", "true"},
		{"calls[\"1h\"] == 50.0", "true"},
		{"calls['1h'] > 49.5 && calls['1h'] < 50.5 && 49.5 < calls['1h'] && calls['1h'] != 50.5", "true"},
		{"callee_ratio['1h'] < 1 && 0 < callee_ratio['1h'] && !(callee_ratio['1h'] > 1u)", "true"},
		{"!(calls[\"1h\"] < 10) ? 1.5 : 2.5", "1.5"},
		{"1 / 0 > 1 || true", "true"},
		{"false && 1 / 0 > 1", "false"},
		{"1 / 0 > 1 && true", "error: division by zero"},
		{"(1 / 0 > 1 ? 1 : 2) == 1", "error: division by zero"},
		{"calls[\"1h\"] > 60 || calls[\"1h\"] / (answered[\"1h\"] - 10) > 1", "error: division by zero"},
		{"calls[\"1h\"] > 40 || calls[\"1h\"] / (answered[\"1h\"] - 10) > 1", "true"},
		{"calls[\"1h\"] / (answered[\"1h\"] - 10) > 1 || calls[\"1h\"] > 40", "true"},
		{"9223372036854775807 + 1", "error: integer overflow"},
		{"-9223372036854775808 - 1", "error: integer overflow"},
		{"(calls['1h'] > 20 ? 1 : 0) + (callees['1h'] > 20 ? 1 : 0) + (short6_ratio['24h'] > 0.15 ? 1 : 0) >= 2", "true"},
		{"double(calls['1h']) > 10.0 * callee_ratio['1h']", "true"},
	};
	CHECK(*state, cases);
}

static void names_of_a_rule_have_their_values(void **state)
{
	static const char *const cases[][2] = {
		{"number + '/' + account + trunk + country + region", "+15551230000/ACME1"},
		{"labels.team", "fraud"},
		{"labels['severity']", "critical"},
		{"has(labels.owner)", "false"},
		{"calls[W] > T", "true"},
		{"in_list('allow', number)", "true"},
		{"in_list('allow', call.account_id)", "false"},
		{"call.disposition == 'BUSY' && call.stir_attest in ['B', 'C'] && call.duration_ms == 1500", "true"},
		{"call.start_time.getHours('Europe/Berlin')", "0"},
		{"call.start_time.getDayOfWeek('Europe/Berlin') == 1 && call.start_time.getDayOfWeek() == 0", "true"},
		{"call.start_time", "2020-03-01T23:30:00Z"},
		{"has(call.answer_time)", "false"},
		{"call.answer_time > call.start_time", "error: the call does not have this field"},
		{"number.matches('^\\\\+1555') && number.startsWith('+1') && size(number) == 12", "true"},
	};
	CHECK(*state, cases);
}

static void call_is_an_error_at_a_timer(void **state)
{
	struct bed *b = *state;
	b->call = NULL;
	assert_string_equal(eval(b, "call.disposition == 'BUSY'"), "error: no call: a timer set this off");
	assert_string_equal(eval(b, "has(call.disposition) && call.disposition == 'BUSY'"), "false");
}

static void mistake_has_its_place_and_a_way_out(void **state)
{
	static const char *const cases[][2] = {
		{"calls[\"1h\"] + 0.5",
		 "x:1:13: '+' needs two ints or two doubles, not int and double: write 10.0 in place of 10, or double(x)"},
		{"cals[\"1h\"]", "x:1:1: 'cals' is not a feature; did you mean 'calls'?"},
		{"1 < 2 &&\n  numbr == ''", "x:2:3: 'numbr' is not a feature or another name of rules; did you mean 'number'?"},
		{"calls[\"40d\"]", "x:1:7: the window \"40d\" is out of range: 1s to 31d"},
		{"calls[\"1 h\"]", "x:1:7: \"1 h\" is not a duration: \"30s\", \"10m\", \"1h30m\", \"7d\""},
		{"calls[1]", "x:1:7: a window is a text like \"1h\""},
		{"calls > 1", "x:1:1: 'calls' needs a window: calls[\"1h\"]"},
		{"call.dispositon == ''", "x:1:6: 'dispositon' is not a field of the call; did you mean 'disposition'?"},
		{"call == 1", "x:1:1: 'call' is read field by field, like call.disposition"},
		{"labels.tem == ''", "x:1:8: there is no 'tem' here"},
		{"labels[1] == ''", "x:1:8: the key of this map is of string, not int"},
		{"in_list('deny', number)", "x:1:9: there is no list \"deny\""},
		{"in_list('allow', 1)", "x:1:18: in_list() looks for a string, not int"},
		{"number.startWith('+1')", "x:1:8: 'startWith()' is not a function; did you mean 'startsWith()'?"},
		{"number.startsWith(1)", "x:1:8: startsWith() does not go with string, int"},
		{"number.matches('(')", "x:1:16: matches(): pattern, at byte 2: ')' is missing"},
		{"call.start_time.getHours('Mars/Base')",
		 "x:1:26: 'Mars/Base' is not a time zone: use a name like Europe/Berlin or an offset like +01:00"},
		{"number == 1", "x:1:8: '==' does not go with string and int"},
		{"number in [1, 2]", "x:1:8: 'in' looks for string among int"},
		{"number in 'a'", "x:1:8: 'in' needs a list or a map on its right, not string"},
		{"!1", "x:1:1: '!' does not go with int"},
		{"1 < 2 && 3", "x:1:7: '&&' joins conditions, not int"},
		{"true ? 1 : 'a'", "x:1:6: '? :' needs a condition and two values of one type, not bool, int, string"},
		{"[1].all(n, n)", "x:1:12: all() needs a condition, not int"},
		{"[1].all(1, true)", "x:1:9: all(): argument 1 is a name for its elements"},
		{"1 +", "x:1:4: the expression ends too early"},
		{"(1", "x:1:3: ')' expected"},
		{"[1, 2", "x:1:6: ']' expected"},
		{"f(1,)", "x:1:5: ')' is not expected here"},
		{"if == 1", "x:1:1: 'if' is a reserved word"},
		{"a.in", "x:1:3: 'in' is not expected here"},
		{"Point{x: 1}", "x:1:6: messages are not part of this language; a map is {\"key\": value}"},
		{"9223372036854775808", "x:1:1: the number is too large"},
		{"18446744073709551616u", "x:1:1: the number is too large"},
		{"1e400", "x:1:1: the number is too large"},
		{"12monkeys", "x:1:3: 'm' behind a number"},
		{"'abc", "x:1:1: the string does not end"},
		{"'\\q'", "x:1:2: '\\q' is not an escape that strings know"},
		{"'\\ud800'", "x:1:2: '\\u' is not an escape that strings know"},
		{"a # b", "x:1:3: unexpected character '#'"},
		{"size(1, 2)", "x:1:1: size() does not go with 2 arguments, or is called as x."},
	};
	CHECK(*state, cases);
}

static char *repeated(const char *head, const char *part, int n, const char *tail)
{
	struct buf b = {0};
	buf_puts(&b, head);
	for (int i = 0; i < n; i++)
		buf_puts(&b, part);
	buf_puts(&b, tail);
	buf_put_u8(&b, 0);
	return (char *)b.data;
}

static void hostile_text_is_refused(void **state)
{
	static const struct {
		const char *head, *part;
		int n;
		const char *tail, *says;
	} cases[] = {
		{"", "(", 200, "1", "nested more than 96 deep"},
		{"", "[", 200, "1", "nested more than 96 deep"},
		{"", "1 + ", 1500, "1", "more than 512 in a row"},
		{"", "size(", 200, "''", "nested more than 96 deep"},
		{"", "true ? 1 : ", 200, "1", "nested more than 96 deep"},
		{"[", "number, ", 1020, "number] == []", "values are needed at once"},
		{"'", "a", 9000, "' == ''", "longer than 8192 bytes"},
		{"''.matches('", "(", 60, "')", "nested too deep"},
		{"''.matches('", "(a{1000})", 3, "')", "too large"},
		{"''.matches('(a", "{1000}", 12, ")')", "too large"},
		{"''.matches('()", "{1000}", 12, "')", "too large"},
		{"''.matches('a", "**", 60, "')", "repeated too often"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *text = repeated(cases[i].head, cases[i].part, cases[i].n, cases[i].tail);
		const char *got = eval(*state, text);
		if (!strstr(got, cases[i].says))
			fail_msg("case %zu: %.200s", i, got);
		free(text);
	}
	char *signs = repeated("", "!", 4001, "true"); /* a run is no nesting */
	assert_string_equal(eval(*state, signs), "false");
	free(signs);
}

static void long_work_ends_within_the_steps(void **state)
{
	static const char *const cases[] = {
		"[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, "
		"[1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, a + b + c + d + e + f > 0)))))) || true",
		"['aaaaaaaaaaaaaaaa'].map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a)"
		".map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).all(a, size(a) > 0)",
		"[[1,2,3,4]].map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a)"
		".map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).all(a, a == a)",
		"['aaaaaaaaaaaaaaaa'].map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a)"
		".map(a, a+a+a+a+a+a+a+a).all(a, a.matches('(a*a*a*a*a*a*a*a*)*b'))",
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(eval(*state, cases[i]), "error: the evaluation takes too many steps");
}

/* A comparison of a figure with a number is one step; dyn() takes the same one the long way. */
static void quick_comparison_agrees_with_the_slow_one(void **state)
{
	static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="}, *const numbers[] = {"50",
												 "50.0",
												 "50u",
												 "49",
												 "51",
												 "49.5",
												 "50.5",
												 "-50",
												 "0.5",
												 "0.25",
												 "1",
												 "-0.5",
												 "0",
												 "1e300",
												 "-1e300",
												 "9007199254740993",
												 "18446744073709551615u"};
	static const char *const figures[] = {"calls['1h']", "callee_ratio['1h']"};
	struct bed *b = *state;
	struct program p;
	for (size_t f = 0; f < 2; f++)
		for (size_t o = 0; o < 6; o++)
			for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
				for (int turned = 0; turned < 2; turned++) {
					char quick[128], slow[128], inverse[128], text[8];
					const char *l = turned ? numbers[n] : figures[f], *r = turned ? figures[f] : numbers[n];
					snprintf(quick, sizeof quick, "%s %s %s", l, ops[o], r);
					snprintf(slow, sizeof slow, "dyn(%s) %s %s", l, ops[o], r);
					snprintf(inverse, sizeof inverse, "%s %s %s || false ? false : true", l, ops[o], r);
					snprintf(text, sizeof text, "%s", eval(b, slow));
					assert_string_equal(eval(b, quick), text);
					assert_string_not_equal(eval(b, inverse), text);
				}
	assert_true(compile(b, "calls['1h'] > 40 && 0.5 <= callee_ratio['1h']", &p));
	assert_int_equal(p.cnt, 4);
	assert_true(p.steps[0].op == OP_UNLESS_I_GT && p.steps[1].op == OP_UNLESS_D_GE);
}

static void fill_nan(struct figures *f, uint32_t slot)
{
	f->values[slot] = (struct value){.type = VALUE_DOUBLE, .d = (double)NAN};
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static void nan_is_neither_less_nor_not_less(void **state)
{
	static const struct {
		const char *text;
		bool holds;
	} cases[] = {{"avg_talk_s['1h'] < 1", false},
		     {"!(avg_talk_s['1h'] < 1)", true},
		     {"avg_talk_s['1h'] >= 1", false},
		     {"!(avg_talk_s['1h'] >= 1)", true},
		     {"avg_talk_s['1h'] != 1", true},
		     {"!(avg_talk_s['1h'] == 1)", true},
		     {"avg_talk_s['1h'] == 1", false},
		     {"!(avg_talk_s['1h'] != 1)", false},
		     {"avg_talk_s['1h'] < 1 || avg_talk_s['1h'] >= 1", false}};
	struct bed *b = *state;
	struct program p;
	struct cel v;
	const struct expr_input in = {.figures = &b->figures};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(compile(b, cases[i].text, &p));
		b->figures.fill = fill_nan;
		assert_true(program_run(&p, &b->machine, &in, &v, NULL));
		assert_int_equal(v.b, cases[i].holds);
	}
}

static void figures_alone_leave_the_arena_untouched(void **state)
{
	struct bed *b = *state;
	assert_string_equal(eval(b, "calls['1h'] > 40 && (callee_ratio['1h'] >= 0.5 || answered['1h'] / 2 > 3)"), "true");
	assert_int_equal(b->machine.arena.held_bytes, 0);
	assert_string_equal(eval(b, "number + 'x' != ''"), "true");
	assert_true(b->machine.arena.held_bytes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(expression_has_its_value_or_its_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_of_a_rule_have_their_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(call_is_an_error_at_a_timer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mistake_has_its_place_and_a_way_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile_text_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(long_work_ends_within_the_steps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(quick_comparison_agrees_with_the_slow_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nan_is_neither_less_nor_not_less, set_up, tear_down),
		cmocka_unit_test_setup_teardown(figures_alone_leave_the_arena_untouched, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
