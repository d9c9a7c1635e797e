/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of one call: all that scoring needs of a CDR, computed once when it is applied, and what a copy for another subject carries.
 *
 * Plain values of fixed size, no pointers: a relay may send them as they are (facts_encode). */
#ifndef RINGFENCE_SCORING_FACTS_H
#define RINGFENCE_SCORING_FACTS_H

#include "base/buf.h"
#include "schemas/cdr.h"

/* What a call may count as: bit i of `counts`, counter i of a window. The order is part of the stored form: add at the end (at most 20). */
/* clang-format off */
#define COUNTERS(X) \
	X(ANSWERED) \
	X(SHORT6) \
	X(SHORT10) \
	X(LONG60) \
	X(LONG120) \
	X(CANCELLED) \
	X(BUSY) \
	X(NO_ANSWER) \
	X(REJECTED) \
	X(INVALID) \
	X(NETWORK) \
	X(NEIGHBOUR) \
	X(ZONED) \
	X(OFF_HOURS) \
	X(ATTESTED) \
	X(ATTEST_BC) \
	X(BLOCKED) \
	X(ABANDONED) \
	X(SHORT_RING) \
	X(RING_KNOWN)
/* clang-format on */

enum counter {
#define X(n) COUNT_##n,
	COUNTERS(X)
#undef X
		COUNTER_CNT
};
#define COUNTS_MASK ((UINT32_C(1) << COUNTER_CNT) - 1)

struct facts {
	int64_t start_ms, end_ms; /* end = the event time */
	uint64_t callee;          /* number_pack of the called number; 0: none */
	uint32_t id_hash;
	uint32_t talk_ms; /* of an answered call; saturating */
	uint32_t counts;  /* bits, enum counter */
	uint16_t region;  /* of the called number; 0: unknown */
};

void facts_of(const struct cdr *c, struct facts *out);
void facts_encode(const struct facts *f, struct buf *out); /* about 30 bytes */
bool facts_decode(struct reader *r, struct facts *out);

/* A number or other party as 56 bits, never 0 for a text that is not empty. Up to 15 digits with or without '+' are kept as they are, so that
 * neighbours in a sequence are seen; any other text becomes 55 bits of hash. */
uint64_t number_pack(struct slice s);
#define NUMBER_TEXT_BYTES 17
uint32_t number_unpack(uint64_t packed,
		       char out[NUMBER_TEXT_BYTES]); /* its text, terminated; returns its length, 0: only a hash was kept */
#define NUMBER_PACK_BITS 56
bool number_follows(uint64_t before, uint64_t after); /* same length, digits + 1 */

#endif
