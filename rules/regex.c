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
#include "rules/regex_tree.h"

#include "rules/value.h"

#include <stdlib.h>

enum step_kind { STEP_CLASS, STEP_SPLIT, STEP_JUMP, STEP_ASSERT, STEP_MATCH };

struct regex_step {
	enum step_kind kind;
	uint32_t a, b; /* split: both ways; jump: a; assertion: a */
	const struct regex_range *ranges;
	uint32_t range_cnt;
};

struct regex {
	struct regex_step *steps;
	uint32_t cnt;
};

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

static void emit_tree(struct emit *e, const struct regex_tree *t);

static void emit_repeat(struct emit *e, const struct regex_tree *t)
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
static void emit_tree(struct emit *e, const struct regex_tree *t)
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
	const struct regex_tree *t = regex_parse(pattern, a, why);
	if (!t)
		return NULL;
	struct emit e = {.steps = mem_alloc((REGEX_STEPS_MAX + 1) * sizeof *e.steps)};
	emit_tree(&e, t);
	emit(&e, (struct regex_step){.kind = STEP_MATCH});
	struct regex *r = NULL;
	if (e.full) {
		(void)err_set(why, ERR_LIMIT, "pattern: too large: its repetitions come to more than %d steps", REGEX_STEPS_MAX);
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
	switch ((enum regex_assertion)assertion) {
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
