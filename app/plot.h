/* SPDX-License-Identifier: Apache-2.0 */
/* Plots as SVG inside of a page, in its colours. They are drawn for the width that they are shown at and never made smaller, so that their text can be
 * read: PLOT_NARROW for a phone, PLOT_BROAD for a desk and paper. */
#ifndef RINGFENCE_APP_PLOT_H
#define RINGFENCE_APP_PLOT_H

#include "base/buf.h"

#define PLOT_NARROW 340.0
#define PLOT_BROAD 920.0
#define PLOT_LABELS_MAX 8 /* labels below the axis of a narrow plot */

struct plot {
	double width, height, left, right, top, base; /* base: y of the axis */
	struct buf *out;
};

/* `title` and `class` are ours; class "" for a plot that is shown at any width, else "narrow" or "broad". */
struct plot plot_open(const char *title, const char *class, double width, struct buf *out);
void plot_close(struct plot *p);
/* The same without caption and figure, behind one that has them. */
struct plot plot_open_bare(const char *title, const char *class, double width, double height, struct buf *out);
void plot_close_bare(struct plot *p);

double plot_slot_width(const struct plot *p, uint32_t cnt); /* of `cnt` slots side by side */
double plot_slot_middle(const struct plot *p, uint32_t i, uint32_t cnt);
double plot_round_up(double v);                            /* a round number at or above v, whose half is one too */
void plot_short(double v, struct buf *out);                /* "1.2k" */
void plot_scale(const struct plot *p, double v, double y); /* a line across, and its value */
void plot_label(const struct plot *p, double x, struct slice text, const char *class); /* below the axis */

/* A bar of the length `share`, its first part `strong` darker. Both 0 to 1. */
void plot_bar(double share, double strong, struct buf *out);

struct plot_column {
	double value, strong; /* strong: its lower part, darker */
	struct slice label;   /* below it; absent: none */
};
/* Columns side by side. `unit` stands behind the values of the scale ("", " %"); `top`: where the scale ends, 0: from the values. Drawn for both widths if
 * `both`, else narrow. */
void plot_columns(const char *title, const struct plot_column *c, uint32_t cnt, const char *unit, double top, bool both, struct buf *out);

#endif
