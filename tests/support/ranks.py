"""What each rank of a job does for ``tests/learning/test_ranks.py``, and the job itself.

Loading torch takes longer than the work, so all of it is one job: two ranks for most, joined by two
more at the end.
"""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from scipy.linalg import block_diag

import harmonium as hm
from harmonium.compute.ranks import LostRankError, Ranks, answering
from harmonium.learning.checkpoint import Checkpoint
from harmonium.learning.learners.exact import Exact
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.parallel import Shared
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch, Batches
from harmonium.models.rbm.energy import RBMEnergy

__all__ = [
    "ANNEALED",
    "ESTIMATES",
    "PARTS",
    "ROWS",
    "arrays",
    "estimates",
    "job",
    "long_fit",
    "rbm",
]

ROWS = (np.random.default_rng(0).random((90, 6)) < [[0.2], [0.8], [0.5]] * 30).astype(np.uint8)
IMAGES = np.random.default_rng(1).integers(0, 2, (40, 4, 4))
STATES = np.random.default_rng(2).integers(0, 2, (80, 3))
#: A model whose log Z is a sum of 2**12 terms, but is annealed for all that.
ANNEALED = hm.RBM.from_parameters(
    np.random.default_rng(4).normal(0.0, 0.7, (14, 12)), np.zeros(14), np.zeros(12)
)
#: Three models apart, log Z of each of which is a sum, as one whose own is too long to sum.
PARTS = [
    hm.RBM.from_parameters(
        np.random.default_rng(seed).normal(0.0, 0.8, (9, 9)), np.zeros(9), np.zeros(9)
    )
    for seed in range(3)
]
WIDE = hm.RBM.from_parameters(
    block_diag(*(one.components_.T for one in PARTS)), np.zeros(27), np.zeros(27)
)
#: Gradients that are estimated at parameters that stay, and chains of each.
ESTIMATES, N_CHAINS = 1500, 15


def rbm(**parameters: Any) -> hm.RBM:
    given = {"n_components": 4, "n_updates": 60, "random_state": 0, "validation_fraction": 0.2}
    return hm.RBM(**{**given, **parameters})


def network(**parameters: Any) -> hm.MarkovNetwork:
    factors = [(["a", "b"], np.ones((2, 2))), (["b", "c"], np.ones((2, 2)))]
    return hm.MarkovNetwork(
        [hm.Factor(names, table) for names, table in factors], random_state=0, **parameters
    )


def holes() -> np.ndarray:
    rows = ROWS.astype(float)
    rows[np.random.default_rng(3).random(rows.shape) < 0.2] = np.nan
    return rows


def fits() -> dict[str, Any]:
    """Models that learn in one way each, fitted."""
    machine = {"n_chains": 20, "random_state": 0, "n_updates": 60, "weight_decay": 0.01}
    grid = {"n_levels": 2, "n_updates": 60, "n_chains": 20, "random_state": 0}
    odd = {"batch_size": 7, "n_chains": 9}
    return {
        "pcd": rbm(**odd).fit(ROWS),
        "cd": rbm(learner="cd").fit(ROWS),
        "pt": rbm(learner="pt", n_updates=300).fit(ROWS),
        "no seed": rbm(random_state=None).fit(ROWS),
        "weights": rbm().fit(ROWS, sample_weight=np.arange(90.0)),
        "holes": rbm().fit(holes()),
        "labels": rbm(discriminative=0.3).fit(ROWS, np.arange(90) % 3),
        "grid": hm.GridMRF(**grid).fit(IMAGES),
        "network": network(learner="pcd", max_iter=2).fit(STATES),
        "network-exact": network(learner="exact", weight_decay=0.1).fit(STATES),
        "boltzmann": hm.BoltzmannMachine(**machine).fit(ROWS),
        "boltzmann-pseudo": hm.BoltzmannMachine(**machine, learner="pseudo").fit(ROWS),
        "partial": rbm().partial_fit(ROWS).partial_fit(ROWS[::-1]),
        "time": rbm(time_limit=0.3, n_updates=10**7).fit(ROWS),
    }


def arrays(model: Any) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in model.to_state()[0].items()}


def estimates(ranks: Ranks, persistent: bool) -> np.ndarray:
    """Model expectations of the weights' gradient at fixed parameters, one a row."""
    source = np.random.Generator(np.random.SFC64(5))
    weights = torch.from_numpy(source.normal(0.0, 0.5, (3, 2)).astype(np.float32))
    energy = RBMEnergy(weights, torch.tensor([0.3, -0.5, 0.0]), torch.zeros(2), torch.zeros(3))
    batch, plan = Batch(torch.zeros(1, 3)), Plan(1, 1, 0.1, n_chains=N_CHAINS)
    learner: Any = (Persistent if persistent else Exact).start(energy, plan, source)
    own, n = ranks.own(source), ESTIMATES if persistent else 1
    if ranks.world > 1:
        learner = Shared(learner, ranks)
    with torch.no_grad():
        found = [learner.gradient(energy, batch, own).model["weights"].numpy() for _ in range(n)]
    return np.stack(found).reshape(n, -1)


class _CutError(Exception):
    """The machine goes down."""


def cut_off(path: Path) -> None:
    """Leave the checkpoint of a fit's first look."""
    write = Checkpoint.write

    def cut(self: Checkpoint, *args: Any) -> None:
        write(self, *args)
        raise _CutError

    Checkpoint.write = cut  # type: ignore[method-assign]
    try:
        long_fit(path)
    except _CutError:
        return
    finally:
        Checkpoint.write = write  # type: ignore[method-assign]
    raise AssertionError("never looked")


def long_fit(path: Path | None) -> hm.RBM:
    return rbm(n_updates=400, checkpoint=path, n_chains=10).fit(ROWS)


def message(work: Any) -> str:
    """What a wrong fit says."""
    try:
        work()
    except (ValueError, LostRankError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def interrupted(rank: int) -> int:
    """Updates of a fit that Ctrl-C reaches in rank 1 alone."""
    following, calls = Batches.next_index, []

    def interrupt(self: Batches) -> Any:
        calls.append(1)
        if rank == 1 and len(calls) == 30:
            signal.raise_signal(signal.SIGINT)
        return following(self)

    Batches.next_index = interrupt  # type: ignore[method-assign]
    try:
        model = rbm(n_updates=5000).fit(ROWS)
    finally:
        Batches.next_index = following  # type: ignore[method-assign]
    assert model.stop_reason_ == "interrupted"
    return model.n_updates_


def two(rank: int, folder: Path) -> dict[str, Any]:
    """What two ranks find."""
    found: dict[str, Any] = {"exact": {}}
    for n in (1, 10):
        model = rbm(learner="exact", n_updates=n, batch_size=30, validation_fraction=0.0).fit(ROWS)
        found["exact"][n] = arrays(model)
    found["fits"] = {name: (arrays(model), model.n_updates_) for name, model in fits().items()}
    found["estimates"] = estimates(Ranks.here(), True)
    cut_off(folder / "cut")
    if rank == 0:
        for name in ("two", "one", "four"):
            (folder / name).write_bytes((folder / "cut").read_bytes())
    dist.barrier()
    with answering():
        settings = {"n_chains": 61, "n_temperatures": 300, "random_state": 0}
        found["log Z"] = ANNEALED.log_partition("ais", **settings)
        found["auto"] = WIDE.log_partition(n_chains=21)
    found["whole"], found["resumed"] = arrays(long_fit(None)), arrays(long_fit(folder / "two"))
    found["interrupted"] = interrupted(rank)
    stiff = np.repeat(ROWS[:, :2], 50, axis=1)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found["stiff"] = arrays(rbm(n_components=8).fit(stiff))
    found["told"] = [str(one.message) for one in told]
    found["errors"] = [
        message(lambda: rbm(batch_size=1).fit(ROWS)),
        message(lambda: rbm(n_chains=1).fit(ROWS)),
        message(lambda: rbm().fit(ROWS[:, ::-1] if rank else ROWS)),
        message(lambda: rbm(checkpoint=folder / "rows.txt").fit(ROWS)),
    ]
    return found


def alone(rank: int) -> str:
    """What the other rank says where this one dies in the middle of a fit."""
    following = Batches.next_index

    def die(self: Batches) -> Any:
        if rank == 1 and self.position > 20:
            os._exit(0)
        return following(self)

    Batches.next_index = die  # type: ignore[method-assign]
    return message(lambda: rbm(n_updates=5000).fit(ROWS))


def _join(folder: Path, name: str, rank: int, world: int) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/{name}", rank=rank, world_size=world
    )


def _rank(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    if rank < 2:
        _join(folder, "store-of-two", rank, 2)
        found = two(rank, folder)
        dist.destroy_process_group()
    _join(folder, "store-of-four", rank, 4)
    found["four"] = arrays(long_fit(folder / "four"))
    dist.destroy_process_group()
    if rank < 2:
        _join(folder, "store-to-die", rank, 2)
        (folder / f"{rank}.found").write_bytes(pickle.dumps(found))
        found["alone"] = alone(rank)
    (folder / f"{rank}.found").write_bytes(pickle.dumps(found))


def job(folder: Path) -> list[dict[str, Any]]:
    """Run it all; what each of the four ranks found."""
    (folder / "rows.txt").write_text("no checkpoint")
    mp.spawn(_rank, (folder,), nprocs=4)
    return [pickle.loads((folder / f"{rank}.found").read_bytes()) for rank in range(4)]
