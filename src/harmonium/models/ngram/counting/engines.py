"""Counting in memory or beyond: the group-by of 64-bit keys, and where its numbers are kept.

In memory it is a sort. Beyond, one Ibis expression runs on DuckDB, which spills to the disk of this
machine, or on Spark; the keys travel as Parquet files in a temporary folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Keys: TypeAlias = NDArray[np.uint64]

__all__ = ["ENGINES", "Workspace"]

ENGINES = ("auto", "memory", "duckdb", "spark")

#: Numbers (words, and the node of each) kept in memory before a count moves to the disk: 1.6 GB.
_IN_MEMORY = 400_000_000


class Workspace(AbstractContextManager["Workspace"]):
    """Where the numbers of a count are kept and its keys are grouped, while the context is open.

    In memory; or, with ``engine="duckdb"`` or ``"spark"``, and with ``"auto"`` once there are too
    many, in files of a temporary folder that are mapped, never read whole.
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

    def keep(self, array: NDArray[np.int32]) -> NDArray[np.int32]:
        """`array`, or the same numbers mapped from a file."""
        self._n_kept += len(array)
        if self._folder is None and self._engine == "auto" and self._n_kept > _IN_MEMORY:
            self._move_out("duckdb")
        if self._folder is None or not len(array):
            return array
        self._n_files += 1
        path = self._folder / f"{self._n_files}.npy"
        np.save(path, array)
        mapped: NDArray[np.int32] = np.load(path, mmap_mode="r")
        return mapped

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
        return ibis.duckdb.connect(temp_directory=folder)
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

    keys = Path(tempfile.mkdtemp(dir=folder))
    for number, part in enumerate(parts):
        # Signed: Spark has no unsigned 64-bit numbers, and nodes stay below 2**31.
        table = pa.table({"key": part.view(np.int64)})
        pq.write_table(table, keys / f"{number}.parquet")
    rows = connection.read_parquet(str(keys / "*.parquet"))
    expression = rows.group_by("key").aggregate(n=rows.count()).order_by("key")
    counted = expression.to_pyarrow()
    return (
        counted["key"].to_numpy().astype(np.int64).view(np.uint64),
        counted["n"].to_numpy().astype(np.int64),
    )
