/* SPDX-License-Identifier: Apache-2.0 */
/* How our librdkafka clients are set up: one place, so that consumer, producer and webhooks agree. */
#ifndef RINGFENCE_BASE_KAFKA_H
#define RINGFENCE_BASE_KAFKA_H

#include "base/config.h"
#include "base/err.h"

#include <librdkafka/rdkafka.h>

struct kafka_config {
	const char *brokers; /* bootstrap list */
	const char *group;
	const char *client_id;
	struct config_pairs properties; /* any librdkafka property; wins over ours, but for the few that correctness needs */
	int64_t queue_bytes; /* at least 1024. What librdkafka may hold fetched and not yet read: of a consumer, or of each of its
					   partitions if they have queues of their own */
	int start;           /* enum kafka_start: where the CDR topic begins on first start */
};

enum kafka_start { KAFKA_EARLIEST, KAFKA_LATEST };

/* Properties that a configuration may not change, for correctness rests on them (enable.auto.offset.store=false, auto.offset.reset=error,
 * enable.idempotence=true, ...): NULL, or the reason. */
const char *kafka_property_reserved(const char *name);
/* One entry of `properties`, before there is a client: ERR_CONFIG if it is reserved (with the reason), not known (with the nearest name that is) or
 * has a bad value (in librdkafka's words). What shows only when a client is made (a file that is missing, two that do not go together) passes. */
enum err kafka_property_check(const char *name, const char *value, struct err_text *why) MUST_CHECK;

/* Returns an owned conf (handed to rd_kafka_new) with brokers, client id "<client_id>-<suffix>", logging into ours and the user's properties.
 * A user's group.instance.id becomes "<value>-<suffix>". A property of the other kind of client is left out without a word. An unknown property
 * or a bad value is ERR_CONFIG with librdkafka's own words. */
enum err kafka_conf_consumer(const struct kafka_config *c, const char *group, const char *suffix, rd_kafka_conf_t **out,
			     struct err_text *why) MUST_CHECK;
enum err kafka_conf_producer(const struct kafka_config *c, const char *suffix, rd_kafka_conf_t **out, struct err_text *why) MUST_CHECK;

/* ---- the end of a consumer ---- */

typedef void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *ctx);

/* Leaves the group, calling `on_rebalance` for what is held, within `most_ms`, or by *sooner_ns (monotonic; may change meanwhile; NULL: none). False: not
 * left in time. rd_kafka_consumer_close() may wait for a session's time when no broker answers, and before librdkafka 2.5 for ever when an
 * assignment comes in that moment. */
bool kafka_leave(rd_kafka_t *rk, kafka_rebalance *on_rebalance, void *ctx, int64_t most_ms, const _Atomic int64_t *sooner_ns) MUST_CHECK;
/* Frees the client. If the group could not be left, a thread that nobody waits for does it. `assigned`: the group has answered once, with partitions or
 * without; librdkafka before 2.3 aborts the process over a cooperative consumer that goes before that, so such a one is left behind as it is. */
void kafka_consumer_end(rd_kafka_t *rk, bool left, bool assigned);

/* Errors of both: ERR_CONFIG if somebody has to change something (name, rights, policy, count), else ERR_AWAY.
 *
 * Partition count of a topic; 0 if it does not exist. Asking does not make it. */
enum err kafka_partition_count(rd_kafka_t *rk, const char *topic, int timeout_ms, int32_t *count, struct err_text *why) MUST_CHECK;
struct kafka_topic {
	bool compact;      /* cleanup.policy */
	int64_t max_bytes; /* max.message.bytes; 0: the broker's default */
};
/* Makes a topic (replication factor -1: the broker's default). An existing one is fine. */
enum err kafka_topic_create(rd_kafka_t *rk, const char *topic, int32_t partitions, const struct kafka_topic *kind, int timeout_ms,
			    struct err_text *why) MUST_CHECK;

#endif
