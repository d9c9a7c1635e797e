/* SPDX-License-Identifier: Apache-2.0 */
/* Scoring: the memory of a subject (window, counts, contacts) and the figures read from it. Time comes in; no clock is read.
 *
 * A shard keeps its subjects in a `struct table`, a cache in front of the store. One thread uses a table at a time. */
#ifndef RINGFENCE_SCORING_SCORING_H
#define RINGFENCE_SCORING_SCORING_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "schemas/cdr.h"
#include "schemas/event.h"
#include "scoring/facts.h"
#include "scoring/features.h"

/* ---- a subject in memory ---- */

#define SUBJECT_KEY_MAX 200 /* bytes of a key; longer account or trunk names are refused by ingest */

struct calls;    /* calls made: scoring's own */
struct received; /* calls received */
struct marks;    /* flags */
struct image;    /* stored form of a large record */

struct subject {
	/* read by everybody, written by scoring */
	int64_t clock_ms;               /* largest event time of its own CDRs; TIME_NONE before the first */
	int64_t first_seen_ms;          /* smallest event time of anything seen of it; TIME_NONE before the first */
	int64_t since_ms;               /* when this record began (shard's clock) */
	uint64_t calls, answered, late; /* lifetime: exact, since `since` */
	uint64_t talk_ms;
	/* of the pipeline: kept in the record, opaque to scoring */
	uint64_t sequence; /* of its last event; a new record starts at since_ms */
	uint8_t *state;    /* the rules stage's section; owned by the table; NULL if empty */
	uint32_t state_len;
	/* scoring's own */
	int32_t first_day;         /* UTC day first seen, from before this record; -1: this record is the first */
	struct calls *history;     /* NULL before the first call made */
	struct received *received; /* NULL before the first call received */
	struct marks *marks;       /* NULL before the first */
	struct image *image;       /* NULL unless its record was stored in blocks */
	uint64_t key_hash;
	bool listed;        /* of the pipeline, in memory only: its stored record stands in the list of a day */
	bool dirty, recent; /* changed in this cycle; found since the eviction hand passed */
	uint8_t kind;       /* enum subject_kind */
	uint8_t key_len;
	uint32_t asked; /* of the pipeline, in memory only: the cycle in which it was looked for last */
	char *key;      /* owned by the table, not terminated */
};

static inline struct slice subject_key(const struct subject *s)
{
	return (struct slice){s->key, s->key_len};
}

enum subject_kind subject_kind_of(struct slice key); /* by its prefix: '+', "account:", "trunk:", "block:" */

/* ---- the table of a shard ---- */

struct table;

/* `ceiling_bytes`: what the cache may hold before clean subjects are evicted at the end of a cycle, least recently used first (roughly); 0 = no
 * ceiling (memory store: the table is the store). */
struct table *table_new(int64_t ceiling_bytes);
void table_free(struct table *t);
void table_clear(struct table *t); /* drops every subject: after a fence */

/* NULL if it is not in the table: it may be in the store. */
struct subject *table_find(struct table *t, struct slice key, uint64_t key_hash);
void table_prefetch(const struct table *t, uint64_t key_hash); /* a hint to the CPU: the place where table_find will look */

/* What a record will do to one subject. Its memory is asked for ahead, in stages of a few records each (ahead.c). Forget it when subjects are removed. */
#define AHEAD_STAGES 7
struct ahead {
	uint64_t key_hash;
	uint64_t callee, caller;       /* as subject_add_copy is told; 0: none */
	const struct subject *subject; /* NULL before stage 1, or not there */
	uint16_t place;                /* the table's own */
	bool received;                 /* a call received; else one made */
};
void table_ahead(const struct table *t, struct ahead *a, uint32_t stage);
/* A new, empty subject. The pointer is stable until eviction or clear. Must not be in the table already. `first_day`: the UTC day on which it was first
 * seen in an earlier record (seen.h), or -1. */
struct subject *table_add(struct table *t, struct slice key, uint64_t key_hash, int64_t since_ms, int32_t first_day);
/* A subject from its stored record (record_decode). ERR_CORRUPT: bad checksum, newer version, or not a record; nothing is added. */
enum err table_load(struct table *t, struct slice key, uint64_t key_hash, struct slice record, struct subject **out,
		    struct err_text *why) MUST_CHECK;

/* It is gone: its memory may be used again. Not while it is marked. */
void table_remove(struct table *t, struct subject *s);
/* Its record ended, another begins: as after table_add. */
void table_renew(struct table *t, struct subject *s, int64_t since_ms, int32_t first_day);
/* Its record ended, and where the table is the store nothing follows yet: what it remembers is given back, but for when it was first and last seen. `last_ms`:
 * subject_end_ms() less what a record is kept, so that it stays ended. */
void table_shell(struct table *t, struct subject *s, int64_t last_ms);

void table_set_state(struct table *t, struct subject *s, const uint8_t *bytes, uint32_t len); /* copies; marks dirty */
void table_mark(struct table *t, struct subject *s);                                          /* changed in this cycle; idempotent */
/* The changed subjects of the cycle in the order of first change; *s = NULL first. False at the end. */
bool table_next_dirty(struct table *t, struct subject **s);
uint32_t table_dirty_cnt(const struct table *t);
int64_t table_dirty_bytes(const struct table *t); /* about what the changed records take when stored */
void table_clean(struct table *t);                /* the cycle's changes are handed to the store: no subject is dirty any more */
/* Evicts clean subjects down to the ceiling; call between cycles only. */
void table_evict(struct table *t);
uint64_t table_subjects(const struct table *t);
int64_t table_bytes(const struct table *t);
/* Every subject, in no order: *at = 0 first. NULL at the end. */
struct subject *table_each(struct table *t, uint64_t *at);
/* For a hand that goes round: how many cells there are, a power of two that may grow; and what a cell holds, or NULL. */
uint64_t table_cells(const struct table *t);
struct subject *table_cell(const struct table *t, uint64_t i);

/* ---- a call arrives ---- */

enum call_fate {
	CALL_APPLIED,   /* in order, or late within allowed lateness: rules are evaluated */
	CALL_LATE_KEPT, /* older than allowed lateness, inside 31 days: put in its place, rules are not evaluated */
	CALL_DUPLICATE, /* same event time and id hash as one of the newest 128: changes nothing */
	CALL_TOO_LATE,  /* event time <= clock - 31 d: changes nothing, dead letter */
};

/* Puts a usable CDR (use == CDR_COUNT) into its caller's record. `*late` is set if its event time is before the subject's clock.
 * Amortised O(1), allocates from the table's pools only. Marks the subject dirty if it changed. */
enum call_fate subject_add_call(struct table *t, struct subject *s, const struct cdr *c, int64_t allowed_lateness_ms, bool *late);
/* With the facts of the call, which are of such a CDR. */
enum call_fate subject_add_own(struct table *t, struct subject *s, const struct facts *f, int64_t allowed_lateness_ms, bool *late);
/* The same for a cohort: the copy of a CDR that counted, with its caller (number_pack). Copies are told apart by their source, not here. */
enum call_fate subject_add_copy(struct table *t, struct subject *s, const struct facts *f, uint64_t caller, int64_t allowed_lateness_ms,
				bool *late);
/* A call that the subject received. Its clock stays; a window counts the call once it ends at or after it. `caller`: any value that tells callers apart
 * (hash64), 0 if withheld. */
void subject_add_incoming(struct table *t, struct subject *s, int64_t event_ms, uint64_t caller, int64_t shard_clock_ms);
/* An external flag opened, or a complaint. */
void subject_add_flag(struct table *t, struct subject *s, int64_t time_ms);
/* A number of this cohort began to fire a rule, or went into quarantine. `number`: any value that tells numbers apart. */
void subject_add_flagged(struct table *t, struct subject *s, uint64_t number, int64_t time_ms);

/* A number that the record of a cohort knows by name. */
struct cohort_number {
	uint64_t number;             /* number_pack */
	int64_t flagged_ms, last_ms; /* TIME_NONE: not flagged; last seen, calling or flagged */
	uint32_t calls;              /* among the newest 128 of the cohort */
};
/* Those seen after `edge_ms`, best match first: flagged ones, then by calls. At most `max`; and no more than the record keeps, so of a cohort of many numbers
 * only the newest. */
uint32_t subject_numbers(const struct subject *s, int64_t edge_ms, struct cohort_number *out, uint32_t max);
/* The newest of its clock, its flags, its flagged numbers: what has been told of it so far. */
int64_t subject_newest_ms(const struct subject *s);

uint64_t subject_received(const struct subject *s); /* calls received since `since` */
/* UTC day of the first sight of it: of this record or an earlier one. -1: nothing was seen yet. */
int32_t subject_first_day(const struct subject *s);
/* The moment at which the record ends if nothing more comes and nothing holds it (`keep_ms`, 38 days, after its last call, made or received), and its UTC
 * day: the list that it stands in. Whether an episode, an open flag or a firing alert holds it the rules stage knows. */
int64_t subject_end_ms(const struct subject *s, int64_t keep_ms);
int32_t subject_end_day(const struct subject *s, int64_t keep_ms);
bool subject_expired(const struct subject *s, int64_t shard_clock_ms, int64_t keep_ms);

/* ---- figures ---- */

/* Points `f` at a subject as of a time (never before its clock) and forgets what was filled. keys, n, filled, values are already set; the figures from
 * outside are set to those of a plain number (phase active, no episode). */
void figures_reset(struct figures *f, const struct subject *s, int64_t as_of_ms);

/* ---- health (health.md) ---- */

/* As of a time, no earlier than the clock. The same as the figures `health`, `health_maturity`, ... */
void health_of(const struct subject *s, int64_t as_of_ms, struct health *out);

/* Why health is what it is: a line a figure that it is made of. */
struct health_reason {
	enum health_part part; /* that it belongs to */
	const char *figure;    /* as a rule names it: answer_ratio["31d"] */
	struct value value;    /* the true figure */
	double points;         /* of 100 of health, lost: below 0 */
	double most;           /* the most that it can lose */
	char text[24];         /* the figure, written for people: "0.12", "14 s", "3" */
	char words[160];       /* "12 of 100 calls were answered; full points from 0.45" */
};
#define HEALTH_REASONS_MAX 24
/* The most lost first, ties in the order of health.md. What loses nothing is told too, last, with 0. Returns how many; 0 if health is -1. */
uint32_t health_reasons(const struct subject *s, int64_t as_of_ms, struct health_reason out[HEALTH_REASONS_MAX]);

/* ---- contacts ---- */

/* The called numbers that answered a call of this number in (as_of - 31 d, as_of], by event time, each once, the newest first (ties: the larger `called`
 * first); late calls are in. `as_of_ms`: no earlier than the clock. At most `max`, and CONTACTS_MAX are known by name; `rest` says whether that is all. A
 * cohort has none. */
uint32_t subject_contacts(const struct subject *s, int64_t as_of_ms, struct contact *out, uint32_t max, struct contact_rest *rest);

/* ---- days of the past ---- */

/* The days from that of as_of - 31 d to that of as_of, oldest first, those without a call too. Calls that started before the first of them (long ones) or
 * after the last are left out. Returns how many (32, or 33 over a short day); 0 if nothing is remembered. `zone`: places.h, 0 is UTC. */
uint32_t subject_days(const struct subject *s, uint16_t zone, int64_t as_of_ms, struct day_total out[DAY_TOTALS_MAX]);

/* ---- the record: stored form of a subject ---- */

/* A subject without a key from its stored form; what it points to is owned by the caller. */
enum err record_decode(struct slice bytes, struct subject *out, struct err_text *why) MUST_CHECK;
void subject_release(struct subject *s); /* of a subject from record_decode that is in no table */

#define RECORD_SMALL_BYTES 2048 /* larger ones are stored in blocks */
#define RECORD_MAX_BYTES 65536  /* kept by coarsening the record, which is counted */

/* Appends the record to `out`, whole and in one part whatever its size: versioned, packed, checksummed; the layout is drawn in record.c. Two equal
 * subjects give equal bytes. */
void record_encode(const struct subject *s, struct buf *out);

/* What a commit has to write: the fields of a struct store_put. */
struct record_put {
	struct slice value;     /* the whole stored form; p == NULL: the last value.len bytes appended to `out` */
	const uint16_t *blocks; /* NULL: all of it is to be written; else these blocks of STORE_BLOCK_BYTES changed */
	uint16_t block_cnt;
	bool large, was_large;
};

/* The stored form of a subject of the table. From then on it counts as stored: if the commit fails, the table has to be cleared. A small record is appended
 * to `out`; a large one is kept beside the subject, valid until it changes. `block_room`: RECORD_BLOCKS_MAX entries. */
#define RECORD_BLOCKS_MAX 128
void record_store(struct table *t, struct subject *s, struct buf *out, uint16_t *block_room, struct record_put *put);

#endif
