"""The tour: every page runs the code it shows, says what is true, and opens in a browser."""

from __future__ import annotations

import itertools
import re
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from tests.support.pages import assert_whole

from harmonium.apps.tour import STEPS, photographs, run_tour
from harmonium.apps.tour.critic import MORE, OPENING, REVIEWS
from harmonium.apps.tour.step import Snippet, Workshop
from harmonium.apps.tour.steps import factors, words


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return run_tour(
        tmp_path_factory.mktemp("tour"), quick=True, write_play=lambda path: path.touch()
    )


def _pages(tour: Workshop) -> list[Path]:
    return sorted(tour.folder.glob("[0-9]-*.html"))


def _shown(page: Path) -> list[str]:
    """The code that a page shows, block by block, as a reader would copy it."""
    blocks = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page.read_text("utf-8"), re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", block)) for block in blocks]


def test_a_page_for_each_step_and_an_index_that_links_them(tour: Workshop) -> None:
    names = [page.name for page in _pages(tour)]
    assert names == [f"{i}-{name}.html" for i, (name, _) in enumerate(STEPS, 1)]
    index = (tour.folder / "index.html").read_text("utf-8")
    assert re.findall(r'href="(\d-[\w-]+\.html)"', index) == names
    assert 'href="play.html"' in index
    assert 'id="your-own-data"' in index
    assert len(re.findall(r'<span class="thumbnail" aria-hidden="true"><(?:svg|img)', index)) == 7
    assert (tour.folder / "play.html").exists()
    for before, after in itertools.pairwise(names):
        assert f'rel="next" href="{after}"' in (tour.folder / before).read_text("utf-8")
        assert f'rel="prev" href="{before}"' in (tour.folder / after).read_text("utf-8")


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_the_code_shown_is_the_code_run(tour: Workshop, number: int) -> None:
    """Each page's code was run by itself, from no names at all."""
    shown, ran = _shown(_pages(tour)[number]), tour.ran[number]
    assert shown == [f"{one.setup}\n{one.lines}".lstrip("\n") for one in ran]
    assert len(ran) == 2
    assert 3 <= len(ran[0].lines.splitlines()) <= 6
    assert max(len(line) for block in shown for line in block.splitlines()) <= 90


def test_code_is_run_as_it_will_be_shown_and_alone(tmp_path: Path) -> None:
    """From no names but its own, in the folder of the pages: so a reader can run it, too."""
    shop = Workshop(tmp_path)
    lines = "from pathlib import Path\nhere = Path.cwd()\ndoubled = 2 * a"
    ran, made = shop.run(Snippet("a = $a", lines), a=1)
    assert shop.ran == [[ran]] == [[Snippet("a = 1", lines)]]
    assert (made["doubled"], made["here"]) == (2, tmp_path)
    for setup, later in (("", "b = a"), ("b = a", ""), ("", "workshop = shop")):
        with pytest.raises(NameError):
            shop.run(Snippet(setup, later))


def test_every_page_has_a_formula_a_lead_and_no_unfilled_place(tour: Workshop) -> None:
    for page in _pages(tour):
        html = re.sub(r"<pre.*?</pre>", "", page.read_text("utf-8"), flags=re.DOTALL)
        assert "<math" in html
        assert len(re.findall(r'<p class="lead">[^<]{80,}</p>', html)) == 1
        assert not re.search(r"\bnan\b|\bNone\b|\$n_|\{\{", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize("number", range(len(STEPS) + 1))
def test_pages_open_in_a_browser(tour: Workshop, number: int, tmp_path: Path) -> None:
    pages = [tour.folder / "index.html", *_pages(tour)]
    assert_whole(pages[number], tmp_path)


def test_summary_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = words.page(Workshop(tmp_path, quick=True))
    said = "\n".join(page.summary)
    assert "0.2 × 0.25 × 0.61 × 0.5 × 0.33 = 0.0050325; harmonium: 0.0050325" in said
    assert "waste of time and money" in said
    assert "→ true" in said
    assert len(page.summary) <= 12


def test_the_worked_network_is_as_published(tmp_path: Path) -> None:
    said = "\n".join(factors.page(Workshop(tmp_path)).summary)
    assert "Z = 30,712,455,360,000 by counting 32 states; harmonium: 30,712,455,360,000" in said
    assert "16,200,000 / 30,712,455,360,000" in said


def test_without_scikit_image_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ImportError, match=r"pip install 'harmonium\[tour\]'"):
        photographs.load()


def test_the_critic_is_as_given() -> None:
    assert len(REVIEWS) == 7
    for tables in (OPENING, MORE):
        for column in tables.values():
            assert 0 < sum(column.values()) <= 1 + 1e-12
    assert np.isclose(sum(OPENING["the"].values()), 0.97)


def test_a_snippet_fills_its_numbers() -> None:
    filled = Snippet("\nx = $a\n", "\ny = x + $b\n").filled(a=1, b=2)
    assert (filled.setup, filled.lines) == ("x = 1", "y = x + 2")
    with pytest.raises(KeyError):
        Snippet("", "z = $missing").filled(a=1)
