/* SPDX-License-Identifier: Apache-2.0 */
#include "app/calibrate_pending.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

void pendings_release(struct pendings *p)
{
	free(p->of);
	free(p->heap);
	*p = (struct pendings){0};
}

static void put(struct pendings *p, uint32_t at, uint32_t i)
{
	p->heap[at] = i;
	p->of[i].heap_at = at;
}

/* To where the heap is in order again. */
static void settle(struct pendings *p, uint32_t at)
{
	uint32_t i = p->heap[at];
	int64_t due_ms = p->of[i].due_ms;
	for (; at > 0 && p->of[p->heap[(at - 1) / 2]].due_ms > due_ms; at = (at - 1) / 2)
		put(p, at, p->heap[(at - 1) / 2]);
	for (uint32_t child; (child = 2 * at + 1) < p->cnt; at = child) {
		if (child + 1 < p->cnt && p->of[p->heap[child + 1]].due_ms < p->of[p->heap[child]].due_ms)
			child++;
		if (p->of[p->heap[child]].due_ms >= due_ms)
			break;
		put(p, at, p->heap[child]);
	}
	put(p, at, i);
}

uint32_t pendings_open(struct pendings *p, uint32_t trial, uint32_t suspect, uint32_t *head)
{
	uint32_t i = p->free - 1;
	if (!p->free) {
		if (p->used == p->cap) {
			p->cap = p->cap ? 2 * p->cap : 256;
			p->of = mem_realloc(p->of, p->cap * sizeof *p->of);
			p->heap = mem_realloc(p->heap, p->cap * sizeof *p->heap);
		}
		i = p->used++;
	} else {
		p->free = p->of[i].next;
	}
	p->of[i] = (struct pending){.due_ms = INT64_MAX, .trial = trial, .suspect = suspect, .next = *head};
	*head = i + 1;
	put(p, p->cnt++, i);
	return i;
}

void pendings_set_due(struct pendings *p, uint32_t i, int64_t due_ms)
{
	p->of[i].due_ms = due_ms;
	settle(p, p->of[i].heap_at);
}

void pendings_close(struct pendings *p, uint32_t i, uint32_t *head)
{
	uint32_t at = p->of[i].heap_at;
	while (*head != i + 1) {
		assert(*head);
		head = &p->of[*head - 1].next;
	}
	*head = p->of[i].next;
	p->of[i].next = p->free;
	p->free = i + 1;
	if (at == --p->cnt)
		return;
	put(p, at, p->heap[p->cnt]);
	settle(p, at);
}

uint32_t pendings_first(const struct pendings *p)
{
	return p->cnt ? p->heap[0] : UINT32_MAX;
}
