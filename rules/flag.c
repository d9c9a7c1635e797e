/* SPDX-License-Identifier: Apache-2.0 */
/* Flags on a number: those that commands open and clear, and those of rules with `action: flag`.
 *
 * DESIGN. A flag is provider, carrier and label; one that is open is not opened again, and clearing one that is not open does nothing, so a command
 * that comes twice acts once. A rule's flag has the provider "ringfence" and the rule's name as label: it is opened when the alert is raised and
 * closed when the alert is resolved; what a command clears before that stays closed until the alert is raised anew.
 *
 * What a flag by command leads to stands in the table of flags (providers.h): dispute steps, perhaps a quarantine. Rules' flags open no steps: there is
 * nobody outside to dispute them with. */
#include "rules/turn.h"

#define RULE_BY "rule"

_Static_assert(RULE_NAME_MAX <= FLAG_LABEL_MAX, "a rule's name is the label of its flag");

/* "Hiya, AT&T: Spam Risk" */
static struct slice flag_text(struct turn *t, const struct event_flag *f)
{
	return arena_printf(&t->s->arena, SLICE_FMT "%s" SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(f->provider),
			    f->provider.len && f->carrier.len ? ", " : "", SLICE_ARG(f->carrier), f->label.len ? ": " : "",
			    SLICE_ARG(f->label));
}

static void act_on_flag(struct turn *t, const struct event_flag *flag)
{
	struct flag_answer answer = {FLAG_POLICY_RECORD, 0};
	if (t->providers)
		answer = providers_on_flag(t->providers, flag);
	t->flagged = true;
	t->flag_steps = answer.steps;
	t->by_flag = answer.policy == FLAG_POLICY_QUARANTINE;
	if (t->by_flag)
		(void)phase_on_quarantine(t, flag_text(t, flag));
}

enum rules_flagged flag_on_open(struct turn *t, const struct event_flag *flag, struct slice source, struct slice note)
{
	uint32_t before = t->state->flag_cnt;
	if (!state_flag_open(t->state, flag))
		return FLAG_NO_ROOM;
	if (t->state->flag_cnt == before)
		return FLAG_KNOWN;
	history_add(t,
		    &(struct history_entry){.time_ms = flag->since_ms,
					    .kind = HISTORY_FLAG_OPENED,
					    .flag = {flag->provider, flag->carrier, flag->label, flag->by, source, note, flag->since_ms}});
	t->say_number = t->state->phase.phase != PHASE_ACTIVE; /* an active number shows nothing */
	act_on_flag(t, flag);
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

void flag_on_clear(struct turn *t, const struct event_flag *match, int64_t at_ms, struct slice note)
{
	for (uint32_t i = 0; i < t->state->flag_cnt; i++)
		if (state_flag_matches(match, &t->state->flags[i]))
			history_flag(t, false, &t->state->flags[i], match->by, note, at_ms);
	uint32_t before = t->state->flag_cnt;
	state_flag_close(t->state, match);
	if (t->state->flag_cnt < before && t->state->phase.phase != PHASE_ACTIVE)
		t->say_number = true;
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
	flag_on_clear(t, &f, at_ms, SLICE_NONE);
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
