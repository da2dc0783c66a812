"""Examples of the gallery; ``make docs`` runs them, this looks at what they are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("plot_*.py"))


def test_there_are_enough() -> None:
    assert len(EXAMPLES) >= 14


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_title_and_a_picture_and_fetches_nothing(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    title, line, *rest = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert line == "=" * len(title)
    assert any(rest), "a sentence under the title"
    assert "hm.display." in text or "plt.subplots" in text
    assert "fetch_" not in text
    assert "open(" not in text
