"""Why a fit ended: one word, one sentence and, where something went wrong, one warning."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from sklearn.exceptions import ConvergenceWarning

from harmonium.contract.warning import warn_caller

__all__ = ["StopReason", "tell"]


class StopReason(StrEnum):
    """Why a fit ended. Members equal their plain names.

    ``sentence`` says it in words; ``warning`` is what a user is told at once, empty where all
    went as asked.
    """

    sentence: str
    warning: str

    def __new__(cls, name: str, sentence: str, warning: str = "") -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.sentence, member.warning = sentence, warning
        return member

    DONE = "done", "all updates were done"
    MAX_ITER = "max_iter", "its iterations ran out before it converged"
    TIME_LIMIT = "time_limit", "its time was up"
    OVERFITTING = "overfitting", "held-out rows had become less likely"
    DIVERGED = (
        "diverged",
        "the parameters stopped being finite",
        "the fit diverged (parameters are no longer finite); the model holds the last good ones; "
        "lower learning_rate, or raise n_gibbs, n_chains or weight_decay",
    )
    LOST = (
        "lost",
        "its chains kept losing the model",
        "the fit could not follow the data (chains kept losing the model, at ever lower rates); "
        "the model holds the best parameters that could be trusted, at worst independent columns; "
        "lower learning_rate, raise n_gibbs or n_chains, or use learner='pt'",
    )
    INTERRUPTED = (
        "interrupted",
        "it was interrupted",
        "the fit was interrupted; the model holds the best parameters so far",
    )
    PSEUDO = "pseudo", "the pseudo-likelihood was at its maximum"
    GIVEN = "given", "the parameters were given"
    PARTIAL_FIT = "partial_fit", "learning is incremental (partial_fit)"


def tell(reason: str) -> None:
    """Warn of a fit that ended for this reason, if there is something to warn of."""
    warning = StopReason(reason).warning  # type: ignore[call-arg]
    if warning:
        warn_caller(warning, ConvergenceWarning)
