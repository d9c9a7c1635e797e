/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   Distinct values in a window that ends now are those whose last sighting lies after its edge. So the newest last sightings answer exactly while few
 *   enough lie after the edge. Beyond, a HyperLogLog (Flajolet et al. 2007) whose registers keep, instead of one rank, the staircase of (time, rank)
 *   pairs that no newer pair outranks (Chabchoub and Hebrail 2010): one structure for every window length.
 *
 * PRECISION
 *   Exact up to 64 distinct values after the edge. Beyond, 256 registers: standard error 6.5 %. A staircase holds at most 20 steps; with n values a
 *   register it has about log2(n) / 2, so 20 are exceeded once in thousands of registers at a billion values, and then the oldest step goes. */
#include "scoring/distinct.h"

#include "base/pool.h"

#include <math.h>
#include <string.h>

/* ---- the values last seen ---- */

void recent_init(struct recent *r, uint16_t max)
{
	*r = (struct recent){.max = max};
}

static size_t room_bytes(uint32_t cap)
{
	return cap * (sizeof(struct seen) + 1);
}

void recent_release(struct recent *r)
{
	pool_give(r->room, room_bytes(r->cap));
	r->room = r->seen = NULL;
	r->cnt = r->cap = 0;
}

static uint8_t tag_of(uint64_t value)
{
	return (uint8_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static uint32_t place_of_value(const struct recent *r, uint64_t value)
{
	const uint8_t *tags = recent_tags(r), *tag;
	for (uint32_t n = r->cnt; n > 0 && (tag = memrchr(tags, tag_of(value), n)); n = (uint32_t)(tag - tags))
		if (r->seen[tag - tags].value == value)
			return (uint32_t)(tag - tags);
	return r->cnt;
}

static bool before(const struct seen *a, const struct seen *b)
{
	return a->ms != b->ms ? a->ms < b->ms : a->value < b->value;
}

static void mark(uint64_t dirty[2], uint8_t page)
{
	dirty[page / 64 & 1] |= UINT64_C(1) << page % 64;
}

/* Room for one more behind the newest. */
static void make_room(struct recent *r)
{
	uint32_t cap = r->cap, from = cap ? (uint32_t)(r->seen - r->room) : 0;
	if (from + r->cnt < cap)
		return;
	if (from > 0) {
		uint8_t *tags = recent_tags(r);
		memmove(r->room, r->seen, r->cnt * sizeof *r->seen);
		memmove(tags - from, tags, r->cnt);
		r->seen = r->room;
		return;
	}
	struct recent old = *r;
	r->cap = (uint16_t)(cap ? 2 * cap : 16);
	r->room = r->seen = pool_take(room_bytes(r->cap));
	if (cap) {
		memcpy(r->room, old.room, r->cnt * sizeof *r->room);
		memcpy(recent_tags(r), recent_tags(&old), r->cnt);
		pool_give(old.room, room_bytes(cap));
	}
}

static void take_out(struct recent *r, uint32_t at)
{
	uint8_t *tags = recent_tags(r);
	r->cnt--;
	if (at == 0) {
		r->seen++;
		return;
	}
	memmove(r->seen + at, r->seen + at + 1, (r->cnt - at) * sizeof *r->seen);
	memmove(tags + at, tags + at + 1, r->cnt - at);
}

static void put_in(struct recent *r, const struct seen *fresh)
{
	make_room(r);
	uint8_t *tags = recent_tags(r);
	uint32_t at = r->cnt;
	while (at > 0 && before(fresh, &r->seen[at - 1]))
		at--;
	memmove(r->seen + at + 1, r->seen + at, (r->cnt - at) * sizeof *r->seen);
	memmove(tags + at + 1, tags + at, r->cnt - at);
	r->seen[at] = *fresh;
	tags[at] = tag_of(fresh->value);
	r->cnt++;
}

bool recent_add_new(struct recent *r, uint64_t value, uint32_t ms, uint8_t page, struct seen *forgotten)
{
	struct seen fresh = {.value = value, .ms = ms, .page = page};
	bool full = r->cnt == r->max;
	if (full && before(&fresh, &r->seen[0])) {
		*forgotten = fresh;
		return true;
	}
	if (full) {
		*forgotten = r->seen[0];
		mark(r->dirty, r->seen[0].page);
		take_out(r, 0);
	}
	put_in(r, &fresh);
	return full;
}

bool recent_add(struct recent *r, uint64_t value, uint32_t ms, uint8_t page, struct seen *forgotten)
{
	uint32_t at = r->cnt ? place_of_value(r, value) : 0;
	if (at == r->cnt)
		return recent_add_new(r, value, ms, page, forgotten);
	if (r->seen[at].ms >= ms)
		return false;
	mark(r->dirty, r->seen[at].page);
	take_out(r, at);
	put_in(r, &(struct seen){.value = value, .ms = ms, .page = page});
	return false;
}

uint32_t recent_count(const struct recent *r, uint32_t edge)
{
	uint32_t lo = 0, hi = r->cnt;
	if (hi && r->seen[0].ms > edge) /* often, and then no more of them is touched */
		return hi;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (r->seen[mid].ms > edge)
			hi = mid;
		else
			lo = mid + 1;
	}
	return r->cnt - lo;
}

void recent_expire(struct recent *r, uint32_t edge)
{
	uint32_t gone = r->cnt - recent_count(r, edge);
	if (gone == 0)
		return;
	r->cnt = (uint16_t)(r->cnt - gone);
	r->seen += gone;
}

void recent_shift(struct recent *r, uint32_t by)
{
	for (uint32_t i = 0; i < r->cnt; i++)
		r->seen[i].ms = r->seen[i].ms > by ? r->seen[i].ms - by : 0;
	recent_expire(r, 0);
}

/* ---- the sketch ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	x ^= x >> 33;
	return x;
}

static uint8_t rank_of(uint64_t mixed)
{
	uint64_t rest = mixed >> 8;
	return (uint8_t)(rest ? __builtin_ctzll(rest) + 1 : SKETCH_RANK_MAX);
}

uint32_t sketch_place(uint64_t value, uint8_t *rank)
{
	uint64_t x = mix(value);
	*rank = rank_of(x);
	return (uint32_t)x & (SKETCH_REGISTERS - 1);
}

static uint32_t register_bytes(uint32_t depth)
{
	return (2 + depth + 3) / 4 * 4 + 4 * depth;
}

static size_t sketch_bytes(uint32_t depth)
{
	return sizeof(struct sketch) + (size_t)SKETCH_REGISTERS * register_bytes(depth);
}

static struct sketch *sketch_of(uint32_t depth)
{
	struct sketch *s = pool_take_zeroed(sketch_bytes(depth));
	s->depth = depth;
	s->register_bytes = register_bytes(depth);
	return s;
}

struct sketch *sketch_new(void)
{
	return sketch_of(SKETCH_DEPTH_FIRST);
}

void sketch_free(struct sketch *s)
{
	if (s)
		pool_give(s, sketch_bytes(s->depth));
}

void sketch_room(struct sketch **s, uint32_t depth)
{
	struct sketch *old = *s;
	uint32_t more = old->depth;
	if (depth <= old->depth)
		return;
	while (more < depth)
		more = more + SKETCH_DEPTH_STEP < SKETCH_DEPTH ? more + SKETCH_DEPTH_STEP : SKETCH_DEPTH;
	struct sketch *fresh = sketch_of(more);
	memcpy(fresh->dirty, old->dirty, sizeof fresh->dirty);
	for (uint32_t r = 0; r < SKETCH_REGISTERS; r++) {
		struct sketch_register from = sketch_at(old, r), to = sketch_at(fresh, r);
		*to.cnt = *from.cnt;
		*to.page = *from.page;
		memcpy(to.rank, from.rank, *from.cnt);
		memcpy(to.ms, from.ms, *from.cnt * sizeof *to.ms);
	}
	sketch_free(old);
	*s = fresh;
}

bool sketch_add(struct sketch **s, uint64_t value, uint32_t ms)
{
	uint64_t x = mix(value);
	uint32_t r = (uint32_t)x & (SKETCH_REGISTERS - 1);
	struct sketch_register g = sketch_at(*s, r);
	uint32_t n = *g.cnt, at = 0, end;
	uint8_t rank = rank_of(x);
	while (at < n && g.ms[at] > ms)
		at++;
	if ((at > 0 && g.rank[at - 1] >= rank) || (at < n && g.ms[at] == ms && g.rank[at] >= rank))
		return false; /* a newer one outranks it */
	for (end = at; end < n && g.rank[end] <= rank;)
		end++; /* outranked now */
	bool full = end == at && n == SKETCH_DEPTH;
	if (full) {
		if (at == n)
			return true;
		n--;
	}
	if (end == at && n == (*s)->depth) {
		sketch_room(s, n + 1);
		g = sketch_at(*s, r);
	}
	memmove(g.ms + at + 1, g.ms + end, (n - end) * sizeof *g.ms);
	memmove(g.rank + at + 1, g.rank + end, n - end);
	g.ms[at] = ms;
	g.rank[at] = rank;
	*g.cnt = (uint8_t)(n - (end - at) + 1);
	mark((*s)->dirty, *g.page);
	return full;
}

double sketch_estimate(uint64_t sum, uint32_t zero)
{
	const double m = SKETCH_REGISTERS;
	double harmonic = (double)zero + (double)sum * (1.0 / (double)(UINT64_C(1) << SKETCH_RANK_MAX));
	double estimate = 0.7213 / (1 + 1.079 / m) * m * m / harmonic;
	return estimate <= 2.5 * m && zero ? m * log(m / zero) : estimate;
}

double sketch_count(const struct sketch *s, const uint8_t *also, uint32_t edge)
{
	uint64_t sum = 0; /* exact, so the order of adding is of no account */
	uint32_t zero = 0;
	for (uint32_t r = 0; r < SKETCH_REGISTERS; r++) {
		uint32_t i = 0, rank = also ? also[r] : 0;
		struct sketch_register g = sketch_at(s, r);
		while (i < *g.cnt && g.ms[i] > edge)
			i++;
		if (i && g.rank[i - 1] > rank)
			rank = g.rank[i - 1];
		zero += rank == 0;
		if (rank)
			sum += UINT64_C(1) << (SKETCH_RANK_MAX - rank);
	}
	return sketch_estimate(sum, zero);
}

/* ---- both ---- */

void distinct_init(struct distinct *d)
{
	recent_init(&d->recent, DISTINCT_EXACT + 1);
	d->sketch = NULL;
}

void distinct_release(struct distinct *d)
{
	recent_release(&d->recent);
	sketch_free(d->sketch);
	d->sketch = NULL;
}

bool distinct_add(struct distinct *d, uint64_t value, uint32_t ms)
{
	struct seen forgotten;
	bool fell = recent_add(&d->recent, value, ms, 0, &forgotten);
	if (fell && !d->sketch) {
		d->sketch = sketch_new();
		for (uint32_t i = 0; i < d->recent.cnt; i++)
			sketch_add(&d->sketch, d->recent.seen[i].value, d->recent.seen[i].ms);
		sketch_add(&d->sketch, forgotten.value, forgotten.ms);
	}
	return d->sketch && sketch_add(&d->sketch, value, ms);
}

uint64_t distinct_count(const struct distinct *d, uint32_t edge)
{
	return distinct_count_with(d, NULL, 0, edge);
}

/* Of those in `extra` the last of each value, and of the recent ones those that are not in `extra`. */
static uint32_t exact_count(const struct recent *r, const struct seen *extra, uint32_t n, uint32_t edge)
{
	uint32_t cnt = recent_count(r, edge), from = r->cnt - cnt;
	for (uint32_t i = 0; i < n; i++) {
		bool known = extra[i].ms <= edge;
		for (uint32_t k = i + 1; k < n && !known; k++)
			known = extra[k].value == extra[i].value;
		for (uint32_t k = from; k < r->cnt && !known; k++)
			known = r->seen[k].value == extra[i].value;
		cnt += !known;
	}
	return cnt;
}

uint64_t distinct_count_with(const struct distinct *d, const struct seen *extra, uint32_t n, uint32_t edge)
{
	uint8_t also[SKETCH_REGISTERS] = {0};
	uint32_t exact = exact_count(&d->recent, extra, n, edge);
	if (exact <= DISTINCT_EXACT || !d->sketch)
		return exact;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t x = mix(extra[i].value);
		uint8_t rank = rank_of(x), *of = &also[x & (SKETCH_REGISTERS - 1)];
		if (extra[i].ms > edge && rank > *of)
			*of = rank;
	}
	double estimate = sketch_count(d->sketch, n ? also : NULL, edge) + 0.5;
	return estimate > exact ? (uint64_t)estimate : exact;
}

void distinct_shift(struct distinct *d, uint32_t by)
{
	recent_shift(&d->recent, by);
	if (!d->sketch)
		return;
	for (uint32_t r = 0; r < SKETCH_REGISTERS; r++) {
		struct sketch_register g = sketch_at(d->sketch, r);
		uint32_t n = 0;
		while (n < *g.cnt && g.ms[n] > by) {
			g.ms[n] -= by;
			n++;
		}
		*g.cnt = (uint8_t)n; /* what lies before the base is in no window */
	}
}

int64_t distinct_bytes(const struct distinct *d)
{
	return (int64_t)(room_bytes(d->recent.cap) + (d->sketch ? sketch_bytes(d->sketch->depth) : 0));
}
