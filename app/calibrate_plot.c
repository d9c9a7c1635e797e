/* SPDX-License-Identifier: Apache-2.0 */
/* The plots of the page of calibrate. */
#include "app/calibrate.h"
#include "app/plot.h"

#include <math.h>

/* The values of the steps below the axis: all, or every second, third... */
static void put_steps(const struct calibrate *x, uint32_t first, uint32_t cnt, const struct plot *p)
{
	uint32_t every = (cnt + PLOT_LABELS_MAX - 1) / PLOT_LABELS_MAX;
	struct buf b = {0};
	for (uint32_t i = 0; i < cnt; i++) {
		if (i % every)
			continue;
		buf_reset(&b);
		calibrate_step_label(x, first + i, &b);
		plot_label(p, plot_slot_middle(p, i, cnt), buf_slice(&b), calibrate_is_in_force(x, first + i) ? "now" : "");
	}
	buf_release(&b);
}

void plot_numbers(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out)
{
	uint64_t most = 1;
	for (uint32_t i = 0; i < cnt; i++)
		if (x->trials[first + i].numbers > most)
			most = x->trials[first + i].numbers;
	struct plot p = plot_open("numbers caught, by step", "", PLOT_NARROW, out);
	double slot = plot_slot_width(&p, cnt), top = plot_round_up((double)most), width = slot * 0.66 < 40 ? slot * 0.66 : 40;
	plot_scale(&p, top, p.top);
	if (top >= 2)
		plot_scale(&p, top / 2, (p.top + p.base) / 2);
	plot_scale(&p, 0, p.base);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct trial *t = &x->trials[first + i];
		double height = (p.base - p.top) * (double)t->numbers / top, middle = plot_slot_middle(&p, i, cnt);
		buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
			   calibrate_is_in_force(x, first + i) ? "full" : "soft", middle - width / 2, p.base - height, width, height);
		if (cnt > PLOT_LABELS_MAX)
			continue;
		buf_printf(out, "<text class=\"x\" x=\"%.1f\" y=\"%.1f\">", middle, p.base - height - 4);
		plot_short((double)t->numbers, out);
		buf_puts(out, "</text>\n");
	}
	put_steps(x, first, cnt, &p);
	plot_close(&p);
}

void plot_calls_until(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out)
{
	double most = 10, decades;
	for (uint32_t i = 0; i < cnt; i++) {
		double v = (double)spread_quantile(&x->trials[first + i].calls_until, 900);
		most = v > most ? v : most;
	}
	decades = ceil(log10(most) - 1e-9);
	struct plot p = plot_open("calls until caught, by step: median (dot) to 90 % (end)", "", PLOT_NARROW, out);
	for (double d = 0; d <= decades; d++)
		plot_scale(&p, pow(10, d), p.base - (p.base - p.top) * d / decades);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct trial *t = &x->trials[first + i];
		if (!t->numbers)
			continue;
		double median = (double)spread_quantile(&t->calls_until, 500), p90 = (double)spread_quantile(&t->calls_until, 900);
		double from = p.base - (p.base - p.top) * log10(median < 1 ? 1 : median) / decades;
		double to = p.base - (p.base - p.top) * log10(p90 < 1 ? 1 : p90) / decades, middle = plot_slot_middle(&p, i, cnt);
		const char *now = calibrate_is_in_force(x, first + i) ? "full" : "soft";
		buf_printf(out,
			   "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" "
			   "y1=\"%.1f\" y2=\"%.1f\"/><circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
			   now, middle, middle, from, to, now, middle - 4, middle + 4, to, to, now, middle, from);
	}
	put_steps(x, first, cnt, &p);
	plot_close(&p);
}
