/* SPDX-License-Identifier: Apache-2.0 */
/* The subjects of a shard: an open-addressing index of (hash, pointer) with linear probing. The index is searched without touching a subject that
 * has another hash. Eviction is CLOCK over the index: a subject found since the hand last passed is spared once. */
#include "base/pool.h"
#include "scoring/subject.h"

#include <assert.h>
#include <stdlib.h>

struct cell {
	uint64_t hash;
	struct subject *subject; /* NULL: free */
};

struct table {
	struct cell *cells;
	uint64_t cap, cnt, hand;
	int64_t ceiling_bytes, bytes;
	struct subject **dirty;
	uint32_t dirty_cnt, dirty_cap, dirty_at;
	int64_t dirty_bytes;
	struct slab *slab;
};

struct table *table_new(int64_t ceiling_bytes)
{
	struct table *t = mem_zalloc(sizeof *t);
	t->ceiling_bytes = ceiling_bytes;
	t->cap = 1024;
	t->cells = huge_zalloc(t->cap * sizeof *t->cells);
	t->slab = slab_new();
	return t;
}

struct slab *table_slab(struct table *t)
{
	return t->slab;
}

/* Subject and key are one block. */
static size_t block_bytes(uint32_t key_len)
{
	return sizeof(struct subject) + key_len;
}

void table_clear(struct table *t)
{
	for (uint64_t i = 0; i < t->cap; i++)
		if (t->cells[i].subject)
			subject_drop_heap(t->cells[i].subject);
	memset(t->cells, 0, t->cap * sizeof *t->cells);
	slab_clear(t->slab);
	t->cnt = 0;
	t->bytes = 0;
	t->dirty_cnt = t->dirty_at = 0;
	t->dirty_bytes = 0;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	table_clear(t);
	free(t->cells);
	free(t->dirty);
	slab_free(t->slab);
	free(t);
}

static struct cell *cell_of(const struct table *t, struct slice key, uint64_t hash)
{
	uint64_t i = hash & (t->cap - 1);
	for (;; i = (i + 1) & (t->cap - 1)) {
		struct cell *c = &t->cells[i];
		if (!c->subject || (c->hash == hash && slice_eq(subject_key(c->subject), key)))
			return c;
	}
}

struct subject *table_find(struct table *t, struct slice key, uint64_t hash)
{
	struct subject *s = cell_of(t, key, hash)->subject;
	if (s)
		s->recent = true;
	return s;
}

void table_prefetch(const struct table *t, uint64_t hash)
{
	__builtin_prefetch(&t->cells[hash & (t->cap - 1)]);
}

/* The subject of a hash if it stands in its first places: a guess that costs nothing. */
static const struct subject *likely(const struct table *t, uint64_t hash)
{
	for (uint64_t k = 0; k < 4; k++) {
		const struct cell *c = &t->cells[(hash + k) & (t->cap - 1)];
		if (!c->subject || c->hash == hash)
			return c->subject;
	}
	return NULL;
}

void table_ahead(const struct table *t, struct ahead *a, uint32_t stage)
{
	if (stage == 0)
		table_prefetch(t, a->key_hash);
	if (stage == 1)
		a->subject = likely(t, a->key_hash);
	if (a->subject)
		subject_ahead(a, stage);
}

static void grow(struct table *t)
{
	struct cell *old = t->cells;
	uint64_t cap = t->cap;
	t->cap *= 2;
	t->hand = 0;
	t->cells = huge_zalloc(t->cap * sizeof *t->cells);
	for (uint64_t i = 0; i < cap; i++)
		if (old[i].subject)
			*cell_of(t, subject_key(old[i].subject), old[i].hash) = old[i];
	free(old);
}

static struct subject *add(struct table *t, struct slice key, uint64_t hash)
{
	assert(key.len > 0 && key.len <= SUBJECT_KEY_MAX);
	if (3 * (t->cnt + 1) > 2 * t->cap)
		grow(t);
	struct cell *c = cell_of(t, key, hash);
	assert(!c->subject);
	struct subject *s = slab_take_fixed(t->slab, block_bytes(key.len));
	*s = (struct subject){.clock_ms = TIME_NONE, .first_seen_ms = TIME_NONE, .since_ms = TIME_NONE, .first_day = -1};
	s->key = (char *)(s + 1);
	memcpy(s->key, key.p, key.len);
	s->key_len = (uint8_t)key.len;
	s->key_hash = hash;
	s->kind = (uint8_t)subject_kind_of(key);
	s->recent = true;
	*c = (struct cell){hash, s};
	t->cnt++;
	return s;
}

struct subject *table_add(struct table *t, struct slice key, uint64_t hash, int64_t since_ms, int32_t first_day)
{
	struct subject *s = add(t, key, hash);
	s->since_ms = since_ms;
	s->first_day = first_day;
	return s;
}

enum err table_load(struct table *t, struct slice key, uint64_t hash, struct slice record, struct subject **out, struct err_text *why)
{
	struct subject fresh;
	enum err e = record_decode_in(t->slab, record, &fresh, why);
	if (e)
		return e;
	struct subject *s = add(t, key, hash);
	fresh.key = s->key;
	fresh.key_len = s->key_len;
	fresh.key_hash = hash;
	fresh.kind = s->kind;
	fresh.recent = true;
	*s = fresh;
	subject_move_in(s);
	t->bytes += subject_heap_bytes(s);
	*out = s;
	return ERR_OK;
}

void table_account(struct table *t, int64_t bytes)
{
	t->bytes += bytes;
}

void table_mark(struct table *t, struct subject *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	if (t->dirty_cnt == t->dirty_cap) {
		t->dirty_cap = t->dirty_cap ? 2 * t->dirty_cap : 1024;
		t->dirty = mem_realloc(t->dirty, t->dirty_cap * sizeof *t->dirty);
	}
	t->dirty[t->dirty_cnt++] = s;
	t->dirty_bytes += subject_stored_bytes(s);
}

void table_set_state(struct table *t, struct subject *s, const uint8_t *bytes, uint32_t len)
{
	if (len != s->state_len) {
		if (s->state)
			slab_give_fixed(t->slab, s->state, s->state_len);
		s->state = len ? slab_take_fixed(t->slab, len) : NULL;
		s->state_len = len;
	}
	if (len)
		memcpy(s->state, bytes, len);
	table_mark(t, s);
}

#define DIRTY_AHEAD 4 /* subjects: about the time that memory takes */

/* A cycle changes more than the cache of a core holds: what is coded next is asked of memory. */
static void ask_ahead(const struct table *t)
{
	const uint32_t at = t->dirty_at;
	if (at + 2 * DIRTY_AHEAD < t->dirty_cnt) {
		const struct subject *s = t->dirty[at + 2 * DIRTY_AHEAD];
		__builtin_prefetch(s);
		__builtin_prefetch((const char *)s + 64);
		__builtin_prefetch((const char *)s + 128);
	}
	if (at + DIRTY_AHEAD < t->dirty_cnt) {
		const struct subject *s = t->dirty[at + DIRTY_AHEAD];
		for (uint32_t i = 0; i < 4 && s->history; i++)
			__builtin_prefetch((const char *)s->history + 64 * i);
		for (uint32_t i = 0; i < 2 && s->received; i++)
			__builtin_prefetch((const char *)s->received + 64 * i);
	}
}

bool table_next_dirty(struct table *t, struct subject **s)
{
	if (!*s)
		t->dirty_at = 0;
	ask_ahead(t);
	*s = t->dirty_at < t->dirty_cnt ? t->dirty[t->dirty_at++] : NULL;
	return *s != NULL;
}

uint32_t table_dirty_cnt(const struct table *t)
{
	return t->dirty_cnt;
}

int64_t table_dirty_bytes(const struct table *t)
{
	return t->dirty_bytes;
}

void table_clean(struct table *t)
{
	for (uint32_t i = 0; i < t->dirty_cnt; i++)
		t->dirty[i]->dirty = false;
	t->dirty_cnt = t->dirty_at = 0;
	t->dirty_bytes = 0;
}

/* Backward-shift deletion. */
static void remove_cell(struct table *t, uint64_t i)
{
	uint64_t mask = t->cap - 1, j = i;
	struct subject *s = t->cells[i].subject;
	t->bytes -= subject_heap_bytes(s);
	subject_drop(t->slab, s);
	slab_give_fixed(t->slab, s, block_bytes(s->key_len));
	t->cnt--;
	for (;;) {
		t->cells[i].subject = NULL;
		do {
			j = (j + 1) & mask;
			if (!t->cells[j].subject)
				return;
		} while (((j - (t->cells[j].hash & mask)) & mask) < ((j - i) & mask));
		t->cells[i] = t->cells[j];
		i = j;
	}
}

void table_remove(struct table *t, struct subject *s)
{
	assert(!s->dirty);
	remove_cell(t, (uint64_t)(cell_of(t, subject_key(s), s->key_hash) - t->cells));
}

void table_renew(struct table *t, struct subject *s, int64_t since_ms, int32_t first_day)
{
	struct subject fresh = {.clock_ms = TIME_NONE,
				.first_seen_ms = TIME_NONE,
				.since_ms = since_ms,
				.listed = s->listed,
				.first_day = first_day,
				.key_hash = s->key_hash,
				.dirty = s->dirty,
				.recent = true,
				.kind = s->kind,
				.key_len = s->key_len,
				.key = s->key};
	t->bytes -= subject_heap_bytes(s);
	subject_drop(t->slab, s);
	*s = fresh;
}

void table_shell(struct table *t, struct subject *s, int64_t last_ms)
{
	assert(!s->dirty);
	t->bytes -= subject_heap_bytes(s);
	subject_drop(t->slab, s);
	s->state_len = 0;
	s->clock_ms = last_ms;
}

void table_evict(struct table *t)
{
	assert(t->dirty_cnt == 0);
	if (t->ceiling_bytes == 0)
		return;
	while (t->cnt > 0 && table_bytes(t) > t->ceiling_bytes) {
		struct subject *s = t->cells[t->hand].subject;
		if (s && !s->recent) {
			remove_cell(t, t->hand); /* another may have moved here: look again */
			continue;
		}
		if (s)
			s->recent = false;
		t->hand = (t->hand + 1) & (t->cap - 1);
	}
}

uint64_t table_subjects(const struct table *t)
{
	return t->cnt;
}

int64_t table_bytes(const struct table *t)
{
	return t->bytes + slab_bytes(t->slab) + (int64_t)(t->cap * sizeof *t->cells);
}

uint64_t table_cells(const struct table *t)
{
	return t->cap;
}

struct subject *table_cell(const struct table *t, uint64_t i)
{
	return t->cells[i].subject;
}

struct subject *table_each(struct table *t, uint64_t *at)
{
	while (*at < t->cap) {
		struct subject *s = t->cells[(*at)++].subject;
		if (s)
			return s;
	}
	return NULL;
}
