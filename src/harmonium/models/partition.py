"""log Z by annealing, from the base to the model or back, with a bar and a status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.progress import stage_bar
from harmonium.compute.random import generator_for
from harmonium.compute.threads import threads_for
from harmonium.contract.energy import Energy, Generator
from harmonium.contract.estimates import LogZ, Status
from harmonium.data.tables import dense_rows
from harmonium.models.answers import Answerer, answer
from harmonium.models.codec import Codec
from harmonium.models.question import blanks
from harmonium.sampling.annealing import (
    annealed_importance_sampling,
    reverse_annealing,
    reverse_summary,
)
from harmonium.sampling.paths import (
    Annealing,
    Bases,
    Path,
    agreed,
    anneal,
    estimated,
    evened,
    raised,
)

__all__ = ["annealed", "annealed_back", "annealed_from_bases", "begun"]

#: Chains led along a path over these inverse temperatures.
Lead: TypeAlias = Callable[[Path, NDArray[np.float64]], Annealing]

#: Steps of the runs from base to model, each of which fits the next one's base and schedule; and
#: of those that count, the last only where the one before leaves an error above `_WANTED` nats.
_FITTING, _COUNTING = (500, 500), (1500, 5000)
_WANTED = 0.05
#: States weighed in a run after the first, at most: about a minute of a network's.
_MOST_CELLS = 2**30
#: The part of the chains that must count.
_AGREED = 0.3
#: Of the run from clusters: its first, and the one that counts.
_CHECK = (200, 800)


def annealed(
    energy: Energy,
    n_chains: int,
    steps: tuple[int, ...],
    generator: Callable[[], np.random.Generator],
    verbose: int,
    bases: Bases | None = None,
) -> LogZ:
    """Annealed importance sampling from the energy's base over these numbers of `steps` in turn,
    until the chains agree, those after the first only as far as `_MOST_CELLS` allows; each begins
    with a generator of its own. With `bases`, beside a check from the model's clusters over half
    as many steps: weights do not betray a mode that chains from one base never came to."""
    for n_steps in _bounded(steps, n_chains * sum(energy.sizes)):
        source = generator_for(energy.device, generator())
        with threads_for(n_chains, energy), stage_bar(verbose, "log Z", n_steps) as show:
            estimate = annealed_importance_sampling(
                energy,
                n_chains=n_chains,
                n_temperatures=n_steps,
                generator=source,
                progress=None if show is None else (lambda done, _: show(done, float("nan"))),
            )[0]
        if estimate.effective_chains >= _AGREED * n_chains:
            break
    if bases is None:
        return estimate
    n_check = (max(1, n_steps // 10), max(1, 2 * n_steps // 5))
    lead = partial(anneal, n_chains=n_chains, generator=source)
    with threads_for(n_chains, energy):
        found = agreed(estimate, _from_clusters(bases, n_check, lead, source))
    return raised(found, bases.near)


def _bounded(steps: tuple[int, ...], n_cells: int) -> list[int]:
    """The `steps` of the first run, and of those after it as many as are worth their time, each
    of which weighs `n_cells` states."""
    found = list(steps[:1])
    for wanted in steps[1:]:
        n_steps = min(wanted, _MOST_CELLS // max(1, n_cells))
        if n_steps < 2 * found[-1]:
            break
        found.append(n_steps)
    return found


def _from_clusters(
    bases: Bases, n_steps: tuple[int, int], lead: Lead, generator: Generator
) -> LogZ:
    """From the model's clusters: a run that measures the path, and the one that counts."""
    path, betas = bases.clustered(generator), np.linspace(0.0, 1.0, n_steps[0] + 1)
    betas = evened(betas, lead(path, betas).spread, n_steps[1])
    return estimated(lead(path, betas), n_steps[1])


def annealed_from_bases(
    bases: Bases, n_chains: int, generator: np.random.Generator, verbose: int
) -> LogZ:
    """Annealing from a base fitted to the model's own draws, beside a check from its clusters."""
    source = generator_for(bases.device, generator)
    n_steps = sum(_FITTING + _COUNTING + _CHECK)
    with threads_for(n_chains, bases), stage_bar(verbose, "log Z", n_steps) as show:
        done = 0

        def led(path: Path, betas: NDArray[np.float64]) -> Annealing:
            nonlocal done
            start, done = done, done + len(betas) - 1
            tell = None if show is None else (lambda step: show(start + step, float("nan")))
            return anneal(path, betas, n_chains, source, tell)

        check = _from_clusters(bases, _CHECK, led, source)
        betas = np.linspace(0.0, 1.0, _FITTING[0] + 1)
        run = led(bases.own(), betas)
        estimate = estimated(run, _FITTING[0])
        for n_steps in _FITTING[1:] + _COUNTING:
            if estimate.status == Status.NONFINITE:
                break
            weights = torch.softmax(torch.from_numpy(run.log_weights), 0).to(bases.device)
            path = bases.fitted(run.chains.x, weights, source)
            betas = evened(betas, run.spread, n_steps)
            run = led(path, betas)
            estimate = estimated(run, n_steps)
            good = estimate.status == Status.OK and estimate.std_error <= _WANTED
            if good and n_steps in _COUNTING:
                break
    return raised(agreed(estimate, check), bases.near)


def begun(
    energy: Energy,
    codec: Codec,
    answerers: Sequence[Answerer],
    X: Any,
    n_chains: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Where annealing back begins, ``(n, n_variables)``: at the rows of `X`, or where annealed
    chains end, also where draws could be exact: of one path, out and back."""
    if X is None:
        question = blanks(np.full((1, codec.n_own), np.nan), codec, "sample", n_chains)
        return answer(question, [one for one in answerers if one.name == "gibbs"], generator)
    rows = dense_rows(codec.read(X), slice(None)).astype(np.float64)
    if rows.shape[1] != len(energy.sizes):
        raise ValueError(
            "X: method='raise' cannot start at rows without their attributes; leave X out"
        )
    return rows


def annealed_back(
    energy: Energy,
    rows: NDArray[np.float64],
    n_temperatures: int,
    generator: np.random.Generator,
    verbose: int,
) -> LogZ:
    """Its reverse, from the states `rows` ``(n, n_variables)`` to the base."""
    states = torch.from_numpy(rows).to(energy.device, energy.dtype)
    with threads_for(len(rows), energy), stage_bar(verbose, "log Z", n_temperatures) as show:
        bounds = reverse_annealing(
            energy,
            states,
            n_chains=1,
            n_temperatures=n_temperatures,
            generator=generator_for(energy.device, generator),
            progress=None if show is None else (lambda done, _: show(done, float("nan"))),
        )
    each = energy.log_weight(states).cpu().numpy() - bounds
    return reverse_summary(each, n_temperatures)
