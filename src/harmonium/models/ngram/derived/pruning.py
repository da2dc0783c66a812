"""Fewer n-grams: those that hardly change the chain, or hardly ever came, are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_integer, check_number
from harmonium.models.ngram.derived.usage import Usage, Values, relative_entropy, usage
from harmonium.models.ngram.learned import Learned
from harmonium.models.ngram.normalising import listed, normalise, require_backing_off
from harmonium.models.ngram.trie import Trie

__all__ = ["costs", "pruned"]


def pruned(learned: Learned, threshold: float | None, min_count: int | None) -> Learned:
    """The chain without what costs less than `threshold` or came less often than `min_count`;
    see :meth:`harmonium.NGram.prune`."""
    trie = learned.trie
    if threshold is None and min_count is None:
        raise ValueError("threshold: wanted a threshold or a min_count, got neither")
    if threshold is not None:
        threshold = check_number("threshold", threshold, 0.0)
    require_backing_off(trie, "prune")
    wanted = np.ones(len(trie.word), dtype=bool)
    if min_count is not None:
        min_count = check_integer("min_count", min_count, 2, 255)
        if learned.count is None:
            raise ValueError("min_count: this model holds no counts; it was not fitted as it is")
        wanted &= learned.count >= min_count
    used = usage(trie)
    if threshold is not None:
        wanted &= costs(trie, used) >= threshold
    kept = closed(trie, wanted)
    fewer, number = without(trie, kept)
    changed = {
        "n-grams before pruning": len(trie.word) - 1,
        "n-grams": len(fewer.word) - 1,
        "relative entropy, nats a word": relative_entropy(trie, used, fewer, number),
    }
    count = None if learned.count is None else learned.count[kept]
    return learned.changed_to(fewer, changed, count=count)


def costs(trie: Trie, used: Usage) -> Values:
    """For each n-gram D(chain || chain without it) in nats a word; 0 for single words.

    Stolcke 1998, section 3: taking away (h, w) leaves w to the back-off, which makes the
    weight of h ``(1 - sum P(. | h) + P(w | h)) / (1 - sum P(. | h') + P(w | h'))``, and
    ``D = -P(h, w) (log P(w | h') + log weight' - log P(w | h))
    - P(h, words not listed) (log weight' - log weight)``. The two P are exact here, those of a
    word of the chain's own texts, where the paper multiplies shorter n-grams' (which is far off
    after Kneser-Ney, whose shorter n-grams are not marginals: Chelba et al. 2010).
    """
    cost = np.zeros(len(trie.word))
    for k in range(2, trie.order + 1):
        nodes, contexts, parent, shorter, said, said_before = listed(trie, k)
        own = trie.log_prob[nodes]
        uses, passed = used.listed[nodes], used.passed[contexts][parent]
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = np.maximum(1.0 - said, 0.0)[parent] + np.exp(own)
            left = np.maximum(1.0 - said_before, 0.0)[parent] + np.exp(shorter)
            weight = np.log(rest) - np.log(left)
            of_word = uses * (own - shorter - weight)
            of_others = passed * (trie.log_backoff[contexts][parent] - weight)
        cost[nodes] = np.where(uses > 0, of_word, 0.0) + np.where(passed > 0, of_others, 0.0)
    return cost / used.n_words


def closed(trie: Trie, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The n-grams `wanted`, with the first and the last words of each; single words always."""
    kept = wanted.copy()
    kept[: trie.level_starts[2]] = True
    for k in range(trie.order, 1, -1):
        nodes = trie.level(k).start + np.flatnonzero(kept[trie.level(k)])
        kept[trie.parent[nodes]] = True
        kept[trie.link[nodes]] = True
    return kept


def without(trie: Trie, kept: NDArray[np.bool_]) -> tuple[Trie, NDArray[np.int64]]:
    """The chain of the n-grams `kept` (see :func:`closed`), normalised; and each node's new
    number, -1 where it is gone."""
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    sizes = np.diff(np.concatenate([[0], np.cumsum(kept)])[trie.level_starts])
    sizes = sizes[: np.flatnonzero(sizes)[-1] + 1]  # without lengths that have no n-grams left
    fewer = Trie(
        trie.word[kept],
        number[trie.parent[kept]].astype(np.int32),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        trie.log_prob[kept].copy(),
    )
    normalise(fewer)
    return fewer, number
