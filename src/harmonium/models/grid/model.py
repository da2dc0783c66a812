"""Images whose pixels depend on their neighbours: a Markov random field on a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.random import random_generator
from harmonium.contract.checks import (
    check_arrays,
    check_choice,
    check_flag,
    check_integer,
    check_number,
)
from harmonium.contract.estimates import LogZ, check_history
from harmonium.contract.stopping import tell
from harmonium.data.tables import check_sample_weight
from harmonium.learning.plan import asked
from harmonium.models.answers import Answerer, Enumeration, GibbsChains, answer
from harmonium.models.codec import Codec
from harmonium.models.energy_model import EnergyModel
from harmonium.models.grid.answers import Annealing, GraphCuts, has_maxflow
from harmonium.models.grid.cliques import POTENTIALS, Cliques, cliques_for
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.factors import factor_tables
from harmonium.models.grid.pseudo import pseudo_moments
from harmonium.models.grid.readings import ImageCodec, check_images, stack_of
from harmonium.models.grid.start import GridParameters, gather_images, learn
from harmonium.models.question import blanks
from harmonium.sampling.gibbs import Schedule

if TYPE_CHECKING:
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["GridMRF"]

#: Of images of which nothing is known: sweeps that lead chains in. Else chains start at what is
#: known and settle. Then sweeps, and chains an image, that posterior means are averaged over.
_SCHEDULE = Schedule(n_lead_in=300, n_sweeps=160, n_chains=2, n_settle=60)
#: Levels up to which method="auto" cuts graphs; alpha-expansion costs a cut a level and round.
_MAX_CUT_LEVELS = 16


class GridMRF(EnergyModel):
    """P(image) = exp(sum of potentials) / Z; the potentials are learned.

    A potential for each clique, an even function of the response of a small filter (the
    difference of two neighbours, at its simplest), one for each level, and by choice one for
    each place. Given all others, a pixel depends on its cliques alone.

    Parameters
    ----------
    n_levels : levels of a pixel, 2 to 256.
    neighbours : 4 or 8: which pairs of pixels are cliques.
    potential : ``"difference"``: of pairs alone. ``"block"``: also of 2x2 blocks (the
        difference of differences). ``"multiscale"``: also of curvatures over three pixels and
        of differences of 2x2 blocks; for photographs. ``"independent"``: no cliques.
    places : whether each place has potentials of its own: for aligned pictures (digits,
        clothes). Without, the model fits images of any size.
    learner : ``"pcd"``: maximum likelihood by persistent chains, started from maximum
        pseudo-likelihood; ``"pseudo"``: that start alone; ``"exact"``: exact gradients, for
        grids small enough (see ``log_partition(method="exact")``).
    n_updates : gradient steps of the learner; ``"auto"``: 600.
    n_chains : persistent chains; ``"auto"``: as many as hold 65,536 pixels, at most 256.
    learning_rate : at the start, in units of Newton's step; it falls linearly to zero.
    n_gibbs : sweeps of the chains a step.
    patch_size : side of the square patches that are learned from in place of whole images
        (only without `places`); None: whole images; ``"auto"``: 32 where images are larger
        than 64 or differ in size.
    n_patches : patches taken from random places, equally many of each image.
    random_state : int, Generator or None.
    verbose : 1 shows progress bars.

    Attributes
    ----------
    image_shape_ : (height, width) that scores and samples refer to.
    knots_, level_, place_ : the parameters of a
        :class:`~harmonium.models.grid.energy.GridEnergy`.
    filters_ : the cliques' filters.
    pseudo_log_likelihood_ : mean log P(pixel given the others) after the first stage, nats; of
        a random part of the images where they are many.
    history_, n_updates_, stop_reason_ : of the second stage.

    Images are ``(n, height, width)`` integers in ``[0, n_levels)``; so are answers, but for
    means, which are float64.
    """

    #: A sweep of many levels is dear, and log Z of an image is needed to a nat or so only.
    _annealing_steps: ClassVar[tuple[int, ...]] = (1000,)

    def __init__(
        self,
        *,
        n_levels: int = 256,
        neighbours: int = 4,
        potential: str = "difference",
        places: bool = False,
        learner: str = "pcd",
        n_updates: int | str = "auto",
        n_chains: int | str = "auto",
        learning_rate: float = 0.3,
        n_gibbs: int = 1,
        patch_size: int | str | None = "auto",
        n_patches: int = 160,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_levels = n_levels
        self.neighbours = neighbours
        self.potential = potential
        self.places = places
        self.learner = learner
        self.n_updates = n_updates
        self.n_chains = n_chains
        self.learning_rate = learning_rate
        self.n_gibbs = n_gibbs
        self.patch_size = patch_size
        self.n_patches = n_patches
        self.random_state = random_state
        self.verbose = verbose

    # -- learning ------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from images ``(n, H, W)``, or from a list of images of different sizes.

        Costs some hundred sweeps of the images or patches.
        """
        self.check_parameters()
        generator = random_generator(self.random_state)
        wanted = asked(GridParameters, vars(self))
        images = gather_images(wanted, X, generator)
        weights = check_sample_weight(sample_weight, np.empty((len(X), 1)))
        if weights is not None and images.source is not None:
            weights = weights[images.source]
        found = learn(wanted, images.pixels, weights, self._cliques(), generator)
        energy = found.energy
        self.pseudo_log_likelihood_ = found.pseudo_log_likelihood
        self.history_, self.n_updates_ = found.history, found.n_updates
        self.stop_reason_ = found.reason
        self.image_shape_ = energy.shape
        self.n_features_in_ = energy.n_variables
        self._keep(energy)
        tell(self.stop_reason_)
        return self

    def check_parameters(self) -> None:
        check_integer("n_levels", self.n_levels, 2, 256)
        if self.neighbours not in (4, 8):
            raise ValueError(f"neighbours must be 4 or 8, got {self.neighbours!r}")
        check_choice("potential", self.potential, POTENTIALS)
        check_flag("places", self.places)
        check_choice("learner", self.learner, ("pcd", "pseudo", "exact"))
        for name in ("n_updates", "n_chains"):
            if getattr(self, name) != "auto":
                check_integer(name, getattr(self, name), 1)
        check_number("learning_rate", self.learning_rate, 0.0, low_open=True)
        check_integer("n_gibbs", self.n_gibbs, 1)
        if self.patch_size is not None and self.patch_size != "auto":
            check_integer("patch_size", self.patch_size, 2)
        check_integer("n_patches", self.n_patches, 1)
        random_generator(self.random_state)

    def _cliques(self) -> Cliques:
        return cliques_for(self.potential, self.neighbours, self.n_levels)

    def _keep(self, energy: GridEnergy) -> None:
        self.knots_ = energy.knots.numpy().astype(np.float64)
        self.level_ = energy.level.numpy().astype(np.float64)
        self.place_ = None if energy.place is None else energy.place.numpy().astype(np.float64)
        self._base = energy.base.numpy().astype(np.float64)
        self.filters_ = energy.cliques.filters
        self._keep_log_partition(None)

    def build_energy(self, dtype: torch.dtype, shape: tuple[int, int] | None = None) -> GridEnergy:
        def tensor(array: NDArray[np.float64]) -> torch.Tensor:
            return torch.from_numpy(array.copy()).to(dtype)

        return GridEnergy(
            self._cliques(),
            self.image_shape_ if shape is None else shape,
            tensor(self.knots_),
            tensor(self.level_),
            None if self.place_ is None else tensor(self.place_),
            tensor(self._base),
        )

    def _in_force(self) -> tuple[Sequence[NDArray[Any]], Any]:
        arrays = (self.knots_, self.level_, self._base, self.place_)
        facts = (self.image_shape_, self.n_levels, self.potential, self.neighbours)
        return [array for array in arrays if array is not None], facts

    def _exact_log_partition(self, required: bool) -> float | None:
        value = self.build_energy(torch.float64).exact_log_partition()
        if value is None and required:
            raise ValueError(
                "method='exact': these grids are too wide for the transfer matrix; use method='ais'"
            )
        return value

    # -- questions -----------------------------------------------------------------------------

    def _log_weights(self, own: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        return self.build_energy(torch.float64).log_weight

    def _codec(self, X: Any = None) -> ImageCodec:
        if X is None:
            return ImageCodec(self.image_shape_, self.n_levels)
        height, width = stack_of(X, "X").shape[1:]
        return ImageCodec(self._shape_allowed((height, width)), self.n_levels)

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
        cuts = GraphCuts(narrow, self.n_levels if asked else _MAX_CUT_LEVELS)
        return (
            Enumeration(codec.sizes, lambda: wide().log_weight),
            *([cuts] if asked or has_maxflow() else []),
            Annealing(narrow),
            GibbsChains(narrow, _SCHEDULE, modes=method == "gibbs", verbose=self.verbose),
        )

    def pseudo_log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """Sum over pixels of log P(pixel given all others), ``(n,)``: needs no Z, and is not a
        log-likelihood."""
        check_is_fitted(self)
        codec = self._codec(X)
        rows = torch.from_numpy(codec.read(X)).float()
        energy = self.build_energy(torch.float32, codec.shape)
        return np.array([pseudo_moments(energy, row[None], torch.ones(1))[0] for row in rows])

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

        tables = factor_tables(self.build_energy(torch.float64))
        return MarkovNetwork([Factor(names, table) for names, table in tables])

    # -- files -----------------------------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        check_is_fitted(self)
        arrays = {"knots": self.knots_, "level": self.level_, "base": self._base}
        if self.place_ is not None:
            arrays["place"] = self.place_
        known = self.known_log_partition
        facts = {
            "image_shape": list(self.image_shape_),
            "pseudo_log_likelihood": self.pseudo_log_likelihood_,
            "history": self.history_,
            "n_updates": self.n_updates_,
            "stop_reason": self.stop_reason_,
            "log_partition": None if known is None else vars(known),
        }
        return arrays, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self.check_parameters()  # what follows is made by them
        height, width = (check_integer("image_shape", side, 1) for side in facts["image_shape"])
        self.image_shape_ = (height, width)
        self.n_features_in_ = self.image_shape_[0] * self.image_shape_[1]
        cliques = self._cliques()
        check_arrays(
            arrays,
            {
                "knots": ("float", (sum(cliques.n_knots),)),
                "level": ("float", (self.n_levels,)),
                "base": ("float", (self.n_features_in_ if self.places else 1, self.n_levels)),
                **({"place": ("float", (self.n_features_in_, None))} if self.places else {}),
            },
        )
        self.knots_, self.level_, self._base = arrays["knots"], arrays["level"], arrays["base"]
        self.place_ = arrays["place"] if self.places else None
        self.filters_ = cliques.filters
        self.pseudo_log_likelihood_ = float(facts["pseudo_log_likelihood"])
        self.history_ = check_history(facts["history"])
        self.n_updates_ = check_integer("n_updates", facts["n_updates"], 0)
        self.stop_reason_ = str(facts["stop_reason"])
        self._keep_log_partition(LogZ.from_facts(facts["log_partition"]))

    def _sizes(self) -> dict[str, Any]:
        return {
            "height, width (pixels)": list(self.image_shape_),
            "kinds of cliques": len(self.filters_),
            "mean log P(pixel | all others), learned from (nats)": self.pseudo_log_likelihood_,
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        return tags
