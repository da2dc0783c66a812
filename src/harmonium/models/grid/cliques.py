"""Cliques of a grid: small integer filters, and a table of their responses.

Every clique of a grid model is a linear filter with integer weights, laid over the image at
each place where it fits whole: a pair of neighbours is (1, -1), the four pixels of a block
are [[1, -1], [-1, 1]], and so on. The clique's potential is an even function of the filter's
response, so the model with maximum likelihood is the one with the data's histogram of
responses for each filter (FRAME: Zhu, Wu, Mumford 1998, eq. 15).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["POTENTIALS", "Cliques", "Layout", "cliques_for", "filters_for"]

Filter = NDArray[np.int64]

_NONE = np.zeros(0, dtype=np.int64)
_ACROSS, _DIAGONAL = [[1, -1]], [[1, 0], [0, -1]]
_BLOCK = [[1, -1], [-1, 1]]
_CURVE, _CURVE_DIAGONAL = [[1, -2, 1]], [[1, 0, 0], [0, -2, 0], [0, 0, 1]]
_COARSE, _COARSE_BLOCK = [[1, 1, -1, -1]] * 2, [[1, 1, -1, -1]] * 2 + [[-1, -1, 1, 1]] * 2

#: What each kind of potential adds to the pairs of neighbours.
POTENTIALS: dict[str, list[list[list[int]]]] = {
    "independent": [],
    "difference": [],
    "block": [_BLOCK],
    "multiscale": [_BLOCK, _CURVE, _CURVE_DIAGONAL, _COARSE, _COARSE_BLOCK],
}


def filters_for(potential: str, neighbours: int) -> tuple[Filter, ...]:
    """The filters of a model: pairs of neighbours, then what `potential` adds.

    Each comes in all orientations that differ by more than the sign.
    """
    if potential == "independent":
        return ()
    shapes = [_ACROSS, *([_DIAGONAL] if neighbours == 8 else []), *POTENTIALS[potential]]
    chosen: list[Filter] = []
    for shape in shapes:
        kernel = np.asarray(shape, dtype=np.int64)
        for view in (kernel, kernel.T, kernel[:, ::-1], kernel[::-1].T):
            if not any(np.array_equal(view, s * old) for old in chosen for s in (1, -1)):
                chosen.append(np.ascontiguousarray(view))
    return tuple(chosen)


class Layout(NamedTuple):
    """Cliques as flat arrays, for kernels.

    ``starts (F + 1,)``: the taps of filter f are rows ``starts[f]:starts[f + 1]`` of ``taps``.
    ``taps (T, 6)``: row, column and weight of a tap; then, for the table entries met as that
    tap's pixel runs over its levels, the first of its blocks, the length of a block, and the
    filter's largest response. ``sizes (F, 2)``: heights and widths. ``colour (3,)``: see
    :attr:`Cliques.colour`.
    """

    starts: NDArray[np.int32]
    taps: NDArray[np.int32]
    sizes: NDArray[np.int32]
    colour: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Cliques:
    """Filters over images of `n_levels` levels, and how their tables are parametrised.

    The table of filter f holds its potential at the responses -radius..radius; it is linear
    between knots, which are every response up to 4 and grow geometrically from there, so that
    a few numbers cover responses however rare. All tables lie behind one another in one array.
    """

    filters: tuple[Filter, ...]
    n_levels: int

    @cached_property
    def radii(self) -> list[int]:
        """Largest response of each filter."""
        top = self.n_levels - 1
        return [
            top * int(max(kernel[kernel > 0].sum(), -kernel[kernel < 0].sum()))
            for kernel in self.filters
        ]

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each filter's table starts, then the end: ``(F + 1,)``."""
        return np.concatenate(
            [[0], np.cumsum([2 * radius + 1 for radius in self.radii], dtype=np.int64)]
        )

    def knots(self, index: int) -> NDArray[np.int64]:
        """Responses at which the potential of a filter is a parameter of its own."""
        radius = self.radii[index]
        grown = np.round(4.0 * 2.0 ** np.arange(0.5, 12.0, 0.5)).astype(np.int64)
        inner = np.concatenate([np.arange(5), grown])
        return np.append(inner[inner < radius], radius)

    @cached_property
    def hats(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """For each table entry the parameter left of it, and the share of the one after.

        ``table = (1 - share) * parameters[left] + share * parameters[left + 1]``.
        """
        left, share, first = [], [], 0
        for index, radius in enumerate(self.radii):
            knots = self.knots(index)
            place = np.interp(np.abs(np.arange(-radius, radius + 1)), knots, np.arange(len(knots)))
            floor = np.minimum(place.astype(np.int64), len(knots) - 2)
            left.append(first + floor)
            share.append(place - floor)
            first += len(knots)
        return np.concatenate([*left, _NONE]), np.concatenate([*share, np.zeros(0)])

    @cached_property
    def n_knots(self) -> list[int]:
        """Parameters of each filter."""
        return [len(self.knots(index)) for index in range(len(self.filters))]

    @cached_property
    def colour(self) -> tuple[int, int, int]:
        """(a, b, m): pixels with equal (a * row + b * column) mod m share no clique.

        The smallest m there is: 2, the checkerboard, for four neighbours; 4 for eight.
        """
        apart = {
            (int(p[0] - q[0]), int(p[1] - q[1]))
            for kernel in self.filters
            for p, q in product(np.argwhere(kernel), repeat=2)
        } - {(0, 0)}
        m = 1
        while True:
            for a, b in product(range(m), repeat=2):
                if all((a * dy + b * dx) % m for dy, dx in apart):
                    return a, b, m
            m += 1

    @cached_property
    def _arranged(self) -> tuple[Layout, NDArray[np.int64]]:
        """The layout, and for each entry of its arranged tables the table entry it repeats.

        A tap of weight c meets every c-th entry of its table; laying the entries out by their
        remainder mod c makes each such walk contiguous. Negative weights use evenness.
        """
        starts: list[int] = [0]
        taps: list[tuple[int, ...]] = []
        gather: list[NDArray[np.int64]] = []
        blocks: dict[tuple[int, int], int] = {}
        for index, kernel in enumerate(self.filters):
            radius, first = self.radii[index], int(self.offsets[index])
            for dy, dx in np.argwhere(kernel).tolist():
                weight = int(kernel[dy, dx])
                step, length = abs(weight), -(-(2 * radius + 1) // abs(weight))
                if (index, step) not in blocks:
                    blocks[index, step] = sum(len(part) for part in gather)
                    entries = np.arange(step)[:, None] + step * np.arange(length)
                    gather.append(first + np.minimum(entries, 2 * radius).reshape(-1))
                taps.append((dy, dx, weight, blocks[index, step], length, radius))
            starts.append(len(taps))
        return Layout(
            np.asarray(starts, dtype=np.int32),
            np.asarray(taps, dtype=np.int32).reshape(-1, 6),
            np.asarray([kernel.shape for kernel in self.filters], dtype=np.int32).reshape(-1, 2),
            np.asarray(self.colour, dtype=np.int32),
        ), np.concatenate([*gather, _NONE])

    @property
    def layout(self) -> Layout:
        """The flat arrays that kernels read."""
        return self._arranged[0]

    @property
    def gather(self) -> NDArray[np.int64]:
        """Index of the arranged tables into the tables: ``arranged = tables[gather]``."""
        return self._arranged[1]


@lru_cache(maxsize=8)
def cliques_for(potential: str, neighbours: int, n_levels: int) -> Cliques:
    """The cliques of a model. Their layouts are worked out once, so the same settings give the
    same object."""
    return Cliques(filters_for(potential, neighbours), n_levels)
