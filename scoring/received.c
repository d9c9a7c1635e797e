/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   As calls.c, with less of each call: its time and the party. The subject's clock does not follow received calls, so windows may end before the newest
 *   of them; those that come after the end are left out. The newest 64 are not in the sketch of parties before they leave, so a window that
 *   ends before some of them is still exact about the rest.
 *
 * PRECISION
 *   Up to 64 calls after the window's edge are exact. Beyond, the piece that the edge cuts is left out: at most 1/20 of the window. Parties:
 *   exact up to 64 values, else a sketch (distinct.c). Calls received after the window's end take part in these bounds as if they were inside; of
 *   a piece that the end of the window cuts, the share of its time counts: an estimate, no bound, and only where more than 64 came after. */
#include "scoring/received.h"

#include "base/pool.h"

#define SHARE_RECEIVED 19
#define CAP_FULL (RECEIVED_EXACT + 1)

struct received *received_new(struct slab *m, void **home, uint32_t cap, int64_t base_ms)
{
	struct received *r = slab_take(m, received_block_bytes(cap), home);
	r->deep = NULL;
	r->base_ms = base_ms;
	r->total = 0;
	r->newest_ms = TIME_NONE;
	r->cnt = 0;
	r->cap = (uint16_t)cap;
	return r;
}

void received_release_deep(struct received *r)
{
	if (!r->deep)
		return;
	pieces_release(&r->deep->pieces);
	distinct_release(&r->deep->parties);
	pool_give(r->deep, sizeof *r->deep);
	r->deep = NULL;
}

void received_free(struct slab *m, struct received *r)
{
	if (!r)
		return;
	received_release_deep(r);
	slab_give(m, r, received_block_bytes(r->cap));
}

struct received_deep *received_deep_new(void)
{
	struct received_deep *d = pool_take_zeroed(sizeof *d);
	pieces_init(&d->pieces, SHARE_RECEIVED);
	distinct_init(&d->parties);
	return d;
}

int64_t received_deep_bytes(const struct received *r)
{
	return r->deep ? (int64_t)sizeof *r->deep + pieces_bytes(&r->deep->pieces) + distinct_bytes(&r->deep->parties) : 0;
}

static uint32_t relative(const struct received *r, int64_t ms)
{
	return ms <= r->base_ms ? 0 : ms - r->base_ms >= UINT32_MAX ? UINT32_MAX : (uint32_t)(ms - r->base_ms);
}

static uint32_t cap_after(uint32_t cap)
{
	return cap < 4 ? 4 : cap < 8 ? 8 : cap < 16 ? 16 : cap < 32 ? 32 : CAP_FULL;
}

static struct received *make_room(struct slab *m, struct received *r)
{
	struct received *old = r;
	void **home = old->home;
	uint32_t cap = r->cap;
	if (r->cnt < r->cap)
		return r;
	r = slab_take(m, received_block_bytes(cap_after(cap)), home);
	r->deep = old->deep;
	r->base_ms = old->base_ms;
	r->total = old->total;
	r->newest_ms = old->newest_ms;
	r->cnt = old->cnt;
	r->cap = (uint16_t)cap_after(cap);
	memcpy(r->call, old->call, old->cnt * sizeof *r->call);
	slab_give(m, old, received_block_bytes(cap));
	return *home;
}

static void drop_oldest(struct received *r, uint32_t n)
{
	r->cnt = (uint16_t)(r->cnt - n);
	memmove(r->call, r->call + n, r->cnt * sizeof *r->call);
}

/* What is too old goes; then the base follows the clock if 32 bits do not reach. */
static void expire(struct received *r, int64_t clock_ms)
{
	uint32_t edge = relative(r, clock_ms - RECEIVED_KEPT_MS), gone = 0;
	if (r->deep)
		pieces_expire(&r->deep->pieces, edge);
	for (; gone < r->cnt && r->call[gone].ms <= edge; gone++)
		if (r->deep)
			pieces_mark(&r->deep->pieces, r->call[gone].page);
	if (gone)
		drop_oldest(r, gone);
	if (clock_ms - r->base_ms <= UINT32_MAX)
		return;
	int64_t base_ms = clock_ms - RECEIVED_KEPT_MS - 1, by = base_ms - r->base_ms;
	uint32_t by32 = by > UINT32_MAX ? UINT32_MAX : (uint32_t)by;
	for (uint32_t i = 0; i < r->cnt; i++)
		r->call[i].ms -= by32;
	if (r->deep) {
		pieces_shift(&r->deep->pieces, by32);
		distinct_shift(&r->deep->parties, by32);
	}
	r->base_ms = base_ms;
}

static struct piece piece_of(const struct received_call *c)
{
	return (struct piece){
		.first = c->ms, .last = c->ms, .calls = 1, .run = {1, 1, 1, false}, .peak = {1, 1, 1, false}, .page = c->page};
}

/* False: it joined the newest piece. */
static bool leave(struct received *r)
{
	struct piece p = piece_of(&r->call[0]);
	const struct weight stay = {r->cnt - 1u, 0, 0};
	if (r->call[0].party)
		distinct_add(&r->deep->parties, r->call[0].party, r->call[0].ms);
	bool joined = pieces_join(&r->deep->pieces, &p, &stay);
	if (!joined)
		pieces_append(&r->deep->pieces, &p);
	drop_oldest(r, 1);
	return !joined;
}

static void insert(struct received *r, const struct received_call *c)
{
	uint32_t at = r->cnt;
	while (at > 0 && r->call[at - 1].ms > c->ms)
		at--;
	memmove(r->call + at + 1, r->call + at, (r->cnt - at) * sizeof *r->call);
	r->call[at] = *c;
	r->cnt++;
}

void received_add(struct slab *m, struct received *r, int64_t event_ms, uint64_t party, int64_t clock_ms)
{
	r->total++;
	r->newest_ms = event_ms > r->newest_ms ? event_ms : r->newest_ms;
	clock_ms = clock_ms > r->newest_ms ? clock_ms : r->newest_ms;
	expire(r, clock_ms);
	struct received_call c = {.party = party, .ms = relative(r, event_ms)};
	struct weight one = {1, 0, 0}, exact;
	bool grew = false;
	if (c.ms <= relative(r, clock_ms - RECEIVED_KEPT_MS))
		return;
	r = make_room(m, r);
	if (r->cnt == RECEIVED_EXACT && !r->deep)
		r->deep = received_deep_new();
	if (r->cnt == RECEIVED_EXACT && c.ms < r->call[0].ms) {
		struct piece p = piece_of(&c);
		if (party)
			distinct_add(&r->deep->parties, party, c.ms);
		pieces_add_late(&r->deep->pieces, &p);
		r->deep->late_merged++;
		grew = true;
	} else {
		insert(r, &c);
		if (r->deep)
			pieces_weigh(&r->deep->pieces, &one);
		if (r->cnt > RECEIVED_EXACT)
			grew = leave(r);
	}
	exact = (struct weight){r->cnt, 0, 0};
	if (r->deep)
		pieces_step(&r->deep->pieces, &exact, grew);
}

/* ---- reading ---- */

static uint64_t distinct_parties(const struct received_call *c, uint32_t n)
{
	uint64_t cnt = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i + 1;
		while (k < n && c[k].party != c[i].party)
			k++;
		cnt += c[i].party != 0 && k == n; /* the last sighting counts */
	}
	return cnt;
}

/* What left, and with it the exact ones up to `to`. */
static uint64_t wide_parties(const struct received *r, uint32_t to, uint32_t edge)
{
	struct seen extra[RECEIVED_EXACT];
	uint32_t n = 0;
	for (uint32_t i = 0; i < to; i++)
		if (r->call[i].party)
			extra[n++] = (struct seen){.value = r->call[i].party, .ms = r->call[i].ms};
	return distinct_count_with(&r->deep->parties, extra, n, edge);
}

/* Of a piece that the window's end cuts, as many as its time would have if they came evenly. */
static uint64_t calls_until(const struct piece *q, uint32_t end)
{
	if (q->last <= end)
		return q->calls;
	return q->first > end ? 0 : 1 + (uint64_t)(q->calls - 1) * (end - q->first) / (q->last - q->first);
}

void received_window(const struct received *r, int64_t edge_ms, int64_t as_of_ms, uint64_t *calls, uint64_t *parties)
{
	uint32_t edge = relative(r, edge_ms), end = relative(r, as_of_ms), from = 0, to = r->cnt;
	while (to > 0 && r->call[to - 1].ms > end)
		to--;
	while (from < to && r->call[from].ms <= edge)
		from++;
	*calls = to - from;
	const struct pieces *p = r->deep ? &r->deep->pieces : NULL;
	if (from > 0 || !p || p->newest == NO_PIECE || piece_at(p, p->newest)->last <= edge) {
		*parties = distinct_parties(r->call + from, to - from);
		return;
	}
	for (uint16_t at = p->newest; at != NO_PIECE && piece_at(p, at)->first > edge; at = piece_at(p, at)->older)
		*calls += calls_until(piece_at(p, at), end);
	*parties = wide_parties(r, to, edge);
	*parties = *parties < *calls ? *parties : *calls;
}
