/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory: for replay and for tests. It keeps the same contract as the others, fence included.
 *
 * DESIGN. A shard's state lives in the store and outlasts its handles, so that a shard can be taken again within the process. It is four hash
 * maps from bytes to bytes. Each shard has a lock, taken once per call and not per record: an old and a new owner may be two threads.
 * A commit is applied at once in commit_begin; commit_end has nothing to wait for.
 *
 * LIMITS. Lists (outbox, timers, days) are sorted when they are asked for, which is when a shard is taken. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "scoring/store.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- a map from bytes to bytes ---- */

struct item {
	uint64_t hash;
	uint32_t key_len, value_len, cap; /* cap: bytes behind this struct */
	char bytes[];                     /* key, value */
};

struct map {
	struct item **slots; /* open addressing, linear; owned */
	size_t cnt, cap;     /* cap: power of two, at most half full */
};

static struct slice item_key(const struct item *it)
{
	return slice_make(it->bytes, it->key_len);
}

static struct slice item_value(const struct item *it)
{
	return slice_make(it->bytes + it->key_len, it->value_len);
}

static size_t map_slot(const struct map *m, struct slice key, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);
	while (m->slots[i] && (m->slots[i]->hash != hash || !slice_eq(item_key(m->slots[i]), key)))
		i = (i + 1) & (m->cap - 1);
	return i;
}

static struct item *map_get(const struct map *m, struct slice key)
{
	return m->cnt ? m->slots[map_slot(m, key, hash64(key.p, key.len, 0))] : NULL;
}

static void map_grow(struct map *m)
{
	struct map bigger = {.cnt = m->cnt, .cap = m->cap ? 2 * m->cap : 64};
	bigger.slots = mem_zalloc(bigger.cap * sizeof *bigger.slots);
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i])
			bigger.slots[map_slot(&bigger, item_key(m->slots[i]), m->slots[i]->hash)] = m->slots[i];
	free(m->slots);
	*m = bigger;
}

/* Makes the item of `key` hold `len` bytes; its old bytes stay as far as they fit. */
static struct item *map_set(struct map *m, struct slice key, uint32_t len)
{
	uint64_t hash = hash64(key.p, key.len, 0);
	if (2 * (m->cnt + 1) > m->cap)
		map_grow(m);
	size_t i = map_slot(m, key, hash);
	struct item *it = m->slots[i];
	if (!it || it->cap < key.len + len) {
		bool fresh = !it;
		it = mem_realloc(it, sizeof *it + key.len + len);
		it->cap = key.len + len;
		m->slots[i] = it;
		if (fresh) {
			it->hash = hash;
			it->key_len = key.len;
			memcpy(it->bytes, key.p, key.len);
			m->cnt++;
		}
	}
	it->value_len = len;
	return it;
}

static void map_put(struct map *m, struct slice key, struct slice value)
{
	struct item *it = map_set(m, key, value.len);
	if (value.len)
		memcpy(it->bytes + it->key_len, value.p, value.len);
}

/* Items behind the hole move up, so that none is cut off from its first slot. */
static void map_del(struct map *m, struct slice key)
{
	if (!m->cnt)
		return;
	size_t hole = map_slot(m, key, hash64(key.p, key.len, 0)), mask = m->cap - 1;
	if (!m->slots[hole])
		return;
	free(m->slots[hole]);
	m->cnt--;
	for (size_t i = (hole + 1) & mask; m->slots[i]; i = (i + 1) & mask) {
		size_t home = m->slots[i]->hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = NULL;
}

static void map_release(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i]);
	free(m->slots);
}

/* The items in the order of `by`; returns owned, NULL if there are none. */
static const struct item **map_sorted(const struct map *m, int (*by)(const void *, const void *))
{
	const struct item **all = m->cnt ? mem_alloc(m->cnt * sizeof *all) : NULL;
	size_t n = 0;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i])
			all[n++] = m->slots[i];
	if (n > 1)
		qsort(all, n, sizeof *all, by);
	return all;
}

/* ---- the store ---- */

enum kind { VALUES, OUTBOX, TIMERS, DAYS, KIND_CNT };

struct state {
	struct state *next;
	char *name; /* topic:partition; owned */
	pthread_mutex_t lock;
	struct buf meta; /* empty: a new shard */
	/* VALUES: space and key to value. OUTBOX: number to entry. TIMERS: key to due. DAYS: day and key to nothing. */
	struct map maps[KIND_CNT];
};

struct store {
	pthread_mutex_t lock; /* of the two below */
	struct state *states;
	struct map claims;
	bool read_only;
};

struct store_shard {
	struct store *store;
	struct state *state; /* borrows */
	bool reading, was_read;
	struct buf key, found; /* scratch; what the last read found, meta first */
	struct slice meta, *values;
	size_t value_cap, asked;
};

static enum err memory_open(const struct store_config *c, bool read_only, struct store **out, struct err_text *why)
{
	(void)c;
	(void)why;
	*out = mem_zalloc(sizeof **out);
	(*out)->read_only = read_only;
	pthread_mutex_init(&(*out)->lock, NULL);
	return ERR_OK;
}

static void memory_close(struct store *s)
{
	for (struct state *st = s->states, *next; st; st = next) {
		next = st->next;
		for (int k = 0; k < KIND_CNT; k++)
			map_release(&st->maps[k]);
		buf_release(&st->meta);
		pthread_mutex_destroy(&st->lock);
		free(st->name);
		free(st);
	}
	map_release(&s->claims);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static enum err memory_shard_open(struct store *s, const char *topic, int32_t partition, struct store_shard **out, struct err_text *why)
{
	struct buf name = {0};
	(void)why;
	buf_printf(&name, "%s:%d", topic, partition);
	buf_put_u8(&name, 0);
	pthread_mutex_lock(&s->lock);
	struct state *st = s->states;
	while (st && strcmp(st->name, (const char *)name.data) != 0)
		st = st->next;
	if (!st) {
		st = mem_zalloc(sizeof *st);
		st->name = mem_strdup((const char *)name.data);
		pthread_mutex_init(&st->lock, NULL);
		st->next = s->states;
		s->states = st;
	}
	pthread_mutex_unlock(&s->lock);
	buf_release(&name);
	*out = mem_zalloc(sizeof **out);
	(*out)->store = s;
	(*out)->state = st;
	return ERR_OK;
}

static void memory_shard_close(struct store_shard *h)
{
	if (!h)
		return;
	buf_release(&h->key);
	buf_release(&h->found);
	free(h->values);
	free(h);
}

/* ---- keys: valid until the next one is made ---- */

static struct slice key_of(struct store_shard *h, const void *head, size_t len, struct slice key)
{
	buf_reset(&h->key);
	buf_put(&h->key, head, len);
	buf_put(&h->key, key.p, key.len);
	return buf_slice(&h->key);
}

static struct slice value_key(struct store_shard *h, const struct store_key *k)
{
	return key_of(h, &k->space, 1, k->key);
}

/* ---- read ---- */

/* Values are copied: another owner may change them while this one reads. */
static enum err memory_read_begin(struct store_shard *h, const struct store_key *keys, size_t n, struct err_text *why)
{
	struct state *st = h->state;
	(void)why;
	assert(!h->reading);
	if (h->value_cap < n + 1) {
		h->value_cap = n + n / 2 + 1;
		h->values = mem_realloc(h->values, h->value_cap * sizeof *h->values);
	}
	pthread_mutex_lock(&st->lock);
	buf_reset(&h->found);
	buf_put(&h->found, st->meta.data, st->meta.len);
	h->meta = (struct slice){NULL, (uint32_t)st->meta.len};
	for (size_t i = 0; i < n; i++) {
		const struct item *it = map_get(&st->maps[VALUES], value_key(h, &keys[i]));
		h->values[i] = SLICE_NONE; /* its place is known when `found` grows no more */
		if (it) {
			h->values[i].len = it->value_len;
			buf_put(&h->found, item_value(it).p, it->value_len);
		}
	}
	pthread_mutex_unlock(&st->lock);
	h->asked = n;
	h->reading = true;
	return ERR_OK;
}

static enum err memory_read_end(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	const char *p = (const char *)h->found.data;
	(void)why;
	assert(h->reading);
	h->reading = false;
	h->was_read = true;
	if (h->meta.len) {
		h->meta.p = p;
		p += h->meta.len;
	}
	for (size_t i = 0; i < h->asked; i++)
		if (h->values[i].len) { /* a value is never empty: that means absent */
			h->values[i].p = p;
			p += h->values[i].len;
		}
	*out = (struct store_read){h->meta, h->values};
	return ERR_OK;
}

/* ---- commit ---- */

static void apply_put(struct store_shard *h, const struct store_put *p)
{
	struct map *m = &h->state->maps[VALUES];
	struct slice key = value_key(h, &p->at);
	if (!p->value.len)
		map_del(m, key);
	else if (!p->blocks)
		map_put(m, key, p->value);
	else {
		struct item *it = map_set(m, key, p->value.len);
		for (uint32_t i = 0; i < p->block_cnt; i++) {
			uint32_t from = (uint32_t)p->blocks[i] * STORE_BLOCK_BYTES, left = p->value.len - from;
			assert(from < p->value.len);
			memcpy(it->bytes + it->key_len + from, p->value.p + from, left < STORE_BLOCK_BYTES ? left : STORE_BLOCK_BYTES);
		}
	}
}

static void apply_append(struct store_shard *h, const struct store_append *a)
{
	struct map *m = &h->state->maps[VALUES];
	struct slice key = value_key(h, &a->at);
	const struct item *old = map_get(m, key);
	uint32_t had = old ? old->value_len : 0, end = a->offset + a->bytes.len;
	struct item *it = map_set(m, key, end > had ? end : had);
	char *value = it->bytes + it->key_len;
	if (a->offset > had)
		memset(value + had, 0, a->offset - had);
	memcpy(value + a->offset, a->bytes.p, a->bytes.len);
}

static void apply_day(struct store_shard *h, const struct store_day *d)
{
	struct map *m = &h->state->maps[DAYS];
	if (d->from == d->to)
		return;
	if (d->from != -1)
		map_del(m, key_of(h, &d->from, sizeof d->from, d->key));
	if (d->to != -1)
		map_put(m, key_of(h, &d->to, sizeof d->to, d->key), SLICE_NONE);
}

static void apply(struct store_shard *h, const struct store_commit *c)
{
	struct map *maps = h->state->maps;
	buf_reset(&h->state->meta);
	buf_put(&h->state->meta, c->meta.p, c->meta.len);
	for (size_t i = 0; i < c->put_cnt; i++)
		apply_put(h, &c->puts[i]);
	for (size_t i = 0; i < c->append_cnt; i++)
		apply_append(h, &c->appends[i]);
	for (size_t i = 0; i < c->outbox_cnt; i++)
		map_put(&maps[OUTBOX], slice_make(&c->outbox[i].number, 8), c->outbox[i].value);
	for (size_t i = 0; i < c->acked_cnt; i++)
		map_del(&maps[OUTBOX], slice_make(&c->acked[i], 8));
	for (size_t i = 0; i < c->timer_cnt; i++) {
		if (c->timers[i].due_ms == TIME_NONE)
			map_del(&maps[TIMERS], c->timers[i].key);
		else
			map_put(&maps[TIMERS], c->timers[i].key, slice_make(&c->timers[i].due_ms, 8));
	}
	for (size_t i = 0; i < c->day_cnt; i++)
		apply_day(h, &c->days[i]);
}

static enum err memory_commit_begin(struct store_shard *h, const struct store_commit *c, struct err_text *why)
{
	static const uint8_t none[COMMIT_ID_BYTES];
	struct state *st = h->state;
	assert(!h->store->read_only && !h->reading && h->was_read && c->meta.len >= COMMIT_ID_BYTES);
	h->was_read = false;
	pthread_mutex_lock(&st->lock);
	bool expects_none = memcmp(c->expect, none, COMMIT_ID_BYTES) == 0;
	bool ours = expects_none ? !st->meta.len : st->meta.len && memcmp(c->expect, st->meta.data, COMMIT_ID_BYTES) == 0;
	if (ours)
		apply(h, c);
	pthread_mutex_unlock(&st->lock);
	return ours ? ERR_OK : err_set(why, ERR_FENCED, "%s: the commit id in the store is not ours: another took the shard", st->name);
}

static enum err memory_commit_end(struct store_shard *h, struct err_text *why)
{
	(void)h;
	(void)why;
	return ERR_OK;
}

/* ---- whole collections ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, (*(const struct item *const *)a)->bytes, 8);
	memcpy(&y, (*(const struct item *const *)b)->bytes, 8);
	return (x > y) - (x < y);
}

static int64_t due_of(const struct item *it)
{
	int64_t due_ms;
	memcpy(&due_ms, item_value(it).p, 8);
	return due_ms;
}

static int by_due(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
	int64_t p = due_of(x), q = due_of(y);
	return p != q ? (p > q) - (p < q) : slice_cmp(item_key(x), item_key(y));
}

static int32_t day_of(const struct item *it)
{
	int32_t day;
	memcpy(&day, it->bytes, 4);
	return day;
}

static int by_day(const void *a, const void *b)
{
	int32_t x = day_of(*(const struct item *const *)a), y = day_of(*(const struct item *const *)b);
	return (x > y) - (x < y);
}

/* `visit` must not call the store. */
static enum err memory_outbox(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	enum err e = ERR_OK;
	(void)why;
	pthread_mutex_lock(&h->state->lock);
	const struct map *m = &h->state->maps[OUTBOX];
	const struct item **all = map_sorted(m, by_number);
	for (size_t i = 0; i < m->cnt && !e; i++) {
		uint64_t number;
		memcpy(&number, all[i]->bytes, 8);
		e = visit(ctx, SLICE_NONE, item_value(all[i]), (int64_t)number);
	}
	pthread_mutex_unlock(&h->state->lock);
	free(all);
	return e;
}

static enum err memory_timers(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	enum err e = ERR_OK;
	(void)why;
	pthread_mutex_lock(&h->state->lock);
	const struct map *m = &h->state->maps[TIMERS];
	const struct item **all = map_sorted(m, by_due);
	for (size_t i = 0; i < m->cnt && !e; i++)
		e = visit(ctx, item_key(all[i]), SLICE_NONE, due_of(all[i]));
	pthread_mutex_unlock(&h->state->lock);
	free(all);
	return e;
}

static enum err memory_values(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why)
{
	enum err e = ERR_OK;
	(void)why;
	pthread_mutex_lock(&h->state->lock);
	const struct map *m = &h->state->maps[VALUES];
	for (size_t i = 0; i < m->cap && !e; i++) {
		const struct item *it = m->slots[i];
		if (it && it->bytes[0] == (char)space)
			e = visit(ctx, slice_make(it->bytes + 1, it->key_len - 1), item_value(it), 0);
	}
	pthread_mutex_unlock(&h->state->lock);
	return e;
}

static enum err memory_days(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	enum err e = ERR_OK;
	(void)why;
	pthread_mutex_lock(&h->state->lock);
	const struct map *m = &h->state->maps[DAYS];
	const struct item **all = map_sorted(m, by_day);
	for (size_t i = 0; i < m->cnt && !e; i++)
		if (i == 0 || day_of(all[i]) != day_of(all[i - 1]))
			e = visit(ctx, SLICE_NONE, SLICE_NONE, day_of(all[i]));
	pthread_mutex_unlock(&h->state->lock);
	free(all);
	return e;
}

static enum err memory_day(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why)
{
	enum err e = ERR_OK;
	(void)why;
	pthread_mutex_lock(&h->state->lock);
	const struct map *m = &h->state->maps[DAYS];
	for (size_t i = 0; i < m->cap && max && !e; i++) {
		const struct item *it = m->slots[i];
		if (!it || day_of(it) != day)
			continue;
		e = visit(ctx, slice_make(it->bytes + 4, it->key_len - 4), SLICE_NONE, day);
		max--;
	}
	pthread_mutex_unlock(&h->state->lock);
	return e;
}

/* ---- the deployment's mark ---- */

static enum err memory_claim(struct store *s, const char *deployment, struct slice value, struct arena *a, struct slice *now,
			     struct err_text *why)
{
	(void)why;
	assert(!value.len || !s->read_only);
	pthread_mutex_lock(&s->lock);
	const struct item *it = map_get(&s->claims, slice_of(deployment));
	if (!it && value.len) {
		map_put(&s->claims, slice_of(deployment), value);
		it = map_get(&s->claims, slice_of(deployment));
	}
	*now = it ? arena_copy(a, item_value(it)) : SLICE_NONE;
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
