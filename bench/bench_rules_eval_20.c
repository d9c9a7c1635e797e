/* SPDX-License-Identifier: Apache-2.0 */
/* 20 rules of 3 conditions over figures that are filled already, one core: how often a second all 20 are evaluated.
 *   bench_rules_eval_20
 * Timed: the chain of all rules, as it runs after a call of a number without alerts; the programs one by one, as for one with alerts; the same conditions written by hand as a C switch over the rules, over the same 1,024
 * sets of figures: "mixed" (each condition true half of the time, by its own draw), "true" (all conditions true: nothing is cut short), "first" (the
 * first condition false: what most calls look like). Not timed: loading, filling. Both must count the same. */
#include "base/arena.h"
#include "base/clock.h"
#include "rules/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RULES 20
#define SETS 1024
#define ROUNDS 21
#define REPEAT 32 /* of all sets in one round */

/* Figures of one subject, as the switch reads them: counts and ratios over four windows. */
struct plain {
	int64_t calls[4], answered[4], callees[4];
	double callee_ratio[4], short6_ratio[4], avg_talk_s[4];
};

static const char *const windows[] = {"1m", "1h", "24h", "7d"};
static struct plain plains[SETS];
static struct value values[SETS][64];
static struct rules *set;
static struct machine machine;

static void no_fill(struct figures *f, uint32_t slot)
{
	(void)f;
	fprintf(stderr, "figure %u is not filled\n", slot);
	exit(3);
}

static void make_rules(void)
{
	struct buf yaml = {0}, problems = {0};
	buf_puts(&yaml, "groups:\n- name: g\n  rules:\n");
	for (int i = 0; i < RULES; i++) {
		const char *w = windows[i % 4];
		buf_printf(&yaml, "  - alert: R%d\n    expr: |\n      ", i);
		switch (i / 4) {
		case 0:
			buf_printf(&yaml, "calls[\"%s\"] > 40 && callee_ratio[\"%s\"] >= 0.5 && answered[\"%s\"] >= 20\n", w, w, w);
			break;
		case 1:
			buf_printf(&yaml, "callees[\"%s\"] > 20 && callee_ratio[\"%s\"] >= 0.8 && avg_talk_s[\"%s\"] < 15\n", w, w, w);
			break;
		case 2:
			buf_printf(&yaml, "short6_ratio[\"%s\"] > 0.15 && answered[\"%s\"] >= 100 && calls[\"%s\"] < 5000\n", w, w, w);
			break;
		case 3:
			buf_printf(&yaml, "avg_talk_s[\"%s\"] < 15 && answered[\"%s\"] >= 100 && callees[\"%s\"] != 1\n", w, w, w);
			break;
		default:
			buf_printf(&yaml, "answered[\"%s\"] <= 200 && calls[\"%s\"] >= 75 && callee_ratio[\"%s\"] > 0.75\n", w, w, w);
		}
	}
	if (rules_parse(buf_slice(&yaml), "bench", &set, &problems)) {
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
		exit(3);
	}
	buf_release(&yaml);
}

/* By hand. Not inlined into the loop, as the machine is not either. */
static __attribute__((noinline)) bool by_hand(const struct plain *p, int rule)
{
	int w = rule % 4;
	switch (rule / 4) {
	case 0:
		return p->calls[w] > 40 && p->callee_ratio[w] >= 0.5 && p->answered[w] >= 20;
	case 1:
		return p->callees[w] > 20 && p->callee_ratio[w] >= 0.8 && p->avg_talk_s[w] < 15;
	case 2:
		return p->short6_ratio[w] > 0.15 && p->answered[w] >= 100 && p->calls[w] < 5000;
	case 3:
		return p->avg_talk_s[w] < 15 && p->answered[w] >= 100 && p->callees[w] != 1;
	default:
		return p->answered[w] <= 200 && p->calls[w] >= 75 && p->callee_ratio[w] > 0.75;
	}
}

static uint64_t draw(void)
{
	static uint64_t x = 88172645463325252;
	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void fill(const char *shape)
{
	bool mixed = shape[0] == 'm', all = shape[0] == 't';
	for (int s = 0; s < SETS; s++)
		for (int w = 0; w < 4; w++) {
			struct plain *p = &plains[s];
			p->calls[w] = mixed ? (draw() & 1 ? 10 : 400) : all ? 300 : 10;
			p->answered[w] = mixed ? (draw() & 1 ? 10 : 150) : all ? 150 : 300;
			p->callees[w] = mixed ? (draw() & 1 ? 1 : 100) : all ? 100 : 1;
			p->callee_ratio[w] = mixed ? (draw() & 1 ? 0.1 : 0.9) : all ? 0.9 : 0.1;
			p->short6_ratio[w] = mixed ? (draw() & 1 ? 0.01 : 0.4) : all ? 0.4 : 0.01;
			p->avg_talk_s[w] = mixed ? (draw() & 1 ? 8 : 60) : all ? 8 : 60;
		}
	uint32_t n;
	const struct figure_key *keys = rules_figures(set, &n);
	for (int s = 0; s < SETS; s++)
		for (uint32_t i = 0; i < n; i++) {
			int w = keys[i].window_ms == MINUTE_MS ? 0 : keys[i].window_ms == HOUR_MS ? 1 : keys[i].window_ms == DAY_MS ? 2 : 3;
			const struct plain *p = &plains[s];
			enum feature f = keys[i].feature;
			bool real = feature_info(f)->type == VALUE_DOUBLE;
			values[s][i].type = real ? VALUE_DOUBLE : VALUE_INT;
			if (real)
				values[s][i].d = f == FEATURE_CALLEE_RATIO ? p->callee_ratio[w]
						 : f == FEATURE_AVG_TALK_S ? p->avg_talk_s[w]
									   : p->short6_ratio[w];
			else
				values[s][i].i = f == FEATURE_CALLS ? p->calls[w] : f == FEATURE_CALLEES ? p->callees[w] : p->answered[w];
		}
}

static uint64_t run_machine(void)
{
	uint64_t filled[1] = {UINT64_MAX}, hits = 0;
	struct figures f = {.filled = filled, .fill = no_fill};
	const struct expr_input in = {.figures = &f};
	struct cel v;
	f.keys = rules_figures(set, &f.n);
	for (int k = 0; k < REPEAT; k++)
		for (int s = 0; s < SETS; s++) {
			f.values = values[s];
			for (uint32_t i = 0; i < RULES; i++)
				hits += program_run(&set->rules[i].program, &machine, &in, &v, NULL) && v.b;
		}
	return hits;
}

static uint64_t run_chain(void)
{
	uint64_t filled[1] = {UINT64_MAX}, hits = 0, errors[RULES] = {0}, holds[CHAIN_ROOM(RULES)];
	struct figures f = {.filled = filled, .fill = no_fill};
	const struct expr_input in = {.figures = &f};
	f.keys = rules_figures(set, &f.n);
	for (int k = 0; k < REPEAT; k++)
		for (int s = 0; s < SETS; s++) {
			f.values = values[s];
			chain_run(&set->chain[SUBJECT_NUMBER], &machine, &in, errors, holds);
			for (uint32_t i = 0; (i = chain_next(holds, i, RULES)) < RULES; i++)
				hits++;
		}
	return hits;
}

static uint64_t run_switch(void)
{
	uint64_t hits = 0;
	for (int k = 0; k < REPEAT; k++)
		for (int s = 0; s < SETS; s++)
			for (int i = 0; i < RULES; i++)
				hits += by_hand(&plains[s], i);
	return hits;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Of the processor, so that neighbours on the machine do not count. */
static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct {
	const char *name;
	uint64_t (*run)(void);
} ways[] = {{"", run_chain}, {"_one_by_one", run_machine}, {"_switch", run_switch}};
#define WAYS (sizeof ways / sizeof ways[0])

/* All ways in turn, round by round. */
static void measure(const char *shape)
{
	double rate[WAYS][ROUNDS], middle[WAYS];
	uint64_t hits[WAYS];
	fill(shape);
	for (int i = 0; i < ROUNDS; i++)
		for (size_t w = 0; w < WAYS; w++) {
			double from = cpu_seconds();
			hits[w] = ways[w].run();
			rate[w][i] = REPEAT * SETS / (cpu_seconds() - from) / 1e6;
		}
	for (size_t w = 0; w < WAYS; w++) {
		qsort(rate[w], ROUNDS, sizeof rate[w][0], by_value);
		middle[w] = rate[w][ROUNDS / 2];
		printf("bench_rules_eval_20_%s%s %.2f M/s p50 %.2f p99 %.2f n %d (best %.2f)\n", shape, ways[w].name, middle[w], middle[w],
		       rate[w][ROUNDS / 100], ROUNDS, rate[w][ROUNDS - 1]);
		if (hits[w] != hits[0]) {
			fprintf(stderr, "%llu in place of %llu conditions are true\n", (unsigned long long)hits[w],
				(unsigned long long)hits[0]);
			exit(1);
		}
	}
}

int main(void)
{
	make_rules();
	machine_init(&machine, EXPR_STEPS_MAX);
	if (getenv("ONLY")) {
		measure(getenv("ONLY"));
		return 0;
	}
	measure("first");
	measure("mixed");
	measure("true");
	machine_release(&machine);
	rules_free(set);
	return 0;
}
