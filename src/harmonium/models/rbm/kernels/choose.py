"""The one place that chooses the form of an RBM's update, and keeps its buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute import draws, on_device, philox
from harmonium.contract.energy import Chains, Generator
from harmonium.learning.checkpoint import State
from harmonium.models.rbm.kernels.device import DeviceUpdate
from harmonium.models.rbm.kernels.forms import Form
from harmonium.models.rbm.kernels.fused import FusedStep
from harmonium.models.rbm.kernels.layout import starts_of
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli

if TYPE_CHECKING:  # numba is loaded where it is used
    from harmonium.models.rbm.kernels.persistent import PersistentUpdate

__all__ = ["Updates"]


class Updates:
    """Updates of these parameters, in place, by what is fastest for the shapes they come in.

    ``weights (n_statistics, n_hidden)`` join the visible `units` to hidden ones of 0 or 1.
    `offsets` are those of the centred gradient, of the visible units' statistics and of the
    hidden units (zeros for the plain one); `rates` the learning rate and the weights' decay.
    """

    def __init__(
        self, weights: Tensor, visible_bias: Tensor, hidden_bias: Tensor, units: Units
    ) -> None:
        self.parameters = (weights, visible_bias, hidden_bias)
        self.units = units
        #: The compiled update's form by the numbers of rows and chains.
        self.forms: dict[str, Form] = {}
        #: Of products of an update on a device.
        self.precision = torch.float32
        self._fused: FusedStep | None = None
        self._persistent: PersistentUpdate | None = None
        self._device: DeviceUpdate | None = None
        #: What updates on a device are drawn by.
        self._stream: Tensor | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without buffers and threads, which are made anew."""
        return {**vars(self), "_fused": None, "_persistent": None, "_device": None}

    def fused(
        self,
        positive: Tensor,
        negative: Chains,
        negative_weights: Tensor,
        offsets: tuple[Tensor, Tensor],
        rates: tuple[float, float],
        generator: Generator,
    ) -> Tensor:
        """A step from a batch and from chains with their weights; returns the hidden units'
        mean under the data, and leaves a draw of the chains' in ``negative.hidden``."""
        shape = (len(positive), len(negative.x))
        if self._fused is None or self._fused.shape != shape:
            self._fused = FusedStep(*self.parameters, shape)
        statistics = self.units.statistics(positive), self.units.statistics(negative.x)
        mean, negative.hidden = self._fused(
            *statistics, negative_weights, offsets, rates, generator
        )
        return mean

    def persistent(self, positive: Tensor, chains: Chains) -> PersistentUpdate | None:
        """The compiled update that sweeps the chains and takes the step in one go, for rows of
        these shapes: float32 on the CPU, units of 0 or 1 and labels. None where there is none."""
        known = self._persistent
        if known is not None and known.fits(positive, chains):
            return known
        weights = self.parameters[0]
        starts = starts_of(self.units) if draws.uses_fast_path(weights) else None
        if starts is None:
            return None
        widths = (positive.shape[1], chains.x.shape[1])
        hidden = weights.shape[1] if chains.hidden is None else chains.hidden.shape[1]
        if {*widths} != {self.units.n_variables} or hidden != weights.shape[1]:
            raise ValueError(  # the compiled loops check no bounds
                f"rows and chains of widths {widths} do not fit weights {tuple(weights.shape)}"
            )
        from harmonium.models.rbm.kernels.persistent import PersistentUpdate

        shape = (len(positive), len(chains.x))
        form = self._form(positive, starts, shape)
        self._persistent = PersistentUpdate(*self.parameters, starts, shape, form)
        return self._persistent

    def on_device(
        self, positive: Tensor, chains: Chains, generator: torch.Generator
    ) -> DeviceUpdate | None:
        """The same in one graph on CUDA, or its plain twin: units of 0 and 1, float32. None where
        there is none."""
        known, weights = self._device, self.parameters[0]
        if known is not None and known.fits(positive, chains):
            return known
        plain = isinstance(self.units, Bernoulli) and weights.dtype == torch.float32
        if not plain or not on_device.is_served(weights):
            return None
        if self._stream is None:
            self._stream = philox.stream(generator, weights.device)
        shape = (len(positive), len(chains.x))
        self._device = DeviceUpdate(*self.parameters, shape, self.precision, self._stream)
        return self._device

    def _form(self, positive: Tensor, starts: NDArray[np.int64], shape: tuple[int, int]) -> Form:
        """As before where rows of this shape have been here, also before a break."""
        name = f"{shape[0]}+{shape[1]}"
        if name not in self.forms:
            from harmonium.models.rbm.kernels.measure import choose_form

            rows = positive.to_dense()
            share = float(self.units.statistics(rows).mean())
            self.forms[name] = choose_form(
                self.parameters, rows, starts, shape[1], share, draws.N_THREADS
            )
        return self.forms[name]

    # -- what a fit that is gone on with must know --------------------------------------------

    def state(self) -> State:
        """The forms, since others round otherwise, and where draws on a device are."""
        drawn = {} if self._stream is None else {"stream": self._stream}
        return State(drawn, {"forms": {name: str(form) for name, form in self.forms.items()}})

    def restore(self, state: State) -> None:
        read = {name: Form.read(word) for name, word in state.facts["forms"].items()}
        self.forms = {name: form for name, form in read.items() if form is not None}
        self._persistent = self._device = None
        self._stream = state.tensors.get("stream")
