"""Why a fit ended, in words, and the caution where it ended badly."""

from __future__ import annotations

from harmonium.apps.pages.blocks import Caution
from harmonium.contract.stopping import StopReason

__all__ = ["ending", "ending_cautions"]


def _known(reason: str) -> StopReason | None:
    """None for a word that a model file of another version may hold."""
    return StopReason(reason) if reason in list(StopReason) else None  # type: ignore[call-arg]


def ending(reason: str) -> tuple[str, str]:
    """A row of facts for a model's ``stop_reason_``."""
    known = _known(reason)
    return "the fit ended because", reason if known is None else known.sentence


def ending_cautions(reason: str) -> list[Caution]:
    """What ``fit`` warned of, for those who were not there."""
    known = _known(reason)
    if known is None or not known.warning:
        return []
    return [Caution(known.warning[0].upper() + known.warning[1:] + ".")]
