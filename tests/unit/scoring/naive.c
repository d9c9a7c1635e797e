/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/scoring/naive.h"

#include "base/arena.h"
#include "scoring/places.h"

#include <math.h>
#include <stdlib.h>

void naive_init(struct naive *n, bool cohort)
{
	memset(n, 0, sizeof *n);
	n->cohort = cohort;
	n->clock_ms = n->first_seen_ms = TIME_NONE;
}

void naive_release(struct naive *n)
{
	free(n->calls);
	free(n->received);
	free(n->flagged);
}

static void seen(struct naive *n, int64_t ms)
{
	if (n->first_seen_ms == TIME_NONE || ms < n->first_seen_ms)
		n->first_seen_ms = ms;
}

static void copy(char *to, struct slice s)
{
	memcpy(to, s.p ? s.p : "", s.len);
	to[s.len] = 0;
}

static struct naive_call of(const struct cdr *c, uint64_t arrival)
{
	struct naive_call k = {.start_ms = c->start_ms,
			       .event_ms = c->event_ms,
			       .talk_ms = c->answered ? c->talk_ms : 0,
			       .ring_ms = c->ring_ms,
			       .e164 = c->called_number.len > 0,
			       .disposition = c->disposition,
			       .release_party = c->release_party,
			       .answered = c->answered,
			       .blocked = c->sip_status == 607 || c->sip_status == 608 ||
					  (c->sip_status == 603 && slice_is(c->sip_reason, "Network Blocked")),
			       .attest = c->stir_attest,
			       .id_hash = c->id_hash,
			       .arrival = arrival};
	copy(k.caller, c->calling_number);
	copy(k.called, c->callee);
	return k;
}

static bool is_duplicate(const struct naive *n, const struct cdr *c)
{
	for (size_t i = n->cnt; i-- > 0 && n->cnt - i <= 128;)
		if (n->calls[i].event_ms == c->event_ms && n->calls[i].id_hash == c->id_hash)
			return true;
	return false;
}

bool naive_call(struct naive *n, const struct cdr *c)
{
	if (n->clock_ms != TIME_NONE && c->event_ms <= n->clock_ms - 31 * DAY_MS)
		return false;
	if (!n->cohort && is_duplicate(n, c))
		return false;
	if (n->cnt == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 64;
		n->calls = mem_realloc(n->calls, n->cap * sizeof *n->calls);
	}
	size_t at = n->cnt++;
	for (; at > 0 && n->calls[at - 1].event_ms > c->event_ms; at--)
		n->calls[at] = n->calls[at - 1];
	n->calls[at] = of(c, n->cnt);
	if (c->event_ms > n->clock_ms)
		n->clock_ms = c->event_ms;
	seen(n, c->event_ms);
	return true;
}

void naive_received(struct naive *n, int64_t event_ms, uint64_t party)
{
	if (n->received_cnt == n->received_cap) {
		n->received_cap = n->received_cap ? 2 * n->received_cap : 64;
		n->received = mem_realloc(n->received, n->received_cap * sizeof *n->received);
	}
	n->received[n->received_cnt++] = (struct naive_received){event_ms, party};
	seen(n, event_ms);
}

void naive_flag(struct naive *n, int64_t ms)
{
	n->flags[n->flag_cnt++] = ms;
}

void naive_flagged(struct naive *n, uint64_t number, int64_t ms)
{
	if (n->flagged_cnt == n->flagged_cap) {
		n->flagged_cap = n->flagged_cap ? 2 * n->flagged_cap : 64;
		n->flagged = mem_realloc(n->flagged, n->flagged_cap * sizeof *n->flagged);
	}
	n->flagged[n->flagged_cnt++] = (struct naive_received){ms, number};
}

size_t naive_window(const struct naive *n, int64_t window_ms, int64_t as_of_ms, const struct naive_call **from)
{
	size_t first = n->cnt, end = n->cnt;
	while (end > 0 && n->calls[end - 1].event_ms > as_of_ms)
		end--;
	first = end;
	while (first > 0 && n->calls[first - 1].event_ms > as_of_ms - window_ms)
		first--;
	*from = n->calls + first;
	return end - first;
}

/* ---- counting ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Distinct texts; `most` gets how often the most frequent one came. */
static size_t texts(const char **t, size_t cnt, size_t *most)
{
	size_t distinct = 0, run = 0;
	*most = 0;
	if (cnt)
		qsort(t, cnt, sizeof *t, by_text);
	for (size_t i = 0; i < cnt; i++) {
		run = i > 0 && strcmp(t[i - 1], t[i]) == 0 ? run + 1 : 1;
		distinct += run == 1;
		*most = run > *most ? run : *most;
	}
	return distinct;
}

static size_t distinct_called(const struct naive_call *c, size_t cnt, size_t *most)
{
	const char **t = mem_alloc((cnt + 1) * sizeof *t);
	size_t n = 0;
	for (size_t i = 0; i < cnt; i++)
		if (c[i].called[0])
			t[n++] = c[i].called;
	n = texts(t, n, most);
	free(t);
	return n;
}

static size_t distinct_callers(const struct naive_call *c, size_t cnt)
{
	const char **t = mem_alloc((cnt + 1) * sizeof *t);
	size_t most;
	for (size_t i = 0; i < cnt; i++)
		t[i] = c[i].caller;
	size_t n = texts(t, cnt, &most);
	free(t);
	return n;
}

static struct place place(const struct naive_call *c)
{
	struct place p = {0, 0};
	if (c->e164)
		place_of(slice_of(c->called), &p);
	return p;
}

static size_t distinct_regions(const struct naive_call *c, size_t cnt)
{
	bool known[65536] = {false};
	size_t n = 0;
	for (size_t i = 0; i < cnt; i++) {
		uint16_t r = place(&c[i]).region;
		n += r && !known[r];
		known[r] = true;
	}
	return n;
}

static bool is_neighbour(const struct naive_call *c)
{
	size_t n = strlen(c->caller);
	if (!c->e164)
		return false;
	if (strncmp(c->caller, "+1", 2) == 0)
		return strncmp(c->called, "+1", 2) == 0 && n >= 8 && strncmp(c->caller, c->called, 8) == 0;
	return strlen(c->called) == n && n > 5 && strncmp(c->caller, c->called, n - 4) == 0;
}

static bool is_off_hours(const struct naive_call *c)
{
	int64_t local_ms = c->start_ms + (int64_t)zone_offset_s(place(c).zone, c->start_ms) * 1000;
	int64_t hour = (local_ms % DAY_MS + DAY_MS) % DAY_MS / HOUR_MS;
	return place(c).zone != 0 && (hour < 8 || hour >= 21);
}

static bool counts(enum feature f, const struct naive_call *c)
{
	bool cancelled = c->disposition == DISPOSITION_CANCELLED, rang = c->ring_ms != CDR_NONE;
	switch (f) {
	case FEATURE_CALLS:
		return true;
	case FEATURE_ANSWERED:
		return c->answered;
	case FEATURE_SHORT6:
		return c->answered && c->talk_ms <= 6000;
	case FEATURE_SHORT10:
		return c->answered && c->talk_ms < 10000;
	case FEATURE_LONG60:
		return c->answered && c->talk_ms >= 60000;
	case FEATURE_LONG120:
		return c->answered && c->talk_ms >= 120000;
	case FEATURE_CANCELLED:
		return cancelled;
	case FEATURE_BUSY:
		return c->disposition == DISPOSITION_BUSY;
	case FEATURE_NO_ANSWER:
		return c->disposition == DISPOSITION_NO_ANSWER;
	case FEATURE_REJECTED:
		return c->disposition == DISPOSITION_REJECTED;
	case FEATURE_INVALID:
		return c->disposition == DISPOSITION_INVALID_NUMBER;
	case FEATURE_NETWORK_FAILED:
		return c->disposition == DISPOSITION_NETWORK;
	case FEATURE_NEIGHBOUR:
		return is_neighbour(c);
	case FEATURE_ZONED:
		return place(c).zone != 0;
	case FEATURE_OFF_HOURS:
		return is_off_hours(c);
	case FEATURE_ATTESTED:
		return c->attest == 'A' || c->attest == 'B' || c->attest == 'C';
	case FEATURE_BLOCKED:
		return c->blocked;
	case FEATURE_ABANDONED:
		return c->answered && c->release_party == RELEASE_CALLER && c->talk_ms <= 3000;
	case FEATURE_SHORT_RING:
		return cancelled && rang && c->ring_ms < 15000;
	case FEATURE_RING_KNOWN:
		return rang;
	default:
		return false;
	}
}

static double count(enum feature f, const struct naive_call *c, size_t cnt)
{
	double n = 0;
	for (size_t i = 0; i < cnt; i++)
		n += counts(f, &c[i]);
	return n;
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static double talk_s(const struct naive_call *c, size_t cnt)
{
	int64_t ms = 0;
	for (size_t i = 0; i < cnt; i++)
		ms += c[i].talk_ms;
	return (double)ms / 1000;
}

static double attest_bc(const struct naive_call *c, size_t cnt)
{
	double n = 0;
	for (size_t i = 0; i < cnt; i++)
		n += c[i].attest == 'B' || c[i].attest == 'C';
	return n;
}

/* ---- in order of start ---- */

static int by_start(const void *a, const void *b)
{
	const struct naive_call *x = *(const struct naive_call *const *)a, *y = *(const struct naive_call *const *)b;
	if (x->start_ms != y->start_ms)
		return x->start_ms < y->start_ms ? -1 : 1;
	return x->arrival < y->arrival ? -1 : 1;
}

static const struct naive_call **in_order(const struct naive_call *c, size_t cnt)
{
	const struct naive_call **o = mem_alloc((cnt + 1) * sizeof *o);
	for (size_t i = 0; i < cnt; i++)
		o[i] = &c[i];
	if (cnt)
		qsort(o, cnt, sizeof *o, by_start);
	return o;
}

static bool goes_up_by_one(const char *a, const char *b)
{
	size_t n = strlen(a), i = n;
	char next[24];
	if (n == 0 || n != strlen(b) || strspn(a + (a[0] == '+'), "0123456789") != n - (a[0] == '+'))
		return false;
	memcpy(next, a, n + 1);
	while (i > 0 && next[i - 1] == '9')
		next[--i] = '0';
	if (i == 0 || next[i - 1] == '+')
		return false;
	next[i - 1]++;
	return strcmp(next, b) == 0;
}

static double longest_run(const struct naive_call *c, size_t cnt)
{
	const struct naive_call **o = in_order(c, cnt);
	size_t best = 0, run = 0;
	for (size_t i = 0; i < cnt; i++) {
		run = i > 0 && goes_up_by_one(o[i - 1]->called, o[i]->called) ? run + 1 : 1;
		best = run > best ? run : best;
	}
	free(o);
	return (double)best;
}

static double peak(const struct naive_call *c, size_t cnt)
{
	const struct naive_call **o = in_order(c, cnt);
	size_t best = 0, run = 0;
	for (size_t i = 0; i < cnt; i++) {
		run = i > 0 && o[i - 1]->start_ms / 1000 == o[i]->start_ms / 1000 ? run + 1 : 1;
		best = run > best ? run : best;
	}
	free(o);
	return (double)best;
}

static double gap(const struct naive_call *c, size_t cnt, bool cv)
{
	if (cnt < 2)
		return 0;
	const struct naive_call **o = in_order(c, cnt);
	long double n = (long double)(cnt - 1), mean = (long double)(o[cnt - 1]->start_ms - o[0]->start_ms) / n, sum = 0;
	for (size_t i = 1; i < cnt; i++) {
		long double d = (long double)(o[i]->start_ms - o[i - 1]->start_ms) - mean;
		sum += d * d;
	}
	free(o);
	if (!cv)
		return (double)(mean / 1000);
	return cnt < 3 || mean <= 0 ? 0 : (double)(sqrtl(sum / n) / mean);
}

static double dormant_days(const struct naive *n, int64_t as_of_ms, const struct naive_call *from, size_t cnt)
{
	if (cnt == 0 || from == n->calls || from[-1].event_ms <= as_of_ms - 31 * DAY_MS)
		return 0;
	return (double)((from->event_ms - from[-1].event_ms) / DAY_MS);
}

/* ---- beside its own calls ---- */

static double incoming(const struct naive *n, int64_t window_ms, int64_t as_of_ms, bool parties)
{
	uint64_t *known = mem_alloc((n->received_cnt + 1) * sizeof *known);
	size_t cnt = 0, distinct = 0;
	for (size_t i = 0; i < n->received_cnt; i++) {
		const struct naive_received *r = &n->received[i];
		if (r->event_ms > as_of_ms || r->event_ms <= as_of_ms - window_ms)
			continue;
		cnt++;
		size_t k = 0;
		while (k < distinct && known[k] != r->party)
			k++;
		if (k == distinct && r->party)
			known[distinct++] = r->party;
	}
	free(known);
	return (double)(parties ? distinct : cnt);
}

static double flagged(const struct naive *n, int64_t window_ms, int64_t as_of_ms)
{
	uint64_t *known = mem_alloc((n->flagged_cnt + 1) * sizeof *known);
	size_t distinct = 0;
	for (size_t i = 0; i < n->flagged_cnt; i++) {
		size_t k = 0;
		if (n->flagged[i].event_ms > as_of_ms || n->flagged[i].event_ms <= as_of_ms - window_ms)
			continue;
		while (k < distinct && known[k] != n->flagged[i].party)
			k++;
		if (k == distinct)
			known[distinct++] = n->flagged[i].party;
	}
	free(known);
	return (double)distinct;
}

static double flags(const struct naive *n, int64_t window_ms, int64_t as_of_ms)
{
	double cnt = 0;
	for (size_t i = 0; i < n->flag_cnt; i++)
		cnt += n->flags[i] <= as_of_ms && n->flags[i] > as_of_ms - window_ms;
	return cnt;
}

static double baseline(const struct naive *n, const struct figure_key *k, int64_t as_of_ms)
{
	double figure[2];
	int64_t ms[2] = {7 * DAY_MS, k->window_ms};
	if (n->first_seen_ms == TIME_NONE || as_of_ms - n->first_seen_ms < 7 * DAY_MS)
		return 0;
	for (int i = 0; i < 2; i++) {
		const struct naive_call *from;
		size_t cnt = naive_window(n, ms[i], as_of_ms, &from);
		struct value v = naive_figure(n, &(struct figure_key){.feature = k->base, .window_ms = ms[i]}, as_of_ms, from, cnt);
		figure[i] = v.type == VALUE_INT ? (double)v.i : v.d;
	}
	return (figure[0] - figure[1]) / (double)(7 * DAY_MS - k->window_ms) * (double)k->window_ms;
}

/* ---- all of them ---- */

/* Numerator and denominator of each ratio. */
static double a_ratio(enum feature f, const struct naive_call *c, size_t cnt)
{
	static const struct {
		enum feature ratio, a, b;
	} ratios[] = {
		{FEATURE_ANSWER_RATIO, FEATURE_ANSWERED, FEATURE_CALLS},
		{FEATURE_SHORT6_RATIO, FEATURE_SHORT6, FEATURE_ANSWERED},
		{FEATURE_SHORT10_RATIO, FEATURE_SHORT10, FEATURE_ANSWERED},
		{FEATURE_LONG60_RATIO, FEATURE_LONG60, FEATURE_ANSWERED},
		{FEATURE_LONG120_RATIO, FEATURE_LONG120, FEATURE_ANSWERED},
		{FEATURE_CANCEL_RATIO, FEATURE_CANCELLED, FEATURE_CALLS},
		{FEATURE_BUSY_RATIO, FEATURE_BUSY, FEATURE_CALLS},
		{FEATURE_NO_ANSWER_RATIO, FEATURE_NO_ANSWER, FEATURE_CALLS},
		{FEATURE_REJECTED_RATIO, FEATURE_REJECTED, FEATURE_CALLS},
		{FEATURE_INVALID_RATIO, FEATURE_INVALID, FEATURE_CALLS},
		{FEATURE_NETWORK_FAILED_RATIO, FEATURE_NETWORK_FAILED, FEATURE_CALLS},
		{FEATURE_NEIGHBOUR_RATIO, FEATURE_NEIGHBOUR, FEATURE_CALLS},
		{FEATURE_OFF_HOURS_RATIO, FEATURE_OFF_HOURS, FEATURE_ZONED},
		{FEATURE_BLOCKED_RATIO, FEATURE_BLOCKED, FEATURE_CALLS},
		{FEATURE_ABANDONED_RATIO, FEATURE_ABANDONED, FEATURE_ANSWERED},
		{FEATURE_SHORT_RING_RATIO, FEATURE_SHORT_RING, FEATURE_RING_KNOWN},
	};
	for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++)
		if (ratios[i].ratio == f)
			return ratio(count(ratios[i].a, c, cnt), count(ratios[i].b, c, cnt));
	return NAN;
}

static double number(const struct naive *n, const struct figure_key *k, int64_t as_of_ms, const struct naive_call *c, size_t cnt)
{
	size_t most, distinct;
	switch (k->feature) {
	case FEATURE_TALK_S:
		return talk_s(c, cnt);
	case FEATURE_AVG_TALK_S:
		return ratio(talk_s(c, cnt), count(FEATURE_ANSWERED, c, cnt));
	case FEATURE_CALLEES:
		return (double)distinct_called(c, cnt, &most);
	case FEATURE_CALLEE_RATIO:
		distinct = distinct_called(c, cnt, &most);
		return ratio((double)distinct, (double)cnt);
	case FEATURE_TOP_CALLEE:
		(void)distinct_called(c, cnt, &most);
		return (double)most;
	case FEATURE_REGIONS:
		return (double)distinct_regions(c, cnt);
	case FEATURE_GAP_MEAN_S:
		return gap(c, cnt, false);
	case FEATURE_GAP_CV:
		return gap(c, cnt, true);
	case FEATURE_SEQUENTIAL:
		return longest_run(c, cnt);
	case FEATURE_PEAK_CPS:
		return peak(c, cnt);
	case FEATURE_ATTEST_BC_RATIO:
		return ratio(attest_bc(c, cnt), count(FEATURE_ATTESTED, c, cnt));
	case FEATURE_INCOMING:
		return incoming(n, k->window_ms, as_of_ms, false);
	case FEATURE_IN_PARTIES:
		return incoming(n, k->window_ms, as_of_ms, true);
	case FEATURE_IN_OUT_RATIO:
		return ratio(incoming(n, k->window_ms, as_of_ms, false), (double)cnt);
	case FEATURE_FLAGS:
		return flags(n, k->window_ms, as_of_ms);
	case FEATURE_NUMBERS:
		return (double)distinct_callers(c, cnt);
	case FEATURE_FLAGGED_NUMBERS:
		return flagged(n, k->window_ms, as_of_ms);
	case FEATURE_DORMANT_DAYS:
		return dormant_days(n, as_of_ms, c, cnt);
	case FEATURE_AGE_DAYS:
		return n->first_seen_ms == TIME_NONE ? 0 : (double)(as_of_ms / DAY_MS - n->first_seen_ms / DAY_MS);
	case FEATURE_BASELINE:
		return baseline(n, k, as_of_ms);
	default:
		return feature_info(k->feature)->type == VALUE_DOUBLE ? a_ratio(k->feature, c, cnt) : count(k->feature, c, cnt);
	}
}

struct value naive_figure(const struct naive *n, const struct figure_key *k, int64_t as_of_ms, const struct naive_call *from, size_t cnt)
{
	struct value v = {.type = feature_info(k->feature)->type};
	double d = number(n, k, as_of_ms, from, cnt);
	if (v.type == VALUE_INT)
		v.i = (int64_t)d;
	else
		v.d = d;
	return v;
}
