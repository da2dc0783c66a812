"""How a question reaches a fitted model, whoever puts it: the command line, a server.

What was asked comes as values; `written` and `name` say how the asker writes an option
(``--seed``, ``seed``), so that errors speak the asker's words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

__all__ = [
    "applying",
    "classes_of",
    "column_classes",
    "drawn",
    "evidence_of",
    "how_to_correct",
    "oddest",
    "question",
    "read_channel",
    "read_length",
    "read_value",
    "speaker_of",
]


def question(model: Any, name: str) -> Callable[..., Any]:
    """The model's method of this name; ``ValueError`` where it does not answer that."""
    method = getattr(model, name, None)
    if method is None:
        raise ValueError(
            f"MODEL: a {type(model).__name__} does not answer {name.replace('_', ' ')!r}"
        )
    found: Callable[..., Any] = method
    return found


def applying(
    model: Any, name: str, options: Mapping[str, Any], written: Callable[[str], str] = str
) -> dict[str, Any]:
    """The options that were given, where the model's method `name` takes them all.

    None and False are options not given. Raises ``ValueError`` for one that does not apply.
    """
    known = signature(question(model, name)).parameters
    given = {k: value for k, value in options.items() if value is not None and value is not False}
    for key in given:
        if key not in known:
            raise ValueError(
                f"{written(key)} does not apply to {name} with a {type(model).__name__}"
            )
    return given


def read_value(text: str) -> Any:
    """A parameter's value as written: None, True, False, a number, or the text itself."""
    named = {"None": None, "True": True, "False": False}
    if text in named:
        return named[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def read_length(text: str | None, name: str) -> tuple[int, int | None] | None:
    """``5..12`` as (fewest, most) words; ``5..`` has no most, ``7`` is both."""
    if text is None:
        return None
    low, dots, high = text.partition("..")
    if not low.isdecimal() or not (high.isdecimal() or (dots and not high) or not dots):
        raise ValueError(f"{name} must be LOW..HIGH such as 5..12, got {text!r}")
    return int(low), int(high) if high else (None if dots else int(low))


def read_channel(text: str, name: str) -> Any:
    """``bitflip:0.1`` or ``edits:0.01,0.02,0.02`` as a noise channel."""
    from harmonium.contract import noise

    kinds: dict[str, Any] = {
        "bitflip": noise.BitFlip,
        "cells": noise.Cells,
        "edits": noise.Edits,
        "gaussian": noise.Gaussian,
        "replace": noise.Replace,
        "typos": noise.Typos,
    }
    kind, _, said = text.partition(":")
    amounts = [read_value(amount) for amount in said.split(",")]
    numbers = all(isinstance(amount, int | float) for amount in amounts)
    if kind not in kinds or not numbers or len(amounts) != (3 if kind == "edits" else 1):
        raise ValueError(
            f"{name} must be one of {', '.join(kinds)}, ':' and a number (edits: three, "
            f"SUBSTITUTE,INSERT,DELETE), got {text!r}"
        )
    return kinds[kind](*amounts)


def how_to_correct(how: str | None, what: str) -> str:
    """What ``correct`` gives unless told: of images the mean, of all else the mode."""
    return how or ("mean" if what == "images" else "mode")


def drawn(fitted: Any, what: str, n: int, asked: Mapping[str, Any]) -> Any:
    """New rows; of sequences with their energies behind their names."""
    made = question(fitted, "sample")(n, **asked)
    if what != "sequences":
        return made
    from harmonium.questions.sequences.design import with_energies

    return with_energies(fitted, made)


def classes_of(fitted: Any, what: str) -> tuple[list[str], Any]:
    """Names of attributes, and the values of a label, as the model was fitted with them.

    `what` names the model in the ``ValueError`` of one that was fitted with neither.
    """
    names = list(getattr(fitted, "attributes_", []))
    classes = fitted.attribute_classes_ if names else getattr(fitted, "classes_", [])
    if not names and not len(classes):
        raise ValueError(
            f"MODEL: {what!r} was fitted without --labels or --attributes and knows no classes"
        )
    return names, classes


def column_classes(fitted: Any, column: str, name: str) -> list[Any]:
    """The labels of a column of the model's tables, one of which each row has."""
    from harmonium.questions.cells import labels_of

    schema = getattr(fitted, "schema_", None)
    if schema is None:
        raise ValueError(f"{name} wants a model that was fitted on a table with names")
    try:
        return labels_of(schema, column)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def evidence_of(model: Any, said: Mapping[str, Any], name: str) -> dict[Any, int]:
    """``{name as written: state}`` as the network's own ``{variable: state}``."""
    variables = {str(one): one for one in model.variables_}
    for one in said:
        if one not in variables:
            raise ValueError(f"{name}: {one!r} is no variable of the network")
    return {variables[one]: state for one, state in said.items()}


def speaker_of(fitted: Any) -> Any:
    """The one distribution of a model that speaks of cells; None of several."""
    from harmonium.contract.storage import models_inside

    inside = models_inside(fitted)
    return None if len(inside) > 1 else inside[0] if inside else fitted


def likelihood_of(fitted: Any) -> Any:
    """What scores rows by log P: of a detector that judges them by more than that its model."""
    return fitted if getattr(fitted, "views_", None) is None else fitted.estimator_


def judged(fitted: Any, rows: Any) -> dict[str, Any]:
    """What rows are judged by, and after it log P of them where that is something else."""
    import numpy as np

    if likelihood_of(fitted) is fitted:
        return {"log P": np.asarray(fitted.score_samples(rows))}
    return dict(zip(("score", "log P"), fitted.scored(rows), strict=True))


def oddest(
    fitted: Any, kind: Any, rows: Any, scores: Any, n: int
) -> tuple[Any, Any, dict[str, Any]]:
    """The `n` rows of the smallest score, the oddest first: their numbers from 0, the rows, and of
    tables with names log P(cell given the rest) by column."""
    import numpy as np

    from harmonium.data.kinds import Frames
    from harmonium.data.shards import Shards
    from harmonium.questions.over_models import picked

    order = np.argsort(scores, kind="stable")[:n]
    if not isinstance(kind, Frames):
        return order, rows, {}
    from harmonium.questions.cells import cell_log_proba

    chosen = rows.taken(order) if isinstance(rows, Shards) else picked(rows, order)
    speaker = speaker_of(fitted)
    if speaker is None:
        return order, chosen, {}
    cells = cell_log_proba(speaker, chosen).T
    return order, chosen, dict(zip(speaker.schema_.names, cells, strict=True))
