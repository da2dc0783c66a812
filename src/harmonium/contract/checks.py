"""Argument checks: one clear error that names the argument, what it was, what was wanted."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Range",
    "check_arrays",
    "check_choice",
    "check_flag",
    "check_integer",
    "check_number",
    "check_ranges",
    "choice",
    "integer",
    "number",
    "or_else",
    "writable_file",
]

#: What a parameter may be: raises for a value out of range, given the parameter's name.
Range: TypeAlias = "Callable[[str, Any], Any]"


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


# -- ranges of parameters, as data ------------------------------------------------------------


def check_ranges(parameters: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Each parameter that has a range against it, in the order of `ranges`."""
    for name, within in ranges.items():
        within(name, parameters[name])


def integer(low: int, high: int | None = None) -> Range:
    """The range of :func:`check_integer`."""
    return lambda name, value: check_integer(name, value, low, high)


def number(low: float = -math.inf, high: float = math.inf, **ends: bool) -> Range:
    """The range of :func:`check_number`; `ends` are its ``low_open``, ``high_open``."""
    return lambda name, value: check_number(name, value, low, high, **ends)


def choice(*choices: str) -> Range:
    """The range of :func:`check_choice`."""
    return lambda name, value: check_choice(name, value, choices)


def or_else(value: Any, otherwise: Range) -> Range:
    """This very `value` (``"auto"``, None), or what the range `otherwise` has."""

    def check(name: str, given: Any) -> Any:
        same = given is value or (isinstance(given, str) and given == value)
        return given if same else otherwise(name, given)

    return check


def writable_file(name: str, value: Any) -> Any:
    """A path in a folder that exists."""
    try:
        folder = Path(os.fspath(value)).parent
    except TypeError:
        raise TypeError(f"{name} must be a path, got {value!r}") from None
    if not folder.is_dir():
        raise ValueError(f"{name}: the folder {str(folder)!r} does not exist")
    return value
