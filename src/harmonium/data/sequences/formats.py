"""FASTA, a2m, a3m and Stockholm, plain or gzip, as records."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO

from harmonium.data.packed import check_unpacked

__all__ = ["ENDINGS", "Record", "is_sequence_file", "read_records"]

#: Endings of files that hold sequences, each also with ``.gz`` behind it.
ENDINGS = (
    *(".fasta", ".fa", ".faa", ".fas", ".fna", ".afa", ".mfa", ".a2m", ".a3m"),
    *(".sto", ".stk", ".stockholm"),
)
_CHUNK = 2**22


@dataclass(frozen=True)
class Record:
    """A sequence as it stands in a file, and the line that it begins at (from 1)."""

    name: str
    letters: bytes
    line: int


def is_sequence_file(path: str) -> bool:
    """Whether the path's ending is one of sequences."""
    return path.lower().removesuffix(".gz").endswith(ENDINGS)


def read_records(path: str | PathLike[str]) -> list[Record]:
    """Every record of a file, empty ones too; by what the file begins with, not by its name.

    Raises ``FileNotFoundError``, or ``ValueError`` with the path and the line.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path: no file at {str(path)!r}")
    lines = _lines(path)
    first = next((line for line in lines if line[1].strip()), None)
    if first is None:
        raise ValueError(f"{path} is empty; wanted sequences")
    number, text = first
    if text.startswith("# STOCKHOLM"):
        return _stockholm(path, lines)
    if text[0] not in ">;#":
        raise ValueError(
            f"{path}, line {number}: wanted '>' and a name (FASTA, a2m, a3m) or '# STOCKHOLM', "
            f"got {text[:30]!r}"
        )
    return _fasta(path, number, text, lines)


def _lines(path: str | PathLike[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. A ``.gz`` that unpacks to very much more is refused."""
    packed = Path(path).stat().st_size
    number, rest, n_bytes = 1, b"", 0
    with _opened(path) as stream:
        while True:
            try:
                chunk = stream.read(_CHUNK)
            except (EOFError, OSError, zlib.error) as error:
                raise ValueError(f"{path}: cannot be read: {error}") from error
            n_bytes += len(chunk)
            check_unpacked(str(path), n_bytes, packed)
            if number == 1 and not rest:
                chunk = chunk.removeprefix(b"\xef\xbb\xbf")
            *whole, rest = (rest + chunk).split(b"\n")
            if not chunk and rest:
                whole, rest = [rest], b""
            for line in whole:
                try:
                    yield number, line.decode("utf-8").rstrip()
                except UnicodeDecodeError:
                    raise ValueError(f"{path}, line {number}: not a text in UTF-8") from None
                number += 1
            if not chunk:
                return


def _opened(path: str | PathLike[str]) -> IO[bytes]:
    with Path(path).open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else Path(path).open("rb")  # type: ignore[return-value]


def _letters(path: str | PathLike[str], number: int, text: str) -> bytes:
    try:
        return "".join(text.split()).encode("latin-1")
    except UnicodeEncodeError as error:
        sign = text[error.start] if error.start < len(text) else text
        raise ValueError(f"{path}, line {number}: {sign!r} is no letter of a sequence") from None


def _fasta(
    path: str | PathLike[str], number: int, text: str, lines: Iterator[tuple[int, str]]
) -> list[Record]:
    records: list[Record] = []
    name: str | None = None
    begun, parts = number, list[bytes]()
    while True:
        if text.startswith(">"):
            if name is not None:
                records.append(Record(name, b"".join(parts), begun))
            name, begun, parts = text[1:].strip(), number, []
        elif text and not text.startswith((";", "#")):
            if name is None:
                raise ValueError(f"{path}, line {number}: wanted '>' and a name, got {text[:30]!r}")
            parts.append(_letters(path, number, text))
        following = next(lines, None)
        if following is None:
            break
        number, text = following
    if name is not None:
        records.append(Record(name, b"".join(parts), begun))
    return records


def _stockholm(path: str | PathLike[str], lines: Iterator[tuple[int, str]]) -> list[Record]:
    """One alignment, in one block or several; marks (``#=GF`` and its like) are left out."""
    found: dict[str, tuple[int, list[bytes]]] = {}
    ended = False
    for number, text in lines:
        if text == "//":
            ended = True
        elif ended and text:
            raise ValueError(f"{path}, line {number}: a second alignment begins; wanted one a file")
        elif text and not text.startswith("#"):
            name, *letters = text.split(None, 1)
            if not letters:
                raise ValueError(f"{path}, line {number}: wanted a name and letters, got {text!r}")
            found.setdefault(name, (number, []))[1].append(_letters(path, number, letters[0]))
    return [Record(name, b"".join(parts), line) for name, (line, parts) in found.items()]
