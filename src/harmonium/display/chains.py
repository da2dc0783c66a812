"""Chains, sweep by sweep, and whether they have come to agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_choice, check_integer
from harmonium.display.base import Display, new_axes

__all__ = ["ChainsDisplay"]


@dataclass(kw_only=True)
class ChainsDisplay(Display):
    """One number of each chain's state, sweep by sweep.

    Parameters
    ----------
    draws : array of shape (n_chains, n_sweeps)
        The number along each chain.
    name : str
        What it is, for the axis.
    r_hat : float, optional
        Agreement of the chains, 1 at best (Vehtari et al. 2021); above 1.1 nothing averaged over
        them is to be believed.
    effective : float, optional
        How many independent draws tell as much.
    """

    draws: NDArray[np.float64]
    name: str = "f"
    r_hat: float | None = None
    effective: float | None = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        f: Callable[[Any], Any],
        *,
        method: str = "gibbs",
        n_chains: int = 8,
        n_sweeps: int = 500,
        name: str = "f",
        random_state: Any = None,
        ax: Any = None,
    ) -> Self:
        """Run chains of a model from starts that lie apart, without any burn-in.

        Parameters
        ----------
        model : fitted energy model
            RBM, BoltzmannMachine, GridMRF or MarkovNetwork.
        f : callable
            Rows ``(n, n_features)``, as ``model.sample`` gives them, to ``(n,)`` numbers.
        method : {"gibbs", "tempered"}
            Plain sweeps, or the cold ends of replica exchanges.
        n_chains : int, default=8
            Chains, at least 2: half begin at draws of the model's base, half at uniform states.
        n_sweeps : int, default=500
            Sweeps of each, at least 4.
        name : str, default="f"
            What `f` is, for the axis.
        random_state : int, Generator or None
            Seed of the chains.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ChainsDisplay

        Raises
        ------
        ImportError
            Without ArviZ (``pip install 'harmonium[diagnostics]'``).
        """
        check_is_fitted(model)
        if not hasattr(model, "build_energy"):
            raise TypeError(f"model must be an energy model, got {type(model).__name__}")
        check_choice("method", method, ("gibbs", "tempered"))
        check_integer("n_chains", n_chains, 2)
        check_integer("n_sweeps", n_sweeps, 4)
        draws, found = _run(model, f, method, (n_chains, n_sweeps), random_state)
        return cls(draws=draws, name=name, r_hat=found[1], effective=found[0]).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 3.0) if ax is None else ax
        draws = np.atleast_2d(np.asarray(self.draws, dtype=np.float64))
        for chain in draws:
            ax.plot(chain, linewidth=0.8, alpha=1.0 if len(draws) == 1 else 0.7)
        ax.set(xlabel="sweeps", ylabel=self.name)
        if self.r_hat is not None and self.effective is not None:
            shown = "∞" if math.isinf(self.r_hat) else f"{self.r_hat:.2f}"
            agreed = "agree" if self.r_hat <= 1.1 else "disagree"
            ax.set_title(
                f"chains {agreed}: R-hat {shown}; {draws.size:,} draws tell as much as "
                f"{self.effective:,.0f}",
                fontsize="medium",
            )
        return self._drawn_in(ax)


def _run(
    model: Any, f: Callable[[Any], Any], method: str, size: tuple[int, int], random_state: Any
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """f along chains from starts that lie apart; their effective number, and R-hat."""
    import torch

    from harmonium.compute.random import generator_for, random_generator
    from harmonium.sampling.diagnosis import Run, arviz_diagnosis

    diagnose = arviz_diagnosis()
    energy = model.build_energy(torch.float64)
    source = generator_for(energy.device, random_generator(random_state))
    run = Run(energy, method, size[0], source)
    draws = np.stack([_numbers(f, model.rows_of(run.step())) for _ in range(size[1])], axis=1)
    effective, r_hat = diagnose(draws[:, :, None])
    return draws, (float(effective[0]), float(r_hat[0]))


def _numbers(f: Callable[[Any], Any], rows: Any) -> NDArray[np.float64]:
    values = np.asarray(f(rows), dtype=np.float64)
    if values.shape != (len(rows),) or not np.isfinite(values).all():
        raise ValueError(
            f"f must give one finite number a row, got shape {values.shape} for {len(rows)} rows"
        )
    return values
