"""Which pairs of variables are coupled, as a user says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_graph", "edges_of", "every_pair"]

NAMED = ("complete", "semi-restricted", "sparse")


def check_graph(name: str, value: Any) -> None:
    """A name, pairs, or a graph with ``edges`` (networkx)."""
    if isinstance(value, str):
        if value not in NAMED:
            raise ValueError(
                f"{name} must be {', '.join(map(repr, NAMED))}, pairs of columns or a networkx "
                f"graph, got {value!r}"
            )
        return
    _pairs(value)


def _pairs(graph: Any) -> list[tuple[Any, Any]]:
    try:
        pairs = [tuple(pair)[:2] for pair in getattr(graph, "edges", graph)]
        if any(len(pair) != 2 for pair in pairs):
            raise TypeError
    except TypeError:
        raise TypeError(f"graph must hold pairs of columns, got {graph!r}") from None
    return pairs  # type: ignore[return-value]


def edges_of(graph: Any, names: Sequence[Any], n_hidden: int = 0) -> NDArray[np.int64] | None:
    """Pairs ``(n_edges, 2)``, i < j, in order; None for all. A node is a column's number or, of a
    frame, its name; `names` are in the order of the variables, the last `n_hidden` being hidden
    units, and numbers that of `names`.

    Raises ``ValueError`` for a node that is no column, and for a self-loop.
    """
    if isinstance(graph, str):
        if graph != "semi-restricted" or n_hidden < 2:
            return None
        pairs = every_pair(len(names))
        return pairs[pairs[:, 0] < len(names) - n_hidden]
    number = {name: i for i, name in enumerate(names)}
    found = set()
    for pair in _pairs(graph):
        ends = [_node(node, number, len(names)) for node in pair]
        if ends[0] == ends[1]:
            raise ValueError(f"graph: {pair!r} couples a column to itself")
        found.add((min(ends), max(ends)))
    for node in getattr(graph, "nodes", ()):
        _node(node, number, len(names))
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def _node(node: Any, number: dict[Any, int], n: int) -> int:
    if isinstance(node, str) and node in number:
        return number[node]
    whole = isinstance(node, int | np.integer) and not isinstance(node, bool)
    if whole and not any(isinstance(name, str) for name in number) and 0 <= node < n:
        return int(node)
    known = ", ".join(repr(name) for name in list(number)[:5])
    raise ValueError(f"graph: {node!r} is none of the {n} columns ({known}{', ...' * (n > 5)})")


def every_pair(n: int) -> NDArray[np.int64]:
    """All i < j, ``(n (n - 1) / 2, 2)``."""
    return np.stack(np.triu_indices(n, 1), axis=1)
