/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: conditions over figures, the state of alerts, the phases of a number. Reads figures, keeps its state as one opaque
 * section of the record, says events. No I/O, no clock: time comes in (DESIGN sections 8 and 9).
 *
 * A rule set is immutable once loaded and shared by all threads; the scratch is one per thread. */
#ifndef RINGFENCE_RULES_RULES_H
#define RINGFENCE_RULES_RULES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "rules/checklist.h"
#include "rules/dispute.h"
#include "rules/history.h"
#include "rules/policy.h"
#include "schemas/cdr.h"
#include "schemas/event.h"
#include "scoring/features.h"

/* ---- a rule set ---- */

struct contacts;
struct rules; /* one generation: rules of all files, compiled */

/* Loads and compiles. Every error of every file goes into `problems`, one a line: "rules.yaml:12:11: ..."; then ERR_CONFIG.
 * No files, or files without rules, are a rule set without rules. */
enum err rules_load(const char *const *paths, size_t n, struct rules **out, struct buf *problems) MUST_CHECK;
/* The JSON Schema of rule files, for editors (schemas/rules.schema.json). */
void rules_schema(struct buf *json);
/* The same with the lists that rules may name. A list is part of its set: read with it, and never changed. */
struct rules_list_file {
	const char *name, *path;
};
struct rules_files {
	const char *const *paths;
	size_t cnt;
	const struct rules_list_file *lists;
	size_t list_cnt;
	const char *
		disputes; /* the table of providers and flags (rules/providers.h); NULL: the one that is built in, which the other loads have too */
};
enum err rules_load_files(const struct rules_files *f, struct rules **out, struct buf *problems) MUST_CHECK;
enum err rules_parse(struct slice text, const char *name, struct rules **out, struct buf *problems) MUST_CHECK; /* one file, from memory */
/* A list of bare expressions as a rule set, for `features --expr`; rule i is expression i. */
enum err rules_expressions(const char *const *exprs, size_t n, struct rules **out, struct buf *problems) MUST_CHECK;
struct rules *rules_share(struct rules *r); /* one more owner (atomic count) */
void rules_free(struct rules *r);           /* one owner less */

uint32_t rules_cnt(const struct rules *r);
struct slice rules_name(const struct rules *r, uint32_t i); /* of rule i, in the order of files and lines; absent for a bare expression */
enum subject_kind rules_kind(const struct rules *r, uint32_t i); /* of rule i: whose figures it reads, a number's or a cohort's */
bool rules_have(const struct rules *r, enum subject_kind kind);  /* some rule is of this kind */
const struct figure_key *rules_figures(const struct rules *r, uint32_t *n); /* the slots that its rules on numbers need */
const struct figure_key *rules_figures_of(const struct rules *r, enum subject_kind kind, uint32_t *n);
/* Whether a rule names country or region, or goes by the number's own zone: else these need not be found out for each call. */
bool rules_need_place(const struct rules *r);

const struct providers *rules_providers(const struct rules *r); /* with whom labels are disputed; NULL: of bare expressions */

/* ---- ladders: what calibrate tries ---- */

/* The steps that `ladder` gives a parameter of a rule, in the order of the file. */
struct rules_ladder {
	uint32_t rule; /* index in the set */
	struct slice param;
	uint32_t step_cnt;
	uint32_t in_force; /* the step that is the rule's value; step_cnt: none of them */
};
uint32_t rules_ladder_cnt(const struct rules *r);
struct rules_ladder rules_ladder(const struct rules *r, uint32_t ladder);
struct value rules_ladder_step(const struct rules *r, uint32_t ladder, uint32_t step); /* a text lives as long as the set */

/* A rule of a set, as loaded or at a step of one of its ladders (its other parameters as loaded). */
#define RULES_AS_LOADED UINT32_MAX
struct rules_choice {
	uint32_t rule;
	uint32_t ladder; /* one of this rule, counted over the set; or RULES_AS_LOADED */
	uint32_t step;
};
/* A set of such rules, one for each choice, in this order: all ladders at once for one pass over the CDRs, or a whole set with one parameter changed. At a
 * step a rule has a fingerprint of its own, so alerts of two steps do not meet. Annotations name the values in force. It holds `r` as one more owner. ERR_LIMIT: too many rules or figures. */
enum err rules_choose(struct rules *r, const struct rules_choice *choices, size_t n, struct rules **out, struct err_text *why) MUST_CHECK;

/* Conditions alone, for calibrate: no state, no alert, no event. After rules_try() the questions below are about this subject at this time, its figures
 * as `f` has them; hours (`when`) and `exempt` count as part of a condition, an error is counted and is not true. */
struct rules_scratch;
struct rules_subject;
void rules_try(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct figures *f,
	       const struct cdr *call, int64_t now_ms);
/* All rules on subjects of that kind, as one chain; then the first from `from` on that is true; rules_cnt(): none. */
void rules_try_all(struct rules_scratch *s, const struct rules *r, enum subject_kind kind);
uint32_t rules_try_next(const struct rules_scratch *s, const struct rules *r, uint32_t from);
bool rules_try_one(struct rules_scratch *s, const struct rules *r, uint32_t i);
/* When an alert of rule i that is pending since `since_ms` is evaluated by timer, time having passed up to `after_ms`. */
int64_t rules_pending_due(const struct rules *r, uint32_t i, int64_t since_ms, int64_t after_ms);
int64_t rules_for_ms(const struct rules *r, uint32_t i); /* so long it is pending */

/* The value of one expression (rules_expressions). False: what CEL calls an error; `why` says which. A text is valid until the next value of this
 * set; a set of bare expressions belongs to one thread. */
bool rules_value(const struct rules *r, uint32_t i, struct figures *f, const struct cdr *call, struct value *out, struct err_text *why);

/* What rules ask of the world outside their stage. Set once, before the first rule set; without it zones by name are not known. */
struct rules_world {
	uint16_t (*zone_find)(struct slice iana_name); /* 0: none */
	int32_t (*zone_offset_s)(uint16_t zone, int64_t utc_ms);
	int64_t (*zone_day_begin_ms)(uint16_t zone, int64_t day); /* the first moment of a civil day */
	uint16_t (*zone_of)(struct slice e164);                   /* by its prefix; 0: not known */
};
void rules_world_set(const struct rules_world *w); /* borrows */
const struct rules_world *rules_world(void);       /* NULL: not set */

/* ---- one subject at one time ---- */

/* What a shard remembers for the `limit` of groups: how many alerts each such rule raised in its present interval. Part of what the shard commits; zeroed
 * when it begins. */
#define RULES_LIMITED_MAX 256 /* rules with a limit in one set */
struct rules_limits {
	struct rules_limit {
		uint64_t fingerprint;
		int64_t start_ms; /* of the interval */
		uint32_t raised;
	} of[RULES_LIMITED_MAX];
	uint32_t cnt;
};
void rules_limits_encode(const struct rules_limits *l, struct buf *out);
void rules_limits_decode(struct reader *r, struct rules_limits *out); /* r->bad: damaged */

/* Filled by the pipeline for each call; the state bytes are the section that this stage owns. */
struct rules_subject {
	struct slice key;
	enum subject_kind kind;
	struct slice account, trunk;  /* in, for rules on numbers that name them; absent: those of the call, "" at a timer */
	struct slice country, region; /* in, if rules_need_place(): absent: "" */
	uint16_t zone;                /* in, if rules_need_place(): the number's own, as rules_world knows it; 0: UTC */
	const uint8_t *state;         /* in: as stored, NULL if empty. out: the new bytes, borrowed from the scratch until its next use */
	uint32_t state_len;
	/* in: the shard's clock, up to which timers have fired. No timer is set at or before it: a CDR may be older than a timer that its number
	 * had, and a second timer of that time would say other things under the same event ids. A caller without timers leaves it 0. */
	int64_t clock_ms;
	uint64_t called;             /* in, of a call: number_pack of whom it called (scoring/facts.h); 0: nobody */
	bool first_call;             /* in, of a call: the number was never heard of before */
	struct rules_limits *limits; /* in and out: of its shard. NULL: no limit holds */
	bool changed;                /* out: state is new (state_len 0: plain, nothing to remember) */
	int64_t due_ms; /* out: the earliest timer of this subject, TIME_NONE if it has none. Not set while the state stays empty */
	/* out, borrowed as the state: what goes into its history (rules/history.h), written together with the record. `changed` is set if there is something */
	const struct history_write *history;
	const uint8_t *history_bytes;
	uint32_t history_cnt;
};

/* Whether the state section can be read: ERR_CORRUPT if it is damaged or of a newer version. To be asked once when a record is loaded; the calls
 * below leave a section that they cannot read as it is, say nothing, and count it. */
enum err rules_state_check(const uint8_t *state, uint32_t len, struct err_text *why) MUST_CHECK;

/* Events come out here in order. The pipeline adds cause, ordinal and sequence. Slices live until the scratch is reset with the batch. */
typedef void rules_emit(void *ctx, struct event *e);

struct rules_scratch;
struct rules_scratch *rules_scratch_new(const struct policies *p, rules_emit *emit, void *ctx); /* borrows `p` */
void rules_scratch_free(struct rules_scratch *s);
void rules_scratch_reset(struct rules_scratch *s); /* per batch: events said before are no longer valid */
/* Since the scratch was made. */
struct rules_counts {
	uint64_t not_opened;   /* alerts, because the subject had too many */
	uint64_t not_flagged;  /* flags of rules, because the subject had too many */
	uint64_t not_disputed; /* steps, because all the number has are open */
	uint64_t unreadable;   /* sections of state */
	uint64_t held_back;    /* by the limit of a group: tries to raise an alert, which stays pending */
};
const struct rules_counts *rules_scratch_counts(const struct rules_scratch *s);
/* How often rule i ended in what CEL calls an error since this rule set came. */
uint64_t rules_scratch_errors(const struct rules_scratch *s, const struct rules *r, uint32_t i);
/* The figures struct of the rule set, for figures_reset() by the pipeline. Borrowed; sized anew when the rule set changes. */
struct figures *rules_scratch_figures(struct rules_scratch *s, const struct rules *r); /* of numbers */
struct figures *rules_scratch_figures_of(struct rules_scratch *s, const struct rules *r, enum subject_kind kind);

/* After a CDR of the subject was applied and `f` points at it (a cohort: a copy of a CDR or a fact, and `call` is NULL). `now` = the subject's clock. With no
 * rule true and no state this touches nothing. */
void rules_on_call(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f, const struct cdr *call,
		   int64_t now_ms);
/* A timer of the subject is due: fires what is due at exactly `due_ms`, in the order of DESIGN section 5. The figures are as of due_ms. One call fires
 * one kind of timer; if another kind is due at the same time, `changed` is set and subject->due_ms is due_ms again: call once more. */
void rules_on_timer(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f, int64_t due_ms,
		    const char **timer /* out: its kind, static text, for the cause */);
/* A command at its time. False: it does not apply (a release of an active number, a subject that has no phase): no event. A quarantine in rest applies and
 * changes nothing. */
enum rules_verb { RULES_QUARANTINE, RULES_RELEASE, RULES_CONTACT };
struct rules_command {
	enum rules_verb verb;
	struct slice note, by;
	uint64_t called; /* contact: number_pack */
	bool remove;     /* contact */
	int64_t time_ms;
};
bool rules_on_command(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
		      const struct rules_command *c);

/* A flag on a number, by command: opened if it is not open, and what the table of flags says follows: dispute steps, perhaps a quarantine. Its texts are
 * within FLAG_..._MAX, absent is empty; `source` and `note` go into the history. Only FLAG_OPENED changes what the number is. A section that cannot be read has
 * no room. Evaluates no rule: whoever counts the flag asks them afterwards, in the same cause. As for all below, the figures are as of its time. */
enum rules_flagged { FLAG_OPENED, FLAG_KNOWN /* it is open already */, FLAG_NO_ROOM /* too many are open */ };
enum rules_flagged rules_on_flag(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
				 const struct event_flag *flag, struct slice source, struct slice note);
/* The open flags that match are closed, and the steps that only they asked for; a text that is absent (p == NULL) matches any, `by` and `since_ms` are
 * those of the command. subject->changed says whether there were some. */
void rules_on_clear(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
		    const struct event_flag *match, struct slice note);

/* A test call, a note: kept, and nothing follows. */
void rules_on_check(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
		    const struct check_result *check, struct slice by);
void rules_on_note(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f, struct slice text,
		   struct slice by, int64_t time_ms);

/* A dispute step was sent (no outcome), or answered: `accepted`, `refused`, `pending` (they look at it: asked again later), `withdrawn` (closed), or any
 * other text. Returns why not, absent if it was done. */
struct rules_dispute {
	struct slice step; /* its id, or a name of its provider */
	struct slice outcome, note, by;
	int64_t time_ms;
};
struct slice rules_on_dispute(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
			      const struct rules_dispute *c);

/* Whether the number has had a command of this id (a hash); then that it has. */
bool rules_command_seen(struct rules_scratch *s, struct rules_subject *subject, uint64_t id);
void rules_command_done(struct rules_scratch *s, struct rules_subject *subject, uint64_t id);

/* The `number` event of a subject as it is now (after a takeover, `number show`). False if it is plainly active (then a tombstone). */
bool rules_describe(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct figures *f,
		    struct event *out);

/* What `state dump` shows of the section. */
struct rules_view {
	enum phase phase;
	uint32_t episode;
	int64_t phase_since_ms, until_ms; /* TIME_NONE: active from the start; no end */
	const struct slice *open_alerts;  /* names, sorted; borrowed from the scratch */
	uint32_t open_alert_cnt;
	const struct event_flag
		*open_flags; /* by provider, carrier and label; borrowed from the scratch, their texts from the subject's state */
	uint32_t open_flag_cnt;
	const struct contacts *contacts; /* rules/life.h; borrowed from the scratch */
	struct slice account;            /* as far as the record keeps it: borrowed from the state; absent: not known */
	const struct disputes *disputes; /* borrowed as the flags */
	const struct checklist *checks;
	bool has_history;
	struct history_head history;
	int64_t due_ms;
};
/* What keeps the record of a silent subject beyond its time (DESIGN section 7, "Expiry"): an episode, a firing alert, an open flag. */
static inline bool rules_view_holds(const struct rules_view *v)
{
	return v->phase != PHASE_ACTIVE || v->open_alert_cnt > 0 || v->open_flag_cnt > 0;
}
enum err rules_view(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct rules_view *out) MUST_CHECK;

#endif
