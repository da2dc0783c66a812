"""How alike pixels are, by their distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_integer
from harmonium.display.base import Display, new_axes

__all__ = ["CorrelationsDisplay"]


@dataclass(kw_only=True)
class CorrelationsDisplay(Display):
    """The correlation of two pixels of a line against how far apart they are.

    Parameters
    ----------
    distances : sequence of int
        In pixels.
    correlations : mapping of str to sequence of float
        At each distance, of each set of pictures, by its name.
    """

    distances: Sequence[int]
    correlations: Mapping[str, Sequence[float]]

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        n_samples: int = 20,
        distances: Sequence[int] | None = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> Self:
        """Real pictures beside a grid's own draws.

        Parameters
        ----------
        model : fitted GridMRF
            Its draws have the size it was fitted on.
        X : array of shape (n, height, width)
            Pictures to hold them against.
        n_samples : int, default=20
            How many are drawn.
        distances : sequence of int, optional
            In pixels; None: about sixteen, up to half the width.
        random_state : int, Generator or None
            Seed of the draws.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        CorrelationsDisplay
        """
        check_is_fitted(model)
        n_samples = check_integer("n_samples", n_samples, 1)
        drawn = model.sample(n_samples, random_state=random_state)
        return cls.from_images({"real": X, "drawn": drawn}, distances=distances, ax=ax)

    @classmethod
    def from_images(
        cls, images: Mapping[str, Any], *, distances: Sequence[int] | None = None, ax: Any = None
    ) -> Self:
        """Sets of pictures, by name.

        Parameters
        ----------
        images : mapping of str to array of shape (n, height, width), or to a list of pictures
            Means are over the pictures of a set; one whose pixels are all alike does not count.
        distances, ax
            As in :meth:`from_estimator`.

        Returns
        -------
        CorrelationsDisplay
        """
        sets = {
            name: [np.asarray(p, dtype=np.float64) for p in pictures]
            for name, pictures in images.items()
        }
        widths = [p.shape[-1] for pictures in sets.values() for p in pictures if p.ndim == 2]
        if not sets or len(widths) != sum(map(len, sets.values())) or min(widths, default=0) < 2:
            raise ValueError("images must be sets of pictures (height, width), 2 pixels wide")
        usual = np.unique(np.round(np.geomspace(1, min(widths) // 2, 16))).astype(int).tolist()
        asked = usual if distances is None else distances
        apart = [check_integer("distances", d, 1, min(widths) - 1) for d in asked]
        found = {name: [_alike(pictures, d) for d in apart] for name, pictures in sets.items()}
        return cls(distances=apart, correlations=found).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 3.0) if ax is None else ax
        for name, values in self.correlations.items():
            ax.plot(self.distances, values, "o-", markersize=3.5, label=name)
        lowest = min(0.0, *(min(values) for values in self.correlations.values()))
        ax.set(xlabel="pixels apart", ylabel="correlation of grey levels", ylim=(lowest, 1.02))
        if len(self.correlations) > 1:
            ax.legend()
        return self._drawn_in(ax)


def _alike(pictures: list[Any], d: int) -> float:
    """The mean correlation of pixels `d` apart in a line."""
    pairs = [(p[:, d:].ravel(), p[:, :-d].ravel()) for p in pictures]
    known = [np.corrcoef(a, b)[0, 1] for a, b in pairs if np.ptp(a) > 0 and np.ptp(b) > 0]
    return float(np.mean(known)) if known else float("nan")
