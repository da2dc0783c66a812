"""What a report says of a model, and the facts that each report begins with.

A kind of model has a module with ``describe(model, data, seed)``; what else it takes (``shape``,
``labels``) are its further parameters, and :func:`.write.write_report` refuses the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.base import BaseEstimator

from harmonium.apps.pages.blocks import Block, Caution, Section, Table

__all__ = ["Description", "fact_tables"]

#: Parameters that say nothing of the model, or that other parts of a report show.
_LEFT_OUT = ("verbose", "checkpoint", "device", "factors", "vocabulary")


@dataclass(frozen=True)
class Description:
    """A report's words: what the model is, what must not be missed, and the rest in sections."""

    lead: str
    cautions: Sequence[Caution]
    sections: Sequence[Section]


def fact_tables(facts: Sequence[tuple[str, str]], model: BaseEstimator) -> list[Block]:
    """`facts` as a table, and what the model was constructed with, folded away."""
    given = model.get_params(deep=False)
    parameters = [(name, str(value)) for name, value in given.items() if name not in _LEFT_OUT]
    return [Table(("", ""), facts), Table(("", ""), parameters, folded="All parameters")]
