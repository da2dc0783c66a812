"""How wrong averages over samples are, against how many samples there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_integer
from harmonium.display.base import Display, new_axes

__all__ = ["ErrorsDisplay"]

Array = NDArray[np.float64]


@dataclass(kw_only=True)
class ErrorsDisplay(Display):
    """Root mean squared error of an average against the number of samples, both logarithmic.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of samples.
    errors : mapping of str to sequence of float
        The error at each of them, by the way of sampling.
    unit : str, optional
        Of the errors.
    """

    sizes: Sequence[int]
    errors: Mapping[str, Sequence[float]]
    unit: str | None = None

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        f: Callable[[Any], Any],
        *,
        sizes: Sequence[int] = (10, 30, 100, 300, 1000),
        n_repeats: int = 50,
        unit: str | None = None,
        random_state: Any = None,
        ax: Any = None,
    ) -> Self:
        """Errors of E[f(x)] by uniform samples, weighed, and by the model's own draws.

        Parameters
        ----------
        model : fitted energy model
            Of at most 2**20 states: the truth is their sum.
        f : callable
            Rows ``(n, n_features)``, as ``model.sample`` gives them, to ``(n,)`` numbers.
        sizes : sequence of int
            Numbers of samples, each at least 1.
        n_repeats : int, default=50
            Averages that an error is the root mean square of, at least 2.
        unit : str, optional
            Of `f`, for the axis.
        random_state : int, Generator or None
            Seed of both kinds of samples.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ErrorsDisplay
        """
        from harmonium.questions.expectation import expectation

        counts = sorted(check_integer("sizes", size, 1) for size in sizes)
        if not counts:
            raise ValueError("sizes is empty; wanted numbers of samples")
        shape = check_integer("n_repeats", n_repeats, 2), counts[-1]
        truth = expectation(model, f, method="exact").value
        uniform, weights, own = _draws(model, f, shape, random_state)
        total = np.cumsum(weights, axis=1)
        weighed = np.cumsum(weights * uniform, axis=1) / np.where(total > 0, total, np.nan)
        walked = np.cumsum(own, axis=1) / np.arange(1, counts[-1] + 1)
        errors = {
            name: [float(np.sqrt(np.mean((found[:, k - 1] - truth) ** 2))) for k in counts]
            for name, found in (("uniform, weighed", weighed), ("the model's draws", walked))
        }
        return cls(sizes=counts, errors=errors, unit=unit).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        ax = new_axes(6.0, 3.4) if ax is None else ax
        for number, (name, errors) in enumerate(self.errors.items()):
            colour = f"C{number}"
            ax.loglog(self.sizes, errors, "o-", color=colour, markersize=4)
            place = max(len(self.sizes) - 2, 0)
            at = self.sizes[place], errors[place]
            ax.annotate(name, at, xytext=(4, 5), textcoords="offset points", color=colour)
        ax.set_xticks(self.sizes, [f"{size:,}" for size in self.sizes])
        ax.minorticks_off()
        ax.set(xlabel="samples", ylabel="error" + (f" ({self.unit})" if self.unit else ""))
        return self._drawn_in(ax)


def _draws(
    model: Any, f: Callable[[Any], Any], shape: tuple[int, int], random_state: Any
) -> tuple[Array, Array, Array]:
    """`f` of uniform samples, their weights (1 at most), and `f` of the model's own draws."""
    import torch

    from harmonium.compute.random import generator_for, random_generator
    from harmonium.units.space import uniform_states

    generator = random_generator(random_state)
    energy = model.build_energy(torch.float64)
    source = generator_for(energy.device, generator)
    states = uniform_states(energy, shape[0] * shape[1], source)
    log_weights = energy.log_weight(states).cpu().numpy()
    weights = np.exp(log_weights - log_weights.max())
    own = model.sample(shape[0] * shape[1], random_state=generator)
    found = (f(model.rows_of(states)), weights, f(own))
    uniform, weights, own = (np.asarray(one, dtype=np.float64).reshape(shape) for one in found)
    return uniform, weights, own
