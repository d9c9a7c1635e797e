/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN. The form is that of Prometheus: {{ $labels.team }}. There is no language behind it: one name, or one text in quotes, between the braces. What
 * is known at load (labels, parameters, the rule's name) becomes plain text there; what is left to be filled in is the number and the figures that the
 * expression names. A name that is not known is an error at load.
 *
 * GUARANTEES. Filling in cannot fail, is bounded, and depends on nothing but the number and the figures. */
#include "rules/template.h"

#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>

#define PARTS_MAX 256
#define FIGURE_BYTES 40  /* a figure as text: a number, or the name of a phase */
#define NUMBER_BYTES 200 /* the key of a subject */

struct parse {
	const char *p, *end;
	const struct rule *rule;
	struct arena *arena;
	struct template_part parts[PARTS_MAX];
	uint32_t cnt;
	struct template_problem *problem;
	char hint[128];
};

static bool wrong(struct parse *s, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static bool wrong(struct parse *s, const char *at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->problem->text, sizeof s->problem->text, fmt, ap);
	va_end(ap);
	s->problem->at = at;
	return false;
}

static bool put(struct parse *s, const char *at, struct template_part part)
{
	if (part.kind == PART_TEXT && part.text.len == 0)
		return true;
	if (s->cnt == PARTS_MAX)
		return wrong(s, at, "more than %d parts", PARTS_MAX);
	s->parts[s->cnt++] = part;
	return true;
}

static bool put_text(struct parse *s, const char *at, struct slice text)
{
	return put(s, at, (struct template_part){.kind = PART_TEXT, .text = text});
}

/* ---- what stands between the braces ---- */

static void skip_blanks(struct parse *s)
{
	while (s->p < s->end && strchr(" \t\r\n", *s->p))
		s->p++;
}

static struct slice take_name(struct parse *s)
{
	const char *from = s->p;
	while (s->p < s->end &&
	       ((*s->p >= 'a' && *s->p <= 'z') || (*s->p >= 'A' && *s->p <= 'Z') || (*s->p >= '0' && *s->p <= '9') || *s->p == '_'))
		s->p++;
	return slice_make(from, (size_t)(s->p - from));
}

/* "with \" and \\", 'as it is', `as it is`. */
static bool take_quoted(struct parse *s, struct slice *out)
{
	const char *from = s->p;
	char quote = s->p < s->end ? *s->p : '\0';
	if (quote != '"' && quote != '\'' && quote != '`')
		return wrong(s, from, "a text in quotes is expected");
	char *text = arena_alloc(s->arena, (size_t)(s->end - from) + 1);
	uint32_t n = 0;
	for (s->p++; s->p < s->end && *s->p != quote; s->p++) {
		if (quote == '"' && *s->p == '\\' && s->end - s->p > 1 && (s->p[1] == '"' || s->p[1] == '\\'))
			s->p++;
		text[n++] = *s->p;
	}
	if (s->p == s->end)
		return wrong(s, from, "the text in quotes does not end");
	s->p++;
	text[n] = '\0';
	*out = (struct slice){text, n};
	return true;
}

static const char *hint(struct parse *s, const char *near, const char *before)
{
	snprintf(s->hint, sizeof s->hint, "; did you mean %s%.100s?", before, near ? near : "");
	return near ? s->hint : "";
}

static bool labels_part(struct parse *s, const char *at, struct slice name)
{
	const struct rule *r = s->rule;
	const char *names[64];
	uint32_t cnt = 0;
	if (slice_is(name, "severity")) /* also if it is the one that rules have without the label */
		return put_text(s, at, r->severity);
	for (uint32_t i = 0; i < r->label_cnt; i++) {
		if (slice_eq(r->labels[i].name, name))
			return put_text(s, at, r->labels[i].value);
		if (cnt < 64)
			names[cnt++] = r->labels[i].name.p;
	}
	return wrong(s, at, "the rule has no label \"%.*s\"%s", (int)name.len, name.p, hint(s, nearest_name(name, names, cnt), ""));
}

static bool params_part(struct parse *s, const char *at, struct slice name)
{
	const struct rule *r = s->rule;
	const char *names[64];
	uint32_t cnt = 0;
	for (uint32_t i = 0; i < r->param_cnt; i++) {
		struct cel v = r->params[i].value;
		if (slice_eq(r->params[i].name, name))
			return put_text(s, at,
					v.type == CEL_STRING ? cel_slice(v)
					: v.type == CEL_BOOL ? slice_of(v.b ? "true" : "false")
					: v.type == CEL_INT  ? arena_printf(s->arena, "%lld", (long long)v.i)
							     : arena_printf(s->arena, "%.6g", v.d));
		if (cnt < 64)
			names[cnt++] = r->params[i].name.p;
	}
	return wrong(s, at, "the rule has no parameter \"%.*s\"%s", (int)name.len, name.p, hint(s, nearest_name(name, names, cnt), ""));
}

/* As written, but for blanks and the kind of quotes. */
static bool same_figure(struct slice a, struct slice b)
{
	const char *p = a.p, *q = b.p, *p_end = a.p + a.len, *q_end = b.p + b.len;
	for (;; p++, q++) {
		while (p < p_end && (*p == ' ' || *p == '\n'))
			p++;
		while (q < q_end && (*q == ' ' || *q == '\n'))
			q++;
		if (p == p_end || q == q_end)
			return p == p_end && q == q_end;
		if ((*p == '\'' ? '"' : *p) != (*q == '\'' ? '"' : *q))
			return false;
	}
}

static bool figures_part(struct parse *s, const char *at)
{
	const struct program *p = &s->rule->program;
	const char *names[64];
	uint32_t cnt = 0;
	struct slice text;
	skip_blanks(s);
	if (!take_quoted(s, &text))
		return false;
	for (uint32_t i = 0; i < p->figure_cnt; i++) {
		if (same_figure(p->figures[i].text, text))
			return put(s, at, (struct template_part){.kind = PART_FIGURE, .figure = i});
		if (cnt < 64)
			names[cnt++] = arena_copy(s->arena, p->figures[i].text).p;
	}
	return wrong(s, at, "expr names no figure %.80s%s", text.p, hint(s, nearest_name(text, names, cnt), ""));
}

enum variable { VAR_NUMBER, VAR_RULE, VAR_VALUE, VAR_LABELS, VAR_PARAMS, VAR_FIGURES, VAR_CNT };
static const char *const variables[] = {"number", "rule", "value", "labels", "params", "figures"};

static bool variable_part(struct parse *s)
{
	const char *at = s->p++;
	struct slice name = take_name(s), member;
	int v = 0;
	while (v < VAR_CNT && !slice_is(name, variables[v]))
		v++;
	if (v == VAR_CNT)
		return wrong(s, at, "$%.*s is none of $number, $rule, $value, $labels.NAME, $params.NAME, $figures \"...\"%s",
			     (int)name.len, name.p, hint(s, nearest_name(name, variables, VAR_CNT), "$"));
	if (v == VAR_NUMBER)
		return put(s, at, (struct template_part){.kind = PART_NUMBER});
	if (v == VAR_RULE)
		return put_text(s, at, s->rule->name);
	if (v == VAR_FIGURES)
		return figures_part(s, at);
	if (v == VAR_VALUE)
		return s->rule->program.figure_cnt ? put(s, at, (struct template_part){.kind = PART_FIGURE, .figure = 0})
						   : wrong(s, at, "$value is the first figure that expr names, and it names none");
	if (s->p == s->end || *s->p != '.')
		return wrong(s, at, "$%s needs a name: $%s.NAME", variables[v], variables[v]);
	s->p++;
	member = take_name(s);
	return v == VAR_LABELS ? labels_part(s, at, member) : params_part(s, at, member);
}

/* Behind "{{". */
static bool braces(struct parse *s, const char *from)
{
	struct slice text;
	skip_blanks(s);
	const char *at = s->p;
	char first = s->p < s->end ? *s->p : '\0';
	if (first == '$') {
		if (!variable_part(s))
			return false;
	} else if (first == '"' || first == '\'' || first == '`') {
		if (!take_quoted(s, &text) || !put_text(s, at, text))
			return false;
	} else {
		return wrong(s, at, "between {{ and }} stands a name like $number, or a text in quotes");
	}
	skip_blanks(s);
	if (s->end - s->p < 2 || memcmp(s->p, "}}", 2) != 0)
		return s->p == s->end ? wrong(s, from, "{{ is not closed by }}") : wrong(s, s->p, "}} is expected");
	s->p += 2;
	return true;
}

static void count_bytes(struct template *t)
{
	uint64_t most = 0;
	for (uint32_t i = 0; i < t->part_cnt; i++)
		most += t->parts[i].kind == PART_TEXT     ? t->parts[i].text.len
			: t->parts[i].kind == PART_NUMBER ? NUMBER_BYTES
							  : FIGURE_BYTES;
	t->most_bytes = most < TEMPLATE_BYTES_MAX ? (uint32_t)most : TEMPLATE_BYTES_MAX;
}

bool template_parse(struct slice text, const struct rule *r, struct arena *a, struct template *out, struct template_problem *problem)
{
	struct parse s = {.p = text.p, .end = text.p + text.len, .rule = r, .arena = a, .problem = problem};
	while (s.p < s.end) {
		const char *open = memmem(s.p, (size_t)(s.end - s.p), "{{", 2), *from = s.p;
		s.p = open ? open : s.end;
		if (!put_text(&s, from, slice_make(from, (size_t)(s.p - from))))
			return false;
		if (open) {
			s.p += 2;
			if (!braces(&s, open))
				return false;
		}
	}
	struct template_part *parts = arena_alloc(a, (s.cnt + 1) * sizeof *parts);
	memcpy(parts, s.parts, s.cnt * sizeof *parts);
	*out = (struct template){.parts = parts, .part_cnt = s.cnt};
	count_bytes(out);
	return true;
}

/* ---- filling in ---- */

/* Up to `room` bytes of whole characters. False: not all of it. */
static bool append(char *to, uint32_t *n, uint32_t room, struct slice s)
{
	uint32_t take = s.len;
	if (take > room - *n) {
		take = room - *n;
		while (take > 0 && ((unsigned char)s.p[take] & 0xc0) == 0x80)
			take--;
	}
	if (take)
		memcpy(to + *n, s.p, take);
	*n += take;
	return take == s.len;
}

static struct slice figure_text(const struct value *v, char out[FIGURE_BYTES])
{
	switch (v->type) {
	case VALUE_INT:
		return slice_make(out, (size_t)snprintf(out, FIGURE_BYTES, "%lld", (long long)v->i));
	case VALUE_DOUBLE:
		return slice_make(out, (size_t)snprintf(out, FIGURE_BYTES, "%.6g", v->d));
	case VALUE_BOOL:
		return slice_of(v->b ? "true" : "false");
	case VALUE_STRING:
		break;
	}
	return v->s.len > FIGURE_BYTES ? slice_make(v->s.p, FIGURE_BYTES) : v->s;
}

struct slice template_fill(const struct template *t, struct slice number, const struct event_figure *figures, struct arena *a)
{
	static const struct slice ellipsis = SLICE_LIT("\xe2\x80\xa6");
	char text[FIGURE_BYTES];
	uint32_t n = 0;
	if (t->part_cnt == 0)
		return SLICE_LIT("");
	if (t->part_cnt == 1 && t->parts[0].kind == PART_TEXT && t->parts[0].text.len <= TEMPLATE_BYTES_MAX)
		return t->parts[0].text;
	char *to = arena_alloc(a, t->most_bytes + ellipsis.len);
	for (uint32_t i = 0; i < t->part_cnt; i++) {
		const struct template_part *p = &t->parts[i];
		struct slice s = p->kind == PART_TEXT     ? p->text
				 : p->kind == PART_NUMBER ? number
							  : figure_text(&figures[p->figure].value, text);
		if (append(to, &n, t->most_bytes, s))
			continue;
		memcpy(to + n, ellipsis.p, ellipsis.len);
		n += ellipsis.len;
		break;
	}
	return slice_make(to, n);
}
