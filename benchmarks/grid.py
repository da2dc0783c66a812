"""Measures of hm.GridMRF: ``python -m benchmarks.grid [sweeps] [denoise] [fashion]``.

`sweeps`: seconds a Gibbs sweep, and how they grow with pixels and levels. `denoise`: peak
signal-to-noise ratio of five photographs under Gaussian noise of sigma 25, learned from other
photographs, beside scikit-image's methods (and BM3D, where `bm3d` is installed) on the same.
`fashion`: accuracy of one model a class,
beside independent pixels (wants ``shared/data/images/fashion.npz`` beside the repository).
Seconds are core time, which other programs on the machine disturb least; with more threads
(OMP_NUM_THREADS) less time passes.
"""

from __future__ import annotations

import argparse
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

import harmonium as hm
from harmonium.contract.energy import Chains
from harmonium.data.images import quantise
from harmonium.models.grid.cliques import Cliques, filters_for
from harmonium.models.grid.start import initial_energy

FASHION = Path(__file__).resolve().parents[2] / "shared/data/images/fashion.npz"
LEARNED = (
    "astronaut",
    "cat",
    "clock",
    "coffee",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "page",
    "retina",
    "rocket",
)
SIGMA = 25.0


def seconds(work, n: int = 5) -> float:
    """Median core time of `n` calls after one that warms up."""
    work()
    times = []
    for _ in range(n):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return float(np.median(times))


def sweeps() -> None:
    """One sweep from independent pixels."""
    print(f"\nsweeps, {torch.get_num_threads()} thread(s)")
    print("images  shape    levels potential   neighbours   ms   ns a pixel")
    source = np.random.Generator(np.random.SFC64(0))
    cases = [
        (64, 28, 256, "difference", 4),
        (64, 28, 256, "difference", 8),
        (64, 28, 8, "difference", 8),
        (64, 28, 2, "difference", 4),
        (1, 128, 256, "difference", 4),
        (1, 256, 256, "difference", 4),
        (1, 512, 256, "difference", 4),
        *((1, 256, n_levels, "difference", 8) for n_levels in (2, 16, 64, 128, 256)),
        (1, 256, 256, "block", 8),
        (1, 256, 256, "multiscale", 8),
    ]
    for n, side, n_levels, potential, neighbours in cases:
        cliques = Cliques(filters_for(potential, neighbours), n_levels)
        base = torch.full((1, n_levels), -np.log(n_levels))
        energy = initial_energy(cliques, (side, side), base, False)
        chains = Chains(energy.base_sample(n, source))
        taken = seconds(lambda e=energy, c=chains: e.sweep(c, source))
        print(
            f"{n:6d}  {side:3d}x{side:<3d} {n_levels:6d}  {potential:12s} {neighbours:6d} "
            f"{1e3 * taken:9.1f} {1e9 * taken / (n * side * side):8.0f}"
        )


def gray(image: np.ndarray) -> np.ndarray:
    """Levels 0 to 255 of a photograph, by luminance where it has colours."""
    from skimage.color import rgb2gray

    return np.asarray(
        image if image.ndim == 2 else np.round(255 * rgb2gray(image[..., :3]))
    ).astype(int)


def photographs() -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """What is learned from, and what is judged, at most 321x481; all ship with scikit-image,
    scikit-learn and matplotlib."""
    import skimage.data
    from matplotlib.cbook import get_sample_data
    from PIL import Image
    from sklearn.datasets import load_sample_images

    learned = [gray(getattr(skimage.data, name)()) for name in LEARNED]
    learned += [gray(image) for image in load_sample_images().images]
    hopper = np.asarray(Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    judged = {
        "camera": skimage.data.camera()[60:381, 16:497],
        "motorcycle": skimage.data.stereo_motorcycle()[0][100:421, 150:631],
        "coins": skimage.data.coins(),
        "grass": skimage.data.grass()[:321, :481],
        "hopper": hopper[:321, :481],
    }
    return learned, {name: gray(image) for name, image in judged.items()}


def psnr(found: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB."""
    return float(10 * np.log10(255**2 / np.mean((found - clean) ** 2)))


def others(noisy: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """scikit-image's methods; each with its best weight for this very picture."""
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    unit = noisy / 255
    sigma = SIGMA / 255
    total = max(
        psnr(255 * denoise_tv_chambolle(unit, weight=w), clean) for w in (0.08, 0.1, 0.12, 0.15)
    )
    means = max(
        psnr(255 * denoise_nl_means(unit, 5, 9, h=h * sigma, sigma=sigma, fast_mode=True), clean)
        for h in (0.5, 0.6, 0.7, 0.8)
    )
    found = {"tv": total, "nlm": means}
    if find_spec("bm3d") is not None:
        from bm3d import bm3d

        found["bm3d"] = psnr(bm3d(noisy, SIGMA), clean)
    return found


def denoise(
    potentials: tuple[str, ...], n_pictures: int, write_to: str | None, read_from: str | None
) -> None:
    """The photographs, by posterior mean; "default" among the potentials: as `GridMRF()` is."""
    learned, judged = photographs()
    models = {"loaded": hm.load(read_from)} if read_from else {}
    for potential in () if read_from else potentials:
        start = time.process_time()
        settings = {} if potential == "default" else {"neighbours": 8, "potential": potential}
        model = hm.GridMRF(random_state=0, **settings).fit(learned)
        print(f"{potential}: learned in {time.process_time() - start:.0f} s", flush=True)
        models[potential] = model
        if write_to:
            model.save(write_to)
    rows: list[dict[str, float]] = []
    for name, clean in list(judged.items())[:n_pictures]:
        noise = np.random.default_rng(0).normal(0, SIGMA, clean.shape)
        noisy = clean + noise
        figures = {"noisy": psnr(noisy, clean), **others(noisy, clean)}
        for potential, model in models.items():
            start = time.process_time()
            channel = hm.noise.Gaussian(SIGMA)
            found = model.correct(noisy[None], noise=channel, how="mean", random_state=0)[0]
            figures[potential] = psnr(found, clean)
            figures[f"{potential} s"] = time.process_time() - start
        rows.append(figures)
        print(name, {k: round(v, 2) for k, v in figures.items()}, flush=True)
    print("mean", {k: round(float(np.mean([row[k] for row in rows])), 2) for k in rows[0]})


def fashion(
    levels: tuple[int, ...],
    n_train: int,
    n_updates: int,
    n_temperatures: int,
    potentials: tuple[str, ...],
) -> None:
    """One model a class and Bayes' rule; of 10,000 images, 2,000 are held out.

    `n_train` images a class at most are learned from.
    """
    n_held_out = 2000
    data = np.load(FASHION)
    order = np.random.default_rng(0).permutation(len(data["images"]))
    held, rest = order[:n_held_out], order[n_held_out:]
    labels = data["labels"]
    train = np.concatenate([rest[labels[rest] == label][:n_train] for label in range(10)])
    for n_levels in levels:
        X = quantise(data["images"], n_levels)
        for potential in potentials:
            start = time.process_time()
            model = hm.GridMRF(
                n_levels=n_levels,
                neighbours=8,
                potential=potential,
                places=True,
                n_updates=n_updates,
                random_state=0,
            )
            classifier = hm.BayesClassifier(model).fit(X[train], labels[train])
            learned = time.process_time() - start
            doubt = 0.0
            for own in classifier.estimators_:
                # A nat of log Z is little beside what tells classes apart: a short annealing,
                # kept with the model, in place of the one that score_samples would do.
                short = own.log_partition(n_chains=50, n_temperatures=n_temperatures)
                own._keep_log_partition(short)
                doubt = max(doubt, short.std_error)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                joint = classifier.joint_log_prob(X[held])
            right = np.mean(np.argmax(joint, 1) == labels[held])
            mine = np.mean(joint[np.arange(n_held_out), labels[held]])
            print(
                f"{n_levels} levels, {n_train} images a class, {potential}, {n_updates} updates: "
                f"accuracy {right:.4f}, log P(image, class) {mine:.1f} nats, "
                f"largest error of log Z {doubt:.2f}, "
                f"learned in {learned:.0f} s, {time.process_time() - start:.0f} s in all",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["sweeps", "denoise", "fashion"])
    parser.add_argument("--potentials", nargs="*", help="instead of those the docs report")
    parser.add_argument("--levels", nargs="+", type=int, default=[8, 256])
    parser.add_argument("--per-class", type=int, default=1000, help="images a class to learn from")
    parser.add_argument("--pictures", type=int, default=5, help="photographs that are judged")
    parser.add_argument("--updates", type=int, default=600, help="of the models of clothes")
    parser.add_argument("--temperatures", type=int, default=300, help="of annealing, for log Z")
    parser.add_argument("--model", help="write the last photograph model to this file")
    parser.add_argument("--load", help="judge the photograph model of this file instead")
    chosen = parser.parse_args()
    if "sweeps" in chosen.what:
        sweeps()
    if "denoise" in chosen.what:
        potentials = tuple(chosen.potentials or ["default"])
        denoise(potentials, chosen.pictures, chosen.model, chosen.load)
    if "fashion" in chosen.what:
        fashion(
            tuple(chosen.levels),
            chosen.per_class,
            chosen.updates,
            chosen.temperatures,
            tuple(chosen.potentials or ["difference", "independent"]),
        )
