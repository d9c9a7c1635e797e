/* SPDX-License-Identifier: Apache-2.0 */
/* The relay: copies of CDRs, and facts, for subjects that another shard owns: the called number, the account, the trunk, the thousand-number block
 * (DESIGN sections 4 and 7).
 *
 * COPIES of CDRs go out before the commit of their cycle: they are functions of the CDR stream alone, so that after a crash they are sent again as
 * they were. FACTS (flags, complaints, "a number of yours began to fire") come from timers and commands too, so they are outbox entries and go out
 * after the commit.
 *
 * The receiver keeps, per source and kind, the place of the newest copy that it applied, in its commit: what comes again is passed over. A source sends
 * without gaps: a cycle's copies leave only after the commit before it was confirmed.
 *
 *   1 | flavour u8 | source u64 | partition varint | count varint | item...
 *   item of copies:  kind u8 | offset zigzag (from the one before) | ordinal varint | key | caller u64 | rest
 *                    rest of CALLED and CALLED_BLOCK: event time zigzag; of the others: facts_encode()
 *   item of facts:   kind u8 | epoch varint | number varint | key | caller u64 | time zigzag | cause (in messages of version 2)
 *                    cause: 0 | partition varint | offset zigzag | record id   or  1 | timer | due zigzag   or  2 | id of the command
 *
 * Messages of copies are of version 1, those of facts of version 2; facts of version 1 had no cause.
 */
#ifndef RINGFENCE_APP_RELAY_H
#define RINGFENCE_APP_RELAY_H

#include "app/settings.h"
#include "scoring/facts.h"
#include "scoring/scoring.h"

enum copy_kind {
	COPY_CALLED,       /* a call received by a number */
	COPY_CALLED_BLOCK, /* ... by a number of a block */
	COPY_ACCOUNT,      /* a call made by a number of the cohort */
	COPY_TRUNK,
	COPY_BLOCK,
	COPY_FLAG,    /* fact: an external flag or a complaint about a number of the cohort */
	COPY_FLAGGED, /* fact: a number of the cohort began to fire a rule or went into quarantine */
	COPY_KIND_CNT
};
#define COPY_IS_FACT(kind) ((kind) >= COPY_FLAG)

struct copy {
	uint64_t source;   /* topic id of the sender's CDR topic; set by relay_next() */
	int32_t partition; /* the sender */
	uint8_t kind;
	int64_t offset;    /* copy of a CDR: in its partition. Fact: epoch of the taking that decided it */
	uint64_t ordinal;  /* among the copies of its CDR. Fact: number of its outbox entry */
	struct slice key;  /* of the subject that it is for */
	uint64_t key_hash; /* key_hash() */
	uint64_t caller; /* CALLED*: hash of the caller, 0 if withheld; cohorts, facts: number_pack of the number that called or is meant */
	int64_t event_ms; /* CALLED*, facts */
	union {
		struct facts facts; /* ACCOUNT, TRUNK, BLOCK */
		struct slice cause; /* facts: what set them off, cause_encode(); absent if an older version sent it */
	};
};

#define RELAY_COPIES_MAX 5 /* of one CDR */

bool relay_any(const struct settings *set); /* some kind of copy is on */
/* The copies that a usable CDR makes under these settings; keys live in `a`. Withheld callers only make CALLED ones. Returns how many. */
uint32_t relay_copies(const struct settings *set, const struct rules *rules, const struct cdr *c, struct arena *a,
		      struct copy out[RELAY_COPIES_MAX]);           /* `rules`: for the lists that `managed` names; NULL: these are empty */
struct slice relay_block_key(struct slice number, struct arena *a); /* "block:+15551230"; absent if the number is too short */
struct slice relay_account_key(struct slice tenant, struct slice account, struct arena *a);
struct slice relay_trunk_key(struct slice trunk, struct arena *a);

/* A rule that needs figures which the relay does not bring, or that only cohorts have, is refused: it would read nothing for ever. */
enum err relay_check_rules(const struct settings *set, const struct rules *rules, struct err_text *why) MUST_CHECK;

/* Puts a copy or a fact into its subject's record. `clock_ms`: the shard's, no earlier than the copy. True: the rules of the subject are to be asked (a cohort; not
 * after a call received, nor after one that came too late). */
bool relay_apply(const struct copy *c, struct table *t, struct subject *sub, int64_t allowed_lateness_ms, int64_t clock_ms);

/* What set an event off, as a fact carries it. The topic of a CDR is the deployment's own. */
void cause_encode(const struct cause *c, struct buf *out);
bool cause_decode(struct slice bytes, struct slice cdr_topic, struct arena *a, struct cause *out);

/* ---- packing: one buffer per target shard ---- */

struct relay_pack {
	struct buf bytes;
	uint32_t cnt;
	int64_t last_offset;
	size_t count_at; /* where the count stands: four bytes of varint */
};
void relay_pack_begin(struct relay_pack *p, bool facts, uint64_t source, int32_t partition);
void relay_pack_add(struct relay_pack *p, const struct copy *c);
struct slice relay_pack_end(struct relay_pack *p); /* the message; empty if nothing was added */

/* ---- unpacking ---- */

struct relay_message {
	bool facts, causes;
	uint64_t source;
	int32_t partition;
	uint32_t cnt;
	struct reader rest;
	int64_t last_offset;
};
bool relay_open(struct slice bytes, struct relay_message *out) MUST_CHECK;
bool relay_next(struct relay_message *m, struct copy *out) MUST_CHECK; /* false: damaged; call it cnt times. Keys borrow from the bytes */

/* ---- what a shard remembers of its sources ---- */

struct relay_seen {
	uint64_t source;
	int32_t partition;
	uint8_t kind;
	int64_t offset;
	uint64_t ordinal;
};
struct relay_marks {
	struct relay_seen *v; /* sorted by (source, partition, kind) */
	uint32_t cnt, cap;
};
/* True: new, and noted as the newest of its source and kind. False: applied before. */
bool relay_mark(struct relay_marks *m, const struct copy *c);
void relay_marks_encode(const struct relay_marks *m, struct buf *out);
bool relay_marks_decode(struct reader *r, struct relay_marks *out) MUST_CHECK;

#endif
