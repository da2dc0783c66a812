"""Whether chains forget where they were: how far they agree with themselves some sweeps later,
beside how far different chains agree.

What a chain agrees with itself beyond that is memory. It needs few chains, since all variables are
averaged over, and sees what single figures such as the energy do not: overlaps in time are how
mixing of Potts models is judged (Barrat-Charlaix et al. 2021). A mode that no chain is in shows
nowhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Memory", "memory"]

#: Chains below which nothing is told; memory that counts as slow, and by so many standard errors.
_FEWEST, _SLOW, _CERTAIN = 10, 0.1, 4.0


@dataclass(frozen=True)
class Memory:
    """``share``: what chains still agree with themselves beyond what they agree with others, 0 for
    none and 1 for chains that stand still; and its standard error."""

    share: float
    std_error: float

    @property
    def is_slow(self) -> bool:
        return self.share > max(_SLOW, _CERTAIN * self.std_error)


def memory(before: Tensor, after: Tensor, free: Tensor | None = None) -> Memory | None:
    """Of chains ``(n, n_variables)`` at two times, over the variables that are ``free
    (n_variables,)``. None where there are few chains, or all of them agree."""
    if free is not None:
        before, after = before[:, free], after[:, free]
    if len(before) < _FEWEST or not before.shape[1]:
        return None
    own = (before == after).double().mean(1)
    other = (before == torch.roll(after, 1, 0)).double().mean(1)
    room = 1.0 - float(other.mean())
    if room < 1e-6:
        return None
    each = (own - other) / room
    return Memory(float(each.mean()), float(each.std()) / math.sqrt(len(each)))
