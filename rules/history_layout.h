/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of a stored history, drawn in history.c, for the halves that write and read it. */
#ifndef RINGFENCE_RULES_HISTORY_LAYOUT_H
#define RINGFENCE_RULES_HISTORY_LAYOUT_H

#include "base/hash.h"
#include "rules/history.h"

#define HISTORY_VERSION 1
#define TABLE_BYTES (CASE_ROWS * CASE_ROW_BYTES)
#define DAY_ROW_BYTES 16
#define HEAD_BYTES (TABLE_BYTES + HISTORY_DAYS * DAY_ROW_BYTES)
#define SEGMENT_BYTES ((HISTORY_BYTES_MAX - HEAD_BYTES) / HISTORY_SEGMENTS)
#define SEGMENT_HEAD 9
#define ENTRY_BYTES_MAX 1000 /* kind to fields */
#define ENTRY_FRAME 6        /* length and check */
#define EPISODE_ROOM 1536    /* less than this left: an episode begins in a fresh segment */
#define FIGURE_TEXT_MAX 100
#define FIXED_BYTES 80 /* what the fields of a kind that are no texts and no lists take at most */

_Static_assert(HEAD_BYTES + HISTORY_SEGMENTS * SEGMENT_BYTES <= HISTORY_BYTES_MAX, "the ceiling");

/* Of an entry: the number of its segment is a part of it. */
static inline uint32_t check_of(const void *p, size_t len, uint32_t segment)
{
	return (uint32_t)hash64(p, len, segment);
}

static inline uint16_t day_check(const uint8_t *row)
{
	return (uint16_t)(hash64(row, DAY_ROW_BYTES - 2, 0) | 1); /* never 0: a row of zeros is none */
}

#endif
