"""Measures of hm.MarkovNetwork: ``python -m benchmarks.network [grids] [peer] [learning]``.

`grids`: seconds of every exact answer on grids of 4 states, and of conditional ones. `peer`: one
marginal of a 6x6 grid of 4 states and the mode of a 5x5 grid of 3, beside pgmpy, each library in
a process of its own of at most 8 GiB, rounds in turn. pgmpy 1.1.2 wants an environment of its own:
``python -m venv DIR && DIR/bin/pip install pgmpy==1.1.2``, then PGMPY_PYTHON=DIR/bin/python.
Set OMP_NUM_THREADS to the number of cores that are free.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

import harmonium as hm

#: One question to pgmpy in its own process: an edge's table for each pair of neighbours.
PEER = """
import json, logging, resource, sys, time, warnings
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
warnings.filterwarnings("ignore"); logging.disable(logging.CRITICAL)
import numpy as np
from pgmpy.models import DiscreteMarkovNetwork
from pgmpy.factors.discrete import DiscreteFactor
from pgmpy.inference import VariableElimination
question, side, k, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
tables = np.array(json.load(sys.stdin))
names = [f"{y},{x}" for y in range(side) for x in range(side)]
edges = [(y*side+x, y*side+x+1) for y in range(side) for x in range(side-1)]
edges += [(i, i+side) for i in range((side-1)*side)]
model = DiscreteMarkovNetwork()
model.add_nodes_from(names)
model.add_edges_from([(names[a], names[b]) for a, b in edges])
model.add_factors(*[DiscreteFactor([names[a], names[b]], [k, k], t)
                    for (a, b), t in zip(edges, tables)])
times = []
for _ in range(rounds):
    start = time.perf_counter()
    inference = VariableElimination(model)
    if question == "marginal":
        answer = np.ravel(inference.query([names[side]], show_progress=False).values).tolist()
    else:
        answer = {n: int(s) for n, s in inference.map_query(names, show_progress=False).items()}
    times.append(time.perf_counter() - start)
print(json.dumps({"times": times, "answer": answer}))
"""


def grid_tables(side: int, k: int, seed: int = 0) -> np.ndarray:
    """A random positive table for each pair of neighbours."""
    source = np.random.default_rng(seed)
    return np.exp(source.normal(size=(2 * side * (side - 1), k, k)))


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def timed(work):
    start = time.perf_counter()
    answer = work()
    return answer, time.perf_counter() - start


def grids() -> None:
    """A new network for each question, so that nothing is remembered; then the same again."""
    print("\ngrids of 4 states                     first (s)   again (s)   peak GiB so far")
    for side in (6, 8, 10):
        tables = grid_tables(side, 4)
        questions = {
            "log Z": lambda n: n.log_partition(),
            "one marginal": lambda n: n.marginal("1,0"),
            "all marginals": lambda n: n.marginals(),
            "mode": lambda n: n.most_likely(),
            "1,000 exact draws": lambda n: n.sample(1000, random_state=0),
            "all marginals, a row known": lambda n, s=side: n.marginals(
                {f"{s // 2},{x}": 0 for x in range(s)}
            ),
        }
        for name, ask in questions.items():
            network, building = timed(lambda t=tables, s=side: hm.MarkovNetwork.grid(s, s, t))
            _, first = timed(lambda a=ask, n=network: a(n))
            _, again = timed(lambda a=ask, n=network: a(n))
            label = f"{side}x{side} {name}"
            print(f"{label:36s} {first:10.4f}  {again:10.4f}   {peak_gib():8.2f}")
        print(f"{side}x{side} building the network {building:15.4f}")


def ours(question: str, side: int, k: int, rounds: int) -> None:
    """The same as PEER, asked of harmonium; `cold` builds the network anew each time."""
    tables = np.array(json.load(sys.stdin))
    network = hm.MarkovNetwork.grid(side, side, tables)
    cold, warm = [], []
    for _ in range(rounds):
        fresh = hm.MarkovNetwork(network.factors)
        start = time.perf_counter()
        answer = ask(fresh, question, side)
        cold.append(time.perf_counter() - start)
        start = time.perf_counter()
        ask(fresh, question, side)
        warm.append(time.perf_counter() - start)
    print(json.dumps({"times": cold, "warm": warm, "answer": answer}))


def ask(network, question, side):
    if question == "marginal":
        return network.marginal(f"{1},{0}").tolist()
    return network.most_likely()


def peer() -> None:
    """Rounds of each library in turn, twice; medians, and what the answers say."""
    python = os.environ.get("PGMPY_PYTHON")
    for question, side, k, rounds in (("marginal", 6, 4, 20), ("mode", 5, 3, 20)):
        given = json.dumps(grid_tables(side, k).tolist())
        words = [question, str(side), str(k), str(rounds)]
        runs: dict[str, list[dict]] = {"harmonium": [], "pgmpy": []}
        commands = {"harmonium": [sys.executable, "-m", "benchmarks.network", "--ours", *words]}
        if python:
            commands["pgmpy"] = [python, "-c", PEER, *words]
        for _ in range(2):
            for name, command in commands.items():
                done = subprocess.run(command, input=given, capture_output=True, text=True)
                if done.returncode:
                    print(f"{question} {side}x{side} of {k}, {name}: {done.stderr.strip()[-90:]}")
                else:
                    runs[name].append(json.loads(done.stdout.splitlines()[-1]))
        print(f"\n{question} of a {side}x{side} grid of {k} states, median of {2 * rounds}:")
        for name, results in runs.items():
            for kind in ("times", "warm"):
                seconds = [t for result in results for t in result.get(kind, ())]
                if seconds:
                    label = name + (" again" if kind == "warm" else "")
                    print(f"  {label:20s} {1e3 * np.median(seconds):9.2f} ms")
        if question == "marginal":
            for name, results in runs.items():
                if results:
                    print(f"  {name} sums to {sum(results[0]['answer']):.6g}")
        if runs["pgmpy"] and runs["harmonium"] and question == "marginal":
            a, b = (np.array(runs[name][0]["answer"]) for name in runs)
            print(f"  largest difference, both normalised: {np.abs(a - b / b.sum()).max():.1e}")


def learning() -> None:
    """Tables of a 6x6 grid of 4 states from 5,000 exact draws."""
    truth = hm.MarkovNetwork.grid(6, 6, grid_tables(6, 4))
    X, held_out = truth.sample(5000, random_state=0), truth.sample(5000, random_state=1)
    for options in ({"weight_decay": 1e-4}, {"learner": "pcd", "max_iter": 20, "random_state": 0}):
        network, seconds = timed(
            lambda o=options: hm.MarkovNetwork(
                hm.MarkovNetwork.grid(6, 6, n_states=4).factors, **o
            ).fit(X)
        )
        print(
            f"fit {options}: {seconds:.1f} s, {network.n_iter_} iterations, "
            f"{network.stop_reason_}; held-out {network.score(held_out):.3f} nats, "
            f"truth {truth.score(held_out):.3f}"
        )


if __name__ == "__main__":
    parts = {"grids": grids, "peer": peer, "learning": learning}
    if sys.argv[1:2] == ["--ours"]:
        ours(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("parts", nargs="*", choices=[*parts, []], default=[])
        for part in parser.parse_args().parts or parts:
            parts[part]()
