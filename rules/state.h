/* SPDX-License-Identifier: Apache-2.0 */
/* What rules remember of a subject: its phase and its alerts. Decoded for one turn, encoded again if it changed. */
#ifndef RINGFENCE_RULES_STATE_H
#define RINGFENCE_RULES_STATE_H

#include "base/buf.h"
#include "base/err.h"
#include "rules/checklist.h"
#include "rules/commands_seen.h"
#include "rules/dispute.h"
#include "rules/history.h"
#include "rules/life.h"
#include "rules/ruleset.h"
#include "schemas/event.h"

#define ALERTS_MAX 64                /* pending or firing at once, of one subject */
#define FLAGS_OPEN_MAX 32            /* of one subject */
#define FLAGS_BYTES_MAX (2 << 10)    /* of these; so alerts always have the rest, however many flags come from outside */
#define ALERTING_BYTES_MAX (4 << 10) /* of the phase, the alerts and the flags */
#define LIFE_PARTS_MAX (4 << 10)     /* of all that an episode adds */
#define STATE_BYTES_MAX (ALERTING_BYTES_MAX + LIFE_PARTS_MAX)
#define ACCOUNT_BYTES_MAX 64 /* a longer name is not kept: the number counts as one of no account */

struct alert {
	struct slice name; /* as in `bytes` given to state_decode, or of the rule; not terminated */
	uint64_t fingerprint;
	struct slice severity;
	bool firing; /* else pending */
	bool shadow;
	bool over;        /* of this turn: ended, goes when the turn ends */
	int64_t since_ms; /* when the condition became true; its timers count from here */
	int64_t due_ms;   /* its next evaluation by timer */
	int64_t said_ms;  /* firing: when that was last said, raised or repeated */
	int64_t keep_ms;  /* firing, the condition is false since then; TIME_NONE if it is true */
	int64_t gone_ms;  /* its rule was missed first; TIME_NONE if it is there */
	uint32_t rule;    /* of this turn: index in the set, UINT32_MAX if it is not there */
};

struct phase_state {
	enum phase phase;
	uint32_t episode;   /* journeys so far */
	int64_t since_ms;   /* of the phase; TIME_NONE: active from the start */
	int64_t until_ms;   /* the phase ends by itself; TIME_NONE: it does not */
	int64_t hold_ms;    /* until then rules do not quarantine; TIME_NONE: no release so far */
	int64_t longest_ms; /* the longest window of the rule that began the episode; 0: a command did */
};

struct state {
	struct phase_state phase;
	struct alert alerts[2 * ALERTS_MAX]; /* sorted by name and fingerprint; behind them those opened in this turn */
	uint32_t alert_cnt;
	uint32_t open_cnt;                       /* less those that are over */
	struct event_flag flags[FLAGS_OPEN_MAX]; /* sorted by provider, carrier, label; texts as the names of alerts */
	uint32_t flag_cnt;
	uint32_t flag_bytes; /* what they may take when encoded */
	uint32_t room_bytes; /* what more alerts and flags may take when encoded */
	struct life life;
	struct contacts contacts;
	struct disputes disputes;
	struct checklist checks;
	struct commands_seen commands;
	struct history_head history;
	struct episode episode; /* the one that goes on, in figures */
	struct slice account;   /* that its own CDRs named last; kept if the policies or an episode need it; texts as the names of alerts */
	bool changed;
};

/* No bytes: plain. ERR_CORRUPT: damaged or of a newer version; *s is plain then. The names borrow `bytes`. */
enum err state_decode(const uint8_t *bytes, uint32_t len, struct state *s, struct err_text *why) MUST_CHECK;
/* Whether the bytes hold nothing but this account: the usual case where policies name accounts, known without a decode. */
bool state_is_account(const uint8_t *bytes, uint32_t len, struct slice account);
/* Takes out what is over and sorts. */
void state_settle(struct state *s);
/* Of a settled state. Nothing at all if it is plain. At most STATE_BYTES_MAX. */
void state_encode(const struct state *s, struct buf *out);

/* A new alert behind the others, or NULL if there is no room for one of these lengths. */
struct alert *state_open(struct state *s, struct slice name, struct slice severity);
void state_close(struct state *s, struct alert *a);

/* False: there is no room for one more flag, and it is not one of those that are open; nothing changes. One that is open stays as it is. */
bool state_flag_open(struct state *s, const struct event_flag *flag);
/* A text of `match` that is absent (p == NULL) matches any. */
bool state_flag_matches(const struct event_flag *match, const struct event_flag *flag);
/* Closes the flags that match. */
void state_flag_close(struct state *s, const struct event_flag *match);

/* The earliest timer of a state, TIME_NONE if there is none. */
int64_t state_due(const struct state *s);
/* The names of the firing alerts, each once, sorted, into names[ALERTS_MAX]; they borrow the state's. Of a settled state. */
uint32_t state_firing(const struct state *s, struct slice *names);

#endif
