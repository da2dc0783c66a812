"""Rows, what was left of them, and what a model made of that, below each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_integer
from harmonium.display.base import Display
from harmonium.display.sheets import as_rows, check_rows, rows_image, top_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["CompletionsDisplay"]


@dataclass(kw_only=True)
class CompletionsDisplay(Display):
    """Three lines of pictures: the truth, what the model was given of it, and its answer.

    Parameters
    ----------
    truth, given, answer : arrays of shape (n, n_features) or (n, height, width)
        Values from 0 (black) to `top` (white); NaN is orange.
    shape : (height, width), optional
        Of a row seen as a picture; None: a square where it fits.
    top : float, default=1.0
        The value that is shown white.
    """

    truth: Any
    given: Any
    answer: Any
    shape: tuple[int, int] | None = None
    top: float = 1.0

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        missing: Any = None,
        how: str = "mean",
        n_rows: int = 12,
        shape: tuple[int, int] | None = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> Self:
        """The first rows of `X` with a part taken away, completed by the model.

        Parameters
        ----------
        model : fitted model of numbers
            RBM, GridMRF, BoltzmannMachine or MarkovNetwork.
        X : array of shape (n, n_features) or (n, height, width)
            Whole rows, best ones that the model has not seen.
        missing : bool array, optional
            True where a value is taken away, of one row or of each row shown; None: the second
            half of each row.
        how : {"mean", "mode", "sample"}
            As in ``complete``.
        n_rows : int, default=12
            How many are shown.
        shape : (height, width), optional
            Of a row seen as a picture; None: a square where it fits.
        random_state : int, Generator or None
            Seed of the answer.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        CompletionsDisplay
        """
        check_is_fitted(model)
        check_rows(model)
        whole = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
        if whole.ndim not in (2, 3) or not len(whole):
            raise ValueError(f"X must hold rows or images, at least one, got shape {whole.shape}")
        whole = whole[: check_integer("n_rows", n_rows, 1)]
        missing = _taken(whole, missing)
        given = np.where(missing, np.nan, whole)
        answer = model.complete(given, how=how, random_state=random_state)
        top = top_of(model)
        return cls.from_predictions(whole, given, answer, shape=shape, top=top, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        truth: Any,
        given: Any,
        answer: Any,
        *,
        shape: tuple[int, int] | None = None,
        top: float = 1.0,
        ax: Any = None,
    ) -> Self:
        """Three sets of rows at hand: completions, or noisy rows and their corrections.

        Parameters
        ----------
        truth, given, answer : arrays of shape (n, n_features) or (n, height, width)
            The rows, what the model was given of them, and what it made of that.
        shape : (height, width), optional
            Of a row seen as a picture; None: a square where it fits.
        top : float, default=1.0
            The value that is shown white.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        CompletionsDisplay
        """
        return cls(truth=truth, given=given, answer=answer, shape=shape, top=top).plot(ax)

    def image(self) -> Image.Image:
        """The three lines as a Pillow image, pixel by pixel."""
        lines = [as_rows(rows, self.shape) for rows in (self.truth, self.given, self.answer)]
        if len({rows.shape for rows, _ in lines}) > 1:
            found = ", ".join(str(rows.shape) for rows, _ in lines)
            raise ValueError(f"truth, given and answer must have one shape, got {found}")
        rows = np.concatenate([rows for rows, _ in lines])
        return rows_image(rows, lines[0][1], len(rows) // 3, top=self.top)

    def plot(self, ax: Any = None) -> Self:
        return self._drawn_as(self.image(), ax)


def _taken(whole: NDArray[np.float64], missing: Any) -> NDArray[np.bool_]:
    """What is taken away of the rows: the second half, unless told."""
    if missing is None:
        size = whole[0].size
        missing = np.arange(size).reshape(whole[0].shape) >= size // 2
    taken = np.asarray(missing)
    if taken.dtype != bool or taken.shape not in (whole.shape, whole.shape[1:]):
        raise ValueError(
            f"missing must be bool of shape {whole.shape[1:]} or {whole.shape}, got "
            f"{taken.dtype} of {taken.shape}"
        )
    return taken
