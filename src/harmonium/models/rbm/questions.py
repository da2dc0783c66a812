"""Questions to a restricted Boltzmann machine: about rows, and about hidden units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute.device import device_for
from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.checks import check_integer
from harmonium.contract.energy import Evidence
from harmonium.data.schema import Schema
from harmonium.data.tables import Table, check_states, has_holes, one_row
from harmonium.models.answers import Answerer, Enumeration, GibbsChains, answer, named
from harmonium.models.cells import CellQuestions
from harmonium.models.codec import Codec, TableCodec
from harmonium.models.frames import FrameCodec, Layout, framed
from harmonium.models.question import blanks, with_weights
from harmonium.models.rbm.attributes import Attributes, SummedOut, joint_units
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.hidden import (
    check_hidden,
    draw_hidden,
    mean_hidden,
    pseudo_log_likelihood,
)
from harmonium.models.rbm.mixture import RBMBases
from harmonium.models.scoring import check_resolution, log_weights_of_frame
from harmonium.sampling.gibbs import Schedule
from harmonium.sampling.paths import Bases
from harmonium.sampling.seen import log_weight_seen
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli

if TYPE_CHECKING:
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["Questions"]

#: Draws of what is missing in a row, that an answer about the whole row is a mean over.
_FILLINGS = 20
#: Annealed sweeps that lead chains in, then sweeps that answers are made of.
_SCHEDULE = Schedule(n_lead_in=300, n_sweeps=200)


class Questions(TransformerMixin, CellQuestions):
    """Everything that is asked of an RBM: its parameters are those that a fit leaves."""

    _annealing_steps: ClassVar[tuple[int, ...]] = (2000, 20000)

    n_features_in_: int
    components_: NDArray[Any]
    intercept_visible_: NDArray[Any]
    intercept_hidden_: NDArray[Any]
    attribute_components_: NDArray[Any]
    intercept_attributes_: NDArray[Any]
    temperature: float
    device: str
    verbose: int
    _base_bias: NDArray[Any]

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
        )

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
        return RBMBases(self.build_energy(torch.float32))

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
            return FrameCodec(self._layout, beside, framed(X, self._layout), self._rates())
        return TableCodec(
            (2,) * self.n_features_in_,
            lambda X, blanks: self._check(X, blanks=blanks),
            lambda condition: one_row(self, condition),
            beside,
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
            GibbsChains(
                lambda: self.build_energy(torch.float32),
                _SCHEDULE,
                hill=self._beside if summed else None,  # type: ignore[arg-type]
                verbose=self.verbose,
            ),
        )

    # -- how likely? -----------------------------------------------------------

    def score_samples(
        self, X: Any, *, resolution: Mapping[str, float] | None = None, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """log P(x) in nats for each row, ``(n_samples,)``; of a row with holes log P of what is
        seen, and for ``missing="informative"`` a hole counts as what it is.

        Parameters
        ----------
        resolution : of columns of numbers ``{column: width}``: the mass of the cell [x -
            width/2, x + width/2] counts instead of the density per unit of the column, so that
            discrete and continuous models compare.
        random_state : for rows with more than 1,024 joint states of what is not known, which
            are annealed; exact otherwise, as far as log Z is.

        log Z is :meth:`log_partition`; where it is an estimate, all rows share its error, and
        a ``RuntimeWarning`` says so when it is not to be trusted.
        """
        check_is_fitted(self)
        if self._layout is None:
            if resolution is not None:
                raise ValueError("resolution is for columns of numbers; these rows are 0 and 1")
            if not has_holes(X):
                return super().score_samples(X)
            energy = self.build_energy(torch.float64)
            seen = np.array(self._check(X, blanks=True), dtype=np.float64)
            n_beside = len(energy.sizes) - seen.shape[1]
            x = torch.from_numpy(np.pad(seen, ((0, 0), (0, n_beside)), constant_values=np.nan))
            evidence = Evidence(torch.isnan(x).to(energy.device))
            source = generator_for(energy.device, random_generator(random_state))
            value, _ = log_weight_seen(energy, x.nan_to_num().to(energy.device), evidence, source)
            scores = value.cpu().numpy() - self._trusted_log_z()
            scores[np.isnan(seen).all(1)] = 0.0  # whatever the error of log Z
            return scores
        frame_value, _ = log_weights_of_frame(
            self._layout,
            self.build_energy(torch.float64),
            framed(X, self._layout),
            check_resolution(resolution, self._layout),
            random_generator(random_state),
        )
        nothing = np.isnan(self._layout.states(X)).all(1)
        return np.where(nothing, 0.0, frame_value - self._trusted_log_z())

    def score_cells(
        self, X: Any, cells: NDArray[np.bool_], *, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """log P(these cells given what else is known of the row), in nats, ``(n_samples,)``.

        `cells`, bool ``(n_samples, n_columns)`` in the order of ``schema_.columns``, are known in
        `X`, a frame. Of numbers the density counts. Exact up to 1,024 joint states of what is not
        known, else annealed; needs no log Z.
        """
        check_is_fitted(self)
        if self._layout is None:
            raise ValueError("score_cells is for models that were fitted on a frame")
        wanted = (len(self._layout.states(X)), len(self._layout.columns))
        if cells.dtype != bool or cells.shape != wanted:
            raise ValueError(f"cells must be bool of shape {wanted}, got {cells.shape}")
        energy = self.build_energy(torch.float64)
        found = []
        for hidden in (None, cells):
            source = random_generator(random_state)
            found.append(log_weights_of_frame(self._layout, energy, X, {}, source, hidden)[0])
        return found[0] - found[1]

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

    def attribute_proba(self, X: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """P(y given x): ``(n, n_classes)`` for a label, ``(n, n_attributes)`` P(yes) else.

        Exact for a label and for up to 12 attributes (a sum over their joint states); beyond,
        the mean of Gibbs chains with x held.
        """
        attributes, codec = self._wanted_attributes(), self._codec()
        if not attributes.summable:
            values = np.array(codec.read(X, blanks=True), dtype=np.float64)
            question = replace(blanks(values, codec, "mean"), n_own=codec.n_own + len(codec.beside))
            chains = named(self._answerers(codec), "gibbs")
            return answer(question, chains, random_generator(random_state))[:, codec.n_own :]
        energy = self.build_energy(torch.float64)
        beside = SummedOut(energy, self._own_units(), attributes.states())

        def posterior(rows: NDArray[np.float64]) -> Tensor:
            weights = beside.joint_log_weights(torch.from_numpy(rows).to(energy.device))
            return (torch.softmax(weights, 1) @ beside.states).cpu()

        # Given the seen cells y is drawn with the others: a mean of P(y given x) over x.
        table, n_each = self._filled_rows(X, _FILLINGS, random_state or 0)
        found = self._by_rows(table, posterior)
        return found.reshape(len(found) // n_each, n_each, -1).mean(1)

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
        condition : one row with NaN where free; of a frame ``{column: value}``, where a value
            may also be a list of values or a range ``(low, high)``; None: all is free.
        attributes : ``{name: 0 or 1}``, ``{label's name: value}`` or the label's value alone:
            draws from P(x given these). Only for models fitted with `y`.
        random_state : int, Generator or None.

        Returns ``(n_samples, n_features)``: independent exact draws where what is free has at
        most 1,024 joint states; else the ends of as many independent annealed Gibbs chains.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples, 1)
        codec, generator = self._codec(), random_generator(random_state)
        given = np.zeros(0) if attributes is None else self._wanted_attributes().row(attributes)
        if isinstance(codec, FrameCodec):
            row = np.concatenate([np.full(codec.n_own, np.nan), given])
            codec = codec.drawing(generator)
            question = blanks(row[None, :], codec, "sample", n_samples)
            if condition is not None:
                question, codec = codec.conditioned(question, condition)
        else:
            row = np.concatenate([codec.read_condition(condition), given])
            question = blanks(row[None, :], codec, "sample", n_samples)
        found = answer(question, self._answerers(codec), generator)
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
        if self._layout is not None:
            visible = self._layout.units.statistics(torch.from_numpy(visible)).numpy()
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

    def _filled_rows(self, X: Any, n_draws: int, random_state: Any) -> tuple[Table, int]:
        """Rows as states, of which those with holes are drawn `n_draws` times each given what is
        seen; and how many rows stand for each one."""
        check_is_fitted(self)
        if not self._check_holes(X):
            return self._check(X), 1
        codec = self._codec()
        values = np.array(codec.read(X, blanks=True), dtype=np.float64)
        question = blanks(values, codec, "sample", n_draws)
        question = with_weights(question, codec.state_weights("sample"), codec)
        found = answer(question, self._answerers(codec), random_generator(random_state))
        return found[:, : codec.n_own], n_draws

    def _check_holes(self, X: Any) -> bool:
        if self._layout is None:
            return has_holes(X)
        return bool(np.isnan(self._layout.states(X)).any())

    def _of_rows(
        self,
        X: Any,
        question: Callable[[RBMEnergy, SummedOut | None, Tensor], Tensor],
        n_draws: int = _FILLINGS,
        random_state: Any = 0,
    ) -> NDArray[np.float64]:
        """A `question` put to blocks of rows, with the attributes to be summed out; of rows with
        holes the mean over `n_draws` fillings."""
        check_is_fitted(self)
        table, n_each = self._filled_rows(X, n_draws, random_state)
        energy = self.build_energy(torch.float64)
        beside = self._beside(energy)
        found = self._by_rows(
            table,
            lambda rows: question(energy, beside, torch.from_numpy(rows).to(energy.device)).cpu(),
        )
        return found.reshape(len(found) // n_each, n_each, *found.shape[1:]).mean(1)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """P(h = 1 given v) = sigmoid((c + v'W) / T), ``(n_samples, n_components)``; of a row with
        holes the mean over 20 draws of what may stand there."""
        return self._of_rows(X, mean_hidden)

    def inverse_transform(self, H: Any) -> NDArray[np.float64]:
        """E[v given h] = sigmoid((b + W h) / T), ``(n_samples, n_features)``."""
        energy, hidden = self._with_hidden(H)
        codec = self._codec()
        if codec.by_marginals:
            logits = energy.visible_logits(hidden)
            shares = energy.units.probabilities(logits, max(energy.sizes))
            return codec.write_marginals(shares.cpu().numpy())
        return energy.visible_probability(hidden)[:, : self.n_features_in_].cpu().numpy()

    def sample_hidden(self, X: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """A draw of h given each row of `X`, ``(n_samples, n_components)``."""
        check_is_fitted(self)
        source = generator_for(device_for(self.device), random_generator(random_state))
        return self._of_rows(
            X, lambda energy, beside, x: draw_hidden(energy, beside, x, source), 1, random_state
        )

    def sample_visible(self, H: Any, *, random_state: Any = None) -> NDArray[np.float64]:
        """A draw of v given each row of `H`, ``(n_samples, n_features)``."""
        energy, hidden = self._with_hidden(H)
        generator = generator_for(energy.device, random_generator(random_state))
        codec = self._codec().drawing(random_generator(random_state))
        return codec.write(energy.draw_visible(hidden, generator).cpu().numpy())

    def most_likely_hidden(self, X: Any) -> NDArray[np.float64]:
        """argmax over h of P(h given v): each hidden unit on where more likely than not."""
        return (self.transform(X) > 0.5).astype(np.float64)

    def most_likely_visible(self, H: Any) -> NDArray[np.float64]:
        """argmax over v of P(v given h): each visible unit on where more likely than not."""
        energy, hidden = self._with_hidden(H)
        return self._codec().write(energy.units.mode(energy.visible_logits(hidden)).cpu().numpy())

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
        if self._layout is not None:
            raise ValueError("to_network wants a model of rows of 0 and 1, this is one of a frame")
        if self._attributes is not None:
            raise ValueError("to_network wants a model without attributes: fit it without y")
        scale = self.temperature
        return MarkovNetwork.complete_bipartite(
            self.components_.T / scale,
            self.intercept_visible_ / scale,
            self.intercept_hidden_ / scale,
        )
