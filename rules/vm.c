/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: a switch over the steps with a fixed stack. An error is a value of its own on the stack, so that && and || can absorb it. */
#include "rules/expr.h"

struct cell {
	struct value v;
	const char *error; /* NULL: a value */
};

static double number(struct value v)
{
	return v.type == VALUE_INT ? (double)v.i : v.d;
}

/* -1, 0, 1, or 2 for values without order (NaN). Ints and doubles compare by value. */
static int compare(struct value a, struct value b)
{
	if (a.type == VALUE_STRING)
		return slice_cmp(a.s, b.s);
	if (a.type == VALUE_BOOL)
		return (a.b > b.b) - (a.b < b.b);
	if (a.type == VALUE_INT && b.type == VALUE_INT)
		return (a.i > b.i) - (a.i < b.i);
	double x = number(a), y = number(b);
	return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

static struct cell arithmetic_int(enum op op, int64_t a, int64_t b)
{
	struct cell c = {.v = {.type = VALUE_INT}};
	bool over = false;
	if (op == OP_ADD)
		over = __builtin_add_overflow(a, b, &c.v.i);
	else if (op == OP_SUB)
		over = __builtin_sub_overflow(a, b, &c.v.i);
	else if (op == OP_MUL)
		over = __builtin_mul_overflow(a, b, &c.v.i);
	else if (b == 0)
		c.error = op == OP_DIV ? "division by zero" : "modulus by zero";
	else if (b == -1)
		over = op == OP_DIV ? __builtin_sub_overflow(0, a, &c.v.i) : (c.v.i = 0, a == INT64_MIN);
	else
		c.v.i = op == OP_DIV ? a / b : a % b;
	if (over)
		c.error = "integer overflow";
	return c;
}

static struct cell arithmetic(enum op op, struct value a, struct value b)
{
	struct cell c = {.v = {.type = VALUE_DOUBLE}};
	if (a.type == VALUE_INT)
		return arithmetic_int(op, a.i, b.i);
	c.v.d = op == OP_ADD ? a.d + b.d : op == OP_SUB ? a.d - b.d : op == OP_MUL ? a.d * b.d : a.d / b.d;
	return c;
}

static bool relation(enum op op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LT:
		return order == -1;
	case OP_LE:
		return order == -1 || order == 0;
	case OP_GT:
		return order == 1;
	default:
		return order == 1 || order == 0;
	}
}

/* A deciding value wins over an error, on whichever side it stands. */
static struct cell logic(enum op op, struct cell a, struct cell b)
{
	bool decides = op == OP_OR;
	if (!a.error && a.v.b == decides)
		return a;
	if (!b.error && b.v.b == decides)
		return b;
	return a.error ? a : b;
}

static struct cell two(enum op op, struct cell a, struct cell b)
{
	if (op == OP_AND || op == OP_OR)
		return logic(op, a, b);
	if (a.error || b.error)
		return a.error ? a : b;
	if (op <= OP_MOD)
		return arithmetic(op, a.v, b.v);
	int order = compare(a.v, b.v);
	order = order == 2 ? 2 : (order > 0) - (order < 0);
	return (struct cell){.v = {.type = VALUE_BOOL, .b = relation(op, order)}};
}

static void one(enum op op, struct cell *c)
{
	if (c->error)
		return;
	if (op == OP_NOT)
		c->v.b = !c->v.b;
	else if (c->v.type == VALUE_DOUBLE)
		c->v.d = -c->v.d;
	else if (__builtin_sub_overflow(0, c->v.i, &c->v.i))
		c->error = "integer overflow";
}

/* The end of a ternary whose condition is an error: behind the other branch. */
static uint32_t behind_choice(const struct program *p, uint32_t choose)
{
	return p->steps[p->steps[choose].arg - 1].arg;
}

bool program_run(const struct program *p, struct figures *f, struct value *out, const char **why)
{
	struct cell stack[EXPR_STACK];
	uint32_t top = 0;
	for (uint32_t at = 0; at < p->cnt; at++) {
		struct step s = p->steps[at];
		switch ((enum op)s.op) {
		case OP_CONST:
			stack[top++] = (struct cell){.v = p->constants[s.arg]};
			break;
		case OP_FIGURE:
			stack[top++] = (struct cell){.v = figure_get(f, s.arg)};
			break;
		case OP_NEG:
		case OP_NOT:
			one((enum op)s.op, &stack[top - 1]);
			break;
		case OP_AND_JUMP:
		case OP_OR_JUMP:
			if (!stack[top - 1].error && stack[top - 1].v.b == (s.op == OP_OR_JUMP))
				at = s.arg - 1;
			break;
		case OP_CHOOSE:
			if (stack[top - 1].error)
				at = behind_choice(p, at) - 1;
			else if (!stack[--top].v.b)
				at = s.arg - 1;
			break;
		case OP_JUMP:
			at = s.arg - 1;
			break;
		default:
			top--;
			stack[top - 1] = two((enum op)s.op, stack[top - 1], stack[top]);
		}
	}
	*out = stack[0].v;
	if (why)
		*why = stack[0].error;
	return !stack[0].error;
}
