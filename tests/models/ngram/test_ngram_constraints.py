"""Texts that must hold something, against every text there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.models.ngram.test_ngram_exact import METHODS, random_texts
from tests.support.statistics import ALPHA, assert_drawn_from, chi_square_p_value

import harmonium as hm
from harmonium.models.ngram.asking import ahead

pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")

LONGEST = 6
EVERY = [list(t) for n in range(LONGEST + 1) for t in itertools.product("abc", repeat=n)]
#: Their lines are those of the first, and counting them doubles the time of a long test.
UNCOUNTED = [pytest.param(name, marks=pytest.mark.no_cover) for name in METHODS[1:]]
ASKED = [
    {},
    {"contains": ["a b"]},
    {"contains": ["a b a", "b a b"]},
    {"contains": ["a", "b", "c", "a"], "ends_with": "b"},
    {"contains": ["b a"], "begins_with": "a b", "ends_with": "a"},
    {"contains": ["c", "b c"], "begins_with": ["c"]},
]


def model_of(smoothing: str, order: int, seed: int = 0) -> hm.NGram:
    return hm.NGram(order, smoothing=smoothing, k=0.4).fit(random_texts(seed, n=15, n_words=3))


def meets(text, low, high, contains=(), begins_with=(), ends_with=()) -> bool:
    """The constraints in plain loops over a text."""

    def places(phrase):
        phrase = phrase.split() if isinstance(phrase, str) else list(phrase)
        n = len(phrase)
        return [i for i in range(len(text) - n + 1) if text[i : i + n] == phrase], n

    found, n = places(ends_with)
    return (
        low <= len(text) <= high
        and all(places(phrase)[0] for phrase in contains)
        and 0 in places(begins_with)[0]
        and len(text) - n in found
    )


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("smoothing", METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_sums_and_the_best_text_against_every_text(order, smoothing, asked):
    model = model_of(smoothing, order)
    for low, high in ((0, LONGEST), (3, 5), (4, 4)):
        wanted = [text for text in EVERY if meets(text, low, high, **asked)]
        log_p = model.score_samples(wanted)
        found = model.log_proba_of(**asked, length=(low, high))
        np.testing.assert_allclose(found, np.logaddexp.reduce(log_p), rtol=1e-11)
        if found == -np.inf:
            with pytest.raises(ValueError, match="no text meets"):
                model.complete(**asked, length=(low, high))
            continue
        (best,) = model.complete(**asked, length=(low, high))
        assert best in wanted
        assert model.score_samples([best])[0] == pytest.approx(log_p.max(), rel=1e-12)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("smoothing", METHODS)
def test_sums_without_end_are_those_of_very_long_texts(smoothing, asked):
    model = model_of(smoothing, 3)
    for low in (0, 7):
        far = model.log_proba_of(**asked, length=(low, 1500))
        assert model.log_proba_of(**asked, length=(low, None)) == pytest.approx(far, abs=1e-10)
        if far == -np.inf:
            continue
        best = model.complete(**asked, length=(low, None))
        assert best == model.complete(**asked, length=(low, 60))


def test_all_texts_sum_to_one_with_unknown_words() -> None:
    for order in (1, 3):
        model = model_of("witten-bell", order)
        assert model.log_proba_of(unknown=True) == pytest.approx(0.0, abs=1e-10)
        assert model.log_proba_of() < -1e-3


def test_unknown_words_count_where_asked() -> None:
    model, asked = model_of("kneser-ney", 2), {"contains": ["a b"], "length": (0, 4)}
    texts = [list(t) for n in range(5) for t in itertools.product("abcz", repeat=n)]
    log_p = model.score_samples([t for t in texts if meets(t, 0, 4, ["a b"])])
    assert model.log_proba_of(**asked, unknown=True) == pytest.approx(np.logaddexp.reduce(log_p))


@pytest.mark.parametrize("smoothing", METHODS)
def test_draws_follow_the_posterior(smoothing):
    model, asked = model_of(smoothing, 3), {"contains": ["a b", "b c"], "ends_with": "c"}
    wanted = [text for text in EVERY if meets(text, 2, 6, **asked)]
    p = np.exp(model.score_samples(wanted) - model.log_proba_of(**asked, length=(2, 6)))
    number = {tuple(text): i for i, text in enumerate(wanted)}
    drawn = model.sample(20_000, **asked, length=(2, 6), random_state=1)
    indices = np.array([number[tuple(text)] for text in drawn])
    assert_drawn_from(indices, p)
    # The chain's own words, kept where they meet the constraints, or evenly drawn texts do not.
    assert (
        chi_square_p_value(np.bincount(indices, minlength=len(p)), np.full(len(p), 1 / len(p)))
        < ALPHA
    )
    again = [model.sample(50, **asked, length=(2, 6), random_state=1) for _ in range(2)]
    assert again[0] == again[1]


def test_draws_without_end_follow_the_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = model_of("kneser-ney", 3), {"contains": ["b a"]}
    total = model.log_proba_of(**asked)
    short = [text for text in EVERY if meets(text, 0, LONGEST, **asked)]
    p = np.exp(model.score_samples(short) - total)
    number = {tuple(text): i for i, text in enumerate(short)}

    def counts(seed):
        drawn = model.sample(20_000, **asked, random_state=seed)
        indices = [number.get(tuple(text), len(short)) for text in drawn]
        return np.bincount(indices, minlength=len(short) + 1)

    p = np.append(p, 1.0 - p.sum())  # all longer texts together
    assert chi_square_p_value(counts(2), p) > ALPHA
    # Sums that are broken off too early draw texts that are too short.
    monkeypatch.setattr(ahead, "_WINDOW", 1)
    monkeypatch.setattr(ahead, "_rest", lambda before, window, total: {})
    assert chi_square_p_value(counts(3), p) < ALPHA


def test_layers_worked_out_again_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = model_of("kneser-ney", 3), {"contains": ["b a", "c"], "length": (3, 40)}
    kept = model.sample(200, **asked, random_state=0), model.complete(**asked)
    monkeypatch.setattr(ahead, "_MOST_BYTES", 1)
    assert (model.sample(200, **asked, random_state=0), model.complete(**asked)) == kept


@pytest.mark.parametrize("smoothing", [METHODS[0], *UNCOUNTED])
def test_fillings_that_meet_constraints(smoothing):
    model, asked = model_of(smoothing, 3), {"contains": ["a b"], "ends_with": ["b"]}
    for text in (["a", None, None, "c", None], [None, None, "b"], [None] * 4):
        fillings = [
            one
            for one in EVERY
            if len(one) == len(text)
            and all(t in (None, w) for t, w in zip(text, one, strict=True))
            and meets(one, 0, 9, **asked)
        ]
        p = np.exp(model.score_samples(fillings))
        if not p.sum():
            with pytest.raises(ValueError, match="no filling meets"):
                model.complete([text], **asked)
            continue
        (best,) = model.complete([text], **asked)
        assert p[fillings.index(best)] == pytest.approx(p.max(), rel=1e-12)
        number = {tuple(one): i for i, one in enumerate(fillings)}
        drawn = model.complete([text] * 1000, how="sample", **asked, random_state=0)
        assert_drawn_from(np.array([number[tuple(d)] for d in drawn]), p / p.sum())
    (left,) = model_of("add-k", 2).complete([["zz", None]], contains=["a"])
    assert left == ["zz", "a"]


@pytest.mark.no_cover  # counting its lines, which others run, doubles its time
def test_long_phrases_do_not_vanish() -> None:
    """P of a text of 400 words is below what a float holds."""
    model = model_of("kneser-ney", 3)
    text = ["a", "b", "c", "c"] * 100
    asked = {"contains": [text], "length": (400, 400)}
    assert model.log_proba_of(**asked) == pytest.approx(model.score_samples([text])[0], rel=1e-12)
    assert model.score_samples([text])[0] < -350
    assert model.complete(**asked) == model.sample(1, **asked) == [text]


def test_strings_in_strings_out() -> None:
    model = hm.NGram(2).fit(["the film was good", "the plot was bad", "a bad film"])
    (best,) = model.complete(contains=["bad film"], begins_with="the", length=(4, 6))
    assert best.startswith("the ")
    assert "bad film" in best
    assert all("plot" in text.split() for text in model.sample(5, contains=["plot"]))
    (filled,) = model.complete(["the ___ was ___"], contains=["plot"], random_state=0)
    assert filled.startswith("the plot was")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"contains": "a b"}, "contains must be a list"),
        ({"contains": ["a zz"]}, "contains: 'zz' is no word"),
        ({"ends_with": "<s>"}, "ends_with: '<s>' is no word"),
        ({"contains": [""]}, "a phrase must have a word"),
        ({"contains": [3]}, "a phrase must be a string"),
        ({"contains": ["a b c", "c a"], "length": (0, 3)}, "length must leave room.* 4 at least"),
        ({"begins_with": "a b", "ends_with": "c", "length": (1, 2)}, "length must leave room"),
        ({"length": (3, 2)}, "low <= high"),
        ({"length": 5}, r"length must be \(low, high\)"),
        ({"length": (1, 2.5)}, r"length\[1\]"),
        ({"contains": [f"a {x} {y} {z}" for x in "abc" for y in "ab" for z in "ab"]}, "at most 10"),
    ],
)
def test_wrong_constraints_are_refused(asked, message):
    model = model_of("kneser-ney", 2)
    for ask in (model.sample, model.complete, model.log_proba_of):
        with pytest.raises((ValueError, TypeError), match=message):
            ask(**asked)


def test_what_does_not_go_together() -> None:
    model = model_of("kneser-ney", 2)
    for more in ({"greedy": True}, {"max_length": 5}, {"beginning": "a"}, {"condition": [None]}):
        with pytest.raises(ValueError, match=f"{next(iter(more))}.*does not go with"):
            model.sample(contains=["a"], **more)
    with pytest.raises(ValueError, match="X is missing"):
        model.complete()
    with pytest.raises(ValueError, match="text 0 has 2 words"):
        model.complete([["a", None]], length=(3, 4))
    with pytest.raises(ValueError, match="does not begin"):
        model.complete([["a", None]], begins_with="b")


def test_perplexity_names_its_unknown_share() -> None:
    model = model_of("kneser-ney", 2)
    assert model.unknown_share([["a", "zz"], ["b", "c"], []]) == 0.25
    assert model.unknown_share([["a"]]) == 0.0
    texts = [["a", "zz"], ["b"]]
    for end, n in ((True, 5), (False, 3)):
        log_p = model.score_samples(texts, end=end).sum()
        assert model.perplexity(texts, end=end) == pytest.approx(np.exp(-log_p / n), rel=1e-12)


@pytest.mark.parametrize(
    ("after_b", "said"),
    [
        ({"b": {"a": 1.0, "</s>": 1e-17}}, "a b"),
        ({"b": {"a": 1.0, "c": 1e-17}, "c": {"d": 1.0}, "d": {"</s>": 1.0}}, "a b c d"),
        ({"b": {"a": 1.0, "c": 1e-17}, "c": {"b": 1.0, "</s>": 1e-17}}, "a b c"),
    ],
)
@pytest.mark.parametrize("length", [None, (5, None)])
def test_a_best_text_ends_where_rounding_makes_a_circle_certain(after_b, said, length):
    """A way out that a double cannot tell from zero: no text must go round for ever."""
    model = hm.NGram.from_tables({(): {"a": 1.0}, "a": {"b": 1.0}, **after_b})
    (found,) = model.complete(contains=["a"], length=length)
    whole, way_out = found.split(), said.split()
    assert whole[:2] == ["a", "b"]
    assert whole[-1] == way_out[-1]
    best = model.score_samples([said])[0]
    assert model.score_samples([found])[0] == pytest.approx(best, rel=1e-9)
