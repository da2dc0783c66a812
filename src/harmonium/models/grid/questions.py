"""Questions to a Markov random field on a grid, given its potentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.device import device_for
from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_integer
from harmonium.models.answers import Answerer, Enumeration, GibbsChains, answer
from harmonium.models.codec import Codec
from harmonium.models.energy_model import EnergyModel
from harmonium.models.grid.answers import Annealing, GraphCuts, has_maxflow
from harmonium.models.grid.cliques import Cliques, cliques_for
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.factors import factor_tables
from harmonium.models.grid.inside import InsideEnergy, coarse_of, n_coarse_of
from harmonium.models.grid.patch_means import PatchMeans
from harmonium.models.grid.patch_mixture import PatchMixture
from harmonium.models.grid.pseudo import pseudo_moments
from harmonium.models.grid.readings import (
    ImageCodec,
    channels_of,
    check_images,
    has_colours,
    stack_of,
)
from harmonium.models.question import blanks
from harmonium.sampling.gibbs import Schedule

if TYPE_CHECKING:
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["Questions"]

#: Of images of which nothing is known: sweeps that lead chains in. Else chains start at what is
#: known and settle. Then sweeps, and chains an image, that posterior means are averaged over.
_SCHEDULE = Schedule(n_lead_in=300, n_sweeps=160, n_chains=2, n_settle=60)
#: Levels up to which method="auto" cuts graphs; alpha-expansion costs a cut a level and round.
_MAX_CUT_LEVELS = 16


class Questions(EnergyModel):
    """Everything that is asked of a grid: its potentials are those that a fit leaves."""

    #: A sweep of many levels is dear, and log Z of an image is needed to a nat or so only.
    _annealing_steps: ClassVar[tuple[int, ...]] = (1000,)

    n_levels: int
    n_coarse: int | str | None
    neighbours: int
    potential: str
    device: str
    verbose: int
    image_shape_: tuple[int, int]
    knots_: NDArray[np.float64]
    level_: NDArray[np.float64]
    place_: NDArray[np.float64] | None
    patches_: PatchMixture | None
    inside_: NDArray[np.float64] | None = None
    _base: NDArray[np.float64]

    def _cliques(self) -> Cliques:
        n_states = n_coarse_of(self.n_coarse, self.n_levels)
        return cliques_for(self.potential, self.neighbours, n_states)

    def build_energy(
        self, dtype: torch.dtype, shape: tuple[int, int] | None = None
    ) -> GridEnergy | InsideEnergy:
        grid = self._grid(dtype, shape)
        if self.inside_ is None:
            return grid
        return InsideEnergy(grid, torch.from_numpy(self.inside_.copy()).to(grid.device, dtype))

    def _grid(self, dtype: torch.dtype, shape: tuple[int, int] | None = None) -> GridEnergy:
        """What the cliques act on: levels, or coarse ones."""
        device = device_for(self.device)

        def tensor(array: NDArray[np.float64]) -> torch.Tensor:
            return torch.from_numpy(array.copy()).to(device, dtype)

        return GridEnergy(
            self._cliques(),
            self.image_shape_ if shape is None else shape,
            tensor(self.knots_),
            tensor(self.level_),
            None if self.place_ is None else tensor(self.place_),
            tensor(self._base),
        )

    def _bases(self) -> None:
        return None

    def _in_force(self) -> tuple[Sequence[NDArray[Any]], Any]:
        arrays = [self.knots_, self.level_, self._base]
        if self.place_ is not None:
            arrays.append(self.place_)
        if self.inside_ is not None:
            arrays.append(self.inside_)
        facts = (self.image_shape_, self.n_levels, self.potential, self.neighbours)
        return arrays, facts

    def _exact_log_partition(self, required: bool) -> float | None:
        value = self.build_energy(torch.float64).exact_log_partition()
        if value is None and required:
            raise ValueError(
                "method='exact': these grids are too wide for the transfer matrix; use method='ais'"
            )
        return value

    # -- questions -----------------------------------------------------------------------------

    def _log_weights(self, own: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        energy = self.build_energy(torch.float64)
        return lambda x: energy.log_weight(x.to(energy.device))

    def _codec(self, X: Any = None) -> ImageCodec:
        shape, colours = self.image_shape_, X is not None and has_colours(X)
        if X is not None:
            height, width = stack_of(channels_of(X) if colours else X, "X").shape[1:]
            shape = self._shape_allowed((height, width))
        return ImageCodec(shape, self.n_levels, colours=colours)

    def _shape_allowed(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The shape of some images, if the model has an energy for them."""
        if self.place_ is not None and shape != self.image_shape_:
            raise ValueError(
                f"X must be images of shape {self.image_shape_}, whose places the model has "
                f"learned, got {shape}"
            )
        return shape

    def _answerers(self, codec: Codec, method: str = "auto") -> Sequence[Answerer]:
        assert isinstance(codec, ImageCodec)
        narrow = partial(self.build_energy, torch.float32, codec.shape)
        wide = partial(self.build_energy, torch.float64, codec.shape)
        asked = method == "graphcut"
        cuts = GraphCuts(
            partial(self._grid, torch.float32, codec.shape),
            self.n_levels if asked else _MAX_CUT_LEVELS,
        )
        able = self.inside_ is None and (asked or has_maxflow())
        return (
            Enumeration(codec.sizes, lambda: wide().log_weight),
            *([cuts] if able else []),
            Annealing(narrow),
            PatchMeans(self.patches_, codec.shape, self.n_levels),
            GibbsChains(narrow, _SCHEDULE, modes=method == "gibbs", verbose=self.verbose),
        )

    def pseudo_log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """Sum over pixels of log P(pixel given all others), ``(n,)``: needs no Z, and is not a
        log-likelihood."""
        check_is_fitted(self)
        if has_colours(X):
            X = stack_of(X, "X")  # says that channels are asked one at a time
        codec = self._codec(X)
        energy, levels = self._grid(torch.float32, codec.shape), codec.read(X).astype(np.int64)
        inside = 0.0 if self.inside_ is None else self.inside_[levels].sum(1)
        states = coarse_of(self.n_levels, energy.n_states)[levels]
        rows = torch.from_numpy(states).to(energy.device, torch.float32)
        one = torch.ones(1, device=energy.device)
        return inside + np.array([pseudo_moments(energy, row[None], one)[0] for row in rows])

    def sample(
        self,
        n_samples: int = 1,
        *,
        condition: Any = None,
        shape: tuple[int, int] | None = None,
        random_state: Any = None,
    ) -> NDArray[Any]:
        """Draws of images ``(n_samples, H, W)``, or of the free pixels of one.

        Parameters
        ----------
        n_samples : images to draw, at least 1.
        condition : one image ``(H, W)`` with NaN or -1 where free; None: all is free.
        shape : (H, W) of the images; None: `image_shape_`. Only a model without places has
            other shapes.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples, 1)
        wanted = self.image_shape_ if shape is None else tuple(shape)
        if condition is not None:
            one = np.asarray(condition)[None]
            wanted = check_images(one, self.n_levels, blanks=True, name="condition").shape[1:]
        if len(wanted) != 2:
            raise ValueError(f"shape must be (height, width), got {shape!r}")
        for side in wanted:
            check_integer("shape", side, 1)
        height, width = wanted
        codec = ImageCodec(self._shape_allowed((height, width)), self.n_levels)
        row = codec.read_condition(condition)
        question = blanks(row[None, :], codec, "sample", n_samples)
        found = answer(question, self._answerers(codec), random_generator(random_state))
        return codec.write(found)

    def to_network(self) -> MarkovNetwork:
        """The same distribution as a Markov network: a factor for each pixel and clique.

        For tiny grids: a clique's table has ``n_levels ** (pixels of the clique)`` entries.
        """
        check_is_fitted(self)
        from harmonium.models.network.model import Factor, MarkovNetwork

        tables = factor_tables(self._grid(torch.float64), self.inside_)
        return MarkovNetwork([Factor(names, table) for names, table in tables])
