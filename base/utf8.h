/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: nothing overlong, no surrogates, nothing above U+10FFFF. */
#ifndef RINGFENCE_BASE_UTF8_H
#define RINGFENCE_BASE_UTF8_H

#include "base/slice.h"

/* Bytes of the sequence at p (1 to 4), 0 if there is no well-formed one in `left` bytes. left > 0. */
size_t utf8_length(const uint8_t *p, size_t left);
/* True if all of `s` is UTF-8. Eight bytes a step while they are ASCII. */
bool utf8_valid(struct slice s);

/* Eight bytes at p; the first one is the lowest. */
static inline uint64_t utf8_load8(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

#endif
