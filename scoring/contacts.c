/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   While a number has at most 128 calls in 31 days these say all. Beyond, a ledger keeps the CONTACTS_MAX called numbers that answered last, whole. It is
 *   told of calls while they are among the exact ones: so it can be made again from these like the other last sightings, and its pages need not be stored with
 *   each call (blocks.c). It is told of many at once (calls_tell): when one of them leaves that it has not heard of, when the record is coded, when
 *   somebody asks. As it is the same for any order of telling, when that was shows nowhere. A late call that never gets among the exact ones is told at once.
 *
 *   What has to make room is forgotten, but not that it was: `lost_ms` is the newest such time. A window that begins after it is complete. So nothing
 *   expires by itself, and the answer does not depend on when anybody asked.
 *
 * GUARANTEES
 *   The same calls in any order give the same ledger, but for those that came when it had forgotten: a function of the calls in order.
 *
 * ALTERNATIVES
 *   Fingerprints of 24 bits for the older ones: 3 bytes a contact in place of 7 in the record, none less in memory, and a second list that has to be stored
 *   together with what falls out of the first. Not worth 2 KiB of a record of 20 or more. */
#include "scoring/contacts.h"

#include "scoring/subject.h"

#include <string.h>

void ledger_init(struct ledger *l)
{
	recent_init(&l->answered, CONTACTS_MAX);
	l->lost_ms = TIME_NONE;
}

void ledger_release(struct ledger *l)
{
	recent_release(&l->answered);
}

int64_t ledger_bytes(const struct ledger *l)
{
	return (int64_t)(l->answered.cap * (sizeof *l->answered.seen + 1));
}

static void note_lost(struct ledger *l, int64_t ms)
{
	l->lost_ms = ms > l->lost_ms ? ms : l->lost_ms;
}

void ledger_add(struct ledger *l, uint64_t called, uint32_t ms, uint8_t page, int64_t base_ms)
{
	struct seen forgotten;
	if (recent_add(&l->answered, called, ms, page, &forgotten))
		note_lost(l, base_ms + forgotten.ms);
}

/* One bit a value: what has none is not in the ledger. Of strangers, who are most of a dialler's calls, none has to be looked for. */
struct sieve {
	uint64_t bits[128];
};

static uint32_t sieve_place(uint64_t called)
{
	return (uint32_t)(called * UINT64_C(0x9fb21c651e98df25) >> 51);
}

static bool sieve_put(struct sieve *s, uint64_t called)
{
	uint32_t at = sieve_place(called);
	bool had = s->bits[at / 64] >> at % 64 & 1;
	s->bits[at / 64] |= UINT64_C(1) << at % 64;
	return had;
}

#define SIEVE_FROM 16 /* fewer are looked for one by one */

void ledger_add_all(struct ledger *l, const struct contact *c, uint32_t n, int64_t base_ms)
{
	struct sieve s;
	struct seen forgotten;
	bool sieved = n >= SIEVE_FROM;
	if (sieved) {
		memset(&s, 0, sizeof s);
		for (uint32_t i = 0; i < l->answered.cnt; i++)
			sieve_put(&s, l->answered.seen[i].value);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t ms = (uint32_t)c[i].answered_ms;
		if (!sieved || sieve_put(&s, c[i].called))
			ledger_add(l, c[i].called, ms, 0, base_ms);
		else if (recent_add_new(&l->answered, c[i].called, ms, 0, &forgotten))
			note_lost(l, base_ms + forgotten.ms);
	}
}

/* ---- reading ---- */

struct telling {
	struct contact *out;
	uint32_t cnt, max;
	struct contact_rest *rest;
};

static void tell(struct telling *t, uint64_t called, int64_t ms)
{
	if (t->cnt < t->max)
		t->out[t->cnt++] = (struct contact){called, ms};
	else
		t->rest->more++;
}

static bool is_newer(const struct contact *a, const struct contact *b)
{
	return a->answered_ms != b->answered_ms ? a->answered_ms > b->answered_ms : a->called > b->called;
}

/* Of a number that has no ledger: the newest answered call of each called number, which need not be its newest call. */
static void tell_exact(const struct calls *h, int64_t edge_ms, struct telling *t)
{
	struct contact found[CALLS_EXACT];
	uint32_t n = 0;
	for (uint32_t i = h->from + (uint32_t)h->cnt; i-- > h->from;) {
		struct contact c = {h->call[i].callee, calls_end_ms(h, &h->call[i])};
		uint32_t k = 0, at = n;
		if (c.answered_ms <= edge_ms)
			break;
		while (k < n && found[k].called != c.called)
			k++;
		if (k < n || !c.called || !(h->call[i].flags & 1u << COUNT_ANSWERED))
			continue;
		for (; at > 0 && is_newer(&c, &found[at - 1]); at--) /* calls of one time */
			found[at] = found[at - 1];
		found[at] = c;
		n++;
	}
	for (uint32_t i = 0; i < n; i++)
		tell(t, found[i].called, found[i].answered_ms);
}

static void tell_ledger(const struct ledger *l, int64_t base_ms, int64_t edge_ms, struct telling *t)
{
	const struct recent *r = &l->answered;
	for (uint32_t i = r->cnt; i-- > 0 && base_ms + r->seen[i].ms > edge_ms;)
		tell(t, r->seen[i].value, base_ms + r->seen[i].ms);
	t->rest->complete = l->lost_ms == TIME_NONE || l->lost_ms <= edge_ms;
	t->rest->lost_ms = l->lost_ms;
}

uint32_t subject_contacts(const struct subject *s, int64_t as_of_ms, struct contact *out, uint32_t max, struct contact_rest *rest)
{
	struct calls *h = s->history;
	struct telling t = {.out = out, .max = max, .rest = rest};
	*rest = (struct contact_rest){.complete = true, .lost_ms = TIME_NONE};
	if (!h || h->has_callers)
		return 0;
	int64_t edge_ms = (as_of_ms > s->clock_ms ? as_of_ms : s->clock_ms) - WINDOW_MAX_MS;
	if (h->deep)
		calls_tell(h);
	if (h->deep)
		tell_ledger(&h->deep->ledger, h->base_ms, edge_ms, &t);
	else
		tell_exact(h, edge_ms, &t);
	return t.cnt;
}
