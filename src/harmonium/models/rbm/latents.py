"""Questions to an RBM about its hidden units, and about rows given them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.device import device_for
from harmonium.compute.random import generator_for, random_generator
from harmonium.data.tables import Table, has_holes
from harmonium.models.answers import answer
from harmonium.models.blocks import by_rows
from harmonium.models.codec import ValueCodec
from harmonium.models.out_of_core import by_blocks
from harmonium.models.question import blanks
from harmonium.models.rbm.attributes import SummedOut
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.fitted import Fitted
from harmonium.models.rbm.hidden import (
    check_hidden,
    draw_hidden,
    mean_hidden,
    pseudo_log_likelihood,
)

if TYPE_CHECKING:
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["N_FILLINGS", "LatentQuestions"]

#: Draws of what is missing in a row, that an answer about the whole row is a mean over.
N_FILLINGS = 20


class LatentQuestions(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Fitted):
    """What lies behind rows, and what lies before hidden units."""

    # -- hidden units ------------------------------------------------------------

    def energy(self, V: Any, H: Any) -> NDArray[np.float64]:
        """E(v, h) = -v'Wh - b'v - c'h for each pair of rows, ``(n_samples,)``; of hidden units
        of real values also T times what weighs on these, h^2 / 2 for ``"gaussian"`` and
        ``"relu"``."""
        check_is_fitted(self)
        visible: Any = self._check(V)
        units = self._hidden_units()
        hidden = check_hidden(H, units)
        if visible.shape[0] != len(hidden):
            raise ValueError(
                f"V and H must have as many rows, got {visible.shape[0]}, {len(hidden)}"
            )
        if self._layout is not None:
            visible = self._layout.units.statistics(torch.from_numpy(visible)).numpy()
        negative: NDArray[np.float64] = (
            ((visible @ self.components_.T) * hidden).sum(1)
            + visible @ self.intercept_visible_
            + hidden @ self.intercept_hidden_
        )
        if self._attributes is not None:  # summed out, at temperature T
            states = self._attributes.states().numpy()
            logits = hidden @ self.attribute_components_ + self.intercept_attributes_
            negative += self.temperature * logsumexp(logits @ states.T / self.temperature, axis=1)
        weight = units.to(torch.float64).potential(torch.from_numpy(hidden))
        return self.temperature * np.asarray(weight) - negative

    @by_blocks()
    def free_energy(self, V: Any) -> NDArray[np.float64]:
        """-T log sum over h of exp(-E(v, h) / T), ``(n_samples,)``, in units of energy."""
        check_is_fitted(self)
        weigh = self._log_weights(True)
        found = by_rows(
            self._check(V), lambda rows: weigh(rows).cpu(), of_sparse=self._codec().of_sparse
        )
        return -self.temperature * found

    def _filled_rows(self, X: Any, n_draws: int, random_state: Any) -> tuple[Table, int]:
        """Rows as states, of which those with holes are drawn `n_draws` times each given what is
        seen; and how many rows stand for each one."""
        check_is_fitted(self)
        if self._layout is None and not has_holes(X):  # sparse rows stay so
            return self._check(X), 1
        codec = self._codec()
        states = np.array(codec.read(X, blanks=self._layout is None), dtype=np.float64)
        if not np.isnan(states).any():
            return states, 1
        question = blanks(states, codec, "sample", n_draws)
        found = answer(question, self._answerers(codec), random_generator(random_state))
        return found[:, : codec.n_own], n_draws

    def _of_rows(
        self,
        X: Any,
        question: Callable[[RBMEnergy, SummedOut | None, Tensor], Tensor],
        n_draws: int = N_FILLINGS,
        random_state: Any = 0,
        *,
        of_sparse: bool = False,
    ) -> NDArray[np.float64]:
        """A `question` put to blocks of rows, with the attributes to be summed out; of rows with
        holes the mean over `n_draws` fillings. Without attributes it may be `of_sparse` rows."""
        check_is_fitted(self)
        table, n_each = self._filled_rows(X, n_draws, random_state)
        energy = self.build_energy(torch.float64)
        beside = self._beside(energy)
        found = by_rows(
            table,
            lambda rows: question(energy, beside, rows.to(energy.device)).cpu(),
            of_sparse=of_sparse and beside is None,
        )
        return found.reshape(len(found) // n_each, n_each, *found.shape[1:]).mean(1)

    @by_blocks()
    def transform(self, X: Any) -> NDArray[np.float64]:
        """P(h = 1 given v) = sigmoid((c + v'W) / T), ``(n_samples, n_components)``, or E[h given
        v] of hidden units of another kind; of a row with holes the mean over 20 draws of what may
        stand there."""
        return self._of_rows(X, mean_hidden, of_sparse=True)

    def inverse_transform(self, H: Any) -> NDArray[np.float64]:
        """E[v given h] = sigmoid((b + W h) / T), ``(n_samples, n_features)``."""
        energy, hidden = self._with_hidden(H)
        codec = self._codec()
        if isinstance(codec, ValueCodec):
            logits = energy.visible_logits(hidden)
            shares = energy.units.probabilities(logits, max(energy.sizes))
            return codec.write_marginals(shares.cpu().numpy())
        return energy.visible_probability(hidden)[:, : self.n_features_in_].cpu().numpy()

    @by_blocks()
    def sample_hidden(self, X: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """A draw of h given each row of `X`, ``(n_samples, n_components)``."""
        check_is_fitted(self)
        source = generator_for(device_for(self.device), random_generator(random_state))
        return self._of_rows(
            X,
            lambda energy, beside, x: draw_hidden(energy, beside, x, source),
            1,
            random_state,
            of_sparse=True,
        )

    def sample_visible(self, H: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """A draw of v given each row of `H`, ``(n_samples, n_features)``."""
        energy, hidden = self._with_hidden(H)
        generator = generator_for(energy.device, random_generator(random_state))
        codec = self._codec()
        if isinstance(codec, ValueCodec):
            codec = codec.drawing(random_generator(random_state))
        return codec.write(energy.draw_visible(hidden, generator).cpu().numpy())

    @by_blocks()
    def most_likely_hidden(self, X: Any) -> NDArray[np.float64]:
        """argmax over h of P(h given v): each unit of 0 or 1 on where more likely than not, others
        at the mode of their density. With attributes, which are summed out, for units of 0 or 1
        alone."""
        if self._hidden_units().binary:
            return (np.asarray(self.transform(X)) > 0.5).astype(np.float64)

        def modes(energy: RBMEnergy, beside: SummedOut | None, x: Tensor) -> Tensor:
            if beside is not None:
                raise ValueError(
                    f"most_likely_hidden of hidden={self.hidden!r} wants a model fitted without y"
                )
            return energy.hidden.mode(energy.hidden_logits(x))

        return self._of_rows(X, modes)

    def most_likely_visible(self, H: Any) -> NDArray[np.float64]:
        """argmax over v of P(v given h): each visible unit on where more likely than not."""
        energy, hidden = self._with_hidden(H)
        return self._codec().write(energy.units.mode(energy.visible_logits(hidden)).cpu().numpy())

    @by_blocks()
    def pseudo_log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """sum over i of log P(v_i given the other units), ``(n_samples,)``: exact, needs no Z,
        and is not a log-likelihood."""
        return self._of_rows(X, pseudo_log_likelihood)

    def _with_hidden(self, H: Any) -> tuple[RBMEnergy, Tensor]:
        check_is_fitted(self)
        hidden = check_hidden(H, self._hidden_units())
        energy = self.build_energy(torch.float64)
        return energy, torch.from_numpy(hidden).to(energy.device)

    def to_network(self) -> MarkovNetwork:
        """The same distribution over visible and hidden units as a Markov network of factors."""
        from harmonium.models.network.model import MarkovNetwork

        check_is_fitted(self)
        if self._layout is not None:
            raise ValueError("to_network wants a model of rows of 0 and 1, this is one of a frame")
        if self.hidden != "bernoulli":
            raise ValueError(f"to_network wants hidden='bernoulli', got {self.hidden!r}")
        if self._attributes is not None:
            raise ValueError("to_network wants a model without attributes: fit it without y")
        scale = self.temperature
        return MarkovNetwork.complete_bipartite(
            self.components_.T / scale,
            self.intercept_visible_ / scale,
            self.intercept_hidden_ / scale,
        )
