"""Coarse levels that depend on their neighbours, and the level inside each, which does not.

P(x) = P(c(x)) * product over pixels of q(x_i | c(x_i)), the sum of q over the levels inside one
coarse level being 1. So log Z is that of the coarse levels, and given their coarse levels pixels
are independent: a sweep sums out what is inside, moves the coarse levels, and draws inside anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Beta, Chains, Energy, Evidence, Generator, Metric, Parameters
from harmonium.contract.evidence import TableReadings
from harmonium.models.grid.energy import GridEnergy

__all__ = ["InsideEnergy", "coarse_of", "inside_shares", "n_coarse_of"]

#: Numbers that are worked on together.
_AT_ONCE = 2**24
#: Of levels, their log weights and a uniform number a pixel makes one number a pixel.
Pick: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]


def coarse_of(n_levels: int, n_coarse: int) -> NDArray[np.int64]:
    """The coarse level of each level, ``(n_levels,)``: steps of equal width."""
    return np.arange(n_levels) * n_coarse // n_levels


def n_coarse_of(n_coarse: int | str | None, n_levels: int) -> int:
    """How many levels depend on their neighbours: `n_levels` itself where none is coarse."""
    if n_coarse is None or isinstance(n_coarse, str):
        return n_levels
    if n_coarse > n_levels:
        raise ValueError(f"n_coarse must be at most n_levels={n_levels}, got {n_coarse}")
    return n_coarse


def inside_shares(weights: NDArray[np.float64], n_coarse: int) -> NDArray[np.float64]:
    """log P(level given its coarse level), float64 ``(n_levels,)``, by weights above 0."""
    of = coarse_of(len(weights), n_coarse)
    shares: NDArray[np.float64] = np.log(weights) - np.log(np.bincount(of, weights))[of]
    return shares


class InsideEnergy(Energy):
    """`grid` over coarse levels, and ``inside (L,)``, log P(level given its coarse level).

    States are levels, 0..L-1. The path to the base changes the coarse levels alone.
    """

    def __init__(self, grid: GridEnergy, inside: Tensor) -> None:
        self.grid, self.inside = grid, inside
        self.n_variables, self.n_states = grid.n_variables, len(inside)
        self.sizes = (self.n_states,) * self.n_variables
        self.dtype, self.device = grid.dtype, grid.device
        self._of = torch.from_numpy(coarse_of(self.n_states, grid.n_states)).to(self.device)
        #: The first level of each coarse one, and one beyond the last level.
        each = torch.arange(grid.n_states + 1, device=self.device)
        self._starts = torch.searchsorted(self._of, each)
        #: What the last evidence says of coarse levels, for the chains that ask it again.
        self._known: tuple[Evidence, bool, Evidence] | None = None

    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> InsideEnergy:
        grid = self.grid.to(dtype, device)
        return InsideEnergy(grid, self.inside.to(grid.device, dtype, copy=True))

    def tempered(self, beta: float) -> InsideEnergy:
        """The distribution proportional to P(x) ** beta."""
        return InsideEnergy(self.grid.tempered(beta), beta * self.inside)

    def parameters(self) -> Parameters:
        return self.grid.parameters()

    def coarse(self, x: Tensor) -> Tensor:
        """Coarse levels of levels, in the energy's dtype."""
        return self._of[x.long()].to(self.dtype)

    def log_inside(self, x: Tensor) -> Tensor:
        """log P(x given its coarse levels), float64 ``(n,)``."""
        return self.inside.double()[x.long()].sum(1)

    def log_weight(self, x: Tensor, beta: Beta = 1.0) -> Tensor:
        return self.grid.log_weight(self.coarse(x), beta) + self.log_inside(x)

    # -- what is inside, given what was read ---------------------------------------------------

    def _over(self, logits: Tensor, best: bool) -> Tensor:
        """Of each coarse level the log of the sum over what is inside, or the largest:
        ``(..., C)``."""
        parts = torch.split(logits, self._starts.diff().tolist(), dim=-1)
        return torch.stack([p.amax(-1) if best else p.logsumexp(-1) for p in parts], -1)

    def _of_coarse(self, x: Tensor, evidence: Evidence | None, best: bool = False) -> Evidence:
        """What is known, of coarse levels, what is inside summed out (or at its `best`); where a
        level is clamped its coarse level is."""
        if evidence is None or evidence.readings is None:
            rows = torch.zeros(x.shape, dtype=torch.int32, device=x.device)
            table = self._over(self.inside, best).unsqueeze(0)
            return Evidence(None if evidence is None else evidence.free, TableReadings(rows, table))
        if self._known is not None and self._known[0] is evidence and self._known[1] is best:
            return self._known[2]
        parts = []
        for index in _blocks(len(x), self.n_variables * self.n_states, x.device):
            own = evidence.readings.select(index).log_likelihood(slice(None), self.n_states)
            parts.append(self._over(self.inside + own, best).reshape(-1, self.grid.n_states))
        rows = torch.arange(x.numel(), dtype=torch.int32, device=x.device).reshape(x.shape)
        readings = TableReadings(rows, torch.cat(parts).to(self.dtype))
        found = Evidence(evidence.free, readings)
        self._known = (evidence, best, found)
        return found

    def _within(self, c: Tensor, evidence: Evidence | None) -> tuple[Tensor, Tensor]:
        """The levels inside ``c (n, V)`` and their log weights, ``(n, V, W)`` each: -inf beyond
        those that a coarse level has."""
        first = self._starts[c.long()].unsqueeze(2)
        levels = first + torch.arange(int(self._starts.diff().max()), device=c.device)
        beyond = levels >= self._starts[c.long() + 1].unsqueeze(2)
        levels = levels.clamp_max(self.n_states - 1)
        logits = self.inside[levels]
        if evidence is not None and evidence.readings is not None:
            known = evidence.readings.as_table()
            logits = logits + known.table[known.rows.long().unsqueeze(2), levels]
            if known.slopes is not None:
                logits = logits + known.slopes.unsqueeze(2) * levels
        return levels, logits.masked_fill(beyond, -torch.inf)

    def _filled(
        self, c: Tensor, x: Tensor, evidence: Evidence | None, pick: Pick, uniforms: Tensor
    ) -> Tensor:
        """What `pick` makes of the levels inside ``c (n, V)``, their log weights and a uniform
        number a pixel; of clamped pixels their level in `x`."""
        width = int(self._starts.diff().max())
        parts = []
        for index in _blocks(len(x), self.n_variables * width, x.device):
            own = None if evidence is None else evidence.select(index)
            parts.append(pick(*self._within(c[index], own), uniforms[index]))
        found = torch.cat(parts).to(self.dtype)
        free = None if evidence is None else evidence.free
        return found if free is None else torch.where(free, found, x)

    # -- moving --------------------------------------------------------------------------------

    def sweep(
        self,
        chains: Chains,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
    ) -> Chains:
        """The coarse levels with what is inside summed out, then what is inside."""
        x = chains.x
        known = self._of_coarse(x, evidence)
        c = self.grid.sweep(Chains(self.coarse(x)), generator, beta=beta, evidence=known).x
        uniforms = _uniforms(tuple(x.shape), generator, x.device)
        return Chains(self._filled(c, x, evidence, _draw, uniforms))

    def anneal(
        self, chains: Chains, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Chains, Tensor]:
        """A step of annealed importance sampling: the change of log weight, then a sweep."""
        change = self.grid.log_weight(self.coarse(chains.x), beta_to)
        change = change - self.grid.log_weight(self.coarse(chains.x), beta_from)
        return self.sweep(chains, generator, beta=beta_to), change

    def sweep_means(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> tuple[Chains, Tensor]:
        """A sweep, and each pixel's mean given the coarse level that was drawn, ``(n, V)``."""
        x = chains.x
        known = self._of_coarse(x, evidence)
        c = self.grid.sweep(Chains(self.coarse(x)), generator, evidence=known).x
        uniforms = _uniforms(tuple(x.shape), generator, x.device)
        means = self._filled(c, x, evidence, _mean, uniforms)
        return Chains(self._filled(c, x, evidence, _draw, uniforms)), means

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        """Each pixel in turn to its most probable coarse level and the best level inside."""
        uniforms = torch.zeros(x.shape, device=x.device)
        best = self._filled(self.coarse(x), x, evidence, _best, uniforms)
        known = self._of_coarse(x, evidence, best=True)
        c = self.grid.ascend(self.coarse(best), known)
        return self._filled(c, x, evidence, _best, uniforms)

    def marginals(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> Tensor:
        """P(x_i = k given the coarse levels of all other pixels)."""
        x = chains.x
        shares = self.grid.marginals(
            Chains(self.coarse(x)), generator, self._of_coarse(x, evidence)
        )
        if self.grid.n_states == 2:
            shares = torch.stack([1 - shares, shares], 2)
        logits = self.inside.expand(*x.shape, -1)
        if evidence is not None and evidence.readings is not None:
            logits = logits + evidence.readings.log_likelihood(slice(None), self.n_states)
        each = torch.exp(logits - self._over(logits, False)[..., self._of]).nan_to_num()
        out = shares[..., self._of] * each
        if evidence is not None and evidence.free is not None:
            certain = torch.nn.functional.one_hot(x.long(), self.n_states).to(out.dtype)
            out = torch.where(evidence.free.unsqueeze(2), out, certain)
        return out

    # -- the base, and what learns: the coarse levels' own -----------------------------------------

    def base_log_partition(self) -> float:
        return self.grid.base_log_partition()

    def base_sample(self, n: int, generator: Generator) -> Tensor:
        c = self.grid.base_sample(n, generator)
        uniforms = _uniforms(tuple(c.shape), generator, c.device)
        return self._filled(c, c, None, _draw, uniforms)

    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        return self.grid.moments(self.coarse(x), weights)

    def fused(self, learner: object, prior: object, metric: Metric) -> None:
        return None

    def exact_log_partition(self) -> float | None:
        return self.grid.exact_log_partition()

    def exact_moments(self) -> Parameters | None:
        return self.grid.exact_moments()


def _draw(levels: Tensor, logits: Tensor, uniforms: Tensor) -> Tensor:
    weights = torch.softmax(logits, 2)
    below = (weights.cumsum(2) <= uniforms.unsqueeze(2)).sum(2, keepdim=True)
    last = torch.isfinite(logits).long().mul(torch.arange(logits.shape[2], device=logits.device))
    return levels.gather(2, torch.minimum(below, last.amax(2, keepdim=True))).squeeze(2)


def _mean(levels: Tensor, logits: Tensor, uniforms: Tensor) -> Tensor:
    return (torch.softmax(logits, 2) * levels).sum(2)


def _best(levels: Tensor, logits: Tensor, uniforms: Tensor) -> Tensor:
    return levels.gather(2, logits.argmax(2, keepdim=True)).squeeze(2)


def _uniforms(shape: tuple[int, ...], generator: Generator, device: torch.device) -> Tensor:
    if isinstance(generator, np.random.Generator):
        return torch.from_numpy(generator.random(shape, dtype=np.float32))
    return torch.rand(shape, device=device, generator=generator)


def _blocks(n: int, n_each: int, device: torch.device) -> list[Tensor]:
    """Numbers of rows, some at a time, of `n_each` numbers each."""
    return list(torch.split(torch.arange(n, device=device), max(1, _AT_ONCE // n_each)))
