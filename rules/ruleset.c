/* SPDX-License-Identifier: Apache-2.0 */
/* A rule set: made from files or bare expressions, then sealed and never changed again; its owners are counted. */
#include "rules/ruleset.h"

#include "base/file.h"
#include "base/yaml.h"

#include <stdlib.h>

struct rules *rules_new(void)
{
	static _Atomic uint64_t generations;
	struct rules *r = mem_zalloc(sizeof *r);
	r->owners = 1;
	r->generation = atomic_fetch_add(&generations, 1) + 1;
	arena_init(&r->arena, 16 << 10);
	return r;
}

struct rule *rules_add(struct rules *r)
{
	if (r->cnt == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->rules = mem_realloc(r->rules, r->cap * sizeof *r->rules);
	}
	r->rules[r->cnt] = (struct rule){0};
	return &r->rules[r->cnt++];
}

static int by_fingerprint(const void *a, const void *b)
{
	const struct rule_key *x = a, *y = b;
	if (x->fingerprint != y->fingerprint)
		return x->fingerprint < y->fingerprint ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

/* The rules of other kinds keep their places in it, as nothing. */
static void make_chain(struct rules *r, enum subject_kind kind)
{
	const struct program **programs = arena_alloc(&r->arena, (r->cnt + 1) * sizeof(struct program *));
	for (uint32_t i = 0; i < r->cnt; i++)
		programs[i] = r->rules[i].kind == kind ? &r->rules[i].program : NULL;
	chain_make(programs, r->cnt, &r->arena, &r->chain[kind]);
}

void rules_seal(struct rules *r)
{
	for (uint32_t i = 0; i < r->cnt; i++)
		r->places = r->places || r->rules[i].program.places || (r->rules[i].when && r->rules[i].when->own_zone);
	r->keys = mem_alloc((r->cnt + 1) * sizeof *r->keys);
	for (uint32_t i = 0; i < r->cnt; i++)
		r->keys[i] = (struct rule_key){r->rules[i].fingerprint, i};
	qsort(r->keys, r->cnt, sizeof *r->keys, by_fingerprint);
	if (r->bare)
		return;
	for (uint32_t i = 0; i < r->cnt; i++)
		r->kind_cnt[r->rules[i].kind]++;
	for (int kind = 0; kind < SUBJECT_KINDS; kind++)
		if (r->kind_cnt[kind])
			make_chain(r, (enum subject_kind)kind);
}

uint32_t rules_find(const struct rules *r, struct slice name, uint64_t fingerprint)
{
	uint32_t low = 0, high = r->cnt;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (r->keys[middle].fingerprint < fingerprint)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < r->cnt && r->keys[low].fingerprint == fingerprint; low++)
		if (slice_eq(r->rules[r->keys[low].rule].name, name))
			return r->keys[low].rule;
	return UINT32_MAX;
}

enum err rule_compile(const struct rules *set, const struct rule *r, const struct rule_text *with, struct program *out,
		      struct buf *problems)
{
	static const uint8_t of_kind[SUBJECT_KINDS] = {OF_NUMBER, OF_COHORT, OF_COHORT, OF_COHORT | OF_BLOCK};
	const struct expr_names names = {.slots = with->slots,
					 .values = with->params,
					 .value_cnt = with->param_cnt,
					 .labels = r->labels,
					 .label_cnt = r->label_cnt,
					 .lists = set->list_cnt ? &set->in_list : NULL,
					 .of = of_kind[r->kind],
					 .kind = r->kind};
	return expr_compile(r->expr, with->at, with->arena, &names, out, problems);
}

/* ---- where a set comes from ---- */

static enum err done(struct rules *r, enum err e, struct rules **out)
{
	if (e) {
		rules_free(r);
		return e;
	}
	rules_seal(r);
	*out = r;
	return ERR_OK;
}

enum err rules_expressions(const char *const *exprs, size_t n, struct rules **out, struct buf *problems)
{
	struct rules *r = rules_new();
	enum err e = ERR_OK;
	const struct expr_names names = {.slots = &r->slots[SUBJECT_NUMBER]};
	r->bare = true;
	r->machine = mem_alloc(sizeof *r->machine);
	machine_init(r->machine, EXPR_STEPS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct rule *rule = rules_add(r);
		struct place at = {.file = "expression", .line = 1, .column = 1};
		if (expr_compile(slice_of(exprs[i]), at, &r->arena, &names, &rule->program, problems))
			e = ERR_CONFIG;
	}
	return done(r, e, out);
}

/* The table of providers and flags of a set. */
static enum err load_providers(struct rules *r, const char *path, struct buf *problems)
{
	struct providers *p = arena_zalloc(&r->arena, sizeof *p);
	r->providers = p;
	return path ? providers_load(path, &r->arena, p, problems)
		    : providers_parse(providers_shipped, "providers.yaml (built in)", &r->arena, p, problems);
}

enum err rules_parse(struct slice text, const char *name, struct rules **out, struct buf *problems)
{
	struct rules *r = rules_new();
	enum err e = load_providers(r, NULL, problems);
	enum err file_e = rule_file_read(r, text, name, problems);
	return done(r, e ? e : file_e, out);
}

/* ---- lists ---- */

static bool list_find(void *ctx, struct slice name, uint32_t *id)
{
	const struct rules *r = ctx;
	for (*id = 0; *id < r->list_cnt; ++*id)
		if (slice_eq(r->lists[*id].name, name))
			return true;
	return false;
}

static bool list_contains(void *ctx, uint32_t id, struct slice value)
{
	return text_set_has(&((const struct rules *)ctx)->lists[id].texts, value);
}

static enum err load_lists(struct rules *r, const struct rules_files *f, struct buf *problems)
{
	enum err e = ERR_OK;
	if (f->list_cnt > LISTS_MAX) {
		buf_printf(problems, "more than %d lists\n", LISTS_MAX);
		return ERR_CONFIG;
	}
	r->lists = arena_alloc(&r->arena, (f->list_cnt + 1) * sizeof *r->lists);
	for (size_t i = 0; i < f->list_cnt; i++, r->list_cnt++)
		if (list_load(f->lists[i].path, slice_of(f->lists[i].name), &r->arena, &r->lists[i], problems))
			e = ERR_CONFIG;
	r->in_list = (struct expr_lists){.ctx = r, .find = list_find, .contains = list_contains};
	return e;
}

enum err rules_load(const char *const *paths, size_t n, struct rules **out, struct buf *problems)
{
	return rules_load_files(&(struct rules_files){.paths = paths, .cnt = n}, out, problems);
}

enum err rules_load_files(const struct rules_files *f, struct rules **out, struct buf *problems)
{
	struct rules *r = rules_new();
	enum err e = load_lists(r, f, problems);
	if (load_providers(r, f->disputes, problems))
		e = ERR_CONFIG;
	const char *const *paths = f->paths;
	for (size_t i = 0; i < f->cnt; i++) {
		struct arena a;
		struct slice text;
		struct err_text why;
		arena_init(&a, 64 << 10);
		if (file_read(paths[i], YAML_MAX_BYTES, &a, &text, &why)) {
			buf_printf(problems, "%s\n", why.text);
			e = ERR_CONFIG;
		} else if (rule_file_read(r, text, paths[i], problems)) {
			e = ERR_CONFIG;
		}
		arena_release(&a);
	}
	return done(r, e, out);
}

struct rules *rules_share(struct rules *r)
{
	atomic_fetch_add(&r->owners, 1);
	return r;
}

void rules_free(struct rules *r)
{
	if (!r || atomic_fetch_sub(&r->owners, 1) != 1)
		return;
	arena_release(&r->arena);
	if (r->machine)
		machine_release(r->machine);
	free(r->machine);
	for (int kind = 0; kind < SUBJECT_KINDS; kind++)
		free(r->slots[kind].keys);
	free(r->rules);
	free(r->keys);
	rules_free(r->base);
	free(r);
}

/* ---- what it holds ---- */

uint32_t rules_cnt(const struct rules *r)
{
	return r->cnt;
}

struct slice rules_name(const struct rules *r, uint32_t i)
{
	return r->rules[i].name;
}

const struct providers *rules_providers(const struct rules *r)
{
	return r->providers;
}

bool rules_need_place(const struct rules *r)
{
	return r->places;
}

enum subject_kind rules_kind(const struct rules *r, uint32_t i)
{
	return r->rules[i].kind;
}

bool rules_have(const struct rules *r, enum subject_kind kind)
{
	return r->kind_cnt[kind] > 0;
}

const struct figure_key *rules_figures(const struct rules *r, uint32_t *n)
{
	return rules_figures_of(r, SUBJECT_NUMBER, n);
}

const struct figure_key *rules_figures_of(const struct rules *r, enum subject_kind kind, uint32_t *n)
{
	*n = r->slots[kind].cnt;
	return r->slots[kind].keys;
}

bool rules_value(const struct rules *r, uint32_t i, struct figures *f, const struct cdr *call, struct value *out, struct err_text *why)
{
	const struct expr_input in = {.figures = f, .call = call, .number = call ? call->calling_number : SLICE_NONE};
	const char *text = NULL;
	struct cel v;
	machine_reset(r->machine);
	if (!program_run(&r->rules[i].program, r->machine, &in, &v, &text)) {
		err_set(why, ERR_INPUT, "%s", text);
		return false;
	}
	if (cel_to_value(v, &r->machine->arena, out))
		return true;
	err_set(why, ERR_INPUT, "a value of type %s cannot be shown here; string() or size() may help", cel_type_name(v.type));
	return false;
}

/* ---- the world ---- */

static const struct rules_world *world;

void rules_world_set(const struct rules_world *w)
{
	world = w;
}

const struct rules_world *rules_world(void)
{
	return world;
}
