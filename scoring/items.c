/* SPDX-License-Identifier: Apache-2.0 */
/* How the parts of a subject are written. Integers are varints, signed ones zig-zag (base/buf.h). Times are told from the item before, in ms; the
 * first of a page from 1970, so a page stands alone.
 *
 *   call      time · called number (7 bytes, 0 = none) · hash of the record id (4) · counts (varint, 20 bits) · talk, if answered · end - start · region
 *   piece     time of the first call · mask (which fields follow, and two joins) · those fields
 *   recent    time · value (7 bytes; a region: varint; a party: 8)
 *   register  number (1 byte) · steps (1) · per step: rank (1), time before the one before (varint)
 *   received  time · party (8 bytes)
 *   flag      time
 *   state, order   bytes
 *
 * Example, a call of +15551230000 to +15559870001, not answered, 40 s after the one before, 21 s long: time 80 f1 04 (40000) · called number 71 8f 3f a4
 * 2f 0e 6c · hash 4 bytes · counts 3 bytes · lasted 3 bytes · region 2 bytes: 22 bytes. */
#include "scoring/items.h"

#include <assert.h>

/* ---- writing ---- */

static void order_pieces(const struct pieces *p, uint16_t *order)
{
	uint32_t n = 0;
	for (uint16_t at = p->oldest; at != NO_PIECE; at = piece_at(p, at)->newer)
		order[n++] = at;
}

static void count_distinct(struct items *it, enum stream recent, const struct distinct *d)
{
	it->cnt[recent] = d->recent.cnt;
	it->cnt[recent + 1] = d->sketch ? SKETCH_REGISTERS : 0;
}

static bool in_order(struct calls *h)
{
	const uint8_t *order = calls_by_start(h);
	for (uint32_t i = 0; i < h->cnt; i++)
		if (order[i] != i)
			return false;
	return true;
}

static uint32_t order_items(uint32_t calls)
{
	return (calls + ORDER_ITEM_BYTES - 1) / ORDER_ITEM_BYTES;
}

void items_open(struct items *it, const struct subject *s)
{
	memset(it->cnt, 0, sizeof it->cnt);
	it->s = s;
	it->made_pieces = it->received_pieces = 0;
	if (s->history) {
		it->cnt[STREAM_CALLS] = s->history->cnt;
		if (s->history->deep) {
			struct deep *d = s->history->deep;
			calls_tell(s->history);
			it->made_pieces = d->pieces.cnt;
			order_pieces(&d->pieces, it->made);
			count_distinct(it, STREAM_CALLEES, &d->callees);
			count_distinct(it, STREAM_CALLERS, &d->callers);
			it->cnt[STREAM_REGIONS] = d->regions.cnt;
			it->cnt[STREAM_CONTACTS] = d->ledger.answered.cnt;
		}
		it->cnt[STREAM_CALLS] += it->made_pieces;
		it->cnt[STREAM_ORDER] = in_order(s->history) ? 0 : order_items(s->history->cnt);
	}
	if (s->received) {
		it->cnt[STREAM_RECEIVED] = s->received->cnt;
		if (s->received->deep) {
			it->received_pieces = s->received->deep->pieces.cnt;
			order_pieces(&s->received->deep->pieces, it->received);
			count_distinct(it, STREAM_PARTIES, &s->received->deep->parties);
		}
		it->cnt[STREAM_RECEIVED] += it->received_pieces;
	}
	if (s->marks) {
		it->cnt[STREAM_FLAGS] = s->marks->flag_cnt;
		count_distinct(it, STREAM_FLAGGED, &s->marks->flagged);
	}
	it->cnt[STREAM_STATE] = (s->state_len + STATE_ITEM_BYTES - 1) / STATE_ITEM_BYTES;
}

static void put_time(struct buf *out, int64_t *ms, int64_t t)
{
	buf_put_zigzag(out, t - *ms);
	*ms = t;
}

static void put_bytes(struct buf *out, uint64_t v, uint32_t n)
{
	put_u64(buf_reserve(out, 8), v);
	out->len += n;
}

#define NUMBER_BYTES 7
#define CALL_BYTES_MAX 64

/* The bulk of what is written. */
static void put_call(const struct calls *h, const struct call *c, int64_t *ms, struct buf *out)
{
	static_assert(5 * VARINT_MAX + NUMBER_BYTES + 4 <= CALL_BYTES_MAX, "room for all parts but the caller");
	uint8_t *from = buf_reserve(out, CALL_BYTES_MAX + 8), *p = from;
	int64_t end_ms = calls_end_ms(h, c);
	p = put_varint(p, zigzag(end_ms - *ms));
	*ms = end_ms;
	put_u64(p, c->callee);
	put_u64(p + NUMBER_BYTES, c->id_hash);
	p = put_varint(p + NUMBER_BYTES + 4, c->flags & COUNTS_MASK);
	if (c->flags & 1 << COUNT_ANSWERED)
		p = put_varint(p, c->talk_ms);
	p = put_varint(p, zigzag(call_lasted_ms(c)));
	p = put_varint(p, c->region);
	if (h->has_callers) {
		put_u64(p, calls_callers((struct calls *)(uintptr_t)h)[c - h->call]);
		p += NUMBER_BYTES;
	}
	out->len += (size_t)(p - from);
}

/* Bits of a piece's mask behind those of the counters that are not 0. */
enum {
	PIECE_MANY = 1 << 20,
	PIECE_TALK = 1 << 21,
	PIECE_GAPS = 1 << 22,
	PIECE_RUN = 1 << 23,  /* not 1, 1, 1 */
	PIECE_PEAK = 1 << 24, /* not 1, 1, 1 */
	PIECE_TOP = 1 << 25,
	PIECE_RUN_JOINED = 1 << 26,
	PIECE_PEAK_JOINED = 1 << 27,
	PIECE_MASK_END = 1 << 28, /* four bytes as a varint */
};

static bool is_plain(const struct stretch *s)
{
	return s->first == 1 && s->last == 1 && s->best == 1;
}

static uint32_t piece_mask(const struct piece *p)
{
	uint32_t mask = 0;
	for (int i = 0; i < COUNTER_CNT; i++)
		mask |= (uint32_t)(p->count[i] != 0) << i;
	mask |= (p->calls > 1 ? PIECE_MANY : 0) | (p->talk_ms ? PIECE_TALK : 0) | (p->gaps ? PIECE_GAPS : 0) |
		(is_plain(&p->run) ? 0 : PIECE_RUN) | (is_plain(&p->peak) ? 0 : PIECE_PEAK) | (p->top ? PIECE_TOP : 0) |
		(p->run.joined ? PIECE_RUN_JOINED : 0) | (p->peak.joined ? PIECE_PEAK_JOINED : 0);
	return mask;
}

static void put_stretch(const struct stretch *s, struct buf *out)
{
	buf_put_varint(out, s->first);
	buf_put_varint(out, s->last);
	buf_put_varint(out, s->best);
}

static void put_piece(int64_t base_ms, const struct piece *p, int64_t *ms, struct buf *out)
{
	uint32_t mask = piece_mask(p);
	put_time(out, ms, base_ms + p->first);
	buf_put_varint(out, mask);
	if (mask & PIECE_MANY) {
		put_time(out, ms, base_ms + p->last);
		buf_put_varint(out, p->calls);
		for (uint32_t bits = mask & COUNTS_MASK; bits; bits &= bits - 1)
			buf_put_varint(out, p->count[__builtin_ctz(bits)]);
	}
	if (mask & PIECE_TALK)
		buf_put_varint(out, p->talk_ms);
	if (mask & PIECE_GAPS) {
		buf_put_varint(out, p->gaps);
		buf_put_varint(out, p->gap_ms);
		if (p->gaps > 1)
			buf_put_varint(out, p->gap_ms2);
	}
	if (mask & PIECE_RUN)
		put_stretch(&p->run, out);
	if (mask & PIECE_PEAK)
		put_stretch(&p->peak, out);
	if (mask & PIECE_TOP) {
		put_bytes(out, p->top, NUMBER_BYTES);
		if (mask & PIECE_MANY)
			buf_put_varint(out, p->top_calls);
	}
	buf_put_zigzag(out, (int64_t)p->first - p->min_start);
	if (mask & PIECE_MANY)
		buf_put_zigzag(out, (int64_t)p->last - p->max_start);
}

static void put_register(int64_t base_ms, const struct sketch *s, uint32_t r, int64_t *ms, struct buf *out)
{
	buf_put_u8(out, (uint8_t)r);
	struct sketch_register g = sketch_at(s, r);
	buf_put_u8(out, *g.cnt);
	for (uint32_t i = 0; i < *g.cnt; i++) {
		buf_put_u8(out, g.rank[i]);
		put_time(out, ms, base_ms + g.ms[i]);
	}
}

static bool holds_numbers(enum stream stream)
{
	return stream == STREAM_CALLEES || stream == STREAM_CALLERS || stream == STREAM_CONTACTS;
}

static void put_recent(int64_t base_ms, const struct seen *s, enum stream stream, int64_t *ms, struct buf *out)
{
	put_time(out, ms, base_ms + s->ms);
	if (stream == STREAM_REGIONS)
		buf_put_varint(out, s->value);
	else
		put_bytes(out, s->value, holds_numbers(stream) ? NUMBER_BYTES : 8);
}

/* Item i of bytes that are cut into equal parts. */
static void put_part(const uint8_t *bytes, uint32_t len, uint32_t part, uint32_t i, struct buf *out)
{
	uint32_t from = i * part, left = len - from;
	buf_put(out, bytes + from, left < part ? left : part);
}

void items_put(const struct items *it, enum stream stream, uint32_t i, int64_t *ms, struct buf *out)
{
	const struct subject *s = it->s;
	const struct calls *h = s->history;
	const struct received *in = s->received;
	switch (stream) {
	case STREAM_CALLS:
		if (i < it->made_pieces)
			put_piece(h->base_ms, piece_at(&h->deep->pieces, it->made[i]), ms, out);
		else
			put_call(h, &h->call[h->from + i - it->made_pieces], ms, out);
		return;
	case STREAM_CALLEES:
		put_recent(h->base_ms, &h->deep->callees.recent.seen[i], stream, ms, out);
		return;
	case STREAM_CALLERS:
		put_recent(h->base_ms, &h->deep->callers.recent.seen[i], stream, ms, out);
		return;
	case STREAM_REGIONS:
		put_recent(h->base_ms, &h->deep->regions.seen[i], stream, ms, out);
		return;
	case STREAM_CONTACTS:
		put_recent(h->base_ms, &h->deep->ledger.answered.seen[i], stream, ms, out);
		return;
	case STREAM_CALLEES_SKETCH:
		put_register(h->base_ms, h->deep->callees.sketch, i, ms, out);
		return;
	case STREAM_CALLERS_SKETCH:
		put_register(h->base_ms, h->deep->callers.sketch, i, ms, out);
		return;
	case STREAM_RECEIVED:
		if (i < it->received_pieces) {
			put_piece(in->base_ms, piece_at(&in->deep->pieces, it->received[i]), ms, out);
		} else {
			put_time(out, ms, in->base_ms + in->call[i - it->received_pieces].ms);
			put_bytes(out, in->call[i - it->received_pieces].party, 8);
		}
		return;
	case STREAM_PARTIES:
		put_recent(in->base_ms, &in->deep->parties.recent.seen[i], stream, ms, out);
		return;
	case STREAM_PARTIES_SKETCH:
		put_register(in->base_ms, in->deep->parties.sketch, i, ms, out);
		return;
	case STREAM_FLAGS:
		put_time(out, ms, s->marks->flag_ms[i]);
		return;
	case STREAM_FLAGGED:
		put_recent(s->marks->base_ms, &s->marks->flagged.recent.seen[i], stream, ms, out);
		return;
	case STREAM_FLAGGED_SKETCH:
		put_register(s->marks->base_ms, s->marks->flagged.sketch, i, ms, out);
		return;
	case STREAM_STATE:
		put_part(s->state, s->state_len, STATE_ITEM_BYTES, i, out);
		return;
	case STREAM_ORDER:
		put_part(calls_by_start(s->history), h->cnt, ORDER_ITEM_BYTES, i, out);
		return;
	case STREAM_CNT:
		break;
	}
	assert(false);
}

/* Calls received and not in pieces: the bulk of what blocks of called numbers write. */
static void put_received_calls(const struct received *in, uint32_t from, uint32_t to, int64_t *ms, struct buf *out)
{
	uint8_t *begin = buf_reserve(out, (size_t)(to - from) * (VARINT_MAX + 8)), *p = begin;
	int64_t before = *ms;
	for (uint32_t i = from; i < to; i++) {
		int64_t t = in->base_ms + in->call[i].ms;
		p = put_varint(p, zigzag(t - before));
		put_u64(p, in->call[i].party);
		p += 8;
		before = t;
	}
	*ms = before;
	out->len += (size_t)(p - begin);
}

void items_put_all(const struct items *it, enum stream stream, struct buf *out)
{
	const struct calls *h = it->s->history;
	const struct received *in = it->s->received;
	const uint32_t n = it->cnt[stream];
	uint32_t i = 0;
	int64_t ms = 0;
	if (stream == STREAM_CALLS) {
		for (; i < it->made_pieces; i++)
			items_put(it, stream, i, &ms, out);
		for (; i < n; i++)
			put_call(h, &h->call[h->from + i - it->made_pieces], &ms, out);
	} else if (stream == STREAM_RECEIVED) {
		for (; i < it->received_pieces; i++)
			items_put(it, stream, i, &ms, out);
		put_received_calls(in, 0, n - i, &ms, out);
	} else {
		for (; i < n; i++)
			items_put(it, stream, i, &ms, out);
	}
}

uint8_t *items_page(const struct items *it, enum stream stream, uint32_t i)
{
	struct calls *h = it->s->history;
	struct received *in = it->s->received;
	switch (stream) {
	case STREAM_CALLS:
		if (i < it->made_pieces)
			return &piece_at(&h->deep->pieces, it->made[i])->page;
		return &h->call[h->from + i - it->made_pieces].page;
	case STREAM_CALLEES:
		return &h->deep->callees.recent.seen[i].page;
	case STREAM_CALLERS:
		return &h->deep->callers.recent.seen[i].page;
	case STREAM_REGIONS:
		return &h->deep->regions.seen[i].page;
	case STREAM_CONTACTS:
		return &h->deep->ledger.answered.seen[i].page;
	case STREAM_CALLEES_SKETCH:
		return sketch_at(h->deep->callees.sketch, i).page;
	case STREAM_CALLERS_SKETCH:
		return sketch_at(h->deep->callers.sketch, i).page;
	case STREAM_RECEIVED:
		if (i < it->received_pieces)
			return &piece_at(&in->deep->pieces, it->received[i])->page;
		return &in->call[i - it->received_pieces].page;
	case STREAM_PARTIES:
		return &in->deep->parties.recent.seen[i].page;
	case STREAM_PARTIES_SKETCH:
		return sketch_at(in->deep->parties.sketch, i).page;
	case STREAM_FLAGGED:
		return &it->s->marks->flagged.recent.seen[i].page;
	case STREAM_FLAGGED_SKETCH:
		return sketch_at(it->s->marks->flagged.sketch, i).page;
	default:
		return NULL;
	}
}

/* ---- reading ---- */

static int64_t get_time(struct reader *r, int64_t *ms)
{
	*ms = (int64_t)((uint64_t)*ms + (uint64_t)reader_zigzag(r));
	if (*ms < -TIME_SANE_MS || *ms > TIME_SANE_MS) {
		r->bad = true;
		*ms = 0;
	}
	return *ms;
}

static uint64_t get_bytes(struct reader *r, uint32_t n)
{
	const uint8_t *p = reader_take(r, n);
	uint64_t v = 0;
	for (uint32_t i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static uint32_t get_u32(struct reader *r)
{
	uint64_t v = reader_varint(r);
	r->bad = r->bad || v > UINT32_MAX;
	return (uint32_t)v;
}

/* A time after the base: 0 for what the base has passed since it was stored. */
static uint32_t get_relative(struct reader *r, int64_t *ms, int64_t base_ms)
{
	int64_t t = get_time(r, ms);
	if (t <= base_ms)
		return 0;
	r->bad = r->bad || t - base_ms > UINT32_MAX;
	return (uint32_t)(t - base_ms);
}

static bool get_call(struct calls *h, int64_t *ms, uint8_t page, struct reader *r)
{
	struct call *c = &h->call[h->cnt];
	c->end = get_relative(r, ms, h->base_ms);
	c->callee = get_bytes(r, NUMBER_BYTES);
	c->id_hash = reader_u32(r);
	uint32_t counts = get_u32(r);
	c->flags = counts | CALL_IS_CALL;
	c->talk_ms = counts & 1 << COUNT_ANSWERED ? get_u32(r) : 0;
	int64_t lasted = reader_zigzag(r);
	c->lasted_low = (uint32_t)(uint64_t)lasted;
	c->lasted_high = (int8_t)(lasted >> 32);
	uint32_t region = get_u32(r);
	c->region = (uint16_t)region;
	c->page = page;
	if (h->has_callers)
		calls_callers(h)[h->cnt] = get_bytes(r, NUMBER_BYTES);
	h->cnt++;
	return !r->bad && counts <= COUNTS_MASK && region <= UINT16_MAX && c->end > 0 && (h->cnt == 1 || c[-1].end <= c->end) &&
	       lasted <= LASTED_MAX_MS && lasted >= -LASTED_MAX_MS;
}

static struct stretch get_stretch(struct reader *r, uint32_t calls)
{
	struct stretch s = {.first = get_u32(r)};
	s.last = get_u32(r);
	s.best = get_u32(r);
	r->bad = r->bad || s.first < 1 || s.last < 1 || s.first > calls || s.last > calls || s.best > calls || s.best < 1;
	return s;
}

static void get_piece_many(struct piece *p, uint32_t mask, struct reader *r)
{
	p->calls = get_u32(r);
	for (uint32_t bits = mask & COUNTS_MASK; bits; bits &= bits - 1) {
		uint32_t *count = &p->count[__builtin_ctz(bits)];
		*count = get_u32(r);
		r->bad = r->bad || *count > p->calls || *count == 0;
	}
	r->bad = r->bad || p->calls < 2;
}

static void get_piece_links(struct piece *p, uint32_t mask, struct reader *r)
{
	if (mask & PIECE_GAPS) {
		p->gaps = get_u32(r);
		p->gap_ms = reader_varint(r);
		p->gap_ms2 = p->gaps > 1 ? reader_varint(r) : p->gap_ms * p->gap_ms;
		r->bad = r->bad || p->gaps == 0;
	}
	p->run = mask & PIECE_RUN ? get_stretch(r, p->calls) : (struct stretch){1, 1, 1, false};
	p->peak = mask & PIECE_PEAK ? get_stretch(r, p->calls) : (struct stretch){1, 1, 1, false};
	p->run.joined = mask & PIECE_RUN_JOINED;
	p->peak.joined = mask & PIECE_PEAK_JOINED;
	if (mask & PIECE_TOP) {
		p->top = get_bytes(r, NUMBER_BYTES);
		p->top_calls = mask & PIECE_MANY ? get_u32(r) : 1;
		r->bad = r->bad || p->top == 0 || p->top_calls == 0 || p->top_calls > p->calls;
	}
}

/* Told from a time of the piece; 0 for what the base has passed. */
static uint32_t get_start(struct reader *r, int64_t from)
{
	int64_t start = (int64_t)((uint64_t)from - (uint64_t)reader_zigzag(r));
	return start <= 0 ? 0 : start > UINT32_MAX ? UINT32_MAX : (uint32_t)start;
}

static bool get_piece(struct pieces *list, int64_t base_ms, int64_t *ms, uint8_t page, struct reader *r)
{
	struct piece p = {.page = page, .calls = 1};
	p.first = p.last = get_relative(r, ms, base_ms);
	int64_t first_ms = *ms, last_ms = *ms;
	uint32_t mask = get_u32(r);
	if (mask & PIECE_MANY) {
		p.last = get_relative(r, ms, base_ms);
		last_ms = *ms;
		get_piece_many(&p, mask, r);
	} else {
		for (uint32_t bits = mask & COUNTS_MASK; bits; bits &= bits - 1)
			p.count[__builtin_ctz(bits)] = 1;
	}
	if (mask & PIECE_TALK)
		p.talk_ms = reader_varint(r);
	get_piece_links(&p, mask, r);
	p.min_start = p.max_start = get_start(r, first_ms - base_ms);
	if (mask & PIECE_MANY)
		p.max_start = get_start(r, last_ms - base_ms);
	if (r->bad || mask >= PIECE_MASK_END || p.first > p.last ||
	    (list->newest != NO_PIECE && piece_at(list, list->newest)->first > p.first))
		return false;
	pieces_append(list, &p);
	return true;
}

static bool get_register(struct sketch **sketch, uint64_t *seen, int64_t base_ms, int64_t *ms, uint8_t page, struct reader *r)
{
	uint32_t reg = reader_u8(r), n = reader_u8(r), kept = 0;
	if (r->bad || n > SKETCH_DEPTH || seen[reg / 64] >> reg % 64 & 1)
		return false;
	seen[reg / 64] |= UINT64_C(1) << reg % 64;
	sketch_room(sketch, n);
	struct sketch_register g = sketch_at(*sketch, reg);
	*g.page = page;
	for (uint32_t i = 0; i < n && !r->bad; i++) {
		g.rank[i] = reader_u8(r);
		g.ms[i] = get_relative(r, ms, base_ms);
		r->bad = r->bad || g.rank[i] < 1 || g.rank[i] > SKETCH_RANK_MAX ||
			 (i && (g.rank[i] <= g.rank[i - 1] || g.ms[i] > g.ms[i - 1]));
		kept += g.ms[i] > 0;
	}
	*g.cnt = (uint8_t)kept;
	return !r->bad;
}

static bool get_contact(struct ledger *l, int64_t base_ms, int64_t *ms, uint8_t page, struct reader *r)
{
	uint32_t t = get_relative(r, ms, base_ms);
	uint64_t called = get_bytes(r, NUMBER_BYTES);
	if (!r->bad && t)
		ledger_add(l, called, t, page, base_ms);
	return !r->bad && called != 0;
}

static bool get_recent(struct recent *recent, enum stream stream, int64_t base_ms, int64_t *ms, uint8_t page, struct reader *r)
{
	struct seen forgotten;
	uint32_t t = get_relative(r, ms, base_ms);
	uint64_t value = stream == STREAM_REGIONS ? reader_varint(r) : get_bytes(r, holds_numbers(stream) ? NUMBER_BYTES : 8);
	if (r->bad || value == 0 || (stream == STREAM_REGIONS && value > UINT16_MAX))
		return false;
	if (t)
		recent_add(recent, value, t, page, &forgotten);
	return true;
}

static bool get_received(struct received *in, int64_t *ms, uint8_t page, struct reader *r)
{
	struct received_call *c = &in->call[in->cnt];
	c->ms = get_relative(r, ms, in->base_ms);
	c->party = get_bytes(r, 8);
	c->page = page;
	in->cnt++;
	return !r->bad && c->ms > 0 && (in->cnt == 1 || c[-1].ms <= c->ms);
}

static bool get_part(uint8_t *bytes, uint32_t len, uint32_t part, uint32_t i, struct reader *r)
{
	uint32_t from = i * part, n = len - from < part ? len - from : part;
	const uint8_t *p = reader_take(r, n);
	if (p)
		memcpy(bytes + from, p, n);
	return p != NULL;
}

static bool get_flag(struct marks *m, int64_t *ms, struct reader *r)
{
	m->flag_ms[m->flag_cnt] = get_time(r, ms);
	m->flag_cnt++;
	return !r->bad && (m->flag_cnt == 1 || m->flag_ms[m->flag_cnt - 2] <= m->flag_ms[m->flag_cnt - 1]);
}

static bool get_item(struct items_in *in, enum stream stream, int64_t *ms, uint8_t page, struct reader *r)
{
	struct calls *h = in->s->history;
	struct received *rec = in->s->received;
	struct marks *m = in->s->marks;
	switch (stream) {
	case STREAM_CALLS:
		if (in->have[stream] < in->made_pieces)
			return get_piece(&h->deep->pieces, h->base_ms, ms, page, r);
		return get_call(h, ms, page, r);
	case STREAM_CALLEES:
		return get_recent(&h->deep->callees.recent, stream, h->base_ms, ms, page, r);
	case STREAM_CALLERS:
		return get_recent(&h->deep->callers.recent, stream, h->base_ms, ms, page, r);
	case STREAM_REGIONS:
		return get_recent(&h->deep->regions, stream, h->base_ms, ms, page, r);
	case STREAM_CONTACTS:
		return get_contact(&h->deep->ledger, h->base_ms, ms, page, r);
	case STREAM_CALLEES_SKETCH:
		return get_register(&h->deep->callees.sketch, in->registers[0], h->base_ms, ms, page, r);
	case STREAM_CALLERS_SKETCH:
		return get_register(&h->deep->callers.sketch, in->registers[1], h->base_ms, ms, page, r);
	case STREAM_RECEIVED:
		if (in->have[stream] < in->received_pieces)
			return get_piece(&rec->deep->pieces, rec->base_ms, ms, page, r);
		return get_received(rec, ms, page, r);
	case STREAM_PARTIES:
		return get_recent(&rec->deep->parties.recent, stream, rec->base_ms, ms, page, r);
	case STREAM_PARTIES_SKETCH:
		return get_register(&rec->deep->parties.sketch, in->registers[2], rec->base_ms, ms, page, r);
	case STREAM_FLAGS:
		return get_flag(m, ms, r);
	case STREAM_FLAGGED:
		return get_recent(&m->flagged.recent, stream, m->base_ms, ms, page, r);
	case STREAM_FLAGGED_SKETCH:
		return get_register(&m->flagged.sketch, in->registers[3], m->base_ms, ms, page, r);
	case STREAM_STATE:
		return get_part(in->s->state, in->s->state_len, STATE_ITEM_BYTES, in->have[stream], r);
	case STREAM_ORDER:
		return get_part(in->order, in->exact, ORDER_ITEM_BYTES, in->have[stream], r);
	case STREAM_CNT:
		break;
	}
	return false;
}

bool items_get(struct items_in *in, enum stream stream, int64_t *ms, uint8_t page, struct reader *r)
{
	if (in->have[stream] == in->want[stream] || !get_item(in, stream, ms, page, r))
		return false;
	in->have[stream]++;
	return true;
}
