/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a rule: a table row and a function each. A row without a function is a key that a later part brings, refused by name. */
#include "rules/rule_file.h"
#include "rules/rule_schema.h"

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

static void read_label_map(struct file *f, const struct yaml_node *n)
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
	f->action = n;
	if (i >= 0)
		f->rule->action = (enum rule_action)i;
}

static void read_cohort(struct file *f, const struct yaml_node *n)
{
	static const char *const words[] = {"account", "trunk", "block"};
	int i = read_word(f, n, words, 3, "account, trunk, block");
	f->kind_unknown = i < 0;
	if (i >= 0)
		f->rule->kind = (enum subject_kind)(SUBJECT_ACCOUNT + i);
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
	{"alert", read_alert, "\"type\":\"string\",\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\",\"maxLength\":" STR(RULE_NAME_MAX),
	 "Name of the rule, in every event about it. With the labels it tells alerts apart."},
	{"expr", read_expr, "\"type\":[\"string\",\"boolean\"],\"maxLength\":" STR(EXPR_BYTES_MAX),
	 "The condition, in CEL: calls[\"1h\"] > 40 && callee_ratio[\"1h\"] >= 0.5"},
	{"for", read_for, DURATION, "How long the condition has to hold before the alert is raised. 0s."},
	{"keep_firing_for", read_keep, DURATION, "How long an alert goes on after its condition became false. 0s."},
	{"labels", read_label_map, MAP_OF(LABELS_MAX, SCALAR ",\"maxLength\":" STR(LABEL_BYTES_MAX)),
	 "Labels of the alert, over those of the group. severity: warning if there is none."},
	{"annotations", read_annotations, MAP_OF(LABELS_MAX, SCALAR ",\"maxLength\":" STR(TEXT_BYTES_MAX)),
	 "Texts for people. Templates: {{ $number }}, {{ $value }}, {{ $labels.team }}, {{ $params.T }}, {{ $figures `calls[\"1h\"]` }}."},
	{"action", read_action, "\"enum\":[\"alert\",\"flag\",\"quarantine\"]", "What happens when the alert is raised. alert."},
	{"mode", read_mode, "\"enum\":[\"enforce\",\"shadow\"]", "shadow says the same events, marked, and changes no phase. enforce."},
	{"source", read_source, SCALAR ",\"maxLength\":" STR(TEXT_BYTES_MAX), "The public document that the threshold comes from."},
	{"min_interval", read_min_interval, DURATION, "Between repeats of alert.firing. 4h."},
	{"cohort", read_cohort, "\"enum\":[\"account\",\"trunk\",\"block\"]",
	 "The rule is evaluated over accounts, trunks or thousand-number blocks in place of numbers. action: alert alone."},
	{"params", read_params, MAP_OF(PARAMS_MAX, SCALAR), "Names for expr: numbers, true, false, texts."},
	{"ladder", read_ladder, MAP_OF(LADDERS_MAX, "\"uniqueItems\":true," LIST_OF(LADDER_STEPS_MAX, "\"type\":[\"number\",\"string\"]")),
	 "Steps of parameters, for calibrate. A parameter that params does not give has its first step."},
	{"when", read_when, "\"$ref\":\"#/$defs/when\"", "The rule is true at these times only."},
	{"exempt", read_exempt,
	 "\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":" STR(LIST_ENTRY_MAX) ",\"pattern\":\"^([+][1-9][0-9]{1,14}|"
												"account:.+|list:.+)$\"}",
	 "The rule is not true of these: numbers, account:NAME, list:NAME."},
};
const size_t rule_key_cnt = sizeof rule_keys / sizeof rule_keys[0];
