/* SPDX-License-Identifier: Apache-2.0 */
/* What the generator knows about the world: how each kind of caller behaves, how calls end, numbering of countries, the week. */
#ifndef RINGFENCE_APP_CALLERS_H
#define RINGFENCE_APP_CALLERS_H

#include "app/generate.h"

/* ---- outcomes ---- */

/* How a call can end. Cause, status and class agree with interop section 12. */
enum outcome {
	OUTCOME_ANSWERED,
	OUTCOME_NO_ANSWER,
	OUTCOME_BUSY,
	OUTCOME_CANCELLED,
	OUTCOME_REJECTED, /* by the person called, or by policy */
	OUTCOME_BLOCKED,  /* as unwanted: 607, 608, 603+ */
	OUTCOME_INVALID,
	OUTCOME_NETWORK,
	OUTCOME_CNT
};

struct cause {
	uint8_t disposition, release; /* enum disposition; enum release_party (answered: drawn) */
	uint8_t q850;
	uint16_t sip;
	bool rings;
	const char *reason; /* sip_reason, or NULL */
};
extern const struct cause causes[];
/* A cause of that outcome; `random` decides which. */
uint8_t cause_pick(enum outcome o, uint64_t random);

/* ---- the week ---- */

enum week { WEEK_PEOPLE, WEEK_OFFICE, WEEK_CENTRE, WEEK_DIALLER, WEEK_ROUND, WEEK_NIGHT, WEEK_FLAT, WEEK_CNT };

/* Activity runs on a clock of its own that goes fast in busy hours and stands still in dead ones; on that clock calls are a Poisson process.
 * Local ms since 1970 to ticks of that clock and back; *_of_week: ticks a week has. */
uint64_t week_ticks(enum week w, int64_t local_ms);
int64_t week_time(enum week w, uint64_t ticks);
uint64_t week_total(enum week w);
uint32_t week_busy_hours(enum week w); /* hours with at least half of the busiest's activity */

/* ---- kinds ---- */

struct behaviour {
	uint32_t calls_per_week;
	uint16_t spread_milli; /* sigma of the logarithm of that, over the callers */
	uint8_t week;
	uint8_t lines;                       /* calls at once, at least */
	uint16_t outcome_milli[OUTCOME_CNT]; /* sum 1000 */
	uint32_t talk_median_ms;
	uint16_t talk_sigma_milli;
	uint16_t quick_milli; /* of the answered: dropped after 1 to 5 s */
	uint32_t ring_median_ms, cancel_median_ms, cancel_least_ms;
	uint16_t caller_hangs_up_milli; /* of the answered */
	uint16_t attest_milli[3];       /* A, B, C; the rest carries none. Only from +1 */
	uint16_t redial_milli;          /* after no answer or busy */
	uint8_t numbers_per_account;    /* 0: no account */
};
/* A sleeper is PRIVATE before and ROBODIALLER after; its own row says how its numbers are given out. */
extern const struct behaviour behaviours[CALLER_KIND_CNT];

/* ---- numbering ---- */

/* Plausible lengths and prefixes, in ranges that look reserved: +1 NPA 55X XXXX, and one mobile range of each other country. */
enum {
	COUNTRY_NANP,
	COUNTRY_GB,
	COUNTRY_DE,
	COUNTRY_IN,
	COUNTRY_FR,
	COUNTRY_BR,
	COUNTRY_NG,
	COUNTRY_AU,
	COUNTRY_LV,
	COUNTRY_TN,
	COUNTRY_SO
};
#define COUNTRY_CNT 11
#define COUNTRY_NUMBERS 9000000u /* ordinary numbers of a country: 0 .. this-1; behind them blocks for campaigns */
#define COUNTRY_BLOCKS 1000u

uint8_t country_of_people(uint64_t random); /* by weight */
uint8_t country_of_wangiri(uint64_t random);
/* Any ordinary number; the k-th of a sequence without repetition, in which 16 neighbours share an area; the i-th of a thousand-number block. */
uint64_t number_any(uint8_t country, uint64_t random);
uint64_t number_nth(uint8_t country, uint32_t k);
uint64_t number_in_block(uint8_t country, uint32_t block, uint32_t i);
/* Same first six national digits (+1), or all but the last four the same. */
uint64_t number_neighbour(uint64_t number, uint64_t random);
int8_t number_utc_hours(uint8_t country, uint64_t number); /* of standard time */

#endif
