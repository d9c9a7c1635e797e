/* SPDX-License-Identifier: Apache-2.0 */
/* The dispute calendar as it is stored:
 *
 *   count (varint); of each step: id (length, text), 1 byte: state (3 bits), 8 of an episode, 16 of a flag, outcome (2 bits above),
 *   round, changes (varints), changed (zig-zag, ms), due less changed (zig-zag)
 *
 * Example, Hiya asked for the first time on 2024-01-01, to be asked again in 7 days (24 bytes with the head of the section; test_dispute.c pins it):
 *
 *   01  04 "hiya"  0a  01  02  80d08fa59863  8090e4c004
 *
 * WHY TEXTS. A step is named by its provider's id, not by a place in the table: an edited table moves no step, and a step whose provider has gone from
 * the table can still be answered.
 *
 * SIZE. The longest id, both counts at their most and the widest times make 36 bytes, so DISPUTE_STEPS_MAX steps fit into DISPUTES_BYTES_MAX. */
#include "rules/dispute.h"

#include <assert.h>

#define STEP_BYTES_MAX (1 + PROVIDER_ID_MAX + 1 + 2 + 2 + 7 + 7)
_Static_assert(1 + DISPUTE_STEPS_MAX * STEP_BYTES_MAX <= DISPUTES_BYTES_MAX, "all steps fit");
_Static_assert(STEP_PLANNED == 0 && STEP_DUE == 1 && STEP_SENT == 2 && STEP_FOLLOW_UP == 3 && STEP_ANSWERED == 4 && STEP_CLOSED == 5,
	       "stored");
_Static_assert(OUTCOME_NONE == 0 && OUTCOME_ACCEPTED == 1 && OUTCOME_REFUSED == 2 && OUTCOME_OTHER == 3, "stored");

enum { STATE_MASK = 7, OF_EPISODE = 8, OF_FLAG = 16, OUTCOME_SHIFT = 5 };

const char *step_state_name(enum step_state s)
{
	static const char *const names[] = {
#define X(n, name) name,
		STEP_STATES(X)
#undef X
	};
	return names[s];
}

const char *step_outcome_name(enum step_outcome o)
{
	static const char *const names[] = {
#define X(n, name) name,
		STEP_OUTCOMES(X)
#undef X
	};
	return o == OUTCOME_NONE ? NULL : names[o];
}

/* ---- stored form ---- */

static bool id_holds(struct slice id)
{
	for (uint32_t i = 0; i < id.len; i++) {
		char c = id.p[i];
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_')
			return false;
	}
	return id.len > 0 && id.len <= PROVIDER_ID_MAX;
}

static bool time_holds(int64_t ms)
{
	return ms >= 0 && ms < YEAR_10000_MS;
}

static void decode_step(struct reader *r, struct dispute_step *s)
{
	s->id = reader_slice(r);
	uint8_t head = reader_u8(r);
	uint64_t round = reader_varint(r), changes = reader_varint(r);
	s->changed_ms = reader_zigzag(r);
	int64_t behind = reader_zigzag(r);
	s->state = (enum step_state)(head & STATE_MASK);
	s->of_episode = head & OF_EPISODE;
	s->of_flag = head & OF_FLAG;
	s->outcome = (enum step_outcome)(head >> OUTCOME_SHIFT & 3);
	s->round = (uint32_t)round;
	s->changes = (uint32_t)changes;
	if (r->bad || head >> (OUTCOME_SHIFT + 2) || s->state >= STEP_STATE_CNT || !id_holds(s->id) || round == 0 ||
	    round > STEP_COUNT_MAX || changes > STEP_COUNT_MAX || !time_holds(s->changed_ms) || behind < -YEAR_10000_MS ||
	    behind > YEAR_10000_MS || (s->outcome != OUTCOME_NONE) != (s->state == STEP_ANSWERED))
		r->bad = true;
	else
		s->due_ms = s->changed_ms + behind;
	if (!r->bad && !time_holds(s->due_ms))
		r->bad = true;
}

void disputes_decode(struct reader *r, struct disputes *d)
{
	uint64_t n = reader_varint(r);
	d->cnt = 0;
	if (n == 0 || n > DISPUTE_STEPS_MAX)
		r->bad = true;
	while (!r->bad && d->cnt < n) {
		struct dispute_step *s = &d->of[d->cnt];
		decode_step(r, s);
		if (!r->bad && d->cnt > 0 && slice_cmp(s[-1].id, s->id) >= 0)
			r->bad = true;
		d->cnt++;
	}
	if (r->bad)
		d->cnt = 0;
}

void disputes_encode(const struct disputes *d, struct buf *out)
{
	size_t from = out->len;
	buf_put_varint(out, d->cnt);
	for (uint32_t i = 0; i < d->cnt; i++) {
		const struct dispute_step *s = &d->of[i];
		int head = (int)s->state | (s->of_episode ? OF_EPISODE : 0) | (s->of_flag ? OF_FLAG : 0) | (int)s->outcome << OUTCOME_SHIFT;
		buf_put_slice(out, s->id);
		buf_put_u8(out, (uint8_t)head);
		buf_put_varint(out, s->round);
		buf_put_varint(out, s->changes);
		buf_put_zigzag(out, s->changed_ms);
		buf_put_zigzag(out, s->due_ms - s->changed_ms);
	}
	assert(out->len - from <= DISPUTES_BYTES_MAX);
	(void)from;
}

/* ---- steps ---- */

int64_t disputes_due(const struct disputes *d)
{
	int64_t due = TIME_NONE;
	for (uint32_t i = 0; i < d->cnt; i++)
		if (step_waits(&d->of[i]) && (due == TIME_NONE || d->of[i].due_ms < due))
			due = d->of[i].due_ms;
	return due;
}

struct dispute_step *disputes_find(struct disputes *d, struct slice id)
{
	for (uint32_t i = 0; i < d->cnt; i++)
		if (slice_eq(d->of[i].id, id))
			return &d->of[i];
	return NULL;
}

/* False: none is over. */
static bool drop_oldest(struct disputes *d)
{
	uint32_t oldest = d->cnt;
	for (uint32_t i = 0; i < d->cnt; i++)
		if (step_over(&d->of[i]) && (oldest == d->cnt || d->of[i].changed_ms < d->of[oldest].changed_ms))
			oldest = i;
	if (oldest == d->cnt)
		return false;
	d->cnt--;
	memmove(&d->of[oldest], &d->of[oldest + 1], (d->cnt - oldest) * sizeof d->of[0]);
	return true;
}

struct dispute_step *disputes_add(struct disputes *d, struct slice id)
{
	if (d->cnt == DISPUTE_STEPS_MAX && !drop_oldest(d))
		return NULL;
	uint32_t at = d->cnt;
	for (; at > 0 && slice_cmp(d->of[at - 1].id, id) > 0; at--)
		d->of[at] = d->of[at - 1];
	d->of[at] = (struct dispute_step){.id = id};
	d->cnt++;
	return &d->of[at];
}
