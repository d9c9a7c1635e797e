/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of a store: one list of tests over the three of them. */
#include "tests/unit/scoring/store_fixture.h"

#include <pthread.h>

/* ---- the contract ---- */

static void new_shard_has_no_meta(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	struct store_read r = read_keys(f, h, NULL, 0);
	assert_null(r.meta.p);
	assert_null(read_one(f, h, "+15551230000").p);
	OK(f, f->ops->commit_end(h, &f->why));
	f->ops->shard_close(h);
}

static void meta_is_read_back(void **state)
{
	struct fixture *f = *state;
	struct meta m;
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){0}));
	assert_true(slice_eq(read_keys(f, h, NULL, 0).meta, meta_of(&m, 1)));
	f->ops->shard_close(h);
}

static void second_taker_fences_the_first_at_commit(void **state)
{
	struct fixture *f = *state;
	struct store_shard *a = take(f, 0), *b = take(f, 0);
	OK(f, commit(f, a, 0, 1, (struct store_commit){0}));
	read_keys(f, a, NULL, 0);
	OK(f, commit(f, b, 1, 2, (struct store_commit){0}));
	struct store_put p = put("k", SLICE_LIT("of the first"));
	assert_int_equal(commit_only(f, a, 1, 9, (struct store_commit){.puts = &p, .put_cnt = 1}), ERR_FENCED);
	f->ops->shard_close(a);
	assert_null(read_one(f, b, "k").p);
	f->ops->shard_close(b);
}

static void fence_is_found_by_the_read_behind_the_commit(void **state)
{
	struct fixture *f = *state;
	struct meta m;
	struct store_read r;
	struct store_shard *a = take(f, 0), *b = take(f, 0);
	struct store_commit c = {.meta = meta_of(&m, 9)};
	OK(f, commit(f, a, 0, 1, (struct store_commit){0}));
	read_keys(f, a, NULL, 0);
	OK(f, commit(f, b, 1, 2, (struct store_commit){0}));
	memset(c.expect, 1, sizeof c.expect);
	enum err e = f->ops->commit_begin(a, &c, &f->why);
	if (!e)
		e = f->ops->read_begin(a, NULL, 0, &f->why);
	if (!e)
		e = f->ops->read_end(a, &r, &f->why);
	assert_int_equal(e, ERR_FENCED);
	f->ops->shard_close(a);
	f->ops->shard_close(b);
}

static void commit_that_expects_another_id_is_fenced(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	assert_int_equal(commit(f, h, 7, 8, (struct store_commit){0}), ERR_FENCED); /* a new shard */
	f->ops->shard_close(h);
	h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){0}));
	assert_int_equal(commit(f, h, 0, 2, (struct store_commit){0}), ERR_FENCED); /* not new any more */
	f->ops->shard_close(h);
}

static void expecting_no_meta_never_matches_a_meta(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 0, (struct store_commit){0})); /* an id of zeros, which no caller makes */
	assert_int_equal(commit(f, h, 0, 1, (struct store_commit){0}), ERR_FENCED);
	f->ops->shard_close(h);
}

static void read_again_sees_the_new_owner(void **state)
{
	struct fixture *f = *state;
	struct store_shard *a = take(f, 0), *b = take(f, 0);
	read_keys(f, a, NULL, 0);
	OK(f, commit(f, b, 0, 1, (struct store_commit){0}));
	OK(f, commit(f, a, 1, 2, (struct store_commit){0}));
	f->ops->shard_close(a);
	f->ops->shard_close(b);
}

static void commit_is_applied_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	struct store_put p = put("k", SLICE_LIT("v"));
	struct store_timer t = {slice_of("k"), 1000};
	struct store_day d = {slice_of("k"), -1, 20000};
	struct store_entry o = {1, SLICE_LIT("event")};
	struct store_commit all = {
		.puts = &p, .put_cnt = 1, .timers = &t, .timer_cnt = 1, .days = &d, .day_cnt = 1, .outbox = &o, .outbox_cnt = 1};
	for (int id = 7; id >= 0; id -= 7) { /* refused, then applied */
		struct store_shard *h = take(f, 0);
		assert_int_equal(commit(f, h, id, 1, all), id ? ERR_FENCED : ERR_OK);
		f->ops->shard_close(h);
		h = take(f, 0);
		assert_int_equal(read_keys(f, h, NULL, 0).meta.p != NULL, id == 0);
		OK(f, f->ops->values(h, SPACE_RECORD, note, &seen, &f->why));
		OK(f, f->ops->outbox(h, note, &seen, &f->why));
		OK(f, f->ops->timers(h, note, &seen, &f->why));
		OK(f, f->ops->days(h, note, &seen, &f->why));
		assert_noted(&seen, id ? "" : "k=v:0 =event:1 k=:1000 =:20000 ");
		f->ops->shard_close(h);
	}
	buf_release(&seen);
}

static void commit_is_answered_by_the_next_read(void **state)
{
	struct fixture *f = *state;
	struct meta m;
	struct store_shard *h = take(f, 0);
	struct store_put p = put("k", SLICE_LIT("v"));
	struct store_commit c = {.puts = &p, .put_cnt = 1};
	read_keys(f, h, NULL, 0);
	for (int i = 1; i < 20; i++) {
		c.meta = meta_of(&m, i);
		OK(f, f->ops->commit_begin(h, &c, &f->why));
		memset(c.expect, i, sizeof c.expect);
		assert_true(slice_is(read_one(f, h, "k"), "v"));
	}
	assert_true(slice_eq(read_keys(f, h, NULL, 0).meta, meta_of(&m, 19)));
	f->ops->shard_close(h);
}

/* ---- values ---- */

static uint64_t seed = 1;

static uint32_t roll(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

#define LONG_MAX_BYTES (40 * STORE_BLOCK_BYTES)

/* Changes `v` in place as the contract allows for blocks, and names what it changed. */
static uint16_t patch(char *v, uint32_t *len, uint16_t *blocks)
{
	bool changed[LONG_MAX_BYTES / STORE_BLOCK_BYTES] = {false};
	uint32_t old = *len, more = roll(3) ? 0 : roll(3000);
	uint16_t n = 0;
	if (old + more > LONG_MAX_BYTES)
		more = LONG_MAX_BYTES - old;
	for (uint32_t i = old; i < old + more; i++) {
		v[i] = (char)roll(256);
		changed[i / STORE_BLOCK_BYTES] = true;
	}
	*len += more;
	for (uint32_t i = roll(4); i > 0; i--) {
		uint32_t at = roll(*len);
		v[at] = (char)(v[at] + 1);
		changed[at / STORE_BLOCK_BYTES] = true;
	}
	for (uint16_t i = 0; i * STORE_BLOCK_BYTES < (int)*len; i++)
		if (changed[i])
			blocks[n++] = i;
	return n;
}

static enum err count(void *ctx, struct slice key, struct slice value, int64_t number)
{
	(void)key;
	(void)number;
	*(int *)ctx -= value.len != 0;
	return ERR_OK;
}

static void blocks_equal_whole_values_after_many_changes(void **state)
{
	struct fixture *f = *state;
	static char want[3][LONG_MAX_BYTES];
	const char *keys[3] = {"+15551230000", "+1555123000", "account:a"};
	uint32_t len[3] = {0};
	bool large[3] = {false};
	uint16_t blocks[LONG_MAX_BYTES / STORE_BLOCK_BYTES];
	struct store_shard *h = take(f, 0);
	seed = 42;
	for (int i = 0; i < 600; i++) {
		uint32_t k = roll(3), kind = len[k] ? roll(8) : 0;
		struct store_put p = put(keys[k], SLICE_NONE);
		if (kind > 2 && !large[k])
			kind = 0;
		if (kind == 1) {
			len[k] = 0; /* delete */
		} else if (kind == 2) {
			len[k] = 1 + roll(len[k]); /* shrink, written whole */
		} else if (kind == 0) {
			len[k] = 1 + roll(roll(2) ? 2100 : LONG_MAX_BYTES);
			for (uint32_t b = 0; b < len[k]; b++)
				want[k][b] = (char)roll(256);
		} else {
			p.block_cnt = patch(want[k], &len[k], blocks);
			p.blocks = blocks;
		}
		p.value = slice_make(want[k], len[k]);
		p.large = len[k] && (p.blocks || roll(3));
		p.was_large = large[k] && !p.large;
		large[k] = p.large;
		OK(f, commit(f, h, i ? 1 + (i - 1) % 250 : 0, 1 + i % 250, (struct store_commit){.puts = &p, .put_cnt = 1}));
		struct store_key all[3] = {
			{slice_of(keys[0]), SPACE_RECORD}, {slice_of(keys[1]), SPACE_RECORD}, {slice_of(keys[2]), SPACE_RECORD}};
		struct store_read r = read_keys(f, h, all, 3);
		for (int n = 0; n < 3; n++) {
			assert_int_equal(r.values[n].p != NULL, len[n] != 0);
			assert_true(slice_eq(r.values[n], slice_make(want[n], len[n])));
		}
	}
	int there = 0;
	for (int n = 0; n < 3; n++)
		there += len[n] != 0;
	OK(f, f->ops->values(h, SPACE_RECORD, count, &there, &f->why));
	assert_int_equal(there, 0); /* each once, whether it was large before or is */
	f->ops->shard_close(h);
}

/* ---- appends ---- */

static struct store_append append_at(const char *key, uint32_t offset, struct slice bytes)
{
	return (struct store_append){.at = {slice_of(key), SPACE_HISTORY}, .offset = offset, .bytes = bytes};
}

static struct slice read_history(struct fixture *f, struct store_shard *h, const char *key)
{
	struct store_key k = {slice_of(key), SPACE_HISTORY};
	return read_keys(f, h, &k, 1).values[0];
}

static void appended_bytes_stand_at_their_place(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	struct store_append a[] = {append_at("k", 0, SLICE_LIT("begin")), append_at("k", 5, SLICE_LIT("middle")),
				   append_at("k", 2000, SLICE_LIT("end")), append_at("l", 3, SLICE_LIT("x"))};
	OK(f, commit(f, h, 0, 1, (struct store_commit){.appends = a, .append_cnt = 4}));
	struct slice v = read_history(f, h, "k");
	assert_int_equal(v.len, 2003);
	assert_memory_equal(v.p, "beginmiddle", 11);
	for (uint32_t i = 11; i < 2000; i++)
		assert_int_equal(v.p[i], 0);
	assert_memory_equal(v.p + 2000, "end", 3);
	v = read_history(f, h, "l");
	assert_int_equal(v.len, 4);
	assert_memory_equal(v.p, "\0\0\0x", 4);
	a[0] = append_at("k", 1, SLICE_LIT("EGI")); /* over what is there: the length stays */
	OK(f, commit(f, h, 1, 2, (struct store_commit){.appends = a, .append_cnt = 1}));
	v = read_history(f, h, "k");
	assert_int_equal(v.len, 2003);
	assert_memory_equal(v.p, "bEGInmiddle", 11);
	f->ops->shard_close(h);
}

static void append_comes_after_the_put_that_deletes(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	struct store_append a = append_at("k", 0, SLICE_LIT("a long history"));
	struct store_put gone = {.at = {SLICE_LIT("k"), SPACE_HISTORY}};
	OK(f, commit(f, h, 0, 1, (struct store_commit){.appends = &a, .append_cnt = 1}));
	a.bytes = SLICE_LIT("new");
	OK(f, commit(f, h, 1, 2, (struct store_commit){.appends = &a, .append_cnt = 1, .puts = &gone, .put_cnt = 1}));
	assert_true(slice_is(read_history(f, h, "k"), "new"));
	OK(f, commit(f, h, 2, 3, (struct store_commit){.puts = &gone, .put_cnt = 1}));
	assert_null(read_history(f, h, "k").p);
	f->ops->shard_close(h);
}

static void refused_commit_appends_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	struct store_append a = append_at("k", 0, SLICE_LIT("x"));
	assert_int_equal(commit(f, h, 7, 8, (struct store_commit){.appends = &a, .append_cnt = 1}), ERR_FENCED);
	f->ops->shard_close(h);
	h = take(f, 0);
	assert_null(read_history(f, h, "k").p);
	f->ops->shard_close(h);
}

/* Against an array: places and lengths of all sorts, whole values in between. */
static void appends_equal_an_array_after_many_changes(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	static uint8_t want[20000];
	uint32_t len = 0, x = 12345;
	memset(want, 0, sizeof want);
	for (int round = 1; round < 120; round++) {
		uint8_t bytes[1500];
		x = x * 1664525 + 1013904223;
		uint32_t n = 1 + (x >> 8) % (round % 7 == 0 ? 1500 : 60), at = round % 11 == 0 ? (x >> 4) % 16000 : len;
		if (at + n > sizeof want)
			at = (x >> 4) % 8000;
		for (uint32_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(x >> (i % 24));
		struct store_append a = append_at("k", at, slice_make(bytes, n));
		struct store_put whole = {.at = {SLICE_LIT("k"), SPACE_HISTORY}, .value = SLICE_LIT("begun anew")};
		bool anew = round % 40 == 0;
		OK(f,
		   commit(f, h, round - 1, round, (struct store_commit){.appends = &a, .append_cnt = 1, .puts = &whole, .put_cnt = anew}));
		if (anew) {
			memset(want, 0, sizeof want);
			memcpy(want, "begun anew", len = 10);
		}
		memcpy(want + at, bytes, n);
		len = at + n > len ? at + n : len;
		struct slice v = read_history(f, h, "k");
		assert_int_equal(v.len, len);
		assert_memory_equal(v.p, want, len);
	}
	struct buf seen = {0};
	OK(f, f->ops->values(h, SPACE_HISTORY, note, &seen, &f->why));
	assert_memory_equal(seen.data, "k=", 2);
	buf_release(&seen);
	f->ops->shard_close(h);
}

static void values_may_hold_any_byte(void **state)
{
	struct fixture *f = *state;
	char bytes[256];
	struct store_shard *h = take(f, 0);
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	OK(f, commit_value(f, h, 0, "a b\r\n*?[x]", slice_make(bytes, sizeof bytes)));
	assert_true(slice_eq(read_one(f, h, "a b\r\n*?[x]"), slice_make(bytes, sizeof bytes)));
	f->ops->shard_close(h);
}

static void spaces_are_apart(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	char longer[5000];
	memset(longer, 'x', sizeof longer);
	struct store_put p[] = {{.at = {SLICE_LIT("a"), SPACE_RECORD}, .value = SLICE_LIT("1")},
				{.at = {SLICE_LIT("a"), SPACE_HISTORY}, .value = SLICE_LIT("2")},
				{.at = {SLICE_LIT("17"), SPACE_SEEN}, .value = slice_make(longer, sizeof longer)}};
	struct store_key k[] = {{SLICE_LIT("a"), SPACE_HISTORY}, {SLICE_LIT("17"), SPACE_SEEN}, {SLICE_LIT("17"), SPACE_RECORD}};
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){.puts = p, .put_cnt = 3}));
	struct store_read r = read_keys(f, h, k, 3);
	assert_true(slice_is(r.values[0], "2"));
	assert_int_equal(r.values[1].len, sizeof longer);
	assert_null(r.values[2].p);
	OK(f, f->ops->values(h, SPACE_RECORD, note, &seen, &f->why));
	OK(f, f->ops->values(h, SPACE_HISTORY, note, &seen, &f->why));
	assert_noted(&seen, "a=1:0 a=2:0 ");
	OK(f, f->ops->values(h, SPACE_SEEN, note, &seen, &f->why));
	assert_int_equal(seen.len, sizeof longer + strlen("17=:0 "));
	buf_release(&seen);
	f->ops->shard_close(h);
}

#define MANY 5000

static enum err count_visit(void *ctx, struct slice key, struct slice value, int64_t number)
{
	uint8_t *times = ctx;
	(void)number;
	assert_true(slice_eq(key, value));
	char text[16];
	snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(key));
	times[atoi(text + 1)]++;
	return ERR_OK;
}

static void many_values_in_one_commit(void **state)
{
	struct fixture *f = *state;
	static char text[MANY][16];
	static uint8_t times[MANY];
	static struct store_put p[MANY];
	static struct store_key k[MANY];
	struct store_shard *h = take(f, 0);
	memset(times, 0, sizeof times);
	for (int i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof text[i], "+%d", i);
		p[i] = put(text[i], slice_of(text[i]));
		k[i] = p[i].at;
	}
	OK(f, commit(f, h, 0, 1, (struct store_commit){.puts = p, .put_cnt = MANY}));
	struct store_read r = read_keys(f, h, k, MANY);
	for (int i = 0; i < MANY; i++)
		assert_true(slice_is(r.values[i], text[i]));
	OK(f, f->ops->values(h, SPACE_RECORD, count_visit, times, &f->why));
	for (int i = 0; i < MANY; i++)
		assert_int_equal(times[i], 1);
	for (int i = 0; i < MANY; i++)
		p[i].value = i % 2 ? SLICE_NONE : slice_of(text[i]);
	OK(f, commit(f, h, 1, 2, (struct store_commit){.puts = p, .put_cnt = MANY}));
	r = read_keys(f, h, k, MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(r.values[i].p != NULL, i % 2 == 0);
	f->ops->shard_close(h);
}

static void shards_do_not_see_each_other(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	struct store_shard *a = take(f, 1), *b = take(f, 10);
	struct store_timer t = {slice_of("k"), 5};
	OK(f, commit_value(f, b, 0, "k", SLICE_LIT("of 10")));
	OK(f, commit(f, b, 1, 2, (struct store_commit){.timers = &t, .timer_cnt = 1}));
	assert_null(read_keys(f, a, NULL, 0).meta.p);
	assert_null(read_one(f, a, "k").p);
	OK(f, f->ops->timers(a, note, &seen, &f->why));
	OK(f, f->ops->values(a, SPACE_RECORD, note, &seen, &f->why));
	assert_noted(&seen, "");
	OK(f, commit_value(f, a, 0, "k", SLICE_LIT("of 1")));
	assert_true(slice_is(read_one(f, b, "k"), "of 10"));
	buf_release(&seen);
	f->ops->shard_close(a);
	f->ops->shard_close(b);
}

/* ---- lists ---- */

static void outbox_is_in_order_and_acked_entries_leave(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	struct store_entry o[] = {{256, SLICE_LIT("c")}, {9, SLICE_LIT("a")}, {10, SLICE_LIT("b")}, {70000, SLICE_LIT("d")}};
	uint64_t acked[] = {10, 70000};
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){.outbox = o, .outbox_cnt = 4}));
	OK(f, f->ops->outbox(h, note, &seen, &f->why));
	assert_noted(&seen, "=a:9 =b:10 =c:256 =d:70000 ");
	OK(f, commit(f, h, 1, 2, (struct store_commit){.acked = acked, .acked_cnt = 2}));
	OK(f, f->ops->outbox(h, note, &seen, &f->why));
	assert_noted(&seen, "=a:9 =c:256 ");
	buf_release(&seen);
	f->ops->shard_close(h);
}

static void timers_are_in_order_of_due_and_key(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	const int64_t ms = INT64_C(1795000000000);
	struct store_timer t[] = {{slice_of("b"), ms}, {slice_of("c"), ms - 1}, {slice_of("a"), ms}, {slice_of("d"), -5}};
	struct store_timer u[] = {{slice_of("b"), ms + 7}, {slice_of("c"), TIME_NONE}, {slice_of("nobody"), TIME_NONE}};
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){.timers = t, .timer_cnt = 4}));
	OK(f, f->ops->timers(h, note, &seen, &f->why));
	assert_noted(&seen, "d=:-5 c=:1794999999999 a=:1795000000000 b=:1795000000000 ");
	OK(f, commit(f, h, 1, 2, (struct store_commit){.timers = u, .timer_cnt = 3}));
	OK(f, f->ops->timers(h, note, &seen, &f->why));
	assert_noted(&seen, "d=:-5 a=:1795000000000 b=:1795000000007 ");
	buf_release(&seen);
	f->ops->shard_close(h);
}

static enum err add_timer_up(void *ctx, struct slice key, struct slice value, int64_t due_ms)
{
	int64_t *next = ctx;
	(void)key;
	(void)value;
	assert_int_equal(due_ms, (*next)++);
	return ERR_OK;
}

static void more_timers_than_a_page_are_all_there(void **state)
{
	struct fixture *f = *state;
	enum { TIMERS = 25000 };
	static char text[TIMERS][16];
	static struct store_timer t[TIMERS];
	int64_t next = 0;
	struct store_shard *h = take(f, 0);
	for (int i = 0; i < TIMERS; i++) {
		snprintf(text[i], sizeof text[i], "+%d", i * 7919 % TIMERS);
		t[i] = (struct store_timer){slice_of(text[i]), i * 7919 % TIMERS};
	}
	OK(f, commit(f, h, 0, 1, (struct store_commit){.timers = t, .timer_cnt = TIMERS}));
	OK(f, f->ops->timers(h, add_timer_up, &next, &f->why));
	assert_int_equal(next, TIMERS);
	f->ops->shard_close(h);
}

static enum err refuse(void *ctx, struct slice key, struct slice value, int64_t number)
{
	(void)key;
	(void)value;
	(void)number;
	++*(int *)ctx;
	return ERR_LIMIT;
}

static void visit_stops_at_the_first_error(void **state)
{
	struct fixture *f = *state;
	int calls = 0;
	struct store_timer t[] = {{slice_of("a"), 1}, {slice_of("b"), 2}};
	struct store_day d[] = {{slice_of("a"), -1, 5}, {slice_of("b"), -1, 6}, {slice_of("c"), -1, 6}};
	struct store_put p[] = {put("a", SLICE_LIT("1")), put("b", SLICE_LIT("2"))};
	struct store_entry o[] = {{1, SLICE_LIT("x")}, {2, SLICE_LIT("y")}};
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1,
		     (struct store_commit){
			     .puts = p, .put_cnt = 2, .timers = t, .timer_cnt = 2, .days = d, .day_cnt = 3, .outbox = o, .outbox_cnt = 2}));
	assert_int_equal(f->ops->outbox(h, refuse, &calls, &f->why), ERR_LIMIT);
	assert_int_equal(f->ops->timers(h, refuse, &calls, &f->why), ERR_LIMIT);
	assert_int_equal(f->ops->values(h, SPACE_RECORD, refuse, &calls, &f->why), ERR_LIMIT);
	assert_int_equal(f->ops->days(h, refuse, &calls, &f->why), ERR_LIMIT);
	assert_int_equal(f->ops->day(h, 6, 2, refuse, &calls, &f->why), ERR_LIMIT);
	assert_int_equal(calls, 5);
	f->ops->shard_close(h);
}

static void subjects_move_between_days(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	struct store_day d[] = {{slice_of("a"), -1, 20782}, {slice_of("b"), -1, 20783}, {slice_of("c"), -1, 300}};
	struct store_day e[] = {{slice_of("a"), 20782, 20783}, {slice_of("c"), 300, -1}, {slice_of("b"), 20783, 20783}};
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){.days = d, .day_cnt = 3}));
	OK(f, f->ops->days(h, note, &seen, &f->why));
	assert_noted(&seen, "=:300 =:20782 =:20783 ");
	OK(f, commit(f, h, 1, 2, (struct store_commit){.days = e, .day_cnt = 3}));
	OK(f, f->ops->days(h, note, &seen, &f->why));
	assert_noted(&seen, "=:20783 ");
	OK(f, f->ops->day(h, 20783, 1, note, &seen, &f->why));
	assert_int_equal(seen.len, strlen("a=:20783 "));
	buf_reset(&seen);
	OK(f, f->ops->day(h, 20783, 10, note, &seen, &f->why));
	assert_int_equal(seen.len, 2 * strlen("a=:20783 "));
	buf_reset(&seen);
	OK(f, f->ops->day(h, 300, 10, note, &seen, &f->why));
	assert_noted(&seen, "");
	buf_release(&seen);
	f->ops->shard_close(h);
}

static void shard_taken_again_has_everything(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	struct store_timer t = {slice_of("k"), 77};
	struct store_shard *h = take(f, 3);
	OK(f, commit_value(f, h, 0, "k", SLICE_LIT("v")));
	OK(f, commit(f, h, 1, 2, (struct store_commit){.timers = &t, .timer_cnt = 1}));
	f->ops->shard_close(h);
	h = take(f, 3);
	assert_true(slice_is(read_one(f, h, "k"), "v"));
	OK(f, f->ops->timers(h, note, &seen, &f->why));
	assert_noted(&seen, "k=:77 ");
	OK(f, commit(f, h, 2, 3, (struct store_commit){0}));
	buf_release(&seen);
	f->ops->shard_close(h);
}

static void first_claim_of_a_deployment_stays(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	struct slice now;
	arena_init(&a, 256);
	OK(f, f->ops->claim(f->store, "demo", SLICE_NONE, &a, &now, &f->why));
	assert_null(now.p);
	OK(f, f->ops->claim(f->store, "demo", SLICE_LIT("cdr 4"), &a, &now, &f->why));
	assert_true(slice_is(now, "cdr 4"));
	OK(f, f->ops->claim(f->store, "demo", SLICE_LIT("cdr 8"), &a, &now, &f->why));
	assert_true(slice_is(now, "cdr 4"));
	OK(f, f->ops->claim(f->store, "demo", SLICE_NONE, &a, &now, &f->why));
	assert_true(slice_is(now, "cdr 4"));
	OK(f, f->ops->claim(f->store, "demo2", SLICE_NONE, &a, &now, &f->why));
	assert_null(now.p);
	arena_release(&a);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 60

struct worker {
	struct fixture *f;
	int32_t partition;
	enum err err;
	struct err_text why;
	uint64_t read_back;
};

/* Takes its shard, commits a counter again and again, each answered by the read behind it. */
static void *work(void *arg)
{
	struct worker *w = arg;
	const struct store_ops *ops = w->f->ops;
	struct store_shard *h = NULL;
	struct store_read r;
	struct store_key k = {SLICE_LIT("k"), SPACE_RECORD};
	w->err = ops->shard_open(w->f->store, "cdr", w->partition, &h, &w->why);
	for (uint64_t n = 0; n <= ROUNDS && !w->err; n++) {
		struct store_put p = put("k", slice_make(&n, sizeof n));
		struct store_commit c = {.puts = &p, .put_cnt = 1};
		struct meta m;
		c.meta = meta_of(&m, (int)n + 1);
		memset(c.expect, (int)n, sizeof c.expect);
		w->err = ops->read_begin(h, &k, 1, &w->why);
		if (!w->err)
			w->err = ops->read_end(h, &r, &w->why);
		if (!w->err && n) {
			memcpy(&w->read_back, r.values[0].p, sizeof w->read_back);
			if (w->read_back != n - 1)
				break;
		}
		if (!w->err)
			w->err = ops->commit_begin(h, &c, &w->why);
	}
	ops->shard_close(h);
	return NULL;
}

static void shards_of_several_threads_commit_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct worker w[THREADS];
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){.f = f, .partition = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(w[i].err, ERR_OK);
		assert_int_equal(w[i].read_back, ROUNDS - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(new_shard_has_no_meta),
		ALL(meta_is_read_back),
		ALL(second_taker_fences_the_first_at_commit),
		ALL(fence_is_found_by_the_read_behind_the_commit),
		ALL(commit_that_expects_another_id_is_fenced),
		ALL(expecting_no_meta_never_matches_a_meta),
		ALL(read_again_sees_the_new_owner),
		ALL(commit_is_applied_whole_or_not_at_all),
		ALL(commit_is_answered_by_the_next_read),
		ALL(blocks_equal_whole_values_after_many_changes),
		ALL(appended_bytes_stand_at_their_place),
		ALL(append_comes_after_the_put_that_deletes),
		ALL(refused_commit_appends_nothing),
		ALL(appends_equal_an_array_after_many_changes),
		ALL(values_may_hold_any_byte),
		ALL(spaces_are_apart),
		ALL(many_values_in_one_commit),
		ALL(shards_do_not_see_each_other),
		ALL(outbox_is_in_order_and_acked_entries_leave),
		ALL(timers_are_in_order_of_due_and_key),
		ALL(more_timers_than_a_page_are_all_there),
		ALL(visit_stops_at_the_first_error),
		ALL(subjects_move_between_days),
		ALL(shard_taken_again_has_everything),
		ALL(first_claim_of_a_deployment_stays),
		ALL(shards_of_several_threads_commit_side_by_side),
	};
	return cmocka_run_group_tests_name("store", tests, group_setup, group_teardown);
}
