/* SPDX-License-Identifier: Apache-2.0 */
/* Ladders for calibrate: which there are, and a set with rules at their steps. That every step compiles was found out when the file was loaded. */
#include "rules/ruleset.h"

#include "base/hash.h"

#include <assert.h>

static const struct ladder *find_ladder(const struct rules *r, uint32_t i, uint32_t *rule)
{
	for (*rule = 0; i >= r->rules[*rule].ladder_cnt; ++*rule) {
		i -= r->rules[*rule].ladder_cnt;
		assert(*rule + 1 < r->cnt);
	}
	return &r->rules[*rule].ladders[i];
}

uint32_t rules_ladder_cnt(const struct rules *r)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->cnt; i++)
		n += r->rules[i].ladder_cnt;
	return n;
}

struct rules_ladder rules_ladder(const struct rules *r, uint32_t ladder)
{
	struct rules_ladder out;
	int64_t budget = INT32_MAX;
	const struct ladder *l = find_ladder(r, ladder, &out.rule);
	const struct expr_name *p = &r->rules[out.rule].params[l->param];
	out.param = p->name;
	out.step_cnt = l->step_cnt;
	for (out.in_force = 0; out.in_force < l->step_cnt; out.in_force++)
		if (cel_equal(l->steps[out.in_force], p->value, &budget))
			break;
	return out;
}

struct value rules_ladder_step(const struct rules *r, uint32_t ladder, uint32_t step)
{
	uint32_t rule;
	struct value v = {.type = VALUE_INT, .i = 0};
	const struct ladder *l = find_ladder(r, ladder, &rule);
	assert(step < l->step_cnt);
	bool shown = cel_to_value(l->steps[step], NULL, &v); /* a number or a text: no arena is needed */
	assert(shown);
	(void)shown;
	return v;
}

/* At a step: the parameter's value, and a fingerprint that says so. */
static void take_step(struct rules *out, struct rule *rule, const struct ladder *l, uint32_t step)
{
	struct expr_name *params = arena_alloc(&out->arena, rule->param_cnt * sizeof *params);
	memcpy(params, rule->params, rule->param_cnt * sizeof *params);
	params[l->param].value = l->steps[step];
	rule->params = params;
	const uint64_t parts[] = {rule->fingerprint, l->param, step};
	rule->fingerprint = hash64(parts, sizeof parts, 0);
}

static enum err choose(const struct rules *r, const struct rules_choice *c, struct rules *out, struct err_text *why)
{
	struct buf problems = {0};
	struct rule *rule = rules_add(out);
	*rule = r->rules[c->rule];
	if (c->ladder != RULES_AS_LOADED) {
		uint32_t of;
		const struct ladder *l = find_ladder(r, c->ladder, &of);
		assert(of == c->rule && c->step < l->step_cnt);
		take_step(out, rule, l, c->step);
	}
	const struct rule_text with = {.params = rule->params,
				       .param_cnt = rule->param_cnt,
				       .at = {.file = rule->file, .line = rule->line, .column = 1},
				       .slots = &out->slots[rule->kind],
				       .arena = &out->arena};
	enum err e = ERR_OK;
	if (rule_compile(r, rule, &with, &rule->program, &problems))
		e = err_set(why, ERR_LIMIT, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	buf_release(&problems);
	return e;
}

enum err rules_choose(struct rules *r, const struct rules_choice *choices, size_t n, struct rules **out, struct err_text *why)
{
	enum err e = ERR_OK;
	if (n > RULES_MAX)
		return err_set(why, ERR_LIMIT, "more than %d rules at once: leave out steps", RULES_MAX);
	struct rules *made = rules_new();
	made->base = rules_share(r);
	made->providers = r->providers;
	made->lists = r->lists;
	made->list_cnt = r->list_cnt;
	made->in_list = r->in_list;
	for (size_t i = 0; i < n && !e; i++)
		e = choose(r, &choices[i], made, why);
	if (e) {
		rules_free(made);
		return e;
	}
	rules_seal(made);
	*out = made;
	return ERR_OK;
}
