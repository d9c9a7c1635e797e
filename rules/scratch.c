/* SPDX-License-Identifier: Apache-2.0 */
/* The front door of the stage: a turn begins (the section of the record is read, its alerts find their rules), the machines of alerts and phases
 * work on it, and it ends (sorted, written if it changed). A call of a subject without state at which no rule is true does none of this.
 *
 * Nothing here depends on what the scratch did before: it holds memory, and counters that nobody decides by. */
#include "rules/turn.h"

#include <assert.h>
#include <stdlib.h>

#define ARENA_BYTES (16 << 10)
#define STEPS_MAX 100000 /* of one condition */

struct rules_scratch *rules_scratch_new(const struct policies *p, rules_emit *emit, void *ctx)
{
	struct rules_scratch *s = mem_zalloc(sizeof *s);
	s->policies = p;
	s->emit = emit;
	s->ctx = ctx;
	arena_init(&s->arena, ARENA_BYTES);
	machine_init(&s->machine, STEPS_MAX);
	buf_reserve(&s->out, STATE_BYTES_MAX);
	return s;
}

void rules_scratch_free(struct rules_scratch *s)
{
	if (!s)
		return;
	arena_release(&s->arena);
	machine_release(&s->machine);
	buf_release(&s->out);
	history_stage_release(&s->history);
	for (int kind = 0; kind < SUBJECT_KINDS; kind++) {
		free(s->figures[kind].filled);
		free(s->figures[kind].values);
	}
	free(s->alert_of);
	free(s->errors);
	free(s->holds);
	free(s->looked_at);
	free(s);
}

void rules_scratch_reset(struct rules_scratch *s)
{
	arena_reset(&s->arena);
	machine_reset(&s->machine);
}

/* The tables that have one entry per rule. */
static void use_rules(struct rules_scratch *s, const struct rules *r)
{
	if (s->generation == r->generation)
		return;
	s->generation = r->generation;
	for (int kind = 0; kind < SUBJECT_KINDS; kind++)
		s->figures[kind].windows_of = NULL; /* the new keys may stand where the old ones did */
	if (s->rule_cap < r->cnt || !s->holds) {    /* a set without rules has room for one */
		s->rule_cap = r->cnt;
		s->alert_of = mem_realloc(s->alert_of, s->rule_cap * sizeof *s->alert_of);
		s->errors = mem_realloc(s->errors, s->rule_cap * sizeof *s->errors);
		s->holds = mem_realloc(s->holds, CHAIN_ROOM(s->rule_cap + 1) * sizeof *s->holds);
		s->looked_at = mem_realloc(s->looked_at, CHAIN_WORDS(s->rule_cap + 1) * sizeof *s->looked_at);
	}
	for (uint32_t i = 0; i < r->cnt; i++) {
		s->alert_of[i] = 0;
		s->errors[i] = 0;
	}
}

struct figures *rules_scratch_figures(struct rules_scratch *s, const struct rules *r)
{
	return rules_scratch_figures_of(s, r, SUBJECT_NUMBER);
}

struct figures *rules_scratch_figures_of(struct rules_scratch *s, const struct rules *r, enum subject_kind kind)
{
	struct figures *f = &s->figures[kind];
	use_rules(s, r);
	uint32_t n = r->slots[kind].cnt;
	if (s->figure_cap[kind] < n || !f->values) {
		s->figure_cap[kind] = n;
		f->filled = mem_realloc(f->filled, (n / 64 + 1) * sizeof *f->filled);
		f->values = mem_realloc(f->values, (n + 1) * sizeof *f->values);
	}
	f->keys = r->slots[kind].keys;
	f->n = n;
	memset(f->filled, 0, (n / 64 + 1) * sizeof *f->filled);
	return f;
}

const struct rules_counts *rules_scratch_counts(const struct rules_scratch *s)
{
	return &s->counts;
}

uint64_t rules_scratch_errors(const struct rules_scratch *s, const struct rules *r, uint32_t i)
{
	return s->generation == r->generation ? s->errors[i] : 0;
}

/* ---- a turn ---- */

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void turn_find_policy(struct turn *t, const struct cdr *call)
{
	const struct policies *p = t->s->policies;
	const struct rules_world *w = rules_world();
	struct slice number = t->subject->key, *account = &t->state->account;
	if (call && call->account_id.len && call->account_id.len <= ACCOUNT_BYTES_MAX && !slice_eq(*account, call->account_id))
		*account = call->account_id;
	t->policy = policy_of(p, t->rules, number, *account);
	t->managed = policy_manages(p, t->rules, number, *account);
	t->providers = t->rules ? t->rules->providers : NULL;
	t->zone = policy_zone(p, number, *account, w && w->zone_of ? w->zone_of(number) : 0);
}

/* By what it lives; and the history tells the days that are over. */
static void turn_find_number(struct turn *t, const struct cdr *call)
{
	turn_find_policy(t, call);
	history_tell_days(t);
}

/* An account is kept with the number while something asks for it. */
static void keep_account(struct turn *t, struct slice before)
{
	struct slice *account = &t->state->account;
	if (!t->s->policies->by_account && t->state->phase.phase == PHASE_ACTIVE)
		*account = SLICE_NONE;
	if (!slice_eq(*account, before))
		t->state->changed = true;
}

static void nothing_yet(struct rules_subject *subject)
{
	subject->changed = false;
	subject->history_cnt = 0;
}

bool turn_begin(struct turn *t)
{
	struct rules_scratch *s = t->s;
	t->state = &s->state;
	if (state_decode(t->subject->state, t->subject->state_len, t->state, NULL)) {
		s->counts.unreadable++;
		return false;
	}
	t->episode_before = t->state->phase.episode;
	t->phase_before = t->state->phase.phase;
	history_stage_reset(&s->history);
	for (uint32_t i = 0; t->rules && i < t->state->alert_cnt; i++) {
		struct alert *a = &t->state->alerts[i];
		a->rule = rules_find(t->rules, a->name, a->fingerprint);
		if (a->rule != UINT32_MAX)
			s->alert_of[a->rule] = i + 1;
	}
	return true;
}

/* The alerts are done: those of this turn get their places, so that an event can name them. */
static void turn_settle(struct turn *t)
{
	for (uint32_t i = 0; i < t->state->alert_cnt; i++)
		if (t->state->alerts[i].rule != UINT32_MAX)
			t->s->alert_of[t->state->alerts[i].rule] = 0;
	state_settle(t->state);
}

void turn_end(struct turn *t, struct rules_subject *subject)
{
	history_turn_end(t);
	subject->history_bytes = t->s->history.placed.data;
	subject->history = t->s->history.writes;
	subject->history_cnt = t->s->history.write_cnt;
	subject->due_ms = state_due(t->state);
	subject->changed = t->state->changed;
	if (!subject->changed)
		return;
	buf_reset(&t->s->out);
	state_encode(t->state, &t->s->out);
	subject->state = t->s->out.len ? t->s->out.data : NULL;
	subject->state_len = (uint32_t)t->s->out.len;
}

struct event turn_event(const struct turn *t, enum event_kind kind, int64_t at_ms)
{
	return (struct event){.kind = kind,
			      .subject_kind = t->subject->kind,
			      .subject = t->subject->key,
			      .time_ms = at_ms,
			      .episode = t->state->phase.episode,
			      .step = ""};
}

void turn_say(struct turn *t, struct event *e)
{
	t->s->emit(t->s->ctx, e);
}

/* The name of a cohort: its key behind the kind ("account:", DESIGN section 7, "Whom"). */
static struct slice cohort_name(struct slice key)
{
	const char *colon = memchr(key.p, ':', key.len);
	return colon ? slice_make(colon + 1, key.len - (uint32_t)(colon + 1 - key.p)) : key;
}

/* What conditions read in this turn. */
static void set_input(struct rules_scratch *s, const struct rules_subject *subject, struct figures *f, const struct cdr *call,
		      int64_t now_ms)
{
	s->now_ms = now_ms;
	s->zone = subject->zone;
	s->input = (struct expr_input){.figures = f,
				       .call = call,
				       .number = subject->kind == SUBJECT_NUMBER ? subject->key : SLICE_NONE,
				       .account = subject->account,
				       .trunk = subject->trunk,
				       .country = subject->country,
				       .region = subject->region};
	if (subject->kind == SUBJECT_ACCOUNT)
		s->input.account = cohort_name(subject->key);
	else if (subject->kind == SUBJECT_TRUNK)
		s->input.trunk = cohort_name(subject->key);
	else if (subject->kind == SUBJECT_BLOCK)
		s->input.block = cohort_name(subject->key);
	if (call && !subject->account.p)
		s->input.account = call->account_id;
	if (call && !subject->trunk.p)
		s->input.trunk = call->ingress_trunk;
}

/* ---- the front door ---- */

/* At a call at which no rule is true. */
static bool nothing_to_do(const struct rules_scratch *s, const struct rules_subject *subject, const struct cdr *call)
{
	bool number = subject->kind == SUBJECT_NUMBER && call;
	if (number && s->policies->any_aging && subject->first_call)
		return false;
	if (number && s->policies->by_account && call->account_id.len)
		return state_is_account(subject->state, subject->state_len, call->account_id);
	return subject->state_len == 0;
}

void rules_on_call(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f, const struct cdr *call,
		   int64_t now_ms)
{
	nothing_yet(subject);
	if (r->bare)
		return;
	use_rules(s, r);
	set_input(s, subject, f, call, now_ms);
	if (!rules_hold(s, r, subject->kind) && nothing_to_do(s, subject, call))
		return;
	struct turn t = {
		.s = s, .rules = r, .subject = subject, .figures = f, .now_ms = now_ms, .fired_ms = later(now_ms, subject->clock_ms)};
	if (!turn_begin(&t))
		return;
	struct slice account = t.state->account;
	bool number = subject->kind == SUBJECT_NUMBER;
	if (number)
		turn_find_number(&t, call);
	alerts_on_call(&t);
	turn_settle(&t);
	if (number && call && subject->first_call)
		phase_on_first_call(&t, call->start_ms);
	if (number && call)
		judge_call(&t, call);
	if (t.trigger)
		phase_on_trigger(&t);
	if (number)
		keep_account(&t, account);
	phase_turn_end(&t);
	dispute_turn_end(&t);
	turn_end(&t, subject);
}

/* The kind of timer that is due first, in the order of DESIGN section 5. */
static const char *fire(struct turn *t, int64_t due_ms)
{
	if (block_end_due(t, due_ms)) {
		block_on_end(t);
		return "block";
	}
	if (day_end_due(t, due_ms)) {
		day_on_end(t, due_ms);
		return "day";
	}
	if (t->state->phase.until_ms == due_ms) {
		phase_on_end(t);
		return "phase_end";
	}
	if (disputes_due(&t->state->disputes) == due_ms) {
		dispute_on_timer(t);
		return "dispute";
	}
	return NULL;
}

void rules_on_timer(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f, int64_t due_ms,
		    const char **timer)
{
	struct turn t = {.s = s, .rules = r, .subject = subject, .figures = f, .now_ms = due_ms, .fired_ms = due_ms};
	nothing_yet(subject);
	use_rules(s, r);
	set_input(s, subject, f, NULL, due_ms);
	if (!turn_begin(&t))
		return;
	struct slice account = t.state->account;
	if (subject->kind == SUBJECT_NUMBER)
		turn_find_number(&t, NULL);
	bool alert = t.state->phase.until_ms != due_ms && !block_end_due(&t, due_ms) && !day_end_due(&t, due_ms) &&
		     disputes_due(&t.state->disputes) != due_ms && alerts_due(&t, due_ms);
	if (alert) {
		*timer = "alert";
		alerts_on_timer(&t);
	}
	turn_settle(&t);
	const char *fired = alert ? NULL : fire(&t, due_ms);
	if (fired)
		*timer = fired;
	if (t.trigger)
		phase_on_trigger(&t);
	if (subject->kind == SUBJECT_NUMBER)
		keep_account(&t, account);
	phase_turn_end(&t);
	dispute_turn_end(&t);
	turn_end(&t, subject);
}

/* ---- commands: none evaluates a rule, but policies name lists ---- */

bool turn_begin_number(struct turn *t)
{
	use_rules(t->s, t->rules);
	if (t->subject->kind != SUBJECT_NUMBER || !turn_begin(t))
		return false;
	turn_settle(t);
	t->account_before = t->state->account;
	turn_find_number(t, NULL);
	return true;
}

void turn_end_number(struct turn *t, struct rules_subject *subject)
{
	keep_account(t, t->account_before);
	phase_turn_end(t);
	dispute_turn_end(t);
	turn_end(t, subject);
}

static bool change_contact(struct turn *t, const struct rules_command *c)
{
	if (!c->called || !contacts_list(&t->state->contacts, c->called, c->remove))
		return false;
	t->state->changed = true;
	return true;
}

bool rules_on_command(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
		      const struct rules_command *c)
{
	struct turn t = {.s = s,
			 .rules = r,
			 .subject = subject,
			 .figures = f,
			 .now_ms = c->time_ms,
			 .fired_ms = later(c->time_ms, subject->clock_ms),
			 .by = c->by};
	bool applies = false;
	nothing_yet(subject);
	if (!turn_begin_number(&t))
		return false;
	switch (c->verb) {
	case RULES_QUARANTINE:
		applies = phase_on_quarantine(&t, c->note);
		break;
	case RULES_RELEASE:
		applies = phase_on_release(&t, c->note);
		break;
	case RULES_CONTACT:
		applies = change_contact(&t, c);
		break;
	}
	turn_end_number(&t, subject);
	return applies;
}

bool rules_describe(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct figures *f,
		    struct event *out)
{
	struct turn t = {.s = s, .rules = r, .subject = subject, .figures = f, .now_ms = TIME_NONE};
	use_rules(s, r);
	bool known = turn_begin(&t); /* if not, the state is plain */
	turn_settle(&t);
	turn_find_policy(&t, NULL);
	phase_describe(&t, out);
	return known && !out->number.tombstone;
}

enum err rules_state_check(const uint8_t *state, uint32_t len, struct err_text *why)
{
	struct state *s = mem_alloc(sizeof *s);
	enum err e = state_decode(state, len, s, why);
	free(s);
	return e;
}

enum err rules_view(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct rules_view *out)
{
	struct turn t = {.s = s, .subject = subject};
	(void)r;
	if (!turn_begin(&t))
		return ERR_CORRUPT;
	*out = (struct rules_view){
		.phase = t.state->phase.phase,
		.episode = t.state->phase.episode,
		.phase_since_ms = t.state->phase.since_ms,
		.until_ms = t.state->phase.until_ms,
		.open_alerts = s->names,
		.open_alert_cnt = state_firing(t.state, s->names),
		.open_flags = t.state->flags,
		.open_flag_cnt = t.state->flag_cnt,
		.contacts = &t.state->contacts,
		.account = t.state->account,
		.disputes = &t.state->disputes,
		.checks = &t.state->checks,
		.has_history = !history_head_plain(&t.state->history),
		.history = t.state->history,
		.due_ms = state_due(t.state),
	};
	return ERR_OK;
}

/* ---- conditions alone ---- */

void rules_try(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct figures *f,
	       const struct cdr *call, int64_t now_ms)
{
	use_rules(s, r);
	set_input(s, subject, f, call, now_ms);
}

void rules_try_all(struct rules_scratch *s, const struct rules *r, enum subject_kind kind)
{
	rules_hold(s, r, kind);
}

uint32_t rules_try_next(const struct rules_scratch *s, const struct rules *r, uint32_t from)
{
	return chain_next(s->holds, from, r->cnt);
}

bool rules_try_one(struct rules_scratch *s, const struct rules *r, uint32_t i)
{
	return rule_holds(s, r, i);
}

int64_t rules_pending_due(const struct rules *r, uint32_t i, int64_t since_ms, int64_t after_ms)
{
	return alert_pending_due(&r->rules[i], since_ms, after_ms);
}

int64_t rules_for_ms(const struct rules *r, uint32_t i)
{
	return r->rules[i].for_ms;
}
