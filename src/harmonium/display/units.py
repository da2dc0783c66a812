"""What each hidden unit amounts to, the largest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.display.base import Display, new_axes

__all__ = ["UnitsDisplay"]


@dataclass(kw_only=True)
class UnitsDisplay(Display):
    """One number of each hidden unit, the largest first.

    Parameters
    ----------
    values : array of shape (n_units,)
        The numbers, in whatever order.
    name : str
        What they are, for the axis.
    """

    values: NDArray[np.float64]
    name: str = "share of rows a unit is on for"

    @classmethod
    def from_estimator(cls, model: Any, X: Any, y: Any = None, *, ax: Any = None) -> Self:
        """How often hidden units are on, or what they tell about labels.

        Parameters
        ----------
        model : fitted RBM
            Of rows of 0 and 1.
        X : array of shape (n, n_features)
            Rows, best ones that the model has not seen.
        y : array of shape (n,), optional
            Labels: what is shown is then the information of "more likely on than not" about them,
            in nats.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        UnitsDisplay
        """
        from harmonium.questions.latents import unit_summary

        check_is_fitted(model)
        summary = unit_summary(model, X, y)
        if y is None:
            return cls(values=summary.on).plot(ax)
        return cls(values=summary.information, name="nats about the label").plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 2.8) if ax is None else ax
        values = np.sort(np.asarray(self.values, dtype=np.float64))[::-1]
        ax.stairs(values, np.arange(len(values) + 1), fill=True)
        ax.set(xlabel="hidden units, the largest first", ylabel=self.name)
        ax.set(xlim=(0, len(values)), ylim=(0, None))
        ax.grid(axis="x", visible=False)
        return self._drawn_in(ax)
