/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a shard's handle, for store_redis.c (its cycle) and redis_lists.c (whole collections). */
#ifndef RINGFENCE_SCORING_REDIS_SHARD_H
#define RINGFENCE_SCORING_REDIS_SHARD_H

#include "scoring/redis_commit.h"

struct store {
	struct redis_address at;
	int64_t timeout_ms;
	bool read_only;
};

struct store_shard {
	struct store *store;
	redisContext *c;
	struct redis_writer w;
	bool dead; /* an error was returned: answers and questions may not match any more */

	bool pending; /* a commit is on its way */

	/* the last read; replies stay until the next one, values point into them */
	bool reading, watching;
	size_t asked;
	const struct store_key *keys; /* of the caller, until read_end */
	redisReply **replies;
	size_t reply_cnt, reply_cap;
	struct slice *values;
	size_t value_cap;
	bool has_meta;
	uint8_t id[COMMIT_ID_BYTES];
};

static inline struct slice redis_text_of(const redisReply *r)
{
	return r->type == REDIS_REPLY_STRING ? slice_make(r->str, r->len) : SLICE_NONE;
}

/* Sends what the writer holds, one command, outside of the cycle. *out: owned. */
enum err redis_shard_ask(struct store_shard *h, const char *doing, redisReply **out, struct err_text *why) MUST_CHECK;
enum err redis_shard_fail(struct store_shard *h, enum err e); /* the handle is done for, unless ERR_OK; returns `e` */
enum err redis_strange(const char *doing, struct err_text *why);

enum err redis_outbox(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
enum err redis_timers(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
enum err redis_values(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why);
enum err redis_days(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
enum err redis_day(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why);

#endif
