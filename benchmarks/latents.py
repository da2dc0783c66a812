"""Near in latent space? Neighbours and a linear classifier in pixels, PCA and an RBM.

    python benchmarks/latents.py [--fashion shared/data/images/fashion.npz]

Half the rows are for fitting the RBM and PCA; the figures are about the other half. Prints the
tables that docs/latents.md shows.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import harmonium as hm
from harmonium.questions.latents import neighbour_table, unit_summary


def report(name: str, rows: np.ndarray, labels: np.ndarray, n_components: int, n_updates: int):
    order = np.random.default_rng(0).permutation(len(rows))
    half = len(rows) // 2
    seen, unseen = order[:half], order[half:]
    started = time.perf_counter()
    model = hm.RBM(n_components, n_updates=n_updates, random_state=0).fit(rows[seen])
    seconds = time.perf_counter() - started
    print(
        f"\n{name}: {half} rows fitted, {len(unseen)} judged, {n_components} hidden units, "
        f"{model.n_updates_} updates, {seconds:.0f} s"
    )
    print("| space | size | same label among 10 nearest | logistic regression |")
    print("|---|---|---|---|")
    for space in neighbour_table(model, rows[unseen], labels[unseen], fitted_on=rows[seen]):
        print(
            f"| {space.name} | {space.n_dimensions} | {space.same_label:.3f} ± "
            f"{space.std_error:.3f} | {space.linear_accuracy:.3f} |",
            flush=True,
        )
    units = unit_summary(model, rows[unseen], labels[unseen])
    best = np.argsort(-units.information)[:5]
    print(
        f"units: {len(units.dead)} dead, {len(units.duplicates)} groups of duplicates; "
        f"on {units.on.min():.2f} to {units.on.max():.2f} of the time, median "
        f"{np.median(units.on):.2f}; most telling: "
        + ", ".join(f"{j} ({units.information[j]:.2f} nats)" for j in best)
        + f"; median {np.median(units.information):.3f} nats of "
        f"{-np.sum((p := np.bincount(labels) / len(labels)) * np.log(p)):.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fashion", type=Path, default=Path("shared/data/images/fashion.npz"))
    parser.add_argument("--n-updates", type=int, default=20_000)
    arguments = parser.parse_args()
    data = load_digits()
    digits = (data.data > 7).astype(np.uint8)
    for n in (32, 64):
        report("digits", digits, data.target, n, arguments.n_updates)
    if arguments.fashion.exists():
        with np.load(arguments.fashion) as stored:
            images, labels = stored["images"], stored["labels"]
        rows = (images > 127).reshape(len(images), -1).astype(np.uint8)
        for n in (64, 256):
            report("fashion", rows, labels, n, arguments.n_updates)


if __name__ == "__main__":
    main()
