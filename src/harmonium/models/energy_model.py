"""Every question, answered once for all energy models.

An :class:`EnergyModel` is an estimator whose P(x) is an :class:`~harmonium.contract.energy.Energy`.
Where few enough variables are unknown the answer is a sum over all their states; elsewhere it
is a batch of Gibbs chains, one a row, led in from the easy end of the path.
"""

from __future__ import annotations

import hashlib
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from harmonium.compute import draws
from harmonium.compute.random import generator_for, random_generator
from harmonium.contract import noise as channels
from harmonium.contract.checks import check_choice, check_integer
from harmonium.contract.energy import Chains, Energy, Evidence, Generator
from harmonium.contract.estimates import Bound, LogZ, Status
from harmonium.contract.joint import JointDistribution
from harmonium.data.tables import Table, check_states, dense_rows, one_row
from harmonium.sampling.annealing import annealed_importance_sampling, reverse_annealing
from harmonium.sampling.gibbs import equilibrate, mean_marginals
from harmonium.sampling.modes import climb, seek_mode

__all__ = ["MAX_ENUMERATED", "EnergyModel", "enumerate_free"]

HOW = ("mode", "mean", "sample")
#: Unknown variables of a row are enumerated while they have at most this many joint states.
MAX_ENUMERATED = 2**10
#: Rows answered together; bounds memory, and lets a long table show where it is.
_ROWS_AT_ONCE = 2048


class EnergyModel(JointDistribution):
    """P(x) = exp(-E(x)) / Z; the parent of RBM, GridMRF and MarkovNetwork."""

    #: Sweeps that lead chains in from the base, then sweeps at the model that are averaged.
    _lead_in: ClassVar[int] = 300
    _averaged: ClassVar[int] = 200
    #: Temperatures that log_partition("auto") anneals over, in turn, until its chains agree.
    _annealing_steps: ClassVar[tuple[int, ...]] = (2000, 20000)

    @abstractmethod
    def _build_energy(self, dtype: torch.dtype) -> Energy:
        """The fitted model's energy in this precision."""

    def build_energy(self, dtype: torch.dtype = torch.float64) -> Energy:
        """The fitted model as an :class:`Energy` in this precision, on the model's device."""
        check_is_fitted(self)
        return self._build_energy(dtype)

    def rows_of(self, states: Tensor) -> NDArray[Any]:
        """States of the energy ``(n, n_variables)`` as the rows that :meth:`sample` gives."""
        return self._result(states)

    #: The figure that `log_partition` keeps, and the digest of the parameters that it is of.
    _log_partition: LogZ | None = None
    _log_partition_of: bytes | None = None

    def _known_log_partition(self) -> LogZ | None:
        """The kept figure, if it is of the parameters in force.

        Parameters are public and may be changed in place, assigned or set by ``set_params``;
        only their values tell.
        """
        known = self._log_partition
        if known is None or self._log_partition_of != self._parameter_digest():
            return None
        return known

    def _keep_log_partition(self, value: LogZ | None) -> None:
        """Keep a figure of the parameters in force; None forgets what was kept."""
        self._log_partition = value
        self._log_partition_of = None if value is None else self._parameter_digest()

    def _parameter_digest(self) -> bytes:
        energy = self._build_energy(torch.float64)
        digest = hashlib.blake2b(repr((energy.n_variables, energy.n_states)).encode())
        for name, values in sorted(energy.parameters().items()):
            digest.update(repr((name, tuple(values.shape))).encode())
            digest.update(values.detach().cpu().contiguous().numpy().tobytes())
        return digest.digest()

    # -- how likely? ------------------------------------------------------------------------

    def log_partition(
        self,
        method: str = "auto",
        *,
        n_chains: int = 100,
        n_temperatures: int | None = None,
        X: Any = None,
        random_state: Any = None,
    ) -> LogZ:
        """log Z of the fitted model, in nats.

        Parameters
        ----------
        method : ``"exact"`` by enumeration or elimination, ``"ais"`` annealed importance
            sampling from a data-informed base (Neal 2001; Salakhutdinov, Murray 2008),
            ``"raise"`` its reverse, started at the rows of `X` or, without them, at the
            ends of annealed chains (Burda, Grosse, Salakhutdinov 2015). Started at exact draws
            from the model it would be an upper bound of log Z in expectation; neither start is
            that, so nothing is proved: ``bound`` is ``"none"``, ``status`` ``"unproven"``, and
            where the starts miss a mode the value lies below log Z by more than its error.
            It is one more opinion beside ``"ais"``. ``"auto"`` is exact where that is
            affordable, else AIS with more temperatures until its chains agree; that figure is
            kept with the model for as long as its parameters stay what they are.
        n_chains : chains for AIS; rows for RAISE without `X`. At least 2.
        n_temperatures : steps from base to model; by default 2,000, and for ``"auto"`` up
            to 20,000.
        random_state : seed; ``"auto"`` without one uses a fixed seed, so that the kept
            figure does not depend on when it was asked for.

        Cost: ``n_chains * n_temperatures`` sweeps.
        """
        check_is_fitted(self)
        check_choice("method", method, ("auto", "exact", "ais", "raise"))
        check_integer("n_chains", n_chains, 2)
        if n_temperatures is not None:
            check_integer("n_temperatures", n_temperatures, 1)
        if method in {"auto", "exact"}:
            known = self._known_log_partition()
            plain = n_temperatures is None and random_state is None
            if known is not None and (known.method == "exact" or (method == "auto" and plain)):
                return known
            value = self._build_energy(torch.float64).exact_log_partition()
            if value is not None:
                exact = LogZ(value)
                self._keep_log_partition(exact)
                return exact
            if method == "exact":
                raise ValueError(
                    "method='exact': this model has too many states to sum over; "
                    "use method='ais', and method='raise' for a second opinion"
                )
            estimate = self._anneal_until_agreed(n_chains, n_temperatures, random_state)
            if plain:
                self._keep_log_partition(estimate)
            return estimate
        energy = self._build_energy(torch.float32)
        generator = generator_for(energy.device, random_generator(random_state))
        steps = n_temperatures or 2000
        if method == "ais":
            return annealed_importance_sampling(
                energy, n_chains=n_chains, n_temperatures=steps, generator=generator
            )[0]
        if X is None:
            states = self._draw(energy, n_chains, generator)
        else:
            rows = dense_rows(self._check(X), slice(None))
            if energy.n_variables != rows.shape[1]:
                raise ValueError(
                    "X: method='raise' cannot start at rows without their attributes; leave X out"
                )
            states = self._tensor(energy, rows)
        bounds = reverse_annealing(
            energy, states, n_chains=1, n_temperatures=steps, generator=generator
        )
        each = energy.log_weight(states).cpu().numpy() - bounds
        return LogZ(
            float(each.mean()),
            float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("inf"),
            "raise",
            Bound.NONE,
            Status.UNPROVEN if np.isfinite(each).all() else Status.NONFINITE,
            float(len(each)),
            len(each),
            steps,
        )

    def _anneal_until_agreed(
        self, n_chains: int, n_temperatures: int | None, random_state: Any
    ) -> LogZ:
        energy = self._build_energy(torch.float32)
        generator = generator_for(
            energy.device, random_generator(0 if random_state is None else random_state)
        )
        estimate: LogZ | None = None
        for steps in self._annealing_steps if n_temperatures is None else (n_temperatures,):
            estimate = annealed_importance_sampling(
                energy, n_chains=n_chains, n_temperatures=steps, generator=generator
            )[0]
            if estimate.effective_chains >= 0.3 * n_chains:
                break
        assert estimate is not None
        return estimate

    @property
    def log_partition_(self) -> LogZ:
        """log Z as ``log_partition()`` gives it; computed when first asked for, then kept for these
        parameters."""
        return self.log_partition()

    @property
    def known_log_partition(self) -> LogZ | None:
        """log Z where it has been worked out for the parameters in force, else None."""
        return self._known_log_partition()

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log P(x) in nats for each row, ``(n_samples,)``: minus energy minus log Z.

        log Z is :meth:`log_partition`; where it is an estimate, all rows share its error, and
        a ``RuntimeWarning`` says so when it is not to be trusted.
        """
        check_is_fitted(self)
        table = self._check(X)
        log_z = self.log_partition()
        if log_z.status != "ok":
            warnings.warn(
                f"log Z is not to be trusted ({log_z.status}: {log_z.effective_chains:.1f} of "
                f"{log_z.n_chains} chains count); see log_partition(method='raise')",
                RuntimeWarning,
                stacklevel=2,
            )
        energy = self._build_energy(torch.float64)
        return (
            self._by_rows(
                table,
                lambda rows: self._log_weight(energy, self._tensor(energy, rows)).cpu().numpy(),
            )
            - log_z.value
        )

    # -- make a new one ------------------------------------------------------------------------

    def sample(
        self, n_samples: int = 1, *, condition: Any = None, random_state: Any = None
    ) -> NDArray[Any]:
        """Draws from P(x), or of the free part of `condition` given the rest.

        Parameters
        ----------
        n_samples : rows to draw, at least 1.
        condition : one row with NaN where free; None: all is free.
        random_state : int, Generator or None.

        Returns ``(n_samples, n_features)``. Independent exact draws where the states can be
        enumerated; else the end of as many independent annealed Gibbs chains.
        """
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples, 1)
        generator = random_generator(random_state)
        if condition is None:
            energy = self._build_energy(torch.float32)
            source = generator_for(energy.device, generator)
            return self._result(
                torch.cat(
                    [
                        self._draw(energy, min(_ROWS_AT_ONCE, n_samples - start), source)
                        for start in range(0, n_samples, _ROWS_AT_ONCE)
                    ]
                )
            )
        row = self._condition(condition)
        return self._answer(np.repeat(row[None, :], n_samples, axis=0), None, "sample", generator)

    def _draw(self, energy: Energy, n: int, generator: Generator) -> Tensor:
        chains = Chains(energy.base_sample(n, generator))
        return equilibrate(energy, chains, self._lead_in, self._averaged, generator).x

    # -- fill in, clean up -----------------------------------------------------------------------

    def complete(self, X: Any, *, how: str = "mode", random_state: Any = None) -> NDArray[Any]:
        """`X` with every NaN filled from P(blanks given the rest of the row).

        Parameters
        ----------
        X : ``(n_samples, n_features)`` with NaN in any pattern, another in each row.
        how : ``"mode"``: the most probable filling together; ``"mean"``: each blank's
            posterior mean; ``"sample"``: one draw.

        Exact for rows whose blanks have at most 1,024 joint states; else one batch of Gibbs
        chains (for the mode: the best state met, climbed to its local optimum). What the model
        holds beside the columns (an RBM's attributes) is summed out; only of an RBM with more
        than 12 yes/no attributes is the mode that of the row and its attributes together.
        """
        check_is_fitted(self)
        check_choice("how", how, HOW)
        table = self._check(X, blanks=True)
        return self._answer(
            np.array(table, dtype=np.float64), None, how, random_generator(random_state)
        )

    def correct(
        self, X: Any, *, noise: Any, how: str = "mode", random_state: Any = None
    ) -> NDArray[Any]:
        """The clean row behind each noisy one, by P(x given noisy x) under the channel.

        Parameters
        ----------
        X : noisy rows ``(n_samples, n_features)``; NaN where nothing was read.
        noise : ``hm.noise.BitFlip(p)`` (two states) or ``hm.noise.Replace(p)``.
        how : ``"mode"`` (most probable whole row), ``"mean"`` or ``"sample"``.
        """
        check_is_fitted(self)
        check_choice("how", how, HOW)
        energy = self._build_energy(torch.float32)
        table = np.array(self._check(X, blanks=True), dtype=np.float64)
        generator = random_generator(random_state)
        known = channels.certain_values(noise, table, energy.n_states)
        if known is not None:
            return self._answer(known, None, how, generator)
        readings = channels.log_likelihood(noise, table, energy.n_states)
        return self._answer(np.full_like(table, np.nan), (table, readings), how, generator)

    def _answer(
        self,
        table: NDArray[np.float64],
        noisy: tuple[NDArray[np.float64], Callable[[slice], NDArray[np.float64]]] | None,
        how: str,
        generator: np.random.Generator,
    ) -> NDArray[Any]:
        """Fill the NaN of `table` under the model and, if given, the readings of a channel."""
        energy = self._build_energy(torch.float32)
        source = generator_for(energy.device, generator)
        filled = table.copy()
        for start in range(0, len(table), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            free = np.isnan(table[part])
            first = free if noisy is None else np.isnan(noisy[0][part])
            known = np.where(first, 0.0, table[part] if noisy is None else noisy[0][part])
            readings = None
            if noisy is not None:
                readings = torch.from_numpy(noisy[1](part)).to(energy.device)
            evidence = Evidence(torch.from_numpy(free).to(energy.device), readings)
            filled[part] = self._answer_rows(
                energy,
                self._tensor(energy, known),
                torch.from_numpy(first).to(energy.device),
                evidence,
                how,
                source,
            )
        return self._own(filled) if how == "mean" else self._result(torch.from_numpy(filled))

    def _answer_rows(
        self,
        energy: Energy,
        start: Tensor,
        unknown: Tensor,
        evidence: Evidence,
        how: str,
        generator: Generator,
    ) -> NDArray[np.float64]:
        assert evidence.free is not None
        answer = start.double().cpu().numpy()
        n_free = evidence.free.sum(1)
        few = energy.n_states ** n_free.double() <= MAX_ENUMERATED
        few &= n_free > 0
        if not self._can_weigh(energy, start.shape[1]):
            few[:] = False
        if few.any():
            wide = self._build_energy(torch.float64)
            for count in torch.unique(n_free[few]).tolist():
                rows = torch.nonzero(few & (n_free == count)).reshape(-1)
                answer[rows.cpu().numpy()] = enumerate_free(
                    lambda x: self._log_weight(wide, x),
                    energy.n_states,
                    start[rows].double(),
                    evidence.select(rows),
                    how,
                    generator,
                )
        rows = torch.nonzero(~few & (n_free > 0)).reshape(-1)
        if len(rows):
            found = self._answer_by_chains(
                energy, start[rows], unknown[rows], evidence.select(rows), how, generator
            )
            answer[rows.cpu().numpy()] = found.double().cpu().numpy()
        return answer

    def _answer_by_chains(
        self,
        energy: Energy,
        start: Tensor,
        unknown: Tensor,
        evidence: Evidence,
        how: str,
        generator: Generator,
    ) -> Tensor:
        """One chain a row, over all that the model holds; the rows' own columns of its answer."""
        width = start.shape[1]
        start, unknown, joint = beside_blanks(energy.n_variables, start, unknown, evidence)
        chains = Chains(torch.where(unknown, energy.base_sample(len(start), generator), start))
        if how == "mode":
            best = seek_mode(energy, chains, self._lead_in, self._averaged, generator, joint)
            best = climb(energy, best, joint)
            return self._climb_rows(energy, best[:, :width], evidence)
        if how == "sample":
            chains = equilibrate(
                energy, chains, self._lead_in, self._averaged, generator, evidence=joint
            )
            return chains.x[:, :width]
        chains = equilibrate(energy, chains, self._lead_in, 0, generator, evidence=joint)
        mean, _ = mean_marginals(energy, chains, self._averaged, generator, evidence=joint)
        return expected_state(mean)[:, :width]

    # -- rows in and out -----------------------------------------------------------------------

    def _check(self, X: Any, *, blanks: bool = False) -> Table:
        return check_states(self, X, n_states=self._n_states(), blanks=blanks)

    def _log_weight(self, energy: Energy, x: Tensor) -> Tensor:
        """log of the unnormalised P of each row: what else the model holds is summed out."""
        return energy.log_weight(x)

    def _can_weigh(self, energy: Energy, width: int) -> bool:
        """Whether :meth:`_log_weight` takes rows of this width."""
        return width == energy.n_variables

    def _climb_rows(self, energy: Energy, x: Tensor, evidence: Evidence) -> Tensor:
        """Climb P(x given evidence) from a joint mode's own columns, the rest summed out."""
        return x

    def _own(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows' own columns, without what the model holds beside them."""
        return table

    def _condition(self, condition: Any) -> NDArray[np.float64]:
        return one_row(self, condition, self._n_states())

    def _n_states(self) -> int:
        return 2

    def _tensor(self, energy: Energy, rows: Any) -> Tensor:
        dense = dense_rows(rows, slice(None))
        if not dense.flags.writeable:  # torch wants memory that it may write
            dense = dense.copy()
        return torch.from_numpy(np.ascontiguousarray(dense)).to(energy.device, energy.dtype)

    def _result(self, states: Tensor) -> NDArray[Any]:
        return self._own(states.double().cpu().numpy())

    def _by_rows(
        self, table: Table, answer: Callable[[Table], NDArray[Any]]
    ) -> NDArray[np.float64]:
        parts = [
            answer(table[start : start + _ROWS_AT_ONCE])
            for start in range(0, table.shape[0], _ROWS_AT_ONCE)
        ]
        return np.concatenate(parts)


def expected_state(marginals: Tensor) -> Tensor:
    """The mean state: marginals themselves for two states, else sum_k k P(k); float64."""
    if marginals.dim() == 2:
        return marginals.double()
    states = torch.arange(marginals.shape[2], dtype=torch.float64, device=marginals.device)
    return marginals.double() @ states


def beside_blanks(
    n_variables: int, start: Tensor, unknown: Tensor, evidence: Evidence
) -> tuple[Tensor, Tensor, Evidence]:
    """Rows, what is unknown of them and their evidence, with blank columns up to `n_variables`."""
    n_more = n_variables - start.shape[1]
    free, readings = evidence.free, evidence.log_likelihood
    if not n_more:
        return start, unknown, evidence
    pad = torch.nn.functional.pad
    return (
        pad(start, (0, n_more)),
        pad(unknown, (0, n_more), value=True),
        Evidence(
            None if free is None else pad(free, (0, n_more), value=True),
            None if readings is None else pad(readings, (0, 0, 0, n_more)),
        ),
    )


def enumerate_free(
    log_weight: Callable[[Tensor], Tensor],
    n_states: int,
    start: Tensor,
    evidence: Evidence,
    how: str,
    generator: Generator,
) -> NDArray[np.float64]:
    """Answer rows with equally many free variables each by summing over all their joint states.

    `log_weight` takes rows of states, float64, to their log weights; what the evidence reads
    is added here. All rows of ``start`` must have the same number of free variables.
    """
    assert evidence.free is not None
    n, n_free = len(start), int(evidence.free[0].sum())
    n_joint = n_states**n_free
    digits = torch.arange(n_joint, device=start.device)
    fillings = torch.stack([(digits // n_states**i) % n_states for i in range(n_free)], dim=1)
    places = evidence.free.nonzero()[:, 1].reshape(n, n_free)
    n_rows = max(1, _ROWS_AT_ONCE // n_joint)
    answers = []
    for rows in torch.split(torch.arange(n, device=start.device), n_rows):
        part = evidence.select(rows)
        states = start[rows].repeat_interleave(n_joint, 0)
        index = places[rows].repeat_interleave(n_joint, 0)
        states.scatter_(1, index, fillings.to(start.dtype).repeat(len(rows), 1))
        read = part.select(torch.arange(len(rows)).repeat_interleave(n_joint)).log_weight(states)
        log_posterior = (log_weight(states) + read).reshape(len(rows), n_joint)
        if how == "mode":
            value = fillings[log_posterior.argmax(1)].to(start.dtype)
        elif how == "mean":
            value = torch.softmax(log_posterior, 1) @ fillings.to(start.dtype)
        else:
            value = fillings[draws.categorical(log_posterior, generator)].to(start.dtype)
        answers.append(start[rows].scatter(1, places[rows], value))
    return torch.cat(answers).double().cpu().numpy()
