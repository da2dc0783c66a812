"""The one door to learning: rows and a start in, the best parameters out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from harmonium.compute.progress import FitProgress
from harmonium.compute.random import generator_state, restore_generator
from harmonium.compute.ranks import Ranks
from harmonium.compute.threads import SMALL_PRODUCT, one_thread
from harmonium.contract.energy import Energy, Generator, Metric
from harmonium.contract.warning import warn_caller
from harmonium.learning.ascent import Ascent, Prior, are_finite
from harmonium.learning.checkpoint import Checkpoint, Part
from harmonium.learning.climb import Climb
from harmonium.learning.fillings import Fillings
from harmonium.learning.learners import LEARNERS
from harmonium.learning.learners.base import Learner
from harmonium.learning.learners.pseudo import Pseudo
from harmonium.learning.parallel import Shared, WatchedByFirst, check_same
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.record import FitResult, Look, Observer, Record
from harmonium.learning.rows import RowSource, Split, n_rows_of
from harmonium.learning.sharded import all_of, batches_of
from harmonium.learning.trainer import Trainer
from harmonium.learning.watch import Watch, Watching

__all__ = ["RunningFit", "climbed", "fit", "watch_of"]


def watch_of(
    rows: RowSource, split: Split, plan: Plan, watching: Watching | None, streams: Streams
) -> Watch | None:
    """What watches the rows held out; None where there are none, or nothing that could."""
    if watching is None or not len(split.held):
        return None
    n, weights = plan.n_shown, split.kept_weights
    seen = rows.pick(split.kept[:n], None if weights is None else weights[:n])
    return watching(rows.pick(split.held, split.held_weights), seen, streams.watching)


def fit(
    ascent: Ascent,
    learner: Learner,
    rows: RowSource,
    split: Split,
    plan: Plan,
    *,
    streams: Streams,
    generator: Generator,
    watching: Watching | None = None,
    observers: Sequence[Observer] = (),
    checkpoint: Checkpoint | None = None,
    stage: str = "learning",
    beside: Mapping[str, Part] | None = None,
    verbose: int = 0,
) -> FitResult:
    """Run the training loop; the result's parameters are the best seen on rows held out.

    `ascent` and `learner` are the start; `generator` is what chains are moved by. What a
    `checkpoint` holds of this `stage` of the same fit is gone on from; parts `beside` are kept in
    it too.

    Of rows with unknown cells the likelihood of what is known is climbed: the learner meets them
    filled (:class:`~harmonium.learning.fillings.Fillings`). Raises ``ValueError`` for these with
    a learner of pseudo-likelihood, whose terms have no such form.

    In a process group of several ranks all of them call this with the same arguments, and learn
    together (:mod:`harmonium.learning.parallel`); all have the same result. A learner whose chains
    hang on each other runs on the first rank alone, with a ``RuntimeWarning``.
    """
    if rows.holes is not None and isinstance(learner, Pseudo):
        raise ValueError("learner='pseudo' cannot learn from rows with missing cells")
    ranks = Ranks.here()
    kept = _Kept(observers, checkpoint, stage, beside)
    run = partial(_run, ascent, rows=rows, split=split, streams=streams, generator=generator)
    run = partial(run, watching=watching, kept=kept, verbose=0 if ranks.rank else verbose)
    if ranks.world == 1:
        return run(learner, plan=plan, ranks=ranks)
    plan = ranks.same(plan)
    check_same(rows, split, plan, ascent.energy, ranks)
    if not learner.can_share:
        if not ranks.rank:
            warn_caller(
                "a strongly correlated table is learned by chains that carry weights, which are "
                f"not shared out: rank 0 fits alone, the other {ranks.world - 1} wait",
                RuntimeWarning,
            )
        return ranks.first(lambda: run(learner, plan=plan, ranks=Ranks()))
    ranks.copy(ascent.state().tensors.values())
    shared = Shared(learner, ranks)
    result = run(shared, plan=plan, ranks=ranks)
    shared.rejoin()
    return result


@dataclass(frozen=True)
class _Kept:
    """Who is told of a run's looks, and what is kept of it where."""

    observers: Sequence[Observer]
    checkpoint: Checkpoint | None
    stage: str
    beside: Mapping[str, Part] | None


def _run(
    ascent: Ascent,
    learner: Learner,
    *,
    rows: RowSource,
    split: Split,
    plan: Plan,
    streams: Streams,
    generator: Generator,
    watching: Watching | None,
    kept: _Kept,
    verbose: int,
    ranks: Ranks,
) -> FitResult:
    fillings = None
    if rows.holes is not None:
        fillings = Fillings(rows.n_rows, rows.holes, ascent.energy, generator, ranks)
    batches = batches_of(rows, split, plan.batch_size, streams.order, ranks)
    watch = watch_of(rows, split, plan, watching, streams)
    if watch is not None and ranks.world > 1:
        watch = WatchedByFirst(watch, ranks)
    record = Record(ascent.energy.parameters(), watch)
    generator = ranks.own(generator)
    trainer = Trainer(ascent, learner, batches, plan, generator, record, fillings, ranks)
    told = list(kept.observers)
    if kept.checkpoint is not None:
        parts: dict[str, Part] = {
            "ascent": ascent,
            "learner": learner,
            "batches": batches,
            "record": record,
            "trainer": trainer,
            **({} if watch is None else {"watch": watch}),
            **({} if fillings is None else {"fillings": fillings}),
            **(kept.beside or {}),
        }
        kept.checkpoint.read(kept.stage, parts, ascent.energy.device)
        told.append(kept.checkpoint.writer(kept.stage, parts))
    small = _is_small(ascent.energy, plan)
    bar = _shown(plan.n_updates, plan.time_limit, verbose)
    with one_thread(trainer.fused or small), bar as show, torch.no_grad():
        return trainer.run([*show, *told])


def climbed(
    climb: Climb,
    stage: str,
    *,
    observers: Sequence[Observer] = (),
    checkpoint: Checkpoint | None = None,
    beside: Mapping[str, Part] | None = None,
    verbose: int = 0,
) -> FitResult:
    """Run a climb to its end, from what a `checkpoint` holds of this `stage` of the same fit.

    Of several ranks the first one climbs, and all have what it reached: the sums that it takes are
    over states as much as rows, and no step may differ between ranks.
    """
    plan, watch = climb.plan, climb.record.watch
    told = list(observers)
    if checkpoint is not None:
        parts: dict[str, Part] = {
            "climb": climb,
            "record": climb.record,
            **({} if watch is None else {"watch": watch}),
            **(beside or {}),
        }
        checkpoint.read(stage, parts, climb.energy.device)
        told.append(checkpoint.writer(stage, parts))

    def run() -> FitResult:
        with _shown(plan.n_iterations, plan.time_limit, verbose) as bar, torch.no_grad():
            return climb.run([*bar, *told])

    result = Ranks.here().first(run)
    climb.energy.set_parameters(result.parameters)
    return result


def _is_small(energy: Energy, plan: Plan) -> bool:
    """Whether a step's products, rows and chains times parameters, are too small to share out."""
    size = max(tensor.numel() for tensor in energy.parameters().values())
    return (plan.batch_size + plan.n_chains) * size < SMALL_PRODUCT


class _Shown:
    """A progress bar as a list of one observer, while it is shown."""

    def __init__(self, n_updates: int, time_limit: float | None) -> None:
        self.bar = FitProgress(n_updates, time_limit)

    def __enter__(self) -> list[Observer]:
        self.bar.__enter__()
        return [self._show]

    def __exit__(self, *details: object) -> None:
        self.bar.__exit__(*details)

    def _show(self, look: Look) -> None:
        self.bar.update(look.update, look.facts)


def _shown(n_updates: int, time_limit: float | None, verbose: int) -> Any:
    """Gives the observers that show a run's progress: one where `verbose`, else none."""
    return _Shown(n_updates, time_limit) if verbose else nullcontext([])


class RunningFit:
    """What ``partial_fit`` goes on from: parameters, chains and randomness, from call to call.

    An estimator's ``fit`` drops it, so that chains of one model never meet the parameters of
    another.
    """

    def __init__(
        self,
        energy: Energy,
        metric: Metric,
        learner: Learner,
        source: np.random.Generator,
        generator: Generator,
    ) -> None:
        self.energy, self.metric, self.learner = energy, metric, learner
        self.source, self.generator = source, generator
        self._ranks = ranks = Ranks.here()
        self._parts = (learner, getattr(learner, "chains", None))
        if ranks.world > 1:
            ranks.copy([*energy.parameters().values(), *metric.tensors.values()])
            restore_generator(source, ranks.same(generator_state(source)))
            self.generator = ranks.own(generator)
            self.learner = Shared(learner, ranks)

    def is_of(self, learner: str) -> bool:
        """Whether its learner, or the chains that this is made of, is the one of this name."""
        return any(isinstance(part, LEARNERS[learner]) for part in self._parts)

    def learn(self, rows: RowSource, plan: Plan, prior: Prior) -> int:
        """One pass over the rows, at the plan's rate throughout; returns the updates it took.

        Raises ``FloatingPointError`` where parameters stop being finite; they and the chains
        are then as they were.
        """
        ascent = Ascent(self.energy, prior, self.metric)
        before, chains = ascent.state().copy(), self.learner.state().copy()
        batches = batches_of(rows, all_of(rows), plan.batch_size, self.source, self._ranks)
        n_updates = math.ceil(n_rows_of(rows) / plan.batch_size)
        fused = ascent.fused(self.learner)
        with (
            one_thread(fused is not None or _is_small(self.energy, plan)),
            torch.no_grad(),
        ):
            for _ in range(n_updates):
                batch = next(batches)
                if fused is not None:
                    fused(batch.rows, plan.rate, self.generator)
                    continue
                moments = self.learner.gradient(self.energy, batch, self.generator)
                ascent.step(moments, plan.rate)
        if not are_finite(self.energy.parameters()):
            ascent.restore(before)
            self.learner.restore(chains)
            raise FloatingPointError(
                "partial_fit diverged (parameters are no longer finite); the model is unchanged; "
                "lower learning_rate"
            )
        return n_updates
