/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one episode in figures: counted while it lasts, in the record; said as a case study when it ends, and kept as a row of the table at
 * the head of the number's history. */
#ifndef RINGFENCE_RULES_CASE_STUDY_H
#define RINGFENCE_RULES_CASE_STUDY_H

#include "base/buf.h"
#include "base/err.h"
#include "schemas/event.h"

#define CASE_OUTCOMES(X)                                           \
	X(RECOVERED, 1, "recovered") /* the gate let it through */ \
	X(RELEASED, 2, "released")   /* by command */              \
	X(RELAPSED, 3, "relapsed")   /* quarantined again before its end: another episode began */

enum case_outcome {
#define X(n, number, name) CASE_##n = (number),
	CASE_OUTCOMES(X)
#undef X
};
const char *case_outcome_name(uint8_t outcome); /* NULL: none of these */

#define CASE_HEALTHS 5     /* health and its four parts, in the order of schemas/event.h */
#define CASE_POLICIES 5    /* policies that can be broken */
#define CASE_DETAIL_MAX 40 /* bytes of why it began: the name of the rule, or the note of the command */

extern const char *const case_policy_names[CASE_POLICIES];
const char *case_reason_name(uint8_t reason); /* "rule", "command", "violation", ...; "" if not known */

/* Counters saturate: what they take in the record is bounded. */
#define CASE_COUNT_MAX 0x3fff
#define CASE_SUM_MAX 0x0fffffff
struct episode {
	uint32_t number; /* 0: none goes on */
	uint8_t reason;
	uint8_t detail_len;
	char detail[CASE_DETAIL_MAX];
	int64_t began_ms;
	int64_t limited_ms, moderate_ms;         /* when these phases began; TIME_NONE: not yet */
	uint16_t broken[CASE_POLICIES];          /* violations */
	uint16_t restarts, advisories;           /* of the rest; of any kind */
	uint16_t sent, answered;                 /* dispute steps */
	uint16_t flags_opened, flags_cleared;    /* by commands and rules */
	uint32_t days, calls, picked_up, talk_s; /* local days with calls; calls, answered, talk on these */
	int8_t health[CASE_HEALTHS];             /* as it began; -1: too little data */
	uint32_t past_calls, past_picked_up;     /* of the 31 days before */
};

void episode_decode(struct reader *r, struct episode *e); /* r->bad: damaged */
void episode_encode(const struct episode *e, struct buf *out);

struct history_entry;
/* What an entry of the history adds to the counters. */
void episode_count(struct episode *e, const struct history_entry *what);
struct history_day;
void episode_count_day(struct episode *e, const struct history_day *d);      /* of the episode */
void episode_count_past_day(struct episode *e, const struct history_day *d); /* before it */

/* ---- the table of finished episodes ---- */

#define CASE_ROW_BYTES 32
#define CASE_ROWS 8 /* the newest are kept */

struct case_row {
	uint8_t outcome, reason;
	int8_t health_before, health_after; /* -1: too little data */
	uint8_t violations, sent, answered;
	uint32_t episode;
	int64_t began_ms, ended_ms;
};

void case_row_encode(const struct case_row *row, uint8_t out[CASE_ROW_BYTES]);
/* The rows of a stored history, by episode, at most CASE_ROWS. *damaged counts rows whose check is wrong. */
uint32_t case_rows_read(struct slice history, struct case_row out[CASE_ROWS], uint32_t *damaged);

struct turn;
/* After a change of phase was said: the history has it, an episode begins or ends. What ends is said as a case study. Of managed numbers. */
void case_study_on_change(struct turn *t, const struct event *transition);

#endif
