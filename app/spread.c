/* SPDX-License-Identifier: Apache-2.0 */
/* Classes: one a value below 128, then 64 to each doubling; a class stands for its middle. */
#include "app/spread.h"

#include "base/arena.h"

#include <stdlib.h>

#define EXACT 128
#define MOST (UINT64_C(1) << 40)

void spread_release(struct spread *s)
{
	free(s->n);
	*s = (struct spread){0};
}

static uint32_t class_of(uint64_t v)
{
	if (v < EXACT)
		return (uint32_t)v;
	uint32_t e = 63 - (uint32_t)__builtin_clzll(v);
	return EXACT + (e - 7) * 64 + (uint32_t)(v >> (e - 6)) - 64;
}

static uint64_t middle_of(uint32_t c)
{
	if (c < EXACT)
		return c;
	uint32_t shift = (c - EXACT) / 64 + 1;
	return ((uint64_t)(64 + (c - EXACT) % 64) << shift) + (UINT64_C(1) << shift) / 2;
}

void spread_add(struct spread *s, uint64_t value)
{
	uint32_t c = class_of(value < MOST ? value : MOST);
	if (c >= s->cap) {
		uint32_t cap = (c + 64) / 64 * 64;
		s->n = mem_realloc(s->n, cap * sizeof *s->n);
		for (; s->cap < cap; s->cap++)
			s->n[s->cap] = 0;
	}
	s->n[c]++;
	s->cnt++;
}

uint64_t spread_quantile(const struct spread *s, uint32_t permille)
{
	uint64_t want = (s->cnt * permille + 999) / 1000, sum = 0;
	for (uint32_t c = 0; c < s->cap; c++) {
		sum += s->n[c];
		if (sum && sum >= want)
			return middle_of(c);
	}
	return 0;
}
