/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   A lane is a window whose beginning follows the clock: a call is added to it when it comes, and taken away, alone or with its piece, when the beginning
 *   has passed it. What merges, leaves or comes late changes a lane only where the window begins. All are whole numbers, so a lane is exactly what
 *   a walk over the calls and pieces would find, and whether there is one changes no figure.
 *
 *   A rank of the sketch holds in a window as long as the sighting that it came from. A lane keeps the ranks, their sum and, for groups of registers, a time
 *   before which none lapses; only groups whose time has come are looked through. */
#include "scoring/calls.h"

#include "base/pool.h"

#include <assert.h>
#include <stdlib.h>

/* ---- sums ---- */

static void add_bits(struct lane *l, uint32_t bits, uint64_t by)
{
	for (; bits; bits &= bits - 1)
		l->n[__builtin_ctz(bits)] += by;
}

#define MARKS (CALL_LAST_CALLEE | CALL_LAST_REGION | CALL_LAST_CALLER)
#define SUMMED (COUNTS_MASK | MARKS | CALL_IS_CALL)
#define CALLS_AT 23 /* CALL_IS_CALL */

static void add_call(struct lane *l, const struct call *c)
{
	add_bits(l, c->flags & SUMMED, 1);
	l->talk_ms += c->talk_ms;
}

static void drop_call(struct lane *l, const struct call *c)
{
	add_bits(l, c->flags & SUMMED, UINT64_MAX);
	l->talk_ms -= c->talk_ms;
}

static void add_piece(struct lane *l, const struct piece *p)
{
	for (int i = 0; i < COUNTER_CNT; i++)
		l->n[i] += p->count[i];
	l->n[CALLS_AT] += p->calls;
	l->talk_ms += p->talk_ms;
}

static void drop_piece(struct lane *l, const struct piece *p)
{
	for (int i = 0; i < COUNTER_CNT; i++)
		l->n[i] -= p->count[i];
	l->n[CALLS_AT] -= p->calls;
	l->talk_ms -= p->talk_ms;
}

static void fill(struct lane *l, struct lane_place *at, const struct calls *h)
{
	const struct pieces *p = &h->deep->pieces;
	at->piece = NO_PIECE;
	at->from = h->cnt;
	for (; at->from > 0 && h->call[h->from + at->from - 1].end > at->edge; at->from--)
		add_call(l, &h->call[h->from + at->from - 1]);
	for (uint16_t k = p->newest; k != NO_PIECE && piece_at(p, k)->first > at->edge; k = piece_at(p, k)->older) {
		add_piece(l, piece_at(p, k));
		at->piece = k;
	}
}

static size_t lanes_bytes(uint32_t cnt)
{
	return sizeof(struct lanes) + cnt * sizeof(struct lane);
}

void lanes_free(struct lanes *l)
{
	if (l)
		pool_give(l, lanes_bytes(l->cnt));
}

struct lanes *lanes_new(struct calls *h, const int64_t *ms, uint32_t cnt, int64_t as_of_ms)
{
	struct lanes *l = pool_take_zeroed(lanes_bytes(cnt));
	assert(cnt <= LANES_MAX);
	l->cnt = cnt;
	for (uint32_t i = 0; i < cnt; i++) {
		l->at[i].ms = ms[i];
		l->at[i].edge = calls_relative(h, as_of_ms - ms[i]);
		fill(&l->lane[i], &l->at[i], h);
	}
	return l;
}

static void advance(struct lane *l, struct lane_place *at, const struct calls *h)
{
	const struct pieces *p = &h->deep->pieces;
	while (at->piece != NO_PIECE && piece_at(p, at->piece)->first <= at->edge) {
		drop_piece(l, piece_at(p, at->piece));
		at->piece = piece_at(p, at->piece)->newer;
	}
	for (; at->piece == NO_PIECE && at->from < h->cnt && h->call[h->from + at->from].end <= at->edge; at->from++)
		drop_call(l, &h->call[h->from + at->from]);
	if (at->piece != NO_PIECE)
		at->next = piece_at(p, at->piece)->first;
	else
		at->next = at->from < h->cnt ? h->call[h->from + at->from].end : 0;
}

void lanes_advance(struct calls *h, int64_t clock_ms)
{
	struct lanes *l = h->deep->lanes;
	for (uint32_t i = 0; i < l->cnt; i++) {
		l->at[i].edge = calls_relative(h, clock_ms - l->at[i].ms);
		if (l->at[i].edge >= l->at[i].next)
			advance(&l->lane[i], &l->at[i], h);
	}
}

void lanes_insert(struct lanes *l, uint32_t place, const struct call *c)
{
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->at[i];
		if (c->end > at->edge) {
			add_call(&l->lane[i], c);
			at->next = c->end < at->next ? c->end : at->next;
		} else if (place <= at->from) {
			at->from++;
		}
	}
}

void lanes_unmark(struct lanes *l, uint32_t place, uint32_t mark_bit)
{
	for (uint32_t i = 0; i < l->cnt; i++)
		if (place >= l->at[i].from)
			add_bits(&l->lane[i], mark_bit, UINT64_MAX);
}

void lanes_leave(struct lanes *l, const struct call *c, uint16_t piece)
{
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->at[i];
		if (at->from > 0) {
			at->from--;
			continue;
		}
		add_bits(&l->lane[i], c->flags & MARKS, UINT64_MAX); /* last sightings of what left are kept elsewhere */
		if (at->piece == NO_PIECE)
			at->piece = piece;
	}
}

void lanes_merge(struct lanes *l, const struct pieces *p, uint16_t older, uint16_t newer)
{
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->at[i];
		if (at->piece == older) {
			at->piece = newer;
		} else if (at->piece == newer) { /* the window begins between them: the merged one is outside */
			drop_piece(&l->lane[i], piece_at(p, newer));
			at->piece = piece_at(p, newer)->newer;
		}
	}
}

void lanes_late_piece(struct lanes *l, const struct pieces *p, uint16_t piece)
{
	const struct piece *q = piece_at(p, piece);
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_place *at = &l->at[i];
		if (q->first <= at->edge)
			continue;
		add_piece(&l->lane[i], q);
		at->next = q->first < at->next ? q->first : at->next;
		if (at->piece == NO_PIECE || at->piece == q->newer)
			at->piece = piece;
	}
}

void lanes_late_call(struct lanes *l, const struct piece *call, uint32_t first)
{
	for (uint32_t i = 0; i < l->cnt; i++)
		if (first > l->at[i].edge)
			add_piece(&l->lane[i], call);
}

/* ---- sketches ---- */

static void set_rank(struct lane_sketch *k, uint32_t r, uint8_t rank)
{
	if (k->rank[r])
		k->sum -= UINT64_C(1) << (SKETCH_RANK_MAX - k->rank[r]);
	else
		k->zero--;
	if (rank)
		k->sum += UINT64_C(1) << (SKETCH_RANK_MAX - rank);
	else
		k->zero++;
	k->rank[r] = rank;
}

void lanes_sketch_add(struct lanes *l, uint32_t which, uint64_t value, uint32_t ms)
{
	uint8_t rank;
	uint32_t r = sketch_place(value, &rank);
	for (uint32_t i = 0; i < l->cnt; i++) {
		struct lane_sketch *k = &l->lane[i].sketch[which];
		if (!k->made || ms <= l->at[i].edge || rank <= k->rank[r])
			continue;
		uint32_t *lapse = &k->lapse[r / (SKETCH_REGISTERS / LANE_GROUPS)];
		set_rank(k, r, rank);
		*lapse = ms < *lapse ? ms : *lapse;
		k->next_lapse = ms < k->next_lapse ? ms : k->next_lapse;
	}
}

static void look_through(struct lane_sketch *k, const struct sketch *s, uint32_t group, uint32_t edge)
{
	const uint32_t n = SKETCH_REGISTERS / LANE_GROUPS;
	uint32_t lapse = UINT32_MAX;
	for (uint32_t r = group * n; r < (group + 1) * n; r++) {
		struct sketch_register g = sketch_at(s, r);
		uint32_t i = 0;
		while (i < *g.cnt && g.ms[i] > edge)
			i++;
		uint8_t rank = i ? g.rank[i - 1] : 0;
		if (rank != k->rank[r])
			set_rank(k, r, rank);
		if (i && g.ms[i - 1] < lapse)
			lapse = g.ms[i - 1];
	}
	k->lapse[group] = lapse;
}

double lane_sketch_count(struct lane *lane, uint32_t edge, uint32_t which, const struct sketch *s)
{
	struct lane_sketch *k = &lane->sketch[which];
	if (!k->made) {
		memset(k, 0, sizeof *k);
		k->made = true;
		k->zero = SKETCH_REGISTERS;
	}
	if (k->next_lapse <= edge) {
		k->next_lapse = UINT32_MAX;
		for (uint32_t g = 0; g < LANE_GROUPS; g++) {
			if (k->lapse[g] <= edge)
				look_through(k, s, g, edge);
			k->next_lapse = k->lapse[g] < k->next_lapse ? k->lapse[g] : k->next_lapse;
		}
	}
	return sketch_estimate(k->sum, k->zero);
}
