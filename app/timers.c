/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap by (due, key) and a hash index into it. Both hold pointers to timers that own their key. */
#include "app/timers.h"

#include <assert.h>
#include <stdlib.h>

void timers_init(struct timers *t)
{
	*t = (struct timers){0};
	t->index_cap = 64;
	t->index = mem_zalloc(t->index_cap * sizeof(struct timer *));
}

static void timer_free(struct timer *e)
{
	free(e->key);
	free(e);
}

void timers_release(struct timers *t)
{
	for (uint32_t i = 0; i < t->index_cap; i++)
		if (t->index[i])
			timer_free(t->index[i]);
	free(t->index);
	free(t->heap);
	free(t->changed);
	free(t->open);
	*t = (struct timers){0};
}

/* ---- heap ---- */

static bool before(const struct timer *a, const struct timer *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return slice_cmp(timer_key(a), timer_key(b)) < 0;
}

static void heap_put(struct timers *t, uint32_t i, struct timer *e)
{
	t->heap[i] = e;
	e->place = i;
}

static void heap_up(struct timers *t, uint32_t i, struct timer *e)
{
	for (; i > 0 && before(e, t->heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_put(t, i, t->heap[(i - 1) / 2]);
	heap_put(t, i, e);
}

static void heap_down(struct timers *t, uint32_t i, struct timer *e)
{
	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= t->heap_cnt)
			break;
		if (child + 1 < t->heap_cnt && before(t->heap[child + 1], t->heap[child]))
			child++;
		if (!before(t->heap[child], e))
			break;
		heap_put(t, i, t->heap[child]);
		i = child;
	}
	heap_put(t, i, e);
}

static void heap_remove(struct timers *t, uint32_t i)
{
	struct timer *last = t->heap[--t->heap_cnt];
	if (i == t->heap_cnt)
		return;
	if (i > 0 && before(last, t->heap[(i - 1) / 2]))
		heap_up(t, i, last);
	else
		heap_down(t, i, last);
}

static void heap_add(struct timers *t, struct timer *e)
{
	if (t->heap_cnt == t->heap_cap) {
		t->heap_cap = t->heap_cap ? 2 * t->heap_cap : 64;
		t->heap = mem_realloc(t->heap, t->heap_cap * sizeof *t->heap);
	}
	heap_up(t, t->heap_cnt++, e);
}

/* ---- index ---- */

static uint32_t index_slot(const struct timers *t, struct slice key, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (t->index_cap - 1);
	while (t->index[i] && !(t->index[i]->hash == hash && slice_eq(timer_key(t->index[i]), key)))
		i = (i + 1) & (t->index_cap - 1);
	return i;
}

static void index_grow(struct timers *t)
{
	struct timer **old = t->index;
	uint32_t cap = t->index_cap;
	t->index_cap = 2 * cap;
	t->index = mem_zalloc(t->index_cap * sizeof(struct timer *));
	for (uint32_t i = 0; i < cap; i++)
		if (old[i])
			t->index[index_slot(t, timer_key(old[i]), old[i]->hash)] = old[i];
	free(old);
}

/* Backward-shift deletion: no tombstones. */
static void index_remove(struct timers *t, uint32_t i)
{
	uint32_t mask = t->index_cap - 1, j = i;
	t->index_cnt--;
	for (;;) {
		t->index[i] = NULL;
		for (;;) {
			j = (j + 1) & mask;
			if (!t->index[j])
				return;
			uint32_t home = (uint32_t)t->index[j]->hash & mask;
			if (((j - home) & mask) >= ((j - i) & mask))
				break;
		}
		t->index[i] = t->index[j];
		i = j;
	}
}

static struct timer *index_add(struct timers *t, struct slice key, uint64_t hash)
{
	if (2 * (t->index_cnt + 1) > t->index_cap)
		index_grow(t);
	struct timer *e = mem_zalloc(sizeof *e);
	e->key = mem_alloc(key.len);
	memcpy(e->key, key.p, key.len);
	e->key_len = (uint8_t)key.len;
	e->hash = hash;
	e->due_ms = TIME_NONE;
	t->index[index_slot(t, key, hash)] = e;
	t->index_cnt++;
	return e;
}

/* ---- the interface ---- */

static void mark(struct timers *t, struct timer *e)
{
	if (e->changed)
		return;
	e->changed = true;
	if (t->changed_cnt == t->changed_cap) {
		t->changed_cap = t->changed_cap ? 2 * t->changed_cap : 64;
		t->changed = mem_realloc(t->changed, t->changed_cap * sizeof *t->changed);
	}
	t->changed[t->changed_cnt++] = e;
}

void timers_set(struct timers *t, struct slice key, uint64_t hash, int64_t due_ms)
{
	assert(key.len > 0 && key.len <= UINT8_MAX);
	struct timer *e = t->index[index_slot(t, key, hash)];
	if (!e) {
		if (due_ms == TIME_NONE)
			return;
		e = index_add(t, key, hash);
	}
	if (e->due_ms == due_ms)
		return;
	if (e->due_ms != TIME_NONE)
		heap_remove(t, e->place);
	e->due_ms = due_ms;
	if (due_ms != TIME_NONE)
		heap_add(t, e);
	mark(t, e);
}

void timers_forget(struct timers *t, struct slice key, uint64_t hash)
{
	uint32_t i = index_slot(t, key, hash);
	struct timer *e = t->index[i];
	if (!e || e->due_ms == TIME_NONE)
		return;
	heap_remove(t, e->place);
	if (e->changed) { /* timers_clean() looks at it: it ends there */
		e->due_ms = TIME_NONE;
		return;
	}
	index_remove(t, i);
	timer_free(e);
}

const struct timer *timers_first(const struct timers *t)
{
	return t->heap_cnt ? t->heap[0] : NULL;
}

int64_t timers_due(const struct timers *t, struct slice key, uint64_t hash)
{
	const struct timer *e = t->index[index_slot(t, key, hash)];
	return e ? e->due_ms : TIME_NONE;
}

/* The top of the heap in order: the next is always among the children of what was visited. The candidates are searched linearly; there are
 * few unless very many timers are due at once, and then `max` bounds them. */
uint32_t timers_until(struct timers *t, int64_t until_ms, uint32_t max, void (*visit)(void *ctx, const struct timer *t), void *ctx)
{
	uint32_t n = 0, open_cnt = 0;
	if (t->heap_cnt == 0 || t->heap[0]->due_ms > until_ms || max == 0)
		return 0;
	if (!t->open)
		t->open = mem_alloc((t->open_cap = 64) * sizeof *t->open);
	uint32_t *open = t->open;
	open[open_cnt++] = 0;
	while (open_cnt > 0 && n < max) {
		uint32_t best = 0;
		for (uint32_t i = 1; i < open_cnt; i++)
			if (before(t->heap[open[i]], t->heap[open[best]]))
				best = i;
		uint32_t place = open[best];
		open[best] = open[--open_cnt];
		visit(ctx, t->heap[place]);
		n++;
		for (uint32_t child = 2 * place + 1; child <= 2 * place + 2 && child < t->heap_cnt; child++) {
			if (t->heap[child]->due_ms > until_ms)
				continue;
			if (open_cnt == t->open_cap) {
				t->open_cap *= 2;
				open = t->open = mem_realloc(open, t->open_cap * sizeof *open);
			}
			open[open_cnt++] = child;
		}
	}
	return n;
}

void timers_clean(struct timers *t)
{
	for (uint32_t i = 0; i < t->changed_cnt; i++) {
		struct timer *e = t->changed[i];
		e->changed = false;
		if (e->due_ms == TIME_NONE) {
			index_remove(t, index_slot(t, timer_key(e), e->hash));
			timer_free(e);
		}
	}
	t->changed_cnt = 0;
}
