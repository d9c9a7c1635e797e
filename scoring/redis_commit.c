/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/redis_commit.h"

#include "base/clock.h"
#include "base/hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct day_move {
	int32_t day;
	uint32_t at; /* in the commit's days */
};

const char redis_space_prefix[][3] = {[SPACE_RECORD] = "n:", [SPACE_HISTORY] = "h:", [SPACE_SEEN] = "s:"};

/* ---- words ---- */

void redis_word_key(struct redis_writer *w, struct slice name)
{
	resp_pair(&w->out, w->prefix, name);
}

void redis_word_value_key(struct redis_writer *w, const struct store_key *k)
{
	struct buf *b = &w->out;
	resp_size(b, '$', (size_t)w->prefix.len + 2 + k->key.len);
	buf_put(b, w->prefix.p, w->prefix.len);
	buf_put(b, redis_space_prefix[k->space], 2);
	buf_put(b, k->key.p, k->key.len);
	buf_put(b, "\r\n", 2);
}

void redis_word_day_key(struct redis_writer *w, int32_t day)
{
	char text[24];
	int n = snprintf(text, sizeof text, "ends:%d", day);
	redis_word_key(w, slice_make(text, (size_t)n));
}

void redis_word_old_day_key(struct redis_writer *w, int32_t day)
{
	char text[24];
	int n = snprintf(text, sizeof text, "day:%d", day);
	redis_word_key(w, slice_make(text, (size_t)n));
}

void redis_word_bucket_key(struct redis_writer *w, uint32_t bucket)
{
	char text[24];
	int n = snprintf(text, sizeof text, "r:%u", (unsigned)bucket);
	redis_word_key(w, slice_make(text, (size_t)n));
}

/* ---- buckets ---- */

static uint8_t bucket_of(struct slice key)
{
	return (uint8_t)(hash64(key.p, key.len, 0) % REDIS_BUCKETS);
}

void redis_sort_begin(struct redis_writer *w, size_t n)
{
	GROW(w->bucket, w->bucket_cap, n + 1);
	GROW(w->order, w->order_cap, n + 1);
	w->sorted = 0;
	memset(w->first, 0, sizeof w->first);
}

void redis_sort_add(struct redis_writer *w, size_t i, struct slice key)
{
	w->bucket[i] = bucket_of(key);
	w->first[w->bucket[i] + 1]++;
	w->sorted++;
}

void redis_sort_skip(struct redis_writer *w, size_t i)
{
	w->bucket[i] = REDIS_BUCKETS;
}

void redis_sort_end(struct redis_writer *w, size_t n)
{
	uint32_t at[REDIS_BUCKETS];
	for (uint32_t b = 0; b < REDIS_BUCKETS; b++) {
		w->first[b + 1] += w->first[b];
		at[b] = w->first[b];
	}
	for (size_t i = 0; i < n && w->sorted; i++)
		if (w->bucket[i] != REDIS_BUCKETS)
			w->order[at[w->bucket[i]]++] = (uint32_t)i;
}

void redis_word_unsigned(struct redis_writer *w, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	resp_word(&w->out, text, (size_t)n);
}

/* A command inside the transaction. `what` stands in messages. */
static void command(struct redis_writer *w, size_t words, const char *what)
{
	GROW(w->sent, w->sent_cap, w->sent_cnt + 1);
	w->sent[w->sent_cnt++] = what;
	resp_command(&w->out, words);
}

size_t redis_chunk(size_t left)
{
	return left < REDIS_CHUNK ? left : REDIS_CHUNK;
}

/* ---- values ---- */

static bool is_record(const struct store_put *p)
{
	return p->at.space == SPACE_RECORD;
}

/* Stands in a hash: small, or the mark of a large one. */
static bool goes_to_bucket(const struct store_put *p)
{
	return is_record(p) && p->value.len && !p->blocks;
}

static bool goes_to_string(const struct store_put *p)
{
	return p->value.len && !p->blocks && (!is_record(p) || p->large);
}

static bool leaves_string(const struct redis_writer *w, const struct store_put *p)
{
	if (!p->value.len)
		return true;
	return goes_to_bucket(p) && !p->large && (p->was_large || w->mixed);
}

static void put_strings(struct redis_writer *w, const struct store_commit *c, size_t cnt)
{
	size_t left = 0;
	for (size_t i = 0; i < c->put_cnt && cnt; i++) {
		const struct store_put *p = &c->puts[i];
		if (!goes_to_string(p))
			continue;
		if (!left) {
			left = redis_chunk(cnt);
			command(w, 1 + 2 * left, "MSET of values");
			resp_name(&w->out, "MSET");
		}
		redis_word_value_key(w, &p->at);
		resp_word(&w->out, p->value.p, p->value.len);
		left--;
		cnt--;
	}
}

static void put_deletes(struct redis_writer *w, const struct store_commit *c, size_t cnt)
{
	size_t left = 0;
	for (size_t i = 0; i < c->put_cnt && cnt; i++) {
		if (!leaves_string(w, &c->puts[i]))
			continue;
		if (!left) {
			left = redis_chunk(cnt);
			command(w, 1 + left, "DEL of values");
			resp_name(&w->out, "DEL");
		}
		redis_word_value_key(w, &c->puts[i].at);
		left--;
		cnt--;
	}
}

/* HSET of what goes to the buckets, or HDEL of the records that go: one command a bucket. */
static void put_buckets(struct redis_writer *w, const struct store_commit *c, bool set)
{
	redis_sort_begin(w, c->put_cnt);
	for (size_t i = 0; i < c->put_cnt; i++) {
		const struct store_put *p = &c->puts[i];
		if (set ? goes_to_bucket(p) : is_record(p) && !p->value.len)
			redis_sort_add(w, i, p->at.key);
		else
			redis_sort_skip(w, i);
	}
	redis_sort_end(w, c->put_cnt);
	for (uint32_t b = 0; b < REDIS_BUCKETS; b++)
		for (size_t i = w->first[b], n; i < w->first[b + 1]; i += n) {
			n = redis_chunk(w->first[b + 1] - i);
			command(w, 2 + (set ? 2 : 1) * n, set ? "HSET of records" : "HDEL of records");
			if (set)
				resp_name(&w->out, "HSET");
			else
				resp_name(&w->out, "HDEL");
			redis_word_bucket_key(w, b);
			for (size_t k = i; k < i + n; k++) {
				const struct store_put *p = &c->puts[w->order[k]];
				resp_word(&w->out, p->at.key.p, p->at.key.len);
				if (set)
					resp_word(&w->out, p->value.p, p->large ? 0 : p->value.len);
			}
		}
}

/* Blocks that follow each other go out as one range. */
static void put_blocks(struct redis_writer *w, const struct store_put *p)
{
	for (uint32_t i = 0, k; i < p->block_cnt; i = k) {
		for (k = i + 1; k < p->block_cnt && p->blocks[k] == p->blocks[k - 1] + 1;)
			k++;
		uint32_t from = (uint32_t)p->blocks[i] * STORE_BLOCK_BYTES, to = ((uint32_t)p->blocks[k - 1] + 1) * STORE_BLOCK_BYTES;
		if (to > p->value.len)
			to = p->value.len;
		assert(from < to);
		command(w, 4, "SETRANGE of a record");
		resp_name(&w->out, "SETRANGE");
		redis_word_value_key(w, &p->at);
		redis_word_unsigned(w, from);
		resp_word(&w->out, p->value.p + from, to - from);
	}
}

static void put_puts(struct redis_writer *w, const struct store_commit *c)
{
	size_t strings = 0, blocks = 0, small = 0, leave = 0, gone = 0;
	for (size_t i = 0; i < c->put_cnt; i++) {
		const struct store_put *p = &c->puts[i];
		strings += goes_to_string(p);
		blocks += p->value.len && p->blocks;
		small += goes_to_bucket(p);
		leave += leaves_string(w, p);
		gone += is_record(p) && !p->value.len;
	}
	put_strings(w, c, strings);
	for (size_t i = 0; i < c->put_cnt && blocks; i++)
		if (c->puts[i].value.len && c->puts[i].blocks)
			put_blocks(w, &c->puts[i]);
	if (small)
		put_buckets(w, c, true);
	if (gone)
		put_buckets(w, c, false);
	put_deletes(w, c, leave);
}

static void put_appends(struct redis_writer *w, const struct store_commit *c)
{
	for (size_t i = 0; i < c->append_cnt; i++) {
		command(w, 4, "SETRANGE of a history");
		resp_name(&w->out, "SETRANGE");
		redis_word_value_key(w, &c->appends[i].at);
		redis_word_unsigned(w, c->appends[i].offset);
		resp_word(&w->out, c->appends[i].bytes.p, c->appends[i].bytes.len);
	}
}

static void put_outbox(struct redis_writer *w, const struct store_commit *c)
{
	for (size_t i = 0, n; i < c->outbox_cnt; i += n) {
		n = redis_chunk(c->outbox_cnt - i);
		command(w, 2 + 2 * n, "HSET of the outbox");
		resp_name(&w->out, "HSET");
		redis_word_key(w, SLICE_LIT("outbox"));
		for (size_t k = i; k < i + n; k++) {
			redis_word_unsigned(w, c->outbox[k].number);
			resp_word(&w->out, c->outbox[k].value.p, c->outbox[k].value.len);
		}
	}
	for (size_t i = 0, n; i < c->acked_cnt; i += n) {
		n = redis_chunk(c->acked_cnt - i);
		command(w, 2 + n, "HDEL of the outbox");
		resp_name(&w->out, "HDEL");
		redis_word_key(w, SLICE_LIT("outbox"));
		for (size_t k = i; k < i + n; k++)
			redis_word_unsigned(w, c->acked[k]);
	}
}

static void put_timers(struct redis_writer *w, const struct store_commit *c, bool set)
{
	size_t cnt = 0, left = 0;
	for (size_t i = 0; i < c->timer_cnt; i++)
		cnt += (c->timers[i].due_ms != TIME_NONE) == set;
	for (size_t i = 0; i < c->timer_cnt && cnt; i++) {
		const struct store_timer *t = &c->timers[i];
		if ((t->due_ms != TIME_NONE) != set)
			continue;
		if (!left) {
			left = redis_chunk(cnt);
			command(w, 2 + (set ? 2 : 1) * left, set ? "ZADD of timers" : "ZREM of timers");
			if (set)
				resp_name(&w->out, "ZADD");
			else
				resp_name(&w->out, "ZREM");
			redis_word_key(w, SLICE_LIT("timers"));
		}
		if (set) {
			assert(t->due_ms < INT64_C(1) << 53 && t->due_ms > -(INT64_C(1) << 53)); /* a score is a double */
			resp_integer(&w->out, t->due_ms);
		}
		resp_word(&w->out, t->key.p, t->key.len);
		left--;
		cnt--;
	}
}

static int by_day(const void *a, const void *b)
{
	const struct day_move *x = a, *y = b;
	return x->day != y->day ? (x->day > y->day) - (x->day < y->day) : (x->at > y->at) - (x->at < y->at);
}

/* A word that begins a command on one day's list for the next `n` of the sorted moves. */
static void day_moves(struct redis_writer *w, const struct store_commit *c, size_t at, size_t n)
{
	for (size_t k = at; k < at + n; k++) {
		struct slice key = c->days[w->moves[k].at].key;
		resp_word(&w->out, key.p, key.len);
	}
}

/* What a sweep took: it stands near the head of its list, or in a set of the first layout. */
static void leave_day(struct redis_writer *w, const struct store_commit *c, size_t at, size_t n)
{
	for (size_t k = at; k < at + n; k++) {
		command(w, 4, "LREM of a day");
		resp_name(&w->out, "LREM");
		redis_word_day_key(w, w->moves[k].day);
		resp_name(&w->out, "1");
		day_moves(w, c, k, 1);
	}
	if (!w->mixed)
		return;
	command(w, 2 + n, "SREM of a day");
	resp_name(&w->out, "SREM");
	redis_word_old_day_key(w, w->moves[at].day);
	day_moves(w, c, at, n);
}

static void join_day(struct redis_writer *w, const struct store_commit *c, size_t at, size_t n)
{
	command(w, 2 + n, "RPUSH of a day");
	resp_name(&w->out, "RPUSH");
	redis_word_day_key(w, w->moves[at].day);
	day_moves(w, c, at, n);
}

/* By day: one command for all subjects that join its list. */
static void put_days(struct redis_writer *w, const struct store_commit *c, bool add)
{
	size_t cnt = 0;
	GROW(w->moves, w->move_cap, c->day_cnt);
	for (size_t i = 0; i < c->day_cnt; i++) {
		int32_t day = add ? c->days[i].to : c->days[i].from;
		if (day != -1 && c->days[i].from != c->days[i].to)
			w->moves[cnt++] = (struct day_move){day, (uint32_t)i};
	}
	if (cnt > 1)
		qsort(w->moves, cnt, sizeof *w->moves, by_day);
	for (size_t i = 0, n; i < cnt; i += n) {
		for (n = 1; i + n < cnt && n < REDIS_CHUNK && w->moves[i + n].day == w->moves[i].day;)
			n++;
		if (add)
			join_day(w, c, i, n);
		else
			leave_day(w, c, i, n);
	}
}

void redis_write_commit(struct redis_writer *w, const struct store_commit *c)
{
	buf_reset(&w->out);
	w->sent_cnt = 0;
	resp_command(&w->out, 1);
	resp_name(&w->out, "MULTI");
	command(w, 3, "SET of the meta");
	resp_name(&w->out, "SET");
	redis_word_key(w, SLICE_LIT("meta"));
	resp_word(&w->out, c->meta.p, c->meta.len);
	if (w->fresh) {
		command(w, 3, "SET of the layout");
		resp_name(&w->out, "SET");
		redis_word_key(w, SLICE_LIT("layout"));
		resp_name(&w->out, REDIS_LAYOUT);
	}
	put_puts(w, c);
	put_appends(w, c);
	put_outbox(w, c);
	put_timers(w, c, true);
	put_timers(w, c, false);
	put_days(w, c, false);
	put_days(w, c, true);
	resp_command(&w->out, 1);
	resp_name(&w->out, "EXEC");
}
