"""Labels beside pixels: ``python -m benchmarks.attributes FASHION.npz``.

An RBM learns P(x, y) of thresholded clothes and their labels on four fifths; P(y | x) on the fifth
that was held out, beside logistic regression on pixels and on the hidden units of an RBM that
never saw a label. Also: do draws given a label look like it, to a classifier of pixels?
"""

from __future__ import annotations

import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import harmonium as hm


def main() -> None:
    """Print accuracies."""
    data = np.load(sys.argv[1])
    rows = (data["images"].reshape(len(data["images"]), -1) > 127).astype(np.uint8)
    X, held, y, truth = train_test_split(
        rows, data["labels"], test_size=0.2, random_state=0, stratify=data["labels"]
    )
    pixels = LogisticRegression(C=0.01, max_iter=300).fit(X, y)
    print(f"logistic regression on pixels: {pixels.score(held, truth):.4f}", flush=True)
    started = time.perf_counter()
    alone = hm.RBM(256, n_updates=20_000, random_state=0).fit(X)
    hidden = LogisticRegression(C=0.1, max_iter=300).fit(alone.transform(X), y)
    print(
        f"logistic regression on transform(X): {hidden.score(alone.transform(held), truth):.4f}, ",
        end="",
    )
    print(f"{time.perf_counter() - started:.0f} s", flush=True)
    started = time.perf_counter()
    model = hm.RBM(256, n_updates=20_000, random_state=0).fit(X, y)
    said = np.array(model.attribute_classes_)[model.attribute_proba(held).argmax(1)]
    print(f"P(y | x) of the RBM of both: {np.mean(said == truth):.4f}, ", end="")
    print(f"{time.perf_counter() - started:.0f} s", flush=True)
    right = [
        np.mean(pixels.predict(model.sample(50, attributes=label, random_state=0)) == label)
        for label in model.attribute_classes_
    ]
    print(f"draws given a label that the classifier of pixels calls by it: {np.mean(right):.3f}")


if __name__ == "__main__":
    main()
