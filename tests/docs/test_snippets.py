"""Code on pages of the site runs as it stands, on data that ships with dependencies."""

from __future__ import annotations

import re
import warnings
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["start.md", "theory.md", "rbm.md", "guide/*.md", "coming_from/*.md"]
#: Those that are run each time, with short fits; the others, as they stand, with the slow tests.
QUICK = ("start.md", "theory.md", "index.md")


def snippets(page: Path) -> str:
    """The page's own Python, each line where it stands, so that an error names the line."""
    inside, lines = False, []
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            lines.append("")
        else:
            lines.append(line if inside else "")
    return "\n".join(lines)


def shortened(code: str) -> str:
    """The same, its fits by a tenth of their updates: each line runs, and its figures are worse."""
    return re.sub(r"\bn_updates=(\d+)", lambda found: f"n_updates={int(found[1]) // 10}", code)


def _pages() -> list[Any]:
    found = [page for pattern in PAGES for page in sorted(DOCS.glob(pattern))]
    return [
        pytest.param(page, id=page.relative_to(DOCS).as_posix(), marks=[pytest.mark.slow])
        if page.name not in QUICK
        else pytest.param(page, id=page.relative_to(DOCS).as_posix())
        for page in found
        if snippets(page).strip()
    ]


@pytest.mark.parametrize("page", _pages())
def test_every_line_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = snippets(page)
        exec(compile(shortened(code) if page.name in QUICK else code, str(page), "exec"), {})
    plt.close("all")


def test_pages_of_every_kind_have_code() -> None:
    assert len(_pages()) >= 15


def test_every_page_is_in_a_table_of_contents() -> None:
    """A page that nobody lists is an error of ``make docs``, too."""
    listed = []
    for page in DOCS.rglob("*.md"):
        for inside in re.findall(r"```{toctree}\n(.*?)```", page.read_text("utf-8"), re.S):
            listed += [line.strip() for line in inside.splitlines() if line and line[0] != ":"]
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert {name for name in pages if not any(fnmatch(name, one) for one in listed)} == set()


def test_links_between_pages_lead_somewhere() -> None:
    """Sphinx says the same when the site is built; this says it in a second."""
    for page in DOCS.rglob("*.md"):
        if "_build" in page.parts or "gallery" in page.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+?\.md)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_links_out_of_the_site_are_well_formed() -> None:
    """Whether anybody is there, `make linkcheck` asks; this wants no internet."""
    found = set()
    for page in [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md"), DOCS.parent / "CITATION.cff"]:
        if "_build" not in page.parts and "gallery" not in page.parts:
            found |= set(re.findall(r"https?://[^\s<>\"`)]+", page.read_text(encoding="utf-8")))
    ours = {url for url in found if "127.0.0.1" not in url and "localhost" not in url}
    assert len(ours) >= 3
    for url in ours:
        address = urlsplit(url)
        assert address.scheme == "https", url
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", address.netloc), url
        assert url[-1] not in ".,;:", url
