"""What every single mutation of a sequence does to its probability."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.questions.sequences.frames import as_frame, one_sequence

__all__ = ["mutation_scores", "mutations"]


def mutations(model: Any, sequence: Any, *, gaps: bool = True, random_state: Any = 0) -> Any:
    """log P(mutant) - log P(sequence) of every single mutant, in nats: exact, needs no log Z.

    Parameters
    ----------
    model : fitted on an :class:`~harmonium.Alignment`.
    sequence : a string in the model's columns (or in all the file's), or an alignment of one.
        Unknown positions (``?``) are summed out, and not mutated.
    gaps : whether gaps count as letters: to put in, or to fill.
    random_state : where so much is unknown that it is sampled.

    Returns a pandas frame ``position, from, to, score``, positions from 0, in their order and the
    alphabet's. Above 0 the mutant is the more probable. Costs a weight a letter and column.
    """
    return as_frame(mutation_scores(model, sequence, gaps=gaps, random_state=random_state))


def mutation_scores(
    model: Any, sequence: Any, *, gaps: bool = True, random_state: Any = 0
) -> dict[str, Any]:
    """The columns of :func:`mutations`."""
    one = one_sequence(model, sequence, "mutations")
    letters = np.array(list(one.alphabet))
    gap = one.family.alphabet.gap
    if not (one.codes >= 0).any():
        raise ValueError("sequence: nothing of it is known; wanted letters to mutate")
    cells = model.cell_marginals(one, of="known", random_state=random_state)
    parts: dict[str, list[Any]] = {"position": [], "from": [], "to": [], "score": []}
    for j, (cell, state) in enumerate(zip(cells, one.states[0], strict=True)):
        if state < 0 or (not gaps and state == gap):
            continue
        with np.errstate(divide="ignore"):
            log = np.log(cell.shares[0])
        other = np.arange(len(letters)) != state
        if not gaps and gap is not None:
            other[gap] = False
        parts["position"].append(np.full(other.sum(), j))
        parts["from"].append(np.full(other.sum(), letters[state]))
        parts["to"].append(letters[other])
        parts["score"].append(log[other] - log[state])
    if not parts["score"]:
        raise ValueError("gaps=False: the sequence is nothing but gaps; wanted letters to mutate")
    return {name: np.concatenate(own) for name, own in parts.items()}
