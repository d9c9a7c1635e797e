/* SPDX-License-Identifier: Apache-2.0 */
/* The phases of a number (DESIGN section 9).
 *
 *   (new) ─► aging ─► active ─ quarantine ─► rest ─ end ─► limited ─ end ─► moderate ─ end, gate passed ─► active
 *                        ▲                    ▲                 └── quarantine: a relapse, new episode ──┘ │
 *                        └──── release ───────┴────────────────────────────────────────────────────────────┘
 *
 * DESIGN. One function per thing that can happen; each ends in phase_change(), which says the transition. What the number is after that is said once, when the
 * turn ends. A phase ends when its timer is due, at `until_ms` exactly, however late the timer comes. Calls are judged in judge.c, days and blocks in
 * days.c.
 *
 * GUARANTEES. The episode counts up at every way into rest and stays in the record for good. A phase never begins before the one that it follows, even if a
 * command or the clock of a number is older than that; but for a late call in a rest that has ended: the rest goes on from that call, as if what followed it
 * had not been. */
#include "rules/turn.h"

static int64_t duration_of(const struct policy *c, enum phase p)
{
	switch (p) {
	case PHASE_REST:
		return c->rest_ms;
	case PHASE_LIMITED:
		return c->limited_ms;
	case PHASE_MODERATE:
		return c->moderate_ms;
	case PHASE_AGING:
		return c->aging_step_cnt ? c->aging_steps[c->aging_step_cnt - 1].to_day * DAY_MS : 0;
	case PHASE_ACTIVE:
	case PHASE_CNT:
		break;
	}
	return 0;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When the aging began whose caps are asked for: a late call may belong to one that has ended. */
static int64_t aging_begin_ms(const struct turn *t)
{
	const struct life *l = &t->state->life;
	return t->state->phase.phase != PHASE_AGING && l->before == PHASE_AGING ? l->before_ms : t->state->phase.since_ms;
}

struct event_caps phase_caps(const struct turn *t, enum phase p, int64_t day)
{
	const struct policy *c = t->policy;
	int64_t begin_ms = aging_begin_ms(t);
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
	} else if (p == PHASE_AGING) {
		/* the first call was on day 1 */
		caps.daily_max = policy_aging_max(c, begin_ms == TIME_NONE ? 1 : day - judge_local_day(t, begin_ms) + 1);
		caps.known_contacts_only = c->aging_known;
	}
	return caps;
}

/* ---- what a number is ---- */

/* The day that `today` shows: that of the turn, or one with calls, or that on which the phase began, whichever is the latest. */
static int64_t today_of(const struct turn *t, const struct life_day **counted)
{
	const struct phase_state *p = &t->state->phase;
	const struct life *l = &t->state->life;
	int64_t day = judge_local_day(t, p->since_ms);
	if (t->now_ms > p->since_ms && judge_local_day(t, t->now_ms) > day)
		day = judge_local_day(t, t->now_ms);
	*counted = NULL;
	for (uint32_t i = 0; i < l->day_cnt; i++)
		if (!l->days[i].before && l->days[i].day >= day) {
			day = l->days[i].day;
			*counted = &l->days[i];
		}
	return day;
}

static void describe_today(const struct turn *t, struct event_number *n)
{
	const struct life_day *counted;
	int64_t day = today_of(t, &counted);
	n->caps = phase_caps(t, n->phase, day);
	n->today = judge_day_text((struct turn *)t, day);
	n->today_calls = counted ? (int32_t)counted->calls : 0;
	if (n->caps.daily_max >= 0)
		n->today_left = n->today_calls < n->caps.daily_max ? n->caps.daily_max - n->today_calls : 0;
}

void phase_describe(const struct turn *t, struct event *out)
{
	const struct phase_state *p = &t->state->phase;
	struct slice *names = arena_alloc(&t->s->arena, ALERTS_MAX * sizeof *names);
	struct health h;
	figures_health(t->figures, &h);
	*out = turn_event(t, EVENT_NUMBER, later(p->since_ms == TIME_NONE ? 0 : p->since_ms, t->now_ms));
	out->number = (struct event_number){
		.phase = p->phase,
		.tombstone = p->phase == PHASE_ACTIVE,
		.phase_since_ms = p->since_ms,
		.until_ms = p->until_ms,
		.caps = phase_caps(t, PHASE_ACTIVE, 0),
		.today = SLICE_NONE,
		.today_left = -1,
		.health = h.of[HEALTH_ALL],
		.maturity = h.of[HEALTH_MATURITY],
		.connection = h.of[HEALTH_CONNECTION],
		.engagement = h.of[HEALTH_ENGAGEMENT],
		.sentiment = h.of[HEALTH_SENTIMENT],
		.contacts_incomplete = t->state->contacts.incomplete,
		.open_alerts = names,
		.open_alert_cnt = state_firing(t->state, names),
		.flags = flags_copy(t),
		.flag_cnt = t->state->flag_cnt,
	};
	if (p->phase != PHASE_ACTIVE)
		describe_today(t, &out->number);
	for (uint32_t i = 0; i < out->number.open_alert_cnt; i++) /* the record's bytes may go before the event does */
		names[i] = arena_copy(&t->s->arena, names[i]);
}

void phase_turn_end(struct turn *t)
{
	struct event e;
	if (!t->say_number)
		return;
	t->say_number = false;
	phase_describe(t, &e);
	turn_say(t, &e);
}

/* ---- a change ---- */

/* Days counted so far are those of the phase before; those of the one before that are forgotten. */
static void turn_days(struct life *l)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < l->day_cnt; i++)
		if (!l->days[i].before) {
			l->days[kept] = l->days[i];
			l->days[kept].before = true;
			l->days[kept++].end_ms = TIME_NONE;
		}
	l->day_cnt = kept;
}

/* Whoever answered in the last 31 days, besides those known from an episode before. */
static void freeze_contacts(struct turn *t)
{
	struct contact found[CONTACTS_MAX];
	struct contact_rest rest;
	struct contacts *c = &t->state->contacts;
	uint32_t n = figures_contacts(t->figures, found, CONTACTS_MAX, &rest);
	for (uint32_t i = n; i-- > 0;)
		contacts_add(c, found[i].called);
	if (!rest.complete || rest.more)
		c->incomplete = true;
}

static void enter(struct turn *t, enum phase to)
{
	struct life *l = &t->state->life;
	const struct phase_state *p = &t->state->phase;
	bool blocks = t->managed && (to == PHASE_LIMITED || to == PHASE_MODERATE);
	turn_days(l);
	l->block_ms = blocks ? p->since_ms : TIME_NONE;
	l->block_calls = l->block_answered = 0;
	if (to == PHASE_ACTIVE) {
		contacts_forget(&t->state->contacts);
		l->rest_first_ms = l->breach_ms = TIME_NONE;
		l->apart = 0;
		if (!t->s->policies->by_account)
			t->state->account = SLICE_NONE;
	}
}

void phase_change(struct turn *t, enum phase to, int64_t at_ms, struct ground g)
{
	struct phase_state *p = &t->state->phase;
	struct life *l = &t->state->life;
	enum phase from = p->phase;
	l->before = from;
	l->before_ms = from == PHASE_ACTIVE ? TIME_NONE : l->begin_ms;
	if (l->before_ms == TIME_NONE)
		l->before = PHASE_ACTIVE;
	p->phase = to;
	p->since_ms = l->begin_ms = at_ms;
	p->until_ms = to == PHASE_ACTIVE ? TIME_NONE : p->since_ms + duration_of(t->policy, to);
	t->state->changed = true;
	t->say_number = true;
	enter(t, to);

	struct event e = turn_event(t, EVENT_TRANSITION, p->since_ms);
	e.fingerprint = g.fingerprint;
	e.transition = (struct event_transition){.from = from,
						 .to = to,
						 .reason = g.reason,
						 .detail = g.detail,
						 .until_ms = p->until_ms,
						 .caps = phase_caps(t, to, judge_local_day(t, p->since_ms))};
	turn_say(t, &e);
	case_study_on_change(t, &e);
}

/* A phase never begins before the one that it follows. */
static int64_t not_before(const struct turn *t, int64_t at_ms)
{
	const struct phase_state *p = &t->state->phase;
	return p->since_ms == TIME_NONE ? at_ms : later(at_ms, p->since_ms);
}

/* Into rest, from any phase but rest: there nothing happens but a note in the history. */
static void quarantine(struct turn *t, int64_t at_ms, int64_t longest_ms, struct ground g)
{
	struct phase_state *p = &t->state->phase;
	if (p->phase == PHASE_REST) {
		history_again(t, at_ms, g.reason, g.detail);
		return;
	}
	at_ms = not_before(t, at_ms);
	p->episode++;
	p->longest_ms = longest_ms;
	phase_change(t, PHASE_REST, at_ms, g);
	t->state->life.rest_first_ms = at_ms;
	t->state->life.breach_ms = TIME_NONE;
	if (t->managed)
		freeze_contacts(t);
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
	int64_t at_ms = not_before(t, t->now_ms);
	p->hold_ms = at_ms + later(p->longest_ms, t->policy->hold_ms);
	p->longest_ms = 0;
	phase_change(t, PHASE_ACTIVE, at_ms, (struct ground){"command", note, 0});
	return true;
}

/* It begins at the start of that call, so that the call is the first of its day. */
void phase_on_first_call(struct turn *t, int64_t start_ms)
{
	if (t->policy->aging && t->managed && t->state->phase.phase == PHASE_ACTIVE && t->state->phase.episode == 0)
		phase_change(t, PHASE_AGING, start_ms, (struct ground){"timer", SLICE_LIT("first call"), 0});
}

/* ---- the end of a phase ---- */

/* What keeps a number from being active again, as members of a JSON object; nothing: it may pass. */
static void gate_missing(const struct turn *t, int64_t at_ms, struct buf *out)
{
	const struct life *l = &t->state->life;
	const struct policy *c = t->policy;
	struct health h;
	figures_health(t->figures, &h);
	int32_t health = h.of[HEALTH_ALL];
	if (health >= 0 && health < c->health_min)
		buf_printf(out, "\"health\":%d,\"health_min\":%lld,", health, (long long)c->health_min);
	if (t->state->flag_cnt)
		buf_printf(out, "\"open_flags\":%u,", t->state->flag_cnt);
	if (health < 0 && l->breach_ms != TIME_NONE && l->breach_ms > at_ms - BREACH_MEMORY_MS) {
		char text[TIME_TEXT_BYTES];
		buf_printf(out, "\"health\":-1,\"last_breach\":\"%s\",", time_format(l->breach_ms, text));
	}
}

static void ask_again(struct turn *t, struct buf *missing)
{
	struct phase_state *p = &t->state->phase;
	int64_t at_ms = p->until_ms;
	missing->data[missing->len - 1] = '}';
	struct slice detail = arena_printf(&t->s->arena, "{%.*s", (int)missing->len, (const char *)missing->data);
	p->until_ms += t->policy->again_ms;
	t->state->changed = true;
	t->say_number = true;
	advise(t, "reputation_not_improved", detail, at_ms);
}

static void leave_moderate(struct turn *t, struct ground g)
{
	struct buf missing = {0};
	gate_missing(t, t->state->phase.until_ms, &missing);
	if (missing.len)
		ask_again(t, &missing);
	else
		phase_change(t, PHASE_ACTIVE, t->state->phase.until_ms, g);
	buf_release(&missing);
}

void phase_on_end(struct turn *t)
{
	struct phase_state *p = &t->state->phase;
	struct ground g = {"timer", SLICE_NONE, 0};
	int64_t first_ms = t->state->life.rest_first_ms;
	if (p->phase == PHASE_REST) {
		phase_change(t, t->managed ? PHASE_LIMITED : PHASE_ACTIVE, p->until_ms, g);
		t->state->life.rest_first_ms = first_ms; /* a late call may bring the rest back; not so after a release */
	} else if (p->phase == PHASE_LIMITED)
		phase_change(t, PHASE_MODERATE, p->until_ms, g);
	else if (p->phase == PHASE_MODERATE && t->managed)
		leave_moderate(t, g);
	else if (p->phase != PHASE_ACTIVE)
		phase_change(t, PHASE_ACTIVE, p->until_ms, g);
}
