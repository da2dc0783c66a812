"""Contacts and mutations as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["contact_map", "mutation_map"]

_SIDE = 5.0


def contact_map(
    contacts: Any, n: int | None = None, *, known: Any = None, separation: int = 5
) -> Figure:
    """The `n` strongest pairs of a frame of :func:`~harmonium.sequences.contacts`, as a map.

    Parameters
    ----------
    n : how many; None: as many as there are columns.
    known : bool ``(n_columns, n_columns)``, contacts of a structure: drawn beneath, and pairs
        that are none in another colour.
    separation : pairs nearer than this along the sequence are not drawn.

    Returns a matplotlib figure: ``figure.savefig("map.png")``.
    """
    from matplotlib.figure import Figure

    i, j = np.asarray(contacts["i"]), np.asarray(contacts["j"])
    size = int(max(i.max(initial=0), j.max(initial=0))) + 1
    far = np.flatnonzero(np.abs(i - j) >= separation)[: size if n is None else n]
    figure = Figure(figsize=(_SIDE, _SIDE), layout="constrained")
    axes = figure.add_subplot()
    colours: Any = "tab:blue"
    if known is not None:
        known = np.asarray(known, dtype=bool)
        if known.ndim != 2 or known.shape[0] != known.shape[1] or len(known) < size:
            raise ValueError(f"known has shape {known.shape}; wanted ({size}, {size})")
        a, b = np.nonzero(known)
        axes.scatter(a, b, s=9, marker="s", color="0.85", linewidths=0)
        colours = np.where(known[i[far], j[far]], "tab:blue", "tab:red")
        colours = np.concatenate([colours, colours])
    axes.scatter(np.r_[i[far], j[far]], np.r_[j[far], i[far]], s=9, c=colours, linewidths=0)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    axes.set(xlabel="column", ylabel="column", title=f"the {len(far)} strongest pairs")
    return figure


def mutation_map(mutations: Any) -> Figure:
    """A frame of :func:`~harmonium.sequences.mutations` as a heat map: a column a position, a row
    a letter; blue is more probable than the sequence, red less, its own letters are dots.

    Returns a matplotlib figure.
    """
    from matplotlib.figure import Figure

    position, score = np.asarray(mutations["position"]), np.asarray(mutations["score"])
    own, to = np.asarray(mutations["from"]), np.asarray(mutations["to"])
    letters = sorted({*own.tolist(), *to.tolist()})
    place = {letter: k for k, letter in enumerate(letters)}
    first, last = int(position.min()), int(position.max())
    table = np.full((len(letters), last - first + 1), np.nan)
    table[[place[letter] for letter in to], position - first] = score
    top = float(np.nanmax(np.abs(np.where(np.isfinite(table), table, np.nan)))) or 1.0
    width = min(20.0, 2.0 + 0.16 * table.shape[1])
    figure = Figure(figsize=(width, 1.2 + 0.16 * len(letters)), layout="constrained")
    axes = figure.add_subplot()
    extent = (first - 0.5, last + 0.5, len(letters) - 0.5, -0.5)
    drawn = axes.imshow(table, cmap="RdBu", vmin=-top, vmax=top, aspect="auto", extent=extent)
    axes.scatter(position, [place[letter] for letter in own], s=4, color="black")
    axes.set_yticks(range(len(letters)), letters, fontsize=7)
    axes.set(xlabel="position", ylabel="to")
    figure.colorbar(drawn, label="log-odds (nats)", pad=0.01)
    return figure
