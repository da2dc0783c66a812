"""The hidden units of an RBM: weights as pictures, what excites them, which rows are near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Block, Caution, Picture, Table
from harmonium.apps.pages.figures import drawing, png_picture, svg_picture
from harmonium.display.samples import SamplesDisplay
from harmonium.display.units import UnitsDisplay
from harmonium.display.weights import WeightsDisplay, strongest
from harmonium.questions.latents import UnitSummary, neighbour_table, unit_summary

if TYPE_CHECKING:
    from PIL.Image import Image

    from harmonium.models.rbm.model import RBM

__all__ = ["hidden_units", "known_labels", "neighbours", "unit_cautions"]

_COLUMNS = 12
_N_UNITS = 60
_N_NEIGHBOURS = 5
_N_TELLING, _N_LABELLED_NEAR, _N_FOLDS = 10, 10, 3
_N_EXCITED, _N_EXCITING = 6, 10
Shape = tuple[int, int] | None


def hidden_units(
    model: RBM, rows: NDArray[Any] | None, shape: Shape
) -> tuple[list[Block], list[Caution]]:
    weights = model.components_
    units = strongest(weights, _N_UNITS)
    blocks: list[Block] = []
    if shape is not None:
        blocks.append(
            png_picture(
                WeightsDisplay(weights=weights[units], shape=shape, columns=_COLUMNS).image(),
                f"Weights of {len(units)} hidden units as pictures in red and blue",
                f"Weights of the {len(units)} hidden units with the largest ones. Red: the "
                "unit is for a one there; blue: for a zero.",
            )
        )
    if rows is None or not len(rows):
        if shape is None:
            norms = np.linalg.norm(weights, axis=1)[units[:10]]
            blocks.append(
                Table(
                    ("hidden unit", "norm of its weights"),
                    [(str(j), f"{v:.2f}") for j, v in zip(units[:10], norms, strict=True)],
                )
            )
        return blocks, []
    summary = unit_summary(model, rows, n_rows=_N_EXCITING)
    with drawing(2.1) as figure:
        UnitsDisplay(values=summary.on).plot(figure.subplots())
        blocks.append(
            svg_picture(
                figure,
                "How often hidden units are on",
                f"Over {len(rows):,} rows of the data.",
            )
        )
    if shape is not None and len(rows) >= _N_EXCITING:
        blocks.append(_exciting(rows, summary, shape))
    return blocks, unit_cautions(summary)


def _sheet(rows: NDArray[Any], shape: Shape, columns: int) -> Image:
    return SamplesDisplay(rows=rows, shape=shape, columns=columns).image()


def _exciting(rows: NDArray[Any], summary: UnitSummary, shape: tuple[int, int]) -> Picture:
    """For the units that tell rows apart best, the rows that excite each most."""
    units = np.argsort(-summary.spread)[:_N_EXCITED]
    return png_picture(
        _sheet(rows[summary.exciting[units].reshape(-1)], shape, _N_EXCITING),
        f"Rows that excite {len(units)} hidden units most",
        f"A line a unit, of the {len(units)} that differ most between rows (numbers "
        f"{', '.join(map(str, units))}): the {_N_EXCITING} rows that excite it most.",
    )


def unit_cautions(summary: UnitSummary) -> list[Caution]:
    """Dead and duplicated units, named."""
    found = []
    if summary.dead:
        one = len(summary.dead) == 1
        found.append(
            Caution(
                f"{_units(summary.dead)} of {len(summary.on)} hidden units "
                f"{'is' if one else 'are'} the same for every row and "
                f"{'says' if one else 'say'} nothing about it."
            )
        )
    if summary.duplicates:
        named = "; ".join(" and ".join(map(str, group)) for group in summary.duplicates[:5])
        more = len(summary.duplicates) - 5
        rest = f"; and {more} more groups" if more > 0 else ""
        found.append(Caution(f"Hidden units that say the same: {named}{rest}."))
    return found


def _units(numbers: list[int]) -> str:
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
            _sheet(rows[near.reshape(-1)], shape, n_near + 1),
            "Rows of the data and those nearest to them in latent space",
            f"First of each line: a row of the data; then the {n_near} rows whose hidden "
            "probabilities are nearest to its own.",
        )
    ]


def known_labels(model: RBM, rows: NDArray[Any], labels: NDArray[Any]) -> list[Block]:
    """What hidden units tell about labels that the model has never seen, and who is near."""
    summary = unit_summary(model, rows, labels)
    telling = np.argsort(-summary.information)[:_N_TELLING]
    hidden = np.asarray(model.transform(rows))
    classes = np.unique(labels)
    # The classes for which a unit is on most and least often.
    usage = np.stack([hidden[labels == value].mean(0) for value in classes])
    units = [
        (
            str(j),
            f"{summary.information[j]:.3f}",
            f"{summary.on[j]:.0%}",
            f"{classes[usage[:, j].argmax()]} ({usage[:, j].max():.0%})",
            f"{classes[usage[:, j].argmin()]} ({usage[:, j].min():.0%})",
        )
        for j in telling
    ]
    blocks: list[Block] = [
        Table(
            ("hidden unit", "nats about the label", "on", "most for", "least for"),
            units,
            caption="The units that tell most about the labels (mutual information).",
        )
    ]
    fewest = min(int((labels == value).sum()) for value in classes)
    if fewest >= _N_FOLDS and len(rows) > _N_LABELLED_NEAR:
        spaces = neighbour_table(
            model, rows, labels, n_neighbours=_N_LABELLED_NEAR, n_folds=_N_FOLDS
        )
        blocks.append(
            Table(
                ("space", "sizes", "same label among ten nearest", "linear classifier"),
                [
                    (
                        space.name,
                        str(space.n_dimensions),
                        f"{space.same_label:.1%} ± {space.std_error:.1%}",
                        f"{space.linear_accuracy:.1%}",
                    )
                    for space in spaces
                ],
                caption="Near in latent space? PCA of the same size, its axes from these rows.",
            )
        )
    return blocks
