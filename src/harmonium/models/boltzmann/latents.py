"""Questions to a Boltzmann machine about its hidden units, and about rows given them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.device import device_for
from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.checks import check_integer
from harmonium.models.answers import answer
from harmonium.models.blocks import by_rows
from harmonium.models.boltzmann.fitted import Fitted
from harmonium.models.boltzmann.hidden import Hidden
from harmonium.models.boltzmann.rows import checked_hidden
from harmonium.models.boltzmann.tables import slices, zero_sum
from harmonium.models.effective import effective_couplings, rows_averaged_over
from harmonium.models.out_of_core import by_blocks
from harmonium.models.question import blanks, weighed

__all__ = ["Latents"]


def _has_hidden(model: Any) -> bool:
    if not model.n_components:
        raise AttributeError("this machine has no hidden units (n_components=0)")
    return True


class Latents(Fitted):
    """What lies behind rows, and what lies before hidden units.

    Exact where what is open has few joint states, or hidden units are not coupled to each other and
    nothing of a row is missing; else by Gibbs chains.
    """

    n_components: int

    @available_if(_has_hidden)
    @by_blocks()
    def transform(self, X: Any, *, random_state: Any = 0) -> NDArray[np.float64]:
        """P(h = 1 given what is known of x), ``(n_samples, n_components)``."""
        return self._hidden_given(X, "mean", Hidden.mean, random_state)

    @available_if(_has_hidden)
    @by_blocks()
    def sample_hidden(self, X: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """A draw of h given each row of `X`, ``(n_samples, n_components)``."""
        generator = random_generator(random_state)
        source = generator_for(device_for(self.device), generator)
        return self._hidden_given(X, "sample", lambda h, x: h.sample(x, source), generator)

    @available_if(_has_hidden)
    @by_blocks()
    def most_likely_hidden(self, X: Any, *, random_state: Any = 0) -> NDArray[np.float64]:
        """argmax over h of P(h given x), all units together, ``(n_samples, n_components)``; of a
        row with holes that of the most probable filling and h together."""
        return self._hidden_given(X, "mode", Hidden.mode, random_state)

    def _hidden_given(
        self, X: Any, how: str, exact: Callable[[Hidden, Tensor], Tensor], random_state: Any
    ) -> NDArray[np.float64]:
        check_is_fitted(self, "_tables")
        codec, n_hidden = self._codec(X), self._visible.n_hidden
        values = np.array(codec.read(X, blanks=True), dtype=np.float64)
        hidden = Hidden(self.build_energy(torch.float64), n_hidden)
        if hidden.is_summed and not np.isnan(values).any():
            pad = torch.nn.functional.pad
            return by_rows(values, lambda rows: exact(hidden, pad(rows, (0, n_hidden))).cpu())
        question = blanks(values, codec, how)
        question = replace(question, n_own=codec.n_own + n_hidden)
        found = answer(question, self._answerers(codec), random_generator(random_state))
        return found[:, codec.n_own :]

    @available_if(_has_hidden)
    def inverse_transform(self, H: Any, *, random_state: Any = 0) -> NDArray[Any]:
        """E[x given h], of labels the most probable, a row for each of ``H (n_samples,
        n_components)``."""
        return self._rows_given(H, "mean", random_state)

    @available_if(_has_hidden)
    def sample_visible(self, H: Any, *, random_state: Any = None) -> NDArray[Any]:
        """A draw of x given each row of ``H (n_samples, n_components)`` of 0 and 1."""
        return self._rows_given(H, "sample", random_state)

    def _rows_given(self, H: Any, how: str, random_state: Any) -> NDArray[Any]:
        check_is_fitted(self, "_tables")
        codec, hidden = self._codec(), checked_hidden(H, self._visible.n_hidden)
        free = np.full((len(hidden), codec.n_own), np.nan)
        question = weighed(blanks(np.hstack([free, hidden]), codec, how), codec, how)
        return self._filled(question, codec, "auto", random_state)

    def effective_couplings(
        self, X: Any = None, *, n_rows: int = 100, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """Couplings between pairs of columns, those of their own and what hidden units bring about,
        in nats and the zero-sum gauge: ``(n_columns, n_columns, k, k)``, k the most states of a
        column; columns are numbered as in ``couplings_``.

        The second mixed difference of log P(x) in two columns, the mean over rows: exact sums over
        hidden units. `X` are whole rows to average over, of which `n_rows` are drawn; None draws
        them from the model. Without hidden units these are the couplings, whatever the rows.

        Costs rows * hidden units * pairs of columns * k^2 multiplications, and where hidden units
        are coupled to each other their joint states in place of their number: ``ValueError`` for
        more than 2**14.
        """
        check_is_fitted(self, "_tables")
        check_integer("n_rows", n_rows, 1)
        n, sizes = self._visible.n_columns, self._sizes_of()
        where, most = slices(sizes), max(sizes[:n])
        own = zero_sum(self._tables, sizes).couplings.astype(np.float64) / float(self.temperature)
        found = np.zeros((n, n, most, most))
        for i in range(n):
            for j in range(n):
                found[i, j, : sizes[i], : sizes[j]] = own[where[i], where[j]]
        if not self._visible.n_hidden:
            return found
        hidden = Hidden(self.build_energy(torch.float64), self._visible.n_hidden)
        if not hidden.is_summed:
            raise ValueError(
                f"effective_couplings: {self._visible.n_hidden} coupled hidden units have too many "
                "joint states to sum over; wanted at most 14, or graph='semi-restricted'"
            )
        generator = random_generator(random_state)
        x = rows_averaged_over(
            X,
            n_rows,
            lambda: self.sample(n_rows, random_state=generator),
            lambda rows: self._visible.whole(self, rows),
            generator,
        )
        return found + effective_couplings(hidden.behind(x))
