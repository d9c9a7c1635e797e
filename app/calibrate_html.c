/* SPDX-License-Identifier: Apache-2.0 */
/* The report of calibrate as one page: no script, no font, no image from elsewhere. Tables scroll by themselves on a narrow screen, plots stand below each
 * other there; dark where the reader's screen is, light on paper. */
#include "app/calibrate.h"

#define MATRIX_RULES_MAX 24 /* more: the pairs that overlap most, as a list */
#define PAIRS_MAX 40

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, "
	"initial-scale=1\">\n"
	"<title>Ringfence: calibration</title>\n<style>\n"
	":root{--bg:#fff;--text:#1a1d21;--muted:#5a646e;--line:#d9dee3;--full:#1f5fbf;--soft:#b3c8e8;--panel:#f6f8fa;--heat:31,95,191;"
	"color-scheme:light dark}\n"
	"@media "
	"(prefers-color-scheme:dark){:root{--bg:#14171a;--text:#e6e9ec;--muted:#9aa4ad;--line:#333a41;--full:#6ea3f0;--soft:#3a5178;--"
	"panel:#1c2126;"
	"--heat:110,163,240}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:60rem;padding:1.25rem 1rem 3rem;background:var(--bg);color:var(--text);font:16px/1.5 "
	"system-ui,sans-serif;"
	"-webkit-text-size-adjust:100%}\n"
	"h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:0}h3{font-size:1rem;margin:1.25rem 0 .25rem}\n"
	"section{border-top:1px solid var(--line);margin-top:2rem;padding-top:1.25rem}\n"
	"p{margin:.4rem 0}.muted,figcaption{color:var(--muted);font-size:.875rem}\n"
	".tiles{display:flex;flex-wrap:wrap;gap:.5rem 2.25rem;margin:1rem 0 0}.tiles div{line-height:1.25}.tiles "
	"b{display:block;font-size:1.35rem}\n"
	".tiles span{color:var(--muted);font-size:.875rem}\n"
	"code,pre{font:.875rem/1.5 ui-monospace,monospace}\n"
	"pre{background:var(--panel);border-radius:4px;margin:.6rem 0;padding:.5rem .75rem;white-space:pre-wrap;overflow-wrap:anywhere}\n"
	".wide{overflow-x:auto;margin:.5rem 0}table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}\n"
	"th,td{padding:.25rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}\n"
	"th{font-weight:600;color:var(--muted);vertical-align:bottom}th:first-child,td:first-child,td.text,th.text{text-align:left}\n"
	"tr.now td{font-weight:600}tr.now td:first-child::after{content:\" in force\";color:var(--full);font-weight:400}\n"
	"td.bars{width:40%;min-width:7rem}svg.bar{display:block;width:100%;height:.7rem}\n"
	".plots{display:flex;flex-wrap:wrap;gap:1rem 2rem}figure{margin:.75rem 0 .25rem}\n"
	"svg.plot{display:block;width:340px;max-width:100%;height:auto}\n"
	"svg text{font:11px "
	"system-ui,sans-serif;fill:var(--muted)}text.x{text-anchor:middle}text.y{text-anchor:end}text.now{fill:var(--full);font-weight:600}"
	"\n"
	"line.grid{stroke:var(--line)}rect.full,circle.full{fill:var(--full)}rect.soft,circle.soft{fill:var(--soft)}\n"
	"line.full{stroke:var(--full);stroke-width:2}line.soft{stroke:var(--soft);stroke-width:2}\n"
	"td.heat{background:rgba(var(--heat),var(--a))}ul{margin:.4rem 0;padding-left:1.1rem}li{margin:.25rem "
	"0;overflow-wrap:anywhere}summary{cursor:pointer}\n"
	"@media "
	"print{:root{--bg:#fff;--text:#000;--muted:#444;--line:#ccc;--full:#1f5fbf;--soft:#b3c8e8;--panel:#f4f4f4;--heat:31,95,191}\n"
	"body{max-width:none;font-size:11pt;padding:0}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}\n"
	"figure,tr,li,pre{break-inside:avoid}h2,h3{break-after:avoid}.wide{overflow:visible}table{font-size:8.5pt}details{display:none}}\n"
	"</style></head><body>\n";

static void put_label(const struct calibrate *x, uint32_t rule, struct buf *out)
{
	struct buf b = {0};
	calibrate_rule_label(x, rule, &b);
	html_text(buf_slice(&b), out);
	buf_release(&b);
}

static void put_tile(const char *name, uint64_t v, struct buf *out)
{
	buf_printf(out, "<div><b>%s</b><span>%s</span></div>", calibrate_grouped(v), name);
}

static void put_head(const struct calibrate *x, struct buf *out)
{
	char last[TIME_TEXT_BYTES];
	buf_puts(out, head);
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
		      "Quantiles are exact up to 128 and within 1 % beyond.</p></section>\n</body></html>\n");
}
