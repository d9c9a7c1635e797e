/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/slab.h"

#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE_BYTES ((size_t)64 << 10)
#define CHUNK_BYTES \
	((size_t)2 << 20) /* what is asked of the heap: one huge page where there are such, for there is no order in what is looked up */
#define GRAIN ((size_t)16)
#define BLOCK_MAX ((size_t)8 << 10) /* larger ones come from the heap */
#define CLASSES (BLOCK_MAX / GRAIN + 1)

struct page {
	struct page *next;
};

struct class
{
	struct page **pages;
	size_t page_cnt, page_cap;
	size_t cnt; /* blocks taken: the first cnt places, in order of pages */
	struct page *spare;
};

struct slab {
	struct class class[CLASSES];
	struct page *fixed[CLASSES]; /* given back */
	struct page *empty;
	uint8_t *fixed_at; /* the page that fixed blocks are cut from */
	size_t fixed_left;
	struct page **all;
	size_t all_cnt, all_cap;
	int64_t bytes, large_bytes;
};

static size_t class_of(size_t bytes)
{
	return (bytes + GRAIN - 1) / GRAIN;
}

struct slab *slab_new(void)
{
	return mem_zalloc(sizeof(struct slab));
}

static void page_give(struct slab *m, struct page *p)
{
	p->next = m->empty;
	m->empty = p;
}

static struct page *page_take(struct slab *m)
{
	struct page *p = m->empty;
	if (p) {
		m->empty = p->next;
		return p;
	}
	if (m->all_cnt == m->all_cap) {
		m->all_cap = m->all_cap ? 2 * m->all_cap : 64;
		m->all = mem_realloc(m->all, m->all_cap * sizeof(struct page *));
	}
	uint8_t *chunk = aligned_alloc(CHUNK_BYTES, CHUNK_BYTES);
	if (!chunk)
		chunk = mem_alloc(CHUNK_BYTES); /* ends the process with a message */
	(void)madvise(chunk, CHUNK_BYTES, MADV_HUGEPAGE);
	m->all[m->all_cnt++] = (struct page *)(void *)chunk;
	for (size_t at = CHUNK_BYTES - PAGE_BYTES; at > 0; at -= PAGE_BYTES)
		page_give(m, (struct page *)(void *)(chunk + at));
	return (struct page *)(void *)chunk;
}

void slab_clear(struct slab *m)
{
	for (size_t i = 0; i < CLASSES; i++) {
		m->class[i].page_cnt = m->class[i].cnt = 0;
		m->class[i].spare = NULL;
		m->fixed[i] = NULL;
	}
	m->fixed_left = 0;
	m->empty = NULL;
	for (size_t i = 0; i < m->all_cnt; i++)
		for (size_t at = 0; at < CHUNK_BYTES; at += PAGE_BYTES)
			page_give(m, (struct page *)(void *)((uint8_t *)m->all[i] + at));
	m->bytes = 0;
}

void slab_free(struct slab *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < CLASSES; i++)
		free(m->class[i].pages);
	for (size_t i = 0; i < m->all_cnt; i++)
		free(m->all[i]);
	free(m->all);
	free(m);
}

static void *place(const struct class *c, size_t block_bytes, size_t i)
{
	size_t a_page = PAGE_BYTES / block_bytes;
	return (uint8_t *)c->pages[i / a_page] + i % a_page * block_bytes;
}

static void *take_large(struct slab *m, size_t bytes, void **home)
{
	void **block = mem_alloc(bytes);
	block[0] = home;
	*home = block;
	if (m) {
		m->bytes += (int64_t)bytes;
		m->large_bytes += (int64_t)bytes;
	}
	return block;
}

static void give_large(struct slab *m, void *block, size_t bytes)
{
	if (m) {
		m->bytes -= (int64_t)bytes;
		m->large_bytes -= (int64_t)bytes;
	}
	free(block);
}

void *slab_take(struct slab *m, size_t bytes, void **home)
{
	if (!m || bytes > BLOCK_MAX)
		return take_large(m, bytes, home);
	size_t k = class_of(bytes), size = k * GRAIN;
	struct class *c = &m->class[k];
	if (c->cnt == c->page_cnt * (PAGE_BYTES / size)) {
		if (c->page_cnt == c->page_cap) {
			c->page_cap = c->page_cap ? 2 * c->page_cap : 8;
			c->pages = mem_realloc(c->pages, c->page_cap * sizeof(struct page *));
		}
		c->pages[c->page_cnt++] = c->spare ? c->spare : page_take(m);
		c->spare = NULL;
	}
	void **block = place(c, size, c->cnt++);
	block[0] = home;
	*home = block;
	m->bytes += (int64_t)size;
	return block;
}

void slab_give(struct slab *m, void *block, size_t bytes)
{
	if (!m || bytes > BLOCK_MAX) {
		give_large(m, block, bytes);
		return;
	}
	size_t k = class_of(bytes), size = k * GRAIN;
	struct class *c = &m->class[k];
	void **last = place(c, size, --c->cnt);
	if (last != block) {
		memcpy(block, last, size);
		*(void **)last[0] = block;
	}
	m->bytes -= (int64_t)size;
	if (c->cnt == (c->page_cnt - 1) * (PAGE_BYTES / size)) {
		if (c->spare)
			page_give(m, c->spare);
		c->spare = c->pages[--c->page_cnt];
	}
}

void *slab_take_fixed(struct slab *m, size_t bytes)
{
	size_t k = class_of(bytes), size = k * GRAIN;
	if (!m)
		return mem_alloc(bytes);
	struct page *p = m->fixed[k];
	assert(bytes <= BLOCK_MAX);
	m->bytes += (int64_t)size;
	if (p) {
		m->fixed[k] = p->next;
		return p;
	}
	if (m->fixed_left < size) {
		m->fixed_at = (uint8_t *)page_take(m);
		m->fixed_left = PAGE_BYTES;
	}
	m->fixed_left -= size;
	return m->fixed_at + m->fixed_left;
}

void slab_give_fixed(struct slab *m, void *block, size_t bytes)
{
	size_t k = class_of(bytes);
	struct page *p = block;
	if (!m) {
		free(block);
		return;
	}
	p->next = m->fixed[k];
	m->fixed[k] = p;
	m->bytes -= (int64_t)(k * GRAIN);
}

int64_t slab_bytes(const struct slab *m)
{
	return m->bytes;
}

int64_t slab_held(const struct slab *m)
{
	return (int64_t)(m->all_cnt * CHUNK_BYTES) + m->large_bytes;
}
