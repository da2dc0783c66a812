"""Images whose pixels depend on their neighbours: a Markov random field on a grid."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from os import PathLike
from time import monotonic
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.device import device_for
from harmonium.contract.checks import (
    Range,
    check_arrays,
    check_flag,
    check_integer,
    check_ranges,
    choice,
    integer,
    or_else,
)
from harmonium.contract.estimates import LogZ, check_history
from harmonium.data.tables import check_sample_weight
from harmonium.learning.fit import RunningFit
from harmonium.learning.plan import asked
from harmonium.models.grid.cliques import POTENTIALS
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.inside import n_coarse_of
from harmonium.models.grid.patch_mixture import PatchMixture
from harmonium.models.grid.questions import Questions
from harmonium.models.grid.stages import go_on, learn
from harmonium.models.grid.start import (
    GridParameters,
    check_shares,
    inside_of,
    mixture_of_patches,
    rate_of,
    shared_levels,
    split_colours,
)
from harmonium.models.settings import LEARNING_RANGES, positive

__all__ = ["GridMRF"]


def _neighbours(name: str, value: Any) -> Any:
    if value not in (4, 8):
        raise ValueError(f"{name} must be 4 or 8, got {value!r}")
    return value


_RANGES: dict[str, Range] = {
    "n_levels": integer(2, 256),
    "n_coarse": or_else("auto", or_else(None, integer(2, 256))),
    "level_shares": check_shares,
    "neighbours": _neighbours,
    "potential": choice(*POTENTIALS),
    "places": check_flag,
    "learner": choice("pcd", "pseudo", "exact"),
    "n_updates": or_else("auto", integer(1)),
    "n_chains": or_else("auto", integer(1)),
    "learning_rate": or_else("auto", positive),
    "n_gibbs": integer(1),
    "patch_size": or_else(None, or_else("auto", integer(2))),
    "n_patches": integer(1),
    "n_patch_kinds": or_else("auto", integer(0, 1000)),
    **LEARNING_RANGES,
}


class GridMRF(Questions):
    """P(image) = exp(sum of potentials) / Z; the potentials are learned.

    A potential for each clique, an even function of the response of a small filter (the
    difference of two neighbours, at its simplest), one for each level, and by choice one for
    each place. Given all others, a pixel depends on its cliques alone.

    Parameters
    ----------
    n_levels : levels of a pixel, 2 to 256.
    n_coarse : how many coarse levels, 2 to `n_levels`, of equal width depend on each other, a
        level being independent of all else given its coarse one; None: levels do themselves.
        ``"auto"``: as None, but 12 for models of several classes that are to be compared
        (:class:`~harmonium.BayesClassifier`), with places and more than 16 levels.
    level_shares : ``(n_levels,)`` numbers above 0: how often each level is, for its share of its
        coarse level; None: as often as in the images.
    neighbours : 4 or 8: which pairs of pixels are cliques.
    potential : ``"difference"``: of pairs alone. ``"block"``: also of 2x2 blocks (the
        difference of differences). ``"multiscale"``: also of curvatures over three pixels and
        of differences of 2x2 blocks; for photographs. ``"independent"``: no cliques.
    places : whether each place has potentials of its own: for aligned pictures (digits,
        clothes). Without, the model fits images of any size.
    learner : ``"pcd"``: maximum likelihood by persistent chains, started from maximum
        pseudo-likelihood; ``"pseudo"``: that start alone; ``"exact"``: the likelihood itself,
        climbed by L-BFGS, for grids small enough (see ``log_partition(method="exact")``).
    n_updates : gradient steps of ``"pcd"``, iterations of ``"exact"``; ``"auto"``: 600.
    n_chains : persistent chains; ``"auto"``: as many as hold 65,536 pixels, at most 256.
    learning_rate : at the start, in units of Newton's step; it falls linearly to zero.
        ``"auto"``: 1 with places, else 0.3; 0.3 for ``partial_fit``.
    n_gibbs : sweeps of the chains a step.
    patch_size : side of the square patches that are learned from in place of whole images
        (only without `places`); None: whole images; ``"auto"``: 32 where images are larger
        than 64 or differ in size.
    n_patches : patches taken from random places, equally many of each image.
    n_patch_kinds : kinds of 8x8 patches learned beside the cliques, a mixture of Gaussians from
        which posterior means under Gaussian noise are taken (``method="patches"``); 0: none, and
        such means come from chains over the cliques; ``"auto"``: 100 for photographs (more than
        64 levels; larger than 64 or of unlike sizes; without places), else 0.
    validation_fraction : share of the images (or patches), in [0, 1), that is held out and
        watched; the parameters that do best on them are kept. 0 watches nothing: a grid has few
        parameters for the pixels it learns from. ``"auto"``: a tenth, at most 500.
    checkpoint : a file that is written along the fit; a fit with the same settings and images
        goes on from it, bit for bit, where an earlier one was cut off.
    time_limit : seconds after which the fit ends, the learning rate having fallen to zero.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    random_state : int, Generator or None.
    verbose : 1 shows progress bars.

    Attributes
    ----------
    image_shape_ : (height, width) that scores and samples refer to.
    knots_, level_, place_ : the parameters of a
        :class:`~harmonium.models.grid.energy.GridEnergy`.
    filters_ : the cliques' filters.
    inside_ : log P(level given its coarse level), ``(n_levels,)``, or None.
    patches_ : a :class:`~harmonium.models.grid.patch_mixture.PatchMixture`, or None.
    pseudo_log_likelihood_ : mean log P(pixel given the others) after the first stage, nats; of
        a random part of the images where they are many.
    history_, n_updates_, stop_reason_ : of the second stage, or of the first where that was all:
        lists by name, ``update``, ``seconds`` and what was followed (``learning_rate``;
        ``train`` and ``validation``, mean log-likelihoods of an image, or
        ``pseudo_log_likelihood``, of a pixel, in nats).

    Images are ``(n, height, width)`` integers in ``[0, n_levels)``; so are answers, but for
    means, which are float64. Pictures with colours ``(n, height, width, 3)`` are learned from,
    completed and corrected channel by channel, as if these had nothing to do with each other.
    """

    def __init__(
        self,
        *,
        n_levels: int = 256,
        n_coarse: int | str | None = "auto",
        level_shares: Any = None,
        neighbours: int = 4,
        potential: str = "difference",
        places: bool = False,
        learner: str = "pcd",
        n_updates: int | str = "auto",
        n_chains: int | str = "auto",
        learning_rate: float | str = "auto",
        n_gibbs: int = 1,
        patch_size: int | str | None = "auto",
        n_patches: int = 160,
        n_patch_kinds: int | str = "auto",
        validation_fraction: float | str = 0.0,
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_levels = n_levels
        self.n_coarse = n_coarse
        self.level_shares = level_shares
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
        self.n_patch_kinds = n_patch_kinds
        self.validation_fraction = validation_fraction
        self.checkpoint = checkpoint
        self.time_limit = time_limit
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # -- learning ------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from images ``(n, H, W)``, or from a list of images of different sizes.

        Costs some hundred sweeps of the images or patches.
        """
        self.check_parameters()
        weights = check_sample_weight(sample_weight, np.empty((len(X), 1)))
        X, weights = split_colours(X, weights)
        self._running = None
        begun = monotonic()
        wanted = asked(GridParameters, vars(self))
        inside = inside_of(wanted, X, weights)
        found = learn(wanted, X, weights, self._cliques(), device_for(self.device))
        self.inside_ = inside
        self._take(found.energy, found.pseudo_log_likelihood)
        self._keep_result(found.result)
        left = None if wanted.time_limit is None else begun + wanted.time_limit - monotonic()
        self.patches_ = mixture_of_patches(wanted, X, weights, left)
        return self

    #: What `partial_fit` goes on from; None until it is called, and after `fit`.
    _running: RunningFit | None = None

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """One pass over these images at a constant rate, from where the model stands.

        The first call learns a start by pseudo-likelihood, as `fit` does. Chains persist
        between calls; nothing is held out and nothing averaged. Images (or the patches taken
        from them) have one shape in all calls.
        """
        self.check_parameters()
        weights = check_sample_weight(sample_weight, np.empty((len(X), 1)))
        X, weights = split_colours(X, weights)
        wanted = replace(
            asked(GridParameters, vars(self)),
            validation_fraction=0.0,
            learning_rate=rate_of(self.learning_rate, places=False),
            checkpoint=None,
            time_limit=None,
        )
        if not hasattr(self, "level_"):
            begun = replace(wanted, learner="pseudo")
            self.inside_ = inside_of(wanted, X, weights)
            found = learn(begun, X, weights, self._cliques(), device_for(self.device))
            self._take(found.energy, found.pseudo_log_likelihood)
        energy = self._grid(torch.float32)
        self._running, n_updates = go_on(wanted, X, weights, energy, self._running)
        learned = self._running.energy
        assert isinstance(learned, GridEnergy)
        self._take(learned, self.pseudo_log_likelihood_)
        self._keep_partial(n_updates)
        return self

    def check_parameters(self) -> None:
        check_ranges(vars(self), _RANGES)
        n_coarse_of(self.n_coarse, self.n_levels)

    def shared_parameters(self, X: Any) -> dict[str, Any]:
        """What models of several classes must share to be compared: how levels lie inside coarse
        ones, which then tells nothing of the class."""
        self.check_parameters()
        return shared_levels(asked(GridParameters, vars(self)), X)

    def _take(self, energy: GridEnergy, pseudo_log_likelihood: float) -> None:
        """Keep what was learned."""

        def array(tensor: torch.Tensor) -> NDArray[np.float64]:
            return tensor.detach().cpu().numpy().astype(np.float64)

        self.knots_, self.level_ = array(energy.knots), array(energy.level)
        self.place_ = None if energy.place is None else array(energy.place)
        self._base = array(energy.base)
        self.filters_ = energy.cliques.filters
        self.pseudo_log_likelihood_ = pseudo_log_likelihood
        self.patches_ = getattr(self, "patches_", None)
        self.image_shape_ = energy.shape
        self.n_features_in_ = energy.n_variables
        self._keep_log_partition(None)

    # -- files -----------------------------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        check_is_fitted(self)
        arrays = {"knots": self.knots_, "level": self.level_, "base": self._base}
        if self.place_ is not None:
            arrays["place"] = self.place_
        if self.patches_ is not None:
            arrays["patch_shares"] = self.patches_.shares.numpy()
            arrays["patch_covariances"] = self.patches_.covariances.numpy()
        if self.inside_ is not None:
            arrays["inside"] = self.inside_
        known = self.known_log_partition
        facts = {
            "image_shape": list(self.image_shape_),
            "pseudo_log_likelihood": self.pseudo_log_likelihood_,
            "history": self.history_,
            "n_updates": self.n_updates_,
            "stop_reason": self.stop_reason_,
            "log_partition": None if known is None else vars(known),
            # Where a checkpoint lay, and which machine fitted, is no part of the model.
            "parameters_left_out": ["checkpoint", "device"],
        }
        return arrays, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self.check_parameters()  # what follows is made by them
        height, width = (check_integer("image_shape", side, 1) for side in facts["image_shape"])
        self.image_shape_ = (height, width)
        self.n_features_in_ = self.image_shape_[0] * self.image_shape_[1]
        cliques = self._cliques()
        coarse = cliques.n_levels < self.n_levels
        check_arrays(
            arrays,
            {
                "knots": ("float", (sum(cliques.n_knots),)),
                "level": ("float", (cliques.n_levels,)),
                "base": ("float", (self.n_features_in_ if self.places else 1, cliques.n_levels)),
                **({"inside": ("float", (self.n_levels,))} if coarse else {}),
                **({"place": ("float", (self.n_features_in_, None))} if self.places else {}),
            },
        )
        self.knots_, self.level_, self._base = arrays["knots"], arrays["level"], arrays["base"]
        self.place_ = arrays["place"] if self.places else None
        self.inside_ = arrays["inside"] if coarse else None
        self.filters_ = cliques.filters
        self.patches_ = PatchMixture.from_arrays(arrays) if "patch_shares" in arrays else None
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
