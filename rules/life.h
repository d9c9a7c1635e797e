/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of a number in a phase beside the phase itself: the boundary before it, counters of days and blocks, known contacts. */
#ifndef RINGFENCE_RULES_LIFE_H
#define RINGFENCE_RULES_LIFE_H

#include "base/buf.h"
#include "rules/policy.h"
#include "schemas/event.h"

/* ---- days and blocks ---- */

#define VIOLATIONS(X)                         \
	X(NO_CALLS, "no_calls")               \
	X(DAILY_CAP, "daily_cap")             \
	X(UNKNOWN_CONTACT, "unknown_contact") \
	X(SHORT_CALL, "short_call")           \
	X(NEW_CONTACT_SHARE, "new_contact_share")

enum violation {
#define X(n, name) VIOLATION_##n,
	VIOLATIONS(X)
#undef X
		VIOLATION_CNT
};
const char *violation_name(enum violation v);

/* A local day of a phase on which calls were judged. */
struct life_day {
	int32_t day;           /* since 1970-01-01 */
	bool before;           /* of the phase before the present one */
	uint8_t said;          /* violations that an event told of, a bit each */
	int64_t end_ms;        /* its end is yet to come, by timer; TIME_NONE: it has come, or nothing waits for it */
	uint32_t calls, fresh; /* judged; to contacts not known */
};
#define LIFE_DAYS 4 /* today and those that late calls may belong to */

struct life {
	int64_t begin_ms; /* the present phase began; a rest that is restarted does not begin anew. TIME_NONE: active from the start */
	/* The phase before the present one, and when it began: a late call may belong to it. */
	enum phase before;
	int64_t before_ms;     /* TIME_NONE: none is known */
	int64_t rest_first_ms; /* the first rest of this episode; TIME_NONE: none */
	int64_t breach_ms;     /* the last breach; TIME_NONE: none */
	int64_t block_ms;      /* the present block of 7 x 24 h began; TIME_NONE: none is counted */
	uint32_t block_calls, block_answered;
	uint32_t apart;                  /* calls of this episode that are not judged: emergency, test numbers, spoofed */
	struct life_day days[LIFE_DAYS]; /* by day, those of the phase before first among equals */
	uint32_t day_cnt;
};

void life_init(struct life *l);
bool life_is_plain(const struct life *l); /* nothing to store */
void life_decode(struct reader *r, struct life *l);
void life_encode(const struct life *l, struct buf *out);
#define LIFE_BYTES_MAX 320

/* ---- contacts ---- */

/* Those who answered are known: the newest exactly, the others by a print of 32 bits, which may take a stranger for one of them (once in millions of calls) and
 * never the other way round. */
#define CONTACTS_EXACT 128
#define CONTACT_PRINTS 320
#define CONTACTS_LISTED 40 /* added or removed by command */

struct contacts {
	uint64_t exact[CONTACTS_EXACT]; /* number_pack, newest first */
	uint32_t cnt;
	uint32_t print[CONTACT_PRINTS]; /* sorted */
	uint32_t print_cnt;
	bool incomplete; /* somebody had no room: unknown contacts cannot be told */
	/* What commands said, in order: these outlive episodes, and win over all else. */
	struct listed_contact {
		uint64_t called;
		bool removed;
	} listed[CONTACTS_LISTED];
	uint32_t listed_cnt;
};

bool contacts_have(const struct contacts *c, uint64_t called);
bool contacts_removed(const struct contacts *c, uint64_t called); /* by command: no list makes it known either */
/* False: no room for one more. */
bool contacts_list(struct contacts *c, uint64_t called, bool removed);
/* It is known from now on, whatever a command said before. */
void contacts_meet(struct contacts *c, uint64_t called);
void contacts_forget(struct contacts *c);               /* all but what commands said */
void contacts_add(struct contacts *c, uint64_t called); /* as the newest; known already: it becomes that */
bool contacts_are_plain(const struct contacts *c);
void contacts_decode(struct reader *r, struct contacts *c);
void contacts_encode(const struct contacts *c, struct buf *out);
#define CONTACTS_BYTES_MAX (CONTACTS_EXACT * 7 + CONTACT_PRINTS * 4 + CONTACTS_LISTED * 8 + 10)

/* The next end of a day, or of a block that ends no later than the phase; TIME_NONE: none. */
int64_t life_due(const struct life *l, int64_t until_ms);

#endif
