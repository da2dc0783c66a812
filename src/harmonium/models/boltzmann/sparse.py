"""Which pairs are coupled, found while learning: those that gain the most likelihood come first.

As in Barrat-Charlaix, Muntoni, Shimagaki, Weigt, Zamponi 2021, a model without couplings is given
some, learns, and is given more. What a pair would gain is told to second order, by its correlations
that the model has not (Rao's score test):

    gain = sum over pairs of states of (data - model)**2 / (2 w w'),

w the rates of the states. Pairs come in doubling numbers for as long as rows held out gain, and
only while a pair gains more than chance has it seem to. Then those are taken away again that, with
all the others there, hold less than chance gives: what a pair's couplings J, measured from the
rates, are worth is

    loss = E_data[J] + log E_model[exp(-J)].
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Generator
from harmonium.learning.ascent import copied
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.rows import Batch
from harmonium.learning.watch import Watch
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.graph import every_pair
from harmonium.models.boltzmann.ground import Ground
from harmonium.models.boltzmann.kernels import choose
from harmonium.models.boltzmann.trials import score_of

__all__ = ["gains", "grown", "losses"]

#: Updates of a round, and sweeps over which the model's correlations are averaged.
_N_UPDATES, _N_SWEEPS = 100, 10
#: A pair must gain this many times what chance has it gain on average.
_CHANCE = 1.5
#: Share of the pairs that are taken away in a round at most.
_SHARE_TAKEN = 0.25


def grown(
    ground: Ground,
    energy: BoltzmannEnergy,
    chains: ChainLearner,
    watch: Watch,
    generator: Generator,
) -> BoltzmannEnergy:
    """The energy, which has no couplings yet, on the pairs that are found, as it then stands."""
    n = energy.n_variables
    place = every_pair(n)
    edges = np.zeros((0, 2), dtype=np.int64)
    best, best_score, kept = edges, -math.inf, copied(energy.parameters())
    decay, wanted = ground.decay(ground.n_kept), max(1, n // 2)
    n_updates = min(_N_UPDATES, ground.plan.n_updates)
    while len(edges) < len(place):
        gain = gains(ground, energy.on(edges), chains, generator)
        gain[edges[:, 0], edges[:, 1]] = -1.0
        each = gain[place[:, 0], place[:, 1]]
        found = place[np.argsort(-each, kind="stable")[:wanted]]
        found = found[gain[found[:, 0], found[:, 1]] > 0.0]
        if not len(found):
            break
        edges = np.concatenate([edges, found])
        edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
        on = energy.on(edges)
        score = score_of(ground, on, chains, decay, n_updates, watch)
        if score <= best_score:
            break
        best, best_score, kept = edges, score, copied(energy.parameters())
        wanted *= 2
    energy.set_parameters(kept)
    return _pruned(ground, energy.on(best), chains, watch, generator, best_score)


def _pruned(
    ground: Ground,
    energy: BoltzmannEnergy,
    chains: ChainLearner,
    watch: Watch,
    generator: Generator,
    best_score: float,
) -> BoltzmannEnergy:
    """Without the pairs that chance explains, for as long as rows held out lose nothing by it."""
    decay, n_updates = ground.decay(ground.n_kept), min(_N_UPDATES, ground.plan.n_updates)
    free = np.array(energy.sizes) - 1.0
    while energy.edges is not None and len(energy.edges):
        edges, before = energy.edges, copied(energy.parameters())
        chance = 0.5 * _CHANCE * free[edges[:, 0]] * free[edges[:, 1]] / ground.n_kept
        spare = losses(ground, energy, chains, generator) - chance
        order = np.argsort(spare, kind="stable")[: max(1, int(_SHARE_TAKEN * len(edges)))]
        taken = order[spare[order] < 0.0]
        if not len(taken):
            break
        for i, j in edges[taken].tolist():
            _uncouple(energy, i, j)
        fewer = energy.on(np.delete(edges, taken, axis=0))
        score = score_of(ground, fewer, chains, decay, n_updates, watch)
        if score < best_score:
            energy.set_parameters(before)
            break
        energy, best_score = fewer, score
    return energy


def _uncouple(energy: BoltzmannEnergy, i: int, j: int) -> None:
    """Take away what a pair's couplings say beyond the rates; fields keep the rest."""
    one, two = (slice(*energy.places.starts[k : k + 2]) for k in (i, j))
    mean = energy.base_mean
    energy.fields[one] += energy.couplings[one, two] @ mean[two]
    energy.fields[two] += energy.couplings[two, one] @ mean[one]
    energy.couplings[one, two] = 0.0
    energy.couplings[two, one] = 0.0


def losses(
    ground: Ground, energy: BoltzmannEnergy, chains: ChainLearner, generator: Generator
) -> NDArray[np.float64]:
    """What the model would lose in nats a row by each of its pairs alone, ``(n_edges,)``, all else
    as it is (Barrat-Charlaix et al. 2021), over what the chains pass."""
    assert ground.data is not None
    assert energy.edges is not None
    none, drawn = Batch(torch.zeros((0, energy.n_variables))), []
    for _ in range(_N_SWEEPS):
        drawn.append(chains.advance(energy, none, generator).x.long().cpu())
    x = torch.cat(drawn).numpy()
    mean, of_state = energy.base_mean.double().cpu(), energy.places.of_state
    rates = torch.nn.functional.pad(mean, (0, 1)).numpy()
    couplings = energy.couplings.double().cpu()
    shown = 2.0 * ground.data["couplings"].double().cpu() - torch.outer(mean, mean)
    seen = (couplings * shown).numpy()
    wide = torch.nn.functional.pad(couplings, (0, 1, 0, 1)).numpy()
    starts, found = energy.places.starts, np.empty(len(energy.edges))
    for k, (i, j) in enumerate(energy.edges.tolist()):
        own = [of_state[n, : energy.sizes[n]] for n in (i, j)]
        one, two = (np.append(1.0 - rates[at[1:]].sum(), rates[at[1:]]) for at in own)
        table = wide[np.ix_(*own)]
        table = table - (table @ two)[:, None] - one @ table + one @ table @ two
        data = seen[starts[i] : starts[i + 1], starts[j] : starts[j + 1]].sum()
        found[k] = data + np.log(np.exp(-table[x[:, i], x[:, j]]).mean())
    return found


def gains(
    ground: Ground, energy: BoltzmannEnergy, chains: ChainLearner, generator: Generator
) -> NDArray[np.float64]:
    """What each pair would gain in nats a row, ``(n_variables, n_variables)``, less a multiple of
    what it would seem to by chance; 0 at most for those that do not."""
    assert ground.data is not None
    every = energy.on(None)
    none = Batch(torch.zeros((0, energy.n_variables)))
    total: Tensor | None = None
    n_drawn = 0
    for _ in range(_N_SWEEPS):
        x = chains.advance(energy, none, generator).x
        counts = choose.count_pairs(x, torch.full((len(x),), 1.0 / len(x)), every.places)
        total = counts.double() if total is None else total.add_(counts)
        n_drawn += len(x)
    assert total is not None
    model, mean = total / _N_SWEEPS, ground.data["fields"].double()
    rates = model.diagonal().clone()
    missed = 2.0 * ground.data["couplings"].double() - torch.outer(mean, mean)
    missed -= model - torch.outer(rates, rates)
    weights = torch.where(_is_bit(energy), mean * (1.0 - mean), mean) + 1.0 / ground.n_kept
    each = torch.where(every.mask, missed**2 / torch.outer(weights, weights), 0.0).cpu().numpy()
    starts = np.array(energy.places.starts[:-1])
    gain = 0.5 * np.add.reduceat(np.add.reduceat(each, starts, 0), starts, 1)
    free = np.array(energy.sizes) - 1.0
    chance = 0.5 * np.outer(free, free) * (1.0 / ground.n_kept + 1.0 / n_drawn)
    return np.maximum(gain - _CHANCE * chance, 0.0)


def _is_bit(energy: BoltzmannEnergy) -> Tensor:
    """Which statistics are those of units of 0 or 1."""
    each = [width < size for size, width in zip(energy.sizes, energy.units.widths, strict=True)]
    widths = torch.tensor(energy.units.widths)
    return torch.tensor(each).repeat_interleave(widths).to(energy.device)
