"""Parameters that are given, by a user or by a model file, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_arrays
from harmonium.units.hidden import HIDDEN

__all__ = ["check_state", "given_parameters", "own_parameters"]

Array: TypeAlias = NDArray[np.float64]


def given_parameters(W: Any, b: Any, c: Any) -> tuple[Array, Array, Array]:
    """Weights ``(n_visible, n_hidden)`` and biases that a user gives, checked, float64."""
    arrays = {}
    for name, value, n_dimensions in (("W", W, 2), ("b", b, 1), ("c", c, 1)):
        try:
            array = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be an array of numbers, got {value!r}") from None
        if array.ndim != n_dimensions or not np.isfinite(array).all():
            raise ValueError(
                f"{name} must be a finite array of {n_dimensions} dimension(s), "
                f"got shape {array.shape}"
            )
        arrays[name] = array
    n_visible, n_hidden = arrays["W"].shape
    if min(n_visible, n_hidden) < 1:
        raise ValueError(f"W must have at least one row and column, got {arrays['W'].shape}")
    if arrays["b"].shape != (n_visible,) or arrays["c"].shape != (n_hidden,):
        raise ValueError(
            f"b and c must have the lengths of W's sides, {n_visible} and {n_hidden}, "
            f"got {arrays['b'].shape[0]} and {arrays['c'].shape[0]}"
        )
    return arrays["W"], arrays["b"], arrays["c"]


def check_state(arrays: Mapping[str, NDArray[Any]]) -> tuple[int, int, int]:
    """Hidden units, visible ones and those of attributes, of a model file's arrays that fit."""
    sides: tuple[int | None, ...] = (None, None)
    check_arrays(arrays, {"components": ("float", sides), "attribute_components": ("float", sides)})
    n_hidden, n_visible = arrays["components"].shape
    n_units = arrays["attribute_components"].shape[1]
    wanted = {
        "intercept_visible": (n_visible,),
        "intercept_hidden": (n_hidden,),
        "base_bias": (n_visible + n_units,),
        "attribute_components": (n_hidden, n_units),
        "intercept_attributes": (n_units,),
    }
    check_arrays(arrays, {name: ("float", shape) for name, shape in wanted.items()})
    return n_hidden, n_visible, n_units


def own_parameters(
    arrays: Mapping[str, NDArray[Any]], hidden: str, n_hidden: int
) -> dict[str, NDArray[Any]]:
    """Of a model file's arrays those that `hidden` units have to themselves."""
    names = HIDDEN[hidden].parameter_names
    check_arrays(arrays, dict.fromkeys(names, ("float", (n_hidden,))))
    return {name: arrays[name] for name in names}
