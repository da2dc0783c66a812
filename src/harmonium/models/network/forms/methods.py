"""Networks of common shapes, in files and in pictures, as methods."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from harmonium.models.network.factor import Factor
from harmonium.models.network.forms import shapes, uai
from harmonium.models.network.forms.drawing import Graph
from harmonium.models.network.names import Name
from harmonium.models.network.questions import Questions

__all__ = ["Forms"]


class Forms(Questions):
    """Ways for a network to come and go, other than rows."""

    if TYPE_CHECKING:

        def __init__(self, factors: list[Factor] | None = None) -> None: ...

    @classmethod
    def chain(cls, n: int, pair: Any = None, unary: Any = None, *, n_states: int = 2) -> Self:
        """Variables ``"0"`` to ``"n-1"`` in a row.

        Parameters
        ----------
        n : how many.
        pair : one table ``(k, k)`` for all pairs, or ``(n - 1, k, k)``; None: ones, to be learned.
        unary : one table ``(k,)``, or ``(n, k)``; None: ones.
        n_states : k, where no table tells.
        """
        return cls(shapes.chain_factors(n, pair, unary, n_states))

    @classmethod
    def grid(
        cls,
        height: int,
        width: int,
        pair: Any = None,
        unary: Any = None,
        *,
        n_states: int = 2,
    ) -> Self:
        """Variables ``"row,column"`` of a grid of `height` times `width`, with four neighbours.

        `pair` is one table ``(k, k)``, first the left or upper cell, or ``(n_pairs, k, k)``, those
        side by side first, row by row; `unary` ``(k,)`` or ``(height, width, k)``; None and
        `n_states` are as in :meth:`chain`.
        """
        return cls(shapes.grid_factors(height, width, pair, unary, n_states))

    @classmethod
    def complete_bipartite(cls, W: Any, b: Any, c: Any) -> Self:
        """Binary ``"v0"``... and ``"h0"``...: P(v, h) proportional to exp(v'Wh + b'v + c'h).

        `W` is ``(visible, hidden)``, `b` ``(visible,)``, `c` ``(hidden,)``; finite numbers.
        """
        return cls(shapes.bipartite_factors(W, b, c))

    @classmethod
    def read_uai(cls, path: str | PathLike[str]) -> Self:
        """The network of a UAI file (MARKOV or BAYES); variables are named ``"0"``, ``"1"``..."""
        return cls(uai.read_network(path))

    def to_uai(self, path: str | PathLike[str]) -> None:
        """Write the network as a UAI file (MARKOV), variables numbered as ``variables_``."""
        uai.write_network(path, self._network)

    def read_uai_evidence(self, path: str | PathLike[str]) -> dict[Name, int]:
        """The evidence of a UAI evidence file as ``{name: state}``."""
        return uai.read_evidence(path, self._network)

    def write_uai_evidence(self, path: str | PathLike[str], evidence: Mapping[Name, int]) -> None:
        """Write evidence ``{name: state}`` as a UAI evidence file."""
        uai.write_evidence(path, self._network, evidence)

    def graph(self) -> Graph:
        """The variables' names and which of them each factor joins, to be drawn."""
        return Graph(self._network.names, self._network.exact.scopes)

    def plot(self, path: str | PathLike[str] | None = None, *, ax: Any = None) -> Any:
        """A picture of the network: circles are variables, squares factors.

        Parameters
        ----------
        path : a file for it, whose ending (``.png``, ``.svg``, ``.pdf``) is the format; or None.
        ax : matplotlib axes to draw on; None makes some.

        Returns the axes.
        """
        from harmonium.models.network.forms.drawing import plot_network

        return plot_network(path, self.graph(), ax)
