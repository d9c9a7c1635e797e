/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard's commit says besides records: who owns the state, how far the input was read, where time stands.
 *
 *   16 bytes  commit id: 8 random bytes of this taking of the shard, 8 bytes counter: a value that never repeats
 *    1 byte   version of the form
 *    ...      varints and strings as in meta.c
 *    4 bytes  checksum of all before it */
#ifndef RINGFENCE_APP_META_H
#define RINGFENCE_APP_META_H

#include "app/relay.h"
#include "base/buf.h"
#include "base/err.h"
#include "rules/rules.h"
#include "schemas/cdr.h"
#include "scoring/store.h"

/* Counted in the commit, so exact over crashes. */
#define META_COUNTS(X)                                                                      \
	X(applied, "CDRs that counted as a call")                                           \
	X(duplicates, "CDRs seen before")                                                   \
	X(partial, "partial CDRs, left out")                                                \
	X(withheld, "CDRs of a withheld caller, left out")                                  \
	X(late, "CDRs before their number's clock, put in their place")                     \
	X(late_kept, "of these, older than the allowed lateness: not evaluated")            \
	X(dead_letters, "records that could not be used")                                   \
	X(expired, "records that ended: nothing was heard of their subject for state.keep") \
	X(behind_shard, "CDRs more than 7 days behind their shard's clock")                 \
	X(copies, "copies of CDRs and facts applied")                                       \
	X(copies_again, "copies that came again and changed nothing")                       \
	X(misrouted, "CDRs in another partition than their calling number's")               \
	X(commands, "commands applied")                                                     \
	X(events, "events said")                                                            \
	X(commands_again, "commands that came again and changed nothing")

struct meta_counts {
#define X(name, text) uint64_t name;
	META_COUNTS(X)
#undef X
};

struct meta {
	uint8_t id[COMMIT_ID_BYTES];
	struct slice deployment, topic; /* borrowed */
	int32_t partition, partitions;
	uint64_t epoch;       /* of the taking of the shard; grows */
	int64_t cdr_next;     /* offset of the next CDR record; TIME_NONE: not begun */
	int64_t control_next; /* offset of the first command not yet applied */
	int64_t relay_next;   /* offset of the first message of copies not yet applied */
	int32_t sweep_day;    /* the first day whose list of ending records is not swept yet; -1: none was begun */
	uint64_t topic_id;    /* of the CDR topic as this shard knows it: changes when the topic was made anew */
	int64_t cdr_clock_ms; /* largest event time among the usable CDRs; TIME_NONE before the first */
	int64_t clock_ms;     /* the shard's clock: the same, or later while idle */
	int64_t produced_ms;  /* Kafka timestamp of the last record */
	bool backfill;        /* it was applied more than 7 days after that */
	int64_t command_ms;   /* time of the last command applied */
	uint64_t outbox_next; /* number of the next outbox entry */
	struct meta_counts counts;
	struct rules_limits limits;
};

void meta_encode(const struct meta *m, const struct relay_marks *marks, struct buf *out);
/* Slices borrow from `bytes`; the marks are owned by the caller (NULL: left out). ERR_CORRUPT: checksum, or a newer version. */
enum err meta_decode(struct slice bytes, struct meta *out, struct relay_marks *marks, struct err_text *why) MUST_CHECK;

#endif
