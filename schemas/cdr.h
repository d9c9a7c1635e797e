/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical CDR as the path carries it (field list and meaning: schemas/README.md, later cdr.avsc).
 * Plain values; strings are slices into the payload or the batch's arena, valid until the batch is reset.
 * Times are event time in ms since 1970 UTC, TIME_NONE if absent; durations are ms, CDR_NONE if absent. */
#ifndef RINGFENCE_SCHEMAS_CDR_H
#define RINGFENCE_SCHEMAS_CDR_H

#include "base/clock.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define CDR_NONE INT64_MIN /* an absent duration */

#define CDR_RECORD_TYPES(X) X(UNKNOWN) X(FINAL) X(PARTIAL) X(ATTEMPT)
#define CDR_DIRECTIONS(X) X(UNKNOWN) X(INBOUND) X(OUTBOUND) X(INTERNAL) X(TRANSIT)
#define CDR_PRESENTATIONS(X) X(UNKNOWN) X(ALLOWED) X(RESTRICTED) X(UNAVAILABLE)
#define CDR_DISPOSITIONS(X) X(UNKNOWN) X(ANSWERED) X(NO_ANSWER) X(BUSY) X(CANCELLED) X(REJECTED) X(INVALID_NUMBER) X(NETWORK)
#define CDR_RELEASE_PARTIES(X) X(UNKNOWN) X(CALLER) X(CALLEE) X(NETWORK)
#define CDR_VERSTATS(X) X(UNKNOWN) X(PASSED) X(FAILED) X(NONE)

enum record_type {
#define X(n) RECORD_##n,
	CDR_RECORD_TYPES(X)
#undef X
};
enum direction {
#define X(n) DIRECTION_##n,
	CDR_DIRECTIONS(X)
#undef X
};
enum presentation {
#define X(n) PRESENTATION_##n,
	CDR_PRESENTATIONS(X)
#undef X
};
enum disposition {
#define X(n) DISPOSITION_##n,
	CDR_DISPOSITIONS(X)
#undef X
};
enum release_party {
#define X(n) RELEASE_##n,
	CDR_RELEASE_PARTIES(X)
#undef X
};
enum verstat {
#define X(n) VERSTAT_##n,
	CDR_VERSTATS(X)
#undef X
};

/* Why a record cannot be used: the closed list of `ringfence.error.code` on the dead-letter topic. */
#define CDR_REASONS(X)                                                                          \
	X(OK, "ok", "usable")                                                                   \
	X(TOO_LONG, "too_long", "the record is longer than input.max_record_bytes")             \
	X(NO_VALUE, "no_value", "the record has no value: it is a tombstone")                   \
	X(BAD_JSON, "bad_json", "not a JSON object")                                            \
	X(BAD_ROW, "bad_row", "the CSV row does not match its header")                          \
	X(BAD_FIELD, "bad_field", "a field has a value of the wrong type or out of range")      \
	X(NO_START_TIME, "no_start_time", "start_time is missing")                              \
	X(NO_CALLER, "no_caller", "there is no calling number, and it is not withheld either")  \
	X(BAD_CALLER, "bad_caller", "the calling number is not E.164")                          \
	X(TOO_LATE, "too_late", "the event time is 31 days or more before the subject's clock") \
	X(IN_FUTURE, "in_future", "the event time lies too far in the future")                  \
	X(BAD_COMMAND, "bad_command", "not a command that Ringfence knows")                     \
	X(STATE_DAMAGED, "state_damaged", "the stored record of this subject cannot be read and was kept aside")

enum reason {
#define X(n, code, text) REASON_##n,
	CDR_REASONS(X)
#undef X
		REASON_CNT
};

const char *reason_code(enum reason r); /* "bad_json" */
const char *reason_text(enum reason r); /* a sentence for people */
const char *disposition_name(enum disposition d);

/* What to do with a decoded record that is usable. */
enum cdr_use {
	CDR_COUNT,    /* a call of its calling number */
	CDR_PARTIAL,  /* record_type PARTIAL: counted apart, changes nothing */
	CDR_WITHHELD, /* withheld or anonymous caller: counted apart */
};

#define E164_MAX_BYTES 16 /* '+' and at most 15 digits */

struct cdr {
	/* as received */
	struct slice record_id, call_id;
	struct slice calling_number, calling_number_raw; /* calling_number: E.164 with '+', after normalisation */
	struct slice called_number, called_number_raw;   /* called_number: E.164 or absent */
	struct slice account_id, tenant_id, ingress_trunk;
	struct slice stir_origid, sip_reason;
	int64_t start_ms, ring_at_ms, answer_ms, end_ms;
	int64_t duration_ms, billable_ms, given_ring_ms;
	int32_t q850_cause, sip_status; /* 0 if absent */
	uint8_t record_type, direction, presentation, disposition, release_party, stir_verstat;
	char stir_attest; /* 'A', 'B', 'C', or 0 */

	/* made by ingest (DESIGN section 7, "Exactly") */
	uint8_t use;    /* enum cdr_use */
	uint8_t reason; /* enum reason; if not OK only payload, offset and the reason are valid */
	bool answered;
	struct slice callee;  /* by what callees are told apart: called_number, else called_number_raw, else none */
	uint64_t caller_hash; /* hash64 of calling_number, seed 0 */
	uint64_t callee_hash; /* hash64 of callee, seed 0; 0 if there is none */
	uint32_t id_hash;     /* low 32 bits of hash64(record_id, seed 0) */
	int64_t event_ms;     /* end of the call */
	int64_t talk_ms;      /* 0 unless answered; never negative */
	int64_t ring_ms;      /* time it rang, CDR_NONE if unknown */

	/* where it came from */
	struct slice payload; /* original bytes */
	int64_t offset;       /* in its partition, or its place in the shard in replay */
	int64_t produced_ms;  /* Kafka timestamp; TIME_NONE in replay */
};

#endif
