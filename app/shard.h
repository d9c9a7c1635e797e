/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a shard, for shard.c (its life, its input) and pipeline.c (its cycle). */
#ifndef RINGFENCE_APP_SHARD_H
#define RINGFENCE_APP_SHARD_H

#include "app/first_seen.h"
#include "app/histories.h"
#include "app/pipeline.h"
#include "base/hash.h"

#define COMMANDS_WAITING_MAX 4096 /* read ahead of the CDRs; the rest stays in the topic */
#define COPIES_WAITING_MAX 20000  /* copies read and not yet applied; a message more may come on top */
#define ASK_AHEAD 8               /* subjects whose places in the table are asked of memory before they are looked for */
#define SWEEP_MAX 500             /* records looked at in one slice */
#define SWEEP_EVERY_S 1.0
#define SWEEP_HELD_DAYS 7 /* a record that something holds is looked at again so much later */
#define BEHIND_SHARD_MS (7 * DAY_MS)
#define IN_FUTURE_MS (5 * MINUTE_MS)
#define IN_FUTURE_FILE_MS (400 * DAY_MS)
#define BACKFILL_MS (7 * DAY_MS)
#define DEAD_LETTER_WAIT_S 60.0
#define KEYING_SAMPLE 10000 /* of the first so many CDRs at most 1 % may be keyed wrongly */

/* Keys asked of the store in this cycle: what is asked and not in the table afterwards does not exist. */
struct asked {
	struct store_key *keys;
	uint64_t *hashes;
	uint32_t cnt, cap;
	uint32_t *slots; /* index + 1 into keys, open addressing */
	uint32_t slot_cnt;
	uint32_t cycle; /* which one it is; stands in the subjects of the table that were looked for in it */
};

struct waiting_command {
	struct arena arena; /* holds its strings */
	struct command command;
	int64_t time_ms; /* its own, or its predecessor's if that is later */
};

/* A record of the batch that comes soon. */
#define PLAN_MAX 32
struct planned {
	struct facts facts; /* of a CDR that counts */
	uint32_t copy_cnt, touch_cnt;
	struct copy copies[RELAY_COPIES_MAX];     /* keys live in the cycle's arena */
	struct ahead touch[1 + RELAY_COPIES_MAX]; /* subjects of this shard's table */
};

/* Numbers whose state is said again after the shard was taken. */
struct again {
	struct arena arena;
	struct slice *keys;   /* owned; NULL: done */
	uint32_t cnt, at, to; /* [at, to): the present slice */
};

struct shard {
	struct pipeline *pipe;
	const struct outlet *outlet;
	void *owner; /* this taking, for the outlet: a number that never repeats */
	struct store_shard *handle;
	struct meta meta;
	struct meta sent, committed; /* of the commit on its way; of the last one confirmed */
	struct table *table;
	struct timers timers;
	struct outbox outbox;
	struct batch batch;
	struct asked asked;
	struct rules *rules;
	uint64_t rules_generation;
	struct rules_scratch *scratch;
	struct figures *figures;                   /* of numbers */
	struct figures *figures_of[SUBJECT_KINDS]; /* the same, and those of cohorts */
	bool asks[SUBJECT_KINDS];                  /* some rule is on subjects of this kind */
	bool places;                               /* a rule asks where its number is */
	bool outside;                              /* a rule asks for a figure that the rules stage knows: phase, episode */

	/* the commands read and not yet applied: a ring */
	struct waiting_command *commands;
	uint32_t command_first, command_cnt;
	int64_t control_read; /* offset behind the last one read */

	/* copies from other shards, unpacked, not yet applied; and those on their way out */
	struct copy *inbox;    /* one of kind COPY_KIND_CNT ends a message: its offset is the one behind that message */
	uint32_t *inbox_order; /* the turn in which they are applied: by kind, see inbox.c; as far as inbox_ordered */
	uint32_t inbox_cnt, inbox_cap, inbox_at, inbox_ordered;
	struct arena inbox_arena; /* holds the messages' bytes */
	struct relay_marks marks;
	struct relay_pack *packs; /* by target shard; NULL: nothing is relayed */

	/* one cycle */
	struct arena arena;
	struct event *said; /* by the stage called last */
	uint32_t said_cnt, said_cap;
	struct cause cause;
	const char *step;   /* beside the cause, part of the ids: which fact it was; NULL: none */
	int64_t flagged_ms; /* what was said by the stage called last makes its number a flagged one, since then; TIME_NONE: it does not */
	struct planned *plan; /* PLAN_MAX: records batch.at to plan_to, at their index modulo PLAN_MAX */
	uint32_t plan_to;
	struct ahead inbox_ahead[PLAN_MAX]; /* the same of the copies that wait in the inbox */
	uint32_t inbox_to;
	struct buf message, records;
	struct store_put *puts;
	uint32_t put_cap;
	uint16_t *put_blocks; /* RECORD_BLOCKS_MAX a put: which blocks of a large record changed */
	uint32_t put_block_cap;
	struct store_timer *timer_puts;
	uint32_t timer_cap;
	struct store_day *days;
	size_t day_cnt, day_cap;
	struct store_entry *entries;
	uint32_t entry_cap;
	uint32_t timers_fired;
	bool forgot;  /* a number was erased: the cycle ends, nothing may name it any more */
	bool changed; /* something to commit */
	bool commit_pending;
	struct mono_time commit_sent;
	struct shard_times times;

	/* a slice of the sweep: subjects of one day's list */
	struct arena sweep_arena;
	struct slice sweep[SWEEP_MAX], gone[SWEEP_MAX]; /* to be looked at; to be deleted with the next commit */
	uint32_t sweep_cnt, gone_cnt;
	struct mono_time swept;
	struct again again;
	uint64_t hand;        /* where the table is the store: the next cell that is looked at */
	int64_t hand_from_ms; /* from this time of the shard's clock on; TIME_NONE: no CDR yet */
	struct first_seen first_seen;
	struct histories histories; /* what the cycle appends to histories, and which ones end */

	/* records that could not be read: kept aside in the store, never overwritten */
	char (*damaged)[SUBJECT_KEY_MAX + 1];
	uint32_t damaged_cnt;
};

/* A new commit id in s->meta: the random half stays, the counter goes on. */
void shard_next_id(struct shard *s);

bool asked_has(const struct asked *a, struct slice key, uint64_t hash);
bool asked_add(struct asked *a, struct slice key, uint64_t hash); /* false: it was there */
void asked_reset(struct asked *a);

/* The record of a subject is over by the shard's clock (or by now_ms, if that is later), and nothing holds it. */
bool subject_has_ended(struct shard *s, const struct subject *sub, int64_t now_ms);

/* An outbox entry is an event, or a fact for another shard:  FA | target partition varint | packed message */
#define FACT_ENTRY 0xfa

static inline uint64_t key_hash(struct slice key)
{
	return hash64(key.p, key.len, 0);
}

bool shard_is_damaged(const struct shard *s, struct slice key);

/* ---- plan.c ---- */

static inline struct planned *plan_of(const struct shard *s, uint32_t i)
{
	return &s->plan[i % PLAN_MAX];
}

void plan_ahead(struct shard *s); /* afterwards the record at batch.at is planned */
void plan_inbox(struct shard *s);

/* ---- inbox.c ---- */

void inbox_put_in_order(struct shard *s); /* before copies are looked at: what came since the last time gets its turn */

static inline const struct copy *inbox_turn(const struct shard *s, uint32_t i)
{
	return &s->inbox[s->inbox_order[i]];
}

/* ---- apply.c ---- */

/* Where a number is, for rules that ask: its country code, its area code (+1) or country code again, as texts within its key; its zone. */
void subject_set_place(struct rules_subject *rs, struct slice number);
enum reason apply_unusable(const struct shard *s, const struct cdr *c);
/* What waits in the inbox and the batch, as far as the limits of a cycle and the records that are loaded allow. */
enum err apply_batch(struct shard *s, struct wall_time now, struct err_text *why) MUST_CHECK;
/* Time passes: timers due by `to_ms` and commands before `commands_before_ms`, by time, a timer before a command of the same time. False: the cycle
 * ends here, a limit is reached or a record has to be loaded. */
bool apply_time(struct shard *s, int64_t to_ms, int64_t commands_before_ms, enum err *e, struct err_text *why);

/* An event of the present cause, `ordinal` among those of it, into the outbox. Its record is to be marked by the caller, if it stays. */
void shard_event(struct shard *s, struct subject *sub, struct event *e, uint32_t ordinal);
void shard_say(struct shard *s, const struct event *e); /* behind what was said in this turn */
void shard_use_rules(struct shard *s);                  /* the present ones, if they are not those it has */

/* ---- cohorts.c ---- */

/* What set off the events of a cohort: the CDR that was copied, or what the fact says. */
void cohort_cause(struct shard *s, const struct copy *c);
/* Behind the alerts that were raised: their numbers, as far as the record knows them. */
void cohort_advise(struct shard *s, const struct subject *sub);

/* ---- copies.c ---- */

enum err copies_put(struct shard *s, struct planned *p,
		    struct err_text *why) MUST_CHECK;                  /* of a CDR that counted, or of a withheld caller */
enum err copies_out(struct shard *s, struct err_text *why) MUST_CHECK; /* sent, and acknowledged */
/* To the cohorts of a number: its block, and where a CDR or an account is at hand those. */
enum err facts_put(struct shard *s, enum copy_kind kind, struct slice number, const struct cdr *c, struct slice account, int64_t time_ms,
		   struct err_text *why) MUST_CHECK;

/* ---- forget.c ---- */

/* Erases a number, for a command (s->cause is set): record, history, timers, its first-seen day; its entry on the numbers
 * topic gets a tombstone. False: it changed in this cycle, which has to end first; nothing is done then, ask again in the next one. Afterwards the cycle
 * ends by itself. The bucket of its first-seen day must have been wanted (load_first_seen does for every waiting `forget`). */
bool shard_forget(struct shard *s, struct subject *sub, int64_t time_ms);

/* ---- again.c ---- */

void again_begin(struct shard *s); /* when the shard is taken */
bool again_look(struct shard *s);  /* there is a slice to be said again: its records are to be loaded */
void again_say(struct shard *s);   /* they are */
void again_release(struct again *a);

/* ---- sweep.c ---- */

/* Fills s->sweep with subjects of the oldest list that has passed. Not while a commit is on its way. */
enum err sweep_look(struct shard *s, bool *found, struct err_text *why) MUST_CHECK;
void sweep_apply(struct shard *s);    /* after their records are loaded */
void sweep_resident(struct shard *s); /* between cycles, where the table is the store */

#endif
