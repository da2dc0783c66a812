"""Rounded probabilities: a file of a few bytes an n-gram, and what rounding changed."""

from __future__ import annotations

import numpy as np

from harmonium.contract.checks import check_integer
from harmonium.models.ngram.codes import coded, filled
from harmonium.models.ngram.derived.usage import Values, relative_entropy, usage
from harmonium.models.ngram.learned import Learned
from harmonium.models.ngram.normalising import require_backing_off
from harmonium.models.ngram.trie import Trie

__all__ = ["quantised"]


def quantised(learned: Learned, bits: int) -> Learned:
    """The chain rounded; see :meth:`harmonium.NGram.quantise`."""
    bits = check_integer("bits", bits, 2, 16)
    trie = learned.trie
    require_backing_off(trie, "quantise")
    codes = coded(trie, bits)
    rounded = Trie(trie.word, trie.parent, trie.level_starts)
    filled(rounded, codes)
    longer = slice(int(trie.level_starts[2]), None)
    of_words = _changes(trie.log_prob[longer], rounded.log_prob[longer])
    of_weights = _changes(trie.log_backoff, rounded.log_backoff)
    same = np.arange(len(trie.word))
    changed = {
        "bits": bits,
        "largest change of log P of an n-gram, nats": float(of_words.max(initial=0.0)),
        "mean change of log P of an n-gram, nats": float(of_words.sum() / max(len(of_words), 1)),
        "largest change of a back-off weight, nats": float(of_weights.max(initial=0.0)),
        "relative entropy, nats a word": relative_entropy(trie, usage(trie), rounded, same),
    }
    return learned.changed_to(rounded, changed, codes=codes)


def _changes(before: Values, now: Values) -> Values:
    """How far numbers moved; what was impossible, and stays so, did not."""
    met = np.isfinite(before) | np.isfinite(now)
    return np.abs(before[met] - now[met])
