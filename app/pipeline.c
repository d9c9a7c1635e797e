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

/* *subjects: how many different ones were looked for so far. */
static void ask(struct shard *s, struct slice key, uint64_t hash, uint32_t *subjects)
{
	struct subject *sub = table_find(s->table, key, hash);
	if (!sub) {
		*subjects += asked_add(&s->asked, key, hash);
	} else if (sub->asked != s->asked.cycle) {
		sub->asked = s->asked.cycle;
		++*subjects;
	}
}

static void ask_timer(void *ctx, const struct timer *t)
{
	uint32_t subjects = 0;
	ask(ctx, timer_key(t), t->hash, &subjects);
}

/* What the cycle may touch: the subjects of copies, the callers of the batch, as many of them as it may change; the subjects of timers due by
 * `until_ms`, of commands whose turn may come. */
static void ask_all(struct shard *s, int64_t until_ms, int64_t commands_before_ms)
{
	const struct batch *b = &s->batch;
	const uint32_t most = (uint32_t)s->pipe->settings->run.changed_records;
	uint32_t at = s->inbox_at, subjects = 0;
	for (; at < s->inbox_cnt && subjects < most; at++) {
		const struct copy *c = inbox_turn(s, at);
		if (at + ASK_AHEAD < s->inbox_cnt)
			table_prefetch(s->table, inbox_turn(s, at + ASK_AHEAD)->key_hash);
		if (c->kind != COPY_KIND_CNT)
			ask(s, c->key, c->key_hash, &subjects);
	}
	for (uint32_t i = b->at; i < b->cnt && subjects < most; i++) {
		const struct cdr *c = &b->cdrs[i];
		if (i + ASK_AHEAD < b->cnt)
			table_prefetch(s->table, b->cdrs[i + ASK_AHEAD].caller_hash);
		if (c->reason == REASON_OK && c->use == CDR_COUNT)
			ask(s, c->calling_number, c->caller_hash, &subjects);
	}
	timers_until(&s->timers, until_ms, (uint32_t)s->pipe->settings->run.timers, ask_timer, s);
	for (uint32_t i = 0; i < s->sweep_cnt; i++)
		ask(s, s->sweep[i], key_hash(s->sweep[i]), &subjects);
	for (uint32_t i = s->again.at; i < s->again.to; i++)
		ask(s, s->again.keys[i], key_hash(s->again.keys[i]), &subjects);
	for (uint32_t i = 0; i < s->command_cnt; i++) {
		const struct waiting_command *w = &s->commands[(s->command_first + i) % COMMANDS_WAITING_MAX];
		if (w->time_ms >= commands_before_ms)
			break;
		if (w->command.reason == REASON_OK && w->command.number.len)
			ask(s, w->command.number, key_hash(w->command.number), &subjects);
	}
}

bool shard_is_damaged(const struct shard *s, struct slice key)
{
	for (uint32_t i = 0; i < s->damaged_cnt; i++)
		if (slice_is(key, s->damaged[i]))
			return true;
	return false;
}

static void set_aside(struct shard *s, struct slice key, const struct err_text *why)
{
	char number[LOG_NUMBER_BYTES];
	if (shard_is_damaged(s, key))
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

/* First-seen days of the subjects that may begin a record, and of those whose record may go. */
static enum err load_first_seen(struct shard *s, const struct store_read *read, struct err_text *why)
{
	struct first_seen *f = &s->first_seen;
	first_seen_reset(f);
	for (uint32_t i = 0; i < s->asked.cnt && s->meta.counts.expired > 0; i++)
		if (!read->values[i].p)
			first_seen_want(f, s->asked.hashes[i]);
	for (uint32_t i = 0; i < s->sweep_cnt; i++)
		first_seen_want(f, key_hash(s->sweep[i]));
	for (uint32_t i = 0; i < s->command_cnt; i++) {
		const struct command *c = &s->commands[(s->command_first + i) % COMMANDS_WAITING_MAX].command;
		if (c->verb == COMMAND_FORGET && c->reason == REASON_OK && c->number.len)
			first_seen_want(f, key_hash(c->number));
	}
	return first_seen_read(f, s->pipe->ops, s->handle, s->pipe->settings->topics.cdr, s->meta.partition, why);
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
			loaded->listed = true;
	}
	return load_first_seen(s, &read, why);
}

/* ---- hand over ---- */

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

/* ---- commit ---- */

#define GROW(array, cap, need)                                                   \
	do {                                                                     \
		if ((cap) < (need)) {                                            \
			(cap) = (need) + (need) / 2;                             \
			(array) = mem_realloc((array), (cap) * sizeof *(array)); \
		}                                                                \
	} while (0)

/* A record is listed with its first commit, for the day on which it would end. Calls that come later do not move it: the sweep of that day does. */
static void list_day(struct shard *s, struct subject *sub)
{
	int32_t day = subject_end_day(sub, s->pipe->settings->keep_ms);
	if (sub->listed)
		return;
	if (day < s->meta.sweep_day)
		day = s->meta.sweep_day; /* the lists before are swept */
	sub->listed = day != -1;
	if (sub->listed)
		s->days[s->day_cnt++] = (struct store_day){subject_key(sub), -1, day};
}

static void collect_records(struct shard *s, struct store_commit *c)
{
	uint32_t n = table_dirty_cnt(s->table), days = first_seen_changed(&s->first_seen), i = 0;
	GROW(s->puts, s->put_cap, n + SWEEP_MAX + days + s->histories.gone_cnt);
	GROW(s->days, s->day_cap, n + s->day_cnt);
	GROW(s->put_blocks, s->put_block_cap, n * RECORD_BLOCKS_MAX);
	buf_reset(&s->records);
	struct subject *sub = NULL;
	while (!s->pipe->resident && table_next_dirty(s->table, &sub)) {
		struct record_put r;
		record_store(s->table, sub, &s->records, s->put_blocks + (size_t)i * RECORD_BLOCKS_MAX, &r);
		list_day(s, sub);
		s->puts[i++] = (struct store_put){.at = {subject_key(sub), SPACE_RECORD},
						  .value = r.value,
						  .blocks = r.blocks,
						  .block_cnt = r.block_cnt,
						  .large = r.large,
						  .was_large = r.was_large};
	}
	const uint8_t *p = s->records.data; /* it has moved while it grew: place the slices of small records now */
	for (uint32_t k = 0; k < i; k++)
		if (!s->puts[k].value.p) {
			s->puts[k].value.p = (const char *)p;
			p += s->puts[k].value.len;
		}
	for (uint32_t k = 0; k < s->gone_cnt; k++)
		s->puts[i++] = (struct store_put){.at = {s->gone[k], SPACE_RECORD}};
	first_seen_puts(&s->first_seen, s->puts + i);
	i += days;
	i += histories_puts(&s->histories, s->puts + i);
	c->appends = histories_appends(&s->histories, &c->append_cnt);
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
	histories_reset(&s->histories);
	table_clean(s->table);
	timers_clean(&s->timers);
	table_evict(s->table);
	return ERR_OK;
}

/* ---- the cycle ---- */

static void begin(struct shard *s)
{
	arena_reset(&s->arena);
	rules_scratch_reset(s->scratch);
	s->said_cnt = 0;
	s->timers_fired = 0;
	s->forgot = false;
	s->plan_to = s->batch.at; /* keys lived in the arena, subjects may have been evicted */
	s->inbox_to = s->inbox_at;
	inbox_put_in_order(s);
	shard_use_rules(s);
}

void shard_use_rules(struct shard *s)
{
	struct pipeline *p = s->pipe;
	if (s->rules && s->rules_generation == atomic_load(&p->rules_generation))
		return;
	pthread_mutex_lock(&p->rules_lock);
	struct rules *fresh = rules_share(p->rules);
	s->rules_generation = atomic_load(&p->rules_generation);
	pthread_mutex_unlock(&p->rules_lock);
	if (s->rules)
		rules_free(s->rules);
	s->rules = fresh;
	for (int kind = 0; kind < SUBJECT_KINDS; kind++) {
		s->figures_of[kind] = rules_scratch_figures_of(s->scratch, fresh, (enum subject_kind)kind);
		s->asks[kind] = rules_have(fresh, (enum subject_kind)kind);
	}
	s->figures = s->figures_of[SUBJECT_NUMBER];
	s->places = rules_need_place(fresh);
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
		if (c->use == CDR_COUNT && c->event_ms > most && apply_unusable(s, c) == REASON_OK)
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
		e = apply_batch(s, now, why); /* timers, commands, CDRs in order: windows, rules, phases, events */
	if (!e)
		e = copies_out(s, why); /* to the shards of called numbers and cohorts; acknowledged before the commit */
	if (!e)
		e = commit(s, why); /* records, outbox, timers, positions: one transaction, not awaited */
	if (!e && s->pipe->resident && shard_batch_done(s) && s->inbox_at == s->inbox_cnt) /* no plan names subjects */
		sweep_resident(s);
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

enum err pipeline_again(struct shard *s, struct err_text *why)
{
	if (s->pipe->resident || !again_look(s))
		return ERR_OK;
	begin(s);
	enum err e = load(s, s->meta.clock_ms, TIME_NONE, why);
	if (!e)
		e = hand_over(s, why);
	if (e)
		return e;
	again_say(s);
	return commit(s, why);
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
		done = apply_time(s, to_ms, commands_before_ms, &e, why);
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
