"""Step 2: pixels and their neighbours; a factor, a grid of them, a noisy photograph cleaned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harmonium.apps.pages.blocks import Formula, Picture, Table, Text
from harmonium.apps.pages.figures import drawing, png_picture, svg_picture
from harmonium.apps.report.grid import potential_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.photographs import psnr
from harmonium.apps.tour.step import Page, Snippet, Workshop
from harmonium.display.correlations import CorrelationsDisplay

__all__ = ["MEASURED", "SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.photographs import load, texture
others, photo = load()                # three to learn from, one to clean
noise = np.random.default_rng(0).normal(0, 25, photo.shape)
noisy = np.clip(np.round(photo + noise), 0, 255)
torn = np.where(np.arange(128) % 16 < 4, np.nan, photo)
gravel = texture()                    # 8 levels of grey
asked = {"noise": hm.noise.Gaussian(25), "how": "mean", "random_state": 0}
shapes = {"n_levels": 8, "neighbours": 8, "potential": "multiscale", "random_state": 0}
""",
    """
grid = hm.GridMRF($effort, random_state=0).fit(others)
by_pairs = grid.correct(noisy[None], method="gibbs", **asked)[0]
cleaned = grid.correct(noisy[None], **asked)[0]  # by 8x8 patches, learned beside
mended = grid.complete(torn[None], how="mean", random_state=0)[0]
stones = hm.GridMRF($strength, **shapes).fit(gravel[None])
drawn = stones.sample(shape=(128, 128), random_state=0)[0]
""",
)

MEASURED = Snippet(
    """
from scipy.ndimage import uniform_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from harmonium.apps.tour.photographs import psnr
""",
    """
before, pairs, after = (psnr(one, photo) for one in (noisy, by_pairs, cleaned))
blurred = [uniform_filter(noisy, size) for size in (2, 3, 4, 5)]
levelled = [denoise_tv_chambolle(noisy, weight=weight) for weight in (10, 15, 20, 25, 30)]
alike = {"sigma": 25, "patch_size": 5, "patch_distance": 9}
averaged = [denoise_nl_means(noisy, h=h, **alike) for h in (10, 15, 20, 25)]
rivals = {  # each at whichever setting comes nearest to the truth
    "a box blur": max(psnr(one, photo) for one in blurred),
    "total variation (scikit-image)": max(psnr(one, photo) for one in levelled),
    "non-local means (scikit-image)": max(psnr(one, photo) for one in averaged)}

apart = np.unique(np.round(np.geomspace(1, 64, 16)).astype(int))
levels = [[np.corrcoef(p[:, d:].ravel(), p[:, :-d].ravel())[0, 1] for p in others]
          for d in apart]
correlation = np.mean(levels, axis=1)             # of two pixels so far apart

def unlike(picture, d):
    across, down = picture[:, d:] - picture[:, :-d], picture[d:] - picture[:-d]
    return (abs(across).mean() + abs(down).mean()) / 2
differences = [(unlike(gravel, d), unlike(drawn, d)) for d in (1, 2, 3)]
darkest = (gravel == 0).mean(), (drawn == 0).mean()
""",
)

_GRID = Formula(
    display(r"P(x)=\frac{1}{Z}∏_{i∼j}ϕ(x_i−x_j)∏_i ψ(x_i)"),
    "i ∼ j: neighbours on the grid, side by side or one above the other.",
)


def page(workshop: Workshop) -> Page:
    effort = "n_patches=120, n_patch_kinds=40"
    strength = "n_patches=40, n_updates=200"
    if workshop.quick:
        effort = "n_patches=30, n_updates=40, n_patch_kinds=8"
        strength = "n_patches=10, n_updates=30"
    snippet, made = workshop.run(SNIPPET, effort=effort, strength=strength)
    photo, noisy, cleaned = made["photo"], made["noisy"], made["cleaned"]
    measured, made = workshop.run(MEASURED, onwards=made)
    before, after = made["before"], made["after"]
    best, rival = max((found, name) for name, found in made["rivals"].items())
    picture = _cleaned(photo, noisy, cleaned)
    return Page(
        title="Pixels and their neighbours",
        lead="A picture has too many pixels for a table of all pictures. But given its "
        "neighbours, a pixel hardly depends on the rest: so a factor for each pair of "
        "neighbours will do, and how well two grey levels go together is learned from "
        "photographs.",
        finding=f"A noisy photograph cleaned from {before:.1f} to {after:.1f} dB by what other "
        "photographs taught.",
        blocks=[
            _GRID,
            snippet.block(),
            _agreement(made["apart"], made["correlation"]),
            potential_picture(
                made["grid"],
                "The learned factor, as its logarithm: small differences are favoured, yet "
                "large ones are not ruled out, so edges survive.",
            ),
            picture,
            _compared(made),
            Text("The same grid fills in what is missing."),
            _mended(made["torn"], made["mended"]),
            Text(
                "A draw shows what a model knows. With factors of a few more shapes, curvatures "
                "and differences of 2x2 blocks, a grid learns a texture: its draws have the "
                "responses and levels of what it learned from, and are none of it."
            ),
            _textured(made["gravel"], made["drawn"]),
            _statistics(made["differences"], made["darkest"]),
            measured.measuring(),
        ],
        summary=[
            f"factors between neighbouring pixels, learned from {len(made['others'])} photographs.",
            f"noisy photograph: {before:.1f} dB; best rival, {rival}: {best:.1f} dB; "
            f"by patches: {after:.1f} dB.",
        ],
        picture=picture,
    )


def _compared(made: dict[str, Any]) -> Table:
    return Table(
        ("decibels (PSNR)", ""),
        [
            ("the noisy photograph", f"{made['before']:.2f}"),
            *((name, f"{found:.2f}") for name, found in made["rivals"].items()),
            ("pairs of neighbours, posterior mean", f"{made['pairs']:.2f}"),
            ("patches of 8x8 pixels, learned beside them", f"{made['after']:.2f}"),
        ],
        caption="The blur, total variation and non-local means are each given the setting that "
        "comes nearest to the photograph without noise, which nobody would know; the grid is "
        "told how strong the noise is, and no more.",
    )


def _cleaned(photo: NDArray[Any], noisy: NDArray[Any], cleaned: NDArray[Any]) -> Picture:
    return png_picture(
        beside(photo, noisy, cleaned),
        "A photograph of a cameraman, the same with heavy noise, and cleaned",
        f"A photograph the grid has not seen; with noise of 25 levels ({psnr(noisy, photo):.1f} "
        f"dB); and cleaned by patches ({psnr(cleaned, photo):.1f} dB).",
        smooth=True,
    )


def _mended(torn: NDArray[Any], mended: NDArray[Any]) -> Picture:
    return png_picture(
        beside(np.where(np.isnan(torn), 255, torn), mended),
        "The photograph with stripes missing, and mended",
        "A quarter of the photograph torn out (white), and the mean of P(missing | rest).",
        smooth=True,
    )


def _textured(gravel: NDArray[np.int64], drawn: NDArray[np.int64]) -> Picture:
    return png_picture(
        beside(gravel[:128, :128] * 36, drawn * 36),
        "Gravel, and a picture drawn by what was learned from it",
        "A photograph of gravel, and a draw from P(x). Grains and shadows come back at their "
        "size and strength; the outline of a whole stone takes variables behind the pixels.",
        smooth=True,
    )


def _statistics(differences: list[tuple[float, float]], darkest: tuple[float, float]) -> Table:
    """What a texture keeps: how unlike pixels are, by their distance, and how dark it is."""
    rows = [
        (f"mean difference {d} apart", f"{own:.2f}", f"{drawn:.2f}")
        for d, (own, drawn) in enumerate(differences, 1)
    ]
    own, drawn = darkest
    rows.append(("share of the darkest level", f"{own:.3f}", f"{drawn:.3f}"))
    return Table(("levels of 0 to 7", "gravel", "drawn"), rows)


def beside(*pictures: NDArray[Any]) -> Image.Image:
    """Grey pictures of 256 levels in a row, each enlarged to the height of the first, twice."""
    height = pictures[0].shape[0]
    gap = np.full((height, 4), 128.0)
    grown = [np.kron(p, np.ones((height // p.shape[0],) * 2)) for p in pictures]
    parts = [part for picture in grown for part in (gap, picture)][1:]
    levels = np.clip(np.round(np.hstack(parts)), 0, 255).astype(np.uint8)
    image = Image.fromarray(levels)
    return image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST)


def _agreement(apart: NDArray[np.int64], alike: NDArray[np.float64]) -> Picture:
    """How alike two pixels are, by their distance."""
    with drawing(2.3) as figure:
        shown = {"photographs": alike.tolist()}
        CorrelationsDisplay(distances=apart.tolist(), correlations=shown).plot(figure.subplots())
        return svg_picture(
            figure,
            "Correlation of two pixels falling with their distance",
            f"Next to each other, two pixels are {alike[0]:.2f} correlated; "
            f"{apart[-1]} apart, {alike[-1]:.2f}.",
        )
