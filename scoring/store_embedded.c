/* SPDX-License-Identifier: Apache-2.0 */
/* The store in one local file (LMDB): the same atomic commit without a server. Single process; readers of other processes may look on.
 *
 * Keys, sorted by their bytes (tag = <topic>:<partition> 0x00, so "cdr:1" is no beginning of "cdr:10"):
 *   tag m                              meta                   cdr:0\0m
 *   tag n|h|s  len key                 a value up to 2 KiB    cdr:0\0n\x0c+15551230000      len: 1 byte, so no key begins like another
 *   tag n|h|s  len key  block          1 KiB of a longer one  cdr:0\0n\x0c+15551230000\0\2   block: 2 bytes, big-endian, from 0 without a gap
 *   tag o  number                      outbox entry           8 bytes, big-endian
 *   tag t  key                         timer                  value: due ms, 8 bytes of this machine
 *   tag y  day key                     member of a day        day: 4 bytes, big-endian, sign bit flipped; no value
 *   \1 d name                          mark of a deployment
 *   \1 v                               version of this layout: "1"
 *
 * DESIGN. commit_begin turns the commit into a program: a list of puts and deletes with finished keys, in a buffer of the handle. One writer
 * thread takes the programs of all shards that wait (group commit), runs those whose id matches in one write transaction, and commits it with
 * one flush to disk. A value is stored in one of two forms, never both; one seek tells which. Timers have no index by due time: they are sorted
 * when a shard is taken, which saves half of their writes.
 *
 * GUARANTEES. Answered means on disk (no NOSYNC, no NOMETASYNC). A transaction that cannot be written (file full, disk full) is dropped whole and
 * answered ERR_AWAY: the shards wait, as with a server that is away. A failing disk is ERR_IO: stop.
 *
 * THREADS. The writer thread alone writes (and claim, under LMDB's own lock). A handle has its own read transaction (MDB_NOTLS). `lock` guards the
 * queue and the answers; a program is touched by the writer only between WAITING and its answer.
 *
 * LIMITS. LMDB must not be opened twice in one process: open() by the service and by a reader are different processes. */
#include "scoring/embedded.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define LAYOUT_VERSION "1"

/* ---- errors ---- */

enum err embedded_err(const struct store *s, int rc, const char *doing, struct err_text *why)
{
	switch (rc) {
	case MDB_MAP_FULL:
		return err_set(why, ERR_AWAY,
			       "%s: %s: the file has reached state.embedded.map_bytes (%lld): nothing was written, the shards wait. "
			       "Raise it and start again",
			       s->path, doing, (long long)s->map_bytes);
	case ENOSPC:
	case EDQUOT:
		return err_set(why, ERR_AWAY, "%s: %s: the disk is full: nothing was written, the shards wait. Free some space", s->path,
			       doing);
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		return err_set(why, ERR_CORRUPT, "%s: %s: %s. It is not a store of this program, or damaged: restore it from a copy",
			       s->path, doing, mdb_strerror(rc));
	case MDB_READERS_FULL:
		return err_set(why, ERR_AWAY, "%s: %s: more than %d readers at once", s->path, doing, READERS_MAX);
	default:
		return err_set(why, ERR_IO, "%s: %s: %s", s->path, doing, mdb_strerror(rc));
	}
}

/* ---- open ---- */

/* A lock file of our own: LMDB's is <path>-lock. */
static enum err lock_file(struct store *s, struct err_text *why)
{
	char name[4096], pid[32] = "";
	if (snprintf(name, sizeof name, "%s.owner", s->path) >= (int)sizeof name)
		return err_set(why, ERR_CONFIG, "state.embedded.path is too long");
	s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_fd < 0)
		return err_set(why, ERR_IO, "%s cannot be opened: %s. Does its folder exist, and may we write there?", name,
			       strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return err_set(why, ERR_IO, "%s cannot be locked: %s", name, strerror(errno));
		ssize_t n = pread(s->lock_fd, pid, sizeof pid - 1, 0);
		pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
		return err_set(why, ERR_LOCKED,
			       "%s is in use by process %s: an embedded store has one process. Stop that one, or use state.store: redis",
			       s->path, *pid ? pid : "(unknown)");
	}
	s->locked = true;
	s->unclean = pread(s->lock_fd, pid, 1, 0) == 1;
	int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(s->lock_fd, 0) != 0 || pwrite(s->lock_fd, pid, (size_t)n, 0) != n)
		return err_set(why, ERR_IO, "%s cannot be written: %s", name, strerror(errno));
	return ERR_OK;
}

/* The main table, and the version of the layout. A table that has keys but no version is of another program, or of a layout before versions:
 * it is refused, since nothing of it would be found and all numbers would begin anew. */
static enum err look_inside(struct store *s, struct err_text *why)
{
	MDB_txn *txn;
	MDB_stat stat;
	MDB_val k = val("\1v", 2), v;
	bool strange = false;
	int rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0, &txn);
	if (rc)
		return embedded_err(s, rc, "open", why);
	rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (!rc)
		rc = mdb_stat(txn, s->dbi, &stat);
	if (!rc)
		rc = mdb_get(txn, s->dbi, &k, &v);
	if (!rc) {
		strange = !slice_eq(slice_make(v.mv_data, v.mv_size), SLICE_LIT(LAYOUT_VERSION));
	} else if (rc == MDB_NOTFOUND) {
		strange = stat.ms_entries > 0;
		v = val(LAYOUT_VERSION, sizeof LAYOUT_VERSION - 1);
		rc = s->read_only || strange ? 0 : mdb_put(txn, s->dbi, &k, &v, 0);
	}
	if (rc || strange)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	if (strange)
		return err_set(why, ERR_CORRUPT,
			       "%s has another layout than this version of the program writes (" LAYOUT_VERSION
			       "): use the version that wrote it, or name another file in state.embedded.path",
			       s->path);
	return rc ? embedded_err(s, rc, "open", why) : ERR_OK;
}

static enum err open_env(struct store *s, struct err_text *why)
{
	int dead, rc = mdb_env_create(&s->env);
	if (!rc)
		rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
	/* A reader takes the size from the file: the writer's may be another. */
	if (!rc && !s->read_only)
		rc = mdb_env_set_mapsize(s->env, (size_t)s->map_bytes & ~(size_t)(sysconf(_SC_PAGESIZE) - 1));
	if (!rc)
		rc = mdb_env_open(s->env, s->path, MDB_NOSUBDIR | MDB_NOTLS | (s->read_only ? MDB_RDONLY : 0), 0640);
	if (rc)
		return embedded_err(s, rc, "open", why);
	if (!s->read_only)
		mdb_reader_check(s->env, &dead);
	return look_inside(s, why);
}

static void embedded_close(struct store *s)
{
	if (s->writer) {
		pthread_mutex_lock(&s->lock);
		s->stopping = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->writer, NULL);
	}
	if (s->env)
		mdb_env_close(s->env);
	if (s->locked && ftruncate(s->lock_fd, 0) != 0)
		log_warn("scoring", "%s.owner cannot be emptied: the next start will take this one for killed", s->path);
	if (s->lock_fd >= 0)
		close(s->lock_fd); /* and with it the lock; the file stays: removing it would be a race */
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	free(s->path);
	free(s);
}

static enum err embedded_open(const struct store_config *c, bool read_only, struct store **out, struct err_text *why)
{
	enum err e = ERR_OK;
	struct store *s = mem_zalloc(sizeof *s);
	s->path = mem_strdup(c->path);
	s->map_bytes = c->map_bytes;
	s->read_only = read_only;
	s->lock_fd = -1;
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	if (read_only && access(s->path, F_OK) != 0)
		e = err_set(why, ERR_IO, "%s: %s. It is made by the first `ringfence run` with this configuration", s->path,
			    strerror(errno));
	else if (!read_only)
		e = lock_file(s, why);
	if (!e)
		e = open_env(s, why);
	if (!e && !read_only && pthread_create(&s->writer, NULL, embedded_writer, s) != 0) {
		s->writer = 0;
		e = err_set(why, ERR_MEMORY, "no thread for the writer of %s", s->path);
	}
	if (e)
		embedded_close(s);
	*out = e ? NULL : s;
	return e;
}

/* ---- shards ---- */

static enum err embedded_shard_open(struct store *s, const char *topic, int32_t partition, struct store_shard **out, struct err_text *why)
{
	*out = NULL;
	if (strlen(topic) > TOPIC_MAX)
		return err_set(why, ERR_CONFIG, "the name of a topic has at most %d bytes, this one %zu: %.40s...", TOPIC_MAX,
			       strlen(topic), topic);
	struct store_shard *h = mem_zalloc(sizeof *h);
	h->store = s;
	h->tag_len = (size_t)snprintf(h->tag, sizeof h->tag, "%s:%d", topic, partition) + 1;
	assert(h->tag_len <= sizeof h->tag);
	pthread_cond_init(&h->done, NULL);
	*out = h;
	return ERR_OK;
}

static enum err embedded_commit_end(struct store_shard *h, struct err_text *why)
{
	struct store *s = h->store;
	if (!h->pending)
		return ERR_OK;
	pthread_mutex_lock(&s->lock);
	while (!h->answered)
		pthread_cond_wait(&h->done, &s->lock);
	pthread_mutex_unlock(&s->lock);
	h->pending = false;
	return h->result ? err_set(why, h->result, "%s", h->result_why.text) : ERR_OK;
}

/* A commit on its way is not called back: the writer may be at it. */
static void embedded_shard_close(struct store_shard *h)
{
	struct err_text why;
	if (!h)
		return;
	(void)!embedded_commit_end(h, &why);
	if (h->txn)
		mdb_txn_abort(h->txn);
	pthread_cond_destroy(&h->done);
	buf_release(&h->program);
	buf_release(&h->found);
	free(h->values);
	free(h);
}

static enum err embedded_commit_begin(struct store_shard *h, const struct store_commit *c, struct err_text *why)
{
	struct store *s = h->store;
	(void)why;
	assert(!s->read_only && !h->pending && !h->reading && h->was_read && c->meta.len >= COMMIT_ID_BYTES);
	h->was_read = false;
	embedded_program(h, c);
	h->pending = true;
	h->answered = false;
	h->next = NULL;
	pthread_mutex_lock(&s->lock);
	*s->last = h;
	s->last = &h->next;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

/* ---- read ---- */

static enum err begin_reading(struct store_shard *h, MDB_cursor **cur, struct err_text *why)
{
	struct store *s = h->store;
	int rc = h->txn ? mdb_txn_renew(h->txn) : mdb_txn_begin(s->env, NULL, MDB_RDONLY, &h->txn);
	if (!rc) {
		rc = mdb_cursor_open(h->txn, s->dbi, cur);
		if (rc)
			mdb_txn_reset(h->txn);
	}
	return rc ? embedded_err(s, rc, "read", why) : ERR_OK;
}

static void end_reading(struct store_shard *h, MDB_cursor *cur)
{
	mdb_cursor_close(cur);
	mdb_txn_reset(h->txn);
}

/* Appends the value whose first key the cursor stands on; moves the cursor to the last key of it. */
static enum err copy_value(struct store_shard *h, MDB_cursor *cur, const struct lmdb_key *k, MDB_val at, MDB_val v, struct err_text *why)
{
	if (begins(&at, k, 0)) {
		buf_put(&h->found, v.mv_data, v.mv_size);
		return ERR_OK;
	}
	for (uint32_t block = 0;; block++) {
		if (from_big_endian((const char *)at.mv_data + k->len, 2) != block)
			return err_set(why, ERR_CORRUPT, "%s: block %u of a record is missing: restore the file from a copy",
				       h->store->path, block);
		buf_put(&h->found, v.mv_data, v.mv_size);
		int rc = mdb_cursor_get(cur, &at, &v, MDB_NEXT);
		if (rc == MDB_NOTFOUND)
			return ERR_OK;
		if (rc)
			return embedded_err(h->store, rc, "read", why);
		if (!begins(&at, k, 2)) {
			rc = mdb_cursor_get(cur, &at, &v, MDB_PREV);
			return rc ? embedded_err(h->store, rc, "read", why) : ERR_OK;
		}
	}
}

/* Lengths first: their places are known when `found` grows no more. */
static enum err read_all(struct store_shard *h, MDB_cursor *cur, const struct store_key *keys, size_t n, struct err_text *why)
{
	struct lmdb_key mk = key_make(h, 'm', NULL, 0, SLICE_NONE);
	MDB_val at = val_key(&mk), v;
	int rc = mdb_cursor_get(cur, &at, &v, MDB_SET_KEY);
	enum err e = ERR_OK;
	if (!rc)
		buf_put(&h->found, v.mv_data, v.mv_size);
	else if (rc != MDB_NOTFOUND)
		return embedded_err(h->store, rc, "read", why);
	h->meta.len = (uint32_t)h->found.len;
	for (size_t i = 0; i < n && !e; i++) {
		struct lmdb_key k = key_value(h, &keys[i]);
		size_t before = h->found.len;
		at = val_key(&k);
		rc = mdb_cursor_get(cur, &at, &v, MDB_SET_RANGE);
		if (rc && rc != MDB_NOTFOUND)
			return embedded_err(h->store, rc, "read", why);
		if (!rc && (begins(&at, &k, 0) || begins(&at, &k, 2)))
			e = copy_value(h, cur, &k, at, v, why);
		h->values[i] = (struct slice){NULL, (uint32_t)(h->found.len - before)};
	}
	return e;
}

static void place_values(struct store_shard *h)
{
	const char *p = (const char *)h->found.data;
	h->meta.p = h->meta.len ? p : NULL;
	for (size_t i = 0, at = h->meta.len; i < h->asked; at += h->values[i++].len)
		h->values[i].p = h->values[i].len ? p + at : NULL; /* a value is never empty: that means absent */
}

/* Everything is done here; what went wrong is kept for read_end. */
static enum err embedded_read_begin(struct store_shard *h, const struct store_key *keys, size_t n, struct err_text *why)
{
	MDB_cursor *cur;
	(void)why;
	assert(!h->reading);
	if (h->value_cap < n + 1) {
		h->value_cap = n + n / 2 + 1;
		h->values = mem_realloc(h->values, h->value_cap * sizeof *h->values);
	}
	h->reading = true;
	h->asked = n;
	h->meta = SLICE_NONE;
	buf_reset(&h->found);
	h->read_err = embedded_commit_end(h, &h->read_why);
	if (!h->read_err)
		h->read_err = begin_reading(h, &cur, &h->read_why);
	if (!h->read_err) {
		h->read_err = read_all(h, cur, keys, n, &h->read_why);
		end_reading(h, cur);
	}
	return ERR_OK;
}

static enum err embedded_read_end(struct store_shard *h, struct store_read *out, struct err_text *why)
{
	assert(h->reading);
	h->reading = false;
	if (h->read_err)
		return err_set(why, h->read_err, "%s", h->read_why.text);
	place_values(h);
	h->was_read = true;
	*out = (struct store_read){h->meta, h->values};
	return ERR_OK;
}

/* ---- whole collections ---- */

/* Walks the keys that begin with `prefix`; `each` gets what stands behind it. */
typedef enum err walk_each(void *ctx, struct slice rest, struct slice value, struct err_text *why);

static enum err walk(struct store_shard *h, const struct lmdb_key *prefix, walk_each *each, void *ctx, struct err_text *why)
{
	MDB_cursor *cur;
	MDB_val at = val_key(prefix), v;
	assert(!h->pending && !h->reading);
	enum err e = begin_reading(h, &cur, why);
	if (e)
		return e;
	int rc = mdb_cursor_get(cur, &at, &v, MDB_SET_RANGE);
	while (!e && !rc && begins(&at, prefix, ANY)) {
		e = each(ctx, slice_make((const char *)at.mv_data + prefix->len, at.mv_size - prefix->len),
			 slice_make(v.mv_data, v.mv_size), why);
		if (!e)
			rc = mdb_cursor_get(cur, &at, &v, MDB_NEXT);
	}
	end_reading(h, cur);
	if (!e && rc && rc != MDB_NOTFOUND)
		e = embedded_err(h->store, rc, "read", why);
	return e;
}

struct visitor {
	store_visit *visit;
	void *ctx;
};

static enum err each_entry(void *ctx, struct slice rest, struct slice value, struct err_text *why)
{
	const struct visitor *v = ctx;
	(void)why;
	return v->visit(v->ctx, SLICE_NONE, value, (int64_t)from_big_endian(rest.p, 8));
}

static enum err embedded_outbox(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	struct lmdb_key prefix = key_make(h, 'o', NULL, 0, SLICE_NONE);
	struct visitor v = {visit, ctx};
	return walk(h, &prefix, each_entry, &v, why);
}

struct timers {
	struct arena arena;
	struct store_timer *all;
	size_t cnt, cap;
};

static enum err each_timer(void *ctx, struct slice rest, struct slice value, struct err_text *why)
{
	struct timers *t = ctx;
	int64_t due_ms;
	if (value.len != sizeof due_ms)
		return err_set(why, ERR_CORRUPT, "a timer in the embedded store is damaged: restore the file from a copy");
	if (t->cnt == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->all = mem_realloc(t->all, t->cap * sizeof *t->all);
	}
	memcpy(&due_ms, value.p, sizeof due_ms);
	t->all[t->cnt++] = (struct store_timer){arena_copy(&t->arena, rest), due_ms};
	return ERR_OK;
}

static int by_due(const void *a, const void *b)
{
	const struct store_timer *x = a, *y = b;
	return x->due_ms != y->due_ms ? (x->due_ms > y->due_ms) - (x->due_ms < y->due_ms) : slice_cmp(x->key, y->key);
}

static enum err embedded_timers(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	struct lmdb_key prefix = key_make(h, 't', NULL, 0, SLICE_NONE);
	struct timers t = {0};
	arena_init(&t.arena, 64 << 10);
	enum err e = walk(h, &prefix, each_timer, &t, why);
	if (!e && t.cnt > 1)
		qsort(t.all, t.cnt, sizeof *t.all, by_due);
	for (size_t i = 0; i < t.cnt && !e; i++)
		e = visit(ctx, t.all[i].key, SLICE_NONE, t.all[i].due_ms);
	free(t.all);
	arena_release(&t.arena);
	return e;
}

static enum err embedded_values(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why)
{
	struct lmdb_key prefix = key_make(h, embedded_space_letter[space], NULL, 0, SLICE_NONE);
	MDB_cursor *cur;
	MDB_val at = val_key(&prefix), v;
	assert(!h->pending && !h->reading);
	enum err e = begin_reading(h, &cur, why);
	if (e)
		return e;
	int rc = mdb_cursor_get(cur, &at, &v, MDB_SET_RANGE);
	while (!e && !rc && begins(&at, &prefix, ANY)) {
		const char *p = (const char *)at.mv_data + prefix.len;
		size_t rest = at.mv_size - prefix.len;
		if (!rest || (rest != 1u + (uint8_t)*p && rest != 3u + (uint8_t)*p)) {
			e = err_set(why, ERR_CORRUPT, "%s: a key of a record is damaged: restore the file from a copy", h->store->path);
			break;
		}
		struct slice key = slice_make(p + 1, (uint8_t)*p);
		struct lmdb_key k = key_make(h, embedded_space_letter[space], p, 1, key);
		buf_reset(&h->found);
		e = copy_value(h, cur, &k, at, v, why);
		if (!e)
			e = visit(ctx, slice_make(k.bytes + prefix.len + 1, key.len), buf_slice(&h->found), 0);
		if (!e)
			rc = mdb_cursor_get(cur, &at, &v, MDB_NEXT);
	}
	end_reading(h, cur);
	if (!e && rc && rc != MDB_NOTFOUND)
		e = embedded_err(h->store, rc, "read", why);
	return e;
}

static int32_t day_of(const struct store_shard *h, const MDB_val *k)
{
	return (int32_t)((uint32_t)from_big_endian((const uint8_t *)k->mv_data + h->tag_len + 1, 4) ^ UINT32_C(0x80000000));
}

/* From one day to the next, without the members. */
static enum err embedded_days(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why)
{
	struct lmdb_key prefix = key_make(h, 'y', NULL, 0, SLICE_NONE), next = prefix;
	MDB_cursor *cur;
	int rc = 0;
	assert(!h->pending && !h->reading);
	enum err e = begin_reading(h, &cur, why);
	if (e)
		return e;
	while (!e && !rc) {
		MDB_val at = val_key(&next), v;
		rc = mdb_cursor_get(cur, &at, &v, MDB_SET_RANGE);
		if (rc || !begins(&at, &prefix, ANY))
			break;
		int32_t day = day_of(h, &at);
		e = visit(ctx, SLICE_NONE, SLICE_NONE, day);
		if (day == INT32_MAX)
			break;
		next = key_day(h, day + 1, SLICE_NONE);
	}
	end_reading(h, cur);
	return e || !rc || rc == MDB_NOTFOUND ? e : embedded_err(h->store, rc, "read", why);
}

struct day_visit {
	struct visitor v;
	int32_t day;
	size_t left;
	bool full;
};

static enum err each_member(void *ctx, struct slice rest, struct slice value, struct err_text *why)
{
	struct day_visit *d = ctx;
	(void)value;
	(void)why;
	if (!d->left) {
		d->full = true;
		return ERR_LIMIT; /* ends the walk */
	}
	d->left--;
	return d->v.visit(d->v.ctx, rest, SLICE_NONE, d->day);
}

static enum err embedded_day(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why)
{
	struct lmdb_key prefix = key_day(h, day, SLICE_NONE);
	struct day_visit d = {.v = {visit, ctx}, .day = day, .left = max};
	enum err e = walk(h, &prefix, each_member, &d, why);
	return d.full ? ERR_OK : e;
}

/* ---- the deployment's mark ---- */

static enum err embedded_claim(struct store *s, const char *deployment, struct slice value, struct arena *a, struct slice *now,
			       struct err_text *why)
{
	MDB_txn *txn;
	struct slice name = arena_printf(a, "\1d%s", deployment);
	MDB_val k = val(name.p, name.len), v = val(value.p, value.len);
	assert(!value.len || !s->read_only);
	*now = SLICE_NONE;
	if (name.len > KEY_MAX)
		return err_set(why, ERR_CONFIG, "the name of a deployment has at most %d bytes", KEY_MAX - 2);
	int rc = mdb_txn_begin(s->env, NULL, value.len ? 0 : MDB_RDONLY, &txn);
	if (rc)
		return embedded_err(s, rc, "claim", why);
	if (value.len) {
		rc = mdb_put(txn, s->dbi, &k, &v, MDB_NOOVERWRITE); /* v becomes what is there */
		rc = rc == MDB_KEYEXIST ? 0 : rc;
	} else {
		rc = mdb_get(txn, s->dbi, &k, &v);
	}
	if (!rc)
		*now = arena_copy(a, slice_make(v.mv_data, v.mv_size));
	if (rc)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	return rc && rc != MDB_NOTFOUND ? embedded_err(s, rc, "claim", why) : ERR_OK;
}

static bool embedded_unclean(const struct store *s)
{
	return s->unclean;
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
	.unclean = embedded_unclean,
};
