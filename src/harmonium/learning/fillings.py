"""Unknown cells of rows that are learned from: draws given what is known, kept along the fit.

With x the known cells of a row and z the others, d log P(x) / d parameter is the expectation of
d log_weight(x, z) / d parameter over P(z given x), less that over the model. The first is
estimated from one z a row that is moved under the present model whenever the row is met: the
data's half of stochastic approximation with persistent chains (Younes 1999; Salakhutdinov,
Hinton 2009, section 2.2, where z are hidden units).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import draws
from harmonium.compute.ranks import Ranks
from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.contract.evidence import Evidence
from harmonium.learning.checkpoint import State
from harmonium.learning.rows import Batch
from harmonium.sampling.completions import are_few, completions, weighing
from harmonium.units.space import states_of

__all__ = ["Fillings"]

#: Joint states of what is unknown of a row up to which it is drawn from all of them: a label
#: moves too seldom through the hidden units that it was learned with.
_FEW = 64
#: Else Gibbs sweeps whenever the row is met.
_SWEEPS = 2
#: Rows that are first drawn together.
_ROWS_AT_ONCE = 2048
#: Rows times states that are weighed together.
_MOST_TERMS = 2**13


@runtime_checkable
class Completed(Protocol):
    """An energy that weighs what may stand at the same places of many rows in one go."""

    def completion_log_weights(self, x: Tensor, places: Tensor, states: Tensor) -> Tensor:
        """log P of rows x with each of ``states (n_joint, n_free)`` at `places`, up to a constant
        a row: ``(n, n_joint)``."""


class Fillings:
    """A filling of each row's unknown cells, which stays from one visit to the next.

    `columns` are those in which some of the `n_rows` rows have unknown cells. Fillings begin at
    draws from the energy's base. Other columns take no memory; these one byte a cell.
    Of several `ranks` each fills its own rows, and all keep all fillings.
    """

    def __init__(
        self,
        n_rows: int,
        columns: Tensor,
        energy: Energy,
        generator: Generator,
        ranks: Ranks | None = None,
    ) -> None:
        self._ranks = Ranks() if ranks is None else ranks
        self.columns = columns
        sizes = [energy.sizes[column] for column in self.columns.tolist()]
        kind = torch.uint8 if 0 < min(sizes) and max(sizes) <= 256 else energy.dtype
        shape = (n_rows, len(columns))
        self.drawn = torch.zeros(shape, dtype=kind, device=energy.device)
        self.begin_again(energy, generator)

    def begin_again(self, energy: Energy, generator: Generator) -> None:
        """Draw all anew, from the base."""
        for part in torch.split(self.drawn, _ROWS_AT_ONCE):
            drawn = energy.base_sample(len(part), generator)
            part.copy_(drawn[:, self.columns].to(part.dtype))
        self._ranks.copy([self.drawn])

    def fill(self, energy: Energy, batch: Batch, generator: Generator) -> Batch:
        """The batch with draws for what is unknown, moved under the energy's present parameters;
        it still says which cells those are."""
        if batch.observed is None:
            return batch
        assert batch.index is not None
        free = ~batch.observed
        with_holes = free.any(1).nonzero().reshape(-1)
        x = self.put(batch)
        if len(with_holes):
            free, rows = free[with_holes], x[with_holes]
            few = are_few(free, energy.sizes, _FEW)
            if not bool((free == free[0]).all()):  # holes here and there: one product a sweep
                few[:] = False
            for chosen, move in ((few, _drawn), (~few, _swept)):
                some = chosen.nonzero().reshape(-1)
                if len(some):
                    rows[some] = move(energy, rows[some], free[some], generator)
            x[with_holes] = rows
        if len(with_holes) or self._ranks.world > 1:
            kept = x[:, self.columns].to(self.drawn.dtype)
            for index, drawn in self._ranks.each((batch.index, kept)):
                self._keep(index, drawn)
        return Batch(x, batch.weight, batch.observed, batch.index)

    def put(self, batch: Batch) -> Tensor:
        """The batch's rows with the fillings as they stand."""
        assert batch.observed is not None
        assert batch.index is not None
        index = torch.from_numpy(batch.index).to(self.drawn.device)
        x = batch.x.clone()
        x[:, self.columns] = torch.where(
            batch.observed[:, self.columns], x[:, self.columns], self.drawn[index].to(x.dtype)
        )
        return x

    def _keep(self, index: np.ndarray, drawn: Tensor) -> None:
        rows, first = np.unique(index, return_index=True)  # of a row met twice, one filling stays
        there = torch.from_numpy(rows).to(self.drawn.device)
        self.drawn[there] = drawn.to(there.device)[torch.from_numpy(first).to(there.device)]

    def state(self) -> State:
        return State({"drawn": self.drawn})

    def restore(self, state: State) -> None:
        self.drawn = state.tensors["drawn"]


def _swept(energy: Energy, x: Tensor, free: Tensor, generator: Generator) -> Tensor:
    chains = Chains(x)
    for _ in range(_SWEEPS):
        chains = energy.sweep(chains, generator, evidence=Evidence(free))
    return chains.x


def _drawn(energy: Energy, x: Tensor, free: Tensor, generator: Generator) -> Tensor:
    """Exact draws from all that the free cells may be together."""
    found = x.clone()
    if isinstance(energy, Completed) and bool((free == free[0]).all()):
        places = free[0].nonzero().reshape(-1)
        states = torch.cat(list(states_of([energy.sizes[place] for place in places.tolist()])))
        states = states.to(x)
        for rows in torch.split(found, max(1, _MOST_TERMS // len(states))):
            weights = energy.completion_log_weights(rows, places, states)
            rows[:, places] = states[draws.categorical(weights.contiguous(), generator)]
        return found

    for part in completions(weighing(energy), x.double().cpu(), Evidence(free.cpu()), energy.sizes):
        relative = part.log_weights - part.log_weights.max(1, keepdim=True).values
        chosen = draws.categorical(relative.to(x.device, torch.float32), generator).cpu()
        there, own = part.rows.to(x.device), part.places.to(x.device)
        found[there] = found[there].scatter(1, own, part.states[chosen].to(x))
    return found
