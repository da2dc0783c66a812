"""A whole update with persistent chains, compiled, for float32 on the CPU.

What torch spends on a gradient step is products; with rows of 0 and 1 most of their terms are
zeros. Here the two products with visible rows are sums over the ones alone, and rows are shared
out to two Python threads in blocks that meet twice a step, which costs less than a product's
own threads do when they alternate with anything else. torch itself should be set to one thread
meanwhile: each block makes its products on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.draws import stream
from harmonium.contract.energy import Chains
from harmonium.models.rbm.kernels import cpu as fast
from harmonium.models.rbm.kernels.forms import Form
from harmonium.models.rbm.kernels.fused import bias_gradients

__all__ = ["PersistentUpdate"]

#: The block that is not shared out.
WHOLE = -1


class PersistentUpdate:
    """Buffers and threads for updates of one shape.

    ``weights`` ``(n_statistics, n_hidden)`` and the other parameters are changed in place;
    `starts` says which of them are labels' (:mod:`.layout`), `shape` is the number of rows of a
    batch and of chains. Results are the same bits with the same `form`.
    """

    def __init__(
        self,
        weights: Tensor,
        visible_bias: Tensor,
        hidden_bias: Tensor,
        starts: NDArray[np.int64],
        shape: tuple[int, int],
        form: Form,
    ) -> None:
        self.weights, self.visible_bias, self.hidden_bias = weights, visible_bias, hidden_bias
        self.starts, self.shape = starts, shape
        n_statistics, n_hidden = weights.shape
        self.machine = fast.Machine(
            weights.numpy(), visible_bias.numpy(), hidden_bias.numpy(), starts
        )
        n_variables = int(starts[0]) + len(starts) - 1
        self.shapes = ((shape[0], n_variables), (shape[1], n_variables), (shape[1], n_hidden))
        self.labelled = n_variables < n_statistics
        self.hidden = [torch.empty((n, n_hidden)) for n in shape]
        self.sides = tuple(
            fast.Half(np.empty((n, n_variables), np.int32), np.empty(n, np.int64), half.numpy())
            for n, half in zip(shape, self.hidden, strict=True)
        )
        self.mean, self.change = torch.empty(n_hidden), torch.empty(n_hidden)
        self.sums = (self.mean.numpy(), self.change.numpy())
        self.corrections = np.zeros((2, n_hidden), np.float32)
        self.no_draws = np.empty((0, n_hidden), np.float32)
        self.form = form
        self.small, self.sparse = form.kind == "loops", form.kind != "products"
        self.logits = torch.empty((shape[1], n_statistics))
        # Rows of data, of chains and two more; labels as ones among zeros.
        self.stack = torch.empty((0 if self.sparse else sum(shape) + 2, n_statistics))
        self.pool = ThreadPoolExecutor(1) if form.n_threads > 1 else None

    def fits(self, positive: Tensor, chains: Chains) -> bool:
        """Whether rows and chains have the shapes that this is for."""
        hidden = chains.hidden
        return (
            positive.shape == self.shapes[0]
            and chains.x.shape == self.shapes[1]
            and (hidden is None or hidden.shape == self.shapes[2])
        )

    def _both(self, job: Callable[[int], None]) -> None:
        """Run the job's two blocks on two threads where that pays, else the whole as one."""
        if self.pool is None:
            job(WHOLE)
            return
        other = self.pool.submit(job, 1)
        job(0)
        other.result()

    def __call__(
        self,
        positive: Tensor,
        chains: Chains,
        n_gibbs: int,
        offsets: tuple[Tensor, Tensor],
        rates: tuple[float, float],
        generator: np.random.Generator,
    ) -> Tensor:
        """Move the chains on and take a step; returns the hidden units' mean under the data,
        which the next call overwrites.

        Rows of `positive` and of the chains are states, ``(n, n_variables)``; those of `positive`
        may be of torch's COO layout, row after row, if all that is in them is ones. The chains'
        hidden states must be there, and are overwritten with the next ones, as the visible ones
        are.
        `offsets` are those of the centred gradient, of visible and hidden units, `rates` the
        learning rate and the decay.
        """
        assert chains.hidden is not None
        if positive.is_sparse:
            positive = self._placed(positive)
        means = (offsets[0].numpy(), offsets[1].numpy(), *self.sums)
        if self.small:
            fast.small_update(
                positive.numpy(),
                chains.x.numpy(),
                chains.hidden.numpy(),
                self.machine,
                means,
                generator.bit_generator.random_raw(4 * n_gibbs),
                rates,
            )
            return self.mean
        bits = [stream(generator) for _ in range(2 * n_gibbs)]
        self._both(lambda block: self._halves(block, positive, chains, bits))
        torch.sum(self.hidden[0], 0, out=self.mean)
        torch.add(self.hidden[1].sum(0), self.mean, out=self.change)
        if self.sparse:
            self._ascend_sparse(fast.Means(*means), rates)
        else:
            self._ascend_dense(positive, chains.x, offsets, rates)
        return self.mean

    def _placed(self, positive: Tensor) -> Tensor:
        """Sparse rows with their ones put where the loops look for them; dense ones where products
        or labels want them so."""
        if self.small or self.labelled or not self.sparse:
            return positive.to_dense()
        places, counts, _ = self.sides[0]
        rows, columns = positive.indices().numpy()
        counts[:] = np.bincount(rows, minlength=len(counts))
        first = np.cumsum(counts) - counts
        places[rows, np.arange(len(rows)) - first[rows]] = columns
        return positive

    def _halves(
        self, block: int, positive: Tensor, chains: Chains, bits: list[tuple[int, int]]
    ) -> None:
        """A block of the chains moved on, and of the hidden halves of both sides."""
        assert chains.hidden is not None
        rows = _block(self.shape[1], block)
        visible, hidden = _rows(chains.x, rows), _rows(chains.hidden, rows)
        logits = _rows(self.logits, rows) if self.labelled else visible
        for sweep in range(0, len(bits), 2):
            torch.addmm(self.visible_bias, hidden, self.weights.T, out=logits)
            fast.draw_visible(
                logits.numpy(), self.starts, *bits[sweep], rows.start, visible.numpy()
            )
            self._hidden(1, visible, rows, bits[sweep + 1], hidden.numpy())
        rows = _block(self.shape[0], block)
        data = None if positive.is_sparse else _rows(positive, rows)
        self._hidden(0, data, rows, bits[0], self.no_draws)

    def _hidden(
        self,
        side: int,
        x: Tensor | None,
        rows: slice,
        bits: tuple[int, int],
        draws: NDArray[np.float32],
    ) -> None:
        """Hidden probabilities of rows of one side (0: data, 1: chains), and draws; None: rows
        whose ones are in their place."""
        hidden = _rows(self.hidden[side], rows)
        if self.sparse:
            places, counts, _ = self.sides[side]
            half = fast.Half(places[rows], counts[rows], hidden.numpy())
            if x is not None:
                fast.find_ones(x.numpy(), self.starts, half)
            fast.sums(self.machine, half)
        else:
            assert x is not None  # products want rows
            if self.labelled:
                first = self.shape[0] * side
                wide = self.stack[first + rows.start : first + rows.stop]
                fast.one_hot(x.numpy(), self.starts, wide.numpy())
                x = wide
            torch.addmm(self.hidden_bias, x, self.weights, out=hidden)
        factor = np.float32((1.0, -1.0)[side] / self.shape[side])
        fast.halves(hidden.numpy(), factor, *bits, rows.start, draws)

    def _ascend_sparse(self, means: fast.Means, rates: tuple[float, float]) -> None:
        def weights(block: int) -> None:
            units = _block(len(self.weights), block)
            fast.ascend(
                *self.sides,
                self.machine,
                means,
                (units.start, units.stop),
                rates,
                self.corrections[max(block, 0)],
            )

        self._both(weights)
        for correction in self.corrections[: 1 if self.pool is None else 2]:
            means.change[:] -= correction
        self.hidden_bias.add_(self.change, alpha=rates[0])

    def _ascend_dense(
        self,
        positive: Tensor,
        negative: Tensor,
        offsets: tuple[Tensor, Tensor],
        rates: tuple[float, float],
    ) -> None:
        rate, decay = rates
        visible, n = self.stack, self.shape[0]
        if not self.labelled:
            visible[:n], visible[n:-2] = positive, negative
        visible[-2] = offsets[0]
        drift = visible[:n].mean(0) - visible[n:-2].mean(0)
        visible[-1] = drift
        hidden = torch.cat([*self.hidden, -self.change[None], -offsets[1][None]])
        drift, change = bias_gradients(visible, hidden, offsets, drift, self.change)

        def weights(block: int) -> None:
            units = _block(len(self.weights), block)
            self.weights[units].addmm_(
                visible[:, units].T, hidden, beta=1.0 - rate * decay, alpha=rate
            )

        self._both(weights)
        self.visible_bias.add_(drift, alpha=rate)
        self.hidden_bias.add_(change, alpha=rate)


def _rows(tensor: Tensor, rows: slice) -> Tensor:
    """These rows; the tensor itself where they are all, since a view costs a microsecond."""
    return tensor if rows.stop - rows.start == len(tensor) else tensor[rows]


def _block(n: int, block: int) -> slice:
    """All of n rows, or their first or second half, cut at a multiple of 16."""
    if block == WHOLE:
        return slice(0, n)
    middle = min(n, -(-n // 32) * 16)
    return slice(0, middle) if block == 0 else slice(middle, n)
