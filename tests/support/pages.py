"""Opens HTML files in headless Chromium and says what went wrong in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

import pytest

#: Without these, a headless Chromium talks to its maker at every start.
_QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
]

# Asked inside the page, which lies in a frame as wide as the window to be tried: what failed to
# load, what sticks out to the right, what has no text in place of a picture, which ids repeat.
_PROBE = """
<script>
window.failures = [];
addEventListener("error", e => failures.push("error: " + (e.message || e.target.outerHTML)), true);
addEventListener("load", () => {
  const all = s => [...document.querySelectorAll(s)];
  const report = {
    failures,
    broken: all("img").filter(i => !(i.complete && i.naturalWidth)).length,
    silent: all("img:not([alt]), img[alt=''], svg[role=img]:not([aria-label])").length,
    wide: document.documentElement.scrollWidth - innerWidth,
    empty: all("figure").filter(f => f.getBoundingClientRect().height < 20).length,
    flat: all("math").filter(m => m.getBoundingClientRect().height < 8).length,
    ids: all("[id]").length - new Set(all("[id]").map(e => e.id)).size,
    width: innerWidth,
    headings: all("h1").length,
    fetched: performance.getEntriesByType("resource").map(e => e.name)
      .filter(n => !n.startsWith("data:")),
  };
  parent.postMessage(JSON.stringify(report), "*");
});
</script>
"""


def chromium() -> str:
    """The browser; a test that wants one fails where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.fail("pages are opened in Chromium: apt-get install -y chromium", pytrace=False)


#: Runs inside the page once it has loaded; what it returns is what the page says. Frames come by
#: the clock: a browser whose time is virtual may draw none before it is over.
_ASK = """
<script>
window.requestAnimationFrame = (step) => setTimeout(() => step(performance.now()), 16);
addEventListener("load", async () => {
  const failures = [];
  addEventListener("error", e => failures.push(String(e.message)));
  let said = null;
  try { said = await (async () => { %s })(); } catch (error) { failures.push(String(error.stack)); }
  parent.postMessage(JSON.stringify({ said, failures }), "*");
});
</script>
"""

#: Keeps what each frame of the window posts, by its number.
_FRAMES = """<!doctype html><body><pre id=said>{}</pre><script>
const said = {};
addEventListener("message", (e) => {
  const frames = [...document.querySelectorAll("iframe")];
  said[frames.findIndex((frame) => frame.contentWindow === e.source)] = e.data;
  document.getElementById("said").textContent = JSON.stringify(said);
});
</script>"""


def _posted(
    html: str, page: Path, folder: Path, widths: Sequence[int], fragment: str = ""
) -> tuple[list[dict[str, Any]], list[str]]:
    """What a page posts to the frames it lies in, side by side, and what it logs in all of them;
    the files go to `folder`. Starting a browser takes longer than another frame."""
    browser = chromium()
    probed = folder / f"probed-{page.name}"
    probed.write_text(html, encoding="utf-8")
    frame = folder / f"frame-{page.name}"
    frames = "".join(
        f"<iframe src='{probed.name}{fragment}' "
        f"style='border:0;flex:none;width:{width}px;height:900px'></iframe>"
        for width in widths
    )
    frame.write_text(f"{_FRAMES}<div style='display:flex'>{frames}</div>", encoding="utf-8")
    done = subprocess.run(
        [browser, *_QUIET, f"--user-data-dir={folder / 'profile'}", "--window-size=1800,1000",
         "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    said = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said, done.stdout[:500]
    reports = json.loads(unescape(said[1]))
    late = f"the page never finished loading: {done.stderr[-2000:]}"
    assert sorted(reports) == [str(i) for i in range(len(widths))], late
    return [json.loads(reports[key]) for key in sorted(reports)], re.findall(
        r"CONSOLE.*", done.stderr
    )


def opened(page: Path, folder: Path, *widths: int) -> list[dict[str, Any]]:
    """What the probe saw in `page`, in frames so many pixels wide; works in `folder`.

    ``console`` are the messages that the page's console logged, in any of them.
    """
    html = page.read_text(encoding="utf-8")
    assert "<head>" in html
    reports, console = _posted(html.replace("<head>", "<head>" + _PROBE, 1), page, folder, widths)
    return [report | {"console": console} for report in reports]


def asked(page: Path, folder: Path, script: str, width: int = 1280, fragment: str = "") -> Any:
    """What `script`, the body of an asynchronous function, returns inside the `page`.

    `fragment` is what follows ``#`` in the page's address. Fails where anything does or is logged.
    """
    html = page.read_text(encoding="utf-8")
    html = html.replace("<head>", "<head>" + _ASK.replace("%s", script), 1)
    (report,), console = _posted(html, page, folder, [width], fragment)
    assert report["failures"] == []
    assert console == []
    return report["said"]


def assert_whole(page: Path, folder: Path) -> None:
    """The page opens without an error, whole, on a wide and on a narrow window."""
    html = page.read_text(encoding="utf-8")
    outside = re.findall(r"""(?:src|href)=["'](?!data:|#|[\w-]+\.html)([^"']+)""", html)
    assert outside == [], "the page wants something from outside"
    widths = (1280, 390)
    for width, report in zip(widths, opened(page, folder, *widths), strict=True):
        assert report.pop("width") == width
        assert report.pop("headings") == 1
        assert report == {
            "failures": [], "broken": 0, "silent": 0, "wide": 0, "empty": 0, "flat": 0, "ids": 0,
            "fetched": [], "console": [],
        }  # fmt: skip
