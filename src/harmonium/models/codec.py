"""Between what a user gives and takes, and the states of an energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.noise import BitFlip, NoiseChannel, Replace, check_channel
from harmonium.data.tables import Table

__all__ = ["Codec", "TableCodec", "ValueCodec"]

Array = NDArray[np.float64]


class Codec(ABC):
    """How rows, pictures or frames are states: one number a variable, NaN where unknown.

    An energy may have variables beside those that a user sees (attributes beside the pixels).
    """

    #: States of each variable that a user sees, and of those that stand beside.
    sizes: tuple[int, ...]
    beside: tuple[int, ...]

    #: Whether what weighs rows takes them sparse.
    of_sparse: bool = False

    @property
    def n_own(self) -> int:
        return len(self.sizes)

    @abstractmethod
    def read(self, X: Any, *, blanks: bool = False) -> Table:
        """Checked rows ``(n, n_own)``, maybe sparse; with `blanks` dense, NaN where unknown."""

    @abstractmethod
    def read_noisy(self, X: Any, noise: Any) -> tuple[Array, NoiseChannel]:
        """Checked readings ``(n, n_own)``, NaN where nothing was read, and their channel."""

    @abstractmethod
    def read_condition(self, condition: Any) -> Array:
        """One checked row ``(n_own,)``, NaN where free; None is free everywhere."""

    @abstractmethod
    def say(self, variable: int, state: float) -> str:
        """A variable and its state, as an error names them to the user."""

    @abstractmethod
    def begin(self, values: Array) -> Array:
        """Where chains start, as ``(n, n_own)``: what is known, a guess for what is not, NaN
        for what is best drawn from the base."""

    @abstractmethod
    def write(self, states: Array, *, mean: bool = False) -> Any:
        """States ``(n, n_own or more)`` as the user has them; `mean`: they are no states."""


class ValueCodec(Codec):
    """A codec whose states stand for values, which have a mean and a spread of their own."""

    @abstractmethod
    def write_marginals(self, shares: Array) -> Any:
        """Means of ``shares (n, n_variables, n_states)`` as the user has them."""

    @abstractmethod
    def state_weights(self, how: str, *, read: bool = False) -> dict[int, Array]:
        """Log weights ``(n_states,)`` that fillings of some variables are chosen by beside the
        model's, where something was `read` or not: -inf for states that none may take."""

    @abstractmethod
    def drawing(self, generator: np.random.Generator) -> ValueCodec:
        """The codec that draws what a state leaves open, rather than take what is typical."""


class TableCodec(Codec):
    """Rows of numbers, as they are.

    `check` makes rows of what a user gives, blanks allowed or not; `check_row` makes one row of
    a condition. `names` are what a user calls the columns; None: their numbers.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        check: Callable[[Any, bool], Table],
        check_row: Callable[[Any], Array],
        beside: tuple[int, ...] = (),
        names: Sequence[Any] | None = None,
        *,
        of_sparse: bool = False,
    ) -> None:
        self.of_sparse = of_sparse
        self.sizes, self.beside, self._names = sizes, beside, names
        self._check, self._check_row = check, check_row

    def read(self, X: Any, *, blanks: bool = False) -> Table:
        return self._check(X, blanks)

    def read_noisy(self, X: Any, noise: Any) -> tuple[Array, NoiseChannel]:
        channel = check_channel(noise, (BitFlip, Replace))
        return np.array(self._check(X, True), dtype=np.float64), channel

    def read_condition(self, condition: Any) -> Array:
        return np.full(self.n_own, np.nan) if condition is None else self._check_row(condition)

    def say(self, variable: int, state: float) -> str:
        names = range(self.n_own) if self._names is None else self._names
        name = names[variable] if variable < self.n_own else variable
        return f"{name!r}: {state:g}"

    def begin(self, values: Array) -> Array:
        return values

    def write(self, states: Array, *, mean: bool = False) -> NDArray[Any]:
        return states[:, : self.n_own]
