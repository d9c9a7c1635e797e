/* SPDX-License-Identifier: Apache-2.0 */
#include "scoring/facts.h"

#include "scoring/places.h"

#include <assert.h>

#define SHORT_RING_MS 15000
#define MORNING_S (8 * 3600)
#define EVENING_S (21 * 3600)
#define DAY_S (24 * 3600)

static_assert(COUNTER_CNT <= 20, "the counts of a call share 32 bits with other marks");

static bool is_neighbour(struct slice caller, struct slice called)
{
	if (!caller.len || !called.len)
		return false;
	if (caller.len >= 8 && called.len >= 8 && caller.p[1] == '1' && called.p[1] == '1')
		return memcmp(caller.p + 2, called.p + 2, 6) == 0;
	if (caller.p[1] == '1' || called.p[1] == '1' || caller.len != called.len || caller.len <= 5)
		return false;
	return memcmp(caller.p, called.p, caller.len - 4) == 0;
}

static bool is_blocked(const struct cdr *c)
{
	return c->sip_status == 607 || c->sip_status == 608 || (c->sip_status == 603 && slice_is(c->sip_reason, "Network Blocked"));
}

static uint32_t outcome(uint8_t disposition)
{
	static const uint8_t counter[] = {[DISPOSITION_NO_ANSWER] = 1 + COUNT_NO_ANSWER,    [DISPOSITION_BUSY] = 1 + COUNT_BUSY,
					  [DISPOSITION_CANCELLED] = 1 + COUNT_CANCELLED,    [DISPOSITION_REJECTED] = 1 + COUNT_REJECTED,
					  [DISPOSITION_INVALID_NUMBER] = 1 + COUNT_INVALID, [DISPOSITION_NETWORK] = 1 + COUNT_NETWORK};
	return counter[disposition] ? UINT32_C(1) << (counter[disposition] - 1) : 0;
}

static uint32_t local_time_counts(const struct place *p, int64_t start_ms)
{
	if (!p->zone)
		return 0;
	int64_t local_s = start_ms / 1000 - (start_ms % 1000 < 0) + zone_offset_s(p->zone, start_ms);
	int64_t of_day = (local_s % DAY_S + DAY_S) % DAY_S;
	return UINT32_C(1) << COUNT_ZONED | (uint32_t)(of_day < MORNING_S || of_day >= EVENING_S) << COUNT_OFF_HOURS;
}

static uint32_t talk_counts(const struct cdr *c)
{
	int64_t t = c->talk_ms;
	return UINT32_C(1) << COUNT_ANSWERED | (uint32_t)(t <= 6000) << COUNT_SHORT6 | (uint32_t)(t < 10000) << COUNT_SHORT10 |
	       (uint32_t)(t >= 60000) << COUNT_LONG60 | (uint32_t)(t >= 120000) << COUNT_LONG120 |
	       (uint32_t)(t <= 3000 && c->release_party == RELEASE_CALLER) << COUNT_ABANDONED;
}

void facts_of(const struct cdr *c, struct facts *f)
{
	struct place place = {0, 0};
	bool attested = c->stir_attest == 'A' || c->stir_attest == 'B' || c->stir_attest == 'C';
	bool rang = c->ring_ms != CDR_NONE;
	*f = (struct facts){.start_ms = c->start_ms, .end_ms = c->event_ms, .callee = number_pack(c->callee), .id_hash = c->id_hash};
	f->talk_ms = c->answered && c->talk_ms > 0 ? (uint64_t)c->talk_ms : 0;
	f->counts = outcome(c->disposition) | (uint32_t)rang << COUNT_RING_KNOWN | (uint32_t)attested << COUNT_ATTESTED |
		    (uint32_t)(attested && c->stir_attest != 'A') << COUNT_ATTEST_BC | (uint32_t)is_blocked(c) << COUNT_BLOCKED;
	if (c->answered)
		f->counts |= talk_counts(c);
	if (c->disposition == DISPOSITION_CANCELLED && rang && c->ring_ms < SHORT_RING_MS)
		f->counts |= UINT32_C(1) << COUNT_SHORT_RING;
	if (c->called_number.len) {
		place_of(c->called_number, &place);
		f->region = place.region;
		f->counts |= local_time_counts(&place, c->start_ms);
		f->counts |= (uint32_t)is_neighbour(c->calling_number, c->called_number) << COUNT_NEIGHBOUR;
	}
}

void facts_encode(const struct facts *f, struct buf *out)
{
	buf_put_zigzag(out, f->end_ms);
	buf_put_zigzag(out, f->end_ms - f->start_ms);
	buf_put_varint(out, f->callee);
	buf_put_u32(out, f->id_hash);
	buf_put_varint(out, f->talk_ms);
	buf_put_varint(out, f->counts);
	buf_put_varint(out, f->region);
}

bool facts_decode(struct reader *r, struct facts *f)
{
	f->end_ms = reader_zigzag(r);
	f->start_ms = (int64_t)((uint64_t)f->end_ms - (uint64_t)reader_zigzag(r));
	f->callee = reader_varint(r);
	f->id_hash = reader_u32(r);
	uint64_t talk = reader_varint(r), counts = reader_varint(r), region = reader_varint(r);
	f->talk_ms = talk;
	f->counts = (uint32_t)counts;
	f->region = (uint16_t)region;
	return !r->bad && talk <= INT64_MAX && counts <= COUNTS_MASK && region <= UINT16_MAX && f->callee >> NUMBER_PACK_BITS == 0;
}
