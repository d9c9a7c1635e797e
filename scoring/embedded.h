/* SPDX-License-Identifier: Apache-2.0 */
/* What store_embedded.c (open, read) and embedded_write.c (keys, commits, the writer thread) share. The layout is drawn in store_embedded.c. */
#ifndef RINGFENCE_SCORING_EMBEDDED_H
#define RINGFENCE_SCORING_EMBEDDED_H

#include "base/buf.h"
#include "base/clock.h"
#include "scoring/scoring.h"
#include "scoring/store.h"

#include <lmdb.h>
#include <pthread.h>

#define TOPIC_MAX 249                     /* Kafka's own limit */
#define KEY_MAX 511                       /* LMDB's */
#define SHORT_MAX (2 * STORE_BLOCK_BYTES) /* a longer value is kept in blocks */
#define READERS_MAX 4096                  /* shards of the process, and readers of other processes */

enum { TAG_MAX = TOPIC_MAX + 13 };
_Static_assert(TAG_MAX + 1 + 1 + SUBJECT_KEY_MAX + 4 <= KEY_MAX, "every key fits");

struct store {
	MDB_env *env;
	MDB_dbi dbi;
	char *path;           /* owned */
	int lock_fd;          /* -1: read only */
	bool locked, unclean; /* the lock is ours; the owner before us did not close */
	int64_t map_bytes;
	bool read_only;
	pthread_t writer;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct store_shard *first, **last; /* the queue of commits */
	bool stopping;
	uint32_t commits; /* of the writer */
};

/* A key of LMDB's. */
struct lmdb_key {
	size_t len;
	uint8_t bytes[KEY_MAX];
};

struct store_shard {
	struct store *store;
	char tag[TAG_MAX];
	size_t tag_len; /* its 0x00 counted */

	/* the commit on its way */
	bool pending, answered; /* answered: under store->lock */
	pthread_cond_t done;
	struct store_shard *next;
	struct buf program;
	uint32_t step_cnt;
	uint8_t expect[COMMIT_ID_BYTES];
	enum err result;
	struct err_text result_why;

	/* the last read */
	MDB_txn *txn; /* reset between reads; NULL before the first */
	bool reading, was_read;
	enum err read_err;
	struct err_text read_why;
	struct buf found; /* copies: meta, values */
	struct slice meta, *values;
	size_t value_cap, asked;
};

enum err embedded_err(const struct store *s, int rc, const char *doing, struct err_text *why);

/* ---- keys ---- */

/* tag, letter, head, tail: the tail of a subject is its key. */
struct lmdb_key key_make(const struct store_shard *h, char letter, const void *head, size_t head_len, struct slice tail);
struct lmdb_key key_value(const struct store_shard *h, const struct store_key *at);
struct lmdb_key key_day(const struct store_shard *h, int32_t day, struct slice subject);
extern const char embedded_space_letter[]; /* by enum store_space */

uint64_t from_big_endian(const void *p, int bytes);

static inline MDB_val val(const void *p, size_t len)
{
	return (MDB_val){len, (void *)(uintptr_t)p};
}

static inline MDB_val val_key(const struct lmdb_key *k)
{
	return val(k->bytes, k->len);
}

/* Does `k` begin with `prefix`, with `more` bytes behind it (ANY: any number)? */
#define ANY SIZE_MAX
static inline bool begins(const MDB_val *k, const struct lmdb_key *prefix, size_t more)
{
	return k->mv_size >= prefix->len && (more == ANY || k->mv_size - prefix->len == more) &&
	       memcmp(k->mv_data, prefix->bytes, prefix->len) == 0;
}

/* ---- commits ---- */

void embedded_program(struct store_shard *h, const struct store_commit *c); /* the commit, copied into the handle */
void *embedded_writer(void *store);                                         /* the writer thread */

#endif
