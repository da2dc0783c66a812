"""New rows of a table beside real ones, in a report: figures, pictures, and what to doubt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium.apps.pages.blocks import Block, Caution, Picture, Table, Text
from harmonium.apps.pages.figures import drawing, svg_picture
from harmonium.data.frames import as_lists
from harmonium.display.columns import ColumnsDisplay
from harmonium.questions.copies import CopyCheck, check_copies, nearest_rows
from harmonium.questions.pair_trends import pair_trends
from harmonium.questions.quality import (
    Detection,
    column_pairs,
    column_shapes,
    detect,
    missing_similarity,
    trained_on,
    with_holes_of,
)

if TYPE_CHECKING:
    from harmonium.models.boltzmann.model import BoltzmannMachine
    from harmonium.models.rbm.model import RBM

__all__ = ["new_rows", "rows_table", "some_rows"]

Columns = dict[str, list[Any]]

_N_DRAWN_COLUMNS, _N_PAIRS, _N_TARGETS, _N_NEAREST = 12, 10, 3, 3
#: Labels of a column that are drawn, and that a tree is trained to tell.
_N_LABELS = 8
#: Fewer real rows than this tell little of new ones.
_FEWEST = 50
#: A tree that tells new rows this well shows a reader that they are not real.
_TOLD_APART = 0.8
_ALPHA = 1e-3


def rows_table(columns: Columns) -> Table:
    """Rows as they would stand in a file."""
    rows = [[_written(value) for value in row] for row in zip(*columns.values(), strict=True)]
    return Table(list(columns), rows, numeric=False)


def _written(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def new_rows(
    model: RBM | BoltzmannMachine, real: Columns, seed: int, train: Any = None
) -> tuple[list[Block], list[Caution]]:
    """As many new rows as real ones that the model has not seen, held against these; and the
    rows that it learned from, where given, held against them likewise, as a yardstick."""
    names = list(model.schema_.names)
    n = len(real[names[0]])
    if n < _FEWEST:
        words = f"{n} real rows tell little of new ones; wanted at least {_FEWEST}."
        return [Text(words)], []
    drawn = as_lists(model.sample(n, random_state=seed))
    words = f"{n:,} new rows beside {n:,} real ones that the model has not seen."
    # Holes that are states of their own the model draws itself.
    own = {"informative": names, "at-random": []}.get(str(model.missing), model.missing)
    filled = [name for name in names if name not in own]
    if any(None in real[name] for name in filled):
        drawn = with_holes_of(drawn, real, seed, filled)
        words += (
            " New rows have no cell missing, but where that is a state; here they were given the "
            "holes of real rows drawn at random, which is right only where holes are chance."
        )
    real, drawn = _labelled(real, model), _labelled(drawn, model)
    learned = None if train is None else _labelled(as_lists(train), model)
    compared = [drawn] if learned is None else [drawn, some_rows(learned, n, seed)]
    told = [detect(real, rows, names, seed) for rows in compared]
    shapes = [column_shapes(real, rows, names) for rows in compared]
    pairs = [column_pairs(real, rows, names) for rows in compared]
    trends = [pair_trends(real, rows, names) for rows in compared]
    blocks: list[Block] = [
        Text(words),
        _figures(told, shapes, trends),
        _marginals(real, drawn, names),
        _shape_table(shapes, missing_similarity(real, drawn, names)),
    ]
    if pairs[0]:
        blocks.append(_pair_table(pairs))
    blocks += _use(real, drawn, model, seed)
    cautions = []
    if told[0].auc > _TOLD_APART:
        cautions.append(
            Caution(
                f"New rows can be told from real ones (AUC {told[0].auc:.2f}): the model has not "
                "learned all there is. More hidden units, more updates or more rows help."
            )
        )
    if learned is not None:
        own, found = _copies(real, drawn, learned, names)
        blocks += own
        cautions += found
    return blocks, cautions


def some_rows(columns: Columns, n: int, seed: int) -> Columns:
    """At most `n` of the rows, drawn at random, in their order."""
    n_rows = len(next(iter(columns.values())))
    if n_rows <= n:
        return columns
    chosen = np.sort(np.random.default_rng(seed).choice(n_rows, n, replace=False)).tolist()
    return {name: [values[k] for k in chosen] for name, values in columns.items()}


def _labelled(columns: Columns, model: RBM | BoltzmannMachine) -> Columns:
    """The modelled columns; labels as texts, also those that are written as numbers."""
    found = {}
    for column in model.schema_.columns:
        own = columns[column.name]
        if not column.is_number:
            own = [None if value is None else _label(value) for value in own]
        found[column.name] = own
    return found


def _label(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)  # 1.0 where a column of 0 and 1 has holes


def _figures(
    told: Sequence[Detection],
    shapes: Sequence[dict[str, tuple[str, float]]],
    trends: Sequence[dict[tuple[str, str], tuple[str, float]]],
) -> Table:
    """One figure each for all columns and pairs, of new rows and, beside it, of training rows."""
    shape = [_mean([value for _, value in own.values()]) for own in shapes]
    trend = [_mean([value for _, value in own.values()]) for own in trends]
    overall = [_mean(both) for both in zip(shape, trend, strict=True)]
    rows = [
        ("telling them from unseen rows, AUC", *(f"{t.auc:.3f} ± {t.std_error:.3f}" for t in told)),
        *(
            (name, *("–" if np.isnan(value) else f"{value:.1%}" for value in values))
            for name, values in (
                ("Column Shapes", shape),
                ("Column Pair Trends", trend),
                ("Overall Quality Score", overall),
            )
        ),
    ]
    return Table(
        ("", "new rows", "training rows")[: 1 + len(told)],
        rows,
        "The AUC is that of gradient boosted trees on rows they were not trained on: 0.5 where "
        "nothing can be told. The other figures are as SDV's quality report makes them (sdmetrics "
        "0.32), 100% is best; its trends are of the pairs that hang together in real rows.",
    )


def _mean(values: Iterable[float]) -> float:
    """Of those that are known; NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _marginals(real: Columns, drawn: Columns, names: list[str]) -> Picture:
    """Histograms of the real rows with those of the new ones over them."""
    shown = names[:_N_DRAWN_COLUMNS]
    lines = -(-len(shown) // 2)
    with drawing(1.35 * lines + 0.3) as figure:
        places = figure.subplots(lines, 2, squeeze=False)
        ColumnsDisplay(real=real, drawn=drawn, names=shown).plot(places)
        rest = len(names) - len(shown)
        return svg_picture(
            figure,
            "Each column among real and among new rows",
            "Filled: real rows. Line or marks: new ones."
            + (f" {rest} more columns are in the table." if rest else ""),
        )


def _shape_table(
    shapes: Sequence[dict[str, tuple[str, float]]], missing: dict[str, float]
) -> Table:
    rows = [
        (name, measure, *(f"{own[name][1]:.3f}" for own in shapes), f"{missing[name]:.3f}")
        for name, (measure, _) in shapes[0].items()
    ]
    alike = ("new rows", "training rows")[: len(shapes)]
    headings = ("column", "measure", *alike, "MissingValueSimilarity")
    return Table(headings, rows, folded="Column by column")


def _pair_table(
    pairs: Sequence[dict[tuple[str, str], tuple[str, float, float, float]]],
) -> Table:
    """The pairs that differ most; where training rows are held against unseen ones too, most
    beyond what chance does."""
    own, usual = pairs[0], pairs[-1] if len(pairs) > 1 else {}
    known = [pair for pair, one in own.items() if not np.isnan(one[1])]
    base = {pair: usual[pair][1] if pair in usual else 1.0 for pair in known}
    worst = sorted(known, key=lambda pair: own[pair][1] - np.nan_to_num(base[pair], nan=1.0))
    rows = []
    for pair in worst[:_N_PAIRS]:
        measure, value, before, after = own[pair]
        beside = [f"{base[pair]:.3f}"] if usual else []
        rows.append(
            (", ".join(pair), measure, f"{value:.3f}", *beside, f"{before:.2f}", f"{after:.2f}")
        )
    alike = ("new rows", "training rows")[: len(pairs)]
    return Table(
        ("columns", "measure", *alike, "real", "new"),
        rows,
        f"The {len(rows)} pairs of columns that differ most. Real and new: their rank correlation "
        "where both are numbers, else their mutual information in nats, which few rows flatter.",
    )


def _use(real: Columns, drawn: Columns, model: RBM | BoltzmannMachine, seed: int) -> list[Block]:
    """Trained on new rows and tested on real ones, beside trained on real ones."""
    schema = model.schema_
    able = [c.name for c in schema.columns if not c.is_number and c.n_states <= _N_LABELS]
    n = len(real[schema.names[0]])
    mixed = np.random.default_rng(seed).permutation(n)
    halves = [
        {name: [values[k] for k in part.tolist()] for name, values in real.items()}
        for part in (mixed[: n // 2], mixed[n // 2 :])
    ]
    # The same number of rows to train on, or the comparison would be of sizes.
    as_many = {name: values[: n // 2] for name, values in drawn.items()}
    rows = []
    for target in able[:_N_TARGETS]:
        try:
            new = trained_on(as_many, halves[1], target, schema.names, seed)
            own = trained_on(halves[0], halves[1], target, schema.names, seed)
        except ValueError:  # a label too rare for half of the rows
            continue
        rows.append((target, f"{new[1]:.3f}", f"{own[1]:.3f}"))
    if not rows:
        return []
    return [
        Table(
            ("column told from the others", "trained on new", "trained on real"),
            rows,
            f"AUC on {n - n // 2:,} real rows, of gradient boosted trees trained on {n // 2:,}.",
        )
    ]


def _copies(
    real: Columns, drawn: Columns, learned: Columns, names: list[str]
) -> tuple[list[Block], list[Caution]]:
    """Whether new rows are copies of rows learned from, and the nearest of some."""
    check = check_copies(real, drawn, learned, names)
    figures = [
        ("nearer to a training row than 95% of unseen real rows", f"{check.near:.1%}",
         f"{check.expected:.1%}"),
        ("equal to a training row", f"{check.copies:.1%}", f"{check.held_out_copies:.1%}"),
        ("median distance to the nearest training row", f"{check.distance:.4f}",
         f"{check.held_out_distance:.4f}"),
    ]  # fmt: skip
    few = {name: drawn[name][:_N_NEAREST] for name in names}
    which, _ = nearest_rows(few, learned, names)
    beside = {
        name: [one for k, own in enumerate(few[name]) for one in (own, learned[name][which[k]])]
        for name in names
    }
    shown = {"": ["new", "nearest"] * len(which), **beside}
    blocks: list[Block] = [
        Table(("", "new rows", "unseen real rows"), figures, "Copies of what was learned from?"),
        Text("Some new rows, and the nearest training row to each:"),
        rows_table(shown),
    ]
    return blocks, _copy_cautions(check)


def _copy_cautions(check: CopyCheck) -> list[Caution]:
    if check.p_value > _ALPHA:
        return []
    return [
        Caution(
            f"{check.near:.1%} of new rows lie nearer to a row learned from than 95% of unseen "
            f"real rows do, where {check.expected:.1%} would be usual: the model may be giving "
            "away rows that it has learned from. Fewer hidden units or more rows help."
        )
    ]
