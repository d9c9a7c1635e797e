/* SPDX-License-Identifier: Apache-2.0 */
#include "app/plot.h"

#include "app/page.h"

#define HEIGHT 190.0
#define LEFT 44.0
#define RIGHT 8.0
#define TOP 18.0
#define BOTTOM 26.0

void plot_bar(double share, double strong, struct buf *out)
{
	buf_printf(out,
		   "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"soft\" "
		   "width=\"%.2f\" height=\"10\"/><rect class=\"full\" width=\"%.2f\" height=\"10\"/></svg>",
		   100 * share, 100 * strong);
}

struct plot plot_open_bare(const char *title, const char *class, double width, double height, struct buf *out)
{
	buf_printf(out, "<svg class=\"plot%s%s\" viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n", *class ? " " : "", class, width,
		   height, title);
	return (struct plot){width, height, LEFT, RIGHT, TOP, height - BOTTOM, out};
}

void plot_close_bare(struct plot *p)
{
	buf_puts(p->out, "</svg>");
}

struct plot plot_open(const char *title, const char *class, double width, struct buf *out)
{
	buf_printf(out, "<figure><figcaption>%s</figcaption>", title);
	return plot_open_bare(title, class, width, HEIGHT, out);
}

void plot_close(struct plot *p)
{
	buf_puts(p->out, "</svg></figure>\n");
}

double plot_slot_width(const struct plot *p, uint32_t cnt)
{
	return (p->width - p->left - p->right) / cnt;
}

double plot_slot_middle(const struct plot *p, uint32_t i, uint32_t cnt)
{
	return p->left + plot_slot_width(p, cnt) * (i + 0.5);
}

static void put_line(const struct plot *p, double y, struct slice label)
{
	buf_printf(p->out, "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"y\" x=\"%g\" y=\"%.1f\">",
		   p->left, p->width - p->right, y, y, p->left - 5, y + 4);
	html_text(label, p->out);
	buf_puts(p->out, "</text>\n");
}

double plot_round_up(double v)
{
	static const double small[] = {1, 2, 4, 6, 8, 10}, steps[] = {1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10};
	double unit = 1;
	for (size_t i = 0; i < sizeof small / sizeof small[0]; i++)
		if (small[i] >= v)
			return small[i];
	while (unit * 10 < v)
		unit *= 10;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (steps[i] * unit >= v)
			return steps[i] * unit;
	return unit * 10;
}

void plot_short(double v, struct buf *out)
{
	static const char units[] = " kMG";
	uint32_t unit = 0;
	for (; v >= 1000 && unit < 3; unit++)
		v /= 1000;
	buf_printf(out, "%.3g", v);
	if (unit)
		buf_put_u8(out, (uint8_t)units[unit]);
}

static void put_scale(const struct plot *p, double v, double y, const char *unit)
{
	struct buf b = {0};
	plot_short(v, &b);
	buf_puts(&b, unit);
	put_line(p, y, buf_slice(&b));
	buf_release(&b);
}

void plot_scale(const struct plot *p, double v, double y)
{
	put_scale(p, v, y, "");
}

void plot_label(const struct plot *p, double x, struct slice text, const char *class)
{
	buf_printf(p->out, "<text class=\"x%s%s\" x=\"%.1f\" y=\"%g\">", *class ? " " : "", class, x, p->base + 16);
	html_text(text, p->out);
	buf_puts(p->out, "</text>\n");
}

/* ---- columns ---- */

static void put_rect(const struct plot *p, const char *class, double x, double width, double height)
{
	if (height > p->base - p->top)
		height = p->base - p->top;
	if (height > 0)
		buf_printf(p->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class, x,
			   p->base - height, width, height);
}

/* Those that fit, from the last one back: the newest day has its label. */
static void put_labels(const struct plot *p, const struct plot_column *c, uint32_t cnt)
{
	double next = p->width + 1000;
	for (uint32_t i = cnt; i-- > 0;) {
		double x = plot_slot_middle(p, i, cnt), half = 2.9 * c[i].label.len, most = p->width - 2 - 1.15 * half;
		double to = x > most ? most : x;
		if (!c[i].label.p || to + half > next - 6)
			continue;
		plot_label(p, to, c[i].label, "");
		next = to - half;
	}
}

static void put_columns(const struct plot *p, const struct plot_column *c, uint32_t cnt, const char *unit, double top)
{
	double slot = plot_slot_width(p, cnt), width = slot * 0.8 < 40 ? slot * 0.8 : 40, high = p->base - p->top;
	put_scale(p, top, p->top, unit);
	if (top >= 2)
		put_scale(p, top / 2, (p->top + p->base) / 2, unit);
	put_scale(p, 0, p->base, unit);
	for (uint32_t i = 0; i < cnt; i++) {
		double x = plot_slot_middle(p, i, cnt) - width / 2;
		put_rect(p, "soft", x, width, high * c[i].value / top);
		put_rect(p, "full", x, width, high * c[i].strong / top);
	}
	put_labels(p, c, cnt);
}

void plot_columns(const char *title, const struct plot_column *c, uint32_t cnt, const char *unit, double top, bool both, struct buf *out)
{
	double most = 1;
	for (uint32_t i = 0; i < cnt; i++)
		most = c[i].value > most ? c[i].value : most;
	struct plot p = plot_open(title, both ? "narrow" : "", PLOT_NARROW, out);
	put_columns(&p, c, cnt, unit, top > 0 ? top : plot_round_up(most));
	if (both) {
		plot_close_bare(&p);
		p = plot_open_bare(title, "broad", PLOT_BROAD, HEIGHT, out);
		put_columns(&p, c, cnt, unit, top > 0 ? top : plot_round_up(most));
	}
	plot_close(&p);
}
