"""Estimates with their errors: log Z, and expectations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from itertools import islice
from typing import Any, Self

import numpy as np

__all__ = ["Bound", "Estimate", "LogZ", "Status", "check_history"]


class _Word(StrEnum):
    """A word with its sentence; equal to, and printed as, the plain word."""

    sentence: str

    def __new__(cls, word: str, sentence: str = "") -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.sentence = sentence
        return member

    def __repr__(self) -> str:
        return repr(self.value)


class Status(_Word):
    """Whether an estimate's error bar may be believed, or why not."""

    OK = "ok", "Nothing speaks against the error bar."
    NONFINITE = "nonfinite", "Some weight is not a finite number."
    FEW_EFFECTIVE_CHAINS = (
        "few_effective_chains",
        "The weights of fewer than 10 chains make up the estimate.",
    )
    UNPROVEN = "unproven", "Nothing shows how far from the truth the figure is."
    FEW_EFFECTIVE_SAMPLES = (
        "few_effective_samples",
        "The draws tell no more than fewer than 10 independent ones.",
    )
    HEAVY_WEIGHTS = (
        "heavy_weights",
        "The largest weights have so heavy a tail that their spread says nothing of the error.",
    )
    MISSED_STATES = (
        "missed_states",
        "Probable states were found where no draw, or hardly one, has fallen.",
    )
    CHAINS_DISAGREE = (
        "chains_disagree",
        "Chains that began apart have not come to the same answer.",
    )
    NOT_STATIONARY = "not_stationary", "The chains were still drifting when they were stopped."
    NOT_CONVERGED = "not_converged", "The messages had not settled when they were stopped."
    STRONG_LOOPS = (
        "strong_loops",
        "Settled messages need not be near the marginals where loops couple this strongly.",
    )
    CONSTANT = (
        "constant",
        "The function was the same in every draw, so nothing tells how often it is not.",
    )


class Bound(_Word):
    """On which side of the truth an estimate falls."""

    EXACT = "exact", "The figure is the truth, but for rounding."
    LOWER = "lower", "Too low on average, so log-likelihoods made with it are too high."
    UPPER = "upper", "Too high on average, so log-likelihoods made with it are too low."
    NONE = "none", "On neither side for certain."


def _figure(value: float, error: float) -> str:
    """A number with its error: two decimals, or as many as show the error's first digit."""
    if error == 0.0:
        return f"{value:.4f}"
    seen = error if 0.0 < error < math.inf else 1.0
    decimals = min(max(2, -math.floor(math.log10(seen))), 9)
    return f"{value:.{decimals}f} +- {error:.{decimals}f}"


def _page(what: str, figure: str, words: dict[str, str]) -> str:
    """An estimate as a small table for notebooks."""
    lines = [(what, figure), *words.items()]
    cells = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in lines)
    return f"<table>{cells}</table>"


#: So many figures of an estimate of several are written out.
_SHOWN = 6


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z in nats.

    Attributes
    ----------
    value : the estimate.
    std_error : its standard error (0.0 when exact).
    method : ``"exact"``; ``"ais"`` annealed importance sampling; ``"raise"`` its reverse;
        ``"trajectory"`` particles that followed the fit; ``"trajectory_tempering"`` chains on
        a ladder of models; ``"near_rows"`` draws near rows learned from, where they found more
        than annealing.
    bound : :class:`Bound`: ``"exact"``; ``"lower"`` for AIS and particles (their mean is low,
        which flatters the log-likelihood); ``"none"`` where neither side is proved (RAISE from
        draws that are not exactly the model's; trajectory tempering; the higher of two estimates
        by AIS that differ; what is not finite).
    status : :class:`Status`: ``"ok"``, ``"few_effective_chains"``, ``"missed_states"`` (a
        check from another base found more than this one), ``"unproven"`` (RAISE: the error is
        that of the starts given, not of log Z) or ``"nonfinite"``.
    effective_chains : effective number of independent weights (infinite when exact).
    n_chains, n_temperatures : the work done.

    Words may be given as plain text; ``ValueError`` for one that is no bound or no status.
    """

    value: float
    std_error: float = 0.0
    method: str = "exact"
    bound: Bound = Bound.EXACT
    status: Status = Status.OK
    effective_chains: float = math.inf
    n_chains: int = 0
    n_temperatures: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", Bound(self.bound))
        object.__setattr__(self, "status", Status(self.status))

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{_figure(self.value, self.std_error)} ({self.method}, {self.status})"

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        words = {"bound": f"{self.bound}: {self.bound.sentence}"} if self.std_error else {}
        return _page("log Z", str(self), {"status": self.status.sentence, **words})

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
            wanted = str if isinstance(blank[name], str) else type(blank[name])
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
    status : :class:`Status`: ``"ok"``; ``"chains_disagree"`` (R-hat above 1.1);
        ``"not_stationary"`` (burn-in did not end); ``"few_effective_samples"`` (below 10);
        ``"heavy_weights"`` and ``"missed_states"`` (importance sampling that tells little or
        nothing); ``"nonfinite"`` (a weight is no number); ``"constant"`` (f was the same in every
        draw, so nothing tells how often it is not).
    r_hat : agreement of the chains, 1 at best, of the same shape; nan without chains.
    n_samples : draws that were averaged.  n_burn_in : sweeps of each chain before them.
    pareto_k : shape of the largest weights' tail (Vehtari, Simpson, Gelman, Yao, Gabry 2024);
        nan without weights.
    """

    value: Any
    std_error: Any = 0.0
    effective_samples: Any = math.inf
    method: str = "exact"
    status: Status = Status.OK
    r_hat: Any = math.nan
    n_samples: int = 0
    n_burn_in: int = 0
    pareto_k: Any = math.nan

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        """``99.10 +- 0.01 (gibbs, ok)``; of several figures the first ones."""
        return f"{self._figures()} ({self.method}, {self.status})"

    def _figures(self) -> str:
        values, errors = np.asarray(self.value, float), np.asarray(self.std_error, float)
        if not values.ndim:
            return _figure(float(values), float(errors))
        pairs = zip(values.ravel(), np.broadcast_to(errors, values.shape).ravel(), strict=True)
        shown = [_figure(*pair) for pair in islice(pairs, _SHOWN)]
        return f"[{', '.join(shown)}{', ...' if values.size > _SHOWN else ''}]"

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        words = {"status": self.status.sentence}
        if self.method != "exact":
            fewest = float(np.min(self.effective_samples))
            words["effective samples"] = f"{fewest:,.0f} of {self.n_samples:,}"
        return _page("E[f]", str(self), words)


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
