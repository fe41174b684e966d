"""Tensors filled with random numbers in place: `x.normal_()`, `x.uniform_(-1, 1)`.

The gradient ends there: what was drawn depends on nothing.
"""

import numpy as np

from learnt.engine.autograd import Tensor, in_place, wrap
from learnt.engine.random import Generator, rng


def _normal(
    input: Tensor, mean: float = 0, std: float = 1, *, generator: Generator | None = None
) -> Tensor:
    """Normally distributed numbers."""
    drawn = rng(generator).standard_normal(input.array.shape, np.float32)
    return wrap((drawn * np.float32(std) + np.float32(mean)).astype(input.array.dtype))


def _uniform(
    input: Tensor, from_: float = 0, to: float = 1, *, generator: Generator | None = None
) -> Tensor:
    """Numbers evenly spread over [from, to)."""
    drawn = rng(generator).random(input.array.shape, np.float32)
    return wrap((drawn * np.float32(to - from_) + np.float32(from_)).astype(input.array.dtype))


def _random(
    input: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Whole numbers from `from_` (0, if one bound is given) to `to` − 1."""
    if to is None:
        from_, to = (0, from_) if from_ else (0, 2 if input.array.dtype == bool else 2**24)
    return wrap(rng(generator).integers(from_, to, input.array.shape).astype(input.array.dtype))


def _bernoulli(
    input: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None
) -> Tensor:
    """1 with probability p, else 0."""
    chance = p.array if isinstance(p, Tensor) else p
    drawn = rng(generator).random(input.array.shape) < chance
    return wrap(np.asarray(drawn, input.array.dtype))


normal_, uniform_ = in_place(_normal), in_place(_uniform)
random_, bernoulli_ = in_place(_random), in_place(_bernoulli)
