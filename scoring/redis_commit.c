/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/redis_commit.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct day_move {
	int32_t day;
	uint32_t at; /* in the commit's days */
};

/* ---- words ---- */

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
	int n = snprintf(text, sizeof text, "day:%d", day);
	redis_word_key(w, slice_make(text, (size_t)n));
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

static void put_whole(struct redis_writer *w, const struct store_commit *c, size_t cnt)
{
	size_t left = 0;
	for (size_t i = 0; i < c->put_cnt && cnt; i++) {
		const struct store_put *p = &c->puts[i];
		if (!p->value.len || p->blocks)
			continue;
		if (!left) {
			left = redis_chunk(cnt);
			command(w, 1 + 2 * left, "MSET of records");
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
		if (c->puts[i].value.len)
			continue;
		if (!left) {
			left = redis_chunk(cnt);
			command(w, 1 + left, "DEL of records");
			resp_name(&w->out, "DEL");
		}
		redis_word_value_key(w, &c->puts[i].at);
		left--;
		cnt--;
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
	size_t whole = 0, deletes = 0;
	for (size_t i = 0; i < c->put_cnt; i++) {
		whole += c->puts[i].value.len && !c->puts[i].blocks;
		deletes += c->puts[i].value.len == 0;
	}
	put_whole(w, c, whole);
	for (size_t i = 0; i < c->put_cnt && whole + deletes < c->put_cnt; i++)
		if (c->puts[i].value.len && c->puts[i].blocks)
			put_blocks(w, &c->puts[i]);
	put_deletes(w, c, deletes);
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

/* One SREM or SADD for all subjects of a day: their moves sorted by that day. */
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
		command(w, 2 + n, add ? "SADD of a day" : "SREM of a day");
		if (add)
			resp_name(&w->out, "SADD");
		else
			resp_name(&w->out, "SREM");
		redis_word_day_key(w, w->moves[i].day);
		for (size_t k = i; k < i + n; k++)
			resp_word(&w->out, c->days[w->moves[k].at].key.p, c->days[w->moves[k].at].key.len);
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
