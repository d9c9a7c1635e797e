/* SPDX-License-Identifier: Apache-2.0 */
/* The store in Redis. Keys are drawn in store.h.
 *
 * DESIGN. Each shard handle has its own connection, because EXEC clears every WATCH of its connection: with two shards on one, A's commit
 * failed when B was taken, or a stale B got through. One cycle on the wire:
 *
 *   read_begin    -> WATCH meta, GET meta, MGET (1,000 keys each)      behind the EXEC of the last cycle, if that is on its way
 *   read_end      <- [+OK, +QUEUED..., EXEC's answer], +OK, meta, values
 *   commit_begin  -> MULTI, SET meta, MSET, SETRANGE, DEL, HSET, HDEL, ZADD, ZREM, SREM, SADD, EXEC
 *   commit_end    <- +OK, +QUEUED..., EXEC's answer
 *
 * A commit's bytes are written by ourselves into one buffer that stays with the handle, so it allocates nothing per record. Few commands with
 * many keys (MSET) cost Redis less than many, and bring few answers back.
 *
 * GUARANTEES. A commit is applied whole, and only if the meta is the one that the read saw (WATCH) and the caller expects (compared here). EXEC
 * answers null when another wrote the meta: ERR_FENCED. A command refused while it is queued discards the transaction: nothing is written. An
 * error inside EXEC leaves the other commands applied: ERR_STATE, the shard stops. A connection lost between EXEC and its answer leaves open
 * whether it was applied: ERR_AWAY; whoever takes the shard again reads the meta and knows.
 *
 * ALTERNATIVES. Lua: a script that fails half way keeps its first half, and cost 26 to 46 % more (reference/interop.md section 15). TTLs: wall
 * time, and 64 % more. */
#include "base/arena.h"
#include "base/hash.h"
#include "scoring/redis_commit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE 10000 /* timers in one answer */

struct store {
	struct redis_address at;
	int64_t timeout_ms;
	bool read_only;
};

struct store_shard {
	struct store *store;
	redisContext *c;
	struct redis_writer w;
	bool dead; /* an error was returned: answers and questions may not match any more */

	bool pending; /* a commit is on its way */

	/* the last read; replies stay until the next one, values point into them */
	bool reading, watching;
	size_t asked;
	redisReply **replies;
	size_t reply_cnt, reply_cap;
	struct slice *values;
	size_t value_cap;
	bool has_meta;
	uint8_t id[COMMIT_ID_BYTES];
};

/* ---- one question, one answer (outside of the cycle) ---- */

static enum err fail(struct store_shard *h, enum err e)
{
	if (e)
		h->dead = true;
	return e;
}

static enum err dead(struct err_text *why)
{
	return err_set(why, ERR_AWAY, "the connection to Redis failed before: the shard has to be taken again");
}

static enum err ask(struct store_shard *h, const char *doing, redisReply **out, struct err_text *why)
{
	*out = NULL;
	if (h->dead)
		return dead(why);
	enum err e = redis_send(h->c, &h->w.out, why);
	buf_reset(&h->w.out);
	if (!e)
		e = redis_answer(h->c, doing, out, why);
	return fail(h, e);
}

static struct slice text_of(const redisReply *r)
{
	return r->type == REDIS_REPLY_STRING ? slice_make(r->str, r->len) : SLICE_NONE;
}

static enum err strange(const char *doing, struct err_text *why)
{
	return err_set(why, ERR_STATE, "Redis answers %s with something of another type: is it a Redis server?", doing);
}

/* ---- open ---- */

/* An evicted record would be a subject that silently begins anew. */
static enum err check_eviction(const struct store *s, struct err_text *why)
{
	static const char field[] = "maxmemory_policy:";
	redisContext *c;
	redisReply *r = NULL;
	struct buf out = {0};
	enum err e = redis_open(&s->at, s->timeout_ms, &c, why);
	if (e)
		return e;
	resp_command(&out, 2);
	resp_name(&out, "INFO");
	resp_name(&out, "memory");
	e = redis_send(c, &out, why);
	if (!e)
		e = redis_answer(c, "INFO", &r, why);
	if (!e) {
		const char *p = r->str ? strstr(r->str, field) : NULL;
		int n = p ? (int)strcspn(p += sizeof field - 1, "\r\n") : 0;
		if (n != 10 || strncmp(p, "noeviction", 10) != 0)
			e = err_set(why, ERR_CONFIG,
				    "Redis at %s has maxmemory-policy %.*s: it would drop records when it is full, and numbers would lose "
				    "their history. Set maxmemory-policy noeviction there",
				    s->at.text, n ? n : 7, n ? p : "unknown");
	}
	freeReplyObject(r);
	redisFree(c);
	buf_release(&out);
	return e;
}

static enum err redis_store_open(const struct store_config *c, bool read_only, struct store **out, struct err_text *why)
{
	struct store *s = mem_zalloc(sizeof *s);
	s->timeout_ms = c->redis_timeout_ms;
	s->read_only = read_only;
	enum err e = redis_address_parse(c->redis_url, c->redis_password, &s->at, why);
	if (!e && !read_only)
		e = check_eviction(s, why);
	if (!e && read_only) { /* is it there at all */
		redisContext *look;
		e = redis_open(&s->at, s->timeout_ms, &look, why);
		if (!e)
			redisFree(look);
	}
	if (e)
		free(s);
	*out = e ? NULL : s;
	return e;
}

static void redis_store_close(struct store *s)
{
	free(s);
}

static enum err redis_shard_open(struct store *s, const char *topic, int32_t partition, struct store_shard **out, struct err_text *why)
{
	struct store_shard *h = mem_zalloc(sizeof *h);
	h->store = s;
	buf_printf(&h->w.out, "rf:{%s:%d}:", topic, partition);
	char *prefix = mem_alloc(h->w.out.len);
	memcpy(prefix, h->w.out.data, h->w.out.len);
	h->w.prefix = slice_make(prefix, h->w.out.len);
	buf_puts(&h->w.out, "meta");
	enum err e = redis_open_for(&s->at, s->timeout_ms, buf_slice(&h->w.out), &h->c, why);
	buf_reset(&h->w.out);
	if (e) {
		free(prefix);
		buf_release(&h->w.out);
		free(h);
		h = NULL;
	}
	*out = h;
	return e;
}

static void forget_replies(struct store_shard *h)
{
	for (size_t i = 0; i < h->reply_cnt; i++)
		freeReplyObject(h->replies[i]);
	h->reply_cnt = 0;
}

static void redis_shard_close(struct store_shard *h)
{
	if (!h)
		return;
	forget_replies(h);
	redisFree(h->c);
	free((char *)h->w.prefix.p);
	buf_release(&h->w.out);
	free(h->w.sent);
	free(h->w.moves);
	free(h->replies);
	free(h->values);
	free(h);
}

/* ---- commit ---- */

static enum err fenced(const struct store_shard *h, struct err_text *why)
{
	return err_set(why, ERR_FENCED, "%.*s the commit id in Redis is not ours: another process took the shard, or Redis was set back",
		       (int)h->w.prefix.len, h->w.prefix.p);
}

static const uint8_t no_id[COMMIT_ID_BYTES];

static enum err redis_commit_begin(struct store_shard *h, const struct store_commit *c, struct err_text *why)
{
	assert(!h->store->read_only && !h->pending && !h->reading && c->meta.len >= COMMIT_ID_BYTES);
	if (h->dead)
		return dead(why);
	assert(h->watching);
	bool expects_none = memcmp(c->expect, no_id, COMMIT_ID_BYTES) == 0;
	if (expects_none ? h->has_meta : !h->has_meta || memcmp(c->expect, h->id, COMMIT_ID_BYTES) != 0)
		return fail(h, fenced(h, why));
	redis_write_commit(&h->w, c);
	h->watching = false;
	enum err e = redis_send(h->c, &h->w.out, why);
	h->pending = !e;
	return fail(h, e);
}

/* EXEC's own answer. `queue_words`: the first refusal while the commands were queued, or NULL. */
static enum err exec_answer(const struct store_shard *h, const redisReply *r, size_t refused, const char *queue_words, struct err_text *why)
{
	static const char because[] = "EXECABORT Transaction discarded because of: ";
	if (r->type == REDIS_REPLY_NIL)
		return fenced(h, why);
	if (queue_words)
		return redis_refused(h->w.sent[refused], queue_words, ERR_STATE, why);
	if (r->type == REDIS_REPLY_ERROR) {
		bool inner = strncmp(r->str, because, sizeof because - 1) == 0;
		return redis_refused("EXEC", inner ? r->str + sizeof because - 1 : r->str, ERR_STATE, why);
	}
	if (r->type != REDIS_REPLY_ARRAY || r->elements != h->w.sent_cnt)
		return strange("EXEC", why);
	for (size_t i = 0; i < r->elements; i++)
		if (r->element[i]->type == REDIS_REPLY_ERROR)
			return err_set(
				why, ERR_STATE,
				"%.*s Redis refused the %s inside a commit with '%.200s'; the rest of that commit is stored. Another "
				"program has written into these keys: restore them, or start the deployment anew on an empty database",
				(int)h->w.prefix.len, h->w.prefix.p, h->w.sent[i], r->element[i]->str);
	return ERR_OK;
}

/* The answers to a commit on its way: MULTI's, one for each command, EXEC's. */
static enum err collect_commit(struct store_shard *h, struct err_text *why)
{
	char *words = NULL;
	size_t refused = 0;
	redisReply *r = NULL;
	enum err e = redis_answer(h->c, "MULTI", &r, why);
	freeReplyObject(r);
	for (size_t i = 0; !e && i < h->w.sent_cnt; i++) {
		e = redis_raw_answer(h->c, h->w.sent[i], &r, why);
		if (!e && r->type == REDIS_REPLY_ERROR && !words) {
			words = mem_strdup(r->str);
			refused = i;
		}
		freeReplyObject(r);
	}
	if (!e) {
		e = redis_raw_answer(h->c, "EXEC", &r, why);
		if (!e)
			e = exec_answer(h, r, refused, words, why);
		freeReplyObject(r);
	}
	free(words);
	h->pending = false;
	return e;
}

static enum err redis_commit_end(struct store_shard *h, struct err_text *why)
{
	assert(!h->reading);
	return h->pending ? fail(h, collect_commit(h, why)) : ERR_OK;
}

/* ---- read ---- */

static enum err redis_read_begin(struct store_shard *h, const struct store_key *keys, size_t n, struct err_text *why)
{
	assert(!h->reading);
	if (h->dead)
		return dead(why);
	forget_replies(h);
	buf_reset(&h->w.out);
	if (h->watching) { /* nothing was committed since the last read: that watch is over */
		resp_command(&h->w.out, 1);
		resp_name(&h->w.out, "UNWATCH");
	}
	resp_command(&h->w.out, 2);
	resp_name(&h->w.out, "WATCH");
	redis_word_key(&h->w, SLICE_LIT("meta"));
	resp_command(&h->w.out, 2);
	resp_name(&h->w.out, "GET");
	redis_word_key(&h->w, SLICE_LIT("meta"));
	for (size_t i = 0, m; i < n; i += m) {
		m = redis_chunk(n - i);
		resp_command(&h->w.out, 1 + m);
		resp_name(&h->w.out, "MGET");
		for (size_t k = i; k < i + m; k++)
			redis_word_value_key(&h->w, &keys[k]);
	}
	enum err e = redis_send(h->c, &h->w.out, why);
	h->reading = !e;
	h->asked = n;
	return fail(h, e);
}

/* The next answer, kept until the next read. */
static enum err keep_answer(struct store_shard *h, const char *doing, redisReply **out, struct err_text *why)
{
	enum err e = redis_answer(h->c, doing, out, why);
	if (e)
		return e;
	GROW(h->replies, h->reply_cap, h->reply_cnt + 1);
	h->replies[h->reply_cnt++] = *out;
	return ERR_OK;
}

static enum err collect_meta(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	redisReply *r;
	enum err e = ERR_OK;
	if (h->watching)
		e = keep_answer(h, "UNWATCH", &r, why);
	if (!e)
		e = keep_answer(h, "WATCH", &r, why);
	if (!e)
		e = keep_answer(h, "GET of the meta", &r, why);
	if (e)
		return e;
	h->watching = true;
	out->meta = text_of(r);
	h->has_meta = out->meta.p != NULL;
	memset(h->id, 0, sizeof h->id); /* stays so for a meta too short to have an id: no commit matches it */
	if (h->has_meta && out->meta.len >= sizeof h->id)
		memcpy(h->id, out->meta.p, sizeof h->id);
	return ERR_OK;
}

static enum err collect_values(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	GROW(h->values, h->value_cap, h->asked + 1);
	for (size_t i = 0; i < h->asked;) {
		redisReply *r;
		size_t n = redis_chunk(h->asked - i);
		enum err e = keep_answer(h, "MGET of records", &r, why);
		if (e)
			return e;
		if (r->type != REDIS_REPLY_ARRAY || r->elements != n)
			return strange("MGET", why);
		for (size_t k = 0; k < n; k++)
			h->values[i++] = text_of(r->element[k]);
	}
	out->values = h->values;
	return ERR_OK;
}

static enum err redis_read_end(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	assert(h->reading);
	h->reading = false;
	enum err e = h->pending ? collect_commit(h, why) : ERR_OK;
	if (!e)
		e = collect_meta(h, out, why);
	if (!e)
		e = collect_values(h, out, why);
	return fail(h, e);
}

/* ---- whole collections ---- */

static int by_number(const void *a, const void *b)
{
	const struct store_entry *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

/* In one answer: the pipeline's ceiling bounds it. */
static enum err redis_outbox(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	redisReply *r;
	assert(!h->pending && !h->reading);
	buf_reset(&h->w.out);
	resp_command(&h->w.out, 2);
	resp_name(&h->w.out, "HGETALL");
	redis_word_key(&h->w, SLICE_LIT("outbox"));
	enum err e = ask(h, "HGETALL of the outbox", &r, why);
	if (e)
		return e;
	size_t n = r->elements / 2;
	struct store_entry *entries = mem_alloc((n + 1) * sizeof *entries);
	for (size_t i = 0; i < n; i++)
		entries[i] = (struct store_entry){strtoull(r->element[2 * i]->str, NULL, 10), text_of(r->element[2 * i + 1])};
	qsort(entries, n, sizeof *entries, by_number);
	for (size_t i = 0; i < n && !e; i++)
		e = visit(ctx, SLICE_NONE, entries[i].value, (int64_t)entries[i].number);
	free(entries);
	freeReplyObject(r);
	return e;
}

/* A sorted set is in the order of (score, bytes of the member): ours. */
static enum err redis_timers(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
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
		e = ask(h, "ZRANGE of timers", &r, why);
		if (e)
			return e;
		n = r->elements / 2;
		for (size_t i = 0; i < n && !e; i++)
			e = visit(ctx, text_of(r->element[2 * i]), SLICE_NONE, (int64_t)strtod(r->element[2 * i + 1]->str, NULL));
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
	enum err e = ask(h, "SCAN", out, why);
	if (e)
		return e;
	const redisReply *r = *out;
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || r->element[1]->type != REDIS_REPLY_ARRAY) {
		freeReplyObject(*out);
		return fail(h, strange("SCAN", why));
	}
	snprintf(cursor, 32, "%s", r->element[0]->str);
	return ERR_OK;
}

/* The values of the keys that a page of SCAN named and no page before it. */
static enum err visit_page(struct store_shard *h, const redisReply *keys, struct seen *seen, store_visit *visit, void *ctx,
			   struct err_text *why)
{
	size_t n = 0;
	redisReply *r;
	struct redisReply **fresh = mem_alloc((keys->elements + 1) * sizeof *fresh);
	for (size_t i = 0; i < keys->elements; i++)
		if (seen_add(seen, hash128(keys->element[i]->str, keys->element[i]->len, 0)))
			fresh[n++] = keys->element[i];
	enum err e = ERR_OK;
	if (n) {
		buf_reset(&h->w.out);
		resp_command(&h->w.out, 1 + n);
		resp_name(&h->w.out, "MGET");
		for (size_t i = 0; i < n; i++)
			resp_word(&h->w.out, fresh[i]->str, fresh[i]->len);
		e = ask(h, "MGET", &r, why);
		for (size_t i = 0; !e && i < n && i < r->elements; i++) {
			struct slice value = text_of(r->element[i]); /* absent: deleted since the SCAN */
			uint32_t skip = h->w.prefix.len + 2;
			if (value.p)
				e = visit(ctx, slice_make(fresh[i]->str + skip, fresh[i]->len - skip), value, 0);
		}
		freeReplyObject(r);
	}
	free(fresh);
	return e;
}

static enum err redis_values(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why)
{
	char cursor[32] = "0";
	struct seen seen = {0};
	enum err e;
	assert(!h->pending && !h->reading);
	do {
		redisReply *page;
		e = scan(h, redis_space_prefix[space], cursor, &page, why);
		if (e)
			break;
		e = visit_page(h, page->element[1], &seen, visit, ctx, why);
		freeReplyObject(page);
	} while (!e && strcmp(cursor, "0") != 0);
	free(seen.slots);
	return e;
}

static int by_value(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

static enum err redis_days(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	char cursor[32] = "0";
	int32_t *days = NULL;
	size_t cnt = 0, cap = 0;
	enum err e;
	assert(!h->pending && !h->reading);
	do {
		redisReply *page;
		e = scan(h, "day:", cursor, &page, why);
		if (e)
			break;
		GROW(days, cap, cnt + page->element[1]->elements);
		for (size_t i = 0; i < page->element[1]->elements; i++)
			days[cnt++] = (int32_t)strtol(page->element[1]->element[i]->str + h->w.prefix.len + 4, NULL, 10);
		freeReplyObject(page);
	} while (strcmp(cursor, "0") != 0);
	if (!e && cnt > 1)
		qsort(days, cnt, sizeof *days, by_value);
	for (size_t i = 0; i < cnt && !e; i++)
		if (i == 0 || days[i] != days[i - 1])
			e = visit(ctx, SLICE_NONE, SLICE_NONE, days[i]);
	free(days);
	return e;
}

static enum err redis_day(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why)
{
	redisReply *r;
	assert(!h->pending && !h->reading);
	buf_reset(&h->w.out);
	resp_command(&h->w.out, 3);
	resp_name(&h->w.out, "SRANDMEMBER");
	redis_word_day_key(&h->w, day);
	redis_word_unsigned(&h->w, max);
	enum err e = ask(h, "SRANDMEMBER of a day", &r, why);
	for (size_t i = 0; !e && i < r->elements; i++)
		e = visit(ctx, text_of(r->element[i]), SLICE_NONE, day);
	freeReplyObject(r);
	return e;
}

/* ---- the deployment's mark ---- */

/* SETNX and GET in one go: nobody ever deletes the key between them. */
static enum err redis_claim(struct store *s, const char *deployment, struct slice value, struct arena *a, struct slice *now,
			    struct err_text *why)
{
	redisContext *c;
	redisReply *r = NULL;
	struct buf out = {0};
	struct slice key = arena_printf(a, "rf:{deployment:%s}", deployment);
	assert(!value.len || !s->read_only);
	enum err e = redis_open_for(&s->at, s->timeout_ms, key, &c, why);
	if (e)
		return e;
	if (value.len) {
		resp_command(&out, 3);
		resp_name(&out, "SETNX");
		resp_word(&out, key.p, key.len);
		resp_word(&out, value.p, value.len);
	}
	resp_command(&out, 2);
	resp_name(&out, "GET");
	resp_word(&out, key.p, key.len);
	e = redis_send(c, &out, why);
	if (!e && value.len) {
		e = redis_answer(c, "SETNX of the deployment", &r, why);
		freeReplyObject(r);
	}
	if (!e) {
		e = redis_answer(c, "GET of the deployment", &r, why);
		if (!e)
			*now = arena_copy(a, text_of(r));
		freeReplyObject(r);
	}
	redisFree(c);
	buf_release(&out);
	return e;
}

const struct store_ops store_redis = {
	.name = "redis",
	.open = redis_store_open,
	.close = redis_store_close,
	.shard_open = redis_shard_open,
	.shard_close = redis_shard_close,
	.read_begin = redis_read_begin,
	.read_end = redis_read_end,
	.commit_begin = redis_commit_begin,
	.commit_end = redis_commit_end,
	.outbox = redis_outbox,
	.timers = redis_timers,
	.values = redis_values,
	.days = redis_days,
	.day = redis_day,
	.claim = redis_claim,
};
