/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule set may say and hardly means: for `rules check`. */
#ifndef RINGFENCE_RULES_LINT_H
#define RINGFENCE_RULES_LINT_H

#include "rules/ruleset.h"

/* kind, its name in messages, what it means */
#define LINTS(X)                                                                                  \
	X(NO_SOURCE, "no-source", "a rule does not say where its threshold comes from")           \
	X(DUPLICATE, "duplicate", "two rules have the same condition")                            \
	X(NEVER_TRUE, "never-true", "a condition, or two together, can never be true")            \
	X(ALWAYS_TRUE, "always-true", "a condition, or the whole rule, is true whatever happens") \
	X(RATIO_ABOVE_ONE, "ratio-above-one", "a ratio is compared with more than 1")             \
	X(NO_SAMPLE, "no-sample", "a condition that silence makes true stands without a minimum sample beside it")

enum lint_kind {
#define X(n, name, text) LINT_##n,
	LINTS(X)
#undef X
		LINT_CNT
};

const char *lint_name(enum lint_kind k);
const char *lint_text(enum lint_kind k);

/* Findings go into `out`, one a line, rule by rule in the order of the set: "rules.yaml:12:11: warning: no-sample: Rule: ...". How many. */
uint32_t rules_lint(const struct rules *r, struct buf *out);

#endif
