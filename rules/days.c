/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of local days and of blocks of 7 x 24 hours: what is judged of them as a whole. */
#include "rules/turn.h"

#include <stdlib.h>

void advise(struct turn *t, const char *topic, struct slice detail_json, int64_t at_ms)
{
	struct event e = turn_event(t, EVENT_ADVISORY, at_ms);
	e.step = topic;
	e.advisory = (struct event_advisory){.topic = topic, .detail_json = detail_json};
	turn_say(t, &e);
	history_add(t, &(struct history_entry){.time_ms = at_ms, .kind = HISTORY_ADVISORY, .advisory = {slice_of(topic), detail_json}});
}

/* ---- days ---- */

static struct life_day *day_due(const struct turn *t, int64_t due_ms)
{
	struct life *l = &t->state->life;
	for (uint32_t i = 0; i < l->day_cnt; i++)
		if (l->days[i].end_ms == due_ms)
			return &l->days[i];
	return NULL;
}

bool day_end_due(const struct turn *t, int64_t due_ms)
{
	return day_due(t, due_ms) != NULL;
}

static void judge_share(struct turn *t, struct life_day *d, int64_t due_ms)
{
	double share = d->calls ? (double)d->fresh / (double)d->calls : 0;
	if (t->state->phase.phase != PHASE_MODERATE || d->calls < SHARE_CALLS_MIN || t->state->contacts.incomplete ||
	    share <= t->policy->moderate_new_share)
		return;
	const struct judged j = {.what = VIOLATION_NEW_CONTACT_SHARE,
				 .at_ms = due_ms,
				 .day = d,
				 .phase = PHASE_MODERATE,
				 .limit = {.type = VALUE_DOUBLE, .d = t->policy->moderate_new_share},
				 .value = {.type = VALUE_DOUBLE, .d = share}};
	judge_breach(t, &j);
}

/* At midnight, before a phase that ends with the day does. */
void day_on_end(struct turn *t, int64_t due_ms)
{
	struct life_day *d = day_due(t, due_ms);
	if (!d)
		return;
	d->end_ms = TIME_NONE;
	t->state->changed = true;
	t->say_number = !judge_was_told(t, d);
	judge_share(t, d, due_ms);
}

/* ---- blocks ---- */

bool block_end_due(const struct turn *t, int64_t due_ms)
{
	const struct life *l = &t->state->life;
	return l->block_ms != TIME_NONE && l->block_ms + BLOCK_MS == due_ms && due_ms <= t->state->phase.until_ms;
}

static struct slice block_detail(struct turn *t, const char *more, int64_t value)
{
	const struct life *l = &t->state->life;
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	return arena_printf(&t->s->arena, "{\"phase\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"calls\":%u,\"%s\":%lld}",
			    phase_name(t->state->phase.phase), time_format(l->block_ms, from), time_format(l->block_ms + BLOCK_MS, to),
			    l->block_calls, more, (long long)value);
}

void block_on_end(struct turn *t)
{
	struct life *l = &t->state->life;
	int64_t end_ms = l->block_ms + BLOCK_MS;
	bool limited = t->state->phase.phase == PHASE_LIMITED;
	int64_t least = 7 * (limited ? t->policy->limited_min : t->policy->moderate_min);
	if (l->block_calls < least)
		advise(t, "daily_minimum", block_detail(t, "minimum", least), end_ms);
	if (limited && l->block_calls >= LOW_ANSWER_MIN && 2 * l->block_answered < l->block_calls)
		advise(t, "low_answer", block_detail(t, "answered", l->block_answered), end_ms);
	l->block_ms = end_ms;
	l->block_calls = l->block_answered = 0;
	t->state->changed = true;
}
