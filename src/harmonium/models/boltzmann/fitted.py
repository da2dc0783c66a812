"""What a fitted Boltzmann machine is: parameters, the energy they make, questions, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.device import device_for
from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_arrays, check_integer
from harmonium.contract.estimates import LogZ, check_history
from harmonium.data.schema import Schema
from harmonium.models.answers import Answerer, Enumeration, GibbsChains
from harmonium.models.blocks import by_rows
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.graph import every_pair
from harmonium.models.boltzmann.hidden import summing
from harmonium.models.boltzmann.rows import Visible, checked_hidden
from harmonium.models.boltzmann.tables import Tables, slices, to_statistics, zero_sum
from harmonium.models.cell_questions import CellQuestions
from harmonium.models.codec import Codec
from harmonium.models.drawing import drawn
from harmonium.models.out_of_core import by_blocks
from harmonium.sampling.gibbs import Schedule
from harmonium.units.base import Units

if TYPE_CHECKING:
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["Fitted"]

#: Annealed sweeps that lead chains in, then sweeps that answers are made of: single variables
#: move slowly where many hold each other.
_SCHEDULE = Schedule(n_lead_in=500, n_sweeps=500)


class Fitted(CellQuestions):
    """A Boltzmann machine by the parameters that a fit leaves."""

    _annealing_steps: ClassVar[tuple[int, ...]] = (2000, 20000)

    n_features_in_: int
    temperature: float
    device: str
    verbose: int
    visible: Any
    graph: Any
    #: What columns are; fields and couplings over all of their states; base inputs of the
    #: energy's statistics; coupled pairs ``(n_edges, 2)``, None: all.
    _visible: Visible
    _tables: Tables
    _base: NDArray[Any]
    _edges: NDArray[np.int64] | None

    # -- the model itself ------------------------------------------------------------

    def build_energy(self, dtype: torch.dtype) -> BoltzmannEnergy:
        device = device_for(self.device)
        units = self._units()
        fields, couplings, constant = to_statistics(self._tables, units)

        def tensor(array: NDArray[Any], scale: float = 1.0) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array / scale)).to(device, dtype)

        scale = float(self.temperature)
        parts = (tensor(fields, scale), tensor(couplings, scale), tensor(self._base))
        return BoltzmannEnergy(*parts, units, self._edges, constant / scale)

    @property
    def fields_(self) -> list[NDArray[Any]]:
        """Log-weights of the states of each variable, ``(n_states,)`` each."""
        check_is_fitted(self, "_tables")
        return [self._tables.fields[own] for own in slices(self._sizes_of())]

    @property
    def couplings_(self) -> Any:
        """``(n_variables, n_variables, k, k)`` where all variables have k states: [i, j, a, b] is
        added where variable i is in state a and j in b; else ``{(i, j): (k_i, k_j)}``, i < j."""
        check_is_fitted(self, "_tables")
        sizes, couplings = self._sizes_of(), self._tables.couplings
        if len(set(sizes)) == 1:
            n, k = len(sizes), sizes[0]
            return couplings.reshape(n, k, n, k).transpose(0, 2, 1, 3)
        where = slices(sizes)
        return {(i, j): couplings[where[i], where[j]] for i, j in self.edges_.tolist()}

    @property
    def edges_(self) -> NDArray[np.int64]:
        """Coupled pairs of variables, ``(n_edges, 2)``, i < j."""
        check_is_fitted(self, "_tables")
        return every_pair(len(self._sizes_of())) if self._edges is None else self._edges

    @property
    def schema_(self) -> Schema:
        """What the columns of the frame are that the model was fitted on."""
        check_is_fitted(self, "_tables")
        if self._visible.layout is None:
            raise AttributeError("schema_: this model was fitted on rows of states, not a frame")
        return self._visible.layout.schema

    def _units(self) -> Units:
        return self._visible.units

    def _sizes_of(self) -> tuple[int, ...]:
        return self._units().sizes

    def energy(self, X: Any, H: Any = None) -> NDArray[np.float64]:
        """E(x) = -(sum of fields) - (sum of couplings), ``(n_samples,)``: P(x) is proportional to
        exp(-E(x) / temperature). Of numbers in a frame, that of their bins. With hidden units
        E(x, h), ``H (n_samples, n_components)`` of 0 and 1: :meth:`free_energy` sums over them.
        """
        check_is_fitted(self, "_tables")
        rows, n_hidden = self._visible.whole(self, X), self._visible.n_hidden
        if n_hidden or H is not None:
            rows = np.hstack([rows, checked_hidden(H, n_hidden, len(rows))])
        return self._energy(rows, False)

    @by_blocks()
    def free_energy(self, X: Any) -> NDArray[np.float64]:
        """-T log sum over h of exp(-E(x, h) / T), ``(n_samples,)``, in units of energy: what
        :meth:`energy` is where there are no hidden units."""
        check_is_fitted(self, "_tables")
        return self._energy(self._visible.whole(self, X), True)

    def _energy(self, rows: NDArray[Any], own: bool) -> NDArray[np.float64]:
        weigh, scale = self._log_weights(own), float(self.temperature)
        return by_rows(rows, lambda x: -scale * weigh(x).cpu())

    def coupling_norms(self) -> list[tuple[Any, Any, float]]:
        """Coupled pairs by name, with the Frobenius norm of their couplings in the zero-sum gauge,
        in units of energy; the largest first."""
        check_is_fitted(self, "_tables")
        sizes, names = self._sizes_of(), self._visible.names
        starts = np.array([own.start for own in slices(sizes)])
        squares = zero_sum(self._tables, sizes).couplings.astype(np.float64) ** 2
        norms = np.sqrt(np.add.reduceat(np.add.reduceat(squares, starts, 0), starts, 1))
        pairs = [(names[i], names[j], float(norms[i, j])) for i, j in self.edges_.tolist()]
        return sorted(pairs, key=lambda pair: -pair[2])

    # -- what EnergyModel asks --------------------------------------------------------------------

    def _bases(self) -> None:
        return None

    def _in_force(self) -> tuple[Sequence[NDArray[Any]], Any]:
        edges = np.zeros((0, 2), np.int64) if self._edges is None else self._edges
        return (*self._tables, self._base, edges), (float(self.temperature), self._edges is None)

    def _exact_log_partition(self, required: bool) -> float | None:
        value = self.build_energy(torch.float64).exact_log_partition()
        if value is None and required:
            raise ValueError("method='exact': there are too many states to sum over; use 'ais'")
        return value

    def _log_weights(self, own: bool) -> Callable[[Tensor], Tensor]:
        energy = self.build_energy(torch.float64)
        if own and self._visible.n_hidden:
            return summing(energy, self._visible.n_hidden)
        return lambda x: energy.log_weight(x.to(energy.device))

    def _codec(self, X: Any = None) -> Codec:
        units = self._units()
        inputs = torch.from_numpy(np.asarray(self._base, dtype=np.float64)).unsqueeze(0)
        each = units.probabilities(inputs, max(units.sizes))[0].numpy()
        rates = tuple(own[:size] for own, size in zip(each, units.sizes, strict=True))
        return self._visible.codec(self, X, rates)

    def _answerers(self, codec: Codec, method: str = "auto") -> Sequence[Answerer]:
        return (
            Enumeration((*codec.sizes, *codec.beside), lambda: self._log_weights(False)),
            GibbsChains(
                lambda: self.build_energy(torch.float32),
                _SCHEDULE,
                watched=True,
                verbose=self.verbose,
            ),
        )

    # -- make a new one --------------------------------------------------------

    def sample(self, n_samples: int = 1, *, condition: Any = None, random_state: Any = None) -> Any:
        """Draws of x from P(x), or given some of its values.

        Parameters
        ----------
        n_samples : rows to draw, at least 1.
        condition : one row with NaN where free; of a frame ``{column: value}``, where a value
            may also be a list of values or a range ``(low, high)``; of an alignment a string
            with ``?`` where free; None: all is free.
        random_state : int, Generator or None.

        Returns ``(n_samples, n_features)``, or a frame or an alignment like what was learned
        from: independent exact draws where what is free has at
        most 1,024 joint states; else the ends of as many independent annealed Gibbs chains.
        """
        check_is_fitted(self, "_tables")
        n_samples = check_integer("n_samples", n_samples, 1)
        generator = random_generator(random_state)
        return drawn(self._codec(), self._answerers, n_samples, condition, generator)

    def to_network(self) -> MarkovNetwork:
        """The same distribution as a Markov network: a factor a variable and a coupled pair."""
        from harmonium.models.network.factor import Factor
        from harmonium.models.network.model import MarkovNetwork

        check_is_fitted(self, "_tables")
        names, where = [str(name) for name in self._visible.names], slices(self._sizes_of())
        scale = float(self.temperature)
        single = [
            Factor([name], fields / scale, log=True)
            for name, fields in zip(names, self.fields_, strict=True)
        ]
        pairs = [
            Factor(
                [names[i], names[j]],
                self._tables.couplings[where[i], where[j]] / scale,
                log=True,
            )
            for i, j in self.edges_.tolist()
        ]
        return MarkovNetwork([*single, *pairs])

    # -- files ------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        check_is_fitted(self, "_tables")
        arrays = {
            "fields": self._tables.fields,
            "couplings": self._tables.couplings,
            "base": self._base,
            "edges": np.zeros((0, 2), np.int64) if self._edges is None else self._edges,
        }
        known = self.known_log_partition
        facts: dict[str, Any] = {
            "n_features_in": self.n_features_in_,
            "columns": self._visible.facts(),
            "complete": self._edges is None,
            "log_partition": None if known is None else vars(known),
            "parameters_left_out": ["checkpoint", "device", "graph"],  # a graph is kept as edges
            **{name: getattr(self, f"{name}_") for name in ("history", "n_updates", "stop_reason")},
        }
        if isinstance(self.graph, str):
            facts["parameters_left_out"].remove("graph")
        if isinstance(self.visible, Schema):
            facts["parameters_left_out"].append("visible")
        if hasattr(self, "feature_names_in_"):
            facts["feature_names_in"] = list(map(str, self.feature_names_in_))
        return arrays, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self._visible = Visible.from_facts(facts["columns"])
        units = self._units()
        n = sum(units.sizes)
        wanted = {"fields": (n,), "couplings": (n, n), "base": (units.n_statistics,)}
        check_arrays(arrays, {name: ("float", shape) for name, shape in wanted.items()})
        check_arrays(arrays, {"edges": ("int64", (None, 2))})
        edges = arrays["edges"]
        if len(edges) and not (0 <= edges.min() and edges.max() < units.n_variables):
            raise ValueError(f"edges name variables beyond the {units.n_variables} there are")
        if len(edges) and not (edges[:, 0] < edges[:, 1]).all():
            raise ValueError("edges must be pairs i < j")
        couplings = arrays["couplings"]
        if not np.array_equal(couplings, couplings.T):
            raise ValueError("couplings are not symmetric")
        self._edges = None if facts["complete"] else edges
        self._tables, self._base = Tables(arrays["fields"], couplings), arrays["base"]
        if "feature_names_in" in facts:
            self.feature_names_in_ = np.array(facts["feature_names_in"], dtype=object)
        self.n_features_in_ = check_integer("n_features_in", facts["n_features_in"], 1)
        self._keep_log_partition(LogZ.from_facts(facts["log_partition"]))
        self.history_ = check_history(facts["history"])
        self.n_updates_ = check_integer("n_updates", facts["n_updates"], 0)
        self.stop_reason_ = str(facts["stop_reason"])

    def _sizes(self) -> dict[str, Any]:
        sizes = self._sizes_of()[: self._visible.n_columns]
        few, many = min(sizes), max(sizes)
        states = str(few) if few == many else f"{few} to {many}"
        found: dict[str, Any] = {"variables": len(sizes), "states of each": states}
        if self._visible.n_hidden:
            found["hidden units"] = self._visible.n_hidden
        return found | {"coupled pairs": self._n_edges()}

    def _n_edges(self) -> int:
        n = len(self._sizes_of())
        return n * (n - 1) // 2 if self._edges is None else len(self._edges)
