/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: a switch over the steps with a stack. program_run() itself holds what conditions over figures need: comparisons and jumps; all else is
 * a call away and may use the arena.
 *
 * An error is not a value that every step looks for: it goes to the nearest handler, where it is pushed to be absorbed, or ends the program. Used up
 * steps end it whatever stands around. Steps are counted where a program can be long: loops, texts, lists; the rest is bounded by its length. */
#include "rules/program.h"

#include "rules/ast.h"
#include "rules/cel_time.h"

#include <assert.h>
#include <math.h>

struct run {
	const struct program *p;
	struct machine *m;
	const struct expr_input *in;
	struct cel *stack, *top; /* top: the next free place */
	const char *error;
};

static const char no_overload[] = "no such overload";

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

static bool fail(struct run *r, const char *text)
{
	r->error = text;
	return false;
}

static inline const struct value *figure(struct figures *f, uint32_t slot)
{
	if (!(f->filled[slot / 64] >> (slot % 64) & 1))
		f->fill(f, slot);
	return &f->values[slot];
}

/* ---- arithmetic: x op y into *x ---- */

static bool arithmetic_int(struct run *r, enum op op, struct cel *x, int64_t y)
{
	bool over = false;
	if (op == OP_ADD)
		over = __builtin_add_overflow(x->i, y, &x->i);
	else if (op == OP_SUB)
		over = __builtin_sub_overflow(x->i, y, &x->i);
	else if (op == OP_MUL)
		over = __builtin_mul_overflow(x->i, y, &x->i);
	else if (y == 0)
		return fail(r, op == OP_DIV ? "division by zero" : "modulus by zero");
	else if (y == -1 && x->i == INT64_MIN)
		over = true;
	else
		x->i = op == OP_DIV ? x->i / y : x->i % y;
	return !over || fail(r, "integer overflow");
}

static bool arithmetic_uint(struct run *r, enum op op, struct cel *x, uint64_t y)
{
	bool over = false;
	if (op == OP_ADD)
		over = __builtin_add_overflow(x->u, y, &x->u);
	else if (op == OP_SUB)
		over = __builtin_sub_overflow(x->u, y, &x->u);
	else if (op == OP_MUL)
		over = __builtin_mul_overflow(x->u, y, &x->u);
	else if (y == 0)
		return fail(r, op == OP_DIV ? "division by zero" : "modulus by zero");
	else
		x->u = op == OP_DIV ? x->u / y : x->u % y;
	return !over || fail(r, "unsigned integer overflow");
}

static bool arithmetic_double(struct run *r, enum op op, struct cel *x, double y)
{
	if (op == OP_MOD)
		return fail(r, no_overload);
	x->d = op == OP_ADD ? x->d + y : op == OP_SUB ? x->d - y : op == OP_MUL ? x->d * y : x->d / y;
	return true;
}

static bool join_bytes(struct run *r, struct cel *x, struct cel y)
{
	uint64_t n = (uint64_t)x->n + y.n;
	char *p = n > INT32_MAX ? NULL : machine_alloc(r->m, (size_t)n + 1);
	if (!p)
		return fail(r, "the text is too long");
	if (x->n)
		memcpy(p, x->p, x->n);
	if (y.n)
		memcpy(p + x->n, y.p, y.n);
	*x = (struct cel){.type = x->type, .n = (uint32_t)n, .p = p};
	return true;
}

static bool join_lists(struct run *r, struct cel *x, struct cel y)
{
	uint64_t n = (uint64_t)x->n + y.n;
	struct cel *items = n > INT32_MAX ? NULL : machine_alloc(r->m, ((size_t)n + 1) * sizeof *items);
	if (!items)
		return fail(r, "the list is too long");
	if (x->n)
		memcpy(items, x->items, x->n * sizeof *items);
	if (y.n)
		memcpy(items + x->n, y.items, y.n * sizeof *items);
	*x = (struct cel){.type = CEL_LIST, .n = (uint32_t)n, .items = items};
	return true;
}

static bool arithmetic_time(struct run *r, enum op op, struct cel *x, struct cel y)
{
	struct cel out;
	bool ok;
	if (op == OP_ADD && x->type == CEL_DURATION && y.type == CEL_TIMESTAMP)
		ok = cel_timestamp_add(y, *x, false, &out);
	else if (op <= OP_SUB && x->type == CEL_TIMESTAMP && y.type == CEL_DURATION)
		ok = cel_timestamp_add(*x, y, op == OP_SUB, &out);
	else if (op == OP_SUB && x->type == CEL_TIMESTAMP && y.type == CEL_TIMESTAMP)
		ok = cel_duration_between(y, *x, &out);
	else if (op <= OP_SUB && x->type == CEL_DURATION && y.type == CEL_DURATION)
		return (op == OP_ADD ? !__builtin_add_overflow(x->i, y.i, &x->i) : !__builtin_sub_overflow(x->i, y.i, &x->i)) ||
		       fail(r, "duration out of range");
	else
		return fail(r, no_overload);
	*x = out;
	return ok || fail(r, "time out of range");
}

static bool arithmetic(struct run *r, enum op op, struct cel *x, struct cel y)
{
	if (x->type == y.type) {
		if (x->type == CEL_INT)
			return arithmetic_int(r, op, x, y.i);
		if (x->type == CEL_DOUBLE)
			return arithmetic_double(r, op, x, y.d);
		if (x->type == CEL_UINT)
			return arithmetic_uint(r, op, x, y.u);
		if (op == OP_ADD && (x->type == CEL_STRING || x->type == CEL_BYTES))
			return join_bytes(r, x, y);
		if (op == OP_ADD && x->type == CEL_LIST)
			return join_lists(r, x, y);
	}
	return arithmetic_time(r, op, x, y);
}

static bool negate(struct run *r, struct cel *x)
{
	if (x->type == CEL_DOUBLE)
		x->d = -x->d;
	else if (x->type != CEL_INT)
		return fail(r, no_overload);
	else if (__builtin_sub_overflow(0, x->i, &x->i))
		return fail(r, "integer overflow");
	return true;
}

/* ---- relations ---- */

static bool relation(struct run *r, enum op op, struct cel *x, struct cel y)
{
	if (op == OP_EQ || op == OP_NE) {
		*x = cel_bool(cel_equal(*x, y, &r->m->steps) == (op == OP_EQ));
		return true;
	}
	int order = cel_order(*x, y);
	if (order == CEL_NO_ORDER)
		return fail(r, no_overload);
	if (x->type == CEL_STRING || x->type == CEL_BYTES)
		r->m->steps -= x->n / 64;
	*x = cel_bool(order != CEL_UNORDERED && (op == OP_LT ? order < 0 : op == OP_LE ? order <= 0 : op == OP_GT ? order > 0 : order >= 0));
	return true;
}

static bool in(struct run *r, struct cel *x, struct cel y)
{
	bool found = false;
	if (y.type == CEL_MAP)
		found = cel_find(y, *x, &r->m->steps) != NULL;
	else if (y.type == CEL_LIST)
		for (uint32_t i = 0; i < y.n && !found && r->m->steps >= 0; i++)
			found = cel_equal(*x, y.items[i], &r->m->steps);
	else
		return fail(r, no_overload);
	*x = cel_bool(found);
	return true;
}

/* ---- parts of values ---- */

static bool element(struct run *r, struct cel *x, struct cel index)
{
	uint64_t i = index.u;
	if (index.type == CEL_DOUBLE && index.d >= 0 && index.d < 0x1p32 && floor(index.d) == index.d)
		i = (uint64_t)index.d;
	else if (index.type == CEL_DOUBLE || (index.type != CEL_INT && index.type != CEL_UINT))
		return fail(r, cel_numeric(index.type) ? "invalid index" : no_overload);
	if (i >= x->n) /* a negative int is a large one */
		return fail(r, "index out of range");
	*x = x->items[i];
	return true;
}

static bool entry(struct run *r, struct cel *x, struct cel key)
{
	if (x->type != CEL_MAP)
		return fail(r, no_overload);
	const struct cel *v = cel_find(*x, key, &r->m->steps);
	if (!v)
		return fail(r, "no such key");
	*x = *v;
	return true;
}

static bool has(struct run *r, struct cel *x, struct cel key)
{
	if (x->type != CEL_MAP)
		return fail(r, no_overload);
	*x = cel_bool(cel_find(*x, key, &r->m->steps) != NULL);
	return true;
}

static bool two(struct run *r, enum op op)
{
	struct cel y = *--r->top, *x = r->top - 1;
	if (op <= OP_MOD)
		return arithmetic(r, op, x, y);
	if (op <= OP_GE)
		return relation(r, op, x, y);
	if (op == OP_IN)
		return in(r, x, y);
	return x->type == CEL_LIST ? element(r, x, y) : entry(r, x, y);
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
			return fail(r, "unsupported key type");
		if (cel_find(map, key, &r->m->steps))
			return fail(r, "the same key twice");
	}
	*r->top++ = map;
	return true;
}

static bool call(struct run *r, const struct step *s)
{
	struct call_of c = {.m = r->m, .args = r->top - s->a, .n = s->a};
	if (!builtin_call(&c, s->b))
		return fail(r, c.error ? c.error : no_overload);
	r->top -= s->a;
	*r->top++ = c.out;
	return true;
}

static bool match(struct run *r, const struct step *s)
{
	struct cel *x = r->top - 1;
	if (x->type != CEL_STRING)
		return fail(r, no_overload);
	*x = cel_bool(regex_match(r->p->patterns[s->b], cel_slice(*x), &r->m->regex, &r->m->steps));
	return true;
}

static bool in_list(struct run *r, uint32_t id)
{
	struct cel *x = r->top - 1;
	if (x->type != CEL_STRING)
		return fail(r, no_overload);
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
		return fail(r, r->in->call ? "the call does not have this field" : "no call: a timer set this off");
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
	return fail(r, x->type == CEL_ERROR ? x->p : y.type == CEL_ERROR ? y.p : no_overload);
}

/* ---- loops ---- */

static bool loop_begin(struct run *r, const struct step *s)
{
	struct cel *l = r->top - 1, sum = cel_int(0);
	if (l->type != CEL_LIST && l->type != CEL_MAP)
		return fail(r, no_overload);
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
		*sum = v.type == CEL_ERROR ? v : cel_error(no_overload);
	return false;
}

static bool loop_one(struct run *r, const struct step *s)
{
	struct cel v = *--r->top;
	if (v.type != CEL_BOOL)
		return fail(r, no_overload);
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
		return fail(r, sum.p);
	r->top[-1] = s->a == LOOP_ONE ? cel_bool(sum.i == 1) : sum;
	return true;
}

/* ---- all steps but the quick ones. False: an error. *jump: it goes on at s->b. ---- */

static bool step(struct run *r, const struct step *s, bool *jump)
{
	struct cel *x = r->top - 1;
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
	case OP_LOCAL:
		*r->top++ = r->stack[s->b];
		return true;
	case OP_NOT:
		if (x->type != CEL_BOOL)
			return fail(r, no_overload);
		x->b = !x->b;
		return true;
	case OP_NEGATE:
		return negate(r, x);
	case OP_SELECT:
		return entry(r, x, r->p->constants[s->b]);
	case OP_HAS:
		return has(r, x, r->p->constants[s->b]);
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
		return fail(r, r->p->constants[s->b].p);
	case OP_TEST:
		*jump = is(*--r->top, false);
		return x->type == CEL_BOOL || fail(r, no_overload);
	case OP_BOOL:
		return x->type == CEL_BOOL || fail(r, no_overload);
	case OP_AND_JUMP:
	case OP_OR_JUMP:
		*jump = is(*x, s->op == OP_OR_JUMP);
		return true;
	case OP_AND:
	case OP_OR:
		return both(r, (enum op)s->op);
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
	case OP_LOOP_END:
		return loop_end(r, s);
	default:
		return two(r, (enum op)s->op);
	}
}

/* Where an error of step `s` is absorbed, or NULL: then it is that of the program. */
static const struct step *absorb(struct run *r, const struct step *s)
{
	uint32_t at = (uint32_t)(s - r->p->steps);
	r->m->steps -= 1 + r->p->handler_cnt / 8;
	if (r->m->steps < 0)
		return NULL;
	for (const struct handler *h = r->p->handlers, *end = h + r->p->handler_cnt; h < end; h++)
		if (h->from <= at && at < h->to) {
			r->top = r->stack + h->depth;
			*r->top++ = cel_error(r->error);
			return r->p->steps + h->target;
		}
	return NULL;
}

/* A step that is not a quick one; NULL: the program ends with an error. */
static const struct step *next(struct run *r, const struct step *s)
{
	bool jump = false, ok = step(r, s, &jump);
	if (r->m->steps < 0) {
		r->error = "the evaluation takes too many steps";
		return NULL;
	}
	if (!ok)
		return absorb(r, s);
	return jump ? r->p->steps + s->b : s + 1;
}

#define INT figure(in->figures, s->a)->i
#define DOUBLE figure(in->figures, s->a)->d
#define CONDITIONS(X) X(EQ, ==) X(NE, !=) X(LT, <) X(LE, <=) X(GT, >) X(GE, >=)

bool program_run(const struct program *p, struct machine *m, const struct expr_input *in, struct cel *out, const char **why)
{
	struct cel stack[EXPR_STACK];
	struct run r = {.p = p, .m = m, .in = in, .stack = stack, .top = stack};
	const struct step *s = p->steps;
	m->steps = m->steps_max;
	while (s) {
		switch ((enum op)s->op) {
#define X(name, op)                                          \
	case OP_UNLESS_I_##name:                             \
		s = INT op s->i ? s + 1 : p->steps + s->b;   \
		break;                                       \
	case OP_UNLESS_D_##name:                             \
		s = DOUBLE op s->d ? s + 1 : p->steps + s->b; \
		break;                                       \
	case OP_IF_D_##name:                                 \
		s = DOUBLE op s->d ? p->steps + s->b : s + 1; \
		break;
			CONDITIONS(X)
#undef X
		case OP_JUMP:
			s = p->steps + s->b;
			break;
		case OP_JUMP_FALSE:
			s = (--r.top)->b ? s + 1 : p->steps + s->b;
			break;
		case OP_JUMP_TRUE:
			s = (--r.top)->b ? p->steps + s->b : s + 1;
			break;
		case OP_RETURN_TRUE:
			*out = cel_bool(true);
			return true;
		case OP_RETURN_FALSE:
			*out = cel_bool(false);
			return true;
		case OP_RETURN:
			*out = stack[0];
			return true;
		default:
			s = next(&r, s);
		}
	}
	if (why)
		*why = r.error;
	return false;
}
