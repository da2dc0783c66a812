"""What a server costs: rows a second through HTTP, as a share of calling the model in process.

    python -m benchmarks.serve [--seconds 5]

Wants nothing. The server runs as users start it, with its own defaults; clients run in this
process and take their share of the cores, as they would on one machine. In process, a call for
as many rows as a request holds.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_digits

import harmonium as hm


def _models(folder: Path) -> dict[str, tuple[hm.JointDistribution, list]]:
    digits = (load_digits().data > 7).astype(np.uint8)
    rbm = hm.RBM(64, n_updates=1000, random_state=0).fit(digits[:1500])
    rbm.log_partition()
    said = ["the film was good", "the film was bad", "a fine film", "it was a long bad movie"]
    words = hm.NGram(3).fit(said * 50)
    for name, one in (("digits", rbm), ("words", words)):
        one.save(folder / f"{name}.safetensors")
    return {"digits": (rbm, digits[:1000].tolist()), "words": (words, (said * 250)[:1000])}


def _request(name: str, body: bytes, media: str) -> bytes:
    head = (
        f"POST /models/{name}/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _client(port: int, request: bytes, until: float) -> int:
    """How many answers one client gets until then, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    n = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 200"), head
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        await reader.readexactly(length)
        n += 1
    writer.close()
    return n


async def _rate(port: int, request: bytes, n_clients: int, seconds: float) -> float:
    started = time.perf_counter()
    counts = await asyncio.gather(
        *(_client(port, request, started + seconds) for _ in range(n_clients))
    )
    return sum(counts) / (time.perf_counter() - started)


def _own_rate(model: hm.JointDistribution, rows: list, seconds: float) -> float:
    data = np.array(rows) if isinstance(rows[0], list) else rows
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        model.score_samples(data)
        n += 1
    return n / (time.perf_counter() - started)


def _stream(rows: list) -> bytes:
    columns = (
        {f"x{j}": [row[j] for row in rows] for j in range(len(rows[0]))}
        if isinstance(rows[0], list)
        else {"text": rows}
    )
    table, stream = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def measure(port: int, models: dict, seconds: float) -> None:
    print("| model | rows a request | body | clients | requests/s | rows/s | share of in process |")
    print("|---|---|---|---|---|---|---|")
    for name, (model, data) in models.items():
        for n_rows in (1, 100, 1000):
            rows = data[:n_rows]
            own = _own_rate(model, rows, seconds / 2)
            bodies = {"JSON": (json.dumps({"data": rows}).encode(), "application/json")}
            if n_rows > 1:
                bodies["Arrow"] = (_stream(rows), "application/vnd.apache.arrow.stream")
            for form, (body, media) in bodies.items():
                for n_clients in (1, 64) if n_rows < 1000 else (1, 8):
                    request = _request(name, body, media)
                    asyncio.run(_rate(port, request, n_clients, seconds / 5))
                    rate = asyncio.run(_rate(port, request, n_clients, seconds))
                    print(
                        f"| {name} | {n_rows} | {form} | {n_clients} | {rate:,.0f} | "
                        f"{rate * n_rows:,.0f} | {rate / own:.2f} |",
                        flush=True,
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as place:
        models = _models(Path(place))
        paths = [str(Path(place) / f"{name}.safetensors") for name in models]
        server = subprocess.Popen(
            [sys.executable, "-m", "harmonium", "serve", *paths, "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().rsplit(":", 1)[1])
            measure(port, models, seconds)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
