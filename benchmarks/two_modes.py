"""Four ways to estimate an average under a model with two far-apart modes.

    python benchmarks/two_modes.py [-o two_modes.svg] [--n-repeats 20]

The model: 16 pixels, nearly all on (seven parts of ten) or nearly all off; the question: how many
are on, on average. The truth is known by enumeration. For each method and number of samples: the
root mean squared error over repetitions, the seconds one estimate took, how many estimates came
with an error bar, and how many of those bars (three standard errors) held the truth.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import harmonium as hm

METHODS = ("uniform", "importance", "gibbs", "tempered")
SIZES = (100, 300, 1000, 3000, 10_000)


def two_modes(n: int, strength: float) -> hm.RBM:
    """Two hidden units that want all pixels on; pixels that want to be off as much."""
    bias = np.full(n, -strength) + np.log(7 / 3) / n
    return hm.RBM.from_parameters(np.full((n, 2), strength), bias, np.full(2, -n / 2 * strength))


def ink(x: np.ndarray) -> np.ndarray:
    return x.sum(axis=1)


def measure(strength: float, n_repeats: int) -> dict[str, list[float]]:
    model = two_modes(16, strength)
    truth = hm.expectation(model, ink, method="exact").value
    energy_barrier = -np.log(hm.expectation(model, lambda x: x.sum(1) == 8, method="exact").value)
    print(
        f"\nstrength {strength}: {truth:.3f} pixels on, on average; P(half of them on) is "
        f"e^-{energy_barrier:.1f}"
    )
    print("| method | " + " | ".join(f"{n:,} samples" for n in SIZES) + " |")
    print("|---" * (len(SIZES) + 1) + "|")
    errors: dict[str, list[float]] = {}
    for method in METHODS:
        cells = []
        for n in SIZES:
            started = time.perf_counter()
            found = [
                hm.expectation(model, ink, method=method, n_samples=n, random_state=seed)
                for seed in range(n_repeats)
            ]
            seconds = (time.perf_counter() - started) / n_repeats
            off = np.array([estimate.value - truth for estimate in found])
            bars = np.array([estimate.std_error for estimate in found])
            with_bar = np.isfinite(bars)
            held = np.abs(off[with_bar]) < 3 * bars[with_bar]
            errors.setdefault(method, []).append(float(np.sqrt(np.mean(off**2))))
            cells.append(
                f"{errors[method][-1]:.2f} ({held.sum()} of {with_bar.sum()} bars hold, "
                f"{seconds:.2f} s)"
            )
        print(f"| {method} | " + " | ".join(cells) + " |", flush=True)
    return errors


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output", type=Path, default=Path("two_modes.svg"))
    parser.add_argument("--n-repeats", type=int, default=20)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    found = {s: measure(s, arguments.n_repeats) for s in (1.0, 1.5, 2.5)}

    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    all_axes = figure.subplots(1, len(found), sharey=True)
    for axes, (strength, errors) in zip(all_axes, found.items(), strict=True):
        for (method, values), mark in zip(errors.items(), "os^D", strict=True):
            axes.loglog(SIZES, values, marker=mark, label=method)
        axes.set(title=f"strength {strength}", xlabel="samples")
        axes.grid(alpha=0.3)
    all_axes[0].set(ylabel="root mean squared error (pixels)")
    all_axes[-1].legend()
    figure.savefig(arguments.output)
    print(f"\nfigure: {arguments.output}")


if __name__ == "__main__":
    main()
