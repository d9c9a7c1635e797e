/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   A lane is a window whose beginning follows the clock. All calls are counted once, in sums that all lanes share; each lane counts those that its
 *   beginning has passed, alone or with their piece, and what it holds is the difference. So a call that comes costs the same for any number of windows.
 *   What merges, leaves or comes late changes a lane only where the window begins. All are whole numbers, so a lane is exactly what
 *   a walk over the calls and pieces would find, and whether there is one changes no figure.
 *
 *   A rank of the sketch holds in a window as long as the sighting that it came from. A lane keeps the sum of the ranks and, for groups of registers, a time
 *   before which none lapses; only groups whose time has come are looked through. */
#include "scoring/calls.h"

#include "base/pool.h"

#include <assert.h>
#include <stdlib.h>

static_assert(sizeof(struct lane) == 128 && sizeof(struct lanes) <= 192, "lines of the cache");

/* ---- sums ---- */

#define MARKS (CALL_LAST_CALLEE | CALL_LAST_REGION | CALL_LAST_CALLER)
#define SUMMED (COUNTS_MASK | MARKS | CALL_IS_CALL)
#define CALLS_AT 23 /* CALL_IS_CALL */
#define SPENT (UINT32_C(1) << 16)
#define PIECE_LARGE (UINT32_C(1) << 13) /* smaller ones that leave, not more than come, cannot make a difference of 2^31 */

static void add_bits(struct lane_sums *l, uint32_t bits, uint32_t by)
{
	for (; bits; bits &= bits - 1)
		l->n[__builtin_ctz(bits)] += by;
}

static void add_call(struct lane_sums *l, const struct call *c)
{
	spread_add(l->n, c->flags & SUMMED);
	l->talk_ms += c->talk_ms;
}

static void add_piece(struct lane_sums *l, const struct piece *p)
{
	for (int i = 0; i < COUNTER_CNT; i++)
		l->n[i] += p->count[i];
	l->n[CALLS_AT] += p->calls;
	l->talk_ms += p->talk_ms;
}

static void pass(struct lanes *l, uint32_t calls)
{
	l->calls = calls < SPENT && l->calls < SPENT ? l->calls + calls : SPENT;
}

/* A piece leaves a window, or is found to lie outside. */
static void drop_piece(struct lanes *l, uint32_t i, const struct piece *p)
{
	add_piece(&l->lane[i].out, p);
	if (p->calls >= PIECE_LARGE)
		pass(l, p->calls);
}

/* What the window does not hold of what is there. */
static void fill(struct lane_sums *out, struct lane_place *at, const struct calls *h)
{
	const struct pieces *p = &h->deep->pieces;
	at->piece = NO_PIECE;
	for (at->from = 0; at->from < h->cnt && h->call[h->from + at->from].end <= at->edge; at->from++)
		add_call(out, &h->call[h->from + at->from]);
	uint16_t k = p->newest;
	for (; k != NO_PIECE && piece_at(p, k)->first > at->edge; k = piece_at(p, k)->older)
		at->piece = k;
	for (; k != NO_PIECE; k = piece_at(p, k)->older)
		add_piece(out, piece_at(p, k));
}

static size_t lanes_bytes(uint32_t cnt)
{
	return sizeof(struct lanes) + cnt * sizeof(struct lane);
}

void lanes_free(struct lanes *l)
{
	if (!l)
		return;
	for (int which = 0; which < 2; which++)
		lanes_sketch_forget(l, (uint32_t)which);
	pool_give(l->large, l->cnt * sizeof *l->large);
	pool_give(l, lanes_bytes(l->cnt));
}

/* More calls than a difference can tell: what the windows hold is kept beside, and the sums tell what has changed since. */
static void keep_large(struct lanes *l, const struct calls *h)
{
	const struct pieces *p = &h->deep->pieces;
	l->large = pool_take_zeroed(l->cnt * sizeof *l->large);
	for (uint32_t i = 0; i < l->cnt; i++) {
		uint64_t *n = l->large[i], talk_ms = l->all.talk_ms - l->lane[i].out.talk_ms;
		struct lane_sums exact = {0};
		for (uint32_t k = l->lane[i].at.from; k < h->cnt; k++)
			add_call(&exact, &h->call[h->from + k]);
		for (int k = 0; k < LANE_COUNTERS; k++)
			n[k] = exact.n[k];
		for (uint16_t at = p->newest; at != NO_PIECE && piece_at(p, at)->first > l->lane[i].at.edge; at = piece_at(p, at)->older) {
			for (int k = 0; k < COUNTER_CNT; k++)
				n[k] += piece_at(p, at)->count[k];
			n[CALLS_AT] += piece_at(p, at)->calls;
		}
		l->lane[i].out = l->all; /* the difference is nothing */
		l->lane[i].out.talk_ms = l->all.talk_ms - talk_ms;
	}
}

void lanes_read(const struct lanes *l, uint32_t lane, uint64_t n[LANE_COUNTERS], uint64_t *talk_ms)
{
	const struct lane_sums *out = &l->lane[lane].out;
	*talk_ms = l->all.talk_ms - out->talk_ms;
	for (int k = 0; k < LANE_COUNTERS; k++)
		n[k] = l->all.n[k] - out->n[k];
	for (int k = 0; k < LANE_COUNTERS && l->large; k++)
		n[k] = l->large[lane][k] + (uint64_t)(int64_t)(int32_t)(uint32_t)n[k];
}

struct lanes *lanes_new(struct calls *h, const int64_t *ms, uint32_t cnt, int64_t as_of_ms)
{
	const struct pieces *p = &h->deep->pieces;
	struct lanes *l = pool_take_zeroed(lanes_bytes(cnt));
	uint64_t calls = h->cnt;
	assert(cnt <= LANES_MAX);
	l->cnt = cnt;
	for (uint32_t i = 0; i < h->cnt; i++)
		add_call(&l->all, &h->call[h->from + i]);
	for (uint16_t k = p->newest; k != NO_PIECE; k = piece_at(p, k)->older) {
		add_piece(&l->all, piece_at(p, k));
		calls += piece_at(p, k)->calls;
	}
	for (uint32_t i = 0; i < cnt; i++) {
		l->lane[i].at.ms = ms[i];
		l->lane[i].at.edge = calls_relative(h, as_of_ms - ms[i]);
		fill(&l->lane[i].out, &l->lane[i].at, h);
	}
	if (calls >= SPENT)
		keep_large(l, h);
	return l;
}

bool lanes_spent(const struct lanes *l)
{
	return l->calls >= SPENT;
}

static void advance(struct lanes *l, uint32_t i, const struct calls *h)
{
	struct lane_place *at = &l->lane[i].at;
	const struct pieces *p = &h->deep->pieces;
	while (at->piece != NO_PIECE && piece_at(p, at->piece)->first <= at->edge) {
		drop_piece(l, i, piece_at(p, at->piece));
		at->piece = piece_at(p, at->piece)->newer;
	}
	for (; at->piece == NO_PIECE && at->from < h->cnt && h->call[h->from + at->from].end <= at->edge; at->from++)
		add_call(&l->lane[i].out, &h->call[h->from + at->from]);
	if (at->piece != NO_PIECE)
		at->next = piece_at(p, at->piece)->first;
	else
		at->next = at->from < h->cnt ? h->call[h->from + at->from].end : 0;
}

void lanes_advance(struct calls *h, int64_t clock_ms)
{
	struct lanes *l = h->deep->lanes;
	for (uint32_t i = 0; i < l->cnt; i++) {
		l->lane[i].at.edge = calls_relative(h, clock_ms - l->lane[i].at.ms);
		if (l->lane[i].at.edge >= l->lane[i].at.next)
			advance(l, i, h);
	}
}

void lanes_insert(struct lanes *l, uint32_t place, const struct call *c)
{
	add_call(&l->all, c);
	pass(l, 1);
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->lane[i].at;
		if (c->end > at->edge) {
			at->next = c->end < at->next ? c->end : at->next;
			continue;
		}
		add_call(&l->lane[i].out, c);
		at->from = (uint16_t)(at->from + (place <= at->from));
	}
}

void lanes_unmark(struct lanes *l, uint32_t place, uint32_t mark_bit)
{
	add_bits(&l->all, mark_bit, UINT32_MAX);
	for (uint32_t i = 0; i < l->cnt; i++)
		if (place < l->lane[i].at.from)
			add_bits(&l->lane[i].out, mark_bit, UINT32_MAX);
}

void lanes_leave(struct lanes *l, const struct call *c, uint16_t piece)
{
	add_bits(&l->all, c->flags & MARKS, UINT32_MAX); /* last sightings of what left are kept elsewhere */
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->lane[i].at;
		if (at->from > 0) {
			add_bits(&l->lane[i].out, c->flags & MARKS, UINT32_MAX);
			at->from--;
		} else if (at->piece == NO_PIECE) {
			at->piece = piece;
		}
	}
}

void lanes_join(struct lanes *l, const struct call *c)
{
	add_bits(&l->all, c->flags & MARKS, UINT32_MAX);
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->lane[i].at;
		if (at->from > 0) {
			add_bits(&l->lane[i].out, c->flags & MARKS, UINT32_MAX);
			at->from--;
		} else if (at->piece == NO_PIECE) { /* the window begins within that piece */
			spread_add(l->lane[i].out.n, c->flags & SUMMED & ~(uint32_t)MARKS);
			l->lane[i].out.talk_ms += c->talk_ms;
		}
	}
}

void lanes_merge(struct lanes *l, const struct pieces *p, uint16_t older, uint16_t newer)
{
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->lane[i].at;
		if (at->piece == older) {
			at->piece = newer;
		} else if (at->piece == newer) { /* the window begins between them: the merged one is outside */
			drop_piece(l, i, piece_at(p, newer));
			at->piece = piece_at(p, newer)->newer;
		}
	}
}

void lanes_late_piece(struct lanes *l, const struct pieces *p, uint16_t piece)
{
	const struct piece *q = piece_at(p, piece);
	add_piece(&l->all, q);
	pass(l, 1);
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->lane[i].at;
		if (q->first <= at->edge) {
			add_piece(&l->lane[i].out, q);
			continue;
		}
		at->next = q->first < at->next ? q->first : at->next;
		if (at->piece == NO_PIECE || at->piece == q->newer)
			at->piece = piece;
	}
}

void lanes_late_call(struct lanes *l, const struct piece *call, uint32_t first)
{
	add_piece(&l->all, call);
	pass(l, 1);
	for (uint32_t i = 0; i < l->cnt; i++)
		if (first <= l->lane[i].at.edge)
			add_piece(&l->lane[i].out, call);
}

/* ---- sketches ---- */

#define GROUP_REGISTERS (SKETCH_REGISTERS / LANE_GROUPS)

void lanes_sketch_forget(struct lanes *l, uint32_t which)
{
	if (l->sketch[which])
		pool_give(l->sketch[which], sizeof *l->sketch[which]);
	l->sketch[which] = NULL;
}

static uint64_t worth(uint32_t rank)
{
	return rank ? UINT64_C(1) << (SKETCH_RANK_MAX - rank) : 0;
}

static void change_rank(struct lane_sketch *k, uint32_t old, uint32_t rank)
{
	k->sum += worth(rank) - worth(old);
	k->zero = (uint16_t)(k->zero + (rank == 0) - (old == 0));
	k->estimated = false;
}

/* The longer the window, the more steps of the register it sees. */
void lanes_sketch_add(struct lanes *l, uint32_t which, const struct sketch *s, uint64_t value, uint32_t ms)
{
	uint8_t rank;
	uint32_t r = sketch_place(value, &rank);
	struct lane_sketches *all = l->sketch[which];
	if (!all)
		return;
	const struct sketch_register g = sketch_at(s, r);
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_sketch *k = &all->lane[i];
		uint32_t n = 0, *lapse = &all->lapse[r / GROUP_REGISTERS][i];
		if (!k->made || ms <= k->edge)
			continue;
		while (n < *g.cnt && g.ms[n] > k->edge && g.rank[n] < rank)
			n++;
		if (n < *g.cnt && g.ms[n] > k->edge)
			continue; /* one that outranks it, or is its like */
		change_rank(k, n ? g.rank[n - 1] : 0, rank);
		*lapse = ms < *lapse ? ms : *lapse;
		k->lapse = ms < k->lapse ? ms : k->lapse;
	}
}

/* The rank that holds behind the edge. */
static uint32_t rank_after(const struct sketch_register *g, uint32_t edge, uint32_t *ms)
{
	uint32_t i = 0;
	while (i < *g->cnt && g->ms[i] > edge)
		i++;
	*ms = i ? g->ms[i - 1] : UINT32_MAX;
	return i ? g->rank[i - 1] : 0;
}

static uint32_t look_through(struct lane_sketch *k, const struct sketch *s, uint32_t group, uint32_t edge)
{
	uint32_t lapse = UINT32_MAX, ms;
	for (uint32_t r = group * GROUP_REGISTERS; r < (group + 1) * GROUP_REGISTERS; r++) {
		struct sketch_register g = sketch_at(s, r);
		uint32_t old = rank_after(&g, k->edge, &ms), rank = rank_after(&g, edge, &ms);
		if (rank != old)
			change_rank(k, old, rank);
		lapse = ms < lapse ? ms : lapse;
	}
	return lapse;
}

double lanes_sketch_count(struct lanes *l, uint32_t lane, uint32_t edge, uint32_t which, const struct sketch *s)
{
	if (!l->sketch[which])
		l->sketch[which] = pool_take_zeroed(sizeof *l->sketch[which]);
	struct lane_sketches *all = l->sketch[which];
	struct lane_sketch *k = &all->lane[lane];
	if (!k->made)
		*k = (struct lane_sketch){.made = true, .zero = SKETCH_REGISTERS, .edge = UINT32_MAX};
	if (k->lapse <= edge) {
		k->lapse = UINT32_MAX;
		for (uint32_t g = 0; g < LANE_GROUPS; g++) {
			if (all->lapse[g][lane] <= edge)
				all->lapse[g][lane] = look_through(k, s, g, edge);
			k->lapse = all->lapse[g][lane] < k->lapse ? all->lapse[g][lane] : k->lapse;
		}
	}
	k->edge = edge;
	if (!k->estimated)
		k->estimate = sketch_estimate(k->sum, k->zero);
	k->estimated = true;
	return k->estimate;
}
