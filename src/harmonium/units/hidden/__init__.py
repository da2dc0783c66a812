"""Kinds of hidden units, by the name that a model's parameter has for them."""

from __future__ import annotations

from harmonium.units.hidden.base import HiddenUnits
from harmonium.units.hidden.bernoulli import BernoulliHidden
from harmonium.units.hidden.categorical import CategoricalHidden
from harmonium.units.hidden.drelu import DReLUHidden
from harmonium.units.hidden.gaussian import GaussianHidden
from harmonium.units.hidden.relu import ReLUHidden

__all__ = ["HIDDEN"]

HIDDEN: dict[str, type[HiddenUnits]] = {
    "bernoulli": BernoulliHidden,
    "gaussian": GaussianHidden,
    "relu": ReLUHidden,
    "drelu": DReLUHidden,
    "categorical": CategoricalHidden,
}
