"""How the parameters of a Boltzmann machine climb, and what pulls them back.

Both measure statistics from their means m: log_weight = b's + (s - m)'J(s - m) / 2 with
b = fields + J m, so that couplings lose what fields explain (Montavon, Müller 2012). A coupling's
step is over its curvature as it would be were variables independent, v v' + `floor`, v the
statistics' variances.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.contract.energy import Metric, Parameters
from harmonium.learning.ascent import Prior

__all__ = ["Centred", "Pull", "step_sizes"]


def step_sizes(mean: Tensor, mask: Tensor, floor: float) -> Tensor:
    """Of every coupling, ``(n_statistics, n_statistics)``; 0 for those that there are not."""
    variance = mean * (1.0 - mean)
    sizes = (torch.outer(variance, variance) + floor).reciprocal_()
    return sizes.mul_(mask.to(sizes))


class Centred(Metric):
    """Statistics are measured from `mean` ``(n_statistics,)``, couplings step by `sizes` and fields
    by `field_sizes`."""

    def __init__(self, mean: Tensor, sizes: Tensor, field_sizes: Tensor) -> None:
        self.mean, self.sizes, self.field_sizes = mean, sizes, field_sizes
        self.tensors: Parameters = {}

    def direction(self, gradient: Parameters) -> Parameters:
        slope = gradient["fields"]
        couplings = gradient["couplings"].mul(2.0)
        couplings.addr_(self.mean, slope, alpha=-1.0).addr_(slope, self.mean, alpha=-1.0)
        couplings.mul_(self.sizes)
        fields = self.field_sizes * slope - couplings @ self.mean
        return {"couplings": couplings, "fields": fields}

    def observe(self, data: Parameters) -> None:
        """Nothing to keep."""


class Pull(Prior):
    """A Gaussian prior on couplings, of precision `strength` a pair of statistics, that leaves
    the centred fields where they are; steps are over `sizes` as :class:`Centred`'s are."""

    def __init__(self, strength: float, mean: Tensor, sizes: Tensor) -> None:
        self.strength, self.mean, self.sizes = strength, mean, sizes

    def value(self, parameters: Parameters) -> float:
        return -0.25 * self.strength * float((parameters["couplings"].double() ** 2).sum())

    def gradient(self, parameters: Parameters) -> Parameters:
        return {"couplings": -0.5 * self.strength * parameters["couplings"]}

    def pull(self, parameters: Parameters, rate: float) -> None:
        couplings = parameters["couplings"]
        before = couplings @ self.mean
        couplings.div_(self.sizes.mul(rate * self.strength).add_(1.0))
        parameters["fields"].add_(before - couplings @ self.mean)
