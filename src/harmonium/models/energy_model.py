"""Every question, answered once for all energy models.

An :class:`EnergyModel` is an estimator whose P(x) is an :class:`~harmonium.contract.energy.Energy`.
A model says what its energy is, how rows are states and which answerers it has; the rest is here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_choice, check_integer
from harmonium.contract.estimates import LogZ
from harmonium.contract.joint import JointDistribution
from harmonium.contract.stopping import StopReason
from harmonium.contract.warning import warn_caller
from harmonium.contract.words import HOW, How
from harmonium.models.codec import Codec
from harmonium.models.facts import digest, learning_facts
from harmonium.models.out_of_core import by_blocks
from harmonium.models.restricted import restricted

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harmonium.contract.energy import Energy
    from harmonium.learning.record import FitResult
    from harmonium.learning.watch import Confirmation
    from harmonium.models.answers import Answerer
    from harmonium.models.question import Question
    from harmonium.sampling.paths import Bases

__all__ = ["EnergyModel"]


class EnergyModel(JointDistribution):
    """P(x) = exp(-E(x)) / Z; the parent of RBM, GridMRF and MarkovNetwork."""

    #: Temperatures that log_partition("auto") anneals over, in turn, until its chains agree.
    _annealing_steps: ClassVar[tuple[int, ...]]

    # -- what a model supplies ---------------------------------------------------------------

    @abstractmethod
    def build_energy(self, dtype: torch.dtype) -> Energy:
        """The fitted model's energy in this precision."""

    @abstractmethod
    def _codec(self, X: Any = None) -> Codec:
        """How rows like these (None: as fitted) are states."""

    @abstractmethod
    def _answerers(self, codec: Codec, method: str = "auto") -> Sequence[Answerer]:
        """Who answers questions about what is unknown, in the order they are tried; `method` is
        the name that a user gave, for an answerer that does more when asked."""

    @abstractmethod
    def _log_weights(self, own: bool) -> Callable[[Tensor], Tensor]:
        """log of the unnormalised P of states, float64: of all variables, or of those that a user
        sees (`own`), the others summed out."""

    @abstractmethod
    def _exact_log_partition(self, required: bool) -> float | None:
        """log Z where affordable, else None or, if `required`, a ``ValueError`` that says why."""

    @abstractmethod
    def _bases(self) -> Bases | None:
        """Bases to anneal from; None where there is but the energy's own."""

    @abstractmethod
    def _in_force(self) -> tuple[Sequence[NDArray[Any]], Any]:
        """The arrays, and the other facts, that P(x) depends on."""

    @abstractmethod
    def _sizes(self) -> dict[str, Any]:
        """What the model is made of: the first of its :meth:`facts`."""

    # -- how likely? ------------------------------------------------------------------------

    def log_partition(
        self,
        method: str = "auto",
        *,
        n_chains: int = 100,
        n_temperatures: int | None = None,
        X: Any = None,
        evidence: Mapping[Any, Any] | None = None,
        random_state: Any = None,
    ) -> LogZ:
        """log Z of the fitted model, in nats.

        Parameters
        ----------
        method : ``"exact"`` by enumeration or elimination; ``"ais"`` annealed importance
            sampling from a data-informed base (Neal 2001; Salakhutdinov, Murray 2008), of RBMs
            beside a check from the clusters that short chains find, half as long again;
            ``"raise"`` its reverse from the rows of `X` or, without them, from where annealed
            chains end (Burda, Grosse, Salakhutdinov 2015): it errs to the other side than
            ``"ais"`` where both walk the same modes, is no bound, and wants reversible sweeps.
            ``"auto"`` is exact where that is affordable, else AIS until its chains agree: of
            RBMs from a base fitted to the model's own draws, at temperatures spaced by measured
            variance, beside a check from its clusters. That figure is kept, and saved, too,
            while the parameters stay as they are.
        n_chains : chains for AIS; rows for RAISE without `X`. At least 2.
        n_temperatures : steps from base to model; by default 2,000, for ``"auto"`` what it takes.
        evidence : of networks ``{name: state}``: the sum of the states that agree with it alone.
        random_state : seed; ``"auto"`` without one uses a fixed one: the figure stays the same.

        Costs ``n_chains * n_temperatures`` sweeps; an RBM's ``"auto"`` 3,500 to 8,500 times
        `n_chains`, and 25,500. ``verbose=1`` shows a bar. Raises ``ValueError`` where every state
        has weight zero, or exact is not affordable.
        """
        check_is_fitted(self)
        if evidence is not None:
            given = {"n_chains": n_chains, "n_temperatures": n_temperatures, "X": X}
            given["random_state"] = random_state
            return restricted(self, evidence).log_partition(method, **given)
        check_choice("method", method, ("auto", "exact", "ais", "raise"))
        check_integer("n_chains", n_chains, 2)
        if n_temperatures is not None:
            check_integer("n_temperatures", n_temperatures, 1)
        if method == "raise":
            return self._reverse(X, n_chains, n_temperatures or 2000, random_state)
        if method == "ais":
            return self._anneal(n_chains, (n_temperatures or 2000,), random_state)
        known = self.known_log_partition
        plain = n_temperatures is None and random_state is None
        if known is not None and (known.method == "exact" or (method == "auto" and plain)):
            return known
        value = self._exact_log_partition(method == "exact")
        if value == -np.inf:
            raise ValueError("factors forbid every state: their product is zero everywhere")
        if value is not None:
            estimate = LogZ(value)
        else:
            estimate = self._estimated(n_chains, n_temperatures, random_state or 0)
        if plain or value is not None:
            self._keep_log_partition(estimate)
        return estimate

    def _estimated(self, n_chains: int, n_temperatures: int | None, seed: Any) -> LogZ:
        """By annealing over as many temperatures as it takes, or as are given."""
        if n_temperatures is not None:
            return self._anneal(n_chains, (n_temperatures,), seed)
        if (bases := self._bases()) is None:
            return self._anneal(n_chains, self._annealing_steps, seed)
        from harmonium.models.partition import annealed_from_bases

        generator, verbose = random_generator(seed), getattr(self, "verbose", 0)
        return annealed_from_bases(bases, n_chains, generator, verbose)

    def _anneal(self, n_chains: int, steps: tuple[int, ...], seed: Any) -> LogZ:
        import torch

        from harmonium.models.partition import annealed

        energy, verbose = self.build_energy(torch.float32), getattr(self, "verbose", 0)
        again = partial(random_generator, seed)
        return annealed(energy, n_chains, steps, again, verbose, self._bases())

    def _reverse(self, X: Any, n_chains: int, n_temperatures: int, random_state: Any) -> LogZ:
        import torch

        from harmonium.models.partition import annealed_back, begun

        energy, generator = self.build_energy(torch.float32), random_generator(random_state)
        codec = self._codec()
        if not energy.reversible:
            raise ValueError("method='raise': this model's sweeps are not reversible; use 'ais'")
        rows = begun(energy, codec, self._answerers(codec), X, n_chains, generator)
        return annealed_back(energy, rows, n_temperatures, generator, getattr(self, "verbose", 0))

    @property
    def log_partition_(self) -> LogZ:
        """``log_partition()``: computed when first asked for, then kept."""
        return self.log_partition()

    @by_blocks()
    def score_samples(
        self, X: Any, *, resolution: Mapping[str, float] | None = None, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """log P(x) in nats of each row, ``(n_samples,)``: minus energy minus log Z; -inf for what
        cannot be. Of a row with holes (RBM) log P of what is seen: exact up to 1,024 joint states
        of what is not, 8,192 where hidden units are 0 or 1, else an estimate by `random_state`,
        of which a ``RuntimeWarning`` tells where its standard error is above 0.3.
        Of numbers the density per unit counts; of columns with a `resolution`, ``{name: width}``,
        the mass of [x - width/2, x + width/2].

        log Z is :meth:`log_partition`; where it is an estimate, all rows share its error, and a
        ``RuntimeWarning`` says so when it is not to be trusted."""
        import torch

        from harmonium.models.scoring import log_weights_of

        check_is_fitted(self)
        parts = (partial(self.build_energy, torch.float64), self._log_weights)
        source = random_generator(random_state)
        found = log_weights_of(self._codec(), *parts, X, resolution, source)
        return np.where(np.isnan(found), 0.0, found - self._trusted_log_z())

    def _trusted_log_z(self) -> float:
        """log Z, with a warning where it is not to be trusted."""
        log_z = self.log_partition()
        if log_z.status != "ok":
            warn_caller(
                f"log Z is not to be trusted ({log_z.status}: {log_z.effective_chains:.1f} of "
                f"{log_z.n_chains} chains count); see log_partition(method='raise')",
                RuntimeWarning,
            )
        return log_z.value

    # -- what a fit leaves ------------------------------------------------------------------

    history_: dict[str, list[float]]
    n_updates_: int
    stop_reason_: str
    confirmed_: Confirmation | None  # of the held-out figure; None where that was exact
    held_out_: NDArray[np.int64] | None  # numbers of the rows only watched; None: not told

    def _keep_result(self, result: FitResult) -> None:
        """Keep what a fit tells of itself, and warn where it ended badly."""
        self.history_, self.n_updates_ = result.history, result.n_updates
        self.stop_reason_ = result.reason
        self.confirmed_, self.held_out_ = result.confirmed, result.held
        result.tell()

    def _keep_partial(self, n_updates: int) -> None:
        """The same of ``partial_fit``, which has no history: updates add up."""
        self.history_ = getattr(self, "history_", {})
        self.n_updates_ = getattr(self, "n_updates_", 0) + n_updates
        self.stop_reason_ = StopReason.PARTIAL_FIT

    #: log Z is kept for the parameters that it belongs to.
    _log_partition: LogZ | None = None
    _log_partition_of: str | None = None

    def _digest(self) -> str:
        return digest(*self._in_force())

    @property
    def known_log_partition(self) -> LogZ | None:
        """log Z where it has been worked out for the parameters in force, else None."""
        kept = self._log_partition is not None
        return self._log_partition if kept and self._log_partition_of == self._digest() else None

    def _keep_log_partition(self, value: LogZ | None) -> None:
        """Keep log Z for as long as the parameters stay as they are; None forgets it."""
        self._log_partition = value
        self._log_partition_of = None if value is None else self._digest()

    @by_blocks(of_sparse=True)
    def complete(
        self,
        X: Any,
        *,
        how: How = "mode",
        method: str = "auto",
        random_state: Any = None,
        search: str | None = None,
    ) -> NDArray[Any]:
        """`X` with every blank filled from P(blanks given the rest of the row).

        Parameters
        ----------
        X : rows as for :meth:`score_samples` with NaN (of images also -1, or a mask) in any
            pattern, another in each row; of sparse rows the answer is sparse.
        how : ``"mode"``: the most probable filling together; ``"mean"``: each blank's
            posterior mean; ``"sample"``: one draw.
        method : ``"auto"``: the first of the model's answerers that can afford a row, or the
            name of one. ``"enumeration"`` sums over up to 1,024 joint states of the blanks
            (exact); ``"elimination"`` (networks) takes variables out one at a time (exact);
            ``"graphcut"`` and ``"annealing"`` (images) seek modes; ``"gibbs"`` runs Gibbs
            chains (the mode: the best state met, climbed to its local optimum).
        random_state : int, Generator or None.
        search : the former name of `method`.

        Raises ``ValueError`` where exact sums show that what is known of a row cannot be.
        """
        from harmonium.models.filling import blanks_of

        check_is_fitted(self)
        check_choice("how", how, HOW)
        codec = self._codec(X)
        question = blanks_of(codec, X, how)
        return self._filled(question, codec, _method(method, search), random_state)

    @by_blocks()
    def correct(
        self,
        X: Any,
        *,
        noise: Any,
        how: How = "mode",
        method: str = "auto",
        random_state: Any = None,
        search: str | None = None,
    ) -> NDArray[Any]:
        """The clean row behind each noisy one, by P(x given noisy x) under the channel.

        Parameters
        ----------
        X : noisy rows; NaN where nothing was read.
        noise : ``hm.noise.BitFlip(p)`` (two states everywhere), ``hm.noise.Replace(p)``, or
            ``hm.noise.Gaussian(sigma)``: of images, in levels (readings that are all whole levels
            count as rounded and clipped); of columns of kind ``"gaussian"``, in their units.
        how : ``"mode"`` (most probable whole row), ``"mean"`` or ``"sample"``.
        method, random_state, search : as for :meth:`complete`.

        Raises ``ValueError`` where the readings cannot be, as far as exact sums show it. What
        the channel says for certain (``p=0``) is never overruled.
        """
        from harmonium.models.filling import readings_of

        check_is_fitted(self)
        check_choice("how", how, HOW)
        codec = self._codec(X)
        question = readings_of(codec, X, noise, how)
        return self._filled(question, codec, _method(method, search), random_state)

    def _filled(
        self, question: Question, codec: Codec, method: str, random_state: Any
    ) -> NDArray[Any]:
        from harmonium.models.filling import filled

        generator, answerers = random_generator(random_state), self._answerers(codec, method)
        return filled(question, codec, answerers, self.build_energy, method, generator)

    def facts(self) -> dict[str, Any]:
        """What was learned, for people; log Z where it has been worked out."""
        check_is_fitted(self)
        return self._sizes() | learning_facts(vars(self), self.known_log_partition)

    def rows_of(self, states: Tensor) -> NDArray[Any]:
        """States ``(n, n_variables)`` of the energy as rows that a user knows."""
        return self._codec().write(states.double().cpu().numpy())


def _method(method: str, search: str | None) -> str:
    if search is not None:
        warn_caller("search= is called method= now", FutureWarning)
    return method if search is None else search
