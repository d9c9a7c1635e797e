/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#define NOT_ASCII UINT64_C(0x8080808080808080)

size_t utf8_length(const uint8_t *p, size_t left)
{
	uint8_t c = p[0];
	if (c < 0x80)
		return 1;
	size_t n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
	if (n == 0 || n > left)
		return 0;
	uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_valid(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	for (size_t left = s.len, n; left > 0; p += n, left -= n) {
		if (left >= 8 && !(utf8_load8(p) & NOT_ASCII))
			n = 8;
		else
			n = utf8_length(p, left);
		if (n == 0)
			return false;
	}
	return true;
}
