"""Boltzmann machines of aligned sequences: likelihood, correlations, contacts, speed.

    python -m benchmarks.boltzmann [FOLDER] [--families ww kunitz rf00379] [--learner pcd]

FOLDER (``../shared/data/sequences``) holds ``NAME.fasta`` and contact maps. A tenth of the
sequences, drawn by seed 123, is kept back from the fit, which sees only the rest. Printed for
each family: mean log-likelihood of the sequences kept back, nats a site, beside that of
independent sites; Pearson's correlation, and the slope, of connected correlations of 2,000 fresh
draws against all sequences learned from; PPV of the L/2, L and 2L pairs of the largest average-
product-corrected Frobenius norms, |i - j| > 4, where there is a contact map, L the columns that it
shows; seconds of each.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import harmonium as hm

LETTERS = {"protein": "-ACDEFGHIKLMNPQRSTVWY", "rna": "-ACGU"}
FAMILIES = {
    "ww": ("protein", None),
    "kunitz": ("protein", "kunitz_1dtx_8A"),
    "rf00379": ("rna", "rf00379_4qln_10A"),
}


def read(path: Path, letters: str) -> NDArray[np.int64]:
    """Sequences of a FASTA file as numbers of letters; others are gaps."""
    texts = [part.split("\n", 1)[-1] for part in path.read_text().split(">")[1:]]
    rows = ["".join(c for c in text if not c.islower() and c not in ".\n") for text in texts]
    places = {letter: i for i, letter in enumerate(letters)}
    return np.array([[places.get(c, 0) for c in row] for row in rows if row])


def connected(X: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """P(a, b) - P(a) P(b) of every pair of columns."""
    one = np.eye(k)[X].reshape(len(X), -1)
    mean = one.mean(0)
    whole = one.T @ one / len(X) - np.outer(mean, mean)
    n = X.shape[1]
    each = whole.reshape(n, k, n, k).transpose(0, 2, 1, 3)
    return each[np.triu_indices(n, 1)].ravel()


def scores(couplings: NDArray[Any]) -> NDArray[np.float64]:
    """Frobenius norms without the gap, average product corrected."""
    norms = np.sqrt((couplings[:, :, 1:, 1:].astype(float) ** 2).sum((2, 3)))
    np.fill_diagonal(norms, 0.0)
    n = len(norms)
    means = norms.sum(0) / (n - 1)
    return norms - np.outer(means, means) / (norms.sum() / (n * (n - 1)))


def ppv(found: NDArray[np.float64], folder: Path, name: str) -> list[float]:
    contacts, valid = np.load(folder / f"{name}.npy"), np.load(folder / f"{name}_valid.npy")
    n = int(valid.sum())
    i, j = np.triu_indices(len(found), 5)
    usable = valid.astype(bool)[i] & valid.astype(bool)[j]
    order = np.argsort(-np.where(usable, found[i, j], -np.inf))
    hits = contacts.astype(bool)[i, j][order]
    return [float(hits[:m].mean()) for m in (n // 2, n, 2 * n)]


def independent(kept: NDArray[np.int64], unseen: NDArray[np.int64], k: int) -> float:
    rates = np.stack([np.bincount(column, minlength=k) + 1.0 / k for column in kept.T])
    rates /= rates.sum(1, keepdims=True)
    return float(np.log(rates)[np.arange(kept.shape[1]), unseen].mean())


def judge(name: str, folder: Path, parameters: dict[str, Any]) -> None:
    alphabet, structure = FAMILIES[name]
    k = len(LETTERS[alphabet])
    X = read(folder / f"{name}.fasta", LETTERS[alphabet])
    order = np.random.default_rng(123).permutation(len(X))
    unseen, kept = X[order[: len(X) // 10]], X[order[len(X) // 10 :]]
    began, cpu = time.perf_counter(), time.process_time()
    model = hm.BoltzmannMachine(visible=k, random_state=0, **parameters).fit(kept)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{name}: {len(kept)} x {X.shape[1]}, fit {seconds:.0f} s ({cpu:.0f} s of CPU)")
    print(f"  {model.n_updates_} updates, {model.stop_reason_}, confirmed {model.confirmed_}")
    began = time.perf_counter()
    score, log_z = model.score(unseen) / X.shape[1], model.log_partition_
    alone = independent(kept, unseen, k)
    print(f"  unseen {score:.4f} a site (independent {alone:.4f}), log Z {log_z}", end="")
    print(f", effective {log_z.effective_chains:.0f}, {time.perf_counter() - began:.0f} s")
    if structure is not None:
        found = ppv(scores(model.couplings_), folder, structure)
        print("  PPV at L/2, L, 2L: " + " ".join(f"{one:.3f}" for one in found))
    began = time.perf_counter()
    drawn = model.sample(2000, random_state=1).astype(np.int64)
    one, other = connected(kept, k), connected(drawn, k)
    pearson, slope = np.corrcoef(one, other)[0, 1], np.polyfit(one, other, 1)[0]
    print(f"  correlations: Pearson {pearson:.3f}, slope {slope:.3f}", end="")
    print(f" ({time.perf_counter() - began:.0f} s of drawing)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default="../shared/data/sequences", type=Path)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--learner", default="pcd")
    parser.add_argument("--weight-decay", default="auto")
    parser.add_argument("--updates", default="auto")
    given = parser.parse_args()
    parameters: dict[str, Any] = {"learner": given.learner}
    if given.weight_decay != "auto":
        parameters["weight_decay"] = float(given.weight_decay)
    if given.updates != "auto":
        parameters["n_updates"] = int(given.updates)
    for name in given.families:
        judge(name, given.folder, parameters)


if __name__ == "__main__":
    main()
