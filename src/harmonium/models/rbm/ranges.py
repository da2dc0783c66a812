"""What the parameters of an RBM may be."""

from __future__ import annotations

from collections.abc import Mapping

from harmonium.contract.checks import Range, check_flag, choice, integer, number, or_else
from harmonium.models.rbm.kernels.device import check_precision
from harmonium.models.settings import LEARNING_RANGES, check_missing, check_visible, positive
from harmonium.units.hidden import HIDDEN

__all__ = ["RANGES"]


_AT_LEAST_ONE = or_else("auto", integer(1))
RANGES: Mapping[str, Range] = {
    "n_components": integer(1),
    "visible": check_visible,
    "hidden": choice(*HIDDEN),
    "missing": check_missing,
    "learner": choice("exact", "cd", "pcd", "pt"),
    "n_updates": _AT_LEAST_ONE,
    "batch_size": _AT_LEAST_ONE,
    "n_chains": _AT_LEAST_ONE,
    "learning_rate": or_else("auto", positive),
    "weight_decay": or_else("auto", number(0.0)),
    "smoothing": or_else("auto", number(0.0)),
    "n_gibbs": integer(1),
    "centered": check_flag,
    "discriminative": number(0.0, 1.0),
    "temperature": positive,
    "precision": check_precision,
    **LEARNING_RANGES,
}
