/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka's mock cluster as the Kafka of a test, one producer to fill its topics, one reader to look into them. */
#ifndef RINGFENCE_TESTS_SINKS_MOCK_KAFKA_H
#define RINGFENCE_TESTS_SINKS_MOCK_KAFKA_H

#include "tests/unit/unit.h"

#include "sinks/binding.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <unistd.h>

#define MOCK_WAIT_MS 20000 /* for what must happen: long, so that a slow machine passes */

struct mock_kafka {
	rd_kafka_t *rk; /* a producer; the cluster lives in it */
	rd_kafka_mock_cluster_t *cluster;
	struct kafka_config config;
};

static inline void mock_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];
	if (rd_kafka_conf_set(conf, name, value, text, sizeof text))
		fail_msg("%s", text);
}

static inline void mock_init(struct mock_kafka *k)
{
	/* the mock brings a group together when its members' sessions could have ended: short ones make quick tests */
	static const struct config_pair quick[] = {{"session.timeout.ms", "3000"}, {"heartbeat.interval.ms", "200"}};
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	mock_set(conf, "test.mock.num.brokers", "1");
	mock_set(conf, "partitioner", "murmur2_random");
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	assert_non_null(k->rk);
	k->cluster = rd_kafka_handle_mock_cluster(k->rk);
	k->config = (struct kafka_config){.brokers = rd_kafka_mock_cluster_bootstraps(k->cluster),
					  .group = "rf",
					  .client_id = "test",
					  .properties = {quick, 2},
					  .queue_bytes = 1 << 20};
}

static inline void mock_release(struct mock_kafka *k)
{
	rd_kafka_destroy(k->rk);
}

static inline void mock_topic(struct mock_kafka *k, const char *topic, int partitions)
{
	assert_int_equal(rd_kafka_mock_topic_create(k->cluster, topic, partitions, 1), 0);
}

/* `headers` is taken over; payload "" is no bytes at all, NULL a tombstone. */
static inline void mock_produce(struct mock_kafka *k, const char *topic, const char *key, const char *payload, rd_kafka_headers_t *headers)
{
	rd_kafka_resp_err_t e = rd_kafka_producev(k->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
						  RD_KAFKA_V_VALUE((void *)(uintptr_t)payload, payload ? strlen(payload) : 0),
						  RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	assert_int_equal(e, 0);
	assert_int_equal(rd_kafka_flush(k->rk, MOCK_WAIT_MS), 0);
}

/* An event as the Kafka sink writes it; `data` NULL: a tombstone. */
static inline void mock_event(struct mock_kafka *k, const char *topic, const char *number, const char *id, const char *data)
{
	struct message m = {.id = slice_of(id),
			    .type = SLICE_LIT("dev.ringfence.alert.raised.v1"),
			    .source = SLICE_LIT("urn:ringfence:test"),
			    .subject = slice_of(number),
			    .time = SLICE_LIT("2024-01-01T00:00:00.000Z"),
			    .sequence = SLICE_LIT("7")};
	mock_produce(k, topic, number, data, binding_headers(&m));
}

/* Where a group would go on: -1 if it has committed nothing. */
static inline int64_t mock_committed(struct mock_kafka *k, const char *group, const char *topic, int32_t partition)
{
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	mock_set(conf, "bootstrap.servers", k->config.brokers);
	mock_set(conf, "group.id", group);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
	assert_non_null(rk);
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, topic, partition);
	assert_int_equal(rd_kafka_committed(rk, l, MOCK_WAIT_MS), 0);
	int64_t offset = l->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(l);
	rd_kafka_destroy(rk);
	return offset < 0 ? -1 : offset;
}

/* Reads one partition of a topic from its beginning. Returns owned. */
static inline rd_kafka_t *mock_reader(struct mock_kafka *k, const char *topic, int32_t partition)
{
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	mock_set(conf, "bootstrap.servers", k->config.brokers);
	mock_set(conf, "group.id", "reader");
	mock_set(conf, "enable.auto.commit", "false");
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
	assert_non_null(rk);
	rd_kafka_poll_set_consumer(rk);
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
	assert_int_equal(rd_kafka_assign(rk, l), 0);
	rd_kafka_topic_partition_list_destroy(l);
	return rk;
}

/* The next message of a reader, within `wait_ms`; NULL: none came. Returns owned. */
static inline rd_kafka_message_t *mock_read(rd_kafka_t *reader, int wait_ms)
{
	for (int64_t end = mono_now().ns + wait_ms * INT64_C(1000000); mono_now().ns < end;) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(reader, 50);
		if (m && !m->err)
			return m;
		if (m)
			rd_kafka_message_destroy(m);
	}
	return NULL;
}

#define WAIT_FOR(condition)                                                                               \
	do {                                                                                              \
		int64_t wait_end_ = mono_now().ns + MOCK_WAIT_MS * INT64_C(1000000);                      \
		while (!(condition)) {                                                                    \
			if (mono_now().ns > wait_end_)                                                    \
				fail_msg("%s:%d: did not come true: %s", __FILE__, __LINE__, #condition); \
			usleep(5000);                                                                     \
		}                                                                                         \
	} while (0)

#endif
