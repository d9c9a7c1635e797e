/* SPDX-License-Identifier: Apache-2.0 */
/* The truth about numbers, as `generate` writes it or somebody who knows: `number,kind` and what else stands behind, a header line first. */
#include "app/calibrate.h"

#include "scoring/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KIND_BYTES_MAX 64

void truth_release(struct truth *t)
{
	number_map_release(&t->kind_of);
	arena_release(&t->arena);
}

uint32_t truth_kind(const struct truth *t, uint64_t number)
{
	const uint32_t *kind = number_map_find(&t->kind_of, number);
	return kind ? *kind - 1 : t->kind_cnt - 1;
}

/* The next field of a line, without blanks and quotes around it. */
static struct slice take_field(struct slice *line)
{
	const char *comma = memchr(line->p, ',', line->len);
	struct slice f = slice_make(line->p, comma ? (size_t)(comma - line->p) : line->len);
	*line = comma ? slice_make(comma + 1, line->len - f.len - 1) : slice_make(line->p + line->len, 0);
	while (f.len && (*f.p == ' ' || *f.p == '"'))
		f = slice_make(f.p + 1, f.len - 1);
	while (f.len && (f.p[f.len - 1] == ' ' || f.p[f.len - 1] == '"'))
		f.len--;
	return f;
}

static bool is_number(struct slice s)
{
	if (s.len < 3 || s.len > E164_MAX_BYTES || s.p[0] != '+')
		return false;
	for (uint32_t i = 1; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static enum err find_kind(struct truth *t, struct slice name, uint32_t *kind, struct err_text *why)
{
	for (*kind = 0; *kind < t->kind_cnt; ++*kind)
		if (slice_eq(t->kinds[*kind], name))
			return ERR_OK;
	if (name.len == 0 || name.len > KIND_BYTES_MAX)
		return err_set(why, ERR_CONFIG, "a kind has 1 to %d bytes", KIND_BYTES_MAX);
	if (t->kind_cnt == KINDS_MAX)
		return err_set(why, ERR_CONFIG, "more than %d kinds: is the second column the kind?", KINDS_MAX);
	t->kinds[t->kind_cnt++] = arena_copy(&t->arena, name);
	return ERR_OK;
}

static enum err take_line(struct truth *t, struct slice line, struct err_text *why)
{
	struct slice number = take_field(&line), kind = take_field(&line);
	uint32_t k;
	bool fresh;
	if (!is_number(number))
		return err_set(why, ERR_CONFIG, "'" SLICE_FMT "' is not a number: E.164, like +15551230000", SLICE_ARG(number));
	enum err e = find_kind(t, kind, &k, why);
	if (e)
		return e;
	uint32_t *known = number_map_put(&t->kind_of, number_pack(number), &fresh);
	if (!fresh && *known != k + 1)
		return err_set(why, ERR_CONFIG, SLICE_FMT " is of two kinds, " SLICE_FMT " and " SLICE_FMT, SLICE_ARG(number),
			       SLICE_ARG(t->kinds[*known - 1]), SLICE_ARG(t->kinds[k]));
	*known = k + 1;
	return ERR_OK;
}

static enum err take_header(struct slice line, struct err_text *why)
{
	struct slice number = take_field(&line), kind = take_field(&line);
	if (slice_is(number, "number") && slice_is(kind, "kind"))
		return ERR_OK;
	return err_set(why, ERR_CONFIG, "a header is expected here that begins with number,kind");
}

static enum err read_lines(FILE *f, const char *path, struct truth *t, struct err_text *why)
{
	char *text = NULL;
	size_t cap = 0, line_no = 0;
	enum err e = ERR_OK;
	for (ssize_t n; !e && (n = getline(&text, &cap, f)) >= 0;) {
		struct slice line = slice_make(text, (size_t)n);
		struct err_text what;
		while (line.len && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
			line.len--;
		line_no++;
		if (line.len && (e = line_no == 1 ? take_header(line, &what) : take_line(t, line, &what)))
			err_set(why, e, "%s:%zu: %s", path, line_no, what.text);
	}
	free(text);
	if (!e && ferror(f))
		e = err_set(why, ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
	if (!e && t->kind_cnt == 0)
		e = err_set(why, ERR_CONFIG, "%s: names no number", path);
	return e;
}

enum err truth_load(const char *path, struct truth *out, struct err_text *why)
{
	*out = (struct truth){0};
	arena_init(&out->arena, 1024);
	FILE *f = fopen(path, "re");
	if (!f)
		return err_set(why, ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
	enum err e = read_lines(f, path, out, why);
	fclose(f);
	if (!e)
		out->kinds[out->kind_cnt++] = SLICE_LIT(TRUTH_UNKNOWN);
	return e;
}
