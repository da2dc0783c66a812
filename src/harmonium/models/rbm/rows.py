"""What an RBM learns from: rows of 0 and 1, frames, alignments, rows out of core, as states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.words import ColumnKinds
from harmonium.data.schema import Schema
from harmonium.data.sequences.alignment import Alignment
from harmonium.data.shards import Shards
from harmonium.data.states import States
from harmonium.data.tables import Table, check_states, has_holes
from harmonium.models.frames import is_wanted
from harmonium.models.out_of_core import holed, states_of
from harmonium.models.rbm.questions import Questions
from harmonium.models.reading import keep_names, layout_of, read_holes, reading_of

__all__ = ["Reading"]


class Reading(Questions):
    """An RBM by how it reads what it learns from."""

    visible: ColumnKinds | Schema
    missing: Any

    def _read_rows(self, X: Any) -> tuple[Table | States, NDArray[np.bool_] | None]:
        """Rows to learn from as states, and which cells of them are known; None: all."""
        if isinstance(X, Shards):
            return self._read_shards(X), None
        self._layout = None
        if is_wanted(X, self.visible):
            self._layout, table, observed = layout_of(X, self.visible, self.missing)
            self.n_features_in_ = table.shape[1] + len(self._layout.schema.left_out)
            keep_names(self, X)
            return table, observed
        if self.missing != "at-random":
            raise ValueError(f"missing={self.missing!r} is for frames, got an array of 0 and 1")
        blanks = has_holes(X)
        table = check_states(self, X, reset=True, blanks=blanks)
        return read_holes(table) if blanks else (table, None)

    def _read_shards(self, X: Shards) -> States:
        """Rows out of core: what the columns are, and in which cells are missing, is told by some
        of the rows."""
        head = X.head()
        if not is_wanted(head, self.visible):
            holes = X.holes()
            self._read_rows(np.nan_to_num(head) if len(holes) else head)
            return states_of(X, None, holes)
        _, observed = self._read_rows(X.shown())
        return states_of(X, self._layout, holed(observed))

    def _read_running(self, X: Any, first: bool) -> Table | States:
        """The same for ``partial_fit``, which after its `first` call goes on with what the
        columns were."""
        if first and isinstance(X, Shards):
            table = self._read_shards(X)
            if table.blank is not None:
                raise ValueError("X: partial_fit takes no missing cells; use fit")
            return table
        if isinstance(X, Alignment):
            return self._read_rows(X)[0]
        if not isinstance(X, Shards):
            return check_states(self, X, reset=first)
        if self._layout is None and X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} columns, the model {self.n_features_in_}")
        table = states_of(X, self._layout)
        for _ in table.blocks():  # what is wrong with some row is said before any work
            pass
        return table

    def reading_parameters(self, X: Any) -> dict[str, Any]:
        """Constructor parameters by which a model fitted to some of the rows of `X` reads all of
        them: the schema of a frame, and the columns in which being missing is a state."""
        if not is_wanted(X.head() if isinstance(X, Shards) else X, self.visible):
            return {}
        return reading_of(X, self.visible, self.missing)
