/* SPDX-License-Identifier: Apache-2.0 */
/* `when` of a rule: days of the week and hours of the day, in a time zone. */
#ifndef RINGFENCE_RULES_CALENDAR_H
#define RINGFENCE_RULES_CALENDAR_H

#include "rules/rules.h"

#define CALENDAR_HOURS_MAX 8 /* spans of one calendar */

struct calendar {
	uint8_t days; /* bit 0: Sunday, to bit 6: Saturday */
	struct calendar_span {
		uint16_t from, to; /* minutes of the local day, [from, to); to < from: over midnight, a part of the day on which it began */
	} hours[CALENDAR_HOURS_MAX];
	uint32_t span_cnt; /* 0: the whole day */
	bool own_zone;     /* the number's own, else: */
	uint16_t zone;     /* as rules_world knows it; 0: UTC */
};

/* "mon", "mon-fri", "sat-mon" into `days`; "08:00-21:00", "21:00-08:00", "00:00-24:00" into `span`. False: something else. */
bool calendar_parse_days(struct slice text, uint8_t *days);
bool calendar_parse_hours(struct slice text, struct calendar_span *span);

/* Whether the calendar covers a moment. `own_zone`: the number's. */
bool calendar_covers(const struct calendar *c, uint16_t own_zone, int64_t utc_ms);

#endif
