/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a start: rules (a mistake in them is told at once), store, topics, whose state it is, webhooks, workers. What is away is waited for,
 * what is wrong ends the start with its reason. */
#include "app/service.h"

#include "app/peek.h"
#include "app/reload.h"
#include "app/worker.h"
#include "base/log.h"

#include <stdlib.h>
#include <time.h>

#define LOOP_MS 20
#define AWAY_PAUSE_MS 1000
#define KAFKA_WAIT_MS 10000
#define GHOST_S 60 /* longer than a session lasts by default */
#define ALONE_S 10 /* with the embedded store: how long partitions may be missing before the group must hold somebody else */

struct service {
	struct settings *set;
	struct service_config config;
	struct pipeline pipe;
	int32_t partitions;
	struct worker **workers;
	uint32_t worker_cnt;
	struct webhook **webhooks;
	uint32_t webhook_cnt;
	_Atomic bool stop; /* asked from outside, or a worker ended with an error */
	struct mono_time status_at;
	uint64_t status_records;
	struct mono_time begun;
	struct reload reload;
	struct mono_time whole_at; /* embedded: all partitions were ours last then */
};

static bool stopping(struct service *s)
{
	if (atomic_load(s->config.stop))
		atomic_store(&s->stop, true);
	return atomic_load(&s->stop);
}

static void pause_ms(int64_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&ts, NULL);
}

/* ---- before the start ---- */

/* Calls `step` until it succeeds, fails for good, or the service is stopped; says once that it waits and for what. */
static enum err patiently(struct service *s, enum err (*step)(struct service *s, struct err_text *why), struct err_text *why)
{
	bool said = false;
	for (;;) {
		enum err e = step(s, why);
		if (err_class(e) != ERR_CLASS_RETRY || stopping(s)) {
			if (said && !e)
				log_info("app", "it is back, going on");
			return e;
		}
		if (!said)
			log_warn("app", "waiting (%s): %s", err_meaning(e), why->text);
		said = true;
		pause_ms(AWAY_PAUSE_MS);
	}
}

static enum err open_store(struct service *s, struct err_text *why)
{
	struct rules *rules = NULL;
	enum err e = pipeline_init(&s->pipe, s->set, s->set->store.kind == STORE_MEMORY, why);
	if (!e)
		e = reload_load(s->set, &rules, why);
	if (!e)
		pipeline_set_rules(&s->pipe, rules);
	else
		pipeline_release(&s->pipe);
	return e;
}

/* One of Ringfence's own topics: made if it is missing. `count`: the partitions it must have, 0: any. */
static enum err own_topic(const struct settings *set, rd_kafka_t *rk, const char *topic, int32_t count, int32_t make,
			  const struct kafka_topic *kind, struct err_text *why)
{
	int32_t have = 0;
	enum err e = kafka_partition_count(rk, topic, KAFKA_WAIT_MS, &have, why);
	if (!e && have == 0 && !set->topics.create)
		return err_set(why, ERR_CONFIG, "the topic %s does not exist, and topics.create is false: make it with %d partitions%s",
			       topic, make, kind->compact ? " and cleanup.policy=compact" : "");
	if (!e && have == 0) {
		e = kafka_topic_create(rk, topic, make, kind, KAFKA_WAIT_MS, why);
		if (!e)
			log_info("app", "made the topic %s with %d partitions", topic, make);
		have = make;
	}
	if (!e && count && have != count)
		return err_set(why, ERR_FOREIGN,
			       "the topic %s has %d partitions, the CDR topic %s has %d: partition i of both belongs together. Make %s "
			       "anew with %d partitions, or "
			       "name another one under topics",
			       topic, have, set->topics.cdr, count, topic, count);
	return e;
}

static enum err count_partitions(struct service *s, rd_kafka_t *rk, struct err_text *why)
{
	const struct settings *set = s->set;
	enum err e = kafka_partition_count(rk, set->topics.cdr, KAFKA_WAIT_MS, &s->partitions, why);
	if (!e && s->partitions == 0)
		return err_set(
			why, ERR_CONFIG,
			"the CDR topic %s does not exist at %s: make it (its records keyed by calling number), or correct topics.cdr",
			set->topics.cdr, set->kafka.brokers);
	return e;
}

static enum err check_topics(struct service *s, rd_kafka_t *rk, struct err_text *why)
{
	const struct settings *set = s->set;
	static const struct kafka_topic plain = {0};
	enum err e = own_topic(set, rk, set->topics.control, s->partitions, s->partitions, &plain, why);
	if (!e)
		e = own_topic(set, rk, set->topics.relay, s->partitions, s->partitions, &plain, why);
	for (int t = 0; t < TOPIC_CNT && !e; t++) {
		/* a dead letter is a whole record with headers */
		const struct kafka_topic kind = {.compact = t == TOPIC_NUMBERS,
						 .max_bytes = t == TOPIC_DEAD_LETTERS ? SINK_MESSAGE_BYTES : 0};
		e = own_topic(set, rk, set->topics.out.name[t], 0, s->partitions, &kind, why);
	}
	return e;
}

/* A process that was killed stays a member of the group until its session times out: that is waited for. */
static bool may_be_our_ghost(const struct service *s)
{
	return s->pipe.ops->unclean && s->pipe.ops->unclean(s->pipe.store) && mono_seconds_since(s->begun) < GHOST_S;
}

/* The embedded store is one process's: nobody else may be in the group. */
static enum err check_alone(const struct service *s, rd_kafka_t *rk, struct err_text *why)
{
	const struct rd_kafka_group_list *list = NULL;
	enum err e = ERR_OK;
	if (s->set->store.kind == STORE_REDIS || s->config.alone)
		return ERR_OK;
	rd_kafka_resp_err_t code = rd_kafka_list_groups(rk, s->set->kafka.group, &list, KAFKA_WAIT_MS);
	if (code && code != RD_KAFKA_RESP_ERR__PARTIAL)
		return err_set(why, ERR_AWAY, "kafka: members of the group %s: %s", s->set->kafka.group, rd_kafka_err2str(code));
	for (int i = 0; list && i < list->group_cnt && !e; i++)
		if (list->groups[i].member_cnt > 0 && may_be_our_ghost(s))
			e = err_set(why, ERR_AWAY,
				    "the group %s has %d members; the process that had this store was killed, and stays a member until its "
				    "session "
				    "times out",
				    s->set->kafka.group, list->groups[i].member_cnt);
		else if (list->groups[i].member_cnt > 0)
			e = err_set(why, ERR_LOCKED,
				    "the group %s has %d members already (the first: %s at %s), but the store of this process is its own "
				    "(state.store: %s) and needs "
				    "all partitions. Stop the others, use another kafka.group, or share a store: state.store: redis",
				    s->set->kafka.group, list->groups[i].member_cnt, list->groups[i].members[0].client_id,
				    list->groups[i].members[0].client_host, s->set->store.kind == STORE_MEMORY ? "memory" : "embedded");
	if (list)
		rd_kafka_group_list_destroy(list);
	return e;
}

static enum err look_at_kafka(struct service *s, struct err_text *why)
{
	rd_kafka_conf_t *conf;
	char text[512];
	enum err e = kafka_conf_producer(&s->set->kafka, "admin", &conf, why);
	if (e)
		return e;
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "kafka: %s", text);
	}
	e = count_partitions(s, rk, why);
	if (!e)
		e = deployment_claim(&s->pipe, s->partitions, why);
	if (!e)
		e = check_topics(s, rk, why);
	if (!e)
		e = check_alone(s, rk, why);
	rd_kafka_destroy(rk);
	return e;
}

/* ---- while it runs ---- */

struct sums {
	uint64_t records, subjects, outbox, fenced, paused, commit_us;
	int64_t lag, behind_ms;
	uint32_t shards;
	bool blind;
};

static void sum_up(const struct service *s, struct sums *out)
{
	*out = (struct sums){0};
	for (uint32_t i = 0; i < s->worker_cnt; i++) {
		const struct worker_status *w = worker_status(s->workers[i]);
		out->records += w->records;
		out->subjects += w->subjects;
		out->outbox += w->outbox;
		out->fenced += w->fenced;
		out->paused += w->paused;
		out->lag += w->lag;
		out->shards += w->shards;
		out->blind = out->blind || w->blind;
		out->commit_us = w->commit_us > out->commit_us ? w->commit_us : out->commit_us;
		out->behind_ms = w->behind_ms > out->behind_ms ? w->behind_ms : out->behind_ms;
	}
}

static void status_line(struct service *s)
{
	struct sums sums;
	char behind[TIME_TEXT_BYTES], lag[24];
	double seconds = mono_seconds_since(s->status_at);
	if (s->config.quiet || s->set->run.status_ms == 0 || seconds * 1000 < (double)s->set->run.status_ms)
		return;
	sum_up(s, &sums);
	/* of a partition that pauses nobody asks how far it is: no figure is better than one that leaves it out */
	snprintf(lag, sizeof lag, "%lld", (long long)sums.lag);
	log_info("app",
		 "status rate=%.0f/s lag=%s subjects=%llu commit=%.1fms outbox=%llu behind=%s shards=%u/%d paused=%llu fenced=%llu "
		 "reloads=%llu refused=%llu",
		 (double)(sums.records - s->status_records) / seconds, sums.blind ? "unknown" : lag, (unsigned long long)sums.subjects,
		 (double)sums.commit_us / 1000, (unsigned long long)sums.outbox,
		 sums.blind ? "unknown" : duration_format(sums.behind_ms / 1000 * 1000, behind), sums.shards, s->partitions,
		 (unsigned long long)sums.paused, (unsigned long long)sums.fenced, (unsigned long long)s->reload.loaded_cnt,
		 (unsigned long long)s->reload.refused_cnt);
	s->status_at = mono_now();
	s->status_records = sums.records;
}

static void tell_records(const struct service *s)
{
	struct sums sums;
	if (!s->config.records)
		return;
	sum_up(s, &sums);
	atomic_store(s->config.records, sums.records);
}

/* With a store of its own a process must keep all partitions. */
static enum err still_alone(struct service *s, struct err_text *why)
{
	struct sums sums;
	if (s->set->store.kind == STORE_REDIS)
		return ERR_OK;
	sum_up(s, &sums);
	if (sums.shards + sums.paused >= (uint64_t)s->partitions)
		s->whole_at = mono_now();
	if (mono_seconds_since(s->whole_at) < ALONE_S)
		return ERR_OK;
	return err_set(why, ERR_LOCKED,
		       "only %u of %d partitions are given to this process for %d s: another one has joined the group %s, but the store of "
		       "this process is its "
		       "own (state.store). Stop the other, or share a store: state.store: redis",
		       sums.shards, s->partitions, ALONE_S, s->set->kafka.group);
}

static void worker_failed(void *ctx)
{
	atomic_store(&((struct service *)ctx)->stop, true);
}

static enum err start_all(struct service *s, struct err_text *why)
{
	const struct settings *set = s->set;
	const struct webhook_config *sinks = set->sinks.v;
	enum err e = ERR_OK;
	s->webhooks = mem_zalloc((set->sinks.n + 1) * sizeof(struct webhook *));
	s->workers = mem_zalloc((size_t)set->run.workers * sizeof(struct worker *));
	for (uint32_t i = 0; i < set->sinks.n && set->run.webhooks && !e; i++)
		if (sinks[i].kind == SINK_WEBHOOK &&
		    !(e = webhook_start(&sinks[i], &set->kafka, &set->topics.out, &s->webhooks[s->webhook_cnt], why)))
			s->webhook_cnt++;
	for (uint32_t i = 0; i < (uint32_t)set->run.workers && !e; i++) {
		const struct worker_config c = {.number = i,
						.partitions = s->partitions,
						.accept_gap = s->config.accept_gap,
						.stop = &s->stop,
						.fatal = worker_failed,
						.fatal_ctx = s};
		e = worker_start(&s->pipe, &c, &s->workers[i], why);
		s->worker_cnt += !e;
	}
	return e;
}

/* The first worker's error wins. */
static enum err stop_all(struct service *s, struct err_text *why)
{
	enum err e = ERR_OK;
	struct err_text text;
	atomic_store(&s->stop, true);
	for (uint32_t i = 0; i < s->webhook_cnt; i++)
		webhook_stop_begin(s->webhooks[i], s->set->run.drain_ms);
	for (uint32_t i = 0; i < s->worker_cnt; i++) {
		enum err w = worker_join(s->workers[i], &text);
		if (w && !e) {
			e = w;
			*why = text;
		}
	}
	for (uint32_t i = 0; i < s->webhook_cnt; i++)
		webhook_stop(s->webhooks[i], s->set->run.drain_ms);
	free(s->workers);
	free(s->webhooks);
	return e;
}

static enum err loop(struct service *s, struct err_text *why)
{
	enum err e = ERR_OK;
	s->status_at = s->whole_at = mono_now();
	while (!stopping(s) && !e) {
		pause_ms(LOOP_MS);
		if (atomic_exchange(s->config.reload, false))
			reload_now(&s->reload, &s->pipe);
		reload_watch(&s->reload, &s->pipe);
		tell_records(s);
		status_line(s);
		e = still_alone(s, why);
	}
	return e;
}

enum err service_run(struct settings *set, const struct service_config *c, struct err_text *why)
{
	struct service s = {.set = set, .config = *c, .begun = mono_now()};
	reload_init(&s.reload, set);
	enum err e = patiently(&s, open_store, why);
	if (e)
		return stopping(&s) && err_class(e) == ERR_CLASS_RETRY ? ERR_OK : e;
	e = patiently(&s, look_at_kafka, why);
	if (!e) {
		log_info("app", "deployment %s: topic %s with %d partitions, store %s, %u rules", set->deployment, set->topics.cdr,
			 s.partitions, s.pipe.ops->name, rules_cnt(s.pipe.rules));
		e = start_all(&s, why);
		if (!e)
			e = loop(&s, why);
		struct err_text text;
		enum err ended = stop_all(&s, &text);
		if (!e && ended) {
			e = ended;
			*why = text;
		}
	}
	reload_release(&s.reload, set->run.drain_ms);
	pipeline_release(&s.pipe);
	if (stopping(&s) && err_class(e) == ERR_CLASS_RETRY)
		e = ERR_OK; /* stopped while it waited */
	return e;
}
