/* SPDX-License-Identifier: Apache-2.0 */
/* What the three reports of calibrate share. */
#include "app/calibrate.h"

#include "sinks/json.h"

double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

void calibrate_rule_label(const struct calibrate *x, uint32_t rule, struct buf *out)
{
	const struct rule *r = &x->rules->rules[rule];
	buf_put(out, r->name.p, r->name.len);
	for (uint32_t i = 0; i < rules_cnt(x->rules); i++)
		if (i != rule && slice_eq(x->rules->rules[i].name, r->name)) {
			buf_printf(out, " (" SLICE_FMT ")", SLICE_ARG(r->severity));
			return;
		}
}

void value_show(struct value v, struct buf *out)
{
	struct json j;
	switch (v.type) {
	case VALUE_INT:
		buf_printf(out, "%lld", (long long)v.i);
		break;
	case VALUE_DOUBLE: /* as JSON writes it; not finite: null */
		json_init_buf(&j, out);
		json_double(&j, v.d);
		break;
	case VALUE_BOOL:
		buf_puts(out, v.b ? "true" : "false");
		break;
	case VALUE_STRING:
		buf_put(out, v.s.p, v.s.len);
		break;
	}
}

uint64_t calibrate_both(const struct calibrate *x, uint32_t rule_a, uint32_t rule_b)
{
	size_t width = rules_cnt(x->rules);
	if (!x->overlap)
		return 0;
	return rule_a < rule_b ? x->overlap[rule_a * width + rule_b] : x->overlap[rule_b * width + rule_a];
}

double calibrate_jaccard(const struct calibrate *x, uint32_t rule_a, uint32_t rule_b)
{
	uint64_t both = calibrate_both(x, rule_a, rule_b);
	return share_of(both, x->trials[x->in_force[rule_a]].numbers + x->trials[x->in_force[rule_b]].numbers - both);
}
