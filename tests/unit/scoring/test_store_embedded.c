/* SPDX-License-Identifier: Apache-2.0 */
/* What is particular to the embedded store: lock, readers, a full file, a killed process. */
#include "tests/unit/scoring/store_fixture.h"

#include <lmdb.h>

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

static void file_of_another_layout_is_refused(void **state)
{
	struct fixture *f = *state;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_val k = {3, "cdr"}, v = {1, "x"};
	f->ops->close(f->store);
	f->store = NULL;
	remove_file();
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, file_path, MDB_NOSUBDIR, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_int_equal(f->ops->open(&f->config, false, &f->store, &f->why), ERR_CORRUPT);
	assert_int_equal(f->ops->open(&f->config, true, &f->store, &f->why), ERR_CORRUPT);
	assert_null(f->store);
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
#define CRASH_BLOCKS ((CRASH_LONG + STORE_BLOCK_BYTES - 1) / STORE_BLOCK_BYTES)

static int commit_for_ever(void)
{
	static char longer[CRASH_LONG];
	static uint16_t blocks[CRASH_BLOCKS];
	struct fixture f = {.ops = &store_embedded, .config = config_of(STORE_EMBEDDED)};
	struct store_put p[CRASH_VALUES];
	char keys[CRASH_VALUES][16];
	for (uint16_t i = 0; i < CRASH_BLOCKS; i++)
		blocks[i] = i;
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
		p[0].block_cnt = first ? 0 : CRASH_BLOCKS;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(second_process_is_locked_out, embedded),
		ONE(file_opened_again_has_everything, embedded),
		ONE(file_that_is_not_there_cannot_be_looked_at, embedded),
		ONE(file_of_something_else_is_refused, embedded),
		ONE(file_of_another_layout_is_refused, embedded),
		ONE(full_file_writes_nothing_and_is_away, embedded),
		ONE(reader_looks_on_beside_the_writer, embedded),
		ONE(killed_process_leaves_one_whole_commit, embedded),
	};
	return cmocka_run_group_tests_name("store_embedded", tests, group_setup, group_teardown);
}
