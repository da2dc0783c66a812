"""A whole fit beside adabmDCA's: ``python -m benchmarks.fits FOLDER [FAMILY SECONDS CHAINS RATE]``.

The environment's PEERS is the interpreter of one with the package adabmDCA; FOLDER holds
``FAMILY.fasta`` (ww unless told). Both learn from the same four fifths of the sequences, drawn at
random, on one thread; the peer in a process of its own by its defaults, unless CHAINS and RATE say
otherwise, until it ends by itself or has had SECONDS (900) of the processor. Its fields and
couplings are kept as they stand after 15 seconds, 30, 60 and so on (what keeping them costs is not
counted), ours as fits of 50 updates, 100, 200 and so on leave them, all else by defaults, and by
defaults. One judge reads them all: nats a site of the other fifth, plain means, with our annealed
log Z of these parameters. Told at the end: processor seconds to the peer's best such figure, and
ours to one as good.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ALPHABETS = {"ww": "protein", "kunitz": "protein", "rf00379": "rna"}
N_UPDATES = (50, 100, 200, 400, 800)


def peer(place: Path, alphabet: str, limit: float, given: dict[str, Any]) -> None:
    """Run by the peer's interpreter: writes ``SECONDS.npz`` into `place`."""
    import adabmDCA.api.training as training
    import torch
    from adabmDCA import compute_energy
    from adabmDCA.api.exceptions import OperationCancelledError
    from torch.nn.functional import one_hot

    torch.set_num_threads(1)
    prepare, began, kept, due = training.prepare_training_sampler, time.process_time(), 0.0, 15.0
    latest: dict[str, torch.Tensor] = {}
    probe = torch.from_numpy(np.load(place / "probe.npy"))

    def spent() -> float:
        return time.process_time() - began - kept

    def keep(params: dict[str, torch.Tensor]) -> None:
        nonlocal kept
        at, start = spent(), time.process_time()
        wide = one_hot(probe, params["bias"].shape[1]).to(params["bias"].dtype)
        found = {name: value.numpy() for name, value in params.items()}
        np.savez(place / f"{at:.2f}.npz", energy=compute_energy(wide, params).numpy(), **found)
        kept += time.process_time() - start

    def preparing(*words: Any) -> Any:
        sampler = prepare(*words)

        def sample(**asked: Any) -> torch.Tensor:
            nonlocal due, latest
            latest = asked["params"]
            if spent() >= due:
                keep(latest)
                due *= 2
            return sampler(**asked)

        return sample

    training.prepare_training_sampler = preparing
    try:
        done = training.train_model(
            place / "train.fasta", alphabet=alphabet, is_cancelled=lambda: spent() > limit, **given
        )
    except OperationCancelledError:
        keep(latest)
        print("stopped at its limit of", limit, "s")
    else:
        keep(done.model.params)
        print(f"ended by itself, {done.stop_reason}, {done.gradient_steps} updates")


def judged(model: Any, test: Any) -> tuple[float, Any]:
    """Nats a site of the sequences `test`, and log Z."""
    log_z = model.log_partition(random_state=0)
    return float(model.score(test.states)) / test.shape[1], log_z


def theirs(place: Path, train: Any, test: Any, words: list[str]) -> list[tuple[float, float]]:
    import harmonium as hm

    train.to_fasta(place / "train.fasta")
    np.save(place / "probe.npy", test.states[:20].astype(np.int64))
    command = [os.environ["PEERS"], "-m", "benchmarks.fits", "peer", str(place), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    print("adabmDCA", done.stdout.strip().splitlines()[-1], flush=True)
    found = []
    for path in sorted(place.glob("*.npz"), key=lambda path: float(path.stem)):
        kept = np.load(path)
        couplings = kept["coupling_matrix"].transpose(0, 2, 1, 3)
        model = hm.BoltzmannMachine.from_parameters(list(kept["bias"]), couplings)
        assert np.allclose(model.energy(test.states[:20]), kept["energy"], atol=1e-3)
        site, log_z = judged(model, test)
        print(f"  adabmDCA, {float(path.stem):.0f} CPU s: {site:.4f}, log Z {log_z}", flush=True)
        found.append((float(path.stem), site))
    return found


def ours(train: Any, test: Any) -> list[tuple[float, float]]:
    import harmonium as hm

    found = []
    for n in (*N_UPDATES, None):
        given: dict[str, Any] = {} if n is None else {"n_updates": n}
        began = time.process_time()
        model = hm.BoltzmannMachine(random_state=0, **given).fit(train)
        seconds = time.process_time() - began
        bare = hm.BoltzmannMachine.from_parameters(model.fields_, model.couplings_)
        site, log_z = judged(bare, test)
        what = "defaults" if n is None else f"n_updates={n}"
        print(f"  harmonium, {what}, {seconds:.0f} CPU s: {site:.4f}, log Z {log_z}", flush=True)
        found.append((seconds, site))
    return found


def main() -> None:
    import torch

    import harmonium as hm

    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    name, *words = [*sys.argv[2:], *("ww", "900", "10000", "0.01")[len(sys.argv) - 2 :]]
    family = hm.Alignment.read(folder / f"{name}.fasta", ALPHABETS[name])
    order = np.random.default_rng(0).permutation(len(family))
    cut = len(family) // 5
    train, test = family[order[cut:]], family[order[:cut]]
    print(f"{name}: {len(train)} sequences of {train.shape[1]}, {len(test)} others")
    hm.BoltzmannMachine(n_updates=5, random_state=0).fit(train[:200])  # compiles
    own = ours(train, test)
    with tempfile.TemporaryDirectory() as place:
        other = theirs(Path(place), train, test, [ALPHABETS[name], *words])
    seconds, best = max(other, key=lambda one: one[1])
    soonest = min((one[0] for one in own if one[1] >= best), default=float("nan"))
    print(f"{name}: adabmDCA's best {best:.4f} after {seconds:.0f} CPU s, ours after {soonest:.0f}")
    print(f"{name}: ratio {soonest / seconds:.3f}")


if __name__ == "__main__":
    if sys.argv[1] == "peer":
        told = sys.argv[2:]
        options = {"n_chains": int(told[3]), "learning_rate": float(told[4])}
        peer(Path(told[0]), told[1], float(told[2]), options)
    else:
        main()
