/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamps (years 1 to 9999, nanoseconds) and durations (64 bits of nanoseconds, about 292 years) of the expression language. */
#ifndef RINGFENCE_RULES_CEL_TIME_H
#define RINGFENCE_RULES_CEL_TIME_H

#include "rules/rules.h"
#include "rules/value.h"

#define CEL_TIME_TEXT_BYTES 48

bool cel_timestamp_make(int64_t seconds, int64_t nanos, struct cel *out); /* nanos: any; false: out of range */
struct cel cel_timestamp_ms(int64_t ms);
bool cel_timestamp_parse(struct slice text, struct cel *out);                           /* RFC 3339 */
uint32_t cel_timestamp_format(struct cel t, char out[CEL_TIME_TEXT_BYTES]);             /* the shortest fraction, Z */
bool cel_duration_parse(struct slice text, struct cel *out);                            /* "-1h2m3.5s", "10ms", "7us", "3ns", "0" */
uint32_t cel_duration_format(struct cel d, char out[CEL_TIME_TEXT_BYTES]);              /* "3.5s" */
bool cel_duration_between(struct cel from, struct cel to, struct cel *out);             /* to - from */
bool cel_timestamp_add(struct cel t, struct cel duration, bool minus, struct cel *out); /* false: out of range */

/* The parts of a time that getters give. */
enum time_part {
	PART_YEAR,
	PART_MONTH,   /* from 0 */
	PART_DAY,     /* of the month, from 1 */
	PART_DAY_0,   /* of the month, from 0 */
	PART_WEEKDAY, /* 0: Sunday */
	PART_YEARDAY, /* from 0 */
	PART_HOURS,
	PART_MINUTES,
	PART_SECONDS,
	PART_MILLISECONDS,
};

/* `zone`: absent or "UTC", "+hh:mm", "-hh:mm", "hh:mm", or an IANA name if `world` is there. False: no such zone. */
bool cel_timestamp_part(struct cel t, enum time_part part, struct slice zone, const struct rules_world *world, int64_t *out);
int64_t cel_duration_part(struct cel d, enum time_part part);

#endif
