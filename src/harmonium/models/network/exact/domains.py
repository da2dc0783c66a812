"""Arithmetic of tables: plain products summed, products as logarithms summed, or maximised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINEAR", "LOG", "MAX", "Array", "Domain", "finite"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Domain:
    """How tables are multiplied and how a variable is taken out.

    ``reduce`` takes axis 0 out of a table, which it may overwrite. ``rescale`` brings what is
    left, in place, to a largest entry that stands for 1, and returns the log of the scale.
    ``conditional`` gives P(axis 0 given the rest) from a table and its rescaled message and log
    scale; where the message is zero it gives zero. ``weights`` gives numbers proportional to
    probabilities along axis 0.
    """

    combine: np.ufunc
    reduce: Callable[[Array], Array]
    rescale: Callable[[Array], float]
    conditional: Callable[[Array, Array, float], Array]
    weights: Callable[[Array], Array]
    #: log of an entry of a final table.
    log: Callable[[Array], Array]
    from_log: Callable[[Array], Array]


def _sum_linear(table: Array) -> Array:
    return np.asarray(np.add.reduce(table, axis=0))


def _rescale_linear(message: Array) -> float:
    scale = float(message.max())
    if scale == 0.0:
        return 0.0
    message /= scale
    return float(np.log(scale))


def _conditional_linear(table: Array, message: Array, log_scale: float) -> Array:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = np.exp(-log_scale) / message
    return table * np.where(message > 0.0, inverse, 0.0)


def finite(peaks: Array) -> Array:
    """Peaks with -inf replaced, so that subtracting them leaves -inf rather than NaN."""
    return np.where(np.isneginf(peaks), 0.0, peaks)


def _rescale_log(message: Array) -> float:
    scale = float(message.max())
    if not np.isfinite(scale):
        return 0.0
    message -= scale
    return scale


def _sum_log(table: Array) -> Array:
    peaks = finite(np.maximum.reduce(table, axis=0))
    table -= peaks
    np.exp(table, out=table)
    message = np.add.reduce(table, axis=0)
    with np.errstate(divide="ignore"):
        message = np.log(message)
    return np.asarray(message + peaks)


def _max_log(table: Array) -> Array:
    return np.asarray(np.maximum.reduce(table, axis=0))


def _conditional_log(table: Array, message: Array, log_scale: float) -> Array:
    return np.exp(table - (finite(message) + log_scale))


def _weights_log(table: Array) -> Array:
    return np.exp(table - finite(np.maximum.reduce(table, axis=0)))


def _log(table: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(table)


def _same(table: Array) -> Array:
    return table


#: Sums of plain products: the fastest, where no entry can leave the range of a double.
LINEAR = Domain(np.multiply, _sum_linear, _rescale_linear, _conditional_linear, _same, _log, np.exp)
#: Sums of products kept as logarithms: any range.
LOG = Domain(np.add, _sum_log, _rescale_log, _conditional_log, _weights_log, _same, _same)
#: Maxima of products kept as logarithms.
MAX = Domain(np.add, _max_log, _rescale_log, _conditional_log, _weights_log, _same, _same)
