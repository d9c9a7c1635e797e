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

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>

/* ---- the values last seen ---- */

void recent_init(struct recent *r, uint16_t max)
{
	*r = (struct recent){.max = max};
}

void recent_release(struct recent *r)
{
	free(r->seen);
	r->seen = NULL;
	r->cnt = r->cap = 0;
}

static uint32_t place_of_value(const struct recent *r, uint64_t value)
{
	for (uint32_t i = r->cnt; i-- > 0;)
		if (r->seen[i].value == value)
			return i;
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

static void make_room(struct recent *r)
{
	if (r->cnt < r->cap)
		return;
	r->cap = (uint16_t)(r->cap ? 2 * r->cap : 16);
	r->seen = mem_realloc(r->seen, r->cap * sizeof *r->seen);
}

bool recent_add(struct recent *r, uint64_t value, uint32_t ms, uint8_t page, struct seen *forgotten)
{
	struct seen fresh = {.value = value, .ms = ms, .page = page};
	uint32_t at = place_of_value(r, value);
	bool full = false;
	if (at < r->cnt) {
		if (r->seen[at].ms >= ms)
			return false;
		mark(r->dirty, r->seen[at].page);
	} else if (r->cnt == r->max) {
		if (before(&fresh, &r->seen[0])) {
			*forgotten = fresh;
			return true;
		}
		*forgotten = r->seen[0];
		mark(r->dirty, r->seen[0].page);
		full = true;
		at = 0;
	} else {
		make_room(r);
		r->cnt++;
	}
	/* the hole at `at` moves up to the new place, or down if the value is new and older than others */
	uint32_t to = at;
	for (; to + 1 < r->cnt && before(&r->seen[to + 1], &fresh); to++)
		r->seen[to] = r->seen[to + 1];
	for (; to > 0 && to <= at && before(&fresh, &r->seen[to - 1]); to--)
		r->seen[to] = r->seen[to - 1];
	r->seen[to] = fresh;
	return full;
}

uint32_t recent_count(const struct recent *r, uint32_t edge)
{
	uint32_t lo = 0, hi = r->cnt;
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
	memmove(r->seen, r->seen + gone, r->cnt * sizeof *r->seen);
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

void sketch_add(struct sketch *s, uint64_t value, uint32_t ms)
{
	uint64_t x = mix(value);
	uint32_t r = (uint32_t)x & (SKETCH_REGISTERS - 1), n = s->cnt[r], at = 0, end;
	uint8_t rank = rank_of(x), *ranks = s->rank[r];
	uint32_t *times = s->ms[r];
	while (at < n && times[at] > ms)
		at++;
	if ((at > 0 && ranks[at - 1] >= rank) || (at < n && times[at] == ms && ranks[at] >= rank))
		return; /* a newer one outranks it */
	for (end = at; end < n && ranks[end] <= rank;)
		end++; /* outranked now */
	if (end == at && n == SKETCH_DEPTH) {
		if (at == n)
			return;
		n--;
	}
	memmove(times + at + 1, times + end, (n - end) * sizeof *times);
	memmove(ranks + at + 1, ranks + end, n - end);
	times[at] = ms;
	ranks[at] = rank;
	s->cnt[r] = (uint8_t)(n - (end - at) + 1);
	mark(s->dirty, s->page[r]);
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
		while (i < s->cnt[r] && s->ms[r][i] > edge)
			i++;
		if (i && s->rank[r][i - 1] > rank)
			rank = s->rank[r][i - 1];
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
	free(d->sketch);
	d->sketch = NULL;
}

bool distinct_add(struct distinct *d, uint64_t value, uint32_t ms)
{
	struct seen forgotten;
	bool had = d->sketch != NULL;
	bool fell = recent_add(&d->recent, value, ms, 0, &forgotten);
	if (fell && !d->sketch) {
		d->sketch = mem_zalloc(sizeof *d->sketch);
		for (uint32_t i = 0; i < d->recent.cnt; i++)
			sketch_add(d->sketch, d->recent.seen[i].value, d->recent.seen[i].ms);
		sketch_add(d->sketch, forgotten.value, forgotten.ms);
	}
	if (d->sketch)
		sketch_add(d->sketch, value, ms);
	return had;
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
		uint32_t n = 0;
		while (n < d->sketch->cnt[r] && d->sketch->ms[r][n] > by) {
			d->sketch->ms[r][n] -= by;
			n++;
		}
		d->sketch->cnt[r] = (uint8_t)n; /* what lies before the base is in no window */
	}
}

int64_t distinct_bytes(const struct distinct *d)
{
	return (int64_t)(d->recent.cap * sizeof *d->recent.seen + (d->sketch ? sizeof *d->sketch : 0));
}
