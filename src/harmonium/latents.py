"""What hidden units of a fitted RBM stand for."""

from __future__ import annotations

from harmonium.questions.latents import (
    Space,
    Switched,
    UnitSummary,
    neighbour_table,
    switch_unit,
    unit_summary,
    walk,
)

__all__ = [
    "Space",
    "Switched",
    "UnitSummary",
    "neighbour_table",
    "switch_unit",
    "unit_summary",
    "walk",
]
