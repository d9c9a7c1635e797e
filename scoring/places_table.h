/* SPDX-License-Identifier: Apache-2.0 */
/* The form of the tables that places_make.py writes. Private to places.c. */
#ifndef RINGFENCE_SCORING_PLACES_TABLE_H
#define RINGFENCE_SCORING_PLACES_TABLE_H

#include <stdint.h>

/* A change within a year, POSIX form Mm.w.d/time: the w-th (5: last) weekday d of month m, `at` seconds of local time before the change. */
struct zone_change {
	int8_t month, week, weekday;
	int32_t at;
};

/* What goes on after the last listed transition. daylight == standard: nothing changes. */
struct zone_rule {
	int32_t standard, daylight; /* offsets in seconds */
	struct zone_change to_daylight, to_standard;
};

struct zone_info {
	const char *name;
	uint16_t first, cnt; /* of zone_times; the first one is at 0, or before: the state of 1970 */
	uint8_t rule;
};

struct zone_alias {
	const char *name;
	uint16_t zone;
};

struct zone_prefix {
	uint32_t digits; /* with the country code */
	uint16_t zone;
};

extern const struct zone_info zone_infos[];
extern const uint16_t zone_info_cnt;
extern const uint32_t zone_times[];  /* seconds since 1970 */
extern const uint8_t zone_offsets[]; /* of each time: index of zone_offset_values */
extern const int32_t zone_offset_values[];
extern const struct zone_rule zone_rules[];
extern const struct zone_alias zone_aliases[]; /* every name, in byte order */
extern const uint16_t zone_alias_cnt;

extern const uint8_t country_digits[1000]; /* of the first three digits: length of the country code, 0: not assigned */
extern const uint16_t country_zones[1000]; /* by country code; 0: unknown or its prefixes decide */
extern const uint16_t area_zones[1000];    /* +1, by area code */
/* Prefixes that decide, by length, in ascending order. */
#define PREFIX_DIGITS_MAX 9
extern const struct zone_prefix zone_prefixes[];
extern const uint16_t zone_prefix_first[PREFIX_DIGITS_MAX + 2];
extern const uint8_t country_prefixed[1000]; /* by country code: its longest prefix in the list, 0: none */

#endif
