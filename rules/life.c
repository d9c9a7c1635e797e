/* SPDX-License-Identifier: Apache-2.0 */
/* Stored forms of what life.h has.
 *
 *   life      flags (1 byte: 1 before, 2 first rest, 4 breach, 8 block, 16 begin), before (1 byte), times (zig-zag, the first, then behind it), block's calls and
 *             answered, apart, days (varint); of each: day (zig-zag), flags (1 byte: 1 before, 2 open), said (1 byte), its end if open, calls, fresh
 *   contacts  flags (1 byte: 1 incomplete), exact (varint, then 7 bytes each), prints (varint, then 4 bytes each, ascending),
 *             listed (varint, then 7 bytes and 1 byte each: removed)
 *
 * Equal values give equal bytes; any bytes decode to values that hold together or are refused. */
#include "rules/life.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { HAS_BEFORE = 1, HAS_REST = 2, HAS_BREACH = 4, HAS_BLOCK = 8, HAS_BEGIN = 16, HAS_ALL = 31 };
enum { DAY_BEFORE = 1, DAY_OPEN = 2 };

const char *violation_name(enum violation v)
{
	static const char *const names[] = {
#define X(n, name) name,
		VIOLATIONS(X)
#undef X
	};
	return names[v];
}

void life_init(struct life *l)
{
	*l = (struct life){
		.before_ms = TIME_NONE, .rest_first_ms = TIME_NONE, .breach_ms = TIME_NONE, .block_ms = TIME_NONE, .begin_ms = TIME_NONE};
}

bool life_is_plain(const struct life *l)
{
	return l->before_ms == TIME_NONE && l->rest_first_ms == TIME_NONE && l->breach_ms == TIME_NONE && l->block_ms == TIME_NONE &&
	       l->begin_ms == TIME_NONE && l->apart == 0 && l->day_cnt == 0;
}

static uint32_t read_count(struct reader *r)
{
	uint64_t n = reader_varint(r);
	if (n > UINT32_MAX)
		r->bad = true;
	return (uint32_t)n;
}

static int day_order(const struct life_day *a, const struct life_day *b)
{
	return a->day != b->day ? (a->day > b->day) - (a->day < b->day) : b->before - a->before;
}

/* So far from both ends of time that sums of them hold. */
static int64_t read_time(struct reader *r, bool there)
{
	int64_t t = there ? reader_zigzag(r) : 0;
	if (t > INT64_MAX / 4 || t < -(INT64_MAX / 4))
		r->bad = true;
	return there ? t : TIME_NONE;
}

static void decode_day(struct reader *r, struct life_day *d)
{
	int64_t day = reader_zigzag(r);
	uint8_t flags = reader_u8(r);
	*d = (struct life_day){.day = (int32_t)day, .before = flags & DAY_BEFORE, .said = reader_u8(r)};
	d->end_ms = read_time(r, flags & DAY_OPEN);
	d->calls = read_count(r);
	d->fresh = read_count(r);
	if (day < -4000000 || day > 4000000 || flags > 3 || d->said >> VIOLATION_CNT || d->fresh > d->calls)
		r->bad = true;
}

void life_decode(struct reader *r, struct life *l)
{
	uint8_t has = reader_u8(r), before = reader_u8(r);
	life_init(l);
	l->before = (enum phase)before;
	l->before_ms = read_time(r, has & HAS_BEFORE);
	l->rest_first_ms = read_time(r, has & HAS_REST);
	l->breach_ms = read_time(r, has & HAS_BREACH);
	l->block_ms = read_time(r, has & HAS_BLOCK);
	l->begin_ms = read_time(r, has & HAS_BEGIN);
	l->block_calls = read_count(r);
	l->block_answered = read_count(r);
	l->apart = read_count(r);
	uint32_t n = read_count(r);
	if (has > HAS_ALL || before >= PHASE_CNT || (before && !(has & HAS_BEFORE)) || n > LIFE_DAYS || l->block_answered > l->block_calls)
		r->bad = true;
	for (; !r->bad && l->day_cnt < n; l->day_cnt++) {
		struct life_day *d = &l->days[l->day_cnt];
		decode_day(r, d);
		if (l->day_cnt > 0 && day_order(d - 1, d) >= 0)
			r->bad = true;
	}
	if (life_is_plain(l))
		r->bad = true;
}

void life_encode(const struct life *l, struct buf *out)
{
	const int64_t times[] = {l->before_ms, l->rest_first_ms, l->breach_ms, l->block_ms, l->begin_ms};
	int has = 0;
	for (int i = 0; i < 5; i++)
		has |= (times[i] != TIME_NONE) << i;
	buf_put_u8(out, (uint8_t)has);
	buf_put_u8(out, l->before_ms == TIME_NONE ? 0 : (uint8_t)l->before);
	for (int i = 0; i < 5; i++)
		if (times[i] != TIME_NONE)
			buf_put_zigzag(out, times[i]);
	buf_put_varint(out, l->block_calls);
	buf_put_varint(out, l->block_answered);
	buf_put_varint(out, l->apart);
	buf_put_varint(out, l->day_cnt);
	for (uint32_t i = 0; i < l->day_cnt; i++) {
		const struct life_day *d = &l->days[i];
		buf_put_zigzag(out, d->day);
		buf_put_u8(out, (uint8_t)((d->before ? DAY_BEFORE : 0) | (d->end_ms != TIME_NONE ? DAY_OPEN : 0)));
		buf_put_u8(out, d->said);
		if (d->end_ms != TIME_NONE)
			buf_put_zigzag(out, d->end_ms);
		buf_put_varint(out, d->calls);
		buf_put_varint(out, d->fresh);
	}
}

int64_t life_due(const struct life *l, int64_t until_ms)
{
	int64_t due = TIME_NONE;
	if (l->block_ms != TIME_NONE && l->block_ms + BLOCK_MS <= until_ms)
		due = l->block_ms + BLOCK_MS;
	for (uint32_t i = 0; i < l->day_cnt; i++)
		if (l->days[i].end_ms != TIME_NONE && (due == TIME_NONE || l->days[i].end_ms < due))
			due = l->days[i].end_ms;
	return due;
}

/* ---- contacts ---- */

static uint64_t read_packed(struct reader *r)
{
	uint64_t low = reader_u32(r), high = reader_u8(r);
	high |= (uint64_t)reader_u8(r) << 8;
	high |= (uint64_t)reader_u8(r) << 16;
	if (!low && !high)
		r->bad = true;
	return low | high << 32;
}

static void put_packed(struct buf *out, uint64_t called)
{
	buf_put_u32(out, (uint32_t)called);
	for (int shift = 32; shift < 56; shift += 8)
		buf_put_u8(out, (uint8_t)(called >> shift));
}

static uint32_t print_of(uint64_t called)
{
	return (uint32_t)hash64(&called, sizeof called, 0x636f6e74);
}

/* The place of a print, or where it would go. */
static uint32_t print_place(const struct contacts *c, uint32_t print)
{
	uint32_t lo = 0, hi = c->print_cnt;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (c->print[mid] < print)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t exact_place(const struct contacts *c, uint64_t called)
{
	uint32_t i = 0;
	while (i < c->cnt && c->exact[i] != called)
		i++;
	return i;
}

static uint32_t listed_place(const struct contacts *c, uint64_t called)
{
	uint32_t i = 0;
	while (i < c->listed_cnt && c->listed[i].called != called)
		i++;
	return i;
}

bool contacts_have(const struct contacts *c, uint64_t called)
{
	uint32_t listed = listed_place(c, called);
	if (listed < c->listed_cnt)
		return !c->listed[listed].removed;
	uint32_t print = print_of(called), at = print_place(c, print);
	return exact_place(c, called) < c->cnt || (at < c->print_cnt && c->print[at] == print);
}

static void add_print(struct contacts *c, uint64_t called)
{
	uint32_t print = print_of(called), at = print_place(c, print);
	if (at < c->print_cnt && c->print[at] == print)
		return;
	if (c->print_cnt == CONTACT_PRINTS) {
		c->incomplete = true;
		return;
	}
	memmove(&c->print[at + 1], &c->print[at], (c->print_cnt - at) * sizeof c->print[0]);
	c->print[at] = print;
	c->print_cnt++;
}

void contacts_add(struct contacts *c, uint64_t called)
{
	uint32_t at = exact_place(c, called);
	if (at == CONTACTS_EXACT)
		add_print(c, c->exact[--at]);
	else if (at == c->cnt)
		c->cnt++;
	memmove(&c->exact[1], &c->exact[0], at * sizeof c->exact[0]);
	c->exact[0] = called;
}

bool contacts_removed(const struct contacts *c, uint64_t called)
{
	uint32_t i = listed_place(c, called);
	return i < c->listed_cnt && c->listed[i].removed;
}

bool contacts_list(struct contacts *c, uint64_t called, bool removed)
{
	uint32_t i = listed_place(c, called);
	if (i == CONTACTS_LISTED)
		return false;
	c->listed_cnt += i == c->listed_cnt;
	c->listed[i] = (struct listed_contact){called, removed};
	return true;
}

void contacts_meet(struct contacts *c, uint64_t called)
{
	uint32_t i = listed_place(c, called);
	if (i < c->listed_cnt && c->listed[i].removed)
		memmove(&c->listed[i], &c->listed[i + 1], (--c->listed_cnt - i) * sizeof c->listed[0]);
	contacts_add(c, called);
}

void contacts_forget(struct contacts *c)
{
	c->cnt = c->print_cnt = 0;
	c->incomplete = false;
}

bool contacts_are_plain(const struct contacts *c)
{
	return c->cnt == 0 && c->print_cnt == 0 && c->listed_cnt == 0 && !c->incomplete;
}

void contacts_decode(struct reader *r, struct contacts *c)
{
	uint8_t flags = reader_u8(r);
	uint32_t cnt = read_count(r);
	c->incomplete = flags & 1;
	c->cnt = c->print_cnt = c->listed_cnt = 0;
	if (flags > 1 || cnt > CONTACTS_EXACT)
		r->bad = true;
	while (!r->bad && c->cnt < cnt)
		c->exact[c->cnt++] = read_packed(r);
	cnt = read_count(r);
	if (cnt > CONTACT_PRINTS)
		r->bad = true;
	while (!r->bad && c->print_cnt < cnt) {
		uint32_t print = reader_u32(r);
		if (c->print_cnt > 0 && print <= c->print[c->print_cnt - 1])
			r->bad = true;
		c->print[c->print_cnt++] = print;
	}
	cnt = read_count(r);
	if (cnt > CONTACTS_LISTED)
		r->bad = true;
	while (!r->bad && c->listed_cnt < cnt) {
		uint64_t called = read_packed(r);
		uint8_t removed = reader_u8(r);
		if (removed > 1 || listed_place(c, called) < c->listed_cnt)
			r->bad = true;
		c->listed[c->listed_cnt++] = (struct listed_contact){called, removed};
	}
	if (contacts_are_plain(c))
		r->bad = true;
}

void contacts_encode(const struct contacts *c, struct buf *out)
{
	buf_put_u8(out, c->incomplete);
	buf_put_varint(out, c->cnt);
	for (uint32_t i = 0; i < c->cnt; i++)
		put_packed(out, c->exact[i]);
	buf_put_varint(out, c->print_cnt);
	for (uint32_t i = 0; i < c->print_cnt; i++)
		buf_put_u32(out, c->print[i]);
	buf_put_varint(out, c->listed_cnt);
	for (uint32_t i = 0; i < c->listed_cnt; i++) {
		put_packed(out, c->listed[i].called);
		buf_put_u8(out, c->listed[i].removed);
	}
}
