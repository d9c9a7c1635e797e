/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ruleset.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD "groups:\n- name: g\n  rules:\n"
#define OKAY "  - alert: A\n    expr: calls[\"1h\"] > 1\n"

static const char *problems_of(const char *yaml, struct buf *b)
{
	struct rules *r = NULL;
	buf_reset(b);
	enum err e = rules_parse(slice_of(yaml), "r.yaml", &r, b);
	assert_true(e == ERR_OK ? r != NULL && b->len == 0 : e == ERR_CONFIG && r == NULL && b->len > 0);
	rules_free(r);
	buf_put_u8(b, 0);
	return (const char *)b->data;
}

static void each_mistake_has_its_message(void **state)
{
	static const char *const cases[][2] = {
		/* the file */
		{"- a\n", "r.yaml:1:1: a rule file is a map with the key groups\n"},
		{"group: []\n", "r.yaml:1:1: group: unknown key of a rule file; did you mean groups?\n"},
		{"xyz: 1\n", "r.yaml:1:1: xyz: unknown key of a rule file\n"},
		{"groups: 7\n", "r.yaml:1:9: groups: a list of groups is expected\n"},
		{"groups: [\n",
		 "r.yaml:2:1: not YAML: while parsing a flow node, did not find expected node content (check indentation, brackets "
		 "and quotes)\n"},
		/* a group */
		{"groups:\n- g\n", "r.yaml:2:3: a group is a map with the keys name and rules\n"},
		{"groups:\n- rules: []\n", "r.yaml:2:3: a group needs the key name\n"},
		{"groups:\n- name: g\n- name: h\n- name: g\n", "r.yaml:4:9: name: the group \"g\" stands already in line 2\n"},
		{"groups:\n- name: g\n  intervall: 5m\n", "r.yaml:3:3: intervall: unknown key of a group; did you mean interval?\n"},
		{"groups:\n- name: g\n  interval: 5x\n", "r.yaml:3:13: interval: a duration is expected, like 30s, 5m, 1h30m, 7d\n"},
		{"groups:\n- name: g\n  interval: 0s\n", "r.yaml:3:13: interval: 0s is out of range: 1s to 1d\n"},
		{"groups:\n- name: g\n  limit: -3\n", "r.yaml:3:10: limit: a whole number is expected, 0 (none) to 1000000\n"},
		{"groups:\n- name: g\n  limit: x\n", "r.yaml:3:10: limit: a whole number is expected, 0 (none) to 1000000\n"},
		{"groups:\n- name: g\n  labels: [a]\n", "r.yaml:3:11: labels: a map of names and texts is expected\n"},
		{"groups:\n- name: g\n  rules: {}\n", "r.yaml:3:10: rules: a list of rules is expected\n"},
		/* a rule */
		{HEAD "  - A\n", "r.yaml:4:5: a rule is a map with the keys alert and expr\n"},
		{HEAD "  - expr: calls[\"1h\"] > 1\n", "r.yaml:4:5: a rule needs the key alert\n"},
		{HEAD "  - alert: A\n", "r.yaml:4:5: a rule needs the key expr\n"},
		{HEAD "  - alert: A\n    exp: calls[\"1h\"] > 1\n",
		 "r.yaml:5:5: exp: unknown key of a rule; did you mean expr?\nr.yaml:4:5: a rule needs the key expr\n"},
		{HEAD "  - alert: 5A\n    expr: calls[\"1h\"] > 1\n",
		 "r.yaml:4:12: alert: \"5A\" is not a name of letters, digits and '_' that begins with a letter\n"},
		{HEAD "  - alert:\n    expr: calls[\"1h\"] > 1\n", "r.yaml:4:11: alert: a text is expected\n"},
		{HEAD OKAY "    for: soon\n", "r.yaml:6:10: for: a duration is expected, like 30s, 5m, 1h30m, 7d\n"},
		{HEAD OKAY "    for: 40d\n", "r.yaml:6:10: for: 40d is out of range: 0s to 31d\n"},
		{HEAD OKAY "    keep_firing_for: -1s\n", "r.yaml:6:22: keep_firing_for: a duration is expected, like 30s, 5m, 1h30m, 7d\n"},
		{HEAD OKAY "    min_interval: 0s\n", "r.yaml:6:19: min_interval: 0s is out of range: 1s to 31d\n"},
		{HEAD OKAY "    action: quarantin\n",
		 "r.yaml:6:13: action: one of alert, flag, quarantine is expected; did you mean quarantine?\n"},
		{HEAD OKAY "    mode: [shadow]\n", "r.yaml:6:11: mode: one of enforce, shadow is expected\n"},
		{HEAD OKAY "    source: {a: b}\n", "r.yaml:6:13: source: a text is expected\n"},
		{HEAD OKAY "    labels: {a-b: c}\n",
		 "r.yaml:6:14: labels: \"a-b\" is not a name of letters, digits and '_', at most 128 bytes\n"},
		{HEAD OKAY "    labels: {a: }\n", "r.yaml:6:17: a: a text is expected\n"},
		{HEAD OKAY "    labels: {severity: a-word-that-is-longer-than-32-bytes}\n",
		 "r.yaml:4:5: labels: the severity is longer than 32 bytes\n"},
		{HEAD OKAY "    annotations: text\n", "r.yaml:6:18: annotations: a map of names and texts is expected\n"},
		{HEAD OKAY "    cohort: acount\n",
		 "r.yaml:6:13: cohort: one of account, trunk, block is expected; did you mean account?\n"},
		{HEAD OKAY "    cohort: [account]\n", "r.yaml:6:13: cohort: one of account, trunk, block is expected\n"},
		{HEAD OKAY "    cohort: account\n    action: quarantine\n",
		 "r.yaml:7:13: action: a rule on accounts may not quarantine: it alerts, and its numbers are named in an advisory\n"},
		{HEAD OKAY "    action: flag\n    cohort: block\n",
		 "r.yaml:6:13: action: a rule on blocks may not flag: it alerts, and its numbers are named in an advisory\n"},
		{HEAD "  - alert: A\n    cohort: trunk\n    expr: top_callee[\"1h\"] > 5\n",
		 "r.yaml:6:11: 'top_callee' is not a feature of trunks\n"},
		{HEAD "  - alert: A\n    cohort: account\n    expr: incoming[\"1h\"] > 5\n",
		 "r.yaml:6:11: 'incoming' is not a feature of accounts\n"},
		{HEAD "  - alert: A\n    cohort: account\n    expr: baseline(\"incoming\", \"1h\") > 5\n",
		 "r.yaml:6:11: 'incoming' is not a feature of accounts\n"},
		{HEAD "  - alert: A\n    cohort: block\n    expr: phase == 'rest'\n", "r.yaml:6:11: 'phase' is not a feature of blocks\n"},
		{HEAD "  - alert: A\n    cohort: block\n    expr: number == 'x'\n", "r.yaml:6:11: 'number' is not known of blocks\n"},
		{HEAD "  - alert: A\n    cohort: trunk\n    expr: account == 'x'\n", "r.yaml:6:11: 'account' is not known of trunks\n"},
		{HEAD "  - alert: A\n    expr: block == 'x'\n", "r.yaml:5:11: 'block' is not known of numbers\n"},
		{HEAD "  - alert: A\n    cohort: block\n    expr: call.q850_cause == 16\n",
		 "r.yaml:6:11: 'call' is not known to rules on blocks: what reaches them of a call is its figures\n"},
		{HEAD OKAY "    cohort: trunk\n    when: {days: mon, zone: number}\n",
		 "r.yaml:7:29: zone: trunks have no zone of their own\n"},
		{HEAD OKAY "    exempt: ['account:a']\n    cohort: block\n",
		 "r.yaml:6:13: exempt: it names numbers and accounts, and the rule is on blocks: leave them out in expr, with in_list() or "
		 "!=\n"},
		{HEAD OKAY "    exempt: ['account:a', '+15551230000']\n    cohort: account\n",
		 "r.yaml:6:27: exempt: \"+15551230000\" is a number, and the rule is on accounts\n"},
		{HEAD "  - alert: A\n    expr: numbers[\"1h\"] > 5\n", "r.yaml:5:11: 'numbers' is not a feature of numbers\n"},
		{HEAD "  - alert: A\n    expr: calls[\"1h\"] > 5 && baseline(\"cals\", \"1h\") > 1.0\n",
		 "r.yaml:5:39: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: baseline(\"calls\", \"7d\") > 1.0\n",
		 "r.yaml:5:29: the window of baseline() is shorter than 7d\n"},
		{HEAD "  - alert: A\n    expr: baseline(\"answer_ratio\", \"1h\") > 1.0\n",
		 "r.yaml:5:20: baseline() goes with counts and talk_s, not answer_ratio\n"},
		{HEAD OKAY "    params: {calls: 4}\n",
		 "r.yaml:6:14: params: calls means something else in expressions; choose another name\n"},
		{HEAD OKAY "    params: {T: [4]}\n", "r.yaml:6:17: params: T is a number, true, false or a text\n"},
		{HEAD OKAY "    params: {T-1: 4}\n",
		 "r.yaml:6:14: params: \"T-1\" is not a name of letters, digits and '_', at most 128 bytes\n"},
		{HEAD OKAY "    params: 4\n", "r.yaml:6:13: params: a map of at most 32 names and values is expected, like {T: 40}\n"},
		{HEAD OKAY "    labels: {team: '{{ $number }}'}\n",
		 "r.yaml:6:20: labels: team: templates stand in annotations; a label tells alerts apart\n"},
#define NOTE OKAY "    annotations: {summary: "
		{HEAD NOTE "'a {{ b }}'}\n",
		 "r.yaml:6:34: annotations: summary: between {{ and }} stands a name like $number, or a text in quotes\n"},
		{HEAD NOTE "'a {{'}\n",
		 "r.yaml:6:33: annotations: summary: between {{ and }} stands a name like $number, or a text in quotes\n"},
		{HEAD NOTE "'a {{ $number'}\n", "r.yaml:6:31: annotations: summary: {{ is not closed by }}\n"},
		{HEAD NOTE "'a {{ $number | title }}'}\n", "r.yaml:6:42: annotations: summary: }} is expected\n"},
		{HEAD NOTE "'{{ $nummer }}'}\n",
		 "r.yaml:6:32: annotations: summary: $nummer is none of $number, $rule, $value, $labels.NAME, $params.NAME, $figures "
		 "\"...\"; did you mean $number?\n"},
		{HEAD NOTE "'{{ $labels.team }}'}\n    labels: {tean: x}\n",
		 "r.yaml:6:32: annotations: summary: the rule has no label \"team\"; did you mean tean?\n"},
		{HEAD NOTE "'{{ $labels }}'}\n", "r.yaml:6:32: annotations: summary: $labels needs a name: $labels.NAME\n"},
		{HEAD NOTE "'{{ $params.T }}'}\n", "r.yaml:6:32: annotations: summary: the rule has no parameter \"T\"\n"},
		{HEAD NOTE "'{{ $figures }}'}\n", "r.yaml:6:41: annotations: summary: a text in quotes is expected\n"},
		{HEAD NOTE "'{{ $figures \"calls }}'}\n", "r.yaml:6:41: annotations: summary: the text in quotes does not end\n"},
		{HEAD NOTE "\"\\\"x\\\" {{ $figures 'cals[\\\"1h\\\"]' }}\"}\n",
		 "r.yaml:6:38: annotations: summary: expr names no figure cals[\"1h\"]; did you mean calls[\"1h\"]?\n"},
		{HEAD OKAY "    annotations:\n      summary: |\n        first line\n        {{ $number }} {{ $x }}\n",
		 "r.yaml:9:26: annotations: summary: $x is none of $number, $rule, $value, $labels.NAME, $params.NAME, $figures \"...\"\n"},
		{HEAD "  - {alert: A, expr: 'true', annotations: {summary: '{{ $value }}'}}\n",
		 "r.yaml:4:57: annotations: summary: $value is the first figure that expr names, and it names none\n"},
#define LADDER "  - alert: A\n    expr: calls[\"1h\"] > T\n    ladder: "
		{HEAD LADDER "4\n",
		 "r.yaml:6:13: ladder: a map of at most 8 parameters and their steps is expected, like {T: [10, 20, 40]}\n"
		 "r.yaml:5:25: 'T' is not a feature or another name of rules\n"},
		{HEAD LADDER "{T: 4}\n    params: {T: 4}\n",
		 "r.yaml:6:17: ladder: T: a list of 1 to 32 steps is expected, like [10, 20, 40]\n"},
		{HEAD LADDER "{T: []}\n    params: {T: 4}\n",
		 "r.yaml:6:17: ladder: T: a list of 1 to 32 steps is expected, like [10, 20, 40]\n"},
		{HEAD LADDER "{T: [1, true]}\n", "r.yaml:6:21: ladder: a step of T is a number or a text\n"},
		{HEAD LADDER "{T: [1, a]}\n", "r.yaml:6:21: ladder: the steps of T are all numbers or all texts\n"},
		{HEAD LADDER "{T: [1, 2, 1.0]}\n", "r.yaml:6:24: ladder: T has the step 1.0 twice\n"},
		{HEAD LADDER "{T: [a]}\n    params: {T: 4}\n",
		 "r.yaml:6:17: ladder: the steps of T are not of the kind of its value in params\n"},
		{HEAD LADDER "{T: [1], calls: [1]}\n",
		 "r.yaml:6:22: ladder: calls means something else in expressions; choose another name\n"},
		{HEAD LADDER "{T: [1], U: [1, 2]}\n", "r.yaml:6:22: ladder: expr does not name U\n"},
		{HEAD "  - alert: A\n    expr: calls[W] > 1\n    ladder: {W: [1h, 40d]}\n",
		 "r.yaml:6:22: ladder: with W: 40d the rule cannot be used: the window \"40d\" is out of range: 1s to 31d\n"},
		{HEAD "  - alert: A\n    expr: calls[\"1h\"] > 1 && B\n    params: {B: true}\n    ladder: {B: [1, 2]}\n",
		 "r.yaml:7:17: ladder: the steps of B are not of the kind of its value in params\n"},
		{HEAD OKAY "    when: {}\n",
		 "r.yaml:6:11: when: a map is expected, like {days: [mon-fri], hours: 08:00-21:00, zone: number}\n"},
		{HEAD OKAY "    when: {zone: UTC}\n", "r.yaml:6:11: when: days or hours are missing\n"},
		{HEAD OKAY "    when: {day: mon}\n",
		 "r.yaml:6:12: day: unknown key of when; did you mean days?\nr.yaml:6:11: when: days or hours are missing\n"},
		{HEAD OKAY "    when: {days: [mon, moon], hours: []}\n",
		 "r.yaml:6:24: days: days of the week are expected, like [mon-fri, sun]\n"
		 "r.yaml:6:38: hours: hours are expected, like 08:00-21:00 or 21:00-08:00\n"},
		{HEAD OKAY "    when: {days: {}, hours: [08:00, [a]]}\n",
		 "r.yaml:6:18: days: days of the week are expected, like [mon-fri, sun]\n"
		 "r.yaml:6:30: hours: hours are expected, like 08:00-21:00 or 21:00-08:00\n"
		 "r.yaml:6:37: hours: hours are expected, like 08:00-21:00 or 21:00-08:00\n"},
		{HEAD OKAY "    when: {days: mon, zone: Europe/Nowhere}\n",
		 "r.yaml:6:29: zone: \"Europe/Nowhere\" is not a zone of the tz database, like Europe/Amsterdam, nor number\n"},
		{HEAD OKAY "    when: {days: mon, zone: [UTC]}\n",
		 "r.yaml:6:29: zone: a zone is expected, like Europe/Amsterdam, UTC, or number\n"},
		{HEAD OKAY "    exempt: +15551230000\n",
		 "r.yaml:6:13: exempt: a list is expected, like [\"+15551230000\", \"account:acme\", \"list:allow\"]\n"},
		{HEAD OKAY "    exempt: [\"+15551230000\", 15551230000, \"account:\"]\n",
		 "r.yaml:6:30: exempt: \"15551230000\" is none of a number (+15551230000), account:NAME, list:NAME\n"
		 "r.yaml:6:43: exempt: \"account:\" is none of a number (+15551230000), account:NAME, list:NAME\n"},
		{HEAD OKAY "    exempt: [[a], \"list:allow\"]\n",
		 "r.yaml:6:14: exempt: \"\" is none of a number (+15551230000), account:NAME, list:NAME\n"
		 "r.yaml:6:19: exempt: there is no list \"allow\": no lists are given to this rule set\n"},
		{HEAD "  - alert: A\n    expr: in_list(\"allow\", number)\n",
		 "r.yaml:5:19: there is no list \"allow\": no lists are given to this rule set\n"},
		{HEAD OKAY "    for: 1m\n    for: 2m\n", "r.yaml:7:5: the key \"for\" stands here twice, first in line 6\n"},
		{HEAD OKAY OKAY, "r.yaml:6:12: alert: A with the same labels stands already at r.yaml:4: change the name or a label\n"},
		{HEAD OKAY "- name: h\n  rules:\n" OKAY "    for: 1m\n",
		 "r.yaml:8:12: alert: A with the same labels stands already at r.yaml:4: change the name or a label\n"},
		/* expressions, wherever YAML puts them */
		{HEAD "  - alert: A\n    expr: calls[\"1h\"] + 1\n", "r.yaml:5:11: expr: a condition is expected, not an int\n"},
		{HEAD "  - alert: A\n    expr: calls[\"1h\"] > cals[\"1h\"]\n",
		 "r.yaml:5:25: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: 'calls[\"1h\"] > cals[\"1h\"]'\n",
		 "r.yaml:5:26: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: \"calls[\\\"1h\\\"] > cals[\\\"1h\\\"]\"\n",
		 "r.yaml:5:28: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: 'calls[''1h''] > cals[''1h'']'\n",
		 "r.yaml:5:28: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: |\n      calls[\"1h\"] > 1\n      && cals[\"1h\"] > 2\n",
		 "r.yaml:7:10: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: >-\n\n        calls[\"1h\"] > 1 &&\n        cals[\"1h\"] > 2\n",
		 "r.yaml:8:9: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: calls[\"1h\"] > 1 &&\n      cals[\"1h\"] > 2\n",
		 "r.yaml:6:7: 'cals' is not a feature; did you mean 'calls'?\n"},
		{HEAD "  - alert: A\n    expr: |\n      calls[\"1h\"] >\n    for: 1m\n", "r.yaml:6:20: the expression ends too early\n"},
		{HEAD "  - alert: A\n    expr: ''\n", "r.yaml:5:12: the expression ends too early\n"},
		{HEAD "  - alert: A\n    expr: |\n      calls[\"1h\"] + 1\n", "r.yaml:6:7: expr: a condition is expected, not an int\n"},
		/* a line end that YAML counts and the search for the place does not */
		{"groups:\n- name: g\n  rules:\n  - alert: A\r    expr: calls[\"1h\"] > cals\n",
		 "r.yaml:5:25: 'cals' is not a feature or another name of rules; did you mean 'calls'?\n"},
	};
	struct buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(problems_of(cases[i][0], &b), cases[i][1]);
	buf_release(&b);
}

static void every_problem_of_a_file_is_reported(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_string_equal(
		problems_of("groups:\n- name: g\n  limit: -1\n  rules:\n  - alert: A\n    expr: 1\n    for: x\n  - alert: B\n   "
			    " cohort: number\n",
			    &b),
		"r.yaml:3:10: limit: a whole number is expected, 0 (none) to 1000000\n"
		"r.yaml:7:10: for: a duration is expected, like 30s, 5m, 1h30m, 7d\n"
		"r.yaml:6:11: expr: a condition is expected, not an int\n"
		"r.yaml:9:13: cohort: one of account, trunk, block is expected\n"
		"r.yaml:8:5: a rule needs the key expr\n");
	buf_release(&b);
}

static void expression_names_params_and_labels_wherever_they_stand(void **state)
{
	static const char yaml[] = "groups:\n"
				   "- name: g\n"
				   "  rules:\n"
				   "  - alert: A\n"
				   "    expr: calls[W] > T && labels.area == 'nl' && short6_ratio[W] > R && B\n"
				   "    params: {T: 40, R: 0.15, W: '1h', B: true}\n"
				   "    labels: {severity: critical}\n"
				   "  labels: {area: nl}\n";
	struct rules *r = NULL;
	struct buf b = {0};
	(void)state;
	assert_int_equal(rules_parse(slice_of(yaml), "r.yaml", &r, &b), ERR_OK);
	assert_int_equal(r->rules[0].param_cnt, 4);
	assert_int_equal(r->rules[0].program.figure_cnt, 2);
	assert_true(slice_is(r->rules[0].program.figures[0].text, "calls[\"1h\"]"));
	assert_int_equal(r->rules[0].program.longest_ms, HOUR_MS);
	rules_free(r);
	buf_release(&b);
}

static void ladder_gives_a_parameter_its_steps_and_the_first_is_in_force(void **state)
{
	static const char yaml[] = HEAD "  - {alert: A, expr: 'calls[W] > T', params: {T: 20}, ladder: {W: [1h, 2h], T: [10, 20.0, 40]}}\n"
					"  - {alert: B, expr: 'calls[\"1h\"] > 5'}\n"
					"  - {alert: C, expr: 'calls[\"1d\"] > T', params: {T: 7}, ladder: {T: [5]}}\n";
	struct rules *r = NULL;
	struct buf b = {0};
	(void)state;
	assert_int_equal(rules_parse(slice_of(yaml), "r.yaml", &r, &b), ERR_OK);
	assert_int_equal(rules_ladder_cnt(r), 3);
	struct rules_ladder w = rules_ladder(r, 0), t = rules_ladder(r, 1), c = rules_ladder(r, 2);
	assert_true(w.rule == 0 && slice_is(w.param, "W") && w.step_cnt == 2 && w.in_force == 0);
	assert_true(t.rule == 0 && slice_is(t.param, "T") && t.step_cnt == 3 && t.in_force == 1);
	assert_true(c.rule == 2 && c.step_cnt == 1 && c.in_force == 1); /* 7 is none of the steps */
	assert_true(slice_is(rules_ladder_step(r, 0, 1).s, "2h") && rules_ladder_step(r, 1, 2).i == 40);
	assert_true(rules_ladder_step(r, 1, 1).type == VALUE_DOUBLE);
	assert_true(slice_is(r->rules[0].program.figures[0].text, "calls[\"1h\"]")); /* a text without a value in params: the first step */
	uint32_t figures;
	rules_figures(r, &figures);
	assert_int_equal(figures, 2); /* the other steps cost the set nothing */
	rules_free(r);
	buf_release(&b);
}

static void set_of_choices_has_its_rules_at_their_steps(void **state)
{
	static const char yaml[] = HEAD "  - {alert: A, expr: 'calls[W] > T', ladder: {W: [1h, 2h], T: [10, 20]}}\n"
					"  - {alert: B, expr: 'calls[\"3h\"] > 5'}\n";
	static const struct rules_choice choices[] = {{1, RULES_AS_LOADED, 0}, {0, RULES_AS_LOADED, 0}, {0, 0, 1}, {0, 1, 0}, {0, 1, 1}};
	struct rules *r = NULL, *all = NULL;
	struct buf b = {0};
	struct err_text why;
	uint32_t figures;
	(void)state;
	assert_int_equal(rules_parse(slice_of(yaml), "r.yaml", &r, &b), ERR_OK);
	assert_int_equal(rules_choose(r, choices, 5, &all, &why), ERR_OK);
	const uint64_t loaded = r->rules[0].fingerprint;
	rules_free(r); /* the set of choices is one owner more */
	assert_int_equal(rules_cnt(all), 5);
	assert_true(slice_is(rules_name(all, 0), "B") && slice_is(rules_name(all, 4), "A"));
	rules_figures(all, &figures);
	assert_int_equal(figures, 3);
	assert_true(all->rules[1].fingerprint == loaded);
	for (uint32_t i = 2; i < 5; i++)
		for (uint32_t k = 1; k < i; k++)
			assert_true(all->rules[i].fingerprint != all->rules[k].fingerprint);
	assert_true(slice_is(all->rules[2].program.figures[0].text, "calls[\"2h\"]"));
	assert_true(slice_is(all->rules[4].program.figures[0].text, "calls[\"1h\"]") && all->rules[4].params[1].value.i == 20);
	rules_free(all);
	buf_release(&b);
}

static void rule_has_its_keys_and_their_defaults(void **state)
{
	static const char yaml[] =
		"groups:\n"
		"- name: first\n"
		"  rules:\n"
		"  - alert: Plain\n"
		"    expr: |\n"
		"      calls[\"1h\"] > 1\n"
		"- rules:\n"
		"  - {alert: Full, expr: 'calls[\"2h\"] > 1 && calls[\"1h\"] > 2', for: 1m, keep_firing_for: 2m, min_interval: 1h,\n"
		"     action: flag, mode: shadow, source: 'https://example.org/', labels: {team: x, severity: critical},\n"
		"     annotations: {summary: '{{ `{{ as it is }}` }}'}}\n"
		"  name: second\n"
		"  interval: 30s\n"
		"  limit: 0\n"
		"  labels: {team: g, area: nl}\n";
	struct rules *r = NULL;
	struct buf b = {0};
	uint32_t figures;
	(void)state;
	assert_int_equal(rules_parse(slice_of(yaml), "r.yaml", &r, &b), ERR_OK);
	assert_int_equal(rules_cnt(r), 2);
	rules_figures(r, &figures);
	assert_int_equal(figures, 2); /* calls over 1 h is one figure of both */
	const struct rule *p = &r->rules[0], *f = &r->rules[1];
	assert_true(slice_is(rules_name(r, 0), "Plain") && slice_is(p->expr, "calls[\"1h\"] > 1") && slice_is(p->severity, "warning"));
	assert_true(p->interval_ms == 5 * MINUTE_MS && p->for_ms == 0 && p->keep_ms == 0 && p->min_interval_ms == 4 * HOUR_MS);
	assert_true(p->action == ACTION_ALERT && !p->shadow && p->label_cnt == 0 && p->annotation_cnt == 0 && !p->source.p);
	assert_true(f->interval_ms == 30 * SECOND_MS && f->for_ms == MINUTE_MS && f->keep_ms == 2 * MINUTE_MS &&
		    f->min_interval_ms == HOUR_MS);
	assert_true(f->action == ACTION_FLAG && f->shadow && slice_is(f->severity, "critical") &&
		    slice_is(f->source, "https://example.org/"));
	assert_int_equal(f->label_cnt, 3); /* sorted; the rule's win */
	assert_true(slice_is(f->labels[0].name, "area") && slice_is(f->labels[1].name, "severity") && slice_is(f->labels[2].value, "x"));
	assert_true(slice_is(f->annotations[0].value, "{{ `{{ as it is }}` }}") && slice_is(f->group, "second") && f->line == 8);
	assert_true(f->program.longest_ms == 2 * HOUR_MS);
	assert_int_equal(rules_find(r, f->name, f->fingerprint), 1);
	assert_int_equal(rules_find(r, p->name, f->fingerprint), UINT32_MAX);
	rules_free(r);
	buf_release(&b);
}

static uint64_t fingerprint_of(const char *rule)
{
	struct rules *r = NULL;
	struct buf b = {0};
	buf_printf(&b, HEAD "  - {%s}\n", rule);
	assert_int_equal(rules_parse(buf_slice(&b), "r.yaml", &r, &b), ERR_OK);
	uint64_t h = r->rules[0].fingerprint;
	rules_free(r);
	buf_release(&b);
	return h;
}

static void fingerprint_is_of_name_and_labels(void **state)
{
	uint64_t h = fingerprint_of("alert: A, expr: 'calls[\"1h\"] > 1', labels: {x: y, a: b}");
	(void)state;
	assert_true(h ==
		    fingerprint_of("alert: A, expr: 'calls[\"2h\"] > 7', labels: {a: b, x: y}, for: 1m, action: quarantine, mode: shadow"));
	assert_true(h != fingerprint_of("alert: B, expr: 'calls[\"1h\"] > 1', labels: {x: y, a: b}"));
	assert_true(h != fingerprint_of("alert: A, expr: 'calls[\"1h\"] > 1', labels: {x: y}"));
	assert_true(h != fingerprint_of("alert: A, expr: 'calls[\"1h\"] > 1', labels: {x: b, a: y}"));
	uint64_t of[] = {h, fingerprint_of("alert: A, expr: 'calls[\"1h\"] > 1', labels: {x: y, a: b}, cohort: account"),
			 fingerprint_of("alert: A, expr: 'calls[\"1h\"] > 1', labels: {x: y, a: b}, cohort: trunk"),
			 fingerprint_of("cohort: block, alert: A, expr: 'calls[\"1h\"] > 1', labels: {x: y, a: b}")};
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < i; k++)
			assert_true(of[i] != of[k]);
	/* pinned: records and event ids hold it */
	assert_true(fingerprint_of("alert: A, expr: 'calls[\"1h\"] > 1'") == UINT64_C(0xec4078a9c5a8666));
}

static void figures_of_each_kind_are_slots_of_their_own(void **state)
{
	struct rules *r = NULL;
	struct buf b = {0};
	uint32_t n[SUBJECT_KINDS];
	(void)state;
	assert_string_equal(problems_of("groups:\n- name: g\n  rules:\n"
					"  - {alert: A, expr: 'calls[\"1h\"] > 1'}\n"
					"  - {alert: A, cohort: account, expr: 'account != \"x\" && numbers[\"1h\"] > 1 && calls[\"7d\"] > "
					"1', exempt: ['account:y']}\n"
					"  - {alert: A, cohort: block, expr: 'country == \"1\" && block != \"\" && incoming[\"1h\"] > 1', "
					"when: {days: mon, zone: number}}\n",
					&b),
			    "");
	buf_reset(&b);
	assert_int_equal(rules_parse(SLICE_LIT("groups:\n- name: g\n  rules:\n"
					       "  - {alert: A, cohort: account, expr: 'numbers[\"1h\"] > 1 && calls[\"7d\"] > 1'}\n"
					       "  - {alert: A, expr: 'calls[\"1h\"] > 1'}\n"
					       "  - {alert: A, cohort: block, expr: 'flagged_numbers[\"1h\"] > 1'}\n"
					       "  - {alert: B, cohort: block, expr: 'flagged_numbers[\"1h\"] > 2'}\n"),
				     "r.yaml", &r, &b),
			 ERR_OK);
	for (int kind = 0; kind < SUBJECT_KINDS; kind++)
		rules_figures_of(r, (enum subject_kind)kind, &n[kind]);
	assert_true(n[SUBJECT_NUMBER] == 1 && n[SUBJECT_ACCOUNT] == 2 && n[SUBJECT_TRUNK] == 0 && n[SUBJECT_BLOCK] == 1);
	assert_true(rules_have(r, SUBJECT_NUMBER) && rules_have(r, SUBJECT_BLOCK) && !rules_have(r, SUBJECT_TRUNK));
	assert_int_equal(rules_kind(r, 0), SUBJECT_ACCOUNT);
	assert_int_equal(rules_kind(r, 1), SUBJECT_NUMBER);
	rules_free(r);
	buf_release(&b);
}

static void files_without_rules_are_a_set_without_rules(void **state)
{
	static const char *const files[] = {
		"", "groups:\n", "groups: []\n", "# nothing\n", "groups:\n- {name: g}\n", "groups:\n- name: g\n  rules:\n"};
	struct rules *r = NULL;
	struct buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		assert_int_equal(rules_parse(slice_of(files[i]), "r.yaml", &r, &b), ERR_OK);
		assert_int_equal(rules_cnt(r), 0);
		rules_free(r);
	}
	assert_int_equal(rules_load(NULL, 0, &r, &b), ERR_OK);
	assert_int_equal(rules_cnt(r), 0);
	assert_ptr_equal(rules_share(r), r);
	rules_free(r);
	rules_free(r);
	assert_int_equal(b.len, 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void files_are_one_set_and_each_tells_its_problems(void **state)
{
	char a[] = "/tmp/rf-rules-a-XXXXXX", c[] = "/tmp/rf-rules-c-XXXXXX", expected[512];
	const char *paths[] = {a, "/nowhere/rules.yaml", c};
	struct rules *r = NULL;
	struct buf b = {0};
	(void)state;
	close(mkstemp(a));
	close(mkstemp(c));
	write_file(a, HEAD OKAY);
	write_file(c, HEAD "  - alert: C\n    expr: calls[\"1h\"] > 1\n    for: x\n" OKAY);
	assert_int_equal(rules_load(paths, 3, &r, &b), ERR_CONFIG);
	buf_put_u8(&b, 0);
	snprintf(expected, sizeof expected,
		 "/nowhere/rules.yaml: cannot be opened: No such file or directory\n"
		 "%s:6:10: for: a duration is expected, like 30s, 5m, 1h30m, 7d\n"
		 "%s:7:12: alert: A with the same labels stands already at %s:4: change the name or a label\n",
		 c, c, a);
	assert_string_equal((const char *)b.data, expected);
	buf_reset(&b);
	write_file(c, HEAD "  - alert: C\n    expr: calls[\"1h\"] > 1\n");
	paths[1] = c;
	assert_int_equal(rules_load(paths, 2, &r, &b), ERR_OK);
	assert_true(rules_cnt(r) == 2 && slice_is(rules_name(r, 0), "A") && slice_is(rules_name(r, 1), "C"));
	rules_free(r);
	buf_release(&b);
	unlink(a);
	unlink(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_message),
		cmocka_unit_test(every_problem_of_a_file_is_reported),
		cmocka_unit_test(expression_names_params_and_labels_wherever_they_stand),
		cmocka_unit_test(ladder_gives_a_parameter_its_steps_and_the_first_is_in_force),
		cmocka_unit_test(set_of_choices_has_its_rules_at_their_steps),
		cmocka_unit_test(rule_has_its_keys_and_their_defaults),
		cmocka_unit_test(fingerprint_is_of_name_and_labels),
		cmocka_unit_test(figures_of_each_kind_are_slots_of_their_own),
		cmocka_unit_test(files_without_rules_are_a_set_without_rules),
		cmocka_unit_test(files_are_one_set_and_each_tells_its_problems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
