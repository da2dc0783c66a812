"""``harmonium classify``: which class, attributes or label of a column a row has."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harmonium.apps.answering import classes_of, column_classes
from harmonium.apps.cli import options

__all__ = ["classify"]


def classify(
    model: options.Fitted,
    data: options.Data,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help="label and P(label | row) of each row: .csv"),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="true labels, to state the accuracy; of rows out of core also a column's name"
        ),
    ] = None,
    labels_key: options.LabelsKey = None,
    column: Annotated[
        str | None,
        typer.Option(
            help="tables: the column of labels to tell from the others; where DATA has it, "
            "the accuracy is stated"
        ),
    ] = None,
    as_json: options.Json = False,
    key: options.Key = None,
    unknown: options.Unknown = None,
) -> None:
    """Which class does each row, text or image belong to? Or: which attributes has it?

    The model was fitted with --labels or --attributes, or on a table that has the --column.
    """
    from harmonium.data.files import read_labels, write_table
    from harmonium.data.kinds import kind_of

    if out is not None:
        options.check_csv(out)
    if labels_key is not None and labels is None:
        raise ValueError("--labels-key wants --labels")
    fitted = options.load_model(model, unknown)
    if column is not None:
        if labels is not None:
            raise ValueError("--labels and --column say both what is true; give one")
        _classify_column(fitted, kind_of(fitted).read(data, key), column, out, as_json)
        return
    names, classes = classes_of(fitted, model)
    if not len(classes) and labels is not None:
        raise ValueError("--labels: the model knows yes/no attributes, not one label")
    rows = kind_of(fitted).read(data, key)
    if labels is not None and labels in getattr(rows, "names", ()):
        truth, rows = rows.columns([labels])[0], rows.without([labels])
    else:
        truth = None if labels is None else read_labels(labels, labels_key)
    if truth is not None and len(truth) != len(rows):
        raise ValueError(f"--labels: {len(truth)} labels for {len(rows)} rows")
    chances = fitted.attribute_proba(rows) if names else fitted.predict_proba(rows)
    if not len(classes):
        if as_json:
            options.print_json({"attributes": names, "proba": chances})
            return
        write_table(out or "-", [f"P({name})" for name in names], _rounded(chances))
        return
    _tell(classes, chances, truth, out, as_json)


def _classify_column(fitted: Any, rows: Any, column: str, out: str | None, as_json: bool) -> None:
    """P(column | the others) by a model of a table."""
    import numpy as np

    from harmonium.data.shards import Shards
    from harmonium.questions.cells import column_proba

    classes = column_classes(fitted, column, "--column")
    schema, truth, chances = fitted.schema_, [], []
    for block in rows.blocks() if isinstance(rows, Shards) else [rows]:
        if column in getattr(block, "column_names", block):
            # As the model has them: 1 in one file may be 1.0 in another.
            place = schema.names.index(column)
            states = schema.read(block, handle_unknown="missing", what="DATA")[:, place]
            truth += [None if state != state else classes[int(state)] for state in states]
        chances.append(column_proba(fitted, block, column))
    _tell(classes, np.concatenate(chances), truth or None, out, as_json)


def _tell(classes: Any, chances: Any, truth: Any, out: str | None, as_json: bool) -> None:
    """Say the accuracy where the `truth` is known (None where it is not), and write P(class)."""
    import numpy as np

    from harmonium.data.files import write_table

    said = [classes[k] for k in np.argmax(chances, axis=1)]
    known = [] if truth is None else [k for k, one in enumerate(truth) if one is not None]
    if known:
        right = np.array([str(said[k]) == str(truth[k]) for k in known])
        error = float(np.std(right) / np.sqrt(len(right)))
        accuracy = {"value": np.mean(right), "std_error": error, "rows": len(right)}
        if not as_json:
            print(f"accuracy {np.mean(right):.4f} ± {error:.4f} over {len(right)}")
    if as_json:
        told = {"classes": list(classes), "labels": said, "proba": chances}
        options.print_json(told | {"accuracy": accuracy} if known else told)
    if out is not None or not (known or as_json):
        lines = [[label, *row] for label, row in zip(said, _rounded(chances), strict=True)]
        write_table(out or "-", ["label", *(f"P({label})" for label in classes)], lines)


def _rounded(chances: Any) -> list[list[str]]:
    return [[f"{p:.6g}" for p in row] for row in chances]
