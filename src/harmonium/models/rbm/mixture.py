"""Bases from which an RBM is annealed: its own, one fitted to its draws, clusters of them.

P_beta(v) ~ sum_g share_g B_g(v)^(1 - beta) exp(beta b'v) prod_j (1 + exp(beta (c_j + v'W_j))), or
what hidden units of another kind sum to,
with B_g a distribution of independent units, normalised: at 0 a mixture, at 1 the model. A chain
draws its g given v, so sweeps cost one thin product more than those from one base.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harmonium.compute import draws
from harmonium.compute.random import systematic_resampling
from harmonium.contract.energy import Chains, Generator
from harmonium.contract.estimates import LogZ
from harmonium.models.rbm.clusters import Clusters
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.space import uniform_states

__all__ = ["MixturePath", "RBMBases"]

#: Chains that look for clusters, a third each from the base, from uniform states and from hidden
#: units of every density, and their sweeps.
_N_SCOUTS, _N_SWEEPS = 510, 50
_N_CLUSTERS, _N_ROUNDS = 8, 20
#: Squared difference of two means, a statistic, that makes no cluster of its own.
_NEAR = 1e-3
#: Weight of the clusters that chains find beside those of rows.
_SCOUTED = 0.1


class MixturePath:
    """From base inputs ``(n_clusters, n_statistics)`` with `shares` ``(n_clusters,)`` that sum
    to one."""

    def __init__(self, energy: RBMEnergy, base: Tensor, shares: Tensor) -> None:
        self._energy = energy
        self.base = base.to(energy.device, energy.dtype)
        each = [energy.units.log_partition(one.unsqueeze(0)) for one in self.base.double()]
        self._log_partitions = torch.stack([torch.as_tensor(one).reshape(()) for one in each])
        self.shares = shares.to(energy.device, torch.float64)

    @classmethod
    def joined(cls, paths: Sequence[tuple[MixturePath, float]]) -> MixturePath:
        """One path to the same energy from the bases of several, with weights that sum to one."""
        base = torch.cat([path.base for path, _ in paths])
        shares = torch.cat([weight * path.shares for path, weight in paths])
        return cls(paths[0][0]._energy, base, shares)

    def log_partition_at_start(self) -> float:
        return self._energy.hidden.log_partition_at_rest()

    def start(self, n: int, generator: Generator) -> Chains:
        which = systematic_resampling(self.shares.cpu().numpy(), n, generator)
        inputs = self.base[torch.from_numpy(which).to(self.base.device)]
        return Chains(self._energy.units.sample(inputs, generator))

    def step(
        self, chains: Chains, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Chains, Tensor]:
        energy = self._energy
        statistics = energy.units.statistics(chains.x)
        logits = energy.hidden_logits(chains.x)
        hidden, change = energy.hidden.anneal(logits, beta_from, beta_to, generator)
        change += (beta_to - beta_from) * (statistics @ energy.visible_bias).double()
        score = (statistics @ self.base.T).double() - self._log_partitions
        after = self.shares.log() + (1.0 - beta_to) * score
        change += after.logsumexp(1)
        change -= (self.shares.log() + (1.0 - beta_from) * score).logsumexp(1)
        inputs = (1.0 - beta_to) * self.base[self._drawn(after, generator)]
        inputs += beta_to * energy.visible_bias
        inputs.addmm_(hidden, energy.weights.T, alpha=beta_to)
        return Chains(energy.units.sample(inputs, generator)), change

    def _drawn(self, log_weights: Tensor, generator: Generator) -> Tensor:
        if len(self.base) == 1:
            return torch.zeros(len(log_weights), dtype=torch.int64, device=log_weights.device)
        return draws.categorical(log_weights, generator)


class RBMBases:
    """What the estimate of log Z asks for: paths to one RBM from bases of several kinds, and what
    draws `near` rows that it learned from have shown, and `clusters` of these, if known."""

    def __init__(
        self, energy: RBMEnergy, near: LogZ | None = None, clusters: Clusters | None = None
    ) -> None:
        self._energy, self.near, self.known = energy, near, clusters
        self.device = energy.device
        self.product_size = energy.product_size

    def own(self) -> MixturePath:
        """From the base that the energy has."""
        return MixturePath(self._energy, self._energy.base_bias.unsqueeze(0), torch.ones(1))

    def fitted(self, x: Tensor, weights: Tensor, generator: Generator) -> MixturePath:
        """From independent units with the mean of states ``(n, n_variables)``, which count as
        `weights` ``(n,)``, that sum to one, say."""
        hidden = self._energy.draw_hidden(x, generator)
        mean = weights @ self._energy.visible_probability(hidden).double()
        inputs = self._energy.units.base_inputs(mean, float(len(x)))
        return MixturePath(self._energy, inputs.unsqueeze(0), torch.ones(1))

    def clustered(self, generator: Generator) -> MixturePath:
        """From clusters of the rows learned from, and with less weight from those that chains
        find."""
        found = self.scouted(generator)
        if self.known is None:
            return found
        known = MixturePath(self._energy, self.known.inputs, self.known.shares)
        return MixturePath.joined([(known, 1.0 - _SCOUTED), (found, _SCOUTED)])

    def scouted(self, generator: Generator) -> MixturePath:
        """From the clusters that short chains find, begun far apart (k-means, from centres each
        of which is farthest from those before it, so that a rare cluster is not passed over)."""
        means = _scouted(self._energy, generator)
        centres = means[:1]
        apart = (means - centres).square().mean(1)
        while len(centres) < _N_CLUSTERS and float(apart.max()) > _NEAR:
            centres = torch.cat([centres, means[apart.argmax()].unsqueeze(0)])
            apart = torch.minimum(apart, (means - centres[-1]).square().mean(1))
        for _ in range(_N_ROUNDS):
            nearest = torch.cdist(means, centres).argmin(1)
            members = torch.nn.functional.one_hot(nearest, len(centres)).to(means)
            counts = members.sum(0)
            found = counts > 0
            counts = counts[found]
            centres = (members.T @ means)[found] / counts.unsqueeze(1)
        pairs = zip(centres, counts.tolist(), strict=True)
        base = [self._energy.units.base_inputs(centre, max(count, 20.0)) for centre, count in pairs]
        # Scouts tell where clusters are, hardly how large: half goes to all alike.
        shares = 0.5 * counts / counts.sum() + 0.5 / len(counts)
        return MixturePath(self._energy, torch.stack(base), shares)


def _scouted(energy: RBMEnergy, generator: Generator) -> Tensor:
    """Expected statistics of the visible units where scouts end, float64."""
    third = _N_SCOUTS // 3
    densities = torch.linspace(0.02, 0.98, third, dtype=energy.dtype, device=energy.device)
    inputs = torch.logit(densities).unsqueeze(1).repeat(1, energy.n_hidden)
    starts = [
        energy.base_sample(third, generator),
        uniform_states(energy, third, generator),
        energy.draw_visible(energy.hidden.sample(inputs, generator), generator),
    ]
    chains = Chains(torch.cat(starts))
    for _ in range(_N_SWEEPS):
        chains = energy.sweep(chains, generator)
    return energy.visible_probability(energy.draw_hidden(chains.x, generator)).double()
