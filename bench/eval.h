/* SPDX-License-Identifier: Apache-2.0 */
/* What the benches of rules over figures that are filled already share: rules of 3 conditions over four windows, 1,024 sets of figures in three shapes, a
 * way of timing. "mixed": each figure is on the one or the other side of its thresholds by its own draw. "true": all conditions are true, nothing is cut
 * short. "first": the first condition is false, what most calls look like. Each bench is one file: this header holds static things. */
#ifndef RINGFENCE_BENCH_EVAL_H
#define RINGFENCE_BENCH_EVAL_H

#include "base/arena.h"
#include "base/clock.h"
#include "rules/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SETS 1024
#define ROUNDS 21

/* Figures of one subject, as C reads them: counts and ratios over four windows. */
struct plain {
	int64_t calls[4], answered[4], callees[4];
	double callee_ratio[4], short6_ratio[4], avg_talk_s[4];
};

static const char *const windows[] = {"1m", "1h", "24h", "7d"};
static const char *const shapes[] = {"first", "mixed", "true"};
static struct plain plains[SETS];
static struct value values[SETS][64];
static struct machine machine;

static void no_fill(struct figures *f, uint32_t slot)
{
	(void)f;
	fprintf(stderr, "figure %u is not filled\n", slot);
	exit(3);
}

/* Rule i of 20; `near` moves its thresholds a little, to where all shapes stay what they are. */
static void put_rule(struct buf *out, int i, int near)
{
	const char *w = windows[i % 4];
	const int few = near % 4, more = near / 4 % 4, most = near / 16 % 4;
	switch (i / 4) {
	case 0:
		buf_printf(out, "calls[\"%s\"] > %d && callee_ratio[\"%s\"] >= 0.5%d && answered[\"%s\"] >= %d", w, 40 + few, w, more, w,
			   20 + most);
		break;
	case 1:
		buf_printf(out, "callees[\"%s\"] > %d && callee_ratio[\"%s\"] >= 0.8%d && avg_talk_s[\"%s\"] < %d", w, 20 + few, w, more, w,
			   15 + most);
		break;
	case 2:
		buf_printf(out, "short6_ratio[\"%s\"] > 0.15%d && answered[\"%s\"] >= %d && calls[\"%s\"] < %d", w, few, w, 100 + more, w,
			   5000 + most);
		break;
	case 3:
		buf_printf(out, "avg_talk_s[\"%s\"] < %d && answered[\"%s\"] >= %d && callees[\"%s\"] != %d", w, 15 + few, w, 100 + more, w,
			   1 - 2 * most);
		break;
	default:
		buf_printf(out, "answered[\"%s\"] <= %d && calls[\"%s\"] >= %d && callee_ratio[\"%s\"] > 0.75%d", w, 200 + few, w,
			   75 + more, w, most);
	}
}

static struct rules *load(struct buf *yaml)
{
	struct buf problems = {0};
	struct rules *set;
	if (rules_parse(buf_slice(yaml), "bench", &set, &problems)) {
		fprintf(stderr, SLICE_FMT, SLICE_ARG(buf_slice(&problems)));
		exit(3);
	}
	buf_release(yaml);
	return set;
}

static uint64_t draw(void)
{
	static uint64_t x = 88172645463325252;
	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void draw_figures(const char *shape)
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
}

/* What was drawn, at the slots of a set. */
static void lay_out(const struct rules *set)
{
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

/* Rates in M/s, sorted by this; returns the middle one. */
static double report(const char *name, double *rates)
{
	qsort(rates, ROUNDS, sizeof *rates, by_value);
	double middle = rates[ROUNDS / 2];
	printf("%s %.3f M/s p50 %.3f p99 %.3f n %d (best %.3f)\n", name, middle, middle, rates[ROUNDS / 100], ROUNDS, rates[ROUNDS - 1]);
	return middle;
}

#endif
