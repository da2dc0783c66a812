"""ARPA files: back-off chains in the text format that KenLM, SRILM and others exchange.

Log-probabilities are to base 10 there; -99 stands for zero.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.storage import write_atomically
from harmonium.models.ngram.files.building import build_trie
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import MARKERS, N_MARKERS, START, Vocabulary

__all__ = ["read_arpa", "write_arpa"]

_LN10 = float(np.log(10.0))
_ZERO = -99.0
_CHUNK = 2**16
_COUNT = re.compile(r"ngram\s+(\d{1,9})\s*=\s*(\d{1,18})")
#: Bytes of a line that are read; a small ``.gz`` can hold one without end.
_LONGEST_LINE = 2**24
#: Bytes that a byte of a ``.gz`` unpacks to at most.
_TIGHTEST = 1032


def write_arpa(trie: Trie, vocabulary: Vocabulary, path: str | PathLike[str]) -> None:
    """Write the chain, gzipped where the path ends in ``.gz``; atomically."""
    if not trie.backs_off:
        raise ValueError(
            "smoothing: an ARPA file holds back-off models; add-k and hand-written tables "
            "do not back off to shorter contexts and cannot be written as one"
        )

    def write(stream: IO[bytes]) -> None:
        if str(path).endswith(".gz"):
            # No name and no time in the header: the same model gives the same bytes.
            with gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0) as packed:
                _write(trie, vocabulary, packed)  # type: ignore[arg-type]
        else:
            _write(trie, vocabulary, stream)

    write_atomically(path, write)


def _write(trie: Trie, vocabulary: Vocabulary, stream: IO[bytes]) -> None:
    words = vocabulary.words
    spaced = next((word for word in words if re.search(r"[ \t\r\n\v\f]", word)), None)
    if spaced is not None:
        raise ValueError(f"ARPA files separate words by spaces; {spaced!r} holds one")
    sizes = np.diff(trie.level_starts)[1:]
    lines = ["\\data\\", *(f"ngram {k}={size}" for k, size in enumerate(sizes, start=1)), ""]
    stream.write("\n".join(lines).encode())
    for k in range(1, trie.order + 1):
        stream.write(f"\n\\{k}-grams:\n".encode())
        nodes = trie.level(k)
        probability = np.maximum(trie.log_prob[nodes] / _LN10, _ZERO)
        if k == 1:
            probability[START] = 0.0  # as KenLM writes it: <s> is given, never predicted
        backoff = None
        if k < trie.order:
            backoff = np.maximum(trie.log_backoff[nodes] / _LN10, _ZERO)
        grams = trie.grams(k)
        for low in range(0, len(grams), _CHUNK):
            part = slice(low, low + _CHUNK)
            columns = [[words[i] for i in column] for column in grams[part].T.tolist()]
            texts = map(" ".join, zip(*columns, strict=True))
            if backoff is None:
                rows = (f"{p:.8g}\t{g}\n" for p, g in zip(probability[part], texts, strict=True))
            else:
                rows = (
                    f"{p:.8g}\t{g}\t{b:.8g}\n"
                    for p, g, b in zip(probability[part], texts, backoff[part], strict=True)
                )
            stream.write("".join(rows).encode())
    stream.write(b"\n\\end\\\n")


class _Lines:
    """Lines with their numbers; errors name both.

    `n_bytes` is the most that the file can hold, unpacked.
    """

    def __init__(self, path: str, stream: IO[bytes], n_bytes: int) -> None:
        self.path, self.number, self.n_bytes = path, 0, n_bytes
        self._lines = iter(partial(stream.readline, _LONGEST_LINE + 1), b"")

    def next_bytes(self) -> bytes:
        try:
            line = next(self._lines)
        except StopIteration:
            raise self.error("the file ends here, before \\end\\") from None
        except (EOFError, OSError, zlib.error) as error:
            raise self.error(f"the file is cut short: {error}") from None
        self.number += 1
        if len(line) > _LONGEST_LINE:
            raise self.error(f"a line of more than {_LONGEST_LINE:,} bytes; is this an ARPA file?")
        return line

    def next(self) -> str:
        line = self.next_bytes()
        try:
            return line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise self.error(f"not UTF-8: {error.reason}") from None

    def filled(self) -> str:
        while not (line := self.next()):
            pass
        return line

    def error(self, fault: str) -> ValueError:
        return ValueError(f"{self.path}, line {self.number}: {fault}")


def read_arpa(path: str | PathLike[str]) -> tuple[Trie, Vocabulary]:
    """The chain in an ARPA file, plain or gzip.

    N-grams whose shorter parts were pruned get them back with the probability that backing off
    gives, which changes no probability. Raises ``ValueError`` with the line of the fault.
    """
    name = str(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"path: no file at {name!r}")
    n_bytes, packed = Path(path).stat().st_size, name.endswith(".gz")
    with gzip.open(path, "rb") if packed else Path(path).open("rb") as stream:
        lines = _Lines(name, stream, n_bytes * (_TIGHTEST if packed else 1))  # type: ignore[arg-type]
        return _read(lines)


def _read(lines: _Lines) -> tuple[Trie, Vocabulary]:
    for _ in range(1000):  # tools may write comments before the data
        if lines.next() == "\\data\\":
            break
    else:
        raise lines.error("no \\data\\ section: not an ARPA file")
    sizes: list[int] = []
    promised = 0
    while match := _COUNT.fullmatch(line := lines.filled()):
        if int(match[1]) != len(sizes) + 1:
            raise lines.error(f"wanted the count of {len(sizes) + 1}-grams, got {line!r}")
        sizes.append(int(match[2]))
        # The shortest line of a k-gram: a digit, k words of a letter, k spaces, the line's end.
        promised += sizes[-1] * (2 * len(sizes) + 2)
        if promised > lines.n_bytes:
            raise lines.error(f"{line!r} promises more n-grams than the file can hold")
    if not sizes:
        raise lines.error(f"wanted 'ngram 1=...', got {line!r}")
    header = line
    words = {marker.encode(): number for number, marker in enumerate(MARKERS)}
    levels, probabilities, backoffs = [], [], []
    for k, size in enumerate(sizes, start=1):
        if header.strip() != f"\\{k}-grams:":
            raise lines.error(f"wanted '\\{k}-grams:', got {header!r}")
        rows, found = _section(lines, k, size, k == len(sizes), words)
        levels.append(rows)
        probabilities.append(found[:, 0])
        backoffs.append(found[:, 1])
        header = lines.filled()
        if not header.startswith("\\"):
            raise lines.error(f"more {k}-grams than the {size} that the header promises")
    if header.strip() != "\\end\\":
        raise lines.error(f"wanted '\\end\\', got {header!r}")
    if not np.isin(np.arange(N_MARKERS), levels[0][:, 0]).all():
        levels[0], probabilities[0], backoffs[0] = _with_markers(
            levels[0], probabilities[0], backoffs[0]
        )
    trie = build_trie(levels, probabilities, backoffs)
    trie.log_prob[1 + START] = -np.inf
    try:
        return trie, Vocabulary.of([word.decode("utf-8") for word in words][N_MARKERS:])
    except UnicodeDecodeError as error:
        raise ValueError(f"{lines.path}: a word is not UTF-8: {error.reason}") from None


def _with_markers(
    rows: NDArray[np.int32], probability: NDArray[np.float64], backoff: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Unigrams with the markers that the file left out, at probability zero."""
    missing = np.setdiff1d(np.arange(N_MARKERS), rows[:, 0]).astype(np.int32)
    return (
        np.concatenate([rows, missing[:, None]]),
        np.concatenate([probability, np.full(len(missing), -np.inf)]),
        np.concatenate([backoff, np.zeros(len(missing))]),
    )


def _section(
    lines: _Lines, k: int, size: int, last: bool, words: dict[bytes, int]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    # What a packed file promises may still be far more than it holds: memory grows with lines.
    rows = np.empty((min(size, _CHUNK), k), dtype=np.int32)
    found = np.zeros((len(rows), 2))
    for i, fields in enumerate(_fields(lines, k, size)):
        if i == len(rows):
            rows.resize((min(size, 2 * i), k), refcheck=False)
            found.resize((len(rows), 2), refcheck=False)
        if len(fields) not in (k + 1, k + 2) or (last and len(fields) != k + 1):
            raise lines.error(
                f"wanted a log-probability, {k} words" + ("" if last else " and a back-off weight")
            )
        try:
            found[i, 0] = float(fields[0])
            found[i, 1] = float(fields[k + 1]) if len(fields) == k + 2 else 0.0
        except ValueError:
            shown = f"{_text(fields[0])!r}, {_text(fields[-1])!r}"
            raise lines.error(f"not a number among {shown}") from None
        if k == 1:
            word = fields[1]
            if word in words and words[word] >= N_MARKERS:
                raise lines.error(f"the word {_text(word)!r} comes twice")
            rows[i, 0] = words.setdefault(word, len(words))
        else:
            try:
                rows[i] = [words[word] for word in fields[1 : k + 1]]
            except KeyError as error:
                unknown = _text(error.args[0])
                raise lines.error(f"the word {unknown!r} is not among the 1-grams") from None
        if not (found[i, 0] <= 0.0 and np.isfinite(found[i, 1])):
            raise lines.error(f"a log-probability must not be above 0, got {_text(fields[0])}")
    found[found <= _ZERO] = -np.inf
    return rows, found * _LN10


def _text(field: bytes) -> str:
    return field.decode("utf-8", "replace")


def _fields(lines: _Lines, k: int, size: int) -> Iterator[list[bytes]]:
    for _ in range(size):
        line = lines.next_bytes()
        if line.startswith(b"\\") or not line.strip():
            raise lines.error(f"fewer {k}-grams than the {size} that the header promises")
        yield line.split()
