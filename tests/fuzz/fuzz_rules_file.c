/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a rule file with a problem told, or are a rule set that can be looked at for warnings, explained and traced. Expressions and
 * templates are reached through the file; every step of its ladders gives a rule. Its conditions as one chain are true, and end in errors, where their
 * programs one by one are and do. */
#include "rules/explain.h"
#include "rules/lint.h"
#include "rules/ruleset.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void all_steps(struct rules *r)
{
	struct rules_choice choices[64];
	struct rules *all = NULL;
	struct err_text why;
	size_t n = 0;
	for (uint32_t l = 0; l < rules_ladder_cnt(r); l++) {
		struct rules_ladder ladder = rules_ladder(r, l);
		for (uint32_t step = 0; step < ladder.step_cnt && n < 64; step++)
			choices[n++] = (struct rules_choice){ladder.rule, l, step};
	}
	if (rules_choose(r, choices, n, &all, &why))
		abort();
	rules_free(all);
}

/* ---- the chain beside the programs ---- */

static void fill(struct figures *f, uint32_t slot)
{
	const uint64_t *seed = f->subject;
	uint64_t v = (*seed ^ slot) * 6364136223846793005u;
	struct value *to = &f->values[slot];
	*to = (struct value){.type = feature_info(f->keys[slot].feature)->type};
	if (to->type == VALUE_DOUBLE)
		to->d = (double)(v >> 40) / (double)(1u << (v & 31));
	else if (to->type == VALUE_INT)
		to->i = (int64_t)(v >> (v & 63));
	else if (to->type == VALUE_STRING)
		to->s = SLICE_LIT("rest");
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static void make_figures(struct figures *f, const struct slots *slots, const uint64_t *seed)
{
	*f = (struct figures){.keys = slots->keys, .n = slots->cnt, .fill = fill, .subject = seed};
	f->filled = calloc(slots->cnt / 64 + 1, sizeof *f->filled);
	f->values = calloc(slots->cnt + 1, sizeof *f->values);
}

static void compare(const struct rules *r, enum subject_kind kind, uint64_t seed)
{
	struct machine m;
	struct figures together, apart;
	uint64_t *errors = calloc(r->cnt, sizeof *errors), *holds = calloc(CHAIN_ROOM(r->cnt), sizeof *holds);
	struct expr_input in = {.figures = &together, .account = SLICE_LIT("acme"), .number = SLICE_LIT("+15551230000")};
	machine_init(&m, 100000);
	make_figures(&together, &r->slots[kind], &seed);
	make_figures(&apart, &r->slots[kind], &seed);
	(void)!chain_run(&r->chain[kind], &m, &in, errors, holds);
	in.figures = &apart;
	for (uint32_t i = 0; i < r->cnt; i++) {
		struct cel v = cel_bool(false);
		bool ok = r->rules[i].kind != kind || program_run(&r->rules[i].program, &m, &in, &v, NULL);
		if (errors[i] != !ok || (holds[i / 64] >> (i % 64) & 1) != (ok && v.b))
			abort();
	}
	if (memcmp(together.filled, apart.filled, (r->slots[kind].cnt / 64 + 1) * sizeof *apart.filled) != 0)
		abort();
	machine_release(&m);
	free(together.filled);
	free(together.values);
	free(apart.filled);
	free(apart.values);
	free(errors);
	free(holds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules *r = NULL;
	struct buf problems = {0};
	enum err e = rules_parse(slice_make(data, size), "f", &r, &problems);
	if (e ? problems.len == 0 || r : problems.len > 0 || !r)
		abort();
	if (!e) {
		all_steps(r);
		for (uint64_t i = 0; i < 4 * SUBJECT_KINDS; i++)
			if (rules_have(r, (enum subject_kind)(i % SUBJECT_KINDS)))
				compare(r, (enum subject_kind)(i % SUBJECT_KINDS), size * 31 + i);
		rules_lint(r, &problems);
		for (uint32_t i = 0; i < rules_cnt(r); i++) {
			rule_explain(r, i, &problems);
			trace_free(trace_new(r, i));
		}
	}
	rules_free(r);
	buf_release(&problems);
	return 0;
}
