"""Rows of a network answered together: blanks filled, noise taken out, exactly where it fits.

Rows that know the same columns share one pass of elimination; where that is too wide, chains
answer as for any energy model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.random import random_generator
from harmonium.contract import noise as channels
from harmonium.contract.checks import check_choice
from harmonium.data.tables import check_states, dense_rows, one_row
from harmonium.models.energy_model import HOW, EnergyModel
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.exact.contraction import Array
from harmonium.models.network.factor import Name
from harmonium.models.network.structure import Structure

__all__ = ["NetworkRows", "patterns"]


class NetworkRows(EnergyModel):
    """Questions about rows, given the network's structure."""

    @property
    @abstractmethod
    def _network(self) -> Structure:
        """Names, sizes and the exact engine."""

    @property
    def variables_(self) -> list[Name]:
        """Names of the variables, in the order of columns."""
        return list(self._network.names)

    @property
    def n_states_(self) -> tuple[int, ...]:
        """The number of states of each variable, in the order of columns."""
        return self._network.exact.sizes

    @property
    def n_features_in_(self) -> int:
        """The number of variables."""
        return len(self._network.names)

    def _n_states(self) -> int:
        return max(self.n_states_)

    def _build_energy(self, dtype: torch.dtype) -> FactorEnergy:
        return self._network.energy(dtype)

    def correct(
        self, X: Any, *, noise: Any, how: str = "mode", random_state: Any = None
    ) -> NDArray[Any]:
        """The clean row behind each noisy one, by P(x given noisy x) under the channel.

        `noise` is ``hm.noise.BitFlip(p)`` (two states everywhere) or ``hm.noise.Replace(p)``;
        NaN in `X` where nothing was read; `how` as for :meth:`complete`.
        """
        check_choice("how", how, HOW)
        table = np.array(self._check(X, blanks=True), dtype=np.float64)
        sizes = np.array(self.n_states_)
        generator = random_generator(random_state)
        certain = [
            channels.certain_values(noise, table[:, sizes == size], int(size))
            for size in np.unique(sizes)
        ]
        if all(known is not None for known in certain):
            clean = np.empty_like(table)
            for size, known in zip(np.unique(sizes), certain, strict=True):
                clean[:, sizes == size] = known
            self._check_readable(clean)
            return self._answer(clean, None, how, generator)
        each = {
            int(size): channels.log_likelihood(noise, table[:, sizes == size], int(size))
            for size in np.unique(sizes)
        }

        def readings(part: slice) -> NDArray[np.float64]:
            rows = len(table[part])
            found = np.full((rows, len(sizes), int(sizes.max())), -np.inf)
            for size, read in each.items():
                found[:, sizes == size, :size] = read(part)
            return found

        return self._answer(np.full_like(table, np.nan), (table, readings), how, generator)

    def _check_readable(self, table: NDArray[np.float64]) -> None:
        """Refuse rows that are certain throughout and that the factors forbid; rows with a
        blank are refused where they are answered."""
        whole = np.flatnonzero(~np.isnan(table).any(axis=1))
        weight = self._network.log_weight(table[whole].astype(np.intp))
        if np.isneginf(weight).any():
            row = int(whole[np.argmin(weight)])
            raise ValueError(
                f"X: noise that changes nothing makes row {row} certain, and the factors give "
                "it probability zero"
            )

    def _answer(
        self,
        table: NDArray[np.float64],
        noisy: tuple[NDArray[np.float64], Callable[[slice], NDArray[np.float64]]] | None,
        how: str,
        generator: np.random.Generator,
    ) -> NDArray[Any]:
        """Rows of equal pattern are answered together, exactly; by chains where too wide."""
        filled = table.copy()
        read = frozenset() if noisy is None else frozenset(range(table.shape[1]))
        for numbers, known in patterns(table):
            if len(known) == table.shape[1]:
                continue
            if not self._network.fits(known):
                part = None if noisy is None else (noisy[0][numbers], _rows_of(noisy[1], numbers))
                filled[numbers] = super()._answer(table[numbers], part, how, generator)
                continue
            for piece in self._network.exact.batches(len(numbers), known, read):
                some = numbers[piece]
                readings = None if noisy is None else _by_column(noisy[1], some, self.n_states_)
                filled[some] = self._exact_answer(table[some], known, readings, how, generator)
        return filled if how == "mean" else self._result(torch.from_numpy(filled))

    def _exact_answer(
        self,
        table: NDArray[np.float64],
        known: frozenset[int],
        readings: dict[int, Array] | None,
        how: str,
        generator: np.random.Generator,
    ) -> NDArray[np.float64]:
        exact = self._network.exact
        rows = np.nan_to_num(table).astype(np.intp)
        if how == "mean":
            log_p = np.broadcast_to(exact.log_sum(rows, known, readings), len(rows))
            self._check_rows(log_p, known)
            free = [v for v in range(rows.shape[1]) if v not in known]
            result = table.copy()
            for v, p in zip(
                free, exact.marginals([(v,) for v in free], rows, known, readings), strict=True
            ):
                result[:, v] = p @ np.arange(exact.sizes[v])
            return result
        draw = generator if how == "sample" else None
        states, log_p = exact.fill(rows, known, readings, draw)
        self._check_rows(log_p, known)
        return states.astype(np.float64)

    def _check_rows(self, log_p: Array, known: frozenset[int]) -> None:
        if np.isneginf(log_p).any():
            row = int(np.argmin(log_p))
            raise ValueError(
                f"X: what is known of a row ({sorted(known)} are its known columns, the "
                f"{row}th of that pattern) has probability zero under the factors"
            )

    # -- rows in and out ---------------------------------------------------------------

    def _check(self, X: Any, *, blanks: bool = False) -> NDArray[Any]:
        table = check_states(
            self, self._network.in_order(X), n_states=self._n_states(), blanks=blanks
        )
        dense = dense_rows(table, slice(None))
        self._network.check_states(dense, "X")
        return dense

    def _condition(self, condition: Any) -> NDArray[np.float64]:
        row = one_row(self, condition, self._n_states())
        self._network.check_states(row[None, :], "condition")
        return row


def patterns(table: NDArray[np.float64]) -> list[tuple[NDArray[np.intp], frozenset[int]]]:
    """Row numbers that know the same columns, and which columns those are."""
    known = ~np.isnan(table) if table.dtype.kind == "f" else np.ones(table.shape, bool)
    groups: dict[bytes, list[int]] = {}
    for number, row in enumerate(np.packbits(known, axis=1)):
        groups.setdefault(row.tobytes(), []).append(number)
    return [
        (np.array(numbers), frozenset(np.flatnonzero(known[numbers[0]]).tolist()))
        for numbers in groups.values()
    ]


def _by_column(
    readings: Callable[[slice], Array], rows: NDArray[np.intp], sizes: Sequence[int]
) -> dict[int, Array]:
    """Readings of these rows, ``(n, n_states)`` for each column."""
    found = _rows_of(readings, rows)(slice(None))
    return {v: np.ascontiguousarray(found[:, v, :size]) for v, size in enumerate(sizes)}


def _rows_of(
    readings: Callable[[slice], Array], rows: NDArray[np.intp]
) -> Callable[[slice], Array]:
    """Readings by place in `rows` instead of by row number; `rows` rise."""

    def part(places: slice) -> Array:
        chosen = rows[places]
        first = int(chosen[0])
        return readings(slice(first, int(chosen[-1]) + 1))[chosen - first]

    return part
