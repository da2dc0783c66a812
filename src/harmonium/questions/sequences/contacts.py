"""Which columns touch: couplings as a score a pair."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_choice
from harmonium.data.sequences.alignment import Alignment
from harmonium.questions.sequences.frames import as_frame, family_of
from harmonium.questions.sequences.pair_model import pair_model

__all__ = ["NUMBERINGS", "contacts", "coupling_scores", "couplings_of", "numbered", "scored_pairs"]

Array = NDArray[np.float64]

NUMBERINGS = ("columns", "file", "residues")


def contacts(
    model: Any,
    X: Any = None,
    *,
    gap: int | str | None = "auto",
    correct: bool = True,
    numbering: str = "columns",
    random_state: Any = 0,
) -> Any:
    """Pairs of columns by how strongly they are coupled, the strongest first: those of a protein
    or an RNA are mostly in contact.

    The score is the Frobenius norm of the pair's couplings in the zero-sum gauge, without the
    state that is the gap, less the average product correction: the product of both columns' mean
    scores over the mean of all (Dunn, Wahl, Gloor 2008; Ekeberg et al. 2013).

    Parameters
    ----------
    model : a fitted model with ``couplings_`` or, where it has hidden units, with
        ``effective_couplings``: an RBM, a BoltzmannMachine. Or an :class:`~harmonium.Alignment`,
        which is learned from first as plmDCA does: each column given all others, sequences
        weighted by identity at 0.8, its own pull to zero (Ekeberg, Hartonen, Aurell 2014).
    X : whole rows that effective couplings are averaged over; None draws 100 from the model.
    gap : the state left out of the norm: ``"auto"`` is the alphabet's gap, for models of an
        :class:`~harmonium.Alignment`, and none else; a state's number, or None.
    correct : whether the correction is applied.
    numbering : what ``i`` and ``j`` count: ``"columns"`` of the model from 0, ``"file"``: aligned
        columns of the file from 0, dropped ones counted; ``"residues"`` of the reference,
        as its database numbers them (pairs with a gap of the reference are left out).
    random_state : of the draws.

    Returns a pandas frame ``i, j, score`` of all pairs, i < j, in nats.
    """
    if isinstance(model, Alignment):
        if X is not None:
            raise ValueError("X is for models with hidden units; of an alignment give it alone")
        check_choice("numbering", numbering, NUMBERINGS)
        model = pair_model(model)
    found = scored_pairs(model, X, gap=gap, correct=correct, random_state=random_state)
    i, j, score = numbered(model, *found, numbering)
    return as_frame({"i": i, "j": j, "score": score})


def scored_pairs(
    model: Any, X: Any, *, gap: int | str | None, correct: bool, random_state: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Columns i < j and scores of all pairs, the highest first."""
    check_is_fitted(model)
    scores = coupling_scores(couplings_of(model, X, random_state), _gap(model, gap), correct)
    i, j = np.triu_indices(len(scores), 1)
    own = scores[i, j]
    order = np.argsort(-own, kind="stable")
    return i[order], j[order], own[order]


def numbered(
    model: Any, i: NDArray[np.int64], j: NDArray[np.int64], score: Array, numbering: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Pairs in another numbering; see :func:`contacts`."""
    check_choice("numbering", numbering, NUMBERINGS)
    if numbering == "columns":
        return i, j, score
    family = family_of(model)
    if family is None:
        raise ValueError(f"numbering={numbering!r} is for models that were fitted on an Alignment")
    numbers = np.array(family.columns if numbering == "file" else family.residues, dtype=np.int64)
    if not len(numbers):
        raise ValueError("numbering='residues': the alignment has no reference")
    kept = np.ones(len(i), dtype=bool)
    if numbering == "residues":
        kept = (numbers[i] > 0) & (numbers[j] > 0)
    return numbers[i[kept]], numbers[j[kept]], score[kept]


def _gap(model: Any, gap: int | str | None) -> int | None:
    if gap == "auto":
        family = family_of(model)
        return None if family is None else family.alphabet.gap
    if gap is None or (isinstance(gap, int) and not isinstance(gap, bool) and gap >= 0):
        return gap
    raise ValueError(f"gap must be 'auto', a state's number or None, got {gap!r}")


def couplings_of(model: Any, X: Any = None, random_state: Any = 0) -> dict[tuple[int, int], Array]:
    """Couplings ``(k_i, k_j)`` of pairs of columns i < j, in whatever gauge the model has them."""
    own = getattr(model, "couplings_", None)
    if own is None or getattr(model, "n_components", 0) > 0:
        effective = getattr(model, "effective_couplings", None)
        if effective is None:
            raise TypeError(
                "contacts wants a model with couplings (RBM or BoltzmannMachine), got "
                f"{type(model).__name__}"
            )
        own = effective(X, random_state=random_state)
    if isinstance(own, Mapping):
        found = {pair: np.zeros((1, 1)) for pair in combinations(range(model.n_features_in_), 2)}
        for (i, j), table in own.items():
            table = np.asarray(table, dtype=np.float64)
            found[(min(i, j), max(i, j))] = table if i < j else table.T
        return found
    whole = np.asarray(own, dtype=np.float64)
    return {pair: whole[pair] for pair in combinations(range(len(whole)), 2)}


def coupling_scores(
    couplings: Mapping[tuple[int, int], Array], gap: int | None, correct: bool = True
) -> Array:
    """The score of each pair of columns, symmetric ``(V, V)``, 0 on the diagonal."""
    n_columns = 1 + max((j for _, j in couplings), default=0)
    norms = np.zeros((n_columns, n_columns))
    for (i, j), table in couplings.items():
        table = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
        if gap is not None:
            table = np.delete(np.delete(table, [gap] if gap < len(table) else [], 0), gap, 1)
        norms[i, j] = norms[j, i] = np.sqrt((table**2).sum())
    if not correct or n_columns < 2:
        return norms
    mean = norms.sum(0) / (n_columns - 1)
    whole = mean.mean()
    if whole > 0.0:
        norms -= np.outer(mean, mean) / whole
    np.fill_diagonal(norms, 0.0)
    return norms
