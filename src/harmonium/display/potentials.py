"""What a grid of pixels favours: the logarithms of its factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_choice
from harmonium.display.base import Display, new_axes

__all__ = ["PotentialsDisplay"]

_PAIRS = {
    ((1, -1),): "side by side",
    ((1,), (-1,)): "one above the other",
    ((1, 0), (0, -1)): "diagonal, falling",
    ((0, 1), (-1, 0)): "diagonal, rising",
}


@dataclass(kw_only=True)
class PotentialsDisplay(Display):
    """The logarithm of each clique's factor against what its filter answers, the largest at 0:
    what the grid favours lies high, what it bears with lies low.

    Parameters
    ----------
    responses, log_factors : sequences of arrays
        Of each kind of clique: answers of its filter, in levels, and the factor's logarithm.
    names : sequence of str
        What the cliques are called.
    across : str
        What the answers are.
    """

    responses: Sequence[NDArray[np.float64]]
    log_factors: Sequence[NDArray[np.float64]]
    names: Sequence[str]
    across: str = "response of the clique's filter"

    @classmethod
    def from_estimator(cls, model: Any, *, of: str = "cliques", ax: Any = None) -> Self:
        """The learned potentials of a grid.

        Parameters
        ----------
        model : fitted GridMRF
            With cliques, of whatever form.
        of : {"cliques", "levels"}
            Of neighbours, or of single pixels.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        PotentialsDisplay
        """
        from harmonium.models.grid.cliques import Cliques

        if not hasattr(model, "knots_") and not hasattr(model, "n_levels"):
            raise TypeError(f"model must be a GridMRF, got {type(model).__name__}")
        check_is_fitted(model)
        if check_choice("of", of, ("cliques", "levels")) == "levels":
            curve = np.asarray(model.level_, dtype=np.float64)
            at = np.arange(len(curve), dtype=np.float64)
            single = {"responses": [at], "log_factors": [curve - curve.max()], "names": ["levels"]}
            return cls(**single, across="a pixel").plot(ax)
        cliques = Cliques(model.filters_, len(model.level_))
        responses, factors, start = [], [], 0
        for index, size in enumerate(cliques.n_knots):
            # Knots lie at responses 0, ..., radius, and count for both signs.
            curve = np.asarray(model.knots_[start : start + size], dtype=np.float64)
            start += size
            at = cliques.knots(index).astype(float)
            responses.append(np.concatenate([-at[:0:-1], at]))
            factors.append(np.concatenate([curve[:0:-1], curve]) - curve.max())
        pairs = all(np.abs(kernel).sum() == 2 for kernel in model.filters_)
        across = "difference of two neighbours" if pairs else "response of the clique's filter"
        names = [_written(kernel) for kernel in model.filters_]
        return cls(responses=responses, log_factors=factors, names=names, across=across).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 3.6) if ax is None else ax
        for at, curve, name in zip(self.responses, self.log_factors, self.names, strict=True):
            ax.plot(at, curve, label=name)
        ax.set(xlabel=f"{self.across} (levels)", ylabel="log factor")
        if len(self.names) > 1:
            ax.legend(fontsize=7, ncols=2 if len(self.names) > 2 else 1)
        return self._drawn_in(ax)


def _written(kernel: NDArray[np.int64]) -> str:
    """A filter in words where it is a pair of neighbours, else as its rows."""
    name = _PAIRS.get(tuple(map(tuple, kernel.tolist())))
    if name is not None:
        return name
    lines = (" ".join(map(str, row)) for row in kernel)
    return f"({' / '.join(lines)})".replace("-", "−")
