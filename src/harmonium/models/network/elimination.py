"""Rows of a network answered together, exactly, by elimination."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.models.answers import Answerer
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.exact.plan import Reach
from harmonium.models.network.rows import patterns
from harmonium.models.network.structure import Structure
from harmonium.models.question import Question

__all__ = ["Elimination"]


class Elimination(Answerer):
    """Variables taken out one at a time: exact, where the tables met on the way fit memory.

    Rows that know the same columns share one pass.
    """

    name = "elimination"
    wants = "tables that fit max_memory"

    def __init__(self, network: Structure) -> None:
        self.network = network

    def covers(self, question: Question) -> Tensor:
        found = torch.zeros(len(question.start), dtype=torch.bool)
        for rows, known in patterns(~question.free.numpy()):
            found[torch.from_numpy(rows)] = self.network.fits(known)
        return found

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        states = question.start.numpy().astype(np.intp)
        found = np.empty((len(states), question.n_draws, states.shape[1]))
        read = (
            frozenset() if question.evidence.readings is None else frozenset(range(states.shape[1]))
        )
        reach: Reach = "down" if question.how == "mean" else "up"
        for numbers, known in patterns(~question.free.numpy()):
            for piece in self.network.exact.batches(len(numbers), known, read - known, reach=reach):
                rows = numbers[piece]
                found[rows] = self._filled(question, rows, known, generator)
        return torch.from_numpy(found.reshape(-1, states.shape[1]))

    def _filled(
        self,
        question: Question,
        rows: NDArray[np.intp],
        known: frozenset[int],
        generator: np.random.Generator,
    ) -> NDArray[Any]:
        """Rows of one pattern: ``(n, n_draws, n_variables)``."""
        exact, readings = self.network.exact, self._by_column(question, rows, known)
        states = question.start.numpy()[rows].astype(np.intp)
        if len(known) == states.shape[1]:
            self._check(self.network.log_weight(states), states, known)
            return np.repeat(states.astype(np.float64)[:, None], question.n_draws, axis=1)
        if question.how == "mean":
            log_p = np.broadcast_to(exact.log_sum(states, known, readings), len(rows))
            self._check(log_p, states, known)
            free = [v for v in range(states.shape[1]) if v not in known]
            result = states.astype(np.float64)
            tables = exact.marginals([(v,) for v in free], states, known, readings)
            for v, p in zip(free, tables, strict=True):
                result[:, v] = p @ np.arange(exact.sizes[v])
            return result[:, None]
        draw = generator if question.how == "sample" else None
        filled, log_p = exact.fill(states, known, readings, draw, question.n_draws)
        self._check(log_p, states, known)
        return filled.reshape(len(rows), question.n_draws, -1)

    def _by_column(
        self, question: Question, rows: NDArray[np.intp], known: frozenset[int]
    ) -> dict[int, Array] | None:
        """Readings of these rows, ``(n, n_states)`` for each column that is not known."""
        if question.evidence.readings is None:
            return None
        own = question.evidence.readings.select(torch.from_numpy(rows))
        return {
            v: own.log_likelihood(slice(v, v + 1), size)[:, 0].numpy()
            for v, size in enumerate(self.network.exact.sizes)
            if v not in known
        }

    def _check(self, log_p: Array, states: NDArray[np.intp], known: frozenset[int]) -> None:
        """Refuse rows that cannot be."""
        if np.isneginf(log_p).any():
            row = states[int(np.argmin(log_p))]
            shown = {
                self.network.names[v]: self.network.states.name(v, row[v])
                for v in sorted(known)[:10]
            }
            raise ValueError(
                f"X: what is known of a row ({shown}{', ...' if len(known) > 10 else ''}) has "
                "probability zero under the factors"
            )
