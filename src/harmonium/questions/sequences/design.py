"""New sequences: with some positions held, and how far they are from natural ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from harmonium.compute import identity
from harmonium.contract.checks import check_integer
from harmonium.data.sequences.alignment import Alignment
from harmonium.data.sequences.alphabet import BLANK
from harmonium.models.sequences import aligned
from harmonium.questions.sequences.frames import as_frame, one_sequence

__all__ = ["design", "nearest", "with_energies"]


def design(
    model: Any,
    sequence: Any,
    fixed: Iterable[int] = (),
    n: int = 10,
    *,
    random_state: Any = None,
) -> Alignment:
    """`n` draws from P(the other positions given those `fixed` as in the sequence).

    Parameters
    ----------
    model : fitted on an :class:`~harmonium.Alignment`.
    sequence : a string in the model's columns (or in all the file's), or an alignment of one;
        its unknown positions (``?``) are always drawn.
    fixed : columns, from 0, that are kept.
    random_state : int, Generator or None.

    Exact where what is free has at most 1,024 joint states, else the ends of annealed Gibbs
    chains.
    """
    check_integer("n", n, 1)
    one = one_sequence(model, sequence, "design")
    places = list(fixed)
    for place in places:
        check_integer("fixed", place, 0, one.shape[1] - 1)
    codes = np.full_like(one.codes, BLANK)
    codes[:, places] = one.codes[:, places]
    condition = Alignment(codes, one.names, one.family)
    found: Alignment = model.sample(n, condition=condition, random_state=random_state)
    return found


def nearest(new: Any, natural: Alignment) -> Any:
    """How far each new sequence is from the nearest natural one.

    `natural` is an alignment, `new` another, or strings, of the same columns. Returns a pandas
    frame: ``name`` of the new one, ``nearest``, the name of the natural one (the first of
    several), ``differences`` in columns, and ``identity``, the share of columns that agree.
    """
    return as_frame(nearest_columns(new, natural))


def nearest_columns(new: Any, natural: Alignment) -> dict[str, Any]:
    """The columns of :func:`nearest`."""
    if not isinstance(natural, Alignment) or not len(natural):
        raise TypeError(f"natural must be an alignment with sequences, got {natural!r}")
    found = aligned(natural.family, new, "new")
    least, where = identity.nearest(found.codes, natural.codes)
    return {
        "name": np.array(found.names, dtype=object),
        "nearest": np.array([natural.names[i] for i in where], dtype=object),
        "differences": least,
        "identity": 1.0 - least / natural.shape[1],
    }


def with_energies(model: Any, sequences: Alignment) -> Alignment:
    """The sequences, their energies behind their names: minus log P up to log Z, hidden units
    summed out."""
    energies = getattr(model, "free_energy", None) or model.energy
    told = [f"{e:.4f}" for e in np.asarray(energies(sequences), dtype=np.float64).tolist()]
    names = [f"{name} energy={e}" for name, e in zip(sequences.names, told, strict=True)]
    return Alignment(sequences.codes, names, sequences.family, sequences.account)
