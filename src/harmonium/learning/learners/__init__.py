"""Learners by the name that an estimator's ``learner=`` gives them."""

from __future__ import annotations

from harmonium.learning.learners.base import Learner
from harmonium.learning.learners.contrastive import Contrastive
from harmonium.learning.learners.exact import Exact
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.learners.pseudo import Pseudo
from harmonium.learning.learners.tempered import Tempered

__all__ = ["LEARNERS"]

LEARNERS: dict[str, type[Learner]] = {
    "exact": Exact,
    "cd": Contrastive,
    "pcd": Persistent,
    "pt": Tempered,
    "pseudo": Pseudo,
}
