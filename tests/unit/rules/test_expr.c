/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rules.h"
#include "tests/unit/unit.h"

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

static const char *eval(const char *text, struct buf *b)
{
	struct rules *r;
	struct value v;
	struct err_text why;
	uint64_t filled[4] = {0};
	struct value values[64];
	buf_reset(b);
	if (rules_expressions(&text, 1, &r, b)) {
		b->data[b->len - 1] = '\0';
		return (const char *)b->data;
	}
	struct figures f = {.filled = filled, .values = values, .fill = fill};
	f.keys = rules_figures(r, &f.n);
	if (!rules_value(r, 0, &f, NULL, &v, &why))
		buf_printf(b, "error: %s", why.text);
	else if (v.type == VALUE_INT)
		buf_printf(b, "%lld", (long long)v.i);
	else if (v.type == VALUE_DOUBLE)
		buf_printf(b, "%g", v.d);
	else
		buf_printf(b, "%s", v.b ? "true" : "false");
	rules_free(r);
	return (const char *)b->data;
}

static void expression_has_its_value_or_its_error(void **state)
{
	static const char *const cases[][2] = {
		{"1 + 2 * 3", "7"},
		{"(1 + 2) * 3 - -4 % 3", "10"},
		{"calls[\"1h\"] > 40 && callee_ratio[\"1h\"] >= 0.5", "true"},
		{"calls[\"1h\"] == 50.0", "true"},
		{"!(calls[\"1h\"] < 10) ? 1.5 : 2.5", "1.5"},
		{"1 / 0 > 1 || true", "true"},
		{"false && 1 / 0 > 1", "false"},
		{"1 / 0 > 1 && true", "error: division by zero"},
		{"(1 / 0 > 1 ? 1 : 2) == 1", "error: division by zero"},
		{"9223372036854775807 + 1", "error: integer overflow"},
		{"calls[\"1h\"] + 0.5",
		 "expression:1:13: '+' needs two ints or two doubles, not int and double: write 10.0 in place of 10"},
		{"cals[\"1h\"]", "expression:1:1: 'cals' is not a feature; did you mean 'calls'?"},
		{"calls[\"40d\"]", "expression:1:7: the window \"40d\" is out of range: 1s to 31d"},
		{"calls > 1", "expression:1:1: 'calls' needs a window: calls[\"1h\"]"},
		{"1 +", "expression:1:4: the expression ends too early"},
		{"1 < 2 && 3", "expression:1:7: '&&' joins conditions, not int"},
	};
	struct buf b = {0};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(eval(cases[i][0], &b), cases[i][1]);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(expression_has_its_value_or_its_error)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
