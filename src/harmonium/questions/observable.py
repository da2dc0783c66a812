"""A user's function of rows, its numbers checked on the way in and shaped on the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.estimates import Estimate, Status
from harmonium.contract.warning import warn_caller
from harmonium.sampling.importance import Weighted

__all__ = ["Observable"]

Array: TypeAlias = NDArray[np.float64]


class Observable:
    """f of rows as ``(n, k)`` numbers of `x`; estimates of it in the shape that f gave.

    `rows` turns what is drawn into the rows that f takes.
    """

    def __init__(self, f: Callable[[Any], Any], rows: Callable[[Any], Any]) -> None:
        self.f = f
        self.rows = rows
        self.scalar = True

    def __call__(self, x: Any) -> Array:
        n = len(x)
        try:
            values = np.asarray(self.f(self.rows(x)), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"f must map rows to numbers, but failed: {error}") from error
        if values.ndim not in (1, 2) or len(values) != n:
            raise ValueError(
                f"f must give shape (n,) or (n, k) for n rows, got {values.shape} for {n} rows"
            )
        if not np.isfinite(values).all():
            raise ValueError("f must give finite numbers, got nan or infinity")
        self.scalar = values.ndim == 1
        return values.reshape(n, -1)

    def exact(self, value: Array, **facts: Any) -> Estimate:
        """The truth: no error."""
        return self._shaped(value, np.zeros_like(value), method="exact", **facts)

    def estimate(
        self, value: Array, error: Array, method: str, status: Status, **facts: Any
    ) -> Estimate:
        """An estimate, with a warning in place of an error bar that nobody should believe."""
        if status is Status.CONSTANT:
            error = np.where(error == 0, np.nan, error)
        elif status is not Status.OK:
            error = np.full_like(error, np.nan)
            warn_caller(
                f"method={method!r}: no error bar can be given ({status}). {status.sentence}",
                RuntimeWarning,
            )
        return self._shaped(value, error, method=method, status=status, **facts)

    def weighted(self, found: Weighted, method: str, n_samples: int) -> Estimate:
        """What weighted draws say."""
        return self.estimate(
            found.value,
            found.error,
            method,
            found.status,
            effective_samples=found.effective,
            n_samples=n_samples,
            pareto_k=found.pareto_k,
        )

    def _shaped(self, value: Array, error: Array, **facts: Any) -> Estimate:
        def shaped(figure: Any) -> Any:
            if not isinstance(figure, np.ndarray):
                return figure
            return float(figure[0]) if self.scalar else figure

        return Estimate(shaped(value), shaped(error), **{k: shaped(v) for k, v in facts.items()})
