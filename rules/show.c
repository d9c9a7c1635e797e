/* SPDX-License-Identifier: Apache-2.0 */
/* Programs and values as people and events see them. */
#include "rules/cel_time.h"
#include "rules/program.h"

bool cel_to_value(struct cel v, struct arena *a, struct value *out)
{
	char text[CEL_TIME_TEXT_BYTES];
	switch (v.type) {
	case CEL_UINT:
		if (v.u > INT64_MAX)
			return false;
		*out = (struct value){.type = VALUE_INT, .i = v.i};
		return true;
	case CEL_INT:
		*out = (struct value){.type = VALUE_INT, .i = v.i};
		return true;
	case CEL_DOUBLE:
		*out = (struct value){.type = VALUE_DOUBLE, .d = v.d};
		return true;
	case CEL_BOOL:
		*out = (struct value){.type = VALUE_BOOL, .b = v.b};
		return true;
	case CEL_STRING:
		*out = (struct value){.type = VALUE_STRING, .s = cel_slice(v)};
		return true;
	case CEL_TIMESTAMP:
		*out = (struct value){.type = VALUE_STRING, .s = arena_copy(a, slice_make(text, cel_timestamp_format(v, text)))};
		return true;
	case CEL_DURATION:
		*out = (struct value){.type = VALUE_STRING, .s = arena_copy(a, slice_make(text, cel_duration_format(v, text)))};
		return true;
	default:
		return false;
	}
}

const char *op_name(enum op op)
{
	static const char *const names[] = {
#define X(n) [OP_##n] = #n,
		OPS(X)
#undef X
	};
	return names[op];
}

void program_print(const struct program *p, struct buf *out)
{
	for (uint32_t i = 0; i < p->cnt; i++) {
		const struct step *s = &p->steps[i];
		if (s->op >= OP_UNLESS_D_EQ)
			buf_printf(out, "%4u %-14s slot %u, %.17g, to %u\n", i, op_name(s->op), s->a, s->d, s->b);
		else if (s->op >= OP_UNLESS_I_EQ)
			buf_printf(out, "%4u %-14s slot %u, %lld, to %u\n", i, op_name(s->op), s->a, (long long)s->i, s->b);
		else
			buf_printf(out, "%4u %-14s %u %u\n", i, op_name(s->op), s->a, s->b);
	}
	for (uint32_t i = 0; i < p->handler_cnt; i++)
		buf_printf(out, "     errors in %u to %u go on at %u\n", p->handlers[i].from, p->handlers[i].to, p->handlers[i].target);
}
