/* SPDX-License-Identifier: Apache-2.0 */
/* Rule files: YAML in the shape of Prometheus alerting rules becomes rules.
 *
 * DESIGN. One table row per key of a group and of a rule: its name and the function that reads its value; a row without one is a key that a later
 * part brings, refused by name. Every problem of a file is reported with its place, not only the first; a set with a problem is thrown away
 * whole. YAML itself is strict already (base/yaml.c): no key twice, no aliases.
 *
 * GUARANTEES. What passes is evaluated without another check: expressions are conditions over known features, times are in range, names fit into
 * the record. No two rules of a set share a fingerprint, for it is the key of their alerts. */
#include "rules/rule_file.h"
#include "rules/rule_schema.h"

#include "base/hash.h"
#include "rules/template.h"

#include <stdlib.h>

#define INTERVAL_MS (5 * MINUTE_MS)
#define MIN_INTERVAL_MS (4 * HOUR_MS)
#define GROUPS_MAX 1000

/* ---- a rule ---- */

/* When the whole rule is read: it may name labels and parameters, wherever they stand. */
static bool compile(struct file *f, const struct yaml_node *n)
{
	struct rule *r = f->rule;
	const struct rule_text with = {.params = r->params,
				       .param_cnt = r->param_cnt,
				       .at = place_of_scalar(f, n),
				       .slots = &f->rules->slots[r->kind],
				       .arena = &f->rules->arena};
	if (rule_compile(f->rules, r, &with, &r->program, f->problems)) {
		f->failed = true;
		return false;
	}
	if (r->program.type == CEL_BOOL)
		return true;
	int line, column;
	place_find(&with.at, r->expr.p, r->expr.p, &line, &column);
	file_problem(f, line, column, "expr: a condition is expected, not %s %s", r->program.type == CEL_INT ? "an" : "a",
		     cel_type_name(r->program.type));
	return false;
}

/* Of name, cohort kind and labels. Part of the records and of event ids: it never changes. */
static uint64_t fingerprint(const struct rule *r)
{
	struct buf b = {0};
	buf_put_slice(&b, r->name);
	buf_put_slice(&b, r->kind == SUBJECT_NUMBER ? SLICE_LIT("") : slice_of(subject_kind_name(r->kind)));
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
			file_problem(f, line, column, "alert: %s with the same labels stands already at %s:%d: change the name or a label",
				     rule->name.p, other->file, other->line);
			return;
		}
}

/* The annotations, once all that they may name is there. */
static void read_templates(struct file *f)
{
	struct rule *r = f->rule;
	struct template_problem problem;
	struct template *all = arena_alloc(&f->rules->arena, (r->annotation_cnt + 1) * sizeof *all);
	r->templates = all;
	for (uint32_t i = 0; i < r->annotation_cnt; i++) {
		struct slice text = r->annotations[i].value;
		if (template_parse(text, r, &f->rules->arena, &all[i], &problem))
			continue;
		int line, column;
		struct place at = place_of_scalar(f, yaml_get(f->annotation_map, r->annotations[i].name.p));
		place_find(&at, text.p, problem.at, &line, &column);
		file_problem(f, line, column, "annotations: %s: %s", r->annotations[i].name.p, problem.text);
	}
}

/* A cohort has no phase and no flags: its numbers are named in an advisory, and whoever reads it decides. */
static void check_cohort(struct file *f)
{
	static const char *const words[] = {[ACTION_ALERT] = "alert", [ACTION_FLAG] = "flag", [ACTION_QUARANTINE] = "quarantine"};
	const struct rule *r = f->rule;
	if (r->kind == SUBJECT_NUMBER)
		return;
	if (r->action != ACTION_ALERT)
		file_problem(f, f->action->line, f->action->column,
			     "action: a rule on %s may not %s: it alerts, and its numbers are named in an advisory",
			     subject_kind_plural(r->kind), words[r->action]);
	check_gates(f);
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
		file_problem(f, n->line, n->column, "labels: the severity is longer than %d bytes", RULE_SEVERITY_MAX);
	if (!f->alert)
		file_problem(f, n->line, n->column, "a rule needs the key alert");
	if (!f->expr)
		file_problem(f, n->line, n->column, "a rule needs the key expr");
	check_cohort(f);
	finish_params(f);
	if (f->expr && r->expr.p && !f->kind_unknown && compile(f, f->expr)) {
		check_ladder(f);
		read_templates(f);
	}
	r->fingerprint = fingerprint(r);
	if (f->alert && r->name.p)
		check_twin(f, r, f->alert->line, f->alert->column);
}

static void read_rule(struct file *f, const struct yaml_node *n)
{
	if (n->kind != YAML_MAP) {
		file_problem(f, n->line, n->column, "a rule is a map with the keys alert and expr");
		return;
	}
	if (f->rules->cnt == RULES_MAX) {
		file_problem(f, n->line, n->column, "more than %d rules", RULES_MAX);
		return;
	}
	f->rule = rules_add(f->rules);
	*f->rule = (struct rule){.group = f->group,
				 .interval_ms = f->interval_ms,
				 .limit = f->limit,
				 .min_interval_ms = MIN_INTERVAL_MS,
				 .file = f->name,
				 .line = n->line,
				 .column = n->column};
	if (f->limit && f->rules->limited_cnt++ == RULES_LIMITED_MAX)
		file_problem(f, n->line, n->column, "limit: more than %d rules have one", RULES_LIMITED_MAX);
	f->labels = f->group_labels;
	f->annotations.cnt = 0;
	f->rule_failed = false;
	f->kind_unknown = false;
	f->alert = f->expr = f->ladder = f->annotation_map = f->action = f->zone = f->exempt = NULL;
	read_map(f, n, rule_keys, rule_key_cnt, "a rule");
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
	if (!yaml_int(n, &limit) || limit < 0 || limit > LIMIT_MAX)
		file_problem(f, n->line, n->column, "limit: a whole number is expected, 0 (none) to %d", LIMIT_MAX);
	else
		f->limit = (uint32_t)limit;
}

static void read_group_labels(struct file *f, const struct yaml_node *n)
{
	read_label_pairs(f, n, &f->group_labels);
}

/* Read last: the group's other keys hold for its rules wherever they stand. */
static void read_rules(struct file *f, const struct yaml_node *n)
{
	if (n->kind == YAML_LIST)
		f->rule_list = n;
	else if (!yaml_is_null(n))
		file_problem(f, n->line, n->column, "rules: a list of rules is expected");
}

const struct file_key group_keys[] = {
	{"name", read_name, SCALAR ",\"maxLength\":" STR(RULE_NAME_MAX), "Name of the group, unique in the file."},
	{"interval", read_interval, DURATION, "Between evaluations by timer of what is pending or firing: 1s to 1d. 5m."},
	{"limit", read_limit, "\"type\":\"integer\",\"minimum\":0,\"maximum\":" STR(LIMIT_MAX),
	 "Alerts that each rule may newly raise in one interval, per shard; the rest stays pending. 0: any number."},
	{"labels", read_group_labels, MAP_OF(LABELS_MAX, SCALAR ",\"maxLength\":" STR(LABEL_BYTES_MAX)), "Labels of all its rules."},
	{"rules", read_rules, "\"type\":[\"array\",\"null\"],\"items\":{\"$ref\":\"#/$defs/rule\"}",
	 "Its rules, in the order of their events."},
};
const size_t group_key_cnt = sizeof group_keys / sizeof group_keys[0];

/* The names of the groups before `n` in its list. */
static void check_group_name(struct file *f, const struct yaml_node *first, const struct yaml_node *n)
{
	const struct yaml_node *name = yaml_get(n, "name");
	if (!name) {
		file_problem(f, n->line, n->column, "a group needs the key name");
		return;
	}
	for (const struct yaml_node *o = first; o != n; o = o->next) {
		const struct yaml_node *other = yaml_get(o, "name");
		if (other && other->text.p && slice_eq(other->text, name->text)) {
			file_problem(f, name->line, name->column, "name: the group \"%.120s\" stands already in line %d", name->text.p,
				     other->line);
			return;
		}
	}
}

static void read_group(struct file *f, const struct yaml_node *first, const struct yaml_node *n)
{
	if (n->kind != YAML_MAP) {
		file_problem(f, n->line, n->column, "a group is a map with the keys name and rules");
		return;
	}
	f->group = SLICE_NONE;
	f->rule_list = NULL;
	f->interval_ms = INTERVAL_MS;
	f->limit = 0;
	f->group_labels.cnt = 0;
	check_group_name(f, first, n);
	read_map(f, n, group_keys, group_key_cnt, "a group");
	for (const struct yaml_node *r = f->rule_list ? f->rule_list->first : NULL; r; r = r->next)
		read_rule(f, r);
}

static void read_groups(struct file *f, const struct yaml_node *n)
{
	if (n->kind != YAML_LIST && !yaml_is_null(n))
		file_problem(f, n->line, n->column, "groups: a list of groups is expected");
	else if (n->count > GROUPS_MAX)
		file_problem(f, n->line, n->column, "groups: more than %d", GROUPS_MAX);
	else
		for (const struct yaml_node *g = n->first; g; g = g->next)
			read_group(f, n->first, g);
}

const struct file_key file_keys[] = {
	{"groups", read_groups, "\"type\":[\"array\",\"null\"],\"maxItems\":" STR(GROUPS_MAX) ",\"items\":{\"$ref\":\"#/$defs/group\"}",
	 "Groups of rules."}};
const size_t file_key_cnt = sizeof file_keys / sizeof file_keys[0];

enum err rule_file_read(struct rules *r, struct slice text, const char *name, struct buf *problems)
{
	struct file *f = mem_zalloc(sizeof *f);
	struct arena a;
	struct yaml_node *root;
	struct err_text why;
	f->rules = r;
	f->text = arena_copy(&r->arena, text); /* kept: the places of expressions point into it */
	f->name = arena_copy(&r->arena, slice_of(name)).p;
	f->problems = problems;
	arena_init(&a, 64 << 10);
	if (yaml_parse(text, name, &a, &root, &why)) {
		buf_printf(problems, "%s\n", why.text);
		f->failed = true;
	} else if (root->kind != YAML_MAP) {
		file_problem(f, root->line, root->column, "a rule file is a map with the key groups");
	} else {
		read_map(f, root, file_keys, file_key_cnt, "a rule file");
	}
	enum err e = f->failed ? ERR_CONFIG : ERR_OK;
	arena_release(&a);
	free(f);
	return e;
}
