"""Log-likelihoods along a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from harmonium.display.base import Display, new_axes

__all__ = ["LearningCurveDisplay"]


@dataclass(kw_only=True)
class LearningCurveDisplay(Display):
    """Mean log-likelihood, in nats, of learned and of held-out rows against updates.

    Both are estimated by particles that follow the model as it learns; bands are one standard
    error.

    Parameters
    ----------
    update : sequence of int
        Updates done at each look.
    train : sequence of float
        Mean log P of rows learned from.
    validation : sequence of float, optional
        Mean log P of rows held out.
    std_error : sequence of float, optional
        Standard errors of both.
    baseline : float, optional
        A log-likelihood to hold them against.
    baseline_name : str
        What that is.
    """

    update: Sequence[float]
    train: Sequence[float]
    validation: Sequence[float] | None = None
    std_error: Sequence[float] | None = None
    baseline: float | None = None
    baseline_name: str = "independent units"

    @classmethod
    def from_estimator(cls, model: Any, *, baseline: float | None = None, ax: Any = None) -> Self:
        """The curves of a fitted model's ``history_``.

        Parameters
        ----------
        model : fitted energy model
            RBM, BoltzmannMachine or another with a held-out part (``validation_fraction``).
        baseline : float, optional
            A log-likelihood to hold the curves against.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        LearningCurveDisplay

        Raises
        ------
        ValueError
            Where the fit watched no held-out rows.
        """
        check_is_fitted(model)
        return cls.from_history(getattr(model, "history_", {}), baseline=baseline, ax=ax)

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Sequence[float]],
        *,
        baseline: float | None = None,
        ax: Any = None,
    ) -> Self:
        """The curves of a ``history_`` by itself.

        Parameters
        ----------
        history : dict of lists
            As a fitted model keeps it.
        baseline, ax
            As in :meth:`from_estimator`.

        Returns
        -------
        LearningCurveDisplay
        """
        if not history.get("validation") or not history.get("train"):
            raise ValueError(
                "model: its fit watched no held-out rows, so there is no curve; fit with "
                "validation_fraction above 0"
            )
        n = len(history["validation"])
        shown = cls(
            update=list(history["update"][-n:]),
            train=list(history["train"]),
            validation=list(history["validation"]),
            std_error=list(history["std_error"]) if history.get("std_error") else None,
            baseline=baseline,
        )
        return shown.plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 3.6) if ax is None else ax
        update = np.asarray(self.update, dtype=np.float64)
        alone = self.validation is None  # what stands above it may be a baseline
        curves = (
            (self.train, "learned from", "C0", *((-5, "top") if alone else (5, "bottom"))),
            (self.validation, "held out", "C1", -5, "top"),
        )
        for shown, name, colour, rise, side in curves:
            if shown is None:
                continue
            values = np.asarray(shown, dtype=np.float64)
            # One look is a point, which a line alone would not show.
            ax.plot(update, values, color=colour, marker="o" if len(update) == 1 else None)
            if self.std_error is not None:
                error = np.asarray(self.std_error, dtype=np.float64)
                band = values - error, values + error
                ax.fill_between(update, *band, color=colour, alpha=0.2, linewidth=0)
            _told(ax, name, (update[-1], values[-1]), rise, side, colour)
        if self.baseline is not None:
            ax.axhline(self.baseline, color="C2", linewidth=1, linestyle="--")
            _told(ax, self.baseline_name, (update[-1], self.baseline), 3, "bottom", "C2")
        ax.margins(y=0.12)
        ax.set(xlabel="updates", ylabel="log-likelihood (nats a row)")
        return self._drawn_in(ax)


def _told(ax: Any, name: str, place: Any, rise: float, side: str, colour: str) -> None:
    """A curve's name at its end."""
    own: dict[str, Any] = {"ha": "right", "va": side, "color": colour}
    ax.annotate(name, place, xytext=(-2, rise), textcoords="offset points", **own)
