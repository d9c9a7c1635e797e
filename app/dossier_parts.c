/* SPDX-License-Identifier: Apache-2.0 */
#include "app/dossier_html.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- small things ---- */

void part_cell(const char *class, struct slice text, struct buf *out)
{
	buf_printf(out, *class ? "<td class=\"%s\">" : "<td>", class);
	html_text(text, out);
	buf_puts(out, "</td>");
}

static void cell_time(const struct dossier *d, int64_t ms, struct buf *out)
{
	char text[TIME_TEXT_BYTES] = "";
	if (ms != TIME_NONE)
		dossier_local_text(d, ms, text);
	part_cell("text", slice_of(text), out);
}

static void cell_date(const struct dossier *d, int64_t ms, struct buf *out)
{
	char text[TIME_TEXT_BYTES] = "";
	if (ms != TIME_NONE)
		dossier_local_text(d, ms, text);
	part_cell("text", slice_make(text, strnlen(text, 10)), out);
}

static void put_score(int v, struct buf *out)
{
	if (v < 0)
		buf_puts(out, "?");
	else
		buf_printf(out, "%d", v);
}

void part_health_change(int before, int after, struct buf *out)
{
	put_score(before, out);
	buf_puts(out, " to ");
	put_score(after, out);
}

static void put_value(const struct value *v, struct buf *out)
{
	if (v->type == VALUE_INT)
		buf_printf(out, "%lld", (long long)v->i);
	else if (v->type == VALUE_DOUBLE)
		buf_printf(out, "%.4g", v->d);
	else if (v->type == VALUE_BOOL)
		buf_puts(out, v->b ? "yes" : "no");
	else
		html_text(v->s, out);
}

static bool of_kind(const struct dossier *d, uint32_t i, enum history_kind kind)
{
	return d->history.entries[i].kind == kind && dossier_shows(d, &d->history.entries[i]);
}

static bool has_kind(const struct dossier *d, enum history_kind kind)
{
	for (uint32_t i = 0; i < d->history.cnt; i++)
		if (of_kind(d, i, kind))
			return true;
	return false;
}

/* The head of a table in a box that scrolls: names apart by '|', the first one and those behind a '<' are text. */
static void open_table(const char *names, struct buf *out)
{
	buf_puts(out, "<div class=\"wide\"><table><tr><th>");
	for (const char *c = names; *c; c++)
		if (*c == '|' && c[1] == '<')
			buf_puts(out, "</th><th class=\"text\">"), c++;
		else if (*c == '|')
			buf_puts(out, "</th><th>");
		else
			buf_put_u8(out, (uint8_t)*c);
	buf_puts(out, "</th></tr>\n");
}

static void close_table(struct buf *out)
{
	buf_puts(out, "</table></div>\n");
}

/* ---- the business ---- */

static void put_line(const char *name, struct slice text, struct buf *out)
{
	if (!text.len)
		return;
	buf_printf(out, "<dt>%s</dt><dd>", name);
	html_text(text, out);
	buf_puts(out, "</dd>\n");
}

void part_profile(const struct dossier *d, struct buf *out)
{
	const struct profile *p = d->profile;
	page_section_open("profile", "Business", out);
	if (!p) {
		buf_puts(out, "<p>No business profile is configured for this number's account (<code>profiles</code>).</p>\n");
		page_section_close(out);
		return;
	}
	buf_puts(out, "<dl>\n");
	put_line("name", p->name, out);
	put_line("website", p->website, out);
	put_line("address", p->address, out);
	if (p->years >= 0)
		buf_printf(out, "<dt>in business</dt><dd>%lld years</dd>\n", (long long)p->years);
	put_line("purpose of the calls", p->purpose, out);
	put_line("how people agree", p->opt_in, out);
	for (uint32_t i = 0; i < p->licence_cnt; i++)
		put_line(i ? "" : "licences", p->licences[i], out);
	put_line("contact", p->contact_name, out);
	put_line("e-mail", p->contact_email, out);
	put_line("telephone", p->contact_phone, out);
	buf_puts(out, "</dl>\n");
	page_section_close(out);
}

/* ---- days ---- */

#define DAY_LABELS 14 /* at most so many days apart */

static bool day_shown(const struct dossier *d, const struct dossier_day *day)
{
	return d->from_ms == TIME_NONE ||
	       (day->day * DAY_MS >= d->from_ms - 31 * DAY_MS && (d->to_ms == TIME_NONE || day->day * DAY_MS <= d->to_ms));
}

/* The days that are shown as columns; returns their count. */
static uint32_t day_columns(const struct dossier *d, struct plot_column *c, char (*labels)[TIME_TEXT_BYTES], bool share)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < d->day_cnt; i++) {
		const struct dossier_day *day = &d->days[i];
		if (!day_shown(d, day))
			continue;
		double rate = day->calls ? 100.0 * (double)day->answered / (double)day->calls : 0;
		dossier_day_text(day->day, labels[n]);
		c[n] = share ? (struct plot_column){rate, rate, SLICE_NONE}
			     : (struct plot_column){(double)day->calls, (double)day->answered, SLICE_NONE};
		n++;
	}
	for (uint32_t i = 0; i < n; i++)
		if ((n - 1 - i) % (n > 60 ? 30 : DAY_LABELS) == 0)
			c[i].label = slice_of(labels[i] + (n > 300 ? 0 : 5));
	return n;
}

static void plot_days(const struct dossier *d, const char *title, bool share, struct buf *out)
{
	struct plot_column *c = mem_alloc((d->day_cnt + 1) * sizeof *c);
	char(*labels)[TIME_TEXT_BYTES] = mem_alloc((d->day_cnt + 1) * sizeof *labels);
	uint32_t n = day_columns(d, c, labels, share);
	if (n)
		plot_columns(title, c, n, share ? " %" : "", share ? 100 : 0, true, out);
	else
		buf_puts(out, "<p>No day of this time is remembered.</p>\n");
	free(c);
	free(labels);
}

void part_days(const struct dossier *d, struct buf *out)
{
	plot_days(d, "calls by day, answered ones darker", false, out);
}

void part_answer_rate(const struct dossier *d, struct buf *out)
{
	plot_days(d, "share of the calls that were answered, by day", true, out);
}

/* ---- what changed ---- */

#define CHANGED_DAYS 31

struct totals {
	int64_t calls, answered, talk_s;
	uint32_t days; /* with calls */
};

static struct totals totals_of(const struct dossier *d, int64_t from_ms, int64_t to_ms)
{
	struct totals t = {0};
	for (uint32_t i = 0; i < d->day_cnt; i++) {
		const struct dossier_day *day = &d->days[i];
		if (day->day * DAY_MS < from_ms || day->day * DAY_MS >= to_ms)
			continue;
		t.calls += day->calls;
		t.answered += day->answered;
		t.talk_s += day->talk_s;
		t.days += day->calls > 0;
	}
	return t;
}

static void put_share(double part, double all, const char *fmt, struct buf *out)
{
	buf_puts(out, "<td>");
	if (all > 0)
		buf_printf(out, "%.1f%s", part / all, fmt);
	buf_puts(out, "</td>");
}

void part_changed(const struct dossier *d, struct buf *out)
{
	int64_t end_ms = d->to_ms == TIME_NONE ? d->as_of_ms : d->to_ms, last_ms = end_ms - CHANGED_DAYS * DAY_MS;
	struct totals before = totals_of(d, d->from_ms - CHANGED_DAYS * DAY_MS, d->from_ms);
	struct totals after = totals_of(d, last_ms > d->from_ms ? last_ms : d->from_ms, end_ms);
	const struct case_row *r = dossier_row(d);
	buf_puts(out, "<p class=\"muted\">The 31 days before the episode, and its last 31 days.</p>\n");
	open_table("|before|at its end", out);
	buf_printf(out, "<tr><td>calls</td><td>%lld</td><td>%lld</td></tr>\n<tr><td>days with calls</td><td>%u</td><td>%u</td></tr>\n",
		   (long long)before.calls, (long long)after.calls, before.days, after.days);
	buf_puts(out, "<tr><td>calls a day with calls</td>");
	put_share((double)before.calls, before.days, "", out);
	put_share((double)after.calls, after.days, "", out);
	buf_puts(out, "</tr>\n<tr><td>answered</td>");
	put_share(100 * (double)before.answered, (double)before.calls, " %", out);
	put_share(100 * (double)after.answered, (double)after.calls, " %", out);
	buf_puts(out, "</tr>\n<tr><td>talk time, mean</td>");
	put_share((double)before.talk_s, (double)before.answered, " s", out);
	put_share((double)after.talk_s, (double)after.answered, " s", out);
	buf_puts(out, "</tr>\n");
	if (r) {
		buf_puts(out, "<tr><td>health</td><td>");
		put_score(r->health_before, out);
		buf_puts(out, "</td><td>");
		put_score(r->health_after, out);
		buf_puts(out, "</td></tr>\n");
	}
	close_table(out);
}

/* ---- flags ---- */

static void put_flag_entry(const struct dossier *d, const struct history_entry *e, struct buf *out)
{
	bool opened = e->kind == HISTORY_FLAG_OPENED;
	buf_puts(out, "<tr>");
	cell_time(d, e->time_ms, out);
	part_cell("text", opened ? SLICE_LIT("opened") : SLICE_LIT("cleared"), out);
	part_cell("text", e->flag.provider, out);
	part_cell("text", e->flag.carrier, out);
	part_cell("text", e->flag.label, out);
	part_cell("text", e->flag.by, out);
	part_cell("prose", e->flag.note, out);
	buf_puts(out, "</tr>\n");
}

static void put_checks(const struct dossier *d, struct buf *out)
{
	if (!has_kind(d, HISTORY_CHECK))
		return;
	buf_puts(out, "<h3>Test calls</h3>\n");
	open_table("when|<carrier|<device|<result|<by", out);
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (!of_kind(d, i, HISTORY_CHECK))
			continue;
		buf_puts(out, "<tr>");
		cell_time(d, e->time_ms, out);
		part_cell("text", e->check.carrier, out);
		part_cell("text", e->check.device, out);
		part_cell("prose", e->check.result, out);
		part_cell("text", e->check.by, out);
		buf_puts(out, "</tr>\n");
	}
	close_table(out);
}

static void put_complaints(const struct dossier *d, struct buf *out)
{
	if (!has_kind(d, HISTORY_COMPLAINT))
		return;
	buf_puts(out, "<h3>Complaints</h3>\n");
	open_table("when|<from|<by|<note", out);
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (!of_kind(d, i, HISTORY_COMPLAINT))
			continue;
		buf_puts(out, "<tr>");
		cell_time(d, e->time_ms, out);
		part_cell("text", e->complaint.provider, out);
		part_cell("text", e->complaint.by, out);
		part_cell("prose", e->complaint.note, out);
		buf_puts(out, "</tr>\n");
	}
	close_table(out);
}

void part_flags(const struct dossier *d, struct buf *out)
{
	if (has_kind(d, HISTORY_FLAG_OPENED) || has_kind(d, HISTORY_FLAG_CLEARED)) {
		buf_puts(out, "<h3>Opened and cleared</h3>\n");
		open_table("when|<what|<provider|<carrier|<label|<by|<note", out);
		for (uint32_t i = 0; i < d->history.cnt; i++)
			if (of_kind(d, i, HISTORY_FLAG_OPENED) || of_kind(d, i, HISTORY_FLAG_CLEARED))
				put_flag_entry(d, &d->history.entries[i], out);
		close_table(out);
	} else if (d->episode) {
		buf_puts(out, "<p>No flag was opened or cleared.</p>\n");
	}
	put_checks(d, out);
	put_complaints(d, out);
}

/* ---- rules that fired ---- */

static void put_figures(const struct history_figures *f, struct buf *out)
{
	for (uint32_t i = 0; i < f->cnt; i++) {
		buf_puts(out, i ? ", <code>" : "<code>");
		html_text(f->of[i].text, out);
		buf_puts(out, " = ");
		put_value(&f->of[i].value, out);
		buf_puts(out, "</code>");
	}
}

void part_alerts(const struct dossier *d, struct buf *out)
{
	page_section_open("alerts", "Rules that fired", out);
	if (!has_kind(d, HISTORY_ALERT_RAISED)) {
		buf_puts(out, "<p>None is in the history.</p>\n");
		page_section_close(out);
		return;
	}
	open_table("when|<rule|<severity|<with these figures", out);
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (!of_kind(d, i, HISTORY_ALERT_RAISED))
			continue;
		buf_puts(out, "<tr>");
		cell_time(d, e->time_ms, out);
		buf_puts(out, "<td class=\"text\">");
		html_text(e->alert.rule, out);
		if (slice_is(e->alert.mode, "shadow"))
			buf_puts(out, " (shadow)");
		buf_puts(out, "</td>");
		part_cell("text", e->alert.severity, out);
		buf_puts(out, "<td class=\"prose\">");
		put_figures(&e->alert.figures, out);
		buf_puts(out, "</td></tr>\n");
	}
	close_table(out);
	page_section_close(out);
}

/* ---- phases ---- */

struct span {
	enum phase phase;
	int64_t from_ms, to_ms;
};

static uint32_t spans_of(const struct dossier *d, struct span *spans, uint32_t max)
{
	uint32_t n = 0;
	int64_t end_ms = d->to_ms == TIME_NONE ? d->as_of_ms : d->to_ms;
	for (uint32_t i = 0; i < d->history.cnt && n < max; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (!of_kind(d, i, HISTORY_TRANSITION) || e->transition.to == e->transition.from)
			continue;
		if (n > 0)
			spans[n - 1].to_ms = e->time_ms;
		if (e->time_ms < end_ms)
			spans[n++] = (struct span){e->transition.to, e->time_ms, end_ms};
	}
	return n;
}

static void draw_spans(const struct span *spans, uint32_t n, const char *class, double width, struct buf *out)
{
	struct plot p = plot_open_bare("phases", class, width, 44, out);
	double from = (double)spans[0].from_ms, all = (double)spans[n - 1].to_ms - from;
	for (uint32_t i = 0; i < n; i++) {
		double x = ((double)spans[i].from_ms - from) / all * width;
		double w = (double)(spans[i].to_ms - spans[i].from_ms) / all * width;
		buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"6\" width=\"%.1f\" height=\"18\"/>", phase_name(spans[i].phase), x,
			   w > 1 ? w - 0.6 : w);
		char days[32];
		snprintf(days, sizeof days, "%.0f d", (double)(spans[i].to_ms - spans[i].from_ms) / DAY_MS);
		if (w > 30)
			buf_printf(out, "<text class=\"x\" x=\"%.1f\" y=\"38\">%s</text>\n", x + w / 2, days);
	}
	plot_close_bare(&p);
}

static void plot_spans(const struct dossier *d, struct buf *out)
{
	struct span spans[64];
	uint32_t n = spans_of(d, spans, 64);
	bool seen[PHASE_CNT] = {false};
	if (n == 0)
		return;
	buf_puts(out, "<figure><figcaption class=\"key\">");
	for (uint32_t i = 0; i < n; i++) {
		const char *name = phase_name(spans[i].phase);
		if (!seen[spans[i].phase])
			buf_printf(out, "<span><i style=\"background:var(--%s)\"></i>%s</span>", name, name);
		seen[spans[i].phase] = true;
	}
	buf_puts(out, "</figcaption>");
	draw_spans(spans, n, "narrow", PLOT_NARROW, out);
	draw_spans(spans, n, "broad", PLOT_BROAD, out);
	buf_puts(out, "</figure>\n");
}

static void put_reason(const struct history_entry *e, struct buf *out)
{
	html_text(e->transition.reason, out);
	if (e->transition.detail.len) {
		buf_puts(out, ": ");
		html_text(e->transition.detail, out);
	}
	if (e->transition.by.len) {
		buf_puts(out, " (by ");
		html_text(e->transition.by, out);
		buf_puts(out, ")");
	}
}

void part_phases(const struct dossier *d, struct buf *out)
{
	page_section_open("phases", "Phases", out);
	if (!has_kind(d, HISTORY_TRANSITION)) {
		buf_puts(out, "<p>No change of phase is in the history.</p>\n");
		page_section_close(out);
		return;
	}
	plot_spans(d, out);
	open_table("when|<from|<to|<until|<why", out);
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (!of_kind(d, i, HISTORY_TRANSITION))
			continue;
		buf_puts(out, "<tr>");
		cell_time(d, e->time_ms, out);
		part_cell("text", slice_of(phase_name(e->transition.from)), out);
		part_cell("text", slice_of(phase_name(e->transition.to)), out);
		cell_time(d, e->transition.until_ms, out);
		buf_puts(out, "<td class=\"prose\">");
		put_reason(e, out);
		buf_puts(out, "</td></tr>\n");
	}
	close_table(out);
	page_section_close(out);
}

void part_ends(const struct dossier *d, struct buf *out)
{
	const struct history_entry *first = NULL, *last = NULL;
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (!of_kind(d, i, HISTORY_TRANSITION))
			continue;
		if (e->time_ms == d->from_ms && e->transition.to == PHASE_REST && !first)
			first = e;
		else if (e->time_ms == d->to_ms)
			last = e;
	}
	buf_puts(out, "<dl>\n<dt>began</dt><dd>");
	if (first)
		put_reason(first, out);
	else
		buf_puts(out, "its begin is not in the history any more");
	buf_puts(out, "</dd>\n<dt>ended</dt><dd>");
	if (last) {
		buf_printf(out, "%s to %s, ", phase_name(last->transition.from), phase_name(last->transition.to));
		put_reason(last, out);
	} else {
		buf_puts(out, d->to_ms == TIME_NONE ? "it goes on" : "its end is not in the history any more");
	}
	buf_puts(out, "</dd>\n</dl>\n");
}

/* ---- violations, disputes ---- */

static void put_violation(const struct dossier *d, const struct history_entry *e, struct buf *out)
{
	char day[TIME_TEXT_BYTES];
	dossier_day_text(e->violation.day, day);
	buf_puts(out, "<tr>");
	cell_time(d, e->time_ms, out);
	part_cell("text", slice_of(phase_name(e->violation.phase)), out);
	part_cell("text", e->violation.policy, out);
	part_cell("text", slice_of(day), out);
	buf_puts(out, "<td>");
	put_value(&e->violation.limit, out);
	buf_puts(out, "</td><td>");
	put_value(&e->violation.value, out);
	buf_puts(out, "</td>");
	part_cell("text", e->violation.consequence, out);
	buf_puts(out, "</tr>\n");
}

void part_violations(const struct dossier *d, struct buf *out)
{
	page_section_open("violations", "Violations", out);
	if (!has_kind(d, HISTORY_VIOLATION)) {
		buf_puts(out, "<p>None.</p>\n");
		page_section_close(out);
		return;
	}
	open_table("when|<phase|<policy|<day|limit|was|<consequence", out);
	for (uint32_t i = 0; i < d->history.cnt; i++)
		if (of_kind(d, i, HISTORY_VIOLATION))
			put_violation(d, &d->history.entries[i], out);
	close_table(out);
	page_section_close(out);
}

static void put_dispute(const struct dossier *d, const struct history_entry *e, struct buf *out)
{
	buf_puts(out, "<tr>");
	cell_time(d, e->time_ms, out);
	part_cell("text", e->dispute.step, out);
	part_cell("text", slice_eq(e->dispute.step, e->dispute.target) ? SLICE_NONE : e->dispute.target, out);
	part_cell("text", e->dispute.state, out);
	cell_date(d, e->dispute.due_ms, out);
	part_cell("text", e->dispute.outcome, out);
	part_cell("prose", e->dispute.note, out);
	buf_puts(out, "</tr>\n");
}

void part_disputes(const struct dossier *d, struct buf *out)
{
	page_section_open("disputes", "Disputes", out);
	if (!has_kind(d, HISTORY_DISPUTE)) {
		buf_puts(out, "<p>No step was taken.</p>\n");
		page_section_close(out);
		return;
	}
	open_table("when|<step|<to|<state|<due|<outcome|<note", out);
	for (uint32_t i = 0; i < d->history.cnt; i++)
		if (of_kind(d, i, HISTORY_DISPUTE))
			put_dispute(d, &d->history.entries[i], out);
	close_table(out);
	page_section_close(out);
}

/* ---- health, notes ---- */

static void put_health_bar(const char *name, int v, struct buf *out)
{
	buf_printf(out, "<tr><td>%s</td><td>", name);
	put_score(v, out);
	buf_puts(out, "</td><td class=\"bars\">");
	plot_bar(v < 0 ? 0 : v / 100.0, v < 0 ? 0 : v / 100.0, out);
	buf_puts(out, "</td></tr>\n");
}

static const char *const health_names[HEALTH_PARTS] = {"health", "maturity", "connection", "engagement", "sentiment"};

static void put_health_now(const struct dossier *d, struct buf *out)
{
	if (d->health.of[HEALTH_ALL] < 0) {
		buf_puts(out, "<p>Too little data: fewer than 20 calls in 31 days.</p>\n");
		return;
	}
	open_table("now|of 100|", out);
	for (int i = 0; i < HEALTH_PARTS; i++)
		put_health_bar(health_names[i], d->health.of[i], out);
	close_table(out);
	buf_puts(out, "<h3>What moves it</h3>\n");
	open_table("points|<part|<because", out);
	for (uint32_t i = 0; i < d->reason_cnt; i++) {
		const struct health_reason *r = &d->reasons[i];
		if (r->points > -0.05 && r->points < 0.05)
			continue;
		buf_printf(out, "<tr><td>%+.1f</td>", r->points);
		part_cell("text", slice_of(health_names[r->part]), out);
		part_cell("prose", slice_of(r->words), out);
		buf_puts(out, "</tr>\n");
	}
	close_table(out);
}

static void put_snapshots(const struct dossier *d, struct buf *out)
{
	if (!has_kind(d, HISTORY_SNAPSHOT))
		return;
	buf_puts(out, "<h3>As episodes began</h3>\n");
	open_table("when|episode|health|maturity|connection|engagement|sentiment", out);
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		if (!of_kind(d, i, HISTORY_SNAPSHOT))
			continue;
		const int64_t parts[] = {e->snapshot.health, e->snapshot.maturity, e->snapshot.connection, e->snapshot.engagement,
					 e->snapshot.sentiment};
		buf_puts(out, "<tr>");
		cell_time(d, e->time_ms, out);
		buf_printf(out, "<td>%lld</td>", (long long)e->snapshot.episode);
		for (int k = 0; k < 5; k++) {
			buf_puts(out, "<td>");
			put_score((int)parts[k], out);
			buf_puts(out, "</td>");
		}
		buf_puts(out, "</tr>\n");
	}
	close_table(out);
}

void part_health(const struct dossier *d, struct buf *out)
{
	page_section_open("health", "Health", out);
	if (!d->episode)
		put_health_now(d, out);
	put_snapshots(d, out);
	if (d->episode && !has_kind(d, HISTORY_SNAPSHOT))
		buf_puts(out, "<p>The begin of the episode is not in the history any more.</p>\n");
	page_section_close(out);
}

void part_notes(const struct dossier *d, struct buf *out)
{
	bool notes = has_kind(d, HISTORY_NOTE), advice = has_kind(d, HISTORY_ADVISORY);
	page_section_open("notes", "Notes and advice", out);
	if (!notes && !advice)
		buf_puts(out, "<p>None.</p>\n");
	else
		open_table("when|<what|<text|<by", out);
	for (uint32_t i = 0; i < d->history.cnt; i++) {
		const struct history_entry *e = &d->history.entries[i];
		bool note = of_kind(d, i, HISTORY_NOTE);
		if (!note && !of_kind(d, i, HISTORY_ADVISORY))
			continue;
		buf_puts(out, "<tr>");
		cell_time(d, e->time_ms, out);
		part_cell("text", note ? SLICE_LIT("note") : e->advisory.topic, out);
		part_cell("prose", note ? e->note.text : e->advisory.detail, out);
		part_cell("text", note ? e->note.by : SLICE_NONE, out);
		buf_puts(out, "</tr>\n");
	}
	if (notes || advice)
		close_table(out);
	page_section_close(out);
}
