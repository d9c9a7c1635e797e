/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of the embedded store: keys, a commit as a program, the writer thread that runs them. */
#include "scoring/embedded.h"

#include <assert.h>

#define GROUP_STEPS_MAX 50000     /* in one write transaction: it holds its changed pages in memory */
#define READER_CHECK_COMMITS 1000 /* how often slots of dead readers are freed */

/* ---- keys ---- */

struct lmdb_key key_make(const struct store_shard *h, char letter, const void *head, size_t head_len, struct slice tail)
{
	struct lmdb_key k;
	assert(h->tag_len + 1 + head_len + tail.len + 2 <= KEY_MAX); /* 2: a block's number */
	memcpy(k.bytes, h->tag, h->tag_len);
	k.bytes[h->tag_len] = (uint8_t)letter;
	k.len = h->tag_len + 1;
	if (head_len)
		memcpy(k.bytes + k.len, head, head_len);
	k.len += head_len;
	if (tail.len)
		memcpy(k.bytes + k.len, tail.p, tail.len);
	k.len += tail.len;
	return k;
}

const char embedded_space_letter[] = {[SPACE_RECORD] = 'n', [SPACE_HISTORY] = 'h', [SPACE_SEEN] = 's'};

struct lmdb_key key_value(const struct store_shard *h, const struct store_key *at)
{
	uint8_t len = (uint8_t)at->key.len;
	assert(at->key.len <= SUBJECT_KEY_MAX);
	return key_make(h, embedded_space_letter[at->space], &len, 1, at->key);
}

static struct lmdb_key key_block(struct lmdb_key k, uint32_t block)
{
	k.bytes[k.len++] = (uint8_t)(block >> 8);
	k.bytes[k.len++] = (uint8_t)block;
	return k;
}

static void big_endian(uint64_t v, uint8_t *out, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

uint64_t from_big_endian(const void *from, int bytes)
{
	const uint8_t *p = from;
	uint64_t v = 0;
	for (int i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static struct lmdb_key key_number(const struct store_shard *h, uint64_t number)
{
	uint8_t head[8];
	big_endian(number, head, 8);
	return key_make(h, 'o', head, 8, SLICE_NONE);
}

struct lmdb_key key_day(const struct store_shard *h, int32_t day, struct slice subject)
{
	uint8_t head[4];
	big_endian((uint32_t)day ^ UINT32_C(0x80000000), head, 4);
	return key_make(h, 'y', head, 4, subject);
}

/* ---- a commit as a program ---- */

enum step {
	STEP_PUT,   /* key, value */
	STEP_DEL,   /* key; it need not be there */
	STEP_WHOLE, /* key of a value (without block), value; empty: delete */
	STEP_APPEND /* key of a value; place (4 bytes), bytes */
};

static void step(struct store_shard *h, enum step code, const struct lmdb_key *k, struct slice value)
{
	buf_put_u8(&h->program, (uint8_t)code);
	buf_put_slice(&h->program, slice_make(k->bytes, k->len));
	buf_put_slice(&h->program, value);
	h->step_cnt++;
}

/* Blocks may be written alone only if the stored value is in blocks already. If it is not, it has at most two of them, so all from the third on
 * are named as new. */
static bool may_be_short(const struct store_put *p)
{
	uint32_t last = (p->value.len - 1) / STORE_BLOCK_BYTES, need = last - 1, tail = 0;
	if (p->value.len <= SHORT_MAX)
		return true;
	for (uint32_t i = 0; i < p->block_cnt; i++)
		tail += p->blocks[i] >= 2;
	return tail == need;
}

static void step_put(struct store_shard *h, const struct store_put *p)
{
	struct lmdb_key k = key_value(h, &p->at);
	assert(p->value.len <= 65536 * STORE_BLOCK_BYTES);
	if (!p->value.len || !p->blocks || may_be_short(p)) {
		step(h, STEP_WHOLE, &k, p->value);
		return;
	}
	for (uint32_t i = 0; i < p->block_cnt; i++) {
		uint32_t from = (uint32_t)p->blocks[i] * STORE_BLOCK_BYTES, left = p->value.len - from;
		struct lmdb_key b = key_block(k, p->blocks[i]);
		assert(from < p->value.len);
		step(h, STEP_PUT, &b, slice_make(p->value.p + from, left < STORE_BLOCK_BYTES ? left : STORE_BLOCK_BYTES));
	}
}

static void step_append(struct store_shard *h, const struct store_append *a)
{
	struct lmdb_key k = key_value(h, &a->at);
	assert(a->bytes.len && a->offset + a->bytes.len <= 65536 * STORE_BLOCK_BYTES);
	buf_put_u8(&h->program, STEP_APPEND);
	buf_put_slice(&h->program, slice_make(k.bytes, k.len));
	buf_put_varint(&h->program, 4 + (uint64_t)a->bytes.len);
	buf_put_u32(&h->program, a->offset);
	buf_put(&h->program, a->bytes.p, a->bytes.len);
	h->step_cnt++;
}

static void step_day(struct store_shard *h, const struct store_day *d)
{
	struct lmdb_key k;
	if (d->from == d->to)
		return;
	if (d->from != -1) {
		k = key_day(h, d->from, d->key);
		step(h, STEP_DEL, &k, SLICE_NONE);
	}
	if (d->to != -1) {
		k = key_day(h, d->to, d->key);
		step(h, STEP_PUT, &k, SLICE_NONE);
	}
}

void embedded_program(struct store_shard *h, const struct store_commit *c)
{
	struct lmdb_key k = key_make(h, 'm', NULL, 0, SLICE_NONE);
	buf_reset(&h->program);
	h->step_cnt = 0;
	memcpy(h->expect, c->expect, sizeof h->expect);
	step(h, STEP_PUT, &k, c->meta);
	for (size_t i = 0; i < c->put_cnt; i++)
		step_put(h, &c->puts[i]);
	for (size_t i = 0; i < c->append_cnt; i++)
		step_append(h, &c->appends[i]);
	for (size_t i = 0; i < c->outbox_cnt; i++) {
		k = key_number(h, c->outbox[i].number);
		step(h, STEP_PUT, &k, c->outbox[i].value);
	}
	for (size_t i = 0; i < c->acked_cnt; i++) {
		k = key_number(h, c->acked[i]);
		step(h, STEP_DEL, &k, SLICE_NONE);
	}
	for (size_t i = 0; i < c->timer_cnt; i++) {
		const struct store_timer *t = &c->timers[i];
		bool gone = t->due_ms == TIME_NONE;
		k = key_make(h, 't', NULL, 0, t->key);
		step(h, gone ? STEP_DEL : STEP_PUT, &k, gone ? SLICE_NONE : slice_make(&t->due_ms, 8));
	}
	for (size_t i = 0; i < c->day_cnt; i++)
		step_day(h, &c->days[i]);
}

/* ---- the writer: runs programs; LMDB's codes until the end ---- */

/* Deletes the blocks of `k` from `first` on. */
static int delete_blocks(MDB_cursor *cur, const struct lmdb_key *k, uint32_t first)
{
	struct lmdb_key from = key_block(*k, first);
	for (;;) {
		MDB_val at = val_key(&from), v;
		int rc = mdb_cursor_get(cur, &at, &v, MDB_SET_RANGE);
		if (rc || !begins(&at, k, 2))
			return rc == MDB_NOTFOUND ? 0 : rc;
		rc = mdb_cursor_del(cur, 0);
		if (rc)
			return rc;
	}
}

static int put_blocks(MDB_cursor *cur, const struct lmdb_key *k, struct slice value, uint32_t *cnt)
{
	uint32_t block = 0;
	for (uint32_t at = 0; at < value.len; at += STORE_BLOCK_BYTES, block++) {
		struct lmdb_key b = key_block(*k, block);
		uint32_t left = value.len - at;
		MDB_val bk = val_key(&b), bv = val(value.p + at, left < STORE_BLOCK_BYTES ? left : STORE_BLOCK_BYTES);
		int rc = mdb_cursor_put(cur, &bk, &bv, 0);
		if (rc)
			return rc;
	}
	*cnt = block;
	return 0;
}

/* A value, whatever form it had before. */
static int write_whole(MDB_cursor *cur, const struct lmdb_key *k, struct slice value)
{
	/* A put must not be given the key that a get returned: it points into the page that changes. */
	MDB_val mine = val_key(k), at = mine, old, fresh = val(value.p, value.len);
	uint32_t kept = 0;
	int rc = mdb_cursor_get(cur, &at, &old, MDB_SET_RANGE);
	if (rc && rc != MDB_NOTFOUND)
		return rc;
	bool is_short = !rc && begins(&at, k, 0), in_blocks = !rc && begins(&at, k, 2);
	if (is_short && value.len && value.len <= SHORT_MAX)
		return mdb_cursor_put(cur, &mine, &fresh, MDB_CURRENT);
	rc = is_short ? mdb_cursor_del(cur, 0) : 0;
	if (!rc && value.len > SHORT_MAX)
		rc = put_blocks(cur, k, value, &kept);
	if (!rc && in_blocks)
		rc = delete_blocks(cur, k, kept);
	if (!rc && value.len && value.len <= SHORT_MAX)
		rc = mdb_cursor_put(cur, &mine, &fresh, 0);
	return rc;
}

/* A value in one key goes over to blocks. */
static int into_blocks(MDB_cursor *cur, const struct lmdb_key *k)
{
	MDB_val at = val_key(k), old;
	uint8_t copy[SHORT_MAX];
	uint32_t cnt;
	int rc = mdb_cursor_get(cur, &at, &old, MDB_SET);
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : rc;
	struct slice value = slice_make(copy, old.mv_size);
	assert(value.len <= SHORT_MAX);
	memcpy(copy, old.mv_data, value.len);
	rc = mdb_cursor_del(cur, 0);
	return rc ? rc : put_blocks(cur, k, value, &cnt);
}

/* Writes into one block; what it did not have before `from` becomes zeros. */
static int put_into_block(MDB_cursor *cur, const struct lmdb_key *k, uint32_t block, uint32_t from, struct slice bytes)
{
	struct lmdb_key b = key_block(*k, block);
	uint8_t content[STORE_BLOCK_BYTES] = {0};
	MDB_val bk = val_key(&b), v;
	size_t len = 0;
	int rc = mdb_cursor_get(cur, &bk, &v, MDB_SET);
	if (rc && rc != MDB_NOTFOUND)
		return rc;
	if (!rc)
		memcpy(content, v.mv_data, len = v.mv_size < sizeof content ? v.mv_size : sizeof content);
	assert(from + bytes.len <= sizeof content);
	if (bytes.len)
		memcpy(content + from, bytes.p, bytes.len);
	if (len < from + bytes.len)
		len = from + bytes.len;
	bk = val_key(&b);
	v = val(content, len);
	return mdb_cursor_put(cur, &bk, &v, 0);
}

/* Blocks stand without a gap, all but the last one full: those before `block` are made so. */
static int fill_before(MDB_cursor *cur, const struct lmdb_key *k, uint32_t block)
{
	for (uint32_t i = block; i-- > 0;) {
		struct lmdb_key b = key_block(*k, i);
		MDB_val bk = val_key(&b), v;
		int rc = mdb_cursor_get(cur, &bk, &v, MDB_SET);
		bool there = !rc;
		if ((rc && rc != MDB_NOTFOUND) || (there && v.mv_size == STORE_BLOCK_BYTES))
			return rc;
		rc = put_into_block(cur, k, i, STORE_BLOCK_BYTES, SLICE_NONE);
		if (rc || there)
			return rc;
	}
	return 0;
}

static int append(MDB_cursor *cur, const struct lmdb_key *k, uint32_t offset, struct slice bytes)
{
	uint32_t block = offset / STORE_BLOCK_BYTES, from = offset % STORE_BLOCK_BYTES;
	int rc = into_blocks(cur, k);
	if (!rc)
		rc = fill_before(cur, k, block);
	for (; !rc && bytes.len; block++, from = 0) {
		uint32_t room = STORE_BLOCK_BYTES - from, n = bytes.len < room ? bytes.len : room;
		rc = put_into_block(cur, k, block, from, slice_make(bytes.p, n));
		bytes = slice_make(bytes.p + n, bytes.len - n);
	}
	return rc;
}

static int run_program(MDB_cursor *cur, const struct store_shard *h)
{
	struct reader r = reader_of(h->program.data, h->program.len);
	while (reader_left(&r)) {
		enum step code = (enum step)reader_u8(&r);
		struct slice ks = reader_slice(&r), vs = reader_slice(&r);
		MDB_val k = val(ks.p, ks.len), v = val(vs.p, vs.len);
		struct lmdb_key whole = {.len = ks.len};
		int rc = 0;
		assert(!r.bad);
		switch (code) {
		case STEP_PUT:
			rc = mdb_cursor_put(cur, &k, &v, 0);
			break;
		case STEP_DEL:
			rc = mdb_cursor_get(cur, &k, NULL, MDB_SET);
			rc = rc == MDB_NOTFOUND ? 0 : rc ? rc : mdb_cursor_del(cur, 0);
			break;
		case STEP_WHOLE:
			memcpy(whole.bytes, ks.p, ks.len);
			rc = write_whole(cur, &whole, vs);
			break;
		case STEP_APPEND:
			memcpy(whole.bytes, ks.p, ks.len);
			rc = append(cur, &whole, reader_u32(&(struct reader){(const uint8_t *)vs.p, (const uint8_t *)vs.p + 4, false}),
				    slice_make(vs.p + 4, vs.len - 4));
			break;
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* Is the stored id the one that the commit expects? */
static int id_matches(MDB_txn *txn, const struct store_shard *h, bool *yes)
{
	static const uint8_t none[COMMIT_ID_BYTES];
	struct lmdb_key mk = key_make(h, 'm', NULL, 0, SLICE_NONE);
	MDB_val k = val_key(&mk), v;
	int rc = mdb_get(txn, h->store->dbi, &k, &v);
	if (rc && rc != MDB_NOTFOUND)
		return rc;
	if (memcmp(h->expect, none, COMMIT_ID_BYTES) == 0)
		*yes = rc == MDB_NOTFOUND; /* a new shard is expected */
	else
		*yes = !rc && v.mv_size >= COMMIT_ID_BYTES && memcmp(h->expect, v.mv_data, COMMIT_ID_BYTES) == 0;
	return 0;
}

static int run_group(struct store *s, struct store_shard *group)
{
	MDB_txn *txn;
	MDB_cursor *cur;
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (rc)
		return rc;
	rc = mdb_cursor_open(txn, s->dbi, &cur);
	for (struct store_shard *h = group; h && !rc; h = h->next) {
		bool ours = false;
		rc = id_matches(txn, h, &ours);
		h->result = ours ? ERR_OK : ERR_FENCED;
		if (!rc && ours)
			rc = run_program(cur, h);
	}
	if (rc)
		mdb_txn_abort(txn); /* closes a write transaction's cursors too */
	else
		rc = mdb_txn_commit(txn);
	return rc;
}

/* Takes what waits, in order, up to the ceiling of a transaction; the first always. */
static struct store_shard *take_group(struct store *s)
{
	struct store_shard *group = s->first, **end = &s->first;
	for (uint32_t steps = 0; *end && (end == &s->first || steps + (*end)->step_cnt <= GROUP_STEPS_MAX); end = &(*end)->next)
		steps += (*end)->step_cnt;
	s->first = *end;
	if (!s->first)
		s->last = &s->first;
	*end = NULL;
	return group;
}

static void answer_group(struct store *s, struct store_shard *group, int rc)
{
	for (struct store_shard *h = group, *next; h; h = next) {
		next = h->next; /* once answered, the handle may go away */
		if (rc)
			h->result = embedded_err(s, rc, "commit", &h->result_why);
		else if (h->result)
			err_set(&h->result_why, h->result, "%s: the commit id in %s is not ours: another took the shard", h->tag, s->path);
		h->answered = true;
		pthread_cond_signal(&h->done);
	}
}

void *embedded_writer(void *arg)
{
	struct store *s = arg;
	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->first && !s->stopping)
			pthread_cond_wait(&s->work, &s->lock);
		if (!s->first)
			break;
		struct store_shard *group = take_group(s);
		pthread_mutex_unlock(&s->lock);
		int dead, rc = run_group(s, group);
		if (++s->commits % READER_CHECK_COMMITS == 0)
			mdb_reader_check(s->env, &dead); /* a killed reader would keep old pages from being used again */
		pthread_mutex_lock(&s->lock);
		answer_group(s, group, rc);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}
