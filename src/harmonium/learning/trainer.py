"""Maximum likelihood for any energy: gradient estimators, and the one training loop.

The gradient of the mean log-likelihood is the expectation of d log_weight / d parameter under
the data minus the same under the model. The first is a mean over a batch; the estimators
differ in where the second comes from: enumeration, chains started at the data, chains that
persist, or chains that persist and exchange replicas with hotter ones.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import _numbered, _plain, generator_state, restore_generator
from harmonium.contract.energy import Chains, Energy, Generator, Parameters
from harmonium.sampling.tempering import ReplicaExchange, ReplicaState

__all__ = [
    "LEARNERS",
    "Batches",
    "FitResult",
    "Settings",
    "Trainer",
    "negative_phase",
    "plain_update",
]

LEARNERS = ("exact", "cd", "pcd", "pt")


@runtime_checkable
class FusedUpdate(Protocol):
    """An energy with its own fast form of :func:`plain_update` for equally weighted batches."""

    def fused_update(
        self,
        positive: Tensor,
        negative: Chains,
        negative_weights: Tensor,
        rate: float,
        decay: float,
        generator: Generator,
    ) -> None: ...


@runtime_checkable
class FusedPersistent(Protocol):
    """An energy that sweeps its chains and takes the step in one go, where it can."""

    def persistent_update(
        self,
        positive: Tensor,
        chains: Chains,
        n_gibbs: int,
        rate: float,
        decay: float,
        generator: Generator,
    ) -> Chains | None: ...


def plain_update(
    energy: Energy, positive: Tensor, model_moments: Parameters, rate: float, decay: float
) -> None:
    """One step of gradient ascent on the log-likelihood; `decay` pulls ``weights`` to zero.

    Each expectation is normalised by its own number of rows, so a batch and the chains may
    differ in number without biasing the step.
    """
    share = torch.full((len(positive),), 1.0 / len(positive), dtype=energy.dtype)
    data_moments = energy.moments(positive, share.to(energy.device))
    gradient = {key: data_moments[key] - model_moments[key] for key in data_moments}
    direction = energy.direction(gradient)
    for name, parameter in energy.parameters().items():
        if decay and name == "weights":
            parameter.mul_(1.0 - rate * decay)
        parameter.add_(direction[name], alpha=rate)
    energy.observe(data_moments)


class NegativePhase(ABC):
    """Where the model's expectation comes from."""

    @abstractmethod
    def update(
        self, energy: Energy, positive: Tensor, rate: float, decay: float, generator: Generator
    ) -> None:
        """Move whatever it holds on, then take one gradient step."""

    def tensors(self) -> dict[str, Tensor]:
        """What must be kept to go on exactly as if never interrupted."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:  # noqa: B027  (stateless ones need none)
        """The inverse of :meth:`tensors`."""


def _step(
    energy: Energy,
    positive: Tensor,
    negative: Chains,
    weights: Tensor,
    rate: float,
    decay: float,
    generator: Generator,
) -> None:
    if isinstance(energy, FusedUpdate):
        energy.fused_update(positive, negative, weights, rate, decay, generator)
    else:
        plain_update(energy, positive, energy.moments(negative.x, weights), rate, decay)


def _equal_weights(energy: Energy, n: int) -> Tensor:
    return torch.full((n,), 1.0 / n, dtype=energy.dtype, device=energy.device)


class Exact(NegativePhase):
    """The model's expectation by enumeration."""

    def update(
        self, energy: Energy, positive: Tensor, rate: float, decay: float, generator: Generator
    ) -> None:
        moments = energy.exact_moments()
        if moments is None:
            raise ValueError("learner='exact': the model has too many states to enumerate")
        plain_update(energy, positive, moments, rate, decay)


@dataclass
class Contrastive(NegativePhase):
    """Contrastive divergence: a few sweeps from the data (Hinton 2002). Biased."""

    n_gibbs: int

    def update(
        self, energy: Energy, positive: Tensor, rate: float, decay: float, generator: Generator
    ) -> None:
        chains = Chains(positive)
        for _ in range(self.n_gibbs):
            chains = energy.sweep(chains, generator)
        _step(
            energy,
            positive,
            chains,
            _equal_weights(energy, len(chains.x)),
            rate,
            decay,
            generator,
        )


@dataclass
class Persistent(NegativePhase):
    """Chains that are never restarted (Younes 1989; Tieleman 2008)."""

    chains: Chains
    n_gibbs: int
    _weights: Tensor | None = field(default=None, repr=False)
    _fused: bool | None = field(default=None, repr=False)

    def update(
        self, energy: Energy, positive: Tensor, rate: float, decay: float, generator: Generator
    ) -> None:
        if self._fused is None:  # asked once: a protocol's isinstance takes longer than a step
            self._fused = isinstance(energy, FusedPersistent)
        if self._fused:
            moved = energy.persistent_update(  # type: ignore[attr-defined]
                positive, self.chains, self.n_gibbs, rate, decay, generator
            )
            if moved is not None:
                self.chains = moved
                return
        for _ in range(self.n_gibbs):
            self.chains = energy.sweep(self.chains, generator)
        if self._weights is None:
            self._weights = _equal_weights(energy, len(self.chains.x))
        _step(energy, positive, self.chains, self._weights, rate, decay, generator)

    def tensors(self) -> dict[str, Tensor]:
        kept = {"chains": self.chains.x}
        if self.chains.hidden is not None:
            kept["chains_hidden"] = self.chains.hidden
        return kept

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self.chains = Chains(tensors["chains"], tensors.get("chains_hidden"))


@dataclass
class Tempered(NegativePhase):
    """Persistent chains that trade places with hotter replicas (Desjardins et al. 2010)."""

    state: ReplicaState
    n_gibbs: int
    exchange: ReplicaExchange = field(default_factory=ReplicaExchange)

    def update(
        self, energy: Energy, positive: Tensor, rate: float, decay: float, generator: Generator
    ) -> None:
        self.state, _ = self.exchange.step(self.state, energy, generator, self.n_gibbs)
        cold = Chains(self.state.cold)
        _step(energy, positive, cold, _equal_weights(energy, len(cold.x)), rate, decay, generator)

    def tensors(self) -> dict[str, Tensor]:
        return self.state.tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self.state = ReplicaState.restore(tensors)


def negative_phase(
    learner: str, energy: Energy, n_chains: int, n_gibbs: int, generator: Generator
) -> NegativePhase:
    """The estimator named by `learner`, one of :data:`LEARNERS`."""
    if learner == "exact":
        return Exact()
    if learner == "cd":
        return Contrastive(n_gibbs)
    if learner == "pt":
        return Tempered(ReplicaExchange().init(energy, n_chains, generator), n_gibbs)
    return Persistent(Chains(energy.base_sample(n_chains, generator)), n_gibbs)


class Batches:
    """An endless stream of equally sized batches of row numbers.

    Each round visits every row once in a fresh order, or, with weights, a number of times
    whose expectation is proportional to them (systematic resampling). A batch may span two
    rounds, so none is ever short and each row counts the same.
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        generator: np.random.Generator,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.n_rows = n_rows
        self.batch_size = batch_size
        self.generator = generator
        self.weights = weights
        self.order = self._round()
        self.position = 0

    def _round(self) -> NDArray[np.int64]:
        if self.weights is None:
            return self.generator.permutation(self.n_rows)
        edges = np.cumsum(self.weights) * (self.n_rows / self.weights.sum())
        points = np.arange(self.n_rows) + self.generator.random()
        chosen = np.minimum(np.searchsorted(edges, points, side="right"), self.n_rows - 1)
        return self.generator.permutation(chosen)

    def __next__(self) -> NDArray[np.int64]:
        parts, missing = [], self.batch_size
        while missing:
            if self.position == len(self.order):
                self.order, self.position = self._round(), 0
            part = self.order[self.position : self.position + missing]
            parts.append(part)
            self.position += len(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


@dataclass(frozen=True)
class Settings:
    """How long, how fast and how strictly to learn; every number is already decided."""

    n_updates: int
    batch_size: int
    rate: float
    decay: float
    time_limit: float | None = None
    #: The mean of parameters weighs step t by about t**averaging: the last tenth of the run.
    averaging: float = 9.0
    average_every: int = 10
    #: Look at the held-out rows when the run has grown by this factor ...
    watch_growth: float = 1.2
    #: ... and at least this many times over the whole run.
    n_watches: int = 20
    #: Stop once the best look lies this factor (in updates) behind, ...
    patience: float = 2.5
    #: ... but not in the first updates, where small models stand on a plateau.
    n_patient: int = 2000


@dataclass
class FitResult:
    """What a run of :class:`Trainer` ends with."""

    parameters: Parameters
    n_updates: int
    reason: str
    history: dict[str, list[float]]


class Trainer:
    """The training loop: batches in, the best parameters out.

    `rows` gives float rows on the energy's device for an array of row numbers; `watch` scores
    the present averaged model on held-out rows (higher is better) or is None. The learning
    rate falls linearly to zero over `n_updates` or `time_limit`, whichever runs out first.
    """

    def __init__(
        self,
        energy: Energy,
        negative: NegativePhase,
        batches: Batches,
        rows: Callable[[NDArray[np.int64]], Tensor],
        settings: Settings,
        generator: Generator,
        *,
        watch: Callable[[Parameters], dict[str, float]] | None = None,
        progress: Callable[[int, dict[str, float]], None] | None = None,
        keep: Callable[[Trainer], None] | None = None,
    ) -> None:
        self.energy = energy
        self.negative = negative
        self.batches = batches
        self.rows = rows
        self.settings = settings
        self.generator = generator
        self.watch = watch
        self.progress = progress
        self.keep = keep
        self.update = 0
        self.seconds = 0.0
        self.next_watch = min(100, settings.n_updates)
        self.average = _copy(energy.parameters())
        self.best = _copy(self.average)
        self.best_update = 0
        self.best_score = -np.inf
        self.history: dict[str, list[float]] = {}

    def _advance_average(self) -> None:
        """Polynomial-decay averaging (Shamir, Zhang 2013, section 3)."""
        steps = max(self.update // self.settings.average_every, 1)
        weight = (1.0 + self.settings.averaging) / (steps + self.settings.averaging)
        for name, parameter in self.energy.parameters().items():
            self.average[name].lerp_(parameter, weight)

    def _look(self, rate: float) -> bool:
        """Judge the averaged model, remember it if it is the best; False if not finite."""
        if not all(torch.isfinite(value).all() for value in self.average.values()):
            return False
        facts = {"update": float(self.update), "seconds": self.seconds, "learning_rate": rate}
        score = float(self.update)  # without a held-out part, later is better
        if self.watch is not None:
            seen = self.watch(self.average)
            facts.update(seen)
            score = seen["validation"]
            if not np.isfinite(score):
                return False
        for name, value in facts.items():
            self.history.setdefault(name, []).append(value)
        if score >= self.best_score:
            self.best_score, self.best_update = score, self.update
            self.best = _copy(self.average)
        return True

    def run(self) -> FitResult:
        """Learn until done, out of time, over-fitting, diverging or interrupted."""
        settings = self.settings
        started = time.perf_counter() - self.seconds
        reason = "done"
        try:
            while self.update < settings.n_updates:
                done = self.update / settings.n_updates
                if settings.time_limit is not None:
                    self.seconds = time.perf_counter() - started
                    done = max(done, self.seconds / settings.time_limit)
                    if done >= 1.0:
                        reason = "time_limit"
                        break
                rate = settings.rate * (1.0 - done)
                positive = self.rows(next(self.batches))
                self.negative.update(self.energy, positive, rate, settings.decay, self.generator)
                self.update += 1
                if self.update % settings.average_every == 0:
                    self._advance_average()
                if self.update >= self.next_watch:
                    self.seconds = time.perf_counter() - started
                    if not self._look(rate):
                        reason = "diverged"
                        break
                    gap = max(
                        min(
                            self.update * (settings.watch_growth - 1.0),
                            settings.n_updates / settings.n_watches,
                        ),
                        50.0,
                    )
                    self.next_watch = min(self.update + int(gap), settings.n_updates)
                    if self.progress is not None:
                        self.progress(self.update, {k: v[-1] for k, v in self.history.items()})
                    if self.keep is not None:
                        self.keep(self)
                    if self.watch is not None and self.update > max(
                        settings.patience * self.best_update,
                        settings.n_updates / 20,
                        settings.n_patient,
                    ):
                        reason = "overfitting"
                        break
        except KeyboardInterrupt:
            reason = "interrupted"
        self.seconds = time.perf_counter() - started
        if reason in {"time_limit", "interrupted"} and self.update:
            self._look(0.0)
        return FitResult(self.best, self.update, reason, self.history)

    # -- going on after a break ---------------------------------------------------------

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything the loop needs to go on bit for bit, as arrays and JSON-able facts."""
        groups = {
            "now": self.energy.parameters(),
            "average": self.average,
            "best": self.best,
            "negative": self.negative.tensors(),
            "energy": self.energy.running_means,
        }
        arrays = {
            f"{group}.{name}": tensor.detach().cpu().numpy().copy()
            for group, tensors in groups.items()
            for name, tensor in tensors.items()
        }
        arrays["order"] = self.batches.order
        facts = {
            "update": self.update,
            "seconds": self.seconds,
            "next_watch": self.next_watch,
            "best_update": self.best_update,
            "best_score": self.best_score,
            "history": self.history,
            "position": self.batches.position,
            "batches_generator": self.batches.generator.bit_generator.state,
            "generator": generator_state(self.generator),
        }
        return arrays, _plain(facts)

    def restore(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        device = self.energy.device

        def group(name: str) -> dict[str, Tensor]:
            prefix = f"{name}."
            return {
                key.removeprefix(prefix): torch.from_numpy(value.copy()).to(device)
                for key, value in arrays.items()
                if key.startswith(prefix)
            }

        self.energy.set_parameters(group("now"))
        for name, tensor in group("energy").items():
            means = self.energy.running_means
            if name in means:
                means[name].copy_(tensor)
            else:
                means[name] = tensor
        self.average, self.best = group("average"), group("best")
        self.negative.restore(group("negative"))
        self.batches.order = arrays["order"].copy()
        self.batches.position = facts["position"]
        self.update = facts["update"]
        self.seconds = facts["seconds"]
        self.next_watch = facts["next_watch"]
        self.best_update = facts["best_update"]
        self.best_score = facts["best_score"]
        self.history = facts["history"]
        self.batches.generator.bit_generator.state = _numbered(facts["batches_generator"])
        restore_generator(self.generator, facts["generator"])


def _copy(parameters: Parameters) -> Parameters:
    return {name: tensor.detach().clone() for name, tensor in parameters.items()}
