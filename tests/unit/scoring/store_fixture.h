/* SPDX-License-Identifier: Apache-2.0 */
/* A store for one test, of any kind, and short ways to read and commit. Redis is a private server on a socket in a folder of the test; that it
 * cannot be started is a failure. */
#ifndef RINGFENCE_TESTS_STORE_FIXTURE_H
#define RINGFENCE_TESTS_STORE_FIXTURE_H

#include "base/buf.h"
#include "base/clock.h"
#include "scoring/store.h"
#include "tests/unit/unit.h"

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

static inline redisContext *redis_wait(void)
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

static inline void redis_start(void)
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

static inline void redis_stop(int signal_number)
{
	if (redis_pid > 0) {
		kill(redis_pid, signal_number);
		waitpid(redis_pid, NULL, 0);
	}
	redis_pid = 0;
}

static inline void redis_do(const char *command)
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

static inline void remove_file(void)
{
	char name[160];
	unlink(file_path);
	snprintf(name, sizeof name, "%s-lock", file_path);
	unlink(name);
	snprintf(name, sizeof name, "%s.owner", file_path);
	unlink(name);
}

static inline struct store_config config_of(enum store_kind kind)
{
	return (struct store_config){.kind = (int)kind,
				     .redis_url = redis_url,
				     .redis_password = "",
				     .redis_timeout_ms = 5000,
				     .path = file_path,
				     .map_bytes = INT64_C(1) << 30};
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
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

static inline struct store_shard *take(struct fixture *f, int32_t partition)
{
	struct store_shard *h = NULL;
	OK(f, f->ops->shard_open(f->store, "cdr", partition, &h, &f->why));
	return h;
}

static inline struct store_read read_keys(struct fixture *f, struct store_shard *h, const struct store_key *keys, size_t n)
{
	struct store_read r = {0};
	OK(f, f->ops->read_begin(h, keys, n, &f->why));
	OK(f, f->ops->read_end(h, &r, &f->why));
	return r;
}

static inline struct slice read_one(struct fixture *f, struct store_shard *h, const char *key)
{
	struct store_key k = {slice_of(key), SPACE_RECORD};
	return read_keys(f, h, &k, 1).values[0];
}

/* A meta: id of 16 equal bytes (0 = none), then a text. */
struct meta {
	char bytes[COMMIT_ID_BYTES + 8];
};

static inline struct slice meta_of(struct meta *m, int id)
{
	memset(m->bytes, id, COMMIT_ID_BYTES);
	memcpy(m->bytes + COMMIT_ID_BYTES, "the rest", 8);
	return slice_make(m->bytes, sizeof m->bytes);
}

/* Reads nothing: for a commit after a read. */
static inline enum err commit_only(struct fixture *f, struct store_shard *h, int from, int to, struct store_commit c)
{
	struct meta m;
	memset(c.expect, from, COMMIT_ID_BYTES);
	c.meta = meta_of(&m, to);
	enum err e = f->ops->commit_begin(h, &c, &f->why);
	return e ? e : f->ops->commit_end(h, &f->why);
}

static inline enum err commit(struct fixture *f, struct store_shard *h, int from, int to, struct store_commit c)
{
	read_keys(f, h, NULL, 0);
	return commit_only(f, h, from, to, c);
}

static inline struct store_put put(const char *key, struct slice value)
{
	return (struct store_put){.at = {slice_of(key), SPACE_RECORD}, .value = value};
}

static inline enum err commit_value(struct fixture *f, struct store_shard *h, int from, const char *key, struct slice value)
{
	struct store_put p = put(key, value);
	return commit(f, h, from, from + 1, (struct store_commit){.puts = &p, .put_cnt = 1});
}

/* What a visit showed, as text: "key=value:number " each. */
static inline enum err note(void *ctx, struct slice key, struct slice value, int64_t number)
{
	buf_printf(ctx, SLICE_FMT "=" SLICE_FMT ":%lld ", SLICE_ARG(key), SLICE_ARG(value), (long long)number);
	return ERR_OK;
}

static inline void assert_noted(struct buf *b, const char *want)
{
	buf_put_u8(b, 0);
	assert_string_equal(b->data, want);
	buf_reset(b);
}

/* ---- once for all tests of a program ---- */

static inline int group_setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(socket_path, sizeof socket_path, "%s/redis.sock", folder);
	snprintf(redis_url, sizeof redis_url, "unix://%s", socket_path);
	snprintf(file_path, sizeof file_path, "%s/state.lmdb", folder);
	redis_start();
	return 0;
}

static inline int group_teardown(void **state)
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

/* A row of the list of tests: one kind, or all. */
__attribute__((unused)) static enum store_kind memory = STORE_MEMORY, redis = STORE_REDIS, embedded = STORE_EMBEDDED;

#define ONE(test, kind)                                          \
	{                                                        \
#kind ": " #test, test, setup, teardown, &(kind) \
	}
#define ALL(test) ONE(test, memory), ONE(test, embedded), ONE(test, redis)

#endif
