"""The main job on real data that ships with a dependency: an RBM learns 8x8 digits."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from harmonium import noise
from harmonium.plots import save_picture, tile, weights_picture
from harmonium.rbm import RBM

__all__ = ["run_tour"]

_N_TRAIN = 1500
_FLIPPED = 0.1


def run_tour(folder: str | PathLike[str], *, quick: bool = False) -> None:
    """Train, ask every question, print a table and write pictures into `folder`.

    About a minute on two cores; `quick` trains for a tenth of it.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    console = Console()
    digits = (load_digits().data > 7).astype(np.uint8)
    train, test = digits[:_N_TRAIN], digits[_N_TRAIN:].astype(np.float64)
    console.print(f"An RBM with 200 hidden units learns {len(train)} handwritten 8x8 digits.")
    model = RBM(200, n_updates=3_000 if quick else 20_000, random_state=0, verbose=1).fit(train)

    log_z = model.log_partition()
    scores = model.score_samples(test)
    error = float(np.hypot(scores.std(ddof=1) / np.sqrt(len(scores)), log_z.std_error))
    rates = (train.sum(0) + 0.5) / (len(train) + 1)
    independent = float((test @ np.log(rates) + (1 - test) @ np.log(1 - rates)).mean())

    blanked = test.copy()
    blanked[:, 32:] = np.nan
    completed = model.complete(blanked, how="mean", random_state=0)
    neighbour = _nearest(train, blanked)
    flips = np.random.default_rng(0).random(test.shape) < _FLIPPED
    noisy = np.where(flips, 1 - test, test)
    channel = noise.BitFlip(_FLIPPED)
    corrected = model.correct(noisy, noise=channel, how="mean", random_state=0)

    table = Table(title=f"{len(test)} digits it has not seen")
    for heading in ("question", "harmonium", "baseline", "what the baseline is"):
        table.add_column(heading)
    table.add_row(
        "log-likelihood of a digit (nats)",
        f"{scores.mean():.2f} ± {error:.2f}",
        f"{independent:.2f}",
        "independent pixels",
    )
    table.add_row(
        "missing half filled in, bits right",
        f"{_right(completed[:, 32:], test[:, 32:]):.1%}",
        f"{_right(neighbour[:, 32:], test[:, 32:]):.1%}",
        "nearest neighbour",
    )
    table.add_row(
        "10% flipped bits corrected, bits right",
        f"{_right(corrected, test):.1%}",
        f"{_right(noisy, test):.1%}",
        "the noisy input itself",
    )
    console.print(table)
    if log_z.status != "ok":
        console.print(f"Do not trust the log-likelihood: {log_z.status}.")

    shown = slice(0, 20)
    pictures = {
        "samples.png": tile(model.sample(100, random_state=0)),
        "completions.png": tile(
            np.concatenate([test[shown], blanked[shown], completed[shown]]), columns=20
        ),
        "corrections.png": tile(
            np.concatenate([test[shown], noisy[shown], corrected[shown]]), columns=20
        ),
        "hidden_units.png": weights_picture(model.components_),
    }
    for name, picture in pictures.items():
        save_picture(picture, target / name)
    model.save(target / "digits.safetensors")
    console.print(f"Pictures and the model are in {target}/: {', '.join(pictures)}.")


def _right(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(((found > 0.5) == (truth > 0.5)).mean())


def _nearest(train: NDArray[np.uint8], blanked: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's blanks copied from the training row that agrees with most of the rest."""
    known = ~np.isnan(blanked[0])
    distance = (train[None, :, known] != blanked[:, None, known]).sum(2)
    return np.asarray(train[distance.argmin(1)], dtype=np.float64)
