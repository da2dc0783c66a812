"""The centred gradient of an RBM: both halves of the machine measured from where they are."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.contract.energy import Metric, Parameters
from harmonium.learning.ascent import Gaussian, Prior

__all__ = ["Centred", "CentredPull"]

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


class CentredPull(Prior):
    """A Gaussian prior of `precision` on the weights of a centred machine, beside one on `biases`.

    Weights that shrink while biases stay move every unit's mean: a pull on them alone comes to
    rest where the model's means are precision * W @ hidden_mean away from the data's, which is
    much where rows are few. Here the biases move along, so that the centred ones are as they were.
    """

    def __init__(self, precision: float, centred: Centred, biases: Gaussian) -> None:
        self.precision, self.centred, self.biases = precision, centred, biases

    def value(self, parameters: Parameters) -> float:
        square = float((parameters["weights"].double() ** 2).sum())
        return self.biases.value(parameters) - 0.5 * self.precision * square

    def gradient(self, parameters: Parameters) -> Parameters:
        own = {"weights": -self.precision * parameters["weights"]}
        return {**own, **self.biases.gradient(parameters)}

    def pull(self, parameters: Parameters, rate: float) -> None:
        """Implicit, as :class:`~harmonium.learning.ascent.Gaussian`'s: no rate is too large."""
        moved = self.along(parameters, rate)
        parameters["weights"].mul_(1.0 / (1.0 + rate * self.precision))
        self.pull_biases(parameters, moved, rate)

    def along(self, parameters: Parameters, rate: float) -> Parameters:
        """What the biases gain when the weights are pulled."""
        share = rate * self.precision / (1.0 + rate * self.precision)
        return {
            "visible_bias": share * (parameters["weights"] @ self.centred.hidden_mean),
            "hidden_bias": share * (self.centred.visible_mean @ parameters["weights"]),
        }

    def pull_biases(self, parameters: Parameters, moved: Parameters, rate: float) -> None:
        """The rest of a pull whose weights have been: biases gain what :meth:`along` gave."""
        for name, change in moved.items():
            parameters[name].add_(change)
        self.biases.pull(parameters, rate)
