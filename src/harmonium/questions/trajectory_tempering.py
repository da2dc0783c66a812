"""Parallel trajectory tempering: an RBM sampled by way of the models it was while it learned.

The parameters kept along a fit are a ladder from nothing learned to the model. Chains at every
rung do Gibbs sweeps and trade places with their neighbours; modes that came apart late in the
fit are joined further down (Béreux, Decelle, Furtlehner, Rosset, Seoane 2025, "Fast training and
sampling of restricted Boltzmann machines", section on parallel trajectory tempering). Unlike a
path in temperature it meets no sudden transitions: each step of learning was a small one.

Here the hidden units are summed out of the acceptance of a swap, and the ladder begins with the
independent base, whose log Z is known; so the ratios between rungs add up to the model's log Z.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.checks import check_integer, check_number
from harmonium.contract.energy import Chains, Generator, Parameters
from harmonium.contract.estimates import Bound, LogZ, Status
from harmonium.learning.record import Look
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.gibbs import run_chains
from harmonium.sampling.ladder import bennett_ratio, gains, lower_rungs, swap

if TYPE_CHECKING:
    from harmonium.models.rbm.model import RBM

__all__ = ["TrajectoryTempering", "fit_with_path"]

Array: TypeAlias = NDArray[np.float64]

#: Sweeps that bring chains from one rung to a candidate for the next.
_SETTLE = 20
#: Rungs wanted closer than this share of a step between two checkpoints are given up on.
_SMALLEST_STEP = 2.0**-10
#: Steps of burn-in after which rungs are put where swaps fail too often.
_BLOCK = 40
#: Acceptance below this share of the wanted one is too low.
_POOR = 0.9
#: Groups of chains that the error of log Z is read from.
_N_GROUPS = 20


def fit_with_path(rbm: RBM, X: Any, y: Any = None, sample_weight: Any = None) -> list[Parameters]:
    """Fit `rbm` as ``rbm.fit`` does, and keep its parameters on the way.

    Returns the parameters at each look the fit took at itself (some dozens, closer together at
    the start), up to the ones that the model ends with: a path for :class:`TrajectoryTempering`.
    Costs memory for as many copies of the weights. A fit resumed from a checkpoint file gives
    the path from there on.
    """
    seen: list[tuple[int, int, Parameters]] = []

    def keep(look: Look) -> None:
        copy = {name: tensor.clone() for name, tensor in look.parameters.items()}
        seen.append((look.update, look.best_update, copy))

    rbm.fit_observed(X, y, sample_weight, observers=[keep])
    end = seen[-1][1] if seen else 0
    return [parameters for update, _, parameters in seen if update < end]


class TrajectoryTempering:
    """Chains along a ladder of models, from independent units to the fitted RBM.

    Parameters
    ----------
    model : a fitted RBM.
    path : parameters on the way to it, from :func:`fit_with_path`; may be empty. Rungs are
        taken from it, as few as the acceptance allows, and put between its entries, by linear
        interpolation, where those are too far apart.
    n_chains : independent sets of chains, at least 2; one of each on every rung.
    acceptance : share of swaps between neighbouring rungs that should succeed, in (0, 1).
    random_state : int, Generator or None.

    Attributes
    ----------
    acceptance_ : share of swaps accepted between each pair of neighbours since the start or
        :meth:`forget`.
    n_rungs : length of the ladder.

    Ladders start with what a short climb found: :meth:`burn_in` first, then :meth:`run`.
    A step costs ``n_chains * n_rungs`` sweeps, and as much again for the swaps.
    """

    def __init__(
        self,
        model: RBM,
        path: Sequence[Parameters],
        *,
        n_chains: int = 100,
        acceptance: float = 0.25,
        random_state: Any = None,
    ) -> None:
        check_is_fitted(model)
        self.n_chains = check_integer("n_chains", n_chains, 2)
        wanted = check_number("acceptance", acceptance, 0.0, 1.0, low_open=True, high_open=True)
        self.model = model
        last = model.build_energy(torch.float32)
        if not isinstance(last, RBMEnergy):
            raise TypeError(f"model must be a fitted RBM, got {type(model).__name__}")
        shapes = {name: tensor.shape for name, tensor in last.parameters().items()}
        for step, entry in enumerate(path):
            if {name: tensor.shape for name, tensor in entry.items()} != shapes:
                raise ValueError(f"path[{step}] must hold parameters of the shapes {shapes}")
        self.generator = generator_for(last.device, random_generator(random_state))
        # At beta = 0 an RBM is its base: independent visible units, idle hidden ones.
        base = last.to(last.dtype)
        base.weights.zero_()
        base.hidden_bias.zero_()
        base.visible_bias.copy_(base.base_bias)
        self._first_log_z = base.base_log_partition()
        points = [dict(base.parameters()), *path, last.parameters()]
        self._way, self._wanted, self._parity = _Way(base, points), wanted, 0
        self.energies, self.x, self._places = _climb(
            self._way, self.n_chains, wanted, self.generator
        )
        self.forget()

    @property
    def n_rungs(self) -> int:
        return len(self.energies)

    @property
    def acceptance_(self) -> Array:
        return self._accepted / np.maximum(self._trials, 1)

    @property
    def cold(self) -> NDArray[Any]:
        """The chains at the model itself, ``(n_chains, n_features)``."""
        return self.model.rows_of(self.x[-1])

    def forget(self) -> None:
        """Drop what was counted so far: burn-in is over."""
        n_pairs = self.n_rungs - 1
        self._accepted, self._trials = np.zeros(n_pairs), np.zeros(n_pairs)
        self._work: list[list[tuple[Array, Array]]] = [[] for _ in range(n_pairs)]

    def run(
        self,
        n_steps: int,
        *,
        n_sweeps: int = 1,
        observe: Callable[[TrajectoryTempering], None] | None = None,
    ) -> None:
        """`n_steps` times: `n_sweeps` sweeps of every chain, then swaps between neighbours, even
        and odd pairs in turn. `observe` is called after each step."""
        check_integer("n_steps", n_steps, 1)
        check_integer("n_sweeps", n_sweeps, 1)
        for _ in range(n_steps):
            for rung, energy in enumerate(self.energies):
                self.x[rung] = run_chains(energy, Chains(self.x[rung]), n_sweeps, self.generator).x
            self._swap()
            if observe is not None:
                observe(self)

    def burn_in(self, n_steps: int = 200) -> None:
        """At least `n_steps` steps that are then forgotten, in blocks after each of which a rung
        is put between neighbours that traded places less than wanted.

        Chains that climbed in haste know one side only of the transitions early in learning;
        once they know both, neighbours there may turn out to be too far apart.
        """
        check_integer("n_steps", n_steps, 1)
        for _ in range(-(-n_steps // _BLOCK)):
            self.forget()
            self.run(_BLOCK)
            for pair in np.flatnonzero(self.acceptance_ < _POOR * self._wanted)[::-1]:
                middle = 0.5 * (self._places[pair] + self._places[pair + 1])
                energy = self._way.at(middle)
                start = Chains(self.x[pair + 1].clone())
                self._places.insert(pair + 1, middle)
                self.energies.insert(pair + 1, energy)
                self.x.insert(pair + 1, run_chains(energy, start, _SETTLE, self.generator).x)
        self.forget()

    def _swap(self) -> None:
        lower = lower_rungs(self.n_rungs, self._parity)
        self._parity = 1 - self._parity
        found = [gains(*self.energies[i : i + 2], *self.x[i : i + 2]) for i in lower.tolist()]
        if not found:
            return
        up, down = (np.stack(side) for side in zip(*found, strict=True))
        self.x, acceptance = swap(self.x, lower, up, down, self.generator)
        self._accepted[lower] += acceptance
        self._trials[lower] += 1
        for pair, work in zip(lower.tolist(), found, strict=True):
            self._work[pair].append(work)

    def log_partition(self) -> LogZ:
        """log Z of the model: the base's, plus Bennett's estimate of each ratio on the way.

        From the steps since the start or :meth:`forget`, at least two of them. The error is a
        jackknife over groups of sets of chains: sets never mix, so it holds for any correlation
        between steps and between rungs, though not for a mode that no chain has found.
        """
        if any(not work for work in self._work):
            raise ValueError("log_partition needs run() first, of at least two steps")
        ratios = [tuple(np.stack(side) for side in zip(*work, strict=True)) for work in self._work]

        def total(chains: NDArray[np.bool_]) -> float:
            return self._first_log_z + sum(
                bennett_ratio(up[:, chains].ravel(), down[:, chains].ravel()) for up, down in ratios
            )

        everyone = np.ones(self.n_chains, dtype=bool)
        value = total(everyone)
        n_groups = min(_N_GROUPS, self.n_chains)
        group = np.arange(self.n_chains) % n_groups
        left_out = np.array([total(group != g) for g in range(n_groups)])
        error = math.sqrt((n_groups - 1) * float(left_out.var()))
        ok = math.isfinite(value) and math.isfinite(error)
        return LogZ(
            value,
            error,
            "trajectory_tempering",
            Bound.NONE,
            Status.OK if ok else Status.NONFINITE,
            float(self.n_chains),
            self.n_chains,
            self.n_rungs,
        )


class _Way:
    """Models at places along `points`: whole numbers are the points, the rest lie between."""

    def __init__(self, base: Any, points: list[Parameters]) -> None:
        self.base = base
        self.points = points
        self.end = float(len(points) - 1)

    def at(self, place: float) -> Any:
        first = min(int(place), len(self.points) - 2)
        energy = self.base.to(self.base.dtype)
        for name, tensor in energy.parameters().items():
            below, above = self.points[first][name], self.points[first + 1][name]
            torch.lerp(below, above, place - first, out=tensor)
        return energy


def _climb(
    way: _Way, n_chains: int, acceptance: float, generator: Generator
) -> tuple[list[Any], list[Tensor], list[float]]:
    """Rungs along the way, each as far from the last as swaps allow; with chains that have come
    up the ladder, and the rungs' places."""

    def reached(place: float) -> tuple[Any, Tensor] | None:
        """The rung at `place` and its chains, if swaps with the last rung succeed."""
        energy = way.at(place)
        chains = run_chains(energy, Chains(x[-1]), _SETTLE, generator)
        up, down = gains(energies[-1], energy, x[-1], chains.x)
        rate = np.exp(np.minimum(up + down, 0.0)).mean()
        return (energy, chains.x) if rate >= acceptance else None

    energies, x, places = [way.at(0.0)], [way.base.base_sample(n_chains, generator)], [0.0]
    while (place := places[-1]) < way.end:
        # As far as it goes by whole checkpoints; where not even one, by halves of one.
        found, following = None, math.floor(place) + 1.0
        while following <= way.end and (further := reached(following)) is not None:
            found, place = further, following
            following += 1.0
        step = following - place
        while found is None:
            step *= 0.5
            if step < _SMALLEST_STEP:
                raise ValueError(
                    "path: two neighbouring entries differ too much for any ladder; "
                    "is it the path of this model?"
                )
            found = reached(place + step)
            place += step if found is not None else 0.0
        energies.append(found[0])
        x.append(found[1])
        places.append(place)
    return energies, x, places
