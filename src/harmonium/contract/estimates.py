"""Estimates with their errors: log Z, and expectations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Estimate", "LogZ", "check_history"]


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z in nats.

    Attributes
    ----------
    value : the estimate.
    std_error : its standard error (0.0 when exact).
    method : ``"exact"``, ``"ais"``, ``"raise"`` or ``"trajectory_tempering"``.
    bound : ``"exact"``; ``"lower"`` for AIS (its mean is low, so it flatters the
        log-likelihood); ``"none"`` where neither side is proved (RAISE from draws that are
        not exactly the model's; trajectory tempering).
    status : ``"ok"``, ``"few_effective_chains"``, ``"unproven"`` (RAISE: the error is that of
        the starts given, not of log Z) or ``"nonfinite"``.
    effective_chains : effective number of independent weights (infinite when exact).
    n_chains, n_temperatures : the work done.
    """

    value: float
    std_error: float = 0.0
    method: str = "exact"
    bound: str = "exact"
    status: str = "ok"
    effective_chains: float = math.inf
    n_chains: int = 0
    n_temperatures: int = 0

    def __float__(self) -> float:
        return self.value

    @classmethod
    def from_facts(cls, facts: Any) -> LogZ | None:
        """The estimate that ``vars(estimate)`` was kept of; None for None.

        Raises ``ValueError`` where a field is missing, unknown or of another kind.
        """
        if facts is None:
            return None
        blank = vars(cls(0.0))
        if not isinstance(facts, dict) or set(facts) != set(blank):
            raise ValueError(f"log_partition must have the fields {', '.join(blank)}")
        for name, value in facts.items():
            wanted = type(blank[name])
            numbers = (int, float) if wanted is float else wanted
            if not isinstance(value, numbers) or isinstance(value, bool):
                raise ValueError(f"log_partition: {name} must be {wanted.__name__}, got {value!r}")
        if not math.isfinite(facts["value"]) and facts["status"] == "ok":
            raise ValueError(f"log_partition: value is {facts['value']!r} though its status is ok")
        return cls(**facts)

    @property
    def interval(self) -> tuple[float, float]:
        """A 95% interval, value -/+ 1.96 standard errors; meaningless unless status is ok."""
        return self.value - 1.96 * self.std_error, self.value + 1.96 * self.std_error


@dataclass(frozen=True)
class Estimate:
    """An expectation and how far to trust it.

    Attributes
    ----------
    value : E[f]; a float, or ``(k,)`` where f gives k numbers a row.
    std_error : its standard error, of the same shape; 0.0 when exact; nan when none can be
        given, and ``status`` says why.
    effective_samples : independent draws that would tell as much, of the same shape for chains;
        infinite when exact.
    method : ``"exact"``, ``"gibbs"``, ``"tempered"``, ``"uniform"``, ``"importance"`` or
        ``"sample"``.
    status : ``"ok"``; ``"chains_disagree"`` (R-hat above 1.1); ``"not_stationary"`` (burn-in
        did not end); ``"few_effective_samples"`` (below 10); ``"constant"`` (f was the same in
        every draw, so nothing tells how often it is not).
    r_hat : agreement of the chains, 1 at best, of the same shape; nan without chains.
    n_samples : draws that were averaged.  n_burn_in : sweeps of each chain before them.
    """

    value: Any
    std_error: Any = 0.0
    effective_samples: Any = math.inf
    method: str = "exact"
    status: str = "ok"
    r_hat: Any = math.nan
    n_samples: int = 0
    n_burn_in: int = 0

    def __float__(self) -> float:
        return float(self.value)


def check_history(history: Any) -> dict[str, list[float]]:
    """`history` if it is lists of numbers by name, as a fit records it; else ``ValueError``."""
    if not isinstance(history, dict):
        raise ValueError(f"history must be lists by name, got {type(history).__name__}")
    for name, values in history.items():
        plain = isinstance(values, list) and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in values
        )
        if not plain:
            raise ValueError(f"history: {name} must be a list of numbers")
    return history
