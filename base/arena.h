/* SPDX-License-Identifier: Apache-2.0 */
/* An arena: memory of one lifetime, given back all at once. One per batch, one per rule-set generation.
 * Blocks are kept on reset, so a warm arena allocates nothing. Out of memory ends the process with a message:
 * no stage can go on without, and the commit protocol makes that as safe as a crash. */
#ifndef RINGFENCE_BASE_ARENA_H
#define RINGFENCE_BASE_ARENA_H

#include "base/slice.h"

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *first, *current;
	size_t block_bytes; /* size of a new block */
	size_t held_bytes;  /* in all blocks: the memory this arena holds */
};

void arena_init(struct arena *a, size_t block_bytes);
void arena_release(struct arena *a);
void arena_reset(struct arena *a); /* forgets the content, keeps the blocks */

/* 16-byte aligned, not zeroed; valid until reset. A request above the block size gets a block of its own. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_zalloc(struct arena *a, size_t bytes);
/* Returns a copy that is terminated with a NUL (not counted in len). SLICE_NONE stays SLICE_NONE. */
struct slice arena_copy(struct arena *a, struct slice s);
struct slice arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* malloc and realloc that end the process when there is no memory. */
void *mem_alloc(size_t bytes);
void *mem_zalloc(size_t bytes);
void *mem_realloc(void *p, size_t bytes);
char *mem_strdup(const char *s);

#endif
