/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   The newest 128 calls stand in an array by event time, then arrival, with a second order by start beside it. A call that has to make room becomes
 *   a piece (pieces.c). Most subjects never get there.
 *
 *   DISTINCT VALUES. A call has a mark if no newer call went to the same number. A window ends now, so the distinct called numbers in it are its
 *   marked calls: a plain sum, exact. Of calls that left, the last sightings are kept (distinct.c).
 *
 *   LINKS. A gap, or a step of a run, is a link between neighbours in order of start. When a call leaves, it is linked with its neighbours among the
 *   exact calls; the links go into its piece, so a window that holds the piece holds both ends, which are newer. The neighbours are marked, so that they,
 *   now side by side, are not taken for linked. This is exact where the orders by end and by start differ by at most 128 places. A run goes on
 *   from piece to piece only where both orders agree.
 *
 * COST
 *   A call costs the same always: 128 calls are moved or searched at most, four places of the list of pieces visited. */
#include "scoring/calls.h"

#include "base/pool.h"

#include <assert.h>
#include <stdlib.h>

#define LANES_BYTES 4096 /* counted for the lanes, which come with a reading: of any number of windows, with a sketch */
#define SHARE_NUMBER 24
#define SHARE_COHORT 16

struct calls *calls_new(struct slab *m, void **home, uint32_t cap, bool has_callers, int64_t base_ms)
{
	struct calls *h = slab_take(m, calls_block_bytes(cap, has_callers), home);
	h->deep = NULL;
	h->base_ms = base_ms;
	h->cnt = h->from = 0;
	h->cap = (uint16_t)cap;
	h->has_callers = has_callers;
	return h;
}

void calls_release_deep(struct calls *h)
{
	struct deep *d = h->deep;
	if (!d)
		return;
	pieces_release(&d->pieces);
	distinct_release(&d->callees);
	distinct_release(&d->callers);
	recent_release(&d->regions);
	ledger_release(&d->ledger);
	lanes_free(d->lanes);
	pool_give(d, sizeof *d);
	h->deep = NULL;
}

void calls_free(struct slab *m, struct calls *h)
{
	if (!h)
		return;
	calls_release_deep(h);
	slab_give(m, h, calls_block_bytes(h->cap, h->has_callers));
}

struct deep *calls_deep_new(bool has_callers)
{
	struct deep *d = pool_take_zeroed(sizeof *d);
	pieces_init(&d->pieces, has_callers ? SHARE_COHORT : SHARE_NUMBER);
	distinct_init(&d->callees);
	distinct_init(&d->callers);
	recent_init(&d->regions, REGIONS_MAX);
	ledger_init(&d->ledger);
	d->left_start_ms = d->left_second = TIME_NONE;
	return d;
}

int64_t calls_deep_bytes(const struct calls *h)
{
	const struct deep *d = h->deep;
	if (!d)
		return 0;
	return (int64_t)(sizeof *d + d->regions.cap * sizeof *d->regions.seen) + pieces_bytes(&d->pieces) + distinct_bytes(&d->callees) +
	       distinct_bytes(&d->callers) + ledger_bytes(&d->ledger) + LANES_BYTES;
}

bool calls_has(const struct calls *h, int64_t end_ms, uint32_t id_hash)
{
	if (end_ms <= h->base_ms)
		return false;
	int64_t end = end_ms - h->base_ms;
	for (uint32_t i = h->from + (uint32_t)h->cnt; i-- > h->from && h->call[i].end >= end;)
		if (h->call[i].end == end && h->call[i].id_hash == id_hash)
			return true;
	return false;
}

/* ---- room ---- */

static uint32_t cap_after(uint32_t cap)
{
	static const uint8_t caps[] = {2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, CALLS_EXACT};
	for (size_t i = 0; i < sizeof caps; i++)
		if (caps[i] > cap)
			return caps[i];
	return DEEP_CAP;
}

static void move_calls(struct calls *to, struct calls *from)
{
	memmove(to->call, from->call + from->from, from->cnt * sizeof *to->call);
	if (from->has_callers)
		memmove(calls_callers(to), calls_callers(from) + from->from, from->cnt * sizeof(uint64_t));
}

/* Room for one more behind the newest. */
static struct calls *make_room(struct slab *m, struct calls *h)
{
	uint32_t cap = h->cap, slack = h->from;
	if (h->from + h->cnt < h->cap)
		return h;
	if (slack == 0) {
		struct calls *old = h;
		void **home = old->home;
		h = slab_take(m, calls_block_bytes(cap_after(cap), old->has_callers), home);
		h->deep = old->deep;
		h->base_ms = old->base_ms;
		h->cnt = old->cnt;
		h->cap = (uint16_t)cap_after(cap);
		h->has_callers = old->has_callers;
		move_calls(h, old);
		memcpy(calls_by_start(h), calls_by_start(old), old->cnt);
		slab_give(m, old, calls_block_bytes(cap, old->has_callers)); /* may move h */
		h = *home;
	} else {
		move_calls(h, h);
	}
	if (h->deep)
		for (int k = 0; k < TAG_KINDS; k++)
			memmove(h->deep->tag[k], h->deep->tag[k] + slack, h->cnt);
	h->from = 0;
	return h;
}

static void note_starts(struct calls *h)
{
	const uint8_t *order = calls_by_start(h);
	h->deep->start_from = 0;
	for (uint32_t k = 0; k < h->cnt; k++)
		h->deep->start[k] = calls_relative(h, calls_start_ms(h, &h->call[h->from + order[k]]));
}

static void drop_lanes(struct deep *d) /* made again at the next reading */
{
	lanes_free(d->lanes);
	d->lanes = d->pieces.lanes = NULL;
}

/* Calls are dropped once no window can reach them: the base follows the clock when 32 bits no longer do. */
static void rebase(struct calls *h, int64_t clock_ms)
{
	int64_t base_ms = clock_ms - WINDOW_MAX_MS - 1;
	int64_t by = base_ms - h->base_ms;
	uint32_t by32 = by > UINT32_MAX ? UINT32_MAX : (uint32_t)by;
	for (uint32_t i = h->from; i < h->from + (uint32_t)h->cnt; i++)
		h->call[i].end -= by32; /* all are inside the 31 days: older ones were dropped before */
	if (h->deep) {
		pieces_shift(&h->deep->pieces, by32);
		distinct_shift(&h->deep->callees, by32);
		distinct_shift(&h->deep->callers, by32);
		recent_shift(&h->deep->regions, by32);
		recent_shift(&h->deep->ledger.answered, by32);
		drop_lanes(h->deep);
	}
	h->base_ms = base_ms;
	if (h->deep)
		note_starts(h);
}

/* The k-th goes; those before it move, mostly none. */
static void drop_start(struct deep *d, uint32_t k)
{
	uint32_t *start = deep_starts(d);
	memmove(start + 1, start, k * sizeof *start);
	d->start_from++;
}

static void put_start(struct deep *d, uint32_t k, uint32_t cnt, uint32_t ms)
{
	uint32_t *start = deep_starts(d);
	if (d->start_from + cnt == DEEP_CAP) {
		memmove(d->start, start, cnt * sizeof *start);
		d->start_from = 0;
		start = d->start;
	}
	memmove(start + k + 1, start + k, (cnt - k) * sizeof *start);
	start[k] = ms;
}

static void drop_oldest(struct calls *h, uint32_t k)
{
	uint8_t *order = calls_by_start(h);
	memmove(order + k, order + k + 1, h->cnt - k - 1u);
	if (h->deep)
		drop_start(h->deep, k);
	h->from++;
	h->cnt--;
	uint32_t i = 0;
	for (; i + 16 <= h->cnt; i += 16)
		for (uint32_t n = 0; n < 16; n++) /* one instruction */
			order[i + n]--;
	for (; i < h->cnt; i++)
		order[i]--;
}

static uint32_t place_by_start(struct calls *h, uint32_t place)
{
	const uint8_t *order = calls_by_start(h);
	return (uint32_t)((const uint8_t *)memchr(order, (int)place, h->cnt) - order);
}

static void expire(struct calls *h, int64_t clock_ms)
{
	uint32_t edge = calls_relative(h, clock_ms - WINDOW_MAX_MS);
	if (h->deep)
		pieces_expire(&h->deep->pieces, edge);
	while (h->cnt && h->call[h->from].end <= edge) {
		const struct call *c = &h->call[h->from];
		if (h->deep) {
			if (!(c->flags & CALL_TOLD))
				calls_tell(h);
			h->deep->exact.calls--;
			h->deep->exact.answered -= c->flags & 1;
			h->deep->exact.talk_ms -= c->talk_ms;
			h->deep->run_joined = false;
			pieces_mark(&h->deep->pieces, c->page);
			if (h->deep->lanes)
				lanes_leave(h->deep->lanes, c, NO_PIECE);
		}
		drop_oldest(h, place_by_start(h, 0));
	}
}

/* ---- a call leaves the exact ones ---- */

static int64_t second_of(int64_t ms)
{
	return ms / SECOND_MS - (ms % SECOND_MS < 0);
}

/* Field by field: as one literal it is cleared as a whole first. */
static void piece_of(const struct calls *h, const struct call *c, struct piece *p)
{
	p->first = p->last = c->end;
	p->older = p->newer = NO_PIECE;
	p->page = c->page;
	p->calls = 1;
	p->talk_ms = c->talk_ms;
	p->gaps = 0;
	for (int i = 0; i < COUNTER_CNT; i++)
		p->count[i] = c->flags >> i & 1;
	p->gap_ms = p->gap_ms2 = 0;
	p->top = c->callee;
	p->top_calls = c->callee != 0;
	p->min_start = p->max_start = calls_relative(h, calls_start_ms(h, c));
	p->run = p->peak = (struct stretch){1, 1, 1, false};
}

static void link_calls(const struct calls *h, struct piece *p, const struct call *a, const struct call *b)
{
	int64_t gap = calls_start_ms(h, b) - calls_start_ms(h, a);
	uint64_t ms = gap > UINT32_MAX ? UINT32_MAX : (uint64_t)gap;
	p->gaps++;
	p->gap_ms += ms;
	p->gap_ms2 += ms * ms < UINT64_MAX - p->gap_ms2 ? ms * ms : UINT64_MAX - p->gap_ms2;
}

/* Links a call that is no longer among the exact ones, or never was, with the neighbours by start that are. */
static void link_neighbours(struct calls *h, const struct call *c, struct call *prev, struct call *next, struct piece *p)
{
	if (prev) {
		if (!(c->flags & CALL_PREV_DONE) && !(prev->flags & CALL_NEXT_DONE))
			link_calls(h, p, prev, c);
		prev->flags |= CALL_NEXT_DONE;
	}
	if (next) {
		if (!(c->flags & CALL_NEXT_DONE) && !(next->flags & CALL_PREV_DONE))
			link_calls(h, p, c, next);
		next->flags |= CALL_PREV_DONE;
	}
}

static void note_left(struct deep *d, const struct call *c, int64_t start_ms)
{
	d->left_start_ms = start_ms > d->left_start_ms ? start_ms : d->left_start_ms;
	d->ahead_ms = -call_lasted_ms(c) > d->ahead_ms ? -call_lasted_ms(c) : d->ahead_ms;
}

/* False: it joined the newest piece. */
static bool leave(struct calls *h)
{
	struct deep *d = h->deep;
	struct call *c = &h->call[h->from];
	struct piece p;
	int64_t start_ms = calls_start_ms(h, c);
	const uint8_t *order = calls_by_start(h);
	uint32_t k = place_by_start(h, 0);
	if (!(c->flags & CALL_TOLD))
		calls_tell(h);
	piece_of(h, c, &p);
	struct call *prev = k > 0 ? c + order[k - 1] : NULL, *next = k + 1u < h->cnt ? c + order[k + 1] : NULL;
	bool goes_on = next == c + 1 && !(c->flags & (CALL_NEXT_DONE | CALL_RUN_CUT)) && !(next->flags & (CALL_PREV_DONE | CALL_RUN_CUT)) &&
		       number_follows(c->callee, next->callee); /* by both orders the next call goes on its run */
	link_neighbours(h, c, prev, next, &p);
	p.run.joined = d->run_joined;
	p.peak.joined = d->pieces.cnt > 0 && d->left_second == second_of(start_ms);
	d->exact.calls--;
	d->exact.answered -= c->flags & 1;
	d->exact.talk_ms -= c->talk_ms;
	bool joined = pieces_join(&d->pieces, &p, &d->exact);
	if (!joined) {
		uint16_t piece = pieces_append(&d->pieces, &p);
		if (d->lanes)
			lanes_leave(d->lanes, c, piece);
	} else if (d->lanes) {
		lanes_join(d->lanes, c);
	}
	d->run_joined = goes_on;
	d->left_second = second_of(start_ms);
	note_left(d, c, start_ms);
	drop_oldest(h, k);
	return !joined;
}

/* ---- a call comes in ---- */

static void see_value(struct deep *d, uint32_t which, uint64_t value, uint32_t ms)
{
	struct distinct *of = which ? &d->callers : &d->callees;
	if (of->sketch && d->lanes)
		lanes_sketch_add(d->lanes, which, of->sketch, value, ms);
	if (distinct_add(of, value, ms) && d->lanes)
		lanes_sketch_forget(d->lanes, which);
}

void calls_see(struct calls *h, const struct call *c, uint64_t caller)
{
	struct deep *d = h->deep;
	struct seen forgotten;
	if (c->callee)
		see_value(d, 0, c->callee, c->end);
	if (c->region)
		recent_add(&d->regions, c->region, c->end, 0, &forgotten);
	if (caller)
		see_value(d, 1, caller, c->end);
}

void calls_tell(struct calls *h)
{
	struct contact told[CALLS_EXACT + 1];
	uint32_t n = 0;
	for (struct call *c = h->call + h->from; c < h->call + h->from + h->cnt; c++) {
		told[n] = (struct contact){c->callee, c->end};
		n += !(c->flags & CALL_TOLD) && c->callee && (c->flags & 1) && !h->has_callers;
		c->flags |= CALL_TOLD;
	}
	ledger_add_all(&h->deep->ledger, told, n, h->base_ms);
}

static inline uint64_t value_of(struct calls *h, uint32_t at, uint32_t kind)
{
	const struct call *c = &h->call[at];
	return kind == TAG_CALLEE ? c->callee : kind == TAG_REGION ? c->region : calls_callers(h)[at];
}

static inline uint8_t tag_of(uint64_t value)
{
	return (uint8_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static inline uint8_t more_of(uint64_t value)
{
	return (uint8_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

static void set_tags(struct calls *h, uint32_t at)
{
	const struct call *c = &h->call[at];
	h->deep->tag[TAG_CALLEE][at] = tag_of(c->callee);
	h->deep->tag[TAG_CALLEE_MORE][at] = more_of(c->callee);
	h->deep->tag[TAG_REGION][at] = tag_of(c->region);
	if (h->has_callers)
		h->deep->tag[TAG_CALLER][at] = tag_of(calls_callers(h)[at]);
}

static void go_deep(struct calls *h)
{
	h->deep = calls_deep_new(h->has_callers);
	for (uint32_t i = 0; i < h->cnt; i++) {
		const struct call *c = &h->call[h->from + i];
		calls_see(h, c, h->has_callers ? calls_callers(h)[h->from + i] : 0);
		h->deep->exact.calls++;
		h->deep->exact.answered += c->flags & 1;
		h->deep->exact.talk_ms += c->talk_ms;
		set_tags(h, h->from + i);
	}
	note_starts(h);
}

/* The newest call of [from, to) with this value, or `to` if there is none. Of a deep history only those with the same tag are looked at. */
static inline uint32_t find_value(struct calls *h, uint32_t from, uint32_t to, uint32_t kind, uint64_t value)
{
	const uint8_t *tags = h->deep ? h->deep->tag[kind] : NULL;
	for (uint32_t i = to; i > from;) {
		const uint8_t *tag = tags ? memrchr(tags + from, tag_of(value), i - from) : NULL;
		if (tags && !tag)
			break;
		i = tags ? (uint32_t)(tag - tags) : i - 1;
		if (tags && kind == TAG_CALLEE && h->deep->tag[TAG_CALLEE_MORE][i] != more_of(value))
			continue;
		if (value_of(h, i, kind) == value)
			return i;
	}
	return to;
}

/* Moves the mark of the last sighting of its value to the call at `at`, or leaves it where a newer call has it. */
static inline void move_mark(struct calls *h, uint32_t at, uint32_t kind, uint32_t mark)
{
	uint32_t end = h->from + (uint32_t)h->cnt;
	uint64_t value = value_of(h, at, kind);
	if (find_value(h, at + 1, end, kind, value) < end)
		return;
	h->call[at].flags |= mark;
	for (uint32_t i = at, to; i > h->from; i = to) {
		to = find_value(h, h->from, i, kind, value);
		if (to == i)
			return;
		if (h->call[to].flags & mark) {
			h->call[to].flags &= ~mark;
			if (h->deep && h->deep->lanes)
				lanes_unmark(h->deep->lanes, to - h->from, mark);
			return;
		}
	}
}

static void mark_last(struct calls *h, uint32_t at, uint64_t caller)
{
	if (h->call[at].callee)
		move_mark(h, at, TAG_CALLEE, CALL_LAST_CALLEE);
	if (h->call[at].region)
		move_mark(h, at, TAG_REGION, CALL_LAST_REGION);
	if (caller)
		move_mark(h, at, TAG_CALLER, CALL_LAST_CALLER);
}

static struct call call_of(const struct calls *h, const struct facts *f)
{
	int64_t lasted = f->end_ms - f->start_ms;
	lasted = lasted > LASTED_MAX_MS ? LASTED_MAX_MS : lasted < -LASTED_MAX_MS ? -LASTED_MAX_MS : lasted;
	return (struct call){.callee = f->callee,
			     .end = calls_relative(h, f->end_ms),
			     .id_hash = f->id_hash,
			     .talk_ms = f->talk_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)f->talk_ms,
			     .lasted_low = (uint32_t)(uint64_t)lasted,
			     .lasted_high = (int8_t)(lasted >> 32),
			     .flags = f->counts | CALL_IS_CALL,
			     .region = f->region};
}

/* Its start may lie among calls that have left, or between the last of them and the first one here. `k`: its place by start among those here. */
static void cut_runs(struct calls *h, struct call *c, uint32_t k)
{
	struct deep *d = h->deep;
	int64_t start_ms = calls_start_ms(h, c);
	if (k < h->cnt && calls_by_start(h)[k] == 0)
		d->run_joined = false;
	if (start_ms < d->left_start_ms)
		c->flags |= CALL_RUN_CUT;
	if (start_ms < d->left_start_ms)
		pieces_cut_runs(&d->pieces, calls_relative(h, start_ms), calls_relative(h, start_ms - d->ahead_ms));
}

static bool starts_by(struct calls *h, uint32_t k, int64_t start_ms, uint32_t start)
{
	if (h->deep && start > 0 && start < UINT32_MAX) /* else several starts are told by the same number */
		return deep_starts(h->deep)[k] <= start;
	return calls_start_ms(h, &h->call[h->from + calls_by_start(h)[k]]) <= start_ms;
}

/* Behind all that started no later: looked for from the end, in steps that double. */
static uint32_t place_for_start(struct calls *h, int64_t start_ms)
{
	uint32_t lo = 0, hi = h->cnt, start = calls_relative(h, start_ms);
	for (uint32_t step = 1; step <= hi; step *= 2) {
		if (starts_by(h, hi - step, start_ms, start)) {
			lo = hi - step + 1;
			break;
		}
		hi -= step;
	}
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (starts_by(h, mid, start_ms, start))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void insert(struct calls *h, struct call *c, uint64_t caller)
{
	uint32_t at = h->from + (uint32_t)h->cnt, k = place_for_start(h, calls_start_ms(h, c)), place;
	uint8_t *order = calls_by_start(h);
	while (at > h->from && h->call[at - 1].end > c->end)
		at--;
	place = at - h->from;
	if (h->deep) {
		cut_runs(h, c, k);
		if (place == 0)
			h->deep->run_joined = false;
	}
	if (place < h->cnt) {
		memmove(h->call + at + 1, h->call + at, (h->cnt - place) * sizeof *h->call);
		if (h->has_callers)
			memmove(calls_callers(h) + at + 1, calls_callers(h) + at, (h->cnt - place) * sizeof(uint64_t));
		for (uint32_t i = 0; i < h->cnt; i++)
			order[i] = (uint8_t)(order[i] + (order[i] >= place));
		for (int i = 0; i < TAG_KINDS && h->deep; i++)
			memmove(h->deep->tag[i] + at + 1, h->deep->tag[i] + at, h->cnt - place);
	}
	memmove(order + k + 1, order + k, h->cnt - k);
	order[k] = (uint8_t)place;
	if (h->deep)
		put_start(h->deep, k, h->cnt, calls_relative(h, calls_start_ms(h, c)));
	h->call[at] = *c;
	if (h->has_callers)
		calls_callers(h)[at] = caller;
	if (h->deep)
		set_tags(h, at);
	h->cnt++;
	mark_last(h, at, caller);
	if (h->deep && h->deep->lanes)
		lanes_insert(h->deep->lanes, place, &h->call[at]);
}

static void add_late(struct calls *h, struct call *c)
{
	struct deep *d = h->deep;
	struct piece p;
	int64_t start_ms = calls_start_ms(h, c);
	uint32_t k = place_for_start(h, start_ms);
	const uint8_t *order = calls_by_start(h);
	struct call *exact = h->call + h->from;
	piece_of(h, c, &p);
	cut_runs(h, c, k);
	d->run_joined = false;
	link_neighbours(h, c, k > 0 ? exact + order[k - 1] : NULL, k < h->cnt ? exact + order[k] : NULL, &p);
	pieces_add_late(&d->pieces, &p);
	if (c->callee && (c->flags & 1) && !h->has_callers)
		ledger_add(&d->ledger, c->callee, c->end, 0, h->base_ms);
	note_left(d, c, start_ms);
	d->late_merged++;
	d->late_unstored = true;
}

static void add_deep(struct calls *h, struct call *c, uint64_t caller)
{
	struct deep *d = h->deep;
	struct weight w = {1, c->flags & 1, c->talk_ms};
	bool grew = true;
	calls_see(h, c, caller);
	if (h->cnt == CALLS_EXACT && c->end < h->call[h->from].end) {
		add_late(h, c);
	} else {
		insert(h, c, caller);
		pieces_weigh(&d->pieces, &w);
		d->exact.calls++;
		d->exact.answered += w.answered;
		d->exact.talk_ms += w.talk_ms;
		grew = h->cnt > CALLS_EXACT && leave(h);
	}
	pieces_step(&d->pieces, &d->exact, grew);
}

void calls_add(struct slab *m, struct calls *h, const struct facts *f, uint64_t caller, int64_t clock_ms)
{
	if (h->deep && h->deep->lanes)
		lanes_advance(h, clock_ms);
	expire(h, clock_ms);
	if (clock_ms - h->base_ms > UINT32_MAX)
		rebase(h, clock_ms);
	struct call c = call_of(h, f);
	if (h->cnt == CALLS_EXACT && !h->deep)
		go_deep(h);
	h = make_room(m, h);
	if (h->deep)
		add_deep(h, &c, caller);
	else
		insert(h, &c, caller);
}

void calls_mark_all(struct calls *h)
{
	for (uint32_t at = h->from; h->deep && at < h->from + (uint32_t)h->cnt; at++)
		set_tags(h, at);
	if (h->deep)
		note_starts(h);
	for (uint32_t at = h->from + (uint32_t)h->cnt; at-- > h->from;)
		mark_last(h, at, h->has_callers ? calls_callers(h)[at] : 0);
}
