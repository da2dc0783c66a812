"""log Z as annealing finds it, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_integer
from harmonium.contract.estimates import LogZ
from harmonium.display.base import Display, new_axes

__all__ = ["PartitionDisplay"]


@dataclass(kw_only=True)
class PartitionDisplay(Display):
    """Estimates of log Z, in nats, with intervals of 95%, against the temperatures annealed over.

    Parameters
    ----------
    n_temperatures : sequence of int
        Steps from the base to the model.
    estimates : sequence of LogZ
        What each found.
    truth : float, optional
        log Z where it is known.
    """

    n_temperatures: Sequence[int]
    estimates: Sequence[LogZ]
    truth: float | None = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        n_temperatures: Sequence[int] = (10, 30, 100, 300, 1000, 3000),
        *,
        n_chains: int = 100,
        truth: float | None = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> Self:
        """Annealed importance sampling over more and more temperatures.

        Parameters
        ----------
        model : fitted energy model
            RBM, BoltzmannMachine, GridMRF or MarkovNetwork.
        n_temperatures : sequence of int
            Steps of each run, at least 1.
        n_chains : int, default=100
            Chains of each run, at least 2.
        truth : float, optional
            log Z where it is known, ``model.log_partition("exact").value`` say.
        random_state : int, Generator or None
            Seed of the chains.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        PartitionDisplay
        """
        check_is_fitted(model)
        steps = [check_integer("n_temperatures", n, 1) for n in n_temperatures]
        if not steps:
            raise ValueError("n_temperatures is empty; wanted numbers of temperatures")
        given = {"n_chains": n_chains, "random_state": random_state}
        found = [model.log_partition("ais", n_temperatures=n, **given) for n in steps]
        return cls(n_temperatures=steps, estimates=found, truth=truth).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 3.4) if ax is None else ax
        values = [one.value for one in self.estimates]
        errors = 1.96 * np.array([one.std_error for one in self.estimates])
        if self.truth is not None:
            ax.axhline(self.truth, color="C1", label="the truth")
        ax.errorbar(self.n_temperatures, values, errors, fmt="o", capsize=3, label="estimate, 95%")
        ax.set(xscale="log", xlabel="temperatures", ylabel="log Z (nats)")
        ax.legend()
        return self._drawn_in(ax)
