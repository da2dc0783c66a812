"""A tour in steps, on real data that ships with the dependencies: a page for each, made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from time import perf_counter

import torch
from rich.console import Console
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from harmonium.apps.pages.page import WANTS
from harmonium.apps.tour.pages import PLAY, write_index, write_step
from harmonium.apps.tour.step import Page, Workshop
from harmonium.apps.tour.steps import factors, latents, learning, network, pixels, sampling, words
from harmonium.contract.extras import check_extra
from harmonium.data.kind import check_folder

__all__ = ["STEPS", "run_tour"]

#: The steps in their order: the name of a page's file, and what makes it.
STEPS: Sequence[tuple[str, Callable[[Workshop], Page]]] = (
    ("words", words.page),
    ("pixels", pixels.page),
    ("latents", latents.page),
    ("factors", factors.page),
    ("network", network.page),
    ("learning", learning.page),
    ("sampling", sampling.page),
)


#: What the steps take from the extra ``tour``: typing errors, graph cuts, photographs, error bars,
#: and what pages are made with.
_WANTS = {
    "RapidFuzz": "rapidfuzz",
    "PyMaxflow": "maxflow",
    "scikit-image": "skimage",
    "ArviZ": "arviz",
} | WANTS


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrix products on one thread: the tour's are small, and a second thread that waits in a
    busy machine took 20 times as long as none."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def run_tour(
    out: str | PathLike[str],
    *,
    quick: bool = False,
    write_play: Callable[[Path], None] | None = None,
) -> Workshop:
    """Make the tour's pages in the folder `out`, and print what each step found.

    Under three minutes on two cores; `quick` in under 30 seconds. Needs the extra ``tour``.
    `write_play` writes the page to play on, which then lies beside the index and is linked from it.
    Returns the workshop, which holds the code that was run.
    """
    check_extra("the tour", "tour", _WANTS)
    if Path(out).exists():
        check_folder(out, "out")
    workshop = Workshop(Path(out), quick=quick)
    workshop.folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    started = perf_counter()
    pages = []
    for number, (name, make) in enumerate(STEPS, 1):
        with _one_thread():
            page = make(workshop)
        pages.append((name, page))
        console.print(f"\n[bold]{number}. {page.title}[/bold]")
        for line in page.summary:
            console.print(line, markup=False, soft_wrap=True)
    for index in range(len(pages)):
        write_step(workshop.folder, pages, index)
    if write_play is not None:
        write_play(workshop.folder / PLAY)
    seconds = perf_counter() - started
    index_file = write_index(workshop.folder, pages, seconds, quick, play=write_play is not None)
    console.print(f"\n{len(pages)} pages in {seconds:.0f} s: open {index_file}", soft_wrap=True)
    return workshop
