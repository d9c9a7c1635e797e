/* SPDX-License-Identifier: Apache-2.0 */
/* 20 rules of 3 conditions over figures that are filled already, one core: how often a second all 20 are evaluated.
 *   bench_rules_eval_20
 *   bench_rules_eval_20 --dump      rules and figures as JSON, a shape a line, for bench/cel_go; the count of true conditions beside them
 * Timed: the chain of all rules, as it runs after a call; the programs one by one; the same conditions written by hand as a C switch over the rules, over
 * the same sets of figures (eval.h). Not timed: loading, filling. All must count the same. */
#include "bench/eval.h"

#include <string.h>

#define RULES 20
#define REPEAT 32 /* of all sets in one round */

static struct rules *set;

static void make_rules(void)
{
	struct buf yaml = {0};
	buf_puts(&yaml, "groups:\n- name: g\n  rules:\n");
	for (int i = 0; i < RULES; i++) {
		buf_printf(&yaml, "  - alert: R%d\n    expr: |\n      ", i);
		put_rule(&yaml, i, 0);
		buf_puts(&yaml, "\n");
	}
	set = load(&yaml);
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

static const struct {
	const char *name;
	uint64_t (*run)(void);
} ways[] = {{"", run_chain}, {"_one_by_one", run_machine}, {"_switch", run_switch}};
#define WAYS (sizeof ways / sizeof ways[0])

/* All ways in turn, round by round. */
static void measure(const char *shape)
{
	double rates[WAYS][ROUNDS];
	uint64_t hits[WAYS];
	char name[64];
	for (int i = 0; i < ROUNDS; i++)
		for (size_t w = 0; w < WAYS; w++) {
			double from = cpu_seconds();
			hits[w] = ways[w].run();
			rates[w][i] = REPEAT * SETS / (cpu_seconds() - from) / 1e6;
		}
	for (size_t w = 0; w < WAYS; w++) {
		snprintf(name, sizeof name, "bench_rules_eval_20_%s%s", shape, ways[w].name);
		report(name, rates[w]);
		if (hits[w] != hits[0]) {
			fprintf(stderr, "%llu in place of %llu conditions are true\n", (unsigned long long)hits[w],
				(unsigned long long)hits[0]);
			exit(1);
		}
	}
}

/* ---- for another evaluator ---- */

static void dump_set(const struct plain *p)
{
	const int64_t *const counts[] = {p->calls, p->answered, p->callees};
	const double *const reals[] = {p->callee_ratio, p->short6_ratio, p->avg_talk_s};
	printf("[");
	for (int f = 0; f < 6; f++)
		for (int w = 0; w < 4; w++)
			printf("%s%.17g", f + w ? "," : "", f < 3 ? (double)counts[f][w] : reals[f - 3][w]);
	printf("]");
}

/* Figures in the order of "figures", each over the four windows; the first three are ints. */
static void dump(const char *shape)
{
	printf("{\"shape\":\"%s\",\"figures\":[\"calls\",\"answered\",\"callees\",\"callee_ratio\",\"short6_ratio\",\"avg_talk_s\"],",
	       shape);
	printf("\"windows\":[\"1m\",\"1h\",\"24h\",\"7d\"],\"true\":%llu,\"rules\":[", (unsigned long long)run_chain() / REPEAT);
	for (uint32_t i = 0; i < RULES; i++) {
		printf("%s\"", i ? "," : "");
		for (const char *c = set->rules[i].expr.p; c < set->rules[i].expr.p + set->rules[i].expr.len; c++)
			printf(*c == '"' ? "\\%c" : "%c", *c);
		printf("\"");
	}
	printf("],\"sets\":[");
	for (int s = 0; s < SETS; s++) {
		printf("%s", s ? "," : "");
		dump_set(&plains[s]);
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	const bool dumps = argc > 1 && strcmp(argv[1], "--dump") == 0;
	make_rules();
	machine_init(&machine, EXPR_STEPS_MAX);
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		draw_figures(shapes[i]);
		lay_out(set);
		if (dumps)
			dump(shapes[i]);
		else
			measure(shapes[i]);
	}
	machine_release(&machine);
	rules_free(set);
	return 0;
}
