"""How likely rows are: histograms of log P."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.display.base import Display, ink, new_axes

__all__ = ["ScoresDisplay"]


@dataclass(kw_only=True)
class ScoresDisplay(Display):
    """Histograms of log P(x), in nats, one for each set of rows.

    Parameters
    ----------
    scores : mapping of str to array of shape (n,)
        log P of each set's rows, by the set's name.
    threshold : float, optional
        A log P to hold them against.
    """

    scores: Mapping[str, NDArray[np.float64]]
    threshold: float | None = None

    @classmethod
    def from_estimator(
        cls, model: Any, X: Any, *, threshold: float | None = None, ax: Any = None, **asked: Any
    ) -> Self:
        """log P of rows, or of several sets of rows, under a fitted model.

        Parameters
        ----------
        model : fitted model
            Its ``score_samples(rows, **asked)`` is shown.
        X : rows, or a dict of name to rows
            What ``score_samples`` takes.
        threshold : float, optional
            A log P to hold them against, a detector's ``offset_`` say.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ScoresDisplay
        """
        check_is_fitted(model)
        sets = X if type(X) is dict else {"": X}
        scores = {str(name): model.score_samples(rows, **asked) for name, rows in sets.items()}
        return cls(scores=scores, threshold=threshold).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 3.0) if ax is None else ax
        finite = {name: np.asarray(own)[np.isfinite(own)] for name, own in self.scores.items()}
        whole = np.concatenate(list(finite.values()))
        if not len(whole):
            raise ValueError("scores: no row has a finite log P")
        bins = np.histogram_bin_edges(whole, bins=40)
        several = len(finite) > 1
        for name, own in finite.items():
            if len(own):
                look = {"alpha": 0.6, "density": True} if several else {}
                ax.hist(own, bins=bins, label=name, **look)
        if self.threshold is not None:
            ax.axvline(self.threshold, color=ink(), linestyle="--", linewidth=1)
        ax.grid(axis="x", visible=False)
        ax.set(xlabel="log P (nats)", ylabel="density" if several else "rows")
        if several:
            ax.legend()
        return self._drawn_in(ax)
