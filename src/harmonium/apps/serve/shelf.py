"""The models that are served: loaded, named, and what is said of them."""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonium.apps.facts import written_facts
from harmonium.apps.serve.questions import answered_by
from harmonium.contract.storage import models_inside
from harmonium.data.kind import Kind
from harmonium.data.kinds import Rows, kind_of

__all__ = ["Shelf", "name_of"]

#: Texts, rows, images of the examples; as few as show what they look like.
_N_SHOWN = 2


@dataclass(frozen=True)
class Shelf:
    """Models by name, packed for the processes that answer, and what is told of each."""

    packed: bytes
    modules: tuple[str, ...]  #: in which their classes stand
    about: dict[str, dict[str, Any]]  #: what ``info`` says
    examples: dict[str, dict[str, Any]]  #: a body for each question: ``{model: {question: body}}``

    @classmethod
    def of(cls, models: dict[str, Any]) -> Shelf:
        """The shelf of fitted models by name. log Z is worked out now, once for all answers."""
        about, examples = {}, {}
        for name, model in models.items():
            if hasattr(model, "log_partition"):
                model.log_partition()  # kept, and packed with the model
            for inside in models_inside(model):
                if hasattr(inside, "log_partition"):
                    inside.log_partition()
            kind = kind_of(model)
            about[name] = _about(name, model, kind)
            examples[name] = _examples(model, kind, about[name]["questions"])
        modules = {type(model).__module__ for model in models.values()}
        return cls(pickle.dumps(models), tuple(sorted(modules)), about, examples)


def name_of(path: str, taken: Collection[str]) -> str:
    """The name of the model in a file: ``words`` of ``words.safetensors``; the names `taken` are
    those of others, which is an error."""
    name = Path(path).name
    for ending in (".gz", ".safetensors", ".uai", ".arpa"):
        name = name.removesuffix(ending)
    if name in taken:
        raise ValueError(f"MODEL: two models are named {name!r}; give one a name: other={path}")
    if not name or "/" in name:
        raise ValueError(f"MODEL: {path!r} gives no name; say one: name={path}")
    return name


def _about(name: str, model: Any, kind: Kind) -> dict[str, Any]:
    facts = model.facts()
    schema = getattr(model, "schema_", None)
    columns = [] if schema is None or schema.family is not None else schema.described()
    found: dict[str, Any] = {
        "name": name,
        "model": type(model).__name__,
        "data": kind.what,
        "questions": answered_by(model),
        "facts": dict(written_facts(facts)),
        "columns": [dict(zip(("name", "kind", "holds"), one, strict=True)) for one in columns],
    }
    if kind.what == "images":
        found["n_levels"] = int(model.n_levels)
    return found


def _examples(model: Any, kind: Kind, questions: Sequence[str]) -> dict[str, Any]:
    """A body for each question, of what the model itself draws where it can."""
    speaker = (models_inside(model) or [model])[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = kind.give(speaker.sample(_N_SHOWN, random_state=0))
    except (ValueError, TypeError, AttributeError) as error:
        print(f"harmonium: note: no examples of {type(model).__name__}: {error}", file=sys.stderr)
        rows = []
    found: dict[str, Any] = {name: {"data": rows} for name in questions}
    found |= {"sample": {"n": _N_SHOWN, "seed": 0}} if "sample" in found else {}
    if "marginals" in found:
        first = str(model.variables_[0])
        found["marginals"] = {"evidence": {first: rows[0][0]} if rows else {}}
    if "contacts" in found:
        found["contacts"] = {"n": 10, "separation": 1}
    if "complete" in found:
        found["complete"] = {"data": [_with_blanks(row) for row in rows]}
    if "correct" in found:
        found["correct"] = {"data": rows, "noise": _noise(model, kind)}
    told = len(getattr(model, "attributes_", ())) or len(getattr(model, "classes_", ()))
    if "classify" in found and not told:
        found["classify"]["column"] = next(
            one.name for one in model.schema_.columns if not one.is_number
        )
    if "decode" in found:
        taken = kind.take(rows) if rows else None
        hidden = [] if taken is None else Rows().give(model.transform(taken).round(3))
        found["decode"] = {"data": hidden}
    return found


def _noise(model: Any, kind: Kind) -> str:
    if kind.what == "texts":
        return "replace:0.01"
    if kind.what == "images":
        return "gaussian:1"
    return "cells:0.05" if getattr(model, "schema_", None) is not None else "replace:0.05"


def _with_blanks(row: Any) -> Any:
    """A row with its second half missing: a text its last words, an image its lower rows."""
    if isinstance(row, str):
        words = row.split()
        return " ".join([*words[: len(words) // 2], "___", *words[len(words) // 2 + 1 :]])
    if isinstance(row, list):
        half = len(row) // 2
        return [*row[:half], *(_nothing(one) for one in row[half:])]
    if set(row) == {"name", "sequence"}:
        sequence = row["sequence"]
        half = len(sequence) // 2
        return row | {"sequence": sequence[:half] + "?" * (len(sequence) - half)}
    names = list(row)
    return row | dict.fromkeys(names[len(names) // 2 :])


def _nothing(value: Any) -> Any:
    return [_nothing(one) for one in value] if isinstance(value, list) else None
