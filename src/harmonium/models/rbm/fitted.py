"""What a fitted RBM is: parameters, the energy they make, rows as its states, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.device import device_for
from harmonium.contract.checks import check_integer
from harmonium.contract.estimates import LogZ, check_history
from harmonium.data.schema import Schema
from harmonium.data.tables import Table, check_states, one_row
from harmonium.models.answers import Answerer, Enumeration, GibbsChains
from harmonium.models.cell_questions import CellQuestions
from harmonium.models.codec import Codec, TableCodec
from harmonium.models.frames import Layout
from harmonium.models.population import Population
from harmonium.models.rbm.attributes import Attributes, SummedOut, joint_units
from harmonium.models.rbm.clusters import Clusters
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.given import check_state, own_parameters
from harmonium.models.rbm.mixture import MixturePath, RBMBases
from harmonium.models.rbm.way import measured_way
from harmonium.models.reading import codec_of
from harmonium.sampling.gibbs import Schedule
from harmonium.sampling.paths import Bases
from harmonium.sampling.population import Way
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.hidden import HIDDEN
from harmonium.units.hidden.base import HiddenUnits

__all__ = ["Fitted"]

#: Annealed sweeps that lead chains in, then sweeps that answers are made of.
_SCHEDULE = Schedule(n_lead_in=300, n_sweeps=200)


class Fitted(CellQuestions):
    """An RBM by the parameters that a fit leaves."""

    _annealing_steps: ClassVar[tuple[int, ...]] = (2000, 20000)

    n_features_in_: int
    components_: NDArray[Any]
    intercept_visible_: NDArray[Any]
    intercept_hidden_: NDArray[Any]
    attribute_components_: NDArray[Any]
    intercept_attributes_: NDArray[Any]
    temperature: float
    hidden: str
    device: str
    verbose: int
    _base_bias: NDArray[Any]
    #: The hidden units' own parameters, by name.
    _hidden_own: dict[str, NDArray[Any]]

    # -- the model itself ------------------------------------------------------------

    def build_energy(self, dtype: torch.dtype) -> RBMEnergy:
        device = device_for(self.device)

        def tensor(array: NDArray[Any], scale: float = 1.0) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array / scale)).to(device, dtype)

        weights = np.hstack([self.components_, self.attribute_components_]).T
        bias = np.concatenate([self.intercept_visible_, self.intercept_attributes_])
        return RBMEnergy(
            tensor(weights, self.temperature),
            tensor(bias, self.temperature),
            tensor(self.intercept_hidden_, self.temperature),
            tensor(self._base_bias),
            self._units(),
            self._hidden_units().to(dtype, device),
        )

    def _hidden_units(self) -> HiddenUnits:
        own = {name: torch.from_numpy(value) for name, value in self._hidden_own.items()}
        return HIDDEN[self.hidden](len(self.intercept_hidden_), own)

    @property
    def hidden_parameters_(self) -> dict[str, NDArray[Any]]:
        """What hidden units have beside weights and biases, ``(n_components,)`` by name: of
        ``"drelu"`` ``theta_plus``, ``theta_minus``, ``gamma_plus``, ``gamma_minus``, in units of
        the temperature."""
        check_is_fitted(self)
        return self._hidden_units().told()

    #: How the columns of a frame are variables; None for rows of 0 and 1.
    _layout: Layout | None = None

    @property
    def schema_(self) -> Schema:
        """What the columns of the frame are that the model was fitted on."""
        check_is_fitted(self)
        if self._layout is None:
            raise AttributeError("schema_: this model was fitted on rows of 0 and 1, not a frame")
        return self._layout.schema

    def _own_units(self) -> Units:
        """Of a row, without attributes."""
        return Bernoulli(self.n_features_in_) if self._layout is None else self._layout.units

    def _units(self) -> Units:
        return joint_units(self._own_units(), self._attributes)

    def _bases(self) -> Bases:
        return RBMBases(self.build_energy(torch.float32), self._near_in_force(), self._clusters)

    #: log Z by draws near rows learned from, and the parameters that it belongs to.
    _near: tuple[LogZ, str] | None = None

    def _keep_near(self, near: LogZ | None) -> None:
        self._near = None if near is None else (near, self._digest())

    def _near_in_force(self) -> LogZ | None:
        if self._near is None or self._near[1] != self._digest():
            return None
        return self._near[0]

    #: Of the rows learned from; None where no fit has told them.
    _clusters: Clusters | None = None

    #: What chains are led along to draws, and the parameters that it belongs to.
    _way_kept: tuple[Tensor, Tensor, NDArray[np.float64], str] | None = None

    def _way(self) -> tuple[RBMEnergy, Way]:
        """The energy that is drawn from, and the way to it, measured once."""
        energy, digest = self.build_energy(torch.float32), self._digest()
        if self._way_kept is None or self._way_kept[3] != digest:
            path, betas = measured_way(energy, self._clusters)
            self._way_kept = (path.base, path.shares, betas, digest)
        base, shares, betas, _ = self._way_kept
        return energy, (MixturePath(energy, base, shares), betas)

    def _in_force(self) -> tuple[Sequence[NDArray[Any]], Any]:
        arrays = (
            self.components_,
            self.intercept_visible_,
            self.intercept_hidden_,
            self.attribute_components_,
            self.intercept_attributes_,
            self._base_bias,
            *self._hidden_own.values(),
        )
        kind = () if self.hidden == "bernoulli" else (self.hidden,)
        return arrays, (float(self.temperature), *kind) if kind else float(self.temperature)

    def _exact_log_partition(self, required: bool) -> float | None:
        value = self.build_energy(torch.float64).exact_log_partition()
        if value is None and required:
            raise ValueError(
                "method='exact': this model has too many states to sum over; use method='ais'"
            )
        return value

    def _beside(self, energy: RBMEnergy) -> SummedOut | None:
        """The attributes, to be summed out; None where there are none."""
        if self._attributes is None:
            return None
        return SummedOut(energy, self._own_units(), self._attributes.states())

    def _log_weights(self, own: bool) -> Callable[[Tensor], Tensor]:
        energy = self.build_energy(torch.float64)
        beside = self._beside(energy) if own else None
        weigh = energy.log_weight if beside is None else beside.log_weight
        return lambda x: weigh(x.to(energy.device))

    def _check(self, X: Any, *, blanks: bool = False) -> Table:
        """Rows as states, of a frame too; holes only as `blanks`."""
        if self._layout is None:
            return check_states(self, X, blanks=blanks)
        states = self._layout.states(X)
        if not blanks and np.isnan(states).any():
            row, j = np.argwhere(np.isnan(states))[0]
            name = self._layout.columns[int(j)].name
            raise ValueError(f"X: column {name!r}, row {row} is missing; complete the rows first")
        return states

    def _codec(self, X: Any = None) -> Codec:
        beside = () if self._attributes is None else self._attributes.units.sizes
        if self._layout is not None:
            return codec_of(self._layout, X, beside, self._rates())
        return TableCodec(
            (2,) * self.n_features_in_,
            lambda X, blanks: self._check(X, blanks=blanks),
            lambda condition: one_row(self, condition),
            beside,
            of_sparse=self._attributes is None,
        )

    def _rates(self) -> tuple[NDArray[np.float64], ...]:
        """Shares of each variable's states, as they were among the rows learned from."""
        units = self._own_units()
        bias = torch.from_numpy(np.asarray(self._base_bias, dtype=np.float64))
        each = units.probabilities(bias[: units.n_statistics].unsqueeze(0), max(units.sizes))[0]
        return tuple(own[:size].numpy() for own, size in zip(each, units.sizes, strict=True))

    def _answerers(self, codec: Codec, method: str = "auto") -> Sequence[Answerer]:
        summed = self._attributes is not None and self._attributes.summable
        return (
            Enumeration((*codec.sizes, *codec.beside), lambda: self._log_weights(False)),
            Population(self._way, self._near_in_force()),
            GibbsChains(
                lambda: self.build_energy(torch.float32),
                _SCHEDULE,
                hill=self._beside if summed else None,  # type: ignore[arg-type]
                verbose=self.verbose,
            ),
        )

    # -- attributes ------------------------------------------------------------

    #: What `y` was; None for a model of rows alone.
    _attributes: Attributes | None = None

    @property
    def attributes_(self) -> list[str]:
        """Names of the attributes learned from `y`."""
        check_is_fitted(self)
        return [] if self._attributes is None else list(self._attributes.names)

    @property
    def attribute_classes_(self) -> list[Any]:
        """The label's values, in the order of :meth:`attribute_proba`'s columns."""
        check_is_fitted(self)
        return [] if self._attributes is None else list(self._attributes.classes)

    def _wanted_attributes(self) -> Attributes:
        check_is_fitted(self)
        if self._attributes is None:
            raise ValueError("attributes: this model was fitted without y and has none")
        return self._attributes

    # -- files ------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        check_is_fitted(self)
        arrays = {
            "components": self.components_,
            "intercept_visible": self.intercept_visible_,
            "intercept_hidden": self.intercept_hidden_,
            "base_bias": self._base_bias,
            "attribute_components": self.attribute_components_,
            "intercept_attributes": self.intercept_attributes_,
            **self._hidden_own,
            **({} if self._clusters is None else self._clusters.arrays()),
        }
        known, near = self.known_log_partition, self._near_in_force()
        facts: dict[str, Any] = {
            "n_features_in": self.n_features_in_,
            "history": self.history_,
            "n_updates": self.n_updates_,
            "stop_reason": self.stop_reason_,
            "log_partition": None if known is None else vars(known),
            "log_partition_near": None if near is None else vars(near),
            "attributes": None if self._attributes is None else self._attributes.facts(),
            "table": None if self._layout is None else self._layout.facts(),
            # Where a checkpoint lay, and which machine fitted, is no part of the model.
            "parameters_left_out": ["checkpoint", "device"],
        }
        if isinstance(self.visible, Schema):  # what was learned has it
            facts["parameters_left_out"].append("visible")
        if hasattr(self, "feature_names_in_"):
            facts["feature_names_in"] = [str(name) for name in self.feature_names_in_]
        return arrays, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        n_hidden, n_visible, n_units = check_state(arrays)
        table = facts.get("table")
        self._layout = None if table is None else Layout.from_facts(table)
        wanted = n_visible if self._layout is None else self._layout.units.n_statistics
        if wanted != n_visible:
            raise ValueError(f"components have {n_visible} columns, the schema wants {wanted}")
        if self._layout is None and int(facts["n_features_in"]) != n_visible:
            raise ValueError(f"n_features_in is {facts['n_features_in']!r}, wanted {n_visible}")
        self.components_ = arrays["components"]
        self.intercept_visible_ = arrays["intercept_visible"]
        self.intercept_hidden_ = arrays["intercept_hidden"]
        self._base_bias = arrays["base_bias"]
        self._hidden_own = own_parameters(arrays, self.hidden, n_hidden)
        self._clusters = Clusters.from_arrays(arrays, n_visible + n_units)
        self.attribute_components_ = arrays["attribute_components"]
        self.intercept_attributes_ = arrays["intercept_attributes"]
        self._attributes = Attributes.from_facts(facts["attributes"], n_units)
        self.n_features_in_ = int(facts["n_features_in"])
        self._n_features_out = n_hidden
        self.history_ = check_history(facts["history"])
        self.n_updates_ = check_integer("n_updates", facts["n_updates"], 0)
        self.stop_reason_ = str(facts["stop_reason"])
        self._keep_log_partition(LogZ.from_facts(facts["log_partition"]))
        self._keep_near(LogZ.from_facts(facts.get("log_partition_near")))
        if "feature_names_in" in facts:
            self.feature_names_in_ = np.array(facts["feature_names_in"], dtype=object)

    def _sizes(self) -> dict[str, Any]:
        n_hidden, n_visible = self.components_.shape
        sizes: dict[str, Any] = {"visible units": n_visible, "hidden units": n_hidden}
        if self.hidden != "bernoulli":
            sizes["kind of hidden units"] = self.hidden
        if self._attributes is not None:
            sizes["attributes"] = list(map(str, self._attributes.names))
            if self._attributes.classes:
                sizes["classes"] = list(map(str, self._attributes.classes))
        return sizes
