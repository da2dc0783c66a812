"""Most probable states: the best that chains meet, climbed to a local optimum."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.contract.energy import Chains, Energy, Evidence, Generator
from harmonium.sampling.gibbs import equilibrate

__all__ = ["climb", "seek_mode"]

#: Climbs along a run of chains; each starts where the chains then are.
_N_LOOKS = 20
_MAX_STEPS = 100


def climb(energy: Energy, x: Tensor, evidence: Evidence | None = None) -> Tensor:
    """Ascend from each row until nothing changes: a local mode of P(x given evidence)."""
    for _ in range(_MAX_STEPS):
        higher = energy.ascend(x, evidence)
        if torch.equal(higher, x):
            break
        x = higher
    return x


def seek_mode(
    energy: Energy,
    chains: Chains,
    n_annealed: int,
    n_sweeps: int,
    generator: Generator,
    evidence: Evidence | None = None,
) -> Tensor:
    """The most probable state found for each row, by climbing from along a run of chains.

    The first climb starts at the rows as they are given. No guarantee beyond a local optimum.
    """
    weigh = _Weigher(energy, evidence)
    best = climb(energy, chains.x, evidence)
    height = weigh(best)
    chains = equilibrate(energy, chains, n_annealed, 0, generator, evidence=evidence)
    for _ in range(_N_LOOKS):
        chains = equilibrate(
            energy, chains, 0, max(1, n_sweeps // _N_LOOKS), generator, evidence=evidence
        )
        found = climb(energy, chains.x, evidence)
        value = weigh(found)
        better = value > height
        best = torch.where(better.unsqueeze(1), found, best)
        height = torch.where(better, value, height)
    return best


class _Weigher:
    """log P(x given evidence) up to a constant a row."""

    def __init__(self, energy: Energy, evidence: Evidence | None) -> None:
        self.energy, self.evidence = energy, evidence

    def __call__(self, x: Tensor) -> Tensor:
        extra = 0.0 if self.evidence is None else self.evidence.log_weight(x)
        return self.energy.log_weight(x) + extra
