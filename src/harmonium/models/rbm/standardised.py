"""The centred gradient of an RBM whose hidden units are not of 0 and 1, as if they varied alike."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.contract.energy import Metric, Parameters
from harmonium.units.hidden.base import SQUARE, HiddenUnits

__all__ = ["Standardised"]

#: Share of a batch's means in the running ones.
_FOLLOWED = 0.01
#: Variance of a fair unit of 0 and 1, for which rates are meant.
_FAIR = 0.25
#: How much faster the parameters that units have to themselves climb than weights and biases.
_OWN = 5.0
#: Values of units beyond which nothing is learned: all are measured in widths.
_MOST = 100.0
#: Share of a unit's variance without inputs, below which it is counted as that.
_LEAST = 0.25


class Standardised(Metric):
    """Steps that do not depend on the scale of hidden units (as in Tubiana, Cocco, Monasson 2019,
    who keep their variance at one by a scale of the weights).

    Weights of a unit of variance s^2 climb as if it were h / (2 s), which varies as a fair unit
    of 0 and 1 does: its gradient is divided by 4 s^2, since scale counts on the way there and on
    the way back. Where `centred`, visible statistics count from ``visible_mean (n_statistics,)``
    and hidden units from their mean under the data, which is followed; so are their squares.
    """

    def __init__(self, visible_mean: Tensor, hidden: HiddenUnits, *, centred: bool) -> None:
        self.visible_mean = visible_mean if centred else torch.zeros_like(visible_mean)
        self._own = hidden.parameter_names
        rest = visible_mean.new_zeros((1, hidden.n_units))
        mean, beside = hidden.expected(rest)
        self._mean, self._square = mean[0].clone(), beside[SQUARE][0].clone()
        self._least = _LEAST * (self._square - self._mean.square())
        self.hidden_mean = self._mean if centred else torch.zeros_like(self._mean)
        self.tensors = {
            "visible_mean": self.visible_mean,
            "hidden_mean": self.hidden_mean,
            "mean": self._mean,
            "square": self._square,
        }

    def direction(self, gradient: Parameters) -> Parameters:
        variance = torch.maximum(self._square - self._mean.square(), self._least)
        share = _FAIR / variance
        weights = share * (
            gradient["weights"]
            - torch.outer(self.visible_mean, gradient["hidden_bias"])
            - torch.outer(gradient["visible_bias"], self.hidden_mean)
        )
        bias = share * gradient["hidden_bias"] - self.visible_mean @ weights
        return {
            "weights": weights,
            "visible_bias": gradient["visible_bias"] - weights @ self.hidden_mean,
            "hidden_bias": bias,
            **{name: _OWN * share * gradient[name] for name in self._own},
        }

    def observe(self, data: Parameters) -> None:
        """Let the units' mean and square follow those under the data, within limits: a fit that
        goes back from where it ran away must not find its scale lost."""
        for kept, name, most in (
            (self._mean, "hidden_bias", _MOST),
            (self._square, SQUARE, _MOST**2),
        ):
            found = torch.where(torch.isfinite(data[name]), data[name], kept)
            kept.lerp_(found.clamp(-most, most), _FOLLOWED)
