"""The Boltzmann machine: variables of any number of states, any of whose pairs may be coupled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
import torch

from harmonium.compute.device import device_for
from harmonium.contract.checks import Range, check_ranges, choice, integer, number, or_else
from harmonium.contract.words import ColumnKinds
from harmonium.data.schema import Schema
from harmonium.data.shards import Shards
from harmonium.data.tables import check_sample_weight
from harmonium.learning.fit import RunningFit
from harmonium.learning.plan import asked
from harmonium.learning.record import Observer
from harmonium.learning.rows import n_rows_of
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.graph import check_graph, edges_of
from harmonium.models.boltzmann.ground import Start
from harmonium.models.boltzmann.latents import Latents
from harmonium.models.boltzmann.limits import (
    check_hidden_units,
    check_learner,
    check_out_of_core,
    check_sparse,
)
from harmonium.models.boltzmann.plan import BoltzmannParameters, check_memory
from harmonium.models.boltzmann.rows import (
    Visible,
    are_whole,
    check_columns,
    is_frame_like,
)
from harmonium.models.boltzmann.start import begin_running, fit_energy
from harmonium.models.boltzmann.tables import (
    Tables,
    checked_tables,
    from_statistics,
    symmetric,
    to_statistics,
    zero_sum,
)
from harmonium.models.out_of_core import opened
from harmonium.models.reading import reading_of, running_rows, weights_of
from harmonium.models.settings import LEARNING_RANGES, check_missing, positive

__all__ = ["BoltzmannMachine"]

_AT_LEAST_ONE = or_else("auto", integer(1))


RANGES: Mapping[str, Range] = {
    "visible": check_columns,
    "graph": check_graph,
    "n_components": integer(0),
    "missing": check_missing,
    "learner": choice("exact", "pcd", "pt", "pseudo"),
    "gauge": or_else(None, choice("zero-sum")),
    "n_updates": _AT_LEAST_ONE,
    "batch_size": _AT_LEAST_ONE,
    "n_chains": _AT_LEAST_ONE,
    "learning_rate": or_else("auto", positive),
    "weight_decay": or_else("auto", number(0.0)),
    "n_gibbs": integer(1),
    "temperature": positive,
    **LEARNING_RANGES,
}


class BoltzmannMachine(Latents):
    """P(x) = exp((sum of fields + sum of couplings over pairs) / T) / Z, learned by maximum
    likelihood (Ackley, Hinton, Sejnowski 1985; on aligned sequences Morcos et al. 2011).

    Variables of two states make it an Ising model, of k states a Potts model.

    Parameters
    ----------
    visible : what the columns are: ``"auto"`` (arrays hold 0 and 1; of a frame, what
        :class:`~harmonium.Schema` infers), k (integers 0..k-1 in every column),
        ``"categorical"`` (of an array: one state more than its largest number), or as for
        :class:`~harmonium.RBM` one kind, ``{column: kind}``, a Schema.
    graph : which pairs are coupled: ``"complete"``, all; ``"semi-restricted"``, all but those of
        two hidden units; pairs of columns, or a networkx graph; ``"sparse"``, those that are found
        to gain likelihood while it learns.
    n_components : hidden units, of 0 or 1: variables behind the columns that no row knows; of a
        graph the nodes after the columns or, beside names, ``"hidden 0"`` and so on.
    missing : as for :class:`~harmonium.RBM`.
    learner : ``"pcd"`` persistent chains, ``"pt"`` the same with parallel tempering,
        ``"exact"`` sums over every state (at most 2**20), ``"pseudo"`` pseudo-likelihood: each
        variable given all others, by L-BFGS (plmDCA, Ekeberg et al. 2013): no chains, fast for
        many columns, and as a distribution not as good.
    gauge : which of the parameters that make the same P are kept: ``"zero-sum"``, all sum to
        zero over a variable's states; None: as learned.
    n_updates : gradient steps at most; ``"auto"`` is 1,000, of hidden units 2,000.
    batch_size : rows a step, of rows with missing cells, with hidden units and in
        :meth:`partial_fit`; else all rows are counted once, before the first step.
    learning_rate : the rate at the start, of steps that are over their curvature as it would be
        were columns independent; it falls linearly to zero.
    n_chains : chains; ``"auto"`` is 1,000.
    n_gibbs : sweeps of the chains a step, at least 1.
    weight_decay : strength of the pull of couplings to zero in the zero-sum gauge's statistics
        (half the sum of their squares, a pair of states counted once, is subtracted from the mean
        log-likelihood); ``"auto"`` is what does best on held-out rows in runs before the fit (of
        few rows, on each quarter of them in turn), else 4 over the rows, of hidden units 0.1.
    temperature : T > 0, in units of energy.
    validation_fraction : share of the rows, in [0, 1), that is held out and watched; the
        parameters that do best on them are kept. ``"auto"`` is a tenth, at most 2,000 rows;
        0 watches nothing.
    checkpoint : a file that is written along the fit; a fit with the same settings and data
        goes on from it, bit for bit, where an earlier one was cut off.
    time_limit : seconds after which the fit ends, its learning rate having fallen to zero.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    random_state : int, Generator or None.
    verbose : 1 shows a progress bar.

    Attributes
    ----------
    fields_ : list of ``(n_states,)``, one a variable.
    couplings_ : ``(n_variables, n_variables, k, k)`` where all have k states, else
        ``{(i, j): (k_i, k_j)}``.
    edges_ : the coupled pairs, ``(n_edges, 2)``, i < j.
    log_partition_ : :class:`~harmonium.LogZ`, computed when first asked for.
    history_ : lists by name: ``update``, ``seconds``, ``learning_rate``, ``validation`` and
        ``train`` (mean log-likelihoods in nats; of ``"pseudo"`` a variable, given all others),
        ``log_partition``, ``std_error``.
    n_updates_, stop_reason_, confirmed_, held_out_ : as of :class:`~harmonium.RBM`.

    Variables are the columns, then hidden units; of a frame columns of two states come first, as
    ``edges_``, ``fields_`` and ``couplings_`` number them.

    A sweep costs, a chain, the number of coupled pairs times states. Memory: eleven arrays as
    large as the couplings while it learns (``"pseudo"`` five).
    """

    def __init__(
        self,
        *,
        visible: ColumnKinds | Schema = "auto",
        graph: Any = "complete",
        n_components: int = 0,
        missing: Any = "at-random",
        learner: Literal["exact", "pcd", "pt", "pseudo"] = "pcd",
        gauge: str | None = "zero-sum",
        n_updates: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        n_chains: int | str = "auto",
        n_gibbs: int = 1,
        weight_decay: float | str = "auto",
        temperature: float = 1.0,
        validation_fraction: float | str = "auto",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.visible = visible
        self.graph = graph
        self.n_components = n_components
        self.missing = missing
        self.learner = learner
        self.gauge = gauge
        self.n_updates = n_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_chains = n_chains
        self.n_gibbs = n_gibbs
        self.weight_decay = weight_decay
        self.temperature = temperature
        self.validation_fraction = validation_fraction
        self.checkpoint = checkpoint
        self.time_limit = time_limit
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # -- learning ------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from rows ``(n_samples, n_features)`` of states, or a frame; `y` is ignored. Rows
        out of core are all that :class:`~harmonium.Shards` takes, of which `sample_weight` may also
        be a column by its name; by ``"pseudo"``, and ``"exact"`` with hidden units, from memory
        alone.

        Interrupting a fit (Ctrl-C) keeps the best parameters so far, and warns; so does a fit
        whose parameters stop being finite.
        """
        return self.fit_observed(X, y, sample_weight)

    def fit_observed(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        observers: Sequence[Observer] = (),
    ) -> Self:
        """:meth:`fit`, each of the `observers` being shown a
        :class:`~harmonium.learning.record.Look` whenever the fit looks at itself."""
        self.check_parameters()
        X, _, sample_weight = opened(X, None, sample_weight)
        if isinstance(X, Shards):
            check_out_of_core(self.learner, self.n_components)
        given = (self, X, self.visible, self.missing, self.n_components)
        visible, table, observed = Visible.read(*given)
        whole = are_whole(table, observed)
        weights = check_sample_weight(weights_of(X, sample_weight), table)
        units = visible.units
        edges = edges_of(self.graph, visible.names, self.n_components)
        check_learner(self.learner, units, not whole)
        if isinstance(self.graph, str) and self.graph == "sparse":
            check_sparse(self.learner, table.shape[0], not whole, self.validation_fraction)
        check_memory(units.n_statistics, self.learner)
        self._running = None
        start = Start(device_for(self.device), units, edges, observed, whole, self.n_components)
        wanted = asked(BoltzmannParameters, vars(self))
        result, energy = fit_energy(wanted, table, weights, start, observers)
        self._visible = visible
        self._take(energy)
        self._keep_result(result)
        return self

    def reading_parameters(self, X: Any) -> dict[str, Any]:
        """Constructor parameters by which a model fitted to some of the rows of `X` reads all of
        them: the schema of a frame, and the columns in which being missing is a state."""
        if is_frame_like(X, self.visible):
            return reading_of(X, self.visible, self.missing)
        if isinstance(self.visible, str) and self.visible == "categorical":
            return {"visible": Visible.read(type(self)(), X, self.visible, "at-random")[0].n_states}
        return {}

    #: What `partial_fit` goes on from; None until it is called, and after `fit`.
    _running: RunningFit | None = None

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """One pass over these rows at a constant learning rate, from where the model stands.

        Chains persist between calls; nothing is held out and nothing averaged. `y` is ignored.
        ``"categorical"`` counts states once, in the first call: tell their number. Of an alignment
        calls share columns and alphabet; each is weighed by itself.
        """
        self.check_parameters()
        first = not hasattr(self, "_tables")
        layout = None if first else self._visible.layout
        X, _, sample_weight = opened(X, None, sample_weight)
        X = running_rows(X, is_frame_like(X, self.visible), layout, first)
        if isinstance(self.graph, str) and self.graph == "sparse":
            raise ValueError("graph='sparse' is found by fit; give partial_fit pairs")
        if first:
            given = (self, X, self.visible, self.missing, self.n_components)
            visible, table, observed = Visible.read(*given)
        else:
            visible, table, observed = self._visible.more(self, X, self.missing)
        if not are_whole(table, observed):
            raise ValueError("X: partial_fit takes no missing cells; use fit")
        weights = check_sample_weight(weights_of(X, sample_weight), table)
        units = visible.units
        named = (self.graph, visible.names, self.n_components)
        edges = edges_of(*named) if first else self._edges
        check_learner(self.learner, units, False)
        check_memory(units.n_statistics, self.learner)
        start = Start(device_for(self.device), units, edges, n_hidden=self.n_components)
        wanted = asked(BoltzmannParameters, vars(self))
        known = None if first else self.build_energy(torch.float32)
        running, ground = begin_running(wanted, table, start, known)
        if self._running is not None and self._running.is_of(self.learner) and known is not None:
            running = self._running
            running.energy.set_parameters(known.parameters())
        energy = running.energy
        assert isinstance(energy, BoltzmannEnergy)
        rows = start.source(table, weights)
        prior = ground.ascent(energy, ground.decay(n_rows_of(rows))).prior
        n_updates = running.learn(rows, ground.plan, prior)
        self._running, self._visible = running, visible
        self._take(energy)
        self._keep_partial(n_updates)
        return self

    def check_parameters(self) -> None:
        check_ranges(vars(self), RANGES)
        check_hidden_units(self.n_components, self.learner, self.graph)

    def _take(self, energy: BoltzmannEnergy) -> None:
        """Keep learned parameters, in units of energy (the energy holds them divided by T)."""
        scale, units = float(self.temperature), energy.units
        fields, couplings = (
            part.detach().cpu().numpy() * np.float32(scale)
            for part in (energy.fields.float(), energy.couplings.float())
        )
        tables = from_statistics(fields, symmetric(couplings), units)
        self._tables = tables if self.gauge is None else zero_sum(tables, units.sizes)
        self._base = energy.base_fields.detach().float().cpu().numpy().copy()
        self._edges = None if energy.edges is None else energy.edges.copy()
        self._keep_log_partition(None)

    @classmethod
    def from_parameters(cls, fields: Any, couplings: Any, **parameters: Any) -> Self:
        """A fitted model with these `fields`, a list of ``(n_states,)``, and `couplings`:
        ``{(i, j): (k_i, k_j)}`` or, of k states each, ``(n_variables, n_variables, k, k)``.

        They are kept as they are given: no gauge is imposed. Variables must have all the same
        number of states, two at least; other constructor parameters may follow by name. The last
        `n_components` are hidden units, of two states.
        """
        sizes, tables, edges = checked_tables(fields, couplings)
        model = cls(**{"visible": max(2, sizes[0]), **parameters})
        model.check_parameters()
        n, n_hidden = len(sizes), model.n_components
        own, hidden = sizes[: n - n_hidden], sizes[n - n_hidden :]
        if n_hidden >= n or len(set(own)) > 1 or own[0] < 2 or set(hidden) - {2}:
            raise ValueError(
                "fields: variables must have one number of states, at least 2, and hidden units "
                f"behind them 2, got {sizes} with n_components={n_hidden}"
            )
        model._visible = Visible(n - n_hidden, own[0], None, n_hidden)
        model.n_features_in_ = n - n_hidden
        complete = len(edges) == n * (n - 1) // 2
        model._edges = None if complete else np.array(sorted(edges), np.int64).reshape(-1, 2)
        model._tables = tables
        # What fields say alone; in other gauges than this they hold a part of the couplings.
        alone = Tables(zero_sum(tables, sizes).fields, np.zeros_like(tables.couplings))
        model._base = to_statistics(alone, model._visible.units)[0] / float(model.temperature)
        model._keep_log_partition(None)
        model.history_, model.n_updates_, model.stop_reason_ = {}, 0, "given"
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_tables")
