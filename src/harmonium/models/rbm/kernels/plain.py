"""The plain twin of the compiled draw of rows with labels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute import plain

__all__ = ["draw_visible"]


def draw_visible(logits: Tensor, starts: NDArray[np.int64], key: int, step: int) -> Tensor:
    """Rows as :mod:`.layout` lays them out, ``(n, n_variables)``, drawn from their logits.

    A row takes the stream's words for its columns of 0 and 1, then one for each label.
    """
    n, n_plain, n_labels = len(logits), int(starts[0]), len(starts) - 1
    n_words = (n_plain + 3) // 4
    columns = [plain.bernoulli(logits[:, :n_plain], key, step, n_labels)]
    for label in range(n_labels):
        index = np.arange(n) * (n_words + n_labels) + n_words + label
        levels = torch.from_numpy(plain.uniform(key, step, index))
        own = logits[:, starts[label] : starts[label + 1]]
        columns.append(plain.categorical(own, levels).to(logits.dtype).unsqueeze(1))
    return torch.cat(columns, 1)
