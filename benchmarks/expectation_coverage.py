"""How often the error bars of expectations hold the truth, on models small enough to be summed.

    python -m benchmarks.expectation_coverage [--models 0:60] [--repeats 6] [--methods gibbs]

Half of the models are random, half trained on hard tables (`benchmarks.coverage`, those of at most
16 columns). Of each, four averages are asked at once: a column, a product of two, the number of
ones, and its square. Printed for each method: the share of runs whose status is ok, the share of
their 95% intervals that hold, and the root mean squared error in units of the error bar (above 1:
bars are too short).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter

import numpy as np
from benchmarks.coverage import Z_95, trained
from numpy.typing import NDArray

import harmonium as hm

METHODS = ("gibbs", "importance", "uniform")
MAX_COLUMNS = 16
N_SAMPLES = 4000


def random_model(seed: int) -> hm.RBM:
    source = np.random.default_rng([7, seed])
    n_visible, n_hidden = source.integers(4, 13), source.integers(1, 7)
    scale = source.choice([0.3, 0.8, 1.5, 2.5])
    weights = source.normal(0, scale, (n_visible, n_hidden))
    biases = source.normal(size=n_visible), source.normal(size=n_hidden)
    return hm.RBM.from_parameters(weights, *biases)


def models(first: int, end: int) -> list[hm.RBM]:
    found: list[hm.RBM] = []
    for number in range(first, end):
        found.append(random_model(number))
    number = 10_000 + first
    while len(found) < 2 * (end - first):
        facts, model = trained(number)
        if facts["columns"] <= MAX_COLUMNS:
            found.append(model)
        number += 1
    return found


def several(x: NDArray[np.float64]) -> NDArray[np.float64]:
    ones = x.sum(axis=1)
    return np.stack([x[:, 0], x[:, 1] * x[:, 2], ones, ones**2], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="0:60", metavar="FIRST:END")
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=(*METHODS, "tempered"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    asked = models(*(int(part) for part in arguments.models.split(":")))
    halves = {"random": asked[: len(asked) // 2], "trained": asked[len(asked) // 2 :]}
    print("| method | models | runs that are ok | intervals that hold | rms z | seconds a run |")
    print("|---|---|---|---|---|---|")
    for method in arguments.methods:
        for kind, some in halves.items():
            words: Counter[str] = Counter()
            z, started = [], time.process_time()
            truths = [hm.expectation(model, several, method="exact").value for model in some]
            for seed in range(arguments.repeats * len(some)):
                model, truth = some[seed % len(some)], truths[seed % len(some)]
                found = hm.expectation(
                    model, several, method=method, n_samples=N_SAMPLES, random_state=seed
                )
                words[str(found.status)] += 1
                if found.status == "ok":
                    z.append((found.value - truth) / found.std_error)
            off = np.concatenate(z) if z else np.zeros(0)
            print(
                f"| {method} | {kind} | {words['ok']} of {words.total()} | "
                f"{np.mean(np.abs(off) <= Z_95):.3f} of {off.size} | "
                f"{np.sqrt(np.mean(off**2)):.3f} | "
                f"{(time.process_time() - started) / words.total():.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
