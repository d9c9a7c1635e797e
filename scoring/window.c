/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   One pass from the newest call to the oldest serves all windows. The counts of a call are bits; a table spreads them to bytes, so that eight counters
 *   are added at once, and 128 calls cannot overflow a byte.
 *
 * PRECISION
 *   A window that ends inside the exact calls is exact. A wide one is read as the exact calls and all pieces that begin after its edge; what is left out
 *   is bounded in pieces.c. All its figures come from the same calls, but for distinct values and the most called number: of the true window. */
#include "scoring/window.h"

#include <assert.h>
#include <stdlib.h>

static_assert(1 << COUNT_CALLEES == CALL_LAST_CALLEE && 1 << COUNT_REGIONS == CALL_LAST_REGION && 1 << COUNT_NUMBERS == CALL_LAST_CALLER &&
		      1 << COUNT_CALLS == CALL_IS_CALL,
	      "counters of a window are marks of calls");
static_assert(FIGURE_WINDOWS <= LANES_MAX, "a lane a window");
static_assert(COUNT_FLAGGED < WINDOW_COUNTERS && COUNT_CALLS == 23, "three words of eight counters");

struct packed_sums {
	uint64_t word[3], talk_ms;
};

static void begin_window(struct window *w, const struct packed_sums *sums, uint32_t from)
{
	for (uint32_t i = 0; i <= COUNT_CALLS; i++)
		w->n[i] = ((const uint8_t *)sums->word)[SPREAD_AT(i)];
	w->talk_ms = sums->talk_ms;
	w->from = (uint16_t)from;
	w->in_lane = false;
	w->wide = false;
	w->have = (w->have & (PART_IN | PART_FLAGS)) | PART_SUMS;
}

static void sum_pieces(struct pieces *p, struct window *w, uint32_t n, const uint32_t *edges);

void window_sums(struct calls *h, struct window *w, uint32_t n, int64_t as_of_ms)
{
	struct packed_sums sums = {{0}, 0};
	uint32_t edges[FIGURE_WINDOWS], k = 0;
	assert(n <= FIGURE_WINDOWS);
	for (uint32_t i = 0; i < n; i++)
		edges[i] = calls_relative(h, as_of_ms - w[i].ms);
	const struct call *first = h->call + h->from, *c = first + h->cnt;
	while (k < n && c > first) {
		c--;
		for (; k < n && c->end <= edges[k]; k++)
			begin_window(&w[k], &sums, (uint32_t)(c - first) + 1);
		sums.word[0] += spread_byte[c->flags & 0xff];
		sums.word[1] += spread_byte[c->flags >> 8 & 0xff];
		sums.word[2] += spread_byte[c->flags >> 16 & 0xff];
		sums.talk_ms += c->talk_ms;
	}
	for (uint32_t i = k; i < n; i++)
		begin_window(&w[i], &sums, 0);
	if (k < n && h->deep && h->deep->pieces.cnt)
		sum_pieces(&h->deep->pieces, w + k, n - k, edges + k);
}

/* ---- lanes ---- */

static bool has_lanes(const struct deep *d, const struct window *w, uint32_t n)
{
	if (!d->lanes || d->lanes->cnt != n || lanes_spent(d->lanes))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (d->lanes->lane[i].at.ms != w[i].ms)
			return false;
	return true;
}

static void make_lanes(struct calls *h, const struct window *w, uint32_t n, int64_t clock_ms)
{
	int64_t ms[FIGURE_WINDOWS];
	for (uint32_t i = 0; i < n; i++)
		ms[i] = w[i].ms;
	lanes_free(h->deep->lanes);
	h->deep->lanes = h->deep->pieces.lanes = lanes_new(h, ms, n, clock_ms);
}

static void read_lane(const struct calls *h, struct window *w, uint32_t i)
{
	const struct pieces *p = &h->deep->pieces;
	struct lanes *l = h->deep->lanes;
	const struct lane_place *at = &l->lane[i].at;
	lanes_read(l, i, w->n, &w->talk_ms);
	w->in_lane = true;
	w->lane = (uint8_t)i;
	w->from = at->from;
	w->piece = at->piece;
	w->wide = at->from == 0 && p->newest != NO_PIECE && piece_at(p, p->newest)->last > at->edge;
	w->have = (w->have & (PART_IN | PART_FLAGS)) | PART_SUMS;
	w->cut = at->piece != NO_PIECE ? piece_at(p, at->piece)->older : p->newest;
}

void window_sums_kept(struct calls *h, struct window *w, uint32_t n, int64_t clock_ms)
{
	if (h->deep && !has_lanes(h->deep, w, n))
		make_lanes(h, w, n, clock_ms);
	if (!h->deep || !h->deep->lanes) {
		window_sums(h, w, n, clock_ms);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		read_lane(h, &w[i], i);
}

/* ---- pieces ---- */

static void add_piece(struct window *sums, const struct piece *p)
{
	for (int i = 0; i < COUNTER_CNT; i++)
		sums->n[i] += p->count[i];
	sums->n[COUNT_CALLS] += p->calls;
	sums->talk_ms += p->talk_ms;
	sums->min_start = p->min_start < sums->min_start ? p->min_start : sums->min_start;
	sums->max_start = p->max_start > sums->max_start ? p->max_start : sums->max_start;
	sums->gaps += p->gaps;
	sums->gap_ms += p->gap_ms;
	sums->gap_ms2 = sums->gap_ms2 > UINT64_MAX - p->gap_ms2 ? UINT64_MAX : sums->gap_ms2 + p->gap_ms2;
}

static void widen(struct window *w, const struct window *sums, uint16_t inside, uint16_t cut)
{
	w->wide = true;
	for (uint32_t i = 0; i <= COUNT_CALLS; i++)
		w->n[i] += sums->n[i];
	w->talk_ms += sums->talk_ms;
	w->min_start = sums->min_start;
	w->max_start = sums->max_start;
	w->gaps = sums->gaps;
	w->gap_ms = sums->gap_ms;
	w->gap_ms2 = sums->gap_ms2;
	w->piece = inside;
	w->cut = cut;
}

static void sum_pieces(struct pieces *p, struct window *w, uint32_t n, const uint32_t *edges)
{
	struct window sums = {.min_start = UINT32_MAX};
	uint16_t at = p->newest, inside = NO_PIECE;
	for (uint32_t k = 0; k < n; k++) {
		if (piece_at(p, p->newest)->last <= edges[k])
			continue; /* all exact calls, and no more */
		while (at != NO_PIECE && piece_at(p, at)->first > edges[k]) {
			add_piece(&sums, piece_at(p, at));
			inside = at;
			at = piece_at(p, at)->older;
		}
		widen(&w[k], &sums, inside, at);
	}
}

static uint64_t distinct_in(struct lanes *l, const struct distinct *d, const struct window *w, uint32_t which, uint32_t edge)
{
	uint32_t n = recent_count(&d->recent, edge);
	if (!w->in_lane || n <= DISTINCT_EXACT || !d->sketch)
		return distinct_count(d, edge);
	double estimate = lanes_sketch_count(l, w->lane, edge, which, d->sketch) + 0.5;
	return estimate > n ? (uint64_t)estimate : n;
}

void window_distinct(struct calls *h, struct window *w, uint32_t counter, int64_t as_of_ms)
{
	w->have |= part_of(counter);
	if (!w->wide)
		return;
	uint32_t edge = calls_relative(h, as_of_ms - w->ms);
	uint64_t calls = w->n[COUNT_CALLS], n = 0;
	if (counter == COUNT_CALLEES)
		n = distinct_in(h->deep->lanes, &h->deep->callees, w, 0, edge);
	else if (counter == COUNT_REGIONS)
		n = recent_count(&h->deep->regions, edge);
	else if (h->has_callers)
		n = distinct_in(h->deep->lanes, &h->deep->callers, w, 1, edge);
	w->n[counter] = n < calls ? n : calls;
}

/* ---- by order of start ---- */

static void add_gap(struct window *w, int64_t gap)
{
	uint64_t ms = gap > UINT32_MAX ? UINT32_MAX : (uint64_t)gap;
	w->gaps++;
	w->gap_ms += ms;
	w->gap_ms2 = ms * ms > UINT64_MAX - w->gap_ms2 ? UINT64_MAX : w->gap_ms2 + ms * ms;
}

/* Whether two exact calls side by side are linked. In a window without pieces all are: what left is not inside. */
static bool are_linked(const struct window *w, const struct call *a, const struct call *b)
{
	return !w->wide || (!(a->flags & CALL_NEXT_DONE) && !(b->flags & CALL_PREV_DONE));
}

/* What a walk over the pieces finds on its way, for a window that comes from a lane. */
static void sum_gaps(const struct pieces *p, struct window *w)
{
	struct window sums = {.min_start = UINT32_MAX};
	for (uint16_t at = w->piece == NO_PIECE ? NO_PIECE : p->newest; at != NO_PIECE;
	     at = at == w->piece ? NO_PIECE : piece_at(p, at)->older)
		add_piece(&sums, piece_at(p, at));
	w->gaps = sums.gaps;
	w->gap_ms = sums.gap_ms;
	w->gap_ms2 = sums.gap_ms2;
	w->min_start = sums.min_start;
	w->max_start = sums.max_start;
}

/* Where the orders differ, some links at the window's edge led to calls outside. The span from the first start to the last says what all links together
 * are; those that lack are taken as equal. */
static void complete_gaps(struct calls *h, struct window *w)
{
	const uint8_t *order = calls_by_start(h);
	int64_t first = calls_start_ms(h, h->call + h->from + order[0]) - h->base_ms;
	int64_t last = calls_start_ms(h, h->call + h->from + order[h->cnt - 1]) - h->base_ms;
	uint64_t links = w->n[COUNT_CALLS] - 1;
	if (w->piece != NO_PIECE) {
		if (w->min_start == 0 || w->max_start == UINT32_MAX)
			return; /* starts that lie too far off: what is linked has to do */
		first = w->min_start < first ? w->min_start : first;
		last = w->max_start > last ? w->max_start : last;
	}
	uint64_t span = (uint64_t)(last - first);
	if (links > w->gaps && span > w->gap_ms) {
		uint64_t each = (span - w->gap_ms) / (links - w->gaps);
		w->gap_ms2 += each * each * (links - w->gaps);
	} else if (links != w->gaps && w->gaps) {
		w->gap_ms2 = (uint64_t)((double)w->gap_ms2 * (double)links / (double)w->gaps);
	}
	w->gaps = links;
	w->gap_ms = span;
}

void window_gaps(struct calls *h, struct window *w)
{
	const uint8_t *order = calls_by_start(h);
	const struct call *calls = h->call + h->from, *before = NULL;
	if (!w->wide || w->in_lane)
		w->gaps = w->gap_ms = w->gap_ms2 = 0;
	if (w->wide && w->in_lane)
		sum_gaps(&h->deep->pieces, w);
	for (uint32_t i = 0; i < h->cnt; i++) {
		const struct call *c = calls + order[i];
		if (order[i] < w->from)
			continue;
		if (before && are_linked(w, before, c))
			add_gap(w, calls_start_ms(h, c) - calls_start_ms(h, before));
		before = c;
	}
	if (w->wide)
		complete_gaps(h, w);
	w->have |= PART_GAPS;
}

/* The run of the exact calls; `first` is the one that goes on from the pieces. */
static struct stretch exact_run(struct calls *h, const struct window *w)
{
	const uint8_t *order = calls_by_start(h);
	const struct call *calls = h->call + h->from, *before = NULL;
	struct stretch s = {0, 0, 0, w->wide && h->deep->run_joined};
	uint32_t length = 0;
	bool is_first = false;
	for (uint32_t i = 0; i < h->cnt; i++) {
		const struct call *c = calls + order[i];
		if (order[i] < w->from)
			continue;
		bool goes_on = before && are_linked(w, before, c) && !(w->wide && ((before->flags | c->flags) & CALL_RUN_CUT)) &&
			       number_follows(before->callee, c->callee);
		length = goes_on ? length + 1 : 1;
		is_first = (goes_on && is_first) || order[i] == 0;
		if (is_first)
			s.first = length;
		s.best = length > s.best ? length : s.best;
		before = c;
	}
	return s;
}

static struct stretch with_pieces(struct calls *h, const struct window *w, struct stretch exact, bool peak)
{
	const struct pieces *p = &h->deep->pieces;
	struct stretch s = exact;
	uint32_t calls = h->cnt;
	if (w->piece == NO_PIECE)
		return s;
	for (uint16_t at = p->newest;; at = piece_at(p, at)->older) {
		const struct piece *q = piece_at(p, at);
		s = stretch_join(peak ? &q->peak : &q->run, q->calls, &s, calls);
		calls += q->calls;
		if (at == w->piece)
			return s;
	}
}

void window_run(struct calls *h, struct window *w)
{
	struct stretch s = exact_run(h, w);
	w->run = (w->wide ? with_pieces(h, w, s, false) : s).best;
	w->have |= PART_RUN;
}

static int64_t second_of(int64_t ms)
{
	return ms / SECOND_MS - (ms % SECOND_MS < 0);
}

static struct stretch exact_peak(struct calls *h, const struct window *w)
{
	const uint8_t *order = calls_by_start(h);
	const struct call *calls = h->call + h->from;
	struct stretch s = {0, 0, 0, false};
	int64_t second = 0, joined = w->wide ? h->deep->left_second : TIME_NONE;
	uint32_t length = 0;
	for (uint32_t i = 0; i < h->cnt; i++) {
		if (order[i] < w->from)
			continue;
		int64_t t = second_of(calls_start_ms(h, calls + order[i]));
		length = length && t == second ? length + 1 : 1;
		second = t;
		if (t == joined)
			s = (struct stretch){length, s.last, s.best, true};
		s.best = length > s.best ? length : s.best;
	}
	return s;
}

void window_peak(struct calls *h, struct window *w)
{
	struct stretch s = exact_peak(h, w);
	w->peak = (w->wide ? with_pieces(h, w, s, true) : s).best;
	w->have |= PART_PEAK;
}

/* ---- the number called most ---- */

#define TALLY 2048 /* more than twice the exact calls and pieces */
static_assert(TALLY > 2 * (CALLS_EXACT + PIECES_MAX), "the tally has room for all");

struct tally {
	uint64_t value[TALLY];
	uint32_t calls[TALLY];
	uint32_t most;
};

static void tally_add(struct tally *t, uint64_t value, uint32_t calls)
{
	uint64_t x = value * UINT64_C(0x9fb21c651e98df25);
	uint32_t at = (uint32_t)(x >> 53);
	while (t->value[at] && t->value[at] != value)
		at = (at + 1) % TALLY;
	t->value[at] = value;
	t->calls[at] += calls;
	t->most = t->calls[at] > t->most ? t->calls[at] : t->most;
}

void window_top(struct calls *h, struct window *w)
{
	struct tally t;
	memset(&t, 0, sizeof t);
	for (uint32_t i = w->from; i < h->cnt; i++)
		if (h->call[h->from + i].callee)
			tally_add(&t, h->call[h->from + i].callee, 1);
	if (w->wide && w->piece != NO_PIECE) {
		const struct pieces *p = &h->deep->pieces;
		for (uint16_t at = p->newest;; at = piece_at(p, at)->older) {
			if (piece_at(p, at)->top)
				tally_add(&t, piece_at(p, at)->top, piece_at(p, at)->top_calls);
			if (at == w->piece)
				break;
		}
	}
	w->top = t.most;
	w->have |= PART_TOP;
}

/* ---- dormancy ---- */

int64_t window_dormant_days(const struct calls *h, const struct window *w, int64_t as_of_ms)
{
	const struct pieces *p = h->deep ? &h->deep->pieces : NULL;
	int64_t first = -1, before = -1;
	if (w->from < h->cnt)
		first = h->call[h->from + w->from].end;
	if (w->wide && w->piece != NO_PIECE)
		first = piece_at(p, w->piece)->first;
	if (w->from > 0)
		before = h->call[h->from + w->from - 1].end;
	else if (w->wide && w->cut != NO_PIECE)
		before = piece_at(p, w->cut)->last;
	else if (!w->wide && p && p->newest != NO_PIECE)
		before = piece_at(p, p->newest)->last;
	if (first < 0 || before < 0 || h->base_ms + before <= as_of_ms - WINDOW_MAX_MS)
		return 0;
	return (first - before) / DAY_MS;
}
