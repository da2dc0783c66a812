"""Kernels of a GPU: held against their plain twin by Triton's interpreter, and compiled for one.

``TRITON_INTERPRET=0`` runs them on the GPU that is there.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from tests.support.accelerator import AT, same, source
from tests.support.statistics import assert_drawn_from

from harmonium.compute import draws, gpu, gpu_plain, groups, on_device, philox, plain

# The interpreter works in numpy, and on what lies beyond the end of a tensor too.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")


def stream(seed: int = 0, step: int = 0) -> torch.Tensor:
    found = philox.stream(source(seed), AT)
    found[1] = step
    return found


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_bits_are_those_that_the_authors_give(counter, key, wanted):
    found = philox.philox([torch.tensor(c) for c in counter], [torch.tensor(k) for k in key])
    assert " ".join(f"{int(word):08x}" for word in found) == wanted


@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (33, 130)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.uint8])
def test_the_kernel_draws_what_its_plain_twin_draws(shape, kind):
    inputs = 3 * torch.randn(shape, generator=source(1), device=AT)
    bias = torch.randn(shape[1], generator=source(2), device=AT)
    at = stream(2, 5 + (7 << 32))
    found = {}
    for name, draw in (("kernel", gpu.draw), ("twin", gpu_plain.draw)):
        states = torch.full(shape, 2, dtype=kind, device=AT)
        means = torch.empty(shape, device=AT)
        draw(inputs, bias, at, 3, states, means, -1.0)
        found[name] = (states, means)
    assert same(found["kernel"][0], found["twin"][0])
    assert torch.allclose(found["kernel"][1], found["twin"][1], atol=1e-7)
    assert set(found["twin"][0].float().unique().tolist()) <= {0.0, 1.0}


def test_a_draw_of_nothing_is_nothing():
    gpu.draw(torch.empty(0, 3, device=AT), None, stream(), 0, torch.empty(0, 3, device=AT))


def test_certain_units_are_drawn_as_they_are():
    inputs = torch.tensor([[60.0, -60.0, torch.inf, -torch.inf]], device=AT).repeat(500, 1)
    for draw in (gpu.draw, gpu_plain.draw):
        states = torch.empty(500, 4, device=AT)
        draw(inputs, None, stream(), 0, states)
        assert torch.equal(states, (inputs > 0).float())


def test_states_are_drawn_as_often_as_their_probability_and_apart():
    logits = torch.tensor([-3.0, 0.0, 1.5], device=AT).repeat(60_000, 1)
    states = torch.empty(60_000, 3, device=AT)
    gpu_plain.draw(logits, None, stream(4), 0, states)
    p = torch.sigmoid(logits[0].double()).cpu().numpy()
    joint = [np.prod([p[i] if k >> i & 1 else 1 - p[i] for i in range(3)]) for k in range(8)]
    assert_drawn_from(
        (states.cpu() @ torch.tensor([1.0, 2.0, 4.0])).long().numpy(), np.array(joint)
    )


def test_a_seed_a_step_and_a_site_give_bits_of_their_own():
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 1 << 32, 0), (0, 0, 1)]
    bits = [philox.words(stream(seed, step), site, 100) for seed, step, site in places]
    assert len(torch.cat([one.reshape(-1) for one in bits]).unique()) == 400 * len(places)
    again = philox.words(stream(1, 0), 0, 50)
    assert torch.equal(again, bits[1][:, :50])


def test_a_step_is_taken_alike():
    shape, rates, numbers = (11, 140), torch.tensor([0.1, 0.9], device=AT), source(1)
    weights, gradient = (torch.randn(shape, generator=numbers, device=AT) for _ in range(2))
    sides = [tuple(torch.randn(2, n, generator=numbers, device=AT)) for n in shape]
    other = weights.clone()
    gpu.ascend(weights, gradient, 0.5, *sides, rates)
    gpu_plain.ascend(other, gradient, 0.5, *sides, rates)
    assert torch.allclose(weights, other, rtol=1e-5, atol=1e-6)
    (mean, drift), (offset, change) = sides
    direction = 0.5 * gradient - torch.outer(mean, change) - torch.outer(drift, offset)
    assert not torch.allclose(direction, 0.5 * gradient)


def test_biases_step_alike():
    numbers, shape = source(1), (1030, 17)

    def both(*size: int) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = (torch.randn(*size, n, generator=numbers, device=AT) for n in shape)
        return first, second

    biases, offsets, means, products = both(), both(), both(2), both()
    found = []
    for step in (gpu.ascend_biases, gpu_plain.ascend_biases):
        own = (biases[0].clone(), biases[1].clone())
        changes = (torch.empty(shape[0], device=AT), torch.empty(shape[1], device=AT))
        rates = torch.tensor([0.1, 0.9], device=AT)
        step(own, offsets, means, products, changes, 0.5, rates)
        found.append([*own, *changes])
    for kernel, twin in zip(*found, strict=True):
        assert torch.allclose(kernel, twin, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found[0][0], biases[0])


@pytest.mark.parametrize("sizes", [(2, 5, 3), (1,), (70, 2)])
def test_groups_are_drawn_as_the_plain_twin_draws_them(sizes):
    starts = torch.tensor([0, *np.cumsum(sizes)])
    inputs = 2 * torch.randn(41, sum(sizes), generator=source(1), device=AT)
    inputs[3:20, 1:2] = -torch.inf
    inputs[20:30, 0] = torch.inf if sizes == (1,) else 90.0
    drawn = torch.full((41, len(sizes)), -1.0, device=AT)
    gpu.draw_groups(inputs, starts.to(AT), max(sizes), stream(2, 9), 4, drawn)
    levels = philox.levels(stream(2, 9), 4, (41, len(sizes)))
    assert same(drawn, plain.draw_groups(inputs, starts, levels))
    assert levels.unique().numel() == levels.numel()
    assert 0 <= levels.min() <= levels.max() < 1


def test_draws_beyond_the_counters_are_refused():
    with pytest.raises(ValueError, match=r"a draw by 1000000 x 5000 counters is too large"):
        philox.quarter(4_000_000, 5_000)


_COMPILED = '''
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from harmonium.compute import gpu

floats = """weights gradient visible_mean visible_change hidden_mean hidden_change rates inputs
    bias visible_bias hidden_bias visible_means hidden_means seen felt""".split()
types = {name: "*fp32" for name in floats}
types |= {"stream": "*i64", "starts": "*i64", "states": "*bf16", "means": "*bf16"}
types |= {"factor": "fp32", "share": "fp32"}
ones = {"count": 1, "site": 1, "n_groups": 1}
flags = {"BIASED": True, "DRAWN": True, "MEANT": True}
sizes = {"ROWS": 8, "COLUMNS": 128, "SIZE": 16, "VISIBLE": 1024, "HIDDEN": 512}
kernels = ((gpu._draw, ones), (gpu._draw, {}), (gpu._draw_groups, ones), (gpu._ascend, {}),
           (gpu._ascend_biases, {}))
for kernel, known in kernels:
    fixed = {**flags, **sizes, **known}
    names = kernel.arg_names
    given = {k: "constexpr" if k in fixed else types.get(k, "i32") for k in names}
    source = ASTSource(kernel, given, {k: v for k, v in fixed.items() if k in names})
    print(len(compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]))
'''


def test_kernels_compile_for_a_gpu(tmp_path):
    """To machine code of an H100, numbers that Triton takes as constants included."""
    told = {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": ":".join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", _COMPILED], capture_output=True, text=True, env=told, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 5


def test_kernels_are_for_cuda_and_their_lack_is_said_once(monkeypatch):
    assert not on_device.has_kernels(torch.empty(1))
    cuda = type("Cuda", (), {"is_cuda": True, "device": torch.device("cuda")})()
    monkeypatch.setattr(on_device, "PLAIN_ONLY", False)
    on_device._has_triton.cache_clear()
    assert on_device.has_kernels(cuda)
    on_device._has_triton.cache_clear()
    monkeypatch.setattr(on_device, "find_spec", lambda name: None)
    with pytest.warns(RuntimeWarning, match=r"Triton is not installed: .*harmonium\[gpu\]"):
        assert not on_device.has_kernels(cuda)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not on_device.is_served(cuda)
    on_device._has_triton.cache_clear()


def test_units_are_drawn_by_the_kernel_where_there_is_one(monkeypatch):
    monkeypatch.setattr(on_device, "has_kernels", lambda tensor: True)
    logits, numbers = torch.zeros(40, 5, device=AT), source(3)
    wanted = torch.empty(40, 5, device=AT)
    gpu_plain.draw(logits, None, stream(3), 0, wanted)
    assert torch.equal(draws.bernoulli(logits, numbers), wanted)
    assert not torch.equal(draws.bernoulli(logits, numbers), wanted)  # the generator has moved on
    starts = torch.tensor([0, 2, 5])
    levels = philox.levels(stream(3), 0, (40, 2))
    assert torch.equal(
        groups.draw(logits, starts, source(3)), plain.draw_groups(logits, starts, levels)
    )
    # What no kernel takes is drawn by torch.
    assert draws.bernoulli(logits.double(), numbers).dtype == torch.float64
    assert draws.bernoulli(logits.T, numbers).shape == (5, 40)


def test_triton_is_there():
    """Nothing here is skipped: the tests' requirements hold it."""
    assert importlib.util.find_spec("triton") is not None
