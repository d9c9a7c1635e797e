/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN: three streams merged by time: the calls in the order of their ends (a heap of lines, or slots of time in plain mode); what is held back
 * (late ones, duplicates) by due time; a broken record right behind the call that it was made from.
 * GUARANTEES: whether a call is late, comes twice or is followed by a broken one hangs on seed and serial alone, each by a stream of its own: an
 * option adds to the output and does not reshuffle the rest.
 * ALTERNATIVES: one Poisson stream and a draw of the caller for each call (plain mode does so): faster, but nobody redials, sleeps or keeps
 * office hours. */
#include "app/generate_inner.h"

#include "app/random.h"
#include "base/arena.h"

#include <stdlib.h>

int64_t generated_end_ms(const struct generated *r)
{
	return r->start_ms + r->pdd_ms + (r->ring_ms > 0 ? r->ring_ms : 0) + (r->talk_ms > 0 ? r->talk_ms : 0);
}

enum disposition generated_disposition(const struct generated *r)
{
	return (enum disposition)causes[r->cause].disposition;
}

enum reason breakage_reason(enum breakage b, bool csv)
{
	static const enum reason t[][2] = {
#define X(n, json, csv) {REASON_##json, REASON_##csv},
		BREAKAGES(X)
#undef X
	};
	return t[b][csv];
}

/* ---- the heap of lines ---- */

static void heap_sink(struct generator *g, uint32_t at)
{
	uint64_t v = g->heap[at];
	for (;;) {
		uint64_t child = 4 * (uint64_t)at + 1, end = child + 4 < g->line_cnt ? child + 4 : g->line_cnt, least = child;
		if (child >= g->line_cnt)
			break;
		for (uint64_t i = child + 1; i < end; i++)
			least = g->heap[i] < g->heap[least] ? i : least;
		if (g->heap[least] >= v)
			break;
		g->heap[at] = g->heap[least];
		at = (uint32_t)least;
	}
	g->heap[at] = v;
}

static uint64_t heap_key(const struct generator *g, uint32_t line)
{
	return (uint64_t)(line_end_ms(&g->lines[line]) - g->config.start_ms) << HEAP_LINE_BITS | line;
}

static void heap_build(struct generator *g)
{
	for (uint32_t i = 0; i < g->line_cnt; i++)
		g->heap[i] = heap_key(g, i);
	for (uint32_t i = g->line_cnt; i-- > 0;)
		heap_sink(g, i);
}

/* ---- calls ---- */

static bool call_peek(const struct generator *g, int64_t *end_ms)
{
	if (g->calls && g->serial == g->calls)
		return false;
	if (g->config.plain) {
		*end_ms = generated_end_ms(&g->next);
		return g->calls > 0;
	}
	*end_ms = g->config.start_ms + (int64_t)(g->heap[0] >> HEAP_LINE_BITS);
	return g->calls || *end_ms <= g->config.start_ms + g->duration_ms;
}

static void call_take(struct generator *g, struct generated *out)
{
	if (g->config.plain) {
		*out = g->next;
		plain_next_call(g);
	} else {
		uint32_t i = (uint32_t)(g->heap[0] & ((1u << HEAP_LINE_BITS) - 1));
		const struct line *l = &g->lines[i];
		const struct caller *c = &g->callers[l->caller];
		*out = (struct generated){.calling = c->number,
					  .called = l->called,
					  .start_ms = l->start_ms,
					  .pdd_ms = l->pdd_ms,
					  .ring_ms = l->ring_ms,
					  .talk_ms = l->talk_ms,
					  .caller = l->caller,
					  .account = c->account,
					  .trunk = c->trunk,
					  .cause = l->cause,
					  .attest = l->attest,
					  .release = l->release};
		line_next_call(g, i);
		g->heap[0] = heap_key(g, i);
		heap_sink(g, 0);
	}
	out->serial = ++g->serial;
}

/* ---- held back ---- */

static bool sooner(const struct held *a, const struct held *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void hold(struct generator *g, const struct generated *r, int64_t due_ms)
{
	if (g->held_cnt == g->held_cap) {
		g->held_cap = g->held_cap ? 2 * g->held_cap : 256;
		g->held = mem_realloc(g->held, g->held_cap * sizeof *g->held);
	}
	struct held h = {due_ms, g->held_order++, *r};
	size_t at = g->held_cnt++;
	for (; at > 0 && sooner(&h, &g->held[(at - 1) / 2]); at = (at - 1) / 2)
		g->held[at] = g->held[(at - 1) / 2];
	g->held[at] = h;
}

static void let_go(struct generator *g, struct generated *out)
{
	*out = g->held[0].record;
	struct held h = g->held[--g->held_cnt];
	size_t at = 0, child;
	while ((child = 2 * at + 1) < g->held_cnt) {
		child += child + 1 < g->held_cnt && sooner(&g->held[child + 1], &g->held[child]);
		if (!sooner(&g->held[child], &h))
			break;
		g->held[at] = g->held[child];
		at = child;
	}
	g->held[at] = h;
}

/* Between two times, every order of magnitude alike. */
static int64_t draw_delay(uint64_t *rng, int64_t least_ms, int64_t most_ms)
{
	if (most_ms <= least_ms)
		return least_ms;
	int64_t from = random_log2((uint64_t)least_ms), to = random_log2((uint64_t)most_ms);
	int64_t at = from + (int64_t)((uint64_t)(to - from) / 65536 * (random_next(rng) >> 48));
	return (int64_t)(random_exp2(at) >> 16);
}

/* How long after its time a call comes; 0: in time. */
static int64_t lateness(const struct generator *g, const struct generated *r)
{
	const struct generate_config *c = &g->config;
	if (!c->late_ppm && !c->very_late_ppm)
		return 0;
	uint64_t rng = random_stream(c->seed, STREAM_LATE, r->serial);
	bool late = random_chance(&rng, c->late_ppm), very = random_chance(&rng, c->very_late_ppm);
	if (very) {
		int64_t left_ms = c->start_ms + g->duration_ms - generated_end_ms(r), most_ms = 40 * DAY_MS;
		return draw_delay(&rng, 7 * HOUR_MS, left_ms < most_ms ? left_ms : most_ms);
	}
	return late ? draw_delay(&rng, MINUTE_MS, 350 * MINUTE_MS) : 0;
}

static void repeat(struct generator *g, const struct generated *r, int64_t after_ms)
{
	uint64_t rng = random_stream(g->config.seed, STREAM_DUPLICATE, r->serial);
	if (!random_chance(&rng, g->config.duplicate_ppm))
		return;
	bool near = random_chance(&rng, PPM / 2);
	struct generated again = *r;
	again.duplicate = true;
	hold(g, &again, after_ms + (near ? random_below(&rng, 2000) : draw_delay(&rng, MINUTE_MS, 3 * DAY_MS)));
}

/* Each kind once first, so that small files have all of them; then the long ones rarely, for they are big. */
static void break_one(struct generator *g, const struct generated *r)
{
	uint64_t rng = random_stream(g->config.seed, STREAM_BROKEN, r->serial);
	if (!random_chance(&rng, g->config.broken_ppm))
		return;
	g->broken = *r;
	g->broken.breakage = (uint8_t)(1 + random_below(&rng, BREAKAGE_TOO_LONG - 1));
	if (g->broken_cnt < BREAKAGE_CNT - 1)
		g->broken.breakage = (uint8_t)(1 + g->broken_cnt);
	else if (random_chance(&rng, PPM / 500))
		g->broken.breakage = BREAKAGE_TOO_LONG;
	g->broken_cnt++;
	g->broken_due = true;
}

bool generator_next(struct generator *g, struct generated *out)
{
	int64_t end_ms = 0;
	for (;;) {
		if (g->broken_due) {
			g->broken_due = false;
			*out = g->broken;
			return true;
		}
		bool more = call_peek(g, &end_ms);
		if (g->held_cnt && (!more || g->held[0].due_ms <= end_ms || g->held_cnt >= GENERATE_HELD_MAX)) {
			let_go(g, out);
			return true;
		}
		if (!more)
			return false;
		call_take(g, out);
		int64_t late_ms = lateness(g, out);
		out->late = late_ms > 0;
		if (late_ms)
			hold(g, out, end_ms + late_ms);
		if (g->config.duplicate_ppm)
			repeat(g, out, end_ms + late_ms);
		if (g->config.broken_ppm)
			break_one(g, out);
		if (!late_ms)
			return true;
	}
}

/* ---- making one ---- */

static enum err check(const struct generate_config *c, struct err_text *why)
{
	if (c->numbers < 1 || c->numbers > GENERATE_NUMBERS_MAX)
		return err_set(why, ERR_USAGE, "numbers: %u is not between 1 and %u", (unsigned)c->numbers, GENERATE_NUMBERS_MAX);
	if (c->calls > GENERATE_CALLS_MAX)
		return err_set(why, ERR_USAGE, "count: at most %llu", (unsigned long long)GENERATE_CALLS_MAX);
	if (!c->calls && !c->duration_ms)
		return err_set(why, ERR_USAGE, "a count or a duration is needed, else there is no end");
	if (c->duration_ms < 0 || c->duration_ms > DURATION_MAX_MS)
		return err_set(why, ERR_USAGE, "duration: at most %lld days", (long long)(DURATION_MAX_MS / DAY_MS));
	if (c->start_ms < DAY_MS || c->start_ms > civil_to_days(2200, 1, 1) * DAY_MS)
		return err_set(why, ERR_USAGE, "start: a time between 1970-01-02 and 2200");
	if (c->zipf_milli > 3000 || c->zipf_milli < -1)
		return err_set(why, ERR_USAGE, "zipf: between 0 and 3");
	if (c->late_ppm > PPM || c->very_late_ppm > PPM || c->duplicate_ppm > PPM || c->broken_ppm > PPM)
		return err_set(why, ERR_USAGE, "a share is between 0 and 1");
	return ERR_OK;
}

enum err generator_new(const struct generate_config *c, struct generator **out, struct err_text *why)
{
	enum err e = check(c, why);
	if (e)
		return e;
	struct generator *g = mem_zalloc(sizeof *g);
	g->config = *c;
	e = generator_set_up(g, why);
	if (e) {
		generator_free(g);
		return e;
	}
	heap_build(g);
	*out = g;
	return ERR_OK;
}

void generator_free(struct generator *g)
{
	if (!g)
		return;
	free(g->callers);
	free(g->lines);
	free(g->heap);
	free(g->numbers);
	zipf_free(g->zipf);
	free(g->held);
	free(g);
}

uint64_t generator_calls(const struct generator *g)
{
	return g->calls;
}

int64_t generator_duration_ms(const struct generator *g)
{
	return g->duration_ms;
}

uint32_t generator_callers(const struct generator *g)
{
	return g->caller_cnt;
}

void generator_caller(const struct generator *g, uint32_t i, struct generated_caller *out)
{
	if (g->config.plain)
		*out = (struct generated_caller){g->numbers[i], plain_account(i), CALLER_PLAIN};
	else
		*out = (struct generated_caller){g->callers[i].number, g->callers[i].account, (enum caller_kind)g->callers[i].kind};
}
