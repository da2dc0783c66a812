"""Networks like those of the UAI competition of 2014: ``python -m benchmarks.network_tasks``.

Seeded networks of its families, those named or all, whose largest table by a good order has 2^20
to 2^28 entries. Each question to each network has a process of its own: seconds from the tables to
the answer, by the clock and of all cores together; the peak of memory of the process; log2 of the
entries of the largest table. With cotengra and opt_einsum on the path (``pip install cotengra
opt_einsum``) log Z is found by them as well, from the same tables, order and all, and compared.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np

import harmonium as hm
from harmonium.models.network.exact.plan import plan

Tables = list[tuple[tuple[int, ...], np.ndarray]]
#: Seconds after which a question is given up.
PATIENCE = 120
QUESTIONS = ("log_partition", "marginals", "most_likely")


def objects(n: int, tree_width: int, states: tuple[int, int], n_pairs: int, seed: int) -> Tables:
    """Objects told apart in a picture: many states, pairs of a graph of known tree width."""
    source = np.random.default_rng(seed)
    sizes = source.integers(states[0], states[1] + 1, n)
    cliques = [tuple(range(tree_width))]
    pairs = set(combinations(range(tree_width), 2))
    for new in range(tree_width, n):  # a random tree of cliques
        clique = cliques[source.integers(len(cliques))]
        pairs |= {(old, new) for old in clique}
        cliques += [(*rest, new) for rest in combinations(clique, tree_width - 1)]
    ordered = sorted(pairs)
    chosen = source.permutation(len(ordered))[:n_pairs]
    shuffled = source.permutation(n)
    tables: Tables = [((v,), source.normal(size=sizes[v]) * 3.0) for v in range(n)]
    for number in sorted(chosen):
        scope = tuple(int(shuffled[v]) for v in ordered[number])
        tables.append((scope, source.normal(size=[sizes[v] for v in scope])))
    return tables


def grid(height: int, width: int, n_states: int, strength: float, seed: int) -> Tables:
    source = np.random.default_rng(seed)
    tables: Tables = [((v,), source.normal(size=n_states)) for v in range(height * width)]
    for y in range(height):
        for x in range(width):
            here = y * width + x
            near = [here + 1] * (x + 1 < width) + [here + width] * (y + 1 < height)
            for other in near:
                tables.append(((here, other), strength * source.normal(size=[n_states] * 2)))
    return tables


def machine(n_units: int, seed: int) -> Tables:
    """As many units below as above, all joined, as in the networks called "rbm" and "rus"."""
    source = np.random.default_rng(seed)
    tables: Tables = [((v,), source.normal(size=2)) for v in range(2 * n_units)]
    for a in range(n_units):
        for b in range(n_units, 2 * n_units):
            tables.append(((a, b), source.normal(size=(2, 2))))
    return tables


def linkage(n_people: int, n_places: int, n_alleles: int, seed: int) -> Tables:
    """A pedigree: two genes a person and place, that each come whole from a parent's one or other,
    by switches along the chromosome; traits seen of some: nearly all entries are zero."""
    source = np.random.default_rng(seed)
    tables: Tables = []
    n = 0

    def variable() -> int:
        nonlocal n
        n += 1
        return n - 1

    parents: list[tuple[int, int] | None] = []
    for person in range(n_people):
        founder = person < max(2, n_people // 4)
        two = source.choice(person, 2, replace=False) if not founder else None
        parents.append(None if two is None else (int(two[0]), int(two[1])))
    before: dict[tuple[int, int], int] = {}
    takes = np.zeros((2, n_alleles, n_alleles, n_alleles))
    for which in range(2):
        for first in range(n_alleles):
            for second in range(n_alleles):
                takes[which, first, second, second if which else first] = 1.0
    with np.errstate(divide="ignore"):
        log_takes = np.log(takes)
    for _ in range(n_places):
        genes: list[tuple[int, int]] = []
        frequency = np.log(source.dirichlet(np.ones(n_alleles)))
        for person, two in enumerate(parents):
            own = (variable(), variable())
            genes.append(own)
            if two is None:
                tables += [((gene,), frequency) for gene in own]
            else:
                for side, gene in enumerate(own):
                    switch = variable()
                    if (person, side) in before:
                        stays = np.log([[0.9, 0.1], [0.1, 0.9]])
                        tables.append(((before[person, side], switch), stays))
                    before[person, side] = switch
                    tables.append(((switch, *genes[two[side]], gene), log_takes))
            if source.random() < 0.4:
                # The two genes as seen, without which came from whom: of a hidden truth.
                seen = source.integers(n_alleles, size=2)
                with np.errstate(divide="ignore"):
                    table = np.full((n_alleles, n_alleles), np.log(0.02))
                table[seen[0], seen[1]] = table[seen[1], seen[0]] = 0.0
                tables.append((own, table))
    return tables


def colouring(n: int, reach: int, n_colours: int, seed: int) -> Tables:
    """Neighbours along a band have different colours, each with its own weight: a fourth is zero.
    One colouring that was drawn first is possible."""
    source = np.random.default_rng(seed)
    possible = source.integers(0, n_colours, n)
    different = np.where(np.eye(n_colours, dtype=bool), -np.inf, 0.0)
    tables: Tables = [((v,), source.normal(size=n_colours)) for v in range(n)]
    for v in range(n):
        for step in range(1, reach + 1):
            apart = v + step < n and possible[v] != possible[v + step]
            if apart and source.random() < 0.7:
                tables.append(((v, v + step), different + source.normal(size=[n_colours] * 2)))
    return tables


def clauses(n: int, reach: int, per_variable: float, seed: int) -> Tables:
    """Weighted clauses of three along a band: one entry of eight is zero."""
    source = np.random.default_rng(seed)
    tables: Tables = [((v,), source.normal(size=2)) for v in range(n)]
    truth = source.integers(2, size=n)
    for _ in range(int(n * per_variable)):
        first = int(source.integers(n - reach))
        others = first + 1 + source.choice(reach, 2, replace=False)
        scope = (first, *(int(v) for v in sorted(others)))
        refused = source.integers(2, size=3)
        if (refused == truth[list(scope)]).all():
            refused[0] = 1 - refused[0]
        table = np.zeros((2, 2, 2))
        table[tuple(refused)] = -np.inf
        tables.append((scope, table))
    return tables


def slices(n_slices: int, n_units: int, n_parents: int, seed: int) -> Tables:
    """A dynamic Bayesian network unrolled: each unit given some of the slice before."""
    source = np.random.default_rng(seed)
    tables: Tables = []
    which = [sorted(source.choice(n_units, n_parents, replace=False)) for _ in range(n_units)]
    given = [source.dirichlet(np.ones(2), size=[2] * n_parents) for _ in range(n_units)]
    for t in range(n_slices):
        for unit in range(n_units):
            here = t * n_units + unit
            if t == 0:
                tables.append(((here,), np.log([0.5, 0.5])))
            else:
                scope = tuple(int((t - 1) * n_units + p) for p in which[unit])
                tables.append(((*scope, here), np.log(given[unit])))
            seen = source.normal(size=2)
            tables.append(((here,), seen))
    return tables


def causes(n_causes: int, n_signs: int, n_parents: int, reach: int, seed: int) -> Tables:
    """Diseases and findings by noisy or, every finding seen: as in the networks "Promedas"."""
    source = np.random.default_rng(seed)
    tables: Tables = [((v,), np.log([0.95, 0.05])) for v in range(n_causes)]
    for sign in range(n_signs):
        at = int(source.integers(n_causes - reach))
        scope = tuple(int(v) for v in sorted(at + source.choice(reach, n_parents, replace=False)))
        fails = source.uniform(0.1, 0.9, n_parents)
        off = np.ones([2] * n_parents)
        for axis in range(n_parents):
            shape = [1] * n_parents
            shape[axis] = 2
            off = off * np.array([1.0, fails[axis]]).reshape(shape)
        with np.errstate(divide="ignore"):
            tables.append((scope, np.log(off if sign % 3 else 1.0 - off)))
    return tables


TASKS: dict[str, Callable[[], Tables]] = {
    "objects, 11 states": lambda: objects(60, 6, (11, 11), 150, 0),
    "objects, 16 states": lambda: objects(60, 6, (16, 16), 180, 1),
    "objects, 21 states": lambda: objects(60, 5, (21, 21), 150, 2),
    "objects, 11 to 21": lambda: objects(60, 6, (11, 21), 210, 3),
    "grid 10x10 of 4": lambda: grid(10, 10, 4, 1.0, 0),
    "grid 12x12 of 4": lambda: grid(12, 12, 4, 1.0, 1),
    "grid 13x13 of 4": lambda: grid(13, 13, 4, 1.0, 2),
    "grid 20x20 of 2": lambda: grid(20, 20, 2, 2.0, 3),
    "grid 25x25 of 2": lambda: grid(25, 25, 2, 2.0, 4),
    "machine 20 and 20": lambda: machine(20, 0),
    "machine 24 and 24": lambda: machine(24, 1),
    "linkage of 20, 6 places": lambda: linkage(20, 6, 3, 0),
    "linkage of 25, 8 places": lambda: linkage(25, 8, 3, 1),
    "colouring, 200 by 12": lambda: colouring(200, 12, 4, 0),
    "clauses, 300 by 22": lambda: clauses(300, 22, 2.0, 0),
    "clauses, 300 by 30": lambda: clauses(300, 30, 1.5, 1),
    "slices, 20 of 18": lambda: slices(20, 18, 3, 0),
    "slices, 10 of 22": lambda: slices(10, 22, 3, 1),
    "causes, 400 by 30": lambda: causes(400, 500, 4, 30, 0),
}


def factors(tables: Tables) -> list[hm.Factor]:
    return [hm.Factor([str(v) for v in scope], table, log=True) for scope, table in tables]


def ours(name: str, question: str) -> None:
    """One question, asked of a new network; a line of JSON."""
    network = hm.MarkovNetwork(factors(TASKS[name]()), max_memory=6.0)
    start, used = time.perf_counter(), time.process_time()
    answer = getattr(network, question)()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    given = network._network.given({})
    inner = given._engine
    entries = 1
    if inner is not None:
        found_plan = plan(inner.scopes, inner.order())
        entries = max(math.prod(inner.sizes[v] for v in b.scope) for b in found_plan.buckets)
    found = {
        "seconds": seconds,
        "used": used,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "log2 entries": math.log2(entries),
        "method": answer.method,
        "status": str(answer.status),
        "value": answer.value if question == "log_partition" else None,
    }
    print(json.dumps(found))


def peer(name: str) -> None:
    """log Z by a contraction tree of cotengra, done with numpy by opt_einsum's rules."""
    import cotengra

    tables = TASKS[name]()
    start, used = time.perf_counter(), time.process_time()
    named = cotengra.get_symbol
    peaks = [float(table.max()) for _, table in tables]
    arrays = [np.exp(table - peak) for (_, table), peak in zip(tables, peaks, strict=True)]
    sizes = {
        named(v): n for scope, table in tables for v, n in zip(scope, table.shape, strict=True)
    }
    finder = cotengra.HyperOptimizer(
        methods=["greedy"], max_repeats=32, parallel=False, progbar=False, minimize="size"
    )
    tree = finder.search([[named(v) for v in scope] for scope, _ in tables], (), sizes)
    mantissa, exponent = tree.contract(arrays, strip_exponent=True)
    value = math.log(float(mantissa)) + float(exponent) * math.log(10.0) + sum(peaks)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "used": used, "gib": gib, "value": value}))


def asked(*words: str) -> dict | str:
    command = [sys.executable, "-m", "benchmarks.network_tasks", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"no answer in {PATIENCE} s"
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][-120:] if done.stderr.strip() else "killed"
    return json.loads(done.stdout.splitlines()[-1])


def main(names: list[str]) -> None:
    for name in names or TASKS:
        values = {}
        for question in QUESTIONS:
            found = asked("--ours", name, question)
            if isinstance(found, str):
                print(f"{name:26s} {question:14s} {found}", flush=True)
                continue
            values[question] = found["value"]
            print(
                f"{name:26s} {question:14s} {found['seconds']:7.2f} s ({found['used']:.2f} of "
                f"all cores) {found['gib']:5.2f} GiB  "
                f"2^{found['log2 entries']:.1f}  {found['method']} {found['status']}",
                flush=True,
            )
        other = asked("--peer", name)
        if isinstance(other, str):
            print(f"{name:26s} cotengra       {other}", flush=True)
        else:
            apart = abs(other["value"] - (values.get("log_partition") or math.nan))
            print(
                f"{name:26s} cotengra       {other['seconds']:7.2f} s ({other['used']:.2f} of all "
                f"cores) {other['gib']:5.2f} GiB  "
                f"log Z apart by {apart:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        ours(*sys.argv[2:])
    elif sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2])
    else:
        main(sys.argv[1:])
