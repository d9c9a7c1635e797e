/* SPDX-License-Identifier: Apache-2.0 */
/* Totals of the past days, read from what a record keeps anyway. Meaning and bounds: scoring.h.
 *
 * PRECISION
 *   A piece is spread over the days between its first and its last start in proportion to time. Cumulative sums are cut off, not shares, so that the days
 *   of a piece add up to it. A piece's starts may be saturated (before the base, or too far behind it): then it counts by its ends. */
#include "scoring/places.h"
#include "scoring/subject.h"

#include <stdlib.h>

struct days {
	struct day_total *of;
	uint32_t cnt;
	uint16_t zone;
	int64_t begin_ms[DAY_TOTALS_MAX + 1]; /* of each day, and of the one after */
};

static uint32_t open_days(struct days *d, int64_t from_ms, int64_t as_of_ms)
{
	int64_t first = zone_day(d->zone, from_ms), last = zone_day(d->zone, as_of_ms);
	d->cnt = last - first + 1 < DAY_TOTALS_MAX ? (uint32_t)(last - first + 1) : DAY_TOTALS_MAX;
	for (uint32_t i = 0; i < d->cnt; i++)
		d->of[i] = (struct day_total){.day = first + i};
	for (uint32_t i = 0; i <= d->cnt; i++)
		d->begin_ms[i] = zone_day_begin_ms(d->zone, first + i);
	d->of[0].partly = from_ms > d->begin_ms[0];
	return d->cnt;
}

/* The day of a moment; cnt if it is none of these. */
static uint32_t day_at(const struct days *d, int64_t ms)
{
	uint32_t i = 0;
	if (ms < d->begin_ms[0] || ms >= d->begin_ms[d->cnt])
		return d->cnt;
	while (ms >= d->begin_ms[i + 1])
		i++;
	return i;
}

static void add_calls(struct days *d, const struct calls *h, int64_t edge_ms)
{
	for (uint32_t i = h->from; i < h->from + (uint32_t)h->cnt; i++) {
		const struct call *c = &h->call[i];
		uint32_t at = day_at(d, calls_start_ms(h, c));
		if (calls_end_ms(h, c) <= edge_ms || at == d->cnt)
			continue;
		d->of[at].calls++;
		d->of[at].answered += c->flags >> COUNT_ANSWERED & 1;
		d->of[at].talk_ms += c->talk_ms;
	}
}

/* Of `n`, those in the first `part` of `whole`. */
static uint64_t share_of(uint64_t n, uint64_t part, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)n * part / whole);
}

static void spread_piece(struct days *d, const struct piece *p, int64_t first_ms, int64_t last_ms)
{
	uint64_t span = (uint64_t)(last_ms - first_ms) + 1;
	for (uint32_t i = 0; i < d->cnt; i++) {
		int64_t from = d->begin_ms[i] > first_ms ? d->begin_ms[i] : first_ms;
		int64_t to = d->begin_ms[i + 1] <= last_ms ? d->begin_ms[i + 1] : last_ms + 1;
		if (from >= to)
			continue;
		uint64_t a = (uint64_t)(from - first_ms), b = (uint64_t)(to - first_ms);
		struct day_total *t = &d->of[i];
		t->calls += share_of(p->calls, b, span) - share_of(p->calls, a, span);
		t->answered += share_of(p->count[COUNT_ANSWERED], b, span) - share_of(p->count[COUNT_ANSWERED], a, span);
		t->talk_ms += share_of(p->talk_ms, b, span) - share_of(p->talk_ms, a, span);
		t->spread += b - a < span ? p->calls : 0;
		t->callees = -1;
	}
}

static void add_pieces(struct days *d, const struct calls *h, int64_t edge_ms)
{
	const struct pieces *p = &h->deep->pieces;
	for (uint16_t at = p->newest; at != NO_PIECE && h->base_ms + piece_at(p, at)->first > edge_ms; at = piece_at(p, at)->older) {
		const struct piece *q = piece_at(p, at);
		bool sound = q->min_start > 0 && q->max_start < UINT32_MAX;
		spread_piece(d, q, h->base_ms + (sound ? q->min_start : q->first), h->base_ms + (sound ? q->max_start : q->last));
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Of the days that no piece reaches into. */
static void count_callees(struct days *d, const struct calls *h, int64_t edge_ms)
{
	uint64_t called[CALLS_EXACT];
	for (uint32_t i = 0; i < d->cnt; i++) {
		uint32_t n = 0;
		if (d->of[i].callees < 0)
			continue;
		for (uint32_t k = h->from; k < h->from + (uint32_t)h->cnt; k++)
			if (h->call[k].callee && calls_end_ms(h, &h->call[k]) > edge_ms && day_at(d, calls_start_ms(h, &h->call[k])) == i)
				called[n++] = h->call[k].callee;
		qsort(called, n, sizeof *called, by_value);
		for (uint32_t k = 0; k < n; k++)
			d->of[i].callees += k == 0 || called[k] != called[k - 1];
	}
}

uint32_t subject_days(const struct subject *s, uint16_t zone, int64_t as_of_ms, struct day_total out[DAY_TOTALS_MAX])
{
	const struct calls *h = s->history;
	struct days d = {.of = out, .zone = zone};
	if (!h)
		return 0;
	as_of_ms = as_of_ms > s->clock_ms ? as_of_ms : s->clock_ms;
	int64_t edge_ms = as_of_ms - WINDOW_MAX_MS;
	open_days(&d, edge_ms, as_of_ms);
	add_calls(&d, h, edge_ms);
	if (h->deep)
		add_pieces(&d, h, edge_ms);
	count_callees(&d, h, edge_ms);
	return d.cnt;
}
