"""Ranges of the parameters that every model learned by the one loop has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harmonium.compute.device import device_for
from harmonium.compute.random import random_generator
from harmonium.contract.checks import Range, number, or_else, writable_file

__all__ = ["LEARNING_RANGES", "positive", "share"]


def _device(name: str, value: Any) -> Any:
    return device_for(value)


def _random_state(name: str, value: Any) -> Any:
    if not isinstance(value, np.random.RandomState):  # of which nothing is to be drawn here
        random_generator(value)
    return value


positive = number(0.0, low_open=True)
share = number(0.0, 1.0, high_open=True)

LEARNING_RANGES: Mapping[str, Range] = {
    "validation_fraction": or_else("auto", share),
    "time_limit": or_else(None, positive),
    "checkpoint": or_else(None, writable_file),
    "random_state": _random_state,
    "device": _device,
}
