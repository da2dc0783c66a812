"""New rows of a table beside real ones, in a report: figures, pictures, and what to doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium.apps.pages.blocks import Block, Caution, Picture, Table, Text
from harmonium.apps.pages.figures import COLOURS, drawing, svg_picture
from harmonium.data.frames import build, read_columns
from harmonium.questions.copies import CopyCheck, check_copies, nearest_rows
from harmonium.questions.quality import (
    column_pairs,
    column_shapes,
    detect,
    missing_similarity,
    trained_on,
    with_holes_of,
)

if TYPE_CHECKING:
    from harmonium.models.rbm.model import RBM

__all__ = ["as_columns", "new_rows", "rows_table"]

Columns = dict[str, list[Any]]

_N_DRAWN_COLUMNS, _N_PAIRS, _N_TARGETS, _N_NEAREST = 12, 10, 3, 3
#: Labels of a column that are drawn, and that a tree is trained to tell.
_N_LABELS = 8
#: Fewer real rows than this tell little of new ones.
_FEWEST = 50
#: A tree that tells new rows this well shows a reader that they are not real.
_TOLD_APART = 0.8
_ALPHA = 1e-3


def as_columns(frame: Any) -> Columns:
    """A frame of any library as lists of Python values by column."""
    _, cells, _ = read_columns(frame)
    columns: Columns = build("dict", {name: (one.values, one.form) for name, one in cells.items()})
    return columns


def rows_table(columns: Columns, caption: str = "") -> Table:
    """Rows as they would stand in a file."""
    rows = [[_written(value) for value in row] for row in zip(*columns.values(), strict=True)]
    return Table(list(columns), rows, caption, numeric=False)


def _written(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def new_rows(
    model: RBM, real: Columns, seed: int, train: Any = None
) -> tuple[list[Block], list[Caution]]:
    """As many new rows as real ones that the model has not seen, held against these."""
    names = list(model.schema_.names)
    n = len(real[names[0]])
    if n < _FEWEST:
        words = f"{n} real rows tell little of new ones; wanted at least {_FEWEST}."
        return [Text(words)], []
    drawn = as_columns(model.sample(n, random_state=seed))
    words = f"{n:,} new rows beside {n:,} real ones that the model has not seen."
    if model.missing != "informative" and any(None in real[name] for name in names):
        drawn = with_holes_of(drawn, real, seed)
        words += (
            " New rows have none of their cells missing; here they were given real rows' holes."
        )
    shapes, pairs = column_shapes(real, drawn, names), column_pairs(real, drawn, names)
    told = detect(real, drawn, names, seed)
    shape = float(np.nanmean([value for _, value in shapes.values()]))
    trend = float(np.nanmean([one[1] for one in pairs.values()])) if pairs else float("nan")
    overall = float(np.nanmean([shape, trend]))
    figures = [
        ("telling new from real, AUC (0.5: nobody can)", f"{told.auc:.3f} ± {told.std_error:.3f}"),
        ("Column Shapes", f"{shape:.1%}"),
        ("Column Pair Trends", f"{trend:.1%}"),
        ("Overall Quality Score", f"{overall:.1%}"),
    ]
    blocks: list[Block] = [
        Text(words),
        Table(
            ("", "figure"),
            figures,
            "The AUC is that of gradient boosted trees on rows they were not trained on; the other "
            "names are those of SDV's quality report, 100% is best.",
        ),
        _marginals(real, drawn, names),
        _shape_table(shapes, missing_similarity(real, drawn, names)),
    ]
    if pairs:
        blocks.append(_pair_table(pairs))
    blocks += _use(real, drawn, model, seed)
    cautions = []
    if told.auc > _TOLD_APART:
        cautions.append(
            Caution(
                f"New rows can be told from real ones (AUC {told.auc:.2f}): the model has not "
                "learned all there is. More hidden units, more updates or more rows help."
            )
        )
    if train is not None:
        own, found = _copies(real, drawn, as_columns(train), names)
        blocks += own
        cautions += found
    return blocks, cautions


def _marginals(real: Columns, drawn: Columns, names: list[str]) -> Picture:
    """Histograms of the real rows with those of the new ones over them."""
    shown = names[:_N_DRAWN_COLUMNS]
    lines = -(-len(shown) // 2)
    with drawing(1.35 * lines + 0.3) as figure:
        places = figure.subplots(lines, 2, squeeze=False).ravel()
        for axes, name in zip(places, shown, strict=False):
            _marginal(axes, real[name], drawn[name])
            axes.set_title(name[:24], fontsize=9)
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)
        for axes in places[len(shown) :]:
            axes.set_visible(False)
        rest = len(names) - len(shown)
        return svg_picture(
            figure,
            "Each column among real and among new rows",
            "Filled: real rows. Line or marks: new ones."
            + (f" {rest} more columns are in the table." if rest else ""),
        )


def _marginal(axes: Any, real: list[Any], drawn: list[Any]) -> None:
    known = [[value for value in own if value is not None] for own in (real, drawn)]
    if not known[0] or not known[1]:
        return
    numbers = not isinstance(known[0][0], bool) and hasattr(known[0][0], "__float__")
    if numbers:
        a, b = (np.array(own, dtype=np.float64) for own in known)
        # Tails beyond 99.5% would press the rest together.
        low, high = np.quantile(a, [0.005, 0.995])
        bins = np.linspace(low, high if high > low else low + 1, 25)
        a, b = np.clip(a, bins[0], bins[-1]), np.clip(b, bins[0], bins[-1])
        axes.hist(a, bins=bins, color=COLOURS[0], alpha=0.45, density=True)
        axes.hist(b, bins=bins, color=COLOURS[1], histtype="step", linewidth=1.4, density=True)
        return
    texts = [[str(value) for value in own] for own in known]
    labels, counts = np.unique(texts[0], return_counts=True)
    labels = labels[np.argsort(-counts, kind="stable")][:_N_LABELS]
    place = np.arange(len(labels))
    shares = [np.array([own.count(label) for label in labels]) / len(own) for own in texts]
    axes.bar(place, shares[0], color=COLOURS[0], alpha=0.45)
    axes.plot(place, shares[1], "_", color=COLOURS[1], markersize=12, markeredgewidth=2)
    short = max(2, 22 // len(labels))
    cut = [one if len(one) <= short else one[: short - 1] + "…" for one in labels.tolist()]
    axes.set_xticks(place, cut)


def _shape_table(shapes: dict[str, tuple[str, float]], missing: dict[str, float]) -> Table:
    rows = [
        (name, measure, f"{value:.3f}", f"{missing[name]:.3f}")
        for name, (measure, value) in shapes.items()
    ]
    headings = ("column", "measure", "alike", "MissingValueSimilarity")
    return Table(headings, rows, folded="Column by column")


def _pair_table(pairs: dict[tuple[str, str], tuple[str, float, float, float]]) -> Table:
    known = [(pair, one) for pair, one in pairs.items() if not np.isnan(one[1])]
    worst = sorted(known, key=lambda item: item[1][1])[:_N_PAIRS]
    rows = [
        (f"{a}, {b}", measure, f"{value:.3f}", f"{before:.2f}", f"{after:.2f}")
        for (a, b), (measure, value, before, after) in worst
    ]
    return Table(
        ("columns", "measure", "alike", "real", "new"),
        rows,
        f"The {len(rows)} pairs of columns that differ most. Real and new: their rank correlation "
        "where both are numbers, else their mutual information in nats.",
    )


def _use(real: Columns, drawn: Columns, model: RBM, seed: int) -> list[Block]:
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
    real: Columns, drawn: Columns, train: Columns, names: list[str]
) -> tuple[list[Block], list[Caution]]:
    """Whether new rows are copies of rows learned from, and the nearest of some."""
    check = check_copies(real, drawn, train, names)
    figures = [
        ("nearer to a training row than 95% of unseen real rows", f"{check.near:.1%}",
         f"{check.expected:.1%}"),
        ("equal to a training row", f"{check.copies:.1%}", f"{check.held_out_copies:.1%}"),
        ("NewRowSynthesis", f"{1 - check.copies:.3f}", f"{1 - check.held_out_copies:.3f}"),
        ("median distance to the nearest training row", f"{check.distance:.4f}",
         f"{check.held_out_distance:.4f}"),
    ]  # fmt: skip
    few = {name: drawn[name][:_N_NEAREST] for name in names}
    which, _ = nearest_rows(few, train, names)
    beside = {
        name: [one for k, own in enumerate(few[name]) for one in (own, train[name][which[k]])]
        for name in names
    }
    shown = {"": ["new", "nearest"] * len(which), **beside}
    blocks: list[Block] = [
        Table(("", "new rows", "unseen real rows"), figures, "Copies of what was learned from?"),
        rows_table(shown, "Some new rows, and the nearest training row to each."),
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
