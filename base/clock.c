/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

struct wall_time wall_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct wall_time){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

struct mono_time mono_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono_time){(int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec};
}

/* The well-known era arithmetic: years begin in March, so that the leap day is the last day of the year. */
int64_t civil_to_days(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t yoe = year - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

void days_to_civil(int64_t days, int64_t *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

#define YEAR_0_MS (INT64_C(-719528) * DAY_MS)

char *time_format(int64_t ms, char out[TIME_TEXT_BYTES])
{
	if (ms < YEAR_0_MS)
		ms = YEAR_0_MS;
	if (ms >= YEAR_10000_MS)
		ms = YEAR_10000_MS - 1;
	int64_t days = ms / DAY_MS;
	int64_t rest = ms % DAY_MS;
	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	int64_t year;
	int month, day;
	days_to_civil(days, &year, &month, &day);
	snprintf(out, TIME_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, month, day, (int)(rest / HOUR_MS),
		 (int)(rest / MINUTE_MS % 60), (int)(rest / SECOND_MS % 60), (int)(rest % 1000));
	return out;
}

static bool digits(const char *p, int n, int *value)
{
	int v = 0;
	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*value = v;
	return true;
}

static bool parse_epoch(struct slice t, int64_t *ms)
{
	bool minus = t.p[0] == '-';
	uint32_t i = minus;
	if (t.len == i || t.len - i > 18)
		return false;
	int64_t v = 0;
	for (; i < t.len; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return false;
		v = v * 10 + (t.p[i] - '0');
	}
	*ms = minus ? -v : v;
	return true;
}

/* The zone at the end: Z, or an offset. Returns minutes east of UTC. */
static bool parse_zone(const char *p, uint32_t len, int *minutes)
{
	int h, m;
	if (len == 1 && (*p == 'Z' || *p == 'z')) {
		*minutes = 0;
		return true;
	}
	if (len != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':' || !digits(p + 1, 2, &h) || !digits(p + 4, 2, &m) || h > 23 || m > 59)
		return false;
	*minutes = (p[0] == '-' ? -1 : 1) * (h * 60 + m);
	return true;
}

bool time_parse(struct slice t, int64_t *ms)
{
	static const int days_in[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const char *p = t.p;
	int year, month, day, h, m, s, zone;

	if (t.len == 0)
		return false;
	if (t.len < 20)
		return parse_epoch(t, ms);
	if (!digits(p, 4, &year) || p[4] != '-' || !digits(p + 5, 2, &month) || p[7] != '-' || !digits(p + 8, 2, &day) ||
	    (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || !digits(p + 11, 2, &h) || p[13] != ':' || !digits(p + 14, 2, &m) ||
	    p[16] != ':' || !digits(p + 17, 2, &s))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in[month - 1] || h > 23 || m > 59 || s > 60)
		return false;
	if (month == 2 && day == 29 && !(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
		return false;
	uint32_t i = 19;
	int64_t fraction = 0;
	if (p[i] == '.') {
		int scale = 100;
		uint32_t from = ++i;
		for (; i < t.len && p[i] >= '0' && p[i] <= '9'; i++, scale /= 10)
			fraction += (p[i] - '0') * scale;
		if (i == from)
			return false;
	}
	if (i >= t.len || !parse_zone(p + i, t.len - i, &zone))
		return false;
	*ms = civil_to_days(year, month, day) * DAY_MS + h * HOUR_MS + (m - zone) * MINUTE_MS + s * SECOND_MS + fraction;
	return true;
}

static const struct {
	const char *unit;
	int64_t ms;
} units[] = {{"w", 7 * DAY_MS}, {"d", DAY_MS}, {"h", HOUR_MS}, {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1}};
#define UNITS (sizeof units / sizeof units[0])

bool duration_parse(struct slice t, int64_t *ms)
{
	int64_t sum = 0;
	size_t next = 0;
	uint32_t i = 0;
	while (i < t.len) {
		int64_t v = 0, part;
		uint32_t from = i;
		for (; i < t.len && t.p[i] >= '0' && t.p[i] <= '9'; i++) {
			if (i - from > 17)
				return false;
			v = v * 10 + (t.p[i] - '0');
		}
		if (i == from)
			return false;
		uint32_t unit = i;
		while (i < t.len && t.p[i] >= 'a' && t.p[i] <= 'z')
			i++;
		struct slice name = slice_make(t.p + unit, i - unit);
		while (next < UNITS && !slice_is(name, units[next].unit))
			next++;
		if (next == UNITS)
			return false;
		if (__builtin_mul_overflow(v, units[next++].ms, &part) || __builtin_add_overflow(sum, part, &sum))
			return false;
	}
	if (sum <= 0)
		return false;
	*ms = sum;
	return true;
}

char *duration_format(int64_t ms, char out[TIME_TEXT_BYTES])
{
	int at = 0;
	out[0] = '\0';
	for (size_t u = 1; u < UNITS; u++) { /* days are clearer than weeks */
		if (ms / units[u].ms == 0)
			continue;
		at += snprintf(out + at, (size_t)(TIME_TEXT_BYTES - at), "%lld%s", (long long)(ms / units[u].ms), units[u].unit);
		ms %= units[u].ms;
	}
	if (at == 0)
		snprintf(out, TIME_TEXT_BYTES, "0s");
	return out;
}
