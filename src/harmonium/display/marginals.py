"""What is to be expected of each variable of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.display.base import Display, new_axes

__all__ = ["MarginalsDisplay"]


@dataclass(kw_only=True)
class MarginalsDisplay(Display):
    """A bar for each variable, parted by the probabilities of its states; where something is
    known, a thin bar above it shows what was to be expected before.

    Parameters
    ----------
    names : sequence
        The variables.
    probabilities : sequence of arrays
        P of each variable's states.
    states : sequence of sequences
        What the states are called.
    before : sequence of arrays, optional
        The same without evidence.
    """

    names: Sequence[Any]
    probabilities: Sequence[NDArray[np.float64]]
    states: Sequence[Sequence[Any]]
    before: Sequence[NDArray[np.float64]] | None = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        variables: Sequence[Any] | None = None,
        *,
        evidence: Mapping[Any, Any] | None = None,
        ax: Any = None,
    ) -> Self:
        """The marginals of a network, exactly.

        Parameters
        ----------
        model : MarkovNetwork
            Of other models: ``model.to_network()``.
        variables : sequence, optional
            Which ones, from the top; None: all that are not given.
        evidence : mapping of variable to state, optional
            What is known.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        MarginalsDisplay
        """
        if not hasattr(model, "marginals"):
            raise TypeError(
                f"model must be a MarkovNetwork, got {type(model).__name__}; to_network() makes "
                "one of a small model"
            )
        check_is_fitted(model)
        known = dict(evidence or {})
        found = model.marginals(evidence=known)
        names = [name for name in model.variables_ if name not in known]
        if variables is not None:
            strange = [name for name in variables if name not in found]
            if strange:
                raise ValueError(f"variables: {strange[0]!r} is none of {list(found)}")
            names = list(variables)
        before = model.marginals() if known else None
        return cls(
            names=names,
            probabilities=[np.asarray(found[name]) for name in names],
            states=[model.states_[name] for name in names],
            before=None if before is None else [np.asarray(before[name]) for name in names],
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        n = len(self.names)
        ax = new_axes(6.0, 1.0 + 0.4 * n) if ax is None else ax
        for k in range(n):
            self._bar(ax, k, self.probabilities[k], 0.0, 0.62, True)
            if self.before is not None:
                self._bar(ax, k, self.before[k], -0.42, 0.14, False)
        ax.set_yticks(range(n), [str(name) for name in self.names])
        ax.set(xlim=(0, 1), ylim=(n - 0.4, -0.7), xlabel="probability")
        ax.grid(visible=False)
        return self._drawn_in(ax)

    def _bar(
        self, ax: Any, k: int, p: NDArray[np.float64], shift: float, height: float, told: bool
    ) -> None:
        ends = np.concatenate([[0.0], np.cumsum(p)])
        for state, (left, own) in enumerate(zip(ends, p, strict=False)):
            depth = 0.85 - 0.65 * state / max(len(p) - 1, 1)
            ax.barh(k + shift, own, height, left, color="C0", alpha=depth, linewidth=0)
            if told and own > 0.12:
                words = f"{self.states[k][state]}: {own:.2f}"
                ax.text(left + own / 2, k, words, ha="center", va="center", fontsize=8)
