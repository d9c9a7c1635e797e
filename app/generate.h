/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded, realistic CDRs with named kinds of callers: what tests, benches, the demo and `ringfence generate` stand on.
 * No I/O, no clock, integers only: the same config gives the same records on every machine. */
#ifndef RINGFENCE_APP_GENERATE_H
#define RINGFENCE_APP_GENERATE_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "schemas/cdr.h"

#include <stdint.h>

/* name, share of the callers by default (ppm), what they do */
#define CALLER_KINDS(X)                                                                                                                \
	X(PRIVATE, "private", 874500, "people: a few contacts called again and again, redialling when nobody answers")                 \
	X(BUSINESS, "business", 80000, "shops and offices: many customers, office hours, some new people each day")                    \
	X(CALL_CENTRE, "callcentre", 4000, "honest call centres: many people once, calls that are answered last, long ringing")        \
	X(ROBODIALLER, "robodialler", 2000, "a thousand calls a day to strangers, a quarter answered, most hang up in seconds")        \
	X(SWEEPER, "sweeper", 1500, "numbers called one after the other, hung up after one to five seconds")                           \
	X(SIM_BOX, "simbox", 10000, "SIM cards that carry foreign traffic: day and night, never the same person, long talk")           \
	X(WANGIRI, "wangiri", 1500, "one ring from abroad by night, then hung up, so that people call back")                           \
	X(CAMPAIGN, "campaign", 25000, "one campaign over many numbers of a thousand-number block or of an account, a few calls each") \
	X(SLEEPER, "sleeper", 1500, "a quiet number that sleeps for a month or more and wakes as a robodialler")

enum caller_kind {
#define X(n, name, ppm, text) CALLER_##n,
	CALLER_KINDS(X)
#undef X
		CALLER_PLAIN, /* everybody in plain mode */
	CALLER_KIND_CNT
};
#define CALLER_MIX_CNT CALLER_PLAIN /* the kinds that a mix may name */

const char *caller_kind_name(enum caller_kind k);
const char *caller_kind_text(enum caller_kind k);
bool caller_kind_find(struct slice name, enum caller_kind *k); /* one that a mix may name */

/* Records that cannot be used, with the reason that ingest gives them as JSON and as CSV. */
#define BREAKAGES(X)                                                                   \
	X(NONE, OK, OK)                                                                \
	X(CUT, BAD_JSON, BAD_ROW)             /* ends in the middle */                 \
	X(NOISE, BAD_JSON, BAD_ROW)           /* not a record at all */                \
	X(NO_CALLER, NO_CALLER, NO_CALLER)    /* no calling number */                  \
	X(BAD_CALLER, BAD_CALLER, BAD_CALLER) /* a calling number that is not E.164 */ \
	X(NO_START, NO_START_TIME, NO_START_TIME)                                      \
	X(BAD_FIELD, BAD_FIELD, BAD_FIELD) /* a duration that is no number */          \
	X(TOO_LONG, TOO_LONG, TOO_LONG)    /* longer than GENERATE_TOO_LONG_BYTES; a rare one */

enum breakage {
#define X(n, json, csv) BREAKAGE_##n,
	BREAKAGES(X)
#undef X
		BREAKAGE_CNT
};
enum reason breakage_reason(enum breakage b, bool csv);

#define GENERATE_NUMBERS_MAX 10000000u
#define GENERATE_CALLS_MAX UINT64_C(1000000000000)
#define GENERATE_TOO_LONG_BYTES (1u << 20)       /* the default of input.max_record_bytes */
#define GENERATE_START_MS INT64_C(1736121600000) /* Monday 2025-01-06T00:00:00Z */

struct generate_config {
	uint64_t seed;
	uint64_t calls;   /* duplicates and broken records come on top; 0: all that fall into the duration */
	uint32_t numbers; /* callers, 1 to GENERATE_NUMBERS_MAX */
	int64_t start_ms; /* event time begins here */
	int64_t duration_ms; /* 0: as long as `calls` take at the natural pace; with both given, the pace is changed to fit, within a few percent */
	uint32_t mix_ppm[CALLER_MIX_CNT]; /* relative shares of the callers; all 0: the default mix */
	uint32_t late_ppm;                /* share of calls that come minutes to 6 hours after their time */
	uint32_t very_late_ppm;           /* 7 hours to 40 days after it, as far as the duration allows */
	uint32_t duplicate_ppm;           /* records that come twice: half within seconds, half up to 3 days later */
	uint32_t broken_ppm;              /* unusable records, added */
	int32_t zipf_milli;               /* activity of the callers of a kind ~ rank^-s, s in thousandths; -1: log-normal (plain: 990) */
	bool plain;                       /* ordinary callers only, at a constant pace: for benches */
};

/* One record. Numbers are the digits of an E.164 number, without '+'. */
struct generated {
	uint64_t serial; /* of the call, from 1; a duplicate has that of its original */
	uint64_t calling, called;
	int64_t start_ms;
	int32_t pdd_ms;   /* until it rang, or until the refusal */
	int32_t ring_ms;  /* -1: it did not ring */
	int32_t talk_ms;  /* -1: not answered */
	uint32_t caller;  /* which of the callers */
	uint32_t account; /* 0: none */
	uint16_t trunk;
	uint8_t cause;    /* row of the table of outcomes */
	uint8_t breakage; /* enum breakage */
	uint8_t attest;   /* 'A', 'B', 'C', or 0 */
	uint8_t release;  /* enum release_party */
	bool late, duplicate;
};

int64_t generated_end_ms(const struct generated *r);
enum disposition generated_disposition(const struct generated *r);

struct generator;

/* ERR_USAGE if the config asks for what cannot be; `why` says what. Memory: about 120 bytes a caller (plain: 16), and at most
 * GENERATE_HELD_MAX records held back. */
enum err generator_new(const struct generate_config *c, struct generator **out, struct err_text *why) MUST_CHECK;
void generator_free(struct generator *g);
#define GENERATE_HELD_MAX (1u << 18) /* late ones and duplicates on their way; when full, those due first come early */

/* The next record, in the order of event time (end of the call) but for late ones and duplicates. False: that was all. */
bool generator_next(struct generator *g, struct generated *out);

/* As asked for, or as derived: calls 0 if only the duration ends it. */
uint64_t generator_calls(const struct generator *g);
int64_t generator_duration_ms(const struct generator *g);

struct generated_caller {
	uint64_t number;
	uint32_t account; /* 0: none */
	enum caller_kind kind;
};
uint32_t generator_callers(const struct generator *g);
void generator_caller(const struct generator *g, uint32_t i, struct generated_caller *out);

/* ---- writing: app/generate_write.c ---- */

#define GENERATED_KEY_BYTES 17
/* "+15551230000", the key on a topic; returns its length (NUL not counted). */
size_t generated_key(uint64_t number, char out[GENERATED_KEY_BYTES]);
#define GENERATED_ACCOUNT_BYTES 16
/* "A123456"; "" for none. */
const char *generated_account(uint32_t account, char out[GENERATED_ACCOUNT_BYTES]);

/* Appends one record, without a newline. `seed` is part of the record id. */
void generated_write_json(const struct generated *r, uint64_t seed, struct buf *b);
void generated_write_csv(const struct generated *r, uint64_t seed, struct buf *b);
extern const char generated_csv_header[]; /* without a newline */

#endif
