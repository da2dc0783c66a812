"""The words that fit best into a sentence's blanks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from harmonium.display.base import Display, new_axes

__all__ = ["BlanksDisplay"]


@dataclass(kw_only=True)
class BlanksDisplay(Display):
    """For each blank of a sentence the words that fit best, with P(word here given the rest).

    Parameters
    ----------
    text : str
        The sentence with its blanks.
    ranked : sequence of sequences of (word, probability)
        For each blank, the most probable first.
    """

    text: str
    ranked: Sequence[Sequence[tuple[str, float]]]

    @classmethod
    def from_estimator(cls, model: Any, text: Any, *, n_best: int = 8, ax: Any = None) -> Self:
        """Exact posteriors of an n-gram model, by sums forward and backward.

        Parameters
        ----------
        model : fitted NGram
            Whatever has ``blanks(text, n_best)``.
        text : str or list of str
            One text with ``___`` (in a list: None) for each blank.
        n_best : int, default=8
            Words shown of each.
        ax : matplotlib Axes or array of them, optional
            One for each blank; None makes a figure.

        Returns
        -------
        BlanksDisplay
        """
        if not hasattr(model, "blanks"):
            raise TypeError(f"model must be an NGram, got {type(model).__name__}")
        check_is_fitted(model)
        ranked = model.blanks(text, n_best)
        if not ranked:
            raise ValueError(f"text: {text!r} has no blank; write ___ where a word is missing")
        shown = text
        if not isinstance(text, str):
            shown = " ".join("___" if word is None else str(word) for word in text)
        return cls(text=shown, ranked=ranked).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        n, most = len(self.ranked), max(len(words) for words in self.ranked)
        axes = new_axes(3.2 * n + 1.0, 1.0 + 0.28 * most, 1, n) if ax is None else ax
        flat = np.ravel(axes)
        if len(flat) != n:
            raise ValueError(f"ax: wanted {n} axes, one for each blank, got {len(flat)}")
        for k, (one, words) in enumerate(zip(flat, self.ranked, strict=True)):
            place = range(len(words))
            one.barh(place, [p for _, p in words], color=f"C{k % 4}")
            one.set_yticks(place, [word for word, _ in words])
            one.set(ylim=(most - 0.4, -0.6), xlim=(0, None), xlabel="probability")
            one.grid(axis="y", visible=False)
            if n > 1:
                one.set_title(f"blank {k + 1}", fontsize="medium")
        if ax is None:
            flat[0].figure.suptitle(self.text, fontsize="medium")
        return self._drawn_in(flat[0] if n == 1 else flat)
