"""What all displays share: a picture is drawn into matplotlib axes, and told where it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

__all__ = ["Display", "ink", "new_axes"]


class Display(ABC):
    """Numbers worth a picture, in the manner of scikit-learn's displays.

    A class method ``from_estimator`` works the numbers out and draws them; :meth:`plot` draws them
    again, elsewhere or otherwise, without work. Colours are those of matplotlib's style.

    Attributes
    ----------
    ax_ : matplotlib Axes, or an array of them
        Where :meth:`plot` has drawn last.
    figure_ : matplotlib Figure
        The figure around them: ``display.figure_.savefig("picture.png")``.
    """

    ax_: Any
    figure_: Figure

    @abstractmethod
    def plot(self, ax: Any = None) -> Self:
        """Draw into `ax`, or into a figure of its own; returns ``self``.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Of displays of several pictures an array of as many.
        """

    def _drawn_in(self, ax: Any) -> Self:
        """Keep where the picture was drawn."""
        self.ax_ = ax
        self.figure_ = np.ravel(ax)[0].figure
        return self

    def _drawn_as(self, image: Image.Image, ax: Any, title: str | None = None) -> Self:
        """Draw a sheet of small pictures, without axes about it."""
        if ax is None:
            width = 6.0
            ax = new_axes(width, width * image.height / image.width + (0.3 if title else 0.0))
        ax.imshow(np.asarray(image), interpolation="nearest")
        ax.axis("off")
        if title is not None:
            ax.set_title(title)
        return self._drawn_in(ax)


def new_axes(width: float, height: float, n_rows: int = 1, n_columns: int = 1) -> Any:
    """Axes in a new figure of pyplot, of a size in inches: one, or an array of several."""
    from matplotlib import pyplot as plt

    size = (width, height)
    _, axes = plt.subplots(n_rows, n_columns, figsize=size, layout="constrained")
    return axes


def ink() -> Any:
    """The colour of text in matplotlib's style as it is now."""
    import matplotlib as mpl

    return mpl.rcParams["text.color"]
