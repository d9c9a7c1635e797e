/* SPDX-License-Identifier: Apache-2.0 */
/* The value that holds the history of a number: a ring of four segments.
 *
 *   0      table      256 bytes: finished episodes (case_study.c)
 *   256    segment 0  4,032 bytes each
 *   4288   segment 1
 *   8320   segment 2
 *   12352  segment 3  to 16,384
 *
 *   segment  version (1 byte: 1), its number (4: segments begun before it, and itself), entries ever before it (4), entries, 00 00
 *   entry    length of what follows, check left out (2), kind (1), time (zig-zag), fields of the kind, check (4)
 *
 * DESIGN. Appending is blind: the writer knows from the record where the next entry goes and sends its bytes alone, so neither the CDR path nor a
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
#include "rules/turn.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define HISTORY_VERSION 1
#define TABLE_BYTES (CASE_ROWS * CASE_ROW_BYTES)
#define SEGMENT_BYTES ((HISTORY_BYTES_MAX - TABLE_BYTES) / HISTORY_SEGMENTS)
#define SEGMENT_HEAD 9
#define ENTRY_BYTES_MAX 1000 /* kind to fields */
#define ENTRY_FRAME 6        /* length and check */
#define EPISODE_ROOM 1536    /* less than this left: an episode begins in a fresh segment */
#define FIGURE_TEXT_MAX 100
#define FIXED_BYTES 80 /* what the fields of a kind that are no texts and no lists take at most */

_Static_assert(TABLE_BYTES + HISTORY_SEGMENTS * SEGMENT_BYTES <= HISTORY_BYTES_MAX, "the ceiling");

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
	{HISTORY_DAY, FIELD_DAY, AT(day.day), "day"},
	{HISTORY_DAY, FIELD_INT, AT(day.calls), "calls"},
	{HISTORY_DAY, FIELD_INT, AT(day.answered), "answered"},
	{HISTORY_DAY, FIELD_INT, AT(day.talk_s), "talk_s"},
	{HISTORY_DAY, FIELD_INT, AT(day.judged), "judged"},
	{HISTORY_DAY, FIELD_INT, AT(day.known), "known"},
	{HISTORY_DAY, FIELD_INT, AT(day.unknown), "unknown"},
	{HISTORY_PAST_DAYS, FIELD_DAYS, AT(past_days), "days"},
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

static void put_count(struct buf *out, int64_t n)
{
	buf_put_varint(out, n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint64_t)n);
}

static void put_days(struct buf *out, const struct history_entry *e)
{
	assert(e->past_days.cnt <= HISTORY_DAYS_MAX);
	buf_put_zigzag(out, e->past_days.first);
	buf_put_varint(out, e->past_days.cnt);
	for (uint32_t i = 0; i < e->past_days.cnt; i++) {
		put_count(out, e->past_days.of[i].calls);
		put_count(out, e->past_days.of[i].answered);
		put_count(out, e->past_days.of[i].talk_s);
	}
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
	case FIELD_DAYS:
		put_days(out, e);
		break;
	}
}

/* ---- staging ---- */

void history_stage_reset(struct history_stage *s)
{
	buf_reset(&s->bytes);
	buf_reset(&s->placed);
	s->cnt = s->lost = s->write_cnt = 0;
	s->keep = s->has_row = false;
}

void history_stage_release(struct history_stage *s)
{
	buf_release(&s->bytes);
	buf_release(&s->placed);
	buf_release(&s->text);
}

static bool in_episode(enum phase p)
{
	return p == PHASE_REST || p == PHASE_LIMITED || p == PHASE_MODERATE;
}

/* Whatever the number is in when the turn ends. */
static bool always_kept(const struct history_entry *e)
{
	return (e->kind == HISTORY_FLAG_CLEARED && !slice_is(e->flag.provider, FLAG_OF_RULES)) || e->kind == HISTORY_NOTE ||
	       e->kind == HISTORY_CHECK ||
	       (e->kind == HISTORY_TRANSITION && (in_episode(e->transition.from) || in_episode(e->transition.to)));
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

void history_stage_row(struct history_stage *s, const struct case_row *row, uint32_t finished_before)
{
	s->has_row = true;
	s->row_at = finished_before % CASE_ROWS * CASE_ROW_BYTES;
	case_row_encode(row, s->row);
}

static uint32_t offset_of(const struct history_head *h)
{
	return TABLE_BYTES + (uint32_t)h->slot * SEGMENT_BYTES + h->used;
}

static uint32_t check_of(const void *p, size_t len, uint32_t segment)
{
	return (uint32_t)hash64(p, len, segment);
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
	if (s->has_row) {
		s->writes[s->write_cnt++] = (struct history_write){s->row_at, (uint32_t)s->placed.len, CASE_ROW_BYTES};
		buf_put(&s->placed, s->row, CASE_ROW_BYTES);
	}
}

void history_add(struct turn *t, const struct history_entry *e)
{
	if (t->subject->kind != SUBJECT_NUMBER || (t->policy && !t->managed))
		return;
	history_stage_entry(&t->s->history, e);
	if (t->state->episode.number) {
		episode_count(&t->state->episode, e);
		t->state->changed = true;
	}
}

void history_alert(struct turn *t, enum event_kind kind, const struct event_alert *a, int64_t at_ms)
{
	if (kind != EVENT_ALERT_RAISED && kind != EVENT_ALERT_RESOLVED)
		return;
	bool raised = kind == EVENT_ALERT_RAISED;
	history_add(
		t,
		&(struct history_entry){
			.time_ms = at_ms,
			.kind = raised ? HISTORY_ALERT_RAISED : HISTORY_ALERT_RESOLVED,
			.alert = {a->rule, a->severity, a->mode, a->rule_source, a->since_ms, {a->figures, raised ? a->figure_cnt : 0}}});
}

void history_flag(struct turn *t, bool opened, const struct event_flag *f, struct slice by, struct slice note, int64_t at_ms)
{
	history_add(t, &(struct history_entry){.time_ms = at_ms,
					       .kind = opened ? HISTORY_FLAG_OPENED : HISTORY_FLAG_CLEARED,
					       .flag = {f->provider, f->carrier, f->label, by, SLICE_NONE, note, f->since_ms}});
}

void history_violation(struct turn *t, const struct event *said, int64_t day)
{
	const struct event_violation *v = &said->violation;
	history_add(t, &(struct history_entry){.time_ms = said->time_ms,
					       .kind = HISTORY_VIOLATION,
					       .violation = {.phase = v->phase,
							     .policy = slice_of(v->policy),
							     .day = day,
							     .limit = v->limit,
							     .value = v->value,
							     .consequence = v->consequence}});
}

void history_again(struct turn *t, int64_t at_ms, const char *reason, struct slice detail)
{
	history_add(t, &(struct history_entry){.time_ms = at_ms,
					       .kind = HISTORY_NOTE,
					       .note = {arena_printf(&t->s->arena, "quarantine asked for again by a %s: " SLICE_FMT, reason,
								     SLICE_ARG(detail)),
							t->by}});
}

/* ---- days ---- */

#define DAY_WAITS_MS (6 * HOUR_MS) /* a day is told so long after its end: late calls belong to it */

/* What the phase judged of that day, if it is known still. */
static void add_day(struct turn *t, const struct day_total *d)
{
	struct history_entry e = {.time_ms = t->now_ms,
				  .kind = HISTORY_DAY,
				  .day = {.day = d->day,
					  .calls = (int64_t)d->calls,
					  .answered = (int64_t)d->answered,
					  .talk_s = (int64_t)(d->talk_ms / 1000)}};
	for (uint32_t i = 0; i < t->state->life.day_cnt; i++) {
		const struct life_day *l = &t->state->life.days[i];
		if (l->day != d->day)
			continue;
		e.day.judged += l->calls;
		e.day.known += l->calls - l->fresh;
		e.day.unknown += l->fresh;
	}
	history_add(t, &e);
}

/* The days up to `last` that are not told yet. */
static void tell_days(struct turn *t, int64_t last)
{
	struct history_head *h = &t->state->history;
	struct day_total days[DAY_TOTALS_MAX];
	if (last <= h->told_day)
		return;
	uint32_t n = figures_days(t->figures, t->zone, days);
	for (uint32_t i = 0; i < n; i++)
		if (days[i].day > h->told_day && days[i].day <= last && days[i].calls > 0)
			add_day(t, &days[i]);
	h->told_day = (int32_t)last;
}

void history_tell_days(struct turn *t)
{
	if (t->state->episode.number)
		tell_days(t, judge_local_day(t, t->now_ms - DAY_WAITS_MS) - 1);
}

void history_tell_today(struct turn *t)
{
	tell_days(t, judge_local_day(t, t->now_ms));
}

void history_tell_past_days(struct turn *t, int64_t at_ms)
{
	struct day_total days[DAY_TOTALS_MAX];
	struct history_day *of = arena_alloc(&t->s->arena, DAY_TOTALS_MAX * sizeof *of);
	uint32_t n = figures_days(t->figures, t->zone, days), from = 0;
	t->state->history.told_day = (int32_t)judge_local_day(t, at_ms) - 1;
	while (from < n && (days[from].calls == 0 || days[from].partly))
		from++;
	if (from == n)
		return;
	for (uint32_t i = from; i < n; i++)
		of[i - from] = (struct history_day){(int64_t)days[i].calls, (int64_t)days[i].answered, (int64_t)(days[i].talk_ms / 1000)};
	history_add(t, &(struct history_entry){.time_ms = at_ms,
					       .kind = HISTORY_PAST_DAYS,
					       .past_days = {.first = days[from].day, .cnt = n - from, .of = of}});
}

static bool flagged_from_outside(const struct state *s)
{
	for (uint32_t i = 0; i < s->flag_cnt; i++)
		if (!slice_is(s->flags[i].provider, FLAG_OF_RULES))
			return true;
	return false;
}

void history_turn_end(struct turn *t)
{
	struct history_stage *s = &t->s->history;
	const struct state *now = t->state;
	if (s->cnt + s->has_row == 0 || !(s->keep || in_episode(now->phase.phase) || flagged_from_outside(now)))
		return;
	history_place(s, &t->state->history, now->phase.episode != t->episode_before);
	t->state->changed = true;
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
	if (told_day < -1000000 || told_day > 100000000 || finished > UINT16_MAX || entries > UINT32_MAX || segment == 0 ||
	    segment > UINT32_MAX || used > SEGMENT_BYTES || h->slot >= HISTORY_SEGMENTS || h->pinned > HISTORY_SEGMENTS)
		r->bad = true;
}

/* ---- reading ---- */

static int64_t read_time(struct reader *r)
{
	uint8_t there = reader_u8(r);
	if (there > 1)
		r->bad = true;
	return there ? reader_zigzag(r) : TIME_NONE;
}

static void read_value(struct reader *r, struct value *v)
{
	uint8_t type = reader_u8(r);
	uint64_t bits;
	*v = (struct value){.type = (enum value_type)type};
	switch (type) {
	case VALUE_INT:
		v->i = reader_zigzag(r);
		break;
	case VALUE_DOUBLE:
		bits = reader_u64(r);
		memcpy(&v->d, &bits, sizeof bits);
		break;
	case VALUE_BOOL:
		v->b = reader_u8(r) != 0;
		break;
	case VALUE_STRING:
		v->s = reader_slice(r);
		break;
	default:
		r->bad = true;
	}
}

static void read_figures(struct reader *r, struct history_figures *f, struct arena *a)
{
	uint8_t cnt = reader_u8(r);
	if (cnt > HISTORY_FIGURES_MAX) {
		r->bad = true;
		cnt = 0;
	}
	struct event_figure *of = arena_zalloc(a, (cnt + 1u) * sizeof *of);
	for (uint32_t i = 0; i < cnt && !r->bad; i++) {
		of[i].text = reader_slice(r);
		read_value(r, &of[i].value);
	}
	*f = (struct history_figures){of, cnt};
}

static void read_days(struct reader *r, struct history_entry *e, struct arena *a)
{
	e->past_days.first = reader_zigzag(r);
	uint64_t cnt = reader_varint(r);
	if (cnt > HISTORY_DAYS_MAX) {
		r->bad = true;
		cnt = 0;
	}
	struct history_day *of = arena_zalloc(a, (cnt + 1) * sizeof *of);
	for (uint64_t i = 0; i < cnt; i++) {
		of[i].calls = (uint32_t)reader_varint(r);
		of[i].answered = (uint32_t)reader_varint(r);
		of[i].talk_s = (uint32_t)reader_varint(r);
	}
	e->past_days.cnt = (uint32_t)cnt;
	e->past_days.of = of;
}

static void read_field(struct reader *r, struct history_entry *e, const struct history_field *f, struct arena *a)
{
	void *at = (char *)e + f->offset;
	uint8_t phase;
	switch ((enum history_field_type)f->type) {
	case FIELD_INT:
	case FIELD_DAY:
		*(int64_t *)at = reader_zigzag(r);
		break;
	case FIELD_PHASE:
		phase = reader_u8(r);
		r->bad = r->bad || phase >= PHASE_CNT;
		*(enum phase *)at = phase < PHASE_CNT ? (enum phase)phase : PHASE_ACTIVE;
		break;
	case FIELD_TIME:
		*(int64_t *)at = read_time(r);
		break;
	case FIELD_TEXT:
		*(struct slice *)at = reader_slice(r);
		break;
	case FIELD_VALUE:
		read_value(r, at);
		break;
	case FIELD_FIGURES:
		read_figures(r, at, a);
		break;
	case FIELD_DAYS:
		read_days(r, e, a);
		break;
	}
}

struct segment {
	uint32_t number, before, slot;
	const uint8_t *from;
	struct reader in; /* its entries */
};

static int by_number(const void *x, const void *y)
{
	const struct segment *a = x, *b = y;
	return (a->number > b->number) - (a->number < b->number);
}

/* False: the kind is not known to this version. */
static bool read_entry(struct reader *r, struct history_entry *e, struct arena *a)
{
	memset(e, 0, sizeof *e);
	e->kind = (enum history_kind)reader_u8(r);
	e->time_ms = reader_zigzag(r);
	if (!history_kind_name(e->kind))
		return false;
	for (uint32_t i = 0; i < history_field_cnt; i++)
		if (history_fields[i].kind == e->kind)
			read_field(r, e, &history_fields[i], a);
	if (e->kind == HISTORY_FLAG_OPENED)
		e->flag.since_ms = e->time_ms;
	return true; /* what follows was added by a newer version */
}

struct reading {
	struct arena *a;
	struct history_entry *entries;
	uint32_t cnt, cap;
	struct history *out;
};

/* Entries up to the end mark. False: damaged. */
static bool read_segment(struct reading *g, struct segment *s, uint32_t *found)
{
	struct reader *in = &s->in;
	while (reader_left(in) >= ENTRY_FRAME) {
		uint32_t len = reader_u8(in);
		len |= (uint32_t)reader_u8(in) << 8;
		if (len == 0)
			return true;
		const uint8_t *p = reader_take(in, len);
		uint32_t check = reader_u32(in);
		if (!p || in->bad || len > ENTRY_BYTES_MAX || check != check_of(p, len, s->number) || g->cnt == g->cap)
			return false;
		struct reader r = reader_of(p, len);
		struct history_entry *e = &g->entries[g->cnt];
		++*found;
		if (!read_entry(&r, e, g->a))
			g->out->unknown++;
		else if (r.bad)
			return false;
		else
			g->cnt++;
		g->out->head.used = (uint16_t)(in->p - s->from);
	}
	return true;
}

/* The segments that there are, in the order in which they were begun. */
static uint32_t find_segments(struct slice value, struct segment *segments, bool *newer)
{
	uint32_t n = 0;
	for (uint32_t slot = 0; slot < HISTORY_SEGMENTS; slot++) {
		size_t from = TABLE_BYTES + (size_t)slot * SEGMENT_BYTES;
		if (value.len <= from)
			break;
		size_t len = value.len - from < SEGMENT_BYTES ? value.len - from : SEGMENT_BYTES;
		/* what the value leaves out at its end reads as the end mark */
		struct segment s = {.slot = slot, .from = (const uint8_t *)value.p + from, .in = reader_of(value.p + from, len)};
		uint8_t version = reader_u8(&s.in);
		s.number = reader_u32(&s.in);
		s.before = reader_u32(&s.in);
		if (version == 0)
			continue;
		*newer = *newer || version > HISTORY_VERSION;
		if (version == HISTORY_VERSION && !s.in.bad)
			segments[n++] = s;
	}
	qsort(segments, n, sizeof *segments, by_number);
	return n;
}

enum err history_read(struct slice value, struct arena *a, struct history *out, struct err_text *why)
{
	struct segment segments[HISTORY_SEGMENTS];
	bool newer = false, damaged = value.len > HISTORY_BYTES_MAX;
	uint32_t found = 0, ever = 0;
	*out = (struct history){.head.pinned = HISTORY_SEGMENTS};
	if (value.len > HISTORY_BYTES_MAX)
		value.len = HISTORY_BYTES_MAX;
	uint32_t n = find_segments(value, segments, &newer);
	struct reading g = {.a = a, .cap = value.len / (ENTRY_FRAME + 2) + 1, .out = out};
	g.entries = arena_alloc(a, g.cap * sizeof *g.entries);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t before = found;
		damaged = !read_segment(&g, &segments[i], &found) || damaged || (i > 0 && segments[i].number == segments[i - 1].number);
		ever = segments[i].before + (found - before);
		out->head.segment = segments[i].number;
		out->head.slot = (uint8_t)segments[i].slot;
	}
	out->head.entry_cnt = ever;
	out->entries = g.entries;
	out->cnt = g.cnt;
	out->dropped = ever > found ? ever - found : 0;
	if (newer)
		return err_set(why, ERR_CORRUPT,
			       "a part of the history has a form that this program does not know: a newer version wrote it");
	return damaged ? err_set(why, ERR_CORRUPT, "the history is damaged: an entry has a wrong check") : ERR_OK;
}
