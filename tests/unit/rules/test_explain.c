/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/explain.h"

#include "tests/unit/unit.h"

#define HEAD "groups:\n- name: g\n  rules:\n"
#define TIMES "  times      for 0s, keep_firing_for 0s, asked again every 5m while pending or firing, said again every 4h\n"

static void explained_as(const char *rule, const char *text)
{
	struct buf yaml = {0}, out = {0};
	struct rules *r = NULL;
	buf_printf(&yaml, HEAD "%s", rule);
	if (rules_parse(buf_slice(&yaml), "r.yaml", &r, &out))
		fail_msg(SLICE_FMT, SLICE_ARG(buf_slice(&out)));
	rule_explain(r, 0, &out);
	buf_put_u8(&out, 0);
	assert_string_equal((const char *)out.data, text);
	rules_free(r);
	buf_release(&yaml);
	buf_release(&out);
}

static void rule_over_figures_is_comparisons(void **state)
{
	(void)state;
	explained_as("  - alert: A\n"
		     "    expr: calls[W] > T && !(answer_ratio[\"30m\"] < 0.1)\n"
		     "    params: {T: 40, W: 2h}\n"
		     "    action: quarantine\n"
		     "    mode: shadow\n"
		     "    for: 2m\n"
		     "    labels: {severity: critical}\n",
		     "A  (r.yaml:4, group g)\n"
		     "  condition  calls[\"2h\"] > 40 && !(answer_ratio[\"30m\"] < 0.1)\n"
		     "  params     T = 40, W = \"2h\"\n"
		     "  action     quarantine (shadow: changes no phase), severity critical\n"
		     "  times      for 2m, keep_firing_for 0s, asked again every 5m while pending or firing, said again every 4h\n"
		     "  figures    calls[\"2h\"] (int), answer_ratio[\"30m\"] (double)\n"
		     "  windows    30m, 2h\n"
		     "  cost       2 to 3 steps, comparisons alone: no stack, no memory, cannot fail\n"
		     "  program\n"
		     "       0  UNLESS       calls[\"2h\"] > 40  to 3\n"
		     "       1  IF           answer_ratio[\"30m\"] < 0.1  to 3\n"
		     "       2  RETURN_TRUE\n"
		     "       3  RETURN_FALSE\n");
}

static void rule_that_can_fail_shows_where_errors_go(void **state)
{
	(void)state;
	explained_as("  - alert: A\n    expr: calls[\"1h\"] > 9 && (call.disposition == 'BUSY' || account.startsWith('A'))\n",
		     "A  (r.yaml:4, group g)\n"
		     "  condition  calls[\"1h\"] > 9 && (call.disposition == \"BUSY\" || account.startsWith(\"A\"))\n"
		     "  action     alert, severity warning\n" TIMES "  figures    calls[\"1h\"] (int)\n"
		     "  windows    1h\n"
		     "  reads      account, call.disposition\n"
		     "  cost       3 to 11 steps, on the full machine\n"
		     "  program\n"
		     "       0  UNLESS       calls[\"1h\"] > 9  to 10\n"
		     "       1  FIELD        call.disposition\n"
		     "       2  CONST        \"BUSY\"\n"
		     "       3  EQ\n"
		     "       4  OR_JUMP      to 9\n"
		     "       5  SUBJECT      account\n"
		     "       6  CONST        \"A\"\n"
		     "       7  CALL         startsWith of 2\n"
		     "       8  OR\n"
		     "       9  JUMP         to 11\n"
		     "      10  CONST        false\n"
		     "      11  RETURN\n"
		     "          errors in 1 to 3 go on at 4\n");
}

static void rule_with_a_loop_has_no_longest_way(void **state)
{
	(void)state;
	explained_as("  - alert: A\n    expr: \"['+1', '+44'].exists(p, number.startsWith(p))\"\n",
		     "A  (r.yaml:4, group g)\n"
		     "  condition  [\"+1\", \"+44\"].exists(p, number.startsWith(p))\n"
		     "  action     alert, severity warning\n" TIMES "  figures    none\n"
		     "  windows    none\n"
		     "  reads      number\n"
		     "  cost       12 steps and a loop: ends with an error if it takes more than 100000 steps\n"
		     "  program\n"
		     "       0  CONST        [\"+1\", \"+44\"]\n"
		     "       1  LOOP\n"
		     "       2  NEXT         to 8\n"
		     "       3  SUBJECT      number\n"
		     "       4  LOCAL        place 2\n"
		     "       5  CALL         startsWith of 2\n"
		     "       6  EXISTS       to 8\n"
		     "       7  JUMP         to 2\n"
		     "       8  LOOP_END\n"
		     "       9  JUMP_FALSE   to 11\n"
		     "      10  RETURN_TRUE\n"
		     "      11  RETURN_FALSE\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_over_figures_is_comparisons),
		cmocka_unit_test(rule_that_can_fail_shows_where_errors_go),
		cmocka_unit_test(rule_with_a_loop_has_no_longest_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
