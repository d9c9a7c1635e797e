/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   A list of pieces in order of time. Two neighbours merge only while the merged one weighs at most 1/24 of all that is newer, in calls, answered calls
 *   and talk time alike. A window is read as all pieces that begin after its edge: the piece that the edge cuts is left out whole, and is at
 *   most 1/24 of what is read, that is 1/25 = 4 % of what the window holds (cohorts 1/17, received calls 1/20).
 *   Never over a silence of 24 hours, which `dormant_days` reads between two pieces.
 *   A call that leaves the exact ones joins the newest piece where that is allowed, which mostly it is: else it is a piece of its own.
 *   Merging is spread out: with every call a hand moves a place from the newest piece towards the oldest, four if there is a new piece, and merges what it
 *   may; at the end it begins anew. So a call costs the same always, and what it changes lies together, in one or two blocks of the stored record.
 *
 * PRECISION
 *   A stretch (run of numbers, seconds) is a lower bound: joined only where it surely goes on. A call that comes in late by its start may have cut
 *   a run in two; of a run of n, the longer part is at least n / 2 rounded up, and that is what stays.
 *   What is behind the hand is counted from below when calls come late, which only delays a merge.
 *
 * ALTERNATIVES
 *   Merging all at once when the list has grown by a half: as fast, but one call then rewrites the whole record. */
#include "scoring/pieces.h"

#include "base/pool.h"
#include "scoring/lanes.h"

#include <assert.h>
#include <stdlib.h>

#define STEPS_A_PIECE 4
#define SEGMENT_BYTES (SEGMENT_PIECES * sizeof(struct piece))
#define TOP_SINGLE_MAX 8 /* a number called once among more calls than these is not worth its eight bytes */

static uint32_t add32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static uint64_t add64(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void pieces_init(struct pieces *p, uint8_t share)
{
	*p = (struct pieces){.unused = NO_PIECE, .oldest = NO_PIECE, .newest = NO_PIECE, .hand = NO_PIECE, .share = share};
}

void pieces_release(struct pieces *p)
{
	for (uint32_t i = 0; i < p->cap / SEGMENT_PIECES; i++)
		pool_give(p->segment[i], SEGMENT_BYTES);
	p->cap = p->cnt = 0;
}

int64_t pieces_bytes(const struct pieces *p)
{
	return (int64_t)(p->cap * sizeof(struct piece));
}

void pieces_mark(struct pieces *p, uint8_t page)
{
	p->dirty[page / 64 & 1] |= UINT64_C(1) << page % 64;
}

static void mark(struct pieces *p, const struct piece *q)
{
	pieces_mark(p, q->page);
}

static void note_run(struct pieces *p, const struct piece *q)
{
	if ((q->run.best > 1 || q->run.joined) && q->last > p->run_last)
		p->run_last = q->last;
}

/* ---- the list ---- */

static uint16_t place_take(struct pieces *p)
{
	if (p->unused == NO_PIECE) {
		p->segment[p->cap / SEGMENT_PIECES] = pool_take(SEGMENT_BYTES);
		p->cap += SEGMENT_PIECES;
		for (uint32_t i = p->cap; i-- + SEGMENT_PIECES > p->cap;) {
			piece_at(p, i)->older = p->unused;
			p->unused = (uint16_t)i;
		}
	}
	uint16_t at = p->unused;
	p->unused = piece_at(p, at)->older;
	return at;
}

/* Behind `older` (NO_PIECE: as the oldest). */
static uint16_t insert(struct pieces *p, uint16_t older, const struct piece *fresh)
{
	uint16_t at = place_take(p);
	struct piece *q = piece_at(p, at);
	*q = *fresh;
	q->older = older;
	q->newer = older == NO_PIECE ? p->oldest : piece_at(p, older)->newer;
	if (older == NO_PIECE)
		p->oldest = at;
	else
		piece_at(p, older)->newer = at;
	if (q->newer == NO_PIECE)
		p->newest = at;
	else
		piece_at(p, q->newer)->older = at;
	p->cnt++;
	note_run(p, q);
	mark(p, q);
	return at;
}

static void take_out(struct pieces *p, uint16_t at)
{
	struct piece *q = piece_at(p, at);
	mark(p, q);
	if (q->older == NO_PIECE)
		p->oldest = q->newer;
	else
		piece_at(p, q->older)->newer = q->newer;
	if (q->newer == NO_PIECE)
		p->newest = q->older;
	else
		piece_at(p, q->newer)->older = q->older;
	if (p->hand == at)
		p->hand = NO_PIECE; /* it begins anew */
	q->older = p->unused;
	p->unused = at;
	p->cnt--;
}

uint16_t pieces_append(struct pieces *p, const struct piece *fresh)
{
	return insert(p, p->newest, fresh);
}

void pieces_expire(struct pieces *p, uint32_t edge)
{
	while (p->oldest != NO_PIECE && piece_at(p, p->oldest)->last <= edge)
		take_out(p, p->oldest);
}

void pieces_shift(struct pieces *p, uint32_t by)
{
	p->run_last = p->run_last > by ? p->run_last - by : 0;
	for (uint16_t i = p->oldest; i != NO_PIECE; i = piece_at(p, i)->newer) {
		struct piece *q = piece_at(p, i);
		q->first = q->first > by ? q->first - by : 0;
		q->last = q->last > by ? q->last - by : 0;
		q->min_start = q->min_start > by ? q->min_start - by : 0;
		q->max_start = q->max_start > by ? q->max_start - by : 0;
	}
}

/* ---- merging ---- */

struct stretch stretch_join(const struct stretch *a, uint32_t a_calls, const struct stretch *b, uint32_t b_calls)
{
	struct stretch s = {a->first, b->last, max32(a->best, b->best), a->joined};
	if (!b->joined)
		return s;
	if (a->first == a_calls)
		s.first = add32(a_calls, b->first);
	if (b->last == b_calls)
		s.last = add32(b_calls, a->last);
	s.best = max32(s.best, add32(a->last, b->first));
	return s;
}

void piece_absorb(struct piece *p, const struct piece *older)
{
	bool fits = older->calls <= UINT32_MAX - p->calls; /* and with them every count */
	p->run = stretch_join(&older->run, older->calls, &p->run, p->calls);
	p->peak = stretch_join(&older->peak, older->calls, &p->peak, p->calls);
	p->first = older->first < p->first ? older->first : p->first;
	p->last = max32(p->last, older->last);
	p->min_start = older->min_start < p->min_start ? older->min_start : p->min_start;
	p->max_start = max32(p->max_start, older->max_start);
	p->calls = add32(p->calls, older->calls);
	for (int i = 0; i < COUNTER_CNT && fits; i++)
		p->count[i] += older->count[i];
	for (int i = 0; i < COUNTER_CNT && !fits; i++)
		p->count[i] = add32(p->count[i], older->count[i]);
	p->talk_ms = add64(p->talk_ms, older->talk_ms);
	p->gaps = add32(p->gaps, older->gaps);
	p->gap_ms = add64(p->gap_ms, older->gap_ms);
	p->gap_ms2 = add64(p->gap_ms2, older->gap_ms2);
	if (p->top == older->top) {
		p->top_calls = add32(p->top_calls, older->top_calls);
	} else if (older->top_calls > p->top_calls) {
		p->top = older->top;
		p->top_calls = older->top_calls;
	}
	if (p->top_calls == 1 && p->calls > TOP_SINGLE_MAX) {
		p->top = 0;
		p->top_calls = 0;
	}
}

static bool light(uint64_t a, uint64_t b, uint64_t newer, uint64_t share)
{
	uint64_t weight;
	return !__builtin_mul_overflow(add64(a, b), share, &weight) && weight <= newer;
}

/* Not across a silence of a day: `dormant_days` asks where the calls before it ended. In 31 days there are at most 31 such. */
static bool may_merge(const struct pieces *p, const struct piece *a, const struct piece *b, const struct weight *newer)
{
	if (b->first > a->last && b->first - a->last >= DAY_MS)
		return false;
	uint64_t share = (uint64_t)p->share >> p->coarse;
	share = share ? share : 1;
	return light(a->calls, b->calls, newer->calls, share) &&
	       light(a->count[COUNT_ANSWERED], b->count[COUNT_ANSWERED], newer->answered, share) &&
	       light(a->talk_ms, b->talk_ms, newer->talk_ms, share);
}

void pieces_weigh(struct pieces *p, const struct weight *w)
{
	p->behind_hand.calls = add64(p->behind_hand.calls, w->calls);
	p->behind_hand.answered = add64(p->behind_hand.answered, w->answered);
	p->behind_hand.talk_ms = add64(p->behind_hand.talk_ms, w->talk_ms);
}

static struct weight weight_of(const struct piece *q)
{
	return (struct weight){q->calls, q->count[COUNT_ANSWERED], q->talk_ms};
}

static void merge(struct pieces *p, uint16_t older, uint16_t newer)
{
	if (p->lanes)
		lanes_merge(p->lanes, p, older, newer);
	piece_absorb(piece_at(p, newer), piece_at(p, older));
	note_run(p, piece_at(p, newer));
	mark(p, piece_at(p, newer));
	take_out(p, older);
}

/* One place on. False: the end was reached, or there is nothing. */
static bool step(struct pieces *p, const struct weight *exact)
{
	if (p->hand == NO_PIECE) {
		p->hand = p->newest;
		p->behind_hand = *exact;
		return false;
	}
	struct piece *q = piece_at(p, p->hand);
	uint16_t older = q->older;
	if (older == NO_PIECE) {
		p->hand = NO_PIECE;
		return false;
	}
	if (may_merge(p, piece_at(p, older), q, &p->behind_hand)) {
		merge(p, older, p->hand);
		p->coarsened += p->coarse > 0;
	} else {
		struct weight w = weight_of(q);
		pieces_weigh(p, &w);
		p->hand = older;
	}
	return true;
}

bool pieces_join(struct pieces *p, const struct piece *call, const struct weight *exact)
{
	if (p->newest == NO_PIECE)
		return false;
	struct piece *q = piece_at(p, p->newest), joined;
	if (!may_merge(p, q, call, exact))
		return false;
	mark(p, q);
	joined = *call;
	piece_absorb(&joined, q);
	joined.older = q->older;
	joined.newer = q->newer;
	*q = joined;
	note_run(p, q);
	mark(p, q);
	p->coarsened += p->coarse > 0;
	if (p->hand == p->newest)
		p->behind_hand = *exact;
	return true;
}

/* Whole rounds with half the share until there is room. The loosened share stays while more than half the room is taken. */
void pieces_coarsen(struct pieces *p, const struct weight *exact, uint32_t most)
{
	while (p->cnt > most) {
		if (p->share >> p->coarse > 1)
			p->coarse++;
		p->hand = NO_PIECE;
		step(p, exact);
		while (p->cnt > most && step(p, exact))
			;
		if (p->share >> p->coarse <= 1 && p->cnt > most) { /* weights that no share can merge: the two oldest, come what may */
			merge(p, p->oldest, piece_at(p, p->oldest)->newer);
			p->coarsened++;
		}
	}
}

void pieces_step(struct pieces *p, const struct weight *exact, bool grew)
{
	for (int i = grew ? STEPS_A_PIECE : 1; i > 0 && step(p, exact); i--)
		;
	if (p->cnt > PIECES_MAX)
		pieces_coarsen(p, exact, PIECES_MAX * 3 / 4);
	else if (p->coarse && p->cnt < PIECES_MAX / 2)
		p->coarse = 0;
}

/* ---- late calls ---- */

static void cut_join(struct pieces *p, uint16_t at)
{
	if (at != NO_PIECE && piece_at(p, at)->run.joined) {
		piece_at(p, at)->run.joined = false;
		mark(p, piece_at(p, at));
	}
}

void pieces_cut_runs(struct pieces *p, uint32_t start, uint32_t ends_after)
{
	if (p->run_last < ends_after)
		return; /* of what ends later nothing can be cut, and all starts of the others lie before this one */
	for (uint16_t i = p->newest; i != NO_PIECE; i = piece_at(p, i)->older) {
		struct piece *q = piece_at(p, i);
		bool before_all = q->min_start > start, behind_all = q->max_start <= start;
		if (!before_all && !behind_all && q->run.best > 1) {
			q->run = (struct stretch){1, 1, (q->run.best + 1) / 2, false};
			mark(p, q);
		} else if (!before_all && !behind_all) {
			cut_join(p, i);
		}
		if (!before_all && q->newer != NO_PIECE && piece_at(p, q->newer)->max_start > start)
			cut_join(p, q->newer);
		if (q->last < ends_after)
			break;
	}
}

void pieces_add_late(struct pieces *p, const struct piece *call)
{
	struct weight w = weight_of(call);
	uint16_t at = p->newest;
	if (p->hand != NO_PIECE && piece_at(p, p->hand)->last <= call->last)
		pieces_weigh(p, &w);
	while (at != NO_PIECE && piece_at(p, at)->first > call->last)
		at = piece_at(p, at)->older;
	if (at == NO_PIECE || piece_at(p, at)->last <= call->last) {
		at = insert(p, at, call);
		if (piece_at(p, at)->newer != NO_PIECE) {
			struct piece *next = piece_at(p, piece_at(p, at)->newer);
			next->run.joined = next->peak.joined = false;
			mark(p, next);
		}
		if (p->lanes)
			lanes_late_piece(p->lanes, p, at);
		return;
	}
	/* Inside a piece. Its stretches stay lower bounds, and it is no longer one whole stretch. */
	struct piece *q = piece_at(p, at);
	struct stretch run = q->run, peak = q->peak;
	uint32_t first = q->first;
	if (p->lanes)
		lanes_late_call(p->lanes, call, first);
	piece_absorb(q, call);
	q->first = first;
	q->run = run;
	q->peak = peak;
	mark(p, q);
}
