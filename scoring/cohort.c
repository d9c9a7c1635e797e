/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that the record of a cohort knows by name: those flagged last, those of its newest 128 calls, and those seen last before that. No more than the
 * record keeps anyway: in a cohort of many numbers these are the newest of them, not all. */
#include "scoring/subject.h"

#include <stdlib.h>

#define KNOWN_MAX (2 * DISTINCT_EXACT + 2 * CALLS_EXACT)

struct known {
	struct cohort_number v[KNOWN_MAX];
	uint32_t cnt;
};

static struct cohort_number *known(struct known *k, uint64_t number)
{
	for (uint32_t i = 0; i < k->cnt; i++)
		if (k->v[i].number == number)
			return &k->v[i];
	if (k->cnt == KNOWN_MAX)
		return NULL;
	k->v[k->cnt] = (struct cohort_number){.number = number, .flagged_ms = TIME_NONE, .last_ms = TIME_NONE};
	return &k->v[k->cnt++];
}

static void add(struct known *k, uint64_t number, int64_t ms, bool flag, bool call)
{
	struct cohort_number *n = number ? known(k, number) : NULL;
	if (!n)
		return;
	n->calls += call;
	if (ms > n->last_ms)
		n->last_ms = ms;
	if (flag && ms > n->flagged_ms)
		n->flagged_ms = ms;
}

/* Flagged ones first, the newest flag first; then those that called most, then those that called last. */
static int by_match(const void *a, const void *b)
{
	const struct cohort_number *x = a, *y = b;
	if (x->flagged_ms != y->flagged_ms)
		return x->flagged_ms > y->flagged_ms ? -1 : 1;
	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;
	if (x->last_ms != y->last_ms)
		return x->last_ms > y->last_ms ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static void add_recent(struct known *k, const struct recent *r, int64_t base_ms, int64_t edge_ms, bool flag)
{
	for (uint32_t i = 0; i < r->cnt; i++)
		if (base_ms + r->seen[i].ms > edge_ms)
			add(k, r->seen[i].value, base_ms + r->seen[i].ms, flag, false);
}

uint32_t subject_numbers(const struct subject *s, int64_t edge_ms, struct cohort_number *out, uint32_t max)
{
	struct known k = {.cnt = 0};
	struct calls *h = s->history;
	if (s->marks)
		add_recent(&k, &s->marks->flagged.recent, s->marks->base_ms, edge_ms, true);
	for (uint32_t i = 0; h && h->has_callers && i < h->cnt; i++)
		if (calls_end_ms(h, &h->call[h->from + i]) > edge_ms)
			add(&k, calls_callers(h)[h->from + i], calls_end_ms(h, &h->call[h->from + i]), false, true);
	if (h && h->deep)
		add_recent(&k, &h->deep->callers.recent, h->base_ms, edge_ms, false);
	qsort(k.v, k.cnt, sizeof *k.v, by_match);
	uint32_t n = k.cnt < max ? k.cnt : max;
	memcpy(out, k.v, n * sizeof *out);
	return n;
}

int64_t subject_newest_ms(const struct subject *s)
{
	int64_t ms = s->clock_ms;
	const struct marks *m = s->marks;
	if (m && m->flag_cnt && m->flag_ms[m->flag_cnt - 1] > ms)
		ms = m->flag_ms[m->flag_cnt - 1];
	if (m && m->flagged.recent.cnt && m->base_ms + m->flagged.recent.seen[m->flagged.recent.cnt - 1].ms > ms)
		ms = m->base_ms + m->flagged.recent.seen[m->flagged.recent.cnt - 1].ms;
	return ms;
}
