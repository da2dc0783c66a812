"""Labels beside pixels: ``python -m benchmarks.attributes FASHION.npz [N_COMPONENTS N_UPDATES]``.

An RBM learns P(x, y) of thresholded clothes and their labels on four fifths; P(y | x) on the fifth
that was held out, beside logistic regression on pixels and on the hidden units of an RBM that
never saw a label, by the discriminative share of the objective; 256 hidden units and 20,000 updates
unless told. Also: do draws given a label look like it, to a classifier of pixels?
"""

from __future__ import annotations

import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import harmonium as hm

#: Shares of log P(y | x) in the objective.
SHARES = (0.0, 0.5, 0.9, 0.99, 1.0)


def main() -> None:
    """Print accuracies."""
    n_components, n_updates = (int(word) for word in (sys.argv[2:] or (256, 20_000)))
    data = np.load(sys.argv[1])
    rows = (data["images"].reshape(len(data["images"]), -1) > 127).astype(np.uint8)
    X, held, y, truth = train_test_split(
        rows, data["labels"], test_size=0.2, random_state=0, stratify=data["labels"]
    )
    pixels = LogisticRegression(C=0.01, max_iter=300).fit(X, y)
    print(f"logistic regression on pixels: {pixels.score(held, truth):.4f}", flush=True)
    started = time.perf_counter()
    alone = hm.RBM(n_components, n_updates=n_updates, random_state=0).fit(X)
    hidden = LogisticRegression(C=0.1, max_iter=300).fit(alone.transform(X), y)
    print(
        f"logistic regression on transform(X): {hidden.score(alone.transform(held), truth):.4f}, ",
        end="",
    )
    print(f"{time.perf_counter() - started:.0f} s", flush=True)
    for share in SHARES:
        started = time.perf_counter()
        model = hm.RBM(n_components, n_updates=n_updates, discriminative=share, random_state=0).fit(
            X, y
        )
        taken = time.perf_counter() - started
        chances = model.attribute_proba(held)
        said = np.array(model.attribute_classes_)[chances.argmax(1)]
        right = np.searchsorted(model.attribute_classes_, truth)
        loss = -np.log(chances[np.arange(len(held)), right]).mean()
        print(f"P(y | x), share {share}: {np.mean(said == truth):.4f}, ", end="")
        print(f"log loss {loss:.3f}, {model.n_updates_} updates in {taken:.0f} s", flush=True)
        if share == 0.0:
            drawn_by(model, pixels)


def drawn_by(model: hm.RBM, pixels: LogisticRegression) -> None:
    """Print how many draws given a label the classifier of pixels calls by it."""
    right = [
        np.mean(pixels.predict(model.sample(50, attributes=label, random_state=0)) == label)
        for label in model.attribute_classes_
    ]
    print(f"draws given a label that the classifier of pixels calls by it: {np.mean(right):.3f}")


if __name__ == "__main__":
    main()
