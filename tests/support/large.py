"""A process that fits a table out of core: how much memory it takes, or where it is killed.

    python large.py FOLDER CHECKPOINT OUT KILLED_AT

fits the arrays in FOLDER, or kills itself at its look number KILLED_AT (0: never); scores them,
and writes the weights and the bytes by which its peak rose to OUT.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any

import numpy as np

import harmonium as hm
from harmonium.data import pieces, shards
from harmonium.learning import sharded

PARAMETERS: dict[str, Any] = {
    "n_components": 8,
    "n_updates": 1500,
    "learning_rate": 0.05,
    "random_state": 0,
}


def shrink() -> None:
    """Blocks and windows as small beside the test's table as they are beside a large one."""
    pieces._ARRAY_PIECE = 2**17
    shards._BLOCK_CELLS = 2**17
    sharded.WINDOW_BYTES = 2**20


def peak() -> int:
    """Bytes of memory that this process has held at most."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fit(folder: str, checkpoint: str | None, killed_at: int = 0) -> hm.RBM:
    looks = []

    def kill(look: object) -> None:
        looks.append(look)
        if len(looks) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return hm.RBM(**PARAMETERS, checkpoint=checkpoint).fit_observed(folder, observers=[kill])


def main(folder: str, checkpoint: str, out: str, killed_at: str) -> None:
    shrink()
    width = np.load(next(os.scandir(folder)).path, mmap_mode="r").shape[1]
    small = np.random.default_rng(0).integers(0, 2, (6000, width)).astype(np.uint8)
    warm = hm.RBM(**PARAMETERS | {"n_updates": 200}).fit(small)  # what libraries take themselves
    warm.score(small)
    before = peak()
    model = fit(folder, checkpoint, int(killed_at))
    score = model.score(folder)
    facts = {"rise": peak() - before, "score": score, "W": model.components_.tolist()}
    with open(out, "w") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
