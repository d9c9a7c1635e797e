/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON text, minified, in the order of the calls. Private to sinks.
 *
 * Why not cJSON here: a cJSON number is a double, so offsets above 2^53 would change, and a tree of small allocations per event buys
 * nothing when the text is written once and never looked at again.
 *
 * A comma is set by looking at the last byte: '{', '[' or ':' means that none is due. Strings are always valid UTF-8 on the way out:
 * bytes that are not become U+FFFD. */
#ifndef RINGFENCE_SINKS_JSON_H
#define RINGFENCE_SINKS_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "schemas/event.h"

struct json {
	struct buf *out;     /* appended to */
	size_t start;        /* where this text begins in it */
	struct arena *a;     /* NULL, or: `out` lives here (starts as {0}, is never released) */
	struct buf in_arena; /* what `out` points to then */
};

void json_init_buf(struct json *j, struct buf *out);
void json_init_arena(struct json *j, struct arena *a, size_t first_bytes);
struct slice json_slice(const struct json *j); /* all of it, borrowed */

void json_open(struct json *j, char bracket);   /* '{' or '[' */
void json_close(struct json *j, char bracket);  /* '}' or ']' */
void json_key(struct json *j, const char *key); /* plain ASCII, nothing to escape */
void json_key_slice(struct json *j, struct slice key);

/* Values. In a list each sets its own comma. */
void json_text(struct json *j, struct slice s);  /* absent (p == NULL): null */
void json_string(struct json *j, const char *s); /* NULL: null */
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_double(struct json *j, double v); /* the shortest text that reads back unchanged; not finite: null */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
void json_time(struct json *j, int64_t ms); /* RFC 3339; TIME_NONE and TIME_NEVER: null */
void json_value(struct json *j, const struct value *v);
void json_raw(struct json *j, struct slice s); /* JSON text as it is */

#endif
