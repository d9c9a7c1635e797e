/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the machine: vm.c (steps), vm_values.c (operators). */
#ifndef RINGFENCE_RULES_VM_H
#define RINGFENCE_RULES_VM_H

#include "rules/program.h"

struct run {
	const struct program *p;
	struct machine *m;
	const struct expr_input *in;
	struct cel *stack, *top; /* top: the next free place */
	const char *error;
};

#define likely(x) __builtin_expect(!!(x), 1)

#define NO_OVERLOAD "no such overload"

/* For the return of a step that fails. */
static inline bool run_fail(struct run *r, const char *text)
{
	r->error = text;
	return false;
}

static inline const struct value *figure(struct figures *f, uint32_t slot)
{
	if (!likely(f->filled[slot / 64] >> (slot % 64) & 1))
		f->fill(f, slot);
	return &f->values[slot];
}

/* ---- vm_values.c: what an operator makes of the values on top. False: r->error. ---- */

bool value_two(struct run *r, enum op op); /* x y -> x op y */
bool value_negate(struct run *r, struct cel *x);
bool value_entry(struct run *r, struct cel *x, struct cel key); /* x -> x.key */
bool value_has(struct run *r, struct cel *x, struct cel key);

/* ---- the quick steps ---- */

#define CONDITIONS(X) X(EQ, ==) X(NE, !=) X(LT, <) X(LE, <=) X(GT, >) X(GE, >=)

/* Comparisons of figures, and where they lead: no stack, no arena. `filled` and `values` stay where they are while figures are filled. */
#define FIGURE(slot) (likely(filled[(slot) / 64] >> ((slot) % 64) & 1) ? &values[slot] : figure(f, slot))
#define QUICK(name, op)                                             \
	case OP_UNLESS_I_##name:                                    \
		s = FIGURE(s->a)->i op s->i ? s + 1 : steps + s->b; \
		break;                                              \
	case OP_UNLESS_D_##name:                                    \
		s = FIGURE(s->a)->d op s->d ? s + 1 : steps + s->b; \
		break;                                              \
	case OP_IF_D_##name:                                        \
		s = FIGURE(s->a)->d op s->d ? steps + s->b : s + 1; \
		break;

#endif
