/* SPDX-License-Identifier: Apache-2.0 */
#include "app/page.h"

/* One rule a line. `full` and `soft` are the two shades of plots; the phases have colours of their own. A plot that is drawn twice, for a phone and for a
 * desk, shows the one that fits. */
static const char *const style[] = {
	":root{--bg:#fff;--text:#1a1d21;--muted:#5a646e;--line:#d9dee3;--full:#1f5fbf;--soft:#b3c8e8;--panel:#f6f8fa;--heat:31,95,191;",
	"--rest:#c4473f;--limited:#dd9a35;--moderate:#8fae3c;--active:#4b9b6f;--aging:#8a7fc0;color-scheme:light dark}",
	"@media (prefers-color-scheme:dark){:root{--bg:#14171a;--text:#e6e9ec;--muted:#9aa4ad;--line:#333a41;",
	"--full:#6ea3f0;--soft:#3a5178;",
	"--panel:#1c2126;--heat:110,163,240;--rest:#e0736b;--limited:#e2ad5c;--moderate:#a9c465;--active:#6bbd8e;--aging:#a79ddb}}",
	"*{box-sizing:border-box}",
	"body{margin:0 auto;max-width:60rem;padding:1.25rem 1rem 3rem;background:var(--bg);color:var(--text);",
	"font:16px/1.5 system-ui,sans-serif;-webkit-text-size-adjust:100%}",
	"h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:0}h3{font-size:1rem;margin:1.25rem 0 .25rem}",
	"section{border-top:1px solid var(--line);margin-top:2rem;padding-top:1.25rem}",
	"p{margin:.4rem 0;overflow-wrap:anywhere}.muted,figcaption{color:var(--muted);font-size:.875rem}a{color:var(--full)}",
	".tiles{display:flex;flex-wrap:wrap;gap:.5rem 2.25rem;margin:1rem 0 0}.tiles div{line-height:1.25}",
	".tiles b{display:block;font-size:1.35rem}.tiles span{color:var(--muted);font-size:.875rem}",
	"code,pre{font:.875rem/1.5 ui-monospace,monospace}",
	"pre{background:var(--panel);border-radius:4px;margin:.6rem 0;padding:.5rem .75rem;white-space:pre-wrap;overflow-wrap:anywhere}",
	".wide{overflow-x:auto;margin:.5rem 0}table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}",
	"th,td{padding:.25rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}",
	"th{font-weight:600;color:var(--muted);vertical-align:bottom}th:first-child,td:first-child,td.text,th.text{text-align:left}",
	"th:first-child,td:first-child{padding-left:0}td.prose{text-align:left;white-space:normal;min-width:11rem;overflow-wrap:anywhere}",
	"tr.now td{font-weight:600}tr.now td:first-child::after{content:\" in force\";color:var(--full);font-weight:400}",
	"td.bars{width:40%;min-width:7rem}svg.bar{display:block;width:100%;height:.7rem}",
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;margin:.6rem 0}dt{color:var(--muted)}",
	"dd{margin:0;overflow-wrap:anywhere}@media (max-width:520px){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}",
	"@media (max-width:520px){th,td{padding:.25rem .4rem}}",
	".plots{display:flex;flex-wrap:wrap;gap:1rem 2rem}figure{margin:.75rem 0 .25rem}",
	"svg.plot{display:block;width:340px;max-width:100%;height:auto}svg.broad{display:none;width:100%}",
	"@media (min-width:760px){svg.narrow{display:none}svg.broad{display:block}}",
	"svg text{font:11px system-ui,sans-serif;fill:var(--muted)}text.x{text-anchor:middle}text.y{text-anchor:end}",
	"text.now{fill:var(--full);font-weight:600}",
	"line.grid{stroke:var(--line)}rect.full,circle.full{fill:var(--full)}rect.soft,circle.soft{fill:var(--soft)}",
	"rect.rest{fill:var(--rest)}rect.limited{fill:var(--limited)}rect.moderate{fill:var(--moderate)}rect.active{fill:var(--active)}",
	"rect.aging{fill:var(--aging)}",
	".key{display:flex;flex-wrap:wrap;gap:.2rem 1.25rem;font-size:.875rem;color:var(--muted)}",
	".key i{display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px}",
	"line.full{stroke:var(--full);stroke-width:2}line.soft{stroke:var(--soft);stroke-width:2}",
	"td.heat{background:rgba(var(--heat),var(--a))}ul{margin:.4rem 0;padding-left:1.1rem}",
	"li{margin:.25rem 0;overflow-wrap:anywhere}summary{cursor:pointer}",
	"@media print{:root{--bg:#fff;--text:#000;--muted:#444;--line:#ccc;--full:#1f5fbf;--soft:#b3c8e8;--panel:#f4f4f4;--heat:31,95,191;",
	"--rest:#c4473f;--limited:#dd9a35;--moderate:#8fae3c;--active:#4b9b6f;--aging:#8a7fc0}",
	"body{max-width:none;font-size:11pt;padding:0}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}",
	"svg.narrow{display:none}svg.broad{display:block}",
	"figure,tr,li,pre{break-inside:avoid}h2,h3{break-after:avoid}.wide{overflow:visible}table{font-size:8.5pt}",
	"td,th{white-space:normal}details{display:none}}",
};

/* What no text of a page may hold: HTML has no way to write it, and it is invisible. */
static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

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
			if (!is_control(s.p[i]))
				buf_put_u8(out, (uint8_t)s.p[i]);
		}
}

void html_string(const char *s, struct buf *out)
{
	html_text(slice_of(s), out);
}

void page_open(struct slice title, struct buf *out)
{
	buf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
	html_text(title, out);
	buf_puts(out, "</title>\n<style>\n");
	for (size_t i = 0; i < sizeof style / sizeof style[0]; i++) {
		buf_puts(out, style[i]);
		buf_put_u8(out, '\n');
	}
	buf_puts(out, "</style></head><body>\n");
}

void page_close(struct buf *out)
{
	buf_puts(out, "</body></html>\n");
}

void page_tiles_open(struct buf *out)
{
	buf_puts(out, "<div class=\"tiles\">");
}

void page_tile(const char *name, const char *value, struct buf *out)
{
	buf_puts(out, "<div><b>");
	html_string(value, out);
	buf_printf(out, "</b><span>%s</span></div>", name);
}

void page_tiles_close(struct buf *out)
{
	buf_puts(out, "</div>\n");
}

void page_section_open(const char *id, const char *title, struct buf *out)
{
	buf_printf(out, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
}

void page_section_close(struct buf *out)
{
	buf_puts(out, "</section>\n");
}
