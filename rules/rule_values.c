/* SPDX-License-Identifier: Apache-2.0 */
/* The plain values of a rule file. Whatever is wrong is said with its place; the reading goes on. */
#include "rules/rule_file.h"

#include <stdio.h>

void file_problem(struct file *f, int line, int column, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(f->problems, "%s:%d:%d: %s\n", f->name, line, column, text);
	f->failed = f->rule_failed = true;
}

/* ---- values ---- */

bool read_text(struct file *f, const struct yaml_node *n, uint32_t most_bytes, struct slice *out)
{
	if (n->kind != YAML_SCALAR || yaml_is_null(n))
		file_problem(f, n->line, n->column, "%.120s: a text is expected", n->key.p);
	else if (n->text.len > most_bytes)
		file_problem(f, n->line, n->column, "%.120s: longer than %u bytes", n->key.p, most_bytes);
	else
		*out = arena_copy(&f->rules->arena, n->text);
	return out->p != NULL;
}

static bool is_zero(struct slice t)
{
	static const char *const zeros[] = {"0", "0ms", "0s", "0m", "0h", "0d", "0w"};
	for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
		if (slice_is(t, zeros[i]))
			return true;
	return false;
}

void read_duration(struct file *f, const struct yaml_node *n, int64_t least_ms, int64_t most_ms, int64_t *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	int64_t ms = 0;
	if (n->kind != YAML_SCALAR || (!is_zero(n->text) && !duration_parse(n->text, &ms)))
		file_problem(f, n->line, n->column, "%s: a duration is expected, like 30s, 5m, 1h30m, 7d", n->key.p);
	else if (ms < least_ms || ms > most_ms)
		file_problem(f, n->line, n->column, "%s: " SLICE_FMT " is out of range: %s to %s", n->key.p, SLICE_ARG(n->text),
			     least_ms ? duration_format(least_ms, from) : "0s", duration_format(most_ms, to));
	else
		*out = ms;
}

bool identifier(struct slice s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return s.len > 0;
}

int read_word(struct file *f, const struct yaml_node *n, const char *const *words, int cnt, const char *list)
{
	for (int i = 0; i < cnt && n->kind == YAML_SCALAR; i++)
		if (slice_is(n->text, words[i]))
			return i;
	const char *near = n->kind == YAML_SCALAR ? nearest_name(n->text, words, (size_t)cnt) : NULL;
	file_problem(f, n->line, n->column, "%s: one of %s is expected%s%s%s", n->key.p, list, near ? "; did you mean " : "",
		     near ? near : "", near ? "?" : "");
	return -1;
}

/* Puts a pair in order of its name, in place of one with the same name. False: there are too many. */
static bool put_pair(struct pairs *p, struct event_pair pair)
{
	uint32_t at = 0;
	while (at < p->cnt && slice_cmp(p->pair[at].name, pair.name) < 0)
		at++;
	if (at == p->cnt || !slice_eq(p->pair[at].name, pair.name)) {
		if (p->cnt == LABELS_MAX)
			return false;
		memmove(&p->pair[at + 1], &p->pair[at], (p->cnt++ - at) * sizeof pair);
	}
	p->pair[at] = pair;
	return true;
}

void read_pairs(struct file *f, const struct yaml_node *map, uint32_t most_bytes, struct pairs *out)
{
	if (yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP) {
		file_problem(f, map->line, map->column, "%s: a map of names and texts is expected", map->key.p);
		return;
	}
	for (const struct yaml_node *n = map->first; n; n = n->next) {
		struct event_pair pair = {SLICE_NONE, SLICE_NONE};
		if (!identifier(n->key) || n->key.len > RULE_NAME_MAX)
			file_problem(f, n->key_line, n->key_column,
				     "%s: \"%.120s\" is not a name of letters, digits and '_', at most %d bytes", map->key.p, n->key.p,
				     RULE_NAME_MAX);
		else if (read_text(f, n, most_bytes, &pair.value)) {
			pair.name = arena_copy(&f->rules->arena, n->key);
			if (!put_pair(out, pair))
				file_problem(f, n->key_line, n->key_column, "%s: more than %d", map->key.p, LABELS_MAX);
		}
	}
}

const struct event_pair *keep_pairs(struct file *f, const struct pairs *p)
{
	struct event_pair *kept = arena_alloc(&f->rules->arena, (p->cnt + 1) * sizeof *kept);
	memcpy(kept, p->pair, p->cnt * sizeof *kept);
	return kept;
}

void read_label_pairs(struct file *f, const struct yaml_node *map, struct pairs *out)
{
	read_pairs(f, map, LABEL_BYTES_MAX, out);
	for (const struct yaml_node *n = map->kind == YAML_MAP ? map->first : NULL; n; n = n->next)
		if (n->kind == YAML_SCALAR && memmem(n->text.p, n->text.len, "{{", 2))
			file_problem(f, n->line, n->column, "labels: %s: templates stand in annotations; a label tells alerts apart",
				     n->key.p);
}

/* ---- places ---- */

/* The file from a scalar's mark on. */
static struct slice from_mark(const struct file *f, const struct yaml_node *n)
{
	const char *p = f->text.p, *end = p + f->text.len;
	for (int line = 1; line < n->line; line++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p) /* its lines end in another way */
			return SLICE_NONE;
		p++;
	}
	for (int column = 1; column < n->column; column++) {
		if (p == end) /* other line ends than these were counted */
			return SLICE_NONE;
		do
			p++;
		while (p < end && (*p & 0xc0) == 0x80);
	}
	return slice_make(p, (size_t)(end - p));
}

struct place place_of_scalar(const struct file *f, const struct yaml_node *n)
{
	return (struct place){.file = f->name, .line = n->line, .column = n->column, .yaml = from_mark(f, n)};
}

/* ---- maps ---- */

#define KEYS_MAX 24

void read_map(struct file *f, const struct yaml_node *map, const struct file_key *keys, size_t cnt, const char *what)
{
	const char *names[KEYS_MAX];
	for (size_t i = 0; i < cnt; i++)
		names[i] = keys[i].name;
	for (const struct yaml_node *n = map->first; n; n = n->next) {
		size_t i = 0;
		while (i < cnt && !slice_is(n->key, keys[i].name))
			i++;
		if (i < cnt && keys[i].read) {
			keys[i].read(f, n);
		} else if (i < cnt) {
			file_problem(f, n->key_line, n->key_column, "%s: not supported yet", keys[i].name);
		} else {
			const char *near = nearest_name(n->key, names, cnt);
			file_problem(f, n->key_line, n->key_column, "%.120s: unknown key of %s%s%s%s", n->key.p, what,
				     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
		}
	}
}
