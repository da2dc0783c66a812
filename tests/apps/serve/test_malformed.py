"""Bodies that no client means to send: each gets one line, none ends a process."""

from __future__ import annotations

import io
import json
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from tests.support.served import asked, put, shelf

from harmonium.apps.serve.forms import FORMS
from harmonium.apps.serve.messages import ARROW, JSON, PARQUET, Limits, Reply, Request
from harmonium.apps.serve.process import Clerk, Opening

_KINDS = ("bits", "people", "words", "grid", "net", "family")
_SMALL = Limits(rows=50)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from([2**64, -1, 1e308, "\x00", "___", "<unk>", "?", "2020-02-30", "-", ""]),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(
            st.sampled_from(["age", "job", "rich", "since", "name", "sequence"]) | st.text(),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
fields = st.sampled_from(sorted({name for form in FORMS.values() for name in form.model_fields}))
bodies = st.dictionaries(fields, values, max_size=3)


@given(st.sampled_from(_KINDS), st.sampled_from(sorted(FORMS)), bodies, values)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_gets_an_answer_or_one_line(name, question, body, data):
    """Whatever JSON says: an answer, or a line that is the client's to read."""
    ((status, told),) = put(asked(name, question, {"data": data} | body), limits=_SMALL)
    assert status in (200, 413, 422), (body, told)
    assert set(told) == {"error"} or "notes" in told


def _whole(name: str, media: str) -> bytes:
    """A right body, as a client sends it."""
    ((_, drawn),) = put(asked(name, "sample", {"n": 5, "seed": 1}))
    if media == JSON:
        return json.dumps({"data": drawn["data"]}).encode()
    data = drawn["data"]
    named = data and isinstance(data[0], dict)
    columns = {key: [row[key] for row in data] for key in data[0]} if named else {"x": data}
    if name in ("bits", "net"):
        columns = {f"x{j}": [row[j] for row in data] for j in range(len(data[0]))}
    stream = io.BytesIO()
    table = pa.table(columns)
    if media == PARQUET:
        parquet.write_table(table, stream)
    else:
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
    return stream.getvalue()


def _spoilt(body: bytes, dice: random.Random) -> bytes:
    """A body cut short, with bytes changed, doubled, or of something else."""
    held = bytearray(body)
    way = dice.randrange(5)
    if way == 0:
        return bytes(held[: dice.randrange(len(held) + 1)])
    if way == 1:
        return dice.randbytes(dice.randrange(200))
    if way == 2:
        at = dice.randrange(len(held))
        return bytes(held[:at] + held[at : at + dice.randrange(64)] + held[at:])
    for _ in range(dice.choice((1, 1, 3, 20))):
        held[dice.randrange(len(held))] = dice.choice((0, 255, 128, dice.randrange(256)))
    return bytes(held)


def _spoilt_requests(n: int, seed: int) -> list[Request]:
    dice = random.Random(seed)
    whole = {
        (name, media): _whole(name, media) for name in _KINDS for media in (JSON, ARROW, PARQUET)
    }
    found = []
    for _ in range(n):
        (name, media), body = dice.choice(list(whole.items()))
        question = dice.choice(shelf().about[name]["questions"])
        spoilt = _spoilt(body, dice)
        found.append(asked(name, question, spoilt, media=media, accept=JSON))
    return found


def _asked_in_a_process(requests: list[Request]) -> tuple[list[Reply], int]:
    """The replies of one process, and how often it had to be begun."""
    clerk = Clerk(Opening(shelf().packed, _SMALL, 1, shelf().modules))
    clerk.start()
    try:
        replies = []
        for k in range(0, len(requests), 20):
            replies += clerk.ask(requests[k : k + 20], 60.0, lambda: True)
        return replies, clerk.n_starts
    finally:
        clerk.close()


def _check(n: int, seed: int) -> None:
    replies, n_starts = _asked_in_a_process(_spoilt_requests(n, seed))
    assert n_starts == 1
    for reply in replies:
        assert reply.status in (200, 400, 413, 415, 422), reply.body
        json.loads(reply.body)
    assert sum(reply.status == 400 for reply in replies) > n / 5


def test_spoilt_bodies_end_no_process():
    _check(300, 0)


def test_a_small_body_does_not_fill_memory():
    """A stream of some kilobytes that unpacks to 200 MB, and a sample of as many rows."""
    table = pa.table({name: pa.array(np.zeros(10**8, np.int8)) for name in ("rain", "wet")})
    stream = io.BytesIO()
    packing = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(stream, table.schema, options=packing) as writer:
        writer.write_table(table)
    assert len(stream.getvalue()) < 10_000
    limits = Limits(rows=10**9, memory=100 * 2**20)
    clerk = Clerk(Opening(shelf().packed, limits, 1, shelf().modules))
    clerk.start()
    try:
        for wrong in (
            asked("net", "score", stream.getvalue(), media=ARROW),
            asked("bits", "sample", {"n": 10**8}),
        ):
            (reply,) = clerk.ask([wrong], 60.0, lambda: True)
            assert (reply.status, b"not enough memory" in reply.body) == (413, True)
        (reply,) = clerk.ask([asked("net", "score")], 60.0, lambda: True)
        assert reply.status == 200
    finally:
        clerk.close()


@pytest.mark.slow
def test_ten_thousand_spoilt_bodies_end_no_process():
    _check(10_000, 1)
