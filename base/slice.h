/* SPDX-License-Identifier: Apache-2.0 */
/* A slice borrows bytes that somebody else owns; it is not terminated. An absent string has p == NULL. */
#ifndef RINGFENCE_BASE_SLICE_H
#define RINGFENCE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	uint32_t len; /* bytes */
};

#define SLICE_NONE ((struct slice){NULL, 0})
#define SLICE_LIT(s) ((struct slice){"" s, (uint32_t)(sizeof(s) - 1)})
#define SLICE_FMT "%.*s"
#define SLICE_ARG(s) (int)(s).len, (s).p ? (s).p : ""

static inline struct slice slice_of(const char *s)
{
	return (struct slice){s, s ? (uint32_t)strlen(s) : 0};
}

static inline struct slice slice_make(const void *p, size_t len)
{
	return (struct slice){(const char *)p, (uint32_t)len};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_of(s));
}

/* Byte order, shorter first on a tie: the order of every sorted output. */
static inline int slice_cmp(struct slice a, struct slice b)
{
	uint32_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

#endif
