/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   The checked tree becomes steps. A condition that cannot fail is compiled to jumps, the way a C compiler does it: no bool is ever made, and a
 *   comparison of a figure with a number is one step. Where something can fail, its error is caught where the language absorbs it: the operands of
 *   && and ||, the conditions of all() and exists(). These places stand in a table of handlers; a program that does not fail never looks at it.
 *
 * GUARANTEES. How deep the stack gets is known here, so the machine does not check it. */
#include "rules/ast.h"
#include "rules/program.h"

#include <math.h>

struct emit {
	struct expr *s;
	struct program *out;
	uint32_t step_cap, constant_cap, handler_cap, pattern_cap, figure_cap;
	uint32_t pattern_cnt;
	const struct regex **patterns;
	uint32_t depth;
};

static void value(struct emit *e, struct node *n);

/* Grows an array of the program by one. */
static void *grown(struct emit *e, void *array, uint32_t cnt, uint32_t *cap, size_t bytes)
{
	if (cnt < *cap)
		return array;
	void *more = arena_alloc(e->s->arena, (*cap = *cap ? 2 * *cap : 16) * bytes);
	if (cnt)
		memcpy(more, array, cnt * bytes);
	return more;
}

static uint32_t emit(struct emit *e, enum op op, uint32_t a, uint32_t b)
{
	struct program *p = e->out;
	p->steps = grown(e, p->steps, p->cnt, &e->step_cap, sizeof *p->steps);
	p->steps[p->cnt] = (struct step){.op = (uint16_t)op, .a = (uint16_t)a, .b = b, .i = 0};
	return p->cnt++;
}

/* The stack grows by n (or shrinks). */
static void moved(struct emit *e, const struct node *n, int by)
{
	e->depth = (uint32_t)((int)e->depth + by);
	if (e->depth > EXPR_STACK - LOOP_PLACES)
		expr_fail(e->s, n->at, "more than %d values are needed at once", EXPR_STACK - LOOP_PLACES);
}

static uint32_t constant(struct emit *e, struct cel v)
{
	struct program *p = e->out;
	p->constants = grown(e, p->constants, p->constant_cnt, &e->constant_cap, sizeof *p->constants);
	p->constants[p->constant_cnt] = v;
	return p->constant_cnt++;
}

static void handler(struct emit *e, uint32_t from, uint32_t depth)
{
	struct program *p = e->out;
	p->handlers = grown(e, p->handlers, p->handler_cnt, &e->handler_cap, sizeof *p->handlers);
	p->handlers[p->handler_cnt++] = (struct handler){from, p->cnt, p->cnt, depth};
}

/* ---- jumps whose target comes later: a list through their b, UINT32_MAX at its end ---- */

#define NOWHERE UINT32_MAX

static void jump(struct emit *e, enum op op, uint32_t a, uint32_t *list)
{
	*list = emit(e, op, a, *list);
}

static void land(struct emit *e, uint32_t list)
{
	while (list != NOWHERE) {
		uint32_t next = e->out->steps[list].b;
		e->out->steps[list].b = e->out->cnt;
		list = next;
	}
}

/* ---- conditions that cannot fail ---- */

static bool is_condition(const struct node *n)
{
	return n->type->kind == CEL_BOOL && !n->fails;
}

enum op2 op_mirrored(enum op2 op)
{
	static const enum op2 other[] = {
		[OP2_EQ] = OP2_EQ, [OP2_NE] = OP2_NE, [OP2_LT] = OP2_GT, [OP2_LE] = OP2_GE, [OP2_GT] = OP2_LT, [OP2_GE] = OP2_LE};
	return other[op];
}

enum op2 op_opposite(enum op2 op)
{
	static const enum op2 other[] = {
		[OP2_EQ] = OP2_NE, [OP2_NE] = OP2_EQ, [OP2_LT] = OP2_GE, [OP2_LE] = OP2_GT, [OP2_GT] = OP2_LE, [OP2_GE] = OP2_LT};
	return other[op];
}

/* The number as an int with the same answer; a fraction lies between two ints. */
static bool as_int(struct cel v, enum op2 *op, int64_t *i)
{
	*i = v.i;
	if (v.type == CEL_UINT)
		return v.u <= INT64_MAX;
	if (v.type != CEL_DOUBLE)
		return v.type == CEL_INT;
	if (!(v.d > -0x1p53 && v.d < 0x1p53))
		return false;
	double whole = floor(v.d);
	*i = (int64_t)whole;
	if (whole == v.d)
		return true;
	if (*op == OP2_LT)
		*op = OP2_LE;
	else if (*op == OP2_GE)
		*op = OP2_GT;
	return *op >= OP2_LT;
}

static bool as_double(struct cel v, double *d)
{
	const int64_t exact = INT64_C(1) << 53;
	*d = v.type == CEL_DOUBLE ? v.d : v.type == CEL_INT ? (double)v.i : (double)v.u;
	return v.type == CEL_DOUBLE || (v.type == CEL_INT && v.i <= exact && v.i >= -exact) ||
	       (v.type == CEL_UINT && v.u <= (uint64_t)exact);
}

static void note_figure(struct emit *e, const struct node *n)
{
	struct program *p = e->out;
	uint32_t i = 0, cap = e->figure_cap;
	while (i < p->figure_cnt && p->figure_slots[i] != n->slot)
		i++;
	if (i < p->figure_cnt)
		return;
	p->figures = grown(e, p->figures, p->figure_cnt, &cap, sizeof *p->figures);
	p->figure_slots = grown(e, p->figure_slots, p->figure_cnt, &e->figure_cap, sizeof *p->figure_slots);
	p->figures[i] = (struct event_figure){.text = n->text};
	p->figure_slots[p->figure_cnt++] = n->slot;
}

/* figure < number as one step. */
static bool fused(struct emit *e, const struct node *n, bool when, uint32_t *list)
{
	const struct node *figure = n->a, *number = n->b;
	enum op2 op = n->op;
	struct step s = {.i = 0};
	if (n->kind != NODE_BINARY || op < OP2_EQ || op > OP2_GE)
		return false;
	if (figure->kind != NODE_FIGURE) {
		figure = n->b;
		number = n->a;
		op = op_mirrored(op);
	}
	if (figure->kind != NODE_FIGURE || number->kind != NODE_VALUE || !cel_numeric(number->value.type))
		return false;
	if (figure->type->kind == CEL_INT && as_int(number->value, &op, &s.i))
		s.op = (uint16_t)(OP_UNLESS_I_EQ + ((when ? op_opposite(op) : op) - OP2_EQ));
	else if (figure->type->kind == CEL_DOUBLE && as_double(number->value, &s.d))
		s.op = (uint16_t)((when ? OP_IF_D_EQ : OP_UNLESS_D_EQ) + (op - OP2_EQ));
	else
		return false;
	note_figure(e, figure);
	jump(e, (enum op)s.op, figure->slot, list);
	e->out->steps[e->out->cnt - 1].i = s.i;
	return true;
}

/* Jumps to `list` if the condition is `when`, else falls through. */
static void condition(struct emit *e, struct node *n, bool when, uint32_t *list)
{
	if (n->kind == NODE_VALUE) {
		if (n->value.b == when)
			jump(e, OP_JUMP, 0, list);
	} else if (n->kind == NODE_NOT) {
		condition(e, n->a, !when, list);
	} else if ((n->kind == NODE_AND && !when) || (n->kind == NODE_OR && when)) {
		condition(e, n->a, when, list);
		condition(e, n->b, when, list);
	} else if (n->kind == NODE_AND || n->kind == NODE_OR) {
		uint32_t past = NOWHERE;
		condition(e, n->a, !when, &past);
		condition(e, n->b, when, list);
		land(e, past);
	} else if (!fused(e, n, when, list)) {
		value(e, n);
		jump(e, when ? OP_JUMP_TRUE : OP_JUMP_FALSE, 0, list);
		moved(e, n, -1);
	}
}

static void condition_value(struct emit *e, struct node *n)
{
	uint32_t no = NOWHERE, end = NOWHERE;
	condition(e, n, false, &no);
	emit(e, OP_CONST, 0, constant(e, cel_bool(true)));
	jump(e, OP_JUMP, 0, &end);
	land(e, no);
	emit(e, OP_CONST, 0, constant(e, cel_bool(false)));
	land(e, end);
	moved(e, n, 1);
}

/* To `list` if it is false; an error or no bool is an error of the whole. */
static void test(struct emit *e, struct node *n, uint32_t *list)
{
	if (is_condition(n)) {
		condition(e, n, false, list);
		return;
	}
	value(e, n);
	jump(e, type_is_bool(n) ? OP_JUMP_FALSE : OP_TEST, 0, list);
	moved(e, n, -1);
}

/* ---- values ---- */

/* A value whose error, if it has one, stands in its place. */
static void caught(struct emit *e, struct node *n)
{
	uint32_t from = e->out->cnt, depth = e->depth;
	value(e, n);
	if (n->fails)
		handler(e, from, depth);
}

static void logic(struct emit *e, struct node *n)
{
	bool and = n->kind == NODE_AND;
	uint32_t decided = NOWHERE, end = NOWHERE;
	if (is_condition(n->a)) { /* it decides, or the right side is the value */
		condition(e, n->a, !and, &decided);
		value(e, n->b);
		if (!type_is_bool(n->b))
			emit(e, OP_BOOL, 0, 0);
		jump(e, OP_JUMP, 0, &end);
		land(e, decided);
		emit(e, OP_CONST, 0, constant(e, cel_bool(!and)));
		land(e, end);
		return;
	}
	caught(e, n->a);
	jump(e, and? OP_AND_JUMP : OP_OR_JUMP, 0, &end);
	caught(e, n->b);
	emit(e, and? OP_AND : OP_OR, 0, 0);
	moved(e, n, -1);
	land(e, end);
}

static void choice(struct emit *e, struct node *n)
{
	uint32_t other = NOWHERE, end = NOWHERE;
	test(e, n->a, &other);
	value(e, n->b);
	jump(e, OP_JUMP, 0, &end);
	moved(e, n, -1);
	land(e, other);
	value(e, n->c);
	land(e, end);
}

/* Of a list or map of constants: no step makes it, it is one itself. */
static bool folded(struct emit *e, const struct node *n, struct cel *out)
{
	struct cel *items;
	int64_t budget = EXPR_STEPS_MAX;
	uint32_t cnt = n->kind == NODE_MAP ? n->arg_cnt / 2 : n->arg_cnt;
	for (uint32_t i = 0; i < n->arg_cnt; i++)
		if (n->args[i]->kind != NODE_VALUE)
			return false;
	items = arena_alloc(e->s->arena, (n->arg_cnt + 1) * sizeof *items);
	for (uint32_t i = 0; i < n->arg_cnt; i++)
		items[i] = n->args[i]->value;
	*out = (struct cel){.type = n->kind == NODE_MAP ? CEL_MAP : CEL_LIST, .n = cnt, .items = items};
	for (uint32_t i = 0; n->kind == NODE_MAP && i < cnt; i++) {
		struct cel before = {.type = CEL_MAP, .n = i, .items = items};
		if (!cel_is_key(items[2 * i].type) || cel_find(before, items[2 * i], &budget) || budget < 0)
			return false;
	}
	return true;
}

/* Literals inside literals are constants from the inside out. */
static void fold(struct emit *e, struct node *n)
{
	struct cel v;
	for (uint32_t i = 0; i < n->arg_cnt; i++)
		if (n->args[i]->kind == NODE_LIST || n->args[i]->kind == NODE_MAP)
			fold(e, n->args[i]);
	if (folded(e, n, &v)) {
		n->kind = NODE_VALUE;
		n->value = v;
	}
}

static void literal(struct emit *e, struct node *n)
{
	fold(e, n);
	if (n->kind == NODE_VALUE) {
		value(e, n);
		return;
	}
	for (uint32_t i = 0; i < n->arg_cnt; i++)
		value(e, n->args[i]);
	if (n->kind == NODE_LIST)
		emit(e, OP_LIST, 0, n->arg_cnt);
	else
		emit(e, OP_MAP, 0, n->arg_cnt / 2);
	moved(e, n, 1 - (int)n->arg_cnt);
}

static void call(struct emit *e, struct node *n)
{
	if (n->pattern) { /* matches(): its last argument is in there */
		value(e, n->a ? n->a : n->args[0]);
		e->patterns = grown(e, (void *)e->patterns, e->pattern_cnt, &e->pattern_cap, sizeof *e->patterns);
		e->patterns[e->pattern_cnt] = n->pattern;
		emit(e, OP_MATCH, 0, e->pattern_cnt++);
		return;
	}
	uint32_t cnt = n->arg_cnt + (n->a != NULL);
	if (n->a)
		value(e, n->a);
	for (uint32_t i = 0; i < n->arg_cnt; i++)
		value(e, n->args[i]);
	emit(e, OP_CALL, cnt, n->slot);
	moved(e, n, 1 - (int)cnt);
}

/* The body of a loop, for one element. `next`: on with the next one; `end`: it is decided. */
static void body(struct emit *e, struct node *n, uint32_t *next, uint32_t *end)
{
	if (n->loop == LOOP_ALL || n->loop == LOOP_EXISTS) {
		caught(e, n->b);
		jump(e, n->loop == LOOP_ALL ? OP_ALL : OP_EXISTS, n->base, end);
		moved(e, n, -1);
		return;
	}
	if (n->loop == LOOP_ONE) {
		value(e, n->b);
		emit(e, OP_ONE, n->base, 0);
		moved(e, n, -1);
		return;
	}
	if (n->b)
		test(e, n->b, next);
	if (n->c)
		value(e, n->c);
	else
		emit(e, OP_LOCAL, 0, n->base + LOOP_FIRST);
	if (!n->c)
		moved(e, n, 1);
	emit(e, n->loop == LOOP_TRANSFORM_MAP ? OP_PUT : OP_APPEND, n->base, 0);
	moved(e, n, -1);
}

static void loop(struct emit *e, struct node *n)
{
	uint32_t next = NOWHERE, end = NOWHERE, top;
	n->base = e->depth;
	value(e, n->a);
	emit(e, OP_LOOP, n->loop, n->second.p != NULL);
	moved(e, n, LOOP_PLACES - 1);
	top = e->out->cnt;
	jump(e, OP_NEXT, n->base, &end);
	e->out->steps[top].i = n->second.p != NULL;
	body(e, n, &next, &end);
	land(e, next);
	emit(e, OP_JUMP, 0, top);
	land(e, end);
	emit(e, OP_LOOP_END, n->loop, 0);
	moved(e, n, 1 - LOOP_PLACES);
}

static void unary(struct emit *e, struct node *n, enum op op, uint32_t b)
{
	value(e, n->a);
	emit(e, op, 0, b);
}

static void push(struct emit *e, const struct node *n, enum op op, uint32_t b)
{
	emit(e, op, 0, b);
	moved(e, n, 1);
}

/* What is one step that pushes. */
static bool pushed(struct emit *e, const struct node *n)
{
	switch (n->kind) {
	case NODE_VALUE:
		push(e, n, OP_CONST, constant(e, n->value));
		return true;
	case NODE_FIGURE:
		note_figure(e, n);
		push(e, n, OP_FIGURE, n->slot);
		return true;
	case NODE_SUBJECT:
		push(e, n, OP_SUBJECT, n->slot);
		return true;
	case NODE_FIELD:
		push(e, n, OP_FIELD, n->slot);
		return true;
	case NODE_HAS_FIELD:
		push(e, n, OP_HAS_FIELD, n->slot);
		return true;
	case NODE_LOCAL:
		push(e, n, OP_LOCAL, n->b->base + LOOP_FIRST + n->slot);
		return true;
	case NODE_FAIL:
		push(e, n, OP_FAIL, constant(e, cel_error(n->error)));
		return true;
	default:
		return false;
	}
}

static void value(struct emit *e, struct node *n)
{
	if (e->s->failed || pushed(e, n))
		return;
	switch (n->kind) {
	case NODE_NOT:
		unary(e, n, OP_NOT, 0);
		return;
	case NODE_NEGATE:
		unary(e, n, OP_NEGATE, 0);
		return;
	case NODE_SELECT:
		unary(e, n, OP_SELECT, constant(e, cel_string(n->name)));
		return;
	case NODE_HAS:
		unary(e, n, OP_HAS, constant(e, cel_string(n->name)));
		return;
	case NODE_IN_LIST:
		unary(e, n, OP_IN_LIST, n->slot);
		return;
	case NODE_INDEX:
	case NODE_BINARY:
		value(e, n->a);
		value(e, n->b);
		emit(e, n->kind == NODE_INDEX ? OP_INDEX : (enum op)(OP_ADD + (int)n->op), 0, 0);
		moved(e, n, -1);
		return;
	case NODE_AND:
	case NODE_OR:
		if (is_condition(n))
			condition_value(e, n);
		else
			logic(e, n);
		return;
	case NODE_CHOICE:
		choice(e, n);
		return;
	case NODE_CALL:
		call(e, n);
		return;
	case NODE_LIST:
	case NODE_MAP:
		literal(e, n);
		return;
	case NODE_LOOP:
		loop(e, n);
		return;
	default: /* the checker left no names */
		return;
	}
}

bool expr_emit(struct expr *s, struct node *n)
{
	struct emit e = {.s = s, .out = s->out};
	uint32_t no = NOWHERE;
	s->out->type = n->type->kind;
	if (is_condition(n)) {
		condition(&e, n, false, &no);
		emit(&e, OP_RETURN_TRUE, 0, 0);
		land(&e, no);
		emit(&e, OP_RETURN_FALSE, 0, 0);
	} else {
		value(&e, n);
		emit(&e, OP_RETURN, 0, 0);
	}
	s->out->patterns = e.patterns;
	s->out->lists = s->names->lists;
	return !s->failed;
}

bool expr_emit_part(const struct program *whole, struct node *part, struct arena *a, struct program *out)
{
	struct buf problems = {0};
	const struct expr_names names = {.lists = whole->lists};
	struct expr s = {
		.from = whole->source->text.p, .arena = a, .place = {.file = ""}, .problems = &problems, .names = &names, .out = out};
	*out = (struct program){0};
	bool ok = expr_emit(&s, part);
	buf_release(&problems);
	return ok;
}

enum err expr_compile(struct slice text, struct place at, struct arena *a, const struct expr_names *names, struct program *out,
		      struct buf *problems)
{
	uint32_t most = names->slots ? EXPR_BYTES_MAX : EXPR_BYTES_HARD_MAX;
	text = arena_copy(a, text.p ? text : SLICE_LIT(""));
	struct expr s = {.from = text.p,
			 .p = text.p,
			 .end = text.p + text.len,
			 .arena = a,
			 .place = at,
			 .problems = problems,
			 .names = names,
			 .out = out};
	*out = (struct program){0};
	if (text.len > most)
		expr_fail(&s, text.p, "the expression is longer than %u bytes", most);
	struct node *n = s.failed ? NULL : expr_parse(&s);
	struct program_source *source = arena_alloc(a, sizeof *source);
	*source = (struct program_source){.tree = n, .text = text, .place = at};
	out->source = source;
	return n && expr_check(&s, n) && expr_emit(&s, n) ? ERR_OK : ERR_CONFIG;
}
