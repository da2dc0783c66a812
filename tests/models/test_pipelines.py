"""RBMs in scikit-learn's pipelines: names of hidden units, frames out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import harmonium as hm


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return (np.random.default_rng(0).random((80, 6)) < 0.4).astype(np.uint8)


def quick() -> hm.RBM:
    return hm.RBM(3, n_updates=30, random_state=0)


NAMES = ["rbm0", "rbm1", "rbm2"]


def test_names_and_frames(rows):
    fitted = quick().fit(rows)
    assert fitted.get_feature_names_out().tolist() == NAMES
    plain = fitted.transform(rows)
    for library, name in ((pd, "pandas"), (pl, "polars")):
        framed = quick().set_output(transform=name).fit(rows).transform(rows)
        assert isinstance(framed, library.DataFrame)
        assert list(framed.columns) == NAMES
        np.testing.assert_array_equal(framed.to_numpy(), plain)


def test_a_pipeline_that_gives_frames(rows):
    frame = pd.DataFrame(rows, columns=list("abcdef"), index=np.arange(80) + 7)
    pipeline = make_pipeline(quick(), LogisticRegression()).set_output(transform="pandas")
    pipeline.fit(frame, rows[:, 0])
    hidden = pipeline[:-1].transform(frame)
    assert hidden.columns.tolist() == NAMES
    assert hidden.index.equals(frame.index)
    assert pipeline[-1].feature_names_in_.tolist() == NAMES


def test_questions_about_hidden_units_where_all_transformers_give_frames(rows):
    fitted = quick().fit(rows)

    def asked() -> list[np.ndarray]:
        summary = hm.latents.unit_summary(fitted, rows)
        return [
            fitted.most_likely_hidden(rows),
            summary.on,
            hm.latents.walk(fitted, rows[0], rows[1]),
        ]

    plain = asked()
    with config_context(transform_output="pandas"):
        for one, other in zip(asked(), plain, strict=True):
            np.testing.assert_array_equal(one, other)
