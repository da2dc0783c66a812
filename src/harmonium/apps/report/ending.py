"""Why a fit ended, in words, and the caution where it ended badly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harmonium.apps.pages.blocks import Caution
from harmonium.contract.stopping import StopReason

__all__ = ["ending", "ending_cautions"]


def _known(reason: str) -> StopReason | None:
    """None for a word that a model file of another version may hold."""
    return StopReason(reason) if reason in list(StopReason) else None  # type: ignore[call-arg]


def ending(reason: str) -> tuple[str, str]:
    """A row of facts for why a fit ended."""
    known = _known(reason)
    return "the fit ended because", reason if known is None else known.sentence


def ending_cautions(facts: Mapping[str, Any]) -> list[Caution]:
    """What ``fit`` warned of, by a model's ``facts()``, for those who were not there."""
    known = _known(facts.get("fit ended", ""))
    if known is None or not known.warning:
        return []
    return [Caution(known.warning[0].upper() + known.warning[1:] + ".")]
