"""A factor: a table of non-negative numbers over a few discrete variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.tables import as_array
from harmonium.models.network.names import Name, check_names, numbered

__all__ = ["Factor"]


class Factor:
    """phi(variables): how well their states go together; 0 forbids a combination.

    Parameters
    ----------
    variables : the variables' names in the order of the table's axes (any hashables, each
        once); one name as text stands for itself. None at all make a constant.
    table : non-negative finite numbers, not all zero: an array or nested lists with an axis a
        variable, each of 1 or more states numbered from 0; or a flat list of n**k numbers for
        k variables of n states, the last variable's state running fastest; or a dictionary
        ``{(state, ...): number}`` with every combination of states.
    log : the numbers are natural logarithms (``-inf`` forbids).
    states : names of the states of some variables, in the table's order:
        ``{variable: [name, ...]}``, any hashables but missing values. Questions, answers,
        rows and a table's keys then have these in place of numbers. One factor of a variable
        may name them for all.

    Attributes
    ----------
    variables : tuple of names.
    log_table : float64, an axis a variable, read-only.
    states : ``{variable: (name, ...)}`` as given.
    """

    __slots__ = ("log_table", "states", "variables")

    variables: tuple[Name, ...]
    states: dict[Name, tuple[Name, ...]]
    log_table: NDArray[np.float64]

    def __init__(
        self,
        variables: Name | Iterable[Name],
        table: Any,
        *,
        log: bool = False,
        states: Mapping[Name, Sequence[Name]] | None = None,
    ) -> None:
        self.variables = _names(variables)
        who = f"table of the factor over {list(self.variables)!r}"
        self.states = check_names(self.variables, states)
        if isinstance(table, Mapping) and self.states:
            table = numbered(self.variables, self.states, table, who)
        values = _array(self.variables, table, who)
        for axis, name in enumerate(self.variables):
            given = self.states.get(name)
            if given is not None and len(given) != values.shape[axis]:
                raise ValueError(
                    f"states[{name!r}] has {len(given)} names, but the table has "
                    f"{values.shape[axis]} states for it; wanted a name for each"
                )
        if log:
            bad = np.isnan(values) | np.isposinf(values)
            wanted, empty = "a finite logarithm or -inf", bool(np.isneginf(values).all())
        else:
            bad = ~(np.isfinite(values) & (values >= 0.0))
            wanted, empty = "a finite number of at least 0", not bool(values.any())
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ValueError(f"{who}: entry {where} is {values[where]}; wanted {wanted}")
        if empty:
            raise ValueError(f"{who} forbids every combination; wanted at least one above zero")
        if not log:
            with np.errstate(divide="ignore"):
                values = np.log(values)
        self.log_table = np.asarray(values, dtype=np.float64)
        self.log_table.flags.writeable = False

    @property
    def table(self) -> NDArray[np.float64]:
        """The numbers themselves, not their logarithms."""
        return np.asarray(np.exp(self.log_table))

    @property
    def n_states(self) -> tuple[int, ...]:
        """The number of states of each variable."""
        return self.log_table.shape

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.n_states)) or "constant"
        return f"Factor({list(self.variables)!r}, {shape})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.variables, self.log_table = state["variables"], state["log_table"]
        self.states = state.get("states", {})  # of before states had names
        self.log_table.flags.writeable = False


def _names(variables: Any) -> tuple[Name, ...]:
    if isinstance(variables, str) or not isinstance(variables, Iterable):
        variables = (variables,)
    names = tuple(variables)
    for i, name in enumerate(names):
        try:
            again = names.index(name)
            hash(name)
        except TypeError:
            raise TypeError(f"variables: {name!r} is not hashable; wanted a name") from None
        if again != i:
            raise ValueError(f"variables: {name!r} is there twice; wanted each name once")
    return names


def _array(variables: tuple[Name, ...], table: Any, who: str) -> NDArray[np.float64]:
    if isinstance(table, Mapping):
        return _from_dictionary(variables, table, who)
    try:
        values = np.array(as_array(table), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{who} must be numbers in a full array, got {table!r}") from None
    k = len(variables)
    if values.ndim == 1 and k > 1:
        n = round(values.size ** (1 / k))
        if n**k != values.size:
            raise ValueError(
                f"{who} has {values.size} numbers in a row, which is no number of states to the "
                f"power of {k}; wanted an array with {k} axes"
            )
        values = values.reshape((n,) * k)
    if values.ndim != k:
        raise ValueError(f"{who} has shape {values.shape}; wanted an axis for each variable")
    for name, size in zip(variables, values.shape, strict=True):
        if size < 1:
            raise ValueError(f"{who} has {size} states for {name!r}; wanted 1 or more")
    return values


def _from_dictionary(
    variables: tuple[Name, ...], table: Mapping[Any, Any], who: str
) -> NDArray[np.float64]:
    entries: dict[tuple[int, ...], float] = {}
    for key, value in table.items():
        states = key if isinstance(key, tuple) else (key,)
        good = len(states) == len(variables) and all(
            isinstance(s, int | np.integer) and not isinstance(s, bool) and s >= 0 for s in states
        )
        if not good:
            raise ValueError(f"{who}: key {key!r} must be {len(variables)} states, integers from 0")
        try:
            entries[tuple(int(s) for s in states)] = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"{who}: entry {key!r} is {value!r}; wanted a number") from None
    if not entries:
        raise ValueError(f"{who} is an empty dictionary; wanted every combination of states")
    shape = tuple(1 + max(axis) for axis in zip(*entries, strict=True))
    if np.prod(shape, dtype=float) != len(entries):
        missing = next(index for index in np.ndindex(*shape) if index not in entries)
        raise ValueError(f"{who} lacks the states {missing}; give every combination, zeros too")
    values = np.empty(shape)
    for states, number in entries.items():
        values[states] = number
    return values
