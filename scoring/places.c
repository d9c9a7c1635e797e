/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   A number: three table look-ups; only in countries whose prefixes decide a binary search per prefix length. A time: a binary search in the
 *   transitions of the zone, and behind the last one the zone's yearly rule, computed. Everything that asks for local time goes through
 *   segment_at(): the stretch of constant offset around an instant. */
#include "scoring/places.h"

#include "scoring/places_table.h"

#include <string.h>

#define DAY_S INT64_C(86400)

/* ---- numbers ---- */

/* Up to `max` digits behind the '+' as a number; *n is how many. False: something else stands there. */
static bool digits_of(struct slice s, uint32_t max, uint64_t *value, uint32_t *n)
{
	if (s.len < 3 || s.len > 16 || s.p[0] != '+' || s.p[1] == '0')
		return false;
	*value = 0;
	*n = 0;
	for (uint32_t i = 1; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (*n < max) {
			*value = *value * 10 + (uint64_t)(s.p[i] - '0');
			++*n;
		}
	}
	return true;
}

static const struct zone_prefix *prefix_find(uint32_t length, uint64_t digits)
{
	uint32_t lo = zone_prefix_first[length], hi = zone_prefix_first[length + 1];
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (zone_prefixes[mid].digits < digits)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < zone_prefix_first[length + 1] && zone_prefixes[lo].digits == digits ? &zone_prefixes[lo] : NULL;
}

/* The longest prefix in the list decides, else the country. `digits`: the first n of the number. */
static uint16_t zone_by_prefix(uint32_t country, uint32_t country_len, uint64_t digits, uint32_t n)
{
	uint32_t longest = country_prefixed[country];
	for (; n > longest; n--)
		digits /= 10;
	for (; n > country_len; n--, digits /= 10) {
		const struct zone_prefix *p = prefix_find(n, digits);
		if (p)
			return p->zone;
	}
	return country_zones[country];
}

void place_of(struct slice e164, struct place *out)
{
	uint64_t digits;
	uint32_t n;
	*out = (struct place){0, 0};
	if (!digits_of(e164, PREFIX_DIGITS_MAX, &digits, &n))
		return;
	uint64_t three = digits;
	uint32_t k = n;
	for (; k > 3; k--)
		three /= 10;
	for (uint32_t i = k; i < 3; i++)
		three *= 10;
	uint32_t len = country_digits[three];
	if (len == 0 || len > k)
		return;
	uint32_t country = (uint32_t)(len == 3 ? three : len == 2 ? three / 10 : three / 100);
	if (country == 1) {
		if (n < 4)
			return;
		for (; n > 4; n--)
			digits /= 10;
		uint32_t area = (uint32_t)(digits % 1000);
		if (area >= 200)
			*out = (struct place){(uint16_t)area, area_zones[area]};
		return;
	}
	out->region = (uint16_t)(1000 + country);
	out->zone = country_prefixed[country] ? zone_by_prefix(country, len, digits, n) : country_zones[country];
}

/* ---- zones ---- */

const char *zone_name(uint16_t zone)
{
	return zone < zone_info_cnt ? zone_infos[zone].name : "";
}

uint16_t zone_find(struct slice name)
{
	uint32_t lo = 0, hi = zone_alias_cnt;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = slice_cmp(slice_of(zone_aliases[mid].name), name);
		if (c == 0)
			return zone_aliases[mid].zone;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

/* ---- time ---- */

struct segment {
	int64_t from_s, to_s; /* UTC, [from, to) */
	int32_t offset_s;
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* UTC second of a yearly change. */
static int64_t change_at(const struct zone_change *c, int64_t year, int32_t offset_before_s)
{
	int64_t first = civil_to_days(year, c->month, 1);
	int64_t next = c->month == 12 ? civil_to_days(year + 1, 1, 1) : civil_to_days(year, c->month + 1, 1);
	int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; 0 is Sunday */
	int64_t day = first + (c->weekday - weekday + 7) % 7 + 7 * (c->week - 1);
	while (day >= next)
		day -= 7;
	return day * DAY_S + c->at - offset_before_s;
}

/* The rule's changes from the year before to the year after: the stretch around t among them. */
static struct segment segment_by_rule(const struct zone_rule *r, int64_t t)
{
	struct segment s = {INT64_MIN, INT64_MAX, r->standard};
	int64_t year;
	int month, day;
	if (r->standard == r->daylight)
		return s;
	days_to_civil(floor_div(t, DAY_S), &year, &month, &day);
	for (int64_t y = year - 1; y <= year + 1; y++) {
		int64_t on = change_at(&r->to_daylight, y, r->standard), off = change_at(&r->to_standard, y, r->daylight);
		int64_t at[2] = {on < off ? on : off, on < off ? off : on};
		int32_t then[2] = {on < off ? r->daylight : r->standard, on < off ? r->standard : r->daylight};
		for (int i = 0; i < 2; i++)
			if (at[i] <= t) {
				s.from_s = at[i];
				s.offset_s = then[i];
			} else if (at[i] < s.to_s) {
				s.to_s = at[i];
			}
	}
	return s;
}

static struct segment segment_at(uint16_t zone, int64_t t)
{
	const struct zone_info *z = &zone_infos[zone < zone_info_cnt ? zone : 0];
	if (z->cnt == 0)
		return (struct segment){INT64_MIN, INT64_MAX, 0};
	const uint32_t *times = zone_times + z->first;
	const uint8_t *offsets = zone_offsets + z->first;
	uint32_t lo = 1, hi = z->cnt; /* the first transition after t */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if ((int64_t)times[mid] <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	int64_t from = lo == 1 ? INT64_MIN : times[lo - 1];
	if (lo < z->cnt)
		return (struct segment){from, times[lo], zone_offset_values[offsets[lo - 1]]};
	struct segment s = segment_by_rule(&zone_rules[z->rule], t);
	if (s.from_s < from || from == INT64_MIN) { /* the list goes on until the rule's next change */
		s.from_s = from;
		s.offset_s = zone_offset_values[offsets[lo - 1]];
	}
	return s;
}

int32_t zone_offset_s(uint16_t zone, int64_t utc_ms)
{
	static _Thread_local struct {
		uint16_t zone;
		struct segment segment;
	} recent[64]; /* most calls fall between the same two changes as the last one there */
	int64_t t = floor_div(utc_ms, 1000);
	struct segment *s = &recent[zone % 64].segment;
	if (recent[zone % 64].zone != zone || t < s->from_s || t >= s->to_s) {
		*s = segment_at(zone, t);
		recent[zone % 64].zone = zone;
	}
	return s->offset_s;
}

int64_t zone_day(uint16_t zone, int64_t utc_ms)
{
	int64_t t = floor_div(utc_ms, 1000);
	return floor_div(t + segment_at(zone, t).offset_s, DAY_S);
}

int64_t zone_day_begin_ms(uint16_t zone, int64_t day)
{
	int64_t t = day * DAY_S - 2 * DAY_S; /* no zone is further from UTC, and then one more transition at most lies before */
	for (;;) {
		struct segment s = segment_at(zone, t);
		int64_t begin = day * DAY_S - s.offset_s;
		if (begin < s.from_s)
			begin = s.from_s; /* the change skipped it */
		if (begin < s.to_s)
			return begin * 1000;
		t = s.to_s;
	}
}
