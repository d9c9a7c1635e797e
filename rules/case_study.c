/* SPDX-License-Identifier: Apache-2.0 */
/* Case studies.
 *
 * DESIGN. What the study says is counted in the record, since the history is not at hand when an episode ends: about 60 bytes of the record while an episode
 * lasts, nothing of it afterwards. The counters come from the entries that the history gets anyway, so whoever adds to the history need not
 * know of case studies.
 *
 * A row of the table, little-endian (the table is drawn in history.c):
 *
 *   version (1 byte: 1), outcome, reason, health before, health after, disputes sent, answered, violations (1 byte each), episode (4), began, ended
 *   (6 each: ms), 4 bytes of nothing, check (4) */
#include "rules/case_study.h"
#include "rules/turn.h"
#include "rules/value_json.h"

#include "base/hash.h"

#define ROW_VERSION 1
#define PAST_DAYS 31 /* what the record remembers */

const char *const case_policy_names[CASE_POLICIES] = {"no_calls", "daily_cap", "unknown_contact", "short_call", "new_contact_share"};

static const char *const reasons[] = {"", "rule", "command", "timer", "violation", "flag"};
#define REASONS (sizeof reasons / sizeof reasons[0])

_Static_assert(CASE_HEALTHS == HEALTH_PARTS && HEALTH_ALL == 0 && HEALTH_SENTIMENT == 4, "stored in this order");
static const char *const health_names[CASE_HEALTHS] = {"health", "maturity", "connection", "engagement", "sentiment"};

const char *case_outcome_name(uint8_t outcome)
{
	switch (outcome) {
#define X(n, number, name) \
	case CASE_##n:     \
		return name;
		CASE_OUTCOMES(X)
#undef X
	}
	return NULL;
}

const char *case_reason_name(uint8_t reason)
{
	return reason < REASONS ? reasons[reason] : "";
}

static uint8_t reason_of(const char *name)
{
	for (uint8_t i = 1; i < REASONS; i++)
		if (strcmp(name, reasons[i]) == 0)
			return i;
	return 0;
}

/* ---- counting ---- */

static void count(uint16_t *n)
{
	if (*n < CASE_COUNT_MAX)
		++*n;
}

static void sum(uint32_t *n, int64_t more)
{
	if (more > 0)
		*n = more > CASE_SUM_MAX - *n ? CASE_SUM_MAX : *n + (uint32_t)more;
}

static void count_violation(struct episode *e, struct slice policy)
{
	for (int i = 0; i < CASE_POLICIES; i++)
		if (slice_is(policy, case_policy_names[i]))
			count(&e->broken[i]);
}

static void count_dispute(struct episode *e, struct slice state)
{
	if (slice_is(state, "sent"))
		count(&e->sent);
	else if (slice_is(state, "answered"))
		count(&e->answered);
}

void episode_count_day(struct episode *e, const struct history_day *d)
{
	sum(&e->days, 1);
	sum(&e->calls, d->calls);
	sum(&e->picked_up, d->answered);
	sum(&e->talk_s, d->talk_s);
}

void episode_count_past_day(struct episode *e, const struct history_day *d)
{
	sum(&e->past_calls, d->calls);
	sum(&e->past_picked_up, d->answered);
}

void episode_count(struct episode *e, const struct history_entry *what)
{
	switch (what->kind) {
	case HISTORY_VIOLATION:
		count_violation(e, what->violation.policy);
		break;
	case HISTORY_ADVISORY:
		count(&e->advisories);
		break;
	case HISTORY_DISPUTE:
		count_dispute(e, what->dispute.state);
		break;
	case HISTORY_FLAG_OPENED:
		count(&e->flags_opened);
		break;
	case HISTORY_FLAG_CLEARED:
		count(&e->flags_cleared);
		break;
	case HISTORY_TRANSITION:
	case HISTORY_ALERT_RAISED:
	case HISTORY_ALERT_RESOLVED:
	case HISTORY_NOTE:
	case HISTORY_COMPLAINT:
	case HISTORY_CHECK:
	case HISTORY_SNAPSHOT:
		break;
	}
}

/* ---- as stored ---- */

static void put_behind(struct buf *out, int64_t from_ms, int64_t ms)
{
	buf_put_varint(out, ms == TIME_NONE || ms < from_ms ? 0 : (uint64_t)(ms - from_ms) + 1);
}

void episode_encode(const struct episode *e, struct buf *out)
{
	buf_put_varint(out, e->number);
	if (e->number == 0)
		return;
	buf_put_u8(out, e->reason);
	buf_put_slice(out, slice_make(e->detail, e->detail_len));
	buf_put_zigzag(out, e->began_ms);
	put_behind(out, e->began_ms, e->limited_ms);
	put_behind(out, e->began_ms, e->moderate_ms);
	for (int i = 0; i < CASE_POLICIES; i++)
		buf_put_varint(out, e->broken[i]);
	const uint32_t more[] = {e->restarts, e->advisories, e->sent,      e->answered, e->flags_opened, e->flags_cleared,
				 e->days,     e->calls,      e->picked_up, e->talk_s,   e->past_calls,   e->past_picked_up};
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
		buf_put_varint(out, more[i]);
	for (int i = 0; i < CASE_HEALTHS; i++)
		buf_put_u8(out, (uint8_t)e->health[i]);
}

static uint64_t read_upto(struct reader *r, uint64_t max)
{
	uint64_t v = reader_varint(r);
	if (v > max)
		r->bad = true;
	return r->bad ? 0 : v;
}

static int64_t read_behind(struct reader *r, int64_t from_ms)
{
	uint64_t v = read_upto(r, INT64_C(1) << 50);
	return v ? from_ms + (int64_t)(v - 1) : TIME_NONE;
}

static void read_detail(struct reader *r, struct episode *e)
{
	struct slice s = reader_slice(r);
	if (s.len > CASE_DETAIL_MAX)
		r->bad = true;
	else if (s.len)
		memcpy(e->detail, s.p, e->detail_len = (uint8_t)s.len);
}

void episode_decode(struct reader *r, struct episode *e)
{
	*e = (struct episode){.number = (uint32_t)read_upto(r, UINT32_MAX)};
	if (e->number == 0)
		return;
	e->reason = reader_u8(r);
	read_detail(r, e);
	e->began_ms = reader_zigzag(r);
	if (e->began_ms < -(INT64_C(1) << 50) || e->began_ms > INT64_C(1) << 50)
		r->bad = true;
	if (r->bad)
		return;
	e->limited_ms = read_behind(r, e->began_ms);
	e->moderate_ms = read_behind(r, e->began_ms);
	for (int i = 0; i < CASE_POLICIES; i++)
		e->broken[i] = (uint16_t)read_upto(r, CASE_COUNT_MAX);
	uint16_t *counts[] = {&e->restarts, &e->advisories, &e->sent, &e->answered, &e->flags_opened, &e->flags_cleared};
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		*counts[i] = (uint16_t)read_upto(r, CASE_COUNT_MAX);
	uint32_t *sums[] = {&e->days, &e->calls, &e->picked_up, &e->talk_s, &e->past_calls, &e->past_picked_up};
	for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
		*sums[i] = (uint32_t)read_upto(r, CASE_SUM_MAX);
	for (int i = 0; i < CASE_HEALTHS; i++) {
		e->health[i] = (int8_t)reader_u8(r);
		if (e->health[i] < -1 || e->health[i] > 100)
			r->bad = true;
	}
}

/* ---- rows ---- */

static void put_le(uint8_t *at, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_le(const uint8_t *at, int bytes)
{
	uint64_t v = 0;
	for (int i = bytes - 1; i >= 0; i--)
		v = v << 8 | at[i];
	return v;
}

static uint32_t row_check(const uint8_t *row)
{
	return (uint32_t)hash64(row, CASE_ROW_BYTES - 4, 0);
}

void case_row_encode(const struct case_row *row, uint8_t out[CASE_ROW_BYTES])
{
	memset(out, 0, CASE_ROW_BYTES);
	out[0] = ROW_VERSION;
	out[1] = row->outcome;
	out[2] = row->reason;
	out[3] = (uint8_t)row->health_before;
	out[4] = (uint8_t)row->health_after;
	out[5] = row->sent;
	out[6] = row->answered;
	out[7] = row->violations;
	put_le(out + 8, row->episode, 4);
	put_le(out + 12, (uint64_t)row->began_ms, 6);
	put_le(out + 18, (uint64_t)row->ended_ms, 6);
	put_le(out + 28, row_check(out), 4);
}

static void row_insert(struct case_row *rows, uint32_t cnt, struct case_row row)
{
	uint32_t at = cnt;
	for (; at > 0 && rows[at - 1].episode > row.episode; at--)
		rows[at] = rows[at - 1];
	rows[at] = row;
}

uint32_t case_rows_read(struct slice history, struct case_row out[CASE_ROWS], uint32_t *damaged)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < CASE_ROWS && (i + 1) * CASE_ROW_BYTES <= history.len; i++) {
		const uint8_t *p = (const uint8_t *)history.p + (size_t)i * CASE_ROW_BYTES;
		if (p[0] == 0)
			continue;
		if (p[0] != ROW_VERSION || get_le(p + 28, 4) != row_check(p)) {
			++*damaged;
			continue;
		}
		row_insert(out, n++,
			   (struct case_row){.outcome = p[1],
					     .reason = p[2],
					     .health_before = (int8_t)p[3],
					     .health_after = (int8_t)p[4],
					     .sent = p[5],
					     .answered = p[6],
					     .violations = p[7],
					     .episode = (uint32_t)get_le(p + 8, 4),
					     .began_ms = (int64_t)get_le(p + 12, 6),
					     .ended_ms = (int64_t)get_le(p + 18, 6)});
	}
	return n;
}

/* ---- the study ---- */

static void health_now(const struct turn *t, int8_t out[CASE_HEALTHS])
{
	struct health h;
	figures_health(t->figures, &h);
	for (int i = 0; i < CASE_HEALTHS; i++)
		out[i] = (int8_t)h.of[i];
}

static uint32_t broken_in_all(const struct episode *e)
{
	uint32_t n = 0;
	for (int i = 0; i < CASE_POLICIES; i++)
		n += e->broken[i];
	return n;
}

static void put_named_time(struct buf *b, const char *name, int64_t ms)
{
	char text[TIME_TEXT_BYTES];
	if (ms == TIME_NONE)
		buf_printf(b, "\"%s\":null,", name);
	else
		buf_printf(b, "\"%s\":\"%s\",", name, time_format(ms, text));
}

static double days_of(int64_t from_ms, int64_t to_ms)
{
	return (double)((to_ms - from_ms) / (DAY_MS / 100)) / 100; /* two digits, cut off */
}

static void put_why(struct buf *b, const char *name, const char *reason, struct slice detail)
{
	buf_printf(b, "\"%s\":{\"reason\":\"%s\",\"detail\":", name, reason);
	value_json_put_string(detail, b);
	buf_puts(b, "},");
}

static void put_phases(struct buf *b, const struct episode *e, int64_t ended_ms)
{
	int64_t limited_ms = e->limited_ms, moderate_ms = e->moderate_ms;
	int64_t rest_to = limited_ms == TIME_NONE ? ended_ms : limited_ms, limited_to = moderate_ms == TIME_NONE ? ended_ms : moderate_ms;
	buf_printf(b, "\"phase_days\":{\"rest\":%.2f,\"limited\":%.2f,\"moderate\":%.2f},", days_of(e->began_ms, rest_to),
		   limited_ms == TIME_NONE ? 0 : days_of(limited_ms, limited_to),
		   moderate_ms == TIME_NONE ? 0 : days_of(moderate_ms, ended_ms));
}

static void put_counts(struct buf *b, const struct turn *t, const struct episode *e)
{
	buf_printf(b, "\"violations\":{\"total\":%u", broken_in_all(e));
	for (int i = 0; i < CASE_POLICIES; i++)
		buf_printf(b, ",\"%s\":%u", case_policy_names[i], e->broken[i]);
	buf_printf(b, "},\"rest_restarts\":%u,\"advisories\":%u,", e->restarts, e->advisories);
	buf_printf(b, "\"disputes\":{\"sent\":%u,\"answered\":%u},", e->sent, e->answered);
	buf_printf(b, "\"flags\":{\"opened\":%u,\"cleared\":%u,\"open\":%u},", e->flags_opened, e->flags_cleared, t->state->flag_cnt);
	buf_printf(b, "\"calls\":{\"days\":%u,\"calls\":%u,\"answered\":%u,\"talk_s\":%u},", e->days, e->calls, e->picked_up, e->talk_s);
	buf_printf(b, "\"calls_before\":{\"days\":%d,\"calls\":%u,\"answered\":%u},", PAST_DAYS, e->past_calls, e->past_picked_up);
}

static void put_health(struct buf *b, const char *name, const int8_t health[CASE_HEALTHS])
{
	buf_printf(b, "\"%s\":{", name);
	for (int i = 0; i < CASE_HEALTHS; i++)
		buf_printf(b, "%s\"%s\":%d", i ? "," : "", health_names[i], health[i]);
	buf_puts(b, "}");
}

/* What changed, in words. */
static void put_changed(struct buf *b, const struct episode *e, const int8_t after[CASE_HEALTHS])
{
	const char *comma = "";
	buf_puts(b, ",\"changed\":[");
	for (int i = 0; i < CASE_HEALTHS; i++)
		if (e->health[i] >= 0 && after[i] >= 0 && e->health[i] != after[i]) {
			buf_printf(b, "%s\"%s %d to %d\"", comma, health_names[i], e->health[i], after[i]);
			comma = ",";
		}
	if (e->past_calls && e->days) {
		buf_printf(b, "%s\"calls a day %.1f to %.1f\"", comma, (double)e->past_calls / PAST_DAYS, (double)e->calls / e->days);
		comma = ",";
	}
	if (e->past_calls && e->calls)
		buf_printf(b, "%s\"answered %.0f %% to %.0f %%\"", comma, 100.0 * e->past_picked_up / e->past_calls,
			   100.0 * e->picked_up / e->calls);
	buf_puts(b, "]");
}

static struct slice study_of(struct turn *t, const struct episode *e, const struct event *end, enum case_outcome outcome,
			     const int8_t after[CASE_HEALTHS])
{
	struct buf *b = &t->s->history.text;
	buf_reset(b);
	buf_printf(b, "{\"episode\":%u,\"outcome\":\"%s\",", e->number, case_outcome_name((uint8_t)outcome));
	put_named_time(b, "began", e->began_ms);
	put_named_time(b, "ended", end->time_ms);
	buf_printf(b, "\"days\":%.2f,", days_of(e->began_ms, end->time_ms));
	put_why(b, "why", case_reason_name(e->reason), slice_make(e->detail, e->detail_len));
	put_why(b, "end", end->transition.reason, end->transition.detail);
	put_phases(b, e, end->time_ms);
	put_counts(b, t, e);
	put_health(b, "health_before", e->health);
	buf_puts(b, ",");
	put_health(b, "health_after", after);
	put_changed(b, e, after);
	buf_puts(b, "}");
	return arena_copy(&t->s->arena, buf_slice(b));
}

static uint8_t upto_255(uint32_t n)
{
	return n > 255 ? 255 : (uint8_t)n;
}

static void finish(struct turn *t, const struct event *end)
{
	const struct episode *e = &t->state->episode;
	int8_t after[CASE_HEALTHS];
	history_tell_today(t);
	enum case_outcome outcome = end->transition.to == PHASE_REST               ? CASE_RELAPSED
				    : strcmp(end->transition.reason, "timer") == 0 ? CASE_RECOVERED
										   : CASE_RELEASED;
	health_now(t, after);
	struct event said = turn_event(t, EVENT_CASE_STUDY, end->time_ms);
	said.episode = e->number;
	said.case_study.study = study_of(t, e, end, outcome, after);
	turn_say(t, &said);
	const struct case_row row = {.outcome = (uint8_t)outcome,
				     .reason = e->reason,
				     .health_before = e->health[0],
				     .health_after = after[0],
				     .violations = upto_255(broken_in_all(e)),
				     .sent = upto_255(e->sent),
				     .answered = upto_255(e->answered),
				     .episode = e->number,
				     .began_ms = e->began_ms,
				     .ended_ms = end->time_ms};
	history_stage_row(&t->s->history, &row, t->state->history.finished);
	if (t->state->history.finished < CASE_COUNT_MAX)
		t->state->history.finished++;
	t->state->episode.number = 0;
}

static void go_back_to_rest(struct episode *e)
{
	count(&e->restarts);
	e->limited_ms = e->moderate_ms = TIME_NONE;
}

static void begin(struct turn *t, const struct event *rest)
{
	struct episode *e = &t->state->episode;
	struct slice detail = history_cut(rest->transition.detail, CASE_DETAIL_MAX);
	*e = (struct episode){.number = t->state->phase.episode,
			      .reason = reason_of(rest->transition.reason),
			      .detail_len = (uint8_t)detail.len,
			      .began_ms = rest->time_ms,
			      .limited_ms = TIME_NONE,
			      .moderate_ms = TIME_NONE};
	if (detail.len)
		memcpy(e->detail, detail.p, detail.len);
	health_now(t, e->health);
	history_add(t, &(struct history_entry){.time_ms = rest->time_ms,
					       .kind = HISTORY_SNAPSHOT,
					       .snapshot = {.episode = e->number,
							    .health = e->health[0],
							    .maturity = e->health[1],
							    .connection = e->health[2],
							    .engagement = e->health[3],
							    .sentiment = e->health[4]}});
	history_tell_past_days(t, rest->time_ms);
}

void case_study_on_change(struct turn *t, const struct event *transition)
{
	const struct event_transition *tr = &transition->transition;
	struct episode *e = &t->state->episode;
	/* a late call may lead back into the rest of the same episode: that is no beginning */
	bool begins = tr->to == PHASE_REST && e->number != t->state->phase.episode;
	if (!t->managed)
		return;
	if (e->number && (begins || tr->to == PHASE_ACTIVE))
		finish(t, transition);
	history_add(t, &(struct history_entry){.time_ms = transition->time_ms,
					       .kind = HISTORY_TRANSITION,
					       .transition = {.from = tr->from,
							      .to = tr->to,
							      .reason = slice_of(tr->reason),
							      .detail = tr->detail,
							      .by = t->by,
							      .until_ms = tr->until_ms,
							      .episode = t->state->phase.episode}});
	if (begins)
		begin(t, transition);
	else if (tr->to == PHASE_REST)
		go_back_to_rest(e);
	else if (tr->to == PHASE_LIMITED)
		e->limited_ms = transition->time_ms;
	else if (tr->to == PHASE_MODERATE)
		e->moderate_ms = transition->time_ms;
}
