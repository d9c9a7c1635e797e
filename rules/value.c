/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/value.h"

const char *cel_type_name(uint32_t type)
{
	static const char *const names[] = {
#define X(n, name) [CEL_##n] = name,
		CEL_TYPES(X)
#undef X
	};
	return names[type];
}

static int order_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int order_uint(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int order_double(double a, double b)
{
	return a < b ? -1 : a > b ? 1 : a == b ? 0 : CEL_UNORDERED;
}

static int order_int_uint(int64_t i, uint64_t u)
{
	return i < 0 ? -1 : order_uint((uint64_t)i, u);
}

static int turned(int order)
{
	return order == CEL_UNORDERED ? order : -order;
}

/* Across the types by value; beside a double an int is rounded to one, as the language has it. */
static int order_numbers(struct cel a, struct cel b)
{
	if (a.type > b.type)
		return turned(order_numbers(b, a));
	if (a.type == CEL_INT)
		return b.type == CEL_INT    ? order_int(a.i, b.i)
		       : b.type == CEL_UINT ? order_int_uint(a.i, b.u)
					    : order_double((double)a.i, b.d);
	if (a.type == CEL_UINT)
		return b.type == CEL_UINT ? order_uint(a.u, b.u) : order_double((double)a.u, b.d);
	return order_double(a.d, b.d);
}

int cel_order(struct cel a, struct cel b)
{
	if (cel_numeric(a.type) && cel_numeric(b.type))
		return order_numbers(a, b);
	if (a.type != b.type)
		return CEL_NO_ORDER;
	switch (a.type) {
	case CEL_BOOL:
		return a.b - b.b;
	case CEL_STRING:
	case CEL_BYTES: {
		int c = slice_cmp(cel_slice(a), cel_slice(b));
		return (c > 0) - (c < 0);
	}
	case CEL_TIMESTAMP:
		return a.i != b.i ? order_int(a.i, b.i) : order_uint(a.n, b.n);
	case CEL_DURATION:
		return order_int(a.i, b.i);
	default:
		return CEL_NO_ORDER;
	}
}

static bool equal_lists(struct cel a, struct cel b, int64_t *budget)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++)
		if (!cel_equal(a.items[i], b.items[i], budget))
			return false;
	return true;
}

static bool equal_maps(struct cel a, struct cel b, int64_t *budget)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++) {
		const struct cel *v = cel_find(b, a.items[2 * i], budget);
		if (!v || !cel_equal(a.items[2 * i + 1], *v, budget))
			return false;
	}
	return true;
}

bool cel_equal(struct cel a, struct cel b, int64_t *budget)
{
	if (--*budget < 0)
		return false;
	if (cel_numeric(a.type) && cel_numeric(b.type))
		return order_numbers(a, b) == 0;
	if (a.type != b.type)
		return false;
	switch (a.type) {
	case CEL_NULL:
		return true;
	case CEL_TYPE:
		return a.i == b.i;
	case CEL_STRING:
	case CEL_BYTES:
		*budget -= a.n / 64;
		return slice_eq(cel_slice(a), cel_slice(b));
	case CEL_LIST:
		return equal_lists(a, b, budget);
	case CEL_MAP:
		return equal_maps(a, b, budget);
	default:
		return cel_order(a, b) == 0;
	}
}

const struct cel *cel_find(struct cel map, struct cel key, int64_t *budget)
{
	for (uint32_t i = 0; i < map.n && *budget >= 0; i++)
		if (cel_equal(map.items[2 * i], key, budget))
			return &map.items[2 * i + 1];
	return NULL;
}

/* ---- UTF-8 ---- */

uint32_t utf8_next(const char **p, const char *end)
{
	const unsigned char *c = (const unsigned char *)*p;
	size_t n = utf8_length(c, (size_t)(end - *p));
	*p += n ? n : 1;
	if (n == 0)
		return 0xfffd;
	uint32_t code = n == 1 ? c[0] : c[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (c[i] & 0x3f);
	return code;
}

uint32_t utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	uint32_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (uint32_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00u >> n) | c);
	return n;
}
