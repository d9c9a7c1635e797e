/* SPDX-License-Identifier: Apache-2.0 */
/* A number in virtual time: figures that the test sets, timers that fire before the calls and commands behind them, as the pipeline does, and every
 * event as a line of text. */
#ifndef RINGFENCE_TESTS_RULES_DRIVE_H
#define RINGFENCE_TESTS_RULES_DRIVE_H

#include "rules/ruleset.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define T0 INT64_C(1704067200000) /* times of a drive are behind it */

struct drive {
	struct policies policies;
	struct rules *rules;
	struct rules_scratch *scratch;
	int64_t calls, answered; /* the figures: ints by name, every other is 0 */
	int64_t falls_ms;        /* from then on all figures are 0: the windows have run empty */
	int64_t clock_ms, shard_ms, due_ms;
	uint8_t state[8192];
	uint32_t state_len;
	bool changed; /* by what came last */
	uint8_t history[HISTORY_BYTES_MAX];
	uint32_t history_len;
	struct slice study; /* of the last case study; until the scratch is reset */
	int64_t inputs;
	struct slice account;        /* of its calls */
	enum subject_kind kind;      /* a number, if it is not set to something else */
	struct slice key;            /* absent: that of a number */
	struct rules_limits *limits; /* of its shard, NULL: none hold */
	struct drive *hears;         /* whose events these are, if the scratch is lent to another number */
	struct buf log;              /* events as text */
	/* what makes their ids, which no two may share: of the turn, then all, hashed with the cause */
	struct buf turn;
	uint64_t ids[1000];
	uint32_t turn_cnt, id_cnt;
};

static inline const char *drive_time(int64_t ms, char out[TIME_TEXT_BYTES])
{
	if (ms == TIME_NONE)
		return strcpy(out, "-");
	return ms == T0 ? strcpy(out, "0s") : duration_format(ms - T0, out);
}

static inline void drive_alert(struct buf *b, const struct event_alert *a)
{
	char since[TIME_TEXT_BYTES];
	buf_printf(b, " " SLICE_FMT " " SLICE_FMT " " SLICE_FMT " since %s", SLICE_ARG(a->rule), SLICE_ARG(a->severity), SLICE_ARG(a->mode),
		   drive_time(a->since_ms, since));
	for (uint32_t i = 0; i < a->annotation_cnt; i++)
		buf_printf(b, " " SLICE_FMT ":" SLICE_FMT, SLICE_ARG(a->annotations[i].name), SLICE_ARG(a->annotations[i].value));
	for (uint32_t i = 0; i < a->figure_cnt; i++)
		buf_printf(b, " " SLICE_FMT "=%lld", SLICE_ARG(a->figures[i].text), (long long)a->figures[i].value.i);
}

static inline const char *drive_outcome(struct slice study)
{
	static const char *const outcomes[] = {"recovered", "released", "relapsed"};
	char want[40];
	for (int i = 0; i < 3; i++) {
		snprintf(want, sizeof want, "\"outcome\":\"%s\"", outcomes[i]);
		if (memmem(study.p, study.len, want, strlen(want)))
			return outcomes[i];
	}
	return "?";
}

static inline void drive_heard(void *ctx, struct event *e)
{
	struct drive *own = ctx, *d = own->hears ? own->hears : own;
	char at[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES];
	buf_printf(&d->log, "%s %s", drive_time(e->time_ms, at), event_type(e->kind));
	if (e->kind == EVENT_TRANSITION) {
		buf_printf(&d->log, " %s > %s by %s " SLICE_FMT " until %s", phase_name(e->transition.from), phase_name(e->transition.to),
			   e->transition.reason, SLICE_ARG(e->transition.detail), drive_time(e->transition.until_ms, until));
	} else if (e->kind == EVENT_NUMBER) {
		buf_printf(&d->log, " %s%s max %d open", phase_name(e->number.phase), e->number.tombstone ? " (gone)" : "",
			   e->number.caps.daily_max);
		for (uint32_t i = 0; i < e->number.open_alert_cnt; i++)
			buf_printf(&d->log, " " SLICE_FMT, SLICE_ARG(e->number.open_alerts[i]));
		for (uint32_t i = 0; i < e->number.flag_cnt; i++)
			buf_printf(&d->log, " flag " SLICE_FMT "/" SLICE_FMT, SLICE_ARG(e->number.flags[i].provider),
				   SLICE_ARG(e->number.flags[i].label));
	} else if (e->kind == EVENT_DISPUTE) {
		buf_printf(&d->log, " %s %s", e->step, e->dispute.state);
		if (e->dispute.due_ms != TIME_NONE && e->dispute.due_ms != e->time_ms)
			buf_printf(&d->log, " next %s", drive_time(e->dispute.due_ms, until));
		if (e->dispute.outcome.p)
			buf_printf(&d->log, " (" SLICE_FMT ")", SLICE_ARG(e->dispute.outcome));
		if (e->dispute.note.p)
			buf_printf(&d->log, " '" SLICE_FMT "'", SLICE_ARG(e->dispute.note));
	} else if (e->kind == EVENT_CASE_STUDY) {
		buf_printf(&d->log, " %s", drive_outcome(e->case_study.study));
		d->study = e->case_study.study;
	} else if (e->kind == EVENT_ADVISORY) {
		buf_printf(&d->log, " %s", e->advisory.topic);
	} else if (e->kind == EVENT_VIOLATION) {
		buf_printf(&d->log, " %s of %s on " SLICE_FMT, e->violation.policy, phase_name(e->violation.phase),
			   SLICE_ARG(e->violation.day));
	} else {
		drive_alert(&d->log, &e->alert);
	}
	buf_printf(&d->log, " #%u\n", e->episode);
	buf_put_u8(&d->turn, (uint8_t)e->kind);
	buf_put_u64(&d->turn, e->fingerprint);
	buf_put_u64(&d->turn, e->episode);
	buf_put_u64(&d->turn, hash64(e->step, strlen(e->step), 0));
	d->turn_cnt++;
}

static inline void drive_fill(struct figures *f, uint32_t slot)
{
	const struct drive *d = f->subject;
	enum feature feature = f->keys[slot].feature;
	f->values[slot] = (struct value){.type = feature_info(feature)->type};
	if (f->as_of_ms < d->falls_ms && f->values[slot].type == VALUE_INT)
		f->values[slot].i = feature == FEATURE_CALLS ? d->calls : feature == FEATURE_ANSWERED ? d->answered : 0;
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static inline struct rules *drive_parse(const char *yaml)
{
	struct rules *r = NULL;
	struct buf problems = {0};
	enum err e = rules_parse(slice_of(yaml), "test.yaml", &r, &problems);
	if (e)
		fail_msg("%.*s", (int)problems.len, (const char *)problems.data);
	buf_release(&problems);
	r->providers = NULL; /* no dispute steps, if a test does not ask for some */
	return r;
}

static inline void drive_init(struct drive *d, const char *yaml)
{
	*d = (struct drive){.falls_ms = TIME_NEVER, .clock_ms = TIME_NONE, .shard_ms = TIME_NONE, .due_ms = TIME_NONE};
	d->rules = drive_parse(yaml);
	policies_init(&d->policies);
	d->scratch = rules_scratch_new(&d->policies, drive_heard, d);
}

/* With a table of providers and flags; NULL: the shipped one. */
static inline void drive_providers(struct drive *d, const char *yaml)
{
	struct buf problems = {0};
	struct providers *p = arena_zalloc(&d->rules->arena, sizeof *p);
	if (providers_parse(yaml ? slice_of(yaml) : providers_shipped, "p.yaml", &d->rules->arena, p, &problems))
		fail_msg("%.*s", (int)problems.len, (const char *)problems.data);
	buf_release(&problems);
	d->rules->providers = p;
}

static inline void drive_release(struct drive *d)
{
	rules_free(d->rules);
	rules_scratch_free(d->scratch);
	buf_release(&d->log);
	buf_release(&d->turn);
}

/* A reload. */
static inline void drive_rules(struct drive *d, const char *yaml)
{
	rules_free(d->rules);
	d->rules = drive_parse(yaml);
}

static inline struct figures *drive_figures(struct drive *d, int64_t ms)
{
	struct figures *f = rules_scratch_figures_of(d->scratch, d->rules, d->kind);
	f->fill = drive_fill;
	f->subject = d;
	f->as_of_ms = ms > d->clock_ms ? ms : d->clock_ms;
	return f;
}

static inline struct rules_subject drive_subject(const struct drive *d)
{
	return (struct rules_subject){.key = d->key.p ? d->key : SLICE_LIT("+15551230000"),
				      .kind = d->kind,
				      .state = d->state_len ? d->state : NULL,
				      .state_len = d->state_len,
				      .clock_ms = d->shard_ms,
				      .limits = d->limits,
				      .due_ms = TIME_NONE};
}

/* What the pipeline does with what comes out. The old bytes are spoilt: nothing may point at them. `cause` is what the ids are made from. */
static inline void drive_after(struct drive *d, const struct rules_subject *rs, const char *cause, int64_t number)
{
	for (uint32_t i = 0; i < d->turn_cnt; i++) {
		struct buf id = {0};
		buf_put(&id, d->turn.data + 25 * i, 25);
		buf_printf(&id, "%s %lld %u", cause, (long long)number, i);
		uint64_t h = hash64(id.data, id.len, 0);
		buf_release(&id);
		for (uint32_t k = 0; k < d->id_cnt; k++)
			if (d->ids[k] == h)
				fail_msg("two events with one id: event %u of %s %lld", i, cause, (long long)number);
		assert_in_range(d->id_cnt, 0, 999);
		d->ids[d->id_cnt++] = h;
	}
	d->turn_cnt = 0;
	buf_reset(&d->turn);
	d->changed = rs->changed;
	if (!rs->changed)
		return;
	for (uint32_t i = 0; i < rs->history_cnt; i++) {
		const struct history_write *w = &rs->history[i];
		memcpy(d->history + w->offset, rs->history_bytes + w->from, w->len);
		if (w->offset + w->len > d->history_len)
			d->history_len = w->offset + w->len;
	}
	memset(d->state, 0xee, sizeof d->state);
	assert_in_range(rs->state_len, 0, sizeof d->state);
	if (rs->state_len)
		memcpy(d->state, rs->state, rs->state_len);
	d->state_len = rs->state_len;
	d->due_ms = rs->due_ms;
}

/* All timers up to a time, and the clock of the shard with them. */
static inline void drive_until(struct drive *d, int64_t to_ms)
{
	while (d->due_ms != TIME_NONE && d->due_ms <= to_ms) {
		struct rules_subject rs = drive_subject(d);
		const char *kind = NULL;
		int64_t due_ms = d->due_ms;
		rules_on_timer(d->scratch, d->rules, &rs, drive_figures(d, due_ms), due_ms, &kind);
		assert_non_null(kind);
		drive_after(d, &rs, kind, due_ms - T0);
		if (!rs.changed)
			d->due_ms = rs.due_ms;
		assert_true(d->due_ms == TIME_NONE || d->due_ms > due_ms || (rs.changed && d->due_ms == due_ms));
	}
	if (to_ms > d->shard_ms)
		d->shard_ms = to_ms;
}

static inline void drive_call(struct drive *d, int64_t at_ms)
{
	drive_until(d, at_ms);
	if (at_ms > d->clock_ms)
		d->clock_ms = at_ms;
	struct rules_subject rs = drive_subject(d);
	rs.account = d->account;
	rules_on_call(d->scratch, d->rules, &rs, drive_figures(d, d->clock_ms), NULL, d->clock_ms);
	drive_after(d, &rs, "call", d->inputs++);
}

static inline bool drive_command(struct drive *d, int64_t at_ms, bool quarantine, const char *note)
{
	drive_until(d, at_ms);
	struct rules_subject rs = drive_subject(d);
	struct rules_command c = {.verb = quarantine ? RULES_QUARANTINE : RULES_RELEASE, .note = slice_of(note), .time_ms = at_ms};
	bool applies = rules_on_command(d->scratch, d->rules, &rs, drive_figures(d, at_ms), &c);
	drive_after(d, &rs, "command", d->inputs++);
	return applies;
}

static inline enum rules_flagged drive_flag(struct drive *d, const char *provider, const char *label, int64_t at_ms)
{
	struct rules_subject rs = drive_subject(d);
	struct event_flag f = {.provider = slice_of(provider), .label = slice_of(label), .since_ms = at_ms};
	enum rules_flagged flagged = rules_on_flag(d->scratch, d->rules, &rs, drive_figures(d, at_ms), &f, SLICE_NONE, SLICE_NONE);
	drive_after(d, &rs, "flag", d->inputs++);
	return flagged;
}

/* On a carrier. */
static inline enum rules_flagged drive_flag_on(struct drive *d, const char *provider, const char *carrier, const char *label, int64_t at_ms)
{
	drive_until(d, at_ms);
	struct rules_subject rs = drive_subject(d);
	struct event_flag f = {.provider = slice_of(provider), .carrier = slice_of(carrier), .label = slice_of(label), .since_ms = at_ms};
	enum rules_flagged flagged = rules_on_flag(d->scratch, d->rules, &rs, drive_figures(d, at_ms), &f, SLICE_NONE, SLICE_NONE);
	drive_after(d, &rs, "flag", d->inputs++);
	return flagged;
}

static inline void drive_clear_at(struct drive *d, const char *provider, int64_t at_ms)
{
	drive_until(d, at_ms);
	struct rules_subject rs = drive_subject(d);
	struct event_flag f = {.provider = slice_of(provider), .since_ms = at_ms};
	rules_on_clear(d->scratch, d->rules, &rs, drive_figures(d, at_ms), &f, SLICE_NONE);
	drive_after(d, &rs, "clear", d->inputs++);
}

/* Sent, or (with an outcome) answered. NULL: done; else why not. */
static inline const char *drive_dispute(struct drive *d, const char *step, const char *outcome, const char *note, int64_t at_ms)
{
	drive_until(d, at_ms);
	struct rules_subject rs = drive_subject(d);
	const struct rules_dispute c = {
		.step = slice_of(step), .outcome = slice_of(outcome), .note = slice_of(note), .by = SLICE_LIT("ann"), .time_ms = at_ms};
	struct slice why = rules_on_dispute(d->scratch, d->rules, &rs, drive_figures(d, at_ms), &c);
	drive_after(d, &rs, "dispute", d->inputs++);
	return why.p;
}

static inline void drive_clear(struct drive *d, const char *provider)
{
	struct rules_subject rs = drive_subject(d);
	struct event_flag f = {.provider = slice_of(provider)};
	rules_on_clear(d->scratch, d->rules, &rs, drive_figures(d, d->clock_ms), &f, SLICE_NONE);
	drive_after(d, &rs, "clear", d->inputs++);
}

/* The open flags as text: "Hiya/Spam Risk 0s, ". */
static inline void drive_flags(struct drive *d, const char *expected)
{
	struct rules_subject rs = drive_subject(d);
	struct rules_view v;
	struct buf b = {0};
	char since[TIME_TEXT_BYTES];
	assert_int_equal(rules_view(d->scratch, d->rules, &rs, &v), ERR_OK);
	for (uint32_t i = 0; i < v.open_flag_cnt; i++)
		buf_printf(&b, SLICE_FMT "/" SLICE_FMT " %s, ", SLICE_ARG(v.open_flags[i].provider), SLICE_ARG(v.open_flags[i].label),
			   drive_time(v.open_flags[i].since_ms, since));
	buf_put_u8(&b, 0);
	assert_string_equal((const char *)b.data, expected);
	assert_true(rules_view_holds(&v) == (v.open_flag_cnt > 0 || v.open_alert_cnt > 0 || v.phase != PHASE_ACTIVE));
	buf_release(&b);
}

/* The events since the last time, as text. */
static inline void drive_said(struct drive *d, const char *expected)
{
	buf_put_u8(&d->log, 0);
	assert_string_equal((const char *)d->log.data, expected);
	buf_reset(&d->log);
	rules_scratch_reset(d->scratch);
}

#endif
