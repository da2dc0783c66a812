"""What the page's widgets hold: models of real data, fitted here, rounded to a byte a weight.

Each function gives a widget's data as JSON knows them. Weights are rounded before anything is
said of them, so that what the page works out is what the library says of the same numbers.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.packing import eight_bits, hexadecimal, rounded
from harmonium.apps.pages.widgets import machine
from harmonium.apps.play import chains
from harmonium.apps.tour import digits, photographs
from harmonium.apps.tour.step import Workshop
from harmonium.apps.tour.steps import factors as worked
from harmonium.models.grid.model import GridMRF
from harmonium.models.rbm.model import RBM

__all__ = ["WIDGETS", "digit_machine", "far_apart", "middle_machine"]

_CRITICS = Path(__file__).parent / "critics"
#: Pixels along a side of the photograph's silhouette.
_SIDE = 28


def words() -> dict[str, Any]:
    """Two chains over the same words: of those who liked films, and of those who did not."""
    codes = {name: chains.read_codes(_CRITICS / f"{name}.gz") for name in ("liked", "disliked")}
    known = {gram[0] for gram in codes["liked"] if len(gram) == 1}
    listed = [*chains.MARKERS, *sorted(known - set(chains.MARKERS))]
    return {"words": listed} | {name: chains.packed(of, listed) for name, of in codes.items()}


def pixels() -> dict[str, Any]:
    """A silhouette in black and white, and the coupling that is learned from it."""
    picture = photographs.silhouette(_SIDE)
    model = GridMRF(n_levels=2, learner="pseudo", random_state=0).fit(picture[None])
    pair = next(one for one in model.to_network().factors or () if len(one.variables) == 2)
    log = np.log(np.asarray(pair.table))
    coupling = float(log[0, 0] + log[1, 1] - log[0, 1] - log[1, 0]) / 2
    return {"side": _SIDE, "picture": hexadecimal(picture), "learned": round(coupling, 2)}


def latents() -> dict[str, Any]:
    """The digits' machine, log P of real digits it has not seen, and some of them to begin with."""
    model = digit_machine()
    _, unseen, _, labels = digits.load()
    first = [int(np.flatnonzero(labels == y)[k]) for k in range(2) for y in range(10)]
    return machine(
        model,
        (8, 8),
        unseen[first],
        model.score_samples(unseen),
        what="unseen real digits",
        begin=3,
        pack=eight_bits,
    )


def factors() -> dict[str, Any]:
    """The worked network of the tour."""
    _, made = Workshop(Path()).run(worked.SNIPPET)
    tables = {**made["pairs"], **{(name,): table for name, table in made["singles"].items()}}
    return {
        "variables": list(made["question"]),
        "factors": [{"names": names, "table": table} for names, table in tables.items()],
    }


def learning() -> dict[str, Any]:
    """Bars and stripes need no data: the page lists them."""
    return {}


def far_apart() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """W, b, c of the tour's machine over 16 pixels with two modes: all but black, and, 7/3 as
    probable, all but white."""
    return np.full((16, 2), 2.0), np.full(16, -2.0 + np.log(7 / 3) / 16), np.full(2, -16.0)


def modes() -> dict[str, Any]:
    """The machine of two far-apart modes."""
    return {name: value.ravel().tolist() for name, value in zip("Wbc", far_apart(), strict=True)}


def annealing() -> dict[str, Any]:
    """The machine of the digits' middles, whose Z can be counted."""
    model = middle_machine()
    return {
        "W": eight_bits(model.components_.T),
        "b": eight_bits(model.intercept_visible_),
        "c": eight_bits(model.intercept_hidden_),
    }


#: The widgets in their order, and what makes the data of each.
WIDGETS = {
    make.__name__: make for make in (words, pixels, latents, factors, learning, modes, annealing)
}


@cache
def digit_machine() -> RBM:
    """An RBM of 48 hidden units over 8x8 digits and their labels, its weights rounded."""
    train, _, labels, _ = digits.load()
    model = RBM(48, n_updates=3000, validation_fraction=0, random_state=0)
    return _rounded(_fitted(model, train, labels))


@cache
def middle_machine() -> RBM:
    """An RBM of 8 hidden units over the 4x4 middles of digits, its weights rounded."""
    middles = digits.load()[0].reshape(-1, 8, 8)[:, 2:6, 2:6].reshape(-1, 16)
    model = RBM(
        8, learner="exact", n_updates=1500, learning_rate=0.1, validation_fraction=0, random_state=0
    )
    return _rounded(_fitted(model, middles))


def _fitted(model: RBM, *data: NDArray[Any]) -> RBM:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the fit ended at its last update
        return model.fit(*data)


def _rounded(model: RBM) -> RBM:
    """The model with each of its arrays rounded to 255 levels."""
    for name in (
        "components_",
        "attribute_components_",
        "intercept_visible_",
        "intercept_attributes_",
        "intercept_hidden_",
    ):
        setattr(model, name, rounded(getattr(model, name)))
    return model
