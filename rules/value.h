/* SPDX-License-Identifier: Apache-2.0 */
/* A value of the expression language: 16 bytes, copied freely; what it points at lives in the program's arena or in the machine's. */
#ifndef RINGFENCE_RULES_VALUE_H
#define RINGFENCE_RULES_VALUE_H

#include "base/utf8.h"

#include <stdint.h>

/* tag, name as type() and messages say it */
#define CEL_TYPES(X)                              \
	X(ERROR, "error")                         \
	X(NULL, "null_type")                      \
	X(BOOL, "bool")                           \
	X(INT, "int")                             \
	X(UINT, "uint")                           \
	X(DOUBLE, "double")                       \
	X(STRING, "string")                       \
	X(BYTES, "bytes")                         \
	X(LIST, "list")                           \
	X(MAP, "map")                             \
	X(TIMESTAMP, "google.protobuf.Timestamp") \
	X(DURATION, "google.protobuf.Duration")   \
	X(TYPE, "type")                           \
	X(DYN, "dyn") /* of a checked expression: known only when it runs */

enum cel_type {
#define X(n, name) CEL_##n,
	CEL_TYPES(X)
#undef X
		CEL_TYPE_CNT
};

struct cel {
	uint32_t type; /* enum cel_type */
	uint32_t n;    /* string, bytes: bytes; list: elements; map: entries; timestamp: nanoseconds, 0 to 999,999,999 */
	union {
		int64_t i; /* int; duration: nanoseconds; timestamp: seconds since 1970; type: its enum cel_type */
		uint64_t u;
		double d;
		bool b;
		const char *p;           /* string (UTF-8), bytes, error (its text, terminated) */
		const struct cel *items; /* list; map: key, value, key, value, in the order of their making */
	};
};

const char *cel_type_name(uint32_t type);

static inline struct cel cel_int(int64_t i)
{
	return (struct cel){.type = CEL_INT, .i = i};
}

static inline struct cel cel_uint(uint64_t u)
{
	return (struct cel){.type = CEL_UINT, .u = u};
}

static inline struct cel cel_double(double d)
{
	return (struct cel){.type = CEL_DOUBLE, .d = d};
}

static inline struct cel cel_bool(bool b)
{
	return (struct cel){.type = CEL_BOOL, .b = b};
}

static inline struct cel cel_string(struct slice s)
{
	return (struct cel){.type = CEL_STRING, .n = s.len, .p = s.p ? s.p : ""};
}

static inline struct cel cel_error(const char *text)
{
	return (struct cel){.type = CEL_ERROR, .p = text};
}

static inline struct slice cel_slice(struct cel v)
{
	return (struct slice){v.p, v.n};
}

static inline bool cel_numeric(uint32_t type)
{
	return type >= CEL_INT && type <= CEL_DOUBLE;
}

/* Values of different types are not equal, numbers are compared by value, NaN equals nothing. What it looks at is taken from *budget; once that is
 * below zero the answer means nothing. */
bool cel_equal(struct cel a, struct cel b, int64_t *budget);

#define CEL_UNORDERED 2 /* NaN */
#define CEL_NO_ORDER 3  /* these types have none */
/* -1, 0, 1, or one of the above. */
int cel_order(struct cel a, struct cel b);

/* The value of a key, or NULL. */
const struct cel *cel_find(struct cel map, struct cel key, int64_t *budget);

static inline bool cel_is_key(uint32_t type)
{
	return type == CEL_BOOL || type == CEL_INT || type == CEL_UINT || type == CEL_STRING;
}

/* The code point at *p, which moves on; a byte that is not UTF-8 is U+FFFD by itself. */
uint32_t utf8_next(const char **p, const char *end);
uint32_t utf8_put(char *out, uint32_t code); /* 1 to 4 bytes */

#endif
