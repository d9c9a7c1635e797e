/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/json.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_init_buf(struct json *j, struct buf *out)
{
	*j = (struct json){.out = out, .start = out->len};
}

void json_init_arena(struct json *j, struct arena *a, size_t first_bytes)
{
	*j = (struct json){.a = a};
	j->in_arena = (struct buf){.data = arena_alloc(a, first_bytes), .cap = first_bytes};
	j->out = &j->in_arena;
}

struct slice json_slice(const struct json *j)
{
	return slice_make(j->out->data + j->start, j->out->len - j->start);
}

static uint8_t *room(struct json *j, size_t more)
{
	struct buf *b = j->out;
	if (b->cap - b->len >= more)
		return b->data + b->len;
	if (!j->a)
		return buf_reserve(b, more);
	size_t cap = 2 * b->cap;
	while (cap - b->len < more)
		cap *= 2;
	uint8_t *bigger = arena_alloc(j->a, cap);
	memcpy(bigger, b->data, b->len);
	b->data = bigger;
	b->cap = cap;
	return b->data + b->len;
}

static void put(struct json *j, const void *p, size_t len)
{
	if (len) {
		memcpy(room(j, len), p, len);
		j->out->len += len;
	}
}

static void put_byte(struct json *j, char c)
{
	*room(j, 1) = (uint8_t)c;
	j->out->len++;
}

/* A comma if a value stands before. Strings end in '"', so an open bracket or a colon as last byte is never inside one. */
static void comma(struct json *j)
{
	if (j->out->len == j->start)
		return;
	uint8_t last = j->out->data[j->out->len - 1];
	if (last != '{' && last != '[' && last != ':')
		put_byte(j, ',');
}

void json_open(struct json *j, char bracket)
{
	comma(j);
	put_byte(j, bracket);
}

void json_close(struct json *j, char bracket)
{
	put_byte(j, bracket);
}

void json_key(struct json *j, const char *key)
{
	comma(j);
	put_byte(j, '"');
	put(j, key, strlen(key));
	put(j, "\":", 2);
}

static void put_escaped(struct json *j, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	const char *at = strchr("\"\"\\\\\bb\ff\nn\rr\tt", c);
	if (c && at) {
		put_byte(j, '\\');
		put_byte(j, at[1]);
	} else {
		put(j, "\\u00", 4);
		put_byte(j, hex[c >> 4]);
		put_byte(j, hex[c & 15]);
	}
}

static void put_quoted(struct json *j, struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p, *end = p + s.len, *plain = p;
	put_byte(j, '"');
	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));
		if (n == 1 && *p >= 0x20 && *p != '"' && *p != '\\') {
			p++;
			continue;
		}
		if (n > 1) {
			p += n;
			continue;
		}
		put(j, plain, (size_t)(p - plain));
		if (n == 1)
			put_escaped(j, *p);
		else
			put(j, "\xef\xbf\xbd", 3);
		plain = ++p;
	}
	put(j, plain, (size_t)(p - plain));
	put_byte(j, '"');
}

void json_key_slice(struct json *j, struct slice key)
{
	comma(j);
	put_quoted(j, key.p ? key : SLICE_LIT(""));
	put_byte(j, ':');
}

void json_text(struct json *j, struct slice s)
{
	if (!s.p) {
		json_null(j);
		return;
	}
	comma(j);
	put_quoted(j, s);
}

void json_string(struct json *j, const char *s)
{
	json_text(j, slice_of(s));
}

void json_uint(struct json *j, uint64_t v)
{
	char t[20];
	size_t n = sizeof t;
	comma(j);
	do {
		t[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(j, t + n, sizeof t - n);
}

void json_int(struct json *j, int64_t v)
{
	if (v >= 0) {
		json_uint(j, (uint64_t)v);
		return;
	}
	char t[24];
	comma(j);
	put(j, t, (size_t)snprintf(t, sizeof t, "%lld", (long long)v));
}

/* The program never calls setlocale(), so the point is a point. */
void json_double(struct json *j, double v)
{
	if (!isfinite(v)) {
		json_null(j);
		return;
	}
	char t[40];
	int n = 0;
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(t, sizeof t, "%.*g", digits, v);
		double back = strtod(t, NULL);
		if (memcmp(&back, &v, sizeof v) == 0)
			break;
	}
	comma(j);
	put(j, t, (size_t)n);
}

void json_bool(struct json *j, bool v)
{
	comma(j);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_null(struct json *j)
{
	comma(j);
	put(j, "null", 4);
}

void json_time(struct json *j, int64_t ms)
{
	char t[TIME_TEXT_BYTES];
	if (ms == TIME_NONE || ms == TIME_NEVER)
		json_null(j);
	else
		json_string(j, time_format(ms, t));
}

void json_value(struct json *j, const struct value *v)
{
	switch (v->type) {
	case VALUE_INT:
		json_int(j, v->i);
		break;
	case VALUE_DOUBLE:
		json_double(j, v->d);
		break;
	case VALUE_STRING:
		json_text(j, v->s);
		break;
	case VALUE_BOOL:
		json_bool(j, v->b);
		break;
	}
}

void json_raw(struct json *j, struct slice s)
{
	comma(j);
	put(j, s.p, s.len);
}
