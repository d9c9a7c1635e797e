/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of a shard in memory: per subject its earliest due time, in order of (due, subject). The store keeps the same list; what changed
 * in a cycle goes into its commit. About 100 bytes a timer; a subject has one only while a rule is pending or firing or an episode runs. */
#ifndef RINGFENCE_APP_TIMERS_H
#define RINGFENCE_APP_TIMERS_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/slice.h"

struct timer {
	char *key; /* owned, not terminated */
	uint8_t key_len;
	bool changed;
	uint64_t hash;
	int64_t due_ms; /* TIME_NONE: removed, kept until the commit has said so */
	uint32_t place; /* in the heap */
};

struct timers {
	struct timer **heap; /* by (due, key); removed ones are not in it */
	uint32_t heap_cnt, heap_cap;
	struct timer **index; /* by hash, open addressing */
	uint32_t index_cnt, index_cap;
	struct timer **changed; /* in this cycle */
	uint32_t changed_cnt, changed_cap;
	uint32_t *open; /* of timers_until: kept, so that a cycle allocates nothing */
	uint32_t open_cap;
};

void timers_init(struct timers *t);
void timers_release(struct timers *t);

/* due_ms TIME_NONE removes. */
void timers_set(struct timers *t, struct slice key, uint64_t hash, int64_t due_ms);
/* Takes a timer out of memory and leaves it in the store: no change is marked. */
void timers_forget(struct timers *t, struct slice key, uint64_t hash);
const struct timer *timers_first(const struct timers *t); /* NULL: none */
int64_t timers_due(const struct timers *t, struct slice key, uint64_t hash);

/* Visits up to `max` timers due at or before `until_ms`, in order. Returns how many were visited. */
uint32_t timers_until(struct timers *t, int64_t until_ms, uint32_t max, void (*visit)(void *ctx, const struct timer *t), void *ctx);

/* The cycle's changes are committed: forgets the marks and the removed timers. */
void timers_clean(struct timers *t);

static inline struct slice timer_key(const struct timer *t)
{
	return slice_make(t->key, t->key_len);
}

#endif
