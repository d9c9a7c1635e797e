/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: text to tree to a flat program. All names and types are checked here; evaluation cannot surprise. */
#ifndef RINGFENCE_RULES_EXPR_H
#define RINGFENCE_RULES_EXPR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "scoring/features.h"

#define EXPR_BYTES_MAX 8192
#define EXPR_DEPTH_MAX 64
#define EXPR_STACK 512 /* 64 levels of parentheses, at most 6 values waiting in each */

/* opcode: what it does to the stack */
#define OPS(X)                                                                                                  \
	X(CONST)  /* -> constant */                                                                             \
	X(FIGURE) /* -> slot */                                                                                 \
	X(NEG)    /* a -> -a */                                                                                 \
	X(NOT)    /* a -> !a */                                                                                 \
	X(ADD)    /* a b -> a + b; the same for all two-sided ones */                                           \
	X(SUB)                                                                                                  \
	X(MUL)                                                                                                  \
	X(DIV)                                                                                                  \
	X(MOD)                                                                                                  \
	X(EQ)                                                                                                   \
	X(NE)                                                                                                   \
	X(LT)                                                                                                   \
	X(LE)                                                                                                   \
	X(GT)                                                                                                   \
	X(GE)                                                                                                   \
	X(AND_JUMP) /* a -> a; false: jump behind the right side */                                             \
	X(OR_JUMP)  /* a -> a; true: jump */                                                                    \
	X(AND)      /* a b -> both, errors absorbed */                                                          \
	X(OR)                                                                                                   \
	X(CHOOSE) /* c -> ; false: jump to the other branch; error: stays, jump to the end is the compiler's */ \
	X(JUMP)

enum op {
#define X(n) OP_##n,
	OPS(X)
#undef X
};

struct step {
	uint32_t op;
	uint32_t arg; /* constant, slot, or jump target */
};

struct program {
	struct step *steps;
	uint32_t cnt;
	struct value *constants;
	uint32_t constant_cnt;
	enum value_type type;
	struct event_figure *figures; /* texts of the features that it names, in order; value unset */
	uint32_t *figure_slots;
	uint32_t figure_cnt;
	int64_t longest_ms; /* the longest window */
};

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

/* Compiles into `a`. Errors go into `problems` as "file:line:column: ...". */
enum err expr_compile(struct slice text, struct place at, struct arena *a, struct slots *slots, struct program *out,
		      struct buf *problems) MUST_CHECK;

/* False: what CEL calls an error; *why (may be NULL) is its text. */
bool program_run(const struct program *p, struct figures *f, struct value *out, const char **why);

#endif
