/* SPDX-License-Identifier: Apache-2.0 */
/* A flat scanner over one JSON object: one pass, no tree, no heap. Strings stay in the payload unless they hold an escape. The whole text is
 * checked, what is skipped too: a record that is not JSON must not half count.
 *
 * Decided here, where RFC 8259 leaves it open: a string that is not UTF-8 makes the record bad_json (it would make other programs' output
 * unreadable); of two fields of one name the last counts, null included; a number for a whole-number field may be written 16.0, but 16.5
 * and 1e3 are bad_field; more than DEPTH_MAX levels are bad_json. */
#include "base/utf8.h"
#include "ingest/decode.h"

#define DEPTH_MAX 32

struct scan {
	const char *p, *end;
	struct arena *arena;
	bool bad;   /* not JSON */
	bool wrong; /* JSON, but a field of ours has a wrong value */
};

static void blank(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

static bool next_is(struct scan *s, char c)
{
	blank(s);
	if (s->p < s->end && *s->p == c) {
		s->p++;
		return true;
	}
	return false;
}

static int hex4(const char *p)
{
	int v = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

static char *put_utf8(char *o, unsigned v)
{
	if (v < 0x80) {
		*o++ = (char)v;
	} else if (v < 0x800) {
		*o++ = (char)(0xc0 | v >> 6);
		*o++ = (char)(0x80 | (v & 63));
	} else if (v < 0x10000) {
		*o++ = (char)(0xe0 | v >> 12);
		*o++ = (char)(0x80 | (v >> 6 & 63));
		*o++ = (char)(0x80 | (v & 63));
	} else {
		*o++ = (char)(0xf0 | v >> 18);
		*o++ = (char)(0x80 | (v >> 12 & 63));
		*o++ = (char)(0x80 | (v >> 6 & 63));
		*o++ = (char)(0x80 | (v & 63));
	}
	return o;
}

/* \uXXXX at p (behind the u); a surrogate needs its pair. Returns bytes read, 0 if malformed. */
static int unescape_unicode(const char *p, const char *end, char **out)
{
	int hi = end - p >= 4 ? hex4(p) : -1;
	if (hi < 0 || (hi >= 0xdc00 && hi < 0xe000))
		return 0;
	if (hi < 0xd800 || hi >= 0xe000) {
		*out = put_utf8(*out, (unsigned)hi);
		return 4;
	}
	int lo = end - p >= 10 && p[4] == '\\' && p[5] == 'u' ? hex4(p + 6) : -1;
	if (lo < 0xdc00 || lo >= 0xe000)
		return 0;
	*out = put_utf8(*out, 0x10000u + (((unsigned)hi - 0xd800u) << 10) + ((unsigned)lo - 0xdc00u));
	return 10;
}

/* [p, end) is the inside of a string with escapes, control characters excluded already. */
static struct slice unescape(struct scan *s, const char *p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *out = arena_alloc(s->arena, (size_t)(end - p)), *o = out;
	while (p < end) {
		if (*p != '\\') {
			*o++ = *p++;
			continue;
		}
		p++;
		const char *at = p < end ? strchr(from, *p) : NULL;
		if (p < end && *p == 'u') {
			int n = unescape_unicode(p + 1, end, &o);
			s->bad = s->bad || n == 0;
			p += 1 + n;
		} else if (at && *at) {
			*o++ = to[at - from];
			p++;
		} else {
			s->bad = true;
			return SLICE_NONE;
		}
	}
	return slice_make(out, (size_t)(o - out));
}

/* Skips what needs no look: ASCII but quote, backslash and control characters. Of eight bytes the lowest marked one is exact: the trick of
 * subtracting 1 from each byte can only mark wrongly above a byte that is marked rightly. */
static const char *plain_end(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	while (end - p >= 8) {
		uint64_t v = utf8_load8(p), quote = v ^ ones * '"', back = v ^ ones * '\\';
		uint64_t marked = (v | (v - ones * 0x20) | (quote - ones) | (back - ones)) & high;
		if (marked)
			return p + (__builtin_ctzll(marked) >> 3);
		p += 8;
	}
	while (p < end && (signed char)*p >= 0x20 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Behind the opening quote. */
static struct slice string(struct scan *s)
{
	const char *from = s->p, *p = from;
	bool escaped = false;
	size_t n = 1;
	while ((p = plain_end(p, s->end)) < s->end && *p != '"' && n > 0) {
		if (*p == '\\') {
			escaped = true;
			n = s->end - p > 1 ? 2 : 0; /* what it escapes is checked by unescape */
		} else {
			n = (unsigned char)*p < 0x20 ? 0 : utf8_length((const uint8_t *)p, (size_t)(s->end - p));
		}
		p += n;
	}
	if (p == s->end || *p != '"') {
		s->bad = true;
		return SLICE_NONE;
	}
	s->p = p + 1;
	return escaped ? unescape(s, from, p) : slice_make(from, (size_t)(p - from));
}

/* A JSON number; *v is its value if it is a whole number that fits, and *whole says so. */
static void number(struct scan *s, int64_t *v, bool *whole)
{
	bool minus = s->p < s->end && *s->p == '-';
	s->p += minus;
	const char *from = s->p;
	uint64_t n = 0;
	bool fits = true;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		fits = fits && n <= (INT64_MAX - 9) / 10;
		if (fits)
			n = n * 10 + (uint64_t)(*s->p - '0');
	}
	if (s->p == from || (*from == '0' && s->p - from > 1))
		s->bad = true;
	*whole = fits;
	if (s->p < s->end && *s->p == '.') {
		const char *dot = ++s->p;
		for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
			*whole = *whole && *s->p == '0';
		s->bad = s->bad || s->p == dot;
	}
	if (s->p < s->end && (*s->p | 32) == 'e') {
		s->p++;
		s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');
		const char *exponent = s->p;
		while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
			s->p++;
		s->bad = s->bad || s->p == exponent;
		*whole = false;
	}
	*v = minus ? -(int64_t)n : (int64_t)n;
}

static bool word(struct scan *s, const char *w)
{
	size_t n = strlen(w);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0)
		return false;
	s->p += n;
	return true;
}

static void skip(struct scan *s, int depth)
{
	int64_t v;
	bool whole;
	blank(s);
	if (s->bad || s->p == s->end || depth > DEPTH_MAX) {
		s->bad = true;
	} else if (next_is(s, '"')) {
		(void)string(s);
	} else if (next_is(s, '[')) {
		if (next_is(s, ']'))
			return;
		do
			skip(s, depth + 1);
		while (!s->bad && next_is(s, ','));
		s->bad = s->bad || !next_is(s, ']');
	} else if (next_is(s, '{')) {
		if (next_is(s, '}'))
			return;
		do {
			if (!next_is(s, '"')) {
				s->bad = true;
				return;
			}
			(void)string(s);
			s->bad = s->bad || !next_is(s, ':');
			skip(s, depth + 1);
		} while (!s->bad && next_is(s, ','));
		s->bad = s->bad || !next_is(s, '}');
	} else if (!word(s, "true") && !word(s, "false") && !word(s, "null")) {
		number(s, &v, &whole);
	}
}

static void value(struct scan *s, const struct field *f, struct cdr *c)
{
	blank(s);
	if (s->p == s->end) {
		s->bad = true;
	} else if (*s->p == '"') {
		s->p++;
		struct slice text = string(s);
		s->wrong = s->wrong || (!s->bad && !field_set_text(f, text, c));
	} else if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) {
		int64_t v;
		bool whole;
		number(s, &v, &whole);
		s->wrong = s->wrong || (!s->bad && (!whole || !field_set_number(f, v, c)));
	} else if (word(s, "null")) {
		field_clear(f, c);
	} else {
		s->wrong = true;
		skip(s, 1);
	}
}

static void object(struct scan *s, struct cdr *c)
{
	if (!next_is(s, '{')) {
		s->bad = true;
		return;
	}
	if (next_is(s, '}'))
		return;
	do {
		if (!next_is(s, '"')) {
			s->bad = true;
			return;
		}
		struct slice name = string(s);
		if (s->bad || !next_is(s, ':')) {
			s->bad = true;
			return;
		}
		const struct field *f = field_find(name);
		if (f && f->type != FIELD_SKIP)
			value(s, f, c);
		else
			skip(s, 1);
	} while (!s->bad && next_is(s, ','));
	s->bad = s->bad || !next_is(s, '}');
}

void decode_json(struct slice payload, const struct ingest_config *config, struct arena *a, struct cdr *c)
{
	cdr_clear(c);
	c->payload = payload;
	if (!payload.p || (int64_t)payload.len > config->max_record_bytes) {
		c->reason = payload.p ? REASON_TOO_LONG : REASON_NO_VALUE;
		return;
	}
	struct scan s = {payload.p, payload.p + payload.len, a, false, false};
	object(&s, c);
	blank(&s);
	if (s.bad || s.p != s.end)
		c->reason = REASON_BAD_JSON;
	else if (s.wrong)
		c->reason = REASON_BAD_FIELD;
	cdr_normalise(c, a);
}
