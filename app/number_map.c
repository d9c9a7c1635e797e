/* SPDX-License-Identifier: Apache-2.0 */
#include "app/number_map.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

void number_map_release(struct number_map *m)
{
	free(m->keys);
	free(m->values);
	*m = (struct number_map){0};
}

/* Packed numbers of a block are neighbours: the product spreads them. */
static size_t slot_of(const struct number_map *m, uint64_t number)
{
	size_t i = (size_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (m->cap - 1);
	while (m->keys[i] && m->keys[i] != number)
		i = (i + 1) & (m->cap - 1);
	return i;
}

static void grow(struct number_map *m)
{
	struct number_map bigger = {.cap = m->cap ? 2 * m->cap : 1024, .cnt = m->cnt};
	bigger.keys = mem_zalloc(bigger.cap * sizeof *bigger.keys);
	bigger.values = mem_zalloc(bigger.cap * sizeof *bigger.values);
	for (size_t i = 0; i < m->cap; i++) {
		if (!m->keys[i])
			continue;
		size_t to = slot_of(&bigger, m->keys[i]);
		bigger.keys[to] = m->keys[i];
		bigger.values[to] = m->values[i];
	}
	number_map_release(m);
	*m = bigger;
}

uint32_t *number_map_find(const struct number_map *m, uint64_t number)
{
	if (m->cnt == 0)
		return NULL;
	size_t i = slot_of(m, number);
	return m->keys[i] ? &m->values[i] : NULL;
}

uint32_t *number_map_put(struct number_map *m, uint64_t number, bool *fresh)
{
	assert(number);
	if (4 * (m->cnt + 1) > 3 * m->cap)
		grow(m);
	size_t i = slot_of(m, number);
	*fresh = !m->keys[i];
	m->cnt += *fresh;
	m->keys[i] = number;
	return &m->values[i];
}

bool number_map_each(const struct number_map *m, size_t *at, uint64_t *number, uint32_t *value)
{
	for (; *at < m->cap; ++*at) {
		if (!m->keys[*at])
			continue;
		*number = m->keys[*at];
		*value = m->values[*at];
		++*at;
		return true;
	}
	return false;
}
