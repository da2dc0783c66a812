"""The report of a table: it says what the model and the measures of new rows say."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.support.cli import run
from tests.support.frames import people, quick
from tests.support.pages import assert_whole

import harmonium as hm
from harmonium.apps.report import new_rows as module
from harmonium.apps.report.new_rows import new_rows
from harmonium.apps.report.write import write_report
from harmonium.data.frames import as_lists
from harmonium.questions.quality import column_shapes, detect
from harmonium.questions.unit_columns import unit_columns


def _read(path: Path) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", path.read_text("utf-8"))))


@pytest.fixture(scope="module")
def train() -> pd.DataFrame:
    return people(300).assign(who=[f"u{i}" for i in range(300)], same=1950)


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return people(120, seed=1).assign(who=[f"v{i}" for i in range(120)], same=1950)


@pytest.fixture(scope="module")
def model(train: pd.DataFrame) -> hm.RBM:
    return quick(n_updates=400).fit(train)


def test_it_opens_whole_and_its_figures_are_the_models(
    model: hm.RBM, train: pd.DataFrame, real: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    write_report(model, path, real, train=train)
    assert_whole(path, tmp_path)
    said = _read(path)
    for name, kind, what in model.schema_.described():
        assert f"{name} {kind} {what}" in said
    assert f"{model.log_partition().value:,.2f}" in said
    assert f"{model.score(real):,.2f}" in said
    drawn = as_lists(model.sample(len(real), random_state=0))
    names = list(model.schema_.names)
    for name, (measure, value) in column_shapes(real, drawn, names).items():
        assert f"{name} {measure} {value:.3f}" in said
    told = detect(real, drawn, names, 0)
    assert f"AUC {told.auc:.3f} ± {told.std_error:.3f}" in said
    assert "equal to a training row" in said
    most = max(unit_columns(model), key=lambda own: sum(one.nats for one in own))[0]
    assert f" {most.unit} " in said[said.index("What hidden units speak of") :]


def test_without_data_it_speaks_of_the_model_alone(model: hm.RBM, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(model, path)
    said = _read(path)
    assert "New rows" in said
    assert "beside real ones" not in said
    with pytest.raises(ValueError, match="train: wanted only together with data"):
        write_report(model, path, train=people(30))


def test_the_same_from_a_file_and_by_the_command(
    model: hm.RBM, train: pd.DataFrame, real: pd.DataFrame, tmp_path: Path
) -> None:
    model.save(tmp_path / "m.safetensors")
    real.to_parquet(tmp_path / "real.parquet")
    train.to_parquet(tmp_path / "train.parquet")
    words = [tmp_path / "m.safetensors", tmp_path / "real.parquet", "-o", tmp_path / "a.html"]
    done = run("report", *words, "--train", tmp_path / "train.parquet")
    assert done.returncode == 0, done.stderr
    write_report(model, tmp_path / "b.html", real, train=train)
    assert _read(tmp_path / "a.html") == _read(tmp_path / "b.html")
    done = run("report", *words, "--labels", tmp_path / "real.parquet")
    assert done.returncode == 2


def test_few_rows_are_said_to_tell_little(
    model: hm.RBM, real: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    write_report(model, path, real.head(3))
    assert "3 real rows tell little of new ones" in _read(path)


def test_copies_are_warned_of(real: pd.DataFrame, train: pd.DataFrame, tmp_path: Path) -> None:
    """A model that gives back rows that it learned from, by a planted fault."""

    class Copying(hm.RBM):
        def sample(self, n_samples: int = 1, **asked: Any) -> Any:
            return train.iloc[np.arange(n_samples) % len(train)].reset_index(drop=True)

    model = quick(n_updates=20).fit(train)
    honest = new_rows(model, as_lists(real), 0, train)[1]
    model.__class__ = Copying
    _, cautions = new_rows(model, as_lists(real), 0, train)
    assert any("may be giving" in str(one) for one in cautions)
    assert not any("may be giving" in str(one) for one in honest)


@pytest.mark.parametrize(
    ("missing", "given"),
    [("at-random", {"age", "job"}), ("informative", set()), (["age"], {"job"})],
)
def test_holes_of_real_rows_go_where_the_model_draws_none(
    missing: Any, given: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = people(200)
    rows.loc[rows.index[::2], "age"] = None
    rows.loc[rows.index[1::2], "job"] = None
    model = quick(missing=missing, n_updates=50).fit(rows)
    asked = []

    def noted(new: Any, real: Any, seed: int, columns: Any) -> Any:
        asked.append(set(columns))
        return new

    monkeypatch.setattr(module, "with_holes_of", noted)
    blocks, _ = new_rows(model, as_lists(rows), 0)
    assert [one & {"age", "job"} for one in asked] == ([given] if given else [])
    assert ("drawn at random" in str(blocks[0])) == bool(given)
    if missing == "informative":
        drawn = model.sample(400, random_state=0)
        both = drawn["age"].isna() & drawn["job"].isna()
        assert drawn["age"].isna().mean() > 0.2
        assert both.mean() < drawn["age"].isna().mean() * drawn["job"].isna().mean() + 0.1
