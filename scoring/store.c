/* SPDX-License-Identifier: Apache-2.0 */
/* What the three stores share: the shape of a key, the limits, the comparison of the fence. */
#include "scoring/store.h"

#include "base/buf.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

const struct store_ops *store_ops(enum store_kind k)
{
	static const struct store_ops *const by_kind[] = {
		[STORE_REDIS] = &store_redis,
		[STORE_EMBEDDED] = &store_embedded,
		[STORE_MEMORY] = &store_memory,
	};
	assert((size_t)k < sizeof by_kind / sizeof *by_kind);
	return by_kind[k];
}

/* ---- keys ---- */

enum err store_prefix(const char *topic, int32_t partition, char out[STORE_PREFIX_BYTES], struct err_text *why)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(topic);
	if (len == 0 || len > STORE_TOPIC_MAX || strspn(topic, legal) != len)
		return err_set(why, ERR_CONFIG, "'%.260s' is not the name of a Kafka topic (1 to %d of letters, digits, '.', '_', '-')", topic,
			       STORE_TOPIC_MAX);
	if (partition < 0)
		return err_set(why, ERR_CONFIG, "partition %" PRId32 " of topic %s: must not be negative", partition, topic);
	snprintf(out, STORE_PREFIX_BYTES, "rf:{%s:%" PRId32 "}:", topic, partition);
	return ERR_OK;
}

bool store_parse_subject(struct slice text, const char *topic, int32_t *partition, struct slice *key)
{
	size_t topic_len = strlen(topic);
	struct reader r = reader_of(text.p, text.len);
	const uint8_t *tag = reader_take(&r, 4), *name = reader_take(&r, topic_len), *colon = reader_take(&r, 1);
	if (r.bad || memcmp(tag, "rf:{", 4) != 0 || memcmp(name, topic, topic_len) != 0 || *colon != ':')
		return false;
	int64_t number = 0;
	size_t digits = 0;
	for (; digits < 10 && r.p < r.end && *r.p >= '0' && *r.p <= '9'; digits++)
		number = number * 10 + (*r.p++ - '0');
	const uint8_t *kind = reader_take(&r, 4);
	if (r.bad || digits == 0 || number > INT32_MAX || memcmp(kind, "}:n:", 4) != 0 || reader_left(&r) == 0)
		return false;
	*partition = (int32_t)number;
	*key = slice_make(r.p, reader_left(&r));
	return true;
}

/* ---- limits ---- */

static enum err check_key(struct slice key, struct err_text *why)
{
	if (key.len > 0 && key.len <= STORE_KEY_MAX)
		return ERR_OK;
	return err_set(why, ERR_LIMIT, "a subject key has %" PRIu32 " bytes; the store takes 1 to %d", key.len, STORE_KEY_MAX);
}

enum err store_check_keys(const struct slice *keys, size_t n, struct err_text *why)
{
	for (size_t i = 0; i < n; i++)
		if (check_key(keys[i], why))
			return ERR_LIMIT;
	return ERR_OK;
}

enum err store_check_commit(const struct store_commit *c, struct err_text *why)
{
	static const uint8_t none[COMMIT_ID_BYTES];
	assert(c->meta.len >= COMMIT_ID_BYTES && memcmp(c->meta.p, none, COMMIT_ID_BYTES) != 0);
	if (c->put_cnt > STORE_COMMIT_MAX || c->timer_cnt > STORE_COMMIT_MAX || c->outbox_cnt > STORE_COMMIT_MAX ||
	    c->acked_cnt > STORE_COMMIT_MAX)
		return err_set(why, ERR_LIMIT,
			       "a commit has %zu records, %zu timers, %zu outbox entries, %zu acknowledged; the store takes %d of each", c->put_cnt,
			       c->timer_cnt, c->outbox_cnt, c->acked_cnt, STORE_COMMIT_MAX);
	for (size_t i = 0; i < c->put_cnt; i++)
		if (check_key(c->puts[i].key, why))
			return ERR_LIMIT;
	for (size_t i = 0; i < c->timer_cnt; i++) {
		int64_t due_ms = c->timers[i].due_ms;
		if (check_key(c->timers[i].key, why))
			return ERR_LIMIT;
		if (due_ms != TIME_NONE && (due_ms > STORE_DUE_MAX_MS || due_ms < -STORE_DUE_MAX_MS))
			return err_set(why, ERR_LIMIT, "a timer is due at %" PRId64 " ms; the store takes times within 2^53 ms", due_ms);
	}
	return ERR_OK;
}

bool store_id_matches(struct slice meta, const uint8_t expect[COMMIT_ID_BYTES])
{
	static const uint8_t none[COMMIT_ID_BYTES];
	if (!meta.p)
		return memcmp(expect, none, COMMIT_ID_BYTES) == 0;
	/* A meta that is too short was not written by us: it matches nothing. Neither does an id of zeros, which means "none". */
	return meta.len >= COMMIT_ID_BYTES && memcmp(expect, none, COMMIT_ID_BYTES) != 0 && memcmp(meta.p, expect, COMMIT_ID_BYTES) == 0;
}

/* ---- entries in order ---- */

void store_entries_init(struct store_entries *e)
{
	*e = (struct store_entries){0};
	arena_init(&e->bytes, 64 << 10);
}

void store_entries_release(struct store_entries *e)
{
	free(e->v);
	arena_release(&e->bytes);
}

void store_entries_add(struct store_entries *e, uint64_t number, struct slice value)
{
	if (e->cnt == e->cap) {
		e->cap = e->cap ? 2 * e->cap : 256;
		e->v = mem_realloc(e->v, e->cap * sizeof *e->v);
	}
	e->v[e->cnt++] = (struct store_entry){number, arena_copy(&e->bytes, value)};
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct store_entry *)a)->number, y = ((const struct store_entry *)b)->number;
	return (x > y) - (x < y);
}

enum err store_entries_visit(struct store_entries *e, store_visit *visit, void *ctx)
{
	if (e->cnt)
		qsort(e->v, e->cnt, sizeof *e->v, by_number);
	enum err err = ERR_OK;
	for (size_t i = 0; i < e->cnt && !err; i++)
		if (i == 0 || e->v[i].number != e->v[i - 1].number)
			err = visit(ctx, SLICE_NONE, e->v[i].value, (int64_t)e->v[i].number);
	return err;
}
