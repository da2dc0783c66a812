"""What a report says of a Markov network: its picture, its marginals, its most probable state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Block, Picture, Section, Table, Text
from harmonium.apps.pages.figures import COLOURS, INK, PAPER, drawing, svg_picture
from harmonium.apps.report.description import Description, fact_tables
from harmonium.apps.report.ending import ending_cautions
from harmonium.apps.report.likelihood import log_z_cautions, log_z_row, score_row
from harmonium.display.network import NetworkDisplay

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
    from harmonium.models.network.forms.drawing import Palette

    graph = network.graph()
    palette = Palette(INK, COLOURS[1], COLOURS[0], PAPER, INK, opacity=0.55)
    with drawing(3.4 if places is None else 2.5) as figure:
        NetworkDisplay(graph=graph, places=places, palette=palette).plot(figure.subplots())
        n = len(graph.names)
        return svg_picture(
            figure, f"A network of {n} variables and {len(graph.scopes)} factors", caption
        )


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
    cautions = log_z_cautions(log_z) + ending_cautions(model.facts())
    return Description(lead, cautions, sections)


def _network_blocks(model: MarkovNetwork) -> list[Block]:
    n, factors = len(model.variables_), len(model.factors_)
    blocks: list[Block] = []
    if n + factors <= _MAX_DRAWN:
        blocks.append(network_picture(model, "Circles are variables, squares are factors."))
    else:
        blocks.append(Text(f"{n} variables and {factors} factors are too many to draw here."))
    return [*blocks, *fact_tables(model)]


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
