/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   One loop: serve the group, take the shards that are ours, give each open shard what its partition has at hand, step it, go on with time where
 *   there is nothing. While the store works on one shard's commit the loop is busy with the next shard's batch.
 *
 * WHEN SOMETHING IS AWAY
 *   Store or topics away, or fenced: the shard is dropped (its cache is only a cache) and taken again after a pause that grows to 5 s, if it is still
 *   assigned. Meanwhile nothing of it is read: librdkafka's queue bound is the memory bound. A fatal error ends the worker and the process. */
#include "app/worker.h"

#include "app/peek.h"
#include "base/log.h"
#include "ingest/source_kafka.h"

#include <assert.h>

#define IDLE_WAIT_MS 20
#define TAKE_PAUSE_FIRST_MS 100
#define TAKE_PAUSE_MOST_MS 5000
#define FENCED_OFTEN 5
#define FENCED_WITHIN_S 60
#define COUNT_CHECK_S 10
#define RELAY_WAIT_MS 60000
#define COUNT_WAIT_MS 5000
#define QUEUE_LEAST_BYTES (INT64_C(1) << 20) /* per partition, however many there are */

struct slot { /* a partition that the group gave us */
	int32_t partition;
	bool mine;
	struct shard *shard; /* NULL: not taken yet */
	struct mono_time take_at;
	int64_t pause_ms;
	uint32_t fenced_cnt; /* each within FENCED_WITHIN_S of the one before */
	struct mono_time fenced_at;
	int64_t knew;              /* position of the next CDR when we last had the shard; TIME_NONE: never */
	bool away;                 /* said once, and once again when it is back */
	rd_kafka_message_t **held; /* the batch's bytes */
	size_t held_cnt;
	int64_t control_end; /* read control to here before the batch is applied */
	bool end_known;      /* control_end belongs to this batch */
};

struct worker {
	struct pipeline *pipe;
	struct worker_config config;
	struct source *source;
	struct sink_kafka *sink;
	struct sink_relay *relay;
	struct outlet outlet;
	struct slot *slots;
	size_t slot_cnt;
	struct worker_status status;
	pthread_t thread;
	bool has_thread;
	struct mono_time count_at;
	uint64_t fenced, records;
	bool kafka_away; /* said once, and once again when it is back */
	bool grown;      /* the CDR topic has more partitions than the state was made with: everything pauses */
	enum err end;
	struct err_text why;
};

/* ---- the outlet: topics ---- */

static enum err outlet_send(void *ctx, void *owner, uint64_t number, const struct message *m, struct err_text *why)
{
	struct worker *w = ctx;
	return sink_kafka_send(w->sink, m, owner, number, why);
}

static enum err outlet_dead_letter(void *ctx, void *owner, const struct dead_letter *d, struct err_text *why)
{
	struct worker *w = ctx;
	enum err e;
	while ((e = sink_kafka_dead_letter(w->sink, d, w->pipe->settings->kafka.group, owner, why)) == ERR_LIMIT)
		sink_kafka_poll(w->sink, 10);
	return e;
}

static uint64_t outlet_open(void *ctx, const void *owner)
{
	return sink_kafka_dead_letters_open(((struct worker *)ctx)->sink, owner);
}

static void outlet_poll(void *ctx, int wait_ms)
{
	sink_kafka_poll(((struct worker *)ctx)->sink, wait_ms);
}

static enum err outlet_relay(void *ctx, void *owner, int32_t partition, struct slice message, uint64_t number, struct err_text *why)
{
	struct worker *w = ctx;
	enum err e;
	while ((e = sink_relay_send(w->relay, partition, message, owner, number, why)) == ERR_LIMIT && number == RELAY_COPIES)
		sink_relay_poll(w->relay, 10);
	return e;
}

static enum err outlet_relay_await(void *ctx, void *owner, struct err_text *why)
{
	return sink_relay_await(((struct worker *)ctx)->relay, owner, RELAY_WAIT_MS, why);
}

static void on_acked(void *ctx, void *owner, uint64_t number)
{
	struct worker *w = ctx;
	for (size_t i = 0; i < w->slot_cnt; i++)
		if (w->slots[i].shard && shard_owner(w->slots[i].shard) == owner)
			shard_acked(w->slots[i].shard, number);
}

/* ---- shards come and go ---- */

static void release_batch(struct slot *s)
{
	for (size_t i = 0; i < s->held_cnt; i++)
		rd_kafka_message_destroy(s->held[i]);
	s->held_cnt = 0;
	s->end_known = false;
}

static void drop(struct worker *w, struct slot *s)
{
	if (!s->shard)
		return;
	if (shard_committed(s->shard)->cdr_next != TIME_NONE)
		s->knew = shard_committed(s->shard)->cdr_next;
	sink_kafka_forget(w->sink, shard_owner(s->shard));
	sink_relay_forget(w->relay, shard_owner(s->shard));
	shard_drop(s->shard);
	s->shard = NULL;
	release_batch(s);
}

static void on_given(void *ctx, int32_t partition)
{
	struct worker *w = ctx;
	struct slot *s = NULL;
	for (size_t i = 0; i < w->slot_cnt; i++)
		if (w->slots[i].partition == partition)
			s = &w->slots[i];
	if (!s) {
		w->slots = mem_realloc(w->slots, (w->slot_cnt + 1) * sizeof *w->slots);
		s = &w->slots[w->slot_cnt++];
		*s = (struct slot){.partition = partition, .knew = TIME_NONE};
		s->held = mem_alloc((size_t)w->pipe->settings->run.batch_records * sizeof(rd_kafka_message_t *));
	}
	s->mine = true;
	s->pause_ms = 0;
	s->take_at = mono_now();
}

/* Kafka's own offsets follow the store, for lag tools. */
static void follow(struct worker *w, const struct slot *s)
{
	const struct meta *m = shard_committed(s->shard);
	const int64_t next[SOURCE_TOPICS] = {m->cdr_next, m->control_next, m->relay_next};
	source_follow(w->source, s->partition, next);
}

/* The cycle under way is answered, so it is finished or dropped as a whole. */
static void on_taken(void *ctx, int32_t partition, bool lost)
{
	struct worker *w = ctx;
	const struct settings *set = w->pipe->settings;
	for (size_t i = 0; i < w->slot_cnt; i++) {
		struct slot *s = &w->slots[i];
		struct err_text why;
		if (s->partition != partition)
			continue;
		s->mine = false;
		if (s->shard && !lost && pipeline_idle(s->shard, false, wall_now(), &why) == ERR_OK)
			follow(w, s);
		drop(w, s);
		if (set->store.kind == STORE_REDIS || atomic_load(w->config.stop))
			log_info("app", "gave up partition %d%s", partition, lost ? " (lost)" : "");
		else
			log_warn("app",
				 "gave up partition %d%s: if not to another worker of this process, somebody has joined the group %s, and "
				 "the store of this process is its own",
				 partition, lost ? " (lost)" : "", set->kafka.group);
	}
}

/* Once is a sleeper that wakes, or a store set back. Again and again is somebody whom the group does not know. */
static void note_fenced(struct worker *w, struct slot *s)
{
	w->fenced++;
	s->fenced_cnt = mono_seconds_since(s->fenced_at) < FENCED_WITHIN_S ? s->fenced_cnt + 1 : 1;
	s->fenced_at = mono_now();
	if (s->fenced_cnt == FENCED_OFTEN)
		log_error("app",
			  "partition %d was taken away by another process %d times, though the group %s gives it to this one: does a "
			  "process of "
			  "the deployment %s run with another kafka.group, or on another Kafka? Stop one of them",
			  s->partition, FENCED_OFTEN, w->pipe->settings->kafka.group, w->pipe->settings->deployment);
}

/* What went wrong with a shard: retry later, or end the worker. */
static enum err setback(struct worker *w, struct slot *s, enum err e, struct err_text *why)
{
	if (s->shard) {
		drop(w, s);
		source_stop(w->source, s->partition);
	}
	if (err_class(e) != ERR_CLASS_RETRY)
		return e;
	if (e == ERR_FENCED)
		note_fenced(w, s);
	s->pause_ms = s->pause_ms ? s->pause_ms * 2 : TAKE_PAUSE_FIRST_MS;
	if (s->pause_ms > TAKE_PAUSE_MOST_MS)
		s->pause_ms = TAKE_PAUSE_MOST_MS;
	s->take_at.ns = mono_now().ns + s->pause_ms * 1000000;
	if (!s->away)
		log_warn("app", "partition %d pauses (%s): %s", s->partition, err_meaning(e), why->text);
	s->away = true;
	return ERR_OK;
}

/* A shard without state. If this process knew one, the store has lost it while we ran: its mark of the deployment too, which is left again; and what
 * `kafka.start: latest` would then pass over is never passed over in silence. */
static enum err take_fresh(struct worker *w, struct slot *s, struct err_text *why)
{
	const struct settings *set = w->pipe->settings;
	if (s->knew == TIME_NONE)
		return ERR_OK;
	if (set->kafka.start == KAFKA_LATEST && !w->config.accept_gap)
		return err_set(
			why, ERR_GAP,
			"%s:%d: the store has lost the state, which stood at offset %lld, and kafka.start is latest: what was produced "
			"since would be passed over. "
			"Bring the state back, or set kafka.start: earliest to count everything again, or go on from now with "
			"--accept-gap",
			set->topics.cdr, s->partition, (long long)s->knew);
	log_error("app", "partition %d: the store has lost the state, which stood at offset %lld: it begins again at the %s", s->partition,
		  (long long)s->knew, set->kafka.start == KAFKA_LATEST ? "end" : "first record that the topic still has");
	return deployment_claim(w->pipe, w->config.partitions, why);
}

static enum err take(struct worker *w, struct slot *s, struct err_text *why)
{
	const struct settings *set = w->pipe->settings;
	enum err e = shard_take(w->pipe, &w->outlet, s->partition, w->config.partitions, &s->shard, why);
	if (!e && shard_meta(s->shard)->cdr_next == TIME_NONE)
		e = take_fresh(w, s, why);
	if (!e) {
		const struct meta *m = shard_meta(s->shard);
		int64_t first = set->kafka.start == KAFKA_LATEST ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
		int64_t offsets[SOURCE_TOPICS] = {m->cdr_next == TIME_NONE ? first : m->cdr_next,
						  m->control_next == TIME_NONE ? RD_KAFKA_OFFSET_BEGINNING : m->control_next,
						  m->relay_next == TIME_NONE ? RD_KAFKA_OFFSET_BEGINNING : m->relay_next};
		e = source_start(w->source, s->partition, offsets, m->produced_ms, w->config.accept_gap, why);
		if (!e)
			e = shard_start(s->shard, offsets[SOURCE_CDR], offsets[SOURCE_CONTROL], offsets[SOURCE_RELAY], why);
	}
	if (e)
		return setback(w, s, e, why);
	if (s->away)
		log_info("app", "partition %d is back", s->partition);
	s->away = false;
	s->pause_ms = 0;
	log_info("app", "took partition %d at offset %lld", s->partition, (long long)shard_meta(s->shard)->cdr_next);
	return ERR_OK;
}

/* ---- one round ---- */

/* A tombstone has no value, which is not an empty one: its dead letter has none either. */
static struct slice value_of(const rd_kafka_message_t *m)
{
	return m->payload ? slice_make(m->payload, m->len) : SLICE_NONE;
}

static enum err fetch(struct worker *w, struct slot *s, struct err_text *why)
{
	enum err e =
		source_fetch(w->source, s->partition, SOURCE_CDR, s->held, (size_t)w->pipe->settings->run.batch_records, &s->held_cnt, why);
	for (size_t i = 0; i < s->held_cnt; i++) {
		rd_kafka_message_t *m = s->held[i];
		rd_kafka_headers_t *headers = NULL;
		rd_kafka_timestamp_type_t type;
		rd_kafka_message_headers(m, &headers);
		int64_t ts = rd_kafka_message_timestamp(m, &type);
		shard_add(s->shard, value_of(m), slice_make(m->key, m->key_len), headers, m->offset, ts < 0 ? TIME_NONE : ts);
	}
	return e;
}

/* Reads what control has at hand. *complete: it is read to the end that it had when the batch was fetched, or enough commands wait. */
static enum err read_control(struct worker *w, struct slot *s, bool *complete, struct err_text *why)
{
	rd_kafka_message_t *m;
	size_t n = 1;
	*complete = true;
	while (n > 0 && !shard_commands_full(s->shard)) {
		enum err e = source_fetch(w->source, s->partition, SOURCE_CONTROL, &m, 1, &n, why);
		if (n > 0) {
			rd_kafka_timestamp_type_t type;
			int64_t ts = rd_kafka_message_timestamp(m, &type);
			shard_command(s->shard, value_of(m), m->offset, ts < 0 ? TIME_NONE : ts);
			rd_kafka_message_destroy(m);
		}
		if (e)
			return e;
	}
	*complete = shard_commands_full(s->shard) || shard_control_read(s->shard) >= s->control_end ||
		    source_at_end(w->source, s->partition, SOURCE_CONTROL);
	return ERR_OK;
}

/* Fetched, and the end of its control partition not asked yet. */
static bool fresh(const struct slot *s)
{
	return s->shard && s->held_cnt && !s->end_known;
}

static void set_away(struct worker *w, bool away, const char *why)
{
	if (away && !w->kafka_away)
		log_warn("ingest", "Kafka is away, the shards pause: %s", why);
	else if (!away && w->kafka_away)
		log_info("ingest", "Kafka is back");
	w->kafka_away = away;
}

/* Asks once for all shards that fetched something where their control partitions end. */
static enum err control_ends(struct worker *w, struct err_text *why)
{
	int32_t partitions[256];
	int64_t ends[256];
	size_t n = 0;
	for (size_t i = 0; i < w->slot_cnt && n < 256; i++)
		if (fresh(&w->slots[i]))
			partitions[n++] = w->slots[i].partition;
	if (n == 0)
		return ERR_OK;
	enum err e = source_control_ends(w->source, partitions, ends, n, why);
	set_away(w, e != ERR_OK, why->text);
	for (size_t i = 0, k = 0; i < w->slot_cnt && k < n && !e; i++)
		if (fresh(&w->slots[i])) {
			w->slots[i].control_end = ends[k++];
			w->slots[i].end_known = true;
		}
	return e;
}

/* What other shards have sent, as much as may wait. */
static enum err read_relay(struct worker *w, struct slot *s, struct err_text *why)
{
	rd_kafka_message_t *m;
	size_t n = 1;
	while (n > 0 && shard_relay_room(s->shard)) {
		enum err e = source_fetch(w->source, s->partition, SOURCE_RELAY, &m, 1, &n, why);
		if (n > 0) {
			shard_relay(s->shard, slice_make(m->payload ? m->payload : "", m->len), m->offset);
			rd_kafka_message_destroy(m);
		}
		if (e)
			return e;
	}
	return ERR_OK;
}

static enum err step_to_the_end(struct worker *w, struct slot *s, struct err_text *why)
{
	enum err e = ERR_OK;
	while (!e && !shard_batch_done(s->shard))
		e = pipeline_step(s->shard, wall_now(), why);
	if (e)
		return e;
	w->records += s->held_cnt;
	shard_batch_reset(s->shard);
	release_batch(s);
	return ERR_OK;
}

/* *idle: nothing could be done for this shard in this round. */
static enum err work(struct worker *w, struct slot *s, bool *idle, struct err_text *why)
{
	bool complete;
	enum err e = read_control(w, s, &complete, why);
	if (!e)
		e = read_relay(w, s, why);
	if (!e && shard_batch_done(s->shard)) {
		bool at_end = source_at_end(w->source, s->partition, SOURCE_CDR) && source_at_end(w->source, s->partition, SOURCE_CONTROL);
		e = pipeline_idle(s->shard, at_end, wall_now(), why);
	} else if (!e && complete) {
		*idle = false;
		e = step_to_the_end(w, s, why);
	}
	if (!e && shard_batch_done(s->shard))
		e = pipeline_sweep(s->shard, why);
	if (!e && shard_batch_done(s->shard))
		e = pipeline_again(s->shard, why);
	if (!e)
		follow(w, s);
	return e;
}

/* A topic that grew: numbers would move between shards. All shards pause; a start is refused. */
static void pause_all(struct worker *w, int32_t partitions)
{
	log_error("app",
		  "topic %s has %d partitions now, its state was made with %d: numbers would move between shards. All shards pause. Stop, "
		  "publish into a new "
		  "topic of %d partitions and start a new deployment on it, or make the topic anew with %d",
		  w->pipe->settings->topics.cdr, partitions, w->config.partitions, partitions, w->config.partitions);
	w->grown = true;
	for (size_t i = 0; i < w->slot_cnt; i++)
		if (w->slots[i].shard) {
			drop(w, &w->slots[i]);
			source_stop(w->source, w->slots[i].partition);
		}
}

/* Now and then, and every second while Kafka is away: is it there, and has the topic the partitions that the state was made with? */
static void check_kafka(struct worker *w)
{
	int32_t partitions = 0;
	struct err_text why;
	if (source_down(w->source))
		set_away(w, true, "no broker is connected");
	if (mono_now().ns < w->count_at.ns)
		return;
	enum err e = source_count(w->source, w->kafka_away ? 1000 : COUNT_WAIT_MS, &partitions, &why);
	w->count_at.ns = mono_now().ns + (e ? 1 : COUNT_CHECK_S) * INT64_C(1000000000);
	if (e)
		set_away(w, true, why.text);
	else
		set_away(w, false, NULL);
	if (!e && partitions != 0 && partitions != w->config.partitions && !w->grown)
		pause_all(w, partitions);
}

static enum err round_of_work(struct worker *w, bool *idle, struct err_text *why)
{
	enum err e = ERR_OK;
	check_kafka(w);
	*idle = true;
	for (size_t i = 0; i < w->slot_cnt && !e; i++) {
		struct slot *s = &w->slots[i];
		if (s->mine && !s->shard && !w->grown && mono_now().ns >= s->take_at.ns)
			e = take(w, s, why);
		if (e || !s->shard || s->held_cnt || shard_paused(s->shard))
			continue;
		enum err f = fetch(w, s, why);
		if (f)
			e = setback(w, s, f, why);
	}
	if (!e && control_ends(w, why) != ERR_OK)
		return ERR_OK; /* Kafka is away: what was fetched waits */
	for (size_t i = 0; i < w->slot_cnt && !e; i++) {
		struct slot *s = &w->slots[i];
		if (!s->shard)
			continue;
		enum err f = work(w, s, idle, why);
		if (f)
			e = setback(w, s, f, why);
	}
	return e;
}

static void publish(struct worker *w)
{
	uint64_t applied = 0, subjects = 0, outbox = 0, paused = 0;
	int64_t lag = 0, behind = 0, now = wall_now().ms;
	uint32_t shards = 0;
	bool blind = false;
	double commit_ms = 0;
	for (size_t i = 0; i < w->slot_cnt; i++) {
		struct shard *s = w->slots[i].shard;
		paused += w->slots[i].mine && !s;
		blind = blind || (w->slots[i].mine && !s);
		if (!s)
			continue;
		const struct meta *m = shard_meta(s);
		int64_t l = source_lag(w->source, w->slots[i].partition, m->cdr_next);
		shards++;
		applied += m->counts.applied;
		subjects += table_subjects(shard_subjects(s));
		outbox += shard_outbox(s);
		paused += shard_paused(s);
		lag += l > 0 ? l : 0;
		if (m->cdr_clock_ms != TIME_NONE && now - m->cdr_clock_ms > behind)
			behind = now - m->cdr_clock_ms;
		if (shard_times(s)->commit_ms > commit_ms)
			commit_ms = shard_times(s)->commit_ms;
	}
	w->status.applied = applied;
	w->status.subjects = subjects;
	w->status.outbox = outbox;
	w->status.paused = paused;
	w->status.lag = lag;
	w->status.blind = blind;
	w->status.behind_ms = behind;
	w->status.commit_us = (uint64_t)(commit_ms * 1000);
	w->status.shards = shards;
	w->status.fenced = w->fenced;
	w->status.records = w->records;
}

/* The cycles under way are answered and their events given to the topics, within the drain limit. */
static void drain(struct worker *w)
{
	struct mono_time from = mono_now();
	const struct settings *set = w->pipe->settings;
	for (bool open = true; open && mono_seconds_since(from) * 1000 < (double)set->run.drain_ms;) {
		open = false;
		for (size_t i = 0; i < w->slot_cnt; i++) {
			struct slot *s = &w->slots[i];
			struct err_text why;
			if (!s->shard || pipeline_idle(s->shard, false, wall_now(), &why) != ERR_OK)
				continue;
			open = open || shard_outbox(s->shard) > 0 || shard_busy(s->shard);
		}
		sink_kafka_poll(w->sink, 10);
		sink_relay_poll(w->relay, 0);
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	bool idle = false;
	enum err e = ERR_OK;
	while (!e && !atomic_load(w->config.stop)) {
		e = source_poll(w->source, idle ? IDLE_WAIT_MS : 0, &w->why);
		if (!e)
			e = round_of_work(w, &idle, &w->why);
		sink_kafka_poll(w->sink, 0);
		sink_relay_poll(w->relay, 0);
		publish(w);
	}
	if (!e)
		drain(w);
	w->end = e;
	if (e)
		w->config.fatal(w->config.fatal_ctx);
	source_close(w->source); /* calls on_taken for every shard */
	w->source = NULL;
	sink_kafka_close(w->sink, w->pipe->settings->run.drain_ms);
	sink_relay_close(w->relay);
	w->sink = NULL;
	w->relay = NULL;
	return NULL;
}

/* ---- life ---- */

/* Each partition of each topic has a queue of its own, and librdkafka bounds each: the consumer's bound is shared out. */
static int64_t queue_share(const struct settings *set, int32_t partitions)
{
	int64_t share = set->kafka.queue_bytes / (SOURCE_TOPICS * (int64_t)partitions);
	return share > QUEUE_LEAST_BYTES ? share : QUEUE_LEAST_BYTES;
}

enum err worker_start(struct pipeline *p, const struct worker_config *c, struct worker **out, struct err_text *why)
{
	const struct settings *set = p->settings;
	struct worker *w = mem_zalloc(sizeof *w);
	char suffix[32], relay[40];
	w->pipe = p;
	w->config = *c;
	w->outlet = (struct outlet){.send = outlet_send,
				    .dead_letter = outlet_dead_letter,
				    .dead_letters_open = outlet_open,
				    .poll = outlet_poll,
				    .relay = outlet_relay,
				    .relay_await = outlet_relay_await,
				    .ctx = w};
	snprintf(suffix, sizeof suffix, "w%u", c->number);
	enum err e = sink_kafka_open(&set->kafka, &set->topics.out, suffix, on_acked, w, &w->sink, why);
	snprintf(relay, sizeof relay, "w%u-relay", c->number);
	if (!e)
		e = sink_relay_open(&set->kafka, set->topics.relay, relay, on_acked, w, &w->relay, why);
	struct kafka_config kafka = set->kafka;
	kafka.queue_bytes = queue_share(set, c->partitions);
	const char *const topics[SOURCE_TOPICS] = {set->topics.cdr, set->topics.control, set->topics.relay};
	if (!e)
		e = source_open(&kafka, topics, suffix, &(struct source_hooks){on_given, on_taken, w}, &w->source, why);
	if (!e && pthread_create(&w->thread, NULL, worker_main, w) != 0)
		e = err_set(why, ERR_IO, "cannot start a worker thread");
	w->has_thread = !e;
	*out = w;
	if (e) {
		worker_join(w, NULL);
		*out = NULL;
	}
	return e;
}

enum err worker_join(struct worker *w, struct err_text *why)
{
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	enum err e = w->end;
	if (e && why)
		*why = w->why;
	source_close(w->source);
	if (w->sink)
		sink_kafka_close(w->sink, 0);
	sink_relay_close(w->relay);
	for (size_t i = 0; i < w->slot_cnt; i++)
		free(w->slots[i].held);
	free(w->slots);
	free(w);
	return e;
}

const struct worker_status *worker_status(const struct worker *w)
{
	return &w->status;
}
