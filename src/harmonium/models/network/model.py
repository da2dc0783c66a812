"""Markov networks of factor tables over discrete variables: their making, learning, keeping."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from harmonium.compute.device import device_for
from harmonium.contract.checks import (
    Range,
    check_choice,
    check_number,
    check_ranges,
    choice,
    integer,
    number,
)
from harmonium.contract.estimates import LogZ
from harmonium.data.shards import check_in_memory
from harmonium.data.tables import check_sample_weight
from harmonium.learning.plan import asked
from harmonium.models.network.exact.engine import States
from harmonium.models.network.factor import Factor
from harmonium.models.network.forms.methods import Forms
from harmonium.models.network.names import Name
from harmonium.models.network.pairs.learn import named_columns
from harmonium.models.network.rows import codec_of, read_columns
from harmonium.models.network.structure import Structure
from harmonium.models.settings import LEARNING_RANGES, positive

if TYPE_CHECKING:
    from harmonium.learning.fit import RunningFit

__all__ = ["Factor", "MarkovNetwork"]

_RANGES: dict[str, Range] = {
    "learner": choice("auto", "exact", "pcd"),
    "weight_decay": number(0.0),
    "max_iter": integer(1),
    "tol": positive,
    "max_memory": positive,
    **LEARNING_RANGES,
}


class MarkovNetwork(Forms):
    """P(x) = product of factors / Z over discrete variables of one or more states each.

    The factors given are the model: every question can be asked at once, and :meth:`fit`
    learns other numbers for tables of the same variables. Exact answers come from eliminating
    variables one at a time: their cost is the number of entries of the largest table met on
    the way (states to the power of the treewidth plus one), times the number of variables.

    Parameters
    ----------
    factors : list of :class:`Factor`, at least one variable among them. Variables are the
        columns of rows in, and out, by their first appearance. None: all is to be learned, by
        ``fit(X, structure="tree")`` or ``"sparse"``.
    learner : how :meth:`fit` takes the model's expectation: ``"exact"`` (a junction tree and
        L-BFGS), ``"pcd"`` (persistent Gibbs chains), ``"auto"`` the first where it fits.
    weight_decay : pull of every log-table entry to zero in ``fit``: half this times the sum
        of squares is taken from the mean log-likelihood. 0: plain maximum likelihood.
    max_iter : iterations of L-BFGS, or gradient steps of ``"pcd"`` in hundreds; at least 1.
    tol : ``fit`` stops once no factor's table of expected counts (per row) is off by more.
    max_memory : GiB that an exact answer may take; beyond it a ValueError names the width.
    validation_fraction : share of the rows, in [0, 1), that ``fit`` holds out and watches; the
        tables that do best on them are kept. 0 watches nothing; ``"auto"``: a tenth, at most
        2,000.
    checkpoint : a file that is written along ``fit``; a fit of the same network and data goes on
        from it, bit for bit, where an earlier one was cut off.
    time_limit : seconds after which ``fit`` ends with the best so far.
    device : where chains run: ``"auto"``, ``"cpu"``, ``"cuda"``, ...; elimination runs on the CPU.
    random_state : seed of ``fit`` with ``"pcd"``, and of what is held out.
    verbose : 1 shows a progress bar in ``fit``.

    Attributes
    ----------
    variables_ : names, in the order of columns.
    n_states_ : number of states of each variable.
    factors_ : the factors in force: those given, or after ``fit`` the learned ones.
    n_features_in_ : number of variables.
    n_iter_, n_updates_, stop_reason_ : of the last ``fit``: iterations (of ``"pcd"``: hundreds of
        updates), steps done, and why it ended.
    history_ : lists by name: ``update``, ``seconds``, of ``"pcd"`` ``learning_rate``; ``train``
        and, where rows are held out, ``validation``: mean log-likelihoods in nats.
    """

    may_hold = frozenset({-np.inf})

    def __init__(
        self,
        factors: list[Factor] | None = None,
        *,
        learner: str = "auto",
        weight_decay: float = 0.0,
        max_iter: int = 1000,
        tol: float = 1e-6,
        max_memory: float = 2.0,
        validation_fraction: float | str = 0.0,
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.factors = factors
        self.learner = learner
        self.weight_decay = weight_decay
        self.max_iter = max_iter
        self.tol = tol
        self.max_memory = max_memory
        self.validation_fraction = validation_fraction
        self.checkpoint = checkpoint
        self.time_limit = time_limit
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        if factors is not None:
            Structure.check(factors)  # a network that cannot be is refused where it is written

    # -- structure ---------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return self.factors is not None or self.__dict__.get("_learned") is not None

    @property
    def _network(self) -> Structure:
        """Names, sizes and the exact engine of the factors in force; kept between questions."""
        factors = self.factors_
        kept: Structure | None = self.__dict__.get("_structure")
        if kept is None or not kept.holds(factors):
            check_number("max_memory", self.max_memory, 0.0, low_open=True)
            kept = Structure(factors, self.max_memory)
            self._structure = kept
        kept.exact.max_memory = self.max_memory
        return kept

    @property
    def factors_(self) -> list[Factor]:
        """The factors in force."""
        learned: tuple[Any, list[Factor]] | None = self.__dict__.get("_learned")
        # Parameters set anew after a fit mean the network that they name.
        if learned is not None and learned[0] is self.factors:
            return learned[1]
        if self.factors is None:
            raise NotFittedError(
                "factors is None: a network needs them, or fit(X, structure='tree') or 'sparse'"
            )
        return self.factors

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_structure", None)  # caches of answers
        return state

    def check_parameters(self) -> None:
        if self.factors is not None:
            Structure.check(self.factors)
        check_ranges(vars(self), _RANGES)

    # -- learn ---------------------------------------------------------------

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, structure: str = "given"
    ) -> Self:
        """Learn the numbers of all tables from rows of states, by maximum likelihood, and, if
        asked, which pairs of variables have a table.

        Of the structure given a zero stays zero; all other entries start from those given and
        move until the model expects every factor's states as often as the rows show them. The
        likelihood is concave, so it does not matter where it starts, but tables that overlap can
        hold the same distribution in many ways.

        Parameters
        ----------
        X : ``(n_samples, n_variables)`` states, columns as ``variables_`` (a frame's columns
            may name them in any order). Without factors the variables are the frame's columns, or
            ``"0"``, ``"1"``..., and their states the integers from 0 to the highest in the rows.
        sample_weight : non-negative weights of the rows.
        structure : ``"given"``: tables of the factors' variables. ``"tree"``: a table for each
            variable and each edge of the tree that fits best (Chow, Liu 1968), their numbers the
            rows' shares with one more row spread over all states; with `weight_decay` these are
            but the start. ``"sparse"``: for each variable and each of the few pairs that the rows
            speak for by a criterion (group L1 on the pseudo-likelihood); where `weight_decay` is
            0 it is 1 / rows. Of factors given, only the variables and their states count then.

        Cost: an up and down pass an iteration with ``"exact"``; ``"tree"`` the square of all
        variables' states for each row; ``"sparse"`` some thousand times that.
        """
        from harmonium.models.network.start import TableParameters, fit_pairs, fit_tables

        self.check_parameters()
        check_choice("structure", structure, ("given", "tree", "sparse"))
        network, states, weights = self._started(X, sample_weight, structure)
        self._learned, self._running = None, None
        wanted = asked(TableParameters, vars(self))
        if structure == "given":
            found = fit_tables(wanted, network, states, weights, device_for(self.device))
        else:
            found = fit_pairs(
                structure == "tree", wanted, network, states, weights, device_for(self.device)
            )
        self._learned = (self.factors, found.factors)
        self._keep_log_partition(None)
        self.n_iter_ = found.n_iter
        self._keep_result(found.result)
        return self

    #: What `partial_fit` goes on from; None until it is called, and after `fit`.
    _running: RunningFit | None = None

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """One pass over these rows at a constant rate, from the tables in force: those given, or
        learned so far. Chains persist between calls; nothing is held out and nothing averaged.
        """
        from harmonium.models.network.start import TableParameters, go_on

        self.check_parameters()
        states, weights = self._rows(X, sample_weight, self._network)
        wanted = asked(TableParameters, vars(self))
        factors, self._running, n_updates = go_on(
            wanted, self._network, states, weights, self._running, device_for(self.device)
        )
        self._learned = (self.factors, factors)
        self._keep_log_partition(None)
        self.n_iter_ = getattr(self, "n_iter_", 0)
        self._keep_partial(n_updates)
        return self

    def _started(
        self, X: Any, sample_weight: Any, structure: str
    ) -> tuple[Structure, States, NDArray[np.float64] | None]:
        """The variables to learn about, and rows of their states, with weights."""
        if self.factors is not None:
            network = Structure(self.factors, self.max_memory)
            return network, *self._rows(X, sample_weight, network)
        if structure == "given":
            raise ValueError(
                "structure='given' but factors is None; give factors, or fit(X, "
                "structure='tree') or 'sparse'"
            )
        states, names, called = read_columns(X)
        network = Structure(named_columns(states, names, called), self.max_memory)
        return network, states, check_sample_weight(sample_weight, states)

    def _rows(
        self, X: Any, sample_weight: Any, network: Structure
    ) -> tuple[States, NDArray[np.float64] | None]:
        check_in_memory(X, "a table")
        table = np.asarray(codec_of(self, network).read(X))
        return table.astype(np.intp), check_sample_weight(sample_weight, table)

    # -- files ---------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        factors = self.factors_
        called = (name for factor in factors for names in factor.states.values() for name in names)
        for name in (*self.variables_, *called):
            if not _writable(name):
                raise TypeError(
                    f"variable or state {name!r} cannot be kept in a model file; wanted text, a "
                    "number, or a tuple of these"
                )
        known = self.known_log_partition
        facts: dict[str, Any] = {
            "variables": [repr(list(factor.variables)) for factor in factors],
            "states": [repr(list(factor.states.items())) for factor in factors],
            "log_partition": None if known is None else vars(known),
            "fit": [getattr(self, "n_iter_", None), getattr(self, "stop_reason_", None)],
            "parameters_left_out": ["factors", "checkpoint", "device"],
        }
        return {str(i): factor.log_table for i, factor in enumerate(factors)}, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        # Files of before states had names have none.
        called = facts.get("states", ["[]"] * len(facts["variables"]))
        factors = [
            Factor(
                ast.literal_eval(names),
                arrays[str(i)],
                log=True,
                states=dict(ast.literal_eval(called[i])),
            )
            for i, names in enumerate(facts["variables"])
        ]
        Structure.check(factors)
        self.factors = factors
        self._keep_log_partition(LogZ.from_facts(facts["log_partition"]))
        n_iter, reason = facts["fit"]
        if reason is not None:
            self.n_iter_, self.stop_reason_ = n_iter, reason

    def _sizes(self) -> dict[str, Any]:
        sizes = {
            "variables": len(self.variables_),
            "states of a variable, fewest and most": [min(self.n_states_), max(self.n_states_)],
            "factors": len(self.factors_),
            "variables of the widest factor": max(len(f.variables) for f in self.factors_),
            "entries of all tables": sum(f.log_table.size for f in self.factors_),
        }
        return sizes | ({"iterations": self.n_iter_} if hasattr(self, "n_iter_") else {})

    def restricted(self, evidence: Mapping[Name, Any]) -> Self:
        """The same product of the states that agree with `evidence` alone, as a network of its own.

        What the evidence and the factors' zeros leave one state of has one state in it. Its log Z
        is known where it is exactly affordable.
        """
        given = self._posterior(evidence).given
        narrow = given.narrow
        network, kept = self._network, frozenset(narrow.kept)
        names, sizes, states = network.names, network.exact.sizes, network.states
        factors = [
            Factor([names[narrow.kept[v]] for v in scope], table, log=True)
            for scope, table in zip(narrow.scopes, narrow.log_tables, strict=True)
        ]
        for v, left in enumerate(narrow.states):
            if v not in kept or len(left) < sizes[v] or states.names[v] is not None:
                # A table of ones that says what those that are left are called.
                called = {names[v]: [states.name(v, number) for number in left]}
                factors.append(Factor([names[v]], np.ones(len(left)), states=called))
        factors.append(Factor([], narrow.constant, log=True))
        parameters = {**self.get_params(deep=False), "factors": factors, "checkpoint": None}
        part = type(self)(**parameters)
        if given.fits("sum"):
            part._keep_log_partition(LogZ(given.log_sum()))
        return part


def _writable(name: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(name)) == name)
    except (ValueError, SyntaxError):
        return False
