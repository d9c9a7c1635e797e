# SPDX-License-Identifier: Apache-2.0
"""Renders the pages of test_dossier in a headless Chromium and measures what was drawn. README.md says how to run it."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTHS = (390, 1280)
SECTIONS = {
    "dossier": "profile calls answered durations gaps hours geography flags alerts phases violations disputes health episodes notes method",
    "bare": "profile calls answered durations gaps hours geography flags alerts phases violations disputes health notes method",
    "case": "why changed phases calls violations disputes flags alerts health notes",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# The page stands in a frame of the width in question; the script is that of this frame's parent, the page has none.
HARNESS = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="f" src="%(page)s.html" style="border:0;width:%(width)dpx;height:%(height)dpx"></iframe><pre id="out"></pre><script>
document.getElementById("f").onload = function () {
  const d = this.contentDocument, w = this.contentWindow;
  const box = e => e.getBoundingClientRect();
  const scrolls = e => { for (; e; e = e.parentElement) if (w.getComputedStyle(e).overflowX === "auto") return true; return false; };
  const wide = [...d.body.querySelectorAll("*")].filter(e => box(e).right > %(width)d + 1 && !scrolls(e)).map(e => e.outerHTML.slice(0, 80));
  const out = {
    width: d.documentElement.scrollWidth,
    height: d.documentElement.scrollHeight,
    sections: Object.fromEntries([...d.querySelectorAll("section")].map(e => [e.id, box(e).height])),
    plots: [...d.querySelectorAll("svg.plot")].map(e => [e.getAttribute("class"), box(e).width, box(e).height]),
    headings: [...d.querySelectorAll("h1,h2")].every(e => box(e).height > 10),
    scripts: d.scripts.length,
    loaded: w.performance.getEntriesByType("resource").map(e => e.name),
    wide: wide,
  };
  document.getElementById("out").textContent = JSON.stringify(out);
};
</script>"""


def browser():
    for name in BROWSERS:
        if shutil.which(name):
            return name
    sys.exit("no Chromium is installed: " + ", ".join(BROWSERS))


def chromium(name, profile, *args):
    command = [name, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files",
               f"--user-data-dir={profile}", *args]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, check=True, text=True).stdout


def measure(name, folder, page, width):
    harness = folder / f"harness-{page}-{width}.html"
    harness.write_text(HARNESS % {"page": page, "width": width, "height": 2000})
    dom = chromium(name, folder / "profile", f"--window-size={max(width, 500)},2000", "--virtual-time-budget=5000", "--dump-dom", harness.as_uri())
    harness.unlink()
    found = re.search(r'<pre id="out">(.*?)</pre>', dom, re.S)
    text = found.group(1) if found else ""
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, char)
    if not text:
        sys.exit(f"{page} at {width} px was not drawn")
    return json.loads(text)


def check(page, width, got):
    """What is wrong, as texts."""
    wrong = []
    for section in SECTIONS[page].split():
        if got["sections"].get(section, 0) < 40:
            wrong.append(f"section {section} is missing or flat")
    for kind, w, h in got["plots"]:
        hidden = "narrow" in kind if width >= 760 else "broad" in kind
        if hidden != (w == 0) or (not hidden and (w < 300 or h < 30)):
            wrong.append(f"a plot '{kind}' is {w:.0f} by {h:.0f}")
    if page == "dossier" and len(got["plots"]) < 8:
        wrong.append(f"{len(got['plots'])} plots")
    if got["width"] > width:
        wrong.append(f"the page is {got['width']} px wide")
    wrong += [f"wider than the screen: {e}" for e in got["wide"]]
    wrong += [f"loaded: {e}" for e in got["loaded"]]
    if got["scripts"] or not got["headings"]:
        wrong.append("a script, or a heading that is not drawn")
    return wrong


def main():
    program = Path(sys.argv[1]).resolve()
    name, bad = browser(), 0
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="ringfence-pages-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([program], env={**os.environ, "RINGFENCE_PAGES": str(folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    for page in SECTIONS:
        for width in WIDTHS:
            got = measure(name, folder, page, width)
            wrong = check(page, width, got)
            # a window is at least 500 px wide: the picture of a phone is one of a frame
            shot = folder / f"shot-{page}.html"
            shot.write_text(f'<body style="margin:0"><iframe src="{page}.html" style="border:0;width:{width}px;height:{got["height"]}px"></iframe>')
            picture = folder / f"{page}-{width}.png"
            chromium(name, folder / "profile", f"--window-size={max(width, 500)},{got['height']}", f"--screenshot={picture}", shot.as_uri())
            shot.unlink()
            if picture.stat().st_size < 20000:
                wrong.append("the picture is empty")
            print(f"{page} at {width} px: " + ("; ".join(wrong) if wrong else f"good, {got['height']} px high, {len(got['plots'])} plots"))
            bad += bool(wrong)
    shutil.rmtree(folder / "profile", ignore_errors=True)
    if len(sys.argv) <= 2 and not bad:
        shutil.rmtree(folder)
    elif bad:
        print(f"the pages and pictures are in {folder}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
