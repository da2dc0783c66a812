"""Speed of hm.RBM as ratios: ``python -m benchmarks.rbm [update] [small] [sample] [anneal]``.

Each time is divided by that of the matrix products alone, done by torch in the same run, in turn;
medians. The processor is printed first, and the form that was chosen beside each update. `update`:
one step with persistent chains, batch and chains 100, float32, on rows with the share of ones
of binarized digits (13%), beside a plain loop in torch. `small`: 64 x 64, batch 10, beside
scikit-learn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from harmonium.compute.processor import processor
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Ascent, Gaussian
from harmonium.learning.fit import fit
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.rows import Split
from harmonium.learning.sources import Memory
from harmonium.models.rbm.centring import Centred
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.annealing import annealed_importance_sampling

ROUNDS = 7
#: Share of ones in binarized handwritten digits.
DENSITY = 0.13


def seconds(*tasks: Callable[[], object]) -> list[float]:
    """Median seconds of each task, run in turn."""
    for task in tasks:
        task()
    times = [[] for _ in tasks]
    for _ in range(ROUNDS):
        for task, found in zip(tasks, times, strict=True):
            started = time.perf_counter()
            task()
            found.append(time.perf_counter() - started)
    return [float(np.median(found)) for found in times]


def machine(n_visible: int, n_hidden: int, n_rows: int = 1000) -> tuple[RBMEnergy, torch.Tensor]:
    """An RBM with small weights and rows with the digits' share of ones."""
    source = np.random.default_rng(0)
    rows = torch.from_numpy((source.random((n_rows, n_visible)) < DENSITY).astype(np.uint8))
    bias = torch.full((n_visible,), float(np.log(DENSITY / (1 - DENSITY))))
    weights = torch.from_numpy(source.normal(0, 0.02, (n_visible, n_hidden)).astype(np.float32))
    return RBMEnergy(weights, bias.clone(), torch.zeros(n_hidden), bias), rows


def learning(
    energy: RBMEnergy, rows: torch.Tensor, size: int, n_updates: int
) -> Callable[[], object]:
    """`n_updates` steps of the training loop, chains and all, nothing watched."""
    source = np.random.Generator(np.random.SFC64(0))
    plan = Plan(n_updates, size, 0.01, n_chains=size)
    table = Memory(rows.numpy(), energy.device)
    learner = Persistent.start(energy, plan, source)
    metric = Centred(energy.base_mean, energy.n_hidden)
    every = np.arange(table.n_rows)

    def run() -> None:
        fit(
            Ascent(energy, Gaussian(), metric),
            learner,
            table,
            Split(every, every[:0]),
            plan,
            streams=Streams.drawn(0),
            generator=source,
        )

    return run


def plain_loop(energy: RBMEnergy, rows: torch.Tensor, n_updates: int) -> Callable[[], object]:
    """`n_updates` persistent-chain steps as one would write them in torch."""
    w, b, c = (part.clone() for part in energy.parameters().values())
    table = rows.float()
    chains = table[:100].clone()

    def run() -> None:
        nonlocal chains
        for update in range(n_updates):
            first = 100 * update % len(table)
            x = table[first : first + 100]
            h = torch.bernoulli(torch.sigmoid(chains @ w + c))
            chains = torch.bernoulli(torch.sigmoid(h @ w.T + b))
            data, model = torch.sigmoid(x @ w + c), torch.sigmoid(chains @ w + c)
            w.add_(x.T @ data - chains.T @ model, alpha=1e-4)
            b.add_(x.sum(0) - chains.sum(0), alpha=1e-4)
            c.add_(data.sum(0) - model.sum(0), alpha=1e-4)

    return run


def update() -> None:
    """A persistent-chain step against its five products and a plain torch loop."""
    sizes = ((16, 16), (784, 64), (784, 256), (784, 500), (500, 784), (784, 1000), (4096, 4096))
    for n_visible, n_hidden in sizes:
        energy, rows = machine(n_visible, n_hidden)
        v, h = rows[:100].float(), torch.rand(100, n_hidden)
        w, gradient = energy.weights.clone(), torch.empty(n_visible, n_hidden)
        n = max(1, min(100, 4 * 10**7 // (n_visible * n_hidden)))

        def products(v=v, h=h, w=w, gradient=gradient, n=n) -> None:  # type: ignore[no-untyped-def]
            for _ in range(n):
                v @ w
                h @ w.T
                v @ w
                torch.mm(v.T, h, out=gradient)
                torch.mm(v.T, h, out=gradient)

        ours, floor, loop = seconds(
            learning(energy, rows, 100, n), products, plain_loop(energy, rows, n)
        )
        forms = ", ".join(str(form) for form in energy.updates.forms.values())
        print(
            f"update {n_visible}x{n_hidden} ({forms}): {ours / n * 1e3:.3f} ms, products "
            f"{floor / n * 1e3:.3f} ms, {ours / floor:.2f} x; torch loop {loop / floor:.2f} x"
        )


def small() -> None:
    """64 x 64, batch 10, beside scikit-learn."""
    from sklearn.neural_network import BernoulliRBM

    energy, rows = machine(64, 64)
    table = rows.numpy().astype(np.float32)
    peer = BernoulliRBM(64, batch_size=10, n_iter=20, learning_rate=0.01)
    ours, theirs = seconds(learning(energy, rows, 10, 2000), lambda: peer.fit(table))
    print(f"small 64x64: {ours * 500:.1f} us, scikit-learn {theirs * 500:.1f} us, ", end="")
    print(f"{ours / theirs:.2f} x")


def sample() -> None:
    """Sweeps of 1,000 chains against their two products."""
    energy, _ = machine(784, 500)
    source = np.random.Generator(np.random.SFC64(0))
    chains = Chains(energy.base_sample(1000, source))
    w = energy.weights
    x, h = chains.x.clone(), torch.rand(1000, 500)

    def sweeps() -> None:
        state = chains
        for _ in range(20):
            state = energy.sweep(state, source)

    def products() -> None:
        for _ in range(20):
            x @ w
            h @ w.T

    ours, floor = seconds(sweeps, products)
    print(f"sample 1,000 chains: {ours * 50:.2f} ms a sweep, {ours / floor:.2f} x products")


def anneal() -> None:
    """AIS of 100 chains at 784 x 500 against its two products a step."""
    energy, _ = machine(784, 500)
    source = np.random.Generator(np.random.SFC64(0))
    w = energy.weights
    x, h = energy.base_sample(100, source), torch.rand(100, 500)

    def run() -> None:
        annealed_importance_sampling(energy, n_chains=100, n_temperatures=500, generator=source)

    def products() -> None:
        for _ in range(500):
            x @ w
            h @ w.T

    ours, floor = seconds(run, products)
    print(f"AIS, 100 chains: {ours * 2:.2f} ms a temperature, {ours / floor:.2f} x products")


def main() -> None:
    """The measures named on the command line, or all."""
    known = {"update": update, "small": small, "sample": sample, "anneal": anneal}
    parser = argparse.ArgumentParser()
    parser.add_argument("measures", nargs="*", choices=[*known, []], default=[])
    chosen = parser.parse_args().measures or list(known)
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name in chosen:
        known[name]()


if __name__ == "__main__":
    main()
