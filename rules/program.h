/* SPDX-License-Identifier: Apache-2.0 */
/* The flat program: what compile.c writes and vm.c runs. */
#ifndef RINGFENCE_RULES_PROGRAM_H
#define RINGFENCE_RULES_PROGRAM_H

#include "rules/expr.h"

/* Steps on a stack of values. a, b, i, d: the step's own numbers. "-> x" pushes, "x ->" pops. Places on the stack are counted from its bottom. */
#define OPS(X)                                                                                                   \
	X(CONST)     /* -> constants[b] */                                                                       \
	X(FIGURE)    /* -> figure of slot b */                                                                   \
	X(SUBJECT)   /* -> subject field b */                                                                    \
	X(FIELD)     /* -> field b of the call */                                                                \
	X(HAS_FIELD) /* -> whether the call has field b */                                                       \
	X(LOCAL)     /* -> the value at place b */                                                               \
	X(NOT)       /* x -> !x */                                                                               \
	X(NEGATE)    /* x -> -x */                                                                               \
	X(ADD)       /* x y -> x + y, and so on; in the order of enum op2 */                                     \
	X(SUB)                                                                                                   \
	X(MUL)                                                                                                   \
	X(DIV)                                                                                                   \
	X(MOD)                                                                                                   \
	X(EQ)                                                                                                    \
	X(NE)                                                                                                    \
	X(LT)                                                                                                    \
	X(LE)                                                                                                    \
	X(GT)                                                                                                    \
	X(GE)                                                                                                    \
	X(IN)                                                                                                    \
	X(INDEX)      /* x y -> x[y] */                                                                          \
	X(SELECT)     /* x -> x.constants[b] */                                                                  \
	X(HAS)        /* x -> has(x.constants[b]) */                                                             \
	X(CALL)       /* a arguments -> function b of them */                                                    \
	X(MATCH)      /* x -> x matches patterns[b] */                                                           \
	X(IN_LIST)    /* x -> x is in list b */                                                                  \
	X(LIST)       /* b values -> list */                                                                     \
	X(MAP)        /* 2 b values -> map */                                                                    \
	X(FAIL)       /* the error constants[b] */                                                               \
	X(JUMP)       /* to b */                                                                                 \
	X(JUMP_FALSE) /* x -> ; to b if it is false. x is a bool, the checker knows */                           \
	X(JUMP_TRUE)  /* x -> ; to b if it is true */                                                            \
	X(TEST)       /* x -> ; to b if it is false; what is no bool is an error */                              \
	X(BOOL)       /* x -> x; what is no bool is an error */                                                  \
	X(AND_JUMP)   /* x -> x; to b if it is false. x may be an error or no bool */                            \
	X(OR_JUMP)    /* x -> x; to b if it is true */                                                           \
	X(AND)        /* x y -> both, errors absorbed */                                                         \
	X(OR)                                                                                                    \
	X(LOOP) /* range -> range, index, variables 0 and 1, sum; a: enum loop */                                \
	X(NEXT) /* the next element into the variables (i: two of them) of the loop at place a; no more: to b */ \
	X(ALL)  /* x -> ; takes it into the sum of the loop at place a; decided: to b */                         \
	X(EXISTS)                                                                                                \
	X(ONE)                                                                                                   \
	X(APPEND)   /* x -> ; to the list that is the sum of the loop at place a */                              \
	X(PUT)      /* x -> ; under variable 0 into the map that is the sum of the loop at place a */            \
	X(LOOP_END) /* range, index, variables, sum -> the value of the loop; a: enum loop */                    \
	X(RETURN)   /* x: the value of the program */                                                            \
	X(RETURN_TRUE)                                                                                           \
	X(RETURN_FALSE)                                                                                          \
	/* conditions over one figure, slot a, that cannot fail: to b unless it is ... i or d */                 \
	X(UNLESS_I_EQ)                                                                                           \
	X(UNLESS_I_NE)                                                                                           \
	X(UNLESS_I_LT)                                                                                           \
	X(UNLESS_I_LE)                                                                                           \
	X(UNLESS_I_GT)                                                                                           \
	X(UNLESS_I_GE)                                                                                           \
	X(UNLESS_D_EQ)                                                                                           \
	X(UNLESS_D_NE)                                                                                           \
	X(UNLESS_D_LT)                                                                                           \
	X(UNLESS_D_LE)                                                                                           \
	X(UNLESS_D_GT)                                                                                           \
	X(UNLESS_D_GE)                                                                                           \
	X(IF_D_EQ) /* to b if it is: for doubles "unless less" is not "if greater or equal" (NaN) */             \
	X(IF_D_NE)                                                                                               \
	X(IF_D_LT)                                                                                               \
	X(IF_D_LE)                                                                                               \
	X(IF_D_GT)                                                                                               \
	X(IF_D_GE)

enum op {
#define X(n) OP_##n,
	OPS(X)
#undef X
		OP_CNT
};

const char *op_name(enum op op);

struct step {
	uint16_t op; /* enum op */
	uint16_t a;
	uint32_t b;
	union {
		int64_t i;
		double d;
	};
};

/* An error in steps [from, to): the stack goes back to `depth`, the error is pushed, and it goes on at `target`. */
struct handler {
	uint32_t from, to, target, depth;
};

/* Places of a loop's values, from its range on. */
enum { LOOP_RANGE, LOOP_INDEX, LOOP_FIRST, LOOP_SECOND, LOOP_SUM, LOOP_PLACES };

/* builtins.c: a function of n arguments. False: m->error, or the steps are used up. */
struct call_of {
	struct machine *m;
	const struct cel *args;
	uint32_t n;
	struct cel out;
	const char *error;
};
bool builtin_call(struct call_of *c, uint32_t fn);

/* Memory of a value that is being made; paid for with steps. NULL: they are used up. */
void *machine_alloc(struct machine *m, size_t bytes);

#endif
