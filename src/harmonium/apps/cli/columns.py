"""Words about a table's columns: their kinds, conditions on them, as models take them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from harmonium.apps.cli.options import read_value

if TYPE_CHECKING:  # loaded where they are used: every command starts by way of this file
    from harmonium.data.kinds import Kind

__all__ = ["read_columns", "read_given", "split_given"]


def read_columns(words: list[str], frame: Any) -> dict[str, Any]:
    """``name=kind`` and ``name=first,second,...`` (categories in order) as ``visible``.

    `frame` is the Arrow table whose columns they are.
    """
    import pyarrow as pa

    from harmonium.data.infer import KINDS

    found: dict[str, Any] = {}
    for word in words:
        # A name may hold an equals sign; a kind does not.
        name, separator, wanted = word.rpartition("=")
        if not separator or name not in frame.column_names:
            named = ", ".join(frame.column_names)
            raise ValueError(f"--columns wants name=kind with a name among {named}, got {word!r}")
        if wanted in KINDS or wanted == "auto":
            found[name] = wanted
        elif "," in wanted:
            texts = pa.types.is_string(frame.schema.field(name).type)
            parts = [one.strip() for one in wanted.split(",")]
            found[name] = parts if texts else [read_value(one) for one in parts]
        else:
            raise ValueError(
                f"--columns: column {name!r} cannot be {wanted!r}; wanted {', '.join(KINDS)}, or "
                "categories in order with commas between"
            )
    return found


def split_given(words: list[str], kind: Kind) -> tuple[list[str], list[str]]:
    """``--given`` words about columns of the model's tables, and the others."""
    from harmonium.data.kinds import Frames, Sequences

    if isinstance(kind, Sequences):
        own = [word for word in words if word.partition("=")[0].isdecimal()]
        return own, [word for word in words if word not in own]
    if not isinstance(kind, Frames) or kind.schema is None:
        return [], words
    names = set(kind.schema.all_names)
    own = [word for word in words if word.partition("=")[0] in names]
    return own, [word for word in words if word not in own]


def read_given(words: list[str], kind: Kind) -> dict[str, Any]:
    """``age=30..40``, ``age=30,40``, ``job=clerk,cook`` as a condition on columns.

    A label that holds commas or dots is itself before it is anything else.
    """
    from harmonium.data.kinds import Frames, Sequences

    if isinstance(kind, Sequences):
        return {word.partition("=")[0]: word.partition("=")[2] for word in words}
    assert isinstance(kind, Frames)
    assert kind.schema is not None
    columns = {column.name: column for column in kind.schema.columns}
    condition: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in columns:
            raise ValueError(f"--given: {kind.schema.refusal(name)}, got {word!r}")
        if name in condition:
            raise ValueError(f"--given: column {name!r} is given twice")
        column = columns[name]
        if column.is_number:
            condition[name] = _numbers(word, text)
            continue
        condition[name] = _labels(name, text, column)
    return condition


def _labels(name: str, text: str, column: Any) -> Any:
    labels = {str(one): one for one in column.categories}

    def label(written: str) -> Any:
        if written in labels:
            return labels[written]
        value = read_value(written)  # 1 for 1.0 or True
        found = [one for one in column.categories if one == value]
        if not found:
            known = ", ".join(list(labels)[:10])
            raise ValueError(f"--given: column {name!r} never was {written!r}; wanted {known}")
        return found[0]

    if text in labels:
        return [labels[text]]
    low, separator, high = text.partition("..")
    if separator and column.ordered:
        return label(low.strip()), label(high.strip())
    return [label(one.strip()) for one in text.split(",")]


def _numbers(word: str, text: str) -> Any:
    low, separator, high = text.partition("..")
    if separator:
        return _number(word, low), _number(word, high)
    return [_number(word, one) for one in text.split(",")]


def _number(word: str, text: str) -> Any:
    value = read_value(text.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"--given wants a number or a date (30), some (30,40) or a range (30..40), got {word!r}"
        ) from None
