/* SPDX-License-Identifier: Apache-2.0 */
/* Inside scoring: the items that a record is made of, each coded alone, in streams. A page of a record holds neighbouring items of one stream. */
#ifndef RINGFENCE_SCORING_ITEMS_H
#define RINGFENCE_SCORING_ITEMS_H

#include "base/buf.h"
#include "scoring/subject.h"

/* In the order in which a record holds them; the numbers are part of the stored form. */
enum stream {
	STREAM_CALLS,          /* pieces, oldest first, then the exact calls */
	STREAM_CALLEES,        /* recent values, oldest first */
	STREAM_CALLEES_SKETCH, /* one item a register */
	STREAM_CALLERS,
	STREAM_CALLERS_SKETCH,
	STREAM_REGIONS,
	STREAM_RECEIVED, /* as STREAM_CALLS */
	STREAM_PARTIES,
	STREAM_PARTIES_SKETCH,
	STREAM_FLAGS,
	STREAM_FLAGGED,
	STREAM_FLAGGED_SKETCH,
	STREAM_STATE,    /* the rules stage's bytes, STATE_ITEM_BYTES each */
	STREAM_ORDER,    /* of the exact calls by start, if it is not that by end: ORDER_ITEM_BYTES each */
	STREAM_CONTACTS, /* the ledger, as STREAM_CALLEES */
	STREAM_CNT
};

#define STATE_ITEM_BYTES 64
#define ORDER_ITEM_BYTES 16
#define TIME_SANE_MS (INT64_C(1) << 60) /* no stored time is farther from 1970 */
#define STATE_MAX 8192                  /* of the rules stage's bytes; ARCHITECTURE says 4 KiB */

/* A subject as streams. Borrows the subject, which must not change meanwhile. */
struct items {
	const struct subject *s;
	uint32_t cnt[STREAM_CNT];
	uint32_t made_pieces, received_pieces;
	uint16_t made[PIECES_MAX + 2], received[PIECES_MAX + 2]; /* places of pieces, oldest first */
};

void items_open(struct items *it, const struct subject *s);
/* Where the item's page is kept, or NULL: flags, state and order have none. */
uint8_t *items_page(const struct items *it, enum stream stream, uint32_t i);
/* Appends item i. `*ms` is the time that it is told from: 0 before the first item of a page. */
void items_put(const struct items *it, enum stream stream, uint32_t i, int64_t *ms, struct buf *out);
/* Appends all items of a stream, as one page: items_put() of each, faster. */
void items_put_all(const struct items *it, enum stream stream, struct buf *out);

/* A subject that is being read. The head comes first and says how many items of each stream there are. */
struct items_in {
	struct slab *slab;
	struct subject *s;
	uint32_t want[STREAM_CNT], have[STREAM_CNT];
	uint32_t made_pieces, received_pieces;
	uint32_t made_hand, received_hand; /* place of the merging hand + 1; 0: none */
	uint32_t exact;                    /* calls that the history keeps exactly */
	uint8_t order[CALLS_EXACT];
	bool ordered;
	bool no_ledger; /* a record from before there were ledgers, of a number that should have one */
	uint64_t next_done[2], prev_done[2], run_cut[2];
	uint64_t registers[4][SKETCH_REGISTERS / 64]; /* read already */
};

/* 2 with a ledger of contacts, else 1, which older programs read too. */
static inline uint8_t record_version(const struct subject *s)
{
	return s->history && s->history->deep && !s->history->has_callers ? 2 : 1;
}

void items_put_head(const struct items *it, struct buf *out);
/* Makes the parts of in->s. False: not a valid head; the parts made so far are the caller's to drop. */
bool items_get_head(struct items_in *in, struct reader *r);
bool items_get(struct items_in *in, enum stream stream, int64_t *ms, uint8_t page, struct reader *r);
/* After the last item: checks that all is there and makes what is not stored. */
bool items_finish(struct items_in *in);

#endif
