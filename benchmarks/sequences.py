"""Aligned sequences: ``python -m benchmarks.sequences FOLDER [WHAT FAMILY SECONDS N_COMPONENTS]``.

FOLDER holds ``NAME.fasta``, and of some ``NAME_*.npy``, contacts of a structure beside ``_valid``
marks of the columns it shows. WHAT is some of ``weights,fit,clusters`` (all unless told), with
commas; FAMILY is some of ``ww,kunitz,rf00379``.

- weights: seconds of ``Alignment.weights`` at 10,000 random sequences of 100 columns and, beside
  them, of one comparison a sequence in torch, as adabmDCA makes them; values are the same.
- fit: an RBM of N_COMPONENTS (100 unless told) units is learned for SECONDS (120) from four
  fifths of the sequences drawn at random: nats a site of the other fifth, with log Z's error;
  Pearson and slope of connected correlations of 2,000 draws beside those of the weighted
  sequences; and the share of contacts among the L/2, L and 2 L best-scored pairs of |i - j| > 4, L
  the columns that the structure shows.
- clusters: the same likelihood where no sequence left out is 80% identical to one learned from.

Seconds are of this machine; CPU seconds are told beside.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import harmonium as hm

ALPHABET = {"rf00379": "rna"}
CONTACTS = {"kunitz": "kunitz_1dtx_8A", "rf00379": "rf00379_4qln_10A"}
#: Unseen nats a site of the best peer, and what is to reach.
PEERS = {"ww": (-1.337, -1.31), "kunitz": (-1.558, -1.53), "rf00379": (-0.656, -0.635)}


def weights() -> None:
    source = np.random.default_rng(0)
    states = source.integers(0, 21, (10_000, 100))
    letters = np.array(list("-ACDEFGHIKLMNPQRSTVWY"))[states]
    found = hm.Alignment.from_sequences(["".join(row) for row in letters])
    found[:100].weights()  # compiles
    began, cpu = time.perf_counter(), time.process_time()
    own = found.weights(0.8)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    rows, n = torch.from_numpy(states), 200
    began = time.perf_counter()
    other = [1.0 / float(((row == rows).sum(1) / 100 >= 0.8).sum()) for row in rows[:n]]
    peer = (time.perf_counter() - began) * len(states) / n
    assert own[:n].tolist() == other
    print(f"weights: {took:.3f} s ({cpu:.3f} CPU), one by one {peer:.1f} s, 1/{peer / took:.0f}")


def read(folder: Path, name: str) -> hm.Alignment:
    return hm.Alignment.read(folder / f"{name}.fasta", ALPHABET.get(name, "protein"))


def shuffled(found: hm.Alignment) -> tuple[hm.Alignment, hm.Alignment]:
    order = np.random.default_rng(0).permutation(len(found))
    cut = len(found) // 5
    return found[order[cut:]], found[order[:cut]]


def correlations(found: hm.Alignment, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Connected correlations of all pairs of letters in two columns."""
    n, n_columns = found.shape
    k = len(found.alphabet)
    wide = np.eye(k)[found.states].reshape(n, -1)
    share = weight / weight.sum()
    mean = share @ wide
    joint = (wide * share[:, None]).T @ wide - np.outer(mean, mean)
    i, j = np.triu_indices(n_columns, 1)
    return joint.reshape(n_columns, k, n_columns, k)[i, :, j, :].ravel()


def precisions(model: hm.RBM, folder: Path, name: str) -> list[float]:
    true = np.load(folder / f"{CONTACTS[name]}.npy").astype(bool)
    valid = np.load(folder / f"{CONTACTS[name]}_valid.npy").astype(bool)
    found = hm.sequences.contacts(model)
    found = found[((found.j - found.i) > 4) & valid[found.i] & valid[found.j]]
    hits, n_columns = true[found.i, found.j], int(valid.sum())
    return [float(hits[:n].mean()) for n in (n_columns // 2, n_columns, 2 * n_columns)]


def learned(train: hm.Alignment, test: hm.Alignment, seconds: float, n: int, what: str) -> hm.RBM:
    began, cpu = time.perf_counter(), time.process_time()
    model = hm.RBM(n, time_limit=seconds, random_state=0).fit(train)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what}: {model.n_updates_} updates, {took:.0f} s, {cpu:.0f} CPU s")
    log_z, site = model.log_partition(), test.shape[1]
    print(
        f"  unseen {model.score(test) / site:.4f} nats a site of {len(test)}, learned from "
        f"{np.average(model.score_samples(train), weights=train.weights()) / site:.4f} weighted; "
        f"log Z {log_z}",
        flush=True,
    )
    return model


def fit(folder: Path, name: str, seconds: float, n: int) -> None:
    found = read(folder, name)
    train, test = shuffled(found)
    model = learned(train, test, seconds, n, f"{name}, any fifth {PEERS[name]}")
    drawn = model.sample(2000, random_state=0)
    mine, theirs = correlations(drawn, np.ones(2000)), correlations(train, train.weights())
    slope = float(mine @ theirs / (theirs @ theirs))
    print(f"  correlations: Pearson {np.corrcoef(mine, theirs)[0, 1]:.3f}, slope {slope:.3f}")
    if name in CONTACTS:
        print("  contacts:", *(f"{share:.3f}" for share in precisions(model, folder, name)))


def clusters(folder: Path, name: str, seconds: float, n: int) -> None:
    train, test = read(folder, name).split(0.2, clusters=0.8, random_state=0)
    learned(train, test, seconds, n, f"{name}, clusters left out")


def main() -> None:
    folder = Path(sys.argv[1])
    unless_told = ["weights,fit,clusters", "ww,kunitz,rf00379", "120", "100"]
    told = [*sys.argv[2:], *unless_told[len(sys.argv) - 2 :]]
    what, names = told[0].split(","), told[1].split(",")
    if "weights" in what:
        weights()
    for name in names:
        for one in (fit, clusters):
            if one.__name__ in what:
                one(folder, name, float(told[2]), int(told[3]))


if __name__ == "__main__":
    main()
