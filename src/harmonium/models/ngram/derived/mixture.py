"""Several chains as one: P(word given context) a weighted mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.derived.usage import Values, values_on
from harmonium.models.ngram.normalising import normalise, require_backing_off
from harmonium.models.ngram.trie import Levels, Trie
from harmonium.models.ngram.vocabulary import MARKERS, START, UNKNOWN, Vocabulary

__all__ = ["checked", "interpolate"]

#: EM ends where no weight moves by more, or after so many rounds.
_SETTLED, _ROUNDS = 1e-9, 10_000


def checked(chains: Any) -> list[Chain]:
    """`chains`, one for each model; raises where they are none, or do not go together."""
    if not chains:
        raise ValueError("models: wanted at least one fitted NGram, got none")
    for i, chain in enumerate(chains):
        if not isinstance(chain, Chain):
            raise TypeError(f"models[{i}] must be a fitted NGram, got {type(chain).__name__}")
        require_backing_off(chain.trie, f"models[{i}]")
        if chain.tokenization != chains[0].tokenization:
            raise ValueError(f"models[{i}] has another tokenizer or lowercase than models[0]")
    return list(chains)


def interpolate(
    chains: Sequence[Chain], weights: Any, texts: Any
) -> tuple[Trie, Vocabulary, list[float]]:
    """The mean of `chains`, its words and its weights; see :meth:`harmonium.NGram.interpolate`."""
    vocabulary = together(chains)
    if isinstance(weights, str) and weights == "auto":
        if texts is None:
            raise ValueError('texts: weights="auto" wants held-out texts')
        given = best_weights(chains, vocabulary, texts)
    else:
        if texts is not None:
            raise ValueError('texts: are for weights="auto"; wanted none with weights given')
        given = _given(weights, len(chains))
    return mixed(chains, vocabulary, given), vocabulary, given.tolist()


def _given(weights: Any, n: int) -> Values:
    """`weights` of a user, checked."""
    wanted = f'"auto" or {n} numbers of at least 0 that sum to 1'
    try:
        given = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.shape != (n,) or not (given >= 0).all() or not abs(given.sum() - 1.0) <= 1e-6:
        raise ValueError(f"weights must be {wanted}, got {weights!r}")
    return given / given.sum()


def together(chains: Sequence[Chain]) -> Vocabulary:
    """The words of all chains: those of the first as they are, then what the others add."""
    words = dict.fromkeys(word for chain in chains for word in chain.vocabulary.words)
    return Vocabulary.of(word for word in words if word not in MARKERS)


def mixed(chains: Sequence[Chain], vocabulary: Vocabulary, weights: Values) -> Trie:
    """The chain of all n-grams of `chains`, with the mean of their probabilities, normalised."""
    trie = _union(chains, vocabulary)
    total = np.zeros(len(trie.word))
    for chain, weight in zip(chains, weights, strict=True):
        number = np.array(chain.numbers(vocabulary.words))
        log_prob, _ = values_on(trie, chain.trie, number)
        unknown = number[trie.word] == UNKNOWN
        log_prob[unknown] -= _share(chain, vocabulary)
        total += weight * np.exp(log_prob)
    with np.errstate(divide="ignore"):
        trie.log_prob = np.log(total)
    trie.log_prob[1 + START] = -np.inf
    normalise(trie)
    return trie


def _share(chain: Chain, vocabulary: Vocabulary) -> float:
    """log of the number of words that share a chain's P(``<unk>``): those of `vocabulary` that it
    does not know, and ``<unk>``, which stands for all that no chain knows."""
    return float(np.log(1 + len(vocabulary) - len(chain.vocabulary)))


def _union(chains: Sequence[Chain], vocabulary: Vocabulary) -> Trie:
    """The n-grams of all chains, without values; level by level, as they are counted."""
    numbers = vocabulary.numbers
    words = [np.array([numbers[w] for w in chain.vocabulary.words]) for chain in chains]
    levels = Levels(len(vocabulary))
    #: The node in the union of each node of a chain's level before.
    before = [1 + word for word in words]
    for k in range(2, max(chain.trie.order for chain in chains) + 1):
        keys: list[NDArray[np.uint64]] = []
        for i, chain in enumerate(chains):
            trie = chain.trie
            if k > trie.order:
                keys.append(np.zeros(0, dtype=np.uint64))
                continue
            nodes = trie.level(k)
            context = before[i][trie.parent[nodes] - trie.level_starts[k - 1]].astype(np.uint64)
            keys.append((context << np.uint64(32)) | words[i][trie.word[nodes]].astype(np.uint64))
        every = np.unique(np.concatenate(keys))
        first = len(levels)
        levels.add(
            (every >> np.uint64(32)).astype(np.int32), every.astype(np.uint32).view(np.int32)
        )
        before = [first + np.searchsorted(every, own) for own in keys]
    return levels.trie()


def best_weights(
    chains: Sequence[Chain], vocabulary: Vocabulary, texts: Any
) -> NDArray[np.float64]:
    """The weights, one a chain, under which the words of `texts` are most probable.

    By EM (Jelinek and Mercer 1980): each weight becomes the mean posterior probability that a
    word is its chain's, until none moves. The likelihood is concave in the weights. P of each
    word is the exact mixture's.
    """
    log_prob = _of_words(chains, vocabulary, texts)
    top = log_prob.max(axis=0)
    if not (top > -np.inf).any():
        raise ValueError("texts: wanted words that some model gives a probability above 0")
    prob = np.exp(log_prob[:, top > -np.inf] - top[top > -np.inf])
    weights = np.full(len(chains), 1.0 / len(chains))
    for _ in range(_ROUNDS):
        # The mean of weight x P / (sum of weight x P), all words at once.
        better = weights * (prob @ (1.0 / (weights @ prob))) / prob.shape[1]
        moved = float(np.abs(better - weights).max())
        weights = better / better.sum()
        if moved <= _SETTLED:
            break
    return weights


def _of_words(chains: Sequence[Chain], vocabulary: Vocabulary, texts: Any) -> Values:
    """log P of each word of `texts` under each chain: ``(n_chains, n_words)``, ends included."""
    found: list[Values] = []
    for block in chains[0].tokenization.blocks(texts):
        rows = []
        for chain in chains:
            ids = chain.vocabulary.encode(block)
            values = chain.trie.of_words(ids)[ids != START]
            values[ids[ids != START] == UNKNOWN] -= _share(chain, vocabulary)
            rows.append(values)
        found.append(np.stack(rows))
    if not found:
        raise ValueError("texts: no texts to weigh the models by")
    return np.concatenate(found, axis=1)
