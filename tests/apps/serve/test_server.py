"""The server as clients meet it: many at once, slow ones, strangers, its end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import numpy as np
from tests.support.cli import run
from tests.support.served import asked, models, put, shelf

from harmonium.apps.serve.app import Settings, build_app
from harmonium.apps.serve.guard import LOOPBACK
from harmonium.apps.serve.messages import Limits
from harmonium.apps.serve.shelf import name_of

_JSON = {"content-type": "application/json"}


@asynccontextmanager
async def _served(
    limits: Limits | None = None, n_clerks: int = 2, **settings: object
) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(shelf(), Settings(limits or Limits(seconds=120.0), n_clerks, **settings))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=240
        ) as client,
    ):
        client.app = app  # type: ignore[attr-defined]
        yield client


def test_two_hundred_clients_get_each_their_own_answer():
    """Each asks other rows, of several models; every answer is the one it gets alone."""
    rng = np.random.default_rng(0)
    ((_, texts),) = put(asked("words", "sample", {"n": 60, "seed": 1}))
    ((_, people),) = put(asked("people", "sample", {"n": 60, "seed": 1}))
    rows = {
        "bits": rng.integers(0, 2, (60, 6)).tolist(),
        "words": texts["data"],
        "people": people["data"],
        "net": rng.integers(0, 2, (60, 3)).tolist(),
    }
    bodies = []
    for k in range(200):
        name = list(rows)[k % 4]
        bodies.append((name, {"data": [rows[name][k % 60], rows[name][7 * k % 60]]}))
    wanted = [put(asked(name, "score", body))[0][1] for name, body in bodies]

    async def main() -> str:
        async with _served() as client:

            async def one(k: int) -> None:
                name, body = bodies[k]
                reply = await client.post(f"/models/{name}/score", json=body)
                assert reply.status_code == 200, reply.text
                np.testing.assert_allclose(reply.json()["log_p"], wanted[k]["log_p"], rtol=1e-12)

            await asyncio.gather(*(one(k) for k in range(200)))
            return (await client.get("/metrics")).text

    figures = asyncio.run(main())
    total = sum(
        float(one) for one in re.findall(r'requests_total\{.*status="200"\} (\S+)', figures)
    )
    assert total == 200
    n_calls = float(re.findall(r"together_count (\S+)", figures)[0])
    assert n_calls < 150  # those that came at once were answered at once


def test_slow_and_dying_ones_do_not_block_others():
    """One that takes too long is told so, its process begun anew; meanwhile others are answered,
    also of one question that holds as many processes as it may."""
    limits = Limits(seconds=1.5, rows=10**7)
    slow = {"n": 4_000_000}

    async def main() -> None:
        async with _served(limits, n_clerks=2) as client:
            quick = json.dumps(shelf().examples["bits"]["score"])
            await client.post("/models/bits/score", content=quick, headers=_JSON)
            late = [
                asyncio.create_task(client.post("/models/spins/sample", json=slow))
                for _ in range(2)
            ]
            await asyncio.sleep(0.2)
            for _ in range(3):
                reply = await client.post("/models/bits/score", content=quick, headers=_JSON)
                assert reply.status_code == 200, reply.text
            assert not late[0].done()
            replies = await asyncio.gather(*late)
            assert {one.status_code for one in replies} <= {503, 504}
            assert 504 in {one.status_code for one in replies}
            assert (
                "no answer within 1.5 s"
                in next(one for one in replies if one.status_code == 504).json()["error"]
            )
            desk = client.app.state.desk  # type: ignore[attr-defined]
            under_way = asyncio.create_task(client.post("/models/spins/sample", json=slow))
            await asyncio.sleep(0.7)
            for pid in [one._process.pid for one in desk._clerks if one.alive]:
                os.kill(pid, signal.SIGKILL)
            assert (await under_way).status_code in (500, 503)
            for _ in range(60):
                reply = await client.post("/models/bits/score", content=quick, headers=_JSON)
                if reply.status_code == 200:
                    break
                await asyncio.sleep(0.5)
            assert reply.status_code == 200
            assert desk.n_starts >= 4

    asyncio.run(main())


def test_who_goes_away_is_not_waited_for():
    """Requests that were given up leave no process busy and no one waiting."""
    limits = Limits(seconds=60.0, rows=10**7)

    async def main() -> None:
        async with _served(limits, n_clerks=1) as client:
            tasks = [
                asyncio.create_task(client.post("/models/spins/sample", json={"n": 4_000_000}))
                for _ in range(3)
            ]
            await asyncio.sleep(0.5)
            for one in tasks:
                one.cancel()
            reply = await client.post("/models/bits/score", json=shelf().examples["bits"]["score"])
            assert reply.status_code == 200
            assert client.app.state.desk.n_waiting == 0  # type: ignore[attr-defined]

    asyncio.run(main())


def test_strangers_and_odd_requests_are_turned_away():
    limits = Limits(body=1000, waiting=0)

    async def main() -> None:
        async with _served(limits, n_clerks=1, token="s3cret", hosts=LOOPBACK) as client:
            right = {"authorization": "Bearer s3cret"}

            async def told(method: str, path: str, **more: object) -> tuple[int, str]:
                more["headers"] = right | more.get("headers", {})  # type: ignore[operator]
                reply = await client.request(method, path, **more)  # type: ignore[arg-type]
                return reply.status_code, reply.json().get("error", "")

            for headers in ({}, {"authorization": "Bearer s3cre"}, {"authorization": "s3cret"}):
                reply = await client.get("/models", headers=headers)
                assert reply.status_code == 401
                assert reply.headers["www-authenticate"] == "Bearer"
            assert (await client.get("/health")).json() == {"status": "ok", "processes": 1}
            page = await client.get("/")
            assert page.status_code == 200
            assert not any(word in page.text for word in ("labelled", "smith", "BayesClassifier"))
            assert (await told("GET", "/models"))[0] == 200
            assert (await told("GET", "/models", headers={"host": "evil.example"}))[0] == 421
            assert (await told("GET", "/models", headers={"host": "[::1]:80"}))[0] == 200
            assert (await told("GET", "/nothing"))[0] == 404
            assert (await told("GET", "/models/bits/score"))[0] == 405
            status, words = await told("GET", "/models/bytes/info")
            assert (status, words[:27]) == (404, "there is no model 'bytes'; ")
            assert (await told("GET", "/models/bits/info"))[0] == 200
            where = "/models/bits/score"
            assert (await told("POST", where, content=b"{}"))[0] == 415
            assert (await told("POST", where, content=b" " * 1001, headers=_JSON))[0] == 413

            async def endless() -> AsyncIterator[bytes]:
                while True:
                    yield b" " * 100

            assert (await told("POST", where, content=endless(), headers=_JSON))[0] == 413
            status, words = await told("POST", where, content=b"{}", headers=_JSON)
            assert (status, words) == (503, "0 requests wait already; ask again later")

    asyncio.run(main())


def test_openapi_has_an_example_that_works_for_each_question():
    async def main() -> None:
        async with _served() as client:
            paths = (await client.get("/openapi.json")).json()["paths"]
            for question in ("score", "classify", "sample", "complete", "correct", "encode"):
                body = paths[f"/models/{{name}}/{question}"]["post"]["requestBody"]
                examples = body["content"]["application/json"]["examples"]
                assert examples
                for name, one in examples.items():
                    reply = await client.post(f"/models/{name}/{question}", json=one["value"])
                    assert reply.status_code == 200, (name, question, reply.text)

    asyncio.run(main())


# -- as it is started ------------------------------------------------------------------------


def test_the_end_waits_for_what_is_under_way(tmp_path):
    """Started on a free port, asked, and told to end while it works: the answer comes, exit 0."""
    models()["bits"].save(tmp_path / "bits.safetensors")
    server = subprocess.Popen(
        [sys.executable, "-m", "harmonium", "serve", f"b={tmp_path / 'bits.safetensors'}",
         "--port", "0", "--processes", "1", "--max-rows", "1000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        assert server.stderr is not None
        where = server.stdout.readline().strip()
        assert where.startswith("http://127.0.0.1:"), server.stderr.read()

        async def main() -> httpx.Response:
            async with httpx.AsyncClient(base_url=where, timeout=120) as client:
                assert (await client.get("/models/b/info")).json()["model"] == "RBM"
                work = asyncio.create_task(client.post("/models/b/sample", json={"n": 150_000}))
                await asyncio.sleep(0.1)
                assert not work.done()
                server.send_signal(signal.SIGTERM)
                return await work

        reply = asyncio.run(main())
        assert reply.status_code == 200
        assert len(reply.json()["data"]) == 150_000
        assert server.wait(60) == 0
        assert server.stderr.read() == ""
    finally:
        server.kill()


def test_what_cannot_be_served_is_said_before_any_work(tmp_path):
    path = tmp_path / "bits.safetensors"
    models()["bits"].save(path)
    for words, told in (
        ([tmp_path / "none"], "no file at"),
        ([path, path], "two models are named 'bits'"),
        ([f"a/b={path}"], "wants a name of its own"),
        ([path, "--timeout", "0"], "--timeout must be a number above 0"),
        ([path, "--host", "999.1.1.1", "--port", "0"], "cannot be had"),
        ([path, "--port", "70000"], "--port"),
    ):
        done = run("serve", *words)
        assert done.returncode == 2, done
        assert told in done.stderr


def test_without_the_extra_its_name_is_said(tmp_path, monkeypatch):
    path = tmp_path / "bits.safetensors"
    models()["bits"].save(path)
    monkeypatch.delitem(sys.modules, "harmonium.apps.serve.app")
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = run("serve", path)
    assert done.returncode == 2
    assert done.stderr == (
        "harmonium: harmonium serve wants fastapi, which is not installed: "
        "pip install 'harmonium[serve]'\n"
    )


def test_names_of_models_are_those_of_their_files():
    names = [name_of(path, ()) for path in ("a/w.safetensors", "w.arpa.gz", "net.uai", "w.x")]
    assert names == ["w", "w", "net", "w.x"]
