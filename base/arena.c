/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(16) unsigned char bytes[];
};

static void *check(void *p, size_t bytes)
{
	if (!p && bytes) {
		fprintf(stderr, "ringfence: out of memory asking for %zu bytes\n", bytes);
		abort();
	}
	return p;
}

void *mem_alloc(size_t bytes)
{
	return check(malloc(bytes), bytes);
}

void *mem_zalloc(size_t bytes)
{
	return check(calloc(1, bytes), bytes);
}

void *mem_realloc(void *p, size_t bytes)
{
	return check(realloc(p, bytes), bytes);
}

char *mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(mem_alloc(n), s, n);
}

void arena_init(struct arena *a, size_t block_bytes)
{
	*a = (struct arena){.block_bytes = block_bytes};
}

void arena_release(struct arena *a)
{
	for (struct arena_block *b = a->first, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){.block_bytes = a->block_bytes};
}

void arena_reset(struct arena *a)
{
	for (struct arena_block *b = a->first; b; b = b->next)
		b->used = 0;
	a->current = a->first;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	bytes = (bytes + 15) & ~(size_t)15;
	struct arena_block *b = a->current;
	while (b && b->size - b->used < bytes && b->next)
		b = b->next;
	if (!b || b->size - b->used < bytes) {
		size_t size = bytes > a->block_bytes ? bytes : a->block_bytes;
		struct arena_block *fresh = mem_alloc(sizeof *fresh + size);
		*fresh = (struct arena_block){.size = size};
		a->held_bytes += sizeof *fresh + size;
		if (b)
			b->next = fresh;
		else
			a->first = fresh;
		b = fresh;
	}
	a->current = b;
	void *p = b->bytes + b->used;
	b->used += bytes;
	return p;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
	return memset(arena_alloc(a, bytes), 0, bytes);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	if (!s.p)
		return SLICE_NONE;
	char *p = arena_alloc(a, (size_t)s.len + 1);
	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return (struct slice){p, s.len};
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return (struct slice){p, (uint32_t)n};
}
