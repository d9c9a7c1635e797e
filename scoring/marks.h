/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a subject from outside: flags and complaints; of a cohort, which of its numbers were flagged. */
#ifndef RINGFENCE_SCORING_MARKS_H
#define RINGFENCE_SCORING_MARKS_H

#include "scoring/distinct.h"

#define FLAGS_MAX 128 /* the newest are kept: beyond, `flags` is a lower bound */

struct marks {
	int64_t base_ms;         /* of `flagged` */
	struct distinct flagged; /* numbers of a cohort that began to fire a rule or went into quarantine */
	uint16_t flag_cnt;
	int64_t flag_ms[FLAGS_MAX]; /* oldest first */
};

struct marks *marks_new(int64_t base_ms);
void marks_free(struct marks *m);
int64_t marks_bytes(const struct marks *m);
void marks_add_flag(struct marks *m, int64_t ms);
void marks_add_flagged(struct marks *m, uint64_t number, int64_t ms);
uint64_t marks_flags(const struct marks *m, int64_t edge_ms, int64_t as_of_ms);
uint64_t marks_flagged(const struct marks *m, int64_t edge_ms);

#endif
