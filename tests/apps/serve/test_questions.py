"""Every question of every kind of model, read and answered as a server's process does it."""

from __future__ import annotations

import io
import json
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.support.served import asked, models, put, shelf

import harmonium as hm
from harmonium.apps.serve.clerk import answer
from harmonium.apps.serve.messages import ARROW, JSON, PARQUET, Limits
from harmonium.data.kinds import Rows, kind_of
from harmonium.sequences import contacts

_ALL = ("score", "sample", "complete", "correct", "odd")
_HIDDEN = ("encode", "decode")
ANSWERED = {
    "bits": (*_ALL, *_HIDDEN),
    "people": (*_ALL, *_HIDDEN, "classify"),
    "labelled": (*_ALL, *_HIDDEN, "classify"),
    "words": _ALL,
    "critics": ("score", "sample", "complete", "classify", "odd"),
    "grid": _ALL,
    "net": (*_ALL, "marginals"),
    "spins": (*_ALL, "contacts"),
    "family": (*_ALL, "contacts"),
}
PAIRS = [(model, question) for model, those in ANSWERED.items() for question in those]


def test_each_model_says_what_it_answers():
    for name, questions in ANSWERED.items():
        assert set(shelf().about[name]["questions"]) == set(questions), name


def _own(name, question, body):
    """What the model itself answers, as JSON has it."""
    model = models()[name]
    kind = kind_of(model)
    data = (Rows() if question == "decode" else kind).take(body["data"]) if "data" in body else None
    seed = body.get("seed")
    if question == "score":
        return "log_p", model.score_samples(data).tolist()
    if question == "classify":
        if name == "people":
            return "p", _by_hand(model, data, body["column"])
        proba = model.attribute_proba if name == "labelled" else model.predict_proba
        return "p", proba(data).tolist()
    if question == "sample":
        return "data", kind.give(model.sample(body["n"], random_state=seed))
    if question == "complete":
        return "data", kind.give(model.complete(data, random_state=seed))
    if question == "correct":
        channel = {"words": hm.noise.Replace(0.01), "grid": hm.noise.Gaussian(1)}.get(name)
        if channel is None:
            frame = body["noise"].startswith("cells")
            channel = hm.noise.Cells(0.05) if frame else hm.noise.Replace(0.05)
        how = "mean" if name == "grid" else "mode"
        return "data", kind.give(model.correct(data, noise=channel, how=how, random_state=seed))
    if question == "odd":
        return "log_p", np.sort(model.score_samples(data)).tolist()
    if question == "marginals":
        told = model.marginals(body["evidence"])
        return "marginals", {name: own.tolist() for name, own in told.items()}
    if question == "contacts":
        return "score", contacts(model)["score"][: body["n"]].tolist()
    if question == "encode":
        return "data", model.transform(data).tolist()
    return "data", kind.give(model.inverse_transform(data))


def _by_hand(model, data, column):
    labels = model.schema_[column].categories
    scores = [model.score_samples({**data, column: [one] * len(data[column])}) for one in labels]
    odds = np.exp(np.array(scores).T)
    return (odds / odds.sum(1, keepdims=True)).tolist()


@pytest.mark.parametrize(("name", "question"), PAIRS)
def test_the_answer_is_the_models_own(name, question):
    body = dict(shelf().examples[name][question])
    if question in ("sample", "complete", "correct"):
        body["seed"] = 3
    ((status, told),) = put(asked(name, question, body))
    assert status == 200, told
    assert told["notes"] == []
    key, wanted = _own(name, question, body)
    if key in ("log_p", "p", "score") or (question in _HIDDEN and name != "people"):
        np.testing.assert_allclose(told[key], wanted, rtol=1e-12)
    elif name == "family" and question == "sample":  # with the energies behind the names
        assert [one["sequence"] for one in told[key]] == [one["sequence"] for one in wanted]
    else:
        assert told[key] == json.loads(json.dumps(wanted))


def test_the_oddest_rows_say_which_cells_make_them_odd():
    rows = shelf().examples["people"]["score"]["data"]
    rows = [*rows, rows[0] | {"job": None, "age": 900}]
    body = {"data": rows, "n": 2}
    (status, told), (_, all_of_them) = put(asked("people", "odd", body), asked("people", "score"))
    assert status == 200, told
    assert (told["row"][0], len(told["row"])) == (3, 2)
    assert told["log_p"][0] < min(all_of_them["log_p"])
    assert told["cells"]["job"][0] is None
    assert min(own[0] for own in told["cells"].values() if own[0] is not None) < -2
    table = _unpacked(answer(models(), [asked("people", "odd", body, accept=ARROW)], Limits())[0])
    assert table["log P(age | rest)"].to_pylist() == told["cells"]["age"]


def test_marginals_alone_and_together():
    net, known = models()["net"], {"rain": 1}
    joint = {"evidence": known, "variables": ["wet", "slip"]}
    ((status, told),) = put(asked("net", "marginals", joint))
    assert (status, told["variables"]) == (200, ["wet", "slip"])
    np.testing.assert_allclose(told["p"], net.marginal(["wet", "slip"], known), rtol=1e-12)
    found = answer(models(), [asked("net", "marginals", joint, accept=PARQUET)], Limits())[0]
    assert _unpacked(found).column_names == ["wet", "slip", "P"]
    found = answer(models(), [asked("net", "marginals", {}, accept=ARROW)], Limits())[0]
    own = _unpacked(found).to_pylist()
    assert own[1] == {"variable": "rain", "state": 1, "P": pytest.approx(net.marginal("rain")[1])}
    few = Limits(rows=3)
    ((status, told),) = put(asked("net", "marginals", joint), limits=few)
    assert (status, told["error"]) == (
        413, "variables: 4 joint states; this server tells 3 at a time",
    )  # fmt: skip
    for wrong, said in (
        ({"evidence": {"snow": 1}}, "'snow' is no variable"),
        ({"evidence": {"rain": 7}}, "7"),
        ({"variables": ["rain"], "evidence": {"rain": 1}}, "is known from the evidence"),
        ({"variables": ["rain"], "method": "gibbs"}, "method does not apply to marginal"),
    ):
        ((status, told),) = put(asked("net", "marginals", wrong))
        assert (status, said in told["error"]) == (422, True), told


def test_what_was_drawn_can_be_put_again():
    """Answers in the form that questions take: also dates, blanks, names."""
    for name in ("people", "grid", "net", "family", "words"):
        ((_, drawn),) = put(asked(name, "sample", {"n": 3, "seed": 1}))
        ((status, told),) = put(asked(name, "score", {"data": drawn["data"]}))
        assert (status, len(told["log_p"])) == (200, 3), told


def _packed(table, media):
    stream = io.BytesIO()
    if media == PARQUET:
        parquet.write_table(table, stream)
    else:
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
    return stream.getvalue()


def _unpacked(reply):
    if reply.media == PARQUET:
        return parquet.read_table(io.BytesIO(reply.body))
    return pa.ipc.open_stream(reply.body).read_all()


@pytest.mark.parametrize("media", [ARROW, PARQUET])
@pytest.mark.parametrize("name", ["bits", "people", "words", "grid", "net", "spins", "family"])
def test_tables_say_the_same(name, media):
    """Drawn as a table, put as a table, against the same in JSON."""
    limits = Limits()
    drawn = answer(models(), [asked(name, "sample", {"n": 4, "seed": 1}, accept=media)], limits)[0]
    assert (drawn.status, drawn.media) == (200, media), drawn.body
    table = _unpacked(drawn)
    ((_, plain),) = put(asked(name, "sample", {"n": 4, "seed": 1}))
    ((_, wanted),) = put(asked(name, "score", {"data": plain["data"]}))
    found = answer(models(), [asked(name, "score", _packed(table, media), media=media)], limits)[0]
    assert found.status == 200, found.body
    told = _unpacked(found)
    np.testing.assert_allclose(told["log_p"].to_numpy(), wanted["log_p"], rtol=1e-12)
    assert json.loads(told.schema.metadata[b"notes"]) == []


def test_options_of_tables_stand_in_the_query():
    table = pa.table({"rain": [1, 0], "wet": pa.array([None, 1], pa.int64()), "slip": [0, 1]})
    body = _packed(table.select(["slip", "rain", "wet"]), ARROW)  # by name, in any order
    request = asked(
        "net", "complete", body, media=ARROW, accept=JSON, options=(("how", "mean"), ("seed", "1"))
    )
    ((status, told),) = put(request)
    assert status == 200, told
    wanted = models()["net"].complete([[1, np.nan, 0], [0, 1, 1]], how="mean")
    np.testing.assert_allclose(told["data"], wanted, rtol=1e-12)
    wrong = asked("net", "complete", body, media=ARROW, options=(("hwo", "mean"),))
    assert put(wrong) == [(422, {"error": "complete has no option 'hwo' in a query"})]


# -- together ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "question", "method"),
    [
        ("bits", "score", "score_samples"),
        ("bits", "encode", "transform"),
        ("bits", "complete", "complete"),
        ("people", "score", "score_samples"),
        ("people", "complete", "complete"),
        ("words", "score", "score_samples"),
        ("words", "complete", "complete"),
        ("grid", "score", "score_samples"),
        ("net", "score", "score_samples"),
    ],
)
def test_together_is_as_alone(name, question, method):
    """Requests of the same options are one call to the model, and get what they would alone."""
    ((_, drawn),) = put(asked(name, "sample", {"n": 12, "seed": 5}))
    rows = drawn["data"]
    if question == "complete":
        rows = shelf().examples[name]["complete"]["data"] * 6
    bodies = [{"data": rows[k : k + 2]} for k in range(len(rows) - 1)]
    requests = [asked(name, question, body) for body in bodies]
    alone = [put(request)[0] for request in requests]
    model = models()[name]
    with patch.object(model, method, wraps=getattr(model, method)) as asked_of:
        together = put(*requests)
    assert asked_of.call_count == 1
    for (status, one), (_, other) in zip(together, alone, strict=True):
        assert status == 200, one
        assert one.keys() == other.keys()
        if question in ("score", "encode"):
            key = "log_p" if question == "score" else "data"
            np.testing.assert_allclose(one[key], other[key], rtol=1e-12, atol=1e-12)
        else:
            assert one["data"] == other["data"]


def test_what_is_drawn_by_a_seed_stays_alone():
    """A seed says the same whoever asks beside it; nor do rows with blanks, whose log P may be
    an estimate, get another for their company."""
    request = asked("spins", "complete", {"data": [[None] * 6] * 3, "how": "sample", "seed": 7})
    alone = put(request)[0]
    assert put(*[request] * 4) == [alone] * 4
    holes = asked("bits", "score", {"data": [[None, 1, 0, 0, 1, 1]]})
    with patch.object(models()["bits"], "score_samples", wraps=models()["bits"].score_samples) as m:
        put(holes, holes)
    assert m.call_count == 2


def test_one_that_is_wrong_spoils_no_other():
    good = asked("bits", "score", {"data": [[0, 1, 0, 0, 1, 1]]})
    bad = asked("bits", "score", {"data": [[0, 1, 0, 0, 1, 7]]})
    unreadable = asked("bits", "score", b"{")
    alone = put(good)[0]
    found = put(good, bad, good, unreadable, good)
    assert [status for status, _ in found] == [200, 422, 200, 400, 200]
    assert found[0] == found[2] == found[4] == alone


# -- what is wrong ---------------------------------------------------------------------------

ROW = [0, 1, 0, 0, 1, 1]
WRONG = [
    ("bits", "score", b"", 422, "data is missing: what should score be asked of?"),
    ("bits", "score", b"[1]", 400, "the body must be a JSON object, got a list"),
    ("bits", "score", b'{"data": [[NaN]]}', 400, "the body is not JSON"),
    ("bits", "score", b"\xff", 400, "the body is not JSON"),
    ("bits", "score", b"[" * 100_000, 400, "the body is not JSON"),
    ("bits", "score", {"data": [[1] * 5]}, 422, "6"),
    ("bits", "score", {"data": [ROW, [1]]}, 422, "data[1] holds 1 values, the first 6"),
    ("bits", "score", {"data": [[0, 1, 0, 0, 1, "1"]]}, 422, "wanted a number or null, got '1'"),
    ("bits", "score", {"data": [[0, 1, 0, 0, 1, True]]}, 422, "got True"),
    ("bits", "score", {"data": [[0, 1, 0, 0, 1, 10**400]]}, 422, "whole number beyond"),
    ("bits", "score", b'{"data": [[0, 1, 0, 0, 1, 1e999]]}', (400, 422), ""),
    ("bits", "score", {"data": [[0, 1, 0, 0, 1, 0.5]]}, 422, "0.5"),
    ("bits", "score", {"data": "rows"}, 422, "data: "),
    ("bits", "score", {"data": []}, 422, ""),
    ("bits", "score", {"data": [ROW], "sede": 1}, 422, "score has no option 'sede'"),
    ("bits", "complete", {"data": [ROW], "how": "median"}, 422, "how: "),
    ("bits", "complete", {"data": [ROW], "seed": "1"}, 422, "seed: "),
    ("bits", "complete", {"data": [ROW], "seed": -1}, 422, "seed: "),
    ("bits", "complete", {"data": [ROW], "contains": ["a"]}, 422, "contains does not apply"),
    ("bits", "sample", {"n": 0}, 422, "n: "),
    ("bits", "sample", {"n": 10_001}, 413, "this server draws 10000 at a time"),
    ("bits", "sample", {"temperature": 2.0}, 422, "temperature does not apply to sample"),
    ("bits", "correct", {"data": [ROW]}, 422, "noise: "),
    ("bits", "correct", {"data": [ROW], "noise": "fog:1"}, 422, "noise must be one of bitflip"),
    ("bits", "classify", {"data": [ROW]}, 422, "does not answer 'classify'"),
    ("words", "encode", {"data": ["a"]}, 422, "words is a NGram and does not answer 'encode'"),
    ("words", "score", {"data": ["a", 1]}, 422, "data[1]: wanted a text, got 1"),
    ("words", "score", {"data": ["\ud800"]}, (400, 422), ""),
    ("words", "complete", {"data": ["a ___"], "how": "mean"}, 422, "mean"),
    ("words", "sample", {"length": "many"}, 422, "length must be LOW..HIGH"),
    ("people", "score", {"data": [{"age": 4}]}, 422, "data[0]: column 'job' is missing"),
    ("people", "score", {"data": [[1, 2]]}, 422, "data[0]: wanted {column: value}"),
    ("people", "classify", {"data": [], "column": "job"}, 422, ""),
    ("grid", "score", {"data": [[[0, 1], [2]]]}, 422, "holds 1 values"),
    ("grid", "score", {"data": [[[0, 9], [2, 0]]]}, 422, ""),
    ("net", "sample", {"evidence": {"fog": 1}}, 422, "evidence: 'fog' is no variable"),
    ("family", "score", {"data": ["ACD"]}, 422, ""),
    ("family", "score", {"data": [{"name": "a"}]}, 422, "wanted a name and a sequence"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "question", "body", "status", "words"), WRONG)
def test_wrong_questions_get_one_line(name, question, body, status, words):
    ((found, told),) = put(asked(name, question, body))
    assert found in (status if isinstance(status, tuple) else (status,)), told
    assert set(told) == {"error"}
    assert words in told["error"]
    assert "\n" not in told["error"]


def test_too_much_is_refused():
    limits = Limits(rows=2)
    ((status, told),) = put(asked("bits", "score", {"data": [ROW] * 3}), limits=limits)
    assert (status, told["error"]) == (413, "3 rows; this server takes 2 at a time")
    body = _packed(pa.table({f"x{j}": [0] * 3 for j in range(6)}), ARROW)
    ((status, _),) = put(asked("bits", "score", body, media=ARROW, accept=JSON), limits=limits)
    assert status == 413


def test_a_form_of_answer_that_is_not_known_is_refused():
    ((status, told),) = put(asked("bits", "score", accept="text/csv"))
    assert status == 406
    assert "application/json" in told["error"]


def test_what_cannot_be_has_a_word_for_its_log_p():
    """JSON has no -Infinity, and null would say that nothing is known."""
    sure = hm.MarkovNetwork([hm.Factor(["a", "b"], [[1, 0], [1, 1]])])
    with patch.dict(models(), {"net": sure}):
        ((status, told),) = put(asked("net", "score", {"data": [[0, 1], [1, 1]]}))
    assert status == 200
    assert told["log_p"] == ["-Infinity", pytest.approx(-np.log(3))]


def test_what_is_known_conditions_samples():
    (_, told), = put(asked("people", "sample", {
        "n": 5, "seed": 0, "condition": {"job": ["cook"], "age": {"low": 30, "high": 40}},
    }))  # fmt: skip
    assert all(row["job"] == "cook" and 30 <= row["age"] <= 40 for row in told["data"]), told
    ((_, told),) = put(asked("bits", "sample", {"n": 5, "condition": [1, 1, None, None, 0, None]}))
    assert all(row[:2] == [1, 1] and row[4] == 0 for row in told["data"])
    ((_, told),) = put(asked("net", "sample", {"n": 5, "evidence": {"wet": 1}}))
    assert all(row[1] == 1 for row in told["data"])
    ((_, told),) = put(asked("words", "complete", {"contains": ["film"]}))
    assert "film" in told["data"][0]
    ((_, told),) = put(asked("labelled", "sample", {"n": 2, "attributes": {"label": 1}}))
    assert len(told["data"]) == 2, told
