"""The centred gradient of an RBM: both halves of the machine measured from where they are."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.contract.energy import Metric, Parameters

__all__ = ["Centred"]

#: Share of a batch's mean in the running mean of the hidden units.
_FOLLOWED = 0.01


class Centred(Metric):
    """Learning with v - visible_mean and h - hidden_mean (Montavon, Müller 2012; Melchior,
    Fischer, Wiskott 2016, eq. 10-12).

    The weights' gradient loses what the biases explain, so both can be learned at one rate. The
    visible offset stays where it is given, ``(n_statistics,)``: the base rates; the hidden one,
    ``(n_hidden,)``, follows the units' mean under the data, from a half.
    """

    def __init__(self, visible_mean: Tensor, n_hidden: int) -> None:
        self.visible_mean = visible_mean
        self.hidden_mean = visible_mean.new_full((n_hidden,), 0.5)
        self.tensors = {"visible_mean": self.visible_mean, "hidden_mean": self.hidden_mean}

    def direction(self, gradient: Parameters) -> Parameters:
        weights = (
            gradient["weights"]
            - torch.outer(self.visible_mean, gradient["hidden_bias"])
            - torch.outer(gradient["visible_bias"], self.hidden_mean)
        )
        return {
            "weights": weights,
            "visible_bias": gradient["visible_bias"] - weights @ self.hidden_mean,
            "hidden_bias": gradient["hidden_bias"] - self.visible_mean @ weights,
        }

    def observe(self, data: Parameters) -> None:
        """Let the hidden units' offset follow their mean under the data."""
        self.follow(data["hidden_bias"])

    def follow(self, hidden_mean: Tensor) -> None:
        """:meth:`observe` of the hidden units' mean under a batch."""
        self.hidden_mean.lerp_(hidden_mean, _FOLLOWED)
