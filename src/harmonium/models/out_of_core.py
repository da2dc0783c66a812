"""Rows out of core to learn from, and questions about them a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from harmonium.compute.random import random_generator
from harmonium.data.arrow import together
from harmonium.data.shards import Shards, is_shards
from harmonium.data.states import States
from harmonium.data.tables import check_values

if TYPE_CHECKING:
    from harmonium.models.frames import Layout

__all__ = ["by_blocks", "holed", "opened", "states_of"]

F = TypeVar("F", bound=Callable[..., Any])

#: Sparse rows that are dense together.
_SPARSE_ROWS = 2048


def opened(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Rows to learn from with labels and weights: those out of core as
    :class:`~harmonium.data.shards.Shards`, others as they are.

    Of rows out of core `y` may be the name of a column, or a list of names, and `sample_weight` a
    name: these are read into memory, and the rows are without them. ``ValueError`` for a column
    that is not there, or is asked for twice.
    """
    if not is_shards(X):
        return X, y, sample_weight
    shards = Shards.of(X)
    labels = [y] if isinstance(y, str) else y if _are_names(y, len(shards)) else []
    weights = [sample_weight] if isinstance(sample_weight, str) else []
    names = [*labels, *weights]
    if not names:
        return shards, y, sample_weight
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"y, sample_weight: the column {name!r} is asked for twice")
    rest = shards.without(names)
    values = dict(zip(names, shards.columns(names), strict=True))
    if labels:
        y = values[y] if isinstance(y, str) else {name: values[name] for name in labels}
    if not weights:
        return rest, y, sample_weight
    if values[sample_weight].dtype.kind not in "buif":
        raise ValueError(f"sample_weight: the column {sample_weight!r} holds no numbers")
    return rest, y, values[sample_weight]


def _are_names(y: Any, n_rows: int) -> bool:
    """Whether these are columns' names rather than a label for each of the rows."""
    several = isinstance(y, list | tuple) and 0 < len(y) != n_rows
    return several and all(isinstance(name, str) for name in y)


def holed(observed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The columns of which not all of the cells are `observed`; None: all are."""
    return np.arange(0) if observed is None else np.flatnonzero(~observed.all(0))


def states_of(
    shards: Shards,
    layout: Layout | None,
    holes: NDArray[np.int64] | None = None,
    n_states: int = 2,
) -> States:
    """The rows as states of the variables of a `layout`; without, they hold 0..n_states-1. Cells
    may be unknown in the columns `holes`."""
    if layout is None:
        blanks = holes is not None and len(holes) > 0
        encode = partial(_counted, n_states=n_states, blanks=blanks)
        return States(shards, encode, shards.shape[1], n_states, holes)
    names = [column.name for column in layout.columns]
    whole = np.ones(len(names), dtype=bool)
    if holes is not None:
        whole[holes] = False

    def encode_frame(block: Any, start: int) -> NDArray[Any]:
        states = layout.states(block)
        lost = np.isnan(states) & whole
        if lost.any():
            row, j = np.argwhere(lost)[0]
            raise ValueError(f"X: column {names[j]!r} is missing in row {start + row}")
        return states

    return States(shards, encode_frame, len(names), max(layout.sizes), holes)


def _counted(block: Any, start: int, *, n_states: int, blanks: bool) -> NDArray[Any]:
    if not isinstance(block, np.ndarray):
        raise TypeError(f"X must be arrays of whole numbers (.npy), got a {type(block).__name__}")
    check_values(block, n_states, blanks, start=start)
    return block


def by_blocks(*, of_sparse: bool = False) -> Callable[[F], F]:
    """A question about rows that is put a block at a time where they are out of core, or, if
    `of_sparse`, sparse: never more is dense, or in memory, than a block and all answers."""

    def made(question: F) -> F:
        parameters = signature(question).parameters
        rows, draws = list(parameters)[1], "random_state" in parameters

        @wraps(question)
        def asked(self: Any, *args: Any, **named: Any) -> Any:
            if not args and rows not in named:
                return question(self, **named)  # which says what is missing
            X, *rest = args or (named.pop(rows),)
            if not (_is_out_of_core(self, X) or (of_sparse and sparse.issparse(X))):
                return question(self, X, *rest, **named)
            if draws:  # one stream for all blocks
                default = parameters["random_state"].default
                named["random_state"] = random_generator(named.get("random_state", default))
            answers = _each(lambda block: question(self, block, *rest, **named), X)
            if is_shards(X):
                return _joined(list(answers))
            return sparse.vstack([sparse.csr_array(one) for one in answers], format="csr")

        return asked  # type: ignore[return-value]

    return made


def _is_out_of_core(model: Any, X: Any) -> bool:
    """Whether `X` are rows out of core to the model: to one of sequences a word is a sequence."""
    family = getattr(getattr(model, "schema_", None), "family", None)
    return is_shards(X) and not (isinstance(X, str) and family is not None)


def _each(ask: Callable[[Any], Any], X: Any) -> Iterator[Any]:
    """The answers about all blocks; what is wrong with a row of one says where the block is."""
    for where, block in _blocks(X):
        try:
            yield ask(block)
        except ValueError as error:
            if type(error) is not ValueError:
                raise
            raise ValueError(f"{error} (in {len(block)} rows from {where})") from None


def _blocks(X: Any) -> Iterator[tuple[str, Any]]:
    """Each with the place of its first row."""
    if is_shards(X):
        shards = Shards.of(X)
        for k in range(shards.n_pieces):
            for start, block in shards.piece(k):
                yield shards.where(start), block
        return
    rows = X.tocsr()
    for start in range(0, max(rows.shape[0], 1), _SPARSE_ROWS):
        yield f"row {start}", rows[start : start + _SPARSE_ROWS].toarray()


def _joined(answers: Sequence[Any]) -> Any:
    """The answers about all blocks: tables of Arrow's, arrays, columns by name, or several."""
    first = answers[0]
    if isinstance(first, tuple | list):
        return type(first)(_joined(own) for own in zip(*answers, strict=True))
    if isinstance(first, dict):
        return {name: _joined([own[name] for own in answers]) for name in first}
    if not isinstance(first, np.ndarray):
        return together(answers)
    return np.concatenate(answers)
