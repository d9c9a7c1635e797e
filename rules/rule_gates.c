/* SPDX-License-Identifier: Apache-2.0 */
/* `when` and `exempt`: what has to hold besides the condition. Asked only when that is true, which is seldom, so neither costs the hot path anything. */
#include "rules/rule_file.h"
#include "rules/rule_schema.h"

#include <stdio.h>

/* ---- when ---- */

static void wrong(struct file *f, const struct yaml_node *n, const char *what)
{
	file_problem(f, n->line, n->column, "%s: %s", n->key.p ? n->key.p : "when", what);
}

/* Calls `read` for a text, or for each of a list of texts. */
static void each_text(struct file *f, const struct yaml_node *n, const char *what, void (*read)(struct file *f, const struct yaml_node *n))
{
	if (n->kind == YAML_LIST ? n->count == 0 : n->kind == YAML_MAP || yaml_is_null(n)) {
		wrong(f, n, what);
		return;
	}
	for (const struct yaml_node *c = n->kind == YAML_LIST ? n->first : n; c; c = n->kind == YAML_LIST ? c->next : NULL)
		if (c->kind == YAML_SCALAR)
			read(f, c);
		else
			file_problem(f, c->line, c->column, "%s: %s", n->key.p, what);
}

#define DAYS_WANTED "days of the week are expected, like [mon-fri, sun]"
#define HOURS_WANTED "hours are expected, like 08:00-21:00 or 21:00-08:00"

static void read_day(struct file *f, const struct yaml_node *n)
{
	if (!calendar_parse_days(n->text, &f->when.days))
		file_problem(f, n->line, n->column, "days: " DAYS_WANTED);
}

static void read_days(struct file *f, const struct yaml_node *n)
{
	each_text(f, n, DAYS_WANTED, read_day);
}

static void read_span(struct file *f, const struct yaml_node *n)
{
	if (f->when.span_cnt == CALENDAR_HOURS_MAX)
		file_problem(f, n->line, n->column, "hours: more than %d spans", CALENDAR_HOURS_MAX);
	else if (!calendar_parse_hours(n->text, &f->when.hours[f->when.span_cnt]))
		file_problem(f, n->line, n->column, "hours: " HOURS_WANTED);
	else
		f->when.span_cnt++;
}

static void read_hours(struct file *f, const struct yaml_node *n)
{
	each_text(f, n, HOURS_WANTED, read_span);
}

static void read_zone(struct file *f, const struct yaml_node *n)
{
	const struct rules_world *world = rules_world();
	f->zone = n;
	if (n->kind == YAML_SCALAR && slice_is(n->text, "number")) {
		f->when.own_zone = true;
	} else if (n->kind == YAML_SCALAR && !slice_is(n->text, "UTC")) {
		f->when.zone = world ? world->zone_find(n->text) : 0;
		if (f->when.zone == 0)
			file_problem(f, n->line, n->column,
				     "zone: \"%.120s\" is not a zone of the tz database, like Europe/Amsterdam, nor number", n->text.p);
	} else if (n->kind != YAML_SCALAR) {
		wrong(f, n, "a zone is expected, like Europe/Amsterdam, UTC, or number");
	}
}

#define DAY "(sun|mon|tue|wed|thu|fri|sat)"
#define HOUR "([01][0-9]|2[0-3]):[0-5][0-9]"

const struct file_key when_keys[] = {
	{"days", read_days, ONE_OR_LIST(64, "\"type\":\"string\",\"pattern\":\"^" DAY "(-" DAY ")?$\""),
	 "Days of the week: mon, mon-fri, [sat, sun]. Every day."},
	{"hours", read_hours, ONE_OR_LIST(CALENDAR_HOURS_MAX, "\"type\":\"string\",\"pattern\":\"^" HOUR "-(" HOUR "|24:00)$\""),
	 "Spans of the day, the end not in it: 08:00-21:00, or 21:00-08:00 over midnight. The whole day."},
	{"zone", read_zone, "\"type\":\"string\",\"minLength\":1", "A name of the tz database, UTC, or number: the number's own. UTC."},
};
const size_t when_key_cnt = sizeof when_keys / sizeof when_keys[0];

void read_when(struct file *f, const struct yaml_node *n)
{
	if (n->kind != YAML_MAP || n->count == 0) {
		file_problem(f, n->line, n->column, "when: a map is expected, like {days: [mon-fri], hours: 08:00-21:00, zone: number}");
		return;
	}
	f->when = (struct calendar){0};
	read_map(f, n, when_keys, when_key_cnt, "when");
	if (!yaml_get(n, "days") && !yaml_get(n, "hours"))
		file_problem(f, n->line, n->column, "when: days or hours are missing");
	if (!yaml_get(n, "days"))
		f->when.days = 0x7f;
	struct calendar *kept = arena_alloc(&f->rules->arena, sizeof *kept);
	*kept = f->when;
	f->rule->when = kept;
}

/* ---- exempt ---- */

#define LIST_PREFIX "list:"

static const struct list *list_of(struct file *f, const struct yaml_node *n)
{
	const char *names[LISTS_MAX], *near;
	struct slice name = slice_make(n->text.p + sizeof LIST_PREFIX - 1, n->text.len - (sizeof LIST_PREFIX - 1));
	const struct rules *r = f->rules;
	for (uint32_t i = 0; i < r->list_cnt; i++) {
		names[i] = r->lists[i].name.p;
		if (!slice_eq(r->lists[i].name, name))
			continue;
		if (!r->lists[i].odd_line)
			return &r->lists[i];
		file_problem(f, n->line, n->column, "exempt: the list %s has a line that is neither a number nor an account: %s:%d",
			     names[i], r->lists[i].file, r->lists[i].odd_line);
		return NULL;
	}
	near = nearest_name(name, names, r->list_cnt);
	file_problem(f, n->line, n->column, "exempt: there is no list \"%.120s\"%s%s%s%s", name.p,
		     r->list_cnt ? "" : ": no lists are given to this rule set", near ? "; did you mean " : "", near ? near : "",
		     near ? "?" : "");
	return NULL;
}

static bool is_list(struct slice s)
{
	return s.len > sizeof LIST_PREFIX - 1 && memcmp(s.p, LIST_PREFIX, sizeof LIST_PREFIX - 1) == 0;
}

/* The texts of one set stand one behind the other. */
static struct slice put_text(char *base, uint32_t *at, struct slice text)
{
	memcpy(base + *at, text.p, text.len);
	*at += text.len;
	return slice_make(base + *at - text.len, text.len);
}

void read_exempt(struct file *f, const struct yaml_node *list)
{
	struct arena *a = &f->rules->arena;
	uint32_t bytes = 1, at = 0;
	f->exempt = list;
	if (list->kind != YAML_LIST) {
		file_problem(f, list->line, list->column,
			     "exempt: a list is expected, like [\"+15551230000\", \"account:acme\", \"list:allow\"]");
		return;
	}
	for (const struct yaml_node *n = list->first; n; n = n->next)
		bytes += n->text.len;
	struct exempt *e = arena_alloc(a, sizeof *e);
	char *base = arena_alloc(a, bytes);
	const struct list **lists = arena_alloc(a, (list->count + 1) * sizeof(struct list *));
	*e = (struct exempt){.lists = lists};
	text_set_init(&e->own, base, list->count, a);
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		const struct list *l;
		bool text = n->kind == YAML_SCALAR && n->text.len <= LIST_ENTRY_MAX;
		if (text && (list_is_number(n->text) || list_is_account(n->text)))
			text_set_add(&e->own, put_text(base, &at, n->text));
		else if (text && is_list(n->text) && (l = list_of(f, n)))
			lists[e->list_cnt++] = l;
		else if (!text || !is_list(n->text))
			file_problem(f, n->line, n->column,
				     "exempt: \"%.120s\" is none of a number (+15551230000), account:NAME, list:NAME",
				     n->kind == YAML_SCALAR ? n->text.p : "");
	}
	f->rule->exempt = e;
}

/* ---- of a rule on cohorts ---- */

/* What a cohort does not have is refused: it would hold never, or always. */
void check_gates(struct file *f)
{
	const struct rule *r = f->rule;
	const char *whom = subject_kind_plural(r->kind);
	if (r->when && r->when->own_zone && (r->kind == SUBJECT_ACCOUNT || r->kind == SUBJECT_TRUNK))
		file_problem(f, f->zone->line, f->zone->column, "zone: %s have no zone of their own", whom);
	if (r->kind == SUBJECT_NUMBER || !f->exempt || f->exempt->kind != YAML_LIST)
		return;
	if (r->kind != SUBJECT_ACCOUNT) {
		file_problem(
			f, f->exempt->line, f->exempt->column,
			"exempt: it names numbers and accounts, and the rule is on %s: leave them out in expr, with in_list() or !=", whom);
		return;
	}
	for (const struct yaml_node *n = f->exempt->first; n; n = n->next)
		if (n->kind == YAML_SCALAR && list_is_number(n->text))
			file_problem(f, n->line, n->column, "exempt: \"%.120s\" is a number, and the rule is on accounts", n->text.p);
}
