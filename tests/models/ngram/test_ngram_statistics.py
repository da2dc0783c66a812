"""Draws from the chain against its own probabilities and against brute force."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from tests.models.ngram.test_ngram_exact import METHODS, random_texts
from tests.support.ngram_oracle import Chain
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.models.ngram.asking import lattice

pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")


@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("temperature", [1.0, 1.0000001])
def test_texts_follow_the_chain(order: int, smoothing: str, temperature: float) -> None:
    """`temperature` near 1 takes the path of changed odds, which must draw the same."""
    texts = random_texts(order, n=15, n_words=3)
    model = hm.NGram(order, smoothing=smoothing, k=0.5).fit(texts)
    n = 40_000
    drawn = model.sample(n, max_length=3, random_state=1, temperature=temperature)
    states = [list(t) for m in range(4) for t in itertools.product("abc", repeat=m)]
    number = {tuple(t): i for i, t in enumerate(states)}
    # Whole texts of up to two words, and the beginnings that three words cut off.
    log_p = [model.score_samples([t], end=len(t) < 3)[0] for t in states]
    p = np.exp(np.array(log_p))
    # Draws are given that no word is unknown.
    indices = np.array([number[tuple(text)] for text in drawn])
    weights = p / _known(model, states)
    assert_drawn_from(indices, weights / weights.sum())


def _known(model: hm.NGram, states: list[list[str]]) -> np.ndarray:
    """P that each word drawn along a text is known (the unknown are drawn again)."""
    known = np.ones(len(states))
    for i, text in enumerate(states):
        for place in range(min(len(text) + 1, 3)):
            context = ("<s>", *text[:place])
            known[i] *= 1.0 - model.prob("never seen", context if model.order > 1 else ("<s>",))
    return known


@pytest.mark.parametrize("edges_listed", [False, True])
@pytest.mark.parametrize("smoothing", METHODS)
def test_drawn_fillings_follow_the_posterior(
    smoothing: str, edges_listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not edges_listed:
        monkeypatch.setattr(lattice, "lists_edges", lambda n_edges, n_nodes: False)
    texts = random_texts(5, n=40, n_words=4)
    model = hm.NGram(3, smoothing=smoothing, k=0.5).fit(texts)
    text = ["a", None, "b", None, None]
    truth = Chain(texts, 3, smoothing, 0.5).fillings(text)
    drawn = model.sample(20_000, condition=text, random_state=3)
    number = {words: i for i, words in enumerate(truth)}
    indices = np.array([number[(d[1], d[3], d[4])] for d in drawn])
    assert_drawn_from(indices, np.array(list(truth.values())))
    (filled,) = model.complete([text], how="sample", random_state=0)
    assert [filled[0], filled[2]] == ["a", "b"]
    assert None not in filled


def test_greed_seeds_and_odds() -> None:
    model = hm.NGram(2).fit(random_texts(0, n=60))
    assert len({tuple(t) for t in model.sample(20, greedy=True, max_length=8)}) == 1
    assert model.sample(5, random_state=4) == model.sample(5, random_state=4)
    assert model.sample(5, random_state=4) != model.sample(5, random_state=5)
    only = model.sample(200, top_k=1, max_length=8, random_state=0)
    assert {tuple(t) for t in only} == {
        tuple(t) for t in model.sample(1, greedy=True, max_length=8)
    }
    begun = model.sample(50, beginning=["c", "d"], random_state=0)
    assert all(t[:2] == ["c", "d"] for t in begun)
    # A word outside the nucleus is never first.
    chances = model.next_words((), 10)
    inside = [w for i, (w, _) in enumerate(chances) if sum(p for _, p in chances[:i]) < 0.5]
    firsts = Counter(t[0] if t else "</s>" for t in model.sample(500, top_p=0.5, random_state=1))
    assert set(firsts) == set(inside)


@pytest.mark.parametrize("smoothing", ["kneser-ney", "witten-bell"])
def test_correction_is_the_best_of_all_texts(smoothing: str) -> None:
    """Viterbi under the channel against every text of the same length."""
    texts = random_texts(2, n=50, n_words=4)
    model = hm.NGram(3, smoothing=smoothing).fit(texts)
    chain = Chain(texts, 3, smoothing)
    p = 0.4
    for noisy in (["a", "c", "b"], ["d", "d", "a"], ["b", "a", "c"]):
        scores = {}
        for clean in itertools.product("abcd", repeat=3):
            same = sum(x == y for x, y in zip(clean, noisy, strict=True))
            channel = same * np.log(1 - p + p / 4) + (3 - same) * np.log(p / 4)
            scores[clean] = chain.log_prob(list(clean)) + channel
        (clean,) = model.correct([noisy], noise=hm.noise.Replace(p))
        assert scores[tuple(clean)] == pytest.approx(max(scores.values()), rel=1e-9)
        weights = np.exp(np.array(list(scores.values())))
        number = {words: i for i, words in enumerate(scores)}
        drawn = model.correct(
            [noisy] * 2500, noise=hm.noise.Replace(p), how="sample", random_state=0
        )
        assert_drawn_from(np.array([number[tuple(d)] for d in drawn]), weights / weights.sum())
