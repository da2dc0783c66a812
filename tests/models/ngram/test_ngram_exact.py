"""The n-gram chain against the plain chain of dictionaries, word by word and text by text."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.ngram_oracle import Chain

import harmonium as hm
from harmonium.models.ngram.asking import lattice
from harmonium.models.ngram.smoothing import DiscountWarning

METHODS = ["kneser-ney", "witten-bell", "mle", "add-k"]
pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")


def random_texts(seed: int, n: int = 30, n_words: int = 5) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    words = [chr(97 + i) for i in range(n_words)]
    chances = rng.dirichlet(np.ones(n_words), size=n_words)
    texts = []
    for _ in range(n):
        text = [words[rng.integers(n_words)]]
        for _ in range(rng.integers(0, 6)):
            text.append(words[rng.choice(n_words, p=chances[ord(text[-1]) - 97])])
        texts.append(text)
    return texts


def pair(seed: int, order: int, smoothing: str, **extra: int) -> tuple[hm.NGram, Chain]:
    texts = random_texts(seed, **extra)
    return hm.NGram(order, smoothing=smoothing, k=0.3).fit(texts), Chain(
        texts, order, smoothing, 0.3
    )


@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_every_conditional_is_the_papers_formula(order: int, smoothing: str) -> None:
    model, chain = pair(order, order, smoothing)
    contexts = [c for n in range(min(order, 4)) for c in itertools.product("abz", repeat=n)]
    contexts = [c for c in contexts if c] + [("<s>", "a"), ("<s>", "z", "b"), ("<s>",)]
    for context in contexts:
        if order == 1 and context == ("<s>",):
            continue
        kept = context[-(order - 1) :] if order > 1 else ()
        for word in ["a", "b", "e", "</s>", "never seen"]:
            assert model.prob(word, context) == pytest.approx(
                chain.prob(word, tuple(kept)), rel=1e-12, abs=1e-300
            ), (word, context)


@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_text_scores_are_products_of_conditionals(order: int, smoothing: str) -> None:
    model, chain = pair(7, order, smoothing)
    texts = [*random_texts(8), [], ["a"], ["zz", "a", "b"], ["a", "zz", "zz", "b", "c"]]
    for end in (True, False):
        wanted = [chain.log_prob(text, end) for text in texts]
        np.testing.assert_allclose(model.score_samples(texts, end=end), wanted, rtol=1e-12)


@pytest.mark.parametrize("smoothing", METHODS)
def test_conditionals_sum_to_one(smoothing: str) -> None:
    """Over all words that can follow: ``<s>`` is none of them."""
    model, _ = pair(3, 3, smoothing)
    words = model.vocabulary_
    for n in range(3):
        for context in itertools.product(["a", "b", "e", "never seen"], repeat=n):
            for asked in (context, ("<s>", *context)):
                chances = dict(model.next_words(asked, len(words)))
                if smoothing == "mle" and sum(chances.values()) == 0.0:
                    continue  # what was not seen has no followers
                assert sum(chances.values()) == pytest.approx(1.0, abs=1e-12), asked
                assert chances["<s>"] == 0.0 == model.prob("<s>", asked)
                assert model.prob("b", asked) == pytest.approx(chances["b"], rel=1e-12)


def test_mle_is_a_ratio_of_counts() -> None:
    model = hm.NGram(3, smoothing="mle").fit(["waste of time", "waste of money", "waste of time"])
    assert model.prob("time", "waste of") == pytest.approx(2 / 3, rel=1e-15)
    assert model.prob("money", "waste of") == pytest.approx(1 / 3, rel=1e-15)
    assert model.prob("of", "waste of") == 0.0


def test_words_of_a_persons_tables() -> None:
    tables = {
        (): {"more": 0.2},
        "more": {"realistic": 0.25},
        "more realistic": {"than": 0.61, "as": 0.12},
        "realistic than": {"real": 0.50},
        ("than", "real"): {"life": 0.33},
    }
    with pytest.warns(UserWarning, match="sum to less than one"):
        model = hm.NGram.from_tables(tables)
    score = model.score_samples(["more realistic than real life"], end=False)
    assert math.exp(score[0]) == pytest.approx(0.2 * 0.25 * 0.61 * 0.50 * 0.33, rel=1e-12)
    assert model.prob("more", ()) == pytest.approx(0.2, rel=1e-12)
    assert model.prob("realistic", "more") == pytest.approx(0.25, rel=1e-12)
    # All words that can follow share the rest of a column evenly, and it sums to one.
    chances = dict(model.next_words("more", len(model.vocabulary_)))
    assert sum(chances.values()) == pytest.approx(1.0, rel=1e-12)
    with pytest.warns(UserWarning, match="no table goes on"):
        drawn = model.sample(50, random_state=0)
    assert set(drawn) == {"more realistic than real life", "more realistic as"}


@pytest.mark.parametrize("column", [{"a": 0.7, "b": 0.4}, {"a": -0.1}, {"a": True}, 3])
def test_wrong_tables_are_refused(column: object) -> None:
    with pytest.raises(ValueError, match="tables"):
        hm.NGram.from_tables({"": column})


BLANKS = [
    [None],
    ["a", None],
    [None, "b", None],
    ["a", None, None, "c"],
    [None, None, None],
    ["zz", None, "b"],
]


@pytest.mark.parametrize("edges_listed", [False, True])
@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_blanks_against_brute_force(
    order: int, smoothing: str, edges_listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without edges listed every step is taken from all contexts at once."""
    if not edges_listed:
        monkeypatch.setattr(lattice, "lists_edges", lambda n_edges, n_nodes: False)
    for seed in range(3):
        model, chain = pair(seed, order, smoothing, n=12)
        for text in BLANKS:
            truth = chain.fillings(text)
            if not truth:
                with pytest.raises(ValueError, match="no word is possible"):
                    model.complete([text])
                continue
            (filled,) = model.complete([text])
            said = tuple(w for w, t in zip(filled, text, strict=True) if t is None)
            assert truth[said] == pytest.approx(max(truth.values()), rel=1e-9)
            for place, ranked in enumerate(model.blanks(text, 100)):
                marginal: dict[str, float] = {}
                for words, p in truth.items():
                    marginal[words[place]] = marginal.get(words[place], 0.0) + p
                for word, p in marginal.items():
                    assert dict(ranked).get(word, 0.0) == pytest.approx(p, abs=1e-11)


def test_impossible_blanks_are_an_error() -> None:
    model = hm.NGram(2, smoothing="mle").fit([["a", "b"], ["c", "d"]])
    with pytest.raises(ValueError, match=r"text 1.*no word is possible"):
        model.complete([["a", None], ["a", None, "d"]])


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=5), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_texts_agree_with_the_plain_chain(texts: list[list[str]]) -> None:
    if not any(texts):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiscountWarning)
        model = hm.NGram(3).fit(texts)
    chain = Chain(texts, 3, "kneser-ney")
    np.testing.assert_allclose(
        model.score_samples(texts), [chain.log_prob(t) for t in texts], rtol=1e-10, atol=1e-12
    )
