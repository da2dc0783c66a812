"""What a report says of a model of aligned sequences: new ones, contacts, logos of its units."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.apps.pages.blocks import Block, Picture, Section, Table, Text
from harmonium.apps.pages.figures import drawing, svg_picture
from harmonium.apps.report.description import Description, fact_tables
from harmonium.apps.report.ending import ending_cautions
from harmonium.apps.report.learning import held_out, learning_curves, overfitting
from harmonium.apps.report.likelihood import log_z_cautions, log_z_row, score_row
from harmonium.contract.registry import entry_of
from harmonium.display.couplings import CouplingsDisplay
from harmonium.display.logos import LogosDisplay
from harmonium.questions.sequences.contacts import scored_pairs
from harmonium.questions.sequences.design import nearest_columns, with_energies

__all__ = ["describe"]

_N_DRAWN, _N_PAIRS, _N_UNITS = 8, 10, 6
#: Pairs nearer than this along the sequence touch anyway.
_SEPARATION = 5


def describe(model: Any, data: Any, seed: int) -> Description:
    """A model of an alignment; `data` are sequences that it has not seen."""
    family = model.schema_.family
    log_z = model.log_partition()
    lead = f"{entry_of(model).title} of aligned sequences: {family}."
    cautions = [*log_z_cautions(log_z), *ending_cautions(model.facts())]
    sections = [Section("The model", fact_tables(model))]
    history = getattr(model, "history_", {})
    likely = [log_z_row(log_z)]
    if history.get("validation"):
        sections.append(Section("Learning", [learning_curves(history)]))
        cautions += overfitting(history)
    if history.get("log_partition"):
        row, found = held_out(history, log_z)
        likely.append(row)
        cautions += found
    if data is not None and len(data):
        likely.append(score_row(model, data, log_z))
        mean = float(np.mean(model.score_samples(data))) / family.n_columns
        likely.append(("the same, a column", f"{mean:,.4f}"))
    sections.append(Section("How likely", [Table(("", "nats"), likely)]))
    sections.append(Section("New sequences", _new(model, data, seed)))
    if family.n_columns > 1 and _tells_pairs(model):
        sections.append(Section("Contacts", _contacts(model, seed)))
    if getattr(model, "components_", None) is not None:
        sections.append(Section("Hidden units", [_logos(model)]))
    return Description(lead, cautions, sections)


def _tells_pairs(model: Any) -> bool:
    return hasattr(model, "couplings_") or not getattr(model, "attributes_", [])


def _new(model: Any, data: Any, seed: int) -> list[Block]:
    drawn = model.sample(_N_DRAWN, random_state=seed)
    energies = [name.split("energy=")[1] for name in with_energies(model, drawn).names]
    columns: list[Any] = [drawn.sequences, energies]
    headings = ["sequence", "energy (nats)"]
    words = "The lower the energy, the more probable."
    if data is not None and len(data):
        columns.append([f"{one:.0%}" for one in nearest_columns(drawn, data)["identity"]])
        headings.append("identity with the nearest of the data")
    rows = [tuple(map(str, row)) for row in zip(*columns, strict=True)]
    return [Table(headings, rows), Text(words)]


def _contacts(model: Any, seed: int) -> list[Block]:
    i, j, score = scored_pairs(model, None, gap="auto", correct=True, random_state=seed)
    far = j - i >= _SEPARATION
    i, j, score = i[far], j[far], score[far]
    n_columns = model.schema_.family.n_columns
    shown = CouplingsDisplay(i=i, j=j, score=score, n_columns=n_columns, separation=_SEPARATION)
    with drawing(4.6) as figure:
        shown.plot(figure.add_subplot())
        picture = svg_picture(
            figure,
            f"the {min(n_columns, len(i))} pairs of columns that are coupled most",
            f"Pairs at least {_SEPARATION} columns apart, as many as there are columns.",
        )
    residues = model.schema_.family.residues
    headings = ["columns", "score"]
    rows = [[f"{a}, {b}", f"{s:.3f}"] for a, b, s in zip(i, j, score, strict=True)][:_N_PAIRS]
    if residues:
        headings.append(f"residues of {model.schema_.family.reference}")
        for row, a, b in zip(rows, i, j, strict=False):
            row.append(f"{residues[a] or 'gap'}, {residues[b] or 'gap'}")
    return [picture, Table(headings, rows)]


def _logos(model: Any) -> Picture:
    """Weights of the units that weigh most, each column's about their mean."""
    n_units = min(_N_UNITS, len(model.components_))
    with drawing(1.1 * n_units) as figure:
        axes = figure.subplots(n_units, 1, squeeze=False)
        LogosDisplay.from_estimator(model, n_units=n_units, ax=axes)
        return svg_picture(
            figure,
            f"weights of {n_units} hidden units as logos",
            "Letters above the line switch a unit on, letters below it off, as strongly as they "
            "are high; each column's weights are taken about their mean.",
        )
