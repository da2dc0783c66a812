"""A column of a table as discrete states, with what is inside a state kept beside them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Column", "check_unknown"]

Array = NDArray[np.float64]


def check_unknown(handle_unknown: str) -> None:
    """``ValueError`` unless "error" or "missing"."""
    if handle_unknown not in ("error", "missing"):
        raise ValueError(f"handle_unknown must be 'error' or 'missing', got {handle_unknown!r}")


class Column(ABC):
    """One column: values to states 0..n_states-1 and back. States and numbers are float64."""

    kind: ClassVar[str]
    #: Whether neighbouring states are alike.
    ordered: ClassVar[bool]
    #: Whether values are numbers, so that means of them say something.
    is_number: ClassVar[bool]

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def n_states(self) -> int: ...

    @abstractmethod
    def states(self, values: NDArray[Any], handle_unknown: str = "error") -> Array:
        """The state of each value ``(n,)``, NaN where missing.

        Raises ``ValueError`` naming column, value and row for a category never met, unless
        `handle_unknown` is "missing".
        """

    @abstractmethod
    def values(
        self, states: Array, generator: np.random.Generator | None = None, within: Any = None
    ) -> NDArray[Any]:
        """A value of each state: drawn, or without `generator` a typical one.

        `within` is a condition as :meth:`allowed` takes it; states must be allowed by it.
        """

    @abstractmethod
    def allowed(self, condition: Any) -> tuple[Array, Any]:
        """Log of the share of each state that meets `condition`, and the condition to draw in.

        A value, a list or set of values, or ``(low, high)`` with both ends inside. -inf where
        nothing does; ``ValueError`` where no state does.
        """

    def met(self, values: NDArray[Any]) -> NDArray[Any]:
        """`values` with those missing that are no state of the column."""
        unknown = np.isnan(self.states(values, "missing"))
        if not unknown.any():
            return values
        found = values.copy()
        found[unknown] = np.nan if values.dtype.kind == "f" else None
        return found

    def centres(self) -> Array:
        """The mean value of each state ``(n_states,)``; the state itself where not a number."""
        return np.arange(float(self.n_states))

    def quantile(self, states: Array, u: Array) -> Array:
        """The value below which a share `u` of each state lies, ``(n,)``."""
        return self.centres()[np.asarray(states, dtype=np.int64)]

    def peaks(self) -> Array:
        """Log of the share of each state that its typical value stands for, ``(n_states,)``: all
        of it, where states are the values."""
        return np.zeros(self.n_states)

    def log_density(self, values: NDArray[Any], states: Array) -> Array:
        """Log density of each value given its state, per unit of the column ``(n,)``.

        0 for discrete kinds and where missing.
        """
        return np.zeros(len(states))

    def cell_weights(self, values: NDArray[Any], width: float | None = None) -> Array:
        """Log mass that each state puts on [x - width/2, x + width/2], ``(n, n_states)``.

        -inf where none, 0 in all states where missing. Labels have no width: their state only.
        """
        states = self.states(values)
        weights = np.where(states[:, None] == np.arange(self.n_states), 0.0, -np.inf)
        weights[np.isnan(states)] = 0.0
        return weights

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What :func:`from_facts` needs, as JSON has it."""

    @classmethod
    @abstractmethod
    def from_facts(cls, facts: dict[str, Any]) -> Column:
        """The inverse of :meth:`facts`; ``ValueError`` for facts that cannot be."""

    @abstractmethod
    def describe(self) -> str:
        """What was decided, in a few words."""
