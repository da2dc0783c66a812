"""The papers beside the code: the version that is cited, and works that docstrings name."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

import harmonium as hm

ROOT = Path(__file__).parents[1]


def test_the_version_that_is_cited_is_this_one():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", text, re.M)[1] == hm.__version__
    licence = re.search(r"^license: (.*)$", text, re.M)[1]
    assert f'license = "{licence}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["CODE_OF_CONDUCT.md", "SECURITY.md"])
def test_there_is_a_paper(name):
    assert (ROOT / name).read_text(encoding="utf-8").startswith("# ")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def test_works_that_are_named_are_in_the_list():
    """Whoever is named with a year, in the code, on a page or in an example."""
    listed = _plain((ROOT / "docs" / "references.md").read_text(encoding="utf-8"))
    named = re.compile(
        r"\b([A-Z][a-z]\w*(?:-[A-Z]\w+)?)(?:(?:, | and )[A-Z][\w-]+)*(?:,? et al\.|,? and others)?"
        r",? \(?((?:18|19|20)\d\d)\b(?!-\d\d)"
    )
    places = ("src/harmonium/**/*.py", "docs/*.md", "docs/guide/*.md", "examples/*.py")
    found = set()
    for path in (path for place in places for path in sorted(ROOT.glob(place))):
        if path.name not in ("references.md", "changelog.md"):
            text = " ".join(_plain(path.read_text(encoding="utf-8")).split())
            found |= set(named.findall(text.replace(" #: ", " ").replace(" # ", " ")))
    assert len(found) > 80
    dates = {("January", "1970"), ("November", "2026")}
    missing = [one for one in found - dates if not re.search(rf"{one[0]}\b.*\({one[1]}\)", listed)]
    assert missing == []
