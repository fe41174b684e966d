"""Random numbers for the engine: one generator a process, seeded by `manual_seed`.

The numbers are NumPy's (PCG64), not PyTorch's: the same seed repeats a run of this engine, and
its state can be saved and set again, so that a resumed run goes on exactly where it was.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from learnt.engine.ops.op import Array
from learnt.engine.tensor import Tensor, unpack

_generator = np.random.Generator(np.random.PCG64())


def manual_seed(seed: int) -> None:
    """Start the random numbers anew: the same seed gives the same numbers."""
    _generator.bit_generator.state = np.random.PCG64(seed).state


def get_rng_state() -> dict[str, Any]:
    """Where the generator is, as plain numbers that JSON can hold."""
    return dict(_generator.bit_generator.state)


def set_rng_state(state: dict[str, Any]) -> None:
    """Go back to where `get_rng_state` was called."""
    _generator.bit_generator.state = state


def uniform(low: float, high: float, shape: tuple[int, ...]) -> Array:
    """float32 numbers, evenly spread over [low, high)."""
    return _generator.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def normal(mean: float, std: float, shape: tuple[int, ...]) -> Array:
    """float32 numbers around `mean`, with standard deviation `std`."""
    return _generator.standard_normal(shape, np.float32) * np.float32(std) + np.float32(mean)


def rand(*shape: int | Sequence[int], requires_grad: bool = False) -> Tensor:
    """float32 numbers, evenly spread over [0, 1)."""
    return Tensor(uniform(0, 1, tuple(unpack(shape))), requires_grad)


def randn(*shape: int | Sequence[int], requires_grad: bool = False) -> Tensor:
    """float32 numbers, normally distributed around 0 with standard deviation 1."""
    return Tensor(normal(0, 1, tuple(unpack(shape))), requires_grad)


def randperm(n: int) -> Tensor:
    """The numbers 0 … n − 1 in random order (int64)."""
    return Tensor(_generator.permutation(n))
