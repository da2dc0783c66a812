"""Names of variables' states: checked, and between them and numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_integer

__all__ = ["Name", "StateNames", "check_names", "numbered"]

#: What a variable or a state may be called: any hashable value; text, as a rule.
Name: TypeAlias = Hashable


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def check_names(
    variables: Sequence[Name], states: Mapping[Name, Sequence[Name]] | None
) -> dict[Name, tuple[Name, ...]]:
    """`states` of some of the `variables`, each name once."""
    if states is None:
        return {}
    if not isinstance(states, Mapping):
        raise TypeError(f"states must be a dictionary {{variable: [name, ...]}}, got {states!r}")
    found: dict[Name, tuple[Name, ...]] = {}
    for variable, names in states.items():
        if variable not in variables:
            raise ValueError(f"states: {variable!r} is none of the variables {list(variables)!r}")
        if isinstance(names, str) or not isinstance(names, Sequence | np.ndarray):
            raise TypeError(f"states[{variable!r}] must be a list of names, got {names!r}")
        own = tuple(name.item() if isinstance(name, np.generic) else name for name in names)
        if any(_is_missing(name) for name in own) or len(set(own)) < len(own):
            raise ValueError(f"states[{variable!r}] is {list(own)!r}; wanted each name once")
        found[variable] = own
    return found


def numbered(
    variables: Sequence[Name],
    states: Mapping[Name, tuple[Name, ...]],
    table: Mapping[Any, Any],
    who: str,
) -> dict[tuple[Any, ...], Any]:
    """A table ``{(state, ...): number}`` with numbers for the names of states."""
    found: dict[tuple[Any, ...], Any] = {}
    for key, value in table.items():
        given = key if isinstance(key, tuple) and len(variables) != 1 else (key,)
        if len(given) != len(variables):
            raise ValueError(f"{who}: key {key!r} must be {len(variables)} states")
        row = []
        for variable, state in zip(variables, given, strict=True):
            names = states.get(variable)
            if names is not None and state not in names:
                raise ValueError(
                    f"{who}: key {key!r} has {state!r} for {variable!r}; wanted one of "
                    f"{list(names)!r}"
                )
            row.append(state if names is None else names.index(state))
        found[tuple(row)] = value
    return found


class StateNames:
    """What the states of a network's columns are called; those without names are integers from 0.

    Parameters
    ----------
    variables, sizes : of each column its variable and number of states.
    states : names of the states of some variables.
    """

    def __init__(
        self,
        variables: Sequence[Name],
        sizes: Sequence[int],
        states: Mapping[Name, tuple[Name, ...]],
    ) -> None:
        self.variables, self.sizes = list(variables), tuple(sizes)
        self.names = [states.get(variable) for variable in variables]
        self._numbers = [
            None if names is None else {name: i for i, name in enumerate(names)}
            for names in self.names
        ]
        #: Whether any column's states have names.
        self.any = any(names is not None for names in self.names)

    def number(self, column: int, state: Any, what: str) -> int:
        """The number of a state as a user calls it."""
        numbers = self._numbers[column]
        if numbers is None:
            return check_integer(what, state, 0, self.sizes[column] - 1)
        try:
            return numbers[state]
        except (KeyError, TypeError):
            raise ValueError(
                f"{what} must be one of {list(numbers)[:10]!r}, got {state!r}"
            ) from None

    def name(self, column: int, number: int) -> Any:
        """What a user calls a state."""
        names = self.names[column]
        return int(number) if names is None else names[number]

    def of(self, column: int) -> list[Any]:
        """What a user calls all states of a column, in their order."""
        names = self.names[column]
        return list(range(self.sizes[column])) if names is None else list(names)

    def read(self, X: Any, what: str) -> Any:
        """Rows of states as a user calls them, as numbers, NaN where None or NaN; what is no table
        of as many columns as it is, for others to refuse."""
        rows = np.asarray(X, dtype=object)
        if not self.any or rows.ndim != 2 or rows.shape[1] != len(self.names):
            return X
        found = np.empty(rows.shape, dtype=np.float64)
        for column, cells in enumerate(rows.T):
            found[:, column] = [
                np.nan
                if _is_missing(cell)
                else cell
                if self.names[column] is None
                else self.number(column, cell, f"{what}[{row}, {column}]")
                for row, cell in enumerate(cells)
            ]
        return found

    def write(self, states: NDArray[Any]) -> NDArray[Any]:
        """Rows of numbers as a user calls them: objects where any column has names."""
        if not self.any:
            return states
        found = np.empty(states.shape, dtype=object)
        for column in range(states.shape[1]):
            called = np.empty(self.sizes[column], dtype=object)
            called[:] = self.of(column)
            found[:, column] = called[states[:, column].astype(np.intp)]
        return found
