/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are refused as a rule file with a problem told, or are a rule set that can be looked at for warnings, explained and traced. Expressions and
 * templates are reached through the file; every step of its ladders gives a rule. */
#include "rules/explain.h"
#include "rules/lint.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules *r = NULL;
	struct buf problems = {0};
	enum err e = rules_parse(slice_make(data, size), "f", &r, &problems);
	if (e ? problems.len == 0 || r : problems.len > 0 || !r)
		abort();
	if (!e) {
		all_steps(r);
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
