"""A first model for strongly correlated tables: few hidden units, all their states summed.

Chains that start at base rates find one mode of a table with several far apart, and never the
others. With q hidden units all 2^q states of them can be visited, so gradient, likelihood and
draws are exact, and no mode is missed (in the spirit of the low-rank start of Béreux, Decelle,
Furtlehner, Rosset, Seoane 2025). Units come one at a time, each along the direction in which
the rows still differ most from what the others say, as long as rows kept apart gain by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.compute import draws
from harmonium.compute.random import systematic_resampling
from harmonium.contract.energy import Generator, Parameters
from harmonium.models.rbm.curvature import leading_direction
from harmonium.models.rbm.implicit import Ensemble, implicit_step, safe_rate

__all__ = ["MOST_UNITS", "SummedStart", "hidden_states", "summed_start"]

#: Hidden units whose states are summed, at most.
MOST_UNITS = 12
#: One row in so many judges whether another unit is worth it; fewer judges than this are none.
_JUDGED, _FEWEST_JUDGES = 4, 5
#: Hidden states that stand for the model in a step: the most probable ones.
_ENSEMBLE = 256
#: Variance of the log weights' change that a step may cause.
_MOST_CHANGE = 1.0
#: A unit is learned until a step gains less than this share of the objective, at most so many
#: steps; and all of them once more, to the end.
_UNIT, _POLISH = (2e-3, 60), (2e-5, 300)
#: Steps that a unit is given before their gain is asked for; the shortest that is tried.
_PATIENT, _SHORTEST = 5, 0.002
#: A unit must gain this share of the rows' log-likelihood, and its own standard error.
_LEAST_GAIN = 1e-3
#: Logits in one block of hidden states.
_BLOCK = 2**22


@dataclass(frozen=True)
class SummedStart:
    """An RBM of q hidden units whose 2^q states are all known: float32 ``weights (n_visible,
    q)``, ``visible_bias``, ``hidden_bias`` and ``hidden_mean`` (under the data).

    ``log_masses (2^q,)``, float64, are log P~(h) of :func:`hidden_states`; ``row_share (2^q,)``
    the share of the rows that were drawn into each state.
    """

    weights: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor
    hidden_mean: Tensor
    log_masses: Tensor
    row_share: Tensor

    @property
    def n_units(self) -> int:
        return len(self.hidden_bias)

    @property
    def log_partition(self) -> float:
        """log Z of the q units, exactly."""
        return float(torch.logsumexp(self.log_masses, 0))

    def log_likelihood(self, rows: Tensor) -> Tensor:
        """Of each row of 0 and 1, in nats, exactly: float64 ``(n,)``."""
        bias, weights = self.visible_bias.double(), self.weights.double()
        logits = self.hidden_bias.double() + rows.double() @ weights
        return rows.double() @ bias + softplus(logits).sum(1) - self.log_partition

    def draw_hidden(self, n: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """`n` hidden states, half of them for the model's share and half for the rows', so that
        no mode of either is without: states ``(n, q)``, their log weights, and their log masses.
        """
        probability = torch.softmax(self.log_masses, 0)
        proposal = 0.5 * (probability + self.row_share)
        chosen = self._systematic(proposal, n, generator)
        log_weights = self.log_masses[chosen] - self.log_partition - proposal[chosen].log()
        states = hidden_states(self.n_units, self.weights)
        return states[chosen], log_weights, self.log_masses[chosen]

    def draw_rows(self, n: int, generator: Generator) -> Tensor:
        """`n` draws of the visible units, each exact; together they spread evenly over modes."""
        probability = torch.softmax(self.log_masses, 0)
        states = hidden_states(self.n_units, self.weights)
        chosen = self._systematic(probability, n, generator)
        logits = torch.addmm(self.visible_bias, states[chosen], self.weights.T)
        return draws.bernoulli(logits, generator, out=logits)

    def _systematic(self, shares: Tensor, n: int, generator: Generator) -> Tensor:
        found = systematic_resampling(shares.double().cpu().numpy(), n, generator)
        return torch.from_numpy(found).to(self.weights.device)


def hidden_states(n_units: int, like: Tensor) -> Tensor:
    """All states of units of 0 and 1, ``(2^n_units, n_units)``, the first unit fastest, with
    the precision and device of `like`."""
    numbers = torch.arange(2**n_units, device=like.device).unsqueeze(1)
    return (numbers >> torch.arange(n_units, device=like.device) & 1).to(like)


@dataclass(frozen=True)
class _Point:
    """Parameters, the log masses of all hidden states there, and what is climbed."""

    parameters: Parameters
    log_masses: Tensor
    objective: float


def summed_start(
    rows: Tensor,
    base_bias: Tensor,
    *,
    decay: float,
    generator: Generator,
    most_units: int = MOST_UNITS,
    most_work: float = 2e9,
) -> SummedStart:
    """Learn hidden units one at a time from `rows` ``(n, n_visible)`` of 0 and 1, in an order
    that tells nothing.

    One row in four is kept apart, and units are added while their likelihood of these rises;
    there may be none. `decay` pulls the weights to zero. Ends after `most_units`, or when
    `most_work` logits of visible units have been worked out (2e9: some ten seconds).
    """
    n_judges = len(rows) // _JUDGED
    if n_judges < _FEWEST_JUDGES:
        most_units = 0
    judges, learned = rows[:n_judges], rows[n_judges:]
    climb = _Climb(learned, torch.sigmoid(base_bias), decay, most_work)
    found = climb.begin(base_bias)
    while found.n_units < most_units and climb.left > 0:
        point = climb.another_unit(found)
        if point is None:
            break
        wider = climb.start_of(climb.ascend(point, *_UNIT), generator)
        if not _is_worth(wider, found, judges):
            break
        found = wider
    if found.n_units:
        climb.hidden_mean = found.hidden_mean
        point = climb.point(_parameters(found))
        polished = climb.start_of(climb.ascend(point, *_POLISH), generator)
        if float((polished.log_likelihood(judges) - found.log_likelihood(judges)).mean()) > 0:
            found = polished
    return found


def _is_worth(wider: SummedStart, found: SummedStart, judges: Tensor) -> bool:
    """Whether one more unit tells clearly more about rows that it was not learned from."""
    before = found.log_likelihood(judges)
    gain = wider.log_likelihood(judges) - before
    error = float(gain.std()) / math.sqrt(len(gain))
    return float(gain.mean()) > max(error, _LEAST_GAIN * abs(float(before.mean())))


def _parameters(start: SummedStart) -> Parameters:
    return {
        "weights": start.weights,
        "visible_bias": start.visible_bias,
        "hidden_bias": start.hidden_bias,
    }


class _Climb:
    """Ascent of the exact mean log-likelihood of `rows` less the weights' pull.

    `left` is the work that may still be done, in logits of visible units.
    """

    def __init__(self, rows: Tensor, mean: Tensor, decay: float, left: float) -> None:
        self.rows, self.mean, self.decay, self.left = rows, mean, decay, left
        self.hidden_mean = mean.new_zeros(0)

    def begin(self, bias: Tensor) -> SummedStart:
        """No hidden unit: independent columns."""
        weights, none = bias.new_zeros((len(bias), 0)), bias.new_zeros(0)
        mass = softplus(bias.double()).sum().reshape(1)
        share = torch.ones_like(mass)
        return SummedStart(weights, bias.clone(), none, self.hidden_mean, mass, share)

    def another_unit(self, found: SummedStart) -> _Point | None:
        """`found` and a unit along the leading direction of what it leaves of the rows; None
        where nothing is left."""
        hidden = torch.sigmoid(torch.addmm(found.hidden_bias, self.rows, found.weights))
        rest = self.rows - torch.sigmoid(torch.addmm(found.visible_bias, hidden, found.weights.T))
        matrix = rest.cpu().numpy()
        first = matrix[int(np.abs(matrix.sum(1)).argmax())]
        direction, squares = leading_direction(lambda v: matrix.T @ (matrix @ v), first)
        spread = math.sqrt(squares / len(matrix))
        if spread < 1e-3:
            return None
        unit = torch.from_numpy(direction / np.float32(spread)).to(self.rows).unsqueeze(1)
        self.hidden_mean = torch.cat([found.hidden_mean, unit.new_full((1,), 0.5)])
        return self.point(
            {
                "weights": torch.cat([found.weights, unit], 1),
                "visible_bias": found.visible_bias - 0.5 * unit[:, 0],
                "hidden_bias": torch.cat([found.hidden_bias, -(self.rows @ unit).mean(0)]),
            }
        )

    def point(self, parameters: Parameters) -> _Point:
        """The objective at these parameters, by all hidden states."""
        weights, bias, hidden_bias = parameters.values()
        n_visible, n_units = weights.shape
        states = hidden_states(n_units, weights)
        self.left -= len(states) * n_visible + len(self.rows) * n_units
        parts = [
            block @ hidden_bias.double()
            + softplus(torch.addmm(bias, block.to(bias), weights.T)).sum(1, dtype=torch.float64)
            for block in torch.split(states.double(), max(1, _BLOCK // n_visible))
        ]
        masses = torch.cat(parts)
        logits = torch.addmm(hidden_bias, self.rows, weights)
        fit = self.rows @ bias + softplus(logits).sum(1)
        pull = 0.5 * self.decay * float(weights.double().square().sum())
        value = float(fit.mean(dtype=torch.float64)) - float(torch.logsumexp(masses, 0)) - pull
        return _Point(parameters, masses, value)

    def ascend(self, point: _Point, tolerance: float, most: int) -> _Point:
        """Implicit steps, none of which lowers the objective: one that would is halved."""
        scale = 1.0
        for step in range(most):
            if self.left <= 0 or scale < _SHORTEST:
                break
            moved = self.point(self._moved(point, scale))
            if not moved.objective >= point.objective:
                scale *= 0.5
                continue
            gain, point = moved.objective - point.objective, moved
            scale = min(1.0, 1.5 * scale)
            if step >= _PATIENT and gain < tolerance * abs(point.objective):
                break
        return point

    def _moved(self, point: _Point, rate: float) -> Parameters:
        weights, bias, hidden_bias = point.parameters.values()
        share = torch.softmax(point.log_masses, 0)
        kept = torch.topk(share, min(_ENSEMBLE, len(share)))
        shares = (kept.values / kept.values.sum()).to(weights)
        states = hidden_states(weights.shape[1], weights)[kept.indices]
        logits = torch.addmm(bias, states, weights.T)
        hidden = torch.sigmoid(torch.addmm(hidden_bias, self.rows, weights))
        self.hidden_mean = torch.lerp(self.hidden_mean, hidden.mean(0), 0.2)
        offsets = (self.mean, self.hidden_mean)
        ensemble = Ensemble(torch.sigmoid(logits) - offsets[0], states - offsets[1], shares)
        rows = (self.rows - offsets[0], hidden - offsets[1])
        step = implicit_step(rows, ensemble, offsets, -self.decay * weights, rate)
        rate = safe_rate(step, states, shares, logits, rate, _MOST_CHANGE)
        moved = {name: tensor.clone() for name, tensor in point.parameters.items()}
        step.take(moved, rate)
        return moved

    def start_of(self, point: _Point, generator: Generator) -> SummedStart:
        """The model at a point, and the states that draws for the rows lie in."""
        weights, bias, hidden_bias = point.parameters.values()
        logits = torch.addmm(hidden_bias, self.rows, weights)
        drawn = draws.bernoulli(logits, generator, out=logits)
        powers = 2 ** torch.arange(len(hidden_bias), device=drawn.device)
        count = torch.bincount(drawn.long() @ powers, minlength=len(point.log_masses))
        share = count.to(point.log_masses) / len(drawn)
        return SummedStart(weights, bias, hidden_bias, self.hidden_mean, point.log_masses, share)
