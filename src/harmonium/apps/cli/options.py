"""Words of the command line that several commands share, and how they are read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.apps import answering
from harmonium.apps.answering import question, read_value
from harmonium.contract.registry import MODELS, Form

__all__ = [
    "BeginsWith",
    "Contains",
    "Data",
    "EndsWith",
    "Evidence",
    "Fitted",
    "How",
    "Json",
    "Key",
    "Labels",
    "LabelsKey",
    "Length",
    "Letters",
    "Levels",
    "MaxGaps",
    "Out",
    "Seed",
    "Shape",
    "Unknown",
    "applying",
    "check_csv",
    "form_of",
    "hidden",
    "keeping_log_z",
    "load_answering",
    "load_model",
    "print_json",
    "question",
    "read_channel",
    "read_evidence",
    "read_length",
    "read_shape",
    "read_value",
    "row_shape",
]

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="rows: .npy, .npz, .csv, .tsv, .parquet; tables with names: .csv, .tsv, .parquet; "
        "out of core: 'rows/*.parquet', also .arrow and .npy, or a folder of them; "
        "texts: .txt, .txt.gz; - is standard input, a table as text or a text a line; "
        "sequences: .fasta, .a2m, .a3m, .sto, also .gz; "
        "images: a folder, a picture, .npy or .npz; a network's: .evid too",
    ),
]
Fitted = Annotated[
    str, typer.Argument(metavar="MODEL", help="a model file; .uai and .arpa files too")
]
Out = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--out",
        help="rows: .npy, .npz, .csv, or .png for pictures; tables with names: .csv, .tsv or "
        ".parquet (printed without it); images: .npy, .npz, .png or a folder; "
        "texts: .txt (printed without it); sequences: .fasta (printed without it)",
    ),
]
Key = Annotated[
    str | None, typer.Option(help="which array of an .npz; of texts, which column of a table")
]
Shape = Annotated[str | None, typer.Option(help="HxW of a row seen as a picture")]
Seed = Annotated[int | None, typer.Option(help="random seed")]
Json = Annotated[bool, typer.Option("--json", help="the answer as JSON, null for no number")]
How = Annotated[str | None, typer.Option(help="mode, mean (images' default) or sample")]
Unknown = Annotated[
    str | None,
    typer.Option(help="tables: missing counts labels never met as missing; else an error"),
]
Levels = Annotated[int | None, typer.Option(help="images: bring gray values to so many levels")]
Labels = Annotated[str | None, typer.Option(help="a label for each row of DATA")]
LabelsKey = Annotated[str | None, typer.Option(help="which array of the labels' .npz")]
Evidence = Annotated[
    list[str] | None, typer.Option(help="a network's: what is known, name=state or an .evid file")
]
Contains = Annotated[
    list[str] | None, typer.Option(help="texts: a word or phrase that each holds; may be repeated")
]
BeginsWith = Annotated[str | None, typer.Option(help="texts: their first words")]
EndsWith = Annotated[str | None, typer.Option(help="texts: their last words")]
Letters = Annotated[
    str | None,
    typer.Option(help="sequences: protein, rna, dna, or the letters (protein unless told)"),
]
MaxGaps = Annotated[
    float | None, typer.Option(help="sequences: columns with a larger share of gaps are dropped")
]
Length = Annotated[str | None, typer.Option(help="texts: how many words, 5..12, 5.. or 7")]

#: Options whose names differ from those of the arguments that they become.
_OPTION_OF = {"random_state": "--seed", "attributes": "--given"}


def form_of(path: str) -> tuple[Any, Form] | None:
    """The class and the format of the field that a path's ending means, if any."""
    for entry in MODELS:
        for form in entry.forms:
            if path.lower().endswith(form.ending):
                return entry.load(), form
    return None


def print_json(answer: Mapping[str, Any]) -> None:
    """An answer as one JSON object on the standard output; numbers that JSON lacks are null."""
    import json

    print(json.dumps(_jsonable(answer), ensure_ascii=False))


def _jsonable(value: Any) -> Any:
    from math import isfinite

    if isinstance(value, Mapping):
        return {str(name): _jsonable(one) for name, one in value.items()}
    if hasattr(value, "tolist"):  # of numpy
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


@contextmanager
def keeping_log_z(path: str, fitted: Any) -> Iterator[None]:
    """Write log Z into the model's file where it gets known meanwhile, so that it is annealed
    once. Files that cannot be written, or are of another format, stay as they are."""
    from harmonium.contract.storage import models_inside, read_arrays

    held = models_inside(fitted) or [fitted]
    unknown = [one for one in held if getattr(one, "known_log_partition", 0) is None]
    yield
    found = any(one.known_log_partition is not None for one in unknown)
    if found and form_of(path) is None and os.access(path, os.W_OK):
        if read_arrays(path, "model")[1]["model"] != type(fitted).__name__:
            return  # the file holds more than this model
        mode = os.stat(path).st_mode
        with suppress(OSError):
            fitted.save(path)
            os.chmod(path, stat.S_IMODE(mode))


def load_model(path: str, unknown: str | None = None) -> Any:
    """The model in a file: harmonium's own, or one of the field's formats. `unknown` is what
    labels count as that its table never had; None: as it was saved."""
    from harmonium.contract.storage import load

    found = form_of(path)
    if found is None:
        fitted = load(path)
        if unknown is not None:
            _set_unknown(fitted, unknown)
        return fitted
    if unknown is not None:
        raise ValueError(_UNKNOWN_WANTS)
    if not Path(path).is_file():
        raise FileNotFoundError(f"MODEL: no file at {path!r}")
    cls, form = found
    return getattr(cls, form.read)(path)


def load_answering(path: str, name: str, unknown: str | None = None) -> Any:
    """The model in a file; of a detector or an imputer, which do not answer `name`, the one model
    that they hold."""
    from harmonium.contract.storage import models_inside

    fitted = load_model(path, unknown)
    inside = models_inside(fitted)
    return fitted if len(inside) != 1 or hasattr(fitted, name) else inside[0]


_UNKNOWN_WANTS = "--unknown wants a model that was fitted on a table with names"


def _set_unknown(fitted: Any, unknown: str) -> None:
    """Say to the model, or the models inside it, what labels are that were never met."""
    from harmonium.contract.storage import models_inside

    if unknown not in ("error", "missing"):
        raise ValueError(f"--unknown must be error or missing, got {unknown!r}")
    for one in models_inside(fitted) or [fitted]:
        schema = getattr(one, "schema_", None)
        if schema is None:
            raise ValueError(_UNKNOWN_WANTS)
        schema.handle_unknown = unknown


def hidden(model: Any, path: str, name: str) -> Callable[..., Any]:
    """A question about hidden units; ``ValueError`` where the model has none."""
    if not hasattr(model, "inverse_transform"):
        raise ValueError(f"MODEL: {path!r} is a {type(model).__name__} and has no hidden units")
    return question(model, name)


def check_csv(path: str, *others: str) -> None:
    """Whether a table can be written there as ``.csv`` or `others`, before any work."""
    from harmonium.contract.storage import check_place

    endings = (".csv", *others)
    if Path(path).suffix.lower() not in endings:
        raise ValueError(f"--out must end in {' or '.join(endings)}, got {path!r}")
    check_place(path, "--out")


def applying(model: Any, name: str, **options: Any) -> dict[str, Any]:
    """:func:`answering.applying`, of options of the command line."""
    return answering.applying(
        model, name, options, lambda key: _OPTION_OF.get(key, f"--{key.replace('_', '-')}")
    )


def read_shape(text: str | None) -> tuple[int, int] | None:
    """``28x28`` as (height, width)."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError(f"--shape must be HEIGHTxWIDTH such as 28x28, got {text!r}")
    return int(parts[0]), int(parts[1])


def read_length(text: str | None) -> tuple[int, int | None] | None:
    """``--length``."""
    return answering.read_length(text, "--length")


def row_shape(text: str | None, what: str, place: str) -> tuple[int, int] | None:
    """``--shape`` of rows that are written as pictures; refused where nothing asks for it."""
    if text is not None and (what != "rows" or not place.lower().endswith(".png")):
        raise ValueError(f"--shape is for rows written as a .png; here {what} go to {place!r}")
    return read_shape(text)


def read_channel(text: str) -> Any:
    """``--noise``."""
    return answering.read_channel(text, "--noise")


def read_evidence(model: Any, given: list[str] | None) -> Mapping[Any, int] | None:
    """``name=state`` words and ``.evid`` files as ``{variable: state}``; None for none."""
    if not given:
        return None
    read_file = question(model, "read_uai_evidence")
    known: dict[Any, int] = {}
    for item in given:
        if item.lower().endswith(".evid"):
            if not Path(item).is_file():
                raise FileNotFoundError(f"--evidence: no file at {item!r}")
            said = dict(read_file(item))
        else:
            name, separator, state = item.rpartition("=")
            if not separator or not isinstance(read_value(state), int):
                raise ValueError(f"--evidence wants name=state or an .evid file, got {item!r}")
            said = answering.evidence_of(model, {name: int(state)}, "--evidence")
        for name, state in said.items():
            if known.setdefault(name, state) != state:
                raise ValueError(f"--evidence gives {name!r} two states, {known[name]} and {state}")
    return known
