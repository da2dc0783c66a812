"""Texts in: strings, token lists or files, turned into blocks of bytes with one marker a text."""

from __future__ import annotations

import gzip
import re
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "END_OF_TEXT",
    "FORBIDDEN",
    "ORDINARY",
    "SEPARATOR",
    "Block",
    "TextFile",
    "Tokenization",
    "Tokenizer",
    "blocks",
    "tokenizer_for",
    "tokens_of",
]

Tokenizer = Callable[[str], Sequence[str]]

_BLOCK_BYTES = 2**23
_BLOCK_TEXTS = 2**15
#: Bytes of a text that are held at once; a small ``.gz`` can hold one without end.
_LONGEST_LINE = 2**30

# ASCII white space splits, as in KenLM and SRILM; other Unicode spaces are part of words.
_SPACES = b" \t\r\v\f"
#: The class of a byte: part of a word, between words, the end of a text, refused.
ORDINARY, SEPARATOR, END_OF_TEXT, FORBIDDEN = range(4)
#: Between the tokens of a list, and at the end of a text that is not a line.
_UNIT, _END = "\x1f", "\0"

_WORDS = re.compile(r"\w+(?:['’\-]\w+)*|[^\w\s]")
_TIGHT = re.compile(r" ([.,;:!?%)\]}…])")


def _classes(separators: bytes, end: int, forbidden: bytes = b"") -> NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    table[list(separators)] = SEPARATOR
    table[list(forbidden)] = FORBIDDEN
    table[end] = END_OF_TEXT
    return table


_LINES = _classes(_SPACES, ord("\n"), b"\0")
_STRINGS = _classes(_SPACES + b"\n", 0)
_TOKENS = _classes(_UNIT.encode(), 0)


@dataclass(frozen=True)
class Block:
    """Some texts as bytes: each ends with the end byte of `classes`; `first` is its number."""

    data: bytes
    classes: NDArray[np.uint8]
    first: int
    what: str = "text"

    @property
    def _end(self) -> bytes:
        return bytes([int(np.flatnonzero(self.classes == END_OF_TEXT)[0])])

    @property
    def n_texts(self) -> int:
        """How many texts there are."""
        return self.data.count(self._end)

    def name_at(self, position: int) -> str:
        """The text that the byte at `position` belongs to, as an error names it."""
        return f"{self.what} {self.first + self.data.count(self._end, 0, position)}"


@dataclass(frozen=True)
class TextFile:
    """A file with a text a line, read block by block: never whole in memory.

    Parameters
    ----------
    path : str
        A text file, plain or gzip (``.gz``); ``"-"`` is the standard input.
    errors : {"strict", "replace", "ignore"}
        What to do with bytes that are not UTF-8: an error that names the line, or as in
        ``bytes.decode``.
    """

    path: str | PathLike[str]
    errors: str = "strict"

    def __post_init__(self) -> None:
        if self.errors not in ("strict", "replace", "ignore"):
            raise ValueError(f"errors must be 'strict', 'replace' or 'ignore', got {self.errors!r}")
        if str(self.path) != "-" and not Path(self.path).is_file():
            raise FileNotFoundError(f"path: no file at {str(self.path)!r}")

    @property
    def n_bytes(self) -> int | None:
        """How many bytes there are to read; None where that is not known beforehand."""
        if str(self.path) == "-" or str(self.path).endswith(".gz"):
            return None
        return Path(self.path).stat().st_size

    def open(self) -> IO[bytes]:
        """The bytes, unpacked."""
        if str(self.path) == "-":
            return sys.stdin.buffer
        if str(self.path).endswith(".gz"):
            return gzip.open(self.path, "rb")  # type: ignore[return-value]
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
            raise ValueError(
                f"{self.path}, line {number}: not UTF-8 ({error.reason}); "
                "errors='replace' or 'ignore' reads it all the same"
            ) from None

    def __iter__(self) -> Iterator[str]:
        for block, _ in self.blocks():
            yield from block.decode("utf-8").split("\n")[:-1]


def words(text: str, *, lowercase: bool = False) -> list[str]:
    """Words and punctuation marks: Unicode letters and digits, inner ' and - kept (NFC)."""
    text = unicodedata.normalize("NFC", text)
    return _WORDS.findall(text.lower() if lowercase else text)


def _whitespace(text: str, *, lowercase: bool = False) -> list[str]:
    return re.split(r"[ \t\r\n\v\f]+", (text.lower() if lowercase else text).strip(" \t\r\n\v\f"))


def _characters(text: str, *, lowercase: bool = False) -> list[str]:
    return list(text.lower() if lowercase else text)


def cues(text: str, *, lowercase: bool = False) -> list[str]:
    """What tells texts apart, each once: words, pairs of neighbours, beginnings of long words.

    For ``NGram(1)`` under a classifier: its chain of single cues is a multinomial naive Bayes
    with Kneser-Ney's discounts. Not a way to write texts.
    """
    found = words(text, lowercase=lowercase)
    pairs = [f"{first} {second}" for first, second in pairwise(found)]
    begun = [f"{word[:n]}…" for n in _BEGINNINGS for word in found if len(word) > n]
    return list(dict.fromkeys([*found, *pairs, *begun]))


_BEGINNINGS = (4, 6)
_TOKENIZERS = {
    "whitespace": _whitespace,
    "words": words,
    "characters": _characters,
    "cues": cues,
}


def tokenizer_for(tokenizer: str | Tokenizer, lowercase: bool) -> Tokenizer:
    """The function behind a tokenizer's name, or the callable itself."""
    if callable(tokenizer):
        if lowercase:
            raise ValueError("lowercase=True wants a named tokenizer; a callable folds by itself")
        return tokenizer
    if tokenizer not in _TOKENIZERS:
        raise ValueError(
            f"tokenizer must be one of {', '.join(map(repr, _TOKENIZERS))} or a callable, "
            f"got {tokenizer!r}"
        )
    return partial(_TOKENIZERS[tokenizer], lowercase=lowercase)


def tokens_of(text: Any, split: Tokenizer) -> list[Any]:
    """The tokens of one text: a string is split, a token list is copied."""
    if isinstance(text, str):
        return [token for token in split(text) if token != ""]
    if isinstance(text, bytes) or not isinstance(text, Iterable):
        raise TypeError(f"X: a text must be a string or a list of tokens, got {text!r}")
    return list(text)


@dataclass(frozen=True)
class Tokenization:
    """How texts become tokens, and tokens texts: a tokenizer and whether it folds case first."""

    tokenizer: str | Tokenizer = "whitespace"
    lowercase: bool = False

    def check(self) -> None:
        """``ValueError`` unless there is such a tokenizer."""
        tokenizer_for(self.tokenizer, self.lowercase)

    def tokens(self, text: Any) -> list[Any]:
        """The tokens of one text; see :func:`tokens_of`."""
        return tokens_of(text, tokenizer_for(self.tokenizer, self.lowercase))

    def text(self, tokens: Iterable[str]) -> str:
        """`tokens` as one string; a full stop and its like stand close to the word before."""
        if self.tokenizer == "characters":
            return "".join(tokens)
        text = " ".join(tokens)
        return _TIGHT.sub(r"\1", text) if self.tokenizer == "words" else text

    def blocks(self, X: Any) -> Iterator[Block]:
        """The texts of `X` in blocks of bytes; see :func:`blocks`."""
        return blocks(X, self.tokenizer, self.lowercase)


def blocks(X: Any, tokenizer: str | Tokenizer, lowercase: bool) -> Iterator[Block]:
    """The texts of `X` in blocks of bytes, ready for :meth:`.vocabulary.Vocabulary.encode`.

    `X` is a :class:`TextFile` or an iterable of strings or of token lists; a single string or
    anything else is refused.
    """
    split = tokenizer_for(tokenizer, lowercase)
    plain = tokenizer == "whitespace" and not lowercase
    if isinstance(X, TextFile) and plain:
        for data, line in X.blocks():
            yield Block(data, _LINES, line, f"{X.path}, line")
        return
    if isinstance(X, str | bytes):
        raise ValueError(
            "X must be an iterable of texts, got one string; wrap it in a list, "
            "or use harmonium.TextFile(path) for a file"
        )
    try:
        texts = iter(X)
    except TypeError:
        raise TypeError(f"X must be an iterable of texts, got {type(X).__name__}") from None
    first = 1 if isinstance(X, TextFile) else 0
    what = f"{X.path}, line" if isinstance(X, TextFile) else "X: text"
    while batch := [text for _, text in zip(range(_BLOCK_TEXTS), texts, strict=False)]:
        if plain and all(type(text) is str for text in batch):
            text, classes = _END.join(batch), _STRINGS
        else:
            lists = [_checked(tokens_of(one, split), first + i) for i, one in enumerate(batch)]
            text, classes = _END.join(map(_UNIT.join, lists)), _TOKENS
        if text.count(_END) != len(batch) - 1:
            number = next(i for i, one in enumerate(batch) if _END in "".join(one))
            raise ValueError(f"{what} {first + number} holds a NUL character, which no word can")
        try:
            yield Block(text.encode("utf-8") + b"\0", classes, first, what)
        except UnicodeEncodeError as error:
            raise ValueError(f"{what} from {first} on: not valid Unicode: {error}") from None
        first += len(batch)


def _checked(tokens: list[Any], number: int) -> list[str]:
    for token in tokens:
        if not isinstance(token, str) or not token or _UNIT in token:
            raise ValueError(
                f"X: text {number}: a token must be a string that is not empty and has no "
                f"unit separator (U+001F), got {token!r}"
            )
    return tokens
