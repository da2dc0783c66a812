"""Parts of a page that answer in the browser: scripts of our own, and what they are given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Widget
from harmonium.apps.pages.packing import floats, hexadecimal
from harmonium.models.rbm.model import RBM

__all__ = ["SHARED", "as_json", "machine", "script", "style", "widget"]

_SCRIPTS = Path(__file__).parent / "scripts"
#: What every widget stands on, in the order in which a browser reads it.
SHARED = ("core", "board", "chart", "rbm")


def script(*names: str) -> str:
    """The scripts of these names, one after the other."""
    return "\n".join((_SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in names)


def style() -> str:
    """How widgets look."""
    return (_SCRIPTS / "widgets.css").read_text(encoding="utf-8")


def as_json(data: Mapping[str, Any]) -> str:
    """Data by the names of their widgets, to stand inside a script element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def widget(name: str, data: Mapping[str, Any]) -> Widget:
    """A page's only widget, with all it needs."""
    return Widget(
        f'<style>{style()}</style><div id="{name}" class="widget"><div class="stage"></div></div>'
        f'<script>"use strict";\n{script(*SHARED, name)}\nPlay.begin({as_json({name: data})});'
        "</script>"
    )


def machine(
    model: RBM,
    shape: tuple[int, int],
    examples: NDArray[Any],
    scores: Iterable[float] = (),
    *,
    what: str = "rows",
    begin: int = 0,
    pack: Callable[[NDArray[Any]], dict[str, Any]] = floats,
) -> dict[str, Any]:
    """What the widget ``latents`` holds of an RBM of 0 and 1 whose rows are pictures.

    `examples` are rows to begin with, the one numbered `begin` first; `scores` are log P of rows,
    called `what`; `pack` says how weights are kept.
    """
    log_z = model.log_partition()
    parameters = {
        "W": model.components_.T,
        "U": model.attribute_components_.T,
        "b": model.intercept_visible_,
        "d": model.intercept_attributes_,
        "c": model.intercept_hidden_,
    }
    return {
        "shape": list(shape),
        **{name: pack(array / model.temperature) for name, array in parameters.items()},
        "logZ": log_z.value,
        "labels": [str(name) for name in model.attribute_classes_],
        "scores": [round(float(score), 2) for score in scores],
        "what": what,
        "examples": [hexadecimal(np.asarray(row)) for row in examples],
        "begin": begin,
    }
