"""Pages: what the browser's probe must see, and what is told where Jinja2 is missing."""

from __future__ import annotations

import re
import shutil
import sys
from html import unescape
from pathlib import Path

import pytest
from tests.support.pages import assert_whole, chromium, opened

from harmonium.apps.pages.blocks import (
    Block,
    Caution,
    Code,
    Formula,
    Picture,
    Section,
    Table,
    Text,
    Widget,
)
from harmonium.apps.pages.page import render
from harmonium.apps.report.description import Description

#: One of each kind, and what of it must be read on a page.
_BLOCKS = [
    (Text("plain <words>"), "plain &lt;words&gt;"),
    (Caution("do not trust"), 'role="note">do not trust'),
    (Formula("<math><mi>q</mi></math>", "its meaning"), "<math><mi>q</mi></math>"),
    (Code("import x", "y = x < 1"), '<span class="py-n">x</span> <span class="py-o">&lt;</span>'),
    (Table(("a", "b"), [("left", "right")], "under it"), "<td>left</td><td>right</td>"),
    (Table(("", ""), [("k", "v")], folded="More"), "<details><summary>More</summary>"),
    (Picture("<img alt='dot'>", "seen"), "<img alt='dot'>"),
    (Widget("<script>1 < 2</script>"), "<script>1 < 2</script>"),
]


def test_every_kind_of_block_is_tried() -> None:
    assert {type(block) for block, _ in _BLOCKS} == set(Block.__subclasses__())


@pytest.mark.parametrize(("block", "shown"), _BLOCKS)
def test_what_a_block_says_is_shown(block: Block, shown: str) -> None:
    page = Description("Lead", [], [Section("Here", [block])])
    html = render("report", title="Title", page=page, version="0", date="today")
    assert shown in html


def test_the_probe_sees_what_is_broken(tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text(
        "<html><head></head><body><h1>x</h1><img alt='gone' src='data:image/png;base64,AAAA'>"
        "<div style='width:2000px'>wide</div><script>missing()</script></body></html>",
        encoding="utf-8",
    )
    (seen,) = opened(page, tmp_path, 390)
    assert seen["broken"] == 1
    assert seen["wide"] > 1000
    assert any("missing" in failure for failure in seen["failures"])
    assert any("missing" in line for line in seen["console"])
    with pytest.raises(AssertionError):
        assert_whole(page, tmp_path)


def test_without_a_browser_a_test_fails_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pytest.fail.Exception, match="apt-get install -y chromium"):
        chromium()


def test_without_jinja2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install 'harmonium\[report\]'"):
        render("tour_index")


def test_code_is_coloured_and_stays_what_it_is() -> None:
    setup = "import numpy as np  # <why>\n\nX = np.eye(3)"
    lines = 'for x in X:\n    print("a\\n", x & 1 < 2)'
    about = Description("Lead", [], [Section("Here", [Code(setup, lines)])])
    html = render("report", title="t", page=about, version="1", date="d")
    (code,) = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", html, re.DOTALL)
    assert unescape(re.sub(r"<[^>]+>", "", code)) == f"{setup}\n{lines}"
    assert '<span class="py-k">for</span>' in code
    assert 'class="copy"' in html
