/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused with a problem told, or is a program that ends within its steps. The first byte chooses: names of a rule, or bindings alone.
 * What the checker says of the type must be true of the value. */
#include "rules/expr.h"
#include "rules/tree.h"

#include <stdlib.h>

#define STEPS 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(struct figures *f, uint32_t slot)
{
	enum value_type t = feature_info(f->keys[slot].feature)->type;
	f->values[slot] = (struct value){.type = t};
	if (t == VALUE_DOUBLE)
		f->values[slot].d = 0.5 * slot;
	else if (t == VALUE_INT)
		f->values[slot].i = slot;
	else
		f->values[slot].s = SLICE_LIT("active");
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static bool list_find(void *ctx, struct slice name, uint32_t *id)
{
	(void)ctx;
	*id = 0;
	return slice_is(name, "l");
}

static bool list_contains(void *ctx, uint32_t id, struct slice value)
{
	(void)ctx;
	return id == 0 && value.len > 3;
}

/* A trace compiles the parts of the tree again: the whole as a part says the same. The tree can be printed. */
static void check_trace(const struct program *p, struct arena *a, struct machine *m, const struct expr_input *in, bool ok, struct cel v,
			const char *why)
{
	struct program again;
	struct buf first = {0}, second = {0};
	struct cel w;
	const char *why_again = NULL;
	buf_puts(&first, ok ? "" : why);
	if (ok)
		cel_print(v, &first);
	if (!expr_emit_part(p, p->source->tree, a, &again))
		abort();
	if (program_run(&again, m, in, &w, &why_again))
		cel_print(w, &second);
	else
		buf_puts(&second, why_again);
	if (!slice_eq(buf_slice(&first), buf_slice(&second)))
		abort();
	tree_print(p->source->tree, &second);
	tree_print_canonical(p->source->tree, &second);
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cel items[] = {{.type = CEL_INT, .i = 1}, {.type = CEL_STRING, .n = 1, .p = "a"}};
	static const struct expr_name values[] = {{{"x", 1}, {.type = CEL_LIST, .n = 2, .items = items}},
						  {{"m", 1}, {.type = CEL_MAP, .n = 1, .items = items}},
						  {{"i", 1}, {.type = CEL_INT, .i = INT64_MIN}},
						  {{"d", 1}, {.type = CEL_DOUBLE, .d = 1e300}},
						  {{"s", 1}, {.type = CEL_STRING, .n = 4, .p = "abab"}}};
	static const struct event_pair labels[] = {{{"team", 4}, {"x", 1}}};
	static const struct expr_lists lists = {NULL, list_find, list_contains};
	struct arena a;
	struct slots slots = {0};
	struct machine m;
	struct program p;
	struct buf problems = {0};
	struct cel v = {.type = CEL_ERROR};
	const char *why = NULL;
	if (size == 0)
		return 0;
	arena_init(&a, 64 << 10);
	machine_init(&m, STEPS);
	const struct expr_names names = {
		.slots = data[0] & 1 ? &slots : NULL, .values = values, .value_cnt = 5, .labels = labels, .label_cnt = 1, .lists = &lists};
	enum err e = expr_compile(slice_make(data + 1, size - 1), (struct place){.file = "f", .line = 1, .column = 1}, &a, &names, &p,
				  &problems);
	if (e ? problems.len == 0 : problems.len > 0)
		abort();
	if (!e) {
		uint64_t *filled = mem_zalloc((slots.cnt / 64 + 1) * sizeof *filled);
		struct value *figures = mem_zalloc((slots.cnt + 1) * sizeof *figures);
		struct figures f = {.keys = slots.keys, .n = slots.cnt, .filled = filled, .values = figures, .fill = fill};
		const struct cdr call = {.record_id = {"r", 1}, .disposition = DISPOSITION_BUSY};
		const struct expr_input in = {.figures = &f, .call = data[0] & 2 ? &call : NULL, .number = {"+1", 2}};
		bool ok = program_run(&p, &m, &in, &v, &why);
		if (!ok && !why)
			abort();
		if (ok && p.type != CEL_DYN && v.type != p.type)
			abort(); /* the checker was wrong */
		program_print(&p, &problems);
		check_trace(&p, &a, &m, &in, ok, v, why);
		free(filled);
		free(figures);
	}
	machine_release(&m);
	buf_release(&problems);
	free(slots.keys);
	arena_release(&a);
	return 0;
}
