/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a subject received, more coarsely than those it made: the newest 64 exactly, older ones in pieces within 5 %. */
#ifndef RINGFENCE_SCORING_RECEIVED_H
#define RINGFENCE_SCORING_RECEIVED_H

#include "base/clock.h"
#include "scoring/distinct.h"
#include "scoring/pieces.h"
#include "scoring/slab.h"

#define RECEIVED_EXACT 64

struct received_call {
	uint64_t party; /* hash of the calling number; 0: withheld */
	uint32_t ms;    /* event time after the base */
	uint8_t page;
};

struct received_deep {
	struct pieces pieces; /* of calls alone */
	struct distinct parties;
	uint64_t late_merged;
};

struct received { /* a movable block of the slab */
	void *home;
	struct received_deep *deep; /* owned; once 64 are exceeded */
	int64_t base_ms;
	uint64_t total;    /* since the record began */
	int64_t newest_ms; /* largest event time; TIME_NONE before the first */
	uint16_t cnt, cap; /* of `call`, oldest first, by time, then arrival */
	struct received_call call[];
};

static inline size_t received_block_bytes(uint32_t cap)
{
	return sizeof(struct received) + cap * sizeof(struct received_call);
}

struct received *received_new(struct slab *m, void **home, uint32_t cap, int64_t base_ms);
void received_free(struct slab *m, struct received *r);
void received_release_deep(struct received *r);
struct received_deep *received_deep_new(void);
int64_t received_deep_bytes(const struct received *r);

/* `clock_ms`: the shard's clock, no earlier than the call; calls of more than RECEIVED_KEPT_MS before it are dropped. The block may move. */
#define RECEIVED_KEPT_MS (38 * DAY_MS)
void received_add(struct slab *m, struct received *r, int64_t event_ms, uint64_t party, int64_t clock_ms);

/* Calls in (edge_ms, as_of_ms] and the distinct parties that they came from. */
void received_window(const struct received *r, int64_t edge_ms, int64_t as_of_ms, uint64_t *calls, uint64_t *parties);

#endif
