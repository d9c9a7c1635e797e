/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of annotations: "{{ $figures "calls[\"1h\"]" }} calls in an hour". Checked and taken apart at load; filled in when an event is said. */
#ifndef RINGFENCE_RULES_TEMPLATE_H
#define RINGFENCE_RULES_TEMPLATE_H

#include "rules/ruleset.h"

#define TEMPLATE_BYTES_MAX 8192 /* of what comes out; cut behind a whole character and marked with an ellipsis */

enum part_kind { PART_TEXT, PART_NUMBER, PART_FIGURE };

struct template_part {
	enum part_kind kind;
	struct slice text; /* PART_TEXT */
	uint32_t figure;   /* PART_FIGURE: index in the figures of the rule's program */
};

struct template
{
	const struct template_part *parts;
	uint32_t part_cnt;
	uint32_t most_bytes; /* that can come out */
};

/* What is wrong with a template, and where. */
struct template_problem {
	const char *at;
	char text[256];
};

/* `text` is terminated and lives as long as the template, which is made in `a`. The rule is compiled, its labels and parameters are there. False: *problem. */
bool template_parse(struct slice text, const struct rule *r, struct arena *a, struct template *out, struct template_problem *problem);

/* `figures`: those of the rule's program, with their values. A text without anything to fill in is given back as it is. */
struct slice template_fill(const struct template *t, struct slice number, const struct event_figure *figures, struct arena *a);

#endif
