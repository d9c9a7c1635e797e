/* SPDX-License-Identifier: Apache-2.0 */
/* What every format has in common: from fields as received to a CDR that can be scored (DESIGN section 7, "Exactly"). */
#include "base/hash.h"
#include "ingest/ingest.h"

#include <ctype.h>
#include <strings.h>

bool e164_valid(struct slice s)
{
	if (s.len < 3 || s.len > E164_MAX_BYTES || s.p[0] != '+' || s.p[1] == '0')
		return false;
	for (uint32_t i = 1; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* Shorter than any international call dialled with 011, longer than any national number that begins so (Buenos Aires, Delhi, Leeds). */
#define LEAST_BEHIND_011 10

/* Without visual separators, "00" in front as "+", and "011" if so many digits follow that it cannot be an area code. Gives back its argument
 * if that is E.164 already. */
static struct slice tidy(struct slice s, struct arena *a)
{
	if (!s.p || e164_valid(s) || s.len > 64)
		return s;
	char *out = arena_alloc(a, s.len + 1u);
	uint32_t n = 0;
	for (uint32_t i = 0; i < s.len; i++)
		if (!memchr(" -.()/", s.p[i], 6))
			out[n++] = s.p[i];
	if (n > 2 && out[0] == '0' && out[1] == '0') {
		out[1] = '+';
		return slice_make(out + 1, n - 1);
	}
	if (n >= 3 + LEAST_BEHIND_011 && memcmp(out, "011", 3) == 0) {
		out[2] = '+';
		return slice_make(out + 2, n - 2);
	}
	return slice_make(out, n);
}

static bool says_withheld(struct slice raw)
{
	static const char *const words[] = {"anonymous", "restricted", "unavailable", "private", "withheld", "unknown", "blocked"};
	static const char nobody[] = "@anonymous.invalid"; /* RFC 3323: whatever stands before it */
	uint32_t tail = sizeof nobody - 1;
	if (raw.len >= tail && strncasecmp(raw.p + raw.len - tail, nobody, tail) == 0)
		return true;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (raw.len == strlen(words[i]) && strncasecmp(raw.p, words[i], raw.len) == 0)
			return true;
	return false;
}

/* The caller: E.164, withheld, or a reason. */
static void set_caller(struct cdr *c, struct arena *a)
{
	bool hidden = c->presentation == PRESENTATION_RESTRICTED || c->presentation == PRESENTATION_UNAVAILABLE;
	struct slice given = c->calling_number.len ? c->calling_number : SLICE_NONE;
	struct slice number = tidy(given, a);
	if (hidden || (given.p && says_withheld(given))) {
		c->use = CDR_WITHHELD;
	} else if (given.p) {
		c->calling_number = number;
		c->reason = e164_valid(number) ? REASON_OK : REASON_BAD_CALLER;
	} else {
		number = tidy(c->calling_number_raw, a);
		c->calling_number = number;
		if (number.len && e164_valid(number))
			return;
		if (c->calling_number_raw.len && says_withheld(c->calling_number_raw))
			c->use = CDR_WITHHELD;
		else
			c->reason = c->calling_number_raw.len ? REASON_BAD_CALLER : REASON_NO_CALLER;
	}
}

static void set_callee(struct cdr *c, struct arena *a)
{
	struct slice given = c->called_number;
	if (given.p && given.len) {
		c->called_number = tidy(given, a);
		if (!e164_valid(c->called_number)) {
			c->called_number = SLICE_NONE;
			if (!c->called_number_raw.len)
				c->called_number_raw = given;
		}
	}
	c->callee = c->called_number.len ? c->called_number : c->called_number_raw;
	c->callee_hash = c->callee.len ? hash64(c->callee.p, c->callee.len, 0) : 0;
}

static bool in(int32_t v, const int16_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == v)
			return true;
	return false;
}
#define IN(v, ...) in(v, (const int16_t[]){__VA_ARGS__}, sizeof((const int16_t[]){__VA_ARGS__}) / sizeof(int16_t))

/* A final answer: 200 or above. */
static enum disposition by_sip(int32_t sip, int32_t q850)
{
	if (sip < 300)
		return DISPOSITION_ANSWERED;
	if (sip == 487)
		return IN(q850, 18, 19, 102) ? DISPOSITION_NO_ANSWER : DISPOSITION_CANCELLED;
	if (IN(sip, 408, 480))
		return DISPOSITION_NO_ANSWER;
	if (IN(sip, 486, 600))
		return DISPOSITION_BUSY;
	if (IN(sip, 403, 603, 607, 608))
		return DISPOSITION_REJECTED;
	if (IN(sip, 404, 410, 484, 485, 604))
		return DISPOSITION_INVALID_NUMBER;
	return DISPOSITION_NETWORK;
}

static enum disposition by_q850(int32_t q850)
{
	if (q850 == 16)
		return DISPOSITION_CANCELLED;
	if (IN(q850, 18, 19, 20, 102))
		return DISPOSITION_NO_ANSWER;
	if (q850 == 17)
		return DISPOSITION_BUSY;
	if (IN(q850, 21, 29, 55, 57, 87))
		return DISPOSITION_REJECTED;
	if (IN(q850, 1, 3, 22, 28))
		return DISPOSITION_INVALID_NUMBER;
	return DISPOSITION_NETWORK;
}

enum disposition disposition_of(const struct cdr *c)
{
	if (c->disposition != DISPOSITION_UNKNOWN)
		return (enum disposition)c->disposition;
	if (c->answer_ms != TIME_NONE || (c->billable_ms != CDR_NONE && c->billable_ms > 0))
		return DISPOSITION_ANSWERED;
	if (c->sip_status >= 200) /* a provisional one (180, 183) says nothing about the end */
		return by_sip(c->sip_status, c->q850_cause);
	if (c->q850_cause)
		return by_q850(c->q850_cause);
	return DISPOSITION_UNKNOWN;
}

static int64_t at_least_0(int64_t v)
{
	return v > 0 ? v : 0;
}

static void set_times(struct cdr *c)
{
	if (c->end_ms != TIME_NONE)
		c->event_ms = c->end_ms;
	else if (c->duration_ms != CDR_NONE)
		c->event_ms = c->start_ms + c->duration_ms;
	else
		c->event_ms = c->start_ms;

	c->talk_ms = 0;
	if (c->answered) {
		if (c->billable_ms != CDR_NONE)
			c->talk_ms = at_least_0(c->billable_ms);
		else if (c->end_ms != TIME_NONE && c->answer_ms != TIME_NONE)
			c->talk_ms = at_least_0(c->end_ms - c->answer_ms);
		else if (c->duration_ms != CDR_NONE)
			c->talk_ms = at_least_0(c->duration_ms);
	}

	c->ring_ms = c->given_ring_ms;
	int64_t until_ms = c->answered ? c->answer_ms : c->end_ms;
	if (c->ring_ms == CDR_NONE && c->ring_at_ms != TIME_NONE && until_ms != TIME_NONE)
		c->ring_ms = at_least_0(until_ms - c->ring_at_ms);
}

static bool time_sane(int64_t ms)
{
	return ms == TIME_NONE || (ms >= 0 && ms < YEAR_10000_MS);
}

void cdr_set_id(struct cdr *c, struct slice id)
{
	c->record_id = id;
	c->id_hash = (uint32_t)hash64(id.p, id.len, 0);
}

void cdr_normalise(struct cdr *c, struct arena *a)
{
	c->use = CDR_COUNT;
	if (c->reason != REASON_OK)
		return;
	if (c->start_ms == TIME_NONE) {
		c->reason = REASON_NO_START_TIME;
		return;
	}
	if (!time_sane(c->start_ms) || !time_sane(c->end_ms) || !time_sane(c->answer_ms) || !time_sane(c->ring_at_ms) ||
	    c->duration_ms > 400 * DAY_MS || c->billable_ms > 400 * DAY_MS) {
		c->reason = REASON_BAD_FIELD;
		return;
	}
	if (c->record_id.len)
		cdr_set_id(c, c->record_id);
	else
		c->record_id = SLICE_NONE;
	set_caller(c, a);
	if (c->reason != REASON_OK)
		return;
	if (c->record_type == RECORD_PARTIAL)
		c->use = CDR_PARTIAL;
	if (c->use == CDR_COUNT)
		c->caller_hash = hash64(c->calling_number.p, c->calling_number.len, 0);
	set_callee(c, a);
	c->disposition = (uint8_t)disposition_of(c);
	c->answered = c->disposition == DISPOSITION_ANSWERED;
	set_times(c);
}
