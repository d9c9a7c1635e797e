/* SPDX-License-Identifier: Apache-2.0 */
/* The conditions of all rules of a set in a row. A condition over figures alone is copied: where it is false it goes on at the next rule, without a
 * return and a call. One of another kind is a single step that runs its program. */
#include "rules/vm.h"

#include <assert.h>

static bool is_quick(const struct program *p)
{
	for (uint32_t i = 0; i < p->cnt; i++)
		if (p->steps[i].op < OP_UNLESS_I_EQ && p->steps[i].op != OP_RETURN_TRUE && p->steps[i].op != OP_RETURN_FALSE)
			return false;
	return true;
}

/* A quick program ends with its two returns, true before false: a jump to the last one is a jump to the next rule. */
static uint32_t chain_put(struct step *to, uint32_t at, const struct program *p, uint32_t rule)
{
	if (!is_quick(p)) {
		to[at] = (struct step){.op = OP_RULE, .b = rule, .i = 0};
		return at + 1;
	}
	assert(p->cnt >= 2 && p->steps[p->cnt - 1].op == OP_RETURN_FALSE && p->steps[p->cnt - 2].op == OP_RETURN_TRUE);
	for (uint32_t i = 0; i < p->cnt - 1; i++) {
		to[at + i] = p->steps[i];
		to[at + i].b = p->steps[i].op == OP_RETURN_TRUE ? rule : at + p->steps[i].b;
	}
	return at + p->cnt - 1;
}

void chain_make(const struct program **programs, uint32_t cnt, struct arena *a, struct chain *out)
{
	size_t steps = 1;
	uint32_t at = 0;
	for (uint32_t i = 0; i < cnt; i++)
		steps += programs[i] ? programs[i]->cnt + 1 : 0;
	*out = (struct chain){.steps = arena_alloc(a, steps * sizeof *out->steps),
			      .starts = arena_alloc(a, (cnt + 1) * sizeof *out->starts),
			      .programs = programs,
			      .cnt = cnt};
	for (uint32_t i = 0; i < cnt; i++) {
		out->starts[i] = at;
		at = programs[i] ? chain_put(out->steps, at, programs[i], i) : at;
	}
	out->starts[cnt] = at;
	out->steps[at] = (struct step){.op = OP_RETURN_FALSE, .i = 0};
}

/* The program of one rule. True: it is true. */
static bool chain_rule(const struct chain *c, uint32_t rule, struct machine *m, const struct expr_input *in, uint64_t *errors)
{
	struct cel v;
	if (program_run(c->programs[rule], m, in, &v, NULL))
		return v.b;
	errors[rule]++;
	return false;
}

uint32_t chain_next(const struct chain *c, uint32_t from, struct machine *m, const struct expr_input *in, uint64_t *errors)
{
	const struct step *steps = c->steps, *s = steps + c->starts[from];
	struct figures *f = in->figures;
	const uint64_t *filled = f ? f->filled : NULL;
	const struct value *values = f ? f->values : NULL;
	for (;;) {
		switch ((enum op)s->op) {
			CONDITIONS(QUICK)
		case OP_RETURN_TRUE:
			return s->b;
		case OP_RETURN_FALSE:
			return c->cnt;
		case OP_RULE:
			if (chain_rule(c, s->b, m, in, errors))
				return s->b;
			s++;
			break;
		default:
			__builtin_unreachable();
		}
	}
}
