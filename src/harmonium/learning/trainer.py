"""The training loop: batches in, the best parameters out."""

from __future__ import annotations

from collections.abc import Sequence

from harmonium.compute.ranks import Ranks
from harmonium.contract.energy import Generator, Parameters
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import Ascent, are_finite, copied
from harmonium.learning.checkpoint import State
from harmonium.learning.fillings import Fillings
from harmonium.learning.learners.base import Learner
from harmonium.learning.leg import Leg
from harmonium.learning.plan import Plan
from harmonium.learning.record import FitResult, Look, Observer, Record
from harmonium.learning.rows import Batch, Batches
from harmonium.learning.sharded import Windows
from harmonium.learning.snapshot import Snapshot

__all__ = ["Trainer"]

#: Sweeps of the estimate that confirms a fit: at least, and at most.
_LEAST_STEPS, _MOST_STEPS = 100, 2000


class Trainer:
    """The clock of a fit: updates, their rate, the averaged parameters, and when to look.

    The rate falls linearly to zero over the plan's updates or its time limit, whichever runs
    out first. What is looked at, and kept, is the average of the parameters. After a look that
    cannot be, or long after the best one with rows learned from less likely too, the run goes back
    to the best one at half the rate, its chains begun anew.

    A run that over-learns goes back to its best look once and lets the rate fall to zero from
    there, since what is best at a high rate still has its noise.

    Of several `ranks` all run this loop, in step: `generator` is each one's own, the clock is the
    first one's, and parameters are made the same once more before each look.
    """

    def __init__(
        self,
        ascent: Ascent,
        learner: Learner,
        batches: Batches | Windows,
        plan: Plan,
        generator: Generator,
        record: Record,
        fillings: Fillings | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = Ranks() if ranks is None else ranks
        self.ascent, self.learner, self.batches = ascent, learner, batches
        self.plan, self.generator, self.record = plan, generator, record
        self.fillings = fillings
        self.update = 0
        self.seconds = 0.0
        self.leg = plan.whole()
        self.next_look = plan.next_look(0, self.leg)
        self.slowed = 1.0
        self.setbacks = 0
        #: The update that it last went back at, to the best one.
        self.set_back_at = 0
        #: The update that the average goes back to.
        self.averaged_from = 0
        self.average = copied(ascent.energy.parameters())
        watch = {} if record.watch is None else {"watch": record.watch}
        self.at_best = Snapshot({"ascent": ascent, "learner": learner, **watch})
        self._fused = ascent.fused(learner)

    @property
    def fused(self) -> bool:
        """Whether gradient and step are one compiled step here, rather than two halves."""
        return self._fused is not None

    def run(self, observers: Sequence[Observer] = ()) -> FitResult:
        """Learn until done, out of time, over-fitting, diverging or interrupted."""
        with self.ranks.heeding():
            return self._run(observers)

    def _run(self, observers: Sequence[Observer]) -> FitResult:
        started = self.ranks.now() - self.seconds
        reason = None
        try:
            if not self.update:
                self.record.begin()
            while self.update < self.leg.last:
                self.seconds = self.ranks.now() - started
                share = self.leg.share_of_time(self.seconds, self.plan.time_limit)
                if share >= 1.0:
                    reason = StopReason.TIME_LIMIT
                    break
                rate = self.slowed * self.leg.rate_at(self.update, share)
                self._step(rate)
                if self.update >= self.next_look:
                    self.seconds = self.ranks.now() - started
                    if (ended := self._look(rate, observers)) is not None:
                        reason = ended
                        break
        except KeyboardInterrupt:
            reason = StopReason.INTERRUPTED
        if reason is None:
            reason = StopReason.OVERFITTING if self.leg.first else StopReason.DONE
        self.seconds = self.ranks.now() - started
        if reason in {StopReason.TIME_LIMIT, StopReason.INTERRUPTED} and self.update:
            self.record.look(self.update, self.average, self._facts(0.0))
        # About a tenth of what the fit has cost.
        n_steps = min(max(self.update // 10, _LEAST_STEPS), _MOST_STEPS)
        return self.record.result(self.update, reason, n_steps)

    def _batch(self) -> Batch:
        """The next rows, filled where something of them is not known."""
        batch = next(self.batches)
        if self.fillings is None:
            return batch
        return self.fillings.fill(self.ascent.energy, batch, self.generator)

    def _step(self, rate: float) -> None:
        batch = self._batch()
        if self._fused is not None:
            self._fused(batch.rows, rate, self.generator)
        else:
            moments = self.learner.gradient(self.ascent.energy, batch, self.generator)
            self.ascent.step(moments, rate)
        self.update += 1
        if self.update % self.plan.averaged_every == 0:
            self._advance_average()

    def _advance_average(self) -> None:
        """Polynomial-decay averaging (Shamir, Zhang 2013, section 3)."""
        steps = max((self.update - self.averaged_from) // self.plan.averaged_every, 1)
        weight = (1.0 + self.plan.averaging) / (steps + self.plan.averaging)
        for name, parameter in self.ascent.energy.parameters().items():
            self.average[name].lerp_(parameter, weight)

    def _facts(self, rate: float) -> dict[str, float]:
        return {"update": float(self.update), "seconds": self.seconds, "learning_rate": rate}

    def _look(self, rate: float, observers: Sequence[Observer]) -> StopReason | None:
        """Judge the averaged model, and tell of it; why the run is over, or None."""
        self.ranks.copy([*self.average.values(), *self.ascent.state().tensors.values()])
        look = self.record.look(self.update, self.average, self._facts(rate))
        if look is None:
            return self._set_back()
        ended = None if self.record.watch is None else self._watched(look)
        self.next_look = self.plan.next_look(self.update, self.leg)
        for observer in observers:  # last, so that a checkpoint has all that the look changed
            observer(look)
        return ended

    def _watched(self, look: Look) -> StopReason | None:
        """What a look at rows held out asks for; why the run is over, or None."""
        if self.leg.first:  # the last one
            return None
        if look.best_update == self.update:
            self.at_best.take()
        since = max(look.best_update, self.set_back_at)
        late = self.plan.is_overfitting(self.update, since)
        if not late or not self.record.is_behind(self.plan.least_behind):
            return None
        if self.record.has_forgotten():  # chains do not follow at this rate
            return self._set_back()
        leg = self.plan.last_leg(look.best_update, self.leg, self.update, self.seconds)
        if leg is None:
            return StopReason.OVERFITTING
        self.leg = leg
        self.at_best.put_back()
        self._average_from(self.record.best.parameters)
        return None

    def _average_from(self, parameters: Parameters) -> None:
        """Begin the average anew, at these."""
        self.average = copied(parameters)
        self.averaged_from = self.update

    def _set_back(self) -> StopReason | None:
        """To the best parameters so far, at half the rate; why the run is over, or None."""
        finite = are_finite(self.average)
        self.setbacks += 1
        energy, watch = self.ascent.energy, self.record.watch
        energy.set_parameters(self.record.best.parameters)
        self._average_from(self.record.best.parameters)
        self.set_back_at = self.update
        self.next_look = self.plan.next_look(self.update, self.leg)
        last = self.update >= self.leg.last
        if self.setbacks > self.plan.n_setbacks or last:
            return StopReason.LOST if finite else StopReason.DIVERGED
        self.slowed *= 0.5
        if self.fillings is not None:
            self.fillings.begin_again(energy, self.generator)
        self.learner.begin_again(energy, self._batch(), self.generator)
        if watch is not None:
            watch.begin_again()
        return None

    # -- going on after a break ---------------------------------------------------------

    def state(self) -> State:
        facts = {
            "update": self.update,
            "seconds": self.seconds,
            "next_look": self.next_look,
            "slowed": self.slowed,
            "setbacks": self.setbacks,
            "set_back_at": self.set_back_at,
            "averaged_from": self.averaged_from,
            "leg": self.leg.facts(),
            "at_best": (at_best := self.at_best.state()).facts,
            "generator": self.ranks.states_of(self.generator),
        }
        tensors = {f"average.{name}": value for name, value in self.average.items()}
        return State(tensors | {f"at_best.{k}": v for k, v in at_best.tensors.items()}, facts)

    def restore(self, state: State) -> None:
        self.average = state.group("average")
        self.update = state.facts["update"]
        self.seconds = state.facts["seconds"]
        self.next_look = state.facts["next_look"]
        self.slowed, self.setbacks = state.facts["slowed"], state.facts["setbacks"]
        self.set_back_at = state.facts["set_back_at"]
        self.averaged_from = state.facts["averaged_from"]
        self.leg = Leg(**state.facts["leg"])
        self.at_best.restore(State(state.group("at_best"), state.facts["at_best"]))
        self.generator = self.ranks.restore(self.generator, state.facts["generator"])
