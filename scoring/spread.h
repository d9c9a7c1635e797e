/* SPDX-License-Identifier: Apache-2.0 */
/* Inside scoring: the counts of a call, one bit each, as bytes of 0 or 1, so that eight counters are added at once or all of them without a branch. */
#ifndef RINGFENCE_SCORING_SPREAD_H
#define RINGFENCE_SCORING_SPREAD_H

#include <stdint.h>

extern const uint64_t spread_byte[256]; /* bit i as bit 8 i */

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SPREAD_AT(i) ((i) ^ 7)
#else
#define SPREAD_AT(i) (i)
#endif

/* Adds to 24 counters. By registers: bytes written to be read again as a vector would wait for each other. */
static inline void spread_add(uint32_t *n, uint32_t flags)
{
	for (unsigned w = 0; w < 3; w++) {
		uint64_t word = spread_byte[flags >> 8 * w & 0xff];
		for (unsigned i = 0; i < 8; i++)
			n[8 * w + i] += (uint32_t)(word >> 8 * i & 1);
	}
}

#endif
