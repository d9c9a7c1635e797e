/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   A lexer and a precedence-climbing parser make a tree with columns; one walk over it checks types and emits steps. The grammar is CEL's, less what
 *   part of it is refused by name: lists, maps, members, calls and `in` are not evaluated yet. && and || are commutative and absorb errors, as in CEL:
 *   the right side runs unless the left decides alone, and an error loses against a deciding value. */
#include "rules/expr.h"

#include "base/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum token { T_END, T_INT, T_DOUBLE, T_STRING, T_NAME, T_OP };

enum node_kind { N_VALUE, N_FIGURE, N_UNARY, N_BINARY, N_TERNARY };

struct node {
	enum node_kind kind;
	const char *at;
	struct slice op;
	struct value value;
	struct figure_key figure;
	struct slice text; /* figure: as written */
	struct node *a, *b, *c;
};

struct parser {
	const char *from, *p, *end;
	enum token token;
	struct slice text; /* of the token */
	struct arena *arena;
	struct place place;
	struct buf *problems;
	int depth;
	bool failed;
};

static struct node *fail(struct parser *s, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static struct node *fail(struct parser *s, const char *at, const char *fmt, ...)
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

/* ---- tokens ---- */

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static void take(struct parser *s, enum token t, size_t n)
{
	s->token = t;
	s->text = slice_make(s->p, n);
	s->p += n;
}

static void next_number(struct parser *s)
{
	const char *q = s->p;
	bool real = false;
	while (q < s->end && digit(*q))
		q++;
	if (q + 1 < s->end && *q == '.' && digit(q[1])) {
		real = true;
		for (q++; q < s->end && digit(*q); q++)
			;
	}
	if (q < s->end && (*q | 32) == 'e') {
		const char *e = q + 1;
		e += e < s->end && (*e == '+' || *e == '-');
		real = real || (e < s->end && digit(*e));
		for (; e < s->end && digit(*e); q = ++e)
			;
	}
	take(s, real ? T_DOUBLE : T_INT, (size_t)(q - s->p));
	if (s->p < s->end && letter(*s->p))
		fail(s, s->p, "'%c' behind a number", *s->p);
}

static void next(struct parser *s)
{
	static const char *const two[] = {"&&", "||", "==", "!=", "<=", ">="};
	for (;;) {
		while (s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p)
			s->p++;
		if (s->end - s->p < 2 || s->p[0] != '/' || s->p[1] != '/')
			break;
		while (s->p < s->end && *s->p != '\n')
			s->p++;
	}
	if (s->p == s->end) {
		take(s, T_END, 0);
		return;
	}
	char c = *s->p;
	if (digit(c)) {
		next_number(s);
	} else if (letter(c)) {
		size_t n = 1;
		while (s->p + n < s->end && (letter(s->p[n]) || digit(s->p[n])))
			n++;
		take(s, T_NAME, n);
	} else if (c == '"' || c == '\'') {
		const char *q = memchr(s->p + 1, c, (size_t)(s->end - s->p - 1));
		if (!q || memchr(s->p, '\\', (size_t)(q - s->p)))
			fail(s, s->p, q ? "escapes in strings are not supported yet" : "the string does not end");
		take(s, T_STRING, q ? (size_t)(q + 1 - s->p) : (size_t)(s->end - s->p));
	} else {
		size_t n = 1;
		for (size_t i = 0; i < sizeof two / sizeof two[0]; i++)
			if (s->end - s->p >= 2 && memcmp(s->p, two[i], 2) == 0)
				n = 2;
		if (n == 1 && !strchr("!<>+-*/%()[]?:.,{}", c))
			fail(s, s->p, "unexpected character '%c'", c);
		take(s, T_OP, n);
	}
}

static bool is_op(const struct parser *s, const char *op)
{
	return s->token == T_OP && slice_is(s->text, op);
}

static bool accept(struct parser *s, const char *op)
{
	if (!is_op(s, op))
		return false;
	next(s);
	return true;
}

/* ---- tree ---- */

static struct node *expression(struct parser *s);

static struct node *node(struct parser *s, enum node_kind kind, const char *at)
{
	struct node *n = arena_zalloc(s->arena, sizeof *n);
	n->kind = kind;
	n->at = at;
	return n;
}

static struct node *unknown_feature(struct parser *s, struct slice name)
{
	const char *names[FEATURE_CNT];
	for (int i = 0; i < FEATURE_CNT; i++)
		names[i] = feature_info((enum feature)i)->name;
	const char *near = nearest_name(name, names, FEATURE_CNT);
	return fail(s, name.p, "'" SLICE_FMT "' is not a feature%s%s%s", SLICE_ARG(name), near ? "; did you mean '" : "", near ? near : "",
		    near ? "'?" : "");
}

/* calls["1h"] */
static struct node *figure(struct parser *s, struct slice name)
{
	enum feature f;
	struct node *n = node(s, N_FIGURE, name.p);
	if (!feature_find(name, &f))
		return unknown_feature(s, name);
	n->figure.feature = f;
	if (!feature_info(f)->windowed) {
		n->text = name;
		return n;
	}
	if (!accept(s, "["))
		return fail(s, name.p, "'" SLICE_FMT "' needs a window: " SLICE_FMT "[\"1h\"]", SLICE_ARG(name), SLICE_ARG(name));
	struct slice w = s->text;
	if (s->token != T_STRING)
		return fail(s, w.p, "a window is a text like \"1h\"");
	if (!duration_parse(slice_make(w.p + 1, w.len - 2), &n->figure.window_ms))
		return fail(s, w.p, SLICE_FMT " is not a duration: \"30s\", \"10m\", \"1h30m\", \"7d\"", SLICE_ARG(w));
	if (n->figure.window_ms < WINDOW_MIN_MS || n->figure.window_ms > WINDOW_MAX_MS)
		return fail(s, w.p, "the window " SLICE_FMT " is out of range: 1s to 31d", SLICE_ARG(w));
	next(s);
	n->text = slice_make(name.p, (size_t)(s->text.p + s->text.len - name.p));
	if (!accept(s, "]"))
		return fail(s, s->text.p, "']' expected");
	return n;
}

static struct node *literal(struct parser *s)
{
	char text[64];
	struct node *n = node(s, N_VALUE, s->text.p);
	snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(s->text));
	if (s->token == T_INT) {
		n->value.type = VALUE_INT;
		for (uint32_t i = 0; i < s->text.len; i++)
			if (__builtin_mul_overflow(n->value.i, 10, &n->value.i) ||
			    __builtin_add_overflow(n->value.i, s->text.p[i] - '0', &n->value.i))
				return fail(s, n->at, "the number is too large");
	} else if (s->token == T_DOUBLE) {
		n->value = (struct value){.type = VALUE_DOUBLE, .d = strtod(text, NULL)};
	} else {
		n->value = (struct value){.type = VALUE_STRING, .s = slice_make(s->text.p + 1, s->text.len - 2)};
	}
	next(s);
	return n;
}

static struct node *primary(struct parser *s)
{
	struct slice t = s->text;
	if (s->token == T_INT || s->token == T_DOUBLE || s->token == T_STRING)
		return literal(s);
	if (accept(s, "(")) {
		struct node *n = expression(s);
		if (n && !accept(s, ")"))
			return fail(s, s->text.p, "')' expected");
		return n;
	}
	if (s->token == T_NAME) {
		next(s);
		if (slice_is(t, "true") || slice_is(t, "false")) {
			struct node *n = node(s, N_VALUE, t.p);
			n->value = (struct value){.type = VALUE_BOOL, .b = t.len == 4};
			return n;
		}
		if (is_op(s, "(") || is_op(s, ".") || slice_is(t, "in"))
			return fail(s, t.p, "calls, members and 'in' are not supported yet");
		return figure(s, t);
	}
	if (is_op(s, "[") || is_op(s, "{"))
		return fail(s, t.p, "lists and maps are not supported yet");
	return fail(s, t.p, s->token == T_END ? "the expression ends too early" : "'" SLICE_FMT "' is not expected here", SLICE_ARG(t));
}

static struct node *unary(struct parser *s)
{
	struct slice op = s->text;
	if (!is_op(s, "!") && !is_op(s, "-"))
		return primary(s);
	if (++s->depth > EXPR_DEPTH_MAX)
		return fail(s, op.p, "nested more than %d deep", EXPR_DEPTH_MAX);
	next(s);
	struct node *n = node(s, N_UNARY, op.p);
	n->op = op;
	n->a = unary(s);
	s->depth--;
	return n->a ? n : NULL;
}

static int binding(const struct parser *s)
{
	static const char *const levels[] = {"|| ", "&& ", "== != < <= > >= ", "+ - ", "* / % "};
	if (s->token == T_NAME && slice_is(s->text, "in"))
		return 3;
	for (int i = 0; i < 5 && s->token == T_OP; i++)
		for (const char *p = levels[i]; *p; p = strchr(p, ' ') + 1)
			if (strncmp(p, s->text.p, s->text.len) == 0 && p[s->text.len] == ' ')
				return i + 1;
	return 0;
}

static struct node *binary(struct parser *s, int least)
{
	struct node *left = unary(s);
	int b;
	while (left && (b = binding(s)) >= least && b > 0) {
		struct node *n = node(s, N_BINARY, s->text.p);
		n->op = s->text;
		if (s->token == T_NAME)
			return fail(s, n->at, "'in' is not supported yet");
		next(s);
		n->a = left;
		n->b = binary(s, b + 1);
		left = n->b ? n : NULL;
	}
	return left;
}

static struct node *expression(struct parser *s)
{
	if (++s->depth > EXPR_DEPTH_MAX)
		return fail(s, s->text.p, "nested more than %d deep", EXPR_DEPTH_MAX);
	struct node *c = binary(s, 1);
	if (c && is_op(s, "?")) {
		struct node *n = node(s, N_TERNARY, s->text.p);
		next(s);
		n->a = c;
		n->b = expression(s);
		if (n->b && !accept(s, ":"))
			return fail(s, s->text.p, "':' expected");
		n->c = n->b ? expression(s) : NULL;
		c = n->c ? n : NULL;
	}
	s->depth--;
	return c;
}

/* ---- steps ---- */

struct emit {
	struct parser *parser;
	struct slots *slots;
	struct program *out;
	uint32_t step_cap, figure_cap, constant_cap;
	uint32_t stack;
};

static uint32_t emit(struct emit *e, enum op op, uint32_t arg)
{
	struct program *p = e->out;
	if (p->cnt == e->step_cap) {
		struct step *more = arena_alloc(e->parser->arena, (e->step_cap = e->step_cap ? 2 * e->step_cap : 32) * sizeof *more);
		if (p->cnt)
			memcpy(more, p->steps, p->cnt * sizeof *more);
		p->steps = more;
	}
	p->steps[p->cnt] = (struct step){op, arg};
	return p->cnt++;
}

static uint32_t slot_of(struct slots *s, struct figure_key k)
{
	for (uint32_t i = 0; i < s->cnt; i++)
		if (s->keys[i].feature == k.feature && s->keys[i].window_ms == k.window_ms && s->keys[i].base == k.base)
			return i;
	if (s->cnt == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->keys = mem_realloc(s->keys, s->cap * sizeof *s->keys);
	}
	s->keys[s->cnt] = k;
	return s->cnt++;
}

static void emit_constant(struct emit *e, struct value v)
{
	struct program *p = e->out;
	struct value *more = arena_alloc(e->parser->arena, (p->constant_cnt + 1) * sizeof *more);
	if (p->constant_cnt)
		memcpy(more, p->constants, p->constant_cnt * sizeof *more);
	p->constants = more;
	more[p->constant_cnt] = v;
	emit(e, OP_CONST, p->constant_cnt++);
}

static void emit_figure(struct emit *e, const struct node *n)
{
	struct program *p = e->out;
	uint32_t slot = slot_of(e->slots, n->figure), i = 0;
	emit(e, OP_FIGURE, slot);
	if (n->figure.window_ms > p->longest_ms)
		p->longest_ms = n->figure.window_ms;
	while (i < p->figure_cnt && p->figure_slots[i] != slot)
		i++;
	if (i < p->figure_cnt)
		return;
	struct event_figure *figures = arena_alloc(e->parser->arena, (p->figure_cnt + 1) * sizeof *figures);
	uint32_t *slots = arena_alloc(e->parser->arena, (p->figure_cnt + 1) * sizeof *slots);
	if (p->figure_cnt) {
		memcpy(figures, p->figures, p->figure_cnt * sizeof *figures);
		memcpy(slots, p->figure_slots, p->figure_cnt * sizeof *slots);
	}
	p->figures = figures;
	p->figure_slots = slots;
	figures[p->figure_cnt].text = n->text;
	slots[p->figure_cnt++] = slot;
}

static bool numeric(enum value_type t)
{
	return t == VALUE_INT || t == VALUE_DOUBLE;
}

static const char *type_name(enum value_type t)
{
	return t == VALUE_INT ? "int" : t == VALUE_DOUBLE ? "double" : t == VALUE_BOOL ? "bool" : "string";
}

static bool walk(struct emit *e, const struct node *n, enum value_type *type);

static bool walk_logic(struct emit *e, const struct node *n, enum value_type *type)
{
	bool and = n->op.p[0] == '&';
	enum value_type a, b;
	if (!walk(e, n->a, &a))
		return false;
	uint32_t jump = emit(e, and? OP_AND_JUMP : OP_OR_JUMP, 0);
	if (!walk(e, n->b, &b))
		return false;
	emit(e, and? OP_AND : OP_OR, 0);
	e->out->steps[jump].arg = e->out->cnt;
	*type = VALUE_BOOL;
	if (a != VALUE_BOOL || b != VALUE_BOOL)
		fail(e->parser, n->at, "'" SLICE_FMT "' joins conditions, not %s", SLICE_ARG(n->op), type_name(a != VALUE_BOOL ? a : b));
	return !e->parser->failed;
}

static bool walk_binary(struct emit *e, const struct node *n, enum value_type *type)
{
	static const struct {
		const char *text;
		enum op op;
	} ops[] = {{"+", OP_ADD}, {"-", OP_SUB}, {"*", OP_MUL}, {"/", OP_DIV}, {"%", OP_MOD}, {"==", OP_EQ},
		   {"!=", OP_NE}, {"<", OP_LT},  {"<=", OP_LE}, {">", OP_GT},  {">=", OP_GE}};
	enum value_type a, b;
	size_t i = 0;
	if (n->op.p[0] == '&' || n->op.p[0] == '|')
		return walk_logic(e, n, type);
	if (!walk(e, n->a, &a) || !walk(e, n->b, &b))
		return false;
	while (!slice_is(n->op, ops[i].text))
		i++;
	emit(e, ops[i].op, 0);
	*type = i < 5 ? a : VALUE_BOOL;
	if (i < 5 && numeric(a) && numeric(b) && a != b)
		fail(e->parser, n->at, "'" SLICE_FMT "' needs two ints or two doubles, not %s and %s: write 10.0 in place of 10",
		     SLICE_ARG(n->op), type_name(a), type_name(b));
	else if (i < 5 ? !numeric(a) || a != b || (i == 4 && a != VALUE_INT) : !(numeric(a) && numeric(b)) && a != b)
		fail(e->parser, n->at, "'" SLICE_FMT "' does not go with %s and %s", SLICE_ARG(n->op), type_name(a), type_name(b));
	else if (i > 6 && a == VALUE_BOOL)
		fail(e->parser, n->at, "conditions have no order");
	return !e->parser->failed;
}

static bool walk_ternary(struct emit *e, const struct node *n, enum value_type *type)
{
	enum value_type c, a, b;
	if (!walk(e, n->a, &c))
		return false;
	uint32_t choose = emit(e, OP_CHOOSE, 0);
	if (!walk(e, n->b, &a))
		return false;
	uint32_t jump = emit(e, OP_JUMP, 0);
	e->out->steps[choose].arg = e->out->cnt;
	if (!walk(e, n->c, &b))
		return false;
	e->out->steps[jump].arg = e->out->cnt;
	*type = a;
	if (c != VALUE_BOOL || a != b)
		fail(e->parser, n->at, "'? :' needs a condition and two values of one type, not %s, %s, %s", type_name(c), type_name(a),
		     type_name(b));
	return !e->parser->failed;
}

static bool walk(struct emit *e, const struct node *n, enum value_type *type)
{
	switch (n->kind) {
	case N_VALUE:
		emit_constant(e, n->value);
		*type = n->value.type;
		return true;
	case N_FIGURE:
		emit_figure(e, n);
		*type = feature_info(n->figure.feature)->type;
		return true;
	case N_UNARY:
		if (!walk(e, n->a, type))
			return false;
		emit(e, n->op.p[0] == '!' ? OP_NOT : OP_NEG, 0);
		if (n->op.p[0] == '!' ? *type != VALUE_BOOL : !numeric(*type))
			fail(e->parser, n->at, "'%c' does not go with %s", n->op.p[0], type_name(*type));
		return !e->parser->failed;
	case N_BINARY:
		return walk_binary(e, n, type);
	case N_TERNARY:
		return walk_ternary(e, n, type);
	}
	return false;
}

enum err expr_compile(struct slice text, struct place at, struct arena *a, struct slots *slots, struct program *out, struct buf *problems)
{
	text = arena_copy(a, text);
	struct parser s = {.from = text.p, .p = text.p, .end = text.p + text.len, .arena = a, .place = at, .problems = problems};
	struct emit e = {.parser = &s, .slots = slots, .out = out};
	*out = (struct program){0};
	if (text.len > EXPR_BYTES_MAX)
		fail(&s, text.p, "the expression is longer than %d bytes", EXPR_BYTES_MAX);
	next(&s);
	struct node *n = s.failed ? NULL : expression(&s);
	if (n && s.token != T_END)
		n = fail(&s, s.text.p, "'" SLICE_FMT "' is not expected here", SLICE_ARG(s.text));
	if (n && walk(&e, n, &out->type) && slots->cnt > FIGURES_MAX)
		fail(&s, n->at, "the rule set needs more than %d figures", FIGURES_MAX);
	return s.failed || !n ? ERR_CONFIG : ERR_OK;
}
