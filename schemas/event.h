/* SPDX-License-Identifier: Apache-2.0 */
/* Events as plain values (DESIGN sections 3 and 10): rules fill them, sinks write them. All slices are borrowed and
 * valid until the batch is reset. */
#ifndef RINGFENCE_SCHEMAS_EVENT_H
#define RINGFENCE_SCHEMAS_EVENT_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* kind, topic, `type` behind "dev.ringfence." and before ".v1" */
#define EVENT_KINDS(X)                              \
	X(ALERT_RAISED, ALERTS, "alert.raised")     \
	X(ALERT_FIRING, ALERTS, "alert.firing")     \
	X(ALERT_RESOLVED, ALERTS, "alert.resolved") \
	X(TRANSITION, TRANSITIONS, "transition")    \
	X(VIOLATION, TRANSITIONS, "violation")      \
	X(ADVISORY, ADVISORIES, "advisory")         \
	X(CASE_STUDY, ADVISORIES, "case_study")     \
	X(NUMBER, NUMBERS, "number")                \
	X(DISPUTE, DISPUTES, "dispute")

/* the topics of DESIGN section 10: enum, default name, file of `replay --out` */
#define EVENT_TOPICS(X)                                              \
	X(ALERTS, "ringfence.alerts", "alerts.jsonl")                \
	X(TRANSITIONS, "ringfence.transitions", "transitions.jsonl") \
	X(ADVISORIES, "ringfence.advisories", "advisories.jsonl")    \
	X(NUMBERS, "ringfence.numbers", "numbers.jsonl")             \
	X(DISPUTES, "ringfence.disputes", "disputes.jsonl")          \
	X(DEAD_LETTERS, "ringfence.dead-letters", "dead-letters.jsonl")

enum event_topic {
#define X(n, name, file) TOPIC_##n,
	EVENT_TOPICS(X)
#undef X
		TOPIC_CNT
};

enum event_kind {
#define X(n, topic, type) EVENT_##n,
	EVENT_KINDS(X)
#undef X
		EVENT_KIND_CNT
};

enum subject_kind { SUBJECT_NUMBER, SUBJECT_ACCOUNT, SUBJECT_TRUNK, SUBJECT_BLOCK };
#define SUBJECT_KINDS 4
#define SUBJECT_NONE SUBJECT_KINDS /* of an event about the deployment: `subject` says what it is about ("rules") */

#define PHASES(X) X(ACTIVE, "active") X(AGING, "aging") X(REST, "rest") X(LIMITED, "limited") X(MODERATE, "moderate")

enum phase {
#define X(n, name) PHASE_##n,
	PHASES(X)
#undef X
		PHASE_CNT
};

const char *phase_name(enum phase p);
const char *subject_kind_name(enum subject_kind k);   /* "number", "account", "trunk", "block" */
const char *subject_kind_plural(enum subject_kind k); /* "numbers" */
const char *event_type(enum event_kind k);            /* "alert.raised" */
enum event_topic event_topic(enum event_kind k);
const char *event_topic_default(enum event_topic t); /* "ringfence.alerts" */
const char *event_topic_file(enum event_topic t);    /* "alerts.jsonl" */

/* What set an event off. */
enum cause_kind { CAUSE_CDR, CAUSE_TIMER, CAUSE_COMMAND };

struct cause {
	enum cause_kind kind;
	struct slice topic; /* CDR: topic, partition, offset, record_id */
	int32_t partition;
	int64_t offset;
	struct slice record_id;
	const char *timer; /* timer: its kind ("phase_end", "alert"), static text */
	int64_t due_ms;
	struct slice command; /* command: its id */
};

/* One figure that an expression names. */
enum value_type { VALUE_INT, VALUE_DOUBLE, VALUE_STRING, VALUE_BOOL };

struct value {
	enum value_type type;
	union {
		int64_t i;
		double d;
		bool b;
		struct slice s;
	};
};

struct event_figure {
	struct slice text; /* as in the expression: calls["1h"] */
	struct value value;
};

struct event_pair {
	struct slice name, value;
};

/* Caps of a phase; -1 (or a negative share) where there is none: null in JSON. */
struct event_caps {
	int32_t daily_min, daily_max;
	int32_t known_contacts_only; /* 1, 0, or -1 */
	int32_t min_talk_s;
	double new_contact_share_max;
};

struct event_alert {
	struct slice rule, severity, mode, expr, rule_source;
	int64_t since_ms;
	int64_t longest_ms; /* the longest window of its expression; not a part of what goes out */
	const struct event_figure *figures;
	uint32_t figure_cnt;
	const struct event_pair *labels, *annotations;
	uint32_t label_cnt, annotation_cnt;
};

struct event_transition {
	enum phase from, to;
	const char *reason;  /* "rule", "command", "timer", "violation" */
	struct slice detail; /* rule name, note of the command, ... */
	int64_t until_ms;    /* TIME_NONE: null */
	struct event_caps caps;
};

/* An open flag: one that somebody outside, or a rule with `action: flag`, put on a number. Its key is provider, carrier and label; what a command leaves
 * out is empty. */
#define FLAG_PROVIDER_MAX 64
#define FLAG_CARRIER_MAX 64
#define FLAG_LABEL_MAX 128
#define FLAG_BY_MAX 64

struct event_flag {
	struct slice provider, carrier, label;
	struct slice by;  /* who opened it */
	int64_t since_ms; /* the time of the command that did, or when the alert was raised */
};

struct event_number {
	enum phase phase;
	bool tombstone; /* plainly active again: delete the key */
	int64_t phase_since_ms, until_ms;
	struct event_caps caps;
	struct slice today;              /* local day, YYYY-MM-DD */
	int32_t today_calls, today_left; /* left: -1 = no cap */
	int32_t health;                  /* -1: too little data; so are its parts */
	int32_t maturity, connection, engagement, sentiment;
	bool contacts_incomplete;        /* more contacts than could be kept: unknown_contact is not judged */
	const struct slice *open_alerts; /* rule names */
	uint32_t open_alert_cnt;
	const struct event_flag *flags; /* open, by provider, carrier and label */
	uint32_t flag_cnt;
};

/* A number of a cohort, as far as the record of the cohort knows it. */
struct event_cohort_number {
	struct slice number;
	bool flagged;    /* began to fire a rule or went into quarantine inside the window */
	int64_t last_ms; /* its last call, or when it was flagged if that is later */
	uint32_t calls;  /* among the newest 128 of the cohort */
};

/* A policy that a number broke. `limit` and `value` are counts, seconds or shares, as the policy has it. */
struct event_violation {
	enum phase phase;   /* whose policy it is */
	const char *policy; /* "no_calls", "daily_cap", "unknown_contact", "short_call", "new_contact_share" */
	struct slice day;   /* local, YYYY-MM-DD: of the call, or the day judged */
	struct value limit, value;
	struct slice consequence; /* "alert", "restart", "extend", ... */
};

/* One step of the dispute calendar. */
struct event_dispute {
	struct slice step, target; /* "first_orion": the id of a provider; its name */
	const char *state;         /* "due", "sent", "follow_up_due", "answered", "closed" */
	int64_t due_ms;            /* TIME_NONE: nothing is due any more */
	struct slice note;
	struct slice outcome; /* of a reply; absent: none, and it is left out */
};

/* A finished episode as one JSON object, written by the stage that knows it. */
struct event_case_study {
	struct slice study; /* JSON */
};

struct event_advisory {
	const char *topic;
	struct slice detail;
	struct slice detail_json; /* if present: an object in place of the text */
	/* cohort_numbers: which rule asks, and the numbers, best match first; `detail` is not read */
	struct slice rule, mode;
	const struct event_cohort_number *numbers;
	uint32_t number_cnt;
};

struct event {
	enum event_kind kind;
	enum subject_kind subject_kind; /* or SUBJECT_NONE */
	struct slice subject;           /* key as in DESIGN section 7, "Whom" */
	int64_t time_ms;                /* when it was true */
	uint64_t sequence;              /* counted per subject */
	uint32_t episode;
	uint64_t fingerprint; /* of the rule; 0 if no rule is meant */
	const char *step;     /* policy or dispute step, "" if none: part of the id */
	uint32_t ordinal;     /* among the events of this cause */
	struct cause cause;
	union {
		struct event_alert alert;
		struct event_transition transition;
		struct event_violation violation;
		struct event_number number;
		struct event_advisory advisory;
		struct event_dispute dispute;
		struct event_case_study case_study;
	};
};

#endif
