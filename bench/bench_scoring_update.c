/* SPDX-License-Identifier: Apache-2.0 */
/* A call of a number applied, and all figures of 20 rules of 3 conditions over 6 windows read after it.
 *   bench_scoring_update [--quick] [NAME...]
 * Timed (CPU time of one core): finding the subject, with prefetch over the batch; facts of the call; windows; the figures; 60 comparisons. Not timed: making
 * the stream, decoding, expressions, commits. The first half of a stream only warms; the second is measured in slices, p50 and p99 are over slices.
 * Numbers are drawn by Zipf 0.99; a stream spans 7 days of event time. "hot": one number makes every tenth call, its calls timed apart. "late": 5 % of the
 * calls come up to 10 minutes late. */
#include "base/clock.h"
#include "base/hash.h"
#include "scoring/scoring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 1000
#define AHEAD 2 /* records from stage to stage */
#define SPAN_MS (7 * DAY_MS)
#define BEGIN_MS INT64_C(1767571200000)
#define SLICES_MAX 100000

static uint64_t seed = 1;

static uint64_t roll(void)
{
	uint64_t x = seed += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static double unit(void)
{
	return (double)(roll() >> 11) / 9007199254740992.0;
}

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- the stream ---- */

struct numbers {
	uint32_t cnt;
	double *cdf;
};

static void numbers_init(struct numbers *n, uint32_t cnt)
{
	double sum = 0;
	n->cnt = cnt;
	n->cdf = mem_alloc(cnt * sizeof *n->cdf);
	for (uint32_t i = 0; i < cnt; i++)
		n->cdf[i] = sum += pow(i + 1.0, -0.99);
	for (uint32_t i = 0; i < cnt; i++)
		n->cdf[i] /= sum;
}

static uint32_t numbers_draw(const struct numbers *n)
{
	double u = unit();
	uint32_t lo = 0, hi = n->cnt - 1;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (n->cdf[mid] > u)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct slot { /* the texts of one CDR of a batch */
	char calling[16], called[16];
};

static struct cdr cdrs[BATCH];
static struct slot texts[BATCH];

static void digits(char *to, uint64_t v, int n)
{
	for (; n > 0; v /= 10)
		to[--n] = (char)('0' + v % 10);
}

static void make(uint32_t i, uint32_t number, int64_t now_ms, uint64_t id)
{
	struct cdr *c = &cdrs[i];
	struct slot *t = &texts[i];
	uint64_t r = roll();
	memcpy(t->calling, "+1555", 5);
	digits(t->calling + 5, number, 8);
	memcpy(t->called, "+1212", 5);
	digits(t->called + 5, (r >> 8) % 3 ? (number * 7 + (r >> 16) % 8) % 10000000 : (r >> 16) % 10000000, 7);
	*c = (struct cdr){.calling_number = {t->calling, 13}, .called_number = {t->called, 12}, .callee = {t->called, 12}};
	c->caller_hash = hash64(t->calling, 13, 0);
	c->id_hash = (uint32_t)(id * UINT64_C(2654435761));
	c->event_ms = now_ms;
	c->answered = r % 5 < 2;
	c->disposition = c->answered ? DISPOSITION_ANSWERED : (uint8_t)(2 + (r >> 40) % 5);
	c->talk_ms = c->answered ? (int64_t)((r >> 44) % 90000) : 0;
	c->start_ms = now_ms - c->talk_ms - 12000;
	c->ring_ms = 12000;
	c->release_party = RELEASE_CALLER;
	c->stir_attest = 'A';
}

/* ---- the rules ---- */

static const int64_t windows[] = {5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS};
static const enum feature asked[][3] = {
	{FEATURE_CALLS, FEATURE_SHORT6_RATIO, FEATURE_ANSWERED},
	{FEATURE_CALLS, FEATURE_ANSWER_RATIO, FEATURE_CALLEE_RATIO},
	{FEATURE_CALLEES, FEATURE_AVG_TALK_S, FEATURE_CANCEL_RATIO},
	{FEATURE_CALLS, FEATURE_NEIGHBOUR_RATIO, FEATURE_SHORT_RING_RATIO},
	{FEATURE_ANSWERED, FEATURE_ABANDONED_RATIO, FEATURE_LONG60_RATIO},
	{FEATURE_CALLS, FEATURE_INVALID_RATIO, FEATURE_REGIONS},
};

struct rules {
	struct figures figures;
	struct figure_key keys[64];
	struct value values[64];
	uint64_t filled[1];
	uint32_t slot[60], fired;
};

static uint32_t slot_of(struct rules *r, struct figure_key k)
{
	uint32_t i = 0;
	while (i < r->figures.n && (r->keys[i].feature != k.feature || r->keys[i].window_ms != k.window_ms))
		i++;
	r->keys[i] = k;
	r->figures.n += i == r->figures.n;
	return i;
}

static void rules_make(struct rules *r)
{
	memset(r, 0, sizeof *r);
	for (uint32_t i = 0; i < 20; i++)
		for (uint32_t k = 0; k < 3; k++)
			r->slot[i * 3 + k] =
				slot_of(r, (struct figure_key){.feature = asked[(i + i / 6) % 6][k], .window_ms = windows[i % 6]});
	r->figures.keys = r->keys;
	r->figures.values = r->values;
	r->figures.filled = r->filled;
}

static void rules_run(struct rules *r, const struct subject *s)
{
	uint32_t fired = 0;
	figures_reset(&r->figures, s, s->clock_ms);
	for (uint32_t i = 0; i < 60; i++) {
		struct value v = figure_get(&r->figures, r->slot[i]);
		fired += v.type == VALUE_INT ? v.i > 1000000000 : v.d > 1e9;
	}
	r->fired += fired;
}

/* ---- a run ---- */

static void apply(struct table *t, struct rules *r, const struct cdr *c)
{
	bool late;
	struct subject *s = table_find(t, c->calling_number, c->caller_hash);
	if (!s)
		s = table_add(t, c->calling_number, c->caller_hash, c->event_ms, -1);
	if (subject_add_call(t, s, c, 6 * HOUR_MS, &late) == CALL_APPLIED)
		rules_run(r, s);
}

static struct ahead ahead[AHEAD * AHEAD_STAGES]; /* of the batch */

static void look_ahead(const struct table *t, uint32_t at, uint32_t to)
{
	for (uint32_t stage = 0; stage < AHEAD_STAGES; stage++) {
		uint32_t i = at + AHEAD * (AHEAD_STAGES - 1 - stage);
		struct ahead *a = &ahead[i % (AHEAD * AHEAD_STAGES)];
		if (i >= to)
			continue;
		if (stage == 0)
			*a = (struct ahead){.key_hash = cdrs[i].caller_hash, .callee = number_pack(cdrs[i].callee)};
		table_ahead(t, a, stage);
	}
}

static void apply_batch(struct table *t, struct rules *r, uint32_t from, uint32_t to)
{
	memset(ahead, 0, sizeof ahead); /* subjects of another table */
	for (uint32_t i = from; i < to; i++) {
		look_ahead(t, i, to);
		apply(t, r, &cdrs[i]);
	}
}

struct run {
	const char *name;
	uint32_t numbers;
	uint64_t cdrs;
	uint32_t late_a_100;
	bool hot;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double report(const char *name, const char *part, double *ns, uint32_t n)
{
	double sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += ns[i];
	qsort(ns, n, sizeof *ns, by_value);
	printf("bench_scoring_update_%s%s %.1f ns/cdr p50 %.1f p99 %.1f n %u (%.2f M cdr/s)\n", name, part, sum / n, ns[n / 2],
	       ns[n * 99 / 100], n, 1e3 / (sum / n));
	fflush(stdout);
	return sum / n;
}

static double run(const struct run *what)
{
	static double all[SLICES_MAX], hot[SLICES_MAX];
	static struct rules rules;
	struct numbers numbers;
	struct table *t = table_new(0);
	uint32_t slices = 0;
	int64_t step_us = SPAN_MS * 1000 / (int64_t)what->cdrs, at_us = 0;
	seed = 1;
	numbers_init(&numbers, what->numbers);
	rules_make(&rules);
	for (uint64_t done = 0; done < what->cdrs; done += BATCH) {
		uint32_t hot_cnt = what->hot ? BATCH / 10 : 0;
		for (uint32_t i = 0; i < BATCH; i++, at_us += step_us) {
			int64_t late_ms = what->late_a_100 && roll() % 100 < what->late_a_100 ? (int64_t)(roll() % (10 * MINUTE_MS)) : 0;
			make(i, i < hot_cnt ? 99999999 : numbers_draw(&numbers), BEGIN_MS + at_us / 1000 - late_ms, done + i);
		}
		int64_t from = cpu_ns();
		apply_batch(t, &rules, 0, hot_cnt);
		int64_t mid = cpu_ns();
		apply_batch(t, &rules, hot_cnt, BATCH);
		int64_t end = cpu_ns();
		table_clean(t);
		if (done >= what->cdrs / 2 && slices < SLICES_MAX) {
			hot[slices] = hot_cnt ? (double)(mid - from) / hot_cnt : 0;
			all[slices++] = (double)(end - from) / BATCH;
		}
	}
	double mean = report(what->name, "", all, slices);
	if (what->hot)
		printf("bench_scoring_update_%s_ratio %.2f times p50 - p99 - n 1\n", what->name,
		       report(what->name, "_its_calls", hot, slices) / mean);
	printf("bench_scoring_update_%s_memory %.0f MiB p50 - p99 - n 1 (%llu subjects)\n", what->name, (double)table_bytes(t) / 1048576,
	       (unsigned long long)table_subjects(t));
	table_free(t);
	free(numbers.cdf);
	return mean;
}

/* Every number makes ten calls, in random order: what replay holds in memory. Nothing is read. */
static void run_memory(uint32_t numbers)
{
	struct table *t = table_new(0);
	struct rusage usage;
	int64_t from = cpu_ns();
	seed = 1;
	for (uint64_t done = 0; done < 10 * (uint64_t)numbers; done += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++) /* ten rounds, each a permutation of all numbers */
			make(i, (uint32_t)((done + i) % numbers * UINT64_C(2654435761) % numbers),
			     BEGIN_MS + (int64_t)(done * 10 / numbers) * DAY_MS / 20 + (int64_t)(roll() % DAY_MS), done + i);
		memset(ahead, 0, sizeof ahead);
		for (uint32_t i = 0; i < BATCH; i++) {
			bool late;
			const struct cdr *c = &cdrs[i];
			look_ahead(t, i, BATCH);
			struct subject *s = table_find(t, c->calling_number, c->caller_hash);
			if (!s)
				s = table_add(t, c->calling_number, c->caller_hash, c->event_ms, -1);
			(void)subject_add_call(t, s, c, 6 * HOUR_MS, &late);
		}
		table_clean(t);
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("bench_scoring_update_memory %.0f bytes/number p50 - p99 - n 1 (%llu numbers, %.0f MiB resident, %.0f ns/cdr with the "
	       "making of it)\n",
	       (double)table_bytes(t) / (double)table_subjects(t), (unsigned long long)table_subjects(t), (double)usage.ru_maxrss / 1024,
	       (double)(cpu_ns() - from) / (10.0 * numbers));
	table_free(t);
}

int main(int argc, char **argv)
{
	static const struct run runs[] = {
		{"10k", 10000, 5000000, 0, false},        {"1M", 1000000, 10000000, 0, false},    {"10M", 10000000, 20000000, 0, false},
		{"1M_late", 1000000, 10000000, 5, false}, {"1M_hot", 1000000, 10000000, 0, true},
	};
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
	int first = quick ? 2 : 1;
	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		struct run r = runs[i];
		bool wanted = first >= argc;
		for (int k = first; k < argc; k++)
			wanted = wanted || strcmp(argv[k], r.name) == 0;
		r.cdrs /= quick ? 5 : 1;
		if (wanted)
			run(&r);
	}
	if (argc > first && strcmp(argv[first], "memory") == 0)
		run_memory(quick ? 2000000 : 10000000);
	return 0;
}
