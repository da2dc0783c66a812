"""P(variable = state) of what is free in a row, given the rest of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_for
from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.models.answers import Enumeration, not_answered, refuse_impossible
from harmonium.models.question import Question
from harmonium.sampling.completions import are_few, completions, weighing
from harmonium.sampling.gibbs import Schedule, equilibrate, mean_marginals
from harmonium.units.space import LIMITS

__all__ = ["posterior_marginals"]

#: Rows whose chains run together.
_ROWS_AT_ONCE = 256
#: Chains a row, and how long they run: many short ones, since each stays in the mode it is led to,
#: and the shares of modes are told by how many chains are in each.
_SCHEDULE = Schedule(n_lead_in=50, n_sweeps=20, n_chains=16)


def posterior_marginals(
    question: Question,
    build: Callable[[torch.dtype], Energy],
    generator: np.random.Generator,
    *,
    schedule: Schedule = _SCHEDULE,
    method: str = "auto",
) -> NDArray[np.float64]:
    """P(x_i = state given the row's evidence), ``(n, n_variables, max(sizes))``; a one at the
    state of what is clamped.

    Exact where a row's free variables have at most ``LIMITS["answer"]`` joint states, else means
    over Gibbs chains, ``schedule.n_chains`` a row, of the conditional probabilities they draw by.
    `build` gives the energy in a precision: double for sums, single for chains.
    `method` ``"enumeration"`` or ``"gibbs"`` wants one of the two for all rows.

    Raises ``ValueError`` where there are too many states to sum and that was asked for, and where
    exact sums show that what is known of a row cannot be.
    """
    energy = build(torch.float64)
    most = max(energy.sizes)
    found = torch.nn.functional.one_hot(question.start.long().clamp(0, most - 1), most).double()
    few = are_few(question.free, energy.sizes, LIMITS["answer"])
    if method == "gibbs":
        few = torch.zeros_like(few)
    elif method == "enumeration" and not few.all():
        raise not_answered(int((~few).sum()), question, Enumeration)
    rows = few.nonzero().reshape(-1)
    if len(rows):
        found[rows] = _summed(question.select(rows), energy, found[rows])
    rest = (~few).nonzero().reshape(-1)
    if len(rest):
        energy = build(torch.float32)
        source = generator_for(energy.device, generator)
        for part in torch.split(rest, _ROWS_AT_ONCE):
            mean = _by_chains(question.select(part), energy, source, schedule)
            found[part] = (
                _wide(mean, most).reshape(len(part), -1, mean.shape[1], most).mean(1).cpu()
            )
    return found.numpy()


def _by_chains(question: Question, energy: Energy, source: Generator, schedule: Schedule) -> Tensor:
    """Means of each of the chains of each row."""
    many = question.repeated(schedule.n_chains).to(energy.device, energy.dtype)
    begun = Chains(many.begun(energy, source))
    chains = equilibrate(energy, begun, schedule.n_lead_in, 0, source, evidence=many.evidence)
    mean, _ = mean_marginals(energy, chains, schedule.n_sweeps, source, evidence=many.evidence)
    return mean


def _wide(marginals: Tensor, most: int) -> Tensor:
    """With a place for every state, also where all have two."""
    if marginals.ndim == 3:
        return marginals
    return torch.stack([1.0 - marginals, marginals], 2)[:, :, :most]


def _summed(question: Question, energy: Energy, found: Tensor) -> Tensor:
    for part in completions(weighing(energy), question.start, question.evidence, energy.sizes):
        refuse_impossible(question.select(part.rows), part.log_weights)
        share = torch.softmax(part.log_weights, 1)
        for k in range(part.places.shape[1]):
            own = torch.zeros((len(part.rows), found.shape[2]), dtype=torch.float64)
            own.index_add_(1, part.states[:, k].long(), share)
            found[part.rows, part.places[:, k]] = own
    return found
