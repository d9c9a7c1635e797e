/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox of a shard in memory: events decided, not yet acknowledged by their topic. The store keeps the same entries.
 *
 *   FRESH ──commit confirmed──► READY ──handed to the topic──► SENT ──acknowledged──► out of the outbox with the next commit
 *
 * Its ceiling (entries, bytes) is the pipeline's: a shard at the ceiling takes no more input. */
#ifndef RINGFENCE_SINKS_OUTBOX_H
#define RINGFENCE_SINKS_OUTBOX_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum outbox_state { OUTBOX_FRESH, OUTBOX_READY, OUTBOX_SENT, OUTBOX_ACKED };

struct outbox_entry {
	uint64_t number;
	uint8_t *bytes; /* owned; message_encode()d */
	uint32_t len;
	uint8_t state;
};

struct outbox {
	struct outbox_entry *ring; /* ascending numbers */
	uint32_t first, cnt, cap;  /* cap is a power of two */
	uint32_t unsent;           /* entries from here on (counted from first) are not SENT yet */
	int64_t bytes;             /* held by entries */
	uint64_t *acked;           /* for the next commit */
	uint32_t acked_cnt, acked_cap;
};

void outbox_init(struct outbox *o);
void outbox_release(struct outbox *o);

/* Copies the bytes. `number` is larger than any before. */
void outbox_add(struct outbox *o, uint64_t number, struct slice bytes, enum outbox_state state);
void outbox_stored(struct outbox *o);                       /* FRESH becomes READY */
struct outbox_entry *outbox_next_ready(struct outbox *o);   /* the first one to be sent; NULL: none */
void outbox_sent(struct outbox *o, struct outbox_entry *e); /* the entry that outbox_next_ready gave */
void outbox_unsend(struct outbox *o);                       /* the one sent last was not taken: READY again */
void outbox_ack(struct outbox *o, uint64_t number);         /* unknown numbers are ignored */
/* Visits FRESH entries, for the commit. */
struct outbox_entry *outbox_fresh(struct outbox *o, uint32_t *at);

#endif
