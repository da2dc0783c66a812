"""What a report says of a grid model: its potentials as curves, samples, pictures cleaned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.images import spread
from harmonium.plots import tile
from harmonium.report_figures import drawing, png_picture, svg_picture
from harmonium.report_likelihood import log_z_row, log_z_warnings, score_row
from harmonium.report_page import Block, Picture, Section, Table, Text, Warning

if TYPE_CHECKING:
    from harmonium.grid import GridMRF

__all__ = ["describe", "potential_picture"]

_N_SAMPLES = 12
_N_SHOWN = 6
_MAX_SIDE = 96


def potential_picture(model: GridMRF, caption: str = "") -> Picture:
    """The log of each clique's factor against the response of its filter."""
    cliques = model._cliques()
    with drawing(2.7) as figure:
        axes = figure.subplots()
        start = 0
        for index, (size, picture) in enumerate(zip(cliques.n_knots, model.filters_, strict=True)):
            # Knots lie at responses 0, ..., radius, and count for both signs.
            curve = model.knots_[start : start + size]
            start += size
            at = cliques.knots(index).astype(float)
            both = np.concatenate([-at[:0:-1], at])
            label = _filter_name(picture)
            axes.plot(both, np.concatenate([curve[:0:-1], curve]) - curve.max(), label=label)
        axes.set(xlabel="response of the clique's filter (levels)", ylabel="log factor")
        if len(model.filters_) > 1:
            axes.legend(fontsize=7, ncols=2)
        return svg_picture(
            figure,
            f"Learned potentials of {len(model.filters_)} kinds of cliques",
            caption,
        )


def _filter_name(picture: Any) -> str:
    array = np.atleast_2d(np.asarray(picture))
    return f"{array.shape[0]}x{array.shape[1]}"
