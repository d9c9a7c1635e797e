/* SPDX-License-Identifier: Apache-2.0 */
/* Where a number is: its region and its time zone, by published numbering and time-zone data (places_table.c, made by places_make.py).
 * No file is read, nothing is allocated, no clock and no libc time zone is used: the same answer everywhere. */
#ifndef RINGFENCE_SCORING_PLACES_H
#define RINGFENCE_SCORING_PLACES_H

#include "base/clock.h"

#define PLACE_COUNTRIES 1000 /* regions from here on are this and a country code */

struct place {
	uint16_t region; /* +1: the area code (200 to 999); else 1000 + the country code; 0: unknown */
	uint16_t zone;   /* 0: unknown. One zone stands for all whose local time is equal since 1970 */
};

/* Of an E.164 number; anything else is unknown. A country of several zones is unknown unless the number's prefix decides; for +1 the area code
 * decides alone, so one that spans two zones is unknown. */
void place_of(struct slice e164, struct place *out);

const char *zone_name(uint16_t zone);       /* an IANA name; "" for 0 */
uint16_t zone_find(struct slice iana_name); /* every name of the tz database; 0: none */

/* Local time minus UTC in seconds, by the tz database's rules of the year in question. Zone 0 is UTC. Before 1970 as at its beginning. */
int32_t zone_offset_s(uint16_t zone, int64_t utc_ms);
/* The civil day there, as days since 1970-01-01. */
int64_t zone_day(uint16_t zone, int64_t utc_ms);
/* The first instant (UTC ms) of that civil day or, where the zone skipped it, of the day after. */
int64_t zone_day_begin_ms(uint16_t zone, int64_t day);

#endif
