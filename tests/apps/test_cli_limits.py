"""Where memory or a file ends, one line; and cells that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.cli import run

import harmonium as hm


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_model_larger_than_memory_is_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.eye(64, dtype=np.uint8))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + 2**32
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        words = ("fit", tmp_path / "rows.npy", "-o", tmp_path / "m.safetensors")
        done = run(*words, "--set", "n_components=2000000000", "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert done.returncode == 2
    assert "not enough memory" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "m.safetensors").exists()


def packed() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, rows=np.eye(4, dtype=np.uint8))
    return stream.getvalue()


def otherwise_packed() -> bytes:
    """By a method of packing that nobody has."""
    data = bytearray(packed())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + place] = 99
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cut.npz", packed()[:-40]),
        ("nothing.npz", b""),
        ("method.npz", otherwise_packed()),
        ("nothing.npy", b""),
        ("token.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<i8, \n"),
    ],
)
def test_files_that_end_too_soon_are_one_line(tmp_path: Path, name: str, data: bytes) -> None:
    model = hm.RBM.from_parameters(np.zeros((4, 2)), np.zeros(4), np.zeros(2))
    model.save(tmp_path / "m.safetensors")
    (tmp_path / name).write_bytes(data)
    done = run("score", tmp_path / "m.safetensors", tmp_path / name)
    assert done.returncode == 2
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_labels_that_a_spreadsheet_would_run_are_written_as_text(tmp_path: Path) -> None:
    rows = (np.random.default_rng(0).random((60, 6)) < 0.5).astype(np.uint8)
    labels = ['x,y\n"q"', '=cmd|"/C calc"!A0']
    y = [labels[row[0]] for row in rows]
    rbm = hm.RBM(2, n_updates=200, random_state=0)
    hm.BayesClassifier(rbm).fit(rows, y).save(tmp_path / "m.safetensors")
    np.save(tmp_path / "rows.npy", rows)
    out = tmp_path / "classes.csv"
    done = run("classify", tmp_path / "m.safetensors", tmp_path / "rows.npy", "-o", out)
    assert done.returncode == 0, done.stderr
    with out.open(newline="") as stream:
        head, *cells = csv.reader(stream)
    assert len(cells) == 60
    assert {len(row) for row in cells} == {len(head)}
    seen = {row[0] for row in cells}
    assert seen == {labels[0], "'" + labels[1]}
    assert not any(cell.startswith("=") for row in [head, *cells] for cell in row)
