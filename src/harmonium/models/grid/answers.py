"""Answers about unknown pixels: posterior draws and means by Gibbs chains, modes by search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from harmonium.compute.progress import stage_bar
from harmonium.contract.energy import Chains
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.readings import Readings
from harmonium.sampling.gibbs import equilibrate, run_chains
from harmonium.sampling.modes import climb

if TYPE_CHECKING:
    from harmonium.models.grid.model import GridMRF

__all__ = ["Question", "answer"]

#: Levels up to which search="auto" cuts graphs; alpha-expansion costs a cut a level and round.
_MAX_CUT_LEVELS = 16
_HOTTEST, _COLDEST, _N_COOLING = 2.0, 0.03, 100
#: Pixels annealed at once; smaller images are annealed several times.
_PIXELS_A_RUN = 2**15


@dataclass
class Question:
    """Unknown pixels: where to start ``(n, V)`` float32, and what is known of them."""

    start: Tensor
    evidence: Readings

    @classmethod
    def of_blanks(cls, known: NDArray[np.float64], energy: GridEnergy) -> Question:
        """NaN pixels are free; a chain starts with each at its nearest known pixel's level."""
        blank = np.isnan(known)
        start = np.where(blank, 0.0, known)
        for row, free in zip(start, blank, strict=True):
            if free.any() and not free.all():
                shape = energy.shape
                nearest = distance_transform_edt(
                    free.reshape(shape), return_distances=False, return_indices=True
                )
                row[:] = row.reshape(shape)[tuple(nearest)].reshape(-1)
        return cls(torch.from_numpy(start).float(), Readings(free=torch.from_numpy(blank)))

    @classmethod
    def of_readings(
        cls, readings: NDArray[np.float64], evidence: Readings, energy: GridEnergy
    ) -> Question:
        """A chain starts at the readings themselves, rounded to levels."""
        nearest = cls.of_blanks(readings, energy).start
        return cls(nearest.round().clamp(0, energy.n_states - 1), evidence)

    def repeated(self, n: int) -> Question:
        """Each row `n` times."""
        index = torch.arange(len(self.start)).repeat_interleave(n)
        return Question(self.start[index], self.evidence.select(index))


def answer(
    model: GridMRF,
    energy: GridEnergy,
    question: Question,
    how: str,
    search: str,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Fill the free pixels of every row: ``(n, V)`` float64."""
    free = question.evidence.free
    assert free is not None
    unread = question.evidence.rows is None and bool(free.all(1).any())
    if how == "mode":
        return _mode(energy, question, search, generator).double().numpy()
    if how == "sample":
        chains = _begin(model, energy, question, generator, unread)
        chains = run_chains(energy, chains, model._averaged, generator, evidence=question.evidence)
        return chains.x.double().numpy()
    many = question.repeated(model._n_answer_chains)
    chains = _begin(model, energy, many, generator, unread)
    total = torch.zeros(chains.x.shape, dtype=torch.float64)
    with stage_bar(model.verbose, "posterior mean", model._averaged) as show:
        for done in range(model._averaged):
            chains, means = energy.sweep_means(chains, generator, many.evidence)
            total += means
            if show is not None:
                show(done + 1, float("nan"))
    total /= model._averaged
    mean = total.reshape(-1, model._n_answer_chains, energy.n_variables).mean(1)
    return torch.where(free, mean, question.start.double()).numpy()


def _begin(
    model: GridMRF,
    energy: GridEnergy,
    question: Question,
    generator: np.random.Generator,
    unread: bool,
) -> Chains:
    """Chains led in: from the easy end where nothing is known, else from where they start."""
    if unread:
        chains = Chains(energy.base_sample(len(question.start), generator))
        assert question.evidence.free is not None
        chains.x = torch.where(question.evidence.free, chains.x, question.start)
        return equilibrate(
            energy, chains, 5 * model._lead_in, 0, generator, evidence=question.evidence
        )
    chains = Chains(question.start.clone())
    return run_chains(energy, chains, model._lead_in, generator, evidence=question.evidence)


def _mode(
    energy: GridEnergy, question: Question, search: str, generator: np.random.Generator
) -> Tensor:
    pairs = all(np.count_nonzero(kernel) == 2 for kernel in energy.cliques.filters)
    if search == "graphcut" and not pairs:
        raise ValueError(
            "search='graphcut' wants cliques of pairs (potential='difference'); "
            "use search='annealing'"
        )
    cut = search == "graphcut" or (
        search == "auto" and pairs and energy.n_states <= _MAX_CUT_LEVELS and _has_maxflow()
    )
    if cut:
        from harmonium.models.grid.cuts import expand

        return expand(energy, question.start, question.evidence)
    return _anneal(energy, question, generator)


def _has_maxflow() -> bool:
    from importlib.util import find_spec

    return find_spec("maxflow") is not None


def _anneal(energy: GridEnergy, question: Question, generator: np.random.Generator) -> Tensor:
    """Sweeps of P(x given evidence)**(1/T) as T falls (Geman, Geman 1984), then a climb.

    The best of several runs where images are small, and of the start's own climb.
    """
    n = len(question.start)
    n_runs = int(np.clip(_PIXELS_A_RUN // (n * energy.n_variables), 1, 10))
    many = question.repeated(n_runs)
    chains = Chains(many.start)
    for temperature in np.geomspace(_HOTTEST, _COLDEST, _N_COOLING).tolist():
        colder = energy.tempered(1.0 / temperature)
        chains = colder.sweep(chains, generator, evidence=many.evidence.tempered(1.0 / temperature))
    found = climb(energy, chains.x, many.evidence)
    plain = climb(energy, question.start, question.evidence)
    candidates = torch.cat([found.reshape(n, n_runs, -1), plain.unsqueeze(1)], 1)
    again = question.repeated(n_runs + 1).evidence
    flat = candidates.reshape(n * (n_runs + 1), -1)
    heights = (energy.log_weight(flat) + again.log_weight(flat)).reshape(n, -1)
    return candidates[torch.arange(n), heights.argmax(1)]
