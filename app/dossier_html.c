/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a dossier, and of a case study: what both have stands in dossier_parts.c. Every text that comes from outside, and nearly all of them do,
 * goes through html_text(). */
#include "app/dossier_html.h"

#include "scoring/places.h"

#include <stdio.h>

/* ---- head ---- */

static void tile_int(const char *name, int64_t v, struct buf *out)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)v);
	page_tile(name, text, out);
}

static void put_tiles(const struct dossier *d, struct buf *out)
{
	char text[TIME_TEXT_BYTES];
	const struct dossier_window *w = &d->windows[DOSSIER_WINDOWS - 1];
	page_tiles_open(out);
	page_tile("phase", phase_name(d->view.phase), out);
	if (d->view.until_ms != TIME_NONE) {
		dossier_local_text(d, d->view.until_ms, text);
		text[10] = '\0';
		page_tile("until", text, out);
	}
	tile_int("calls in 31 days", w->calls, out);
	snprintf(text, sizeof text, "%.0f %%", 100 * w->answer_ratio);
	page_tile("of them answered", text, out);
	if (d->health.of[HEALTH_ALL] < 0)
		page_tile("health", "?", out);
	else
		tile_int("health", d->health.of[HEALTH_ALL], out);
	tile_int("open flags", d->view.open_flag_cnt, out);
	tile_int("episodes", d->view.episode, out);
	page_tiles_close(out);
}

static void put_head(const struct dossier *d, struct buf *out)
{
	char at[TIME_TEXT_BYTES];
	struct buf title = {0};
	buf_printf(&title, SLICE_FMT ": dossier", SLICE_ARG(d->number));
	page_open(buf_slice(&title), out);
	buf_release(&title);
	buf_puts(out, "<h1>");
	html_text(d->number, out);
	buf_puts(out, "</h1>\n<p class=\"muted\">Audit and documentation of this number");
	if (d->profile) {
		buf_puts(out, ", used by ");
		html_text(d->profile->name, out);
	} else if (d->account.len) {
		buf_puts(out, ", account ");
		html_text(d->account, out);
	}
	dossier_local_text(d, d->as_of_ms, at);
	buf_printf(out, ". As of %s; times are local (%s).</p>\n", at, d->zone ? zone_name(d->zone) : "UTC: its place is not known");
	put_tiles(d, out);
	if (d->damaged) {
		buf_puts(out, "<p><b>A part of the history cannot be read: ");
		html_string(d->damage.text, out);
		buf_puts(out, ".</b></p>\n");
	}
}

/* ---- calls ---- */

static void put_row_int(const struct dossier *d, const char *name, size_t offset, struct buf *out)
{
	buf_printf(out, "<tr><td>%s</td>", name);
	for (int i = 0; i < DOSSIER_WINDOWS; i++)
		buf_printf(out, "<td>%lld</td>", (long long)*(const int64_t *)((const char *)&d->windows[i] + offset));
	buf_puts(out, "</tr>\n");
}

static void put_row_real(const struct dossier *d, const char *name, size_t offset, double scale, const char *unit, struct buf *out)
{
	buf_printf(out, "<tr><td>%s</td>", name);
	for (int i = 0; i < DOSSIER_WINDOWS; i++)
		buf_printf(out, "<td>%.1f%s</td>", scale * *(const double *)((const char *)&d->windows[i] + offset), unit);
	buf_puts(out, "</tr>\n");
}

#define AT(member) offsetof(struct dossier_window, member)

static void put_windows(const struct dossier *d, struct buf *out)
{
	buf_puts(out, "<div class=\"wide\"><table><tr><th>in the last</th><th>24 h</th><th>7 d</th><th>31 d</th></tr>\n");
	put_row_int(d, "calls", AT(calls), out);
	put_row_int(d, "answered", AT(answered), out);
	put_row_real(d, "answered, share", AT(answer_ratio), 100, " %", out);
	put_row_real(d, "talk time, mean", AT(avg_talk_s), 1, " s", out);
	put_row_int(d, "numbers called", AT(callees), out);
	put_row_int(d, "regions called", AT(regions), out);
	put_row_real(d, "outside of 8:00 to 21:00", AT(off_hours_ratio), 100, " %", out);
	put_row_int(d, "abandoned within 3 s", AT(abandoned), out);
	put_row_int(d, "refused as unwanted", AT(blocked), out);
	put_row_int(d, "calls received", AT(incoming), out);
	buf_puts(out, "</table></div>\n");
}

static void put_durations(const struct dossier *d, struct buf *out)
{
	struct plot_column c[DOSSIER_BINS];
	const struct dossier_window *w = &d->windows[DOSSIER_WINDOWS - 1];
	page_section_open("durations", "Duration of answered calls", out);
	for (int i = 0; i < DOSSIER_BINS; i++)
		c[i] = (struct plot_column){(double)w->talk[i], (double)w->talk[i], slice_of(dossier_talk_names[i])};
	if (w->answered)
		plot_columns("answered calls of the last 31 days by talk time", c, DOSSIER_BINS, "", 0, false, out);
	else
		buf_puts(out, "<p>No answered call in the last 31 days.</p>\n");
	page_section_close(out);
}

static void put_gaps(const struct dossier *d, struct buf *out)
{
	struct plot_column c[DOSSIER_GAPS];
	const struct dossier_window *w = &d->windows[DOSSIER_WINDOWS - 1];
	page_section_open("gaps", "Time between calls", out);
	buf_printf(
		out,
		"<p>From one call to the next, over 31 days: %.0f s on average; coefficient of variation %.2f (people: above 1; a machine "
		"at a steady pace: near 0).</p>\n",
		w->gap_mean_s, w->gap_cv);
	for (int i = 0; i < DOSSIER_GAPS; i++) {
		const char *name = dossier_gap_names[i];
		c[i] = (struct plot_column){d->gaps[i], d->gaps[i], slice_of(*name == '<' ? name + 1 : name)};
	}
	if (d->exact_cnt > 1)
		plot_columns("time from call to call, up to, among the newest calls", c, DOSSIER_GAPS, "", 0, false, out);
	page_section_close(out);
}

static void put_hours(const struct dossier *d, struct buf *out)
{
	static const char *const names[24] = {[0] = "0", [4] = "4", [8] = "8", [12] = "12", [16] = "16", [20] = "20"};
	struct plot_column c[24];
	page_section_open("hours", "Hours of the day", out);
	for (int i = 0; i < 24; i++)
		c[i] = (struct plot_column){d->hours[i], i >= 8 && i < 21 ? d->hours[i] : 0, slice_of(names[i])};
	if (d->exact_cnt)
		plot_columns("the newest calls by hour of their start, 8:00 to 21:00 darker", c, 24, "", 0, false, out);
	else
		buf_puts(out, "<p>No call is remembered.</p>\n");
	page_section_close(out);
}

#define REGIONS_SHOWN 12

static void put_geography(const struct dossier *d, struct buf *out)
{
	char text[TIME_TEXT_BYTES];
	uint32_t rest = 0;
	page_section_open("geography", "Geography", out);
	buf_printf(out,
		   "<p class=\"muted\">Regions of the numbers called, of the newest %u calls: the record knows these one by one.</p>\n",
		   d->exact_cnt);
	buf_puts(out, "<div class=\"wide\"><table><tr><th>region</th><th>calls</th><th>answered</th><th></th></tr>\n");
	for (uint32_t i = 0; i < d->to_cnt; i++) {
		const struct dossier_region *r = &d->to[i];
		if (i >= REGIONS_SHOWN) {
			rest += r->calls;
			continue;
		}
		dossier_region_text(r->region, text);
		buf_printf(out, "<tr><td>%s</td><td>%u</td><td>%u</td><td class=\"bars\">", text, r->calls, r->answered);
		plot_bar((double)r->calls / d->to[0].calls, (double)r->answered / d->to[0].calls, out);
		buf_puts(out, "</td></tr>\n");
	}
	if (rest)
		buf_printf(out, "<tr><td>%u others</td><td>%u</td><td></td><td></td></tr>\n", d->to_cnt - REGIONS_SHOWN, rest);
	buf_puts(out, "</table></div>\n");
	page_section_close(out);
}

/* ---- the rest of a dossier ---- */

static void put_open_flags(const struct dossier *d, struct buf *out)
{
	char at[TIME_TEXT_BYTES];
	if (d->view.open_flag_cnt == 0) {
		buf_puts(out, "<p>No flag is open.</p>\n");
		return;
	}
	buf_puts(out, "<div class=\"wide\"><table><tr><th>open flag</th><th class=\"text\">carrier</th><th class=\"text\">label</th><th "
		      "class=\"text\">since</th><th class=\"text\">reported by</th></tr>\n");
	for (uint32_t i = 0; i < d->view.open_flag_cnt; i++) {
		const struct event_flag *f = &d->view.open_flags[i];
		dossier_local_text(d, f->since_ms, at);
		buf_puts(out, "<tr>");
		part_cell("", f->provider, out);
		part_cell("text", f->carrier, out);
		part_cell("text", f->label, out);
		part_cell("text", slice_of(at), out);
		part_cell("text", f->by, out);
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out, "</table></div>\n");
}

static void put_flags(const struct dossier *d, struct buf *out)
{
	page_section_open("flags", "Flags", out);
	put_open_flags(d, out);
	part_flags(d, out);
	page_section_close(out);
}

static void put_cases(const struct dossier *d, struct buf *out)
{
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES];
	if (d->row_cnt == 0)
		return;
	page_section_open("episodes", "Finished episodes", out);
	buf_puts(out, "<div class=\"wide\"><table><tr><th>episode</th><th class=\"text\">outcome</th><th class=\"text\">from</th><th "
		      "class=\"text\">to</th><th>days</th><th>violations</th><th>disputes</th><th>health</th></tr>\n");
	for (uint32_t i = 0; i < d->row_cnt; i++) {
		const struct case_row *r = &d->rows[i];
		dossier_local_text(d, r->began_ms, from);
		dossier_local_text(d, r->ended_ms, to);
		const char *outcome = case_outcome_name(r->outcome);
		buf_printf(out,
			   "<tr><td>%u</td><td class=\"text\">%s</td><td class=\"text\">%s</td><td "
			   "class=\"text\">%s</td><td>%.1f</td><td>%u</td>"
			   "<td>%u sent, %u answered</td><td>",
			   r->episode, outcome ? outcome : "?", from, to, (double)(r->ended_ms - r->began_ms) / DAY_MS, r->violations,
			   r->sent, r->answered);
		part_health_change(r->health_before, r->health_after, out);
		buf_puts(out, "</td></tr>\n");
	}
	buf_puts(out, "</table></div>\n");
	page_section_close(out);
}

static void put_method(const struct dossier *d, struct buf *out)
{
	page_section_open("method", "How it was counted", out);
	buf_puts(out,
		 "<p class=\"muted\">From the call detail records that this number's switch wrote. Figures over 24 hours, 7 and 31 days "
		 "are those of the detection rules: exact up to 128 calls, beyond that within 4 %. Days that the history tells are counted "
		 "as they "
		 "passed, by the start of the calls; the others are taken from the sliding windows, by the end of the calls, and may be "
		 "off by a few "
		 "percent. Hours, gaps and regions are of the newest 128 calls.</p>\n");
	if (d->history.dropped)
		buf_printf(out, "<p class=\"muted\">%u older entries of the history were overwritten by newer ones.</p>\n",
			   d->history.dropped);
	page_section_close(out);
}

static void put_dossier(const struct dossier *d, struct buf *out)
{
	put_head(d, out);
	part_profile(d, out);
	page_section_open("calls", "Calls", out);
	part_days(d, out);
	put_windows(d, out);
	page_section_close(out);
	page_section_open("answered", "Answer rate", out);
	part_answer_rate(d, out);
	page_section_close(out);
	put_durations(d, out);
	put_gaps(d, out);
	put_hours(d, out);
	put_geography(d, out);
	put_flags(d, out);
	part_alerts(d, out);
	part_phases(d, out);
	part_violations(d, out);
	part_disputes(d, out);
	part_health(d, out);
	put_cases(d, out);
	part_notes(d, out);
	put_method(d, out);
	page_close(out);
}

/* ---- a case study ---- */

static void put_case_head(const struct dossier *d, struct buf *out)
{
	const struct case_row *r = dossier_row(d);
	char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], text[32];
	struct buf title = {0};
	buf_printf(&title, SLICE_FMT ": case study of episode %u", SLICE_ARG(d->number), d->episode);
	page_open(buf_slice(&title), out);
	dossier_local_text(d, d->from_ms, from);
	dossier_local_text(d, d->to_ms == TIME_NONE ? d->as_of_ms : d->to_ms, to);
	buf_puts(out, "<h1>");
	html_text(buf_slice(&title), out);
	buf_release(&title);
	buf_printf(out, "</h1>\n<p class=\"muted\">From %s to %s; times are local (%s).</p>\n", from, d->to_ms == TIME_NONE ? "now" : to,
		   d->zone ? zone_name(d->zone) : "UTC: its place is not known");
	page_tiles_open(out);
	page_tile("outcome", r && case_outcome_name(r->outcome) ? case_outcome_name(r->outcome) : "goes on", out);
	snprintf(text, sizeof text, "%.1f", (double)((d->to_ms == TIME_NONE ? d->as_of_ms : d->to_ms) - d->from_ms) / DAY_MS);
	page_tile("days", text, out);
	if (r) {
		tile_int("violations", r->violations, out);
		snprintf(text, sizeof text, "%u of %u", r->answered, r->sent);
		page_tile("disputes answered", text, out);
		struct buf change = {0};
		part_health_change(r->health_before, r->health_after, &change);
		buf_put_u8(&change, 0);
		page_tile("health before and after", (const char *)change.data, out);
		buf_release(&change);
	}
	page_tiles_close(out);
}

static void put_case(const struct dossier *d, struct buf *out)
{
	put_case_head(d, out);
	page_section_open("why", "Why it began, how it ended", out);
	part_ends(d, out);
	page_section_close(out);
	page_section_open("changed", "What changed", out);
	part_changed(d, out);
	page_section_close(out);
	part_phases(d, out);
	page_section_open("calls", "Calls", out);
	part_days(d, out);
	part_answer_rate(d, out);
	page_section_close(out);
	part_violations(d, out);
	part_disputes(d, out);
	page_section_open("flags", "Flags", out);
	part_flags(d, out);
	page_section_close(out);
	part_alerts(d, out);
	part_health(d, out);
	part_notes(d, out);
	page_close(out);
}

void dossier_html(const struct dossier *d, struct buf *out)
{
	if (d->episode)
		put_case(d, out);
	else
		put_dossier(d, out);
}
