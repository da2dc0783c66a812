"""``harmonium fit``: a model learned from DATA."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any

import typer

from harmonium.apps.cli import options
from harmonium.apps.cli.ranks import on_ranks
from harmonium.apps.facts import written_facts
from harmonium.contract.registry import MODELS, Entry, by_command

__all__ = ["fit"]

_SETTINGS = "; ".join(f"{one.command}: {', '.join(one.settings)}" for one in MODELS if one.command)
_WORDS = "; ".join(f"{entry.command}: {entry.help}" for entry in MODELS if entry.command)


Structure = Annotated[
    str | None, typer.Option(help="network: a .uai file, whose tables are the start")
]
Classes = Annotated[
    str | None, typer.Option(help="a label for each row: one model a class, for `classify`")
]
Attributes = Annotated[
    str | None,
    typer.Option(
        help="rbm: learned beside the rows: a .csv of 0 and 1 with a line of names, or a "
        "label for each row; of rows out of core also columns, name,name"
    ),
]
TargetsKey = Annotated[
    str | None, typer.Option(help="which array of the labels' or attributes' .npz")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        help="tables: what a column is, name=kind (bernoulli, categorical, ordinal, count, "
        "quantile, gaussian, identifier) or name=low,mid,high, its categories in order"
    ),
]
Missing = Annotated[
    str | None,
    typer.Option(help="tables: at-random, or informative: a missing cell says something"),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="a weight for each row, a line each or .npy (sequences: one over those at least 80% "
        "identical, without it); of rows out of core also a column's name"
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help=f"a constructor parameter, name=value: {_SETTINGS}"),
]


def fit(
    data: options.Data,
    out: Annotated[
        str, typer.Option("-o", "--out", help="the model file to write; .uai and .arpa too")
    ],
    model: Annotated[str, typer.Option(help=_WORDS)] = "rbm",
    structure: Structure = None,
    labels: Classes = None,
    attributes: Attributes = None,
    labels_key: TargetsKey = None,
    weights: Weights = None,
    levels: options.Levels = None,
    columns: Columns = None,
    missing: Missing = None,
    unknown: options.Unknown = None,
    alphabet: options.Letters = None,
    max_gaps: options.MaxGaps = None,
    set_: Settings = None,
    key: options.Key = None,
    seed: options.Seed = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
) -> None:
    """Learn a model from rows, tables, texts, images or aligned sequences."""
    from harmonium.data.files import read_attributes, read_labels

    entry = by_command(model)
    _check_targets(entry, labels, attributes, labels_key)
    _check_form(entry, out, labels)
    estimator = _unfitted(entry, structure)
    known = set(estimator.get_params(deep=False)) - ({"factors"} if entry.structure else set())
    chosen = _chosen(known, {"n_levels": levels, "random_state": seed, "missing": missing}, entry)
    estimator.set_params(verbose=0 if quiet else 1, **chosen, **_set(known, set_))
    told = {"columns": columns, "unknown": unknown, "alphabet": alphabet, "max_gaps": max_gaps}
    with on_ranks(entry) as writes:
        if not writes:
            estimator.set_params(verbose=0)
        rows = _rows(entry, estimator, data, key, (labels, attributes, weights), told)
        weight = None if weights is None else _weights(weights, rows)
        if labels is not None:
            target: Any = _named(labels, rows)
            if target is None:
                target = read_labels(labels, labels_key)
            _fit_classes(estimator, rows, target, out if writes else None, weight)
            return
        y = _named(attributes, rows)
        if y is None and attributes is not None:
            y = read_attributes(attributes, labels_key)
        fitted = estimator.fit(rows, y, *([] if weight is None else [weight]))
        if writes:
            _keep(fitted, entry, out)
        _tell_interrupted([fitted])


def _rows(
    entry: Entry,
    estimator: Any,
    data: str,
    key: str | None,
    beside: tuple[str | None, str | None, str | None],
    told: dict[str, Any],
) -> Any:
    """DATA to learn from, the estimator having been `told` of the columns of a table, by words of
    :func:`_set_columns`; of sequences, their letters. What is `beside` it, labels of classes,
    attributes and weights, may be columns of rows out of core."""
    from harmonium.data.kinds import Frames, Sequences, kind_to_learn
    from harmonium.data.shards import Shards

    kind = kind_to_learn(entry, estimator, data)
    given = {name: value for name, value in told.items() if value not in (None, [])}
    wanted: tuple[str, ...] = ("alphabet", "max_gaps")
    what = "aligned sequences (.fasta, .a2m, .a3m, .sto)"
    if isinstance(kind, Sequences):
        wanted, what = ("columns", "unknown"), "a table whose first line names its columns"
    elif not isinstance(kind, Frames):
        wanted = tuple(told)
        what = "a table whose first line names its columns, or sequences"
    for name in given:
        if name in wanted:
            raise ValueError(f"--{name.replace('_', '-')} wants {what}, not {data!r}")
    if isinstance(kind, Sequences):
        alignment = replace(kind, **given).read(data, key)
        print(alignment)
        return alignment
    if isinstance(kind, Frames):
        rows = frame = kind.read(data, key)
        if isinstance(rows, Shards):
            _check_out_of_core(entry)
            found = [_named(words, rows) for words in beside]
            named = [one for one in found if isinstance(one, str)]
            frame = rows.without(sum((one for one in found if isinstance(one, list)), named))
        classes = beside[0] is not None
        _set_columns(estimator, frame, classes, columns=told["columns"], unknown=told["unknown"])
        return rows
    rows = kind.stream(data, key) if beside[0] is None else kind.read(data, key)
    if isinstance(rows, Shards):
        _check_out_of_core(entry)
    return rows


def _check_out_of_core(entry: Entry) -> None:
    """``ValueError`` where rows out of core cannot be learned from: what takes frames does."""
    if not entry.frames:
        able = " or ".join(str(one.command) for one in MODELS if one.frames)
        raise ValueError(
            f"DATA: --model {entry.command} wants rows in memory; rows out of core are for "
            f"--model {able}"
        )


def _named(words: str | None, rows: Any) -> str | list[str] | None:
    """The column of rows out of core that `words` names, or several, name,name; None for none."""
    names = getattr(rows, "names", ())
    if words is None or words in names:
        return words
    found = words.split(",")
    return found if set(found) <= set(names) else None


def _weights(path: str, rows: Any) -> Any:
    """A weight for each row, or a column of weights by its name; ``ValueError`` for what is none,
    or of another length."""
    import numpy as np

    from harmonium.data.files import read_labels

    if path in getattr(rows, "names", ()):
        return path
    given = read_labels(path, None, "--weights")
    try:
        found = given.astype(np.float64)
    except ValueError:
        raise ValueError(f"--weights: {path!r} wants a number a line, got {given[0]!r}") from None
    if hasattr(rows, "__len__") and len(found) != len(rows):
        raise ValueError(f"--weights: {path!r} has {len(found)} weights, DATA has {len(rows)} rows")
    return found


def _set_columns(
    estimator: Any,
    frame: Any,
    classes: bool,
    *,
    columns: list[str] | None,
    unknown: str | None,
) -> None:
    """Tell the estimator what the columns of a table are, as far as they are not for it to see.

    Models of several `classes` have one schema, or what they say could not be compared.
    """
    from harmonium.apps.cli.columns import read_columns
    from harmonium.data.schema import Schema
    from harmonium.data.shards import Shards

    if columns and estimator.visible != "auto":
        raise ValueError("--columns and --set visible=... say both what columns are; give one")
    if isinstance(frame, Shards):
        frame = frame.shown() if columns or classes or unknown is not None else None
    visible: Any = read_columns(columns, frame) if columns else estimator.visible
    if unknown not in (None, "error", "missing"):
        raise ValueError(f"--unknown must be error or missing, got {unknown!r}")
    if classes or unknown is not None:
        visible = Schema.infer(frame, visible, unknown or "error")
    estimator.set_params(visible=visible)


def _check_targets(
    entry: Entry, labels: str | None, attributes: str | None, labels_key: str | None
) -> None:
    """Whether what is to be learned beside the rows fits the model."""
    if attributes is not None and (not entry.attributes or labels is not None):
        able = ", ".join(str(known.command) for known in MODELS if known.attributes)
        raise ValueError(f"--attributes wants --model {able}, and no --labels")
    if labels_key is not None and labels is None and attributes is None:
        raise ValueError("--labels-key wants --labels or --attributes")


def _keep(fitted: Any, entry: Entry, out: str) -> None:
    """Write the model in the form that the path's ending means, and say what was learned."""
    form = options.form_of(out)
    if form is None:
        fitted.save(out)
    else:
        getattr(fitted, form[1].write)(out)
    print(f"{out}: {entry.title[0].lower()}{entry.title[1:]}")
    for name, value in written_facts(fitted.facts()):
        print(f"{name}: {value}")
    schema = getattr(fitted, "schema_", None)
    if schema is not None:
        print(f"columns:\n{schema}")


def _tell_interrupted(fitted: list[Any]) -> None:
    """End with the shell's word for Ctrl-C where it ended a fit, the model being kept."""
    if any(getattr(one, "stop_reason_", None) == "interrupted" for one in fitted):
        raise typer.Exit(130)


def _check_form(entry: Entry, out: str, labels: str | None) -> None:
    """Whether the model can be written at `out`, and the ending fits it."""
    from harmonium.contract.storage import check_place

    check_place(out, "--out")
    form = options.form_of(out)
    if form is not None and (form[0].__name__ != entry.name or labels is not None):
        raise ValueError(f"--out: a {form[1].ending} file holds a {form[0].__name__}, got {out!r}")


def _unfitted(entry: Entry, structure: str | None) -> Any:
    cls = entry.load()
    if entry.structure is None:
        if structure is not None:
            raise ValueError(f"--structure does not apply to --model {entry.command}")
        return cls()
    if structure is None:
        raise ValueError(f"--model {entry.command} wants --structure: a file that names its tables")
    return options.load_model(structure)


def _chosen(known: Collection[str], chosen: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """The parameters that have an option of their own, where they were given."""
    given = {name: value for name, value in chosen.items() if value is not None}
    for name in given:
        if name not in known:
            option = {"n_levels": "--levels", "random_state": "--seed"}.get(name, f"--{name}")
            raise ValueError(f"{option} does not apply to --model {entry.command}")
    return given


def _set(known: Collection[str], words: list[str] | None) -> dict[str, Any]:
    """``--set name=value`` as parameters."""
    parameters: dict[str, Any] = {}
    for item in words or []:
        name, separator, text = item.partition("=")
        if not separator or name not in known:
            raise ValueError(
                f"--set wants name=value with a name among {', '.join(sorted(known))}, got {item!r}"
            )
        parameters[name] = options.read_value(text)
    return parameters


def _fit_classes(estimator: Any, rows: Any, labels: Any, out: str | None, weight: Any) -> None:
    from harmonium.questions.classify import BayesClassifier

    classifier = BayesClassifier(estimator).fit(rows, labels, weight)
    if out is not None:
        classifier.save(out)
    n = len(rows if isinstance(labels, str) else labels)
    print(f"{out}: {len(classifier.classes_)} classes of {n} rows")
    _tell_interrupted(classifier.estimators_)
