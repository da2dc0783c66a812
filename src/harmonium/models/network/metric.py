"""Steps of log tables whose zeros stay zero."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.contract.energy import Metric, Parameters

__all__ = ["Masked"]


class Masked(Metric):
    """The gradient itself, but for the entries `forbidden` ``(n_entries,)``, which stay."""

    def __init__(self, forbidden: Tensor) -> None:
        self.forbidden = forbidden
        self.tensors: Parameters = {}

    def direction(self, gradient: Parameters) -> Parameters:
        return {name: torch.where(self.forbidden, 0.0, g) for name, g in gradient.items()}

    def observe(self, data: Parameters) -> None:
        """Nothing to keep."""
