"""The two small chains of ``harmonium play``: counted from real reviews, pruned, rounded.

``python -m benchmarks.critics FOLDER`` reads ``pos.txt`` and ``neg.txt`` (a review sentence a line:
the sentence polarity data of Pang, Lee 2005) and writes the package's ``liked.gz`` and
``disliked.gz``. Each is an interpolated modified Kneser-Ney chain of order 3 over the words
that both classes use most, of which pairs met once and triples met once or twice are dropped; a
probability is kept as a code q in 0..255 that stands for 10^(-q / 50), which rounds it down, and
what is then left of each column goes to the shorter context.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import harmonium as hm
from harmonium.apps.play import chains

_MIN_WORD = 15
_NAMES = {"liked": "pos.txt", "disliked": "neg.txt"}


def main(folder: Path, out: Path) -> None:
    texts = {name: (folder / file).read_text("utf-8").splitlines() for name, file in _NAMES.items()}
    counts = Counter(word for lines in texts.values() for line in lines for word in line.split())
    words = sorted(word for word, n in counts.items() if n >= _MIN_WORD)
    for name, lines in texts.items():
        model = hm.NGram(3, vocabulary=words).fit(lines)
        kept = _met(lines, set(words))
        with tempfile.TemporaryDirectory() as work:
            path = Path(work) / "whole.arpa"
            model.to_arpa(path)
            listed = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
        grams = {tuple(parts[1].split()): float(parts[0]) for parts in listed if len(parts) > 1}
        codes = {
            gram: min(math.ceil(-log_p * chains.STEPS), 255)
            for gram, log_p in grams.items()
            if len(gram) == 1 or gram in kept
        }
        chains.write_codes(codes, out / f"{name}.gz")
        print(name, Counter(map(len, codes)), (out / f"{name}.gz").stat().st_size, "bytes")


def _met(lines: list[str], words: set[str]) -> set[tuple[str, ...]]:
    """Pairs that occur often enough, and triples that occur more often still."""
    met: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        said = ["<s>", *(w if w in words else "<unk>" for w in line.split()), "</s>"]
        met.update(pairwise(said))
        met.update(zip(said, said[1:], said[2:], strict=False))
    return {gram for gram, n in met.items() if n >= len(gram)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(chains.__file__).parent / "critics")
