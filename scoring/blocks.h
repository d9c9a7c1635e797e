/* SPDX-License-Identifier: Apache-2.0 */
/* Inside scoring: a large record in blocks, so that a commit writes only those that changed. */
#ifndef RINGFENCE_SCORING_BLOCKS_H
#define RINGFENCE_SCORING_BLOCKS_H

#include "scoring/items.h"
#include "scoring/store.h"

#define BLOCKS_MAX 128 /* 64 KiB, the ceiling of a record */
#define BLOCK_BYTES STORE_BLOCK_BYTES
#define BLOCK_SUM_BYTES 4
#define BLOCK_PAYLOAD (BLOCK_BYTES - BLOCK_SUM_BYTES)

#define UNPAGED_MAX (STATE_MAX / STATE_ITEM_BYTES + CALLS_EXACT) /* items of flags, state and order: without a place for their page */

/* The stored form as it is in the store, and what lies where. */
struct image {
	uint8_t *bytes; /* owned */
	uint32_t blocks, cap;
	uint8_t order[BLOCKS_MAX]; /* pages in order of stream, then item */
	uint32_t pages;
	uint8_t stream[BLOCKS_MAX];
	uint16_t fill[BLOCKS_MAX]; /* bytes used; 0: a free block */
	uint64_t dirty[BLOCKS_MAX / 64];
	uint64_t calls;                  /* of the subject when it was last encoded */
	bool stored;                     /* the store has it */
	uint8_t unpaged[3][UNPAGED_MAX]; /* pages of flags, state, order */
	struct buf page;                 /* room to code one in */
};

void image_free(struct image *im);
int64_t image_bytes(const struct image *im);

/* Brings s->image up to date (made if there is none) and lists the blocks that changed. False: it does not fit 64 KiB. */
bool blocks_encode(struct subject *s, uint16_t *changed, uint16_t *changed_cnt);

bool blocks_check(struct slice bytes); /* every block's checksum */
bool blocks_decode(struct items_in *in, struct slice bytes, bool keep_image);

#endif
