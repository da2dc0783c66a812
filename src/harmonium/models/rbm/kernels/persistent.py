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
from torch import Tensor

from harmonium.compute import cpu as fast
from harmonium.compute.draws import N_THREADS, stream

__all__ = ["PersistentUpdate"]

#: The block that is not shared out.
WHOLE = -1
#: Share of ones above which a product beats summing rows.
_SPARSE_BELOW = 0.35
#: Multiplications of one product below which a product's overhead exceeds its work.
_SMALL = 2**17
_TOP_BIT = np.uint64(1)
#: Multiplications of one product above which a second thread pays for meeting twice.
_THREADED_ABOVE = 2**21


class PersistentUpdate:
    """Buffers and threads for updates of one shape.

    ``weights`` ``(n_visible, n_hidden)`` and the other parameters are changed in place. Results
    are the same bits on the same machine: how rows are shared out depends on the shape alone.
    """

    def __init__(
        self,
        weights: Tensor,
        visible_bias: Tensor,
        hidden_bias: Tensor,
        visible_mean: Tensor,
        n_positive: int,
        n_negative: int,
    ) -> None:
        self.weights, self.visible_bias, self.hidden_bias = weights, visible_bias, hidden_bias
        self.shape = (n_positive, n_negative)
        n_visible, n_hidden = weights.shape
        self.positive_hidden = torch.empty((n_positive, n_hidden))
        self.negative_hidden = torch.empty((n_negative, n_hidden))
        self.corrections = np.zeros((2, n_hidden), np.float32)
        self.no_draws = np.empty((0, n_hidden), np.float32)
        self.w, self.vb, self.hb = weights.numpy(), visible_bias.numpy(), hidden_bias.numpy()
        self.offsets, self.vm = visible_mean, visible_mean.numpy()
        work = max(n_positive, n_negative) * n_visible * n_hidden
        self.sparse = bool(self.vm.mean() < _SPARSE_BELOW) or work < _SMALL
        self.small = work < _SMALL
        self.scratch = np.empty((n_negative, n_visible), np.float32)
        self.mean = torch.empty(n_hidden)
        self.arrays = [
            tensor.numpy() for tensor in (self.positive_hidden, self.negative_hidden, self.mean)
        ]
        self.pool = ThreadPoolExecutor(1) if work > _THREADED_ABOVE and N_THREADS > 1 else None

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
        visible: Tensor,
        hidden: Tensor,
        n_gibbs: int,
        hidden_mean: Tensor,
        rate: float,
        decay: float,
        generator: np.random.Generator,
    ) -> Tensor:
        """Move the chains on and take a step; returns the hidden units' mean under the data.

        ``hidden`` holds the chains' hidden states and is overwritten with the next ones, as
        ``visible`` is with the visible ones.
        """
        if self.small:
            streams = generator.bit_generator.random_raw(4 * n_gibbs).reshape(-1, 2) >> _TOP_BIT
            streams[:, 1] |= _TOP_BIT  # one: the step of a counter is odd
            positive_hidden, negative_hidden, mean = self.arrays
            fast.small_update(
                positive.numpy(),
                visible.numpy(),
                hidden.numpy(),
                n_gibbs,
                self.w,
                self.vb,
                self.hb,
                self.vm,
                hidden_mean.numpy(),
                streams.view(np.int64),
                rate,
                decay,
                positive_hidden,
                negative_hidden,
                self.scratch,
                mean,
            )
            return self.mean
        bits = [stream(generator) for _ in range(2 * n_gibbs)]

        def chains(block: int) -> None:
            rows = _block(len(visible), block)
            v, h = _rows(visible, rows), _rows(hidden, rows)
            v_array, h_array = v.numpy(), h.numpy()
            probabilities = _rows(self.negative_hidden, rows)
            for sweep in range(n_gibbs):
                torch.addmm(self.visible_bias, h, self.weights.T, out=v)
                fast.bernoulli(v_array, *bits[2 * sweep], rows.start, v_array)
                self._hidden(
                    v, probabilities, -1.0 / len(visible), bits[2 * sweep + 1], rows.start, h_array
                )
            rows = _block(len(positive), block)
            self._hidden(
                _rows(positive, rows),
                _rows(self.positive_hidden, rows),
                1.0 / len(positive),
                bits[0],
                0,
                self.no_draws,
            )

        self._both(chains)
        positive_mean = self.positive_hidden.sum(0)
        change = self.negative_hidden.sum(0).add_(positive_mean)
        ascend = self._ascend_sparse if self.sparse else self._ascend_dense
        ascend(positive, visible, change, hidden_mean, rate, decay)
        return positive_mean

    def _hidden(
        self,
        x: Tensor,
        probabilities: Tensor,
        factor: float,
        bits: tuple[int, int],
        first_row: int,
        draws: np.ndarray,
    ) -> None:
        if not self.sparse:
            torch.addmm(self.hidden_bias, x, self.weights, out=probabilities)
        fast.hidden_rows(
            x.numpy(),
            self.w,
            self.hb,
            self.sparse,
            np.float32(factor),
            *bits,
            first_row,
            probabilities.numpy(),
            draws,
        )

    def _ascend_sparse(
        self,
        positive: Tensor,
        negative: Tensor,
        change: Tensor,
        hidden_mean: Tensor,
        rate: float,
        decay: float,
    ) -> None:
        shared = (
            positive.numpy(),
            negative.numpy(),
            self.positive_hidden.numpy(),
            self.negative_hidden.numpy(),
        )
        change_array = change.numpy()
        means = (self.vm, hidden_mean.numpy(), change_array)

        def weights(block: int) -> None:
            units = _block(len(self.vm), block)
            fast.ascend(
                *shared,
                units.start,
                units.stop,
                *means,
                rate,
                decay,
                self.w,
                self.vb,
                self.corrections[max(block, 0)],
            )

        self._both(weights)
        for correction in self.corrections[: 1 if self.pool is None else 2]:
            change_array -= correction
        self.hidden_bias.add_(change, alpha=rate)

    def _ascend_dense(
        self,
        positive: Tensor,
        negative: Tensor,
        change: Tensor,
        hidden_mean: Tensor,
        rate: float,
        decay: float,
    ) -> None:
        visible_mean = torch.from_numpy(self.vm)
        drift = positive.mean(0) - negative.mean(0)
        visible = torch.cat([positive, negative, visible_mean[None], drift[None]])
        hidden = torch.cat(
            [self.positive_hidden, self.negative_hidden, -change[None], -hidden_mean[None]]
        )
        drift = drift - visible.T @ (hidden @ hidden_mean)
        change = change - hidden.T @ (visible @ visible_mean)

        def weights(block: int) -> None:
            units = _block(len(self.vm), block)
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
