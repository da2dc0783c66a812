"""Hidden units by quadrature: their potentials written out once more, and sums over a fine grid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]

#: Nodes of Gauss and Legendre in each panel, and panels on either side of zero.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_EDGES = np.linspace(0.0, 60.0, 181)


def grid(kind: str) -> tuple[Array, Array]:
    """Values of a unit, and log of what each counts for."""
    if kind in ("bernoulli", "categorical"):
        raise ValueError(kind)
    half = np.diff(_EDGES) / 2
    h = (_EDGES[:-1, None] + half[:, None] * (_NODES + 1)).reshape(-1)
    log_share = np.log(half[:, None] * _WEIGHTS).reshape(-1)
    if kind == "relu":
        return h, log_share
    return np.concatenate([-h, h]), np.concatenate([log_share, log_share])


def potential(kind: str, h: Array, own: Mapping[str, float]) -> Array:
    """Of values of one unit, Tubiana, Cocco, Monasson 2019, eq. 5, for drelu."""
    if kind != "drelu":
        return h**2 / 2
    up, down = np.maximum(h, 0), np.minimum(h, 0)
    return (
        own["gamma_plus"] * up**2 / 2
        + own["theta_plus"] * up
        + own["gamma_minus"] * down**2 / 2
        + own["theta_minus"] * down
    )


def log_density(kind: str, inputs: Array, own: Mapping[str, float]) -> tuple[Array, Array]:
    """Values ``(m,)`` of one unit, and log of the unnormalised mass at each, ``(n, m)``, for inputs
    ``(n,)``."""
    h, log_share = grid(kind)
    return h, inputs[:, None] * h - potential(kind, h, own) + log_share


def log_partition(kind: str, inputs: Array, own: Mapping[str, Array]) -> Array:
    """Of a layer, ``(n,)`` for inputs ``(n, n_units)`` and parameters ``(n_units,)`` by name."""
    if kind == "bernoulli":
        return np.asarray(np.logaddexp(0, inputs).sum(1))
    if kind == "categorical":
        return np.asarray(logsumexp(inputs, axis=1))
    total = np.zeros(len(inputs))
    for j in range(inputs.shape[1]):
        one = {name: float(value[j]) for name, value in own.items()}
        total += logsumexp(log_density(kind, inputs[:, j], one)[1], axis=1)
    return total


def random_layer(kind: str, n_units: int, seed: int) -> dict[str, Array]:
    """Parameters that a layer has to itself, as the library names them."""
    if kind != "drelu":
        return {}
    source = np.random.default_rng(seed)
    return {
        "hidden_gap": source.normal(0, 0.7, n_units),
        "hidden_skew": source.uniform(0.8, 1.4, n_units),
    }


def told(own: Mapping[str, Array]) -> dict[str, Array]:
    """The same as Tubiana, Cocco and Monasson name them."""
    if not own:
        return {}
    gap, skew = own["hidden_gap"], own["hidden_skew"]
    return {
        "theta_plus": gap,
        "theta_minus": -gap,
        "gamma_plus": np.exp(-skew),
        "gamma_minus": np.exp(skew),
    }
