"""Running chains: sweeps repeated, and means gathered on the way."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from harmonium.contract.energy import Beta, Chains, Energy, Evidence, Generator

__all__ = ["equilibrate", "mean_marginals", "run_chains"]


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


def mean_marginals(
    energy: Energy,
    chains: Chains,
    n_sweeps: int,
    generator: Generator,
    *,
    evidence: Evidence | None = None,
) -> tuple[Tensor, Chains]:
    """P(x_i = state) of each chain, averaged over `n_sweeps` sweeps; float64, with the chains."""
    total: Tensor | None = None
    for _ in range(n_sweeps):
        chains = energy.sweep(chains, generator, evidence=evidence)
        now = energy.marginals(chains, generator, evidence).double()
        total = now if total is None else total.add_(now)
    if total is None:
        raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
    return total / n_sweeps, chains


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
