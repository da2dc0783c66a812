"""The restricted Boltzmann machine: hidden units that explain visible ones, both binary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import logsumexp
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.checks import (
    check_arrays,
    check_choice,
    check_flag,
    check_integer,
    check_number,
)
from harmonium.contract.estimates import LogZ, check_history
from harmonium.contract.stopping import tell
from harmonium.data.tables import Table, check_sample_weight, check_states, dense_rows, one_row
from harmonium.learning.plan import asked
from harmonium.learning.trainer import LEARNERS
from harmonium.models.answers import Answerer, Enumeration, GibbsChains, answer, named
from harmonium.models.codec import Codec, TableCodec
from harmonium.models.energy_model import EnergyModel
from harmonium.models.question import blanks
from harmonium.models.rbm.attributes import Attributes, SummedOut, joint_units
from harmonium.models.rbm.energy import MAX_EXACT_LEARNING_UNITS, RBMEnergy
from harmonium.models.rbm.hidden import (
    check_hidden,
    draw_hidden,
    mean_hidden,
    pseudo_log_likelihood,
)
from harmonium.models.rbm.start import (
    RBMParameters,
    RunningFit,
    Start,
    base_bias_of,
    begin_running,
    fit_energy,
    settings_for,
)
from harmonium.sampling.gibbs import Schedule
from harmonium.units.base import Units

if TYPE_CHECKING:
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["RBM"]

#: Annealed sweeps that lead chains in, then sweeps that answers are made of.
_SCHEDULE = Schedule(n_lead_in=300, n_sweeps=200)


class RBM(TransformerMixin, EnergyModel):
    """P(v) = sum over h of exp((v'Wh + b'v + c'h) / T) / Z, learned by maximum likelihood.

    Parameters
    ----------
    n_components : hidden units, at least 1.
    visible, hidden : kind of units; ``"bernoulli"`` (0 or 1).
    learner : where the gradient's model expectation comes from: ``"exact"`` enumeration
        (smaller side of at most 20 units), ``"cd"`` contrastive divergence, ``"pcd"``
        persistent chains, ``"pt"`` persistent chains with parallel tempering.
    n_updates : gradient steps at most; ``"auto"`` is 100,000. Over-fitting ends a fit sooner.
    batch_size, n_chains : rows and chains a step; ``"auto"``.
    learning_rate : the rate at the start; it falls linearly to zero. ``"auto"`` is
        0.1, and 0.05 for fewer than 5,000 rows.
    n_gibbs : sweeps of the chains a step, at least 1.
    centered : use the centred gradient (Montavon, Müller 2012).
    weight_decay : strength of the pull of W to zero (half its square is subtracted from the
        mean log-likelihood); ``"auto"`` is a Gaussian prior of fixed width, 2 over the number
        of rows, and at least 4e-4, without which chains stop mixing.
    temperature : T > 0 of the Boltzmann distribution, in units of energy.
    validation_fraction : share of the rows, in [0, 1), that is held out and watched; the
        parameters that do best on them are kept. ``"auto"`` is a tenth, at most 2,000 rows;
        0 watches nothing.
    checkpoint : a file that is written along the fit; a fit with the same settings and data
        goes on from it, bit for bit, where an earlier one was cut off.
    time_limit : seconds after which the fit ends, its learning rate having fallen to zero.
        A fit that is limited by time depends on the machine's speed.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    random_state : int, Generator or None.
    verbose : 1 shows a progress bar.

    Attributes
    ----------
    components_ : ``(n_components, n_features)``, the transpose of W.
    intercept_hidden_ : c, ``(n_components,)``.  intercept_visible_ : b, ``(n_features,)``.
    log_partition_ : :class:`~harmonium.LogZ`, computed when first asked for.
    history_ : lists by name: ``update``, ``seconds``, ``learning_rate``, ``validation`` and
        ``train`` (mean log-likelihoods in nats), ``log_partition``, ``std_error``.
    n_updates_ : updates done.  stop_reason_ : why the fit ended.
    attributes_ : names of the attributes learned from `y`, and ``attribute_classes_`` the
        label's values (empty for yes/no attributes).
    attribute_components_ : ``(n_components, n_units)``; intercept_attributes_ ``(n_units,)``.

    Rows are 0 or 1 in every question; ``inverse_transform`` and ``sample_visible`` also take
    hidden probabilities in [0, 1].
    """

    n_features_in_: int
    _annealing_steps: ClassVar[tuple[int, ...]] = (2000, 20000)

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: str = "bernoulli",
        hidden: str = "bernoulli",
        learner: str = "pcd",
        n_updates: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        n_chains: int | str = "auto",
        n_gibbs: int = 1,
        centered: bool = True,
        weight_decay: float | str = "auto",
        temperature: float = 1.0,
        validation_fraction: float | str = "auto",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.hidden = hidden
        self.learner = learner
        self.n_updates = n_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_chains = n_chains
        self.n_gibbs = n_gibbs
        self.centered = centered
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
        """Learn from rows of 0 and 1, ``(n_samples, n_features)``; arrays may be memory-mapped.

        With `y`, a column of labels or a table (frame, dict of columns, array) of yes/no
        attributes, learn P(x, y): a label is one variable of as many states, an attribute
        one of two (Larochelle, Bengio 2008). Questions about x alone sum y out, and
        :meth:`sample` takes ``attributes=``, :meth:`attribute_proba` gives P(y given x).

        Interrupting a fit (Ctrl-C) keeps the best parameters so far, and warns; so does a fit
        whose weights stop being finite.
        """
        self.check_parameters()
        table = check_states(self, X, reset=True)
        weights = check_sample_weight(sample_weight, table)
        self._attributes = None
        joint = table
        if y is not None:
            attributes, beside = Attributes.read(y, table.shape[0])
            self._attributes = attributes
            joint = (
                sparse.hstack([table, beside], format="csr")
                if sparse.issparse(table)
                else np.hstack([np.asarray(table, dtype=np.uint8), beside])
            )
        self._check_size(joint.shape[1])
        self._running = None
        result, energy = fit_energy(
            asked(RBMParameters, vars(self)),
            joint,
            weights,
            Start(self._device(), self._units()),
            getattr(self, "_on_look", None),
        )
        self._take(energy, result.parameters)
        self.history_ = result.history
        self.n_updates_ = result.n_updates
        self.stop_reason_ = result.reason
        tell(result.reason)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """One pass over these rows at a constant learning rate, from where the model stands.

        Chains persist between calls; nothing is held out and nothing averaged. `y` is ignored.
        """
        self.check_parameters()
        first = not hasattr(self, "components_")
        if first:
            self._attributes = None
        elif self._attributes is not None:
            raise ValueError("partial_fit cannot go on with a model of attributes; use fit")
        elif len(self.components_) != self.n_components:
            raise ValueError(
                f"n_components is {self.n_components}, the model has learned "
                f"{len(self.components_)} hidden units; partial_fit goes on with them, fit starts "
                "anew"
            )
        table = check_states(self, X, reset=first)
        weights = check_sample_weight(sample_weight, table)
        self._check_size(table.shape[1])
        wanted = asked(RBMParameters, vars(self))
        known = None if first else self.build_energy(torch.float32)
        if self._running is None or self._running.learner != self.learner:
            self._running = begin_running(
                wanted, table, Start(self._device(), self._units()), known
            )
        elif known is not None:
            self._running.energy.set_parameters(known.parameters())
        self._running.learn(table, weights, settings_for(wanted, table.shape[0]))
        self._take(self._running.energy, self._running.energy.parameters())
        return self

    def check_parameters(self) -> None:
        check_integer("n_components", self.n_components, 1)
        check_choice("visible", self.visible, ("bernoulli",))
        check_choice("hidden", self.hidden, ("bernoulli",))
        check_choice("learner", self.learner, LEARNERS)
        for name in ("n_updates", "batch_size", "n_chains"):
            if getattr(self, name) != "auto":
                check_integer(name, getattr(self, name), 1)
        if self.learning_rate != "auto":
            check_number("learning_rate", self.learning_rate, 0.0, low_open=True)
        if self.weight_decay != "auto":
            check_number("weight_decay", self.weight_decay, 0.0)
        check_integer("n_gibbs", self.n_gibbs, 1)
        check_flag("centered", self.centered)
        check_number("temperature", self.temperature, 0.0, low_open=True)
        if self.validation_fraction != "auto":
            check_number("validation_fraction", self.validation_fraction, 0.0, 1.0, high_open=True)
        if self.time_limit is not None:
            check_number("time_limit", self.time_limit, 0.0, low_open=True)
        if self.checkpoint is not None and not Path(self.checkpoint).parent.is_dir():
            raise ValueError(
                f"checkpoint: the folder {str(Path(self.checkpoint).parent)!r} does not exist"
            )
        random_generator(self.random_state)
        self._device()

    def _check_size(self, n_features: int) -> None:
        smaller = min(n_features, self.n_components)
        if self.learner == "exact" and smaller > MAX_EXACT_LEARNING_UNITS:
            raise ValueError(
                f"learner='exact' wants a side of at most {MAX_EXACT_LEARNING_UNITS} units, "
                f"got {n_features} visible and {self.n_components} hidden; use learner='pcd'"
            )

    def _device(self) -> torch.device:
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except (RuntimeError, TypeError):
            raise ValueError(
                f"device must be 'auto', 'cpu', 'cuda' or another torch device, got {self.device!r}"
            ) from None
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ValueError("device='cuda', but torch sees no CUDA device; use device='cpu'")
        return device

    def _take(self, energy: RBMEnergy, parameters: dict[str, Tensor]) -> None:
        """Keep learned parameters, in units of energy (the energy holds them divided by T)."""

        def array(tensor: Tensor) -> NDArray[Any]:
            values = tensor.detach().cpu().numpy()
            return values * values.dtype.type(self.temperature)

        n = self.n_features_in_
        weights, bias = array(parameters["weights"]), array(parameters["visible_bias"])
        self.components_ = np.ascontiguousarray(weights[:n].T)
        self.intercept_visible_ = bias[:n].copy()
        self.attribute_components_ = np.ascontiguousarray(weights[n:].T)
        self.intercept_attributes_ = bias[n:].copy()
        self.intercept_hidden_ = array(parameters["hidden_bias"])
        self._base_bias = energy.base_bias.detach().cpu().numpy().copy()
        self._n_features_out = self.n_components
        self._keep_log_partition(None)

    @classmethod
    def from_parameters(cls, W: Any, b: Any, c: Any, **parameters: Any) -> Self:
        """A fitted model with weights `W` ``(n_visible, n_hidden)`` and biases `b`, `c`.

        Other constructor parameters may follow by name.
        """
        arrays = {}
        for name, value, n_dimensions in (("W", W, 2), ("b", b, 1), ("c", c, 1)):
            try:
                array = np.array(value, dtype=np.float64)
            except (TypeError, ValueError):
                raise ValueError(f"{name} must be an array of numbers, got {value!r}") from None
            if array.ndim != n_dimensions or not np.isfinite(array).all():
                raise ValueError(
                    f"{name} must be a finite array of {n_dimensions} dimension(s), "
                    f"got shape {array.shape}"
                )
            arrays[name] = array
        n_visible, n_hidden = arrays["W"].shape
        if min(n_visible, n_hidden) < 1:
            raise ValueError(f"W must have at least one row and column, got {arrays['W'].shape}")
        if arrays["b"].shape != (n_visible,) or arrays["c"].shape != (n_hidden,):
            raise ValueError(
                f"b and c must have the lengths of W's sides, {n_visible} and {n_hidden}, "
                f"got {arrays['b'].shape[0]} and {arrays['c'].shape[0]}"
            )
        model = cls(n_hidden, **parameters)
        model.check_parameters()
        model.components_ = np.ascontiguousarray(arrays["W"].T)
        model.intercept_visible_, model.intercept_hidden_ = arrays["b"], arrays["c"]
        model.n_features_in_ = n_visible
        model._attributes = None
        model.attribute_components_ = np.zeros((n_hidden, 0))
        model.intercept_attributes_ = np.zeros(0)
        model._n_features_out = n_hidden
        model._keep_log_partition(None)
        model.history_, model.n_updates_, model.stop_reason_ = {}, 0, "given"
        model._base_bias = model.intercept_visible_ / model.temperature
        model._base_bias = base_bias_of(model.build_energy(torch.float64))
        return model

    # -- the model itself ------------------------------------------------------------

    def build_energy(self, dtype: torch.dtype) -> RBMEnergy:
        device = self._device()

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
        )

    def _units(self) -> Units:
        return joint_units(self.n_features_in_, self._attributes)

    def _in_force(self) -> tuple[Sequence[NDArray[Any]], Any]:
        arrays = (
            self.components_,
            self.intercept_visible_,
            self.intercept_hidden_,
            self.attribute_components_,
            self.intercept_attributes_,
            self._base_bias,
        )
        return arrays, float(self.temperature)

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
        return SummedOut(energy, self.n_features_in_, self._attributes.states())

    def _log_weights(self, own: bool) -> Callable[[Tensor], Tensor]:
        energy = self.build_energy(torch.float64)
        beside = self._beside(energy) if own else None
        weigh = energy.log_weight if beside is None else beside.log_weight
        return lambda x: weigh(x.to(energy.device))

    def _check(self, X: Any, *, blanks: bool = False) -> Table:
        return check_states(self, X, blanks=blanks)

    def _codec(self, X: Any = None) -> Codec:
        return TableCodec(
            (2,) * self.n_features_in_,
            lambda X, blanks: self._check(X, blanks=blanks),
            lambda condition: one_row(self, condition),
            () if self._attributes is None else self._attributes.units.sizes,
        )

    def _answerers(self, codec: Codec, method: str = "auto") -> Sequence[Answerer]:
        summed = self._attributes is not None and self._attributes.summable
        return (
            Enumeration((*codec.sizes, *codec.beside), lambda: self._log_weights(False)),
            GibbsChains(
                lambda: self.build_energy(torch.float32),
                _SCHEDULE,
                hill=self._beside if summed else None,  # type: ignore[arg-type]
                verbose=self.verbose,
            ),
        )

    # -- attributes ------------------------------------------------------------

    #: What `partial_fit` goes on from; None until it is called, and after `fit`.
    _running: RunningFit | None = None
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

    def attribute_proba(self, X: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """P(y given x): ``(n, n_classes)`` for a label, ``(n, n_attributes)`` P(yes) else.

        Exact for a label and for up to 12 attributes (a sum over their joint states); beyond,
        the mean of Gibbs chains with x held.
        """
        attributes, table = self._wanted_attributes(), self._check(X)
        codec = self._codec()
        if not attributes.summable:
            values = np.array(dense_rows(table, slice(None)), dtype=np.float64)
            question = replace(blanks(values, codec, "mean"), n_own=codec.n_own + len(codec.beside))
            chains = named(self._answerers(codec), "gibbs")
            return answer(question, chains, random_generator(random_state))[:, codec.n_own :]
        energy = self.build_energy(torch.float64)
        beside = SummedOut(energy, codec.n_own, attributes.states())

        def posterior(rows: NDArray[np.float64]) -> Tensor:
            weights = beside.joint_log_weights(torch.from_numpy(rows).to(energy.device))
            return (torch.softmax(weights, 1) @ beside.states).cpu()

        return self._by_rows(table, posterior)

    # -- make a new one --------------------------------------------------------

    def sample(
        self,
        n_samples: int = 1,
        *,
        condition: Any = None,
        attributes: Any = None,
        random_state: Any = None,
    ) -> NDArray[Any]:
        """Draws of x from P(x), or given some of its values or of its attributes.

        Parameters
        ----------
        n_samples : rows to draw, at least 1.
        condition : one row with NaN where free; None: all is free.
        attributes : ``{name: 0 or 1}``, ``{label's name: value}`` or the label's value alone:
            draws from P(x given these). Only for models fitted with `y`.
        random_state : int, Generator or None.

        Returns ``(n_samples, n_features)``: independent exact draws where what is free has at
        most 1,024 joint states; else the ends of as many independent annealed Gibbs chains.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples, 1)
        codec = self._codec()
        given = np.zeros(0) if attributes is None else self._wanted_attributes().row(attributes)
        row = np.concatenate([codec.read_condition(condition), given])
        question = blanks(row[None, :], codec, "sample", n_samples)
        found = answer(question, self._answerers(codec), random_generator(random_state))
        return codec.write(found)

    # -- hidden units ------------------------------------------------------------

    def energy(self, V: Any, H: Any) -> NDArray[np.float64]:
        """E(v, h) = -v'Wh - b'v - c'h for each pair of rows, ``(n_samples,)``."""
        check_is_fitted(self)
        visible: Any = self._check(V)
        hidden = check_hidden(H, len(self.intercept_hidden_))
        if visible.shape[0] != len(hidden):
            raise ValueError(
                f"V and H must have as many rows, got {visible.shape[0]}, {len(hidden)}"
            )
        negative: NDArray[np.float64] = (
            ((visible @ self.components_.T) * hidden).sum(1)
            + visible @ self.intercept_visible_
            + hidden @ self.intercept_hidden_
        )
        if self._attributes is not None:  # summed out, at temperature T
            states = self._attributes.states().numpy()
            logits = hidden @ self.attribute_components_ + self.intercept_attributes_
            negative += self.temperature * logsumexp(logits @ states.T / self.temperature, axis=1)
        return -negative

    def free_energy(self, V: Any) -> NDArray[np.float64]:
        """-T log sum over h of exp(-E(v, h) / T), ``(n_samples,)``, in units of energy."""
        check_is_fitted(self)
        weigh = self._log_weights(True)
        return -self.temperature * self._by_rows(
            self._check(V), lambda rows: weigh(torch.from_numpy(rows)).cpu()
        )

    def _of_rows(
        self, X: Any, question: Callable[[RBMEnergy, SummedOut | None, Tensor], Tensor]
    ) -> NDArray[np.float64]:
        """A `question` put to blocks of rows, with the attributes to be summed out."""
        check_is_fitted(self)
        table = self._check(X)
        energy = self.build_energy(torch.float64)
        beside = self._beside(energy)
        return self._by_rows(
            table,
            lambda rows: question(energy, beside, torch.from_numpy(rows).to(energy.device)).cpu(),
        )

    def transform(self, X: Any) -> NDArray[np.float64]:
        """P(h = 1 given v) = sigmoid((c + v'W) / T), ``(n_samples, n_components)``."""
        return self._of_rows(X, mean_hidden)

    def inverse_transform(self, H: Any) -> NDArray[np.float64]:
        """E[v given h] = sigmoid((b + W h) / T), ``(n_samples, n_features)``."""
        energy, hidden = self._with_hidden(H)
        return energy.visible_probability(hidden)[:, : self.n_features_in_].cpu().numpy()

    def sample_hidden(self, X: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """A draw of h given each row of `X`, ``(n_samples, n_components)``."""
        check_is_fitted(self)
        source = generator_for(self._device(), random_generator(random_state))
        return self._of_rows(X, lambda energy, beside, x: draw_hidden(energy, beside, x, source))

    def sample_visible(self, H: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """A draw of v given each row of `H`, ``(n_samples, n_features)``."""
        energy, hidden = self._with_hidden(H)
        generator = generator_for(energy.device, random_generator(random_state))
        return self._codec().write(energy.draw_visible(hidden, generator).cpu().numpy())

    def most_likely_hidden(self, X: Any) -> NDArray[np.float64]:
        """argmax over h of P(h given v): each hidden unit on where more likely than not."""
        return (self.transform(X) > 0.5).astype(np.float64)

    def most_likely_visible(self, H: Any) -> NDArray[np.float64]:
        """argmax over v of P(v given h): each visible unit on where more likely than not."""
        return (self.inverse_transform(H) > 0.5).astype(np.float64)

    def pseudo_log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """sum over i of log P(v_i given the other units), ``(n_samples,)``: exact, needs no Z,
        and is not a log-likelihood."""
        return self._of_rows(X, pseudo_log_likelihood)

    def _with_hidden(self, H: Any) -> tuple[RBMEnergy, Tensor]:
        check_is_fitted(self)
        hidden = check_hidden(H, len(self.intercept_hidden_))
        energy = self.build_energy(torch.float64)
        return energy, torch.from_numpy(hidden).to(energy.device)

    def to_network(self) -> MarkovNetwork:
        """The same distribution over visible and hidden units as a Markov network of factors."""
        from harmonium.models.network.model import MarkovNetwork

        check_is_fitted(self)
        if self._attributes is not None:
            raise ValueError("to_network wants a model without attributes: fit it without y")
        scale = self.temperature
        return MarkovNetwork.complete_bipartite(
            self.components_.T / scale,
            self.intercept_visible_ / scale,
            self.intercept_hidden_ / scale,
        )

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
        }
        known = self.known_log_partition
        facts: dict[str, Any] = {
            "n_features_in": self.n_features_in_,
            "history": {k: [float(x) for x in v] for k, v in self.history_.items()}
            if hasattr(self, "history_")
            else {},
            "n_updates": int(getattr(self, "n_updates_", 0)),
            "stop_reason": getattr(self, "stop_reason_", "partial_fit"),
            "log_partition": None if known is None else vars(known),
            "attributes": None
            if self._attributes is None
            else {"names": self._attributes.names, "classes": self._attributes.classes},
            # Where a checkpoint lay, and which machine fitted, is no part of the model.
            "parameters_left_out": ["checkpoint", "device"],
        }
        if hasattr(self, "feature_names_in_"):
            facts["feature_names_in"] = [str(name) for name in self.feature_names_in_]
        return arrays, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        check_arrays(
            arrays,
            {
                "components": ("float", (None, None)),
                "attribute_components": ("float", (None, None)),
            },
        )
        n_hidden, n_visible = arrays["components"].shape
        n_units = arrays["attribute_components"].shape[1]
        check_arrays(
            arrays,
            {
                "intercept_visible": ("float", (n_visible,)),
                "intercept_hidden": ("float", (n_hidden,)),
                "base_bias": ("float", (n_visible + n_units,)),
                "attribute_components": ("float", (n_hidden, n_units)),
                "intercept_attributes": ("float", (n_units,)),
            },
        )
        if int(facts["n_features_in"]) != n_visible:
            raise ValueError(f"n_features_in is {facts['n_features_in']!r}, wanted {n_visible}")
        self.components_ = arrays["components"]
        self.intercept_visible_ = arrays["intercept_visible"]
        self.intercept_hidden_ = arrays["intercept_hidden"]
        self._base_bias = arrays["base_bias"]
        self.attribute_components_ = arrays["attribute_components"]
        self.intercept_attributes_ = arrays["intercept_attributes"]
        about = facts["attributes"]
        self._attributes = None
        if about is not None:
            self._attributes = Attributes(tuple(about["names"]), tuple(about["classes"]))
            if self._attributes.units.n_statistics != n_units:
                raise ValueError(f"{n_units} units do not fit the attributes {about['names']}")
        self.n_features_in_ = int(facts["n_features_in"])
        self._n_features_out = n_hidden
        self.history_ = check_history(facts["history"])
        self.n_updates_ = check_integer("n_updates", facts["n_updates"], 0)
        self.stop_reason_ = str(facts["stop_reason"])
        self._keep_log_partition(LogZ.from_facts(facts["log_partition"]))
        if "feature_names_in" in facts:
            self.feature_names_in_ = np.array(facts["feature_names_in"], dtype=object)

    def _sizes(self) -> dict[str, Any]:
        n_hidden, n_visible = self.components_.shape
        sizes: dict[str, Any] = {"visible units": n_visible, "hidden units": n_hidden}
        if self._attributes is not None:
            sizes["attributes"] = list(map(str, self._attributes.names))
            if self._attributes.classes:
                sizes["classes"] = list(map(str, self._attributes.classes))
        return sizes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        return tags
