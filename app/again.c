/* SPDX-License-Identifier: Apache-2.0 */
/* After a takeover the new owner says again, on the topic of numbers, what every number of the shard is that is not plainly active: an event of the owner
 * before may have come in last (DESIGN section 10).
 *
 * DESIGN. A number in a phase has a timer, so the timers that the shard was taken with name all of them. They are gone through in slices between batches, a
 * slice only while the outbox is mostly empty. Nothing is kept of how far it came: whoever takes the shard next begins anew anyway. What is said again
 * changes no record, carries the sequence of the number's last event, and is caused by the timer `takeover` at the epoch of the taking. */
#include "app/shard.h"

#include <stdlib.h>

#define SLICE_MAX 500

static int by_key(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

void again_begin(struct shard *s)
{
	struct again *a = &s->again;
	a->keys = mem_alloc((s->timers.heap_cnt + 1) * sizeof *a->keys);
	for (uint32_t i = 0; i < s->timers.heap_cnt; i++) {
		struct slice key = timer_key(s->timers.heap[i]);
		if (subject_kind_of(key) == SUBJECT_NUMBER)
			a->keys[a->cnt++] = arena_copy(&a->arena, key);
	}
	qsort(a->keys, a->cnt, sizeof *a->keys, by_key);
}

void again_release(struct again *a)
{
	free(a->keys);
	arena_release(&a->arena);
	*a = (struct again){0};
}

bool again_look(struct shard *s)
{
	struct again *a = &s->again;
	if (a->at == a->cnt && a->keys)
		again_release(a);
	if (a->at == a->cnt || 4 * s->outbox.cnt > s->pipe->settings->run.outbox_entries)
		return false;
	a->to = a->cnt - a->at < SLICE_MAX ? a->cnt : a->at + SLICE_MAX;
	return true;
}

static void say(struct shard *s, struct slice key)
{
	const struct subject *sub = table_find(s->table, key, key_hash(key));
	struct event e;
	struct message m;
	if (!sub || sub->state_len == 0)
		return;
	struct rules_subject rs = {.key = key, .kind = SUBJECT_NUMBER, .state = sub->state, .state_len = sub->state_len};
	figures_reset(s->figures, sub, s->meta.clock_ms > sub->clock_ms ? s->meta.clock_ms : sub->clock_ms);
	if (!rules_describe(s->scratch, s->rules, &rs, s->figures, &e))
		return;
	e.cause = (struct cause){.kind = CAUSE_TIMER, .timer = "takeover", .due_ms = (int64_t)s->meta.epoch};
	e.sequence = sub->sequence ? sub->sequence - 1 : 0;
	message_build(&e, s->pipe->settings->deployment, &s->arena, &m);
	buf_reset(&s->message);
	message_encode(&m, &s->message);
	outbox_add(&s->outbox, s->meta.outbox_next++, buf_slice(&s->message), OUTBOX_FRESH);
	s->changed = true;
}

void again_say(struct shard *s)
{
	struct again *a = &s->again;
	for (; a->at < a->to; a->at++)
		say(s, a->keys[a->at]);
}
