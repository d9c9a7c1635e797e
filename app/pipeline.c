/* SPDX-License-Identifier: Apache-2.0 */
/* One commit cycle of a shard. Read pipeline_step() first, at the end of this file. */
#include "app/shard.h"

#include "base/log.h"

#include <assert.h>

/* ---- decode ---- */

static void decode(struct shard *s)
{
	struct batch *b = &s->batch;
	const struct settings *set = s->pipe->settings;
	for (; b->decoded < b->cnt; b->decoded++) {
		struct cdr *c = &b->cdrs[b->decoded];
		int64_t offset = c->offset, produced_ms = c->produced_ms;
		decode_json(c->payload, &set->input, &b->arena, c);
		c->offset = offset;
		c->produced_ms = produced_ms;
		if (c->reason == REASON_OK && !c->record_id.p)
			cdr_set_id(c, arena_printf(&b->arena, "%s-%d-%lld", set->topics.cdr, s->meta.partition, (long long)offset));
	}
}

/* ---- load ---- */

static void ask(struct shard *s, struct slice key, uint64_t hash)
{
	if (!table_find(s->table, key, hash))
		asked_add(&s->asked, key, hash);
}

static void ask_timer(void *ctx, const struct timer *t)
{
	ask(ctx, timer_key(t), t->hash);
}

static uint64_t key_hash(struct slice key)
{
	return hash64(key.p, key.len, 0);
}

/* What the cycle may touch: the subjects of copies, the callers of the batch, the subjects of timers due by `until_ms`, of commands whose turn may
 * come. */
static void ask_all(struct shard *s, int64_t until_ms, int64_t commands_before_ms)
{
	const struct batch *b = &s->batch;
	for (uint32_t i = s->inbox_at, n = 0; i < s->inbox_cnt && n < COPIES_ASKED_MAX; i++)
		if (s->inbox[i].kind != COPY_KIND_CNT) {
			ask(s, s->inbox[i].key, key_hash(s->inbox[i].key));
			n++;
		}
	for (uint32_t i = b->at; i < b->cnt; i++) {
		const struct cdr *c = &b->cdrs[i];
		if (i + 8 < b->cnt)
			table_prefetch(s->table, b->cdrs[i + 8].caller_hash);
		if (c->reason == REASON_OK && c->use == CDR_COUNT)
			ask(s, c->calling_number, c->caller_hash);
	}
	timers_until(&s->timers, until_ms, (uint32_t)s->pipe->settings->run.timers, ask_timer, s);
	for (uint32_t i = 0; i < s->sweep_cnt; i++)
		ask(s, s->sweep[i], key_hash(s->sweep[i]));
	for (uint32_t i = 0; i < s->command_cnt; i++) {
		const struct waiting_command *w = &s->commands[(s->command_first + i) % COMMANDS_WAITING_MAX];
		if (w->time_ms >= commands_before_ms)
			break;
		if (w->command.reason == REASON_OK && w->command.number.len)
			ask(s, w->command.number, key_hash(w->command.number));
	}
}

static bool is_damaged(const struct shard *s, struct slice key)
{
	for (uint32_t i = 0; i < s->damaged_cnt; i++)
		if (slice_is(key, s->damaged[i]))
			return true;
	return false;
}

static void set_aside(struct shard *s, struct slice key, const struct err_text *why)
{
	char number[LOG_NUMBER_BYTES];
	if (is_damaged(s, key))
		return;
	log_error("scoring", "%s:%d: the record of %s cannot be read and is left as it is; its CDRs go to dead letters: %s",
		  s->pipe->settings->topics.cdr, s->meta.partition, log_number(key, number), why->text);
	s->damaged = mem_realloc(s->damaged, (s->damaged_cnt + 1) * sizeof *s->damaged);
	snprintf(s->damaged[s->damaged_cnt++], SUBJECT_KEY_MAX + 1, SLICE_FMT, SLICE_ARG(key));
}

static void commit_answered(struct shard *s)
{
	if (!s->commit_pending)
		return;
	s->commit_pending = false;
	s->times.commit_ms = mono_seconds_since(s->commit_sent) * 1000;
	outbox_stored(&s->outbox);
	s->committed = s->sent;
}

/* One round trip: the answer to the last commit, the meta (is it still ours?), the records that are not in the table. */
static enum err load(struct shard *s, int64_t until_ms, int64_t commands_before_ms, struct err_text *why)
{
	const struct store_ops *ops = s->pipe->ops;
	struct store_read read;
	asked_reset(&s->asked);
	if (!s->pipe->resident)
		ask_all(s, until_ms, commands_before_ms);
	enum err e = ops->read_begin(s->handle, s->asked.keys, s->asked.cnt, why);
	if (!e)
		e = ops->read_end(s->handle, &read, why);
	if (e)
		return e;
	commit_answered(s);
	if (!read.meta.p || read.meta.len < COMMIT_ID_BYTES || memcmp(read.meta.p, s->meta.id, COMMIT_ID_BYTES) != 0)
		return err_set(why, ERR_FENCED,
			       "%s:%d: the commit id in the store is not ours: another process took the shard, or the store was set back",
			       s->pipe->settings->topics.cdr, s->meta.partition);
	for (uint32_t i = 0; i < s->asked.cnt; i++) {
		struct err_text detail;
		struct subject *loaded;
		if (!read.values[i].p)
			continue;
		enum err bad = table_load(s->table, s->asked.keys[i].key, s->asked.hashes[i], read.values[i], &loaded, &detail);
		if (!bad)
			bad = rules_state_check(loaded->state, loaded->state_len, &detail);
		if (bad)
			set_aside(s, s->asked.keys[i].key, &detail);
		else
			loaded->listed_day = subject_end_day(loaded, s->pipe->settings->keep_ms);
	}
	return ERR_OK;
}

/* ---- hand over ---- */

/* An outbox entry is an event, or a fact for another shard:  FA | target partition varint | packed message */
#define FACT_ENTRY 0xfa

static enum err send_entry(struct shard *s, uint64_t number, struct slice bytes, struct err_text *why)
{
	struct message m;
	if (bytes.len && (uint8_t)bytes.p[0] == FACT_ENTRY) {
		struct reader r = reader_of(bytes.p + 1, bytes.len - 1);
		int32_t target = (int32_t)reader_varint(&r);
		return s->outlet->relay(s->outlet->ctx, s->owner, target, slice_make(r.p, reader_left(&r)), number, why);
	}
	if (message_decode(bytes, &m))
		return err_set(why, ERR_CORRUPT, "outbox entry %llu of %s:%d cannot be read", (unsigned long long)number,
			       s->pipe->settings->topics.cdr, s->meta.partition);
	return s->outlet->send(s->outlet->ctx, s->owner, number, &m, why);
}

/* Events of confirmed commits go to their topics, in order. */
static enum err hand_over(struct shard *s, struct err_text *why)
{
	struct outbox_entry *e;
	while ((e = outbox_next_ready(&s->outbox))) {
		uint64_t number = e->number;
		struct slice bytes = slice_make(e->bytes, e->len);
		outbox_sent(&s->outbox, e); /* before the send: a file acknowledges at once, and the entry is gone */
		enum err err = send_entry(s, number, bytes, why);
		if (err == ERR_LIMIT) {
			outbox_unsend(&s->outbox);
			return ERR_OK;
		}
		if (err)
			return err;
	}
	return ERR_OK;
}

/* ---- apply ---- */

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
	return dead_letter(s,
			   (struct dead_letter){.reason = reason,
						.topic = slice_of(s->pipe->settings->topics.cdr),
						.offset = c->offset,
						.key = o->key,
						.value = c->payload,
						.headers = o->headers,
						.stage = reason == REASON_BAD_JSON || reason == REASON_BAD_ROW ? "DECODE" : "VALIDATE"},
			   why);
}

enum found { FOUND, NOT_LOADED, DAMAGED };

/* What keeps a record beyond its time: an episode, a firing alert. */
static bool is_held(struct shard *s, const struct subject *sub)
{
	struct rules_view v;
	const struct rules_subject rs = {
		.key = subject_key(sub), .kind = (enum subject_kind)sub->kind, .state = sub->state, .state_len = sub->state_len};
	if (sub->state_len == 0)
		return false;
	return rules_view(s->scratch, s->rules, &rs, &v) != ERR_OK || v.phase != PHASE_ACTIVE || v.open_alert_cnt > 0;
}

/* By the shard's clock, swept or not: the record counts as absent from that moment on. */
bool subject_has_ended(struct shard *s, const struct subject *sub, int64_t now_ms)
{
	int64_t clock_ms = s->meta.clock_ms > now_ms ? s->meta.clock_ms : now_ms;
	return subject_expired(sub, clock_ms, s->pipe->settings->keep_ms) && !is_held(s, sub);
}

static void begin_anew(struct shard *s, struct subject *sub, int64_t since_ms)
{
	table_renew(s->table, sub, since_ms, subject_first_day(sub));
	sub->sequence = (uint64_t)(since_ms > 0 ? since_ms : 0);
	timers_set(&s->timers, subject_key(sub), sub->key_hash, TIME_NONE);
	s->meta.counts.expired++;
}

/* The subject, made new if neither table nor store has it. */
static enum found subject_of(struct shard *s, struct slice key, uint64_t hash, int64_t since_ms, struct subject **out)
{
	*out = NULL;
	if (s->damaged_cnt && is_damaged(s, key))
		return DAMAGED;
	*out = table_find(s->table, key, hash);
	if (*out) {
		if (subject_has_ended(s, *out, since_ms))
			begin_anew(s, *out, since_ms);
		return FOUND;
	}
	if (!s->pipe->resident && !asked_has(&s->asked, key, hash))
		return NOT_LOADED;
	*out = table_add(s->table, key, hash, since_ms, -1);
	(*out)->sequence = (uint64_t)(since_ms > 0 ? since_ms : 0);
	return FOUND;
}

/* ---- copies and facts for other shards ---- */

static int32_t shard_of(const struct shard *s, struct slice key)
{
	return partition_of((enum partitioner)s->pipe->settings->partitioner, key, s->meta.partitions);
}

static enum err flush_copies(struct shard *s, int32_t target, struct err_text *why)
{
	struct slice message = relay_pack_end(&s->packs[target]);
	if (!message.len)
		return ERR_OK;
	enum err e = s->outlet->relay(s->outlet->ctx, s->owner, target, message, RELAY_COPIES, why);
	s->packs[target].cnt = 0;
	return e;
}

static enum err put_copy(struct shard *s, const struct copy *c, struct err_text *why)
{
	int32_t target = shard_of(s, c->key);
	struct relay_pack *p = &s->packs[target];
	if (s->outlet->copy)
		return s->outlet->copy(s->outlet->ctx, target, c, why);
	if (p->cnt == 0)
		relay_pack_begin(p, false, s->meta.topic_id, s->meta.partition);
	relay_pack_add(p, c);
	return p->bytes.len < RELAY_MESSAGE_BYTES ? ERR_OK : flush_copies(s, target, why);
}

/* Of a CDR that counted, or of a withheld caller. */
static enum err put_copies(struct shard *s, const struct cdr *c, struct err_text *why)
{
	struct copy copies[RELAY_COPIES_MAX];
	uint32_t n = relay_copies(s->pipe->settings, c, &s->arena, copies);
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < n && !e; i++)
		e = put_copy(s, &copies[i], why);
	return e;
}

/* The cycle's copies are acknowledged before its commit. */
static enum err copies_out(struct shard *s, struct err_text *why)
{
	enum err e = ERR_OK;
	if (s->outlet->copy)
		return ERR_OK;
	for (int32_t i = 0; i < s->meta.partitions && !e; i++)
		if (s->packs[i].cnt)
			e = flush_copies(s, i, why);
	return e ? e : s->outlet->relay_await(s->outlet->ctx, s->owner, why);
}

static enum err put_fact(struct shard *s, enum copy_kind kind, struct slice key, struct slice number, int64_t time_ms, struct err_text *why)
{
	if (!key.len)
		return ERR_OK;
	int32_t target = shard_of(s, key);
	struct copy c = {.kind = (uint8_t)kind,
			 .offset = (int64_t)s->meta.epoch,
			 .ordinal = s->meta.outbox_next,
			 .key = key,
			 .caller = number_pack(number),
			 .event_ms = time_ms};
	if (s->outlet->copy)
		return s->outlet->copy(s->outlet->ctx, target, &c, why);
	struct relay_pack pack = {0};
	relay_pack_begin(&pack, true, s->meta.topic_id, s->meta.partition);
	relay_pack_add(&pack, &c);
	struct slice message = relay_pack_end(&pack);
	buf_reset(&s->message);
	buf_put_u8(&s->message, FACT_ENTRY);
	buf_put_varint(&s->message, (uint64_t)target);
	buf_put(&s->message, message.p, message.len);
	outbox_add(&s->outbox, s->meta.outbox_next++, buf_slice(&s->message), OUTBOX_FRESH);
	buf_release(&pack.bytes);
	s->changed = true;
	return ERR_OK;
}

/* To the cohorts of a number: its block, and where a CDR is at hand its account and trunk. */
static enum err put_facts(struct shard *s, enum copy_kind kind, struct slice number, const struct cdr *c, struct slice account,
			  int64_t time_ms, struct err_text *why)
{
	const struct settings *set = s->pipe->settings;
	enum err e = ERR_OK;
	if (set->relay.block)
		e = put_fact(s, kind, relay_block_key(number, &s->arena), number, time_ms, why);
	if (!e && set->relay.account && (c || account.len))
		e = put_fact(s, kind,
			     c ? relay_account_key(c->tenant_id, c->account_id, &s->arena)
			       : relay_account_key(SLICE_NONE, account, &s->arena),
			     number, time_ms, why);
	if (!e && set->relay.trunk && c && c->ingress_trunk.len)
		e = put_fact(s, kind, arena_printf(&s->arena, "trunk:" SLICE_FMT, SLICE_ARG(c->ingress_trunk)), number, time_ms, why);
	return e;
}

/* ---- copies and facts from other shards ---- */

/* False: the record has to be loaded first. */
static bool apply_copy(struct shard *s, const struct copy *c)
{
	struct subject *sub;
	bool late;
	int64_t since_ms = c->event_ms > s->meta.cdr_clock_ms ? c->event_ms : s->meta.cdr_clock_ms;
	int64_t clock_ms = s->meta.clock_ms > c->event_ms ? s->meta.clock_ms : c->event_ms;
	enum found found = subject_of(s, c->key, key_hash(c->key), since_ms, &sub);
	if (found == NOT_LOADED)
		return false;
	s->changed = true;
	if (found == DAMAGED)
		return true; /* said when it was found */
	switch ((enum copy_kind)c->kind) {
	case COPY_CALLED:
	case COPY_CALLED_BLOCK:
		subject_add_incoming(s->table, sub, c->event_ms, c->caller, clock_ms);
		break;
	case COPY_ACCOUNT:
	case COPY_TRUNK:
	case COPY_BLOCK:
		(void)subject_add_copy(s->table, sub, &c->facts, c->caller, s->pipe->settings->time.allowed_lateness_ms, &late);
		break;
	case COPY_FLAG:
		subject_add_flag(s->table, sub, c->event_ms);
		break;
	case COPY_FLAGGED:
		subject_add_flagged(s->table, sub, c->caller, c->event_ms);
		break;
	case COPY_KIND_CNT:
		break;
	}
	s->meta.counts.copies++;
	return true;
}

enum err shard_copy(struct shard *s, const struct copy *c, struct err_text *why)
{
	(void)why;
	bool done = apply_copy(s, c);
	(void)done; /* files: the table is the store, nothing has to be loaded */
	return ERR_OK;
}

/* The next one of the inbox. False: the cycle ends before it. */
static bool apply_inbox(struct shard *s)
{
	const struct copy *c = &s->inbox[s->inbox_at];
	if (c->kind == COPY_KIND_CNT) {
		s->meta.relay_next = c->offset;
		s->changed = true;
	} else if (!table_find(s->table, c->key, key_hash(c->key)) && !s->pipe->resident &&
		   !asked_has(&s->asked, c->key, key_hash(c->key))) {
		return false;
	} else if (!relay_mark(&s->marks, c)) {
		s->meta.counts.copies_again++;
		s->changed = true;
	} else {
		(void)apply_copy(s, c);
	}
	s->inbox_at++;
	return true;
}

static struct rules_subject view_of(const struct shard *s, const struct subject *sub)
{
	return (struct rules_subject){.key = subject_key(sub),
				      .kind = (enum subject_kind)sub->kind,
				      .state = sub->state,
				      .state_len = sub->state_len,
				      .clock_ms = s->meta.clock_ms,
				      .due_ms = TIME_NONE};
}

/* What rules decided becomes part of the record, the timers and the outbox. */
static enum err after_rules(struct shard *s, struct subject *sub, const struct rules_subject *rs, const struct cdr *c, struct err_text *why)
{
	int64_t flagged_ms = TIME_NONE;
	if (rs->changed) {
		table_set_state(s->table, sub, rs->state, rs->state_len);
		timers_set(&s->timers, subject_key(sub), sub->key_hash, rs->due_ms);
		s->changed = true;
	}
	for (uint32_t i = 0; i < s->said_cnt; i++) {
		struct event *e = &s->said[i];
		struct message m;
		if (e->kind == EVENT_ALERT_RAISED || (e->kind == EVENT_TRANSITION && e->transition.to == PHASE_REST))
			flagged_ms = e->time_ms;
		e->cause = s->cause;
		e->ordinal = i;
		e->sequence = sub->sequence++;
		message_build(e, s->pipe->settings->deployment, &s->arena, &m);
		buf_reset(&s->message);
		message_encode(&m, &s->message);
		outbox_add(&s->outbox, s->meta.outbox_next++, buf_slice(&s->message), OUTBOX_FRESH);
		table_mark(s->table, sub);
		s->meta.counts.events++;
		s->changed = true;
	}
	s->said_cnt = 0;
	if (flagged_ms == TIME_NONE || sub->kind != SUBJECT_NUMBER)
		return ERR_OK;
	return put_facts(s, COPY_FLAGGED, subject_key(sub), c, SLICE_NONE, flagged_ms, why);
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

/* One timer: the subject's earliest. False: its record has to be loaded first. */
static bool fire_timer(struct shard *s, const struct timer *t, enum err *e, struct err_text *why)
{
	struct subject *sub;
	int64_t due_ms = t->due_ms;
	if (subject_of(s, timer_key(t), t->hash, due_ms, &sub) != FOUND) {
		if (!is_damaged(s, timer_key(t)))
			return false;
		timers_forget(&s->timers, timer_key(t), t->hash); /* the store keeps it, for when the record can be read again */
		return true;
	}
	struct rules_subject rs = view_of(s, sub);
	const char *kind = "timer";
	figures_reset(s->figures, sub, due_ms);
	set_outside(s, &rs);
	rules_on_timer(s->scratch, s->rules, &rs, s->figures, due_ms, &kind);
	s->cause = (struct cause){.kind = CAUSE_TIMER, .timer = kind, .due_ms = due_ms};
	*e = after_rules(s, sub, &rs, NULL, why); /* changed, and due at the same time again: another kind of timer, which comes next */
	if (!rs.changed)                          /* nothing became of it: the timer moves or goes */
		timers_set(&s->timers, subject_key(sub), sub->key_hash, rs.due_ms == due_ms ? TIME_NONE : rs.due_ms);
	s->timers_fired++;
	s->changed = true;
	return true;
}

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

/* A flag opened or a complaint: counted, and the rules are asked, at the later of its time and the number's clock. */
static enum err run_flag(struct shard *s, struct subject *sub, const struct waiting_command *w, struct err_text *why)
{
	int64_t now_ms = sub->clock_ms > w->time_ms ? sub->clock_ms : w->time_ms;
	subject_add_flag(s->table, sub, w->time_ms);
	struct rules_subject rs = view_of(s, sub);
	figures_reset(s->figures, sub, now_ms);
	set_outside(s, &rs);
	rules_on_call(s->scratch, s->rules, &rs, s->figures, NULL, now_ms);
	enum err e = after_rules(s, sub, &rs, NULL, why);
	return e ? e : put_facts(s, COPY_FLAG, subject_key(sub), NULL, w->command.account, w->time_ms, why);
}

static enum err run_command(struct shard *s, struct subject *sub, const struct waiting_command *w, struct err_text *why)
{
	const struct command *c = &w->command;
	struct rules_command rc = {.quarantine = c->verb == COMMAND_QUARANTINE, .note = c->note, .by = c->by, .time_ms = w->time_ms};
	s->cause = (struct cause){.kind = CAUSE_COMMAND, .command = c->id};
	s->meta.counts.commands++;
	if (c->verb == COMMAND_FLAG || c->verb == COMMAND_COMPLAINT)
		return run_flag(s, sub, w, why);
	if (c->verb == COMMAND_CLEAR) /* `flags` counts what was opened; which flags are open is kept with disputes, later */
		return ERR_OK;
	struct rules_subject rs = view_of(s, sub);
	figures_reset(s->figures, sub, w->time_ms);
	set_outside(s, &rs);
	return rules_on_command(s->scratch, s->rules, &rs, s->figures, &rc) ? after_rules(s, sub, &rs, NULL, why) : ERR_OK;
}

static bool is_supported(enum command_verb v)
{
	return v == COMMAND_QUARANTINE || v == COMMAND_RELEASE || v == COMMAND_FLAG || v == COMMAND_CLEAR || v == COMMAND_COMPLAINT;
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
	else if (!is_supported(c->verb))
		*e = refuse_command(s, c, SLICE_LIT("this command is not supported yet"), why);
	else if (!c->number.len)
		*e = refuse_command(s, c, SLICE_LIT("this command needs a number"), why);
	else if (partition_of((enum partitioner)set->partitioner, c->number, s->meta.partitions) != s->meta.partition)
		*e = refuse_command(s, c, SLICE_LIT("the command is in another partition than its number: key it by the number"), why);
	else if (subject_of(s, c->number, hash, since_ms, &sub) == NOT_LOADED)
		return false;
	else if (!sub)
		*e = refuse_command(s, c, SLICE_LIT("the record of this number cannot be read"), why);
	else
		*e = run_command(s, sub, w, why);
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
	return table_dirty_cnt(s->table) >= set->run.changed_records || table_dirty_bytes(s->table) >= set->run.changed_bytes ||
	       s->timers_fired >= set->run.timers;
}

/* Time passes: timers due by `to_ms` and commands before `commands_before_ms`, by time, a timer before a command of the same time. False: the cycle
 * ends here, a limit is reached or a record has to be loaded. */
static bool advance(struct shard *s, int64_t to_ms, int64_t commands_before_ms, enum err *e, struct err_text *why)
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

static enum reason unusable(const struct shard *s, const struct cdr *c)
{
	if (c->reason != REASON_OK)
		return (enum reason)c->reason;
	return c->use != CDR_PARTIAL && in_future(s, c) ? REASON_IN_FUTURE : REASON_OK;
}

static enum err evaluate(struct shard *s, struct subject *sub, const struct cdr *c, bool late, struct err_text *why)
{
	enum err e = ERR_OK;
	struct rules_subject rs = view_of(s, sub);
	figures_reset(s->figures, sub, sub->clock_ms);
	set_outside(s, &rs);
	s->cause = (struct cause){.kind = CAUSE_CDR,
				  .topic = slice_of(s->pipe->settings->topics.cdr),
				  .partition = s->meta.partition,
				  .offset = c->offset,
				  .record_id = c->record_id};
	rules_on_call(s->scratch, s->rules, &rs, s->figures, c, sub->clock_ms);
	if (rs.changed || s->said_cnt)
		e = after_rules(s, sub, &rs, c, why);
	if (s->pipe->applied)
		s->pipe->applied(s->pipe->applied_ctx, s->figures, sub, c, late);
	return e;
}

/* A call of its caller. */
static enum err apply_call(struct shard *s, struct subject *sub, uint32_t i, struct err_text *why)
{
	const struct settings *set = s->pipe->settings;
	const struct cdr *c = &s->batch.cdrs[i];
	struct meta_counts *n = &s->meta.counts;
	bool late = false;
	enum call_fate fate = subject_add_call(s->table, sub, c, set->time.allowed_lateness_ms, &late);
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
		enum err e = evaluate(s, sub, c, late, why);
		if (e)
			return e;
	} else if (s->pipe->applied) {
		figures_reset(s->figures, sub, sub->clock_ms);
		s->pipe->applied(s->pipe->applied_ctx, s->figures, sub, c, late);
	}
	return put_copies(s, c, why);
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
	enum reason reason = unusable(s, c);
	struct subject *sub = NULL;
	enum found found = FOUND;
	if (reason == REASON_OK && c->use == CDR_COUNT) {
		if (!advance(s, c->event_ms > s->meta.clock_ms ? c->event_ms : s->meta.clock_ms, c->event_ms, e, why))
			return false;
		/* a record begins at the clock of the CDRs, not at an idle one: the same live and in replay */
		int64_t since_ms = c->event_ms > s->meta.cdr_clock_ms ? c->event_ms : s->meta.cdr_clock_ms;
		found = subject_of(s, c->calling_number, c->caller_hash, since_ms, &sub);
		if (found == NOT_LOADED)
			return false;
		s->meta.cdr_clock_ms = since_ms;
		if (c->event_ms > s->meta.clock_ms)
			s->meta.clock_ms = c->event_ms;
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
		*e = put_copies(s, c, why);
	} else
		*e = apply_call(s, sub, i, why);
	return *e == ERR_OK;
}

static enum err apply(struct shard *s, struct wall_time now, struct err_text *why)
{
	enum err e = ERR_OK;
	while (s->inbox_at < s->inbox_cnt)
		if (cycle_full(s) || !apply_inbox(s))
			return ERR_OK;
	while (s->batch.at < s->batch.cnt && !cycle_full(s) && apply_record(s, now, &e, why))
		;
	return e;
}

/* ---- commit ---- */

#define GROW(array, cap, need)                                                   \
	do {                                                                     \
		if ((cap) < (need)) {                                            \
			(cap) = (need) + (need) / 2;                             \
			(array) = mem_realloc((array), (cap) * sizeof *(array)); \
		}                                                                \
	} while (0)

/* Each stored record stands in the list of the day on which it may end. */
static void list_day(struct shard *s, struct subject *sub)
{
	int32_t day = subject_end_day(sub, s->pipe->settings->keep_ms);
	if (day < s->meta.sweep_day)
		day = s->meta.sweep_day; /* the lists before are swept */
	if (day == sub->listed_day)
		return;
	s->days[s->day_cnt++] = (struct store_day){subject_key(sub), sub->listed_day, day};
	sub->listed_day = day;
}

static void collect_records(struct shard *s, struct store_commit *c)
{
	uint32_t n = table_dirty_cnt(s->table), i = 0;
	GROW(s->puts, s->put_cap, n + SWEEP_MAX);
	GROW(s->days, s->day_cap, n + s->day_cnt);
	GROW(s->put_blocks, s->put_block_cap, n * RECORD_BLOCKS_MAX);
	buf_reset(&s->records);
	struct subject *sub = NULL;
	while (!s->pipe->resident && table_next_dirty(s->table, &sub)) {
		struct record_put r;
		record_store(s->table, sub, &s->records, s->put_blocks + (size_t)i * RECORD_BLOCKS_MAX, &r);
		list_day(s, sub);
		s->puts[i++] = (struct store_put){
			.at = {subject_key(sub), SPACE_RECORD}, .value = r.value, .blocks = r.blocks, .block_cnt = r.block_cnt};
	}
	const uint8_t *p = s->records.data; /* it has moved while it grew: place the slices of small records now */
	for (uint32_t k = 0; k < i; k++)
		if (!s->puts[k].value.p) {
			s->puts[k].value.p = (const char *)p;
			p += s->puts[k].value.len;
		}
	for (uint32_t k = 0; k < s->gone_cnt; k++)
		s->puts[i++] = (struct store_put){.at = {s->gone[k], SPACE_RECORD}};
	c->puts = s->puts;
	c->put_cnt = i;
	c->days = s->days;
	c->day_cnt = s->day_cnt;
}

static void collect_timers(struct shard *s, struct store_commit *c)
{
	GROW(s->timer_puts, s->timer_cap, s->timers.changed_cnt);
	for (uint32_t i = 0; i < s->timers.changed_cnt; i++)
		s->timer_puts[i] = (struct store_timer){timer_key(s->timers.changed[i]), s->timers.changed[i]->due_ms};
	c->timers = s->timer_puts;
	c->timer_cnt = s->timers.changed_cnt;
}

static void collect_outbox(struct shard *s, struct store_commit *c)
{
	uint32_t at = 0, n = 0;
	struct outbox_entry *e;
	while ((e = outbox_fresh(&s->outbox, &at))) {
		GROW(s->entries, s->entry_cap, n + 1);
		s->entries[n++] = (struct store_entry){e->number, slice_make(e->bytes, e->len)};
	}
	c->outbox = s->entries;
	c->outbox_cnt = n;
	c->acked = s->outbox.acked;
	c->acked_cnt = s->outbox.acked_cnt;
}

/* Dead letters are acknowledged before the position passes them. */
static enum err dead_letters_out(struct shard *s, struct err_text *why)
{
	struct mono_time from = mono_now();
	uint64_t open;
	while ((open = s->outlet->dead_letters_open(s->outlet->ctx, s->owner)) > 0) {
		if (mono_seconds_since(from) > DEAD_LETTER_WAIT_S)
			return err_set(why, ERR_AWAY, "%s:%d: %llu dead letters were not acknowledged within %d s",
				       s->pipe->settings->topics.cdr, s->meta.partition, (unsigned long long)open, (int)DEAD_LETTER_WAIT_S);
		s->outlet->poll(s->outlet->ctx, 20);
	}
	return ERR_OK;
}

/* Everything that the cycle changed, in one transaction that applies only if the commit id is still ours. Sent, not awaited. */
static enum err commit(struct shard *s, struct err_text *why)
{
	struct store_commit c = {0};
	if (!s->changed && s->outbox.acked_cnt == 0)
		return ERR_OK;
	enum err e = dead_letters_out(s, why);
	if (e)
		return e;
	memcpy(c.expect, s->meta.id, COMMIT_ID_BYTES);
	shard_next_id(s);
	collect_records(s, &c);
	collect_timers(s, &c);
	collect_outbox(s, &c);
	buf_reset(&s->message);
	meta_encode(&s->meta, &s->marks, &s->message);
	c.meta = buf_slice(&s->message);
	s->commit_sent = mono_now();
	e = s->pipe->ops->commit_begin(s->handle, &c, why);
	if (e)
		return e;
	s->commit_pending = true;
	s->sent = s->meta;
	s->changed = false;
	s->times.cycles++;
	s->outbox.acked_cnt = 0;
	s->day_cnt = 0;
	s->gone_cnt = 0;
	table_clean(s->table);
	timers_clean(&s->timers);
	table_evict(s->table);
	return ERR_OK;
}

/* ---- the cycle ---- */

static void begin(struct shard *s)
{
	struct pipeline *p = s->pipe;
	arena_reset(&s->arena);
	rules_scratch_reset(s->scratch);
	s->said_cnt = 0;
	s->timers_fired = 0;
	if (s->rules && s->rules_generation == atomic_load(&p->rules_generation))
		return;
	pthread_mutex_lock(&p->rules_lock);
	struct rules *fresh = rules_share(p->rules);
	s->rules_generation = atomic_load(&p->rules_generation);
	pthread_mutex_unlock(&p->rules_lock);
	if (s->rules)
		rules_free(s->rules);
	s->rules = fresh;
	s->figures = rules_scratch_figures(s->scratch, fresh);
	s->outside = false;
	for (uint32_t i = 0; i < s->figures->n; i++)
		s->outside = s->outside || feature_info(s->figures->keys[i].feature)->how == HOW_OUTSIDE;
}

/* The largest event time in the rest of the batch, or the clock. */
static int64_t batch_reaches(const struct shard *s)
{
	int64_t most = s->meta.clock_ms;
	for (uint32_t i = s->batch.at; i < s->batch.cnt; i++) {
		const struct cdr *c = &s->batch.cdrs[i];
		if (c->use == CDR_COUNT && c->event_ms > most && unusable(s, c) == REASON_OK)
			most = c->event_ms;
	}
	return most;
}

enum err pipeline_step(struct shard *s, struct wall_time now, struct err_text *why)
{
	begin(s);
	decode(s); /* ingest: bytes become CDRs, while the last commit is on its way */
	int64_t until_ms = batch_reaches(s);
	enum err e = load(s, until_ms, until_ms, why); /* scoring: the last commit's answer; records from the store */
	if (!e)
		e = hand_over(s, why); /* sinks: what the last commit made durable goes to its topics */
	if (!e)
		e = apply(s, now, why); /* timers, commands, CDRs in order: windows, rules, phases, events */
	if (!e)
		e = copies_out(s, why); /* to the shards of called numbers and cohorts; acknowledged before the commit */
	if (!e)
		e = commit(s, why); /* records, outbox, timers, positions: one transaction, not awaited */
	return e;
}

/* A slice of the sweep, about once a second: records that ended leave the store, those that live on move to another day's list. */
enum err pipeline_sweep(struct shard *s, struct err_text *why)
{
	bool found = false;
	if (s->pipe->resident || mono_seconds_since(s->swept) < SWEEP_EVERY_S)
		return ERR_OK;
	s->swept = mono_now();
	enum err e = s->pipe->ops->commit_end(s->handle, why);
	if (e)
		return e;
	commit_answered(s);
	e = sweep_look(s, &found, why);
	if (e || !found)
		return e;
	begin(s);
	e = load(s, s->meta.clock_ms, TIME_NONE, why);
	if (!e)
		e = hand_over(s, why);
	if (!e) {
		sweep_apply(s);
		e = commit(s, why);
	}
	s->sweep_cnt = 0;
	return e;
}

/* Where the shard's clock stands by now if no CDR came (DESIGN section 5). */
static int64_t idle_clock(const struct shard *s, struct wall_time now)
{
	const struct settings *set = s->pipe->settings;
	const struct meta *m = &s->meta;
	if (set->time.idle == TIME_IDLE_OFF || m->backfill || m->produced_ms == TIME_NONE || m->cdr_clock_ms == TIME_NONE)
		return m->clock_ms;
	int64_t t = m->cdr_clock_ms + (now.ms - m->produced_ms) - set->time.idle_lag_ms;
	return t > m->clock_ms ? t : m->clock_ms;
}

/* Time passes without CDRs. */
static enum err pass_time(struct shard *s, int64_t to_ms, int64_t commands_before_ms, struct err_text *why)
{
	bool done = false;
	enum err e = ERR_OK;
	while (!e && !done) {
		begin(s);
		e = load(s, to_ms, commands_before_ms, why);
		if (!e)
			e = hand_over(s, why);
		if (e)
			break;
		done = advance(s, to_ms, commands_before_ms, &e, why);
		if (!e && done && to_ms > s->meta.clock_ms)
			s->meta.clock_ms = to_ms;
		if (!e)
			e = commit(s, why);
	}
	return e;
}

enum err pipeline_idle(struct shard *s, bool at_end, struct wall_time now, struct err_text *why)
{
	enum err e = ERR_OK;
	if (s->commit_pending) {
		e = s->pipe->ops->commit_end(s->handle, why);
		if (e)
			return e;
		commit_answered(s);
	}
	e = hand_over(s, why);
	if (e || !shard_batch_done(s))
		return e;
	const struct timer *t = timers_first(&s->timers);
	int64_t to_ms = at_end ? idle_clock(s, now) : s->meta.clock_ms;
	if ((t && t->due_ms <= to_ms) || (at_end && s->command_cnt))
		return pass_time(s, to_ms, at_end ? TIME_NEVER : TIME_NONE, why);
	return s->outbox.acked_cnt ? pass_time(s, s->meta.clock_ms, TIME_NONE, why) : ERR_OK;
}

enum err pipeline_finish(struct shard *s, int64_t until_ms, struct err_text *why)
{
	int64_t to_ms = until_ms > s->meta.clock_ms ? until_ms : s->meta.clock_ms;
	enum err e = pass_time(s, to_ms, TIME_NEVER, why);
	while (!e && (s->commit_pending || outbox_next_ready(&s->outbox))) {
		e = s->pipe->ops->commit_end(s->handle, why);
		if (e)
			break;
		commit_answered(s);
		e = hand_over(s, why);
	}
	return e;
}
