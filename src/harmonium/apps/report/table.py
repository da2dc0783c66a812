"""What a report says of a model of a table: its columns, new rows beside real ones, its units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harmonium.apps.pages.blocks import Block, Section, Table, Text
from harmonium.apps.report.boltzmann import strongest_pairs
from harmonium.apps.report.description import Description, fact_tables
from harmonium.apps.report.ending import ending_cautions
from harmonium.apps.report.learning import held_out, learning_curves, overfitting
from harmonium.apps.report.likelihood import log_z_cautions, log_z_row, score_row
from harmonium.apps.report.new_rows import new_rows, rows_table, some_rows
from harmonium.data.frames import as_lists
from harmonium.models.boltzmann.model import BoltzmannMachine
from harmonium.questions.unit_columns import UnitColumn, unit_columns

if TYPE_CHECKING:
    from harmonium.models.rbm.model import RBM

__all__ = ["describe"]

_N_DRAWN = 8
#: Rows of the data that new ones are held against.
_N_ROWS = 2_000
_N_UNITS, _N_COLUMNS = 20, 3
#: What a unit says of a column in fewer nats than this is not worth a line.
_FAINT = 0.02


def describe(
    model: RBM | BoltzmannMachine, data: Any, seed: int, *, train: Any = None
) -> Description:
    """A model of a table; `data` that it has not seen, and the rows that it learned from, for
    whether new rows are copies."""
    schema = model.schema_
    log_z = model.log_partition()
    lead = _lead(model)
    cautions = [*log_z_cautions(log_z), *ending_cautions(model.facts())]
    columns = Table(("column", "kind", "what it is"), schema.described(), numeric=False)
    sections = [Section("The model", fact_tables(model)), Section("Columns", [columns])]
    history = getattr(model, "history_", {})
    likely = [log_z_row(log_z)]
    if history.get("validation") and history.get("std_error"):
        words = "Here rows count by the states of their columns, without the density inside bins."
        sections.append(Section("Learning", [learning_curves(history), Text(words)]))
        cautions += overfitting(history)
    if history.get("log_partition"):
        row, found = held_out(history, log_z)
        likely.append((f"{row[0]} (by states)", row[1]))
        cautions += found
    if data is not None:
        likely.append(score_row(model, data, log_z))
    sections.append(Section("How likely", [Table(("", "nats"), likely)]))
    drawn = as_lists(model.sample(_N_DRAWN, random_state=seed))
    sections.append(
        Section("New rows", [rows_table({name: drawn[name] for name in model.schema_.names})])
    )
    if data is not None:
        blocks, found = new_rows(model, some_rows(as_lists(data), _N_ROWS, seed), seed, train)
        sections.append(Section("New rows beside real ones", blocks))
        cautions += found
    if not isinstance(model, BoltzmannMachine):
        sections.append(Section("What hidden units speak of", _units(model)))
    else:
        sections.append(Section("Who speaks to whom", strongest_pairs(model)))
    return Description(lead, cautions, sections)


def _lead(model: RBM | BoltzmannMachine) -> str:
    n = len(model.schema_.names)
    if isinstance(model, BoltzmannMachine):
        pairs = model.facts()["coupled pairs"]
        return (
            f"A Boltzmann machine: {n} columns, {pairs:,} pairs of them coupled, trained to make "
            "the rows of a table likely."
        )
    return (
        f"A restricted Boltzmann machine: {n} columns "
        f"({model.components_.shape[1]} visible units) and {model.components_.shape[0]} hidden "
        "units, trained to make the rows of a table likely."
    )


def _units(model: RBM) -> list[Block]:
    """For the units that change columns most, what each says of which."""
    said = sorted(unit_columns(model), key=lambda columns: -sum(one.nats for one in columns))
    rows = []
    for columns in said[:_N_UNITS]:
        shown = [one for one in columns[:_N_COLUMNS] if one.nats >= _FAINT]
        if shown:
            rows.append((str(shown[0].unit), "; ".join(map(_words, shown))))
    if not rows:
        return [Text("No hidden unit says much of any column by itself.")]
    return [
        Table(("unit", "what it does to columns when it is on"), rows, numeric=False),
        Text(
            "By itself, all other units being left aside: the mean of a number, or the shares of "
            "the label that it raises and of the one that it lowers most, before and after."
        ),
    ]


def _words(one: UnitColumn) -> str:
    if one.means is not None:
        return f"{one.column} {one.means[0]:.3g} → {one.means[1]:.3g}"
    change = one.after - one.before
    states = [int(change.argmax()), int(change.argmin())]
    if len(change) == 2:
        states = states[:1]  # the other is the rest
    parts = [
        f"{'missing' if one.labels[k] is None else one.labels[k]} "
        f"{one.before[k]:.2f} → {one.after[k]:.2f}"
        for k in states
    ]
    return f"{one.column}: {', '.join(parts)}"
