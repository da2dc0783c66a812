"""What a report says of a Boltzmann machine: learning, likelihood, which variables are coupled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium.apps.pages.blocks import Block, Section, Table, Text
from harmonium.apps.report.description import Description, fact_tables
from harmonium.apps.report.ending import ending_cautions
from harmonium.apps.report.learning import held_out, learning_curves, overfitting
from harmonium.apps.report.likelihood import log_z_cautions, log_z_row, score_row

if TYPE_CHECKING:
    from harmonium.models.boltzmann.model import BoltzmannMachine

__all__ = ["describe", "strongest_pairs"]

_N_PAIRS = 20
_N_DRAWS, _MOST_COLUMNS = 8, 30


def describe(model: BoltzmannMachine, data: Any, seed: int) -> Description:
    """A machine of rows of states; `data` that it has not seen."""
    sizes, log_z = model.facts(), model.log_partition()
    lead = (
        f"A Boltzmann machine: {sizes['variables']} variables of {sizes['states of each']} states, "
        f"{sizes['coupled pairs']:,} pairs of them coupled; P(x) grows with the sum of one field "
        "for each variable's state and one coupling for each pair of states."
    )
    cautions = [*log_z_cautions(log_z), *ending_cautions(model.facts())]
    sections = [Section("The model", fact_tables(model))]
    history, likely = getattr(model, "history_", {}), [log_z_row(log_z)]
    if history.get("validation") and history.get("std_error"):
        sections.append(Section("Learning", [learning_curves(history)]))
        cautions += overfitting(history)
        row, found = held_out(history, log_z)
        likely.append(row)
        cautions += found
    if data is not None:
        likely.append(score_row(model, data, log_z))
    sections.append(Section("How likely", [Table(("", "nats"), likely)]))
    sections.append(Section("Who speaks to whom", strongest_pairs(model)))
    drawn = np.asarray(model.sample(_N_DRAWS, random_state=seed))[:, :_MOST_COLUMNS]
    rows = [(f"draw {i + 1}", *(f"{value:g}" for value in row)) for i, row in enumerate(drawn)]
    shown = Table(("", *map(str, range(drawn.shape[1]))), rows)
    sections.append(Section("New rows", [shown]))
    return Description(lead, cautions, sections)


def strongest_pairs(model: BoltzmannMachine) -> list[Block]:
    """The pairs whose couplings have the largest norm in the zero-sum gauge."""
    pairs = model.coupling_norms()[:_N_PAIRS]
    if not pairs:
        return [Text("No variables are coupled.")]
    rows = [(str(one), str(other), f"{norm:.3f}") for one, other, norm in pairs]
    caption = "The root of the sum of a pair's squared couplings, in the zero-sum gauge."
    return [Table(("variable", "variable", "strength"), rows, caption=caption)]
