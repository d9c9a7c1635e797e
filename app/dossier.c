/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers a dossier.
 *
 * PRECISION. A day is taken from the record while that remembers it, exact unless `spread` says by how many calls it may be off; else from the history, which
 * took it from the record as the day ended. Hours, gaps and geography are those of the newest 128 calls, which the record knows one by one. */
#include "app/dossier.h"

#include "base/hash.h"
#include "scoring/places.h"

#include <stdio.h>
#include <stdlib.h>

#define PAST_DAYS 31

const char *const dossier_talk_names[DOSSIER_BINS] = {"to 6 s", "7-9 s", "10-59 s", "1-2 min", "2 min on"};
const char *const dossier_gap_names[DOSSIER_GAPS] = {"<5 s", "<15 s", "<1 min", "<5 min", "<30 min", "<4 h", "more"};
static const int64_t gap_ends_ms[DOSSIER_GAPS] = {5 * SECOND_MS,  15 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS,
						  30 * MINUTE_MS, 4 * HOUR_MS,    TIME_NEVER};

/* ---- figures ---- */

/* One figure of the record, over the window that ends at as_of. */
static struct value figure(const struct subject *s, enum feature feature, int64_t window_ms, int64_t as_of_ms)
{
	struct figure_key key = {.feature = feature, .window_ms = window_ms};
	struct value v;
	uint64_t filled = 0;
	struct figures *f = mem_zalloc(sizeof *f);
	*f = (struct figures){.keys = &key, .n = 1, .filled = &filled, .values = &v};
	figures_reset(f, s, as_of_ms);
	struct value out = figure_get(f, 0);
	free(f);
	return out;
}

struct asking {
	const struct subject *s;
	int64_t window_ms, as_of_ms;
};

static int64_t whole(const struct asking *a, enum feature f)
{
	return figure(a->s, f, a->window_ms, a->as_of_ms).i;
}

static double real(const struct asking *a, enum feature f)
{
	return figure(a->s, f, a->window_ms, a->as_of_ms).d;
}

static int64_t at_least_0(int64_t v)
{
	return v > 0 ? v : 0;
}

static void gather_window(const struct dossier *d, const char *name, struct dossier_window *w)
{
	struct asking a = {.s = d->subject, .as_of_ms = d->as_of_ms};
	bool ok = duration_parse(slice_of(name), &a.window_ms);
	(void)ok;
	*w = (struct dossier_window){.name = name,
				     .calls = whole(&a, FEATURE_CALLS),
				     .answered = whole(&a, FEATURE_ANSWERED),
				     .callees = whole(&a, FEATURE_CALLEES),
				     .regions = whole(&a, FEATURE_REGIONS),
				     .abandoned = whole(&a, FEATURE_ABANDONED),
				     .blocked = whole(&a, FEATURE_BLOCKED),
				     .incoming = whole(&a, FEATURE_INCOMING),
				     .answer_ratio = real(&a, FEATURE_ANSWER_RATIO),
				     .avg_talk_s = real(&a, FEATURE_AVG_TALK_S),
				     .gap_mean_s = real(&a, FEATURE_GAP_MEAN_S),
				     .gap_cv = real(&a, FEATURE_GAP_CV),
				     .off_hours_ratio = real(&a, FEATURE_OFF_HOURS_RATIO),
				     .callee_ratio = real(&a, FEATURE_CALLEE_RATIO)};
	int64_t short6 = whole(&a, FEATURE_SHORT6), short10 = whole(&a, FEATURE_SHORT10);
	int64_t long60 = whole(&a, FEATURE_LONG60), long120 = whole(&a, FEATURE_LONG120);
	w->talk[0] = short6;
	w->talk[1] = at_least_0(short10 - short6);
	w->talk[2] = at_least_0(w->answered - (short10 > short6 ? short10 : short6) - long60);
	w->talk[3] = at_least_0(long60 - long120);
	w->talk[4] = long120;
}

/* ---- days ---- */

static struct dossier_day *day_at(struct dossier *d, int64_t day)
{
	int64_t i = day - d->days[0].day;
	return i >= 0 && i < d->day_cnt ? &d->days[i] : NULL;
}

/* The record knows better than the history: what came late too. */
static void fill_from_record(struct dossier *d)
{
	struct day_total days[DAY_TOTALS_MAX];
	uint32_t n = subject_days(d->subject, d->zone, d->as_of_ms, days);
	for (uint32_t i = 0; i < n; i++) {
		struct dossier_day *at = day_at(d, days[i].day);
		if (!at || (at->told && (days[i].partly || days[i].spread > 0)))
			continue;
		*at = (struct dossier_day){.day = days[i].day,
					   .calls = (int64_t)days[i].calls,
					   .answered = (int64_t)days[i].answered,
					   .talk_s = (int64_t)(days[i].talk_ms / 1000),
					   .spread = (int64_t)days[i].spread,
					   .partly = days[i].partly};
	}
}

static void tell(struct dossier *d, int64_t day, const struct history_day *h, bool exact)
{
	struct dossier_day *at = day_at(d, day);
	if (!at || (at->told && !exact))
		return;
	*at = (struct dossier_day){.day = day, .calls = h->calls, .answered = h->answered, .talk_s = h->talk_s, .told = true};
}

static void fill_from_history(struct dossier *d)
{
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (e->kind == HISTORY_DAY)
			tell(d, e->day.day, &(struct history_day){e->day.calls, e->day.answered, e->day.talk_s}, true);
		for (uint32_t k = 0; e->kind == HISTORY_PAST_DAYS && k < e->past_days.cnt; k++)
			tell(d, e->past_days.first + k, &e->past_days.of[k], false);
	}
}

static int64_t first_day(const struct dossier *d, int64_t today)
{
	int64_t first = today - PAST_DAYS + 1;
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (e->kind == HISTORY_DAY && e->day.day < first)
			first = e->day.day;
		if (e->kind == HISTORY_PAST_DAYS && e->past_days.first < first)
			first = e->past_days.first;
	}
	return first < today - DOSSIER_DAYS_MAX + 1 ? today - DOSSIER_DAYS_MAX + 1 : first;
}

static void gather_days(struct dossier *d, struct arena *a)
{
	int64_t today = zone_day(d->zone, d->as_of_ms), first = first_day(d, today);
	d->day_cnt = (uint32_t)(today - first + 1);
	d->days = arena_zalloc(a, d->day_cnt * sizeof *d->days);
	for (uint32_t i = 0; i < d->day_cnt; i++)
		d->days[i].day = first + i;
	fill_from_history(d);
	fill_from_record(d);
}

/* ---- exact calls ---- */

static int by_start(const void *x, const void *y)
{
	const struct exact_call *a = x, *b = y;
	return (a->start_ms > b->start_ms) - (a->start_ms < b->start_ms);
}

static int by_calls(const void *x, const void *y)
{
	const struct dossier_region *a = x, *b = y;
	if (a->calls != b->calls)
		return (a->calls < b->calls) - (a->calls > b->calls);
	return (a->region > b->region) - (a->region < b->region);
}

static void count_region(struct dossier *d, const struct exact_call *c)
{
	uint32_t i = 0;
	while (i < d->to_cnt && d->to[i].region != c->region)
		i++;
	if (i == d->to_cnt)
		d->to[d->to_cnt++] = (struct dossier_region){.region = c->region};
	d->to[i].calls++;
	d->to[i].answered += c->answered;
}

static void gather_exact(struct dossier *d, struct arena *a)
{
	d->exact_cnt = subject_exact_calls(d->subject, d->exact);
	d->to = arena_zalloc(a, (d->exact_cnt + 1) * sizeof *d->to);
	qsort(d->exact, d->exact_cnt, sizeof d->exact[0], by_start);
	for (uint32_t i = 0; i < d->exact_cnt; i++) {
		const struct exact_call *c = &d->exact[i];
		int64_t local_ms = c->start_ms + (int64_t)zone_offset_s(d->zone, c->start_ms) * SECOND_MS;
		int64_t in_day = (local_ms % DAY_MS + DAY_MS) % DAY_MS;
		d->hours[in_day / HOUR_MS]++;
		count_region(d, c);
		for (int g = 0; i > 0 && g < DOSSIER_GAPS; g++)
			if (c->start_ms - c[-1].start_ms < gap_ends_ms[g]) {
				d->gaps[g]++;
				break;
			}
	}
	qsort(d->to, d->to_cnt, sizeof *d->to, by_calls);
}

/* ---- one episode ---- */

static enum err find_episode(struct dossier *d, struct err_text *why)
{
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (e->kind != HISTORY_TRANSITION)
			continue;
		bool own = e->transition.episode == d->episode;
		if (own && d->from_ms == TIME_NONE && e->transition.to == PHASE_REST)
			d->from_ms = e->time_ms;
		else if (d->from_ms != TIME_NONE && d->to_ms == TIME_NONE && (!own || e->transition.to == PHASE_ACTIVE))
			d->to_ms = e->time_ms;
	}
	for (uint32_t i = 0; i < d->row_cnt; i++)
		if (d->rows[i].episode == d->episode) { /* the table outlives the entries */
			d->from_ms = d->rows[i].began_ms;
			d->to_ms = d->rows[i].ended_ms;
		}
	if (d->from_ms == TIME_NONE)
		return err_set(why, ERR_NO, SLICE_FMT " has no episode %u in its history", SLICE_ARG(d->number), d->episode);
	return ERR_OK;
}

bool dossier_shows(const struct dossier *d, const struct history_entry *e)
{
	return (d->from_ms == TIME_NONE || e->time_ms >= d->from_ms) && (d->to_ms == TIME_NONE || e->time_ms <= d->to_ms);
}

const struct case_row *dossier_row(const struct dossier *d)
{
	for (uint32_t i = 0; i < d->row_cnt; i++)
		if (d->episode && d->rows[i].episode == d->episode)
			return &d->rows[i];
	return NULL;
}

enum err dossier_gather(const struct dossier_source *from, struct arena *a, struct dossier *out, struct err_text *why)
{
	static const char *const names[DOSSIER_WINDOWS] = {"24h", "7d", "31d"};
	struct dossier *d = out;
	uint32_t damaged_rows = 0;
	*d = (struct dossier){.number = from->number,
			      .account = from->account,
			      .profile = from->profile,
			      .as_of_ms = from->as_of_ms,
			      .zone = from->zone,
			      .subject = from->subject,
			      .episode = from->episode,
			      .from_ms = TIME_NONE,
			      .to_ms = TIME_NONE};
	const struct rules_subject rs = {
		.key = from->number, .kind = SUBJECT_NUMBER, .state = d->subject->state, .state_len = d->subject->state_len};
	enum err e = rules_view(from->scratch, from->rules, &rs, &d->view);
	if (e)
		return err_set(why, e, "the alerts and phase in the record of " SLICE_FMT " cannot be read", SLICE_ARG(from->number));
	d->damaged = history_read(from->history, a, &d->history, &d->damage) != ERR_OK;
	d->row_cnt = case_rows_read(from->history, d->rows, &damaged_rows);
	if (damaged_rows && !d->damaged) {
		d->damaged = true;
		err_set(&d->damage, ERR_CORRUPT, "%u rows of finished episodes have a wrong check", damaged_rows);
	}
	health_of(d->subject, d->as_of_ms, &d->health);
	d->reason_cnt = health_reasons(d->subject, d->as_of_ms, d->reasons);
	for (int i = 0; i < DOSSIER_WINDOWS; i++)
		gather_window(d, names[i], &d->windows[i]);
	gather_days(d, a);
	gather_exact(d, a);
	return d->episode ? find_episode(d, why) : ERR_OK;
}

/* ---- texts ---- */

void dossier_day_text(int64_t day, char out[TIME_TEXT_BYTES])
{
	char text[TIME_TEXT_BYTES];
	snprintf(out, TIME_TEXT_BYTES, "%.10s", time_format(day * DAY_MS, text));
}

void dossier_region_text(uint16_t region, char out[TIME_TEXT_BYTES])
{
	if (region == 0)
		snprintf(out, TIME_TEXT_BYTES, "unknown");
	else if (region < PLACE_COUNTRIES)
		snprintf(out, TIME_TEXT_BYTES, "+1 %u", region);
	else
		snprintf(out, TIME_TEXT_BYTES, "+%u", region - PLACE_COUNTRIES);
}

void dossier_local_text(const struct dossier *d, int64_t ms, char out[TIME_TEXT_BYTES])
{
	char text[TIME_TEXT_BYTES];
	time_format(ms + (int64_t)zone_offset_s(d->zone, ms) * SECOND_MS, text);
	snprintf(out, TIME_TEXT_BYTES, "%.10s %.5s", text, text + 11);
}
