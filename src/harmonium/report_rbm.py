"""What a report says of an RBM: learning, likelihood, pictures up and down, hidden units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.partition import LogZ
from harmonium.plots import picture_shape, tile, weights_picture
from harmonium.report_figures import COLOURS, drawing, png_picture, svg_picture
from harmonium.report_likelihood import log_z_row, log_z_warnings, score_row
from harmonium.report_page import Block, Picture, Section, Table, Text, Warning, parameters_table

if TYPE_CHECKING:
    from harmonium.rbm import RBM

__all__ = ["describe", "learning_curves"]

_COLUMNS = 12
_N_UNITS = 60
_N_SHOWN = 12
_N_NEIGHBOURS = 5
_N_EXCITED, _N_EXCITING = 6, 10
#: Rows of the data that are looked at for activities and neighbours.
_N_ROWS = 5_000
#: A unit that is on (or off) for all but this share of the rows says nothing about them.
_DEAD = 1e-3
#: Two units whose activities are correlated more than this say the same thing.
_TWIN = 0.99

Shape = tuple[int, int] | None


def describe(
    model: RBM, data: Any, shape: Shape, seed: int
) -> tuple[str, list[Warning], list[Section]]:
    """Lead, warnings and sections of a report; pictures where rows are pictures."""
    n_hidden, n_visible = model.components_.shape
    shape = _picture(n_visible, shape)
    rows = None if data is None else _sample_rows(data, seed)
    log_z = model.log_partition()
    lead = (
        f"A restricted Boltzmann machine: {n_visible} visible and {n_hidden} hidden binary "
        "units, trained without labels to make its data likely."
    )
    warnings = [*log_z_warnings(log_z), *_fit_warnings(model)]
    sections = [Section("The model", _facts(model))]
    history = getattr(model, "history_", {})
    if history.get("validation"):
        blocks: list[Block] = [learning_curves(history)]
        sections.append(Section("Learning", blocks))
        warnings += _overfitting(history)
    likely = [log_z_row(log_z)]
    if history.get("validation"):
        held_out, found = _held_out(history, log_z)
        likely.append(held_out)
        warnings += found
    if data is not None:
        likely.append(score_row(model, data, log_z))
        independent = _independent(data)
        likely.append(("the same rows under their own rates", f"{independent:,.2f}"))
        warnings += _worse_than_rates(model, data, independent, log_z)
    sections.append(Section("How likely", [Table(("", "nats"), likely)]))
    sections.append(Section("Samples", _samples(model, shape, seed)))
    if rows is not None and len(rows):
        sections.append(Section("Completions", _completions(model, rows, shape, seed)))
    hidden, found = _hidden_units(model, rows, shape)
    warnings += found
    sections.append(Section("Hidden units", hidden))
    if rows is not None and len(rows) > _N_NEIGHBOURS:
        sections.append(Section("Neighbours", _neighbours(model, rows, shape)))
    return lead, warnings, sections


# -- the fit ----------------------------------------------------------------------------------


def _facts(model: RBM) -> list[Block]:
    rows = [
        ("visible units", f"{model.components_.shape[1]:,}"),
        ("hidden units", f"{model.components_.shape[0]:,}"),
        ("updates done", f"{getattr(model, 'n_updates_', 0):,}"),
        ("the fit ended because", _REASONS.get(_reason(model), _reason(model))),
    ]
    return [Table(("", ""), rows), parameters_table(model)]


_REASONS = {
    "done": "all updates were done",
    "given": "the parameters were given",
    "interrupted": "it was interrupted",
    "diverged": "the weights stopped being finite",
    "partial_fit": "learning is incremental (partial_fit)",
    "time_limit": "its time was up",
    "overfitting": "held-out rows had become less likely",
}


def _reason(model: RBM) -> str:
    return str(getattr(model, "stop_reason_", "partial_fit"))


def _fit_warnings(model: RBM) -> list[Warning]:
    reason = _reason(model)
    if reason == "diverged":
        return [
            Warning(
                "The fit diverged: its weights stopped being finite, and these are the last good "
                "ones. A lower learning rate helps."
            )
        ]
    if reason == "interrupted":
        return [Warning("The fit was interrupted: these are the best parameters until then.")]
    return []


def learning_curves(history: dict[str, list[float]], *, baseline: float | None = None) -> Picture:
    """Log-likelihoods of learned and held-out rows against updates, with one standard error."""
    n = len(history["validation"])
    updates = np.asarray(history["update"][-n:])
    with drawing(2.7) as figure:
        axes = figure.subplots()
        for name, label, colour in (
            ("train", "learned from", COLOURS[0]),
            ("validation", "held out", COLOURS[1]),
        ):
            values, error = np.asarray(history[name]), np.asarray(history["std_error"])
            axes.plot(updates, values, color=colour)
            axes.fill_between(
                updates, values - error, values + error, color=colour, alpha=0.2, linewidth=0
            )
            axes.annotate(
                label,
                (updates[-1], values[-1]),
                xytext=(-2, 5 if name == "train" else -5),
                textcoords="offset points",
                ha="right",
                va="bottom" if name == "train" else "top",
                color=colour,
            )
        if baseline is not None:
            axes.axhline(baseline, color=COLOURS[2], linewidth=1, linestyle="--")
            axes.annotate(
                "independent units",
                (updates[-1], baseline),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
                va="bottom",
                color=COLOURS[2],
            )
        axes.margins(y=0.12)
        axes.set(xlabel="updates", ylabel="log-likelihood (nats a row)")
        return svg_picture(
            figure,
            "Log-likelihood of learned and of held-out rows along the fit",
            "Mean log-likelihood of rows along the fit, estimated by particles that follow the "
            "model as it learns.",
        )


def _overfitting(history: dict[str, list[float]]) -> list[Warning]:
    """Whether held-out rows became less likely while learned ones became more so."""
    validation, train = np.asarray(history["validation"]), np.asarray(history["train"])
    best = int(np.argmax(validation))
    noise = 3 * float(np.hypot(history["std_error"][best], history["std_error"][-1]))
    lost = float(validation[best] - validation[-1])
    if lost > max(noise, 0.1) and train[-1] > train[best]:
        n = len(validation)
        update = int(history["update"][-n:][best])
        return [
            Warning(
                f"Over-fitting: after update {update:,} held-out rows lost {lost:.1f} nats while "
                "learned ones still gained. The parameters kept are those of the best moment; "
                "fewer hidden units, more weight decay or more data would help."
            )
        ]
    return []


def _held_out(
    history: dict[str, list[float]], log_z: LogZ
) -> tuple[tuple[str, str], list[Warning]]:
    """Held-out rows under the parameters that were kept, and whether the curve is to be believed.

    Along the fit log Z is followed by particles, whose own error does not show when they all
    miss the same mode; the estimate made afterwards is the better one.
    """
    best = int(np.argmax(history["validation"]))
    along, value = history["log_partition"][best], history["validation"][best]
    if log_z.status != "ok":
        figure = f"{value:,.2f} ± {history['std_error'][best]:.2f}"
        return ("held-out rows, along the fit", figure), []
    row = ("held-out rows, at the best moment", f"{value + along - log_z.value:,.2f}")
    apart = log_z.value - along
    if abs(apart) <= max(3 * float(np.hypot(history["std_error"][best], log_z.std_error)), 0.5):
        return row, []
    return row, [
        Warning(
            f"log Z along the fit was {abs(apart):.1f} nats too {'low' if apart > 0 else 'high'} "
            f"at its best moment, so the learning curves lie too {'high' if apart > 0 else 'low'}. "
            "The table takes the better estimate. Slower learning, or more updates, keeps the "
            "two together."
        )
    ]


def _worse_than_rates(model: RBM, data: Any, independent: float, log_z: LogZ) -> list[Warning]:
    """Whether units that ignore each other, at the data's own rates, would do better."""
    scores = model.score_samples(data)
    error = float(np.hypot(scores.std() / np.sqrt(len(scores)), log_z.std_error))
    if scores.mean() > independent - 3 * error:
        return []
    return [
        Warning(
            "These rows are less likely under the model than under independent units at their "
            f"own rates ({scores.mean():,.2f} against {independent:,.2f} nats): the model has "
            "learned from other data than these."
        )
    ]


def _independent(data: Any) -> float:
    """Mean log-likelihood of the rows under their own rates: a generous baseline."""
    rates = np.asarray(data.mean(axis=0), dtype=np.float64).reshape(-1)
    inner = rates[(rates > 0) & (rates < 1)]
    return float((inner * np.log(inner) + (1 - inner) * np.log(1 - inner)).sum())


# -- rows as pictures or as bits -----------------------------------------------------------------


def _picture(n_visible: int, shape: Shape) -> Shape:
    """The shape asked for, else a square if that fits and is worth looking at."""
    if shape is not None:
        return picture_shape(n_visible, shape)
    side = round(n_visible**0.5)
    return (side, side) if side * side == n_visible and side >= 4 else None


def _sample_rows(data: Any, seed: int) -> NDArray[np.float64]:
    n = data.shape[0]
    chosen = np.arange(n)
    if n > _N_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(n, _N_ROWS, replace=False))
    rows = data[chosen]
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


def _rows_picture(rows: Any, shape: Shape, alt: str, caption: str, columns: int) -> Picture:
    """Rows as pictures, `columns` a line; else `columns` rows of cells below each other."""
    if shape is not None:
        return png_picture(tile(rows, shape, columns=columns), alt, caption)
    # A whole table as one picture; several tables, one after the other, stand side by side.
    tables = np.asarray(rows).reshape(-1, columns, np.asarray(rows).shape[1])
    flat = tables.reshape(len(tables), -1)
    return png_picture(tile(flat, tables.shape[1:], columns=len(tables)), alt, caption)


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
        _rows_picture(
            np.concatenate([shown, blanked, filled]),
            shape,
            "Rows of the data, the same with half of them blank, and their completions",
            "Rows of the data, their second half taken away (orange), and the mean of "
            f"P(missing | seen). {right:.1%} of the missing bits are right after rounding "
            f"({base:.1%} by always saying {int(usual)}).",
            len(shown),
        )
    ]


# -- hidden units ----------------------------------------------------------------------------------


def _hidden_units(
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
    return blocks, _unit_warnings(active, usage)


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


def _unit_warnings(active: NDArray[Any], usage: NDArray[Any]) -> list[Warning]:
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


def _neighbours(model: RBM, rows: NDArray[Any], shape: Shape) -> list[Block]:
    """The rows nearest to some, in the space of hidden probabilities."""
    from sklearn.neighbors import NearestNeighbors

    hidden = np.asarray(model.transform(rows))
    asked = np.linspace(0, len(rows) - 1, min(len(rows), 6)).astype(int)
    search = NearestNeighbors(n_neighbors=_N_NEIGHBOURS + 1).fit(hidden)
    near = search.kneighbors(hidden[asked], return_distance=False)
    # A row is its own nearest, unless others share its hidden state; put it first once.
    near = np.array(
        [
            [i, *[j for j in line if j != i][:_N_NEIGHBOURS]]
            for i, line in zip(asked, near, strict=True)
        ]
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
            tile(rows[near.reshape(-1)], shape, columns=_N_NEIGHBOURS + 1),
            "Rows of the data and those nearest to them in latent space",
            f"First of each line: a row of the data; then the {_N_NEIGHBOURS} rows whose hidden "
            "probabilities are nearest to its own.",
        )
    ]
