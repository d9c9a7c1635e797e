/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from one table.
 *
 * DESIGN. The YAML tree is walked once. The path of a node ("state.redis" + "." + "url") is looked up in the table: a row takes the value, a
 * group (the beginning of a row's path) is entered, anything else is unknown and gets the nearest known key. A group may be written as a map or
 * with dots ("time.idle: off"), or both. Rows not met get their default by the same parser that reads the file, so a default cannot have a form
 * that a user may not write. Defaults are text for the same reason: reference, schema and print show what one would write.
 *
 * All problems are reported at once, each with its place; past MOST_PROBLEMS the rest is left out (a wrong file is usually wrong throughout).
 *
 * Scalars are text. Whether a value stands in quotes makes no difference, since inside {} one must quote "${NAME}". Only an empty plain value
 * (null) is special: an empty group, list or map; for anything else a problem, for it looks as if something had been forgotten.
 *
 * The rows of a group stand together in the table (config_print asserts it).
 *
 * OWNERSHIP. Every string that a row yields lives in the caller's arena; item arrays too. */
#include "base/config.h"
#include "base/clock.h"
#include "base/file.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_PROBLEMS 50
#define MOST_SECRET_BYTES (64u << 10)

static const char *const type_wants[] = {
	[CONFIG_STRING] = "a text",
	[CONFIG_PATH] = "a path",
	[CONFIG_SECRET] = "a text",
	[CONFIG_INT] = "a whole number",
	[CONFIG_DOUBLE] = "a number",
	[CONFIG_BYTES] = "a size such as 64MiB, 500kB or 1000",
	[CONFIG_DURATION] = "a duration such as 250ms, 5s or 1h30m",
	[CONFIG_BOOL] = "true or false",
	[CONFIG_ENUM] = "one of its choices",
	[CONFIG_STRINGS] = "a list of texts, as in [a, b]",
	[CONFIG_PATHS] = "a list of paths, as in [a.yaml, b.yaml]",
	[CONFIG_PAIRS] = "a map of names and values, as in {name: value}",
	[CONFIG_PATH_PAIRS] = "a map of names and paths, as in {name: a.txt}",
	[CONFIG_LIST] = "a list of maps, as in [{name: value}]",
};

static bool is_scalar_type(enum config_type t)
{
	return t < CONFIG_STRINGS;
}

static bool is_map_type(enum config_type t)
{
	return t == CONFIG_PAIRS || t == CONFIG_PATH_PAIRS;
}

static size_t table_rows(const struct config_key *table)
{
	size_t n = 0;
	while (table[n].path)
		n++;
	return n;
}

static const char *last_part(const char *path)
{
	const char *dot = strrchr(path, '.');
	return dot ? dot + 1 : path;
}

/* ---- text to value ---- */

static const struct {
	const char *name;
	int64_t bytes;
} sizes[] = {
	/* binary ones first: config_print takes the first that divides, from the largest on */
	{"TiB", INT64_C(1) << 40},
	{"GiB", INT64_C(1) << 30},
	{"MiB", INT64_C(1) << 20},
	{"KiB", INT64_C(1) << 10},
	{"TB", 1000000000000},
	{"GB", 1000000000},
	{"MB", 1000000},
	{"kB", 1000},
	{"B", 1},
	{"", 1},
};
#define SIZES (sizeof sizes / sizeof sizes[0])

static bool bytes_parse(struct slice t, int64_t *out)
{
	uint32_t i = 0;
	int64_t v = 0;
	for (; i < t.len && isdigit((unsigned char)t.p[i]); i++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, t.p[i] - '0', &v))
			return false;
	struct slice unit = slice_make(t.p + i, t.len - i);
	for (size_t s = 0; i > 0 && s < SIZES; s++)
		if (slice_is(unit, sizes[s].name))
			return !__builtin_mul_overflow(v, sizes[s].bytes, out);
	return false;
}

static void bytes_format(int64_t v, char out[TIME_TEXT_BYTES])
{
	size_t s = 0;
	while (s + 1 < SIZES && (v < sizes[s].bytes || v % sizes[s].bytes != 0 || strcmp(sizes[s].name, "B") == 0))
		s++;
	snprintf(out, TIME_TEXT_BYTES, "%lld%s", (long long)(v / sizes[s].bytes), sizes[s].name);
}

/* Fewest digits that read back unchanged. */
static void double_format(double v, char out[TIME_TEXT_BYTES])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, TIME_TEXT_BYTES, "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			return;
	}
}

static void number_format(enum config_type type, int64_t v, char out[TIME_TEXT_BYTES])
{
	if (type == CONFIG_DURATION)
		duration_format(v, out);
	else if (type == CONFIG_BYTES)
		bytes_format(v, out);
	else
		snprintf(out, TIME_TEXT_BYTES, "%lld", (long long)v);
}

static bool bounded(const struct config_key *k)
{
	return k->min != 0 || k->max != 0;
}

static bool bounded_above(const struct config_key *k)
{
	return bounded(k) && k->max >= k->min;
}

/* "1 to 64", "at least 1s" */
static void range_format(const struct config_key *k, char *out, size_t size)
{
	char least[TIME_TEXT_BYTES], most[TIME_TEXT_BYTES];
	number_format(k->type, k->min, least);
	number_format(k->type, k->max, most);
	if (bounded_above(k))
		snprintf(out, size, "%s to %s", least, most);
	else
		snprintf(out, size, "at least %s", least);
}

static bool in_range(const struct config_key *k, double v, struct slice text, struct err_text *why)
{
	if (!bounded(k) || (v >= (double)k->min && (!bounded_above(k) || v <= (double)k->max)))
		return true;
	char range[2 * TIME_TEXT_BYTES + 16];
	range_format(k, range, sizeof range);
	(void)err_set(why, ERR_CONFIG, "%.80s is out of range: %s", text.p, range);
	return false;
}

static bool number_parse(const struct config_key *k, struct slice text, int64_t *v, struct err_text *why)
{
	struct yaml_node n = {.kind = YAML_SCALAR, .text = text};
	bool zero = slice_is(text, "0") || slice_is(text, "0s") || slice_is(text, "0ms");
	bool ok = false;
	if (k->type == CONFIG_INT)
		ok = yaml_int(&n, v);
	else if (k->type == CONFIG_BYTES)
		ok = bytes_parse(text, v);
	else if (zero && k->min <= 0)
		ok = (*v = 0) == 0;
	else
		ok = duration_parse(text, v);
	if (ok)
		return in_range(k, (double)*v, text, why);
	(void)err_set(why, ERR_CONFIG, "\"%.80s\" is not %s", text.p, type_wants[k->type]);
	return false;
}

/* The i-th of "a|b|c"; p == NULL past the end. */
static struct slice choice_at(const char *choices, int i)
{
	const char *p = choices;
	for (; p && i > 0; i--) {
		p = strchr(p, '|');
		p = p ? p + 1 : NULL;
	}
	return p ? slice_make(p, strcspn(p, "|")) : SLICE_NONE;
}

static bool enum_parse(const struct config_key *k, struct slice text, int *v, struct err_text *why)
{
	char names[16][32], list[512] = "";
	const char *candidates[16];
	int n = 0;
	for (struct slice c; n < 16 && (c = choice_at(k->choices, n)).p; n++) {
		if (slice_eq(c, text)) {
			*v = n;
			return true;
		}
		snprintf(names[n], sizeof names[n], SLICE_FMT, SLICE_ARG(c));
		candidates[n] = names[n];
		size_t at = strlen(list);
		snprintf(list + at, sizeof list - at, "%s%s", n ? ", " : "", names[n]);
	}
	const char *near = nearest_name(text, candidates, (size_t)n);
	(void)err_set(why, ERR_CONFIG, "\"%.80s\" is not one of %s%s%s%s", text.p, list, near ? "; did you mean " : "", near ? near : "",
		      near ? "?" : "");
	return false;
}

static bool double_parse(const struct config_key *k, struct slice text, double *v, struct err_text *why)
{
	struct yaml_node n = {.kind = YAML_SCALAR, .text = text};
	if (yaml_double(&n, v))
		return in_range(k, *v, text, why);
	(void)err_set(why, ERR_CONFIG, "\"%.80s\" is not a number", text.p);
	return false;
}

/* One scalar, substitution done, NUL-terminated, already in the arena. False: *why says what is wrong. */
static bool scalar_parse(const struct config_key *k, struct slice text, const char *folder, struct arena *a, void *at, struct err_text *why)
{
	struct yaml_node n = {.kind = YAML_SCALAR, .text = text};
	switch (k->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
	case CONFIG_SECRET:
		if (k->min > 0 && text.len == 0) {
			(void)err_set(why, ERR_CONFIG, "must not be empty");
			return false;
		}
		*(const char **)at = k->type == CONFIG_PATH ? file_beside(folder, text.p, a) : text.p;
		return true;
	case CONFIG_INT:
	case CONFIG_BYTES:
	case CONFIG_DURATION:
		return number_parse(k, text, at, why);
	case CONFIG_DOUBLE:
		return double_parse(k, text, at, why);
	case CONFIG_BOOL:
		if (yaml_bool(&n, at))
			return true;
		(void)err_set(why, ERR_CONFIG, "\"%.80s\" is not true or false", text.p);
		return false;
	default:
		return enum_parse(k, text, at, why);
	}
}

/* A default that does not parse is a bug in the table. Lists, pairs and items are empty by default, or "a,b" for a list of texts. */
static void default_apply(const struct config_key *k, const char *folder, struct arena *a, void *at)
{
	struct err_text why = {""};
	if (is_scalar_type(k->type)) {
		bool ok = scalar_parse(k, arena_copy(a, slice_of(k->dflt)), folder, a, at, &why);
		assert(ok && "a default of the table does not fit its row");
		(void)ok;
	} else if ((k->type == CONFIG_STRINGS || k->type == CONFIG_PATHS) && k->dflt[0]) {
		uint32_t n = 1;
		for (const char *p = k->dflt; *p; p++)
			n += *p == ',';
		const char **v = arena_alloc(a, n * sizeof *v);
		const char *p = k->dflt;
		for (uint32_t i = 0; i < n; i++) {
			size_t len = strcspn(p, ",");
			v[i] = arena_copy(a, slice_make(p, len)).p;
			if (k->type == CONFIG_PATHS)
				v[i] = file_beside(folder, v[i], a);
			p += len + 1;
		}
		*(struct config_strings *)at = (struct config_strings){v, n};
	}
}

void config_defaults(const struct config_key *table, void *out, struct arena *a)
{
	for (const struct config_key *k = table; k->path; k++)
		if (k->dflt)
			default_apply(k, "", a, (char *)out + k->offset);
}

/* ---- reading a tree ---- */

struct loader {
	const char *name, *folder;
	struct arena *a;
	struct buf *problems;
	uint32_t problem_cnt;
};

/* One table being filled: the whole configuration, or one item of a list. */
struct scope {
	struct loader *l;
	const struct config_key *table;
	void *out;
	const char *shown;              /* what stands before a path in messages: "", "sinks[1]." */
	const struct yaml_node **given; /* per row: the node that gave it */
	const char *const *known;       /* paths of rows and groups, for "did you mean"; made when first needed */
	size_t known_cnt;
};

static void scope_load(struct scope *s, const struct yaml_node *map);

PRINTF_LIKE(4, 5)
static void problem(struct loader *l, int line, int column, const char *fmt, ...)
{
	if (++l->problem_cnt > MOST_PROBLEMS)
		return;
	struct err_text t;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(t.text, sizeof t.text, fmt, ap);
	va_end(ap);
	for (char *p = t.text; *p; p++) /* a value may hold anything; a problem is one line */
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	buf_printf(l->problems, "%s:%d:%d: %s\n", l->name, line, column, t.text);
}

static bool too_many(const struct loader *l)
{
	return l->problem_cnt > MOST_PROBLEMS;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* "${NAME}" is the environment's NAME, "$${" a plain "${". False after a problem. The result is NUL-terminated. */
static bool substitute(struct loader *l, const struct yaml_node *n, const char *path, struct slice *out)
{
	if (!memmem(n->text.p, n->text.len, "${", 2)) {
		*out = n->text;
		return true;
	}
	struct buf b = {0};
	bool ok = true;
	for (const char *p = n->text.p; *p && ok;) {
		if (strncmp(p, "$${", 3) == 0) {
			buf_puts(&b, "${");
			p += 3;
		} else if (strncmp(p, "${", 2) == 0) {
			size_t len = 0;
			while (is_name_char(p[2 + len]))
				len++;
			char name[128];
			snprintf(name, sizeof name, "%.*s", (int)len, p + 2);
			const char *v = len < sizeof name ? getenv(name) : NULL;
			ok = len > 0 && p[2 + len] == '}' && v;
			if (len == 0 || p[2 + len] != '}')
				problem(l, n->line, n->column, "%s: \"${\" without a name and \"}\"; write \"$${\" for a plain \"${\"",
					path);
			else if (!v)
				problem(l, n->line, n->column, "%s: the environment variable %s is not set", path, name);
			else
				buf_puts(&b, v);
			p += len + 3;
		} else {
			buf_put_u8(&b, (uint8_t)*p++);
		}
	}
	if (ok)
		*out = arena_copy(l->a, b.len ? buf_slice(&b) : SLICE_LIT(""));
	buf_release(&b);
	return ok;
}

/* A scalar with a value, substituted; false after a problem. */
static bool scalar_text(struct loader *l, const struct yaml_node *n, const char *path, const char *wants, struct slice *out)
{
	if (n->kind != YAML_SCALAR) {
		problem(l, n->line, n->column, "%s: takes %s, not a %s", path, wants, n->kind == YAML_MAP ? "map" : "list");
		return false;
	}
	if (yaml_is_null(n)) {
		problem(l, n->line, n->column, "%s: has no value; leave the key out for its default, or write \"\" for an empty text",
			path);
		return false;
	}
	return substitute(l, n, path, out);
}

static void read_scalar(struct loader *l, const struct config_key *k, const struct yaml_node *n, const char *path, void *at)
{
	struct slice text;
	struct err_text why;
	if (scalar_text(l, n, path, type_wants[k->type], &text) && !scalar_parse(k, text, l->folder, l->a, at, &why))
		problem(l, n->line, n->column, "%s: %s", path, why.text);
}

/* `x_file`: the content of a file, less its last newline. */
static void read_secret_file(struct loader *l, const struct config_key *k, const struct yaml_node *n, const char *path, void *at)
{
	struct slice text, content;
	struct err_text why;
	if (!scalar_text(l, n, path, "a path", &text))
		return;
	const char *file = file_beside(l->folder, text.p, l->a);
	if (file_read(file, MOST_SECRET_BYTES, l->a, &content, &why)) {
		problem(l, n->line, n->column, "%s: %s", path, why.text);
		return;
	}
	char *p = (char *)(uintptr_t)content.p; /* ours: just copied into the arena */
	if (content.len && p[content.len - 1] == '\n')
		p[--content.len] = '\0';
	if (content.len && p[content.len - 1] == '\r')
		p[--content.len] = '\0';
	if (memchr(p, '\0', content.len))
		problem(l, n->line, n->column, "%s: %s holds a NUL character; a secret is text", path, file);
	else if (content.len == 0)
		problem(l, n->line, n->column, "%s: %s is empty", path, file);
	else if (!scalar_parse(k, content, l->folder, l->a, at, &why))
		problem(l, n->line, n->column, "%s: %s", path, why.text);
}

static void read_strings(struct loader *l, const struct config_key *k, const struct yaml_node *n, const char *path, void *at)
{
	const char **v = arena_zalloc(l->a, (n->count + 1) * sizeof *v);
	uint32_t cnt = 0;
	for (const struct yaml_node *c = n->first; c && !too_many(l); c = c->next) {
		struct slice text;
		if (!scalar_text(l, c, path, "a list of texts", &text))
			continue;
		if (text.len == 0)
			problem(l, c->line, c->column, "%s: an entry must not be empty", path);
		v[cnt++] = k->type == CONFIG_PATHS ? file_beside(l->folder, text.p, l->a) : text.p;
	}
	*(struct config_strings *)at = (struct config_strings){v, cnt};
}

static void read_pairs(struct loader *l, const struct config_key *k, const struct yaml_node *n, const char *path, void *at)
{
	struct config_pair *v = arena_zalloc(l->a, (n->count + 1) * sizeof *v);
	uint32_t cnt = 0;
	for (const struct yaml_node *c = n->first; c && !too_many(l); c = c->next) {
		struct slice text;
		const char *where = arena_printf(l->a, "%s: %.80s", path, c->key.p).p;
		bool is_path = k->type == CONFIG_PATH_PAIRS;
		if (!scalar_text(l, c, where, is_path ? "a path" : "a text", &text))
			continue;
		if (is_path && text.len == 0)
			problem(l, c->line, c->column, "%s: must not be empty", where);
		v[cnt++] = (struct config_pair){c->key.p, is_path ? file_beside(l->folder, text.p, l->a) : text.p};
	}
	*(struct config_pairs *)at = (struct config_pairs){v, cnt};
}

static void read_items(struct loader *l, const struct config_key *k, const struct yaml_node *n, const char *path, void *at)
{
	char *v = arena_zalloc(l->a, (n->count + 1) * k->item_bytes);
	uint32_t i = 0;
	for (const struct yaml_node *c = n->first; c && !too_many(l); c = c->next, i++) {
		const char *shown = arena_printf(l->a, "%s[%u].", path, i).p;
		if (c->kind != YAML_MAP) {
			problem(l, c->line, c->column, "%s[%u]: takes a map, as in {name: value}", path, i);
			continue;
		}
		struct scope s = {.l = l, .table = k->items, .out = v + i * k->item_bytes, .shown = shown};
		scope_load(&s, c);
	}
	*(struct config_list *)at = (struct config_list){v, n->count};
}

static void read_value(struct loader *l, const struct config_key *k, const struct yaml_node *n, const char *path, void *at)
{
	if (is_scalar_type(k->type)) {
		read_scalar(l, k, n, path, at);
		return;
	}
	enum yaml_kind kind = is_map_type(k->type) ? YAML_MAP : YAML_LIST;
	if (n->kind != kind && !yaml_is_null(n)) {
		problem(l, n->line, n->column, "%s: takes %s", path, type_wants[k->type]);
		return;
	}
	if (is_map_type(k->type))
		read_pairs(l, k, n, path, at);
	else if (k->type == CONFIG_LIST)
		read_items(l, k, n, path, at);
	else
		read_strings(l, k, n, path, at);
	if (k->min > 0 && n->count == 0)
		problem(l, n->line, n->column, "%s: must not be empty", path);
}

/* ---- names ---- */

static bool is_group(const struct config_key *table, const char *path)
{
	size_t len = strlen(path);
	for (const struct config_key *k = table; k->path; k++)
		if (strncmp(k->path, path, len) == 0 && k->path[len] == '.')
			return true;
	return false;
}

/* The row of a path; *file: it is the `x_file` form of a secret. */
static const struct config_key *find_row(const struct config_key *table, const char *path, bool *file)
{
	size_t len = strlen(path);
	for (const struct config_key *k = table; k->path; k++) {
		size_t n = strlen(k->path);
		*file = k->type == CONFIG_SECRET && len == n + 5 && strcmp(path + n, "_file") == 0;
		if ((len == n || *file) && strncmp(k->path, path, n) == 0)
			return k;
	}
	return NULL;
}

/* Every path that may be written: rows, `x_file`, groups. */
static void scope_know(struct scope *s)
{
	size_t most = 0;
	for (const struct config_key *k = s->table; k->path; k++)
		for (const char *p = k->path; p; p = strchr(p + 1, '.'))
			most += 2;
	const char **v = arena_alloc(s->l->a, most * sizeof *v);
	for (const struct config_key *k = s->table; k->path; k++) {
		v[s->known_cnt++] = k->path;
		if (k->type == CONFIG_SECRET)
			v[s->known_cnt++] = arena_printf(s->l->a, "%s_file", k->path).p;
		for (const char *dot = strchr(k->path, '.'); dot; dot = strchr(dot + 1, '.'))
			v[s->known_cnt++] = arena_copy(s->l->a, slice_make(k->path, (size_t)(dot - k->path))).p;
	}
	s->known = v;
}

/* The nearest by spelling, else one of the same name in another place. */
static const char *nearest_path(struct scope *s, const char *path)
{
	if (!s->known)
		scope_know(s);
	const char *near = nearest_name(slice_of(path), s->known, s->known_cnt);
	for (size_t i = 0; !near && i < s->known_cnt; i++)
		if (strcmp(last_part(s->known[i]), last_part(path)) == 0)
			near = s->known[i];
	return near;
}

static void unknown_key(struct scope *s, const struct yaml_node *n, const char *path)
{
	const char *near = nearest_path(s, path);
	if (near)
		problem(s->l, n->key_line, n->key_column, "%s%.120s: unknown key; did you mean %s%s?", s->shown, path, s->shown, near);
	else
		problem(s->l, n->key_line, n->key_column, "%s%.120s: unknown key; `ringfence config reference` lists all", s->shown, path);
}

/* ---- one table ---- */

static void read_row(struct scope *s, const struct config_key *k, bool file, const struct yaml_node *n, const char *path)
{
	const struct yaml_node **given = &s->given[k - s->table];
	const char *shown = arena_printf(s->l->a, "%s%s", s->shown, path).p;
	void *at = (char *)s->out + k->offset;
	if (*given) {
		problem(s->l, n->key_line, n->key_column, "%s: given twice, first as %.80s in line %d", shown, (*given)->key.p,
			(*given)->key_line);
		return;
	}
	*given = n;
	if (file)
		read_secret_file(s->l, k, n, shown, at);
	else
		read_value(s->l, k, n, shown, at);
}

static void read_group(struct scope *s, const char *prefix, const struct yaml_node *map)
{
	for (const struct yaml_node *n = map->first; n && !too_many(s->l); n = n->next) {
		const char *path = arena_printf(s->l->a, "%s%s%s", prefix, *prefix ? "." : "", n->key.p).p;
		bool file;
		const struct config_key *k = find_row(s->table, path, &file);
		if (k)
			read_row(s, k, file, n, path);
		else if (!is_group(s->table, path))
			unknown_key(s, n, path);
		else if (n->kind == YAML_MAP)
			read_group(s, path, n);
		else if (!yaml_is_null(n))
			problem(s->l, n->line, n->column, "%s%s: takes a map of further keys", s->shown, path);
	}
}

/* The deepest map on the way to a path that is not there: where one would write it. */
static const struct yaml_node *deepest(const struct yaml_node *map, const char *path)
{
	for (;;) {
		size_t len = strcspn(path, ".");
		const struct yaml_node *n = map->kind == YAML_MAP ? map->first : NULL;
		while (n && !slice_eq(n->key, slice_make(path, len)))
			n = n->next;
		if (!n || path[len] == '\0' || n->kind != YAML_MAP)
			return n && path[len] == '\0' ? n : map;
		map = n;
		path += len + 1;
	}
}

static void scope_load(struct scope *s, const struct yaml_node *map)
{
	s->given = arena_zalloc(s->l->a, (table_rows(s->table) + 1) * sizeof *s->given);
	read_group(s, "", map);
	for (const struct config_key *k = s->table; k->path; k++) {
		if (s->given[k - s->table])
			continue;
		if (k->dflt) {
			default_apply(k, s->l->folder, s->l->a, (char *)s->out + k->offset);
			continue;
		}
		const struct yaml_node *at = deepest(map, k->path);
		problem(s->l, at->line, at->column, "%s%s: missing; it must be given: %s", s->shown, k->path, k->help);
	}
}

enum err config_parse(struct slice text, const char *name, const char *folder, const struct config_key *table, void *out, struct arena *a,
		      struct buf *problems)
{
	struct yaml_node *root;
	struct err_text why;
	if (yaml_parse(text, name, a, &root, &why)) {
		buf_printf(problems, "%s\n", why.text);
		return ERR_CONFIG;
	}
	struct loader l = {.name = name, .folder = folder, .a = a, .problems = problems};
	struct scope s = {.l = &l, .table = table, .out = out, .shown = ""};
	if (root->kind == YAML_MAP)
		scope_load(&s, root);
	else
		problem(&l, root->line, root->column, "a configuration is a map of keys: `ringfence config reference` lists them");
	if (too_many(&l))
		buf_printf(problems, "%s: more problems than these %d; the rest is left out\n", name, MOST_PROBLEMS);
	return l.problem_cnt ? ERR_CONFIG : ERR_OK;
}

enum err config_load(const char *path, const struct config_key *table, void *out, struct arena *a, struct buf *problems)
{
	struct slice text;
	struct err_text why;
	if (file_read(path, YAML_MAX_BYTES, a, &text, &why)) {
		buf_printf(problems, "%s\n", why.text);
		return ERR_CONFIG;
	}
	return config_parse(text, path, file_folder(path, a), table, out, a, problems);
}

/* The entry of a map that a path goes through; the longest, for a key may hold dots itself ("time.idle", "enable.idempotence"). */
static const struct yaml_node *child_at(const struct yaml_node *map, const char *path)
{
	const struct yaml_node *best = NULL;
	for (const struct yaml_node *n = map->kind == YAML_MAP ? map->first : NULL; n; n = n->next)
		if (n->key.len > (best ? best->key.len : 0) && strncmp(path, n->key.p, n->key.len) == 0 && strchr(".[", path[n->key.len]))
			best = n;
	return best;
}

/* "sinks[1].url": names and list places, down from the root. */
static const struct yaml_node *node_at(const struct yaml_node *root, const char *path)
{
	const struct yaml_node *at = root;
	while (*path) {
		const struct yaml_node *n = *path == '[' ? at : child_at(at, path);
		path += n && *path != '[' ? n->key.len : 0;
		if (n && *path == '[') {
			unsigned long i = strtoul(path + 1, NULL, 10);
			for (n = n->kind == YAML_LIST ? n->first : NULL; n && i > 0; i--)
				n = n->next;
			path += strcspn(path, "]") + 1;
		}
		if (!n)
			return at;
		at = n;
		path += *path == '.';
	}
	return at;
}

void config_problem(const char *file, const char *path, struct buf *problems, const char *fmt, ...)
{
	struct arena a;
	struct yaml_node *root;
	struct err_text t;
	arena_init(&a, 4096);
	if (file && yaml_load(file, &a, &root, NULL) == ERR_OK) {
		const struct yaml_node *n = node_at(root, path);
		buf_printf(problems, "%s:%d:%d: ", file, n->line, n->column);
	} else if (file) {
		buf_printf(problems, "%s: ", file);
	}
	arena_release(&a);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(t.text, sizeof t.text, fmt, ap);
	va_end(ap);
	buf_printf(problems, "%s: %s\n", path, t.text);
}

/* ---- print ---- */

/* The next code point; bytes that are no UTF-8 count as U+FFFD, one each. */
static uint32_t next_code_point(const char **p)
{
	const unsigned char *u = (const unsigned char *)*p;
	int more = u[0] < 0x80 ? 0 : (u[0] & 0xe0) == 0xc0 ? 1 : (u[0] & 0xf0) == 0xe0 ? 2 : (u[0] & 0xf8) == 0xf0 ? 3 : -1;
	uint32_t c = more <= 0 ? u[0] : u[0] & (0x3fu >> more);
	for (int i = 1; i <= more; i++) {
		if ((u[i] & 0xc0) != 0x80)
			more = -1;
		else
			c = c << 6 | (u[i] & 0x3f);
	}
	*p += more < 0 ? 1 : more + 1;
	return more < 0 ? 0xfffd : c;
}

/* Double quotes always: so no text looks like a number, a date or null to any reader. "${" is written so that it stays one. */
static void print_text(struct buf *b, const char *s)
{
	buf_put_u8(b, '"');
	while (*s) {
		const char *from = s;
		uint32_t c = next_code_point(&s);
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", (char)c);
		else if (c == '$' && *s == '{')
			buf_puts(b, "$$");
		else if (c == 0xfffd && s - from == 1)
			buf_puts(b, "\\ufffd");
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || (c & 0xfffe) == 0xfffe)
			buf_printf(b, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
		else
			buf_put(b, from, (size_t)(s - from));
	}
	buf_put_u8(b, '"');
}

static void print_indent(struct buf *b, int depth)
{
	buf_printf(b, "%*s", 2 * depth, "");
}

static void print_table(const struct config_key *table, const void *values, int depth, bool item, struct buf *b);

static void print_strings(const struct config_strings *v, struct buf *b)
{
	buf_puts(b, "[");
	for (uint32_t i = 0; i < v->n; i++) {
		buf_puts(b, i ? ", " : "");
		print_text(b, v->v[i]);
	}
	buf_puts(b, "]\n");
}

static void print_pairs(const struct config_pairs *v, int depth, struct buf *b)
{
	buf_puts(b, v->n ? "\n" : "{}\n");
	for (uint32_t i = 0; i < v->n; i++) {
		print_indent(b, depth + 1);
		print_text(b, v->v[i].key);
		buf_puts(b, ": ");
		print_text(b, v->v[i].value);
		buf_puts(b, "\n");
	}
}

static void print_items(const struct config_key *k, const struct config_list *v, int depth, struct buf *b)
{
	buf_puts(b, v->n ? "\n" : "[]\n");
	for (uint32_t i = 0; i < v->n; i++)
		print_table(k->items, (const char *)v->v + i * k->item_bytes, depth + 1, true, b);
}

static void print_scalar(const struct config_key *k, const void *at, struct buf *b)
{
	char text[TIME_TEXT_BYTES];
	const char *s = NULL;
	switch (k->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
	case CONFIG_SECRET:
		s = *(const char *const *)at;
		print_text(b, !s || !*s ? "" : k->type == CONFIG_SECRET ? "(secret)" : s);
		return;
	case CONFIG_DOUBLE:
		double_format(*(const double *)at, text);
		buf_puts(b, text);
		return;
	case CONFIG_BOOL:
		buf_puts(b, *(const bool *)at ? "true" : "false");
		return;
	case CONFIG_ENUM:
		buf_printf(b, SLICE_FMT, SLICE_ARG(choice_at(k->choices, *(const int *)at)));
		return;
	default:
		number_format(k->type, *(const int64_t *)at, text);
		buf_puts(b, text);
	}
}

static void print_value(const struct config_key *k, const void *at, int depth, struct buf *b)
{
	switch (k->type) {
	case CONFIG_STRINGS:
	case CONFIG_PATHS:
		print_strings(at, b);
		return;
	case CONFIG_PAIRS:
	case CONFIG_PATH_PAIRS:
		print_pairs(at, depth, b);
		return;
	case CONFIG_LIST:
		print_items(k, at, depth, b);
		return;
	default:
		print_scalar(k, at, b);
		buf_puts(b, "\n");
	}
}

/* How many leading parts (with their dots) two paths share: bytes. */
static size_t shared_groups(const char *a, const char *b)
{
	size_t shared = 0;
	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '.')
			shared = i + 1;
	return shared;
}

/* Rows in order; a group's name is written when a row first enters it. In a list item the first line carries the dash. */
static void print_table(const struct config_key *table, const void *values, int depth, bool item, struct buf *b)
{
	const char *last = "";
	int base = depth + (item ? 1 : 0);
	for (const struct config_key *k = table; k->path; k++) {
		size_t at = shared_groups(last, k->path);
		for (const struct config_key *o = table; o < k; o++)
			assert(shared_groups(o->path, k->path) <= at && "rows of a group must stand together");
		int level = base;
		for (size_t i = 0; i < at; i++)
			level += k->path[i] == '.';
		for (;;) {
			size_t len = strcspn(k->path + at, ".");
			if (item && k == table && at == 0) {
				print_indent(b, depth);
				buf_puts(b, "- ");
			} else {
				print_indent(b, level);
			}
			buf_printf(b, "%.*s:", (int)len, k->path + at);
			if (k->path[at + len] == '\0')
				break;
			buf_puts(b, "\n");
			at += len + 1;
			level++;
		}
		bool nested =
			(k->type == CONFIG_LIST && ((const struct config_list *)(const void *)((const char *)values + k->offset))->n) ||
			(is_map_type(k->type) && ((const struct config_pairs *)(const void *)((const char *)values + k->offset))->n);
		buf_puts(b, nested ? "" : " ");
		print_value(k, (const char *)values + k->offset, level, b);
		last = k->path;
	}
}

void config_print(const struct config_key *table, const void *values, struct buf *yaml)
{
	print_table(table, values, 0, false, yaml);
}

/* ---- reference ---- */

static void reference_type(const struct config_key *k, struct buf *b)
{
	static const char *const names[] = {
		[CONFIG_STRING] = "text",
		[CONFIG_PATH] = "path",
		[CONFIG_SECRET] = "secret",
		[CONFIG_INT] = "whole number",
		[CONFIG_DOUBLE] = "number",
		[CONFIG_BYTES] = "size",
		[CONFIG_DURATION] = "duration",
		[CONFIG_BOOL] = "true, false",
		[CONFIG_ENUM] = "",
		[CONFIG_STRINGS] = "list of texts",
		[CONFIG_PATHS] = "list of paths",
		[CONFIG_PAIRS] = "map",
		[CONFIG_PATH_PAIRS] = "map of paths",
		[CONFIG_LIST] = "list of maps",
	};
	buf_puts(b, names[k->type]);
	struct slice c;
	for (int i = 0; k->type == CONFIG_ENUM && (c = choice_at(k->choices, i)).p; i++)
		buf_printf(b, "%s`" SLICE_FMT "`", i ? ", " : "", SLICE_ARG(c));
	if (bounded(k) && k->type >= CONFIG_INT && k->type <= CONFIG_DURATION) {
		char range[2 * TIME_TEXT_BYTES + 16];
		range_format(k, range, sizeof range);
		buf_printf(b, ", %s", range);
	} else if (k->min > 0 && k->dflt) {
		buf_puts(b, ", not empty");
	}
	if (k->unit)
		buf_printf(b, " (%s)", k->unit);
}

static void reference_rows(const struct config_key *table, const char *prefix, struct buf *b)
{
	for (const struct config_key *k = table; k->path; k++) {
		buf_printf(b, "| `%s%s`%s%s%s%s | ", prefix, k->path, k->type == CONFIG_SECRET ? ", `" : "",
			   k->type == CONFIG_SECRET ? prefix : "", k->type == CONFIG_SECRET ? k->path : "",
			   k->type == CONFIG_SECRET ? "_file`" : "");
		reference_type(k, b);
		if (!k->dflt)
			buf_puts(b, " | **must be given** | ");
		else if (k->dflt[0])
			buf_printf(b, " | `%s` | ", k->dflt);
		else
			buf_puts(b, " | empty | ");
		buf_printf(b, "%s |\n", k->help);
		if (k->type == CONFIG_LIST) {
			char deeper[160];
			snprintf(deeper, sizeof deeper, "%s%s[].", prefix, k->path);
			reference_rows(k->items, deeper, b);
		}
	}
}

void config_reference(const struct config_key *table, struct buf *markdown)
{
	buf_puts(markdown, "| key | type | default | meaning |\n|---|---|---|---|\n");
	reference_rows(table, "", markdown);
}

/* ---- JSON Schema ---- */

#define ENV_PATTERN "\\$\\{"
#define BYTES_PATTERN "^[0-9]+(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$|" ENV_PATTERN
#define DURATION_PATTERN "^(?!$)([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$|" ENV_PATTERN

static cJSON *schema_table(const struct config_key *table);

static cJSON *schema_pattern(const char *pattern)
{
	cJSON *s = cJSON_CreateObject();
	cJSON_AddStringToObject(s, "type", "string");
	if (pattern)
		cJSON_AddStringToObject(s, "pattern", pattern);
	return s;
}

/* `main`, or a text with an environment variable in it. */
static cJSON *schema_or_env(cJSON *main)
{
	cJSON *s = cJSON_CreateObject(), *any = cJSON_AddArrayToObject(s, "anyOf");
	cJSON_AddItemToArray(any, main);
	cJSON_AddItemToArray(any, schema_pattern(ENV_PATTERN));
	return s;
}

static cJSON *schema_number(const struct config_key *k, const char *type)
{
	cJSON *s = cJSON_CreateObject();
	cJSON_AddStringToObject(s, "type", type);
	if (bounded(k))
		cJSON_AddNumberToObject(s, "minimum", (double)k->min);
	if (bounded_above(k))
		cJSON_AddNumberToObject(s, "maximum", (double)k->max);
	return s;
}

/* Readers of YAML 1.1 take `off` and the like for a boolean before the schema sees it; we do not. */
static cJSON *schema_choices(const struct config_key *k)
{
	cJSON *s = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(s, "enum");
	struct slice c;
	for (int i = 0; (c = choice_at(k->choices, i)).p; i++) {
		char name[64];
		snprintf(name, sizeof name, SLICE_FMT, SLICE_ARG(c));
		cJSON_AddItemToArray(list, cJSON_CreateString(name));
		if (slice_is(c, "off") || slice_is(c, "no"))
			cJSON_AddItemToArray(list, cJSON_CreateFalse());
		if (slice_is(c, "on") || slice_is(c, "yes"))
			cJSON_AddItemToArray(list, cJSON_CreateTrue());
	}
	return s;
}

/* An empty value is an empty list, map or group. */
static cJSON *schema_or_null(const char *type)
{
	cJSON *s = cJSON_CreateObject(), *types = cJSON_AddArrayToObject(s, "type");
	cJSON_AddItemToArray(types, cJSON_CreateString(type));
	cJSON_AddItemToArray(types, cJSON_CreateString("null"));
	return s;
}

static cJSON *schema_list(const struct config_key *k)
{
	cJSON *s;
	if (is_map_type(k->type)) {
		static const char *const scalars[] = {"string", "number", "boolean"};
		s = schema_or_null("object");
		cJSON *values = cJSON_AddObjectToObject(s, "additionalProperties");
		cJSON_AddItemToObject(values, "type", cJSON_CreateStringArray(scalars, 3));
		return s;
	}
	s = schema_or_null("array");
	cJSON_AddItemToObject(s, "items", k->type == CONFIG_LIST ? schema_table(k->items) : schema_pattern(NULL));
	if (k->min > 0)
		cJSON_AddNumberToObject(s, "minItems", (double)k->min);
	return s;
}

static cJSON *schema_value(const struct config_key *k)
{
	cJSON *s;
	switch (k->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
	case CONFIG_SECRET:
		s = schema_pattern(NULL);
		if (k->min > 0)
			cJSON_AddNumberToObject(s, "minLength", (double)k->min);
		return s;
	case CONFIG_INT:
		return schema_or_env(schema_number(k, "integer"));
	case CONFIG_DOUBLE:
		return schema_or_env(schema_number(k, "number"));
	case CONFIG_BYTES:
		s = cJSON_CreateObject();
		cJSON *any = cJSON_AddArrayToObject(s, "anyOf");
		cJSON_AddItemToArray(any, schema_number(k, "integer"));
		cJSON_AddItemToArray(any, schema_pattern(BYTES_PATTERN));
		return s;
	case CONFIG_DURATION:
		return schema_pattern(DURATION_PATTERN);
	case CONFIG_BOOL:
		s = cJSON_CreateObject();
		cJSON_AddStringToObject(s, "type", "boolean");
		return schema_or_env(s);
	case CONFIG_ENUM:
		return schema_or_env(schema_choices(k));
	default:
		return schema_list(k);
	}
}

static void schema_default(const struct config_key *k, cJSON *s)
{
	if (!k->dflt)
		return;
	if (k->type == CONFIG_INT || k->type == CONFIG_DOUBLE)
		cJSON_AddNumberToObject(s, "default", strtod(k->dflt, NULL));
	else if (k->type == CONFIG_BOOL)
		cJSON_AddBoolToObject(s, "default", strcmp(k->dflt, "true") == 0);
	else if (is_scalar_type(k->type))
		cJSON_AddStringToObject(s, "default", k->dflt);
	else if (is_map_type(k->type))
		cJSON_AddObjectToObject(s, "default");
	else if (!k->dflt[0])
		cJSON_AddArrayToObject(s, "default");
}

static void schema_require(cJSON *object, const char *name)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "required");
	if (!list)
		list = cJSON_AddArrayToObject(object, "required");
	cJSON *c;
	cJSON_ArrayForEach(c, list) if (strcmp(c->valuestring, name) == 0) return;
	cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

/* The object that a row's last part belongs in, groups made on the way. A group with a required key is required itself. */
static cJSON *schema_descend(cJSON *object, const struct config_key *k)
{
	for (const char *p = k->path;; p += strcspn(p, ".") + 1) {
		char name[64];
		snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "."), p);
		if (!k->dflt)
			schema_require(object, name);
		if (!strchr(p, '.'))
			return object;
		cJSON *properties = cJSON_GetObjectItemCaseSensitive(object, "properties");
		cJSON *next = cJSON_GetObjectItemCaseSensitive(properties, name);
		if (!next) {
			next = schema_or_null("object");
			cJSON_AddFalseToObject(next, "additionalProperties");
			cJSON_AddObjectToObject(next, "properties");
			cJSON_AddItemToObject(properties, name, next);
		}
		object = next;
	}
}

static void schema_secret_file(cJSON *object, const struct config_key *k)
{
	char file[80];
	snprintf(file, sizeof file, "%s_file", last_part(k->path));
	cJSON *s = schema_pattern(NULL);
	cJSON_AddStringToObject(s, "description", "A file that holds the value of the key without _file, relative to this file.");
	cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(object, "properties"), file, s);
	const char *both[] = {last_part(k->path), file};
	cJSON *all = cJSON_GetObjectItemCaseSensitive(object, "allOf");
	if (!all)
		all = cJSON_AddArrayToObject(object, "allOf");
	cJSON *rule = cJSON_CreateObject();
	cJSON_AddItemToObject(cJSON_AddObjectToObject(rule, "not"), "required", cJSON_CreateStringArray(both, 2));
	cJSON_AddItemToArray(all, rule);
}

static cJSON *schema_table(const struct config_key *table)
{
	cJSON *root = cJSON_CreateObject();
	cJSON_AddStringToObject(root, "type", "object");
	cJSON_AddFalseToObject(root, "additionalProperties");
	cJSON_AddObjectToObject(root, "properties");
	for (const struct config_key *k = table; k->path; k++) {
		cJSON *object = schema_descend(root, k);
		cJSON *s = schema_value(k);
		cJSON_AddStringToObject(s, "description", k->help);
		schema_default(k, s);
		cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(object, "properties"), last_part(k->path), s);
		if (k->type == CONFIG_SECRET)
			schema_secret_file(object, k);
	}
	return root;
}

void config_schema(const struct config_key *table, const char *title, struct buf *json)
{
	cJSON *root = schema_table(table);
	cJSON *named = cJSON_CreateObject();
	cJSON_AddStringToObject(named, "$schema", "https://json-schema.org/draft/2020-12/schema");
	cJSON_AddStringToObject(named, "title", title);
	for (cJSON *c; (c = root->child) != NULL;) {
		cJSON_DetachItemViaPointer(root, c);
		cJSON_AddItemToObject(named, c->string, c);
	}
	char *text = cJSON_Print(named);
	buf_puts(json, text);
	buf_puts(json, "\n");
	cJSON_free(text);
	cJSON_Delete(named);
	cJSON_Delete(root);
}
