"""CUDA graphs: work on tensors that stay where they are, recorded once and replayed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harmonium.compute.device import device_of
from harmonium.contract.warning import warn_caller

__all__ = ["Replayed"]

#: Plain runs before work is recorded, in which kernels are compiled and libraries choose theirs.
_WARM_UP = 3


class Replayed:
    """`work` as one graph where the tensor `on` is on CUDA, so that a run costs a single launch;
    elsewhere, and where it cannot be recorded, it is just called.

    It takes nothing and returns nothing: all that it reads and writes are tensors that stay the
    same, and no number of Python's may change from run to run. It must not wait for the device.
    """

    def __init__(self, work: Callable[[], None], on: Tensor) -> None:
        self._work, self._on = work, on
        self._graph: torch.cuda.CUDAGraph | None = None
        self._recorded = on.is_cuda
        self._n_plain = 0

    def __call__(self) -> None:
        if self._recorded and self._graph is None and self._n_plain >= _WARM_UP:
            self._record()
        if self._graph is not None:
            with device_of(self._on):
                self._graph.replay()
            return
        self._work()
        self._n_plain += 1

    def _record(self) -> None:
        """Nothing is run by this."""
        graph = torch.cuda.CUDAGraph()
        try:
            with device_of(self._on), torch.cuda.graph(graph):
                self._work()
        except RuntimeError as error:
            self._recorded = False
            warn_caller(
                f"this update could not be recorded as a CUDA graph, and is run launch by launch: "
                f"{str(error).splitlines()[0]}",
                RuntimeWarning,
            )
            return
        self._graph = graph
