/* SPDX-License-Identifier: Apache-2.0 */
/* 1,000 rules of 3 conditions over figures that are filled already, one core, beside 20: the 20 rules of bench_rules_eval_20 for each of 50 customers, each
 * with thresholds of its own, three times one of four values (64 combinations, so that some customers agree in some).
 *   bench_rules_eval_1000
 * Timed: the chain of 20; of 1,000 that are asked of every number ("open"); of 1,000 that begin with `account == "..."` ("guarded"), where each
 * number belongs to one of the customers; the open ones one by one, which share nothing. "_ratio": time of 1,000 / time of 20. Not timed: loading, filling. */
#include "bench/eval.h"

#define CUSTOMERS 50
#define SMALL 20
#define LARGE (CUSTOMERS * SMALL)

static char accounts[CUSTOMERS][16];

static struct rules *make_rules(int customers, bool guarded)
{
	struct buf yaml = {0};
	buf_puts(&yaml, "groups:\n- name: g\n  rules:\n");
	for (int c = 0; c < customers; c++)
		for (int i = 0; i < SMALL; i++) {
			buf_printf(&yaml, "  - alert: C%dR%d\n    expr: |\n      ", c, i);
			if (guarded)
				buf_printf(&yaml, "account == \"%s\" && ", accounts[c]);
			put_rule(&yaml, i, (int)((uint32_t)(c * SMALL + i) * 2654435761u >> 26)); /* 0 to 63 */
			buf_puts(&yaml, "\n");
		}
	return load(&yaml);
}

static uint64_t run_chain(const struct rules *set)
{
	static uint64_t holds[CHAIN_ROOM(LARGE)], errors[LARGE];
	uint64_t filled[1] = {UINT64_MAX}, hits = 0;
	struct figures f = {.filled = filled, .fill = no_fill};
	f.keys = rules_figures(set, &f.n);
	for (int s = 0; s < SETS; s++) {
		const struct expr_input in = {.figures = &f, .account = slice_of(accounts[s % CUSTOMERS])};
		f.values = values[s];
		chain_run(&set->chain[SUBJECT_NUMBER], &machine, &in, errors, holds);
		for (uint32_t i = 0; (i = chain_next(holds, i, set->cnt)) < set->cnt; i++)
			hits++;
	}
	return hits;
}

static uint64_t run_one_by_one(const struct rules *set)
{
	uint64_t filled[1] = {UINT64_MAX}, hits = 0;
	struct figures f = {.filled = filled, .fill = no_fill};
	struct cel v;
	f.keys = rules_figures(set, &f.n);
	for (int s = 0; s < SETS; s++) {
		const struct expr_input in = {.figures = &f, .account = slice_of(accounts[s % CUSTOMERS])};
		f.values = values[s];
		for (uint32_t i = 0; i < set->cnt; i++)
			hits += program_run(&set->rules[i].program, &machine, &in, &v, NULL) && v.b;
	}
	return hits;
}

enum { OF_20, OPEN, GUARDED, ONE_BY_ONE, WAYS };

static void measure(const char *shape, struct rules *const *sets)
{
	static const char *const names[] = {"20", "open", "guarded", "one_by_one"};
	double rates[WAYS][ROUNDS], middle[WAYS];
	uint64_t hits[WAYS];
	char name[64];
	draw_figures(shape);
	for (int i = 0; i < ROUNDS; i++)
		for (int w = 0; w < WAYS; w++) {
			const int repeat = w == OF_20 || w == GUARDED ? 32 : 1;
			lay_out(sets[w]);
			double from = cpu_seconds();
			for (int k = 0; k < repeat; k++)
				hits[w] = w == ONE_BY_ONE ? run_one_by_one(sets[w]) : run_chain(sets[w]);
			rates[w][i] = repeat * SETS / (cpu_seconds() - from) / 1e6;
		}
	if (hits[OPEN] != hits[ONE_BY_ONE] || hits[GUARDED] > hits[OPEN]) {
		fprintf(stderr, "%llu in place of %llu conditions are true\n", (unsigned long long)hits[OPEN],
			(unsigned long long)hits[ONE_BY_ONE]);
		exit(1);
	}
	for (int w = 0; w < WAYS; w++) {
		snprintf(name, sizeof name, "bench_rules_eval_1000_%s_%s", shape, names[w]);
		middle[w] = report(name, rates[w]);
	}
	for (int w = OPEN; w < WAYS; w++)
		printf("bench_rules_eval_1000_%s_%s_ratio %.2f times p50 - p99 - n 1 (1,000 rules / 20)\n", shape, names[w],
		       middle[OF_20] / middle[w]);
}

int main(void)
{
	for (int i = 0; i < CUSTOMERS; i++)
		snprintf(accounts[i], sizeof accounts[i], "customer-%d", i);
	struct rules *open = make_rules(CUSTOMERS, false);
	struct rules *const sets[WAYS] = {make_rules(1, false), open, make_rules(CUSTOMERS, true), open};
	machine_init(&machine, EXPR_STEPS_MAX);
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		measure(shapes[i], sets);
	machine_release(&machine);
	for (int w = OF_20; w <= GUARDED; w++)
		rules_free(sets[w]);
	return 0;
}
