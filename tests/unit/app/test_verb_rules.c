/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tests/unit/app/verb.h"

#define RULES(...) verb_said(verb_rules, (char *[]){"rules", __VA_ARGS__, NULL})

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define EXPECT(said, exit, output, errors)              \
	do {                                            \
		struct verb_said said_ = said;          \
		assert_string_equal(said_.err, errors); \
		assert_string_equal(said_.out, output); \
		assert_int_equal(said_.status, exit);   \
		verb_forget(&said_);                    \
	} while (0)

/* ---- check ---- */

#define SOUND "groups:\n- name: g\n  rules:\n  - {alert: A, source: s, expr: 'calls[\"1h\"] > 5'}\n"
#define BROKEN "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'cals[\"1h\"] > 5'}\n"
#define DOUBTFUL "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'calls[\"1h\"] > 5'}\n"

static void check_of_sound_rules_is_done(void **state)
{
	(void)state;
	write_file("sound.yaml", SOUND);
	EXPECT(RULES("check", "sound.yaml"), 0, "1 rule, no errors\n", "");
	EXPECT(RULES("check", "--strict", "sound.yaml"), 0, "1 rule, no errors\n", "");
}

static void check_warns_and_fails_only_if_strict(void **state)
{
	static const char warning[] = "doubtful.yaml:4:5: warning: no-source: A: no source says where its threshold comes from\n";
	(void)state;
	write_file("doubtful.yaml", DOUBTFUL);
	EXPECT(RULES("check", "doubtful.yaml"), 0, "1 rule, no errors, 1 warning\n", warning);
	EXPECT(RULES("check", "--strict", "doubtful.yaml"), 1, "1 rule, no errors, 1 warning\n", warning);
}

static void check_of_broken_rules_fails(void **state)
{
	(void)state;
	write_file("broken.yaml", BROKEN);
	EXPECT(RULES("check", "broken.yaml"), 1, "", "broken.yaml:4:23: 'cals' is not a feature; did you mean 'calls'?\n");
	EXPECT(RULES("check"), 2, "", "ringfence rules check: no file given; ringfence rules check --help teaches it\n");
}

/* ---- test ---- */

#define FILES TEST_DATA "/rules/"

static void tests_of_rules_pass(void **state)
{
	(void)state;
	EXPECT(RULES("test", FILES "volume_test.yaml"), 0,
	       "ok   " FILES "volume_test.yaml:4: a burst is warned of, then put to rest, and walks back to normal use\n"
	       "ok   " FILES "volume_test.yaml:29: somebody who redials one party is left alone\n"
	       "ok   " FILES "volume_test.yaml:37: short calls fire above the threshold, after ten minutes, and not below it\n"
	       "3 tests, 14 checks: 3 passed, 0 failed\n",
	       "");
}

static void failed_test_shows_what_differs(void **state)
{
	(void)state;
	EXPECT(RULES("test", FILES "failing_test.yaml"), 1,
	       "FAIL " FILES "failing_test.yaml:4: wrong about a burst\n"
	       "  " FILES "failing_test.yaml:9:9: alert CallBurstHour at 15m\n"
	       "    +15551230000 labels\n"
	       "      expected: {team: fraud, severity: critical}\n"
	       "      got:      {team: fraud}, severity warning\n"
	       "    +15551230000 annotations\n"
	       "      expected: {summary: many calls}\n"
	       "      got:      {summary: many calls to many parties within an hour}\n"
	       "    +15551230000 calls[\"1h\"]\n"
	       "      expected: 40\n"
	       "      got:      41\n"
	       "    +15551230000 answered[\"1h\"]\n"
	       "      expected: 40\n"
	       "      got:      (the rule does not name this figure)\n"
	       "    +15551230001\n"
	       "      expected: firing\n"
	       "      got:      not firing\n"
	       "    +15551230009\n"
	       "      expected: not firing\n"
	       "      got:      firing, labels {team: fraud}, severity warning\n"
	       "  " FILES "failing_test.yaml:18:9: phase of +15551230000 at 15m\n"
	       "    +15551230000 phase\n"
	       "      expected: rest\n"
	       "      got:      active\n"
	       "    +15551230000 to\n"
	       "      expected: rest\n"
	       "      got:      (no transition)\n"
	       "ok   " FILES "failing_test.yaml:19: right\n"
	       "2 tests, 3 checks: 1 passed, 1 failed\n",
	       "");
}

#define TEST_HEAD "rule_files: [sound.yaml]\ntests:\n- name: t\n  alert_rule_test: [{eval_time: 1h, alertname: A}]\n"

static void each_mistake_of_a_test_file_has_its_place(void **state)
{
	static const char *const cases[][2] = {
		{"[\n",
		 "t.yaml:2:1: not YAML: while parsing a flow node, did not find expected node content (check indentation, brackets and "
		 "quotes)\n"},
		{"- a\n", "t.yaml:1:1: a file of tests is a map\n"},
		{"tests: []\n", "t.yaml:1:1: rule_files is missing: the rules to test\n"},
		{"rule_files: [nowhere*.yaml]\ntests: []\n", "t.yaml:1:14: rule_files: there is no file nowhere*.yaml\n"},
		{"rule_files: [sound.yaml]\ntest: []\n",
		 "t.yaml:2:1: test: unknown key of a file of tests; did you mean tests?\nt.yaml:1:1: tests is missing\n"},
		{"rule_files: [sound.yaml]\ntests:\n- name: y\n",
		 "t.yaml:3:3: this test checks nothing: alert_rule_test or transition_test is missing\n"},
		{"rule_files: [sound.yaml]\ntests:\n- alert_rule_test: [{eval_time: 1h, alertname: B}]\n",
		 "t.yaml:3:48: alertname: no rule has the name B\n"},
		{TEST_HEAD "  intervall: 3m\n", "t.yaml:5:3: intervall: unknown key of a test; did you mean interval?\n"},
		{TEST_HEAD "  start_timestamp: yesterday\n",
		 "t.yaml:5:20: start_timestamp: a time is expected: RFC 3339 or epoch milliseconds\n"},
		{TEST_HEAD "  input_records: [{to: '+15559870000'}]\n",
		 "t.yaml:5:19: input_records: from is missing: the calling number\n"},
		{TEST_HEAD "  input_records: [{from: '+15559870000', every: often, count: 0, talk: [3s, x]}]\n",
		 "t.yaml:5:49: every: a duration is expected, like 0s, 30s, 1h30m, 7d\n"
		 "t.yaml:5:63: count: a whole number from 1 to 1000000 is expected\n"
		 "t.yaml:5:77: talk: a duration, or a list of durations that calls take in turn, is expected\n"},
		{TEST_HEAD "  input_records: [{from: '+15559870000', disposition: ANSWERD}]\n",
		 "t.yaml:5:55: disposition: one of UNKNOWN, ANSWERED, NO_ANSWER, BUSY, CANCELLED, REJECTED, INVALID_NUMBER, NETWORK is "
		 "expected; did "
		 "you mean ANSWERED?\n"},
		{TEST_HEAD "  input_records: [{from: '5551234'}]\n",
		 "t.yaml:5:19: input_records: call 1 of these cannot be used: the calling number is not E.164 (bad_caller)\n"},
		{TEST_HEAD "  input_records: [{from: '+15559870000', to: '+1555#', count: 11}]\n",
		 "t.yaml:5:19: input_records: +1555# has room for 10 numbers, and there are more calls: write more '#'\n"},
		{TEST_HEAD "  input_records: [{from: '+15559870000', to: '+1555###', vary: called_number}]\n",
		 "t.yaml:5:19: input_records: vary goes with one plain number, not with '#' or a list\n"},
		{TEST_HEAD "  input_commands: [{command: releas, number: '+15559870000'}, {number: 5}, {command: release, number: '5'}]\n",
		 "t.yaml:5:30: command: one of quarantine, release, flag, clear, complaint, note, contact, check, dispute-sent, "
		 "dispute-reply, "
		 "forget is expected; did you mean release?\n"
		 "t.yaml:5:63: input_commands: command is missing\n"},
		{TEST_HEAD "  input_commands: [{command: release, number: '5'}]\n",
		 "t.yaml:5:20: input_commands: this command cannot be used: 'number' is not E.164\n"},
		{TEST_HEAD "  transition_test: [{phase: resting}]\n",
		 "t.yaml:5:29: phase: one of active, aging, rest, limited, moderate is expected; did you mean rest?\n"
		 "t.yaml:5:21: transition_test: eval_time is missing\nt.yaml:5:21: transition_test: number is missing\n"},
		{TEST_HEAD "  transition_test: [{number: '+1', eval_time: 3m}]\n",
		 "t.yaml:5:21: transition_test: nothing is expected: phase, from, to or reason is missing\n"},
		{"rule_files: [sound.yaml]\ntests:\n- alert_rule_test: [{eval_time: 1m, alertname: A, exp_alerts: [[], {numbr: x}]}]\n",
		 "t.yaml:3:64: an entry of exp_alerts, if it is not a number alone, is a map\n"
		 "t.yaml:3:69: numbr: unknown key of exp_alerts; did you mean number?\n"},
		{"rule_files: [broken.yaml]\ntests:\n- alert_rule_test: [{eval_time: 1h, alertname: A}]\n",
		 "broken.yaml:4:23: 'cals' is not a feature; did you mean 'calls'?\n"},
	};
	(void)state;
	write_file("sound.yaml", SOUND);
	write_file("broken.yaml", BROKEN);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_file("t.yaml", cases[i][0]);
		EXPECT(RULES("test", "t.yaml"), 2, "0 tests, 0 checks: 0 passed, 0 failed\n", cases[i][1]);
	}
}

/* What a template becomes is seen through figures. */
static void templates_become_calls(void **state)
{
	(void)state;
	write_file("calls.yaml", "groups:\n- name: g\n  rules:\n"
				 "  - alert: A\n"
				 "    expr: calls[\"1h\"] == 10 && (callees[\"1h\"] >= 0 || sequential[\"1h\"] >= 0 || busy[\"1h\"] >= 0 "
				 "|| talk_s[\"1h\"] >= 0.0 || "
				 "attested[\"1h\"] >= 0 || short_ring[\"1h\"] >= 0)\n");
	write_file(
		"calls_test.yaml",
		"rule_files: [calls.yaml]\n"
		"tests:\n"
		"- input_records:\n"
		"  - {from: '+15550000001', to: '+155512345##', count: 10, talk: [5s, 10s]}\n"
		"  - {from: '+15550000002', to: '+15551234595', vary: called_number, count: 10, disposition: [BUSY, ANSWERED], talk: 3s}\n"
		"  - {from: ['+15550000003', '+15550000004'], to: '+15551234595', count: 20, stir_attest: [A, A, null, null]}\n"
		"  - {from: '+15550000005', count: 10, disposition: CANCELLED, ring: [4s, 30s]}\n"
		"  alert_rule_test:\n"
		"  - eval_time: 30m\n"
		"    alertname: A\n"
		"    exp_alerts:\n"
		"    - {number: '+15550000001', exp_figures: {'callees[\"1h\"]': 10, 'sequential[\"1h\"]': 1, 'talk_s[\"1h\"]': 75}}\n"
		"    - {number: '+15550000002', exp_figures: {'sequential[\"1h\"]': 10, 'busy[\"1h\"]': 5, 'talk_s[\"1h\"]': 15}}\n"
		"    - {number: '+15550000003', exp_figures: {'callees[\"1h\"]': 1, 'attested[\"1h\"]': 5, 'talk_s[\"1h\"]': 600}}\n"
		"    - {number: '+15550000004', exp_figures: {'attested[\"1h\"]': 5}}\n"
		"    - {number: '+15550000005', exp_figures: {'callees[\"1h\"]': 0, 'short_ring[\"1h\"]': 5}}\n");
	EXPECT(RULES("test", "calls_test.yaml"), 0, "ok   calls_test.yaml:3: (no name)\n1 test, 1 check: 1 passed, 0 failed\n", "");
}

/* A call that arrives late does not make an alert of an earlier time. */
static void delayed_call_counts_when_it_arrives(void **state)
{
	(void)state;
	write_file("late.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'calls[\"2h\"] >= 3'}\n");
	write_file("late_test.yaml", "rule_files: [late.yaml]\n"
				     "tests:\n"
				     "- name: late\n"
				     "  input_records:\n"
				     "  - {from: '+15550000001', talk: 0s, every: 1h, count: 2}\n"
				     "  - {from: '+15550000001', talk: 0s, at: 30m, delay: 1h}\n"
				     "  - {from: '+15550000001', talk: 0s, at: 2h30m}\n"
				     "  alert_rule_test:\n"
				     "  - {eval_time: 59m, alertname: A}\n"
				     "  - {eval_time: 1h, alertname: A, exp_alerts: ['+15550000001']}\n");
	EXPECT(RULES("test", "late_test.yaml"), 0, "ok   late_test.yaml:3: late\n1 test, 2 checks: 1 passed, 0 failed\n", "");
}

static void all_rules_are_checked_together(void **state)
{
	(void)state;
	write_file("two.yaml", "groups:\n- name: g\n  rules:\n"
			       "  - {alert: A, source: s, expr: 'calls[\"1h\"] >= 2'}\n"
			       "  - {alert: B, source: s, expr: 'calls[\"1h\"] >= 3'}\n");
	write_file("two_test.yaml", "rule_files: [two.yaml]\n"
				    "tests:\n"
				    "- input_records:\n"
				    "  - {from: '+15550000001', count: 2}\n"
				    "  - {from: '+15550000002', count: 3}\n"
				    "  alert_rule_test:\n"
				    "  - eval_time: 10m\n"
				    "    alertname: '*'\n"
				    "    exp_alerts: ['+15550000001', {number: '+15550000002', alertname: B}, '+15550000002']\n"
				    "  - {eval_time: 10m, alertname: '*', exp_alerts: [{number: '+15550000001', alertname: B}, "
				    "'+15550000002', '+15550000002']}\n");
	EXPECT(RULES("test", "two_test.yaml"), 1,
	       "FAIL two_test.yaml:3: (no name)\n"
	       "  two_test.yaml:10:5: alert * at 10m\n"
	       "    +15550000001 B\n"
	       "      expected: firing\n"
	       "      got:      not firing\n"
	       "    +15550000001 A\n"
	       "      expected: not firing\n"
	       "      got:      firing, labels {}, severity warning\n"
	       "1 test, 2 checks: 0 passed, 1 failed\n",
	       "");
	write_file("two_test.yaml", "rule_files: [two.yaml]\n"
				    "tests:\n"
				    "- alert_rule_test: [{eval_time: 1m, alertname: '*', exp_alerts: [{alertname: AA}]}]\n");
	EXPECT(RULES("test", "two_test.yaml"), 2, "0 tests, 0 checks: 0 passed, 0 failed\n",
	       "two_test.yaml:3:78: alertname: no rule has the name AA; did you mean A?\n");
}

static void commands_come_at_their_times(void **state)
{
	(void)state;
	write_file("flags.yaml",
		   "groups:\n- name: g\n  rules:\n  - {alert: Complaints, expr: 'flags[\"10d\"] >= 3', action: quarantine}\n");
	write_file("flags_test.yaml", "rule_files: [flags.yaml]\n"
				      "tests:\n"
				      "- name: three complaints, then released\n"
				      "  input_commands:\n"
				      "  - {at: 4d, command: release, number: '+15550000001', note: ours}\n"
				      "  - {at: 0s, command: complaint, number: '+15550000001', provider: x, count: 3, every: 1d}\n"
				      "  - {at: 0s, command: complaint, number: '+15550000002', provider: x, count: 2}\n"
				      "  - {at: 1d, command: dispute-sent, number: '+15550000002', step: hiya}\n"
				      "  alert_rule_test:\n"
				      "  - {eval_time: 47h, alertname: Complaints}\n"
				      "  - {eval_time: 2d, alertname: Complaints, exp_alerts: ['+15550000001']}\n"
				      "  transition_test:\n"
				      "  - {number: '+15550000001', eval_time: 2d, to: rest, reason: rule}\n"
				      "  - {number: '+15550000001', eval_time: 4d, from: rest, to: active, reason: command}\n");
	EXPECT(RULES("test", "flags_test.yaml"), 0,
	       "ok   flags_test.yaml:3: three complaints, then released\n"
	       "  note: 1 of its calls and commands could not be used (dead letters)\n"
	       "1 test, 4 checks: 1 passed, 0 failed\n",
	       "");
}

static void tests_see_templates_lists_and_hours(void **state)
{
	(void)state;
	write_file("allow.txt", "+15550000002\n");
	write_file("c.yaml", "rules: {lists: {allow: allow.txt}}\n");
	write_file("gates.yaml", "groups:\n- name: g\n  rules:\n"
				 "  - {alert: A, source: s, expr: 'calls[\"1h\"] >= 3 && !in_list(\"allow\", number)',\n"
				 "     annotations: {summary: '{{ $number }} made {{ $value }} calls'}}\n"
				 "  - {alert: B, source: s, expr: 'calls[\"1h\"] >= 3', when: {hours: ['12:00-12:05']}}\n"
				 "  - {alert: C, source: s, expr: 'calls[\"1h\"] >= 3', exempt: ['+15550000002']}\n");
	write_file("gates_test.yaml", "rule_files: [gates.yaml]\n"
				      "tests:\n"
				      "- name: gates\n"
				      "  input_records:\n"
				      "  - {from: '+15550000001', talk: 0s, count: 3}\n"
				      "  - {from: '+15550000002', talk: 0s, count: 3}\n"
				      "  - {from: '+15550000003', talk: 0s, count: 3, at: 10m}\n"
				      "  alert_rule_test:\n"
				      "  - {eval_time: 4m, alertname: A, exp_alerts: [{number: '+15550000001', exp_annotations: {summary: "
				      "'+15550000001 made 3 calls'}}]}\n"
				      "  - {eval_time: 4m, alertname: B, exp_alerts: ['+15550000001', '+15550000002']}\n"
				      "  - {eval_time: 13m, alertname: B}\n"
				      "  - {eval_time: 13m, alertname: C, exp_alerts: ['+15550000003', '+15550000001']}\n");
	EXPECT(RULES("check", "--strict", "-c", "c.yaml", "gates.yaml"), 0, "3 rules, no errors\n", "");
	EXPECT(RULES("test", "-c", "c.yaml", "gates_test.yaml"), 0, "ok   gates_test.yaml:3: gates\n1 test, 4 checks: 1 passed, 0 failed\n",
	       "");
}

/* ---- explain ---- */

#define N "+15551230000"
#define CALL(id, second)                                    \
	"{\"record_id\":\"" id "\",\"calling_number\":\"" N \
	"\",\"called_number\":\"+15559870000\",\"disposition\":\"BUSY\",\"start_time\":17676144" second "000}\n"

static void write_traced(void)
{
	write_file("x.yaml", "groups:\n- name: g\n  rules:\n"
			     "  - {alert: A, expr: 'calls[\"1h\"] >= T && busy_ratio[\"1h\"] > 0.5', params: {T: 2}, for: 10s}\n"
			     "  - {alert: B, expr: 'calls[\"1h\"] > 9 || call.account_id == \"X\"'}\n");
	write_file("x.jsonl", CALL("one", "00") CALL("two", "10") CALL("three", "30"));
}

/* A fires by timer, ten seconds behind the second call; B fails to. */
static void trace_shows_the_moment_it_fired(void **state)
{
	(void)state;
	write_traced();
	struct verb_said s = RULES("explain", "x.yaml", "A", "--cdr", "x.jsonl", "--number", N);
	const char *trace = strstr(s.out, "A (x.yaml:4) of ");
	assert_non_null(trace);
	assert_string_equal(
		trace,
		"A (x.yaml:4) of " N ": evaluated 4 times, true 3, error 0\n"
		"  fired at 2026-01-05T12:00:20.000Z, timer: true, the alert fires, true since 2026-01-05T12:00:10.000Z\n"
		"    true         calls[\"1h\"] >= 2 && busy_ratio[\"1h\"] > 0.5\n"
		"    true           calls[\"1h\"] >= 2\n"
		"    2                calls[\"1h\"]\n"
		"    true           busy_ratio[\"1h\"] > 0.5\n"
		"    1.0              busy_ratio[\"1h\"]\n"
		"  last evaluation at 2026-01-05T12:00:30.000Z, call three: true, the alert fires, true since 2026-01-05T12:00:10.000Z\n"
		"    true         calls[\"1h\"] >= 2 && busy_ratio[\"1h\"] > 0.5\n"
		"    true           calls[\"1h\"] >= 2\n"
		"    3                calls[\"1h\"]\n"
		"    true           busy_ratio[\"1h\"] > 0.5\n"
		"    1.0              busy_ratio[\"1h\"]\n");
	assert_int_equal(s.status, 0);
	verb_forget(&s);
}

static void trace_shows_why_it_did_not_fire(void **state)
{
	(void)state;
	write_traced();
	struct verb_said s = RULES("explain", "x.yaml", "--rule", "B", "--cdr", "x.jsonl", "--number", N);
	const char *trace = strstr(s.out, "B (x.yaml:5) of ");
	assert_non_null(trace);
	assert_null(strstr(s.out, "A (x.yaml:4)"));
	assert_string_equal(trace, "B (x.yaml:5) of " N ": evaluated 3 times, true 0, error 3\n"
				   "  never fired\n"
				   "  last evaluation at 2026-01-05T12:00:30.000Z, call three: the call does not have this field\n"
				   "    error        calls[\"1h\"] > 9 || call.account_id == \"X\"  // the call does not have this field\n"
				   "    false          calls[\"1h\"] > 9\n"
				   "    3                calls[\"1h\"]\n"
				   "    error          call.account_id == \"X\"  // the call does not have this field\n"
				   "    error            call.account_id  // the call does not have this field\n");
	assert_int_equal(s.status, 0);
	verb_forget(&s);
}

static void trace_of_all_shows_each_evaluation(void **state)
{
	uint32_t evaluations = 0;
	(void)state;
	write_traced();
	struct verb_said s = RULES("explain", "x.yaml", "--all", "--cdr", "x.jsonl", "--number", N);
	for (const char *p = s.out; (p = strstr(p, " 2026-01-05T12:00:")); p++)
		evaluations += p[-1] == 'A' || p[-1] == 'B';
	assert_int_equal(evaluations, 7); /* three calls for both, the timer for A alone */
	assert_non_null(
		strstr(s.out, "A 2026-01-05T12:00:10.000Z, call two: true, the alert is pending, true since 2026-01-05T12:00:10.000Z\n"));
	verb_forget(&s);
}

static void trace_says_that_a_number_is_spared(void **state)
{
	(void)state;
	write_traced();
	write_file("spared.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'calls[\"1h\"] >= 2', exempt: ['" N "']}\n");
	struct verb_said s = RULES("explain", "spared.yaml", "--cdr", "x.jsonl", "--number", N);
	const char *trace = strstr(s.out, "A (spared.yaml:4) of ");
	assert_non_null(trace);
	assert_string_equal(
		trace, "A (spared.yaml:4) of " N ": evaluated 3 times, true 0, error 0\n"
		       "  never fired\n"
		       "  last evaluation at 2026-01-05T12:00:30.000Z, call three: false, for it is outside of its hours (when), or the "
		       "number is spared (exempt)\n"
		       "    true         calls[\"1h\"] >= 2\n"
		       "    3              calls[\"1h\"]\n");
	verb_forget(&s);
}

static void explain_says_no(void **state)
{
	(void)state;
	write_traced();
	EXPECT(RULES("explain", "x.yaml", "C"), 1, "", "ringfence: x.yaml has no rule C\n");
	EXPECT(RULES("explain", "x.yaml", "--number", N), 2, "",
	       "ringfence rules explain: --cdr and --number go together; ringfence rules explain --help teaches it\n");
	EXPECT(RULES("explain", "broken.yaml"), 2, "", "broken.yaml:4:23: 'cals' is not a feature; did you mean 'calls'?\n");
	struct verb_said s = RULES("explain", "x.yaml", "A", "--cdr", "x.jsonl", "--number", "+1");
	assert_int_equal(s.status, 1);
	assert_string_equal(
		s.err, "ringfence: +1 made no call in these files that rules were asked about; a number is E.164, like +15551230000\n");
	verb_forget(&s);
}

static int go_to_folder(void **state)
{
	static char folder[] = "/tmp/ringfence-verb-rules-XXXXXX";
	(void)state;
	return !mkdtemp(folder) || chdir(folder) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_of_sound_rules_is_done),
		cmocka_unit_test(check_warns_and_fails_only_if_strict),
		cmocka_unit_test(check_of_broken_rules_fails),
		cmocka_unit_test(tests_of_rules_pass),
		cmocka_unit_test(failed_test_shows_what_differs),
		cmocka_unit_test(each_mistake_of_a_test_file_has_its_place),
		cmocka_unit_test(templates_become_calls),
		cmocka_unit_test(delayed_call_counts_when_it_arrives),
		cmocka_unit_test(all_rules_are_checked_together),
		cmocka_unit_test(commands_come_at_their_times),
		cmocka_unit_test(tests_see_templates_lists_and_hours),
		cmocka_unit_test(trace_says_that_a_number_is_spared),
		cmocka_unit_test(trace_shows_the_moment_it_fired),
		cmocka_unit_test(trace_shows_why_it_did_not_fire),
		cmocka_unit_test(trace_of_all_shows_each_evaluation),
		cmocka_unit_test(explain_says_no),
	};
	return cmocka_run_group_tests(tests, go_to_folder, NULL);
}
