/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: one thread with its own consumer, its own producer, and the shards that the group gives it. */
#ifndef RINGFENCE_APP_WORKER_H
#define RINGFENCE_APP_WORKER_H

#include "app/pipeline.h"

/* What the status line sums up; written by the worker, read by anybody. */
struct worker_status {
	_Atomic uint64_t records; /* read and dealt with by this process */
	_Atomic uint64_t applied, subjects, outbox, fenced, paused;
	_Atomic int64_t lag, behind_ms; /* behind_ms: wall time - event time of the newest CDR, the largest of its shards */
	_Atomic uint64_t commit_us;     /* the slowest of the last commits */
	_Atomic uint32_t shards;
	_Atomic bool blind; /* a partition of ours has no shard at the moment: lag and behind are those of the others */
};

struct worker_config {
	uint32_t number;
	int32_t partitions; /* of the CDR topic, at start */
	bool accept_gap;
	_Atomic bool *stop;       /* finish the cycle, commit, flush, leave */
	void (*fatal)(void *ctx); /* this worker has ended with an error: stop the others */
	void *fatal_ctx;
};

struct worker;

enum err worker_start(struct pipeline *p, const struct worker_config *c, struct worker **out, struct err_text *why) MUST_CHECK;
/* Waits for its end; the error that ended it, ERR_OK after a stop. */
enum err worker_join(struct worker *w, struct err_text *why);
const struct worker_status *worker_status(const struct worker *w);

#endif
