/* SPDX-License-Identifier: Apache-2.0 */
/* Where an expression stands in its file.
 *
 * YAML folds lines, strips indentation and unescapes quotes, so an offset in the text of a scalar is not an offset in the file. But it keeps every
 * character that is not white space, in order, so the n-th of those in the text is the n-th in the file behind the scalar's mark. */
#include "rules/expr.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct walk {
	const char *p, *end;
	int line, column;
};

static void walk_on(struct walk *w)
{
	if (*w->p == '\n') {
		w->line++;
		w->column = 1;
	} else if ((*w->p & 0xc0) != 0x80) { /* a column is a character, as in libyaml's marks */
		w->column++;
	}
	w->p++;
}

/* To the content: behind the line of a block's mark, behind a quote. */
static char walk_in(struct walk *w)
{
	char style = w->p < w->end ? *w->p : '\0';
	if (style == '|' || style == '>') {
		while (w->p < w->end && *w->p != '\n')
			walk_on(w);
	} else if (style == '"' || style == '\'') {
		walk_on(w);
	}
	return style;
}

/* How many bytes of the file make the next character of the text, and whether it is one that counts. */
static int next_character(const struct walk *w, char style, bool *counts)
{
	bool escaped = w->end - w->p >= 2 && ((style == '"' && w->p[0] == '\\') || (style == '\'' && w->p[0] == '\''));
	*counts = !blank(*w->p) && !(escaped && style == '"' && (blank(w->p[1]) || strchr("nrt", w->p[1])));
	return escaped ? 2 : 1;
}

/* Over `cnt` characters that are not white space, then over white space if the place is that of a character. */
static void walk_over(struct walk *w, char style, size_t cnt, bool mark)
{
	while (w->p < w->end) {
		bool counts;
		int n = next_character(w, style, &counts);
		if (cnt == 0 && (counts || !mark))
			return;
		cnt -= counts;
		while (n-- > 0)
			walk_on(w);
	}
}

void place_find(const struct place *p, const char *from, const char *at, int *line, int *column)
{
	struct slice in = p->yaml.p ? p->yaml : slice_make(from, (size_t)(at - from));
	struct walk w = {in.p, in.p + in.len, p->line, p->column};
	if (p->yaml.p) {
		size_t before = 0;
		for (const char *q = from; q < at; q++)
			before += !blank(*q);
		/* the text is terminated: at its end, the place is behind the last character */
		walk_over(&w, walk_in(&w), before, *at && !blank(*at));
	} else {
		while (w.p < w.end)
			walk_on(&w);
	}
	*line = w.line;
	*column = w.column;
}
