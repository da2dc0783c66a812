"""Work that is recorded once and replayed, beside a CUDA that is played by a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from harmonium.compute.graphs import Replayed

#: As much of a tensor as is asked for its place.
CUDA = SimpleNamespace(is_cuda=True, get_device=lambda: -1)


class Recorder:
    """What torch.cuda does here: calls of `work` count as recorded, not run, inside of `graph`."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.recording, self.done = fault, False, []

    def work(self) -> None:
        self.done.append("recorded" if self.recording else "run")

    def CUDAGraph(self) -> Recorder:
        return self

    def replay(self) -> None:
        self.done.append("replayed")

    @contextmanager
    def graph(self, one: Recorder) -> Iterator[None]:
        self.recording = True
        try:
            yield
            if self.fault:
                raise RuntimeError(self.fault)
        finally:
            self.recording = False


@pytest.fixture
def cuda(monkeypatch) -> Callable[[str], Recorder]:
    def played(fault: str = "") -> Recorder:
        recorder = Recorder(fault)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", recorder.CUDAGraph)
        monkeypatch.setattr(torch.cuda, "graph", recorder.graph)
        return recorder

    return played


def test_work_is_run_a_few_times_then_recorded_and_replayed(cuda):
    played = cuda()
    replayed = Replayed(played.work, CUDA)
    for _ in range(5):
        replayed()
    assert played.done == ["run"] * 3 + ["recorded"] + ["replayed"] * 2


def test_work_that_cannot_be_recorded_is_run_and_that_is_said_once(cuda, recwarn):
    played = cuda("operation not permitted when stream is capturing\nmore")
    replayed = Replayed(played.work, CUDA)
    for _ in range(6):
        replayed()
    assert [done for done in played.done if done != "recorded"] == ["run"] * 6
    (told,) = [str(warning.message) for warning in recwarn]
    assert "could not be recorded as a CUDA graph" in told
    assert told.endswith("operation not permitted when stream is capturing")


def test_elsewhere_work_is_just_run(cuda):
    played = cuda()
    replayed = Replayed(played.work, torch.empty(1))
    for _ in range(6):
        replayed()
    assert played.done == ["run"] * 6
