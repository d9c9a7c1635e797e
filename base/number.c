/* SPDX-License-Identifier: Apache-2.0 */
/* Packed numbers: bits 0-49 digits, 50-53 their count, 54 a leading '+', 55 a hash in place of all that. */
#include "base/number.h"

#include "base/hash.h"

#define DIGITS_BITS 50
#define PLUS (UINT64_C(1) << 54)
#define HASHED (UINT64_C(1) << 55)

uint64_t number_pack(struct slice s)
{
	uint32_t i = s.len && s.p[0] == '+', n = s.len - i;
	uint64_t v = 0;
	if (s.len == 0)
		return 0;
	for (uint32_t k = i; k < s.len && n <= 15; k++) {
		unsigned digit = (unsigned)(s.p[k] - '0');
		if (digit > 9) {
			n = 16;
			break;
		}
		v = v * 10 + digit;
	}
	if (n == 0 || n > 15)
		return HASHED | (hash64(s.p, s.len, 0) & (HASHED - 1));
	return v | (uint64_t)n << DIGITS_BITS | (i ? PLUS : 0);
}

uint32_t number_unpack(uint64_t packed, char out[NUMBER_TEXT_BYTES])
{
	uint64_t v = packed & ((UINT64_C(1) << DIGITS_BITS) - 1);
	uint32_t digits = (uint32_t)(packed >> DIGITS_BITS) & 15, n = 0;
	out[0] = '\0';
	if (packed == 0 || (packed & HASHED))
		return 0;
	if (packed & PLUS)
		out[n++] = '+';
	for (uint32_t i = digits; i-- > 0; v /= 10)
		out[n + i] = (char)('0' + v % 10);
	out[n + digits] = '\0';
	return n + digits;
}

/* 999 + 1 has a digit more: it does not follow. */
bool number_follows(uint64_t before, uint64_t after)
{
	static const uint64_t tens[] = {
		1,         10,         100,         1000,         10000,         100000,         1000000,         10000000,
		100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000};
	if (!before || (before & HASHED) || after != before + 1)
		return false;
	return (after & ((UINT64_C(1) << DIGITS_BITS) - 1)) < tens[before >> DIGITS_BITS & 15];
}
