"""What the parameters of an RBM may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harmonium.contract.checks import Range, check_flag, choice, integer, number, or_else
from harmonium.data.infer import KINDS
from harmonium.data.schema import Schema
from harmonium.models.settings import LEARNING_RANGES, positive
from harmonium.units.hidden import HIDDEN

__all__ = ["RANGES"]


def _check_visible(name: str, value: Any) -> None:
    words = ("auto", *KINDS)
    if isinstance(value, Schema | Mapping) or (isinstance(value, str) and value in words):
        return
    raise ValueError(
        f"{name} must be one of {', '.join(map(repr, words))}, a dict of columns or a Schema, "
        f"got {value!r}"
    )


def _check_missing(name: str, value: Any) -> None:
    words = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    if words or (isinstance(value, str) and value in ("at-random", "informative")):
        return
    raise ValueError(
        f"{name} must be 'at-random', 'informative' or a list of columns, got {value!r}"
    )


_AT_LEAST_ONE = or_else("auto", integer(1))
RANGES: Mapping[str, Range] = {
    "n_components": integer(1),
    "visible": _check_visible,
    "hidden": choice(*HIDDEN),
    "missing": _check_missing,
    "learner": choice("exact", "cd", "pcd", "pt"),
    "n_updates": _AT_LEAST_ONE,
    "batch_size": _AT_LEAST_ONE,
    "n_chains": _AT_LEAST_ONE,
    "learning_rate": or_else("auto", positive),
    "weight_decay": or_else("auto", number(0.0)),
    "smoothing": or_else("auto", number(0.0)),
    "n_gibbs": integer(1),
    "centered": check_flag,
    "discriminative": number(0.0, 1.0),
    "temperature": positive,
    **LEARNING_RANGES,
}
