"""Texts in: strings, token lists or files, turned into blocks of bytes with one marker a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.text_files import Column, Lines, TextFile, looks_like_texts

__all__ = [
    "END_OF_TEXT",
    "FORBIDDEN",
    "ORDINARY",
    "SEPARATOR",
    "Block",
    "Tokenization",
    "Tokenizer",
    "blocks",
    "opened",
    "tokenizer_for",
    "tokens_of",
]

Tokenizer = Callable[[str], Sequence[str]]

_BLOCK_TEXTS = 2**15

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


def opened(X: Any) -> Any:
    """`X`, or what reads the texts at the path that it is."""
    return TextFile(X) if looks_like_texts(X) else X


def blocks(X: Any, tokenizer: str | Tokenizer, lowercase: bool) -> Iterator[Block]:
    """The texts of `X` in blocks of bytes, ready for :meth:`.vocabulary.Vocabulary.encode`.

    `X` is a :class:`TextFile`, a path that it takes, or an iterable of strings or of token lists;
    any other single string is refused.
    """
    X = opened(X)
    split = tokenizer_for(tokenizer, lowercase)
    plain = tokenizer == "whitespace" and not lowercase
    if isinstance(X, TextFile):
        for shard in X.shards():
            yield from _of_shard(shard, split, plain)
        return
    if isinstance(X, str | bytes):
        raise ValueError(
            "X must be an iterable of texts, got one string, which is no file, folder or glob; "
            "wrap it in a list"
        )
    try:
        texts = iter(X)
    except TypeError:
        raise TypeError(f"X must be an iterable of texts, got {type(X).__name__}") from None
    yield from _of_batches(_batches(texts), split, plain, 0, "X: text")


def _of_shard(shard: Lines | Column, split: Tokenizer, plain: bool) -> Iterator[Block]:
    if isinstance(shard, Column):
        yield from _of_batches(shard.batches(), split, plain, 0, shard.what)
    elif plain:
        for data, line in shard.blocks():
            yield Block(data, _LINES, line, shard.what)
    else:
        yield from _of_batches(_batches(iter(shard)), split, plain, 1, shard.what)


def _batches(texts: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := [text for _, text in zip(range(_BLOCK_TEXTS), texts, strict=False)]:
        yield batch


def _of_batches(
    batches: Iterable[list[Any]], split: Tokenizer, plain: bool, first: int, what: str
) -> Iterator[Block]:
    """Blocks of texts, of which the first has the number `first`; errors call each `what`."""
    for batch in batches:
        if plain and all(type(text) is str for text in batch):
            text, classes = _END.join(batch), _STRINGS
        else:
            lists = [_tokens(one, split, f"{what} {first + i}") for i, one in enumerate(batch)]
            text, classes = _END.join(map(_UNIT.join, lists)), _TOKENS
        if text.count(_END) != len(batch) - 1:
            number = next(i for i, one in enumerate(batch) if _END in "".join(one))
            raise ValueError(f"{what} {first + number} holds a NUL character, which no word can")
        try:
            yield Block(text.encode("utf-8") + b"\0", classes, first, what)
        except UnicodeEncodeError as error:
            raise ValueError(f"{what} from {first} on: not valid Unicode: {error}") from None
        first += len(batch)


def _tokens(text: Any, split: Tokenizer, where: str) -> list[str]:
    """The tokens of a text, each of which can be a word."""
    tokens = tokens_of(text, split)
    for token in tokens:
        if not isinstance(token, str) or not token or _UNIT in token:
            raise ValueError(
                f"{where}: a token must be a string that is not empty and has no "
                f"unit separator (U+001F), got {token!r}"
            )
    return tokens
