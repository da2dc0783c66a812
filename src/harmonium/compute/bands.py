"""Levels in order made smooth: the one choice between the twins."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.compute import plain
from harmonium.compute.draws import uses_fast_path

__all__ = ["smooth"]


def smooth(weights: Tensor, runs: Tensor, strength: float) -> None:
    """Solve ``(I + strength * D'D) w = weights`` in place for the rows of each run, D being second
    differences along it.

    ``weights`` is ``(n, k)``, contiguous; ``runs (n_runs, 2)`` int64 on the CPU holds the first
    row of each run and the one after its last. Straight lines stay; runs of fewer than three
    rows do too. Costs about ten multiplications a weight (Eilers, Marx 1996, the penalty of
    P-splines of order two; Cholesky of a band).
    """
    if len(runs) and int(runs.max()) > len(weights):
        raise ValueError(f"runs end at row {int(runs.max())}, weights have {len(weights)}")
    if uses_fast_path(weights) and weights.is_contiguous():
        from harmonium.compute import cpu_bands as fast

        fast.smooth(weights.numpy(), runs.numpy(), strength)
        return
    for first, stop in runs.tolist():
        if stop - first > 2:
            weights[first:stop] = torch.linalg.solve(
                plain.smoothing(stop - first, strength).to(weights), weights[first:stop]
            )
