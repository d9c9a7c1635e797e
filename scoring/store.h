/* SPDX-License-Identifier: Apache-2.0 */
/* The store: where a shard's state and positions live together (DESIGN section 3, invariant 2).
 *
 * A function table with three implementations: redis, embedded (LMDB), memory. All keep, per shard (topic, partition):
 *
 *   meta     one value; its first 16 bytes are the commit id. Absent: the shard is new
 *   values   by space and key: the record of a subject, its history, buckets of first-seen days
 *   outbox   entries by number: events decided, not yet acknowledged by their topic
 *   timer    per subject with a timer: its earliest due time
 *   day      per subject with a record: a day (UTC, since 1970), no later than the one on which the record may end, on which to look at it
 *
 * THE FENCE. A commit names the id that it expects the meta to have and is applied whole or not at all (ERR_FENCED). So a
 * process that lost its shard, or whose store was rolled back, cannot overwrite anything.
 *
 * Redis keys, tag first so that a shard stays on one node of a cluster:
 *   rf:{cdr:0}:meta                  rf:{cdr:0}:outbox (hash: number -> entry)   rf:{cdr:0}:timers (zset: subject by due ms)
 *   rf:{cdr:0}:r:0 to r:63 (hashes: subject -> record up to 2 KiB, empty for a larger one; by hash of the subject)
 *   rf:{cdr:0}:n:+15551230000 (a larger record)     rf:{cdr:0}:h:+15551230000 (history)     rf:{cdr:0}:s:17 (first-seen bucket)
 *   rf:{cdr:0}:ends:20782 (list: subjects)          rf:{cdr:0}:layout ("2")
 * A shard without the layout key is of the first version: all records under n:, days in sets day:20782. These are read, and written anew in place of
 * them as records change.
 *
 * BLOCKS. A long value may be written in part: the caller names the blocks of STORE_BLOCK_BYTES that changed. Redis writes them with SETRANGE; LMDB keeps one
 * key per block.
 *
 * APPENDS. A history grows without being read: Redis writes each piece with SETRANGE, LMDB's writer changes the blocks that it touches. Such a value is
 * kept in blocks in LMDB however short it is.
 *
 * OVERLAP. commit_begin only sends; the answer is fetched by commit_end or by the read that follows, so the caller decodes its next batch
 * meanwhile. One commit may be on its way per shard. A shard handle is used by one thread at a time. */
#ifndef RINGFENCE_SCORING_STORE_H
#define RINGFENCE_SCORING_STORE_H

#include "base/arena.h"
#include "base/clock.h"
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
#define STORE_BLOCK_BYTES 512

struct store;       /* one per process, shared by threads */
struct store_shard; /* one per shard taken; has its own connection */

enum store_space { SPACE_RECORD, SPACE_HISTORY, SPACE_SEEN };

struct store_key {
	struct slice key; /* subject key, or the number of a bucket as text */
	uint8_t space;    /* enum store_space */
};

struct store_put {
	struct store_key at;
	struct slice value; /* whole, always; empty (len 0) = delete */
	/* NULL: write all of it. Else only these blocks (ascending) differ from what is stored, which is there and is not longer than `value`; every
	 * block that begins behind its end is among them. */
	const uint16_t *blocks;
	uint16_t block_cnt;
	bool large;     /* a later commit may name blocks of it: kept where that can be done */
	bool was_large; /* what is stored was put with `large`, and this is not */
};

/* Bytes written into a value at a place, whatever it holds there; what it did not have before that place becomes zeros. Blind: the value is not read
 * by the caller, and the same append again changes nothing. Applied in order, after the puts: one that deletes the same value comes before. */
struct store_append {
	struct store_key at;
	uint32_t offset;
	struct slice bytes; /* not empty */
};

struct store_timer {
	struct slice key; /* subject key */
	int64_t due_ms;   /* TIME_NONE = remove */
};

/* One subject moves from one day's list to another's. -1: from none, to none. */
struct store_day {
	struct slice key; /* subject key */
	int32_t from, to; /* days since 1970-01-01 UTC */
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
	const struct store_append *appends;
	size_t append_cnt;
	const struct store_timer *timers;
	size_t timer_cnt;
	const struct store_day *days;
	size_t day_cnt;
	const struct store_entry *outbox; /* entries to add */
	size_t outbox_cnt;
	const uint64_t *acked; /* entries to remove */
	size_t acked_cnt;
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
	enum err (*read_begin)(struct store_shard *h, const struct store_key *keys, size_t n, struct err_text *why);
	enum err (*read_end)(struct store_shard *h, struct store_read *out, struct err_text *why);

	/* Atomic, compare-and-set; must follow a read on the handle. After ERR_FENCED or ERR_AWAY the handle is closed by its owner; ERR_STATE must stop the shard. */
	enum err (*commit_begin)(struct store_shard *h, const struct store_commit *c, struct err_text *why);
	enum err (*commit_end)(struct store_shard *h, struct err_text *why); /* ERR_OK also if none is on its way */

	/* Whole collections of a shard, in order of number or (due, key); not while a commit is on its way. Stops at the first error of `visit`.
	 * outbox: number, value. timers: key, number = due ms. */
	enum err (*outbox)(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
	enum err (*timers)(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
	/* Every value of one space: key and value, in no order. */
	enum err (*values)(struct store_shard *h, enum store_space space, store_visit *visit, void *ctx, struct err_text *why);
	/* Days that have a list, ascending: number = day. */
	enum err (*days)(struct store_shard *h, store_visit *visit, void *ctx, struct err_text *why);
	/* Up to `max` subjects of one day's list, in no order. */
	enum err (*day)(struct store_shard *h, int32_t day, size_t max, store_visit *visit, void *ctx, struct err_text *why);

	/* A value of the deployment, outside of any shard (rf:{deployment:<name>}): set if absent (not if `value` is empty), and what is there now, copied into `a`. */
	enum err (*claim)(struct store *s, const char *deployment, struct slice value, struct arena *a, struct slice *now,
			  struct err_text *why);
	/* The last process that had this store to itself did not close it: it was killed. NULL: cannot be told. */
	bool (*unclean)(const struct store *s);
};

/* What can be told without connecting. ERR_CONFIG: of state.redis.url, or its password. */
enum err store_config_check(const struct store_config *c, struct err_text *why) MUST_CHECK;

extern const struct store_ops store_redis, store_embedded, store_memory;
const struct store_ops *store_ops(enum store_kind k);

#endif
