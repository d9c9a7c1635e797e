/* SPDX-License-Identifier: Apache-2.0 */
/* May it call? The question that a dialler or a switch asks before each call. Answered from the record alone, in microseconds: nothing is read or changed. */
#ifndef RINGFENCE_RULES_MAY_CALL_H
#define RINGFENCE_RULES_MAY_CALL_H

#include "rules/rules.h"

struct may_call {
	bool allowed;
	const char *policy; /* that forbids it: "no_calls", "daily_cap", "unknown_contact"; NULL if it is allowed */
	/* It is allowed, but the day's share of new contacts would be above policy with it, unless calls to known ones follow. */
	bool share_in_danger;
	enum phase phase;
	int64_t day;        /* local, since 1970-01-01 */
	int32_t calls;      /* judged on that day so far */
	int32_t left;       /* calls of today before the cap, this one not made yet; -1: no cap */
	bool known;         /* the called number is a known contact */
	int64_t changes_ms; /* when the answer may be another by itself: midnight, the end of the phase; TIME_NONE: not by itself */
};

/* `called` as a CDR would have it, and packed (number_pack; 0: it is none). `now_ms` no earlier than the record's last change. A state that timers have not
 * reached yet is read as if they had, less the gate at the end of moderate: who waits for that is still in moderate. ERR_CORRUPT: the state cannot be read. */
enum err rules_may_call(struct rules_scratch *s, const struct rules *r, const struct rules_subject *subject, struct slice called,
			uint64_t packed, int64_t now_ms, struct may_call *out, struct err_text *why) MUST_CHECK;

#endif
