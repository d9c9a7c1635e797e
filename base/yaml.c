/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as a tree with places.
 *
 * DESIGN. libyaml cuts the text into events; a stack of open maps and lists (at most YAML_MAX_DEPTH, no recursion) hangs nodes into the
 * caller's arena. Scalars stay text: what a scalar means is decided by whoever reads it (yaml_int, yaml_bool, the configuration table), never
 * guessed from its looks. So `off`, `no`, `1e3` and `+15551230000` arrive as they were written.
 *
 * GUARANTEES. Refused, each with its place: anchors, aliases and tags (a document must say what it says where it says it; aliases also make
 * small texts huge), a second document, keys that are no scalars or are empty, the same key twice in a map, a NUL in a scalar, more than
 * YAML_MAX_BYTES, YAML_MAX_DEPTH or MAX_NODES. Memory is bounded by about 30 times the size of the text. Time is linear: keys are told apart
 * by a hash table when a map ends.
 *
 * ALTERNATIVES. libyaml's own document tree (yaml_parser_load) resolves aliases silently and lets keys repeat. */
#include "base/yaml.h"
#include "base/file.h"
#include "base/hash.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <yaml.h>

#define MAX_NODES (YAML_MAX_BYTES / 8)

struct open_node {
	struct yaml_node *node;
	struct yaml_node **tail; /* where the next child goes */
	struct yaml_node key;    /* map: the key read, whose value comes next; key.key.p == NULL: none */
};

struct builder {
	yaml_parser_t parser;
	struct slice text;
	const char *name;
	struct arena *a;
	struct err_text *why;
	struct open_node stack[YAML_MAX_DEPTH];
	int depth;
	int documents;
	uint32_t nodes;
	struct yaml_node *root;
};

static enum err fail_at(struct builder *b, yaml_mark_t at, const char *what)
{
	return err_set(b->why, ERR_CONFIG, "%s:%zu:%zu: %s", b->name, at.line + 1, at.column + 1, what);
}

/* libyaml's words are about its grammar; what the writer usually did comes behind them. */
static const char *hint(const struct builder *b, const char *problem)
{
	size_t at = b->parser.problem_mark.index;
	if (strstr(problem, "cannot start any token"))
		return at < b->text.len && b->text.p[at] == '\t' ? " (a tab: indent with blanks)" : " (put the text in quotes)";
	if (strstr(problem, "mapping values are not allowed"))
		return " (wrong indentation, or a text with ': ' in it that needs quotes)";
	if (strstr(problem, "did not find expected"))
		return " (check indentation, brackets and quotes)";
	return "";
}

/* The reader's errors (bytes that are no UTF-8, control characters) have an offset, not a mark. */
static yaml_mark_t mark_of_offset(struct slice text, size_t offset)
{
	yaml_mark_t m = {.index = offset};
	for (size_t i = 0; i < offset && i < text.len; i++) {
		m.column++;
		if (text.p[i] == '\n') {
			m.line++;
			m.column = 0;
		}
	}
	return m;
}

static enum err fail_parser(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	char what[256];
	const char *problem = p->problem ? p->problem : "cannot be read";
	if (p->error == YAML_MEMORY_ERROR)
		return err_set(b->why, ERR_MEMORY, "%s: out of memory", b->name);
	if (p->error == YAML_READER_ERROR) {
		snprintf(what, sizeof what, "not YAML: %s (the file must be UTF-8 text)", problem);
		return fail_at(b, mark_of_offset(b->text, p->problem_offset), what);
	}
	snprintf(what, sizeof what, "not YAML: %s%s%s%s", p->context ? p->context : "", p->context ? ", " : "", problem, hint(b, problem));
	return fail_at(b, p->problem_mark, what);
}

/* Hangs a new node under the innermost open map or list; the first one is the root. */
static enum err add_node(struct builder *b, enum yaml_kind kind, yaml_mark_t at, struct yaml_node **out)
{
	if (++b->nodes > MAX_NODES)
		return fail_at(b, at, "too many entries in one file");
	struct yaml_node *n = arena_zalloc(b->a, sizeof *n);
	n->kind = kind;
	n->line = (int)at.line + 1;
	n->column = (int)at.column + 1;
	if (b->depth == 0) {
		b->root = n;
	} else {
		struct open_node *top = &b->stack[b->depth - 1];
		n->key = top->key.key;
		n->key_line = top->key.key_line;
		n->key_column = top->key.key_column;
		top->key.key = SLICE_NONE;
		*top->tail = n;
		top->tail = &n->next;
		top->node->count++;
	}
	*out = n;
	return ERR_OK;
}

static bool wants_key(const struct builder *b)
{
	const struct open_node *top = b->depth ? &b->stack[b->depth - 1] : NULL;
	return top && top->node->kind == YAML_MAP && !top->key.key.p;
}

static enum err check_plain(struct builder *b, const yaml_event_t *ev, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return fail_at(b, ev->start_mark, "anchors (&name) are not taken: write the value out");
	if (tag)
		return fail_at(b, ev->start_mark, "tags (!name) are not taken: put a text that begins with '!' in quotes");
	return ERR_OK;
}

static enum err on_scalar(struct builder *b, const yaml_event_t *ev)
{
	enum err e = check_plain(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	if (e)
		return e;
	if (memchr(ev->data.scalar.value, '\0', ev->data.scalar.length))
		return fail_at(b, ev->start_mark, "a text must not hold a NUL character");
	struct slice text = arena_copy(b->a, slice_make(ev->data.scalar.value, ev->data.scalar.length));
	if (wants_key(b)) {
		if (text.len == 0)
			return fail_at(b, ev->start_mark, "a key must not be empty");
		struct open_node *top = &b->stack[b->depth - 1];
		top->key.key = text;
		top->key.key_line = (int)ev->start_mark.line + 1;
		top->key.key_column = (int)ev->start_mark.column + 1;
		return ERR_OK;
	}
	struct yaml_node *n;
	e = add_node(b, YAML_SCALAR, ev->start_mark, &n);
	if (e)
		return e;
	n->text = text;
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return ERR_OK;
}

static enum err on_open(struct builder *b, const yaml_event_t *ev)
{
	bool map = ev->type == YAML_MAPPING_START_EVENT;
	enum err e = map ? check_plain(b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag)
			 : check_plain(b, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
	if (e)
		return e;
	if (wants_key(b))
		return fail_at(b, ev->start_mark,
			       "a key must be a plain text, not a map or a list (put it in quotes if it begins with '{' or '[')");
	if (b->depth == YAML_MAX_DEPTH)
		return fail_at(b, ev->start_mark, "maps and lists are nested too deeply");
	struct yaml_node *n;
	e = add_node(b, map ? YAML_MAP : YAML_LIST, ev->start_mark, &n);
	if (e)
		return e;
	b->stack[b->depth++] = (struct open_node){.node = n, .tail = &n->first};
	return ERR_OK;
}

/* At the end of a map: no key twice. */
static enum err check_keys(struct builder *b, const struct yaml_node *map)
{
	size_t size = 4;
	while (size < 2 * (size_t)map->count)
		size *= 2;
	const struct yaml_node **seen = mem_zalloc(size * sizeof *seen);
	enum err e = ERR_OK;
	for (const struct yaml_node *n = map->first; n && !e; n = n->next) {
		size_t i = hash64(n->key.p, n->key.len, 0) & (size - 1);
		while (seen[i] && !slice_eq(seen[i]->key, n->key))
			i = (i + 1) & (size - 1);
		if (seen[i])
			e = err_set(b->why, ERR_CONFIG, "%s:%d:%d: the key \"%.80s\" stands here twice, first in line %d", b->name,
				    n->key_line, n->key_column, n->key.p, seen[i]->key_line);
		seen[i] = n;
	}
	free(seen);
	return e;
}

static enum err on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++)
			return fail_at(b, ev->start_mark, "a second document: one file holds one");
		return ERR_OK;
	case YAML_ALIAS_EVENT:
		return fail_at(b, ev->start_mark, "aliases (*name) are not taken: write the value out, or put the text in quotes");
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return on_open(b, ev);
	case YAML_MAPPING_END_EVENT:
		return check_keys(b, b->stack[--b->depth].node);
	case YAML_SEQUENCE_END_EVENT:
		b->depth--;
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

static enum err build(struct builder *b)
{
	for (;;) {
		yaml_event_t ev;
		if (!yaml_parser_parse(&b->parser, &ev))
			return fail_parser(b);
		bool end = ev.type == YAML_STREAM_END_EVENT;
		enum err e = on_event(b, &ev);
		yaml_event_delete(&ev);
		if (e || end)
			return e;
	}
}

enum err yaml_parse(struct slice text, const char *name, struct arena *a, struct yaml_node **root, struct err_text *why)
{
	if (text.len > YAML_MAX_BYTES)
		return err_set(why, ERR_CONFIG, "%s: longer than %u bytes, the most that is read", name, YAML_MAX_BYTES);
	struct builder *b = mem_zalloc(sizeof *b);
	b->text = text;
	b->name = name;
	b->a = a;
	b->why = why;
	enum err e = ERR_MEMORY;
	if (yaml_parser_initialize(&b->parser)) {
		yaml_parser_set_input_string(&b->parser, (const unsigned char *)(text.p ? text.p : ""), text.len);
		e = build(b);
		yaml_parser_delete(&b->parser);
	} else {
		e = err_set(why, ERR_MEMORY, "%s: out of memory", name);
	}
	if (!e && (!b->root || yaml_is_null(b->root))) {
		*root = arena_zalloc(a, sizeof **root);
		(*root)->kind = YAML_MAP;
		(*root)->line = (*root)->column = 1;
	} else if (!e) {
		*root = b->root;
	}
	free(b);
	return e;
}

enum err yaml_load(const char *path, struct arena *a, struct yaml_node **root, struct err_text *why)
{
	struct slice text;
	enum err e = file_read(path, YAML_MAX_BYTES, a, &text, why);
	if (e)
		return e == ERR_LIMIT ? ERR_CONFIG : e;
	return yaml_parse(text, path, a, root, why);
}

/* ---- reading a tree ---- */

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *n = map->first; n; n = n->next)
		if (slice_is(n->key, key))
			return n;
	return NULL;
}

static bool plain(const struct yaml_node *n)
{
	return n && n->kind == YAML_SCALAR && !n->quoted;
}

bool yaml_is_null(const struct yaml_node *n)
{
	return plain(n) && (n->text.len == 0 || slice_is(n->text, "~") || slice_is(n->text, "null"));
}

bool yaml_bool(const struct yaml_node *n, bool *value)
{
	if (!plain(n) || (!slice_is(n->text, "true") && !slice_is(n->text, "false")))
		return false;
	*value = n->text.p[0] == 't';
	return true;
}

/* Decimal only; a leading zero is refused, for YAML 1.1 reads it as octal and people do not. */
bool yaml_int(const struct yaml_node *n, int64_t *value)
{
	if (!plain(n))
		return false;
	const char *p = n->text.p;
	p += *p == '-' || *p == '+';
	if (!isdigit((unsigned char)*p) || (p[0] == '0' && p[1] != '\0') || p[strspn(p, "0123456789")] != '\0')
		return false;
	errno = 0;
	long long v = strtoll(n->text.p, NULL, 10);
	if (errno)
		return false;
	*value = v;
	return true;
}

bool yaml_double(const struct yaml_node *n, double *value)
{
	if (!plain(n))
		return false;
	const char *p = n->text.p;
	p += *p == '-' || *p == '+';
	size_t whole = strspn(p, "0123456789"), part = 0;
	p += whole;
	if (*p == '.') {
		part = strspn(++p, "0123456789");
		p += part;
	}
	if (whole + part == 0)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+';
		size_t digits = strspn(p, "0123456789");
		if (digits == 0)
			return false;
		p += digits;
	}
	double v = strtod(n->text.p, NULL);
	if (*p != '\0' || !isfinite(v))
		return false;
	*value = v;
	return true;
}

/* ---- did you mean ---- */

#define NEAR_MAX 64

/* Edit distance with neighbours swapped as one step (optimal string alignment); upper and lower case are the same. */
static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[3][NEAR_MAX + 1];
	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
			size_t d = last[j - 1] + (x != y);
			d = last[j] + 1 < d ? last[j] + 1 : d;
			d = now[j - 1] + 1 < d ? now[j - 1] + 1 : d;
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]) &&
			    before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[n % 3][m];
}

const char *nearest_name(struct slice word, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	if (word.len == 0 || word.len > NEAR_MAX)
		return NULL;
	size_t best_distance = (word.len + 2) / 3 + 1; /* a third of the word may be wrong */
	if (best_distance > word.len)
		best_distance = word.len;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(candidates[i]);
		if (len > NEAR_MAX)
			continue;
		size_t d = edit_distance(word.p, word.len, candidates[i], len);
		if (d < best_distance) {
			best = candidates[i];
			best_distance = d;
		}
	}
	return best;
}
