/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN
 *   Each row of the table turns one figure over the last 31 days into 0 to 100 points by a line with a few knots; a part is the weighted mean of its
 *   rows, health that of the parts. health.md says where the knots come from.
 *
 *   Shares and means are read as if some more calls of an unremarkable number had been made (EXTRA): so a share of few calls counts little, nothing is
 *   divided by zero, and no single call moves much. The truth is what is shown.
 *
 *   Nothing of it comes through the relay: calls received would make health depend on when copies come, and live and replay must say the same.
 *
 * PRECISION
 *   Whole numbers, so that it is the same on every machine. Points are kept in millionths and cut off at the end.
 *
 * GUARANTEES
 *   With 50 calls or more in 31 days, one answered call of 60 s to a new called number moves health and each part by 2 at most, all else equal: while
 *   the window holds at most 128 calls, always; beyond, as long as the figures themselves move by no more than one call (DESIGN section 6: once in a while
 *   aggregates at the far edge of the window merge). test_health.c looks for the worst case. */
#include "scoring/health.h"

#include "scoring/subject.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define EXTRA 50               /* calls, or answered calls, of an unremarkable number */
#define ONE INT64_C(1000000)   /* a share of 1; all points of a row */
#define POINT (ONE / 100)      /* of a row */
#define FULL (100 * ONE)       /* of a part: points times weights */
#define COUNT_SANE (ONE * ONE) /* larger counts are taken as this one */

enum row_kind {
	ROW_SHARE,    /* a / b, in millionths */
	ROW_AVG_TALK, /* ms */
	ROW_AGE,      /* days */
	ROW_COUNT,    /* a */
};

struct knot {
	int64_t x;
	int64_t points; /* 0 to 100 */
};
#define KNOTS 4

struct row {
	uint8_t part, kind, weight; /* weight: of 100 of its part */
	uint8_t a, b;
	int64_t extra; /* figure of the extra calls */
	uint8_t knots;
	struct knot knot[KNOTS]; /* by x */
	const char *figure, *words;
};

static const uint8_t part_weight[HEALTH_PARTS] = {
	[HEALTH_MATURITY] = 15, [HEALTH_CONNECTION] = 25, [HEALTH_ENGAGEMENT] = 35, [HEALTH_SENTIMENT] = 25};

#define AT(ratio, p)                          \
	{                                     \
		(int64_t)((ratio)*1000000), p \
	}
/* clang-format off */
static const struct row rows[] = {
	{HEALTH_MATURITY, ROW_AGE, 70, 0, 0, 0, 3, {{0, 0}, {30, 50}, {90, 100}}, "age_days", "days since the first call that it made"},
	{HEALTH_MATURITY, ROW_COUNT, 30, COUNT_CALLS, 0, 0, 2, {{20, 40}, {100, 100}}, "calls[\"31d\"]", "calls made: few say little"},
	{HEALTH_CONNECTION, ROW_SHARE, 50, COUNT_ANSWERED, COUNT_CALLS, 250000, 2, {AT(0.05, 0), AT(0.50, 100)},
	 "answer_ratio[\"31d\"]", "calls were answered"},
	{HEALTH_CONNECTION, ROW_SHARE, 30, COUNT_INVALID, COUNT_CALLS, 20000, 2, {AT(0.02, 100), AT(0.12, 0)},
	 "invalid_ratio[\"31d\"]", "calls went to numbers that do not exist"},
	{HEALTH_CONNECTION, ROW_SHARE, 20, COUNT_CANCELLED, COUNT_CALLS, 100000, 2, {AT(0.10, 100), AT(0.30, 0)},
	 "cancel_ratio[\"31d\"]", "calls were cancelled while it rang"},
	{HEALTH_ENGAGEMENT, ROW_SHARE, 22, COUNT_SHORT6, COUNT_ANSWERED, 50000, 2, {AT(0.05, 100), AT(0.25, 0)},
	 "short6_ratio[\"31d\"]", "answered calls lasted 6 s or less"},
	{HEALTH_ENGAGEMENT, ROW_SHARE, 15, COUNT_SHORT10, COUNT_ANSWERED, 150000, 2, {AT(0.15, 100), AT(0.45, 0)},
	 "short10_ratio[\"31d\"]", "answered calls lasted less than 10 s"},
	{HEALTH_ENGAGEMENT, ROW_AVG_TALK, 28, COUNT_ANSWERED, 0, 37500, 2, {{15000, 0}, {60000, 100}},
	 "avg_talk_s[\"31d\"]", "answered calls, talk time on average"},
	{HEALTH_ENGAGEMENT, ROW_SHARE, 27, COUNT_LONG60, COUNT_ANSWERED, 200000, 2, {AT(0.05, 0), AT(0.40, 100)},
	 "long60_ratio[\"31d\"]", "answered calls lasted a minute or more"},
	{HEALTH_ENGAGEMENT, ROW_SHARE, 8, COUNT_CALLEES, COUNT_CALLS, 600000, 2, {AT(0.50, 100), AT(1.00, 0)},
	 "callee_ratio[\"31d\"]", "different numbers called, by calls: nobody is called twice"},
	{HEALTH_SENTIMENT, ROW_COUNT, 45, COUNT_FLAGS, 0, 0, 4, {{0, 100}, {1, 60}, {3, 20}, {5, 0}},
	 "flags[\"31d\"]", "flags and complaints"},
	{HEALTH_SENTIMENT, ROW_SHARE, 20, COUNT_BLOCKED, COUNT_CALLS, 0, 2, {AT(0.00, 100), AT(0.10, 0)},
	 "blocked_ratio[\"31d\"]", "calls were blocked as unwanted (SIP 603+, 607, 608)"},
	{HEALTH_SENTIMENT, ROW_SHARE, 15, COUNT_REJECTED, COUNT_CALLS, 100000, 2, {AT(0.10, 100), AT(0.40, 0)},
	 "rejected_ratio[\"31d\"]", "calls were rejected"},
	{HEALTH_SENTIMENT, ROW_SHARE, 10, COUNT_ABANDONED, COUNT_ANSWERED, 10000, 2, {AT(0.01, 100), AT(0.05, 0)},
	 "abandoned_ratio[\"31d\"]", "answered calls were dropped by the caller within 3 s"},
	{HEALTH_SENTIMENT, ROW_SHARE, 10, COUNT_OFF_HOURS, COUNT_ZONED, 50000, 2, {AT(0.05, 100), AT(0.30, 0)},
	 "off_hours_ratio[\"31d\"]", "calls began before 8 or after 21 o'clock where they went"},
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof rows[0])
static_assert(ROWS <= HEALTH_REASONS_MAX, "a reason a row");

static int64_t sane(uint64_t n)
{
	return n > (uint64_t)COUNT_SANE ? COUNT_SANE : (int64_t)n;
}

/* The figure as it counts: with the extra calls. */
static int64_t figure_of(const struct row *r, const struct health_facts *h)
{
	int64_t a = sane(h->n[r->a]), b = sane(h->n[r->b]);
	switch ((enum row_kind)r->kind) {
	case ROW_SHARE:
		return (a * ONE + EXTRA * r->extra) / (b + EXTRA);
	case ROW_AVG_TALK:
		return (int64_t)((h->talk_ms / 2 + (uint64_t)(EXTRA * r->extra) / 2) / (uint64_t)(a + EXTRA)) * 2;
	case ROW_AGE:
		return h->age_days;
	case ROW_COUNT:
		return a;
	}
	return 0;
}

/* 0 to ONE. */
static int64_t points_at(const struct row *r, int64_t x)
{
	const struct knot *k = r->knot, *last = r->knot + r->knots - 1;
	if (x <= k->x)
		return k->points * POINT;
	if (x >= last->x)
		return last->points * POINT;
	while (x >= k[1].x)
		k++;
	return k->points * POINT + (k[1].points - k->points) * POINT * (x - k->x) / (k[1].x - k->x);
}

static int64_t row_points(const struct row *r, const struct health_facts *h)
{
	return points_at(r, figure_of(r, h));
}

struct sums { /* 0 to FULL */
	int64_t lost[HEALTH_PARTS];
};

static struct sums sum_rows(const struct health_facts *h)
{
	struct sums s = {{0}};
	for (size_t i = 0; i < ROWS; i++)
		s.lost[rows[i].part] += rows[i].weight * (ONE - row_points(&rows[i], h));
	return s;
}

void health_make(const struct health_facts *h, struct health *out)
{
	struct sums s = sum_rows(h);
	int64_t all = 0;
	*out = HEALTH_NONE;
	if (h->n[COUNT_CALLS] < HEALTH_CALLS_MIN)
		return;
	for (int p = HEALTH_MATURITY; p < HEALTH_PARTS; p++) {
		int64_t part = FULL - s.lost[p];
		out->of[p] = (int32_t)(part / ONE);
		all += part_weight[p] * part;
	}
	out->of[HEALTH_ALL] = (int32_t)(all / 100 / ONE);
}

void health_of(const struct subject *s, int64_t as_of_ms, struct health *out)
{
	struct health_facts h;
	*out = HEALTH_NONE;
	if (subject_is_cohort(s) || !s->history)
		return;
	health_read(s, as_of_ms, &h);
	health_make(&h, out);
}

/* ---- reasons ---- */

static void write_x(char *out, size_t size, const struct row *r, int64_t x)
{
	if (r->kind == ROW_AGE)
		snprintf(out, size, "%lld days", (long long)x);
	else if (r->kind == ROW_COUNT)
		snprintf(out, size, "%lld", (long long)x);
	else if (r->kind == ROW_AVG_TALK)
		snprintf(out, size, "%lld s", (long long)x / 1000);
	else
		snprintf(out, size, "%.2f", (double)x / (double)ONE);
}

static void tell_figure(const struct row *r, const struct health_facts *h, struct health_reason *out)
{
	double a = (double)h->n[r->a], b = (double)h->n[r->b];
	out->value = (struct value){.type = VALUE_INT, .i = r->kind == ROW_AGE ? h->age_days : (int64_t)h->n[r->a]};
	if (r->kind == ROW_SHARE)
		out->value = (struct value){.type = VALUE_DOUBLE, .d = b > 0 ? a / b : 0.0};
	if (r->kind == ROW_AVG_TALK)
		out->value = (struct value){.type = VALUE_DOUBLE, .d = a > 0 ? (double)h->talk_ms / 1000.0 / a : 0.0};
	if (out->value.type == VALUE_INT)
		snprintf(out->text, sizeof out->text, r->kind == ROW_AGE ? "%lld days" : "%lld", (long long)out->value.i);
	else
		snprintf(out->text, sizeof out->text, r->kind == ROW_AVG_TALK ? "%.0f s" : "%.2f", out->value.d);
}

static void tell_words(const struct row *r, const struct health_facts *h, struct health_reason *out)
{
	const struct knot *first = r->knot, *last = r->knot + r->knots - 1;
	const struct knot *best = first->points > last->points ? first : last, *worst = best == first ? last : first;
	char all[24], none[24], what[112];
	write_x(all, sizeof all, r, best->x);
	write_x(none, sizeof none, r, worst->x);
	if (r->kind == ROW_SHARE)
		snprintf(what, sizeof what, "%llu of %llu %s", (unsigned long long)h->n[r->a], (unsigned long long)h->n[r->b], r->words);
	else if (r->kind == ROW_AVG_TALK)
		snprintf(what, sizeof what, "%llu %s %s", (unsigned long long)h->n[r->a], r->words, out->text);
	else
		snprintf(what, sizeof what, "%lld %s", (long long)out->value.i, r->words);
	snprintf(out->words, sizeof out->words, "%s; all points %s %s, %s %s %s", what, best == last ? "from" : "up to", all,
		 worst->points ? "fewest" : "none", worst == first ? "up to" : "from", none);
}

static double health_points(const struct row *r, int64_t of_part)
{
	return (double)(part_weight[r->part] * of_part / ONE) / 100.0; /* in hundredths */
}

static void tell(const struct row *r, const struct health_facts *h, struct health_reason *out)
{
	int64_t points = row_points(r, h), first = r->knot[0].points, last = r->knot[r->knots - 1].points;
	int64_t least = first < last ? first : last;
	*out = (struct health_reason){.part = (enum health_part)r->part, .figure = r->figure};
	out->points = health_points(r, -(r->weight * (ONE - points)));
	out->most = health_points(r, r->weight * (ONE - least * POINT));
	tell_figure(r, h, out);
	tell_words(r, h, out);
}

/* What is lost comes first. */
static bool before(const struct health_reason *a, const struct health_reason *b)
{
	return fabs(a->points) > fabs(b->points);
}

uint32_t health_reasons(const struct subject *s, int64_t as_of_ms, struct health_reason out[HEALTH_REASONS_MAX])
{
	struct health_facts h;
	if (subject_is_cohort(s) || !s->history)
		return 0;
	health_read(s, as_of_ms, &h);
	if (h.n[COUNT_CALLS] < HEALTH_CALLS_MIN)
		return 0;
	for (uint32_t i = 0; i < ROWS; i++) {
		struct health_reason r;
		uint32_t at = i;
		tell(&rows[i], &h, &r);
		for (; at > 0 && before(&r, &out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = r;
	}
	return ROWS;
}
