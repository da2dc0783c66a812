"""Draws of whole rows by a population of weighed chains."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.random import generator_for
from harmonium.compute.threads import threads_for
from harmonium.contract.energy import Energy
from harmonium.contract.estimates import LogZ, Status
from harmonium.contract.warning import warn_caller
from harmonium.models.answers import Answerer
from harmonium.models.question import Question
from harmonium.sampling.paths import raised
from harmonium.sampling.population import Way, drawn_along

__all__ = ["Population"]

#: Chains led together: each population has the shares of modes to within its own size.
_MOST_CHAINS = 8192


class Population(Answerer):
    """Draws of rows of which nothing is known, each mode as often as it weighs, to within what a
    run of annealed importance sampling can tell; it says so where that is little.

    Parameters
    ----------
    build : gives the energy that is drawn from, and the way to it.
    near : log Z by draws near rows learned from, where it is known: above what the chains find,
        they miss modes.
    """

    name = "population"
    wants = "draws of rows of which nothing is known"

    def __init__(self, build: Callable[[], tuple[Energy, Way]], near: LogZ | None = None) -> None:
        self._build, self._near = build, near

    def covers(self, question: Question) -> Tensor:
        wanted = question.how == "sample" and question.evidence.readings is None
        return question.free.all(1) & wanted

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        energy, way = self._build()
        source = generator_for(energy.device, generator)
        rows = torch.arange(len(question.start) * question.n_draws)
        parts, found = [], []
        # Even parts: one of what is left over would be a small population.
        for part in torch.tensor_split(rows, max(1, -(-len(rows) // _MOST_CHAINS))):
            with threads_for(len(part), energy):
                x, log_z = drawn_along(energy, way, len(part), source)
            parts.append(x.double().cpu())
            found.append(log_z)
        _tell(_pooled(found), self._near)
        return torch.cat(parts)


def _pooled(each: list[LogZ]) -> LogZ:
    """What several populations found together; of one that did not come to all that weighs, that
    alone."""
    few = [one for one in each if one.status is not Status.OK]
    if few or len(each) == 1:
        return (few or each)[0]
    return replace(
        each[0],
        value=float(np.logaddexp.reduce([one.value for one in each]) - math.log(len(each))),
        std_error=math.hypot(*(one.std_error for one in each)) / len(each),
        effective_chains=sum(one.effective_chains for one in each),
        n_chains=sum(one.n_chains for one in each),
    )


def _tell(found: LogZ, near: LogZ | None) -> None:
    """Warn where chains did not come to all that weighs."""
    if (known := raised(found, near)) is not found:
        warn_caller(
            "draws may not follow the model (missed_states): chains found log Z "
            f"{found.value:.2f}, draws near rows learned from {known.value:.2f}: modes are missing",
            RuntimeWarning,
        )
    elif found.status is not Status.OK:
        warn_caller(
            f"draws may not follow the model ({found.status}): {found.effective_chains:.1f} of "
            f"{found.n_chains} chains count",
            RuntimeWarning,
        )
