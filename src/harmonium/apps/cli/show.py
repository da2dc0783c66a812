"""What a model file holds, on the terminal and on a page; and the tour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.apps.cli import options
from harmonium.apps.facts import written_facts

__all__ = ["info", "report", "tour"]


def info(
    model: options.Fitted,
    weights: Annotated[str | None, typer.Option(help="hidden units' weights as a .png")] = None,
    shape: options.Shape = None,
    as_json: options.Json = False,
) -> None:
    """What a model file holds."""
    from harmonium.contract.extras import check_plot
    from harmonium.contract.storage import check_place

    if shape is not None and weights is None:
        raise ValueError("--shape is that of --weights, which is missing")
    if weights is not None:
        if Path(weights).suffix.lower() != ".png":
            raise ValueError(f"--weights must end in .png, got {weights!r}")
        check_place(weights, "--weights")
        check_plot("--weights")
    fitted = options.load_model(model)
    if weights is not None:
        options.question(fitted, "inverse_transform")
    if hasattr(fitted, "log_partition"):
        with options.keeping_log_z(model, fitted):
            fitted.log_partition()  # which the model keeps, and counts among its facts
    _show(fitted, as_json)
    if weights is not None:
        from harmonium.data.sheets import save_picture
        from harmonium.display.weights import WeightsDisplay

        size = options.read_shape(shape)
        save_picture(WeightsDisplay(weights=fitted.components_, shape=size).image(), weights)


def _show(fitted: Any, as_json: bool) -> None:
    """Facts, parameters and columns, as JSON or as a table."""
    from rich.console import Console
    from rich.table import Table

    parameters = fitted.get_params(deep=False)
    parameters.pop("factors", None)  # the tables themselves
    schema = getattr(fitted, "schema_", None)
    if as_json:
        told = {"model": type(fitted).__name__, "facts": fitted.facts(), "parameters": parameters}
        if schema is not None and schema.family is None:
            told["columns"] = [
                {"name": name, "kind": kind, "told": told}
                for name, kind, told in schema.described()
            ]
        options.print_json(told)
        return
    table = Table(show_header=False)
    table.add_row("model", type(fitted).__name__)
    for name, value in written_facts(fitted.facts()):
        table.add_row(name, value)
    for name, value in parameters.items():
        table.add_row(name, str(value))
    console = Console()
    console.print(table)
    if schema is not None:
        console.print(str(schema), markup=False, highlight=False, soft_wrap=True)


def report(
    model: options.Fitted,
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="data that the model has not seen")
    ] = None,
    out: Annotated[str, typer.Option("-o", "--out", help="the .html file")] = "report.html",
    key: options.Key = None,
    shape: options.Shape = None,
    labels: Annotated[str | None, typer.Option(help="what hidden units tell about these")] = None,
    labels_key: options.LabelsKey = None,
    train: Annotated[
        str | None,
        typer.Option(
            help="tables: what the model learned from, to see whether new rows are copies"
        ),
    ] = None,
) -> None:
    """One self-contained HTML page about a model: curves, samples, likelihood, warnings."""
    from harmonium.apps.report.write import write_report
    from harmonium.contract.storage import check_place
    from harmonium.data.files import read_labels
    from harmonium.data.kinds import kind_of

    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out must end in .html, got {out!r}")
    check_place(out, "--out")
    if data is None and not (key is None and labels is None and train is None):
        raise ValueError("--key, --labels and --train go with DATA, which is missing")
    fitted = options.load_model(model)
    kind = kind_of(fitted)
    rows = None if data is None else kind.read(data, key)
    learned = None if train is None else kind.read(train)
    known = None if labels is None else read_labels(labels, labels_key)
    write_report(fitted, out, rows, options.read_shape(shape), labels=known, train=learned)
    print(out)


def tour(
    out: Annotated[str, typer.Option("-o", "--out", help="a folder for the pages")] = "tour",
    quick: Annotated[bool, typer.Option("--quick", help="under half a minute")] = False,
) -> None:
    """From counting words to hidden units, on real data: a page for each step."""
    from harmonium.apps.play import write_play
    from harmonium.apps.tour import run_tour

    run_tour(out, quick=quick, write_play=write_play)
