"""Generators: from a seed, for a device, their state kept and restored; uniform numbers."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch is loaded where its generators are used: chains of words want none
    import torch

    from harmonium.contract.energy import Generator

__all__ = [
    "generator_for",
    "generator_state",
    "random_generator",
    "restore_generator",
    "systematic_resampling",
    "uniform",
]


def random_generator(random_state: Any) -> np.random.Generator:
    """A numpy generator from an int, a Generator (used as it is), a RandomState or None.

    Ints seed SFC64, the fastest of numpy's bit generators (docs/design_notes.md).
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        # scikit-learn's own tools still pass the legacy class along.
        return np.random.Generator(np.random.SFC64(random_state.randint(0, 2**31, size=4)))
    if random_state is None:
        return np.random.Generator(np.random.SFC64())
    if isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool):
        if random_state < 0:
            raise ValueError(f"random_state must not be negative, got {random_state!r}")
        return np.random.Generator(np.random.SFC64(int(random_state)))
    raise TypeError(
        "random_state must be an int, a numpy.random.Generator, a RandomState or None, "
        f"got {random_state!r}"
    )


def generator_for(device: torch.device, source: np.random.Generator) -> Generator:
    """`source` itself on the CPU; on an accelerator a torch generator seeded from it."""
    if device.type == "cpu":
        return source
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(int(source.integers(0, 2**63)))
    return generator


def uniform(shape: tuple[int, ...], generator: Generator) -> NDArray[np.float64]:
    """Uniform numbers in (0, 1], whose log is finite."""
    if isinstance(generator, np.random.Generator):
        return 1.0 - generator.random(shape)
    import torch

    drawn = torch.rand(shape, dtype=torch.float64, device=generator.device, generator=generator)
    return 1.0 - drawn.cpu().numpy()


def _one_uniform(generator: Generator) -> float:
    """A uniform number in [0, 1)."""
    if isinstance(generator, np.random.Generator):
        return float(generator.random())
    import torch

    return float(torch.rand(1, device=generator.device, generator=generator).item())


def systematic_resampling(
    weights: NDArray[np.float64], n: int, generator: Generator
) -> NDArray[np.int64]:
    """n numbers of entries, each as often as its share of the `weights` says, to within one.

    One uniform number places n evenly spaced points (Kitagawa 1996). Weights are non-negative
    and finite, and not all zero; entries without weight are never met. The numbers rise.
    """
    share = weights / weights.max()  # sums of these neither overflow nor vanish
    edges = np.cumsum(share) * (n / share.sum())
    points = np.arange(n) + _one_uniform(generator)
    last = int(np.flatnonzero(share)[-1])
    return np.minimum(np.searchsorted(edges, points, side="right"), last)


def _as_json(value: Any) -> Any:
    """numpy scalars and arrays as JSON knows them; arrays remember that they were arrays."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, np.ndarray):
        return {"__array__": value.tolist(), "dtype": value.dtype.str}
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if "__array__" in value:
            return np.array(value["__array__"], dtype=value["dtype"])
        return {key: _from_json(item) for key, item in value.items()}
    return value


def generator_state(generator: Generator) -> Any:
    """A generator's position as JSON-able facts."""
    if isinstance(generator, np.random.Generator):
        return _as_json(generator.bit_generator.state)
    return generator.get_state().tolist()


def restore_generator(generator: Generator, state: Any) -> None:
    """The inverse of :func:`generator_state`."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = _from_json(state)
    else:
        import torch

        generator.set_state(torch.tensor(state, dtype=torch.uint8))
