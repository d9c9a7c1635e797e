/* SPDX-License-Identifier: Apache-2.0 */
/* The value that holds the history of a number: a ring of four segments.
 *
 *   0      table      256 bytes: finished episodes (case_study.c)
 *   256    days       160 rows of 16 bytes, that of a day at its number modulo 160
 *   2816   segment 0  3,392 bytes each
 *   6208   segment 1
 *   9600   segment 2
 *   12992  segment 3  to 16,384
 *
 *   day      day (2: since 1970), calls, answered, talk in seconds (3 each), judged (2), unknown (1), check (2); all zero: none
 *   segment  version (1 byte: 1), its number (4: segments begun before it, and itself), entries ever before it (4), entries, 00 00
 *   entry    length of what follows, check left out (2), kind (1), time (zig-zag), fields of the kind, check (4)
 *
 * DESIGN. Days have rows of their own, so that a number with a breach and an alert a day does not push out its totals. Appending is blind: the writer knows from the record where the next entry goes and sends its bytes alone, so neither the CDR path nor a
 * commit reads a history. Each write ends with a length of 0, which the next one overwrites: a reader needs no record to find the end. An entry
 * stands in one segment; when it does not fit, the next segment begins over the oldest one, which loses up to 4 KiB of old entries at once. The
 * segment in which the present episode began is passed over, so the start of the story outlives the ring.
 *
 * GUARANTEES. An entry is either read as it was written or counted: `dropped` is entries ever less entries found. The check is seeded with the
 * segment's number, so what is left of an overwritten segment is never taken for a part of the new one. Writing the same turn twice writes the same bytes.
 *
 * The fields of a kind stand in one table, which codec and JSON both walk. */
#include "rules/history.h"
#include "rules/history_fields.h"
#include "rules/history_layout.h"

#include <assert.h>

/* ---- the fields of each kind ---- */

#define AT(member) (uint16_t) offsetof(struct history_entry, member)

const struct history_field history_fields[] = {
	{HISTORY_TRANSITION, FIELD_PHASE, AT(transition.from), "from"},
	{HISTORY_TRANSITION, FIELD_PHASE, AT(transition.to), "to"},
	{HISTORY_TRANSITION, FIELD_TEXT, AT(transition.reason), "reason"},
	{HISTORY_TRANSITION, FIELD_TEXT, AT(transition.detail), "detail"},
	{HISTORY_TRANSITION, FIELD_TEXT, AT(transition.by), "by"},
	{HISTORY_TRANSITION, FIELD_TIME, AT(transition.until_ms), "until"},
	{HISTORY_TRANSITION, FIELD_INT, AT(transition.episode), "episode"},
	{HISTORY_VIOLATION, FIELD_PHASE, AT(violation.phase), "phase"},
	{HISTORY_VIOLATION, FIELD_TEXT, AT(violation.policy), "policy"},
	{HISTORY_VIOLATION, FIELD_DAY, AT(violation.day), "day"},
	{HISTORY_VIOLATION, FIELD_VALUE, AT(violation.limit), "limit"},
	{HISTORY_VIOLATION, FIELD_VALUE, AT(violation.value), "value"},
	{HISTORY_VIOLATION, FIELD_TEXT, AT(violation.consequence), "consequence"},
	{HISTORY_ADVISORY, FIELD_TEXT, AT(advisory.topic), "topic"},
	{HISTORY_ADVISORY, FIELD_TEXT, AT(advisory.detail), "detail"},
	{HISTORY_ALERT_RAISED, FIELD_TEXT, AT(alert.rule), "rule"},
	{HISTORY_ALERT_RAISED, FIELD_TEXT, AT(alert.severity), "severity"},
	{HISTORY_ALERT_RAISED, FIELD_TEXT, AT(alert.mode), "mode"},
	{HISTORY_ALERT_RAISED, FIELD_TEXT, AT(alert.source), "rule_source"},
	{HISTORY_ALERT_RAISED, FIELD_TIME, AT(alert.since_ms), "since"},
	{HISTORY_ALERT_RAISED, FIELD_FIGURES, AT(alert.figures), "figures"},
	{HISTORY_ALERT_RESOLVED, FIELD_TEXT, AT(alert.rule), "rule"},
	{HISTORY_ALERT_RESOLVED, FIELD_TEXT, AT(alert.severity), "severity"},
	{HISTORY_ALERT_RESOLVED, FIELD_TEXT, AT(alert.mode), "mode"},
	{HISTORY_ALERT_RESOLVED, FIELD_TIME, AT(alert.since_ms), "since"},
	{HISTORY_FLAG_OPENED, FIELD_TEXT, AT(flag.provider), "provider"},
	{HISTORY_FLAG_OPENED, FIELD_TEXT, AT(flag.carrier), "carrier"},
	{HISTORY_FLAG_OPENED, FIELD_TEXT, AT(flag.label), "label"},
	{HISTORY_FLAG_OPENED, FIELD_TEXT, AT(flag.by), "by"},
	{HISTORY_FLAG_OPENED, FIELD_TEXT, AT(flag.source), "source"},
	{HISTORY_FLAG_OPENED, FIELD_TEXT, AT(flag.note), "note"},
	{HISTORY_FLAG_CLEARED, FIELD_TEXT, AT(flag.provider), "provider"},
	{HISTORY_FLAG_CLEARED, FIELD_TEXT, AT(flag.carrier), "carrier"},
	{HISTORY_FLAG_CLEARED, FIELD_TEXT, AT(flag.label), "label"},
	{HISTORY_FLAG_CLEARED, FIELD_TEXT, AT(flag.by), "by"},
	{HISTORY_FLAG_CLEARED, FIELD_TEXT, AT(flag.source), "source"},
	{HISTORY_FLAG_CLEARED, FIELD_TEXT, AT(flag.note), "note"},
	{HISTORY_FLAG_CLEARED, FIELD_TIME, AT(flag.since_ms), "since"},
	{HISTORY_NOTE, FIELD_TEXT, AT(note.text), "note"},
	{HISTORY_NOTE, FIELD_TEXT, AT(note.by), "by"},
	{HISTORY_COMPLAINT, FIELD_TEXT, AT(complaint.provider), "provider"},
	{HISTORY_COMPLAINT, FIELD_TEXT, AT(complaint.by), "by"},
	{HISTORY_COMPLAINT, FIELD_TEXT, AT(complaint.note), "note"},
	{HISTORY_DISPUTE, FIELD_TEXT, AT(dispute.step), "step"},
	{HISTORY_DISPUTE, FIELD_TEXT, AT(dispute.target), "target"},
	{HISTORY_DISPUTE, FIELD_TEXT, AT(dispute.state), "state"},
	{HISTORY_DISPUTE, FIELD_TEXT, AT(dispute.outcome), "outcome"},
	{HISTORY_DISPUTE, FIELD_TEXT, AT(dispute.by), "by"},
	{HISTORY_DISPUTE, FIELD_TEXT, AT(dispute.note), "note"},
	{HISTORY_DISPUTE, FIELD_TIME, AT(dispute.due_ms), "due"},
	{HISTORY_CHECK, FIELD_TEXT, AT(check.carrier), "carrier"},
	{HISTORY_CHECK, FIELD_TEXT, AT(check.device), "device"},
	{HISTORY_CHECK, FIELD_TEXT, AT(check.result), "result"},
	{HISTORY_CHECK, FIELD_TEXT, AT(check.by), "by"},
	{HISTORY_SNAPSHOT, FIELD_INT, AT(snapshot.episode), "episode"},
	{HISTORY_SNAPSHOT, FIELD_INT, AT(snapshot.health), "health"},
	{HISTORY_SNAPSHOT, FIELD_INT, AT(snapshot.maturity), "maturity"},
	{HISTORY_SNAPSHOT, FIELD_INT, AT(snapshot.connection), "connection"},
	{HISTORY_SNAPSHOT, FIELD_INT, AT(snapshot.engagement), "engagement"},
	{HISTORY_SNAPSHOT, FIELD_INT, AT(snapshot.sentiment), "sentiment"},
	{HISTORY_SNAPSHOT, FIELD_FIGURES, AT(snapshot.figures), "figures"},
};
const uint32_t history_field_cnt = sizeof history_fields / sizeof history_fields[0];

const char *history_kind_name(enum history_kind k)
{
	switch (k) {
#define X(n, number, name) \
	case HISTORY_##n:  \
		return name;
		HISTORY_KINDS(X)
#undef X
	}
	return NULL;
}

/* ---- one entry, encoded ---- */

/* What ends inside of a character loses that character. */
struct slice history_cut(struct slice text, uint32_t max)
{
	if (text.len <= max)
		return text;
	uint32_t n = max;
	while (n > 0 && ((uint8_t)text.p[n] & 0xc0) == 0x80)
		n--;
	return slice_make(text.p, n);
}

static void put_time(struct buf *out, int64_t ms)
{
	buf_put_u8(out, ms != TIME_NONE);
	if (ms != TIME_NONE)
		buf_put_zigzag(out, ms);
}

static void put_value(struct buf *out, const struct value *v)
{
	uint64_t bits = 0;
	buf_put_u8(out, (uint8_t)v->type);
	switch (v->type) {
	case VALUE_INT:
		buf_put_zigzag(out, v->i);
		break;
	case VALUE_DOUBLE:
		memcpy(&bits, &v->d, sizeof bits);
		buf_put_u64(out, bits);
		break;
	case VALUE_BOOL:
		buf_put_u8(out, v->b);
		break;
	case VALUE_STRING:
		buf_put_slice(out, history_cut(v->s, FIGURE_TEXT_MAX));
		break;
	}
}

/* As many as there is room for; their count comes first. */
static void put_figures(struct buf *out, size_t from, const struct history_figures *f)
{
	size_t at = out->len;
	uint8_t cnt = 0;
	buf_put_u8(out, 0);
	for (uint32_t i = 0; i < f->cnt && cnt < HISTORY_FIGURES_MAX; i++) {
		size_t before = out->len;
		buf_put_slice(out, history_cut(f->of[i].text, FIGURE_TEXT_MAX));
		put_value(out, &f->of[i].value);
		if (out->len - from > ENTRY_BYTES_MAX) {
			out->len = before;
			break;
		}
		cnt++;
	}
	out->data[at] = cnt;
}

/* The last of many long texts gets what is left. */
static void put_text(struct buf *out, size_t from, struct slice text)
{
	size_t taken = out->len - from + FIXED_BYTES, left = taken < ENTRY_BYTES_MAX ? ENTRY_BYTES_MAX - taken : 0;
	buf_put_slice(out, history_cut(text, left < HISTORY_TEXT_MAX ? (uint32_t)left : HISTORY_TEXT_MAX));
}

static const void *member(const struct history_entry *e, const struct history_field *f)
{
	return (const char *)e + f->offset;
}

static void put_field(struct buf *out, size_t from, const struct history_entry *e, const struct history_field *f)
{
	const void *at = member(e, f);
	switch ((enum history_field_type)f->type) {
	case FIELD_INT:
	case FIELD_DAY:
		buf_put_zigzag(out, *(const int64_t *)at);
		break;
	case FIELD_PHASE:
		buf_put_u8(out, (uint8_t) * (const enum phase *)at);
		break;
	case FIELD_TIME:
		put_time(out, *(const int64_t *)at);
		break;
	case FIELD_TEXT:
		put_text(out, from, *(const struct slice *)at);
		break;
	case FIELD_VALUE:
		put_value(out, at);
		break;
	case FIELD_FIGURES:
		put_figures(out, from, at);
		break;
	}
}

/* ---- staging ---- */

void history_stage_reset(struct history_stage *s)
{
	buf_reset(&s->bytes);
	buf_reset(&s->placed);
	s->cnt = s->lost = s->day_cnt = s->write_cnt = 0;
	s->keep = s->has_row = false;
}

void history_stage_release(struct history_stage *s)
{
	buf_release(&s->bytes);
	buf_release(&s->placed);
	buf_release(&s->text);
}

/* Whatever the number is in when the turn ends. */
static bool always_kept(const struct history_entry *e)
{
	return (e->kind == HISTORY_FLAG_CLEARED && !slice_is(e->flag.provider, FLAG_OF_RULES)) || e->kind == HISTORY_NOTE ||
	       e->kind == HISTORY_CHECK ||
	       (e->kind == HISTORY_TRANSITION && (history_in_episode(e->transition.from) || history_in_episode(e->transition.to)));
}

void history_stage_entry(struct history_stage *s, const struct history_entry *e)
{
	if (s->cnt == HISTORY_STAGED_MAX) {
		s->lost++;
		return;
	}
	size_t from = s->bytes.len;
	buf_put_u8(&s->bytes, (uint8_t)e->kind);
	buf_put_zigzag(&s->bytes, e->time_ms);
	for (uint32_t i = 0; i < history_field_cnt; i++)
		if (history_fields[i].kind == e->kind)
			put_field(&s->bytes, from, e, &history_fields[i]);
	uint32_t len = (uint32_t)(s->bytes.len - from);
	assert(len <= ENTRY_BYTES_MAX);
	s->of[s->cnt++] = (struct history_staged){(uint32_t)from, len};
	s->keep = s->keep || always_kept(e);
}

void history_stage_day(struct history_stage *s, const struct history_day *d)
{
	if (s->day_cnt < HISTORY_STAGED_DAYS)
		s->days[s->day_cnt++] = *d;
}

void history_stage_row(struct history_stage *s, const struct case_row *row, uint32_t finished_before)
{
	s->has_row = true;
	s->row_at = finished_before % CASE_ROWS * CASE_ROW_BYTES;
	case_row_encode(row, s->row);
}

static uint32_t offset_of(const struct history_head *h)
{
	return HEAD_BYTES + (uint32_t)h->slot * SEGMENT_BYTES + h->used;
}

/* The next segment, over the oldest one that may go. */
static void begin_segment(struct history_head *h)
{
	if (h->segment++ == 0) {
		h->slot = 0;
		h->pinned = HISTORY_SEGMENTS;
	} else {
		h->slot = (uint8_t)((h->slot + 1) % HISTORY_SEGMENTS);
		if (h->slot == h->pinned)
			h->slot = (uint8_t)((h->slot + 1) % HISTORY_SEGMENTS);
	}
	h->used = 0;
}

static bool fits(const struct history_head *h, uint32_t len)
{
	return h->segment > 0 && h->used + len + ENTRY_FRAME <= SEGMENT_BYTES;
}

static void place(struct history_stage *s, struct history_head *h, const struct history_staged *e)
{
	struct buf *out = &s->placed;
	size_t from = out->len;
	if (!fits(h, e->len))
		begin_segment(h);
	uint32_t offset = offset_of(h);
	if (h->used == 0) {
		buf_put_u8(out, HISTORY_VERSION);
		buf_put_u32(out, h->segment);
		buf_put_u32(out, h->entry_cnt);
	}
	buf_put_u8(out, (uint8_t)e->len);
	buf_put_u8(out, (uint8_t)(e->len >> 8));
	buf_put(out, s->bytes.data + e->from, e->len);
	buf_put_u32(out, check_of(s->bytes.data + e->from, e->len, h->segment));
	h->used = (uint16_t)(h->used + (out->len - from));
	h->entry_cnt++;
	if (h->used + 2u <= SEGMENT_BYTES)
		buf_put(out, "\0", 2); /* the end, until the next one comes */
	s->writes[s->write_cnt++] = (struct history_write){offset, (uint32_t)from, (uint32_t)(out->len - from)};
}

/* ---- days ---- */

static uint64_t upto(int64_t v, uint64_t most)
{
	return v < 0 ? 0 : (uint64_t)v > most ? most : (uint64_t)v;
}

static void put_le(uint8_t *at, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static void day_encode(const struct history_day *d, uint8_t row[DAY_ROW_BYTES])
{
	put_le(row, upto(d->day, 0xffff), 2);
	put_le(row + 2, upto(d->calls, 0xffffff), 3);
	put_le(row + 5, upto(d->answered, 0xffffff), 3);
	put_le(row + 8, upto(d->talk_s, 0xffffff), 3);
	put_le(row + 11, upto(d->judged, 0xffff), 2);
	put_le(row + 13, upto(d->unknown, 0xff), 1);
	put_le(row + 14, day_check(row), 2);
}

/* Rows that follow each other go as one write. */
static void place_day(struct history_stage *s, const struct history_day *d)
{
	uint8_t row[DAY_ROW_BYTES];
	uint32_t offset = TABLE_BYTES + (uint32_t)(upto(d->day, 0xffff) % HISTORY_DAYS) * DAY_ROW_BYTES, from = (uint32_t)s->placed.len;
	struct history_write *last = s->write_cnt ? &s->writes[s->write_cnt - 1] : NULL;
	day_encode(d, row);
	buf_put(&s->placed, row, sizeof row);
	if (last && last->offset + last->len == offset && last->from + last->len == from)
		last->len += DAY_ROW_BYTES;
	else
		s->writes[s->write_cnt++] = (struct history_write){offset, from, DAY_ROW_BYTES};
}

void history_place(struct history_stage *s, struct history_head *h, bool begins)
{
	if (begins) {
		if (!fits(h, EPISODE_ROOM))
			begin_segment(h);
		h->pinned = h->slot;
	}
	for (uint32_t i = 0; i < s->cnt; i++)
		place(s, h, &s->of[i]);
	h->entry_cnt += s->lost;
	for (uint32_t i = 0; i < s->day_cnt; i++)
		place_day(s, &s->days[i]);
	if (s->has_row) {
		s->writes[s->write_cnt++] = (struct history_write){s->row_at, (uint32_t)s->placed.len, CASE_ROW_BYTES};
		buf_put(&s->placed, s->row, CASE_ROW_BYTES);
	}
}

/* ---- the head ---- */

bool history_head_plain(const struct history_head *h)
{
	return h->segment == 0;
}

void history_head_encode(const struct history_head *h, struct buf *out)
{
	buf_put_varint(out, h->entry_cnt);
	buf_put_varint(out, h->segment);
	buf_put_varint(out, h->used);
	buf_put_u8(out, (uint8_t)(h->slot | h->pinned << 4));
	buf_put_varint(out, h->finished);
	buf_put_zigzag(out, h->told_day);
}

void history_head_decode(struct reader *r, struct history_head *h)
{
	uint64_t entries = reader_varint(r), segment = reader_varint(r), used = reader_varint(r);
	uint8_t places = reader_u8(r);
	uint64_t finished = reader_varint(r);
	int64_t told_day = reader_zigzag(r);
	*h = (struct history_head){(uint32_t)entries, (uint32_t)segment,  (uint16_t)used,   places & 15,
				   places >> 4,       (uint16_t)finished, (int32_t)told_day};
	if (told_day < -1000000 || told_day > 100000000 || finished > CASE_COUNT_MAX || entries > UINT32_MAX || segment == 0 ||
	    segment > UINT32_MAX || used > SEGMENT_BYTES || h->slot >= HISTORY_SEGMENTS || h->pinned > HISTORY_SEGMENTS)
		r->bad = true;
}
