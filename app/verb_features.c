/* SPDX-License-Identifier: Apache-2.0 */
/* `features`: the figures of every calling number after each of its CDRs, for anyone who wants to check ours against their own. */
#include "app/app.h"
#include "app/replay.h"
#include "app/shard.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPRESSIONS_MAX 256

static const char help[] =
	"usage: ringfence features [--expr E]... [--any-time] [--at-end] FILE...\n"
	"\n"
	"Reads canonical CDRs in the order given and prints one JSON line after each: the figures of its calling number,\n"
	"at that number's clock. A CDR that changes nothing (duplicate, partial, withheld, too late, unusable) makes no line.\n"
	"\n"
	"  --expr E     an expression over features, e.g. 'calls[\"1h\"]'; may be given many times\n"
	"               (default: every feature over 1h and 24h)\n"
	"  --any-time   do not refuse CDRs more than 400 days after the newest so far\n"
	"  --at-end     one line per subject at the end, sorted, in place of one per CDR: numbers, and as \"cohort\" accounts, trunks, "
	"blocks\n"
	"\n"
	"Files: .jsonl .ndjson .csv, and .gz or .zst behind them; - is JSON lines on standard input.\n"
	"\n"
	"example: ringfence features --expr 'calls[\"1h\"]' --expr 'short6_ratio[\"24h\"] > 0.15' cdrs.jsonl.gz\n";

struct run {
	const char *exprs[EXPRESSIONS_MAX];
	size_t expr_cnt;
	bool any_time, at_end;
	struct settings settings; /* the defaults */
	struct rules *rules;
	struct figures figures;
	struct arena arena;
	int64_t clock_ms; /* of the shard, at the end */
};

static void add_value(struct run *r, const struct cdr *c, cJSON *values, size_t i)
{
	struct value v;
	struct err_text why;
	char text[64];
	if (!rules_value(r->rules, (uint32_t)i, &r->figures, c, &v, &why)) {
		cJSON *o = cJSON_AddObjectToObject(values, r->exprs[i]);
		cJSON_AddStringToObject(o, "error", why.text);
	} else if (v.type == VALUE_BOOL) {
		cJSON_AddBoolToObject(values, r->exprs[i], v.b);
	} else if (v.type == VALUE_INT) {
		snprintf(text, sizeof text, "%lld", (long long)v.i);
		cJSON_AddRawToObject(values, r->exprs[i], text);
	} else if (v.type == VALUE_DOUBLE) {
		cJSON_AddNumberToObject(values, r->exprs[i], v.d);
	} else {
		struct slice s = arena_copy(&r->arena, v.s);
		cJSON_AddStringToObject(values, r->exprs[i], s.p);
	}
}

static void print_line(struct run *r, const struct subject *s, const struct cdr *c, bool late)
{
	char time[TIME_TEXT_BYTES];
	cJSON *o = cJSON_CreateObject();
	if (c && c->record_id.p)
		cJSON_AddStringToObject(o, "record_id", arena_copy(&r->arena, c->record_id).p);
	cJSON_AddStringToObject(o, s->kind == SUBJECT_NUMBER ? "number" : "cohort", arena_copy(&r->arena, subject_key(s)).p);
	cJSON_AddStringToObject(o, "time", time_format(c ? c->event_ms : s->clock_ms != TIME_NONE ? s->clock_ms : r->clock_ms, time));
	if (c)
		cJSON_AddBoolToObject(o, "late", late);
	cJSON *values = cJSON_AddObjectToObject(o, "values");
	figures_reset(&r->figures, s, s->clock_ms != TIME_NONE ? s->clock_ms : r->clock_ms);
	for (size_t i = 0; i < r->expr_cnt; i++)
		add_value(r, c, values, i);
	char *text = cJSON_PrintUnformatted(o);
	puts(text);
	free(text);
	cJSON_Delete(o);
}

/* After each CDR that counted. */
static void applied(void *ctx, struct figures *unused, const struct subject *s, const struct cdr *c, bool late)
{
	struct run *r = ctx;
	(void)unused; /* of the rules, and there are none */
	arena_reset(&r->arena);
	print_line(r, s, c, late);
}

static int by_key(const void *a, const void *b)
{
	return slice_cmp(subject_key(*(struct subject *const *)a), subject_key(*(struct subject *const *)b));
}

static void print_all(struct run *r, struct shard *shard)
{
	size_t n = 0;
	uint64_t at = 0;
	struct table *t = shard_subjects(shard);
	struct subject *s, **all = mem_alloc((table_subjects(t) + 1) * sizeof(struct subject *));
	r->clock_ms = shard_meta(shard)->clock_ms;
	while ((s = table_each(t, &at)))
		if (!subject_has_ended(shard, s, r->clock_ms))
			all[n++] = s;
	qsort(all, n, sizeof(struct subject *), by_key);
	for (size_t i = 0; i < n; i++) {
		arena_reset(&r->arena);
		print_line(r, all[i], NULL, false);
	}
	free(all);
}

static void default_expressions(struct run *r)
{
	static const char *const windows[] = {"1h", "24h"};
	for (int f = 0; f < FEATURE_CNT; f++) {
		const struct feature_info *info = feature_info((enum feature)f);
		if (!(info->of & OF_NUMBER) || info->how == HOW_OUTSIDE)
			continue;
		if (!info->windowed)
			r->exprs[r->expr_cnt++] = info->name;
		for (size_t w = 0; w < 2 && info->windowed; w++)
			r->exprs[r->expr_cnt++] = arena_printf(&r->arena, "%s[\"%s\"]", info->name, windows[w]).p;
	}
}

static enum err compile(struct run *r)
{
	struct buf problems = {0};
	enum err e = rules_expressions(r->exprs, r->expr_cnt, &r->rules, &problems);
	if (e) {
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
	} else {
		struct figures *f = &r->figures;
		f->keys = rules_figures(r->rules, &f->n);
		f->filled = mem_zalloc((f->n / 64 + 1) * sizeof *f->filled);
		f->values = mem_zalloc((f->n + 1) * sizeof *f->values);
	}
	buf_release(&problems);
	return e;
}

/* Through the whole pipeline, without rules: what counts, what ends, what is late is decided there. */
static enum err run_files(struct run *r, const char *const *files, size_t n, struct err_text *why)
{
	const struct replay_config config = {
		.partitions = 1, .files = files, .file_cnt = n, .until_ms = TIME_NONE, .any_time = r->any_time};
	struct pipeline p;
	struct replay *replay = NULL;
	struct replay_sums sums;
	struct rules *none = NULL;
	struct buf problems = {0};
	r->settings.store.kind = STORE_MEMORY;
	enum err e = pipeline_init(&p, &r->settings, true, why);
	if (e)
		return e;
	p.files = true;
	p.applied = r->at_end ? NULL : applied;
	p.applied_ctx = r;
	e = rules_load(NULL, 0, &none, &problems);
	assert(!e);
	pipeline_set_rules(&p, none);
	e = replay_open(&p, &config, &replay, why);
	if (!e)
		e = replay_run(replay, why);
	if (!e && r->at_end)
		print_all(r, replay_shard(replay, 0));
	if (replay) {
		replay_sums(replay, &sums);
		if (sums.counts.dead_letters)
			fprintf(stderr, "ringfence features: %llu records could not be used\n",
				(unsigned long long)sums.counts.dead_letters);
		enum err closed = replay_close(replay, NULL);
		(void)closed; /* no files to close */
	}
	pipeline_release(&p);
	return e;
}

static int run(struct run *r, const char *const *files, size_t n)
{
	struct err_text why;
	enum err e = compile(r);
	if (e)
		return err_exit(e);
	struct arena names = r->arena; /* the default expressions live here: the lines get an arena of their own */
	arena_init(&r->arena, 64 << 10);
	e = run_files(r, files, n, &why);
	free(r->figures.filled);
	free(r->figures.values);
	rules_free(r->rules);
	arena_release(&names);
	if (fflush(stdout) != 0 && !e)
		e = err_set(&why, ERR_IO, "cannot write to standard output");
	return e ? verb_fail(e, &why) : 0;
}

int verb_features(int argc, char **argv)
{
	static const struct option options[] = {{"expr", required_argument, NULL, 'e'},
						{"any-time", no_argument, NULL, 'a'},
						{"at-end", no_argument, NULL, 'n'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct run r = {.clock_ms = TIME_NONE};
	int o, status;
	arena_init(&r.arena, 4096);
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			arena_release(&r.arena);
			return 0;
		}
		if (o == '?' || r.expr_cnt == EXPRESSIONS_MAX) {
			arena_release(&r.arena);
			return verb_usage("features", "an option is not known, or more than %d expressions", EXPRESSIONS_MAX);
		}
		r.any_time = r.any_time || o == 'a';
		r.at_end = r.at_end || o == 'n';
		if (o == 'e')
			r.exprs[r.expr_cnt++] = optarg;
	}
	if (r.expr_cnt == 0)
		default_expressions(&r);
	if (settings_load(NULL, &r.arena, &r.settings))
		return 2; /* said already; the defaults are good */
	status = optind == argc ? verb_usage("features", "no file given")
				: run(&r, (const char *const *)argv + optind, (size_t)(argc - optind));
	arena_release(&r.arena);
	return status;
}
