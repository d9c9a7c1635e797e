/* SPDX-License-Identifier: Apache-2.0 */
#include "app/callers.h"

#include "app/random.h"

/* ---- outcomes ---- */

#define CAUSE(d, release, q850, sip, rings, reason)                          \
	{                                                                    \
		DISPOSITION_##d, RELEASE_##release, q850, sip, rings, reason \
	}
const struct cause causes[] = {
	CAUSE(ANSWERED, CALLER, 16, 200, true, NULL),
	CAUSE(NO_ANSWER, NETWORK, 19, 480, true, NULL),
	CAUSE(NO_ANSWER, NETWORK, 18, 408, true, NULL),
	CAUSE(NO_ANSWER, NETWORK, 102, 487, true, NULL),
	CAUSE(BUSY, CALLEE, 17, 486, false, NULL),
	CAUSE(BUSY, CALLEE, 17, 600, false, NULL),
	CAUSE(CANCELLED, CALLER, 16, 487, true, NULL),
	CAUSE(REJECTED, CALLEE, 21, 603, true, NULL),
	CAUSE(REJECTED, NETWORK, 21, 403, false, NULL),
	CAUSE(REJECTED, CALLEE, 21, 607, true, NULL),
	CAUSE(REJECTED, NETWORK, 21, 608, false, NULL),
	CAUSE(REJECTED, NETWORK, 21, 603, false, "Network Blocked"),
	CAUSE(INVALID_NUMBER, NETWORK, 1, 404, false, NULL),
	CAUSE(INVALID_NUMBER, NETWORK, 28, 484, false, NULL),
	CAUSE(INVALID_NUMBER, NETWORK, 22, 410, false, NULL),
	CAUSE(NETWORK, NETWORK, 34, 503, false, NULL),
	CAUSE(NETWORK, NETWORK, 27, 502, false, NULL),
	CAUSE(NETWORK, NETWORK, 41, 500, false, NULL),
	CAUSE(NETWORK, NETWORK, 38, 503, false, NULL),
};

uint8_t cause_pick(enum outcome o, uint64_t random)
{
	static const struct {
		uint8_t first, n, often; /* `often` of 8 are the first */
	} of[OUTCOME_CNT] = {{0, 1, 8}, {1, 3, 5}, {4, 2, 7}, {6, 1, 8}, {7, 2, 6}, {9, 3, 3}, {12, 3, 6}, {15, 4, 4}};
	if (random_scale(random << 8, 8) < of[o].often)
		return of[o].first;
	return (uint8_t)(of[o].first + 1 + random_scale(random, of[o].n - 1u));
}

/* ---- the week ---- */

#define WEEK_HOURS 168
#define MONDAY_MS (3 * DAY_MS) /* 1970-01-01 was a Thursday: so much of its week was gone */

/* Activity of each hour, 0 to 9: a weekday, Saturday, Sunday. */
static const char *const week_hours[WEEK_CNT][3] = {
	[WEEK_PEOPLE] = {"100000124444555455667763", "110000012345666655556653", "111000012345555555667652"},
	[WEEK_OFFICE] = {"000000024788767887510000", "000000001344431000000000", "000000000000000000000000"},
	[WEEK_CENTRE] = {"000000000688756888876000", "000000000134443000000000", "000000000000000000000000"},
	[WEEK_DIALLER] = {"000000001688888888887200", "000000000477777777630000", "000000000000000000000000"},
	[WEEK_ROUND] = {"544433445566666666777665", "544433445566666666777665", "544433445566666666777665"},
	[WEEK_NIGHT] = {"788888520000000000001346", "788888520000000000001346", "788888520000000000001346"},
	[WEEK_FLAT] = {"111111111111111111111111", "111111111111111111111111", "111111111111111111111111"},
};

static struct {
	uint16_t weight[WEEK_HOURS];
	uint32_t before[WEEK_HOURS + 1]; /* sum of the weights of the hours before */
} weeks[WEEK_CNT];

__attribute__((constructor)) static void weeks_init(void)
{
	for (int w = 0; w < WEEK_CNT; w++)
		for (int h = 0; h < WEEK_HOURS; h++) {
			int day = h / 24;
			weeks[w].weight[h] = (uint16_t)(week_hours[w][day < 5 ? 0 : day - 4][h % 24] - '0');
			weeks[w].before[h + 1] = weeks[w].before[h] + weeks[w].weight[h];
		}
}

uint64_t week_total(enum week w)
{
	return (uint64_t)weeks[w].before[WEEK_HOURS] * HOUR_MS;
}

uint64_t week_ticks(enum week w, int64_t local_ms)
{
	uint64_t ms = (uint64_t)(local_ms + MONDAY_MS), in_week = ms % (7 * DAY_MS), hour = in_week / HOUR_MS;
	return ms / (7 * DAY_MS) * week_total(w) + weeks[w].before[hour] * (uint64_t)HOUR_MS + weeks[w].weight[hour] * (in_week % HOUR_MS);
}

int64_t week_time(enum week w, uint64_t ticks)
{
	uint64_t rest = ticks % week_total(w);
	uint32_t hours = (uint32_t)(rest / HOUR_MS), from = 0, to = WEEK_HOURS;
	while (to - from > 1) { /* the last hour that has not more than `hours` before it; it is not a dead one */
		uint32_t middle = (from + to) / 2;
		if (weeks[w].before[middle] <= hours)
			from = middle;
		else
			to = middle;
	}
	uint64_t in_hour = (rest - weeks[w].before[from] * (uint64_t)HOUR_MS) / weeks[w].weight[from];
	return (int64_t)(ticks / week_total(w) * (7 * DAY_MS) + from * (uint64_t)HOUR_MS + in_hour) - MONDAY_MS;
}

uint32_t week_busy_hours(enum week w)
{
	uint32_t most = 0, n = 0;
	for (int h = 0; h < WEEK_HOURS; h++)
		most = weeks[w].weight[h] > most ? weeks[w].weight[h] : most;
	for (int h = 0; h < WEEK_HOURS; h++)
		n += 2u * weeks[w].weight[h] >= most;
	return n;
}

/* ---- kinds ---- */

const struct behaviour behaviours[CALLER_KIND_CNT] = {
	[CALLER_PRIVATE] = {22,
			    1000,
			    WEEK_PEOPLE,
			    1,
			    {620, 190, 40, 90, 25, 0, 15, 20},
			    55000,
			    1200,
			    40,
			    9000,
			    14000,
			    2000,
			    520,
			    {930, 40, 10},
			    450,
			    0},
	[CALLER_BUSINESS] = {120,
			     800,
			     WEEK_OFFICE,
			     1,
			     {660, 190, 35, 60, 20, 0, 20, 15},
			     80000,
			     1100,
			     30,
			     8000,
			     18000,
			     3000,
			     550,
			     {950, 40, 5},
			     200,
			     3},
	[CALLER_CALL_CENTRE] = {650,
				250,
				WEEK_CENTRE,
				4,
				{430, 390, 50, 50, 40, 10, 15, 15},
				75000,
				1000,
				40,
				9000,
				26000,
				15000,
				400,
				{960, 30, 5},
				0,
				4},
	[CALLER_ROBODIALLER] = {9000,
				400,
				WEEK_DIALLER,
				4,
				{280, 300, 40, 160, 60, 50, 80, 30},
				8000,
				900,
				250,
				8000,
				11000,
				2000,
				450,
				{100, 350, 450},
				0,
				2},
	[CALLER_SWEEPER] = {5000,
			    400,
			    WEEK_DIALLER,
			    1,
			    {350, 250, 30, 220, 40, 30, 60, 20},
			    2500,
			    400,
			    500,
			    6000,
			    8000,
			    1500,
			    950,
			    {50, 300, 550},
			    0,
			    2},
	[CALLER_SIM_BOX] = {350,
			    500,
			    WEEK_ROUND,
			    1,
			    {520, 280, 50, 70, 20, 0, 20, 40},
			    130000,
			    1100,
			    20,
			    9000,
			    15000,
			    2000,
			    550,
			    {300, 400, 200},
			    0,
			    30},
	[CALLER_WANGIRI] =
		{3500, 400, WEEK_NIGHT, 1, {25, 20, 10, 880, 5, 10, 30, 20}, 2000, 500, 600, 1500, 1300, 400, 700, {0, 200, 600}, 0, 5},
	[CALLER_CAMPAIGN] = {60,
			     300,
			     WEEK_DIALLER,
			     1,
			     {300, 330, 40, 120, 60, 40, 80, 30},
			     11000,
			     1000,
			     250,
			     8000,
			     12000,
			     2000,
			     450,
			     {150, 450, 300},
			     0,
			     0},
	[CALLER_SLEEPER] = {22, 500, WEEK_PEOPLE, 1, {0}, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0},
	[CALLER_PLAIN] =
		{70, 0, WEEK_FLAT, 1, {560, 240, 40, 80, 25, 5, 25, 25}, 60000, 1200, 60, 9000, 14000, 2000, 520, {800, 120, 40}, 0, 20},
};

const char *caller_kind_name(enum caller_kind k)
{
	static const char *const t[] = {
#define X(n, name, ppm, text) name,
		CALLER_KINDS(X)
#undef X
			"plain"};
	return t[k];
}

const char *caller_kind_text(enum caller_kind k)
{
	static const char *const t[] = {
#define X(n, name, ppm, text) text,
		CALLER_KINDS(X)
#undef X
			"ordinary callers at a constant pace"};
	return t[k];
}

bool caller_kind_find(struct slice name, enum caller_kind *k)
{
	for (int i = 0; i < CALLER_MIX_CNT; i++)
		if (slice_is(name, caller_kind_name((enum caller_kind)i))) {
			*k = (enum caller_kind)i;
			return true;
		}
	return false;
}

/* ---- numbering ---- */

static const struct {
	uint64_t base; /* before the last seven digits; +1 has a plan of its own */
	uint8_t percent;
	int8_t utc_hours;
} countries[COUNTRY_CNT] = {
	[COUNTRY_NANP] = {1, 45, 0}, [COUNTRY_GB] = {44770, 12, 0},  [COUNTRY_DE] = {491760, 10, 1}, [COUNTRY_IN] = {91700, 10, 5},
	[COUNTRY_FR] = {3363, 8, 1}, [COUNTRY_BR] = {551190, 6, -3}, [COUNTRY_NG] = {234803, 5, 1},  [COUNTRY_AU] = {6149, 4, 10},
	[COUNTRY_LV] = {3712, 0, 2}, [COUNTRY_TN] = {2162, 0, 1},    [COUNTRY_SO] = {25261, 0, 3},
};

/* A hundred area codes of the United States and Canada, by their hours behind UTC in winter. */
static const struct {
	uint16_t code;
	int8_t utc_hours;
} areas[100] = {
	{201, -5}, {202, -5}, {203, -5}, {207, -5}, {212, -5}, {215, -5}, {216, -5}, {229, -5}, {239, -5}, {240, -5}, {248, -5}, {267, -5},
	{301, -5}, {302, -5}, {304, -5}, {305, -5}, {313, -5}, {315, -5}, {321, -5}, {330, -5}, {336, -5}, {347, -5}, {352, -5}, {386, -5},
	{401, -5}, {404, -5}, {407, -5}, {410, -5}, {412, -5}, {413, -5}, {416, -5}, {419, -5}, {434, -5}, {440, -5}, {478, -5}, {484, -5},
	{508, -5}, {513, -5}, {514, -5}, {516, -5}, {518, -5}, {561, -5}, {585, -5}, {603, -5}, {609, -5}, {610, -5}, {614, -5}, {617, -5},
	{631, -5}, {646, -5}, {205, -6}, {210, -6}, {214, -6}, {217, -6}, {224, -6}, {225, -6}, {228, -6}, {251, -6}, {256, -6}, {281, -6},
	{309, -6}, {312, -6}, {314, -6}, {318, -6}, {319, -6}, {337, -6}, {361, -6}, {405, -6}, {409, -6}, {414, -6}, {417, -6}, {204, -6},
	{501, -6}, {504, -6}, {507, -6}, {512, -6}, {303, -7}, {307, -7}, {385, -7}, {403, -7}, {406, -7}, {435, -7}, {480, -7}, {505, -7},
	{602, -7}, {719, -7}, {206, -8}, {209, -8}, {213, -8}, {253, -8}, {310, -8}, {323, -8}, {360, -8}, {408, -8}, {415, -8}, {425, -8},
	{503, -8}, {604, -8}, {702, -8}, {818, -8},
};
#define AREA_NUMBERS 90000u /* 550 0000 to 558 9999; 559 is for campaigns */

static uint8_t country_at(uint32_t percent)
{
	uint8_t c = 0;
	while (percent >= countries[c].percent)
		percent -= countries[c++].percent;
	return c;
}

uint8_t country_of_people(uint64_t random)
{
	return country_at(random_scale(random, 100));
}

uint8_t country_of_wangiri(uint64_t random)
{
	return (uint8_t)(COUNTRY_LV + random_scale(random, 3));
}

static uint64_t number_at(uint8_t country, uint32_t v)
{
	if (country != COUNTRY_NANP)
		return countries[country].base * 10000000 + v;
	return (1000u + areas[v / AREA_NUMBERS].code) * UINT64_C(10000000) + 5500000 + v % AREA_NUMBERS;
}

uint64_t number_any(uint8_t country, uint64_t random)
{
	return number_at(country, random_scale(random, COUNTRY_NUMBERS));
}

/* Groups of 16 are scattered over the areas, their members over their area: both steps are permutations, for the factors share no divisor
 * with what they are reduced by. */
uint64_t number_nth(uint8_t country, uint32_t k)
{
	const uint32_t groups = COUNTRY_NUMBERS / 16, per_area = AREA_NUMBERS / 16;
	uint32_t group = (uint32_t)((uint64_t)(k / 16 % groups) * 235741 % groups);
	uint32_t area = group / per_area, in_area = group % per_area + per_area * (k % 16);
	return number_at(country, area * AREA_NUMBERS + (uint32_t)((uint64_t)in_area * 76543 % AREA_NUMBERS));
}

uint64_t number_in_block(uint8_t country, uint32_t block, uint32_t i)
{
	if (country != COUNTRY_NANP)
		return countries[country].base * 10000000 + COUNTRY_NUMBERS + block * 1000 + i;
	return (1000u + areas[block / 10].code) * UINT64_C(10000000) + 5590000 + block % 10 * 1000 + i;
}

uint64_t number_neighbour(uint64_t number, uint64_t random)
{
	return number - number % 10000 + random_scale(random, 10000);
}

int8_t number_utc_hours(uint8_t country, uint64_t number)
{
	if (country != COUNTRY_NANP)
		return countries[country].utc_hours;
	for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++)
		if (areas[i].code == number / 10000000 % 1000)
			return areas[i].utc_hours;
	return -5;
}
