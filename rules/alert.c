/* SPDX-License-Identifier: Apache-2.0 */
/* The state of an alert: of one rule and one subject.
 *
 *              true, for > 0          true for `for`               false, keep_firing_for = 0; or false for keep_firing_for
 *   (nothing) ───────────────► pending ─────────────► firing ──────────────────────────────────────────────► (nothing)
 *       ▲  └───── true, for = 0: raised ──────────────► ▲  │ alert.raised on the way in, alert.firing every min_interval, alert.resolved on the
 *       └────────── false ─────────┘                    └──┘ way out
 *
 * DESIGN. An alert is evaluated at every call of its subject, and by timer: every `interval` of its group, counted from `since`, and when `for` or
 * keep_firing_for runs out. Its next timer is part of the state, always later than the clock of the shard (rules.h says why); what ran out before
 * that is found at the next evaluation. The repeat has no timer of its own: it is said at the first evaluation at or behind min_interval.
 *
 * GUARANTEES. An alert is found again by name and fingerprint, so a new text of its expression or threshold keeps it. The story of one alert never
 * runs backwards: a call that is older than the last timer of its alert is judged as of that call, and said with the time of the timer.
 * A rule that is gone is missed at the first evaluation without it and resolved ABSENT_MS after that; one that comes back in between goes on.
 *
 * `when` and `exempt` count as part of the condition: at the end of its hours an alert is as if its condition had become false, at the next evaluation.
 *
 * An alert that the limit of its group holds back stays pending (limit.c).
 *
 * What fires asks for its action once, when it is raised: an alert that goes on firing, through a release, a hold, or from shadow to enforce, asks
 * again only after it has been resolved. */
#include "rules/template.h"
#include "rules/turn.h"

#define ABSENT_MS (10 * MINUTE_MS)

bool gate_open(const struct rules_scratch *s, const struct rule *r)
{
	return (!r->when || calendar_covers(r->when, s->zone, s->now_ms)) && (!r->exempt || !exempt_covers(r->exempt, &s->input));
}

bool rules_hold(struct rules_scratch *s, const struct rules *r, enum subject_kind kind)
{
	bool any = false;
	if (r->kind_cnt[kind] == 0) {
		memset(s->holds, 0, CHAIN_WORDS(r->cnt) * sizeof *s->holds);
		return false;
	}
	if (!chain_run(&r->chain[kind], &s->machine, &s->input, s->errors, s->holds))
		return false;
	for (uint32_t i = 0; (i = chain_next(s->holds, i, r->cnt)) < r->cnt; i++) {
		if (gate_open(s, &r->rules[i]))
			any = true;
		else
			chain_clear(s->holds, i);
	}
	return any;
}

bool rule_holds(struct rules_scratch *s, const struct rules *r, uint32_t i)
{
	struct cel v;
	if (program_run(&r->rules[i].program, &s->machine, &s->input, &v, NULL))
		return v.b && gate_open(s, &r->rules[i]);
	s->errors[i]++;
	return false;
}

/* ---- events ---- */

static const struct event_figure *figures_of(struct turn *t, const struct program *p)
{
	struct event_figure *figures = arena_alloc(&t->s->arena, (p->figure_cnt + 1) * sizeof *figures);
	for (uint32_t i = 0; i < p->figure_cnt; i++)
		figures[i] = (struct event_figure){p->figures[i].text, figure_get(t->figures, p->figure_slots[i])};
	return figures;
}

static const struct event_pair *annotations_of(struct turn *t, const struct rule *rule, const struct event_figure *figures)
{
	struct event_pair *filled = arena_alloc(&t->s->arena, (rule->annotation_cnt + 1) * sizeof *filled);
	for (uint32_t i = 0; i < rule->annotation_cnt; i++)
		filled[i] = (struct event_pair){rule->annotations[i].name,
						template_fill(&rule->templates[i], t->subject->key, figures, &t->s->arena)};
	return filled;
}

static void say(struct turn *t, enum event_kind kind, const struct rule *rule, const struct alert *a, int64_t at_ms)
{
	struct event e = turn_event(t, kind, at_ms);
	e.fingerprint = a->fingerprint;
	e.alert = (struct event_alert){.mode = a->shadow ? SLICE_LIT("shadow") : SLICE_LIT("enforce"), .since_ms = a->since_ms};
	if (rule) {
		e.alert.rule = rule->name;
		e.alert.severity = rule->severity;
		e.alert.expr = rule->expr;
		e.alert.rule_source = rule->source;
		e.alert.labels = rule->labels;
		e.alert.label_cnt = rule->label_cnt;
		e.alert.figures = figures_of(t, &rule->program);
		e.alert.figure_cnt = rule->program.figure_cnt;
		e.alert.longest_ms = rule->program.longest_ms;
		e.alert.annotations = annotations_of(t, rule, e.alert.figures);
		e.alert.annotation_cnt = rule->annotation_cnt;
	} else { /* what the record knows of a rule that is gone */
		e.alert.rule = arena_copy(&t->s->arena, a->name);
		e.alert.severity = arena_copy(&t->s->arena, a->severity);
	}
	turn_say(t, &e);
	history_alert(t, kind, &e.alert, at_ms);
}

/* ---- one alert ---- */

static int64_t earlier(int64_t candidate_ms, int64_t after_ms, int64_t due_ms)
{
	return candidate_ms > after_ms && candidate_ms < due_ms ? candidate_ms : due_ms;
}

int64_t alert_tick(const struct rule *rule, int64_t since_ms, int64_t after_ms)
{
	return since_ms + ((after_ms - since_ms) / rule->interval_ms + 1) * rule->interval_ms;
}

int64_t alert_pending_due(const struct rule *rule, int64_t since_ms, int64_t after_ms)
{
	if (after_ms < since_ms)
		after_ms = since_ms;
	return earlier(since_ms + rule->for_ms, after_ms, alert_tick(rule, since_ms, after_ms));
}

/* Its next timer: behind what has fired, and the same however often it is asked before that. */
static void set_due(struct turn *t, const struct rule *rule, struct alert *a)
{
	int64_t after_ms = t->fired_ms > a->since_ms ? t->fired_ms : a->since_ms;
	int64_t due_ms = a->firing ? alert_tick(rule, a->since_ms, after_ms) : alert_pending_due(rule, a->since_ms, after_ms);
	if (a->firing && a->keep_ms != TIME_NONE)
		due_ms = earlier(a->keep_ms + rule->keep_ms, after_ms, due_ms);
	t->state->changed |= due_ms != a->due_ms;
	a->due_ms = due_ms;
}

/* Over the limit of its group it stays pending, and is tried again. */
static void raise_alert(struct turn *t, const struct rule *rule, struct alert *a, int64_t at_ms)
{
	if (!limit_takes(t->subject->limits, rule, at_ms)) {
		t->s->counts.held_back++;
		return;
	}
	a->firing = true;
	a->said_ms = at_ms;
	t->state->changed = true;
	say(t, EVENT_ALERT_RAISED, rule, a, at_ms);
	if (rule->action == ACTION_FLAG && !rule->shadow)
		flag_on_raised(t, rule, at_ms);
	if (rule->action == ACTION_QUARANTINE && !rule->shadow && !t->trigger) {
		t->trigger = rule;
		t->trigger_ms = at_ms;
	}
}

static void resolve(struct turn *t, const struct rule *rule, struct alert *a, int64_t at_ms)
{
	say(t, EVENT_ALERT_RESOLVED, rule, a, at_ms);
	flag_on_resolved(t, a, at_ms);
	state_close(t->state, a);
}

static void begin_alert(struct turn *t, const struct rule *rule)
{
	struct alert *a = state_open(t->state, rule->name, rule->severity);
	if (!a) {
		t->s->counts.not_opened++;
		return;
	}
	a->fingerprint = rule->fingerprint;
	a->shadow = rule->shadow;
	a->since_ms = t->now_ms;
	a->rule = (uint32_t)(rule - t->rules->rules);
	t->s->alert_of[a->rule] = t->state->alert_cnt;
	if (rule->for_ms == 0)
		raise_alert(t, rule, a, t->now_ms);
	set_due(t, rule, a);
}

/* A firing alert whose condition is false. False: it is over. */
static bool keep_alert(struct turn *t, const struct rule *rule, struct alert *a, int64_t at_ms)
{
	if (a->keep_ms == TIME_NONE && rule->keep_ms > 0) {
		a->keep_ms = at_ms;
		t->state->changed = true;
	} else if (rule->keep_ms == 0 || at_ms - a->keep_ms >= rule->keep_ms) {
		resolve(t, rule, a, at_ms);
		return false;
	}
	return true;
}

static void set_mark(struct turn *t, int64_t *mark, int64_t to_ms)
{
	t->state->changed |= *mark != to_ms;
	*mark = to_ms;
}

/* A pending or firing alert whose rule is there. */
static void go_on(struct turn *t, const struct rule *rule, struct alert *a, bool holds)
{
	int64_t at_ms = a->firing && a->said_ms > t->now_ms ? a->said_ms : t->now_ms;
	set_mark(t, &a->gone_ms, TIME_NONE);
	if (a->shadow != rule->shadow) {
		a->shadow = rule->shadow;
		t->state->changed = true;
	}
	if (!a->firing && !holds) {
		state_close(t->state, a);
		return;
	}
	if (!a->firing && at_ms - a->since_ms >= rule->for_ms)
		raise_alert(t, rule, a, at_ms);
	else if (a->firing && holds)
		set_mark(t, &a->keep_ms, TIME_NONE);
	else if (a->firing && !keep_alert(t, rule, a, at_ms))
		return;
	if (a->firing && at_ms - a->said_ms >= rule->min_interval_ms) {
		a->said_ms = at_ms;
		t->state->changed = true;
		say(t, EVENT_ALERT_FIRING, rule, a, at_ms);
	}
	set_due(t, rule, a);
}

/* An alert whose rule is not there. */
static void miss(struct turn *t, struct alert *a)
{
	if (a->gone_ms == TIME_NONE) {
		a->gone_ms = t->fired_ms > a->since_ms ? t->fired_ms : a->since_ms;
		a->due_ms = a->gone_ms + ABSENT_MS;
		t->state->changed = true;
	} else if (t->fired_ms < a->due_ms) {
		return;
	} else if (a->firing) {
		resolve(t, NULL, a, t->fired_ms);
	} else {
		state_close(t->state, a);
	}
}

/* ---- all alerts ---- */

/* Rules that have an alert; with `due`: one whose timer it is. */
static void look_at_alerts(struct turn *t, bool due)
{
	for (uint32_t i = 0; i < t->state->alert_cnt; i++) {
		const struct alert *a = &t->state->alerts[i];
		if (a->rule != UINT32_MAX && (!due || a->due_ms == t->now_ms))
			t->s->looked_at[a->rule / 64] |= UINT64_C(1) << (a->rule % 64);
	}
}

/* Rules that are false and have no alert are not looked at. */
void alerts_on_call(struct turn *t)
{
	const struct rules_scratch *s = t->s;
	uint32_t known = t->state->alert_cnt, cnt = t->rules->cnt;
	memcpy(s->looked_at, s->holds, CHAIN_WORDS(cnt) * sizeof *s->holds);
	look_at_alerts(t, false);
	for (uint32_t i = 0; (i = chain_next(s->looked_at, i, cnt)) < cnt; i++) {
		const struct rule *rule = &t->rules->rules[i];
		uint32_t at = s->alert_of[i];
		if (at)
			go_on(t, rule, &t->state->alerts[at - 1], s->holds[i / 64] >> (i % 64) & 1);
		else
			begin_alert(t, rule);
	}
	for (uint32_t i = 0; i < known; i++)
		if (t->state->alerts[i].rule == UINT32_MAX)
			miss(t, &t->state->alerts[i]);
}

bool alerts_due(const struct turn *t, int64_t due_ms)
{
	for (uint32_t i = 0; i < t->state->alert_cnt; i++)
		if (t->state->alerts[i].due_ms == due_ms)
			return true;
	return false;
}

/* In the order of the rules, as at a call; those of rules that are gone behind them, by name. */
void alerts_on_timer(struct turn *t)
{
	const struct rules_scratch *s = t->s;
	uint32_t known = t->state->alert_cnt, cnt = t->rules->cnt;
	memset(s->looked_at, 0, CHAIN_WORDS(cnt) * sizeof *s->looked_at);
	look_at_alerts(t, true);
	for (uint32_t i = 0; (i = chain_next(s->looked_at, i, cnt)) < cnt; i++)
		go_on(t, &t->rules->rules[i], &t->state->alerts[s->alert_of[i] - 1], rule_holds(t->s, t->rules, i));
	for (uint32_t i = 0; i < known; i++) {
		struct alert *a = &t->state->alerts[i];
		if (a->rule == UINT32_MAX && a->due_ms == t->now_ms)
			miss(t, a);
	}
}
