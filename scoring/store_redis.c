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
#include "scoring/redis_shard.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- one question, one answer (outside of the cycle) ---- */

enum err redis_shard_fail(struct store_shard *h, enum err e)
{
	if (e)
		h->dead = true;
	return e;
}

static enum err dead(struct err_text *why)
{
	return err_set(why, ERR_AWAY, "the connection to Redis failed before: the shard has to be taken again");
}

enum err redis_shard_ask(struct store_shard *h, const char *doing, redisReply **out, struct err_text *why)
{
	*out = NULL;
	if (h->dead)
		return dead(why);
	enum err e = redis_send(h->c, &h->w.out, why);
	buf_reset(&h->w.out);
	if (!e)
		e = redis_answer(h->c, doing, out, why);
	return redis_shard_fail(h, e);
}

enum err redis_strange(const char *doing, struct err_text *why)
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

/* A shard that another made between this look and our first commit fences that commit, which expected none. */
static enum err look_at_layout(struct store_shard *h, struct err_text *why)
{
	redisReply *r;
	resp_command(&h->w.out, 3);
	resp_name(&h->w.out, "MGET");
	redis_word_key(&h->w, SLICE_LIT("meta"));
	redis_word_key(&h->w, SLICE_LIT("layout"));
	enum err e = redis_shard_ask(h, "MGET of the layout", &r, why);
	if (e)
		return e;
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2) {
		e = redis_strange("MGET", why);
	} else {
		struct slice layout = redis_text_of(r->element[1]);
		h->w.fresh = !redis_text_of(r->element[0]).p;
		h->w.mixed = !h->w.fresh && !layout.p;
		if (layout.p && !slice_is(layout, REDIS_LAYOUT))
			e = err_set(why, ERR_CORRUPT,
				    "%.*s the state in Redis has layout " SLICE_FMT ", this program knows " REDIS_LAYOUT
				    ": a newer version wrote it",
				    (int)h->w.prefix.len, h->w.prefix.p, SLICE_ARG(layout));
	}
	freeReplyObject(r);
	return e;
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
	if (!e)
		e = look_at_layout(h, why);
	if (e) {
		redisFree(h->c);
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
	free(h->w.bucket);
	free(h->w.order);
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
		return redis_shard_fail(h, fenced(h, why));
	redis_write_commit(&h->w, c);
	h->w.fresh = false;
	h->watching = false;
	enum err e = redis_send(h->c, &h->w.out, why);
	h->pending = !e;
	return redis_shard_fail(h, e);
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
		return redis_strange("EXEC", why);
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
	return h->pending ? redis_shard_fail(h, collect_commit(h, why)) : ERR_OK;
}

/* ---- read ---- */

/* HMGET of the records, one command a bucket. The order stays until the answers are here. */
static void ask_buckets(struct store_shard *h, const struct store_key *keys, size_t n)
{
	struct redis_writer *w = &h->w;
	redis_sort_begin(w, n);
	for (size_t i = 0; i < n; i++)
		if (keys[i].space == SPACE_RECORD)
			redis_sort_add(w, i, keys[i].key);
		else
			redis_sort_skip(w, i);
	redis_sort_end(w, n);
	for (uint32_t b = 0; b < REDIS_BUCKETS; b++)
		for (size_t i = w->first[b], m; i < w->first[b + 1]; i += m) {
			m = redis_chunk(w->first[b + 1] - i);
			resp_command(&w->out, 2 + m);
			resp_name(&w->out, "HMGET");
			redis_word_bucket_key(w, b);
			for (size_t k = i; k < i + m; k++)
				resp_word(&w->out, keys[w->order[k]].key.p, keys[w->order[k]].key.len);
		}
}

/* Is it asked for as a key of its own? A record may be one of the first layout. */
static bool is_string(const struct store_shard *h, const struct store_key *k)
{
	return k->space != SPACE_RECORD || h->w.mixed;
}

static void ask_strings(struct store_shard *h, const struct store_key *keys, size_t n)
{
	struct redis_writer *w = &h->w;
	size_t cnt = 0, left = 0;
	for (size_t i = 0; i < n; i++)
		cnt += is_string(h, &keys[i]);
	for (size_t i = 0; i < n && cnt; i++) {
		if (!is_string(h, &keys[i]))
			continue;
		if (!left) {
			left = redis_chunk(cnt);
			resp_command(&w->out, 1 + left);
			resp_name(&w->out, "MGET");
		}
		redis_word_value_key(w, &keys[i]);
		left--;
		cnt--;
	}
}

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
	ask_buckets(h, keys, n);
	ask_strings(h, keys, n);
	enum err e = redis_send(h->c, &h->w.out, why);
	h->reading = !e;
	h->asked = n;
	h->keys = keys;
	return redis_shard_fail(h, e);
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
	out->meta = redis_text_of(r);
	h->has_meta = out->meta.p != NULL;
	memset(h->id, 0, sizeof h->id); /* stays so for a meta too short to have an id: no commit matches it */
	if (h->has_meta && out->meta.len >= sizeof h->id)
		memcpy(h->id, out->meta.p, sizeof h->id);
	return ERR_OK;
}

/* The answer to an MGET or HMGET of `n`. */
static enum err array_answer(struct store_shard *h, const char *doing, size_t n, redisReply **out, struct err_text *why)
{
	enum err e = keep_answer(h, doing, out, why);
	if (!e && ((*out)->type != REDIS_REPLY_ARRAY || (*out)->elements != n))
		e = redis_strange(doing, why);
	return e;
}

static enum err collect_buckets(struct store_shard *h, struct err_text *why)
{
	const struct redis_writer *w = &h->w;
	for (uint32_t b = 0; b < REDIS_BUCKETS; b++)
		for (size_t i = w->first[b], n; i < w->first[b + 1]; i += n) {
			redisReply *r;
			n = redis_chunk(w->first[b + 1] - i);
			enum err e = array_answer(h, "HMGET of records", n, &r, why);
			if (e)
				return e;
			for (size_t k = 0; k < n; k++)
				h->values[w->order[i + k]] = redis_text_of(r->element[k]);
		}
	return ERR_OK;
}

/* Those of `want`: the next answers to MGET. */
static enum err collect_strings(struct store_shard *h, bool want(const struct store_shard *h, size_t i), struct err_text *why)
{
	redisReply *r = NULL;
	size_t cnt = 0, at = 0, n = 0;
	for (size_t i = 0; i < h->asked; i++)
		cnt += want(h, i);
	for (size_t i = 0; i < h->asked && cnt; i++) {
		if (!want(h, i))
			continue;
		if (at == n) {
			at = 0;
			n = redis_chunk(cnt);
			enum err e = array_answer(h, "MGET of values", n, &r, why);
			if (e)
				return e;
		}
		struct slice text = redis_text_of(r->element[at++]);
		/* a large record that is not there stays empty: it is damaged, not new */
		if (h->keys[i].space != SPACE_RECORD || (h->values[i].len == 0 && text.p))
			h->values[i] = text;
		cnt--;
	}
	return ERR_OK;
}

static bool wants_string(const struct store_shard *h, size_t i)
{
	return is_string(h, &h->keys[i]);
}

/* The bucket says that it is a large one. */
static bool wants_large(const struct store_shard *h, size_t i)
{
	return h->keys[i].space == SPACE_RECORD && h->values[i].p && h->values[i].len == 0;
}

/* A second round trip, where large records are among those asked for. */
static enum err read_large(struct store_shard *h, struct err_text *why)
{
	struct redis_writer *w = &h->w;
	size_t cnt = 0, left = 0;
	buf_reset(&w->out);
	for (size_t i = 0; i < h->asked; i++)
		cnt += wants_large(h, i);
	if (cnt == 0)
		return ERR_OK;
	for (size_t i = 0; i < h->asked && cnt; i++) {
		if (!wants_large(h, i))
			continue;
		if (!left) {
			left = redis_chunk(cnt);
			resp_command(&w->out, 1 + left);
			resp_name(&w->out, "MGET");
		}
		redis_word_value_key(w, &h->keys[i]);
		left--;
		cnt--;
	}
	enum err e = redis_send(h->c, &w->out, why);
	return e ? e : collect_strings(h, wants_large, why);
}

static enum err collect_values(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	GROW(h->values, h->value_cap, h->asked + 1);
	enum err e = collect_buckets(h, why);
	if (!e)
		e = collect_strings(h, wants_string, why);
	if (!e && !h->w.mixed)
		e = read_large(h, why);
	out->values = h->values;
	return e;
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
	return redis_shard_fail(h, e);
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
			*now = arena_copy(a, redis_text_of(r));
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
