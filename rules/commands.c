/* SPDX-License-Identifier: Apache-2.0 */
/* The front door of the stage for commands: flags, test calls, notes, dispute steps. Each is a turn of its own and evaluates no rule. */
#include "rules/turn.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct turn turn_of(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
			   int64_t time_ms, struct slice by)
{
	subject->changed = false;
	subject->history_cnt = 0;
	return (struct turn){.s = s,
			     .rules = r,
			     .subject = subject,
			     .figures = f,
			     .now_ms = time_ms,
			     .fired_ms = later(time_ms, subject->clock_ms),
			     .by = by};
}

/* ---- flags ---- */

enum rules_flagged rules_on_flag(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
				 const struct event_flag *flag, struct slice source, struct slice note)
{
	struct turn t = turn_of(s, r, subject, f, flag->since_ms, flag->by);
	if (!turn_begin_number(&t))
		return FLAG_NO_ROOM;
	enum rules_flagged flagged = flag_on_open(&t, flag, source, note);
	turn_end_number(&t, subject);
	return flagged;
}

void rules_on_clear(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
		    const struct event_flag *match, struct slice note)
{
	struct turn t = turn_of(s, r, subject, f, match->since_ms, match->by);
	if (subject->state_len == 0 || !turn_begin_number(&t))
		return;
	uint32_t before = t.state->flag_cnt;
	flag_on_clear(&t, match, match->since_ms, note);
	if (t.state->flag_cnt < before) {
		phase_turn_end(&t);
		dispute_on_clear(&t, match->since_ms);
	}
	turn_end_number(&t, subject);
}

/* ---- what is only kept ---- */

void rules_on_check(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
		    const struct check_result *check, struct slice by)
{
	struct turn t = turn_of(s, r, subject, f, check->time_ms, by);
	if (!turn_begin_number(&t))
		return;
	struct check_result kept = *check;
	kept.time_ms = step_time(check->time_ms);
	checklist_add(&t.state->checks, &kept);
	t.state->changed = true;
	history_add(&t, &(struct history_entry){.time_ms = check->time_ms,
						.kind = HISTORY_CHECK,
						.check = {check->carrier, check->device, check->result, by}});
	turn_end_number(&t, subject);
}

void rules_on_note(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f, struct slice text,
		   struct slice by, int64_t time_ms)
{
	struct turn t = turn_of(s, r, subject, f, time_ms, by);
	if (!turn_begin_number(&t))
		return;
	history_add(&t, &(struct history_entry){.time_ms = time_ms, .kind = HISTORY_NOTE, .note = {text, by}});
	turn_end_number(&t, subject);
}

/* ---- dispute steps ---- */

/* "its steps are hiya, tns" */
static struct slice steps_text(struct turn *t, struct slice name)
{
	struct buf b = {0};
	const struct disputes *d = &t->state->disputes;
	buf_printf(&b, "the number has no dispute step " SLICE_FMT ": ", SLICE_ARG(name));
	buf_puts(&b, d->cnt ? "its steps are " : "it has none; a quarantine or a flag opens them");
	for (uint32_t i = 0; i < d->cnt; i++)
		buf_printf(&b, "%s" SLICE_FMT, i ? ", " : "", SLICE_ARG(d->of[i].id));
	struct slice text = arena_copy(&t->s->arena, buf_slice(&b));
	buf_release(&b);
	return text;
}

struct slice rules_on_dispute(struct rules_scratch *s, const struct rules *r, struct rules_subject *subject, struct figures *f,
			      const struct rules_dispute *c)
{
	struct turn t = turn_of(s, r, subject, f, c->time_ms, c->by);
	if (!turn_begin_number(&t))
		return SLICE_LIT("the state of the number cannot be read");
	struct dispute_step *step = dispute_find(&t, c->step);
	if (!step)
		return steps_text(&t, c->step);
	if (c->outcome.len)
		dispute_on_reply(&t, step, c->outcome, c->note);
	else
		dispute_on_sent(&t, step, c->note);
	turn_end_number(&t, subject);
	return SLICE_NONE;
}

/* ---- ids ---- */

bool rules_command_seen(struct rules_scratch *s, struct rules_subject *subject, uint64_t id)
{
	struct turn t = turn_of(s, NULL, subject, NULL, 0, SLICE_NONE);
	return subject->state_len > 0 && turn_begin(&t) && commands_seen_has(&t.state->commands, id);
}

void rules_command_done(struct rules_scratch *s, struct rules_subject *subject, uint64_t id)
{
	struct turn t = turn_of(s, NULL, subject, NULL, 0, SLICE_NONE);
	if (subject->kind != SUBJECT_NUMBER || !turn_begin(&t))
		return;
	commands_seen_add(&t.state->commands, id);
	t.state->changed = true;
	turn_end(&t, subject);
}
