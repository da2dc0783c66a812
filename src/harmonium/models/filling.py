"""Rows with blanks, or noisy ones, as questions; answers to them as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.contract.energy import Energy
from harmonium.models.answers import Answerer, answer, named
from harmonium.models.codec import Codec, ValueCodec
from harmonium.models.marginals import posterior_marginals
from harmonium.models.question import Question, blanks, readings, weighed

__all__ = ["blanks_of", "filled", "readings_of"]


def blanks_of(codec: Codec, X: Any, how: str) -> Question:
    """What stands where rows have blanks?"""
    values = np.array(codec.read(X, blanks=True), dtype=np.float64)
    return weighed(blanks(values, codec, how), codec, how)


def readings_of(codec: Codec, X: Any, noise: Any, how: str) -> Question:
    """What is behind rows that came through a channel `noise`?"""
    values, channel = codec.read_noisy(X, noise)
    likelihood = channel.likelihood(values, codec.sizes)
    question = readings(values, likelihood, codec, how)
    return weighed(question, codec, how, read=True) if how == "mode" else question


def filled(
    question: Question,
    codec: Codec,
    answerers: Sequence[Answerer],
    build: Callable[[torch.dtype], Energy],
    method: str,
    generator: np.random.Generator,
) -> NDArray[Any]:
    """The answer as the codec writes rows, by the answerer called `method`, or in turn."""
    chosen = named(answerers, method)
    if question.how == "mean" and isinstance(codec, ValueCodec):
        shares = posterior_marginals(question, build, generator, method=method)
        return codec.write_marginals(shares)
    found = answer(question, chosen, generator)
    if question.how == "sample" and isinstance(codec, ValueCodec):
        codec = codec.drawing(generator)
    return codec.write(found, mean=question.how == "mean")
