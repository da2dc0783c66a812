"""The mass of each narrow cell of a density given to the values that repeat in it.

Prices, readings of scales and hand-written numbers heap on some values (whole ones, halves, fives)
within widths that a smooth shape does not see. The cells keep their masses, and so whatever is
told over cells as wide stays as it was; inside, draws are values that were seen.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harmonium.data.columns.marginal import DISCOUNT, Marginal, fit_marginal

__all__ = ["marginal_of", "on_repeats"]

Array = NDArray[np.float64]

#: Fewer values say nothing of what repeats in narrow cells.
_FEWEST = 50


def marginal_of(values: Array, width: float, finest: float) -> Marginal:
    """The best shape by cells of `width` (:func:`fit_marginal`), on values that repeat where that
    does better by cells of `finest` of a fifth of the values, held out. About 0.2 s on 8,000."""
    found = fit_marginal(values, width)
    if finest >= width or len(values) < _FEWEST:
        return found
    held = np.random.default_rng(0).permutation(len(values)) % 5 == 0
    if values[~held].min() == values[~held].max():
        return found
    plain = fit_marginal(values[~held], width)
    scores = []
    for one in (plain, on_repeats(plain, values[~held], width)):
        cells = one.mass(values[held] - finest / 2, values[held] + finest / 2)
        scores.append(float(np.log(np.maximum(cells, 1e-300)).mean()))
    return on_repeats(found, values, width) if scores[1] > scores[0] else found


def on_repeats(marginal: Marginal, values: Array, width: float) -> Marginal:
    """`marginal`, in each cell ``[(k - 1/2) width, (k + 1/2) width)`` with a mass at every value
    that at least two of the `values` have, as its share of the cell's values says (absolute
    discounting, Ney and others 1994), and the rest smooth as it was. Tails stay as they are."""
    x, counts = np.unique(values, return_counts=True)
    cells, cell = np.unique(np.floor(x / width + 0.5), return_inverse=True)
    low, high = (cells - 0.5) * width, (cells + 0.5) * width
    m = marginal
    smooth = 1.0 - float(m.masses.sum())
    rise = smooth * (np.interp(high, m.knots, m.heights) - np.interp(low, m.knots, m.heights))
    own = np.searchsorted(cells, np.floor(m.atoms / width + 0.5))
    total = (1 - m.tail) * rise + np.bincount(own, m.masses, len(cells))
    again = counts >= 2
    share = np.where(again, counts - DISCOUNT, 0.0) / np.bincount(cell, counts)[cell]
    left = 1.0 - np.bincount(cell, share)
    left[rise <= 0] = 0.0  # nothing there is smooth
    share *= ((1.0 - left) / np.maximum(np.bincount(cell, share), 1e-300))[cell]
    masses = (total[cell] * share)[again]
    # The smooth part of each cell is stretched to what is left of it.
    stretch = np.divide(total * left, (1 - m.tail) * rise, out=np.zeros_like(rise), where=rise > 0)
    knots = np.unique(np.concatenate([m.knots, low, high]))
    knots = knots[(knots >= m.knots[0]) & (knots <= m.knots[-1])]
    middles = (knots[1:] + knots[:-1]) / 2
    place = np.maximum(np.searchsorted(low, middles, side="right") - 1, 0)
    inside = (middles >= low[place]) & (middles < high[place])
    risen = smooth * np.diff(np.interp(knots, m.knots, m.heights))
    heights = np.concatenate([[0.0], np.cumsum(risen * np.where(inside, stretch[place], 1.0))])
    rest = 1.0 - float(masses.sum())
    if not (heights[-1] > 0 and rest > 0):
        return marginal
    return replace(
        marginal,
        knots=knots,
        heights=heights / heights[-1],
        atoms=x[again],
        masses=masses,
        tail=m.tail * smooth / rest,
    )
