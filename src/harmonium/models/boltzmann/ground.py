"""What every run of a Boltzmann machine's fit shares: rows, their moments, where it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_for
from harmonium.contract.energy import Generator, Parameters
from harmonium.learning.ascent import Ascent
from harmonium.learning.learners.base import ChainLearner, Learner
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.rows import RowSource, Split, n_rows_of
from harmonium.learning.watch import Likelihood
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.learner import Counted
from harmonium.models.boltzmann.metric import Centred, Pull, step_sizes
from harmonium.models.boltzmann.plan import BoltzmannParameters
from harmonium.units.base import Units
from harmonium.units.space import LIMITS, log2_states

__all__ = ["FLOOR", "Ground", "Start", "counted", "ground_of"]

#: Of the curvature that steps are over: less would let chance move states that are hardly met.
FLOOR = 3e-4
_FIELD_FLOOR = 0.01
#: Rows that are counted at once.
_ROWS_AT_ONCE = 2**13
#: Precision of the Gaussian prior on couplings that is behind weight_decay="auto" where no rows
#: say better.
_PRIOR_PRECISION = 4.0


@dataclass(frozen=True)
class Start:
    """Where a fit runs, what its columns are, which pairs are coupled (None: all), and which cells
    of its rows are known (None: all)."""

    device: torch.device
    units: Units
    edges: NDArray[np.int64] | None = None
    observed: NDArray[np.bool_] | None = None


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
    _noise: Generator | None = None

    @property
    def n_kept(self) -> int:
        """Rows learned from, as often as their weights say."""
        return n_rows_of(self.rows) - self.plan.n_held

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
        asked = self.wanted.weight_decay
        return _PRIOR_PRECISION / n_rows if isinstance(asked, str) else float(asked)

    def learner(self, chains: ChainLearner) -> Learner:
        return chains if self.data is None else Counted(chains, self.data)

    def watching(self, energy: BoltzmannEnergy) -> partial[Likelihood]:
        return partial(Likelihood, energy, exact=is_summed(energy))


def is_summed(energy: BoltzmannEnergy) -> bool:
    """Whether the watch of a fit sums every state at each look."""
    return log2_states(energy.sizes) <= math.log2(LIMITS["watch"])


def blank_energy(start: Start, base: Tensor, dtype: torch.dtype) -> BoltzmannEnergy:
    fields = base.to(start.device, dtype)
    couplings = torch.zeros((len(base),) * 2, dtype=dtype, device=start.device)
    return BoltzmannEnergy(fields.clone(), couplings, fields.clone(), start.units, start.edges)


def ground_of(
    wanted: BoltzmannParameters, rows: RowSource, plan: Plan, base: Tensor, streams: Streams
) -> Ground:
    split = Split.drawn(rows, plan.n_held, streams.split)
    return Ground(wanted, rows, split, plan, base, None, streams)


def counted(energy: BoltzmannEnergy, rows: RowSource, split: Split) -> Parameters:
    """Moments of the rows learned from: correlations as they are, round rates that are smoothed as
    the base's are. Those of rows are exact, in float64 sums."""
    total: Parameters = {}
    whole = 0.0
    for begin in range(0, len(split.kept), _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        weights = None if split.kept_weights is None else split.kept_weights[part]
        batch = rows.pick(split.kept[part], weights)
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
