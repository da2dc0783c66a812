"""New rows of a model that is learned from tables, also given some of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.models.answers import Answerer, answer
from harmonium.models.codec import Codec
from harmonium.models.frames import FrameCodec
from harmonium.models.question import blanks

__all__ = ["drawn"]


def drawn(
    codec: Codec,
    answerers: Callable[[Codec], Sequence[Answerer]],
    n_samples: int,
    condition: Any,
    generator: np.random.Generator,
    given: NDArray[np.float64] | None = None,
) -> Any:
    """`n_samples` draws given a `condition` in the codec's words (None: nothing), and the states
    of variables beside its own (`given`, NaN where free)."""
    beside = np.zeros(0) if given is None else given
    if isinstance(codec, FrameCodec):
        codec = codec.drawing(generator)
        row = np.concatenate([np.full(codec.n_own, np.nan), beside])
        question = blanks(row[None, :], codec, "sample", n_samples)
        if condition is not None:
            question, codec = codec.conditioned(question, condition)
    else:
        row = np.concatenate([codec.read_condition(condition), beside])
        question = blanks(row[None, :], codec, "sample", n_samples)
    return codec.write(answer(question, answerers(codec), generator))
