"""Models of which some variables are held at a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["restricted"]


@runtime_checkable
class _Restricts(Protocol):
    """A model whose variables have names, some of which may be held at a state."""

    def restricted(self, evidence: Mapping[Any, Any]) -> Any: ...


def restricted(model: object, evidence: Mapping[Any, Any]) -> Any:
    """`model` of the states that agree with `evidence` alone; ``TypeError`` where it names none."""
    if not isinstance(model, _Restricts):
        raise TypeError(f"evidence: a {type(model).__name__} has no named variables; leave it out")
    return model.restricted(evidence)
