/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/cel_time.h"

#include <stdio.h>

#define NANOS INT64_C(1000000000)
#define FIRST_S INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_S INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */
#define DAY_S INT64_C(86400)

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

bool cel_timestamp_make(int64_t seconds, int64_t nanos, struct cel *out)
{
	int64_t carry = floor_div(nanos, NANOS);
	if (__builtin_add_overflow(seconds, carry, &seconds) || seconds < FIRST_S || seconds > LAST_S)
		return false;
	*out = (struct cel){.type = CEL_TIMESTAMP, .n = (uint32_t)(nanos - carry * NANOS), .i = seconds};
	return true;
}

struct cel cel_timestamp_ms(int64_t ms)
{
	struct cel t = {.type = CEL_TIMESTAMP};
	(void)cel_timestamp_make(floor_div(ms, 1000), (ms - floor_div(ms, 1000) * 1000) * 1000000, &t);
	return t;
}

/* ---- text ---- */

/* Exactly n digits; moves on. -1 if they are not there. */
static int64_t digits(const char **p, const char *end, int n)
{
	int64_t v = 0;
	for (; n > 0; n--, (*p)++) {
		if (*p == end || **p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static bool skip(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* hh:mm behind a sign, as seconds. */
static bool parse_offset(const char **p, const char *end, int64_t *seconds)
{
	int64_t hours = digits(p, end, 2);
	if (!skip(p, end, ':'))
		return false;
	int64_t minutes = digits(p, end, 2);
	*seconds = (hours * 60 + minutes) * 60;
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

static int64_t parse_fraction(const char **p, const char *end)
{
	int64_t nanos = 0, unit = NANOS;
	if (!skip(p, end, '.'))
		return 0;
	if (*p == end || **p < '0' || **p > '9')
		return -1;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++)
		nanos += (**p - '0') * (unit /= 10);
	return nanos;
}

bool cel_timestamp_parse(struct slice text, struct cel *out)
{
	const char *p = text.p, *end = text.p + text.len;
	int64_t year = digits(&p, end, 4), offset = 0;
	bool ok = skip(&p, end, '-');
	int64_t month = digits(&p, end, 2);
	ok = skip(&p, end, '-') && ok;
	int64_t day = digits(&p, end, 2);
	ok = (skip(&p, end, 'T') || skip(&p, end, 't')) && ok;
	int64_t hour = digits(&p, end, 2);
	ok = skip(&p, end, ':') && ok;
	int64_t minute = digits(&p, end, 2);
	ok = skip(&p, end, ':') && ok;
	int64_t second = digits(&p, end, 2), nanos = parse_fraction(&p, end);
	if (!ok || year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > 59 || nanos < 0)
		return false;
	int64_t days = civil_to_days(year, (int)month, (int)day), y;
	int m, d;
	days_to_civil(days, &y, &m, &d);
	if (m != month || d != day) /* the 30th of February */
		return false;
	if (!skip(&p, end, 'Z') && !skip(&p, end, 'z')) {
		bool minus = skip(&p, end, '-');
		if ((!minus && !skip(&p, end, '+')) || !parse_offset(&p, end, &offset))
			return false;
		offset = minus ? -offset : offset;
	}
	return p == end && cel_timestamp_make(days * DAY_S + (hour * 60 + minute) * 60 + second - offset, nanos, out);
}

/* ".5" of 500,000,000; nothing of 0. */
static int format_fraction(int64_t nanos, char *out, size_t bytes)
{
	if (nanos == 0)
		return 0;
	int n = snprintf(out, bytes, ".%09lld", (long long)nanos);
	while (out[n - 1] == '0')
		out[--n] = '\0';
	return n;
}

uint32_t cel_timestamp_format(struct cel t, char out[CEL_TIME_TEXT_BYTES])
{
	int64_t days = floor_div(t.i, DAY_S), s = t.i - days * DAY_S, year;
	int month, day;
	days_to_civil(days, &year, &month, &day);
	int n = snprintf(out, CEL_TIME_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, month, day, (int)(s / 3600),
			 (int)(s / 60 % 60), (int)(s % 60));
	n += format_fraction(t.n, out + n, CEL_TIME_TEXT_BYTES - (size_t)n);
	out[n++] = 'Z';
	out[n] = '\0';
	return (uint32_t)n;
}

/* The unit at p and its nanoseconds; 0 if there is none. */
static int64_t parse_unit(const char **p, const char *end)
{
	static const struct {
		const char *name;
		int64_t nanos;
	} units[] = {{"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
		     {"ms", 1000000}, {"s", 1000000000}, {"m", 60 * NANOS},   {"h", 3600 * NANOS}};
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t n = strlen(units[i].name);
		if ((size_t)(end - *p) >= n && memcmp(*p, units[i].name, n) == 0) {
			*p += n;
			return units[i].nanos;
		}
	}
	return 0;
}

/* "12.5m" as nanoseconds; false: no such text, or too long. */
static bool parse_term(const char **p, const char *end, uint64_t *sum)
{
	uint64_t whole = 0, part = 0, scale = 1;
	const char *from = *p;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++)
		if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, (uint64_t)(**p - '0'), &whole))
			return false;
	bool some = *p > from;
	if (skip(p, end, '.'))
		for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, some = true)
			if (scale < 1000000000000000) { /* digits behind the fifteenth are below a nanosecond of an hour */
				part = part * 10 + (uint64_t)(**p - '0');
				scale *= 10;
			}
	uint64_t unit = (uint64_t)parse_unit(p, end);
	if (!some || unit == 0 || __builtin_mul_overflow(whole, unit, &whole) || __builtin_add_overflow(*sum, whole, sum))
		return false;
	return !__builtin_add_overflow(*sum, (uint64_t)((double)part * ((double)unit / (double)scale)), sum);
}

bool cel_duration_parse(struct slice text, struct cel *out)
{
	const char *p = text.p, *end = text.p + text.len;
	bool minus = skip(&p, end, '-');
	uint64_t sum = 0;
	if (!minus)
		(void)skip(&p, end, '+');
	if (end - p == 1 && *p == '0')
		p++;
	else if (p == end)
		return false;
	while (p < end)
		if (!parse_term(&p, end, &sum))
			return false;
	if (sum > (uint64_t)INT64_MAX + minus)
		return false;
	*out = (struct cel){.type = CEL_DURATION, .i = (int64_t)(minus ? 0 - sum : sum)};
	return true;
}

uint32_t cel_duration_format(struct cel d, char out[CEL_TIME_TEXT_BYTES])
{
	uint64_t u = d.i < 0 ? 0 - (uint64_t)d.i : (uint64_t)d.i;
	int n = snprintf(out, CEL_TIME_TEXT_BYTES, "%s%llu", d.i < 0 ? "-" : "", (unsigned long long)(u / (uint64_t)NANOS));
	n += format_fraction((int64_t)(u % (uint64_t)NANOS), out + n, CEL_TIME_TEXT_BYTES - (size_t)n);
	out[n++] = 's';
	out[n] = '\0';
	return (uint32_t)n;
}

/* ---- arithmetic ---- */

bool cel_duration_between(struct cel from, struct cel to, struct cel *out)
{
	int64_t nanos;
	if (__builtin_mul_overflow(to.i - from.i, NANOS, &nanos) || __builtin_add_overflow(nanos, (int64_t)to.n - (int64_t)from.n, &nanos))
		return false;
	*out = (struct cel){.type = CEL_DURATION, .i = nanos};
	return true;
}

bool cel_timestamp_add(struct cel t, struct cel duration, bool minus, struct cel *out)
{
	int64_t seconds = floor_div(duration.i, NANOS), nanos = duration.i - seconds * NANOS;
	if (minus)
		return cel_timestamp_make(t.i - seconds, (int64_t)t.n - nanos, out);
	return cel_timestamp_make(t.i + seconds, (int64_t)t.n + nanos, out);
}

/* ---- parts ---- */

static bool zone_offset(struct slice zone, int64_t seconds, const struct rules_world *world, int64_t *offset)
{
	*offset = 0;
	if (!zone.p || slice_is(zone, "UTC"))
		return true;
	const char *p = zone.p, *end = zone.p + zone.len;
	bool minus = skip(&p, end, '-');
	if (!minus)
		(void)skip(&p, end, '+');
	if (p < end && *p >= '0' && *p <= '9') {
		bool ok = parse_offset(&p, end, offset) && p == end;
		*offset = minus ? -*offset : *offset;
		return ok;
	}
	uint16_t id = world ? world->zone_find(zone) : 0;
	if (id)
		*offset = world->zone_offset_s(id, seconds * 1000);
	return id != 0;
}

bool cel_timestamp_part(struct cel t, enum time_part part, struct slice zone, const struct rules_world *world, int64_t *out)
{
	int64_t offset, year, first;
	int month, day;
	if (!zone_offset(zone, t.i, world, &offset))
		return false;
	int64_t local = t.i + offset, days = floor_div(local, DAY_S), second = local - days * DAY_S;
	days_to_civil(days, &year, &month, &day);
	first = civil_to_days(year, 1, 1);
	switch (part) {
	case PART_YEAR:
		*out = year;
		break;
	case PART_MONTH:
		*out = month - 1;
		break;
	case PART_DAY:
		*out = day;
		break;
	case PART_DAY_0:
		*out = day - 1;
		break;
	case PART_WEEKDAY:
		*out = ((days + 4) % 7 + 7) % 7;
		break;
	case PART_YEARDAY:
		*out = days - first;
		break;
	case PART_HOURS:
		*out = second / 3600;
		break;
	case PART_MINUTES:
		*out = second / 60 % 60;
		break;
	case PART_SECONDS:
		*out = second % 60;
		break;
	case PART_MILLISECONDS:
		*out = t.n / 1000000;
		break;
	}
	return true;
}

/* All hours, all minutes, all seconds; but the milliseconds of the last second, as the language has it. */
int64_t cel_duration_part(struct cel d, enum time_part part)
{
	switch (part) {
	case PART_HOURS:
		return d.i / (3600 * NANOS);
	case PART_MINUTES:
		return d.i / (60 * NANOS);
	case PART_SECONDS:
		return d.i / NANOS;
	default:
		return d.i / 1000000 % 1000;
	}
}
