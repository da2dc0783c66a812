"""The sum over the states that the variables of a row may be in, each with a weight of its own.

Of hidden units of 0 and 1 a state of a variable adds its row of weights to their inputs, so that
compiled loops weigh joint states at a quarter of a microsecond each. Cells of numbers that lie
across many bins have too many of them: these are drawn, from products of chances that are learned
from earlier draws (adaptive importance sampling, Cappe and others 2004).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.joint import draw_weights, sum_joint
from harmonium.contract.energy import Energy
from harmonium.units.base import Units
from harmonium.units.space import LIMITS

__all__ = ["Open", "draws_of_row", "summed_rows"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Joint states that are weighed together.
_AT_ONCE = 2**14
#: As many times more of them are summed where compiled loops weigh them.
_COMPILED = 8
#: Draws that chances are learned from, a stage each, and those that are counted.
_LEARNED, _COUNTED = (1024, 1024, 1024), 4096
#: The share of draws that keep to the chances one began with, and of those that are even.
_FIRST_SHARE, _EVEN_SHARE = 0.1, 0.05
#: Weights are flattened until this share of the draws counts, before chances are learned.
_LEAST_COUNT = 0.05


@dataclass(frozen=True)
class Open:
    """``options`` are log weights of each state that a variable may be in, ``(n, size)`` a
    variable, -inf where it may not; ``counts``, how many those are, and ``first``, the most
    weighty, are ``(n, n_variables)``."""

    options: list[Array]
    counts: Whole
    first: Whole

    @classmethod
    def of(cls, options: list[Array]) -> Self:
        """Those of `options`."""
        counts = np.stack([np.isfinite(own).sum(1) for own in options], axis=1)
        return cls(options, counts, np.stack([own.argmax(1) for own in options], axis=1))

    @property
    def log2_joint(self) -> Array:
        """log2 of how many joint states there are, -inf for none, ``(n,)``."""
        with np.errstate(divide="ignore"):
            found: Array = np.log2(self.counts).sum(1)
        return found

    def places(self, row: int) -> tuple[Whole, list[Whole]]:
        """The variables that may be in several states, and these."""
        where = np.flatnonzero(self.counts[row] > 1)
        return where, [np.flatnonzero(np.isfinite(self.options[j][row])) for j in where]

    def settled(self, row: int) -> float:
        """What weighs on the other variables."""
        pairs = zip(self.options, self.first[row], self.counts[row], strict=True)
        return float(sum(own[row, k] for own, k, count in pairs if count == 1))


@runtime_checkable
class TwoLayers(Protocol):
    """Visible units and a hidden layer joined by weights."""

    units: Units
    hidden: Any
    weights: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor
    base_bias: Tensor


@dataclass(frozen=True)
class _Row:
    """What :mod:`harmonium.compute.joint` takes of a row; all weigh `beside` more. ``chances`` are
    what the base rates say of the options, logs ``(n_options,)``."""

    base: Array
    adds: Array
    own: Array
    starts: Whole
    beside: float
    chances: Array

    def sum(self) -> float:
        """log of the sum over all joint states."""
        return self.beside + sum_joint(self.base, self.adds, self.own, self.starts)


@dataclass(frozen=True)
class _Tables:
    """What each state of a variable adds: inputs ``(size, n_hidden)``, and weights ``(size,)`` at
    the end of the path and at its start; `beside`, what all rows weigh."""

    bias: Array
    inputs: list[Array]
    weights: list[Array]
    base: list[Array]
    beside: float

    @classmethod
    def of(cls, energy: Energy) -> Self | None:
        """Of an energy of hidden units of 0 and 1; None for others, and on accelerators."""
        if not isinstance(energy, TwoLayers) or not energy.hidden.binary:
            return None
        if energy.device.type != "cpu":
            return None
        each = (energy.weights, energy.visible_bias.unsqueeze(1), energy.base_bias.unsqueeze(1))
        inputs, bias, base = (
            [own.double().numpy() for own in energy.units.by_state(part)] for part in each
        )
        own_weights, constant = _own_weights(energy.units)
        return cls(
            energy.hidden_bias.double().numpy(),
            inputs,
            [own[:, 0] + more for own, more in zip(bias, own_weights, strict=True)],
            [own[:, 0] + more for own, more in zip(base, own_weights, strict=True)],
            constant,
        )

    def row(self, opened: Open, row: int) -> _Row:
        """A row with at least one place that is open."""
        places, allowed = opened.places(row)
        first = opened.first[row].tolist()
        adds, own, chances = [], [], []
        for j, states in zip(places.tolist(), allowed, strict=True):
            k, given = first[j], opened.options[j][row, states]
            adds.append(self.inputs[j][states] - self.inputs[j][k])
            own.append(given + self.weights[j][states] - self.weights[j][k])
            chances.append(given + self.base[j][states])
        return _Row(
            self.bias + sum(part[k] for part, k in zip(self.inputs, first, strict=True)),
            np.concatenate(adds),
            np.concatenate(own),
            np.cumsum([0, *map(len, allowed)]),
            self.beside
            + opened.settled(row)
            + sum(p[k] for p, k in zip(self.weights, first, strict=True)),
            np.concatenate(chances),
        )


def _own_weights(units: Units) -> tuple[list[Array], float]:
    """What states weigh without inputs, ``(size,)`` a variable, less that of state 0; and what all
    variables in state 0 weigh."""
    found, constant = [], 0.0
    for j, size in enumerate(units.sizes):
        x = torch.zeros((size, units.n_variables), dtype=torch.float64)
        x[:, j] = torch.arange(size)
        own = units.log_weight(x)
        every = torch.zeros(size) if isinstance(own, float) else own - own[0]
        constant = own if isinstance(own, float) else float(own[0])
        found.append(every.double().numpy())
    return found, constant


def summed_rows(
    energy: Energy, opened: Open, narrow: NDArray[np.bool_], generator: np.random.Generator
) -> tuple[Array, Array, Whole]:
    """log of the sum over the joint states of each row and its standard error, ``(n,)`` each, and
    the rows that are left: with too many states to sum, and not `narrow`.

    Sums are exact up to ``LIMITS["answer"]`` joint states, of hidden units of 0 and 1 up to eight
    times as many. A `narrow` row's variables are each in states that are alike; beyond, it is
    drawn. -inf for rows that cannot be.
    """
    n, log2_joint, tables = len(opened.first), opened.log2_joint, _Tables.of(energy)
    most = np.log2(LIMITS["answer"] * (1 if tables is None else _COMPILED)) + 1e-9
    value, error = np.full(n, -np.inf), np.zeros(n)
    few = log2_joint <= most
    single = few & (opened.counts == 1).all(1)
    plain = single if tables is not None else few & np.isfinite(log2_joint)
    _weigh_each(energy, opened, np.flatnonzero(plain), value)
    if tables is None:
        return value, error, np.flatnonzero(~few)
    for row in np.flatnonzero(few & ~single & np.isfinite(log2_joint)).tolist():
        value[row] = tables.row(opened, row).sum()
    for row in np.flatnonzero(~few & narrow).tolist():
        value[row], error[row] = draws_of_row(tables.row(opened, row), generator)
    return value, error, np.flatnonzero(~few & ~narrow)


def draws_of_row(row: _Row, generator: np.random.Generator) -> tuple[float, float]:
    """log of the sum over the joint states of a row, and its standard error by the delta method.

    Chances of each place's options, independent of each other's, are learned from three stages of
    draws, and the weights of 4,096 more are counted: some 4 milliseconds at 256 units.
    """
    places = list(zip(row.starts[:-1], row.starts[1:], strict=True))
    first = [_shares(row.chances[low:high]) for low, high in places]
    chances = first
    for n in (*_LEARNED, _COUNTED):
        cuts = [np.cumsum(own)[:-1] for own in chances]
        states = np.stack([np.searchsorted(cut, generator.random(n)) for cut in cuts], axis=1)
        drawn = sum(np.log(own[states[:, p]]) for p, own in enumerate(chances))
        weights = draw_weights(row.base, row.adds, row.own, row.starts, states) - drawn
        top = float(weights.max())
        relative = np.exp(weights - top)
        learned = _flattened(weights - top)
        counts = [np.bincount(states[:, p], learned, len(own)) for p, own in enumerate(first)]
        chances = [
            (1 - _FIRST_SHARE - _EVEN_SHARE) * own + _FIRST_SHARE * begun + _EVEN_SHARE / len(own)
            for own, begun in zip(counts, first, strict=True)
        ]
    mean = float(relative.mean())
    error = float(relative.std() / mean / np.sqrt(len(relative)))
    return row.beside + top + float(np.log(mean)), error


def _shares(logs: Array) -> Array:
    own = np.exp(logs - logs.max())
    shares: Array = (1 - _EVEN_SHARE) * own / own.sum() + _EVEN_SHARE / len(own)
    return shares


def _flattened(logs: Array) -> Array:
    """Shares of weights, tempered until enough of them count."""
    power = 1.0
    while True:
        shares: Array = np.exp(power * logs)
        shares /= shares.sum()
        if 1 / (shares**2).sum() >= _LEAST_COUNT * len(logs) or power < 0.01:
            return shares
        power *= 0.8


def _weigh_each(energy: Energy, opened: Open, rows: Whole, value: Array) -> None:
    """Write the sums of rows into `value`, their joint states weighed by the energy itself."""
    for part in _batches(opened, rows):
        each = [_joint(opened, row) for row in part]
        together = torch.from_numpy(np.concatenate([states for states, _ in each]))
        logs = energy.log_weight(together.to(energy.device, energy.dtype)).cpu().numpy()
        ends = np.cumsum([len(states) for states, _ in each])[:-1]
        for row, (_, beside), own in zip(part, each, np.split(logs, ends), strict=True):
            value[row] = np.logaddexp.reduce(own + beside)


def _batches(opened: Open, rows: Sequence[int] | Whole) -> Iterator[list[int]]:
    part: list[int] = []
    n = 0.0
    for row in rows:
        part.append(int(row))
        n += float(np.prod(opened.counts[row], dtype=np.float64))
        if n >= _AT_ONCE:
            yield part
            part, n = [], 0.0
    if part:
        yield part


def _joint(opened: Open, row: int) -> tuple[Array, Array]:
    """Every joint state of a row that may be, and what it weighs beside the energy."""
    places, allowed = opened.places(row)
    mesh = np.meshgrid(*allowed, indexing="ij")
    n_joint = mesh[0].size if mesh else 1
    states = np.repeat(opened.first[row][None, :].astype(np.float64), n_joint, axis=0)
    weights = np.full(n_joint, opened.settled(row))
    for j, grid in zip(places.tolist(), mesh, strict=True):
        states[:, j] = grid.reshape(-1)
        weights += opened.options[j][row, grid.reshape(-1)]
    return states, weights
