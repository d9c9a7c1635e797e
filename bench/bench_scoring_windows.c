/* SPDX-License-Identifier: Apache-2.0 */
/* The same stream and the same 18 figures (calls, answered, talk_s over six windows) in three ways:
 *   list     every call of the last 31 days is kept; each window is counted from its newest call back. Exact: the measure of the others
 *   buckets  60 buckets a window, each 1/60 of it long; a window is the sum of its 60. No late calls
 *   pieces   ours: scoring/calls.c
 *   bench_scoring_windows [--quick]
 * Timed (CPU time of one core): the update and the 18 figures after it; not the making of the stream. Errors: of `calls`, against the list, in windows of ten
 * calls or more. 2,000 numbers, drawn by Zipf 0.99, over 31 days. */
#include "base/clock.h"
#include "base/hash.h"
#include "scoring/scoring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NUMBERS 2000
#define WINDOWS 6
#define BUCKETS 60
#define BATCH 1000
#define BEGIN_MS INT64_C(1767571200000)
#define SPAN_MS (31 * DAY_MS)

static const int64_t windows[WINDOWS] = {5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS};

struct sums {
	uint64_t calls[WINDOWS], answered[WINDOWS], talk_ms[WINDOWS];
};

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static uint64_t roll(uint64_t *seed)
{
	uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* ---- the list ---- */

struct call {
	int64_t ms, talk_ms; /* 0: not answered */
};

struct list {
	struct call *call;
	size_t from, cnt, cap;
};

static void list_add(struct list *l, const struct call *c)
{
	if (l->from + l->cnt == l->cap) {
		size_t cap = l->cnt < 8 ? 16 : 2 * l->cnt;
		struct call *grown = mem_alloc(cap * sizeof *grown);
		if (l->cnt)
			memcpy(grown, l->call + l->from, l->cnt * sizeof *grown);
		free(l->call);
		*l = (struct list){grown, 0, l->cnt, cap};
	}
	l->call[l->from + l->cnt++] = *c;
	while (l->call[l->from].ms <= c->ms - WINDOW_MAX_MS) {
		l->from++;
		l->cnt--;
	}
}

static void list_read(const struct list *l, int64_t now_ms, struct sums *s)
{
	memset(s, 0, sizeof *s);
	for (int w = 0; w < WINDOWS; w++)
		for (size_t i = l->from + l->cnt; i-- > l->from && l->call[i].ms > now_ms - windows[w];) {
			s->calls[w]++;
			s->answered[w] += l->call[i].talk_ms > 0;
			s->talk_ms[w] += (uint64_t)l->call[i].talk_ms;
		}
}

/* ---- the buckets ---- */

struct ring {
	int64_t newest; /* number of the newest bucket since 1970 */
	uint32_t calls[BUCKETS], answered[BUCKETS];
	uint64_t talk_ms[BUCKETS];
};

static void ring_add(struct ring *r, int64_t window_ms, const struct call *c)
{
	int64_t at = c->ms / (window_ms / BUCKETS);
	for (int64_t i = at - r->newest > BUCKETS ? at - BUCKETS : r->newest; i < at;) {
		uint32_t k = (uint32_t)(++i % BUCKETS);
		r->calls[k] = r->answered[k] = 0;
		r->talk_ms[k] = 0;
	}
	r->newest = at;
	r->calls[at % BUCKETS]++;
	r->answered[at % BUCKETS] += c->talk_ms > 0;
	r->talk_ms[at % BUCKETS] += (uint64_t)c->talk_ms;
}

static void rings_read(const struct ring *r, struct sums *s)
{
	memset(s, 0, sizeof *s);
	for (int w = 0; w < WINDOWS; w++)
		for (int k = 0; k < BUCKETS; k++) {
			s->calls[w] += r[w].calls[k];
			s->answered[w] += r[w].answered[k];
			s->talk_ms[w] += r[w].talk_ms[k];
		}
}

/* ---- ours ---- */

struct pieces_of {
	struct table *table;
	struct figures figures;
	struct figure_key keys[3 * WINDOWS];
	struct value values[3 * WINDOWS];
	uint64_t filled[1];
};

static void pieces_init_all(struct pieces_of *p)
{
	static const enum feature asked[] = {FEATURE_CALLS, FEATURE_ANSWERED, FEATURE_TALK_S};
	memset(p, 0, sizeof *p);
	p->table = table_new(0);
	for (uint32_t i = 0; i < 3 * WINDOWS; i++)
		p->keys[i] = (struct figure_key){.feature = asked[i / WINDOWS], .window_ms = windows[i % WINDOWS]};
	p->figures.keys = p->keys;
	p->figures.n = 3 * WINDOWS;
	p->figures.values = p->values;
	p->figures.filled = p->filled;
}

static void pieces_add_read(struct pieces_of *p, const struct cdr *c, struct sums *s)
{
	bool late;
	struct subject *sub = table_find(p->table, c->calling_number, c->caller_hash);
	if (!sub)
		sub = table_add(p->table, c->calling_number, c->caller_hash, c->event_ms, -1);
	(void)subject_add_call(p->table, sub, c, 6 * HOUR_MS, &late);
	figures_reset(&p->figures, sub, sub->clock_ms);
	for (uint32_t w = 0; w < WINDOWS; w++) {
		s->calls[w] = (uint64_t)figure_get(&p->figures, w).i;
		s->answered[w] = (uint64_t)figure_get(&p->figures, WINDOWS + w).i;
		s->talk_ms[w] = (uint64_t)(figure_get(&p->figures, 2 * WINDOWS + w).d * 1000);
	}
}

/* ---- side by side ---- */

struct errors {
	double worst, sum;
	uint64_t n;
};

static void errors_add(struct errors *e, const struct sums *got, const struct sums *right)
{
	for (int w = 0; w < WINDOWS; w++) {
		if (right->calls[w] < 10)
			continue;
		double off = fabs((double)got->calls[w] - (double)right->calls[w]) / (double)right->calls[w];
		e->worst = off > e->worst ? off : e->worst;
		e->sum += off;
		e->n++;
	}
}

static void numbers_cdf(double *cdf)
{
	double sum = 0;
	for (int i = 0; i < NUMBERS; i++)
		cdf[i] = sum += pow(i + 1.0, -0.99);
	for (int i = 0; i < NUMBERS; i++)
		cdf[i] /= sum;
}

struct record {
	struct call call;
	uint32_t number;
	char calling[16];
	struct cdr cdr;
};

static struct record batch[BATCH];
static struct sums right[BATCH], of_rings[BATCH], of_ours[BATCH];

static void make(struct record *r, const double *cdf, uint64_t random, int64_t ms, uint32_t id)
{
	double u = (double)(random >> 11) / 9007199254740992.0;
	uint32_t lo = 0, hi = NUMBERS - 1;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (cdf[mid] > u)
			hi = mid;
		else
			lo = mid + 1;
	}
	r->number = lo;
	r->call = (struct call){ms, random % 5 < 2 ? 1 + (int64_t)(random % 90000) : 0};
	snprintf(r->calling, sizeof r->calling, "+1555%08u", lo);
	r->cdr = (struct cdr){.calling_number = {r->calling, 13},
			      .called_number = {"+12125550001", 12},
			      .callee = {"+12125550001", 12},
			      .caller_hash = hash64(r->calling, 13, 0),
			      .id_hash = id * UINT32_C(2654435761),
			      .event_ms = ms,
			      .start_ms = ms - r->call.talk_ms,
			      .answered = r->call.talk_ms > 0,
			      .disposition = r->call.talk_ms > 0 ? DISPOSITION_ANSWERED : DISPOSITION_BUSY,
			      .talk_ms = r->call.talk_ms,
			      .ring_ms = CDR_NONE};
}

int main(int argc, char **argv)
{
	static double cdf[NUMBERS];
	static struct list lists[NUMBERS];
	uint64_t cdrs = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 300000 : 1000000, seed = 1;
	struct ring(*rings)[WINDOWS] = mem_zalloc(NUMBERS * sizeof *rings);
	int64_t ns[3] = {0}, list_bytes = 0;
	struct errors of_buckets = {0}, of_pieces = {0};
	struct pieces_of ours;
	numbers_cdf(cdf);
	pieces_init_all(&ours);
	for (uint64_t done = 0; done < cdrs; done += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++)
			make(&batch[i], cdf, roll(&seed), BEGIN_MS + (int64_t)((double)SPAN_MS / (double)cdrs * (double)(done + i)),
			     (uint32_t)(done + i));
		ns[0] -= cpu_ns();
		for (uint32_t i = 0; i < BATCH; i++) {
			list_add(&lists[batch[i].number], &batch[i].call);
			list_read(&lists[batch[i].number], batch[i].call.ms, &right[i]);
		}
		ns[0] += cpu_ns();
		ns[1] -= cpu_ns();
		for (uint32_t i = 0; i < BATCH; i++) {
			for (int w = 0; w < WINDOWS; w++)
				ring_add(&rings[batch[i].number][w], windows[w], &batch[i].call);
			rings_read(rings[batch[i].number], &of_rings[i]);
		}
		ns[1] += cpu_ns();
		ns[2] -= cpu_ns();
		for (uint32_t i = 0; i < BATCH; i++)
			pieces_add_read(&ours, &batch[i].cdr, &of_ours[i]);
		ns[2] += cpu_ns();
		for (uint32_t i = 0; i < BATCH; i++) {
			errors_add(&of_buckets, &of_rings[i], &right[i]);
			errors_add(&of_pieces, &of_ours[i], &right[i]);
		}
	}
	for (int i = 0; i < NUMBERS; i++) {
		list_bytes += (int64_t)(lists[i].cap * sizeof(struct call));
		free(lists[i].call);
	}
	double n = (double)cdrs;
	printf("bench_scoring_windows_list %.0f ns/cdr p50 - p99 - n 1 (%.0f bytes a number of %.0f calls)\n", (double)ns[0] / n,
	       (double)list_bytes / NUMBERS, n / NUMBERS);
	printf("bench_scoring_windows_buckets %.0f ns/cdr p50 - p99 - n 1 (%zu bytes a number)\n", (double)ns[1] / n, sizeof *rings);
	printf("bench_scoring_windows_pieces %.0f ns/cdr p50 - p99 - n 1 (%.0f bytes a number)\n", (double)ns[2] / n,
	       (double)table_bytes(ours.table) / NUMBERS);
	printf("bench_scoring_windows_buckets_error %.4f of_the_truth p50 - p99 - n %llu (the worst; %.5f on average)\n", of_buckets.worst,
	       (unsigned long long)of_buckets.n, of_buckets.sum / (double)of_buckets.n);
	printf("bench_scoring_windows_pieces_error %.4f of_the_truth p50 - p99 - n %llu (the worst; %.5f on average)\n", of_pieces.worst,
	       (unsigned long long)of_pieces.n, of_pieces.sum / (double)of_pieces.n);
	printf("bench_scoring_windows_list_ratio %.2f times p50 - p99 - n 1 (list / pieces)\n", (double)ns[0] / (double)ns[2]);
	table_free(ours.table);
	free(rings);
	return 0;
}
