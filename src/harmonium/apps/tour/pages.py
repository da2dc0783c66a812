"""The tour's files: a page for each step, with links to its neighbours, and an index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import harmonium
from harmonium.apps.pages.page import render, write_page
from harmonium.apps.tour.step import Page

__all__ = ["PLAY", "file_name", "write_index", "write_step"]

#: The page to play on, beside the tour's.
PLAY = "play.html"

Pages = Sequence[tuple[str, Page]]


def file_name(pages: Pages, index: int) -> str:
    return f"{index + 1}-{pages[index][0]}.html"


def _link(pages: Pages, index: int) -> dict[str, str] | None:
    if not 0 <= index < len(pages):
        return None
    page = pages[index][1]
    return {
        "file": file_name(pages, index),
        "title": page.title,
        "finding": page.finding,
        "picture": page.picture.markup,
    }


def write_step(folder: Path, pages: Pages, index: int) -> None:
    html = render(
        "tour_step",
        page=pages[index][1],
        number=index + 1,
        count=len(pages),
        previous=_link(pages, index - 1),
        next=_link(pages, index + 1),
    )
    write_page(folder / file_name(pages, index), html)


def write_index(
    folder: Path, pages: Pages, seconds: float, quick: bool, *, play: bool = False
) -> Path:
    """The tour's index; `play`: the page to play on lies beside it."""
    html = render(
        "tour_index",
        version=harmonium.__version__,
        links=[_link(pages, index) for index in range(len(pages))],
        seconds=f"{seconds:.0f}",
        quick=quick,
        play=PLAY if play else None,
    )
    write_page(folder / "index.html", html)
    return folder / "index.html"
