"""Learning curves of an RBM, and when to doubt them: over-fitting, a log Z that was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium.apps.pages.blocks import Caution, Picture
from harmonium.apps.pages.figures import drawing, svg_picture
from harmonium.contract.estimates import LogZ
from harmonium.display.learning import LearningCurveDisplay

if TYPE_CHECKING:
    from harmonium.models.rbm.model import RBM

__all__ = [
    "held_out",
    "independent_log_likelihood",
    "learning_curves",
    "overfitting",
    "worse_than_rates",
]


def learning_curves(history: dict[str, list[float]], *, baseline: float | None = None) -> Picture:
    """Log-likelihoods of learned and held-out rows against updates, with one standard error."""
    with drawing(2.7) as figure:
        LearningCurveDisplay.from_history(history, baseline=baseline, ax=figure.subplots())
        return svg_picture(
            figure,
            "Log-likelihood of learned and of held-out rows along the fit",
            "Mean log-likelihood of rows along the fit, estimated by particles that follow the "
            "model as it learns.",
        )


def overfitting(history: dict[str, list[float]]) -> list[Caution]:
    """Whether held-out rows became less likely while learned ones became more so."""
    validation, train = np.asarray(history["validation"]), np.asarray(history["train"])
    best = int(np.argmax(validation))
    noise = 3 * float(np.hypot(history["std_error"][best], history["std_error"][-1]))
    lost = float(validation[best] - validation[-1])
    if lost > max(noise, 0.1) and train[-1] > train[best]:
        n = len(validation)
        update = int(history["update"][-n:][best])
        return [
            Caution(
                f"Over-fitting: after update {update:,} held-out rows lost {lost:.1f} nats while "
                "learned ones still gained. The parameters kept are those of the best moment; "
                "fewer hidden units, more weight decay or more data would help."
            )
        ]
    return []


def held_out(history: dict[str, list[float]], log_z: LogZ) -> tuple[tuple[str, str], list[Caution]]:
    """Held-out rows under the parameters that were kept, and whether the curve is to be believed.

    Along the fit log Z is followed by particles, whose own error does not show when they all
    miss the same mode; the estimate made afterwards is the better one.
    """
    best = int(np.argmax(history["validation"]))
    # Of a fit that also tells classes apart, "validation" is an objective of two parts.
    joint = history.get("joint", history["validation"])
    along, value = history["log_partition"][best], joint[best]
    if log_z.status != "ok":
        figure = f"{value:,.2f} ± {history['std_error'][best]:.2f}"
        return ("held-out rows, along the fit", figure), []
    row = ("held-out rows, at the best moment", f"{value + along - log_z.value:,.2f}")
    apart = log_z.value - along
    if abs(apart) <= max(3 * float(np.hypot(history["std_error"][best], log_z.std_error)), 0.5):
        return row, []
    return row, [
        Caution(
            f"log Z along the fit was {abs(apart):.1f} nats too {'low' if apart > 0 else 'high'} "
            f"at its best moment, so the learning curves lie too {'high' if apart > 0 else 'low'}. "
            "The table takes the better estimate. Slower learning, or more updates, keeps the "
            "two together."
        )
    ]


def worse_than_rates(model: RBM, data: Any, independent: float, log_z: LogZ) -> list[Caution]:
    """Whether units that ignore each other, at the data's own rates, would do better."""
    scores = model.score_samples(data)
    error = float(np.hypot(scores.std() / np.sqrt(len(scores)), log_z.std_error))
    if scores.mean() > independent - 3 * error:
        return []
    return [
        Caution(
            "These rows are less likely under the model than under independent units at their "
            f"own rates ({scores.mean():,.2f} against {independent:,.2f} nats): the model has "
            "learned from other data than these."
        )
    ]


def independent_log_likelihood(data: Any) -> float:
    """Mean log-likelihood of the rows under their own rates: a generous baseline."""
    rates = np.asarray(data.mean(axis=0), dtype=np.float64).reshape(-1)
    inner = rates[(rates > 0) & (rates < 1)]
    return float((inner * np.log(inner) + (1 - inner) * np.log(1 - inner)).sum())
