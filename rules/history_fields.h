/* SPDX-License-Identifier: Apache-2.0 */
/* What the entries of a history hold: one row a field, in the order in which they are stored. For the codec and for who prints them. */
#ifndef RINGFENCE_RULES_HISTORY_FIELDS_H
#define RINGFENCE_RULES_HISTORY_FIELDS_H

#include "rules/history.h"

enum history_field_type {
	FIELD_INT,     /* int64_t */
	FIELD_DAY,     /* int64_t: days since 1970-01-01 */
	FIELD_PHASE,   /* enum phase */
	FIELD_TIME,    /* int64_t: ms, or TIME_NONE */
	FIELD_TEXT,    /* struct slice */
	FIELD_VALUE,   /* struct value */
	FIELD_FIGURES, /* struct history_figures */
	FIELD_DAYS,    /* past_days */
};

struct history_field {
	uint8_t kind;    /* enum history_kind */
	uint8_t type;    /* enum history_field_type */
	uint16_t offset; /* in struct history_entry */
	const char *name;
};

extern const struct history_field history_fields[];
extern const uint32_t history_field_cnt;

#endif
