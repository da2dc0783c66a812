"""Markov networks by naive enumeration: every joint state, one factor after another."""

from __future__ import annotations

from itertools import product

import numpy as np

from harmonium.models.network.factor import Factor


class NetworkOracle:
    """All joint states of the variables of `factors` and their weights, in plain loops."""

    def __init__(self, factors) -> None:
        sizes = {}
        for factor in factors:
            for name, size in zip(factor.variables, factor.table.shape, strict=True):
                sizes.setdefault(name, size)
        self.names, self.sizes = list(sizes), list(sizes.values())
        self.X = np.array(list(product(*[range(size) for size in self.sizes])))
        self.weights = np.ones(len(self.X))
        for i, row in enumerate(self.X):
            state = dict(zip(self.names, row, strict=True))
            for factor in factors:
                self.weights[i] *= factor.table[tuple(state[name] for name in factor.variables)]
        self.z = float(self.weights.sum())

    def column(self, name) -> int:
        return self.names.index(name)

    def given(self, evidence=None, likelihood=None) -> np.ndarray:
        """P(joint state given evidence and, by column, likelihoods of readings)."""
        weights = self.weights.copy()
        for name, state in (evidence or {}).items():
            weights = np.where(self.X[:, self.column(name)] == state, weights, 0.0)
        for column, each in (likelihood or {}).items():
            weights = weights * np.asarray(each)[self.X[:, column]]
        return weights / weights.sum()

    def marginal(self, variables, evidence=None, likelihood=None) -> np.ndarray:
        columns = [self.column(name) for name in variables]
        table = np.zeros([self.sizes[c] for c in columns])
        np.add.at(table, tuple(self.X[:, c] for c in columns), self.given(evidence, likelihood))
        return table

    def index(self, rows) -> np.ndarray:
        """Numbers of the given joint states."""
        return np.ravel_multi_index(tuple(np.asarray(rows, dtype=int).T), self.sizes)


#: The factor graphs that every exact answer is checked on; sizes by variable letter.
SIZES = {"a": 2, "b": 3, "c": 2, "d": 4, "e": 3, "f": 2, "s": 1, "t": 1}
SHAPES = {
    "tree": ["ab", "bc", "bd", "d", "a"],
    "loop": ["ab", "bc", "cd", "da", "e", "ef"],
    "wide": ["abc", "cde", "ef", "fa", "d"],
    "apart": ["a", "b", "cd", "ef"],
    "repeated": ["ab", "ab", "ba", "c", "c", ""],
    "everything": ["abcdef"],
    "one": ["d"],
    "single": ["as", "sb", "bc", "s", "ct"],
    "settled": ["st", "s"],
}


def random_factors(shape: str, seed: int = 0, *, zeros: bool = False, spread: float = 1.0):
    """Factors with log-normal tables; with `zeros`, a fifth of the entries forbidden.

    One joint state is always left possible, so that the network is one.
    """
    source = np.random.default_rng(seed)
    sizes = {name: int(source.integers(size)) for name, size in SIZES.items()}
    factors = []
    for scope in SHAPES[shape]:
        size = [SIZES[name] for name in scope]
        table = np.exp(source.normal(0.0, spread, size))
        if zeros:
            kept = np.asarray(source.random(size) > 0.2)
            kept[tuple(sizes[name] for name in scope)] = True
            table = table * kept
        factors.append(Factor(list(scope), table))
    return factors
