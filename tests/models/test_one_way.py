"""A class is abstract or final: what is implemented in a parent is nowhere written again."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from sklearn.base import BaseEstimator

import harmonium as hm
from harmonium.contract.energy import Energy, Metric
from harmonium.contract.joint import JointDistribution
from harmonium.contract.noise import NoiseChannel
from harmonium.learning.ascent import Prior
from harmonium.learning.climb import Objective
from harmonium.learning.learners.base import Learner
from harmonium.learning.rows import RowSource
from harmonium.learning.watch import Watch
from harmonium.models.answers import Answerer
from harmonium.models.codec import Codec
from harmonium.units.base import Units

ROOTS = [
    *(JointDistribution, Energy, Answerer, Codec, Units, NoiseChannel),
    *(Metric, Prior, Learner, RowSource, Watch, Objective),
]


def descendants(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        if child.__module__.startswith("harmonium."):
            yield child
        yield from descendants(child)


def implemented(cls: type) -> dict[str, object]:
    """Methods and properties with a body that a class itself writes."""
    return {
        name: value
        for name, value in vars(cls).items()
        if (callable(value) or isinstance(value, property | classmethod | staticmethod))
        and not name.startswith("__")
        and not inspect.isclass(value)
        and not getattr(value, "__isabstractmethod__", False)
    }


@pytest.mark.parametrize("root", ROOTS, ids=lambda cls: cls.__name__)
def test_nothing_implemented_is_written_again(root):
    models = {
        hm.RBM,
        hm.BoltzmannMachine,
        hm.GridMRF,
        hm.MarkovNetwork,
        hm.NGram,
    }  # loaded by being named
    found = list(dict.fromkeys(descendants(root)))
    assert root is not JointDistribution or models <= set(found)
    assert found
    again = [
        f"{cls.__qualname__}.{name} (written in {parent.__qualname__})"
        for cls in found
        for name in implemented(cls)
        for parent in cls.__mro__[1:]
        if parent.__module__.startswith("harmonium.") and parent is not BaseEstimator
        if name in implemented(parent)
    ]
    assert not again
