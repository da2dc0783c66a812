"""Texts with words put in, left out and replaced, against every clean text that is likely."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.models.ngram.test_ngram_exact import random_texts
from tests.support.statistics import ALPHA, assert_drawn_from, chi_square_p_value

import harmonium as hm

pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")

CLEAN = [list(t) for n in range(9) for t in itertools.product("ab", repeat=n)]


def likelihood(noisy, clean, noise, n_known):
    """P(noisy | clean), by all alignments."""
    reach = np.zeros((len(clean) + 1, len(noisy) + 1))
    reach[0, 0] = 1.0
    for i, j in itertools.product(range(len(clean) + 1), range(len(noisy) + 1)):
        if j < len(noisy):
            reach[i, j + 1] += reach[i, j] * noise.insert / n_known
        if i < len(clean):
            on = reach[i, j] * (1 - noise.insert)
            reach[i + 1, j] += on * noise.delete
            if j < len(noisy):
                same = (1 - noise.substitute) * (clean[i] == noisy[j])
                p = same + noise.substitute / n_known
                reach[i + 1, j + 1] += on * (1 - noise.delete) * p
    return reach[-1, -1] * (1 - noise.insert)


@pytest.mark.parametrize(("smoothing", "order"), [("kneser-ney", 3), ("mle", 2), ("add-k", 2)])
@pytest.mark.parametrize(
    "noisy",
    [
        ["a", "b"],
        pytest.param(["b", "b", "a"], marks=pytest.mark.no_cover),  # twice as long, same lines
        pytest.param([], marks=pytest.mark.no_cover),
    ],
)
def test_the_best_and_draws_against_every_text(smoothing, order, noisy):
    model = hm.NGram(order, smoothing=smoothing).fit(random_texts(1, n=15, n_words=2))
    for noise in (hm.noise.Edits(0.2, 0.15, 0.1), hm.noise.Edits(delete=0.1)):
        p = np.exp(model.score_samples(CLEAN))
        p *= [likelihood(noisy, clean, noise, 2) for clean in CLEAN]
        if not p.sum():
            continue
        (best,) = model.correct([noisy], noise=noise)
        assert p[CLEAN.index(best)] == pytest.approx(p.max(), rel=1e-10)
        number = {tuple(clean): i for i, clean in enumerate(CLEAN)}
        drawn = model.correct([noisy] * 2000, noise=noise, how="sample", random_state=0)
        # Nine words or more are left out of the list; their share is below 1e-5.
        indices = np.array([number[tuple(d)] for d in drawn])
        assert_drawn_from(indices, p / p.sum())
        other = np.array([likelihood(noisy, c, hm.noise.Edits(0.2, 0.3, 0.3), 2) for c in CLEAN])
        other *= np.exp(model.score_samples(CLEAN))
        counts = np.bincount(indices, minlength=len(p))
        assert chi_square_p_value(counts, other / other.sum()) < ALPHA


def test_without_edits_it_is_replacing() -> None:
    model = hm.NGram(3).fit(random_texts(2, n=50, n_words=4))
    for noisy in (["a", "c", "b"], ["d", "zz", "a"]):
        (clean,) = model.correct([noisy], noise=hm.noise.Edits(0.4))
        assert [clean] == model.correct([noisy], noise=hm.noise.Replace(0.4))


def test_a_dropped_and_a_doubled_word_are_repaired() -> None:
    model = hm.NGram(3).fit(["it is worth seeing", "the film was fine"] * 30)
    noise = hm.noise.Edits(0.01, 0.02, 0.02)
    noisy = ["it is seeing", "the film film was fine", "the film was fine"]
    clean = ["it is worth seeing", "the film was fine", "the film was fine"]
    assert model.correct(noisy, noise=noise) == clean


def test_wrong_edits_are_refused() -> None:
    for wrong in ({"substitute": 2}, {"insert": 1.0}, {"delete": 1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            hm.noise.Edits(**wrong)
    with pytest.raises(ValueError, match="back off"):
        hm.NGram(3, smoothing="add-k").fit(["a b"]).correct(["a"], noise=hm.noise.Edits(0.1))
    with pytest.raises(ValueError, match="noise must be"):
        hm.RBM.from_parameters(np.zeros((2, 1)), np.zeros(2), np.zeros(1)).correct(
            np.zeros((1, 2)), noise=hm.noise.Edits(0.1)
        )
