"""What a model says of itself (:meth:`.JointDistribution.facts`), as people read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["written", "written_facts"]


def written_facts(
    facts: Mapping[str, Any], leave_out: Collection[str] = ()
) -> list[tuple[str, str]]:
    """Facts as names and texts, in their order."""
    return [(name, written(value)) for name, value in facts.items() if name not in leave_out]


def written(value: Any) -> str:
    """A fact's value as text: numbers with thousands marked, estimates with their errors."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, Mapping):
        if {"value", "std_error", "method", "status"} <= set(value):
            figures = [value["value"], value["std_error"]]
            known = ("not finite" if x is None else f"{x:,.4f}" for x in figures)
            return f"{' ± '.join(known)} ({value['method']}, {value['status']})"
        return "; ".join(f"{name}: {written(one)}" for name, one in value.items())
    if isinstance(value, list):
        between = "; " if any(isinstance(one, list) for one in value) else ", "
        return between.join(map(written, value))
    return str(value)
