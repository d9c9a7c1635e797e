/* SPDX-License-Identifier: Apache-2.0 */
/* From a config to callers with numbers, accounts, trunks and paces, and the lines that they call on. */
#include "app/generate_inner.h"

#include "app/random.h"
#include "base/arena.h"

#include <stdlib.h>

#define FRIENDS 64 /* private people who call one another: same country */
#define CAMPAIGN_MOST 40
#define TRUNKS_LEAST 4
#define TRUNKS_MOST 500

/* ---- how many of each kind ---- */

static enum err count_kinds(struct generator *g, struct err_text *why)
{
	static const uint32_t by_default[CALLER_MIX_CNT] = {
#define X(n, name, ppm, text) ppm,
		CALLER_KINDS(X)
#undef X
	};
	uint32_t mix[CALLER_MIX_CNT], n[CALLER_MIX_CNT], numbers = g->config.numbers, kinds = 0, most = 0;
	uint64_t total = 0, given = 0;
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		total += g->config.mix_ppm[k];
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		mix[k] = total ? g->config.mix_ppm[k] : by_default[k];
	if (!total)
		total = PPM;
	for (int k = 0; k < CALLER_MIX_CNT; k++) {
		n[k] = (uint32_t)((uint64_t)numbers * mix[k] / total);
		n[k] += n[k] == 0 && mix[k] > 0; /* small groups too have one of each */
		given += n[k];
		kinds += mix[k] > 0;
	}
	if (kinds > numbers)
		return err_set(why, ERR_USAGE, "%u numbers are too few for %u kinds of callers: raise the numbers or name fewer kinds",
			       (unsigned)numbers, (unsigned)kinds);
	while (given != numbers) {
		for (uint32_t k = 0; k < CALLER_MIX_CNT; k++)
			most = n[k] > n[most] ? k : most;
		uint32_t off = (uint32_t)(given > numbers ? given - numbers : 0);
		uint32_t take = off < n[most] ? off : n[most] - 1;
		n[most] = given > numbers ? n[most] - take : n[most] + (uint32_t)(numbers - given);
		given = given > numbers ? given - take : numbers;
	}
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		g->first[k + 1] = g->first[k] + n[k];
	for (int k = CALLER_MIX_CNT; k < CALLER_KIND_CNT; k++)
		g->first[k + 1] = g->first[k];
	return ERR_OK;
}

/* ---- numbers, accounts, trunks ---- */

struct giving {
	uint32_t used[COUNTRY_CNT], blocks[COUNTRY_CNT];
	uint32_t accounts;
	uint32_t trunks;
};

/* Account numbers in no order, so that they do not tell the kind. */
static uint32_t account_number(uint32_t i)
{
	return i < 900000 ? 100000 + (uint32_t)((uint64_t)i * 765431 % 900000) : 100000 + i;
}

/* Every second campaign has a block and no account in common, the others an account and numbers from everywhere. */
static void give_campaign(struct generator *g, struct giving *v, struct caller *c, uint32_t kind_cnt)
{
	uint32_t size = kind_cnt / 2 > CAMPAIGN_MOST ? CAMPAIGN_MOST : kind_cnt / 2 < 10 ? 10 : kind_cnt / 2;
	uint32_t campaign = c->rank / size, member = c->rank % size;
	uint64_t h = random_stream(g->config.seed, STREAM_COUNTRY, (uint64_t)CALLER_CAMPAIGN << 32 | campaign);
	c->country = country_of_people(h);
	c->trunk = (uint16_t)(1 + random_scale(h << 16, v->trunks));
	bool in_block = campaign % 2 == 0 && (member > 0 ? v->blocks[c->country] > 0 : v->blocks[c->country] < COUNTRY_BLOCKS);
	if (in_block) {
		v->blocks[c->country] += member == 0;
		uint32_t block = (v->blocks[c->country] - 1) * 387 % COUNTRY_BLOCKS;
		c->number = number_in_block(c->country, block, (member * 37 + campaign) % 1000);
	} else {
		v->accounts += member == 0;
		c->account = account_number(v->accounts);
		c->number = number_nth(c->country, v->used[c->country]++);
	}
}

static void give(struct generator *g, struct giving *v, struct caller *c)
{
	uint32_t per_account = behaviours[c->kind].numbers_per_account;
	uint32_t group = c->kind == CALLER_PRIVATE ? c->rank / FRIENDS : per_account ? c->rank / per_account : c->rank;
	uint64_t h = random_stream(g->config.seed, STREAM_COUNTRY, (uint64_t)c->kind << 32 | group);
	if (c->kind == CALLER_CAMPAIGN) {
		give_campaign(g, v, c, g->first[c->kind + 1] - g->first[c->kind]);
		return;
	}
	c->country = c->kind == CALLER_WANGIRI ? country_of_wangiri(h) : country_of_people(h);
	c->number = number_nth(c->country, v->used[c->country]++);
	c->trunk = (uint16_t)(c->kind == CALLER_SIM_BOX ? 1000 + group % 60000 : 1 + random_scale(h << 16, v->trunks));
	if (per_account) {
		v->accounts += c->rank % per_account == 0;
		c->account = account_number(v->accounts);
	}
}

static void set_rate(struct generator *g, struct caller *c, uint32_t i, uint64_t sum)
{
	const struct behaviour *b = &behaviours[c->kind];
	uint64_t rng = random_stream(g->config.seed, STREAM_RATE, i), relative;
	if (g->config.zipf_milli >= 0)
		relative = zipf_relative(c->rank, g->first[c->kind + 1] - g->first[c->kind], (uint32_t)g->config.zipf_milli, sum);
	else
		relative = random_lognormal_mean1(&rng, b->spread_milli);
	relative = relative < 2048 ? 2048 : relative > (32u << 16) ? 32u << 16 : relative; /* nobody can be on the phone all day */
	c->rate_q8 = (uint32_t)((b->calls_per_week * 256 * relative) >> 16);
}

static void make_callers(struct generator *g)
{
	uint32_t n = g->config.numbers, trunks = n / 500;
	struct giving v = {.trunks = trunks < TRUNKS_LEAST ? TRUNKS_LEAST : trunks > TRUNKS_MOST ? TRUNKS_MOST : trunks};
	g->callers = mem_zalloc(n * sizeof *g->callers);
	for (int k = 0; k < CALLER_MIX_CNT; k++) {
		uint32_t cnt = g->first[k + 1] - g->first[k];
		uint64_t sum = g->config.zipf_milli >= 0 && cnt ? zipf_sum(cnt, (uint32_t)g->config.zipf_milli) : 0;
		for (uint32_t i = g->first[k]; i < g->first[k + 1]; i++) {
			struct caller *c = &g->callers[i];
			c->kind = (uint8_t)k;
			c->rank = i - g->first[k];
			give(g, &v, c);
			c->utc_hours = number_utc_hours(c->country, c->number);
			set_rate(g, c, i, sum);
		}
	}
}

/* ---- how long, how fast ---- */

#define UTC_MOST 12

/* Calls a week of all callers of a kind in a zone. */
struct paces {
	uint64_t weekly[CALLER_MIX_CNT][2 * UTC_MOST + 1];
};

static void set_sleep(struct generator *g, int64_t duration_ms)
{
	bool whole = duration_ms >= SLEEP_MS + SLEEP_MS / 20;
	g->duration_ms = duration_ms;
	g->sleep_ms = whole ? (duration_ms - SLEEP_MS) / 5 * 2 : duration_ms / 10;
	g->wake_ms = whole ? g->sleep_ms + SLEEP_MS : duration_ms / 10 * 6;
}

/* Share of a week's activity between two times, Q16. */
static uint64_t share_of_week(const struct generator *g, enum week w, int64_t utc_hours, int64_t from_ms, int64_t to_ms)
{
	int64_t local_ms = g->config.start_ms + utc_hours * HOUR_MS;
	uint64_t ticks = week_ticks(w, local_ms + to_ms) - week_ticks(w, local_ms + from_ms), total = week_total(w);
	return (ticks / total << 16) + (ticks % total << 16) / total;
}

/* Calls to be expected within duration_ms at the natural pace. */
static uint64_t expected(const struct generator *g, const struct paces *p)
{
	uint64_t calls = 0;
	for (int k = 0; k < CALLER_MIX_CNT; k++) {
		const struct behaviour *b = &behaviours[k == CALLER_SLEEPER ? CALLER_PRIVATE : k];
		uint64_t redials = (uint64_t)b->redial_milli * (b->outcome_milli[OUTCOME_NO_ANSWER] + b->outcome_milli[OUTCOME_BUSY]);
		for (int z = -UTC_MOST; z <= UTC_MOST; z++) {
			uint64_t weekly = p->weekly[k][z + UTC_MOST];
			if (!weekly)
				continue;
			int64_t until_ms = k == CALLER_SLEEPER ? g->sleep_ms : g->duration_ms;
			uint64_t n = weekly * share_of_week(g, (enum week)b->week, z, 0, until_ms) >> 16;
			calls += n + n / 1000 * redials / 1000;
			if (k == CALLER_SLEEPER) {
				int64_t wake_ms = g->wake_ms + (g->duration_ms - g->wake_ms) / 8;
				weekly = weekly * behaviours[CALLER_ROBODIALLER].calls_per_week / behaviours[k].calls_per_week;
				calls += weekly * share_of_week(g, WEEK_DIALLER, z, wake_ms, g->duration_ms) >> 16;
			}
		}
	}
	return calls;
}

/* The duration within which so many calls are made, by bisection. */
static enum err find_duration(struct generator *g, const struct paces *p, struct err_text *why)
{
	int64_t low_ms = 0, high_ms = DURATION_MAX_MS;
	while (high_ms - low_ms > MINUTE_MS) {
		int64_t middle_ms = low_ms + (high_ms - low_ms) / 2;
		set_sleep(g, middle_ms);
		if (expected(g, p) >= g->config.calls)
			high_ms = middle_ms;
		else
			low_ms = middle_ms;
	}
	set_sleep(g, high_ms);
	if (high_ms == DURATION_MAX_MS)
		return err_set(why, ERR_USAGE,
			       "%u numbers make too few calls for %llu within ten years: raise the numbers, or give a duration",
			       (unsigned)g->config.numbers, (unsigned long long)g->config.calls);
	return ERR_OK;
}

static enum err set_pace(struct generator *g, struct err_text *why)
{
	struct paces *p = mem_zalloc(sizeof *p);
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < g->caller_cnt; i++)
		p->weekly[g->callers[i].kind][g->callers[i].utc_hours + UTC_MOST] += g->callers[i].rate_q8;
	for (int k = 0; k < CALLER_MIX_CNT; k++)
		for (int z = 0; z <= 2 * UTC_MOST; z++)
			p->weekly[k][z] = (p->weekly[k][z] + 255) / 256;
	if (!g->config.duration_ms) {
		e = find_duration(g, p, why);
	} else {
		set_sleep(g, g->config.duration_ms);
		uint64_t natural = expected(g, p);
		uint64_t scale = g->config.calls ? (g->config.calls << 16) / (natural ? natural : 1) : 1 << 16;
		for (uint32_t i = 0; i < g->caller_cnt; i++) {
			uint32_t *rate = &g->callers[i].rate_q8;
			uint64_t scaled = scale < UINT32_MAX ? *rate * scale >> 16 : UINT32_MAX;
			*rate = scaled < 1 ? 1 : scaled > UINT32_MAX ? UINT32_MAX : (uint32_t)scaled;
		}
	}
	free(p);
	return e;
}

/* ---- lines ---- */

/* Enough that the busy hours are not held up by calls in progress. */
static uint32_t lines_of(const struct caller *c)
{
	bool sleeper = c->kind == CALLER_SLEEPER;
	const struct behaviour *b = &behaviours[sleeper ? CALLER_ROBODIALLER : c->kind];
	uint64_t weekly = c->rate_q8 / 256 * (sleeper ? b->calls_per_week / behaviours[CALLER_SLEEPER].calls_per_week : 1u);
	uint64_t call_ms = 4000 + b->ring_median_ms + b->outcome_milli[OUTCOME_ANSWERED] * 2ull * b->talk_median_ms / 1000;
	uint64_t n = 1 + 2 * weekly * call_ms / ((uint64_t)week_busy_hours((enum week)b->week) * HOUR_MS);
	uint64_t least = sleeper ? 1 : b->lines;
	n = n < least ? least : n;
	return n > LINES_OF_A_CALLER_MAX ? LINES_OF_A_CALLER_MAX : (uint32_t)n;
}

static enum err make_lines(struct generator *g, struct err_text *why)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < g->caller_cnt; i++) {
		g->callers[i].lines = (uint8_t)lines_of(&g->callers[i]);
		n += g->callers[i].lines;
	}
	if (n >> HEAP_LINE_BITS)
		return err_set(why, ERR_USAGE,
			       "%u callers of this mix and pace need %llu lines, and 16.7 million is the most: lower the numbers, or use "
			       "plain mode",
			       (unsigned)g->caller_cnt, (unsigned long long)n);
	g->line_cnt = (uint32_t)n;
	g->lines = mem_zalloc(n * sizeof *g->lines);
	g->heap = mem_alloc(n * sizeof *g->heap);
	n = 0;
	for (uint32_t i = 0; i < g->caller_cnt; i++)
		for (uint32_t j = 0; j < g->callers[i].lines; j++, n++) {
			g->lines[n].caller = i;
			g->lines[n].rng = random_stream(g->config.seed, STREAM_LINE, (uint64_t)j << 32 | i);
			line_first_call(g, (uint32_t)n);
		}
	return ERR_OK;
}

/* ---- plain ---- */

static void set_up_plain(struct generator *g)
{
	uint32_t used[COUNTRY_CNT] = {0}, n = g->config.numbers;
	uint64_t daily = (uint64_t)n * behaviours[CALLER_PLAIN].calls_per_week / 7;
	g->numbers = mem_alloc(n * sizeof *g->numbers);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t country = country_of_people(random_stream(g->config.seed, STREAM_COUNTRY, i / FRIENDS));
		g->numbers[i] = number_nth(country, used[country]++);
	}
	uint32_t s_milli = g->config.zipf_milli < 0 ? 990 : (uint32_t)g->config.zipf_milli;
	g->zipf = zipf_new(n, s_milli);
	if (!g->calls)
		g->calls = (uint64_t)(g->duration_ms / 1000) * daily / (DAY_MS / 1000);
	if (!g->duration_ms) /* by the day first: the product of calls and a day's ms may not fit */
		g->duration_ms = (int64_t)(g->calls / daily) * DAY_MS + (int64_t)(g->calls % daily * DAY_MS / daily) + 1;
	g->slot_ms = g->calls ? g->duration_ms / (int64_t)g->calls : 0;
	g->slot_rest = g->calls ? g->duration_ms % (int64_t)g->calls : 0;
	g->slot_at_ms = g->config.start_ms;
	g->rng = random_stream(g->config.seed, STREAM_PLAIN, 0);
	plain_next_call(g);
}

enum err generator_set_up(struct generator *g, struct err_text *why)
{
	g->caller_cnt = g->config.numbers;
	g->calls = g->config.calls;
	g->duration_ms = g->config.duration_ms;
	if (g->config.plain) {
		set_up_plain(g);
		return ERR_OK;
	}
	enum err e = count_kinds(g, why);
	if (e)
		return e;
	make_callers(g);
	e = set_pace(g, why);
	return e ? e : make_lines(g, why);
}
