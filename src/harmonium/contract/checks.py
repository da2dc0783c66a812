"""Argument checks: one clear error that names the argument, what it was, what was wanted."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "check_arrays",
    "check_choice",
    "check_flag",
    "check_integer",
    "check_number",
]


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int in ``[low, high]``; bools and floats are refused."""
    wanted = f"an integer of at least {low}" if high is None else f"an integer in [{low}, {high}]"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return number


def check_number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> float:
    """`value` as a finite float in the interval; an open end is excluded."""
    wanted = f"a number in {'(' if low_open else '['}{low}, {high}{')' if high_open else ']'}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    number = float(value)
    below = number <= low if low_open else number < low
    above = number >= high if high_open else number > high
    if not math.isfinite(number) or below or above:
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return number


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """`value` if it is one of `choices`."""
    known = tuple(choices)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def check_arrays(
    arrays: Mapping[str, NDArray[Any]], wanted: Mapping[str, tuple[str, tuple[int | None, ...]]]
) -> None:
    """Raise ``ValueError`` unless each array `wanted` is there in its type and shape.

    A type is a numpy name such as ``"int32"``, or ``"float"`` for any of that kind; None in a
    shape stands for any length.
    """
    for name, (kind, shape) in wanted.items():
        if name not in arrays:
            raise ValueError(f"{name} is missing")
        array = arrays[name]
        right = array.dtype.kind == "f" if kind == "float" else array.dtype == kind
        if not right:
            raise ValueError(f"{name} holds {array.dtype}, wanted {kind}")
        if len(array.shape) != len(shape) or any(
            n is not None and n != m for n, m in zip(shape, array.shape, strict=True)
        ):
            raise ValueError(f"{name} has shape {array.shape}, wanted {shape}")


def check_flag(name: str, value: Any) -> bool:
    """`value` as a bool; only True and False pass."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)
