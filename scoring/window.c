/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   The newest 128 calls are kept exactly. Behind them stands an exponential histogram (Datar, Gionis, Indyk, Motwani 2002): pieces of calls, where two
 *   neighbours merge only while the merged one holds at most 4 % of all that is newer, of calls, answered calls and talk time alike. One structure
 *   serves windows of every length.
 *
 * PRECISION
 *   A window is read as all calls after one edge: where the piece at the window's beginning is cut, it is left out whole. So every figure is that of
 *   real calls, and what is missing is at most 4 % of calls, of answered calls and of talk time. A call more than 128 places late joins the piece that it
 *   falls into. Distinct callees come from the calls themselves while these are all exact, else from a sliding HyperLogLog with 256 registers
 *   (standard error 6.5 %) over the true window.
 *
 * COST
 *   Adding is amortised O(1): pieces are merged in passes, when their number has grown by a half. */
#include "scoring/calls.h"

#include <math.h>
#include <stdlib.h>

#define SHARE 0.04

struct calls *calls_new(void)
{
	return mem_zalloc(sizeof(struct calls));
}

void calls_free(struct calls *h)
{
	if (!h)
		return;
	if (h->deep)
		free(h->deep->pieces);
	free(h->deep);
	free(h->call);
	free(h);
}

int64_t calls_bytes(const struct calls *h)
{
	int64_t n = (int64_t)(sizeof *h + h->cap * sizeof *h->call);
	if (h->deep)
		n += (int64_t)(sizeof *h->deep + h->deep->piece_cap * sizeof *h->deep->pieces);
	return n;
}

bool calls_has(const struct calls *h, int64_t end_ms, uint32_t id_hash)
{
	for (int i = h->cnt - 1; i >= 0 && h->call[i].end_ms >= end_ms; i--)
		if (h->call[i].end_ms == end_ms && h->call[i].id_hash == id_hash)
			return true;
	return false;
}

/* ---- distinct callees behind the exact calls ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0x9fb21c651e98df25);
	x ^= x >> 29;
	return x;
}

/* Keeps, per register, the pairs that no newer pair outranks: times fall, ranks rise. */
static void sketch_add(struct deep *d, uint64_t value, int64_t ms)
{
	uint64_t x = mix(value);
	struct sketch_entry *e = d->sketch[x & (SKETCH_REGISTERS - 1)], kept[SKETCH_DEPTH + 1];
	uint64_t rest = x >> 8;
	uint8_t rank = (uint8_t)(rest ? __builtin_ctzll(rest) + 1 : 57);
	int n = 0, i = 0;
	for (; i < SKETCH_DEPTH && e[i].rank && e[i].ms > ms; i++) {
		if (e[i].rank >= rank)
			return; /* a newer one outranks it */
		kept[n++] = e[i];
	}
	kept[n++] = (struct sketch_entry){ms, rank};
	for (; i < SKETCH_DEPTH && e[i].rank; i++)
		if (e[i].rank > rank)
			kept[n++] = e[i];
	if (n > SKETCH_DEPTH)
		n = SKETCH_DEPTH;
	memcpy(e, kept, (size_t)n * sizeof *e);
	if (n < SKETCH_DEPTH)
		e[n].rank = 0;
}

static double sketch_count(const struct deep *d, int64_t edge_ms)
{
	double sum = 0;
	int zero = 0;
	for (int r = 0; r < SKETCH_REGISTERS; r++) {
		int rank = 0;
		for (int i = 0; i < SKETCH_DEPTH && d->sketch[r][i].rank && d->sketch[r][i].ms > edge_ms; i++)
			rank = d->sketch[r][i].rank;
		sum += ldexp(1.0, -rank);
		zero += rank == 0;
	}
	const double m = SKETCH_REGISTERS;
	double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
	return estimate <= 2.5 * m && zero ? m * log(m / zero) : estimate;
}

static uint64_t exact_callees(const struct call *c, uint32_t n)
{
	uint64_t set[2 * CALLS_EXACT] = {0}, cnt = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!c[i].callee)
			continue;
		uint32_t at = (uint32_t)c[i].callee & (2 * CALLS_EXACT - 1);
		while (set[at] && set[at] != c[i].callee)
			at = (at + 1) & (2 * CALLS_EXACT - 1);
		cnt += !set[at];
		set[at] = c[i].callee;
	}
	return cnt;
}

/* ---- pieces ---- */

static uint32_t add32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static bool is_short(const struct call *c)
{
	return (c->flags & CALL_ANSWERED) && c->talk_ms <= 6000;
}

static struct piece piece_of(const struct call *c)
{
	return (struct piece){c->end_ms, c->end_ms, 1, !!(c->flags & CALL_ANSWERED), is_short(c), c->talk_ms};
}

static struct piece merged(struct piece a, struct piece b)
{
	a.last_ms = a.last_ms > b.last_ms ? a.last_ms : b.last_ms;
	a.first_ms = a.first_ms < b.first_ms ? a.first_ms : b.first_ms;
	a.calls = add32(a.calls, b.calls);
	a.answered = add32(a.answered, b.answered);
	a.short6 = add32(a.short6, b.short6);
	a.talk_ms += b.talk_ms;
	return a;
}

static bool may_merge(const struct piece *p, const struct piece *newer, double share)
{
	return p->calls <= share * newer->calls && p->answered <= share * newer->answered &&
	       (double)p->talk_ms <= share * (double)newer->talk_ms;
}

/* One pass from the newest to the oldest; drops what no window can reach. */
static void compact(struct calls *h, int64_t clock_ms, double share)
{
	struct deep *d = h->deep;
	struct piece newer = {0}, open;
	uint32_t to = d->piece_cnt, i = d->piece_cnt;
	for (uint32_t k = 0; k < h->cnt; k++)
		newer = merged(newer, piece_of(&h->call[k]));
	if (i == 0)
		return;
	open = d->pieces[--i];
	while (i > 0) {
		struct piece both = merged(d->pieces[--i], open);
		if (may_merge(&both, &newer, share)) {
			open = both;
			continue;
		}
		d->pieces[--to] = open;
		newer = merged(newer, open);
		open = d->pieces[i];
	}
	d->pieces[--to] = open;
	while (to < d->piece_cnt && d->pieces[to].last_ms <= clock_ms - WINDOW_MAX_MS)
		to++;
	memmove(d->pieces, d->pieces + to, (d->piece_cnt - to) * sizeof *d->pieces);
	d->piece_cnt -= to;
}

/* A call leaves the exact ones, or came too late for them. */
static void sink_call(struct calls *h, const struct call *c, int64_t clock_ms, bool late)
{
	struct deep *d = h->deep;
	uint32_t i = d->piece_cnt;
	while (i > 0 && d->pieces[i - 1].first_ms > c->end_ms)
		i--;
	if (i > 0 && d->pieces[i - 1].last_ms >= c->end_ms && d->pieces[i - 1].calls > 1) {
		d->pieces[i - 1] = merged(d->pieces[i - 1], piece_of(c));
	} else {
		if (d->piece_cnt == d->piece_cap) {
			d->piece_cap = d->piece_cap ? 2 * d->piece_cap : 64;
			d->pieces = mem_realloc(d->pieces, d->piece_cap * sizeof *d->pieces);
		}
		memmove(d->pieces + i + 1, d->pieces + i, (d->piece_cnt - i) * sizeof *d->pieces);
		d->pieces[i] = piece_of(c);
		d->piece_cnt++;
	}
	d->late_merged += late;
	if (d->piece_cnt < d->compact_at)
		return;
	compact(h, clock_ms, SHARE);
	for (double share = 2 * SHARE; d->piece_cnt > PIECES_MAX * 2 / 3; share *= 2) {
		compact(h, clock_ms, share);
		d->coarsened++;
	}
	d->compact_at = d->piece_cnt + d->piece_cnt / 2 + 32;
}

/* ---- a call arrives ---- */

static void go_deep(struct calls *h)
{
	h->deep = mem_zalloc(sizeof *h->deep);
	h->deep->compact_at = 64;
	for (uint32_t i = 0; i < h->cnt; i++)
		if (h->call[i].callee)
			sketch_add(h->deep, h->call[i].callee, h->call[i].end_ms);
}

static void insert(struct calls *h, const struct call *c)
{
	if (h->cnt == h->cap) {
		h->cap = (uint16_t)(h->cap < 4 ? 4 : h->cap < 96 ? h->cap * 3 / 2 : CALLS_EXACT + 1);
		h->call = mem_realloc(h->call, h->cap * sizeof *h->call);
	}
	uint32_t i = h->cnt++;
	while (i > 0 && h->call[i - 1].end_ms > c->end_ms)
		i--;
	memmove(h->call + i + 1, h->call + i, (h->cnt - 1 - i) * sizeof *h->call);
	h->call[i] = *c;
}

void calls_add(struct calls *h, const struct call *c, int64_t clock_ms)
{
	uint32_t gone = 0;
	while (gone < h->cnt && h->call[gone].end_ms <= clock_ms - WINDOW_MAX_MS && !h->deep)
		gone++;
	if (gone && h->cnt == CALLS_EXACT) { /* before going deep: what no window reaches makes room */
		memmove(h->call, h->call + gone, (h->cnt - gone) * sizeof *h->call);
		h->cnt = (uint16_t)(h->cnt - gone);
	}
	if (h->cnt == CALLS_EXACT && !h->deep)
		go_deep(h);
	if (h->deep && c->callee)
		sketch_add(h->deep, c->callee, c->end_ms);
	if (h->cnt < CALLS_EXACT) {
		insert(h, c);
		return;
	}
	if (c->end_ms < h->call[0].end_ms) {
		sink_call(h, c, clock_ms, true);
		return;
	}
	struct call oldest = h->call[0];
	memmove(h->call, h->call + 1, (size_t)(--h->cnt) * sizeof *h->call);
	insert(h, c);
	sink_call(h, &oldest, clock_ms, false);
}

/* ---- reading ---- */

static uint32_t first_after(const struct calls *h, int64_t edge_ms)
{
	uint32_t lo = 0, hi = h->cnt;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (h->call[mid].end_ms > edge_ms)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

void calls_window(const struct calls *h, int64_t edge_ms, int64_t as_of_ms, struct window *out)
{
	struct piece sum = {0};
	uint32_t from = first_after(h, edge_ms), to = h->cnt;
	bool beyond = false;
	while (to > from && h->call[to - 1].end_ms > as_of_ms)
		to--;
	for (uint32_t i = from; i < to; i++)
		sum = merged(sum, piece_of(&h->call[i]));
	if (h->deep && from == 0)
		for (uint32_t i = h->deep->piece_cnt; i > 0 && h->deep->pieces[i - 1].last_ms > edge_ms; i--) {
			beyond = true;
			if (h->deep->pieces[i - 1].first_ms > edge_ms)
				sum = merged(sum, h->deep->pieces[i - 1]);
		}
	*out = (struct window){.calls = sum.calls, .answered = sum.answered, .short6 = sum.short6, .talk_ms = sum.talk_ms};
	if (!beyond) {
		out->callees = exact_callees(h->call + from, to - from);
		return;
	}
	double estimate = sketch_count(h->deep, edge_ms);
	out->callees = (uint64_t)(estimate + 0.5);
	if (out->callees > out->calls)
		out->callees = out->calls;
}
