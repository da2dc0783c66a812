"""Which form of an update is the fastest here: measured once, told in a debug log, remembered.

The kind is measured on one thread and kept whatever the number of threads, so that small
updates, which are never shared out, are the same bits with any; then one thread against two.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.processor import processor
from harmonium.compute.threads import one_thread
from harmonium.contract.energy import Chains
from harmonium.models.rbm.kernels.forms import Form, kinds_for, threads_for
from harmonium.models.rbm.kernels.persistent import PersistentUpdate
from harmonium.models.rbm.kernels.remembered import Remembered

__all__ = ["bucket", "choose_form", "fastest"]

_log = logging.getLogger("harmonium")
_remembered = Remembered()

#: Seconds of measuring for each form; at least and at most so many rounds.
_SECONDS, _LEAST_ROUNDS, _MOST_ROUNDS = 0.005, 3, 25
#: A form must take less than this share of a simpler one's time: what is closer is noise.
_CLEARLY = 0.95


def choose_form(
    parameters: tuple[Tensor, Tensor, Tensor],
    rows: Tensor,
    starts: np.ndarray,
    n_chains: int,
    share_of_ones: float,
    n_threads: int,
) -> Form:
    """The form for batches like `rows` ``(n, n_variables)``, laid out by `starts`, beside
    `n_chains` chains, where `share_of_ones` of the statistics are 1.

    Remembered, or measured on copies of the parameters: some 5 ms a form, and a few updates of
    each where one takes longer. Draws no random numbers but its own.
    """
    n_statistics, n_hidden = parameters[0].shape
    work = max(len(rows), n_chains) * n_statistics * n_hidden
    kinds = kinds_for(work)
    key = bucket((len(rows), n_chains, n_statistics, n_hidden), share_of_ones)
    shape = (len(rows), n_chains)

    def update(form: Form) -> Callable[[], object]:
        weights, visible_bias, hidden_bias = (part.detach().clone() for part in parameters)
        trial = PersistentUpdate(weights, visible_bias, hidden_bias, starts, shape, form)
        return _trial(trial, rows, n_hidden)

    singles = [Form(kind, 1) for kind in kinds]
    best = _known_or_measured(key, singles, update)
    counts = threads_for(best.kind, work, n_threads)
    if len(counts) == 1:
        return best
    shared = [Form(best.kind, count) for count in counts]
    return _known_or_measured(f"{key} | {best.kind} of {n_threads} threads", shared, update)


def bucket(sizes: tuple[int, ...], share_of_ones: float) -> str:
    """One word for sizes within some 20% of each other and shares within 2.5 points."""
    rounded = "x".join(str(round(2.0 ** (round(2.0 * math.log2(n)) / 2.0))) for n in sizes)
    return f"{processor()} | {rounded} | {5 * round(20 * share_of_ones)}% ones"


def fastest(
    trials: Mapping[Form, Callable[[], object]], clock: Callable[[], float]
) -> tuple[Form, dict[Form, float]]:
    """The form whose trial takes the least time, and the seconds of each.

    They take turns, and the least of each counts, since whatever else runs only adds. Of forms
    that take about the same time the first is chosen.
    """
    for trial in trials.values():
        trial()  # loads what is compiled, or compiles it
    least = dict.fromkeys(trials, math.inf)
    end = clock() + _SECONDS * len(trials)
    for done in range(_MOST_ROUNDS):
        if done >= _LEAST_ROUNDS and clock() > end:
            break
        for form, trial in trials.items():
            started = clock()
            trial()
            least[form] = min(least[form], clock() - started)
    best, *others = least
    for form in others:
        if least[form] < _CLEARLY * least[best]:
            best = form
    return best, least


def _known_or_measured(
    key: str, forms: list[Form], update: Callable[[Form], Callable[[], object]]
) -> Form:
    if len(forms) == 1:
        return forms[0]
    known = Form.read(_remembered.get(key))
    if known in forms:
        assert known is not None
        return known
    # Of one thread the time that it ran, not what it waited for others on a busy machine.
    alone = all(form.n_threads == 1 for form in forms)
    with one_thread(True):
        trials = {form: update(form) for form in forms}
        best, least = fastest(trials, time.thread_time if alone else time.perf_counter)
    _remembered.keep(key, str(best))
    told = ", ".join(f"{form} {1e6 * seconds:.0f} us" for form, seconds in least.items())
    _log.debug("update of %s: %s (%s)", key, best, told)
    return best


def _trial(update: PersistentUpdate, rows: Tensor, n_hidden: int) -> Callable[[], object]:
    """An update at a rate of zero from chains that begin at the rows, whatever state they are
    in, so that it can be made again and again."""
    source = np.random.Generator(np.random.SFC64(0))
    n = update.shape[1]
    x = rows.repeat(-(-n // len(rows)), 1)[:n].clone()
    hidden = torch.from_numpy(source.integers(0, 2, (n, n_hidden)).astype(np.float32))
    chains = Chains(x, hidden)
    offsets = torch.zeros_like(update.visible_bias), torch.zeros_like(update.hidden_bias)
    return lambda: update(rows, chains, 1, offsets, (0.0, 0.0), source)
