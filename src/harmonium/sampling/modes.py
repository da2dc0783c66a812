"""Most probable states: the best that chains meet, climbed to a local optimum."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from harmonium.contract.energy import Chains, Energy, Evidence, Generator
from harmonium.sampling.gibbs import Schedule, equilibrate

__all__ = ["Hill", "climb", "height", "seek_mode"]

#: Climbs along a run of chains; each starts where the chains then are.
_N_LOOKS = 20
_MAX_STEPS = 100


class Hill(Protocol):
    """What is climbed: an energy, or one with some of its variables summed out."""

    def log_weight(self, x: Tensor) -> Tensor: ...

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor: ...


def climb(hill: Hill, x: Tensor, evidence: Evidence | None = None) -> Tensor:
    """Ascend from each row until nothing changes: a local mode of P(x given evidence)."""
    for _ in range(_MAX_STEPS):
        higher = hill.ascend(x, evidence)
        if torch.equal(higher, x):
            break
        x = higher
    return x


def height(hill: Hill, x: Tensor, evidence: Evidence | None = None) -> Tensor:
    """log P(x given evidence) up to a constant a row, float64 ``(n,)``."""
    weight = hill.log_weight(x)
    return weight if evidence is None else weight + evidence.log_weight(x)


def seek_mode(
    energy: Energy,
    chains: Chains,
    schedule: Schedule,
    generator: Generator,
    evidence: Evidence | None = None,
    hill: Hill | None = None,
) -> Tensor:
    """The most probable state found for each row, by climbing from along a run of chains.

    The first climb starts at the rows as they are given. `hill` is climbed in place of the
    energy whose chains run. No guarantee beyond a local optimum.
    """
    goal: Hill = energy if hill is None else hill
    best = climb(goal, chains.x, evidence)
    peak = height(goal, best, evidence)
    chains = equilibrate(energy, chains, schedule.n_lead_in, 0, generator, evidence=evidence)
    for _ in range(_N_LOOKS):
        chains = equilibrate(
            energy, chains, 0, max(1, schedule.n_sweeps // _N_LOOKS), generator, evidence=evidence
        )
        found = climb(goal, chains.x, evidence)
        value = height(goal, found, evidence)
        better = value > peak
        best = torch.where(better.unsqueeze(1), found, best)
        peak = torch.where(better, value, peak)
    return best
