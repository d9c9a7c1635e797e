/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   Pattern to a tree, tree to steps (Thompson 1968, as told by Russ Cox), steps run as a set of states over the text, one code point at a time, without
 *   going back. There are no captures: the answer is yes or no, so greedy and lazy are the same.
 *
 * GUARANTEES. Time at most text × steps, memory fixed by the steps, both bounded; no recursion while matching. A pattern that would grow over the
 * limits is refused when it is compiled.
 *
 * SYNTAX. That of RE2: . [a-z] [^a-z] [[:alpha:]] \d \w \s \D \W \S \b \B ^ $ \A \z ( ) (?: ) (?P<n> ) (?<n> ) (?i) (?s) (?m) (?i: ) | * + ? {n} {n,}
 * {n,m} and their lazy forms, \Q...\E, \n \t \x41 \x{1F600} \123. Not: \p{...} (tables of Unicode) and \C; (?i) folds ASCII letters. */
#include "rules/regex.h"

#include "rules/value.h"

#include <stdlib.h>

struct range {
	uint32_t from, to;
};

enum kind { KIND_EMPTY, KIND_CLASS, KIND_ASSERT, KIND_JOIN, KIND_OR, KIND_REPEAT };
enum assertion { ASSERT_TEXT_BEGIN, ASSERT_TEXT_END, ASSERT_LINE_BEGIN, ASSERT_LINE_END, ASSERT_WORD, ASSERT_NOT_WORD };

struct tree {
	enum kind kind;
	struct range *ranges; /* class: sorted, apart */
	uint32_t range_cnt;
	enum assertion assertion;
	int32_t least, most; /* repeat; most -1: any */
	struct tree *a, *b;
};

enum step_kind { STEP_CLASS, STEP_SPLIT, STEP_JUMP, STEP_ASSERT, STEP_MATCH };

struct regex_step {
	enum step_kind kind;
	uint32_t a, b; /* split: both ways; jump: a; assertion: a */
	const struct range *ranges;
	uint32_t range_cnt;
};

struct regex {
	struct regex_step *steps;
	uint32_t cnt;
};

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

static struct tree *tree(struct parser *s, enum kind kind, struct tree *a, struct tree *b)
{
	struct tree *t = arena_zalloc(s->arena, sizeof *t);
	t->kind = kind;
	t->a = a;
	t->b = b;
	return t;
}

/* ---- classes ---- */

#define RANGES_MAX 256

struct set {
	struct range r[RANGES_MAX + 1]; /* [^...] of all has one more */
	uint32_t cnt;
};

static void add(struct parser *s, struct set *set, uint32_t from, uint32_t to)
{
	if (set->cnt == RANGES_MAX)
		fail(s, "too many ranges in a class");
	else
		set->r[set->cnt++] = (struct range){from, to};
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
	const struct range *x = a, *y = b;
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
		struct range r = set->r[i];
		if (r.from > next)
			set->r[n++] = (struct range){next, r.from - 1};
		next = r.to + 1;
	}
	if (next <= 0x10ffff)
		set->r[n++] = (struct range){next, 0x10ffff};
	set->cnt = n;
}

static struct tree *class_of(struct parser *s, struct set *set, bool negated)
{
	struct tree *t = tree(s, KIND_CLASS, NULL, NULL);
	settle(set, negated);
	t->range_cnt = set->cnt;
	t->ranges = arena_alloc(s->arena, (set->cnt + 1) * sizeof *t->ranges);
	memcpy(t->ranges, set->r, set->cnt * sizeof *t->ranges);
	return t;
}

static struct tree *one(struct parser *s, uint32_t code)
{
	struct set set = {.cnt = 0};
	add_folded(s, &set, code, code);
	return class_of(s, &set, false);
}

/* Pairs of first and last; the first byte of all may be NUL. */
static const struct {
	const char *name, *pairs;
} named[] = {
	{"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\0\177"},	       {"blank", "\t\t  "}, {"cntrl", "\0\037\177\177"},
	{"digit", "09"},     {"graph", "!~"},	{"lower", "az"},	       {"print", " ~"},     {"punct", "!/:@[`{~"},
	{"space", "\t\r  "}, {"upper", "AZ"},	{"word", "09AZaz__"}, {"xdigit", "09AFaf"},
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
static struct tree *class(struct parser *s)
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

static struct tree *alternatives(struct parser *s);

static struct tree *assertion(struct parser *s, enum assertion a)
{
	struct tree *t = tree(s, KIND_ASSERT, NULL, NULL);
	t->assertion = a;
	return t;
}

static struct tree *quoted(struct parser *s)
{
	struct tree *all = tree(s, KIND_EMPTY, NULL, NULL);
	while (s->p < s->end && !accept_text(s, "\\E"))
		all = tree(s, KIND_JOIN, all, one(s, utf8_next(&s->p, s->end)));
	return all;
}

static struct tree *escape(struct parser *s)
{
	struct set set = {.cnt = 0};
	char c = s->p < s->end ? *s->p : '\0';
	static const char letters[] = "AzbB";
	static const enum assertion assertions[] = {ASSERT_TEXT_BEGIN, ASSERT_TEXT_END, ASSERT_WORD, ASSERT_NOT_WORD};
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

static struct tree *group(struct parser *s)
{
	struct flags outer = s->flags;
	struct tree *t;
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

static struct tree *atom(struct parser *s)
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

static struct tree *repeated(struct parser *s)
{
	struct tree *t = atom(s);
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

static struct tree *sequence(struct parser *s)
{
	struct tree *all = NULL;
	while (!s->failed && s->p < s->end && !at(s, '|') && !at(s, ')')) {
		int depth = s->depth;
		struct tree *t = repeated(s);
		s->depth = depth;
		if (!t)
			return NULL;
		all = all ? tree(s, KIND_JOIN, all, t) : t;
	}
	return all ? all : tree(s, KIND_EMPTY, NULL, NULL);
}

static struct tree *alternatives(struct parser *s)
{
	struct tree *t = sequence(s);
	while (t && accept(s, '|')) {
		struct tree *b = sequence(s);
		t = b ? tree(s, KIND_OR, t, b) : NULL;
	}
	return t;
}

/* ---- steps ---- */

struct emit {
	struct regex_step *steps;
	uint32_t cnt, work;
	bool full;
};

static uint32_t emit(struct emit *e, struct regex_step s)
{
	if (e->cnt == REGEX_STEPS_MAX) {
		e->full = true;
		return 0;
	}
	e->steps[e->cnt] = s;
	return e->cnt++;
}

static void emit_tree(struct emit *e, const struct tree *t);

static void emit_repeat(struct emit *e, const struct tree *t)
{
	for (int32_t i = 0; i < t->least && !e->full; i++)
		emit_tree(e, t->a);
	if (t->most < 0) {
		uint32_t split = emit(e, (struct regex_step){.kind = STEP_SPLIT});
		emit_tree(e, t->a);
		emit(e, (struct regex_step){.kind = STEP_JUMP, .a = split});
		e->steps[split].a = split + 1;
		e->steps[split].b = e->cnt;
		return;
	}
	/* x?x?x? : each way out leads to the end of all */
	uint32_t first = e->cnt, n = 0;
	for (int32_t i = t->least; i < t->most && !e->full; i++, n++) {
		uint32_t split = emit(e, (struct regex_step){.kind = STEP_SPLIT, .b = UINT32_MAX});
		e->steps[split].a = split + 1;
		emit_tree(e, t->a);
	}
	for (uint32_t i = first; n > 0 && i < e->cnt; i++)
		if (e->steps[i].kind == STEP_SPLIT && e->steps[i].b == UINT32_MAX)
			e->steps[i].b = e->cnt;
}

/* Recursion goes as deep as the pattern is long. */
static void emit_tree(struct emit *e, const struct tree *t)
{
	if (++e->work > 50 * REGEX_STEPS_MAX) /* repetitions of nothing make no steps */
		e->full = true;
	if (e->full)
		return;
	switch (t->kind) {
	case KIND_EMPTY:
		return;
	case KIND_CLASS:
		emit(e, (struct regex_step){.kind = STEP_CLASS, .ranges = t->ranges, .range_cnt = t->range_cnt});
		return;
	case KIND_ASSERT:
		emit(e, (struct regex_step){.kind = STEP_ASSERT, .a = t->assertion});
		return;
	case KIND_JOIN:
		emit_tree(e, t->a);
		emit_tree(e, t->b);
		return;
	case KIND_OR: {
		uint32_t split = emit(e, (struct regex_step){.kind = STEP_SPLIT});
		emit_tree(e, t->a);
		uint32_t jump = emit(e, (struct regex_step){.kind = STEP_JUMP});
		e->steps[split].a = split + 1;
		e->steps[split].b = e->cnt;
		emit_tree(e, t->b);
		e->steps[jump].a = e->cnt;
		return;
	}
	case KIND_REPEAT:
		emit_repeat(e, t);
		return;
	}
}

const struct regex *regex_compile(struct slice pattern, struct arena *a, struct err_text *why)
{
	struct parser s = {.from = pattern.p, .p = pattern.p, .end = pattern.p + pattern.len, .arena = a, .why = why};
	if (pattern.len > REGEX_BYTES_MAX)
		return fail(&s, "longer than 1024 bytes");
	const struct tree *t = alternatives(&s);
	if (!s.failed && s.p < s.end)
		fail(&s, "')' without '('");
	if (s.failed)
		return NULL;
	struct emit e = {.steps = mem_alloc((REGEX_STEPS_MAX + 1) * sizeof *e.steps)};
	emit_tree(&e, t);
	emit(&e, (struct regex_step){.kind = STEP_MATCH});
	struct regex *r = NULL;
	if (e.full) {
		fail(&s, "too large: its repetitions come to more than 2000 steps");
	} else {
		r = arena_alloc(a, sizeof *r);
		r->cnt = e.cnt;
		r->steps = arena_alloc(a, e.cnt * sizeof *r->steps);
		memcpy(r->steps, e.steps, e.cnt * sizeof *r->steps);
	}
	free(e.steps);
	return r;
}

/* ---- matching ---- */

void regex_scratch_release(struct regex_scratch *s)
{
	free(s->words);
	*s = (struct regex_scratch){0};
}

/* A set of states that is emptied at once (Briggs and Torczon 1993). */
struct states {
	uint32_t *dense, *sparse;
	uint32_t cnt;
};

static bool put(struct states *s, uint32_t i)
{
	if (s->sparse[i] < s->cnt && s->dense[s->sparse[i]] == i)
		return false;
	s->sparse[i] = s->cnt;
	s->dense[s->cnt++] = i;
	return true;
}

struct match {
	const struct regex *r;
	const char *begin, *end, *p;
	uint32_t *waiting;
	bool matched;
};

static bool word_at(const char *p, const char *end)
{
	return p < end && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_');
}

static bool holds(const struct match *m, uint32_t assertion)
{
	bool before = m->p > m->begin && word_at(m->p - 1, m->end), behind = word_at(m->p, m->end);
	switch ((enum assertion)assertion) {
	case ASSERT_TEXT_BEGIN:
		return m->p == m->begin;
	case ASSERT_TEXT_END:
		return m->p == m->end;
	case ASSERT_LINE_BEGIN:
		return m->p == m->begin || m->p[-1] == '\n';
	case ASSERT_LINE_END:
		return m->p == m->end || *m->p == '\n';
	case ASSERT_WORD:
		return before != behind;
	case ASSERT_NOT_WORD:
		return before == behind;
	}
	return false;
}

/* A state and all that it leads to without a character. Every state waits at most twice, so `waiting` holds 2 × steps. */
static void reach(struct match *m, struct states *s, uint32_t first)
{
	uint32_t n = 0;
	m->waiting[n++] = first;
	while (n > 0) {
		uint32_t i = m->waiting[--n];
		const struct regex_step *step = &m->r->steps[i];
		if (!put(s, i))
			continue;
		if (step->kind == STEP_SPLIT) {
			m->waiting[n++] = step->b;
			m->waiting[n++] = step->a;
		} else if (step->kind == STEP_JUMP) {
			m->waiting[n++] = step->a;
		} else if (step->kind == STEP_ASSERT && holds(m, step->a)) {
			m->waiting[n++] = i + 1;
		} else if (step->kind == STEP_MATCH) {
			m->matched = true;
		}
	}
}

static bool has(const struct regex_step *s, uint32_t code)
{
	uint32_t low = 0, high = s->range_cnt;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (s->ranges[middle].to < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->range_cnt && s->ranges[low].from <= code;
}

bool regex_match(const struct regex *r, struct slice text, struct regex_scratch *scratch, int64_t *budget)
{
	uint32_t n = r->cnt;
	if (scratch->cap < 7 * n) {
		free(scratch->words);
		scratch->cap = 7 * n;
		scratch->words = mem_zalloc(scratch->cap * sizeof *scratch->words);
	}
	uint32_t *w = scratch->words;
	struct states now = {w, w + n, 0}, then = {w + 2 * n, w + 3 * n, 0};
	struct match m = {.r = r, .begin = text.p, .end = text.p + text.len, .p = text.p, .waiting = w + 4 * n};
	for (;;) {
		reach(&m, &now, 0);
		*budget -= 1 + now.cnt / 4;
		if (m.matched || m.p == m.end || *budget < 0)
			return m.matched;
		uint32_t code = utf8_next(&m.p, m.end);
		then.cnt = 0;
		for (uint32_t i = 0; i < now.cnt; i++) {
			const struct regex_step *s = &r->steps[now.dense[i]];
			if (s->kind == STEP_CLASS && has(s, code))
				reach(&m, &then, now.dense[i] + 1);
		}
		struct states swap = now;
		now = then;
		then = swap;
	}
}
