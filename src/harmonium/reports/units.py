"""The hidden units of an RBM: weights as pictures, what excites them, which rows are near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.plots import tile, weights_picture
from harmonium.reports.figures import COLOURS, drawing, png_picture, svg_picture
from harmonium.reports.page import Block, Picture, Table, Warning

if TYPE_CHECKING:
    from harmonium.rbm import RBM

__all__ = ["hidden_units", "neighbours", "unit_warnings"]

_COLUMNS = 12
_N_UNITS = 60
_N_NEIGHBOURS = 5
_N_EXCITED, _N_EXCITING = 6, 10
#: A unit that is on (or off) for all but this share of the rows says nothing about them.
_DEAD = 1e-3
#: Two units whose activities are correlated more than this say the same thing.
_TWIN = 0.99

Shape = tuple[int, int] | None


def hidden_units(
    model: RBM, rows: NDArray[Any] | None, shape: Shape
) -> tuple[list[Block], list[Warning]]:
    weights = model.components_
    strongest = np.argsort(-np.linalg.norm(weights, axis=1))[:_N_UNITS]
    blocks: list[Block] = []
    if shape is not None:
        blocks.append(
            png_picture(
                weights_picture(weights[strongest], shape, columns=_COLUMNS),
                f"Weights of {len(strongest)} hidden units as pictures in red and blue",
                f"Weights of the {len(strongest)} hidden units with the largest ones. Red: the "
                "unit is for a one there; blue: for a zero.",
            )
        )
    if rows is None or not len(rows):
        if shape is None:
            norms = np.linalg.norm(weights, axis=1)[strongest[:10]]
            blocks.append(
                Table(
                    ("hidden unit", "norm of its weights"),
                    [(str(j), f"{v:.2f}") for j, v in zip(strongest[:10], norms, strict=True)],
                )
            )
        return blocks, []
    active = np.asarray(model.transform(rows))
    usage = active.mean(0)
    with drawing(2.1) as figure:
        axes = figure.subplots()
        axes.hist(usage, bins=40, range=(0, 1), color=COLOURS[0])
        axes.grid(axis="x", visible=False)
        axes.set(xlabel="share of rows for which a unit is on", ylabel="hidden units")
        blocks.append(
            svg_picture(
                figure,
                "How often hidden units are on",
                f"Over {len(rows):,} rows of the data.",
            )
        )
    if shape is not None and len(rows) >= _N_EXCITING:
        blocks.append(_exciting(rows, active, shape))
    return blocks, unit_warnings(active, usage)


def _exciting(rows: NDArray[Any], active: NDArray[Any], shape: tuple[int, int]) -> Picture:
    """For the units that tell rows apart best, the rows that excite each most."""
    units = np.argsort(-active.std(0))[:_N_EXCITED]
    most = np.argsort(-active[:, units], axis=0, kind="stable")[:_N_EXCITING].T
    return png_picture(
        tile(rows[most.reshape(-1)], shape, columns=_N_EXCITING),
        f"Rows that excite {len(units)} hidden units most",
        f"A line a unit, of the {len(units)} that differ most between rows (numbers "
        f"{', '.join(map(str, units))}): the {_N_EXCITING} rows that excite it most.",
    )


def unit_warnings(active: NDArray[Any], usage: NDArray[Any]) -> list[Warning]:
    found = []
    # A unit may be on half the time and still say nothing: it must depend on the row.
    spread = active.std(0)
    dead = np.flatnonzero((usage < _DEAD) | (usage > 1 - _DEAD) | (spread < _DEAD))
    if len(dead):
        found.append(
            Warning(
                f"{_units(dead)} of {len(usage)} hidden units "
                f"{'is' if len(dead) == 1 else 'are'} the same for every row and "
                f"{'says' if len(dead) == 1 else 'say'} nothing about it."
            )
        )
    alive = np.setdiff1d(np.arange(len(usage)), dead)
    if len(alive) > 1:
        twins = np.abs(np.triu(np.corrcoef(active[:, alive].T), 1)) > _TWIN
        pairs = np.argwhere(twins)
        if len(pairs):
            named = ", ".join(f"{alive[a]} and {alive[b]}" for a, b in pairs[:5])
            more = f", and {len(pairs) - 5} more pairs" if len(pairs) > 5 else ""
            found.append(Warning(f"Hidden units that say the same: {named}{more}."))
    return found


def _units(numbers: NDArray[Any]) -> str:
    named = ", ".join(map(str, numbers[:5]))
    return f"{len(numbers)} ({named}{', ...' if len(numbers) > 5 else ''})"


def neighbours(model: RBM, rows: NDArray[Any], shape: Shape) -> list[Block]:
    """The rows nearest to some, in the space of hidden probabilities."""
    from sklearn.neighbors import NearestNeighbors

    hidden = np.asarray(model.transform(rows))
    n_near = min(_N_NEIGHBOURS, len(rows) - 1)
    asked = np.linspace(0, len(rows) - 1, min(len(rows), 6)).astype(int)
    search = NearestNeighbors(n_neighbors=n_near + 1).fit(hidden)
    near = search.kneighbors(hidden[asked], return_distance=False)
    # A row is its own nearest, unless others share its hidden state; put it first once.
    near = np.array(
        [[i, *[j for j in line if j != i][:n_near]] for i, line in zip(asked, near, strict=True)]
    )
    if shape is None:
        table = Table(
            ("row", "nearest rows", "bits that differ"),
            [
                (
                    str(line[0]),
                    ", ".join(map(str, line[1:])),
                    ", ".join(str(int((rows[j] != rows[line[0]]).sum())) for j in line[1:]),
                )
                for line in near
            ],
            caption="Nearest by hidden probabilities.",
        )
        return [table]
    return [
        png_picture(
            tile(rows[near.reshape(-1)], shape, columns=n_near + 1),
            "Rows of the data and those nearest to them in latent space",
            f"First of each line: a row of the data; then the {n_near} rows whose hidden "
            "probabilities are nearest to its own.",
        )
    ]
