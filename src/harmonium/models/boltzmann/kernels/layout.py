"""How the statistics of any discrete units lie, and the couplings as sweeps read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import attrgetter
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.units.base import Units

__all__ = ["Arranged", "Places"]

#: How often torch has changed a tensor in place.
_n_changes = attrgetter("_version")
#: Numbers that a compiled loop adds at once.
LANES = 8


@dataclass(frozen=True, eq=False)
class Places:
    """Where the statistics of variables lie, and which variables are coupled.

    ``of_state (n_variables, width)`` int32: the statistic that is one in each state, and
    ``n_statistics`` where there is none: in state 0 of a unit of 0 or 1, and in states that a
    variable does not have. ``width`` is the most states of any, rounded up: loops over as many
    numbers as a processor adds at once are the fast ones.
    ``first (n_variables + 1,)``, ``neighbours``: variable i is coupled to
    ``neighbours[first[i]:first[i + 1]]``.
    """

    sizes: tuple[int, ...]
    starts: tuple[int, ...]
    n_statistics: int
    of_state: NDArray[np.int32]
    first: NDArray[np.int32]
    neighbours: NDArray[np.int32]

    @classmethod
    def of(cls, units: Units, edges: NDArray[np.int64] | None = None) -> Self:
        """`edges` ``(n_edges, 2)``, None: every pair."""
        sizes, n = units.sizes, units.n_variables
        starts = tuple(accumulate(units.widths, initial=0))
        most = max(sizes)
        width = 2 if most == 2 else -(-most // LANES) * LANES
        of_state = np.full((n, width), units.n_statistics, dtype=np.int32)
        for i, (size, own, start) in enumerate(zip(sizes, units.widths, starts[:-1], strict=True)):
            of_state[i, size - own : size] = np.arange(start, start + own)
        if edges is None:
            near = np.tile(np.arange(n, dtype=np.int32), (n, 1))
            neighbours = near[~np.eye(n, dtype=bool)]
            counts = np.full(n, n - 1)
        else:
            both = np.concatenate([edges, edges[:, ::-1]]).reshape(-1, 2)
            both = both[np.lexsort((both[:, 1], both[:, 0]))]
            neighbours, counts = both[:, 1].astype(np.int32), np.bincount(both[:, 0], minlength=n)
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return cls(sizes, starts, units.n_statistics, of_state, first, neighbours)

    @property
    def n_variables(self) -> int:
        return len(self.sizes)

    @property
    def width(self) -> int:
        return self.of_state.shape[1]

    @property
    def bits(self) -> bool:
        """Whether all are units of 0 or 1: statistics are the states themselves."""
        return self.n_statistics == self.n_variables

    @cached_property
    def mask(self) -> Tensor:
        """bool ``(n_statistics, n_statistics)``: which pairs of statistics may be coupled."""
        owner = np.repeat(np.arange(self.n_variables), np.diff(self.starts))
        pairs = np.zeros((self.n_variables,) * 2, dtype=bool)
        counts = np.diff(self.first)
        pairs[np.repeat(np.arange(self.n_variables), counts), self.neighbours] = True
        return torch.from_numpy(pairs[np.ix_(owner, owner)])

    def near(self, variable: int) -> NDArray[np.int32]:
        """The variables that one is coupled to."""
        return self.neighbours[self.first[variable] : self.first[variable + 1]]

    def rows(self, x: Tensor) -> Tensor:
        """The statistic that each variable's state picks, int32 ``(n, n_variables)``."""
        of_state = torch.from_numpy(self.of_state).to(x.device)
        return of_state.expand(len(x), -1, -1).gather(2, x.long().unsqueeze(2)).squeeze(2)


def padded(couplings: Tensor) -> Tensor:
    """With a row and a column of zeros for the statistic that there is not."""
    return torch.nn.functional.pad(couplings, (0, 1, 0, 1))


class Arranged:
    """Couplings as sweeps read them: ``(n_variables, (n_statistics + 1) * width)``, what each
    statistic adds to the states of each variable, one behind another; of bits the couplings
    themselves. Made again when the couplings have changed; as large as they are."""

    def __init__(self) -> None:
        self._key: Any = None
        self._tables: Tensor | None = None

    def __deepcopy__(self, memo: Any) -> Arranged:
        return Arranged()  # the copy's couplings are counted anew

    def tables(self, couplings: Tensor, places: Places) -> Tensor:
        if places.bits:
            return couplings
        key = (couplings.data_ptr(), _n_changes(couplings))
        if self._tables is None or self._key != key:
            index = torch.from_numpy(places.of_state).to(couplings.device).long()
            wide = padded(couplings)
            if self._tables is None:
                n_numbers = (places.n_statistics + 1) * places.width
                self._tables = couplings.new_empty((places.n_variables, n_numbers))
            for own, table in zip(index, self._tables, strict=True):
                torch.index_select(wide, 1, own, out=table.reshape(-1, places.width))
            self._key = key
        return self._tables
