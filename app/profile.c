/* SPDX-License-Identifier: Apache-2.0 */
#include "app/profile.h"

#include "base/yaml.h"

#include <stddef.h>
#include <stdio.h>

struct reading {
	const char *file;
	struct profile *out;
	struct buf *problems;
	bool bad;
};

PRINTF_LIKE(4, 5)
static void problem(struct reading *g, int line, int column, const char *fmt, ...)
{
	char text[500];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(g->problems, "%s:%d:%d: %s\n", g->file, line, column, text);
	g->bad = true;
}

/* ---- fields ---- */

typedef void read_field(struct reading *g, const struct yaml_node *n, void *to);

static void read_text(struct reading *g, const struct yaml_node *n, void *to)
{
	struct slice *s = to;
	if (n->kind != YAML_SCALAR || n->text.len == 0 || (yaml_is_null(n) && !n->quoted))
		problem(g, n->line, n->column, SLICE_FMT ": a text is expected", SLICE_ARG(n->key));
	else if (n->text.len > PROFILE_TEXT_MAX)
		problem(g, n->line, n->column, SLICE_FMT ": at most %d bytes", SLICE_ARG(n->key), PROFILE_TEXT_MAX);
	else
		*s = n->text;
}

static void read_years(struct reading *g, const struct yaml_node *n, void *to)
{
	int64_t v;
	if (!yaml_int(n, &v) || v < 0 || v > 1000)
		problem(g, n->line, n->column, "years: a whole number from 0 to 1000 is expected: how long you have been in business");
	else
		*(int64_t *)to = v;
}

static void read_licences(struct reading *g, const struct yaml_node *n, void *to)
{
	struct profile *p = g->out;
	(void)to;
	if (n->kind != YAML_LIST || n->count > PROFILE_LICENCES_MAX) {
		problem(g, n->line, n->column, "licences: a list of at most %d texts is expected", PROFILE_LICENCES_MAX);
		return;
	}
	for (const struct yaml_node *item = n->first; item; item = item->next) {
		struct yaml_node named = *item;
		named.key = SLICE_LIT("licences");
		read_text(g, &named, &p->licences[p->licence_cnt++]);
	}
}

struct field {
	const char *name;
	read_field *read;
	size_t offset;
};

#define AT(member) offsetof(struct profile, member)

static const struct field contact_fields[] = {
	{"name", read_text, AT(contact_name)},
	{"email", read_text, AT(contact_email)},
	{"phone", read_text, AT(contact_phone)},
};

static void read_map(struct reading *g, const struct yaml_node *map, const struct field *fields, size_t cnt, const char *what);

static void read_contact(struct reading *g, const struct yaml_node *n, void *to)
{
	(void)to;
	read_map(g, n, contact_fields, sizeof contact_fields / sizeof contact_fields[0], "contact");
}

static const struct field profile_fields[] = {
	{"name", read_text, AT(name)},
	{"website", read_text, AT(website)},
	{"address", read_text, AT(address)},
	{"years", read_years, AT(years)},
	{"purpose", read_text, AT(purpose)},
	{"opt_in", read_text, AT(opt_in)},
	{"licences", read_licences, AT(licences)},
	{"contact", read_contact, 0},
};

static void read_key(struct reading *g, const struct yaml_node *n, const struct field *fields, size_t cnt)
{
	const char *names[sizeof profile_fields / sizeof profile_fields[0]];
	for (size_t i = 0; i < cnt; i++) {
		names[i] = fields[i].name;
		if (slice_is(n->key, fields[i].name)) {
			fields[i].read(g, n, (char *)g->out + fields[i].offset);
			return;
		}
	}
	const char *near = nearest_name(n->key, names, cnt);
	problem(g, n->key_line, n->key_column, "%.*s: unknown key%s%s%s", n->key.len < 80 ? (int)n->key.len : 80, n->key.p,
		near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static void read_map(struct reading *g, const struct yaml_node *map, const struct field *fields, size_t cnt, const char *what)
{
	if (map->kind != YAML_MAP) {
		problem(g, map->line, map->column, "%s: keys with values are expected", what);
		return;
	}
	for (const struct yaml_node *n = map->first; n; n = n->next)
		read_key(g, n, fields, cnt);
}

/* ---- a file ---- */

static enum err read_root(struct reading *g, const struct yaml_node *root)
{
	*g->out = (struct profile){.years = -1};
	read_map(g, root, profile_fields, sizeof profile_fields / sizeof profile_fields[0], "a profile");
	if (!g->bad && !g->out->name.p)
		problem(g, 1, 1, "name is missing: the business whose numbers these are");
	return g->bad ? ERR_CONFIG : ERR_OK;
}

enum err profile_parse(struct slice text, const char *name, struct arena *a, struct profile *out, struct buf *problems)
{
	struct reading g = {.file = name, .out = out, .problems = problems};
	struct yaml_node *root;
	struct err_text why;
	enum err e = yaml_parse(text, name, a, &root, &why);
	if (e)
		buf_printf(problems, "%s\n", why.text);
	return e ? e : read_root(&g, root);
}

enum err profile_load(const char *path, struct arena *a, struct profile *out, struct buf *problems)
{
	struct reading g = {.file = path, .out = out, .problems = problems};
	struct yaml_node *root;
	struct err_text why;
	enum err e = yaml_load(path, a, &root, &why);
	if (e)
		buf_printf(problems, "%s\n", why.text);
	return e ? e : read_root(&g, root);
}
