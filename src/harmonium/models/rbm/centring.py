"""The centred gradient of an RBM: both halves of the machine measured from where they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harmonium.compute.bands import smooth
from harmonium.compute.plain import smoothing
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
    """A Gaussian prior on the weights of a machine, its biases measured from `offsets`, beside
    one on the `biases`.

    It has `precision` round zero, and `roughness` (a precision too) on the second differences of
    the weights of each of the ``runs`` of levels in order, so that neighbouring levels speak
    alike (Eilers, Marx 1996). Weights that change while biases stay move every unit's mean: a
    pull on them alone comes to rest where the model's means are precision * W @ hidden_mean away
    from the data's, which is much where rows are few. Here the biases move along, so that the
    centred ones are as they were. ``offsets`` are the visible and the hidden units' means.
    """

    def __init__(
        self,
        precision: float,
        offsets: tuple[Tensor, Tensor],
        biases: Gaussian,
        roughness: float = 0.0,
        runs: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.precision, self.offsets, self.biases = precision, offsets, biases
        self.roughness = roughness
        self.runs = torch.tensor([run for run in runs if run[1] - run[0] > 2]).reshape(-1, 2)

    def value(self, parameters: Parameters) -> float:
        weights = parameters["weights"].double()
        rough = sum(
            float((torch.diff(weights[first:stop], n=2, dim=0) ** 2).sum())
            for first, stop in self.runs.tolist()
        )
        square = self.precision * float((weights**2).sum()) + self.roughness * rough
        return self.biases.value(parameters) - 0.5 * square

    def gradient(self, parameters: Parameters) -> Parameters:
        weights = parameters["weights"]
        own = -self.precision * weights
        for first, stop in self.runs.tolist() if self.roughness else ():
            penalty = smoothing(stop - first, self.roughness).to(weights)
            own[first:stop] -= penalty @ weights[first:stop] - weights[first:stop]
        return {"weights": own, **self.biases.gradient(parameters)}

    def pull(self, parameters: Parameters, rate: float) -> None:
        """Implicit, as :class:`~harmonium.learning.ascent.Gaussian`'s: no rate is too large."""
        moved = self.along(parameters, rate)
        parameters["weights"].mul_(1.0 / (1.0 + rate * self.precision))
        self.pull_rest(parameters, moved, rate)

    def along(self, parameters: Parameters, rate: float) -> Parameters:
        """What the biases gain when the weights are pulled to zero."""
        share = rate * self.precision / (1.0 + rate * self.precision)
        visible, hidden = self._carried(parameters["weights"])
        return {"visible_bias": share * visible, "hidden_bias": share * hidden}

    def _carried(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """What the weights add to either side's inputs, on average."""
        visible_mean, hidden_mean = self.offsets
        return weights @ hidden_mean, visible_mean @ weights

    def pull_rest(self, parameters: Parameters, moved: Parameters, rate: float) -> None:
        """The rest of a pull whose weights have been pulled to zero: biases gain what
        :meth:`along` gave, and weights of levels in order become smoother."""
        for name, change in moved.items():
            parameters[name].add_(change)
        if self.roughness and len(self.runs):
            before = self._carried(parameters["weights"])
            smooth(parameters["weights"], self.runs, rate * self.roughness)
            after = self._carried(parameters["weights"])
            for name, old, new in zip(("visible_bias", "hidden_bias"), before, after, strict=True):
                parameters[name].add_(old - new)
        self.biases.pull(parameters, rate)
