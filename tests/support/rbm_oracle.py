"""A small RBM by brute force: every joint state listed, nothing clever."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp


class RBMOracle:
    """All (v, h) of an RBM with weights ``(n_visible, n_hidden)``, float64, by itertools."""

    def __init__(self, W: NDArray, b: NDArray, c: NDArray, temperature: float = 1.0) -> None:
        self.W, self.b, self.c = (np.asarray(p, dtype=float) for p in (W, b, c))
        self.V = np.array(list(itertools.product([0.0, 1.0], repeat=len(self.b))))
        self.H = np.array(list(itertools.product([0.0, 1.0], repeat=len(self.c))))
        energy = -(
            self.V @ self.W @ self.H.T + (self.V @ self.b)[:, None] + (self.H @ self.c)[None, :]
        )
        self.energy = energy
        weights = -energy / temperature
        self.log_z = float(logsumexp(weights))
        self.joint = np.exp(weights - self.log_z)
        self.p_v = self.joint.sum(1)
        self.p_h = self.joint.sum(0)

    def index(self, rows: NDArray) -> NDArray:
        """Positions of visible rows in ``V``."""
        powers = 2 ** np.arange(rows.shape[1])[::-1]
        return (np.asarray(rows) @ powers).astype(int)

    def hidden_given_visible(self) -> NDArray:
        """P(h_j = 1 given v) for every v, as a ratio of sums of the joint."""
        return (self.joint @ self.H) / self.p_v[:, None]

    def visible_given_hidden(self) -> NDArray:
        return (self.joint.T @ self.V) / self.p_h[:, None]

    def moments(self) -> dict[str, NDArray]:
        return {
            "weights": np.einsum("vh,vi,hj->ij", self.joint, self.V, self.H),
            "visible_bias": self.p_v @ self.V,
            "hidden_bias": self.p_h @ self.H,
        }


def random_rbm(
    n_visible: int, n_hidden: int, scale: float, seed: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Normal parameters of standard deviation `scale` (weights) and 0.5 (biases)."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, scale, (n_visible, n_hidden)),
        rng.normal(0, 0.5, n_visible),
        rng.normal(0, 0.5, n_hidden),
    )
