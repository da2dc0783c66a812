"""Counting beyond memory: the group-by of 64-bit keys given to an engine that spills to disk.

One Ibis expression runs on DuckDB, on the disk of this machine, or on Spark. The keys travel as
Parquet files in a temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.ngrams.counting import Grouping, Keys, count_keys

__all__ = ["ENGINES", "grouping"]

ENGINES = ("auto", "memory", "duckdb", "spark")

#: Words up to which keys are sorted in memory: 16 bytes each while counting.
_IN_MEMORY = 200_000_000


@contextmanager
def grouping(engine: str, n_tokens: int) -> Iterator[Grouping]:
    """The function that counts keys with `engine`, while the context is open."""
    if engine == "auto":
        engine = "memory" if n_tokens <= _IN_MEMORY else "duckdb"
    if engine == "memory":
        yield count_keys
        return
    with tempfile.TemporaryDirectory(prefix="harmonium-") as folder:
        connection = _connect(engine, folder)
        try:
            yield lambda parts: _count(connection, parts, Path(folder))
        finally:
            connection.disconnect()


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
