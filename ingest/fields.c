/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/decode.h"

#include <stddef.h>

#define X(n) #n,
static const char *const record_types[] = {CDR_RECORD_TYPES(X)};
static const char *const directions[] = {CDR_DIRECTIONS(X)};
static const char *const presentations[] = {CDR_PRESENTATIONS(X)};
static const char *const dispositions[] = {CDR_DISPOSITIONS(X)};
static const char *const releases[] = {CDR_RELEASE_PARTIES(X)};
static const char *const verstats[] = {CDR_VERSTATS(X)};
#undef X

#define ROW(name, type, member, limit, ...)                                                             \
	{                                                                                               \
		name, sizeof name - 1, type, (uint16_t)offsetof(struct cdr, member), limit, __VA_ARGS__ \
	}
#define STRING(name, member, limit) ROW(name, FIELD_STRING, member, limit, NULL, 0)
#define TIME(name, member) ROW(name, FIELD_TIME, member, 0, NULL, 0)
#define MS(name, member) ROW(name, FIELD_MS, member, 0, NULL, 0)
#define INT(name, member) ROW(name, FIELD_INT, member, 0, NULL, 0)
#define ENUM(name, member, list) ROW(name, FIELD_ENUM, member, 0, list, sizeof list / sizeof list[0])
#define SKIP(name)                                               \
	{                                                        \
		name, sizeof name - 1, FIELD_SKIP, 0, 0, NULL, 0 \
	}

/* Account and tenant together stay below the length of a subject key. */
static const struct field table[] = {
	STRING("record_id", record_id, 256),
	ENUM("record_type", record_type, record_types),
	STRING("call_id", call_id, 1024),
	SKIP("leg_id"),
	SKIP("parent_leg_id"),
	SKIP("source_system"),
	SKIP("source_host"),
	ENUM("direction", direction, directions),
	STRING("calling_number", calling_number, 128),
	STRING("calling_number_raw", calling_number_raw, 128),
	ENUM("calling_presentation", presentation, presentations),
	SKIP("calling_asserted_number"),
	SKIP("calling_name"),
	STRING("called_number", called_number, 128),
	STRING("called_number_raw", called_number_raw, 128),
	SKIP("original_called_number"),
	SKIP("redirecting_number"),
	SKIP("connected_number"),
	TIME("start_time", start_ms),
	TIME("ring_time", ring_at_ms),
	TIME("answer_time", answer_ms),
	TIME("end_time", end_ms),
	MS("duration_ms", duration_ms),
	MS("billable_ms", billable_ms),
	MS("ring_ms", given_ring_ms),
	SKIP("pdd_ms"),
	ENUM("disposition", disposition, dispositions),
	INT("q850_cause", q850_cause),
	INT("sip_status", sip_status),
	SKIP("vendor_cause"),
	STRING("sip_reason", sip_reason, 1024),
	ENUM("release_party", release_party, releases),
	ROW("stir_attest", FIELD_ATTEST, stir_attest, 0, NULL, 0),
	ENUM("stir_verstat", stir_verstat, verstats),
	STRING("stir_origid", stir_origid, 128),
	STRING("ingress_trunk", ingress_trunk, 180),
	SKIP("egress_trunk"),
	SKIP("calling_carrier"),
	SKIP("called_carrier"),
	SKIP("lrn"),
	SKIP("codec"),
	SKIP("mos"),
	SKIP("packet_loss_ratio"),
	SKIP("jitter_ms"),
	SKIP("user_agent"),
	SKIP("source_ip"),
	STRING("account_id", account_id, 95),
	STRING("tenant_id", tenant_id, 95),
	SKIP("attributes"),
};
#define FIELDS (sizeof table / sizeof table[0])

const struct field *field_table(size_t *n)
{
	*n = FIELDS;
	return table;
}

/* By a small hash of length, first and last letter; chained by probing. Built once, before the first thread. */
static uint8_t slots[256];

static unsigned slot_of(struct slice n)
{
	return (n.len * 31u + (unsigned char)n.p[0] * 7u + (unsigned char)n.p[n.len - 1] * 13u + (unsigned char)n.p[n.len / 2] * 3u) & 255;
}

__attribute__((constructor)) static void fields_init(void)
{
	for (unsigned i = 0; i < FIELDS; i++) {
		unsigned s = slot_of(slice_make(table[i].name, table[i].len));
		while (slots[s])
			s = (s + 1) & 255;
		slots[s] = (uint8_t)(i + 1);
	}
}

const struct field *field_find(struct slice name)
{
	if (name.len == 0)
		return NULL;
	for (unsigned s = slot_of(name); slots[s]; s = (s + 1) & 255) {
		const struct field *f = &table[slots[s] - 1];
		if (f->len == name.len && memcmp(f->name, name.p, name.len) == 0)
			return f;
	}
	return NULL;
}

void cdr_clear(struct cdr *c)
{
	memset(c, 0, sizeof *c);
	c->start_ms = c->ring_at_ms = c->answer_ms = c->end_ms = TIME_NONE;
	c->duration_ms = c->billable_ms = c->given_ring_ms = c->ring_ms = CDR_NONE;
	c->produced_ms = TIME_NONE;
}

void field_clear(const struct field *f, struct cdr *c)
{
	char *at = (char *)c + f->offset;
	if (f->type == FIELD_STRING)
		*(struct slice *)(void *)at = SLICE_NONE;
	else if (f->type == FIELD_TIME)
		*(int64_t *)(void *)at = TIME_NONE;
	else if (f->type == FIELD_MS)
		*(int64_t *)(void *)at = CDR_NONE;
	else if (f->type == FIELD_INT)
		*(int32_t *)(void *)at = 0;
	else if (f->type != FIELD_SKIP)
		*at = 0;
}

bool field_set_number(const struct field *f, int64_t v, struct cdr *c)
{
	char *at = (char *)c + f->offset;
	switch (f->type) {
	case FIELD_TIME:
		*(int64_t *)(void *)at = v;
		return v >= 0;
	case FIELD_MS:
		*(int64_t *)(void *)at = v;
		return v >= 0;
	case FIELD_INT:
		*(int32_t *)(void *)at = (int32_t)v;
		return v >= 0 && v <= 9999;
	default:
		return f->type == FIELD_SKIP;
	}
}

/* "16.0" is 16; any other text is given back as it is. */
static struct slice without_zero_fraction(struct slice t)
{
	const char *dot = t.len ? memchr(t.p, '.', t.len) : NULL;
	if (!dot || dot + 1 == t.p + t.len || dot - t.p > 18)
		return t;
	for (const char *p = dot + 1; p < t.p + t.len; p++)
		if (*p != '0')
			return t;
	return slice_make(t.p, (size_t)(dot - t.p));
}

bool field_set_text(const struct field *f, struct slice text, struct cdr *c)
{
	char *at = (char *)c + f->offset;
	int64_t v;
	switch (f->type) {
	case FIELD_STRING:
		*(struct slice *)(void *)at = text;
		return text.len <= f->limit;
	case FIELD_ENUM:
		*(uint8_t *)at = 0;
		for (uint8_t i = 0; i < f->name_cnt; i++)
			if (slice_is(text, f->names[i]))
				*(uint8_t *)at = i;
		return true;
	case FIELD_ATTEST:
		*at = text.len == 1 && text.p[0] >= 'A' && text.p[0] <= 'C' ? text.p[0] : 0;
		return true;
	case FIELD_TIME:
		text = without_zero_fraction(text);
		return time_parse(text, &v) && field_set_number(f, v, c);
	case FIELD_MS:
	case FIELD_INT:
		text = without_zero_fraction(text);
		return text.len < 19 && time_parse(text, &v) && field_set_number(f, v, c);
	default:
		return true;
	}
}
