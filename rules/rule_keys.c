/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a rule: a table row and a function each. A row without a function is a key that a later part brings, refused by name. */
#include "rules/rule_file.h"

static void read_alert(struct file *f, const struct yaml_node *n)
{
	f->alert = n;
	if (read_text(f, n, RULE_NAME_MAX, &f->rule->name) && !identifier(f->rule->name))
		file_problem(f, n->line, n->column, "alert: \"%s\" is not a name of letters, digits and '_' that begins with a letter",
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

static void read_expr(struct file *f, const struct yaml_node *n)
{
	struct slice text = SLICE_NONE;
	f->expr = n;
	if (read_text(f, n, EXPR_BYTES_MAX, &text))
		f->rule->expr = trimmed(text);
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
	read_label_pairs(f, n, &f->labels);
}

static void read_annotations(struct file *f, const struct yaml_node *n)
{
	f->annotation_map = n;
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

const struct file_key rule_keys[] = {
	{"alert", read_alert},   {"expr", read_expr},
	{"for", read_for},       {"keep_firing_for", read_keep},
	{"labels", read_labels}, {"annotations", read_annotations},
	{"action", read_action}, {"mode", read_mode},
	{"source", read_source}, {"min_interval", read_min_interval},
	{"cohort", NULL},        {"params", read_params},
	{"ladder", read_ladder}, {"when", read_when},
	{"exempt", read_exempt},
};
const size_t rule_key_cnt = sizeof rule_keys / sizeof rule_keys[0];
