/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of one call: all that scoring needs of a CDR, computed once when it is applied, and what a copy for another subject carries.
 *
 * Plain values of fixed size, no pointers: a relay may send them as they are (facts_encode). */
#ifndef RINGFENCE_SCORING_FACTS_H
#define RINGFENCE_SCORING_FACTS_H

#include "base/buf.h"
#include "base/number.h"
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
	uint64_t talk_ms; /* of an answered call. Lifetimes count all of it; windows up to 32 bits of one call, which is 49.7 days */
	uint32_t counts;  /* bits, enum counter */
	uint16_t region;  /* of the called number; 0: unknown */
};

void facts_of(const struct cdr *c, struct facts *out);
void facts_encode(const struct facts *f, struct buf *out); /* about 30 bytes */
bool facts_decode(struct reader *r, struct facts *out);

#endif
