/* SPDX-License-Identifier: Apache-2.0 */
/* Files in place of Kafka: the whole pipeline over P shards in one thread, state in memory, event time. Used by `replay`. */
#ifndef RINGFENCE_APP_REPLAY_H
#define RINGFENCE_APP_REPLAY_H

#include "app/pipeline.h"

struct replay_config {
	int32_t partitions;
	const char *const *files;
	size_t file_cnt;
	const struct cdr *records; /* behind those of the files: decoded already; they live until replay_close */
	size_t record_cnt;
	const char *control;            /* file of commands; NULL: none */
	const struct command *commands; /* in place of that file; they live until replay_close */
	size_t command_cnt;
	const char *out;  /* folder of the event files; NULL: events are counted only */
	int64_t until_ms; /* every shard's time goes on to here; TIME_NONE: it stops at the last CDR or command */
	bool any_time;
	/* Called now and then with bytes done and in all (-1: not known). May be NULL. */
	void (*progress)(void *ctx, int64_t done, int64_t all, uint64_t records);
	void *progress_ctx;
	/* Told of every event, in order. May be NULL. */
	void (*event)(void *ctx, const struct message *m);
	void *event_ctx;
};

struct replay_sums {
	uint64_t records;
	struct meta_counts counts; /* of all shards */
	uint64_t subjects;
	uint64_t events[EVENT_KIND_CNT];
	int64_t first_ms, last_ms; /* clocks of the shards: the smallest, the largest; TIME_NONE */
};

struct replay;

/* `p`: with resident tables, `files` set. */
enum err replay_open(struct pipeline *p, const struct replay_config *c, struct replay **out, struct err_text *why) MUST_CHECK;
enum err replay_run(struct replay *r, struct err_text *why) MUST_CHECK;
void replay_sums(const struct replay *r, struct replay_sums *out);
/* Every shard, for a dump; NULL at the end. */
struct shard *replay_shard(const struct replay *r, int32_t i);
/* Closes the event files: ERR_IO if one could not be written whole. */
enum err replay_close(struct replay *r, struct err_text *why) MUST_CHECK;

#endif
