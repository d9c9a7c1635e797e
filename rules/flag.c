/* SPDX-License-Identifier: Apache-2.0 */
/* Flags on a number: those that commands open and clear, and those of rules with `action: flag`.
 *
 * DESIGN. A flag is provider, carrier and label; one that is open is not opened again, and clearing one that is not open does nothing, so a command
 * that comes twice acts once. A rule's flag has the provider "ringfence" and the rule's name as label: it is opened when the alert is raised and
 * closed when the alert is resolved; what a command clears before that stays closed until the alert is raised anew.
 *
 * PLACES. Policy and dispute steps by flag, the checklist of test calls, and the gate at the end of moderate come with a later part. */
#include "rules/turn.h"

#define RULE_BY "rule"

_Static_assert(RULE_NAME_MAX <= FLAG_LABEL_MAX, "a rule's name is the label of its flag");

enum rules_flagged flag_on_open(struct turn *t, const struct event_flag *flag)
{
	if (!state_flag_open(t->state, flag))
		return FLAG_NO_ROOM;
	if (!t->state->changed)
		return FLAG_KNOWN;
	history_flag(t, true, flag, flag->by, SLICE_NONE, flag->since_ms);
	return FLAG_OPENED;
}

void flag_on_raised(struct turn *t, const struct rule *rule, int64_t at_ms)
{
	const struct event_flag f = {
		.provider = SLICE_LIT(FLAG_OF_RULES), .label = rule->name, .by = SLICE_LIT(RULE_BY), .since_ms = at_ms};
	if (t->subject->kind != SUBJECT_NUMBER)
		return;
	uint32_t before = t->state->flag_cnt;
	if (!state_flag_open(t->state, &f))
		t->s->counts.not_flagged++;
	else if (t->state->flag_cnt > before)
		history_flag(t, true, &f, f.by, SLICE_NONE, at_ms);
}

void flag_on_clear(struct turn *t, const struct event_flag *match, int64_t at_ms)
{
	for (uint32_t i = 0; i < t->state->flag_cnt; i++)
		if (state_flag_matches(match, &t->state->flags[i]))
			history_flag(t, false, &t->state->flags[i], match->by, SLICE_NONE, at_ms);
	state_flag_close(t->state, match);
}

/* Rules of one name (their labels differ) have one flag: it is open as long as one of them fires. */
void flag_on_resolved(struct turn *t, const struct alert *a, int64_t at_ms)
{
	const struct event_flag f = {
		.provider = SLICE_LIT(FLAG_OF_RULES), .carrier = SLICE_LIT(""), .label = a->name, .by = SLICE_LIT(RULE_BY)};
	for (uint32_t i = 0; i < t->state->alert_cnt && t->state->flag_cnt > 0; i++) {
		const struct alert *other = &t->state->alerts[i];
		if (other != a && !other->over && other->firing && !other->shadow && slice_eq(other->name, a->name))
			return;
	}
	flag_on_clear(t, &f, at_ms);
}

const struct event_flag *flags_copy(const struct turn *t)
{
	struct arena *a = &t->s->arena;
	struct event_flag *flags = arena_alloc(a, (t->state->flag_cnt + 1) * sizeof *flags);
	for (uint32_t i = 0; i < t->state->flag_cnt; i++) {
		const struct event_flag *f = &t->state->flags[i];
		flags[i] = (struct event_flag){arena_copy(a, f->provider), arena_copy(a, f->carrier), arena_copy(a, f->label),
					       arena_copy(a, f->by), f->since_ms};
	}
	return flags;
}
