"""Which columns are coupled: a map of the strongest pairs, or the strength of every pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_choice
from harmonium.display.base import Display, new_axes

__all__ = ["CouplingsDisplay"]

#: Pairs nearer than this along a sequence touch anyway.
_SEPARATION = 5
#: Names on the axes of a map of at most so many columns.
_MOST_NAMED = 40


@dataclass(kw_only=True)
class CouplingsDisplay(Display):
    """Pairs of columns by how strongly they are coupled.

    Parameters
    ----------
    i, j, score : arrays of shape (n_pairs,)
        Columns of each pair, from 0, and its score, the strongest first.
    n_columns : int
        How many columns there are.
    kind : {"contacts", "strengths"}
        A dot for each of the strongest pairs, or every pair's score as a colour.
    n : int, optional
        How many dots; None: as many as there are columns.
    separation : int, default=5
        Pairs nearer than this along the sequence are no dots.
    known : bool array of shape (n_columns, n_columns), optional
        Contacts of a structure: drawn beneath, and pairs that are none in another colour.
    names : sequence, optional
        The columns' names.
    """

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    score: NDArray[np.float64]
    n_columns: int
    kind: str = "contacts"
    n: int | None = None
    separation: int = _SEPARATION
    known: Any = None
    names: Sequence[Any] | None = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any = None,
        *,
        kind: str = "auto",
        n: int | None = None,
        separation: int = _SEPARATION,
        known: Any = None,
        random_state: Any = 0,
        ax: Any = None,
    ) -> Self:
        """The pairs of a fitted BoltzmannMachine or RBM, scored as ``sequences.contacts`` does.

        Parameters
        ----------
        model : fitted BoltzmannMachine or RBM
            Of an alignment, of states, or of a frame.
        X : rows, optional
            What an RBM's couplings are averaged over; None draws some.
        kind : {"auto", "contacts", "strengths"}
            ``"auto"``: contacts of an alignment's model, else the strengths of all pairs, which
            are not corrected for what is usual of a column.
        n : int, optional
            How many dots; None: as many as there are columns.
        separation : int, default=5
            Pairs nearer than this along the sequence are no dots.
        known : bool array of shape (n_columns, n_columns), optional
            Contacts of a structure.
        random_state : int, Generator or None
            Seed of an RBM's draws.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        CouplingsDisplay
        """
        from harmonium.questions.sequences.frames import family_of

        check_is_fitted(model)
        check_choice("kind", kind, ("auto", "contacts", "strengths"))
        family = family_of(model)
        if kind == "auto":
            kind = "strengths" if family is None else "contacts"
        names = None
        if family is None and getattr(model, "schema_", None) is not None:
            names = list(model.schema_.names)
        i, j, score = _pairs(model, X, kind, names, random_state)
        known_columns = names if family is None else range(family.n_columns)
        n_columns = int(model.n_features_in_) if known_columns is None else len(known_columns)
        shown = cls(i=i, j=j, score=score, n_columns=n_columns, kind=kind, names=names)
        shown.n, shown.separation, shown.known = n, separation, known
        return shown.plot(ax)

    @classmethod
    def from_contacts(
        cls,
        contacts: Any,
        n: int | None = None,
        *,
        known: Any = None,
        separation: int = _SEPARATION,
        ax: Any = None,
    ) -> Self:
        """The map of a frame of ``harmonium.sequences.contacts``.

        Parameters
        ----------
        contacts : frame with columns i, j, score
            Pairs, the strongest first.
        n, known, separation, ax
            As in :meth:`from_estimator`.

        Returns
        -------
        CouplingsDisplay
        """
        i, j = np.asarray(contacts["i"]), np.asarray(contacts["j"])
        size = int(max(i.max(initial=0), j.max(initial=0))) + 1
        score = np.asarray(contacts["score"], dtype=np.float64)
        pairs: dict[str, Any] = {"i": i, "j": j, "score": score, "n_columns": size}
        return cls(**pairs, n=n, known=known, separation=separation).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        known = self._known()
        ax = new_axes(5.0, 5.0) if ax is None else ax
        if self.kind == "strengths":
            whole = np.zeros((self.n_columns, self.n_columns))
            whole[self.i, self.j] = whole[self.j, self.i] = self.score
            drawn = ax.imshow(whole, cmap="Blues", vmin=0.0)
            ax.figure.colorbar(drawn, ax=ax, label="strength (nats)", shrink=0.8)
            ax.grid(visible=False)
        else:
            self._dots(ax, known)
        edges = {"xlim": (-0.5, self.n_columns - 0.5), "ylim": (self.n_columns - 0.5, -0.5)}
        ax.set(aspect="equal", xlabel="column", ylabel="column", **edges)
        if self.names is not None and self.n_columns <= _MOST_NAMED:
            places, names = range(self.n_columns), [str(name) for name in self.names]
            ax.set_xticks(places, names, rotation=90)
            ax.set_yticks(places, names)
            ax.set(xlabel="", ylabel="")
        return self._drawn_in(ax)

    def _dots(self, ax: Any, known: NDArray[np.bool_] | None) -> None:
        far = np.flatnonzero(np.abs(self.i - self.j) >= self.separation)
        far = far[: self.n_columns if self.n is None else self.n]
        i, j = self.i[far], self.j[far]
        right = np.ones(len(far), dtype=bool)
        if known is not None:
            ax.scatter(*np.nonzero(known), s=40, marker="s", color="0.6", alpha=0.4, linewidths=0)
            right = known[i, j]
        for kept, colour in ((right, "C0"), (~right, "C1")):
            places = np.r_[i[kept], j[kept]], np.r_[j[kept], i[kept]]
            ax.scatter(*places, s=9, color=colour, linewidths=0)
        ax.set_title(f"the {len(far)} strongest pairs", fontsize="medium")

    def _known(self) -> NDArray[np.bool_] | None:
        if self.known is None:
            return None
        known = np.asarray(self.known, dtype=bool)
        size = self.n_columns
        if known.ndim != 2 or known.shape[0] != known.shape[1] or len(known) < size:
            raise ValueError(f"known has shape {known.shape}; wanted ({size}, {size})")
        return known[:size, :size]


def _pairs(
    model: Any, X: Any, kind: str, names: Sequence[Any] | None, random_state: Any
) -> tuple[Any, Any, NDArray[np.float64]]:
    """Pairs by number, and their scores, the strongest first."""
    if kind == "contacts" or not hasattr(model, "coupling_norms"):
        from harmonium.questions.sequences.contacts import scored_pairs

        correct = kind == "contacts"
        return scored_pairs(model, X, gap="auto", correct=correct, random_state=random_state)
    pairs = model.coupling_norms()
    place = None if names is None else {name: k for k, name in enumerate(names)}
    ends = [[one if place is None else place[one] for one in pair[:2]] for pair in pairs]
    i, j = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    return i, j, np.array([norm for _, _, norm in pairs], dtype=np.float64)
