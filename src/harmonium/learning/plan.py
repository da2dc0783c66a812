"""What a fit was asked for, as values: the part of a model's parameters that its start reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

__all__ = ["asked"]

T = TypeVar("T")


def asked(kind: type[T], parameters: Mapping[str, Any]) -> T:
    """The dataclass `kind` filled from constructor `parameters` of the same names."""
    return kind(**{one.name: parameters[one.name] for one in fields(kind)})  # type: ignore[arg-type]
