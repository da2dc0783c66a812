"""Answers about unknown pixels: posterior draws and means by Gibbs chains, modes by search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from harmonium.compute.progress import stage_bar
from harmonium.contract.energy import Chains
from harmonium.models.energy_model import MAX_ENUMERATED, enumerate_free
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.readings import Readings
from harmonium.sampling.gibbs import equilibrate, run_chains
from harmonium.sampling.modes import climb

__all__ = ["AnswerChains", "Question", "answer"]

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
        return self.select(torch.arange(len(self.start)).repeat_interleave(n))

    def select(self, index: Tensor) -> Question:
        """The rows at `index`."""
        return Question(self.start[index], self.evidence.select(index))


@dataclass(frozen=True)
class AnswerChains:
    """The chains behind draws and means: how many an image for a mean, sweeps before they
    count, sweeps averaged or run; `verbose` 1 shows a bar."""

    n_chains: int
    n_lead_in: int
    n_averaged: int
    verbose: int = 0


def answer(
    plan: AnswerChains,
    energy: GridEnergy,
    question: Question,
    how: str,
    search: str,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Fill the free pixels of every row: ``(n, V)`` float64.

    Rows whose free pixels have few joint states are answered by listing them all, unless
    `search` names another way to the mode.
    """
    free = question.evidence.free
    assert free is not None
    found = question.start.double().numpy()
    n_free = free.sum(1)
    few = float(energy.n_states) ** n_free.double() <= MAX_ENUMERATED
    if how == "mode" and search != "auto":
        few[:] = False
    if few.any():
        wide = energy.to(torch.float64)
        for count in torch.unique(n_free[few & (n_free > 0)]).tolist():
            rows = torch.nonzero(few & (n_free == count)).reshape(-1)
            part = question.select(rows)
            found[rows.numpy()] = enumerate_free(
                wide.log_weight, energy.n_states, part.start.double(), part.evidence, how, generator
            )
    rows = torch.nonzero(~few).reshape(-1)
    if len(rows):
        part = question.select(rows)
        if how == "mode":
            found[rows.numpy()] = _mode(energy, part, search, generator).double().numpy()
        else:
            found[rows.numpy()] = _by_chains(plan, energy, part, how, generator)
    return found


def _by_chains(
    plan: AnswerChains,
    energy: GridEnergy,
    question: Question,
    how: str,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    free = question.evidence.free
    assert free is not None
    unread = question.evidence.rows is None and bool(free.all(1).any())
    if how == "sample":
        chains = _begin(plan.n_lead_in, energy, question, generator, unread)
        chains = run_chains(energy, chains, plan.n_averaged, generator, evidence=question.evidence)
        return chains.x.double().numpy()
    many = question.repeated(plan.n_chains)
    chains = _begin(plan.n_lead_in, energy, many, generator, unread)
    total = torch.zeros(chains.x.shape, dtype=torch.float64)
    with stage_bar(plan.verbose, "posterior mean", plan.n_averaged) as show:
        for done in range(plan.n_averaged):
            chains, means = energy.sweep_means(chains, generator, many.evidence)
            total += means
            if show is not None:
                show(done + 1, float("nan"))
    total /= plan.n_averaged
    mean = total.reshape(-1, plan.n_chains, energy.n_variables).mean(1)
    return torch.where(free, mean, question.start.double()).numpy()


def _begin(
    n_lead_in: int,
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
        return equilibrate(energy, chains, 5 * n_lead_in, 0, generator, evidence=question.evidence)
    chains = Chains(question.start.clone())
    return run_chains(energy, chains, n_lead_in, generator, evidence=question.evidence)


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
