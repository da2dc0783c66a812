"""What every run of a Boltzmann machine's fit shares: rows, their moments, where it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_for
from harmonium.contract.energy import Energy, Generator, Parameters
from harmonium.data.states import States
from harmonium.data.tables import Table, dense_rows
from harmonium.learning.ascent import Ascent
from harmonium.learning.fit import fit
from harmonium.learning.learners.base import ChainLearner, Learner
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.record import FitResult
from harmonium.learning.rows import RowSource, Split, n_rows_of
from harmonium.learning.sharded import blocks_of, source_of, split_of
from harmonium.learning.sources import Memory
from harmonium.learning.watch import Likelihood, Watching
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.hidden import Hidden
from harmonium.models.boltzmann.learner import Averaged, Counted
from harmonium.models.boltzmann.metric import Centred, Pull, step_sizes
from harmonium.models.boltzmann.plan import BoltzmannParameters
from harmonium.models.rates import initial_bias
from harmonium.units.base import Units
from harmonium.units.space import LIMITS, log2_states

__all__ = [
    "FLOOR",
    "Ground",
    "Start",
    "are_summed",
    "awakened",
    "counted",
    "ground_of",
    "is_summed",
]

#: Of the curvature that steps are over: less would let chance move states that are hardly met.
FLOOR = 3e-4
_FIELD_FLOOR = 0.01
#: Precision of the Gaussian prior on couplings that is behind weight_decay="auto" where no rows
#: say better.
_PRIOR_PRECISION = 4.0
#: The same with hidden units, whose couplings are large where they are of use; that the fit keeps
#: what does best on held-out rows is their guard.
_HIDDEN_PRECISION = 0.1
#: Standard deviation of what hidden units are led to at the start.
_WAKE = 1.0


@dataclass(frozen=True)
class Start:
    """Where a fit runs, what its variables are, which pairs are coupled (None: all), which cells of
    its rows are known (None: all, or as rows out of core say), whether all are, and how many of the
    variables are hidden units, the last."""

    device: torch.device
    units: Units
    edges: NDArray[np.int64] | None = None
    observed: NDArray[np.bool_] | None = None
    whole: bool = True
    n_hidden: int = 0

    def widened(self, table: Table | States) -> tuple[Table | States, NDArray[np.bool_] | None]:
        """Rows with columns for hidden units, of which nothing is known, and which cells are known;
        None: all, or as rows out of core say."""
        if not self.n_hidden:
            return table, self.observed
        if isinstance(table, States):
            return self._beside(table, False), None
        rows = np.asarray(dense_rows(table, slice(None)))
        known = np.ones(rows.shape, dtype=bool) if self.observed is None else self.observed
        beside = ((0, 0), (0, self.n_hidden))
        return np.pad(rows, beside), np.pad(known, beside)

    def source(
        self, table: Table | States, weights: NDArray[np.float64] | None = None
    ) -> RowSource:
        """Rows to learn from. Hidden units that are averaged over are nothing to be filled."""
        wide, known = self.widened(table)
        if not (self.whole and are_summed(self)):
            return source_of(wide, self.device, weights, known)
        if isinstance(table, States) and self.n_hidden:
            wide = self._beside(table, True)
        return source_of(wide, self.device, weights)

    def base(
        self, table: Table | States, weights: NDArray[np.float64] | None, n_rows: int
    ) -> Tensor:
        """Inputs of independent columns at the rates of the rows, which weigh `n_rows`."""
        wide, known = self.widened(table)
        return initial_bias(wide, weights, n_rows, self.units, known)

    def _beside(self, table: States, known: bool) -> States:
        states = np.zeros((len(table), self.n_hidden), dtype=np.uint8)
        return table.with_beside(states, np.broadcast_to(known, states.shape), 2)


@dataclass
class Ground:
    """What every run of a fit shares: rows and their split, the plan, moments of the rows learned
    from (None: rows with holes), and random numbers."""

    wanted: BoltzmannParameters
    rows: RowSource
    split: Split
    plan: Plan
    base: Tensor
    data: Parameters | None
    streams: Streams
    #: Rows learned from, as often as their weights say.
    n_kept: int
    #: Whether hidden units are averaged over, rather than drawn with what is missing.
    averaged: bool = False
    #: Of the prior on couplings, in rows, as runs chose it.
    precision: float | None = None
    _noise: Generator | None = None

    def let_go(self) -> None:
        """Of rows out of core that have been counted, keep in memory what runs look at: those held
        out, and a few from everywhere, of which some are shown and lost chains begin again."""
        n, kept = len(self.split.kept), self.split.kept
        few = min(max(self.plan.batch_size, self.plan.n_shown), n)
        chosen = np.arange(few) * n // few
        x = torch.cat([self.rows.read(kept[chosen]).x, self.rows.read(self.split.held).x])
        weights = self.split.kept_weights
        self.split = Split(
            np.arange(few),
            np.arange(few, len(x)),
            None if weights is None else weights[chosen],
            self.split.held_weights,
        )
        self.rows = Memory(x.cpu().numpy().astype(np.int32), self.rows.device)

    def noise(self, device: torch.device) -> Generator:
        """Randomness of a run before the fit, which goes on from run to run."""
        if self._noise is None:
            source = np.random.Generator(np.random.SFC64(self.streams.seeds[3] + 1))
            self._noise = generator_for(device, source)
        return self._noise

    def blank(self, start: Start, dtype: torch.dtype = torch.float32) -> BoltzmannEnergy:
        """Independent columns at the rates of the rows."""
        return blank_energy(start, self.base, dtype)

    def ascent(self, energy: BoltzmannEnergy, decay: float) -> Ascent:
        mean = energy.base_mean
        sizes = step_sizes(mean, energy.mask, max(decay, FLOOR))
        fields = (mean * (1.0 - mean) + _FIELD_FLOOR).reciprocal()
        return Ascent(energy, Pull(decay, mean, sizes), Centred(mean, sizes, fields))

    def decay(self, n_rows: int) -> float:
        """The weight decay where no runs choose it."""
        asked, found = self.wanted.weight_decay, self.precision
        if found is None:
            found = _HIDDEN_PRECISION if self.n_hidden else _PRIOR_PRECISION
        return found / n_rows if isinstance(asked, str) else float(asked)

    @property
    def n_hidden(self) -> int:
        return self.wanted.n_components

    def learner(self, chains: ChainLearner) -> Learner:
        if self.averaged:
            return Averaged(chains, self.n_hidden)
        return chains if self.data is None else Counted(chains, self.data)

    def run(
        self,
        energy: BoltzmannEnergy,
        decay: float,
        chains: ChainLearner,
        plan: Plan,
        **more: Any,
    ) -> FitResult:
        """The training loop on these rows, from where energy and chains stand; `more` as
        :func:`~harmonium.learning.fit.fit` takes it."""
        learner = self.learner(chains)
        return fit(self.ascent(energy, decay), learner, self.rows, self.split, plan, **more)

    def watching(self, energy: BoltzmannEnergy, exact: bool = False) -> Watching:
        given = partial(Likelihood, energy, exact=exact or is_summed(energy))
        return partial(given, weigh=self._log_sum) if self.averaged else given

    def _log_sum(self, energy: Energy, x: Tensor) -> Tensor:
        assert isinstance(energy, BoltzmannEnergy)
        return Hidden(energy, self.n_hidden).log_sum(x)


def is_summed(energy: BoltzmannEnergy) -> bool:
    """Whether the watch of a fit sums every state at each look."""
    return log2_states(energy.sizes) <= math.log2(LIMITS["watch"])


def blank_energy(start: Start, base: Tensor, dtype: torch.dtype) -> BoltzmannEnergy:
    fields = base.to(start.device, dtype)
    couplings = torch.zeros((len(base),) * 2, dtype=dtype, device=start.device)
    return BoltzmannEnergy(fields.clone(), couplings, fields.clone(), start.units, start.edges)


def are_summed(start: Start) -> bool:
    """Whether hidden units, given a row, are few or not coupled to each other."""
    first = len(start.units.sizes) - start.n_hidden
    coupled = start.edges is None or bool((start.edges[:, 0] >= first).any())
    return not coupled or 2**start.n_hidden <= LIMITS["answer"]


def awakened(energy: BoltzmannEnergy, n_hidden: int, source: np.random.Generator) -> None:
    """Couple hidden units to the columns at random, or none would ever differ from another: so that
    what they are led to by rows at the base rates has a standard deviation of `_WAKE`."""
    if not n_hidden:
        return
    mean, n = energy.base_mean, len(energy.fields) - n_hidden
    spread = float((mean * (1.0 - mean))[:n].sum())
    scale = _WAKE / math.sqrt(max(spread, 1e-3))
    drawn = torch.from_numpy(source.normal(0.0, scale, (n, n_hidden))).to(energy.couplings)
    drawn *= energy.mask[:n, n:]
    energy.couplings[:n, n:], energy.couplings[n:, :n] = drawn, drawn.T
    energy.fields[n:] -= mean[:n] @ drawn
    energy.fields[:n] -= drawn @ mean[n:]


def ground_of(
    wanted: BoltzmannParameters, rows: RowSource, plan: Plan, base: Tensor, streams: Streams
) -> Ground:
    split = split_of(rows, plan.n_held, streams.split)
    n_kept = n_rows_of(rows) - plan.n_held
    return Ground(wanted, rows, split, plan, base, None, streams, n_kept)


def counted(energy: BoltzmannEnergy, rows: RowSource, split: Split) -> Parameters:
    """Moments of the rows learned from: correlations as they are, round rates that are smoothed as
    the base's are. Those of rows are exact, in float64 sums."""
    total: Parameters = {}
    whole = 0.0
    for batch in blocks_of(rows, split.kept, split.kept_weights):
        each = torch.ones(len(batch.x)) if batch.weight is None else batch.weight
        each = each.to(energy.device, torch.float64)
        whole += float(each.sum())
        for name, value in energy.moments(batch.x.to(energy.dtype), each).items():
            total[name] = total[name] + value if name in total else value
    shown = {name: value / whole for name, value in total.items()}
    smooth, seen = energy.base_mean, shown["fields"]
    change = 0.5 * (torch.outer(smooth, smooth) - torch.outer(seen, seen))
    couplings = torch.where(energy.mask, shown["couplings"] + change, 0.0)
    return {"couplings": couplings, "fields": smooth.clone()}
