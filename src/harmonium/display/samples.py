"""Rows that a model draws, as small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_integer
from harmonium.display.base import Display
from harmonium.display.sheets import as_rows, check_rows, rows_image, top_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["SamplesDisplay"]


@dataclass(kw_only=True)
class SamplesDisplay(Display):
    """Rows side by side: pictures, or lines of cells where a row is no picture.

    Parameters
    ----------
    rows : array of shape (n, n_features) or (n, height, width)
        Values from 0 (black) to `top` (white); NaN is orange.
    shape : (height, width), optional
        Of a row seen as a picture; None: a square where it fits.
    columns : int, default=12
        Pictures a line.
    top : float, default=1.0
        The value that is shown white.
    """

    rows: Any
    shape: tuple[int, int] | None = None
    columns: int = 12
    top: float = 1.0

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        n_samples: int = 60,
        *,
        shape: tuple[int, int] | None = None,
        columns: int = 12,
        random_state: Any = None,
        ax: Any = None,
        **asked: Any,
    ) -> Self:
        """Draws of a fitted model of numbers: RBM, GridMRF, BoltzmannMachine, MarkovNetwork.

        Parameters
        ----------
        model : fitted model
            Its ``sample(n_samples, random_state=random_state, **asked)`` is shown, so that
            ``condition=`` and ``attributes=`` go on to it.
        n_samples : int, default=60
            How many are drawn.
        shape : (height, width), optional
            Of a row seen as a picture; None: a square where it fits.
        columns : int, default=12
            Pictures a line.
        random_state : int, Generator or None
            Seed of the draws.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        SamplesDisplay

        Raises
        ------
        TypeError
            Where draws are no numbers: texts, or frames of columns of several kinds.
        """
        check_is_fitted(model)
        check_rows(model)
        n_samples = check_integer("n_samples", n_samples, 1)
        columns = min(check_integer("columns", columns, 1), n_samples)
        rows, shape = as_rows(model.sample(n_samples, random_state=random_state, **asked), shape)
        return cls(rows=rows, shape=shape, columns=columns, top=top_of(model)).plot(ax)

    def image(self) -> Image.Image:
        """The sheet as a Pillow image, pixel by pixel."""
        rows, shape = as_rows(self.rows, self.shape)
        return rows_image(rows, shape, self.columns, top=self.top)

    def plot(self, ax: Any = None) -> Self:
        return self._drawn_as(self.image(), ax)
