/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens to a tree: the whole grammar of CEL but messages. Macros become loops here.
 *
 * Two limits keep every later walk over the tree within the stack: how deep things are nested, and how high the tree is (a chain a + b + c leans to
 * the left, one level a term). */
#include "rules/ast.h"

#include <stdio.h>

void *expr_fail(struct expr *s, const char *at, const char *fmt, ...)
{
	char text[512];
	int line, column;
	if (s->failed)
		return NULL;
	s->failed = true;
	place_find(&s->place, s->from, at, &line, &column);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(s->problems, "%s:%d:%d: %s\n", s->place.file, line, column, text);
	return NULL;
}

static bool is_op(const struct expr *s, const char *op)
{
	return s->token == T_OP && slice_is(s->text, op);
}

static bool accept(struct expr *s, const char *op)
{
	if (s->failed || !is_op(s, op))
		return false;
	expr_next(s);
	return true;
}

static struct node *unexpected(struct expr *s)
{
	return expr_fail(s, s->text.p, s->token == T_END ? "the expression ends too early" : "'" SLICE_FMT "' is not expected here",
			 SLICE_ARG(s->text));
}

static bool expect(struct expr *s, const char *op)
{
	if (accept(s, op))
		return true;
	expr_fail(s, s->text.p, "'%s' expected", op);
	return false;
}

static struct node *node(struct expr *s, enum node_kind kind, const char *at)
{
	struct node *n = arena_zalloc(s->arena, sizeof *n);
	n->kind = kind;
	n->at = at;
	n->height = 1;
	return n;
}

/* Its parts are there: how high it is now. */
static struct node *above(struct expr *s, struct node *n)
{
	const struct node *parts[] = {n->a, n->b, n->c};
	for (int i = 0; i < 3; i++)
		if (parts[i] && parts[i]->height >= n->height)
			n->height = (uint16_t)(parts[i]->height + 1);
	for (uint32_t i = 0; i < n->arg_cnt; i++)
		if (n->args[i]->height >= n->height)
			n->height = (uint16_t)(n->args[i]->height + 1);
	return n->height > EXPR_CHAIN_MAX + EXPR_DEPTH_MAX ? expr_fail(s, n->at, "more than %d in a row", EXPR_CHAIN_MAX) : n;
}

static struct node *expression(struct expr *s);

/* ---- lists of expressions ---- */

static void push(struct expr *s, struct node *n, uint32_t *cap, struct node *arg)
{
	if (n->arg_cnt == *cap) {
		struct node **more = arena_alloc(s->arena, (*cap = *cap ? 2 * *cap : 8) * sizeof *more);
		if (n->arg_cnt)
			memcpy(more, n->args, n->arg_cnt * sizeof *more);
		n->args = more;
	}
	n->args[n->arg_cnt++] = arg;
}

/* Up to `close`, which is taken; `pairs`: key: value; `trailing`: a comma may stand before the end. */
static struct node *arguments(struct expr *s, struct node *n, const char *close, bool pairs, bool trailing)
{
	uint32_t cap = 0;
	while (!s->failed && !is_op(s, close)) {
		struct node *key = expression(s), *value = NULL;
		if (key)
			push(s, n, &cap, key);
		if (key && pairs && (value = expect(s, ":") ? expression(s) : NULL))
			push(s, n, &cap, value);
		if (!accept(s, ",")) {
			if (!is_op(s, close))
				return s->token == T_END && !s->failed ? expr_fail(s, s->text.p, "'%s' expected", close) : unexpected(s);
			break;
		}
		if (!trailing && is_op(s, close))
			return unexpected(s);
	}
	n->text = slice_make(n->at, (size_t)(s->text.p + s->text.len - n->at));
	return expect(s, close) ? above(s, n) : NULL;
}

/* ---- macros ---- */

struct macro {
	const char *name;
	uint32_t args;
	enum loop loop;
	uint32_t variables;
	bool condition; /* the argument behind the variables is one */
	bool result;    /* the last argument is what is made */
};

static const struct macro macros[] = {
	{"all", 2, LOOP_ALL, 1, true, false},
	{"all", 3, LOOP_ALL, 2, true, false},
	{"exists", 2, LOOP_EXISTS, 1, true, false},
	{"exists", 3, LOOP_EXISTS, 2, true, false},
	{"exists_one", 2, LOOP_ONE, 1, true, false},
	{"exists_one", 3, LOOP_ONE, 2, true, false},
	{"existsOne", 2, LOOP_ONE, 1, true, false},
	{"existsOne", 3, LOOP_ONE, 2, true, false},
	{"map", 2, LOOP_MAP, 1, false, true},
	{"map", 3, LOOP_MAP, 1, true, true},
	{"filter", 2, LOOP_FILTER, 1, true, false},
	{"transformList", 3, LOOP_TRANSFORM_LIST, 2, false, true},
	{"transformList", 4, LOOP_TRANSFORM_LIST, 2, true, true},
	{"transformMap", 3, LOOP_TRANSFORM_MAP, 2, false, true},
	{"transformMap", 4, LOOP_TRANSFORM_MAP, 2, true, true},
};

static struct node *as_loop(struct expr *s, struct node *call, const struct macro *m)
{
	struct node *n = node(s, NODE_LOOP, call->at);
	n->loop = m->loop;
	n->name = call->name;
	n->a = call->a;
	for (uint32_t i = 0; i < m->variables; i++) {
		const struct node *v = call->args[i];
		if (v->kind != NODE_NAME || v->rooted)
			return expr_fail(s, v->at, SLICE_FMT "(): argument %u is a name for its elements", SLICE_ARG(call->name), i + 1);
		if (i == 1 && slice_eq(v->name, n->text))
			return expr_fail(s, v->at, SLICE_FMT "(): two different names are needed", SLICE_ARG(call->name));
		*(i ? &n->second : &n->text) = v->name; /* `text`: the first variable */
	}
	if (m->condition)
		n->b = call->args[m->variables];
	if (m->result)
		n->c = call->args[call->arg_cnt - 1];
	return above(s, n);
}

static struct node *call(struct expr *s, struct node *target, struct slice name, const char *at)
{
	struct node *n = node(s, NODE_CALL, at);
	n->a = target;
	n->name = name;
	if (!arguments(s, n, ")", false, false))
		return NULL;
	for (size_t i = 0; target && i < sizeof macros / sizeof macros[0]; i++)
		if (n->arg_cnt == macros[i].args && slice_is(name, macros[i].name))
			return as_loop(s, n, &macros[i]);
	if (!target && slice_is(name, "has")) {
		struct node *field = n->arg_cnt == 1 ? n->args[0] : NULL;
		if (!field || field->kind != NODE_SELECT)
			return expr_fail(s, at, "has() needs one field, like has(call.answer_time)");
		field->kind = NODE_HAS;
		return field;
	}
	return n;
}

/* ---- primaries and members ---- */

/* Words that are no names. The first four are never; the others may be fields. */
static bool reserved(struct slice t, bool field)
{
	static const char *const words[] = {"true",     "false",   "null",      "in",       "as",  "break",  "const",
					    "continue", "else",    "for",       "function", "if",  "import", "let",
					    "loop",     "package", "namespace", "return",   "var", "void",   "while"};
	for (size_t i = 0; i < (field ? 4 : sizeof words / sizeof words[0]); i++)
		if (slice_is(t, words[i]))
			return true;
	return false;
}

static struct node *constant(struct expr *s, struct cel v, const char *at)
{
	struct node *n = node(s, NODE_VALUE, at);
	n->value = v;
	return n;
}

static struct node *name_or_call(struct expr *s, bool rooted)
{
	struct slice t = s->text;
	if (!rooted) {
		if (slice_is(t, "true") || slice_is(t, "false") || slice_is(t, "null")) {
			expr_next(s);
			return constant(s, t.p[0] == 'n' ? (struct cel){.type = CEL_NULL} : cel_bool(t.p[0] == 't'), t.p);
		}
	}
	if (s->token != T_NAME)
		return unexpected(s);
	if (reserved(t, false))
		return expr_fail(s, t.p, "'" SLICE_FMT "' is a reserved word", SLICE_ARG(t));
	expr_next(s);
	if (accept(s, "("))
		return call(s, NULL, t, t.p);
	struct node *n = node(s, NODE_NAME, t.p);
	n->name = t;
	n->rooted = rooted;
	return n;
}

static struct node *primary(struct expr *s)
{
	struct slice t = s->text;
	struct node *n;
	if (s->failed)
		return NULL;
	if (s->token == T_VALUE) {
		struct cel v = s->value;
		expr_next(s);
		if (v.type == CEL_INT && v.i == INT64_MIN)
			return expr_fail(s, t.p, "the number is too large");
		return constant(s, v, t.p);
	}
	if (s->token == T_NAME)
		return name_or_call(s, false);
	if (accept(s, "."))
		return name_or_call(s, true);
	if (accept(s, "(")) {
		n = expression(s);
		return n && expect(s, ")") ? n : NULL;
	}
	if (accept(s, "["))
		return arguments(s, node(s, NODE_LIST, t.p), "]", false, true);
	if (accept(s, "{"))
		return arguments(s, node(s, NODE_MAP, t.p), "}", true, true);
	return unexpected(s);
}

static struct node *select_or_call(struct expr *s, struct node *target)
{
	struct slice t = s->text;
	bool quoted = s->token == T_QUOTED;
	if (!quoted && (s->token != T_NAME || reserved(t, true)))
		return unexpected(s);
	expr_next(s);
	if (!quoted && accept(s, "("))
		return call(s, target, t, t.p);
	struct node *n = node(s, NODE_SELECT, t.p);
	n->a = target;
	n->name = quoted ? slice_make(t.p + 1, t.len - 2) : t;
	return above(s, n);
}

static struct node *member(struct expr *s)
{
	struct node *n = primary(s);
	while (n && !s->failed) {
		const char *at = s->text.p;
		if (accept(s, ".")) {
			n = select_or_call(s, n);
		} else if (accept(s, "[")) {
			struct node *index = node(s, NODE_INDEX, at);
			index->a = n;
			index->b = expression(s);
			index->text = slice_make(n->at, (size_t)(s->text.p + s->text.len - n->at)); /* up to the bracket */
			n = index->b && expect(s, "]") ? above(s, index) : NULL;
		} else if (is_op(s, "{") && (n->kind == NODE_NAME || n->kind == NODE_SELECT)) {
			return expr_fail(s, at, "messages are not part of this language; a map is {\"key\": value}");
		} else {
			break;
		}
	}
	return s->failed ? NULL : n;
}

/* ---- operators ---- */

/* A run of one sign. Two and more come down to two or one: what they say of the type stays. */
static struct node *unary(struct expr *s)
{
	const char *at = s->text.p;
	bool not = is_op(s, "!"), minus = is_op(s, "-");
	uint32_t signs = 0;
	if (!not &&!minus)
		return member(s);
	for (; accept(s, not ? "!" : "-"); signs++)
		;
	if (minus && s->token == T_VALUE && (s->value.type == CEL_INT || s->value.type == CEL_DOUBLE)) {
		if (s->value.type == CEL_INT && s->value.i != INT64_MIN)
			s->value.i = -s->value.i;
		else if (s->value.type == CEL_DOUBLE)
			s->value.d = -s->value.d;
		else
			signs |= UINT32_C(1) << 31; /* 2^63 fits with a minus alone */
		signs--;
	}
	bool least = signs >> 31;
	signs &= ~(UINT32_C(1) << 31);
	struct node *n;
	if (least) {
		n = constant(s, s->value, at);
		expr_next(s);
	} else {
		n = member(s);
	}
	for (signs = signs > 2 ? 2 - signs % 2 : signs; n && signs > 0; signs--) {
		struct node *sign = node(s, not ? NODE_NOT : NODE_NEGATE, at);
		sign->a = n;
		n = above(s, sign);
	}
	return n;
}

static const struct {
	const char *text;
	int binding;
	enum node_kind kind;
	enum op2 op;
} operators[] = {
	{"||", 1, NODE_OR, 0},          {"&&", 2, NODE_AND, 0},         {"==", 3, NODE_BINARY, OP2_EQ}, {"!=", 3, NODE_BINARY, OP2_NE},
	{"<", 3, NODE_BINARY, OP2_LT},  {"<=", 3, NODE_BINARY, OP2_LE}, {">", 3, NODE_BINARY, OP2_GT},  {">=", 3, NODE_BINARY, OP2_GE},
	{"in", 3, NODE_BINARY, OP2_IN}, {"+", 4, NODE_BINARY, OP2_ADD}, {"-", 4, NODE_BINARY, OP2_SUB}, {"*", 5, NODE_BINARY, OP2_MUL},
	{"/", 5, NODE_BINARY, OP2_DIV}, {"%", 5, NODE_BINARY, OP2_MOD},
};
#define OPERATORS (sizeof operators / sizeof operators[0])

/* The row of the token that comes; OPERATORS: it is none. */
static size_t operator(const struct expr *s)
{
	size_t i = 0;
	while (i < OPERATORS && !(slice_is(s->text, operators[i].text) && s->token == (operators[i].op == OP2_IN ? T_NAME : T_OP)))
		i++;
	return i;
}

static struct node *binary(struct expr *s, int least)
{
	struct node *left = unary(s);
	size_t o;
	while (left && !s->failed && (o = operator(s)) < OPERATORS && operators[o].binding >= least) {
		struct node *n = node(s, operators[o].kind, s->text.p);
		n->op = operators[o].op;
		n->name = s->text;
		expr_next(s);
		n->a = left;
		n->b = binary(s, operators[o].binding + 1);
		left = n->b ? above(s, n) : NULL;
	}
	return s->failed ? NULL : left;
}

static struct node *expression(struct expr *s)
{
	if (s->failed)
		return NULL;
	if (++s->depth > EXPR_DEPTH_MAX)
		return expr_fail(s, s->text.p, "nested more than %d deep", EXPR_DEPTH_MAX);
	struct node *c = binary(s, 1);
	if (c && is_op(s, "?")) {
		struct node *n = node(s, NODE_CHOICE, s->text.p);
		expr_next(s);
		n->a = c;
		n->b = binary(s, 1);
		n->c = n->b && expect(s, ":") ? expression(s) : NULL;
		c = n->c ? above(s, n) : NULL;
	}
	s->depth--;
	return s->failed ? NULL : c;
}

struct node *expr_parse(struct expr *s)
{
	expr_next(s);
	struct node *n = expression(s);
	if (n && s->token != T_END)
		return unexpected(s);
	return n;
}
