"""Channels over words: candidates and their likelihoods against the channels' definitions."""

from __future__ import annotations

import numpy as np
import pytest
from rapidfuzz.distance import OSA

import harmonium as hm

KNOWN = ["movie", "move", "more", "a", "of", "story", "storey"]


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_replacing_is_a_distribution_over_what_is_read(p):
    """For each clean word the likelihoods of all that may be read in its place sum to one."""
    behind = hm.noise.Replace(p).clean_words(KNOWN, KNOWN)
    total = np.zeros(len(KNOWN))
    for word in KNOWN:
        clean = behind(word)
        assert clean.unknown == -np.inf
        total[clean.numbers] += np.exp(clean.log_likelihood)
    assert total == pytest.approx(np.ones(len(KNOWN)))


def test_no_replacement_looks_like_an_unknown_word():
    clean = hm.noise.Replace(0.3).clean_words(["zzz"], KNOWN)("zzz")
    assert len(clean.numbers) == 0
    assert clean.unknown == 0.0
    with pytest.raises(ValueError, match="knows words"):
        hm.noise.Replace(0.3).clean_words(["zzz"], [])


@pytest.mark.parametrize("p", [0.0, 0.05, 1.0])
def test_typing_errors_are_counted(p):
    noisy = ["moive", "movie", "stroy", "zzzzz", "o", "mroe"]
    behind = hm.noise.Typos(p).clean_words(noisy, KNOWN)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_edit, log_right = np.log(p / 53), np.log(1 - p)
        for word in noisy:
            clean = behind(word)
            near = [i for i, known in enumerate(KNOWN) if OSA.distance(word, known) <= 2]
            assert sorted(clean.numbers.tolist()) == near
            for i, found in zip(clean.numbers, clean.log_likelihood, strict=True):
                edits = OSA.distance(word, KNOWN[i])
                right = max(len(KNOWN[i]) - edits, 0)
                wanted = (edits * log_edit if edits else 0) + (right * log_right if right else 0)
                assert found == pytest.approx(wanted)
            new = -np.inf if word in KNOWN else len(word) * log_right - np.log(len(KNOWN))
            assert clean.unknown == pytest.approx(new)


@pytest.mark.parametrize("noise", [hm.noise.BitFlip(0.1), hm.noise.Gaussian(1.0), 0.1])
def test_other_noise_is_refused(noise):
    model = hm.NGram(2, smoothing="mle").fit(["a b"])
    with pytest.raises(ValueError, match=r"Replace or hm\.noise\.Typos for texts, got"):
        model.correct(["a b"], noise=noise)
