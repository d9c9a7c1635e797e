/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the dispute calendar of a number (DESIGN section 9), and what is said of it.
 *
 *   planned ─ its day ─► due ─ dispute-sent ─► sent ─ no reply for follow_up days ─► follow_up_due ─ dispute-sent ─► sent …
 *      any of these ─ dispute-reply ─► answered        any of these ─ the episode ends, its flag is cleared ─► closed
 *
 * DESIGN. A quarantine opens all enabled providers, in the order of the table, `day` days behind its beginning each; a flag opens the steps of its row, the
 * first of them at once and the others as far behind it as their days are apart; a quarantine by a flag opens the flag's steps alone. A step that is open
 * stays as it is when something else opens it too, and is open as long as one of these lasts; one that is over begins again. What is planned is not said:
 * `due` is said on its day, by the timer "dispute", or at once with what opened it.
 *
 * The end of an episode, good (the gate passed) or by release, closes what it opened; steps that an open flag asks for stay. A relapse ends nothing. A
 * provider that is asked only if necessary is closed on its day in place of being due, if no other step is open and none was refused.
 *
 * GUARANTEES. The time of a step goes forward: what comes late counts as of its last change. No timer is left at or before the shard's clock: what was due
 * by then is said in the same turn, as of when it was due. An event's id has the step, so steps of one cause do not share one. */
#include "rules/turn.h"

#define FOLLOW_UP_DAYS 7 /* of a provider that has gone from the table */
#define NOTE_MAX 4096

/* What an event says besides what the step says. */
struct said {
	struct slice note, outcome;
};

static bool keeps_disputes(const struct turn *t)
{
	return t->subject->kind == SUBJECT_NUMBER && t->managed && t->providers && t->providers->cnt;
}

static const struct provider *provider_of(const struct turn *t, struct slice id)
{
	uint32_t i = t->providers ? providers_find(t->providers, id) : PROVIDER_NONE;
	return i == PROVIDER_NONE ? NULL : &t->providers->of[i];
}

static void say(struct turn *t, const struct dispute_step *s, struct said with)
{
	struct arena *a = &t->s->arena;
	const struct provider *p = provider_of(t, s->id);
	struct slice id = arena_copy(a, s->id); /* the record's bytes may go before the event does */
	struct event e = turn_event(t, EVENT_DISPUTE, s->changed_ms);
	e.step = id.p;
	e.dispute = (struct event_dispute){.step = id,
					   .target = p ? arena_copy(a, p->name) : id,
					   .state = step_state_name(s->state),
					   .due_ms = step_over(s) ? TIME_NONE : s->due_ms,
					   .note = with.note.len ? arena_copy(a, with.note) : SLICE_NONE,
					   .outcome = with.outcome.len ? arena_copy(a, with.outcome) : SLICE_NONE};
	turn_say(t, &e);
	const struct event_dispute *d = &e.dispute;
	history_add(
		t, &(struct history_entry){.time_ms = s->changed_ms,
					   .kind = HISTORY_DISPUTE,
					   .dispute = {d->step, d->target, slice_of(d->state), with.outcome, t->by, with.note, d->due_ms}});
}

static void move(struct turn *t, struct dispute_step *s, enum step_state to, int64_t at_ms)
{
	s->state = to;
	s->outcome = OUTCOME_NONE;
	s->changed_ms = at_ms > s->changed_ms ? step_time(at_ms) : s->changed_ms;
	s->changes += s->changes < STEP_COUNT_MAX;
	t->state->changed = true;
}

static void close_step(struct turn *t, struct dispute_step *s, int64_t at_ms, const char *note)
{
	move(t, s, STEP_CLOSED, at_ms);
	say(t, s, (struct said){.note = slice_of(note)});
}

/* ---- time ---- */

static bool is_needed(const struct turn *t, const struct dispute_step *s)
{
	const struct disputes *d = &t->state->disputes;
	for (uint32_t i = 0; i < d->cnt; i++)
		if (&d->of[i] != s && (!step_over(&d->of[i]) || d->of[i].outcome == OUTCOME_REFUSED))
			return true;
	return false;
}

static void become_due(struct turn *t, struct dispute_step *s)
{
	const struct provider *p = provider_of(t, s->id);
	if (p && p->if_necessary && !is_needed(t, s)) {
		close_step(t, s, s->due_ms, "not necessary: no other step is open, and none was refused");
		return;
	}
	move(t, s, STEP_DUE, s->due_ms);
	say(t, s, (struct said){.note = !p ? SLICE_NONE : p->form.p ? p->form : p->contact});
}

static void ask_again(struct turn *t, struct dispute_step *s)
{
	move(t, s, STEP_FOLLOW_UP, s->due_ms);
	say(t, s, (struct said){.note = SLICE_LIT("no reply is recorded: ask again")});
}

/* Of what waits, the one due first; of the same time, in the order of the table, then of ids. */
static struct dispute_step *first_due(struct turn *t)
{
	struct disputes *d = &t->state->disputes;
	struct dispute_step *first = NULL;
	uint32_t first_place = 0;
	for (uint32_t i = 0; i < d->cnt; i++) {
		struct dispute_step *s = &d->of[i];
		uint32_t place = t->providers ? providers_find(t->providers, s->id) : PROVIDER_NONE;
		if (!step_waits(s) || (first && (s->due_ms > first->due_ms || (s->due_ms == first->due_ms && place >= first_place))))
			continue;
		first = s;
		first_place = place;
	}
	return first;
}

static void let_time_pass(struct turn *t, int64_t to_ms)
{
	struct dispute_step *s;
	while ((s = first_due(t)) && s->due_ms <= to_ms) {
		if (s->state == STEP_PLANNED)
			become_due(t, s);
		else
			ask_again(t, s);
	}
}

void dispute_on_timer(struct turn *t)
{
	let_time_pass(t, t->now_ms);
}

/* ---- opening ---- */

static int32_t first_day(const struct providers *p, uint32_t steps)
{
	int32_t day = INT32_MAX;
	for (uint32_t i = 0; i < p->cnt; i++)
		if (steps >> i & 1 && p->of[i].day < day)
			day = p->of[i].day;
	return day;
}

static void open_step(struct turn *t, struct slice id, int64_t at_ms, int64_t due_ms, bool of_flag)
{
	struct disputes *d = &t->state->disputes;
	struct dispute_step *s = disputes_find(d, id);
	if (!s && !(s = disputes_add(d, id))) {
		t->s->counts.not_disputed++;
		return;
	}
	if (s->round == 0 || step_over(s)) {
		int64_t from_ms = s->changed_ms > at_ms ? s->changed_ms : step_time(at_ms);
		*s = (struct dispute_step){.id = s->id,
					   .state = STEP_PLANNED,
					   .round = s->round + (s->round < STEP_COUNT_MAX),
					   .changed_ms = from_ms,
					   .due_ms = due_ms > from_ms ? step_time(due_ms) : from_ms};
	}
	s->of_flag = s->of_flag || of_flag;
	s->of_episode = s->of_episode || !of_flag;
	t->state->changed = true;
}

static void open_steps(struct turn *t, uint32_t steps, int64_t at_ms, bool of_flag)
{
	if (!keeps_disputes(t))
		return;
	const struct providers *p = t->providers;
	int32_t from = first_day(p, steps);
	for (uint32_t i = 0; i < p->cnt; i++)
		if (steps >> i & 1)
			open_step(t, p->of[i].id, at_ms, at_ms + (p->of[i].day - from) * DAY_MS, of_flag);
	let_time_pass(t, t->fired_ms);
}

/* ---- closing ---- */

/* The steps that the open flags ask for. */
static uint32_t asked_by_flags(const struct turn *t)
{
	uint32_t steps = 0;
	for (uint32_t i = 0; i < t->state->flag_cnt; i++)
		if (!slice_is(t->state->flags[i].provider, FLAG_OF_RULES))
			steps |= providers_on_flag(t->providers, &t->state->flags[i]).steps;
	return steps;
}

/* Flags are gone, or the episode is: what neither asks for any more is closed. In the order of the table, what is not in it last. */
static void close_steps(struct turn *t, int64_t at_ms, bool episode_over, const char *note)
{
	struct disputes *d = &t->state->disputes;
	if (d->cnt == 0 || !t->providers)
		return;
	uint32_t asked = asked_by_flags(t);
	for (uint32_t place = 0; place <= t->providers->cnt; place++)
		for (uint32_t i = 0; i < d->cnt; i++) {
			struct dispute_step *s = &d->of[i];
			uint32_t who = providers_find(t->providers, s->id);
			bool flagged = who != PROVIDER_NONE && (asked >> who & 1), was = s->of_flag || s->of_episode;
			if ((who == PROVIDER_NONE ? t->providers->cnt : who) != place || step_over(s) || !was)
				continue;
			bool of_episode = s->of_episode && !episode_over;
			t->state->changed = t->state->changed || flagged != s->of_flag || of_episode != s->of_episode;
			s->of_flag = flagged;
			s->of_episode = of_episode;
			if (!flagged && !of_episode)
				close_step(t, s, at_ms, note);
		}
}

void dispute_on_clear(struct turn *t, int64_t at_ms)
{
	close_steps(t, at_ms, false, "its flag was cleared");
}

static bool in_episode(enum phase p)
{
	return p == PHASE_REST || p == PHASE_LIMITED || p == PHASE_MODERATE;
}

void dispute_turn_end(struct turn *t)
{
	const struct phase_state *p = &t->state->phase;
	if (p->episode > t->episode_before && keeps_disputes(t))
		open_steps(t, t->by_flag ? t->flag_steps : providers_calendar(t->providers), p->since_ms, false);
	if (t->flagged)
		open_steps(t, t->flag_steps, t->now_ms, true);
	if (in_episode(t->phase_before) && p->phase == PHASE_ACTIVE)
		close_steps(t, p->since_ms, true, "the episode is over");
}

/* ---- commands ---- */

struct dispute_step *dispute_find(struct turn *t, struct slice name)
{
	struct dispute_step *s = disputes_find(&t->state->disputes, name);
	uint32_t who = s || !t->providers ? PROVIDER_NONE : providers_named(t->providers, name);
	return who == PROVIDER_NONE ? s : disputes_find(&t->state->disputes, t->providers->of[who].id);
}

static void wait_for_reply(struct turn *t, struct dispute_step *s, int64_t at_ms)
{
	const struct provider *p = provider_of(t, s->id);
	move(t, s, STEP_SENT, at_ms);
	s->due_ms = step_time(s->changed_ms + (p ? p->follow_up_days : FOLLOW_UP_DAYS) * DAY_MS);
}

void dispute_on_sent(struct turn *t, struct dispute_step *s, struct slice note)
{
	wait_for_reply(t, s, t->now_ms);
	say(t, s, (struct said){.note = note});
	let_time_pass(t, t->fired_ms);
}

void dispute_on_reply(struct turn *t, struct dispute_step *s, struct slice outcome, struct slice note)
{
	if (slice_is(outcome, "pending")) {
		wait_for_reply(t, s, t->now_ms);
	} else if (slice_is(outcome, "withdrawn")) {
		move(t, s, STEP_CLOSED, t->now_ms);
	} else {
		move(t, s, STEP_ANSWERED, t->now_ms);
		s->outcome = slice_is(outcome, "accepted")  ? OUTCOME_ACCEPTED
			     : slice_is(outcome, "refused") ? OUTCOME_REFUSED
							    : OUTCOME_OTHER;
	}
	say(t, s, (struct said){.note = note, .outcome = outcome});
	let_time_pass(t, t->fired_ms);
}
