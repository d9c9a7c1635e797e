/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of a history; history.c draws the layout and says what holds. */
#include "rules/history_fields.h"
#include "rules/history_layout.h"

#include <stdlib.h>

/* ---- days ---- */

static int64_t get_le(const uint8_t *at, int bytes)
{
	uint64_t v = 0;
	for (int i = bytes - 1; i >= 0; i--)
		v = v << 8 | at[i];
	return (int64_t)v;
}

static int by_day(const void *a, const void *b)
{
	const struct history_day *x = a, *y = b;
	return (x->day > y->day) - (x->day < y->day);
}

/* False: a row has a wrong check. Rows of a lap before are left out: they are older than all that are kept. */
static bool read_rows(struct slice value, struct arena *a, struct history *out)
{
	struct history_day *days = arena_alloc(a, HISTORY_DAYS * sizeof *days);
	int64_t newest = INT64_MIN;
	uint32_t n = 0, kept = 0;
	bool good = true;
	for (uint32_t i = 0; i < HISTORY_DAYS && TABLE_BYTES + (i + 1) * DAY_ROW_BYTES <= value.len; i++) {
		const uint8_t *row = (const uint8_t *)value.p + TABLE_BYTES + (size_t)i * DAY_ROW_BYTES;
		if (get_le(row + 14, 2) == 0)
			continue;
		if (get_le(row + 14, 2) != day_check(row)) {
			good = false;
			continue;
		}
		days[n] = (struct history_day){get_le(row, 2),     get_le(row + 2, 3),  get_le(row + 5, 3),
					       get_le(row + 8, 3), get_le(row + 11, 2), get_le(row + 13, 1)};
		newest = days[n].day > newest ? days[n].day : newest;
		n++;
	}
	for (uint32_t i = 0; i < n; i++)
		if (days[i].day > newest - HISTORY_DAYS)
			days[kept++] = days[i];
	if (kept)
		qsort(days, kept, sizeof *days, by_day);
	out->days = days;
	out->day_cnt = kept;
	return good;
}

/* ---- entries ---- */

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
		size_t from = HEAD_BYTES + (size_t)slot * SEGMENT_BYTES;
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
	damaged = !read_rows(value, a, out) || damaged;
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
