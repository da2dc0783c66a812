"""P(state) of variables of a network, with what is known of how they were found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harmonium.contract.estimates import Status
from harmonium.contract.warning import warn_caller
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.names import Name

__all__ = ["Marginals"]


class Marginals(dict[Name, Array]):
    """``{name: P(state)}``, a dictionary that knows how it was found.

    Attributes
    ----------
    by_state : ``{name: {state: P(state)}}``, states as they are called.
    std_error : ``{name: (n_states,)}``; 0.0 when exact; nan where none can be given. For
        ``"loopy"`` the distance from a check by chains, at least that check's own error.
    method : ``"exact"``, ``"gibbs"`` or ``"loopy"``.
    status : :class:`~harmonium.contract.estimates.Status`: ``"ok"``; ``"chains_disagree"``;
        ``"not_converged"`` (messages that did not settle); ``"strong_loops"`` (settled messages
        that chains do not confirm).
    """

    def __init__(
        self,
        tables: Mapping[Name, Array],
        std_error: Mapping[Name, Array],
        method: str,
        status: Status = Status.OK,
        states: Mapping[Name, Sequence[Any]] | None = None,
    ) -> None:
        super().__init__(tables)
        called = {name: range(len(p)) for name, p in tables.items()} if states is None else states
        self.by_state = {
            name: dict(zip(called[name], p.tolist(), strict=True)) for name, p in tables.items()
        }
        self.method, self.status = method, status
        self.std_error = {
            name: np.asarray(error) if status is Status.OK else np.full_like(error, math.nan)
            for name, error in std_error.items()
        }

    def warn(self) -> None:
        """A RuntimeWarning, in the name of who called the caller, unless all is well."""
        if self.status is not Status.OK:
            warn_caller(
                f"marginals(method={self.method!r}): no error can be given ({self.status}). "
                f"{self.status.sentence}",
                RuntimeWarning,
            )
