"""An RBM on a GPU, as a table: ``python -m benchmarks.gpu`` (a minute or two).

Where there is none it says so and ends. ``--device cpu --small`` runs the same code small on the
CPU, with the kernels' plain twins, to see that it runs: its figures mean nothing.

- *update*: a step with persistent chains as ``hm.RBM.fit`` takes it, batch and chains 1,024, over
  its matrix products alone in bfloat16 (wanted: at most 1.3) and in float32: launch by launch with
  torch's draws, then as one graph with draws in kernels, with products in float32 and bfloat16.
- *chains*: Gibbs sweeps of 100,000 chains the same three ways, in units of either side drawn a
  nanosecond (wanted: 200 on an H100).
- *ranks*: updates a second by two GPUs, each with half of a batch of 2,048, over those by one with
  all of it (wanted: 1.8).
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from harmonium.compute import on_device, philox
from harmonium.compute.random import generator_for
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Ascent, Gaussian
from harmonium.learning.fit import fit
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.rows import Split
from harmonium.learning.sources import Memory
from harmonium.models.rbm.centring import Centred
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.kernels.device import PRECISIONS, Sweeps

ROUNDS = 5
SIZES, SMALL = ((784, 500), (16_384, 4_096)), ((64, 32),)
#: What is asked for: ratio of an update, units drawn a nanosecond, gain of two.
_WANTED_UPDATE, _WANTED_FLIPS, _WANTED_RANKS = 1.3, 200.0, 1.8


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Median of a few runs, the device's queue empty at either end."""
    found = []
    for _ in range(ROUNDS + 1):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - started)
    return float(np.median(found[1:]))


def device_generator(device: torch.device) -> torch.Generator:
    """One of torch's, on the CPU too, so that what is measured is a device's path."""
    if device.type == "cpu":
        return torch.Generator().manual_seed(1)
    found = generator_for(device, np.random.Generator(np.random.SFC64(1)))
    assert isinstance(found, torch.Generator)
    return found


def machine(n_visible: int, n_hidden: int, device: torch.device) -> RBMEnergy:
    """An RBM with small weights."""
    source = np.random.default_rng(0)
    weights = torch.from_numpy(source.normal(0, 0.01, (n_visible, n_hidden)).astype(np.float32))
    bias = torch.full((n_visible,), -1.0, device=device)
    hidden_bias = torch.zeros(n_hidden, device=device)
    return RBMEnergy(weights.to(device), bias.clone(), hidden_bias, bias)


def learning(energy: RBMEnergy, batch: int, n_updates: int) -> Callable[[], object]:
    """`n_updates` steps of the training loop; of several ranks each has its share."""
    source = np.random.Generator(np.random.SFC64(0))
    generator = device_generator(energy.device)
    rows = (source.random((4 * batch, energy.n_variables)) < 0.2).astype(np.uint8)
    table, every = Memory(rows, energy.device), np.arange(4 * batch)
    plan = Plan(n_updates, batch, 0.01, n_chains=batch, first_look=n_updates)
    learner = Persistent.start(energy, plan, generator)
    ascent = Ascent(energy, Gaussian(), Centred(energy.base_mean, energy.n_hidden))
    split, told = Split(every, every[:0]), {"streams": Streams.drawn(0), "generator": generator}
    return lambda: fit(ascent, learner, table, split, plan, **told)


def products(energy: RBMEnergy, batch: int, dtype: torch.dtype) -> Callable[[], object]:
    """The matrix products of one update."""
    weights = energy.parameters()["weights"].to(dtype)
    x = torch.zeros((2 * batch, weights.shape[0]), dtype=dtype, device=energy.device)
    h = torch.zeros((2 * batch, weights.shape[1]), dtype=dtype, device=energy.device)
    return lambda: (x @ weights, h[:batch] @ weights.T, x.T @ h)


@contextlib.contextmanager
def launch_by_launch() -> Iterator[None]:
    """Draws by torch, and no graph."""
    with (
        mock.patch.object(on_device, "has_kernels", return_value=False),
        mock.patch.object(on_device, "is_served", return_value=False),
    ):
        yield


def updates(device: torch.device, sizes: tuple[tuple[int, int], ...], batch: int, n: int) -> None:
    print(f"\n{'update':>16} {'products in':>13} {'ms':>9} {'/ bf16':>7} {'/ float32':>9}")
    for size in sizes:
        half, full = (
            seconds(products(machine(*size, device), batch, dtype), device)
            for dtype in (torch.bfloat16, torch.float32)
        )
        named = f"{size[0]} x {size[1]}"
        for name, precision in {"plain": torch.float32, **PRECISIONS}.items():
            energy = machine(*size, device)
            energy.updates.precision = precision
            with launch_by_launch() if name == "plain" else contextlib.nullcontext():
                one = seconds(learning(energy, batch, n), device) / n
            print(f"{named:>16} {name:>13} {1e3 * one:9.3f} {one / half:7.2f} {one / full:9.2f}")
        print(f"{'':>16} products alone: {1e3 * half:.3f} and {1e3 * full:.3f} ms")
    print(f"wanted: at most {_WANTED_UPDATE} x those in bfloat16")


def chains(device: torch.device, size: tuple[int, int], n_chains: int) -> None:
    energy, generator = machine(*size, device), device_generator(device)
    state = Chains(energy.base_sample(n_chains, generator))
    print(f"\n{'chains':>16} {'products in':>13} {'ms':>9} {'flips a ns':>11}")

    def told(name: str, work: Callable[[], object], n_flips: int) -> None:
        with torch.no_grad():
            one = seconds(work, device)
        print(f"{n_chains:>16} {name:>13} {1e3 * one:9.3f} {n_flips / one / 1e9:11.2f}")

    with launch_by_launch():
        told("plain", lambda: energy.sweep(state, generator), n_chains * sum(size))
    weights, *biases = energy.parameters().values()
    stream = philox.stream(generator, device)
    for name, precision in PRECISIONS.items():
        x = state.x.to(precision)
        hidden = x.new_zeros((n_chains, size[1]))
        sweeps = Sweeps(weights.to(precision), tuple(biases), Chains(x, hidden), stream)
        told(name, lambda sweeps=sweeps: sweeps(11), n_chains * (11 * size[0] + 10 * size[1]))
    print(f"wanted: {_WANTED_FLIPS:.0f} flips a ns on an H100")


def _rank(rank: int, world: int, folder: str, kind: str, size: tuple[int, int], n: int) -> None:
    device = torch.device(kind, rank) if kind == "cuda" else torch.device(kind)
    backend = "gloo"
    if kind == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(
        backend, init_method=f"file://{folder}/store-{world}", rank=rank, world_size=world
    )
    batch = 2048 if kind == "cuda" else 64
    one = seconds(learning(machine(*size, device), batch, n), device) / n
    if not rank:
        (Path(folder) / str(world)).write_text(str(one))
    dist.destroy_process_group()


def ranks(kind: str, sizes: tuple[tuple[int, int], ...], n: int) -> None:
    n_devices = torch.cuda.device_count() if kind == "cuda" else multiprocessing.cpu_count()
    if n_devices < 2:
        print(f"\nranks: there is one {kind} device here; two want two")
        return
    print(f"\n{'ranks':>16} {'ms of one':>11} {'ms of two':>11} {'gain':>7}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for world in (1, 2):
                mp.spawn(_rank, (world, folder, kind, size, n), nprocs=world)
            one, two = (float((Path(folder) / name).read_text()) for name in "12")
        print(
            f"{size[0]:>9} x {size[1]:<4} {1e3 * one:11.3f} {1e3 * two:11.3f} {one / two:7.2f}   "
            f"wanted: {_WANTED_RANKS}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a small model and few chains")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            f"There is no GPU here (torch {torch.__version__} sees no CUDA device), so nothing was "
            "measured: run `python -m benchmarks.gpu` on a machine that has one."
        )
    device = torch.device(asked.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(f"{name}, torch {torch.__version__}" + (", small" if asked.small else ""))
    sizes, batch, n = (SMALL, 64, 20) if asked.small else (SIZES, 1024, 200)
    updates(device, sizes, batch, n)
    chains(device, sizes[0], 1000 if asked.small else 100_000)
    ranks(device.type, sizes, n)


if __name__ == "__main__":
    main()
