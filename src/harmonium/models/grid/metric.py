"""Steps in units of how often each response, level and place is met."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from harmonium.contract.energy import Metric, Parameters

__all__ = ["Counts"]


class Counts(Metric):
    """Each count's excess over the count itself, which is about its variance: close to Newton's
    step, where plain ascent would wait for the rare responses.

    Cliques overlap, hence the division by `n_potentials`, the number of potentials that share
    a pixel. `floors` are added to the counts, by name.
    """

    def __init__(self, n_potentials: int, floors: Mapping[str, float]) -> None:
        self.n_potentials, self.floors = n_potentials, dict(floors)
        self.tensors: Parameters = {}

    def direction(self, gradient: Parameters) -> Parameters:
        return {
            name: value / (self.n_potentials * (self.tensors[name] + self.floors[name]))
            if name in self.tensors
            else torch.zeros_like(value)
            for name, value in gradient.items()
        }

    def observe(self, data: Parameters) -> None:
        """Let the running mean of the data's counts follow a batch's."""
        for name, value in data.items():
            if name in self.tensors:
                self.tensors[name].lerp_(value, 0.05)
            else:
                self.tensors[name] = value.clone()
