"""What the questions about sequences share: models' families, and answers as frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harmonium.data.sequences.alignment import Alignment
from harmonium.data.sequences.family import Family
from harmonium.models.sequences import aligned

__all__ = ["as_frame", "family_of", "one_sequence", "wanted_family"]


def family_of(model: Any) -> Family | None:
    """What the columns of the model's alignment are; None for a model of other rows."""
    found: Family | None = getattr(getattr(model, "schema_", None), "family", None)
    return found


def wanted_family(model: Any, what: str) -> Family:
    """The family of a model that must have one; ``TypeError`` else."""
    found = family_of(model)
    if found is None:
        raise TypeError(f"{what} wants a model that was fitted on an Alignment, got {model!r}")
    return found


def one_sequence(model: Any, sequence: Any, what: str) -> Alignment:
    """A string, or an alignment of one, in the model's columns."""
    found = aligned(wanted_family(model, what), sequence, "sequence")
    if len(found) != 1:
        raise ValueError(f"sequence must be one, got {len(found)}")
    return found


def as_frame(columns: Mapping[str, Any]) -> Any:
    """A pandas frame."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError(
            "frames are pandas', which is not installed: pip install 'harmonium[tables]'"
        ) from None
    return pd.DataFrame(dict(columns))
