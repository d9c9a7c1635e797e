/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/lint.h"
#include "rules/tree.h"

#include "tests/unit/unit.h"

/* One rule `R` with a source; `more` are further lines of it. */
static const char *warnings_of(const char *expr, const char *more, struct buf *out)
{
	struct buf yaml = {0};
	struct rules *r = NULL;
	buf_printf(&yaml, "groups:\n- name: g\n  rules:\n  - alert: R\n    expr: %s\n    source: s\n%s", expr, more);
	buf_reset(out);
	enum err e = rules_parse(buf_slice(&yaml), "r.yaml", &r, out);
	if (e)
		fail_msg(SLICE_FMT, SLICE_ARG(buf_slice(out)));
	rules_lint(r, out);
	rules_free(r);
	buf_release(&yaml);
	buf_put_u8(out, 0);
	return (const char *)out->data;
}

#define W(column, text) "r.yaml:5:" #column ": warning: " text "\n"

static void each_doubtful_condition_has_its_warning(void **state)
{
	static const char *const cases[][2] = {
		/* no sample */
		{"answer_ratio[\"6h\"] < 0.2", W(11, "no-sample: R: answer_ratio[\"6h\"] < 0.2 is true of a number without such calls, for "
						     "then it is 0; add a minimum like calls[\"6h\"] >= 100")},
		{"calls[\"24h\"] >= 9 && answer_ratio[\"6h\"] <= 0.0",
		 W(32,
		   "no-sample: R: answer_ratio[\"6h\"] <= 0.0 is true of a number without such calls, for then it is 0; add a minimum like "
		   "calls[\"6h\"] >= 100")},
		{"0.1 > short6_ratio[\"24h\"] && calls[\"24h\"] > 100",
		 W(11,
		   "no-sample: R: 0.1 > short6_ratio[\"24h\"] is true of a number without such calls, for then it is 0; add a minimum like "
		   "answered[\"24h\"] >= 100")},
		{"avg_talk_s[\"24h\"] < 15 || answered[\"24h\"] > 100",
		 W(11,
		   "no-sample: R: avg_talk_s[\"24h\"] < 15 is true of a number without such calls, for then it is 0; add a minimum like "
		   "answered[\"24h\"] >= 100")},
		{"attest_bc_ratio[\"1d\"] == 0 && calls[\"1d\"] > 5",
		 W(11, "no-sample: R: attest_bc_ratio[\"1d\"] == 0 is true of a number without such calls, for then it is 0; add a minimum "
		       "like "
		       "attested[\"1d\"] >= 100")},
		{"answered[\"1h\"] <= 3",
		 W(11,
		   "no-sample: R: answered[\"1h\"] <= 3 is true of a number that hardly calls; add a minimum like calls[\"1h\"] >= 20")},
		{"'!(calls[\"1h\"] > 3)'",
		 W(14,
		   "no-sample: R: !(calls[\"1h\"] > 3) is true of a number that hardly calls; add a minimum, of calls in a longer window")},
		{"'(short10_ratio[\"1h\"] < 0.1 ? 2 : 0) >= 2'",
		 W(13,
		   "no-sample: R: short10_ratio[\"1h\"] < 0.1 is true of a number without such calls, for then it is 0; add a minimum like "
		   "answered[\"1h\"] >= 100")},
		/* never */
		{"calls[\"1h\"] < 0",
		 W(11, "never-true: R: calls[\"1h\"] < 0 is never true: calls is never below 0, so the rule never fires")},
		{"calls[\"1h\"] == 2.5",
		 W(11, "never-true: R: calls[\"1h\"] == 2.5 is never true: calls is never below 0, so the rule never fires")},
		{"callee_ratio[\"1h\"] > 1 && calls[\"1h\"] > 9",
		 W(11, "never-true: R: callee_ratio[\"1h\"] > 1 is never true: a ratio lies between 0 and 1, so the rule never fires")},
		{"callee_ratio[\"1h\"] > 1 || calls[\"1h\"] > 9",
		 W(11, "never-true: R: callee_ratio[\"1h\"] > 1 is never true: a ratio lies between 0 and 1")},
		{"health > 100",
		 W(11, "never-true: R: health > 100 is never true: health lies between -1 and 100, so the rule never fires")},
		{"phase == 'resting'",
		 W(11, "never-true: R: phase == \"resting\" is never true: a phase is active, aging, rest, limited or "
		       "moderate, so the rule never fires")},
		{"calls[\"1h\"] > 5 && calls[\"1h\"] < 6",
		 W(30, "never-true: R: calls[\"1h\"] > 5 and calls[\"1h\"] < 6 are never true together, so the rule never fires")},
		{"calls[\"1h\"] > 50 && (regions[\"1h\"] > 5 || calls[\"1h\"] <= 50)",
		 W(53, "never-true: R: calls[\"1h\"] > 50 and calls[\"1h\"] <= 50 are never true together")},
		{"'!(calls[\"1h\"] < 7 || calls[\"1h\"] >= 7)'",
		 W(33, "never-true: R: !(calls[\"1h\"] < 7) and !(calls[\"1h\"] >= 7) are never true together, so the rule never fires")},
		{"1 > 2 && calls[\"1h\"] > 5", ""}, /* of figures alone */
		{"false && calls[\"1h\"] > 5", W(11, "never-true: R: the rule never fires: its condition is never true")},
		/* always */
		{"calls[\"1h\"] >= 0",
		 W(11, "always-true: R: calls[\"1h\"] >= 0 is always true: calls is never below 0, so the rule is true whatever happens")},
		{"calls[\"1h\"] > -1 && regions[\"1h\"] > 4",
		 W(11, "always-true: R: calls[\"1h\"] > -1 is always true: calls is never below 0")},
		{"calls[\"1h\"] >= 5 || calls[\"1h\"] < 10", W(11, "always-true: R: the rule is true whatever happens")},
		{"'true'", W(12, "always-true: R: the rule is true whatever happens")},
		/* ratios */
		{"callee_ratio[\"1h\"] > 80",
		 W(11,
		   "ratio-above-one: R: callee_ratio[\"1h\"] > 80 is never true: a ratio lies between 0 and 1, so the rule never fires")},
		{"callee_ratio[\"1h\"] < 1.5 && calls[\"1h\"] > 2",
		 W(11, "ratio-above-one: R: callee_ratio[\"1h\"] < 1.5 is always true: a ratio lies between 0 and 1")},
	};
	struct buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(warnings_of(cases[i][0], "", &b), cases[i][1]);
	buf_release(&b);
}

static void sound_conditions_have_no_warning(void **state)
{
	/* the rows of the default packs that lean on a sample */
	static const char *const exprs[] = {
		"callees[\"1h\"] > 20 && callee_ratio[\"1h\"] >= 0.8 && avg_talk_s[\"1h\"] < 15 && answered[\"1h\"] >= 20",
		"in_out_ratio[\"7d\"] < 0.05 && callee_ratio[\"24h\"] >= 0.75 && calls[\"24h\"] >= 100",
		"in_out_ratio[\"7d\"] > 3 && calls[\"24h\"] >= 100",
		"age_days >= 31 && calls[\"31d\"] - calls[\"24h\"] < 5 && calls[\"1h\"] > 40",
		"age_days < 30 && calls[\"24h\"] > 75",
		"calls[\"1h\"] > 20 && calls[\"1h\"] > 10.0 * baseline(\"calls\", \"1h\") && age_days >= 7",
		"answered[\"24h\"] >= 50 && short6_ratio[\"24h\"] < 0.01",
		"short10[\"24h\"] >= 50 && short6_ratio[\"24h\"] < 0.01",
		"calls[\"31d\"] < 5 && calls[\"1h\"] > 2",
		"'answered[\"1h\"] >= 20 ? short6_ratio[\"1h\"] < 0.01 : false'",
		"'(in_out_ratio[\"7d\"] < 0.05 && calls[\"7d\"] >= 100 ? 1 : 0) + (callees[\"1h\"] > 20 ? 1 : 0) >= 2'",
		"health < 50 && health >= 0",
		"off_hours_ratio[\"7d\"] == 1 && zoned[\"7d\"] >= 20",
		"phase != 'rest' && calls[\"1h\"] > 3",
		"call.disposition == 'BUSY' && calls[\"1h\"] > 3 && has(call.answer_time)",
		"'[1, 2].exists(n, calls[\"1h\"] == n)'",
	};
	struct buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof exprs / sizeof exprs[0]; i++)
		assert_string_equal(warnings_of(exprs[i], "", &b), "");
	buf_release(&b);
}

static void rules_are_compared_with_each_other(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_string_equal(
		warnings_of("calls[\"1h\"] > T && (regions[\"1h\"] > 5 || 3 < callees[\"1h\"])",
			    "    params: {T: 7}\n"
			    "  - {alert: S, source: s, expr: '(callees[\"1h\"] > 3 || regions[\"1h\"] > 5) && calls[\"1h\"] > 7'}\n",
			    &b),
		"r.yaml:8:35: warning: duplicate: S: the same condition as that of R at r.yaml:4\n");
	assert_string_equal(warnings_of("calls[\"1h\"] > 7", "  - {alert: S, source: s, for: 1m, expr: 'calls[\"1h\"] > 7'}\n", &b), "");
	assert_string_equal(warnings_of("calls[\"1h\"] > 7", "  - {alert: S, source: s, expr: 'calls[\"1h\"] > 8'}\n", &b), "");
	buf_release(&b);
}

static void rule_without_source_is_named(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_string_equal(warnings_of("calls[\"1h\"] > 7", "  - alert: S\n    expr: calls[\"1h\"] > 8\n", &b),
			    "r.yaml:7:5: warning: no-source: S: no source says where its threshold comes from\n");
	buf_release(&b);
}

static void place_is_right_inside_a_block(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_string_equal(
		warnings_of("|\n      regions[\"1h\"] > 4 &&\n        calls[\"1h\"] < 0", "", &b),
		"r.yaml:7:9: warning: never-true: R: calls[\"1h\"] < 0 is never true: calls is never below 0, so the rule never fires\n");
	buf_release(&b);
}

/* The checker rewrites the tree; what is printed is read back as the same. */
static void tree_is_printed_as_it_would_be_written(void **state)
{
	static const char *const exprs[] = {
		"calls[\"1h\"] > 5 && !(answered[\"2h\"] < 3 || phase == \"rest\")",
		"calls[\"1h\"] - (answered[\"1h\"] - 2) * 3 > -calls[\"1h\"]",
		"(calls[\"1h\"] > 1 ? 1 : 0) + (calls[\"2h\"] > 2 ? 1 : 0) >= 2",
		"[1, 2].exists(n, n > calls[\"1h\"] && \"a\\\"b\".contains(string(n)))",
		"{\"a\": 1}[\"a\"] == 1 && has(call.answer_time) && call.disposition in [\"BUSY\", \"ANSWERED\"]",
		"double(calls[\"1h\"]) > 10.0 * baseline(\"calls\", \"1h\") && number.startsWith(\"+1\")",
		"number.matches(\"^[+]1\") && size(account) > 0 && 1.5e+300 > talk_s[\"1h\"]",
	};
	(void)state;
	for (size_t i = 0; i < sizeof exprs / sizeof exprs[0]; i++) {
		struct rules *r = NULL;
		struct buf b = {0};
		assert_int_equal(rules_expressions(&exprs[i], 1, &r, &b), ERR_OK);
		tree_print(r->rules[0].program.source->tree, &b);
		buf_put_u8(&b, 0);
		assert_string_equal((const char *)b.data, exprs[i]);
		buf_release(&b);
		rules_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_doubtful_condition_has_its_warning), cmocka_unit_test(sound_conditions_have_no_warning),
		cmocka_unit_test(rules_are_compared_with_each_other),      cmocka_unit_test(rule_without_source_is_named),
		cmocka_unit_test(place_is_right_inside_a_block),           cmocka_unit_test(tree_is_printed_as_it_would_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
