"""Files of texts, a line each or a column of tables, read in blocks and never whole."""

from __future__ import annotations

import glob
import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import IO, Any

from harmonium.data.arrow import STORED, arrow, batches_of, schema_of

__all__ = ["TEXT_ENDINGS", "Column", "Lines", "TextFile", "looks_like_texts"]

#: Files of a text a line, and files of tables with a column of texts.
_LINES = (".txt", ".text", ".gz", ".zst")
TEXT_ENDINGS = (*_LINES, *STORED)

_BLOCK_BYTES = 2**23
#: Texts of a table that are held at once, where they are short.
_BLOCK_TEXTS = 2**15
#: Bytes of a text that are held at once; a small ``.gz`` can hold one without end.
_LONGEST_LINE = 2**30
#: Columns that an error lists.
_SHOWN = 8


def looks_like_texts(X: Any) -> bool:
    """Whether `X` is where texts are rather than texts: a path, or a string that is that of a file
    or folder, or a glob with an ending of such files."""
    if not isinstance(X, str):
        return isinstance(X, PathLike)
    ending = os.path.splitext(X)[1].lower()
    return os.path.exists(X) or (ending in TEXT_ENDINGS and glob.has_magic(X))


@dataclass(frozen=True)
class TextFile:
    """Texts in a file, or in the shards of a folder, read block by block: never whole in memory.

    Parameters
    ----------
    path : str
        A file, a glob (``"texts/*.txt.zst"``) or a folder, whose files are read in the order of
        their names: a text a line, plain, gzip (``.gz``) or zstd (``.zst``); or tables
        (``.parquet``, ``.arrow``, ``.feather``) with a column of texts, which may have several
        lines. Of a folder what has one of these endings, or ``.txt``, counts, and names that
        begin with a dot or an underscore do not. ``"-"`` is the standard input.
    errors : {"strict", "replace", "ignore"}
        What to do with bytes that are not UTF-8: an error that names the line or row, or as in
        ``bytes.decode``.
    column : str, optional
        The tables' column of texts; may be left out where each has but one.

    Raises ``FileNotFoundError`` or ``ValueError`` that names the file.
    """

    path: str | PathLike[str]
    errors: str = "strict"
    column: str | None = None

    def __post_init__(self) -> None:
        if self.errors not in ("strict", "replace", "ignore"):
            raise ValueError(f"errors must be 'strict', 'replace' or 'ignore', got {self.errors!r}")
        if self.column is not None and not isinstance(self.column, str):
            raise ValueError(f"column must be the name of a column, got {self.column!r}")
        lines = [one for one in self.files if not _is_table(one)]
        if self.column is not None and lines:
            raise ValueError(
                f"column={self.column!r}: {lines[0]!r} has lines, and no columns; wanted "
                f"{', '.join(STORED)}"
            )

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The files, in the order in which they are read."""
        path = os.fspath(self.path)
        if path == "-" or os.path.isfile(path):
            return (path,)
        if os.path.isdir(path):
            found = [one.path for one in os.scandir(path) if one.is_file() and _counts(one.name)]
            wanted = f"; wanted files that end in {', '.join(TEXT_ENDINGS)}"
        else:
            found = [one for one in glob.glob(path, recursive=True) if os.path.isfile(one)]
            wanted = ""
        if not found:
            raise FileNotFoundError(f"path: no file at {path!r}{wanted}")
        return tuple(sorted(found))

    @property
    def n_bytes(self) -> int | None:
        """How many bytes there are to read; None where that is not known beforehand."""
        packed = (*STORED, ".gz", ".zst")
        if any(one == "-" or _ending(one) in packed for one in self.files):
            return None
        return sum(Path(one).stat().st_size for one in self.files)

    def shards(self) -> list[Lines | Column]:
        """The files, of tables each with its column of texts, which is found before any is read."""
        return [
            Column(one, self.errors, _column_of(one, self.column))
            if _is_table(one)
            else Lines(one, self.errors)
            for one in self.files
        ]

    def __iter__(self) -> Iterator[str]:
        for shard in self.shards():
            yield from shard


@dataclass(frozen=True)
class Lines:
    """A file with a text a line."""

    path: str
    errors: str

    @property
    def what(self) -> str:
        """What an error calls its texts, which are counted from 1."""
        return f"{self.path}, line"

    def open(self) -> IO[bytes]:
        """The bytes, unpacked."""
        if self.path == "-":
            return sys.stdin.buffer
        if _ending(self.path) == ".gz":
            return gzip.open(self.path, "rb")  # type: ignore[return-value]
        if _ending(self.path) == ".zst":
            return arrow().input_stream(self.path, compression="zstd")
        return Path(self.path).open("rb")

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Blocks of whole lines, valid UTF-8, each with the number of its first line from 1."""
        line = 1
        with self.open() as stream:
            rest: list[bytes] = []  # of a line that has not ended yet; joined once
            while block := self._read(stream):
                if line == 1 and not rest:
                    block = block.removeprefix(b"\xef\xbb\xbf")
                cut = block.rfind(b"\n") + 1
                if cut:
                    whole = b"".join([*rest, block[:cut]])
                    rest = []
                    yield self._valid(whole, line), line
                    line += whole.count(b"\n")
                rest.append(block[cut:])
                if len(rest) * _BLOCK_BYTES > _LONGEST_LINE:
                    raise ValueError(
                        f"{self.path}, line {line}: a text of more than {_LONGEST_LINE:,} bytes; "
                        "wanted a text a line"
                    )
            last = b"".join(rest)
            if last:
                yield self._valid(last + b"\n", line), line

    def _read(self, stream: IO[bytes]) -> bytes:
        try:
            return stream.read(_BLOCK_BYTES)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{self.path}: cannot be read: {error}") from error

    def _valid(self, block: bytes, line: int) -> bytes:
        try:
            block.decode("utf-8")
            return block
        except UnicodeDecodeError as error:
            if self.errors != "strict":
                return block.decode("utf-8", self.errors).encode("utf-8")
            number = line + block.count(b"\n", 0, error.start)
            raise _not_utf8(f"{self.what} {number}", error) from None

    def __iter__(self) -> Iterator[str]:
        for block, _ in self.blocks():
            yield from block.decode("utf-8").split("\n")[:-1]


@dataclass(frozen=True)
class Column:
    """A file of a table, one column of which holds texts."""

    path: str
    errors: str
    name: str

    @property
    def what(self) -> str:
        """What an error calls its texts, which are counted from 0."""
        return f"{self.path}, row"

    def batches(self) -> Iterator[list[str]]:
        """The texts in order, some at a time."""
        row, bounds = 0, {"most": _BLOCK_TEXTS, "most_bytes": _BLOCK_BYTES}
        with _reading(self.path):
            for batch in batches_of(self.path, columns=[self.name], **bounds):
                yield self._texts(batch.column(self.name), row)
                row += len(batch)

    def _texts(self, array: Any, row: int) -> list[str]:
        pa = arrow()
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if array.null_count:
            first = row + array.is_null().to_pylist().index(True)
            raise ValueError(f"{self.path}, row {first}: column {self.name!r} has no text there")
        try:
            return list(array.to_pylist())
        except UnicodeDecodeError:
            return [
                self._decoded(text, row + number)
                for number, text in enumerate(array.cast(pa.large_binary()).to_pylist())
            ]

    def _decoded(self, text: bytes, row: int) -> str:
        try:
            return text.decode("utf-8", self.errors)
        except UnicodeDecodeError as error:
            raise _not_utf8(f"{self.what} {row}", error) from None

    def __iter__(self) -> Iterator[str]:
        for batch in self.batches():
            yield from batch


def _column_of(path: str, wanted: str | None) -> str:
    """The column of texts of a table: the `wanted` one, or its only one."""
    with _reading(path):
        schema = schema_of(path)
    texts = [field.name for field in schema if _is_text(field.type)]
    if wanted is None:
        if len(texts) != 1:
            held = f"columns of texts {_list(texts)}" if texts else "no column of texts"
            raise ValueError(f"column is missing: {path!r} has {held}; name one")
        return texts[0]
    if schema.names.count(wanted) != 1:
        held = "two of them" if wanted in schema.names else f"columns {_list(schema.names)}"
        raise ValueError(f"column={wanted!r}: {path!r} has {held}")
    if wanted not in texts:
        kind = schema.field(wanted).type
        raise ValueError(f"column={wanted!r}: that of {path!r} is {kind}; wanted texts")
    return wanted


def _is_text(kind: Any) -> bool:
    types = arrow().types
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """What Arrow raises for files cut short or made up, as one that names the file."""
    pa = arrow()
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error


def _not_utf8(where: str, error: UnicodeDecodeError) -> ValueError:
    return ValueError(
        f"{where}: not UTF-8 ({error.reason}); errors='replace' or 'ignore' reads it all the same"
    )


def _counts(name: str) -> bool:
    return _ending(name) in TEXT_ENDINGS and name[0] not in "._"


def _is_table(path: str) -> bool:
    return _ending(path) in STORED


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()
