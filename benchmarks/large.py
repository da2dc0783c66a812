"""Rows out of core and sparse rows: what memory they take above the interpreter, and what time.

    python -m benchmarks.large [--gigabytes 4] [--rows 1000000]
    python -m benchmarks.large --proof 12 [--allowed 2] [--updates 2000]

Wants disk for the table, of `gigabytes` at a byte a cell (arrays) and at eight bytes a number
(Parquet, whose file is smaller). Each case runs in a process of its own; its peak is beside that
of the same process after a small fit and a score. Time of an update out of core is beside that of
the same fit of 20,000 of the rows in memory.

The proof: so many gigabytes of rows of 0 and 1, a byte a cell, by processes that may not have more
than `allowed` GiB of their own (``RLIMIT_DATA``). One is killed when it has written a checkpoint,
a second goes on from it and scores the first shards, a third fits them without a break: the last
two must end with the same bits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import harmonium as hm

WIDTH, COLUMNS = 800, 50
UPDATES = 2000


def _peak() -> float:
    """Peak of memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _bits(draw: np.random.Generator, n: int) -> np.ndarray:
    packed = np.frombuffer(draw.bytes(n * WIDTH // 8), dtype=np.uint8)
    rows = np.unpackbits(packed).reshape(n, WIDTH)
    rows[:, 1::2] &= rows[:, ::2]
    return rows


def _frame(draw: np.random.Generator, n: int) -> Any:
    import pyarrow as pa

    group = draw.integers(0, 3, n)
    columns: dict[str, Any] = {}
    for j in range(COLUMNS):
        if j % 2:
            columns[f"n{j}"] = np.round(draw.normal(20 * group, 10)).astype(np.int64)
        else:
            columns[f"c{j}"] = np.array(["low", "mid", "high"])[
                (group + draw.integers(0, 2, n)) % 3
            ]
    return pa.table(columns)


def _write(kind: str, folder: Path, gigabytes: float) -> float:
    """The table in shards; its size at the bytes a cell above, GiB."""
    from pyarrow import parquet

    draw, size, k = np.random.default_rng(0), 0, 0
    while size < gigabytes * 2**30:
        if kind == "arrays":
            rows = _bits(draw, 200_000)
            np.save(folder / f"{k:04d}.npy", rows)
            size += rows.nbytes
        else:
            parquet.write_table(_frame(draw, 200_000), folder / f"{k:04d}.parquet")
            size += 200_000 * COLUMNS * 8
        k += 1
    return size / 2**30


def _out_of_core(kind: str, folder: str) -> dict[str, float]:
    draw = np.random.default_rng(1)
    make = _bits if kind == "arrays" else _frame
    settings: dict[str, Any] = {"n_components": 100, "n_updates": UPDATES, "random_state": 0}
    settings |= {"weight_decay": 1e-3, "smoothing": 1e-3, "learning_rate": 0.05}
    model, rows = hm.RBM(**settings), make(draw, 20_000)
    in_memory = _seconds(partial(model.fit, rows))
    model.score(rows)
    del rows
    before, shards = _peak(), hm.Shards(folder)
    through = _seconds(lambda: [None for _ in shards.blocks()])
    fit = _seconds(lambda: model.fit(shards))
    n_scored = min(len(shards), 200_000)
    files = sorted(Path(folder).iterdir())[: max(1, n_scored // 200_000)]
    score = _seconds(lambda: [model.score_samples(one) for one in files])
    return {
        "rows": len(shards),
        "a pass, s": through,
        "fit in memory, s": in_memory,
        "fit, s": fit,
        "rows scored a second": 200_000 * len(files) / score,
        "peak above, MiB": _peak() - before,
    }


def _ten_ones(draw: np.random.Generator, n: int, width: int) -> Any:
    """Sparse rows with ten ones each, or nine where two fall together."""
    from scipy import sparse

    places = np.sort(draw.integers(0, width, (n, 10), dtype=np.int32), axis=1)
    ends = np.arange(0, 10 * n + 1, 10)
    X = sparse.csr_array((np.ones(10 * n, np.uint8), places.ravel(), ends), shape=(n, width))
    X.sum_duplicates()
    X.data[:] = 1
    return X


def _updates(width: int) -> dict[str, float]:
    """Time of the processor that updates and scores take, of sparse rows and of the same dense."""
    n, found = 10_000, {"columns": float(width)}
    X = _ten_ones(np.random.default_rng(0), n, width)
    for name, rows in (("sparse", X), ("dense", X.toarray())):
        for n_chains in (100, 10):
            model = hm.RBM(100, n_chains=n_chains, learning_rate=0.05, random_state=0)
            model.partial_fit(rows[:1000])  # compiles, and chooses the update's form
            began = time.process_time()
            model.partial_fit(rows)
            per_update = 1e3 * 100 * (time.process_time() - began) / n
            found[f"update, {name}, {n_chains} chains, ms"] = per_update
        began = time.process_time()
        model.free_energy(rows)
        found[f"rows weighed a second, {name}"] = n / (time.process_time() - began)
    return found


def _sparse(n: int) -> dict[str, float]:
    """Rows of 2,000 columns with ten ones each, and the same fit of dense rows."""
    draw, width = np.random.default_rng(0), 2000
    settings: dict[str, Any] = {"n_components": 100, "n_updates": UPDATES, "random_state": 0}
    model = hm.RBM(**settings)
    few = (draw.random((20_000, width)) < 0.005).astype(np.uint8)
    dense = _seconds(partial(model.fit, few))
    model.score(few[:2000])
    del few
    before = _peak()
    X = _ten_ones(draw, n, width)
    with tempfile.TemporaryDirectory() as folder:
        model.set_params(checkpoint=f"{folder}/fit")
        fit = _seconds(lambda: model.fit(X))
    score = _seconds(lambda: model.score_samples(X))
    holes = X.astype(np.float64)
    holes.data[::1001] = np.nan
    complete = _seconds(lambda: model.complete(holes))
    return {
        "rows": n,
        "fit of 20,000 dense rows, s": dense,
        "fit, s": fit,
        "rows scored a second": n / score,
        "rows completed a second": n / complete,
        "peak above, MiB": _peak() - before,
    }


def _limited(folder: str, checkpoint: str, n_updates: int, n_scored: int) -> dict[str, float]:
    """A fit of all rows, and scores of the first shards."""
    settings: dict[str, Any] = {"n_components": 100, "n_updates": n_updates, "random_state": 0}
    model = hm.RBM(**settings, weight_decay=1e-3, learning_rate=0.05, checkpoint=checkpoint)
    fit = _seconds(lambda: model.fit(folder))
    files = sorted(Path(folder).glob("*.npy"))[:n_scored]
    score = _seconds(lambda: [model.score_samples(one) for one in files])
    bits = hashlib.sha256(np.ascontiguousarray(model.components_)).hexdigest()[:12]
    return {
        "fit, s": fit,
        "scored shards, s": score,
        "peak, MiB": _peak(),
        "parameters": int(bits, 16),
    }


def _proof(gigabytes: float, allowed: float, n_updates: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows"
        rows.mkdir()
        size, n_scored = _write("arrays", rows, gigabytes), 2
        print(f"-- {size:.1f} GiB of rows under {allowed:g} GiB", flush=True)
        bytes_allowed = int(allowed * 2**30)  # of all processes from here on
        resource.setrlimit(resource.RLIMIT_DATA, (bytes_allowed, bytes_allowed))
        cut = Path(folder) / "cut"
        words = ["--limited", rows, cut, n_updates]
        begun = subprocess.Popen([sys.executable, "-m", "benchmarks.large", *map(str, words), "0"])
        while not cut.exists() and begun.poll() is None:
            time.sleep(0.05)
        begun.kill()
        if begun.wait() != -signal.SIGKILL:
            raise RuntimeError("the fit ended before it could be killed: give it more updates")
        resumed = _in_a_process(*words, n_scored)
        _show(resumed)
        whole = _in_a_process("--limited", rows, Path(folder) / "whole", n_updates, 0)
        same = whole["parameters"] == resumed["parameters"]
        print(f"the same bits as without the kill: {same}", flush=True)


def _in_a_process(*words: object) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.large", *map(str, words)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--proof", type=float, help="gigabytes of rows")
    parser.add_argument("--allowed", type=float, default=2.0, help="gigabytes of memory of theirs")
    parser.add_argument("--updates", type=int, default=UPDATES, help="of the proof's fits")
    parser.add_argument("--limited", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.limited:
        folder, checkpoint, n_updates, n_scored = given.limited
        print(json.dumps(_limited(folder, checkpoint, int(n_updates), int(n_scored))))
        return
    if given.proof is not None:
        _proof(given.proof, given.allowed, given.updates)
        return
    if given.case:
        kind, what = given.case
        counted = {"sparse": _sparse, "updates": _updates}
        found = counted[kind](int(what)) if kind in counted else _out_of_core(kind, what)
        print(json.dumps(found))
        return
    for kind in ("arrays", "parquet"):
        with tempfile.TemporaryDirectory() as folder:
            size = _write(kind, Path(folder), given.gigabytes)
            found = _in_a_process("--case", kind, folder)
        print(f"-- {kind}, {size:.1f} GiB")
        _show(found)
    print("-- sparse rows, 2,000 columns, ten ones a row")
    _show(_in_a_process("--case", "sparse", given.rows))
    for width in (2000, 20_000):
        print(f"-- updates of rows of {width:,} columns with ten ones, 100 hidden units")
        _show(_in_a_process("--case", "updates", width))


def _show(found: dict[str, float]) -> None:
    for name, value in found.items():
        print(f"{name:<34} {value:12,.1f}", flush=True)


if __name__ == "__main__":
    main()
