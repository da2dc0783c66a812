"""A factor graph as an energy: coloured block Gibbs sweeps over any discrete tables.

Variables of one colour share no factor, so a sweep draws each colour at once, given the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute import draws
from harmonium.contract.energy import (
    Beta,
    Chains,
    Energy,
    Evidence,
    Generator,
    Metric,
    Parameters,
)
from harmonium.models.network.exact.engine import Engine
from harmonium.models.network.exact.order import interaction_graph
from harmonium.models.network.exact.plan import TooWideError

__all__ = ["FactorEnergy"]

#: log of zero for chains, or so far below the smallest entry of any table: finite, so that
#: annealing can pass through forbidden states on its way.
_LOG_ZERO, _BELOW = -745.0, 50.0


@dataclass(frozen=True)
class _Group:
    """Factors of equal arity: where each table starts, and how far a state moves in it."""

    variables: Tensor  # (n_factors, arity)
    strides: Tensor  # (n_factors, arity)
    offsets: Tensor  # (n_factors,)


@dataclass(frozen=True)
class _Contacts:
    """The factors of equal arity that touch a colour: one entry a (variable, factor)."""

    slots: Tensor  # (n,) place of the variable in its colour
    others: Tensor  # (n, arity - 1) the factor's other variables
    other_strides: Tensor
    start: Tensor  # (n, n_states) place of each own state, the others at 0


class FactorEnergy(Energy):
    """log P_beta(x) = (1 - beta) log P_0(x) + beta sum of log tables, up to a constant.

    P_0 is independent: the normalised product of the tables over one variable. Tables are one
    flat parameter; states beyond a variable's own never happen. Zeros of tables count as a
    number below all others, so chains are led out of forbidden states rather than stuck; at
    beta 1 the weight of such a state is zero.

    A sweep costs the sum over factors of arity times states, times the number of chains.
    """

    def __init__(
        self,
        exact: Engine,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        self.exact = exact
        self.dtype, self.device = dtype, torch.device("cpu") if device is None else device
        self.sizes, self.scopes = exact.sizes, exact.scopes
        self.n_variables, self.n_states = len(self.sizes), max(self.sizes)
        flat = np.concatenate([np.reshape(table, -1) for table in exact.log_tables])
        lowest = float(np.min(flat[np.isfinite(flat)], initial=0.0))
        self.log_zero = min(_LOG_ZERO, lowest - _BELOW)
        lifted = torch.from_numpy(np.where(np.isneginf(flat), self.log_zero, flat))
        self.tables = lifted.to(self.device, dtype)
        self._never = self.forbidden
        self._engine: tuple[Tensor, Engine] | None = None
        self._layout()
        self.base = self._base()

    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> FactorEnergy:
        copy = FactorEnergy(self.exact, dtype, self.device if device is None else device)
        copy.tables.copy_(self.tables)
        copy.base.copy_(self.base)
        return copy

    def _layout(self) -> None:
        """Groups of factors for weighing, contacts of each colour for sweeping."""
        offsets, start = [], 0
        strides: list[tuple[int, ...]] = []
        for table in self.exact.log_tables:
            offsets.append(start)
            start += table.size
            shape = table.shape
            strides.append(tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape))))
        by_arity: dict[int, list[int]] = {}
        for number, scope in enumerate(self.scopes):
            by_arity.setdefault(len(scope), []).append(number)
        self.groups = [
            _Group(
                self._numbers([self.scopes[f] for f in members]).reshape(len(members), arity),
                self._numbers([strides[f] for f in members]).reshape(len(members), arity),
                self._numbers([offsets[f] for f in members]),
            )
            for arity, members in by_arity.items()
        ]
        colours = _colours(self.n_variables, self.scopes)
        self.colours = [self._numbers(members) for members in colours]
        self.contacts = [
            [c for arity in by_arity if arity for c in self._meet(members, arity, strides, offsets)]
            for members in colours
        ]
        states = torch.arange(self.n_states, device=self.device)
        self.last_states = self._numbers(self.sizes) - 1
        impossible = states[None, :] > self.last_states[:, None]
        self.possible = self._zeros(self.n_variables, self.n_states)
        self.possible[impossible] = -torch.inf

    def _numbers(self, values: Sequence[Any]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    def _zeros(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.zeros(shape, dtype=dtype or self.dtype, device=self.device)

    def _meet(
        self,
        members: list[int],
        arity: int,
        strides: Sequence[tuple[int, ...]],
        offsets: Sequence[int],
    ) -> list[_Contacts]:
        slot_of = {v: i for i, v in enumerate(members)}
        slots, others, other_strides, starts = [], [], [], []
        for number, scope in enumerate(self.scopes):
            if len(scope) != arity:
                continue
            for axis, variable in enumerate(scope):
                if variable not in slot_of:
                    continue
                stride = strides[number]
                # States a variable does not have read its last one; `possible` forbids them.
                own = np.minimum(np.arange(self.n_states), self.sizes[variable] - 1)
                slots.append(slot_of[variable])
                others.append(scope[:axis] + scope[axis + 1 :])
                other_strides.append(stride[:axis] + stride[axis + 1 :])
                starts.append(offsets[number] + stride[axis] * own)
        if not slots:
            return []
        shape = (len(slots), arity - 1)
        return [
            _Contacts(
                self._numbers(slots),
                self._numbers(others).reshape(shape),
                self._numbers(other_strides).reshape(shape),
                torch.from_numpy(np.stack(starts)).to(self.device),
            )
        ]

    def _base(self) -> Tensor:
        """log P_0 of each state of each variable, -inf for states it does not have."""
        total = self.possible.double()
        for group in self.groups:
            if group.variables.shape[1] == 1:
                own = group.variables[:, 0]
                states = torch.arange(self.n_states, device=self.device)
                last = self.last_states[own].unsqueeze(1)
                index = group.offsets[:, None] + torch.minimum(states[None, :], last)
                total = total.index_add(0, own, self.tables[index].double())
        return torch.log_softmax(total, 1).to(self.dtype)

    def parameters(self) -> Parameters:
        return {"tables": self.tables}

    def _entries(self, x: Tensor) -> list[Tensor]:
        """For each group the entry of each table that each row picks: ``(n, n_factors)``.

        A state that a variable does not have picks its last one's; weights say it cannot be.
        """
        states = torch.minimum(x.long(), self.last_states)
        return [
            group.offsets + (states[:, group.variables] * group.strides).sum(2)
            for group in self.groups
        ]

    def log_weight(self, x: Tensor, beta: Beta = 1.0) -> Tensor:
        full = self._zeros(len(x), dtype=torch.float64)
        for index in self._entries(x):
            full += self.tables[index].double().sum(1)
        full[(x > self.last_states).any(1)] = -torch.inf
        if isinstance(beta, float | int) and beta == 1.0:
            for index in self._entries(x):
                full[self._never[index].any(1)] = -torch.inf
            return full
        base = torch.gather(self.base.expand(len(x), -1, -1), 2, x.long().unsqueeze(2))
        return (1.0 - beta) * base.double().sum((1, 2)) + beta * full

    def _logits(self, x: Tensor, colour: int, beta: Beta, evidence: Evidence | None) -> Tensor:
        """log P_beta(x_i = state given the rest), up to a constant, for one colour's variables."""
        members = self.colours[colour]
        states = x.long()
        logits = self._zeros(len(x), len(members), self.n_states)
        for contact in self.contacts[colour]:
            elsewhere = (states[:, contact.others] * contact.other_strides).sum(2)
            index = elsewhere.unsqueeze(2) + contact.start
            logits.index_add_(1, contact.slots, self.tables[index])
        if isinstance(beta, Tensor) or beta != 1.0:
            scale = beta.reshape(-1, 1, 1).to(self.dtype) if isinstance(beta, Tensor) else beta
            base = self.base[members].nan_to_num(neginf=0.0)
            logits = (1.0 - scale) * base + scale * logits
        if evidence is not None and evidence.readings is not None:
            readings = evidence.readings.log_likelihood(members, self.n_states).to(logits)
            logits += readings.nan_to_num(neginf=self.log_zero)
        return logits + self.possible[members]

    def sweep(
        self,
        chains: Chains,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
    ) -> Chains:
        x = chains.x.clone()
        for colour in range(len(self.colours)):
            logits = self._logits(x, colour, beta, evidence)
            drawn = draws.categorical(logits.reshape(-1, self.n_states), generator)
            self._put(x, colour, drawn.reshape(len(x), -1), evidence)
        return Chains(x)

    def sweep_means(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> tuple[Chains, Tensor]:
        x, means = chains.x.clone(), chains.x.clone()
        states = torch.arange(self.n_states, dtype=self.dtype, device=self.device)
        for colour in range(len(self.colours)):
            logits = self._logits(x, colour, 1.0, evidence)
            self._put(means, colour, torch.softmax(logits, 2) @ states, evidence)
            drawn = draws.categorical(logits.reshape(-1, self.n_states), generator)
            self._put(x, colour, drawn.reshape(len(x), -1), evidence)
        return Chains(x), means

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        x = x.clone()
        for colour in range(len(self.colours)):
            self._put(x, colour, self._logits(x, colour, 1.0, evidence).argmax(2), evidence)
        return x

    def _put(self, x: Tensor, colour: int, states: Tensor, evidence: Evidence | None) -> None:
        members = self.colours[colour]
        new = states.to(self.dtype)
        if evidence is not None and evidence.free is not None:
            new = torch.where(evidence.free[:, members], new, x[:, members])
        x[:, members] = new

    def base_log_partition(self) -> float:
        return 0.0

    def base_sample(self, n: int, generator: Generator) -> Tensor:
        logits = self.base.expand(n, -1, -1).reshape(-1, self.n_states)
        return draws.categorical(logits, generator).reshape(n, -1).to(self.dtype)

    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        total = self._zeros(len(self.tables), dtype=torch.float64)
        for index in self._entries(x):
            each = weights.double()[:, None].expand_as(index)
            total.index_add_(0, index.reshape(-1), each.reshape(-1))
        return {"tables": total.to(self.dtype)}

    def marginals(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> Tensor:
        found = self._zeros(len(chains.x), self.n_variables, self.n_states)
        for colour, members in enumerate(self.colours):
            found[:, members] = torch.softmax(self._logits(chains.x, colour, 1.0, evidence), 2)
        if evidence is not None and evidence.free is not None:
            fixed = torch.nn.functional.one_hot(chains.x.long(), self.n_states).to(self.dtype)
            found = torch.where(evidence.free.unsqueeze(2), found, fixed)
        return found[:, :, 1] if self.n_states == 2 else found

    @property
    def forbidden(self) -> Tensor:
        """Entries of the tables that are zero, and stay so: ``(n_entries,)``."""
        flat = np.concatenate([np.reshape(t, -1) for t in self.exact.log_tables])
        return torch.from_numpy(np.isneginf(flat)).to(self.device)

    def fused(self, learner: object, prior: object, metric: Metric) -> None:
        return None

    def log_tables(self) -> list[NDArray[np.float64]]:
        """The present parameters as tables of the factors' shapes, -inf for what is forbidden."""
        flat = self.tables.double().cpu().numpy()
        tables, start = [], 0
        for table in self.exact.log_tables:
            values = flat[start : start + table.size].reshape(table.shape)
            tables.append(np.where(np.isneginf(table), -np.inf, values))
            start += table.size
        return tables

    def _current(self) -> Engine:
        """The exact engine with the present parameters in its tables; kept until they change."""
        if self._engine is None or not torch.equal(self._engine[0], self.tables):
            self._engine = (self.tables.clone(), self.exact.with_tables(self.log_tables()))
        return self._engine[1]

    def exact_log_partition(self) -> float | None:
        try:
            return float(self._current().log_sum())
        except TooWideError:
            return None

    def exact_moments(self) -> Parameters | None:
        try:
            found = self._current().marginals(self.scopes)
        except TooWideError:
            return None
        flat = np.concatenate([np.reshape(p, -1) for p in found])
        return {"tables": torch.from_numpy(flat).to(self.tables)}


def _colours(n_variables: int, scopes: Sequence[Sequence[int]]) -> list[list[int]]:
    """Variables in classes that share no factor: greedy, the best connected first."""
    graph = interaction_graph(n_variables, scopes)
    classes: list[set[int]] = []
    for variable in sorted(range(n_variables), key=lambda v: -len(graph[v])):
        own = next((each for each in classes if each.isdisjoint(graph[variable])), None)
        if own is None:
            own = set()
            classes.append(own)
        own.add(variable)
    return [sorted(members) for members in classes]
