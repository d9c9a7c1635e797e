/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the pages of a number: what a dossier and a case study both have. Each writes what belongs to what is shown (dossier_shows). */
#ifndef RINGFENCE_APP_DOSSIER_HTML_H
#define RINGFENCE_APP_DOSSIER_HTML_H

#include "app/dossier.h"
#include "app/page.h"
#include "app/plot.h"

void part_cell(const char *class, struct slice text, struct buf *out); /* a cell of a table; class "" for a number or the first */
void part_health_change(int before, int after, struct buf *out);       /* "41 to 76", "? to 76" */

/* whole sections */
void part_profile(const struct dossier *d, struct buf *out);
void part_alerts(const struct dossier *d, struct buf *out);
void part_phases(const struct dossier *d, struct buf *out);
void part_violations(const struct dossier *d, struct buf *out);
void part_disputes(const struct dossier *d, struct buf *out);
void part_health(const struct dossier *d, struct buf *out);
void part_notes(const struct dossier *d, struct buf *out);

/* inside of one */
void part_days(const struct dossier *d, struct buf *out);        /* calls by day */
void part_answer_rate(const struct dossier *d, struct buf *out); /* share answered by day */
void part_flags(const struct dossier *d, struct buf *out);       /* opened, cleared; test calls */
void part_changed(const struct dossier *d, struct buf *out);     /* before the episode, and at its end */
void part_ends(const struct dossier *d, struct buf *out);        /* why the episode began, how it ended */

#endif
