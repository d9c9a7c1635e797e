/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: a profile of CEL. Text to tree (lexer.c, parser.c), names and types (check.c), a flat program (compile.c), the machine (vm.c).
 *
 * Two uses of one language. A rule may name figures, its call, its subject, its parameters and labels; all names and types are checked when it is
 * loaded. `rules eval` and the tests bind any names to any values; types are then found out by running. */
#ifndef RINGFENCE_RULES_EXPR_H
#define RINGFENCE_RULES_EXPR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "rules/regex.h"
#include "rules/rules.h"
#include "rules/value.h"
#include "scoring/features.h"

#define EXPR_BYTES_MAX 8192       /* of a rule */
#define EXPR_BYTES_HARD_MAX 65536 /* of any */
#define EXPR_DEPTH_MAX 96         /* of parentheses, calls, literals, macros, conditions in conditions */
#define EXPR_CHAIN_MAX 512        /* a + b + c ..., a && b && c ..., in a row */
#define EXPR_STACK 1024           /* values waiting at once */
#define EXPR_STEPS_MAX 1000000    /* of one evaluation: turns of loops, bytes of text, elements looked at */

/* Slots of a rule set: the same feature and window is one slot. */
struct slots {
	struct figure_key *keys;
	uint32_t cnt, cap;
};

struct place {
	const char *file;
	int line, column;  /* of the first byte of the expression, or of the YAML scalar that holds it */
	struct slice yaml; /* the file from that scalar on; absent: the expression stands as it is */
};

/* Where byte `at` of an expression that begins at `from` stands in its file. */
void place_find(const struct place *p, const char *from, const char *at, int *line, int *column);

/* A parameter of a rule, a binding of `rules eval`. */
struct expr_name {
	struct slice name;
	struct cel value;
};

/* Named lists for in_list("name", value). */
struct expr_lists {
	void *ctx;
	bool (*find)(void *ctx, struct slice name, uint32_t *id);
	bool (*contains)(void *ctx, uint32_t id, struct slice value);
};

/* What an expression may name. All is borrowed; values and labels must live as long as the program. */
struct expr_names {
	struct slots
		*slots; /* a rule: figures go here, names and types are checked. NULL: bindings alone, types are found out by running */
	const struct expr_name *values;
	uint32_t value_cnt;
	const struct event_pair *labels;
	uint32_t label_cnt;
	const struct expr_lists *lists; /* may be NULL: there are none */
	uint8_t of;                     /* a rule: whose figures it reads, enum feature_of; 0: not checked */
	enum subject_kind kind;         /* a rule: whose names it may name */
};

/* What an expression reads when it runs. */
struct expr_input {
	struct figures *figures;
	const struct cdr *call; /* NULL: no call set this off, but a timer */
	struct slice number, account, trunk, country, region, block;
};

struct step;
struct node;
struct program_source;

struct program {
	struct step *steps;
	uint32_t cnt;
	struct cel *constants;
	uint32_t constant_cnt;
	struct handler *handlers; /* where errors are absorbed, inner ones first */
	uint32_t handler_cnt;
	const struct regex *const *patterns;
	const struct expr_lists *lists;
	enum cel_type type;           /* of its value; CEL_DYN: known when it runs */
	struct event_figure *figures; /* texts of the features that it names, in order; value unset */
	uint32_t *figure_slots;
	uint32_t figure_cnt;
	int64_t longest_ms; /* the longest window */
	bool places;        /* names country or region */
	const struct program_source *source;
};

/* What a program was made of, for lint and explain. Apart from it, so that what runs stays together. */
struct program_source {
	struct node *tree; /* checked */
	struct slice text; /* what its nodes point into */
	struct place place;
};

/* Compiles into `a`. Errors go into `problems` as "file:line:column: ...". */
enum err expr_compile(struct slice text, struct place at, struct arena *a, const struct expr_names *names, struct program *out,
		      struct buf *problems) MUST_CHECK;

/* What a program needs while it runs: memory for values, a limit. One per thread. */
struct machine {
	struct arena arena; /* values; valid until machine_reset */
	struct regex_scratch regex;
	int64_t steps_max; /* of one evaluation */
	int64_t steps;     /* left */
};

void machine_init(struct machine *m, int64_t steps_max); /* allocates nothing */
void machine_release(struct machine *m);
void machine_reset(struct machine *m); /* with the batch: values made before are no longer valid */

/* False: what CEL calls an error; *why (may be NULL) is its text, valid as long as the value would be. */
bool program_run(const struct program *p, struct machine *m, const struct expr_input *in, struct cel *out, const char **why);
/* The same from a step on, at which nothing is on the stack (chain.c: what stands before it is known). */
bool program_run_from(const struct program *p, uint32_t from, struct machine *m, const struct expr_input *in, struct cel *out,
		      const char **why);

/* The program as text, a line a step: for `rules explain`, tests, people. */
void program_print(const struct program *p, struct buf *out);

/* As an event or `features` shows it. False: that has no form for it (a list, a map, bytes, null, a type, a uint that is no int). Texts into `a`. */
bool cel_to_value(struct cel v, struct arena *a, struct value *out);

#endif
