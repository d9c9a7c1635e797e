/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a subject: a call made, a call received, a flag; and when its record ends. */
#include "scoring/subject.h"
#include "scoring/blocks.h"

#include <stdlib.h>

enum subject_kind subject_kind_of(struct slice key)
{
	if (key.len && key.p[0] == 'a')
		return SUBJECT_ACCOUNT;
	if (key.len && key.p[0] == 't')
		return SUBJECT_TRUNK;
	return key.len && key.p[0] == 'b' ? SUBJECT_BLOCK : SUBJECT_NUMBER;
}

/* ---- memory ---- */

void subject_drop_heap(struct subject *s)
{
	if (s->history)
		calls_release_deep(s->history);
	if (s->received)
		received_release_deep(s->received);
	marks_free(s->marks);
	image_free(s->image);
	s->marks = NULL;
	s->image = NULL;
}

void subject_drop(struct slab *m, struct subject *s)
{
	calls_free(m, s->history);
	received_free(m, s->received);
	marks_free(s->marks);
	image_free(s->image);
	if (s->state)
		slab_give_fixed(m, s->state, s->state_len);
	s->history = NULL;
	s->received = NULL;
	s->marks = NULL;
	s->image = NULL;
	s->state = NULL;
}

void subject_release(struct subject *s)
{
	subject_drop(NULL, s);
}

void subject_move_in(struct subject *s)
{
	if (s->history)
		s->history->home = &s->history;
	if (s->received)
		s->received->home = &s->received;
}

int64_t subject_heap_bytes(const struct subject *s)
{
	return (s->history ? calls_deep_bytes(s->history) : 0) + (s->received ? received_deep_bytes(s->received) : 0) +
	       marks_bytes(s->marks) + image_bytes(s->image);
}

int64_t subject_stored_bytes(const struct subject *s)
{
	int64_t n = 64 + s->state_len;
	if (s->history)
		n += s->history->deep ? 4096 : 25 * (int64_t)s->history->cnt; /* deep: the blocks that change */
	if (s->received)
		n += s->received->deep ? 4096 : 12 * (int64_t)s->received->cnt;
	return n;
}

/* ---- calls made ---- */

static void seen_at(struct subject *s, int64_t event_ms)
{
	if (s->first_seen_ms == TIME_NONE || event_ms < s->first_seen_ms)
		s->first_seen_ms = event_ms;
}

static void put_lifetime(struct table *t, struct subject *s, const struct facts *f)
{
	seen_at(s, f->end_ms);
	s->calls++;
	s->answered += f->counts >> COUNT_ANSWERED & 1;
	s->talk_ms = f->talk_ms > UINT64_MAX - s->talk_ms ? UINT64_MAX : s->talk_ms + f->talk_ms;
	table_mark(t, s);
}

static void put_call(struct table *t, struct subject *s, const struct facts *f, uint64_t caller, bool late)
{
	if (!late)
		s->clock_ms = f->end_ms;
	if (!s->history)
		calls_new(table_slab(t), (void **)&s->history, 2, subject_is_cohort(s), s->clock_ms - WINDOW_MAX_MS - 1);
	int64_t before = s->history->cnt >= CALLS_EXACT ? calls_deep_bytes(s->history) : 0;
	bool deep = s->history->cnt >= CALLS_EXACT;
	calls_add(table_slab(t), s->history, f, caller, s->clock_ms);
	if (deep)
		table_account(t, calls_deep_bytes(s->history) - before);
	/* copies come in an order of their own: whether one is late says nothing of its cohort */
	s->late += late && !subject_is_cohort(s);
	put_lifetime(t, s, f);
}

static enum call_fate fate_of(const struct subject *s, int64_t event_ms, int64_t allowed_lateness_ms, bool *late)
{
	*late = s->clock_ms != TIME_NONE && event_ms < s->clock_ms;
	if (!*late)
		return CALL_APPLIED;
	if (event_ms <= s->clock_ms - WINDOW_MAX_MS)
		return CALL_TOO_LATE;
	return event_ms < s->clock_ms - allowed_lateness_ms ? CALL_LATE_KEPT : CALL_APPLIED;
}

enum call_fate subject_add_own(struct table *t, struct subject *s, const struct facts *f, int64_t allowed_lateness_ms, bool *late)
{
	enum call_fate fate = fate_of(s, f->end_ms, allowed_lateness_ms, late);
	if (fate == CALL_TOO_LATE)
		return fate;
	if (s->history && calls_has(s->history, f->end_ms, f->id_hash))
		return CALL_DUPLICATE;
	put_call(t, s, f, 0, *late);
	return fate;
}

enum call_fate subject_add_call(struct table *t, struct subject *s, const struct cdr *c, int64_t allowed_lateness_ms, bool *late)
{
	struct facts f;
	facts_of(c, &f);
	return subject_add_own(t, s, &f, allowed_lateness_ms, late);
}

enum call_fate subject_add_copy(struct table *t, struct subject *s, const struct facts *f, uint64_t caller, int64_t allowed_lateness_ms,
				bool *late)
{
	enum call_fate fate = fate_of(s, f->end_ms, allowed_lateness_ms, late);
	if (fate != CALL_TOO_LATE)
		put_call(t, s, f, caller, *late);
	else
		put_lifetime(t, s, f); /* it counted for its number: the lifetime does not hang on the order of copies */
	return fate;
}

/* ---- calls received ---- */

void subject_add_incoming(struct table *t, struct subject *s, int64_t event_ms, uint64_t caller, int64_t shard_clock_ms)
{
	int64_t clock_ms = shard_clock_ms > event_ms ? shard_clock_ms : event_ms;
	if (!s->received)
		received_new(table_slab(t), (void **)&s->received, 2, clock_ms - RECEIVED_KEPT_MS - 1);
	int64_t before = received_deep_bytes(s->received);
	received_add(table_slab(t), s->received, event_ms, caller, clock_ms);
	table_account(t, received_deep_bytes(s->received) - before);
	seen_at(s, event_ms);
	table_mark(t, s);
}

uint64_t subject_received(const struct subject *s)
{
	return s->received ? s->received->total : 0;
}

/* ---- flags ---- */

static struct marks *marks_of(struct table *t, struct subject *s, int64_t time_ms)
{
	if (!s->marks) {
		s->marks = marks_new(time_ms - WINDOW_MAX_MS - 1);
		table_account(t, marks_bytes(s->marks));
	}
	return s->marks;
}

void subject_add_flag(struct table *t, struct subject *s, int64_t time_ms)
{
	marks_add_flag(marks_of(t, s, time_ms), time_ms);
	table_mark(t, s);
}

void subject_add_flagged(struct table *t, struct subject *s, uint64_t number, int64_t time_ms)
{
	struct marks *m = marks_of(t, s, time_ms);
	int64_t before = marks_bytes(m);
	marks_add_flagged(m, number, time_ms);
	table_account(t, marks_bytes(m) - before);
	table_mark(t, s);
}

/* ---- its days ---- */

int32_t subject_first_day(const struct subject *s)
{
	int32_t day = s->first_seen_ms == TIME_NONE ? -1 : utc_day(s->first_seen_ms);
	return s->first_day >= 0 && (day < 0 || s->first_day < day) ? s->first_day : day;
}

int64_t subject_end_ms(const struct subject *s, int64_t keep_ms)
{
	int64_t last_ms = s->clock_ms;
	if (s->received && s->received->newest_ms > last_ms)
		last_ms = s->received->newest_ms;
	if (last_ms == TIME_NONE) {
		last_ms = s->since_ms;
		if (s->marks && s->marks->flag_cnt && s->marks->flag_ms[s->marks->flag_cnt - 1] > last_ms)
			last_ms = s->marks->flag_ms[s->marks->flag_cnt - 1];
	}
	return last_ms == TIME_NONE ? TIME_NONE : last_ms + keep_ms;
}

int32_t subject_end_day(const struct subject *s, int64_t keep_ms)
{
	int64_t end_ms = subject_end_ms(s, keep_ms);
	return end_ms == TIME_NONE ? -1 : utc_day(end_ms);
}

bool subject_expired(const struct subject *s, int64_t shard_clock_ms, int64_t keep_ms)
{
	if (shard_clock_ms == TIME_NONE || (s->clock_ms != TIME_NONE && shard_clock_ms - s->clock_ms < keep_ms))
		return false; /* the common case, without a look at the calls received */
	int64_t end_ms = subject_end_ms(s, keep_ms);
	return end_ms != TIME_NONE && shard_clock_ms >= end_ms;
}
