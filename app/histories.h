/* SPDX-License-Identifier: Apache-2.0 */
/* What one cycle of a shard does to the histories of its numbers: pieces to append, as the rules stage said them, and histories that end with their
 * record. Written with the commit that holds the records. */
#ifndef RINGFENCE_APP_HISTORIES_H
#define RINGFENCE_APP_HISTORIES_H

#include "rules/rules.h"
#include "scoring/scoring.h"
#include "scoring/store.h"

struct shard;

struct histories {
	struct arena keys; /* of the cycle: a subject may be gone before the commit */
	struct buf bytes;
	struct store_append *appends; /* their bytes are placed when `bytes` grows no more */
	uint32_t cnt, cap;
	struct slice *gone;
	uint32_t gone_cnt, gone_cap;
};

void histories_init(struct histories *h);
void histories_release(struct histories *h);
void histories_reset(struct histories *h); /* the commit has them */

void histories_take(struct shard *s, const struct subject *sub, const struct rules_subject *rs);
/* Its record ends: so does its history, if it has one, with what this cycle appended. */
void histories_end(struct shard *s, const struct subject *sub);

uint32_t histories_puts(const struct histories *h, struct store_put *out); /* deletions: gone_cnt of them at most */
const struct store_append *histories_appends(struct histories *h, size_t *cnt);

#endif
