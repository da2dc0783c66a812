"""Normal noise on the numbers of a table, as what readings say of states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from harmonium.contract.noise import CleanWords, Likelihood, NoiseChannel, not_for_texts
from harmonium.data.columns import Column
from harmonium.data.columns.gaussian import Gaussian as GaussianColumn

__all__ = ["NoisyNumbers"]

Array = NDArray[np.float64]

#: Parts of a level, of even mass each, inside which numbers are taken to lie evenly.
_N_PARTS = 4
#: Parts narrower than this share of the noise are as good as points.
_POINT = 1e-6
#: Numbers weighed together.
_AT_ONCE = 2**10


@dataclass(frozen=True)
class NoisyNumbers(NoiseChannel):
    """Normal noise of standard deviation `sigma`, in the columns' own units, on normal numbers;
    labels and missing cells are as they were read.

    ``columns`` are those of the variables and ``values`` what was read of each, ``(n,)``.
    ``ValueError`` for numbers of another kind, inside whose bins noise would be lost.
    """

    sigma: float
    columns: tuple[Column, ...]
    values: tuple[NDArray[Any], ...]

    def __post_init__(self) -> None:
        for column in self.columns:
            if column.is_number and not isinstance(column, GaussianColumn):
                raise ValueError(
                    f"noise: Gaussian wants numbers of kind 'gaussian', column {column.name!r} is "
                    f"of kind {column.kind!r}; fit with visible={{{column.name!r}: 'gaussian'}}"
                )

    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        most = max(sizes)
        rows = np.empty(values.shape, dtype=np.int32)
        tables: list[Array] = []
        n_rows = 0
        for j, (column, size) in enumerate(zip(self.columns, sizes, strict=True)):
            table = np.full((size, most), -np.inf)
            np.fill_diagonal(table, 0.0)
            rows[:, j] = n_rows + np.nan_to_num(values[:, j])
            tables, n_rows = [*tables, table], n_rows + size
            if isinstance(column, GaussianColumn):
                known = np.flatnonzero(values[:, j] < column.n_states)
                read, which = np.unique(self.values[j][known].astype(float), return_inverse=True)
                table = np.full((len(read), most), -np.inf)
                table[:, : column.n_states] = _log_likelihood(column, read, self.sigma)
                rows[known, j] = n_rows + which
                tables, n_rows = [*tables, table], n_rows + len(read)
        rows[np.isnan(values)] = n_rows
        return Likelihood(rows, np.concatenate([*tables, np.zeros((1, most))]), None)

    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        raise not_for_texts(self)


def _log_likelihood(column: GaussianColumn, read: Array, sigma: float) -> Array:
    """log of the density of each number `read` ``(n,)`` given each state, the noise's and what is
    inside a state together: ``(n, n_states)``."""
    n_states = column.n_states
    u = np.linspace(0.0, 1.0, _N_PARTS + 1)
    states = np.repeat(np.arange(float(n_states)), len(u))
    ends = column.quantile(states, np.tile(u, n_states)).reshape(n_states, len(u))
    low, high = ends[:, :-1], ends[:, 1:]
    found = np.empty((len(read), n_states))
    for start in range(0, len(read), _AT_ONCE):
        y = read[start : start + _AT_ONCE, None, None]
        a, b = (low - y) / sigma, (high - y) / sigma
        # Of a part above the number, mirror it: tails below keep their digits.
        up = a > 0
        a, b = np.where(up, -b, a), np.where(up, -a, b)
        tail, far = log_ndtr(b), log_ndtr(a)
        width = np.maximum(b - a, 1e-300)
        with np.errstate(divide="ignore"):
            part = tail + np.log(-np.expm1(np.minimum(far - tail, 0.0))) - np.log(width)
        middle = -0.125 * (a + b) ** 2 - 0.5 * np.log(2 * np.pi)
        part = np.where((width < _POINT) | ~np.isfinite(part), middle, part)
        found[start : start + _AT_ONCE] = np.logaddexp.reduce(part, axis=2)
    return found - np.log(_N_PARTS)
