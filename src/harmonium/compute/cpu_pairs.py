"""What pairs of columns weigh together beside the rest of a row, hidden units summed out.

Of hidden units of 0 or 1 the sum over units of softplus(t) is the log of a product of 1 + exp(t),
and t of a pair's states is a sum of three: a row's rest, and what either state adds. So a state
costs one multiplication and one addition a unit, and a logarithm only as often as the product
would leave the range of numbers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["add_pair_tables"]

#: Products are kept above exp(-this) by taking their logarithm in time.
_DEEPEST = 600.0
#: Factors are at most 2.
_MOST_FACTORS = 500
_LEAST = 1e-300


@njit(inline="always")
def _flush(product, table, n_first, n_second):  # type: ignore[no-untyped-def]
    for a in range(n_first):
        for b in range(n_second):
            table[a, b] += np.log(product[a, b])
            product[a, b] = 1.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def add_pair_tables(logits, x, first, second, table):  # type: ignore[no-untyped-def]
    """Add to ``table (k_i, k_j)`` the log weight of each pair of states of two columns, the mean
    over rows, up to what the table's double differences do not see.

    ``logits (n, h)`` are hidden units' inputs of rows whose states of the two columns are
    ``x (n, 2)``; ``first (h, k_i)`` and ``second (h, k_j)`` are weights of the columns' states.
    """
    n, n_hidden = logits.shape
    n_first, n_second = first.shape[1], second.shape[1]
    own, other = np.empty((n_hidden, n_first)), np.empty((n_hidden, n_second))
    top = np.empty(n_hidden)
    for h in range(n_hidden):
        most, beside = first[h].max(), second[h].max()
        top[h] = most + beside
        for a in range(n_first):
            own[h, a] = np.exp(first[h, a] - most)
        for b in range(n_second):
            other[h, b] = np.exp(second[h, b] - beside)
    product, found = np.ones((n_first, n_second)), np.zeros((n_first, n_second))
    for row in range(n):
        deep, n_factors = 0.0, 0
        for h in range(n_hidden):
            # The largest t of the pair; all factors are divided by its exponential, if it is one.
            rest = logits[row, h] - first[h, x[row, 0]] - second[h, x[row, 1]] + top[h]
            shift = max(rest, 0.0)
            if deep + shift > _DEEPEST or n_factors == _MOST_FACTORS:
                _flush(product, found, n_first, n_second)
                deep, n_factors = 0.0, 0
            one, scale = max(np.exp(-shift), _LEAST), np.exp(rest - shift)
            deep += shift
            n_factors += 1
            beside = other[h]
            for a in range(n_first):
                factor, line = scale * own[h, a], product[a]
                for b in range(n_second):
                    line[b] *= one + factor * beside[b]
        _flush(product, found, n_first, n_second)
    for a in range(n_first):
        for b in range(n_second):
            table[a, b] += found[a, b] / n
