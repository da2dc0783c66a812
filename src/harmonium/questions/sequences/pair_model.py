"""The model that contacts of an alignment are read from."""

from __future__ import annotations

from harmonium.data.sequences.alignment import Alignment
from harmonium.models.boltzmann.model import BoltzmannMachine

__all__ = ["pair_model", "pull_for"]

#: Strengths of the prior of plmDCA, of few sequences and of enough, and how many are enough.
_FEW, _ENOUGH, _N_ENOUGH = 0.1, 0.01, 500.0


def pull_for(n_effective: float) -> float:
    """The weight decay that is plmDCA's prior for so many sequences, counted by their weights.

    Its ``lambda_J`` is 0.01 from 500 on, and rises linearly to 0.1 below (Ekeberg, Hartonen,
    Aurell 2014). A coupling loses ``lambda_J`` times its square there, in each of two regressions
    half of it; here half of the decay times its square.
    """
    share = min(n_effective / _N_ENOUGH, 1.0)
    return 2.0 * (_FEW + (_ENOUGH - _FEW) * share)


def pair_model(family: Alignment) -> BoltzmannMachine:
    """Couplings of all pairs of columns, by pseudo-likelihood of sequences weighted by identity
    at 0.8, under the pull of :func:`pull_for`."""
    if family.has_blanks:
        raise ValueError(
            "contacts of an alignment are learned from whole sequences, and some letters of it are "
            "unknown (?); fit a BoltzmannMachine on it, by chains, and ask contacts of that"
        )
    weights = family.weights()
    learned = BoltzmannMachine(
        learner="pseudo",
        weight_decay=pull_for(float(weights.sum())),
        validation_fraction=0.0,
        random_state=0,
    )
    return learned.fit(family, sample_weight=weights)
