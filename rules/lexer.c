/* SPDX-License-Identifier: Apache-2.0 */
/* Text to tokens. The value of a literal is made here: numbers with their range, strings and bytes with their escapes. */
#include "rules/ast.h"

#include <math.h>
#include <stdlib.h>

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex(char c)
{
	return digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void take(struct expr *s, enum token t, const char *end)
{
	s->token = t;
	s->text = slice_make(s->p, (size_t)(end - s->p));
	s->p = end;
}

/* ---- numbers ---- */

/* Digits, a fraction, an exponent. */
static const char *decimal_end(const struct expr *s, bool *real)
{
	const char *q = s->p;
	while (q < s->end && digit(*q))
		q++;
	if (q + 1 < s->end && *q == '.' && digit(q[1]))
		for (*real = true, q++; q < s->end && digit(*q); q++)
			;
	if (q < s->end && (*q == 'e' || *q == 'E')) {
		const char *e = q + 1;
		e += e < s->end && (*e == '+' || *e == '-');
		if (e < s->end && digit(*e)) {
			*real = true;
			for (q = e; q < s->end && digit(*q); q++)
				;
		}
	}
	return q;
}

/* The value is unsigned; the sign before it comes from the parser, which is why 2^63 passes here. */
static bool integer(struct slice t, unsigned base, uint64_t *v)
{
	*v = 0;
	for (uint32_t i = 0; i < t.len; i++)
		if (__builtin_mul_overflow(*v, base, v) || __builtin_add_overflow(*v, (uint64_t)hex(t.p[i]), v))
			return false;
	return t.len > 0;
}

static void next_number(struct expr *s)
{
	const char *from = s->p, *q;
	bool real = false, hexadecimal = s->end - s->p > 2 && s->p[0] == '0' && (s->p[1] | 32) == 'x' && hex(s->p[2]) >= 0;
	uint64_t u = 0;
	if (hexadecimal)
		for (q = s->p + 2; q < s->end && hex(*q) >= 0; q++)
			;
	else
		q = decimal_end(s, &real);
	if (real) {
		s->value = cel_double(strtod(from, NULL)); /* the text is terminated */
		if (isinf(s->value.d))
			expr_fail(s, from, "the number is too large");
	} else if (!integer(slice_make(hexadecimal ? from + 2 : from, (size_t)(q - from) - (hexadecimal ? 2 : 0)), hexadecimal ? 16 : 10,
			    &u)) {
		expr_fail(s, from, "the number is too large");
	} else if (q < s->end && (*q == 'u' || *q == 'U')) {
		q++;
		s->value = cel_uint(u);
	} else if (u > (uint64_t)INT64_MAX + 1) {
		expr_fail(s, from, "the number is too large");
	} else {
		s->value = cel_int((int64_t)u);
	}
	take(s, T_VALUE, q);
	if (s->p < s->end && (letter(*s->p) || digit(*s->p)))
		expr_fail(s, s->p, "'%c' behind a number", *s->p);
}

/* ---- strings and bytes ---- */

struct literal {
	bool raw, bytes, triple;
	char quote;
};

/* "r", "b", "rb", "br" in any case, and the quotes; returns the first byte of the content, NULL if this is no string. */
static const char *literal_begin(const struct expr *s, struct literal *l)
{
	const char *q = s->p;
	*l = (struct literal){0};
	for (; q < s->end && *q != '"' && *q != '\''; q++) {
		if ((*q | 32) == 'r' && !l->raw)
			l->raw = true;
		else if ((*q | 32) == 'b' && !l->bytes)
			l->bytes = true;
		else
			return NULL;
	}
	if (q == s->end)
		return NULL;
	l->quote = *q;
	l->triple = s->end - q >= 3 && q[1] == *q && q[2] == *q;
	return q + (l->triple ? 3 : 1);
}

/* The closing quote, or NULL. */
static const char *literal_end(const struct expr *s, const struct literal *l, const char *q)
{
	for (; q < s->end; q++) {
		if (*q == '\\' && !l->raw && q + 1 < s->end)
			q++;
		else if (!l->triple && (*q == '\n' || *q == '\r'))
			return NULL;
		else if (*q == l->quote && (!l->triple || (s->end - q >= 3 && q[1] == *q && q[2] == *q)))
			return q;
	}
	return NULL;
}

static bool number_of(const char **p, const char *end, int n, int base, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		int d = *p < end ? hex(**p) : -1;
		if (d < 0 || d >= base)
			return false;
		*code = *code * (uint32_t)base + (uint32_t)d;
	}
	return true;
}

/* The escape behind a backslash, to `out`. Returns the bytes put there; 0: no such escape. */
static uint32_t escape(const char **p, const char *end, bool bytes, char *out)
{
	static const char from[] = "abfnrtv\\?\"'`", to[] = "\a\b\f\n\r\t\v\\?\"'`";
	const char c = **p, *known = c ? strchr(from, c) : NULL;
	uint32_t code;
	bool unicode = c == 'u' || c == 'U';
	if (known) {
		*out = to[known - from];
		(*p)++;
		return 1;
	}
	if (c >= '0' && c <= '3') {
		if (!number_of(p, end, 3, 8, &code))
			return 0;
	} else if (c == 'x' || c == 'X' || (unicode && !bytes)) {
		(*p)++;
		if (!number_of(p, end, c == 'u' ? 4 : c == 'U' ? 8 : 2, 16, &code))
			return 0;
	} else {
		return 0;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	if (!bytes)
		return utf8_put(out, code);
	*out = (char)code;
	return 1;
}

/* Escapes never make a text longer. */
static void literal_value(struct expr *s, const struct literal *l, const char *p, const char *end)
{
	char *out = arena_alloc(s->arena, (size_t)(end - p) + 4);
	uint32_t n = 0;
	while (p < end) {
		if (l->raw || *p != '\\') {
			out[n++] = *p++;
			continue;
		}
		const char *at = p++;
		uint32_t put = escape(&p, end, l->bytes, out + n);
		if (put == 0) {
			expr_fail(s, at, "'%.2s' is not an escape that %s know", at, l->bytes ? "bytes" : "strings");
			return;
		}
		n += put;
	}
	s->value = (struct cel){.type = l->bytes ? CEL_BYTES : CEL_STRING, .n = n, .p = out};
	if (!l->bytes && !utf8_valid(cel_slice(s->value)))
		expr_fail(s, s->p, "the string is not UTF-8");
}

static bool next_string(struct expr *s)
{
	struct literal l;
	const char *from = literal_begin(s, &l);
	if (!from)
		return false;
	const char *end = literal_end(s, &l, from);
	if (!end) {
		expr_fail(s, s->p, "the string does not end");
		take(s, T_END, s->end);
		return true;
	}
	literal_value(s, &l, from, end);
	take(s, T_VALUE, end + (l.triple ? 3 : 1));
	return true;
}

/* `content-type`: a name of a field in backquotes. */
static void next_quoted(struct expr *s)
{
	const char *q = s->p + 1;
	while (q < s->end && (letter(*q) || digit(*q) || (*q && strchr(".-/ ", *q))))
		q++;
	if (q == s->end || *q != '`' || q == s->p + 1)
		expr_fail(s, s->p, "a name in backquotes is of letters, digits and '_.-/ ', and ends with one");
	take(s, T_QUOTED, q < s->end ? q + 1 : q);
}

/* ---- tokens ---- */

static void skip_blanks(struct expr *s)
{
	for (;;) {
		while (s->p < s->end && *s->p && strchr(" \t\r\n\f", *s->p))
			s->p++;
		if (s->end - s->p < 2 || s->p[0] != '/' || s->p[1] != '/')
			return;
		while (s->p < s->end && *s->p != '\n')
			s->p++;
	}
}

static void next_op(struct expr *s)
{
	static const char *const two[] = {"&&", "||", "==", "!=", "<=", ">="};
	ptrdiff_t n = 1;
	for (size_t i = 0; i < sizeof two / sizeof two[0]; i++)
		if (s->end - s->p >= 2 && memcmp(s->p, two[i], 2) == 0)
			n = 2;
	if (n == 1 && (*s->p & 0x80 || *s->p < ' '))
		expr_fail(s, s->p, "unexpected character (byte 0x%02x)", (unsigned char)*s->p);
	else if (n == 1 && !strchr("!<>+-*/%()[]?:.,{}", *s->p))
		expr_fail(s, s->p, "unexpected character '%c'", *s->p);
	take(s, T_OP, s->p + n);
}

void expr_next(struct expr *s)
{
	skip_blanks(s);
	if (s->p == s->end) {
		take(s, T_END, s->p);
	} else if (digit(*s->p) || (*s->p == '.' && s->end - s->p > 1 && digit(s->p[1]))) {
		next_number(s);
	} else if (strchr("rRbB\"'", *s->p) && *s->p && next_string(s)) {
		return;
	} else if (letter(*s->p)) {
		const char *q = s->p;
		while (q < s->end && (letter(*q) || digit(*q)))
			q++;
		take(s, T_NAME, q);
	} else if (*s->p == '`') {
		next_quoted(s);
	} else {
		next_op(s);
	}
}
