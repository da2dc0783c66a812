"""From a table to a trained RBM: what is decided, held out, watched, kept and resumed."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from harmonium.compute.random import (
    generator_for,
    generator_state,
    random_generator,
    restore_generator,
)
from harmonium.compute.threads import threads_for
from harmonium.contract.energy import Chains, Parameters
from harmonium.contract.estimates import LogZ
from harmonium.contract.storage import ModelFileError, read_arrays, write_arrays
from harmonium.data.tables import Table, dense_rows
from harmonium.learning.trainer import Batches, FitResult, Settings, Trainer, negative_phase
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.gibbs import mean_marginals
from harmonium.sampling.particles import Trajectory
from harmonium.units.base import Units
from harmonium.units.mixed import Mixed

__all__ = [
    "RBMParameters",
    "RunningFit",
    "Start",
    "base_bias_of",
    "begin_running",
    "fit_energy",
    "settings_for",
]

#: Standard deviation of the first weights: small enough for a known log Z, enough to part units.
_INITIAL_SCALE = 0.01
#: Precision of the Gaussian prior on W behind weight_decay="auto".
_PRIOR_PRECISION = 2.0
#: ... but never less decay than this: below, chains stop mixing on large tables.
_LEAST_DECAY = 4e-4
#: Fewer rows than this are learned at half the rate.
_FEW_ROWS = 5000
#: Rows that tell well enough which parameters are best; more are better learned from.
_MOST_HELD = 2000
#: Rows of the training part whose likelihood is shown beside the held-out one.
_N_SHOWN = 2000


@dataclass(frozen=True)
class RBMParameters:
    """What a fit reads of the model's parameters, checked; named as they are."""

    n_components: int
    learner: str
    n_updates: int | str
    batch_size: int | str
    learning_rate: float | str
    n_chains: int | str
    n_gibbs: int
    centered: bool
    weight_decay: float | str
    temperature: float
    validation_fraction: float | str
    checkpoint: str | os.PathLike[str] | None
    time_limit: float | None
    random_state: Any
    verbose: int


@dataclass(frozen=True)
class Start:
    """Where a fit runs, and what its visible units are."""

    device: torch.device
    units: Units


def base_bias_of(energy: RBMEnergy) -> NDArray[np.float64]:
    """Where annealing of a model given by its parameters starts: visible biases matched to its
    own mean, from a short run of its chains."""
    generator = random_generator(0)
    source = generator_for(energy.device, generator)
    x = energy.base_sample(100, source)
    # Half of them uniform: biases alone may know one mode of several, and a base that
    # misses a mode is a bad start for annealing and tempering.
    x[::2] = torch.from_numpy(generator.integers(0, 2, x[::2].shape)).to(x)
    mean, _ = mean_marginals(energy, Chains(x), 50, source)
    return torch.logit(mean.mean(0), eps=1e-4).cpu().numpy()


def initial_bias(table: Table, weights: NDArray[np.float64] | None, units: Units) -> Tensor:
    """Where learning and annealing start: visible biases that match the rows' base rates."""
    share = np.full(table.shape[0], 1.0 / table.shape[0]) if weights is None else weights
    rates = _mean_statistics(table, share / share.sum(), units)
    return units.base_inputs(torch.from_numpy(rates), table.shape[0])


def _mean_statistics(table: Table, share: NDArray[np.float64], units: Units) -> NDArray[np.float64]:
    """The statistics' mean over rows, each with its share; rows of 0 and 1 stay as they are
    stored, sparse ones sparse."""
    n_plain = units.parts[0].n_variables if isinstance(units, Mixed) else units.n_variables
    # All columns as they are: a slice of a sparse table would be a copy of it.
    plain: Any = table if n_plain == table.shape[1] else table[:, :n_plain]
    if sparse.issparse(plain):
        mean = np.asarray(plain.T @ share, dtype=np.float64).reshape(-1)
    else:  # in blocks: a product would copy the whole table as float64
        step = max(1, 2**22 // n_plain)
        blocks = [slice(start, start + step) for start in range(0, len(share), step)]
        mean = np.sum([share[b] @ plain[b].astype(np.float64) for b in blocks], axis=0)
    if not isinstance(units, Mixed):
        return mean
    rest = dense_rows(table[:, n_plain:], slice(None)).astype(np.float64)
    beside = share @ Mixed(units.parts[1:]).statistics(torch.from_numpy(rest)).numpy()
    return np.concatenate([mean, beside])


def _blank_energy(
    wanted: RBMParameters, start: Start, base_bias: Tensor, generator: np.random.Generator
) -> RBMEnergy:
    device = start.device
    shape = (len(base_bias), wanted.n_components)
    weights = torch.from_numpy(generator.normal(0.0, _INITIAL_SCALE, shape).astype(np.float32))
    bias = base_bias.to(device, torch.float32)
    energy = RBMEnergy(
        weights.to(device),
        bias.clone(),
        torch.zeros(wanted.n_components, device=device),
        bias.clone(),
        start.units,
    )
    energy.set_centered(wanted.centered)
    return energy


def settings_for(wanted: RBMParameters, n_rows: int) -> Settings:
    """Every number the user left to us; docs/design_notes.md has the measurements behind them."""

    def chosen(name: str, automatic: Any) -> Any:
        value = getattr(wanted, name)
        return automatic if value == "auto" else value

    batch_size = min(int(chosen("batch_size", 100)), n_rows)
    return Settings(
        n_updates=int(chosen("n_updates", 100_000)),
        batch_size=batch_size,
        rate=float(chosen("learning_rate", 0.05 if n_rows < _FEW_ROWS else 0.1)),
        decay=float(chosen("weight_decay", max(_PRIOR_PRECISION / n_rows, _LEAST_DECAY))),
        time_limit=wanted.time_limit,
    )


def _n_chains(wanted: RBMParameters) -> int:
    return 100 if wanted.n_chains == "auto" else int(wanted.n_chains)


def _n_held(wanted: RBMParameters, n_rows: int) -> int:
    """How many rows are watched instead of learned from."""
    if wanted.validation_fraction == "auto":
        return min(n_rows // 10, _MOST_HELD)
    return int(float(wanted.validation_fraction) * n_rows)


def _row_reader(table: Table, device: torch.device) -> Callable[[NDArray[np.int64]], Tensor]:
    """Row numbers to float32 rows on the device.

    In memory, rows stay one byte a value; on an accelerator they live there, so that the loop
    copies nothing; memory-mapped and sparse rows are read batch by batch.
    """
    on_disk = isinstance(table, np.memmap)
    if sparse.issparse(table) or on_disk:

        def read(index: NDArray[np.int64]) -> Tensor:
            block = dense_rows(table, np.sort(index) if on_disk else index)
            return torch.from_numpy(np.asarray(block, dtype=np.float32)).to(device)

        return read
    # A copy: torch wants memory that it may write, and rows must not change under the fit.
    narrow = table.dtype if table.dtype.kind == "u" else np.uint8
    stored = torch.from_numpy(np.array(table, dtype=narrow, order="C")).to(device)

    def take(index: NDArray[np.int64]) -> Tensor:
        return torch.index_select(stored, 0, torch.from_numpy(index).to(device)).float()

    return take


class Watch:
    """Mean log-likelihood of held-out rows along a fit, by the particles of a trajectory."""

    def __init__(
        self,
        energy: RBMEnergy,
        held_out: Tensor,
        shown: Tensor,
        generator: np.random.Generator,
    ) -> None:
        self.own = energy.to(energy.dtype)
        self.held_out, self.shown = held_out, shown
        self.trajectory: Trajectory | None = None
        self.source = generator
        self.generator = generator_for(energy.device, generator)

    def __call__(self, parameters: Parameters) -> dict[str, float]:
        log_z = self._log_partition(parameters)
        return {
            "validation": float(self.own.log_weight(self.held_out).mean()) - log_z.value,
            "train": float(self.own.log_weight(self.shown).mean()) - log_z.value,
            "log_partition": log_z.value,
            "std_error": log_z.std_error,
        }

    def _log_partition(self, parameters: Parameters) -> LogZ:
        if min(self.own.n_variables, self.own.n_hidden) <= _EXACT_WATCH_UNITS:
            self.own.set_parameters(parameters)
            value = self.own.exact_log_partition()
            assert value is not None
            return LogZ(value)
        if self.trajectory is None:
            self.trajectory = Trajectory(self.own, _N_PARTICLES, self.generator)
            return self.trajectory.advance(parameters, _FIRST_STEPS)
        return self.trajectory.advance(parameters, _BRIDGE_STEPS)

    def tensors(self) -> dict[str, Tensor]:
        return {} if self.trajectory is None else self.trajectory.tensors()

    def restore(self, tensors: dict[str, Tensor]) -> None:
        if tensors:
            self.trajectory = Trajectory(self.own, _N_PARTICLES, self.generator)
            self.trajectory.restore(tensors)
            self.trajectory.started = True


#: Watching enumerates up to this many units of the smaller side, and follows with particles else.
_EXACT_WATCH_UNITS = 12
_N_PARTICLES = 500
_FIRST_STEPS = 200
_BRIDGE_STEPS = 40


def fit_energy(
    wanted: RBMParameters,
    table: Table,
    weights: NDArray[np.float64] | None,
    start: Start,
    on_look: Callable[[Trainer], None] | None = None,
) -> tuple[FitResult, RBMEnergy]:
    """Run the training loop for a checked table; the result's parameters are the best seen."""
    generator = random_generator(wanted.random_state)
    # Separate streams, so that what is watched never changes what is learned.
    order, split, watching, noise = (
        np.random.Generator(np.random.SFC64(int(seed)))
        for seed in generator.integers(0, 2**63, size=4)
    )
    n_rows = table.shape[0]
    usable = np.arange(n_rows) if weights is None else np.flatnonzero(weights)
    n_held = _n_held(wanted, len(usable))
    shuffled = split.permutation(usable)
    held, kept = np.sort(shuffled[:n_held]), np.sort(shuffled[n_held:])
    settings, n_chains = settings_for(wanted, len(kept)), _n_chains(wanted)
    base = initial_bias(table, weights, start.units)
    energy = _blank_energy(wanted, start, base, noise)
    read = _row_reader(table, energy.device)
    source = generator_for(energy.device, noise)
    negative = negative_phase(wanted.learner, energy, n_chains, wanted.n_gibbs, source)
    batches = Batches(
        len(kept), settings.batch_size, order, None if weights is None else weights[kept]
    )
    watch = None
    if n_held:
        watch = Watch(energy, read(held), read(kept[:_N_SHOWN]), watching)
    checkpoint = _Checkpoint(wanted, table, weights, watch) if wanted.checkpoint else None
    with (
        threads_for(wanted.learner, (settings.batch_size + n_chains) * energy.weights.numel()),
        _progress(wanted.verbose, settings) as show,
        torch.no_grad(),
    ):
        trainer = Trainer(
            energy,
            negative,
            batches,
            lambda index: read(kept[index]),
            settings,
            source,
            watch=watch,
            progress=show,
            keep=_keeper(checkpoint, on_look),
        )
        if checkpoint is not None:
            checkpoint.read(trainer)
        return trainer.run(), energy


def _keeper(
    checkpoint: _Checkpoint | None, on_look: Callable[[Trainer], None] | None
) -> Callable[[Trainer], None] | None:
    """What happens at each look: whoever follows the fit is told, then the file is written."""
    write = None if checkpoint is None else checkpoint.write
    told = [step for step in (on_look, write) if step is not None]
    if not told:
        return None

    def keep(trainer: Trainer) -> None:
        for step in told:
            step(trainer)

    return keep


def _progress(verbose: int, settings: Settings) -> Any:
    if not verbose:
        return nullcontext(None)
    from harmonium.compute.progress import FitProgress

    bar = FitProgress(settings.n_updates, settings.time_limit)
    return _Shown(bar)


class _Shown(AbstractContextManager[Any]):
    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def __enter__(self) -> Any:
        self.bar.__enter__()
        return self.bar.update

    def __exit__(self, *details: Any) -> None:
        self.bar.__exit__(*details)


#: Rows that a checkpoint's fingerprint is worked out from at a time; it knows all of them.
_ROWS_HASHED_AT_ONCE = 4096


class _Checkpoint:
    """The loop's whole state in a file, tied to the settings and the data it belongs to."""

    def __init__(
        self,
        wanted: RBMParameters,
        table: Table,
        weights: NDArray[np.float64] | None,
        watch: Watch | None,
    ) -> None:
        self.path = Path(os.fspath(wanted.checkpoint))  # type: ignore[arg-type]
        self.watch = watch
        self.told = False
        settings = {
            name: str(value)
            for name, value in sorted(vars(wanted).items())
            if name not in {"checkpoint", "verbose"}
        }
        digest = hashlib.sha256(repr(settings).encode())
        digest.update(repr((table.shape, None if weights is None else weights.tolist())).encode())
        for start in range(0, table.shape[0], _ROWS_HASHED_AT_ONCE):
            block = dense_rows(table, slice(start, start + _ROWS_HASHED_AT_ONCE))
            digest.update(block.astype(np.uint32).tobytes())  # states of any kind, labels too
        self.fingerprint = digest.hexdigest()

    def write(self, trainer: Trainer) -> None:
        arrays, facts = trainer.state()
        if self.watch is not None:
            for name, tensor in self.watch.tensors().items():
                arrays[f"watch.{name}"] = tensor.cpu().numpy().copy()
            facts["watch_generator"] = generator_state(self.watch.generator)
        facts["fingerprint"] = self.fingerprint
        try:
            write_arrays(self.path, "checkpoint", arrays, facts)
        except OSError as error:
            if not self.told:  # what was learned is worth more than the file
                warnings.warn(
                    f"checkpoint: {str(self.path)!r} cannot be written ({error}); the fit goes on "
                    "without it",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self.told = True

    def read(self, trainer: Trainer) -> None:
        """Take up the file's state, if there is one; refuse one of another fit."""
        if not self.path.exists():
            return
        arrays, facts = read_arrays(self.path, "checkpoint")
        if facts.get("fingerprint") != self.fingerprint:
            raise ModelFileError(
                f"checkpoint: {str(self.path)!r} belongs to a fit with other settings or data; "
                "remove it, or name another file"
            )
        trainer.restore({k: v for k, v in arrays.items() if not k.startswith("watch.")}, facts)
        if self.watch is not None:
            device = trainer.energy.device
            self.watch.restore(
                {
                    k.removeprefix("watch."): torch.from_numpy(v.copy()).to(device)
                    for k, v in arrays.items()
                    if k.startswith("watch.")
                }
            )
            restore_generator(self.watch.generator, facts["watch_generator"])


class RunningFit:
    """What ``partial_fit`` goes on from: energy, chains and randomness, from call to call.

    ``fit`` drops it, so that chains of one model never meet the weights of another.
    """

    def __init__(
        self,
        energy: RBMEnergy,
        learner: str,
        n_chains: int,
        n_gibbs: int,
        generator: np.random.Generator,
    ) -> None:
        self.energy = energy
        self.learner = learner
        self.generator = generator
        self.source = generator_for(energy.device, generator)
        self.n_chains = n_chains
        self.negative = negative_phase(learner, energy, n_chains, n_gibbs, self.source)

    def learn(self, table: Table, weights: NDArray[np.float64] | None, settings: Settings) -> None:
        """One pass over the rows. Raises ``FloatingPointError`` where weights stop being finite;
        parameters and chains are then as they were."""
        energy = self.energy
        before = {k: v.clone() for k, v in energy.parameters().items()}
        chains = {k: v.clone() for k, v in self.negative.tensors().items()}
        hidden_mean = energy.hidden_mean.clone()
        batches = Batches(table.shape[0], settings.batch_size, self.generator, weights)
        read = _row_reader(table, energy.device)
        work = (settings.batch_size + self.n_chains) * energy.weights.numel()
        with threads_for(self.learner, work), torch.no_grad():
            for _ in range(-(-table.shape[0] // settings.batch_size)):
                self.negative.update(
                    energy, read(next(batches)), settings.rate, settings.decay, self.source
                )
        if not all(torch.isfinite(value).all() for value in energy.parameters().values()):
            energy.set_parameters(before)
            energy.hidden_mean.copy_(hidden_mean)
            if chains:
                self.negative.restore(chains)
            raise FloatingPointError(
                "partial_fit diverged (weights are no longer finite); the model is unchanged; "
                "lower learning_rate"
            )


def begin_running(
    wanted: RBMParameters, table: Table, start: Start, energy: RBMEnergy | None
) -> RunningFit:
    """A running fit of fresh chains, from `energy` or, for None, from nothing learned."""
    generator = random_generator(wanted.random_state)
    if energy is None:
        bias = initial_bias(table, None, start.units)
        energy = _blank_energy(wanted, start, bias, generator)
    else:
        energy.set_centered(wanted.centered)
    return RunningFit(energy, wanted.learner, _n_chains(wanted), wanted.n_gibbs, generator)
