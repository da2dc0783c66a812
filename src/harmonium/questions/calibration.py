"""How far P of single cells is to be trusted, measured on rows that were not learned from.

The rank of a hidden cell says where its true value lies in the distribution that the model gives
it, from 0 to 1. Ranks are uniform if the model is right (randomised probability integral
transform); of a model that is too sure too many are near 0 and 1. Between quantiles of the ranks
that were met lies as much as is said, on average over tables like these, whatever the model: split
conformal prediction (Vovk, Gammerman, Shafer 2005), of sets of labels Romano, Sesia, Candès (2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.data.shards import Shards
from harmonium.questions.over_models import n_rows_of, picked
from harmonium.questions.tables_like import TellsCells

__all__ = ["Calibration"]

Array = NDArray[np.float64]

#: Known cells of a row fall into so many parts, of which one is hidden at a time.
_PARTS = 5
#: Rows asked about; wide tables have fewer, by so many cells, but so many all the same.
_MOST_ROWS, _MOST_CELLS, _LEAST_ROWS = 600, 15_000, 20
#: What ranks of all columns weigh beside a column's own, in cells, and in how many of these the
#: model has its way.
_SHARED, _UNIFORM = 300.0, 50


@dataclass(frozen=True)
class Calibration:
    """Ranks of hidden cells ``{column: (n,)}``, each rising and in [0, 1]; see
    :meth:`.CellMarginal.ranks`.

    ``numbers`` names the columns of numbers, the others are of labels. ``n_rows`` are the rows
    that the cells are of: none unless measured, so that the model has its way.
    """

    ranks: Mapping[str, Array] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    n_rows: int = 0

    @classmethod
    def measured(cls, model: TellsCells, X: Any, n_columns: int) -> Self:
        """By hiding a fifth of the cells of rows `X`, which the model has not learned from; rows
        that are few are asked about several times, each cell being hidden once at most.

        `n_columns` are those that the model tells of. Costs P of the hidden cells of 600 rows at
        most, of fewer where a table is wide.
        """
        source = np.random.default_rng(0)
        n = n_rows_of(X)
        most = max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_CELLS // n_columns))
        order, left = source.permutation(n), min(most, _PARTS * n)
        parts = source.integers(_PARTS, size=(n, n_columns))
        ranks: dict[str, list[Array]] = {}
        numbers = set()
        for part in range(_PARTS):
            rows = np.sort(order[:left])
            left -= len(rows)
            hidden = parts[rows] == part
            rows, hidden = rows[hidden.any(1)], hidden[hidden.any(1)]
            if not len(rows):
                continue
            asked = X.taken(rows) if isinstance(X, Shards) else picked(X, rows)
            for cell in model.cell_marginals(asked, of=hidden, random_state=source):
                found = cell.ranks(source)
                ranks.setdefault(cell.column.name, []).append(found[~np.isnan(found)])
                if cell.column.is_number:
                    numbers.add(cell.column.name)
        whole = {name: np.sort(np.concatenate(own)) for name, own in ranks.items()}
        return cls(whole, frozenset(numbers), min(n, most))

    @property
    def n_cells(self) -> int:
        return sum(map(len, self.ranks.values()))

    def __str__(self) -> str:
        if not self.n_rows:
            return "the model alone, of which no rows were held out"
        return f"{self.n_cells} hidden cells of {self.n_rows} rows held out"

    def ends(self, name: str, level: float) -> tuple[float, float]:
        """The levels in [0, 1] between which numbers of this column hold `level`."""
        low, high = self._quantiles(name, [(1 - level) / 2, (1 + level) / 2])
        return low, high

    def share(self, name: str, level: float) -> float:
        """What the most probable labels of this column must hold to be right at `level`."""
        return self._quantiles(name, [level])[0]

    def _quantiles(self, name: str, levels: list[float]) -> list[float]:
        """Of the column's ranks, drawn towards those of all columns of its kind, and these to
        uniform ones, as far as they are few.

        Between k - 1 and k of n ranks in order one more lies with probability 1 / (n + 1),
        whatever their law; ranks that weigh differently are spread likewise.
        """
        kind = [own for each, own in self.ranks.items() if self._is_like(each, name)]
        uniform = np.arange(1.0, _UNIFORM + 1) / (_UNIFORM + 1)
        own, shared = self.ranks.get(name, np.empty(0)), np.concatenate([*kind, uniform])
        places = np.concatenate([own, shared])
        weights = np.repeat([1.0, _SHARED / len(shared)], [len(own), len(shared)])
        order = np.argsort(places, kind="stable")
        places, weights = places[order], weights[order]
        gap = (weights**2).sum() / weights.sum()
        below = np.cumsum(weights) - weights / 2 + gap / 2
        heights = np.concatenate([[0.0], below / (weights.sum() + gap), [1.0]])
        found = np.interp(levels, heights, np.concatenate([[0.0], places, [1.0]]))
        return [float(one) for one in found]

    def _is_like(self, one: str, other: str) -> bool:
        return (one in self.numbers) == (other in self.numbers)

    # -- files ----------------------------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON-able facts that :meth:`from_state` makes it of again."""
        facts = {
            "columns": list(self.ranks),
            "counts": [len(own) for own in self.ranks.values()],
            "numbers": sorted(self.numbers),
            "n_rows": self.n_rows,
        }
        return {"ranks": np.concatenate([*self.ranks.values(), np.empty(0)])}, facts

    @classmethod
    def from_state(cls, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_state`; ``ValueError`` for what is none."""
        ranks, counts = arrays["ranks"], list(map(int, facts["counts"]))
        if sum(counts) != len(ranks) or len(counts) != len(facts["columns"]):
            raise ValueError(f"calibration: {len(ranks)} ranks, where columns have {sum(counts)}")
        if not ((ranks >= 0) & (ranks <= 1)).all():
            raise ValueError("calibration: wanted ranks in [0, 1]")
        parts = np.split(ranks, np.cumsum(counts)[:-1]) if counts else []
        whole = dict(zip(facts["columns"], parts, strict=True))
        return cls(whole, frozenset(facts["numbers"]), int(facts["n_rows"]))
