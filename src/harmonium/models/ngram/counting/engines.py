"""Counting in memory or beyond: the group-by of 64-bit keys, and where its numbers are kept.

In memory it is a sort. Beyond, one Ibis expression runs on DuckDB, which spills to the disk of this
machine, or on Spark; the keys travel as Parquet files in a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.memory import memory_allowed

Keys: TypeAlias = NDArray[np.uint64]
Numbers: TypeAlias = NDArray[np.int32]

__all__ = ["ENGINES", "Stored", "Workspace"]

ENGINES = ("auto", "memory", "duckdb", "spark")

#: Numbers (words, and the node of each) kept in memory before a count moves to the disk: 1.6 GB.
_IN_MEMORY = 400_000_000
#: DuckDB has one part in so many of the memory that there is, and at least so many bytes for each
#: of its threads.
_SHARE, _LEAST = 4, 2**27


class Stored:
    """Arrays of numbers one after the other, met in order as often as is wanted: in memory, or each
    in a file, from which it is read when it is met."""

    def __init__(self) -> None:
        self._places: list[Numbers | Path] = []

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Numbers]:
        # Read, not mapped: pages of a mapped file count as the process's memory.
        for place in self._places:
            yield np.fromfile(place, dtype=np.int32) if isinstance(place, Path) else place

    def add(self, array: Numbers, path: Path | None) -> None:
        """One more, kept at `path`."""
        if path is None:
            self._places.append(array)
        else:
            array.tofile(path)
            self._places.append(path)

    def discard(self) -> None:
        """Forget all, and take the files away."""
        for place in self._places:
            if isinstance(place, Path):
                place.unlink()
        self._places = []


class Workspace(AbstractContextManager["Workspace"]):
    """Where the numbers of a count are kept and its keys are grouped, while the context is open.

    In memory; or, with ``engine="duckdb"`` or ``"spark"``, and with ``"auto"`` once there are too
    many, in files of a temporary folder.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._n_kept = 0
        self._n_files = 0
        self._folder: Path | None = None
        self._connection: Any = None
        if engine in ("duckdb", "spark"):
            self._move_out(engine)

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.disconnect()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _move_out(self, engine: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="harmonium-"))
        try:
            self._connection = _connect(engine, str(self._folder))
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def store(self, arrays: Iterable[Numbers]) -> Stored:
        """The `arrays`, each kept as it comes."""
        stored = Stored()
        for array in arrays:
            self._n_kept += len(array)
            if self._folder is None and self._engine == "auto" and self._n_kept > _IN_MEMORY:
                self._move_out("duckdb")
            self._n_files += 1
            stored.add(array, self._folder and self._folder / f"{self._n_files}.i4")
        return stored

    def group(self, parts: Iterable[Keys]) -> tuple[Keys, NDArray[np.int64]]:
        """The distinct keys in order, and how often each occurs."""
        if self._folder is None:
            return count_keys(parts)
        return _count(self._connection, parts, self._folder)


def count_keys(parts: Iterable[Keys]) -> tuple[Keys, NDArray[np.int64]]:
    """The distinct keys in order, and how often each occurs: a sort in memory."""
    keys = np.concatenate(list(parts))
    keys.sort()
    if not len(keys):
        return keys, np.zeros(0, dtype=np.int64)
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[first], np.diff(np.append(first, len(keys)))


def _connect(engine: str, folder: str) -> Any:
    try:
        import ibis
        import pyarrow  # noqa: F401
    except ImportError:
        raise ImportError(
            f"engine={engine!r} wants Ibis and PyArrow: pip install 'harmonium[cluster]'"
        ) from None
    if engine == "duckdb":
        most = memory_allowed() // _SHARE
        return ibis.duckdb.connect(
            temp_directory=folder,
            memory_limit=f"{max(most, _LEAST) // 2**20}MiB",
            threads=int(min(max(most // _LEAST, 1), os.cpu_count() or 1)),
            preserve_insertion_order=False,
        )
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise ImportError(
            "engine='spark' wants PySpark and Java: pip install 'harmonium[cluster]' pyspark"
        ) from None
    session = (
        SparkSession.builder.appName("harmonium").config("spark.ui.enabled", "false").getOrCreate()
    )
    return ibis.pyspark.connect(session)


def _count(connection: Any, parts: Iterable[Keys], folder: Path) -> tuple[Keys, NDArray[np.int64]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = Path(tempfile.mkdtemp(dir=folder))
    for number, part in enumerate(parts):
        # Signed: Spark has no unsigned 64-bit numbers, and nodes stay below 2**31.
        table = pa.table({"key": part.view(np.int64)})
        pq.write_table(table, place / f"{number}.parquet")
    rows = connection.read_parquet(str(place / "*.parquet"))
    expression = rows.group_by("key").aggregate(n=rows.count()).order_by("key")
    counted = expression.to_pyarrow()
    shutil.rmtree(place)
    # Of a chunked column a copy alone, since what was counted may be large.
    return (
        np.asarray(counted["key"], dtype=np.int64).view(np.uint64),
        np.asarray(counted["n"], dtype=np.int64),
    )
