/* SPDX-License-Identifier: Apache-2.0 */
/* The default pack whole (all shipped rules for all traffic: volume, talk, dialling, reputation, incoming), one core, on two generated streams: "plain",
 * ordinary callers alone, which is what nearly all traffic is; "mix", all kinds of callers, where diallers make most of the calls and a dozen rules are true
 * of each of them.
 *   bench_rules_pack [--quick]
 * Three ways, side by side over the same batches of 1,000 calls, CPU time:
 *   scoring   finding the subject and applying the call: what every call costs without rules
 *   whole     the same, then the figures that the rules ask for, and the rules
 *   rules     the rules alone, over the figures of those calls, all filled beforehand
 * "added" is whole less scoring: figures and rules together. Not timed: making and decoding the stream, alerts (a rule that is true is counted), timers,
 * copies for other subjects (so in_out_ratio is 0 and the rules over it go deeper than they would). The first half of the stream warms. */
#include "app/generate.h"
#include "ingest/ingest.h"
#include "rules/packs.h"
#include "rules/ruleset.h"
#include "rules/vm.h"
#include "scoring/facts.h"
#include "scoring/scoring.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 1000
#define REPEAT 20 /* of a batch, for the rules alone */
#define SLICES_MAX 10000
#define RULES_CNT_MAX 256

enum { SCORING, WHOLE, RULES, WAYS };

static struct rules *set;
static struct machine machine;
static uint64_t errors[RULES_CNT_MAX], hits[WAYS];
static struct figures figures;
static struct value *sets; /* BATCH times the figures */
static struct cdr cdrs[BATCH];

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- rules ---- */

/* One file of several: each begins with comments and "groups:". */
static void put_pack(struct buf *yaml, const char *name)
{
	for (size_t i = 0; i < rule_pack_cnt; i++)
		if (strcmp(rule_packs[i].name, name) == 0) {
			const char *from = strstr(rule_packs[i].text.p, "\ngroups:\n") + sizeof "\ngroups:\n" - 1;
			buf_puts(yaml, from);
			return;
		}
	fprintf(stderr, "there is no pack %s\n", name);
	exit(3);
}

static void load(void)
{
	static const char *const names[] = {"volume", "talk", "dialling", "reputation", "incoming"};
	struct buf yaml = {0}, problems = {0};
	buf_puts(&yaml, "groups:\n");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		put_pack(&yaml, names[i]);
	if (rules_parse(buf_slice(&yaml), "packs", &set, &problems) || set->cnt > RULES_CNT_MAX) {
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
		exit(3);
	}
	buf_release(&yaml);
	figures.keys = rules_figures(set, &figures.n);
	figures.filled = mem_zalloc((figures.n / 64 + 1) * sizeof *figures.filled);
	figures.values = mem_zalloc(figures.n * sizeof *figures.values);
	sets = mem_zalloc(BATCH * figures.n * sizeof *sets);
	printf("%u rules, %u figures\n", set->cnt, figures.n);
}

static uint64_t judge(struct figures *f)
{
	const struct expr_input in = {.figures = f};
	uint64_t n = 0, holds[CHAIN_ROOM(RULES_CNT_MAX)];
	chain_run(&set->chain[SUBJECT_NUMBER], &machine, &in, errors, holds);
	for (uint32_t i = 0; (i = chain_next(holds, i, set->cnt)) < set->cnt; i++)
		n++;
	return n;
}

/* ---- calls ---- */

static const struct subject *apply(struct table *t, const struct cdr *c)
{
	bool late;
	struct subject *s = table_find(t, c->calling_number, c->caller_hash);
	if (!s)
		s = table_add(t, c->calling_number, c->caller_hash, c->event_ms, -1);
	return subject_add_call(t, s, c, 6 * HOUR_MS, &late) == CALL_APPLIED ? s : NULL;
}

#define AHEAD 2                                  /* calls from stage to stage */
static struct ahead ahead[AHEAD * AHEAD_STAGES]; /* of the batch */

/* As the path does: the memory of the next calls is asked for, in stages. */
static void look_ahead(const struct table *t, uint32_t at)
{
	for (uint32_t stage = 0; stage < AHEAD_STAGES; stage++) {
		uint32_t i = at + AHEAD * (AHEAD_STAGES - 1 - stage);
		struct ahead *a = &ahead[i % (AHEAD * AHEAD_STAGES)];
		if (i >= BATCH)
			continue;
		if (stage == 0)
			*a = (struct ahead){.key_hash = cdrs[i].caller_hash, .callee = number_pack(cdrs[i].callee)};
		table_ahead(t, a, stage);
	}
}

static double time_scoring(struct table *t)
{
	double from = cpu_ns();
	memset(ahead, 0, sizeof ahead); /* subjects of another table */
	for (uint32_t i = 0; i < BATCH; i++) {
		look_ahead(t, i);
		hits[SCORING] += apply(t, &cdrs[i]) != NULL;
	}
	return cpu_ns() - from;
}

static double time_whole(struct table *t)
{
	double from = cpu_ns();
	memset(ahead, 0, sizeof ahead); /* subjects of another table */
	for (uint32_t i = 0; i < BATCH; i++) {
		look_ahead(t, i);
		const struct subject *s = apply(t, &cdrs[i]);
		if (!s)
			continue;
		figures_reset(&figures, s, s->clock_ms);
		hits[WHOLE] += judge(&figures);
	}
	return cpu_ns() - from;
}

/* The figures of each call's subject, as they are behind the batch. */
static void fill(struct table *t)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		const struct subject *s = table_find(t, cdrs[i].calling_number, cdrs[i].caller_hash);
		figures_reset(&figures, s, s->clock_ms);
		for (uint32_t k = 0; k < figures.n; k++)
			sets[i * figures.n + k] = figure_get(&figures, k);
	}
}

static void no_fill(struct figures *f, uint32_t slot)
{
	(void)f;
	fprintf(stderr, "figure %u is not filled\n", slot);
	exit(3);
}

static double time_rules(void)
{
	uint64_t filled[8];
	struct figures f = {.keys = figures.keys, .n = figures.n, .filled = filled, .fill = no_fill};
	memset(filled, 0xff, sizeof filled);
	double from = cpu_ns();
	for (int k = 0; k < REPEAT; k++)
		for (uint32_t i = 0; i < BATCH; i++) {
			f.values = sets + i * figures.n;
			hits[RULES] += judge(&f);
		}
	return (cpu_ns() - from) / REPEAT;
}

/* ---- the stream ---- */

static bool next_batch(struct generator *g, struct arena *a, struct buf *b)
{
	static const struct ingest_config config = {.format = INPUT_JSON, .max_record_bytes = 1 << 20};
	struct generated r;
	arena_reset(a);
	for (uint32_t i = 0; i < BATCH;) {
		if (!generator_next(g, &r))
			return false;
		buf_reset(b);
		generated_write_json(&r, 1, b);
		decode_json(arena_copy(a, buf_slice(b)), &config, a, &cdrs[i]);
		i += cdrs[i].reason == REASON_OK && cdrs[i].use == CDR_COUNT;
	}
	return true;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(const char *shape, const char *name, double *ns, uint32_t n)
{
	qsort(ns, n, sizeof *ns, by_value);
	double p50 = 1e3 * BATCH / ns[n / 2], p99 = 1e3 * BATCH / ns[n - 1 - n / 100];
	printf("bench_rules_pack_%s_%s %.2f M/s p50 %.2f p99 %.2f n %u (%.0f ns/cdr)\n", shape, name, p50, p50, p99, n, ns[n / 2] / BATCH);
}

static void measure(const char *shape, struct generator *g, uint32_t batches)
{
	static double ns[WAYS + 1][SLICES_MAX];
	struct table *bare = table_new(0), *judged = table_new(0);
	struct arena a;
	struct buf b = {0};
	uint32_t n = 0;
	memset(hits, 0, sizeof hits);
	arena_init(&a, 4 << 20);
	for (uint32_t i = 0; i < batches && n < SLICES_MAX && next_batch(g, &a, &b); i++) {
		double scoring = time_scoring(bare), whole = time_whole(judged);
		table_clean(bare);
		table_clean(judged);
		if (i < batches / 2)
			continue;
		fill(judged);
		ns[SCORING][n] = scoring;
		ns[WHOLE][n] = whole;
		ns[WAYS][n] = whole - scoring;
		ns[RULES][n++] = time_rules();
	}
	if (n == 0) {
		fprintf(stderr, "the stream is too short\n");
		exit(3);
	}
	report(shape, "rules", ns[RULES], n);
	report(shape, "scoring", ns[SCORING], n);
	report(shape, "whole", ns[WHOLE], n);
	report(shape, "added", ns[WAYS], n);
	printf("bench_rules_pack_%s_true %.3f rules/cdr\n", shape, (double)hits[WHOLE] / (double)hits[SCORING]);
	buf_release(&b);
	arena_release(&a);
	table_free(bare);
	table_free(judged);
}

static void run(const char *shape, uint32_t batches, bool plain)
{
	const struct generate_config config = {.seed = 1,
					       .calls = (uint64_t)batches * BATCH,
					       .numbers = batches * 20,
					       .start_ms = GENERATE_START_MS,
					       .zipf_milli = plain ? 990 : -1,
					       .plain = plain};
	struct generator *g;
	struct err_text why;
	if (generator_new(&config, &g, &why)) {
		fprintf(stderr, "%s\n", why.text);
		exit(3);
	}
	measure(shape, g, batches);
	generator_free(g);
}

int main(int argc, char **argv)
{
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	const uint32_t batches = quick ? 200 : 1000;
	load();
	machine_init(&machine, EXPR_STEPS_MAX);
	run("plain", batches, true);
	run("mix", batches, false);
	machine_release(&machine);
	rules_free(set);
	free(figures.filled);
	free(figures.values);
	free(sets);
	return 0;
}
