/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory: for replay, where the table of a shard is the state and only meta, timers and outbox come here, and for tests. One map of
 * byte strings per shard holds everything, under keys as the embedded store has them. */
#include "base/buf.h"
#include "base/hash.h"
#include "scoring/store.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a map of byte strings ---- */

struct item {
	uint64_t hash;
	uint8_t *key; /* owned, with the value behind it; NULL: free */
	uint32_t key_len, value_len;
};

struct map {
	struct item *items;
	uint32_t cap, cnt;
};

static void map_init(struct map *m)
{
	*m = (struct map){.cap = 64};
	m->items = mem_zalloc(m->cap * sizeof *m->items);
}

static void map_release(struct map *m)
{
	for (uint32_t i = 0; i < m->cap; i++)
		free(m->items[i].key);
	free(m->items);
}

static struct item *map_slot(const struct map *m, struct slice key, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (m->cap - 1);
	for (; m->items[i].key; i = (i + 1) & (m->cap - 1))
		if (m->items[i].hash == hash && slice_eq(slice_make(m->items[i].key, m->items[i].key_len), key))
			break;
	return &m->items[i];
}

static struct slice item_value(const struct item *i)
{
	return i->key ? slice_make(i->key + i->key_len, i->value_len) : SLICE_NONE;
}

static struct slice map_get(const struct map *m, struct slice key)
{
	return item_value(map_slot(m, key, hash64(key.p, key.len, 0)));
}

static void map_grow(struct map *m)
{
	struct map bigger = {.cap = 2 * m->cap, .cnt = m->cnt};
	bigger.items = mem_zalloc(bigger.cap * sizeof *bigger.items);
	for (uint32_t i = 0; i < m->cap; i++)
		if (m->items[i].key)
			*map_slot(&bigger, slice_make(m->items[i].key, m->items[i].key_len), m->items[i].hash) = m->items[i];
	free(m->items);
	*m = bigger;
}

static void map_put(struct map *m, struct slice key, struct slice value)
{
	if (2 * (m->cnt + 1) > m->cap)
		map_grow(m);
	uint64_t hash = hash64(key.p, key.len, 0);
	struct item *i = map_slot(m, key, hash);
	if (!i->key) {
		m->cnt++;
		i->key = mem_alloc((size_t)key.len + value.len + 1);
		memcpy(i->key, key.p, key.len);
	} else if (i->value_len != value.len) {
		i->key = mem_realloc(i->key, (size_t)key.len + value.len + 1);
	}
	i->hash = hash;
	i->key_len = key.len;
	i->value_len = value.len;
	if (value.len)
		memcpy(i->key + key.len, value.p, value.len);
}

/* Backward-shift deletion. */
static void map_remove(struct map *m, struct slice key)
{
	struct item *gone = map_slot(m, key, hash64(key.p, key.len, 0));
	if (!gone->key)
		return;
	uint32_t mask = m->cap - 1, i = (uint32_t)(gone - m->items), j = i;
	free(gone->key);
	m->cnt--;
	for (;;) {
		m->items[i].key = NULL;
		do {
			j = (j + 1) & mask;
			if (!m->items[j].key)
				return;
		} while (((j - ((uint32_t)m->items[j].hash & mask)) & mask) < ((j - i) & mask));
		m->items[i] = m->items[j];
		i = j;
	}
}

/* ---- shards ---- */

struct shard_state {
	char name[280]; /* topic:partition */
	struct map map;
	struct shard_state *next;
};

struct store {
	pthread_mutex_t lock; /* over the list of shards and the deployments */
	struct shard_state *shards;
	struct map deployments;
};

struct store_shard {
	struct shard_state *state;
	struct slice *values;
	size_t value_cap;
	enum err commit_result; /* of the commit that was begun and not asked for yet */
	struct buf key;
};

static enum err memory_open(const struct store_config *c, bool read_only, struct store **out, struct err_text *why)
{
	(void)c;
	(void)read_only;
	(void)why;
	struct store *s = mem_zalloc(sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	map_init(&s->deployments);
	*out = s;
	return ERR_OK;
}

static void memory_close(struct store *s)
{
	for (struct shard_state *h = s->shards, *next; h; h = next) {
		next = h->next;
		map_release(&h->map);
		free(h);
	}
	map_release(&s->deployments);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static enum err memory_shard_open(struct store *s, const char *topic, int32_t partition, struct store_shard **out, struct err_text *why)
{
	char name[sizeof s->shards->name];
	struct shard_state *h;
	(void)why;
	snprintf(name, sizeof name, "%s:%d", topic, partition);
	pthread_mutex_lock(&s->lock);
	for (h = s->shards; h && strcmp(h->name, name) != 0; h = h->next)
		;
	if (!h) {
		h = mem_zalloc(sizeof *h);
		snprintf(h->name, sizeof h->name, "%s", name);
		map_init(&h->map);
		h->next = s->shards;
		s->shards = h;
	}
	pthread_mutex_unlock(&s->lock);
	struct store_shard *shard = mem_zalloc(sizeof *shard);
	shard->state = h;
	*out = shard;
	return ERR_OK;
}

static void memory_shard_close(struct store_shard *h)
{
	free(h->values);
	buf_release(&h->key);
	free(h);
}

/* ---- keys: m | v space key | o number | t key | d day key; numbers big-endian, so that they sort ---- */

static struct slice key_value(struct store_shard *h, const struct store_key *k)
{
	buf_reset(&h->key);
	buf_put_u8(&h->key, 'v');
	buf_put_u8(&h->key, k->space);
	buf_put(&h->key, k->key.p, k->key.len);
	return buf_slice(&h->key);
}

static void put_be(struct buf *b, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		buf_put_u8(b, (uint8_t)(v >> (8 * i)));
}

static uint64_t get_be(const char *p, int bytes)
{
	uint64_t v = 0;
	for (int i = 0; i < bytes; i++)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

static struct slice key_outbox(struct store_shard *h, uint64_t number)
{
	buf_reset(&h->key);
	buf_put_u8(&h->key, 'o');
	put_be(&h->key, number, 8);
	return buf_slice(&h->key);
}

static struct slice key_timer(struct store_shard *h, struct slice key)
{
	buf_reset(&h->key);
	buf_put_u8(&h->key, 't');
	buf_put(&h->key, key.p, key.len);
	return buf_slice(&h->key);
}

static struct slice key_day(struct store_shard *h, int32_t day, struct slice key)
{
	buf_reset(&h->key);
	buf_put_u8(&h->key, 'd');
	put_be(&h->key, (uint32_t)day, 4);
	buf_put(&h->key, key.p, key.len);
	return buf_slice(&h->key);
}

/* ---- reading and writing ---- */

static enum err memory_read_begin(struct store_shard *h, const struct store_key *keys, size_t n, struct err_text *why)
{
	(void)why;
	if (h->value_cap < n) {
		h->value_cap = n;
		h->values = mem_realloc(h->values, n * sizeof *h->values);
	}
	for (size_t i = 0; i < n; i++)
		h->values[i] = map_get(&h->state->map, key_value(h, &keys[i]));
	return ERR_OK;
}

static enum err memory_commit_end(struct store_shard *h, struct err_text *why)
{
	enum err e = h->commit_result;
	h->commit_result = ERR_OK;
	return e ? err_set(why, e, "%s: another one has committed in between", h->state->name) : ERR_OK;
}

static enum err memory_read_end(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	enum err e = memory_commit_end(h, why);
	*out = (struct store_read){.meta = map_get(&h->state->map, SLICE_LIT("m")), .values = h->values};
	return e;
}

static bool expected(const struct shard_state *s, const uint8_t *id)
{
	static const uint8_t none[COMMIT_ID_BYTES];
	struct slice meta = map_get(&s->map, SLICE_LIT("m"));
	if (memcmp(id, none, COMMIT_ID_BYTES) == 0)
		return !meta.p;
	return meta.p && meta.len >= COMMIT_ID_BYTES && memcmp(meta.p, id, COMMIT_ID_BYTES) == 0;
}

static void put_value(struct store_shard *h, const struct store_put *p)
{
	if (p->value.len)
		map_put(&h->state->map, key_value(h, &p->at), p->value);
	else
		map_remove(&h->state->map, key_value(h, &p->at));
}

static enum err memory_commit_begin(struct store_shard *h, const struct store_commit *c, struct err_text *why)
{
	struct map *m = &h->state->map;
	(void)why;
	assert(!h->commit_result);
	if (!expected(h->state, c->expect)) {
		h->commit_result = ERR_FENCED;
		return ERR_OK;
	}
	map_put(m, SLICE_LIT("m"), c->meta);
	for (size_t i = 0; i < c->put_cnt; i++)
		put_value(h, &c->puts[i]);
	for (size_t i = 0; i < c->timer_cnt; i++)
		if (c->timers[i].due_ms == TIME_NONE)
			map_remove(m, key_timer(h, c->timers[i].key));
		else
			map_put(m, key_timer(h, c->timers[i].key), slice_make(&c->timers[i].due_ms, 8));
	for (size_t i = 0; i < c->day_cnt; i++) {
		if (c->days[i].from >= 0)
			map_remove(m, key_day(h, c->days[i].from, c->days[i].key));
		if (c->days[i].to >= 0)
			map_put(m, key_day(h, c->days[i].to, c->days[i].key), SLICE_NONE);
	}
	for (size_t i = 0; i < c->outbox_cnt; i++)
		map_put(m, key_outbox(h, c->outbox[i].number), c->outbox[i].value);
	for (size_t i = 0; i < c->acked_cnt; i++)
		map_remove(m, key_outbox(h, c->acked[i]));
	return ERR_OK;
}

/* ---- collections ---- */

static int by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return slice_cmp(slice_make(x->key, x->key_len), slice_make(y->key, y->key_len));
}

static int by_due(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int64_t p, q;
	memcpy(&p, x->key + x->key_len, 8);
	memcpy(&q, y->key + y->key_len, 8);
	return p != q ? (p > q) - (p < q) : by_key(a, b);
}

/* Copies of all items whose keys begin so (their bytes stay the map's), sorted. */
static struct item *collect(const struct map *m, struct slice prefix, int (*order)(const void *, const void *), size_t *n)
{
	struct item *found = mem_alloc((m->cnt + 1) * sizeof *found);
	*n = 0;
	for (uint32_t i = 0; i < m->cap; i++)
		if (m->items[i].key && m->items[i].key_len >= prefix.len && memcmp(m->items[i].key, prefix.p, prefix.len) == 0)
			found[(*n)++] = m->items[i];
	qsort(found, *n, sizeof *found, order);
	return found;
}

static enum err memory_outbox(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	size_t n;
	enum err e = ERR_OK;
	(void)why;
	struct item *items = collect(&h->state->map, SLICE_LIT("o"), by_key, &n);
	for (size_t i = 0; i < n && !e; i++)
		e = visit(ctx, SLICE_NONE, item_value(&items[i]), (int64_t)get_be((const char *)items[i].key + 1, 8));
	free(items);
	return e;
}

static enum err memory_timers(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	size_t n;
	enum err e = ERR_OK;
	(void)why;
	struct item *items = collect(&h->state->map, SLICE_LIT("t"), by_due, &n);
	for (size_t i = 0; i < n && !e; i++) {
		int64_t due_ms;
		memcpy(&due_ms, items[i].key + items[i].key_len, 8);
		e = visit(ctx, slice_make(items[i].key + 1, items[i].key_len - 1), SLICE_NONE, due_ms);
	}
	free(items);
	return e;
}

static enum err memory_values(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why)
{
	size_t n;
	enum err e = ERR_OK;
	const char prefix[2] = {'v', (char)space};
	(void)why;
	struct item *items = collect(&h->state->map, slice_make(prefix, 2), by_key, &n);
	for (size_t i = 0; i < n && !e; i++)
		e = visit(ctx, slice_make(items[i].key + 2, items[i].key_len - 2), item_value(&items[i]), 0);
	free(items);
	return e;
}

static enum err memory_days(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	size_t n;
	int64_t last = -1;
	enum err e = ERR_OK;
	(void)why;
	struct item *items = collect(&h->state->map, SLICE_LIT("d"), by_key, &n);
	for (size_t i = 0; i < n && !e; i++) {
		int64_t day = (int64_t)get_be((const char *)items[i].key + 1, 4);
		if (day != last)
			e = visit(ctx, SLICE_NONE, SLICE_NONE, day);
		last = day;
	}
	free(items);
	return e;
}

static enum err memory_day(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why)
{
	size_t n;
	enum err e = ERR_OK;
	(void)why;
	struct slice prefix = key_day(h, day, SLICE_NONE);
	struct item *items = collect(&h->state->map, prefix, by_key, &n);
	for (size_t i = 0; i < n && i < max && !e; i++)
		e = visit(ctx, slice_make(items[i].key + 5, items[i].key_len - 5), SLICE_NONE, day);
	free(items);
	return e;
}

static enum err memory_claim(struct store *s, const char *deployment, struct slice value, struct arena *a, struct slice *now,
			     struct err_text *why)
{
	struct slice key = slice_of(deployment);
	(void)why;
	pthread_mutex_lock(&s->lock);
	*now = map_get(&s->deployments, key);
	if (!now->p && value.len) {
		map_put(&s->deployments, key, value);
		*now = value;
	}
	*now = arena_copy(a, *now);
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

const struct store_ops store_memory = {
	.name = "memory",
	.open = memory_open,
	.close = memory_close,
	.shard_open = memory_shard_open,
	.shard_close = memory_shard_close,
	.read_begin = memory_read_begin,
	.read_end = memory_read_end,
	.commit_begin = memory_commit_begin,
	.commit_end = memory_commit_end,
	.outbox = memory_outbox,
	.timers = memory_timers,
	.values = memory_values,
	.days = memory_days,
	.day = memory_day,
	.claim = memory_claim,
};
