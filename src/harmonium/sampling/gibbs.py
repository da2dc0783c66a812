"""Running chains: sweeps repeated, and means gathered on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from harmonium.contract.energy import Beta, Chains, Energy, Evidence, Generator

__all__ = [
    "RunningMean",
    "Schedule",
    "equilibrate",
    "mean_marginals",
    "mean_states",
    "run_chains",
]


@dataclass(frozen=True)
class Schedule:
    """How long chains run before they answer.

    ``n_lead_in`` sweeps at rising beta lead them in from the base, then ``n_sweeps`` at the
    model are what the answer is made of, by ``n_chains`` chains a row. Where ``n_settle`` is
    given, chains of which anything is known start there instead and settle for so many sweeps.
    """

    n_lead_in: int
    n_sweeps: int
    n_chains: int = 1
    n_settle: int | None = None


class RunningMean:
    """The mean of tensors as they come, float64: an observer of chains that stores no states."""

    def __init__(self, of: Callable[[Chains], Tensor] | None = None) -> None:
        self._of = of
        self._total: Tensor | None = None
        self.n = 0

    def add(self, value: Tensor) -> None:
        """One more tensor of the same shape."""
        self.n += 1
        # A copy: what comes next must not be added to a tensor that the caller keeps.
        self._total = value.double().clone() if self._total is None else self._total.add_(value)

    def __call__(self, chains: Chains) -> None:
        """Observe chains, see :func:`run_chains`."""
        self.add(chains.x if self._of is None else self._of(chains))

    @property
    def value(self) -> Tensor:
        if self._total is None:
            raise ValueError("n_sweeps must be at least 1: there is nothing to average")
        return self._total / self.n


def run_chains(
    energy: Energy,
    chains: Chains,
    n_sweeps: int,
    generator: Generator,
    *,
    beta: Beta = 1.0,
    evidence: Evidence | None = None,
    observe: Callable[[Chains], None] | None = None,
) -> Chains:
    """`n_sweeps` Gibbs sweeps; `observe` sees the chains after each."""
    for _ in range(n_sweeps):
        chains = energy.sweep(chains, generator, beta=beta, evidence=evidence)
        if observe is not None:
            observe(chains)
    return chains


def mean_states(
    energy: Energy,
    chains: Chains,
    n_sweeps: int,
    generator: Generator,
    *,
    evidence: Evidence | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[Tensor, Chains]:
    """E[x_i] of each chain, averaged over `n_sweeps` sweeps; float64, with the chains.

    `progress` is told how many sweeps are done, and nan for a measure.
    """
    mean = RunningMean()
    for done in range(n_sweeps):
        chains, now = energy.sweep_means(chains, generator, evidence)
        mean.add(now)
        if progress is not None:
            progress(done + 1, float("nan"))
    return mean.value, chains


def mean_marginals(
    energy: Energy,
    chains: Chains,
    n_sweeps: int,
    generator: Generator,
    *,
    evidence: Evidence | None = None,
) -> tuple[Tensor, Chains]:
    """P(x_i = state) of each chain, averaged over `n_sweeps` sweeps; float64, with the chains."""
    mean = RunningMean(lambda now: energy.marginals(now, generator, evidence))
    chains = run_chains(energy, chains, n_sweeps, generator, evidence=evidence, observe=mean)
    return mean.value, chains


def equilibrate(
    energy: Energy,
    chains: Chains,
    n_annealed: int,
    n_sweeps: int,
    generator: Generator,
    *,
    evidence: Evidence | None = None,
) -> Chains:
    """Lead chains from the base to the model: `n_annealed` sweeps at rising beta, then
    `n_sweeps` at the model. Clamped and noisy variables keep their evidence all the way."""
    for step in range(n_annealed):
        beta = (step + 1) / n_annealed
        chains = energy.sweep(Chains(chains.x), generator, beta=beta, evidence=evidence)
    return run_chains(energy, chains, n_sweeps, generator, evidence=evidence)
