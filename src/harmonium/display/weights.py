"""What hidden units listen to: their weights as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_integer
from harmonium.data.sheets import sheet
from harmonium.display.base import Display, new_axes
from harmonium.display.sheets import shape_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["WeightsDisplay", "strongest"]


@dataclass(kw_only=True)
class WeightsDisplay(Display):
    """Each hidden unit's weights, red where it wants a one and blue where a zero.

    Parameters
    ----------
    weights : array of shape (n_units, n_features)
        The weights, each unit's against its own largest.
    shape : (height, width), optional
        Of a row seen as a picture. None: a square where it fits, else a unit is a line of cells.
    columns : int, optional
        Pictures a line; None: as many as lines.
    units : sequence of int, optional
        The units' numbers.
    """

    weights: Any
    shape: tuple[int, int] | None = None
    columns: int | None = None
    units: Any = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        *,
        n_units: int = 60,
        shape: tuple[int, int] | None = None,
        columns: int | None = 12,
        ax: Any = None,
    ) -> Self:
        """The units of a fitted RBM with the largest weights, the largest first.

        Parameters
        ----------
        model : fitted RBM
            Whatever has ``components_``, scikit-learn's ``BernoulliRBM`` and ``PCA`` too.
        n_units : int, default=60
            How many are shown.
        shape : (height, width), optional
            Of a row seen as a picture; None: a square where it fits.
        columns : int, default=12
            Pictures a line.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        WeightsDisplay
        """
        check_is_fitted(model)
        weights = getattr(model, "components_", None)
        if weights is None:
            raise TypeError(f"model: {type(model).__name__} has no hidden units to show")
        units = strongest(weights, check_integer("n_units", n_units, 1))
        columns = None if columns is None else min(columns, len(units))
        if shape is None and getattr(model, "schema_", None) is not None:
            shape, columns = (1, weights.shape[1]), 1  # columns of a frame, a unit a line
        return cls(weights=weights[units], shape=shape, columns=columns, units=units).plot(ax)

    def image(self) -> Image.Image:
        """The sheet as a Pillow image, pixel by pixel."""
        from PIL import Image as pillow

        values = np.asarray(self.weights, dtype=np.float64)
        shape = shape_of(values.shape[1], self.shape)
        cells = _coloured(values)
        if shape is None:
            lines = pillow.fromarray(cells)
            factor = max(1, 480 // max(lines.size))
            size = (lines.width * factor, lines.height * factor)
            return lines.resize(size, pillow.Resampling.NEAREST)
        return sheet(cells.reshape(-1, *shape, 3), self.columns)

    def plot(self, ax: Any = None) -> Self:
        values = np.asarray(self.weights, dtype=np.float64)
        if shape_of(values.shape[1], self.shape) is not None:
            return self._drawn_as(self.image(), ax)
        ax = new_axes(6.0, min(8.0, 1.0 + 0.12 * len(values))) if ax is None else ax
        ax.imshow(_coloured(values), aspect="auto", interpolation="nearest")
        ax.set(xlabel="visible unit", ylabel="hidden unit, by strength")
        ax.grid(visible=False)
        return self._drawn_in(ax)


def strongest(weights: Any, n: int) -> NDArray[np.int64]:
    """The `n` units with the largest weights, the largest first."""
    order = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")
    return np.asarray(order[:n], dtype=np.int64)


def _coloured(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    scale = np.abs(values).max(axis=1, keepdims=True)
    level = values / np.where(scale > 0, scale, 1.0)
    fade = (255 * (1 - np.abs(level))).astype(np.uint8)
    full = np.full_like(fade, 255)
    return np.stack([np.where(level >= 0, full, fade), fade, np.where(level >= 0, fade, full)], -1)
