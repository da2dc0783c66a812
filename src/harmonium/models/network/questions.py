"""Questions to a Markov network: exact by elimination, by chains or messages where too wide."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.device import device_for
from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.checks import check_choice, check_integer, check_number
from harmonium.contract.estimates import Status
from harmonium.models.answers import Answerer, Enumeration, GibbsChains, answer, named
from harmonium.models.cells import CellQuestions
from harmonium.models.codec import Codec
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.exact.beliefs import LoopyBeliefs, loopy_beliefs
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.exact.engine import States
from harmonium.models.network.factor import Name
from harmonium.models.network.marginals import (
    ChainMarginals,
    Marginals,
    against_chains,
    chain_marginals,
    likeliest_of_chains,
)
from harmonium.models.network.rows import Elimination, codec_of, patterns
from harmonium.models.network.structure import Structure
from harmonium.models.question import blanks
from harmonium.sampling.gibbs import Schedule

__all__ = ["Questions"]

#: Annealed sweeps that lead chains in, then sweeps that answers are made of.
_SCHEDULE = Schedule(n_lead_in=300, n_sweeps=200)


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
        network = self._network
        return float(network.exact.log_sum()) if required or network.fits(kept=False) else None

    def _log_weights(self, own: bool) -> Callable[[Tensor], Tensor]:
        network = self._network
        return lambda x: torch.from_numpy(network.log_weight(x.cpu().numpy().astype(np.intp)))

    # -- rows in, answers ----------------------------------------------------------

    def _codec(self, X: Any = None) -> Codec:
        return codec_of(self, self._network)

    def _answerers(self, codec: Codec, method: str = "auto") -> Sequence[Answerer]:
        weigh = self._log_weights(False)
        chains = GibbsChains(
            lambda: self.build_energy(torch.float32),
            _SCHEDULE,
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
            values = assignment if hasattr(assignment, "columns") else np.asarray(assignment)
            one = getattr(values, "ndim", 2) == 1
            table = np.asarray(self._codec().read(values[None, :] if one else values, blanks=True))
        result = np.empty(len(table))
        for rows, known in patterns(~np.isnan(table.astype(np.float64))):
            part = np.nan_to_num(table[rows]).astype(np.intp)
            if len(known) == self.n_features_in_:
                result[rows] = self._network.log_weight(part)
                continue
            exact = self._network.exact
            for piece in exact.batches(len(rows), known):
                result[rows[piece]] = exact.log_sum(part[piece], known)
        result -= self._trusted_log_z()
        # A sum over everything is exactly one, whatever the rounding.
        return float(np.minimum(result, 0.0)[0]) if one else np.minimum(result, 0.0)

    def prob(self, assignment: Any) -> Any:
        """P of an assignment, see :meth:`log_prob`."""
        value = np.exp(self.log_prob(assignment))
        return float(value) if np.ndim(value) == 0 else value

    def marginal(
        self, variables: Name | Iterable[Name], evidence: Mapping[Name, int] | None = None
    ) -> Array:
        """P(variables given evidence), exactly: an array with an axis a variable, sum one.

        Parameters
        ----------
        variables : one name or several, none of them in the evidence.
        evidence : ``{name: state}`` of what is known.
        """
        network = self._network
        wanted = network.queried(variables)
        rows, known = network.evidence(evidence)
        clash = [network.names[v] for v in wanted if v in known]
        if clash:
            raise ValueError(f"variables: {clash[0]!r} is known from the evidence; leave it out")
        log_p = network.exact.log_sum(rows, known, keep=wanted)
        if known:
            log_p = log_p[..., 0]
        self._check_possible(log_p.max(), evidence)
        p = np.exp(log_p - log_p.max())
        return np.asarray(p / p.sum())

    def marginals(
        self,
        evidence: Mapping[Name, int] | None = None,
        *,
        method: str = "exact",
        random_state: Any = None,
    ) -> Marginals:
        """P(variable given evidence) for every variable at once: ``{name: (n_states,)}``.

        ``method="exact"`` is one pass up the junction tree and one down. Where that is too
        wide, ``"gibbs"`` averages 64 chains that began apart, and ``"loopy"`` is loopy belief
        propagation, held against such chains unless the network is a tree. What the evidence
        names is certain.

        Returns a dictionary that also has ``std_error``, ``method`` and ``status``, see
        :class:`~harmonium.models.network.marginals.Marginals`; a ``RuntimeWarning`` is given
        where the status is not ok.
        """
        check_choice("method", method, ("exact", "gibbs", "loopy"))
        network = self._network
        rows, known = network.evidence(evidence)
        free = [v for v in range(len(network.names)) if v not in known]
        sizes = network.exact.sizes
        if method == "exact":
            self._check_possible(float(network.exact.log_sum(rows, known).max()), evidence)
            tables = network.exact.marginals([(v,) for v in free], rows, known)
            found = {v: p[0] if known else p for v, p in zip(free, tables, strict=True)}
            errors = {v: np.zeros(sizes[v]) for v in free}
            status = Status.OK
        elif method == "gibbs":
            chains = self._chain_marginals(rows, known, random_state)
            found = {v: chains.value[v, : sizes[v]] for v in free}
            errors = {v: chains.error[v, : sizes[v]] for v in free}
            status = Status.OK if chains.agree else Status.CHAINS_DISAGREE
        else:
            found, errors, status = self._checked_beliefs(evidence, random_state)
        for v in known:
            found[v], errors[v] = np.eye(sizes[v])[rows[0, v]], np.zeros(sizes[v])
        names = list(enumerate(network.names))
        marginals = Marginals(
            {name: found[v] / found[v].sum() for v, name in names},
            {name: errors[v] for v, name in names},
            method,
            status,
        )
        marginals.warn()
        return marginals

    def _chain_marginals(
        self, rows: States, known: frozenset[int], random_state: Any
    ) -> ChainMarginals:
        energy = self.build_energy(torch.float32)
        return chain_marginals(
            energy,
            *_start(energy, rows, known),
            (_SCHEDULE.n_lead_in, _SCHEDULE.n_sweeps),
            generator_for(energy.device, random_generator(random_state)),
            self._network.log_weight,
        )

    def _checked_beliefs(
        self, evidence: Mapping[Name, int] | None, random_state: Any
    ) -> tuple[dict[int, Array], dict[int, Array], Status]:
        """Loopy beliefs by column, their errors, and whether chains confirm them."""
        network = self._network
        beliefs = self.loopy_marginals(evidence)
        found = {network.index[name]: p for name, p in beliefs.marginals.items()}
        if beliefs.status is not Status.UNPROVEN:
            return found, {v: np.zeros_like(p) for v, p in found.items()}, beliefs.status
        chains = self._chain_marginals(*network.evidence(evidence), random_state)
        return found, *against_chains(found, chains)

    def loopy_marginals(
        self,
        evidence: Mapping[Name, int] | None = None,
        *,
        damping: float = 0.0,
        max_iter: int = 1000,
        tol: float = 1e-9,
    ) -> LoopyBeliefs:
        """Approximate marginals by loopy belief propagation; exact on trees.

        Returns :class:`LoopyBeliefs`, which says whether the messages settled. `damping` in
        [0, 1) mixes that part of the old messages in: more settles where none does not.
        """
        check_number("damping", damping, 0.0, 1.0, high_open=True)
        check_integer("max_iter", max_iter, 1)
        check_number("tol", tol, 0.0, low_open=True)
        network = self._network
        rows, known = network.evidence(evidence)
        return loopy_beliefs(
            network.exact,
            network.names,
            rows[0],
            known,
            damping=damping,
            max_iter=max_iter,
            tol=tol,
        )

    def most_likely(
        self,
        evidence: Mapping[Name, int] | None = None,
        *,
        method: str = "exact",
        random_state: Any = None,
    ) -> dict[Name, int]:
        """The most probable assignment given the evidence: ``{name: state}`` of all variables.

        ``method="exact"`` is max-sum elimination; ``"gibbs"`` the best that 64 annealed
        chains meet and climb to, with no promise.
        """
        check_choice("method", method, ("exact", "gibbs"))
        network = self._network
        rows, known = network.evidence(evidence)
        if method == "exact":
            states, height = network.exact.fill(rows, known)
            self._check_possible(float(height[0]), evidence)
            best = states[0]
        else:
            energy = self.build_energy(torch.float32)
            row, free = _start(energy, rows, known)
            source = generator_for(energy.device, random_generator(random_state))
            best = likeliest_of_chains(energy, row, free, _SCHEDULE, source)
        return {name: int(best[v]) for v, name in enumerate(network.names)}

    @staticmethod
    def _check_possible(log_weight: float, evidence: Mapping[Name, int] | None) -> None:
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
    ) -> NDArray[np.int64]:
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
        codec = self._codec()
        row = codec.read_condition(condition)
        rows, known = self._network.evidence(evidence)
        row[list(known)] = rows[0, list(known)]
        known = frozenset(np.flatnonzero(~np.isnan(row)).tolist())
        if method == "exact":
            self._network.exact.plan(known)  # says how wide it is, where it is too wide
        name = {"exact": "elimination"}.get(method, method)
        chosen = named(self._answerers(codec), name)
        question = blanks(row[None, :], codec, "sample", n_samples)
        if len(known) == len(row):
            self._check_possible(float(self._network.log_weight(rows)[0]), evidence)
        found = answer(question, chosen, random_generator(random_state))
        return codec.write(found).astype(np.int64)


def _start(energy: FactorEnergy, rows: States, known: frozenset[int]) -> tuple[Tensor, Tensor]:
    """A row of states, and which of its variables are free, as chains take them."""
    free = [v not in known for v in range(energy.n_variables)]
    row = torch.from_numpy(rows[0]).to(energy.device, energy.dtype)
    return row, torch.tensor(free, device=energy.device)
