/* SPDX-License-Identifier: Apache-2.0 */
/* The producer of the relay topic: packed messages for other shards, to a partition that the sender names.
 *
 * GUARANTEES In order and without gaps per partition (idempotent, enable.gapless.guarantee): a receiver keeps only the newest place of each source, so
 *            a message that overtook another would hide it. Whatever goes wrong for good fails the whole producer: every owner is told, drops its
 *            cycle, and sends it again from its last commit, through a new producer.
 * THREADS    All on the caller's thread. */
#include "sinks/sinks.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>

#define REOPEN_NS INT64_C(1000000000)

struct relay_owner {
	void *owner;
	uint64_t open; /* copies on their way */
	bool failed;
};

/* One message on its way. */
struct relay_entry {
	struct sink_relay *sink;
	void *owner;
	uint64_t number; /* of the outbox entry; RELAY_COPIES: copies, counted as open */
};

struct sink_relay {
	rd_kafka_t *rk;
	struct kafka_config config;
	char *topic, *suffix; /* owned */
	sink_acked *acked;
	void *ctx;
	struct relay_owner *owners;
	size_t owner_cnt, owner_cap;
	bool failed; /* the producer is done for: poll makes a new one */
	int64_t reopen_ns;
	struct err_text why;
};

static struct relay_owner *owner_of(struct sink_relay *s, void *owner, bool make)
{
	for (size_t i = 0; i < s->owner_cnt; i++)
		if (s->owners[i].owner == owner)
			return &s->owners[i];
	if (!make)
		return NULL;
	if (s->owner_cnt == s->owner_cap) {
		s->owner_cap = s->owner_cap ? 2 * s->owner_cap : 16;
		s->owners = mem_realloc(s->owners, s->owner_cap * sizeof *s->owners);
	}
	s->owners[s->owner_cnt] = (struct relay_owner){.owner = owner};
	return &s->owners[s->owner_cnt++];
}

static void fail(struct sink_relay *s, const char *what)
{
	if (!s->failed)
		log_warn("sinks", "the relay's producer failed, its shards begin their cycles anew: %s", what);
	s->failed = true;
	for (size_t i = 0; i < s->owner_cnt; i++)
		s->owners[i].failed = true;
	(void)err_set(&s->why, ERR_AWAY, "relay topic %s: %s", s->topic, what);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct sink_relay *s = opaque;
	struct relay_entry *e = m->_private;
	struct relay_owner *o = owner_of(s, e->owner, false);
	(void)rk;
	if (m->err)
		fail(s, rd_kafka_err2str(m->err));
	else if (o && e->number == RELAY_COPIES)
		o->open--;
	else if (o)
		s->acked(s->ctx, e->owner, e->number);
	free(e);
}

static enum err producer_open(struct sink_relay *s, struct err_text *why)
{
	rd_kafka_conf_t *conf = NULL;
	char text[512];
	enum err e = kafka_conf_producer(&s->config, s->suffix, &conf, why);
	if (e)
		return e;
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_conf_set_opaque(conf, s);
	if (rd_kafka_conf_set(conf, "enable.gapless.guarantee", "true", text, sizeof text) ||
	    rd_kafka_conf_set(conf, "linger.ms", "0", text, sizeof text) ||
	    rd_kafka_conf_set(conf, "message.timeout.ms", "0", text, sizeof text) ||
	    !(s->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text))) {
		rd_kafka_conf_destroy(conf);
		return err_set(why, ERR_CONFIG, "the producer of the relay topic: %s", text);
	}
	return ERR_OK;
}

/* What the old producer still had is gone with it: its owners were told. */
static void producer_reopen(struct sink_relay *s)
{
	struct err_text why;
	if (mono_now().ns < s->reopen_ns)
		return;
	s->reopen_ns = mono_now().ns + REOPEN_NS;
	if (s->rk) {
		rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_poll(s->rk, 100);
		rd_kafka_destroy(s->rk);
		s->rk = NULL;
	}
	if (producer_open(s, &why))
		log_error("sinks", "%s", why.text);
	else
		s->failed = false;
}

enum err sink_relay_open(const struct kafka_config *k, const char *topic, const char *suffix, sink_acked *acked, void *ctx,
			 struct sink_relay **out, struct err_text *why)
{
	struct sink_relay *s = mem_zalloc(sizeof *s);
	s->config = *k;
	s->topic = mem_strdup(topic);
	s->suffix = mem_strdup(suffix);
	s->acked = acked;
	s->ctx = ctx;
	enum err e = producer_open(s, why);
	if (e)
		sink_relay_close(s);
	else
		*out = s;
	return e;
}

void sink_relay_close(struct sink_relay *s)
{
	if (!s)
		return;
	if (s->rk) {
		rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_poll(s->rk, 100);
		rd_kafka_destroy(s->rk);
	}
	free(s->owners);
	free(s->topic);
	free(s->suffix);
	free(s);
}

enum err sink_relay_send(struct sink_relay *s, int32_t partition, struct slice bytes, void *owner, uint64_t number, struct err_text *why)
{
	struct relay_owner *o = owner_of(s, owner, true);
	if (s->failed || o->failed)
		return err_set(why, ERR_AWAY, "%s", s->why.text);
	struct relay_entry *e = mem_alloc(sizeof *e);
	*e = (struct relay_entry){s, owner, number};
	rd_kafka_resp_err_t code = rd_kafka_producev(
		s->rk, RD_KAFKA_V_TOPIC(s->topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_VALUE((void *)(uintptr_t)bytes.p, bytes.len), RD_KAFKA_V_OPAQUE(e), RD_KAFKA_V_END);
	if (code) {
		free(e);
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return err_set(why, ERR_LIMIT, "the queue of the relay's producer is full");
		fail(s, rd_kafka_err2str(code));
		return err_set(why, ERR_AWAY, "%s", s->why.text);
	}
	o->open += number == RELAY_COPIES;
	return ERR_OK;
}

enum err sink_relay_await(struct sink_relay *s, void *owner, int64_t wait_ms, struct err_text *why)
{
	struct mono_time from = mono_now();
	struct relay_owner *o;
	while ((o = owner_of(s, owner, false)) && o->open > 0 && !o->failed) {
		if (mono_seconds_since(from) * 1000 > (double)wait_ms)
			return err_set(why, ERR_AWAY, "relay topic %s: copies were not acknowledged within %lld ms", s->topic,
				       (long long)wait_ms);
		sink_relay_poll(s, 20);
	}
	return o && o->failed ? err_set(why, ERR_AWAY, "%s", s->why.text) : ERR_OK;
}

void sink_relay_poll(struct sink_relay *s, int wait_ms)
{
	if (s->failed || !s->rk)
		producer_reopen(s);
	if (s->rk)
		rd_kafka_poll(s->rk, wait_ms);
	if (s->rk && !s->failed && rd_kafka_fatal_error(s->rk, NULL, 0))
		fail(s, "a fatal error of the producer");
}

void sink_relay_forget(struct sink_relay *s, void *owner)
{
	struct relay_owner *o = owner_of(s, owner, false);
	if (o)
		*o = s->owners[--s->owner_cnt];
}
