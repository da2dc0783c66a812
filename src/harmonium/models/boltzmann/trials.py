"""How strongly couplings are pulled to zero, and which there are, by short runs before a fit.

Each run goes on from where the one before ended: the strongest pull first, whose model is the
simplest and mixes best, then weaker ones for as long as rows held out become more likely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from harmonium.contract.energy import Parameters
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import copied
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.plan import Streams
from harmonium.learning.watch import Confirmation, Score, Watch
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.ground import Ground

__all__ = ["Tried", "score_of", "tried"]

#: Precisions of the prior on couplings, in rows: the decays are these over the rows.
_PRECISIONS = (64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0)
#: Share of what couplings have gained so far that a weaker pull must add: what adds less mixes
#: worse for nothing.
_LEAST_GAIN = 0.05
#: Updates of a run, as a share of the fit's, at least and at most.
_SHARE, _FEWEST, _MOST = 0.1, 20, 100
#: Looks of a run at itself: particles that measure log Z follow in short steps.
_N_LOOKS = 4
#: Rows held out below which their figure is chance.
_FEWEST_HELD = 20
#: Of a time limit.
_SHARE_OF_TIME = 0.04


@dataclass
class Tried:
    """The energy that a fit goes on from, and how strong its prior is."""

    energy: BoltzmannEnergy
    decay: float


class Followed(Watch):
    """Another watch through several runs: what it follows stays where the last look was, so
    nothing is confirmed in between."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def score(self, parameters: Parameters) -> Score:
        return self._watch.score(parameters)

    def begin_again(self) -> None:
        self._watch.begin_again()

    def confirm(self, parameters: Parameters, n_steps: int) -> Confirmation | None:
        return None

    def state(self) -> State:
        return self._watch.state()

    def restore(self, state: State) -> None:
        self._watch.restore(state)


def tried(
    ground: Ground, energy: BoltzmannEnergy, chains: ChainLearner, watch: Watch | None
) -> Tried:
    """What does best on rows held out; `chains` are left where its run ended. Without rows held
    out, or with few, or a `weight_decay` that is given, no run is made. All runs
    have the same `watch`: particles that measure log Z are led on from model to model."""
    decay = ground.decay(ground.n_kept)
    # A strong pull would put hidden units to sleep for good.
    free = isinstance(ground.wanted.weight_decay, str) and not ground.n_hidden
    n_updates = min(int(_SHARE * ground.plan.n_updates), _MOST)
    few = ground.plan.n_held < _FEWEST_HELD or n_updates < _FEWEST
    if watch is None or few or not free:
        return Tried(energy, decay)
    blank = {"couplings": torch.zeros_like(energy.couplings), "fields": energy.base_fields}
    alone = watch.score(blank).figures["validation"]
    best, best_score = decay, -math.inf
    kept, kept_chains = copied(energy.parameters()), chains.state().copy()
    for precision in _PRECISIONS:
        decay = precision / ground.n_kept
        score = score_of(ground, energy, chains, decay, n_updates, watch)
        little = score - best_score < _LEAST_GAIN * max(score - alone, 0.0)
        if score == -math.inf or score <= best_score or (best_score > -math.inf and little):
            break
        best, best_score = decay, score
        kept, kept_chains = copied(energy.parameters()), chains.state().copy()
    energy.set_parameters(kept)
    chains.restore(kept_chains)
    return Tried(energy, best)


def score_of(
    ground: Ground,
    energy: BoltzmannEnergy,
    chains: ChainLearner,
    decay: float,
    n_updates: int,
    watch: Watch,
) -> float:
    """The held-out figure at the end of a short run, in nats; the energy is left at its end."""
    limit = ground.plan.time_limit
    plan = replace(
        ground.plan,
        n_updates=n_updates,
        first_look=n_updates // _N_LOOKS,
        least_gap=n_updates // _N_LOOKS,
        n_looks=_N_LOOKS,
        time_limit=None if limit is None else _SHARE_OF_TIME * limit,
    )
    streams = Streams.of(ground.streams.seeds)  # batches in an order of their own
    result = ground.run(
        energy,
        decay,
        chains,
        plan,
        streams=streams,
        generator=ground.noise(energy.device),
        watching=lambda *_: Followed(watch),
    )
    if result.reason is StopReason.INTERRUPTED:
        raise KeyboardInterrupt
    failed = result.reason in (StopReason.LOST, StopReason.DIVERGED)
    energy.set_parameters(result.parameters)
    looks = result.history.get("validation", [])  # none where time was up before the first
    return looks[-1] if looks and not failed else -math.inf
