/* SPDX-License-Identifier: Apache-2.0 */
/* Inside scoring: the parts of a subject in memory. */
#ifndef RINGFENCE_SCORING_SUBJECT_H
#define RINGFENCE_SCORING_SUBJECT_H

#include "scoring/calls.h"
#include "scoring/marks.h"
#include "scoring/received.h"
#include "scoring/scoring.h"

struct slab *table_slab(struct table *t);
void table_account(struct table *t, int64_t bytes); /* heap memory of a subject, beside the slab */

static inline bool subject_is_cohort(const struct subject *s)
{
	return s->kind != SUBJECT_NUMBER;
}

void subject_drop(struct slab *m, struct subject *s); /* all but the subject's own block */
void subject_drop_heap(struct subject *s);            /* what is not in the slab */
int64_t subject_heap_bytes(const struct subject *s);
int64_t subject_stored_bytes(const struct subject *s); /* roughly */
void subject_ahead(struct ahead *a, uint32_t stage);   /* from stage 1 on */
void subject_move_in(struct subject *s);               /* its struct was copied here: blocks get their new home */

/* As record_decode; blocks come from `m` (NULL: the heap), and with it the image of a record in blocks is kept. */
enum err record_decode_in(struct slab *m, struct slice bytes, struct subject *out, struct err_text *why) MUST_CHECK;

#endif
