"""What all energy models say of how they were learned, for people."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.estimates import LogZ

__all__ = ["digest", "learning_facts"]


def digest(arrays: Sequence[NDArray[Any]], facts: Any) -> str:
    """Of arrays and whatever else: the same only where they are."""
    found = hashlib.blake2b(repr(facts).encode())
    for array in arrays:
        found.update(f"{array.shape}{array.dtype.str}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def learning_facts(learned: Mapping[str, Any], log_z: LogZ | None) -> dict[str, Any]:
    """How the fit went, out of the attributes that every energy model learns, and log Z.

    What a model does not know is left out: why its fit ended, where it has no fit behind it.
    """
    facts: dict[str, Any] = {}
    if "n_updates_" in learned:
        facts["updates"] = int(learned["n_updates_"])
    if "stop_reason_" in learned:
        facts["fit ended"] = str(learned["stop_reason_"])
    facts |= _held_out(learned.get("history_", {}))
    if log_z is not None:
        facts["log Z"] = {
            "value": _finite(log_z.value),
            "std_error": _finite(log_z.std_error),
            "method": str(log_z.method),
            "status": str(log_z.status),
        }
    return facts


def _held_out(history: Mapping[str, Any]) -> dict[str, float]:
    """Mean log-likelihoods of held-out rows at the best look; where labels given rows were part
    of what was learned, both parts, as far as they were watched."""
    watched = history.get("validation")
    if not watched or not math.isfinite(max(watched)):
        return {}
    best = watched.index(max(watched))
    rows, labels = "held-out rows at best", "held-out labels given their rows at best"
    if "conditional" not in history:
        names = {rows: "validation"}
    else:
        names = {rows: "joint", labels: "conditional"}
    return {
        f"{words}, along the fit (nats)": float(history[name][best])
        for words, name in names.items()
        if name in history
    }


def _finite(number: float) -> float | None:
    """A number that JSON has; None for others."""
    return float(number) if math.isfinite(number) else None
