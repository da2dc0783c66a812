"""How often intervals of log Z hold the truth, on trained models small enough to be summed.

    python -m benchmarks.coverage [--models 0:1000] [--keep found.jsonl]

Each number makes a model of its own: a hard table (kinds and sizes below), an RBM whose smaller
side has at most 18 units, a learner, too few updates to too many. log Z is then estimated as if it
could not be summed, by `log_partition("ais")` (2,000 even steps) and by what `"auto"` does.
Printed, for each of them and each kind: the share of estimates whose status is ok, how many of
their 95% intervals hold the truth, and the worst misses. With `--keep`, a line of JSON a model;
numbers that are there already are not made again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import harmonium as hm
from harmonium.contract.estimates import LogZ
from harmonium.models.partition import annealed_from_bases
from harmonium.models.rbm.mixture import RBMBases

KINDS = (
    "clusters",
    "rare mode",
    "copies",
    "chain",
    "bars and stripes",
    "correlated",
    "hidden causes",
)
COLUMNS = (6, 9, 12, 16, 25, 40, 80, 200)
HIDDEN = (2, 5, 10, 18)
UPDATES = (20, 200, 1000, 4000)
LEARNERS = ("cd", "pcd", "pt", "exact")
#: The exact learner's sums over more units than this would take most of the time.
MAX_EXACT = 10
METHODS = ("ais", "auto")
Z_95 = 1.96


def rows_of(kind: str, n: int, n_columns: int, source: np.random.Generator) -> NDArray[np.uint8]:
    """A table ``(n, about n_columns)`` whose law is drawn from `source`, too."""
    uniform, one = source.random((n, n_columns)), (n, 1)
    if kind == "clusters":
        n_clusters = source.integers(2, 6)
        densities = source.beta(0.4, 0.4, (n_clusters, n_columns)).clip(0.02, 0.98)
        return _whole(uniform < densities[source.integers(0, n_clusters, n)])
    if kind == "rare mode":
        share = source.choice([0.005, 0.02, 0.05, 0.2])
        low, high = source.uniform(0.01, 0.2), source.uniform(0.8, 0.99)
        return _whole(uniform < np.where(source.random(one) < share, high, low))
    if kind == "copies":
        few = source.random((n, max(1, n_columns // 4))) < source.uniform(0.1, 0.5)
        which = source.integers(0, few.shape[1], n_columns)
        noise = uniform < source.choice([0.0, 0.02])
        return _whole(few[:, which] ^ (source.random(n_columns) < 0.5) ^ noise)
    if kind == "chain":
        drawn, kept = uniform < 0.5, source.choice([0.8, 0.9, 0.97])
        for column in range(1, n_columns):
            stays = source.random(n) < kept
            drawn[:, column] = np.where(stays, drawn[:, column - 1], drawn[:, column])
        return _whole(drawn)
    if kind == "bars and stripes":
        side = max(2, round(n_columns**0.5))
        lines = np.repeat(source.random((n, side, 1)) < 0.5, side, axis=2)
        turned = source.random((n, 1, 1)) < 0.5
        return _whole(np.where(turned, lines.transpose(0, 2, 1), lines).reshape(n, -1))
    if kind == "correlated":
        factors = source.normal(size=(n, source.integers(1, 4)))
        strength = source.uniform(1.0, 5.0)
        field = strength * factors @ source.normal(size=(factors.shape[1], n_columns))
        return _whole(field + source.normal(size=field.shape) > source.normal(size=n_columns))
    causes = source.random((n, 3)) < source.uniform(0.1, 0.6)
    field = causes @ source.normal(0, 3, (3, n_columns)) - 1.0
    return _whole(uniform < 1.0 / (1.0 + np.exp(-field)))


def _whole(table: NDArray[Any]) -> NDArray[np.uint8]:
    return table.astype(np.uint8)


def trained(number: int) -> tuple[dict[str, Any], hm.RBM]:
    """The model of this number, and what was chosen for it."""
    source = np.random.default_rng([20261124, number])
    kind = KINDS[number % len(KINDS)]
    n_columns, n_hidden = int(source.choice(COLUMNS)), int(source.choice(HIDDEN))
    learners = LEARNERS if min(n_hidden, n_columns) <= MAX_EXACT else LEARNERS[:-1]
    settings = {
        "n_components": n_hidden,
        "learner": str(source.choice(learners)),
        "n_updates": int(source.choice(UPDATES)),
        "learning_rate": [0.02, "auto", "auto", 0.3][source.integers(4)],
        "weight_decay": [0.0, "auto", "auto"][source.integers(3)],
    }
    X = rows_of(kind, int(source.choice([50, 300, 1500])), n_columns, source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the fit says of itself is not asked here
        model = hm.RBM(**settings, random_state=number).fit(X)
    return {"number": number, "kind": kind, "columns": X.shape[1], **settings}, model


def estimate(model: hm.RBM, method: str, seed: int) -> LogZ:
    if method == "ais":
        return model.log_partition("ais", random_state=seed)
    bases = RBMBases(model.build_energy(torch.float32))
    return annealed_from_bases(bases, 100, np.random.default_rng(seed), 0)


def judged(number: int) -> dict[str, Any]:
    """The facts of one model: its log Z, and what each method said and took."""
    facts, model = trained(number)
    facts["truth"] = model.log_partition("exact").value
    for method in METHODS:
        started = time.process_time()
        found = estimate(model, method, number)
        seconds = time.process_time() - started
        facts[method] = [found.value, found.std_error, str(found.status), seconds]
        facts[f"{method} effective"] = found.effective_chains
    return facts


def table_of(found: list[dict[str, Any]], method: str) -> Iterator[str]:
    """Lines about one method: all models, then kind by kind, then the worst misses."""
    seconds = np.mean([one[method][3] for one in found])
    yield f"\n{method}: {seconds:.2f} s of processor time a model"
    yield "| kind | models | ok | intervals that hold | root mean squared z | largest miss, nats |"
    yield "|---|---|---|---|---|---|"
    for kind in ("all", *KINDS):
        here = [one for one in found if kind in ("all", one["kind"])]
        fine = [one for one in here if one[method][2] == "ok"]
        if not fine:
            continue
        off = np.array([one[method][0] - one["truth"] for one in fine])
        z = off / np.maximum([one[method][1] for one in fine], 1e-12)
        held = np.abs(z) <= Z_95
        largest = np.abs(off[~held]).max() if (~held).any() else 0.0
        yield (
            f"| {kind} | {len(here)} | {len(fine) / len(here):.3f} "
            f"| {held.mean():.3f} of {len(fine)} | {np.sqrt(np.mean(z**2)):.2f} | {largest:.3f} |"
        )
    words = Counter(one[method][2] for one in found)
    yield "status: " + ", ".join(f"{word} {count}" for word, count in words.most_common())
    misses = [one for one in found if one[method][2] == "ok"]
    misses.sort(key=lambda one: -abs(one[method][0] - one["truth"]) / max(one[method][1], 1e-12))
    for one in misses[:5]:
        value, error = one[method][:2]
        yield (
            f"  {one['number']} {one['kind']} {one['columns']}x{one['n_components']} "
            f"{one['learner']} {one['n_updates']} updates: "
            f"{value - one['truth']:+.4f} +- {error:.4f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="0:1000", metavar="FIRST:END")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    numbers = range(*(int(part) for part in arguments.models.split(":")))
    found: dict[int, dict[str, Any]] = {}
    if arguments.keep and arguments.keep.exists():
        kept = map(json.loads, arguments.keep.read_text(encoding="utf-8").splitlines())
        found = {one["number"]: one for one in kept}
    for number in numbers:
        if number in found:
            continue
        found[number] = judged(number)
        if arguments.keep:
            with arguments.keep.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(found[number]) + "\n")
    asked = [found[number] for number in numbers]
    for method in METHODS:
        print("\n".join(table_of(asked, method)), flush=True)


if __name__ == "__main__":
    main()
