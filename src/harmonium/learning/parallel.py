"""Learning on several ranks: each has its share of every batch and of the chains.

The gradient is that of one process with all of them: expectations are averaged over ranks, each
counting for its own rows or chains, before anything follows them (the step, the prior's pull,
centring). Parameters are the same on all ranks at every update.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch

from harmonium.compute.ranks import Ranks
from harmonium.contract.energy import Energy, Generator, Parameters
from harmonium.learning.ascent import Moments
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import Learner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch, RowSource, Split
from harmonium.learning.watch import Confirmation, Score, Watch
from harmonium.sampling.tempering import ReplicaState

__all__ = ["Shared", "WatchedByFirst", "check_same"]

#: Rows that are compared between ranks.
_N_COMPARED = 1000


class Shared(Learner):
    """Another `learner` on this rank's share of the chains and rows, its expectations averaged.

    Its state is that of all ranks' chains together, as one process with all of them would have
    it: what several ranks have written goes on with any number of them.
    """

    def __init__(self, learner: Learner, ranks: Ranks) -> None:
        self.learner, self.ranks = learner, ranks
        whole = learner.state()
        n_chains = _n_chains(whole)
        if 0 < n_chains < ranks.world:
            raise ValueError(f"n_chains must be at least {ranks.world}, one a rank, got {n_chains}")
        #: Chains of this rank; 0 for learners that have none of their own.
        self.n_chains = len(range(ranks.rank, n_chains, ranks.world))
        self.restore(whole)

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        """There is none of nothing: it is made of a learner that has started, and ranks."""
        raise TypeError("Shared is made of another learner and ranks")

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        found = self.learner.gradient(energy, batch, generator)
        n_rows = len(batch.rows)
        n_chains = self.n_chains or n_rows
        parts = [value * n_rows for value in found.data.values()]
        parts += [value * n_chains for value in found.model.values()]
        counts = torch.tensor([n_rows, n_chains]).to(parts[0])
        *sums, counts = self.ranks.total([*parts, counts])
        data = dict(zip(found.data, sums[: len(found.data)], strict=True))
        model = dict(zip(found.model, sums[len(found.data) :], strict=True))
        for whole, count in ((data, counts[0]), (model, counts[1])):
            for value in whole.values():
                value.div_(count)
        return Moments(data, model)

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        self.learner.begin_again(energy, batch, generator)

    def state(self) -> State:
        own = self.learner.state()
        sent = State({name: tensor.cpu() for name, tensor in own.tensors.items()}, own.facts)
        whole = _joined(self.ranks.each(sent))
        tensors = {name: whole.tensors[name].to(own.tensors[name].device) for name in own.tensors}
        return State(tensors, whole.facts)

    def restore(self, state: State) -> None:
        self.learner.restore(_share(state, self.ranks))

    def rejoin(self) -> None:
        """Leave the learner with the chains of all ranks, as it came."""
        self.learner.restore(self.state())


def _n_chains(state: State) -> int:
    tensors = state.tensors
    if "replicas" in tensors:
        return ReplicaState.restore(tensors).n_chains
    return len(next(iter(tensors.values()))) if tensors else 0


def _share(state: State, ranks: Ranks) -> State:
    """A rank's chains out of all: every so many-th. Each tensor has a chain a row, but where
    chains have replicas."""
    mine = slice(ranks.rank, None, ranks.world)
    if "replicas" in state.tensors:
        return State(ReplicaState.restore(state.tensors).chains(mine).tensors, state.facts)
    return State({k: v[mine].clone() for k, v in state.tensors.items()}, state.facts)


def _joined(states: Sequence[State]) -> State:
    """The inverse of :func:`_share` of each rank."""
    first = states[0]
    if "replicas" in first.tensors:
        each = [ReplicaState.restore(state.tensors) for state in states]
        return State(ReplicaState.interleaved(each).tensors, first.facts)
    tensors = {}
    for name in first.tensors:
        parts = [state.tensors[name] for state in states]
        whole = parts[0].new_empty((sum(len(part) for part in parts), *parts[0].shape[1:]))
        for rank, part in enumerate(parts):
            whole[rank :: len(parts)] = part
        tensors[name] = whole
    return State(tensors, first.facts)


class WatchedByFirst(Watch):
    """Another `watch`, asked on rank 0 alone, so that all ranks decide by the same figures."""

    def __init__(self, watch: Watch, ranks: Ranks) -> None:
        self._watch, self._ranks = watch, ranks

    def score(self, parameters: Parameters) -> Score:
        return self._ranks.first(lambda: self._watch.score(parameters))

    def begin_again(self) -> None:
        self._watch.begin_again()

    def confirm(self, parameters: Parameters, n_steps: int) -> Confirmation | None:
        return self._ranks.first(lambda: self._watch.confirm(parameters, n_steps))

    def state(self) -> State:
        return self._watch.state()

    def restore(self, state: State) -> None:
        self._watch.restore(state)


def check_same(rows: RowSource, split: Split, plan: Plan, energy: Energy, ranks: Ranks) -> None:
    """Raise ``ValueError``, in all ranks, where they were given different rows or settings, or a
    batch that does not go round. Of many rows some are compared, evenly spread."""
    if plan.batch_size < ranks.world:
        raise ValueError(
            f"batch_size must be at least {ranks.world}, one a rank, got {plan.batch_size}"
        )
    sizes = (rows.n_rows, len(split.kept), plan.batch_size, plan.n_chains)
    told = hashlib.sha256(repr(sizes).encode())
    told.update(repr([(k, tuple(v.shape)) for k, v in energy.parameters().items()]).encode())
    told.update(split.held.tobytes())
    n = min(rows.n_rows, _N_COMPARED)
    compared = rows.read(np.linspace(0, rows.n_rows - 1, n).astype(np.int64))
    told.update(compared.x.cpu().numpy().tobytes())
    found: list[Any] = ranks.each(told.hexdigest())
    odd = [rank for rank, digest in enumerate(found) if digest != found[0]]
    if odd:
        raise ValueError(
            f"X: all {ranks.world} ranks must be given the same rows and settings, each takes its "
            f"own share of them; rank {odd[0]} was given others than rank 0"
        )
