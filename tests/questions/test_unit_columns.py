"""What hidden units say of columns: by Bayes' rule by hand, and on a planted table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.support.table_oracle import TableOracle, small_frame, small_model

import harmonium as hm
from harmonium.questions.unit_columns import unit_columns

ABSENT = ("shade", "yes", "n")


@pytest.mark.parametrize("missing", ["at-random", "informative"])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_unit_multiplies_the_odds_of_states(missing: str, temperature: float) -> None:
    rows = small_frame(80).astype({"n": "float64"})
    rows.loc[::4, ["shade", "n"]] = None
    rows.loc[1::3, "yes"] = None
    model = small_model(rows, missing=missing, temperature=temperature)
    oracle = TableOracle(model, ABSENT if missing == "informative" else ())
    # What each unit adds to the log odds of each state, column by column, from joint states.
    shifts = oracle.statistics @ oracle.weights / temperature
    said = unit_columns(model)
    assert len(said) == 3
    for unit, columns in enumerate(said):
        assert {one.column for one in columns} == set(oracle.names)
        nats = [one.nats for one in columns]
        assert nats == sorted(nats, reverse=True)
        for one in columns:
            assert one.unit == unit
            column, j = model.schema_[one.column], oracle.names.index(one.column)
            size = oracle.sizes[j]
            others = np.delete(oracle.states, j, axis=1)
            rest = (others == others[0]).all(1)  # one row for each state of the column
            added = shifts[rest, unit][np.argsort(oracle.states[rest, j])]
            odds = oracle.rates[one.column] * np.exp(added - added[0])
            after = odds / odds.sum()
            np.testing.assert_allclose(one.before, oracle.rates[one.column], atol=1e-6)
            np.testing.assert_allclose(one.after, after, atol=1e-6)
            wanted = float((after * np.log(after / oracle.rates[one.column])).sum())
            assert one.nats == pytest.approx(wanted, abs=1e-5)
            assert len(one.labels) == size
            assert (one.labels[-1] is None) == (one.column in oracle.absent)
            if column.is_number:
                n = column.n_states
                means = [p[:n] @ column.centres() / p[:n].sum() for p in (one.before, after)]
                assert one.means == pytest.approx(tuple(means), abs=1e-4)
            else:
                assert one.means is None
                assert list(one.labels[: column.n_states]) == column.categories


def test_a_unit_that_joins_two_columns_names_them_first() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.choice(["a", "b"], 400)
    frame = pd.DataFrame({"noise": rng.normal(size=400), "one": kinds, "two": np.char.upper(kinds)})
    frame["chance"] = rng.choice(["u", "v", "w"], 400)
    model = hm.RBM(1, n_updates=1500, validation_fraction=0, random_state=0).fit(frame)
    (said,) = unit_columns(model)
    assert {said[0].column, said[1].column} == {"one", "two"}
    assert said[1].nats > 10 * max(said[2].nats, 1e-3)


def test_other_models_are_refused(digits: tuple[np.ndarray, np.ndarray]) -> None:
    model = hm.RBM(2, n_updates=2, random_state=0).fit(digits[0][:50])
    with pytest.raises(ValueError, match="model: wanted one that was fitted on a table"):
        unit_columns(model)
