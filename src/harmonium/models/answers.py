"""Answerers of questions about unknown variables, tried in turn.

An answerer says which rows it can afford, and fills them; those that it cannot are left to the
next. Exact ones come first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.progress import stage_bar
from harmonium.compute.random import generator_for
from harmonium.compute.threads import threads_for
from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.contract.warning import warn_caller
from harmonium.models.question import Question
from harmonium.sampling.completions import are_few, completions
from harmonium.sampling.gibbs import Schedule, equilibrate, mean_states, run_chains
from harmonium.sampling.mixing import memory
from harmonium.sampling.modes import Hill, climb, seek_mode
from harmonium.units.space import LIMITS, n_states

__all__ = [
    "Answerer",
    "Enumeration",
    "GibbsChains",
    "answer",
    "named",
    "not_answered",
    "refuse_impossible",
]

Array = NDArray[np.float64]

#: Rows answered together; bounds memory, and lets a long table show where it is.
ROWS_AT_ONCE = 2048


class Answerer(ABC):
    """One way of filling what is unknown."""

    #: What a user calls it, and what it wants of the rows it answers.
    name: ClassVar[str]
    wants: ClassVar[str]

    @abstractmethod
    def covers(self, question: Question) -> Tensor:
        """Which rows it can answer and afford, bool ``(n,)``."""

    @abstractmethod
    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        """All rows filled, each ``n_draws`` times in a row: float64 ``(n * n_draws,
        n_variables)``. Raises ``ValueError`` where what is known of a row cannot be."""


def named(answerers: Sequence[Answerer], method: str) -> list[Answerer]:
    """All answerers for ``"auto"``, or the one of that name."""
    if method == "auto":
        return list(answerers)
    chosen = [one for one in answerers if one.name == method]
    if not chosen:
        names = ", ".join(repr(one.name) for one in answerers)
        raise ValueError(f"method must be one of 'auto', {names}, got {method!r}")
    return chosen


def answer(
    question: Question, answerers: Sequence[Answerer], generator: np.random.Generator
) -> Array:
    """Each row by the first answerer that covers it: float64 ``(n * n_draws, n_variables)``.

    Rows of readings are looked at even where nothing is free, so that what cannot be is refused.
    """
    n = len(question.start)
    found = torch.empty((n, question.n_draws, question.start.shape[1]), dtype=torch.float64)
    for begin in range(0, n, ROWS_AT_ONCE):
        part = torch.arange(begin, min(begin + ROWS_AT_ONCE, n))
        found[part] = _answer_block(question.select(part), answerers, generator)
    return found.flatten(0, 1).numpy()


def _answer_block(
    question: Question, answerers: Sequence[Answerer], generator: np.random.Generator
) -> Tensor:
    found = question.start.unsqueeze(1).repeat(1, question.n_draws, 1)
    left = torch.nonzero(question.free[:, : question.n_own].any(1)).reshape(-1)
    if question.evidence.readings is not None:
        left = torch.arange(len(question.start))
    if len(answerers) == 1:  # asked for by name: what does not apply is said, blanks or not
        left = torch.arange(len(question.start))
    for one in answerers:
        if not len(left):
            break
        covered = one.covers(question.select(left))
        rows = left[covered]
        if len(rows):
            filled = one.answer(question.select(rows), generator)
            found[rows] = filled.reshape(len(rows), question.n_draws, -1)
        left = left[~covered]
    if len(left):
        raise not_answered(len(left), question, type(answerers[-1]))
    return found


def not_answered(n_rows: int, question: Question, by: type[Answerer]) -> ValueError:
    """What to raise for rows that an answerer cannot afford."""
    return ValueError(
        f"method={by.name!r} cannot answer {n_rows} of the rows with how={question.how!r}: it "
        f"wants {by.wants}"
    )


class Enumeration(Answerer):
    """Sums over all joint states of what is free in a row: exact.

    `build` makes what gives log of the unnormalised P of float64 states, -inf for what cannot be.
    """

    name = "enumeration"
    wants = f"rows with at most {LIMITS['answer']:,} joint states of what is unknown"

    def __init__(
        self, sizes: tuple[int, ...], build: Callable[[], Callable[[Tensor], Tensor]]
    ) -> None:
        self.sizes = sizes
        self._build = build

    @cached_property
    def log_weight(self) -> Callable[[Tensor], Tensor]:
        return self._build()

    def covers(self, question: Question) -> Tensor:
        return are_few(question.free, self.sizes, LIMITS["answer"])

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        found = question.start.repeat_interleave(question.n_draws, 0)
        found = found.reshape(len(question.start), question.n_draws, -1)
        for part in completions(
            self.log_weight, question.start, question.evidence, self.sizes, question.n_own
        ):
            asked = question.select(part.rows)
            refuse_impossible(asked, part.log_weights)
            sizes = [self.sizes[place] for place in part.places[0].tolist()]
            n_summed = n_states(sizes[part.n_first :])
            value = _pick(part.log_weights, part.states, n_summed, asked, generator)
            index = part.places.unsqueeze(1).expand(value.shape)
            found[part.rows] = found[part.rows].scatter(2, index, value)
        return found.reshape(len(question.start) * question.n_draws, -1)


def refuse_impossible(question: Question, weights: Tensor) -> None:
    """``ValueError`` that names what is known of the first row of which nothing can be, by the log
    weights ``(n, n_joint)`` of its completions."""
    impossible = torch.isneginf(weights).all(1)
    if not impossible.any():
        return
    row = int(impossible.nonzero()[0])
    places = (~question.free[row]).nonzero().reshape(-1).tolist()
    known = [question.say(place, float(question.start[row, place])) for place in places[:10]]
    if len(places) > len(known):
        known.append("...")
    raise ValueError(f"X: what is known of a row ({', '.join(known)}) has probability zero")


def _pick(
    weights: Tensor,
    fillings: Tensor,
    n_summed: int,
    question: Question,
    generator: np.random.Generator,
) -> Tensor:
    """The fillings wanted of each row: ``(n, n_draws, n_free)``."""
    if question.how == "mean":
        return (torch.softmax(weights, 1) @ fillings).unsqueeze(1)
    if question.how == "mode":
        kept = torch.logsumexp(weights.reshape(len(weights), -1, n_summed), 2)
        return fillings[kept.argmax(1) * n_summed].unsqueeze(1)
    reached = torch.softmax(weights, 1).cumsum(1)
    # Divided by their end, so that no uniform number below 1 lies beyond it.
    points = torch.from_numpy(generator.random((len(weights), question.n_draws)))
    chosen = torch.searchsorted((reached / reached[:, -1:]).contiguous(), points, right=True)
    return fillings[chosen]


class GibbsChains(Answerer):
    """Gibbs chains, one or more a row: means averaged along them, draws where they end, modes
    by climbing from where they come past. Answers every row, none exactly.

    Parameters
    ----------
    build : gives the energy whose chains run.
    schedule : for how long.
    modes : whether it seeks modes.
    hill : of an energy, what modes are climbed on; None: the energy itself.
    possible : of states, whether they can be; None: all can.
    watched : whether draws warn where chains mix slowly.
    verbose : 1 shows how far posterior means are.
    """

    name = "gibbs"
    wants = "a draw or a mean"

    def __init__(
        self,
        build: Callable[[], Energy],
        schedule: Schedule,
        *,
        modes: bool = True,
        hill: Callable[[Energy], Hill] | None = None,
        possible: Callable[[Tensor], Tensor] | None = None,
        watched: bool = False,
        verbose: int = 0,
    ) -> None:
        self._build, self.schedule, self.modes = build, schedule, modes
        self.watched = watched
        self._hill, self._possible, self.verbose = hill, possible, verbose

    @cached_property
    def energy(self) -> Energy:
        return self._build()

    def covers(self, question: Question) -> Tensor:
        return torch.full((len(question.start),), self.modes or question.how != "mode")

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        source = generator_for(self.energy.device, generator)
        n_each = question.n_draws if question.how == "sample" else 1
        if question.how == "mean":
            n_each = self.schedule.n_chains
        n_rows = max(1, ROWS_AT_ONCE // n_each)
        parts = []
        for rows in torch.split(torch.arange(len(question.start)), n_rows):
            # Of one row, as many draws at once as there would be rows.
            left = n_each
            while left:
                n_now = min(left, ROWS_AT_ONCE)
                asked = question.select(rows).repeated(n_now)
                with threads_for(len(asked.start), self.energy):
                    parts.append(self._fill(asked, source))
                left -= n_now
        found = torch.cat(parts)
        if question.how == "mean":
            found = found.reshape(-1, n_each, found.shape[1]).mean(1)
        elif self._possible is not None:
            self._tell(found)
        return found

    def _fill(self, question: Question, generator: Generator) -> Tensor:
        """One chain a row."""
        energy, schedule = self.energy, self.schedule
        question = question.to(energy.device, energy.dtype)
        x = question.begun(energy, generator)
        lost = question.unread.any(1)
        if schedule.n_settle is None:
            lost[:] = True
        found = torch.empty(x.shape, dtype=torch.float64, device=x.device)
        for rows, settled in ((lost, False), (~lost, True)):
            index = rows.nonzero().reshape(-1)
            if len(index):
                part = question.select(index)
                found[index] = self._run(part, Chains(x[index]), settled, generator).double()
        return found.cpu()

    def _run(self, question: Question, chains: Chains, settled: bool, source: Generator) -> Tensor:
        energy, schedule, evidence = self.energy, self.schedule, question.evidence
        if question.how == "mode":
            goal = None if self._hill is None else self._hill(energy)
            best = seek_mode(energy, chains, schedule, source, evidence, goal)
            return climb(energy if goal is None else goal, best, evidence)
        if settled:
            n_settle = schedule.n_settle or 0
            chains = run_chains(energy, chains, n_settle, source, evidence=evidence)
        else:
            chains = equilibrate(energy, chains, schedule.n_lead_in, 0, source, evidence=evidence)
        if question.how == "sample":
            n_half = schedule.n_sweeps // 2
            half = run_chains(energy, chains, schedule.n_sweeps - n_half, source, evidence=evidence)
            ends = run_chains(energy, half, n_half, source, evidence=evidence).x
            if self.watched:
                _tell_memory(half.x, ends, question, n_half)
            return ends
        with stage_bar(self.verbose, "posterior mean", schedule.n_sweeps) as show:
            return mean_states(
                energy, chains, schedule.n_sweeps, source, evidence=evidence, progress=show
            )[0]

    def _tell(self, found: Tensor) -> None:
        assert self._possible is not None
        n_forbidden = int((~self._possible(found)).sum())
        if n_forbidden:
            warn_caller(
                f"chains of {n_forbidden} rows ended in states that the model forbids: those "
                "answers have probability zero",
                RuntimeWarning,
            )


def _tell_memory(before: Tensor, after: Tensor, question: Question, n_sweeps: int) -> None:
    """Warn where chains of one question, of which many draws are wanted, have not forgotten where
    they were so many sweeps ago."""
    free = question.free
    known = torch.where(free, torch.zeros_like(question.start), question.start)
    if not bool((free == free[0]).all()) or not bool((known == known[0]).all()):
        return
    found = memory(before, after, free[0])
    if found is not None and found.is_slow:
        warn_caller(
            f"draws may not follow the model (slow_mixing): {n_sweeps} sweeps before their end, "
            f"chains still agreed with themselves by {found.share:.0%} beyond chance (standard "
            f"error {found.std_error:.0%}, of {len(before)} chains)",
            RuntimeWarning,
        )
