/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a shard and its input. Its cycle is in pipeline.c. */
#include "app/shard.h"

#include "base/log.h"

#include <assert.h>
#include <sys/random.h>

/* ---- what the shards share ---- */

enum err pipeline_init(struct pipeline *p, const struct settings *settings, bool resident, struct err_text *why)
{
	*p = (struct pipeline){.settings = settings,
			       .resident = resident,
			       .no_history = resident,
			       .ops = store_ops((enum store_kind)settings->store.kind)};
	pthread_mutex_init(&p->rules_lock, NULL);
	return p->ops->open(&settings->store, false, &p->store, why);
}

void pipeline_release(struct pipeline *p)
{
	if (p->store)
		p->ops->close(p->store);
	if (p->rules)
		rules_free(p->rules);
	if (p->ops)
		pthread_mutex_destroy(&p->rules_lock);
	*p = (struct pipeline){0};
}

void pipeline_set_rules(struct pipeline *p, struct rules *r)
{
	pthread_mutex_lock(&p->rules_lock);
	struct rules *old = p->rules;
	p->rules = r;
	atomic_fetch_add(&p->rules_generation, 1);
	pthread_mutex_unlock(&p->rules_lock);
	if (old)
		rules_free(old);
}

/* ---- keys asked ---- */

static uint32_t asked_slot(const struct asked *a, struct slice key, uint64_t hash)
{
	uint32_t i = (uint32_t)(hash >> 32) & (a->slot_cnt - 1);
	for (; a->slots[i]; i = (i + 1) & (a->slot_cnt - 1)) {
		uint32_t k = a->slots[i] - 1;
		if (a->hashes[k] == hash && slice_eq(a->keys[k].key, key))
			break;
	}
	return i;
}

bool asked_has(const struct asked *a, struct slice key, uint64_t hash)
{
	return a->cnt > 0 && a->slots[asked_slot(a, key, hash)] != 0;
}

bool asked_add(struct asked *a, struct slice key, uint64_t hash)
{
	if (a->cnt == a->cap)
		return false; /* the cycle ends before the records that were not asked for */
	uint32_t i = asked_slot(a, key, hash);
	if (a->slots[i])
		return false;
	a->keys[a->cnt] = (struct store_key){key, SPACE_RECORD};
	a->hashes[a->cnt] = hash;
	a->slots[i] = ++a->cnt;
	return true;
}

void asked_reset(struct asked *a)
{
	if (a->cnt)
		memset(a->slots, 0, a->slot_cnt * sizeof *a->slots);
	a->cnt = 0;
	a->cycle++;
}

static void asked_init(struct asked *a, uint32_t cap)
{
	*a = (struct asked){.cap = cap, .slot_cnt = 1};
	while (a->slot_cnt < 2 * cap)
		a->slot_cnt *= 2;
	a->keys = mem_alloc(cap * sizeof *a->keys);
	a->hashes = mem_alloc(cap * sizeof *a->hashes);
	a->slots = mem_zalloc(a->slot_cnt * sizeof *a->slots);
}

static void asked_release(struct asked *a)
{
	free(a->keys);
	free(a->hashes);
	free(a->slots);
}

/* ---- taking and giving up ---- */

void shard_next_id(struct shard *s)
{
	uint64_t n;
	memcpy(&n, s->meta.id + 8, 8);
	n++;
	memcpy(s->meta.id + 8, &n, 8);
}

static void *next_owner(void)
{
	static _Atomic uintptr_t owners;
	return (void *)(atomic_fetch_add(&owners, 1) + 1); /* NOLINT: a number, never dereferenced */
}

static void rules_said(void *ctx, struct event *e)
{
	shard_say(ctx, e);
}

void shard_say(struct shard *s, const struct event *e)
{
	if (s->said_cnt == s->said_cap) {
		s->said_cap = s->said_cap ? 2 * s->said_cap : 16;
		s->said = mem_realloc(s->said, s->said_cap * sizeof *s->said);
	}
	s->said[s->said_cnt++] = *e;
}

static struct shard *shard_new(struct pipeline *p, const struct outlet *outlet)
{
	const struct settings *set = p->settings;
	struct shard *s = mem_zalloc(sizeof *s);
	s->pipe = p;
	s->outlet = outlet;
	s->owner = next_owner();
	s->hand_from_ms = TIME_NONE;
	arena_init(&s->again.arena, 4 << 10);
	histories_init(&s->histories);
	s->table = table_new(p->resident ? 0 : set->cache_bytes);
	timers_init(&s->timers);
	outbox_init(&s->outbox);
	arena_init(&s->arena, 64 << 10);
	s->batch.cap = (uint32_t)set->run.batch_records;
	s->batch.cdrs = mem_alloc(s->batch.cap * sizeof *s->batch.cdrs);
	s->batch.origins = mem_alloc(s->batch.cap * sizeof *s->batch.origins);
	arena_init(&s->batch.arena, 256 << 10);
	arena_init(&s->inbox_arena, 64 << 10);
	arena_init(&s->sweep_arena, 16 << 10);
	asked_init(&s->asked, (uint32_t)(set->run.batch_records + set->run.timers) + COMMANDS_WAITING_MAX + SWEEP_MAX +
				      (uint32_t)set->run.changed_records);
	s->commands = mem_zalloc(COMMANDS_WAITING_MAX * sizeof *s->commands);
	s->plan = mem_zalloc(PLAN_MAX * sizeof *s->plan);
	s->scratch = rules_scratch_new(&set->policies, rules_said, s);
	return s;
}

static enum err check_owner(const struct shard *s, const struct meta *m, int32_t partition, int32_t partitions, struct err_text *why)
{
	const struct settings *set = s->pipe->settings;
	if (!slice_is(m->deployment, set->deployment))
		return err_set(why, ERR_FOREIGN,
			       "the state of %s:%d belongs to the deployment '" SLICE_FMT
			       "', this one is '%s': give it a store (database, file) of its own, "
			       "or set deployment: " SLICE_FMT,
			       set->topics.cdr, partition, SLICE_ARG(m->deployment), set->deployment, SLICE_ARG(m->deployment));
	if (m->partitions != partitions)
		return err_set(why, ERR_FOREIGN,
			       "topic %s has %d partitions, its state was made with %d: numbers would move between shards. Go back to %d "
			       "partitions, or "
			       "publish into a new topic of %d partitions and start a new deployment on it",
			       set->topics.cdr, partitions, m->partitions, m->partitions, partitions);
	return ERR_OK;
}

static enum err load_entry(void *ctx, struct slice key, struct slice value, int64_t number)
{
	(void)key;
	struct shard *s = ctx;
	outbox_add(&s->outbox, (uint64_t)number, value, OUTBOX_READY);
	return ERR_OK;
}

static enum err load_timer(void *ctx, struct slice key, struct slice value, int64_t due_ms)
{
	(void)value;
	struct shard *s = ctx;
	timers_set(&s->timers, key, hash64(key.p, key.len, 0), due_ms);
	return ERR_OK;
}

/* A read of the meta alone: without one the store takes no commit. */
static enum err get_meta(struct shard *s, struct slice *meta, struct err_text *why)
{
	struct store_read read;
	enum err e = s->pipe->ops->read_begin(s->handle, NULL, 0, why);
	if (!e)
		e = s->pipe->ops->read_end(s->handle, &read, why);
	if (!e)
		*meta = read.meta;
	return e;
}

/* A commit of the meta alone. The store expects `expect`: zeros for a shard without state. */
static enum err put_meta(struct shard *s, const uint8_t expect[COMMIT_ID_BYTES], struct err_text *why)
{
	struct store_commit commit = {0};
	memcpy(commit.expect, expect, COMMIT_ID_BYTES);
	shard_next_id(s);
	buf_reset(&s->message);
	meta_encode(&s->meta, &s->marks, &s->message);
	commit.meta = buf_slice(&s->message);
	enum err e = s->pipe->ops->commit_begin(s->handle, &commit, why);
	if (!e)
		e = s->pipe->ops->commit_end(s->handle, why);
	if (!e)
		s->committed = s->meta;
	return e;
}

/* Reads the meta, checks whose it is, and puts our own commit id there: from now on an earlier owner is fenced. */
static enum err claim(struct shard *s, int32_t partition, int32_t partitions, struct err_text *why)
{
	const struct settings *set = s->pipe->settings;
	struct slice found;
	uint8_t expect[COMMIT_ID_BYTES] = {0};
	enum err e = get_meta(s, &found, why);
	if (e)
		return e;
	s->meta = (struct meta){.cdr_next = TIME_NONE,
				.control_next = TIME_NONE,
				.relay_next = TIME_NONE,
				.sweep_day = -1,
				.cdr_clock_ms = TIME_NONE,
				.clock_ms = TIME_NONE,
				.produced_ms = TIME_NONE,
				.command_ms = TIME_NONE};
	if (found.p) {
		e = meta_decode(found, &s->meta, &s->marks, why);
		if (!e)
			e = check_owner(s, &s->meta, partition, partitions, why);
		if (e)
			return e;
		memcpy(expect, s->meta.id, COMMIT_ID_BYTES);
	}
	s->meta.deployment = slice_of(set->deployment);
	s->meta.topic = slice_of(set->topics.cdr);
	s->meta.partition = partition;
	s->meta.partitions = partitions;
	/* grows even where the store was set back: facts are told apart by it */
	int64_t now_ms = wall_now().ms;
	s->meta.epoch = (uint64_t)now_ms > s->meta.epoch ? (uint64_t)now_ms : s->meta.epoch + 1;
	if (getrandom(s->meta.id, 8, 0) != 8)
		return err_set(why, ERR_IO, "getrandom gave no bytes");
	memset(s->meta.id + 8, 0, 8);
	return put_meta(s, expect, why);
}

enum err shard_take(struct pipeline *p, const struct outlet *outlet, int32_t partition, int32_t partitions, struct shard **out,
		    struct err_text *why)
{
	struct shard *s = shard_new(p, outlet);
	enum err e = p->ops->shard_open(p->store, p->settings->topics.cdr, partition, &s->handle, why);
	if (!e)
		e = claim(s, partition, partitions, why);
	if (!e)
		e = p->ops->outbox(s->handle, load_entry, s, why);
	if (!e)
		e = p->ops->timers(s->handle, load_timer, s, why);
	if (e) {
		shard_drop(s);
		return e;
	}
	timers_clean(&s->timers);
	again_begin(s);
	s->control_read = s->meta.control_next;
	s->packs = mem_zalloc((size_t)partitions * sizeof *s->packs);
	*out = s;
	return ERR_OK;
}

void shard_drop(struct shard *s)
{
	if (!s)
		return;
	if (s->handle)
		s->pipe->ops->shard_close(s->handle);
	table_free(s->table);
	timers_release(&s->timers);
	outbox_release(&s->outbox);
	for (uint32_t i = 0; i < COMMANDS_WAITING_MAX; i++)
		arena_release(&s->commands[i].arena);
	free(s->commands);
	arena_release(&s->arena);
	arena_release(&s->batch.arena);
	arena_release(&s->inbox_arena);
	free(s->inbox);
	free(s->inbox_order);
	free(s->marks.v);
	for (int32_t i = 0; s->packs && i < s->meta.partitions; i++)
		buf_release(&s->packs[i].bytes);
	free(s->packs);
	free(s->plan);
	free(s->batch.cdrs);
	free(s->batch.origins);
	asked_release(&s->asked);
	rules_scratch_free(s->scratch);
	if (s->rules)
		rules_free(s->rules);
	free(s->said);
	buf_release(&s->message);
	buf_release(&s->records);
	free(s->puts);
	free(s->put_blocks);
	free(s->timer_puts);
	free(s->entries);
	free(s->days);
	arena_release(&s->sweep_arena);
	again_release(&s->again);
	first_seen_release(&s->first_seen);
	histories_release(&s->histories);
	free(s->damaged);
	free(s);
}

/* ---- looking at it ---- */

const struct meta *shard_meta(const struct shard *s)
{
	return &s->meta;
}

const struct meta *shard_committed(const struct shard *s)
{
	return &s->committed;
}

enum err shard_start(struct shard *s, int64_t cdr_next, int64_t control_next, int64_t relay_next, struct err_text *why)
{
	struct meta *m = &s->meta;
	/* Of names alone, so that a shard whose state is lost sends what it sent before under the same source. A position that went back is another topic of
	 * the same name: its copies must not be taken for those of the old one. */
	bool first = m->topic_id == 0, back = m->cdr_next != TIME_NONE && cdr_next < m->cdr_next;
	if (first)
		m->topic_id = hash64(m->topic.p, m->topic.len, hash64(m->deployment.p, m->deployment.len, 0)) | 1;
	if (back)
		m->topic_id = hash64(&m->topic_id, sizeof m->topic_id, 0) | 1;
	m->cdr_next = cdr_next;
	m->control_next = control_next;
	m->relay_next = relay_next;
	s->control_read = control_next;
	if (!first && !back)
		return ERR_OK;
	/* Stored before the first copy goes out with it: who takes the shard from us sends the same copies again, and they must be known as the same. */
	struct slice found;
	uint8_t expect[COMMIT_ID_BYTES];
	memcpy(expect, m->id, COMMIT_ID_BYTES);
	enum err e = get_meta(s, &found, why);
	return e ? e : put_meta(s, expect, why);
}

bool shard_commands_full(const struct shard *s)
{
	return s->command_cnt == COMMANDS_WAITING_MAX;
}

int32_t shard_partition(const struct shard *s)
{
	return s->meta.partition;
}

void *shard_owner(const struct shard *s)
{
	return s->owner;
}

void shard_acked(struct shard *s, uint64_t number)
{
	outbox_ack(&s->outbox, number);
}

bool shard_paused(const struct shard *s)
{
	const struct settings *set = s->pipe->settings;
	return s->outbox.cnt >= set->run.outbox_entries || s->outbox.bytes >= set->run.outbox_bytes;
}

bool shard_busy(const struct shard *s)
{
	return s->commit_pending || s->outbox.acked_cnt > 0;
}

uint32_t shard_outbox(const struct shard *s)
{
	return s->outbox.cnt;
}

const struct shard_times *shard_times(const struct shard *s)
{
	return &s->times;
}

struct table *shard_subjects(struct shard *s)
{
	return s->table;
}

uint64_t shard_living(struct shard *s)
{
	uint64_t n = 0, at = 0;
	for (struct subject *sub; (sub = table_each(s->table, &at));)
		n += !subject_has_ended(s, sub, TIME_NONE);
	return n;
}

struct rules_scratch *shard_scratch(struct shard *s)
{
	return s->scratch;
}

const struct rules *shard_rules(const struct shard *s)
{
	return s->rules;
}

/* ---- input ---- */

bool shard_add(struct shard *s, struct slice payload, struct slice key, const rd_kafka_headers_t *headers, int64_t offset,
	       int64_t produced_ms)
{
	struct batch *b = &s->batch;
	if (b->cnt == b->cap)
		return false;
	b->origins[b->cnt] = (struct origin){key, headers};
	struct cdr *c = &b->cdrs[b->cnt++];
	c->payload = payload;
	c->offset = offset;
	c->produced_ms = produced_ms;
	return true;
}

bool shard_add_decoded(struct shard *s, const struct cdr *c)
{
	struct batch *b = &s->batch;
	assert(b->decoded == b->cnt);
	if (b->cnt == b->cap)
		return false;
	b->origins[b->cnt] = (struct origin){0};
	b->cdrs[b->cnt++] = *c;
	b->decoded = b->cnt;
	return true;
}

bool shard_batch_done(const struct shard *s)
{
	return s->batch.at == s->batch.cnt && s->inbox_at == s->inbox_cnt;
}

uint32_t shard_batch_cnt(const struct shard *s)
{
	return s->batch.cnt;
}

void shard_batch_reset(struct shard *s)
{
	assert(shard_batch_done(s));
	s->batch.cnt = s->batch.at = s->batch.decoded = 0;
	s->inbox_cnt = s->inbox_at = s->inbox_ordered = 0;
	arena_reset(&s->inbox_arena);
	arena_reset(&s->batch.arena);
}

bool shard_command(struct shard *s, struct slice payload, int64_t offset, int64_t produced_ms)
{
	if (s->command_cnt == COMMANDS_WAITING_MAX)
		return false;
	uint32_t last = (s->command_first + s->command_cnt++) % COMMANDS_WAITING_MAX;
	struct waiting_command *w = &s->commands[last];
	int64_t before = s->meta.command_ms;
	if (s->command_cnt > 1)
		before = s->commands[(last + COMMANDS_WAITING_MAX - 1) % COMMANDS_WAITING_MAX].time_ms;
	if (!w->arena.block_bytes)
		arena_init(&w->arena, 1024);
	arena_reset(&w->arena);
	payload = arena_copy(&w->arena, payload);
	decode_command(payload, produced_ms, &w->arena, &w->command);
	w->command.payload = payload;
	w->command.offset = offset;
	w->command.produced_ms = produced_ms;
	w->time_ms = before;
	if (w->command.reason == REASON_OK && w->command.time_ms > before)
		w->time_ms = w->command.time_ms;
	s->control_read = offset + 1;
	return true;
}

int64_t shard_control_read(const struct shard *s)
{
	return s->control_read;
}
