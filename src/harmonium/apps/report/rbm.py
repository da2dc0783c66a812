"""What a report says of an RBM: learning, likelihood, pictures up and down, hidden units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Block, Picture, Section, Table, Text
from harmonium.apps.pages.figures import png_picture
from harmonium.apps.pages.widgets import machine, widget
from harmonium.apps.report.description import Description, fact_tables
from harmonium.apps.report.ending import ending_cautions
from harmonium.apps.report.learning import (
    held_out,
    independent_log_likelihood,
    learning_curves,
    overfitting,
    worse_than_rates,
)
from harmonium.apps.report.likelihood import log_z_cautions, log_z_row, score_row
from harmonium.apps.report.units import hidden_units, known_labels, neighbours
from harmonium.display.completions import CompletionsDisplay
from harmonium.display.samples import SamplesDisplay
from harmonium.display.sheets import shape_of

if TYPE_CHECKING:
    from harmonium.models.rbm.model import RBM

__all__ = ["describe"]

_COLUMNS = 12
_N_SHOWN = 12
#: Rows of the data that are looked at for activities and neighbours.
_N_ROWS = 5_000
#: Rows whose log P is shown beside the reader's own, and weights that a page is to carry at most.
_N_SCORED, _MAX_WEIGHTS = 300, 100_000

Shape = tuple[int, int] | None


def describe(
    model: RBM, data: Any, seed: int, *, shape: Shape = None, labels: NDArray[Any] | None = None
) -> Description:
    """An RBM; pictures where rows are pictures, of height and width `shape`; `labels` of `data`
    that the model has not seen."""
    n_hidden, n_visible = model.components_.shape
    shape = shape_of(n_visible, shape)
    chosen = None if data is None else _chosen(data.shape[0], seed)
    rows = None if chosen is None else _dense(data[chosen])
    log_z = model.log_partition()
    lead = (
        f"A restricted Boltzmann machine: {n_visible} visible and {n_hidden} hidden {_kind(model)}"
        f"units, trained {_taught(model)} to make its data likely."
    )
    cautions = [*log_z_cautions(log_z), *ending_cautions(model.facts())]
    sections = [Section("The model", fact_tables(model))]
    history = getattr(model, "history_", {})
    if history.get("validation"):
        blocks: list[Block] = [learning_curves(history)]
        sections.append(Section("Learning", blocks))
        cautions += overfitting(history)
    likely = [log_z_row(log_z)]
    if history.get("log_partition"):
        row, found = held_out(history, log_z)
        likely.append(row)
        cautions += found
    if data is not None:
        likely.append(score_row(model, data, log_z))
        independent = independent_log_likelihood(data)
        likely.append(("the same rows under their own rates", f"{independent:,.2f}"))
        cautions += worse_than_rates(model, data, independent, log_z)
    sections.append(Section("How likely", [Table(("", "nats"), likely)]))
    sections.append(Section("Samples", _samples(model, shape, seed)))
    if model.attributes_:
        sections.append(Section("Attributes", _drawn_by_attribute(model, shape, seed)))
    if rows is not None and len(rows):
        sections.append(Section("Completions", _completions(model, rows, shape, seed)))
    if shape is not None and _is_playable(model):
        sections.append(Section("Play with it", _played(model, rows, shape, seed)))
    hidden, found = hidden_units(model, rows, shape)
    cautions += found
    sections.append(Section("Hidden units", hidden))
    if rows is not None and len(rows) > 1:
        sections.append(Section("Neighbours", neighbours(model, rows, shape)))
        if labels is not None:
            sections.append(Section("Known labels", known_labels(model, rows, labels[chosen])))
    return Description(lead, cautions, sections)


def _chosen(n: int, seed: int) -> NDArray[np.int64]:
    if n <= _N_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _N_ROWS, replace=False))


def _dense(rows: Any) -> NDArray[np.float64]:
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


def _kind(model: RBM) -> str:
    return "binary " if model.hidden == "bernoulli" else f"{model.hidden} "


def _taught(model: RBM) -> str:
    if not model.attributes_:
        return "without labels"
    many = "attribute" if len(model.attributes_) == 1 else "attributes"
    return f"with the {many} {', '.join(model.attributes_)}"


def _rows_picture(rows: Any, shape: Shape, alt: str, caption: str, columns: int) -> Picture:
    """Rows as pictures, `columns` a line; else `columns` rows of cells below each other."""
    return png_picture(
        SamplesDisplay(rows=rows, shape=shape, columns=columns).image(), alt, caption
    )


def _samples(model: RBM, shape: Shape, seed: int) -> list[Block]:
    drawn = model.sample(60 if shape else 3 * _COLUMNS, random_state=seed)
    return [
        _rows_picture(
            drawn,
            shape,
            f"{len(drawn)} rows drawn from the model",
            f"{len(drawn)} draws from P(v) by Gibbs sampling. White: 1, black: 0.",
            _COLUMNS,
        )
    ]


def _drawn_by_attribute(model: RBM, shape: Shape, seed: int) -> list[Block]:
    """Draws of x given each value of the label, or each attribute alone."""
    if model.attribute_classes_:
        (name,) = model.attributes_
        wanted = [({name: value}, f"{name} {value}") for value in model.attribute_classes_]
    else:
        wanted = [({name: 1}, name) for name in model.attributes_]
    wanted = wanted[:_COLUMNS]
    drawn = [
        model.sample(_COLUMNS, attributes=given, random_state=seed + i)
        for i, (given, _) in enumerate(wanted)
    ]
    return [
        _rows_picture(
            np.concatenate(drawn),
            shape,
            f"Rows drawn from the model given each of {len(wanted)} attributes",
            "Draws from P(v given an attribute), a line each from the top (tables: from the "
            f"left): {', '.join(words for _, words in wanted)}.",
            _COLUMNS,
        )
    ]


def _is_playable(model: RBM) -> bool:
    """Units of 0 and 1 with a label or none, and few enough weights for a page."""
    plain = model.hidden == "bernoulli" and bool(model.attributes_) == bool(
        model.attribute_classes_
    )
    return plain and model.components_.size <= _MAX_WEIGHTS


def _played(
    model: RBM, rows: NDArray[Any] | None, shape: tuple[int, int], seed: int
) -> list[Block]:
    """The model itself, in the reader's browser."""
    known = rows is not None and len(rows) > 0
    shown = np.asarray(rows if known else model.sample(_N_SHOWN, random_state=seed))
    picked = shown[np.random.default_rng(seed).permutation(len(shown))[:_N_SCORED]]
    scores = model.score_samples(picked) if known else ()
    words = (
        "Draw, press hidden units, hold pixels and let a chain fill in the rest. Black: 1, white: "
        "0. All is worked out on this page, with the model's own weights."
    )
    what = "rows of the data"
    return [
        Text(words),
        widget("latents", machine(model, shape, picked[:_N_SHOWN], scores, what=what)),
    ]


def _completions(model: RBM, rows: NDArray[Any], shape: Shape, seed: int) -> list[Block]:
    """Some rows with the second half taken away, and what the model puts there."""
    shown = rows[np.random.default_rng(seed).permutation(len(rows))[:_N_SHOWN]]
    half = shown.shape[1] // 2
    if half == 0:
        return [Text("Rows of one unit have no half to complete.")]
    blanked = shown.copy()
    blanked[:, half:] = np.nan
    filled = np.asarray(model.complete(blanked, how="mean", random_state=seed))
    right = float(((filled[:, half:] > 0.5) == (shown[:, half:] > 0.5)).mean())
    usual = shown[:, half:].mean() > 0.5
    base = float((shown[:, half:] == usual).mean())
    return [
        png_picture(
            CompletionsDisplay(truth=shown, given=blanked, answer=filled, shape=shape).image(),
            "Rows of the data, the same with half of them blank, and their completions",
            "Rows of the data, their second half taken away (orange), and the mean of "
            f"P(missing | seen). {right:.1%} of the missing bits are right after rounding "
            f"({base:.1%} by always saying {int(usual)}).",
        )
    ]
