"""Questions to a Markov network: exact by elimination, by chains or messages where too wide."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.device import device_for
from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_choice, check_integer, check_number
from harmonium.contract.estimates import Bound, LogZ, Status
from harmonium.models.cell_questions import CellQuestions
from harmonium.models.codec import Codec
from harmonium.models.network.exact.beliefs import LoopyBeliefs
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.marginals import Marginals
from harmonium.models.network.names import Name
from harmonium.models.network.posterior import MostLikely, Posterior
from harmonium.models.network.rows import codec_of, patterns
from harmonium.models.network.structure import Structure

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harmonium.models.answers import Answerer
    from harmonium.models.network.energy import FactorEnergy

__all__ = ["Questions"]


class Questions(CellQuestions):
    """Everything that is asked of a network, given its structure."""

    _annealing_steps: ClassVar[tuple[int, ...]] = (2000, 20000)

    device: str

    # -- structure -----------------------------------------------------------------

    @property
    @abstractmethod
    def _network(self) -> Structure:
        """Names, sizes and the exact engine of the factors in force."""

    @property
    def variables_(self) -> list[Name]:
        """Names of the variables, in the order of columns."""
        return list(self._network.names)

    @property
    def n_states_(self) -> tuple[int, ...]:
        """The number of states of each variable, in the order of columns."""
        return self._network.exact.sizes

    @property
    def states_(self) -> dict[Name, list[Any]]:
        """What the states of each variable are called, in the order of tables and marginals."""
        network = self._network
        return {name: network.states.of(v) for v, name in enumerate(network.names)}

    @property
    def n_features_in_(self) -> int:
        """The number of variables."""
        return len(self._network.names)

    def build_energy(self, dtype: torch.dtype) -> FactorEnergy:
        return self._network.energy(dtype, device_for(self.device))

    def _bases(self) -> None:
        return None

    def _in_force(self) -> tuple[Sequence[NDArray[Any]], Any]:
        factors = self._network.factors
        return [factor.log_table for factor in factors], [factor.variables for factor in factors]

    def _exact_log_partition(self, required: bool) -> float | None:
        given = self._network.given({})
        return given.log_sum() if required or given.fits("sum") else None

    def _log_weights(self, own: bool) -> Callable[[Tensor], Tensor]:
        import torch

        network = self._network
        return lambda x: torch.from_numpy(network.log_weight(x.cpu().numpy().astype(np.intp)))

    # -- rows in, answers ----------------------------------------------------------

    def _codec(self, X: Any = None) -> Codec:
        return codec_of(self, self._network)

    def _answerers(self, codec: Codec, method: str = "auto") -> Sequence[Answerer]:
        import torch

        from harmonium.models.answers import Enumeration, GibbsChains
        from harmonium.models.network.chains import SCHEDULE
        from harmonium.models.network.elimination import Elimination

        weigh = self._log_weights(False)
        chains = GibbsChains(
            self._energy_of_chains,
            SCHEDULE,
            possible=lambda x: ~torch.isneginf(weigh(x)),
            verbose=getattr(self, "verbose", 0),
        )
        enumeration = Enumeration(codec.sizes, lambda: weigh)
        return Elimination(self._network), enumeration, chains

    # -- how likely? ---------------------------------------------------------------

    def log_prob(self, assignment: Any) -> Any:
        """log P of one assignment (a float), or of each row of a table (an array).

        Parameters
        ----------
        assignment : ``{name: state}``, or one row of states, or a table of rows. Variables
            left out, or NaN, are summed over: the answer is then a marginal probability.
        """
        one = isinstance(assignment, Mapping)
        if one:
            table = np.full((1, self.n_features_in_), np.nan)
            for column, state in self._network.columns(assignment, "assignment").items():
                table[0, column] = state
        else:
            values = assignment
            if not hasattr(assignment, "columns"):
                kind = object if self._network.states.any else None
                values = np.asarray(assignment, dtype=kind)
            one = getattr(values, "ndim", 2) == 1
            table = np.asarray(self._codec().read(values[None, :] if one else values, blanks=True))
        result = np.empty(len(table))
        for rows, known in patterns(~np.isnan(table.astype(np.float64))):
            part = np.nan_to_num(table[rows]).astype(np.intp)
            if len(known) == self.n_features_in_:
                result[rows] = self._network.log_weight(part)
                continue
            if len(rows) == 1:
                given = self._network.given({v: int(part[0, v]) for v in known})
                result[rows] = given.log_sum()
                continue
            exact = self._network.exact
            for piece in exact.batches(len(rows), known):
                result[rows[piece]] = exact.log_sum(part[piece], known)
        result -= self._trusted_log_z()
        # A sum over everything is exactly one, whatever the rounding.
        return float(np.minimum(result, 0.0)[0]) if one else np.minimum(result, 0.0)

    def log_evidence(
        self, evidence: Mapping[Name, Any], *, method: str = "auto", random_state: Any = None
    ) -> LogZ:
        """log P(evidence), as :meth:`log_prob`, with its error and status, where too wide as well.

        It is the difference of two sums, log Z given the evidence and log Z, each by `method` of
        :meth:`log_partition`.
        """
        own = self.log_partition(method, evidence=evidence, random_state=random_state)
        whole = self.log_partition(method, random_state=random_state)
        worse = own if own.status is not Status.OK else whole
        if own.method == whole.method == "exact":
            return LogZ(min(own.value - whole.value, 0.0))
        return LogZ(
            own.value - whole.value,
            float(np.hypot(own.std_error, whole.std_error)),
            "ais" if "ais" in (own.method, whole.method) else whole.method,
            Bound.NONE,
            worse.status,
            min(own.effective_chains, whole.effective_chains),
            max(own.n_chains, whole.n_chains),
            max(own.n_temperatures, whole.n_temperatures),
        )

    def prob(self, assignment: Any) -> Any:
        """P of an assignment, see :meth:`log_prob`."""
        value = np.exp(self.log_prob(assignment))
        return float(value) if np.ndim(value) == 0 else value

    def marginal(
        self, variables: Name | Iterable[Name], evidence: Mapping[Name, Any] | None = None
    ) -> Array:
        """P(variables given evidence), exactly: an array with an axis a variable, sum one.

        Parameters
        ----------
        variables : one name or several, none of them in the evidence.
        evidence : ``{name: state}`` of what is known.
        """
        network = self._network
        wanted = network.queried(variables)
        known = network.evidence(evidence)
        clash = [network.names[v] for v in wanted if v in known]
        if clash:
            raise ValueError(f"variables: {clash[0]!r} is known from the evidence; leave it out")
        given = network.given(known)
        self._check_possible(given.log_sum(), evidence)
        return given.marginal(wanted)

    def marginals(
        self,
        evidence: Mapping[Name, Any] | None = None,
        *,
        method: str = "auto",
        random_state: Any = None,
    ) -> Marginals:
        """P(variable given evidence) for every variable at once: ``{name: (n_states,)}``.

        ``method="exact"`` is one pass up the junction tree and one down. Where that is too
        wide, ``"gibbs"`` averages 64 chains that began apart, and ``"loopy"`` is loopy belief
        propagation, held against such chains unless the network is a tree; ``"auto"`` is exact
        where it fits `max_memory` and minutes, else messages where chains confirm them, else
        chains. What the evidence names is certain.

        Returns a dictionary that also has ``std_error``, ``method`` and ``status``, see
        :class:`~harmonium.models.network.marginals.Marginals`; a ``RuntimeWarning`` is given
        where the status is not ok.
        """
        check_choice("method", method, ("auto", "exact", "gibbs", "loopy"))
        found = self._posterior(evidence, random_state).marginals(method)
        found.warn()
        return found

    def _posterior(
        self, evidence: Mapping[Name, Any] | None, random_state: Any = None
    ) -> Posterior:
        """What is said given the evidence; refused where zeros rule it out: those of single tables,
        and all together where that is known exactly."""
        network = self._network
        known = network.evidence(evidence)
        given = network.given(known)
        if given.has_zeros and given.fits("sum"):
            self._check_possible(given.log_sum(), evidence)
        return Posterior(network, known, self._energy_of_chains, random_state)

    def _energy_of_chains(self) -> FactorEnergy:
        import torch

        return self.build_energy(torch.float32)

    def loopy_marginals(
        self,
        evidence: Mapping[Name, Any] | None = None,
        *,
        damping: float = 0.0,
        max_iter: int = 1000,
        tol: float = 1e-9,
    ) -> LoopyBeliefs:
        """Approximate marginals by loopy belief propagation; exact on trees.

        Returns :class:`LoopyBeliefs`, which says whether the messages settled. `damping` in
        [0, 1) mixes that part of the old messages in: more settles where none does not. It ends
        after `max_iter` rounds, or once no message moves by more than `tol`.
        """
        check_number("damping", damping, 0.0, 1.0, high_open=True)
        check_integer("max_iter", max_iter, 1)
        check_number("tol", tol, 0.0, low_open=True)
        return self._posterior(evidence).beliefs(damping, max_iter, tol)

    def most_likely(
        self,
        evidence: Mapping[Name, Any] | None = None,
        *,
        method: str = "auto",
        random_state: Any = None,
    ) -> MostLikely:
        """The most probable assignment given the evidence: ``{name: state}`` of all variables.

        ``method="exact"`` is max-sum elimination; ``"gibbs"`` the best that 64 annealed
        chains meet and climb to, with no promise; ``"auto"`` is exact where it fits. The
        dictionary's ``method`` and ``status`` say which it was, ``log_weight`` how high it is.
        """
        check_choice("method", method, ("auto", "exact", "gibbs"))
        posterior = self._posterior(evidence, random_state)
        best, height, method = posterior.most_likely(method)
        network = self._network
        states = {name: network.states.name(v, best[v]) for v, name in enumerate(network.names)}
        return MostLikely(states, height, method)

    @staticmethod
    def _check_possible(log_weight: float, evidence: Mapping[Name, Any] | None) -> None:
        if np.isneginf(log_weight):
            if evidence:
                raise ValueError(f"evidence {dict(evidence)!r} has probability zero")
            raise ValueError("factors forbid every state: their product is zero everywhere")

    # -- make a new one; fill in, clean up ------------------------------------------------------

    def sample(
        self,
        n_samples: int = 1,
        evidence: Mapping[Name, int] | None = None,
        *,
        condition: Any = None,
        method: str = "auto",
        random_state: Any = None,
    ) -> NDArray[Any]:
        """Independent exact draws ``(n_samples, n_variables)``, columns as ``variables_``.

        Parameters
        ----------
        n_samples : rows to draw, at least 1.
        evidence : ``{name: state}`` of what is known, or
        condition : the same as one row, NaN where free; not both.
        method : ``"exact"``; ``"gibbs"`` the ends of annealed chains; ``"auto"`` exact where
            it fits ``max_memory``.
        """
        check_integer("n_samples", n_samples, 1)
        check_choice("method", method, ("auto", "exact", "gibbs"))
        if condition is not None and evidence is not None:
            raise ValueError("condition and evidence say the same thing twice; give one of them")
        codec, network = self._codec(), self._network
        row = codec.read_condition(condition)
        for column, state in network.evidence(evidence).items():
            row[column] = state
        known = {int(v): int(row[v]) for v in np.flatnonzero(~np.isnan(row))}
        given = network.given(known)
        if method == "exact" or (method == "auto" and given.fits()):
            named_states = {network.names[v]: network.states.name(v, s) for v, s in known.items()}
            self._check_possible(given.log_sum(), named_states)
            draws = given.draws(n_samples, random_generator(random_state))
            return _whole(codec.write(draws.astype(np.float64)))
        from harmonium.models.answers import answer, named
        from harmonium.models.question import blanks

        question = blanks(row[None, :], codec, "sample", n_samples)
        chosen = named(self._answerers(codec), method)
        found = answer(question, chosen, random_generator(random_state))
        return _whole(codec.write(found))


def _whole(rows: NDArray[Any]) -> NDArray[Any]:
    """States that are numbers as integers."""
    return rows if rows.dtype == object else rows.astype(np.int64)
