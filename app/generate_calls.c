/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN: a caller's lines each make one call after the other. When a call ends, the next one of that line is drawn whole: when, to whom, how it
 * ends. So the calls in progress are the only state, and the heap of their ends gives records in the order of event time.
 *
 * Private people are friends in pairs: number r of them knows r XOR m for a fixed list of m, which makes calling mutual without a stored graph.
 * Everything else about a caller's habits is a hash of seed and caller. */
#include "app/generate_inner.h"

#include "app/random.h"

#define TALK_MOST_MS (4 * HOUR_MS)
#define GAP_LEAST_MS 800

/* ---- whom ---- */

static uint64_t habit(const struct generator *g, const struct caller *c, uint32_t what)
{
	return random_stream(g->config.seed, STREAM_HABIT, c->number << 4 | what);
}

static uint32_t kind_cnt(const struct generator *g, enum caller_kind k)
{
	return g->first[k + 1] - g->first[k];
}

/* Small numbers more often: the product of two even draws. */
static uint32_t favourite(struct line *l, uint32_t n)
{
	return random_scale((random_next(&l->rng) >> 32) * (random_next(&l->rng) >> 32), n);
}

static uint64_t someone_of(const struct generator *g, enum caller_kind k, uint64_t h)
{
	return g->callers[g->first[k] + random_scale(h, kind_cnt(g, k))].number;
}

static uint64_t friend_or_shop(const struct generator *g, const struct caller *c, struct line *l)
{
	static const uint16_t apart[24] = {1, 2, 4, 8, 3, 5, 16, 6, 9, 32, 10, 12, 7, 17, 33, 18, 11, 20, 64, 13, 34, 128, 24, 256};
	if (random_chance(&l->rng, 80000))
		return number_any(c->country, random_next(&l->rng));
	uint32_t j = favourite(l, 4 + random_scale(habit(g, c, 0), 20));
	uint64_t h = random_stream(g->config.seed, STREAM_CONTACT, c->number << 8 | j);
	if (j % 6 == 5 && kind_cnt(g, CALLER_BUSINESS))
		return someone_of(g, CALLER_BUSINESS, h);
	uint32_t friend = c->rank ^ apart[j];
	if (c->kind == CALLER_PRIVATE && friend < kind_cnt(g, CALLER_PRIVATE))
		return g->callers[g->first[CALLER_PRIVATE] + friend].number;
	return number_any(c->country, h);
}

static uint64_t customer(const struct generator *g, const struct caller *c, struct line *l)
{
	bool known = random_chance(&l->rng, 700000);
	uint64_t h = random_next(&l->rng);
	if (known)
		h = random_stream(g->config.seed, STREAM_CONTACT, c->number << 8 | favourite(l, 60 + random_scale(habit(g, c, 0), 190)));
	if (h % 10 < 6 && kind_cnt(g, CALLER_PRIVATE))
		return someone_of(g, CALLER_PRIVATE, h);
	return number_any(c->country, h);
}

/* One further than the last, until chance (one in `run`) or the end of a ten-thousand block starts anew elsewhere. */
static uint64_t next_in_row(struct caller *c, struct line *l, uint8_t country, uint32_t run)
{
	if (!c->cursor || c->cursor % 10000 == 9999 || random_below(&l->rng, run) == 0)
		c->cursor = number_any(country, random_next(&l->rng));
	else
		c->cursor++;
	return c->cursor;
}

/* Anybody; now and then one of the people of this world. */
static uint64_t anybody(const struct generator *g, const struct caller *c, struct line *l, uint32_t known_ppm)
{
	if (random_chance(&l->rng, known_ppm) && kind_cnt(g, CALLER_PRIVATE))
		return someone_of(g, CALLER_PRIVATE, random_next(&l->rng));
	return number_any(c->country, random_next(&l->rng));
}

static uint64_t stranger(const struct generator *g, struct caller *c, struct line *l)
{
	uint32_t way = random_scale(habit(g, c, 1), 3);
	if (way == 1 && random_chance(&l->rng, 500000))
		return number_neighbour(c->number, random_next(&l->rng));
	if (way == 2)
		return next_in_row(c, l, c->country, 100);
	return anybody(g, c, l, 50000);
}

static uint64_t callee(const struct generator *g, struct caller *c, struct line *l, bool awake)
{
	switch (c->kind) {
	case CALLER_PRIVATE:
		return friend_or_shop(g, c, l);
	case CALLER_SLEEPER:
		return awake ? stranger(g, c, l) : friend_or_shop(g, c, l);
	case CALLER_BUSINESS:
		return customer(g, c, l);
	case CALLER_CALL_CENTRE:
		return anybody(g, c, l, 150000);
	case CALLER_ROBODIALLER:
		return stranger(g, c, l);
	case CALLER_SWEEPER:
		return next_in_row(c, l, c->country, 400);
	case CALLER_WANGIRI:
		return next_in_row(c, l, country_of_people(habit(g, c, 2)), 4);
	default:
		return anybody(g, c, l, 50000);
	}
}

/* ---- how it ends ---- */

static int32_t within(int64_t v, int64_t least, int64_t most)
{
	return (int32_t)(v < least ? least : v > most ? most : v);
}

static enum outcome outcome_of(const struct behaviour *b, uint64_t *rng)
{
	uint32_t r = random_below(rng, 1000), o = 0;
	while (o + 1 < OUTCOME_CNT && r >= b->outcome_milli[o])
		r -= b->outcome_milli[o++];
	return (enum outcome)o;
}

static int32_t ring_of(const struct behaviour *b, enum outcome o, uint64_t *rng)
{
	switch (o) {
	case OUTCOME_ANSWERED:
		return within(random_lognormal(rng, b->ring_median_ms, 500), 300, 60000);
	case OUTCOME_NO_ANSWER:
		return (int32_t)(20000 + random_below(rng, 25000));
	case OUTCOME_CANCELLED:
		return within(random_lognormal(rng, b->cancel_median_ms, 350), b->cancel_least_ms, 90000);
	default:
		return (int32_t)(1500 + random_below(rng, 6000)); /* refused by hand */
	}
}

static int32_t talk_of(const struct behaviour *b, uint64_t *rng)
{
	if (random_chance(rng, b->quick_milli * 1000u))
		return (int32_t)(1000 + random_below(rng, 4001));
	return within(random_lognormal(rng, b->talk_median_ms, b->talk_sigma_milli), 500, TALK_MOST_MS);
}

/* Only American networks sign. */
static uint8_t attest_of(const struct behaviour *b, uint64_t number, uint64_t *rng)
{
	if (number / UINT64_C(10000000000) != 1)
		return 0;
	uint32_t r = random_below(rng, 1000);
	for (uint32_t i = 0; i < 3; r -= b->attest_milli[i++])
		if (r < b->attest_milli[i])
			return (uint8_t)('A' + i);
	return 0;
}

static enum outcome draw_call(struct line *l, const struct behaviour *b, uint64_t calling)
{
	enum outcome o = outcome_of(b, &l->rng);
	l->cause = cause_pick(o, random_next(&l->rng));
	l->release = causes[l->cause].release;
	l->pdd_ms = within(random_lognormal(&l->rng, 1500, 400), 200, 8000);
	l->ring_ms = causes[l->cause].rings ? ring_of(b, o, &l->rng) : -1;
	l->talk_ms = -1;
	if (o == OUTCOME_ANSWERED) {
		l->talk_ms = talk_of(b, &l->rng);
		l->release = random_chance(&l->rng, b->caller_hangs_up_milli * 1000u) ? RELEASE_CALLER : RELEASE_CALLEE;
	}
	l->attest = attest_of(b, calling, &l->rng);
	return o;
}

/* ---- when ---- */

int64_t sleeper_wake_ms(const struct generator *g, const struct caller *c)
{
	uint64_t h = random_stream(g->config.seed, STREAM_WAKE, c->rank);
	int64_t spread_ms = (g->duration_ms - g->wake_ms) / 4;
	return g->config.start_ms + g->wake_ms + (spread_ms > 0 ? (int64_t)(h % (uint64_t)spread_ms) : 0);
}

/* The first start behind `from_ms` of a line that makes rate_q8 / 256 / lines calls a week; `hurry`: halvings of the gap. */
static int64_t draw_start(const struct caller *c, const struct behaviour *b, uint64_t rate_q8, int64_t from_ms, int hurry, uint64_t *rng)
{
	int64_t zone_ms = c->utc_hours * HOUR_MS;
	uint64_t mean = week_total((enum week)b->week) * 256 * c->lines / rate_q8, gap = random_exponential(rng);
	gap = mean >> 40 ? (mean >> 16) * gap : mean * gap >> 16; /* below 2^47 times below 2^22 */
	int64_t start_ms = week_time((enum week)b->week, week_ticks((enum week)b->week, from_ms + zone_ms) + (gap >> hurry)) - zone_ms;
	return start_ms > from_ms ? start_ms : from_ms;
}

static int64_t start_of(const struct generator *g, const struct caller *c, struct line *l, bool first, bool *awake)
{
	const struct behaviour *b = &behaviours[c->kind], *dialler = &behaviours[CALLER_ROBODIALLER];
	if (c->kind != CALLER_SLEEPER)
		return draw_start(c, b, c->rate_q8, l->start_ms, 0, &l->rng);
	int64_t wake_ms = sleeper_wake_ms(g, c), start_ms = l->start_ms;
	uint64_t awake_rate = (uint64_t)c->rate_q8 * dialler->calls_per_week / b->calls_per_week;
	if (start_ms < wake_ms) {
		start_ms = draw_start(c, b, c->rate_q8, start_ms, first ? 3 : 0, &l->rng); /* a sleeper has called before */
		*awake = start_ms >= g->config.start_ms + g->sleep_ms;
		return *awake ? draw_start(c, dialler, awake_rate, wake_ms, 0, &l->rng) : start_ms;
	}
	*awake = true;
	return draw_start(c, dialler, awake_rate, start_ms, 0, &l->rng);
}

static void next_call(struct generator *g, struct line *l, bool first)
{
	struct caller *c = &g->callers[l->caller];
	int64_t free_ms = first ? l->start_ms : line_end_ms(l) + GAP_LEAST_MS;
	bool awake = false;
	if (l->redial) {
		l->start_ms = free_ms + 4000 + random_below(&l->rng, 120000);
	} else {
		int64_t start_ms = start_of(g, c, l, first, &awake);
		l->start_ms = start_ms > free_ms ? start_ms : free_ms;
		do
			l->called = callee(g, c, l, awake);
		while (l->called == c->number);
	}
	const struct behaviour *b = &behaviours[c->kind != CALLER_SLEEPER ? c->kind : awake ? CALLER_ROBODIALLER : CALLER_PRIVATE];
	enum outcome o = draw_call(l, b, c->number);
	l->redial = (o == OUTCOME_NO_ANSWER || o == OUTCOME_BUSY) && random_chance(&l->rng, b->redial_milli * 1000u);
}

void line_first_call(struct generator *g, uint32_t i)
{
	g->lines[i].start_ms = g->config.start_ms;
	next_call(g, &g->lines[i], true);
}

void line_next_call(struct generator *g, uint32_t i)
{
	next_call(g, &g->lines[i], false);
}

/* ---- plain ---- */

/* One call ends in each slot of time, whoever it is: no state of callers, one random access into the Zipf table and one into the numbers. */
void plain_next_call(struct generator *g)
{
	struct generated *r = &g->next;
	struct line l = {.rng = g->rng};
	uint32_t i = zipf_pick(g->zipf, random_next(&l.rng));
	uint64_t calling = g->numbers[i], h = random_next(&l.rng);
	if (h % 10 < 7) /* one of thirty whom it calls often */
		h = random_stream(g->config.seed, STREAM_CONTACT, calling << 8 | random_scale(h, 30));
	(void)draw_call(&l, &behaviours[CALLER_PLAIN], calling);
	int64_t end_ms =
		g->slot_at_ms + (g->slot_ms > 1 ? random_below(&l.rng, (uint32_t)(g->slot_ms < UINT32_MAX ? g->slot_ms : UINT32_MAX)) : 0);
	g->rng = l.rng;
	g->slot_at_ms += g->slot_ms;
	g->slot_sum += g->slot_rest;
	if (g->slot_sum >= (int64_t)g->calls) {
		g->slot_sum -= (int64_t)g->calls;
		g->slot_at_ms++;
	}
	uint64_t called = number_any((uint8_t)(h % COUNTRY_LV), h);
	*r = (struct generated){.calling = calling,
				.called = called == calling ? called ^ 1 : called,
				.start_ms = end_ms - line_end_ms(&l),
				.pdd_ms = l.pdd_ms,
				.ring_ms = l.ring_ms,
				.talk_ms = l.talk_ms,
				.caller = i,
				.account = plain_account(i),
				.trunk = (uint16_t)(1 + i / 8 % 64),
				.cause = l.cause,
				.attest = l.attest,
				.release = l.release};
}
