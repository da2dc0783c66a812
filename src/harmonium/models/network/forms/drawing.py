"""A picture of a factor graph: variables as circles, factors as squares, edges between them."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from harmonium.contract.storage import write_atomically

if TYPE_CHECKING:
    from harmonium.models.network.exact.contraction import Array
    from harmonium.models.network.structure import Structure

__all__ = ["plot_network"]

_MAX_NODES = 2000
_N_STEPS = 300


def plot_network(path: str | PathLike[str], network: Structure) -> None:
    """Write a picture to `path`; its ending (``.png``, ``.svg``, ``.pdf``) is the format.

    Neighbours pull and all nodes push each other (:func:`layout`); names in the circles.
    Factors over one variable are drawn as a small square on its rim.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    exact = network.exact
    n = len(network.names)
    joins = [scope for scope in exact.scopes if len(scope) > 1]
    alone = sorted({scope[0] for scope in exact.scopes if len(scope) == 1})
    if n + len(joins) > _MAX_NODES:
        raise ValueError(
            f"network: {n} variables and {len(joins)} factors are too many to draw; "
            f"at most {_MAX_NODES} together"
        )
    figure = Figure(figsize=(8, 8), layout="tight")
    canvas = FigureCanvasAgg(figure)
    kinds = canvas.get_supported_filetypes()
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in kinds:
        raise ValueError(f"path: {str(path)!r} must end in one of {', '.join(sorted(kinds))}")
    edges = [(v, n + i) for i, scope in enumerate(joins) for v in scope]
    places = layout(n + len(joins), edges)
    axes = figure.add_subplot()
    axes.set_aspect("equal")
    axes.axis("off")
    axes.margins(0.08)
    for a, b in edges:
        axes.plot(*places[[a, b]].T, color="0.6", linewidth=1, zorder=1)
    size = float(np.clip(9000 / (n + len(joins)), 30, 900))
    squares, circles = places[n:], places[:n]
    axes.scatter(squares[:, 0], squares[:, 1], s=size / 6, marker="s", color="0.25", zorder=2)
    axes.scatter(
        circles[:, 0], circles[:, 1], s=size, facecolor="white", edgecolor="tab:blue", zorder=3
    )
    radius = size**0.5 / 2
    for v in alone:
        axes.annotate(
            "\N{BLACK SQUARE}",
            xy=tuple(circles[v]),
            xytext=(radius * 0.75, radius * 0.75),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=max(4.0, radius / 2),
            color="0.25",
            zorder=4,
        )
    if n <= 200:
        for name, place in zip(network.names, circles, strict=True):
            axes.text(
                float(place[0]),
                float(place[1]),
                str(name),
                ha="center",
                va="center",
                fontsize=float(np.clip(size**0.5 * 0.35, 3, 10)),
                zorder=5,
            )

    def write(stream: IO[bytes]) -> None:
        figure.savefig(stream, format=ending, dpi=150)

    write_atomically(path, write)


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
