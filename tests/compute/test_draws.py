"""Draws of one state of several: against their probabilities, and the twins draw by draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.statistics import assert_drawn_from

from harmonium.compute import cpu as fast
from harmonium.compute import draws, plain


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", ["numpy", "torch"])
def test_states_are_drawn_as_often_as_their_probability(dtype, device):
    source = generator(1) if device == "numpy" else torch.Generator().manual_seed(1)
    logits = torch.tensor([0.0, -torch.inf, 2.0, -1.5, 0.3, -torch.inf], dtype=dtype)
    drawn = draws.categorical(logits.expand(200_000, 6).contiguous(), source)
    assert drawn.dtype == torch.int64
    counts = np.bincount(drawn.numpy(), minlength=6)
    assert counts[1] == 0
    assert counts[5] == 0
    likely = [0, 2, 3, 4]
    compact = np.searchsorted(likely, drawn.numpy())
    assert_drawn_from(compact, torch.softmax(logits.double(), 0).numpy()[likely])


@pytest.mark.parametrize("shape", [(1, 1), (1000, 2), (5000, 10), (300, 101)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_the_compiled_draw_of_a_state_equals_its_plain_twin(shape, scale):
    logits = torch.from_numpy(generator(3).normal(0, 1, shape).astype(np.float32)) * scale
    key, step = draws.stream(generator(4))
    out = torch.empty(shape[0], dtype=torch.int64)
    fast.categorical(logits.numpy(), key, step, out.numpy())
    levels = torch.from_numpy(plain.uniform(key, step, np.arange(shape[0])))
    other = plain.categorical(logits, levels)
    # The two exponentials may differ in the last place, which a draw can see once in 10**6.
    assert (out != other).sum().item() <= 1


def test_the_highest_level_is_a_state_that_is_possible():
    logits = torch.tensor([[1.0, 0.5, -torch.inf], [-torch.inf, 3.0, 2.0]], dtype=torch.float64)
    levels = torch.full((2,), 1.0, dtype=torch.float64)
    assert plain.categorical(logits, levels).tolist() == [1, 2]
    assert plain.categorical(logits, torch.zeros(2, dtype=torch.float64)).tolist() == [0, 1]
