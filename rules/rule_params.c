/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a rule and their ladder.
 *
 * DESIGN. `params: {T: 40}` gives what `expr` calls T its value. `ladder: {T: [10, 20, 40, 80]}` gives T steps: what calibrate tries. The value in force
 * is that of `params`, which need not be one of the steps; without one, it is the first step. A ladder changes nothing in how the rule runs, nor its
 * fingerprint.
 *
 * GUARANTEES. The expression compiles to a condition at every step (each ladder by itself, the other parameters as in force), so that calibrate meets no
 * mistake half-way; and it does name the parameter. */
#include "rules/rule_file.h"

#include <stdlib.h>

/* ---- params ---- */

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
	static const char *const words[] = {"number", "account", "trunk", "country", "region", "block",  "labels", "call",  "true",
					    "false",  "null",    "in",    "int",     "uint",   "double", "bool",   "string"};
	enum feature feature;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (slice_is(name, words[i]))
			return true;
	return feature_find(name, &feature);
}

/* A name for a parameter, or what is wrong with it. */
static bool read_name(struct file *f, const struct yaml_node *n, const char *key)
{
	if (!identifier(n->key) || n->key.len > RULE_NAME_MAX)
		file_problem(f, n->key_line, n->key_column, "%s: \"%.120s\" is not a name of letters, digits and '_', at most %d bytes",
			     key, n->key.p, RULE_NAME_MAX);
	else if (is_taken(n->key))
		file_problem(f, n->key_line, n->key_column, "%s: %s means something else in expressions; choose another name", key,
			     n->key.p);
	else
		return true;
	return false;
}

void read_params(struct file *f, const struct yaml_node *map)
{
	struct rule *r = f->rule;
	if (yaml_is_null(map))
		return;
	if (map->kind != YAML_MAP || map->count > PARAMS_MAX) {
		file_problem(f, map->line, map->column, "params: a map of at most %d names and values is expected, like {T: 40}",
			     PARAMS_MAX);
		return;
	}
	for (const struct yaml_node *n = map->first; n; n = n->next) {
		struct expr_name *p = &f->params[r->param_cnt];
		if (!read_name(f, n, "params"))
			continue;
		if (!param_value(f, n, &p->value)) {
			file_problem(f, n->line, n->column, "params: %s is a number, true, false or a text", n->key.p);
			continue;
		}
		p->name = arena_copy(&f->rules->arena, n->key);
		r->param_cnt++;
	}
}

/* ---- the ladder ---- */

void read_ladder(struct file *f, const struct yaml_node *n)
{
	f->ladder = n;
}

/* Numbers, or texts. */
static bool same_kind(struct cel a, struct cel b)
{
	return a.type == b.type || (cel_numeric(a.type) && cel_numeric(b.type));
}

static bool is_step(const struct ladder *l, struct cel v)
{
	int64_t budget = INT32_MAX;
	for (uint32_t i = 0; i < l->step_cnt; i++)
		if (cel_equal(l->steps[i], v, &budget))
			return true;
	return false;
}

static void read_steps(struct file *f, const struct yaml_node *list, struct ladder *l)
{
	struct cel *steps = arena_alloc(&f->rules->arena, (list->count + 1) * sizeof *steps);
	l->steps = steps;
	for (const struct yaml_node *n = list->first; n; n = n->next) {
		struct cel v;
		if (!param_value(f, n, &v) || v.type == CEL_BOOL)
			file_problem(f, n->line, n->column, "ladder: a step of %s is a number or a text", list->key.p);
		else if (l->step_cnt && !same_kind(v, steps[0]))
			file_problem(f, n->line, n->column, "ladder: the steps of %s are all numbers or all texts", list->key.p);
		else if (is_step(l, v))
			file_problem(f, n->line, n->column, "ladder: %s has the step %.120s twice", list->key.p, n->text.p);
		else
			steps[l->step_cnt++] = v;
	}
}

/* The parameter of this name; with the first step as its value if it is new. */
static void find_param(struct file *f, const struct yaml_node *n, struct ladder *l)
{
	struct rule *r = f->rule;
	while (l->param < r->param_cnt && !slice_eq(f->params[l->param].name, n->key))
		l->param++;
	struct expr_name *p = &f->params[l->param];
	if (l->param == PARAMS_MAX)
		file_problem(f, n->key_line, n->key_column, "ladder: more than %d parameters", PARAMS_MAX);
	else if (l->param == r->param_cnt)
		f->params[r->param_cnt++] = (struct expr_name){arena_copy(&f->rules->arena, n->key), l->steps[0]};
	else if (!same_kind(p->value, l->steps[0]))
		file_problem(f, n->line, n->column, "ladder: the steps of %s are not of the kind of its value in params", n->key.p);
}

static void read_one_ladder(struct file *f, const struct yaml_node *n)
{
	struct rule *r = f->rule;
	struct ladder *l = &r->ladders[r->ladder_cnt];
	*l = (struct ladder){0};
	if (!read_name(f, n, "ladder"))
		return;
	if (n->kind != YAML_LIST || n->count == 0 || n->count > LADDER_STEPS_MAX) {
		file_problem(f, n->line, n->column, "ladder: %s: a list of 1 to %d steps is expected, like [10, 20, 40]", n->key.p,
			     LADDER_STEPS_MAX);
		return;
	}
	read_steps(f, n, l);
	if (l->step_cnt == 0)
		return;
	find_param(f, n, l);
	r->ladder_cnt++;
}

void finish_params(struct file *f)
{
	struct rule *r = f->rule;
	const struct yaml_node *map = f->ladder && !yaml_is_null(f->ladder) ? f->ladder : NULL;
	if (map && (map->kind != YAML_MAP || map->count > LADDERS_MAX)) {
		file_problem(f, map->line, map->column,
			     "ladder: a map of at most %d parameters and their steps is expected, like {T: [10, 20, 40]}", LADDERS_MAX);
		map = f->ladder = NULL;
	}
	if (map) {
		r->ladders = arena_alloc(&f->rules->arena, (map->count + 1) * sizeof *r->ladders);
		for (const struct yaml_node *n = map->first; n; n = n->next)
			read_one_ladder(f, n);
	}
	struct expr_name *kept = arena_alloc(&f->rules->arena, (r->param_cnt + 1) * sizeof *kept);
	memcpy(kept, f->params, r->param_cnt * sizeof *kept);
	r->params = kept;
}

/* ---- the expression at every step ---- */

/* Whether the expression is a condition with these parameters; else `why` says what is wrong, without its place. */
static bool is_condition(struct file *f, const struct expr_name *params, uint32_t cnt, struct buf *why)
{
	struct arena a;
	struct slots slots = {0};
	struct program p;
	const struct rule_text with = {.params = params, .param_cnt = cnt, .slots = &slots, .arena = &a};
	arena_init(&a, 16 << 10);
	buf_reset(why);
	bool ok = !rule_compile(f->rules, f->rule, &with, &p, why);
	if (ok && p.type != CEL_BOOL) {
		buf_printf(why, ": it is not a condition\n");
		ok = false;
	}
	arena_release(&a);
	free(slots.keys);
	return ok;
}

/* "file:1:2: text\n" less its place. */
static struct slice without_place(const struct buf *why)
{
	struct slice s = buf_slice(why);
	const char *end = memchr(s.p, '\n', s.len), *text = strstr(s.p, ": ");
	text = text && text < end ? text + 2 : s.p;
	return slice_make(text, (size_t)(end - text));
}

static void check_steps(struct file *f, const struct yaml_node *list, const struct ladder *l, struct buf *why)
{
	struct rule *r = f->rule;
	uint32_t at = l->param, last = r->param_cnt - 1;
	f->params[at] = r->params[last]; /* all but this one */
	if (is_condition(f, f->params, last, why))
		file_problem(f, list->key_line, list->key_column, "ladder: expr does not name %s", list->key.p);
	memcpy(f->params, r->params, r->param_cnt * sizeof *f->params);
	const struct yaml_node *n = list->first;
	for (uint32_t i = 0; i < l->step_cnt; i++, n = n->next) {
		f->params[at].value = l->steps[i];
		if (!is_condition(f, f->params, r->param_cnt, why))
			file_problem(f, n->line, n->column, "ladder: with %s: %.120s the rule cannot be used: " SLICE_FMT, list->key.p,
				     n->text.p, SLICE_ARG(without_place(why)));
	}
	f->params[at] = r->params[at];
}

void check_ladder(struct file *f)
{
	struct buf why = {0};
	const struct rule *r = f->rule;
	if (f->rule_failed || !f->ladder) /* what was left out would be missed */
		return;
	const struct yaml_node *n = f->ladder->first;
	for (uint32_t i = 0; i < r->ladder_cnt; i++, n = n->next)
		check_steps(f, n, &r->ladders[i], &why);
	buf_release(&why);
}
