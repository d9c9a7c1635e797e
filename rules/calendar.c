/* SPDX-License-Identifier: Apache-2.0 */
/* A calendar covers a moment if its local weekday and minute fall into it. Local time is by the rules of the zone at that moment, so at a change of
 * daylight time the clock on the wall decides: a span may be an hour longer or shorter, a skipped minute is never covered, a repeated one twice. */
#include "rules/calendar.h"

static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int day_of(struct slice s)
{
	for (int i = 0; i < 7; i++)
		if (slice_is(s, day_names[i]))
			return i;
	return -1;
}

bool calendar_parse_days(struct slice text, uint8_t *days)
{
	const char *dash = text.len ? memchr(text.p, '-', text.len) : NULL;
	uint32_t n = dash ? (uint32_t)(dash - text.p) : text.len;
	int from = day_of(slice_make(text.p, n)), to = dash ? day_of(slice_make(dash + 1, text.len - n - 1)) : from;
	if (from < 0 || to < 0)
		return false;
	for (int i = from;; i = (i + 1) % 7) {
		*days |= (uint8_t)(1 << i);
		if (i == to)
			return true;
	}
}

/* "hh:mm"; 24:00 is the end of the day. */
static bool minute_of(const char *p, uint16_t *minute)
{
	static const char form[] = "00:00";
	for (int i = 0; i < 5; i++)
		if (form[i] == ':' ? p[i] != ':' : p[i] < '0' || p[i] > '9')
			return false;
	int hours = (p[0] - '0') * 10 + p[1] - '0', minutes = (p[3] - '0') * 10 + p[4] - '0';
	*minute = (uint16_t)(hours * 60 + minutes);
	return minutes < 60 && *minute <= 24 * 60;
}

bool calendar_parse_hours(struct slice text, struct calendar_span *span)
{
	return text.len == 11 && text.p[5] == '-' && minute_of(text.p, &span->from) && minute_of(text.p + 6, &span->to) &&
	       span->from != span->to && span->from < 24 * 60;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

bool calendar_covers(const struct calendar *c, uint16_t own_zone, int64_t utc_ms)
{
	const struct rules_world *world = rules_world();
	uint16_t zone = c->own_zone ? own_zone : c->zone;
	int64_t local_ms = utc_ms + (zone && world ? world->zone_offset_s(zone, utc_ms) * SECOND_MS : 0);
	int64_t day = floor_div(local_ms, DAY_MS), minute = (local_ms - day * DAY_MS) / MINUTE_MS;
	int weekday = (int)((day % 7 + 7 + 4) % 7); /* 1970 began on a Thursday */
	bool today = c->days >> weekday & 1, yesterday = c->days >> (weekday + 6) % 7 & 1;
	if (c->span_cnt == 0)
		return today;
	for (uint32_t i = 0; i < c->span_cnt; i++) {
		const struct calendar_span *s = &c->hours[i];
		if (s->from < s->to ? today && minute >= s->from && minute < s->to
				    : (today && minute >= s->from) || (yesterday && minute < s->to))
			return true;
	}
	return false;
}
