"""``harmonium odd``: which rows are odd, and which of their cells."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harmonium.apps import answering
from harmonium.apps.cli import options

__all__ = ["odd"]

#: Rows shown unless told, and cells named of each.
_N_SHOWN, _N_CELLS = 20, 3


def odd(
    model: options.Fitted,
    data: options.Data,
    out: Annotated[
        str | None,
        typer.Option(
            "-o", "--out", help="log P of each row and of each of its cells: .csv, .tsv or .parquet"
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", help=f"how many rows ({_N_SHOWN}; with --out all)", min=1)
    ] = None,
    key: options.Key = None,
    unknown: options.Unknown = None,
) -> None:
    """The rows of DATA from the oddest on, and which cells make them odd.

    Odd is what has a small log P; a novelty detector scores numbers by how far out they are, too;
    its score then stands beside log P. Of a table with names each cell is held against the rest of
    its row: log P(cell given the others), and what would be expected there. Row 1 is the first.
    """
    from harmonium.data.frame_files import write_frame
    from harmonium.data.kinds import kind_of

    if out is not None:
        options.check_csv(out, ".tsv", ".parquet")
    fitted = options.load_answering(model, "score_samples", unknown)
    kind = kind_of(fitted)
    rows = kind.read(data, key)
    figures = answering.judged(fitted, rows)
    scores = next(iter(figures.values()))
    if not len(scores):
        raise ValueError(f"DATA: {data!r} holds no rows")
    shown = n or (_N_SHOWN if out is None else len(scores))
    order, chosen, cells = answering.oddest(fitted, kind, rows, scores, shown)
    figures = {name: own[order] for name, own in figures.items()}
    if out is None:
        _show(fitted, chosen, order, figures, cells)
        return
    import pyarrow as pa

    columns = {"row": order + 1, **figures}
    columns |= {f"log P({name} | rest)": own for name, own in cells.items()}
    table = {name: pa.array(own, from_pandas=True) for name, own in columns.items()}
    write_frame(out, pa.table(table))
    print(f"{out}: {len(order)} of {len(scores)} {kind.what}, the oddest first")


def _show(
    fitted: Any, rows: Any, order: Any, figures: dict[str, Any], cells: dict[str, Any]
) -> None:
    """The rows as a table on the terminal, row 1 being the first under the names."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("row", *figures)
    words = _words(fitted, rows, cells) if cells else []
    if words:
        table.add_column("oddest cells (P given the rest); what would be expected")
    for k, row in enumerate(order):
        shown = [str(row + 1), *(f"{own[k]:.2f}" for own in figures.values())]
        table.add_row(*shown, *([Text("\n".join(words[k]))] if words else []))
    Console().print(table)


def _words(fitted: Any, rows: Any, cells: dict[str, Any]) -> list[list[str]]:
    """What is said of the oddest cells of each row."""
    import numpy as np

    from harmonium.questions.cells import expected_cells

    names = list(cells)
    log_p = np.column_stack([cells[name] for name in names])
    worst = np.argsort(np.where(np.isnan(log_p), np.inf, log_p), axis=1)[:, :_N_CELLS]
    places = [
        (k, j) for k in range(len(log_p)) for j in worst[k].tolist() if not np.isnan(log_p[k, j])
    ]
    if not places:
        return [[] for _ in log_p]
    instead = expected_cells(
        answering.speaker_of(fitted), rows, [k for k, _ in places], [names[j] for _, j in places]
    )
    words: list[list[str]] = [[] for _ in log_p]
    for (k, j), value in zip(places, instead, strict=True):
        was = rows[names[j]][k]
        was = was.as_py() if hasattr(was, "as_py") else was
        words[k].append(f"{names[j]} = {was} ({np.exp(log_p[k, j]):.2g}); {_short(value)}")
    return words


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
