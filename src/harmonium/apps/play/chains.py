"""Chains over words as the page holds them: a byte for each probability, sums exactly one.

A code q in 0..255 stands for a probability of 10^(-q / 50). Of a column that lists some words,
what these leave goes to the column of the shorter context (Katz 1987), and of the unigrams to
``<unk>``: back-off weights follow from the codes and are not kept.
"""

from __future__ import annotations

import gzip
import math
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MARKERS", "STEPS", "Gram", "packed", "read_codes", "to_arpa", "write_codes"]

#: Codes to a power of ten.
STEPS = 50
MARKERS = ("<unk>", "<s>", "</s>")

Gram = tuple[str, ...]


def read_codes(path: Path) -> dict[Gram, int]:
    """Codes of n-grams from a file that has a line a context: the context, a tab, then each word
    that it lists and its code."""
    codes: dict[Gram, int] = {}
    for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
        context, listed = line.split("\t")
        parts = listed.split(" ")
        for word, code in zip(parts[::2], parts[1::2], strict=True):
            codes[*context.split(), word] = int(code)
    return codes


def write_codes(codes: Mapping[Gram, int], path: Path) -> None:
    """What :func:`read_codes` reads; the same codes give the same bytes."""
    lines: dict[str, list[str]] = defaultdict(list)
    for gram in sorted(codes, key=lambda gram: (len(gram), gram)):
        lines[" ".join(gram[:-1])].append(f"{gram[-1]} {codes[gram]}")
    text = "".join(f"{context}\t{' '.join(listed)}\n" for context, listed in lines.items())
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _probabilities(codes: Mapping[Gram, int]) -> tuple[dict[Gram, float], dict[Gram, float]]:
    """P of each n-gram, and of each context the share by which it backs off."""
    p = {gram: 10.0 ** (-code / STEPS) for gram, code in codes.items()}
    p["<s>",] = 0.0
    p["<unk>",] = 0.0
    p["<unk>",] = 1.0 - math.fsum(x for gram, x in p.items() if len(gram) == 1)
    after: dict[Gram, list[Gram]] = defaultdict(list)
    for gram in p:
        if len(gram) > 1:
            after[gram[:-1]].append(gram)
    share: dict[Gram, float] = {}

    def of(gram: Gram) -> float:
        return p[gram] if gram in p else share.get(gram[:-1], 1.0) * of(gram[1:])

    for context in sorted(after, key=len):
        left = 1.0 - math.fsum(p[gram] for gram in after[context])
        share[context] = left / (1.0 - math.fsum(of(gram[1:]) for gram in after[context]))
    return p, share


def to_arpa(codes: Mapping[Gram, int]) -> str:
    """The chain of these codes as the text of an ARPA file."""
    p, share = _probabilities(codes)
    levels = [sorted(gram for gram in p if len(gram) == n) for n in (1, 2, 3)]
    lines = ["\\data\\", *(f"ngram {n}={len(grams)}" for n, grams in enumerate(levels, 1))]
    for n, grams in enumerate(levels, 1):
        lines += ["", f"\\{n}-grams:"]
        for gram in grams:
            known = f"{math.log10(p[gram]):.8g}" if p[gram] else "0" if gram == ("<s>",) else "-99"
            backs = f"\t{math.log10(share[gram]):.8g}" if gram in share else ""
            lines.append(f"{known}\t{' '.join(gram)}{backs}")
    return "\n".join([*lines, "", "\\end\\", ""])


def packed(codes: Mapping[Gram, int], words: list[str]) -> dict[str, Any]:
    """The chain as the page reads it; `words` begin with the markers."""
    number = {word: i for i, word in enumerate(words)}
    after: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for gram, code in codes.items():
        after[tuple(number[word] for word in gram[:-1])].append((number[gram[-1]], code))
    unigrams = np.zeros(len(words), dtype=np.uint8)
    for word, code in after.pop(()):
        unigrams[word] = code

    def level(width: int) -> dict[str, str]:
        contexts = sorted(context for context in after if len(context) == width)
        listed = [sorted(after[context]) for context in contexts]
        return {
            "contexts": _shorts(word for context in contexts for word in context),
            "sizes": _shorts(map(len, listed)),
            "words": _shorts(word for column in listed for word, _ in column),
            "codes": _text(bytes(code for column in listed for _, code in column)),
        }

    return {"unigrams": _text(unigrams.tobytes()), "bigrams": level(1), "trigrams": level(2)}


def _shorts(values: Iterable[int]) -> str:
    return _text(np.array(list(values), dtype="<u2").tobytes())


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")
