"""The page on which a reader plays with joint distributions: one HTML file, whole in itself."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import harmonium
from harmonium.apps.pages.page import TEMPLATES, render, write_page
from harmonium.apps.pages.widgets import SHARED, as_json, script, style
from harmonium.apps.play.models import WIDGETS
from harmonium.apps.tour.mathml import display
from harmonium.contract.extras import check_extra

__all__ = ["page_data", "write_play"]

_PARTS = Path(__file__).parent / "parts"


def page_data() -> dict[str, Any]:
    """What the page's widgets hold, by their names: models in 8 bits, pictures, tables."""
    return {name: make() for name, make in WIDGETS.items()}


def write_play(out: str | PathLike[str]) -> None:
    """Write the page to the file `out`: under 1 MB, seven widgets, nothing fetched when it opens.

    Its models are fitted here, with fixed seeds, in some seconds. Needs the extra ``report``.
    """
    check_extra("the page to play on", "report", TEMPLATES)
    own = ("chain", *(name for name in WIDGETS if name != "latents"))
    html = render(
        "play",
        _PARTS,
        version=harmonium.__version__,
        widgets=list(WIDGETS),
        style=style() + _part("play.css"),
        script="\n".join([script(*SHARED, "latents"), *(_part(f"{name}.js") for name in own)]),
        data=as_json(page_data()),
        display=display,
    )
    write_page(out, html)


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
