/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outbox.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

static struct outbox_entry *entry(const struct outbox *o, uint32_t i)
{
	return &o->ring[(o->first + i) & (o->cap - 1)];
}

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){.cap = 64};
	o->ring = mem_zalloc(o->cap * sizeof *o->ring);
}

void outbox_release(struct outbox *o)
{
	for (uint32_t i = 0; i < o->cnt; i++)
		free(entry(o, i)->bytes);
	free(o->ring);
	free(o->acked);
	*o = (struct outbox){0};
}

static void grow(struct outbox *o)
{
	struct outbox_entry *bigger = mem_zalloc(2 * (size_t)o->cap * sizeof *bigger);
	for (uint32_t i = 0; i < o->cnt; i++)
		bigger[i] = *entry(o, i);
	free(o->ring);
	o->ring = bigger;
	o->first = 0;
	o->cap *= 2;
}

void outbox_add(struct outbox *o, uint64_t number, struct slice bytes, enum outbox_state state)
{
	assert(o->cnt == 0 || entry(o, o->cnt - 1)->number < number);
	if (o->cnt == o->cap)
		grow(o);
	struct outbox_entry *e = entry(o, o->cnt++);
	*e = (struct outbox_entry){.number = number, .bytes = mem_alloc(bytes.len), .len = bytes.len, .state = (uint8_t)state};
	memcpy(e->bytes, bytes.p, bytes.len);
	o->bytes += bytes.len;
}

void outbox_stored(struct outbox *o)
{
	for (uint32_t i = o->cnt; i > 0 && entry(o, i - 1)->state == OUTBOX_FRESH; i--)
		entry(o, i - 1)->state = OUTBOX_READY;
}

struct outbox_entry *outbox_next_ready(struct outbox *o)
{
	if (o->unsent >= o->cnt)
		return NULL;
	struct outbox_entry *e = entry(o, o->unsent);
	return e->state == OUTBOX_READY ? e : NULL;
}

void outbox_sent(struct outbox *o, struct outbox_entry *e)
{
	assert(e == entry(o, o->unsent));
	e->state = OUTBOX_SENT;
	o->unsent++;
}

void outbox_unsend(struct outbox *o)
{
	assert(o->unsent > 0);
	entry(o, --o->unsent)->state = OUTBOX_READY;
}

static struct outbox_entry *find(const struct outbox *o, uint64_t number)
{
	uint32_t lo = 0, hi = o->cnt;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (entry(o, mid)->number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < o->cnt && entry(o, lo)->number == number ? entry(o, lo) : NULL;
}

static void drop_acked(struct outbox *o)
{
	while (o->cnt > 0 && entry(o, 0)->state == OUTBOX_ACKED) {
		o->first = (o->first + 1) & (o->cap - 1);
		o->cnt--;
		o->unsent--;
	}
}

void outbox_ack(struct outbox *o, uint64_t number)
{
	struct outbox_entry *e = find(o, number);
	if (!e || e->state != OUTBOX_SENT)
		return;
	e->state = OUTBOX_ACKED;
	o->bytes -= e->len;
	free(e->bytes);
	e->bytes = NULL;
	if (o->acked_cnt == o->acked_cap) {
		o->acked_cap = o->acked_cap ? 2 * o->acked_cap : 64;
		o->acked = mem_realloc(o->acked, o->acked_cap * sizeof *o->acked);
	}
	o->acked[o->acked_cnt++] = number;
	drop_acked(o);
}

struct outbox_entry *outbox_fresh(struct outbox *o, uint32_t *at)
{
	for (; *at < o->cnt; ++*at)
		if (entry(o, *at)->state == OUTBOX_FRESH)
			return entry(o, (*at)++);
	return NULL;
}
