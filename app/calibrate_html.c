/* SPDX-License-Identifier: Apache-2.0 */
/* The report of calibrate as one page. */
#include "app/calibrate.h"
#include "app/page.h"
#include "app/plot.h"

#define MATRIX_RULES_MAX 24 /* more: the pairs that overlap most, as a list */
#define PAIRS_MAX 40

static void put_label(const struct calibrate *x, uint32_t rule, struct buf *out)
{
	struct buf b = {0};
	calibrate_rule_label(x, rule, &b);
	html_text(buf_slice(&b), out);
	buf_release(&b);
}

static void put_tile(const char *name, uint64_t v, struct buf *out)
{
	page_tile(name, calibrate_grouped(v), out);
}

static void put_head(const struct calibrate *x, struct buf *out)
{
	char last[TIME_TEXT_BYTES];
	page_open(SLICE_LIT("Ringfence: calibration"), out);
	buf_puts(out, "<h1>Calibration</h1>\n<p class=\"muted\">Whom rules would have caught");
	if (x->sums.last_ms != TIME_NONE)
		buf_printf(out, ", in calls up to %.16sZ", time_format(x->sums.last_ms, last));
	buf_puts(out,
		 ". A number counts as caught once, at the moment at which its alert would have been raised.</p>\n<div class=\"tiles\">");
	put_tile("calls", x->calls, out);
	put_tile("numbers that called", x->callers.cnt, out);
	put_tile("rules", rules_cnt(x->rules), out);
	put_tile("conditions tried", x->trial_cnt, out);
	if (x->sums.counts.dead_letters)
		put_tile("records that could not be used", x->sums.counts.dead_letters, out);
	buf_puts(out, "</div>\n");
}

static void put_overview(const struct calibrate *x, struct buf *out)
{
	uint64_t most = 1;
	for (uint32_t i = 0; i < rules_cnt(x->rules); i++)
		if (x->trials[x->in_force[i]].numbers > most)
			most = x->trials[x->in_force[i]].numbers;
	buf_puts(out, "<section id=\"overview\"><h2>At the values in force</h2>\n<p class=\"muted\">Numbers caught by each rule; the "
		      "darker part no other rule "
		      "catches.</p>\n<div class=\"wide\"><table><tr><th>rule</th><th>numbers</th><th>of all</th><th>it "
		      "alone</th><th></th></tr>\n");
	for (uint32_t i = 0; i < rules_cnt(x->rules); i++) {
		const struct trial *t = &x->trials[x->in_force[i]];
		buf_printf(out, "<tr><td><a href=\"#rule-%u\">", i);
		put_label(x, i, out);
		buf_printf(out, "</a></td><td>%s</td><td>%.2f %%</td><td>%s</td><td class=\"bars\">", calibrate_grouped(t->numbers),
			   100 * share_of(t->numbers, x->callers.cnt), calibrate_grouped(t->alone));
		plot_bar(share_of(t->numbers, most), share_of(t->alone, most), out);
		buf_puts(out, "</td></tr>\n");
	}
	buf_puts(out, "</table></div></section>\n");
}

/* ---- a rule ---- */

static void open_row(const struct calibrate *x, uint32_t trial, struct buf *out)
{
	struct buf b = {0};
	calibrate_step_label(x, trial, &b);
	buf_printf(out, "<tr%s><td>",
		   calibrate_is_in_force(x, trial) && x->trials[trial].of.ladder != RULES_AS_LOADED ? " class=\"now\"" : "");
	html_text(buf_slice(&b), out);
	buf_puts(out, "</td>");
	buf_release(&b);
}

static void put_steps(const struct calibrate *x, struct slice param, uint32_t first, uint32_t cnt, struct buf *out)
{
	char time[TIME_TEXT_BYTES], until[32];
	buf_puts(out, "<div class=\"wide\"><table><tr><th>");
	html_text(param, out);
	buf_puts(out, "</th><th>numbers</th><th>of all</th><th>their calls</th><th>after catch</th><th>calls until<br>median</th><th>calls "
		      "until<br>90 "
		      "%</th><th>time to<br>median</th><th class=\"text\">first catch</th></tr>\n");
	for (uint32_t i = first; i < first + cnt; i++) {
		const struct trial *t = &x->trials[i];
		open_row(x, i, out);
		buf_printf(out, "<td>%s</td><td>%.2f %%</td><td>%.1f %%</td><td>%.1f %%</td>", calibrate_grouped(t->numbers),
			   100 * share_of(t->numbers, x->callers.cnt), 100 * share_of(t->calls, x->calls),
			   100 * share_of(t->calls - t->calls_before, x->calls));
		if (t->numbers)
			buf_printf(out, "<td>%s</td><td>%s</td><td>%s</td><td class=\"text\">%.16sZ</td>",
				   calibrate_grouped(spread_quantile(&t->calls_until, 500)),
				   calibrate_grouped(spread_quantile(&t->calls_until, 900)),
				   calibrate_spell(spread_quantile(&t->seconds_until, 500), until), time_format(t->first_ms, time));
		else
			buf_puts(out, "<td></td><td></td><td></td><td></td>");
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out, "</table></div>\n");
}

static void put_kinds(const struct calibrate *x, struct slice param, uint32_t first, uint32_t cnt, struct buf *out)
{
	if (!x->truth)
		return;
	buf_puts(out, "<p class=\"muted\">Caught of each kind of number</p>\n<div class=\"wide\"><table class=\"kinds\"><tr><th>");
	html_text(param, out);
	buf_puts(out, "</th>");
	for (uint32_t k = 0; k < x->truth->kind_cnt; k++) {
		if (!x->truth->numbers[k])
			continue;
		buf_puts(out, "<th>");
		html_text(x->truth->kinds[k], out);
		buf_printf(out, "<br>%s</th>", calibrate_grouped(x->truth->numbers[k]));
	}
	buf_puts(out, "</tr>\n");
	for (uint32_t i = first; i < first + cnt; i++) {
		open_row(x, i, out);
		for (uint32_t k = 0; k < x->truth->kind_cnt; k++) {
			double share = share_of(x->trials[i].kinds[k], x->truth->numbers[k]);
			if (x->truth->numbers[k])
				buf_printf(out, "<td class=\"heat\" style=\"--a:%.2f\">%s · %.*f %%</td>", share * 0.5,
					   calibrate_grouped(x->trials[i].kinds[k]), share > 0 && share < 0.01 ? 2 : 0, 100 * share);
		}
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out, "</table></div>\n");
}

static void put_examples(const struct calibrate *x, uint32_t trial, struct buf *out)
{
	const struct trial *t = &x->trials[trial];
	const struct program *p = &x->trying->rules[trial].program;
	char time[TIME_TEXT_BYTES];
	struct buf b = {0};
	buf_puts(out, "<ul>");
	for (uint32_t i = 0; i < t->example_cnt; i++) {
		const struct example *e = &t->examples[i];
		buf_puts(out, "<li><b>");
		html_text(e->number, out);
		buf_puts(out, "</b>");
		if (x->truth) {
			buf_puts(out, " (");
			html_text(x->truth->kinds[e->kind], out);
			buf_puts(out, ")");
		}
		buf_printf(out, ", %.19sZ, after %s calls:", time_format(e->time_ms, time), calibrate_grouped(e->calls));
		for (uint32_t k = 0; k < p->figure_cnt; k++) {
			buf_reset(&b);
			buf_printf(&b, SLICE_FMT " = ", SLICE_ARG(p->figures[k].text));
			calibrate_figure(e->figures[k], &b);
			buf_puts(out, k ? ", <code>" : " <code>");
			html_text(buf_slice(&b), out);
			buf_puts(out, "</code>");
		}
		buf_puts(out, "</li>\n");
	}
	buf_puts(out, "</ul>\n");
	buf_release(&b);
}

/* Of the value in force in the open, of the other steps behind a click. */
static void put_all_examples(const struct calibrate *x, uint32_t first, uint32_t cnt, struct buf *out)
{
	struct buf b = {0};
	for (uint32_t i = first; i < first + cnt; i++) {
		bool now = calibrate_is_in_force(x, i);
		if (x->trials[i].example_cnt == 0)
			continue;
		buf_reset(&b);
		calibrate_step_label(x, i, &b);
		buf_puts(out, now ? "<p class=\"muted\">The first caught, " : "<details><summary class=\"muted\">The first caught at ");
		if (now)
			buf_puts(out, x->truth ? "one of each kind" : "with their figures at that moment");
		else
			html_text(buf_slice(&b), out);
		buf_puts(out, now ? "</p>\n" : "</summary>\n");
		put_examples(x, i, out);
		if (!now)
			buf_puts(out, "</details>\n");
	}
	buf_release(&b);
}

static void put_source(struct slice source, struct buf *out)
{
	bool link = source.len > 8 && memcmp(source.p, "https://", 8) == 0;
	if (!source.len)
		return;
	buf_puts(out, " · threshold from ");
	if (link) {
		buf_puts(out, "<a href=\"");
		html_text(source, out);
		buf_puts(out, "\">");
	}
	html_text(source, out);
	if (link)
		buf_puts(out, "</a>");
}

static void put_about(const struct calibrate *x, uint32_t rule, struct buf *out)
{
	const struct rule *r = &x->rules->rules[rule];
	char text[TIME_TEXT_BYTES];
	buf_printf(out, "<section id=\"rule-%u\"><h2>", rule);
	put_label(x, rule, out);
	buf_puts(out, "</h2>\n<p class=\"muted\">");
	html_text(slice_of(r->file), out);
	buf_printf(out, ":%d · group ", r->line);
	html_text(r->group, out);
	buf_printf(out, " · %s", r->shadow ? "shadow" : "enforce");
	if (r->for_ms)
		buf_printf(out, " · for %s", duration_format(r->for_ms, text));
	put_source(r->source, out);
	buf_puts(out, "</p>\n<pre>");
	html_text(r->expr, out);
	buf_puts(out, "</pre>\n");
	if (x->trials[x->in_force[rule]].errors)
		buf_printf(out, "<p>%s evaluations ended in an error: the condition was not true then.</p>\n",
			   calibrate_grouped(x->trials[x->in_force[rule]].errors));
}

static void put_trials(const struct calibrate *x, struct slice param, uint32_t first, uint32_t cnt, struct buf *out)
{
	put_steps(x, param, first, cnt, out);
	put_kinds(x, param, first, cnt, out);
	put_all_examples(x, first, cnt, out);
}

static void put_rule(const struct calibrate *x, uint32_t rule, uint32_t *ladder, struct buf *out)
{
	put_about(x, rule, out);
	if (x->trials[x->in_force[rule]].of.ladder == RULES_AS_LOADED)
		put_trials(x, SLICE_NONE, x->in_force[rule], 1, out);
	for (uint32_t end = *ladder + x->rules->rules[rule].ladder_cnt; *ladder < end; ++*ladder) {
		struct rules_ladder l = rules_ladder(x->rules, *ladder);
		buf_puts(out, "<h3>Steps of <code>");
		html_text(l.param, out);
		buf_puts(out, "</code></h3>\n<div class=\"plots\">");
		plot_numbers(x, x->ladder_trial[*ladder], l.step_cnt, out);
		plot_calls_until(x, x->ladder_trial[*ladder], l.step_cnt, out);
		buf_puts(out, "</div>\n");
		put_trials(x, l.param, x->ladder_trial[*ladder], l.step_cnt, out);
	}
	buf_puts(out, "</section>\n");
}

/* ---- overlap ---- */

static void put_matrix(const struct calibrate *x, struct buf *out)
{
	uint32_t n = rules_cnt(x->rules);
	buf_puts(out, "<div class=\"wide\"><table><tr><th>rule</th>");
	for (uint32_t b = 0; b < n; b++)
		buf_printf(out, "<th>%u</th>", b + 1);
	buf_puts(out, "</tr>\n");
	for (uint32_t a = 0; a < n; a++) {
		buf_printf(out, "<tr><td>%u ", a + 1);
		put_label(x, a, out);
		buf_puts(out, "</td>");
		for (uint32_t b = 0; b < n; b++) {
			double share = a == b ? 0 : calibrate_jaccard(x, a, b);
			buf_printf(out, "<td class=\"heat\" style=\"--a:%.2f\">", share * 0.6);
			if (a == b)
				buf_puts(out, "·");
			else if (share > 0)
				buf_printf(out, "%.0f", 100 * share);
			buf_puts(out, "</td>");
		}
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out, "</table></div>\n");
}

struct pair {
	uint32_t a, b;
	double jaccard;
};

/* The pairs that overlap most, kept in order while they are looked through. */
static uint32_t top_pairs(const struct calibrate *x, struct pair *top)
{
	uint32_t cnt = 0, n = rules_cnt(x->rules);
	for (uint32_t a = 0; a < n; a++)
		for (uint32_t b = a + 1; b < n; b++) {
			struct pair p = {a, b, calibrate_jaccard(x, a, b)};
			uint32_t at = cnt;
			if (p.jaccard <= 0 || (cnt == PAIRS_MAX && p.jaccard <= top[cnt - 1].jaccard))
				continue;
			if (cnt < PAIRS_MAX)
				cnt++;
			else
				at--;
			for (; at > 0 && top[at - 1].jaccard < p.jaccard; at--)
				top[at] = top[at - 1];
			top[at] = p;
		}
	return cnt;
}

static void put_pairs(const struct calibrate *x, struct buf *out)
{
	struct pair top[PAIRS_MAX];
	uint32_t cnt = top_pairs(x, top);
	buf_puts(out, "<div class=\"wide\"><table><tr><th>rule</th><th class=\"text\">and rule</th><th>both</th><th>of either</th></tr>\n");
	for (uint32_t i = 0; i < cnt; i++) {
		buf_puts(out, "<tr><td>");
		put_label(x, top[i].a, out);
		buf_puts(out, "</td><td class=\"text\">");
		put_label(x, top[i].b, out);
		buf_printf(out, "</td><td>%s</td><td>%.0f %%</td></tr>\n", calibrate_grouped(calibrate_both(x, top[i].a, top[i].b)),
			   100 * top[i].jaccard);
	}
	buf_puts(out, "</table></div>\n");
}

static void put_overlap(const struct calibrate *x, struct buf *out)
{
	if (rules_cnt(x->rules) < 2 || !x->overlap)
		return;
	buf_puts(out, "<section id=\"overlap\"><h2>Overlap</h2>\n<p class=\"muted\">At the values in force: numbers that both rules catch, "
		      "in percent of those "
		      "that either catches.</p>\n");
	if (rules_cnt(x->rules) <= MATRIX_RULES_MAX)
		put_matrix(x, out);
	else
		put_pairs(x, out);
	buf_puts(out, "</section>\n");
}

void calibrate_html(const struct calibrate *x, struct buf *out)
{
	uint32_t ladder = 0;
	put_head(x, out);
	put_overview(x, out);
	for (uint32_t i = 0; i < rules_cnt(x->rules); i++)
		put_rule(x, i, &ladder, out);
	put_overlap(x, out);
	buf_puts(out, "<section id=\"method\"><h2>How it was counted</h2>\n<p>Every rule was asked after every call, at all steps in one "
		      "pass; <code>for</code>, "
		      "<code>when</code> and <code>exempt</code> were heeded as in service, the limit of groups was not, and no rule "
		      "acted: numbers stayed in phase "
		      "<code>active</code>. <b>Their calls</b>: the share of all calls that the caught numbers made; <b>after catch</b>: "
		      "made after they were caught. "
		      "Quantiles are exact up to 128 and within 1 % beyond.</p></section>\n");
	page_close(out);
}
