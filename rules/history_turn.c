/* SPDX-License-Identifier: Apache-2.0 */
/* What a turn adds to the history of its number, and whether that is kept. */
#include "rules/turn.h"

void history_add(struct turn *t, const struct history_entry *e)
{
	if (t->subject->kind != SUBJECT_NUMBER || (t->policy && !t->managed))
		return;
	history_stage_entry(&t->s->history, e);
	if (t->state->episode.number) {
		episode_count(&t->state->episode, e);
		t->state->changed = true;
	}
}

void history_alert(struct turn *t, enum event_kind kind, const struct event_alert *a, int64_t at_ms)
{
	if (kind != EVENT_ALERT_RAISED && kind != EVENT_ALERT_RESOLVED)
		return;
	bool raised = kind == EVENT_ALERT_RAISED;
	history_add(
		t,
		&(struct history_entry){
			.time_ms = at_ms,
			.kind = raised ? HISTORY_ALERT_RAISED : HISTORY_ALERT_RESOLVED,
			.alert = {a->rule, a->severity, a->mode, a->rule_source, a->since_ms, {a->figures, raised ? a->figure_cnt : 0}}});
}

void history_flag(struct turn *t, bool opened, const struct event_flag *f, struct slice by, struct slice note, int64_t at_ms)
{
	history_add(t, &(struct history_entry){.time_ms = at_ms,
					       .kind = opened ? HISTORY_FLAG_OPENED : HISTORY_FLAG_CLEARED,
					       .flag = {f->provider, f->carrier, f->label, by, SLICE_NONE, note, f->since_ms}});
}

void history_violation(struct turn *t, const struct event *said, int64_t day)
{
	const struct event_violation *v = &said->violation;
	history_add(t, &(struct history_entry){.time_ms = said->time_ms,
					       .kind = HISTORY_VIOLATION,
					       .violation = {.phase = v->phase,
							     .policy = slice_of(v->policy),
							     .day = day,
							     .limit = v->limit,
							     .value = v->value,
							     .consequence = v->consequence}});
}

void history_again(struct turn *t, int64_t at_ms, const char *reason, struct slice detail)
{
	history_add(t, &(struct history_entry){.time_ms = at_ms,
					       .kind = HISTORY_NOTE,
					       .note = {arena_printf(&t->s->arena, "quarantine asked for again by a %s: " SLICE_FMT, reason,
								     SLICE_ARG(detail)),
							t->by}});
}

/* ---- days ---- */

#define DAY_WAITS_MS (6 * HOUR_MS) /* a day is told so long after its end: late calls belong to it */

/* What the phase judged of that day, if it is known still. */
static void add_day(struct turn *t, const struct day_total *total)
{
	struct history_day d = {.day = total->day,
				.calls = (int64_t)total->calls,
				.answered = (int64_t)total->answered,
				.talk_s = (int64_t)(total->talk_ms / 1000)};
	for (uint32_t i = 0; i < t->state->life.day_cnt; i++) {
		const struct life_day *l = &t->state->life.days[i];
		if (l->day == d.day) {
			d.judged += l->calls;
			d.unknown += l->fresh;
		}
	}
	history_stage_day(&t->s->history, &d);
	episode_count_day(&t->state->episode, &d);
	t->state->changed = true;
}

/* The days up to `last` that are not told yet. */
static void tell_days(struct turn *t, int64_t last)
{
	struct history_head *h = &t->state->history;
	struct day_total days[DAY_TOTALS_MAX];
	if (last <= h->told_day)
		return;
	uint32_t n = figures_days(t->figures, t->zone, days);
	for (uint32_t i = 0; i < n; i++)
		if (days[i].day > h->told_day && days[i].day <= last && days[i].calls > 0)
			add_day(t, &days[i]);
	h->told_day = (int32_t)last;
}

void history_tell_days(struct turn *t)
{
	if (t->state->episode.number)
		tell_days(t, judge_local_day(t, t->now_ms - DAY_WAITS_MS) - 1);
}

void history_tell_today(struct turn *t)
{
	tell_days(t, judge_local_day(t, t->now_ms));
}

void history_tell_past_days(struct turn *t, int64_t at_ms)
{
	struct day_total days[DAY_TOTALS_MAX];
	uint32_t n = figures_days(t->figures, t->zone, days);
	int64_t told = t->state->history.told_day; /* in an episode before: as they ended, when the record knew them call by call */
	t->state->history.told_day = (int32_t)judge_local_day(t, at_ms) - 1;
	for (uint32_t i = 0; i < n; i++) {
		const struct history_day d = {.day = days[i].day,
					      .calls = (int64_t)days[i].calls,
					      .answered = (int64_t)days[i].answered,
					      .talk_s = (int64_t)(days[i].talk_ms / 1000)};
		if (d.calls == 0 || days[i].partly)
			continue;
		episode_count_past_day(&t->state->episode, &d);
		if (d.day > told)
			history_stage_day(&t->s->history, &d);
	}
}

static bool flagged_from_outside(const struct state *s)
{
	for (uint32_t i = 0; i < s->flag_cnt; i++)
		if (!slice_is(s->flags[i].provider, FLAG_OF_RULES))
			return true;
	return false;
}

void history_turn_end(struct turn *t)
{
	struct history_stage *s = &t->s->history;
	const struct state *now = t->state;
	if (s->cnt + s->day_cnt + s->has_row == 0 || !(s->keep || history_in_episode(now->phase.phase) || flagged_from_outside(now)))
		return;
	history_place(s, &t->state->history, now->phase.episode != t->episode_before);
	t->state->changed = true;
}
