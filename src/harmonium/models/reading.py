"""What a user gives to learn from, as states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.columns.gaussian import Gaussian
from harmonium.data.columns.measured import Measured
from harmonium.data.finer import with_finer_bins
from harmonium.data.frames import names_of, read_columns
from harmonium.data.numbered import has_names
from harmonium.data.schema import Schema
from harmonium.data.sequences.alignment import Alignment
from harmonium.data.shards import Shards
from harmonium.data.tables import Table
from harmonium.models.codec import ValueCodec
from harmonium.models.frames import FrameCodec, Layout, framed
from harmonium.models.sequences import SequenceCodec, aligned, schema_of

__all__ = [
    "codec_of",
    "keep_names",
    "layout_of",
    "read_holes",
    "reading_of",
    "running_rows",
    "seen_alone",
    "weights_of",
]

Rates = tuple[NDArray[np.float64], ...]


def codec_of(
    layout: Layout, X: Any = None, beside: tuple[int, ...] = (), rates: Rates = ()
) -> ValueCodec:
    """The codec of rows like `X`: an alignment's, or a frame's; see the classes for the rest."""
    if layout.schema.family is not None:
        return SequenceCodec(layout.schema, beside, X, rates)
    return FrameCodec(layout, beside, framed(X, layout), rates)


def weights_of(X: Any, sample_weight: Any) -> Any:
    """`sample_weight`, or, where an alignment came without, its weights by 80% identity, by which
    a family counts as many sequences as differ."""
    return X.weights() if sample_weight is None and isinstance(X, Alignment) else sample_weight


def layout_of(
    X: Any, visible: Any, missing: Any
) -> tuple[Layout, NDArray[Any], NDArray[np.bool_] | None]:
    """How the columns of `X` are variables, its rows as states ``(n, n_variables)``, and which
    cells are known, None for all.

    `visible` is a :class:`~harmonium.Schema`, or what :meth:`Schema.infer` takes. Where `missing`
    is ``"informative"``, a missing cell is a state of columns that have some; it may also be the
    list of the columns where it is. An :class:`~harmonium.Alignment` says all that itself.
    """
    if isinstance(X, Alignment):
        return _aligned(X, visible, missing)
    schema, absent, cells = _decided(X, visible, missing)
    layout = Layout.of(schema, absent, not has_names(X))
    names = [repr(column.name) for column in layout.columns]
    table, observed = read_holes(layout.arranged(cells), names)
    return layout, table, observed


def _aligned(
    X: Alignment, visible: Any, missing: Any
) -> tuple[Layout, NDArray[Any], NDArray[np.bool_] | None]:
    if not isinstance(visible, str) or visible not in ("auto", "categorical"):
        raise ValueError(f"visible must be 'auto' or 'categorical' of sequences, got {visible!r}")
    if missing != "at-random":
        raise ValueError(f"missing must be 'at-random' of sequences, got {missing!r}")
    if len(X) < 1:
        raise ValueError("X: an alignment without sequences; wanted at least one")
    layout = Layout.of(schema_of(X.family), np.zeros(X.shape[1], dtype=bool), True)
    table, observed = read_holes(layout.states(X))
    return layout, table, observed


def reading_of(X: Any, visible: Any, missing: Any) -> dict[str, Any]:
    """`visible` and `missing` that read any of the rows of `X` as all of them are read."""
    if isinstance(X, Alignment):  # of any of its rows the alphabet is the same
        return {}
    schema, absent, _ = _decided(X.shown() if isinstance(X, Shards) else X, visible, missing)
    found: dict[str, Any] = {"visible": Schema.from_facts(schema.to_facts())}  # without the rows
    if missing != "at-random":
        found["missing"] = [c.name for c, more in zip(schema.columns, absent, strict=True) if more]
    return found


def seen_alone(schema: Schema, X: Any) -> Schema:
    """`schema` with bins and densities of numbers as the rows of `X` alone have them: what is held
    out is in none of them. Labels stay as they were, and numbers of which `X` has not enough."""
    cells = read_columns(framed(X.shown() if isinstance(X, Shards) else X))[1]
    decided = {column.name: column for column in schema.columns}
    for name, column in list(decided.items()):
        if isinstance(column, Measured | Gaussian):
            try:
                decided[name] = column.fit(name, cells[name].values)
            except ValueError:  # too few, or all alike
                del decided[name]
    own = {name: column.facts() for name, column in with_finer_bins(decided, cells).items()}
    facts = schema.to_facts()
    columns = [one | own.get(one["name"], {}) for one in facts["columns"]]
    return Schema.from_facts(facts | {"columns": columns})


def _decided(
    X: Any, visible: Any, missing: Any
) -> tuple[Schema, NDArray[np.bool_], NDArray[np.float64]]:
    """What the columns are, in which of them being missing is a state, and their states."""
    frame = framed(X)
    if not has_names(X) and isinstance(visible, dict):
        visible = {str(name): kind for name, kind in visible.items()}
    schema = visible if isinstance(visible, Schema) else Schema.infer(frame, visible)
    cells = schema.read(frame)
    if missing == "informative":
        return schema, np.asarray(np.isnan(cells).any(0)), cells
    wanted = [] if missing == "at-random" else list(missing)
    unknown = [name for name in wanted if name not in schema.names]
    if unknown:
        raise ValueError(f"missing: {schema.refusal(unknown[0])}")
    return schema, np.array([name in wanted for name in schema.names], dtype=bool), cells


def running_rows(X: Any, framed_rows: bool, layout: Layout | None, first: bool) -> Any:
    """What ``partial_fit`` takes: states, or whole sequences in the columns of those that were
    learned from (`layout`). ``ValueError`` for others that want a schema (`framed_rows`)."""
    family = None if layout is None else layout.schema.family
    if not first and family is not None:
        X = aligned(family, X)
    elif framed_rows and not isinstance(X, Shards) and not (first and isinstance(X, Alignment)):
        raise ValueError("partial_fit learns from arrays of states; use fit for frames")
    if isinstance(X, Alignment) and np.isnan(X.to_numpy()).any():
        raise ValueError("X: partial_fit takes no missing cells; use fit")
    return X


def read_holes(
    states: Any, names: Sequence[str] | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """States with NaN as integers, and which are known; None: all. ``ValueError`` for a column of
    which nothing is known, by its number or its name."""
    states = np.asarray(states)
    observed = ~np.isnan(states)
    if len(states) and not observed.any(0).all():
        empty = int(np.argmin(observed.any(0)))
        raise ValueError(
            f"X: every value of column {empty if names is None else names[empty]} is missing"
        )
    table = np.where(observed, states, 0)
    kind = np.uint8 if table.max(initial=0) <= 255 else np.int32
    return table.astype(kind), None if observed.all() else observed


def keep_names(estimator: Any, X: Table) -> None:
    """Learn scikit-learn's ``feature_names_in_`` of a frame; forget those of another fit."""
    if has_names(X):
        estimator.feature_names_in_ = np.array(list(map(str, names_of(X))), dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
