"""Ranges of the parameters that every model learned by the one loop has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harmonium.compute.device import device_for
from harmonium.compute.random import random_generator
from harmonium.contract.checks import Range, number, or_else, writable_file
from harmonium.data.infer import KINDS
from harmonium.data.schema import Schema

__all__ = ["LEARNING_RANGES", "check_missing", "check_visible", "positive", "share"]


def _device(name: str, value: Any) -> Any:
    # Torch is loaded only where there is something for it to say.
    known = isinstance(value, str) and value in ("auto", "cpu")
    return value if known else device_for(value)


def _random_state(name: str, value: Any) -> Any:
    if not isinstance(value, np.random.RandomState):  # of which nothing is to be drawn here
        random_generator(value)
    return value


def check_visible(name: str, value: Any) -> None:
    """What says what columns are."""
    words = ("auto", *KINDS)
    if isinstance(value, Schema | Mapping) or (isinstance(value, str) and value in words):
        return
    raise ValueError(
        f"{name} must be one of {', '.join(map(repr, words))}, a dict of columns or a Schema, "
        f"got {value!r}"
    )


def check_missing(name: str, value: Any) -> None:
    """What says which cells being missing tells something."""
    words = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    if words or (isinstance(value, str) and value in ("at-random", "informative")):
        return
    raise ValueError(
        f"{name} must be 'at-random', 'informative' or a list of columns, got {value!r}"
    )


positive = number(0.0, low_open=True)
share = number(0.0, 1.0, high_open=True)

LEARNING_RANGES: Mapping[str, Range] = {
    "validation_fraction": or_else("auto", share),
    "time_limit": or_else(None, positive),
    "checkpoint": or_else(None, writable_file),
    "random_state": _random_state,
    "device": _device,
}
