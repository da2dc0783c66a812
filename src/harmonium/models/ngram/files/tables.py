"""Conditional tables as a person writes them, turned into a chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harmonium.contract.warning import warn_caller
from harmonium.models.ngram.files.building import build_trie
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import MARKERS, START, Vocabulary

__all__ = ["read_tables"]

_ROUNDING = 1e-9


def read_tables(tables: Mapping[Any, Mapping[str, float]]) -> tuple[Trie, Vocabulary]:
    """The chain of ``{context: {word: p}}``; see :meth:`harmonium.NGram.from_tables`."""
    if not isinstance(tables, Mapping) or not tables:
        raise ValueError(f"tables must be a dict of context: {{word: p}}, got {tables!r}")
    read = {_context(context): _column(context, column) for context, column in tables.items()}
    if len(read) < len(tables):
        raise ValueError("tables: a context is written twice")
    words = dict.fromkeys(
        word
        for context, column in read.items()
        for word in (*context, *column)
        if word not in MARKERS
    )
    vocabulary = Vocabulary.of(words)
    number = vocabulary.numbers
    if any(word == "<s>" for column in read.values() for word in column):
        raise ValueError("tables: <s> begins a text, it follows nothing")
    order = 1 + max(len(context) for context in read)
    n_words = len(vocabulary) - 1  # all that can follow: not <s>
    grams: list[dict[tuple[int, ...], list[float]]] = [{} for _ in range(order)]
    for i in range(len(vocabulary)):
        grams[0][(i,)] = [-np.log(n_words), 0.0, np.nan]
    open_columns = 0
    for context, column in read.items():
        place = tuple(number[word] for word in context)
        rest = 1.0 - sum(column.values())
        unlisted = n_words - len(column)
        open_columns += rest > _ROUNDING
        closed = rest <= _ROUNDING or not unlisted
        floor = -np.inf if closed else float(np.log(rest / unlisted))
        grams[len(place) - 1].setdefault(place, [np.nan, 0.0, np.nan])[2] = floor
        for word, p in column.items():
            entry = grams[len(place)].setdefault((*place, number[word]), [np.nan, 0.0, np.nan])
            entry[0] = float(np.log(p)) if p > 0 else -np.inf
    if open_columns:
        warn_caller(
            f"tables: {open_columns} of {len(read)} columns sum to less than one; the rest is "
            "shared evenly by the words that they do not list, and sampling draws from those "
            "that they list",
        )
    levels, values = [], []
    for k, level in enumerate(grams, start=1):
        levels.append(np.array(list(level), dtype=np.int32).reshape(-1, k))
        values.append(np.array(list(level.values()), dtype=np.float64).reshape(-1, 3))
    trie = build_trie(
        levels, [v[:, 0] for v in values], [v[:, 1] for v in values], [v[:, 2] for v in values]
    )
    trie.log_prob[1 + START] = -np.inf
    return trie, vocabulary


def _context(context: Any) -> tuple[str, ...]:
    """Words of a context; the empty one is the start of a text."""
    words = tuple(context.split()) if isinstance(context, str) else context
    if not isinstance(words, tuple) or not all(isinstance(w, str) and w for w in words):
        raise ValueError(f"tables: a context must be a tuple of words or a string, got {context!r}")
    if "</s>" in words or "<s>" in words[1:]:
        raise ValueError(f"tables: nothing follows </s>, and <s> comes first, got {context!r}")
    return words or ("<s>",)


def _column(context: Any, column: Any) -> dict[str, float]:
    if not isinstance(column, Mapping):
        raise ValueError(f"tables[{context!r}] must be a dict of word: p, got {column!r}")
    total = 0.0
    for word, p in column.items():
        if not isinstance(word, str) or not word or word.split() != [word]:
            raise ValueError(f"tables[{context!r}]: a word must be one word, got {word!r}")
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0.0 <= p <= 1.0:
            raise ValueError(f"tables[{context!r}][{word!r}] must be in [0, 1], got {p!r}")
        total += p
    if total > 1.0 + _ROUNDING:
        raise ValueError(f"tables[{context!r}] sums to {total:.10g}, which is more than one")
    return dict(column)
