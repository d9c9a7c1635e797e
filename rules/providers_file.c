/* SPDX-License-Identifier: Apache-2.0 */
/* The file of providers and flags. A table row per key, as in rule files (rule_file.c): every problem is reported with its place, and a file with one gives
 * nothing. YAML itself is strict already (base/yaml.c): no key twice, no aliases.
 *
 * Providers are read before the rows of flags, wherever they stand, because rows name them; then they are put in the order of the calendar. */
#include "rules/providers.h"

#include "base/file.h"
#include "base/yaml.h"

#include <stdio.h>

#define DAYS_MAX 365
#define FOLLOW_UP_DAYS_MAX 60
#define ORDER_MAX 1000000

struct reading {
	const char *name;
	struct arena *a;
	struct providers *out;
	struct buf *problems;
	bool failed;
	struct provider *provider; /* the one being read */
	struct flag_row *row;
	const struct yaml_node *provider_list, *flag_list, *steps;
};

struct reading_key {
	const char *name;
	void (*read)(struct reading *r, const struct yaml_node *n);
};

static void problem(struct reading *r, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void problem(struct reading *r, int line, int column, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(r->problems, "%s:%d:%d: %s\n", r->name, line, column, text);
	r->failed = true;
}

/* ---- values ---- */

static void read_text(struct reading *r, const struct yaml_node *n, uint32_t most_bytes, struct slice *out)
{
	const char *key = n->key.p ? n->key.p : "an entry";
	if (n->kind != YAML_SCALAR || yaml_is_null(n) || n->text.len == 0)
		problem(r, n->line, n->column, "%.120s: a text is expected", key);
	else if (n->text.len > most_bytes)
		problem(r, n->line, n->column, "%.120s: longer than %u bytes", key, most_bytes);
	else
		*out = arena_copy(r->a, n->text);
}

static void read_number(struct reading *r, const struct yaml_node *n, int32_t least, int32_t most, int32_t *out)
{
	int64_t v;
	if (n->kind != YAML_SCALAR || !yaml_int(n, &v) || v < least || v > most)
		problem(r, n->line, n->column, "%s: a whole number is expected, %d to %d", n->key.p, least, most);
	else
		*out = (int32_t)v;
}

static void read_bool(struct reading *r, const struct yaml_node *n, bool *out)
{
	if (n->kind != YAML_SCALAR || !yaml_bool(n, out))
		problem(r, n->line, n->column, "%s: true or false is expected", n->key.p);
}

static int read_word(struct reading *r, const struct yaml_node *n, const char *const *words, size_t cnt)
{
	char list[128] = "";
	for (size_t i = 0; i < cnt && n->kind == YAML_SCALAR; i++)
		if (slice_is(n->text, words[i]))
			return (int)i;
	for (size_t i = 0, at = 0; i < cnt; i++)
		at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", words[i]);
	const char *near = n->kind == YAML_SCALAR ? nearest_name(n->text, words, cnt) : NULL;
	problem(r, n->line, n->column, "%s: one of %s is expected%s%s%s", n->key.p, list, near ? "; did you mean " : "", near ? near : "",
		near ? "?" : "");
	return -1;
}

#define KEYS_MAX 16

static void read_map(struct reading *r, const struct yaml_node *map, const struct reading_key *keys, size_t cnt, const char *what)
{
	const char *names[KEYS_MAX];
	for (size_t i = 0; i < cnt; i++)
		names[i] = keys[i].name;
	if (map->kind != YAML_MAP) {
		problem(r, map->line, map->column, "%s is a map", what);
		return;
	}
	for (const struct yaml_node *n = map->first; n; n = n->next) {
		size_t i = 0;
		while (i < cnt && !slice_is(n->key, keys[i].name))
			i++;
		if (i < cnt) {
			keys[i].read(r, n);
			continue;
		}
		const char *near = nearest_name(n->key, names, cnt);
		problem(r, n->key_line, n->key_column, "%.120s: unknown key of %s%s%s%s", n->key.p, what, near ? "; did you mean " : "",
			near ? near : "", near ? "?" : "");
	}
}

/* ---- a provider ---- */

static void read_id(struct reading *r, const struct yaml_node *n)
{
	static const char *const taken[] = {"provider", "carrier", "all"};
	struct slice id = SLICE_NONE;
	read_text(r, n, PROVIDER_ID_MAX, &id);
	for (uint32_t i = 0; i < id.len; i++) {
		char c = id.p[i];
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
			problem(r, n->line, n->column, "id: letters a to z, digits and '_' are expected, at most %d", PROVIDER_ID_MAX);
			return;
		}
	}
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (slice_is(id, taken[i]))
			problem(r, n->line, n->column, "id: %s is a word of `steps`", taken[i]);
	r->provider->id = id;
}

static void read_name(struct reading *r, const struct yaml_node *n)
{
	read_text(r, n, PROVIDER_NAME_MAX, &r->provider->name);
}

static void read_kind(struct reading *r, const struct yaml_node *n)
{
	const char *words[PROVIDER_KIND_CNT];
	for (int i = 0; i < PROVIDER_KIND_CNT; i++)
		words[i] = provider_kind_name((enum provider_kind)i);
	int kind = read_word(r, n, words, PROVIDER_KIND_CNT);
	r->provider->kind = kind < 0 ? PROVIDER_ANALYTICS : (enum provider_kind)kind;
}

static void read_contact(struct reading *r, const struct yaml_node *n)
{
	read_text(r, n, PROVIDER_TEXT_MAX, &r->provider->contact);
}

static void read_form(struct reading *r, const struct yaml_node *n)
{
	read_text(r, n, PROVIDER_TEXT_MAX, &r->provider->form);
}

static void read_also(struct reading *r, const struct yaml_node *n)
{
	if (n->kind != YAML_LIST || n->count > PROVIDER_ALSO_MAX) {
		problem(r, n->line, n->column, "also: a list of at most %d names is expected", PROVIDER_ALSO_MAX);
		return;
	}
	for (const struct yaml_node *e = n->first; e; e = e->next)
		read_text(r, e, PROVIDER_NAME_MAX, &r->provider->also[r->provider->also_cnt++]);
}

static void read_order(struct reading *r, const struct yaml_node *n)
{
	read_number(r, n, 0, ORDER_MAX, &r->provider->order);
}

static void read_day(struct reading *r, const struct yaml_node *n)
{
	read_number(r, n, 0, DAYS_MAX, &r->provider->day);
}

static void read_follow_up(struct reading *r, const struct yaml_node *n)
{
	read_number(r, n, 1, FOLLOW_UP_DAYS_MAX, &r->provider->follow_up_days);
}

static void read_if_necessary(struct reading *r, const struct yaml_node *n)
{
	read_bool(r, n, &r->provider->if_necessary);
}

static void read_enabled(struct reading *r, const struct yaml_node *n)
{
	read_bool(r, n, &r->provider->enabled);
}

static const struct reading_key provider_keys[] = {
	{"id", read_id},
	{"name", read_name},
	{"kind", read_kind},
	{"order", read_order},
	{"day", read_day},
	{"follow_up", read_follow_up},
	{"if_necessary", read_if_necessary},
	{"enabled", read_enabled},
	{"contact", read_contact},
	{"form", read_form},
	{"also", read_also},
};

/* A name leads to one provider. */
static void check_names(struct reading *r, const struct yaml_node *n)
{
	const struct provider *p = r->provider;
	struct slice names[2 + PROVIDER_ALSO_MAX] = {p->id, p->name};
	memcpy(names + 2, p->also, sizeof p->also);
	for (uint32_t i = 0; i < 2 + p->also_cnt; i++) {
		uint32_t other = providers_named(r->out, names[i]);
		if (other != PROVIDER_NONE)
			problem(r, n->line, n->column, "\"%.64s\" is a name of the provider %.16s already", names[i].p,
				r->out->of[other].id.p);
	}
}

static void read_provider(struct reading *r, const struct yaml_node *n, int32_t place)
{
	static const char *const needed[] = {"id", "name", "kind"};
	if (r->out->cnt == PROVIDERS_MAX) {
		problem(r, n->line, n->column, "providers: more than %d", PROVIDERS_MAX);
		return;
	}
	r->provider = &r->out->of[r->out->cnt];
	*r->provider = (struct provider){.order = place, .follow_up_days = 7, .enabled = true};
	read_map(r, n, provider_keys, sizeof provider_keys / sizeof provider_keys[0], "a provider");
	for (size_t i = 0; i < 3 && n->kind == YAML_MAP; i++)
		if (!yaml_get(n, needed[i]))
			problem(r, n->line, n->column, "a provider needs the key %s", needed[i]);
	if (!r->provider->id.p || !r->provider->name.p)
		return;
	check_names(r, n);
	r->out->cnt++;
}

/* ---- a row of flags ---- */

static void read_row_provider(struct reading *r, const struct yaml_node *n)
{
	read_text(r, n, FLAG_PROVIDER_MAX, &r->row->provider);
}

static void read_row_carrier(struct reading *r, const struct yaml_node *n)
{
	read_text(r, n, FLAG_CARRIER_MAX, &r->row->carrier);
}

static void read_row_label(struct reading *r, const struct yaml_node *n)
{
	read_text(r, n, FLAG_LABEL_MAX, &r->row->label);
}

static void read_policy(struct reading *r, const struct yaml_node *n)
{
	static const char *const words[] = {
		[FLAG_POLICY_RECORD] = "record", [FLAG_POLICY_DISPUTE] = "dispute", [FLAG_POLICY_QUARANTINE] = "quarantine"};
	int policy = read_word(r, n, words, 3);
	r->row->policy = policy < 0 ? FLAG_POLICY_DISPUTE : (enum flag_policy)policy;
}

static void read_step(struct reading *r, const struct yaml_node *n)
{
	const char *names[PROVIDERS_MAX + 3] = {"provider", "carrier", "all"};
	struct slice text = n->kind == YAML_SCALAR ? n->text : SLICE_NONE;
	for (uint32_t i = 0; i < r->out->cnt; i++)
		names[i + 3] = r->out->of[i].id.p;
	uint32_t who = providers_find(r->out, text);
	if (slice_is(text, "provider")) {
		r->row->of_provider = true;
	} else if (slice_is(text, "carrier")) {
		r->row->of_carrier = true;
	} else if (slice_is(text, "all")) {
		r->row->steps |= providers_calendar(r->out);
	} else if (who != PROVIDER_NONE) {
		r->row->steps |= UINT32_C(1) << who;
	} else {
		const char *near = text.p ? nearest_name(text, names, r->out->cnt + 3) : NULL;
		problem(r, n->line, n->column, "steps: %.64s is no id of a provider, nor provider, carrier or all%s%s%s",
			text.p ? text.p : "this", near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
}

static void read_steps(struct reading *r, const struct yaml_node *n)
{
	r->steps = n;
	if (n->kind != YAML_LIST)
		problem(r, n->line, n->column, "steps: a list is expected, as in [provider, carrier]");
	for (const struct yaml_node *e = n->kind == YAML_LIST ? n->first : NULL; e; e = e->next)
		read_step(r, e);
}

static const struct reading_key row_keys[] = {
	{"provider", read_row_provider}, {"carrier", read_row_carrier}, {"label", read_row_label},
	{"policy", read_policy},         {"steps", read_steps},
};

static void read_row(struct reading *r, const struct yaml_node *n, struct flag_row *row)
{
	*row = (struct flag_row){.policy = FLAG_POLICY_DISPUTE};
	r->row = row;
	r->steps = NULL;
	read_map(r, n, row_keys, sizeof row_keys / sizeof row_keys[0], "a row of flags");
	if (n->kind == YAML_MAP && !yaml_get(n, "policy"))
		problem(r, n->line, n->column, "a row of flags needs the key policy");
	if (!r->steps)
		row->of_provider = row->of_carrier = true;
	else if (row->policy == FLAG_POLICY_RECORD)
		problem(r, r->steps->line, r->steps->column, "steps: policy: record opens none");
}

/* ---- the file ---- */

static void note_providers(struct reading *r, const struct yaml_node *n)
{
	r->provider_list = n;
}

static void note_flags(struct reading *r, const struct yaml_node *n)
{
	r->flag_list = n;
}

static void read_known(struct reading *r, const struct yaml_node *n)
{
	read_text(r, n, PROVIDER_NAME_MAX, &r->out->known);
}

static const struct reading_key file_keys[] = {{"known", read_known}, {"providers", note_providers}, {"flags", note_flags}};

/* By order, then as in the file. */
static void sort_providers(struct providers *p)
{
	for (uint32_t i = 1; i < p->cnt; i++) {
		struct provider x = p->of[i];
		uint32_t at = i;
		for (; at > 0 && p->of[at - 1].order > x.order; at--)
			p->of[at] = p->of[at - 1];
		p->of[at] = x;
	}
}

static const struct yaml_node *list_of(struct reading *r, const struct yaml_node *n, const char *what)
{
	if (!n || yaml_is_null(n))
		return NULL;
	if (n->kind != YAML_LIST) {
		problem(r, n->line, n->column, "%s: a list is expected", what);
		return NULL;
	}
	return n->first;
}

static void read_root(struct reading *r, const struct yaml_node *root)
{
	int32_t place = 0;
	read_map(r, root, file_keys, sizeof file_keys / sizeof file_keys[0], "a file of providers");
	for (const struct yaml_node *n = list_of(r, r->provider_list, "providers"); n; n = n->next)
		read_provider(r, n, place++);
	sort_providers(r->out);
	const struct yaml_node *n = list_of(r, r->flag_list, "flags");
	if (n && r->flag_list->count > FLAG_ROWS_MAX) {
		problem(r, n->line, n->column, "flags: more than %d rows", FLAG_ROWS_MAX);
		return;
	}
	struct flag_row *rows = arena_alloc(r->a, ((n ? r->flag_list->count : 0) + 1) * sizeof *rows);
	r->out->rows = rows;
	for (; n; n = n->next)
		read_row(r, n, &rows[r->out->row_cnt++]);
}

enum err providers_parse(struct slice text, const char *name, struct arena *a, struct providers *out, struct buf *problems)
{
	struct reading r = {.name = name, .a = a, .out = out, .problems = problems};
	struct arena tree;
	struct yaml_node *root;
	struct err_text why;
	*out = (struct providers){0};
	arena_init(&tree, 16 << 10);
	if (yaml_parse(text, name, &tree, &root, &why)) {
		buf_printf(problems, "%s\n", why.text);
		r.failed = true;
	} else {
		read_root(&r, root);
	}
	arena_release(&tree);
	return r.failed ? ERR_CONFIG : ERR_OK;
}

enum err providers_load(const char *path, struct arena *a, struct providers *out, struct buf *problems)
{
	struct arena bytes;
	struct slice text;
	struct err_text why;
	arena_init(&bytes, 16 << 10);
	enum err e = file_read(path, YAML_MAX_BYTES, &bytes, &text, &why);
	if (e)
		buf_printf(problems, "%s\n", why.text);
	else
		e = providers_parse(text, path, a, out, problems);
	arena_release(&bytes);
	return e ? ERR_CONFIG : ERR_OK;
}
