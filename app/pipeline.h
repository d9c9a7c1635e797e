/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline: the only place that knows all stages. pipeline_step() is the architecture; read it first.
 *
 * A shard is partition i of every input topic together: the unit of order, of state and of commit. One thread owns a shard at a time. Drivers
 * (worker.c for Kafka, replay.c for files) fill its batch and call pipeline_step until the batch is done. */
#ifndef RINGFENCE_APP_PIPELINE_H
#define RINGFENCE_APP_PIPELINE_H

#include "app/meta.h"
#include "app/relay.h"
#include "app/settings.h"
#include "app/timers.h"
#include "scoring/scoring.h"
#include "sinks/outbox.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- what a driver lends ---- */

/* Where events and dead letters go: topics or files. `owner` names one taking of a shard. */
struct outlet {
	enum err (*send)(void *ctx, void *owner, uint64_t number, const struct message *m, struct err_text *why); /* ERR_LIMIT: later */
	enum err (*dead_letter)(void *ctx, void *owner, const struct dead_letter *d, struct err_text *why);
	uint64_t (*dead_letters_open)(void *ctx, const void *owner); /* not yet acknowledged */
	void (*poll)(void *ctx, int wait_ms);                        /* serves acknowledgements: shard_acked() */
	/* The relay. A packed message for another shard: copies (awaited before the commit) or, with an outbox number, facts (acknowledged by
	 * shard_acked). */
	enum err (*relay)(void *ctx, void *owner, int32_t partition, struct slice message, uint64_t number, struct err_text *why);
	enum err (*relay_await)(void *ctx, void *owner, struct err_text *why);
	/* Files: in place of both, one copy or fact is applied to its shard at once, with shard_copy(). NULL: Kafka. */
	enum err (*copy)(void *ctx, int32_t partition, const struct copy *c, struct err_text *why);
	void *ctx;
};

struct shard;

/* Everything that the shards of a process share. */
struct pipeline {
	const struct settings *settings;
	const struct store_ops *ops;
	struct store *store;
	bool resident;       /* the table is the store: commits carry no records (replay, state.store: memory) */
	bool no_history;     /* histories are not kept: nobody can read them afterwards (replay without a dump of them) */
	bool files;          /* input comes from files: no Kafka timestamps; in_future goes by the clock so far */
	bool any_time;       /* files: no in_future check */
	struct rules *rules; /* current generation; swapped under rules_lock */
	_Atomic uint64_t rules_generation;
	pthread_mutex_t rules_lock;
	/* Traces: called after a CDR was applied, with the shard's figures pointing at its subject; and, with c NULL, after
	 * its alerts that were due were evaluated by timer. May be NULL. */
	void (*applied)(void *ctx, struct figures *f, const struct subject *s, const struct cdr *c, bool late);
	/* Called before a usable CDR is applied: time goes on to `to_ms`, the later of its own and the shard's. Perhaps twice for one CDR. May be NULL. */
	void (*passing)(void *ctx, struct shard *s, int64_t to_ms);
	void *applied_ctx; /* of both */
};

enum err pipeline_init(struct pipeline *p, const struct settings *settings, bool resident, struct err_text *why) MUST_CHECK;
void pipeline_release(struct pipeline *p);
/* A new rule set for all shards, from their next batch on. Takes ownership. */
void pipeline_set_rules(struct pipeline *p, struct rules *r);

/* ---- a shard ---- */

struct origin {
	struct slice key;
	const rd_kafka_headers_t *headers;
};

/* Records read and not yet applied. Their bytes must live until batch_done. */
struct batch {
	struct arena arena;
	struct cdr *cdrs;
	struct origin *origins;
	uint32_t cnt, cap;
	uint32_t decoded; /* records before this one are decoded */
	uint32_t at;      /* the next one to apply */
};

struct shard_times { /* of the last cycle, for the status line */
	double commit_ms;
	uint64_t cycles, fenced;
};

/* Takes the shard: reads its meta, writes a new commit id, loads outbox and timers. ERR_AWAY, ERR_FENCED: try again later. ERR_FOREIGN,
 * ERR_CORRUPT, ERR_CONFIG: stop. */
enum err shard_take(struct pipeline *p, const struct outlet *outlet, int32_t partition, int32_t partitions, struct shard **out,
		    struct err_text *why) MUST_CHECK;
/* Gives up without another commit; what is under way is answered first, so the state is whole. */
void shard_drop(struct shard *s);

const struct meta *shard_meta(const struct shard *s); /* positions as applied in memory */
int32_t shard_partition(const struct shard *s);
void *shard_owner(const struct shard *s);                  /* as the outlet is told; never the same for two takings */
const struct meta *shard_committed(const struct shard *s); /* as of the last confirmed commit: what Kafka may be told */
/* Where the input begins, as the state said or, on a first start or an accepted gap, did not. Errors as of shard_take. */
enum err shard_start(struct shard *s, int64_t cdr_next, int64_t control_next, int64_t relay_next, struct err_text *why) MUST_CHECK;
bool shard_commands_full(const struct shard *s);
void shard_acked(struct shard *s, uint64_t number);
bool shard_paused(const struct shard *s); /* its outbox is at the ceiling: give it no input */
bool shard_busy(const struct shard *s);   /* a commit is on its way, or acknowledged outbox entries wait for one */
uint32_t shard_outbox(const struct shard *s);
const struct shard_times *shard_times(const struct shard *s);
struct table *shard_subjects(struct shard *s);
uint64_t shard_living(struct shard *s); /* subjects of the table whose records have not ended, swept or not */
struct rules_scratch *shard_scratch(struct shard *s);
const struct rules *shard_rules(const struct shard *s);

/* ---- input ---- */

/* One more record, undecoded (Kafka) or decoded (files: only offset and reason are filled in here). False: the batch is full. */
bool shard_add(struct shard *s, struct slice payload, struct slice key, const rd_kafka_headers_t *headers, int64_t offset,
	       int64_t produced_ms);
bool shard_add_decoded(struct shard *s, const struct cdr *c);
/* The batch is applied to its end. */
bool shard_batch_done(const struct shard *s);
uint32_t shard_batch_cnt(const struct shard *s);
void shard_batch_reset(struct shard *s); /* its bytes may go */

/* A message read from the relay topic, in order; copied. Only while there is room for more copies. */
void shard_relay(struct shard *s, struct slice payload, int64_t offset);
bool shard_relay_room(const struct shard *s);
/* One copy from a shard of this process, applied at once (files). */
enum err shard_copy(struct shard *s, const struct copy *c, struct err_text *why) MUST_CHECK;

/* A command read from the control topic, in order; copied. False: enough are waiting, read on later. */
bool shard_command(struct shard *s, struct slice payload, int64_t offset, int64_t produced_ms);
int64_t shard_control_read(const struct shard *s); /* offset behind the last command read */

/* ---- work ---- */

/* One commit cycle over the batch (DESIGN section 4). ERR_OK: call again until shard_batch_done. ERR_FENCED, ERR_AWAY: drop the shard
 * and take it again. Fatal: stop. */
enum err pipeline_step(struct shard *s, struct wall_time now, struct err_text *why) MUST_CHECK;

/* Between batches. Answers the commit under way, hands over its events, and with `at_end` (both partitions read to their ends) goes on with time:
 * timers, waiting commands. `wait`: answer the commit even if nothing else is to do. */
enum err pipeline_idle(struct shard *s, bool at_end, struct wall_time now, struct err_text *why) MUST_CHECK;

/* Between batches, now and then: a slice of the records that ended. */
enum err pipeline_sweep(struct shard *s, struct err_text *why) MUST_CHECK;
/* Between batches, after the shard was taken: a slice of the numbers whose state is said again. */
enum err pipeline_again(struct shard *s, struct err_text *why) MUST_CHECK;

/* Files: all commands that wait, then timers up to `until_ms` (TIME_NONE: to the shard's clock). */
enum err pipeline_finish(struct shard *s, int64_t until_ms, struct err_text *why) MUST_CHECK;

#endif
