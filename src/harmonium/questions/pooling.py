"""One answer from several imputed tables: Rubin's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harmonium.contract.checks import check_number

__all__ = ["Pooled", "pool"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """What :func:`pool` finds: arrays of the shape of one estimate.

    Attributes
    ----------
    estimate : the mean of the estimates.
    within : the mean of their variances.  between : the variance of the estimates.
    variance : within + (1 + 1/m) between, that of `estimate`.
    degrees_of_freedom : of the t distribution of (estimate - truth) / sqrt(variance).
    low, high : ends of the interval.
    """

    estimate: Array
    within: Array
    between: Array
    variance: Array
    degrees_of_freedom: Array
    low: Array
    high: Array

    @property
    def std_error(self) -> Array:
        """The root of `variance`."""
        return np.asarray(np.sqrt(self.variance))


def pool(
    estimates: Any, variances: Any, *, level: float = 0.95, complete_degrees: float | None = None
) -> Pooled:
    """Pool an estimate made of each of several imputed tables (Rubin 1987, chapter 3).

    Parameters
    ----------
    estimates : ``(m, ...)``: the estimate from each of m >= 2 tables, a number or an array.
    variances : same shape: the square of each estimate's standard error, at least 0.
    level : of the interval, in (0, 1).
    complete_degrees : degrees of freedom that the estimate would have without holes, above 0
        (rows minus parameters): few rows then widen the interval (Barnard, Rubin 1999). None:
        infinite.

    The rules want imputations that vary as much as what is not known does. Draws of one fitted
    model (:meth:`Imputer.draws`) leave out that its parameters are not known exactly: on few
    rows the interval is then somewhat narrow.
    """
    q, u = (
        _numbers(name, own) for name, own in (("estimates", estimates), ("variances", variances))
    )
    if q.shape != u.shape:
        raise ValueError(f"variances must have the shape of estimates {q.shape}, got {u.shape}")
    if q.ndim == 0 or len(q) < 2:
        raise ValueError(f"estimates must be of at least two tables, got shape {q.shape}")
    if (u < 0).any():
        raise ValueError(f"variances must be at least 0, got {u.min()}")
    check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    if complete_degrees is not None:
        check_number("complete_degrees", complete_degrees, 0.0, low_open=True)
    m = len(q)
    estimate, within = q.mean(0), u.mean(0)
    between = q.var(0, ddof=1)
    added = (1 + 1 / m) * between
    variance = within + added
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(variance > 0, added / variance, 0.0)  # of variance owed to holes
        degrees = (m - 1) / share**2
        if complete_degrees is not None:
            n = float(complete_degrees)
            observed = (n + 1) / (n + 3) * n * (1 - share)
            degrees = 1 / (1 / degrees + 1 / observed)
    half = stats.t.ppf((1 + level) / 2, degrees) * np.sqrt(variance)
    return Pooled(estimate, within, between, variance, degrees, estimate - half, estimate + half)


def _numbers(name: str, values: Any) -> Array:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, got {values!r}") from None
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite numbers, got {values!r}")
    return found
