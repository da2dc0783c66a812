"""What follows from a list of factors: names, sizes, columns, and the exact engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.tables import as_array
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.exact.engine import Engine, States
from harmonium.models.network.exact.given import Given
from harmonium.models.network.exact.plan import TooWideError
from harmonium.models.network.factor import Factor
from harmonium.models.network.names import Name, StateNames

if TYPE_CHECKING:
    import torch

    from harmonium.models.network.energy import FactorEnergy

__all__ = ["Structure"]

#: Evidence whose tables are kept.
_MAX_GIVEN = 16


class Structure:
    """The variables of `factors` by first appearance, and answers' machinery, built once."""

    def __init__(self, factors: list[Factor], max_memory: float) -> None:
        sizes = self.check(factors)
        self.factors = list(factors)
        self.names = list(sizes)
        self.index = {name: i for i, name in enumerate(self.names)}
        called = {name: given for factor in factors for name, given in factor.states.items()}
        self.states = StateNames(self.names, list(sizes.values()), called)
        self.exact = Engine(
            list(sizes.values()),
            [tuple(self.index[name] for name in factor.variables) for factor in factors],
            [factor.log_table for factor in factors],
            max_memory,
        )
        self._given: dict[tuple[frozenset[tuple[int, int]], float], Given] = {}
        self._energies: dict[tuple[torch.dtype, torch.device], FactorEnergy] = {}

    @staticmethod
    def check(factors: Any) -> dict[Name, int]:
        """Names and numbers of states, in order; raises for what is no list of factors."""
        if isinstance(factors, Factor) or not isinstance(factors, Sequence):
            raise TypeError(f"factors must be a list of hm.Factor, got {factors!r}")
        sizes: dict[Name, int] = {}
        called: dict[Name, tuple[Name, ...]] = {}
        for i, factor in enumerate(factors):
            if not isinstance(factor, Factor):
                raise TypeError(f"factors[{i}] must be a hm.Factor, got {factor!r}")
            for name, size in zip(factor.variables, factor.n_states, strict=True):
                if sizes.setdefault(name, size) != size:
                    raise ValueError(
                        f"factors[{i}] has {size} states for {name!r}, which has "
                        f"{sizes[name]} in an earlier factor; wanted the same number"
                    )
            for name, states in factor.states.items():
                if called.setdefault(name, states) != states:
                    raise ValueError(
                        f"factors[{i}] names the states of {name!r} {list(states)!r}, an earlier "
                        f"factor {list(called[name])!r}; wanted the same names"
                    )
        if not sizes:
            raise ValueError("factors must have at least one variable among them, got none")
        return sizes

    def holds(self, factors: Any) -> bool:
        """Whether these are the factors it was made of, table by table."""
        return (
            isinstance(factors, Sequence)
            and len(factors) == len(self.factors)
            and all(new is old for new, old in zip(factors, self.factors, strict=True))
        )

    def energy(self, dtype: torch.dtype, device: torch.device) -> FactorEnergy:
        """The factors as an energy for chains."""
        from harmonium.models.network.energy import FactorEnergy

        key = (dtype, device)
        if key not in self._energies:
            self._energies[key] = FactorEnergy(self.exact, dtype, device)
        return self._energies[key]

    def called(self, variables: Iterable[Name]) -> dict[Name, list[Name]]:
        """Names of the states of those of the `variables` that have them."""
        columns = [self.index[name] for name in variables]
        return {
            self.names[v]: self.states.of(v) for v in columns if self.states.names[v] is not None
        }

    def given(self, known: Mapping[int, int]) -> Given:
        """Exact answers given states by column; the latest are kept."""
        key = (frozenset(known.items()), self.exact.max_memory)
        if key not in self._given:
            if len(self._given) >= _MAX_GIVEN:
                self._given.pop(next(iter(self._given)))
            self._given[key] = Given(self.exact, known)
        return self._given[key]

    def fits(self, known: frozenset[int] = frozenset()) -> bool:
        """Whether exact answers to rows that know these columns fit the memory allowed."""
        try:
            self.exact.plan(known)
        except TooWideError:
            return False
        return True

    def log_weight(self, states: States) -> Array:
        """Sum of log tables for each row of states, float64 ``(n,)``; -inf where forbidden."""
        total = np.zeros(len(states))
        for scope, table in zip(self.exact.scopes, self.exact.log_tables, strict=True):
            total += table[tuple(states[:, v] for v in scope)]
        return total

    def columns(self, assignment: Mapping[Name, Any], what: str) -> dict[int, int]:
        """``{name: state}`` as ``{column: state}``, names and states checked."""
        found = {}
        for name, state in assignment.items():
            if name not in self.index:
                raise ValueError(f"{what}: {name!r} is no variable of this network")
            column = self.index[name]
            found[column] = self.states.number(column, state, f"{what}[{name!r}]")
        return found

    def evidence(self, evidence: Mapping[Name, Any] | None) -> dict[int, int]:
        """What is known, as states by column."""
        if evidence is None:
            return {}
        if not isinstance(evidence, Mapping):
            raise TypeError(f"evidence must be a dictionary {{name: state}}, got {evidence!r}")
        return self.columns(evidence, "evidence")

    def queried(self, variables: Any) -> tuple[int, ...]:
        """Columns of one name or of several."""
        try:
            single = variables in self.index
        except TypeError:
            single = False
        if single or isinstance(variables, str) or not isinstance(variables, Iterable):
            variables = (variables,)
        names = list(variables)
        for i, name in enumerate(names):
            if name not in self.index:
                raise ValueError(f"variables: {name!r} is no variable of this network")
            if name in names[:i]:
                raise ValueError(f"variables: {name!r} is there twice; wanted each name once")
        return tuple(self.index[name] for name in names)

    def in_order(self, X: Any) -> Any:
        """A frame whose columns are the variables' names, as rows in the network's order."""
        columns = getattr(X, "columns", None)
        if columns is None:
            return X
        given = list(columns)
        if len(given) == len(self.names) and set(given) == set(self.names):
            X = X[self.names]
        return as_array(X)

    def check_states(self, table: NDArray[Any], what: str) -> None:
        """Each column's states against its own variable's number of them."""
        for column, size in enumerate(self.exact.sizes):
            high = table[:, column] >= size
            if high.any():
                row = int(np.argmax(high))
                raise ValueError(
                    f"{what}[{row}, {column}] is {table[row, column]:g}; wanted an integer in "
                    f"[0, {size - 1}], the states of {self.names[column]!r}"
                )
