"""Kinds of columns of a table, a kind a file."""

from __future__ import annotations

from typing import Any

from harmonium.data.columns.base import Column
from harmonium.data.columns.bernoulli import Bernoulli
from harmonium.data.columns.categorical import Categorical
from harmonium.data.columns.count import Count
from harmonium.data.columns.gaussian import Gaussian
from harmonium.data.columns.ordinal import Ordinal
from harmonium.data.columns.quantile import Quantile

__all__ = ["LABELS", "NUMBERS", "Bernoulli", "Categorical", "Column", "Ordinal", "from_facts"]

LABELS: dict[str, Any] = {one.kind: one for one in (Bernoulli, Categorical, Ordinal)}
NUMBERS: dict[str, Any] = {one.kind: one for one in (Count, Gaussian, Quantile)}


def from_facts(facts: Any) -> Column:
    """A column from its facts; ``ValueError`` for facts of none."""
    kind = facts.get("kind") if isinstance(facts, dict) else None
    cls = (LABELS | NUMBERS).get(kind) if isinstance(kind, str) else None
    if cls is None or not isinstance(facts.get("name"), str):
        raise ValueError(f"schema: no column of kind {kind!r}; wanted {[*LABELS, *NUMBERS]}")
    column: Column = cls.from_facts(facts)
    return column
