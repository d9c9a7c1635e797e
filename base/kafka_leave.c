/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a consumer, around what librdkafka does not do well at that moment. */
#include "base/clock.h"
#include "base/kafka.h"

#include <pthread.h>

bool kafka_leave(rd_kafka_t *rk, kafka_rebalance *on_rebalance, void *ctx, int64_t most_ms, const _Atomic int64_t *sooner_ns)
{
	int64_t end_ns = mono_now().ns + most_ms * INT64_C(1000000);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(rk, q);
	while (!error && !rd_kafka_consumer_closed(rk) && mono_now().ns < end_ns) {
		rd_kafka_event_t *e = rd_kafka_queue_poll(q, 10);
		if (e && rd_kafka_event_type(e) == RD_KAFKA_EVENT_REBALANCE)
			on_rebalance(rk, rd_kafka_event_error(e), rd_kafka_event_topic_partition_list(e), ctx);
		if (e)
			rd_kafka_event_destroy(e);
		if (sooner_ns && *sooner_ns < end_ns)
			end_ns = *sooner_ns;
	}
	bool left = rd_kafka_consumer_closed(rk);
	rd_kafka_error_destroy(error);
	rd_kafka_queue_destroy(q);
	return left;
}

static void *destroy(void *rk)
{
	rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

void kafka_consumer_end(rd_kafka_t *rk, bool left, bool assigned)
{
	pthread_t thread;
	if (!assigned && rd_kafka_version() < 0x02030000)
		return;
	if (left)
		destroy(rk);
	else if (pthread_create(&thread, NULL, destroy, rk) == 0)
		pthread_detach(thread);
}
