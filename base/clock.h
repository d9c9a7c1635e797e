/* SPDX-License-Identifier: Apache-2.0 */
/* Three clocks, three types, so that they do not mix (DESIGN section 5).
 *
 *   event_time  what the CDRs say; everything that scoring and rules decide goes by it
 *   wall_time   the clock on the wall; Kafka timestamps, webhooks, logs
 *   mono_time   for measuring how long something took and for timeouts
 *
 * Scoring and rules never read a clock: time comes in as an argument. */
#ifndef RINGFENCE_BASE_CLOCK_H
#define RINGFENCE_BASE_CLOCK_H

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

#define TIME_NONE INT64_MIN /* absent */
#define TIME_NEVER INT64_MAX
#define YEAR_10000_MS (INT64_C(2932897) * DAY_MS) /* the first moment that RFC 3339 cannot write */

struct event_time {
	int64_t ms; /* since 1970-01-01T00:00:00Z */
};

struct wall_time {
	int64_t ms; /* since 1970-01-01T00:00:00Z */
};

struct mono_time {
	int64_t ns; /* since some moment before the process began */
};

struct wall_time wall_now(void);
struct mono_time mono_now(void);

static inline double mono_seconds_since(struct mono_time from)
{
	return (double)(mono_now().ns - from.ns) / 1e9;
}

#define TIME_TEXT_BYTES 32

/* RFC 3339 with milliseconds and Z, the only form of time in our output. Years 0000 to 9999, else clamped. Returns `out`. */
char *time_format(int64_t ms, char out[TIME_TEXT_BYTES]);

/* Epoch milliseconds (digits, optional minus) or RFC 3339 with zone ("Z", "+01:00"; a blank in place of the T passes; any number
 * of fraction digits, cut to ms). Anything else, or a date that does not exist, is false. Touches *ms only on success. */
bool time_parse(struct slice text, int64_t *ms) MUST_CHECK;

/* "1h", "30m", "1h30m", "2d", "45s", "250ms", "1w": as in Prometheus; parts in falling order, no sign, no blanks, not zero. */
bool duration_parse(struct slice text, int64_t *ms) MUST_CHECK;
/* The shortest such text. Returns `out`. */
char *duration_format(int64_t ms, char out[TIME_TEXT_BYTES]);

/* The UTC day of a time, since 1970-01-01. */
static inline int32_t utc_day(int64_t ms)
{
	int64_t day = ms / DAY_MS - (ms % DAY_MS < 0);
	return day > INT32_MAX ? INT32_MAX : day < INT32_MIN ? INT32_MIN : (int32_t)day;
}

/* Days since 1970-01-01 of a civil date (proleptic Gregorian), and back. Pure arithmetic. */
int64_t civil_to_days(int64_t year, int month, int day);
void days_to_civil(int64_t days, int64_t *year, int *month, int *day);

#endif
