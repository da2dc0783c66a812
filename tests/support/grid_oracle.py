"""Grid models by naive enumeration: every image of a tiny shape, one after another."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from scipy.special import logsumexp

from harmonium.models.grid.cliques import Cliques, filters_for
from harmonium.models.grid.energy import GridEnergy, level_hats


def random_grid(
    shape, n_levels, potential="difference", neighbours=4, places=False, seed=0, dtype=torch.float32
) -> GridEnergy:
    """A model with random parameters of order one."""
    source = np.random.default_rng(seed)
    cliques = Cliques(filters_for(potential, neighbours), n_levels)
    n_pixels = shape[0] * shape[1]

    def tensor(*size):
        return torch.from_numpy(source.normal(0, 0.7, size)).to(dtype)

    return GridEnergy(
        cliques,
        shape,
        tensor(sum(cliques.n_knots)),
        tensor(n_levels),
        tensor(n_pixels, len(level_hats(n_levels))) if places else None,
        torch.log_softmax(tensor(n_pixels if places else 1, n_levels), 1),
    )


class GridOracle:
    """All images of a :class:`GridEnergy`, and their log weights at beta = 1, in plain loops."""

    def __init__(self, energy: GridEnergy) -> None:
        self.n_levels, self.shape = energy.n_states, energy.shape
        height, width = energy.shape
        n_pixels = height * width
        self.X = np.array(list(product(range(self.n_levels), repeat=n_pixels)))
        knots = energy.knots.double().numpy()
        level = energy.level.double().numpy()
        hats = level_hats(self.n_levels).numpy()
        self.log_weights = level[self.X].sum(1)
        if energy.place is not None:
            bias = energy.place.double().numpy() @ hats
            self.log_weights = self.log_weights + bias[np.arange(n_pixels), self.X].sum(1)
        first = 0
        images = self.X.reshape(-1, height, width)
        for index, kernel in enumerate(energy.cliques.filters):
            places = energy.cliques.knots(index)
            own = knots[first : first + len(places)]
            first += len(places)
            for y in range(height - kernel.shape[0] + 1):
                for x in range(width - kernel.shape[1] + 1):
                    window = images[:, y : y + kernel.shape[0], x : x + kernel.shape[1]]
                    response = np.abs((window * kernel).sum((1, 2)))
                    self.log_weights = self.log_weights + np.interp(response, places, own)
        self.log_z = float(logsumexp(self.log_weights))
        self.p = np.exp(self.log_weights - self.log_z)

    def index(self, x) -> np.ndarray:
        """Numbers of the images in `X`."""
        powers = self.n_levels ** np.arange(self.X.shape[1])[::-1]
        return (np.asarray(x) @ powers).astype(np.int64)

    def posterior(self, log_likelihood: np.ndarray) -> np.ndarray:
        """P(image given readings) with ``log_likelihood (V, L)``."""
        each = log_likelihood[np.arange(self.X.shape[1]), self.X].sum(1)
        total = self.log_weights + each
        return np.exp(total - logsumexp(total))
