"""Sampling an RBM from its own training path, beside annealing and plain Gibbs sampling.

    python benchmarks/mixing.py [--mnist shared/data/binary/mnist.npz]
                                [--fashion shared/data/images/fashion.npz]
                                [--n-updates 10000] [--n-temperatures 10000]

Part 1, MNIST, 500 hidden units: log Z, its error and the time, by parallel trajectory tempering
and by annealed importance sampling. The digits come without labels, so part 2 measures mixing on
clothes (thresholded) and on scikit-learn's digits: how long a chain takes on average to change its
class, as a logistic regression on pixels sees it where it is sure. A step is a sweep of every chain
(for a ladder: of every rung, and the swaps); the work is that of one chain or one set of chains.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import harmonium as hm
from harmonium.contract.energy import Chains
from harmonium.questions.trajectory_tempering import TrajectoryTempering, fit_with_path
from harmonium.sampling.gibbs import run_chains

#: A picture belongs to a class that the classifier gives more than this.
SURE = 0.9
#: Steps of every ladder that are thrown away.
BURN_IN = 160


def log_partitions(rows: np.ndarray, unseen: np.ndarray, arguments: Any) -> None:
    model = hm.RBM(500, n_updates=arguments.n_updates, random_state=0)
    started = time.perf_counter()
    path = fit_with_path(model, rows)
    print(
        f"MNIST, 500 hidden units: {model.n_updates_} updates in "
        f"{time.perf_counter() - started:.0f} s, {len(path)} checkpoints",
        flush=True,
    )
    weight = -model.free_energy(unseen).mean()
    print("| method | log Z | error | seconds | CPU seconds | chains moved | log P, unseen |")
    print("|---|---|---|---|---|---|---|")

    def line(name: str, found: hm.LogZ, clock: tuple[float, float], moved: int) -> None:
        wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
        print(
            f"| {name} | {found.value:.2f} | {found.std_error:.2f} | {wall:.0f} | {cpu:.0f} "
            f"| {moved} x 100 | {weight - found.value:.2f} |",
            flush=True,
        )

    def tempered(n_steps: int, seed: int) -> None:
        clock = time.perf_counter(), time.process_time()
        ladder = TrajectoryTempering(model, path, n_chains=100, random_state=seed)
        ladder.burn_in(BURN_IN)
        ladder.run(n_steps)
        found = ladder.log_partition()
        rate = ladder.acceptance_
        name = (
            f"trajectory tempering, {ladder.n_rungs} rungs (swaps {rate.min():.2f} to "
            f"{rate.max():.2f}), {n_steps} steps, seed {seed}"
        )
        line(name, found, clock, ladder.n_rungs * (n_steps + BURN_IN))

    def annealed(n_temperatures: int, seed: int) -> None:
        clock = time.perf_counter(), time.process_time()
        found = model.log_partition("ais", n_temperatures=n_temperatures, random_state=seed)
        name = f"AIS, {n_temperatures:,} temperatures, seed {seed}"
        name += f" ({found.effective_chains:.0f} of 100 chains count)"
        line(name, found, clock, n_temperatures)

    # In turns, so that a busy machine is busy for both.
    for seed in range(2):
        tempered(100, seed)
        annealed(arguments.n_temperatures, seed)
    annealed(1000, 0)
    tempered(300, 0)


def class_changes(
    name: str, rows: np.ndarray, labels: np.ndarray, n_hidden: int, arguments: Any
) -> None:
    """Changes of class a chain and sweep, by Gibbs sampling and at the cold end of a ladder."""
    model = hm.RBM(n_hidden, n_updates=arguments.n_updates, random_state=0)
    path = fit_with_path(model, rows)
    classifier = LogisticRegression(C=0.1, max_iter=1000).fit(rows, labels)
    print(
        f"\n{name}, {n_hidden} hidden units, {model.n_updates_} updates; classifier right on "
        f"{classifier.score(rows, labels):.1%} of its own rows"
    )
    print(
        "| method | steps between changes of class | sweeps | milliseconds of work | changes seen "
        "| surely some class |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    energy = model.build_energy(torch.float32)
    n_chains, n_steps = 100, arguments.n_steps
    generator = np.random.default_rng(0)
    start = torch.from_numpy(rows[generator.choice(len(rows), n_chains)].astype(np.float32))

    def watched(look: Any) -> tuple[list[np.ndarray], Any]:
        seen: list[np.ndarray] = []

        def observe(state: Any) -> None:
            p = classifier.predict_proba(look(state))
            seen.append(np.where(p.max(axis=1) > SURE, p.argmax(axis=1), -1))

        return seen, observe

    chains = run_chains(energy, Chains(start), 200, generator)
    started = time.perf_counter()
    chains = run_chains(energy, chains, n_steps, generator)
    seconds = time.perf_counter() - started
    seen, observe = watched(lambda chains: chains.x.numpy())
    run_chains(energy, chains, n_steps, generator, observe=observe)
    report("Gibbs", seen, 1, seconds, n_chains)

    ladder = TrajectoryTempering(model, path, n_chains=n_chains, random_state=0)
    ladder.burn_in(BURN_IN)
    started = time.perf_counter()
    ladder.run(n_steps // 4)
    seconds = 4 * (time.perf_counter() - started)
    seen, observe = watched(lambda ladder: ladder.cold)
    ladder.forget()
    ladder.run(n_steps, observe=observe)
    report(f"trajectory tempering, {ladder.n_rungs} rungs", seen, ladder.n_rungs, seconds, n_chains)
    print(f"  acceptance {ladder.acceptance_.min():.2f} to {ladder.acceptance_.max():.2f}")


def report(name: str, seen: list[np.ndarray], sweeps: int, seconds: float, n_chains: int) -> None:
    """Unsure pictures (-1) belong to no class: a chain has changed when it is surely elsewhere."""
    changes, last = 0, seen[0].copy()
    for now in seen[1:]:
        sure = now >= 0
        changes += int((sure & (last >= 0) & (now != last)).sum())
        last[sure] = now[sure]
    steps = len(seen) * n_chains / max(changes, 1)
    each = 1e3 * seconds / len(seen) / n_chains
    print(
        f"| {name} | {steps:.1f} | {steps * sweeps:.0f} | {steps * each:.2f} | {changes} "
        f"| {np.mean(np.stack(seen) >= 0):.0%} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mnist", type=Path, default=Path("shared/data/binary/mnist.npz"))
    parser.add_argument("--fashion", type=Path, default=Path("shared/data/images/fashion.npz"))
    parser.add_argument("--n-updates", type=int, default=10_000)
    parser.add_argument("--n-temperatures", type=int, default=10_000)
    parser.add_argument("--n-steps", type=int, default=1000)
    parser.add_argument("--part", choices=["logz", "classes", "both"], default="both")
    arguments = parser.parse_args()
    if arguments.mnist.exists() and arguments.part != "classes":
        with np.load(arguments.mnist) as stored:
            log_partitions(stored["train"], stored["valid"], arguments)
    if arguments.part == "logz":
        return
    data = load_digits()
    class_changes("digits", (data.data > 7).astype(np.uint8), data.target, 64, arguments)
    if arguments.fashion.exists():
        with np.load(arguments.fashion) as stored:
            images, labels = stored["images"], stored["labels"]
        rows = (images > 127).reshape(len(images), -1).astype(np.uint8)
        class_changes("clothes", rows, labels, 200, arguments)


if __name__ == "__main__":
    main()
