"""Learning by pseudo-likelihood: every variable given all others, one after another.

The logistic regression of each variable on the others is concave and needs no chains; of the two
couplings that two variables give each other the mean is kept (Ekeberg, Hartonen, Aurell 2014).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harmonium.compute.progress import stage_bar
from harmonium.contract.energy import Energy, Parameters
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import Gaussian
from harmonium.learning.checkpoint import Checkpoint, State
from harmonium.learning.climb import Climb, ClimbPlan, Objective
from harmonium.learning.record import FitResult, Look, Observer, Record
from harmonium.learning.rows import Batch, Split
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.ground import Ground, Start
from harmonium.models.boltzmann.kernels import choose

__all__ = ["fit_pseudo", "held_out_score"]

#: Iterations of a regression, and the share of its value below which a step's gain ends it.
_N_ITERATIONS, _TOL, _LEAST_GAIN = 100, 1e-5, 1e-3
#: Iterations on all of many rows, where some have led most of the way: about how many rows, and
#: when that ends.
_N_POLISHING = 12
_SOME, _LEAST_GAIN_OF_SOME = 5000, 1e-3
#: Looks of a fit at itself.
_N_LOOKS = 20
#: Precisions of the prior on couplings that are tried, in rows, on so many of the variables.
_PRECISIONS = (256.0, 64.0, 16.0, 4.0, 1.0)
_N_TRIED, _FEWEST_HELD = 8, 20
#: Of the curvature that scales a regression's steps.
_FLOOR = 1e-3


@dataclass(frozen=True)
class _Rows:
    """States ``x (n, n_variables)``, the statistics that they pick, and what each counts for."""

    x: Tensor
    picked: Tensor
    shares: Tensor

    @classmethod
    def of(cls, energy: BoltzmannEnergy, batch: Batch) -> _Rows:
        return cls(batch.x, energy.places.rows(batch.x), batch.shares(torch.float64))

    def every(self, step: int) -> _Rows:
        shares = self.shares[::step]
        return _Rows(self.x[::step], self.picked[::step], shares / shares.sum())


class _Regression:
    """One variable given all others: ``couplings (n_statistics, n_own)``, of statistics measured
    from their `mean`, and ``fields (n_own,)``, float64."""

    def __init__(self, energy: BoltzmannEnergy, variable: int) -> None:
        self.device, self.places, self.variable = energy.device, energy.places, variable
        start, stop = self.places.starts[variable : variable + 2]
        self.own, self.mean = slice(start, stop), energy.base_mean.double()
        shape = (self.places.n_statistics, stop - start)
        self.couplings = torch.zeros(shape, dtype=torch.float64, device=self.device)
        self.fields = energy.base_fields[self.own].double().clone()
        #: States without a statistic: the first of a unit of 0 or 1.
        self.n_left_out = self.places.sizes[variable] - (stop - start)

    def parameters(self) -> Parameters:
        return {"couplings": self.couplings, "fields": self.fields}

    def set_parameters(self, parameters: Parameters) -> None:
        for name, tensor in self.parameters().items():
            tensor.copy_(parameters[name])

    def value(self, rows: _Rows) -> tuple[float, Parameters]:
        """The mean log P of the variable in nats, and its gradient."""
        left = self.n_left_out
        table = torch.nn.functional.pad(self.couplings, (left, 0, 0, 1))
        own = torch.nn.functional.pad(self.fields - self.mean @ self.couplings, (left, 0))
        given = (rows.x, rows.picked, rows.shares, self.variable, self.places)
        value, slopes, slope = choose.regress(*given, table, own)
        slopes, slope = slopes[:-1, left:], slope[left:]
        slopes = torch.where(self.mask, slopes - torch.outer(self.mean, slope), 0.0)
        return value, {"couplings": slopes, "fields": slope}

    def value_alone(self, rows: _Rows) -> float:
        """The mean log P of the variable by its fields, without couplings."""
        log_p = torch.log_softmax(torch.nn.functional.pad(self.fields, (self.n_left_out, 0)), 0)
        return float(rows.shares @ log_p[rows.x[:, self.variable].long()])

    @property
    def mask(self) -> Tensor:
        return self.places.mask[:, self.own.start : self.own.start + 1].to(self.device)

    def scales(self, decay: float) -> Parameters:
        variance = self.mean * (1.0 - self.mean)
        own = variance[self.own]
        return {
            "couplings": (torch.outer(variance, own) + decay + _FLOOR).rsqrt() * self.mask,
            "fields": (own + 0.01).rsqrt(),
        }


class _Conditional(Objective):
    """Mean log P of one variable given all others, of rows."""

    name = "pseudo_log_likelihood"

    def __init__(self, rows: _Rows) -> None:
        self.rows = rows

    def value_and_gradient(self, energy: Energy) -> tuple[float, Parameters]:
        regression: Any = energy
        return regression.value(self.rows)


@dataclass(frozen=True)
class _Climbed:
    """A regression at its best, mean log P of the rows there, and the iterations that it took."""

    regression: _Regression
    value: float
    n_iterations: int


def _climbed(energy: BoltzmannEnergy, i: int, rows: _Rows, decay: float) -> _Climbed:
    """The regression of variable i. Of many rows some lead most of the way, at their share of the
    cost, and what they tell of the curvature saves steps on all."""
    regression = _Regression(energy, i)
    alone: Any = regression  # an energy as far as a climb asks
    n_iterations, parts = 0, _parts(rows)
    climb: Climb | None = None
    for part in parts:
        plan = ClimbPlan(_N_ITERATIONS, _TOL, _LEAST_GAIN_OF_SOME)
        if part is rows:
            most = _N_ITERATIONS if len(parts) == 1 else _N_POLISHING
            plan = ClimbPlan(most, _TOL, _LEAST_GAIN)
        record = Record(regression.parameters(), None)
        if climb is None:
            # Either variable of a pair has half of the pull on their couplings.
            prior = Gaussian({"couplings": 0.5 * decay})
            scales = regression.scales(decay)
            climb = Climb(alone, _Conditional(part), prior, scales, plan, record)
        else:
            climb = climb.turned_to(_Conditional(part), plan, record)
        result = climb.run()
        n_iterations += result.n_updates
        if result.reason is StopReason.INTERRUPTED:  # not one regression ends, but the fit
            raise KeyboardInterrupt
    assert climb is not None
    return _Climbed(regression, climb.value, n_iterations)


def _parts(rows: _Rows) -> list[_Rows]:
    """The rows, and before them some of many, evenly spread."""
    step = len(rows.x) // _SOME
    if step < 3 or not bool(rows.shares[::step].any()):
        return [rows]
    return [rows.every(step), rows]


@dataclass
class _Columns:
    """Regressions done so far, in the energy's arrays: couplings as each gave them, its column a
    variable, and fields of centred statistics. ``sums`` over variables of mean log P of rows
    learned from and held out, those still to come at their rates."""

    energy: BoltzmannEnergy
    done: int = 0
    iterations: int = 0
    seconds: float = 0.0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0])
    history: dict[str, list[float]] = field(default_factory=dict)

    def add(self, i: int, kept: _Rows, held: _Rows | None, decay: float) -> None:
        alone = _Regression(self.energy, i)
        found = _climbed(self.energy, i, kept, decay)
        regression = found.regression
        self.energy.couplings[:, regression.own] = regression.couplings.to(self.energy.dtype)
        self.energy.fields[regression.own] = regression.fields.to(self.energy.dtype)
        self.sums[0] += found.value - alone.value_alone(kept)
        if held is not None:
            self.sums[1] += regression.value(held)[0] - alone.value_alone(held)
        self.done, self.iterations = i + 1, self.iterations + found.n_iterations

    def look(self, held: bool) -> Look:
        facts = {"update": float(self.iterations), "seconds": self.seconds}
        facts["train"] = self.sums[0] / self.energy.n_variables
        facts["pseudo_log_likelihood"] = facts["train"]
        if held:
            facts["validation"] = self.sums[1] / self.energy.n_variables
        for name, value in facts.items():
            self.history.setdefault(name, []).append(value)
        return Look(self.iterations, self.energy.parameters(), self.iterations, facts)

    def finish(self) -> None:
        """Make one symmetric model of the regressions: of a pair that has but one, that one."""
        energy, starts = self.energy, self.energy.places.starts
        known = torch.arange(len(energy.fields), device=energy.device) < starts[self.done]
        both = known.to(energy.dtype)
        energy.couplings.copy_(energy.couplings + energy.couplings.T)
        energy.couplings.div_((both.unsqueeze(0) + both.unsqueeze(1)).clamp(min=1.0))
        energy.fields.sub_(energy.couplings @ energy.base_mean)

    def state(self) -> State:
        facts = {k: getattr(self, k) for k in ("done", "iterations", "seconds", "sums", "history")}
        return State(dict(self.energy.parameters()), facts)

    def restore(self, state: State) -> None:
        self.energy.set_parameters(state.tensors)
        for name, value in state.facts.items():
            setattr(self, name, value)


def _alone(energy: BoltzmannEnergy, rows: _Rows | None) -> float:
    """Mean log P of rows under independent columns."""
    if rows is None:
        return 0.0
    each = energy.log_weight(rows.x, 0.0) - energy.base_log_partition()
    return float(rows.shares @ each)


def held_out_score(
    ground: Ground, energy: BoltzmannEnergy, split: Split, decay: float, n_tried: int = 3
) -> float:
    """Mean log P of some of the variables given all others, of the rows that `split` holds out."""
    kept, held = (
        _Rows.of(energy, ground.rows.pick(index, weights))
        for index, weights in (
            (split.kept, split.kept_weights),
            (split.held, split.held_weights),
        )
    )
    return _score(energy, kept, held, decay, n_tried)


def _score(energy: BoltzmannEnergy, kept: _Rows, held: _Rows, decay: float, n_tried: int) -> float:
    n = energy.n_variables
    some = sorted({int(i) for i in torch.linspace(0, n - 1, min(n_tried, n)).round().tolist()})
    return float(sum(_climbed(energy, i, kept, decay).regression.value(held)[0] for i in some))


def _decay(ground: Ground, energy: BoltzmannEnergy, kept: _Rows, held: _Rows | None) -> float:
    """The pull under which some of the variables of held-out rows are most likely."""
    decay = ground.decay(ground.n_kept)
    if not isinstance(ground.wanted.weight_decay, str) or ground.plan.n_held < _FEWEST_HELD:
        return decay
    assert held is not None
    best, best_score = decay, -float("inf")
    for precision in _PRECISIONS:
        decay = precision / ground.n_kept
        score = _score(energy, kept, held, decay, _N_TRIED)
        if score <= best_score:
            break
        best, best_score = decay, score
    return best


def fit_pseudo(
    ground: Ground, start: Start, checkpoint: Checkpoint | None, observers: Sequence[Observer]
) -> tuple[FitResult, BoltzmannEnergy]:
    """Every variable's regression; `history` has mean log P of a variable given all others."""
    energy, split, plan = ground.blank(start), ground.split, ground.plan
    kept = _Rows.of(energy, ground.rows.pick(split.kept, split.kept_weights))
    held = None
    if len(split.held):
        held = _Rows.of(energy, ground.rows.pick(split.held, split.held_weights))
    columns, n = _Columns(energy), energy.n_variables
    columns.sums = [_alone(energy, rows) for rows in (kept, held)]
    parts = {"record": columns}
    if checkpoint is not None:
        checkpoint.read("pseudo", parts, energy.device)
    began, reason = time.perf_counter() - columns.seconds, StopReason.DONE
    looks = {round(n * k / _N_LOOKS) for k in range(1, _N_LOOKS + 1)}
    with torch.no_grad(), stage_bar(ground.wanted.verbose, "fit", n) as show:
        try:
            decay = _decay(ground, energy, kept, held)
            for i in range(columns.done, n):
                columns.seconds = time.perf_counter() - began
                if plan.time_limit is not None and columns.seconds > plan.time_limit and i:
                    reason = StopReason.TIME_LIMIT
                    break
                columns.add(i, kept, held, decay)
                if show is not None:
                    show(i + 1, columns.sums[0] / n)
                if i + 1 in looks:
                    columns.seconds = time.perf_counter() - began
                    look = columns.look(held is not None)
                    for observer in observers:
                        observer(look)
                    if checkpoint is not None:
                        checkpoint.write("pseudo", parts)
        except KeyboardInterrupt:
            reason = StopReason.INTERRUPTED
        columns.finish()
    result = FitResult(energy.parameters(), columns.iterations, reason, columns.history)
    return result, energy
