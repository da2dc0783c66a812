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


def test_works_that_equations_are_taken_from_are_in_the_list():
    """Where a docstring names an equation, a section, a theorem or a chapter of a work."""
    listed = _plain((ROOT / "docs" / "references.md").read_text(encoding="utf-8"))
    named = re.compile(
        r"\(([A-Z][\w-]+)(?:, [A-Z][\w-]+)*(?: et al\.)? (\d{4}), "
        r"(?:eqs?\.|equation|section|chapter|theorem|algorithm)"
    )
    found = {
        hit
        for path in sorted((ROOT / "src" / "harmonium").rglob("*.py"))
        for hit in named.findall(_plain(path.read_text(encoding="utf-8")))
    }
    assert len(found) > 8
    for author, year in found:
        assert re.search(rf"{author}\b.*\({year}\)", listed), (author, year)
