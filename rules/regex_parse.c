/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of matches() to a tree. The syntax is in regex.c. */
#include "rules/regex_tree.h"

#include "rules/value.h"

#include <stdlib.h>

struct flags {
	bool fold, dot_all, lines;
};

struct parser {
	const char *from, *p, *end;
	struct arena *arena;
	struct err_text *why;
	bool failed;
	int depth;
	struct flags flags;
};

static void *fail(struct parser *s, const char *what)
{
	if (!s->failed)
		(void)err_set(s->why, ERR_CONFIG, "pattern, at byte %d: %s", (int)(s->p - s->from) + 1, what);
	s->failed = true;
	return NULL;
}

static bool at(const struct parser *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static bool accept(struct parser *s, char c)
{
	bool yes = at(s, c);
	s->p += yes;
	return yes;
}

static bool accept_text(struct parser *s, const char *t)
{
	size_t n = strlen(t);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, t, n) != 0)
		return false;
	s->p += n;
	return true;
}

static struct regex_tree *tree(struct parser *s, enum regex_kind kind, struct regex_tree *a, struct regex_tree *b)
{
	struct regex_tree *t = arena_zalloc(s->arena, sizeof *t);
	t->kind = kind;
	t->a = a;
	t->b = b;
	return t;
}

/* ---- classes ---- */

#define RANGES_MAX 256

struct set {
	struct regex_range r[RANGES_MAX + 1]; /* [^...] of all has one more */
	uint32_t cnt;
};

static void add(struct parser *s, struct set *set, uint32_t from, uint32_t to)
{
	if (set->cnt == RANGES_MAX)
		fail(s, "too many ranges in a class");
	else
		set->r[set->cnt++] = (struct regex_range){from, to};
}

static void add_folded(struct parser *s, struct set *set, uint32_t from, uint32_t to)
{
	add(s, set, from, to);
	if (!s->flags.fold)
		return;
	uint32_t low = from > 'a' ? from : 'a', high = to < 'z' ? to : 'z';
	if (low <= high)
		add(s, set, low - 32, high - 32);
	low = from > 'A' ? from : 'A';
	high = to < 'Z' ? to : 'Z';
	if (low <= high)
		add(s, set, low + 32, high + 32);
}

static int by_from(const void *a, const void *b)
{
	const struct regex_range *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* Sorted, apart, and turned round if it is [^...]. */
static void settle(struct set *set, bool negated)
{
	uint32_t n = 0;
	qsort(set->r, set->cnt, sizeof *set->r, by_from);
	for (uint32_t i = 0; i < set->cnt; i++)
		if (n > 0 && set->r[i].from <= set->r[n - 1].to + 1)
			set->r[n - 1].to = set->r[i].to > set->r[n - 1].to ? set->r[i].to : set->r[n - 1].to;
		else
			set->r[n++] = set->r[i];
	set->cnt = n;
	if (!negated)
		return;
	uint32_t next = 0;
	n = 0;
	for (uint32_t i = 0; i < set->cnt; i++) {
		struct regex_range r = set->r[i];
		if (r.from > next)
			set->r[n++] = (struct regex_range){next, r.from - 1};
		next = r.to + 1;
	}
	if (next <= 0x10ffff)
		set->r[n++] = (struct regex_range){next, 0x10ffff};
	set->cnt = n;
}

static struct regex_tree *class_of(struct parser *s, struct set *set, bool negated)
{
	struct regex_tree *t = tree(s, KIND_CLASS, NULL, NULL);
	settle(set, negated);
	t->range_cnt = set->cnt;
	t->ranges = arena_alloc(s->arena, (set->cnt + 1) * sizeof *t->ranges);
	memcpy(t->ranges, set->r, set->cnt * sizeof *t->ranges);
	return t;
}

static struct regex_tree *one(struct parser *s, uint32_t code)
{
	struct set set = {.cnt = 0};
	add_folded(s, &set, code, code);
	return class_of(s, &set, false);
}

/* Pairs of first and last; the first byte of all may be NUL. */
static const struct {
	const char *name, *pairs;
} named[] = {
	{"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\0\177"},  {"blank", "\t\t  "},  {"cntrl", "\0\037\177\177"},
	{"digit", "09"},     {"graph", "!~"},   {"lower", "az"},      {"print", " ~"},      {"punct", "!/:@[`{~"},
	{"space", "\t\r  "}, {"upper", "AZ"},   {"word", "09AZaz__"}, {"xdigit", "09AFaf"},
};

static void add_pairs(struct parser *s, struct set *set, const char *pairs, bool negated)
{
	struct set own = {.cnt = 0};
	do
		add(s, &own, (unsigned char)pairs[0], (unsigned char)pairs[1]);
	while (*(pairs += 2));
	settle(&own, negated);
	for (uint32_t i = 0; i < own.cnt; i++)
		add(s, set, own.r[i].from, own.r[i].to);
}

/* \d \w \s and their opposites. */
static bool perl_class(struct parser *s, char c, struct set *set)
{
	const char *pairs = (c | 32) == 'd' ? "09" : (c | 32) == 'w' ? "09AZaz__" : (c | 32) == 's' ? "\t\n\f\r  " : NULL;
	if (!pairs || !strchr("dDwWsS", c))
		return false;
	add_pairs(s, set, pairs, c < 'a');
	return true;
}

static uint32_t hexadecimal(struct parser *s)
{
	uint32_t code = 0;
	bool braces = accept(s, '{');
	for (int n = 0; braces ? !at(s, '}') : n < 2; n++) {
		char c = s->p < s->end ? *s->p : '\0';
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (digit < 0 || n == 8) {
			fail(s, "\\x is followed by two hexadecimal digits, or some in braces");
			return 0;
		}
		code = code * 16 + (uint32_t)digit;
		s->p++;
	}
	if (braces)
		s->p++;
	if (code > 0x10ffff)
		fail(s, "no such code point");
	return code;
}

/* The code point that the escape behind a backslash stands for. */
static uint32_t escaped(struct parser *s)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v"; /* \b: in a class alone */
	if (s->p == s->end) {
		fail(s, "it ends with a backslash");
		return 0;
	}
	char c = *s->p;
	const char *known = c ? strchr(from, c) : NULL;
	if (c == 'x') {
		s->p++;
		return hexadecimal(s);
	}
	if (c >= '0' && c <= '7') {
		uint32_t code = 0;
		for (int n = 0; n < 3 && s->p < s->end && *s->p >= '0' && *s->p <= '7'; n++)
			code = code * 8 + (uint32_t)(*s->p++ - '0');
		return code;
	}
	if (known) {
		s->p++;
		return (unsigned char)to[known - from];
	}
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '8' || c == '9') {
		fail(s, c == 'p' || c == 'P' ? "classes of Unicode (\\p) are not supported" : "no such escape");
		return 0;
	}
	return utf8_next(&s->p, s->end);
}

static bool named_class(struct parser *s, struct set *set)
{
	const char *p = s->p;
	if (!accept_text(s, "[:"))
		return false;
	bool negated = accept(s, '^');
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		const char *begin = s->p;
		if (accept_text(s, named[i].name) && accept_text(s, ":]")) {
			add_pairs(s, set, named[i].pairs, negated);
			return true;
		}
		s->p = begin;
	}
	s->p = p;
	fail(s, "no such class; known are [:alpha:], [:digit:] and so on");
	return true;
}

/* One end of a range. False: it was a class of its own. */
static bool class_item(struct parser *s, struct set *set, uint32_t *code)
{
	if (named_class(s, set))
		return false;
	if (accept(s, '\\')) {
		if (s->p < s->end && perl_class(s, *s->p, set)) {
			s->p++;
			return false;
		}
		*code = escaped(s);
		return true;
	}
	*code = utf8_next(&s->p, s->end);
	return true;
}

/* Behind '['. */
static struct regex_tree *class(struct parser *s)
{
	struct set set = {.cnt = 0};
	bool negated = accept(s, '^'), first = true;
	while (!s->failed && s->p < s->end && (first || !at(s, ']'))) {
		uint32_t from, to;
		first = false;
		if (!class_item(s, &set, &from))
			continue;
		to = from;
		if (s->end - s->p >= 2 && s->p[0] == '-' && s->p[1] != ']') {
			s->p++;
			if (!class_item(s, &set, &to))
				fail(s, "a class cannot be the end of a range");
		}
		if (to < from)
			fail(s, "a range that ends before it begins");
		add_folded(s, &set, from, to);
	}
	if (!accept(s, ']'))
		return fail(s, "']' is missing");
	return s->failed ? NULL : class_of(s, &set, negated);
}

/* ---- the grammar ---- */

static struct regex_tree *alternatives(struct parser *s);

static struct regex_tree *assertion(struct parser *s, enum regex_assertion a)
{
	struct regex_tree *t = tree(s, KIND_ASSERT, NULL, NULL);
	t->assertion = a;
	return t;
}

static struct regex_tree *quoted(struct parser *s)
{
	struct regex_tree *all = tree(s, KIND_EMPTY, NULL, NULL);
	while (s->p < s->end && !accept_text(s, "\\E"))
		all = tree(s, KIND_JOIN, all, one(s, utf8_next(&s->p, s->end)));
	return all;
}

static struct regex_tree *escape(struct parser *s)
{
	struct set set = {.cnt = 0};
	char c = s->p < s->end ? *s->p : '\0';
	static const char letters[] = "AzbB";
	static const enum regex_assertion assertions[] = {ASSERT_TEXT_BEGIN, ASSERT_TEXT_END, ASSERT_WORD, ASSERT_NOT_WORD};
	const char *known = c ? strchr(letters, c) : NULL;
	if (known) {
		s->p++;
		return assertion(s, assertions[known - letters]);
	}
	if (accept(s, 'Q'))
		return quoted(s);
	if (c && perl_class(s, c, &set)) {
		s->p++;
		return class_of(s, &set, false);
	}
	uint32_t code = escaped(s);
	return s->failed ? NULL : one(s, code);
}

/* Behind "(?": flags, or the head of a group. True: the group has content. */
static bool group_head(struct parser *s)
{
	struct flags f = s->flags;
	bool on = true;
	if (accept_text(s, "P<") || accept(s, '<')) {
		while (s->p < s->end && *s->p != '>')
			s->p++;
		return accept(s, '>') || fail(s, "'>' is missing");
	}
	for (; s->p < s->end && !at(s, ':') && !at(s, ')'); s->p++) {
		if (*s->p == '-' && on)
			on = false;
		else if (*s->p == 'i')
			f.fold = on;
		else if (*s->p == 's')
			f.dot_all = on;
		else if (*s->p == 'm')
			f.lines = on;
		else if (*s->p != 'U' || !on) {
			fail(s, "no such flag or group; known are (?:, (?P<name>, (?i), (?s), (?m)");
			return false;
		}
	}
	s->flags = f;
	return accept(s, ':');
}

static struct regex_tree *group(struct parser *s)
{
	struct flags outer = s->flags;
	struct regex_tree *t;
	if (++s->depth > REGEX_DEPTH_MAX)
		return fail(s, "nested too deep");
	if (accept(s, '?') && !group_head(s)) { /* (?i): the flags hold up to the end of the group around it */
		s->depth--;
		if (!accept(s, ')'))
			return fail(s, "')' is missing");
		return s->failed ? NULL : tree(s, KIND_EMPTY, NULL, NULL);
	}
	t = alternatives(s);
	s->depth--;
	s->flags = outer;
	return accept(s, ')') ? t : fail(s, "')' is missing");
}

static struct regex_tree *atom(struct parser *s)
{
	struct set set = {.cnt = 0};
	if (accept(s, '('))
		return group(s);
	if (accept(s, '['))
		return class(s);
	if (accept(s, '\\'))
		return escape(s);
	if (accept(s, '^'))
		return assertion(s, s->flags.lines ? ASSERT_LINE_BEGIN : ASSERT_TEXT_BEGIN);
	if (accept(s, '$'))
		return assertion(s, s->flags.lines ? ASSERT_LINE_END : ASSERT_TEXT_END);
	if (accept(s, '.')) {
		if (!s->flags.dot_all)
			add(s, &set, '\n', '\n');
		return class_of(s, &set, true);
	}
	if (s->p < s->end && strchr("*+?", *s->p) && *s->p)
		return fail(s, "nothing to repeat");
	return one(s, utf8_next(&s->p, s->end));
}

static bool count(struct parser *s, int32_t *n)
{
	const char *from = s->p;
	*n = 0;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9' && *n <= REGEX_REPEAT_MAX; s->p++)
		*n = *n * 10 + (*s->p - '0');
	return s->p > from;
}

/* {n} {n,} {n,m}; anything else in braces is text. */
static bool braces(struct parser *s, int32_t *least, int32_t *most)
{
	const char *from = s->p;
	if (accept(s, '{') && count(s, least)) {
		*most = *least;
		if (accept(s, ',') && !count(s, most))
			*most = -1;
		if (accept(s, '}'))
			return true;
	}
	s->p = from;
	return false;
}

static struct regex_tree *repeated(struct parser *s)
{
	struct regex_tree *t = atom(s);
	int32_t least = 0, most = -1;
	bool more = true;
	while (t && more) {
		if (accept(s, '*')) {
			least = 0;
			most = -1;
		} else if (accept(s, '+')) {
			least = 1;
			most = -1;
		} else if (accept(s, '?')) {
			least = 0;
			most = 1;
		} else {
			more = at(s, '{') && braces(s, &least, &most);
		}
		if (!more)
			break;
		(void)accept(s, '?'); /* lazy */
		if (least > REGEX_REPEAT_MAX || most > REGEX_REPEAT_MAX || (most >= 0 && most < least))
			return fail(s, "a repetition is {n}, {n,} or {n,m}, n <= m <= 1000");
		if (++s->depth > REGEX_DEPTH_MAX)
			return fail(s, "repeated too often");
		t = tree(s, KIND_REPEAT, t, NULL);
		t->least = least;
		t->most = most;
	}
	return t;
}

static struct regex_tree *sequence(struct parser *s)
{
	struct regex_tree *all = NULL;
	while (!s->failed && s->p < s->end && !at(s, '|') && !at(s, ')')) {
		int depth = s->depth;
		struct regex_tree *t = repeated(s);
		s->depth = depth;
		if (!t)
			return NULL;
		all = all ? tree(s, KIND_JOIN, all, t) : t;
	}
	return all ? all : tree(s, KIND_EMPTY, NULL, NULL);
}

static struct regex_tree *alternatives(struct parser *s)
{
	struct regex_tree *t = sequence(s);
	while (t && accept(s, '|')) {
		struct regex_tree *b = sequence(s);
		t = b ? tree(s, KIND_OR, t, b) : NULL;
	}
	return t;
}

const struct regex_tree *regex_parse(struct slice pattern, struct arena *a, struct err_text *why)
{
	struct parser s = {.from = pattern.p, .p = pattern.p, .end = pattern.p + pattern.len, .arena = a, .why = why};
	if (pattern.len > REGEX_BYTES_MAX)
		return fail(&s, "longer than 1024 bytes");
	const struct regex_tree *t = alternatives(&s);
	if (!s.failed && s.p < s.end)
		fail(&s, "')' without '('");
	return s.failed ? NULL : t;
}
