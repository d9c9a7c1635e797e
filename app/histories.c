/* SPDX-License-Identifier: Apache-2.0 */
#include "app/histories.h"

#include "app/shard.h"

#include <stdlib.h>

#define KEYS_BYTES (16 << 10)

#define GROW(array, cap, need)                                                   \
	do {                                                                     \
		if ((cap) < (need)) {                                            \
			(cap) = (need) + (need) / 2;                             \
			(array) = mem_realloc((array), (cap) * sizeof *(array)); \
		}                                                                \
	} while (0)

void histories_init(struct histories *h)
{
	*h = (struct histories){0};
	arena_init(&h->keys, KEYS_BYTES);
}

void histories_release(struct histories *h)
{
	arena_release(&h->keys);
	buf_release(&h->bytes);
	free(h->appends);
	free(h->gone);
}

void histories_reset(struct histories *h)
{
	arena_reset(&h->keys);
	buf_reset(&h->bytes);
	h->cnt = h->gone_cnt = 0;
}

void histories_take(struct shard *s, const struct subject *sub, const struct rules_subject *rs)
{
	struct histories *h = &s->histories;
	if (rs->history_cnt == 0 || s->pipe->no_history)
		return;
	GROW(h->appends, h->cap, h->cnt + rs->history_cnt);
	struct slice key = arena_copy(&h->keys, subject_key(sub));
	for (uint32_t i = 0; i < rs->history_cnt; i++) {
		const struct history_write *w = &rs->history[i];
		buf_put(&h->bytes, rs->history_bytes + w->from, w->len);
		h->appends[h->cnt++] = (struct store_append){.at = {key, SPACE_HISTORY}, .offset = w->offset, .bytes = {NULL, w->len}};
	}
}

void histories_end(struct shard *s, const struct subject *sub)
{
	struct histories *h = &s->histories;
	struct slice key = subject_key(sub);
	struct rules_view v;
	const struct rules_subject rs = {
		.key = key, .kind = (enum subject_kind)sub->kind, .state = sub->state, .state_len = sub->state_len};
	if (sub->state_len == 0 || s->pipe->no_history || rules_view(s->scratch, s->rules, &rs, &v) != ERR_OK || !v.has_history)
		return;
	for (uint32_t i = 0; i < h->cnt; i++) /* it may have ended and begun again in one cycle: nothing of before may stay */
		if (slice_eq(h->appends[i].at.key, key))
			h->appends[i].at.key = SLICE_NONE;
	GROW(h->gone, h->gone_cap, h->gone_cnt + 1);
	h->gone[h->gone_cnt++] = arena_copy(&h->keys, key);
}

uint32_t histories_puts(const struct histories *h, struct store_put *out)
{
	for (uint32_t i = 0; i < h->gone_cnt; i++)
		out[i] = (struct store_put){.at = {h->gone[i], SPACE_HISTORY}};
	return h->gone_cnt;
}

const struct store_append *histories_appends(struct histories *h, size_t *cnt)
{
	const char *at = (const char *)h->bytes.data;
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->cnt; i++) {
		struct store_append a = h->appends[i];
		a.bytes.p = at;
		at += a.bytes.len;
		if (a.at.key.p)
			h->appends[n++] = a;
	}
	*cnt = n;
	return h->appends;
}
