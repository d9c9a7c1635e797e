/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the front end: tokens, the tree, what parser, checker and compiler share while one expression is compiled. */
#ifndef RINGFENCE_RULES_AST_H
#define RINGFENCE_RULES_AST_H

#include "rules/expr.h"

enum token { T_END, T_VALUE, T_NAME, T_QUOTED, T_OP };

enum op2 { OP2_ADD, OP2_SUB, OP2_MUL, OP2_DIV, OP2_MOD, OP2_EQ, OP2_NE, OP2_LT, OP2_LE, OP2_GT, OP2_GE, OP2_IN };
enum op2 op_mirrored(enum op2 comparison); /* a < b is b > a */
enum op2 op_opposite(enum op2 comparison); /* !(a < b) is a >= b */

/* The macros. Those of two variables: index and value of a list, key and value of a map. */
enum loop { LOOP_ALL, LOOP_EXISTS, LOOP_ONE, LOOP_MAP, LOOP_FILTER, LOOP_TRANSFORM_LIST, LOOP_TRANSFORM_MAP };

enum node_kind {
	NODE_VALUE,  /* value */
	NODE_NAME,   /* name */
	NODE_SELECT, /* a.name */
	NODE_HAS,    /* has(a.name) */
	NODE_INDEX,  /* a[b] */
	NODE_CALL,   /* name(args), a.name(args) */
	NODE_LIST,   /* args */
	NODE_MAP,    /* args: key, value, key, value */
	NODE_NOT,
	NODE_NEGATE,
	NODE_BINARY, /* a op2 b */
	NODE_AND,
	NODE_OR,
	NODE_CHOICE, /* a ? b : c */
	NODE_LOOP,   /* a.macro(name, second, b, c): b the condition or NULL, c what is made or NULL */
	/* made by the checker out of those */
	NODE_LOCAL,   /* a variable of a macro: slot = its loop's variable 0 or 1, a = the loop */
	NODE_FIGURE,  /* slot */
	NODE_SUBJECT, /* slot: enum subject_field */
	NODE_FIELD,   /* call.field: slot = its row */
	NODE_HAS_FIELD,
	NODE_IN_LIST, /* slot = id of the list, a = the value */
	NODE_FAIL,    /* text: an error whenever it runs */
};

/* A type as the checker knows it; only the kind is certain to be there. */
struct type {
	enum cel_type kind;
	const struct type *key, *of; /* map: of its keys; list, map: of its elements, its values. NULL: dyn */
};

struct node {
	enum node_kind kind;
	const char *at; /* where messages point */
	struct slice name, second;
	struct slice text; /* figure: as written */
	struct cel value;
	struct node *a, *b, *c;
	struct node **args;
	uint32_t arg_cnt;
	enum op2 op;
	enum loop loop;
	bool rooted; /* name with a leading dot */
	uint16_t height;
	/* by the checker */
	const struct type *type;
	bool fails; /* it may be an error when it runs */
	uint32_t slot;
	const char *error; /* NODE_FAIL */
	const struct regex *pattern;
	/* by the compiler: of a loop, where its variables stand */
	uint32_t base;
};

/* One expression on its way. */
struct expr {
	const char *from, *p, *end;
	enum token token;
	struct slice text; /* of the token */
	struct cel value;  /* of a T_VALUE */
	struct arena *arena;
	struct place place;
	struct buf *problems;
	int depth;
	bool failed;
	const struct expr_names *names;
	struct program *out;
};

/* Says what is wrong with the expression at `at`, once; returns NULL. */
void *expr_fail(struct expr *s, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);

void expr_next(struct expr *s);          /* lexer.c: the next token */
struct node *expr_parse(struct expr *s); /* parser.c: NULL after expr_fail */

/* check.c: resolves names, finds types, rewrites the tree. False after expr_fail. */
bool expr_check(struct expr *s, struct node *n);
const struct type *type_of(enum cel_type kind);
bool type_is_bool(const struct node *n);

/* ---- inside of the checker: check.c (types), check_names.c (what names stand for) ---- */

struct scope {
	const struct scope *up;
	struct node *loop;
	const struct type *types[2]; /* of its variables */
};

struct check {
	struct expr *s;
	bool strict; /* a rule: what is certain to go wrong is refused */
	const struct scope *scope;
};

/* What cannot work: refused in a rule, else an error when it runs. */
#define mismatch(c, n, ...) ((c)->strict ? (expr_fail((c)->s, (n)->at, __VA_ARGS__), false) : ((n)->fails = true))

bool check_node(struct check *c, struct node *n);
bool check_name(struct check *c, struct node *n);
bool check_select(struct check *c, struct node *n);
bool check_is_figure(struct check *c, const struct node *a); /* of a["1h"] */
bool check_figure(struct check *c, struct node *n);
bool check_baseline(struct check *c, struct node *n); /* baseline("calls", "1h") */
bool check_in_list(struct check *c, struct node *n);  /* in_list("allow", number) */
void check_failure(struct node *n, const char *text); /* n becomes an error whenever it runs */

void type_set(struct node *n, const struct type *type, bool fails);
const struct type *type_element(const struct type *t);
const struct type *type_map(struct check *c, const struct type *key, const struct type *of);
const struct type *type_of_value(struct check *c, struct cel v);
const char *type_name(enum cel_type kind);
bool type_is_dyn(const struct node *n);

/* compile.c */
bool expr_emit(struct expr *s, struct node *n);
/* A part of the tree of `whole` as a program of its own, in `a`. It names no variable of a loop around it. False: it is too large for that. */
bool expr_emit_part(const struct program *whole, struct node *part, struct arena *a, struct program *out);

/* ---- functions (builtins.c): one row an overload ---- */

/* An overload: the types of its arguments by letter (the receiver first), of its result. b i u d s y(bytes) l m t(timestamp) D(duration) T n, * any */
struct overload {
	const char *name;
	bool member; /* x.f(), else f(x) */
	const char *args;
	char result;
	bool fails; /* with these types it can still be an error */
	uint16_t fn;
};

extern const struct overload overloads[];
extern const uint32_t overload_cnt;
enum cel_type overload_type(char letter);

/* ---- the subject and the call (names.c) ---- */

enum subject_field {
	SUBJECT_FIELD_NUMBER,
	SUBJECT_FIELD_ACCOUNT,
	SUBJECT_FIELD_TRUNK,
	SUBJECT_FIELD_COUNTRY,
	SUBJECT_FIELD_REGION,
	SUBJECT_FIELD_BLOCK,
	SUBJECT_FIELD_CNT
};

const char *subject_field_name(enum subject_field f);
bool subject_field_known(enum subject_kind of, enum subject_field f);
struct cel subject_field_get(const struct expr_input *in, enum subject_field f);

struct call_field {
	const char *name;
	enum cel_type type;
};
extern const struct call_field call_fields[];
extern const uint32_t call_field_cnt;
/* False: this call does not have it. */
bool call_field_get(const struct cdr *c, uint32_t field, struct cel *out);

#endif
