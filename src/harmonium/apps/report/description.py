"""What a report says of a model, and the facts that each report begins with.

A kind of model has a module with ``describe(model, data, seed)``; what else it takes (``shape``,
``labels``) are its further parameters, and :func:`.write.write_report` refuses the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harmonium.apps.facts import written_facts
from harmonium.apps.pages.blocks import Block, Caution, Section, Table
from harmonium.apps.report.ending import ending
from harmonium.contract.joint import JointDistribution

__all__ = ["Description", "fact_tables"]

#: Parameters that say nothing of the model, or that other parts of a report show.
_LEFT_OUT = ("verbose", "checkpoint", "device", "factors", "vocabulary")


@dataclass(frozen=True)
class Description:
    """A report's words: what the model is, what must not be missed, and the rest in sections."""

    lead: str
    cautions: Sequence[Caution]
    sections: Sequence[Section]


def fact_tables(model: JointDistribution, leave_out: Collection[str] = ()) -> list[Block]:
    """What the model says of itself as a table, and what it was constructed with, folded away.

    log Z is left to the sections about likelihoods, and what is in `leave_out`.
    """
    known = model.facts()
    facts = written_facts(known, {"fit ended", "log Z", *leave_out})
    if "fit ended" in known:
        facts.append(ending(known["fit ended"]))
    given = model.get_params(deep=False)
    parameters = [(name, str(value)) for name, value in given.items() if name not in _LEFT_OUT]
    return [Table(("", ""), facts), Table(("", ""), parameters, folded="All parameters")]
