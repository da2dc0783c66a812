"""What counts as missing, whatever library wrote it."""

from __future__ import annotations

from typing import Any

__all__ = ["is_missing"]


def is_missing(value: Any) -> bool:
    """Whether a Python value stands for none: None, NaN, NaT or pandas' NA."""
    # NA is neither equal to itself nor not.
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
