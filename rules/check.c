/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   One walk over the tree resolves names, finds types and notes what can fail; nodes are rewritten in place. In a rule (names->slots is there) what is
 *   certain to go wrong is refused with its place: a name that is not known, a window out of range, types that do not go together. Elsewhere the same
 *   findings only mean that the node can fail; running it says how.
 *   A type is as far known as it can be without effort: `dyn` goes with everything and is looked at when it runs. */
#include "rules/ast.h"

#include "base/yaml.h"
#include "rules/cel_time.h"

#include <stdio.h>

/* ---- types ---- */

static const struct type simple[CEL_TYPE_CNT] = {
#define X(n, name) [CEL_##n] = {CEL_##n, NULL, NULL},
	CEL_TYPES(X)
#undef X
};

const struct type *type_of(enum cel_type kind)
{
	return &simple[kind];
}

bool type_is_bool(const struct node *n)
{
	return n->type->kind == CEL_BOOL;
}

const struct type *type_element(const struct type *t)
{
	return t->of ? t->of : type_of(CEL_DYN);
}

static const struct type *key_of(const struct type *t)
{
	return t->key ? t->key : type_of(CEL_DYN);
}

static const struct type *list_of(struct check *c, const struct type *of)
{
	struct type *t = arena_alloc(c->s->arena, sizeof *t);
	*t = (struct type){CEL_LIST, NULL, of};
	return t;
}

const struct type *type_map(struct check *c, const struct type *key, const struct type *of)
{
	struct type *t = arena_alloc(c->s->arena, sizeof *t);
	*t = (struct type){CEL_MAP, key, of};
	return t;
}

static const struct type *join(const struct type *a, const struct type *b)
{
	if (!a || a == b)
		return b;
	return a->kind == b->kind && (a->kind != CEL_LIST && a->kind != CEL_MAP) ? a
	       : a->kind == b->kind                                              ? type_of(a->kind)
										 : type_of(CEL_DYN);
}

const struct type *type_of_value(struct check *c, struct cel v)
{
	const struct type *key = NULL, *of = NULL;
	if (v.type == CEL_LIST) {
		for (uint32_t i = 0; i < v.n; i++)
			of = join(of, type_of(v.items[i].type));
		return of ? list_of(c, of) : type_of(CEL_LIST);
	}
	if (v.type == CEL_MAP) {
		for (uint32_t i = 0; i < v.n; i++) {
			key = join(key, type_of(v.items[2 * i].type));
			of = join(of, type_of(v.items[2 * i + 1].type));
		}
		return of ? type_map(c, key, of) : type_of(CEL_MAP);
	}
	return type_of(v.type);
}

const char *type_name(enum cel_type kind)
{
	return kind == CEL_TIMESTAMP ? "timestamp" : kind == CEL_DURATION ? "duration" : kind == CEL_NULL ? "null" : cel_type_name(kind);
}

bool type_is_dyn(const struct node *n)
{
	return n->type->kind == CEL_DYN;
}

void type_set(struct node *n, const struct type *type, bool fails)
{
	n->type = type;
	n->fails = fails;
}

static bool check_index(struct check *c, struct node *n)
{
	if (check_is_figure(c, n->a))
		return check_figure(c, n);
	if (!check_node(c, n->a) || !check_node(c, n->b))
		return false;
	enum cel_type of = n->a->type->kind, key = n->b->type->kind, wanted = of == CEL_LIST ? CEL_INT : key_of(n->a->type)->kind;
	type_set(n, type_element(n->a->type), true);
	if (of != CEL_LIST && of != CEL_MAP && of != CEL_DYN)
		return mismatch(c, n, "'[]' needs a list or a map, not %s", type_name(of));
	if (of != CEL_DYN && key != CEL_DYN && wanted != CEL_DYN && key != wanted && !(cel_numeric(key) && cel_numeric(wanted)))
		return mismatch(c, n->b, "the key of this %s is of %s, not %s", type_name(of), type_name(wanted), type_name(key));
	return true;
}

/* ---- calls ---- */

static bool check_args(struct check *c, struct node *n)
{
	for (uint32_t i = 0; i < n->arg_cnt; i++)
		if (!check_node(c, n->args[i]))
			return false;
	return !n->a || check_node(c, n->a);
}

static const struct node *argument(const struct node *n, uint32_t i)
{
	return n->a ? i == 0 ? n->a : n->args[i - 1] : n->args[i];
}

static bool fits(const struct node *n, const struct overload *o)
{
	for (uint32_t i = 0; o->args[i]; i++) {
		enum cel_type have = argument(n, i)->type->kind;
		if (o->args[i] != '*' && have != CEL_DYN && have != overload_type(o->args[i]))
			return false;
	}
	return true;
}

/* "string, int" */
static const char *types_text(struct check *c, const struct node *n)
{
	struct buf b = {0};
	uint32_t cnt = n->arg_cnt + (n->a != NULL);
	for (uint32_t i = 0; i < cnt; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", type_name(argument(n, i)->type->kind));
	const char *text = arena_copy(c->s->arena, buf_slice(&b)).p;
	buf_release(&b);
	return text ? text : "";
}

static bool unknown_function(struct check *c, struct node *n, bool known)
{
	const char *names[64], *near;
	size_t cnt = 0;
	for (uint32_t i = 0; i < overload_cnt && cnt < 64; i++)
		if (overloads[i].member == (n->a != NULL) && (cnt == 0 || strcmp(names[cnt - 1], overloads[i].name) != 0))
			names[cnt++] = overloads[i].name;
	if (!c->strict) {
		check_failure(n, arena_printf(c->s->arena, "no such overload: " SLICE_FMT, SLICE_ARG(n->name)).p);
		return true;
	}
	near = known ? NULL : nearest_name(n->name, names, cnt);
	if (known)
		expr_fail(c->s, n->at, SLICE_FMT "() does not go with %u argument%s%s", SLICE_ARG(n->name), n->arg_cnt,
			  n->arg_cnt == 1 ? "" : "s", n->a ? "" : ", or is called as x.");
	else
		expr_fail(c->s, n->at, "'" SLICE_FMT "()' is not a function%s%s%s", SLICE_ARG(n->name), near ? "; did you mean '" : "",
			  near ? near : "", near ? "()'?" : "");
	return false;
}

/* What is constant is looked at now: patterns, zones. */
static bool check_constants(struct check *c, struct node *n)
{
	struct node *last = n->arg_cnt ? n->args[n->arg_cnt - 1] : NULL;
	int64_t part;
	if (!last || last->kind != NODE_VALUE || last->value.type != CEL_STRING)
		return true;
	if (slice_is(n->name, "matches")) {
		struct err_text why;
		n->pattern = regex_compile(cel_slice(last->value), c->s->arena, &why);
		if (!n->pattern)
			return mismatch(c, last, "matches(): %s", why.text);
		n->fails = argument(n, 0)->fails || argument(n, 0)->type->kind != CEL_STRING;
	} else if (c->strict && n->a && n->a->type->kind == CEL_TIMESTAMP && rules_world() &&
		   !cel_timestamp_part((struct cel){.type = CEL_TIMESTAMP}, PART_YEAR, cel_slice(last->value), rules_world(), &part)) {
		expr_fail(c->s, last->at, "'" SLICE_FMT "' is not a time zone: use a name like Europe/Berlin or an offset like +01:00",
			  SLICE_ARG(cel_slice(last->value)));
	}
	return !c->s->failed;
}

static bool check_call(struct check *c, struct node *n)
{
	const struct type *type = NULL;
	bool known = false, named = false, fails = false;
	if (c->strict && !n->a && slice_is(n->name, "baseline"))
		return check_baseline(c, n);
	if (c->strict && !n->a && slice_is(n->name, "in_list"))
		return check_in_list(c, n);
	if (!check_args(c, n))
		return false;
	uint32_t cnt = n->arg_cnt + (n->a != NULL);
	for (uint32_t i = 0; i < cnt; i++)
		fails = fails || argument(n, i)->fails || type_is_dyn(argument(n, i));
	for (uint32_t i = 0; i < overload_cnt; i++) {
		const struct overload *o = &overloads[i];
		if (!slice_is(n->name, o->name))
			continue;
		named = true;
		if (o->member != (n->a != NULL) || strlen(o->args) != cnt)
			continue;
		known = true;
		n->slot = o->fn;
		if (fits(n, o)) {
			type = join(type, type_of(overload_type(o->result)));
			fails = fails || o->fails;
		}
	}
	if (!known)
		return unknown_function(c, n, named);
	type_set(n, type ? type : type_of(CEL_DYN), fails || !type);
	if (!type)
		return mismatch(c, n, SLICE_FMT "() does not go with %s", SLICE_ARG(n->name), types_text(c, n));
	return check_constants(c, n);
}

/* ---- operators ---- */

static enum cel_type sum_type(enum op2 op, enum cel_type a, enum cel_type b)
{
	if (a == b && (cel_numeric(a) || (op == OP2_ADD && (a == CEL_STRING || a == CEL_BYTES || a == CEL_LIST)) ||
		       (op <= OP2_SUB && a == CEL_DURATION)))
		return op == OP2_MOD && a == CEL_DOUBLE ? CEL_ERROR : a;
	if (op == OP2_SUB && a == CEL_TIMESTAMP && b == CEL_TIMESTAMP)
		return CEL_DURATION;
	if (op <= OP2_SUB && a == CEL_TIMESTAMP && b == CEL_DURATION)
		return CEL_TIMESTAMP;
	return op == OP2_ADD && a == CEL_DURATION && b == CEL_TIMESTAMP ? CEL_TIMESTAMP : CEL_ERROR;
}

static bool check_arithmetic(struct check *c, struct node *n)
{
	enum cel_type a = n->a->type->kind, b = n->b->type->kind;
	if (a == CEL_DYN || b == CEL_DYN) {
		type_set(n, type_of(CEL_DYN), true);
		return true;
	}
	enum cel_type t = sum_type(n->op, a, b);
	bool fails = n->a->fails || n->b->fails || (t != CEL_DOUBLE && t != CEL_STRING && t != CEL_BYTES && t != CEL_LIST);
	type_set(n, t == CEL_ERROR ? type_of(CEL_DYN) : t == CEL_LIST ? join(n->a->type, n->b->type) : type_of(t), fails);
	if (t != CEL_ERROR)
		return true;
	if (cel_numeric(a) && cel_numeric(b) && a != b)
		return mismatch(c, n,
				"'" SLICE_FMT "' needs two ints or two doubles, not %s and %s: write 10.0 in place of 10, or double(x)",
				SLICE_ARG(n->name), type_name(a), type_name(b));
	return mismatch(c, n, "'" SLICE_FMT "' does not go with %s and %s", SLICE_ARG(n->name), type_name(a), type_name(b));
}

static bool ordered(enum cel_type t)
{
	return t == CEL_BOOL || t == CEL_STRING || t == CEL_BYTES || t == CEL_TIMESTAMP || t == CEL_DURATION;
}

static bool check_relation(struct check *c, struct node *n)
{
	enum cel_type a = n->a->type->kind, b = n->b->type->kind;
	bool order = n->op >= OP2_LT, either = a == CEL_DYN || b == CEL_DYN, numbers = cel_numeric(a) && cel_numeric(b);
	bool goes = numbers || (a == b && (!order || ordered(a))) || (!order && (a == CEL_NULL || b == CEL_NULL));
	type_set(n, type_of(CEL_BOOL), n->a->fails || n->b->fails || (order && !goes));
	if (!goes && !either)
		return order || c->strict ? mismatch(c, n, "'" SLICE_FMT "' does not go with %s and %s", SLICE_ARG(n->name), type_name(a),
						     type_name(b))
					  : true;
	if (c->strict && order && (a == CEL_BOOL || b == CEL_BOOL))
		return mismatch(c, n, "conditions have no order");
	return true;
}

static bool check_in(struct check *c, struct node *n)
{
	enum cel_type in = n->b->type->kind, of = in == CEL_MAP ? key_of(n->b->type)->kind : type_element(n->b->type)->kind,
		      a = n->a->type->kind;
	type_set(n, type_of(CEL_BOOL), n->a->fails || n->b->fails || (in != CEL_LIST && in != CEL_MAP));
	if (in != CEL_LIST && in != CEL_MAP && in != CEL_DYN)
		return mismatch(c, n, "'in' needs a list or a map on its right, not %s", type_name(in));
	if (c->strict && a != CEL_DYN && of != CEL_DYN && a != of && !(cel_numeric(a) && cel_numeric(of)))
		return mismatch(c, n, "'in' looks for %s among %s", type_name(a), type_name(of));
	return true;
}

static bool check_binary(struct check *c, struct node *n)
{
	if (!check_node(c, n->a) || !check_node(c, n->b))
		return false;
	return n->op == OP2_IN ? check_in(c, n) : n->op <= OP2_MOD ? check_arithmetic(c, n) : check_relation(c, n);
}

static bool check_logic(struct check *c, struct node *n)
{
	if (!check_node(c, n->a) || !check_node(c, n->b))
		return false;
	bool a = n->a->type->kind == CEL_BOOL, b = n->b->type->kind == CEL_BOOL;
	type_set(n, type_of(CEL_BOOL), n->a->fails || n->b->fails || !a || !b);
	if ((!a && !type_is_dyn(n->a)) || (!b && !type_is_dyn(n->b)))
		return mismatch(c, n, "'" SLICE_FMT "' joins conditions, not %s", SLICE_ARG(n->name),
				type_name((!a && !type_is_dyn(n->a) ? n->a : n->b)->type->kind));
	return true;
}

static bool check_sign(struct check *c, struct node *n)
{
	if (!check_node(c, n->a))
		return false;
	enum cel_type a = n->a->type->kind;
	bool not = n->kind == NODE_NOT, goes = not ? a == CEL_BOOL : a == CEL_INT || a == CEL_DOUBLE;
	type_set(n, not ? type_of(CEL_BOOL) : goes ? n->a->type : type_of(CEL_DYN), n->a->fails || !goes || a == CEL_INT);
	if (!goes && a != CEL_DYN)
		return mismatch(c, n, "'%c' does not go with %s", not ? '!' : '-', type_name(a));
	return true;
}

static bool check_choice(struct check *c, struct node *n)
{
	if (!check_node(c, n->a) || !check_node(c, n->b) || !check_node(c, n->c))
		return false;
	enum cel_type a = n->a->type->kind;
	bool same = n->b->type->kind == n->c->type->kind || type_is_dyn(n->b) || type_is_dyn(n->c);
	type_set(n, join(n->b->type, n->c->type), n->a->fails || n->b->fails || n->c->fails || a != CEL_BOOL);
	if ((a != CEL_BOOL && a != CEL_DYN) || (c->strict && !same))
		return mismatch(c, n, "'? :' needs a condition and two values of one type, not %s, %s, %s", type_name(a),
				type_name(n->b->type->kind), type_name(n->c->type->kind));
	return true;
}

/* ---- literals, loops ---- */

static bool check_literal(struct check *c, struct node *n)
{
	const struct type *odd = NULL, *even = NULL;
	bool fails = n->kind == NODE_MAP; /* a key may stand there twice */
	for (uint32_t i = 0; i < n->arg_cnt; i++) {
		const struct node *arg = n->args[i];
		if (!check_node(c, n->args[i]))
			return false;
		fails = fails || arg->fails;
		if (i % 2 == 0 || n->kind == NODE_LIST)
			even = join(even, arg->type);
		else
			odd = join(odd, arg->type);
		if (n->kind == NODE_MAP && i % 2 == 0 && !cel_is_key(arg->type->kind) && !type_is_dyn(arg) &&
		    !mismatch(c, n->args[i], "a key is a bool, an int, a uint or a string, not %s", type_name(arg->type->kind)))
			return false;
	}
	type_set(n, n->kind == NODE_LIST ? list_of(c, even) : type_map(c, even, odd), fails);
	return true;
}

static const struct type *type_of_loop(struct check *c, const struct node *n, const struct scope *s)
{
	switch (n->loop) {
	case LOOP_MAP:
	case LOOP_TRANSFORM_LIST:
		return list_of(c, n->c->type);
	case LOOP_FILTER:
		return list_of(c, s->types[0]);
	case LOOP_TRANSFORM_MAP:
		return type_map(c, s->types[0], n->c->type);
	default:
		return type_of(CEL_BOOL);
	}
}

static bool check_loop(struct check *c, struct node *n)
{
	if (!check_node(c, n->a))
		return false;
	enum cel_type range = n->a->type->kind;
	const struct type *of = type_element(n->a->type), *index = range == CEL_LIST ? type_of(CEL_INT) : key_of(n->a->type);
	struct scope s = {.up = c->scope, .loop = n};
	bool two = n->second.p != NULL;
	s.types[0] = two ? index : range == CEL_LIST ? of : key_of(n->a->type);
	s.types[1] = of;
	if (range == CEL_DYN)
		s.types[0] = s.types[1] = type_of(CEL_DYN);
	c->scope = &s;
	bool ok = (!n->b || check_node(c, n->b)) && (!n->c || check_node(c, n->c));
	c->scope = s.up;
	if (!ok)
		return false;
	bool condition = !n->b || n->b->type->kind == CEL_BOOL;
	type_set(n, type_of_loop(c, n, &s),
		 n->a->fails || (range != CEL_LIST && range != CEL_MAP) || !condition || (n->b && n->b->fails) || (n->c && n->c->fails));
	if (range != CEL_LIST && range != CEL_MAP && range != CEL_DYN)
		return mismatch(c, n, SLICE_FMT "() goes over a list or a map, not %s", SLICE_ARG(n->name), type_name(range));
	if (!condition && !type_is_dyn(n->b))
		return mismatch(c, n->b, SLICE_FMT "() needs a condition, not %s", SLICE_ARG(n->name), type_name(n->b->type->kind));
	return true;
}

bool check_node(struct check *c, struct node *n)
{
	switch (n->kind) {
	case NODE_VALUE:
		type_set(n, type_of_value(c, n->value), false);
		return true;
	case NODE_NAME:
		return check_name(c, n);
	case NODE_SELECT:
	case NODE_HAS:
		return check_select(c, n);
	case NODE_INDEX:
		return check_index(c, n);
	case NODE_CALL:
		return check_call(c, n);
	case NODE_LIST:
	case NODE_MAP:
		return check_literal(c, n);
	case NODE_NOT:
	case NODE_NEGATE:
		return check_sign(c, n);
	case NODE_BINARY:
		return check_binary(c, n);
	case NODE_AND:
	case NODE_OR:
		return check_logic(c, n);
	case NODE_CHOICE:
		return check_choice(c, n);
	case NODE_LOOP:
		return check_loop(c, n);
	default: /* made here: a loop's range is never looked at twice */
		return true;
	}
}

bool expr_check(struct expr *s, struct node *n)
{
	struct check c = {.s = s, .strict = s->names->slots != NULL};
	return check_node(&c, n) && !s->failed;
}
