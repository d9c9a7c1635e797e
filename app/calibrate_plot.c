/* SPDX-License-Identifier: Apache-2.0 */
/* The plots of the page of calibrate, as SVG inside of it. They are drawn for the width of a phone and never made smaller; colours are the page's. */
#include "app/calibrate.h"

#include <math.h>

#define WIDTH 340.0
#define HEIGHT 190.0
#define LEFT 44.0
#define RIGHT 8.0
#define TOP 18.0
#define BOTTOM 26.0
#define BASE (HEIGHT - BOTTOM)
#define LABELS_MAX 8 /* labels below an axis */

void html_text(struct slice s, struct buf *out)
{
	for (uint32_t i = 0; i < s.len; i++)
		switch (s.p[i]) {
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		default:
			buf_put_u8(out, (uint8_t)s.p[i]);
		}
}

void plot_bar(double share, double strong, struct buf *out)
{
	buf_printf(out,
		   "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"soft\" "
		   "width=\"%.2f\" height=\"10\"/><rect class=\"full\" width=\"%.2f\" height=\"10\"/></svg>",
		   100 * share, 100 * strong);
}

static void open_plot(const char *title, struct buf *out)
{
	buf_printf(out, "<figure><figcaption>%s</figcaption><svg class=\"plot\" viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n",
		   title, WIDTH, HEIGHT, title);
}

static void close_plot(struct buf *out)
{
	buf_puts(out, "</svg></figure>\n");
}

static double slot_width(uint32_t cnt)
{
	return (WIDTH - LEFT - RIGHT) / cnt;
}

static double slot_middle(uint32_t i, uint32_t cnt)
{
	return LEFT + slot_width(cnt) * (i + 0.5);
}

static void put_line(double y, struct slice label, struct buf *out)
{
	buf_printf(out, "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"y\" x=\"%g\" y=\"%.1f\">", LEFT,
		   WIDTH - RIGHT, y, y, LEFT - 5, y + 4);
	html_text(label, out);
	buf_puts(out, "</text>\n");
}

/* The values of the steps below the axis: all, or every second, third... */
static void put_steps(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out)
{
	uint32_t every = (cnt + LABELS_MAX - 1) / LABELS_MAX;
	struct buf b = {0};
	for (uint32_t i = 0; i < cnt; i++) {
		if (i % every)
			continue;
		buf_reset(&b);
		calibrate_step_label(x, first + i, &b);
		buf_printf(out, "<text class=\"x%s\" x=\"%.1f\" y=\"%g\">", calibrate_is_in_force(x, first + i) ? " now" : "",
			   slot_middle(i, cnt), BASE + 16);
		html_text(buf_slice(&b), out);
		buf_puts(out, "</text>\n");
	}
	buf_release(&b);
}

/* A round number at or above v, of the form 1, 2, 5, 10, ... */
static double round_up(double v)
{
	static const double steps[] = {1, 2, 5, 10};
	double unit = 1;
	while (unit * 10 < v)
		unit *= 10;
	for (size_t i = 0; i < 4; i++)
		if (steps[i] * unit >= v)
			return steps[i] * unit;
	return unit * 10;
}

/* "1.2k" */
static void put_short(double v, struct buf *out)
{
	static const char units[] = " kMG";
	uint32_t unit = 0;
	for (; v >= 1000 && unit < 3; unit++)
		v /= 1000;
	buf_printf(out, "%.3g", v);
	if (unit)
		buf_put_u8(out, (uint8_t)units[unit]);
}

static void put_scale(double v, double y, struct buf *out)
{
	struct buf b = {0};
	put_short(v, &b);
	put_line(y, buf_slice(&b), out);
	buf_release(&b);
}

void plot_numbers(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out)
{
	uint64_t most = 1;
	for (uint32_t i = 0; i < cnt; i++)
		if (x->trials[first + i].numbers > most)
			most = x->trials[first + i].numbers;
	double top = round_up((double)most), width = slot_width(cnt) * 0.66 < 40 ? slot_width(cnt) * 0.66 : 40;
	open_plot("numbers caught, by step", out);
	put_scale(top, TOP, out);
	if (top >= 2)
		put_scale(top / 2, (TOP + BASE) / 2, out);
	put_scale(0, BASE, out);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct trial *t = &x->trials[first + i];
		double height = (BASE - TOP) * (double)t->numbers / top, middle = slot_middle(i, cnt);
		buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
			   calibrate_is_in_force(x, first + i) ? "full" : "soft", middle - width / 2, BASE - height, width, height);
		if (cnt > LABELS_MAX)
			continue;
		buf_printf(out, "<text class=\"x\" x=\"%.1f\" y=\"%.1f\">", middle, BASE - height - 4);
		put_short((double)t->numbers, out);
		buf_puts(out, "</text>\n");
	}
	put_steps(x, first, cnt, out);
	close_plot(out);
}

void plot_calls_until(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out)
{
	double most = 10, decades;
	for (uint32_t i = 0; i < cnt; i++) {
		double v = (double)spread_quantile(&x->trials[first + i].calls_until, 900);
		most = v > most ? v : most;
	}
	decades = ceil(log10(most) - 1e-9);
	open_plot("calls until caught, by step: median (dot) to 90 % (end)", out);
	for (double d = 0; d <= decades; d++)
		put_scale(pow(10, d), BASE - (BASE - TOP) * d / decades, out);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct trial *t = &x->trials[first + i];
		if (!t->numbers)
			continue;
		double median = (double)spread_quantile(&t->calls_until, 500), p90 = (double)spread_quantile(&t->calls_until, 900);
		double from = BASE - (BASE - TOP) * log10(median < 1 ? 1 : median) / decades;
		double to = BASE - (BASE - TOP) * log10(p90 < 1 ? 1 : p90) / decades, middle = slot_middle(i, cnt);
		const char *now = calibrate_is_in_force(x, first + i) ? "full" : "soft";
		buf_printf(out,
			   "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/><line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" "
			   "y1=\"%.1f\" y2=\"%.1f\"/><circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
			   now, middle, middle, from, to, now, middle - 4, middle + 4, to, to, now, middle, from);
	}
	put_steps(x, first, cnt, out);
	close_plot(out);
}
