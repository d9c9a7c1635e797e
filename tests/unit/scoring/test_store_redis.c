/* SPDX-License-Identifier: Apache-2.0 */
/* What is particular to the store in Redis: its keys, its failures. */
#include "tests/unit/scoring/store_fixture.h"

/* ---- Redis alone ---- */

static void must_answer(const char *command, const char *want)
{
	redisContext *c = redis_wait();
	redisReply *r = redisCommand(c, command);
	if (want)
		assert_string_equal(r->str ? r->str : r->elements ? r->element[0]->str : "(nothing)", want);
	else
		assert_true(r->type == REDIS_REPLY_NIL || (r->type == REDIS_REPLY_ARRAY && r->elements == 0));
	freeReplyObject(r);
	redisFree(c);
}

static void redis_keys_are_as_drawn(void **state)
{
	struct fixture *f = *state;
	struct store_put p[] = {put("+15551230000", SLICE_LIT("r")),
				{.at = {SLICE_LIT("account:a"), SPACE_RECORD}, .value = SLICE_LIT("large"), .large = true},
				{.at = {SLICE_LIT("17"), SPACE_SEEN}, .value = SLICE_LIT("s")}};
	struct store_timer t = {slice_of("+15551230000"), 99};
	struct store_day d = {slice_of("+15551230000"), -1, 20782};
	struct store_entry o = {1, SLICE_LIT("event")};
	struct store_shard *h = take(f, 0);
	OK(f,
	   commit(f, h, 0, 1,
		  (struct store_commit){
			  .puts = p, .put_cnt = 3, .timers = &t, .timer_cnt = 1, .days = &d, .day_cnt = 1, .outbox = &o, .outbox_cnt = 1}));
	must_answer("HGET rf:{cdr:0}:r:45 +15551230000", "r");
	must_answer("GET rf:{cdr:0}:n:+15551230000", NULL);
	must_answer("HGET rf:{cdr:0}:r:13 account:a", "");
	must_answer("GET rf:{cdr:0}:n:account:a", "large");
	must_answer("GET rf:{cdr:0}:s:17", "s");
	must_answer("ZSCORE rf:{cdr:0}:timers +15551230000", "99");
	must_answer("LRANGE rf:{cdr:0}:ends:20782 0 -1", "+15551230000");
	must_answer("HGET rf:{cdr:0}:outbox 1", "event");
	must_answer("GET rf:{cdr:0}:layout", "2");
	p[1] = (struct store_put){.at = p[1].at, .value = SLICE_LIT("small"), .was_large = true};
	OK(f, commit(f, h, 1, 2, (struct store_commit){.puts = p, .put_cnt = 2}));
	must_answer("HGET rf:{cdr:0}:r:13 account:a", "small");
	must_answer("GET rf:{cdr:0}:n:account:a", NULL);
	f->ops->shard_close(h);
}

static void redis_state_of_the_first_layout_is_read_and_moves_on(void **state)
{
	struct fixture *f = *state;
	struct buf seen = {0};
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){0}));
	f->ops->shard_close(h);
	redis_do("DEL rf:{cdr:0}:layout");
	redis_do("MSET rf:{cdr:0}:n:a one rf:{cdr:0}:n:b two rf:{cdr:0}:n:c three");
	redis_do("SADD rf:{cdr:0}:day:300 a");
	redis_do("SADD rf:{cdr:0}:day:301 b");
	h = take(f, 0);
	assert_true(slice_is(read_one(f, h, "a"), "one"));
	assert_null(read_one(f, h, "none").p);
	struct store_put p[] = {put("a", SLICE_LIT("1")),
				put("b", SLICE_NONE),
				{.at = {SLICE_LIT("d"), SPACE_RECORD}, .value = SLICE_LIT("four"), .large = true}};
	struct store_day d[] = {{slice_of("a"), 300, 302}, {slice_of("d"), -1, 302}};
	OK(f, f->ops->day(h, 300, 10, note, &seen, &f->why));
	OK(f, f->ops->days(h, note, &seen, &f->why));
	assert_noted(&seen, "a=:300 =:300 =:301 ");
	OK(f, commit(f, h, 1, 2, (struct store_commit){.puts = p, .put_cnt = 3, .days = d, .day_cnt = 2}));
	assert_true(slice_is(read_one(f, h, "a"), "1"));
	assert_null(read_one(f, h, "b").p);
	assert_true(slice_is(read_one(f, h, "c"), "three"));
	assert_true(slice_is(read_one(f, h, "d"), "four"));
	must_answer("GET rf:{cdr:0}:n:a", NULL);
	f->ops->shard_close(h);
	h = take(f, 0);
	OK(f, f->ops->days(h, note, &seen, &f->why));
	OK(f, f->ops->day(h, 300, 10, note, &seen, &f->why));
	OK(f, f->ops->day(h, 301, 10, note, &seen, &f->why));
	OK(f, f->ops->day(h, 302, 10, note, &seen, &f->why));
	assert_noted(&seen, "=:301 =:302 b=:301 a=:302 d=:302 ");
	OK(f, f->ops->values(h, SPACE_RECORD, note, &seen, &f->why));
	assert_int_equal(seen.len, strlen("a=1:0 c=three:0 d=four:0 "));
	buf_release(&seen);
	f->ops->shard_close(h);
}

static void redis_state_of_a_newer_layout_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){0}));
	f->ops->shard_close(h);
	redis_do("SET rf:{cdr:0}:layout 3");
	assert_int_equal(f->ops->shard_open(f->store, "cdr", 0, &h, &f->why), ERR_CORRUPT);
	assert_null(h);
}

static void redis_large_record_that_is_gone_is_no_new_one(void **state)
{
	struct fixture *f = *state;
	struct store_put p = {.at = {SLICE_LIT("a"), SPACE_RECORD}, .value = SLICE_LIT("large"), .large = true};
	struct store_shard *h = take(f, 0);
	OK(f, commit(f, h, 0, 1, (struct store_commit){.puts = &p, .put_cnt = 1}));
	redis_do("DEL rf:{cdr:0}:n:a");
	struct slice found = read_one(f, h, "a");
	assert_true(found.p && found.len == 0); /* no record, so it is set aside */
	f->ops->shard_close(h);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(redis_keys_are_as_drawn, redis),
		ONE(redis_state_of_the_first_layout_is_read_and_moves_on, redis),
		ONE(redis_state_of_a_newer_layout_is_refused, redis),
		ONE(redis_large_record_that_is_gone_is_no_new_one, redis),
		ONE(redis_that_dies_is_away_and_serves_a_new_handle, redis),
		ONE(redis_that_hangs_is_away_after_the_timeout, redis),
		ONE(redis_that_evicts_is_refused, redis),
		ONE(redis_that_is_full_writes_nothing_and_is_away, redis),
		ONE(redis_error_inside_a_commit_stops_the_shard, redis),
		ONE(redis_replica_is_away, redis),
		ONE(redis_password_is_needed_and_used, redis),
		ONE(redis_urls_that_cannot_be_read_are_refused, redis),
	};
	return cmocka_run_group_tests_name("store_redis", tests, group_setup, group_teardown);
}
