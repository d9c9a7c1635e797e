/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a canonical CDR by name: one table for JSON and CSV. */
#ifndef RINGFENCE_INGEST_DECODE_H
#define RINGFENCE_INGEST_DECODE_H

#include "ingest/ingest.h"

enum field_type { FIELD_SKIP, FIELD_STRING, FIELD_TIME, FIELD_MS, FIELD_INT, FIELD_ENUM, FIELD_ATTEST };

struct field {
	const char *name;
	uint8_t len;
	uint8_t type;
	uint16_t offset;          /* in struct cdr */
	uint16_t limit;           /* STRING: bytes */
	const char *const *names; /* ENUM */
	uint8_t name_cnt;
};

/* NULL: no field of ours. */
const struct field *field_find(struct slice name);
const struct field *field_table(size_t *n);

void cdr_clear(struct cdr *c);
void field_clear(const struct field *f, struct cdr *c); /* absent again */
/* Puts a text (CSV cell, JSON string) or a number into its field. False: not a value of that field. A text for a whole number may be written
 * 16.0 (what tools make of a column with gaps). An enum value or attestation that is not known reads as absent. */
bool field_set_text(const struct field *f, struct slice text, struct cdr *c);
bool field_set_number(const struct field *f, int64_t v, struct cdr *c);

#endif
