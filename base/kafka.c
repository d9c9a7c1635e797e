/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN     Our own settings first, then the user's, then those that correctness rests on: a user property can tune, not break.
 *            One list of user properties serves consumers and producers; librdkafka leaves out what is of the other kind.
 * MEMORY     queued.max.messages.kbytes counts payloads, not librdkafka's own few hundred bytes a message, and it is checked before a fetch: one more
 *            answer comes on top. fetch.max.bytes is left alone, for librdkafka lowers it to the queue's size by itself. The bound is a consumer's
 *            as long as its partitions share the consumer's queue; where they have queues of their own (ingest), it is each partition's.
 * TOPICS     Asking for a topic must not make it: a broker with auto.create.topics.enable (Kafka's default) would make the missing CDR topic, with
 *            a partition count of its own, on a producer's mere question. Hence allow.auto.create.topics=false for both kinds. */
#include "base/kafka.h"

#include "base/log.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- properties that are not the user's ---- */

static const struct {
	const char *name, *reason;
} reserved[] = {
	{"group.id", "it is kafka.group"},
	{"bootstrap.servers", "it is kafka.brokers"},
	{"metadata.broker.list", "it is kafka.brokers"},
	{"client.id", "it is kafka.client_id"},
	{"enable.auto.commit", "webhooks go on from the offsets in Kafka, and lag tools read them"},
	{"auto.commit.enable", "webhooks go on from the offsets in Kafka, and lag tools read them"},
	{"enable.auto.offset.store", "offsets are stored after the commit of the state, never before"},
	{"auto.offset.reset", "a position that is not in the topic must stop the shard, not move it in silence"},
	{"enable.partition.eof", "the end of a partition decides whether time goes on without CDRs"},
	{"partition.assignment.strategy", "shards are handed over one by one (cooperative-sticky)"},
	{"enable.idempotence", "events must not be repeated or reordered by the producer"},
	{"acks", "an event leaves the outbox only when all in-sync replicas have it"},
	{"request.required.acks", "an event leaves the outbox only when all in-sync replicas have it"},
	{"partitioner", "events are keyed by number with murmur2"},
	{"delivery.report.only.error", "an event leaves the outbox by its delivery report"},
	{"allow.auto.create.topics", "a topic made in passing has the broker's partition count, not that of the CDR topic"},
	{"transactional.id", "the store's fence does that job"},
};

const char *kafka_property_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		if (strcmp(name, reserved[i].name) == 0)
			return reserved[i].reason;
	return NULL;
}

/* librdkafka's own table of its properties is the one list that has aliases and those without a default (rd_kafka_conf_dump leaves them out):
 * lines "name | C/P | range | ...", headings and rules between them. Cuts `table` into its names; returns how many. */
static size_t cut_names(char *table, const char **names, size_t most)
{
	size_t n = 0;
	char *next;
	for (char *line = table; line && n < most; line = next) {
		char *end = strchr(line, '\n');
		size_t len = strcspn(line, " |\n");
		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		if (len > 0 && islower((unsigned char)line[0]) && strchr(line, '|')) {
			line[len] = '\0';
			names[n++] = line;
		}
	}
	return n;
}

#define NAMES_MOST 512

static enum err unknown_property(const char *name, struct err_text *why)
{
	const char *names[NAMES_MOST], *near = NULL;
	char *table = NULL;
	size_t size;
	FILE *f = open_memstream(&table, &size);
	if (f) {
		rd_kafka_conf_properties_show(f);
		if (fclose(f) == 0)
			near = nearest_name(slice_of(name), names, cut_names(table, names, NAMES_MOST));
	}
	enum err e = err_set(why, ERR_CONFIG, "not a property of librdkafka %s%s%s%s", rd_kafka_version_str(),
			     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	free(table);
	return e;
}

enum err kafka_property_check(const char *name, const char *value, struct err_text *why)
{
	char text[512];
	const char *reason = kafka_property_reserved(name);
	if (reason)
		return err_set(why, ERR_CONFIG, "cannot be set here: %s", reason);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, value, text, sizeof text);
	rd_kafka_conf_destroy(conf);
	if (res == RD_KAFKA_CONF_UNKNOWN)
		return unknown_property(name, why);
	return res == RD_KAFKA_CONF_OK ? ERR_OK : err_set(why, ERR_CONFIG, "%s", text);
}

/* ---- making a conf ---- */

#define NAME_BYTES 250 /* of a client or instance id; brokers refuse an instance id of more than 249 characters */

/* From any of librdkafka's threads. Of its warnings about a conf two are no news: a property of the other kind of client, for both are made from one
 * list; and that enable.gapless.guarantee is experimental, which the relay's producer chose (sink_relay.c says why) and nobody can act on, at each
 * start. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	bool about_conf = strcmp(facility, "CONFWARN") == 0;
	(void)rk;
	if (about_conf && strstr(text, "property and will be ignored by this"))
		return;
	if (about_conf && strstr(text, "property enable.gapless.guarantee is experimental"))
		log_debug("kafka", "%s: %s", facility, text);
	else if (level <= 3)
		log_error("kafka", "%s: %s", facility, text);
	else if (level <= 4)
		log_warn("kafka", "%s: %s", facility, text);
	else if (level <= 6)
		log_info("kafka", "%s: %s", facility, text);
	else
		log_debug("kafka", "%s: %s", facility, text);
}

/* `from`: what the value came from, for the text of an error. */
static enum err set(rd_kafka_conf_t *conf, const char *from, const char *name, const char *value, struct err_text *why)
{
	char text[512];
	if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
		return ERR_OK;
	return err_set(why, ERR_CONFIG, "%s: %s", from, text);
}

struct setting {
	const char *name, *value;
};

static enum err set_all(rd_kafka_conf_t *conf, const struct setting *s, size_t n, struct err_text *why)
{
	enum err e = ERR_OK;
	for (size_t i = 0; i < n && !e; i++)
		e = set(conf, "kafka", s[i].name, s[i].value, why);
	return e;
}

/* "<value>-<suffix>": the name of one worker. It must not be cut: two workers with one name would throw each other out of the group. */
static enum err set_suffixed(rd_kafka_conf_t *conf, const char *from, const char *name, const char *value, const char *suffix,
			     struct err_text *why)
{
	char text[NAME_BYTES];
	int n = snprintf(text, sizeof text, "%s-%s", value, suffix);
	if (n < 0 || (size_t)n >= sizeof text)
		return err_set(why, ERR_CONFIG, "%s: %s with \"-%s\" behind it is %d characters long, Kafka takes %d: choose a shorter one",
			       from, name, suffix, n, NAME_BYTES - 1);
	return set(conf, from, name, text, why);
}

/* A worker is a group member of its own: the instance id of a process gets the worker's name. */
static enum err set_users(rd_kafka_conf_t *conf, const struct kafka_config *c, const char *suffix, bool consumer, struct err_text *why)
{
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < c->properties.n && !e; i++) {
		const struct config_pair *p = &c->properties.v[i];
		const char *reason = kafka_property_reserved(p->key);
		if (reason)
			return err_set(why, ERR_CONFIG, "kafka.properties: %s cannot be set here: %s", p->key, reason);
		if (strcmp(p->key, "group.instance.id") != 0)
			e = set(conf, "kafka.properties", p->key, p->value, why);
		else if (consumer)
			e = set_suffixed(conf, "kafka.properties", p->key, p->value, suffix, why);
	}
	return e;
}

static enum err conf_common(const struct kafka_config *c, const char *suffix, rd_kafka_conf_t *conf, struct err_text *why)
{
	const struct setting s[] = {
		{"bootstrap.servers", c->brokers},    {"log_level", "5"},
		{"log.connection.close", "false"},    {"socket.keepalive.enable", "true"},
		{"reconnect.backoff.max.ms", "2000"}, {"allow.auto.create.topics", "false"},
	};
	rd_kafka_conf_set_log_cb(conf, on_log);
	enum err e = set_all(conf, s, sizeof s / sizeof s[0], why);
	return e ? e : set_suffixed(conf, "kafka.client_id", "client.id", c->client_id, suffix, why);
}

static enum err finish(enum err e, rd_kafka_conf_t *conf, rd_kafka_conf_t **out)
{
	if (e)
		rd_kafka_conf_destroy(conf);
	else
		*out = conf;
	return e;
}

enum err kafka_conf_consumer(const struct kafka_config *c, const char *group, const char *suffix, rd_kafka_conf_t **out,
			     struct err_text *why)
{
	char kbytes[32];
	/* fetching pauses for a second once the queue is full (2.0.2 has no fetch.queue.backoff.ms): the byte bound is the one that should bite */
	snprintf(kbytes, sizeof kbytes, "%lld", (long long)(c->queue_bytes / 1024));
	const struct setting ours[] = {
		{"auto.commit.interval.ms", "5000"},    {"isolation.level", "read_committed"},
		{"queued.min.messages", "1000000"},     {"queued.max.messages.kbytes", kbytes},
		{"fetch.message.max.bytes", "1048576"}, /* of one partition in one answer; kafka.queue_bytes is never less */
		{"fetch.wait.max.ms", "100"},           {"check.crcs", "true"},
	};
	const struct setting fixed[] = {
		{"group.id", group},
		{"enable.auto.offset.store", "false"},
		{"auto.offset.reset", "error"},
		{"enable.partition.eof", "true"},
		{"partition.assignment.strategy", "cooperative-sticky"},
	};
	assert(c->queue_bytes >= 1024);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	enum err e = conf_common(c, suffix, conf, why);
	if (!e)
		e = set_all(conf, ours, sizeof ours / sizeof ours[0], why);
	if (!e)
		e = set_users(conf, c, suffix, true, why);
	if (!e)
		e = set_all(conf, fixed, sizeof fixed / sizeof fixed[0], why);
	return finish(e, conf, out);
}

enum err kafka_conf_producer(const struct kafka_config *c, const char *suffix, rd_kafka_conf_t **out, struct err_text *why)
{
	const struct setting ours[] = {{"linger.ms", "5"}, {"compression.type", "lz4"}};
	const struct setting fixed[] = {{"acks", "all"}, {"enable.idempotence", "true"}, {"partitioner", "murmur2_random"}};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	enum err e = conf_common(c, suffix, conf, why);
	if (!e)
		e = set_all(conf, ours, sizeof ours / sizeof ours[0], why);
	if (!e)
		e = set_users(conf, c, suffix, false, why);
	if (!e)
		e = set_all(conf, fixed, sizeof fixed / sizeof fixed[0], why);
	return finish(e, conf, out);
}

/* ---- topics ---- */

/* Will somebody have to change something, or does it pass by itself? */
static enum err topic_error(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
	case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
	case RD_KAFKA_RESP_ERR_INVALID_REPLICA_ASSIGNMENT:
	case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
	case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		return ERR_CONFIG;
	default:
		return ERR_AWAY;
	}
}

enum err kafka_partition_count(rd_kafka_t *rk, const char *topic, int timeout_ms, int32_t *count, struct err_text *why)
{
	const struct rd_kafka_metadata *m = NULL;
	rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
	rd_kafka_resp_err_t err = t ? rd_kafka_metadata(rk, 0, t, &m, timeout_ms) : rd_kafka_last_error();
	*count = 0;
	if (!err && m->topic_cnt == 1) {
		err = m->topics[0].err;
		if (!err)
			*count = m->topics[0].partition_cnt;
	}
	if (m)
		rd_kafka_metadata_destroy(m);
	if (t)
		rd_kafka_topic_destroy(t);
	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		return ERR_OK;
	return err ? err_set(why, topic_error(err), "kafka: partitions of %s: %s", topic, rd_kafka_err2str(err)) : ERR_OK;
}

static rd_kafka_NewTopic_t *new_topic(const char *topic, int32_t partitions, const struct kafka_topic *kind, char *text, size_t size)
{
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, partitions, -1, text, size);
	char bytes[24];
	snprintf(bytes, sizeof bytes, "%lld", (long long)kind->max_bytes);
	if (t && kind->compact)
		(void)rd_kafka_NewTopic_set_config(t, "cleanup.policy", "compact");
	if (t && kind->max_bytes)
		(void)rd_kafka_NewTopic_set_config(t, "max.message.bytes", bytes);
	return t;
}

static enum err creation_result(const char *topic, rd_kafka_event_t *event, struct err_text *why)
{
	if (!event)
		return err_set(why, ERR_AWAY, "kafka: making the topic %s: no answer", topic);
	if (rd_kafka_event_error(event))
		return err_set(why, topic_error(rd_kafka_event_error(event)), "kafka: making the topic %s: %s", topic,
			       rd_kafka_event_error_string(event));
	size_t n = 0;
	const rd_kafka_topic_result_t **r = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
	rd_kafka_resp_err_t err = n ? rd_kafka_topic_result_error(r[0]) : RD_KAFKA_RESP_ERR__FAIL;
	if (!err || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return ERR_OK;
	const char *said = n ? rd_kafka_topic_result_error_string(r[0]) : NULL;
	return err_set(why, topic_error(err), "kafka: making the topic %s: %s", topic, said ? said : rd_kafka_err2str(err));
}

enum err kafka_topic_create(rd_kafka_t *rk, const char *topic, int32_t partitions, const struct kafka_topic *kind, int timeout_ms,
			    struct err_text *why)
{
	char text[256] = "";
	rd_kafka_NewTopic_t *t = new_topic(topic, partitions, kind, text, sizeof text);
	if (!t)
		return err_set(why, ERR_CONFIG, "kafka: the topic %s cannot be made: %s", topic, text);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	(void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, text, sizeof text);
	(void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof text);
	rd_kafka_CreateTopics(rk, &t, 1, options, q);
	rd_kafka_event_t *event = rd_kafka_queue_poll(q, timeout_ms + 1000);
	enum err e = creation_result(topic, event, why);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(q);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(t);
	return e;
}
