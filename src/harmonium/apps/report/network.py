"""What a report says of a Markov network: its picture, its marginals, its most probable state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Block, Picture, Section, Table, Text
from harmonium.apps.pages.figures import COLOURS, INK, PAPER, drawing, svg_picture
from harmonium.apps.report.description import Description, fact_tables
from harmonium.apps.report.likelihood import log_z_cautions, log_z_row, score_row

if TYPE_CHECKING:
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["describe", "network_picture"]

_MAX_DRAWN = 150
_MAX_LISTED = 60
_N_DRAWS = 8


def network_picture(
    network: MarkovNetwork, caption: str = "", *, places: NDArray[np.float64] | None = None
) -> Picture:
    """Variables as named circles and factors as squares, in the page's colours.

    `places` ``(n_variables, 2)`` puts the variables, and each factor amid its own; None lays
    them out by springs.
    """
    from harmonium.models.network.forms.drawing import layout

    names = network.variables_
    column = {name: i for i, name in enumerate(names)}
    scopes = [[column[v] for v in f.variables] for f in network.factors_ if len(f.variables) > 1]
    single = sorted({column[f.variables[0]] for f in network.factors_ if len(f.variables) == 1})
    n = len(names)
    edges = [(v, n + i) for i, scope in enumerate(scopes) for v in scope]
    springs = places is None
    if places is None:
        places = layout(n + len(scopes), edges)
    else:
        places = np.concatenate([places, [_amid(places[scope]) for scope in scopes]])
    size = float(np.clip(9000 / (n + len(scopes)), 30, 620))
    with drawing(3.4 if springs else 2.5) as figure:
        axes = figure.subplots()
        axes.axis("off")
        axes.set_aspect("equal")
        axes.margins(0.1)
        for a, b in edges:
            axes.plot(*places[[a, b]].T, color=INK, linewidth=0.7, alpha=0.55, zorder=1)
        axes.scatter(
            places[n:, 0], places[n:, 1], s=size / 8, marker="s", color=COLOURS[1], zorder=2
        )
        middle = places[:n].mean(0)
        for v in single:
            _own_factor(axes, places[v], places[v] - middle, size**0.5)
        # Discs in the page's paper hide the lines behind them.
        x, y = places[:n].T
        axes.scatter(x, y, s=size, facecolor=PAPER, edgecolor=COLOURS[0], zorder=3)
        if n <= _MAX_DRAWN // 2:
            for name, (x, y) in zip(names, places[:n].tolist(), strict=True):
                fontsize = float(np.clip(size**0.5 * 0.42, 4, 10))
                axes.text(x, y, str(name), ha="center", va="center", fontsize=fontsize, zorder=4)
        return svg_picture(
            figure, f"A network of {n} variables and {len(network.factors_)} factors", caption
        )


def _own_factor(
    axes: Any, place: NDArray[np.float64], away: NDArray[np.float64], width: float
) -> None:
    """A factor over one variable: a small square beside its circle, in the direction `away`."""
    offset = away / max(float(np.hypot(*away)), 1e-9) * (width * 0.85)
    where: dict[str, Any] = {
        "xy": tuple(place),
        "xytext": tuple(offset),
        "textcoords": "offset points",
    }
    line = {"arrowstyle": "-", "color": INK, "linewidth": 0.7, "alpha": 0.55}
    axes.annotate("", arrowprops=line, zorder=1, **where)
    fontsize = float(np.clip(width * 0.33, 3, 8))
    centred = {"ha": "center", "va": "center", "color": COLOURS[1]}
    axes.annotate("\N{BLACK SQUARE}", fontsize=fontsize, **centred, **where)


def _amid(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """A place for a factor: nearer to its first variable, so that crossing edges stay apart."""
    return np.asarray(places[0] + 0.32 * (places[1:].mean(0) - places[0]))


def describe(model: MarkovNetwork, data: Any, seed: int) -> Description:
    """A network of factors; `data` are rows in the order of its variables."""
    n, factors = len(model.variables_), len(model.factors_)
    log_z = model.log_partition()
    lead = (
        f"A Markov network: {n} discrete variables, {factors} factors between them; "
        "P(x) is the product of the factors divided by Z."
    )
    sections = [Section("The network", _network_blocks(model))]
    sections.append(Section("How likely", [_likelihood(model, data, log_z)]))
    sections.append(Section("What to expect", _marginal_blocks(model)))
    draws = model.sample(_N_DRAWS, random_state=seed)
    likely = model.most_likely()
    shown = model.variables_[:_MAX_LISTED]
    rows = [("most probable", *(str(likely[name]) for name in shown))]
    rows += [
        (f"draw {i + 1}", *(str(int(x)) for x in row[: len(shown)])) for i, row in enumerate(draws)
    ]
    sections.append(Section("States", [Table(("", *map(str, shown)), rows)]))
    return Description("A Markov network", lead, log_z_cautions(log_z), sections)


def _network_blocks(model: MarkovNetwork) -> list[Block]:
    n, factors = len(model.variables_), len(model.factors_)
    blocks: list[Block] = []
    if n + factors <= _MAX_DRAWN:
        blocks.append(network_picture(model, "Circles are variables, squares are factors."))
    else:
        blocks.append(Text(f"{n} variables and {factors} factors are too many to draw here."))
    sizes = model.n_states_
    entries = sum(f.log_table.size for f in model.factors_)
    rows = [
        ("variables", f"{n:,}"),
        ("states of a variable", f"{min(sizes)} to {max(sizes)}"),
        ("factors", f"{factors:,}"),
        ("variables of the widest factor", str(max(len(f.variables) for f in model.factors_))),
        ("entries of all tables", f"{entries:,}"),
    ]
    if hasattr(model, "stop_reason_"):
        rows.append(("fit ended", f"{model.stop_reason_} after {model.n_iter_} iterations"))
    return [*blocks, *fact_tables(rows, model)]


def _likelihood(model: MarkovNetwork, data: Any, log_z: Any) -> Table:
    rows = [log_z_row(log_z)]
    if data is not None:
        rows.append(score_row(model, data, log_z))
    return Table(("", "nats"), rows)


def _marginal_blocks(model: MarkovNetwork) -> list[Block]:
    marginals = model.marginals()
    names = model.variables_[:_MAX_LISTED]
    most = max(model.n_states_)
    if most <= 6:
        rows = [
            (
                str(name),
                *(f"{p:.3f}" for p in marginals[name]),
                *[""] * (most - len(marginals[name])),
            )
            for name in names
        ]
        headings = ("variable", *(f"P({state})" for state in range(most)))
    else:
        rows = [
            (str(name), str(int(np.argmax(p))), f"{float(np.max(p)):.3f}")
            for name in names
            for p in [marginals[name]]
        ]
        headings = ("variable", "most probable state", "its probability")
    blocks: list[Block] = [Table(headings, rows, caption="Each variable by itself.")]
    if len(model.variables_) > len(names):
        blocks.append(Text(f"The first {len(names)} of {len(model.variables_)} variables."))
    return blocks
