"""A checkpointed fit that is killed, again and again, ends in the bits of one that was not."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

import harmonium as hm


def quick(**parameters) -> hm.RBM:
    return hm.RBM(**{"n_components": 16, "n_updates": 500, "random_state": 0, **parameters})


def resumes_after_kills(X: np.ndarray, path, n_kills: int, seed: int) -> None:
    """`n_kills` times: a process that fits is killed at a random moment; then one that ends."""
    whole = quick().fit(X)
    source = np.random.default_rng(seed)
    started = time.perf_counter()
    quick().fit(X)
    seconds = time.perf_counter() - started
    n_killed = 0
    for _ in range(20 * n_kills):
        child = os.fork()
        if not child:
            quick(checkpoint=path).fit(X)
            os._exit(0)
        time.sleep(source.uniform(0.0, 0.5 * seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            n_killed += 1
        else:  # it was through: begin again from nothing
            path.unlink()
        if n_killed == n_kills:
            break
    assert n_killed == n_kills
    resumed = quick(checkpoint=path).fit(X)
    np.testing.assert_array_equal(resumed.components_, whole.components_)
    np.testing.assert_array_equal(resumed.intercept_hidden_, whole.intercept_hidden_)
    assert resumed.history_["validation"] == whole.history_["validation"]


def test_a_fit_killed_at_random_moments_ends_in_the_same_bits(digits, tmp_path):
    for seed in range(2):
        resumes_after_kills(digits[0][:200], tmp_path / f"{seed}.checkpoint", 3, seed)


@pytest.mark.slow
def test_a_fit_killed_at_many_random_moments_ends_in_the_same_bits(digits, tmp_path):
    for seed in range(100):
        resumes_after_kills(digits[0][:200], tmp_path / f"{seed}.checkpoint", 3, seed)
