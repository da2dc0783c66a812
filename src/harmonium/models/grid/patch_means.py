"""Posterior means under Gaussian noise by a mixture of patches."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.contract.evidence import TableReadings
from harmonium.models.answers import Answerer
from harmonium.models.grid.patch_mixture import SIDE, PatchMixture
from harmonium.models.question import Question

__all__ = ["NormalReadings", "PatchMeans", "normal_readings"]

#: Levels from its peak over which a log-likelihood must be a parabola to count as normal, and by
#: how much of the value it may differ.
_REACH, _MOST_OFF = 8, 0.02


class PatchMeans(Answerer):
    """Means of pictures with Gaussian noise at every pixel, by their overlapping patches.

    An approximation without an error bar, some hundred times cheaper than chains over patches.
    """

    name = "patches"
    wants = (
        "a mean, Gaussian noise of more than half a level at every pixel, pictures of 8x8 or "
        "larger, and a model with n_patch_kinds"
    )

    def __init__(self, mixture: PatchMixture | None, shape: tuple[int, int], n_levels: int) -> None:
        self.mixture, self.shape, self.n_levels = mixture, shape, n_levels

    def covers(self, question: Question) -> Tensor:
        known = self._normal(question)
        if known is None:
            return torch.zeros(len(question.start), dtype=torch.bool)
        return known.everywhere & question.free.all(1)

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        known = self._normal(question)
        assert known is not None
        assert self.mixture is not None
        top = self.n_levels - 1.0
        found = torch.stack(
            [
                self.mixture.clean(
                    row.reshape(self.shape).float(), known.variance, top if known.clipped else None
                )
                for row in known.values
            ]
        )
        return found.reshape(len(found), -1).double().clamp(0.0, top)

    def _normal(self, question: Question) -> NormalReadings | None:
        known = question.evidence.readings
        if self.mixture is None or question.how != "mean" or known is None:
            return None
        if min(self.shape) < SIDE:
            return None
        return normal_readings(known.as_table(), self.n_levels - 1.0)


class NormalReadings:
    """Readings ``values (n, V)`` with Gaussian noise of one `variance`, in rows that have one
    ``everywhere (n,)``; `clipped`: to the levels there are."""

    def __init__(self, values: Tensor, variance: float, everywhere: Tensor, clipped: bool) -> None:
        self.values, self.variance = values, variance
        self.everywhere, self.clipped = everywhere, clipped


def normal_readings(known: TableReadings, top: float) -> NormalReadings | None:
    """What `known` says where its log-likelihoods are parabolas of one width; None elsewhere.

    Of real readings none lies at 0 or at `top` by chance: where some do and none beyond, all were
    clipped.
    """
    table = known.table.double()
    blank = len(table) - 1
    everywhere = (known.rows < blank).all(1)
    if known.slopes is not None:
        if blank != 1 or table[0, 1] >= 0:
            return None
        variance = -0.5 / float(table[0, 1])
        values = known.slopes.double() * variance
        values = torch.where((values - values.round()).abs() < 1e-6, values.round(), values)
        ends = ((values == 0) | (values == top)).any() and ((values >= 0) & (values <= top)).all()
        return NormalReadings(values, variance, everywhere, bool(ends))
    middle = table.shape[1] // 2
    if blank != table.shape[1] or middle < _REACH:  # a row for each level that may be read
        return None
    fall = table[middle, middle] - table[middle, middle : middle + _REACH]
    if not torch.isfinite(fall).all() or fall[1] <= 0:
        return None
    parabola = fall[1] * torch.arange(_REACH, dtype=torch.float64) ** 2
    if ((fall - parabola).abs() > _MOST_OFF * parabola).any():
        return None
    return NormalReadings(known.rows.double(), 0.5 / float(fall[1]), everywhere, True)
