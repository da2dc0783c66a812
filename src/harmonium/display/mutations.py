"""Every single mutant of a sequence, as a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from harmonium.display.base import Display, new_axes

__all__ = ["MutationsDisplay"]


@dataclass(kw_only=True)
class MutationsDisplay(Display):
    """A column a position, a row a letter: blue is more probable than the sequence, red less; its
    own letters are dots.

    Parameters
    ----------
    mutations : frame with columns position, from, to, score
        As ``harmonium.sequences.mutations`` gives it; scores in nats.
    """

    mutations: Any

    @classmethod
    def from_estimator(cls, model: Any, sequence: Any, *, ax: Any = None) -> Self:
        """log P(mutant) - log P(sequence) of every single mutant.

        Parameters
        ----------
        model : a model fitted on an Alignment
            As ``harmonium.sequences.mutations`` takes it.
        sequence : str or one row of an Alignment
            The sequence that is changed.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        MutationsDisplay
        """
        from harmonium.questions.sequences.mutations import mutations

        return cls(mutations=mutations(model, sequence)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        frame = self.mutations
        position, score = np.asarray(frame["position"]), np.asarray(frame["score"])
        own, to = np.asarray(frame["from"]), np.asarray(frame["to"])
        letters = sorted({*own.tolist(), *to.tolist()})
        place = {letter: k for k, letter in enumerate(letters)}
        first, last = int(position.min()), int(position.max())
        table = np.full((len(letters), last - first + 1), np.nan)
        table[[place[letter] for letter in to], position - first] = score
        top = float(np.nanmax(np.abs(np.where(np.isfinite(table), table, np.nan)))) or 1.0
        if ax is None:
            width = min(20.0, 2.0 + 0.16 * table.shape[1])
            ax = new_axes(width, 1.2 + 0.16 * len(letters))
        extent = (first - 0.5, last + 0.5, len(letters) - 0.5, -0.5)
        drawn = ax.imshow(table, cmap="RdBu", vmin=-top, vmax=top, aspect="auto", extent=extent)
        ax.scatter(position, [place[letter] for letter in own], s=4, color="black")
        ax.set_yticks(range(len(letters)), letters, fontsize=7)
        ax.set(xlabel="position", ylabel="to")
        ax.figure.colorbar(drawn, ax=ax, label="log-odds (nats)", pad=0.01)
        return self._drawn_in(ax)
