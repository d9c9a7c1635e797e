/* SPDX-License-Identifier: Apache-2.0 */
/* The report of calibrate for a terminal of 100 columns. A step is a line; `*` marks the value in force. */
#include "app/calibrate.h"

#define COLUMNS 100
#define VALUE_WIDTH 12
#define KINDS_IN_ROW 7
#define LABEL_WIDTH 32

static void put_value_column(const struct calibrate *x, uint32_t trial, struct buf *out)
{
	struct buf b = {0};
	calibrate_step_label(x, trial, &b);
	buf_printf(out, " %c %-*.*s", calibrate_is_in_force(x, trial) ? '*' : ' ', VALUE_WIDTH, (int)b.len,
		   b.len ? (const char *)b.data : "");
	buf_release(&b);
}

static void put_trial(const struct calibrate *x, uint32_t trial, struct buf *out)
{
	const struct trial *t = &x->trials[trial];
	char time[TIME_TEXT_BYTES], until[32];
	put_value_column(x, trial, out);
	buf_printf(out, " %11s %6.2f%% %6.1f%% %6.1f%%", calibrate_grouped(t->numbers), 100 * share_of(t->numbers, x->callers.cnt),
		   100 * share_of(t->calls, x->calls), 100 * share_of(t->calls - t->calls_before, x->calls));
	if (t->numbers)
		buf_printf(out, " %8s %8s %8s  %.16s", calibrate_grouped(spread_quantile(&t->calls_until, 500)),
			   calibrate_grouped(spread_quantile(&t->calls_until, 900)),
			   calibrate_spell(spread_quantile(&t->seconds_until, 500), until), time_format(t->first_ms, time));
	if (t->errors)
		buf_printf(out, "  %s errors", calibrate_grouped(t->errors));
	buf_puts(out, "\n");
}

static void put_columns(struct slice param, struct buf *out)
{
	buf_printf(out, "   %-*.*s     numbers  of all   their   after    calls until caught  time to  first catch\n", VALUE_WIDTH,
		   (int)param.len, param.len ? param.p : "");
	buf_printf(out, "   %-*s                      calls   catch   median      p90   median\n", VALUE_WIDTH, "");
}

/* The trials `first` to `first + cnt - 1` by kind of number, as many kinds as fit beside each other. */
static void put_kinds(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out)
{
	uint32_t shown[KINDS_MAX + 1], n = 0;
	for (uint32_t k = 0; x->truth && k < x->truth->kind_cnt; k++)
		if (x->truth->numbers[k])
			shown[n++] = k;
	for (uint32_t from = 0; from < n; from += KINDS_IN_ROW) {
		uint32_t to = from + KINDS_IN_ROW < n ? from + KINDS_IN_ROW : n;
		buf_printf(out, "   %-*s", VALUE_WIDTH, "caught of");
		for (uint32_t i = from; i < to; i++)
			buf_printf(out, " %11.*s", (int)(x->truth->kinds[shown[i]].len < 11 ? x->truth->kinds[shown[i]].len : 11),
				   x->truth->kinds[shown[i]].p);
		buf_printf(out, "\n   %-*s", VALUE_WIDTH, "");
		for (uint32_t i = from; i < to; i++)
			buf_printf(out, " %11s", calibrate_grouped(x->truth->numbers[shown[i]]));
		buf_puts(out, "\n");
		for (uint32_t t = first; t < first + cnt; t++) {
			put_value_column(x, t, out);
			for (uint32_t i = from; i < to; i++) {
				uint64_t caught = x->trials[t].kinds[shown[i]];
				buf_printf(out, " %6s %3.0f%%", calibrate_grouped(caught),
					   100 * share_of(caught, x->truth->numbers[shown[i]]));
			}
			buf_puts(out, "\n");
		}
	}
}

/* One figure more of an example, on a new line if the one that began at `*line` would become too long. */
static void put_figure(const struct event_figure *figure, struct value v, bool more, size_t *line, struct buf *out)
{
	struct buf b = {0};
	buf_printf(&b, SLICE_FMT " = ", SLICE_ARG(figure->text));
	calibrate_figure(v, &b);
	if (more)
		buf_puts(out, ",");
	if (out->len - *line + 2 + b.len > COLUMNS) {
		buf_puts(out, "\n");
		*line = out->len;
		buf_puts(out, "            ");
	}
	buf_printf(out, " " SLICE_FMT, SLICE_ARG(buf_slice(&b)));
	buf_release(&b);
}

static void put_examples(const struct calibrate *x, uint32_t trial, struct buf *out)
{
	const struct trial *t = &x->trials[trial];
	const struct program *p = &x->trying->rules[trial].program;
	char time[TIME_TEXT_BYTES];
	for (uint32_t i = 0; i < t->example_cnt; i++) {
		const struct example *e = &t->examples[i];
		size_t line = out->len;
		buf_printf(out, "   %s " SLICE_FMT, i ? "      " : "caught", SLICE_ARG(e->number));
		if (x->truth)
			buf_printf(out, " (" SLICE_FMT ")", SLICE_ARG(x->truth->kinds[e->kind]));
		buf_printf(out, " at %.19sZ after %s calls:", time_format(e->time_ms, time), calibrate_grouped(e->calls));
		for (uint32_t k = 0; k < p->figure_cnt; k++)
			put_figure(&p->figures[k], e->figures[k], k > 0, &line, out);
		buf_puts(out, "\n");
	}
}

static void put_rule(const struct calibrate *x, uint32_t rule, uint32_t *ladder, struct buf *out)
{
	const struct rule *r = &x->rules->rules[rule];
	char text[TIME_TEXT_BYTES];
	buf_puts(out, "\n");
	calibrate_rule_label(x, rule, out);
	buf_printf(out, " (%s:%d)", r->file, r->line);
	if (r->for_ms)
		buf_printf(out, ", for %s", duration_format(r->for_ms, text));
	buf_printf(out, "\n   " SLICE_FMT "\n", SLICE_ARG(r->expr));
	if (x->trials[x->in_force[rule]].of.ladder == RULES_AS_LOADED) {
		put_columns(SLICE_NONE, out);
		put_trial(x, x->in_force[rule], out);
		put_kinds(x, x->in_force[rule], 1, out);
	}
	for (uint32_t end = *ladder + r->ladder_cnt; *ladder < end; ++*ladder) {
		struct rules_ladder l = rules_ladder(x->rules, *ladder);
		uint32_t first = x->ladder_trial[*ladder];
		put_columns(l.param, out);
		for (uint32_t step = 0; step < l.step_cnt; step++)
			put_trial(x, first + step, out);
		put_kinds(x, first, l.step_cnt, out);
	}
	put_examples(x, x->in_force[rule], out);
}

/* Per rule in force: what only it caught, and the rule that it resembles most. */
static void put_overlap(const struct calibrate *x, struct buf *out)
{
	uint32_t n = rules_cnt(x->rules);
	struct buf b = {0};
	if (n < 2 || !x->overlap)
		return;
	buf_printf(out, "\noverlap at the values in force: numbers caught by both, of those caught by either\n   %-*s %9s %9s   %s\n",
		   LABEL_WIDTH, "rule", "numbers", "it alone", "most like");
	for (uint32_t a = 0; a < n; a++) {
		const struct trial *t = &x->trials[x->in_force[a]];
		uint32_t like = a;
		for (uint32_t i = 0; i < n; i++)
			if (i != a && calibrate_both(x, a, i) && (like == a || calibrate_jaccard(x, a, i) > calibrate_jaccard(x, a, like)))
				like = i;
		buf_reset(&b);
		calibrate_rule_label(x, a, &b);
		buf_printf(out, "   %-*.*s %9s %9s", LABEL_WIDTH, (int)(b.len < LABEL_WIDTH ? b.len : LABEL_WIDTH), (const char *)b.data,
			   calibrate_grouped(t->numbers), calibrate_grouped(t->alone));
		if (like != a) {
			buf_printf(out, "   %3.0f%% ", 100 * calibrate_jaccard(x, a, like));
			calibrate_rule_label(x, like, out);
		}
		buf_puts(out, "\n");
	}
	buf_release(&b);
}

void calibrate_table(const struct calibrate *x, struct buf *out)
{
	uint32_t ladder = 0, rules = rules_cnt(x->rules);
	char last[TIME_TEXT_BYTES];
	buf_printf(out, "%s calls of %s numbers", calibrate_grouped(x->calls), calibrate_grouped(x->callers.cnt));
	if (x->sums.last_ms != TIME_NONE)
		buf_printf(out, " up to %.16sZ", time_format(x->sums.last_ms, last));
	buf_printf(out, "; %u rule%s, %u condition%s tried; %.1f s, %.0f k CDR/s\n", rules, rules == 1 ? "" : "s", x->trial_cnt,
		   x->trial_cnt == 1 ? "" : "s", x->seconds, x->seconds > 0 ? (double)x->sums.records / x->seconds / 1000 : 0.0);
	if (x->sums.counts.dead_letters)
		buf_printf(out, "%s records could not be used\n", calibrate_grouped(x->sums.counts.dead_letters));
	for (uint32_t i = 0; i < rules; i++)
		put_rule(x, i, &ladder, out);
	put_overlap(x, out);
}
