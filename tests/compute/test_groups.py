"""Softmax groups: the compiled twins beside the plain ones, and draws against probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.statistics import ALPHA, assert_drawn_from, chi_square_p_value

from harmonium.compute import cpu_groups as fast
from harmonium.compute import draws, groups, plain

compiled = pytest.mark.skipif(
    not draws.uses_fast_path(torch.empty(0)), reason="the compiled twins are switched off"
)
LAYOUTS = {"adult": [24, 8, 2, 41, 1], "one state": [1], "equal": [21] * 31, "wide": [3000, 2]}


def starts_of(sizes: list[int]) -> torch.Tensor:
    return torch.tensor([0, *np.cumsum(sizes)])


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def inputs_of(sizes: list[int], kind: str) -> torch.Tensor:
    """50 rows; each group keeps a state that is possible."""
    inputs = torch.from_numpy(generator(1).normal(0, 1, (50, sum(sizes))).astype(np.float32))
    if kind == "equal":
        return torch.zeros_like(inputs)
    if kind == "far":
        return inputs * 1e4
    if kind == "impossible":
        inputs[inputs < 0] = -torch.inf
        inputs[:, starts_of(sizes)[:-1]] = 0.5
    return inputs


@compiled
@pytest.mark.parametrize("kind", ["some", "equal", "far", "impossible"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_compiled_twins_equal_the_plain_ones(name, kind):
    sizes = LAYOUTS[name]
    inputs, starts = inputs_of(sizes, kind), starts_of(sizes)
    close = {"atol": 1e-6, "rtol": 2e-6}
    found = groups.softmax(inputs, starts)
    torch.testing.assert_close(
        found.double(), plain.softmax_groups(inputs.double(), starts), **close
    )
    found = groups.log_partition(inputs, starts)
    wide = plain.log_partition_groups(inputs.double(), starts)
    torch.testing.assert_close(found.double(), wide, **close)
    key, step = draws.stream(generator(2))
    drawn = torch.empty((50, len(sizes)))
    fast.draw(inputs.numpy(), starts.numpy(), key, step, drawn.numpy())
    levels = torch.from_numpy(plain.uniform(key, step, np.arange(drawn.numel())))
    other = plain.draw_groups(inputs, starts, levels.reshape(drawn.shape))
    # The two exponentials may differ in the last place, which a draw can see once in 10**6.
    assert (drawn != other).sum() <= 1
    chosen = inputs[:, starts[:-1]].clone()
    for group, first in enumerate(starts[:-1].tolist()):
        chosen[:, group] = inputs.gather(1, first + drawn[:, group : group + 1].long())[:, 0]
    assert torch.isfinite(chosen).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LAYOUTS)
def test_sums_by_state_equal_products_with_ones_among_zeros(name, dtype):
    sizes, source = LAYOUTS[name], generator(3)
    starts = starts_of(sizes)
    x = torch.from_numpy(source.integers(0, sizes, (40, len(sizes)))).to(dtype)
    weights = torch.from_numpy(source.normal(0, 1, (sum(sizes), 17))).to(dtype)
    other = torch.from_numpy(source.normal(0, 1, (40, 17))).to(dtype)
    wide = plain.one_hot_groups(x.double(), starts)
    close = {"atol": 1e-5, "rtol": 1e-5}
    for bias in (other[0], other):
        found = groups.product(x, starts, weights, bias).double()
        torch.testing.assert_close(found, bias.double() + wide @ weights.double(), **close)
    found = groups.outer(x, starts, other).double()
    torch.testing.assert_close(found, wide.T @ other.double(), **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", ["numpy", "torch"])
def test_groups_are_drawn_as_their_probabilities_say(dtype, device):
    """All groups of a row together: also that they are independent."""
    source = generator(4) if device == "numpy" else torch.Generator().manual_seed(4)
    sizes = [3, 1, 4]
    inputs = torch.tensor([[0.0, 1.0, -0.5, 7.0, 0.3, -torch.inf, -1.0, 0.8]], dtype=dtype)
    drawn = groups.draw(inputs.expand(100_000, -1), starts_of(sizes), source)
    assert drawn.dtype == dtype
    assert not (drawn[:, 2] == 1).any()
    first, _, last = (torch.softmax(part[0].double(), 0) for part in inputs.split(sizes, 1))
    last = last[[0, 2, 3]]
    third = torch.tensor([0, 0, 1, 2])[drawn[:, 2].long()]
    number = (drawn[:, 0].long() * 3 + third).numpy()
    law = torch.outer(first, last).reshape(-1).numpy()
    assert_drawn_from(number, law)
    planted = law[[1, 0, *range(2, 9)]]
    assert chi_square_p_value(np.bincount(number, minlength=9), planted) < ALPHA


@compiled
@pytest.mark.parametrize("state", [3.0, -1.0, float("nan")])
def test_a_state_that_a_group_lacks_is_refused(state):
    starts = starts_of([2, 3, 4])
    x = torch.tensor([[0.0, state, 1.0]])
    with pytest.raises(ValueError, match="not one that it has"):
        groups.product(x, starts, torch.zeros((9, 5)), torch.zeros(5))
    with pytest.raises(ValueError, match="not one that it has"):
        groups.outer(x, starts, torch.zeros((1, 5)))


def test_lengths_that_do_not_fit_are_refused():
    starts, x = starts_of([2, 3]), torch.zeros((4, 2))
    for wrong in (
        lambda: groups.product(x, starts, torch.zeros((4, 3)), torch.zeros(3)),
        lambda: groups.product(x[:, :1], starts, torch.zeros((5, 3)), torch.zeros(3)),
        lambda: groups.outer(x, starts, torch.zeros((3, 3))),
        lambda: groups.softmax(torch.zeros((4, 4)), starts),
        lambda: groups.log_partition(torch.zeros((4, 4)), starts),
        lambda: groups.draw(torch.zeros((4, 4)), starts, generator(0)),
    ):
        with pytest.raises(ValueError, match="do not fit"):
            wrong()
