/* SPDX-License-Identifier: Apache-2.0 */
/* From windows to figures. A slot is filled when it is first asked for; the windows of the rule set are read together, part by part, so what no
 * rule asks for is not computed. */
#include "scoring/health.h"
#include "scoring/subject.h"
#include "scoring/window.h"

#include <assert.h>
#include <math.h>

static void figures_fill(struct figures *f, uint32_t slot);
static void health_now(const struct figures *f, struct health *out);
static uint32_t contacts_now(const struct figures *f, struct contact *out, uint32_t max, struct contact_rest *rest);
static uint32_t days_now(const struct figures *f, uint16_t zone, struct day_total out[DAY_TOTALS_MAX]);

#define COUNT_OUTSIDE_PHASE OUTSIDE_PHASE
#define COUNT_OUTSIDE_PHASE_DAYS OUTSIDE_PHASE_DAYS
#define COUNT_OUTSIDE_EPISODE OUTSIDE_EPISODE
#define COUNT_HEALTH_ALL HEALTH_ALL
#define COUNT_HEALTH_MATURITY HEALTH_MATURITY
#define COUNT_HEALTH_CONNECTION HEALTH_CONNECTION
#define COUNT_HEALTH_ENGAGEMENT HEALTH_ENGAGEMENT
#define COUNT_HEALTH_SENTIMENT HEALTH_SENTIMENT

static const struct feature_info table[] = {
#define X(n, name, type, windowed, of, how, a, b) \
	{name, VALUE_##type, windowed, of, how, COUNT_##a, COUNT_##b, (how == HOW_COUNT && VALUE_##type == VALUE_INT) || how == HOW_TALK_S},
	FEATURES(X)
#undef X
		{"baseline", VALUE_DOUBLE, true, OF_ALL, HOW_BASELINE, 0, 0, false},
};

const struct feature_info *feature_info(enum feature f)
{
	return &table[f];
}

bool feature_find(struct slice name, enum feature *f)
{
	for (int i = 0; i < FEATURE_CNT; i++)
		if (slice_is(name, table[i].name)) {
			*f = (enum feature)i;
			return true;
		}
	return false;
}

/* ---- the windows of the rule set ---- */

static struct window *window_at(struct figures *f, int64_t ms)
{
	uint32_t i = 0;
	while (i < f->window_cnt && f->windows[i].ms < ms)
		i++;
	if (i < f->window_cnt && f->windows[i].ms == ms)
		return &f->windows[i];
	if (f->window_cnt == FIGURE_WINDOWS) {
		if (f->other.ms != ms)
			f->other = (struct window){.ms = ms};
		return &f->other;
	}
	memmove(f->windows + i + 1, f->windows + i, (f->window_cnt - i) * sizeof *f->windows);
	f->windows[i] = (struct window){.ms = ms};
	f->window_cnt++;
	return &f->windows[i];
}

static uint16_t offset_of(const struct figures *f, const uint64_t *word)
{
	return (uint16_t)((const char *)word - (const char *)f->windows);
}

static bool is_planned(const struct figures *f, uint32_t slot, enum figure_group group)
{
	return f->planned[group][slot / 64] >> (slot % 64) & 1;
}

static enum figure_group group_of(const struct feature_info *info)
{
	return info->how <= HOW_RATIO && (is_distinct(info->a) || is_distinct(info->b)) ? GROUP_DISTINCT : GROUP_PLAIN;
}

/* One slot goes into the list that it belongs to, if there is room and its window stands among those read together. */
static void plan_slot(struct figures *f, uint32_t slot, uint16_t *at)
{
	const struct feature_info *info = &table[f->keys[slot].feature];
	struct window *w = window_at(f, f->keys[slot].window_ms);
	if (*at == FIGURE_PLANNED || w == &f->other)
		return;
	bool talk = info->how == HOW_TALK_S || info->how == HOW_AVG_TALK_S;
	f->plan[(*at)++] = (struct figure_plan){.value = slot * (uint32_t)sizeof(struct value),
						.a = offset_of(f, talk ? &w->talk_ms : &w->n[info->a]),
						.b = offset_of(f, talk ? &w->n[COUNT_ANSWERED] : &w->n[info->b])};
	f->planned[group_of(info)][slot / 64] |= UINT64_C(1) << (slot % 64);
	for (uint32_t k = 0; k < 3 && !talk; k++)
		if (info->a == COUNT_CALLEES + k || info->b == COUNT_CALLEES + k)
			f->distinct_windows[k] |= UINT32_C(1) << (w - f->windows);
}

static void make_plan(struct figures *f)
{
	static const uint8_t hows[LIST_CNT] = {
		[LIST_COUNT] = HOW_COUNT, [LIST_RATIO] = HOW_RATIO, [LIST_TALK] = HOW_TALK_S, [LIST_AVG_TALK] = HOW_AVG_TALK_S};
	uint16_t at = 0;
	memset(f->planned, 0, sizeof f->planned);
	memset(f->distinct_windows, 0, sizeof f->distinct_windows);
	for (int group = 0; group < GROUP_CNT; group++)
		for (int list = 0; list < LIST_CNT; list++) {
			for (uint32_t i = 0; i < f->n; i++) {
				const struct feature_info *info = &table[f->keys[i].feature];
				if (f->keys[i].window_ms && info->how == hows[list] && (int)group_of(info) == group &&
				    info->a < COUNT_INCOMING && info->b < COUNT_INCOMING)
					plan_slot(f, i, &at);
			}
			f->list_end[group][list] = at;
		}
}

static void learn_windows(struct figures *f)
{
	f->window_cnt = 0;
	f->windows_of = f->keys;
	f->windows_n = f->n;
	f->other.ms = 0;
	f->asks_outside = false;
	for (uint32_t i = 0; i < f->n; i++) {
		f->asks_outside = f->asks_outside || table[f->keys[i].feature].how == HOW_OUTSIDE;
		if (f->keys[i].window_ms)
			window_at(f, f->keys[i].window_ms);
		if (f->keys[i].feature == FEATURE_BASELINE)
			window_at(f, BASELINE_MS);
		if (table[f->keys[i].feature].how == HOW_HEALTH)
			window_at(f, WINDOW_MAX_MS);
	}
	make_plan(f);
}

void figures_reset(struct figures *f, const struct subject *s, int64_t as_of_ms)
{
	f->subject = s;
	f->as_of_ms = s->clock_ms != TIME_NONE && as_of_ms < s->clock_ms ? s->clock_ms : as_of_ms;
	f->fill = figures_fill;
	f->health = health_now;
	f->contacts = contacts_now;
	f->days = days_now;
	for (uint32_t i = 0; i < (f->n + 63) / 64; i++)
		f->filled[i] = 0;
	if (f->windows_of != f->keys || f->windows_n != f->n)
		learn_windows(f);
	for (uint32_t i = 0; i < f->window_cnt; i++)
		f->windows[i].have = 0;
	f->other.have = 0;
	if (!f->asks_outside)
		return;
	f->outside[OUTSIDE_PHASE] = (struct value){.type = VALUE_STRING, .s = SLICE_LIT("active")};
	for (int i = OUTSIDE_PHASE_DAYS; i < OUTSIDE_CNT; i++)
		f->outside[i] = (struct value){.type = VALUE_INT};
}

/* ---- parts of a window, read when first asked for ---- */

static void nothing(struct window *w)
{
	int64_t ms = w->ms;
	uint32_t have = w->have;
	*w = (struct window){.ms = ms, .have = have | ~(uint32_t)(PART_IN | PART_FLAGS), .piece = NO_PIECE, .cut = NO_PIECE};
}

static void read_sums(struct figures *f, struct window *w, struct calls *h)
{
	const struct subject *s = f->subject;
	if (w != &f->other && f->as_of_ms == s->clock_ms)
		window_sums_kept(h, f->windows, f->window_cnt, f->as_of_ms);
	else if (w != &f->other)
		window_sums(h, f->windows, f->window_cnt, f->as_of_ms);
	else
		window_sums(h, w, 1, f->as_of_ms);
}

static void read_received(struct figures *f, const struct subject *s, struct window *w)
{
	w->n[COUNT_INCOMING] = w->n[COUNT_IN_PARTIES] = 0;
	if (s->received)
		received_window(s->received, f->as_of_ms - w->ms, f->as_of_ms, &w->n[COUNT_INCOMING], &w->n[COUNT_IN_PARTIES]);
	w->have |= PART_IN;
}

static void read_marks(struct figures *f, const struct subject *s, struct window *w)
{
	w->n[COUNT_FLAGS] = s->marks ? marks_flags(s->marks, f->as_of_ms - w->ms, f->as_of_ms) : 0;
	w->n[COUNT_FLAGGED] = s->marks ? marks_flagged(s->marks, f->as_of_ms - w->ms) : 0;
	w->have |= PART_FLAGS;
}

static void read_part(struct figures *f, struct window *w, uint32_t part)
{
	const struct subject *s = f->subject;
	if (w->have & part)
		return;
	if (part == PART_IN)
		read_received(f, s, w);
	else if (part == PART_FLAGS)
		read_marks(f, s, w);
	else if (!s->history)
		nothing(w);
	else if (part == PART_CALLEES)
		window_distinct(s->history, w, COUNT_CALLEES, f->as_of_ms);
	else if (part == PART_REGIONS)
		window_distinct(s->history, w, COUNT_REGIONS, f->as_of_ms);
	else if (part == PART_NUMBERS)
		window_distinct(s->history, w, COUNT_NUMBERS, f->as_of_ms);
	else if (part == PART_GAPS)
		window_gaps(s->history, w);
	else if (part == PART_RUN)
		window_run(s->history, w);
	else if (part == PART_PEAK)
		window_peak(s->history, w);
	else if (part == PART_TOP)
		window_top(s->history, w);
	else
		read_sums(f, w, s->history);
}

static struct window *window_of(struct figures *f, int64_t ms, uint32_t part)
{
	struct window *w = window_at(f, ms);
	if (part != PART_IN && part != PART_FLAGS)
		read_part(f, w, PART_SUMS);
	read_part(f, w, part);
	return w;
}

static uint64_t count_in(struct figures *f, int64_t ms, uint32_t counter)
{
	return window_of(f, ms, part_of(counter))->n[counter];
}

/* ---- figures ---- */

static double ratio(double a, uint64_t b)
{
	return b ? a / (double)b : 0.0;
}

/* Population standard deviation / mean, exact up to the last division. */
static double gap_cv(const struct window *w)
{
	if (w->gaps < 2 || w->gap_ms == 0)
		return 0.0;
	unsigned __int128 squares = (unsigned __int128)w->gap_ms2 * w->gaps, square = (unsigned __int128)w->gap_ms * w->gap_ms;
	return squares > square ? sqrt((double)(squares - square)) / (double)w->gap_ms : 0.0;
}

static int64_t age_days(const struct figures *f)
{
	int32_t first = subject_first_day(f->subject);
	int64_t today = f->as_of_ms / DAY_MS - (f->as_of_ms % DAY_MS < 0);
	return first < 0 || today < first ? 0 : today - first;
}

static double in_seconds_or_calls(struct figures *f, const struct feature_info *info, int64_t ms)
{
	if (info->how == HOW_TALK_S)
		return (double)window_of(f, ms, PART_SUMS)->talk_ms / 1000.0;
	return (double)count_in(f, ms, info->a);
}

/* The mean over the last 7 days of a figure over W, the last W left out. */
static double baseline(struct figures *f, const struct figure_key *k)
{
	const struct subject *s = f->subject;
	const struct feature_info *info = &table[k->base];
	int32_t day = s->first_seen_ms == TIME_NONE ? -1 : (int32_t)(s->first_seen_ms / DAY_MS);
	bool known_longer = s->first_day >= 0 && s->first_day < day; /* an earlier record ended 38 days ago */
	if (s->first_seen_ms == TIME_NONE || (!known_longer && f->as_of_ms - s->first_seen_ms < BASELINE_MS))
		return 0.0;
	double week = in_seconds_or_calls(f, info, BASELINE_MS), last = in_seconds_or_calls(f, info, k->window_ms);
	double rest = week > last ? week - last : 0.0;
	return rest / (double)(BASELINE_MS - k->window_ms) * (double)k->window_ms;
}

/* ---- health ---- */

/* Since the first call that it made, in its present record: there its sequence begins, and a number says fewer events than a day has ms. Without one (calibrate),
 * since it was first seen. age_days counts calls received too, and these come through the relay when they come: health must not hang on that. */
static int64_t own_days(const struct figures *f)
{
	const struct subject *s = f->subject;
	int64_t days = s->sequence > 0 && s->sequence < (uint64_t)YEAR_10000_MS ? utc_day(f->as_of_ms) - utc_day((int64_t)s->sequence)
										: age_days(f);
	return days > 0 ? days : 0;
}

static void health_facts_of(struct figures *f, struct health_facts *h)
{
	static const uint8_t counters[] = HEALTH_COUNTERS;
	*h = (struct health_facts){.age_days = own_days(f)};
	for (size_t i = 0; i < sizeof counters; i++)
		h->n[counters[i]] = count_in(f, WINDOW_MAX_MS, counters[i]);
	h->talk_ms = window_of(f, WINDOW_MAX_MS, PART_SUMS)->talk_ms;
}

void health_read(const struct subject *s, int64_t as_of_ms, struct health_facts *h)
{
	struct figures f = {.window_cnt = FIGURE_WINDOWS}; /* no room: the window is read alone, and the rule set's keep what they have */
	figures_reset(&f, s, as_of_ms);
	health_facts_of(&f, h);
}

static void health_now(const struct figures *f, struct health *out)
{
	health_of(f->subject, f->as_of_ms, out);
}

static uint32_t contacts_now(const struct figures *f, struct contact *out, uint32_t max, struct contact_rest *rest)
{
	return subject_contacts(f->subject, f->as_of_ms, out, max, rest);
}

static uint32_t days_now(const struct figures *f, uint16_t zone, struct day_total out[DAY_TOTALS_MAX])
{
	return subject_days(f->subject, zone, f->as_of_ms, out);
}

static int64_t health_figure(struct figures *f, enum health_part part)
{
	struct health_facts facts;
	struct health h = HEALTH_NONE;
	if (!subject_is_cohort(f->subject) && count_in(f, WINDOW_MAX_MS, COUNT_CALLS) >= HEALTH_CALLS_MIN) {
		health_facts_of(f, &facts);
		health_make(&facts, &h);
	}
	return h.of[part];
}

/* Figures that are not counts. */
static void fill_other(struct figures *f, const struct figure_key *k, const struct feature_info *info, struct value *v)
{
	const struct subject *s = f->subject;
	const struct window *w;
	int64_t ms = k->window_ms;
	switch ((enum feature_how)info->how) {
	case HOW_TALK_S:
		v->d = (double)window_of(f, ms, PART_SUMS)->talk_ms / 1000.0;
		break;
	case HOW_AVG_TALK_S:
		w = window_of(f, ms, PART_SUMS);
		v->d = ratio((double)w->talk_ms / 1000.0, w->n[COUNT_ANSWERED]);
		break;
	case HOW_TOP:
		v->i = window_of(f, ms, PART_TOP)->top;
		break;
	case HOW_GAP_MEAN:
		w = window_of(f, ms, PART_GAPS);
		v->d = ratio((double)w->gap_ms / 1000.0, w->gaps);
		break;
	case HOW_GAP_CV:
		v->d = gap_cv(window_of(f, ms, PART_GAPS));
		break;
	case HOW_RUN:
		v->i = window_of(f, ms, PART_RUN)->run;
		break;
	case HOW_PEAK:
		v->i = window_of(f, ms, PART_PEAK)->peak;
		break;
	case HOW_DORMANT:
		w = window_of(f, ms, PART_SUMS);
		v->i = s->history ? window_dormant_days(s->history, w, f->as_of_ms) : 0;
		break;
	case HOW_AGE:
		v->i = age_days(f);
		break;
	case HOW_OUTSIDE:
		*v = f->outside[info->a];
		break;
	case HOW_BASELINE:
		v->d = baseline(f, k);
		break;
	case HOW_HEALTH:
		v->i = health_figure(f, (enum health_part)info->a);
		break;
	case HOW_COUNT:
	case HOW_RATIO:
		assert(false);
	}
}

/* Of a list each value is made by the same few steps without a branch. */
static inline uint64_t word_at(const struct figures *f, uint16_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)f->windows + offset);
}

static inline struct value *value_at(const struct figures *f, const struct figure_plan *p)
{
	return (struct value *)(void *)((char *)f->values + p->value);
}

/* Over nothing it is 0, by a mask: whether a denominator is 0 no branch can foresee. `one`: what a counter of 1 is worth. */
static inline double share(uint64_t a, uint64_t b, double one)
{
	double d = (double)(int64_t)a / one / (double)(int64_t)(b | (b == 0));
	uint64_t bits;
	memcpy(&bits, &d, sizeof bits);
	bits &= UINT64_MAX + (b == 0);
	memcpy(&d, &bits, sizeof d);
	return d;
}

static void fill_lists(struct figures *f, enum figure_group group)
{
	const struct figure_plan *p = f->plan + (group ? f->list_end[group - 1][LIST_CNT - 1] : 0);
	const struct figure_plan *end[LIST_CNT];
	for (int i = 0; i < LIST_CNT; i++)
		end[i] = f->plan + f->list_end[group][i];
	for (; p < end[LIST_COUNT]; p++) {
		struct value *v = value_at(f, p);
		v->type = VALUE_INT;
		v->i = (int64_t)word_at(f, p->a);
	}
	for (; p < end[LIST_RATIO]; p++) {
		struct value *v = value_at(f, p);
		v->type = VALUE_DOUBLE;
		v->d = share(word_at(f, p->a), word_at(f, p->b), 1.0);
	}
	for (; p < end[LIST_TALK]; p++) {
		struct value *v = value_at(f, p);
		v->type = VALUE_DOUBLE;
		v->d = (double)(int64_t)word_at(f, p->a) / 1000.0;
	}
	for (; p < end[LIST_AVG_TALK]; p++) {
		struct value *v = value_at(f, p);
		v->type = VALUE_DOUBLE;
		v->d = share(word_at(f, p->a), word_at(f, p->b), 1000.0);
	}
	for (uint32_t k = 0; k < (f->n + 63) / 64; k++)
		f->filled[k] |= f->planned[group][k];
}

static void fill_together(struct figures *f, enum figure_group group)
{
	for (uint32_t i = 0; i < f->window_cnt; i++)
		if (!(f->windows[i].have & PART_SUMS)) /* with the first all are read */
			read_part(f, &f->windows[i], PART_SUMS);
	for (uint32_t k = 0; k < 3 && group == GROUP_DISTINCT; k++)
		for (uint32_t bits = f->distinct_windows[k]; bits; bits &= bits - 1)
			read_part(f, &f->windows[__builtin_ctz(bits)], part_of(COUNT_CALLEES + k));
	fill_lists(f, group);
}

static void fill_count(struct figures *f, const struct figure_key *k, const struct feature_info *info, struct value *v)
{
	uint64_t a = count_in(f, k->window_ms, info->a);
	v->type = info->type;
	if (info->how == HOW_COUNT)
		v->i = (int64_t)a;
	else
		v->d = ratio((double)a, count_in(f, k->window_ms, info->b));
}

static void figures_fill(struct figures *f, uint32_t slot)
{
	const struct figure_key *k = &f->keys[slot];
	const struct feature_info *info = &table[k->feature];
	struct value *v = &f->values[slot];
	for (int group = 0; group < GROUP_CNT; group++)
		if (is_planned(f, slot, (enum figure_group)group)) {
			fill_together(f, (enum figure_group)group);
			return;
		}
	v->type = info->type;
	if (info->how <= HOW_RATIO)
		fill_count(f, k, info, v);
	else
		fill_other(f, k, info, v);
	f->filled[slot / 64] |= UINT64_C(1) << (slot % 64);
}
