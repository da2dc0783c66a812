"""The restricted Boltzmann machine: hidden units that explain visible ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.device import device_for
from harmonium.contract.checks import check_ranges
from harmonium.contract.words import ColumnKinds
from harmonium.data.schema import Schema
from harmonium.data.tables import check_sample_weight
from harmonium.learning.fit import RunningFit
from harmonium.learning.plan import asked
from harmonium.learning.record import Observer
from harmonium.learning.rows import n_rows_of
from harmonium.learning.sharded import source_of
from harmonium.models.frames import is_wanted
from harmonium.models.out_of_core import opened
from harmonium.models.rbm.attributes import Attributes
from harmonium.models.rbm.conditional import attributes_given_rows
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.given import given_parameters
from harmonium.models.rbm.plan import RBMParameters, plan_for, prior_for
from harmonium.models.rbm.ranges import RANGES
from harmonium.models.rbm.rows import Reading
from harmonium.models.rbm.start import (
    Start,
    base_bias_of,
    begin_running,
    check_learner,
    fit_energy,
)
from harmonium.models.reading import running_rows, weights_of
from harmonium.units.hidden import HIDDEN

__all__ = ["RBM"]


class RBM(Reading):
    """P(v) = sum over h of exp((v'Wh + b'v + c'h) / T) / Z, learned by maximum likelihood.

    Parameters
    ----------
    n_components : hidden units, at least 1.
    visible : what the columns are: ``"auto"`` (arrays hold 0 and 1; of a frame, what
        :class:`~harmonium.Schema` infers), one kind for all columns (``"bernoulli"``,
        ``"categorical"``, ``"ordinal"``, ``"count"``, ``"quantile"``, ``"gaussian"``),
        ``{column: kind}``, ``{column: [categories in order]}``, or a Schema.
    hidden : kind of hidden units: ``"bernoulli"`` (0 or 1), ``"gaussian"`` and ``"relu"`` (real
        values, of the latter 0 and above), ``"drelu"`` (real values whose two sides differ, as
        learned), ``"categorical"`` (one of all units is on: a mixture of products, whose log Z is
        exact).
    missing : ``"at-random"`` learns from what is known of each row; ``"informative"`` (frames)
        makes a missing cell a state of its column; a list of columns does so in these.
    learner : where the gradient's model expectation comes from: ``"exact"`` enumeration
        (smaller side of at most 20 units), ``"cd"`` contrastive divergence, ``"pcd"``
        persistent chains, ``"pt"`` persistent chains with parallel tempering.
    n_updates : gradient steps at most; ``"auto"`` is 100,000, and 40,000 for tables of labels and
        numbers of fewer than 5,000 rows; half as many where cells of these are missing at random.
        Over-fitting ends a fit sooner.
    batch_size, n_chains : rows and chains a step; ``"auto"``.
    learning_rate : the rate at the start; it falls linearly to zero. ``"auto"`` is
        0.1, and 0.05 for fewer than 5,000 rows; over 1 - discriminative, but at most 2. Of tables
        of labels and numbers it is what chains surely follow and, where all are labels, four times
        that if held-out rows gain by it in a short run.
    n_gibbs : sweeps of the chains a step, at least 1.
    centered : use the centred gradient (Montavon, Müller 2012).
    weight_decay : strength of the pull of W to zero (half its square is subtracted from the
        mean log-likelihood); ``"auto"`` is a Gaussian prior of fixed width, 2 over the number
        of rows, and at least 4e-4, without which chains stop mixing; for tables of labels and
        numbers what does best on held-out rows in short runs before the fit; fewer than 5,000
        rows whose chains lose the model by it are learned anew, with the stronger one.
    smoothing : strength of the pull that makes weights of levels in order a straight line (half
        the square of their second differences is subtracted); ``"auto"`` likewise. Columns of
        numbers and grades have such levels, rows of 0 and 1 have none.
    discriminative : share d in [0, 1] of the objective that tells classes apart: (1 - d) * mean
        log P(x, y) + d * mean log P(y | x) (Larochelle, Bengio 2008). Above 0 it wants `y`, a
        label or at most 12 yes/no attributes. The larger, the better are classes told apart
        and the worse is x described; at 1 the model says nothing of x by itself.
    temperature : T > 0 of the Boltzmann distribution, in units of energy.
    validation_fraction : share of the rows, in [0, 1), that is held out and watched; the
        parameters that do best on them are kept. ``"auto"`` is a tenth, at most 2,000 rows;
        0 watches nothing.
    checkpoint : a file that is written along the fit; a fit with the same settings and data
        goes on from it, bit for bit, where an earlier one was cut off.
    time_limit : seconds after which the fit ends, its learning rate having fallen to zero.
        A fit that is limited by time depends on the machine's speed.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    precision : of an update's matrix products on a GPU: ``"float32"`` or ``"bfloat16"``, whose sums
        are in float32 and whose chains take 16 bits a unit. It is heeded where rows and hidden
        units are of 0 and 1 and chains are but swept (``"pcd"``, ``"cd"``); anything else, all that
        runs on a CPU, and every answer, is in float32 or finer.
    random_state : int, Generator or None.
    verbose : 1 shows a progress bar.

    Attributes
    ----------
    components_ : ``(n_components, n_features)``, the transpose of W.
    intercept_hidden_ : c, ``(n_components,)``.
    intercept_visible_ : b, ``(n_features,)``.
    log_partition_ : :class:`~harmonium.LogZ`, computed when first asked for.
    history_ : lists by name: ``update``, ``seconds``, ``learning_rate``, ``validation`` and
        ``train`` (mean log-likelihoods in nats), ``log_partition``, ``std_error``. With a
        discriminative share ``validation`` and ``train`` are that objective; its parts on
        held-out rows are ``joint`` (mean log P(x, y)) and ``conditional`` (mean log P(y | x)),
        and with a share of 1 there is no log Z, and so no ``joint``.
    n_updates_ : updates done.
    stop_reason_ : why the fit ended.
    confirmed_ : the held-out figure once more, by an estimate of its own (None where it was
        exact).
    held_out_ : numbers of the rows that the fit held out, rising; not kept in files.
    attributes_ : names of the attributes learned from `y`, and ``attribute_classes_`` the
        label's values (empty for yes/no attributes).
    attribute_components_ : ``(n_components, n_units)``.
    intercept_attributes_ : ``(n_units,)``.

    Rows are 0 or 1 in every question; ``inverse_transform`` and ``sample_visible`` also take
    hidden probabilities in [0, 1], and hidden units of real values any numbers.
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: ColumnKinds | Schema = "auto",
        hidden: Literal["bernoulli", "gaussian", "relu", "drelu", "categorical"] = "bernoulli",
        missing: Any = "at-random",
        learner: Literal["exact", "cd", "pcd", "pt"] = "pcd",
        n_updates: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        n_chains: int | str = "auto",
        n_gibbs: int = 1,
        centered: bool = True,
        weight_decay: float | str = "auto",
        smoothing: float | str = "auto",
        discriminative: float = 0.0,
        temperature: float = 1.0,
        validation_fraction: float | str = "auto",
        checkpoint: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        device: str = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.hidden = hidden
        self.missing = missing
        self.learner = learner
        self.n_updates = n_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_chains = n_chains
        self.n_gibbs = n_gibbs
        self.centered = centered
        self.weight_decay = weight_decay
        self.smoothing = smoothing
        self.discriminative = discriminative
        self.temperature = temperature
        self.validation_fraction = validation_fraction
        self.checkpoint = checkpoint
        self.time_limit = time_limit
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    # -- learning ------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from rows of 0 and 1, ``(n_samples, n_features)``; arrays may be memory-mapped, and
        rows out of core: all that :class:`~harmonium.Shards` takes, of which `y` and
        `sample_weight` may also be columns by their names.

        With `y`, a column of labels or a table (frame, dict of columns, array) of yes/no
        attributes, learn P(x, y): a label is one variable of as many states, an attribute
        one of two (Larochelle, Bengio 2008). Questions about x alone sum y out, and
        :meth:`sample` takes ``attributes=``, :meth:`attribute_proba` gives P(y given x). Where
        `y` is None, NaN or NA, all of P(x, y) is learned from x and what else is known of y.

        Interrupting a fit (Ctrl-C) keeps the best parameters so far, and warns; so does a fit
        whose weights stop being finite.
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
        X, y, sample_weight = opened(X, y, sample_weight)
        table, observed = self._read_rows(X)
        weights = check_sample_weight(weights_of(X, sample_weight), table)
        self._attributes = None
        joint = table
        if y is not None:
            self._attributes, joint, observed = Attributes.beside(table, y, observed)
        given = attributes_given_rows(self.discriminative, self._own_units(), self._attributes)
        check_learner(self.learner, self._units().sizes, HIDDEN[self.hidden](self.n_components))
        self._running = None
        result, energy, self._clusters = fit_energy(
            asked(RBMParameters, vars(self)),
            joint,
            weights,
            Start(device_for(self.device), self._units(), observed, given),
            observers,
        )
        self._take(energy, result.parameters)
        self._keep_near(None if result.confirmed is None else result.confirmed.near)
        self._keep_result(result)
        return self

    #: What `partial_fit` goes on from; None until it is called, and after `fit`.
    _running: RunningFit | None = None

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """One pass over these rows at a constant learning rate, from where the model stands.

        Chains persist between calls; nothing is held out and nothing averaged. `y` is ignored. Of
        an alignment calls share columns and alphabet; each is weighed by itself. Rows out of core
        are checked before, in one more pass.
        """
        self.check_parameters()
        if self.discriminative:
            raise ValueError(
                f"discriminative must be 0 for partial_fit, which learns without y, got "
                f"{self.discriminative!r}; use fit"
            )
        first = not hasattr(self, "components_")
        X, _, sample_weight = opened(X, None, sample_weight)
        X = running_rows(X, is_wanted(X, self.visible), None if first else self._layout, first)
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
        table = self._read_running(X, first)
        weights = check_sample_weight(weights_of(X, sample_weight), table)
        check_learner(self.learner, self._units().sizes, HIDDEN[self.hidden](self.n_components))
        wanted = replace(asked(RBMParameters, vars(self)), validation_fraction=0.0)
        start = Start(device_for(self.device), self._units())
        known = None if first else self.build_energy(torch.float32)
        if self._running is None or not self._running.is_of(self.learner):
            self._running = begin_running(wanted, table, start, known)
        elif known is not None:
            self._running.energy.set_parameters(known.parameters())
        rows = source_of(table, start.device, weights)
        n_rows = n_rows_of(rows)
        energy = self._running.energy
        assert isinstance(energy, RBMEnergy)
        prior = prior_for(wanted, energy, n_rows)
        n_updates = self._running.learn(rows, plan_for(wanted, n_rows), prior)
        self._take(energy, energy.parameters())
        self._keep_partial(n_updates)
        return self

    def check_parameters(self) -> None:
        check_ranges(vars(self), RANGES)

    def _take(self, energy: RBMEnergy, parameters: dict[str, Tensor]) -> None:
        """Keep learned parameters, in units of energy (the energy holds them divided by T)."""

        def array(tensor: Tensor) -> NDArray[Any]:
            values = tensor.detach().cpu().numpy()
            return values * values.dtype.type(self.temperature)

        n = self._own_units().n_statistics
        weights, bias = array(parameters["weights"]), array(parameters["visible_bias"])
        self.components_ = np.ascontiguousarray(weights[:n].T)
        self.intercept_visible_ = bias[:n].copy()
        self.attribute_components_ = np.ascontiguousarray(weights[n:].T)
        self.intercept_attributes_ = bias[n:].copy()
        self.intercept_hidden_ = array(parameters["hidden_bias"])
        self._hidden_own = {  # in units of T
            name: parameters[name].detach().cpu().numpy().copy()
            for name in energy.hidden.parameters
        }
        self._base_bias = energy.base_bias.detach().cpu().numpy().copy()
        self._n_features_out = self.n_components
        self._keep_log_partition(None)

    @classmethod
    def from_parameters(cls, W: Any, b: Any, c: Any, **parameters: Any) -> Self:
        """A fitted model with weights `W` ``(n_visible, n_hidden)`` and biases `b`, `c`.

        Other constructor parameters may follow by name.
        """
        weights, visible_bias, hidden_bias = given_parameters(W, b, c)
        n_visible, n_hidden = weights.shape
        model = cls(n_hidden, **parameters)
        model.check_parameters()
        model.components_ = np.ascontiguousarray(weights.T)
        model.intercept_visible_, model.intercept_hidden_ = visible_bias, hidden_bias
        blank = HIDDEN[model.hidden](n_hidden).parameters
        model._hidden_own = {name: value.double().numpy() for name, value in blank.items()}
        model.n_features_in_ = n_visible
        model._attributes = model._layout = None
        model.attribute_components_ = np.zeros((n_hidden, 0))
        model.intercept_attributes_ = np.zeros(0)
        model._n_features_out = n_hidden
        model._keep_log_partition(None)
        model.history_, model.n_updates_, model.stop_reason_ = {}, 0, "given"
        model._base_bias = model.intercept_visible_ / model.temperature
        model._base_bias = base_bias_of(model.build_energy(torch.float64))
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not is_wanted(None, self.visible)
        tags.input_tags.allow_nan = True  # `partial_fit` alone takes none
        tags.non_deterministic = not isinstance(self.random_state, Integral)
        return tags
