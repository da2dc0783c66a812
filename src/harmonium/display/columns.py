"""Columns of a table among real rows and among new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from harmonium.display.base import Display, new_axes

__all__ = ["ColumnsDisplay"]

_N_LABELS = 8


@dataclass(kw_only=True)
class ColumnsDisplay(Display):
    """A small histogram for each column: real rows filled, new rows as a line or marks.

    Parameters
    ----------
    real, drawn : mapping of str to list
        Values of each column; None where one is missing.
    names : sequence of str, optional
        Which columns; None: all of `real`.
    """

    real: Mapping[str, Sequence[Any]]
    drawn: Mapping[str, Sequence[Any]]
    names: Sequence[str] | None = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        names: Sequence[str] | None = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> Self:
        """As many draws of a model of a frame as there are rows, beside the rows.

        Parameters
        ----------
        model : RBM or BoltzmannMachine, fitted on a frame
            Whose ``sample`` gives frames of the same columns.
        X : frame
            Real rows, best ones that the model has not seen.
        names : sequence of str, optional
            Which columns; None: all.
        random_state : int, Generator or None
            Seed of the draws.
        ax : array of matplotlib Axes, optional
            One for each column; None makes a figure.

        Returns
        -------
        ColumnsDisplay
        """
        from harmonium.data.frames import as_lists

        check_is_fitted(model)
        real = as_lists(X)
        n = len(next(iter(real.values())))
        drawn = as_lists(model.sample(n, random_state=random_state))
        return cls(real=real, drawn=drawn, names=names).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        names = list(self.real) if self.names is None else list(self.names)
        lines = -(-len(names) // 2)
        axes = new_axes(7.0, 1.5 * lines + 0.3, lines, 2) if ax is None else ax
        flat = np.ravel(axes)
        if len(flat) < len(names):
            raise ValueError(f"ax: wanted {len(names)} axes, one a column, got {len(flat)}")
        for one, name in zip(flat, names, strict=False):
            _column(one, self.real[name], self.drawn[name])
            one.set_title(str(name)[:24], fontsize=9)
            one.set_yticks([])
            one.grid(visible=False)
            one.spines["left"].set_visible(False)
        for one in flat[len(names) :]:
            one.set_visible(False)
        return self._drawn_in(flat)


def _column(axes: Any, real: Sequence[Any], drawn: Sequence[Any]) -> None:
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
        axes.hist(a, bins=bins, color="C0", alpha=0.45, density=True)
        axes.hist(b, bins=bins, color="C1", histtype="step", linewidth=1.4, density=True)
        return
    texts = [[str(value) for value in own] for own in known]
    labels, counts = np.unique(texts[0], return_counts=True)
    labels = labels[np.argsort(-counts, kind="stable")][:_N_LABELS]
    place = np.arange(len(labels))
    shares = [np.array([own.count(label) for label in labels]) / len(own) for own in texts]
    axes.bar(place, shares[0], color="C0", alpha=0.45)
    axes.plot(place, shares[1], "_", color="C1", markersize=12, markeredgewidth=2)
    short = max(2, 22 // len(labels))
    cut = [one if len(one) <= short else one[: short - 1] + "…" for one in labels.tolist()]
    axes.set_xticks(place, cut)
