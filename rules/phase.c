/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of a number (DESIGN section 9).
 *
 *   active ─ quarantine ─► rest ─ end ─► limited ─ end ─► moderate ─ end, gate passed ─► active
 *                           ▲                 └── quarantine: a relapse, new episode ──┘ │
 *   active ◄─ release ──────┴────────────────────────────────────────────────────────────┘
 *
 * DESIGN. One function per thing that can happen; each ends in change(), which says the transition and what the number is now. A phase ends when
 * its timer is due, at `until_ms` exactly, however late the timer comes.
 *
 * GUARANTEES. Time goes forward: a phase never begins before the one that it follows, even if a command or the clock of a number is older than
 * that. The episode counts up at every way into rest and stays in the record for good.
 *
 * PLACES. Aging (a first phase), the judging of calls (violations, contacts, caps of the day), advisories at the gate and at the end of a 7-day
 * block, and numbers that are not managed come with a later part: a function of their own here, a section of their own in the state. */
#include "rules/turn.h"

static int64_t duration_of(const struct rules_config *c, enum phase p)
{
	return p == PHASE_REST ? c->rest_ms : p == PHASE_LIMITED ? c->limited_ms : p == PHASE_MODERATE ? c->moderate_ms : 0;
}

static struct event_caps caps_of(const struct rules_config *c, enum phase p)
{
	struct event_caps caps = {-1, -1, -1, -1, -1.0};
	if (p == PHASE_REST) {
		caps.daily_max = 0;
	} else if (p == PHASE_LIMITED) {
		caps.daily_min = (int32_t)c->limited_min;
		caps.daily_max = (int32_t)c->limited_max;
		caps.known_contacts_only = 1;
		caps.min_talk_s = (int32_t)c->limited_talk_s;
	} else if (p == PHASE_MODERATE) {
		caps.daily_min = (int32_t)c->moderate_min;
		caps.daily_max = (int32_t)c->moderate_max;
		caps.known_contacts_only = 0;
		caps.new_contact_share_max = c->moderate_new_share;
	}
	return caps;
}

void phase_describe(const struct turn *t, struct event *out)
{
	const struct phase_state *p = &t->state->phase;
	struct slice *names = arena_alloc(&t->s->arena, ALERTS_MAX * sizeof *names);
	*out = turn_event(t, EVENT_NUMBER, p->since_ms == TIME_NONE ? 0 : p->since_ms);
	out->number = (struct event_number){
		.phase = p->phase,
		.tombstone = p->phase == PHASE_ACTIVE,
		.phase_since_ms = p->since_ms,
		.until_ms = p->until_ms,
		.caps = caps_of(&t->s->config, p->phase),
		.today = SLICE_NONE, /* the day's calls come with the judging of calls */
		.today_left = -1,
		.health = -1,
		.maturity = -1,
		.connection = -1,
		.engagement = -1,
		.sentiment = -1,
		.open_alerts = names,
		.open_alert_cnt = state_firing(t->state, names),
		.flags = flags_copy(t),
		.flag_cnt = t->state->flag_cnt,
	};
	for (uint32_t i = 0; i < out->number.open_alert_cnt; i++) /* the record's bytes may go before the event does */
		names[i] = arena_copy(&t->s->arena, names[i]);
}

/* What the transition says of its ground. */
struct ground {
	const char *reason;
	struct slice detail;
	uint64_t fingerprint; /* of the rule, if one did it */
};

static void change(struct turn *t, enum phase to, int64_t at_ms, struct ground g)
{
	struct phase_state *p = &t->state->phase;
	enum phase from = p->phase;
	p->phase = to;
	p->since_ms = p->since_ms == TIME_NONE || at_ms > p->since_ms ? at_ms : p->since_ms;
	p->until_ms = to == PHASE_ACTIVE ? TIME_NONE : p->since_ms + duration_of(&t->s->config, to);
	t->state->changed = true;

	struct event e = turn_event(t, EVENT_TRANSITION, p->since_ms);
	e.fingerprint = g.fingerprint;
	e.transition = (struct event_transition){.from = from,
						 .to = to,
						 .reason = g.reason,
						 .detail = g.detail,
						 .until_ms = p->until_ms,
						 .caps = caps_of(&t->s->config, to)};
	turn_say(t, &e);
	const struct event said = e;
	phase_describe(t, &e);
	turn_say(t, &e);
	case_study_on_change(t, &said, t->by);
}

/* Into rest, from any phase but rest: there nothing happens but a note in the history. */
static void quarantine(struct turn *t, int64_t at_ms, int64_t longest_ms, struct ground g)
{
	struct phase_state *p = &t->state->phase;
	if (p->phase == PHASE_REST) {
		history_add(t, &(struct history_entry){.time_ms = at_ms,
						       .kind = HISTORY_NOTE,
						       .note = {arena_printf(&t->s->arena, "quarantine asked for again by a %s: " SLICE_FMT,
									     g.reason, SLICE_ARG(g.detail)),
								t->by}});
		return;
	}
	p->episode++;
	p->longest_ms = longest_ms;
	change(t, PHASE_REST, at_ms, g);
}

void phase_on_trigger(struct turn *t)
{
	const struct rule *r = t->trigger;
	int64_t hold_ms = t->state->phase.hold_ms;
	if (hold_ms != TIME_NONE && t->trigger_ms < hold_ms)
		return;
	quarantine(t, t->trigger_ms, r->program.longest_ms, (struct ground){"rule", r->name, r->fingerprint});
}

bool phase_on_quarantine(struct turn *t, struct slice note)
{
	quarantine(t, t->now_ms, 0, (struct ground){"command", note, 0});
	return true;
}

bool phase_on_release(struct turn *t, struct slice note)
{
	struct phase_state *p = &t->state->phase;
	if (p->phase == PHASE_ACTIVE)
		return false;
	int64_t at_ms = t->now_ms > p->since_ms ? t->now_ms : p->since_ms;
	p->hold_ms = at_ms + (p->longest_ms > t->s->config.hold_ms ? p->longest_ms : t->s->config.hold_ms);
	p->longest_ms = 0;
	change(t, PHASE_ACTIVE, at_ms, (struct ground){"command", note, 0});
	return true;
}

/* Health is not known yet, which passes if there was no breach in the last 30 days; breaches are not known yet either. Open flags are (t->state); they
 * bar the gate from when there is an advisory that says so and a timer that asks again. */
static bool gate_passes(const struct turn *t)
{
	(void)t;
	return true;
}

void phase_on_end(struct turn *t)
{
	struct phase_state *p = &t->state->phase;
	struct ground g = {"timer", SLICE_NONE, 0};
	if (p->phase == PHASE_REST)
		change(t, PHASE_LIMITED, p->until_ms, g);
	else if (p->phase == PHASE_LIMITED)
		change(t, PHASE_MODERATE, p->until_ms, g);
	else if (p->phase == PHASE_MODERATE && gate_passes(t))
		change(t, PHASE_ACTIVE, p->until_ms, g);
}
