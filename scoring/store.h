/* SPDX-License-Identifier: Apache-2.0 */
/* The store: where a shard's state and positions live together (DESIGN section 3, invariant 2).
 *
 * A function table with three implementations: redis, embedded (LMDB), memory. All keep, per shard (topic, partition):
 *
 *   meta     one value; its first 16 bytes are the commit id. Absent: the shard is new
 *   subject  one record per subject key
 *   outbox   entries by number: events decided, not yet acknowledged by their topic
 *   timer    per subject with a timer: its earliest due time
 *
 * THE FENCE. A commit names the id that it expects the meta to have and is applied whole or not at all (ERR_FENCED). So a
 * process that lost its shard, or whose store was rolled back, cannot overwrite anything.
 *
 * Redis keys, tag first so that a shard stays on one node of a cluster:
 *   rf:{cdr:0}:meta   rf:{cdr:0}:n:+15551230000   rf:{cdr:0}:outbox (hash: number -> entry)   rf:{cdr:0}:timers (zset: subject by due ms)
 *
 * OVERLAP. commit_begin only sends; the answer is fetched by commit_end or by the read that follows, so the caller decodes its next batch
 * meanwhile. One commit may be on its way per shard. A shard handle is used by one thread at a time.
 *
 * A FAILED HANDLE STAYS FAILED. After an error of the store (not: of an argument, ERR_LIMIT) every later call on the handle returns that error
 * again, so nothing slips through behind a fence. A new handle starts from what is stored. A commit whose answer was lost (ERR_AWAY) is there
 * as a whole or not at all: the id in meta tells which.
 *
 * `visit` gets slices that are valid during the call and must not call the store. A store must outlive its shard handles. */
#ifndef RINGFENCE_SCORING_STORE_H
#define RINGFENCE_SCORING_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

enum store_kind { STORE_REDIS, STORE_EMBEDDED, STORE_MEMORY };

struct store_config {
	int kind;                   /* enum store_kind */
	const char *redis_url;      /* redis://[user[:password]@]host[:port][/db], unix:///path[?db=N] */
	const char *redis_password; /* wins over the URL's; "" = none */
	int64_t redis_timeout_ms;   /* connect, and each answer */
	const char *path;           /* embedded: the file */
	int64_t map_bytes;          /* embedded: largest size of the file */
};

#define COMMIT_ID_BYTES 16
#define STORE_KEY_MAX 200       /* bytes of a subject key, at least 1 */
#define STORE_COMMIT_MAX 100000 /* puts, timers, entries or acknowledged numbers of one commit, each */
#define STORE_DUE_MAX_MS (INT64_C(1) << 53) /* a due time lies within +-this: what a double of Redis holds exactly */

struct store;       /* one per process, shared by threads */
struct store_shard; /* one per shard taken; has its own connection */

struct store_put {
	struct slice key;   /* subject key */
	struct slice value; /* record; empty = delete */
};

struct store_timer {
	struct slice key; /* subject key */
	int64_t due_ms;   /* TIME_NONE = remove */
};

struct store_entry {
	uint64_t number;
	struct slice value;
};

/* Everything of one cycle. The store reads it during commit_begin only. */
struct store_commit {
	uint8_t expect[COMMIT_ID_BYTES]; /* all zero: the shard must have no meta yet */
	struct slice meta;               /* new meta, begins with the new id */
	const struct store_put *puts;
	size_t put_cnt;
	const struct store_timer *timers;
	size_t timer_cnt;
	const struct store_entry *outbox; /* entries to add */
	size_t outbox_cnt;
	const uint64_t *acked; /* entries to remove */
	size_t acked_cnt;
	/* A key or number at most once in each list. meta is at least COMMIT_ID_BYTES long, its id not all zero. */
};

/* What a read found. Valid until the next read_begin on the shard. */
struct store_read {
	struct slice meta;          /* SLICE_NONE: a new shard */
	const struct slice *values; /* one per key asked; p == NULL: absent */
};

typedef enum err store_visit(void *ctx, struct slice key, struct slice value, int64_t number);

struct store_ops {
	const char *name;
	enum err (*open)(const struct store_config *c, bool read_only, struct store **out, struct err_text *why);
	void (*close)(struct store *s);

	/* One connection or handle for one shard. Nothing is read yet. */
	enum err (*shard_open)(struct store *s, const char *topic, int32_t partition, struct store_shard **out, struct err_text *why);
	void (*shard_close)(struct store_shard *h);

	/* One round trip: begin watching meta, read it, and the records of `keys`. Any commit on its way is answered first: if that one failed, its
	 * error is what read_end returns. ERR_AWAY: the connection is gone, close the handle. */
	enum err (*read_begin)(struct store_shard *h, const struct slice *keys, size_t n, struct err_text *why);
	enum err (*read_end)(struct store_shard *h, struct store_read *out, struct err_text *why);

	/* Atomic, compare-and-set. After ERR_FENCED or ERR_AWAY the handle is closed by its owner; ERR_STATE must stop the shard. */
	enum err (*commit_begin)(struct store_shard *h, const struct store_commit *c, struct err_text *why);
	enum err (*commit_end)(struct store_shard *h, struct err_text *why); /* ERR_OK also if none is on its way */

	/* Whole collections of a shard, in order of number or (due, key); not while a commit is on its way. Stops at the first error of `visit`.
	 * outbox: number, value. timers: key, number = due ms. */
	enum err (*outbox)(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
	enum err (*timers)(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
	/* Every subject of the shard: key and record, in no order. Redis: one pass over the whole keyspace. */
	enum err (*subjects)(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
	/* Every subject of all shards of a topic in one pass: key, record, number = partition. In no order, not one snapshot: for reports. */
	enum err (*subjects_all)(struct store *s, const char *topic, store_visit *visit, void *ctx, struct err_text *why);

	/* A value of the deployment, outside of any shard (rf:{deployment:<name>}): set if absent, and what is there now, copied into `a`.
	 * A store opened read-only sets nothing; absent is then SLICE_NONE. */
	enum err (*claim)(struct store *s, const char *deployment, struct slice value, struct arena *a, struct slice *now,
			  struct err_text *why);
};

extern const struct store_ops store_redis, store_embedded, store_memory;
const struct store_ops *store_ops(enum store_kind k);

/* ---- for the implementations ---- */

/* "rf:{<topic>:<partition>}:": Kafka's topic names are at most 249 bytes, so that with the longest kind and key it fits LMDB's 511. */
#define STORE_TOPIC_MAX 249
#define STORE_PREFIX_BYTES (STORE_TOPIC_MAX + 24)

/* ERR_CONFIG: no Kafka topic name, or a negative partition. */
enum err store_prefix(const char *topic, int32_t partition, char out[STORE_PREFIX_BYTES], struct err_text *why) MUST_CHECK;
/* "rf:{<topic>:<partition>}:n:<key>" back into partition and key; false: not a subject of this topic. */
bool store_parse_subject(struct slice text, const char *topic, int32_t *partition, struct slice *key) MUST_CHECK;
/* The stated limits: ERR_LIMIT names what is over. */
enum err store_check_keys(const struct slice *keys, size_t n, struct err_text *why) MUST_CHECK;
enum err store_check_commit(const struct store_commit *c, struct err_text *why) MUST_CHECK;
/* Whether a stored meta (SLICE_NONE: absent) carries the id that a commit expects. */
bool store_id_matches(struct slice meta, const uint8_t expect[COMMIT_ID_BYTES]) MUST_CHECK;

/* Entries of an outbox collected before they are visited in order of number. Start from {0}. */
struct store_entries {
	struct store_entry *v; /* values live in `bytes` */
	size_t cnt, cap;
	struct arena bytes;
};
void store_entries_init(struct store_entries *e);
void store_entries_release(struct store_entries *e);
void store_entries_add(struct store_entries *e, uint64_t number, struct slice value);   /* copies */
enum err store_entries_visit(struct store_entries *e, store_visit *visit, void *ctx) MUST_CHECK; /* sorted, a number once */

#endif
