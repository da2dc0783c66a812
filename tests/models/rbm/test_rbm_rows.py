"""Long tables of rows: answered a block at a time, and the same whatever the blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

import harmonium as hm
from harmonium.models import blocks


def wide_model(n: int = 30) -> hm.RBM:
    rng = np.random.default_rng(0)
    return hm.RBM.from_parameters(rng.normal(0, 1, (n, 4)), rng.normal(size=n), rng.normal(size=4))


QUESTIONS = {
    "score_samples": lambda m, X: m.score_samples(X),
    "free_energy": lambda m, X: m.free_energy(X),
    "transform": lambda m, X: m.transform(X),
    "sample_hidden": lambda m, X: m.sample_hidden(X, random_state=0),
    "pseudo_log_likelihood": lambda m, X: m.pseudo_log_likelihood(X),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_sparse_rows_are_never_dense_beyond_a_block(question, monkeypatch):
    monkeypatch.setattr(blocks, "_ROWS_AT_ONCE", 64)
    X = sparse.random(1000, 30, 0.1, format="csr", random_state=0)
    X.data[:] = 1
    X = X.astype(np.uint8)
    made: list[int] = []
    plain = sparse.csr_matrix.toarray

    def watched(self, *args, **kwargs):
        made.append(self.shape[0])
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_matrix, "toarray", watched)
    found = QUESTIONS[question](wide_model(), X)
    if question == "pseudo_log_likelihood":
        assert len(made) > 1
        assert max(made) <= 64
    else:
        assert made == []
    monkeypatch.setattr(blocks, "_ROWS_AT_ONCE", 5000)
    dense = plain(X)
    whole = QUESTIONS[question](wide_model(), dense)
    if question == "sample_hidden":  # other blocks draw other numbers
        assert np.isin(found, (0, 1)).all()
        p = wide_model().transform(dense)
        error = np.sqrt((p * (1 - p)).sum(0))
        assert (np.abs(found.sum(0) - p.sum(0)) < 5 * error).all()
    else:
        np.testing.assert_allclose(found, whole, rtol=1e-12)


@pytest.mark.parametrize("kind", ["none", "label", "bits"])
def test_pseudo_log_likelihood_is_a_sum_of_conditionals(kind):
    """Against P(x) of all states: the attributes, where there are any, summed out."""
    rng = np.random.default_rng(1)
    X = rng.integers(0, 2, (40, 5))
    y = {"none": None, "label": rng.integers(0, 3, 40), "bits": rng.integers(0, 2, (40, 2))}[kind]
    model = hm.RBM(3, n_updates=1, validation_fraction=0, random_state=0, temperature=0.7)
    model.fit(X, y)
    model.components_ = rng.normal(0, 1, model.components_.shape)
    model.attribute_components_ = rng.normal(0, 1, model.attribute_components_.shape)
    every = np.array(list(itertools.product((0, 1), repeat=5)))
    log_p = model.score_samples(every)
    expected = np.zeros(len(every))
    for i in range(5):
        turned = log_p[np.arange(len(every)) ^ (16 >> i)]
        expected += log_p - np.logaddexp(log_p, turned)
    np.testing.assert_allclose(model.pseudo_log_likelihood(every), expected, atol=1e-10)
