"""A chain's probabilities as small whole numbers, from which a normalised chain follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.normalising import listed, normalise
from harmonium.models.ngram.trie import Trie

__all__ = ["Codes", "coded", "filled"]

Values = NDArray[np.float64]

#: How fine the values are counted before codes are laid out, in cells a code.
_CELLS = 16


@dataclass(frozen=True)
class Codes:
    """Codes of the n-grams of two or more words, and what they stand for.

    An n-gram's code stands for its share, before scaling, of what its context h says itself;
    a context's for the odds, in logarithms, of what it passes on. With s for the shares,
    ``P(w | h) = (1 - passed on) s(w) / sum s``: normalised whatever the codes are. Code 0 is
    nothing at all, a logarithm of minus infinity. Back-off weights follow, and are not kept.
    """

    #: log P of single words, which are not rounded: ``(n_words,)``.
    single: Values
    #: Of each longer n-gram, and of each context but the empty one; uint8 or uint16.
    share: NDArray[Any]
    odds: NDArray[Any]
    #: The values of the codes for each length of n-grams from 2: ``(order - 1, n_codes)``.
    shares: Values
    oddses: Values


def coded(trie: Trie, bits: int) -> Codes:
    """The chain rounded to `bits` bits an n-gram and a context."""
    shape = (max(trie.order - 1, 0), 2**bits)
    shares, oddses = np.full(shape, -np.inf), np.full(shape, -np.inf)
    kind = np.uint8 if bits <= 8 else np.uint16
    first = int(trie.level_starts[2])
    share = np.zeros(len(trie.word) - first, dtype=kind)
    odds = np.zeros(trie.n_contexts - 1, dtype=kind)
    for k in range(2, trie.order + 1):
        level = listed(trie, k)
        of_nodes = slice(level.nodes.start - first, level.nodes.stop - first)
        share[of_nodes], shares[k - 2] = _rounded(trie.log_prob[level.nodes], 2**bits)
        rest = np.maximum(1.0 - level.said, 0.0)
        has_children = np.bincount(level.parent, minlength=len(rest)) > 0
        with np.errstate(divide="ignore"):
            logit = np.where(has_children, np.log(rest) - np.log(level.said), -np.inf)
        logit[rest <= 1e-12] = -np.inf
        of_contexts = slice(level.contexts.start - 1, level.contexts.stop - 1)
        odds[of_contexts], oddses[k - 2] = _rounded(np.minimum(logit, 700.0), 2**bits)
    used = 1 + max(int(share.max(initial=0)), int(odds.max(initial=0)))
    single = trie.log_prob[trie.level(1)].copy()
    return Codes(single, share, odds, shares[:, :used], oddses[:, :used])


def filled(trie: Trie, codes: Codes) -> None:
    """Give `trie`, which holds n-grams without values, what `codes` stand for."""
    trie.log_prob = np.zeros(len(trie.word))
    trie.log_prob[trie.level(1)] = codes.single
    first = int(trie.level_starts[2])
    for k in range(2, trie.order + 1):
        nodes, contexts = trie.level(k), trie.level(k - 1)
        parent = trie.parent[nodes] - contexts.start
        share = codes.shares[k - 2][codes.share[nodes.start - first : nodes.stop - first]]
        odds = codes.oddses[k - 2][codes.odds[contexts.start - 1 : contexts.stop - 1]]
        total = np.bincount(parent, np.exp(share), contexts.stop - contexts.start)
        with np.errstate(divide="ignore", invalid="ignore"):
            said = -np.logaddexp(0.0, odds) - np.log(total)
            trie.log_prob[nodes] = np.where(np.isneginf(share), -np.inf, share + said[parent])
    normalise(trie)


def _rounded(values: Values, n_codes: int) -> tuple[NDArray[np.intp], Values]:
    """The code of each value, and the `n_codes` values of the codes; code 0 is -inf.

    One half of the codes lies as dense as the cube root of the values' density, which makes the
    mean square of what rounding changes least (Panter and Dite 1951), the other half evenly, so
    that no value moves far; each is the mean of its values.
    """
    book = np.full(n_codes, -np.inf)
    codes = np.zeros(len(values), dtype=np.intp)
    finite = np.isfinite(values)
    given = values[finite]
    if not len(given):
        return codes, book
    distinct = np.unique(given)
    if len(distinct) < n_codes:
        codes[finite] = 1 + np.searchsorted(distinct, given)
        book[1 : 1 + len(distinct)] = distinct
        return codes, book
    counts, edges = np.histogram(given, bins=_CELLS * n_codes)
    density = np.cbrt(counts)
    filled_up = np.cumsum(density + density.mean())
    cell = np.clip(np.searchsorted(edges, given, side="right") - 1, 0, len(counts) - 1)
    of_cell = np.minimum(filled_up / filled_up[-1] * (n_codes - 1), n_codes - 1.5).astype(np.intp)
    found = of_cell[cell]
    weight = np.bincount(found, minlength=n_codes - 1)
    mean = np.bincount(found, given, n_codes - 1) / np.maximum(weight, 1)
    codes[finite] = 1 + found
    book[1:] = np.where(weight > 0, mean, -np.inf)
    return codes, book
