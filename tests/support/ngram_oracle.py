"""An n-gram chain by dictionaries and plain loops: what the trie must agree with."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

Gram = tuple[str, ...]


class Chain:
    """Counts and smoothing written down as the papers do, one word at a time."""

    def __init__(self, texts: list[list[str]], order: int, smoothing: str, k: float = 1.0) -> None:
        self.order, self.smoothing, self.k = order, smoothing, k
        self.raw: Counter[Gram] = Counter()
        for text in texts:
            marked = ["<s>", *text, "</s>"]
            for n in range(1, order + 1):
                for i in range(len(marked) - n + 1):
                    self.raw[tuple(marked[i : i + n])] += 1
        self.words = [*sorted({w for t in texts for w in t}), "</s>", "<unk>"]
        self.followers: dict[Gram, set[str]] = defaultdict(set)
        left: dict[Gram, set[str]] = defaultdict(set)
        for gram in self.raw:
            if gram != ("<s>",):
                self.followers[gram[:-1]].add(gram[-1])
                if len(gram) > 1:
                    left[gram[1:]].add(gram[0])
        self.adjusted = {
            gram: n if len(gram) == order or gram[0] == "<s>" else len(left[gram])
            for gram, n in self.raw.items()
            if gram != ("<s>",)
        }
        self.discount = {n: self._discount(n) for n in range(1, order + 1)}

    def _discount(self, n: int) -> list[float]:
        c = Counter(v for gram, v in self.adjusted.items() if len(gram) == n)
        if c[1] and c[2] and c[3]:
            y = c[1] / (c[1] + 2 * c[2])
            d = [j - (j + 1) * y * c[j + 1] / c[j] for j in (1, 2, 3)]
            if all(0 <= d[j - 1] <= j for j in (1, 2, 3)):
                return [0.0, *d]
        return [0.0, 0.5, 1.0, 1.5]

    def prob(self, word: str, context: Gram) -> float:
        """P(word | context), the context at most order - 1 words."""
        word = word if word in self.words else "<unk>"
        return getattr(self, "_" + self.smoothing.replace("-", "_"))(word, context)

    def _lower(self, word: str, context: Gram) -> float:
        return self.prob(word, context[1:]) if context else 1.0 / len(self.words)

    def _kneser_ney(self, word: str, context: Gram) -> float:
        seen = {w: self.adjusted[(*context, w)] for w in self.followers[context]}
        if not seen:
            return self._lower(word, context)
        d = self.discount[len(context) + 1]
        total = sum(seen.values())
        gamma = sum(d[min(v, 3)] for v in seen.values()) / total
        count = seen.get(word, 0)
        return (count - d[min(count, 3)]) / total + gamma * self._lower(word, context)

    def _witten_bell(self, word: str, context: Gram) -> float:
        seen = {w: self.raw[(*context, w)] for w in self.followers[context]}
        if not seen:
            return self._lower(word, context)
        total, kinds = sum(seen.values()), len(seen)
        return (seen.get(word, 0) + kinds * self._lower(word, context)) / (total + kinds)

    def _mle(self, word: str, context: Gram) -> float:
        seen = {w: self.raw[(*context, w)] for w in self.followers[context]}
        if not seen:
            return self._lower(word, context) if context else 0.0
        return seen.get(word, 0) / sum(seen.values())

    def _add_k(self, word: str, context: Gram) -> float:
        seen = {w: self.raw[(*context, w)] for w in self.followers[context]}
        total = sum(seen.values()) + self.k * len(self.words)
        return (seen.get(word, 0) + self.k) / total

    def log_prob(self, text: list[str], end: bool = True) -> float:
        """log P of a whole text."""
        marked = ["<s>", *[w if w in self.words else "<unk>" for w in text]]
        total = 0.0
        for i, word in enumerate([*marked[1:], "</s>"] if end else marked[1:], start=1):
            context = tuple(marked[max(0, i - self.order + 1) : i])
            p = self.prob(word, context)
            total += math.log(p) if p > 0 else -math.inf
        return total

    def fillings(self, text: list[str | None], end: bool = True) -> dict[Gram, float]:
        """P of each way to fill the blanks with known words, normalised; {} if all are zero."""
        known = [w for w in self.words if w not in ("</s>", "<unk>")]
        blanks = [i for i, w in enumerate(text) if w is None]
        found = {}
        for words in itertools.product(known, repeat=len(blanks)):
            filled = list(text)
            for i, word in zip(blanks, words, strict=True):
                filled[i] = word
            found[words] = math.exp(self.log_prob(filled, end))
        total = sum(found.values())
        return {words: p / total for words, p in found.items()} if total else {}
