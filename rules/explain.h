/* SPDX-License-Identifier: Apache-2.0 */
/* A rule for people: what it became, what it needs, and what each part of its condition was worth at one evaluation. For `rules explain`; nothing
 * here is on the path. */
#ifndef RINGFENCE_RULES_EXPLAIN_H
#define RINGFENCE_RULES_EXPLAIN_H

#include "rules/ruleset.h"

/* Its keys, figures and windows, cost and program, some lines. */
void rule_explain(const struct rules *r, uint32_t i, struct buf *out);

/* A trace asks the parts of a condition again, each as a program of its own, with what the rule itself has just read: one language, one machine, no
 * second evaluation to keep in step, and the path does not know. */
struct trace;
struct trace *trace_new(const struct rules *r, uint32_t rule); /* borrows */
void trace_free(struct trace *t);

enum trace_state { TRACE_INACTIVE, TRACE_PENDING, TRACE_FIRING };

struct trace_result {
	bool holds;
	bool gated;               /* the condition is true, and yet the rule is not: outside of its hours, or of one whom it spares */
	const char *error;        /* what CEL calls an error; NULL: none. Valid until the next run */
	enum trace_state state;   /* of the alert of this rule, behind this evaluation */
	int64_t since_ms, due_ms; /* of that: true since then; its next evaluation by timer. TIME_NONE: there is no alert */
};

/* After rules_on_call or rules_on_timer of a subject, whose section is `state` now. The lines, a part of the condition each, go into `out`. */
void trace_run(struct trace *t, const struct rules_scratch *s, const uint8_t *state, uint32_t len, struct buf *out,
	       struct trace_result *result);

#endif
