/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)2 << 20) /* one huge page where there are such */
#define GRAIN ((size_t)64)
#define CLASSES (POOL_BLOCK_MAX / GRAIN + 1)

struct block {
	struct block *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *given[CLASSES]; /* by size in grains */
static char *chunk;                  /* blocks are cut from its front */
static size_t chunk_left;

/* The sanitizer watches single blocks: with it all come from the heap. */
#ifndef __has_feature
#define __has_feature(x) 0 /* gcc has a macro of its own */
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
#define FROM_HEAP(bytes) true
#else
#define FROM_HEAP(bytes) ((bytes) > POOL_BLOCK_MAX)
#endif

static size_t class_of(size_t bytes)
{
	return (bytes + GRAIN - 1) / GRAIN;
}

static void *huge_alloc(size_t bytes)
{
	bytes = (bytes + CHUNK_BYTES - 1) / CHUNK_BYTES * CHUNK_BYTES;
	void *p = aligned_alloc(CHUNK_BYTES, bytes);
	if (!p)
		return mem_alloc(bytes); /* ends the process with a message */
	(void)madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

void *huge_zalloc(size_t bytes)
{
	return bytes < CHUNK_BYTES ? mem_zalloc(bytes) : memset(huge_alloc(bytes), 0, bytes);
}

/* What is left of a chunk serves smaller blocks. */
static void keep_rest(void)
{
	while (chunk_left >= GRAIN) {
		size_t k = chunk_left / GRAIN < CLASSES ? chunk_left / GRAIN : CLASSES - 1;
		struct block *b = (struct block *)(void *)chunk;
		b->next = given[k];
		given[k] = b;
		chunk += k * GRAIN;
		chunk_left -= k * GRAIN;
	}
}

void *pool_take(size_t bytes)
{
	size_t k = class_of(bytes);
	if (FROM_HEAP(bytes))
		return mem_alloc(bytes);
	pthread_mutex_lock(&lock);
	struct block *b = given[k];
	if (b) {
		given[k] = b->next;
	} else {
		if (chunk_left < k * GRAIN) {
			keep_rest();
			chunk = huge_alloc(CHUNK_BYTES);
			chunk_left = CHUNK_BYTES;
		}
		b = (struct block *)(void *)chunk;
		chunk += k * GRAIN;
		chunk_left -= k * GRAIN;
	}
	pthread_mutex_unlock(&lock);
	return b;
}

void *pool_take_zeroed(size_t bytes)
{
	return memset(pool_take(bytes), 0, bytes);
}

void pool_give(void *block, size_t bytes)
{
	if (FROM_HEAP(bytes)) {
		free(block);
		return;
	}
	if (!block)
		return;
	struct block *b = block;
	pthread_mutex_lock(&lock);
	b->next = given[class_of(bytes)];
	given[class_of(bytes)] = b;
	pthread_mutex_unlock(&lock);
}
