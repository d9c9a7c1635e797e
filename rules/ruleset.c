/* SPDX-License-Identifier: Apache-2.0 */
/* A rule set: one generation, immutable, shared by counting owners. */
#include "rules/expr.h"
#include "rules/rules.h"

#include <stdatomic.h>
#include <stdlib.h>

struct rules {
	_Atomic uint32_t owners;
	struct arena arena;
	struct slots slots;
	struct program *programs;
	uint32_t cnt;
};

enum err rules_expressions(const char *const *exprs, size_t n, struct rules **out, struct buf *problems)
{
	struct rules *r = mem_zalloc(sizeof *r);
	enum err e = ERR_OK;
	r->owners = 1;
	arena_init(&r->arena, 16 << 10);
	r->programs = arena_zalloc(&r->arena, (n + 1) * sizeof *r->programs);
	r->cnt = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		if (expr_compile(slice_of(exprs[i]), (struct place){"expression", 1, 1}, &r->arena, &r->slots, &r->programs[i], problems))
			e = ERR_CONFIG;
	if (e)
		rules_free(r);
	else
		*out = r;
	return e;
}

struct rules *rules_share(struct rules *r)
{
	atomic_fetch_add(&r->owners, 1);
	return r;
}

void rules_free(struct rules *r)
{
	if (!r || atomic_fetch_sub(&r->owners, 1) != 1)
		return;
	arena_release(&r->arena);
	free(r->slots.keys);
	free(r);
}

uint32_t rules_cnt(const struct rules *r)
{
	return r->cnt;
}

const struct figure_key *rules_figures(const struct rules *r, uint32_t *n)
{
	*n = r->slots.cnt;
	return r->slots.keys;
}

bool rules_value(const struct rules *r, uint32_t i, struct figures *f, const struct cdr *call, struct value *out, struct err_text *why)
{
	const char *text = NULL;
	(void)call; /* expressions over call.… come later */
	if (program_run(&r->programs[i], f, out, &text))
		return true;
	err_set(why, ERR_INPUT, "%s", text);
	return false;
}
