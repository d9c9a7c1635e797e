/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka as a source: one consumer of one worker. Only the CDR topic is subscribed; partition i of the control and relay topics is assigned beside
 * partition i of it, each at an offset that the caller names (from the store, never from Kafka).
 *
 * Assignment is deferred: in the rebalance callback the partitions are only noted, so that the state of a shard can be taken outside of it, with
 * retries; source_start() then assigns with offsets. Nothing is fetched ahead of that. One thread uses a source. */
#ifndef RINGFENCE_INGEST_SOURCE_KAFKA_H
#define RINGFENCE_INGEST_SOURCE_KAFKA_H

#include "base/kafka.h"

struct source;

struct source_hooks {
	void (*given)(void *ctx, int32_t partition);            /* ours from now on: take its state, then source_start */
	void (*taken)(void *ctx, int32_t partition, bool lost); /* not ours any more: give up its state now */
	void *ctx;
};

enum source_topic { SOURCE_CDR, SOURCE_CONTROL, SOURCE_RELAY, SOURCE_TOPICS };

/* Subscribes to topics[SOURCE_CDR]. The partition counts of all must be equal (checked by the caller). Names are borrowed. */
enum err source_open(const struct kafka_config *k, const char *const topics[SOURCE_TOPICS], const char *suffix,
		     const struct source_hooks *hooks, struct source **out, struct err_text *why) MUST_CHECK;
/* Leaves the group. The hooks are called for what is still held. */
void source_close(struct source *s);

/* Serves rebalances and errors; waits at most wait_ms for anything to happen. A fatal consumer error is returned. */
enum err source_poll(struct source *s, int wait_ms, struct err_text *why) MUST_CHECK;

/* Starts, or starts anew, the partition of every topic at these offsets (RD_KAFKA_OFFSET_BEGINNING and _END too). ERR_GAP: an offset is not in the topic; `why` names
 * both. With accept_gap the nearest end of the topic is taken and written back. `before_ms`: Kafka timestamp of the CDR record before its offset, as it
 * was when that was counted (TIME_NONE: not known); if the topic has another there, source_fetch() says ERR_GAP. */
enum err source_start(struct source *s, int32_t partition, int64_t offsets[SOURCE_TOPICS], int64_t before_ms, bool accept_gap,
		      struct err_text *why) MUST_CHECK;
void source_stop(struct source *s, int32_t partition); /* fetches no more of it */

/* Messages at hand, in order, at most `max`; never waits. The caller destroys each. ERR_GAP as above, if retention overtook the reader. */
enum err source_fetch(struct source *s, int32_t partition, enum source_topic t, rd_kafka_message_t **out, size_t max, size_t *n,
		      struct err_text *why) MUST_CHECK;
/* True once everything up to the end was fetched, until more comes. */
bool source_at_end(const struct source *s, int32_t partition, enum source_topic t);

/* The ends of the control partitions right now, one round trip for all. */
enum err source_control_ends(struct source *s, const int32_t *partitions, int64_t *ends, size_t n, struct err_text *why) MUST_CHECK;

/* For lag tools only: Kafka's own committed offset follows the store. */
void source_follow(struct source *s, int32_t partition, const int64_t next[SOURCE_TOPICS]);
/* Messages between `next` and the end of the CDR partition as last seen; -1 unknown. */
int64_t source_lag(const struct source *s, int32_t partition, int64_t next);
/* The partition count of the CDR topic now; 0: it is gone. */
enum err source_count(struct source *s, int timeout_ms, int32_t *cdr, struct err_text *why) MUST_CHECK;
/* True once after all brokers went away. */
bool source_down(struct source *s);

#endif
