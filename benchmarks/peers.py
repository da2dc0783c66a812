"""One update beside other libraries: ``PEERS=python python -m benchmarks.peers [VISIBLE HIDDEN]``.

PEERS is the interpreter of an environment with the packages rbms and learnergy (without them,
those rows are left out). Each library takes its own step with persistent chains (learnergy has
contrastive divergence alone), batch and chains 100, float32, rows with the digits' 13% of ones, in
a process of its own, in turn; medians, and ratios to the five matrix products alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

ROUNDS, N_UPDATES, SIZE, DENSITY = 5, 200, 100, 0.13
OURS = ("products", "harmonium", "plain torch loop", "scikit-learn")
THEIRS = ("rbms", "learnergy")


def rows(n_visible: int) -> np.ndarray:
    """Rows of 0 and 1 with the digits' share of ones."""
    return (np.random.default_rng(0).random((10_000, n_visible)) < DENSITY).astype(np.float32)


def products(n_visible: int, n_hidden: int) -> Callable[[int], None]:
    """Two up, one down, and the two of the gradient."""
    import torch

    v, h = torch.rand(SIZE, n_visible), torch.rand(SIZE, n_hidden)
    w, gradient = torch.rand(n_visible, n_hidden), torch.empty(n_visible, n_hidden)
    up, down = torch.empty_like(h), torch.empty_like(v)

    def run(n: int) -> None:
        for _ in range(n):
            torch.mm(v, w, out=up)
            torch.mm(h, w.T, out=down)
            torch.mm(v, w, out=up)
            torch.mm(v.T, h, out=gradient)
            gradient.addmm_(v.T, h)

    return run


def harmonium(n_visible: int, n_hidden: int) -> Callable[[int], None]:
    """The training loop, nothing watched."""
    from benchmarks.rbm import learning, machine

    energy, table = machine(n_visible, n_hidden)
    return lambda n: learning(energy, table, SIZE, n)()


def plain_torch_loop(n_visible: int, n_hidden: int) -> Callable[[int], None]:
    """What one writes by hand."""
    import torch

    table = torch.from_numpy(rows(n_visible))
    w = torch.randn(n_visible, n_hidden) * 0.01
    b, c = torch.zeros(n_visible), torch.zeros(n_hidden)
    chains = torch.bernoulli(torch.full((SIZE, n_visible), 0.5))
    rate = 0.05 / SIZE

    def run(n: int) -> None:
        nonlocal chains
        for _ in range(n):
            data = table[torch.randint(len(table), (SIZE,))]
            hidden = torch.sigmoid(data @ w + c)
            drawn = torch.bernoulli(torch.sigmoid(chains @ w + c))
            chains = torch.bernoulli(torch.sigmoid(drawn @ w.T + b))
            dreamt = torch.sigmoid(chains @ w + c)
            w.add_(data.T @ hidden - chains.T @ dreamt, alpha=rate)
            b.add_((data - chains).sum(0), alpha=rate)
            c.add_((hidden - dreamt).sum(0), alpha=rate)

    return run


def scikit_learn(n_visible: int, n_hidden: int) -> Callable[[int], None]:
    """BernoulliRBM.partial_fit, a batch a step."""
    from sklearn.neural_network import BernoulliRBM

    table = rows(n_visible)
    model = BernoulliRBM(n_hidden, batch_size=SIZE, random_state=0)

    def run(n: int) -> None:
        for i in range(n):
            start = (i * SIZE) % len(table)
            model.partial_fit(table[start : start + SIZE])

    return run


def rbms(n_visible: int, n_hidden: int) -> Callable[[int], None]:
    """The body of its training loop: centred, persistent chains."""
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    table = torch.from_numpy(rows(n_visible))
    model = BBRBM(
        weight_matrix=torch.randn(n_visible, n_hidden) * 0.01,
        vbias=torch.zeros(n_visible),
        hbias=torch.zeros(n_hidden),
    )
    for parameter in model.parameters():  # it writes gradients where some already are
        parameter.grad = torch.zeros_like(parameter)
    weights = torch.ones(len(table), 1)
    chains = model.init_chains(SIZE)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, maximize=True)

    def run(n: int) -> None:
        nonlocal chains
        with torch.no_grad():
            for _ in range(n):
                chosen = torch.randperm(len(table))[:SIZE]
                optimiser.zero_grad(set_to_none=False)
                chains, _ = fit_batch_pcd(
                    (table[chosen], weights[chosen]), chains, model, gibbs_steps=1, beta=1.0
                )
                optimiser.step()

    return run


def learnergy(n_visible: int, n_hidden: int) -> Callable[[int], None]:
    """`fit` over as many rows as make n batches."""
    import logging

    import torch
    from learnergy.models.bernoulli import RBM

    logging.disable(logging.CRITICAL)
    table = torch.from_numpy(rows(n_visible))
    model = RBM(n_visible, n_hidden, steps=1, learning_rate=0.05)

    def run(n: int) -> None:
        repeated = table[torch.arange(n * SIZE) % len(table)]
        data = torch.utils.data.TensorDataset(repeated, torch.zeros(len(repeated)))
        model.fit(data, batch_size=SIZE, epochs=1)

    return run


def measured(name: str, n_visible: int, n_hidden: int) -> float:
    """Milliseconds an update, first ones not counted; run in a process of its own."""
    run = globals()[name.replace(" ", "_").replace("-", "_")](n_visible, n_hidden)
    run(20)
    started = time.perf_counter()
    run(N_UPDATES)
    return (time.perf_counter() - started) / N_UPDATES * 1e3


def main(n_visible: int, n_hidden: int) -> None:
    """A row of a Markdown table each."""
    peers = os.environ.get("PEERS")
    interpreters = dict.fromkeys(OURS, sys.executable)
    if peers:
        interpreters |= dict.fromkeys(THEIRS, peers)
    times: dict[str, list[float]] = {name: [] for name in interpreters}
    for _ in range(ROUNDS):
        for name, interpreter in interpreters.items():
            words = [interpreter, "-m", "benchmarks.peers", name, str(n_visible), str(n_hidden)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            times[name].append(float(done.stdout.split()[-1]))
    base = float(np.median(times["products"]))
    print(f"| update {n_visible} x {n_hidden} | ms | ratio to products |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {np.median(found):.2f} | {np.median(found) / base:.2f} |")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    else:
        main(*(int(x) for x in sys.argv[1:3] or ("784", "500")))
