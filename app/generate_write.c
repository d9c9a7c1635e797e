/* SPDX-License-Identifier: Apache-2.0 */
/* Records as text. No printf: a record is some forty copies of known length into room that was reserved once. */
#include "app/callers.h"

#include <assert.h>

#define RECORD_MOST_BYTES 768

static const char digit_pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
				  "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

#define PUT(p, lit) (memcpy(p, "" lit, sizeof(lit) - 1), (p) + sizeof(lit) - 1)

static char *put_text(char *p, const char *s)
{
	size_t n = strlen(s);
	memcpy(p, s, n);
	return p + n;
}

static char *put_number(char *p, uint64_t v)
{
	char t[20], *end = t + sizeof t, *q = end;
	while (v >= 100) {
		q -= 2;
		memcpy(q, &digit_pairs[v % 100 * 2], 2);
		v /= 100;
	}
	if (v >= 10) {
		q -= 2;
		memcpy(q, &digit_pairs[v * 2], 2);
	} else {
		*--q = (char)('0' + v);
	}
	memcpy(p, q, (size_t)(end - q));
	return p + (end - q);
}

static char *put_base36(char *p, uint64_t v)
{
	char t[13], *end = t + sizeof t, *q = end;
	do
		*--q = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
	while ((v /= 36));
	memcpy(p, q, (size_t)(end - q));
	return p + (end - q);
}

/* "<seed>-<serial>", both base 36; a broken record has an X behind it, for it is another one than the call that it was made from. */
static char *put_id(char *p, const struct generated *r, uint64_t seed)
{
	p = put_base36(p, seed);
	*p++ = '-';
	p = put_base36(p, r->serial);
	if (r->breakage)
		*p++ = 'X';
	return p;
}

size_t generated_key(uint64_t number, char out[GENERATED_KEY_BYTES])
{
	out[0] = '+';
	char *end = put_number(out + 1, number);
	*end = '\0';
	return (size_t)(end - out);
}

const char *generated_account(uint32_t account, char out[GENERATED_ACCOUNT_BYTES])
{
	char *p = out;
	if (account) {
		*p++ = 'A';
		p = put_number(p, account);
	}
	*p = '\0';
	return out;
}

/* All times of a call; -1: none. */
struct times {
	int64_t ring_ms, answer_ms, end_ms;
};

static struct times times_of(const struct generated *r)
{
	struct times t = {-1, -1, generated_end_ms(r)};
	if (r->ring_ms >= 0)
		t.ring_ms = r->start_ms + r->pdd_ms;
	if (r->talk_ms >= 0)
		t.answer_ms = t.end_ms - r->talk_ms;
	return t;
}

/* Half of the switches say when it rang, the others how long. */
static bool says_ring_time(const struct generated *r)
{
	return r->trunk % 2;
}

static const char *release_name(const struct generated *r)
{
	static const char *const t[] = {
#define X(n) #n,
		CDR_RELEASE_PARTIES(X)
#undef X
	};
	return t[r->release];
}

/* A calling number that is not E.164, of three makes: without a country, too long, not digits. */
static char *put_bad_number(char *p, const struct generated *r)
{
	switch (r->serial % 3) {
	case 0:
		p = PUT(p, "+0");
		return put_number(p, r->calling % 1000000000);
	case 1:
		*p++ = '+';
		p = put_number(p, r->calling);
		return PUT(p, "0000099");
	default:
		p = PUT(p, "ext-");
		return put_number(p, r->calling % 10000);
	}
}

static char *put_caller(char *p, const struct generated *r)
{
	if (r->breakage == BREAKAGE_BAD_CALLER)
		return put_bad_number(p, r);
	*p++ = '+';
	return put_number(p, r->calling);
}

/* ---- JSON ---- */

static char *json_outcome(char *p, const struct generated *r)
{
	const struct cause *c = &causes[r->cause];
	p = PUT(p, ",\"disposition\":\"");
	p = put_text(p, disposition_name((enum disposition)c->disposition));
	p = PUT(p, "\",\"q850_cause\":");
	p = put_number(p, c->q850);
	p = PUT(p, ",\"sip_status\":");
	p = put_number(p, c->sip);
	if (c->reason) {
		p = PUT(p, ",\"sip_reason\":\"");
		p = put_text(p, c->reason);
		*p++ = '"';
	}
	p = PUT(p, ",\"release_party\":\"");
	p = put_text(p, release_name(r));
	*p++ = '"';
	if (r->attest) {
		p = PUT(p, ",\"stir_attest\":\"");
		*p++ = (char)r->attest;
		*p++ = '"';
	}
	if (r->account) {
		p = PUT(p, ",\"account_id\":\"A");
		p = put_number(p, r->account);
		*p++ = '"';
	}
	p = PUT(p, ",\"ingress_trunk\":\"T");
	p = put_number(p, r->trunk);
	return PUT(p, "\"}");
}

static char *json_times(char *p, const struct generated *r)
{
	struct times t = times_of(r);
	if (r->breakage != BREAKAGE_NO_START) {
		p = PUT(p, ",\"start_time\":");
		p = put_number(p, (uint64_t)r->start_ms);
	}
	if (t.ring_ms >= 0 && says_ring_time(r)) {
		p = PUT(p, ",\"ring_time\":");
		p = put_number(p, (uint64_t)t.ring_ms);
	}
	if (t.answer_ms >= 0) {
		p = PUT(p, ",\"answer_time\":");
		p = put_number(p, (uint64_t)t.answer_ms);
	}
	p = PUT(p, ",\"end_time\":");
	p = put_number(p, (uint64_t)t.end_ms);
	p = PUT(p, ",\"duration_ms\":");
	if (r->breakage == BREAKAGE_BAD_FIELD)
		p = PUT(p, "\"a minute\"");
	else
		p = put_number(p, (uint64_t)(t.end_ms - r->start_ms));
	if (r->talk_ms >= 0) {
		p = PUT(p, ",\"billable_ms\":");
		p = put_number(p, (uint64_t)r->talk_ms);
	}
	if (r->ring_ms >= 0 && !says_ring_time(r)) {
		p = PUT(p, ",\"ring_ms\":");
		p = put_number(p, (uint64_t)r->ring_ms);
	}
	return p;
}

static char *json_record(char *p, const struct generated *r, uint64_t seed)
{
	p = PUT(p, "{\"record_id\":\"");
	p = put_id(p, r, seed);
	p = PUT(p, "\",\"record_type\":\"FINAL\"");
	if (r->breakage != BREAKAGE_NO_CALLER) {
		p = PUT(p, ",\"calling_number\":\"");
		p = put_caller(p, r);
		*p++ = '"';
	}
	p = PUT(p, ",\"called_number\":\"+");
	p = put_number(p, r->called);
	*p++ = '"';
	p = json_times(p, r);
	return json_outcome(p, r);
}

static void put_filler(struct buf *b)
{
	memset(buf_reserve(b, GENERATE_TOO_LONG_BYTES), '#', GENERATE_TOO_LONG_BYTES);
	b->len += GENERATE_TOO_LONG_BYTES;
}

void generated_write_json(const struct generated *r, uint64_t seed, struct buf *b)
{
	if (r->breakage == BREAKAGE_NOISE) {
		buf_puts(b, r->serial % 2 ? "%%% switch restarted, record lost %%%" : "[1,2,3]");
		return;
	}
	char *from = (char *)buf_reserve(b, RECORD_MOST_BYTES), *end = json_record(from, r, seed);
	assert(end - from <= RECORD_MOST_BYTES);
	b->len += (size_t)(end - from);
	if (r->breakage == BREAKAGE_CUT) {
		b->len -= (size_t)(end - from) / 2;
	} else if (r->breakage == BREAKAGE_TOO_LONG) {
		b->len--;
		buf_puts(b, ",\"attributes\":{\"note\":\"");
		put_filler(b);
		buf_puts(b, "\"}}");
	}
}

/* ---- CSV ---- */

const char generated_csv_header[] =
	"record_id,record_type,calling_number,called_number,start_time,ring_time,answer_time,end_time,duration_ms,"
	"billable_ms,ring_ms,disposition,q850_cause,sip_status,sip_reason,release_party,stir_attest,account_id,"
	"ingress_trunk";

static char *csv_cell(char *p, int64_t v, bool there)
{
	if (there)
		p = put_number(p, (uint64_t)v);
	*p++ = ',';
	return p;
}

static char *csv_outcome(char *p, const struct generated *r)
{
	const struct cause *c = &causes[r->cause];
	p = put_text(p, disposition_name((enum disposition)c->disposition));
	*p++ = ',';
	p = csv_cell(p, c->q850, true);
	p = csv_cell(p, c->sip, true);
	p = put_text(p, c->reason ? c->reason : "");
	*p++ = ',';
	p = put_text(p, release_name(r));
	*p++ = ',';
	if (r->attest)
		*p++ = (char)r->attest;
	*p++ = ',';
	if (r->account)
		*p++ = 'A';
	p = csv_cell(p, r->account, r->account != 0);
	*p++ = 'T';
	return put_number(p, r->trunk);
}

static char *csv_record(char *p, const struct generated *r, uint64_t seed)
{
	struct times t = times_of(r);
	p = put_id(p, r, seed);
	p = PUT(p, ",FINAL,");
	if (r->breakage != BREAKAGE_NO_CALLER)
		p = put_caller(p, r);
	p = PUT(p, ",+");
	p = csv_cell(p, (int64_t)r->called, true);
	p = csv_cell(p, r->start_ms, r->breakage != BREAKAGE_NO_START);
	p = csv_cell(p, t.ring_ms, t.ring_ms >= 0 && says_ring_time(r));
	p = csv_cell(p, t.answer_ms, t.answer_ms >= 0);
	p = csv_cell(p, t.end_ms, true);
	if (r->breakage == BREAKAGE_BAD_FIELD)
		p = PUT(p, "a minute,");
	else
		p = csv_cell(p, t.end_ms - r->start_ms, true);
	p = csv_cell(p, r->talk_ms, r->talk_ms >= 0);
	p = csv_cell(p, r->ring_ms, r->ring_ms >= 0 && !says_ring_time(r));
	return csv_outcome(p, r);
}

void generated_write_csv(const struct generated *r, uint64_t seed, struct buf *b)
{
	if (r->breakage == BREAKAGE_NOISE) {
		buf_puts(b, "%%% switch restarted, record lost %%%");
		return;
	}
	if (r->breakage == BREAKAGE_TOO_LONG)
		put_filler(b); /* in front of the id */
	char *from = (char *)buf_reserve(b, RECORD_MOST_BYTES), *end = csv_record(from, r, seed);
	assert(end - from <= RECORD_MOST_BYTES);
	b->len += (size_t)(end - from);
	if (r->breakage == BREAKAGE_CUT)
		b->len -= (size_t)(end - from) / 2;
}
