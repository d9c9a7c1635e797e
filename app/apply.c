/* SPDX-License-Identifier: Apache-2.0 */
/* The middle of a cycle: what the batch, the timers, the commands and the copies of other shards do to subjects, in the order of DESIGN section 5. A record
 * that was not asked for ends the cycle before it; nothing is applied by half. */
#include "app/shard.h"

#include "scoring/places.h"

#include <assert.h>

static enum err dead_letter(struct shard *s, struct dead_letter d, struct err_text *why)
{
	s->meta.counts.dead_letters++;
	d.partition = s->meta.partition;
	return s->outlet->dead_letter(s->outlet->ctx, s->owner, &d, why);
}

static enum err dead_cdr(struct shard *s, uint32_t i, enum reason reason, struct err_text *why)
{
	const struct cdr *c = &s->batch.cdrs[i];
	const struct origin *o = &s->batch.origins[i];
	bool decoded = reason != REASON_NO_VALUE && reason != REASON_BAD_JSON && reason != REASON_BAD_ROW;
	return dead_letter(s,
			   (struct dead_letter){.reason = reason,
						.topic = slice_of(s->pipe->settings->topics.cdr),
						.offset = c->offset,
						.key = o->key,
						.value = c->payload,
						.headers = o->headers,
						.stage = decoded ? "VALIDATE" : "DECODE"},
			   why);
}

enum found { FOUND, NOT_LOADED, DAMAGED };

/* What keeps a record beyond its time: an episode, an open flag, a firing alert. */
static bool is_held(struct shard *s, const struct subject *sub)
{
	struct rules_view v;
	const struct rules_subject rs = {
		.key = subject_key(sub), .kind = (enum subject_kind)sub->kind, .state = sub->state, .state_len = sub->state_len};
	if (sub->state_len == 0)
		return false;
	return rules_view(s->scratch, s->rules, &rs, &v) != ERR_OK || rules_view_holds(&v);
}

/* By the shard's clock, or by `now_ms` if the clock is about to reach it; swept or not: the record counts as absent from that moment on. */
bool subject_has_ended(struct shard *s, const struct subject *sub, int64_t now_ms)
{
	int64_t clock_ms = s->meta.clock_ms > now_ms ? s->meta.clock_ms : now_ms;
	return subject_expired(sub, clock_ms, s->pipe->settings->keep_ms) && !is_held(s, sub);
}

/* Its first day outlives the record by a year, here as in the sweep. */
static void begin_anew(struct shard *s, struct subject *sub, int64_t since_ms)
{
	int32_t end_day = subject_end_day(sub, s->pipe->settings->keep_ms);
	histories_end(s, sub);
	table_renew(s->table, sub, since_ms, utc_day(since_ms) - end_day <= SEEN_KEPT_DAYS ? subject_first_day(sub) : -1);
	timers_set(&s->timers, subject_key(sub), sub->key_hash, TIME_NONE);
	s->meta.counts.expired++;
}

/* The subject, made new with `since_ms` if neither table nor store has it, or if it had ended by `now_ms`. What does not move this shard's clock, a
 * copy of another shard's or a command, passes TIME_NONE and ends nothing that this shard did not live to see. */
static enum found subject_of(struct shard *s, struct slice key, uint64_t hash, int64_t now_ms, int64_t since_ms, struct subject **out)
{
	*out = NULL;
	if (s->damaged_cnt && shard_is_damaged(s, key))
		return DAMAGED;
	*out = table_find(s->table, key, hash);
	if (*out) {
		if (subject_has_ended(s, *out, now_ms))
			begin_anew(s, *out, since_ms);
		return FOUND;
	}
	if (!s->pipe->resident && !asked_has(&s->asked, key, hash))
		return NOT_LOADED;
	*out = table_add(s->table, key, hash, since_ms, first_seen_day(&s->first_seen, hash, utc_day(since_ms)));
	return FOUND;
}

/* A record that copies began has no sequence before its first CDR, or the first command that did something: when copies come is chance, and the same
 * input shall say the same. What calls this changes the record anyway, so it is stored. */
static void begin_sequence(struct subject *sub, int64_t since_ms)
{
	if (!sub->sequence && since_ms > 0)
		sub->sequence = (uint64_t)since_ms;
}

/* ---- what rules are asked, and what becomes of it ---- */

void subject_set_place(struct rules_subject *rs, struct slice number)
{
	struct place p;
	place_of(number, &p);
	rs->zone = p.zone;
	if (p.region == 0)
		return;
	bool area = p.region < PLACE_COUNTRIES;
	uint32_t code = area ? 1 : p.region - PLACE_COUNTRIES;
	rs->country = slice_make(number.p + 1, code < 10 ? 1 : code < 100 ? 2 : 3);
	rs->region = area ? slice_make(number.p + 2, 3) : rs->country;
}

static struct rules_subject view_of(struct shard *s, const struct subject *sub)
{
	struct rules_subject rs = {.key = subject_key(sub),
				   .kind = (enum subject_kind)sub->kind,
				   .state = sub->state,
				   .state_len = sub->state_len,
				   .clock_ms = s->meta.clock_ms,
				   .limits = &s->meta.limits,
				   .due_ms = TIME_NONE};
	if (s->places && sub->kind == SUBJECT_NUMBER)
		subject_set_place(&rs, rs.key);
	if (sub->kind == SUBJECT_NUMBER)
		return rs;
	/* its timers have fired up to what it was told last, which may be ahead of this shard */
	int64_t told_ms = subject_newest_ms(sub);
	if (told_ms > rs.clock_ms)
		rs.clock_ms = told_ms;
	const uint32_t prefix = sizeof "block:" - 1;
	if (s->places && sub->kind == SUBJECT_BLOCK && rs.key.len > prefix)
		subject_set_place(&rs, slice_make(rs.key.p + prefix, rs.key.len - prefix));
	return rs;
}

/* The figures have been asked, or at least pointed, at the event's subject. */
static void tell_health(const struct figures *f, struct event_number *n)
{
	struct health h;
	figures_health(f, &h);
	n->health = h.of[HEALTH_ALL];
	n->maturity = h.of[HEALTH_MATURITY];
	n->connection = h.of[HEALTH_CONNECTION];
	n->engagement = h.of[HEALTH_ENGAGEMENT];
	n->sentiment = h.of[HEALTH_SENTIMENT];
}

void shard_event(struct shard *s, struct subject *sub, struct event *e, uint32_t ordinal)
{
	struct message m;
	e->cause = s->cause;
	if (s->step)
		e->step = s->step;
	e->ordinal = ordinal;
	e->sequence = sub->sequence++;
	message_build(e, s->pipe->settings->deployment, &s->arena, &m);
	buf_reset(&s->message);
	message_encode(&m, &s->message);
	outbox_add(&s->outbox, s->meta.outbox_next++, buf_slice(&s->message), OUTBOX_FRESH);
	s->meta.counts.events++;
	s->changed = true;
}

/* What rules decided becomes part of the record, the timers and the outbox. */
static void after_rules(struct shard *s, struct subject *sub, const struct rules_subject *rs)
{
	histories_take(s, sub, rs);
	s->flagged_ms = TIME_NONE;
	if (rs->changed) {
		table_set_state(s->table, sub, rs->state, rs->state_len);
		timers_set(&s->timers, subject_key(sub), sub->key_hash, rs->due_ms);
		s->changed = true;
	}
	if (s->said_cnt && sub->kind != SUBJECT_NUMBER) {
		cohort_advise(s, sub);
		begin_sequence(sub, sub->since_ms);
	}
	for (uint32_t i = 0; i < s->said_cnt; i++) {
		struct event *e = &s->said[i];
		bool to_rest = e->kind == EVENT_TRANSITION && e->transition.to == PHASE_REST && e->transition.from != PHASE_REST;
		if (e->kind == EVENT_ALERT_RAISED || to_rest)
			s->flagged_ms = e->time_ms;
		if (e->kind == EVENT_NUMBER)
			tell_health(s->figures_of[sub->kind], &e->number);
		shard_event(s, sub, e, i);
		table_mark(s->table, sub);
	}
	s->said_cnt = 0;
}

/* What the cohorts of a number are told of that. From files they are asked at once, in this very shard too, so it comes last. */
static enum err tell_cohorts(struct shard *s, const struct subject *sub, const struct cdr *c, struct err_text *why)
{
	int64_t flagged_ms = s->flagged_ms;
	s->flagged_ms = TIME_NONE;
	if (flagged_ms == TIME_NONE || sub->kind != SUBJECT_NUMBER)
		return ERR_OK;
	return facts_put(s, COPY_FLAGGED, subject_key(sub), c, SLICE_NONE, flagged_ms, why);
}

/* The figures that the rules stage knows, if a rule asks for them. */
static void set_outside(struct shard *s, const struct rules_subject *rs)
{
	struct rules_view v;
	if (!s->outside || rs->state_len == 0 || rules_view(s->scratch, s->rules, rs, &v) != ERR_OK)
		return;
	struct value *o = s->figures->outside;
	o[OUTSIDE_PHASE].s = slice_of(phase_name(v.phase));
	o[OUTSIDE_EPISODE].i = v.episode;
	o[OUTSIDE_PHASE_DAYS].i = v.phase_since_ms == TIME_NONE ? 0 : (s->figures->as_of_ms - v.phase_since_ms) / DAY_MS;
}

/* What is due of a subject at its earliest timer. */
static enum err fire(struct shard *s, struct subject *sub, int64_t due_ms, struct err_text *why)
{
	struct rules_subject rs = view_of(s, sub);
	struct figures *f = s->figures_of[sub->kind];
	const char *kind = "timer";
	figures_reset(f, sub, due_ms);
	if (sub->kind == SUBJECT_NUMBER)
		set_outside(s, &rs);
	rules_on_timer(s->scratch, s->rules, &rs, f, due_ms, &kind);
	s->cause = (struct cause){.kind = CAUSE_TIMER, .timer = kind, .due_ms = due_ms};
	after_rules(s, sub, &rs); /* changed, and due at the same time again: another kind of timer, which comes next */
	if (!rs.changed)          /* nothing became of it: the timer moves or goes */
		timers_set(&s->timers, subject_key(sub), sub->key_hash, rs.due_ms == due_ms ? TIME_NONE : rs.due_ms);
	if (s->pipe->applied && strcmp(kind, "alert") == 0)
		s->pipe->applied(s->pipe->applied_ctx, f, sub, NULL, false);
	s->timers_fired++;
	s->changed = true;
	return tell_cohorts(s, sub, NULL, why);
}

/* One timer: the subject's earliest. False: its record has to be loaded first. */
static bool fire_timer(struct shard *s, const struct timer *t, enum err *e, struct err_text *why)
{
	struct subject *sub;
	int64_t due_ms = t->due_ms;
	if (subject_of(s, timer_key(t), t->hash, due_ms, due_ms, &sub) != FOUND) {
		if (!shard_is_damaged(s, timer_key(t)))
			return false;
		timers_forget(&s->timers, timer_key(t), t->hash); /* the store keeps it, for when the record can be read again */
		return true;
	}
	*e = fire(s, sub, due_ms, why);
	return true;
}

/* The timers of a cohort up to a time: a copy may be ahead of this shard's clock, and what was due before it comes before it. */
static enum err fire_until(struct shard *s, struct subject *sub, int64_t to_ms, struct err_text *why)
{
	enum err e = ERR_OK;
	int64_t due_ms;
	const struct cause before = s->cause; /* from files a copy comes in the middle of another turn */
	while (!e && (due_ms = timers_due(&s->timers, subject_key(sub), sub->key_hash)) != TIME_NONE && due_ms <= to_ms)
		e = fire(s, sub, due_ms, why);
	s->cause = before;
	return e;
}

/* ---- copies and facts from other shards ---- */

/* The rules on a cohort, after a copy or a fact, as of the cohort's clock or of the fact if that is later. */
static void ask_cohort(struct shard *s, struct subject *sub, const struct copy *c)
{
	struct rules_subject rs = view_of(s, sub);
	struct figures *f = s->figures_of[sub->kind];
	int64_t now_ms = COPY_IS_FACT(c->kind) && c->event_ms > sub->clock_ms ? c->event_ms : sub->clock_ms;
	figures_reset(f, sub, now_ms);
	rules_on_call(s->scratch, s->rules, &rs, f, NULL, now_ms);
	if (rs.changed || s->said_cnt) {
		const struct cause before = s->cause;
		cohort_cause(s, c);
		after_rules(s, sub, &rs);
		s->cause = before;
		s->step = NULL;
	}
	if (s->pipe->applied)
		s->pipe->applied(s->pipe->applied_ctx, f, sub, NULL, false);
}

/* False: the record has to be loaded first. */
static bool apply_copy(struct shard *s, const struct copy *c, enum err *e, struct err_text *why)
{
	struct subject *sub;
	int64_t since_ms = c->event_ms > s->meta.cdr_clock_ms ? c->event_ms : s->meta.cdr_clock_ms;
	int64_t clock_ms = s->meta.clock_ms > c->event_ms ? s->meta.clock_ms : c->event_ms;
	enum found found = subject_of(s, c->key, c->key_hash, TIME_NONE, since_ms, &sub);
	if (found == NOT_LOADED)
		return false;
	s->changed = true;
	if (found == DAMAGED)
		return true; /* said when it was found */
	bool moves = sub->kind != SUBJECT_NUMBER && c->kind != COPY_CALLED_BLOCK;
	if (moves && sub->state_len)
		*e = fire_until(s, sub, c->event_ms, why);
	bool ask = relay_apply(c, s->table, sub, s->pipe->settings->time.allowed_lateness_ms, clock_ms);
	s->meta.counts.copies++;
	if (!*e && ask && moves && (s->asks[sub->kind] || sub->state_len))
		ask_cohort(s, sub, c);
	return true;
}

/* Files: it may come in the middle of what this shard does itself, when the rules stage is done with that. */
enum err shard_copy(struct shard *s, const struct copy *c, struct err_text *why)
{
	enum err e = ERR_OK;
	if (!s->rules) /* its first cycle is yet to come */
		shard_use_rules(s);
	bool done = apply_copy(s, c, &e, why);
	(void)done; /* the table is the store, nothing has to be loaded */
	return e;
}

/* The next one of the inbox. False: the cycle ends before it. */
static bool apply_inbox(struct shard *s, enum err *e, struct err_text *why)
{
	const struct copy *c = inbox_turn(s, s->inbox_at);
	if (c->kind == COPY_KIND_CNT) {
		s->meta.relay_next = c->offset;
		s->changed = true;
	} else if (!table_find(s->table, c->key, c->key_hash) && !s->pipe->resident && !asked_has(&s->asked, c->key, c->key_hash)) {
		return false;
	} else if (!relay_mark(&s->marks, c)) {
		s->meta.counts.copies_again++;
		s->changed = true;
	} else {
		(void)apply_copy(s, c, e, why);
	}
	s->inbox_at++;
	return true;
}

/* ---- commands ---- */

static enum err refuse_command(struct shard *s, const struct command *c, struct slice detail, struct err_text *why)
{
	return dead_letter(s,
			   (struct dead_letter){.reason = c->reason == REASON_OK ? REASON_BAD_COMMAND : c->reason,
						.detail = detail,
						.topic = slice_of(s->pipe->settings->topics.control),
						.offset = c->offset,
						.key = c->number,
						.value = c->payload,
						.stage = "VALIDATE"},
			   why);
}

static struct event_flag flag_of(const struct command *c, int64_t time_ms)
{
	return (struct event_flag){.provider = c->provider, .carrier = c->carrier, .label = c->label, .by = c->by, .since_ms = time_ms};
}

/* A turn before another of the same command: its record and timers are kept, what it said goes out with the next, in one order. */
static void keep_turn(struct shard *s, struct subject *sub, const struct rules_subject *rs)
{
	histories_take(s, sub, rs);
	if (!rs->changed)
		return;
	table_set_state(s->table, sub, rs->state, rs->state_len);
	timers_set(&s->timers, subject_key(sub), sub->key_hash, rs->due_ms);
	s->changed = true;
}

/* A flag opened or a complaint: counted, and the rules are asked, at the later of its time and the number's clock. */
static enum err run_flag(struct shard *s, struct subject *sub, const struct waiting_command *w, int64_t since_ms, struct err_text *why)
{
	int64_t now_ms = sub->clock_ms > w->time_ms ? sub->clock_ms : w->time_ms;
	begin_sequence(sub, since_ms);
	subject_add_flag(s->table, sub, w->time_ms);
	struct rules_subject rs = view_of(s, sub);
	rs.account = w->command.account;
	figures_reset(s->figures, sub, now_ms);
	set_outside(s, &rs);
	rules_on_call(s->scratch, s->rules, &rs, s->figures, NULL, now_ms);
	after_rules(s, sub, &rs);
	enum err e = tell_cohorts(s, sub, NULL, why);
	return e ? e : facts_put(s, COPY_FLAG, subject_key(sub), NULL, w->command.account, w->time_ms, why);
}

/* Of a command that was applied; and what the cohorts are told. */
static enum err end_command(struct shard *s, struct subject *sub, const struct rules_subject *rs, int64_t since_ms, struct err_text *why)
{
	begin_sequence(sub, since_ms);
	after_rules(s, sub, rs);
	return tell_cohorts(s, sub, NULL, why);
}

static enum err run_phase_command(struct shard *s, struct subject *sub, const struct waiting_command *w, int64_t since_ms,
				  struct err_text *why)
{
	const struct command *c = &w->command;
	struct rules_command rc = {.verb = c->verb == COMMAND_QUARANTINE ? RULES_QUARANTINE
					   : c->verb == COMMAND_RELEASE  ? RULES_RELEASE
									 : RULES_CONTACT,
				   .note = c->note,
				   .by = c->by,
				   .called = number_pack(c->called),
				   .remove = c->remove,
				   .time_ms = w->time_ms};
	struct rules_subject rs = view_of(s, sub);
	return rules_on_command(s->scratch, s->rules, &rs, s->figures, &rc) ? end_command(s, sub, &rs, since_ms, why) : ERR_OK;
}

/* *refused: why it is a dead letter; absent: it was applied. */
static enum err run_verb(struct shard *s, struct subject *sub, const struct waiting_command *w, int64_t since_ms, struct slice *refused,
			 struct err_text *why)
{
	const struct command *c = &w->command;
	const struct event_flag flag = flag_of(c, w->time_ms);
	struct figures *f = s->figures;
	struct rules_subject rs = view_of(s, sub);
	figures_reset(f, sub, w->time_ms);
	set_outside(s, &rs);
	switch (c->verb) {
	case COMMAND_FLAG: {
		enum rules_flagged flagged = rules_on_flag(s->scratch, s->rules, &rs, f, &flag, c->source, c->note);
		if (flagged == FLAG_NO_ROOM)
			*refused = SLICE_LIT("the number has as many open flags as a record holds (32, with 2 KiB of text): clear some");
		else
			keep_turn(s, sub, &rs);
		return flagged != FLAG_OPENED ? ERR_OK : run_flag(s, sub, w, since_ms, why);
	}
	case COMMAND_COMPLAINT:
		return run_flag(s, sub, w, since_ms, why);
	case COMMAND_CLEAR:
		rules_on_clear(s->scratch, s->rules, &rs, f, &flag, c->note);
		return end_command(s, sub, &rs, since_ms, why);
	case COMMAND_CHECK:
		rules_on_check(s->scratch, s->rules, &rs, f, &(struct check_result){c->carrier, c->device, c->result, w->time_ms}, c->by);
		return end_command(s, sub, &rs, since_ms, why);
	case COMMAND_NOTE:
		rules_on_note(s->scratch, s->rules, &rs, f, c->note, c->by, w->time_ms);
		return end_command(s, sub, &rs, since_ms, why);
	case COMMAND_DISPUTE_SENT:
	case COMMAND_DISPUTE_REPLY:
		*refused = rules_on_dispute(s->scratch, s->rules, &rs, f,
					    &(struct rules_dispute){c->step, c->verb == COMMAND_DISPUTE_REPLY ? c->outcome : SLICE_NONE,
								    c->note, c->by, w->time_ms});
		return refused->p ? ERR_OK : end_command(s, sub, &rs, since_ms, why);
	default:
		return run_phase_command(s, sub, w, since_ms, why);
	}
}

/* One that was refused leaves no trace in the record, so it may come again with the same id. */
static enum err run_command(struct shard *s, struct subject *sub, const struct waiting_command *w, int64_t since_ms, struct err_text *why)
{
	const struct command *c = &w->command;
	uint64_t id = hash64(c->id.p, c->id.len, 0);
	struct slice refused = SLICE_NONE;
	struct rules_subject rs = view_of(s, sub);
	if (rules_command_seen(s->scratch, &rs, id)) {
		s->meta.counts.commands_again++;
		return ERR_OK;
	}
	s->cause = (struct cause){.kind = CAUSE_COMMAND, .command = c->id};
	enum err e = run_verb(s, sub, w, since_ms, &refused, why);
	if (e || refused.p)
		return e ? e : refuse_command(s, c, refused, why);
	s->meta.counts.commands++;
	begin_sequence(sub, since_ms);
	rs = view_of(s, sub);
	rules_command_done(s->scratch, &rs, id);
	keep_turn(s, sub, &rs);
	return ERR_OK;
}

/* False: its record changed in this cycle, which has to end first. */
static bool run_forget(struct shard *s, struct subject *sub, const struct waiting_command *w)
{
	s->cause = (struct cause){.kind = CAUSE_COMMAND, .command = w->command.id};
	if (!shard_forget(s, sub, w->time_ms))
		return false;
	s->meta.counts.commands++;
	return true;
}

/* The first waiting command. False: a record has to be loaded first. */
static bool apply_command(struct shard *s, enum err *e, struct err_text *why)
{
	struct waiting_command *w = &s->commands[s->command_first];
	const struct command *c = &w->command;
	const struct settings *set = s->pipe->settings;
	struct subject *sub = NULL;
	uint64_t hash = hash64(c->number.p, c->number.len, 0);
	int64_t since_ms = s->meta.cdr_clock_ms > w->time_ms ? s->meta.cdr_clock_ms : w->time_ms;

	if (c->reason != REASON_OK)
		*e = refuse_command(s, c, c->why, why);
	else if (!c->number.len)
		*e = refuse_command(s, c, SLICE_LIT("this command needs a number"), why);
	else if (partition_of((enum partitioner)set->partitioner, c->number, s->meta.partitions) != s->meta.partition)
		*e = refuse_command(s, c, SLICE_LIT("the command is in another partition than its number: key it by the number"), why);
	else if (subject_of(s, c->number, hash, TIME_NONE, since_ms, &sub) == NOT_LOADED)
		return false;
	else if (!sub)
		*e = refuse_command(s, c, SLICE_LIT("the record of this number cannot be read"), why);
	else if (c->verb == COMMAND_FORGET && !run_forget(s, sub, w))
		return false;
	else if (c->verb != COMMAND_FORGET)
		*e = run_command(s, sub, w, since_ms, why);
	s->meta.command_ms = w->time_ms;
	s->meta.control_next = c->offset + 1;
	s->command_first = (s->command_first + 1) % COMMANDS_WAITING_MAX;
	s->command_cnt--;
	s->changed = true;
	return true;
}

static bool cycle_full(const struct shard *s)
{
	const struct settings *set = s->pipe->settings;
	return s->forgot || table_dirty_cnt(s->table) >= set->run.changed_records ||
	       table_dirty_bytes(s->table) + (int64_t)s->histories.bytes.len >= set->run.changed_bytes ||
	       s->timers_fired >= set->run.timers;
}

/* Time passes: timers due by `to_ms` and commands before `commands_before_ms`, by time, a timer before a command of the same time. False: the cycle
 * ends here, a limit is reached or a record has to be loaded. */
bool apply_time(struct shard *s, int64_t to_ms, int64_t commands_before_ms, enum err *e, struct err_text *why)
{
	for (;;) {
		const struct timer *t = timers_first(&s->timers);
		int64_t command_ms = s->command_cnt ? s->commands[s->command_first].time_ms : TIME_NEVER;
		bool command = s->command_cnt && command_ms < commands_before_ms;
		bool timer = t && (command ? t->due_ms <= command_ms : t->due_ms <= to_ms);
		if (!timer && !command)
			return true;
		if (cycle_full(s))
			return false;
		if (timer ? !fire_timer(s, t, e, why) : !apply_command(s, e, why))
			return false;
		if (*e)
			return false;
	}
}

static bool in_future(const struct shard *s, const struct cdr *c)
{
	if (s->pipe->any_time)
		return false;
	if (s->pipe->files)
		return s->meta.cdr_clock_ms != TIME_NONE && c->event_ms > s->meta.cdr_clock_ms + IN_FUTURE_FILE_MS;
	return c->produced_ms != TIME_NONE && c->event_ms > c->produced_ms + IN_FUTURE_MS;
}

enum reason apply_unusable(const struct shard *s, const struct cdr *c)
{
	if (c->reason != REASON_OK)
		return (enum reason)c->reason;
	return c->use != CDR_PARTIAL && in_future(s, c) ? REASON_IN_FUTURE : REASON_OK;
}

static enum err evaluate(struct shard *s, struct subject *sub, const struct cdr *c, uint64_t called, bool late, struct err_text *why)
{
	struct rules_subject rs = view_of(s, sub);
	rs.called = called;
	rs.first_call = sub->calls == 1 && sub->first_day < 0;
	figures_reset(s->figures, sub, sub->clock_ms);
	set_outside(s, &rs);
	s->cause = (struct cause){.kind = CAUSE_CDR,
				  .topic = slice_of(s->pipe->settings->topics.cdr),
				  .partition = s->meta.partition,
				  .offset = c->offset,
				  .record_id = c->record_id};
	rules_on_call(s->scratch, s->rules, &rs, s->figures, c, sub->clock_ms);
	bool told = rs.changed || s->said_cnt;
	if (told)
		after_rules(s, sub, &rs);
	if (s->pipe->applied)
		s->pipe->applied(s->pipe->applied_ctx, s->figures, sub, c, late);
	return told ? tell_cohorts(s, sub, c, why) : ERR_OK;
}

/* A call of its caller. */
static enum err apply_call(struct shard *s, struct subject *sub, uint32_t i, struct err_text *why)
{
	const struct settings *set = s->pipe->settings;
	const struct cdr *c = &s->batch.cdrs[i];
	struct meta_counts *n = &s->meta.counts;
	bool late = false;
	enum call_fate fate = subject_add_own(s->table, sub, &plan_of(s, i)->facts, set->time.allowed_lateness_ms, &late);
	if (fate == CALL_DUPLICATE) {
		n->duplicates++;
		return ERR_OK;
	}
	if (fate == CALL_TOO_LATE)
		return dead_cdr(s, i, REASON_TOO_LATE, why);
	n->applied++;
	n->behind_shard += c->event_ms < s->meta.cdr_clock_ms - BEHIND_SHARD_MS;
	n->late += late;
	n->late_kept += fate == CALL_LATE_KEPT;
	if (fate == CALL_APPLIED) {
		enum err e = evaluate(s, sub, c, plan_of(s, i)->facts.callee, late, why);
		if (e)
			return e;
	} else if (s->pipe->applied) {
		figures_reset(s->figures, sub, sub->clock_ms);
		s->pipe->applied(s->pipe->applied_ctx, s->figures, sub, c, late);
	}
	return copies_put(s, plan_of(s, i), why);
}

static enum err check_keying(struct shard *s, const struct cdr *c, struct err_text *why)
{
	const struct settings *set = s->pipe->settings;
	struct meta_counts *n = &s->meta.counts;
	if (s->meta.partitions == 1 ||
	    partition_of((enum partitioner)set->partitioner, c->calling_number, s->meta.partitions) == s->meta.partition)
		return ERR_OK;
	n->misrouted++;
	if (set->keying == KEYING_WARN || n->applied >= KEYING_SAMPLE || n->misrouted <= KEYING_SAMPLE / 100)
		return ERR_OK;
	return err_set(why, ERR_CONFIG,
		       "%s:%d: %llu of the first CDRs are not in the partition of their calling number, so the statistics of a number "
		       "would be split. Key the "
		       "topic by calling number (E.164, partitioner %s), e.g. with ringfence rekey; set input.partitioner if its producers "
		       "use the other one; "
		       "or go on with keying: warn",
		       set->topics.cdr, s->meta.partition, (unsigned long long)n->misrouted,
		       set->partitioner == PARTITION_CRC32 ? "crc32" : "murmur2");
}

static void passed(struct shard *s, const struct cdr *c, struct wall_time now)
{
	s->meta.cdr_next = c->offset + 1;
	s->meta.produced_ms = c->produced_ms;
	s->meta.backfill = c->produced_ms != TIME_NONE && now.ms - c->produced_ms > BACKFILL_MS;
	s->batch.at++;
	s->changed = true;
}

/* The next record of the batch. False: the cycle ends before it. */
static bool apply_record(struct shard *s, struct wall_time now, enum err *e, struct err_text *why)
{
	uint32_t i = s->batch.at;
	const struct cdr *c = &s->batch.cdrs[i];
	enum reason reason = apply_unusable(s, c);
	struct subject *sub = NULL;
	enum found found = FOUND;
	if (reason == REASON_OK && c->use == CDR_COUNT) {
		int64_t to_ms = c->event_ms > s->meta.clock_ms ? c->event_ms : s->meta.clock_ms;
		if (s->pipe->passing)
			s->pipe->passing(s->pipe->applied_ctx, s, to_ms);
		if (!apply_time(s, to_ms, c->event_ms, e, why))
			return false;
		/* a record begins at the clock of the CDRs, not at an idle one: the same live and in replay */
		int64_t since_ms = c->event_ms > s->meta.cdr_clock_ms ? c->event_ms : s->meta.cdr_clock_ms;
		found = subject_of(s, c->calling_number, c->caller_hash, since_ms, since_ms, &sub);
		if (found == NOT_LOADED)
			return false;
		s->meta.cdr_clock_ms = since_ms;
		if (c->event_ms > s->meta.clock_ms)
			s->meta.clock_ms = c->event_ms;
		if (sub)
			begin_sequence(sub, since_ms);
		*e = check_keying(s, c, why);
	}
	passed(s, c, now);
	if (*e)
		return false;
	if (reason != REASON_OK || found == DAMAGED)
		*e = dead_cdr(s, i, found == DAMAGED ? REASON_STATE_DAMAGED : reason, why);
	else if (c->use == CDR_PARTIAL)
		s->meta.counts.partial++;
	else if (c->use == CDR_WITHHELD) {
		s->meta.counts.withheld++;
		*e = copies_put(s, plan_of(s, i), why);
	} else
		*e = apply_call(s, sub, i, why);
	return *e == ERR_OK;
}

enum err apply_batch(struct shard *s, struct wall_time now, struct err_text *why)
{
	enum err e = ERR_OK;
	while (s->inbox_at < s->inbox_cnt) {
		plan_inbox(s);
		if (cycle_full(s) || !apply_inbox(s, &e, why) || e)
			return e;
	}
	while (s->batch.at < s->batch.cnt && !cycle_full(s)) {
		plan_ahead(s);
		if (!apply_record(s, now, &e, why))
			break;
	}
	return e;
}
