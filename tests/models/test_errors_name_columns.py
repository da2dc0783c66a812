"""What an error says of a column: that it was left out and how to keep it, and its name."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.support.cli import run
from tests.support.table_oracle import small_frame

import harmonium as hm
from harmonium.models.answers import refuse_impossible
from harmonium.models.question import blanks
from harmonium.questions.cells import column_proba

# -- columns that were left out -------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    n = 40
    texts = {"who": [f"u{i}" for i in range(n)], "same": "k", "one": 7, "nothing": np.nan}
    return small_frame(n).assign(**texts, id=np.arange(n))


@pytest.fixture(scope="module")
def model(frame):
    return hm.RBM(2, n_updates=20, random_state=0).fit(frame)


WHY = {
    "who": "a value of its own in each row; .*visible={'who': 'categorical'}",
    "id": "a value of its own in each row; .*visible={'id': 'count'}",
    "same": r"always 'k'; .*visible={'same': \['k', \.\.\.\]}",
    "one": r"always 7; .*visible={'one': \[7, \.\.\.\]}",
    "nothing": "all missing; .* in which it is known",
}
ASKED = {
    "condition": lambda m, X, name: m.sample(condition={name: 1}),
    "resolution": lambda m, X, name: m.score_samples(X, resolution={name: 1.0}),
    "column_proba": lambda m, X, name: column_proba(m, X, name),
    "missing": lambda m, X, name: hm.RBM(2, n_updates=2, missing=[name]).fit(X),
}


@pytest.mark.parametrize("name", WHY)
@pytest.mark.parametrize("question", ASKED)
def test_a_column_left_out_is_said_to_be_and_why(model, frame, question, name):
    with pytest.raises(ValueError, match=f"column '{name}' was left out, being {WHY[name]}"):
        ASKED[question](model, frame, name)


def test_the_command_line_says_it_too(tmp_path, model):
    model.save(tmp_path / "m.safetensors")
    done = run("sample", tmp_path / "m.safetensors", "--given", "same=k")
    assert done.returncode == 2
    assert "--given: column 'same' was left out, being always 'k'" in done.stderr


@pytest.mark.parametrize("name", ["who", "id", "same", "one"])
def test_what_is_said_keeps_the_column(model, frame, name):
    with pytest.raises(ValueError, match="was left out") as told:
        model.sample(condition={name: frame[name][0]})
    advice = re.search(r"visible=(\{.*?\})", str(told.value))
    assert advice is not None
    other = "'z'" if name == "same" else "8"
    visible = ast.literal_eval(advice[1].replace("...", other))
    kept = hm.RBM(2, n_updates=20, random_state=0, visible=visible).fit(frame)
    value = frame[name][0]
    assert (kept.sample(3, condition={name: value}, random_state=0)[name] == value).all()


# -- rows that cannot be --------------------------------------------------------------------------


def test_a_networks_variables_are_named():
    table = np.array([[1.0, 1.0], [0.0, 1.0]])
    network = hm.MarkovNetwork([hm.Factor(["rain", "wet"], table), hm.Factor(["x"], [1, 1])])
    with pytest.raises(ValueError, match=r"'rain': 1, 'wet': 0.*probability zero"):
        network.complete([[1.0, 0.0, np.nan]])
    question = blanks(np.array([[1.0, 0.0, np.nan]]), network._codec(), "mode")
    with pytest.raises(ValueError, match=r"\('rain': 1, 'wet': 0\) has probability zero"):
        refuse_impossible(question, torch.full((1, 2), -torch.inf))


def test_a_tables_columns_are_named():
    rows = small_frame(80).astype({"n": "float64"})
    rows.loc[::4, "shade"] = None
    model = hm.RBM(2, n_updates=20, random_state=0, missing="informative").fit(rows)
    codec = model._codec(rows)
    states = codec.read(rows.head(1).assign(grade="mid"))
    place = [column.name for column in codec.layout.columns].index("yes")
    states[0, place] = np.nan
    question = blanks(states, codec, "mode")
    with pytest.raises(ValueError, match="probability zero") as told:
        refuse_impossible(question, torch.full((1, 2), -torch.inf))
    said = str(told.value)
    assert "'grade': 'mid'" in said
    assert "'shade': missing" in said
    assert re.search(r"'x': about [\d.]+", said)
    assert "'yes'" not in said
    assert "..." not in said


def test_an_arrays_columns_and_pixels_are_numbered():
    codec = hm.RBM.from_parameters(np.zeros((12, 1)), np.zeros(12), np.zeros(1))._codec()
    question = blanks(np.array([[1.0, 0.0] * 6]), codec, "mode")
    with pytest.raises(ValueError, match=r"\(0: 1, 1: 0, .*, 9: 0, \.\.\.\) has probability zero"):
        refuse_impossible(question, torch.tensor([[-torch.inf]]))
    images = np.random.default_rng(0).integers(0, 2, (9, 2, 3))
    grid = hm.GridMRF(n_levels=2, n_updates=3, random_state=0).fit(images)
    assert grid._codec(images).say(4, 1.0) == "pixel (1, 1): 1"


# -- exact sums that are too many -----------------------------------------------------------------


def test_states_of_columns_count_for_the_exact_learner():
    """Six columns of 24 states are 27 bits, not six units: refused before any work."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({f"c{j}": rng.normal(size=400) for j in range(6)})
    with pytest.raises(
        ValueError, match=r"a side of at most 20 units .*got \d\d\.\d+ visible and 30"
    ):
        hm.RBM(30, learner="exact", n_updates=1).fit(rows)
    said: dict[str, Any] = {"learner": "exact", "n_updates": 1, "random_state": 0}
    assert hm.RBM(30, **said).fit(rows[["c0", "c1"]]).n_updates_ == 1
    assert hm.RBM(4, **said).fit(rows).n_updates_ == 1
