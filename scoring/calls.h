/* SPDX-License-Identifier: Apache-2.0 */
/* What a subject remembers of its calls: the newest 128 exactly, older ones in pieces, distinct callees in a sliding sketch. */
#ifndef RINGFENCE_SCORING_CALLS_H
#define RINGFENCE_SCORING_CALLS_H

#include "base/buf.h"
#include "schemas/cdr.h"
#include "scoring/features.h"

#define CALLS_EXACT 128
#define PIECES_MAX 1024
#define SKETCH_REGISTERS 256
#define SKETCH_DEPTH 12 /* (time, rank) pairs kept a register: ranks fall as times grow */

enum call_flag { CALL_ANSWERED = 1 << 8 }; /* low 8 bits: enum disposition */

struct call {
	int64_t end_ms;
	uint64_t callee; /* hash; 0: none */
	uint32_t id_hash;
	uint32_t talk_ms;   /* saturating */
	uint32_t lasted_ms; /* end - start, saturating */
	uint32_t flags;
};

/* An aggregate of calls with first_ms <= end <= last_ms. */
struct piece {
	int64_t first_ms, last_ms;
	uint32_t calls, answered, short6;
	uint64_t talk_ms;
};

struct sketch_entry {
	int64_t ms; /* last time that a value of at least this rank was seen */
	uint8_t rank;
};

struct deep {                 /* only once 128 calls are exceeded */
	struct piece *pieces; /* oldest first */
	uint32_t piece_cnt, piece_cap, compact_at;
	uint64_t late_merged, coarsened;
	struct sketch_entry sketch[SKETCH_REGISTERS][SKETCH_DEPTH]; /* rank 0: unused; newest time first */
};

struct calls {
	uint16_t cnt, cap; /* of `call` */
	struct deep *deep;
	struct call *call; /* oldest first, by end, then arrival */
};

int64_t calls_bytes(const struct calls *h); /* memory held */
struct calls *calls_new(void);
void calls_free(struct calls *h);

/* Whether this call is among the newest 128 already. */
bool calls_has(const struct calls *h, int64_t end_ms, uint32_t id_hash);
/* Puts a call in its place in time; `clock_ms` is the subject's clock with this call. */
void calls_add(struct calls *h, const struct call *c, int64_t clock_ms);

/* All figures of one window (edge, as_of], cut at one edge. */
struct window {
	uint64_t calls, answered, short6, talk_ms, callees;
};
void calls_window(const struct calls *h, int64_t edge_ms, int64_t as_of_ms, struct window *out);

void calls_encode(const struct calls *h, int64_t clock_ms, struct buf *out);
/* NULL: not a valid section. */
struct calls *calls_decode(struct reader *r, int64_t clock_ms);

#endif
