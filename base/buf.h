/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer for what is written, and a bounded reader for what is read back.
 * Integers in stored forms are little-endian or LEB128 varints (signed ones zig-zag). */
#ifndef RINGFENCE_BASE_BUF_H
#define RINGFENCE_BASE_BUF_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdint.h>
#include <stdlib.h>

struct buf {
	uint8_t *data; /* owned */
	size_t len, cap;
};

static inline void buf_release(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

static inline void buf_reset(struct buf *b)
{
	b->len = 0;
}

void buf_reserve_slow(struct buf *b, size_t more);

/* Makes room for `more` bytes behind len; returns where they go. */
static inline uint8_t *buf_reserve(struct buf *b, size_t more)
{
	if (b->cap - b->len < more)
		buf_reserve_slow(b, more);
	return b->data + b->len;
}

static inline void buf_put(struct buf *b, const void *p, size_t len)
{
	if (len) {
		memcpy(buf_reserve(b, len), p, len);
		b->len += len;
	}
}

static inline void buf_put_u8(struct buf *b, uint8_t v)
{
	*buf_reserve(b, 1) = v;
	b->len++;
}

static inline void buf_put_u32(struct buf *b, uint32_t v)
{
	uint8_t t[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
	buf_put(b, t, 4);
}

static inline void buf_put_u64(struct buf *b, uint64_t v)
{
	buf_put_u32(b, (uint32_t)v);
	buf_put_u32(b, (uint32_t)(v >> 32));
}

/* Writers of what a buffer has room for already: at most VARINT_MAX bytes. They return where the next byte goes. */
#define VARINT_MAX 10

static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static inline uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* Eight bytes, little-endian; the next ones may go over the last of them. */
static inline void put_u64(uint8_t *p, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	memcpy(p, &v, sizeof v);
}

static inline void buf_put_varint(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_reserve(b, VARINT_MAX);
	b->len += (size_t)(put_varint(p, v) - p);
}

static inline void buf_put_zigzag(struct buf *b, int64_t v)
{
	buf_put_varint(b, zigzag(v));
}

/* Length as varint, then the bytes. */
static inline void buf_put_slice(struct buf *b, struct slice s)
{
	buf_put_varint(b, s.len);
	buf_put(b, s.p, s.len);
}

static inline void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline struct slice buf_slice(const struct buf *b)
{
	return slice_make(b->data, b->len);
}

/* A reader never runs past its end: a read that would sets `bad` and gives 0. Check `bad` once, after the last read. */
struct reader {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct reader reader_of(const void *p, size_t len)
{
	return (struct reader){(const uint8_t *)p, (const uint8_t *)p + len, false};
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

static inline const uint8_t *reader_take(struct reader *r, size_t len)
{
	if (r->bad || reader_left(r) < len) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *p = r->p;
	r->p += len;
	return p;
}

static inline uint8_t reader_u8(struct reader *r)
{
	const uint8_t *p = reader_take(r, 1);
	return p ? *p : 0;
}

static inline uint32_t reader_u32(struct reader *r)
{
	const uint8_t *p = reader_take(r, 4);
	return p ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : 0;
}

static inline uint64_t reader_u64(struct reader *r)
{
	uint64_t lo = reader_u32(r);
	return lo | (uint64_t)reader_u32(r) << 32;
}

static inline uint64_t reader_varint(struct reader *r)
{
	uint64_t v = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		uint8_t c = reader_u8(r);
		if (shift == 63 && c > 1)
			break;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

static inline int64_t reader_zigzag(struct reader *r)
{
	uint64_t v = reader_varint(r);
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline struct slice reader_slice(struct reader *r)
{
	uint64_t len = reader_varint(r);
	if (len > UINT32_MAX) {
		r->bad = true;
		return SLICE_NONE;
	}
	const uint8_t *p = reader_take(r, (size_t)len);
	return p ? slice_make(p, (size_t)len) : SLICE_NONE;
}

#endif
