"""A fitted model as one HTML page that explains itself: what it is, what it does, what to doubt."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, column_or_1d

import harmonium
from harmonium.apps.pages.page import WANTS, render, write_page
from harmonium.contract.extras import check_extra
from harmonium.contract.joint import JointDistribution
from harmonium.contract.registry import MODELS, entry_of
from harmonium.data.kinds import Frames, Sequences, kind_of
from harmonium.data.tables import as_array

__all__ = ["write_report"]

#: What describes a model of a frame or of an alignment, whichever it is, and what those are.
_BY_DATA: dict[type, tuple[str, str]] = {
    Frames: ("apps.report.table", " of a table with names"),
    Sequences: ("apps.report.sequences", " of aligned sequences"),
}


def write_report(
    model: JointDistribution,
    path: str | PathLike[str],
    data: Any = None,
    shape: tuple[int, int] | None = None,
    *,
    labels: Any = None,
    train: Any = None,
    random_state: int = 0,
) -> None:
    """Write one HTML file about `model` that needs no network and no other file.

    Parameters
    ----------
    model : a fitted RBM, NGram, GridMRF or MarkovNetwork.
    path : the file to write, whole or not at all.
    data : what the model's ``score_samples`` takes (rows, texts or images), best data it has
        not seen: for log-likelihoods, completions, neighbours. None leaves those out.
    shape : (height, width) of a row seen as a picture; None: a square where it fits. An RBM's.
    labels : a label for each row of `data`: what hidden units tell about them. An RBM's.
    train : the frame that the model was fitted on: whether new rows are copies. A table's.
    random_state : seed of what is drawn.

    Raises ``ValueError`` for what the model's report does not take, and ``ImportError`` with the
    extra's name where matplotlib or what pages are made with is missing; nothing is written
    then. Costs one estimate of log Z, unless the model has one already, and a few hundred Gibbs
    sweeps.
    """
    entry = entry_of(model)
    if entry.report is None:
        names = ", ".join(known.name for known in MODELS if known.report is not None)
        raise TypeError(f"model: there are reports of {names}, got {entry.name}")
    check_extra("a report", "report", WANTS)
    check_is_fitted(model)
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"path: the folder {str(Path(path).parent)!r} does not exist")
    kind = kind_of(model)
    home, of_data = _BY_DATA.get(type(kind), (entry.report, ""))
    describe = import_module(f"harmonium.{home}").describe
    given: dict[str, Any] = {"shape": shape, "labels": labels, "train": train}
    given = {key: value for key, value in given.items() if value is not None}
    for key in given:
        if key not in signature(describe).parameters:
            what = f"{entry.name}{of_data}"
            raise ValueError(f"{key}: the report of a {what} takes none, got {given[key]!r}")
    if train is not None and data is None:
        raise ValueError("train: wanted only together with data, which the model has not seen")
    if type(kind) not in _BY_DATA:
        data = as_array(data)
    if labels is not None:
        given["labels"] = _labels(labels, data)
    html = render(
        "report",
        title=entry.title,
        page=describe(model, data, random_state, **given),
        version=harmonium.__version__,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )
    write_page(path, html)


def _labels(labels: Any, data: Any) -> NDArray[Any]:
    if data is None:
        raise ValueError("labels: wanted only together with data, one for each row")
    column = column_or_1d(labels)
    if len(column) != data.shape[0]:
        raise ValueError(f"labels: got {len(column)} for {data.shape[0]} rows of data")
    return column
