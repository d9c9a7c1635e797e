/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule can name besides figures: its subject and the fields of the call just applied, under their canonical names. */
#include "rules/ast.h"
#include "rules/cel_time.h"

#include <stddef.h>

const char *subject_field_name(enum subject_field f)
{
	static const char *const names[] = {"number", "account", "trunk", "country", "region", "block"};
	return names[f];
}

/* A cohort is known by its own name; of a block it is known besides where it lies. */
bool subject_field_known(enum subject_kind of, enum subject_field f)
{
	switch (of) {
	case SUBJECT_NUMBER:
		return f != SUBJECT_FIELD_BLOCK;
	case SUBJECT_ACCOUNT:
		return f == SUBJECT_FIELD_ACCOUNT;
	case SUBJECT_TRUNK:
		return f == SUBJECT_FIELD_TRUNK;
	case SUBJECT_BLOCK:
		return f == SUBJECT_FIELD_BLOCK || f == SUBJECT_FIELD_COUNTRY || f == SUBJECT_FIELD_REGION;
	}
	return false;
}

struct cel subject_field_get(const struct expr_input *in, enum subject_field f)
{
	const struct slice fields[] = {in->number, in->account, in->trunk, in->country, in->region, in->block};
	return cel_string(fields[f]);
}

/* How a field stands in struct cdr. */
enum form { FORM_TEXT, FORM_TIME, FORM_DURATION, FORM_CODE, FORM_WORD, FORM_LETTER };

/* canonical name, type, form, member, words of an enum */
#define FIELDS(X)                                                            \
	X("record_id", STRING, TEXT, record_id, NULL)                        \
	X("record_type", STRING, WORD, record_type, record_types)            \
	X("call_id", STRING, TEXT, call_id, NULL)                            \
	X("direction", STRING, WORD, direction, directions)                  \
	X("calling_number", STRING, TEXT, calling_number, NULL)              \
	X("calling_number_raw", STRING, TEXT, calling_number_raw, NULL)      \
	X("calling_presentation", STRING, WORD, presentation, presentations) \
	X("called_number", STRING, TEXT, called_number, NULL)                \
	X("called_number_raw", STRING, TEXT, called_number_raw, NULL)        \
	X("start_time", TIMESTAMP, TIME, start_ms, NULL)                     \
	X("ring_time", TIMESTAMP, TIME, ring_at_ms, NULL)                    \
	X("answer_time", TIMESTAMP, TIME, answer_ms, NULL)                   \
	X("end_time", TIMESTAMP, TIME, end_ms, NULL)                         \
	X("duration_ms", INT, DURATION, duration_ms, NULL)                   \
	X("billable_ms", INT, DURATION, billable_ms, NULL)                   \
	X("ring_ms", INT, DURATION, given_ring_ms, NULL)                     \
	X("disposition", STRING, WORD, disposition, dispositions)            \
	X("q850_cause", INT, CODE, q850_cause, NULL)                         \
	X("sip_status", INT, CODE, sip_status, NULL)                         \
	X("sip_reason", STRING, TEXT, sip_reason, NULL)                      \
	X("release_party", STRING, WORD, release_party, release_parties)     \
	X("stir_attest", STRING, LETTER, stir_attest, NULL)                  \
	X("stir_verstat", STRING, WORD, stir_verstat, verstats)              \
	X("stir_origid", STRING, TEXT, stir_origid, NULL)                    \
	X("ingress_trunk", STRING, TEXT, ingress_trunk, NULL)                \
	X("account_id", STRING, TEXT, account_id, NULL)                      \
	X("tenant_id", STRING, TEXT, tenant_id, NULL)

#define X(n) #n,
static const char *const record_types[] = {CDR_RECORD_TYPES(X)};
static const char *const directions[] = {CDR_DIRECTIONS(X)};
static const char *const presentations[] = {CDR_PRESENTATIONS(X)};
static const char *const dispositions[] = {CDR_DISPOSITIONS(X)};
static const char *const release_parties[] = {CDR_RELEASE_PARTIES(X)};
static const char *const verstats[] = {CDR_VERSTATS(X)};
#undef X

const struct call_field call_fields[] = {
#define X(name, type, form, member, words) {name, CEL_##type},
	FIELDS(X)
#undef X
};
const uint32_t call_field_cnt = sizeof call_fields / sizeof call_fields[0];

static const struct {
	enum form form;
	size_t offset;
	const char *const *words;
} forms[] = {
#define X(name, type, form, member, words) {FORM_##form, offsetof(struct cdr, member), words},
	FIELDS(X)
#undef X
};

static bool present(struct cel v, bool there, struct cel *out)
{
	*out = v;
	return there;
}

bool call_field_get(const struct cdr *c, uint32_t field, struct cel *out)
{
	const void *p = (const char *)c + forms[field].offset;
	switch (forms[field].form) {
	case FORM_TEXT: {
		struct slice s = *(const struct slice *)p;
		return present(cel_string(s), s.p != NULL, out);
	}
	case FORM_TIME: {
		int64_t ms = *(const int64_t *)p;
		return ms != TIME_NONE && present(cel_timestamp_ms(ms), true, out);
	}
	case FORM_DURATION: {
		int64_t ms = *(const int64_t *)p;
		return present(cel_int(ms), ms != CDR_NONE, out);
	}
	case FORM_CODE: {
		int32_t code = *(const int32_t *)p;
		return present(cel_int(code), code != 0, out);
	}
	case FORM_WORD:
		return present(cel_string(slice_of(forms[field].words[*(const uint8_t *)p])), true, out);
	case FORM_LETTER:
		return present((struct cel){.type = CEL_STRING, .n = 1, .p = p}, *(const char *)p != '\0', out);
	}
	return false;
}
