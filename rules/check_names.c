/* SPDX-License-Identifier: Apache-2.0 */
/* What names stand for: variables of macros, parameters and bindings (also qualified ones, the longest first), types; in a rule also figures, its
 * subject, labels, the fields of its call, lists. A name that is not known is refused in a rule, with the nearest one that is. */
#include "rules/ast.h"

#include "base/yaml.h"

#include <stdio.h>

/* ---- names ---- */

static struct node *become_value(struct check *c, struct node *n, struct cel v)
{
	n->kind = NODE_VALUE;
	n->value = v;
	type_set(n, type_of_value(c, v), false);
	return n;
}

void check_failure(struct node *n, const char *text)
{
	n->kind = NODE_FAIL;
	n->error = text;
	type_set(n, type_of(CEL_DYN), true);
}

static const struct scope *find_local(const struct check *c, const struct node *n, uint32_t *variable)
{
	for (const struct scope *s = n->rooted ? NULL : c->scope; s; s = s->up)
		for (uint32_t i = 0; i < 2; i++) {
			struct slice name = i ? s->loop->second : s->loop->text;
			if (name.p && slice_eq(name, n->name)) {
				*variable = i;
				return s;
			}
		}
	return NULL;
}

/* a.b.c as one name. False: it is not names joined by dots, its root is a local one, or it is too long. */
static bool qualified(const struct check *c, const struct node *n, char *out, size_t bytes)
{
	uint32_t variable;
	size_t at = bytes;
	for (;; n = n->a) {
		if ((n->kind != NODE_NAME && n->kind != NODE_SELECT) || n->name.len + 1 > at)
			return false;
		if (at < bytes)
			out[--at] = '.';
		else
			out[--at] = '\0';
		at -= n->name.len;
		memcpy(out + at, n->name.p, n->name.len);
		if (n->kind == NODE_NAME)
			break;
	}
	if (find_local(c, n, &variable))
		return false;
	memmove(out, out + at, bytes - at);
	return true;
}

static bool find_type(const char *name, struct cel *out)
{
	for (int t = CEL_NULL; t < CEL_DYN; t++)
		if (strcmp(name, cel_type_name((uint32_t)t)) == 0) {
			*out = (struct cel){.type = CEL_TYPE, .i = t};
			return true;
		}
	return false;
}

static bool find_value(const struct check *c, const char *name, struct cel *out)
{
	const struct expr_names *names = c->s->names;
	for (uint32_t i = 0; i < names->value_cnt; i++)
		if (slice_is(names->values[i].name, name)) {
			*out = names->values[i].value;
			return true;
		}
	return find_type(name, out);
}

/* A qualified name that stands for a value: the longest one first, for the outer node is asked before its part. */
static bool check_value(struct check *c, struct node *n)
{
	char name[512];
	struct cel v;
	if (!qualified(c, n, name, sizeof name) || !find_value(c, name, &v))
		return false;
	become_value(c, n, v);
	return true;
}

static struct cel labels_value(struct check *c)
{
	const struct expr_names *names = c->s->names;
	struct cel *items = arena_alloc(c->s->arena, (names->label_cnt + 1) * 2 * sizeof *items);
	for (uint32_t i = 0; i < names->label_cnt; i++) {
		items[2 * i] = cel_string(names->labels[i].name);
		items[2 * i + 1] = cel_string(names->labels[i].value);
	}
	return (struct cel){.type = CEL_MAP, .n = names->label_cnt, .items = items};
}

#define NAMES_MAX (FEATURE_CNT + SUBJECT_FIELD_CNT + 128)

static bool unknown_name(struct check *c, const struct node *n, const char *what)
{
	const char *names[NAMES_MAX], *near;
	size_t cnt = 0;
	for (int f = 0; f < FEATURE_CNT; f++)
		names[cnt++] = feature_info((enum feature)f)->name;
	for (int f = 0; f < SUBJECT_FIELD_CNT; f++)
		names[cnt++] = subject_field_name((enum subject_field)f);
	names[cnt++] = "labels";
	names[cnt++] = "call";
	for (uint32_t i = 0; i < c->s->names->value_cnt && cnt < NAMES_MAX; i++)
		names[cnt++] = arena_copy(c->s->arena, c->s->names->values[i].name).p;
	near = nearest_name(n->name, names, cnt);
	expr_fail(c->s, n->at, "'" SLICE_FMT "' is not a %s%s%s%s", SLICE_ARG(n->name), what, near ? "; did you mean '" : "",
		  near ? near : "", near ? "'?" : "");
	return false;
}

static bool same_figure(struct figure_key a, struct figure_key b)
{
	return a.feature == b.feature && a.window_ms == b.window_ms && a.base == b.base;
}

static uint32_t slot_of(struct slots *s, struct figure_key k)
{
	for (uint32_t i = 0; i < s->cnt; i++)
		if (same_figure(s->keys[i], k))
			return i;
	if (s->cnt == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->keys = mem_realloc(s->keys, s->cap * sizeof *s->keys);
	}
	s->keys[s->cnt] = k;
	return s->cnt++;
}

static bool become_figure(struct check *c, struct node *n, struct figure_key key, struct slice text)
{
	static const enum cel_type types[] = {
		[VALUE_INT] = CEL_INT, [VALUE_DOUBLE] = CEL_DOUBLE, [VALUE_STRING] = CEL_STRING, [VALUE_BOOL] = CEL_BOOL};
	enum feature f = key.feature == FEATURE_BASELINE ? key.base : key.feature;
	uint8_t of = c->s->names->of;
	if (of && !(feature_info(f)->of & of)) {
		expr_fail(c->s, n->at, "'%s' is not a feature of %s", feature_info(f)->name, subject_kind_plural(c->s->names->kind));
		return false;
	}
	n->kind = NODE_FIGURE;
	n->text = text;
	n->slot = slot_of(c->s->names->slots, key);
	type_set(n, type_of(types[feature_info(key.feature)->type]), false);
	if (key.window_ms > c->s->out->longest_ms)
		c->s->out->longest_ms = key.window_ms;
	if (c->s->names->slots->cnt > FIGURES_MAX)
		expr_fail(c->s, n->at, "the rule set needs more than %d figures", FIGURES_MAX);
	return !c->s->failed;
}

static bool check_name_of_rule(struct check *c, struct node *n)
{
	enum feature f;
	if (feature_find(n->name, &f)) {
		if (!feature_info(f)->windowed)
			return become_figure(c, n, (struct figure_key){.feature = f}, n->name);
		expr_fail(c->s, n->name.p, "'" SLICE_FMT "' needs a window: " SLICE_FMT "[\"1h\"]", SLICE_ARG(n->name), SLICE_ARG(n->name));
		return false;
	}
	for (uint32_t i = 0; i < SUBJECT_FIELD_CNT; i++)
		if (slice_is(n->name, subject_field_name((enum subject_field)i))) {
			if (!subject_field_known(c->s->names->kind, (enum subject_field)i)) {
				expr_fail(c->s, n->at, "'" SLICE_FMT "' is not known of %s", SLICE_ARG(n->name),
					  subject_kind_plural(c->s->names->kind));
				return false;
			}
			n->kind = NODE_SUBJECT;
			n->slot = i;
			if (i == SUBJECT_FIELD_COUNTRY || i == SUBJECT_FIELD_REGION)
				c->s->out->places = true;
			type_set(n, type_of(CEL_STRING), false);
			return true;
		}
	if (slice_is(n->name, "labels")) {
		become_value(c, n, labels_value(c));
		n->type = type_map(c, type_of(CEL_STRING), type_of(CEL_STRING));
		return true;
	}
	if (slice_is(n->name, "call")) {
		expr_fail(c->s, n->at, "'call' is read field by field, like call.disposition");
		return false;
	}
	return unknown_name(c, n, "feature or another name of rules");
}

bool check_name(struct check *c, struct node *n)
{
	uint32_t variable;
	const struct scope *local = find_local(c, n, &variable);
	if (local) {
		n->kind = NODE_LOCAL;
		n->slot = variable;
		n->b = local->loop; /* not a part of the tree: the compiler asks it for its base */
		type_set(n, local->types[variable], false);
		return true;
	}
	if (check_value(c, n))
		return true;
	if (c->strict)
		return check_name_of_rule(c, n);
	check_failure(n, arena_printf(c->s->arena, "undeclared reference to '" SLICE_FMT "'", SLICE_ARG(n->name)).p);
	return true;
}

/* ---- fields ---- */

static bool is_call(struct check *c, const struct node *n)
{
	uint32_t variable;
	return c->strict && n->kind == NODE_NAME && slice_is(n->name, "call") && !find_local(c, n, &variable);
}

static bool check_call_field(struct check *c, struct node *n)
{
	const char *names[64], *near;
	if (c->s->names->kind != SUBJECT_NUMBER) {
		expr_fail(c->s, n->a->at, "'call' is not known to rules on %s: what reaches them of a call is its figures",
			  subject_kind_plural(c->s->names->kind));
		return false;
	}
	for (uint32_t i = 0; i < call_field_cnt; i++) {
		names[i] = call_fields[i].name;
		if (slice_is(n->name, names[i])) {
			bool has = n->kind == NODE_HAS;
			n->kind = has ? NODE_HAS_FIELD : NODE_FIELD;
			n->slot = i;
			type_set(n, type_of(has ? CEL_BOOL : call_fields[i].type), !has);
			return true;
		}
	}
	near = nearest_name(n->name, names, call_field_cnt);
	expr_fail(c->s, n->at, "'" SLICE_FMT "' is not a field of the call%s%s%s", SLICE_ARG(n->name), near ? "; did you mean '" : "",
		  near ? near : "", near ? "'?" : "");
	return false;
}

bool check_select(struct check *c, struct node *n)
{
	bool has = n->kind == NODE_HAS;
	int64_t budget = INT32_MAX;
	if (!has && check_value(c, n))
		return true;
	if (is_call(c, n->a))
		return check_call_field(c, n);
	if (!check_node(c, n->a))
		return false;
	enum cel_type kind = n->a->type->kind;
	type_set(n, has ? type_of(CEL_BOOL) : type_element(n->a->type), !has || n->a->fails || kind != CEL_MAP);
	if (c->strict && !has && n->a->kind == NODE_VALUE && kind == CEL_MAP && !cel_find(n->a->value, cel_string(n->name), &budget)) {
		expr_fail(c->s, n->at, "there is no '" SLICE_FMT "' here", SLICE_ARG(n->name));
		return false;
	}
	if (kind != CEL_MAP && kind != CEL_DYN)
		return mismatch(c, n, "'." SLICE_FMT "' needs a map, not %s", SLICE_ARG(n->name), type_name(kind));
	return true;
}

/* A text that is known now: a literal or a parameter. */
static bool constant_text(struct check *c, struct node *n, struct slice *out)
{
	if (n->kind == NODE_NAME)
		(void)check_value(c, n);
	if (n->kind != NODE_VALUE || n->value.type != CEL_STRING)
		return false;
	*out = cel_slice(n->value);
	return true;
}

static bool check_window(struct check *c, struct node *n, int64_t *ms)
{
	struct slice w;
	if (!constant_text(c, n, &w)) {
		expr_fail(c->s, n->at, "a window is a text like \"1h\"");
		return false;
	}
	if (!duration_parse(w, ms))
		expr_fail(c->s, n->at, "\"" SLICE_FMT "\" is not a duration: \"30s\", \"10m\", \"1h30m\", \"7d\"", SLICE_ARG(w));
	else if (*ms < WINDOW_MIN_MS || *ms > WINDOW_MAX_MS)
		expr_fail(c->s, n->at, "the window \"" SLICE_FMT "\" is out of range: 1s to 31d", SLICE_ARG(w));
	return !c->s->failed;
}

/* calls["1h"]: the name before the bracket is one of a feature, not of something else. */
bool check_is_figure(struct check *c, const struct node *n)
{
	uint32_t variable;
	char name[512];
	struct cel v;
	return c->strict && n->kind == NODE_NAME && !find_local(c, n, &variable) &&
	       !(qualified(c, n, name, sizeof name) && find_value(c, name, &v)) && !slice_is(n->name, "labels");
}

bool check_figure(struct check *c, struct node *n)
{
	enum feature f;
	int64_t ms;
	if (!feature_find(n->a->name, &f))
		return unknown_name(c, n->a, "feature");
	if (!feature_info(f)->windowed) {
		expr_fail(c->s, n->a->at, "'" SLICE_FMT "' takes no window", SLICE_ARG(n->a->name));
		return false;
	}
	bool literal = n->b->kind == NODE_VALUE;
	n->at = n->a->at;
	if (!check_window(c, n->b, &ms))
		return false;
	if (!literal) /* a parameter: events show what it stands for */
		n->text = arena_printf(c->s->arena, SLICE_FMT "[\"" SLICE_FMT "\"]", SLICE_ARG(n->a->name),
				       SLICE_ARG(cel_slice(n->b->value)));
	return become_figure(c, n, (struct figure_key){.feature = f, .window_ms = ms}, n->text);
}

/* baseline("calls", "1h") */
bool check_baseline(struct check *c, struct node *n)
{
	struct slice name;
	enum feature f;
	int64_t ms;
	if (n->arg_cnt != 2 || !constant_text(c, n->args[0], &name)) {
		expr_fail(c->s, n->at, "baseline() needs a feature and a window: baseline(\"calls\", \"1h\")");
		return false;
	}
	if (!feature_find(name, &f)) {
		const struct node feature = {.name = name, .at = n->args[0]->at};
		return unknown_name(c, &feature, "feature");
	}
	if (!feature_info(f)->baselined) {
		expr_fail(c->s, n->args[0]->at, "baseline() goes with counts and talk_s, not " SLICE_FMT, SLICE_ARG(name));
		return false;
	}
	if (!check_window(c, n->args[1], &ms))
		return false;
	if (ms >= BASELINE_MS) {
		expr_fail(c->s, n->args[1]->at, "the window of baseline() is shorter than 7d");
		return false;
	}
	return become_figure(c, n, (struct figure_key){.feature = FEATURE_BASELINE, .window_ms = ms, .base = f}, n->text);
}

/* in_list("allow", number) */
bool check_in_list(struct check *c, struct node *n)
{
	const struct expr_lists *lists = c->s->names->lists;
	struct slice name;
	if (n->arg_cnt != 2 || !constant_text(c, n->args[0], &name)) {
		expr_fail(c->s, n->at, "in_list() needs the name of a list and a text: in_list(\"allow\", number)");
		return false;
	}
	if (!lists || !lists->find(lists->ctx, name, &n->slot)) {
		expr_fail(c->s, n->args[0]->at, "there is no list \"" SLICE_FMT "\"%s", SLICE_ARG(name),
			  lists ? "" : ": no lists are given to this rule set");
		return false;
	}
	if (!check_node(c, n->args[1]))
		return false;
	n->kind = NODE_IN_LIST;
	n->a = n->args[1];
	n->arg_cnt = 0;
	type_set(n, type_of(CEL_BOOL), n->a->fails || n->a->type->kind != CEL_STRING);
	if (n->a->type->kind != CEL_STRING && !type_is_dyn(n->a))
		return mismatch(c, n->a, "in_list() looks for a string, not %s", type_name(n->a->type->kind));
	return true;
}
