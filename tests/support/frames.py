"""A small frame of every kind of column, and a machine that learns it in a moment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import harmonium as hm


def people(n: int = 200, seed: int = 0, holes: float = 0.0) -> pd.DataFrame:
    """Columns that depend on one another; a share of the cells missing at random."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40.0, 12.0, n)
    job = np.where(age > 45, "clerk", np.where(rng.random(n) < 0.5, "cook", "baker"))
    frame = pd.DataFrame(
        {
            "age": age,
            "job": job,
            "owner": rng.random(n) < 1 / (1 + np.exp(-(age - 40) / 5)),
            "children": rng.poisson(np.clip((age - 20) / 12, 0.1, None)),
        },
        index=np.arange(n) + 100,
    )
    if holes:
        gone = rng.random(frame.shape) < holes
        gone[np.arange(n), rng.integers(0, 4, n)] = False  # of each row something is known
        frame = frame.astype({"owner": "boolean", "children": "Int64"}).mask(gone)
    return frame


def quick(**settings: Any) -> hm.RBM:
    """A machine that is judged for being consistent, not for being good."""
    given = {"n_updates": 150, "validation_fraction": 0, "random_state": 0}
    return hm.RBM(6, **(given | settings))
