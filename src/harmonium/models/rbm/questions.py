"""Questions to an RBM about rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_integer
from harmonium.data.tables import dense_rows
from harmonium.models.answers import answer, named
from harmonium.models.blocks import by_rows
from harmonium.models.drawing import drawn
from harmonium.models.effective import Behind, effective_couplings, rows_averaged_over
from harmonium.models.out_of_core import by_blocks
from harmonium.models.question import blanks
from harmonium.models.rbm.attributes import SummedOut
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.latents import N_FILLINGS, LatentQuestions
from harmonium.models.scoring import FrameRows, log_weights_of_frame

__all__ = ["Questions"]


def behind(energy: RBMEnergy, x: Tensor) -> Behind:
    """The hidden layer behind rows ``x (n, V)`` of states."""
    x, layer = x.to(energy.device), energy.hidden
    inputs, weights = energy.hidden_logits(x), energy.units.by_state(energy.weights)
    return Behind(x, inputs, weights, layer.log_partition, inputs.shape[1], layer.binary)


class Questions(LatentQuestions):
    """Everything that is asked of an RBM: its parameters are those that a fit leaves."""

    def score_cells(
        self, X: Any, cells: NDArray[np.bool_], *, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """log P(these cells given what else is known of the row), in nats, ``(n_samples,)``.

        `cells`, bool ``(n_samples, n_columns)`` in the order of ``schema_.columns``, are known in
        `X`, a frame. Of numbers the density counts. Exact up to 1,024 joint states of what is not
        known, else annealed; needs no log Z.
        """
        check_is_fitted(self)
        if self._layout is None:
            raise ValueError("score_cells is for models that were fitted on a frame")
        rows = FrameRows.read(self._layout, X)
        wanted = rows.states.shape
        if cells.dtype != bool or cells.shape != wanted:
            raise ValueError(f"cells must be bool of shape {wanted}, got {cells.shape}")
        energy = self.build_energy(torch.float64)
        found = []
        for hidden in (None, cells):
            source = random_generator(random_state)
            found.append(log_weights_of_frame(rows, energy, {}, source, hidden)[0])
        return found[0] - found[1]

    # -- attributes ------------------------------------------------------------

    @by_blocks()
    def attribute_proba(self, X: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """P(y given x): ``(n, n_classes)`` for a label, ``(n, n_attributes)`` P(yes) else.

        Exact for a label and for up to 12 attributes (a sum over their joint states); beyond,
        the mean of Gibbs chains with x held.
        """
        attributes, codec = self._wanted_attributes(), self._codec()
        if not attributes.summable:
            values = np.array(codec.read(X, blanks=True), dtype=np.float64)
            question = replace(blanks(values, codec, "mean"), n_own=codec.n_own + len(codec.beside))
            chains = named(self._answerers(codec), "gibbs")
            return answer(question, chains, random_generator(random_state))[:, codec.n_own :]
        energy = self.build_energy(torch.float64)
        beside = SummedOut(energy, self._own_units(), attributes.states())

        def posterior(rows: Tensor) -> Tensor:
            weights = beside.joint_log_weights(rows.to(energy.device))
            return (torch.softmax(weights, 1) @ beside.states).cpu()

        # Given the seen cells y is drawn with the others: a mean of P(y given x) over x.
        table, n_each = self._filled_rows(X, N_FILLINGS, random_state or 0)
        found = by_rows(table, posterior)
        return found.reshape(len(found) // n_each, n_each, -1).mean(1)

    def effective_couplings(
        self, X: Any = None, *, n_rows: int = 100, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """Couplings between pairs of columns that the hidden units bring about, in nats and the
        zero-sum gauge: ``(n_columns, n_columns, k, k)``, k the most states of a column.

        The second mixed difference of log P(v) in two columns, the mean over rows: exact sums
        over hidden units. `X` are whole rows to average over, of which `n_rows` are drawn; None
        draws them from the model. Columns are in the order of ``schema_.columns``.

        Costs rows * hidden units * pairs of columns * k^2 multiplications. ``ValueError`` for
        models of attributes.
        """
        check_is_fitted(self)
        check_integer("n_rows", n_rows, 1)
        if self._attributes is not None:
            raise ValueError("effective_couplings wants a model without attributes: fit without y")
        generator = random_generator(random_state)
        x = rows_averaged_over(
            X,
            n_rows,
            lambda: self.sample(n_rows, random_state=generator),
            lambda rows: np.asarray(dense_rows(self._check(rows), slice(None))),
            generator,
        )
        found = effective_couplings(behind(self.build_energy(torch.float64), x))
        if self._layout is None:
            return found
        places = np.argsort(self._layout.order)
        return found[np.ix_(places, places)]

    # -- make a new one --------------------------------------------------------

    def sample(
        self,
        n_samples: int = 1,
        *,
        condition: Any = None,
        attributes: Any = None,
        random_state: Any = None,
    ) -> NDArray[Any]:
        """Draws of x from P(x), or given some of its values or of its attributes.

        Parameters
        ----------
        n_samples : rows to draw, at least 1.
        condition : one row with NaN where free; of a frame ``{column: value}``, where a value
            may also be a list of values or a range ``(low, high)``; None: all is free.
        attributes : ``{name: 0 or 1}``, ``{label's name: value}`` or the label's value alone:
            draws from P(x given these). Only for models fitted with `y`.
        random_state : int, Generator or None.

        Returns ``(n_samples, n_features)``: independent exact draws where what is free has at
        most 1,024 joint states. Else, where nothing is given, by as many chains led to the model
        and weighed, so that each mode comes as often as it weighs (copies of heavy chains part by
        20 sweeps); a ``RuntimeWarning`` says where few of them count, or miss modes that rows
        learned from are in. Given something, the ends of as many annealed Gibbs chains.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples, 1)
        generator = random_generator(random_state)
        given = None if attributes is None else self._wanted_attributes().row(attributes)
        return drawn(self._codec(), self._answerers, n_samples, condition, generator, given)
