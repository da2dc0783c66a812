"""The Boltzmann machine as an energy: every variable given all others, one after another.

log_weight(x) = b's(x) + s(x)'J s(x) / 2 over the statistics s of any discrete units, J symmetric
and zero between statistics of one variable (Ackley, Hinton, Sejnowski 1985; of several states:
Potts 1952). The path leads from independent variables at the base rates of the data:
log_weight(x, beta) = (1 - beta) b0's(x) + beta log_weight(x).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import (
    Beta,
    Chains,
    Energy,
    Evidence,
    Generator,
    Metric,
    Parameters,
)
from harmonium.models.boltzmann.kernels import choose
from harmonium.models.boltzmann.kernels.layout import Arranged, Places
from harmonium.models.boltzmann.kernels.plain import Given
from harmonium.sampling.enumeration import energy_blocks, log_sum, mean_moments
from harmonium.units.base import Units
from harmonium.units.space import LIMITS, log2_states

__all__ = ["BoltzmannEnergy"]


class BoltzmannEnergy(Energy):
    """``couplings (n_statistics, n_statistics)`` and ``fields (n_statistics,)`` of any `units`.

    ``base_fields (n_statistics,)`` are the fields at ``beta = 0``. ``edges (n_edges, 2)`` are the
    pairs of variables that are coupled, i < j; None: all. `constant` is added to every log weight,
    whatever beta. Both entries of a pair of statistics
    are parameters, each with half of its moment, so that equal steps keep J symmetric.

    A sweep costs, a chain, the number of coupled pairs times states.
    """

    def __init__(
        self,
        fields: Tensor,
        couplings: Tensor,
        base_fields: Tensor,
        units: Units,
        edges: NDArray[np.int64] | None = None,
        constant: float = 0.0,
    ) -> None:
        self.fields, self.couplings, self.base_fields = fields, couplings, base_fields
        self.units, self.edges, self.constant = units, edges, constant
        self.sizes = units.sizes
        self.n_variables = len(self.sizes)
        self.dtype, self.device = fields.dtype, fields.device
        self.places = Places.of(units, edges)
        self._arranged = Arranged()

    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> BoltzmannEnergy:
        where = self.device if device is None else device
        fields, couplings, base = (
            part.detach().to(where, dtype, copy=True)
            for part in (self.fields, self.couplings, self.base_fields)
        )
        return BoltzmannEnergy(fields, couplings, base, self.units, self.edges, self.constant)

    def on(self, edges: NDArray[np.int64] | None) -> BoltzmannEnergy:
        """The same parameters, not copied, on another graph; couplings off it must be zero."""
        parts = (self.fields, self.couplings, self.base_fields)
        return BoltzmannEnergy(*parts, self.units, edges, self.constant)

    def parameters(self) -> Parameters:
        return {"couplings": self.couplings, "fields": self.fields}

    # -- weights ------------------------------------------------------------------------------

    def log_weight(self, x: Tensor, beta: Beta = 1.0) -> Tensor:
        pairs = choose.weigh(x, self.places, self.couplings)
        full = self._linear(x, self.fields) + pairs
        if isinstance(beta, float | int) and beta == 1.0:
            return full
        base = self._linear(x, self.base_fields)
        return (1.0 - beta) * base + beta * full

    def _linear(self, x: Tensor, fields: Tensor) -> Tensor:
        """fields's(x) and the constant, float64 ``(n,)``."""
        wide = torch.nn.functional.pad(fields, (0, 1)).double()
        return wide[self.places.rows(x).long()].sum(1) + self.constant

    # -- one variable given the others ----------------------------------------------------------

    def _given(self, n: int, beta: Beta, evidence: Evidence | None) -> Given:
        each = beta if isinstance(beta, Tensor) else torch.full((n,), float(beta))
        free = None if evidence is None else evidence.free
        readings = None if evidence is None else evidence.readings
        return Given(
            self._by_state(self.fields),
            self._by_state(self.base_fields),
            each.to(self.device, self.dtype),
            free,
            readings,
        )

    def _by_state(self, fields: Tensor) -> Tensor:
        """``(n_variables, width)``."""
        index = torch.from_numpy(self.places.of_state).to(self.device).long()
        return torch.nn.functional.pad(fields, (0, 1))[index]

    @property
    def _tables(self) -> Tensor:
        return self._arranged.tables(self.couplings, self.places)

    def sweep(
        self,
        chains: Chains,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
    ) -> Chains:
        given = self._given(len(chains.x), beta, evidence)
        moved, _ = choose.sweep(chains.x, self.places, self._tables, given, generator, False)
        return Chains(moved)

    def sweep_means(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> tuple[Chains, Tensor]:
        given = self._given(len(chains.x), 1.0, evidence)
        moved, means = choose.sweep(chains.x, self.places, self._tables, given, generator, True)
        assert means is not None
        return Chains(moved), means

    def anneal(
        self,
        chains: Chains,
        beta_from: float,
        beta_to: float,
        generator: Generator,
        evidence: Evidence | None = None,
    ) -> tuple[Chains, Tensor]:
        """log P_to(x) - log P_from(x), unnormalised, float64 ``(n,)``, then a sweep at `beta_to`:
        log weights are linear in beta."""
        slope = self.log_weight(chains.x) - self._linear(chains.x, self.base_fields)
        moved = self.sweep(chains, generator, beta=beta_to, evidence=evidence)
        return moved, (beta_to - beta_from) * slope

    def marginals(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> Tensor:
        given = self._given(len(chains.x), 1.0, evidence)
        found = choose.conditionals(chains.x, self.places, self._tables, given)
        if given.free is not None:
            certain = torch.nn.functional.one_hot(chains.x.long(), found.shape[2]).to(found.dtype)
            found = torch.where(given.free.unsqueeze(2), found, certain)
        return found[..., 1] if found.shape[2] == 2 else found

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        """Every variable in turn to its most probable state given the others: a sweep at zero
        temperature (iterated conditional modes, Besag 1986)."""
        given = self._given(len(x), 1.0, evidence)
        return choose.ascend(x, self.places, self._tables, given)

    # -- the base -------------------------------------------------------------------------------

    def base_log_partition(self) -> float:
        inputs = self.base_fields.double().unsqueeze(0)
        return float(self.units.log_partition(inputs)) + self.constant

    def base_sample(self, n: int, generator: Generator) -> Tensor:
        inputs = self.base_fields.expand(n, -1).clone()
        return self.units.sample(inputs, generator)

    def base_given(
        self, x: Tensor, evidence: Evidence, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """A draw of each row from P_0 given the evidence, and float64 ``(n,)`` log of the sum of
        exp(log_weight(x, 0)) and what the readings weigh over the free variables."""
        inputs = self.base_fields.expand(len(x), -1).clone()
        if evidence.readings is not None:
            inputs = self.units.read(inputs, evidence.readings, slice(0, None))
        each = self.units.probabilities(inputs.double(), max(self.sizes))
        drawn = self.units.sample(inputs, generator)
        if evidence.free is not None:
            drawn = torch.where(evidence.free, drawn, x.to(drawn))
        chosen = torch.log(each.gather(2, drawn.long().unsqueeze(2)).squeeze(2))
        if evidence.free is not None:
            chosen = torch.where(evidence.free, chosen, 0.0)
        joint = self._linear(drawn, self.base_fields) + evidence.log_weight(drawn)
        return drawn, joint - chosen.sum(1)

    # -- moments --------------------------------------------------------------------------------

    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        counts = choose.count_pairs(x, weights, self.places).to(self.dtype)
        fields = counts.diagonal().clone()
        counts.fill_diagonal_(0.0)
        return {"couplings": counts.mul_(0.5), "fields": fields}

    # -- exact sums -----------------------------------------------------------------------------

    def exact_log_partition(self) -> float | None:
        """Over up to 2**22 states."""
        if log2_states(self.sizes) > np.log2(LIMITS["log_partition"]):
            return None
        return log_sum(energy_blocks(self.to(torch.float64)))

    def exact_moments(self) -> Parameters | None:
        """Over up to 2**20 states."""
        if log2_states(self.sizes) > np.log2(LIMITS["gradient"]):
            return None
        found = mean_moments(energy_blocks(self.to(torch.float64)))
        return {name: value.to(self.dtype) for name, value in found.items()}

    # -- learning ---------------------------------------------------------------------------------

    @property
    def base_mean(self) -> Tensor:
        """Expected statistics at ``beta = 0``, ``(n_statistics,)``."""
        return self.units.mean(self.base_fields.unsqueeze(0))[0]

    @property
    def mask(self) -> Tensor:
        """bool ``(n_statistics, n_statistics)``: which pairs of statistics may be coupled."""
        return self.places.mask.to(self.device)

    def fused(self, learner: object, prior: object, metric: Metric) -> None:
        return None
