"""Sequence logos: letters as high as their weights, by matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_logo"]

#: A letter below this share of the tallest column is not drawn; it would not be read.
_LEAST = 0.04
#: Colours of letters by what they are like, as most logos have them; others are of the ink.
_ALIKE = {"DE": 3, "KRH": 0, "STNQCGYU": 2, "AVLIMFWP": 1}


def draw_logo(axes: Any, weights: NDArray[np.float64], letters: str, colours: Any) -> None:
    """A logo in `axes`: of each column of ``weights (L, k)`` the letters with weights above 0
    stand up from the line, the largest last, those below 0 hang down from it.

    `colours` are five: four for letters that are alike, and the ink for the others.
    """
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
                axes.add_patch(PathPatch(shape, color=_colour(letters[k], colours), linewidth=0))
                level += height
    axes.axhline(0.0, linewidth=0.6, color=colours[-1])
    axes.set(xlim=(-0.7, len(weights) - 0.3), ylim=(min(down.min(), 0) - 0.05, up.max() + 0.05))
    axes.grid(False)


def _colour(letter: str, colours: Any) -> Any:
    found = (k for alike, k in _ALIKE.items() if letter in alike)
    return colours[next(found, len(colours) - 1)]
