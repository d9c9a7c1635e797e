/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: a switch over the steps with a stack. A rule over figures alone is comparisons and jumps: these program_run() does itself, without a
 * stack and without the arena. It goes over to the full machine at the first step of another kind.
 *
 * An error is not a value that every step looks for: it goes to the nearest handler, where it is pushed to be absorbed, or ends the program. Used up
 * steps end it whatever stands around. Steps are counted where a program can be long: loops, texts, lists; the rest is bounded by its length. */
#include "rules/vm.h"

#include "rules/ast.h"

#include <assert.h>

void machine_init(struct machine *m, int64_t steps_max)
{
	*m = (struct machine){.steps_max = steps_max};
	arena_init(&m->arena, 16 << 10);
}

void machine_release(struct machine *m)
{
	arena_release(&m->arena);
	regex_scratch_release(&m->regex);
}

void machine_reset(struct machine *m)
{
	arena_reset(&m->arena);
}

void *machine_alloc(struct machine *m, size_t bytes)
{
	m->steps -= (int64_t)(bytes / 16) + 1;
	return m->steps < 0 ? NULL : arena_alloc(&m->arena, bytes);
}

/* ---- literals and calls ---- */

static bool make_list(struct run *r, uint32_t n)
{
	struct cel *items = machine_alloc(r->m, (n + 1) * sizeof *items);
	if (!items)
		return false;
	r->top -= n;
	memcpy(items, r->top, n * sizeof *items);
	*r->top++ = (struct cel){.type = CEL_LIST, .n = n, .items = items};
	return true;
}

static bool make_map(struct run *r, uint32_t n)
{
	struct cel *items = machine_alloc(r->m, (n + 1) * 2 * sizeof *items);
	if (!items)
		return false;
	r->top -= 2 * n;
	memcpy(items, r->top, 2 * n * sizeof *items);
	struct cel map = {.type = CEL_MAP, .n = 0, .items = items};
	for (; map.n < n; map.n++) {
		struct cel key = items[2 * map.n];
		if (!cel_is_key(key.type))
			return run_fail(r, "unsupported key type");
		if (cel_find(map, key, &r->m->steps))
			return run_fail(r, "the same key twice");
	}
	*r->top++ = map;
	return true;
}

static bool call(struct run *r, const struct step *s)
{
	struct call_of c = {.m = r->m, .args = r->top - s->a, .n = s->a};
	if (!builtin_call(&c, s->b))
		return run_fail(r, c.error ? c.error : NO_OVERLOAD);
	r->top -= s->a;
	*r->top++ = c.out;
	return true;
}

static bool match(struct run *r, const struct step *s)
{
	struct cel *x = r->top - 1;
	if (x->type != CEL_STRING)
		return run_fail(r, NO_OVERLOAD);
	*x = cel_bool(regex_match(r->p->patterns[s->b], cel_slice(*x), &r->m->regex, &r->m->steps));
	return true;
}

static bool in_list(struct run *r, uint32_t id)
{
	struct cel *x = r->top - 1;
	if (x->type != CEL_STRING)
		return run_fail(r, NO_OVERLOAD);
	*x = cel_bool(r->p->lists->contains(r->p->lists->ctx, id, cel_slice(*x)));
	return true;
}

static bool push_figure(struct run *r, uint32_t slot)
{
	const struct value *v = figure(r->in->figures, slot);
	*r->top++ = v->type == VALUE_INT      ? cel_int(v->i)
		    : v->type == VALUE_DOUBLE ? cel_double(v->d)
		    : v->type == VALUE_BOOL   ? cel_bool(v->b)
					      : cel_string(v->s);
	return true;
}

static bool push_field(struct run *r, const struct step *s)
{
	bool there = r->in->call && call_field_get(r->in->call, s->b, r->top);
	if (s->op == OP_HAS_FIELD)
		*r->top = cel_bool(there);
	else if (!there)
		return run_fail(r, r->in->call ? "the call does not have this field" : "no call: a timer set this off");
	r->top++;
	return true;
}

/* ---- conditions that can fail ---- */

static bool is(struct cel v, bool b)
{
	return v.type == CEL_BOOL && v.b == b;
}

static bool both(struct run *r, enum op op)
{
	bool decides = op == OP_OR;
	struct cel y = *--r->top, *x = r->top - 1;
	if (is(*x, decides) || is(y, decides)) {
		*x = cel_bool(decides);
		return true;
	}
	if (x->type == CEL_BOOL && y.type == CEL_BOOL)
		return true;
	return run_fail(r, x->type == CEL_ERROR ? x->p : y.type == CEL_ERROR ? y.p : NO_OVERLOAD);
}

/* ---- loops ---- */

static bool loop_begin(struct run *r, const struct step *s)
{
	struct cel *l = r->top - 1, sum = cel_int(0);
	if (l->type != CEL_LIST && l->type != CEL_MAP)
		return run_fail(r, NO_OVERLOAD);
	if (s->a == LOOP_ALL || s->a == LOOP_EXISTS) {
		sum = cel_bool(s->a == LOOP_ALL);
	} else if (s->a != LOOP_ONE) {
		bool map = s->a == LOOP_TRANSFORM_MAP;
		sum = (struct cel){.type = map ? CEL_MAP : CEL_LIST, .n = 0, .items = NULL};
		sum.items = machine_alloc(r->m, (l->n + 1) * sizeof sum * (map ? 2 : 1));
		if (!sum.items)
			return false;
	}
	l[LOOP_INDEX] = cel_int(0);
	l[LOOP_FIRST] = l[LOOP_SECOND] = cel_int(0);
	l[LOOP_SUM] = sum;
	r->top += LOOP_PLACES - 1;
	return true;
}

/* The next element; false: there is none. */
static bool loop_next(struct run *r, const struct step *s)
{
	struct cel *l = r->stack + s->a;
	int64_t i = l[LOOP_INDEX].i++;
	r->m->steps -= (int64_t)s->b - (s - r->p->steps);
	if (i >= l->n)
		return false;
	if (l->type == CEL_MAP) {
		l[LOOP_FIRST] = l->items[2 * i];
		l[LOOP_SECOND] = l->items[2 * i + 1];
	} else if (s->i) {
		l[LOOP_FIRST] = cel_int(i);
		l[LOOP_SECOND] = l->items[i];
	} else {
		l[LOOP_FIRST] = l->items[i];
	}
	return true;
}

/* all(), exists(): true if the sum is decided. An error stays in it until then. */
static bool loop_add(struct run *r, const struct step *s)
{
	struct cel v = *--r->top, *sum = r->stack + s->a + LOOP_SUM;
	bool decides = s->op == OP_EXISTS;
	if (is(v, decides)) {
		*sum = v;
		return true;
	}
	if (v.type != CEL_BOOL && sum->type != CEL_ERROR)
		*sum = v.type == CEL_ERROR ? v : cel_error(NO_OVERLOAD);
	return false;
}

static bool loop_one(struct run *r, const struct step *s)
{
	struct cel v = *--r->top;
	if (v.type != CEL_BOOL)
		return run_fail(r, NO_OVERLOAD);
	r->stack[s->a + LOOP_SUM].i += v.b;
	return true;
}

static bool loop_keep(struct run *r, const struct step *s)
{
	struct cel v = *--r->top, *l = r->stack + s->a, *sum = l + LOOP_SUM;
	struct cel *items = (struct cel *)(uintptr_t)sum->items; /* our own, of loop_begin */
	if (s->op == OP_PUT) {
		items[2 * sum->n] = l[LOOP_FIRST];
		items[2 * sum->n + 1] = v;
	} else {
		items[sum->n] = v;
	}
	sum->n++;
	return true;
}

static bool loop_end(struct run *r, const struct step *s)
{
	r->top -= LOOP_PLACES - 1;
	struct cel sum = r->top[LOOP_SUM - 1];
	if (sum.type == CEL_ERROR)
		return run_fail(r, sum.p);
	r->top[-1] = s->a == LOOP_ONE ? cel_bool(sum.i == 1) : sum;
	return true;
}

/* ---- all steps. False: an error. *jump: it goes on at s->b. ---- */

/* A comparison of a figure with a number: whether it jumps. */
static bool condition(struct figures *f, const struct step *s)
{
	const struct value *v = figure(f, s->a);
	switch ((enum op)s->op) {
#define X(name, op)                     \
	case OP_UNLESS_I_##name:        \
		return !(v->i op s->i); \
	case OP_UNLESS_D_##name:        \
		return !(v->d op s->d); \
	case OP_IF_D_##name:            \
		return v->d op s->d;
		CONDITIONS(X)
#undef X
	default:
		assert(0);
		return false;
	}
}

/* Steps that push a value which is there already. */
static bool push(struct run *r, const struct step *s)
{
	switch ((enum op)s->op) {
	case OP_CONST:
		*r->top++ = r->p->constants[s->b];
		return true;
	case OP_FIGURE:
		return push_figure(r, s->b);
	case OP_SUBJECT:
		*r->top++ = subject_field_get(r->in, (enum subject_field)s->b);
		return true;
	case OP_FIELD:
	case OP_HAS_FIELD:
		return push_field(r, s);
	default: /* OP_LOCAL */
		*r->top++ = r->stack[s->b];
		return true;
	}
}

/* Steps that look at a condition. */
static bool branch(struct run *r, const struct step *s, bool *jump)
{
	struct cel *x = r->top - 1;
	switch ((enum op)s->op) {
	case OP_JUMP:
		*jump = true;
		return true;
	case OP_JUMP_FALSE:
	case OP_JUMP_TRUE:
		*jump = (--r->top)->b == (s->op == OP_JUMP_TRUE);
		return true;
	case OP_TEST:
		*jump = is(*--r->top, false);
		return x->type == CEL_BOOL || run_fail(r, NO_OVERLOAD);
	case OP_BOOL:
		return x->type == CEL_BOOL || run_fail(r, NO_OVERLOAD);
	case OP_AND_JUMP:
	case OP_OR_JUMP:
		*jump = is(*x, s->op == OP_OR_JUMP);
		return true;
	case OP_AND:
	case OP_OR:
		return both(r, (enum op)s->op);
	default:
		*jump = condition(r->in->figures, s);
		return true;
	}
}

static bool loop(struct run *r, const struct step *s, bool *jump)
{
	switch ((enum op)s->op) {
	case OP_LOOP:
		return loop_begin(r, s);
	case OP_NEXT:
		*jump = !loop_next(r, s);
		return true;
	case OP_ALL:
	case OP_EXISTS:
		*jump = loop_add(r, s);
		return true;
	case OP_ONE:
		return loop_one(r, s);
	case OP_APPEND:
	case OP_PUT:
		return loop_keep(r, s);
	default:
		return loop_end(r, s);
	}
}

static bool step(struct run *r, const struct step *s, bool *jump)
{
	struct cel *x = r->top - 1;
	if (s->op <= OP_LOCAL)
		return push(r, s);
	if (s->op >= OP_JUMP && s->op <= OP_OR)
		return branch(r, s, jump);
	if (s->op >= OP_LOOP && s->op <= OP_LOOP_END)
		return loop(r, s, jump);
	switch ((enum op)s->op) {
	case OP_NOT:
		if (x->type != CEL_BOOL)
			return run_fail(r, NO_OVERLOAD);
		x->b = !x->b;
		return true;
	case OP_NEGATE:
		return value_negate(r, x);
	case OP_SELECT:
		return value_entry(r, x, r->p->constants[s->b]);
	case OP_HAS:
		return value_has(r, x, r->p->constants[s->b]);
	case OP_CALL:
		return call(r, s);
	case OP_MATCH:
		return match(r, s);
	case OP_IN_LIST:
		return in_list(r, s->b);
	case OP_LIST:
		return make_list(r, s->b);
	case OP_MAP:
		return make_map(r, s->b);
	case OP_FAIL:
		return run_fail(r, r->p->constants[s->b].p);
	default:
		return s->op < OP_UNLESS_I_EQ ? value_two(r, (enum op)s->op) : branch(r, s, jump);
	}
}

/* Where an error of step `s` is absorbed, or NULL: then it is that of the program. */
static const struct step *absorb(struct run *r, const struct step *s)
{
	uint32_t at = (uint32_t)(s - r->p->steps);
	r->m->steps -= 1 + r->p->handler_cnt / 8;
	if (r->m->steps < 0)
		return NULL;
	for (uint32_t i = 0; i < r->p->handler_cnt; i++) {
		const struct handler *h = &r->p->handlers[i];
		if (h->from <= at && at < h->to) {
			r->top = r->stack + h->depth;
			*r->top++ = cel_error(r->error);
			return r->p->steps + h->target;
		}
	}
	return NULL;
}

static bool is_end(const struct step *s)
{
	return s->op == OP_RETURN || s->op == OP_RETURN_TRUE || s->op == OP_RETURN_FALSE;
}

/* From step `s` on, in full. */
static bool run(const struct program *p, const struct step *s, struct machine *m, const struct expr_input *in, struct cel *out,
		const char **why)
{
	struct cel stack[EXPR_STACK];
	struct run r = {.p = p, .m = m, .in = in, .stack = stack, .top = stack};
	while (s && !is_end(s)) {
		bool jump = false, ok = step(&r, s, &jump);
		if (m->steps < 0) {
			r.error = "the evaluation takes too many steps";
			s = NULL;
		} else if (!ok) {
			s = absorb(&r, s);
		} else {
			s = jump ? p->steps + s->b : s + 1;
		}
	}
	if (s)
		*out = s->op == OP_RETURN ? stack[0] : cel_bool(s->op == OP_RETURN_TRUE);
	else if (why)
		*why = r.error;
	return s != NULL;
}

/* Whatever is not quick is run in full from there: nothing is on the stack yet. */
bool program_run_from(const struct program *p, uint32_t from, struct machine *m, const struct expr_input *in, struct cel *out,
		      const char **why)
{
	const struct step *steps = p->steps, *s = steps + from;
	struct figures *f = in->figures;
	const uint64_t *filled = f ? f->filled : NULL;
	const struct value *values = f ? f->values : NULL;
	for (;;) {
		switch ((enum op)s->op) {
			CONDITIONS(QUICK)
		case OP_RETURN_TRUE:
			*out = cel_bool(true);
			return true;
		case OP_RETURN_FALSE:
			*out = cel_bool(false);
			return true;
		default:
			m->steps = m->steps_max;
			return run(p, s, m, in, out, why);
		}
	}
}

bool program_run(const struct program *p, struct machine *m, const struct expr_input *in, struct cel *out, const char **why)
{
	return program_run_from(p, 0, m, in, out, why);
}
