/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/may_call.h"

#include "rules/turn.h"

/* Phases that would have ended by now: the next one begins where they end, with no call counted. */
static void catch_up(struct turn *t, int64_t now_ms)
{
	struct phase_state *p = &t->state->phase;
	while (p->until_ms != TIME_NONE && p->until_ms <= now_ms) {
		if (p->phase == PHASE_MODERATE)
			return;
		bool on = t->managed && (p->phase == PHASE_REST || p->phase == PHASE_LIMITED);
		p->phase = !on ? PHASE_ACTIVE : p->phase == PHASE_REST ? PHASE_LIMITED : PHASE_MODERATE;
		p->since_ms = p->until_ms;
		p->until_ms = !on                         ? TIME_NONE
			      : p->phase == PHASE_LIMITED ? p->since_ms + t->policy->limited_ms
							  : p->since_ms + t->policy->moderate_ms;
		t->state->life.day_cnt = 0;
	}
}

static const struct life_day *counted_on(const struct life *l, int64_t day)
{
	for (uint32_t i = 0; i < l->day_cnt; i++)
		if (l->days[i].day == day && !l->days[i].before)
			return &l->days[i];
	return NULL;
}

static void forbid(struct may_call *out, enum violation v, int64_t changes_ms)
{
	out->allowed = false;
	out->policy = violation_name(v);
	out->changes_ms = changes_ms;
}

static void answer(struct turn *t, struct slice called, uint64_t packed, struct may_call *out)
{
	const struct phase_state *p = &t->state->phase;
	const struct life_day *d = counted_on(&t->state->life, out->day);
	struct event_caps caps = phase_caps(t, p->phase, out->day);
	uint32_t calls = d ? d->calls : 0, fresh = d ? d->fresh : 0;
	int64_t midnight_ms = judge_day_begin_ms(t, out->day + 1);
	if (p->until_ms != TIME_NONE && p->until_ms < midnight_ms && p->phase != PHASE_MODERATE)
		midnight_ms = p->until_ms;
	out->calls = (int32_t)calls;
	out->known = judge_is_known(t, called, packed);
	out->left = caps.daily_max < 0 ? -1 : (int32_t)calls < caps.daily_max ? caps.daily_max - (int32_t)calls : 0;
	out->changes_ms = caps.daily_max < 0 ? TIME_NONE : midnight_ms;
	if (judge_is_apart(t, &called, 1))
		return;
	if (p->phase == PHASE_REST)
		forbid(out, VIOLATION_NO_CALLS, p->until_ms);
	else if (out->left == 0)
		forbid(out, VIOLATION_DAILY_CAP, midnight_ms);
	else if (caps.known_contacts_only == 1 && !out->known && !t->state->contacts.incomplete)
		forbid(out, VIOLATION_UNKNOWN_CONTACT, p->until_ms);
	out->share_in_danger = out->allowed && caps.new_contact_share_max >= 0 && !out->known && !t->state->contacts.incomplete &&
			       calls + 1 >= SHARE_CALLS_MIN && (double)(fresh + 1) > caps.new_contact_share_max * (double)(calls + 1);
}

enum err rules_may_call(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct slice called,
			uint64_t packed, int64_t now_ms, struct may_call *out, struct err_text *why)
{
	struct turn t = {.s = s, .rules = r, .subject = subject, .now_ms = now_ms, .fired_ms = now_ms, .state = &s->state};
	*out = (struct may_call){.allowed = true, .left = -1, .changes_ms = TIME_NONE};
	enum err e = state_decode(subject->state, subject->state_len, t.state, why);
	if (e)
		return e;
	turn_find_policy(&t, NULL);
	catch_up(&t, now_ms);
	out->phase = t.state->phase.phase;
	out->day = judge_local_day(&t, now_ms);
	if (out->phase != PHASE_ACTIVE)
		answer(&t, called, packed, out);
	return ERR_OK;
}
