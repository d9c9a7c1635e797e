/* SPDX-License-Identifier: Apache-2.0 */
/* The dispute steps of all numbers, or of one, as the store has them: for `disputes list` and `disputes ics`. */
#ifndef RINGFENCE_APP_DISPUTE_LIST_H
#define RINGFENCE_APP_DISPUTE_LIST_H

#include "app/peek.h"

#define STEPS_OPEN UINT32_C(0x0f) /* of states: planned, due, sent, follow_up_due */
#define STEPS_ANY UINT32_C(0x3f)

struct dispute_filter {
	const char *number;    /* NULL: all */
	uint32_t states;       /* bit i: enum step_state i */
	int64_t due_before_ms; /* TIME_NEVER: at any time; else what is over is left out */
};

struct listed_step {
	struct slice number;
	struct dispute_step step;
	const struct provider *provider; /* NULL: it is not in the table any more */
};

struct dispute_list {
	struct listed_step *steps; /* by due time, number, order of the providers */
	size_t cnt, cap;
	struct arena arena; /* holds its texts */
	uint64_t damaged;   /* records that could not be read: each is named on standard error */
};

/* False: the filter leaves it out. */
bool dispute_list_add(struct dispute_list *l, const struct dispute_filter *f, const struct providers *p, struct slice number,
		      const struct dispute_step *s);
void dispute_list_sort(struct dispute_list *l);
/* `l` is all zero. To be released in any case. */
enum err dispute_list_read(const struct peek *r, const struct dispute_filter *f, struct dispute_list *l, struct err_text *why) MUST_CHECK;
void dispute_list_release(struct dispute_list *l);

enum dispute_format { DISPUTES_TABLE, DISPUTES_JSON, DISPUTES_CSV };
void dispute_list_write(const struct dispute_list *l, enum dispute_format format, struct buf *out);
struct slice listed_target(const struct listed_step *s); /* the provider's name, else the step's id */

#endif
