/* SPDX-License-Identifier: Apache-2.0 */
#include "app/first_seen.h"

#include "base/arena.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct seen_page {
	struct seen_bucket bucket;
	uint32_t number;
	bool changed, damaged; /* damaged: left in the store as it is */
	char key[8];           /* its number as text */
	uint8_t key_len;
	size_t from; /* its bytes */
};

void first_seen_release(struct first_seen *f)
{
	free(f->pages);
	free(f->at);
	free(f->keys);
	buf_release(&f->bytes);
	*f = (struct first_seen){0};
}

void first_seen_reset(struct first_seen *f)
{
	for (uint32_t i = 0; i < f->cnt; i++)
		f->at[f->pages[i].number] = 0;
	f->cnt = 0;
}

void first_seen_want(struct first_seen *f, uint64_t key_hash)
{
	uint32_t number = seen_bucket_of(key_hash);
	if (!f->at)
		f->at = mem_zalloc(SEEN_BUCKETS * sizeof *f->at);
	if (f->at[number])
		return;
	if (f->cnt == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		f->pages = mem_realloc(f->pages, f->cap * sizeof *f->pages);
		f->keys = mem_realloc(f->keys, f->cap * sizeof *f->keys);
	}
	struct seen_page *p = &f->pages[f->cnt++];
	f->at[number] = f->cnt;
	p->number = number;
	p->changed = p->damaged = false;
	p->bucket.cnt = 0;
	p->key_len = (uint8_t)snprintf(p->key, sizeof p->key, "%u", number);
}

enum err first_seen_read(struct first_seen *f, const struct store_ops *ops, struct store_shard *h, const char *topic, int32_t partition,
			 struct err_text *why)
{
	struct store_read read;
	if (f->cnt == 0)
		return ERR_OK;
	for (uint32_t i = 0; i < f->cnt; i++)
		f->keys[i] = (struct store_key){slice_make(f->pages[i].key, f->pages[i].key_len), SPACE_SEEN};
	enum err e = ops->read_begin(h, f->keys, f->cnt, why);
	if (!e)
		e = ops->read_end(h, &read, why);
	for (uint32_t i = 0; i < f->cnt && !e; i++) {
		struct err_text detail;
		struct seen_page *p = &f->pages[i];
		p->damaged = seen_decode(read.values[i], &p->bucket, &detail) != ERR_OK;
		if (p->damaged)
			log_error("scoring", "%s:%d: the first-seen days %s cannot be read and are left as they are: %s", topic, partition,
				  p->key, detail.text);
	}
	return e;
}

static struct seen_page *page_of(const struct first_seen *f, uint64_t key_hash)
{
	uint32_t at = f->at ? f->at[seen_bucket_of(key_hash)] : 0;
	return at ? &f->pages[at - 1] : NULL;
}

int32_t first_seen_day(const struct first_seen *f, uint64_t key_hash, int32_t day)
{
	const struct seen_page *p = page_of(f, key_hash);
	return p ? seen_find(&p->bucket, key_hash, day) : -1;
}

void first_seen_keep(struct first_seen *f, uint64_t key_hash, int32_t first_day, int32_t end_day)
{
	struct seen_page *p = page_of(f, key_hash);
	assert(p);
	if (p->damaged || first_day < 0)
		return;
	seen_put(&p->bucket, key_hash, first_day, end_day);
	p->changed = true;
}

void first_seen_forget(struct first_seen *f, uint64_t key_hash)
{
	struct seen_page *p = page_of(f, key_hash);
	if (p && !p->damaged && seen_remove(&p->bucket, key_hash))
		p->changed = true;
}

uint32_t first_seen_changed(const struct first_seen *f)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < f->cnt; i++)
		n += f->pages[i].changed;
	return n;
}

void first_seen_puts(struct first_seen *f, struct store_put *out)
{
	buf_reset(&f->bytes);
	for (uint32_t i = 0; i < f->cnt; i++)
		if (f->pages[i].changed) {
			f->pages[i].from = f->bytes.len;
			seen_encode(&f->pages[i].bucket, &f->bytes);
		}
	for (uint32_t i = 0; i < f->cnt; i++) { /* the bytes have stopped moving */
		struct seen_page *p = &f->pages[i];
		if (!p->changed)
			continue;
		const char *at = (const char *)f->bytes.data + p->from;
		*out++ = (struct store_put){.at = {slice_make(p->key, p->key_len), SPACE_SEEN},
					    .value = slice_make(at, SEEN_STORED_BYTES(p->bucket.cnt))};
		p->changed = false;
	}
}
