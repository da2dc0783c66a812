"""Large texts: counted in little memory, and models that are mapped.

    python -m benchmarks.texts spill [--gigabytes 2] [--limit 2]
    python -m benchmarks.texts load [--words 10000000]

`spill` writes a text drawn from a chain of 50,000 words, each with eight successors, and counts it
at order 3 through DuckDB in a process that believes in a machine of `limit` GiB; prints the time,
and the most memory that it held at once (VmHWM, mapped libraries included). With the path of
KenLM's ``lmplz`` in LMPLZ, its time on the same text too. `load` counts such a text and prints, of
the model's file and of the one with an index, read and mapped: seconds of the processor to load it
and to the first answer, and the memory that is the process's own after 40,000 answers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import harmonium as hm
from harmonium.models.ngram.counting import engines

WORDS, SUCCESSORS, LENGTH, TEXTS = 50_000, 8, 20, 50_000


def draw_texts(path: Path, n_bytes: float) -> int:
    """Write texts of `LENGTH` words until there are so many bytes; how many words."""
    draw = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(WORDS)], dtype=object)
    popular = np.minimum(draw.zipf(1.2, (WORDS, SUCCESSORS)) - 1, WORDS - 1)
    following = (popular * 7919 + draw.integers(0, WORDS, (WORDS, 1))) % WORDS
    n_words = 0
    with path.open("w") as file:
        while file.tell() < n_bytes:
            numbers = np.empty((TEXTS, LENGTH), dtype=np.int64)
            numbers[:, 0] = draw.integers(0, WORDS, TEXTS)
            branches = np.minimum(draw.geometric(0.4, (TEXTS, LENGTH)) - 1, SUCCESSORS - 1)
            for k in range(1, LENGTH):
                numbers[:, k] = following[numbers[:, k - 1], branches[:, k]]
            file.write("\n".join(map(" ".join, words[numbers].tolist())) + "\n")
            n_words += numbers.size
    return n_words


def held(name: str) -> float:
    """A line of what the system says of this process's memory, MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise ValueError(f"{name}: the system says nothing of it")


def pages(name: str) -> float:
    """The same of one kind of its pages, MiB."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def count(text: str, limit: float) -> dict[str, Any]:
    engines.memory_allowed = lambda: int(limit * 2**30)
    began, cpu = time.perf_counter(), time.process_time()
    model = hm.NGram(3, engine="duckdb").fit(text)
    return {
        "seconds": time.perf_counter() - began,
        "seconds of the processor": time.process_time() - cpu,
        "peak, MiB": held("VmHWM"),
        "n-grams": sum(model.n_ngrams_),
        "words": model.n_words_,
    }


def ask(path: str, mapped: bool) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(WORDS)], dtype=object)
    texts = words[draw.integers(0, WORDS, (40_000, LENGTH))].tolist()
    hm.NGram(3).fit(texts[:100]).score_samples(texts)  # what is loaded once is loaded
    before = pages("Private_Dirty:")
    began = time.process_time()
    model = hm.load(path, mapped=mapped)
    loaded = time.process_time() - began
    model.score_samples(["w1 w2 w3"])
    asked = time.process_time() - began
    model.score_samples(texts)
    own = pages("Private_Dirty:") - before
    return {"load, s": loaded, "first answer, s": asked, "own memory, MiB": own}


def in_a_process(*words: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.texts", "--case", *map(str, words)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def spill(gigabytes: float, limit: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "t.txt"
        draw_texts(text, gigabytes * 1e9)
        found = in_a_process("count", text, limit)
        print(f"{text.stat().st_size / 1e9:.2f} GB of text, {limit:g} GiB of memory")
        for name, value in found.items():
            print(f"{name:<26} {value:14,.1f}", flush=True)
        if "LMPLZ" in os.environ:
            began = time.perf_counter()
            command = [os.environ["LMPLZ"], "-o", "3", "-S", f"{limit * 512:.0f}M", "-T", folder]
            with text.open("rb") as source:
                subprocess.run(command, stdin=source, stdout=subprocess.DEVNULL, check=True)
            seconds = time.perf_counter() - began
            print(f"lmplz {seconds:,.1f} s, ours {found['seconds'] / seconds:.2f} x of it")


def load(n_words: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "t.txt"
        draw_texts(text, 6.8 * n_words)
        model = hm.NGram(3).fit(text)
        n_grams = sum(model.n_ngrams_)
        for name, one in (("as counted", model), ("with an index", model.indexed())):
            path = Path(folder) / "m.safetensors"
            one.save(path)
            size = path.stat().st_size
            print(f"-- {name}: {n_grams:,} n-grams, {size / 2**20:,.0f} MiB, "
                  f"{size / n_grams:.1f} bytes an n-gram")  # fmt: skip
            for mapped in (0, 1):
                found = in_a_process("ask", path, mapped)
                told = ", ".join(f"{key} {value:,.2f}" for key, value in found.items())
                print(f"{'mapped' if mapped else 'read'}: {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("spill", "load"), nargs="?")
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--limit", type=float, default=2.0)
    parser.add_argument("--words", type=int, default=10_000_000)
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.case:
        kind, place, value = given.case
        found = count(place, float(value)) if kind == "count" else ask(place, value == "1")
        print(json.dumps(found))
    elif given.what == "spill":
        spill(given.gigabytes, given.limit)
    else:
        load(given.words)


if __name__ == "__main__":
    main()
