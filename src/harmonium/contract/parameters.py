"""Parameters of an estimator as values that JSON holds, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["decoded", "encoded", "named"]


def named(value: Any, what: str) -> dict[str, Any]:
    """`value`, which must be a dict; ``ValueError`` that says `what` it is, else."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be named values, got {type(value).__name__}")
    return value


def encoded(name: str, value: Any) -> Any:
    """The parameter `name` in JSON's values; ``TypeError`` where it has none."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return {"__tuple__": [encoded(name, item) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [encoded(name, item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value.tolist()
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"__dict__": {key: encoded(name, item) for key, item in value.items()}}
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return None  # a stream's position is not part of what was learned
    raise TypeError(f"{name}={value!r} cannot be kept in a model file")


def decoded(value: Any) -> Any:
    """The inverse of :func:`encoded`."""
    if isinstance(value, dict) and set(value) == {"__tuple__"}:
        return tuple(decoded(item) for item in value["__tuple__"])
    if isinstance(value, dict) and set(value) == {"__dict__"}:
        inside = named(value["__dict__"], "a parameter")
        return {key: decoded(item) for key, item in inside.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value
