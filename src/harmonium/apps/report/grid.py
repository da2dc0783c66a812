"""What a report says of a grid model: its potentials as curves, samples, pictures cleaned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Block, Caution, Picture, Section, Table, Text
from harmonium.apps.pages.figures import drawing, png_picture, svg_picture
from harmonium.apps.report.description import Description, fact_tables
from harmonium.apps.report.ending import ending_cautions
from harmonium.apps.report.likelihood import log_z_cautions, log_z_row, score_row
from harmonium.contract import noise
from harmonium.display.potentials import PotentialsDisplay
from harmonium.display.samples import SamplesDisplay

if TYPE_CHECKING:
    from harmonium.models.grid.model import GridMRF

__all__ = ["describe", "potential_picture"]

_N_SAMPLES = 12
_N_SHOWN = 6
_MAX_SIDE = 96
#: Pixels times levels up to which a report estimates log Z by itself.
_CHEAP = 4_000


def potential_picture(model: GridMRF, caption: str = "") -> Picture:
    """The log of each clique's factor against the response of its filter."""
    with drawing(2.7) as figure:
        PotentialsDisplay.from_estimator(model, ax=figure.subplots())
        return svg_picture(
            figure,
            f"Learned potentials of {len(model.filters_)} kinds of cliques",
            caption,
        )


def describe(model: GridMRF, data: Any, seed: int) -> Description:
    """A grid of pixels; `data` are images."""
    height, width = model.image_shape_
    kinds = len(model.filters_)
    lead = (
        f"A Markov random field on a grid: images of {height}x{width} pixels in "
        f"{model.n_levels} levels, with {kinds} kinds of cliques whose potentials were learned."
        + (" Each place has potentials of its own." if model.places else "")
    )
    images = None if data is None else _images(model, data)
    likelihood, cautions = _likelihood(model, images)
    sections = [
        Section("The model", fact_tables(model)),
        Section("Potentials", _potentials(model)),
        Section("How likely", likelihood),
        Section("Samples", _samples(model, seed)),
    ]
    if images is not None:
        sections.append(Section("Noise taken away", _denoised(model, images, seed)))
        sections.append(Section("Holes filled", _filled(model, images, seed)))
    return Description(lead, [*cautions, *ending_cautions(model.facts())], sections)


def _potentials(model: GridMRF) -> list[Block]:
    blocks: list[Block] = []
    if model.filters_:
        blocks.append(
            potential_picture(
                model,
                "Each clique's potential (the log of its factor, its largest value set to 0): "
                "what it favours lies high, what it bears with lies low.",
            )
        )
    with drawing(2.1) as figure:
        PotentialsDisplay.from_estimator(model, of="levels", ax=figure.subplots())
        blocks.append(
            svg_picture(figure, "Learned potential of each level", "Potential of levels.")
        )
    return blocks


def _images(model: GridMRF, data: Any) -> list[NDArray[np.float64]]:
    """Some of the images, as they are or cut to a size that is quickly cleaned."""
    if model.place_ is not None:
        return [np.asarray(image, dtype=np.float64) for image in data[:_N_SHOWN]]
    side = min(_MAX_SIDE, *(min(np.shape(image)) for image in data[:_N_SHOWN]))
    return [np.asarray(image, dtype=np.float64)[:side, :side] for image in data[:_N_SHOWN]]


def _likelihood(
    model: GridMRF, images: list[NDArray[np.float64]] | None
) -> tuple[list[Block], list[Caution]]:
    """log Z where it is known or cheap; else the pseudo-likelihood alone, under its own name."""
    known = model.known_log_partition
    rows: list[tuple[str, str]] = []
    cautions: list[Caution] = []
    blocks: list[Block] = []
    if known is None and model.n_features_in_ * model.n_levels <= _CHEAP:
        known = model.log_partition_
    if known is not None:
        rows.append(log_z_row(known))
        cautions = log_z_cautions(known)
        if images is not None and images[0].shape == model.image_shape_:
            rows.append(score_row(model, np.stack(images), known))
    if images is not None:
        pseudo = model.pseudo_log_likelihood(np.stack(images))
        pixels = images[0].size
        rows.append(
            ("mean log P(pixel | all others), images shown here", f"{pseudo.mean() / pixels:.3f}")
        )
        rows.append(
            ("the same if all levels were equally likely", f"{-np.log(model.n_levels):.3f}")
        )
    if rows:
        blocks.append(Table(("", "nats"), rows))
    if known is None:
        blocks.append(
            Text(
                "log Z, and with it the log-likelihood, has not been computed for this model: "
                "at this size it takes minutes. log_partition() does it, and keeps it."
            )
        )
    return blocks, cautions


def _samples(model: GridMRF, seed: int) -> list[Block]:
    drawn = np.asarray(model.sample(_N_SAMPLES, random_state=seed))
    return [
        _sheet(
            model,
            list(drawn),
            f"{len(drawn)} images drawn from the model",
            f"{len(drawn)} draws from P(x). Neighbouring pixels agree as they do in the data; "
            "what is far apart was never tied together.",
            columns=4,
        )
    ]


def _sheet(model: GridMRF, images: list[Any], alt: str, caption: str, columns: int) -> Picture:
    shown = SamplesDisplay(rows=np.stack(images), columns=columns, top=model.n_levels - 1)
    return png_picture(shown.image(), alt, caption)


def _denoised(model: GridMRF, images: list[NDArray[np.float64]], seed: int) -> list[Block]:
    clean = np.stack(images)
    generator = np.random.default_rng(seed)
    top = model.n_levels - 1
    channel: Any
    if model.n_levels == 2:
        channel, what = noise.BitFlip(0.1), "a tenth of the pixels flipped"
        noisy = np.where(generator.random(clean.shape) < 0.1, 1 - clean, clean)
    else:
        sigma = 0.1 * top
        channel, what = noise.Gaussian(sigma), f"Gaussian noise of {sigma:.3g} levels"
        noisy = np.clip(np.round(clean + generator.normal(0, sigma, clean.shape)), 0, top)
    found = np.asarray(model.correct(noisy, noise=channel, how="mean", random_state=seed))
    before, after = (_error(x, clean) for x in (noisy, found))
    return [
        _sheet(
            model,
            [*clean, *noisy, *found],
            "Images, the same with noise, and cleaned",
            f"Images; with {what}; and the mean of P(clean | noisy). Root mean squared error: "
            f"{before:.3g} levels before, {after:.3g} after.",
            columns=len(clean),
        )
    ]


def _filled(model: GridMRF, images: list[NDArray[np.float64]], seed: int) -> list[Block]:
    clean = np.stack(images)
    torn = clean.copy()
    side = clean.shape[1:]
    torn[:, side[0] // 3 : -(-2 * side[0] // 3), side[1] // 3 : -(-2 * side[1] // 3)] = np.nan
    found = np.asarray(model.complete(torn, how="mean", random_state=seed))
    hole = np.isnan(torn)
    error = _error(found[hole], clean[hole])
    level = np.asarray([image[~gap].mean() for image, gap in zip(clean, hole, strict=True)])
    usual = _error(np.broadcast_to(level[:, None, None], clean.shape)[hole], clean[hole])
    return [
        _sheet(
            model,
            [*torn, *found],
            "Images with a hole, and filled",
            "A ninth of each image torn out (orange), and the mean of P(missing | rest). Root "
            f"mean squared error: {error:.3g} levels ({usual:.3g} by the mean of the rest).",
            columns=len(clean),
        )
    ]


def _error(found: NDArray[Any], truth: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)))
