"""Questions about single cells of a table, of every model whose rows are tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_choice
from harmonium.models.cells import CellMarginal
from harmonium.models.energy_model import EnergyModel

__all__ = ["CellQuestions"]


class CellQuestions(EnergyModel):
    """Questions about single cells, of models whose rows are tables."""

    def cell_marginals(
        self, X: Any, *, of: str | NDArray[np.bool_] = "missing", random_state: Any = 0
    ) -> list[CellMarginal]:
        """P(cell = state) given what is known of the rest of its row, a column at a time.

        Parameters
        ----------
        X : rows as for :meth:`score_samples`, with holes.
        of : ``"missing"``: of the missing cells; ``"known"``: of the known ones, each given all
            the others; bool ``(n_samples, n_columns)``: of these, hidden together, in the order
            of the columns.
        random_state : for rows of which too much is open for exact sums.

        Returns a :class:`~harmonium.models.cells.CellMarginal` for each modelled column, in
        the order of the columns. Exact where what is open of a row, the cell itself counted,
        has at most 1,024 joint states, as with no or one hole; else means over Gibbs chains.
        Costs ``"known"`` a weight a state of each column a row.
        """
        from harmonium.models.cell_answers import cell_marginals

        check_is_fitted(self)
        if isinstance(of, str):
            check_choice("of", of, ("missing", "known"))
        source = random_generator(random_state)
        return cell_marginals(self._codec(X), X, of, self.build_energy, source)
