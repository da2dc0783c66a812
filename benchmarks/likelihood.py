"""Log-likelihood of unseen rows with defaults: ``python -m benchmarks.likelihood DIR [names]``.

DIR holds ``<name>.npz`` with the arrays train and valid. For each: hm.RBM with defaults (500
hidden units for mnist, 256 for the rest) learns from train; then scikit-learn's BernoulliRBM
with as many units and its own defaults is given the same seconds. Both are judged on valid with
the same annealed importance sampling. A row of a Markdown table each.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.neural_network import BernoulliRBM

import harmonium as hm

NAMES = (
    "nltcs",
    "mushrooms",
    "dna",
    "jester",
    "baudio",
    "bnetflix",
    "nips",
    "moviereview",
    "mnist",
)


def judged(model: hm.RBM, valid: np.ndarray) -> str:
    """Mean log-likelihood with the standard error of log Z, and whether to trust it."""
    log_z = model.log_partition()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = model.score(valid)
    doubt = "" if log_z.status == "ok" else " (log Z doubtful)"
    return f"{score:.2f} ± {log_z.std_error:.2f}{doubt}"


def peer(train: np.ndarray, n_hidden: int, seconds: float) -> hm.RBM:
    """scikit-learn's RBM after at least `seconds` of its own epochs."""
    model = BernoulliRBM(n_hidden, random_state=0, n_iter=1)
    rows = train.astype(np.float64)
    order = np.random.default_rng(0)
    model.fit(rows[: model.batch_size])
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        shuffled = rows[order.permutation(len(rows))]
        for start in range(0, len(rows) - model.batch_size + 1, model.batch_size):
            model.partial_fit(shuffled[start : start + model.batch_size])
            if time.perf_counter() - started > seconds:
                break
    return hm.RBM.from_parameters(
        model.components_.T, model.intercept_visible_, model.intercept_hidden_
    )


def main() -> None:
    """Print the table."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or NAMES
    print("| | hidden | harmonium | seconds | updates, why it ended | BernoulliRBM |")
    print("|---|---|---|---|---|---|")
    for name in names:
        data = np.load(folder / f"{name}.npz")
        n_hidden = 500 if name == "mnist" else 256
        started = time.perf_counter()
        model = hm.RBM(n_hidden, random_state=0).fit(data["train"])
        seconds = time.perf_counter() - started
        ours = judged(model, data["valid"])
        theirs = judged(peer(data["train"], n_hidden, seconds), data["valid"])
        ended = f"{model.n_updates_:,}, {model.stop_reason_}"
        print(f"| {name} | {n_hidden} | {ours} | {seconds:.0f} | {ended} | {theirs} |", flush=True)


if __name__ == "__main__":
    main()
