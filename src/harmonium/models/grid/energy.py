"""Images as an energy: potentials of cliques, of levels and, by choice, of places.

log_weight(x) = sum over filters f and places of table_f(response of f there)
+ sum over pixels of bias(level). The path starts from independent pixels with the data's
histograms: at inverse temperature beta everything is scaled by beta, and (1 - beta) times the
log-histogram ``base`` is added.
"""

from __future__ import annotations

import numpy as np
import torch
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
from harmonium.models.grid.cliques import Cliques
from harmonium.models.grid.kernels import choose as grid_run
from harmonium.models.grid.kernels import plain as grid_plain
from harmonium.models.grid.kernels.plain import TensorField
from harmonium.models.grid.transfer_matrix import is_affordable, log_partition

__all__ = ["GridEnergy", "level_hats"]

#: With more levels than this a sweep draws each pixel from a random window of as many.
WINDOW = 64
_NO_MEANS = torch.zeros((0, 0))


def level_hats(n_levels: int) -> Tensor:
    """``(P, L)`` float64: a place's potential is its P numbers times this.

    Every level has its own number up to 16 of them; beyond, the two ends have (pictures are
    often pure black or white there), with hat functions evenly between.
    """
    if n_levels <= 16:
        return torch.eye(n_levels, dtype=torch.float64)
    knots = np.concatenate([[0.0], np.linspace(1.0, n_levels - 2, 12), [n_levels - 1.0]])
    levels = np.arange(n_levels)
    return torch.from_numpy(np.stack([np.interp(levels, knots, unit) for unit in np.eye(14)]))


class GridEnergy(Energy):
    """Cliques over images of one shape ``(H, W)``, flattened row by row.

    ``knots (K,)``: the tables' parameters, see :class:`Cliques`. ``level (L,)``: potential of
    each level. ``place (V, P)``: each place's own, on :func:`level_hats`; None for none.
    ``base (1 or V, L)``: log-probabilities of levels at ``beta = 0``.
    """

    def __init__(
        self,
        cliques: Cliques,
        shape: tuple[int, int],
        knots: Tensor,
        level: Tensor,
        place: Tensor | None,
        base: Tensor,
    ) -> None:
        self.cliques = cliques
        self.shape = shape
        self.n_variables = shape[0] * shape[1]
        self.n_states = cliques.n_levels
        self.sizes = (self.n_states,) * self.n_variables
        self.knots, self.level, self.place, self.base = knots, level, place, base
        self.dtype, self.device = knots.dtype, knots.device
        left, share = cliques.hats
        self._left = torch.from_numpy(left).to(self.device)
        self._share = torch.from_numpy(share).to(self.device, self.dtype)
        self._hats = level_hats(self.n_states).to(self.device, self.dtype)

    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> GridEnergy:
        where = self.device if device is None else device
        parts = (self.knots, self.level, self.place, self.base)
        knots, level, place, base = (
            None if part is None else part.detach().to(where, dtype, copy=True) for part in parts
        )
        assert knots is not None
        assert level is not None
        assert base is not None
        return GridEnergy(self.cliques, self.shape, knots, level, place, base)

    def tempered(self, beta: float) -> GridEnergy:
        """The distribution proportional to P(x) ** beta."""
        copy = self.to(self.dtype)
        for parameter in copy.parameters().values():
            parameter *= beta
        return copy

    def parameters(self) -> Parameters:
        return {
            **({"knots": self.knots} if len(self.knots) else {}),
            "level": self.level,
            **({} if self.place is None else {"place": self.place}),
        }

    # -- what the parameters stand for ---------------------------------------------------------

    def tables(self) -> Tensor:
        """All filters' tables, one behind another, ``(R,)``."""
        if not len(self.knots):
            return self.knots
        return torch.lerp(self.knots[self._left], self.knots[self._left + 1], self._share)

    def bias(self) -> Tensor:
        """Potential of each level, ``(1, L)``, or at each place ``(V, L)``."""
        if self.place is None:
            return self.level.unsqueeze(0)
        return self.level + self.place @ self._hats

    def onto_knots(self, counts: Tensor) -> Tensor:
        """The gradient of ``counts @ tables()`` by the knots; ``counts (R,)``."""
        share = self._share.to(counts.dtype)
        total = torch.zeros(len(self.knots), dtype=counts.dtype, device=counts.device)
        total.index_add_(0, self._left, counts * (1 - share))
        return total.index_add_(0, self._left + 1, counts * share)

    def responses(self, x: Tensor) -> list[Tensor]:
        """Of each filter at each place, as positions in :meth:`tables`: ``(n, places)`` each."""
        return grid_plain.responses(x.long().reshape(-1, *self.shape), self.cliques)

    def log_weight(self, x: Tensor, beta: Beta = 1.0) -> Tensor:
        parts = self._potentials(x)
        return beta * parts[:, 0] + (1 - beta) * parts[:, 1]

    def _potentials(self, x: Tensor) -> Tensor:
        tables, bias, base = self.tables(), self.bias(), self.base
        return grid_run.potentials(x, self.shape, self.cliques, tables, bias, base)

    # -- moving --------------------------------------------------------------------------------

    def sweep(
        self,
        chains: Chains,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
    ) -> Chains:
        """Colour after colour; above 64 levels each pixel among a random window of 64 levels
        around its present one. Costs a few vector additions a clique and window."""
        return self._sweep(chains.x, generator, beta, evidence, want_means=False)[0]

    def anneal(
        self, chains: Chains, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Chains, Tensor]:
        """A step of annealed importance sampling: the change of log weight, then a sweep."""
        parts = self._potentials(chains.x)
        change = (beta_to - beta_from) * (parts[:, 0] - parts[:, 1])
        return self.sweep(chains, generator, beta=beta_to), change

    def sweep_means(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> tuple[Chains, Tensor]:
        """A sweep, and for each pixel the mean of what it was drawn from, float32 ``(n, V)``:
        the Rao-Blackwell form of its level, at no table's cost."""
        return self._sweep(chains.x, generator, 1.0, evidence, want_means=True)

    def _sweep(
        self,
        x: Tensor,
        generator: Generator,
        beta: Beta,
        evidence: Evidence | None,
        want_means: bool,
    ) -> tuple[Chains, Tensor]:
        window = min(WINDOW, self.n_states)
        if isinstance(generator, np.random.Generator):
            uniforms = torch.from_numpy(generator.random(tuple(x.shape), dtype=np.float32))
            shifts = torch.from_numpy(generator.integers(0, window, tuple(x.shape), dtype=np.int32))
        else:
            uniforms = torch.rand(x.shape, device=x.device, generator=generator)
            shifts = torch.randint(0, window, x.shape, device=x.device, generator=generator)
        means = x.float().clone() if want_means else _NO_MEANS
        draws = grid_run.Draws(uniforms, shifts, window)
        return Chains(self._move(x, beta, evidence, draws, means)), means

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        """Each pixel in turn to its most probable level: iterated conditional modes (Besag
        1986)."""
        ask = torch.full(x.shape, -1.0, device=x.device)
        none = torch.zeros(x.shape, dtype=torch.int32, device=x.device)
        draws = grid_run.Draws(ask, none, self.n_states)
        return self._move(x, 1.0, evidence, draws, _NO_MEANS)

    def _move(
        self, x: Tensor, beta: Beta, evidence: Evidence | None, draws: grid_run.Draws, means: Tensor
    ) -> Tensor:
        field = self.field(x, beta, evidence)
        return grid_run.sweep(x, self.shape, self.cliques, self.tables(), field, draws, means)

    def marginals(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> Tensor:
        """P(x_i = k given all other pixels); a clamped pixel has its own level for certain."""
        x = chains.x
        field = self.field(x, 1.0, evidence)
        out = grid_run.conditionals(x, self.shape, self.cliques, self.tables(), field)
        certain = torch.nn.functional.one_hot(x.long(), self.n_states).to(out.dtype)
        out = torch.where(field.free.unsqueeze(2), out, certain)
        return out[..., 1] if self.n_states == 2 else out

    def field(self, x: Tensor, beta: Beta, evidence: Evidence | None) -> TensorField:
        """What acts on single pixels, as the kernels take it."""
        n, device = len(x), x.device
        free = None if evidence is None else evidence.free
        rows = slopes = None
        table = torch.zeros((1, self.n_states), device=device)
        if evidence is not None and evidence.readings is not None:
            known = evidence.readings.as_table()
            rows, table, slopes = known.rows, known.table, known.slopes
        betas = beta if isinstance(beta, Tensor) else torch.full((n,), beta, device=device)
        nothing = torch.zeros((1, 1), device=device).expand(x.shape)
        return TensorField(
            self.bias().to(self.dtype).contiguous(),
            self.base.to(self.dtype),
            betas.to(device, self.dtype),
            torch.ones(x.shape, dtype=torch.bool, device=device) if free is None else free,
            (nothing if rows is None else rows).to(torch.int32),
            table.to(self.dtype),
            (nothing if slopes is None else slopes).to(self.dtype).contiguous(),
        )

    # -- the base, and learning ------------------------------------------------------------------

    def base_log_partition(self) -> float:
        each = torch.logsumexp(self.base.double(), 1)
        return float(each.sum() if len(each) > 1 else each.sum() * self.n_variables)

    def base_sample(self, n: int, generator: Generator) -> Tensor:
        shape = (self.n_variables, n)
        if isinstance(generator, np.random.Generator):
            uniform = torch.from_numpy(generator.random(shape)).to(self.device)
        else:
            uniform = torch.rand(
                shape, dtype=torch.float64, device=self.device, generator=generator
            )
        reached = torch.softmax(self.base.double(), 1).cumsum(1)
        reached = reached.expand(self.n_variables, -1).contiguous()
        drawn = torch.searchsorted(reached, uniform, right=True)
        return drawn.clamp_max(self.n_states - 1).T.contiguous().to(self.dtype)

    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        """Weighted histograms of responses, of levels and of levels at each place."""
        levels, share = x.long(), weights.double()
        found: Parameters = {}
        if len(self.knots):
            size = len(self._left)
            counts = torch.zeros(size, dtype=torch.float64, device=x.device)
            for places in self.responses(x):
                each = share.unsqueeze(1).expand(places.shape).reshape(-1)
                counts += torch.bincount(places.reshape(-1), each, size)
            found["knots"] = self.onto_knots(counts)
        each = share.unsqueeze(1).expand(x.shape).reshape(-1)
        found["level"] = torch.bincount(levels.reshape(-1), each, self.n_states)
        if self.place is not None:
            where = levels + self.n_states * torch.arange(self.n_variables, device=x.device)
            counts = torch.bincount(where.reshape(-1), each, self.n_variables * self.n_states)
            counts = counts.reshape(self.n_variables, self.n_states)
            found["place"] = counts @ self._hats.double().T
        return {name: value.to(self.dtype) for name, value in found.items()}

    def fused(self, learner: object, prior: object, metric: Metric) -> None:
        return None

    def exact_log_partition(self) -> float | None:
        """By the transfer matrix, for grids narrow enough."""
        value = log_partition(self.cliques, self.shape, self.tables().cpu(), self.bias().cpu())
        return None if value is None else float(value)

    def exact_moments(self) -> Parameters | None:
        """The gradient of the exact log Z."""
        if not is_affordable(self.cliques, self.shape):
            return None
        wide = self.to(torch.float64)
        live = wide.parameters()
        for parameter in live.values():
            parameter.requires_grad_(True)
        with torch.enable_grad():
            value = log_partition(wide.cliques, wide.shape, wide.tables().cpu(), wide.bias().cpu())
            assert value is not None
            gradient = torch.autograd.grad(value, list(live.values()))
        return {name: g.to(self.dtype) for name, g in zip(live, gradient, strict=True)}
