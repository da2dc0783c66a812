"""Marginals and modes given evidence: exact where that fits, else estimates that say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.estimates import Status
from harmonium.contract.warning import warn_caller
from harmonium.models.network.exact.beliefs import LoopyBeliefs, loopy_beliefs
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.marginals import Marginals
from harmonium.models.network.names import Name
from harmonium.models.network.structure import Structure

if TYPE_CHECKING:
    from harmonium.models.network.chains import ChainMarginals, Start
    from harmonium.models.network.energy import FactorEnergy

__all__ = ["MostLikely", "Posterior"]

#: A table by column, its errors, how it was found, and whether it may be believed.
_Found = tuple[Mapping[int, Array], Mapping[int, Array], str, Status]


class MostLikely(dict[Name, Any]):
    """``{name: state}``, a dictionary that knows how it was found.

    Attributes
    ----------
    log_weight : log of the product of the factors at these states, in nats.
    method : ``"exact"`` or ``"gibbs"``.
    status : :class:`~harmonium.contract.estimates.Status`: ``"ok"`` where no other assignment is
        more probable; ``"unproven"`` for the best that chains have met.
    """

    def __init__(self, states: Mapping[Name, Any], log_weight: float, method: str) -> None:
        super().__init__(states)
        self.log_weight, self.method = log_weight, method
        self.status = Status.OK if method == "exact" else Status.UNPROVEN


class Posterior:
    """What `network` says given `known` states by column; estimates by chains of `build`'s energy.

    `random_state` is that of a user.
    """

    def __init__(
        self,
        network: Structure,
        known: Mapping[int, int],
        build: Callable[[], FactorEnergy],
        random_state: Any = None,
    ) -> None:
        self.network, self.known = network, known
        self._build, self._random_state = build, random_state
        self.given = network.given(known)
        self.row = np.zeros(len(network.names), dtype=np.intp)
        self.row[list(known)] = list(known.values())

    # -- marginals ----------------------------------------------------------------------------

    def marginals(self, method: str) -> Marginals:
        """Of every variable by this `method`; ``"auto"`` is exact where it fits, else messages
        that chains confirm, else chains."""
        if method == "auto" and self.given.fits("down"):
            method = "exact"
        if method == "exact":
            found = self._exactly()
        elif method == "gibbs":
            found = self._by_chains()
        else:
            found = self._by_messages()
            if method == "auto" and found[3] is not Status.OK and self._chains.agree:
                found = self._by_chains()
        tables, errors, method, status = found
        sizes = self.network.exact.sizes
        tables = {**tables, **{v: np.eye(sizes[v])[state] for v, state in self.known.items()}}
        errors = {**errors, **{v: np.zeros(sizes[v]) for v in self.known}}
        names = list(enumerate(self.network.names))
        return Marginals(
            {name: tables[v] / tables[v].sum() for v, name in names},
            {name: errors[v] for v, name in names},
            method,
            status,
            {name: self.network.states.of(v) for v, name in names},
        )

    def _exactly(self) -> _Found:
        tables = dict(enumerate(self.given.marginals()))
        return tables, {v: np.zeros_like(p) for v, p in tables.items()}, "exact", Status.OK

    @cached_property
    def _chains(self) -> ChainMarginals:
        from harmonium.models.network.chains import chain_marginals

        return chain_marginals(self._started(), self.network.log_weight)

    def _by_chains(self) -> _Found:
        chains, sizes = self._chains, self.network.exact.sizes
        free = [v for v in range(len(sizes)) if v not in self.known]
        return (
            {v: chains.value[v, : sizes[v]] for v in free},
            {v: chains.error[v, : sizes[v]] for v in free},
            "gibbs",
            Status.OK if chains.agree else Status.CHAINS_DISAGREE,
        )

    def _by_messages(self) -> _Found:
        """Loopy beliefs, held against chains unless they are exact or have not settled."""
        beliefs = self.beliefs()
        tables = {self.network.index[name]: p for name, p in beliefs.marginals.items()}
        if beliefs.status is not Status.UNPROVEN:
            errors = {v: np.zeros_like(p) for v, p in tables.items()}
            return tables, errors, "loopy", beliefs.status
        from harmonium.models.network.chains import against_chains

        errors, status = against_chains(tables, self._chains)
        return tables, errors, "loopy", status

    def beliefs(
        self, damping: float = 0.0, max_iter: int = 1000, tol: float = 1e-9
    ) -> LoopyBeliefs:
        """Where messages end, see :func:`.beliefs.loopy_beliefs`."""
        return loopy_beliefs(
            self.network.exact,
            self.network.names,
            self.row,
            frozenset(self.known),
            damping=damping,
            max_iter=max_iter,
            tol=tol,
        )

    # -- modes --------------------------------------------------------------------------------

    def most_likely(self, method: str) -> tuple[NDArray[np.intp], float, str]:
        """The most probable states, their log weight, and how they were found."""
        if method == "auto":
            method = "exact" if self.given.fits() else "gibbs"
        if method == "exact":
            return *self.given.mode(), method
        from harmonium.models.network.chains import likeliest_of_chains

        best = likeliest_of_chains(self._started())
        height = float(self.network.log_weight(best[None])[0])
        if method == "gibbs" and height == -np.inf:
            warn_caller(
                "most_likely: chains have met no state that the factors allow: what is returned "
                "has probability zero",
                RuntimeWarning,
            )
        return best, height, method

    def _started(self) -> Start:
        from harmonium.models.network.chains import Start

        return Start.of(self._build(), self.row, self.known, self._random_state)
