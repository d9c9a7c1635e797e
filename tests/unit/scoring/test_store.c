/* SPDX-License-Identifier: Apache-2.0 */
/* One list of contract tests over the three stores, and what is particular to each. Redis is a private server on a socket in a folder of the
 * test; that it cannot be started is a failure. */
#include "base/buf.h"
#include "base/clock.h"
#include "scoring/store.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/ringfence-store-XXXXXX";
static char socket_path[128], redis_url[160], file_path[128];
static pid_t redis_pid;

/* ---- the server ---- */

static redisContext *redis_wait(void)
{
	for (int i = 0; i < 500; i++) {
		redisContext *c = redisConnectUnix(socket_path);
		redisReply *r = c && !c->err ? redisCommand(c, "PING") : NULL;
		bool up = r && r->type == REDIS_REPLY_STATUS;
		freeReplyObject(r);
		if (up)
			return c;
		redisFree(c);
		usleep(20000);
	}
	fail_msg("redis-server does not come up at %s: is it installed?", socket_path);
	return NULL;
}

static void redis_start(void)
{
	redis_pid = fork();
	assert_true(redis_pid >= 0);
	if (redis_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--save", "", "--appendonly", "no",
		       "--dir", folder, "--logfile", "redis.log", (char *)NULL);
		_exit(127);
	}
	redisFree(redis_wait());
}

static void redis_stop(int signal_number)
{
	if (redis_pid > 0) {
		kill(redis_pid, signal_number);
		waitpid(redis_pid, NULL, 0);
	}
	redis_pid = 0;
}

static void redis_do(const char *command)
{
	redisContext *c = redis_wait();
	redisReply *r = redisCommand(c, command);
	assert_non_null(r);
	assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
	freeReplyObject(r);
	redisFree(c);
}

/* ---- one store for one test ---- */

struct fixture {
	const struct store_ops *ops;
	struct store *store;
	struct store_config config;
	struct err_text why;
};

static void remove_file(void)
{
	char name[160];
	unlink(file_path);
	snprintf(name, sizeof name, "%s-lock", file_path);
	unlink(name);
	snprintf(name, sizeof name, "%s.owner", file_path);
	unlink(name);
}

static struct store_config config_of(enum store_kind kind)
{
	return (struct store_config){.kind = kind,
				     .redis_url = redis_url,
				     .redis_password = "",
				     .redis_timeout_ms = 5000,
				     .path = file_path,
				     .map_bytes = INT64_C(1) << 30};
}

static int setup(void **state)
{
	enum store_kind kind = *(const enum store_kind *)*state;
	struct fixture *f = calloc(1, sizeof *f);
	remove_file();
	if (kind == STORE_REDIS)
		redis_do("FLUSHALL");
	f->ops = store_ops(kind);
	f->config = config_of(kind);
	if (f->ops->open(&f->config, false, &f->store, &f->why))
		fail_msg("%s", f->why.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->store)
		f->ops->close(f->store);
	free(f);
	return 0;
}

#define OK(f, call)                                                                          \
	do {                                                                                 \
		enum err e_ = (call);                                                        \
		if (e_)                                                                      \
			fail_msg("%s: %s", err_name(e_), e_ != ERR_OK ? (f)->why.text : ""); \
	} while (0)

static struct store_shard *take(struct fixture *f, int32_t partition)
{
	struct store_shard *h = NULL;
	OK(f, f->ops->shard_open(f->store, "cdr", partition, &h, &f->why));
	return h;
}

static struct store_read read_keys(struct fixture *f, struct store_shard *h, const struct store_key *keys, size_t n)
{
	struct store_read r = {0};
	OK(f, f->ops->read_begin(h, keys, n, &f->why));
	OK(f, f->ops->read_end(h, &r, &f->why));
	return r;
}

static struct slice read_one(struct fixture *f, struct store_shard *h, const char *key)
{
	struct store_key k = {slice_of(key), SPACE_RECORD};
	return read_keys(f, h, &k, 1).values[0];
}

/* A meta: id of 16 equal bytes (0 = none), then a text. */
struct meta {
	char bytes[COMMIT_ID_BYTES + 8];
};

static struct slice meta_of(struct meta *m, int id)
{
	memset(m->bytes, id, COMMIT_ID_BYTES);
	memcpy(m->bytes + COMMIT_ID_BYTES, "the rest", 8);
	return slice_make(m->bytes, sizeof m->bytes);
}

/* Reads nothing: for a commit after a read. */
static enum err commit_only(struct fixture *f, struct store_shard *h, int from, int to, struct store_commit c)
{
	struct meta m;
	memset(c.expect, from, COMMIT_ID_BYTES);
	c.meta = meta_of(&m, to);
	enum err e = f->ops->commit_begin(h, &c, &f->why);
	return e ? e : f->ops->commit_end(h, &f->why);
}

static enum err commit(struct fixture *f, struct store_shard *h, int from, int to, struct store_commit c)
{
	read_keys(f, h, NULL, 0);
	return commit_only(f, h, from, to, c);
}

static struct store_put put(const char *key, struct slice value)
{
	return (struct store_put){.at = {slice_of(key), SPACE_RECORD}, .value = value};
}

static enum err commit_value(struct fixture *f, struct store_shard *h, int from, const char *key, struct slice value)
{
	struct store_put p = put(key, value);
	return commit(f, h, from, from + 1, (struct store_commit){.puts = &p, .put_cnt = 1});
}

/* What a visit showed, as text: "key=value:number " each. */
static enum err note(void *ctx, struct slice key, struct slice value, int64_t number)
{
	buf_printf(ctx, SLICE_FMT "=" SLICE_FMT ":%lld ", SLICE_ARG(key), SLICE_ARG(value), (long long)number);
	return ERR_OK;
}

static void assert_noted(struct buf *b, const char *want)
{
	buf_put_u8(b, 0);
	assert_string_equal(b->data, want);
	buf_reset(b);
}

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

static void blocks_equal_whole_values_after_many_changes(void **state)
{
	struct fixture *f = *state;
	static char want[3][LONG_MAX_BYTES];
	const char *keys[3] = {"+15551230000", "+1555123000", "account:a"};
	uint32_t len[3] = {0};
	uint16_t blocks[LONG_MAX_BYTES / STORE_BLOCK_BYTES];
	struct store_shard *h = take(f, 0);
	seed = 42;
	for (int i = 0; i < 600; i++) {
		uint32_t k = roll(3), kind = len[k] ? roll(8) : 0;
		struct store_put p = put(keys[k], SLICE_NONE);
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
		OK(f, commit(f, h, i % 250, (i + 1) % 250 ? (i + 1) % 250 : 250, (struct store_commit){.puts = &p, .put_cnt = 1}));
		if (i % 250 == 249)
			OK(f, commit(f, h, 250, 0, (struct store_commit){0}));
		struct store_key all[3] = {
			{slice_of(keys[0]), SPACE_RECORD}, {slice_of(keys[1]), SPACE_RECORD}, {slice_of(keys[2]), SPACE_RECORD}};
		struct store_read r = read_keys(f, h, all, 3);
		for (int n = 0; n < 3; n++) {
			assert_int_equal(r.values[n].p != NULL, len[n] != 0);
			assert_true(slice_eq(r.values[n], slice_make(want[n], len[n])));
		}
	}
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

/* ---- Redis alone ---- */

static void redis_keys_are_as_drawn(void **state)
{
	struct fixture *f = *state;
	struct store_put p[] = {put("+15551230000", SLICE_LIT("r")), {.at = {SLICE_LIT("17"), SPACE_SEEN}, .value = SLICE_LIT("s")}};
	struct store_timer t = {slice_of("+15551230000"), 99};
	struct store_day d = {slice_of("+15551230000"), -1, 20782};
	struct store_entry o = {1, SLICE_LIT("event")};
	const char *commands[] = {"GET rf:{cdr:0}:n:+15551230000", "GET rf:{cdr:0}:s:17", "ZSCORE rf:{cdr:0}:timers +15551230000",
				  "SRANDMEMBER rf:{cdr:0}:day:20782", "HGET rf:{cdr:0}:outbox 1"};
	const char *want[] = {"r", "s", "99", "+15551230000", "event"};
	struct store_shard *h = take(f, 0);
	OK(f,
	   commit(f, h, 0, 1,
		  (struct store_commit){
			  .puts = p, .put_cnt = 2, .timers = &t, .timer_cnt = 1, .days = &d, .day_cnt = 1, .outbox = &o, .outbox_cnt = 1}));
	f->ops->shard_close(h);
	redisContext *c = redis_wait();
	for (int i = 0; i < 5; i++) {
		redisReply *r = redisCommand(c, commands[i]);
		assert_string_equal(r->str, want[i]);
		freeReplyObject(r);
	}
	redisFree(c);
}

static void redis_that_dies_is_away_and_serves_a_new_handle(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0), *other = take(f, 1);
	OK(f, commit_value(f, h, 0, "k", SLICE_LIT("v")));
	read_keys(f, h, NULL, 0);
	redis_stop(SIGKILL);
	assert_int_equal(commit_only(f, h, 1, 2, (struct store_commit){0}), ERR_AWAY);
	assert_int_equal(f->ops->read_begin(h, NULL, 0, &f->why), ERR_AWAY); /* and stays so */
	f->ops->shard_close(h);
	assert_int_equal(f->ops->shard_open(f->store, "cdr", 0, &h, &f->why), ERR_AWAY);
	assert_null(h);
	redis_start();
	assert_int_equal(f->ops->timers(other, note, NULL, &f->why), ERR_AWAY);
	f->ops->shard_close(other);
	h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){0})); /* this server kept nothing */
	f->ops->shard_close(h);
}

static void redis_that_hangs_is_away_after_the_timeout(void **state)
{
	struct fixture *f = *state;
	struct store_read r;
	f->ops->close(f->store);
	f->config.redis_timeout_ms = 100;
	OK(f, f->ops->open(&f->config, false, &f->store, &f->why));
	struct store_shard *h = take(f, 0);
	kill(redis_pid, SIGSTOP);
	struct mono_time from = mono_now();
	enum err e = f->ops->read_begin(h, NULL, 0, &f->why);
	if (!e)
		e = f->ops->read_end(h, &r, &f->why);
	double took_s = mono_seconds_since(from);
	kill(redis_pid, SIGCONT);
	assert_int_equal(e, ERR_AWAY);
	assert_non_null(strstr(f->why.text, "state.redis.timeout"));
	assert_true(took_s > 0.05 && took_s < 4);
	f->ops->shard_close(h);
}

static void redis_that_evicts_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	redis_do("CONFIG SET maxmemory-policy allkeys-lru");
	enum err e = f->ops->open(&f->config, false, &s, &f->why), only_reads = f->ops->open(&f->config, true, &s, &f->why);
	redis_do("CONFIG SET maxmemory-policy noeviction");
	assert_int_equal(e, ERR_CONFIG);
	assert_int_equal(only_reads, ERR_OK);
	f->ops->close(s);
}

static void redis_that_is_full_writes_nothing_and_is_away(void **state)
{
	struct fixture *f = *state;
	struct store_put p = put("k", SLICE_LIT("v"));
	struct store_shard *h = take(f, 0);
	read_keys(f, h, NULL, 0);
	redis_do("CONFIG SET maxmemory 1");
	enum err e = commit_only(f, h, 0, 1, (struct store_commit){.puts = &p, .put_cnt = 1});
	redis_do("CONFIG SET maxmemory 0");
	assert_int_equal(e, ERR_AWAY);
	assert_non_null(strstr(f->why.text, "maxmemory"));
	f->ops->shard_close(h);
	h = take(f, 0);
	assert_null(read_keys(f, h, NULL, 0).meta.p);
	f->ops->shard_close(h);
}

static void redis_error_inside_a_commit_stops_the_shard(void **state)
{
	struct fixture *f = *state;
	struct store_entry o = {1, SLICE_LIT("event")};
	struct store_shard *h = take(f, 0);
	redis_do("SET rf:{cdr:0}:outbox 1");
	assert_int_equal(commit(f, h, 0, 1, (struct store_commit){.outbox = &o, .outbox_cnt = 1}), ERR_STATE);
	assert_non_null(strstr(f->why.text, "HSET of the outbox"));
	assert_non_null(strstr(f->why.text, "WRONGTYPE"));
	f->ops->shard_close(h);
}

static void redis_replica_is_away(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	read_keys(f, h, NULL, 0);
	redis_do("REPLICAOF 127.0.0.1 1");
	enum err e = commit_only(f, h, 0, 1, (struct store_commit){0});
	redis_do("REPLICAOF NO ONE");
	assert_int_equal(e, ERR_AWAY);
	f->ops->shard_close(h);
}

static void redis_password_is_needed_and_used(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	char url[200];
	redisContext *c = redis_wait();
	freeReplyObject(redisCommand(c, "CONFIG SET requirepass s3cret"));
	struct store_config with = f->config;
	enum err none = f->ops->open(&f->config, false, &s, &f->why);
	with.redis_password = "wrong";
	enum err wrong = f->ops->open(&with, false, &s, &f->why);
	assert_null(strstr(f->why.text, "wrong'"));
	with.redis_password = "s3cret";
	snprintf(url, sizeof url, "%s?db=3", redis_url);
	with.redis_url = url;
	enum err right = f->ops->open(&with, false, &s, &f->why);
	redisReply *r = redisCommand(c, "CONFIG SET requirepass %s", "");
	freeReplyObject(r);
	redisFree(c);
	assert_int_equal(none, ERR_CONFIG);
	assert_int_equal(wrong, ERR_CONFIG);
	assert_int_equal(right, ERR_OK);
	f->ops->close(s);
}

static void redis_urls_that_cannot_be_read_are_refused(void **state)
{
	struct fixture *f = *state;
	const char *bad[] = {"rediss://h",  "http://h", "redis://",     "redis://h:x",     "redis://h:70000",
			     "redis://h/x", "unix://a", "redis://[::1", "redis://u:%zz@h", "unix:///a?x=1"};
	struct store *s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct store_config c = f->config;
		c.redis_url = bad[i];
		assert_int_equal(f->ops->open(&c, true, &s, &f->why), ERR_CONFIG);
		assert_null(s);
	}
}

/* ---- embedded alone ---- */

static void second_process_is_locked_out(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	char pid[32];
	snprintf(pid, sizeof pid, "process %ld", (long)getpid());
	assert_int_equal(f->ops->open(&f->config, false, &s, &f->why), ERR_LOCKED);
	assert_non_null(strstr(f->why.text, pid));
	assert_null(s);
}

static void file_opened_again_has_everything(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	struct slice now;
	arena_init(&a, 256);
	struct store_shard *h = take(f, 0);
	OK(f, commit_value(f, h, 0, "k", SLICE_LIT("v")));
	OK(f, f->ops->claim(f->store, "demo", SLICE_LIT("mark"), &a, &now, &f->why));
	f->ops->shard_close(h);
	f->ops->close(f->store);
	OK(f, f->ops->open(&f->config, false, &f->store, &f->why));
	h = take(f, 0);
	assert_true(slice_is(read_one(f, h, "k"), "v"));
	OK(f, f->ops->claim(f->store, "demo", SLICE_LIT("other"), &a, &now, &f->why));
	assert_true(slice_is(now, "mark"));
	f->ops->shard_close(h);
	arena_release(&a);
}

static void file_that_is_not_there_cannot_be_looked_at(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct store_config c = f->config;
	c.path = "/tmp/ringfence-no-such-folder/file";
	assert_int_equal(f->ops->open(&c, true, &s, &f->why), ERR_IO);
	assert_non_null(strstr(f->why.text, "No such file"));
	assert_int_equal(f->ops->open(&c, false, &s, &f->why), ERR_IO);
}

static void file_of_something_else_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct store_config c = f->config;
	char name[160];
	snprintf(name, sizeof name, "%s/other", folder);
	FILE *out = fopen(name, "w");
	for (int i = 0; i < 10000; i++)
		fputs("text ", out);
	fclose(out);
	c.path = name;
	assert_int_equal(f->ops->open(&c, false, &s, &f->why), ERR_CORRUPT);
}

static void full_file_writes_nothing_and_is_away(void **state)
{
	struct fixture *f = *state;
	static char big[200000];
	f->ops->close(f->store);
	remove_file();
	f->config.map_bytes = 1 << 20;
	OK(f, f->ops->open(&f->config, false, &f->store, &f->why));
	struct store_shard *h = take(f, 0);
	enum err e = ERR_OK;
	int i = 0;
	for (; i < 50 && !e; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%d", i);
		e = commit_value(f, h, i, key, slice_make(big, sizeof big));
	}
	assert_int_equal(e, ERR_AWAY);
	assert_non_null(strstr(f->why.text, "map_bytes"));
	assert_int_equal(read_keys(f, h, NULL, 0).meta.p[0], i - 1);
	f->ops->shard_close(h);
}

/* Runs `child` in a process of its own that was forked before this one opens anything; it begins at a byte written to the pipe returned. */
static pid_t fork_child(int (*child)(void), int *start)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char byte;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) == 1 ? child() : 99);
	}
	close(fds[0]);
	*start = fds[1];
	return pid;
}

static int look_on(void)
{
	struct store *s;
	struct store_shard *h;
	struct store_read r;
	struct err_text why;
	struct store_key k = {SLICE_LIT("k"), SPACE_RECORD};
	struct store_config c = config_of(STORE_EMBEDDED);
	const struct store_ops *ops = &store_embedded;
	if (ops->open(&c, true, &s, &why) || ops->shard_open(s, "cdr", 0, &h, &why) || ops->read_begin(h, &k, 1, &why) ||
	    ops->read_end(h, &r, &why))
		return 1;
	int status = slice_is(r.values[0], "v") && r.meta.p ? 0 : 2;
	ops->shard_close(h);
	ops->close(s);
	return status;
}

static void reader_looks_on_beside_the_writer(void **state)
{
	struct fixture *f = *state;
	int start, status;
	f->ops->close(f->store);
	f->store = NULL;
	pid_t pid = fork_child(look_on, &start);
	OK(f, f->ops->open(&f->config, false, &f->store, &f->why));
	struct store_shard *h = take(f, 0);
	OK(f, commit_value(f, h, 0, "k", SLICE_LIT("v")));
	assert_int_equal(write(start, "x", 1), 1);
	waitpid(pid, &status, 0);
	close(start);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	OK(f, commit(f, h, 1, 2, (struct store_commit){0})); /* the writer was not disturbed */
	f->ops->shard_close(h);
}

/* Commits as fast as it can: commit n has n in its meta and in all values, one of them long and written in blocks. */
#define CRASH_VALUES 20
#define CRASH_LONG 6000

static int commit_for_ever(void)
{
	static char longer[CRASH_LONG];
	static const uint16_t blocks[] = {0, 1, 2, 3, 4, 5};
	struct fixture f = {.ops = &store_embedded, .config = config_of(STORE_EMBEDDED)};
	struct store_put p[CRASH_VALUES];
	char keys[CRASH_VALUES][8];
	if (f.ops->open(&f.config, false, &f.store, &f.why))
		return 1;
	struct store_shard *h;
	if (f.ops->shard_open(f.store, "cdr", 0, &h, &f.why))
		return 1;
	for (;;) {
		struct store_read r;
		struct store_commit c = {.puts = p, .put_cnt = CRASH_VALUES};
		uint8_t meta[COMMIT_ID_BYTES] = {0};
		uint64_t n = 0;
		if (f.ops->read_begin(h, NULL, 0, &f.why) || f.ops->read_end(h, &r, &f.why))
			return 1;
		if (r.meta.p) {
			memcpy(c.expect, r.meta.p, COMMIT_ID_BYTES);
			memcpy(&n, r.meta.p, 8);
		}
		bool first = n++ == 0;
		memcpy(meta, &n, 8);
		meta[15] = 1;
		c.meta = slice_make(meta, sizeof meta);
		for (int i = 0; i < CRASH_VALUES; i++) {
			snprintf(keys[i], sizeof keys[i], "k%d", i);
			p[i] = put(keys[i], slice_make(&n, 8));
		}
		for (int i = 0; i < CRASH_LONG; i += 8)
			memcpy(longer + i, &n, 8);
		p[0].value = slice_make(longer, sizeof longer);
		p[0].blocks = first ? NULL : blocks;
		p[0].block_cnt = first ? 0 : 6;
		if (f.ops->commit_begin(h, &c, &f.why))
			return 1;
	}
}

static void killed_process_leaves_one_whole_commit(void **state)
{
	struct fixture *f = *state;
	f->ops->close(f->store);
	f->store = NULL;
	uint64_t n = 0, before = 0;
	for (int round = 0; round < 6; round++) {
		int start, status;
		pid_t pid = fork_child(commit_for_ever, &start);
		assert_int_equal(write(start, "x", 1), 1);
		usleep(60000 + (useconds_t)round * 13000); /* at a moment that it cannot know */
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		close(start);
		assert_true(WIFSIGNALED(status));
		OK(f, f->ops->open(&f->config, false, &f->store, &f->why));
		struct store_shard *h = take(f, 0);
		struct store_read r = read_keys(f, h, NULL, 0);
		if (r.meta.p)
			memcpy(&n, r.meta.p, 8);
		assert_true(n >= before);
		before = n;
		for (int i = 0; i < CRASH_VALUES && n; i++) {
			char key[8];
			snprintf(key, sizeof key, "k%d", i);
			struct slice v = read_one(f, h, key);
			assert_int_equal(v.len, i ? 8 : CRASH_LONG);
			for (uint32_t b = 0; b < v.len; b += 8)
				assert_memory_equal(v.p + b, &n, 8);
		}
		f->ops->shard_close(h);
		f->ops->close(f->store);
		f->store = NULL;
	}
	assert_true(n > 0);
}

static void redis_up_for_the_group(void)
{
	assert_non_null(mkdtemp(folder));
	snprintf(socket_path, sizeof socket_path, "%s/redis.sock", folder);
	snprintf(redis_url, sizeof redis_url, "unix://%s", socket_path);
	snprintf(file_path, sizeof file_path, "%s/state.lmdb", folder);
	redis_start();
}

static int group_setup(void **state)
{
	(void)state;
	redis_up_for_the_group();
	return 0;
}

static int group_teardown(void **state)
{
	char name[160];
	(void)state;
	redis_stop(SIGTERM);
	remove_file();
	const char *left[] = {"other", "other-lock", "other.owner", "redis.log", "redis.sock", "dump.rdb"};
	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		snprintf(name, sizeof name, "%s/%s", folder, left[i]);
		unlink(name);
	}
	return rmdir(folder);
}

static enum store_kind memory = STORE_MEMORY, redis = STORE_REDIS, embedded = STORE_EMBEDDED;

#define ONE(test, kind)                                        \
	{                                                      \
#kind ": " #test, test, setup, teardown, &kind \
	}
#define ALL(test) ONE(test, memory), ONE(test, embedded), ONE(test, redis)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(new_shard_has_no_meta),
		ALL(meta_is_read_back),
		ALL(second_taker_fences_the_first_at_commit),
		ALL(fence_is_found_by_the_read_behind_the_commit),
		ALL(commit_that_expects_another_id_is_fenced),
		ALL(read_again_sees_the_new_owner),
		ALL(commit_is_applied_whole_or_not_at_all),
		ALL(commit_is_answered_by_the_next_read),
		ALL(blocks_equal_whole_values_after_many_changes),
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
		ONE(redis_keys_are_as_drawn, redis),
		ONE(redis_that_dies_is_away_and_serves_a_new_handle, redis),
		ONE(redis_that_hangs_is_away_after_the_timeout, redis),
		ONE(redis_that_evicts_is_refused, redis),
		ONE(redis_that_is_full_writes_nothing_and_is_away, redis),
		ONE(redis_error_inside_a_commit_stops_the_shard, redis),
		ONE(redis_replica_is_away, redis),
		ONE(redis_password_is_needed_and_used, redis),
		ONE(redis_urls_that_cannot_be_read_are_refused, redis),
		ONE(second_process_is_locked_out, embedded),
		ONE(file_opened_again_has_everything, embedded),
		ONE(file_that_is_not_there_cannot_be_looked_at, embedded),
		ONE(file_of_something_else_is_refused, embedded),
		ONE(full_file_writes_nothing_and_is_away, embedded),
		ONE(reader_looks_on_beside_the_writer, embedded),
		ONE(killed_process_leaves_one_whole_commit, embedded),
	};
	return cmocka_run_group_tests_name("store", tests, group_setup, group_teardown);
}
