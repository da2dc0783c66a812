"""Mutated files of every kind that the library reads: one clear error, or an answer; never more.

Each file is a good one with bytes changed, cut, doubled, or put together with another. What may
come out is listed; anything else (a crash, a traceback of a library beneath) fails. Memory is
bounded by an address-space limit while a file is read.
"""

from __future__ import annotations

import gzip
import resource
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy import sparse

import harmonium as hm
from harmonium.contract.storage import read_arrays, write_arrays
from harmonium.data.files import read_labels, read_rows
from harmonium.data.images import read_images

Reader = Callable[[Path], Any]
#: What a reader may raise for a file it cannot read.
_CLEAR = (ValueError, FileNotFoundError)
_N_FAST, _N_SLOW = 3_000, 30_000


@contextmanager
def bounded(extra: int) -> Iterator[None]:
    """At most `extra` bytes of address space more than are in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _models(folder: Path) -> list[Path]:
    rows = (np.random.default_rng(0).random((40, 4)) < 0.5).astype(np.uint8)
    texts = ["a b c", "b c a", "c a b b", "a a"] * 3
    factors = [hm.Factor(["a", "b"], [[1, 2], [3, 0]])]
    found = {
        "rbm": hm.RBM(2, n_updates=10, random_state=0).fit(rows),
        "labelled": hm.RBM(2, n_updates=10, random_state=0).fit(rows, rows[:, 0]),
        "ngram": hm.NGram(2).fit(texts),
        "grid": hm.GridMRF(n_levels=3, learner="pseudo", random_state=0).fit(
            np.random.default_rng(0).integers(0, 3, (6, 3, 3))
        ),
        "network": hm.MarkovNetwork(factors),
        "classes": hm.BayesClassifier(hm.NGram(2)).fit(texts, [0, 1] * 6),
        "novelty": hm.NoveltyDetector(hm.NGram(1)).fit(texts),
    }
    for name, model in found.items():
        model.save(folder / f"{name}.safetensors")
    found["ngram"].to_arpa(folder / "m.arpa")
    found["ngram"].to_arpa(folder / "m.arpa.gz")
    found["network"].to_uai(folder / "net.uai")
    found["network"].write_uai_evidence(folder / "net.evid", {"a": 1})
    return sorted(folder.glob("*.safetensors"))


def _signed(path: Path, rng: np.random.Generator) -> None:
    """A model file changed from inside, with its checksum right."""
    arrays, facts = read_arrays(path, "model")
    names = sorted(arrays)
    if rng.random() < 0.5 and names:
        name = names[rng.integers(len(names))]
        array = arrays[name].copy()
        kind = rng.integers(3)
        if kind == 0 and array.size:
            value = rng.choice([np.nan, np.inf, -1e30, 0.0, -1.0, 7.0])
            with np.errstate(all="ignore"):
                array.flat[rng.integers(array.size)] = np.array(value).astype(array.dtype)
        elif kind == 1:
            array = array[: len(array) // 2] if array.ndim else array
        else:
            with np.errstate(all="ignore"):
                array = array.astype(rng.choice(["f4", "i8", "u1"]))
        arrays[name] = array
    else:
        place: Any = facts
        while isinstance(place, dict) and place:
            key = sorted(place)[rng.integers(len(place))]
            if not isinstance(place[key], dict) or rng.random() < 0.3:
                place[key] = [None, "x", -1, [], {}, 1e300, True][rng.integers(7)]
                break
            place = place[key]
    write_arrays(path, "model", arrays, facts)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Reader]]:
    folder = tmp_path_factory.mktemp("seeds")
    table = (np.random.default_rng(1).random((6, 4)) < 0.5).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = _models(folder)
    np.save(folder / "a.npy", table)
    np.savez_compressed(folder / "a.npz", rows=table)
    sparse.save_npz(folder / "s.npz", sparse.csr_matrix(table))
    np.savetxt(folder / "a.csv", table, delimiter=",", header="a,b,c,d", comments="", fmt="%d")
    pl.DataFrame(table).write_parquet(folder / "a.parquet")
    Image.fromarray(table * 255).save(folder / "a.png")
    (folder / "t.txt").write_text("one two\nthree ___ one\n\nfour\n")
    (folder / "t.txt.gz").write_bytes(gzip.compress(b"one two\nthree one\n"))
    (folder / "labels.txt").write_text("a\nb\n")
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], [[1, 2], [3, 0]])])

    def texts(path: Path) -> Any:
        return hm.NGram(2).fit(hm.TextFile(path))

    def rows(path: Path) -> Any:
        return np.asarray(read_rows(str(path))[:1].sum())

    readers: dict[str, Reader] = {
        "a.npy": rows,
        "a.npz": rows,
        "s.npz": lambda path: read_rows(str(path)).sum(),
        "a.csv": rows,
        "a.parquet": rows,
        "a.png": read_images,
        "t.txt": texts,
        "t.txt.gz": texts,
        "labels.txt": lambda path: read_labels(str(path)),
        "m.arpa": hm.NGram.from_arpa,
        "m.arpa.gz": hm.NGram.from_arpa,
        "net.uai": hm.MarkovNetwork.read_uai,
        "net.evid": network.read_uai_evidence,
    }
    return [(path, hm.load) for path in models] + [
        (folder / name, reader) for name, reader in readers.items()
    ]


def _mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    kind = rng.integers(6)
    if kind == 0:
        return data[: rng.integers(len(data) + 1)]
    if kind == 1:
        return data + data[: rng.integers(len(data) + 1)]
    if kind == 2:
        return data[: len(data) // 2] + other[len(other) // 2 :]
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if kind < 5 else 1):
        if not changed:
            break
        at = int(rng.integers(len(changed)))
        if kind == 4:
            del changed[at : at + int(rng.integers(1, 9))]
        else:
            changed[at] = int(rng.integers(256))
    return bytes(changed)


def _escapes(seeds: list[tuple[Path, Reader]], n: int, folder: Path) -> list[str]:
    rng = np.random.default_rng(20261124)
    found = []
    contents = [path.read_bytes() for path, _ in seeds]
    for number in range(n):
        place = number % len(seeds)
        source, reader = seeds[place]
        path = folder / source.name
        if source.suffix == ".safetensors" and rng.random() < 0.5:
            path.write_bytes(contents[place])
            _signed(path, rng)
        else:
            other = contents[int(rng.integers(len(contents)))]
            path.write_bytes(_mutated(contents[place], other, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader(path)
        except _CLEAR as error:
            # A name of the file, or of what in it is wrong: never an empty message.
            if not str(error).strip():
                found.append(f"{source.name} #{number}: an error without a word")
        except BaseException as error:
            found.append(f"{source.name} #{number}: {type(error).__name__}: {error}")
            if isinstance(error, KeyboardInterrupt):
                raise
    return found


def test_mutated_files_are_read_or_refused(
    seeds: list[tuple[Path, Reader]], tmp_path: Path
) -> None:
    with bounded(2**32):
        assert _escapes(seeds, _N_FAST, tmp_path) == []


@pytest.mark.slow
def test_many_mutated_files_are_read_or_refused(
    seeds: list[tuple[Path, Reader]], tmp_path: Path
) -> None:
    with bounded(2**32):
        assert _escapes(seeds, _N_SLOW, tmp_path) == []
