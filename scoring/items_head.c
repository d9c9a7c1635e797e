/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a record: all of a subject that is not in a stream.
 *
 *   flags (2 bytes: which parts there are) · since · clock, first_seen, told from since · calls · answered · talk_ms · late · sequence, told from since ·
 *   first day + 1 · bytes of state
 *   calls made:      base · number of exact calls · marks of links (3 x 16 bytes), if any
 *   behind these:    pieces · place of the hand · weight behind it · coarse, coarsened · late_merged · last start and second that left · ahead ·
 *                    joined · of a number: newest time that its ledger forgot
 *   calls received:  base · total · newest · exact calls; behind these: pieces, hand, weight, coarse, coarsened, late_merged
 *   flags:           base · number */
#include "scoring/items.h"

#include <assert.h>

enum {
	HEAD_CLOCK = 1 << 0,
	HEAD_FIRST_SEEN = 1 << 1,
	HEAD_HISTORY = 1 << 2,
	HEAD_DEEP = 1 << 3,
	HEAD_CALLERS = 1 << 4,
	HEAD_ORDER = 1 << 5,
	HEAD_LINKS = 1 << 6,
	HEAD_RECEIVED = 1 << 7,
	HEAD_RECEIVED_DEEP = 1 << 8,
	HEAD_MARKS = 1 << 9,
	HEAD_CALLEES_SKETCH = 1 << 10,
	HEAD_CALLERS_SKETCH = 1 << 11,
	HEAD_PARTIES_SKETCH = 1 << 12,
	HEAD_FLAGGED_SKETCH = 1 << 13,
	HEAD_SINCE = 1 << 14,
	HEAD_LEDGER = 1 << 15,
};

/* ---- writing ---- */

static bool has_links(const struct calls *h)
{
	uint32_t all = 0;
	for (uint32_t i = 0; i < h->cnt; i++)
		all |= h->call[h->from + i].flags;
	return all & (CALL_NEXT_DONE | CALL_PREV_DONE | CALL_RUN_CUT);
}

static uint32_t head_flags(const struct items *it)
{
	const struct subject *s = it->s;
	uint32_t f = (s->clock_ms != TIME_NONE ? HEAD_CLOCK : 0) | (s->first_seen_ms != TIME_NONE ? HEAD_FIRST_SEEN : 0) |
		     (s->since_ms != TIME_NONE ? HEAD_SINCE : 0);
	if (s->history) {
		struct deep *d = s->history->deep;
		f |= HEAD_HISTORY | (s->history->has_callers ? HEAD_CALLERS : 0) | (it->cnt[STREAM_ORDER] ? HEAD_ORDER : 0) |
		     (has_links(s->history) ? HEAD_LINKS : 0);
		if (d)
			f |= HEAD_DEEP | (s->history->has_callers ? 0 : HEAD_LEDGER) | (d->callees.sketch ? HEAD_CALLEES_SKETCH : 0) |
			     (d->callers.sketch ? HEAD_CALLERS_SKETCH : 0);
	}
	if (s->received)
		f |= HEAD_RECEIVED;
	if (s->received && s->received->deep)
		f |= HEAD_RECEIVED_DEEP | (s->received->deep->parties.sketch ? HEAD_PARTIES_SKETCH : 0);
	if (s->marks)
		f |= HEAD_MARKS | (s->marks->flagged.sketch ? HEAD_FLAGGED_SKETCH : 0);
	return f;
}

static uint32_t hand_place(const struct pieces *p, const uint16_t *order)
{
	for (uint32_t i = 0; i < p->cnt && p->hand != NO_PIECE; i++)
		if (order[i] == p->hand)
			return i + 1;
	return 0;
}

static void put_pieces(const struct pieces *p, const uint16_t *order, struct buf *out)
{
	buf_put_varint(out, p->cnt);
	buf_put_varint(out, hand_place(p, order));
	buf_put_varint(out, p->behind_hand.calls);
	buf_put_varint(out, p->behind_hand.answered);
	buf_put_varint(out, p->behind_hand.talk_ms);
	buf_put_u8(out, p->coarse);
	buf_put_varint(out, p->coarsened);
}

static void put_links(const struct calls *h, struct buf *out)
{
	uint64_t next[2] = {0}, prev[2] = {0}, cut[2] = {0};
	for (uint32_t i = 0; i < h->cnt; i++) {
		uint32_t flags = h->call[h->from + i].flags;
		next[i / 64] |= (uint64_t)((flags & CALL_NEXT_DONE) != 0) << i % 64;
		prev[i / 64] |= (uint64_t)((flags & CALL_PREV_DONE) != 0) << i % 64;
		cut[i / 64] |= (uint64_t)((flags & CALL_RUN_CUT) != 0) << i % 64;
	}
	for (int i = 0; i < 2; i++) {
		buf_put_varint(out, next[i]);
		buf_put_varint(out, prev[i]);
		buf_put_varint(out, cut[i]);
	}
}

static void put_history(const struct items *it, uint32_t flags, struct buf *out)
{
	struct calls *h = it->s->history;
	buf_put_zigzag(out, it->s->clock_ms - h->base_ms);
	buf_put_varint(out, h->cnt);
	if (flags & HEAD_LINKS)
		put_links(h, out);
	if (!h->deep)
		return;
	const struct deep *d = h->deep;
	put_pieces(&d->pieces, it->made, out);
	buf_put_varint(out, d->late_merged);
	buf_put_u8(out, d->left_start_ms != TIME_NONE);
	if (d->left_start_ms != TIME_NONE) {
		buf_put_zigzag(out, it->s->clock_ms - d->left_start_ms);
		buf_put_zigzag(out, it->s->clock_ms / 1000 - d->left_second);
	}
	buf_put_varint(out, (uint64_t)d->ahead_ms);
	buf_put_u8(out, d->run_joined);
	if (flags & HEAD_LEDGER) {
		buf_put_u8(out, d->ledger.lost_ms != TIME_NONE);
		if (d->ledger.lost_ms != TIME_NONE)
			buf_put_zigzag(out, it->s->clock_ms - d->ledger.lost_ms);
	}
}

static void put_received(const struct items *it, struct buf *out)
{
	const struct received *in = it->s->received;
	buf_put_zigzag(out, in->base_ms - (it->s->since_ms == TIME_NONE ? 0 : it->s->since_ms));
	buf_put_varint(out, in->total);
	buf_put_zigzag(out, in->newest_ms - in->base_ms); /* the base may be past the newest: it follows the shard's clock */
	buf_put_varint(out, in->cnt);
	if (!in->deep)
		return;
	put_pieces(&in->deep->pieces, it->received, out);
	buf_put_varint(out, in->deep->late_merged);
}

void items_put_head(const struct items *it, struct buf *out)
{
	const struct subject *s = it->s;
	uint32_t flags = head_flags(it);
	int64_t since = s->since_ms == TIME_NONE ? 0 : s->since_ms;
	buf_put_u8(out, (uint8_t)flags);
	buf_put_u8(out, (uint8_t)(flags >> 8));
	buf_put_zigzag(out, since);
	if (flags & HEAD_CLOCK)
		buf_put_zigzag(out, s->clock_ms - since);
	if (flags & HEAD_FIRST_SEEN)
		buf_put_zigzag(out, s->first_seen_ms - since);
	buf_put_varint(out, s->calls);
	buf_put_varint(out, s->answered);
	buf_put_varint(out, s->talk_ms);
	buf_put_varint(out, s->late);
	buf_put_zigzag(out, (int64_t)(s->sequence - (uint64_t)since));
	buf_put_varint(out, (uint64_t)(s->first_day + 1));
	buf_put_varint(out, s->state_len);
	if (flags & HEAD_HISTORY)
		put_history(it, flags, out);
	if (flags & HEAD_RECEIVED)
		put_received(it, out);
	if (flags & HEAD_MARKS) {
		buf_put_zigzag(out, s->marks->base_ms - since);
		buf_put_varint(out, s->marks->flag_cnt);
	}
}

/* ---- reading ---- */

/* A sum that came from a damaged record may not overflow. */
static int64_t plus(struct reader *r, int64_t a, int64_t b)
{
	int64_t sum = 0;
	r->bad = __builtin_add_overflow(a, b, &sum) || r->bad || sum < -TIME_SANE_MS || sum > TIME_SANE_MS;
	return r->bad ? 0 : sum;
}

static int64_t minus(struct reader *r, int64_t a, int64_t b)
{
	return b == INT64_MIN ? plus(r, INT64_MAX, INT64_MAX) : plus(r, a, -b);
}

static uint32_t get_count(struct reader *r, uint64_t most)
{
	uint64_t v = reader_varint(r);
	r->bad = r->bad || v > most;
	return r->bad ? 0 : (uint32_t)v;
}

static void get_pieces(struct pieces *p, uint32_t *cnt, uint32_t *hand, struct reader *r)
{
	*cnt = get_count(r, PIECES_MAX + 1);
	*hand = get_count(r, *cnt);
	p->behind_hand.calls = reader_varint(r);
	p->behind_hand.answered = reader_varint(r);
	p->behind_hand.talk_ms = reader_varint(r);
	p->coarse = reader_u8(r);
	p->coarsened = reader_varint(r);
	r->bad = r->bad || p->coarse > 7;
}

static void want_distinct(struct items_in *in, enum stream stream, struct distinct *d, bool sketch)
{
	in->want[stream] = UINT32_MAX; /* a value that moved may stand in two pages */
	if (sketch) {
		in->want[stream + 1] = SKETCH_REGISTERS;
		d->sketch = sketch_new();
	}
}

static void get_deep(struct items_in *in, uint32_t flags, struct reader *r)
{
	struct calls *h = in->s->history;
	struct deep *d = h->deep = calls_deep_new(h->has_callers);
	get_pieces(&d->pieces, &in->made_pieces, &in->made_hand, r);
	d->late_merged = reader_varint(r);
	if (reader_u8(r)) {
		d->left_start_ms = minus(r, in->s->clock_ms, reader_zigzag(r));
		d->left_second = minus(r, in->s->clock_ms / 1000, reader_zigzag(r));
	}
	d->ahead_ms = (int64_t)reader_varint(r);
	d->run_joined = reader_u8(r) & 1;
	if ((flags & HEAD_LEDGER) && reader_u8(r))
		d->ledger.lost_ms = minus(r, in->s->clock_ms, reader_zigzag(r));
	r->bad = r->bad || (h->has_callers && (flags & HEAD_LEDGER));
	in->no_ledger = !h->has_callers && !(flags & HEAD_LEDGER);
	in->want[STREAM_CONTACTS] = flags & HEAD_LEDGER ? UINT32_MAX : 0;
	r->bad = r->bad || d->ahead_ms < 0 || d->ahead_ms > LASTED_MAX_MS;
	want_distinct(in, STREAM_CALLEES, &d->callees, flags & HEAD_CALLEES_SKETCH);
	want_distinct(in, STREAM_CALLERS, &d->callers, flags & HEAD_CALLERS_SKETCH);
	in->want[STREAM_REGIONS] = UINT32_MAX;
}

static uint32_t cap_for(uint32_t cnt)
{
	return cnt < 2 ? 2 : (cnt + 1) & ~UINT32_C(1);
}

static void get_history(struct items_in *in, uint32_t flags, struct reader *r)
{
	struct subject *s = in->s;
	int64_t base_ms = minus(r, s->clock_ms, reader_zigzag(r));
	uint32_t cnt = get_count(r, CALLS_EXACT);
	in->ordered = !(flags & HEAD_ORDER);
	in->exact = cnt;
	in->want[STREAM_ORDER] = in->ordered ? 0 : (cnt + ORDER_ITEM_BYTES - 1) / ORDER_ITEM_BYTES;
	for (int i = 0; i < 2 && (flags & HEAD_LINKS); i++) {
		in->next_done[i] = reader_varint(r);
		in->prev_done[i] = reader_varint(r);
		in->run_cut[i] = reader_varint(r);
	}
	if (r->bad)
		return;
	calls_new(in->slab, (void **)&s->history, flags & HEAD_DEEP ? DEEP_CAP : cap_for(cnt), flags & HEAD_CALLERS, base_ms);
	if (flags & HEAD_DEEP)
		get_deep(in, flags, r);
	in->want[STREAM_CALLS] = cnt + in->made_pieces;
}

static void get_received(struct items_in *in, uint32_t flags, struct reader *r)
{
	struct subject *s = in->s;
	int64_t base_ms = plus(r, reader_zigzag(r), s->since_ms == TIME_NONE ? 0 : s->since_ms);
	uint64_t total = reader_varint(r);
	int64_t newest_ms = plus(r, base_ms, reader_zigzag(r));
	uint32_t cnt = get_count(r, RECEIVED_EXACT);
	if (r->bad)
		return;
	received_new(in->slab, (void **)&s->received, flags & HEAD_RECEIVED_DEEP ? RECEIVED_EXACT + 1 : cap_for(cnt), base_ms);
	s->received->total = total;
	s->received->newest_ms = newest_ms;
	if (flags & HEAD_RECEIVED_DEEP) {
		struct received_deep *d = s->received->deep = received_deep_new();
		get_pieces(&d->pieces, &in->received_pieces, &in->received_hand, r);
		d->late_merged = reader_varint(r);
		want_distinct(in, STREAM_PARTIES, &d->parties, flags & HEAD_PARTIES_SKETCH);
	}
	in->want[STREAM_RECEIVED] = cnt + in->received_pieces;
}

static void get_marks(struct items_in *in, uint32_t flags, int64_t since_ms, struct reader *r)
{
	int64_t base_ms = plus(r, reader_zigzag(r), since_ms);
	in->want[STREAM_FLAGS] = get_count(r, FLAGS_MAX);
	if (r->bad)
		return;
	in->s->marks = marks_new(base_ms);
	want_distinct(in, STREAM_FLAGGED, &in->s->marks->flagged, flags & HEAD_FLAGGED_SKETCH);
}

bool items_get_head(struct items_in *in, struct reader *r)
{
	struct subject *s = in->s;
	uint32_t flags = reader_u8(r);
	flags |= (uint32_t)reader_u8(r) << 8;
	int64_t since = plus(r, reader_zigzag(r), 0);
	s->since_ms = flags & HEAD_SINCE ? since : TIME_NONE;
	s->clock_ms = flags & HEAD_CLOCK ? plus(r, reader_zigzag(r), since) : TIME_NONE;
	s->first_seen_ms = flags & HEAD_FIRST_SEEN ? plus(r, reader_zigzag(r), since) : TIME_NONE;
	s->calls = reader_varint(r);
	s->answered = reader_varint(r);
	s->talk_ms = reader_varint(r);
	s->late = reader_varint(r);
	s->sequence = (uint64_t)reader_zigzag(r) + (uint64_t)since;
	s->first_day = (int32_t)get_count(r, INT32_MAX) - 1;
	s->state_len = get_count(r, STATE_MAX);
	if (r->bad || s->answered > s->calls || ((flags & HEAD_HISTORY) && !(flags & HEAD_CLOCK)))
		return false;
	if (s->state_len)
		s->state = slab_take_fixed(in->slab, s->state_len);
	in->want[STREAM_STATE] = (s->state_len + STATE_ITEM_BYTES - 1) / STATE_ITEM_BYTES;
	if (flags & HEAD_HISTORY)
		get_history(in, flags, r);
	if (!r->bad && (flags & HEAD_RECEIVED))
		get_received(in, flags, r);
	if (!r->bad && (flags & HEAD_MARKS))
		get_marks(in, flags, since, r);
	return !r->bad;
}

/* ---- after the last item ---- */

static bool is_permutation(const uint8_t *order, uint32_t n)
{
	uint64_t seen[2] = {0};
	for (uint32_t i = 0; i < n; i++) {
		if (order[i] >= n || (seen[order[i] / 64] >> order[i] % 64 & 1))
			return false;
		seen[order[i] / 64] |= UINT64_C(1) << order[i] % 64;
	}
	return true;
}

/* The order by start, as it was stored or as it is; it must be one. */
static bool finish_order(struct items_in *in, struct calls *h)
{
	uint8_t *order = calls_by_start(h);
	for (uint32_t i = 0; i < h->cnt; i++)
		order[i] = in->ordered ? (uint8_t)i : in->order[i];
	if (!is_permutation(order, h->cnt))
		return false;
	for (uint32_t i = 1; i < h->cnt; i++)
		if (calls_start_ms(h, &h->call[order[i - 1]]) > calls_start_ms(h, &h->call[order[i]]))
			return false;
	return true;
}

static void finish_pieces(struct pieces *p, uint32_t hand)
{
	uint16_t at = p->oldest;
	if (hand == 0)
		return;
	while (--hand > 0)
		at = piece_at(p, at)->newer;
	p->hand = at;
}

static bool finish_history(struct items_in *in, struct calls *h)
{
	if (!finish_order(in, h))
		return false;
	for (uint32_t i = 0; i < h->cnt; i++) {
		struct call *c = &h->call[i];
		c->flags |= (in->next_done[i / 64] >> i % 64 & 1 ? CALL_NEXT_DONE : 0) |
			    (in->prev_done[i / 64] >> i % 64 & 1 ? CALL_PREV_DONE : 0) |
			    (in->run_cut[i / 64] >> i % 64 & 1 ? CALL_RUN_CUT : 0);
	}
	calls_mark_all(h);
	if (!h->deep)
		return true;
	for (uint32_t i = 0; i < h->cnt; i++) {
		const struct call *c = &h->call[i];
		calls_see(h, c, h->has_callers ? calls_callers(h)[i] : 0);
		h->deep->exact.calls++;
		h->deep->exact.answered += c->flags & 1;
		h->deep->exact.talk_ms += c->talk_ms;
	}
	if (in->no_ledger) /* whoever answered before the exact calls is not known */
		h->deep->ledger.lost_ms = h->cnt ? calls_end_ms(h, h->call) : in->s->clock_ms;
	finish_pieces(&h->deep->pieces, in->made_hand);
	memset(h->deep->pieces.dirty, 0, sizeof h->deep->pieces.dirty);
	return true;
}

bool items_finish(struct items_in *in)
{
	struct subject *s = in->s;
	for (int i = 0; i < STREAM_CNT; i++)
		if (in->want[i] != UINT32_MAX && in->have[i] != in->want[i])
			return false;
	if (s->history && !finish_history(in, s->history))
		return false;
	if (s->received && s->received->deep) {
		finish_pieces(&s->received->deep->pieces, in->received_hand);
		memset(s->received->deep->pieces.dirty, 0, sizeof s->received->deep->pieces.dirty);
	}
	return true;
}
