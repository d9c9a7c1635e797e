/* SPDX-License-Identifier: Apache-2.0 */
/* A call against the policy of the phase that it was made in (DESIGN section 9).
 *
 * DESIGN. A call belongs to the phase in force at its event time, and is judged if it started in it too. It counts on the local day of its start. Of each
 * policy, day and phase the first breach is said; every breach has its consequence.
 *
 * GUARANTEES. What is not judged changes nothing but a counter. Late calls are judged by the present phase or by the one before it, whose days are kept
 * apart. A phase that has ended is not revived, but for a rest: the number is back in it from the time of that call on. */
#include "rules/turn.h"

#include <assert.h>

#define TOLD_BEYOND_CAP 20 /* calls of a day above the cap, after each of which the number is said */

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t offset_ms(uint16_t zone, int64_t utc_ms)
{
	const struct rules_world *w = rules_world();
	return zone && w && w->zone_offset_s ? w->zone_offset_s(zone, utc_ms) * SECOND_MS : 0;
}

int64_t judge_local_day(const struct turn *t, int64_t ms)
{
	return utc_day(ms + offset_ms(t->zone, ms));
}

/* The first moment of a local day. */
int64_t judge_day_begin_ms(const struct turn *t, int64_t day)
{
	const struct rules_world *w = rules_world();
	return t->zone && w && w->zone_day_begin_ms ? w->zone_day_begin_ms(t->zone, day) : day * DAY_MS;
}

struct slice judge_day_text(struct turn *t, int64_t day)
{
	int64_t year;
	int month, of_month;
	days_to_civil(day, &year, &month, &of_month);
	return arena_printf(&t->s->arena, "%04d-%02d-%02d", (int)year, month, of_month);
}

/* ---- what becomes of a breach ---- */

static int64_t rest_until(const struct turn *t, int64_t at_ms)
{
	const struct life *l = &t->state->life;
	int64_t until_ms = at_ms + t->policy->rest_ms, most_ms = l->rest_first_ms + t->policy->rest_most_ms;
	return l->rest_first_ms != TIME_NONE && until_ms > most_ms ? most_ms : until_ms;
}

static void say_transition(struct turn *t, enum phase from, const struct judged *j)
{
	const struct phase_state *p = &t->state->phase;
	struct event e = turn_event(t, EVENT_TRANSITION, j->at_ms);
	e.step = "restart";
	e.transition = (struct event_transition){.from = from,
						 .to = p->phase,
						 .reason = "violation",
						 .detail = slice_of(violation_name(j->what)),
						 .until_ms = p->until_ms,
						 .caps = phase_caps(t, p->phase, judge_local_day(t, p->since_ms))};
	turn_say(t, &e);
	case_study_on_change(t, &e);
}

/* The rest begins again. Its days go on: this is no beginning for them. */
static void restart(struct turn *t, const struct judged *j, bool first)
{
	struct phase_state *p = &t->state->phase;
	p->since_ms = later(p->since_ms, j->at_ms);
	p->until_ms = later(p->until_ms, rest_until(t, j->at_ms));
	if (first)
		say_transition(t, p->phase, j);
}

/* A late call in a rest that has ended meanwhile: what followed has not been. */
static void go_back(struct turn *t, const struct judged *j, int64_t since_ms, int64_t until_ms)
{
	struct phase_state *p = &t->state->phase;
	struct life *l = &t->state->life;
	enum phase from = p->phase;
	if (until_ms <= p->since_ms) /* at the most that a rest may last: it ended when it ended */
		return;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < l->day_cnt; i++)
		if (l->days[i].before) {
			l->days[kept] = l->days[i];
			l->days[kept++].before = false;
		}
	l->day_cnt = kept;
	l->block_ms = TIME_NONE;
	l->block_calls = l->block_answered = 0;
	t->say_number = true;
	p->phase = PHASE_REST;
	l->begin_ms = l->before_ms;
	l->before_ms = TIME_NONE;
	l->before = PHASE_ACTIVE;
	p->since_ms = since_ms;
	p->until_ms = until_ms;
	say_transition(t, from, j);
}

/* A rest that a release ended stays ended. */
static enum consequence consequence_of(const struct turn *t, const struct judged *j)
{
	bool over = j->before && t->state->life.rest_first_ms == TIME_NONE;
	return j->what == VIOLATION_NO_CALLS && !over ? (enum consequence)t->policy->rest_breach : CONSEQUENCE_ALERT;
}

static void say_violation(struct turn *t, const struct judged *j)
{
	struct event e = turn_event(t, EVENT_VIOLATION, j->at_ms);
	e.step = violation_name(j->what);
	e.episode -= j->before && t->state->phase.phase == PHASE_REST; /* what came before a rest belongs to the episode before */
	e.violation = (struct event_violation){.phase = j->phase,
					       .policy = violation_name(j->what),
					       .day = judge_day_text(t, j->day->day),
					       .limit = j->limit,
					       .value = j->value,
					       .consequence = slice_of(consequence_name(consequence_of(t, j)))};
	turn_say(t, &e);
	history_violation(t, &e, j->day->day);
}

void judge_breach(struct turn *t, const struct judged *j)
{
	struct phase_state *p = &t->state->phase;
	struct life *l = &t->state->life;
	enum consequence c = consequence_of(t, j);
	bool first = !(j->day->said >> j->what & 1);
	j->day->said |= (uint8_t)(1u << j->what);
	l->breach_ms = l->breach_ms == TIME_NONE ? j->at_ms : later(l->breach_ms, j->at_ms);
	t->state->changed = true;
	if (first) {
		t->say_number = true;
		say_violation(t, j);
	}
	if (c == CONSEQUENCE_EXTEND && !j->before)
		p->until_ms += t->policy->rest_extend_ms;
	else if (c == CONSEQUENCE_RESTART && !j->before)
		restart(t, j, first);
	else if (c == CONSEQUENCE_RESTART)
		go_back(t, j, j->at_ms, rest_until(t, j->at_ms));
	else if (c == CONSEQUENCE_EXTEND) /* it would have ended so much later */
		go_back(t, j, l->before_ms, p->since_ms + t->policy->rest_extend_ms);
}

/* ---- the day of a call ---- */

static int day_order(const struct life_day *a, int64_t day, bool before)
{
	return a->day != day ? (a->day > day ? 1 : -1) : before - a->before;
}

/* The counters of that day; made if they are not there. NULL: it is older than all that are kept. */
static struct life_day *day_of(struct turn *t, int64_t day, bool before)
{
	struct life *l = &t->state->life;
	uint32_t at = 0;
	while (at < l->day_cnt && day_order(&l->days[at], day, before) < 0)
		at++;
	if (at < l->day_cnt && day_order(&l->days[at], day, before) == 0)
		return &l->days[at];
	if (l->day_cnt == LIFE_DAYS) {
		if (at == 0)
			return NULL;
		memmove(&l->days[0], &l->days[1], (LIFE_DAYS - 1) * sizeof l->days[0]);
		l->day_cnt--;
		at--;
	}
	memmove(&l->days[at + 1], &l->days[at], (l->day_cnt - at) * sizeof l->days[0]);
	l->day_cnt++;
	int64_t end_ms = judge_day_begin_ms(t, day + 1);
	l->days[at] =
		(struct life_day){.day = (int32_t)day, .before = before, .end_ms = !before && end_ms > t->fired_ms ? end_ms : TIME_NONE};
	return &l->days[at];
}

bool judge_is_known(const struct turn *t, struct slice called, uint64_t packed)
{
	if (!packed || contacts_have(&t->state->contacts, packed)) /* of a call to nobody it cannot be told */
		return true;
	return !contacts_removed(&t->state->contacts, packed) &&
	       policy_lists_contact(t->s->policies, t->rules, t->subject->key, t->state->account, called);
}

bool judge_is_apart(const struct turn *t, const struct slice *called, size_t n)
{
	const struct policies *p = t->s->policies;
	for (size_t i = 0; i < n; i++)
		if (policy_texts_have(&p->emergency, t->rules, called[i]) || policy_texts_have(&p->test_numbers, t->rules, called[i]))
			return true;
	return false;
}

static bool is_apart(const struct turn *t, const struct cdr *call)
{
	const struct slice called[] = {call->called_number, call->called_number_raw, call->callee};
	return call->stir_verstat == VERSTAT_FAILED || judge_is_apart(t, called, sizeof called / sizeof *called);
}

/* ---- the policies of a phase ---- */

static struct value count_of(int64_t n)
{
	return (struct value){.type = VALUE_INT, .i = n};
}

static struct judged breach_of(const struct judged *base, enum violation what, struct value limit, struct value value)
{
	struct judged j = *base;
	j.what = what;
	j.limit = limit;
	j.value = value;
	return j;
}

static void judge_limits(struct turn *t, const struct cdr *call, const struct judged *base, bool known)
{
	struct life_day *d = base->day;
	struct event_caps caps = phase_caps(t, base->phase, d->day);
	if (base->phase == PHASE_REST) {
		struct judged j = breach_of(base, VIOLATION_NO_CALLS, count_of(0), count_of(d->calls));
		judge_breach(t, &j);
		return;
	}
	if (caps.daily_max >= 0 && d->calls > (uint32_t)caps.daily_max) {
		struct judged j = breach_of(base, VIOLATION_DAILY_CAP, count_of(caps.daily_max), count_of(d->calls));
		judge_breach(t, &j);
	}
	if (caps.known_contacts_only == 1 && !known && !t->state->contacts.incomplete) {
		struct judged j = breach_of(base, VIOLATION_UNKNOWN_CONTACT, count_of(0), count_of(d->fresh));
		judge_breach(t, &j);
	}
	if (caps.min_talk_s >= 0 && call->answered && call->talk_ms < caps.min_talk_s * SECOND_MS) {
		struct value talk = {.type = VALUE_DOUBLE, .d = (double)call->talk_ms / 1000.0};
		struct judged j = breach_of(base, VIOLATION_SHORT_CALL, count_of(caps.min_talk_s), talk);
		judge_breach(t, &j);
	}
}

static void count_call(struct turn *t, const struct cdr *call, const struct judged *base, bool known)
{
	struct life *l = &t->state->life;
	struct life_day *d = base->day;
	d->calls++;
	d->fresh += !known;
	if (!base->before && l->block_ms != TIME_NONE && call->event_ms > l->block_ms) {
		l->block_calls++;
		l->block_answered += call->answered;
	}
}

/* Whose phase the call was made in: 0 the present one, 1 the one before, -1 none of them. */
static int phase_at(const struct turn *t, const struct cdr *call)
{
	const struct life *l = &t->state->life;
	if (l->begin_ms != TIME_NONE && call->event_ms >= l->begin_ms)
		return t->state->phase.phase == PHASE_ACTIVE || call->start_ms < l->begin_ms ? -1 : 0;
	return l->before_ms != TIME_NONE && call->event_ms >= l->before_ms && call->start_ms >= l->before_ms ? 1 : -1;
}

/* After a judged call the number is said anew, so that a dialler can obey; far above the cap nobody does, and the end of the day says what came of it. */
bool judge_was_told(const struct turn *t, const struct life_day *d)
{
	struct event_caps caps = phase_caps(t, t->state->phase.phase, d->day);
	return caps.daily_max >= 0 && d->calls <= (uint32_t)caps.daily_max + TOLD_BEYOND_CAP;
}

void judge_call(struct turn *t, const struct cdr *call)
{
	struct life *l = &t->state->life;
	int where = phase_at(t, call);
	if (where < 0)
		return;
	t->state->changed = true;
	if (is_apart(t, call)) {
		l->apart++;
		return;
	}
	struct life_day old = {.day = (int32_t)judge_local_day(t, call->start_ms), .end_ms = TIME_NONE};
	struct judged base = {.at_ms = call->event_ms, .before = where == 1};
	base.phase = where == 1 ? l->before : t->state->phase.phase;
	base.day = day_of(t, old.day, base.before);
	if (!base.day) /* nothing is known of that day any more: as its first call */
		base.day = &old;
	bool known = judge_is_known(t, call->called_number, t->subject->called);
	count_call(t, call, &base, known);
	judge_limits(t, call, &base, known);
	t->say_number = t->say_number || judge_was_told(t, base.day);
	if (base.phase == PHASE_MODERATE && !base.before && !known && call->answered && t->subject->called &&
	    call->talk_ms >= t->policy->limited_talk_s * SECOND_MS)
		contacts_meet(&t->state->contacts, t->subject->called);
}
