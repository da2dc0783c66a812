"""A checkpointed fit that is killed, again and again, ends in the bits of one that was not."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium.contract.storage import read_arrays

#: Where a process dies: at any moment, or when it has written half of the file, all of it but
#: under another name, or all of it.
MOMENTS = ("any", "half", "unnamed", "named")


def quick(**parameters) -> hm.RBM:
    """Writes its state seven times."""
    return hm.RBM(**{"n_components": 8, "n_updates": 400, "random_state": 0, **parameters})


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dies(moment: str, writing: int, share: float) -> None:
    """Let this process die at its `writing`-th writing of a file, of which a share is on disk."""
    seen, sync, rename = 0, os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        nonlocal seen
        seen += 1
        if moment == "half" and seen == writing:
            os.ftruncate(descriptor, int(share * os.fstat(descriptor).st_size))
            die()
        sync(descriptor)

    def replace(source: str, target: str) -> None:
        if moment == "unnamed" and seen == writing:
            die()
        rename(source, target)
        if moment == "named" and seen == writing:
            die()

    os.fsync, os.replace = fsync, replace


def killed(
    X: np.ndarray, path: Path, moment: str, source: np.random.Generator, span: float
) -> bool:
    """Fit in a process of its own that is killed; whether it was before it was through."""
    writing, share, wait = int(source.integers(1, 5)), source.random(), source.uniform(0.0, span)
    child = os.fork()
    if not child:
        try:
            if moment != "any":
                dies(moment, writing, share)
            quick(checkpoint=path).fit(X)
            os._exit(0)
        finally:
            os._exit(1)  # what failed here must not go on as a second pytest
    if moment == "any":
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def resumes_after_kills(X: np.ndarray, path: Path, n_kills: int, seed: int) -> dict[str, int]:
    """Kill a fit `n_kills` times, then let one end; how often at which moment."""
    started = time.perf_counter()
    whole = quick().fit(X)
    span = 0.5 * (time.perf_counter() - started)
    source, count = np.random.default_rng(seed), dict.fromkeys(MOMENTS, 0)
    for _ in range(20 * n_kills):
        moment = str(source.choice(MOMENTS))
        if killed(X, path, moment, source, span):
            count[moment] += 1
            if path.exists():
                read_arrays(path, "checkpoint")  # checks every byte
        else:  # it was through: begin again from nothing
            path.unlink()
        if sum(count.values()) == n_kills:
            break
    assert sum(count.values()) == n_kills
    resumed = quick(checkpoint=path).fit(X)
    np.testing.assert_array_equal(resumed.components_, whole.components_)
    np.testing.assert_array_equal(resumed.intercept_hidden_, whole.intercept_hidden_)
    assert resumed.history_["validation"] == whole.history_["validation"]
    return count


def many(digits: tuple[np.ndarray, np.ndarray], folder: Path, n_fits: int, seed: int) -> None:
    """Three kills a fit."""
    X = digits[0][:100, 8:24]
    quick().fit(X)  # loads the compiled loops, which the processes then have
    count = dict.fromkeys(MOMENTS, 0)
    for number in range(seed, seed + n_fits):
        seen = resumes_after_kills(X, folder / f"{number}.checkpoint", 3, number)
        count = {moment: count[moment] + seen[moment] for moment in MOMENTS}
    assert min(count.values()) > 0, count
    assert sum(count.values()) == 3 * n_fits


def test_a_fit_killed_thirty_times_ends_in_the_same_bits(digits, tmp_path):
    many(digits, tmp_path, 10, seed=0)


@pytest.mark.slow
def test_a_fit_killed_three_hundred_times_ends_in_the_same_bits(digits, tmp_path):
    many(digits, tmp_path, 100, seed=10)
