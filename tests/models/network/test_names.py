"""States by their names: the same answers as by numbers, in other words."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import harmonium as hm

STATES = {"rain": ["no", "yes"], "wet": ["dry", "damp", "soaked"], "alarm": [7, 3]}
TABLES = [
    (["rain", "wet"], np.array([[6.0, 2.0, 0.0], [1.0, 3.0, 5.0]])),
    (["wet", "alarm"], np.array([[5.0, 1.0], [2.0, 2.0], [1.0, 4.0]])),
    (["wet", "n"], np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.5]])),
]


def named() -> hm.MarkovNetwork:
    return hm.MarkovNetwork(
        [
            hm.Factor(variables, table, states={v: STATES[v] for v in variables if v in STATES})
            for variables, table in TABLES
        ]
    )


def plain() -> hm.MarkovNetwork:
    return hm.MarkovNetwork([hm.Factor(variables, table) for variables, table in TABLES])


def called(row) -> list:
    """Numbers of rain, wet, alarm, n as names."""
    return [
        STATES[v][int(s)] if v in STATES else int(s)
        for v, s in zip(("rain", "wet", "alarm", "n"), row, strict=True)
    ]


EVIDENCE = [({}, {}), ({"wet": "damp"}, {"wet": 1}), ({"alarm": 3, "n": 0}, {"alarm": 1, "n": 0})]


@pytest.mark.parametrize(("words", "numbers"), EVIDENCE)
def test_questions_and_answers_by_name(words, numbers) -> None:
    one, other = named(), plain()
    assert one.states_ == {**STATES, "n": [0, 1]}
    assert one.log_partition(evidence=words) == other.log_partition(evidence=numbers)
    assert one.log_evidence(words) == other.log_evidence(numbers)
    assert one.log_prob(words) == other.log_prob(numbers)
    best = other.most_likely(numbers)
    assert one.most_likely(words) == dict(zip(best, called(best.values()), strict=True))
    marginals = one.marginals(words)
    for name, p in other.marginals(numbers).items():
        np.testing.assert_array_equal(marginals[name], p)
        assert marginals.by_state[name] == dict(zip(one.states_[name], p, strict=True))
    np.testing.assert_array_equal(
        one.sample(20, words, random_state=0),
        np.array([called(r) for r in other.sample(20, numbers, random_state=0)], dtype=object),
    )
    with pytest.raises(ValueError, match=r"'rain': 'no'.* has probability zero"):
        one.marginals({**words, "rain": "no", "wet": "soaked"})


def test_rows_by_name() -> None:
    one, other = named(), plain()
    numbers = other.sample(30, random_state=0)
    rows = np.array([called(row) for row in numbers], dtype=object)
    np.testing.assert_array_equal(one.score_samples(rows), other.score_samples(numbers))
    np.testing.assert_array_equal(one.score_samples(rows.tolist()), other.score_samples(numbers))
    assert one.log_prob(rows[0].tolist()) == pytest.approx(other.log_prob(numbers[0]))
    blanks, holes = numbers.astype(float), rows.copy()
    blanks[::2, 1], holes[::2, 1] = np.nan, None
    blanks[1::3, 0], holes[1::3, 0] = np.nan, np.nan
    np.testing.assert_array_equal(
        one.complete(holes), np.array([called(r) for r in other.complete(blanks)], dtype=object)
    )
    means = one.complete(holes, how="mean")
    np.testing.assert_allclose(means.astype(float), other.complete(blanks, how="mean"))
    noise = hm.noise.Replace(0.2)
    np.testing.assert_array_equal(
        one.correct(rows, noise=noise),
        np.array([called(r) for r in other.correct(numbers, noise=noise)], dtype=object),
    )
    condition = [None, "damp", 3, np.nan]
    drawn = one.sample(9, condition=condition, random_state=0)
    assert drawn[:, 1:3].tolist() == [["damp", 3]] * 9
    fitted = named().set_params(weight_decay=0.01).fit(rows)
    again = plain().set_params(weight_decay=0.01).fit(numbers)
    np.testing.assert_array_equal(fitted.score_samples(rows), again.score_samples(numbers))
    assert fitted.states_ == one.states_


def test_one_factor_may_name_the_states_for_all_and_a_table_may_be_by_name() -> None:
    table = {("no", "dry"): 6, ("no", "wet"): 1, ("yes", "dry"): 2, ("yes", "wet"): 5}
    states = {"rain": ["no", "yes"], "grass": ["dry", "wet"]}
    network = hm.MarkovNetwork(
        [hm.Factor(["rain", "grass"], table, states=states), hm.Factor("rain", [3, 1])]
    )
    assert network.prob({"rain": "yes", "grass": "wet"}) == pytest.approx(5 / (21 + 7))
    assert network.factors_[0].table[1, 0] == pytest.approx(2.0)
    assert network.most_likely() == {"rain": "no", "grass": "dry"}


def test_names_are_kept(tmp_path) -> None:
    model = named()
    model.save(tmp_path / "named.safetensors")
    for again in (hm.load(tmp_path / "named.safetensors"), pickle.loads(pickle.dumps(model))):
        assert again.states_ == model.states_
        assert again.most_likely({"alarm": 3}) == model.most_likely({"alarm": 3})
    part = model.restricted({"rain": "no"})
    assert part.most_likely() == model.most_likely({"rain": "no"})
    assert part.states_["wet"] == ["dry", "damp"]  # a zero rules out the third


def test_text_columns_of_a_frame_name_their_states() -> None:
    pd = pytest.importorskip("pandas")
    source = np.random.default_rng(0)
    rain = source.choice(["no", "yes"], 300)
    wet = np.where(source.random(300) < 0.9, np.where(rain == "yes", "wet", "dry"), "damp")
    frame = pd.DataFrame({"rain": rain, "grass": wet, "n": source.integers(0, 3, 300)})
    model = hm.MarkovNetwork().fit(frame, structure="tree")
    assert model.states_ == {"rain": ["no", "yes"], "grass": ["damp", "dry", "wet"], "n": [0, 1, 2]}
    assert model.most_likely({"rain": "yes"})["grass"] == "wet"
    share = ((rain == "yes") & (wet == "wet")).sum() / (rain == "yes").sum()
    found = model.marginals({"rain": "yes"}).by_state["grass"]["wet"]
    assert found == pytest.approx(share, abs=0.01)
    assert np.isfinite(model.score_samples(frame)).all()
    assert set(model.sample(50, random_state=0)[:, 1]) <= {"damp", "dry", "wet"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hm.Factor("a", [1, 1], states={"b": [0, 1]}), "'b' is none of the variables"),
        (lambda: hm.Factor("a", [1, 1], states={"a": ["x"]}), "has 1 names, but the table has 2"),
        (lambda: hm.Factor("a", [1, 1], states={"a": ["x", "x"]}), "each name once"),
        (lambda: hm.Factor("a", [1, 1], states={"a": ["x", None]}), "each name once"),
        (lambda: hm.Factor("a", {"x": 1, "z": 2}, states={"a": ["x", "y"]}), "'z' for 'a'; wanted"),
        (
            lambda: hm.MarkovNetwork(
                [hm.Factor("a", [1, 1], states={"a": s}) for s in (["x", "y"], ["y", "x"])]
            ),
            r"factors\[1\] names the states of 'a'",
        ),
        (lambda: named().marginals({"rain": "maybe"}), r"evidence\['rain'\] must be one of"),
        (lambda: named().marginals({"rain": 1}), r"evidence\['rain'\] must be one of"),
        (
            lambda: named().score_samples([["no", "dry", 5, 0]]),
            r"X\[0, 2\] must be one of \[7",
        ),
        (lambda: named().score_samples([["no", "dry", 7, 2]]), "wanted"),
        (lambda: named().sample(condition=["no", "x", 7, 0]), r"condition\[0, 1\] must be one of"),
    ],
)
def test_bad_names_are_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("states", [["no", "yes"], {"a": "no"}, {"a": 3}])
def test_names_of_states_are_a_dictionary_of_lists(states) -> None:
    with pytest.raises(TypeError, match="must be a"):
        hm.Factor("a", [1, 1], states=states)
