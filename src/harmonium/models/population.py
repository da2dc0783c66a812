"""Draws of whole rows by a population of weighed chains."""

from __future__ import annotations

from collections.abc import Callable

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
        parts = []
        for rows in torch.split(torch.arange(len(question.start) * question.n_draws), _MOST_CHAINS):
            with threads_for(len(rows), energy):
                x, log_z = drawn_along(energy, way, len(rows), source)
            parts.append(x.double().cpu())
        _tell(raised(log_z, self._near), log_z)
        return torch.cat(parts)


def _tell(known: LogZ, found: LogZ) -> None:
    """Warn where chains did not come to all that weighs."""
    if known is not found:
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
