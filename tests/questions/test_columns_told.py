"""Cells given the rest of their rows, held against two routes and against sums."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.table_oracle import TableOracle, small_frame, small_model

import harmonium as hm
from harmonium.questions.cells import cell_log_proba, column_proba, expected_cells


@pytest.fixture(scope="module")
def people():
    draw = np.random.default_rng(3)
    job = draw.choice(["clerk", "cook", "smith"], 1000, p=[0.5, 0.3, 0.2])
    pay = np.round(np.where(job == "smith", 30, 10) + draw.normal(0, 3, 1000), 1)
    ok = draw.random(1000) < np.where(job == "cook", 0.9, 0.2)
    return {"job": job.tolist(), "pay": pay.tolist(), "ok": ok.tolist()}


@pytest.fixture(scope="module")
def model(people):
    settings = {"validation_fraction": 0, "weight_decay": 5e-4, "learning_rate": 0.3}
    return hm.RBM(8, n_updates=8000, random_state=0, **settings).fit(people)


def _rows(people, start, stop):
    return {name: values[start:stop] for name, values in people.items()}


def test_labels_by_substitution_and_by_holes_agree(model, people):
    rows = _rows(people, 0, 40)
    cells = dict(zip(model.schema_.names, cell_log_proba(model, rows).T, strict=True))
    for name in ("job", "ok"):
        chances = column_proba(model, rows, name)
        np.testing.assert_allclose(chances.sum(1), 1.0, atol=1e-12)
        labels = model.schema_[name].categories
        own = chances[np.arange(40), [labels.index(one) for one in rows[name]]]
        np.testing.assert_allclose(cells[name], np.log(own), atol=1e-6)
    # What was planted is told.
    smith = np.array(rows["pay"]) > 20
    labels = model.schema_["job"].categories
    assert (np.array(labels)[column_proba(model, rows, "job").argmax(1)] == "smith")[smith].all()


def test_masses_of_a_number_sum_to_one(model, people):
    column = model.schema_["pay"]
    step = column.resolution
    width = max(step, column.grain)
    grid = np.arange(column.low - 5 * width, column.high + 5 * width, width)
    rows = {"job": ["cook"] * len(grid), "pay": grid.tolist(), "ok": [True] * len(grid)}
    mass = np.exp(cell_log_proba(model, rows)[:, model.schema_.names.index("pay")])
    assert mass.sum() == pytest.approx(1.0, abs=0.02)


def test_missing_cells_say_nothing_and_are_summed_out(model):
    rows = {"job": ["clerk", None], "pay": [None, 10.0], "ok": [True, True]}
    found = cell_log_proba(model, rows)
    names = model.schema_.names
    assert np.isnan(found[0, names.index("pay")])
    assert np.isnan(found[1, names.index("job")])
    assert np.isfinite(found).sum() == 4
    assert column_proba(model, rows, "job").shape == (2, 3)


def test_an_odd_cell_is_found_and_mended(model):
    rows = {"job": ["clerk"], "pay": [30.0], "ok": [False]}
    found = cell_log_proba(model, rows)[0]
    worst = model.schema_.names[int(found.argmin())]
    assert worst == "pay"
    (value,) = expected_cells(model, rows, [0], ["pay"])
    assert 5 < value < 15
    (job,) = expected_cells(model, rows, [0], ["job"])
    assert job == "smith"


def test_wrong_columns_and_models(model, people):
    with pytest.raises(ValueError, match="'pay' is none of labels; wanted one of job, ok"):
        column_proba(model, people, "pay")


def test_where_missing_is_a_state_cells_are_told_by_enumeration():
    rows = small_frame(80).astype({"n": "float64"})
    rows.loc[::4, ["shade", "n"]] = None
    rows.loc[::3, "yes"] = None
    absent = ("shade", "yes", "n")
    model = small_model(rows, missing="informative")
    oracle = TableOracle(model, absent)
    asked = rows.head(13)
    states, found = oracle.read(asked), cell_log_proba(model, asked)
    cells = {one.column.name: one for one in model.cell_marginals(asked, of="known")}
    places = np.argwhere(~np.isnan(found))
    named = [oracle.names[j] for j in places[:, 1]]
    expected = expected_cells(model, asked, places[:, 0], named)
    assert asked[list(absent)].isna().any().all()
    for (i, j), value in zip(places, expected, strict=True):
        column, name = oracle.columns[j], oracle.names[j]
        rest = states[i].copy()
        rest[j] = np.nan
        p = oracle.given(rest)
        shares = np.bincount(oracle.states[:, j], p, column.n_states + (name in absent))
        shares = shares[: column.n_states] / shares[: column.n_states].sum()
        own = asked[name].to_numpy()[[i]]
        inside = np.exp(column.cell_weights(own, cells[name].width))[0]
        assert found[i, j] == pytest.approx(np.log(shares @ inside), abs=1e-6)
        if column.is_number:
            assert value == pytest.approx(shares @ column.centres())
        else:
            assert value == column.categories[shares.argmax()]
    gone = asked[oracle.names].isna().to_numpy()
    np.testing.assert_array_equal(np.isnan(found), gone)
