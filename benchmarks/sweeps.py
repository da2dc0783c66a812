"""A sweep of Potts chains beside adabmDCA's Metropolis: ``python -m benchmarks.sweeps FOLDER``.

Wants the package adabmdca (``pip install --no-deps adabmdca``; of it only ``adabmDCA.sampling`` is
loaded). FOLDER holds ``NAME.fasta``. Couplings are those of a short pseudo-likelihood fit; 2,000
chains, float32, one thread, both in this process and in turn: the least CPU seconds of ROUNDS, and
their ratio. Both attempt each site once a sweep; a heat-bath draw moves at least as often as a
Metropolis proposal, which is told beside: the share of sites that differ after one sweep.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import harmonium as hm
from harmonium.contract.energy import Chains

ROUNDS, N_CHAINS = 7, 2000
ALPHABETS = {"ww": "protein", "kunitz": "protein", "rf00379": "rna"}


def metropolis() -> Callable[..., torch.Tensor]:
    """The peer's sampler, without the packages that the rest of it loads."""
    found = importlib.util.find_spec("adabmDCA")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("adabmdca is not here: pip install --no-deps adabmdca")
    place = Path(found.submodule_search_locations[0]) / "sampling.py"
    spec = importlib.util.spec_from_file_location("adabmDCA_sampling", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.metropolis_sampling  # type: ignore[no-any-return]


def judge(name: str, folder: Path, theirs: Callable[..., torch.Tensor]) -> None:
    family = hm.Alignment.read(folder / f"{name}.fasta", ALPHABETS[name])
    some = family[np.arange(0, len(family), 4)]
    given: dict[str, Any] = {"weight_decay": 0.05, "validation_fraction": 0.0}
    model = hm.BoltzmannMachine(learner="pseudo", random_state=0, **given).fit(some)
    k, n_columns = len(family.alphabet), family.shape[1]
    picked = np.random.default_rng(0).integers(0, len(family), N_CHAINS)
    x = torch.from_numpy(family.states[picked]).float()
    energy, noise = model.build_energy(torch.float32), np.random.Generator(np.random.SFC64(0))
    parameters = {
        "bias": torch.from_numpy(np.stack(model.fields_)).float(),
        "coupling_matrix": torch.from_numpy(
            np.ascontiguousarray(model.couplings_.transpose(0, 2, 1, 3))
        ).float(),
    }
    wide = torch.nn.functional.one_hot(x.long(), k).float()
    assert wide.shape == (N_CHAINS, n_columns, k)
    seconds, moved = [float("inf"), float("inf")], [0.0, 0.0]
    for _ in range(ROUNDS):
        began = time.process_time()
        ours = energy.sweep(Chains(x), noise).x
        seconds[0] = min(seconds[0], time.process_time() - began)
        began = time.process_time()
        other = theirs(wide, parameters, 1).argmax(2)
        seconds[1] = min(seconds[1], time.process_time() - began)
        moved = [float((ours != x).float().mean()), float((other != x).float().mean())]
    print(
        f"{name}: {1e3 * seconds[0]:.0f} ms, adabmDCA {1e3 * seconds[1]:.0f} ms, ratio "
        f"{seconds[0] / seconds[1]:.2f}; sites that moved {moved[0]:.3f}, {moved[1]:.3f}",
        flush=True,
    )


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    theirs = metropolis()
    for name in sys.argv[2].split(",") if len(sys.argv) > 2 else ALPHABETS:
        judge(name, Path(sys.argv[1]), theirs)


if __name__ == "__main__":
    main()
