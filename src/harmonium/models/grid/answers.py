"""Most probable pictures: by minimum cuts where they apply, else by annealing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.random import generator_for
from harmonium.contract.energy import Chains
from harmonium.models.answers import Answerer
from harmonium.models.grid.cuts import expand
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.inside import InsideEnergy
from harmonium.models.question import Question
from harmonium.sampling.modes import climb, height

__all__ = ["Annealing", "GraphCuts"]

_HOTTEST, _COLDEST, _N_COOLING = 2.0, 0.03, 100
#: Pixels annealed at once; smaller images are annealed several times.
_PIXELS_A_RUN = 2**15


class GraphCuts(Answerer):
    """Minimum cuts: the mode of two attracting levels exactly, alpha-expansion for more.

    For images of at most `most_levels` levels: expansion costs a cut a level and round.
    """

    name = "graphcut"
    wants = "a mode, and cliques of pairs (potential='difference')"

    def __init__(self, build: Callable[[], GridEnergy], most_levels: int) -> None:
        self._build, self.most_levels = build, most_levels

    @cached_property
    def energy(self) -> GridEnergy:
        return self._build()

    @cached_property
    def _applies(self) -> bool:
        pairs = all(np.count_nonzero(kernel) == 2 for kernel in self.energy.cliques.filters)
        return pairs and self.energy.n_states <= self.most_levels

    def covers(self, question: Question) -> Tensor:
        can = question.how == "mode" and self._applies
        return torch.full((len(question.start),), can)

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        return expand(self.energy, question.start, question.evidence).double()


def has_maxflow() -> bool:
    """Whether PyMaxflow is there, which cuts need."""
    return find_spec("maxflow") is not None


class Annealing(Answerer):
    """Sweeps of P(x given evidence)**(1/T) as T falls (Geman, Geman 1984), then a climb.

    The best of several runs where images are small, and of the start's own climb.
    """

    name = "annealing"
    wants = "a mode"

    def __init__(self, build: Callable[[], GridEnergy | InsideEnergy]) -> None:
        self._build = build

    @cached_property
    def energy(self) -> GridEnergy | InsideEnergy:
        return self._build()

    def covers(self, question: Question) -> Tensor:
        return torch.full((len(question.start),), question.how == "mode")

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        energy = self.energy
        source = generator_for(energy.device, generator)
        question = question.to(energy.device, energy.dtype)
        n = len(question.start)
        n_runs = int(np.clip(_PIXELS_A_RUN // (n * energy.n_variables), 1, 10))
        many = question.repeated(n_runs)
        chains = Chains(many.start)
        for temperature in np.geomspace(_HOTTEST, _COLDEST, _N_COOLING).tolist():
            colder = energy.tempered(1.0 / temperature)
            evidence = many.evidence.tempered(1.0 / temperature)
            chains = colder.sweep(chains, source, evidence=evidence)
        found = climb(energy, chains.x, many.evidence)
        plain = climb(energy, question.start, question.evidence)
        candidates = torch.cat([found.reshape(n, n_runs, -1), plain.unsqueeze(1)], 1)
        again = question.repeated(n_runs + 1).evidence
        heights = height(energy, candidates.reshape(n * (n_runs + 1), -1), again).reshape(n, -1)
        return candidates[torch.arange(n, device=energy.device), heights.argmax(1)].double().cpu()
