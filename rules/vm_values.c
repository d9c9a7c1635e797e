/* SPDX-License-Identifier: Apache-2.0 */
/* The operators: arithmetic with its overflows, relations, parts of lists and maps. */
#include "rules/cel_time.h"
#include "rules/vm.h"

#include <math.h>

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
		return run_fail(r, op == OP_DIV ? "division by zero" : "modulus by zero");
	else if (y == -1 && x->i == INT64_MIN)
		over = true;
	else
		x->i = op == OP_DIV ? x->i / y : x->i % y;
	return !over || run_fail(r, "integer overflow");
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
		return run_fail(r, op == OP_DIV ? "division by zero" : "modulus by zero");
	else
		x->u = op == OP_DIV ? x->u / y : x->u % y;
	return !over || run_fail(r, "unsigned integer overflow");
}

static bool arithmetic_double(struct run *r, enum op op, struct cel *x, double y)
{
	if (op == OP_MOD)
		return run_fail(r, NO_OVERLOAD);
	x->d = op == OP_ADD ? x->d + y : op == OP_SUB ? x->d - y : op == OP_MUL ? x->d * y : x->d / y;
	return true;
}

static bool join_bytes(struct run *r, struct cel *x, struct cel y)
{
	uint64_t n = (uint64_t)x->n + y.n;
	char *p = n > INT32_MAX ? NULL : machine_alloc(r->m, (size_t)n + 1);
	if (!p)
		return run_fail(r, "the text is too long");
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
		return run_fail(r, "the list is too long");
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
		       run_fail(r, "duration out of range");
	else
		return run_fail(r, NO_OVERLOAD);
	*x = out;
	return ok || run_fail(r, "time out of range");
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

bool value_negate(struct run *r, struct cel *x)
{
	if (x->type == CEL_DOUBLE)
		x->d = -x->d;
	else if (x->type != CEL_INT)
		return run_fail(r, NO_OVERLOAD);
	else if (__builtin_sub_overflow(0, x->i, &x->i))
		return run_fail(r, "integer overflow");
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
		return run_fail(r, NO_OVERLOAD);
	if (x->type == CEL_STRING || x->type == CEL_BYTES)
		r->m->steps -= x->n / 64;
	*x = cel_bool(order != CEL_UNORDERED && (op == OP_LT   ? order < 0
						 : op == OP_LE ? order <= 0
						 : op == OP_GT ? order > 0
							       : order >= 0));
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
		return run_fail(r, NO_OVERLOAD);
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
		return run_fail(r, cel_numeric(index.type) ? "invalid index" : NO_OVERLOAD);
	if (i >= x->n) /* a negative int is a large one */
		return run_fail(r, "index out of range");
	*x = x->items[i];
	return true;
}

bool value_entry(struct run *r, struct cel *x, struct cel key)
{
	if (x->type != CEL_MAP)
		return run_fail(r, NO_OVERLOAD);
	const struct cel *v = cel_find(*x, key, &r->m->steps);
	if (!v)
		return run_fail(r, "no such key");
	*x = *v;
	return true;
}

bool value_has(struct run *r, struct cel *x, struct cel key)
{
	if (x->type != CEL_MAP)
		return run_fail(r, NO_OVERLOAD);
	*x = cel_bool(cel_find(*x, key, &r->m->steps) != NULL);
	return true;
}

bool value_two(struct run *r, enum op op)
{
	struct cel y = *--r->top, *x = r->top - 1;
	if (op <= OP_MOD)
		return arithmetic(r, op, x, y);
	if (op <= OP_GE)
		return relation(r, op, x, y);
	if (op == OP_IN)
		return in(r, x, y);
	return x->type == CEL_LIST ? element(r, x, y) : value_entry(r, x, y);
}
