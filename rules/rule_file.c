/* SPDX-License-Identifier: Apache-2.0 */
/* Rule files: YAML in the shape of Prometheus alerting rules becomes rules.
 *
 * DESIGN. One table row per key of a group and of a rule: its name and the function that reads its value; a row without one is a key that a later
 * part brings, refused by name. Every problem of a file is reported with its place, not only the first; a set with a problem is thrown away
 * whole. YAML itself is strict already (base/yaml.c): no key twice, no aliases.
 *
 * GUARANTEES. What passes is evaluated without another check: expressions are conditions over known features, times are in range, names fit into
 * the record. No two rules of a set share a fingerprint, for it is the key of their alerts. */
#include "rules/ruleset.h"

#include "base/hash.h"
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#define INTERVAL_MS (5 * MINUTE_MS)
#define MIN_INTERVAL_MS (4 * HOUR_MS)
#define GROUPS_MAX 1000
#define LABELS_MAX 32 /* of a rule, its group's among them; annotations too */
#define LABEL_BYTES_MAX 256
#define TEXT_BYTES_MAX 4096 /* annotations, source */
#define PARAMS_MAX 32

struct pairs {
	struct event_pair pair[LABELS_MAX];
	uint32_t cnt;
};

/* One file being read. */
struct file {
	struct rules *rules;
	struct slice text;
	const char *name; /* in the set's arena */
	struct buf *problems;
	bool failed;
	/* the group being read */
	const struct yaml_node *rule_list;
	struct slice group;
	int64_t interval_ms;
	struct pairs group_labels;
	/* the rule being read */
	struct rule *rule;
	struct pairs labels, annotations;
	const struct yaml_node *alert, *expr;
};

struct file_key {
	const char *name;
	void (*read)(struct file *f, const struct yaml_node *n); /* NULL: comes with a later part */
};

static void problem(struct file *f, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void problem(struct file *f, int line, int column, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(f->problems, "%s:%d:%d: %s\n", f->name, line, column, text);
	f->failed = true;
}

/* ---- values ---- */

static bool read_text(struct file *f, const struct yaml_node *n, uint32_t most_bytes, struct slice *out)
{
	if (n->kind != YAML_SCALAR || yaml_is_null(n))
		problem(f, n->line, n->column, "%.120s: a text is expected", n->key.p);
	else if (n->text.len > most_bytes)
		problem(f, n->line, n->column, "%.120s: longer than %u bytes", n->key.p, most_bytes);
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

static void read_duration(struct file *f, const struct yaml_node *n, int64_t least_ms, int64_t most_ms, int64_t *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	int64_t ms = 0;
	if (n->kind != YAML_SCALAR || (!is_zero(n->text) && !duration_parse(n->text, &ms)))
		problem(f, n->line, n->column, "%s: a duration is expected, like 30s, 5m, 1h30m, 7d", n->key.p);
	else if (ms < least_ms || ms > most_ms)
		problem(f, n->line, n->column, "%s: " SLICE_FMT " is out of range: %s to %s", n->key.p, SLICE_ARG(n->text),
			least_ms ? duration_format(least_ms, from) : "0s", duration_format(most_ms, to));
	else
		*out = ms;
}

static bool identifier(struct slice s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return s.len > 0;
}

/* One of a few words; -1 if it is none of them. */
static int read_word(struct file *f, const struct yaml_node *n, const char *const *words, int cnt, const char *list)
{
	for (int i = 0; i < cnt && n->kind == YAML_SCALAR; i++)
		if (slice_is(n->text, words[i]))
			return i;
	const char *near = n->kind == YAML_SCALAR ? nearest_name(n->text, words, (size_t)cnt) : NULL;
	problem(f, n->line, n->column, "%s: one of %s is expected%s%s%s", n->key.p, list, near ? "; did you mean " : "", near ? near : "",
		near ? "?" : "");
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

static void read_pairs(struct file *f, const struct yaml_node *map, uint32_t most_bytes, struct pairs *out)
{
	if (yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP) {
		problem(f, map->line, map->column, "%s: a map of names and texts is expected", map->key.p);
		return;
	}
	for (const struct yaml_node *n = map->first; n; n = n->next) {
		struct event_pair pair = {SLICE_NONE, SLICE_NONE};
		if (!identifier(n->key) || n->key.len > RULE_NAME_MAX)
			problem(f, n->key_line, n->key_column, "%s: \"%.120s\" is not a name of letters, digits and '_', at most %d bytes",
				map->key.p, n->key.p, RULE_NAME_MAX);
		else if (read_text(f, n, most_bytes, &pair.value)) {
			pair.name = arena_copy(&f->rules->arena, n->key);
			if (!put_pair(out, pair))
				problem(f, n->key_line, n->key_column, "%s: more than %d", map->key.p, LABELS_MAX);
		}
	}
}

static const struct event_pair *keep_pairs(struct file *f, const struct pairs *p)
{
	struct event_pair *kept = arena_alloc(&f->rules->arena, (p->cnt + 1) * sizeof *kept);
	memcpy(kept, p->pair, p->cnt * sizeof *kept);
	return kept;
}

/* ---- maps ---- */

#define KEYS_MAX 24

/* Every entry of a map by its row; what is no row is refused with the nearest one. */
static void read_map(struct file *f, const struct yaml_node *map, const struct file_key *keys, size_t cnt, const char *what)
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
			problem(f, n->key_line, n->key_column, "%s: not supported yet", keys[i].name);
		} else {
			const char *near = nearest_name(n->key, names, cnt);
			problem(f, n->key_line, n->key_column, "%.120s: unknown key of %s%s%s%s", n->key.p, what,
				near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
		}
	}
}

/* ---- a rule ---- */

static void read_alert(struct file *f, const struct yaml_node *n)
{
	f->alert = n;
	if (read_text(f, n, RULE_NAME_MAX, &f->rule->name) && !identifier(f->rule->name))
		problem(f, n->line, n->column, "alert: \"%s\" is not a name of letters, digits and '_' that begins with a letter",
			f->rule->name.p);
}

static struct slice trimmed(struct slice s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.p[s.len - 1]))
		s.len--;
	while (s.len > 0 && strchr(" \t\r\n", *s.p)) {
		s.p++;
		s.len--;
	}
	return s;
}

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
	for (int column = 1; column < n->column; column++)
		do
			p++;
		while (p < end && (*p & 0xc0) == 0x80);
	return slice_make(p, (size_t)(end - p));
}

/* Compiled when the whole rule is read: it may name labels and parameters, wherever they stand. */
static void read_expr(struct file *f, const struct yaml_node *n)
{
	struct slice text = SLICE_NONE;
	f->expr = n;
	if (read_text(f, n, EXPR_BYTES_MAX, &text))
		f->rule->expr = trimmed(text);
}

static void compile(struct file *f, const struct yaml_node *n)
{
	struct rule *r = f->rule;
	struct place at = {.file = f->name, .line = n->line, .column = n->column, .yaml = from_mark(f, n)};
	const struct expr_names names = {.slots = &f->rules->slots,
					 .values = r->params,
					 .value_cnt = r->param_cnt,
					 .labels = r->labels,
					 .label_cnt = r->label_cnt,
					 .of = OF_NUMBER};
	if (expr_compile(r->expr, at, &f->rules->arena, &names, &r->program, f->problems)) {
		f->failed = true;
	} else if (r->program.type != CEL_BOOL) {
		int line, column;
		place_find(&at, r->expr.p, r->expr.p, &line, &column);
		problem(f, line, column, "expr: a condition is expected, not %s %s", r->program.type == CEL_INT ? "an" : "a",
			cel_type_name(r->program.type));
	}
}

/* An int, a double, a bool, or a text. */
static bool param_value(struct file *f, const struct yaml_node *n, struct cel *out)
{
	bool b;
	if (n->kind != YAML_SCALAR || yaml_is_null(n))
		return false;
	*out = (struct cel){.type = CEL_INT};
	if (!n->quoted && yaml_int(n, &out->i))
		return true;
	out->type = CEL_DOUBLE;
	if (!n->quoted && yaml_double(n, &out->d))
		return true;
	if (!n->quoted && yaml_bool(n, &b))
		*out = cel_bool(b);
	else
		*out = cel_string(arena_copy(&f->rules->arena, n->text));
	return true;
}

/* A parameter would hide what rules name: refused. */
static bool is_taken(struct slice name)
{
	static const char *const words[] = {"number", "account", "trunk", "country", "region", "labels", "call", "true",
					    "false",  "null",    "in",    "int",     "uint",   "double", "bool", "string"};
	enum feature feature;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (slice_is(name, words[i]))
			return true;
	return feature_find(name, &feature);
}

static void read_params(struct file *f, const struct yaml_node *map)
{
	struct rule *r = f->rule;
	if (yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP || map->count > PARAMS_MAX) {
		problem(f, map->line, map->column, "params: a map of at most %d names and values is expected, like {T: 40}", PARAMS_MAX);
		return;
	}
	struct expr_name *params = arena_alloc(&f->rules->arena, (map->count + 1) * sizeof *params);
	for (const struct yaml_node *n = map->first; n; n = n->next) {
		struct expr_name *p = &params[r->param_cnt];
		if (!identifier(n->key) || n->key.len > RULE_NAME_MAX)
			problem(f, n->key_line, n->key_column,
				"params: \"%.120s\" is not a name of letters, digits and '_', at most %d bytes", n->key.p, RULE_NAME_MAX);
		else if (is_taken(n->key))
			problem(f, n->key_line, n->key_column, "params: %s means something else in expressions; choose another name",
				n->key.p);
		else if (!param_value(f, n, &p->value))
			problem(f, n->line, n->column, "params: %s is a number, true, false or a text", n->key.p);
		else {
			p->name = arena_copy(&f->rules->arena, n->key);
			r->param_cnt++;
		}
	}
	r->params = params;
}

static void read_for(struct file *f, const struct yaml_node *n)
{
	read_duration(f, n, 0, WINDOW_MAX_MS, &f->rule->for_ms);
}

static void read_keep(struct file *f, const struct yaml_node *n)
{
	read_duration(f, n, 0, WINDOW_MAX_MS, &f->rule->keep_ms);
}

static void read_min_interval(struct file *f, const struct yaml_node *n)
{
	read_duration(f, n, SECOND_MS, WINDOW_MAX_MS, &f->rule->min_interval_ms);
}

static void read_labels(struct file *f, const struct yaml_node *n)
{
	read_pairs(f, n, LABEL_BYTES_MAX, &f->labels);
}

static void read_annotations(struct file *f, const struct yaml_node *n)
{
	read_pairs(f, n, TEXT_BYTES_MAX, &f->annotations);
}

static void read_action(struct file *f, const struct yaml_node *n)
{
	static const char *const words[] = {[ACTION_ALERT] = "alert", [ACTION_FLAG] = "flag", [ACTION_QUARANTINE] = "quarantine"};
	int i = read_word(f, n, words, 3, "alert, flag, quarantine");
	if (i >= 0)
		f->rule->action = (enum rule_action)i;
}

static void read_mode(struct file *f, const struct yaml_node *n)
{
	static const char *const words[] = {"enforce", "shadow"};
	f->rule->shadow = read_word(f, n, words, 2, "enforce, shadow") == 1;
}

static void read_source(struct file *f, const struct yaml_node *n)
{
	(void)read_text(f, n, TEXT_BYTES_MAX, &f->rule->source);
}

static const struct file_key rule_keys[] = {
	{"alert", read_alert},   {"expr", read_expr},
	{"for", read_for},       {"keep_firing_for", read_keep},
	{"labels", read_labels}, {"annotations", read_annotations},
	{"action", read_action}, {"mode", read_mode},
	{"source", read_source}, {"min_interval", read_min_interval},
	{"cohort", NULL},        {"params", read_params},
	{"ladder", NULL},        {"when", NULL},
	{"exempt", NULL},
};

/* Of name, cohort kind and labels. Part of the records and of event ids: it never changes. */
static uint64_t fingerprint(const struct rule *r)
{
	struct buf b = {0};
	buf_put_slice(&b, r->name);
	buf_put_slice(&b, SLICE_LIT("")); /* the cohort kind: a number */
	for (uint32_t i = 0; i < r->label_cnt; i++) {
		buf_put_slice(&b, r->labels[i].name);
		buf_put_slice(&b, r->labels[i].value);
	}
	uint64_t h = hash64(b.data, b.len, 0);
	buf_release(&b);
	return h;
}

static void check_twin(struct file *f, const struct rule *rule, int line, int column)
{
	for (const struct rule *other = f->rules->rules; other < rule; other++)
		if (other->fingerprint == rule->fingerprint && slice_eq(other->name, rule->name)) {
			problem(f, line, column, "alert: %s with the same labels stands already at %s:%d: change the name or a label",
				rule->name.p, other->file, other->line);
			return;
		}
}

static void finish_rule(struct file *f, const struct yaml_node *n)
{
	struct rule *r = f->rule;
	r->severity = SLICE_LIT("warning");
	r->labels = keep_pairs(f, &f->labels);
	r->label_cnt = f->labels.cnt;
	r->annotations = keep_pairs(f, &f->annotations);
	r->annotation_cnt = f->annotations.cnt;
	for (uint32_t i = 0; i < r->label_cnt; i++)
		if (slice_is(r->labels[i].name, "severity"))
			r->severity = r->labels[i].value;
	if (r->severity.len > RULE_SEVERITY_MAX)
		problem(f, n->line, n->column, "labels: the severity is longer than %d bytes", RULE_SEVERITY_MAX);
	if (!f->alert)
		problem(f, n->line, n->column, "a rule needs the key alert");
	if (!f->expr)
		problem(f, n->line, n->column, "a rule needs the key expr");
	else if (r->expr.p)
		compile(f, f->expr);
	r->fingerprint = fingerprint(r);
	if (f->alert && r->name.p)
		check_twin(f, r, f->alert->line, f->alert->column);
}

static void read_rule(struct file *f, const struct yaml_node *n)
{
	if (n->kind != YAML_MAP) {
		problem(f, n->line, n->column, "a rule is a map with the keys alert and expr");
		return;
	}
	if (f->rules->cnt == RULES_MAX) {
		problem(f, n->line, n->column, "more than %d rules", RULES_MAX);
		return;
	}
	f->rule = rules_add(f->rules);
	*f->rule = (struct rule){
		.group = f->group, .interval_ms = f->interval_ms, .min_interval_ms = MIN_INTERVAL_MS, .file = f->name, .line = n->line};
	f->labels = f->group_labels;
	f->annotations.cnt = 0;
	f->alert = f->expr = NULL;
	read_map(f, n, rule_keys, sizeof rule_keys / sizeof rule_keys[0], "a rule");
	finish_rule(f, n);
}

/* ---- a group ---- */

static void read_name(struct file *f, const struct yaml_node *n)
{
	(void)read_text(f, n, RULE_NAME_MAX, &f->group);
}

static void read_interval(struct file *f, const struct yaml_node *n)
{
	read_duration(f, n, SECOND_MS, DAY_MS, &f->interval_ms);
}

static void read_limit(struct file *f, const struct yaml_node *n)
{
	int64_t limit;
	if (!yaml_int(n, &limit) || limit < 0)
		problem(f, n->line, n->column, "limit: a whole number is expected");
	else if (limit > 0)
		problem(f, n->line, n->column, "limit: not supported yet, but for 0 (none)");
}

static void read_group_labels(struct file *f, const struct yaml_node *n)
{
	read_pairs(f, n, LABEL_BYTES_MAX, &f->group_labels);
}

/* Read last: the group's other keys hold for its rules wherever they stand. */
static void read_rules(struct file *f, const struct yaml_node *n)
{
	if (n->kind == YAML_LIST)
		f->rule_list = n;
	else if (!yaml_is_null(n))
		problem(f, n->line, n->column, "rules: a list of rules is expected");
}

static const struct file_key group_keys[] = {
	{"name", read_name}, {"interval", read_interval}, {"limit", read_limit}, {"labels", read_group_labels}, {"rules", read_rules},
};

/* The names of the groups before `n` in its list. */
static void check_group_name(struct file *f, const struct yaml_node *first, const struct yaml_node *n)
{
	const struct yaml_node *name = yaml_get(n, "name");
	if (!name) {
		problem(f, n->line, n->column, "a group needs the key name");
		return;
	}
	for (const struct yaml_node *o = first; o != n; o = o->next) {
		const struct yaml_node *other = yaml_get(o, "name");
		if (other && other->text.p && slice_eq(other->text, name->text)) {
			problem(f, name->line, name->column, "name: the group \"%.120s\" stands already in line %d", name->text.p,
				other->line);
			return;
		}
	}
}

static void read_group(struct file *f, const struct yaml_node *first, const struct yaml_node *n)
{
	if (n->kind != YAML_MAP) {
		problem(f, n->line, n->column, "a group is a map with the keys name and rules");
		return;
	}
	f->group = SLICE_NONE;
	f->rule_list = NULL;
	f->interval_ms = INTERVAL_MS;
	f->group_labels.cnt = 0;
	check_group_name(f, first, n);
	read_map(f, n, group_keys, sizeof group_keys / sizeof group_keys[0], "a group");
	for (const struct yaml_node *r = f->rule_list ? f->rule_list->first : NULL; r; r = r->next)
		read_rule(f, r);
}

static void read_groups(struct file *f, const struct yaml_node *n)
{
	if (n->kind != YAML_LIST && !yaml_is_null(n))
		problem(f, n->line, n->column, "groups: a list of groups is expected");
	else if (n->count > GROUPS_MAX)
		problem(f, n->line, n->column, "groups: more than %d", GROUPS_MAX);
	else
		for (const struct yaml_node *g = n->first; g; g = g->next)
			read_group(f, n->first, g);
}

static const struct file_key file_keys[] = {{"groups", read_groups}};

enum err rule_file_read(struct rules *r, struct slice text, const char *name, struct buf *problems)
{
	struct file *f = mem_zalloc(sizeof *f);
	struct arena a;
	struct yaml_node *root;
	struct err_text why;
	f->rules = r;
	f->text = text;
	f->name = arena_copy(&r->arena, slice_of(name)).p;
	f->problems = problems;
	arena_init(&a, 64 << 10);
	if (yaml_parse(text, name, &a, &root, &why)) {
		buf_printf(problems, "%s\n", why.text);
		f->failed = true;
	} else if (root->kind != YAML_MAP) {
		problem(f, root->line, root->column, "a rule file is a map with the key groups");
	} else {
		read_map(f, root, file_keys, sizeof file_keys / sizeof file_keys[0], "a rule file");
	}
	enum err e = f->failed ? ERR_CONFIG : ERR_OK;
	arena_release(&a);
	free(f);
	return e;
}
