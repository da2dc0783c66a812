"""How time and peak memory grow: with rows, columns, hidden units, chains, variables, words.

    python -m benchmarks.growth [--long] [--out docs/_static/growth.png]

Prints a table and draws a picture: for each quantity, over three decades (two for variables, whose
cost is a square; one more with ``--long``), seconds of the processor and peak memory above that of
the smallest size; the exponent fitted in logarithms, with its standard error; that of theory. Each
quantity has a process of its own; a size that takes more than a minute is its last. Ends in about
ten minutes on two cores, in an hour with ``--long``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import harmonium as hm

#: A time is the least of so many, or of fewer where one takes long: seconds.
TRIES, LONG_TRY, LAST_SIZE = 3, 0.5, 60.0
#: Fixed costs hide what grows in what is below so many times the smallest; MiB likewise.
ABOVE, MEBIBYTES = 3.0, 8.0
UPDATES = 50
#: A standard error more than this, and an exponent above theory's by more than both is told.
SLACK = 0.1


class Case(NamedTuple):
    """A quantity: its smallest size, decades, what is measured at a size, and the theory."""

    what: str
    start: int
    decades: int
    work: Callable[[int, Path], Callable[[], Any]]
    time: Callable[[float], float]
    memory: Callable[[float], float]


def linear(n: float) -> float:
    return n


def square(n: float) -> float:
    return n * n


def sorting(n: float) -> float:
    return n * float(np.log(n))


def bits(n_rows: int, n_columns: int) -> np.ndarray:
    """Rows of 0 and 1 in which neighbours tell of each other."""
    draw = np.random.default_rng(0)
    packed = np.frombuffer(draw.bytes((n_rows * n_columns + 7) // 8), dtype=np.uint8)
    rows = np.unpackbits(packed)[: n_rows * n_columns].reshape(n_rows, n_columns)
    pairs = n_columns // 2
    rows[:, 1 : 2 * pairs : 2] &= rows[:, : 2 * pairs : 2]
    return rows


def rbm(n_hidden: int, **parameters: Any) -> hm.RBM:
    settings: dict[str, Any] = {
        "n_updates": UPDATES,
        "batch_size": 100,
        "n_chains": 100,
        "learning_rate": 0.01,
    }
    settings |= {"weight_decay": 1e-3, "smoothing": 1e-3, "validation_fraction": 0.0}
    settings |= {"random_state": 0}
    return hm.RBM(n_hidden, **{**settings, **parameters})


def rows(n: int, folder: Path) -> Callable[[], Any]:
    model, X = rbm(50).fit(bits(1000, 100)), bits(n, 100)
    model.score_samples(X[:10])  # log Z is worked out once
    return lambda: model.score_samples(X)


def columns(n: int, folder: Path) -> Callable[[], Any]:
    X = bits(1000, n)
    return lambda: rbm(50).fit(X)


def hidden(n: int, folder: Path) -> Callable[[], Any]:
    X = bits(1000, 50)
    return lambda: rbm(n).fit(X)


def chains(n: int, folder: Path) -> Callable[[], Any]:
    X = bits(1000, 100)
    return lambda: rbm(50, n_chains=n).fit(X)


def variables(n: int, folder: Path) -> Callable[[], Any]:
    X = bits(1000, n)
    settings: dict[str, Any] = {"n_updates": UPDATES, "batch_size": 100, "n_chains": 100}
    settings |= {"learning_rate": 0.01, "weight_decay": 1e-3, "validation_fraction": 0.0}
    settings |= {"random_state": 0}
    return lambda: hm.BoltzmannMachine(**settings).fit(X)


def write_text(path: Path, n_words: int) -> None:
    """A text of `n_words` words, ten a line: 50,000 by Zipf's law, each after one that says much
    of it."""
    draw = np.random.default_rng(0)
    vocabulary = np.array([f"w{i}" for i in range(50_000)])
    with path.open("w") as file:
        for start in range(0, n_words, 1_000_000):
            n = min(1_000_000, n_words - start) // 10
            ranks = np.minimum(draw.zipf(1.3, (n, 10)), 5000)
            numbers = ranks.copy()
            for k in range(1, 10):
                numbers[:, k] = (numbers[:, k - 1] * 7919 + ranks[:, k] * 104_729) % 50_000
            file.write("\n".join(map(" ".join, vocabulary[numbers % 50_000])) + "\n")


def words(n: int, folder: Path) -> Callable[[], Any]:
    path = folder / f"{n}.txt"
    write_text(path, n)
    return lambda: hm.NGram(3, engine="memory").fit(path)


CASES = {
    "rows": Case("scores of rows, 100 columns", 1000, 3, rows, linear, linear),
    "columns": Case("a fit, 50 hidden units", 30, 3, columns, linear, linear),
    "hidden": Case("a fit, 50 columns", 30, 3, hidden, linear, linear),
    "chains": Case("a fit, 100 x 50", 100, 3, chains, linear, linear),
    "variables": Case("a Boltzmann machine's fit", 10, 2, variables, square, square),
    "words": Case("counting, order 3", 10_000, 3, words, sorting, linear),
}


def peak() -> float:
    """Peak of memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(case: Case, decades: int) -> list[tuple[int, float, float]]:
    """Size, seconds, MiB above those after the smallest size was met, from small to large."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        case.work(case.start, Path(folder))()  # loads what libraries load, compiles what is
        before = peak()
        for half in range(2 * decades + 1):
            n = round(case.start * 10 ** (half / 2))
            work, tries = case.work(n, Path(folder)), []
            while len(tries) < TRIES and sum(tries) < LONG_TRY:
                began = time.process_time()
                work()
                tries.append(time.process_time() - began)
            found.append((n, min(tries), peak() - before))
            print(case.what, *found[-1], file=sys.stderr, flush=True)
            if min(tries) > LAST_SIZE:
                break
    return found


class Growth(NamedTuple):
    """An exponent fitted to sizes from `low` on, its standard error, and theory's there."""

    exponent: float
    error: float
    theory: float
    low: int

    @property
    def above(self) -> bool:
        return self.exponent - 2 * self.error > self.theory + SLACK


def fitted(sizes: np.ndarray, values: np.ndarray, floor: float, theory: Any) -> Growth | None:
    """None where fewer than three values are above the `floor`."""
    kept = values >= floor
    if kept.sum() < 3:
        return None
    x, y = np.log(sizes[kept]), np.log(values[kept])
    slope, level = np.polyfit(x, y, 1)
    rest = y - slope * x - level
    error = np.sqrt(rest @ rest / (len(x) - 2) / ((x - x.mean()) ** 2).sum())
    expected = np.polyfit(x, np.log([theory(float(n)) for n in sizes[kept]]), 1)[0]
    return Growth(float(slope), float(error), float(expected), int(sizes[kept][0]))


def told(growth: Growth | None) -> str:
    if growth is None:
        return "too little to tell | |"
    sign = " (above)" if growth.above else ""
    return f"{growth.exponent:.2f} +- {growth.error:.2f}{sign} | {growth.theory:.2f} |"


def draw(found: dict[str, list[tuple[int, float, float]]], out: Path) -> None:
    """A panel a quantity: seconds above, MiB below, with what was fitted, and theory dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(found), 5), layout="constrained")
    axes = figure.subplots(2, len(found), squeeze=False)
    for j, (name, points) in enumerate(found.items()):
        case, (sizes, seconds, mebibytes) = CASES[name], np.array(points).T
        for i, (values, theory, low) in enumerate(
            [(seconds, case.time, ABOVE * seconds.min()), (mebibytes, case.memory, MEBIBYTES)]
        ):
            panel = axes[i, j]
            panel.loglog(sizes, np.maximum(values, 0.1 if i else 0), "o", ms=4)
            growth = fitted(sizes, values, low, theory)
            if growth is not None:
                last = values[-1] * np.array([theory(n) for n in sizes]) / theory(sizes[-1])
                panel.loglog(sizes, last, "--", lw=1, label=f"theory {growth.theory:.2f}")
                kept = sizes[sizes >= growth.low]
                middle = np.exp(np.log(values[sizes >= growth.low]).mean())
                line = middle * (kept / np.exp(np.log(kept).mean())) ** growth.exponent
                panel.loglog(kept, line, lw=1, label=f"fitted {growth.exponent:.2f}")
                panel.legend(fontsize=7)
            panel.set_ylim(values.max() / 10**4, values.max() * 3)
            panel.set_xlabel(name if i else "")
        axes[0, j].set_title(case.what, fontsize=8)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("MiB above the smallest")
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="a decade more")
    parser.add_argument("--out", type=Path, default=Path("docs/_static/growth.png"))
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.case:
        case = CASES[given.case]
        print(json.dumps(measured(case, case.decades + given.long)))
        return
    found = {}
    print("| with | what | sizes | seconds at the last | MiB | time grows as n to the | theory |"
          " memory | theory |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name in given.only:
        command = [sys.executable, "-m", "benchmarks.growth", "--case", name]
        done = subprocess.run(
            [*command, *["--long"] * given.long], stdout=subprocess.PIPE, check=True
        )
        found[name] = json.loads(done.stdout)
        case, (sizes, seconds, mebibytes) = CASES[name], np.array(found[name]).T
        of_time = fitted(sizes, seconds, ABOVE * seconds.min(), case.time)
        of_memory = fitted(sizes, mebibytes, MEBIBYTES, case.memory)
        print(
            f"| {name} | {case.what} | {sizes[0]:,.0f} to {sizes[-1]:,.0f} | {seconds[-1]:.2f} | "
            f"{mebibytes[-1]:,.0f} | {told(of_time)} {told(of_memory)}",
            flush=True,
        )
    draw(found, given.out)


if __name__ == "__main__":
    main()
