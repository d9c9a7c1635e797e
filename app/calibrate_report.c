/* SPDX-License-Identifier: Apache-2.0 */
/* What the three reports of calibrate share. */
#include "app/calibrate.h"

#include "sinks/json.h"

#include <stdio.h>

double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

const char *calibrate_grouped(uint64_t v)
{
	static char ring[4][32];
	static unsigned at;
	char *end = ring[at++ % 4] + 31, *p = end;
	*p = '\0';
	for (int digits = 0; v || digits == 0; v /= 10, digits++) {
		if (digits && digits % 3 == 0)
			*--p = ',';
		*--p = (char)('0' + v % 10);
	}
	return p;
}

const char *calibrate_spell(uint64_t s, char out[32])
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
	for (size_t i = 0; i < 3; i++)
		if (s >= units[i].seconds) {
			uint64_t rest = s % units[i].seconds / units[i + 1].seconds;
			snprintf(out, 32, "%llu%s %llu%s", (unsigned long long)(s / units[i].seconds), units[i].name,
				 (unsigned long long)rest, units[i + 1].name);
			return out;
		}
	snprintf(out, 32, "%llus", (unsigned long long)s);
	return out;
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

void calibrate_step_label(const struct calibrate *x, uint32_t trial, struct buf *out)
{
	const struct rules_choice *of = &x->trials[trial].of;
	if (of->ladder == RULES_AS_LOADED)
		buf_puts(out, "as loaded");
	else
		value_show(rules_ladder_step(x->rules, of->ladder, of->step), out);
}

bool calibrate_is_in_force(const struct calibrate *x, uint32_t trial)
{
	const struct rules_choice *of = &x->trials[trial].of;
	return of->ladder == RULES_AS_LOADED || rules_ladder(x->rules, of->ladder).in_force == of->step;
}

void calibrate_figure(struct value v, struct buf *out)
{
	if (v.type == VALUE_DOUBLE)
		buf_printf(out, "%.4g", v.d);
	else
		value_show(v, out);
}
