/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded store: LMDB, one file, one process.
 *
 * DESIGN
 *   All shards share one B+tree. One writer thread gathers the commits that are ready into one write transaction, so that many shards pay for one
 *   sync; a commit whose id does not match is left out, the others go on. Readers are of the calling thread and see the last transaction.
 *
 *   key    topic 00 | partition (4, big-endian) | what (1) | rest
 *     m                              the meta
 *     n h s | key 00 block (2)       a value of a space: whole in block 0 up to 2 KiB, above that 1 KiB a block
 *     o | number (8)                 an outbox entry
 *     t | subject key                a timer: due ms (8, native)
 *     d | day (4) | subject key      a day's list
 *   00 deployment:<name>             the claim
 *
 *   example: "cdr" 00 00000003 6e "+15551230000" 00 0000
 *
 * DURABILITY
 *   MDB_NOMETASYNC: a power cut may lose the last transaction, never a part of one; positions and state go back together.
 *
 * ONE PROCESS
 *   flock on <path>.owner; reading alone (state dump) takes no lock. */
#include "scoring/store.h"

#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define WHOLE_BYTES 2048
#define READERS 1024

struct store {
	MDB_env *env;
	MDB_dbi dbi;
	char *path;
	int owner; /* of the lock; -1: reading only */
	pthread_t writer;
	bool has_writer;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	bool stop;
	struct store_shard *first, *last; /* with a commit that waits */
};

struct store_shard {
	struct store *store;
	char *topic;
	int32_t partition;
	struct buf prefix, key;
	MDB_txn *read;
	struct arena values_arena;
	struct slice *values;
	size_t value_cap;
	/* the commit on its way: the writer's until `busy` is false */
	struct arena commit_arena;
	struct store_commit commit;
	bool busy;    /* under store->lock */
	bool pending; /* begun and not asked for */
	enum err result;
	struct err_text why;
	struct store_shard *next;
};

static enum err failed(struct err_text *why, const struct store *s, const char *doing, int code)
{
	if (code == MDB_MAP_FULL)
		return err_set(why, ERR_AWAY, "%s: %s: the file has reached state.embedded.map_bytes; nothing was written. Raise it",
			       s->path, doing);
	if (code == MDB_CORRUPTED || code == MDB_INVALID || code == MDB_VERSION_MISMATCH || code == MDB_PAGE_NOTFOUND)
		return err_set(why, ERR_CORRUPT, "%s: %s: %s", s->path, doing, mdb_strerror(code));
	return err_set(why, ERR_IO, "%s: %s: %s", s->path, doing, mdb_strerror(code));
}

/* ---- keys ---- */

static void put_be(struct buf *b, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		buf_put_u8(b, (uint8_t)(v >> (8 * i)));
}

static uint64_t get_be(const void *from, int bytes)
{
	const uint8_t *p = from;
	uint64_t v = 0;
	for (int i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

/* Begins a key in h->key: the shard and what. */
static struct buf *key_begin(struct store_shard *h, char what)
{
	buf_reset(&h->key);
	buf_put(&h->key, h->prefix.data, h->prefix.len);
	buf_put_u8(&h->key, (uint8_t)what);
	return &h->key;
}

static MDB_val val_of(struct slice s)
{
	return (MDB_val){s.len, (void *)(uintptr_t)s.p};
}

static MDB_val key_val(const struct store_shard *h)
{
	return (MDB_val){h->key.len, h->key.data};
}

static char space_letter(uint8_t space)
{
	static const char letters[] = "nhs";
	return letters[space];
}

/* Without the block's number. */
static void key_value(struct store_shard *h, const struct store_key *k)
{
	struct buf *b = key_begin(h, space_letter(k->space));
	buf_put(b, k->key.p, k->key.len);
	buf_put_u8(b, 0);
}

/* ---- writing: on the writer's thread ---- */

struct batch { /* one write transaction */
	struct store *store;
	MDB_txn *txn;
};

static int put(const struct batch *b, MDB_val key, struct slice value)
{
	MDB_val v = val_of(value);
	return mdb_put(b->txn, b->store->dbi, &key, &v, 0);
}

static int del(const struct batch *b, MDB_val key)
{
	int code = mdb_del(b->txn, b->store->dbi, &key, NULL);
	return code == MDB_NOTFOUND ? 0 : code;
}

static bool has_prefix(const MDB_val *k, const void *prefix, size_t len)
{
	return k->mv_size >= len && memcmp(k->mv_data, prefix, len) == 0;
}

/* Removes the blocks from `from` on. h->key: the value's key without block. */
static int cut_blocks(const struct batch *b, struct store_shard *h, uint64_t from)
{
	size_t base = h->key.len;
	int code;
	for (;;) {
		MDB_cursor *c;
		MDB_val k, v;
		put_be(&h->key, from, 2);
		code = mdb_cursor_open(b->txn, b->store->dbi, &c);
		if (code)
			return code;
		k = key_val(h);
		code = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
		bool ours = !code && k.mv_size == base + 2 && has_prefix(&k, h->key.data, base);
		if (ours)
			code = mdb_cursor_del(c, 0);
		mdb_cursor_close(c);
		h->key.len = base;
		if (!ours)
			return code == MDB_NOTFOUND ? 0 : code;
		if (code)
			return code;
	}
}

static int put_block(const struct batch *b, struct store_shard *h, struct slice value, uint32_t block)
{
	size_t base = h->key.len;
	uint32_t from = block * STORE_BLOCK_BYTES, len = value.len - from;
	put_be(&h->key, block, 2);
	int code = put(b, key_val(h), slice_make(value.p + from, len < STORE_BLOCK_BYTES ? len : STORE_BLOCK_BYTES));
	h->key.len = base;
	return code;
}

static int put_whole(const struct batch *b, struct store_shard *h, struct slice value)
{
	uint32_t blocks = (value.len + STORE_BLOCK_BYTES - 1) / STORE_BLOCK_BYTES;
	int code = 0;
	if (value.len <= WHOLE_BYTES) {
		size_t base = h->key.len;
		put_be(&h->key, 0, 2);
		code = put(b, key_val(h), value);
		h->key.len = base;
		return code ? code : cut_blocks(b, h, 1);
	}
	for (uint32_t i = 0; i < blocks && !code; i++)
		code = put_block(b, h, value, i);
	return code ? code : cut_blocks(b, h, blocks);
}

/* Whether what is stored has the form of blocks, so that single ones may be written. */
static bool in_blocks(const struct batch *b, struct store_shard *h)
{
	MDB_val v, k;
	size_t base = h->key.len;
	put_be(&h->key, 0, 2);
	k = key_val(h);
	int code = mdb_get(b->txn, b->store->dbi, &k, &v);
	h->key.len = base;
	return !code && v.mv_size <= STORE_BLOCK_BYTES;
}

static int put_value(const struct batch *b, struct store_shard *h, const struct store_put *p)
{
	int code = 0;
	key_value(h, &p->at);
	if (p->value.len == 0)
		return cut_blocks(b, h, 0);
	if (!p->blocks || p->value.len <= WHOLE_BYTES || !in_blocks(b, h))
		return put_whole(b, h, p->value);
	for (uint16_t i = 0; i < p->block_cnt && !code; i++)
		code = put_block(b, h, p->value, p->blocks[i]);
	return code;
}

static int put_timer(const struct batch *b, struct store_shard *h, const struct store_timer *t)
{
	struct buf *k = key_begin(h, 't');
	buf_put(k, t->key.p, t->key.len);
	return t->due_ms == TIME_NONE ? del(b, key_val(h)) : put(b, key_val(h), slice_make(&t->due_ms, 8));
}

static void key_day(struct store_shard *h, int32_t day, struct slice key)
{
	struct buf *k = key_begin(h, 'd');
	put_be(k, (uint32_t)day, 4);
	buf_put(k, key.p, key.len);
}

static int put_day(const struct batch *b, struct store_shard *h, const struct store_day *d)
{
	int code = 0;
	if (d->from >= 0) {
		key_day(h, d->from, d->key);
		code = del(b, key_val(h));
	}
	if (d->to >= 0 && !code) {
		key_day(h, d->to, d->key);
		code = put(b, key_val(h), SLICE_LIT(""));
	}
	return code;
}

static int put_entry(const struct batch *b, struct store_shard *h, uint64_t number, const struct slice *value)
{
	struct buf *k = key_begin(h, 'o');
	put_be(k, number, 8);
	return value ? put(b, key_val(h), *value) : del(b, key_val(h));
}

static int put_all(const struct batch *b, struct store_shard *h)
{
	const struct store_commit *c = &h->commit;
	int code = 0;
	for (size_t i = 0; i < c->put_cnt && !code; i++)
		code = put_value(b, h, &c->puts[i]);
	for (size_t i = 0; i < c->timer_cnt && !code; i++)
		code = put_timer(b, h, &c->timers[i]);
	for (size_t i = 0; i < c->day_cnt && !code; i++)
		code = put_day(b, h, &c->days[i]);
	for (size_t i = 0; i < c->outbox_cnt && !code; i++)
		code = put_entry(b, h, c->outbox[i].number, &c->outbox[i].value);
	for (size_t i = 0; i < c->acked_cnt && !code; i++)
		code = put_entry(b, h, c->acked[i], NULL);
	key_begin(h, 'm');
	return code ? code : put(b, key_val(h), c->meta);
}

static bool expected(const struct batch *b, struct store_shard *h)
{
	static const uint8_t none[COMMIT_ID_BYTES];
	MDB_val k, v;
	key_begin(h, 'm');
	k = key_val(h);
	bool found = mdb_get(b->txn, b->store->dbi, &k, &v) == 0;
	if (memcmp(h->commit.expect, none, COMMIT_ID_BYTES) == 0)
		return !found;
	return found && v.mv_size >= COMMIT_ID_BYTES && memcmp(v.mv_data, h->commit.expect, COMMIT_ID_BYTES) == 0;
}

/* One transaction over a list of commits. Every result is set. */
static void write_batch(struct store *s, struct store_shard *list)
{
	struct batch b = {.store = s};
	struct err_text why;
	enum err e = ERR_OK;
	int code = mdb_txn_begin(s->env, NULL, 0, &b.txn);
	for (struct store_shard *h = list; h && !code; h = h->next) {
		h->result = ERR_OK;
		if (expected(&b, h))
			code = put_all(&b, h);
		else
			h->result = err_set(&h->why, ERR_FENCED, "%s:%d: another one has committed in between", h->topic, h->partition);
	}
	if (!code)
		code = mdb_txn_commit(b.txn);
	else if (b.txn)
		mdb_txn_abort(b.txn);
	if (code)
		e = failed(&why, s, "writing a commit", code);
	for (struct store_shard *h = list; h && e; h = h->next) {
		h->result = e;
		h->why = why;
	}
}

static void *writer_main(void *arg)
{
	struct store *s = arg;
	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->first && !s->stop)
			pthread_cond_wait(&s->work, &s->lock);
		if (!s->first)
			break;
		struct store_shard *list = s->first;
		s->first = s->last = NULL;
		pthread_mutex_unlock(&s->lock);
		write_batch(s, list);
		pthread_mutex_lock(&s->lock);
		for (struct store_shard *h = list, *next; h; h = next) {
			next = h->next;
			h->next = NULL;
			h->busy = false;
		}
		pthread_cond_broadcast(&s->done);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- open and close ---- */

static enum err take_lock(struct store *s, struct err_text *why)
{
	char path[4096], pid[32] = "";
	snprintf(path, sizeof path, "%s.owner", s->path);
	s->owner = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (s->owner < 0)
		return err_set(why, ERR_IO, "cannot open %s: %s", path, strerror(errno));
	if (flock(s->owner, LOCK_EX | LOCK_NB) != 0) {
		ssize_t n = read(s->owner, pid, sizeof pid - 1);
		pid[n > 0 ? n : 0] = '\0';
		return err_set(why, ERR_LOCKED,
			       "the store %s is in use by process %s: an embedded store has one owner. Stop it, or share a store: "
			       "state.store: redis",
			       s->path, pid[0] ? pid : "(unknown)");
	}
	int n = snprintf(pid, sizeof pid, "%d", (int)getpid());
	if (ftruncate(s->owner, 0) != 0 || pwrite(s->owner, pid, (size_t)n, 0) != n)
		return err_set(why, ERR_IO, "cannot write %s: %s", path, strerror(errno));
	return ERR_OK;
}

static enum err open_env(struct store *s, const struct store_config *c, bool read_only, struct err_text *why)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NOMETASYNC | (read_only ? MDB_RDONLY : 0);
	MDB_txn *txn = NULL;
	int dead = 0;
	int code = mdb_env_create(&s->env);
	if (!code && !read_only)
		code = mdb_env_set_mapsize(s->env, (size_t)c->map_bytes);
	if (!code)
		code = mdb_env_set_maxreaders(s->env, READERS);
	if (!code)
		code = mdb_env_open(s->env, s->path, flags, 0666);
	if (code == ENOENT && read_only)
		return err_set(why, ERR_IO, "there is no store at %s: nothing has run with this configuration yet", s->path);
	if (!code)
		code = mdb_reader_check(s->env, &dead); /* of processes that were killed */
	if (!code)
		code = mdb_txn_begin(s->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
	if (!code)
		code = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (!code)
		code = mdb_txn_commit(txn);
	return code ? failed(why, s, "opening", code) : ERR_OK;
}

static void embedded_close(struct store *s)
{
	if (s->has_writer) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->writer, NULL);
	}
	if (s->env)
		mdb_env_close(s->env);
	if (s->owner >= 0)
		close(s->owner);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->done);
	free(s->path);
	free(s);
}

static enum err embedded_open(const struct store_config *c, bool read_only, struct store **out, struct err_text *why)
{
	struct store *s = mem_zalloc(sizeof *s);
	s->path = mem_strdup(c->path);
	s->owner = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->done, NULL);
	enum err e = read_only ? ERR_OK : take_lock(s, why);
	if (!e)
		e = open_env(s, c, read_only, why);
	if (!e && !read_only) {
		s->has_writer = pthread_create(&s->writer, NULL, writer_main, s) == 0;
		if (!s->has_writer)
			e = err_set(why, ERR_IO, "cannot start the store's writer thread");
	}
	if (e) {
		embedded_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

static enum err embedded_shard_open(struct store *s, const char *topic, int32_t partition, struct store_shard **out, struct err_text *why)
{
	struct store_shard *h = mem_zalloc(sizeof *h);
	h->store = s;
	h->topic = mem_strdup(topic);
	h->partition = partition;
	arena_init(&h->values_arena, 64 << 10);
	arena_init(&h->commit_arena, 64 << 10);
	buf_puts(&h->prefix, topic);
	buf_put_u8(&h->prefix, 0);
	put_be(&h->prefix, (uint32_t)partition, 4);
	int code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &h->read);
	if (!code)
		mdb_txn_reset(h->read);
	*out = h;
	return code ? failed(why, s, "opening a shard", code) : ERR_OK;
}

static void wait_commit(struct store_shard *h)
{
	pthread_mutex_lock(&h->store->lock);
	while (h->busy)
		pthread_cond_wait(&h->store->done, &h->store->lock);
	pthread_mutex_unlock(&h->store->lock);
}

static void embedded_shard_close(struct store_shard *h)
{
	wait_commit(h);
	if (h->read)
		mdb_txn_abort(h->read);
	arena_release(&h->values_arena);
	arena_release(&h->commit_arena);
	buf_release(&h->prefix);
	buf_release(&h->key);
	free(h->values);
	free(h->topic);
	free(h);
}

/* ---- reading ---- */

static enum err embedded_commit_end(struct store_shard *h, struct err_text *why)
{
	if (!h->pending)
		return ERR_OK;
	wait_commit(h);
	h->pending = false;
	if (h->result && why)
		*why = h->why;
	return h->result;
}

/* h->key: a value's key without block. The blocks one behind the other. */
static int read_value(struct store_shard *h, MDB_cursor *c, struct slice *out)
{
	size_t base = h->key.len;
	MDB_val k, v;
	struct buf all = {0};
	*out = SLICE_NONE;
	put_be(&h->key, 0, 2);
	k = key_val(h);
	int code = mdb_cursor_get(c, &k, &v, MDB_SET_KEY);
	while (!code && k.mv_size == base + 2 && has_prefix(&k, h->key.data, base)) {
		buf_put(&all, v.mv_data, v.mv_size);
		code = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	}
	if (all.data)
		*out = arena_copy(&h->values_arena, buf_slice(&all));
	buf_release(&all);
	return code == MDB_NOTFOUND ? 0 : code;
}

/* The commit on its way is answered by read_end; what is read here must be behind it, so it is waited for. */
static enum err embedded_read_begin(struct store_shard *h, const struct store_key *keys, size_t n, struct err_text *why)
{
	MDB_cursor *c = NULL;
	wait_commit(h);
	arena_reset(&h->values_arena);
	if (h->value_cap < n + 1) {
		h->value_cap = n + 1;
		h->values = mem_realloc(h->values, h->value_cap * sizeof *h->values);
	}
	int code = mdb_txn_renew(h->read);
	if (!code)
		code = mdb_cursor_open(h->read, h->store->dbi, &c);
	if (!code) {
		MDB_val v, k;
		key_begin(h, 'm');
		k = key_val(h);
		code = mdb_get(h->read, h->store->dbi, &k, &v);
		h->values[0] = code ? SLICE_NONE : arena_copy(&h->values_arena, slice_make(v.mv_data, v.mv_size));
		code = code == MDB_NOTFOUND ? 0 : code;
	}
	for (size_t i = 0; i < n && !code; i++) {
		key_value(h, &keys[i]);
		code = read_value(h, c, &h->values[i + 1]);
	}
	if (c)
		mdb_cursor_close(c);
	mdb_txn_reset(h->read);
	return code ? failed(why, h->store, "reading", code) : ERR_OK;
}

static enum err embedded_read_end(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	*out = (struct store_read){.meta = h->values[0], .values = h->values + 1};
	return embedded_commit_end(h, why);
}

/* ---- commits ---- */

/* Copies into the handle: the caller's bytes need not outlive the call. */
static void keep_commit(struct store_shard *h, const struct store_commit *c)
{
	struct arena *a = &h->commit_arena;
	arena_reset(a);
	h->commit = *c;
	h->commit.meta = arena_copy(a, c->meta);
	struct store_put *puts = arena_alloc(a, (c->put_cnt + 1) * sizeof *puts);
	for (size_t i = 0; i < c->put_cnt; i++) {
		puts[i] = c->puts[i];
		puts[i].at.key = arena_copy(a, c->puts[i].at.key);
		puts[i].value = arena_copy(a, c->puts[i].value);
		if (c->puts[i].blocks) {
			uint16_t *blocks = arena_alloc(a, c->puts[i].block_cnt * sizeof *blocks + 2);
			memcpy(blocks, c->puts[i].blocks, c->puts[i].block_cnt * sizeof *blocks);
			puts[i].blocks = blocks;
		}
	}
	struct store_timer *timers = arena_alloc(a, (c->timer_cnt + 1) * sizeof *timers);
	for (size_t i = 0; i < c->timer_cnt; i++)
		timers[i] = (struct store_timer){arena_copy(a, c->timers[i].key), c->timers[i].due_ms};
	struct store_day *days = arena_alloc(a, (c->day_cnt + 1) * sizeof *days);
	for (size_t i = 0; i < c->day_cnt; i++)
		days[i] = (struct store_day){arena_copy(a, c->days[i].key), c->days[i].from, c->days[i].to};
	struct store_entry *entries = arena_alloc(a, (c->outbox_cnt + 1) * sizeof *entries);
	for (size_t i = 0; i < c->outbox_cnt; i++)
		entries[i] = (struct store_entry){c->outbox[i].number, arena_copy(a, c->outbox[i].value)};
	uint64_t *acked = arena_alloc(a, (c->acked_cnt + 1) * sizeof *acked);
	if (c->acked_cnt)
		memcpy(acked, c->acked, c->acked_cnt * sizeof *acked);
	h->commit.puts = puts;
	h->commit.timers = timers;
	h->commit.days = days;
	h->commit.outbox = entries;
	h->commit.acked = acked;
}

static enum err embedded_commit_begin(struct store_shard *h, const struct store_commit *c, struct err_text *why)
{
	struct store *s = h->store;
	(void)why;
	assert(!h->pending);
	keep_commit(h, c);
	h->pending = true;
	pthread_mutex_lock(&s->lock);
	h->busy = true;
	h->next = NULL;
	if (s->last)
		s->last->next = h;
	else
		s->first = h;
	s->last = h;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

/* ---- collections ---- */

struct range {
	struct store_shard *h;
	MDB_cursor *cursor;
	struct buf prefix; /* every key of the range begins so */
	MDB_val key, value;
	int code;
};

static void range_open(struct range *r, struct store_shard *h, char what)
{
	*r = (struct range){.h = h};
	key_begin(h, what);
	buf_put(&r->prefix, h->key.data, h->key.len);
	r->code = mdb_txn_renew(h->read);
	if (!r->code)
		r->code = mdb_cursor_open(h->read, h->store->dbi, &r->cursor);
}

/* The next key of the range; `from`: search first. False: the end, or r->code is an error. */
static bool range_next(struct range *r, bool from)
{
	if (r->code)
		return false;
	if (from)
		r->key = (MDB_val){r->prefix.len, r->prefix.data};
	r->code = mdb_cursor_get(r->cursor, &r->key, &r->value, from ? MDB_SET_RANGE : MDB_NEXT);
	if (r->code == MDB_NOTFOUND) {
		r->code = 0;
		return false;
	}
	return !r->code && has_prefix(&r->key, r->prefix.data, r->prefix.len);
}

static struct slice range_rest(const struct range *r, size_t from)
{
	size_t at = r->h->prefix.len + 1 + from;
	return slice_make((const char *)r->key.mv_data + at, r->key.mv_size - at);
}

static enum err range_close(struct range *r, enum err e, struct err_text *why)
{
	if (r->cursor)
		mdb_cursor_close(r->cursor);
	mdb_txn_reset(r->h->read);
	buf_release(&r->prefix);
	if (!e && r->code)
		e = failed(why, r->h->store, "reading a list", r->code);
	return e;
}

static enum err embedded_outbox(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	struct range r;
	enum err e = ERR_OK;
	range_open(&r, h, 'o');
	for (bool more = range_next(&r, true); more && !e; more = range_next(&r, false))
		e = visit(ctx, SLICE_NONE, slice_make(r.value.mv_data, r.value.mv_size), (int64_t)get_be(range_rest(&r, 0).p, 8));
	return range_close(&r, e, why);
}

struct timer_copy {
	struct slice key;
	int64_t due_ms;
};

static int by_due(const void *a, const void *b)
{
	const struct timer_copy *x = a, *y = b;
	return x->due_ms != y->due_ms ? (x->due_ms > y->due_ms) - (x->due_ms < y->due_ms) : slice_cmp(x->key, y->key);
}

static enum err embedded_timers(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	struct range r;
	struct timer_copy *all = NULL;
	size_t n = 0, cap = 0;
	enum err e = ERR_OK;
	arena_reset(&h->values_arena);
	range_open(&r, h, 't');
	for (bool more = range_next(&r, true); more; more = range_next(&r, false)) {
		if (n == cap)
			all = mem_realloc(all, (cap = cap ? 2 * cap : 256) * sizeof *all);
		all[n].key = arena_copy(&h->values_arena, range_rest(&r, 0));
		memcpy(&all[n++].due_ms, r.value.mv_data, 8);
	}
	e = range_close(&r, e, why);
	if (n)
		qsort(all, n, sizeof *all, by_due);
	for (size_t i = 0; i < n && !e; i++)
		e = visit(ctx, all[i].key, SLICE_NONE, all[i].due_ms);
	free(all);
	return e;
}

static enum err embedded_values(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why)
{
	struct range r;
	enum err e = ERR_OK;
	struct buf key = {0}, value = {0}; /* of the value being put together */
	range_open(&r, h, space_letter((uint8_t)space));
	for (bool more = range_next(&r, true); more && !e; more = range_next(&r, false)) {
		struct slice k = range_rest(&r, 0);
		k.len -= 3; /* 00 and the block */
		if (key.len && !slice_eq(k, buf_slice(&key))) {
			e = visit(ctx, buf_slice(&key), buf_slice(&value), 0);
			buf_reset(&value);
		}
		buf_reset(&key);
		buf_put(&key, k.p, k.len);
		buf_put(&value, r.value.mv_data, r.value.mv_size);
	}
	if (!e && !r.code && key.len)
		e = visit(ctx, buf_slice(&key), buf_slice(&value), 0);
	buf_release(&key);
	buf_release(&value);
	return range_close(&r, e, why);
}

static enum err embedded_days(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	struct range r;
	int64_t last = -1;
	enum err e = ERR_OK;
	range_open(&r, h, 'd');
	for (bool more = range_next(&r, true); more && !e; more = range_next(&r, false)) {
		int64_t day = (int64_t)get_be(range_rest(&r, 0).p, 4);
		if (day != last)
			e = visit(ctx, SLICE_NONE, SLICE_NONE, day);
		last = day;
	}
	return range_close(&r, e, why);
}

static enum err embedded_day(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why)
{
	struct range r;
	size_t n = 0;
	enum err e = ERR_OK;
	range_open(&r, h, 'd');
	put_be(&r.prefix, (uint32_t)day, 4);
	for (bool more = range_next(&r, true); more && !e && n < max; more = range_next(&r, false), n++)
		e = visit(ctx, range_rest(&r, 4), SLICE_NONE, day);
	return range_close(&r, e, why);
}

static enum err embedded_claim(struct store *s, const char *deployment, struct slice value, struct arena *a, struct slice *now,
			       struct err_text *why)
{
	struct buf key = {0};
	MDB_txn *txn = NULL;
	MDB_val v;
	bool write = s->owner >= 0 && value.len;
	buf_put_u8(&key, 0);
	buf_printf(&key, "deployment:%s", deployment);
	MDB_val k = {key.len, key.data};
	*now = SLICE_NONE;
	int code = mdb_txn_begin(s->env, NULL, write ? 0 : MDB_RDONLY, &txn);
	if (!code)
		code = mdb_get(txn, s->dbi, &k, &v);
	if (!code)
		*now = arena_copy(a, slice_make(v.mv_data, v.mv_size));
	if (code == MDB_NOTFOUND) {
		code = 0;
		if (write) {
			v = val_of(value);
			code = mdb_put(txn, s->dbi, &k, &v, 0);
			*now = arena_copy(a, value);
		}
	}
	if (!code)
		code = mdb_txn_commit(txn);
	else if (txn)
		mdb_txn_abort(txn);
	buf_release(&key);
	return code ? failed(why, s, "reading the deployment's mark", code) : ERR_OK;
}

const struct store_ops store_embedded = {
	.name = "embedded",
	.open = embedded_open,
	.close = embedded_close,
	.shard_open = embedded_shard_open,
	.shard_close = embedded_shard_close,
	.read_begin = embedded_read_begin,
	.read_end = embedded_read_end,
	.commit_begin = embedded_commit_begin,
	.commit_end = embedded_commit_end,
	.outbox = embedded_outbox,
	.timers = embedded_timers,
	.values = embedded_values,
	.days = embedded_days,
	.day = embedded_day,
	.claim = embedded_claim,
};
