"""A picture of a factor graph: variables as circles, factors as squares, edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium.contract.extras import check_plot
from harmonium.contract.storage import write_atomically

if TYPE_CHECKING:
    from harmonium.models.network.exact.domains import Array
    from harmonium.models.network.names import Name

__all__ = ["Graph", "Palette", "draw", "layout", "plot_network"]

_MAX_NODES = 2000
_N_STEPS = 300
#: With more variables than this, names in their circles would be unreadable.
_MAX_NAMED = 200


@dataclass(frozen=True)
class Graph:
    """What is drawn: the variables' names, and the variables (by number) of each factor."""

    names: Sequence[Name]
    scopes: Sequence[Sequence[int]]

    @property
    def joints(self) -> list[list[int]]:
        """The variables of each factor over several."""
        return [list(scope) for scope in self.scopes if len(scope) > 1]

    @property
    def singles(self) -> list[int]:
        """The variables that have a factor of their own."""
        return sorted({scope[0] for scope in self.scopes if len(scope) == 1})


@dataclass(frozen=True)
class Palette:
    """Colours, as matplotlib names them."""

    line: str = "0.6"
    factor: str = "0.25"
    rim: str = "tab:blue"
    #: Of the circles' inside, which hides the lines behind them; and of the names.
    paper: str = "white"
    ink: str = "black"
    #: Opacity of lines.
    opacity: float = 1.0


def draw(
    axes: Any,
    graph: Graph,
    palette: Palette | None = None,
    *,
    places: Array | None = None,
    largest: float = 900.0,
) -> None:
    """Draw `graph` into matplotlib `axes`: names in circles, a square for each factor.

    `places` ``(n_variables, 2)`` puts the variables, and each factor amid its own; None lays
    all out by springs (:func:`layout`). A factor over one variable is a small square beside its
    circle. `largest` is the area of a circle, in points squared, where there is room.
    """
    colours = Palette() if palette is None else palette
    n, joints = len(graph.names), graph.joints
    edges = [(v, n + i) for i, scope in enumerate(joints) for v in scope]
    if places is None:
        places = layout(n + len(joints), edges)
    else:
        amid = [_amid(places[scope]) for scope in joints]
        places = np.concatenate([places, np.reshape(amid, (-1, 2))])
    size = float(np.clip(9000 / (n + len(joints)), 30, largest))
    axes.axis("off")
    axes.set_aspect("equal")
    axes.margins(0.1)
    for a, b in edges:
        axes.plot(
            *places[[a, b]].T, linewidth=0.8, color=colours.line, alpha=colours.opacity, zorder=1
        )
    circles, squares = places[:n], places[n:]
    axes.scatter(*squares.T, s=size / 8, marker="s", color=colours.factor, zorder=2)
    middle = circles.mean(0)
    for v in graph.singles:
        _single(axes, circles[v], circles[v] - middle, size**0.5, colours)
    axes.scatter(*circles.T, s=size, facecolor=colours.paper, edgecolor=colours.rim, zorder=3)
    if n <= _MAX_NAMED:
        fontsize = float(np.clip(size**0.5 * 0.4, 3, 10))
        centred = {"ha": "center", "va": "center", "color": colours.ink, "fontsize": fontsize}
        for name, (x, y) in zip(graph.names, circles.tolist(), strict=True):
            axes.text(x, y, str(name), zorder=4, **centred)


def _single(axes: Any, place: Array, away: Array, width: float, colours: Palette) -> None:
    """A factor over one variable: a small square beside its circle, in the direction `away`."""
    offset = away / max(float(np.hypot(*away)), 1e-9) * (width * 0.85)
    where: dict[str, Any] = {
        "xy": tuple(place),
        "xytext": tuple(offset),
        "textcoords": "offset points",
    }
    line = {
        "arrowstyle": "-",
        "color": colours.line,
        "linewidth": 0.8,
        "alpha": colours.opacity,
    }
    axes.annotate("", arrowprops=line, zorder=1, **where)
    centred = {"ha": "center", "va": "center", "color": colours.factor}
    fontsize = float(np.clip(width * 0.33, 3, 8))
    axes.annotate("\N{BLACK SQUARE}", fontsize=fontsize, **centred, **where)


def _amid(places: Array) -> Array:
    """A place for a factor: nearer to its first variable, so that crossing edges stay apart."""
    return np.asarray(places[0] + 0.32 * (places[1:].mean(0) - places[0]))


def plot_network(path: str | PathLike[str] | None, graph: Graph, axes: Any = None) -> Any:
    """Draw on `axes`, or on new ones, which are pyplot's where no file is asked for; write the
    picture to `path`, whose ending (``.png``, ``.svg``, ``.pdf``) is the format. The axes."""
    check_plot("a picture of a network")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n, n_joints = len(graph.names), len(graph.joints)
    if n + n_joints > _MAX_NODES:
        raise ValueError(
            f"network: {n} variables and {n_joints} factors are too many to draw; "
            f"at most {_MAX_NODES} together"
        )
    if path is None:
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.subplots(figsize=(8, 8), layout="tight")[1]
        draw(axes, graph)
        return axes
    figure = Figure(figsize=(8, 8), layout="tight") if axes is None else axes.figure
    kinds = FigureCanvasAgg.get_supported_filetypes()
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in kinds:
        raise ValueError(f"path: {str(path)!r} must end in one of {', '.join(sorted(kinds))}")
    axes = figure.add_subplot() if axes is None else axes
    draw(axes, graph)
    write_atomically(path, partial(figure.savefig, format=ending, dpi=150))
    return axes


def layout(n: int, edges: list[tuple[int, int]]) -> Array:
    """Places ``(n, 2)`` of nodes: springs along edges, repulsion between all.

    Fruchterman, Reingold (1991), cooled linearly; it starts from the graph's two slowest
    modes of vibration (Hall 1970), which unfold grids and chains, so it needs no randomness.
    """
    if n == 1:
        return np.zeros((1, 2))
    adjacency = np.zeros((n, n))
    for a, b in edges:
        adjacency[a, b] = adjacency[b, a] = 1.0
    laplacian = np.diag(adjacency.sum(1)) - adjacency
    # A faint pull towards a circle parts what no edge joins, and breaks symmetries.
    angles = 2.0 * np.pi * np.arange(n) / n
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    modes = np.linalg.eigh(laplacian)[1][:, 1:3]
    if modes.shape[1] < 2:
        modes = np.column_stack([modes, np.zeros(n)])
    places = modes / max(np.abs(modes).max(), 1e-9) + 0.05 * circle
    ideal = 2.0 / np.sqrt(n)
    for step in range(_N_STEPS):
        apart = places[:, None] - places[None, :]
        distance = np.maximum(np.sqrt((apart**2).sum(2)), 1e-3 * ideal)
        force = ideal**2 / distance**2 - adjacency * distance / ideal
        # Gravity keeps parts that no edge joins in one picture.
        move = (apart * force[:, :, None]).sum(1) - 0.3 * ideal * places
        length = np.maximum(np.sqrt((move**2).sum(1, keepdims=True)), 1e-12)
        places = places + move / length * np.minimum(length, 0.1 * (1.0 - step / _N_STEPS))
    return np.asarray(places)
