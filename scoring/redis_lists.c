/* SPDX-License-Identifier: Apache-2.0 */
/* Whole collections of a shard in Redis: for its taking, the sweep and tools, not for a cycle. Keys are drawn in store.h. */
#include "scoring/redis_shard.h"

#include "base/hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE 10000 /* timers in one answer */

static int by_number(const void *a, const void *b)
{
	const struct store_entry *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

/* In one answer: the pipeline's ceiling bounds it. */
enum err redis_outbox(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	redisReply *r;
	assert(!h->pending && !h->reading);
	buf_reset(&h->w.out);
	resp_command(&h->w.out, 2);
	resp_name(&h->w.out, "HGETALL");
	redis_word_key(&h->w, SLICE_LIT("outbox"));
	enum err e = redis_shard_ask(h, "HGETALL of the outbox", &r, why);
	if (e)
		return e;
	size_t n = r->elements / 2;
	struct store_entry *entries = mem_alloc((n + 1) * sizeof *entries);
	for (size_t i = 0; i < n; i++)
		entries[i] = (struct store_entry){strtoull(r->element[2 * i]->str, NULL, 10), redis_text_of(r->element[2 * i + 1])};
	qsort(entries, n, sizeof *entries, by_number);
	for (size_t i = 0; i < n && !e; i++)
		e = visit(ctx, SLICE_NONE, entries[i].value, (int64_t)entries[i].number);
	free(entries);
	freeReplyObject(r);
	return e;
}

/* A sorted set is in the order of (score, bytes of the member): ours. */
enum err redis_timers(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	size_t n = PAGE;
	enum err e = ERR_OK;
	assert(!h->pending && !h->reading);
	for (uint64_t at = 0; !e && n == PAGE; at += PAGE) {
		redisReply *r;
		buf_reset(&h->w.out);
		resp_command(&h->w.out, 5);
		resp_name(&h->w.out, "ZRANGE");
		redis_word_key(&h->w, SLICE_LIT("timers"));
		redis_word_unsigned(&h->w, at);
		redis_word_unsigned(&h->w, at + PAGE - 1);
		resp_name(&h->w.out, "WITHSCORES");
		e = redis_shard_ask(h, "ZRANGE of timers", &r, why);
		if (e)
			return e;
		n = r->elements / 2;
		for (size_t i = 0; i < n && !e; i++)
			e = visit(ctx, redis_text_of(r->element[2 * i]), SLICE_NONE, (int64_t)strtod(r->element[2 * i + 1]->str, NULL));
		freeReplyObject(r);
	}
	return e;
}

/* What a scan has shown: SCAN may name a key twice while Redis grows or shrinks its table. 128 bits of hash stand for a key. */
struct seen {
	struct hash128 *slots; /* {0, 0}: empty */
	size_t cnt, cap;       /* cap: power of two */
};

static bool seen_add(struct seen *s, struct hash128 x)
{
	if (2 * (s->cnt + 1) > s->cap) {
		struct seen bigger = {.cap = s->cap ? 2 * s->cap : 1024};
		bigger.slots = mem_zalloc(bigger.cap * sizeof *bigger.slots);
		for (size_t i = 0; i < s->cap; i++)
			if (s->slots[i].hi | s->slots[i].lo)
				seen_add(&bigger, s->slots[i]);
		free(s->slots);
		*s = bigger;
	}
	size_t i = x.lo & (s->cap - 1);
	for (; s->slots[i].hi | s->slots[i].lo; i = (i + 1) & (s->cap - 1))
		if (s->slots[i].hi == x.hi && s->slots[i].lo == x.lo)
			return false;
	s->slots[i] = x;
	s->cnt++;
	return true;
}

/* Sends a SCAN or HSCAN: *cursor moves on, "0" at the end; *out: owned, its second element is the page. */
static enum err scan_answer(struct store_shard *h, const char *doing, char cursor[32], redisReply **out, struct err_text *why)
{
	enum err e = redis_shard_ask(h, doing, out, why);
	if (e)
		return e;
	const redisReply *r = *out;
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[1]->type != REDIS_REPLY_ARRAY) {
		freeReplyObject(*out);
		return redis_shard_fail(h, redis_strange(doing, why));
	}
	snprintf(cursor, 32, "%s", r->element[0]->str);
	return ERR_OK;
}

/* One page of SCAN over the shard's keys that begin with `what`; *cursor moves on, "0" at the end. */
static enum err scan(struct store_shard *h, const char *what, char cursor[32], redisReply **out, struct err_text *why)
{
	struct buf pattern = {0};
	for (uint32_t i = 0; i < h->w.prefix.len; i++) {
		if (strchr("*?[]\\^", h->w.prefix.p[i]))
			buf_put_u8(&pattern, '\\');
		buf_put_u8(&pattern, (uint8_t)h->w.prefix.p[i]);
	}
	buf_printf(&pattern, "%s*", what);
	buf_reset(&h->w.out);
	resp_command(&h->w.out, 6);
	resp_name(&h->w.out, "SCAN");
	resp_word(&h->w.out, cursor, strlen(cursor));
	resp_name(&h->w.out, "MATCH");
	resp_word(&h->w.out, pattern.data, pattern.len);
	resp_name(&h->w.out, "COUNT");
	resp_name(&h->w.out, "1000");
	buf_release(&pattern);
	return scan_answer(h, "SCAN", cursor, out, why);
}

/* The values of the keys that a page of SCAN named and no page before it. */
static enum err visit_page(struct store_shard *h, const redisReply *keys, struct seen *seen, store_visit *visit, void *ctx,
			   struct err_text *why)
{
	const uint32_t skip = h->w.prefix.len + 2;
	size_t n = 0;
	redisReply *r;
	struct redisReply **fresh = mem_alloc((keys->elements + 1) * sizeof *fresh);
	for (size_t i = 0; i < keys->elements; i++)
		if (seen_add(seen, hash128(keys->element[i]->str + skip, keys->element[i]->len - skip, 0)))
			fresh[n++] = keys->element[i];
	enum err e = ERR_OK;
	if (n) {
		buf_reset(&h->w.out);
		resp_command(&h->w.out, 1 + n);
		resp_name(&h->w.out, "MGET");
		for (size_t i = 0; i < n; i++)
			resp_word(&h->w.out, fresh[i]->str, fresh[i]->len);
		e = redis_shard_ask(h, "MGET", &r, why);
		for (size_t i = 0; !e && i < n && i < r->elements; i++) {
			struct slice value = redis_text_of(r->element[i]); /* absent: deleted since the SCAN */
			if (value.p)
				e = visit(ctx, slice_make(fresh[i]->str + skip, fresh[i]->len - skip), value, 0);
		}
		freeReplyObject(r);
	}
	free(fresh);
	return e;
}

/* The records of one bucket but for the marks of large ones. */
static enum err visit_bucket(struct store_shard *h, uint32_t bucket, struct seen *seen, store_visit *visit, void *ctx, struct err_text *why)
{
	char cursor[32] = "0";
	enum err e = ERR_OK;
	do {
		redisReply *page;
		buf_reset(&h->w.out);
		resp_command(&h->w.out, 5);
		resp_name(&h->w.out, "HSCAN");
		redis_word_bucket_key(&h->w, bucket);
		resp_word(&h->w.out, cursor, strlen(cursor));
		resp_name(&h->w.out, "COUNT");
		resp_name(&h->w.out, "1000");
		e = scan_answer(h, "HSCAN", cursor, &page, why);
		if (e)
			return e;
		const redisReply *all = page->element[1];
		for (size_t i = 0; i + 1 < all->elements && !e; i += 2) {
			struct slice key = redis_text_of(all->element[i]), value = redis_text_of(all->element[i + 1]);
			if (value.len && seen_add(seen, hash128(key.p, key.len, 0)))
				e = visit(ctx, key, value, 0);
		}
		freeReplyObject(page);
	} while (!e && strcmp(cursor, "0") != 0);
	return e;
}

enum err redis_values(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why)
{
	char cursor[32] = "0";
	struct seen seen = {0};
	enum err e = ERR_OK;
	assert(!h->pending && !h->reading);
	for (uint32_t b = 0; b < REDIS_BUCKETS && space == SPACE_RECORD && !e; b++)
		e = visit_bucket(h, b, &seen, visit, ctx, why);
	while (!e) {
		redisReply *page;
		e = scan(h, redis_space_prefix[space], cursor, &page, why);
		if (e)
			break;
		e = visit_page(h, page->element[1], &seen, visit, ctx, why);
		freeReplyObject(page);
		if (strcmp(cursor, "0") == 0)
			break;
	}
	free(seen.slots);
	return e;
}

static int by_value(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

struct day_list {
	int32_t *v; /* owned */
	size_t cnt, cap;
};

/* The days of the shard's keys that begin with `what`. */
static enum err scan_days(struct store_shard *h, const char *what, struct day_list *days, struct err_text *why)
{
	char cursor[32] = "0";
	do {
		redisReply *page;
		enum err e = scan(h, what, cursor, &page, why);
		if (e)
			return e;
		const redisReply *keys = page->element[1];
		GROW(days->v, days->cap, days->cnt + keys->elements);
		for (size_t i = 0; i < keys->elements; i++)
			days->v[days->cnt++] = (int32_t)strtol(keys->element[i]->str + h->w.prefix.len + strlen(what), NULL, 10);
		freeReplyObject(page);
	} while (strcmp(cursor, "0") != 0);
	return ERR_OK;
}

enum err redis_days(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	struct day_list days = {0};
	assert(!h->pending && !h->reading);
	enum err e = scan_days(h, "ends:", &days, why);
	if (!e && h->w.mixed)
		e = scan_days(h, "day:", &days, why);
	if (!e && days.cnt > 1)
		qsort(days.v, days.cnt, sizeof *days.v, by_value);
	for (size_t i = 0; i < days.cnt && !e; i++)
		if (i == 0 || days.v[i] != days.v[i - 1])
			e = visit(ctx, SLICE_NONE, SLICE_NONE, days.v[i]);
	free(days.v);
	return e;
}

/* The members of one day that `h->w.out` asks for. */
static enum err visit_day(struct store_shard *h, const char *doing, int32_t day, size_t *cnt, store_visit *visit, void *ctx,
			  struct err_text *why)
{
	redisReply *r;
	enum err e = redis_shard_ask(h, doing, &r, why);
	*cnt = e ? 0 : r->elements;
	for (size_t i = 0; !e && i < r->elements; i++)
		e = visit(ctx, redis_text_of(r->element[i]), SLICE_NONE, day);
	freeReplyObject(r);
	return e;
}

enum err redis_day(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why)
{
	size_t cnt;
	assert(!h->pending && !h->reading);
	if (max == 0)
		return ERR_OK;
	buf_reset(&h->w.out);
	resp_command(&h->w.out, 4);
	resp_name(&h->w.out, "LRANGE");
	redis_word_day_key(&h->w, day);
	resp_name(&h->w.out, "0");
	redis_word_unsigned(&h->w, max - 1);
	enum err e = visit_day(h, "LRANGE of a day", day, &cnt, visit, ctx, why);
	if (e || cnt || !h->w.mixed)
		return e;
	buf_reset(&h->w.out);
	resp_command(&h->w.out, 3);
	resp_name(&h->w.out, "SRANDMEMBER");
	redis_word_old_day_key(&h->w, day);
	redis_word_unsigned(&h->w, max);
	return visit_day(h, "SRANDMEMBER of a day", day, &cnt, visit, ctx, why);
}
