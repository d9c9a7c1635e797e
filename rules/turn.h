/* SPDX-License-Identifier: Apache-2.0 */
/* One turn: one subject at one time, because of a call, a timer or a command. The machines of alerts and phases work on it. */
#ifndef RINGFENCE_RULES_TURN_H
#define RINGFENCE_RULES_TURN_H

#include "rules/policy.h"
#include "rules/state.h"

struct rules_scratch {
	const struct policies *policies; /* borrowed */
	rules_emit *emit;
	void *ctx;
	struct arena arena; /* of the batch: what events point at */
	struct buf out;     /* the last state that was encoded */
	struct state state;
	struct history_stage history; /* entries of the turn */
	struct figures figures[SUBJECT_KINDS];
	uint32_t figure_cap[SUBJECT_KINDS];
	uint64_t generation; /* of the set that the next three belong to */
	uint32_t *alert_of;  /* per rule: its alert in `state` + 1, 0 if it has none; all 0 between turns */
	uint64_t *errors;    /* per rule */
	uint64_t *holds;     /* a bit per rule: whether it is true, as rules_hold() found it */
	uint64_t *looked_at; /* a bit per rule: whether it is true or has an alert */
	uint32_t rule_cap;
	struct rules_counts counts;
	struct machine machine;  /* what conditions run on */
	struct expr_input input; /* what they read in this turn */
	int64_t now_ms;          /* for calendars: the time of the turn, the number's own zone */
	uint16_t zone;
	struct slice names[ALERTS_MAX];
};

struct turn {
	struct rules_scratch *s;
	struct state *state;
	const struct rules *rules;
	const struct rules_subject *subject;
	struct figures *figures;
	int64_t now_ms;             /* what is evaluated is evaluated as of then */
	int64_t fired_ms;           /* timers up to then have fired: new ones come later */
	const struct rule *trigger; /* the first rule that asks for a quarantine in this turn */
	int64_t trigger_ms;
	/* of a number that has a phase: */
	const struct policy *policy;
	bool managed;
	uint16_t zone;
	uint32_t episode_before; /* as the turn began */
	struct slice by;         /* whose command this is */
	bool say_number;         /* what a `number` event shows has changed: it is said when the turn ends */
	enum phase phase_before;
	struct slice account_before;
	const struct providers *providers; /* of the rule set; NULL: none */
	bool flagged;                      /* a flag was opened, whose dispute steps are */
	uint32_t flag_steps;               /* (struct flag_answer) */
	bool by_flag;                      /* and it asks for a quarantine, which opens these alone */
};

/* ---- scratch.c ---- */

/* False: the section cannot be read, and nothing may be done. */
bool turn_begin(struct turn *t);
void turn_end(struct turn *t, struct rules_subject *subject);
/* The same of a number, because of a command: by what it lives is known, no rule is evaluated. */
bool turn_begin_number(struct turn *t);
void turn_end_number(struct turn *t, struct rules_subject *subject);

/* By what a number lives. `call`: NULL if it is none. */
void turn_find_policy(struct turn *t, const struct cdr *call);
/* An event with everything but its own part. */
struct event turn_event(const struct turn *t, enum event_kind kind, int64_t at_ms);
void turn_say(struct turn *t, struct event *e);

/* ---- alert.c ---- */

/* Whether `when` and `exempt` of a rule let it be true in this turn. */
bool gate_open(const struct rules_scratch *s, const struct rule *r);
/* All conditions on this kind of subject, of s->input, into s->holds; an error is counted and is not true. False: none is. */
bool rules_hold(struct rules_scratch *s, const struct rules *r, enum subject_kind kind);
/* One of them. */
bool rule_holds(struct rules_scratch *s, const struct rules *r, uint32_t i);
/* The timer of an alert that is pending or firing since `since_ms`: the next tick behind `after_ms`. */
int64_t alert_tick(const struct rule *rule, int64_t since_ms, int64_t after_ms);
/* The same of a pending one, whose `for` may run out before that. */
int64_t alert_pending_due(const struct rule *rule, int64_t since_ms, int64_t after_ms);
/* What s->holds says is done to the alerts. */
void alerts_on_call(struct turn *t);
bool alerts_due(const struct turn *t, int64_t due_ms);
/* The alerts that are due at now_ms are evaluated again. */
void alerts_on_timer(struct turn *t);

/* ---- history.c: what the entries of others look like ---- */

void history_alert(struct turn *t, enum event_kind kind, const struct event_alert *a, int64_t at_ms); /* raised, resolved; else nothing */
void history_flag(struct turn *t, bool opened, const struct event_flag *f, struct slice by, struct slice note, int64_t at_ms);
void history_violation(struct turn *t, const struct event *said, int64_t day);
void history_again(struct turn *t, int64_t at_ms, const char *reason, struct slice detail); /* a quarantine of a number that rests */

/* ---- flag.c ---- */

/* By command. What the table of flags says of it follows: steps, when the turn ends, and a quarantine. */
enum rules_flagged flag_on_open(struct turn *t, const struct event_flag *flag, struct slice source, struct slice note);
void flag_on_raised(struct turn *t, const struct rule *rule, int64_t at_ms); /* a rule with `action: flag` */
void flag_on_resolved(struct turn *t, const struct alert *a, int64_t at_ms); /* of any rule: a flag of its name is closed */
/* Those that match (state_flag_matches) are closed; match->by: whose command it is. */
void flag_on_clear(struct turn *t, const struct event_flag *match, int64_t at_ms, struct slice note);
const struct event_flag *flags_copy(const struct turn *t); /* the open flags, for an event */

/* ---- dispute_turn.c ---- */

/* What the turn comes to for the calendar: an episode that began or ended, a flag that was opened. Behind the `number` event. */
void dispute_turn_end(struct turn *t);
void dispute_on_clear(struct turn *t, int64_t at_ms);                 /* flags were closed */
void dispute_on_timer(struct turn *t);                                /* steps that are due by now_ms */
struct dispute_step *dispute_find(struct turn *t, struct slice name); /* by id, or a name of its provider; NULL: the number has none */
void dispute_on_sent(struct turn *t, struct dispute_step *s, struct slice note);
void dispute_on_reply(struct turn *t, struct dispute_step *s, struct slice outcome, struct slice note);

/* ---- limit.c ---- */

/* Whether the rule may raise one more alert at this time; if so, it is counted. */
bool limit_takes(struct rules_limits *l, const struct rule *r, int64_t at_ms);

/* ---- phase.c: one function per thing that happens to a number ---- */

/* What an event or the history says of its ground. */
struct ground {
	const char *reason;
	struct slice detail;
	uint64_t fingerprint; /* of the rule, if one did it */
};
void phase_change(struct turn *t, enum phase to, int64_t at_ms, struct ground g);
void phase_on_trigger(struct turn *t);                       /* the rule in t->trigger fired */
bool phase_on_quarantine(struct turn *t, struct slice note); /* a command, or a flag by what the table says of it */
bool phase_on_release(struct turn *t, struct slice note);
void phase_on_first_call(struct turn *t, int64_t start_ms); /* of a number that was never heard of: it may age */
void phase_on_end(struct turn *t);                          /* until_ms is reached */
/* Of a local day: those of aging rise with the days. */
struct event_caps phase_caps(const struct turn *t, enum phase p, int64_t day);
void phase_describe(const struct turn *t, struct event *out);
void phase_turn_end(struct turn *t); /* the `number` event, if something that it shows has changed */

/* ---- judge.c: a call against the policy of its phase ---- */

struct judged { /* what is broken, and when */
	enum violation what;
	int64_t at_ms;
	struct life_day *day;
	enum phase phase; /* whose policy it is */
	bool before;      /* that phase has ended */
	struct value limit, value;
};
void judge_call(struct turn *t, const struct cdr *call);
void judge_breach(struct turn *t, const struct judged *j);
struct slice judge_day_text(struct turn *t, int64_t day);
int64_t judge_local_day(const struct turn *t, int64_t ms);
int64_t judge_day_begin_ms(const struct turn *t, int64_t day);       /* the first moment of a local day */
bool judge_was_told(const struct turn *t, const struct life_day *d); /* the number was said after its last call */
bool judge_is_known(const struct turn *t, struct slice called, uint64_t packed);
bool judge_is_apart(const struct turn *t, const struct slice *called, size_t n); /* emergency and test numbers: under any of these names */

/* ---- days.c: ends of days and of blocks ---- */

bool day_end_due(const struct turn *t, int64_t due_ms);
void day_on_end(struct turn *t, int64_t due_ms);
bool block_end_due(const struct turn *t, int64_t due_ms);
void block_on_end(struct turn *t);
void advise(struct turn *t, const char *topic, struct slice detail_json, int64_t at_ms);

#endif
