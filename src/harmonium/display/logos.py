"""Sequence logos: letters as high as their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_integer
from harmonium.display.base import Display, ink, new_axes
from harmonium.display.weights import strongest

__all__ = ["LogosDisplay"]

#: A letter below this share of the tallest column is not drawn; it would not be read.
_LEAST = 0.04
#: Colours of letters by what they are like, as most logos have them; others are of the ink.
_ALIKE = {"DE": "C3", "KRH": "C0", "STNQCGYU": "C2", "AVLIMFWP": "C1"}


@dataclass(kw_only=True)
class LogosDisplay(Display):
    """Hidden units of a model of sequences: letters above the line switch a unit on, letters below
    it off, as strongly as they are high.

    Parameters
    ----------
    weights : array of shape (n_units, n_columns, n_letters)
        Each column's weights about their mean.
    letters : str
        The alphabet.
    units : sequence of int
        The units' numbers.
    """

    weights: NDArray[np.float64]
    letters: str
    units: Sequence[int]

    @classmethod
    def from_estimator(cls, model: Any, *, n_units: int = 6, ax: Any = None) -> Self:
        """The units with the largest weights.

        Parameters
        ----------
        model : RBM, fitted on an Alignment
            Whose hidden units are shown.
        n_units : int, default=6
            How many.
        ax : array of matplotlib Axes, optional
            One for each unit; None makes a figure.

        Returns
        -------
        LogosDisplay
        """
        from harmonium.questions.sequences.frames import family_of

        check_is_fitted(model)
        family = family_of(model)
        if family is None or getattr(model, "components_", None) is None:
            raise TypeError("model must be an RBM that was fitted on an Alignment")
        size = family.alphabet.n_states
        weights = np.asarray(model.components_, dtype=np.float64)
        if size == 2:  # one weight a column: that of the second letter
            weights = np.stack([-weights / 2, weights / 2], axis=2)
        weights = weights.reshape(len(weights), family.n_columns, size)
        weights = weights - weights.mean(2, keepdims=True)
        flat = weights.reshape(len(weights), -1)
        units = strongest(flat, check_integer("n_units", n_units, 1))
        shown = cls(
            weights=weights[units], letters=family.alphabet.letters, units=[int(u) for u in units]
        )
        return shown.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        n = len(self.units)
        if ax is None:
            ax = new_axes(min(16.0, 3.0 + 0.15 * self.weights.shape[1]), 1.2 * n, n, 1)
        flat = np.ravel(ax)
        if len(flat) != n:
            raise ValueError(f"ax: wanted {n} axes, one for each unit, got {len(flat)}")
        for axes, unit, weights in zip(flat, self.units, self.weights, strict=True):
            _draw(axes, weights, self.letters)
            axes.set_ylabel(f"unit {unit}")
        flat[-1].set_xlabel("column")
        return self._drawn_in(flat)


def _draw(axes: Any, weights: NDArray[np.float64], letters: str) -> None:
    """A logo in `axes`: of each column of ``weights (L, k)`` the letters with weights above 0
    stand up from the line, the largest last, those below 0 hang down from it."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(family="DejaVu Sans", weight="bold")
    shapes = {letter: TextPath((0, 0), letter, size=1, prop=font) for letter in letters}
    up, down = np.clip(weights, 0, None).sum(1), np.clip(weights, None, 0).sum(1)
    tallest = max(float((up - down).max()), 1e-12)
    for j, own in enumerate(weights):
        for sign in (1, -1):
            level = 0.0
            for k in np.argsort(np.abs(own), kind="stable"):
                height = sign * own[k]
                if height < _LEAST * tallest:
                    continue
                box = shapes[letters[k]].get_extents()
                wide, high = max(box.width, 0.3), max(box.height, 0.1)
                low = level if sign > 0 else -level - height
                place = Affine2D().translate(-box.x0, -box.y0)
                place = place.scale(0.9 / wide, height / high).translate(j - 0.45, low)
                shape = shapes[letters[k]].transformed(place)
                axes.add_patch(PathPatch(shape, color=_colour(letters[k]), linewidth=0))
                level += height
    axes.axhline(0.0, linewidth=0.6, color=ink())
    axes.set(xlim=(-0.7, len(weights) - 0.3), ylim=(min(down.min(), 0) - 0.05, up.max() + 0.05))
    axes.grid(visible=False)


def _colour(letter: str) -> Any:
    found = (colour for alike, colour in _ALIKE.items() if letter in alike)
    return next(found, ink())
