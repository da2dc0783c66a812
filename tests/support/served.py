"""Small fitted models of every kind, and requests to them."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from functools import cache
from typing import Any

import numpy as np

import harmonium as hm
from harmonium.apps.serve.clerk import answer
from harmonium.apps.serve.messages import Limits, Reply, Request
from harmonium.apps.serve.shelf import Shelf

__all__ = ["asked", "models", "put", "shelf"]


@cache
def models() -> dict[str, Any]:
    """A model of every kind, by name."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (60, 6))
    jobs = rng.choice(["clerk", "cook", "smith"], 80)
    day = dt.date(2020, 1, 1)
    frame = {
        "age": [int(one) for one in rng.integers(18, 80, 80)],
        "job": [str(one) for one in jobs],
        "rich": [bool(one) for one in rng.random(80) < 0.4],
        "since": [day + dt.timedelta(days=int(one)) for one in rng.integers(0, 900, 80)],
    }
    texts = ["the movie was fine", "the film was bad", "a fine film", "it was a bad movie"] * 4
    short = {"n_updates": 30, "random_state": 0}
    images = rng.integers(0, 3, (20, 4, 4))
    family = hm.Alignment.from_sequences(["ACDE", "ACDF", "AC-E", "GCDE"] * 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            "bits": hm.RBM.from_parameters(
                rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=4)
            ),
            "people": hm.RBM(4, **short).fit(frame),
            "labelled": hm.RBM(4, **short).fit(rows, rows[:, 0] + rows[:, 1]),
            "words": hm.NGram(2).fit(texts),
            "critics": hm.BayesClassifier(hm.NGram(2)).fit(texts, ["+", "-", "+", "-"] * 4),
            "grid": hm.GridMRF(n_levels=3).fit(images),
            "net": hm.MarkovNetwork(
                [
                    hm.Factor(["rain", "wet"], [[9, 1], [1, 20]]),
                    hm.Factor(["wet", "slip"], [[5, 1], [2, 3]]),
                ]
            ),
            "spins": hm.BoltzmannMachine(**short).fit(rows),
            "family": hm.BoltzmannMachine(**short).fit(family),
        }
    return found


@cache
def shelf() -> Shelf:
    """All of them as a server has them."""
    return Shelf.of(models())


def asked(model: str, question: str, body: Any = None, **others: Any) -> Request:
    """A request; `body` as JSON unless it is bytes; None: the example's."""
    body = shelf().examples[model][question] if body is None else body
    return Request(
        model, question, body if isinstance(body, bytes) else json.dumps(body).encode(), **others
    )


def put(*requests: Request, limits: Limits | None = None) -> list[tuple[int, Any]]:
    """Status and what JSON says of each reply, worked out in this process."""
    replies: list[Reply] = answer(models(), requests, limits or Limits())
    return [(one.status, json.loads(one.body)) for one in replies]
