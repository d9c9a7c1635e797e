/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the language: one table row an overload for the checker, one function each for the machine. What they make lives in the machine's
 * arena; what they read is paid for with steps. */
#include "rules/ast.h"
#include "rules/cel_time.h"
#include "rules/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum fn {
	FN_SIZE,
	FN_CONTAINS,
	FN_STARTS_WITH,
	FN_ENDS_WITH,
	FN_MATCHES,
	FN_BOOL,
	FN_INT,
	FN_UINT,
	FN_DOUBLE,
	FN_STRING,
	FN_BYTES,
	FN_TIMESTAMP,
	FN_DURATION,
	FN_TYPE,
	FN_DYN,
	FN_PART, /* + enum time_part */
};

/* name, member?, arguments, result, can it fail with these?, function */
const struct overload overloads[] = {
	{"size", false, "s", 'i', false, FN_SIZE},
	{"size", false, "y", 'i', false, FN_SIZE},
	{"size", false, "l", 'i', false, FN_SIZE},
	{"size", false, "m", 'i', false, FN_SIZE},
	{"size", true, "s", 'i', false, FN_SIZE},
	{"size", true, "y", 'i', false, FN_SIZE},
	{"size", true, "l", 'i', false, FN_SIZE},
	{"size", true, "m", 'i', false, FN_SIZE},
	{"contains", true, "ss", 'b', false, FN_CONTAINS},
	{"startsWith", true, "ss", 'b', false, FN_STARTS_WITH},
	{"endsWith", true, "ss", 'b', false, FN_ENDS_WITH},
	{"matches", true, "ss", 'b', true, FN_MATCHES},
	{"matches", false, "ss", 'b', true, FN_MATCHES},
	{"bool", false, "b", 'b', false, FN_BOOL},
	{"bool", false, "s", 'b', true, FN_BOOL},
	{"int", false, "i", 'i', false, FN_INT},
	{"int", false, "u", 'i', true, FN_INT},
	{"int", false, "d", 'i', true, FN_INT},
	{"int", false, "s", 'i', true, FN_INT},
	{"int", false, "t", 'i', false, FN_INT},
	{"uint", false, "u", 'u', false, FN_UINT},
	{"uint", false, "i", 'u', true, FN_UINT},
	{"uint", false, "d", 'u', true, FN_UINT},
	{"uint", false, "s", 'u', true, FN_UINT},
	{"double", false, "d", 'd', false, FN_DOUBLE},
	{"double", false, "i", 'd', false, FN_DOUBLE},
	{"double", false, "u", 'd', false, FN_DOUBLE},
	{"double", false, "s", 'd', true, FN_DOUBLE},
	{"string", false, "s", 's', false, FN_STRING},
	{"string", false, "i", 's', false, FN_STRING},
	{"string", false, "u", 's', false, FN_STRING},
	{"string", false, "d", 's', false, FN_STRING},
	{"string", false, "b", 's', false, FN_STRING},
	{"string", false, "y", 's', true, FN_STRING},
	{"string", false, "t", 's', false, FN_STRING},
	{"string", false, "D", 's', false, FN_STRING},
	{"bytes", false, "y", 'y', false, FN_BYTES},
	{"bytes", false, "s", 'y', false, FN_BYTES},
	{"timestamp", false, "t", 't', false, FN_TIMESTAMP},
	{"timestamp", false, "s", 't', true, FN_TIMESTAMP},
	{"timestamp", false, "i", 't', true, FN_TIMESTAMP},
	{"duration", false, "D", 'D', false, FN_DURATION},
	{"duration", false, "s", 'D', true, FN_DURATION},
	{"type", false, "*", 'T', false, FN_TYPE},
	{"dyn", false, "*", '*', false, FN_DYN},
	{"getFullYear", true, "t", 'i', false, FN_PART + PART_YEAR},
	{"getFullYear", true, "ts", 'i', true, FN_PART + PART_YEAR},
	{"getMonth", true, "t", 'i', false, FN_PART + PART_MONTH},
	{"getMonth", true, "ts", 'i', true, FN_PART + PART_MONTH},
	{"getDate", true, "t", 'i', false, FN_PART + PART_DAY},
	{"getDate", true, "ts", 'i', true, FN_PART + PART_DAY},
	{"getDayOfMonth", true, "t", 'i', false, FN_PART + PART_DAY_0},
	{"getDayOfMonth", true, "ts", 'i', true, FN_PART + PART_DAY_0},
	{"getDayOfWeek", true, "t", 'i', false, FN_PART + PART_WEEKDAY},
	{"getDayOfWeek", true, "ts", 'i', true, FN_PART + PART_WEEKDAY},
	{"getDayOfYear", true, "t", 'i', false, FN_PART + PART_YEARDAY},
	{"getDayOfYear", true, "ts", 'i', true, FN_PART + PART_YEARDAY},
	{"getHours", true, "t", 'i', false, FN_PART + PART_HOURS},
	{"getHours", true, "ts", 'i', true, FN_PART + PART_HOURS},
	{"getHours", true, "D", 'i', false, FN_PART + PART_HOURS},
	{"getMinutes", true, "t", 'i', false, FN_PART + PART_MINUTES},
	{"getMinutes", true, "ts", 'i', true, FN_PART + PART_MINUTES},
	{"getMinutes", true, "D", 'i', false, FN_PART + PART_MINUTES},
	{"getSeconds", true, "t", 'i', false, FN_PART + PART_SECONDS},
	{"getSeconds", true, "ts", 'i', true, FN_PART + PART_SECONDS},
	{"getSeconds", true, "D", 'i', false, FN_PART + PART_SECONDS},
	{"getMilliseconds", true, "t", 'i', false, FN_PART + PART_MILLISECONDS},
	{"getMilliseconds", true, "ts", 'i', true, FN_PART + PART_MILLISECONDS},
	{"getMilliseconds", true, "D", 'i', false, FN_PART + PART_MILLISECONDS},
};
const uint32_t overload_cnt = sizeof overloads / sizeof overloads[0];

enum cel_type overload_type(char letter)
{
	static const char letters[] = "nbiudsylmtDT";
	const char *p = strchr(letters, letter);
	return p ? (enum cel_type)(CEL_NULL + (p - letters)) : CEL_DYN;
}

static bool fail(struct call_of *c, const char *text)
{
	c->error = text;
	return false;
}

static bool is(struct call_of *c, struct cel v)
{
	c->out = v;
	return true;
}

/* ---- texts ---- */

static bool size(struct call_of *c, struct cel v)
{
	int64_t n = 0;
	switch (v.type) {
	case CEL_STRING:
		c->m->steps -= v.n / 16;
		for (const char *p = v.p, *end = p + v.n; p < end; n++)
			(void)utf8_next(&p, end);
		return is(c, cel_int(n));
	case CEL_BYTES:
	case CEL_LIST:
	case CEL_MAP:
		return is(c, cel_int(v.n));
	default:
		return false;
	}
}

static bool search(struct call_of *c, enum fn fn, struct cel text, struct cel part)
{
	if (text.type != CEL_STRING || part.type != CEL_STRING)
		return false;
	c->m->steps -= (text.n + part.n) / 16;
	if (fn == FN_CONTAINS)
		return is(c, cel_bool(part.n == 0 || (text.n >= part.n && memmem(text.p, text.n, part.p, part.n))));
	const char *from = fn == FN_STARTS_WITH ? text.p : text.p + text.n - part.n;
	return is(c, cel_bool(part.n == 0 || (text.n >= part.n && memcmp(from, part.p, part.n) == 0)));
}

/* A pattern that was not known when the expression was compiled. */
static bool matches(struct call_of *c, struct cel text, struct cel pattern)
{
	struct err_text why;
	if (text.type != CEL_STRING || pattern.type != CEL_STRING)
		return false;
	c->m->steps -= 200 + 20 * (int64_t)pattern.n;
	if (c->m->steps < 0)
		return false;
	const struct regex *r = regex_compile(cel_slice(pattern), &c->m->arena, &why);
	if (!r)
		return fail(c, arena_printf(&c->m->arena, "matches(): %s", why.text).p);
	return is(c, cel_bool(regex_match(r, cel_slice(text), &c->m->regex, &c->m->steps)));
}

/* ---- numbers ---- */

static bool to_bool(struct call_of *c, struct cel v)
{
	static const char *const words[] = {"true", "TRUE", "True", "t", "1", "false", "FALSE", "False", "f", "0"};
	if (v.type == CEL_BOOL)
		return is(c, v);
	for (size_t i = 0; v.type == CEL_STRING && i < 10; i++)
		if (slice_is(cel_slice(v), words[i]))
			return is(c, cel_bool(i < 5));
	return v.type == CEL_STRING && fail(c, "this text is no bool");
}

static bool parse_uint(struct slice t, uint64_t *u)
{
	*u = 0;
	for (uint32_t i = 0; i < t.len; i++)
		if (t.p[i] < '0' || t.p[i] > '9' || __builtin_mul_overflow(*u, 10, u) ||
		    __builtin_add_overflow(*u, (uint64_t)(t.p[i] - '0'), u))
			return false;
	return t.len > 0;
}

static bool parse_int(struct slice t, int64_t *i)
{
	uint64_t u;
	bool minus = t.len > 0 && *t.p == '-';
	if (t.len > 0 && (*t.p == '-' || *t.p == '+'))
		t = (struct slice){t.p + 1, t.len - 1};
	if (!parse_uint(t, &u) || u > (uint64_t)INT64_MAX + minus)
		return false;
	*i = (int64_t)(minus ? 0 - u : u);
	return true;
}

static bool parse_double(struct slice t, double *d)
{
	char text[512], *end;
	if (t.len == 0 || t.len >= sizeof text || strchr(" \t\n\v\f\r", *t.p) || memchr(t.p, '\0', t.len))
		return false;
	memcpy(text, t.p, t.len);
	text[t.len] = '\0';
	if (strpbrk(text, "xXpP(")) /* no hexadecimal ones */
		return false;
	*d = strtod(text, &end);
	return *end == '\0';
}

static bool to_int(struct call_of *c, struct cel v)
{
	int64_t i = v.i;
	switch (v.type) {
	case CEL_INT:
		return is(c, v);
	case CEL_TIMESTAMP:
		return is(c, cel_int(v.i));
	case CEL_UINT:
		return v.u <= INT64_MAX ? is(c, cel_int(i)) : fail(c, "integer overflow");
	case CEL_DOUBLE: /* both ends are doubles that could stand for a larger number */
		return v.d > -0x1p63 && v.d < 0x1p63 ? is(c, cel_int((int64_t)v.d)) : fail(c, "integer overflow");
	case CEL_STRING:
		return parse_int(cel_slice(v), &i) ? is(c, cel_int(i)) : fail(c, "this text is no int");
	default:
		return false;
	}
}

static bool to_uint(struct call_of *c, struct cel v)
{
	uint64_t u = v.u;
	switch (v.type) {
	case CEL_UINT:
		return is(c, v);
	case CEL_INT:
		return v.i >= 0 ? is(c, cel_uint(u)) : fail(c, "unsigned integer overflow");
	case CEL_DOUBLE:
		return v.d > -1 && v.d < 0x1p64 ? is(c, cel_uint((uint64_t)v.d)) : fail(c, "unsigned integer overflow");
	case CEL_STRING:
		return parse_uint(cel_slice(v), &u) ? is(c, cel_uint(u)) : fail(c, "this text is no uint");
	default:
		return false;
	}
}

static bool to_double(struct call_of *c, struct cel v)
{
	double d = v.d;
	switch (v.type) {
	case CEL_DOUBLE:
		return is(c, v);
	case CEL_INT:
		return is(c, cel_double((double)v.i));
	case CEL_UINT:
		return is(c, cel_double((double)v.u));
	case CEL_STRING:
		return parse_double(cel_slice(v), &d) ? is(c, cel_double(d)) : fail(c, "this text is no double");
	default:
		return false;
	}
}

/* ---- to text ---- */

/* The shortest text that reads back the same; with an exponent only below 1e-4 and from 1e21 on. */
static int print_double(double d, char out[48])
{
	if (!isfinite(d))
		return snprintf(out, 48, "%s", isnan(d) ? "NaN" : d > 0 ? "+Inf" : "-Inf");
	int precision = 1;
	do
		snprintf(out, 48, "%.*e", precision - 1, d);
	while (strtod(out, NULL) != d && ++precision < 18);
	int exponent = atoi(strchr(out, 'e') + 1);
	if (exponent < -4 || exponent >= 21)
		return (int)strlen(out);
	int behind = precision - 1 - exponent;
	return snprintf(out, 48, "%.*f", behind > 0 ? behind : 0, d);
}

static bool text(struct call_of *c, const char *p, int n)
{
	char *copy = machine_alloc(c->m, (size_t)n);
	if (copy)
		memcpy(copy, p, (size_t)n);
	return copy && is(c, (struct cel){.type = CEL_STRING, .n = (uint32_t)n, .p = copy});
}

static bool to_string(struct call_of *c, struct cel v)
{
	char out[CEL_TIME_TEXT_BYTES];
	switch (v.type) {
	case CEL_STRING:
		return is(c, v);
	case CEL_BOOL:
		return is(c, cel_string(slice_of(v.b ? "true" : "false")));
	case CEL_INT:
		return text(c, out, snprintf(out, sizeof out, "%lld", (long long)v.i));
	case CEL_UINT:
		return text(c, out, snprintf(out, sizeof out, "%llu", (unsigned long long)v.u));
	case CEL_DOUBLE:
		return text(c, out, print_double(v.d, out));
	case CEL_TIMESTAMP:
		return text(c, out, (int)cel_timestamp_format(v, out));
	case CEL_DURATION:
		return text(c, out, (int)cel_duration_format(v, out));
	case CEL_BYTES:
		c->m->steps -= v.n / 16;
		return utf8_valid(cel_slice(v)) ? is(c, cel_string(cel_slice(v))) : fail(c, "these bytes are not UTF-8");
	default:
		return false;
	}
}

/* ---- times ---- */

static bool to_timestamp(struct call_of *c, struct cel v)
{
	struct cel t;
	if (v.type == CEL_TIMESTAMP)
		return is(c, v);
	if (v.type == CEL_INT)
		return cel_timestamp_make(v.i, 0, &t) ? is(c, t) : fail(c, "time out of range");
	if (v.type == CEL_STRING)
		return cel_timestamp_parse(cel_slice(v), &t) ? is(c, t)
							     : fail(c, "this text is no time in RFC 3339 between the years 1 and 9999");
	return false;
}

static bool to_duration(struct call_of *c, struct cel v)
{
	struct cel d;
	if (v.type == CEL_DURATION)
		return is(c, v);
	if (v.type == CEL_STRING)
		return cel_duration_parse(cel_slice(v), &d) ? is(c, d) : fail(c, "this text is no duration like 1h30m, or out of range");
	return false;
}

static bool part(struct call_of *c, enum time_part p)
{
	struct cel t = c->args[0];
	struct slice zone = SLICE_NONE;
	int64_t i;
	if (c->n == 1 && t.type == CEL_DURATION && p >= PART_HOURS)
		return is(c, cel_int(cel_duration_part(t, p)));
	if (t.type != CEL_TIMESTAMP || (c->n == 2 && c->args[1].type != CEL_STRING))
		return false;
	if (c->n == 2)
		zone = cel_slice(c->args[1]);
	return cel_timestamp_part(t, p, zone, rules_world(), &i) ? is(c, cel_int(i)) : fail(c, "no such time zone");
}

bool builtin_call(struct call_of *c, uint32_t fn)
{
	struct cel v = c->args[0];
	switch ((enum fn)fn) {
	case FN_SIZE:
		return size(c, v);
	case FN_CONTAINS:
	case FN_STARTS_WITH:
	case FN_ENDS_WITH:
		return search(c, (enum fn)fn, v, c->args[1]);
	case FN_MATCHES:
		return matches(c, v, c->args[1]);
	case FN_BOOL:
		return to_bool(c, v);
	case FN_INT:
		return to_int(c, v);
	case FN_UINT:
		return to_uint(c, v);
	case FN_DOUBLE:
		return to_double(c, v);
	case FN_STRING:
		return to_string(c, v);
	case FN_BYTES:
		return (v.type == CEL_BYTES || v.type == CEL_STRING) && is(c, (struct cel){.type = CEL_BYTES, .n = v.n, .p = v.p});
	case FN_TIMESTAMP:
		return to_timestamp(c, v);
	case FN_DURATION:
		return to_duration(c, v);
	case FN_TYPE:
		return is(c, (struct cel){.type = CEL_TYPE, .i = (int64_t)v.type});
	case FN_DYN:
		return is(c, v);
	default:
		return part(c, (enum time_part)(fn - FN_PART));
	}
}
