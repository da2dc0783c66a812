"""Factors of networks of common shapes: chains, grids, complete bipartite graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_integer
from harmonium.models.network.factor import Factor

__all__ = ["bipartite_factors", "chain_factors", "grid_factors"]


def chain_factors(n: int, pair: Any, unary: Any, n_states: int) -> list[Factor]:
    """A factor for each variable and each neighbouring pair of a chain of `n`.

    Parameters
    ----------
    pair : one table ``(k, k)`` for all pairs, or ``(n - 1, k, k)``; None: ones, to be learned.
    unary : one table ``(k,)``, or ``(n, k)``; None: ones.
    n_states : k, where no table tells.
    """
    n = check_integer("n", n, 1)
    return _lattice([str(i) for i in range(n)], _row_pairs(1, n), pair, unary, n_states)


def grid_factors(height: int, width: int, pair: Any, unary: Any, n_states: int) -> list[Factor]:
    """A factor for each cell and for each pair of cells side by side or one above the other.

    Parameters
    ----------
    pair : one table ``(k, k)`` for all pairs, first the left or upper cell; or one a pair,
        ``(n_pairs, k, k)``, side-by-side pairs first, then upper-lower ones, each row by row.
        None: ones, to be learned.
    unary : one table ``(k,)``, or ``(height, width, k)``; None: ones.
    n_states : k, where no table tells.
    """
    height, width = check_integer("height", height, 1), check_integer("width", width, 1)
    names = [f"{y},{x}" for y in range(height) for x in range(width)]
    below = [(i, i + width) for i in range((height - 1) * width)]
    if unary is not None and np.ndim(unary) == 3:
        unary = np.asarray(unary)
        if unary.shape[:2] != (height, width):
            raise ValueError(f"unary has shape {unary.shape}; wanted ({height}, {width}, states)")
        unary = unary.reshape(height * width, -1)
    return _lattice(names, _row_pairs(height, width) + below, pair, unary, n_states)


def _row_pairs(height: int, width: int) -> list[tuple[int, int]]:
    return [(y * width + x, y * width + x + 1) for y in range(height) for x in range(width - 1)]


def _lattice(
    names: list[str], pairs: list[tuple[int, int]], pair: Any, unary: Any, n_states: int
) -> list[Factor]:
    if pair is not None:
        n_states = np.shape(pair)[-1] if np.ndim(pair) else 0
    elif unary is not None:
        n_states = np.shape(unary)[-1] if np.ndim(unary) else 0
    else:
        n_states = check_integer("n_states", n_states, 2)
    edges = _tables("pair", pair, len(pairs), (n_states, n_states))
    nodes = _tables("unary", unary, len(names), (n_states,))
    factors = [Factor([name], table) for name, table in zip(names, nodes, strict=True)]
    return factors + [
        Factor([names[i], names[j]], table) for (i, j), table in zip(pairs, edges, strict=True)
    ]


def _tables(name: str, given: Any, n: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if given is None:
        return np.ones((n, *shape))
    try:
        tables = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {given!r}") from None
    if tables.shape not in (shape, (n, *shape)):
        raise ValueError(f"{name} has shape {tables.shape}; wanted {shape} or {(n, *shape)}")
    return np.broadcast_to(tables, (n, *shape))


def bipartite_factors(W: Any, b: Any, c: Any) -> list[Factor]:
    """exp(b_i v_i), exp(c_j h_j) and exp(W_ij v_i h_j) as tables over binary v_i and h_j."""
    weights, visible, hidden = (np.asarray(part, dtype=np.float64) for part in (W, b, c))
    if weights.ndim != 2 or 0 in weights.shape:
        raise ValueError(f"W has shape {weights.shape}; wanted (visible, hidden)")
    for name, part, size in (("b", visible, len(weights)), ("c", hidden, weights.shape[1])):
        if part.shape != (size,):
            raise ValueError(f"{name} has shape {part.shape}; wanted ({size},) beside W")
    for name, part in (("W", weights), ("b", visible), ("c", hidden)):
        if not np.isfinite(part).all():
            raise ValueError(f"{name} must be finite numbers, got {part[~np.isfinite(part)][0]}")
    factors = [Factor([f"v{i}"], [0.0, bias], log=True) for i, bias in enumerate(visible)]
    factors += [Factor([f"h{j}"], [0.0, bias], log=True) for j, bias in enumerate(hidden)]
    return factors + [
        Factor([f"v{i}", f"h{j}"], [[0.0, 0.0], [0.0, weights[i, j]]], log=True)
        for i in range(len(visible))
        for j in range(len(hidden))
    ]
